package html

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/render"
	"faultflow/internal/report"
	"faultflow/internal/timeline"
)

// chart is the timeline of the page. Places on its axis are shares of its width, so that zooming needs no more than a
// wider picture; heights are pixels.
type chart struct {
	Title string
	// Above are the lanes above the plots, Lanes those below.
	Above, Lanes []chartLane
	Plots        []chartPlot
	// Shades are the triggers, behind the plots.
	Shades []chartMark
	Ticks  []chartTick
	Height int
	EndMS  float64
	// Steps are the distances between ticks to choose from when it is zoomed, in milliseconds, with spaces between
	// them.
	Steps string
	Notes []string
	// Legend explains the shapes.
	Legend []legendEntry
	Table  *htmlTable
	// OverTime says the same as the plots.
	OverTime *htmlTable
	// More says how many rows the table has not.
	More string
}

type chartLane struct {
	Sort, Name string
	// Run is "" unless there are several.
	Run   string
	Y     int
	Marks []chartMark
	// Crowded lanes have thinner marks.
	Crowded bool
}

type legendEntry struct {
	Bar, Symbol string
	// Y and H are those of a bar in the legend's small picture.
	Y    float64
	H    int
	Text string
}

// chartMark is a bar, or a symbol at a moment (Width is "").
type chartMark struct {
	Class, X, Width string
	Y, H            int
	// Tip is "" for what has no tooltip.
	Tip string
	// Zoom is how far the picture must be zoomed for the mark to have room, 0 where it always has.
	Zoom int
	rank int
	// at is the place of a symbol, from 0 to 1.
	at float64
}

type chartTick struct{ X, Label string }

const (
	laneHeight = 32
	axisHeight = 28
	// maxTips and maxMarks keep the page of a long run small. What goes as it should is first to lose its tooltip or
	// its place.
	maxIntervals = 8 // between ticks, on a page that is not zoomed
	maxTips      = 3000
	maxMarks     = 15_000
	maxRows      = 400
)

// newChart returns nil where there is nothing on the axis, which has at least the length.
func newChart(t *timeline.Chart, length time.Duration) *chart {
	t.EndMS = max(t.EndMS, float64(length)/float64(time.Millisecond))
	if len(t.Lanes)+len(t.Plots) == 0 || !(t.EndMS > 0) || math.IsInf(t.EndMS, 1) {
		return nil
	}
	c := &chart{
		Title:  "Timeline",
		EndMS:  t.EndMS,
		Steps:  strings.Trim(fmt.Sprint(render.Steps()), "[]"),
		Legend: legend(t),
	}
	for _, tick := range render.NewAxis(t.EndMS, maxIntervals).Ticks() {
		c.Ticks = append(c.Ticks, chartTick{c.x(tick.MS), tick.Label})
	}
	drawn, told := c.budgets(t)
	y, plotted := axisHeight, false
	for _, l := range t.Lanes {
		if l.Sort != timeline.Triggers && !plotted {
			y, plotted = c.plots(t, y), true
		}
		lane := chartLane{
			Sort: string(l.Sort),
			Name: render.ClipName(l.Name),
			Run:  render.ClipName(l.Run),
			Y:    y,
		}
		for _, it := range slices.Concat(l.States, l.Items) {
			if !drawn.has(it) {
				continue
			}
			look := render.LookOf(it.Kind)
			tip := ""
			if told.has(it) {
				tip = tipOf(l, it, look)
			}
			lane.Marks = append(lane.Marks, c.marks(it, look, tip)...)
		}
		// What is long stands behind what is short.
		slices.SortStableFunc(lane.Marks, func(a, b chartMark) int { return a.rank - b.rank })
		lane.thin()
		y += laneHeight
		if plotted {
			c.Lanes = append(c.Lanes, lane)
		} else {
			c.Above = append(c.Above, lane)
		}
	}
	if !plotted {
		y = c.plots(t, y)
	}
	c.Height = y
	c.shades(t)
	c.notes(t, drawn, told)
	c.table(t)
	return c
}

// marks draws one item.
func (c *chart) marks(it timeline.Item, look render.Look, tip string) (marks []chartMark) {
	shape := look.Shape
	if shape.Bar != "" {
		marks = append(marks, chartMark{
			Class: shape.Bar,
			X:     c.x(it.FromMS),
			Width: c.width(it.FromMS, it.ToMS),
			Y:     shape.Y,
			H:     shape.H,
			Tip:   tip,
			rank:  look.Glyph.FillRank,
		})
	}
	if shape.Symbol != "" {
		at := it.FromMS
		if shape.Bar != "" {
			at = it.ToMS
		}
		marks = append(marks, chartMark{
			Class: shape.Symbol,
			X:     c.x(at),
			Y:     shape.Middle,
			Tip:   tip,
			rank:  max(look.Glyph.FillRank, look.Glyph.EndRank),
			at:    at / c.EndMS,
		})
	}
	return marks
}

const (
	// roomFor is how many symbols have room beside each other on a page that is not zoomed.
	roomFor = 75
	// mostBeside is how many of them may stand over one another before they are thinned out.
	mostBeside = 40
	maxZoom    = 256 // above that of the page
)

// thin gives symbols that would cover others, where there are many at one height, the zoom at which they have room.
func (l *chartLane) thin() {
	rows := map[int][]*chartMark{}
	for i := range l.Marks {
		if m := &l.Marks[i]; m.Width == "" {
			rows[m.Y] = append(rows[m.Y], m)
		}
	}
	l.Crowded = len(l.Marks) > 2*roomFor
	for _, row := range rows {
		if len(row) > mostBeside {
			slices.SortStableFunc(row, func(a, b *chartMark) int { return cmp.Compare(a.at, b.at) })
			spread(row)
		}
	}
}

// spread chooses, zoom by zoom, the symbols of a row that keep apart from those chosen before.
func spread(row []*chartMark) {
	left := slices.Clone(row)
	var chosen []*chartMark // in the order of their places
	for zoom := 1; len(left) > 0 && zoom < maxZoom; zoom *= 2 {
		apart := 1 / float64(roomFor*zoom)
		last, next := math.Inf(-1), 0 // the place of the chosen one before, and the index of the one behind
		kept := left[:0]
		var added []*chartMark
		for _, m := range left {
			for ; next < len(chosen) && chosen[next].at <= m.at; next++ {
				last = max(last, chosen[next].at)
			}
			if m.at-last < apart || next < len(chosen) && chosen[next].at-m.at < apart {
				kept = append(kept, m)
				continue
			}
			if zoom > 1 {
				m.Zoom = zoom
			}
			last, added = m.at, append(added, m)
		}
		left, chosen = kept, append(chosen, added...)
		slices.SortStableFunc(chosen, func(a, b *chartMark) int { return cmp.Compare(a.at, b.at) })
	}
	for _, m := range left {
		m.Zoom = maxZoom
	}
}

// legend explains each shape once, with all that it stands for. In the chart of a load few kinds have a place.
func legend(t *timeline.Chart) []legendEntry {
	const height = 18
	var list []legendEntry
	used := map[timeline.Kind]bool{}
	for _, l := range t.Lanes {
		for _, it := range slices.Concat(l.States, l.Items) {
			used[it.Kind] = true
		}
	}
	for _, look := range render.Looks() {
		if (len(t.Plots) > 0 || look.Kind == timeline.Trigger) && !used[look.Kind] {
			continue
		}
		h := min(look.Shape.H, height)
		e := legendEntry{Bar: look.Shape.Bar, Y: float64(height-h) / 2, H: h, Text: look.Word()}
		if look.Shape.Symbol != "" {
			e = legendEntry{Symbol: look.Shape.Symbol, Text: look.Word()}
		}
		same := func(o legendEntry) bool { return o.Bar == e.Bar && o.Symbol == e.Symbol }
		if i := slices.IndexFunc(list, same); i < 0 {
			list = append(list, e)
		} else if words := strings.Split(list[i].Text, ", "); !slices.Contains(words, e.Text) {
			list[i].Text += ", " + e.Text
		}
	}
	return list
}

// budget is which items a chart has room for: all, or the notable ones that began before a time.
type budget struct {
	all     bool
	untilMS float64
}

func (b budget) has(it timeline.Item) bool {
	return b.all || !render.LookOf(it.Kind).Usual && it.FromMS < b.untilMS
}

// budgets returns what is drawn, and what of it has a tooltip. All lanes are treated alike.
func (c *chart) budgets(t *timeline.Chart) (drawn, told budget) {
	total := 0
	var notable []float64
	for _, l := range t.Lanes {
		for _, it := range slices.Concat(l.States, l.Items) {
			if total++; !render.LookOf(it.Kind).Usual {
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
			until = ", up to " + render.Duration(b.untilMS)
		}
		c.Notes = append(c.Notes, "This run is long: "+what+until+".")
	}
	if t.Shown < t.Count {
		c.Notes = append(c.Notes, fmt.Sprintf("It shows the first %s of %s.", render.Grouped(t.Shown), render.Amount(
			t.Count,
			"cycle",
		)))
	}
	if t.Summarised && t.Shown < t.Count {
		c.Notes = append(
			c.Notes,
			"The report has too many cycles to keep every attempt: it shows cycles and breakers only.",
		)
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
			if !betweenAttempts(it.Kind) {
				list = append(list, entry{l, it})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b entry) int { return cmp.Compare(a.item.FromMS, b.item.FromMS) })
	if left := len(list) - maxRows; left > 0 {
		c.More = report.Clean("This table ends here; the JSON report has " + render.Amount(left, "more event") + ".")
		list = list[:maxRows]
	}
	var rows [][]render.Cell
	for _, e := range list {
		it := e.item
		rows = append(rows, render.Cells(
			render.Duration(it.FromMS),
			render.When(it.ToMS > it.FromMS, render.Duration(it.ToMS-it.FromMS)),
			render.When(it.Cycle > 0, render.Grouped(it.Cycle)),
			string(e.lane.Sort)+" "+laneName(e.lane),
			render.LookOf(it.Kind).Word(),
			render.When(it.Attempt > 0, render.Grouped(it.Attempt)),
			render.Facts(recordsOf(it), render.ClipName(it.Class), render.ClipText(detailOf(it))),
		))
	}
	c.Table = newHTMLTable(render.Grid{
		Caption: "the timeline as a table",
		Cols: []render.Column{
			{Title: "at", Right: true}, {Title: "took", Right: true}, {Title: "cycle", Right: true}, {Title: "lane"},
			{Title: "what"}, {Title: "attempt", Right: true}, {Title: "detail"},
		},
		Rows: rows,
	})
}

// betweenAttempts is true for what a node does around its attempts.
func betweenAttempts(k timeline.Kind) bool {
	return k == catalog.NodeStarted || k == catalog.NodeDone || k == catalog.HookRan
}

// recordsOf counts the records that an item is about, unless it names the only one.
func recordsOf(it timeline.Item) string {
	return render.When(it.Records > 1 || it.Records == 1 && it.Record == "", render.Amount(it.Records, "record"))
}

// detailOf is what is left to say of an item: what changed, the record and the reason.
func detailOf(it timeline.Item) string {
	change := ""
	if it.From != "" {
		to, _ := it.Kind.(catalog.Health)
		change = it.From + " → " + string(to)
	}
	return strings.Join(slices.DeleteFunc([]string{
		it.Record,
		change,
		it.Detail,
	}, func(s string) bool { return s == "" }), ": ")
}

// laneName names a lane's run too, where there are several.
func laneName(l timeline.Lane) string {
	return render.ClipName(l.Name) + render.When(l.Run != "", " ("+render.ClipName(l.Run)+")")
}

// tipOf tells one item in full.
func tipOf(l timeline.Lane, it timeline.Item, look render.Look) string {
	what := laneName(l) + ": "
	switch {
	case l.Sort == timeline.Cycles:
		what = fmt.Sprintf(
			"%scycle %s: ",
			render.When(l.Run != "", render.ClipName(l.Run)+", "),
			render.Grouped(it.Cycle),
		)
	case it.Attempt > 0 && it.Kind != catalog.Waiting && it.Kind != catalog.FaultFired:
		what += fmt.Sprintf("attempt %s ", render.Grouped(it.Attempt))
	}
	what += look.Word()
	if it.ToMS > it.FromMS {
		word := " for "
		if k, ok := it.Kind.(catalog.EventKind); ok && k.Event().Error {
			word = " after "
		}
		what += word + render.Duration(it.ToMS-it.FromMS)
	}
	said := render.Facts(what, recordsOf(it), "at "+render.Duration(it.FromMS),
		render.When(
			it.Cycle > 0 && l.Sort != timeline.Cycles,
			"cycle "+render.Grouped(it.Cycle),
		), render.ClipName(it.Class),
		render.Shorten(report.Clean(detailOf(it)), 140))
	return report.Clean(strings.ReplaceAll(said, render.Tie, " "))
}

// x is the place of a time on the axis.
func (c *chart) x(ms float64) string { return length(ms / c.EndMS) }

// width is never 0: browsers draw nothing of that, but the outline of what is as short as this.
func (c *chart) width(from, to float64) string {
	const shortest = 1e-6
	return length(max(min(to, c.EndMS)/c.EndMS-max(from, 0)/c.EndMS, shortest))
}

// length writes a ratio as a style sheet does, in percent; what is none counts as 0 or 1.
func length(ratio float64) string {
	if !(ratio > 0) { // NaN too
		return "0"
	}
	return strconv.FormatFloat(math.Round(min(ratio, 1)*1e6)/1e4, 'f', -1, 64) + "%"
}
