package campaign

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"faultflow/internal/errhandler"
	"faultflow/internal/report"
	"faultflow/internal/stats"
)

// document is the sums as reports keep them, with what follows from them: shares, intervals, quantiles. restore is its
// inverse.
func (s *sums) document() *report.Campaign {
	c := &report.Campaign{Schema: report.CampaignSchema, Runs: s.runs, DurationMS: s.duration.document(),
		Verdict: report.VerdictShares{Success: s.verdict(errhandler.Success), Degraded: s.verdict(errhandler.Degraded), Failed: s.verdict(errhandler.Failed)},
		Origins: s.tallies(s.origins), Modes: s.tallies(s.modes), Findings: s.tallies(s.findings),
		Errors: report.CampaignErrors{Total: s.errors, Handled: s.handled, ByClass: s.tallies(s.classes)},
		Ledger: s.ledger, Slowest: slices.Clone(s.slowest), Worst: slices.Clone(s.worst),
		Violations: report.CampaignViolations{Count: s.violations.Count, List: slices.Clone(s.violations.List)}}
	for _, n := range s.nodes {
		c.Nodes = append(c.Nodes, report.NodeLoad{Name: n.name, Attempts: n.attempts.document()})
	}
	for _, d := range s.dependencies {
		c.Dependencies = append(c.Dependencies, report.Dependency{Place: d.place, Calls: d.calls.document(), Units: d.units,
			Factor: ratio(d.calls.sum, d.units), PerRecord: ratio(d.calls.sum, s.ledger.Collected)})
	}
	for _, name := range slices.Sorted(maps.Keys(s.breakers)) {
		b := s.breakers[name]
		c.Breakers = append(c.Breakers, report.CampaignBreaker{Name: name, Opened: s.tally(b.opened), Rejected: b.rejected, CallsBeforeOpen: b.beforeOpen.document()})
	}
	l := &c.Ledger
	l.DeliveredShare, l.DeadLetteredShare, l.SpooledShare = ratio(l.Delivered, l.Collected), ratio(l.DeadLettered, l.Collected), ratio(l.Spooled, l.Collected)
	for _, p := range s.patterns {
		c.Patterns = append(c.Patterns, report.CampaignPattern{Name: p.name, Armed: p.armed, Demonstrated: s.tally(p.demonstrated)})
	}
	for _, f := range s.faults {
		doc := f.CampaignFault
		doc.Observed, doc.Expected = share(f.fired, f.armed), float64(f.expected)/million
		if f.armed > 0 {
			doc.Configured = round9(doc.Expected / float64(f.armed))
		}
		c.Faults = append(c.Faults, doc)
	}
	return c
}

func (s *sums) verdict(v errhandler.Verdict) report.Share { return share(s.verdicts[v], s.runs) }

func (s *sums) tally(t tally) report.Tally {
	return report.Tally{Count: t.count, Runs: share(t.runs, s.runs)}
}

func (s *sums) tallies(all tallies) map[string]report.Tally {
	docs := map[string]report.Tally{}
	for name, t := range all {
		if t.runs > 0 {
			docs[name] = s.tally(*t)
		}
	}
	return docs
}

func share(count, of int64) report.Share {
	low, high := stats.Wilson(count, of)
	return report.Share{Count: count, Of: of, Share: ratio(count, of), Low: low, High: high}
}

// ratio is 0 where there is nothing to divide by.
func ratio(a, b int64) float64 {
	if b == 0 {
		return 0
	}
	return round9(float64(a) / float64(b))
}

// restore makes sums of a document again. The error says what in it can't be.
func restore(c *report.Campaign) (*sums, error) {
	s := newSums()
	s.runs = c.Runs
	s.verdicts[errhandler.Success], s.verdicts[errhandler.Degraded], s.verdicts[errhandler.Failed] =
		c.Verdict.Success.Count, c.Verdict.Degraded.Count, c.Verdict.Failed.Count
	s.ledger, s.errors, s.handled = c.Ledger, c.Errors.Total, c.Errors.Handled
	s.slowest, s.worst, s.violations = c.Slowest, c.Worst, c.Violations
	for _, list := range []struct {
		to   tallies
		from map[string]report.Tally
	}{{s.classes, c.Errors.ByClass}, {s.origins, c.Origins}, {s.modes, c.Modes}, {s.findings, c.Findings}} {
		for name, t := range list.from {
			*list.to.at(name) = restoreTally(t)
		}
	}
	if err := s.duration.absorb(c.DurationMS); err != nil {
		return nil, err
	}
	for i, n := range c.Nodes {
		s.node(i).name = n.Name
		if err := s.node(i).attempts.absorb(n.Attempts); err != nil {
			return nil, fmt.Errorf("node %s: %w", n.Name, err)
		}
	}
	for i, d := range c.Dependencies {
		sum := s.dependency(i)
		sum.place, sum.units = d.Place, d.Units
		if err := sum.calls.absorb(d.Calls); err != nil {
			return nil, fmt.Errorf("dependency %s: %w", d.Place, err)
		}
	}
	for _, b := range c.Breakers {
		sum := s.breaker(b.Name)
		sum.opened, sum.rejected = restoreTally(b.Opened), b.Rejected
		if err := sum.beforeOpen.absorb(b.CallsBeforeOpen); err != nil {
			return nil, fmt.Errorf("breaker %s: %w", b.Name, err)
		}
	}
	for i, p := range c.Patterns {
		*s.pattern(i) = patternSum{name: p.Name, armed: p.Armed, demonstrated: restoreTally(p.Demonstrated)}
	}
	for i, f := range c.Faults {
		*s.fault(i) = faultSum{CampaignFault: f, armed: f.Observed.Of, fired: f.Observed.Count, expected: int64(math.Round(f.Expected * million))}
	}
	return s, nil
}

func restoreTally(t report.Tally) tally { return tally{count: t.Count, runs: t.Runs.Count} }
