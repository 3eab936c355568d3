//go:build unix

package runner

import (
	"context"
	"errors"
	"math"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/fallback"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"
	"github.com/sony/gobreaker/v2"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/report"
	"faultflow/internal/resilience"
	"faultflow/internal/settings"
	"faultflow/internal/simulate"
)

// patient lets the garbage collector wait as RunSeeds advises, for whatever is timed beside RunSeeds as well.
func patient(b *testing.B) {
	was := debug.SetGCPercent(400)
	b.Cleanup(func() { debug.SetGCPercent(was) })
}

// turnRuns is how many runs each goroutine makes in a turn, which is one operation of the benchmarks that take turns.
const turnRuns = 256

// BenchmarkRunSeeds times the runs of each profile through RunSeeds, on as many goroutines as there are processors, and
// beside them the same policy calls and sleeps written bare: no engine, no events, no records, no report. Both take
// turns, so that a noisy machine disturbs them alike, and the medians count. The ratio is of the time on the
// processors.
func BenchmarkRunSeeds(b *testing.B) {
	for _, profile := range append(fault.Profiles(), "none") {
		s := profileSettings(profile)
		b.Run(profile, func(b *testing.B) {
			b.ReportAllocs()
			patient(b)
			loads := loadsOf(b, s)
			var ours, theirs []turn
			for b.Loop() {
				ours = append(ours, timed(func() { runSeeds(b, s) }))
				b.StopTimer()
				theirs = append(theirs, timed(func() { bareRuns(b, complete(s), loads) }))
				b.StartTimer()
			}
			run, bare := median(ours), median(theirs)
			b.ReportMetric(run.perSecond(), "runs/s")
			b.ReportMetric(bare.perSecond(), "bare/s")
			b.ReportMetric(run.onProcessor(), "µs/run")
			b.ReportMetric(bare.onProcessor(), "µs/bare")
			b.ReportMetric(run.onProcessor()/bare.onProcessor(), "ratio")
		})
	}
}

// TestCostOfARun holds what docs/design.md promises: the time that a run takes on the processors, as a multiple of that
// of its bare policy calls. make bench-check runs it. Both take turns, the medians count, and a profile has three
// rounds to keep the promise: what else the machine does makes a round worse, never all of them.
func TestCostOfARun(t *testing.T) {
	if os.Getenv("FAULTFLOW_BENCH") == "" {
		t.Skip("FAULTFLOW_BENCH is not set; make bench-check runs this test")
	}
	text, err := os.ReadFile("../../docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	promise := regexp.MustCompile(`at most (\d+\.\d+) times`).FindAllSubmatch(text, -1)
	if len(promise) != 1 {
		t.Fatalf("docs/design.md promises %q, want one figure", promise)
	}
	most, err := strconv.ParseFloat(string(promise[0][1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as RunSeeds advises
	for _, profile := range append(fault.Profiles(), "none") {
		s := profileSettings(profile)
		loads := loadsOf(t, s)
		best := math.Inf(1)
		for round := 0; round < 3 && best > most; round++ {
			var ours, theirs []turn
			for range 9 {
				ours = append(ours, timed(func() { runSeeds(t, s) }))
				theirs = append(theirs, timed(func() { bareRuns(t, complete(s), loads) }))
			}
			best = min(best, median(ours).onProcessor()/median(theirs).onProcessor())
		}
		t.Logf("%s: %.2f times the bare calls", profile, best)
		if best > most {
			t.Errorf(
				"%s: a run costs %.2f times its bare calls, in the best of three rounds; docs/design.md says at most %v",
				profile,
				best,
				most,
			)
		}
	}
}

// BenchmarkRun times one network run in a bubble of its own, with its timeline.
func BenchmarkRun(b *testing.B) {
	b.ReportAllocs()
	s := profileSettings("network")
	s.Clock = settings.ClockVirtual
	for b.Loop() {
		s.Seed = (s.Seed + 1) % turnRuns
		if _, err := Run(context.Background(), s, Environment{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCores times network runs through RunSeeds on one processor and on two, in turns. Two are to do 1.8 times as
// much: speedup says so by the clock, which counts what else the machine does, possible by the time on the processors.
func BenchmarkCores(b *testing.B) {
	if runtime.NumCPU() < 2 {
		b.Skip("this machine has one processor")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	b.ReportAllocs()
	patient(b)
	s := profileSettings("network")
	var one, two []turn
	for b.Loop() {
		runtime.GOMAXPROCS(1)
		one = append(one, timed(func() { runSeeds(b, s) }))
		runtime.GOMAXPROCS(2)
		two = append(two, timed(func() { runSeeds(b, s) }))
	}
	b.ReportMetric(median(one).perSecond(), "one/s")
	b.ReportMetric(median(two).perSecond(), "two/s")
	b.ReportMetric(median(two).perSecond()/median(one).perSecond(), "speedup")
	b.ReportMetric(2*median(one).onProcessor()/median(two).onProcessor(), "possible")
}

// BenchmarkGuard times a call of a record's guard as the workers make it: bound once for all of a worker's records. The
// others are what that saves: Do binds for each call, and a guard that is not quiet composes its policies for each
// call.
func BenchmarkGuard(b *testing.B) {
	type none = struct{}
	policy := settings.Defaults().Processor
	policy.Attempts = 1
	call := resilience.Call[none]{Fn: func(context.Context, int) (none, error) { return none{}, nil }}
	guard := func(quiet bool) *resilience.Guard[none] {
		return resilience.NewGuard[none](resilience.Options{
			Place: catalog.PlaceRecord, Policy: policy, Quiet: quiet,
		})
	}
	for _, bench := range []struct {
		name  string
		calls func(context.Context) func() (none, error)
	}{
		{"bound", func(ctx context.Context) func() (none, error) { return guard(true).Bind(ctx, call) }},
		{"Do", func(ctx context.Context) func() (none, error) {
			g := guard(true)
			return func() (none, error) { return g.Do(ctx, call) }
		}},
		{"composed", func(ctx context.Context) func() (none, error) {
			g := guard(false)
			return func() (none, error) { return g.Do(ctx, call) }
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			call := bench.calls(b.Context())
			for b.Loop() {
				if _, err := call(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func runSeeds(b testing.TB, s settings.Settings) {
	if err := RunSeeds(context.Background(), s, seedsTo(turnRuns), func(*report.Report) error { return nil }); err != nil {
		b.Error(err)
	}
}

// turn is how long turnRuns runs took on each of so many goroutines, by the clock and on the processors.
type turn struct {
	workers    int
	real, busy time.Duration
}

func (t turn) perSecond() float64 { return float64(t.workers*turnRuns) / t.real.Seconds() }
func (t turn) onProcessor() float64 {
	return float64(t.busy.Microseconds()) / float64(t.workers*turnRuns)
}

// timed calls f on as many goroutines as there are processors.
func timed(f func()) turn {
	t := turn{workers: runtime.GOMAXPROCS(0)}
	began, busy := time.Now(), busyTime()
	var workers sync.WaitGroup
	for range t.workers {
		workers.Go(f)
	}
	workers.Wait()
	t.real, t.busy = time.Since(began), busyTime()-busy
	return t
}

// busyTime is how long the process has been on the processors.
func busyTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(turns []turn) turn {
	middle := func(of func(turn) time.Duration) time.Duration {
		all := make([]time.Duration, len(turns))
		for i, t := range turns {
			all[i] = of(t)
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	return turn{
		workers: turns[0].workers,
		real:    middle(func(t turn) time.Duration { return t.real }),
		busy:    middle(func(t turn) time.Duration { return t.busy }),
	}
}

// load is how often a run called what.
type load struct {
	fetches, batches, records, passes, deliveries int
	breaker                                       bool
}

// loadsOf tells what the first turnRuns seeds ask of the dependencies.
func loadsOf(b testing.TB, s settings.Settings) []load {
	var loads []load
	for seed := range seedsTo(turnRuns) {
		s.Seed, s.Clock = seed, settings.ClockVirtual
		rep, err := Run(context.Background(), s, Environment{})
		if err != nil {
			b.Fatal(err)
		}
		l := load{passes: rep.Delivery.Passes, breaker: len(rep.Breakers) > 0}
		for _, a := range rep.Amplification {
			switch a.Place {
			case catalog.PlaceFetch:
				l.fetches = int(a.Calls)
			case catalog.PlaceBatch:
				l.batches = int(a.Calls)
			case catalog.PlaceRecord:
				l.records = int(a.Calls)
			}
		}
		for _, c := range rep.Channels {
			l.deliveries += c.Tried
		}
		loads = append(loads, l)
	}
	return loads
}

var errBare = errors.New("failed")

// bareRuns makes the policy calls and sleeps of the runs with those loads, in one bubble: for each run a health check,
// the fetches, the batch's attempts with its records, the passes with their deliveries. Policies are made once but for
// the breaker, which each run needs closed.
func bareRuns(b testing.TB, s settings.Settings, loads []load) {
	err := simulate.Virtually(func() {
		limit := timeout.New[int](s.Collector.Timeout)
		isolate := func() failsafe.Policy[int] {
			return bulkhead.NewBuilder[int](
				uint(s.Collector.Bulkhead),
			).WithMaxWaitTime(
				s.Collector.BulkheadWait,
			).Build()
		}
		retry := func(attempts int) failsafe.Policy[int] {
			return retrypolicy.NewBuilder[int]().WithMaxAttempts(
				attempts,
			).WithBackoff(
				time.Second,
				30*time.Second,
			).Build()
		}
		otherwise := fallback.NewWithFunc(func(failsafe.Execution[int]) (int, error) { return 0, nil })
		health := failsafe.With(failsafe.Policy[int](limit))
		fetch := failsafe.With(otherwise, retry(s.Collector.Attempts), isolate(), limit)
		batches, batch := failsafe.With(otherwise, retry(s.Processor.Attempts)), failsafe.With(isolate(), limit)
		record := failsafe.With(isolate(), limit)
		passes, channel := failsafe.With(otherwise, retry(s.Delivery.Attempts)), failsafe.With(isolate(), limit)
		for _, l := range loads {
			bareAttempts(health, 1, func(ctx context.Context) { bareSleep(ctx, 10*time.Millisecond) })
			var breaker *gobreaker.CircuitBreaker[int]
			if l.breaker {
				breaker = gobreaker.NewCircuitBreaker[int](gobreaker.Settings{})
			}
			bareAttempts(fetch, l.fetches, func(ctx context.Context) {
				if breaker == nil {
					bareSleep(ctx, 300*time.Millisecond)
					return
				}
				_, _ = breaker.Execute(func() (int, error) {
					bareSleep(ctx, 300*time.Millisecond)
					return 0, nil
				})
			})
			bareAttempts(batches, l.batches, func(ctx context.Context) {
				bareAttempts(batch.WithContext(ctx), 1, func(context.Context) {})
			})
			var next atomic.Int64
			var workers sync.WaitGroup
			for range s.Workers {
				workers.Go(func() {
					for i := next.Add(1); i <= int64(l.records); i = next.Add(1) {
						took := 10*time.Millisecond + time.Duration(i*7919_919)%(40*time.Millisecond)
						bareAttempts(record, 1, func(ctx context.Context) { bareSleep(ctx, took) })
					}
				})
			}
			workers.Wait()
			bareAttempts(passes, l.passes, func(ctx context.Context) {
				for range (l.deliveries + l.passes - 1) / l.passes {
					bareAttempts(
						channel.WithContext(ctx),
						1,
						func(ctx context.Context) { bareSleep(ctx, 500*time.Millisecond) },
					)
				}
			})
		}
	})
	if err != nil {
		b.Error(err)
	}
}

// bareAttempts makes n attempts inside the policies, all but the last of which fail.
func bareAttempts(policies failsafe.Executor[int], n int, attempt func(context.Context)) {
	made := 0
	_, _ = policies.GetWithExecution(func(e failsafe.Execution[int]) (int, error) {
		attempt(e.Context())
		if made++; made < n {
			return 0, errBare
		}
		return 0, nil
	})
}

// bareSleep is a wait as the nodes do it: until d is over or ctx is done, and of nothing without a timer.
func bareSleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
