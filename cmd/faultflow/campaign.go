package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"faultflow/internal/campaign"
	"faultflow/internal/expect"
	"faultflow/internal/render/format"
	"faultflow/internal/report"
	"faultflow/internal/scenario"
	"faultflow/internal/settings"
)

// campaignOptions are the flags of faultflow campaign: those of a run, and its own.
type campaignOptions struct {
	// run has the flags of a run; those about showing it are not used.
	run          *rootOptions
	runs         int
	until, shard string

	// sweeps, ablate and determinism ask for something other than a single campaign; sort is the order of a sweep.
	sweeps      []string
	sort        string
	ablate      bool
	determinism bool

	campaignOutput
	quiet bool
}

func newCampaignCommand(s *streams) *cobra.Command {
	o := &campaignOptions{run: &rootOptions{given: &settings.Given{}}, runs: 1000, sort: campaign.Sorts()[0]}
	cmd := &cobra.Command{
		Use:   "campaign",
		Short: "Make many runs and tell how often, how long, how bad",
		Long: `Make many runs in virtual time, each with a seed of its own: verdicts with their
95 % intervals, patterns, errors, faults, durations, the load on each
dependency, and the worst and slowest runs with the commands that show them. The
first run has the seed --seed (1 otherwise), each further one the next. Every
run's ledger and invariants are checked.

A scenario's expectations are judged run by run: in how many each held.

Exit codes: 0 every --check held, 1 one did not, an expectation of the scenario
did not hold in some run and no --check speaks of it, a run ended as --fail-on
says, or broke what every run must keep, 2 a flag or a file is wrong, 3 could
not read or write, 4 inconclusive: a fault given by hand never fired, a check or
an expectation was about what never ran, 130 interrupted.`,
		Example: `  faultflow campaign --simulate-failures --failure-type network --runs 500
  faultflow campaign --scenario testdata/scenarios/storm-nothing-lost.yaml --runs 50 --check 'ledger.lost == 0'
  faultflow campaign --scenario testdata/scenarios/storm-nothing-lost.yaml --runs 50 --check 'expect[0].low > 0.9'
  faultflow campaign --simulate-failures --failure-type storage --runs 20000 --until 'ci(verdict.degraded) < 0.02'
  faultflow campaign --simulate-failures --runs 100 --sweep collector-attempts=1,3,5 --sweep collector-breaker=true,false
  faultflow campaign --simulate-failures --failure-type processing --runs 100 --ablate
  faultflow campaign --simulate-failures --runs 100 --check-determinism
  faultflow campaign --simulate-failures --runs 900 --shard 2/3 --report part2.json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return runCampaign(cmd.Context(), o, s) },
	}
	own := pflag.NewFlagSet("campaign", pflag.ContinueOnError)
	own.SortFlags = false
	own.Var(intFrom(1, campaign.MaxRuns, &o.runs, "N"), "runs", "how many runs")
	own.StringVar(&o.until, "until", "",
		"stop when `EXPR` holds, such as 'ci(verdict.degraded) < 0.005'; asked after every 1,000 runs")
	own.StringVar(&o.shard, "shard", "",
		"make part `i/n` and write it to --report, for faultflow merge; auto takes i and n from "+
			"GitLab (CI_NODE_INDEX, CI_NODE_TOTAL) or Kubernetes (JOB_COMPLETION_INDEX, JOB_COMPLETIONS)")
	own.StringArrayVar(&o.sweeps, "sweep", nil,
		"make the campaign with each of some values of a setting, `NAME=V1,V2,…`, over the same seeds "+
			"(repeatable: every combination)")
	addChoice(own, &o.sort, "sort", "MEASURE", campaign.Sorts(),
		"of a sweep, best first: "+strings.Join(campaign.Sorts(), ", "))
	addBool(own, &o.ablate, "ablate",
		"make the campaign without each pattern in turn, over the same seeds: what each is worth")
	addBool(own, &o.determinism, "check-determinism",
		"make each run twice, in another order and on another worker, and compare the reports")
	o.addFlags(own)
	addBool(own, &o.quiet, "quiet", "no progress")

	o.run.addSettings(cmd.Flags(), settings.All())
	o.run.addScenario()
	for _, g := range o.run.groups {
		cmd.Flags().AddFlagSet(g.flags)
	}
	cmd.Flags().AddFlagSet(own)
	o.run.completeRun(cmd)
	complete(cmd, "sweep", sweepsBegunWith)
	cmd.SetUsageFunc(func(c *cobra.Command) error { return writeOwnUsage(c, own, runFlags) })
	return cmd
}

// firstSeed is the first seed of campaigns that are given none. It is fixed so that the parts of a campaign agree.
func firstSeed() uint64 { return 1 }

// plan completes the flags; given are the settings that flags and scenario gave.
func (o *campaignOptions) plan(s *streams) (p campaign.Plan, given *settings.Given, err error) {
	if err := o.compatible(); err != nil {
		return p, nil, err
	}
	flags := o.run.given
	if clock := flags.Text("clock"); flags.Has("clock") && clock != settings.ClockVirtual {
		return p, nil, usageError("--clock %q: campaigns run in virtual time", clock)
	}
	if o.run.scenario == "" {
		flags.Seed(firstSeed)
	}
	j, err := o.run.job(s, firstSeed)
	if err != nil {
		return p, nil, err
	}
	if input := j.settings.Input; input != "" {
		return p, nil, usageError("--input %q: a campaign asks what many seeds do, and generates their records; "+
			"leave it out, or run the input once, with faultflow --input %s", input, input)
	}
	if last := settings.MaxSeed - uint64(o.runs) + 1; j.settings.Seed > last {
		return p, nil, usageError("--seed %d: %d runs from there on have seeds beyond %d, the largest; want %d at most",
			j.settings.Seed, o.runs, uint64(settings.MaxSeed), last)
	}
	repeated := append(flags.List(), settings.Assignment{Name: "clock", Text: settings.ClockVirtual})
	p = campaign.Plan{
		Settings: j.settings,
		Runs:     int64(o.runs),
		Until:    o.until,
		Repeat: func(seed uint64, changed ...settings.Assignment) string {
			given := slices.DeleteFunc(slices.Clone(repeated), func(a settings.Assignment) bool {
				s, _ := settings.Find(a.Name)
				given := func(c settings.Assignment) bool { return c.Name == a.Name }
				return s.List() && slices.ContainsFunc(changed, given)
			})
			return scenario.Repeat(o.run.scenario, append(given, changed...), seed)
		},
	}
	if o.run.scenario != "" {
		p.Scenario = j.name
	}
	if o.shard != "" {
		if p.Part, err = o.part(s); err != nil {
			return p, nil, err
		}
	}
	if len(o.studies()) == 0 {
		p.Expectations = j.expectations
	} else if len(j.expectations) > 0 {
		fmt.Fprintf(s.err, "faultflow: %s does not judge the scenario's expectations; a campaign without it does\n",
			o.studies()[0])
	}
	return p, j.given, nil
}

// studies are the flags that ask for something other than a single campaign.
func (o *campaignOptions) studies() (asked []string) {
	for _, f := range []struct {
		name string
		on   bool
	}{{"--sweep", len(o.sweeps) > 0}, {"--ablate", o.ablate}, {"--check-determinism", o.determinism}} {
		if f.on {
			asked = append(asked, f.name)
		}
	}
	return asked
}

// compatible returns an error for flags that exclude each other.
func (o *campaignOptions) compatible() error {
	asked := o.studies()
	switch {
	case len(asked) > 1:
		return usageError("%s and %s: ask for one of them", asked[0], asked[1])
	case len(asked) == 1 && (o.until != "" || o.shard != "" || len(o.conditions) > 0 || o.failOnGiven()):
		return usageError("%s: leave out --until, --shard, --check and --fail-on; they are for one campaign", asked[0])
	case o.sort != campaign.Sorts()[0] && len(o.sweeps) == 0:
		return usageError("--sort %q: it needs --sweep", o.sort)
	}
	return nil
}

// part is the part of --shard.
func (o *campaignOptions) part(s *streams) (report.Part, error) {
	switch {
	case o.report == "":
		return report.Part{}, usageError("--shard %q: name the part's file with --report", o.shard)
	case o.until != "" || len(o.conditions) > 0 || o.failOnGiven():
		return report.Part{}, usageError("--shard %q: a part can't tell what the whole comes to; "+
			"leave out --until, and give --check and --fail-on to faultflow merge", o.shard)
	}
	return shardOf(o.shard, s.getenv)
}

// condition compiles the condition of --until.
func (o *campaignOptions) condition(of *settings.Settings) (*expect.Condition, error) {
	c, err := expect.CompileCampaign(o.until)
	if err == nil {
		err = c.Fits(of)
	}
	if err != nil {
		return nil, usageError("--until %q: %v", o.until, err)
	}
	return c, nil
}

// stopAt asks the condition of --until. One that shows nothing yet does not stop a campaign.
func stopAt(condition *expect.Condition) func(*report.Campaign) (bool, error) {
	return func(c *report.Campaign) (bool, error) {
		outcomes, err := expect.Campaign(c, []*expect.Condition{condition})
		if err != nil {
			return false, err
		}
		return outcomes[0].Status == report.TestPassed, nil
	}
}

func runCampaign(ctx context.Context, o *campaignOptions, s *streams) error {
	p, given, err := o.plan(s)
	if err != nil {
		return err
	}
	var grid []campaign.Variant
	if len(o.sweeps) > 0 {
		if grid, err = campaign.Grid(given, o.sweeps); err != nil {
			return err
		}
	}
	view, err := o.view(s, o.run.scenario)
	if err != nil {
		return err
	}
	defer view.file.discard()
	if err := view.fit(&p.Settings); err != nil {
		return err
	}
	if o.until != "" {
		if view.gate.Until, err = o.condition(&p.Settings); err != nil {
			return err
		}
		p.Stop = stopAt(view.gate.Until)
	}
	defer patience(s.getenv)()
	progress := &campaignProgress{runs: o.runsOf(p, grid)}
	live := startLine(s, o.quiet, progress.parts)
	p.Progress = progress.step
	began := time.Now()
	show, err := o.perform(ctx, p, given, grid)
	live.end()
	if err != nil {
		return err
	}
	return show(view, report.Meta{
		StartedAt: began.UTC().Format(time.RFC3339),
		RealMS:    float64(time.Since(began).Microseconds()) / 1000,
		Version:   version(),
		Go:        runtime.Version(),
	})
}

// runsOf is the number of runs to make; 0 if that is not known yet.
func (o *campaignOptions) runsOf(p campaign.Plan, grid []campaign.Variant) int64 {
	switch {
	case grid != nil:
		return p.Size() * int64(len(grid))
	case o.determinism:
		return p.Size() * 2
	case o.ablate:
		return 0 // the patterns in place decide
	}
	return p.Size()
}

// patience lets the heap grow to five times what is in use before garbage is collected, until the function that it
// returns is called. A run allocates much and keeps little: this costs some 10 MB and saves a fifth of the time. GOGC
// wins.
func patience(getenv func(string) string) (restore func()) {
	if getenv("GOGC") != "" {
		return func() {}
	}
	was := debug.SetGCPercent(400)
	return func() { debug.SetGCPercent(was) }
}

// shower shows a finished document and returns the error that is its exit code.
type shower func(*campaignView, report.Meta) error

// perform makes the runs, and returns what shows their document.
func (o *campaignOptions) perform(
	ctx context.Context, p campaign.Plan, given *settings.Given, grid []campaign.Variant,
) (shower, error) {
	switch {
	case grid != nil:
		doc, err := campaign.Sweep(ctx, p, grid, o.sort)
		if err != nil {
			return nil, err
		}
		return study(doc, &doc.Meta, format.Sweep, sweepError), nil
	case o.ablate:
		doc, err := campaign.Ablate(ctx, p, given)
		if err != nil {
			return nil, err
		}
		return study(doc, &doc.Meta, format.Ablation, ablationError), nil
	case o.determinism:
		doc, err := campaign.CheckDeterminism(ctx, p)
		if err != nil {
			return nil, err
		}
		return study(doc, &doc.Meta, format.Determinism, determinismError), nil
	}
	c, err := campaign.Run(ctx, p)
	return func(v *campaignView, m report.Meta) error {
		c.Meta = m
		return v.show(c)
	}, err
}

// study shows a document about several campaigns.
func study[D any](
	doc D, meta *report.Meta, formats func(D) format.Document, answer func(D) error,
) shower {
	return func(v *campaignView, m report.Meta) error {
		*meta = m
		return v.write(formats(doc), answer(doc))
	}
}
