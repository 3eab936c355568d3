package resilience_test

import (
	"context"
	"math"
	"sync"
	"testing"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/resilience"
	"faultflow/internal/settings"
)

// TestThrottle: the throttle turns calls away at the rate that failsafe-go's books say, by the run's draw: with a
// dependency that is down, 90 % in the end; with one that fails as often as it may, none.
func TestThrottle(t *testing.T) {
	draw := func(i int) float64 { return math.Mod(float64(i)*math.Phi, 1) } // even in [0, 1)
	for name, tt := range map[string]struct {
		fails float64
		share float64 // that is turned away
	}{
		"nothing fails":          {0, 0},
		"a tenth fails":          {0.1, 0},
		"half of all calls fail": {0.5, 1 - 0.5/0.9},
		"all calls fail":         {1, 0.9},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(b *bench) {
				g := guard(settings.Policy{Throttle: 0.1, ThrottleWindow: time.Minute})
				const calls = 4000
				for i := range calls {
					time.Sleep(10 * time.Millisecond)
					broken := draw(7*i+3) < tt.fails
					_, _ = g.Do(b.ctx, resilience.Call[string]{
						Chance: func(int) float64 { return draw(i) },
						Fn: func(context.Context, int) (string, error) {
							if broken {
								return "", errBroken
							}
							return "done", nil
						},
					})
				}
				s := g.Stats()
				got := float64(s.TurnedAway.Of(catalog.Throttled)) / calls
				if math.Abs(got-tt.share) > 0.03 || s.Calls+s.TurnedAway.Of(catalog.Throttled) != calls {
					t.Errorf("%v are turned away, want %v: %+v", got, tt.share, s)
				}
			})
		})
	}
}

// A throttled call is tried again, and is no one's failure: neither the throttle itself nor the breaker counts it. What
// other policies turn away is none of the throttle's.
func TestThrottledCall(t *testing.T) {
	virtually(t, func(b *bench) {
		g := guard(settings.Policy{
			Throttle:        0.1,
			ThrottleWindow:  time.Minute,
			Attempts:        3,
			RetryDelay:      time.Second,
			Breaker:         true,
			BreakerFailures: 2,
			BreakerOpenFor:  time.Hour,
			Bulkhead:        1,
		})
		low := func(int) float64 { return 0 }
		high := func(int) float64 { return 0.99 }
		// A failure that is not retried, since the next two are throttled: 1 of 1 failed, which is a rate of 0.5.
		failed := fails(errBroken)
		failed.Chance = func(attempt int) float64 { return map[bool]float64{true: 0.99}[attempt == 1] }
		_, err := g.Do(b.ctx, failed)
		b.wantError(err, resilience.ErrThrottled, errhandler.Degradation)
		if want := "collector exec (attempt 3): throttled: too many calls of collector.fetch have failed"; err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		b.wantTold(
			"0s attempt_started 1",
			"0s attempt_failed 1 internal",
			"0s waiting 1 1s",
			"1s throttled 2 degradation",
			"1s waiting 2 1s",
			"2s throttled 3 degradation",
		)
		b.wantState(g, "closed")
		var wg sync.WaitGroup
		held := takes(time.Hour)
		held.Chance = high
		wg.Go(func() { _, _ = g.Do(b.ctx, held) })
		time.Sleep(time.Second)
		for range 50 { // full, which is no failure: the rate stays 0.5
			next := works()
			next.Chance = high
			_, err := g.Do(b.ctx, next)
			b.wantError(err, resilience.ErrBulkheadFull, errhandler.Resource)
		}
		next := works()
		next.Chance = func(int) float64 { return 0.51 }
		_, err = g.Do(b.ctx, next)
		b.wantError(err, resilience.ErrBulkheadFull, errhandler.Resource)
		next.Chance = low
		_, err = g.Do(b.ctx, next)
		b.wantError(err, resilience.ErrThrottled, errhandler.Degradation)
		wg.Wait()
	})
}

// TestAdaptiveLimit: calls beyond the limit are turned away at once, or wait where the queue lets them, and the limit
// follows how long calls take: it grows while they are as fast as ever, and falls when they slow down under load.
func TestAdaptiveLimit(t *testing.T) {
	atOnce := func(b *bench, g *resilience.Guard[string], n int, takes func(inside int) time.Duration) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		inside := 0
		for i := range n {
			wg.Go(func() {
				time.Sleep(time.Duration(i))
				_, _ = g.Do(b.ctx, resilience.Call[string]{Fn: func(context.Context, int) (string, error) {
					mu.Lock()
					inside++
					d := takes(inside)
					mu.Unlock()
					time.Sleep(d)
					mu.Lock()
					inside--
					mu.Unlock()
					return "done", nil
				}})
			})
		}
		wg.Wait()
	}
	second := func(int) time.Duration { return time.Second }
	t.Run("turns away", func(t *testing.T) {
		virtually(t, func(b *bench) {
			g := guard(settings.Policy{AdaptiveLimit: 4})
			atOnce(b, g, 10, second)
			want := resilience.Stats{Calls: 4, TurnedAway: away(catalog.LimitReached, 6)}
			if s := g.Stats(); s != want {
				t.Errorf("%+v, want %+v", s, want)
			}
			b.wantElapsed(time.Second + 3)
		})
	})
	t.Run("lets wait", func(t *testing.T) {
		virtually(t, func(b *bench) {
			g := guard(settings.Policy{AdaptiveLimit: 4, AdaptiveQueue: 1.25})
			atOnce(b, g, 10, second)
			want := resilience.Stats{Calls: 9, TurnedAway: away(catalog.LimitReached, 1)}
			if s := g.Stats(); s != want {
				t.Errorf("%+v, want %+v", s, want)
			}
			b.wantElapsed(3*time.Second + 0)
		})
	})
	t.Run("has an error", func(t *testing.T) {
		virtually(t, func(b *bench) {
			g := guard(settings.Policy{AdaptiveLimit: 1, Attempts: 3, Breaker: true, BreakerFailures: 1})
			var wg sync.WaitGroup
			wg.Go(func() { _, _ = g.Do(b.ctx, takes(time.Second)) })
			time.Sleep(time.Nanosecond)
			_, err := g.Do(b.ctx, works())
			b.wantError(err, resilience.ErrAdaptiveLimit, errhandler.Resource)
			want := "collector exec (attempt 1): adaptive limit is reached: collector.fetch gets 1 calls at once"
			if err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
			b.wantTold("0s attempt_started 1", "1ns adaptive_limit_hit 1 resource")
			b.wantState(g, "closed")
			wg.Wait()
		})
	})
	// Calls that come faster than a dependency of 5 places serves them: the limit falls from 20 to near what it takes.
	for name, tt := range map[string]struct {
		takes     func(inside int) time.Duration
		low, high int64 // calls of the last second
	}{
		"fast": {func(int) time.Duration { return 100 * time.Millisecond }, 100, 100},
		"slow": {func(inside int) time.Duration { return max(100, 20*time.Duration(inside)) * time.Millisecond }, 30,
			60},
	} {
		t.Run("follows a dependency that is "+name, func(t *testing.T) {
			virtually(t, func(b *bench) {
				g := guard(settings.Policy{AdaptiveLimit: 200})
				var mu sync.Mutex
				var wg sync.WaitGroup
				inside, last := 0, int64(0)
				for i := range 6_000 { // 100 a second for a minute
					wg.Go(func() {
						time.Sleep(time.Duration(i)*10*time.Millisecond + time.Duration(i))
						_, err := g.Do(b.ctx, resilience.Call[string]{Fn: func(context.Context, int) (string, error) {
							mu.Lock()
							inside++
							d := tt.takes(inside)
							mu.Unlock()
							time.Sleep(d)
							mu.Lock()
							inside--
							mu.Unlock()
							return "done", nil
						}})
						if i >= 5_900 && err == nil {
							mu.Lock()
							last++
							mu.Unlock()
						}
					})
				}
				wg.Wait()
				if last < tt.low || last > tt.high {
					t.Errorf("%d calls of the last second went through, want %d to %d", last, tt.low, tt.high)
				}
			})
		})
	}
}
