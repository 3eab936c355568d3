package render

import (
	"math"
	"slices"
	"strings"

	"faultflow/internal/report"
)

// Histogram is a histogram.
type Histogram struct {
	Caption string
	List    []bin
	Most    int64 // of one bar
}

// bin is what lies between two values.
type bin struct {
	From, To string
	Count    int64
}

// bins is how many bars there are.
const bins = 12

// newHistogram draws a distribution of durations; nil where there is nothing to see. The bins grow by a factor, since
// durations do.
func newHistogram(d report.Distribution) *Histogram {
	edges, counts := binned(d)
	if len(counts) < 2 || slices.Max(counts) <= 0 {
		return nil
	}
	b := &Histogram{Caption: "runs by their duration", Most: slices.Max(counts)}
	for i, n := range counts {
		b.List = append(b.List, bin{Duration(edges[i]), Duration(edges[i+1]), n})
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

// Fraction is how long a bar is beside the longest, between 0 and 1.
func (b *Histogram) Fraction(i int) float64 { return max(0, float64(b.List[i].Count)/float64(b.Most)) }

// Grid is the histogram as a table. Its bars are as long as a cell of a comment allows.
func (b *Histogram) Grid() Grid {
	const longest = 30
	var rows [][]Cell
	for i, bar := range b.List {
		rows = append(rows, Cells(bar.From+" –"+Tie+bar.To, Grouped(bar.Count), Blocks(b.Fraction(i)*longest)))
	}
	return Grid{
		Caption: b.Caption,
		Cols:    []Column{{Title: "between", Right: true}, {Title: "runs", Right: true}, {Title: ""}},
		Rows:    rows,
	}
}

// Blocks is a bar of so many columns, to an eighth. What is not nothing shows.
func Blocks(columns float64) string {
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
