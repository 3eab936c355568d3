package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"faultflow/internal/render"
	"faultflow/internal/report"
	"faultflow/internal/scenario"
)

// campaignOutput are the flags that say what must hold of a campaign and how it is shown.
type campaignOutput struct {
	conditions            []string
	report, format, color string
}

func (o *campaignOutput) addFlags(flags *pflag.FlagSet) {
	o.format, o.color = "text", colorAuto
	flags.StringArrayVar(&o.conditions, "check", nil, "what must hold of the campaign, as `EXPR` such as 'verdict.failed.share < 0.01' (repeatable)")
	flags.StringVar(&o.report, "report", "", "write the JSON report to `FILE`")
	flags.Var(choiceValue(&o.format, "FORMAT", render.CampaignFormats()), "format", "of the report on standard output: "+strings.Join(render.CampaignFormats(), ", "))
	flags.Var(choiceValue(&o.color, "WHEN", []string{colorAuto, colorAlways, colorNever}), "color", "auto, always, never")
}

func (o *campaignOutput) complete(cmd *cobra.Command) {
	must(cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(render.CampaignFormats(), cobra.ShellCompDirectiveNoFileComp)))
	must(cmd.RegisterFlagCompletionFunc("color", cobra.FixedCompletions([]string{colorAuto, colorAlways, colorNever}, cobra.ShellCompDirectiveNoFileComp)))
}

// campaignView is where a campaign is shown: its checks are compiled and its file is open before any work is done.
type campaignView struct {
	*campaignOutput
	checks []*scenario.Expectation
	file   *reportFile
	s      *streams
}

func (o *campaignOutput) view(s *streams) (*campaignView, error) {
	v := &campaignView{campaignOutput: o, s: s}
	for _, source := range o.conditions {
		check, err := scenario.CompileCampaign(source)
		if err != nil {
			return nil, usageError("--check %q: %v", source, err)
		}
		v.checks = append(v.checks, check)
	}
	var err error
	v.file, err = openReport("report", o.report)
	return v, err
}

// write writes a report in the format that was asked for, and its JSON into the file. Then it returns answer.
func (v *campaignView) write(show func(w io.Writer, format string, style render.Style) error, answer error) error {
	if err := show(v.s.out, v.format, v.s.style(v.color)); err != nil {
		return fmt.Errorf("%w to standard output: %w", errWrite, err)
	}
	if err := v.file.write(func(w io.Writer) error { return show(w, "json", render.Style{}) }); err != nil {
		return err
	}
	return answer
}

// show writes a campaign and answers what it came to.
func (v *campaignView) show(c *report.Campaign) error {
	checks, err := check(c, v.checks)
	if err != nil {
		return err
	}
	return v.write(func(w io.Writer, format string, style render.Style) error {
		return render.WriteCampaign(w, c, checks, format, style)
	}, campaignError(c, checks))
}

// check holds a campaign against conditions.
func check(c *report.Campaign, conditions []*scenario.Expectation) ([]report.Check, error) {
	if len(conditions) == 0 {
		return nil, nil
	}
	env, err := scenario.CampaignEnvironment(c)
	if err != nil {
		return nil, err
	}
	var checks []report.Check
	for _, e := range conditions {
		held, err := e.Check(env)
		if err != nil {
			return nil, usageError("--check %q: %v", e.Source, err)
		}
		checks = append(checks, report.Check{Condition: e.Source, Held: held, Values: e.Values(env)})
	}
	return checks, nil
}
