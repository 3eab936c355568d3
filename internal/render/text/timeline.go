package text

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"faultflow/internal/catalog"
	"faultflow/internal/render"
	"faultflow/internal/report"
	"faultflow/internal/timeline"
)

// stripsFrom is from how many cycles on each cycle gets a strip of its own, under the lanes of the whole run.
const stripsFrom = 4

// timelines draws several runs on one axis.
func (p *page) timelines(c *timeline.Chart) {
	if !render.Drawable(c) {
		return
	}
	defer func(width int) { p.width = width }(p.width)
	p.width = p.full
	p.heading("Timelines")
	p.legend(p.lanes(c))
	p.coverage(c)
}

// coverage says what a chart does not show.
func (p *page) coverage(c *timeline.Chart) {
	switch {
	case c.Summarised && c.Shown < c.Count:
		p.item(margin, render.Aside, fmt.Sprintf("the first %s of %s; events are not kept of so many", render.Grouped(
			c.Shown,
		), render.Amount(
			c.Count,
			"cycle",
		)))
	case c.Shown < c.Count:
		p.item(margin, render.Aside, fmt.Sprintf("the first %s of %s", render.Grouped(c.Shown), render.Amount(
			c.Count,
			"cycle",
		)))
	}
}

// timeline draws the run: a lane a node, a channel and a breaker on one axis, and, when cycles are many, a strip a
// cycle.
func (p *page) timeline(r *report.Report) {
	c := timeline.Of(r)
	if !render.Drawable(c) {
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

// lanes draws a chart's lanes and returns the kinds of items that were drawn. A lane that looks the same in all of
// several runs is drawn once.
func (p *page) lanes(c *timeline.Chart) (used []timeline.Kind) {
	lanes := faultsApart(c.Lanes)
	var g gutter
	g.most.title, g.most.label = min(20, p.width/4), min(20, p.width/5)
	runs := map[string]bool{}
	measure := func(title, run string) {
		runs[run] = true
		g.titled = max(g.titled, columns(g.title(title)))
		if run != "" {
			g.labelled = max(g.labelled, columns(g.label(run)), len(everywhere))
		}
	}
	for _, l := range lanes {
		measure(laneTitle(l), l.Run)
	}
	for _, plot := range c.Plots {
		for _, l := range plot.Lines {
			measure("  "+render.LineName(l), l.Run)
		}
	}
	room := p.width - g.width()
	if width := besidePeaks(c, room); width > 0 {
		g.peaks, room = true, width
	}
	a := newRuler(c.EndMS, room)
	p.line(g.head("", "") + p.ink.quiet(a.labels()))
	p.line(g.head("", "") + p.ink.quiet(a.marks()))
	above := slices.IndexFunc(lanes, func(l timeline.Lane) bool { return l.Sort != timeline.Triggers })
	if above < 0 {
		above = len(lanes)
	}
	used = p.rows(lanes[:above], len(runs), g, a)
	p.plots(c, len(runs), g, a)
	return append(used, p.rows(lanes[above:], len(runs), g, a)...)
}

// everywhere labels what is the same in all of several runs.
const everywhere = "all"

// rows draws a row a lane.
func (p *page) rows(lanes []timeline.Lane, runs int, g gutter, a ruler) (used []timeline.Kind) {
	for len(lanes) > 0 {
		first := lanes[0]
		var labels, drawings []string
		for len(
			lanes,
		) > 0 && (len(labels) == 0 || first.Run != "" && lanes[0].Sort == first.Sort && lanes[0].Name == first.Name) {
			row := a.row()
			row.draw(a, lanes[0].States, &used)
			row.draw(a, lanes[0].Items, &used)
			labels, drawings = append(labels, g.label(lanes[0].Run)), append(drawings, row.paint(p.ink))
			lanes = lanes[1:]
		}
		if len(drawings) > 1 && len(drawings) == runs && len(slices.Compact(slices.Clone(drawings))) == 1 {
			labels, drawings = []string{everywhere}, drawings[:1]
		}
		for i, drawing := range drawings {
			title := ""
			if i == 0 {
				title = g.title(laneTitle(first))
			}
			p.line(trimEnd(g.head(title, labels[i]) + drawing))
		}
	}
	return used
}

// faultsApart puts fired faults into lanes of their own: in the lanes where they fired the failures that follow would
// hide them.
func faultsApart(lanes []timeline.Lane) []timeline.Lane {
	var apart, faults []timeline.Lane
	for _, l := range lanes {
		var own []timeline.Item
		for _, it := range l.Items {
			if it.Kind != catalog.FaultFired {
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
		return "  " + render.ClipName(l.Name)
	case timeline.Breaker:
		if strings.Contains(l.Name, ".") {
			return "    breaker"
		}
		return "  breaker"
	}
	return render.ClipName(l.Name)
}

// ruler maps the times of an axis onto characters.
type ruler struct {
	render.Axis
	width int
}

// labelRoom is the least number of characters between ticks, for their labels.
const labelRoom = 10

func newRuler(endMS float64, width int) ruler {
	width = max(width, labelRoom)
	return ruler{render.NewAxis(endMS, float64(width)/labelRoom), width}
}

func (a ruler) column(ms float64) int {
	return min(max(int(ms/a.EndMS*float64(a.width)), 0), a.width-1)
}

func (a ruler) labels() string {
	line := ""
	for _, tick := range a.Ticks() {
		at := a.column(tick.MS)
		if gap := at - columns(line); (gap > 0 || line == "") && at+columns(tick.Label) <= a.width {
			line += strings.Repeat(" ", gap) + tick.Label
		}
	}
	return line
}

func (a ruler) marks() string {
	marks := slices.Repeat([]string{"─"}, a.width)
	for _, tick := range a.Ticks() {
		marks[a.column(tick.MS)] = "┬"
	}
	return strings.Join(marks, "")
}

// strip is one row of characters on an axis.
type strip []mark

type mark struct {
	symbol string
	rank   int
	sign   render.Sign
}

func (a ruler) row() strip { return make(strip, a.width) }

// draw puts items on the row, and their kinds into used.
func (s strip) draw(a ruler, items []timeline.Item, used *[]timeline.Kind) {
	for _, it := range items {
		if g := render.LookOf(it.Kind).Glyph; g != (render.Glyph{}) {
			s.put(a, it, g)
			*used = append(*used, it.Kind)
		}
	}
}

func (s strip) put(a ruler, it timeline.Item, g render.Glyph) {
	from, to := a.column(it.FromMS), a.column(it.ToMS)
	if to > from && float64(to)*a.EndMS >= it.ToMS*float64(a.width) { // it ends where the next character begins
		to--
	}
	for i := from; i <= to; i++ {
		s.set(i, mark{g.Fill, g.FillRank, g.Sign})
	}
	s.set(to, mark{g.End, g.EndRank, g.Sign})
}

// set puts a mark on a character. A moment that falls on another one's character goes beside it if there is room:
// that a call was rejected and that a fallback followed are two things, and they happen at one time.
func (s strip) set(i int, m mark) {
	if s[i].moment() && m.moment() && s[i].symbol != m.symbol && i+1 < len(s) && !s[i+1].moment() {
		i++
	}
	if m.symbol != "" && m.rank > s[i].rank {
		s[i] = m
	}
}

func (m mark) moment() bool { return m.rank >= render.MomentRank }

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

// strips draws a strip a cycle: its nodes one after the other, each attempt under its node's first letter. Cycles in
// a row in which the same happened share a strip.
func (p *page) strips(r *report.Report, c *timeline.Chart) (used []timeline.Kind) {
	longest, numbered, timed := 0.0, len("cycle"), len("at")
	for _, cycle := range r.Cycles.List {
		longest = max(longest, cycle.DurationMS)
		numbered = max(numbered, 2*columns(render.Grouped(cycle.Number))+1) // "9–12"
		timed = max(timed, columns(render.Duration(cycle.StartMS)))
	}
	head := func(numbers, at string) (string, string) {
		return text.Pad(
			strings.Repeat(" ", margin)+numbers,
			margin+numbered+columnGap,
			' ',
		), text.Pad(at, timed+columnGap, ' ')
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
			if it.Kind != catalog.FaultFired && !ranOnly(it.Kind) {
				it.Place = catalog.Place(l.Name)
				items[it.Cycle] = append(items[it.Cycle], it)
			}
		}
	}
	if len(items) == 0 || !(longest > 0) {
		return nil
	}
	const times = len(" × 1,000") - 1 // × is two bytes
	a := newRuler(longest, p.width-gutter-times)
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
			g := render.LookOf(it.Kind).Glyph
			if it.Kind == catalog.AttemptSucceeded {
				g.Fill = letters[string(it.Place)]
			} else {
				used = append(used, it.Kind)
			}
			row.put(a, it, g)
		}
		shape := row.shape() + string(cycle.Verdict) + string(cycle.Origin) + string(cycle.Mode) + cycle.Channel
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
	most := render.Brief().Cycles
	for _, row := range rows[:min(most, len(rows))] {
		numbers := render.Grouped(row.first.Number)
		if row.count > 1 {
			numbers += "–" + render.Grouped(row.last.Number)
		}
		first, second := head(numbers, render.Duration(row.first.StartMS))
		_, ink := p.ink.of(render.VerdictSign(row.first.Verdict))
		line := ink(first) + p.ink.quiet(second) + row.strip.paint(p.ink)
		p.line(trimEnd(line) + p.ink.quiet(render.When(row.count > 1, " × "+render.Grouped(row.count))))
	}
	if left := len(rows) - most; left > 0 {
		p.item(margin, render.None, render.More(render.Amount(left, "more strip")))
	}
	var names []string
	for _, l := range c.Lanes {
		if letter := letters[l.Name]; l.Sort == timeline.Node && slices.ContainsFunc(
			l.Items,
			func(it timeline.Item) bool { return it.Kind == catalog.AttemptSucceeded },
		) {
			names = append(names, letter+" "+render.ClipName(l.Name))
		}
	}
	p.line("")
	p.item(margin, render.Aside, render.Facts(names...))
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
	for _, look := range render.Looks() {
		part := strings.ReplaceAll(look.Glyph.Fill+look.Glyph.End+" "+legendWord(look), " ", render.Tie)
		if slices.Contains(used, look.Kind) && !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	p.item(margin, render.Aside, render.Facts(parts...))
}

// legendWord says of verdicts that they are those of cycles: channels are degraded as well.
func legendWord(l render.Look) string {
	if _, ok := l.Kind.(catalog.Verdict); ok {
		return "cycle " + l.Word()
	}
	return l.Word()
}

// ranOnly is true for a node's run as a whole.
func ranOnly(k timeline.Kind) bool { return k == catalog.NodeStarted || k == catalog.NodeDone }
