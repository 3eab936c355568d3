package campaign

import (
	"context"
	"errors"
	"slices"
	"sync"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
	"faultflow/internal/runner"
	"faultflow/internal/settings"
	"faultflow/internal/stats"
)

// ablateEvery is after how many runs each of the campaigns has its turn, so that little must be remembered of single
// runs.
const ablateEvery = 250

// Ablate makes the plan's campaign, and over the same seeds the same without each of the patterns that are in place.
// given are the plan's settings.
func Ablate(ctx context.Context, p Plan, given *settings.Given) (*report.Ablation, error) {
	if err := p.Settings.Validate(); err != nil {
		return nil, err
	}
	whole := newArm(p)
	var without []*arm
	for from := int64(0); from < p.Runs && ctx.Err() == nil; from += ablateEvery {
		to := min(p.Runs, from+ablateEvery)
		if err := whole.run(ctx, from, to); err != nil {
			return nil, err
		}
		if without == nil {
			var err error
			if without, err = armsWithout(p, given, p.document(whole.turn)); err != nil {
				return nil, err
			}
		}
		for _, a := range without {
			if err := a.run(ctx, from, to); err != nil {
				return nil, err
			}
		}
		if ctx.Err() != nil {
			break // all have the same runs, or what they came to could not be compared
		}
		whole.totals.merge(whole.turn)
		for _, a := range without {
			a.compare(whole, from, to)
		}
	}
	//nolint:nilerr // an interrupted ablation is one of fewer runs
	return ablated(whole, without, ctx.Err() != nil), nil
}

// arm is the campaign with all patterns, or without one.
type arm struct {
	plan     Plan
	ablation ablation
	// problem says why the pattern can't be taken away; such an arm makes no runs.
	problem string
	totals  *totals
	// turn and verdicts are of the runs under way: their totals, and their verdicts by their number in this turn, "" of
	// a run that hangs.
	turn     *totals
	verdicts []catalog.Verdict
	hanging  int64
	flips    []report.Flip
	worse    int64
	better   int64
}

func newArm(p Plan) *arm {
	return &arm{plan: p, totals: newTotals(), verdicts: make([]catalog.Verdict, min(p.Runs, ablateEvery))}
}

// armsWithout are the campaigns without a pattern that c, the beginning of the whole, has in place.
func armsWithout(p Plan, given *settings.Given, c *report.Campaign) ([]*arm, error) {
	var arms []*arm
	for _, without := range ablations(p.Settings) {
		if there, _ := without.inPlace(c); !there {
			continue
		}
		v, err := newVariant(given, without.changed)
		a := &arm{ablation: without}
		var impossible *settings.Error
		switch {
		case errors.As(err, &impossible): // such as a fault at a channel that is taken away
			a.problem = impossible.Error()
		case err != nil:
			return nil, err
		default:
			a = newArm(p.with(v))
			a.ablation = without
		}
		arms = append(arms, a)
	}
	return arms, nil
}

// run makes the arm's runs from, inclusive, to, exclusive: its turn.
func (a *arm) run(ctx context.Context, from, to int64) error {
	if a.problem != "" {
		return nil
	}
	all := newCrew(a.plan)
	var mu sync.Mutex
	first := seedAt(a.plan.Settings.Seed, from)
	all.counts = func(r *report.Report) bool {
		verdict := r.Verdict
		if a.hangs(r) {
			verdict = ""
		}
		mu.Lock()
		defer mu.Unlock()
		a.verdicts[(r.Seed-first)&settings.MaxSeed] = verdict
		return verdict != ""
	}
	err := all.run(ctx, from, to)
	a.turn = all.total()
	return err
}

// hangs tells whether a run would never end. What takes the timeout away is one beyond all that a run is for, so that a
// call which it ends has hung; the time until then is no measurement.
func (a *arm) hangs(r *report.Report) bool {
	return slices.Contains(a.ablation.patterns, catalog.Timeout) &&
		slices.ContainsFunc(r.Nodes, func(n report.Node) bool { return n.Timeouts > 0 })
}

// compare adds the turn to the arm's totals, and notes which of its runs got another verdict than with all patterns.
func (a *arm) compare(whole *arm, from, to int64) {
	if a.problem != "" {
		return
	}
	a.totals.merge(a.turn)
	for i := range to - from {
		with, without := whole.verdicts[i], a.verdicts[i]
		if without == "" {
			a.hanging++
		}
		switch {
		case without == "", without.Worse(with):
			a.worse++
		case with.Worse(without):
			a.better++
		default:
			continue
		}
		if len(a.flips) < report.MaxSeedRuns {
			seed := seedAt(a.plan.Settings.Seed, from+i)
			a.flips = append(a.flips, report.Flip{
				Seed:          seed,
				With:          with,
				Without:       without,
				Repeat:        whole.plan.repeat(seed),
				RepeatWithout: a.plan.repeat(seed),
			})
		}
	}
}

// ablated puts together what the arms came to.
func ablated(whole *arm, without []*arm, interrupted bool) *report.Ablation {
	c := whole.plan.document(whole.totals)
	doc := &report.Ablation{
		Schema:       report.AblationSchema,
		Scenario:     c.Scenario,
		Settings:     c.Settings,
		BreakerDrawn: runner.BreakerDrawn(whole.plan.Settings),
		Seeds:        c.Seeds,
		Whole:        measures(c, 0),
		Interrupted:  interrupted,
	}
	var fired firings
	fired.addCampaign(c)
	doc.NeverFired = fired.never()
	var ps []float64
	for _, a := range without {
		row := report.AblationRow{Pattern: string(a.ablation.patterns[0]), Problem: a.problem}
		for _, g := range a.ablation.changed {
			row.Without = append(row.Without, g.Name+"="+g.Text)
		}
		if a.problem == "" {
			_, row.Needed = a.ablation.inPlace(c)
			row.Hanging, row.Measures = a.hanging, measures(a.plan.document(a.totals), a.hanging)
			row.Worse, row.Better, row.Flips = a.worse, a.better, a.flips
			row.P = stats.Shortened(stats.McNemar(a.worse, a.better))
			ps = append(ps, row.P)
		}
		doc.Rows = append(doc.Rows, row)
	}
	corrected := stats.Holm(ps)
	for i := range doc.Rows {
		if doc.Rows[i].Problem == "" {
			doc.Rows[i].Holm, corrected = stats.Shortened(corrected[0]), corrected[1:]
		}
	}
	return doc
}
