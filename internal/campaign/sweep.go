package campaign

import (
	"cmp"
	"context"
	"slices"

	"faultflow/internal/report"
	"faultflow/internal/runner"
	"faultflow/internal/settings"
)

// Sorts lists the measures that a sweep can be sorted by, the default first.
func Sorts() []string {
	return []string{"delivered", "success", "degraded", "failed", "duration", "p99", "calls"}
}

// key is what rows are sorted by, less is better.
func key(m report.Measures, sort string) float64 {
	switch sort {
	case "success":
		return -m.Verdict.Success.Share
	case "degraded":
		return m.Verdict.Degraded.Share
	case "failed":
		return m.Verdict.Failed.Share
	case "duration":
		return m.MeanMS
	case "p99":
		return m.P99MS
	case "calls":
		return m.Calls
	}
	return -m.DeliveredShare
}

// Sweep makes the plan's campaign with each variant of its settings, over the same seeds. The rows are sorted by one of
// Sorts, best first; equal ones stay in the order of the variants.
func Sweep(ctx context.Context, p Plan, variants []Variant, sort string) (*report.Sweep, error) {
	s := p.Settings
	s.Clock = settings.ClockVirtual
	doc := &report.Sweep{
		Schema:       report.SweepSchema,
		Scenario:     p.Scenario,
		Settings:     runner.Recorded(s),
		BreakerDrawn: runner.BreakerDrawn(s),
		Seeds:        report.Seeds{First: s.Seed, Count: p.Runs},
		Sort:         sort,
	}
	for _, g := range variants[0].Changed {
		doc.Names = append(doc.Names, g.Name)
	}
	var fired firings
	for _, v := range variants {
		c, err := Run(ctx, p.with(v))
		if err != nil {
			return nil, err
		}
		if doc.Interrupted = c.Interrupted; c.Interrupted {
			break
		}
		fired.addCampaign(c)
		row := report.SweepRow{Measures: measures(c, 0)}
		for _, g := range v.Changed {
			row.Values = append(row.Values, g.Text)
		}
		doc.Rows = append(doc.Rows, row)
	}
	doc.NeverFired = fired.never()
	for i := range doc.Rows {
		doc.Rows[i].Pareto = !slices.ContainsFunc(doc.Rows, func(other report.SweepRow) bool {
			return dominates(other.Measures, doc.Rows[i].Measures)
		})
	}
	slices.SortStableFunc(doc.Rows, func(a, b report.SweepRow) int {
		return cmp.Compare(key(a.Measures, sort), key(b.Measures, sort))
	})
	return doc, nil
}

// dominates tells whether a is at least as good as b in delivered share, duration and calls, and better in one of them.
func dominates(a, b report.Measures) bool {
	better := false
	for _, by := range []string{"delivered", "duration", "calls"} {
		switch order := cmp.Compare(key(a, by), key(b, by)); {
		case order > 0:
			return false
		case order < 0:
			better = true
		}
	}
	return better
}

// measures are what a row shows of a campaign, and of so many runs beside it that hang.
func measures(c *report.Campaign, hanging int64) report.Measures {
	var calls, before, opened int64
	for _, d := range c.Dependencies {
		calls += d.Calls.Sum
	}
	for _, b := range c.Breakers {
		before += b.CallsBeforeOpen.Sum
		opened += b.CallsBeforeOpen.Count
	}
	runs := c.Runs + hanging
	asked := runs * int64(c.Settings.Cycles) * int64(c.Settings.BatchSize)
	switch {
	case c.Settings.Loaded():
		asked = c.Recovery.Offered * int64(c.Settings.BatchSize)
	case c.Settings.Cycles == 0: // as many as the time had room for
		asked = c.Ledger.Collected
	}
	m := report.Measures{
		Runs:           runs,
		Verdict:        c.Verdict,
		DeliveredShare: ratio(c.Ledger.DeliveredFromSource, asked),
		CopiesShare:    ratio(c.Ledger.DeliveredCopies, asked),
		MeanMS:         c.DurationMS.Mean,
		P99MS:          c.DurationMS.P99,
		Calls:          ratio(calls, c.Runs),
		PerRecord:      ratio(calls, c.Ledger.Collected),
		BeforeOpen:     ratio(before, opened),
		Violations:     c.Violations.Count,
		Recovery:       c.Recovery.RecoveryShares,
		GoodShare:      c.Recovery.GoodShare,
		AfterMS:        c.Recovery.AfterMS.Mean,
	}
	if hanging > 0 {
		m.MeanMS, m.P99MS, m.Calls = 0, 0, 0
		for _, share := range []*report.Share{&m.Verdict.Success, &m.Verdict.Degraded, &m.Verdict.Failed} {
			*share = shareOf(share.Count, runs)
		}
	}
	return m
}
