// Package render is what there is to tell of runs, campaigns, comparisons and test results, as content: sections,
// grids, tiles, words, a time axis, and how each kind of item on it is drawn. It reads what it is given and changes
// nothing in it. The packages below it lay the same content out, each in its own way: text for terminals, html as
// pages, ci for CI systems; package format knows them by name. All text from outside goes through report.Clean on its
// way.
package render

import (
	"slices"

	"faultflow/internal/report"
)

// Section is a part of a report as content. Each format lays it out in its own way, so that all of them say the same.
type Section struct {
	Title string
	Parts []Part
	// Below are sections within this one, such as the warnings of the analysis. Their title may be "".
	Below []Section
	// Open sections stand open where others are folded, Bare ones have no heading in a text.
	Open, Bare bool
}

// Part is one line of a section, or its table.
type Part struct {
	// Label names a value; further values have the same one. Without it the text speaks for itself.
	Label string
	Sign  Sign
	Text  string
	// Under says that the text belongs to the part above; Command, that it is to be copied.
	Under, Command bool
	Grid           *Grid
	Bars           *Histogram
}

// Empty sections are left out.
func (s Section) Empty() bool { return len(s.Parts) == 0 && len(s.Below) == 0 }

func (s *Section) row(label string, sign Sign, text string) {
	if text != "" {
		s.Parts = append(s.Parts, Part{Label: label, Sign: sign, Text: text})
	}
}

func (s *Section) item(sign Sign, text string) {
	s.Parts = append(s.Parts, Part{Sign: sign, Text: text})
}

// remark says more about the part above.
func (s *Section) remark(sign Sign, text string) {
	if text != "" {
		s.Parts = append(s.Parts, Part{Sign: sign, Text: text, Under: true})
	}
}

// command is how to see for oneself what the part above tells of.
func (s *Section) command(text string) {
	s.Parts = append(s.Parts, Part{Text: text, Under: true, Command: true})
}

func (s *Section) table(caption string, cols []Column, rows [][]Cell) {
	if len(rows) > 0 {
		s.Parts = append(s.Parts, Part{Grid: &Grid{caption, cols, rows}})
	}
}

// Everything is what the section says, without the titles within it.
func (s Section) Everything() []Part {
	parts := slices.Clone(s.Parts)
	for _, b := range s.Below {
		parts = append(parts, b.Parts...)
	}
	return parts
}

// Limits are the most that is shown of lists without an end; the JSON report has the rest.
type Limits struct{ Transitions, Groups, Cycles, Findings int }

// Brief is for what is read from top to bottom.
func Brief() Limits { return Limits{Transitions: 12, Groups: 8, Cycles: 20, Findings: 8} }

// Stages is what the three stages did.
func Stages(r *report.Report) []Section {
	return []Section{collection(r), processing(r), delivery(r)}
}

// Details is what else there is to say about a run, between its stages and its last line.
func Details(r *report.Report, l Limits) []Section {
	all := []Section{
		Recovery(r),
		Attempts(r),
		Breakers(r, l),
		Faults(r),
		Ledger(r, l),
		Cycles(r, l),
		Load(r),
		Drill(r),
		Analysis(r, l),
		Patterns(r),
	}
	return slices.DeleteFunc(all, Section.Empty)
}

// More ends a list that was cut.
func More(what string) string { return "… and " + what }
