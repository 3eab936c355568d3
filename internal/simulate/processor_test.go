package simulate_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"

	"faultflow/internal/nodes"
	"faultflow/internal/workflow"
)

// failedOf processes a batch in the given order of its records and returns which of them failed.
func failedOf(ctx context.Context, p nodes.Processor, batch []nodes.Record, order []int) (failed []int64) {
	for _, i := range order {
		if _, err := p.Process(ctx, batch[i]); err != nil {
			failed = append(failed, batch[i].Line)
		}
	}
	slices.Sort(failed)
	return failed
}

// The calls of processor.record are counted in the order of the batch, whatever order the workers take the records in,
// and from batch to batch on.
func TestRecordCallsFollowTheBatch(t *testing.T) {
	batch := batchOf(6)
	for _, order := range [][]int{{0, 1, 2, 3, 4, 5}, {5, 4, 3, 2, 1, 0}, {2, 0, 4, 1, 5, 3}} {
		inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
			p := plan(t, "processor.record=error,calls=2+5+7+12").Processor(&worker{})
			for i, want := range [][]int64{{2, 5}, {1, 6}, nil} {
				if err := p.Begin(ctx, batch); err != nil {
					t.Fatal(err)
				}
				if got := failedOf(ctx, p, batch, order); !slices.Equal(got, want) {
					t.Errorf("order %v, batch %d: %v failed, want %v", order, i+1, got, want)
				}
			}
		})
	}
}

// A random fault hits the same records whatever the order, and other records when the batch is tried again.
func TestRecordFaultsAreDrawnByRecord(t *testing.T) {
	inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
		batch := batchOf(40)
		order := make([]int, len(batch))
		for i := range order {
			order[i] = i
		}
		tries := func() (failed [][]int64) {
			p := plan(t, "processor.record=error,p=0.5").Processor(&worker{})
			for range 2 {
				if err := p.Begin(ctx, batch); err != nil {
					t.Fatal(err)
				}
				failed = append(failed, failedOf(ctx, p, batch, order))
			}
			return failed
		}
		forward := tries()
		slices.Reverse(order)
		backward := tries()
		if !slices.EqualFunc(forward, backward, slices.Equal) {
			t.Errorf("the order decides which records fail: %v and %v", forward, backward)
		}
		if slices.Equal(forward[0], forward[1]) {
			t.Errorf("both attempts failed for the same records: %v", forward[0])
		}
	})
}

// Records are processed by several workers at once.
func TestRecordFaultsAreSafeForConcurrentUse(t *testing.T) {
	inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
		pl := plan(t, "processor.record=error,every=3", "processor.record=missing_fields,p=0.3")
		p := pl.Processor(nodes.Doubler{Rand: func(nodes.Key) float64 { return 0.5 }})
		batch := batchOf(30)
		if err := p.Begin(ctx, batch); err != nil {
			t.Fatal(err)
		}
		var workers sync.WaitGroup
		for _, r := range batch {
			workers.Go(func() { _, _ = p.Process(ctx, r) })
		}
		workers.Wait()
		if c := pl.Counts(); c[0].Armed != 30 || c[0].Fired != 10 || c[1].Armed != 20 {
			t.Errorf("counts %+v", c)
		}
	})
}

// A batch that fails as a whole does not reach the processor, and its records are no calls.
func TestFailedBatchIsNotBegun(t *testing.T) {
	inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
		w := &worker{}
		p := plan(t, "processor.batch=error,first=1", "processor.record=error,calls=2").Processor(w)
		batch := batchOf(3)
		if err := p.Begin(ctx, batch); err == nil || w.begun != 0 {
			t.Errorf("the first attempt gives %v, and the processor began %d times", err, w.begun)
		}
		if err := p.Begin(ctx, batch); err != nil || w.begun != 1 {
			t.Errorf("the second attempt gives %v, and the processor began %d times", err, w.begun)
		}
		if got := failedOf(ctx, p, batch, []int{0, 1, 2}); !slices.Equal(got, []int64{2}) {
			t.Errorf("%v failed, want the second record of the batch", got)
		}
	})
}

// A partial answer covers the first share of the batch; the other records fail and do not reach the processor. The next
// attempt covers all of them again.
func TestPartialBatch(t *testing.T) {
	inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
		w := &worker{}
		p := plan(t, "processor.batch=partial,share=0.4,first=1").Processor(w)
		batch := batchOf(5)
		for _, want := range [][]int64{{3, 4, 5}, nil} {
			if err := p.Begin(ctx, batch); err != nil {
				t.Fatal(err)
			}
			if got := failedOf(ctx, p, batch, []int{4, 3, 2, 1, 0}); !slices.Equal(got, want) {
				t.Errorf("%v failed, want %v", got, want)
			}
		}
		if want := []string{"r2", "r1", "r5", "r4", "r3", "r2", "r1"}; !slices.Equal(w.reached, want) {
			t.Errorf("%v reached the processor, want %v", w.reached, want)
		}
		_, err := p.Process(ctx, batch[0])
		if err != nil {
			t.Errorf("a covered record fails: %v", err)
		}
	})
	inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
		p := plan(t, "processor.batch=partial").Processor(&worker{})
		batch := batchOf(5)
		if err := p.Begin(ctx, batch); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Process(ctx, batch[2]); !errors.Is(err, nodes.ErrPartial) {
			t.Errorf("a record that is not covered fails with %v", err)
		}
	})
}

// The data kinds damage the record on its way to the processor, which then finds it invalid; all others pass untouched.
func TestSpoiledRecordsOfProcessing(t *testing.T) {
	for kind, spoiled := range map[string]func(float64) bool{
		"missing_fields": math.IsNaN,
		"out_of_range":   func(v float64) bool { return v > nodes.MaxValue },
	} {
		inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
			w := &worker{}
			p := plan(t, "processor.record="+kind+",calls=2").Processor(w)
			batch := batchOf(3)
			if err := p.Begin(ctx, batch); err != nil {
				t.Fatal(err)
			}
			for _, r := range batch {
				_, _ = p.Process(ctx, r)
			}
			for i, got := range w.received {
				if i == 1 && spoiled(got.Value) {
					got.Value = batch[i].Value
				} else if i == 1 {
					t.Errorf("%s left the value %v", kind, got.Value)
				}
				if got != batch[i] {
					t.Errorf("%s: record %d arrived as %+v", kind, i+1, got)
				}
			}
		})
	}
}

// A new cycle counts its attempts anew, so that each cycle's decisions depend on nothing before it.
func TestRecordFaultsStartAnewEachCycle(t *testing.T) {
	second := func(attempts int) (failed []int64) {
		inRun(t, func(t *testing.T, ctx context.Context, run *workflow.Stream) {
			p := plan(t, "processor.record=error,p=0.5").Processor(&worker{})
			batch, order := batchOf(20), []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19}
			for range attempts {
				_ = p.Begin(ctx, batch)
			}
			run.StartCycle(2)
			_ = p.Begin(ctx, batch)
			failed = failedOf(ctx, p, batch, order)
		})
		return failed
	}
	if once, often := second(1), second(4); !slices.Equal(once, often) {
		t.Errorf("cycle 2 failed for %v after one attempt in cycle 1, for %v after four", once, often)
	}
}
