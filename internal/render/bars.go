package render

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"faultflow/internal/report"
)

// bars is a histogram.
type bars struct {
	caption string
	list    []bin
	most    int64 // of one bar
}

// bin is what lies between two values.
type bin struct {
	from, to string
	count    int64
}

// bins is how many bars there are.
const bins = 12

// histogram draws a distribution of durations; nil where there is nothing to see. The bins grow by a factor, since durations
// do.
func histogram(d report.Distribution) *bars {
	edges, counts := binned(d)
	if len(counts) < 2 || slices.Max(counts) <= 0 {
		return nil
	}
	b := &bars{caption: "runs by their duration", most: slices.Max(counts)}
	for i, n := range counts {
		b.list = append(b.list, bin{span(edges[i]), span(edges[i+1]), n})
	}
	return b
}

// binned spreads a histogram over bins between its ends, each longer than the one before by the same factor.
func binned(d report.Distribution) (edges []float64, counts []int64) {
	low, high := max(d.Min, 1), d.Max
	if !(high > low) || math.IsInf(high, 1) {
		return nil, nil
	}
	factor := math.Pow(high/low, 1.0/bins)
	for i := range bins {
		edges = append(edges, low*math.Pow(factor, float64(i)))
	}
	edges, counts = append(edges, high), make([]int64, bins)
	for _, b := range d.Buckets {
		i, found := slices.BinarySearch(edges[:bins], b.Value)
		if !found {
			i--
		}
		counts[max(i, 0)] += b.Count
	}
	return edges, counts
}

// share is how long a bar is beside the longest, between 0 and 1.
func (b *bars) share(i int) float64 { return max(0, float64(b.list[i].count)/float64(b.most)) }

// grid is the histogram as a table. Its bars are as long as a cell of a comment allows.
func (b *bars) grid() grid {
	const longest = 30
	var rows [][]cell
	for i, bar := range b.list {
		rows = append(rows, texts(bar.from+" –"+tie+bar.to, number(bar.count), blocks(b.share(i)*longest)))
	}
	return grid{caption: b.caption, cols: []column{{title: "between", right: true}, {title: "runs", right: true}, {title: ""}}, rows: rows}
}

// The widths beside the bars in a text.
const (
	binLabel = 19
	binCount = 9
)

// bars draws a histogram.
func (p *page) bars(b *bars) {
	room := p.width - margin - binLabel - binCount - 3
	for i, bar := range b.list {
		label := fmt.Sprintf("%*s –%*s", binLabel/2-1, bar.from, binLabel/2-1, bar.to)
		p.line(trimEnd(strings.Repeat(" ", margin) + p.ink.quiet(label) + fmt.Sprintf("%*s  ", binCount, number(bar.count)) + p.ink.note(blocks(b.share(i)*float64(room)))))
	}
}

// blocks is a bar of so many columns, to an eighth. What is not nothing shows.
func blocks(columns float64) string {
	if columns <= 0 {
		return ""
	}
	eighths := max(1, int(math.Round(columns*8)))
	bar := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		bar += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return bar
}

// picture is a histogram on the page. Lengths are pixels, before it is scaled to the page's width.
type picture struct {
	Text   string
	Height int
	Bars   []pictureBar
	Table  *htmlTable
}

type pictureBar struct {
	From, To, Count, Width string
	Y, TextY               int
}

const (
	barHeight = 24
	barRoom   = 400
)

func newPicture(b *bars) *picture {
	table := b.grid()
	p := &picture{Height: barHeight * len(b.list), Table: newHTMLTable(grid{caption: table.caption, cols: table.cols[:2], rows: columnsOf(table.rows, 2)})}
	total, top := int64(0), 0
	for i, bar := range b.list {
		total += bar.count
		if bar.count > b.list[top].count {
			top = i
		}
		p.Bars = append(p.Bars, pictureBar{bar.from, bar.to, number(bar.count), fmt.Sprintf("%.1f", b.share(i)*barRoom), barHeight*i + 3, barHeight*i + 17})
	}
	p.Text = report.Clean(fmt.Sprintf("%s: %s between %s and %s, the most of %s between %s and %s", b.caption, amount(total, "run"), b.list[0].from, b.list[len(b.list)-1].to,
		number(b.most), b.list[top].from, b.list[top].to))
	return p
}

// columnsOf keeps the first columns.
func columnsOf(rows [][]cell, n int) [][]cell {
	kept := make([][]cell, len(rows))
	for i, r := range rows {
		kept[i] = r[:n]
	}
	return kept
}
