package catalog

import "slices"

// Pattern is a fault tolerance pattern.
type Pattern string

// The patterns.
const (
	ExecutionHooks     Pattern = "execution_hooks"
	HealthCheck        Pattern = "health_check"
	RetryWithBackoff   Pattern = "retry_with_backoff"
	RetryBudget        Pattern = "retry_budget"
	Deadline           Pattern = "deadline"
	CircuitBreaker     Pattern = "circuit_breaker"
	AdaptiveThrottle   Pattern = "adaptive_throttle"
	Hedging            Pattern = "hedging"
	Bulkhead           Pattern = "bulkhead"
	AdaptiveLimit      Pattern = "adaptive_limit"
	RateLimit          Pattern = "rate_limit"
	Timeout            Pattern = "timeout"
	FallbackLadder     Pattern = "fallback_ladder"
	FailureIsolation   Pattern = "failure_isolation"
	PartialPattern     Pattern = "partial_processing"
	MinimalFallback    Pattern = "minimal_fallback"
	ChannelFailover    Pattern = "channel_failover"
	ChannelHealth      Pattern = "channel_health"
	EmergencySpool     Pattern = "emergency_spool"
	IdempotencyKey     Pattern = "idempotency_key"
	DeadLetters        Pattern = "dead_letters"
	CentralHandler     Pattern = "error_handler"
	RecoveryGraphNodes Pattern = "recovery_nodes"
)

// PatternEntry describes a pattern.
type PatternEntry struct {
	Name Pattern
	// Counted is what the report counts as the pattern at work; "" where the run says it.
	Counted string
	// Meaning is one line for the reference.
	Meaning string
}

// Patterns lists the patterns in the order of reports.
func Patterns() []PatternEntry { return slices.Clone(patterns) }

var patterns = []PatternEntry{
	{ExecutionHooks, "hooks of the nodes ran", "code of a node around its work: before_prep, after_exec, on_error"},
	{HealthCheck, "checks found the source unhealthy", "the source is asked how it is before each fetch"},
	{RetryWithBackoff, "waits between attempts", "failed calls are tried again after waits that grow"},
	{RetryBudget, "retries turned away", "retries are no more than a share of the calls in flight"},
	{Deadline, "calls out of time", "all attempts and waits together take no longer than a limit"},
	{CircuitBreaker, "opened", "after failures in a row, or too large a share, calls are rejected without being made"},
	{AdaptiveThrottle, "calls turned away", "the more calls fail, the more of them are rejected without being made"},
	{Hedging, "calls beside one that took long",
		"where a call takes long, another one is made, and the first answer counts"},
	{Bulkhead, "calls turned away", "only so many calls are under way at once"},
	{AdaptiveLimit, "calls turned away", "only so many calls are under way as do not slow each other down"},
	{RateLimit, "calls turned away", "only so many calls begin in a second"},
	{Timeout, "calls cut short", "no call takes longer than its limit"},
	{FallbackLadder, "", "fresh cache, stale cache, default data in place of the source"},
	{FailureIsolation, "records failed alone, not their batch", "a record that fails does not fail its batch"},
	{PartialPattern, "batches processed in part", "when attempts run out, a part of the batch is processed"},
	{MinimalFallback, "batches of which a few records were passed through",
		"when resources run out, a few records are passed through"},
	{ChannelFailover, "cycles in which another channel took records", "the next channel takes what one does not"},
	{ChannelHealth, "times a failed channel was left out", "a channel that failed is left out for a while"},
	{EmergencySpool, "records spooled", "a file takes what no channel took"},
	{IdempotencyKey, "records recognised when they were sent again", "a repeated delivery is no duplicate"},
	{DeadLetters, "records kept with their reason", "what is given up is kept, with the reason"},
	{CentralHandler, "errors", "one node sees every error and judges the run"},
	{RecoveryGraphNodes, "", "recovery as nodes of the graph of their own"},
}

// PatternNames lists the names of the patterns.
func PatternNames() []Pattern {
	var names []Pattern
	for _, p := range patterns {
		names = append(names, p.Name)
	}
	return names
}
