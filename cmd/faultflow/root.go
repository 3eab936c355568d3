package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"faultflow/internal/channel"
	"faultflow/internal/expect"
	"faultflow/internal/render/format"
	"faultflow/internal/render/text"
	"faultflow/internal/report"
	"faultflow/internal/runner"
	"faultflow/internal/settings"
	"faultflow/internal/suggest"
	"faultflow/internal/undelivered"
)

// rootOptions are the flags of the main command: the settings of a run, what must hold of it, and how it is shown.
type rootOptions struct {
	// given are the settings that flags gave.
	given *settings.Given
	// scenario and saveScenario are files to read settings from and to write them to; "" for none.
	scenario, saveScenario string
	// expect are the conditions of --expect.
	expect []string

	demoBreaker    bool
	output, report string
	outputMode     string
	state          string
	format, failOn string
	failOnGiven    bool // and not its default: beside expectations it holds only then
	looks          looks
	verbose, quiet bool

	// groups are the flags by the sections of the help.
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
	o := &rootOptions{
		given:      &settings.Given{},
		format:     "text",
		outputMode: string(channel.OutputNew),
	}
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
		// No other command has one: cobra calls only the innermost.
		PersistentPreRunE: notEmpty,
		RunE: func(cmd *cobra.Command, _ []string) error {
			j, err := o.job(s, drawSeed)
			if err != nil {
				return err
			}
			o.failOnGiven = cmd.Flags().Changed("fail-on")
			if o.demoBreaker {
				return runDemo(cmd.Context(), o, j.settings, s)
			}
			return runMain(cmd.Context(), o, j, s)
		},
	}
	cmd.SetFlagErrorFunc(flagError)
	o.addFlags(cmd.Flags(), s)
	cmd.SetUsageFunc(func(c *cobra.Command) error { return writeUsage(c, o.groups) })
	o.completeRun(cmd)
	cmd.AddCommand(
		newTestCommand(s),
		newCampaignCommand(s),
		newMergeCommand(s),
		newScenarioCommand(s),
		newReplayCommand(s),
		newInspectCommand(s),
		newShowCommand(s),
		newCompareCommand(s),
		newGraphCommand(s),
		newPlayCommand(s),
	)
	typeCompletionErrors(cmd)
	typeHelpErrors(cmd)
	completeAll(cmd)
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
	if len(names) == 0 {
		return usageError("%s takes no argument %q; see %[1]s --help", cmd.CommandPath(), args[0])
	}
	return usageError("unknown command %q%s; commands: %s; see %s --help",
		args[0], suggest.Nearest(args[0], names), strings.Join(names, ", "), cmd.CommandPath())
}

// addFlags adds a flag for each setting of a run, and those about its expectations, files and presentation.
func (o *rootOptions) addFlags(all *pflag.FlagSet, s *streams) {
	o.addSettings(all, settings.All())

	o.group("Expectations").StringArrayVar(&o.expect, "expect", nil,
		"what must hold of the report, an `EXPR` such as 'ledger.lost == 0' (repeatable)")

	files := o.addScenario()
	files.StringVar(&o.saveScenario, "save-scenario", "", "write what the flags amount to as a scenario to `FILE`")

	shows := o.group("Show")
	addBool(shows, &o.demoBreaker, "demo-circuit-breaker", "show a circuit breaker alone, call by call")
	shows.StringVar(&o.output, "output", "", "keep delivered, dead-lettered and spooled records in `DIR`")
	addChoice(shows, &o.outputMode, "output-mode", "MODE", channel.OutputModes(),
		"what becomes of the records in DIR: new refuses undelivered ones and replaces others, append, replace")
	shows.StringVar(&o.state, "state", "", "keep a journal in `DIR`, by which the same command goes on after a crash")
	o.addShows(shows, s)

	for _, g := range o.groups {
		all.AddFlagSet(g.flags)
	}
}

// addShows adds the flags that say how a run is shown, and what its exit code is.
func (o *rootOptions) addShows(shows *pflag.FlagSet, s *streams) {
	shows.StringVar(&o.report, "report", "", "write the JSON report to `FILE`")
	addChoice(shows, &o.format, "format", "FORMAT", format.Report(nil).Formats(),
		"of the report on standard output: "+strings.Join(format.Report(nil).Formats(), ", "))
	o.looks.addFlags(shows, "draw the run in the text report")
	addFailOn(shows, &o.failOn, "exit with 1 on this verdict or a worse one")
	forms := []string{logText, logJSON}
	addChoice(shows, &s.log, "log", "FORMAT", forms, "log every event to standard error: "+strings.Join(forms, ", "))
	addBool(shows, &o.verbose, "verbose", "the same as --log text")
	addBool(shows, &o.quiet, "quiet", "no live line")
}

// addSettings adds a flag for each of some settings, by the sections of the help. The settings of single nodes have no
// section: the help names them in one line.
func (o *rootOptions) addSettings(all *pflag.FlagSet, list []settings.Setting) {
	bySection := map[settings.Section]*pflag.FlagSet{"": all}
	for _, section := range settings.Sections() {
		bySection[section] = o.group(string(section))
	}
	for _, s := range list {
		addSetting(bySection[s.Section], o.given, s)
	}
}

func (o *rootOptions) addScenario() *pflag.FlagSet {
	files := o.group("Scenarios (see faultflow test and faultflow scenario)")
	files.StringVar(&o.scenario, "scenario", "", "run the scenario in `FILE`; flags given beside it win over the file")
	return files
}

func (o *rootOptions) group(title string) *pflag.FlagSet {
	flags := pflag.NewFlagSet(title, pflag.ContinueOnError)
	flags.SortFlags = false
	o.groups = append(o.groups, flagGroup{title, flags})
	return flags
}

// written is a file that a run writes, and the flag that names it.
type written struct{ flag, value, path string }

// writes are the files that a run writes. A channel's grows as it is read, which has no end if it is the input.
func (o *rootOptions) writes(j job) (list []written) {
	if o.report != "" {
		list = append(list, written{"report", o.report, o.report})
	}
	if o.output != "" {
		for _, name := range channel.OutputFiles() {
			list = append(list, written{"output", o.output, filepath.Join(o.output, name)})
		}
	}
	for _, outlet := range j.settings.Outlets {
		if path, is := strings.CutPrefix(outlet.URL, "file:"); is {
			list = append(list, written{"channel", outlet.String(), path})
		}
	}
	return list
}

// runMain makes a run and shows it.
func runMain(ctx context.Context, o *rootOptions, j job, s *streams) error {
	read, written := o.reads(j), o.writes(j)
	for i, w := range written {
		if err := notRead(w.flag, w.value, w.path, read...); err != nil {
			return err
		}
		for _, before := range written[:i] {
			if samePlace(w.path, before.path) {
				return usageError("--%s %q: --%s %q writes that file, too; name another place",
					w.flag, w.value, before.flag, before.value)
			}
		}
	}
	file, err := openReport("report", o.report, read...)
	if err != nil {
		return err
	}
	defer file.discard()
	env := runner.Environment{
		Stdin:   s.in,
		Stdout:  s.out,
		Getenv:  s.getenv,
		Output:  o.output,
		State:   o.state,
		AnySeed: j.anySeed,
		Version: version(),
		Replay:  j.replay,
	}
	if j.settings.ToStdout() { // the records are the result then
		beside := *s
		beside.out, beside.outTerminal = s.err, s.errTerminal
		s = &beside
	}
	env.OutputMode = channel.OutputMode(o.outputMode)
	progress := newRunProgress(&j.settings)
	logs := s.log
	if o.verbose {
		logs = cmp.Or(logs, logText)
	}
	live := startLine(s, o.quiet || logs != "", progress.parts)
	var notices []string // which would break the live line
	env.Tell = func(notice string) {
		if notices = append(notices, notice); live == nil {
			tell(s, &notices)
		}
	}
	env.Reads = progress.reads
	switch {
	case logs != "":
		env.Observe = logEvents(newLog(s.err, logs))
	case live != nil:
		env.Observe, env.EndCycle = progress.observe, progress.endCycle
	}
	rep, err := runner.Run(ctx, j.settings, env)
	live.end()
	tell(s, &notices)
	if rep == nil {
		return err
	}
	if o.scenario != "" {
		rep.Meta.Scenario = j.name
	}
	if sealErr := rep.Seal(); sealErr != nil { // every format has the hash
		return sealErr
	}
	// The report is shown even if the run's records could not be written: the error comes after it.
	if writeErr := format.Report(rep).Write(s.outAs(o.format), o.format, o.looks.style(s, "")); writeErr != nil {
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
	if err := o.judge(rep, j, s); err != nil || !o.failOnGiven {
		return err
	}
	return verdictError(rep, o.failOn)
}

// reads lists the files that a run reads. A replay reads those of its folder that hold what no channel has got, and
// what was replayed.
func (o *rootOptions) reads(j job) []string {
	if j.replay == nil {
		return []string{j.settings.Input, o.scenario}
	}
	var list []string
	for _, name := range withUnfinished([]string{channel.DeadLetters, channel.Emergency, undelivered.Marks}) {
		list = append(list, filepath.Join(j.settings.Input, name))
	}
	return list
}

// tell says what is to be said beside the report, once.
func tell(s *streams, notices *[]string) {
	for _, notice := range *notices {
		s.say(slog.LevelInfo, notice)
	}
	*notices = nil
}

// judge checks the run's expectations, which decide the exit code in place of the verdict. Their results follow a
// report in text on standard output; beside any other format they go to standard error.
func (o *rootOptions) judge(rep *report.Report, j job, s *streams) error {
	judged, err := expect.Judge(rep, j.expectations)
	if err != nil {
		return err
	}
	result := report.TestResult{
		Name:         j.name,
		File:         o.scenario,
		Status:       judged.Status,
		Seed:         rep.Seed,
		Seeds:        1,
		VirtualMS:    rep.DurationMS,
		RealMS:       rep.Meta.RealMS,
		Verdict:      string(rep.Verdict),
		Expectations: len(j.expectations),
		Failures:     judged.Failures,
		Reasons:      judged.Reasons,
		ReasonLines:  judged.Lines,
	}
	tests := &report.Tests{
		Schema:  report.TestSchema,
		RealMS:  rep.Meta.RealMS,
		Results: []report.TestResult{result},
	}
	w := s.outAs(o.format)
	if o.format != format.Text {
		w = s.err
	}
	if err := text.WriteTests(w, tests, s.style(o.looks.color)); err != nil {
		return fmt.Errorf("%w to standard output: %w", errWrite, err)
	}
	return testsError(context.Background(), tests)
}
