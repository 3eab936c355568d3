package html

import (
	"fmt"

	"faultflow/internal/render"
	"faultflow/internal/report"
)

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

func newPicture(b *render.Histogram) *picture {
	table := b.Grid()
	p := &picture{
		Height: barHeight * len(b.List),
		Table:  newHTMLTable(render.Grid{Caption: table.Caption, Cols: table.Cols[:2], Rows: columnsOf(table.Rows, 2)}),
	}
	total, top := int64(0), 0
	for i, bar := range b.List {
		total += bar.Count
		if bar.Count > b.List[top].Count {
			top = i
		}
		p.Bars = append(p.Bars, pictureBar{
			bar.From,
			bar.To,
			render.Grouped(bar.Count),
			fmt.Sprintf("%.1f", b.Fraction(i)*barRoom),
			barHeight*i + 3,
			barHeight*i + 17,
		})
	}
	p.Text = report.Clean(fmt.Sprintf(
		"%s: %s between %s and %s, the most of %s between %s and %s",
		b.Caption,
		render.Amount(total, "run"),
		b.List[0].From,
		b.List[len(b.List)-1].To,
		render.Grouped(b.Most),
		b.List[top].From,
		b.List[top].To,
	))
	return p
}

// columnsOf keeps the first columns.
func columnsOf(rows [][]render.Cell, n int) [][]render.Cell {
	kept := make([][]render.Cell, len(rows))
	for i, r := range rows {
		kept[i] = r[:n]
	}
	return kept
}
