package resilience

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/adaptivelimiter"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/common"
	"github.com/failsafe-go/failsafe-go/policy"
	"github.com/failsafe-go/failsafe-go/ratelimiter"
	"github.com/sony/gobreaker/v2"

	"faultflow/internal/catalog"
	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

// Transition is one change of a breaker's state.
type Transition struct {
	At       time.Time
	From, To catalog.BreakerState
}

// breaker is a gobreaker that notes its changes. gobreaker calls OnStateChange under its lock, so a change is only
// noted there and told of afterwards.
type breaker[R any] struct {
	cb *gobreaker.CircuitBreaker[*common.PolicyResult[R]]
	// open follows the state without taking gobreaker's lock.
	open atomic.Bool

	// telling is held from taking news until they are told, so that concurrent callers tell them in order.
	telling sync.Mutex
	mu      sync.Mutex
	last    catalog.BreakerState
	news    []Transition
}

// windowParts is how many parts a rolling window has: the oldest is forgotten as a new one begins.
const windowParts = 10

// newBreaker makes a closed breaker. u in [0, 1) is what its open time is varied by, so that clients do not probe in
// step: gobreaker has one Timeout for all.
func newBreaker[R any](place catalog.Place, p settings.Policy, u float64) *breaker[R] {
	b := &breaker[R]{last: catalog.Closed}
	s := gobreaker.Settings{
		Name:        string(place),
		MaxRequests: uint32(max(p.BreakerTrialCalls, 1)),
		Timeout:     varied(p.BreakerOpenFor, p.BreakerOpenJitter, u),
		ReadyToTrip: func(c gobreaker.Counts) bool {
			return int64(c.ConsecutiveFailures) >= int64(max(p.BreakerFailures, 1))
		},
		IsExcluded: saysNothing,
		OnStateChange: func(_ string, from, to gobreaker.State) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.open.Store(to == gobreaker.StateOpen)
			b.last = stateOf(to)
			b.news = append(b.news, Transition{At: time.Now(), From: stateOf(from), To: b.last})
		},
	}
	if p.BreakerFailureRate > 0 {
		s.Interval, s.BucketPeriod = p.BreakerWindow, max(1, p.BreakerWindow/windowParts)
		s.ReadyToTrip = func(c gobreaker.Counts) bool {
			ended := float64(c.TotalSuccesses) + float64(c.TotalFailures) // Requests has those under way, too
			return ended >= float64(p.BreakerMinCalls) && float64(c.TotalFailures) >= p.BreakerFailureRate*ended
		}
	}
	b.cb = gobreaker.NewCircuitBreaker[*common.PolicyResult[R]](s)
	return b
}

// saysNothing tells whether an error says nothing about the dependency: the call was not made, or was called off.
func saysNothing(err error) bool { return every(err, context.Canceled) || turnedAway(err) }

// turnedAway tells whether a policy of this guard turned a call away, or one of a guard inside it.
func turnedAway(err error) bool {
	return every(err, bulkhead.ErrFull, ratelimiter.ErrExceeded, adaptivelimiter.ErrExceeded,
		ErrBulkheadFull, ErrRateLimit, ErrAdaptiveLimit, ErrThrottled, ErrBreakerOpen)
}

// stateOf is gobreaker's state by our name for it, which is gobreaker's own.
func stateOf(s gobreaker.State) catalog.BreakerState { return catalog.BreakerState(s.String()) }

// takeNews returns the changes since the last call.
func (b *breaker[R]) takeNews() []Transition {
	b.mu.Lock()
	defer b.mu.Unlock()
	news := b.news
	b.news = nil
	return news
}

// throughBreaker puts an attempt through the breaker. An attempt that the deadline cut short is as one called off,
// whatever it had to wait for when that happened.
func (a *attempts[R]) throughBreaker(exec policy.ExecutionInternal[R], call attemptFn[R]) *common.PolicyResult[R] {
	g := a.guard
	result, err := g.breaker.cb.Execute(func() (*common.PolicyResult[R], error) {
		g.tellBreaker(exec.Context()) // half-open is told before the trial call
		r := call(failsafe.Execution[R](exec))
		if a.over.Load() {
			return r, context.Canceled
		}
		return r, r.Error
	})
	g.tellBreaker(exec.Context())
	if result == nil { // not called
		return &common.PolicyResult[R]{Error: fmt.Errorf("%s: %w", g.place, rejection(err)), Done: true}
	}
	return result
}

func rejection(err error) error {
	if errors.Is(err, gobreaker.ErrTooManyRequests) {
		return fmt.Errorf("%w (half-open, trial call under way)", ErrBreakerOpen)
	}
	return ErrBreakerOpen
}

func (g *Guard[R]) tellBreaker(ctx context.Context) {
	g.breaker.telling.Lock()
	defer g.breaker.telling.Unlock()
	for _, t := range g.breaker.takeNews() {
		if t.To == catalog.Open {
			g.stats.beforeOpen.CompareAndSwap(0, g.stats.calls.Load())
		}
		e := catalog.BreakerChanged.At(g.place)
		e.From, e.To = string(t.From), string(t.To)
		workflow.EmitAt(ctx, t.At, e)
	}
}

// BreakerState returns the breaker's state as of the last call, BreakerOff for a guard without a breaker. An open
// breaker whose time is up stays open until the next call tries it.
func (g *Guard[R]) BreakerState() catalog.BreakerState {
	if g.breaker == nil {
		return catalog.BreakerOff
	}
	g.breaker.mu.Lock()
	defer g.breaker.mu.Unlock()
	return g.breaker.last
}
