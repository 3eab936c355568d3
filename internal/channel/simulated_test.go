package channel

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"faultflow/internal/nodes"
	"faultflow/internal/simulate"
	"faultflow/internal/workflow"
)

// batchUnder is a delivery of n records under a key.
func batchUnder(key string, n int) nodes.Delivery {
	d := nodes.Delivery{Key: key}
	for i := range n {
		d.Records = append(d.Records, processed("r"+strconv.Itoa(i)))
	}
	return d
}

// inCycle calls f in virtual time, in the first cycle of a run.
func inCycle(t *testing.T, f func(ctx context.Context, run *workflow.Stream)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		run := workflow.NewStream(nil)
		run.StartCycle(1)
		f(workflow.WithStream(t.Context(), run), run)
	})
}

// A delivery takes 0.2–0.8 s (docs/original.md), each another time, and the same times in every run with the seed.
func TestSimulatedLatency(t *testing.T) {
	times := func(name string, seed uint64) (took []time.Duration) {
		inCycle(t, func(ctx context.Context, run *workflow.Stream) {
			c := NewSimulated(name, simulate.Rand(seed), false)
			for i := range 200 {
				run.StartCycle(1 + i/20)
				began := time.Now()
				if n, err := c.Deliver(ctx, batchUnder(strconv.Itoa(i), 3)); n != 3 || err != nil {
					t.Fatalf("delivery %d: %d, %v", i, n, err)
				}
				took = append(took, time.Since(began))
			}
		})
		return took
	}
	first := times("primary", 1)
	sorted := slices.Sorted(slices.Values(first))
	if low, high := sorted[0], sorted[len(sorted)-1]; low < minDelivery || low > 220*time.Millisecond ||
		high >= maxDelivery || high < 780*time.Millisecond {
		t.Errorf("deliveries take %v–%v, want all of 0.2–0.8 s", low, high)
	}
	if len(slices.Compact(sorted)) != len(first) {
		t.Error("two deliveries take the same time to the nanosecond")
	}
	if !slices.Equal(first, times("primary", 1)) {
		t.Error("the same seed gives other times")
	}
	if slices.Equal(first, times("primary", 2)) || slices.Equal(first, times("secondary", 1)) {
		t.Error("another seed or channel gives the same times")
	}
}

// A delivery that is cut off arrives nowhere.
func TestSimulatedIsCutOff(t *testing.T) {
	inCycle(t, func(ctx context.Context, _ *workflow.Stream) {
		c := NewSimulated("primary", simulate.Rand(1), false)
		ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		n, err := c.Deliver(ctx, batchUnder("k", 5))
		if n != 0 || !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 100*time.Millisecond ||
			c.Stored() != 0 {
			t.Errorf("%d, %v after %v; %d records stored", n, err, time.Since(began), c.Stored())
		}
	})
}

// A channel that recognises a key takes its records once; backup can't, and has them twice.
func TestSimulatedRecognisesKeys(t *testing.T) {
	type send struct {
		cycle  int
		key    string
		n      int
		stored int64 // in all, by a channel that recognises keys
	}
	tests := []struct {
		name  string
		sends []send
	}{
		{"once", []send{{1, "run/1/0", 5, 5}}},
		{"again", []send{{1, "run/1/0", 5, 5}, {1, "run/1/0", 5, 5}, {1, "run/1/0", 5, 5}}},
		{"other keys", []send{{1, "run/1/0", 5, 5}, {1, "run/1/5", 3, 8}, {1, "run/1/0", 5, 8}}},
		{"next cycle", []send{{1, "run/1/0", 5, 5}, {2, "run/2/0", 5, 10}, {2, "run/2/0", 5, 10}}},
		// It remembers keys for as long as they are used, which is a cycle.
		{"forgotten", []send{{1, "run/1/0", 5, 5}, {2, "run/1/0", 5, 10}}},
		// A channel that had nothing or a part of a delivery still takes the rest of it.
		{"nothing first", []send{{1, "run/1/0", 0, 0}, {1, "run/1/0", 5, 5}}},
		{"a part first", []send{{1, "run/1/0", 2, 2}, {1, "run/1/0", 5, 5}, {1, "run/1/0", 3, 5}}},
	}
	for _, name := range []string{"primary", "webhook", "backup"} {
		for _, test := range tests {
			inCycle(t, func(ctx context.Context, run *workflow.Stream) {
				c := NewSimulated(name, simulate.Rand(1), false)
				if c.Name() != name || c.Idempotent() != (name != "backup") {
					t.Fatalf("%s: name %q, idempotent %v", name, c.Name(), c.Idempotent())
				}
				all := int64(0)
				for i, s := range test.sends {
					run.StartCycle(s.cycle)
					if n, err := c.Deliver(ctx, batchUnder(s.key, s.n)); n != s.n || err != nil {
						t.Fatalf("%s, %s, delivery %d: %d, %v", name, test.name, i, n, err)
					}
					all += int64(s.n)
					want := s.stored
					if name == "backup" {
						want = all
					}
					if c.Stored() != want {
						t.Errorf("%s, %s: %d records stored after delivery %d, want %d",
							name, test.name, c.Stored(), i, want)
					}
				}
			})
		}
	}
}

// The spool of a run without files takes everything, unless the run is over.
func TestMemorySpool(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	if err := (MemorySpool{}).Write(ctx, batchUnder("k", 5)); err != nil {
		t.Error(err)
	}
	cancel()
	if err := (MemorySpool{}).Write(ctx, batchUnder("k", 5)); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}
