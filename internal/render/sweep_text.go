package render

import (
	"fmt"
	"io"
	"math"

	"faultflow/internal/report"
)

// WriteSweep writes a sweep in one of the formats of CampaignFormats.
func WriteSweep(w io.Writer, s *report.Sweep, format string, style Style) error {
	if format == "json" {
		return report.WriteSweep(w, s)
	}
	p := newPage(style)
	p.study("sweep", s.Scenario, s.Settings, s.Seeds)
	p.heading("Combinations, best " + name(words(s.Sort)) + " first")
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
	for _, title := range p.titles(s.Names) {
		cols = append(cols, column{title: title, right: true})
	}
	p.table(append(cols, measureColumns()...), rows)
	p.item(margin, aside, "★ no other combination is at least as good in delivered share, duration and calls, and better in one")
	p.studyClosing(s.Interrupted, amount(len(s.Rows), "combination")+" over the same "+amount(s.Seeds.Count, "seed"), s.Meta, broken(violated(s.Rows)))
	_, err := io.WriteString(w, p.out.String())
	return err
}

// at is "" beyond the end.
func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

// titles are the names of settings as they fit over columns: where they are long together, letters that are explained first.
func (p *page) titles(names []string) []string {
	titles, width := make([]string, len(names)), 0
	for i, n := range names {
		titles[i] = name(n)
		width += columns(titles[i]) + columnGap
	}
	if width <= p.width/2 {
		return titles
	}
	for i, n := range names {
		titles[i] = string(rune('A' + i%26))
		p.item(margin, none, titles[i]+tie+name(n))
	}
	p.line("")
	return titles
}

func violated(rows []report.SweepRow) (n int64) {
	for _, r := range rows {
		n += r.Violations
	}
	return n
}

// study begins a page about several campaigns over the same seeds.
func (p *page) study(what, scenario string, s report.Settings, seeds report.Seeds) {
	p.title(what)
	p.row("runs", none, facts(number(seeds.Count)+" each", fmt.Sprintf("seeds %d to %d", seeds.First, seeds.Last())))
	p.row("scenario", none, name(scenario))
	p.row("each", none, facts(name(s.Graph)+" graph", name(s.Clock)+" clock"))
	var common section
	common.settings(s)
	p.parts(common.parts)
}

func (p *page) studyClosing(interrupted bool, said string, m report.Meta, problem string) {
	p.line("")
	p.rule()
	s := good
	if interrupted {
		s, said = warn, "interrupted: "+said
	}
	if problem != "" {
		s, said = bad, said+": "+problem
	}
	ink, _ := p.ink.of(s)
	p.entry("", 0, s, ink, said)
	if m.RealMS > 0 {
		p.item(signWidth, none, span(m.RealMS))
	}
	p.rule()
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

// significant is the level below which a difference is held to be more than chance.
const significant = 0.05

// WriteAblation writes an ablation in one of the formats of CampaignFormats.
func WriteAblation(w io.Writer, a *report.Ablation, format string, style Style) error {
	if format == "json" {
		return report.WriteAblation(w, a)
	}
	p := newPage(style)
	p.study("what each pattern is worth", a.Scenario, a.Settings, a.Seeds)
	p.heading("Without each pattern in turn")
	whole := a.Whole
	rows := [][]cell{texts("(with all)", "", precise(whole.DeliveredShare), precise(whole.Verdict.Success.Share), span(whole.MeanMS), twoDecimals(whole.Calls), "", "")}
	violations := whole.Violations
	for _, r := range a.Rows {
		if r.Problem != "" {
			continue
		}
		violations += r.Violations
		chance := "~"
		if r.Holm < significant {
			chance = pValue(r.Holm)
		}
		row := texts(words(name(r.Pattern)), number(r.Needed), points(r.DeliveredShare-whole.DeliveredShare), points(r.Verdict.Success.Share-whole.Verdict.Success.Share),
			difference(r.MeanMS-whole.MeanMS, span), difference(r.Calls-whole.Calls, twoDecimals), number(r.Worse)+":"+number(r.Better), chance)
		if r.Holm < significant {
			row[0].sign = warn
		}
		rows = append(rows, row)
	}
	p.table([]column{{title: "without"}, {title: "needed", right: true, spare: true}, {title: "delivered", right: true},
		{title: "success", right: true, spare: true}, {title: "time", right: true}, {title: "calls", right: true}, {title: "flips", right: true}, {title: "p", right: true}}, rows)
	p.item(margin, aside, "what its absence changes: shares in percentage points, mean time and calls of a run; needed: runs in which the pattern "+
		"was at work; flips: runs whose verdict got worse:better; p: exact McNemar test, Holm's correction; ~ may be chance")
	for _, r := range a.Rows {
		if r.Problem != "" {
			p.item(margin, warn, fmt.Sprintf("%s can't be taken away: %s", words(name(r.Pattern)), note(r.Problem)))
		}
	}
	p.flips(a.Rows)
	p.studyClosing(a.Interrupted, fmt.Sprintf("%s with and without %s", amount(a.Whole.Runs, "run"), amount(len(a.Rows), "pattern")), a.Meta, broken(violations))
	_, err := io.WriteString(w, p.out.String())
	return err
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
func (p *page) flips(rows []report.AblationRow) {
	headed := false
	for _, r := range rows {
		for _, f := range r.Flips[:min(shownFlips, len(r.Flips))] {
			if !headed {
				p.heading("Runs that changed")
				headed = true
			}
			p.item(margin, verdictSign(f.Without), facts("without "+words(name(r.Pattern)), fmt.Sprintf("seed %d", f.Seed),
				fmt.Sprintf("%s → %s", name(string(f.With)), name(string(f.Without)))))
			p.command(margin+signWidth, f.Repeat)
			p.command(margin+signWidth, f.RepeatWithout)
		}
	}
}

// WriteDeterminism writes a check for determinism in one of the formats of CampaignFormats.
func WriteDeterminism(w io.Writer, d *report.Determinism, format string, style Style) error {
	if format == "json" {
		return report.WriteDeterminism(w, d)
	}
	p := newPage(style)
	p.study("same seed, same bytes", d.Scenario, d.Settings, d.Seeds)
	for _, x := range d.List[:min(brief().findings, len(d.List))] {
		p.item(margin, bad, fmt.Sprintf("seed %d: %s, then %s", x.Seed, snip(x.First, 12), snip(x.Second, 12)))
		p.command(margin+signWidth, x.Repeat)
	}
	if left := d.Different - int64(min(brief().findings, len(d.List))); left > 0 {
		p.item(margin, none, more(number(left)+" more"))
	}
	said, problem := amount(d.Runs, "run")+" made twice, in another order and on another worker", ""
	if d.Different > 0 {
		problem = amount(d.Different, "report") + " differ"
	} else {
		said += ": the same reports to the byte"
	}
	p.studyClosing(d.Interrupted, said, d.Meta, problem)
	_, err := io.WriteString(w, p.out.String())
	return err
}
