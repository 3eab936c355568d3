// Package resilience puts calls inside policies. It is the only importer of failsafe-go (retry, timeout, bulkhead, rate
// limit, fallback) and gobreaker (circuit breaker); the order in which the policies compose is written once, in
// compose.
package resilience

import (
	"errors"
	"fmt"
	"math"
	"time"

	"faultflow/internal/errhandler"
	"faultflow/internal/settings"
)

// delay is the wait after the attempt-th attempt failed: RetryDelay × Backoff^(attempt-1), varied by ±Jitter with u
// uniform in [0, 1), at most MaxDelay. An exponential backoff with a random part keeps many clients from retrying in
// step (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
func delay(p settings.Policy, attempt int, u float64) time.Duration {
	d := float64(p.RetryDelay) * math.Pow(max(p.Backoff, 1), float64(attempt-1)) * (1 + float64(p.Jitter*(2*u-1)))
	if p.MaxDelay > 0 {
		d = min(d, float64(p.MaxDelay))
	}
	return time.Duration(min(d, math.MaxInt64/2))
}

// varied is d, longer or shorter by up to a share of it, with u uniform in [0, 1).
func varied(d time.Duration, share, u float64) time.Duration {
	return time.Duration(min(float64(d)*(1+float64(share*(2*u-1))), math.MaxInt64/2))
}

// The sentinels of calls that a policy ended.
var (
	// ErrBreakerOpen matches the error of a call that an open breaker rejected. Its class is Degradation.
	ErrBreakerOpen = errors.New("circuit breaker is open")
	// ErrBulkheadFull matches the error of a call that found no place in time. Its class is Resource.
	ErrBulkheadFull = errors.New("bulkhead is full")
	// ErrRateLimit matches the error of a call that the rate limit turned away. Its class is Resource.
	ErrRateLimit = errors.New("rate limit is reached")
	// ErrRetryBudget matches the error of a call whose retry the budget turned away. It wraps the last attempt's error,
	// whose class it has.
	ErrRetryBudget = errors.New("retry budget is spent")
	// ErrAdaptiveLimit matches the error of a call that the adaptive limit turned away. Its class is Resource.
	ErrAdaptiveLimit = errors.New("adaptive limit is reached")
	// ErrThrottled matches the error of a call that the adaptive throttle turned away. Its class is Degradation.
	ErrThrottled = errors.New("throttled")
	// ErrDeadline matches the error of a call whose attempts and waits together took too long. It wraps the last
	// attempt's error, if there is one, whose class it has.
	ErrDeadline = errors.New("deadline is over")
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
