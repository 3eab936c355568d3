package render

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
	"faultflow/internal/timeline"
)

// maxTriggers is how many triggers are told of.
const maxTriggers = 8

// Recovery is whether a run with a load came back, and what the load came to.
func Recovery(r *report.Report) Section {
	s := Section{Title: "Recovery", Open: true}
	if r.Passes.Offered == 0 {
		return s
	}
	rec, p := r.Recovery, r.Passes
	judged := rec.State != catalog.NotJudged && rec.State != ""
	sign, said := Recovered(r)
	s.row("state", sign, said)
	if judged {
		s.remark(Aside, fmt.Sprintf("back is where %s of the passes are good, for %s and until the end",
			percent(r.Settings.RecoveryShare), DurationOf(r.Settings.RecoveryHold)))
	}
	for _, t := range rec.Triggers[:min(maxTriggers, len(rec.Triggers))] {
		s.row("trigger", Active, fmt.Sprintf("%s — from %s to %s",
			ClipText(t.Spec), Duration(t.FromMS), Duration(t.ToMS)))
	}
	if left := len(rec.Triggers) - maxTriggers; left > 0 {
		s.row("trigger", None, More(Grouped(left)+" more"))
	}
	if judged {
		s.row("lowest", None, fmt.Sprintf("%s good, over %s from %s on",
			percent(rec.Lowest), DurationOf(r.Settings.RecoveryHold), Duration(rec.LowestAtMS)))
	}
	if rec.Sustained.Place != "" {
		s.row("sustained", Bad, fmt.Sprintf("by %s, which gets %s calls for each pass after the trigger",
			ClipName(rec.Sustained.Place), twoDecimals(rec.Sustained.CallsPerPass)))
	}
	s.row("passes", None, PassCounts(p))
	if p.Ended > 0 {
		s.row("took", None, Facts("p50 "+Duration(p.P50MS), "p99 "+Duration(p.P99MS)))
	}
	var rows [][]Cell
	for _, place := range r.Series.Places {
		made := sum(place.Calls)
		turned := map[catalog.EventKind]int{}
		for kind, counts := range place.Turned {
			turned[kind] = sum(counts)
		}
		rows = append(rows, Cells(
			ClipName(place.Place),
			Grouped(made),
			twoDecimals(float64(made)/float64(p.Offered)),
			Grouped(sum(place.Failed)),
			Grouped(sum(place.Abandoned)),
			Grouped(most(place.QueuedMax)),
			Counted(turned),
		))
	}
	s.table("what came to each dependency", []Column{
		{Title: "dependency"},
		{Title: "calls", Right: true},
		{Title: "a pass", Right: true},
		{Title: "failed", Right: true, Usual: "0"},
		{Title: "in vain", Right: true, Usual: "0", Spare: true},
		{Title: "queue", Right: true, Usual: "0"},
		{Title: "turned away", Flex: true},
	}, rows)
	return s
}

// Recovered is the state of recovery in words.
func Recovered(r *report.Report) (Sign, string) {
	rec := r.Recovery
	ended := "the trigger ended"
	if len(rec.Triggers) > 1 {
		ended = "the last trigger ended"
	}
	switch rec.State {
	case catalog.NeverFell:
		return Good, "never fell"
	case catalog.CameBack:
		return Good, fmt.Sprintf("came back %s after %s", Duration(rec.AfterMS), ended)
	case catalog.StaysDown:
		return Bad, "stays down after " + ended
	case catalog.NotWatched:
		return Warn, "not watched long enough after " + ended
	case catalog.NotJudged, "":
		return Idle, "not judged: no trigger ended"
	}
	return Bad, ClipName(catalog.Words(rec.State))
}

// PassCounts is what became of the passes of a load.
func PassCounts(p report.Passes) string {
	return Facts(
		Grouped(p.Offered)+" offered",
		fmt.Sprintf("%s good, %s", Grouped(p.Good), percent(float64(p.Good)/float64(max(p.Offered, 1)))),
		When(p.Ended > p.Good, Grouped(p.Ended-p.Good)+" not"),
		When(p.UnderWay > 0, Grouped(p.UnderWay)+" under way at the end"),
	)
}

// PlotTitle is what a plot shows.
func PlotTitle(p timeline.Plot) string {
	return When(p.Place != "", ClipName(p.Place)+": ") + string(p.Quantity)
}

// LineName is what a line of a plot shows.
func LineName(l timeline.Line) string { return ClipName(l.Name) }

// LineSign colors a line.
func LineSign(p timeline.Plot, l timeline.Line) Sign {
	switch {
	case l.Name == timeline.LineGood:
		return Good
	case l.Name == timeline.LineFailed:
		return Bad
	case l.Name == timeline.LineTail, p.Quantity == timeline.Waiting, p.Quantity == timeline.TurnedAway:
		return Warn
	}
	return Active
}

// Reading is a value of a quantity; "–" of what is not known.
func Reading(q timeline.Quantity, v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case q == timeline.Took:
		return Duration(v)
	case q.Rate():
		return amountOf(v) + "/s"
	}
	return amountOf(v)
}

// amountOf is a number that need not be whole: all digits before the point, or two.
func amountOf(v float64) string {
	if math.Abs(v) >= 10 && math.Abs(v) < 1<<53 {
		return Grouped(int64(math.Round(v)))
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}

// Highest is the highest of values; 0 of none that is above 0.
func Highest(values []float64) float64 {
	high := 0.0
	for _, v := range values {
		if v > high { // NaN is not
			high = v
		}
	}
	return high
}

// OverTime is the plots of a chart as a table of so many rows.
func OverTime(c *timeline.Chart, rows int) Grid {
	g := Grid{
		Caption: "the run over time",
		Cols:    []Column{{Title: "from", Right: true}, {Title: "to", Right: true}},
		Rows:    make([][]Cell, rows),
	}
	for i := range rows {
		from, to := float64(i)/float64(rows), float64(i+1)/float64(rows)
		g.Rows[i] = Cells(Duration(c.EndMS*from), Duration(c.EndMS*to))
	}
	for _, p := range c.Plots {
		for _, l := range p.Lines {
			name := fmt.Sprintf("%s, %s", PlotTitle(p), LineName(l))
			g.Cols = append(g.Cols, Column{Title: name + When(l.Run != "", ", "+ClipName(l.Run)), Right: true})
			for i, v := range l.Spread(p.Quantity, c.EndMS, rows) {
				g.Rows[i] = append(g.Rows[i], Cell{Text: Reading(p.Quantity, v)})
			}
		}
	}
	return g
}

// most is the largest of counts; 0 of none.
func most(counts []int) int { return slices.Max(append([]int{0}, counts...)) }

func sum(counts []int) int {
	all := 0
	for _, n := range counts {
		all += n
	}
	return all
}
