package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"faultflow/internal/errhandler"
	"faultflow/internal/report"
	"faultflow/internal/resilience"
	"faultflow/internal/runner"
	"faultflow/internal/simulate"
	"faultflow/internal/source"
	"faultflow/internal/workflow"
)

const (
	colorAuto, colorAlways, colorNever = "auto", "always", "never"
	clockReal, clockVirtual            = "real", "virtual"
	failNever                          = "never"
)

// rootOptions are the flags of the main job.
type rootOptions struct {
	settings runner.Settings
	seed     seed
	clock    string
	faults   []string
	// shared are the policy flags for all nodes.
	shared resilience.Policy

	testRecovery, enableBreaker, demoBreaker, verbose, quiet bool

	output, report, format, color, failOn string

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
	o := &rootOptions{settings: runner.Defaults(), clock: clockReal, format: "text", color: colorAuto, failOn: string(errhandler.Failed)}
	cmd := &cobra.Command{
		Use:   "faultflow",
		Short: "See what your resilience policies really do when things break",
		Long: `faultflow runs a DataCollector → Processing → Delivery pipeline with a central error handler, breaks it on purpose,
and shows retries, timeouts, circuit breakers, bulkheads, fallbacks and failover at work.`,
		Example: `  faultflow
  faultflow --simulate-failures --failure-type network --seed 7 --clock virtual
  faultflow --enable-circuit-breaker --cycles 12 --fault 'collector.fetch=connection_refused,from=2s,to=40s' --clock virtual
  faultflow --input testdata/seattle-weather.csv --value-field temp_max --output out --clock virtual
  faultflow --test-recovery --clock virtual
  faultflow --demo-circuit-breaker --clock virtual`,
		Version:       version(),
		Args:          noArguments,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.complete(cmd.Flags()); err != nil {
				return err
			}
			if o.demoBreaker {
				return runDemo(cmd.Context(), o, cmd.Flags(), s)
			}
			return runMain(cmd.Context(), o, s)
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagError(err) })
	o.addFlags()
	for _, g := range o.groups {
		cmd.Flags().AddFlagSet(g.flags)
	}
	o.addNodeFlags(cmd.Flags())
	cmd.SetUsageFunc(func(c *cobra.Command) error { return writeUsage(c, o.groups) })
	o.addCompletions(cmd)
	cmd.AddCommand(newGraphCommand(s))
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

func (o *rootOptions) group(title string) *pflag.FlagSet {
	fs := pflag.NewFlagSet(title, pflag.ContinueOnError)
	fs.SortFlags = false
	o.groups = append(o.groups, flagGroup{title, fs})
	return fs
}

func (o *rootOptions) addFlags() {
	st := &o.settings
	fs := o.group("Failures")
	addBool(fs, &st.Simulate, "simulate-failures", "break things, as --failure-type says")
	fs.Var(choiceValue(&st.FailureType, "TYPE", simulate.Profiles()), "failure-type", "what breaks: "+strings.Join(simulate.Profiles(), ", "))
	fs.StringArrayVar(&o.faults, "fault", nil, "add a `FAULT` by hand: PLACE=KIND[,KEY=VALUE…] (repeatable)")
	addBool(fs, &o.testRecovery, "test-recovery", "use the recovery graph; without --simulate-failures drill each of its paths")
	addBool(fs, &o.demoBreaker, "demo-circuit-breaker", "show a circuit breaker alone, call by call")

	fs = o.group("Run")
	fs.Var(intValue(&st.Cycles, "N"), "cycles", "how often the pipeline runs (0: once, or all of the input)")
	fs.Var(durationValue(&st.Interval), "interval", "time between the starts of two cycles; no pause while an input is read to its end")
	fs.Var(intValue(&st.BatchSize, "N"), "batch-size", "rows a cycle (0: 50, or 30 when failures are simulated)")
	fs.Var(intValue(&st.Workers, "N"), "workers", "records processed at once")
	fs.Var(seedValue(&o.seed), "seed", "decides every random choice (a random one otherwise)")
	fs.Var(choiceValue(&o.clock, "CLOCK", []string{clockReal, clockVirtual}), "clock", "real waits, virtual takes no time: real, virtual")

	fs = o.group("Records")
	fs.StringVar(&st.Input.Path, "input", "", "read records from `FILE` (- is standard input)")
	fs.Var(choiceValue(&st.Input.Format, "FORMAT", source.Formats()), "input-format", strings.Join(source.Formats(), ", ")+" (by extension otherwise)")
	fs.StringVar(&st.Input.IDField, "id-field", "", "the `FIELD` with the id (id, or the first one)")
	fs.StringVar(&st.Input.ValueField, "value-field", "", "the `FIELD` with the number (value, or the first numeric one)")
	fs.StringVar(&o.output, "output", "", "keep delivered, dead-lettered and spooled records in `DIR`")

	fs = o.group("Policies of all nodes (for one node: --collector-…, --processor-…, --delivery-…, such as --collector-retries)")
	for _, f := range policyFlags() {
		fs.Var(f.value(&o.shared), f.name, f.usage+" ("+f.defaults(st)+")")
		fs.Lookup(f.name).DefValue = "" // it has none of its own
	}

	fs = o.group("Patterns")
	addBool(fs, &o.enableBreaker, "enable-circuit-breaker", "put the collector's circuit breaker into the path (also --collector-breaker, --processor-breaker, --delivery-breaker)")
	addBool(fs, &st.Fallback, "fallback", "let the collector fall back to cached or default data")
	fs.Var(durationValue(&st.CacheTTL), "cache-ttl", "how long cached data is fresh")
	fs.Var(durationValue(&st.CacheMaxAge), "cache-max-age", "how long cached data can be used at all")
	addBool(fs, &st.Recovery, "recovery", "let processing pass on a part of a batch when attempts run out")
	fs.Var(channelsValue(&st.Channels), "channels", "delivery channels in the order of failover")
	fs.Var(durationValue(&st.ChannelRecover), "channel-recover", "how long a failed channel is left out")
	addBool(fs, &st.Spool, "spool", "let the emergency spool take what no channel took")

	fs = o.group("Report")
	fs.StringVar(&o.report, "report", "", "write the JSON report to `FILE`")
	fs.Var(choiceValue(&o.format, "FORMAT", report.Formats()), "format", "of the report on standard output: "+strings.Join(report.Formats(), ", "))
	fs.Var(choiceValue(&o.color, "WHEN", []string{colorAuto, colorAlways, colorNever}), "color", "auto, always, never")
	fs.Var(choiceValue(&o.failOn, "VERDICT", failOnChoices()), "fail-on", "exit with 1 on this verdict or a worse one: "+strings.Join(failOnChoices(), ", "))
	addBool(fs, &o.verbose, "verbose", "log every event to standard error")
	addBool(fs, &o.quiet, "quiet", "no live line")
}

func failOnChoices() []string {
	return []string{string(errhandler.Degraded), string(errhandler.Failed), failNever}
}

// defaults says what the nodes' own defaults are, once where they agree.
func (f policyFlag) defaults(s *runner.Settings) string {
	var all []string
	for _, n := range nodePolicies(s) {
		all = append(all, f.value(n.policy).String())
	}
	if same := slices.Compact(slices.Clone(all)); len(same) == 1 {
		return same[0]
	}
	return fmt.Sprintf("collector %s, processor %s, delivery %s", all[0], all[1], all[2])
}

// addNodeFlags adds each policy flag for each node. The help names them in one line, since they are many.
func (o *rootOptions) addNodeFlags(flags *pflag.FlagSet) {
	for _, n := range nodePolicies(&o.settings) {
		for _, f := range policyFlags() {
			flags.Var(f.value(n.policy), n.node+"-"+f.name, f.usage+" of the "+n.node)
		}
		addBool(flags, &n.policy.Breaker.On, n.node+"-breaker", "put a circuit breaker around the "+n.node+"'s calls")
	}
}

// complete turns flags into settings. The flag of one node wins over the flag for all.
func (o *rootOptions) complete(fs *pflag.FlagSet) error {
	for _, f := range policyFlags() {
		if !fs.Changed(f.name) {
			continue
		}
		for _, n := range nodePolicies(&o.settings) {
			if !fs.Changed(n.node + "-" + f.name) {
				f.copy(n.policy, &o.shared)
			}
		}
	}
	st := &o.settings
	st.Virtual = o.clock == clockVirtual
	st.Seed = o.seed.n
	if !o.seed.set {
		st.Seed = rand.Uint64N(runner.MaxSeed + 1)
	}
	if o.enableBreaker {
		st.Collector.Breaker.On = true
	}
	st.RecoveryGraph = o.testRecovery
	st.Drill = o.testRecovery && !st.Simulate
	for _, spec := range o.faults {
		f, err := simulate.ParseFault(spec, simulate.Places(st.Channels))
		if err != nil {
			var bad *simulate.SpecError
			if errors.As(err, &bad) {
				return usageError("--fault %q: %s; see faultflow --help", bad.Spec, bad.Problem)
			}
			return err
		}
		st.Faults = append(st.Faults, f)
	}
	if fs.Changed("failure-type") && !st.Simulate {
		return usageError("--failure-type %s: it needs --simulate-failures", st.FailureType)
	}
	for _, name := range []string{"input-format", "id-field", "value-field"} {
		if fs.Changed(name) && st.Input.Path == "" {
			return usageError("--%s: it needs --input", name)
		}
	}
	if st.Drill && (fs.Changed("cycles") || st.Input.Path != "") {
		return usageError("--test-recovery: its drill has cycles and records of its own; add --simulate-failures, or leave out --cycles and --input")
	}
	var bad *runner.SettingError
	if err := st.Validate(); errors.As(err, &bad) {
		return o.nameFlag(bad, fs)
	}
	return nil
}

// nameFlag makes the error name the flag that was given: a setting of one node may come from the flag for all.
func (o *rootOptions) nameFlag(e *runner.SettingError, fs *pflag.FlagSet) error {
	if _, shared, ok := strings.Cut(e.Flag, "-"); ok && !fs.Changed(e.Flag) && fs.Changed(shared) {
		return &runner.SettingError{Flag: shared, Value: e.Value, Problem: e.Problem}
	}
	return e
}

func (o *rootOptions) addCompletions(cmd *cobra.Command) {
	choices := map[string][]string{
		"failure-type": simulate.Profiles(), "clock": {clockReal, clockVirtual}, "format": report.Formats(),
		"color": {colorAuto, colorAlways, colorNever}, "fail-on": failOnChoices(), "input-format": source.Formats(),
	}
	for name, words := range choices {
		must(cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)))
	}
	must(cmd.RegisterFlagCompletionFunc("fault", func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		place, _, hasKind := strings.Cut(begun, "=")
		var words []string
		for _, p := range simulate.Places(o.settings.Channels) {
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
func runMain(ctx context.Context, o *rootOptions, s *streams) error {
	file, err := openReport(o.report)
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
	rep, err := runner.Run(ctx, o.settings, world)
	live.stop()
	if rep == nil {
		return err
	}
	// What the run recorded is shown, also when its records could not be kept.
	if writeErr := report.Write(s.out, rep, o.format, s.style(o.color)); writeErr != nil {
		return fmt.Errorf("%w to standard output: %w", errWrite, writeErr)
	}
	if writeErr := file.write(func(w io.Writer) error { return report.WriteJSON(w, rep) }); writeErr != nil {
		return writeErr
	}
	if err != nil {
		return err
	}
	return verdictError(rep, o.failOn)
}

// reportFile is the file of --report. It is opened before the run, so that a bad path fails before any work is done, and
// takes its name only when it is complete.
type reportFile struct {
	path    string
	pending *renameio.PendingFile
}

func openReport(path string) (*reportFile, error) {
	if path == "" {
		return &reportFile{}, nil
	}
	pending, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644), renameio.WithExistingPermissions())
	if err != nil {
		var bad *fs.PathError
		if errors.As(err, &bad) {
			bad.Path = path // not the temporary name
		}
		return nil, fmt.Errorf("--report: %w", err)
	}
	return &reportFile{path: path, pending: pending}, nil
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
		return fmt.Errorf("%w: --report %s: %w", errWrite, f.path, err)
	}
	return nil
}

func (f *reportFile) discard() {
	if f.pending != nil {
		_ = f.pending.Cleanup() // nothing to do about it, and it does nothing after a replace
	}
}
