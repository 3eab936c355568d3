package resilience_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/resilience"
	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

// outcome is how one attempt goes.
type outcome string

// The outcomes. A deaf attempt takes its time whatever its context says, the others obey it.
const (
	isWell    outcome = "is well"
	isBroken  outcome = "is broken"
	panics    outcome = "panics"
	isDeaf    outcome = "is deaf and well"
	isDeafBad outcome = "is deaf and broken"
)

// plannedCall is one call of a guard: when it begins, when it is cancelled (never at 0), and how its attempts go.
type plannedCall struct {
	after, cancel time.Duration
	fallback      bool
	attempts      []plannedAttempt
}

type plannedAttempt struct {
	outcome outcome
	takes   time.Duration
}

// run is the attempt.
func (a plannedAttempt) run(ctx context.Context) (string, error) {
	switch a.outcome {
	case isDeaf:
		time.Sleep(a.takes)
		return "done", nil
	case isDeafBad:
		time.Sleep(a.takes)
		return "", errBroken
	}
	if err := pause(ctx, a.takes); err != nil {
		return "", err
	}
	switch a.outcome {
	case isBroken:
		return "", errBroken
	case panics:
		panic(errBroken)
	}
	return "done", nil
}

func drawDuration(rt *rapid.T, most time.Duration, label string) time.Duration {
	return time.Duration(rapid.Int64Range(0, int64(most)).Draw(rt, label))
}

// drawPolicy draws any policy. Half of them have none of those that make several calls of an attempt, or cut it short
// from outside, so that their books balance exactly.
func drawPolicy(rt *rapid.T) settings.Policy {
	p := settings.Policy{
		Attempts:          rapid.IntRange(0, 5).Draw(rt, "attempts"),
		RetryDelay:        drawDuration(rt, 3*time.Second, "delay"),
		Backoff:           rapid.Float64Range(0, 3).Draw(rt, "backoff"),
		MaxDelay:          drawDuration(rt, 10*time.Second, "max delay"),
		Jitter:            rapid.Float64Range(0, 1).Draw(rt, "jitter"),
		Timeout:           drawDuration(rt, 2*time.Second, "timeout") * 2,
		Bulkhead:          rapid.IntRange(0, 2).Draw(rt, "bulkhead"),
		BulkheadWait:      drawDuration(rt, 4*time.Second, "bulkhead wait"),
		Breaker:           rapid.Bool().Draw(rt, "breaker"),
		BreakerFailures:   rapid.IntRange(0, 4).Draw(rt, "failures"),
		BreakerOpenFor:    time.Second + drawDuration(rt, 10*time.Second, "open for"),
		BreakerTrialCalls: rapid.IntRange(0, 2).Draw(rt, "trial calls"),
	}
	sometimes := func(what string, set func()) {
		if rapid.IntRange(0, 2).Draw(rt, what) == 0 {
			set()
		}
	}
	sometimes("failure rate", func() {
		p.BreakerFailureRate, p.BreakerMinCalls = rapid.Float64Range(0.1, 1).Draw(rt, "rate"), 2
		p.BreakerWindow, p.BreakerOpenJitter = 20*time.Second, rapid.Float64Range(0, 1).Draw(rt, "open jitter")
	})
	sometimes("budget", func() { p.RetryBudget = rapid.Float64Range(0.01, 1).Draw(rt, "share") })
	sometimes("throttle", func() {
		p.Throttle, p.ThrottleWindow = rapid.Float64Range(0.01, 1).Draw(rt, "throttle share"), time.Minute
	})
	sometimes("adaptive limit", func() {
		p.AdaptiveLimit, p.AdaptiveQueue = rapid.IntRange(
			1,
			3,
		).Draw(
			rt,
			"most",
		), float64(
			rapid.IntRange(0, 2).Draw(rt, "queue"),
		)
	})
	sometimes("rate limit", func() {
		p.RateLimit, p.RateLimitBurst = rapid.Float64Range(
			0.1,
			2,
		).Draw(
			rt,
			"a second",
		), rapid.IntRange(
			1,
			3,
		).Draw(
			rt,
			"burst",
		)
		p.RateLimitWait = drawDuration(rt, 4*time.Second, "rate limit wait")
	})
	if rapid.Bool().Draw(rt, "cut short") {
		sometimes("deadline", func() { p.Deadline = drawDuration(rt, 5*time.Second, "deadline") * 2 })
		sometimes("hedge", func() {
			p.HedgeAfter = rapid.SampledFrom([]string{"100ms", "2s", "p50"}).Draw(rt, "hedge after")
			p.Hedges = rapid.IntRange(0, 3).Draw(rt, "hedges")
		})
	}
	return p
}

func drawCall(rt *rapid.T, attempts int) plannedCall {
	c := plannedCall{after: drawDuration(rt, 20*time.Second, "after"), fallback: rapid.Bool().Draw(rt, "fallback")}
	if rapid.IntRange(0, 4).Draw(rt, "cancelled") == 0 {
		c.cancel = 1 + drawDuration(rt, 10*time.Second, "cancel after")
	}
	for range max(attempts, 1) {
		c.attempts = append(c.attempts, plannedAttempt{
			rapid.SampledFrom([]outcome{isWell, isBroken, isBroken, panics, isDeaf, isDeafBad}).Draw(rt, "outcome"),
			// Odd, where limits are even: what happens at the same instant may go either way.
			drawDuration(rt, 3*time.Second, "takes")*2 + 1})
	}
	return c
}

// results is what many calls of one guard came to, as the test itself sees it.
type results struct {
	sync.Mutex
	faults       []string
	called, well int
	inside, peak int
}

func (r *results) fault(format string, args ...any) {
	r.Lock()
	defer r.Unlock()
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// TestAnyPolicyAnyOutcome: whatever the settings and whatever happens, one at a time or at once, the promises of a
// guard hold. Each bubble ends only when all its goroutines have.
func TestAnyPolicyAnyOutcome(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := drawPolicy(rt)
		quiet := rapid.Bool().Draw(rt, "quiet")
		atOnce := rapid.Bool().Draw(rt, "at once")
		calls := make([]plannedCall, rapid.IntRange(1, 8).Draw(rt, "calls"))
		for i := range calls {
			calls[i] = drawCall(rt, p.Attempts)
		}
		r := &results{}
		var stats resilience.Stats
		told := map[catalog.EventKind]int64{}
		virtually(t, func(b *bench) {
			g := resilience.NewGuard[string](resilience.Options{Place: "n.call", Policy: p, Quiet: quiet})
			var wg sync.WaitGroup
			for _, c := range calls {
				if !atOnce {
					time.Sleep(c.after)
					r.call(b, g, p, quiet, c, true)
					continue
				}
				wg.Go(func() {
					time.Sleep(c.after)
					r.call(b, g, p, quiet, c, false)
				})
			}
			wg.Wait()
			stats = g.Stats()
			for _, e := range b.events {
				told[catalog.EventKind(e.Kind)]++
			}
		})
		for _, fault := range r.faults {
			rt.Error(fault)
		}

		// A cancellation may cut short a wait for a place, which then is a failed attempt without a call, or the
		// backoff, which then is a wait without a further attempt. Without one, the books balance exactly.
		cancelled := int64(0)
		for _, c := range calls {
			if c.cancel > 0 {
				cancelled++
			}
		}
		turnedAway := int64(0)
		for _, n := range stats.TurnedAway {
			turnedAway += n
		}
		balances := func(what string, got, want int64) {
			if p.HedgeAfter != "" || p.Deadline > 0 {
				return
			}
			if got > want || got < want-cancelled {
				rt.Errorf(
					"%s: %d, want %d (%d calls cancelled); %d well, %+v",
					what,
					got,
					want,
					cancelled,
					r.well,
					stats,
				)
			}
		}
		well := int64(r.well)
		if stats.Calls != int64(r.called) {
			rt.Errorf("called %d times, counted %d", r.called, stats.Calls)
		}
		balances("calls", stats.Calls, well+stats.Failed+stats.TimedOut)
		balances("attempts", well+stats.Failed+stats.TimedOut+turnedAway, int64(len(calls))+stats.Waits)
		if p.Bulkhead > 0 && r.peak > p.Bulkhead {
			rt.Errorf("%d calls at once, the bulkhead allows %d", r.peak, p.Bulkhead)
		}
		if most := int64(len(calls)*max(p.Attempts, 1)) * int64(1+max(p.Hedges, 1)); stats.Calls > most {
			rt.Errorf("%d calls, at most %d are allowed", stats.Calls, most)
		}
		for kind, on := range map[catalog.EventKind]bool{
			catalog.BudgetSpent:  p.RetryBudget > 0,
			catalog.Throttled:    p.Throttle > 0,
			catalog.LimitReached: p.AdaptiveLimit > 0,
			catalog.RateLimitHit: p.RateLimit > 0,
			catalog.BulkheadFull: p.Bulkhead > 0,
			catalog.CallRejected: p.Breaker,
		} {
			if stats.TurnedAway.Of(kind) > 0 && !on {
				rt.Errorf("%s, although that policy is off: %+v", kind, stats)
			}
		}
		if p.Timeout == 0 && stats.TimedOut > 0 || p.Attempts <= 1 && stats.Waits > 0 ||
			p.Deadline == 0 && stats.Overdue > 0 || p.HedgeAfter == "" && stats.Hedges+stats.Lost > 0 {
			rt.Errorf("a policy that is off has acted: %+v", stats)
		}
		if !atOnce && p.HedgeAfter == "" && stats.TurnedAway.Of(catalog.BulkheadFull) > 0 {
			rt.Errorf("the bulkhead was full with one call at a time: %+v", stats)
		}
		want := map[catalog.EventKind]int64{
			catalog.AttemptStarted:  stats.Calls - stats.Hedges,
			catalog.AttemptFailed:   stats.Failed,
			catalog.AttemptTimedOut: stats.TimedOut,
			catalog.DeadlineOver:    stats.Overdue,
			catalog.Waiting:         stats.Waits,
		}
		if p.HedgeAfter == "" && p.Deadline == 0 {
			want[catalog.AttemptSucceeded] = well
		}
		for i, away := range catalog.Rejections() {
			want[away.Event] = stats.TurnedAway[i]
		}
		for kind, n := range want {
			if quiet {
				n = 0
			}
			if told[kind] != n {
				rt.Errorf("%d events %s, want %d", told[kind], kind, n)
			}
		}
	})
}

// call makes a planned call and checks what can be seen of it alone.
func (r *results) call(
	b *bench, g *resilience.Guard[string], p settings.Policy, quiet bool, c plannedCall, alone bool,
) {
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	if c.cancel > 0 {
		time.AfterFunc(c.cancel, cancel)
	}
	called, fallbacks, hedges := 0, 0, 1
	if p.HedgeAfter != "" {
		hedges += max(p.Hedges, 1)
	}
	// allReach says that no policy turns an attempt away, or makes several calls of one.
	allReach := !p.Breaker && p.Bulkhead == 0 && p.RateLimit == 0 && p.AdaptiveLimit == 0 && p.Throttle == 0 &&
		hedges == 1
	var inFn time.Duration
	call := resilience.Call[string]{
		Fn: func(ctx context.Context, attempt int) (string, error) {
			began := time.Now()
			r.Lock()
			called++
			if attempt != called && allReach {
				defer r.fault("call %d is called attempt %d", called, attempt)
			}
			r.called++
			r.inside++
			r.peak = max(r.peak, r.inside)
			r.Unlock()
			defer func() {
				r.Lock()
				defer r.Unlock()
				inFn += time.Since(began)
				r.inside--
			}()
			out, err := c.attempts[attempt-1].run(ctx)
			if err == nil && (p.Timeout == 0 || time.Since(began) < p.Timeout) {
				r.Lock()
				defer r.Unlock()
				r.well++
			}
			return out, err
		},
		Jitter: func(attempt int) float64 { return float64(attempt%3) / 3 },
		Chance: func(attempt int) float64 { return float64(attempt%3) / 3 },
	}
	kept := quiet && p.Attempts <= 1 && !p.Breaker && p.Throttle == 0 && p.HedgeAfter == "" && p.Deadline == 0
	if c.fallback && !kept { // such a guard uses no fallback
		call.Fallback = func(_ context.Context, err error) (string, error) {
			fallbacks++
			if ctx.Err() != nil {
				r.fault("the fallback was asked after the cancellation")
			}
			r.checkError(ctx, err, p)
			return "cached", nil
		}
	}
	waits, began := g.Stats().Waits, time.Now()
	out, err := g.Do(ctx, call)
	took := time.Since(began)
	if called > max(p.Attempts, 1)*hedges {
		r.fault("called %d times, %d attempts are allowed", called, p.Attempts)
	}
	switch {
	case err != nil:
		r.checkError(ctx, err, p)
		if call.Fallback != nil && ctx.Err() == nil {
			r.fault("no fallback for %v", err)
		}
	case fallbacks == 0 && out != "done" || fallbacks == 1 && out != "cached" || fallbacks > 1:
		r.fault("%d fallbacks, and the result is %q", fallbacks, out)
	}
	if alone && g.Stats().Waits == waits && p.HedgeAfter == "" && p.RateLimit == 0 && took != inFn {
		r.fault("without a wait, a call of %v took %v", inFn, took)
	}
}

// checkError: an error tells its attempt, its class and its cause, or it is the cancellation.
func (r *results) checkError(ctx context.Context, err error, p settings.Policy) {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return
	}
	if ne, ok := err.(*workflow.NodeError); !ok || ne.Node != "n" || ne.Attempt < 1 || ne.Attempt > max(p.Attempts, 1) {
		r.fault("the error is %T %v", err, err)
	}
	if errhandler.Classify(err) == "" {
		r.fault("%v has no class", err)
	}
	for _, cause := range []error{resilience.ErrBreakerOpen, resilience.ErrBulkheadFull, resilience.ErrTimeout,
		resilience.ErrRateLimit, resilience.ErrAdaptiveLimit, resilience.ErrThrottled, resilience.ErrDeadline, errBroken} {
		if errors.Is(err, cause) {
			return
		}
	}
	r.fault("%v has no cause", err)
}
