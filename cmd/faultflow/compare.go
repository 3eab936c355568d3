package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"faultflow/internal/compare"
	"faultflow/internal/render"
	"faultflow/internal/render/format"
	"faultflow/internal/render/text"
	"github.com/spf13/cobra"
)

// compareOptions are the flags of faultflow compare.
type compareOptions struct {
	// runs are the flags of each --run.
	runs   []string
	failOn string
	// allowMissing lets the gate pass over what one of the inputs lacks.
	allowMissing bool
	// measures asks for the list of measures instead of a comparison.
	measures bool

	format, output string
	looks          looks
}

func newCompareCommand(s *streams) *cobra.Command {
	o := &compareOptions{format: "text", failOn: compare.Nothing}
	cmd := &cobra.Command{
		Use:   "compare A B [C…]",
		Short: "Compare runs or campaigns: settings first, then what came of them",
		Long: `Compare reports (--report FILE), results of faultflow test (--format json),
scenario files (*.yaml), runs with the flags of --run, and campaigns (faultflow
campaign --report FILE). What comes after the first one is compared with it. -
is standard input; folders are compared report by report, by the names of their
scenarios or else of their *.json files.

Scenarios and runs are made on the virtual clock, with the same seed: the one of
the first input that has one, or else one that is drawn. One that is given
another seed keeps it.

What differs between campaigns may be chance, so it is tested: shares of the
runs with Fisher's exact test (χ² beyond 100,000 runs), distributions with the U
test of Mann and Whitney. The p-values are corrected for the number of tests
(Holm). A difference that is not significant (p ≥ 0.05) is marked ~: it is
neither better nor worse, and no gate minds it. Campaigns are taken for
independent samples, also those of the same seeds; with these the tests are too
careful, and may miss a difference that is there.

--fail-on exits with 1 when a measure got worse: regression is any of them;
otherwise name measures, * for any text, with >10% or >5 where so much is still
good enough. --measures lists them, and which way each is better. A gate passes
only what it has seen: where something is on one side alone (a report, a
scenario, a measure that is named), where a run was interrupted or a fault that
was given by hand never fired, and where campaigns are so small that no
difference could be significant, it is inconclusive and says what is missing, or
how many runs would be enough. --allow-missing lets pass what is on one side
alone.

Exit codes: 0 compared, 1 a measure of --fail-on is worse, 2 no report or a flag
is wrong, or nothing can be compared, 3 could not read or write, 4 inconclusive:
--fail-on could not judge all that it was asked for.`,
		Example: `  faultflow compare testdata/reports/outage-bare.json testdata/reports/outage.json
  faultflow compare testdata/reports/outage-bare.json testdata/reports/outage.json --fail-on 'verdict,attempts.*>10%'
  faultflow compare --run '--simulate-failures --cycles 20 --attempts 3' --run '--simulate-failures --cycles 20 --attempts 5'
  faultflow compare testdata/scenarios/network-blip-retried.yaml testdata/scenarios/network-breaker-opens.yaml --format markdown
  faultflow compare testdata/campaigns/network-one-attempt.json testdata/campaigns/network.json
  faultflow compare --measures`,
		ValidArgsFunction: reports,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runCompare(cmd.Context(), o, args, s)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringArrayVar(&o.runs, "run", nil,
		"compare a run with these `FLAGS` of faultflow, quoted as one word (repeatable)")
	flags.StringVar(&o.failOn, "fail-on", o.failOn,
		"exit with 1 when `MEASURES` are worse: regression, never, or names such as verdict,ledger.*,attempts.*>10%")
	addBool(flags, &o.allowMissing, "allow-missing", "let --fail-on pass over what is on one side alone")
	addChoice(flags, &o.format, "format", "FORMAT", format.Comparison(nil).Formats(),
		strings.Join(format.Comparison(nil).Formats(), ", "))
	flags.StringVar(&o.output, "output", "", "write to `FILE` instead of standard output")
	o.looks.addFlags(flags, "draw the runs in a text report")
	addBool(flags, &o.measures, "measures", "list what is compared, and which way it is better")
	complete(cmd, "fail-on", cobra.FixedCompletions(gateWords(), goesOn))
	return cmd
}

// gateWords are the first words of a --fail-on.
func gateWords() []string {
	words := []string{compare.AnyRegression, compare.Nothing}
	for _, m := range compare.Measures() {
		name, _, isFamily := strings.Cut(m.Name, "<")
		if isFamily {
			name += "*"
		}
		words = append(words, name)
	}
	return words
}

func runCompare(ctx context.Context, o *compareOptions, args []string, s *streams) error {
	style := o.looks.style(s, o.output)
	if o.measures {
		return listMeasures(o, args, s.out, style)
	}
	gate, err := compare.ParseGate(o.failOn)
	if err != nil {
		return fmt.Errorf("--fail-on %w", err)
	}
	if o.allowMissing && o.failOn == compare.Nothing {
		return usageError("--allow-missing: it needs --fail-on")
	}
	if len(args)+len(o.runs) < 2 {
		return usageError("name two things to compare or more: " +
			"reports, folders of reports, scenarios, - for standard input, or --run 'FLAGS'")
	}
	file, err := openReport("output", o.output, args...)
	if err != nil {
		return err
	}
	defer file.discard()
	inputs, err := compareInputs(ctx, o, args, file, s)
	if err != nil {
		return err
	}
	result := compare.Compare(inputs)
	regressions, gaps, err := gate.Check(result)
	if nothing, ok := errors.AsType[*compare.NothingError](err); ok {
		return usageError("--fail-on %s: %v: %s", o.failOn, err, listed(gapsOf(result, nothing.Gaps)))
	}
	if err != nil {
		return fmt.Errorf("--fail-on %w", err)
	}
	if o.allowMissing {
		gaps = slices.DeleteFunc(gaps, func(g compare.Gap) bool { return g.Missing })
	}
	err = file.writeOr(s.outAs(o.format), func(w io.Writer) error {
		return format.Comparison(result).Write(w, o.format, style)
	})
	if err != nil {
		return err
	}
	return gateError(result, regressions, gaps)
}

func listMeasures(o *compareOptions, args []string, out io.Writer, style text.Style) error {
	if len(args)+len(o.runs) > 0 {
		return usageError("--measures lists what is compared; it takes no input beside it")
	}
	if o.format != format.Comparison(nil).Formats()[0] {
		return usageError("--measures: the list is text; leave --format out")
	}
	file, err := openReport("output", o.output)
	if err != nil {
		return err
	}
	defer file.discard()
	return file.writeOr(out, func(w io.Writer) error { return text.WriteMeasures(w, style) })
}

// gateError is the exit code of a gate: the regressions come before what could not be judged.
func gateError(r *compare.Result, list []compare.Regression, gaps []compare.Gap) error {
	switch {
	case len(list) > 0:
		var names []string
		for _, f := range list {
			names = append(names, placed(r, f.Comparison, f.Input, render.ChangeOf(f.Row, f.Input)))
		}
		return &exitError{code: exitVerdict, message: "worse: " + listed(names)}
	case len(gaps) > 0:
		message := "inconclusive: " + listed(gapsOf(r, gaps))
		if slices.ContainsFunc(gaps, func(g compare.Gap) bool { return g.Missing }) {
			message += "; --allow-missing lets pass what is on one side alone"
		}
		return &exitError{code: exitInconclusive, message: message}
	}
	return nil
}

func gapsOf(r *compare.Result, gaps []compare.Gap) []string {
	said := make([]string, len(gaps))
	for i, g := range gaps {
		said[i] = placed(r, g.Comparison, g.Input, render.GapOf(g))
	}
	return slices.Compact(said)
}

// placed puts before what is said of an input which one it is, if there are several, and the name of its document.
func placed(r *compare.Result, comparison string, input int, said string) string {
	if len(r.Inputs) > 2 {
		said = r.Inputs[input].Label + ": " + said
	}
	if comparison != "" {
		said = comparison + ": " + said
	}
	return said
}

// listed joins the first names of a list, and says how many more there are.
func listed(names []string) string {
	const most = 10
	text := strings.Join(names[:min(most, len(names))], ", ")
	if left := len(names) - most; left > 0 {
		text += fmt.Sprintf(", and %d more", left)
	}
	return text
}
