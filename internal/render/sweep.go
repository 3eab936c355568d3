package render

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"faultflow/internal/catalog"
	"faultflow/internal/compare"
	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// SweepAccount tells of a sweep.
func SweepAccount(s *report.Sweep) Account {
	a := Account{
		What:     "sweep",
		Noun:     "sweep",
		Settings: studySettings(s.Scenario, s.Settings, s.BreakerDrawn, s.Seeds),
		Sections: []Section{combinations(s)},
		Schema:   s.Schema,
		Hash:     s.Hash,
		Meta:     s.Meta,
	}
	said := Amount(len(s.Rows), "combination") + " over the same " + Amount(s.Seeds.Count, "seed")
	return a.ended(s.Interrupted, s.NeverFired, said, broken(violated(s.Rows)))
}

func combinations(s *report.Sweep) Section {
	list := Section{Title: "Combinations, best " + ClipName(catalog.Words(s.Sort)) + " first", Open: true}
	loaded := slices.ContainsFunc(s.Rows, func(r report.SweepRow) bool { return !r.Recovery.IsZero() })
	var rows [][]Cell
	for _, r := range s.Rows {
		mark := ""
		if r.Pareto {
			mark = "★"
		}
		row := Cells(mark)
		for i := range s.Names {
			row = append(row, Cell{Text: ClipName(at(r.Values, i))})
		}
		if loaded {
			row = append(row, recovered(r.Measures)...)
		} else {
			row = append(row, measured(r.Measures)...)
		}
		if r.Pareto {
			row[0].Sign = Good
		}
		rows = append(rows, row)
	}
	cols := []Column{{Title: ""}}
	for _, n := range s.Names {
		cols = append(cols, Column{Title: ClipName(n), Right: true, Named: true})
	}
	if loaded {
		cols = append(cols, recoveryColumns()...)
	} else {
		cols = append(cols, measureColumns()...)
	}
	list.table("combinations of settings", cols, rows)
	if loaded {
		list.item(Aside, "good: passes, of those that the load began; "+
			"after: how long after the last trigger, on average")
	}
	list.item(
		Aside,
		"★ no other combination is at least as good in delivered share, duration and calls, and better in one; "+
			"delivered are records of the source, copies those of the cache and default data",
	)
	return list
}

// at is "" beyond the end.
func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

func violated(rows []report.SweepRow) (n int64) {
	for _, r := range rows {
		n += r.Violations
	}
	return n
}

// studySettings are those of several campaigns over the same seeds.
func studySettings(scenario string, s settings.Settings, breakerDrawn bool, seeds report.Seeds) Section {
	set := Section{Title: "Settings"}
	set.row("runs", None, Facts(Grouped(seeds.Count)+" each", fmt.Sprintf("seeds %d to %d", seeds.First, seeds.Last())))
	set.row("scenario", None, ClipName(scenario))
	set.row("each", None, Facts(ClipName(s.Graph)+" graph", ClipName(s.Clock)+" clock"))
	set.settings(s, When(breakerDrawn, "in some runs"))
	return set
}

// ended is the account with what several campaigns came to, without the sections that are empty.
func (a Account) ended(interrupted bool, silent []report.NeverFired, said string, problem string) Account {
	a.Sections = slices.DeleteFunc(a.Sections, Section.Empty)
	a.Sign, a.Said = Good, said
	if len(silent) > 0 {
		a.Sign, a.Said = Warn, said+"; nothing was proved: the fault "+ClipText(silent[0].Fault)+" never fired"
	}
	if interrupted {
		a.Sign, a.Said = Warn, "interrupted: "+a.Said
	}
	if problem != "" {
		a.Sign, a.Said = Bad, a.Said+": "+problem
	}
	if a.Meta.RealMS > 0 {
		a.Made = Duration(a.Meta.RealMS)
	}
	return a
}

// broken is the problem of violations, "" without any.
func broken(violations int64) string {
	if violations == 0 {
		return ""
	}
	return Amount(violations, "violation") + " of what every run must keep"
}

func measureColumns() []Column {
	return []Column{
		{Title: "delivered", Right: true},
		{Title: "copies", Right: true, Usual: PrecisePercent(0)},
		{Title: "success", Right: true},
		{Title: "failed", Right: true, Usual: PrecisePercent(0)},
		{Title: "mean", Right: true},
		{Title: "p99", Right: true, Spare: true},
		{Title: "calls", Right: true},
		{Title: "before open", Right: true, Usual: "–", Spare: true},
	}
}

func measured(m report.Measures) []Cell {
	before := "–"
	if m.BeforeOpen > 0 {
		before = twoDecimals(m.BeforeOpen)
	}
	return Cells(
		PrecisePercent(m.DeliveredShare),
		PrecisePercent(m.CopiesShare),
		PrecisePercent(m.Verdict.Success.Share),
		PrecisePercent(m.Verdict.Failed.Share),
		Duration(m.MeanMS),
		Duration(m.P99MS),
		twoDecimals(m.Calls),
		before,
	)
}

// recoveryColumns are those of a sweep under a load, whose runs all last as long.
func recoveryColumns() []Column {
	return []Column{
		{Title: "good", Right: true},
		{Title: "never fell", Right: true, Usual: PrecisePercent(0)},
		{Title: "came back", Right: true},
		{Title: "after", Right: true},
		{Title: "stays down", Right: true},
		{Title: "failed", Right: true, Spare: true},
		{Title: "calls", Right: true, Spare: true},
	}
}

func recovered(m report.Measures) []Cell {
	after := "–"
	if m.Recovery.CameBack.Count > 0 {
		after = Duration(m.AfterMS)
	}
	return Cells(
		PrecisePercent(m.GoodShare),
		PrecisePercent(m.Recovery.NeverFell.Share),
		PrecisePercent(m.Recovery.CameBack.Share),
		after,
		PrecisePercent(m.Recovery.StaysDown.Share),
		PrecisePercent(m.Verdict.Failed.Share),
		twoDecimals(m.Calls),
	)
}

// AblationAccount tells of an ablation.
func AblationAccount(a *report.Ablation) Account {
	violations := a.Whole.Violations
	for _, r := range a.Rows {
		violations += r.Violations
	}
	told := Account{
		What:     "what each pattern is worth",
		Noun:     "ablation",
		Settings: studySettings(a.Scenario, a.Settings, a.BreakerDrawn, a.Seeds),
		Sections: []Section{worth(a), flips(a.Rows)},
		Schema:   a.Schema,
		Hash:     a.Hash,
		Meta:     a.Meta,
	}
	said := fmt.Sprintf("%s with and without %s", Amount(a.Whole.Runs, "run"), Amount(len(a.Rows), "pattern"))
	return told.ended(a.Interrupted, a.NeverFired, said, broken(violations))
}

// worth is what the absence of each pattern changes.
func worth(a *report.Ablation) Section {
	s := Section{Title: "Without each pattern in turn", Open: true}
	whole := a.Whole
	rows := [][]Cell{Cells(
		"(with all)",
		"",
		PrecisePercent(whole.DeliveredShare),
		When(whole.CopiesShare > 0, PrecisePercent(whole.CopiesShare)),
		PrecisePercent(whole.Verdict.Success.Share),
		"",
		Duration(whole.MeanMS),
		twoDecimals(whole.Calls),
		"",
		"",
	)}
	hangs := false
	for _, r := range a.Rows {
		if r.Problem != "" {
			continue
		}
		hangs = hangs || r.Hanging > 0
		chance := "~"
		if r.Holm < compare.Significant {
			chance = pValue(r.Holm)
		}
		took, calls := difference(r.MeanMS-whole.MeanMS, Duration), difference(r.Calls-whole.Calls, twoDecimals)
		if r.Hanging > 0 {
			took, calls = "–", "–"
		}
		row := Cells(
			catalog.Words(ClipName(r.Pattern)),
			Grouped(r.Needed),
			points(r.DeliveredShare-whole.DeliveredShare),
			points(r.CopiesShare-whole.CopiesShare),
			points(r.Verdict.Success.Share-whole.Verdict.Success.Share),
			Grouped(r.Hanging),
			took,
			calls,
			Grouped(r.Worse)+":"+Grouped(r.Better),
			chance,
		)
		if r.Holm < compare.Significant {
			row[0].Sign = Warn
		}
		rows = append(rows, row)
	}
	s.table("the campaign without each pattern", []Column{
		{Title: "without"},
		{Title: "needed", Right: true, Spare: true},
		{Title: "delivered", Right: true},
		{Title: "copies", Right: true, Usual: "="},
		{Title: "success", Right: true, Spare: true},
		{Title: "hang", Right: true, Usual: "0"},
		{Title: "time", Right: true},
		{Title: "calls", Right: true},
		{Title: "flips", Right: true},
		{Title: "p", Right: true},
	}, rows)
	s.item(
		Aside,
		"what its absence changes: shares in percentage points, mean time and calls of a run; needed: runs in which "+
			"the pattern was at work; flips: runs whose verdict got worse:better; p: exact McNemar test, Holm's "+
			"correction; ~ may be chance"+When(hangs, "; hang: runs that never end, for which there is no mean, and "+
			"which are flips for the worse"),
	)
	for _, r := range a.Rows {
		if r.Problem != "" {
			s.item(Warn, fmt.Sprintf(
				"%s can't be taken away: %s",
				catalog.Words(ClipName(r.Pattern)),
				ClipText(r.Problem),
			))
		}
	}
	return s
}

// points writes a difference of shares in percentage points.
func points(d float64) string { return difference(d*100, twoDecimals) }

// difference writes a difference with its sign; none is "=".
func difference(d float64, write func(float64) string) string {
	text := write(math.Abs(d))
	switch {
	case text == write(0):
		return "="
	case d < 0:
		return "−" + text
	}
	return "+" + text
}

// pValue writes a p-value; a very small one as a bound.
func pValue(p float64) string {
	if p < 0.001 {
		return "<0.001"
	}
	return decimalTo(p, 3)
}

// shownFlips is how many runs are shown of each pattern; the JSON has more.
const shownFlips = 2

// flips names runs that got another verdict without a pattern, with the commands that show both.
func flips(rows []report.AblationRow) Section {
	s := Section{Title: "Runs that changed"}
	for _, r := range rows {
		for _, f := range r.Flips[:min(shownFlips, len(r.Flips))] {
			s.item(VerdictSign(f.Without), Facts(
				"without "+catalog.Words(ClipName(r.Pattern)),
				fmt.Sprintf("seed %d", f.Seed),
				fmt.Sprintf("%s → %s", ClipName(f.With), cmp.Or(ClipName(f.Without), "hangs")),
			))
			s.command(f.Repeat)
			s.command(f.RepeatWithout)
		}
	}
	return s
}

// DeterminismAccount tells of a check for determinism.
func DeterminismAccount(d *report.Determinism) Account {
	a := Account{
		What:     "same seed, same bytes",
		Noun:     "check",
		Settings: studySettings(d.Scenario, d.Settings, d.BreakerDrawn, d.Seeds),
		Sections: []Section{different(d)},
		Schema:   d.Schema,
		Hash:     d.Hash,
		Meta:     d.Meta,
	}
	said, problem := Amount(d.Runs, "run")+" made twice, in another order and on another worker", ""
	if d.Different > 0 {
		problem = Amount(d.Different, "report") + " differ"
	} else {
		said += ": the same reports to the byte"
	}
	return a.ended(d.Interrupted, d.NeverFired, said, problem)
}

// different lists the runs whose reports differ.
func different(d *report.Determinism) Section {
	s := Section{Title: "Runs that differ", Open: true, Bare: true}
	for _, x := range d.List[:min(Brief().Findings, len(d.List))] {
		s.item(Bad, fmt.Sprintf("seed %d: %s, then %s", x.Seed, Shorten(x.First, 12), Shorten(x.Second, 12)))
		s.command(x.Repeat)
	}
	if left := d.Different - int64(min(Brief().Findings, len(d.List))); left > 0 {
		s.item(None, More(Grouped(left)+" more"))
	}
	return s
}
