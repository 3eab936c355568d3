package render

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"faultflow/internal/report"
	"faultflow/internal/timeline"
)

// chart is the timeline of the page. Places on its axis are shares of its width, so that zooming needs no more than a
// wider picture; heights are pixels.
type chart struct {
	Title  string
	Lanes  []chartLane
	Ticks  []chartTick
	Height int
	EndMS  float64
	// Steps are the distances between ticks to choose from when it is zoomed, in milliseconds, with spaces between them.
	Steps string
	Notes []string
	Table *htmlTable
	// More is how many rows the table has not.
	More string
}

type chartLane struct {
	Sort, Name string
	// Run is "" unless there are several.
	Run   string
	Y     int
	Marks []chartMark
}

// chartMark is a bar, or a symbol at a moment (Width is "").
type chartMark struct {
	Class, X, Width string
	Y, H            int
	// Tip is "" for what has no tooltip.
	Tip string
}

type chartTick struct{ X, Label string }

const (
	laneHeight = 32
	axisHeight = 28
	// maxTips and maxMarks keep the page of a long run small. What goes as it should is first to lose its tooltip or its place.
	maxTips  = 3000
	maxMarks = 15_000
	maxRows  = 400
)

// look is how a kind of item is drawn. Its shape tells what its color tells.
type look struct {
	class string
	// y and h are within the lane; a symbol has no h.
	y, h int
	// usual is what happens when nothing goes wrong.
	usual bool
	word  string
}

func lookOf(k timeline.Kind) look {
	switch k {
	case timeline.Ran:
		return look{"ran", 5, 22, true, "ran"}
	case timeline.Succeeded:
		return look{"ok", 10, 12, true, "succeeded"}
	case timeline.Failed:
		return look{"no", 7, 18, false, "failed"}
	case timeline.TimedOut:
		return look{"late", 7, 18, false, "timed out"}
	case timeline.Unfinished:
		return look{"cutoff", 10, 12, false, "was cut off"}
	case timeline.Checking:
		return look{"check", 13, 6, true, "health check"}
	case timeline.Waiting:
		return look{"wait", 14, 4, false, "waited"}
	case timeline.FaultFired:
		return look{"fault", 7, 0, false, "fault fired"}
	case timeline.Unhealthy:
		return look{"cross", 16, 0, false, "health check failed"}
	case timeline.Rejected:
		return look{"reject", 11, 0, false, "rejected"}
	case timeline.Full:
		return look{"reject", 11, 0, false, "bulkhead full"}
	case timeline.RecordFailed:
		return look{"record", 16, 0, false, "failed alone"}
	case timeline.Fallback:
		return look{"fallback", 24, 0, false, "fallback"}
	case timeline.NodeFailed:
		return look{"cross", 16, 0, false, "node failed"}
	case timeline.Skipped:
		return look{"skip", 16, 0, false, "left out"}
	case timeline.Spooled:
		return look{"spool", 16, 0, false, "spooled"}
	case timeline.Closed, timeline.Healthy:
		return look{"calm", 15, 3, true, string(k)}
	case timeline.HalfOpen, timeline.Degraded:
		return look{"half", 12, 9, false, string(k)}
	case timeline.Open, timeline.Down:
		return look{"open", 8, 17, false, string(k)}
	case timeline.CycleSuccess:
		return look{"ok", 13, 6, true, "success"}
	case timeline.CycleDegraded:
		return look{"half", 10, 12, false, "degraded"}
	case timeline.CycleFailed:
		return look{"open", 7, 18, false, "failed"}
	}
	return look{"cross", 16, 0, false, words(name(string(k)))}
}

// newChart returns nil where there is nothing on the axis.
func newChart(t *timeline.Chart) *chart {
	if len(t.Lanes) == 0 || !(t.EndMS > 0) || math.IsInf(t.EndMS, 1) {
		return nil
	}
	steps := tickSteps()
	c := &chart{Title: "Timeline", EndMS: t.EndMS, Steps: strings.Trim(fmt.Sprint(steps), "[]"), Height: axisHeight + laneHeight*len(t.Lanes)}
	step := steps[len(steps)-1]
	if i := slices.IndexFunc(steps, func(s float64) bool { return s >= t.EndMS/8 }); i >= 0 {
		step = steps[i]
	}
	for at := 0.0; at <= t.EndMS && len(c.Ticks) < 12; at += step {
		c.Ticks = append(c.Ticks, chartTick{c.x(at), clockTime(at, step)})
	}
	drawn, told := c.budgets(t)
	for i, l := range t.Lanes {
		lane := chartLane{Sort: string(l.Sort), Name: name(l.Name), Run: name(l.Run), Y: axisHeight + i*laneHeight}
		for _, it := range backToFront(l) {
			if !drawn.has(it) {
				continue
			}
			how := lookOf(it.Kind)
			if l.Sort == timeline.Channel { // states stand under the calls
				switch it.Kind {
				case timeline.Healthy:
					how.y, how.h = 27, 1
				case timeline.Degraded:
					how.y, how.h = 27, 3
				case timeline.Down:
					how.y, how.h = 27, 5
				}
			}
			m := chartMark{Class: how.class, X: c.x(it.FromMS), Y: how.y, H: how.h}
			if how.h > 0 {
				m.Width = c.width(it.FromMS, it.ToMS)
			}
			if told.has(it) {
				m.Tip = tip(l, it, how)
			}
			lane.Marks = append(lane.Marks, m)
		}
		c.Lanes = append(c.Lanes, lane)
	}
	c.notes(t, drawn, told)
	c.table(t)
	return c
}

// backToFront puts what is long behind what is short.
func backToFront(l timeline.Lane) []timeline.Item {
	layer := func(it timeline.Item) int {
		switch it.Kind {
		case timeline.Ran:
			return 0
		case timeline.Waiting:
			return 1
		}
		return 2
	}
	all := slices.Concat(l.States, l.Items)
	slices.SortStableFunc(all, func(a, b timeline.Item) int { return layer(a) - layer(b) })
	return all
}

// budget is which items a chart has room for: all, or the notable ones that began before a time.
type budget struct {
	all     bool
	untilMS float64
}

func (b budget) has(it timeline.Item) bool {
	return b.all || !lookOf(it.Kind).usual && it.FromMS < b.untilMS
}

// budgets returns what is drawn, and what of it has a tooltip. All lanes are treated alike.
func (c *chart) budgets(t *timeline.Chart) (drawn, told budget) {
	total := 0
	var notable []float64
	for _, l := range t.Lanes {
		for _, it := range slices.Concat(l.States, l.Items) {
			if total++; !lookOf(it.Kind).usual {
				notable = append(notable, it.FromMS)
			}
		}
	}
	slices.Sort(notable)
	room := func(most int) budget {
		b := budget{all: total <= most, untilMS: math.Inf(1)}
		if len(notable) > most {
			b.untilMS = notable[most]
		}
		return b
	}
	return room(maxMarks), room(maxTips)
}

func (c *chart) notes(t *timeline.Chart, drawn, told budget) {
	limit := func(what string, b budget) {
		if b.all {
			return
		}
		until := ""
		if !math.IsInf(b.untilMS, 1) {
			until = ", up to " + span(b.untilMS)
		}
		c.Notes = append(c.Notes, "This run is long: "+what+until+".")
	}
	if t.Shown < t.Count {
		c.Notes = append(c.Notes, fmt.Sprintf("It shows the first %s of %s.", number(t.Shown), amount(t.Count, "cycle")))
	}
	if t.Summarised {
		c.Notes = append(c.Notes, "The report has too many cycles to keep every attempt: it shows cycles and breakers only.")
	}
	limit("only what is out of the ordinary is drawn", drawn)
	limit("only what is out of the ordinary has a tooltip", told)
	for i := range c.Notes {
		c.Notes[i] = report.Clean(c.Notes[i])
	}
}

// table says the same as the picture, in the order of time. What a node did between its attempts is left out.
func (c *chart) table(t *timeline.Chart) {
	type entry struct {
		lane timeline.Lane
		item timeline.Item
	}
	var list []entry
	for _, l := range t.Lanes {
		for _, it := range slices.Concat(l.States, l.Items) {
			if it.Kind != timeline.Ran && it.Kind != timeline.Checking {
				list = append(list, entry{l, it})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b entry) int { return cmp.Compare(a.item.FromMS, b.item.FromMS) })
	if left := len(list) - maxRows; left > 0 {
		c.More = report.Clean(more(amount(left, "more row") + "; the JSON report has all events"))
		list = list[:maxRows]
	}
	var rows [][]cell
	for _, e := range list {
		it := e.item
		took, cycle, attempt := "", "", ""
		if it.ToMS > it.FromMS {
			took = span(it.ToMS - it.FromMS)
		}
		if it.Cycle > 0 {
			cycle = number(it.Cycle)
		}
		if it.Attempt > 0 {
			attempt = number(it.Attempt)
		}
		rows = append(rows, texts(span(it.FromMS), took, cycle, string(e.lane.Sort)+" "+laneName(e.lane), lookOf(it.Kind).word, attempt,
			facts(when(it.Count > 1, number(it.Count)+" times"), name(it.Class), note(it.Detail))))
	}
	c.Table = newHTMLTable(grid{"the timeline as a table", []column{{title: "at", right: true}, {title: "took", right: true}, {title: "cycle", right: true},
		{title: "lane"}, {title: "what"}, {title: "attempt", right: true}, {title: "detail"}}, rows})
}

// laneName names a lane's run too, where there are several.
func laneName(l timeline.Lane) string {
	return name(l.Name) + when(l.Run != "", " ("+name(l.Run)+")")
}

// tip tells one item in full.
func tip(l timeline.Lane, it timeline.Item, how look) string {
	what := laneName(l) + ": "
	switch {
	case l.Sort == timeline.Cycles:
		what = fmt.Sprintf("%scycle %s: %s", when(l.Run != "", name(l.Run)+", "), number(it.Cycle), how.word)
	case it.Attempt > 0 && it.Kind != timeline.Waiting && it.Kind != timeline.FaultFired:
		what += fmt.Sprintf("attempt %s %s", number(it.Attempt), how.word)
	default:
		what += how.word
	}
	if it.ToMS > it.FromMS {
		word := " for "
		if it.Kind == timeline.Failed || it.Kind == timeline.TimedOut {
			word = " after "
		}
		what += word + span(it.ToMS-it.FromMS)
	}
	return report.Clean(strings.ReplaceAll(facts(what, when(it.Count > 1, amount(it.Count, "record")), "at "+span(it.FromMS),
		when(it.Cycle > 0 && l.Sort != timeline.Cycles, "cycle "+number(it.Cycle)), name(it.Class), snip(report.Clean(it.Detail), 140)), tie, " "))
}

// x is a time as a share of the axis.
func (c *chart) x(ms float64) string { return share(ms / c.EndMS) }

// width is never 0: browsers draw nothing of that, but the outline of what is as short as this.
func (c *chart) width(from, to float64) string {
	const shortest = 1e-6
	return share(max(min(to, c.EndMS)/c.EndMS-max(from, 0)/c.EndMS, shortest))
}

// share writes a ratio as percent; what is none counts as 0 or 1.
func share(ratio float64) string {
	if !(ratio > 0) { // NaN too
		return "0"
	}
	return strconv.FormatFloat(math.Round(min(ratio, 1)*1e6)/1e4, 'f', -1, 64) + "%"
}

func tickSteps() []float64 {
	const second, minute, hour, day = 1e3, 60e3, 3600e3, 24 * 3600e3
	return []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, second, 2 * second, 5 * second, 10 * second, 15 * second, 30 * second,
		minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute, hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour,
		day, 7 * day, 30 * day, 365 * day, 3650 * day}
}

// clockTime is short: 250 ms, 5 s, 1:05 or 2:05:00.
func clockTime(ms, step float64) string {
	s := ms / 1000
	switch {
	case ms == 0:
		return "0"
	case step < 1000 && ms < 1000:
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	case step < 1000:
		return strconv.FormatFloat(s, 'f', 3, 64) + " s"
	case s < 60:
		return strconv.FormatFloat(s, 'f', 0, 64) + " s"
	case s < 3600:
		return fmt.Sprintf("%.0f:%02.0f", math.Floor(s/60), math.Mod(s, 60))
	}
	return fmt.Sprintf("%.0f:%02.0f:%02.0f", math.Floor(s/3600), math.Floor(math.Mod(s, 3600)/60), math.Mod(s, 60))
}
