package resilience_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/resilience"
	"faultflow/internal/settings"
)

// openLoop makes calls one every 10 ms, whether the ones before are done or not. Each begins, and so acts, at a
// nanosecond of its own.
func (b *bench) openLoop(n int, g *resilience.Guard[string], call func(i int) resilience.Call[string]) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			time.Sleep(time.Duration(i)*10*time.Millisecond + time.Duration(i))
			_, _ = g.Do(b.ctx, call(i))
		})
	}
	wg.Wait()
}

// TestRetryBudget: without a backoff, a dependency that is down gets each call k times more with k / (1 + 2k) = 20 %,
// since failsafe-go counts a retry twice, as one and as a part of its call: k = 1/3. Behind a backoff of a second the
// same budget lets nearly every retry through, since a call is in flight for the whole of its life, waits included, and
// a retry only during its attempt: 30 of 370.
func TestRetryBudget(t *testing.T) {
	const calls = 1000
	for name, tt := range map[string]struct {
		policy    settings.Policy
		takes     time.Duration
		low, high float64 // calls of the dependency for each call
	}{
		"no budget":   {settings.Policy{Attempts: 4}, time.Second, 4, 4},
		"no backoff":  {settings.Policy{Attempts: 4, RetryBudget: 0.2}, time.Second, 1.3, 1.37},
		"all of them": {settings.Policy{Attempts: 4, RetryBudget: 1}, time.Second, 4, 4},
		"behind a backoff of 1 s": {
			settings.Policy{Attempts: 4, RetryBudget: 0.2, RetryDelay: time.Second},
			100 * time.Millisecond,
			3.95, 4, // the last calls have few beside them
		},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(b *bench) {
				g := guard(tt.policy)
				b.openLoop(calls, g, func(int) resilience.Call[string] { return deaf(tt.takes, refused) })
				s := g.Stats()
				if got := float64(s.Calls) / calls; got < tt.low || got > tt.high {
					t.Errorf("%v calls for each, want %v to %v", got, tt.low, tt.high)
				}
				ended := s.Calls + s.TurnedAway.Of(catalog.BudgetSpent)
				if s.Failed != s.Calls || ended != calls+s.Waits {
					t.Errorf("the books do not balance: %+v", s)
				}
			})
		})
	}
}

// A retry that is turned away ends the attempts, after its wait: the budget is asked when the retry is due. The error
// says both, and what the last attempt failed of is what the error is about.
func TestSpentRetryBudget(t *testing.T) {
	virtually(t, func(b *bench) {
		// Three retries at once are always allowed: three calls hold them for an hour.
		g := guard(settings.Policy{Attempts: 2, RetryBudget: 0.01, RetryDelay: time.Second, Timeout: time.Minute})
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				time.Sleep(time.Duration(i))
				_, _ = g.Do(b.ctx, resilience.Call[string]{Fn: func(ctx context.Context, attempt int) (string, error) {
					if attempt == 1 {
						return "", errBroken
					}
					return "", pause(ctx, time.Hour)
				}})
			})
		}
		time.Sleep(10 * time.Second)
		synctest.Wait() // for what the three have told
		b.events = nil
		_, err := g.Do(b.ctx, fails(refused))
		b.wantError(err, resilience.ErrRetryBudget, errhandler.Network)
		b.wantError(err, refused, errhandler.Network)
		want := "collector exec (attempt 1): retry budget is spent: dial tcp: connect: connection refused"
		if err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		b.wantTold("10s attempt_started 1", "10s attempt_failed 1 network", "10s waiting 1 1s", "11s budget_spent 2")
		out, err := g.Do(b.ctx, resilience.Call[string]{
			Fn:       fails(refused).Fn,
			Fallback: func(context.Context, error) (string, error) { return "cached", nil },
		})
		if out != "cached" || err != nil {
			t.Errorf("the fallback supplied %q, %v", out, err)
		}
		wg.Wait()
	})
}
