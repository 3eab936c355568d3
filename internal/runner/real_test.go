package runner

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"faultflow/internal/catalog"
	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

// A run that is cancelled on the real clock, whatever it is doing, ends at once, keeps every record and leaves no
// goroutine behind.
func TestCancelledOnTheRealClock(t *testing.T) {
	for _, test := range []struct {
		name    string
		at      func(workflow.Event) bool
		faults  []string
		spooled int64
	}{
		{"before the fetch", func(e workflow.Event) bool { return e.Kind == workflow.NodeStarted }, nil, 0},
		{"during the fetch", func(e workflow.Event) bool { return catalog.EventKind(e.Kind) == catalog.AttemptStarted },
			nil, 0},
		{"while it backs off", func(e workflow.Event) bool { return catalog.EventKind(e.Kind) == catalog.Waiting },
			[]string{"collector.fetch=http_500"}, 0},
		{"while a source hangs", func(e workflow.Event) bool { return catalog.EventKind(e.Kind) == catalog.AttemptStarted }, []string{"collector.fetch=hang"}, 0},
		{"during processing", func(e workflow.Event) bool {
			return catalog.EventKind(e.Kind) == catalog.AttemptStarted && catalog.Node(e.Node) == catalog.Processor
		}, nil, 3},
		{"during delivery", func(e workflow.Event) bool {
			return catalog.EventKind(e.Kind) == catalog.AttemptStarted && catalog.Node(e.Node) == catalog.Delivery
		}, nil, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s := settings.Defaults()
			s.BatchSize, s.Cycles, s.Faults = 3, 100, mustFaults(t, test.faults...)
			rep, err := Run(ctx, s, Environment{Observe: func(e workflow.Event) {
				if test.at(e) {
					cancel()
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			if !rep.Interrupted || rep.Cycles.Count != 1 || !rep.Ledger.Balanced {
				t.Errorf(
					"interrupted %t after %d cycles, %d records lost",
					rep.Interrupted,
					rep.Cycles.Count,
					rep.Ledger.Lost,
				)
			}
			if rep.Ledger.Spooled != test.spooled || rep.Ledger.Delivered != 0 {
				t.Errorf(
					"%d spooled and %d delivered, want %d and none",
					rep.Ledger.Spooled,
					rep.Ledger.Delivered,
					test.spooled,
				)
			}
		})
	}
}
