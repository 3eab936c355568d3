package render

import (
	"slices"

	"faultflow/internal/report"
)

// section is a part of a report as content. Each format lays it out in its own way, so that all of them say the same.
type section struct {
	title string
	parts []part
	// below are sections within this one, such as the warnings of the analysis. Their title may be "".
	below []section
	// open sections stand open where others are folded, bare ones have no heading in a text.
	open, bare bool
}

// part is one line of a section, or its table.
type part struct {
	// label names a value; further values have the same one. Without it the text speaks for itself.
	label string
	sign  sign
	text  string
	// under says that the text belongs to the part above; command, that it is to be copied.
	under, command bool
	grid           *grid
	bars           *bars
}

// grid is a table. Its caption says what it holds, where it is shown apart from its section.
type grid struct {
	caption string
	cols    []column
	rows    [][]cell
}

// empty sections are left out.
func (s section) empty() bool { return len(s.parts) == 0 && len(s.below) == 0 }

func (s *section) row(label string, sign sign, text string) {
	if text != "" {
		s.parts = append(s.parts, part{label: label, sign: sign, text: text})
	}
}

func (s *section) item(sign sign, text string) {
	s.parts = append(s.parts, part{sign: sign, text: text})
}

// remark says more about the part above.
func (s *section) remark(sign sign, text string) {
	if text != "" {
		s.parts = append(s.parts, part{sign: sign, text: text, under: true})
	}
}

// command is how to see for oneself what the part above tells of.
func (s *section) command(text string) {
	s.parts = append(s.parts, part{text: text, under: true, command: true})
}

func (s *section) table(caption string, cols []column, rows [][]cell) {
	if len(rows) > 0 {
		s.parts = append(s.parts, part{grid: &grid{caption, cols, rows}})
	}
}

// everything is what the section says, without the titles within it.
func (s section) everything() []part {
	parts := slices.Clone(s.parts)
	for _, b := range s.below {
		parts = append(parts, b.parts...)
	}
	return parts
}

// limits are the most that is shown of lists without an end; the JSON report has the rest.
type limits struct{ transitions, groups, cycles, findings int }

// brief is for what is read from top to bottom.
func brief() limits { return limits{transitions: 12, groups: 8, cycles: 20, findings: 8} }

// stages is what the three stages did.
func stages(r *report.Report) []section {
	return []section{collection(r), processing(r), delivery(r)}
}

// details is what else there is to say about a run, between its stages and its last line.
func details(r *report.Report, l limits) []section {
	all := []section{attempts(r), breakers(r, l), faults(r), ledger(r, l), cycles(r, l), load(r), drill(r), analysis(r, l), patterns(r)}
	return slices.DeleteFunc(all, section.empty)
}

// more ends a list that was cut.
func more(what string) string { return "… and " + what }
