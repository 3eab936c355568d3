package runner

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/nodes"
	"faultflow/internal/report"
	"faultflow/internal/resilience"
	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

// What a dependency got is compared with what it would have got had nothing failed. Cycles that had nothing to process
// or to deliver ask for nothing, so that they must not make a load look smaller than it was.
func TestAmplificationCountsWhatWasAskedFor(t *testing.T) {
	r := &run{settings: settings.Defaults(), count: 10, totals: newTotals()}
	r.totals.processing.Modes[catalog.ModeNone], r.totals.processing.Modes[catalog.ModeNormal] = 4, 6
	r.totals.processing.In, r.totals.deliveries = 120, 5
	loads := []nodes.Load{
		{Place: catalog.PlaceHealth, Stats: resilience.Stats{Calls: 10}},
		{Place: catalog.PlaceFetch, Stats: resilience.Stats{Calls: 15}},
		{Place: catalog.PlaceBatch, Stats: resilience.Stats{Calls: 9}},
		{Place: catalog.PlaceRecord, Stats: resilience.Stats{Calls: 130}},
		{Place: "delivery.primary", Stats: resilience.Stats{Calls: 8}},
		{Place: "delivery.secondary", Stats: resilience.Stats{Calls: 3}},
	}
	want := []report.Amplification{
		{Place: catalog.PlaceHealth, Calls: 10, Units: 10, Factor: 1, PerRecord: 0.05},
		{Place: catalog.PlaceFetch, Calls: 15, Units: 10, Factor: 1.5, PerRecord: 0.075},
		{Place: catalog.PlaceBatch, Calls: 9, Units: 6, Factor: 1.5, PerRecord: 0.045},
		{Place: catalog.PlaceRecord, Calls: 130, Units: 120, Factor: 1.083, PerRecord: 0.65},
		{Place: "delivery.primary", Calls: 8, Units: 5, Factor: 1.6, PerRecord: 0.04},
		{Place: "delivery.secondary", Calls: 3, PerRecord: 0.015}, // only asked when another has failed
	}
	if got := r.amplification(loads, 200); !slices.Equal(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	for _, a := range r.amplification(loads, 0) {
		if a.PerRecord != 0 {
			t.Errorf("%s has %v calls a record, of none", a.Place, a.PerRecord)
		}
	}
}

// The same, of a whole run whose first two cycles get no records.
func TestAmplificationOfCyclesWithoutRecords(t *testing.T) {
	r := virtual(t, func(s *settings.Settings) {
		s.Cycles, s.Fallback, s.Faults = 4, false, mustFaults(t, "collector.fetch=http_500,cycles=1-2",
			"delivery.primary=http_503,calls=1")
	})
	want := map[catalog.Place][2]int64{ // calls, units
		catalog.PlaceHealth: {4, 4}, catalog.PlaceFetch: {2*int64(r.Settings.Collector.Attempts) + 2, 4},
		catalog.PlaceBatch: {2, 2}, "delivery.primary": {1, 2}, // it failed, and was left out the next time
	}
	for _, a := range r.Amplification {
		if w, ok := want[a.Place]; ok &&
			(a.Calls != w[0] || a.Units != w[1] || a.Factor != round(float64(w[0])/float64(w[1]))) {
			t.Errorf("%+v, want %d calls for %d", a, w[0], w[1])
		}
	}
}

// A finding says in how many cycles it came up, and in which first: who reads it looks there. Its message is the first
// one's.
func TestFindingsAreCounted(t *testing.T) {
	r := virtual(t, func(s *settings.Settings) {
		s.Cycles, s.Faults = 6, mustFaults(t, "processor.batch=out_of_memory,cycles=3+5-6")
	})
	if f := finding(r, catalog.FallbackProcessing); f == nil || f.Count != 3 || f.FirstCycle != 3 {
		t.Errorf("%+v, want it 3 times, first in cycle 3", f)
	}
	bare := new(run)
	bare.find(catalog.DefaultDataUsed, "first", 2)
	bare.find(catalog.LowSuccess, "other", 3)
	bare.find(catalog.DefaultDataUsed, "second", 4)
	if f := bare.findings; len(f) != 2 || f[0].Count != 2 || f[0].FirstCycle != 2 || f[0].Message != "first" ||
		f[1].Count != 1 || f[1].FirstCycle != 3 {
		t.Errorf("%+v", f)
	}
}

// Each error counts once, where it happened, and as handled unless it ended its node. What only repeats another error
// does not count.
func TestErrorsAreCountedOnce(t *testing.T) {
	r := newRecorder([]string{"collector", "delivery"}, nil, true)
	for _, e := range []struct {
		kind        catalog.EventKind
		node, place string
		attempt     int
		class       errhandler.Class
	}{
		{catalog.AttemptFailed, "collector", "collector.fetch", 1, errhandler.Network},
		{catalog.AttemptTimedOut, "collector", "collector.fetch", 2, errhandler.Network},
		{catalog.NodeFailed, "collector", "", 2, errhandler.Network}, // repeats its last attempt
		{catalog.NodeFailed, "collector", "", 0, errhandler.Internal},
		{catalog.ChannelFailed, "delivery", "delivery.primary", 0, errhandler.Storage},
		{catalog.AttemptFailed, "delivery", "delivery", 1, errhandler.Storage}, // repeats its channels
		{catalog.AttemptSucceeded, "delivery", "delivery.primary", 1, ""},
	} {
		r.observe(workflow.Event{
			Kind: workflow.Kind(e.kind), Node: e.node, Place: e.place, Attempt: e.attempt, Class: string(e.class),
		})
	}
	if r.errors.Total != 4 || r.errors.Handled != 3 {
		t.Errorf("%d errors, %d handled; want 4, of which 3", r.errors.Total, r.errors.Handled)
	}
	want := map[errhandler.Class]int{errhandler.Network: 2, errhandler.Internal: 1, errhandler.Storage: 1}
	if fmt.Sprint(r.errors.ByClass) != fmt.Sprint(want) || r.node("collector").Errors[errhandler.Network] != 2 {
		t.Errorf("by class %v, of the collector %v", r.errors.ByClass, r.node("collector").Errors)
	}
}

// A run as long as its input ends if the input can't be read: after 10 cycles in a row that got nothing, and not before
// two minutes, in which a breaker would have tried again. One cycle that reads something makes the count begin anew.
func TestRunThatCannotReadItsInputEnds(t *testing.T) {
	for _, test := range []struct {
		name, broken string
		interval     time.Duration
		count        int // of cycles
		stalled      bool
	}{
		{"rare cycles", "", time.Hour, 10, true},
		{"frequent cycles", "", 10 * time.Second, 13, true}, // the 13th begins after two minutes
		{"read once in ten", ",cycles=1-9+11-19+21-29", time.Hour, 30, false},
		{"read, then never again", ",cycles=2-99", time.Hour, 11, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := settings.Defaults()
			s.Clock, s.Input, s.InputFormat, s.BatchSize = settings.ClockVirtual, "-", settings.FormatNDJSON, 1
			s.Collector.Attempts, s.Interval = 1, test.interval
			s.Faults = mustFaults(t, "collector.fetch=http_500"+test.broken)
			rows := strings.Repeat(`{"id":"a","value":1}`+"\n", 3)
			rep, err := Run(context.Background(), s, Environment{Stdin: bytes.NewReader([]byte(rows))})
			if err != nil {
				t.Fatal(err)
			}
			if f := finding(rep, catalog.InputUnread); (f != nil) != test.stalled || rep.Cycles.Count != test.count {
				t.Errorf("%d cycles, finding %+v; want %d, stalled: %t", rep.Cycles.Count, f, test.count, test.stalled)
			}
		})
	}
}

// Who watches a run is told how each cycle ended, also of those that the report does not list.
func TestEveryEndOfACycleIsTold(t *testing.T) {
	s := settings.Defaults()
	s.Clock, s.Cycles, s.Interval = settings.ClockVirtual, report.MaxCycles+5, 0
	s.Faults = mustFaults(t, "collector.fetch=http_500,cycles=2")
	var told []report.Cycle
	rep, err := Run(context.Background(), s, Environment{EndCycle: func(c report.Cycle) { told = append(told, c) }})
	if err != nil {
		t.Fatal(err)
	}
	if len(told) != s.Cycles || !slices.Equal(told[:report.MaxCycles], rep.Cycles.List) {
		t.Errorf("told of %d cycles, want %d, of which the report lists %d", len(told), s.Cycles, len(rep.Cycles.List))
	}
	if told[1].Verdict != catalog.Degraded {
		t.Errorf("the second cycle was %s", told[1].Verdict)
	}
}
