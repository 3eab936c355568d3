package runner

import (
	"context"
	"errors"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/nodes"
	"faultflow/internal/report"
	"faultflow/internal/resilience"
	"faultflow/internal/settings"
	"faultflow/internal/simulate"
	"faultflow/internal/workflow"
)

// Constants of docs/original.md's breaker demonstration: a threshold of 3, open for 5 s, a service that fails 80 % of
// its calls, 10 calls. The original stops there; this one repairs the service then, and goes on until the breaker has
// closed.
const (
	demoFailures    = 3
	demoOpenFor     = 5 * time.Second
	demoFailureRate = 0.8
	demoBadCalls    = 10
	demoRejected    = 2 // calls to an open breaker before its time is waited for
	demoPause       = 200 * time.Millisecond
	demoPlace       = catalog.Place("demo.service")
	demoMaxCalls    = 10_000 // a bound for seeds that never come three failures in a row
)

// DemoBreaker are the demonstration's default settings.
func DemoBreaker() settings.Policy {
	return settings.Policy{
		Breaker:           true,
		BreakerFailures:   demoFailures,
		BreakerOpenFor:    demoOpenFor,
		BreakerTrialCalls: 1,
	}
}

// Demo shows a circuit breaker alone, call by call: from closed over open and half-open to closed. tell, which may be
// nil, gets each call as it is made. Cancelling ctx ends the demonstration early.
func Demo(
	ctx context.Context, seed uint64, virtual bool, p settings.Policy, tell func(report.DemoCall),
) (report.Demo, error) {
	d := report.Demo{
		Schema:      report.DemoSchema,
		Seed:        seed,
		Clock:       settings.ClockReal,
		FailureRate: demoFailureRate,
		Failures:    p.BreakerFailures,
		OpenForMS:   ms(p.BreakerOpenFor),
		TrialCalls:  p.BreakerTrialCalls,
		Calls:       []report.DemoCall{},
		Transitions: []report.Transition{},
	}
	if !virtual {
		demonstrate(ctx, &d, p, tell)
		return d, nil
	}
	d.Clock = settings.ClockVirtual
	err := simulate.Virtually(func() {
		inside, cancel := context.WithCancel(context.Background())
		defer cancel()
		demonstrate(inside, &d, p, func(c report.DemoCall) {
			if ctx.Err() != nil {
				cancel()
			}
			if tell != nil {
				tell(c)
			}
		})
	})
	return d, err
}

func demonstrate(ctx context.Context, d *report.Demo, p settings.Policy, tell func(report.DemoCall)) {
	rand := simulate.Rand(d.Seed)
	guard := resilience.NewGuard[struct{}](resilience.Options{Place: demoPlace, Policy: p, Class: errhandler.Network})
	changes := []report.Transition{}
	stream := workflow.NewStream(func(e workflow.Event) {
		if catalog.EventKind(e.Kind) == catalog.BreakerChanged {
			d.Transitions = append(d.Transitions, transition(e))
			changes = append(changes, transition(e))
		}
	})
	ctx = workflow.WithStream(ctx, stream)
	opened, rejected := false, 0
	for n := 1; n <= demoMaxCalls && ctx.Err() == nil; n++ {
		changes = []report.Transition{}
		bad := n <= demoBadCalls || !opened
		call := report.DemoCall{Number: n, AtMS: ms(stream.Elapsed()), Before: guard.BreakerState()}
		_, err := guard.Do(ctx, resilience.Call[struct{}]{Fn: func(context.Context, int) (struct{}, error) {
			if bad && rand(nodes.Key{Place: demoPlace, Attempt: n}) < demoFailureRate {
				return struct{}{}, errors.New("service error")
			}
			return struct{}{}, nil
		}})
		call.After = guard.BreakerState()
		call.Changes = changes
		switch {
		case err == nil:
			call.Outcome = "ok"
		case errors.Is(err, resilience.ErrBreakerOpen):
			call.Outcome = "rejected"
			rejected++
		default:
			call.Outcome = "failed"
		}
		pause := demoPause
		switch {
		case call.After != catalog.Open:
			rejected = 0
		case rejected >= demoRejected:
			pause, rejected = p.BreakerOpenFor, 0
		}
		opened = opened || call.After == catalog.Open
		d.Closed = opened && call.After == catalog.Closed
		if !d.Closed {
			call.WaitMS = ms(pause)
		}
		d.Calls = append(d.Calls, call)
		if tell != nil {
			tell(call)
		}
		if d.Closed || nodes.Pause(ctx, pause) != nil {
			break
		}
	}
	d.DurationMS = ms(stream.Elapsed())
}
