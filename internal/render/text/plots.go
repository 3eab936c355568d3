package text

import (
	"math"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"faultflow/internal/render"
	"faultflow/internal/timeline"
)

// levels are the characters of a row that is a line over time; what is 0 has one of its own, and what is not known is
// blank.
var levels = []rune("▁▂▃▄▅▆▇█")

const nothing = '·'

// roomBeside is the least width of an axis that leaves the peaks of rows their place.
const roomBeside = 24

// peak is the highest value of a line, as it stands behind its row.
func peak(q timeline.Quantity, values []float64) string {
	return "≤ " + render.Reading(q, render.Highest(values))
}

// besidePeaks is the width of an axis that leaves room for the peaks of its rows; 0 where there is too little room, or
// no plot. What the peaks are depends on the width, if only by a digit.
func besidePeaks(c *timeline.Chart, room int) int {
	for width := room; width >= roomBeside; {
		widest := 0
		for _, p := range c.Plots {
			for _, l := range p.Lines {
				widest = max(widest, columns(peak(p.Quantity, l.Spread(p.Quantity, c.EndMS, width)))+1)
			}
		}
		switch {
		case widest == 0:
			return 0
		case width+widest <= room:
			return width
		}
		width = min(width-1, room-widest)
	}
	return 0
}

// plots draws a row of characters for each line. The lines of a plot have one scale. A line that is the same in all
// of several runs is drawn once.
func (p *page) plots(c *timeline.Chart, runs int, g gutter, a ruler) {
	for _, plot := range c.Plots {
		highest := 0.0
		spread := make([][]float64, len(plot.Lines))
		for i, l := range plot.Lines {
			spread[i] = l.Spread(plot.Quantity, c.EndMS, a.width)
			highest = max(highest, render.Highest(spread[i]))
		}
		title := render.PlotTitle(plot)
		if !g.peaks {
			title += ", up to " + render.Reading(plot.Quantity, highest)
		}
		p.item(margin, render.None, title)
		for i := 0; i < len(plot.Lines); {
			first := plot.Lines[i]
			same := 1
			for i+same < len(plot.Lines) && plot.Lines[i+same].Name == first.Name {
				same++
			}
			label := func(l timeline.Line) string { return g.label(l.Run) }
			group := plot.Lines[i : i+same]
			alike := func(values []float64) bool { return row(values, highest) == row(spread[i], highest) }
			unlike := func(v []float64) bool { return !alike(v) }
			if same > 1 && same == runs && !slices.ContainsFunc(spread[i:i+same], unlike) {
				group, label = group[:1], func(timeline.Line) string { return everywhere }
			}
			for j, l := range group {
				name := ""
				if j == 0 {
					name = g.title("  " + render.LineName(l))
				}
				ink, _ := p.ink.of(render.LineSign(plot, l))
				drawn := row(spread[i+j], highest)
				line := g.head(name, label(l)) + ink(drawn)
				if g.peaks {
					gap := strings.Repeat(" ", a.width-len([]rune(drawn))+1)
					line += p.ink.quiet(gap + peak(plot.Quantity, spread[i+j]))
				}
				p.line(trimEnd(line))
			}
			i += same
		}
	}
}

// row draws values between 0 and the highest, without blanks at its end.
func row(values []float64, highest float64) string {
	out := make([]rune, len(values))
	for i, v := range values {
		switch share := v / highest; {
		case math.IsNaN(v):
			out[i] = ' '
		case !(v > 0):
			out[i] = nothing
		default:
			out[i] = levels[min(int(share*float64(len(levels))), len(levels)-1)]
		}
	}
	return trimEnd(string(out))
}

// gutter is what stands left of an axis: a title, and a label where there are several runs.
type gutter struct {
	titled, labelled int // the columns of both
	most             struct{ title, label int }
	// peaks says that there is room for them right of the axis.
	peaks bool
}

func (g gutter) title(s string) string { return render.Shorten(s, g.most.title) }

func (g gutter) label(run string) string { return render.Shorten(render.ClipName(run), g.most.label) }

func (g gutter) width() int {
	width := margin + g.titled + columnGap
	if g.labelled > 0 {
		width += g.labelled + columnGap
	}
	return width
}

// head is the beginning of a row.
func (g gutter) head(title, label string) string {
	head := text.Pad(strings.Repeat(" ", margin)+title, margin+g.titled+columnGap, ' ')
	return text.Pad(head+label, g.width(), ' ')
}
