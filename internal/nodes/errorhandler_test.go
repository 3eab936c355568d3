package nodes_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/nodes"
	"faultflow/internal/workflow"
)

// everyNode makes a cycle of the recovery graph visit all its nodes.
func everyNode(t *testing.T) []fault.Fault {
	return faults(t, "collector.fetch=http_500", "processor.batch=error",
		"delivery.primary=ack_lost", "delivery.secondary=disk_full", "delivery.backup=disk_full")
}

// panicHook panics in one phase of one node.
func panicHook(node catalog.Node, phase workflow.Phase) workflow.Hooks[*nodes.State] {
	explode := func(at workflow.Phase) func(context.Context, string, *nodes.State) {
		return func(_ context.Context, here string, _ *nodes.State) {
			if here == string(node) && at == phase {
				panic("hook of " + string(node))
			}
		}
	}
	return workflow.Hooks[*nodes.State]{
		BeforePrep: explode(workflow.PhaseBeforePrep),
		AfterExec:  explode(workflow.PhaseAfterExec),
		OnError: func(_ context.Context, here string, _ *nodes.State, _ error) {
			if here == string(node) && phase == "on_error" {
				panic("hook of " + string(node))
			}
		},
	}
}

// A hook from outside that panics, in any phase of any node, costs no record: run checks that every one of them ends
// somewhere. The run goes on to the error handler, which says so.
func TestPanickingHooksLoseNothing(t *testing.T) {
	for _, node := range catalog.Nodes() {
		for _, phase := range []workflow.Phase{workflow.PhaseBeforePrep, workflow.PhaseAfterExec, "on_error"} {
			for _, recoveryGraph := range []bool{false, true} {
				for _, broken := range []bool{false, true} {
					name := fmt.Sprintf("%s %s, recovery graph %v, broken %v", node, phase, recoveryGraph, broken)
					s := setup{cycles: 2, interval: time.Second, change: func(s *inputs) {
						s.Graph, s.BatchSize = graphOf(recoveryGraph), 12
					}, hooks: func(func()) workflow.Hooks[*nodes.State] { return panicHook(node, phase) }}
					if broken {
						s.faults = everyNode(t)
					}
					o := s.run(t)
					for _, c := range o.cycles {
						visited := o.visited(c.Cycle)
						if last := visited[len(visited)-1]; last != catalog.ErrorHandler {
							t.Errorf("%s: ended at %s", name, last)
						}
						if phase != "on_error" && slices.Contains(c.codes(), "node_error") != slices.Contains(visited, node) {
							t.Errorf("%s: nodes %v, findings %v", name, visited, c.codes())
						}
					}
					failing := node == catalog.Collector || node == catalog.Processor || node == catalog.Delivery
					if phase == "on_error" && broken && failing && len(o.find(catalog.HookFailed)) == 0 {
						t.Errorf("%s: the hook never ran", name)
					}
				}
			}
		}
	}
}

// What a failed node held is given up with that node's error, if it was not processed yet; else it goes to the spool.
func TestFailedNodesHandOver(t *testing.T) {
	tests := []struct {
		node    catalog.Node
		phase   workflow.Phase
		dead    int
		spooled int
		sent    int
		status  catalog.DeliveryStatus
	}{
		{catalog.Collector, workflow.PhaseBeforePrep, 0, 0, 0, catalog.NothingToDeliver}, // nothing was fetched
		{catalog.Collector, workflow.PhaseAfterExec, 12, 0, 0, catalog.NothingToDeliver},
		{catalog.Processor, workflow.PhaseBeforePrep, 12, 0, 0, catalog.NothingToDeliver},
		{catalog.Processor, workflow.PhaseAfterExec, 12, 0, 0, catalog.NothingToDeliver},
		{catalog.Delivery, workflow.PhaseBeforePrep, 0, 12, 0, catalog.DeliveredToSpool},
		{catalog.Delivery, workflow.PhaseAfterExec, 0, 0, 12, catalog.Delivered}, // they had been delivered
		{catalog.ErrorHandler, workflow.PhaseBeforePrep, 0, 0, 12, catalog.Delivered},
		{catalog.ErrorHandler, workflow.PhaseAfterExec, 0, 0, 12, catalog.Delivered},
	}
	for _, test := range tests {
		o := setup{change: func(s *inputs) { s.BatchSize = 12 },
			hooks: func(func()) workflow.Hooks[*nodes.State] { return panicHook(test.node, test.phase) }}.run(t)
		c := o.cycles[0]
		if len(c.ledger.dead) != test.dead || len(c.ledger.spooled) != test.spooled ||
			len(c.ledger.delivered) != test.sent || c.Status != test.status {
			t.Errorf("%s %s: %d dead, %d spooled, %d delivered, status %s",
				test.node, test.phase, len(c.ledger.dead), len(c.ledger.spooled), len(c.ledger.delivered), c.Status)
		}
		want := fmt.Sprintf("errorhandler internal: panic: hook of %s", test.node)
		if got := c.ledger.deadBy(); test.dead > 0 && got[want] != test.dead {
			t.Errorf("%s %s: dead letters %v, want %s", test.node, test.phase, got, want)
		}
		if len(c.Outcome.Errors) != 1 ||
			!strings.HasSuffix(c.Outcome.Errors[0].Error(), ": panic: hook of "+string(test.node)) {
			t.Errorf("%s %s: errors %v", test.node, test.phase, c.Outcome.Errors)
		}
	}
}

// The error handler settles each record once, even if it has to begin again because a hook of its own failed.
func TestErrorHandlerSettlesOnce(t *testing.T) {
	o := setup{faults: faults(t, "processor.batch=error"), change: func(s *inputs) { s.Recovery = false },
		hooks: func(func()) workflow.Hooks[*nodes.State] {
			return panicHook(catalog.ErrorHandler, workflow.PhaseAfterExec)
		}}.run(t)
	if c := o.cycles[0]; len(c.ledger.dead) != 30 || c.Outcome.Abandoned != 30 || len(c.Outcome.Errors) != 2 {
		t.Errorf("%d dead letters, outcome %+v", len(c.ledger.dead), c.Outcome)
	}
}

// A run that is interrupted as a node begins drains what is in flight into the spool, processed or not, and blames no
// one: not the channels, and not the error handler's list of errors.
func TestCancellationInEachNode(t *testing.T) {
	for _, recoveryGraph := range []bool{false, true} {
		for _, broken := range []bool{false, true} {
			for _, node := range catalog.Nodes() {
				s := setup{cycles: 3, change: func(s *inputs) { s.Graph, s.BatchSize = graphOf(recoveryGraph), 12 },
					hooks: func(cancel func()) workflow.Hooks[*nodes.State] {
						return workflow.Hooks[*nodes.State]{BeforePrep: func(_ context.Context, here string, _ *nodes.State) {
							if here == string(node) {
								cancel()
							}
						}}
					}}
				if broken {
					s.faults = everyNode(t)
				}
				o := s.run(t)
				name := fmt.Sprintf("%s, recovery graph %v, broken %v", node, recoveryGraph, broken)
				c := o.cycles[len(o.cycles)-1]
				if !slices.Contains(o.visited(1), node) {
					continue // this graph has no such node, or it was not needed
				}
				if len(o.cycles) != 1 || !c.Outcome.Cancelled || !slices.Contains(c.codes(), "interrupted") ||
					c.verdict != catalog.Degraded || len(c.Outcome.Errors) != 0 {
					t.Errorf("%s: %d cycles, verdict %s, findings %v, errors %v",
						name, len(o.cycles), c.verdict, c.codes(), c.Outcome.Errors)
				}
				if len(c.ledger.dead) != 0 && !broken {
					t.Errorf("%s: dead letters %v", name, c.ledger.deadBy())
				}
				for _, e := range o.find(catalog.AttemptSucceeded) {
					if e.Node == string(node) {
						t.Errorf("%s: an attempt succeeded after the interruption: %v", name, e)
					}
				}
				for _, ch := range o.pipeline.Channels() {
					if !broken && (ch.Failed != 0 || ch.Health != catalog.Healthy) {
						t.Errorf("%s: channel %+v", name, ch)
					}
				}
			}
		}
	}
}

// Wherever in time the interruption comes, the records in flight are spooled as far as they are: unprocessed before
// processing has ended, processed after it.
func TestCancellationAtAnyTime(t *testing.T) {
	whole := setup{seed: 5}.run(t)
	at := func(i int) time.Duration { return whole.find(catalog.NodeStarted)[i].At }
	processing, delivery, end := at(1), at(2), at(3)
	for i := range 120 {
		when := time.Duration(float64(end) * (float64(i) + 0.5) / 120)
		o := setup{seed: 5, cancelAt: when}.run(t)
		c := o.cycles[0]
		wantSpooled, wantMode := 0, catalog.Mode("")
		switch {
		case when > delivery:
			wantSpooled, wantMode = 30, catalog.ModeNormal
		case when > processing:
			wantSpooled = 30
		}
		if len(c.ledger.spooled) != wantSpooled || len(c.ledger.dead) != 0 || len(c.ledger.delivered) != 0 {
			t.Fatalf("at %v: %d spooled, %d dead, %d delivered; want %d spooled",
				when, len(c.ledger.spooled), len(c.ledger.dead), len(c.ledger.delivered), wantSpooled)
		}
		for _, r := range c.ledger.spooled {
			if r.Mode != wantMode {
				t.Fatalf("at %v: a record of mode %q was spooled, want %q", when, r.Mode, wantMode)
			}
		}
		if o.took != when || c.verdict != catalog.Degraded ||
			c.Outcome.PossibleDuplicates != wantSpooled*boolToInt(when > delivery) {
			t.Errorf("at %v: ended at %v, verdict %s, %d possible duplicates",
				when, o.took, c.verdict, c.Outcome.PossibleDuplicates)
		}
		if c.Outcome.Unhealthy != "" || len(o.find(catalog.HealthFailed)) != 0 {
			t.Errorf("at %v: the interruption counts as a failed health check", when)
		}
		for _, ch := range o.pipeline.Channels() {
			if ch.Failed != 0 || ch.Health != catalog.Healthy || ch.Name != "primary" && ch.Tried != 0 {
				t.Errorf("at %v: channel %+v", when, ch)
			}
		}
	}
}

// Rows that a source hands out in spite of the interruption are not lost either.
func TestCancellationDuringALateFetch(t *testing.T) {
	from := &batches{answers: []answer{{
		batch: nodes.Batch{Records: recordsFrom(1, 6), Rejected: []nodes.Rejected{{Line: 7, Reason: "garbage"}}},
		err:   io.EOF,
		takes: 3 * time.Second,
	}}}
	from.answers[0].batch.Records[5].ID = "" // and what is wrong with them is found all the same
	o := setup{cancelAt: time.Second, change: func(s *inputs) { instant(s, from); s.BatchSize = 7 }}.run(t)
	c := o.cycles[0]
	if got := lines(c.ledger.spooled); !slices.Equal(got, upTo(1, 5)) || len(c.ledger.dead) != 2 || !c.End {
		t.Errorf("spooled %v, dead %v, end %v", got, c.ledger.deadBy(), c.End)
	}
}

// While waiting for the next attempt, an interruption is noticed at once.
func TestCancellationDuringABackoff(t *testing.T) {
	for spec, left := range map[string]int{"collector.fetch=disk_full": 0, "processor.batch=disk_full": 30} {
		o := setup{cancelAt: 1500 * time.Millisecond, faults: faults(t, spec), change: func(s *inputs) {
			s.Collector.RetryDelay, s.Processor.RetryDelay = time.Hour, time.Hour
			s.Collector.MaxDelay, s.Processor.MaxDelay = 0, 0
		}}.run(t)
		c := o.cycles[0]
		if o.took != 1500*time.Millisecond || len(c.ledger.spooled) != left || c.verdict != catalog.Degraded {
			t.Errorf("%s: ended after %v, %d spooled, verdict %s", spec, o.took, len(c.ledger.spooled), c.verdict)
		}
	}
}

// Without a spool to drain into, the records of an interrupted run become dead letters, and the run has failed.
func TestCancellationWithoutASpool(t *testing.T) {
	for _, spool := range []nodes.Spool{nil, &keeping{err: errRefused}} {
		o := setup{cancelAt: 500 * time.Millisecond, change: func(s *inputs) {
			instant(s, rowsOf(6, 1), &scripted{name: "only", answers: always(hang)})
			s.BatchSize, s.Parts.Spool = 6, spool
		}}.run(t)
		c := o.cycles[0]
		if c.verdict != catalog.Failed || c.Outcome.Undelivered != 6 || len(c.ledger.dead) != 6 {
			t.Errorf("verdict %s, outcome %+v", c.verdict, c.Outcome)
		}
	}
}

// A run that is interrupted after everything was done says so, and nothing else.
func TestCancellationAfterTheLastNode(t *testing.T) {
	o := setup{cycles: 5, interval: time.Hour, cancelAt: 90 * time.Minute}.run(t)
	if n := len(o.cycles); n != 2 || o.took != 90*time.Minute {
		t.Errorf("%d cycles, ended after %v", n, o.took)
	}
	for _, c := range o.cycles {
		if c.verdict != catalog.Success {
			t.Errorf("cycle %d: %s", c.Cycle, c.verdict)
		}
	}
}
