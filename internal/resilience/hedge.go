package resilience

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/failsafe-go/failsafe-go/common"
	"github.com/failsafe-go/failsafe-go/hedgepolicy"
	"github.com/failsafe-go/failsafe-go/policy"

	"faultflow/internal/catalog"
	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

// What failsafe-go's quantile remembers, and how many calls it has seen before the first hedge.
const (
	quantileAge  = 100
	quantileFrom = 20
)

// Neither is an answer for which the other calls of an attempt are cancelled.
var (
	// errLost is what a call came to after another one had answered.
	errLost = errors.New("another call has answered")
	// errNoHedge is a hedge that a policy inside turned away.
	errNoHedge = errors.New("a hedge was turned away")
)

// hedgePolicy makes another call where one takes longer than HedgeAfter; the first answer counts, be it an error, and
// the other calls are cancelled. It is kept for a guard, since a quantile remembers how long calls took.
func hedgePolicy[R any](p settings.Policy) hedgepolicy.HedgePolicy[R] {
	var builder hedgepolicy.Builder[R]
	if percent, ok := strings.CutPrefix(p.HedgeAfter, "p"); ok {
		n, _ := strconv.ParseFloat(percent, 64) // settings have checked it
		builder = hedgepolicy.NewBuilderWithDelayQuantile[R](n/100, quantileAge, quantileFrom)
	} else {
		after, _ := time.ParseDuration(p.HedgeAfter)
		builder = hedgepolicy.NewBuilderWithDelay[R](after)
	}
	return builder.
		WithMaxHedges(hedges(p)).
		CancelIf(func(_ R, err error) bool { return err != errLost && err != errNoHedge }).
		Build()
}

// Lanes is how many goroutines of one caller can act beside each other, each at own instants of its own: see
// workflow.WithLane. A hedge has one lane until it reaches the operation and another from then on, since hedges that
// wait may overtake each other, and what they draw is numbered as they reach it.
func Lanes(p settings.Policy) int {
	if p.HedgeAfter == "" {
		return 1
	}
	return 1 + 2*hedges(p)
}

// hedges is how many an attempt has at most.
func hedges(p settings.Policy) int { return max(p.Hedges, 1) }

type hedgeKey struct{}

// Hedge is which of the calls of an attempt a call's context belongs to: 0 for the first one, 1 for the first hedge.
// What is drawn for a call must differ between them.
func Hedge(ctx context.Context) int {
	n, _ := ctx.Value(hedgeKey{}).(int)
	return n
}

// hedged makes an attempt of which the hedge policy may make several calls. failsafe-go does not wait for those that it
// cancels; here the attempt ends when all of them have.
func (a *attempts[R]) hedged(exec policy.ExecutionInternal[R], call attemptFn[R]) *common.PolicyResult[R] {
	before := exec.Hedges()
	a.ctx, a.ended = exec.Context(), make(chan struct{}, 1+hedges(a.guard.policy))
	a.hedges.Store(0)
	a.lanes = nil
	result := call(exec)
	for range 1 + exec.Hedges() - before {
		<-a.ended
	}
	return result
}

// oneOfSeveral makes one of the calls of a hedged attempt.
func (a *attempts[R]) oneOfSeveral(exec policy.ExecutionInternal[R], call attemptFn[R]) *common.PolicyResult[R] {
	defer func() { a.ended <- struct{}{} }()
	if exec.IsHedge() {
		a.mu.Lock()
		a.lanes = append(a.lanes, exec.Context())
		a.mu.Unlock()
		if !a.due(exec.Context()) {
			return &common.PolicyResult[R]{Error: errNoHedge, Done: true}
		}
		a.guard.tell(exec.Context(), catalog.Hedged, a.number)
	}
	result := call(exec)
	if a.ctx.Err() != nil { // all calls of the attempt have been cut short at once
		a.apart(exec.Context())
	}
	switch {
	case exec.Context().Err() != nil && a.ctx.Err() == nil:
		a.guard.stats.lost.Add(1)
		return &common.PolicyResult[R]{Error: errLost, Done: true}
	case exec.IsHedge() && turnedAway(result.Error):
		return &common.PolicyResult[R]{Error: errNoHedge, Done: true}
	}
	return result
}

// due waits for the hedge's next own instant, since its delay may be any. It is false if an answer came meanwhile, or
// at the very instant at which the delay was over: then there is no hedge, and whether the scheduler saw the delay or
// the answer first makes no difference.
func (a *attempts[R]) due(ctx context.Context) bool {
	wait := workflow.UntilOwn(a.ownOf(ctx), 0)
	if wait == 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// apart has a call end at an instant at which no other one of its attempt does: the quantile follows their order.
func (a *attempts[R]) apart(ctx context.Context) {
	if workflow.Shares(ctx) {
		workflow.AwaitOwn(a.ownOf(ctx))
		return
	}
	time.Sleep(time.Duration(a.lane(ctx)))
}

// ownOf is the context of one of an attempt's calls with own instants of its own, which hedges have by the order in
// which they were made.
func (a *attempts[R]) ownOf(ctx context.Context) context.Context {
	return workflow.WithLane(ctx, a.lane(ctx))
}

// lane is 0 for the first call, 1 for the first hedge.
func (a *attempts[R]) lane(ctx context.Context) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return 1 + slices.Index(a.lanes, ctx)
}

// atOwnOfCall goes on at the next own instant of the call, unless that is over by then.
func (a *attempts[R]) atOwnOfCall(exec policy.ExecutionInternal[R], call attemptFn[R]) *common.PolicyResult[R] {
	workflow.AwaitOwn(a.ownOf(exec.Context()))
	if err := exec.Context().Err(); err != nil {
		return &common.PolicyResult[R]{Error: err, Done: true}
	}
	return call(exec)
}
