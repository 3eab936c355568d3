package runner

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"time"

	"faultflow/internal/report"
	"faultflow/internal/settings"
	"faultflow/internal/simulate"
	"faultflow/internal/workflow"
)

// RunSeeds makes a virtual run of s with each of the seeds, in their order, and shows its report to visit. The reports
// are those of Run but for meta and the timeline, which only drills have: keeping it takes 1 to 5 % longer. An error of
// visit ends the runs and is returned, and so is the cancellation of ctx, which ends the run under way, too. s.Seed and s.Clock
// are not used; s must be valid and have no input. RunSeeds is safe for concurrent use: one call for each processor is
// quickest, the more so with a patient garbage collector (debug.SetGCPercent(400)), since a run leaves much behind and
// keeps little.
func RunSeeds(
	ctx context.Context, s settings.Settings, seeds iter.Seq[uint64], visit func(*report.Report) error,
) (err error) {
	return makeSeeds(ctx, s, seeds, false, visit)
}

// RunSeedsInFull is RunSeeds with reports that have their timeline.
func RunSeedsInFull(
	ctx context.Context, s settings.Settings, seeds iter.Seq[uint64], visit func(*report.Report) error,
) (err error) {
	return makeSeeds(ctx, s, seeds, true, visit)
}

func makeSeeds(
	ctx context.Context, s settings.Settings, seeds iter.Seq[uint64], timeline bool, visit func(*report.Report) error,
) (err error) {
	s.Seed, s.Clock = 0, settings.ClockVirtual
	if s.Input != "" {
		return &settings.Error{
			Name:    "input",
			Value:   s.Input,
			Problem: "many runs read no input: each would need one of its own",
		}
	}
	if err := s.Validate(); err != nil {
		return err
	}
	whole := complete(s)
	if err := checkUnderWay(&whole); err != nil {
		return err
	}
	cancelled := func() bool { return ctx.Err() != nil }
	b := openBubble(whole, timeline, cancelled, nil)
	defer func() { err = cmp.Or(err, b.close()) }()
	for seed := range seeds {
		if s.Seed = seed; seed > settings.MaxSeed {
			return s.Validate()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		rep, err := b.run(seed)
		if err != nil {
			return fmt.Errorf("seed %d: %w", seed, err)
		}
		if err := ctx.Err(); err != nil && rep.Interrupted {
			return err
		}
		if b.lived += rep.DurationMS; b.lived > bubbleYear {
			old := b
			b = openBubble(whole, timeline, cancelled, nil)
			if err := old.close(); err != nil {
				return err
			}
		}
		if err := visit(rep); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// bubble is virtual time in which one run after the other is made, for a caller outside of it: a bubble for each run
// takes 18 % longer. Between two runs it waits for that caller, and no time passes.
type bubble struct {
	seeds chan uint64
	runs  chan result
	lived float64       // ms of its own time
	ended chan struct{} // is closed once err is the bubble's
	err   error
}

// result is what Run returns.
type result struct {
	report *report.Report
	err    error
}

// bubbleYear is how long a bubble may live, in milliseconds. Its time begins in the year 2000, and a time.Time can
// count the nanoseconds of some 260 years from there.
const bubbleYear = float64(365 * 24 * time.Hour / time.Millisecond)

// openBubble begins a bubble for runs with these settings, which end early once they are cancelled. observe may be nil.
func openBubble(
	s settings.Settings, timeline bool, cancelled func() bool, observe func(workflow.Event),
) *bubble {
	bounded := outlives(&s, virtualLimit)
	b := &bubble{seeds: make(chan uint64), runs: make(chan result), ended: make(chan struct{})}
	go func() {
		defer close(b.ended)
		b.err = simulate.Virtually(func() {
			var same *breakage // of all seeds, unless it is drawn
			for seed := range b.seeds {
				r := &run{settings: s, bounded: bounded, observe: observe, countOnly: !timeline, breakage: same}
				r.settings.Seed = seed
				rep, err := r.make(context.Background(), cancelled)
				if r.breakage != nil && !r.breakage.drawn {
					same = r.breakage
				}
				b.runs <- result{rep, err}
			}
		})
	}()
	return b
}

// run makes the run with that seed.
func (b *bubble) run(seed uint64) (*report.Report, error) {
	b.seeds <- seed
	select {
	case made := <-b.runs:
		return made.report, made.err
	case <-b.ended:
		return nil, b.err
	}
}

// close ends the bubble. It returns the bubble's error, such as that a run left a goroutine behind.
func (b *bubble) close() error {
	close(b.seeds)
	<-b.ended
	return b.err
}
