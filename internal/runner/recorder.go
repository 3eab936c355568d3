package runner

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"faultflow/internal/errhandler"
	"faultflow/internal/nodes"
	"faultflow/internal/report"
	"faultflow/internal/resilience"
	"faultflow/internal/workflow"
)

// recorder makes everything that a report says about steps out of the run's event stream.
type recorder struct {
	nodes    []report.Node
	breakers []report.Breaker
	errors   report.Errors
	// light keeps no events, only what they add up to.
	light   bool
	events  []report.Event
	summary []*report.EventSummary
	// ran and attempts tell, for each of the first few cycles, which nodes ran and how many attempts were made: what a
	// drill wants to know.
	ran      map[cycleNode]bool
	attempts map[int]int
	cycles   int
	// failedAlone counts the records that failed without failing their batch.
	failedAlone int
}

type cycleNode struct {
	cycle int
	node  string
}

// maxTransitions bounds the changes that are kept of a breaker.
const maxTransitions = 1000

func newRecorder(graphNodes []string, light bool) *recorder {
	r := &recorder{light: light, ran: map[cycleNode]bool{}, attempts: map[int]int{}, errors: report.Errors{ByClass: map[errhandler.Class]int{}}}
	for _, name := range graphNodes {
		r.nodes = append(r.nodes, report.Node{Name: name, Hooks: map[string]int{}, Errors: map[errhandler.Class]int{}, Actions: map[string]int{}})
	}
	return r
}

// begin forgets the last run and gets ready for one with the named breakers.
func (r *recorder) begin(breakers []string) {
	for i, n := range r.nodes {
		clear(n.Hooks)
		clear(n.Errors)
		clear(n.Actions)
		r.nodes[i] = report.Node{Name: n.Name, Status: "not run", Hooks: n.Hooks, Errors: n.Errors, Actions: n.Actions}
	}
	r.breakers = r.breakers[:0]
	for _, name := range breakers {
		r.breakers = append(r.breakers, report.Breaker{Name: name, State: "closed", Transitions: []report.Transition{}})
	}
	clear(r.errors.ByClass)
	r.errors = report.Errors{ByClass: r.errors.ByClass}
	r.events, r.summary, r.cycles, r.failedAlone = nil, nil, 0, 0
	if !r.light {
		r.events = make([]report.Event, 0, 32)
	}
	clear(r.ran)
	clear(r.attempts)
}

// observe notes one event.
func (r *recorder) observe(e workflow.Event) {
	if !r.light {
		r.keep(e)
	}
	if n := r.node(e.Node); n != nil {
		r.note(n, e)
	}
	if e.Kind == resilience.BreakerChanged {
		r.breakerChanged(e)
	}
	if countsAsError(e) {
		r.errors.Total++
		r.errors.ByClass[errhandler.Class(e.Class)]++
		if e.Kind != workflow.NodeFailed {
			r.errors.Handled++
		}
	}
}

// countsAsError is true once for each error: a failed pass over the channels repeats what each channel said, and a
// node's end repeats its last attempt unless it failed outside of an attempt.
func countsAsError(e workflow.Event) bool {
	switch e.Kind {
	case resilience.AttemptFailed, resilience.AttemptTimedOut, resilience.CallRejected, resilience.BulkheadFull, resilience.RateLimitHit:
		return e.Place != nodes.DeliveryNode
	case nodes.HealthFailed, nodes.RecordFailed, nodes.ChannelFailed, nodes.SpoolFailed, workflow.HookFailed:
		return true
	case workflow.NodeFailed:
		return e.Attempt == 0
	}
	return false
}

func (r *recorder) note(n *report.Node, e workflow.Event) {
	switch e.Kind {
	case workflow.NodeStarted:
		n.Runs++
		n.Status = "ok"
		if e.Cycle <= drillClean {
			r.ran[cycleNode{e.Cycle, e.Node}] = true
		}
	case workflow.NodeDone:
		n.Actions[e.Detail]++
	case workflow.NodeFailed:
		n.Status = "error"
	case workflow.HookRan:
		n.Hooks[e.Detail]++
	case workflow.Recovered:
		n.Recovered++
		n.Status = "recovered"
	case workflow.FallbackUsed:
		n.Fallbacks++
		n.Status = "fallback"
	case resilience.AttemptStarted:
		n.Attempts++
		n.MaxTries = max(n.MaxTries, e.Attempt)
		if e.Cycle <= drillClean {
			r.attempts[e.Cycle]++
		}
	case resilience.Waiting:
		n.Waits++
		n.WaitMS = round(n.WaitMS + ms(e.Wait))
	case resilience.AttemptFailed, resilience.AttemptTimedOut:
		n.Failures++
	case nodes.RecordFailed:
		r.failedAlone++
	}
	if countsAsError(e) {
		n.Errors[errhandler.Class(e.Class)]++
	}
}

func (r *recorder) breakerChanged(e workflow.Event) {
	i := slices.IndexFunc(r.breakers, func(b report.Breaker) bool { return b.Name == breakerName(e.Place) })
	if i < 0 {
		return
	}
	b, change := &r.breakers[i], transition(e)
	b.State = change.To
	switch change.To {
	case "open":
		b.Opened++
	case "half-open":
		b.HalfOpened++
	case "closed":
		b.Closed++
	}
	if len(b.Transitions) < maxTransitions {
		b.Transitions = append(b.Transitions, change)
	}
}

// transition reads a BreakerChanged event.
func transition(e workflow.Event) report.Transition {
	from, to, _ := strings.Cut(e.Detail, " → ")
	return report.Transition{AtMS: ms(e.At), From: from, To: to}
}

// breakerName is how reports and expectations call a breaker: by its node where the node has but one.
func breakerName(place string) string {
	if place == nodes.PlaceFetch {
		return nodes.CollectorNode
	}
	return place
}

// keep puts the event into the timeline: as it is, or, once there are too many cycles to keep each event, into the
// summary alone.
func (r *recorder) keep(e workflow.Event) {
	event := report.Event{AtMS: ms(e.At), Cycle: e.Cycle, Node: e.Node, Place: e.Place, Kind: string(e.Kind),
		Attempt: e.Attempt, Class: e.Class, Detail: e.Detail, WaitMS: ms(e.Wait)}
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
	r.summary = append(r.summary, &report.EventSummary{Node: e.Node, Kind: e.Kind, Class: e.Class, Count: 1, FirstMS: e.AtMS, LastMS: e.AtMS})
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

func (r *recorder) node(name string) *report.Node {
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
