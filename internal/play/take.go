package play

import (
	"fmt"

	"faultflow/internal/catalog"
	"faultflow/internal/expect"
	"faultflow/internal/report"
	"faultflow/internal/scenario"
	"faultflow/internal/settings"
)

// asScenario writes what was given as a scenario file, with expectations that hold of the run.
func asScenario(name string, given *settings.Given, r *report.Report) ([]byte, error) {
	var expectations []*expect.Condition
	for _, source := range proposed(r) {
		c, err := expect.Compile(source)
		if err != nil {
			return nil, fmt.Errorf("play: %w", err)
		}
		expectations = append(expectations, c)
	}
	return scenario.Marshal(name, given, expectations)
}

// proposed are conditions that hold of a run: what it came to, what became of its records, and what its policies did.
// Those over what never ran would prove nothing and are left out.
func proposed(r *report.Report) []string {
	list := []string{fmt.Sprintf("verdict == %q", r.Verdict), "ledger.lost == 0"}
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if r.Passes.Offered > 0 {
		switch state := r.Recovery.State; state {
		case catalog.CameBack:
			add("recovery.state == %q", state)
			add("recovery.after_ms <= %v", r.Recovery.AfterMS)
		case catalog.StaysDown:
			add("recovery.state == %q", state)
		case catalog.NeverFell, catalog.NotWatched, catalog.NotJudged: // which say nothing that a run must come to
		}
		add("passes.good >= %d", r.Passes.Good)
	} else if r.Ledger.Collected > 0 {
		add("ledger.delivered_from_source == %d", r.Ledger.Delivered-r.Ledger.DeliveredCopies)
	}
	for _, b := range r.Breakers {
		if b.Calls > 0 {
			add("breaker(%q).opened == %d", b.Name, b.Opened)
		}
	}
	for _, n := range r.Nodes {
		if n.Waits > 0 && r.Passes.Offered == 0 {
			add("node(%q).attempts == %d", n.Name, n.Attempts)
		}
	}
	return list
}
