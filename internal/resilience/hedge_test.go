package resilience_test

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/resilience"
	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

// takesBy is a call whose n-th hedge takes so long, obeys its context, and then returns the error.
func takesBy(times []time.Duration, errs ...error) resilience.Call[string] {
	return resilience.Call[string]{Fn: func(ctx context.Context, _ int) (string, error) {
		n := resilience.Hedge(ctx)
		if err := pause(ctx, times[n]); err != nil {
			time.Sleep(time.Duration(n + 1)) // notices it late, as a real call does
			return "", err
		}
		if n < len(errs) {
			return "", errs[n]
		}
		return []string{"first", "second", "third"}[n], nil
	}}
}

// TestHedge: the first answer counts, be it an error; the others are cancelled, and the attempt ends when they have
// ended.
func TestHedge(t *testing.T) {
	const ms = time.Millisecond
	hedged := settings.Policy{HedgeAfter: "50ms", Hedges: 2}
	with := func(change func(p *settings.Policy)) settings.Policy {
		p := hedged
		change(&p)
		return p
	}
	for name, tt := range map[string]struct {
		policy settings.Policy
		call   resilience.Call[string]
		out    string
		err    error
		took   time.Duration
		stats  resilience.Stats
		told   []string
	}{
		"the call is fast": {
			hedged, takesBy([]time.Duration{49 * ms}), "first", nil, 49 * ms, resilience.Stats{Calls: 1},
			[]string{"0s attempt_started 1", "49ms attempt_succeeded 1"},
		},
		"the hedge is faster": {
			hedged, takesBy([]time.Duration{200 * ms, 20 * ms}), "second", nil,
			70*ms + 1, resilience.Stats{Calls: 2, Hedges: 1, Lost: 1},
			[]string{"0s attempt_started 1", "50ms hedged 1", "70.000001ms attempt_succeeded 1"},
		},
		"the call is faster all the same": {
			hedged, takesBy([]time.Duration{60 * ms, 20 * ms}), "first", nil,
			60*ms + 2, resilience.Stats{Calls: 2, Hedges: 1, Lost: 1},
			[]string{"0s attempt_started 1", "50ms hedged 1", "60.000002ms attempt_succeeded 1"},
		},
		"two hedges": {
			hedged, takesBy([]time.Duration{time.Hour, time.Hour, 20 * ms}), "third", nil,
			120*ms + 2, resilience.Stats{Calls: 3, Hedges: 2, Lost: 2},
			[]string{"0s attempt_started 1", "50ms hedged 1", "100ms hedged 1", "120.000002ms attempt_succeeded 1"},
		},
		"the first answer is an error": {
			hedged, takesBy([]time.Duration{200 * ms, 20 * ms}, nil, refused), "", refused,
			70*ms + 1, resilience.Stats{Calls: 2, Failed: 1, Hedges: 1, Lost: 1},
			[]string{"0s attempt_started 1", "50ms hedged 1", "70.000001ms attempt_failed 1 network"},
		},
		"each attempt is hedged": {
			with(func(p *settings.Policy) { p.Attempts, p.RetryDelay = 2, time.Second }),
			takesBy([]time.Duration{200 * ms, 20 * ms}, nil, refused), "", refused,
			1140*ms + 2, resilience.Stats{Calls: 4, Failed: 2, Waits: 1, Hedges: 2, Lost: 2},
			[]string{"0s attempt_started 1", "50ms hedged 1", "70.000001ms attempt_failed 1 network",
				"70.000001ms waiting 1 1s", "1.070000001s attempt_started 2", "1.120000001s hedged 2",
				"1.140000002s attempt_failed 2 network"},
		},
		"each call has its timeout": {
			with(func(p *settings.Policy) { p.Timeout = 110 * ms }),
			takesBy([]time.Duration{time.Hour, time.Hour, time.Hour}), "", resilience.ErrTimeout,
			110*ms + 4, resilience.Stats{Calls: 3, TimedOut: 1, Hedges: 2, Lost: 2},
			nil,
		},
		"the deadline is all calls'": {
			with(func(p *settings.Policy) { p.Deadline = 70 * ms }),
			takesBy([]time.Duration{time.Hour, time.Hour, time.Hour}), "", resilience.ErrDeadline,
			70*ms + 4, resilience.Stats{Calls: 2, Hedges: 1, Overdue: 1},
			[]string{"0s attempt_started 1", "50ms hedged 1", "70.000004ms deadline_over 1 network"},
		},
		"a hedge without a place is no answer": {
			with(func(p *settings.Policy) { p.Bulkhead = 1 }),
			takesBy([]time.Duration{200 * ms}), "first", nil, 200 * ms, resilience.Stats{Calls: 1},
			[]string{"0s attempt_started 1", "50ms hedged 1", "100ms hedged 1", "200ms attempt_succeeded 1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(b *bench) {
				g := resilience.NewGuard[string](resilience.Options{
					Place: "collector.fetch", Policy: tt.policy, Class: errhandler.Network})
				out, err := g.Do(b.ctx, tt.call)
				if tt.err != nil {
					b.wantError(err, tt.err, errhandler.Network)
				} else if err != nil || out != tt.out {
					t.Errorf("got %q, %v, want %q", out, err, tt.out)
				}
				b.wantElapsed(tt.took)
				if s := g.Stats(); s != tt.stats {
					t.Errorf("%+v, want %+v", s, tt.stats)
				}
				if tt.told != nil {
					b.wantTold(tt.told...)
				}
			})
		})
	}
}

// A loser that ignores its cancellation is waited for: no call of an attempt is under way when the attempt has ended.
func TestHedgeWaitsForItsCalls(t *testing.T) {
	virtually(t, func(b *bench) {
		var inside atomic.Int64
		g := guard(settings.Policy{HedgeAfter: "50ms"})
		_, err := g.Do(b.ctx, resilience.Call[string]{Fn: func(ctx context.Context, _ int) (string, error) {
			inside.Add(1)
			defer inside.Add(-1)
			if resilience.Hedge(ctx) == 0 {
				time.Sleep(time.Minute)
			}
			return "done", nil
		}})
		if err != nil || inside.Load() != 0 {
			t.Errorf("%d calls are under way, %v", inside.Load(), err)
		}
		b.wantElapsed(time.Minute)
	})
	// So it is when the run is cancelled, which ends everything as soon as the calls obey.
	virtually(t, func(b *bench) {
		ctx, cancel := context.WithCancel(b.ctx)
		g := guard(settings.Policy{HedgeAfter: "50ms", Attempts: 3})
		time.AfterFunc(80*time.Millisecond, cancel)
		_, err := g.Do(ctx, takesBy([]time.Duration{time.Hour, time.Hour}))
		if err != context.Canceled {
			t.Errorf("got %v", err)
		}
		b.wantElapsed(80*time.Millisecond + 3) // the hedge notices it 2 ns late, and ends behind the first call
	})
}

// To the breaker, a hedged attempt is one: what its first answer was. What lost says nothing.
func TestHedgeAndBreaker(t *testing.T) {
	virtually(t, func(b *bench) {
		g := guard(settings.Policy{HedgeAfter: "50ms", Breaker: true, BreakerFailures: 2, BreakerOpenFor: time.Hour})
		slow := takesBy([]time.Duration{time.Second, 10 * time.Millisecond}, refused)
		for range 5 {
			if _, err := g.Do(b.ctx, slow); err != nil {
				t.Error(err)
			}
		}
		b.wantState(g, catalog.Closed)
		bad := takesBy([]time.Duration{time.Second, 10 * time.Millisecond}, nil, refused)
		_, _ = g.Do(b.ctx, bad)
		b.wantState(g, catalog.Closed)
		_, _ = g.Do(b.ctx, bad)
		b.wantState(g, catalog.Open)
	})
}

// TestHedgeCutsTheTail: of service times that 98 % exp(10 ms) and 2 % exp(200 ms) make, with survival S, a hedge after
// d leaves P(T > t) = S(t) S(t − d), at S(d) more calls: the p99 of 139 ms becomes 56 ms for 2.2 % more.
func TestHedgeCutsTheTail(t *testing.T) {
	const calls = 20_000
	survival := func(ms float64) float64 { return 0.98*math.Exp(-ms/10) + 0.02*math.Exp(-ms/200) }
	if p99 := survival(139); math.Abs(p99-0.01) > 0.0001 {
		t.Errorf("S(139 ms) is %v", p99)
	}
	serve := func(call, hedge int) time.Duration {
		random := rand.New(rand.NewPCG(uint64(call), uint64(hedge)))
		mean := 10.0
		if random.Float64() < 0.02 {
			mean = 200
		}
		return time.Duration(-mean * math.Log(1-random.Float64()) * float64(time.Millisecond))
	}
	near := func(what string, got int, want float64) {
		t.Helper()
		share, within := float64(got)/calls, 3.5*math.Sqrt(want*(1-want)/calls)
		if math.Abs(share-want) > within {
			t.Errorf("%s: %v, want %v ± %v", what, share, want, within)
		}
	}
	virtually(t, func(b *bench) {
		g := resilience.NewGuard[string](resilience.Options{
			Place: "n.call", Policy: settings.Policy{HedgeAfter: "50ms"}, Quiet: true})
		beyond := map[float64]int{56.2: 0, 40: 0, 100: 0}
		for i := range calls {
			began := time.Now()
			_, _ = g.Do(b.ctx, resilience.Call[string]{Fn: func(ctx context.Context, _ int) (string, error) {
				return "", pause(ctx, serve(i, resilience.Hedge(ctx)))
			}})
			for ms := range beyond {
				if time.Since(began) > time.Duration(ms*float64(time.Millisecond)) {
					beyond[ms]++
				}
			}
		}
		near("beyond 40 ms", beyond[40], survival(40))
		near("beyond 56.2 ms", beyond[56.2], survival(56.2)*survival(6.2))
		near("beyond 100 ms", beyond[100], survival(100)*survival(50))
		near("more calls", int(g.Stats().Hedges), survival(50))
		if p99 := survival(56.2) * survival(6.2); math.Abs(p99-0.01) > 0.0003 {
			t.Errorf("the closed form at 56.2 ms is %v", p99)
		}
	})
}

// TestHedgeAtAQuantile: the delay follows how long calls have taken, so that about a twentieth of them is hedged
// whatever the dependency's pace; before it has seen 20 calls, none is.
func TestHedgeAtAQuantile(t *testing.T) {
	for _, pace := range []time.Duration{10 * time.Millisecond, time.Second} {
		virtually(t, func(b *bench) {
			g := guard(settings.Policy{HedgeAfter: "p95"})
			const calls = 4000
			for i := range calls {
				if i == 20 && g.Stats().Hedges > 0 {
					t.Errorf("hedged without knowing how long calls take: %+v", g.Stats())
				}
				_, _ = g.Do(b.ctx, resilience.Call[string]{Fn: func(ctx context.Context, _ int) (string, error) {
					u := rand.New(rand.NewPCG(uint64(i), uint64(resilience.Hedge(ctx)))).Float64()
					return "", pause(ctx, time.Duration((0.5+u)*float64(pace)))
				}})
			}
			if share := float64(g.Stats().Hedges) / calls; share < 0.03 || share > 0.08 {
				t.Errorf("at a pace of %v, %v are hedged", pace, share)
			}
		})
	}
}

// TestManyCallersUnderAllPolicies: who acts at instants of their own gets the same answers at any GOMAXPROCS, and the
// race detector sees what they share.
func TestManyCallersUnderAllPolicies(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var before []string
	for _, procs := range []int{1, 2, 8} {
		runtime.GOMAXPROCS(procs)
		told := manyCallers(t)
		if before != nil && !slices.Equal(told, before) {
			i := 0
			for i < min(len(told), len(before)) && told[i] == before[i] {
				i++
			}
			t.Errorf("at GOMAXPROCS %d the %d-th event is\n  %s\nand was\n  %s", procs, i,
				strings.Join(told[max(i-3, 0):min(i+4, len(told))], "\n  "),
				strings.Join(before[max(i-3, 0):min(i+4, len(before))], "\n  "))
		}
		before = told
	}
}

func manyCallers(t *testing.T) (told []string) {
	t.Helper()
	virtually(t, func(b *bench) {
		const turn, lanes = 20 * time.Microsecond, 3 // a call and its two hedges
		g := resilience.NewGuard[string](
			resilience.Options{Place: "collector.fetch", Turn: turn, Policy: settings.Policy{
				Attempts:           3,
				RetryBudget:        0.05,
				Deadline:           60 * time.Millisecond,
				Timeout:            40 * time.Millisecond,
				HedgeAfter:         "p90",
				Hedges:             2,
				Bulkhead:           22,
				BulkheadWait:       2 * time.Millisecond,
				AdaptiveLimit:      25,
				AdaptiveQueue:      0,
				RateLimit:          1000,
				RateLimitBurst:     50,
				Throttle:           0.15,
				ThrottleWindow:     time.Second,
				Breaker:            true,
				BreakerFailureRate: 0.6,
				BreakerWindow:      time.Second,
				BreakerMinCalls:    20,
				BreakerOpenFor:     50 * time.Millisecond,
			}},
		)
		var wg sync.WaitGroup
		for i := range 500 {
			wg.Go(func() {
				slot := time.Duration(i * lanes * workflow.Stride)
				time.Sleep(time.Duration(i)*time.Millisecond + slot)
				ctx := workflow.WithPass(b.ctx, b.stream, i+1, turn, slot)
				_, _ = g.Do(ctx, resilience.Call[string]{Fn: func(ctx context.Context, _ int) (string, error) {
					u := rand.New(rand.NewPCG(uint64(i), uint64(resilience.Hedge(ctx)))).Float64()
					if u < 0.1 {
						return "", refused
					}
					return "", pause(ctx, time.Duration(u*float64(50*time.Millisecond)))
				}})
			})
		}
		wg.Wait()
		s := g.Stats()
		kinds := 0
		for _, n := range s.TurnedAway {
			kinds += int(min(n, 1))
		}
		if kinds < 4 || s.Hedges == 0 || s.Lost == 0 || s.Overdue == 0 || s.TimedOut == 0 {
			t.Errorf("%+v", s)
		}
		told = b.told()
	})
	return told
}
