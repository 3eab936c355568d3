// Package nodes is the pipeline: what a record is, where it comes from and goes to, the DataCollector, Processing and
// Delivery nodes with their recovery, the central error handler, and the two graphs that join them.
package nodes

import (
	"context"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/workflow"
)

// The actions of docs/original.md's graphs.
const (
	Success = catalog.ActionSuccess
	// CircuitOpen: the source could not be used, because its breaker is open or its attempts ran out.
	CircuitOpen = catalog.ActionCircuitOpen
	// RetryExhausted: the batch was not, or less than half, processed.
	RetryExhausted = catalog.ActionRetryExhausted
	// DeliveryFailed: the channels did not take everything.
	DeliveryFailed = catalog.ActionDeliveryFailed
	// Done ends a cycle.
	Done = catalog.ActionDone
)

// Key identifies one random decision. Every decision of a run is drawn from the run's seed and its Key alone, never
// from a shared stream, so that neither concurrency nor unrelated settings can shift it.
type Key struct {
	// Place is the injection point and Use what is decided there, such as latency.
	Place catalog.Place
	Use   string
	Cycle int
	// Record identifies a record within its cycle (see Record.Number), 0 where records do not matter.
	Record uint64
	// Attempt counts the calls of the place within the cycle.
	Attempt int
}

// Rand returns a number uniform in [0, 1) that depends on the run's seed and the key only.
type Rand func(Key) float64

// Between scales r's number for k to a duration in [low, high).
func (r Rand) Between(k Key, low, high time.Duration) time.Duration {
	return low + time.Duration(r(k)*float64(high-low))
}

// eachAttempt draws one number for each attempt of a call.
func (r Rand) eachAttempt(place catalog.Place, use string, cycle int) func(attempt int) float64 {
	return func(attempt int) float64 { return r(Key{Place: place, Use: use, Cycle: cycle, Attempt: attempt}) }
}

// Number identifies the record among those of its cycle, whatever order they are handled in: FNV-1a over id and row.
func (r *Record) Number() uint64 {
	h := uint64(14695981039346656037)
	for i := range len(r.ID) {
		h = (h ^ uint64(r.ID[i])) * 1099511628211
	}
	return (h ^ uint64(r.Row)) * 1099511628211
}

// State is what the nodes of one cycle share.
type State struct {
	// Cycle counts from 1.
	Cycle int
	// Outcome is what the stages did; the error handler judges it.
	Outcome errhandler.Outcome
	// Findings are the error handler's.
	Findings []errhandler.Finding
	// End is true once the source has no more rows.
	End bool
	// Status and Channel tell how delivery went, for the report.
	Status  catalog.DeliveryStatus
	Channel string

	inFlight inFlight
	// passes counts those over the channels.
	passes int
}

// reason is an error without the node and attempt around it, which the dead letter's place says already. It keeps the
// reasons of many records equal, so that they can be counted.
func reason(err error) string { return workflow.Cause(err).Error() }

// Pause waits for d or until ctx is done, whose error it then returns. That of a pass beside others ends at an own
// instant of the pass.
func Pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	d = workflow.UntilOwn(ctx, d)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
