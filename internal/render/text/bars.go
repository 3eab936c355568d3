package text

import (
	"fmt"
	"strings"

	"faultflow/internal/render"
)

// The widths beside the bars in a text.
const (
	binLabel = 19
	binCount = 9
)

// bars draws a histogram.
func (p *page) bars(b *render.Histogram) {
	room := p.width - margin - binLabel - binCount - 3
	for i, bar := range b.List {
		label := fmt.Sprintf("%*s –%*s", binLabel/2-1, bar.From, binLabel/2-1, bar.To)
		count := fmt.Sprintf("%*s  ", binCount, render.Grouped(bar.Count))
		blocks := render.Blocks(b.Fraction(i) * float64(room))
		p.line(trimEnd(strings.Repeat(" ", margin) + p.ink.quiet(label) + count + p.ink.note(blocks)))
	}
}
