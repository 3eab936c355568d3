package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"faultflow/internal/compare"
	"faultflow/internal/render"
	"faultflow/internal/report"
)

// compareOptions are the flags of faultflow compare.
type compareOptions struct {
	runs                          []string
	format, output, color, failOn string
	timeline                      string
	measures                      bool
}

func newCompareCommand(s *streams) *cobra.Command {
	o := &compareOptions{format: "text", color: colorAuto, timeline: timelineOn, failOn: compare.Nothing}
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
good enough. --measures lists them, and which way each is better.

Exit codes: 0 compared, 1 a measure of --fail-on is worse, 2 no report or a flag
is wrong, 3 could not read or write.`,
		Example: `  faultflow compare testdata/reports/outage-bare.json testdata/reports/outage.json
  faultflow compare testdata/reports/outage-bare.json testdata/reports/outage.json --fail-on 'verdict,attempts.*>10%'
  faultflow compare --run '--simulate-failures --cycles 20 --retries 3' --run '--simulate-failures --cycles 20 --retries 5'
  faultflow compare testdata/scenarios/network-blip-retried.yaml testdata/scenarios/network-breaker-opens.yaml --format markdown
  faultflow compare testdata/campaigns/network-one-attempt.json testdata/campaigns/network.json
  faultflow compare --measures`,
		ValidArgsFunction: cobra.FixedCompletions([]string{"json", "yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt),
		RunE:              func(cmd *cobra.Command, args []string) error { return runCompare(cmd.Context(), o, args, s) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringArrayVar(&o.runs, "run", nil, "compare a run with these `FLAGS` of faultflow, quoted as one word (repeatable)")
	flags.StringVar(&o.failOn, "fail-on", o.failOn, "exit with 1 when `MEASURES` are worse: regression, never, or names such as verdict,ledger.*,attempts.*>10%")
	flags.Var(choiceValue(&o.format, "FORMAT", render.CompareFormats()), "format", strings.Join(render.CompareFormats(), ", "))
	flags.StringVar(&o.output, "output", "", "write to `FILE` instead of standard output")
	flags.Var(choiceValue(&o.color, "WHEN", []string{colorAuto, colorAlways, colorNever}), "color", "auto, always, never")
	flags.Var(choiceValue(&o.timeline, "WHEN", timelineChoices()), "timeline", "draw the runs in a text report: "+strings.Join(timelineChoices(), ", "))
	addBool(flags, &o.measures, "measures", "list what is compared, and which way it is better")
	must(cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(render.CompareFormats(), cobra.ShellCompDirectiveNoFileComp)))
	must(cmd.RegisterFlagCompletionFunc("color", cobra.FixedCompletions([]string{colorAuto, colorAlways, colorNever}, cobra.ShellCompDirectiveNoFileComp)))
	must(cmd.RegisterFlagCompletionFunc("timeline", cobra.FixedCompletions(timelineChoices(), cobra.ShellCompDirectiveNoFileComp)))
	must(cmd.RegisterFlagCompletionFunc("fail-on", cobra.FixedCompletions(gateWords(), cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace)))
	return cmd
}

// gateWords are what --fail-on can begin with.
func gateWords() []string {
	words := []string{compare.AnyRegression, compare.Nothing}
	for _, m := range compare.Measures() {
		family, _, many := strings.Cut(m.Name, "<")
		if many {
			family += "*"
		}
		words = append(words, family)
	}
	return words
}

func runCompare(ctx context.Context, o *compareOptions, args []string, s *streams) error {
	style := s.style(o.color)
	style.NoTimeline = o.timeline == timelineOff
	if o.output != "" {
		style.Color = o.color == colorAlways
	}
	if o.measures {
		return listMeasures(o, args, s.out, style)
	}
	gate, err := compare.ParseGate(o.failOn)
	if err != nil {
		return fmt.Errorf("--fail-on %w", err)
	}
	if len(args)+len(o.runs) < 2 {
		return usageError("name two things to compare or more: reports, folders of reports, scenarios, - for standard input, or --run 'FLAGS'")
	}
	file, err := openReport("output", o.output)
	if err != nil {
		return err
	}
	defer file.discard()
	inputs, err := compareInputs(ctx, o, args, s)
	if err != nil {
		return err
	}
	result := compare.Compare(inputs)
	regressions, err := gate.Check(result)
	if err != nil {
		return fmt.Errorf("--fail-on %w", err)
	}
	if err := file.writeOr(s.out, func(w io.Writer) error { return render.WriteCompare(w, result, o.format, style) }); err != nil {
		return err
	}
	return regressionError(result, regressions)
}

func listMeasures(o *compareOptions, args []string, out io.Writer, style render.Style) error {
	if len(args)+len(o.runs) > 0 {
		return usageError("--measures lists what is compared; it takes no input beside it")
	}
	if o.format != render.CompareFormats()[0] {
		return usageError("--measures: the list is text; leave --format out")
	}
	file, err := openReport("output", o.output)
	if err != nil {
		return err
	}
	defer file.discard()
	return file.writeOr(out, func(w io.Writer) error { return render.WriteMeasures(w, style) })
}

// regressionError names what a gate does not let pass.
func regressionError(r *compare.Result, list []compare.Regression) error {
	if len(list) == 0 {
		return nil
	}
	const most = 10
	var names []string
	for _, f := range list[:min(most, len(list))] {
		said := render.ChangeOf(f.Row, f.Input)
		if len(r.Inputs) > 2 {
			said = r.Inputs[f.Input].Label + ": " + said
		}
		if f.Comparison != "" {
			said = f.Comparison + ": " + said
		}
		names = append(names, said)
	}
	if left := len(list) - most; left > 0 {
		names = append(names, fmt.Sprintf("and %d more", left))
	}
	return &exitError{code: exitVerdict, message: "worse: " + strings.Join(names, ", ")}
}

// compareInputs reads or makes what is compared: files and folders first, then runs.
func compareInputs(ctx context.Context, o *compareOptions, args []string, s *streams) ([]compare.Input, error) {
	var inputs []compare.Input
	var runs []*comparedRun
	folders, stdin := 0, 0
	for i, path := range args {
		in := compare.Input{Source: compare.Source{Label: fileLabel(args, i), Source: path}}
		info, err := os.Stat(path)
		switch {
		case path == "-":
			if stdin++; stdin > 1 {
				return nil, usageError("- can be named once: standard input holds one document")
			}
			in.Label = "stdin"
			in.Documents, err = readCompared(path, s)
		case err != nil:
			return nil, fmt.Errorf("compare: %w", err)
		case info.IsDir():
			folders++
			in.Documents, err = readFolder(path, s)
		case isScenarioFile(path):
			var run *comparedRun
			run, err = newComparedRun([]string{"--scenario", path}, s)
			if err == nil {
				run.input = len(inputs)
				runs = append(runs, run)
			}
		default:
			in.Documents, err = readCompared(path, s)
		}
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, in)
	}
	if folders > 0 && folders < len(args)+len(o.runs) {
		return nil, usageError("folders are compared with folders; name a report of each, or folders only")
	}
	for _, text := range o.runs {
		run, err := parseRun(text, s)
		if err != nil {
			return nil, inRun(text, err)
		}
		run.input = len(inputs)
		runs = append(runs, run)
		inputs = append(inputs, compare.Input{Source: compare.Source{Source: text}})
	}
	return inputs, makeRuns(ctx, inputs, runs)
}

// fileLabel is a file's name without its extension, or all of the path where another one has the same name.
func fileLabel(paths []string, i int) string {
	short := func(path string) string {
		base := filepath.Base(path)
		return strings.TrimSuffix(base, filepath.Ext(base))
	}
	for n, other := range paths {
		if n != i && short(other) == short(paths[i]) {
			return paths[i]
		}
	}
	return short(paths[i])
}

func readCompared(path string, s *streams) (map[string]compare.Document, error) {
	doc, err := readIntact(path, s)
	return map[string]compare.Document{"": {Document: doc}}, err
}

// readIntact refuses what was changed after it was written: who compares it would be told something else than happened.
func readIntact(path string, s *streams) (report.Document, error) {
	doc, err := readDocument(path, s)
	path = documentName(path)
	if errors.Is(err, report.ErrHash) {
		return doc, usageError("the hash of %s does not match its contents: it was changed after it was written, or damaged; write it again with --report FILE", path)
	}
	if err != nil {
		return doc, documentError(path, err)
	}
	if doc.Report == nil && doc.Tests == nil && doc.Campaign == nil {
		return doc, usageError("%s can't be compared: it holds neither a report, nor test results, nor a campaign; faultflow show shows it", path)
	}
	return doc, nil
}

// readFolder reads the reports of a folder. Each goes by the name of its scenario; one that has none, or has it in common
// with another, by its file's name without .json.
func readFolder(dir string, s *streams) (map[string]compare.Document, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	byFile, reportsOf := map[string]compare.Document{}, map[string]int{}
	for _, e := range entries {
		name, isReport := strings.CutSuffix(e.Name(), ".json")
		if !isReport || e.IsDir() {
			continue
		}
		doc, err := readIntact(filepath.Join(dir, e.Name()), s)
		if err != nil {
			return nil, err
		}
		byFile[name] = compare.Document{Document: doc}
		reportsOf[name]++
		if scenario := byFile[name].Scenario(); scenario != "" {
			reportsOf[scenario]++
		}
	}
	if len(byFile) == 0 {
		return nil, usageError("%s holds no reports (*.json)", dir)
	}
	documents := map[string]compare.Document{}
	for name, doc := range byFile {
		if scenario := doc.Scenario(); scenario != "" && (scenario == name || reportsOf[scenario] == 1) {
			name = scenario
		}
		documents[name] = doc
	}
	return documents, nil
}
