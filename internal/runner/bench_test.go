package runner

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/fallback"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"
	"github.com/sony/gobreaker/v2"

	"faultflow/internal/nodes"
	"faultflow/internal/report"
	"faultflow/internal/simulate"
)

// BenchmarkVirtualRun times one virtual run of each profile, report included, and beside it the same policy calls and
// sleeps written bare in one bubble. The ratio of the two is to stay under 2.
func BenchmarkVirtualRun(b *testing.B) {
	for _, profile := range append(simulate.Profiles(), "none") {
		s := Defaults()
		s.Virtual, s.FailureType, s.Simulate = true, profile, profile != "none"
		b.Run(profile, func(b *testing.B) {
			b.ReportAllocs()
			// Both are timed in turns, so that a noisy machine disturbs them alike.
			// Medians, because what else the machine does now and then costs a run many times its own work.
			var run, bare []time.Duration
			for i := 0; b.Loop(); i++ {
				s.Seed = uint64(i)
				began := time.Now()
				rep, err := Run(context.Background(), s, World{})
				if err != nil {
					b.Fatal(err)
				}
				run = append(run, time.Since(began))
				began = time.Now()
				bareRun(b, s.complete(), rep)
				bare = append(bare, time.Since(began))
			}
			slices.Sort(run)
			slices.Sort(bare)
			ours, theirs := run[len(run)/2], bare[len(bare)/2]
			b.ReportMetric(float64(ours.Nanoseconds())/1000, "µs/run")
			b.ReportMetric(float64(theirs.Nanoseconds())/1000, "µs/bare")
			b.ReportMetric(float64(ours)/float64(theirs), "ratio")
		})
	}
}

// bareRun makes the policy calls and sleeps of the run that rep is of, as often as it made them: a health check, the
// fetches, the batch's attempts with their records, the passes with their deliveries.
func bareRun(b *testing.B, s Settings, rep *report.Report) {
	calls := map[string]int{}
	for _, a := range rep.Amplification {
		calls[a.Place] = int(a.Calls)
	}
	deliveries := 0
	for _, c := range rep.Channels {
		deliveries += c.Tried
	}
	failure := errors.New("failed")
	err := simulate.Virtually(func() {
		ctx := context.Background()
		sleep := func(ctx context.Context, d time.Duration) {
			t := time.NewTimer(d)
			defer t.Stop()
			select {
			case <-t.C:
			case <-ctx.Done():
			}
		}
		// attempts makes n attempts inside the policies, all but the last of which fail.
		attempts := func(ctx context.Context, n int, attempt func(context.Context), policies ...failsafe.Policy[int]) {
			made := 0
			_, _ = failsafe.With(policies...).WithContext(ctx).GetWithExecution(func(e failsafe.Execution[int]) (int, error) {
				attempt(e.Context())
				if made++; made < n {
					return 0, failure
				}
				return 0, nil
			})
		}
		limit := failsafe.Policy[int](timeout.New[int](s.Collector.Timeout))
		isolate := func() failsafe.Policy[int] { return bulkhead.New[int](uint(s.Collector.Bulkhead)) }
		retry := func(attempts int) failsafe.Policy[int] {
			return retrypolicy.NewBuilder[int]().WithMaxAttempts(attempts).WithBackoff(time.Second, 30*time.Second).Build()
		}
		otherwise := func() failsafe.Policy[int] {
			return fallback.NewWithFunc(func(failsafe.Execution[int]) (int, error) { return 0, nil })
		}

		attempts(ctx, 1, func(ctx context.Context) { sleep(ctx, 10*time.Millisecond) }, limit)

		breaker := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{})
		attempts(ctx, calls[nodes.PlaceFetch], func(ctx context.Context) {
			_, _ = breaker.Execute(func() (int, error) {
				sleep(ctx, 300*time.Millisecond)
				return 0, nil
			})
		}, otherwise(), retry(s.Collector.Attempts), isolate(), limit)

		batch, records := isolate(), isolate()
		attempts(ctx, calls[nodes.PlaceBatch], func(ctx context.Context) {
			attempts(ctx, 1, func(context.Context) {}, batch, limit)
		}, otherwise(), retry(s.Processor.Attempts))
		var next atomic.Int64
		var workers sync.WaitGroup
		for w := range s.Workers {
			workers.Go(func() {
				sleep(ctx, time.Duration(w)) // workers start a nanosecond apart
				for i := next.Add(1); i <= int64(calls[nodes.PlaceRecord]); i = next.Add(1) {
					took := 10*time.Millisecond + time.Duration(i*7919_919)%(40*time.Millisecond)
					attempts(ctx, 1, func(ctx context.Context) { sleep(ctx, took) }, records, limit)
				}
			})
		}
		workers.Wait()

		passes := rep.Delivery.Passes
		attempts(ctx, passes, func(ctx context.Context) {
			for range (deliveries + passes - 1) / passes {
				attempts(ctx, 1, func(ctx context.Context) { sleep(ctx, 500*time.Millisecond) }, isolate(), limit)
			}
		}, otherwise(), retry(s.Delivery.Attempts))
	})
	if err != nil {
		b.Fatal(err)
	}
}
