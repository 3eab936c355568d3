package nodes_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"faultflow/internal/channel"
	"faultflow/internal/errhandler"
	"faultflow/internal/nodes"
	"faultflow/internal/resilience"
	"faultflow/internal/simulate"
	"faultflow/internal/workflow"
)

// wanted is what a fault that hits every call of a place must show.
type wanted struct {
	// class of the error events at the place; "" if there are none, because nothing fails there.
	class errhandler.Class
	// dead is the class of the records that are given up at the place where the fault damaged them; "" for none.
	dead errhandler.Class
}

// expect is the table of the matrix: the class that a kind promises, but for the kinds whose harm comes another way.
func expect(kind simulate.Kind, place string) wanted {
	w := wanted{class: simulate.ClassOf(kind, place)}
	switch kind {
	case simulate.Slow: // so slow here that the limit ends it, which is the trouble of what was waited for
		w.class = map[string]errhandler.Class{
			nodes.PlaceHealth: errhandler.Network, nodes.PlaceFetch: errhandler.Network,
			nodes.PlaceBatch: errhandler.Processing, nodes.PlaceRecord: errhandler.Processing,
			nodes.PlaceSpool: errhandler.Storage,
		}[place]
		if w.class == "" {
			w.class = errhandler.Network // channels
		}
	case simulate.MissingFields, simulate.OutOfRange, simulate.DuplicateRecords:
		if place == nodes.PlaceFetch { // the fetch succeeds; some of its records are no good
			return wanted{dead: errhandler.Data}
		}
	case simulate.Partial:
		if place == nodes.PlaceFetch { // the fetch succeeds with fewer records
			return wanted{}
		}
	}
	if place == nodes.PlaceRecord {
		w.dead = w.class
	}
	return w
}

// errorsAt are the events by which errors at a place become known.
func errorsAt(place string, kind simulate.Kind) (where string, kinds []workflow.Kind) {
	attempts := []workflow.Kind{resilience.AttemptFailed, resilience.AttemptTimedOut}
	switch place {
	case nodes.PlaceHealth:
		return place, []workflow.Kind{nodes.HealthFailed}
	case nodes.PlaceFetch:
		return place, attempts
	case nodes.PlaceBatch:
		if kind == simulate.Partial { // the attempt succeeds, but not for every record
			return nodes.PlaceRecord, []workflow.Kind{nodes.RecordFailed}
		}
		return nodes.ProcessorNode, attempts
	case nodes.PlaceRecord:
		return place, []workflow.Kind{nodes.RecordFailed}
	case nodes.PlaceSpool:
		return place, []workflow.Kind{nodes.SpoolFailed}
	}
	return place, []workflow.Kind{nodes.ChannelFailed}
}

// Every kind of fault, hitting every call at every place where it applies, in both graphs, with and without breakers: the
// cycles end, no record is lost (run checks that), and the error events say what class of trouble it was.
func TestEveryFaultAtEveryPlace(t *testing.T) {
	for _, place := range simulate.Places(channel.DefaultChannels()) {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			for _, kind := range simulate.Kinds(place) {
				for _, recoveryGraph := range []bool{false, true} {
					for _, breaker := range []bool{false, true} {
						forceFault(t, kind, place, recoveryGraph, breaker)
					}
				}
			}
		})
	}
}

// alternatives are tried one after the other.
var alternatives = []string{nodes.ChannelPlace("primary"), nodes.ChannelPlace("secondary"), nodes.ChannelPlace("backup"), nodes.PlaceSpool}

func forceFault(t *testing.T, kind simulate.Kind, place string, recoveryGraph, breaker bool) {
	t.Helper()
	name := fmt.Sprintf("%s at %s, recovery graph %v, breaker %v", kind, place, recoveryGraph, breaker)
	f := simulate.Fault{Place: place, Kinds: []simulate.Kind{kind}}
	switch kind {
	case simulate.Slow:
		f.Params.By = time.Hour
	case simulate.Flapping:
		f.Params.Period = 200 * time.Hour // down from hour 100 on, which is when the run starts
	}
	all := []simulate.Fault{f}
	if slices.Contains(alternatives, place) { // the channels before it must refuse, or it is never called
		for _, before := range alternatives[:slices.Index(alternatives, place)] {
			all = append(all, fault(t, before+"=connection_refused"))
		}
	}
	o := setup{seed: 3, faults: all, cycles: 3, start: 100 * time.Hour, interval: 40 * time.Second,
		change: func(s *nodes.Settings) {
			s.RecoveryGraph, s.BatchSize = recoveryGraph, 8
			for _, p := range []*resilience.Policy{&s.Collector, &s.Processor, &s.Delivery} {
				p.Breaker = resilience.Breaker{On: breaker, Failures: 2, OpenFor: time.Hour, TrialCalls: 1}
			}
		}}.run(t)
	if o.plan.Counts()[0].Fired == 0 {
		t.Errorf("%s: never fired", name)
	}
	where, kinds := errorsAt(place, kind)
	want, failures := expect(kind, place), 0
	for _, e := range o.events {
		if e.Place != where || !slices.Contains(kinds, e.Kind) {
			continue
		}
		if breaker && e.Class == string(errhandler.Degradation) && strings.Contains(e.Detail, resilience.ErrBreakerOpen.Error()) {
			continue // an open breaker instead of the fault
		}
		failures++
		if e.Class != string(want.class) {
			t.Errorf("%s: %s of class %q, want %q: %s", name, e.Kind, e.Class, want.class, e.Detail)
		}
	}
	if (failures > 0) != (want.class != "") {
		t.Errorf("%s: %d error events at %s, want class %q", name, failures, where, want.class)
	}
	for _, c := range o.cycles {
		checkForced(t, name, place, want, recoveryGraph, c)
	}
}

// checkForced looks at what a cycle came to: only a spool that fails after all channels makes a run fail.
func checkForced(t *testing.T, name, place string, want wanted, recoveryGraph bool, c *cycle) {
	t.Helper()
	if wantFailed := place == nodes.PlaceSpool; (c.verdict == errhandler.Failed) != wantFailed {
		t.Errorf("%s: cycle %d: verdict %s", name, c.Cycle, c.verdict)
	}
	dead := map[errhandler.Class]int{}
	for _, l := range c.books.dead {
		dead[l.Class]++
	}
	if want.dead != "" && dead[want.dead] == 0 {
		t.Errorf("%s: cycle %d: dead letters %v, want some of class %s", name, c.Cycle, c.books.deadBy(), want.dead)
	}
	if place == nodes.PlaceRecord {
		// All records failed alone: the recovery graph saves the first five of them.
		saved := 0
		if recoveryGraph {
			saved = nodes.PartialRecords
		}
		if len(c.books.delivered) != saved || len(c.books.dead) != 8-saved {
			t.Errorf("%s: cycle %d: %d delivered, %v", name, c.Cycle, len(c.books.delivered), c.books.deadBy())
		}
	}
}
