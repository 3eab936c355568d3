package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"faultflow/internal/errhandler"
	"faultflow/internal/render"
	"faultflow/internal/report"
	"faultflow/internal/runner"
	"faultflow/internal/scenario"
	"faultflow/internal/simulate"
	"faultflow/internal/workflow"
)

const (
	colorAuto, colorAlways, colorNever = "auto", "always", "never"
	failNever                          = "never"
	timelineOn, timelineOff            = "on", "off"
)

// rootOptions are the flags of the main job: the settings of a run, and how it is shown.
type rootOptions struct {
	draft *runner.Draft

	scenario, saveScenario                string
	demoBreaker, verbose, quiet           bool
	output, report, format, color, failOn string
	timeline                              string

	groups []flagGroup
}

// flagGroup is a section of the help: flags by purpose.
type flagGroup struct {
	title string
	flags *pflag.FlagSet
}

func newRootCommand(s *streams) *cobra.Command {
	_, cmd := newRoot(s)
	return cmd
}

// newRoot returns the command and the options that its flags fill.
func newRoot(s *streams) (*rootOptions, *cobra.Command) {
	o := &rootOptions{draft: runner.NewDraft(), format: "text", color: colorAuto, timeline: timelineOn, failOn: string(errhandler.Failed)}
	cmd := &cobra.Command{
		Use:   "faultflow",
		Short: "See what your resilience policies really do when things break",
		Long: `faultflow runs a DataCollector → Processing → Delivery pipeline with a central
error handler, breaks it on purpose, and shows retries, timeouts, circuit
breakers, bulkheads, fallbacks and failover at work.`,
		Example: `  faultflow
  faultflow --simulate-failures --failure-type network --seed 7 --clock virtual
  faultflow --enable-circuit-breaker --cycles 12 --fault 'collector.fetch=connection_refused,from=2s,to=40s' --clock virtual
  faultflow --input testdata/seattle-weather.csv --value-field temp_max --output out --clock virtual
  faultflow --test-recovery --clock virtual
  faultflow --demo-circuit-breaker --clock virtual
  faultflow --scenario testdata/scenarios/network-breaker-opens.yaml`,
		Version:       version(),
		Args:          noArguments,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			j, err := o.job(s, drawSeed)
			if err != nil {
				return err
			}
			if o.demoBreaker {
				return runDemo(cmd.Context(), o, j.settings, s)
			}
			return runMain(cmd.Context(), o, j, s)
		},
	}
	cmd.SetFlagErrorFunc(flagError)
	o.addFlags(cmd.Flags())
	cmd.SetUsageFunc(func(c *cobra.Command) error { return writeUsage(c, o.groups) })
	o.addCompletions(cmd)
	cmd.AddCommand(newTestCommand(s), newCampaignCommand(s), newMergeCommand(s), newScenarioCommand(s), newShowCommand(s), newCompareCommand(s), newGraphCommand(s))
	return o, cmd
}

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return usageError("unknown command %q; commands: %s; the main job takes flags only, see faultflow --help", args[0], strings.Join(names, ", "))
}

// addFlags makes a flag of each setting of a run, and adds those about showing it. The settings of one node are many: the
// help names them in one line.
func (o *rootOptions) addFlags(all *pflag.FlagSet) {
	o.addSettings(all, runner.Sections())
	files := o.groups[len(o.groups)-1].flags
	files.StringVar(&o.saveScenario, "save-scenario", "", "write what the flags amount to as a scenario to `FILE`")
	shows := o.group("Show")
	addBool(shows, &o.demoBreaker, "demo-circuit-breaker", "show a circuit breaker alone, call by call")
	shows.StringVar(&o.output, "output", "", "keep delivered, dead-lettered and spooled records in `DIR`")
	shows.StringVar(&o.report, "report", "", "write the JSON report to `FILE`")
	shows.Var(choiceValue(&o.format, "FORMAT", render.Formats()), "format", "of the report on standard output: "+strings.Join(render.Formats(), ", "))
	shows.Var(choiceValue(&o.color, "WHEN", []string{colorAuto, colorAlways, colorNever}), "color", "auto, always, never")
	shows.Var(choiceValue(&o.timeline, "WHEN", timelineChoices()), "timeline", "draw the run in the text report: "+strings.Join(timelineChoices(), ", "))
	shows.Var(choiceValue(&o.failOn, "VERDICT", failOnChoices()), "fail-on", "exit with 1 on this verdict or a worse one: "+strings.Join(failOnChoices(), ", "))
	addBool(shows, &o.verbose, "verbose", "log every event to standard error")
	addBool(shows, &o.quiet, "quiet", "no live line")
	for _, g := range o.groups {
		all.AddFlagSet(g.flags)
	}
}

// addSettings makes a flag of each setting of a run in some sections, and of those of single nodes.
func (o *rootOptions) addSettings(all *pflag.FlagSet, sections []string) {
	for _, section := range sections {
		flags := o.group(section)
		for _, f := range o.draft.Fields() {
			if f.Section == section {
				addField(flags, f)
			}
		}
	}
	for _, f := range o.draft.Fields() {
		if f.Section == "" {
			addField(all, f)
		}
	}
	files := o.group("Scenarios (see faultflow test and faultflow scenario)")
	files.StringVar(&o.scenario, "scenario", "", "run the scenario in `FILE`; flags given beside it win over the file")
}

func (o *rootOptions) group(title string) *pflag.FlagSet {
	flags := pflag.NewFlagSet(title, pflag.ContinueOnError)
	flags.SortFlags = false
	o.groups = append(o.groups, flagGroup{title, flags})
	return flags
}

// addField makes a flag of a setting.
func addField(flags *pflag.FlagSet, f *runner.Field) {
	flags.Var(f, f.Name, f.Usage)
	flag := flags.Lookup(f.Name)
	if f.Kind == "bool" {
		flag.NoOptDefVal = "true"
	}
	if f.NoDefault {
		flag.DefValue = ""
	}
}

func timelineChoices() []string { return []string{timelineOn, timelineOff} }

func failOnChoices() []string {
	return []string{string(errhandler.Degraded), string(errhandler.Failed), failNever}
}

// job is what the flags, and the scenario that they may name, amount to.
type job struct {
	name string
	// draft holds what was given, by flags and scenario together.
	draft        *runner.Draft
	settings     runner.Settings
	expectations []*scenario.Expectation
}

func drawSeed() uint64 { return rand.Uint64N(runner.MaxSeed + 1) }

// job completes the flags. Without a seed one is drawn; a scenario has its own.
func (o *rootOptions) job(s *streams, draw func() uint64) (job, error) {
	j := job{name: "run"}
	draft := o.draft
	if o.scenario != "" {
		sc, hasMatrix, err := scenario.LoadBase(o.scenario)
		var mistake *scenario.FileError
		if errors.As(err, &mistake) {
			fmt.Fprintln(s.err, cleanLines(mistake.Error()))
			return j, &exitError{code: exitUsage, message: "the scenario is wrong; nothing was run"}
		}
		if err != nil {
			return j, err
		}
		if hasMatrix {
			fmt.Fprintln(s.err, "faultflow: the scenario's matrix is not run here; faultflow test does that")
		}
		j.name, j.expectations, draft = sc.Name, sc.Expectations, sc.Draft
		if err := draft.Overlay(o.draft); err != nil {
			return j, err
		}
		draft.Seed(func() uint64 { return sc.Seeds[0] })
	}
	draft.Seed(draw)
	if o.draft.IsGiven("expect") {
		j.expectations = nil
		for _, source := range o.draft.Expect() {
			e, err := scenario.Compile(source)
			if err != nil {
				return j, usageError("--expect %q: %v", source, err)
			}
			j.expectations = append(j.expectations, e)
		}
	}
	j.draft = draft
	var err error
	if j.settings, err = draft.Settings(); err != nil {
		return j, err
	}
	if o.saveScenario != "" {
		return j, saveScenario(o.saveScenario, draft)
	}
	return j, nil
}

// saveScenario writes a draft as a scenario. Paths in scenarios count from their file.
func saveScenario(path string, draft *runner.Draft) error {
	draft = draft.Clone()
	if input := draft.Field("input").String(); input != "" && input != "-" && !filepath.IsAbs(input) {
		if relative, err := filepath.Rel(filepath.Dir(path), input); err == nil {
			must(draft.Set("input", relative))
		}
	}
	doc, err := scenario.Marshal(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), draft)
	if err != nil {
		return err
	}
	return writeNew(path, string(doc))
}

func (o *rootOptions) addCompletions(cmd *cobra.Command) {
	for name, words := range map[string][]string{"format": render.Formats(), "color": {colorAuto, colorAlways, colorNever}, "fail-on": failOnChoices(), "timeline": timelineChoices()} {
		must(cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)))
	}
	o.completeSettings(cmd)
}

// completeSettings completes the flags of addSettings.
func (o *rootOptions) completeSettings(cmd *cobra.Command) {
	for _, f := range o.draft.Fields() {
		if f.Choices != nil {
			must(cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(f.Choices, cobra.ShellCompDirectiveNoFileComp)))
		}
	}
	must(cmd.RegisterFlagCompletionFunc("fault", func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		place, _, hasKind := strings.Cut(begun, "=")
		var words []string
		for _, p := range simulate.Places(strings.Split(o.draft.Field("channels").String(), ",")) {
			if !hasKind {
				words = append(words, p+"=")
				continue
			}
			for _, k := range simulate.Kinds(p) {
				if p == place {
					words = append(words, p+"="+string(k))
				}
			}
		}
		return words, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	}))
}

// must is for errors that only a defect of this program can cause.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// runMain makes a run and shows it.
func runMain(ctx context.Context, o *rootOptions, j job, s *streams) error {
	file, err := openReport("report", o.report)
	if err != nil {
		return err
	}
	defer file.discard()
	world := runner.World{Stdin: s.in, Output: o.output, Version: version()}
	var observers []func(workflow.Event)
	if o.verbose {
		observers = append(observers, logEvents(s.err))
	}
	live := newLiveLine(s, o.quiet || o.verbose)
	if live != nil {
		observers = append(observers, live.observe)
	}
	if len(observers) > 0 {
		world.Observe = func(e workflow.Event) {
			for _, observe := range observers {
				observe(e)
			}
		}
	}
	rep, err := runner.Run(ctx, j.settings, world)
	live.stop()
	if rep == nil {
		return err
	}
	if o.scenario != "" {
		rep.Meta.Scenario = j.name
	}
	// What the run recorded is shown, also when its records could not be kept.
	if writeErr := render.Write(s.out, rep, o.format, o.style(s)); writeErr != nil {
		return fmt.Errorf("%w to standard output: %w", errWrite, writeErr)
	}
	if writeErr := file.write(func(w io.Writer) error { return report.WriteJSON(w, rep) }); writeErr != nil {
		return writeErr
	}
	if err != nil {
		return err
	}
	if j.expectations == nil || rep.Interrupted {
		return verdictError(rep, o.failOn)
	}
	return o.judge(rep, j, s)
}

func (o *rootOptions) style(s *streams) render.Style {
	style := s.style(o.color)
	style.NoTimeline = o.timeline == timelineOff
	return style
}

// judge holds the run against its expectations, which then decide in place of the verdict. It tells what came of them
// below a report in text, and on standard error beside one in JSON.
func (o *rootOptions) judge(rep *report.Report, j job, s *streams) error {
	judged, err := scenario.Judge(rep, j.expectations)
	if err != nil {
		return err
	}
	tests := &report.Tests{Schema: report.TestSchema, RealMS: rep.Meta.RealMS, Results: []report.TestResult{{
		Name: j.name, File: o.scenario, Status: judged.Status, Seed: rep.Seed, Seeds: 1, VirtualMS: rep.DurationMS, RealMS: rep.Meta.RealMS,
		Verdict: string(rep.Verdict), Expectations: len(j.expectations), Failures: judged.Failures, Reasons: judged.Reasons}}}
	w := s.out
	if o.format != "text" {
		w = s.err
	}
	if err := render.WriteTests(w, tests, "text", s.style(o.color)); err != nil {
		return fmt.Errorf("%w to standard output: %w", errWrite, err)
	}
	return testsError(context.Background(), tests)
}

// reportFile is a file that --report, --output or --format names. It is opened before the run, so that a bad path fails
// before any work is done, and takes its name only when it is complete.
type reportFile struct {
	// flag named it.
	flag, path string
	pending    *renameio.PendingFile
}

func openReport(flag, path string) (*reportFile, error) {
	if path == "" {
		return &reportFile{}, nil
	}
	if path == "-" {
		return nil, usageError("--%s -: name a file; standard output has what --format says", flag)
	}
	// A folder or a device would be replaced by the file, or fail only after the run.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("--%s: %w", flag, &fs.PathError{Op: "write", Path: path, Err: errors.New("not a regular file; name another")})
	}
	pending, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644), renameio.WithExistingPermissions())
	if err != nil {
		var bad *fs.PathError
		if errors.As(err, &bad) {
			bad.Path = path // not the temporary name
		}
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	return &reportFile{flag: flag, path: path, pending: pending}, nil
}

func (f *reportFile) write(render func(io.Writer) error) error {
	if f.pending == nil {
		return nil
	}
	err := render(f.pending)
	if err == nil {
		err = f.pending.CloseAtomicallyReplace()
	}
	if err != nil {
		return fmt.Errorf("%w: --%s %s: %w", errWrite, f.flag, f.path, err)
	}
	return nil
}

// writeOr writes to the file, or where there is none to standard output.
func (f *reportFile) writeOr(out io.Writer, render func(io.Writer) error) error {
	if f.pending != nil {
		return f.write(render)
	}
	if err := render(out); err != nil {
		return fmt.Errorf("%w to standard output: %w", errWrite, err)
	}
	return nil
}

func (f *reportFile) discard() {
	if f.pending != nil {
		_ = f.pending.Cleanup() // nothing to do about it, and it does nothing after a replace
	}
}
