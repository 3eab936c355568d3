package runner

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"time"

	"faultflow/internal/report"
	"faultflow/internal/simulate"
)

// Many makes a virtual run of s with each of the seeds, in their order, and shows its report to visit. The report has no
// timeline, no list of cycles, no details of patterns and no hash, and is overwritten once visit has returned. An error
// of visit ends it and is returned, and so is the cancellation of ctx, after the run under way. s.Seed and s.Virtual are
// not used; s must be valid and have no input. Many is safe for concurrent use: one call for each processor is quickest,
// the more so with a patient garbage collector (debug.SetGCPercent(400)), since a run leaves much behind and keeps little.
func Many(ctx context.Context, s Settings, seeds iter.Seq[uint64], visit func(*report.Report) error) (err error) {
	s.Seed, s.Virtual = 0, true
	if s.Input.Path != "" {
		return badSettingError("input", s.Input.Path, "many runs read no input: each would need one of its own")
	}
	if err := s.Validate(); err != nil {
		return err
	}
	r := &run{given: s.complete(), light: true}
	b := openBubble(r)
	defer func() { err = cmp.Or(err, b.close()) }()
	for seed := range seeds {
		if s.Seed = seed; seed > MaxSeed {
			return s.Validate()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := b.make(seed); err != nil {
			return fmt.Errorf("seed %d: %w", seed, err)
		}
		if b.lived += r.made.DurationMS; b.lived > bubbleYear {
			old := b
			b = openBubble(r)
			if err := old.close(); err != nil {
				return err
			}
		}
		if err := visit(&r.made); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// bubble is virtual time in which one run after the other is made, for a caller outside of it. Between two runs it waits
// for that caller, and no time passes.
type bubble struct {
	seeds chan uint64
	made  chan error
	lived float64       // ms of its own time
	ended chan struct{} // is closed once err is the bubble's
	err   error
}

// bubbleYear is how long a bubble may live, in milliseconds. Its time begins in the year 2000, and a time.Time can count
// the nanoseconds of some 260 years from there.
const bubbleYear = float64(365 * 24 * time.Hour / time.Millisecond)

// openBubble begins a bubble for runs of r.
func openBubble(r *run) *bubble {
	b := &bubble{seeds: make(chan uint64), made: make(chan error), ended: make(chan struct{})}
	go func() {
		defer close(b.ended)
		b.err = simulate.Virtually(func() {
			for seed := range b.seeds {
				r.given.Seed = seed
				_, err := r.make(context.Background(), nil)
				b.made <- err
			}
		})
	}()
	return b
}

// make makes the run with that seed.
func (b *bubble) make(seed uint64) error {
	b.seeds <- seed
	select {
	case err := <-b.made:
		return err
	case <-b.ended:
		return b.err
	}
}

// close ends the bubble. It returns the bubble's error, such as that a run left a goroutine behind.
func (b *bubble) close() error {
	close(b.seeds)
	<-b.ended
	return b.err
}
