// Package resilience puts calls inside policies. It is the only importer of failsafe-go (retry, timeout, bulkhead,
// rate limit, fallback) and gobreaker (circuit breaker); the order in which the policies compose is written once, in compose.
package resilience

import (
	"errors"
	"fmt"
	"math"
	"time"

	"faultflow/internal/errhandler"
)

// Policy is the settings of one guarded operation. The zero value guards nothing: one attempt, no limits.
type Policy struct {
	// Attempts is how often the operation is tried in all, the first time included; 0 and 1 mean once.
	Attempts int
	// Delay is the wait before the second attempt; each later one is Backoff times as long, at most MaxDelay.
	// A Backoff below 1 counts as 1, a MaxDelay of 0 as no limit.
	Delay    time.Duration
	Backoff  float64
	MaxDelay time.Duration
	// Jitter is the share of a delay, 0 to 1, by which it is randomly lengthened or shortened.
	Jitter float64
	// Timeout bounds each attempt; 0 means no limit.
	Timeout time.Duration
	// Bulkhead is how many calls may be under way at once; 0 means no limit. A call that finds it full waits for
	// BulkheadWait and is then turned away.
	Bulkhead     int
	BulkheadWait time.Duration
	// RateLimit is how many calls a second are let through, spread evenly; 0 means no limit. A call that comes too early
	// waits for its turn, for BulkheadWait at most, and is else turned away at once.
	RateLimit float64
	Breaker   Breaker
}

// Breaker is the settings of a circuit breaker. The zero value is off.
type Breaker struct {
	On bool
	// Failures in a row open the breaker.
	Failures int
	// OpenFor is how long an open breaker rejects calls before it lets TrialCalls through (half-open). It closes when
	// all of them succeed and opens again when one fails.
	OpenFor    time.Duration
	TrialCalls int
}

// delay is the wait after the attempt-th attempt failed: Delay × Backoff^(attempt-1), at most MaxDelay, varied by ±Jitter
// with u uniform in [0, 1). An exponential backoff with a random part keeps many clients from retrying in step
// (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
func (p Policy) delay(attempt int, u float64) time.Duration {
	d := float64(p.Delay) * math.Pow(max(p.Backoff, 1), float64(attempt-1))
	if p.MaxDelay > 0 {
		d = min(d, float64(p.MaxDelay))
	}
	d *= 1 + p.Jitter*(2*u-1)
	return time.Duration(min(d, math.MaxInt64/2))
}

// The sentinels of calls that a policy ended.
var (
	// ErrBreakerOpen matches the error of a call that an open breaker rejected. Its class is Degradation.
	ErrBreakerOpen = errors.New("circuit breaker is open")
	// ErrBulkheadFull matches the error of a call that found no place in time. Its class is Resource.
	ErrBulkheadFull = errors.New("bulkhead is full")
	// ErrRateLimit matches the error of a call that the rate limit turned away. Its class is Resource.
	ErrRateLimit = errors.New("rate limit is reached")
	// ErrTimeout matches the error of an attempt that took longer than its limit.
	ErrTimeout = errors.New("timeout")
)

// TimeoutError is an attempt that took longer than its limit.
type TimeoutError struct {
	Limit time.Duration
	// Err is what the call returned when it was cancelled; nil if it returned nothing else than the cancellation.
	Err   error
	class errhandler.Class
}

func (e *TimeoutError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("timeout after %v: %v", e.Limit, e.Err)
	}
	return fmt.Sprintf("timeout after %v", e.Limit)
}

// Is makes errors.Is(err, ErrTimeout) true.
func (e *TimeoutError) Is(target error) bool { return target == ErrTimeout }

// Unwrap returns what the call returned.
func (e *TimeoutError) Unwrap() error { return e.Err }

// Class is the class of what the call returned, or of the guarded operation where that says nothing.
func (e *TimeoutError) Class() errhandler.Class { return e.class }
