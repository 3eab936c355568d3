package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"faultflow/internal/campaign"
	"faultflow/internal/catalog"
	"faultflow/internal/expect"
	"faultflow/internal/render/format"
	"faultflow/internal/render/text"
	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// campaignOutput are the flags that say what must hold of a campaign and how it is shown.
type campaignOutput struct {
	conditions            []string
	failOn                string
	flags                 *pflag.FlagSet
	report, format, color string
}

func (o *campaignOutput) addFlags(flags *pflag.FlagSet) {
	o.flags = flags
	flags.StringArrayVar(&o.conditions, "check", nil,
		"what must hold of the campaign, as `EXPR` such as 'verdict.failed.share < 0.01' (repeatable)")
	addFailOn(flags, &o.failOn,
		"exit with 1 if a run ends so or worse; without it --check and a scenario's expectations decide, "+
			"if there are any")
	flags.StringVar(&o.report, "report", "", "write the JSON report to `FILE`")
	o.format = "text"
	addChoice(flags, &o.format, "format", "FORMAT", campaignFormats(),
		"of the report on standard output: "+strings.Join(campaignFormats(), ", "))
	addColor(flags, &o.color)
}

// failOnGiven tells whether --fail-on was given, and not its default.
func (o *campaignOutput) failOnGiven() bool { return o.flags.Lookup("fail-on").Changed }

// campaignView judges and shows a campaign. Its checks are compiled and its file is open before any work is done.
type campaignView struct {
	*campaignOutput
	gate campaign.Gate
	file *reportFile
	s    *streams
}

// view makes ready what shows a campaign; its report must be none of the files that are read.
func (o *campaignOutput) view(s *streams, read ...string) (*campaignView, error) {
	v := &campaignView{campaignOutput: o, s: s, gate: campaign.Gate{FailOnAnyway: o.failOnGiven()}}
	if o.failOn != failNever {
		v.gate.FailOn = catalog.Verdict(o.failOn)
	}
	for _, source := range o.conditions {
		check, err := expect.CompileCampaign(source)
		if err != nil {
			return nil, usageError("--check %q: %v", source, err)
		}
		v.gate.Checks = append(v.gate.Checks, check)
	}
	var err error
	v.file, err = openReport("report", o.report, read...)
	return v, err
}

// fit returns an error for a check that spells out a name that no run with these settings has.
func (v *campaignView) fit(s *settings.Settings) error {
	for _, c := range v.gate.Checks {
		if err := c.Fits(s); err != nil {
			return usageError("--check %q: %v", c.Source, err)
		}
	}
	return nil
}

// write writes a document in the format of the flags, and its JSON into the file. Then it returns answer.
func (v *campaignView) write(doc format.Document, answer error) error {
	if err := doc.Write(v.s.outAs(v.format), v.format, v.s.style(v.color)); err != nil {
		return fmt.Errorf("%w to standard output: %w", errWrite, err)
	}
	err := v.file.write(func(w io.Writer) error { return doc.Write(w, format.JSON, text.Style{}) })
	if err != nil {
		return err
	}
	return answer
}

// campaignFormats are those of campaigns, and of what is made of several.
func campaignFormats() []string { return format.Campaign(nil, nil).Formats() }

// show writes a campaign and returns the error that is its exit code.
func (v *campaignView) show(c *report.Campaign) error {
	ruling, err := v.gate.Judge(c)
	if err != nil {
		return err
	}
	return v.write(format.Campaign(c, ruling.Checks), campaignError(c, ruling))
}
