package text

import (
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"faultflow/internal/render"
	"faultflow/internal/report"
)

const (
	columnGap = 2
	minFlex   = 20
)

// table writes rows under their titles, leaving out columns that say nothing. A table that can't be made to fit is
// written as one paragraph a row.
func (p *page) table(cols []render.Column, rows [][]render.Cell) {
	for _, r := range rows {
		for i := range r {
			r[i].Text = report.Clean(r[i].Text)
		}
	}
	cols, rows = render.WithoutUsual(cols, rows)
	room := func() int { return p.width - margin - tableWidth(cols, rows) }
	flex := slices.IndexFunc(cols, func(c render.Column) bool { return c.Flex })
	for i := len(cols) - 1; i >= 0 && room() < 0 && flex < 0; i-- {
		if cols[i].Spare {
			cols, rows = render.Without(cols, rows, i)
		}
	}
	if room() < 0 && flex >= 0 {
		hang := cols[flex].Hang
		if width := columnWidth(cols, rows, flex) + room(); width >= minFlex {
			for _, r := range rows {
				r[flex].Text = strings.Join(wrap(r[flex].Text, width-hang), "\n"+strings.Repeat(" ", hang))
			}
		}
	}
	if room() < 0 {
		p.paragraphs(cols, rows)
		return
	}
	p.grid(cols, rows)
}

// lettered puts letters for the titles of named columns that are too long together, and says above the table what
// they mean.
func (p *page) lettered(cols []render.Column) []render.Column {
	width := 0
	for _, c := range cols {
		if c.Named {
			width += columns(c.Title) + columnGap
		}
	}
	if width <= p.width*2/5 {
		return cols
	}
	cols = slices.Clone(cols)
	next := 'A'
	for i, c := range cols {
		if c.Named {
			cols[i].Title = string(next)
			p.item(margin, render.None, cols[i].Title+render.Tie+c.Title)
			next = 'A' + (next-'A'+1)%26
		}
	}
	p.line("")
	return cols
}

// grid lets go-pretty align the cells. The colors are ours: go-pretty has none set.
func (p *page) grid(cols []render.Column, rows [][]render.Cell) {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = text.FormatDefault
	style.Box.PaddingLeft = ""
	style.Box.PaddingRight = strings.Repeat(" ", columnGap)
	t.SetStyle(style)

	var configs []table.ColumnConfig
	var titles table.Row
	for i, c := range cols {
		align := text.AlignLeft
		if c.Right {
			align = text.AlignRight
		}
		configs = append(configs, table.ColumnConfig{Number: i + 1, Align: align, AlignHeader: align})
		titles = append(titles, p.ink.quiet(c.Title))
	}
	t.SetColumnConfigs(configs)
	t.AppendHeader(titles)
	for _, r := range rows {
		var row table.Row
		for _, c := range r {
			row = append(row, p.painted(c))
		}
		t.AppendRow(row)
	}
	for l := range strings.Lines(t.Render()) {
		p.line(strings.Repeat(" ", margin) + strings.TrimRight(l, " \n"))
	}
}

// painted colors each line of the cell by itself, because the cells beside it come in between. Zeros step back.
func (p *page) painted(c render.Cell) string {
	_, ink := p.ink.of(c.Sign)
	if c.Sign == render.None && c.Text == "0" {
		ink = p.ink.quiet
	}
	lines := strings.Split(c.Text, "\n")
	for i, l := range lines {
		lines[i] = ink(l)
	}
	return strings.Join(lines, "\n")
}

// paragraphs writes each row as its first cell with the others under it.
func (p *page) paragraphs(cols []render.Column, rows [][]render.Cell) {
	for _, r := range rows {
		titled := func(i int) string { return strings.TrimSpace(cols[i].Title) + render.Tie + r[i].Text }
		var rest []string
		for i := 1; i < len(r); i++ {
			if r[i].Text != "" && r[i].Text != cols[i].Usual {
				rest = append(rest, titled(i))
			}
		}
		if cols[0].Right { // a number says nothing without its title
			p.item(margin, render.None, titled(0))
		} else {
			p.item(margin, render.None, r[0].Text)
		}
		p.item(margin+2, render.None, render.Facts(rest...))
	}
}

func tableWidth(cols []render.Column, rows [][]render.Cell) int {
	sum := columnGap * (len(cols) - 1)
	for i := range cols {
		sum += columnWidth(cols, rows, i)
	}
	return sum
}

func columnWidth(cols []render.Column, rows [][]render.Cell, i int) int {
	width := columns(cols[i].Title)
	for _, r := range rows {
		width = max(width, text.LongestLineLen(r[i].Text))
	}
	return width
}
