package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"faultflow/internal/render/format"
	"faultflow/internal/render/text"
	"faultflow/internal/report"
	"faultflow/internal/scenario"
	"faultflow/internal/settings"
	"faultflow/internal/suggest"
)

// testOptions are the flags of faultflow test.
type testOptions struct {
	// run is a regular expression that the names of scenarios match.
	run      string
	seeds    int
	failFast bool
	list     bool
	verbose  bool
	// formats are FORMAT or FORMAT=FILE; output is the file of the format without one.
	formats []string
	output  string
	color   string
}

// maxSeeds bounds --seeds.
const maxSeeds = 1_000_000

func newTestCommand(s *streams) *cobra.Command {
	o := &testOptions{}
	cmd := &cobra.Command{
		Use:   "test PATH…",
		Short: "Run failure scenarios and check their expectations",
		Long: `Run the scenarios in files and folders (a folder with all below it: ./...), in
parallel, and check their expectations. All files are checked before any runs.
In folders, YAML files count as scenarios if they have expect: beside name: or
faults:, or faultflow: v1; vendor, node_modules and what begins with a dot is
left out. A file that is named must be a scenario.
Under GitHub Actions annotations and the step summary are written by themselves.

Exit codes: 0 all held, 1 some did not, 4 some were inconclusive, 2 a file or a
flag is wrong, 3 could not read or write.`,
		Example: `  faultflow test testdata/scenarios
  faultflow test ./... --run breaker --seeds 5
  faultflow test testdata/scenarios --format junit=tests.xml --format text
  faultflow test testdata/scenarios --list`,
		ValidArgsFunction: scenarios,
		RunE:              func(cmd *cobra.Command, args []string) error { return runTests(cmd.Context(), o, args, s) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.run, "run", "", "only scenarios whose name matches `REGEXP`")
	flags.Var(intFrom(1, maxSeeds, &o.seeds, "N"), "seeds",
		"run each scenario over N seeds, from its first one on, in place of those of its file")
	flags.Lookup("seeds").DefValue = "" // those of the file
	addBool(flags, &o.failFast, "fail-fast", "stop after the first failure")
	addBool(flags, &o.list, "list", "list the scenarios instead of running them")
	addLeftOut(flags, &o.verbose)
	flags.StringArrayVar(&o.formats, "format", nil,
		"`FORMAT` or FORMAT=FILE: "+strings.Join(format.Tests(nil).Formats(), ", ")+" (repeatable)")
	flags.StringVar(&o.output, "output", "", "write the format to `FILE` instead of standard output")
	addColor(flags, &o.color)
	completeWords(cmd, "format", format.Tests(nil).Formats())
	return cmd
}

// testOutput is one format and its file, or standard output.
type testOutput struct {
	format string
	file   *reportFile
}

// forPeople reports whether it is text on standard output, which comes result by result; mistakes in files are told on
// standard error.
func (t testOutput) forPeople() bool { return t.format == format.Text && t.onStdout() }

// onStdout reports whether the format goes to standard output.
func (t testOutput) onStdout() bool { return t.file.pending == nil }

func runTests(ctx context.Context, o *testOptions, paths []string, s *streams) error {
	outputs, err := o.outputs()
	defer func() {
		for _, out := range outputs {
			out.file.discard()
		}
	}()
	if err != nil {
		return err
	}
	pattern, err := regexp.Compile(o.run)
	if err != nil {
		return usageError("--run %q: %v", o.run, err)
	}
	files, err := loadScenarios(paths, o.verbose, s)
	if err != nil {
		return err
	}
	for _, out := range outputs {
		if err := out.file.notOneOf(files.paths()...); err != nil {
			return err
		}
	}
	if wrong := files.wrong(); wrong != nil {
		if !o.list {
			results := &report.Tests{Schema: report.TestSchema, Results: files.results}
			if err := writeTests(results, outputs, s); err != nil {
				return err
			}
		}
		return wrong
	}
	other := func(sc *scenario.Scenario) bool { return !pattern.MatchString(sc.Name) }
	list := slices.DeleteFunc(files.scenarios, other)
	if len(list) == 0 {
		return usageError("no scenario's name matches --run %q", o.run)
	}
	for _, sc := range list {
		if last := settings.MaxSeed - uint64(max(o.seeds, 1)) + 1; sc.Seeds[0] > last {
			return usageError("--seeds %d: %s begins with seed %d, and the largest is %d; "+
				"want a first seed of %d at most", o.seeds, sc.Name, sc.Seeds[0], uint64(settings.MaxSeed), last)
		}
	}
	if o.list {
		return listScenarios(list, s)
	}
	return testScenarios(ctx, o, list, outputs, s)
}

// testScenarios runs the scenarios and writes their results. As text on standard output each result appears as soon as
// it is known.
func testScenarios(
	ctx context.Context, o *testOptions, list []*scenario.Scenario, outputs []testOutput, s *streams,
) error {
	var live *text.Tests
	var done func(report.TestResult)
	if slices.ContainsFunc(outputs, testOutput.forPeople) {
		live = text.NewTests(s.outAs(format.Text), s.style(o.color))
		done = live.Result
	}
	options := scenario.Options{Seeds: o.seeds, FailFast: o.failFast, Getenv: s.getenv, Version: version()}
	began := time.Now()
	tests := &report.Tests{Schema: report.TestSchema, Results: scenario.Run(ctx, list, options, done)}
	tests.RealMS = float64(time.Since(began).Microseconds()) / 1000
	if live != nil {
		live.End(tests)
		if err := live.Err(); err != nil {
			return fmt.Errorf("%w to standard output: %w", errWrite, err)
		}
	}
	if err := writeTests(tests, outputs, s); err != nil {
		return err
	}
	return testsError(ctx, tests)
}

// writeTests writes the results in each format, but for the text on standard output, and what GitHub Actions shows by
// itself.
func writeTests(tests *report.Tests, outputs []testOutput, s *streams) error {
	for _, out := range outputs {
		told := tests
		if out.format == format.GitHub {
			told = inWorkspace(tests, s)
		}
		render := func(w io.Writer) error {
			return format.Tests(told).Write(w, out.format, text.Style{Width: s.textWidth})
		}
		if out.forPeople() {
			continue
		}
		if err := out.file.writeOr(s.out, render); err != nil {
			return err
		}
	}
	return writeActions(tests, outputs, s)
}

// testsError is the exit code of finished tests.
func testsError(ctx context.Context, t *report.Tests) error {
	switch {
	case ctx.Err() != nil:
		return &exitError{code: exitInterrupted}
	case t.Count(report.TestFailed) > 0:
		return &exitError{code: exitVerdict}
	case t.Count(report.TestInconclusive) > 0:
		return &exitError{code: exitInconclusive}
	}
	return nil
}

// outputs reads --format and --output, and opens the files before any work is done. The caller discards the files, also
// those that come with an error.
func (o *testOptions) outputs() ([]testOutput, error) {
	formats := o.formats
	if len(formats) == 0 {
		formats = []string{"text"}
	}
	var list []testOutput
	toStdout := 0
	known := format.Tests(nil).Formats()
	for _, f := range formats {
		name, path, hasFile := strings.Cut(f, "=")
		if !slices.Contains(known, name) || hasFile && path == "" {
			return list, usageError("--format %q: want FORMAT or FORMAT=FILE with one of %s%s",
				f, strings.Join(known, ", "), suggest.Nearest(name, known))
		}
		flag := "format"
		if !hasFile {
			flag, path = "output", o.output
			toStdout++
		}
		if hasFile && slices.ContainsFunc(list, func(out testOutput) bool { return out.file.path == path }) {
			return list, usageError("--format %q: another format goes to %s already", f, path)
		}
		file, err := openReport(flag, path)
		if err != nil {
			return list, err
		}
		list = append(list, testOutput{name, file})
	}
	if toStdout > 1 {
		return list, usageError("--format: only one format can go to %s; "+
			"give the others a file, such as junit=tests.xml",
			cmp.Or(o.output, "standard output"))
	}
	if o.output != "" && toStdout == 0 {
		return list, usageError("--output %q: every --format has a file already", o.output)
	}
	return list, nil
}

func listScenarios(list []*scenario.Scenario, s *streams) error {
	for _, sc := range list {
		if err := s.print(fmt.Sprintf("%s\t%s\n", report.Clean(sc.Name), report.Clean(sc.File))); err != nil {
			return err
		}
	}
	return nil
}
