package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"faultflow/internal/render"
	"faultflow/internal/report"
	"faultflow/internal/scenario"
)

// testOptions are the flags of faultflow test.
type testOptions struct {
	run, color string
	seeds      int
	failFast   bool
	list       bool
	// formats are FORMAT or FORMAT=FILE; output is the file of the format without one.
	formats []string
	output  string
}

func newTestCommand(s *streams) *cobra.Command {
	o := &testOptions{color: colorAuto}
	cmd := &cobra.Command{
		Use:   "test PATH…",
		Short: "Run failure scenarios and check their expectations",
		Long: `Run the scenarios in files and folders (a folder with all below it: ./...), in
parallel, and check their expectations. All files are checked before any runs.
Under GitHub Actions annotations and the step summary are written by themselves.

Exit codes: 0 all held, 1 some did not, 4 some were inconclusive, 2 a file or a
flag is wrong, 3 could not read or write.`,
		Example: `  faultflow test testdata/scenarios
  faultflow test ./... --run breaker --seeds 5
  faultflow test testdata/scenarios --format junit=tests.xml --format text
  faultflow test testdata/scenarios --list`,
		RunE: func(cmd *cobra.Command, args []string) error { return runTests(cmd.Context(), o, args, s) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.run, "run", "", "only scenarios whose name matches `REGEXP`")
	flags.Var(intValue(&o.seeds, "N"), "seeds", "run each scenario over N seeds, from its first one on (0: those of its file)")
	addBool(flags, &o.failFast, "fail-fast", "stop after the first failure")
	addBool(flags, &o.list, "list", "list the scenarios instead of running them")
	flags.StringArrayVar(&o.formats, "format", nil, "`FORMAT` or FORMAT=FILE: "+strings.Join(render.TestFormats(), ", ")+" (repeatable)")
	flags.StringVar(&o.output, "output", "", "write the format to `FILE` instead of standard output")
	flags.Var(choiceValue(&o.color, "WHEN", []string{colorAuto, colorAlways, colorNever}), "color", "auto, always, never")
	must(cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(render.TestFormats(), cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

// testOutput is one format and where it goes: standard output, or a file that is whole or not there.
type testOutput struct {
	format string
	file   *reportFile
}

func runTests(ctx context.Context, o *testOptions, paths []string, s *streams) error {
	outputs, err := o.outputs()
	if err != nil {
		return err
	}
	defer func() {
		for _, out := range outputs {
			out.file.discard()
		}
	}()
	pattern, err := regexp.Compile(o.run)
	if err != nil {
		return usageError("--run %q: %v", o.run, err)
	}
	if o.seeds < 0 || o.seeds > 1_000_000 {
		return usageError("--seeds \"%d\": want a whole number from 0 to 1000000", o.seeds)
	}
	list, err := loadScenarios(paths, s)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(sc *scenario.Scenario) bool { return !pattern.MatchString(sc.Name) })
	if len(list) == 0 {
		return usageError("no scenario's name matches --run %q", o.run)
	}
	if o.list {
		return listScenarios(list, s)
	}
	return testScenarios(ctx, o, list, outputs, s)
}

func testScenarios(ctx context.Context, o *testOptions, list []*scenario.Scenario, outputs []testOutput, s *streams) error {
	var live *render.TestText
	var done func(report.TestResult)
	if slices.ContainsFunc(outputs, func(out testOutput) bool { return out.format == "text" && out.file.pending == nil }) {
		live = render.NewTestText(s.out, s.style(o.color))
		done = live.Result
	}
	began := time.Now()
	tests := &report.Tests{Schema: report.TestSchema}
	tests.Results = scenario.Run(ctx, list, scenario.Options{Seeds: o.seeds, FailFast: o.failFast, Version: version()}, done)
	tests.RealMS = float64(time.Since(began).Microseconds()) / 1000
	if live != nil {
		live.End(tests)
		if err := live.Err(); err != nil {
			return fmt.Errorf("%w to standard output: %w", errWrite, err)
		}
	}
	for _, out := range outputs {
		render := func(w io.Writer) error {
			return render.WriteTests(w, tests, out.format, render.Style{Width: s.textWidth})
		}
		switch {
		case out.file.pending != nil:
			if err := out.file.write(render); err != nil {
				return err
			}
		case out.format != "text":
			if err := render(s.out); err != nil {
				return fmt.Errorf("%w to standard output: %w", errWrite, err)
			}
		}
	}
	if err := writeActions(tests, outputs, s); err != nil {
		return err
	}
	return testsError(ctx, tests)
}

// testsError is what finished tests answer.
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

// outputs reads --format and --output, and opens the files before any work is done.
func (o *testOptions) outputs() ([]testOutput, error) {
	formats := o.formats
	if len(formats) == 0 {
		formats = []string{"text"}
	}
	var list []testOutput
	toStdout := 0
	for _, f := range formats {
		format, path, hasFile := strings.Cut(f, "=")
		if !slices.Contains(render.TestFormats(), format) || hasFile && path == "" {
			return nil, usageError("--format %q: want FORMAT or FORMAT=FILE with one of %s", f, strings.Join(render.TestFormats(), ", "))
		}
		if !hasFile {
			path = o.output
			toStdout++
		}
		if hasFile && slices.ContainsFunc(list, func(out testOutput) bool { return out.file.path == path }) {
			return nil, usageError("--format %q: another format goes to %s already", f, path)
		}
		file, err := openReport("format", path)
		if err != nil {
			return nil, err
		}
		list = append(list, testOutput{format, file})
	}
	if toStdout > 1 {
		return nil, usageError("--format: only one format can go to %s; give the others a file, such as junit=tests.xml", or(o.output, "standard output"))
	}
	if o.output != "" && toStdout == 0 {
		return nil, usageError("--output %q: every --format has a file already", o.output)
	}
	return list, nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// loadScenarios finds and checks all files. Every mistake is told; one exit code covers them.
func loadScenarios(paths []string, s *streams) ([]*scenario.Scenario, error) {
	files, err := scenarioFiles(paths)
	if err != nil {
		return nil, err
	}
	var list []*scenario.Scenario
	wrong := 0
	for _, path := range files {
		found, err := scenario.Load(path)
		var mistake *scenario.FileError
		if errors.As(err, &mistake) {
			wrong++
			fmt.Fprintf(s.err, "%s\n", cleanLines(mistake.Error()))
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	if wrong > 0 {
		return nil, &exitError{code: exitUsage, message: fmt.Sprintf("files that are wrong: %d of %d; nothing was run", wrong, len(files))}
	}
	return list, nil
}

// cleanLines makes each line fit for a terminal; the line of a file can hold anything.
func cleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = report.Clean(strings.ReplaceAll(lines[i], "\t", " "))
	}
	return strings.Join(lines, "\n")
}

// scenarioFiles finds the files: those that are named, and the YAML files in and below folders, which can be written DIR
// or DIR/... Folders whose name begins with a dot are left out.
func scenarioFiles(paths []string) ([]string, error) {
	if len(paths) == 0 {
		return nil, usageError("name files or folders with scenarios, such as testdata/scenarios or ./...")
	}
	var files []string
	for _, path := range paths {
		root := strings.TrimSuffix(path, "...")
		if root != path {
			root = filepath.Clean(or(root, "."))
		}
		found := 0
		err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && p != root && strings.HasPrefix(d.Name(), "."):
				return fs.SkipDir
			case d.IsDir():
				return nil
			case p == root || isScenarioFile(p):
				found++
				if p = filepath.Clean(p); !slices.Contains(files, p) { // each file runs once, however it is named
					files = append(files, p)
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("scenario: %w", err)
		}
		if found == 0 {
			return nil, usageError("%s holds no scenario files (*.yaml, *.yml)", path)
		}
	}
	return files, nil
}

func isScenarioFile(path string) bool {
	ext := filepath.Ext(path)
	return ext == ".yaml" || ext == ".yml"
}

func listScenarios(list []*scenario.Scenario, s *streams) error {
	for _, sc := range list {
		if err := s.print(fmt.Sprintf("%s\t%s\n", report.Clean(sc.Name), report.Clean(sc.File))); err != nil {
			return err
		}
	}
	return nil
}
