package render

import (
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"faultflow/internal/report"
)

// column describes one column of a table.
type column struct {
	title string
	// right aligns numbers.
	right bool
	// usual is a value that is not worth a column: if every cell has it, the column is left out. "" is always usual.
	usual string
	// spare columns are left out, the last one first, when the table is too wide.
	spare bool
	// flex marks the one column that wraps when the table is too wide, hang is how far its further lines are indented.
	flex bool
	hang int
	// named columns have titles from outside. Where these are long together, letters that are explained first stand for them.
	named bool
}

// cell is one value of a table. Its sign is not shown, but colors the text as it colors what stands behind it.
type cell struct {
	text string
	sign sign
}

const (
	columnGap = 2
	minFlex   = 20
)

// table writes rows under their titles, leaving out columns that say nothing. A table that can't be made to fit is
// written as one paragraph a row.
func (p *page) table(cols []column, rows [][]cell) {
	for _, r := range rows {
		for i := range r {
			r[i].text = report.Clean(r[i].text)
		}
	}
	cols, rows = withoutUsual(cols, rows)
	room := func() int { return p.width - margin - tableWidth(cols, rows) }
	flex := slices.IndexFunc(cols, func(c column) bool { return c.flex })
	for i := len(cols) - 1; i >= 0 && room() < 0 && flex < 0; i-- {
		if cols[i].spare {
			cols, rows = without(cols, rows, i)
		}
	}
	if room() < 0 && flex >= 0 {
		hang := cols[flex].hang
		if width := columnWidth(cols, rows, flex) + room(); width >= minFlex {
			for _, r := range rows {
				r[flex].text = strings.Join(wrap(r[flex].text, width-hang), "\n"+strings.Repeat(" ", hang))
			}
		}
	}
	if room() < 0 {
		p.paragraphs(cols, rows)
		return
	}
	p.grid(cols, rows)
}

// lettered puts letters for the titles of named columns that are too long together, and says above the table what they mean.
func (p *page) lettered(cols []column) []column {
	width := 0
	for _, c := range cols {
		if c.named {
			width += columns(c.title) + columnGap
		}
	}
	if width <= p.width/2 {
		return cols
	}
	cols = slices.Clone(cols)
	next := 'A'
	for i, c := range cols {
		if c.named {
			cols[i].title = string(next)
			p.item(margin, none, cols[i].title+tie+c.title)
			next = 'A' + (next-'A'+1)%26
		}
	}
	p.line("")
	return cols
}

// grid lets go-pretty align the cells. The colors are ours: go-pretty has none set.
func (p *page) grid(cols []column, rows [][]cell) {
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
		if c.right {
			align = text.AlignRight
		}
		configs = append(configs, table.ColumnConfig{Number: i + 1, Align: align, AlignHeader: align})
		titles = append(titles, p.ink.quiet(c.title))
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
func (p *page) painted(c cell) string {
	_, ink := p.ink.of(c.sign)
	if c.sign == none && c.text == "0" {
		ink = p.ink.quiet
	}
	lines := strings.Split(c.text, "\n")
	for i, l := range lines {
		lines[i] = ink(l)
	}
	return strings.Join(lines, "\n")
}

// paragraphs writes each row as its first cell with the others under it.
func (p *page) paragraphs(cols []column, rows [][]cell) {
	for _, r := range rows {
		titled := func(i int) string { return strings.TrimSpace(cols[i].title) + tie + r[i].text }
		var rest []string
		for i := 1; i < len(r); i++ {
			if r[i].text != "" && r[i].text != cols[i].usual {
				rest = append(rest, titled(i))
			}
		}
		if cols[0].right { // a number says nothing without its title
			p.item(margin, none, titled(0))
		} else {
			p.item(margin, none, r[0].text)
		}
		p.item(margin+2, none, facts(rest...))
	}
}

// withoutUsual leaves out the columns in which every value is the usual one.
func withoutUsual(cols []column, rows [][]cell) ([]column, [][]cell) {
	for i := len(cols) - 1; i >= 0; i-- {
		worthTelling := func(r []cell) bool { return r[i].text != "" && r[i].text != cols[i].usual }
		if !slices.ContainsFunc(rows, worthTelling) {
			cols, rows = without(cols, rows, i)
		}
	}
	return cols, rows
}

// without leaves out column i. The caller's slices stay as they were.
func without(cols []column, rows [][]cell, i int) ([]column, [][]cell) {
	left := make([][]cell, len(rows))
	for n, r := range rows {
		left[n] = slices.Concat(r[:i], r[i+1:])
	}
	return slices.Concat(cols[:i], cols[i+1:]), left
}

func tableWidth(cols []column, rows [][]cell) int {
	sum := columnGap * (len(cols) - 1)
	for i := range cols {
		sum += columnWidth(cols, rows, i)
	}
	return sum
}

func columnWidth(cols []column, rows [][]cell, i int) int {
	width := columns(cols[i].title)
	for _, r := range rows {
		width = max(width, text.LongestLineLen(r[i].text))
	}
	return width
}
