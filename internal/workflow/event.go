package workflow

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Kind names what an event tells. Other packages add kinds of their own.
type Kind string

// The engine's kinds.
const (
	NodeStarted  Kind = "node_started"
	NodeDone     Kind = "node_done"     // Detail is the action
	NodeFailed   Kind = "node_failed"   // the error goes to the graph's error handler
	HookRan      Kind = "hook"          // Detail is the hook's name
	Recovered    Kind = "recovered"     // OnError supplied a result
	FallbackUsed Kind = "fallback_used" // ExecFallback supplied a result
	HookFailed   Kind = "hook_failed"   // an OnError hook panicked; the node's own error stands
)

// Event is one step of a run. Reports, live progress and logs are all made from events.
type Event struct {
	// At is the time since the run began.
	At time.Duration
	// Cycle counts the run's passes through the graph from 1.
	Cycle int
	// Node is the graph's node; Place the dependency or injection point within it, "" for the node itself.
	Node, Place string
	Kind        Kind
	// Attempt counts from 1; 0 where attempts do not apply.
	Attempt int
	// Class is the error's class; "" without an error.
	Class string
	// From and To are the states of a change.
	From, To string
	// Count is how many records the event is about, Record the id of the one that it is about.
	Count  int
	Record string
	// Detail is an error's text, or what the kind says.
	Detail string
	// Wait is how long the node is about to wait, for events that announce a wait.
	Wait time.Duration
}

// Stream passes a run's events to one observer, one at a time. It is safe for concurrent use.
type Stream struct {
	// Classify names an error's class; nil leaves Event.Class empty.
	Classify func(error) string

	start   time.Time
	cycle   atomic.Int64
	mu      sync.Mutex // lets one event at a time through to observe
	observe func(Event)
}

// NewStream begins a stream whose time zero is now. A nil observe discards events.
func NewStream(observe func(Event)) *Stream {
	if observe == nil {
		observe = func(Event) {}
	}
	return &Stream{start: time.Now(), observe: observe}
}

// Since returns the time from the run's start to t.
func (s *Stream) Since(t time.Time) time.Duration { return t.Sub(s.start) }

// StartCycle makes later events belong to cycle n, but for those of passes.
func (s *Stream) StartCycle(n int) { s.cycle.Store(int64(n)) }

// Emit sends an event that happens now. A context without a stream drops it.
func Emit(ctx context.Context, e Event) { EmitAt(ctx, time.Now(), e) }

// EmitError is Emit with the class of err, and with its cause's text unless the event has a detail of its own (node and
// attempt are the event's already).
func EmitError(ctx context.Context, e Event, err error) {
	if p := passOf(ctx); p != nil && err != nil {
		if p.stream.Classify != nil {
			e.Class = p.stream.Classify(err)
		}
		if e.Detail == "" {
			e.Detail = Cause(err).Error()
		}
	}
	Emit(ctx, e)
}

// EmitAt sends an event that happened at t, for what must be noted under a lock and told after it.
func EmitAt(ctx context.Context, t time.Time, e Event) {
	p := passOf(ctx)
	if p == nil {
		return
	}
	s := p.stream
	e.At, e.Cycle = s.Since(t), p.cycle()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.observe(e)
}

// Now tells where in its run ctx is: the cycle and the time since the run began. Without a stream both are 0.
func Now(ctx context.Context) (cycle int, at time.Duration) {
	p := passOf(ctx)
	if p == nil {
		return 0, 0
	}
	return p.cycle(), time.Since(p.stream.start)
}

// Elapsed returns the time since the run began.
func (s *Stream) Elapsed() time.Duration { return time.Since(s.start) }
