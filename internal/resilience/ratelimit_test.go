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

// TestRateLimit: calls are let through evenly; one too many waits for its turn no longer than it may, and is else
// turned away without a call.
func TestRateLimit(t *testing.T) {
	t.Run("turned away at once", func(t *testing.T) {
		virtually(t, func(b *bench) {
			g := guard(settings.Policy{RateLimit: 10})
			if _, err := g.Do(b.ctx, works()); err != nil {
				t.Error(err)
			}
			_, err := g.Do(b.ctx, works())
			b.wantError(err, resilience.ErrRateLimit, errhandler.Resource)
			if want := "collector exec (attempt 1): rate limit is reached: collector.fetch gets 10 calls a second"; err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
			b.wantTold("0s attempt_started 1", "0s attempt_succeeded 1", "0s rate_limit_hit 1 resource")
			time.Sleep(100 * time.Millisecond)
			if _, err := g.Do(b.ctx, works()); err != nil {
				t.Error(err)
			}
			if s := g.Stats(); s != (resilience.Stats{Calls: 2, TurnedAway: away(catalog.RateLimitHit, 1)}) {
				t.Errorf("%+v", s)
			}
		})
	})
	t.Run("waits for its turn", func(t *testing.T) {
		virtually(t, func(b *bench) {
			g := guard(settings.Policy{RateLimit: 4, RateLimitWait: time.Second})
			for range 3 {
				if _, err := g.Do(b.ctx, works()); err != nil {
					t.Error(err)
				}
			}
			b.wantElapsed(500 * time.Millisecond)
		})
	})
	// The wait for a place in the bulkhead is another one: a call that may wait for that does not wait for its turn.
	t.Run("has a wait of its own", func(t *testing.T) {
		virtually(t, func(b *bench) {
			g := guard(settings.Policy{RateLimit: 4, Bulkhead: 1, BulkheadWait: time.Second})
			if _, err := g.Do(b.ctx, works()); err != nil {
				t.Error(err)
			}
			_, err := g.Do(b.ctx, works())
			b.wantError(err, resilience.ErrRateLimit, errhandler.Resource)
			b.wantElapsed(0)
		})
	})
	// A call that waits for its turn holds no place that another could use.
	t.Run("is outside the bulkhead", func(t *testing.T) {
		virtually(t, func(b *bench) {
			g := guard(settings.Policy{RateLimit: 1, RateLimitWait: time.Minute, Bulkhead: 1})
			var all sync.WaitGroup
			for range 3 {
				all.Go(func() {
					if _, err := g.Do(b.ctx, works()); err != nil {
						t.Error(err)
					}
				})
				synctest.Wait()
			}
			all.Wait()
			if s := g.Stats(); s != (resilience.Stats{Calls: 3}) {
				t.Errorf("%+v", s)
			}
			b.wantElapsed(2 * time.Second)
		})
	})
	t.Run("of a guard inside", func(t *testing.T) {
		virtually(t, func(b *bench) {
			inner, outer := guard(settings.Policy{RateLimit: 1}), guard(settings.Policy{})
			call := resilience.Call[string]{
				Fn: func(ctx context.Context, _ int) (string, error) { return inner.Do(ctx, works()) },
			}
			_, _ = outer.Do(b.ctx, call)
			_, err := outer.Do(b.ctx, call)
			b.wantError(err, resilience.ErrRateLimit, errhandler.Resource)
			if s := outer.Stats(); s != (resilience.Stats{Calls: 2, TurnedAway: away(catalog.RateLimitHit, 1)}) {
				t.Errorf("%+v", s)
			}
		})
	})
	t.Run("is tried again", func(t *testing.T) {
		virtually(t, func(b *bench) {
			g := guard(settings.Policy{RateLimit: 1, Attempts: 3, RetryDelay: 600 * time.Millisecond})
			for range 2 {
				if _, err := g.Do(b.ctx, works()); err != nil {
					t.Error(err)
				}
			}
			if s := g.Stats(); s != (resilience.Stats{Calls: 2, Waits: 2, TurnedAway: away(catalog.RateLimitHit, 2)}) {
				t.Errorf("%+v", s)
			}
			b.wantElapsed(1200 * time.Millisecond)
		})
	})
	t.Run("is no one's failure", func(t *testing.T) {
		virtually(t, func(b *bench) {
			g := guard(settings.Policy{RateLimit: 1, Breaker: true, BreakerFailures: 1, BreakerOpenFor: time.Hour})
			for range 5 {
				_, _ = g.Do(b.ctx, works())
			}
			b.wantState(g, "closed")
			if s := g.Stats(); s != (resilience.Stats{Calls: 1, TurnedAway: away(catalog.RateLimitHit, 4)}) {
				t.Errorf("%+v", s)
			}
		})
	})
}
