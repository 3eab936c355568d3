package runner

import (
	"context"
	"math"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// full is true for the full size of the tests that CI runs in a smaller one (make full).
func full() bool { return os.Getenv("FAULTFLOW_FULL") != "" }

// sample is what many seeds of a profile came to.
type sample struct{ runs, fellBack, recovered, spooled, low, degraded, failed, lost atomic.Int64 }

func (s *sample) add(r *report.Report) {
	count := func(c *atomic.Int64, when bool) {
		if when {
			c.Add(1)
		}
	}
	s.runs.Add(1)
	count(&s.fellBack, r.Collection.Origins[catalog.FromSource] == 0)
	count(&s.recovered, r.Processing.Modes[catalog.ModePartial]+r.Processing.Modes[catalog.ModeFallback] > 0)
	count(&s.spooled, r.Delivery.Spooled > 0)
	count(&s.low, r.Processing.LowSuccess > 0)
	count(&s.degraded, r.Verdict == catalog.Degraded)
	count(&s.failed, r.Verdict == catalog.Failed)
	s.lost.Add(r.Ledger.Lost)
}

// TestRatesOfTheOriginal holds the profiles against docs/original.md's last table: each rate within 3.5 standard
// errors, no run failed, no record unaccounted for.
func TestRatesOfTheOriginal(t *testing.T) {
	const spool = 0.1 * 0.2 * 0.05 * 0.05 * 0.05
	// 7 or more of 30 records, each failing alone at 0.05.
	low := 1.0
	for k := range 7 {
		low -= binomial(30, k) * math.Pow(0.05, float64(k)) * math.Pow(0.95, float64(30-k))
	}
	for _, profile := range []struct {
		name                                        string
		fellBack, recovered, spooled, low, degraded float64
	}{
		{"network", 0.064, 0.00001, spool, low, 0.0645},
		{"processing", 0.001, 0.03125, spool, low, 0.0328},
		{"storage", 0.001, 0.00001, 0.07776, low, 0.0792},
	} {
		t.Run(profile.name, func(t *testing.T) {
			seeds := 6_000
			switch {
			case full():
				seeds = 1_000_000
			case raceEnabled, testing.Short():
				seeds = 1_000
			}
			got := sampleSeeds(t, profile.name, seeds)
			for _, rate := range []struct {
				name  string
				count int64
				want  float64
			}{
				{"collector used fallback data", got.fellBack.Load(), profile.fellBack},
				{"processing used partial or fallback", got.recovered.Load(), profile.recovered},
				{"emergency file", got.spooled.Load(), profile.spooled},
				{"low success warning", got.low.Load(), profile.low},
				{"degraded", got.degraded.Load(), profile.degraded},
			} {
				n := float64(got.runs.Load())
				rateOf, se := float64(rate.count)/n, math.Sqrt(rate.want*(1-rate.want)/n)
				t.Logf("%-36s %.6f, want %.6f (%+.1f standard errors)", rate.name, rateOf, rate.want, (rateOf-rate.want)/se)
				// Of an event that is not expected even once, one may still happen.
				if math.Abs(rateOf-rate.want) > 3.5*se && !(rate.count == 1 && rate.want*n < 1) {
					t.Errorf("%s: %.6f in %d runs, want %.6f ± %.6f", rate.name, rateOf, got.runs.Load(), rate.want, 3.5*se)
				}
			}
			if got.failed.Load() != 0 || got.lost.Load() != 0 {
				t.Errorf("%d runs failed and %d records are unaccounted for, want none", got.failed.Load(), got.lost.Load())
			}
		})
	}
}

func binomial(n, k int) float64 {
	c := 1.0
	for i := range k {
		c = c * float64(n-i) / float64(i+1)
	}
	return c
}

func sampleSeeds(t *testing.T, profile string, seeds int) *sample {
	t.Helper()
	s := settings.Defaults()
	s.SimulateFailures, s.FailureType = true, profile
	var got sample
	var next atomic.Uint64
	each := func(yield func(uint64) bool) {
		for i := next.Add(1); i <= uint64(seeds) && yield(i); i = next.Add(1) {
		}
	}
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			err := RunSeeds(context.Background(), s, each, func(r *report.Report) error {
				got.add(r)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	workers.Wait()
	return &got
}

// TestOtherProfilesNeverFail: the profiles that docs/original.md has no figures for lose nothing and never fail either.
func TestOtherProfilesNeverFail(t *testing.T) {
	for _, profile := range []string{"random", "data", "resource", "degradation"} {
		t.Run(profile, func(t *testing.T) {
			seeds := 20_000
			if !full() {
				seeds = 2_000
			}
			if (raceEnabled || testing.Short()) && !full() {
				seeds = 300
			}
			got := sampleSeeds(t, profile, seeds)
			if got.failed.Load() != 0 || got.lost.Load() != 0 {
				t.Errorf("%d runs failed and %d records are unaccounted for, want none", got.failed.Load(), got.lost.Load())
			}
			if got.degraded.Load() == 0 {
				t.Error("no run was degraded: the profile breaks nothing")
			}
		})
	}
}
