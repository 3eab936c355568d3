package resilience

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/adaptivelimiter"
	"github.com/failsafe-go/failsafe-go/adaptivethrottler"
	"github.com/failsafe-go/failsafe-go/budget"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/common"
	"github.com/failsafe-go/failsafe-go/fallback"
	"github.com/failsafe-go/failsafe-go/hedgepolicy"
	"github.com/failsafe-go/failsafe-go/policy"
	"github.com/failsafe-go/failsafe-go/ratelimiter"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

// Guard keeps what must outlive a call: an operation's breaker, its bulkhead, its rate limit and its counts. It is safe
// for concurrent use.
type Guard[R any] struct {
	node   string
	place  catalog.Place
	policy settings.Policy
	class  errhandler.Class
	quiet  bool
	turn   time.Duration
	tally  func(context.Context, catalog.EventKind)

	breaker *breaker[R]
	stats   counters

	// The others are made by the first call: most runs never call the last channels and the spool.
	made     sync.Once
	bulkhead bulkhead.Bulkhead[R]
	limiter  ratelimiter.RateLimiter[R]
	adaptive adaptivelimiter.AdaptiveLimiter[R]
	hedge    hedgepolicy.HedgePolicy[R]
	throttle adaptivethrottler.AdaptiveThrottler[R]
	timeout  timeout.Timeout[R]
	budget   budget.Budget
	// once is the composition of a quiet guard of single attempts without a breaker. It has nothing that differs from
	// call to call, so that it can be kept; such guards are called most, and without it a run takes 5 to 11 % longer.
	once failsafe.Executor[R]
}

// Options says what a guard guards.
type Options struct {
	// Place is the dependency, such as delivery.primary, or the node itself where all of its calls together are meant.
	Place  catalog.Place
	Policy settings.Policy
	// Class is given to errors that say nothing of their class themselves: timeouts and plain errors, and panics where
	// it is Processing. Empty leaves them as they are.
	Class errhandler.Class
	// Turn is the period of the callers' own instants, where they call beside each other in virtual time: see
	// workflow.WithPass. Limits are whole turns then, and end between the own instants. 0 otherwise.
	Turn time.Duration
	// Tally is told of each call that reaches the operation, as an AttemptStarted, and of each that failed or that a
	// policy turned away. nil tells no one.
	Tally func(ctx context.Context, place catalog.Place, kind catalog.EventKind)
	// Quiet emits no events but the breaker's, for operations whose caller tells of them. Fallback and Jitter are not
	// used by a quiet guard of single attempts.
	Quiet bool
	// Drawn is a number uniform in [0, 1) by which the breaker's open time is varied, so that clients differ.
	Drawn float64
}

// NewGuard makes a guard with a closed breaker and an empty bulkhead.
func NewGuard[R any](o Options) *Guard[R] {
	g := &Guard[R]{
		node:   string(o.Place.Node()),
		place:  o.Place,
		policy: o.Policy,
		class:  o.Class,
		quiet:  o.Quiet,
		turn:   o.Turn,
		tally:  func(context.Context, catalog.EventKind) {},
	}
	if o.Tally != nil {
		g.tally = func(ctx context.Context, kind catalog.EventKind) { o.Tally(ctx, o.Place, kind) }
	}
	if g.policy.Breaker {
		g.breaker = newBreaker[R](g.place, g.policy, o.Drawn)
	}
	return g
}

// build makes the policies of the guard but for the breaker, whose state is asked for before the first call.
func (g *Guard[R]) build() {
	if g.policy.Timeout > 0 {
		g.timeout = timeout.New[R](g.limit(g.policy.Timeout))
	}
	if g.policy.Bulkhead > 0 {
		g.bulkhead = bulkhead.NewBuilder[R](uint(g.policy.Bulkhead)).
			WithMaxWaitTime(g.whole(g.policy.BulkheadWait)).Build()
	}
	if g.policy.RateLimit > 0 {
		g.limiter = rateLimit[R](g.policy)
	}
	if g.policy.HedgeAfter != "" {
		g.hedge = hedgePolicy[R](g.policy)
	}
	if g.policy.AdaptiveLimit > 0 {
		g.adaptive = adaptiveLimit[R](g.policy)
	}
	if g.policy.Throttle > 0 {
		g.throttle = adaptivethrottler.NewBuilder[R]().
			WithFailureRateThreshold(g.policy.Throttle, 0, g.policy.ThrottleWindow).Build()
	}
	if g.policy.RetryBudget > 0 {
		g.budget = budget.NewBuilder().WithMaxRate(g.policy.RetryBudget).Build()
	}
	same := g.breaker == nil && g.throttle == nil && g.hedge == nil && g.policy.Deadline == 0 // from call to call
	if g.quiet && g.policy.Attempts <= 1 && same {
		g.once = failsafe.With(g.compose(Call[R]{}, nil)...)
	}
}

// limit is a limit of whole turns and a nanosecond, so that it ends at an instant at which nothing of its call does.
func (g *Guard[R]) limit(d time.Duration) time.Duration {
	if g.turn == 0 {
		return d
	}
	return g.whole(d) + 1
}

// whole is the next whole number of turns; d itself without turns.
func (g *Guard[R]) whole(d time.Duration) time.Duration {
	if g.turn == 0 || d == 0 {
		return d
	}
	return (d + g.turn - 1) / g.turn * g.turn
}

func rateLimit[R any](p settings.Policy) ratelimiter.RateLimiter[R] {
	interval := max(1, time.Duration(float64(time.Second)/p.RateLimit))
	builder := ratelimiter.NewSmoothBuilderWithMaxRate[R](interval)
	if p.RateLimitBurst > 1 {
		period := min(float64(time.Second)/p.RateLimit*float64(p.RateLimitBurst), math.MaxInt64/2)
		builder = ratelimiter.NewBurstyBuilder[R](uint(p.RateLimitBurst), max(1, time.Duration(period)))
	}
	return builder.Build()
}

// firstLimit is where an adaptive limit begins, failsafe-go's default.
const firstLimit = 20

// adaptiveLimit has no draw: between its two factors, failsafe-go's queue turns calls away by the global generator, and
// both are the same here.
func adaptiveLimit[R any](p settings.Policy) adaptivelimiter.AdaptiveLimiter[R] {
	most := uint(p.AdaptiveLimit)
	builder := adaptivelimiter.NewBuilder[R]().WithLimits(1, most, min(most, firstLimit))
	if p.AdaptiveQueue > 0 {
		queue := max(1, p.AdaptiveQueue)
		builder = builder.WithQueueing(queue, queue)
	}
	return builder.Build()
}

// Call is one use of a guard.
type Call[R any] struct {
	// Fn does the work; attempt counts from 1. It must end when its context does. Where the policy hedges, it is called
	// by several goroutines at once, and Hedge tells them apart.
	Fn func(ctx context.Context, attempt int) (R, error)
	// Fallback supplies a result when Fn failed for good. Nil: the error is the result.
	Fallback func(ctx context.Context, err error) (R, error)
	// Jitter returns a number uniform in [0, 1) for the wait after an attempt. Nil: no jitter.
	Jitter func(attempt int) float64
	// Chance returns such a number for an attempt, against which the throttle's rejection rate is held. Nil: 0.5.
	Chance func(attempt int) float64
}

// Do calls Fn inside the policies. An error of Fn comes back as a *workflow.NodeError with the attempt; it matches
// ErrBreakerOpen, ErrRateLimit, ErrBulkheadFull or ErrTimeout where a policy ended the call. A cancelled context ends
// everything, the fallback included, and is returned as its error.
func (g *Guard[R]) Do(ctx context.Context, c Call[R]) (R, error) { return g.Bind(ctx, c)() }

// Bind returns a function that does c as Do would each time it is called. A worker binds once for all of its records,
// which saves 6 to 8 % of a run. The function must not be called by two goroutines at once.
func (g *Guard[R]) Bind(ctx context.Context, c Call[R]) func() (R, error) {
	g.made.Do(g.build)
	attempts := &attempts[R]{guard: g, fn: c.Fn, chance: c.Chance, number: 1}
	executor := g.once
	if executor == nil {
		executor = failsafe.With(g.compose(c, attempts)...)
	}
	executor = executor.WithContext(ctx)
	call := attempts.call
	return func() (R, error) {
		if err := ctx.Err(); err != nil { // a bulkhead would choose at random between a free place and the cancellation
			var none R
			return none, err
		}
		out, err := executor.GetWithExecution(call)
		switch {
		case g.once != nil && err != nil:
			err = attempts.failed(ctx, 1, err)
		case err == timeout.ErrExceeded && ctx.Err() != nil:
			// Attempts explain their timeouts. This is failsafe-go's answer to a cancellation after an attempt timed
			// out.
			err = ctx.Err()
		}
		return out, err
	}
}

// compose is the one place that knows the order of the policies, outermost first: fallback ( deadline ( retry ( circuit
// breaker ( throttle ( hedge ( rate limit ( bulkhead ( adaptive limit ( timeout ( call ) ) ) ) ) ) ) ) ) ). Between
// retry and breaker each attempt is observed, which gives its error a class and an attempt and tells of it.
func (g *Guard[R]) compose(c Call[R], a *attempts[R]) []failsafe.Policy[R] {
	policies := make([]failsafe.Policy[R], 0, 15)
	if c.Fallback != nil {
		policies = append(policies, fallback.NewWithFunc(func(exec failsafe.Execution[R]) (R, error) {
			return c.Fallback(exec.Context(), exec.LastError())
		}))
	}
	if g.policy.Deadline > 0 {
		late := func(failsafe.ExecutionDoneEvent[R]) { a.over.Store(true) }
		policies = append(policies, around[R](a.withinDeadline),
			// A nanosecond later, so that it never ends at the very instant of an attempt's limit.
			timeout.NewBuilder[R](g.limit(g.policy.Deadline)+1).OnTimeoutExceeded(late).Build())
	}
	if g.policy.Attempts > 1 {
		if g.budget != nil {
			policies = append(policies, around[R](a.withinBudget))
		}
		policies = append(policies, g.retry(c.Jitter))
	}
	if a != nil {
		policies = append(policies, around[R](a.observe))
	}
	if g.breaker != nil {
		policies = append(policies, around[R](a.throughBreaker))
	}
	if g.throttle != nil {
		policies = append(policies, around[R](a.throughThrottle))
	}
	if g.hedge != nil {
		policies = append(policies, around[R](a.hedged), g.hedge, around[R](a.oneOfSeveral))
	}
	if g.limiter != nil {
		policies = append(policies, around[R](g.throughLimiter))
		policies = g.thenOwn(policies, a)
	}
	if g.bulkhead != nil {
		policies = append(policies, g.bulkhead)
		policies = g.thenOwn(policies, a)
	}
	if g.adaptive != nil {
		policies = append(policies, g.adaptive)
		policies = g.thenOwn(policies, a)
	}
	if g.timeout != nil {
		policies = append(policies, g.timeout)
	}
	return policies
}

// thenOwn has a call go on at an own instant of its pass, after a policy whose waits end when another call does.
func (g *Guard[R]) thenOwn(policies []failsafe.Policy[R], a *attempts[R]) []failsafe.Policy[R] {
	if g.turn == 0 {
		return policies
	}
	if g.hedge != nil {
		return append(policies, around[R](a.atOwnOfCall))
	}
	return append(policies, around[R](atOwn[R]))
}

// atOwn makes a call at the next own instant of its pass, unless that is over by then.
func atOwn[R any](exec policy.ExecutionInternal[R], call attemptFn[R]) *common.PolicyResult[R] {
	workflow.AwaitOwn(exec.Context())
	if err := exec.Context().Err(); err != nil {
		return &common.PolicyResult[R]{Error: err, Done: true}
	}
	return call(failsafe.Execution[R](exec))
}

// retry is built for each call, since its waits depend on the call's place in the run. The last error is returned as it
// is. An open breaker ends the attempts, also the one that the last failure has just opened: nothing is gained by
// waiting for a call that will be rejected. So do a full bulkhead and adaptive limit, which a retry would only fill
// more, what no attempt can mend, and cancellation. A call that the rate limit or the throttle turned away is tried
// again: time, or another draw, is all that it lacks. An attempt that is made of several calls is tried again unless
// all of them ended so.
func (g *Guard[R]) retry(jitter func(int) float64) failsafe.Policy[R] {
	delay := func(exec failsafe.ExecutionAttempt[R]) time.Duration {
		u := 0.5
		if jitter != nil {
			u = jitter(attemptOf(exec))
		}
		return g.whole(max(delay(g.policy, attemptOf(exec), u), retryAfter(exec.LastError())))
	}
	builder := retrypolicy.NewBuilder[R]()
	if g.budget != nil {
		builder = builder.WithBudget(g.budget)
	}
	return builder.
		WithMaxAttempts(g.policy.Attempts).
		WithDelayFunc(delay).
		AbortIf(func(_ R, err error) bool {
			return every(err, ErrBreakerOpen, ErrBulkheadFull, ErrAdaptiveLimit, errhandler.ErrLasting,
				context.Canceled) || g.breaker != nil && g.breaker.open.Load()
		}).
		OnRetryScheduled(func(e failsafe.ExecutionScheduledEvent[R]) {
			g.stats.waits.Add(1)
			if !g.quiet {
				waiting := catalog.Waiting.At(g.place)
				waiting.Attempt, waiting.Wait = attemptOf(e), e.Delay
				workflow.Emit(e.Context(), waiting)
			}
		}).
		ReturnLastFailure().
		Build()
}

func retryAfter(err error) time.Duration {
	type asker interface {
		error
		RetryAfter() time.Duration
	}
	if a, ok := errors.AsType[asker](err); ok {
		return a.RetryAfter()
	}
	return 0
}

// attemptOf is the number of the attempt under way: failsafe-go counts hedges as attempts.
func attemptOf(exec failsafe.ExecutionInfo) int { return exec.Attempts() - exec.Hedges() }

// attempts are those of one call.
type attempts[R any] struct {
	guard *Guard[R]
	fn    func(ctx context.Context, attempt int) (R, error)
	// chance is what the throttle is asked with.
	chance func(attempt int) float64
	// over is true from the instant on at which the deadline is over; told, once an attempt that it cut short told so.
	over atomic.Bool
	told bool
	// last is the error of the last attempt; a spent budget hides it.
	last error
	// inner is what fn itself returned in the last attempt; a timeout hides it. It is not kept of a hedged attempt.
	inner error

	// number is that of the attempt under way. The others are of its calls where it is hedged: the attempt's context,
	// how many hedges have reached the operation, and a token of each call that has ended.
	number int
	ctx    context.Context
	hedges atomic.Int64
	ended  chan struct{}
	// lanes are the contexts of the hedges, in the order in which they were made.
	mu    sync.Mutex
	lanes []context.Context
}

func (a *attempts[R]) call(exec failsafe.Execution[R]) (R, error) {
	ctx := exec.Context()
	a.guard.stats.calls.Add(1)
	a.guard.tally(ctx, catalog.AttemptStarted)
	if exec.IsHedge() {
		n := int(a.hedges.Add(1))
		a.guard.stats.hedges.Add(1)
		ctx = context.WithValue(workflow.WithLane(ctx, hedges(a.guard.policy)+n), hedgeKey{}, n)
	} else {
		a.guard.tell(ctx, catalog.AttemptStarted, a.number)
	}
	out, err := workflow.Safely(func() (R, error) { return a.fn(ctx, a.number) })
	if a.guard.hedge == nil {
		a.inner = err
	} else {
		workflow.AwaitOwn(ctx) // no two calls of an attempt answer at one instant
	}
	return out, err
}

// withinDeadline tells of a deadline that is over: for the attempt that it cut short, or by itself where it cut short
// the wait for one.
func (a *attempts[R]) withinDeadline(exec policy.ExecutionInternal[R], call attemptFn[R]) *common.PolicyResult[R] {
	a.over.Store(false)
	a.told, a.last = false, nil
	result := call(exec)
	if !a.over.Load() {
		return result
	}
	if !a.told {
		a.late(exec, nil)
	}
	late := *result
	late.Error = a.last
	return &late
}

// late notes that the deadline is over, and what of: err is that of the attempt under way, if there is one. What the
// deadline itself made of it is no reason.
func (a *attempts[R]) late(exec policy.ExecutionInternal[R], err error) {
	g := a.guard
	cause := g.bare(a.last)
	if err = g.bare(err); err != nil && !every(err, context.Canceled, timeout.ErrExceeded) {
		cause = err
	}
	class, reason := g.class, fmt.Errorf("%w after %v", ErrDeadline, g.policy.Deadline)
	if cause != nil {
		class, reason = errhandler.Classify(cause), fmt.Errorf("%w: %w", reason, cause)
	}
	if class == "" {
		class = errhandler.Network
	}
	a.told = true
	a.last = &workflow.NodeError{
		Node:    g.node,
		Phase:   workflow.PhaseExec,
		Attempt: a.number,
		Err:     errhandler.As(class, reason),
	}
	g.stats.overdue.Add(1)
	g.tally(exec.Context(), catalog.DeadlineOver)
	if !g.quiet {
		e := catalog.DeadlineOver.At(g.place)
		e.Attempt = a.number
		workflow.EmitError(exec.Context(), e, a.last)
	}
}

// throughThrottle puts an attempt through the throttle. Its books are failsafe-go's and are brought up to now by
// AcquirePermit, whose answer is not used: it holds the rejection rate against the global generator, and here it is
// held against the run's draw.
func (a *attempts[R]) throughThrottle(exec policy.ExecutionInternal[R], call attemptFn[R]) *common.PolicyResult[R] {
	t, u := a.guard.throttle, 0.5
	if a.chance != nil {
		u = a.chance(a.number)
	}
	t.TryAcquirePermit()
	if rate := t.RejectionRate(); rate > 0 && rate >= u {
		return &common.PolicyResult[R]{Error: ErrThrottled, Done: true}
	}
	result := call(exec)
	switch {
	case result.Error == nil:
		t.RecordSuccess()
	case !a.over.Load() && !saysNothing(result.Error):
		t.RecordFailure()
	}
	return result
}

// throughLimiter puts an attempt through the rate limit. Its books are failsafe-go's. Its policy makes a timer for each
// call, also where there is nothing to wait for, which costs a tenth of a run over real records.
func (g *Guard[R]) throughLimiter(exec policy.ExecutionInternal[R], call attemptFn[R]) *common.PolicyResult[R] {
	wait := g.limiter.TryReservePermit(g.whole(g.policy.RateLimitWait))
	if wait < 0 {
		return &common.PolicyResult[R]{Error: ratelimiter.ErrExceeded, Done: true}
	}
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-exec.Context().Done():
			if cancelled, result := exec.IsCanceledWithResult(); cancelled {
				return result
			}
			return &common.PolicyResult[R]{Error: exec.Context().Err(), Done: true}
		}
	}
	return call(exec)
}

// withinBudget tells of a retry that the budget turned away. The budget is asked after the wait, and what it returns
// says nothing of why there was a retry at all.
func (a *attempts[R]) withinBudget(exec policy.ExecutionInternal[R], call attemptFn[R]) *common.PolicyResult[R] {
	result := call(exec)
	if result.Error != budget.ErrExceeded {
		return result
	}
	g := a.guard
	g.stats.count(catalog.BudgetSpent)
	g.tally(exec.Context(), catalog.BudgetSpent)
	cause := g.bare(a.last)
	err := &workflow.NodeError{
		Node:    g.node,
		Phase:   workflow.PhaseExec,
		Attempt: a.number,
		Err:     errhandler.As(errhandler.Classify(cause), fmt.Errorf("%w: %w", ErrRetryBudget, cause)),
	}
	g.tell(exec.Context(), catalog.BudgetSpent, a.number+1) // without the class: its error has been told
	spent := *result
	spent.Error = err
	return &spent
}

// observe runs one attempt and tells how it went.
func (a *attempts[R]) observe(exec policy.ExecutionInternal[R], call attemptFn[R]) *common.PolicyResult[R] {
	a.inner, a.number = nil, attemptOf(exec)
	result := atOwn(exec, call) // a limit, or the wait after it, ended at another instant
	if a.over.Load() {          // the timeout that is the deadline makes an error of whatever this came to
		a.late(exec, result.Error)
		return result
	}
	if result.Error == nil {
		a.guard.tell(exec.Context(), catalog.AttemptSucceeded, a.number)
		return result
	}
	failed := *result
	a.last = a.failed(exec.Context(), a.number, result.Error)
	failed.Error = a.last
	return &failed
}

// failed says what an attempt's error means and tells of it.
func (a *attempts[R]) failed(ctx context.Context, attempt int, err error) error {
	g := a.guard
	kind, err := g.explain(g.bare(err), a.inner)
	g.stats.count(kind)
	if !errors.Is(err, context.Canceled) { // of a run that ends, which says nothing about the dependency
		g.tally(ctx, kind)
	}
	err = &workflow.NodeError{Node: g.node, Phase: workflow.PhaseExec, Attempt: attempt, Err: err}
	if !g.quiet {
		e := kind.At(g.place)
		e.Attempt = attempt
		workflow.EmitError(ctx, e, err)
	}
	return err
}

// bare takes off the attempt that a guard of the same node inside this one has put around an error.
func (g *Guard[R]) bare(err error) error {
	if ne, ok := err.(*workflow.NodeError); ok && ne.Node == g.node {
		return ne.Err
	}
	return err
}

// explain says what an attempt's error means, in this package's own errors.
func (g *Guard[R]) explain(err, inner error) (catalog.EventKind, error) {
	switch {
	case errors.Is(err, timeout.ErrExceeded):
		te := &TimeoutError{Limit: g.policy.Timeout, class: g.class}
		if inner != nil && !errors.Is(inner, context.Canceled) {
			te.Err = inner
			if !g.classless(inner) {
				te.class = errhandler.Classify(inner)
			}
		}
		if te.class == "" {
			te.class = errhandler.Network
		}
		return catalog.AttemptTimedOut, te
	case errors.Is(err, bulkhead.ErrFull):
		return catalog.BulkheadFull, errhandler.As(errhandler.Resource,
			fmt.Errorf("%w: %s allows %d at once", ErrBulkheadFull, g.place, g.policy.Bulkhead))
	case errors.Is(err, adaptivelimiter.ErrExceeded):
		return catalog.LimitReached, errhandler.As(errhandler.Resource,
			fmt.Errorf("%w: %s gets %d calls at once", ErrAdaptiveLimit, g.place, g.adaptive.Limit()))
	case err == ErrThrottled:
		return catalog.Throttled, errhandler.As(errhandler.Degradation,
			fmt.Errorf("%w: too many calls of %s have failed", ErrThrottled, g.place))
	case errors.Is(err, ratelimiter.ErrExceeded):
		return catalog.RateLimitHit, errhandler.As(errhandler.Resource,
			fmt.Errorf("%w: %s gets %v calls a second", ErrRateLimit, g.place, g.policy.RateLimit))
	case every(err, ErrBreakerOpen):
		return catalog.CallRejected, errhandler.As(errhandler.Degradation, err)
	case every(err, ErrTimeout): // of guards inside this one
		return catalog.AttemptTimedOut, err
	case every(err, ErrBulkheadFull):
		return catalog.BulkheadFull, err
	case every(err, ErrRateLimit):
		return catalog.RateLimitHit, err
	case every(err, ErrAdaptiveLimit):
		return catalog.LimitReached, err
	case every(err, ErrThrottled):
		return catalog.Throttled, err
	case g.classless(err):
		return catalog.AttemptFailed, errhandler.As(g.class, err)
	}
	return catalog.AttemptFailed, err
}

// classless tells whether err says nothing of its class, so that it gets the guard's.
func (g *Guard[R]) classless(err error) bool {
	return g.class != "" && errhandler.Classify(err) == errhandler.Internal &&
		(!errors.Is(err, workflow.ErrPanic) || g.class == errhandler.Processing)
}

// every tells whether err matches one of the targets. Where it joins several errors, each of them must: a pass over
// three channels has not been rejected because one of them was.
func every(err error, targets ...error) bool {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		if joined, ok := inner.(interface{ Unwrap() []error }); ok {
			return !slices.ContainsFunc(joined.Unwrap(), func(e error) bool { return !every(e, targets...) })
		}
	}
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

// tell emits an event of an attempt. It keeps the event off the stacks of the many calls that emit none.
func (g *Guard[R]) tell(ctx context.Context, k catalog.EventKind, attempt int) {
	if g.quiet {
		return
	}
	e := k.At(g.place)
	e.Attempt = attempt
	workflow.Emit(ctx, e)
}

// Stats is what a guard has counted so far.
type Stats struct {
	// Calls reached the operation; Failed, TimedOut and TurnedAway are attempts that did not succeed, by reason.
	Calls, Failed, TimedOut int64
	TurnedAway              catalog.RejectionCounts
	Waits                   int64
	// Overdue counts the calls whose deadline was over; no attempt that it cut short is counted beside.
	Overdue int64
	// Hedges are the calls among Calls that were made since another one took long, Lost those of an attempt that were
	// called off since another one had answered.
	Hedges, Lost int64
	// BeforeOpen is how many calls had been made when the breaker first opened; 0 while it has not.
	BeforeOpen int64
}

// Stats returns the counts.
func (g *Guard[R]) Stats() Stats {
	s := Stats{
		Calls:      g.stats.calls.Load(),
		Failed:     g.stats.failed.Load(),
		TimedOut:   g.stats.timedOut.Load(),
		Waits:      g.stats.waits.Load(),
		Overdue:    g.stats.overdue.Load(),
		Hedges:     g.stats.hedges.Load(),
		Lost:       g.stats.lost.Load(),
		BeforeOpen: g.stats.beforeOpen.Load(),
	}
	for i := range s.TurnedAway {
		s.TurnedAway[i] = g.stats.turnedAway[i].Load()
	}
	return s
}

// Add adds the counts of another guard on the same dependency. BeforeOpen is that of the one which opened first, by its
// calls.
func (s *Stats) Add(of Stats) {
	s.Calls += of.Calls
	s.Failed += of.Failed
	s.TimedOut += of.TimedOut
	s.Waits += of.Waits
	s.Overdue += of.Overdue
	s.Hedges += of.Hedges
	s.Lost += of.Lost
	for i, n := range of.TurnedAway {
		s.TurnedAway[i] += n
	}
	if s.BeforeOpen == 0 || of.BeforeOpen > 0 && of.BeforeOpen < s.BeforeOpen {
		s.BeforeOpen = of.BeforeOpen
	}
}

type counters struct {
	calls, failed, timedOut, waits, overdue, hedges, lost, beforeOpen atomic.Int64

	turnedAway [len(catalog.RejectionCounts{})]atomic.Int64
}

func (c *counters) count(k catalog.EventKind) {
	if k == catalog.AttemptTimedOut {
		c.timedOut.Add(1)
	} else if i := k.Index(); i >= 0 {
		c.turnedAway[i].Add(1)
	} else {
		c.failed.Add(1)
	}
}

type attemptFn[R any] = func(failsafe.Execution[R]) *common.PolicyResult[R]

// around is a failsafe-go policy made of one function that surrounds the policies inside it.
type around[R any] func(exec policy.ExecutionInternal[R], call attemptFn[R]) *common.PolicyResult[R]

// ToExecutor makes around a failsafe.Policy.
func (a around[R]) ToExecutor(R) any {
	e := &aroundExecutor[R]{around: a}
	e.Executor = e
	return e
}

type aroundExecutor[R any] struct {
	policy.BaseExecutor[R]
	around around[R]
}

func (e *aroundExecutor[R]) Apply(call attemptFn[R]) attemptFn[R] {
	return func(exec failsafe.Execution[R]) *common.PolicyResult[R] {
		return e.around(exec.(policy.ExecutionInternal[R]), call)
	}
}
