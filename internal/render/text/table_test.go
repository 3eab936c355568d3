package text

import (
	"strings"
	"testing"

	"faultflow/internal/render"
)

func TestTableShrinksInSteps(t *testing.T) {
	cols := []render.Column{{Title: "node"}, {Title: "count", Right: true, Spare: true}, {Title: "zero", Usual: "0"}}
	rows := [][]render.Cell{render.Cells("collector", "1,234", "0"), render.Cells("x", "5", "")}
	wide := &page{width: 80, ink: newPalette(false)}
	wide.table(cols, rows)
	if got, want := wide.out.String(), "  node       count\n  collector  1,234\n  x              5\n"; got != want {
		t.Errorf("wide:\n%s", got)
	}
	exact := &page{width: 18, ink: newPalette(false)}
	exact.table(cols, rows)
	if got := exact.out.String(); got != wide.out.String() {
		t.Errorf("a table that just fits:\n%s", got)
	}
	narrow := &page{width: 12, ink: newPalette(false)}
	narrow.table(cols, rows)
	if got, want := narrow.out.String(), "  node\n  collector\n  x\n"; got != want {
		t.Errorf("narrow:\n%s", got)
	}
	cols[1].Spare = false
	narrow = &page{width: 15, ink: newPalette(false)}
	narrow.table(cols, rows)
	if got, want := narrow.out.String(), "  collector\n    count 1,234\n  x\n    count 5\n"; got != want {
		t.Errorf("paragraphs:\n%s", got)
	}
}

func TestTableWrapsTheFlexibleColumn(t *testing.T) {
	cols := []render.Column{{Title: "n", Right: true}, {Title: "reason", Flex: true}}
	rows := [][]render.Cell{render.Cells("1", "no space left on device or quota exceeded"), render.Cells("2", "short")}
	p := &page{width: 25, ink: newPalette(false)} // which leaves the column its least width, 20
	p.table(cols, rows)
	if got, want := p.out.String(), "  n  reason\n  1  no space left on\n     device or quota\n     exceeded\n  2  short\n"; got != want {
		t.Errorf("got\n%s", got)
	}
	p = &page{width: 24, ink: newPalette(false)}
	p.table(cols, rows)
	if got, want := p.out.String(), "  n 1\n    reason no space left\n    on device or quota\n    exceeded\n  n 2\n    reason short\n"; got != want {
		t.Errorf("got\n%s", got)
	}
	p = &page{width: 46, ink: newPalette(false)} // fits as it is
	p.table(cols, rows)
	if got := p.out.String(); strings.Count(got, "\n") != 3 {
		t.Errorf("got\n%s", got)
	}
}
