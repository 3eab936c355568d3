package nodes_test

import (
	"slices"
	"strings"
	"testing"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/nodes"
	"faultflow/internal/settings"
)

// The tests of this file are named after the defects of the original that concern nodes (the list at the end of
// docs/original.md). Each fails if its defect comes back.

// Of the original's network runs 6.9 % end in an unhandled error. Here none does, whatever the seed: the graph handles
// every error, of the profiles and of a source that panics at every call.
func TestDefect1_ItCrashes(t *testing.T) {
	for _, name := range fault.Profiles() {
		for seed := range uint64(100) {
			profile, err := fault.NewProfile(name, catalog.DefaultChannels(), draws(seed))
			if err != nil {
				t.Fatal(err)
			}
			o := setup{seed: seed, faults: profile.Faults, change: func(s *inputs) {
				s.Collector.Breaker = profile.Breaker
			}}.run(t)
			if last := o.visited(1); len(last) == 0 || last[len(last)-1] != catalog.ErrorHandler {
				t.Fatalf("%s, seed %d: ended after %v", name, seed, last)
			}
		}
	}
	all := faults(t, "collector.health=panic", "collector.fetch=panic", "processor.batch=panic,p=0.5", "processor.record=panic,p=0.5",
		"delivery.primary=panic", "delivery.secondary=panic", "delivery.backup=panic", "delivery.spool=panic")
	o := setup{faults: all, cycles: 3}.run(t)
	for _, c := range o.cycles {
		if c.verdict != catalog.Failed || len(c.ledger.dead) != 10 {
			t.Errorf("cycle %d: verdict %s, %d dead letters", c.Cycle, c.verdict, len(c.ledger.dead))
		}
	}
}

// In the original three attempts open the breaker exactly when attempts run out, and the cache is never used. Here it
// is, with a breaker and without, in both graphs, because a cycle before has filled it.
func TestDefect2_CacheFallbackNeverRuns(t *testing.T) {
	for _, recoveryGraph := range []bool{false, true} {
		for _, breaker := range []bool{false, true} {
			o := setup{cycles: 3, faults: faults(t, "collector.fetch=connection_refused,cycles=2-3"),
				change: func(s *inputs) {
					s.Graph, s.Collector.Breaker = graphOf(recoveryGraph), breaker
				}}.run(t)
			for _, c := range o.cycles[1:] {
				if c.Outcome.Origin != catalog.FromFreshCache || len(c.ledger.delivered) != 30 ||
					c.verdict != catalog.Degraded {
					t.Errorf("breaker %v, cycle %d: %d records from %s, verdict %s",
						breaker, c.Cycle, len(c.ledger.delivered), c.Outcome.Origin, c.verdict)
				}
			}
			if rejected := len(o.find(catalog.CallRejected)); (rejected > 0) != breaker {
				t.Errorf("breaker %v: %d rejections", breaker, rejected)
			}
		}
	}
	// A single run has no cache: default data then, not nothing.
	o := setup{faults: faults(t, "collector.fetch=connection_refused")}.run(t)
	if got := o.cycles[0].Outcome.Origin; got != catalog.FromDefault {
		t.Errorf("a single run falls back to %s", got)
	}
}

// In the original a handled error stops the graph. Here a node whose error OnError handled goes on through Post, and
// delivery and the error handler run.
func TestDefect3_HandledErrorsStopTheGraph(t *testing.T) {
	o := setup{faults: faults(t, "processor.batch=error")}.run(t)
	if handled := o.find(catalog.Recovered); len(handled) != 1 || handled[0].Node != string(catalog.Processor) {
		t.Fatalf("handled errors: %v", handled)
	}
	want := []catalog.Node{catalog.Collector, catalog.Processor, catalog.Delivery, catalog.ErrorHandler}
	if got := o.visited(1); !slices.Equal(got, want) {
		t.Errorf("the cycle visits %v, want %v", got, want)
	}
	if c := o.cycles[0]; c.Status != catalog.Delivered || c.verdict != catalog.Degraded ||
		len(c.ledger.delivered) != 15 {
		t.Errorf("delivery %s, verdict %s, %d delivered", c.Status, c.verdict, len(c.ledger.delivered))
	}
}

// In the original the fallback keeps 10 of 30 records, the other 20 are gone, and the verdict is success. Here they are
// dead letters with their reason, and any mode but normal makes the run degraded.
func TestDefect5_DataVanishesUnderAGreenTick(t *testing.T) {
	for spec, kept := range map[string]int{"processor.batch=out_of_memory": 10, "processor.batch=error": 15} {
		c := setup{faults: faults(t, spec)}.run(t).cycles[0]
		if len(c.ledger.delivered) != kept || len(c.ledger.dead) != 30-kept || c.verdict != catalog.Degraded {
			t.Errorf("%s: %d delivered, %d dead letters, verdict %s",
				spec, len(c.ledger.delivered), len(c.ledger.dead), c.verdict)
		}
		for _, l := range c.ledger.dead {
			if !strings.HasPrefix(l.Reason, "left out by") || l.Record.ID == "" {
				t.Errorf("%s: dead letter %+v", spec, l)
			}
		}
	}
}

// In the original the emergency file is never written, and the nodes of the recovery graph fail on a missing import.
// Here the spool takes what no channel took, and each of the three nodes leads back to the main line.
func TestDefect6_EmergencyFileNeverWritten(t *testing.T) {
	for _, recoveryGraph := range []bool{false, true} {
		spool := &keeping{}
		o := setup{faults: faults(t, "delivery.primary=disk_full", "delivery.secondary=locked", "delivery.backup=permission_denied"),
			change: func(s *inputs) { s.Graph, s.Parts.Spool = graphOf(recoveryGraph), spool }}.run(t)
		c := o.cycles[0]
		if len(spool.kept) != 1 || len(spool.kept[0].Records) != 30 || c.Status != catalog.DeliveredToSpool ||
			c.verdict != catalog.Degraded {
			t.Errorf("recovery graph %v: %d batches spooled, delivery %s, verdict %s",
				recoveryGraph, len(spool.kept), c.Status, c.verdict)
		}
	}
	o := setup{faults: faults(t, "collector.fetch=hang", "processor.batch=panic", "delivery.primary=hang", "delivery.secondary=panic", "delivery.backup=locked"),
		change: func(s *inputs) { s.Graph = settings.GraphRecovery }}.run(t)
	want := []catalog.Node{catalog.Collector, catalog.FallbackData, catalog.Processor, catalog.PartialProcessing,
		catalog.Delivery, catalog.AlternateDelivery, catalog.ErrorHandler}
	if got := o.visited(1); !slices.Equal(got, want) {
		t.Errorf("the cycle visits %v, want %v", got, want)
	}
	c := o.cycles[0]
	if c.Outcome.Origin != catalog.FromDefault || len(c.ledger.spooled) != nodes.PartialRecords ||
		len(c.ledger.dead) != 5 || len(c.Outcome.Errors) != 0 {
		t.Errorf("outcome %+v, %d spooled, %d dead", c.Outcome, len(c.ledger.spooled), len(c.ledger.dead))
	}
}
