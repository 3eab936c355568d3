package runner

import (
	"fmt"
	"math"
	"slices"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/report"
	"faultflow/internal/workflow"
)

// recorder makes everything that a report says about steps out of the run's event stream.
type recorder struct {
	nodes    []report.Node
	breakers []report.Breaker
	errors   report.Errors
	// countOnly leaves the timeline empty.
	countOnly bool
	events    []report.Event
	summary   []*report.EventSummary
	cycles    int
	// failedAlone counts the records that failed without failing their batch.
	failedAlone int
}

// maxTransitions bounds the changes that are kept of a breaker.
const maxTransitions = 1000

func newRecorder(graphNodes, breakers []string, countOnly bool) *recorder {
	r := &recorder{
		nodes:     make([]report.Node, 0, len(graphNodes)),
		errors:    report.Errors{ByClass: map[errhandler.Class]int{}},
		countOnly: countOnly,
	}
	if !countOnly {
		r.events = make([]report.Event, 0, 32)
	}
	for _, name := range graphNodes {
		r.nodes = append(r.nodes, report.Node{
			Name:    catalog.Node(name),
			Status:  catalog.NodeNotRun,
			Hooks:   map[string]int{},
			Errors:  map[errhandler.Class]int{},
			Actions: map[string]int{},
		})
	}
	for _, name := range breakers {
		r.breakers = append(r.breakers, report.Breaker{
			Name:        name,
			State:       catalog.Closed,
			Transitions: []report.Transition{},
		})
	}
	return r
}

// observe notes one event.
func (r *recorder) observe(e workflow.Event) {
	if !r.countOnly {
		r.keep(&e)
	}
	kind, n := catalog.EventKind(e.Kind), r.node(catalog.Node(e.Node))
	if n != nil {
		r.note(n, kind, &e)
	}
	if !countsAsError(kind, &e) {
		return
	}
	class := errhandler.Class(e.Class)
	if n != nil {
		n.Errors[class]++
	}
	r.errors.Total++
	r.errors.ByClass[class]++
	if kind != catalog.NodeFailed {
		r.errors.Handled++
	}
}

// countsAsError is true once for each error: a failed pass over the channels repeats what each channel said, and a
// node's end repeats its last attempt unless it failed outside of an attempt.
func countsAsError(kind catalog.EventKind, e *workflow.Event) bool {
	switch {
	case e.Class == "":
		return false
	case kind == catalog.NodeFailed:
		return e.Attempt == 0
	case e.Place == string(catalog.Delivery):
		return false
	}
	return kind.Event().Error
}

// note counts the event for its node.
func (r *recorder) note(n *report.Node, kind catalog.EventKind, e *workflow.Event) {
	switch kind {
	case catalog.NodeStarted:
		n.Runs++
		n.Status = catalog.NodeOK
	case catalog.NodeDone:
		n.Actions[e.Detail]++
	case catalog.NodeFailed:
		n.Status = catalog.NodeError
	case catalog.HookRan:
		n.Hooks[e.Detail]++
	case catalog.Recovered:
		n.Recovered++
		n.Status = catalog.NodeRecovered
	case catalog.FallbackUsed:
		n.Fallbacks++
		n.Status = catalog.NodeFellBack
	case catalog.AttemptStarted:
		n.Attempts++
		n.MaxTries = max(n.MaxTries, e.Attempt)
	case catalog.Waiting:
		n.Waits++
		n.WaitMS = round(n.WaitMS + ms(e.Wait))
	case catalog.AttemptFailed, catalog.AttemptTimedOut:
		n.Failures++
	case catalog.BudgetSpent:
		n.OverBudget++
	case catalog.DeadlineOver:
		n.Overdue++
	case catalog.RecordFailed:
		r.failedAlone++
	case catalog.BreakerChanged:
		r.breakerChanged(e)
	case catalog.HookFailed, catalog.AttemptSucceeded, catalog.CallRejected, catalog.BulkheadFull,
		catalog.RateLimitHit, catalog.LimitReached, catalog.Throttled, catalog.Hedged,
		catalog.HealthFailed, catalog.ChannelTried, catalog.ChannelAccepted,
		catalog.ChannelFailed, catalog.ChannelSkipped, catalog.ChannelChanged, catalog.Spooled, catalog.SpoolFailed,
		catalog.FaultFired:
		// Guards and channels count these, or only the errors among them count.
	}
}

func (r *recorder) breakerChanged(e *workflow.Event) {
	name := catalog.Place(e.Place).Breaker()
	i := slices.IndexFunc(r.breakers, func(b report.Breaker) bool { return b.Name == name })
	if i < 0 {
		return
	}
	b, change := &r.breakers[i], transition(*e)
	b.State = change.To
	switch change.To {
	case catalog.Open:
		b.Opened++
	case catalog.HalfOpen:
		b.HalfOpened++
	case catalog.Closed:
		b.Closed++
	case catalog.BreakerOff: // no breaker becomes that
	}
	if len(b.Transitions) < maxTransitions {
		b.Transitions = append(b.Transitions, change)
	}
}

// transition reads a BreakerChanged event.
func transition(e workflow.Event) report.Transition {
	return report.Transition{
		AtMS: ms(e.At),
		From: catalog.BreakerState(e.From),
		To:   catalog.BreakerState(e.To),
	}
}

// keep puts the event into the timeline: as it is, or, once there are too many cycles to keep each event, into the
// summary alone.
func (r *recorder) keep(e *workflow.Event) {
	event := report.Event{
		AtMS:    ms(e.At),
		Cycle:   e.Cycle,
		Node:    catalog.Node(e.Node),
		Place:   catalog.Place(e.Place),
		Kind:    catalog.EventKind(e.Kind),
		Attempt: e.Attempt,
		Class:   errhandler.Class(e.Class),
		From:    e.From,
		To:      e.To,
		Count:   e.Count,
		Record:  e.Record,
		Detail:  e.Detail,
		WaitMS:  ms(e.Wait),
	}
	r.cycles = max(r.cycles, e.Cycle)
	if r.cycles <= report.MaxCycles {
		r.events = append(r.events, event)
		return
	}
	for _, kept := range r.events {
		r.summarise(kept)
	}
	r.events = nil
	r.summarise(event)
}

func (r *recorder) summarise(e report.Event) {
	for _, s := range r.summary {
		if s.Kind == e.Kind && s.Node == e.Node && s.Class == e.Class {
			s.Count++
			s.LastMS = e.AtMS
			return
		}
	}
	r.summary = append(r.summary, &report.EventSummary{
		Node:    e.Node,
		Kind:    e.Kind,
		Class:   e.Class,
		Count:   1,
		FirstMS: e.AtMS,
		LastMS:  e.AtMS,
	})
}

func (r *recorder) timeline() report.Timeline {
	t := report.Timeline{Events: r.events, Summary: []report.EventSummary{}}
	if t.Events == nil {
		t.Events = []report.Event{}
	}
	if r.cycles > report.MaxCycles {
		t.Summarised = true
		t.Note = fmt.Sprintf("more than %d cycles: events are summarised, not listed", report.MaxCycles)
		for _, s := range r.summary {
			t.Summary = append(t.Summary, *s)
		}
	}
	return t
}

func (r *recorder) node(name catalog.Node) *report.Node {
	for i := range r.nodes {
		if r.nodes[i].Name == name {
			return &r.nodes[i]
		}
	}
	return nil
}

// ms is a duration as reports write it: milliseconds, to the microsecond.
func ms(d time.Duration) float64 { return math.Round(float64(d)/1e3) / 1e3 }

func round(ms float64) float64 { return math.Round(ms*1e3) / 1e3 }
