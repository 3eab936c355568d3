package render

import "slices"

// Grid is a table. Its caption says what it holds, where it is shown apart from its section.
type Grid struct {
	Caption string
	Cols    []Column
	Rows    [][]Cell
}

// Column describes one column of a table.
type Column struct {
	Title string
	// Right aligns numbers.
	Right bool
	// Usual is a value that is not worth a column: if every cell has it, the column is left out. "" is always usual.
	Usual string
	// Spare columns are left out, the last one first, when the table is too wide.
	Spare bool
	// Flex marks the one column that wraps when the table is too wide, Hang is how far its further lines are indented.
	Flex bool
	Hang int
	// Named columns have titles from outside. Where these are long together, letters that are explained first stand
	// for them.
	Named bool
}

// Cell is one value of a table. Its sign is not shown, but colors the text as it colors what stands behind it.
type Cell struct {
	Text string
	Sign Sign
}

// Cells makes a row of texts.
func Cells(values ...string) []Cell {
	row := make([]Cell, len(values))
	for i, v := range values {
		row[i].Text = v
	}
	return row
}

// WithoutUsual leaves out the columns in which every value is the usual one.
func WithoutUsual(cols []Column, rows [][]Cell) ([]Column, [][]Cell) {
	for i := len(cols) - 1; i >= 0; i-- {
		worthTelling := func(r []Cell) bool { return r[i].Text != "" && r[i].Text != cols[i].Usual }
		if !slices.ContainsFunc(rows, worthTelling) {
			cols, rows = Without(cols, rows, i)
		}
	}
	return cols, rows
}

// Without leaves out column i. The caller's slices stay as they were.
func Without(cols []Column, rows [][]Cell, i int) ([]Column, [][]Cell) {
	left := make([][]Cell, len(rows))
	for n, r := range rows {
		left[n] = slices.Concat(r[:i], r[i+1:])
	}
	return slices.Concat(cols[:i], cols[i+1:]), left
}
