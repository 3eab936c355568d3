package render

import (
	"fmt"
	"io"
	"math"

	"faultflow/internal/compare"
	"faultflow/internal/report"
)

// WriteSweep writes a sweep in one of the formats of CampaignFormats.
func WriteSweep(w io.Writer, s *report.Sweep, format string, style Style) error {
	if format == "json" {
		return report.WriteSweep(w, s)
	}
	a := account{what: "sweep", noun: "sweep", settings: studySettings(s.Scenario, s.Settings, s.Seeds), sections: []section{combinations(s)},
		schema: s.Schema, hash: s.Hash, meta: s.Meta}
	a.end(s.Interrupted, amount(len(s.Rows), "combination")+" over the same "+amount(s.Seeds.Count, "seed"), broken(violated(s.Rows)))
	return writeAccount(w, a, format, style)
}

func combinations(s *report.Sweep) section {
	list := section{title: "Combinations, best " + name(words(s.Sort)) + " first", open: true}
	var rows [][]cell
	for _, r := range s.Rows {
		mark := ""
		if r.Pareto {
			mark = "★"
		}
		row := texts(mark)
		for i := range s.Names {
			row = append(row, cell{text: name(at(r.Values, i))})
		}
		row = append(row, measured(r.Measures)...)
		if r.Pareto {
			row[0].sign = good
		}
		rows = append(rows, row)
	}
	cols := []column{{title: ""}}
	for _, n := range s.Names {
		cols = append(cols, column{title: name(n), right: true, named: true})
	}
	list.table("combinations of settings", append(cols, measureColumns()...), rows)
	list.item(aside, "★ no other combination is at least as good in delivered share, duration and calls, and better in one")
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
func studySettings(scenario string, s report.Settings, seeds report.Seeds) section {
	set := section{title: "Settings"}
	set.row("runs", none, facts(number(seeds.Count)+" each", fmt.Sprintf("seeds %d to %d", seeds.First, seeds.Last())))
	set.row("scenario", none, name(scenario))
	set.row("each", none, facts(name(s.Graph)+" graph", name(s.Clock)+" clock"))
	set.settings(s)
	return set
}

// end says what several campaigns came to.
func (a *account) end(interrupted bool, said string, problem string) {
	a.sign, a.said = good, said
	if interrupted {
		a.sign, a.said = warn, "interrupted: "+said
	}
	if problem != "" {
		a.sign, a.said = bad, a.said+": "+problem
	}
	if a.meta.RealMS > 0 {
		a.made = span(a.meta.RealMS)
	}
}

// broken is the problem of violations, "" without any.
func broken(violations int64) string {
	if violations == 0 {
		return ""
	}
	return amount(violations, "violation") + " of what every run must keep"
}

func measureColumns() []column {
	return []column{{title: "delivered", right: true}, {title: "success", right: true}, {title: "failed", right: true, usual: precise(0)},
		{title: "mean", right: true}, {title: "p99", right: true, spare: true}, {title: "calls", right: true}, {title: "before open", right: true, usual: "0", spare: true}}
}

func measured(m report.Measures) []cell {
	return texts(precise(m.DeliveredShare), precise(m.Verdict.Success.Share), precise(m.Verdict.Failed.Share), span(m.MeanMS), span(m.P99MS),
		twoDecimals(m.Calls), twoDecimals(m.BeforeOpen))
}

// WriteAblation writes an ablation in one of the formats of CampaignFormats.
func WriteAblation(w io.Writer, a *report.Ablation, format string, style Style) error {
	if format == "json" {
		return report.WriteAblation(w, a)
	}
	violations := a.Whole.Violations
	for _, r := range a.Rows {
		violations += r.Violations
	}
	told := account{what: "what each pattern is worth", noun: "ablation", settings: studySettings(a.Scenario, a.Settings, a.Seeds),
		sections: []section{worth(a), flips(a.Rows)}, schema: a.Schema, hash: a.Hash, meta: a.Meta}
	told.end(a.Interrupted, fmt.Sprintf("%s with and without %s", amount(a.Whole.Runs, "run"), amount(len(a.Rows), "pattern")), broken(violations))
	return writeAccount(w, told, format, style)
}

// worth is what the absence of each pattern changes.
func worth(a *report.Ablation) section {
	s := section{title: "Without each pattern in turn", open: true}
	whole := a.Whole
	rows := [][]cell{texts("(with all)", "", precise(whole.DeliveredShare), precise(whole.Verdict.Success.Share), span(whole.MeanMS), twoDecimals(whole.Calls), "", "")}
	for _, r := range a.Rows {
		if r.Problem != "" {
			continue
		}
		chance := "~"
		if r.Holm < compare.Significant {
			chance = pValue(r.Holm)
		}
		row := texts(words(name(r.Pattern)), number(r.Needed), points(r.DeliveredShare-whole.DeliveredShare), points(r.Verdict.Success.Share-whole.Verdict.Success.Share),
			difference(r.MeanMS-whole.MeanMS, span), difference(r.Calls-whole.Calls, twoDecimals), number(r.Worse)+":"+number(r.Better), chance)
		if r.Holm < compare.Significant {
			row[0].sign = warn
		}
		rows = append(rows, row)
	}
	s.table("the campaign without each pattern", []column{{title: "without"}, {title: "needed", right: true, spare: true}, {title: "delivered", right: true},
		{title: "success", right: true, spare: true}, {title: "time", right: true}, {title: "calls", right: true}, {title: "flips", right: true}, {title: "p", right: true}}, rows)
	s.item(aside, "what its absence changes: shares in percentage points, mean time and calls of a run; needed: runs in which the pattern "+
		"was at work; flips: runs whose verdict got worse:better; p: exact McNemar test, Holm's correction; ~ may be chance")
	for _, r := range a.Rows {
		if r.Problem != "" {
			s.item(warn, fmt.Sprintf("%s can't be taken away: %s", words(name(r.Pattern)), note(r.Problem)))
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
func flips(rows []report.AblationRow) section {
	s := section{title: "Runs that changed"}
	for _, r := range rows {
		for _, f := range r.Flips[:min(shownFlips, len(r.Flips))] {
			s.item(verdictSign(f.Without), facts("without "+words(name(r.Pattern)), fmt.Sprintf("seed %d", f.Seed),
				fmt.Sprintf("%s → %s", name(string(f.With)), name(string(f.Without)))))
			s.command(f.Repeat)
			s.command(f.RepeatWithout)
		}
	}
	return s
}

// WriteDeterminism writes a check for determinism in one of the formats of CampaignFormats.
func WriteDeterminism(w io.Writer, d *report.Determinism, format string, style Style) error {
	if format == "json" {
		return report.WriteDeterminism(w, d)
	}
	a := account{what: "same seed, same bytes", noun: "check", settings: studySettings(d.Scenario, d.Settings, d.Seeds), sections: []section{different(d)},
		schema: d.Schema, hash: d.Hash, meta: d.Meta}
	said, problem := amount(d.Runs, "run")+" made twice, in another order and on another worker", ""
	if d.Different > 0 {
		problem = amount(d.Different, "report") + " differ"
	} else {
		said += ": the same reports to the byte"
	}
	a.end(d.Interrupted, said, problem)
	return writeAccount(w, a, format, style)
}

// different lists the runs whose reports differ.
func different(d *report.Determinism) section {
	s := section{title: "Runs that differ", open: true, bare: true}
	for _, x := range d.List[:min(brief().findings, len(d.List))] {
		s.item(bad, fmt.Sprintf("seed %d: %s, then %s", x.Seed, snip(x.First, 12), snip(x.Second, 12)))
		s.command(x.Repeat)
	}
	if left := d.Different - int64(min(brief().findings, len(d.List))); left > 0 {
		s.item(none, more(number(left)+" more"))
	}
	return s
}
