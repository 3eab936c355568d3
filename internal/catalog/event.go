package catalog

import (
	"slices"

	"faultflow/internal/workflow"
)

// EventKind is what an event tells.
type EventKind string

// The engine's events.
const (
	NodeStarted  = EventKind(workflow.NodeStarted)
	NodeDone     = EventKind(workflow.NodeDone)
	NodeFailed   = EventKind(workflow.NodeFailed)
	HookRan      = EventKind(workflow.HookRan)
	HookFailed   = EventKind(workflow.HookFailed)
	Recovered    = EventKind(workflow.Recovered)
	FallbackUsed = EventKind(workflow.FallbackUsed)
)

// The events of policies.
const (
	AttemptStarted   EventKind = "attempt_started"
	AttemptSucceeded EventKind = "attempt_succeeded"
	AttemptFailed    EventKind = "attempt_failed"
	AttemptTimedOut  EventKind = "attempt_timed_out"
	CallRejected     EventKind = "rejected"
	BulkheadFull     EventKind = "bulkhead_full"
	RateLimitHit     EventKind = "rate_limit_hit"
	BudgetSpent      EventKind = "budget_spent"
	Hedged           EventKind = "hedged"
	LimitReached     EventKind = "adaptive_limit_hit"
	Throttled        EventKind = "throttled"
	DeadlineOver     EventKind = "deadline_over"
	Waiting          EventKind = "waiting"
	BreakerChanged   EventKind = "breaker_changed"
)

// The events of nodes and faults.
const (
	HealthFailed    EventKind = "health_failed"
	RecordFailed    EventKind = "record_failed"
	ChannelTried    EventKind = "channel_tried"
	ChannelAccepted EventKind = "channel_accepted"
	ChannelFailed   EventKind = "channel_failed"
	ChannelSkipped  EventKind = "channel_skipped"
	ChannelChanged  EventKind = "channel_changed"
	Spooled         EventKind = "spooled"
	SpoolFailed     EventKind = "spool_failed"
	FaultFired      EventKind = "fault_fired"
)

// Role is what an event means on a time axis.
type Role int

// The roles.
const (
	Aside   Role = iota // it is not drawn by itself
	Begins              // something that lasts begins
	Opens               // it lasted since its node began, if it took time
	Ends                // what began at the same place ends; without a beginning, it is a moment
	Moment              // something without a length
	Lasts               // something that lasts as long as the event's wait
	Changes             // a state becomes another one, From and To say which
)

// Event describes a kind of events.
type Event struct {
	Kind EventKind
	Role Role
	// Error is true for an event that tells of an error, which has a class.
	Error bool
	// Word is what people read where an item on the time axis is named.
	Word string
	// Meaning is one line for the reference. It says what Detail, Record, Count, From and To are where the kind has
	// them.
	Meaning string
}

// Events lists the kinds of events.
func Events() []Event { return slices.Clone(events) }

var events = []Event{
	{NodeStarted, Begins, false, "runs", "a node begins"},
	{NodeDone, Ends, false, "ran", "a node is done; detail is its action"},
	{NodeFailed, Ends, true, "node failed", "a node failed for good; its error goes to the error handler"},
	{HookRan, Opens, false, "health check", "a hook of the node ran; detail is the hook"},
	{HookFailed, Aside, true, "hook failed", "an on_error hook panicked; the node's own error stands"},
	{Recovered, Moment, false, "recovered", "on_error supplied a result"},
	{FallbackUsed, Moment, false, "fallback", "exec_fallback supplied a result"},
	{AttemptStarted, Begins, false, "unfinished", "an attempt begins"},
	{AttemptSucceeded, Ends, false, "succeeded", "an attempt ended well"},
	{AttemptFailed, Ends, true, "failed", "an attempt ended with an error"},
	{AttemptTimedOut, Ends, true, "timed out", "an attempt was cut short by its timeout"},
	{CallRejected, Ends, true, "rejected by an open breaker", "an open breaker turned a call away"},
	{BulkheadFull, Ends, true, "bulkhead full", "a full bulkhead turned a call away"},
	{RateLimitHit, Ends, true, "rate limited", "the rate limit turned a call away"},
	{LimitReached, Ends, true, "adaptive limit full", "the adaptive limit turned a call away"},
	{Throttled, Ends, true, "throttled", "the adaptive throttle turned a call away"},
	{DeadlineOver, Ends, true, "deadline over", "the deadline of all attempts cut one short, or the wait for it"},
	{Hedged, Moment, false, "hedged", "another call of the attempt is made, since the one before takes long"},
	{BudgetSpent, Moment, false, "retry budget spent", "the retry budget turned a retry away, which ends the attempts"},
	{Waiting, Lasts, false, "waiting", "backoff before the next attempt, for wait_ms"},
	{BreakerChanged, Changes, false, "breaker changed", "a circuit breaker changed its state, from and to"},
	{HealthFailed, Moment, true, "unhealthy", "the source failed its health check"},
	{RecordFailed, Moment, true, "record failed alone", "a record failed without its batch; record is its id"},
	{ChannelTried, Begins, false, "unfinished", "a delivery to a channel begins"},
	{ChannelAccepted, Ends, false, "succeeded", "a channel took records; count is how many"},
	{ChannelFailed, Ends, true, "failed", "a delivery to a channel failed"},
	{ChannelSkipped, Moment, false, "left out", "a channel was left out; detail is its health"},
	{ChannelChanged, Changes, false, "health changed", "a channel's health changed, from and to"},
	{Spooled, Moment, false, "spooled", "the emergency spool took records; count is how many"},
	{SpoolFailed, Moment, true, "spool failed", "the emergency spool failed; its records are dead letters"},
	{FaultFired, Moment, false, "fault fired",
		"a fault hit a call; detail is its kind (records of a batch have no event of their own)"},
}

// EventKinds lists the kinds of events.
func EventKinds() []EventKind {
	kinds := make([]EventKind, len(events))
	for i, e := range events {
		kinds[i] = e.Kind
	}
	return kinds
}

var eventByKind = func() map[EventKind]Event {
	byKind := make(map[EventKind]Event, len(events))
	for _, e := range events {
		byKind[e.Kind] = e
	}
	return byKind
}()

// Event describes the kind; an unknown one has the zero Role and its name as its word.
func (k EventKind) Event() Event {
	if e, known := eventByKind[k]; known {
		return e
	}
	return Event{Kind: k, Word: Words(k)}
}

// At begins an event of the kind at a place.
func (k EventKind) At(place Place) workflow.Event {
	return workflow.Event{Node: string(place.Node()), Place: string(place), Kind: workflow.Kind(k)}
}
