package resilience_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/resilience"
	"faultflow/internal/settings"
)

// TestDeadline: the deadline ends the attempt under way, or the wait for the next one, and its error says what the last
// attempt failed of. It is over a nanosecond late: at the very instant of an attempt's limit the scheduler would
// decide.
func TestDeadline(t *testing.T) {
	for name, tt := range map[string]struct {
		policy settings.Policy
		call   resilience.Call[string]
		took   time.Duration
		stats  resilience.Stats
		error  string
		class  errhandler.Class
		told   []string
	}{
		"is not reached": {
			settings.Policy{Deadline: time.Second}, works(),
			0, resilience.Stats{Calls: 1}, "", "",
			[]string{"0s attempt_started 1", "0s attempt_succeeded 1"},
		},
		"during an attempt": {
			settings.Policy{Deadline: 3 * time.Second, Attempts: 5, RetryDelay: 500 * time.Millisecond,
				Timeout: 2 * time.Second},
			takes(time.Hour),
			3*time.Second + 1, resilience.Stats{Calls: 2, TimedOut: 1, Waits: 1, Overdue: 1},
			"collector exec (attempt 2): deadline is over after 3s: timeout after 2s", errhandler.Network,
			[]string{"0s attempt_started 1", "2s attempt_timed_out 1 network", "2s waiting 1 500ms",
				"2.5s attempt_started 2", "3.000000001s deadline_over 2 network"},
		},
		"during a wait": {
			settings.Policy{Deadline: 3 * time.Second, Attempts: 5, RetryDelay: 2 * time.Second}, fails(refused),
			3*time.Second + 1, resilience.Stats{Calls: 2, Failed: 2, Waits: 2, Overdue: 1},
			"collector exec (attempt 2): deadline is over after 3s: dial tcp: connect: connection refused",
			errhandler.Network,
			[]string{"0s attempt_started 1", "0s attempt_failed 1 network", "0s waiting 1 2s",
				"2s attempt_started 2", "2s attempt_failed 2 network", "2s waiting 2 2s", "3.000000001s deadline_over 2 network"},
		},
		"during the only attempt": {
			settings.Policy{Deadline: time.Second}, takes(time.Hour),
			time.Second + 1, resilience.Stats{Calls: 1, Overdue: 1},
			"collector exec (attempt 1): deadline is over after 1s", errhandler.Network,
			[]string{"0s attempt_started 1", "1.000000001s deadline_over 1 network"},
		},
		"as long as an attempt's limit, which ends first": {
			settings.Policy{Deadline: time.Second, Timeout: time.Second, Attempts: 3,
				RetryDelay: time.Second}, takes(time.Hour),
			time.Second + 1, resilience.Stats{Calls: 1, TimedOut: 1, Waits: 1, Overdue: 1},
			"collector exec (attempt 1): deadline is over after 1s: timeout after 1s", errhandler.Network,
			[]string{"0s attempt_started 1", "1s attempt_timed_out 1 network", "1s waiting 1 1s",
				"1.000000001s deadline_over 1 network"},
		},
		"is waited out by a deaf call, whose result comes too late": {
			settings.Policy{Deadline: time.Second, Attempts: 2}, deaf(5*time.Second, nil),
			5 * time.Second, resilience.Stats{Calls: 1, Overdue: 1},
			"collector exec (attempt 1): deadline is over after 1s", errhandler.Network,
			[]string{"0s attempt_started 1", "5s deadline_over 1 network"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(b *bench) {
				g := guard(tt.policy)
				_, err := g.Do(b.ctx, tt.call)
				b.wantElapsed(tt.took)
				if tt.error != "" {
					b.wantError(err, resilience.ErrDeadline, tt.class)
					if err.Error() != tt.error {
						t.Errorf("got %v\nwant %s", err, tt.error)
					}
				} else if err != nil {
					t.Error(err)
				}
				if s := g.Stats(); s != tt.stats {
					t.Errorf("%+v, want %+v", s, tt.stats)
				}
				b.wantTold(tt.told...)
			})
		})
	}
}

// A deadline leaves the fallback its time, and says nothing about the dependency: neither a call that it cut short nor
// one that still waited for a place counts with the breaker.
func TestDeadlineAndOthers(t *testing.T) {
	virtually(t, func(b *bench) {
		g := guard(settings.Policy{
			Deadline:        time.Second,
			Bulkhead:        1,
			BulkheadWait:    time.Hour,
			Breaker:         true,
			BreakerFailures: 1,
			BreakerOpenFor:  time.Hour,
		})
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Go(func() {
				time.Sleep(time.Duration(i))
				// The first one ignores its deadline and keeps its place beyond that of the second.
				out, err := g.Do(b.ctx, resilience.Call[string]{
					Fn: deaf(5*time.Second, nil).Fn,
					Fallback: func(ctx context.Context, err error) (string, error) {
						if !errors.Is(err, resilience.ErrDeadline) || ctx.Err() != nil {
							t.Errorf("the fallback is asked after %v, %v", err, ctx.Err())
						}
						return "cached", pause(ctx, time.Minute)
					},
				})
				if out != "cached" || err != nil {
					t.Errorf("got %q, %v", out, err)
				}
			})
		}
		wg.Wait()
		b.wantState(g, "closed")
		if s := g.Stats(); s != (resilience.Stats{Calls: 1, Overdue: 2}) {
			t.Errorf("%+v", s)
		}
	})
}

// A cancelled run ends a call with the cancellation, whether its deadline is near or not.
func TestCancelledBeforeTheDeadline(t *testing.T) {
	virtually(t, func(b *bench) {
		ctx, cancel := context.WithCancel(b.ctx)
		g := guard(settings.Policy{Deadline: time.Minute, Attempts: 3, Timeout: time.Second, RetryDelay: time.Hour})
		time.AfterFunc(30*time.Second, cancel)
		if _, err := g.Do(ctx, takes(time.Hour)); err != context.Canceled {
			t.Errorf("got %v", err)
		}
		b.wantElapsed(30 * time.Second)
		if s := g.Stats(); s.Overdue != 0 || s.TurnedAway != (catalog.RejectionCounts{}) {
			t.Errorf("%+v", s)
		}
	})
}
