package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

// loaded are settings made of flags, such as "load=60/s", on the virtual clock.
func loaded(t testing.TB, flags ...string) settings.Settings {
	t.Helper()
	g := new(settings.Given)
	for _, f := range append([]string{"clock=virtual"}, flags...) {
		name, value, _ := strings.Cut(f, "=")
		if err := g.Set(name, value); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
	}
	s, err := g.Settings()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// collapse is the queue of the lesson that all others begin with: 100/s, halted for ten seconds; attempts are cut at a
// second and tried again at once.
func collapse(t testing.TB, rate string, flags ...string) settings.Settings {
	return loaded(t, slices.Concat([]string{
		"load=" + rate, "for=300s", "batch-size=1", "fallback=false", "bulkhead=10000",
		"capacity=collector.fetch=service=10ms", "fault=collector.fetch=halt,from=20s,to=30s",
		"collector-timeout=1s", "collector-attempts=4", "retry-delay=0s", "jitter=0",
	}, flags)...)
}

func fetches(rep *report.Report) report.PlaceSeries {
	i := slices.IndexFunc(rep.Series.Places, func(p report.PlaceSeries) bool { return p.Place == catalog.PlaceFetch })
	return rep.Series.Places[i]
}

// share is a sum of buckets over another sum of them.
func share(of, all []int, from, to int) float64 {
	return float64(sum(of[from:to])) / float64(sum(all[from:to]))
}

// TestRetriesKeepItDown: a queue of 100/s whose callers give up after a second and try three times more comes back from
// an outage only below a quarter of its capacity, whatever the outage was; above it, each pass brings four calls, of
// which none is served in time.
func TestRetriesKeepItDown(t *testing.T) {
	if raceEnabled {
		t.Skip("statistics are the same under the race detector, which TestLoadSameSeedSameBytes has")
	}
	seeds := uint64(1)
	if full() {
		seeds = 20
	}
	for seed := range seeds {
		s := collapse(t, "24/s")
		s.Seed = seed
		rep := runReport(t, s)
		if got := share(rep.Series.Good, rep.Series.Ended, 280, 295); got < 0.99 {
			t.Errorf("seed %d, 24/s: %.3f of the passes are good at the end: it should have come back", seed, got)
		}
		s = collapse(t, "26/s")
		s.Seed = seed
		rep = runReport(t, s)
		if got := share(rep.Series.Good, rep.Series.Ended, 100, 290); got > 0.01 {
			t.Errorf("seed %d, 26/s: %.3f of the passes are good: it should stay down", seed, got)
		}
		if got := share(fetches(rep).Calls, rep.Series.Offered, 100, 290); math.Abs(got-4) > 0.2 {
			t.Errorf("seed %d, 26/s: %.2f calls a pass, want 4.0", seed, got)
		}
	}
}

// TestRetriesMultiply: where calls fail whatever the load, success and calls follow from the number of attempts alone.
func TestRetriesMultiply(t *testing.T) {
	if raceEnabled {
		t.Skip("statistics")
	}
	for _, test := range []struct{ f, success, calls float64 }{{0.2, 0.9984, 1.248}, {0.5, 0.9375, 1.875}} {
		s := loaded(t, "load=50/s", "for=200s", "batch-size=1", "fallback=false", "bulkhead=10000", "jitter=0",
			"retry-delay=0s", "collector-attempts=4", fmt.Sprintf("fault=collector.fetch=http_500,p=%v", test.f))
		rep := runReport(t, s)
		n := float64(rep.Passes.Ended)
		success := float64(rep.Passes.Good) / n
		if se := math.Sqrt(test.success * (1 - test.success) / n); math.Abs(success-test.success) > 3.5*se {
			t.Errorf("f = %v: %.4f of the passes succeed, want %.4f ± %.4f", test.f, success, test.success, se)
		}
		calls := float64(sum(fetches(rep).Calls)) / float64(rep.Passes.Offered)
		// The number of calls of a pass is geometric, cut at 4: its standard deviation is below 1.2.
		if math.Abs(calls-test.calls) > 3.5*1.2/math.Sqrt(n) {
			t.Errorf("f = %v: %.4f calls a pass, want %.4f", test.f, calls, test.calls)
		}
	}
}

// TestBulkheadIsErlangB: a bulkhead of 10 under 20 calls a second of 250 ms each, which is an offered load of 5, turns
// away what Erlang's formula says, 1.84 %.
func TestBulkheadIsErlangB(t *testing.T) {
	if raceEnabled {
		t.Skip("statistics")
	}
	s := loaded(t, "load=20/s", "for=3000s", "batch-size=1", "fallback=false", "bulkhead=10000",
		"collector-bulkhead=10",
		"collector-bulkhead-wait=0s", "collector-attempts=1", "capacity=collector.fetch=places=10000,service=250ms")
	rep := runReport(t, s)
	turned := float64(sum(fetches(rep).Turned[catalog.BulkheadFull]))
	n := float64(rep.Passes.Offered)
	const want = 0.0184
	// Passes that find it full come in clusters; twice the binomial error allows for that.
	if se := 2 * math.Sqrt(want*(1-want)/n); math.Abs(turned/n-want) > 3.5*se {
		t.Errorf("%.4f of the calls are turned away, want %.4f ± %.4f", turned/n, want, se)
	}
}

// TestLoadSameSeedSameBytes: whatever passes, clients and stations share, the report does not depend on the scheduler.
func TestLoadSameSeedSameBytes(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	families := map[string]settings.Settings{
		"all policies": loaded(t, "load=200/s", "load=300/s,from=1s,to=2s", "for=3s", "clients=100", "batch-size=3",
			"simulate-failures=true", "failure-type=network",
			"capacity=collector.fetch=places=3,service=exp:10ms,queue=200",
			"capacity=delivery.primary=places=2,service=lognormal:4ms/20ms,abandoned=drop,order=lifo",
			"capacity=processor.record=places=20,service=exp:20ms",
			"fault=delivery.primary=capacity_loss,factor=0.2,from=500ms,to=2s",
			"collector-breaker=true",
			"processor-breaker=true",
			"delivery-breaker=true",
			"breaker-open-for=1s",
			"rate-limit=50",
			"rate-limit-burst=3",
			"rate-limit-wait=50ms",
			"collector-timeout=300ms",
			"delivery-timeout=500ms",
			"retry-delay=50ms",
			"retry-budget=0.2",
			"deadline=2s",
			"hedge-after=50ms",
			"hedges=2",
			"adaptive-limit=20",
			"adaptive-queue=2",
			"throttle=0.5",
			"breaker-failure-rate=0.5",
			"breaker-open-jitter=0.2",
		),
		// A deadline ends all calls of an attempt at once, and default data are more records than a batch has.
		"a quantile under a deadline": loaded(t, "load=100/s", "for=2s", "clients=3", "batch-size=1", "workers=8",
			"simulate-failures=true", "failure-type=network",
			"capacity=collector.fetch=service=30ms",
			"rate-limit=20",
			"rate-limit-wait=1s",
			"timeout=100ms",
			"deadline=100ms",
			"hedge-after=p90",
			"hedges=2",
		),
		// The first answer cancels several slow calls at once, whose rows the next calls get.
		"rows that come too late": loaded(t, "load=100/s", "for=2s", "clients=3", "batch-size=3",
			"capacity=collector.fetch=places=100,service=10ms",
			"fault=collector.fetch=slow,p=0.8,by=1s",
			"fault=processor.record=error,p=0.5", // dead letters tell which records a pass has
			"collector-hedge-after=20ms",
			"collector-hedges=8",
		),
	}
	seeds := uint64(2)
	if full() {
		seeds = 25
	}
	for name, s := range families {
		t.Run(name, func(t *testing.T) {
			for s.Seed = range seeds {
				runtime.GOMAXPROCS(1)
				want := runJSON(t, s)
				for _, procs := range []int{2, 4, 8} {
					runtime.GOMAXPROCS(procs)
					if got := runJSON(t, s); !bytes.Equal(got, want) {
						t.Fatalf("seed %d: at GOMAXPROCS %d another report than at 1:\n%s",
							s.Seed, procs, firstDifference(got, want))
					}
				}
			}
		})
	}
}

// A pass has an own instant for each call that can act beside others: default data are ten records, whatever the batch,
// and each call of a hedged fetch may bring a batch.
func TestLanes(t *testing.T) {
	for flags, want := range map[string]int{
		"batch-size=1 workers=8 fallback=false":                               1,
		"batch-size=1 workers=8":                                              8,
		"batch-size=1 workers=20":                                             10,
		"batch-size=30 workers=8":                                             8,
		"batch-size=30 workers=8 processor-hedge-after=1s processor-hedges=2": 8 * 5,
		"batch-size=3 workers=30 fallback=false collector-hedge-after=1s collector-hedges=2": 15 * 5,
	} {
		s := loaded(t, strings.Fields(flags)...)
		if got := lanes(&s); got != want {
			t.Errorf("%s: %d lanes, want %d", flags, got, want)
		}
	}
}

// TestAnswerAtTheHedgesInstant: where an answer comes at the very instant at which its hedge is due, as it does where
// all calls take as long, there is no hedge, instead of one that the scheduler decides about.
func TestAnswerAtTheHedgesInstant(t *testing.T) {
	for _, after := range []string{"20ms", "p95"} {
		rep := runReport(t, loaded(t, "load=50/s", "for=2s", "batch-size=1", "bulkhead=1000", "collector-hedge-after="+after,
			"capacity=collector.fetch=places=100,service=20ms"))
		n := rep.Nodes[0] // the collector
		if n.Hedges > 0 || n.Lost > 0 || n.Attempts < 50 {
			t.Errorf("hedged after %s: %d hedges and %d lost of %d calls", after, n.Hedges, n.Lost, n.Attempts)
		}
	}
}

// TestAnyLoad: whatever the load, the capacities and the policies, no record and no pass is lost, and a dependency gets
// at least a call for each good pass. The bubble ends only when all goroutines have.
func TestAnyLoad(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		pick := func(name string, list ...string) string { return name + "=" + rapid.SampledFrom(list).Draw(rt, name) }
		flags := []string{
			pick("load", "5/s", "40/s,shape=constant", "1/s..60/s,to=3s", "100/s,from=1s,to=2s"),
			pick("for", "2s", "5s"),
			pick("clients", "1", "3", "20"),
			pick("batch-size", "1", "2", "10"),
			pick("workers", "1", "4"),
			pick("capacity", "collector.fetch=service=30ms", "collector.fetch=places=2,service=exp:50ms,queue=3",
				"delivery.primary=service=uniform:1ms/200ms,abandoned=drop", "processor.batch=service=10ms,order=lifo",
				"delivery.spool=service=20ms", "processor.record=service=exp:10ms,slope=5ms"),
			pick("timeout", "100ms", "1s"),
			pick("attempts", "1", "3"),
			pick("retry-delay", "0s", "40ms"),
			pick("bulkhead", "1", "4", "10000"),
			pick("rate-limit", "0", "20"),
			pick("collector-breaker", "true", "false"),
			pick("delivery-breaker", "true", "false"),
			pick("graph", "standard", "recovery"),
			pick("simulate-failures", "true", "false"),
		}
		s := loaded(t, flags...)
		s.Seed = rapid.Uint64Range(0, 1000).Draw(rt, "seed")
		rep := runReport(t, s)
		if !rep.Ledger.Balanced {
			rt.Errorf("the ledger does not balance: %+v", rep.Ledger)
		}
		p := rep.Passes
		if p.Offered != p.Ended+p.UnderWay || p.Good > p.Ended {
			rt.Errorf("passes %+v", p)
		}
		for _, list := range [][]int{rep.Series.Offered, rep.Series.Ended, rep.Series.Good, rep.Series.UnderWay} {
			if len(list) != len(rep.Series.Took) {
				rt.Errorf("series of %d and %d buckets", len(list), len(rep.Series.Took))
			}
		}
		if sum(rep.Series.Offered) != p.Offered || sum(rep.Series.Ended) != p.Ended || sum(rep.Series.Good) != p.Good {
			rt.Errorf("the series do not add up to %+v", p)
		}
		if last := rep.Series.UnderWay; len(last) > 0 && int64(last[len(last)-1]) != p.UnderWay {
			rt.Errorf("%d passes under way in the last bucket, %d at the end", last[len(last)-1], p.UnderWay)
		}
		for _, place := range rep.Series.Places {
			if place.Place == catalog.PlaceFetch && sum(place.Calls) < p.Good {
				rt.Errorf("%d calls for %d good passes", sum(place.Calls), p.Good)
			}
		}
	})
}

// TestLoadHasNoEffectOnAPassAlone: a load of one pass does what a cycle does, but for the wait until it begins.
func TestLoadOfCycles(t *testing.T) {
	s := loaded(t, "load=10/s,shape=constant", "cycles=25")
	rep := runReport(t, s)
	if rep.Passes.Offered != 25 || rep.Passes.Ended != 25 || rep.Passes.UnderWay != 0 || rep.Ledger.Spooled != 0 {
		t.Errorf("25 cycles of a load are %+v, %d records spooled", rep.Passes, rep.Ledger.Spooled)
	}
	if len(rep.Cycles.List) != 25 || rep.Cycles.List[24].Number != 25 {
		t.Errorf("cycles are listed as they ended, and not by number: %+v", rep.Cycles.List)
	}
}

// TestLoadInterrupted: an interruption ends the passes under way, and their records are drained.
func TestLoadInterrupted(t *testing.T) {
	s := loaded(t, "load=50/s", "for=1h")
	s.Clock = settings.ClockReal
	ctx, cancel := context.WithCancel(t.Context())
	var seen int
	rep, err := Run(ctx, s, Environment{Observe: func(e workflow.Event) {
		if catalog.EventKind(e.Kind) == catalog.ChannelTried {
			if seen++; seen == 3 {
				cancel()
			}
		}
	}})
	if err != nil || !rep.Interrupted || !rep.Ledger.Balanced || rep.Ledger.Spooled == 0 || rep.Passes.Offered == 0 {
		t.Errorf("%v, %+v, %+v", err, rep.Ledger, rep.Passes)
	}
}

// TestTooManyPasses: a load whose passes no memory holds is a usage error before anything runs.
func TestTooManyPasses(t *testing.T) {
	s := loaded(t, "load=100000/s", "for=5m", "max-delay=0s")
	_, err := Run(t.Context(), s, Environment{})
	var bad *settings.Error
	if !errors.As(err, &bad) || bad.Name != "load" {
		t.Errorf("got %v", err)
	}
	if err := RunSeeds(t.Context(), s, seedsTo(1), func(*report.Report) error { return nil }); !errors.As(err, &bad) {
		t.Errorf("RunSeeds: %v", err)
	}
}

// TestForEndsCycles: without a load, cycles begin until the time is over.
func TestForEndsCycles(t *testing.T) {
	rep := runReport(t, loaded(t, "for=12s", "interval=5s"))
	if rep.Cycles.Count != 3 {
		t.Errorf("%d cycles in 12 s, one every 5 s; want 3", rep.Cycles.Count)
	}
	if rep.DurationMS != 12_000 {
		t.Errorf("a run for 12 s lasts %v ms", rep.DurationMS)
	}
	if rep.Recovery.State != catalog.NotJudged || rep.Series.BucketMS != 0 {
		t.Errorf("a run without a load is judged: %+v", rep.Recovery)
	}
}

// A pass that had not ended when the run did is no good one and no bad one, and not an interruption of the run.
func TestUnderWayAtTheEnd(t *testing.T) {
	rep := runReport(t, loaded(t, "load=100/s", "for=2s", "delivery-bulkhead=10000", "collector-bulkhead=10000",
		"processor-bulkhead=10000"))
	if rep.Passes.UnderWay == 0 || rep.Interrupted || rep.Ledger.Spooled == 0 {
		t.Errorf("%+v, interrupted %t, %d spooled", rep.Passes, rep.Interrupted, rep.Ledger.Spooled)
	}
	for _, f := range rep.Findings {
		if f.Code == catalog.Interrupted {
			t.Errorf("finding %+v", f)
		}
	}
	if rep.DurationMS > 2100 {
		t.Errorf("it lasted %v ms", rep.DurationMS)
	}
}

// TestLoadOnTheRealClock: a tenth of the time and ten times the rate end in the same state as in virtual time, with
// real waits: what is found in virtual time holds outside of it. FAULTFLOW_FULL compares the goodput, too.
func TestLoadOnTheRealClock(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector is too slow for the rate")
	}
	for _, test := range []struct {
		rate string
		down bool
	}{{"400/s", true}, {"150/s", false}} {
		t.Run(test.rate, func(t *testing.T) {
			t.Parallel()
			s := loaded(t, "load="+test.rate, "for=6s", "batch-size=1", "fallback=false", "bulkhead=10000",
				"capacity=collector.fetch=service=1ms", "fault=collector.fetch=halt,from=1s,to=1500ms",
				"collector-timeout=100ms", "collector-attempts=4", "retry-delay=0s", "jitter=0")
			virtual := runReport(t, s)
			s.Clock = settings.ClockReal
			real := runReport(t, s)
			for _, rep := range []*report.Report{virtual, real} {
				from, to := int(4000/rep.Series.BucketMS), int(5000/rep.Series.BucketMS)
				if got := share(rep.Series.Good, rep.Series.Ended, from, to); test.down != (got < 0.05) || !test.down &&
					got < 0.95 {
					t.Errorf("%s clock: %.3f of the passes are good in the end", rep.Settings.Clock, got)
				}
			}
			// How many, a machine that does much else decides as well.
			goods := float64(real.Passes.Good) / float64(virtual.Passes.Good)
			if full() && (goods < 0.9 || goods > 1.1) {
				t.Errorf("%d good passes on the real clock, %d in virtual time", real.Passes.Good, virtual.Passes.Good)
			}
		})
	}
}

// What the run's end cuts off is no failure of a dependency, and a queue is not longer for it: the last bucket tells of
// the dependency as the ones before do.
func TestTheEndIsNoFailure(t *testing.T) {
	rep := runReport(t, loaded(t, "load=100/s,shape=constant", "for=3s", "batch-size=1", "bulkhead=10000", "attempts=1",
		"capacity=collector.fetch=places=10,service=200ms"))
	place := fetches(rep)
	if failed := sum(place.Failed); failed > 0 || rep.Passes.UnderWay == 0 {
		t.Errorf("%d calls failed, %d passes under way at the end", failed, rep.Passes.UnderWay)
	}
	last := len(place.Queued) - 1
	if longest := place.QueuedMax[last]; longest > int(rep.Passes.Offered) ||
		float64(longest) > 2*place.Queued[last]+10 {
		t.Errorf(
			"up to %d calls wait in the last bucket, %v on the average, of %d passes",
			longest,
			place.Queued[last],
			rep.Passes.Offered,
		)
	}
}
