package resilience_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/resilience"
	"faultflow/internal/settings"
)

// breakerGuard opens after three failures in a row, for 30 s.
func breakerGuard(trials int) *resilience.Guard[string] {
	return guard(settings.Policy{
		Breaker:           true,
		BreakerFailures:   3,
		BreakerOpenFor:    30 * time.Second,
		BreakerTrialCalls: trials,
	})
}

// opened is a breakerGuard that has just opened.
func opened(b *bench, trials int) *resilience.Guard[string] {
	b.Helper()
	g := breakerGuard(trials)
	for range 3 {
		_, _ = g.Do(b.ctx, fails(errBroken))
	}
	b.wantState(g, "open")
	b.events = nil
	return g
}

func (b *bench) wantState(g *resilience.Guard[string], want catalog.BreakerState) {
	b.Helper()
	if got := g.BreakerState(); got != want {
		b.Errorf("the breaker is %s, want %s", got, want)
	}
}

func TestBreakerOpens(t *testing.T) {
	panics := resilience.Call[string]{Fn: func(context.Context, int) (string, error) { panic("boom") }}
	tests := []struct {
		name  string
		calls []resilience.Call[string]
		want  catalog.BreakerState
	}{
		{"at first", nil, "closed"},
		{"two failures", []resilience.Call[string]{fails(errBroken), fails(errBroken)}, "closed"},
		{"three failures", []resilience.Call[string]{fails(errBroken), fails(errBroken), fails(errBroken)}, "open"},
		{
			"not in a row",
			[]resilience.Call[string]{fails(errBroken), fails(errBroken), works(), fails(errBroken), fails(errBroken)},
			"closed",
		},
		{"panics count", []resilience.Call[string]{panics, panics, panics}, "open"},
		{"timeouts count", []resilience.Call[string]{takes(time.Hour), takes(time.Hour), takes(time.Hour)}, "open"},
		{
			"cancellations do not count",
			[]resilience.Call[string]{
				fails(context.Canceled),
				fails(context.Canceled),
				fails(context.Canceled),
				fails(context.Canceled),
			},
			"closed",
		},
		{
			"cancellations between do not interrupt the row",
			[]resilience.Call[string]{
				fails(errBroken),
				fails(context.Canceled),
				fails(errBroken),
				fails(fmt.Errorf("x: %w", context.Canceled)),
				fails(errBroken),
			},
			"open",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			virtually(t, func(b *bench) {
				g := guard(settings.Policy{
					Timeout:         time.Second,
					Breaker:         true,
					BreakerFailures: 3,
					BreakerOpenFor:  time.Hour,
				})
				for _, call := range test.calls {
					_, _ = g.Do(b.ctx, call)
				}
				b.wantState(g, test.want)
			})
		})
	}
}

// TestFullBulkheadLeavesTheBreakerAlone: that too many call says nothing about the dependency.
func TestFullBulkheadLeavesTheBreakerAlone(t *testing.T) {
	virtually(t, func(b *bench) {
		g := guard(settings.Policy{Bulkhead: 1, Breaker: true, BreakerFailures: 1, BreakerOpenFor: time.Hour})
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = g.Do(b.ctx, deaf(time.Minute, nil)) })
		synctest.Wait()
		for range 5 {
			_, err := g.Do(b.ctx, works())
			b.wantError(err, resilience.ErrBulkheadFull, errhandler.Resource)
		}
		b.wantState(g, "closed")
		wg.Wait()
	})
}

func TestBreakerRejects(t *testing.T) {
	virtually(t, func(b *bench) {
		g := opened(b, 1)
		_, err := g.Do(
			b.ctx,
			resilience.Call[string]{
				Fn: func(context.Context, int) (string, error) { t.Error("called"); return "", nil },
			},
		)
		b.wantError(err, resilience.ErrBreakerOpen, errhandler.Degradation)
		if want := "collector exec (attempt 1): collector.fetch: circuit breaker is open"; err.Error() != want {
			t.Errorf("got %v", err)
		}
		b.wantTold("0s rejected 1 degradation")
		if s := g.Stats(); s != (resilience.Stats{Calls: 3, Failed: 3, BeforeOpen: 3, TurnedAway: away(catalog.CallRejected, 1)}) {
			t.Errorf("%+v", s)
		}
	})
}

// TestOpenBreakerFallsBackAtOnce: neither the failure that opens the breaker nor a rejection is followed by a wait.
func TestOpenBreakerFallsBackAtOnce(t *testing.T) {
	virtually(t, func(b *bench) {
		g := guard(settings.Policy{
			Attempts:        5,
			RetryDelay:      time.Second,
			Backoff:         2,
			Breaker:         true,
			BreakerFailures: 3,
			BreakerOpenFor:  30 * time.Second,
		})
		call := fails(errBroken)
		call.Fallback = func(_ context.Context, err error) (string, error) { return err.Error(), nil }
		if out, err := g.Do(b.ctx, call); out != "collector exec (attempt 3): broken" || err != nil {
			t.Errorf("got %q, %v", out, err)
		}
		b.wantElapsed(3 * time.Second)
		if out, err := g.Do(b.ctx, call); out != "collector exec (attempt 1): collector.fetch: circuit breaker is open" || err != nil {
			t.Errorf("got %q, %v", out, err)
		}
		b.wantElapsed(3 * time.Second)
		b.wantTold(
			"0s attempt_started 1", "0s attempt_failed 1 internal", "0s waiting 1 1s",
			"1s attempt_started 2", "1s attempt_failed 2 internal", "1s waiting 2 2s",
			"3s attempt_started 3", "3s breaker_changed closed → open", "3s attempt_failed 3 internal",
			"3s rejected 1 degradation")
	})
}

// TestHalfOpen: at exactly OpenFor the breaker is still open; a nanosecond later the next call is its trial.
func TestHalfOpen(t *testing.T) {
	virtually(t, func(b *bench) {
		g := opened(b, 1)
		time.Sleep(30 * time.Second)
		_, err := g.Do(b.ctx, works())
		b.wantError(err, resilience.ErrBreakerOpen, errhandler.Degradation)
		time.Sleep(time.Nanosecond)
		b.wantState(g, "open") // until a call tries it
		_, err = g.Do(b.ctx, resilience.Call[string]{Fn: func(context.Context, int) (string, error) {
			b.wantState(g, "half-open")
			return "", errBroken
		}})
		b.wantError(err, errBroken, errhandler.Internal)
		b.wantState(g, "open")

		// The failed trial begins the time anew.
		time.Sleep(30 * time.Second)
		_, err = g.Do(b.ctx, works())
		b.wantError(err, resilience.ErrBreakerOpen, errhandler.Degradation)
		time.Sleep(time.Nanosecond)
		if out, err := g.Do(b.ctx, takes(5*time.Second)); out != "done" || err != nil {
			t.Errorf("got %q, %v", out, err)
		}
		b.wantState(g, "closed")
		b.wantTold(
			"30s rejected 1 degradation",
			"30.000000001s breaker_changed open → half-open", // told before the trial call is
			"30.000000001s attempt_started 1",
			"30.000000001s breaker_changed half-open → open",
			"30.000000001s attempt_failed 1 internal",
			"1m0.000000001s rejected 1 degradation",
			"1m0.000000002s breaker_changed open → half-open",
			"1m0.000000002s attempt_started 1",
			"1m5.000000002s breaker_changed half-open → closed",
			"1m5.000000002s attempt_succeeded 1")
		for _, e := range b.events {
			if e.Node != "collector" || e.Place != "collector.fetch" {
				t.Errorf("event of %s at %s", e.Node, e.Place)
			}
		}

		// Closed again, it counts from zero.
		_, _ = g.Do(b.ctx, fails(errBroken))
		_, _ = g.Do(b.ctx, fails(errBroken))
		b.wantState(g, "closed")
	})
}

// TestTrialCalls: all of them must succeed, and no more are let through at once.
func TestTrialCalls(t *testing.T) {
	tests := []struct {
		name   string
		trials int
		calls  []resilience.Call[string]
		want   []catalog.BreakerState // the state after each
	}{
		{"none means one", 0, []resilience.Call[string]{works()}, []catalog.BreakerState{"closed"}},
		{"two succeed", 2, []resilience.Call[string]{works(), works()}, []catalog.BreakerState{"half-open", "closed"}},
		{"the first fails", 2, []resilience.Call[string]{fails(errBroken), works()},
			[]catalog.BreakerState{"open", "open"}},
		{"the second fails", 2, []resilience.Call[string]{works(), fails(errBroken)},
			[]catalog.BreakerState{"half-open", "open"}},
		{"a cancelled trial is none", 1,
			[]resilience.Call[string]{fails(context.Canceled), fails(context.Canceled), works()},
			[]catalog.BreakerState{"half-open", "half-open", "closed"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			virtually(t, func(b *bench) {
				g := opened(b, test.trials)
				time.Sleep(31 * time.Second)
				for i, call := range test.calls {
					_, _ = g.Do(b.ctx, call)
					b.wantState(g, test.want[i])
				}
			})
		})
	}
	t.Run("one at a time", func(t *testing.T) {
		virtually(t, func(b *bench) {
			g := opened(b, 1)
			time.Sleep(31 * time.Second)
			var wg sync.WaitGroup
			wg.Go(func() { _, _ = g.Do(b.ctx, takes(time.Minute)) })
			synctest.Wait()
			_, err := g.Do(b.ctx, works())
			b.wantError(err, resilience.ErrBreakerOpen, errhandler.Degradation)
			if want := "collector exec (attempt 1): collector.fetch: circuit breaker is open (half-open, trial call under way)"; err.Error() != want {
				t.Errorf("got %v", err)
			}
			wg.Wait()
			b.wantState(g, "closed")
		})
	})
}

// TestRetriesOfATrial: a failed trial ends the attempts as an open breaker does; a successful one leaves the rest to
// the attempts that follow.
func TestRetriesOfATrial(t *testing.T) {
	virtually(t, func(b *bench) {
		g := guard(settings.Policy{
			Attempts:          4,
			RetryDelay:        time.Second,
			Breaker:           true,
			BreakerFailures:   1,
			BreakerOpenFor:    10 * time.Second,
			BreakerTrialCalls: 1,
		})
		_, err := g.Do(b.ctx, fails(errBroken))
		b.wantError(err, errBroken, errhandler.Internal)
		time.Sleep(11 * time.Second)
		_, err = g.Do(b.ctx, fails(errBroken))
		b.wantError(err, errBroken, errhandler.Internal)
		b.wantElapsed(11 * time.Second)
		if s := g.Stats(); s != (resilience.Stats{Calls: 2, Failed: 2, BeforeOpen: 1}) {
			t.Errorf("%+v", s)
		}
	})
}

// TestBreakerCarriesOver: the guard keeps its breaker from call to call and knows of no other guard's.
func TestBreakerCarriesOver(t *testing.T) {
	virtually(t, func(b *bench) {
		one, other := breakerGuard(1), breakerGuard(1)
		for range 3 {
			_, _ = one.Do(b.ctx, fails(errBroken))
		}
		b.wantState(one, "open")
		b.wantState(other, "closed")
		if _, err := other.Do(b.ctx, works()); err != nil {
			t.Error(err)
		}
		b.wantState(guard(settings.Policy{}), "off")
	})
}

// TestConcurrentBreaker: whoever calls at once, each change is told once and a state follows from the one before.
func TestConcurrentBreaker(t *testing.T) {
	virtually(t, func(b *bench) {
		g := guard(settings.Policy{
			Breaker:           true,
			BreakerFailures:   2,
			BreakerOpenFor:    time.Second,
			BreakerTrialCalls: 1,
		})
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				for n := range 20 {
					time.Sleep(time.Duration(100+37*i) * time.Millisecond)
					call := fails(errBroken)
					if (i+n)%3 == 0 {
						call = works()
					}
					if _, err := g.Do(b.ctx, call); err != nil && !errors.Is(err, errBroken) && !errors.Is(err, resilience.ErrBreakerOpen) {
						t.Error(err)
					}
					g.BreakerState()
				}
			})
		}
		wg.Wait()
		changes := map[string]int{}
		for _, e := range b.events {
			if catalog.EventKind(e.Kind) == catalog.BreakerChanged {
				changes[e.From+" → "+e.To]++
			}
		}
		opened := changes["closed → open"] + changes["half-open → open"]
		if opened == 0 || changes["open → half-open"] > opened || changes["open → half-open"] < opened-1 ||
			changes["half-open → closed"]+changes["half-open → open"] > changes["open → half-open"] {
			t.Errorf("changes %v", changes)
		}
	})
}
