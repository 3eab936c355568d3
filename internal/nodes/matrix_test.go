package nodes_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/fault"
	"faultflow/internal/nodes"
	"faultflow/internal/resilience"
	"faultflow/internal/settings"
)

// wanted is what a fault that hits every call of a place must show.
type wanted struct {
	// class of the error events at the place; "" if there are none, because nothing fails there.
	class errhandler.Class
	// dead is the class of the records that are given up at the place where the fault damaged them; "" for none.
	dead errhandler.Class
}

// expect is the table of the matrix: the class that a kind promises, but for the kinds whose harm comes another way.
func expect(kind fault.Kind, place catalog.Place) wanted {
	w := wanted{class: fault.ClassOf(kind, place)}
	switch kind {
	case fault.Slow: // so slow here that the limit ends it, which is the trouble of what was waited for
		w.class = map[catalog.Place]errhandler.Class{
			catalog.PlaceHealth: errhandler.Network, catalog.PlaceFetch: errhandler.Network,
			catalog.PlaceBatch: errhandler.Processing, catalog.PlaceRecord: errhandler.Processing,
			catalog.PlaceSpool: errhandler.Storage,
		}[place]
		if w.class == "" {
			w.class = errhandler.Network // channels
		}
	case fault.MissingFields, fault.OutOfRange, fault.DuplicateRecords:
		if place == catalog.PlaceFetch { // the fetch succeeds; some of its records are no good
			return wanted{dead: errhandler.Data}
		}
	case fault.Partial:
		if place == catalog.PlaceFetch { // the fetch succeeds with fewer records
			return wanted{}
		}
	}
	if place == catalog.PlaceRecord {
		w.dead = w.class
	}
	return w
}

// errorsAt are the events by which errors at a place become known.
func errorsAt(place catalog.Place, kind fault.Kind) (where catalog.Place, kinds []catalog.EventKind) {
	attempts := []catalog.EventKind{catalog.AttemptFailed, catalog.AttemptTimedOut}
	switch place {
	case catalog.PlaceHealth:
		return place, []catalog.EventKind{catalog.HealthFailed}
	case catalog.PlaceFetch:
		return place, attempts
	case catalog.PlaceBatch:
		if kind == fault.Partial { // the attempt succeeds, but not for every record
			return catalog.PlaceRecord, []catalog.EventKind{catalog.RecordFailed}
		}
		return catalog.Place(catalog.Processor), attempts
	case catalog.PlaceRecord:
		return place, []catalog.EventKind{catalog.RecordFailed}
	case catalog.PlaceSpool:
		return place, []catalog.EventKind{catalog.SpoolFailed}
	}
	return place, []catalog.EventKind{catalog.ChannelFailed}
}

// Every kind of fault, hitting every call at every place where it applies, in both graphs, with and without breakers:
// the cycles end, no record is lost (run checks that), and the error events say what class of trouble it was.
func TestEveryFaultAtEveryPlace(t *testing.T) {
	for _, place := range catalog.Places(catalog.DefaultChannels()) {
		t.Run(string(place), func(t *testing.T) {
			t.Parallel()
			for _, kind := range fault.KindsAt(place) {
				if fault.Throttles(kind) {
					continue // of a capacity, which the place does not have here
				}
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
var alternatives = []catalog.Place{
	catalog.ChannelPlace("primary"), catalog.ChannelPlace("secondary"), catalog.ChannelPlace("backup"),
	catalog.PlaceSpool,
}

func forceFault(t *testing.T, kind fault.Kind, place catalog.Place, recoveryGraph, breaker bool) {
	t.Helper()
	name := fmt.Sprintf("%s at %s, recovery graph %v, breaker %v", kind, place, recoveryGraph, breaker)
	f := fault.Fault{Place: place, Kinds: []fault.Kind{kind}}
	switch kind {
	case fault.Slow:
		f.Params.By = time.Hour
	case fault.Flapping:
		f.Params.Period = 200 * time.Hour // down from hour 100 on, which is when the run starts
	}
	all := []fault.Fault{f}
	if slices.Contains(alternatives, place) { // the channels before it must refuse, or it is never called
		for _, before := range alternatives[:slices.Index(alternatives, place)] {
			all = append(all, aFault(t, string(before)+"=connection_refused"))
		}
	}
	o := setup{seed: 3, faults: all, cycles: 3, start: 100 * time.Hour, interval: 40 * time.Second,
		change: func(s *inputs) {
			s.Graph, s.BatchSize = graphOf(recoveryGraph), 8
			for _, p := range []*settings.Policy{&s.Collector, &s.Processor, &s.Delivery} {
				p.Breaker, p.BreakerFailures, p.BreakerOpenFor = breaker, 2, time.Hour
			}
		}}.run(t)
	if o.plan.Counts()[0].Fired == 0 {
		t.Errorf("%s: never fired", name)
	}
	where, kinds := errorsAt(place, kind)
	want, failures := expect(kind, place), 0
	for _, e := range o.events {
		if e.Place != string(where) || !slices.Contains(kinds, catalog.EventKind(e.Kind)) {
			continue
		}
		if breaker && e.Class == string(errhandler.Degradation) &&
			strings.Contains(e.Detail, resilience.ErrBreakerOpen.Error()) {
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
func checkForced(t *testing.T, name string, place catalog.Place, want wanted, recoveryGraph bool, c *cycle) {
	t.Helper()
	if wantFailed := place == catalog.PlaceSpool; (c.verdict == catalog.Failed) != wantFailed {
		t.Errorf("%s: cycle %d: verdict %s", name, c.Cycle, c.verdict)
	}
	dead := map[errhandler.Class]int{}
	for _, l := range c.ledger.dead {
		dead[l.Class]++
	}
	if want.dead != "" && dead[want.dead] == 0 {
		t.Errorf("%s: cycle %d: dead letters %v, want some of class %s", name, c.Cycle, c.ledger.deadBy(), want.dead)
	}
	if place == catalog.PlaceRecord {
		// All records failed alone: the recovery graph saves the first five of them.
		saved := 0
		if recoveryGraph {
			saved = nodes.PartialRecords
		}
		if len(c.ledger.delivered) != saved || len(c.ledger.dead) != 8-saved {
			t.Errorf("%s: cycle %d: %d delivered, %v", name, c.Cycle, len(c.ledger.delivered), c.ledger.deadBy())
		}
	}
}
