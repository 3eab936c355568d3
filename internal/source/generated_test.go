package source

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/nodes"
	"faultflow/internal/simulate"
	"faultflow/internal/workflow"
)

// generated calls f in virtual time with a source of its own, in the first cycle of a run.
func generated(t *testing.T, seed uint64, f func(ctx context.Context, run *workflow.Stream, g *Generated)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		run := workflow.NewStream(nil)
		run.StartCycle(1)
		f(workflow.WithStream(t.Context(), run), run, NewGenerated(simulate.Rand(seed), unserved, 0))
	})
}

// Records are docs/original.md's: whole numbers from 1 to 1000, evenly spread, numbered on from fetch to fetch.
func TestGeneratedRecords(t *testing.T) {
	generated(t, 1, func(ctx context.Context, run *workflow.Stream, g *Generated) {
		const fetches, n = 40, 500
		if g.Name() != "primary_api" {
			t.Errorf("its name is %q", g.Name())
		}
		count, next := [10]int{}, 1
		low, high := math.Inf(1), math.Inf(-1)
		for i := range fetches {
			run.StartCycle(1 + i/2)
			b, err := g.Fetch(ctx, n)
			if err != nil || len(b.Records) != n || len(b.Rejected) != 0 {
				t.Fatalf("fetch %d: %d records, %d rejected, %v", i, len(b.Records), len(b.Rejected), err)
			}
			for _, r := range b.Records {
				want := nodes.Record{
					ID:        "record_" + strconv.Itoa(next),
					Value:     r.Value,
					Timestamp: time.Now().UTC(),
					Source:    "primary_api",
					Row:       int64(next),
					Line:      int64(next),
				}
				if r != want || r.Value != math.Trunc(r.Value) || r.Value < 1 || r.Value > 1000 || r.Validate() != nil {
					t.Fatalf("record %d is %+v", next, r)
				}
				low, high = min(low, r.Value), max(high, r.Value)
				count[int(r.Value-1)/100]++
				next++
			}
		}
		if low != 1 || high != 1000 {
			t.Errorf("values are in %v–%v, want 1–1000", low, high)
		}
		for i, c := range count {
			if want, sd := float64(fetches*n/10), math.Sqrt(fetches*n*0.1*0.9); math.Abs(float64(c)-want) > 5*sd {
				t.Errorf("%d values in %d–%d, want about %v", c, 100*i+1, 100*i+100, want)
			}
		}
	})
}

// A fetch takes 0.1–0.5 s (docs/original.md) and a health check a moment, each its own time, to the nanosecond.
func TestGeneratedLatency(t *testing.T) {
	generated(t, 1, func(ctx context.Context, run *workflow.Stream, g *Generated) {
		var fetches, checks []time.Duration
		for i := range 200 {
			if i%4 == 0 {
				run.StartCycle(1 + i/4)
				began := time.Now()
				if err := g.Health(ctx); err != nil {
					t.Fatal(err)
				}
				checks = append(checks, time.Since(began))
			}
			began := time.Now()
			if _, err := g.Fetch(ctx, 1); err != nil {
				t.Fatal(err)
			}
			fetches = append(fetches, time.Since(began))
		}
		slices.Sort(fetches)
		slices.Sort(checks)
		if low, high := fetches[0], fetches[len(fetches)-1]; low < minFetch || low > 110*time.Millisecond ||
			high >= maxFetch || high < 490*time.Millisecond {
			t.Errorf("fetches take %v–%v, want all of 0.1–0.5 s", low, high)
		}
		if low, high := checks[0], checks[len(checks)-1]; low < minPing || high >= maxPing {
			t.Errorf("health checks take %v–%v, want 5–25 ms", low, high)
		}
		if len(slices.Compact(fetches)) != 200 || len(slices.Compact(checks)) != 50 {
			t.Error("two calls take the same time")
		}
	})
}

// The same seed gives the same records, however many calls failed before them.
func TestGeneratedDependsOnTheSeed(t *testing.T) {
	values := func(seed uint64, failures int) (v []float64) {
		generated(t, seed, func(ctx context.Context, _ *workflow.Stream, g *Generated) {
			cancelled, cancel := context.WithCancel(ctx)
			cancel()
			for range failures {
				if b, err := g.Fetch(cancelled, 10); !errors.Is(err, context.Canceled) || b.Len() != 0 {
					t.Fatalf("a fetch that is cut off gives %d rows, %v", b.Len(), err)
				}
			}
			b, err := g.Fetch(ctx, 20)
			if err != nil || b.Records[0].Line != 1 {
				t.Fatalf("%+v, %v", b.Records[0], err)
			}
			for _, r := range b.Records {
				v = append(v, r.Value)
			}
		})
		return v
	}
	first := values(1, 0)
	if !slices.Equal(first, values(1, 0)) || !slices.Equal(first, values(1, 3)) {
		t.Error("the same seed gives other records")
	}
	if slices.Equal(first, values(2, 0)) {
		t.Error("another seed gives the same records")
	}
}

// Both calls end when they are cancelled.
func TestGeneratedIsCutOff(t *testing.T) {
	generated(t, 1, func(ctx context.Context, _ *workflow.Stream, g *Generated) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		if err := g.Health(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("health check: %v", err)
		}
		if _, err := g.Fetch(ctx, 5); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("fetch: %v", err)
		}
		if time.Since(began) != time.Millisecond {
			t.Errorf("they took %v", time.Since(began))
		}
	})
}

// unserved are the places without a capacity: all of them.
func unserved(catalog.Place) bool { return false }
