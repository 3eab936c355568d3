package runner

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"faultflow/internal/errhandler"
	"faultflow/internal/nodes"
	"faultflow/internal/report"
	"faultflow/internal/resilience"
	"faultflow/internal/simulate"
	"faultflow/internal/workflow"
)

// Constants of ORIGINAL.md's breaker demonstration: a threshold of 3, open for 5 s, a service that fails 80 % of its
// calls, 10 calls. The original stops there; this one repairs the service then, and goes on until the breaker has closed.
const (
	DemoFailures    = 3
	DemoOpenFor     = 5 * time.Second
	demoFailureRate = 0.8
	demoBadCalls    = 10
	demoRejected    = 2 // calls to an open breaker before its time is waited for
	demoPause       = 200 * time.Millisecond
	demoMaxCalls    = 10_000 // a bound for seeds that never come three failures in a row
)

// DemoBreaker are the demonstration's default settings.
func DemoBreaker() resilience.Breaker {
	return resilience.Breaker{On: true, Failures: DemoFailures, OpenFor: DemoOpenFor, TrialCalls: 1}
}

// Demo shows a circuit breaker alone, call by call: from closed over open and half-open to closed. tell, which may be
// nil, gets each call as it is made. Cancelling ctx ends the demonstration early.
func Demo(ctx context.Context, seed uint64, virtual bool, b resilience.Breaker, tell func(report.DemoCall)) (report.Demo, error) {
	d := report.Demo{Schema: report.DemoSchema, Seed: seed, Clock: "real", FailureRate: demoFailureRate,
		Failures: b.Failures, OpenForMS: ms(b.OpenFor), TrialCalls: b.TrialCalls, Calls: []report.DemoCall{}, Transitions: []report.Transition{}}
	if !virtual {
		demonstrate(ctx, &d, b, tell)
		return d, nil
	}
	d.Clock = "virtual"
	var cancelled atomic.Bool
	defer context.AfterFunc(ctx, func() { cancelled.Store(true) })()
	err := simulate.Virtually(func() {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		demonstrate(ctx, &d, b, func(c report.DemoCall) {
			if cancelled.Load() {
				cancel()
			}
			if tell != nil {
				tell(c)
			}
		})
	})
	return d, err
}

func demonstrate(ctx context.Context, d *report.Demo, b resilience.Breaker, tell func(report.DemoCall)) {
	rand := simulate.Rand(d.Seed)
	guard := resilience.NewGuard[struct{}](resilience.Options{Node: "demo", Place: "demo.service", Policy: resilience.Policy{Breaker: b}, Class: errhandler.Network})
	changes := []string{}
	stream := workflow.NewStream(func(e workflow.Event) {
		if e.Kind == resilience.BreakerChanged {
			d.Transitions = append(d.Transitions, transition(e))
			changes = append(changes, e.Detail)
		}
	})
	ctx = workflow.WithStream(ctx, stream)
	opened, rejected := false, 0
	for n := 1; n <= demoMaxCalls && ctx.Err() == nil; n++ {
		changes = []string{}
		bad := n <= demoBadCalls || !opened
		call := report.DemoCall{Number: n, AtMS: ms(stream.Elapsed()), Before: guard.BreakerState()}
		_, err := guard.Do(ctx, resilience.Call[struct{}]{Fn: func(context.Context, int) (struct{}, error) {
			if bad && rand(nodes.Key{Place: "demo.service", Attempt: n}) < demoFailureRate {
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
		case call.After != "open":
			rejected = 0
		case rejected >= demoRejected:
			pause, rejected = b.OpenFor, 0
		}
		opened = opened || call.After == "open"
		d.Closed = opened && call.After == "closed"
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
