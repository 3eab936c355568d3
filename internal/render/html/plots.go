package html

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"faultflow/internal/render"
	"faultflow/internal/report"
	"faultflow/internal/timeline"
)

// chartPlot is a plot as lines on the axis of the timeline. A picture of plotWidth × plotHeight is stretched to the
// width of the axis, zoomed or not.
type chartPlot struct {
	Y int
	// Title is what it shows, Scale the value at its upper edge.
	Title, Scale string
	Lines        []plotLine
	// Readings say what all lines are in a stretch of time.
	Readings []chartMark
}

// plotLine is a line. Tone is its color, Dash tells lines apart without color.
type plotLine struct {
	Name, Tone string
	Dash       int
	Path       string
}

const (
	plotWidth  = 1000
	plotHeight = 76
	// plotGap is above each plot, for its scale: 96 pixels are for both, as the style sheet has it.
	plotGap = 20
	// plotPoints and plotReadings are the most points that a line has, and the stretches that are told of. Each has a
	// tooltip, that the keyboard reaches.
	plotPoints   = 200
	plotReadings = 100
	dashes       = 4
	tableRows    = 30
)

// plots draws a chart's plots from y on, and returns where they end. In the chart of several runs each quantity is a
// picture of its own, in which the runs lie over each other.
func (c *chart) plots(t *timeline.Chart, y int) int {
	var runs []string
	for _, p := range t.Plots {
		for _, l := range p.Lines {
			if !slices.Contains(runs, l.Run) {
				runs = append(runs, l.Run)
			}
		}
	}
	for _, p := range t.Plots {
		scale := 0.0
		spread := map[string][][]float64{}
		var names []string
		for _, l := range p.Lines {
			values := l.Spread(p.Quantity, t.EndMS, points(l, t.EndMS))
			scale = max(scale, render.Highest(values))
			if spread[l.Name] == nil {
				names = append(names, l.Name)
			}
			spread[l.Name] = append(spread[l.Name], values)
		}
		groups := [][]string{names}
		several := slices.ContainsFunc(p.Lines, func(l timeline.Line) bool { return l.Run != "" })
		if several {
			groups = nil
			for _, name := range names {
				groups = append(groups, []string{name})
			}
		}
		for _, group := range groups {
			title := render.PlotTitle(p)
			if several {
				title += ", " + render.ClipName(group[0])
			}
			plot := chartPlot{
				Y:     y + plotGap,
				Title: report.Clean(title),
				Scale: report.Clean(render.Reading(p.Quantity, scale)),
			}
			var lines []timeline.Line
			nth := map[string]int{}
			for _, l := range p.Lines {
				if !slices.Contains(group, l.Name) {
					continue
				}
				values := spread[l.Name][nth[l.Name]]
				nth[l.Name]++
				plot.add(p, l, slices.Index(runs, l.Run), values, scale)
				lines = append(lines, l)
			}
			plot.readings(c, p, lines)
			c.Plots = append(c.Plots, plot)
			y += plotHeight + plotGap
		}
	}
	if len(c.Plots) > 0 {
		c.OverTime = newHTMLTable(render.OverTime(t, tableRows))
	}
	return y
}

// points is how many columns a line is spread over: one for so many whole buckets that these are not too many.
func points(l timeline.Line, endMS float64) int {
	buckets := min(math.Ceil(endMS/l.BucketMS), math.MaxInt32)
	if !(buckets >= 1) { // of an axis without a length
		return 1
	}
	return int(math.Ceil(buckets / math.Ceil(buckets/plotPoints)))
}

// add draws a line. Of several runs each has its tone, in all plots; other lines have one that says what they mean.
func (p *chartPlot) add(plot timeline.Plot, l timeline.Line, run int, values []float64, scale float64) {
	line := plotLine{Name: render.LineName(l), Tone: classOf(render.LineSign(plot, l)), Dash: len(p.Lines) % dashes}
	if l.Run != "" {
		tones := []render.Sign{render.Active, render.Warn, render.Good, render.Bad}
		line.Name, line.Tone, line.Dash = render.ClipName(l.Run), classOf(tones[run%len(tones)]), run%dashes
	}
	line.Name = report.Clean(line.Name)
	var path strings.Builder
	step := "M"
	for i, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			step = "M"
			continue
		}
		height := 0.0
		if scale > 0 {
			height = max(0, v/scale)
		}
		x := (float64(i) + 0.5) / float64(len(values)) * plotWidth
		fmt.Fprintf(&path, "%s%.1f %.1f", step, x, plotHeight*(1-min(height, 1)))
		if step == "M" {
			fmt.Fprintf(&path, "h.1") // what stands alone is seen, too
		}
		step = "L"
	}
	line.Path = path.String()
	p.Lines = append(p.Lines, line)
}

// readings tells what the lines are, stretch by stretch.
func (p *chartPlot) readings(c *chart, plot timeline.Plot, lines []timeline.Line) {
	n := 1
	for _, l := range lines {
		n = max(n, min(plotReadings, points(l, c.EndMS)))
	}
	spread := make([][]float64, len(lines))
	for i, l := range lines {
		spread[i] = l.Spread(plot.Quantity, c.EndMS, n)
	}
	for at := range n {
		from, to := c.EndMS*float64(at)/float64(n), c.EndMS*float64(at+1)/float64(n)
		var said []string
		for i := range lines {
			said = append(said, p.Lines[i].Name+" "+render.Reading(plot.Quantity, spread[i][at]))
		}
		tip := fmt.Sprintf("%s – %s, %s: %s", render.Duration(from), render.Duration(to), p.Title,
			render.Facts(said...))
		p.Readings = append(p.Readings, chartMark{
			X:     c.x(from),
			Width: c.width(from, to),
			H:     plotHeight,
			Tip:   report.Clean(strings.ReplaceAll(tip, render.Tie, " ")),
		})
	}
}

// shades are the stretches of time in which something was done to a run, each once.
func (c *chart) shades(t *timeline.Chart) {
	for _, l := range t.Lanes {
		if l.Sort != timeline.Triggers {
			continue
		}
		for _, it := range l.Items {
			shade := chartMark{X: c.x(it.FromMS), Width: c.width(it.FromMS, it.ToMS)}
			if !slices.Contains(c.Shades, shade) {
				c.Shades = append(c.Shades, shade)
			}
		}
	}
}
