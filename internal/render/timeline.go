package render

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"faultflow/internal/report"
	"faultflow/internal/timeline"
)

// glyph is how a kind of item looks in a row of one character a moment. Symbols differ without color; where several
// items fall on one character, the one of the highest rank is seen.
type glyph struct {
	// fill is drawn over the item's whole length, end on its last character; "" draws nothing.
	fill, end         string
	fillRank, endRank int
	sign              sign
	label             string
}

// momentRank and higher ranks are of moments; lower ones are of what lasts.
const momentRank = 15

// glyphs is in the order of the legend.
var glyphs = []struct {
	kind timeline.Kind
	glyph
}{
	{timeline.CycleSuccess, glyph{fill: "█", fillRank: 10, sign: good, label: "cycle succeeded"}},
	{timeline.CycleDegraded, glyph{fill: "▒", fillRank: 11, sign: warn, label: "cycle degraded"}},
	{timeline.CycleFailed, glyph{fill: "x", fillRank: 12, sign: bad, label: "cycle failed"}},
	{timeline.Checking, glyph{fill: "°", fillRank: 2, sign: aside, label: "health check"}},
	{timeline.Succeeded, glyph{fill: "█", fillRank: 5, sign: good, label: "attempt"}},
	{timeline.Failed, glyph{fill: "▒", end: "✗", fillRank: 6, endRank: 20, sign: bad, label: "failed"}},
	{timeline.TimedOut, glyph{fill: "▒", end: "T", fillRank: 6, endRank: 21, sign: bad, label: "timed out"}},
	{timeline.Unfinished, glyph{fill: "▒", end: "?", fillRank: 6, endRank: 22, sign: warn, label: "unfinished"}},
	{timeline.Waiting, glyph{fill: "┄", fillRank: 3, sign: active, label: "waiting"}},
	{timeline.Rejected, glyph{fill: "⊘", fillRank: 18, sign: warn, label: "rejected by an open breaker"}},
	{timeline.Full, glyph{fill: "B", fillRank: 18, sign: warn, label: "bulkhead full"}},
	{timeline.Fallback, glyph{fill: "↓", fillRank: 23, sign: warn, label: "fallback"}},
	{timeline.NodeFailed, glyph{fill: "✘", fillRank: 24, sign: bad, label: "node failed"}},
	{timeline.RecordFailed, glyph{fill: "r", fillRank: 17, sign: warn, label: "records failed alone"}},
	{timeline.Unhealthy, glyph{fill: "h", fillRank: 16, sign: warn, label: "unhealthy"}},
	{timeline.Skipped, glyph{fill: "-", fillRank: 4, sign: aside, label: "left out"}},
	{timeline.Spooled, glyph{fill: "s", fillRank: 19, sign: warn, label: "spooled"}},
	{timeline.Ran, glyph{fill: "▪", fillRank: 1, sign: aside, label: "ran"}},
	{timeline.Closed, glyph{fill: "─", fillRank: 1, sign: good, label: "closed"}},
	{timeline.Open, glyph{fill: "▓", fillRank: 3, sign: bad, label: "open"}},
	{timeline.HalfOpen, glyph{fill: "◐", fillRank: 4, sign: warn, label: "half-open"}},
	{timeline.Degraded, glyph{fill: "~", fillRank: 2, sign: warn, label: "degraded"}},
	{timeline.Down, glyph{fill: "=", fillRank: 2, sign: bad, label: "down"}},
	{timeline.FaultFired, glyph{fill: "!", fillRank: 15, sign: warn, label: "fault fired"}},
}

func glyphOf(k timeline.Kind) (glyph, bool) {
	for _, g := range glyphs {
		if g.kind == k {
			return g.glyph, true
		}
	}
	return glyph{}, false // healthy, or a state that this version does not know: the row stays blank
}

// stripsFrom is from how many cycles on each cycle gets a strip of its own, under the lanes of the whole run.
const stripsFrom = 4

// timelines draws several runs on one axis.
func (p *page) timelines(c *timeline.Chart) {
	if !drawable(c) {
		return
	}
	defer func(width int) { p.width = width }(p.width)
	p.width = p.full
	p.heading("Timelines")
	p.legend(p.lanes(c))
	p.coverage(c)
}

// drawable charts have something to show.
func drawable(c *timeline.Chart) bool {
	happened := func(l timeline.Lane) bool { return len(l.Items) > 0 || l.Sort == timeline.Breaker }
	return slices.ContainsFunc(c.Lanes, happened) && c.EndMS > 0
}

// coverage says what a chart does not show.
func (p *page) coverage(c *timeline.Chart) {
	switch {
	case c.Summarised:
		p.item(margin, aside, fmt.Sprintf("the first %s of %s; events are not kept of so many", number(c.Shown), amount(c.Count, "cycle")))
	case c.Shown < c.Count:
		p.item(margin, aside, fmt.Sprintf("the first %s of %s", number(c.Shown), amount(c.Count, "cycle")))
	}
}

// timeline draws the run: a lane a node, a channel and a breaker on one axis, and, when cycles are many, a strip a cycle.
func (p *page) timeline(r *report.Report) {
	c := timeline.Of(r)
	if !drawable(c) {
		return
	}
	defer func(width int) { p.width = width }(p.width)
	p.width = p.full
	p.heading("Timeline")
	used := p.lanes(c)
	if c.Count >= stripsFrom {
		used = append(used, p.strips(r, c)...)
	}
	p.legend(used)
	p.coverage(c)
}

// lanes draws a chart's lanes and returns the kinds of items that were drawn. A lane that looks the same in all of several
// runs is drawn once.
func (p *page) lanes(c *timeline.Chart) (used []timeline.Kind) {
	lanes := faultsApart(c.Lanes)
	const everywhere = "all"
	title := func(l timeline.Lane) string { return snip(laneTitle(l), min(20, p.width/4)) }
	label := func(l timeline.Lane) string { return snip(name(l.Run), min(20, p.width/5)) }
	titled, labelled, runs := 0, 0, map[string]bool{}
	for _, l := range lanes {
		runs[l.Run] = true
		titled = max(titled, columns(title(l)))
		if l.Run != "" {
			labelled = max(labelled, columns(label(l)), len(everywhere))
		}
	}
	gutter := margin + titled + columnGap
	if labelled > 0 {
		gutter += labelled + columnGap
	}
	a := newAxis(c.EndMS, p.width-gutter)
	p.line(strings.Repeat(" ", gutter) + p.ink.quiet(a.labels()))
	p.line(strings.Repeat(" ", gutter) + p.ink.quiet(a.marks()))
	for len(lanes) > 0 {
		first := lanes[0]
		var labels, drawings []string
		for len(lanes) > 0 && (len(labels) == 0 || first.Run != "" && lanes[0].Sort == first.Sort && lanes[0].Name == first.Name) {
			row := a.row()
			row.draw(a, lanes[0].States, &used)
			row.draw(a, lanes[0].Items, &used)
			labels, drawings = append(labels, label(lanes[0])), append(drawings, row.paint(p.ink))
			lanes = lanes[1:]
		}
		if len(drawings) > 1 && len(drawings) == len(runs) && len(slices.Compact(slices.Clone(drawings))) == 1 {
			labels, drawings = []string{everywhere}, drawings[:1]
		}
		for i, drawing := range drawings {
			head := strings.Repeat(" ", margin)
			if i == 0 {
				head += title(first)
			}
			head = text.Pad(head, margin+titled+columnGap, ' ')
			p.line(trimEnd(text.Pad(head+labels[i], gutter, ' ') + drawing))
		}
	}
	return used
}

// faultsApart puts fired faults into lanes of their own: in the lanes where they fired the failures that follow would hide
// them.
func faultsApart(lanes []timeline.Lane) []timeline.Lane {
	var apart, faults []timeline.Lane
	for _, l := range lanes {
		var own []timeline.Item
		for _, it := range l.Items {
			if it.Kind != timeline.FaultFired {
				own = append(own, it)
				continue
			}
			i := slices.IndexFunc(faults, func(f timeline.Lane) bool { return f.Run == l.Run })
			if i < 0 {
				i = len(faults)
				faults = append(faults, timeline.Lane{Name: "faults", Run: l.Run})
			}
			faults[i].Items = append(faults[i].Items, it)
		}
		l.Items = own
		apart = append(apart, l)
	}
	return append(apart, faults...)
}

func laneTitle(l timeline.Lane) string {
	switch l.Sort {
	case timeline.Channel:
		return "  " + name(l.Name)
	case timeline.Breaker:
		if strings.Contains(l.Name, ".") {
			return "    breaker"
		}
		return "  breaker"
	}
	return name(l.Name)
}

// axis maps times onto characters.
type axis struct {
	endMS, stepMS float64
	width         int
}

func newAxis(endMS float64, width int) axis {
	a := axis{endMS: endMS, width: max(width, 10)}
	a.stepMS = a.step()
	return a
}

// step is the smallest round time between ticks that leaves room for their labels.
func (a axis) step() float64 {
	const room = 10
	for scale := 1.0; scale < 1e15; scale *= 10 {
		for _, s := range []float64{1, 2, 5} {
			if s*scale < 60_000 && s*scale/a.endMS*float64(a.width) >= room {
				return s * scale
			}
		}
	}
	for minutes := 1.0; minutes < 1e12; minutes *= 60 { // minutes, hours, and on
		for _, s := range []float64{1, 2, 5, 10, 15, 30} {
			if s*minutes*60_000/a.endMS*float64(a.width) >= room {
				return s * minutes * 60_000
			}
		}
	}
	return math.Inf(1)
}

func (a axis) column(ms float64) int {
	return min(max(int(ms/a.endMS*float64(a.width)), 0), a.width-1)
}

// ticks calls each for every tick's time and column.
func (a axis) ticks(each func(ms float64, column int)) {
	each(0, 0)
	for i := 1.0; i*a.stepMS < a.endMS; i++ {
		each(i*a.stepMS, a.column(i*a.stepMS))
	}
}

func (a axis) labels() string {
	line := ""
	a.ticks(func(ms float64, column int) {
		label := tickLabel(ms)
		if gap := column - columns(line); (gap > 0 || line == "") && column+columns(label) <= a.width {
			line += strings.Repeat(" ", gap) + label
		}
	})
	return line
}

// tickLabel is span without the parts that are 0 at round times.
func tickLabel(ms float64) string {
	const minute, hour = 60_000.0, 3_600_000.0
	switch {
	case ms == 0:
		return "0"
	case math.Mod(ms, hour) == 0 && ms < 1e15:
		return number(int64(ms/hour)) + tie + "h"
	case math.Mod(ms, minute) == 0 && ms < hour:
		return number(int64(ms/minute)) + tie + "m"
	}
	return span(ms)
}

func (a axis) marks() string {
	marks := slices.Repeat([]string{"─"}, a.width)
	a.ticks(func(_ float64, column int) { marks[column] = "┬" })
	return strings.Join(marks, "")
}

// strip is one row of characters on an axis.
type strip []mark

type mark struct {
	symbol string
	rank   int
	sign   sign
}

func (a axis) row() strip { return make(strip, a.width) }

// draw puts items on the row, and their kinds into used.
func (s strip) draw(a axis, items []timeline.Item, used *[]timeline.Kind) {
	for _, it := range items {
		if g, known := glyphOf(it.Kind); known {
			s.put(a, it, g)
			*used = append(*used, it.Kind)
		}
	}
}

func (s strip) put(a axis, it timeline.Item, g glyph) {
	from, to := a.column(it.FromMS), a.column(it.ToMS)
	if to > from && float64(to)*a.endMS >= it.ToMS*float64(a.width) { // it ends where the next character begins
		to--
	}
	for i := from; i <= to; i++ {
		s.set(i, mark{g.fill, g.fillRank, g.sign})
	}
	s.set(to, mark{g.end, g.endRank, g.sign})
}

// set puts a mark on a character. A moment that falls on another one's character goes beside it if there is room: that a
// call was rejected and that a fallback followed are two things, and they happen at one time.
func (s strip) set(i int, m mark) {
	if s[i].moment() && m.moment() && s[i].symbol != m.symbol && i+1 < len(s) && !s[i+1].moment() {
		i++
	}
	if m.symbol != "" && m.rank > s[i].rank {
		s[i] = m
	}
}

func (m mark) moment() bool { return m.rank >= momentRank }

// paint colors what belongs together at once.
func (s strip) paint(k palette) string {
	var out strings.Builder
	for i := 0; i < len(s); {
		j := i
		var same strings.Builder
		for ; j < len(s) && s[j].sign == s[i].sign; j++ {
			if s[j].symbol == "" {
				same.WriteByte(' ')
			}
			same.WriteString(s[j].symbol)
		}
		ink, _ := k.of(s[i].sign)
		if strings.TrimSpace(same.String()) == "" {
			ink = k.plain
		}
		out.WriteString(ink(same.String()))
		i = j
	}
	return out.String()
}

// shape is the row without lengths: what came after what.
func (s strip) shape() string {
	var out strings.Builder
	last := ""
	for _, m := range s {
		if m.symbol != "" && m.symbol != last {
			out.WriteString(m.symbol)
		}
		last = m.symbol
	}
	return out.String()
}

// strips draws a strip a cycle: its nodes one after the other, each attempt under its node's first letter. Cycles in a row
// in which the same happened share a strip.
func (p *page) strips(r *report.Report, c *timeline.Chart) (used []timeline.Kind) {
	longest, numbered, timed := 0.0, len("cycle"), len("at")
	for _, cycle := range r.Cycles.List {
		longest = max(longest, cycle.DurationMS)
		numbered = max(numbered, 2*columns(number(cycle.Number))+1) // "9–12"
		timed = max(timed, columns(span(cycle.StartMS)))
	}
	head := func(numbers, at string) (string, string) {
		return text.Pad(strings.Repeat(" ", margin)+numbers, margin+numbered+columnGap, ' '), text.Pad(at, timed+columnGap, ' ')
	}
	gutter := margin + numbered + columnGap + timed + columnGap

	items := map[int][]timeline.Item{}
	letters := map[string]string{}
	for _, l := range c.Lanes {
		if l.Sort != timeline.Node {
			continue
		}
		letters[l.Name] = firstLetter(l.Name)
		for _, it := range l.Items {
			if it.Kind != timeline.FaultFired && it.Kind != timeline.Ran {
				it.Place = l.Name
				items[it.Cycle] = append(items[it.Cycle], it)
			}
		}
	}
	if len(items) == 0 || !(longest > 0) {
		return nil
	}
	const times = len(" × 1,000") - 1 // × is two bytes
	a := newAxis(longest, p.width-gutter-times)
	type folded struct {
		strip       strip
		first, last report.Cycle
		shape       string
		count       int
	}
	var rows []folded
	for _, cycle := range r.Cycles.List {
		row := a.row()
		for _, it := range items[cycle.Number] {
			it.FromMS, it.ToMS = it.FromMS-cycle.StartMS, it.ToMS-cycle.StartMS
			g, known := glyphOf(it.Kind)
			if !known {
				continue
			}
			if it.Kind == timeline.Succeeded {
				g.fill = letters[it.Place]
			} else {
				used = append(used, it.Kind)
			}
			row.put(a, it, g)
		}
		shape := row.shape() + string(cycle.Verdict) + string(cycle.Origin) + cycle.Mode + cycle.Channel
		if n := len(rows); n > 0 && rows[n-1].shape == shape {
			rows[n-1].last, rows[n-1].count = cycle, rows[n-1].count+1
			continue
		}
		rows = append(rows, folded{row, cycle, cycle, shape, 1})
	}
	p.line("")
	first, second := head("cycle", "at")
	p.line(p.ink.quiet(first + second + a.labels()))
	p.line(strings.Repeat(" ", gutter) + p.ink.quiet(a.marks()))
	most := brief().cycles
	for _, row := range rows[:min(most, len(rows))] {
		numbers := number(row.first.Number)
		if row.count > 1 {
			numbers += "–" + number(row.last.Number)
		}
		first, second := head(numbers, span(row.first.StartMS))
		_, ink := p.ink.of(verdictSign(row.first.Verdict))
		line := ink(first) + p.ink.quiet(second) + row.strip.paint(p.ink)
		p.line(trimEnd(line) + p.ink.quiet(when(row.count > 1, " × "+number(row.count))))
	}
	if left := len(rows) - most; left > 0 {
		p.item(margin, none, more(amount(left, "more strip")))
	}
	var names []string
	for _, l := range c.Lanes {
		if letter := letters[l.Name]; l.Sort == timeline.Node && slices.ContainsFunc(l.Items, func(it timeline.Item) bool { return it.Kind == timeline.Succeeded }) {
			names = append(names, letter+" "+name(l.Name))
		}
	}
	p.line("")
	p.item(margin, aside, facts(names...))
	return used
}

func firstLetter(s string) string {
	for _, r := range report.Clean(s) {
		if letter := string(r); columns(letter) == 1 {
			return letter
		}
	}
	return "#"
}

// legend explains the symbols that were drawn.
func (p *page) legend(used []timeline.Kind) {
	var parts []string
	for _, g := range glyphs {
		if slices.Contains(used, g.kind) {
			parts = append(parts, strings.ReplaceAll(g.fill+g.end+" "+g.label, " ", tie))
		}
	}
	p.item(margin, aside, facts(parts...))
}
