package resilience_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/resilience"
	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

var (
	errBroken = errors.New("broken")
	// refused is what a dial gives when nobody listens.
	refused = &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
)

// bench runs guards in virtual time and keeps what they tell. All tests of this package live on one: synctest also
// fails a test that leaves a goroutine behind.
type bench struct {
	*testing.T
	ctx    context.Context
	stream *workflow.Stream
	mu     sync.Mutex
	events []workflow.Event
}

func virtually(t *testing.T, f func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(newBench(t))
	})
}

func newBench(t *testing.T) *bench {
	b := &bench{T: t}
	b.stream = workflow.NewStream(func(e workflow.Event) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.events = append(b.events, e)
	})
	b.stream.Classify = func(err error) string { return string(errhandler.Classify(err)) }
	b.ctx = workflow.WithStream(t.Context(), b.stream)
	return b
}

// told is the events as lines such as "1s attempt_failed 2 network", without the details of errors.
func (b *bench) told() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var lines []string
	for _, e := range b.events {
		line := fmt.Sprintf("%v %s", e.At, e.Kind)
		switch {
		case catalog.EventKind(e.Kind) == catalog.BreakerChanged:
			line += " " + e.From + " → " + e.To
		case catalog.EventKind(e.Kind) == catalog.Waiting:
			line += fmt.Sprintf(" %d %v", e.Attempt, e.Wait)
		default:
			line = strings.TrimSpace(fmt.Sprintf("%s %d %s", line, e.Attempt, e.Class))
		}
		lines = append(lines, line)
	}
	return lines
}

func (b *bench) wantTold(want ...string) {
	b.Helper()
	if got := b.told(); !slices.Equal(got, want) {
		b.Errorf("events:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func (b *bench) wantElapsed(want time.Duration) {
	b.Helper()
	if got := b.stream.Elapsed(); got != want {
		b.Errorf("%v have passed, want exactly %v", got, want)
	}
}

// wantError checks that err matches the sentinel and has the class.
func (b *bench) wantError(err, sentinel error, class errhandler.Class) {
	b.Helper()
	if !errors.Is(err, sentinel) {
		b.Errorf("got %v, want %v", err, sentinel)
	}
	if got := errhandler.Classify(err); got != class {
		b.Errorf("%v has class %q, want %q", err, got, class)
	}
}

func guard(p settings.Policy) *resilience.Guard[string] {
	return resilience.NewGuard[string](resilience.Options{Place: "collector.fetch", Policy: p})
}

// fails is a call whose attempts all fail at once.
func fails(err error) resilience.Call[string] {
	return resilience.Call[string]{Fn: func(context.Context, int) (string, error) { return "", err }}
}

func works() resilience.Call[string] {
	return resilience.Call[string]{Fn: func(context.Context, int) (string, error) { return "done", nil }}
}

// away is the counts of calls turned away: n of that kind.
func away(kind catalog.EventKind, n int64) (counts catalog.RejectionCounts) {
	counts[kind.Index()] = n
	return counts
}

// pause waits as a well-behaved call does.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// takes is a call whose attempts take so long and obey their context.
func takes(d time.Duration) resilience.Call[string] {
	return resilience.Call[string]{
		Fn: func(ctx context.Context, _ int) (string, error) { return "done", pause(ctx, d) },
	}
}

// deaf is a call that takes so long whatever happens.
func deaf(d time.Duration, err error) resilience.Call[string] {
	return resilience.Call[string]{Fn: func(context.Context, int) (string, error) {
		time.Sleep(d)
		return "done", err
	}}
}

func TestBackoff(t *testing.T) {
	tests := []struct {
		name   string
		policy settings.Policy
		waits  []time.Duration
	}{
		{"no attempts means one", settings.Policy{RetryDelay: time.Second}, nil},
		{"one attempt", settings.Policy{Attempts: 1, RetryDelay: time.Second}, nil},
		{"1+2+4 s", settings.Policy{Attempts: 4, RetryDelay: time.Second, Backoff: 2}, []time.Duration{1e9, 2e9, 4e9}},
		{"capped", settings.Policy{Attempts: 5, RetryDelay: time.Second, Backoff: 2, MaxDelay: 3 * time.Second},
			[]time.Duration{1e9, 2e9, 3e9, 3e9}},
		{"capped from the start", settings.Policy{Attempts: 3, RetryDelay: time.Minute, MaxDelay: time.Second},
			[]time.Duration{1e9, 1e9}},
		{"fixed", settings.Policy{Attempts: 4, RetryDelay: 2 * time.Second, Backoff: 1},
			[]time.Duration{2e9, 2e9, 2e9}},
		{"a backoff below 1 does not shrink", settings.Policy{Attempts: 4, RetryDelay: 2 * time.Second, Backoff: 0.5},
			[]time.Duration{2e9, 2e9, 2e9}},
		{"a broken factor", settings.Policy{Attempts: 3, RetryDelay: time.Second, Backoff: 1.5},
			[]time.Duration{1e9, 1.5e9}},
		{"no wait", settings.Policy{Attempts: 3, Backoff: 2}, []time.Duration{0, 0}},
		{"jitter that no call draws", settings.Policy{Attempts: 3, RetryDelay: time.Second, Backoff: 2, Jitter: 0.5},
			[]time.Duration{1e9, 2e9}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			virtually(t, func(b *bench) {
				_, err := guard(test.policy).Do(b.ctx, fails(errBroken))
				b.wantError(err, errBroken, errhandler.Internal)
				var waits []time.Duration
				total := time.Duration(0)
				for _, e := range b.events {
					if catalog.EventKind(e.Kind) == catalog.Waiting {
						waits = append(waits, e.Wait)
						total += e.Wait
					}
				}
				if !slices.Equal(waits, test.waits) {
					t.Errorf("waits %v, want %v", waits, test.waits)
				}
				b.wantElapsed(total)
			})
		})
	}
}

// TestBackoffTakesSevenSeconds is the story of one call as it is told.
func TestBackoffTakesSevenSeconds(t *testing.T) {
	virtually(t, func(b *bench) {
		_, err := guard(settings.Policy{Attempts: 4, RetryDelay: time.Second, Backoff: 2}).Do(b.ctx, fails(refused))
		if err == nil || err.Error() != "collector exec (attempt 4): dial tcp: connect: connection refused" {
			t.Errorf("got %v", err)
		}
		b.wantElapsed(7 * time.Second)
		b.wantTold(
			"0s attempt_started 1", "0s attempt_failed 1 network", "0s waiting 1 1s",
			"1s attempt_started 2", "1s attempt_failed 2 network", "1s waiting 2 2s",
			"3s attempt_started 3", "3s attempt_failed 3 network", "3s waiting 3 4s",
			"7s attempt_started 4", "7s attempt_failed 4 network")
		for _, e := range b.events {
			if e.Node != "collector" || e.Place != "collector.fetch" {
				t.Errorf("event of %s at %s", e.Node, e.Place)
			}
		}
	})
}

// TestJitter: whatever is drawn, a wait stays within its share of the delay, and it is what was drawn that decides.
func TestJitter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := settings.Policy{
			Attempts:   rapid.IntRange(2, 6).Draw(rt, "attempts"),
			RetryDelay: time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(rt, "delay")),
			Backoff:    rapid.Float64Range(0, 10).Draw(rt, "backoff"),
			MaxDelay:   time.Duration(rapid.Int64Range(0, int64(24*time.Hour)).Draw(rt, "max delay")),
			Jitter:     rapid.Float64Range(0, 1).Draw(rt, "jitter"),
		}
		draws := rapid.SliceOfN(rapid.Float64Range(0, 0.999999), p.Attempts-1, p.Attempts-1).Draw(rt, "draws")
		var waits []time.Duration
		var elapsed, total time.Duration
		virtually(t, func(b *bench) {
			call := fails(errBroken)
			call.Jitter = func(attempt int) float64 { return draws[attempt-1] }
			_, _ = guard(p).Do(b.ctx, call)
			elapsed = b.stream.Elapsed()
			for _, e := range b.events {
				if catalog.EventKind(e.Kind) == catalog.Waiting {
					waits = append(waits, e.Wait)
					total += e.Wait
				}
			}
		})
		if len(waits) != len(draws) || elapsed != total {
			rt.Fatalf("%d waits, %v told, %v passed", len(waits), total, elapsed)
		}
		base := float64(p.RetryDelay)
		for i, wait := range waits {
			bounded := base
			if p.MaxDelay > 0 {
				bounded = min(base, float64(p.MaxDelay))
			}
			const rounding = 2 // nanoseconds, and a share of what floats can't hold
			slack := rounding + bounded*1e-12 + base*1e-15
			low, high := base*(1-p.Jitter), base*(1+p.Jitter)
			if p.MaxDelay > 0 {
				low, high = min(low, float64(p.MaxDelay)), min(high, float64(p.MaxDelay))
			}
			if float64(wait) < low-slack || float64(wait) > high+slack {
				rt.Errorf("wait %d is %v, outside %v…%v", i+1, wait, time.Duration(low), time.Duration(high))
			}
			// The lower half of the draws shortens, the upper half lengthens.
			if d := float64(wait) - bounded; d*(draws[i]-0.5) < 0 && max(d, -d) > slack {
				rt.Errorf("wait %d: a draw of %v made %v of %v", i+1, draws[i], wait, time.Duration(bounded))
			}
			base *= max(p.Backoff, 1)
		}
	})
}

// TestJitterFillsItsRange: the least draw makes the shortest wait, the middle one the delay itself, and the greatest
// the longest. A jitter that used half of its range would keep clients in step that it is there to keep apart.
func TestJitterFillsItsRange(t *testing.T) {
	const most = 1 - 1e-9
	for _, test := range []struct {
		jitter, draw float64
		want         time.Duration
	}{
		{0.25, 0, 750 * time.Millisecond}, {0.25, 0.5, time.Second}, {0.25, most, 1250 * time.Millisecond},
		{1, 0, 0}, {1, 0.25, 500 * time.Millisecond}, {1, 0.75, 1500 * time.Millisecond}, {1, most, 2 * time.Second},
		{0, 0, time.Second}, {0, most, time.Second},
	} {
		virtually(t, func(b *bench) {
			call := fails(errBroken)
			call.Jitter = func(int) float64 { return test.draw }
			_, _ = guard(settings.Policy{Attempts: 2, RetryDelay: time.Second, Jitter: test.jitter}).Do(b.ctx, call)
			if off := b.stream.Elapsed() - test.want; off.Abs() > 2*time.Nanosecond {
				t.Errorf("jitter %v, draw %v: %v, want %v", test.jitter, test.draw, b.stream.Elapsed(), test.want)
			}
		})
	}
}

// TestMaxDelayIncludesJitter: no wait is longer than MaxDelay, whatever jitter makes of it. Jitter varies the wait as
// it is without the bound, and then the bound holds.
func TestMaxDelayIncludesJitter(t *testing.T) {
	tests := []struct {
		name     string
		delay    time.Duration
		draw     float64
		maxDelay time.Duration
		want     time.Duration
	}{
		{"lengthened beyond it", time.Second, 0.75, 1200 * time.Millisecond, 1200 * time.Millisecond},
		{"lengthened up to it", time.Second, 0.75, 1250 * time.Millisecond, 1250 * time.Millisecond},
		{"lengthened below it", time.Second, 0.75, 2 * time.Second, 1250 * time.Millisecond},
		{"longer by itself", 2 * time.Second, 0.75, time.Second, time.Second},
		{"shortened to less", 2 * time.Second, 0.125, 1500 * time.Millisecond, 1250 * time.Millisecond},
		{"shortened, but not to less", 4 * time.Second, 0.125, time.Second, time.Second},
		{"without one", time.Second, 0.75, 0, 1250 * time.Millisecond},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			virtually(t, func(b *bench) {
				call := fails(errBroken)
				call.Jitter = func(int) float64 { return test.draw }
				p := settings.Policy{Attempts: 2, RetryDelay: test.delay, MaxDelay: test.maxDelay, Jitter: 0.5}
				_, err := guard(p).Do(b.ctx, call)
				b.wantError(err, errBroken, errhandler.Internal)
				b.wantElapsed(test.want)
			})
		})
	}
}

// TestLongestWait: a delay beyond what a Duration holds is a very long wait, not a negative one.
func TestLongestWait(t *testing.T) {
	virtually(t, func(b *bench) {
		ctx, cancel := context.WithTimeout(b.ctx, 24*time.Hour)
		defer cancel()
		call := fails(errBroken)
		call.Jitter = func(int) float64 { return 0.999 }
		_, err := guard(settings.Policy{Attempts: 3, RetryDelay: 1<<63 - 1, Backoff: 100, Jitter: 1}).Do(ctx, call)
		b.wantError(err, context.DeadlineExceeded, errhandler.Network)
		b.wantElapsed(24 * time.Hour)
	})
}

// busy is an answer that says when to come back.
type busy struct{ wait time.Duration }

func (busy) Error() string               { return "429" }
func (e busy) RetryAfter() time.Duration { return e.wait }

func TestRetryAfter(t *testing.T) {
	tests := []struct {
		name   string
		policy settings.Policy
		asked  time.Duration
		want   time.Duration
	}{
		{"longer than the delay", settings.Policy{RetryDelay: time.Second}, 30 * time.Second, 30 * time.Second},
		{"not shortened by the cap", settings.Policy{RetryDelay: time.Second, MaxDelay: 2 * time.Second},
			30 * time.Second, 30 * time.Second},
		{"not shortened by jitter", settings.Policy{RetryDelay: time.Second, Jitter: 1}, 30 * time.Second,
			30 * time.Second},
		{"shorter than the delay", settings.Policy{RetryDelay: time.Minute}, time.Second, time.Minute},
		{"nothing asked", settings.Policy{RetryDelay: time.Second}, 0, time.Second},
		{"nonsense", settings.Policy{RetryDelay: time.Second}, -time.Hour, time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			virtually(t, func(b *bench) {
				test.policy.Attempts = 2
				call := fails(fmt.Errorf("fetch: %w", busy{test.asked}))
				call.Jitter = func(int) float64 { return 0 }
				if test.policy.Jitter == 0 {
					call.Jitter = nil
				}
				_, err := guard(test.policy).Do(b.ctx, call)
				b.wantError(err, busy{test.asked}, errhandler.Internal)
				b.wantElapsed(test.want)
			})
		})
	}
}

// TestRetryIsOutsideTheBreaker: each attempt counts for the breaker, which ends the attempts as soon as it opens.
// What no attempt can mend is not tried again: each attempt would only be one more call of a dependency that has
// answered. The error keeps its class, and a fallback is asked as after the last attempt.
func TestLastingErrorsEndTheAttempts(t *testing.T) {
	virtually(t, func(b *bench) {
		g := guard(settings.Policy{Attempts: 5, RetryDelay: time.Second})
		lasting := fmt.Errorf("page 2: %w", errhandler.Lasting(errhandler.As(errhandler.Network, errBroken)))
		call := fails(lasting)
		_, err := g.Do(b.ctx, call)
		b.wantError(err, errBroken, errhandler.Network)
		call.Fallback = func(context.Context, error) (string, error) { return "a copy", nil }
		if got, err := g.Do(b.ctx, call); got != "a copy" || err != nil {
			b.Errorf("got %q, %v", got, err)
		}
		if s := g.Stats(); s.Calls != 2 || s.Failed != 2 || s.Waits != 0 {
			b.Errorf("%+v", s)
		}
		b.wantElapsed(0)
	})
}

func TestRetryIsOutsideTheBreaker(t *testing.T) {
	virtually(t, func(b *bench) {
		g := guard(settings.Policy{
			Attempts:        5,
			RetryDelay:      time.Second,
			Breaker:         true,
			BreakerFailures: 2,
			BreakerOpenFor:  time.Minute,
		})
		_, err := g.Do(b.ctx, fails(errBroken))
		b.wantError(err, errBroken, errhandler.Internal)
		if s := g.Stats(); s.Calls != 2 || s.Waits != 1 {
			t.Errorf("%d calls and %d waits, want 2 and 1", s.Calls, s.Waits)
		}
		b.wantElapsed(time.Second) // no wait for a call that would be rejected
	})
}

// TestBreakerIsOutsideTheBulkhead: an open breaker rejects at once, even where the bulkhead would have to be waited
// for.
func TestBreakerIsOutsideTheBulkhead(t *testing.T) {
	virtually(t, func(b *bench) {
		g := guard(settings.Policy{
			Bulkhead:        1,
			BulkheadWait:    time.Minute,
			Breaker:         true,
			BreakerFailures: 1,
			BreakerOpenFor:  time.Hour,
		})
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = g.Do(b.ctx, deaf(10*time.Second, errBroken)) }) // opens the breaker at 10 s
		time.Sleep(time.Second)
		wg.Go(
			func() { _, _ = g.Do(b.ctx, deaf(10*time.Second, nil)) },
		) // passed the breaker before; holds the place from 10 s to 20 s
		time.Sleep(11 * time.Second)
		_, err := g.Do(b.ctx, works())
		b.wantError(err, resilience.ErrBreakerOpen, errhandler.Degradation)
		b.wantElapsed(12 * time.Second)
		wg.Wait()
		b.wantElapsed(20 * time.Second)
	})
}

// TestBulkheadIsOutsideTheTimeout: waiting for a place does not use up the call's time.
func TestBulkheadIsOutsideTheTimeout(t *testing.T) {
	virtually(t, func(b *bench) {
		g := guard(settings.Policy{Bulkhead: 1, BulkheadWait: time.Minute, Timeout: 2 * time.Second})
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = g.Do(b.ctx, deaf(10*time.Second, nil)) })
		synctest.Wait()
		out, err := g.Do(b.ctx, takes(time.Second))
		if out != "done" || err != nil {
			t.Errorf("got %q, %v", out, err)
		}
		b.wantElapsed(11 * time.Second)
		wg.Wait()
	})
}

// TestTimeoutIsInnermost: each attempt has the whole limit, and the waits between attempts are not part of it.
func TestTimeoutIsInnermost(t *testing.T) {
	virtually(t, func(b *bench) {
		g := guard(settings.Policy{Attempts: 3, RetryDelay: 10 * time.Second, Timeout: 2 * time.Second})
		_, err := g.Do(b.ctx, takes(time.Hour))
		b.wantError(err, resilience.ErrTimeout, errhandler.Network)
		b.wantElapsed(2*time.Second + 10*time.Second + 2*time.Second + 10*time.Second + 2*time.Second)
		if s := g.Stats(); s.Calls != 3 || s.TimedOut != 3 {
			t.Errorf("%+v", s)
		}
	})
}

// TestFallbackIsOutermost: it is asked once, when everything else has given up; it has no limit, no place in the
// bulkhead, no second try, and its failure does not count for the breaker.
func TestFallbackIsOutermost(t *testing.T) {
	ownErr := errors.New("no cache")
	for _, fallbackErr := range []error{nil, ownErr} {
		t.Run(fmt.Sprint(fallbackErr), func(t *testing.T) {
			virtually(t, func(b *bench) {
				g := guard(settings.Policy{Attempts: 3, RetryDelay: time.Second, Timeout: time.Second, Bulkhead: 1,
					Breaker: true, BreakerFailures: 4, BreakerOpenFor: time.Minute})
				asked := 0
				call := fails(refused)
				call.Fallback = func(ctx context.Context, err error) (string, error) {
					asked++
					if want := "collector exec (attempt 3): dial tcp: connect: connection refused"; err.Error() != want {
						t.Errorf("the fallback sees %v", err)
					}
					if err := pause(ctx, time.Hour); err != nil {
						t.Errorf("the fallback was cut short: %v", err)
					}
					return "cached", fallbackErr
				}
				var wg sync.WaitGroup
				wg.Go(func() { // while the fallback works, the place is free
					time.Sleep(time.Minute)
					if out, err := g.Do(b.ctx, works()); out != "done" || err != nil {
						t.Errorf("got %q, %v", out, err)
					}
				})
				out, err := g.Do(b.ctx, call)
				if out != "cached" || err != fallbackErr {
					t.Errorf("got %q, %v; want the fallback's result", out, err)
				}
				if asked != 1 {
					t.Errorf("the fallback was asked %d times", asked)
				}
				b.wantElapsed(2*time.Second + time.Hour)
				if got := g.BreakerState(); got != "closed" {
					t.Errorf("the breaker is %s", got)
				}
				wg.Wait()
			})
		})
	}
}

func TestFallbackIsNotAskedWithoutNeed(t *testing.T) {
	virtually(t, func(b *bench) {
		call := resilience.Call[string]{
			Fn: func(_ context.Context, attempt int) (string, error) {
				if attempt < 3 {
					return "", errBroken
				}
				return "done", nil
			},
			Fallback: func(context.Context, error) (string, error) { t.Error("asked"); return "", nil },
		}
		g := guard(settings.Policy{Attempts: 3, RetryDelay: time.Second})
		if out, err := g.Do(b.ctx, call); out != "done" || err != nil {
			t.Errorf("got %q, %v", out, err)
		}
		b.wantTold("0s attempt_started 1", "0s attempt_failed 1 internal", "0s waiting 1 1s",
			"1s attempt_started 2", "1s attempt_failed 2 internal", "1s waiting 2 1s",
			"2s attempt_started 3", "2s attempt_succeeded 3")
	})
}

func TestBulkhead(t *testing.T) {
	tests := []struct {
		name string
		wait time.Duration
		held time.Duration // by the call before
		full bool
		want time.Duration // when the call is back
	}{
		{"no wait", 0, 10 * time.Second, true, 0},
		{"a place in time", 20 * time.Second, 10 * time.Second, false, 10 * time.Second},
		{"no place in time", 5 * time.Second, 10 * time.Second, true, 5 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			virtually(t, func(b *bench) {
				g := guard(settings.Policy{Attempts: 3, RetryDelay: time.Second, Bulkhead: 1, BulkheadWait: test.wait})
				var wg sync.WaitGroup
				wg.Go(func() { _, _ = g.Do(b.ctx, deaf(test.held, nil)) })
				synctest.Wait()
				_, err := g.Do(b.ctx, works())
				b.wantElapsed(test.want)
				if !test.full {
					if err != nil {
						t.Error(err)
					}
				} else {
					// A retry would only fill the bulkhead more.
					b.wantError(err, resilience.ErrBulkheadFull, errhandler.Resource)
					if want := "collector exec (attempt 1): bulkhead is full: collector.fetch allows 1 at once"; err.Error() != want {
						t.Errorf("got %v", err)
					}
					b.wantTold("0s attempt_started 1", fmt.Sprintf("%v bulkhead_full 1 resource", test.want))
					if s := g.Stats(); s != (resilience.Stats{Calls: 1, TurnedAway: away(catalog.BulkheadFull, 1)}) {
						t.Errorf("%+v", s)
					}
				}
				wg.Wait()
				// The place is given back, also after a call that failed or panicked.
				_, _ = g.Do(b.ctx, fails(context.Canceled))
				_, _ = g.Do(
					b.ctx,
					resilience.Call[string]{Fn: func(context.Context, int) (string, error) { panic("boom") }},
				)
				if _, err := g.Do(b.ctx, works()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestDeafCall: a call that does not obey is cancelled but not abandoned, so that nothing goes on behind the caller's
// back.
func TestDeafCall(t *testing.T) {
	virtually(t, func(b *bench) {
		var atLimit, after error
		_, err := guard(settings.Policy{Timeout: 2 * time.Second}).Do(b.ctx, resilience.Call[string]{
			Fn: func(ctx context.Context, _ int) (string, error) {
				time.Sleep(2*time.Second - 1)
				atLimit = ctx.Err()
				time.Sleep(time.Hour)
				after = ctx.Err()
				return "late", nil
			},
		})
		if atLimit != nil || after != context.Canceled {
			t.Errorf("before the limit the context said %v, after it %v", atLimit, after)
		}
		b.wantError(err, resilience.ErrTimeout, errhandler.Network)
		b.wantElapsed(2*time.Second - 1 + time.Hour)
		if want := "collector exec (attempt 1): timeout after 2s"; err.Error() != want {
			t.Errorf("got %v", err)
		}
	})
}

func TestTimeoutError(t *testing.T) {
	syntax := json.Unmarshal([]byte("{]"), new(any))
	panics := func(context.Context) error { panic("boom") }
	returns := func(err error) func(context.Context) error { return func(context.Context) error { return err } }
	tests := []struct {
		name  string
		guard errhandler.Class
		end   func(context.Context) error // what the call does when it is cancelled
		inner error
		class errhandler.Class
		text  string
	}{
		{"only the cancellation", "", context.Context.Err, nil, errhandler.Network, "timeout after 2s"},
		{
			"only the cancellation, in processing",
			errhandler.Processing,
			context.Context.Err,
			nil,
			errhandler.Processing,
			"timeout after 2s",
		},
		{
			"only the cancellation, wrapped",
			errhandler.Storage,
			func(ctx context.Context) error { return fmt.Errorf("write: %w", ctx.Err()) },
			nil,
			errhandler.Storage,
			"timeout after 2s",
		},
		{"a result that came too late", errhandler.Storage, returns(nil), nil, errhandler.Storage, "timeout after 2s"},
		{
			"an error that tells its class",
			errhandler.Processing,
			returns(refused),
			refused,
			errhandler.Network,
			"timeout after 2s: dial tcp: connect: connection refused",
		},
		{
			"an error of data",
			errhandler.Network,
			returns(syntax),
			syntax,
			errhandler.Data,
			"timeout after 2s: " + syntax.Error(),
		},
		// A plain error says nothing of its class, in time or late.
		{
			"a plain error",
			errhandler.Processing,
			returns(errBroken),
			errBroken,
			errhandler.Processing,
			"timeout after 2s: broken",
		},
		{"a plain error, no class", "", returns(errBroken), errBroken, errhandler.Internal, "timeout after 2s: broken"},
		{
			"a panic in processing",
			errhandler.Processing,
			panics,
			workflow.ErrPanic,
			errhandler.Processing,
			"timeout after 2s: panic: boom",
		},
		{
			"a panic elsewhere",
			errhandler.Network,
			panics,
			workflow.ErrPanic,
			errhandler.Internal,
			"timeout after 2s: panic: boom",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			virtually(t, func(b *bench) {
				g := resilience.NewGuard[string](resilience.Options{
					Place:  "n.call",
					Class:  test.guard,
					Policy: settings.Policy{Timeout: 2 * time.Second},
				})
				_, err := g.Do(b.ctx, resilience.Call[string]{Fn: func(ctx context.Context, _ int) (string, error) {
					<-ctx.Done()
					return "", test.end(ctx)
				}})
				b.wantError(err, resilience.ErrTimeout, test.class)
				b.wantElapsed(2 * time.Second)
				if want := "n exec (attempt 1): " + test.text; err.Error() != want {
					t.Errorf("got %q, want %q", err, want)
				}
				te, ok := errors.AsType[*resilience.TimeoutError](err)
				if !ok || te.Limit != 2*time.Second {
					t.Fatalf("%T %v", err, err)
				}
				if (te.Err == nil) != (test.inner == nil) || test.inner != nil && !errors.Is(err, test.inner) {
					t.Errorf("inside is %v, want %v", te.Err, test.inner)
				}
				b.wantTold("0s attempt_started 1", "2s attempt_timed_out 1 "+string(test.class))
			})
		})
	}
}

// TestCallInTime: a call that ends before its limit keeps its result, and a failure that is not a timeout is not made
// one.
func TestCallInTime(t *testing.T) {
	virtually(t, func(b *bench) {
		g := guard(settings.Policy{Timeout: 2 * time.Second})
		if out, err := g.Do(b.ctx, takes(2*time.Second-1)); out != "done" || err != nil {
			t.Errorf("got %q, %v", out, err)
		}
		// Another limit than the guard's, such as an HTTP client's own.
		_, err := g.Do(b.ctx, fails(context.DeadlineExceeded))
		b.wantError(err, context.DeadlineExceeded, errhandler.Network)
		if errors.Is(err, resilience.ErrTimeout) {
			t.Errorf("%v matches ErrTimeout", err)
		}
		if s := g.Stats(); s != (resilience.Stats{Calls: 2, Failed: 1}) {
			t.Errorf("%+v", s)
		}
	})
}

// TestClassOfErrors: a guard's class is for errors that say nothing of theirs. A panic is a defect, except where the
// work itself is what is guarded.
func TestClassOfErrors(t *testing.T) {
	tests := []struct {
		name  string
		guard errhandler.Class
		fn    func() error
		want  errhandler.Class
	}{
		{"plain", "", func() error { return errBroken }, errhandler.Internal},
		{"plain in a network guard", errhandler.Network, func() error { return errBroken }, errhandler.Network},
		{
			"plain in a processing guard",
			errhandler.Processing,
			func() error { return errBroken },
			errhandler.Processing,
		},
		{"refused in a processing guard", errhandler.Processing, func() error { return refused }, errhandler.Network},
		{
			"own class in a processing guard",
			errhandler.Processing,
			func() error { return errhandler.As(errhandler.Data, errBroken) },
			errhandler.Data,
		},
		{
			"cancellation in a processing guard",
			errhandler.Processing,
			func() error { return context.Canceled },
			errhandler.Cancelled,
		},
		{"panic", "", func() error { panic("boom") }, errhandler.Internal},
		{"panic in a network guard", errhandler.Network, func() error { panic("boom") }, errhandler.Internal},
		{"panic in a storage guard", errhandler.Storage, func() error { panic("boom") }, errhandler.Internal},
		{"panic in a processing guard", errhandler.Processing, func() error { panic("boom") }, errhandler.Processing},
		{
			"panic with an error in a processing guard",
			errhandler.Processing,
			func() error { panic(refused) },
			errhandler.Processing,
		},
		{
			"panic with a cancellation in a processing guard",
			errhandler.Processing,
			func() error { panic(context.Canceled) },
			errhandler.Processing,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			virtually(t, func(b *bench) {
				g := resilience.NewGuard[string](resilience.Options{Place: "n.call", Class: test.guard})
				_, err := g.Do(
					b.ctx,
					resilience.Call[string]{Fn: func(context.Context, int) (string, error) { return "", test.fn() }},
				)
				if got := errhandler.Classify(err); got != test.want {
					t.Errorf("%v is %q, want %q", err, got, test.want)
				}
				b.wantTold("0s attempt_started 1", "0s attempt_failed 1 "+string(test.want))
				if pe, ok := errors.AsType[*workflow.PanicError](err); ok && !strings.Contains(string(pe.Stack), "TestClassOfErrors") {
					t.Errorf("the stack does not lead to the panic:\n%s", pe.Stack)
				}
			})
		})
	}
}

// TestPanicIsRetried: a panic is a failed attempt like any other.
func TestPanicIsRetried(t *testing.T) {
	virtually(t, func(b *bench) {
		out, err := guard(settings.Policy{Attempts: 2, RetryDelay: time.Second}).Do(b.ctx, resilience.Call[string]{
			Fn: func(_ context.Context, attempt int) (string, error) {
				if attempt == 1 {
					panic("boom")
				}
				return "done", nil
			},
		})
		if out != "done" || err != nil {
			t.Errorf("got %q, %v", out, err)
		}
		b.wantElapsed(time.Second)
	})
}

// TestDeafCallKeepsItsError: a call that was cancelled and failed of something else all the same says what of.
func TestDeafCallKeepsItsError(t *testing.T) {
	virtually(t, func(b *bench) {
		ctx, cancel := context.WithCancel(b.ctx)
		time.AfterFunc(time.Second, cancel)
		_, err := guard(settings.Policy{}).Do(ctx, deaf(2*time.Second, errBroken))
		b.wantElapsed(2 * time.Second)
		if !errors.Is(err, errBroken) {
			t.Errorf("got %v", err)
		}
	})
}

// TestCancelledParent: when the run is cancelled, everything ends at once: attempts, waits, and no fallback is asked.
func TestCancelledParent(t *testing.T) {
	policies := map[string]struct {
		policy   settings.Policy
		quiet    bool
		fallback bool
	}{
		"single":          {policy: settings.Policy{Timeout: time.Hour}},
		"single fallback": {policy: settings.Policy{Timeout: time.Hour}, fallback: true},
		"quiet single": {policy: settings.Policy{Timeout: time.Hour, Bulkhead: 1, BulkheadWait: time.Hour},
			quiet: true},
		"all": {policy: settings.Policy{
			Attempts:        5,
			RetryDelay:      time.Minute,
			Timeout:         time.Hour,
			Bulkhead:        1,
			BulkheadWait:    time.Hour,
			Breaker:         true,
			BreakerFailures: 1,
			BreakerOpenFor:  time.Hour,
		}, fallback: true},
	}
	tests := []struct {
		name string
		with []string
		call resilience.Call[string]
		held bool // the bulkhead's place is
		at   time.Duration
	}{
		{
			name: "before the call",
			with: []string{"single", "single fallback", "quiet single", "all"},
			call: takes(time.Hour),
		},
		{
			name: "during the call",
			with: []string{"single", "single fallback", "quiet single", "all"},
			call: takes(30 * time.Minute),
			at:   time.Minute,
		},
		{
			name: "while waiting for a place",
			with: []string{"quiet single", "all"},
			call: works(),
			held: true,
			at:   time.Minute,
		},
	}
	for _, test := range tests {
		for _, with := range test.with {
			t.Run(test.name+"/"+with, func(t *testing.T) {
				virtually(t, func(b *bench) {
					p := policies[with]
					g := resilience.NewGuard[string](resilience.Options{
						Place:  "n.call",
						Policy: p.policy,
						Quiet:  p.quiet,
					})
					var wg sync.WaitGroup
					if test.held {
						wg.Go(func() { _, _ = g.Do(b.ctx, deaf(2*time.Hour, nil)) })
						synctest.Wait()
					}
					ctx, cancel := context.WithCancel(b.ctx)
					defer cancel()
					if test.at == 0 {
						cancel()
					} else {
						time.AfterFunc(test.at, cancel)
					}
					call := test.call
					if p.fallback {
						call.Fallback = func(context.Context, error) (string, error) { t.Error("the fallback was asked"); return "", nil }
					}
					_, err := g.Do(ctx, call)
					b.wantError(err, context.Canceled, errhandler.Cancelled)
					b.wantElapsed(test.at)
					if s := g.Stats(); s.Waits != 0 || s.Calls > 1 {
						t.Errorf("%+v", s)
					}
					if state := g.BreakerState(); state == "open" {
						t.Error("the cancellation opened the breaker")
					}
					wg.Wait()
				})
			})
		}
	}
}

// TestCancelledCall: a call that was cancelled by someone else than the guard's caller is not tried again either.
func TestCancelledCall(t *testing.T) {
	virtually(t, func(b *bench) {
		g := guard(settings.Policy{Attempts: 3, RetryDelay: time.Second})
		call := fails(fmt.Errorf("fetch: %w", context.Canceled))
		call.Fallback = func(_ context.Context, err error) (string, error) { return "cached", nil }
		if out, err := g.Do(b.ctx, call); out != "cached" || err != nil {
			t.Errorf("got %q, %v; the run goes on, so that the fallback can help", out, err)
		}
		b.wantTold("0s attempt_started 1", "0s attempt_failed 1 cancelled")
	})
}

// TestCancelledDuringBackoff: the cancellation is what is returned, whatever ended the attempt before; failsafe-go
// would give the timeout again.
func TestCancelledDuringBackoff(t *testing.T) {
	for name, test := range map[string]struct {
		call resilience.Call[string]
		want resilience.Stats
	}{
		"after a failure": {deaf(500*time.Millisecond, errBroken), resilience.Stats{Calls: 2, Failed: 2, Waits: 2}},
		"after a timeout": {takes(time.Hour), resilience.Stats{Calls: 2, TimedOut: 2, Waits: 2}},
	} {
		for _, fallback := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/fallback=%v", name, fallback), func(t *testing.T) {
				virtually(t, func(b *bench) {
					ctx, cancel := context.WithCancel(b.ctx)
					defer cancel()
					time.AfterFunc(5*time.Second, cancel)
					call := test.call
					if fallback {
						call.Fallback = func(context.Context, error) (string, error) { t.Error("the fallback was asked"); return "", nil }
					}
					g := guard(settings.Policy{
						Attempts:   5,
						RetryDelay: time.Second,
						Backoff:    10,
						Timeout:    500*time.Millisecond + 1,
					})
					_, err := g.Do(ctx, call)
					b.wantError(err, context.Canceled, errhandler.Cancelled)
					b.wantElapsed(5 * time.Second)
					if s := g.Stats(); s != test.want {
						t.Errorf("%+v, want %+v", s, test.want)
					}
				})
			})
		}
	}
}

// TestAttemptNumbers: an error says which attempt it was. A guard inside another of the same node does not say it
// twice; the outer one's count is the one that matters.
func TestAttemptNumbers(t *testing.T) {
	inside := func(node string) resilience.Call[string] {
		inner := resilience.NewGuard[string](resilience.Options{
			Place:  catalog.Place(node + ".call"),
			Policy: settings.Policy{Timeout: time.Second},
			Quiet:  true,
		})
		return resilience.Call[string]{
			Fn: func(ctx context.Context, _ int) (string, error) { return inner.Do(ctx, fails(errBroken)) },
		}
	}
	tests := []struct {
		name string
		call resilience.Call[string]
		want string
	}{
		{"its own error", fails(errBroken), "collector exec (attempt 3): broken"},
		{"an error of a guard of the same node", inside("collector"), "collector exec (attempt 3): broken"},
		{
			"an error of a guard of another node",
			inside("delivery"),
			"collector exec (attempt 3): delivery exec (attempt 1): broken",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			virtually(t, func(b *bench) {
				var attempts []int
				fn := test.call.Fn
				test.call.Fn = func(ctx context.Context, attempt int) (string, error) {
					attempts = append(attempts, attempt)
					return fn(ctx, attempt)
				}
				_, err := guard(settings.Policy{Attempts: 3}).Do(b.ctx, test.call)
				ne, ok := err.(*workflow.NodeError)
				if !ok || ne.Node != "collector" || ne.Phase != workflow.PhaseExec || ne.Attempt != 3 ||
					!errors.Is(err, errBroken) {
					t.Fatalf("got %#v", err)
				}
				if err.Error() != test.want {
					t.Errorf("got %q, want %q", err, test.want)
				}
				if !slices.Equal(attempts, []int{1, 2, 3}) {
					t.Errorf("attempts %v", attempts)
				}
			})
		})
	}
}

// TestInnerGuards: what a policy of an inner guard did keeps its meaning in the outer one: the error's class, the
// event, the count, and that a full bulkhead and an open breaker are not tried again.
func TestInnerGuards(t *testing.T) {
	opens := settings.Policy{Breaker: true, BreakerFailures: 1, BreakerOpenFor: time.Hour}
	hold := func(b *bench, inner *resilience.Guard[string]) {
		go func() { _, _ = inner.Do(b.ctx, deaf(time.Minute, nil)) }()
		synctest.Wait()
	}
	tests := []struct {
		name     string
		policy   settings.Policy
		prepare  func(b *bench, inner *resilience.Guard[string])
		call     resilience.Call[string]
		sentinel error
		class    errhandler.Class
		want     resilience.Stats
		state    catalog.BreakerState
	}{
		{
			"timeout",
			settings.Policy{Timeout: time.Second},
			nil,
			takes(time.Hour),
			resilience.ErrTimeout,
			errhandler.Storage,
			resilience.Stats{Calls: 3, TimedOut: 3, Waits: 2, BeforeOpen: 3},
			"open",
		},
		{
			"full",
			settings.Policy{Bulkhead: 1},
			hold,
			works(),
			resilience.ErrBulkheadFull,
			errhandler.Resource,
			resilience.Stats{Calls: 1, TurnedAway: away(catalog.BulkheadFull, 1)},
			"closed",
		},
		{
			"open",
			opens,
			func(b *bench, inner *resilience.Guard[string]) { _, _ = inner.Do(b.ctx, fails(errBroken)) },
			works(),
			resilience.ErrBreakerOpen,
			errhandler.Degradation,
			resilience.Stats{Calls: 1, TurnedAway: away(catalog.CallRejected, 1)},
			"closed",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			virtually(t, func(b *bench) {
				inner := resilience.NewGuard[string](resilience.Options{
					Place:  "n.inner",
					Class:  errhandler.Storage,
					Policy: test.policy,
					Quiet:  true,
				})
				outer := resilience.NewGuard[string](resilience.Options{Place: "n.outer", Class: errhandler.Processing,
					Policy: settings.Policy{Attempts: 3, Breaker: true, BreakerFailures: 3, BreakerOpenFor: time.Hour}})
				if test.prepare != nil {
					test.prepare(b, inner)
				}
				_, err := outer.Do(
					b.ctx,
					resilience.Call[string]{
						Fn: func(ctx context.Context, _ int) (string, error) { return inner.Do(ctx, test.call) },
					},
				)
				b.wantError(err, test.sentinel, test.class)
				if got := outer.Stats(); got != test.want {
					t.Errorf("%+v, want %+v", got, test.want)
				}
				if got := outer.BreakerState(); got != test.state {
					t.Errorf("the outer breaker is %s, want %s", got, test.state)
				}
				time.Sleep(time.Hour) // until no one holds the place
			})
		})
	}
	// What an inner guard turned away says nothing about the dependency, however often.
	for _, test := range tests[1:] {
		t.Run(test.name+" leaves the outer breaker alone", func(t *testing.T) {
			virtually(t, func(b *bench) {
				inner := resilience.NewGuard[string](resilience.Options{
					Place:  "n.inner",
					Policy: test.policy,
					Quiet:  true,
				})
				outer := resilience.NewGuard[string](resilience.Options{Place: "n.outer", Policy: opens})
				test.prepare(b, inner)
				_, _ = outer.Do(
					b.ctx,
					resilience.Call[string]{
						Fn: func(ctx context.Context, _ int) (string, error) { return inner.Do(ctx, test.call) },
					},
				)
				if got := outer.BreakerState(); got != "closed" {
					t.Errorf("the outer breaker is %s", got)
				}
				time.Sleep(time.Hour)
			})
		})
	}
}

// TestJoinedErrors: where an attempt is made of several calls, as a pass over the channels is, one call that was turned
// away does not end the attempts: the others may do better next time. Only when all were turned away nothing is gained.
func TestJoinedErrors(t *testing.T) {
	late := errhandler.As(errhandler.Network, &resilience.TimeoutError{Limit: time.Second})
	tests := []struct {
		name  string
		errs  []error
		want  resilience.Stats
		class errhandler.Class
	}{
		{
			"one rejected, one failed",
			[]error{resilience.ErrBreakerOpen, refused},
			resilience.Stats{Calls: 3, Failed: 3, Waits: 2},
			errhandler.Network,
		},
		{
			"one full, one failed",
			[]error{refused, fmt.Errorf("x: %w", resilience.ErrBulkheadFull)},
			resilience.Stats{Calls: 3, Failed: 3, Waits: 2},
			errhandler.Network,
		},
		{
			"one timed out, one failed",
			[]error{refused, late},
			resilience.Stats{Calls: 3, Failed: 3, Waits: 2},
			errhandler.Network,
		},
		{"all timed out", []error{late, late}, resilience.Stats{Calls: 3, TimedOut: 3, Waits: 2}, errhandler.Network},
		{
			"all rejected",
			[]error{resilience.ErrBreakerOpen, fmt.Errorf("x: %w", resilience.ErrBreakerOpen)},
			resilience.Stats{Calls: 1, TurnedAway: away(catalog.CallRejected, 1)},
			errhandler.Degradation,
		},
		{
			"all turned away",
			[]error{resilience.ErrBreakerOpen, errhandler.As(errhandler.Resource, resilience.ErrBulkheadFull)},
			resilience.Stats{Calls: 1, Failed: 1},
			errhandler.Resource,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			virtually(t, func(b *bench) {
				g := guard(settings.Policy{Attempts: 3})
				_, err := g.Do(b.ctx, fails(fmt.Errorf("pass: %w", errors.Join(test.errs...))))
				if got := g.Stats(); got != test.want {
					t.Errorf("%+v, want %+v", got, test.want)
				}
				for _, inside := range test.errs {
					b.wantError(err, inside, test.class)
				}
			})
		})
	}
}

func TestStats(t *testing.T) {
	virtually(t, func(b *bench) {
		g := guard(settings.Policy{Attempts: 2, RetryDelay: time.Second, Timeout: time.Minute, Bulkhead: 1,
			Breaker: true, BreakerFailures: 3, BreakerOpenFor: time.Hour})
		if s := g.Stats(); s != (resilience.Stats{}) {
			t.Errorf("a new guard has counted %+v", s)
		}
		steps := []struct {
			call resilience.Call[string]
			want resilience.Stats
		}{
			{works(), resilience.Stats{Calls: 1}},
			{fails(errBroken), resilience.Stats{Calls: 3, Failed: 2, Waits: 1}},
			{works(), resilience.Stats{Calls: 4, Failed: 2, Waits: 1}},
			{takes(time.Hour), resilience.Stats{Calls: 6, Failed: 2, TimedOut: 2, Waits: 2}},
			{
				fails(errBroken),
				resilience.Stats{Calls: 7, Failed: 3, TimedOut: 2, Waits: 2, BeforeOpen: 7},
			}, // opens the breaker
			{
				works(),
				resilience.Stats{
					Calls:      7,
					Failed:     3,
					TimedOut:   2,
					Waits:      2,
					BeforeOpen: 7,
					TurnedAway: away(catalog.CallRejected, 1),
				},
			},
		}
		for i, step := range steps {
			_, _ = g.Do(b.ctx, step.call)
			if got := g.Stats(); got != step.want {
				t.Errorf("step %d: %+v, want %+v", i+1, got, step.want)
			}
		}
	})
}

// TestQuiet: the caller of a quiet guard tells of its calls, but only the guard knows of its breaker.
func TestQuiet(t *testing.T) {
	virtually(t, func(b *bench) {
		g := resilience.NewGuard[string](resilience.Options{Place: "delivery.primary", Quiet: true,
			Policy: settings.Policy{Attempts: 2, RetryDelay: time.Second, Timeout: time.Minute, Breaker: true,
				BreakerFailures: 2, BreakerOpenFor: time.Minute}})
		_, _ = g.Do(b.ctx, fails(errBroken))
		_, _ = g.Do(b.ctx, works())
		time.Sleep(time.Hour)
		_, _ = g.Do(b.ctx, works())
		b.wantTold(
			"1s breaker_changed closed → open",
			"1h0m1s breaker_changed open → half-open",
			"1h0m1s breaker_changed half-open → closed",
		)
	})
	virtually(t, func(b *bench) {
		g := resilience.NewGuard[string](resilience.Options{
			Place:  "n.call",
			Quiet:  true,
			Policy: settings.Policy{Timeout: time.Second, Bulkhead: 1},
		})
		for _, call := range []resilience.Call[string]{works(), fails(errBroken), takes(time.Hour)} {
			_, _ = g.Do(b.ctx, call)
		}
		b.wantTold()
		if s := g.Stats(); s != (resilience.Stats{Calls: 3, Failed: 1, TimedOut: 1}) {
			t.Errorf("a quiet guard counts all the same; got %+v", s)
		}
	})
}

// TestKeptComposition: a quiet guard of single attempts keeps its composition. Nothing but the events may differ from a
// guard that composes each call anew.
func TestKeptComposition(t *testing.T) {
	panics := resilience.Call[string]{Fn: func(context.Context, int) (string, error) { panic("boom") }}
	tests := map[string]resilience.Call[string]{
		"works":     works(),
		"fails":     fails(errBroken),
		"refused":   fails(refused),
		"panics":    panics,
		"cancelled": fails(context.Canceled),
		"times out": takes(
			time.Hour,
		),
		"too late":               deaf(time.Hour, nil),
		"too late with an error": deaf(time.Hour, errBroken),
		"full": fails(
			fmt.Errorf("x: %w", resilience.ErrBulkheadFull),
		),
		"own class": fails(errhandler.As(errhandler.Data, errBroken)),
		"own node":  fails(&workflow.NodeError{Node: "n", Phase: workflow.PhaseExec, Attempt: 7, Err: errBroken}),
	}
	for name, call := range tests {
		for _, class := range []errhandler.Class{"", errhandler.Processing, errhandler.Storage} {
			t.Run(name+"/"+string(class), func(t *testing.T) {
				virtually(t, func(b *bench) {
					type result struct {
						out, text string
						class     errhandler.Class
						is        [4]bool
						stats     resilience.Stats
						took      time.Duration
						attempt   int
					}
					do := func(quiet, held bool) result {
						g := resilience.NewGuard[string](resilience.Options{Place: "n.call", Class: class, Quiet: quiet,
							Policy: settings.Policy{Attempts: 1, Timeout: time.Minute, Bulkhead: 1,
								BulkheadWait: time.Second}})
						var wg sync.WaitGroup
						if held {
							wg.Go(func() { _, _ = g.Do(b.ctx, deaf(time.Hour, nil)) })
							synctest.Wait()
						}
						began := time.Now()
						out, err := g.Do(b.ctx, call)
						r := result{out: out, class: errhandler.Classify(err), took: time.Since(began), is: [4]bool{
							errors.Is(
								err,
								resilience.ErrTimeout,
							),
							errors.Is(err, resilience.ErrBulkheadFull),
							errors.Is(err, context.Canceled),
							errors.Is(err, workflow.ErrPanic),
						}}
						wg.Wait()
						r.stats = g.Stats()
						if err != nil {
							r.text = err.Error()
							r.attempt = err.(*workflow.NodeError).Attempt
						}
						return r
					}
					for _, held := range []bool{false, true} {
						if kept, composed := do(true, held), do(false, held); kept != composed {
							t.Errorf("held %v: kept     %+v\ncomposed %+v", held, kept, composed)
						}
					}
				})
			})
		}
	}
}

// TestConcurrentCalls: a guard is shared by the workers of a node. Under -race this shows that its calls do not touch
// each other, and the bulkhead holds however many come.
func TestConcurrentCalls(t *testing.T) {
	for _, quiet := range []bool{true, false} {
		t.Run(fmt.Sprintf("quiet=%v", quiet), func(t *testing.T) {
			virtually(t, func(b *bench) {
				const callers, places = 40, 3
				g := resilience.NewGuard[string](resilience.Options{Place: "n.call", Quiet: quiet,
					Policy: settings.Policy{Timeout: time.Second, Bulkhead: places, BulkheadWait: time.Hour}})
				var mu sync.Mutex
				now, most := 0, 0
				var wg sync.WaitGroup
				for i := range callers {
					wg.Go(func() {
						want := fmt.Sprint("result of ", i)
						out, err := g.Do(
							b.ctx,
							resilience.Call[string]{Fn: func(ctx context.Context, _ int) (string, error) {
								mu.Lock()
								now++
								most = max(most, now)
								mu.Unlock()
								defer func() { mu.Lock(); now--; mu.Unlock() }()
								if i%4 == 3 {
									return "", fmt.Errorf("error of %d: %w", i, pause(ctx, time.Hour))
								}
								return want, pause(ctx, 100*time.Millisecond)
							}},
						)
						if failed := i%4 == 3; failed != (err != nil) || !failed && out != want {
							t.Errorf("caller %d: %q, %v", i, out, err)
						}
					})
				}
				wg.Wait()
				if most != places {
					t.Errorf("at most %d at once, want %d", most, places)
				}
				if s := g.Stats(); s != (resilience.Stats{Calls: callers, TimedOut: callers / 4}) {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// A run that is over calls nothing more: a free place in the bulkhead does not decide that by chance.
func TestNothingIsCalledAfterCancellation(t *testing.T) {
	g := resilience.NewGuard[int](resilience.Options{
		Place:  "n.p",
		Quiet:  true,
		Policy: settings.Policy{Bulkhead: 1, Timeout: time.Second},
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		_, err := g.Do(ctx, resilience.Call[int]{Fn: func(context.Context, int) (int, error) {
			t.Error("it was called")
			return 0, nil
		}})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want the cancellation", err)
		}
	}
}
