// Package campaign makes many runs, each with a seed of its own, and tells how often, how long and how bad: one
// campaign, in parts on several machines, over a grid of settings, or with each pattern taken away in turn. What it
// finds depends on settings and seeds alone.
package campaign

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"faultflow/internal/expect"
	"faultflow/internal/report"
	"faultflow/internal/runner"
	"faultflow/internal/settings"
)

// MaxRuns is the most runs of a campaign.
const MaxRuns = 1_000_000_000

// Plan says what a campaign is made of.
type Plan struct {
	// Settings are those of every run; the first run has their seed, each further one the next. They must be valid and
	// have no input.
	Settings settings.Settings
	// Runs is how many there are in all parts together.
	Runs int64
	// Part is the one to make; the zero Part is all.
	Part report.Part
	// Scenario is the name of the scenario that the settings are from, "" for none.
	Scenario string
	// Repeat returns the command that shows the run with a seed, and with some settings changed.
	Repeat func(seed uint64, changed ...settings.Assignment) string
	// changed are the settings in which a variant of the plan differs from it.
	changed []settings.Assignment
	// Until is a condition as it was written, Stop what evaluates it; nil makes all runs. It is asked after every
	// StopEvery runs, or UntilEvery where that is 0, in the order of the seeds, so that where it stops depends on no
	// machine.
	Until     string
	Stop      func(*report.Campaign) (bool, error)
	StopEvery int64
	// Expectations are conditions over a run, of which the campaign tells in how many runs they held.
	Expectations []*expect.Condition
	// Progress is told of each run as it ends, by several goroutines at once. It may be nil.
	Progress func()
}

// UntilEvery is after how many runs a campaign's condition is asked.
const UntilEvery = 1000

// Run makes a campaign, on every core. Cancelling ctx ends it early; that is not an error, the campaign says so. Only
// Meta is left to the caller.
func Run(ctx context.Context, p Plan) (*report.Campaign, error) {
	if err := p.Settings.Validate(); err != nil {
		return nil, err
	}
	all := newCrew(p)
	first, to := runsOf(p.Part, p.Runs)
	stop := false
	for from := first; from < to && !stop && ctx.Err() == nil; {
		next := to
		if p.Stop != nil {
			next = min(to, from+cmp.Or(p.StopEvery, UntilEvery))
		}
		if err := all.run(ctx, from, next); err != nil {
			return nil, err
		}
		from = next
		if p.Stop != nil && ctx.Err() == nil {
			var err error
			if stop, err = p.Stop(p.document(all.total())); err != nil {
				return nil, fmt.Errorf("campaign: %w", err)
			}
		}
	}
	c := p.document(all.total())
	c.Interrupted = !stop && c.Runs < to-first
	c.Until.Reached = stop
	return c, nil
}

// Size is how many runs the plan makes at most.
func (p *Plan) Size() int64 {
	from, to := runsOf(p.Part, p.Runs)
	return to - from
}

// runsOf is the runs of a part: from, inclusive, to, exclusive. Parts follow each other and differ by at most one run.
func runsOf(p report.Part, runs int64) (from, to int64) {
	if p.Of == 0 {
		return 0, runs
	}
	of, i := int64(p.Of), int64(p.Index)
	return runs * (i - 1) / of, runs * i / of
}

func (p *Plan) repeat(seed uint64) string { return p.Repeat(seed, p.changed...) }

// with is the plan with other settings, over the same seeds.
func (p Plan) with(v Variant) Plan {
	seed := p.Settings.Seed
	p.Settings, p.changed = v.Settings, v.Changed
	p.Settings.Seed = seed
	return p
}

// crew is the workers of a campaign, one a core.
type crew struct {
	plan    Plan
	workers []*worker
	// counts tells whether a run is one of the totals, by several goroutines at once. nil takes all.
	counts func(*report.Report) bool
}

// worker makes runs, one after the other, and adds them up.
type worker struct {
	totals *totals
	seed   uint64 // of the run under way
}

func newCrew(p Plan) *crew {
	c := &crew{plan: p}
	for range runtime.GOMAXPROCS(0) {
		c.workers = append(c.workers, &worker{totals: newTotals()})
	}
	return c
}

// run makes the runs from, inclusive, to, exclusive. The workers take them from one counter. A cancellation is no
// error.
func (c *crew) run(ctx context.Context, from, to int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var next atomic.Int64
	next.Store(from)
	errs := make([]error, len(c.workers))
	makeRuns := runner.RunSeeds
	if slices.ContainsFunc(c.plan.Expectations, func(e *expect.Condition) bool { return e.Reads("timeline") }) {
		makeRuns = runner.RunSeedsInFull
	}
	var all sync.WaitGroup
	for i, w := range c.workers {
		all.Go(func() {
			err := makeRuns(ctx, c.plan.Settings, c.seeds(w, &next, to), func(r *report.Report) error {
				return c.visit(w, r)
			})
			if err != nil && ctx.Err() == nil {
				errs[i] = fmt.Errorf("campaign: seed %d: %w", w.seed, err)
				cancel()
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func (c *crew) seeds(w *worker, next *atomic.Int64, to int64) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for i := next.Add(1) - 1; i < to; i = next.Add(1) - 1 {
			if w.seed = seedAt(c.plan.Settings.Seed, i); !yield(w.seed) {
				return
			}
		}
	}
}

func (c *crew) visit(w *worker, r *report.Report) error {
	if c.counts == nil || c.counts(r) {
		w.totals.add(r, c.plan.repeat)
		if err := w.totals.judge(r, c.plan.Expectations, c.plan.repeat); err != nil {
			return err
		}
	}
	w.totals.inspect(r, c.plan.repeat)
	if c.plan.Progress != nil {
		c.plan.Progress()
	}
	return nil
}

// total is what the workers have done so far.
func (c *crew) total() *totals {
	total := newTotals()
	for _, w := range c.workers {
		total.merge(w.totals)
	}
	return total
}

// document finishes the totals of the plan's runs.
func (p *Plan) document(total *totals) *report.Campaign {
	for i, e := range p.Expectations { // also those of a part without a run
		at(&total.Expect, i).Condition = e.Source
	}
	doc := total.finish()
	s := p.Settings
	s.Clock = settings.ClockVirtual
	doc.Scenario, doc.Settings, doc.Part = p.Scenario, runner.Recorded(s), p.Part
	doc.Seeds = report.Seeds{First: s.Seed, Count: p.Runs}
	doc.Until.Condition = p.Until
	return doc
}

// seedAt is the i-th seed from first on.
func seedAt(first uint64, i int64) uint64 { return (first + uint64(i)) % (settings.MaxSeed + 1) }
