//go:build unix

package runner

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"

	"faultflow/internal/report"
	"faultflow/internal/simulate"
)

// callsOf counts the calls of a run with a load.
func callsOf(rep *report.Report) (calls int64) {
	for _, p := range rep.Series.Places {
		calls += sum(p.Calls)
	}
	return calls
}

// BenchmarkLoad times a run with a load, of a queue that stays down, and beside it as many of the same calls written
// bare: a goroutine for each arrival, the failsafe-go executors of each call, and its timer; no engine, no station, no
// series, no records. Both take turns, and the medians count, of the time on the processors.
func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	patient(b)
	s := collapse(b, "40/s")
	var ours, theirs []turn
	var calls int64
	for b.Loop() {
		ours = append(ours, timed(func() {
			rep, err := Run(context.Background(), s, Environment{})
			if err != nil {
				b.Error(err)
				return
			}
			calls = callsOf(rep)
		}))
		b.StopTimer()
		theirs = append(theirs, timed(func() {
			if made := bareLoad(b); made < calls*9/10 || made > calls*11/10 {
				b.Errorf("%d bare calls beside %d", made, calls)
			}
		}))
		b.StartTimer()
	}
	perCall := func(t turn) float64 {
		return float64(t.busy.Microseconds()) / float64(t.workers) / float64(calls)
	}
	run, bare := median(ours), median(theirs)
	b.ReportMetric(float64(calls), "calls")
	b.ReportMetric(perCall(run), "µs/call")
	b.ReportMetric(perCall(bare), "µs/bare")
	b.ReportMetric(run.onProcessor()/bare.onProcessor(), "ratio")
}

// bareLoad makes the calls of a collapse at 40/s: each pass asks for the source's health and makes four fetches that
// end in a timeout; in the first 20 s the fetch succeeds and the other calls follow.
func bareLoad(b *testing.B) (calls int64) {
	type none = struct{}
	err := simulate.Virtually(func() {
		rand := simulate.Rand(0)
		arrivals := simulate.NewArrivals(collapse(b, "40/s").Loads, rand)
		places := bulkhead.NewBuilder[none](10_000).WithMaxWaitTime(100 * time.Millisecond).Build()
		limit := timeout.New[none](time.Second)
		retry := retrypolicy.NewBuilder[none]().WithMaxAttempts(4).ReturnLastFailure().Build()
		single := failsafe.With[none](places, limit)
		retried := failsafe.With[none](retry, places, limit)
		var mu sync.Mutex
		call := func(takes time.Duration) func(failsafe.Execution[none]) (none, error) {
			return func(exec failsafe.Execution[none]) (none, error) {
				mu.Lock()
				calls++
				mu.Unlock()
				timer := time.NewTimer(takes)
				defer timer.Stop()
				select {
				case <-timer.C:
					return none{}, nil
				case <-exec.Context().Done():
					return none{}, exec.Context().Err()
				}
			}
		}
		began := time.Now()
		var passes sync.WaitGroup
		for at, ok := arrivals.Next(); ok && at < 300*time.Second; at, ok = arrivals.Next() {
			time.Sleep(at - time.Since(began))
			passes.Go(func() {
				ctx := context.Background()
				_, _ = single.WithContext(ctx).GetWithExecution(call(15 * time.Millisecond))
				if at > 20*time.Second {
					_, _ = retried.WithContext(ctx).GetWithExecution(call(time.Hour))
					return
				}
				_, _ = retried.WithContext(ctx).GetWithExecution(call(10 * time.Millisecond))
				_, _ = single.WithContext(ctx).GetWithExecution(call(time.Nanosecond))
				_, _ = single.WithContext(ctx).GetWithExecution(call(30 * time.Millisecond))
				_, _ = single.WithContext(ctx).GetWithExecution(call(500 * time.Millisecond))
			})
		}
		passes.Wait()
	})
	if err != nil {
		b.Error(err)
	}
	return calls
}
