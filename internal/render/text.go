// Package render shows what was recorded: reports and test results as text for people, and in the formats that CI systems
// read. It reads what it is given and changes nothing in it; all text from outside goes through report.Clean.
package render

import (
	"fmt"
	"io"

	"faultflow/internal/report"
)

// Style is how text is written.
type Style struct {
	// Color repeats in color what symbols and words say already.
	Color bool
	// Width is the widest line in columns: 0 means 80, and less than 40 counts as 40.
	Width int
	// FullWidth is the width of the timeline, which wants all the room there is; at least Width, and 0 means Width.
	FullWidth int
	// NoTimeline leaves the timeline out.
	NoTimeline bool
}

// WriteText writes r for people. It reads r and changes nothing in it; text from outside has been through Clean.
func WriteText(w io.Writer, r *report.Report, s Style) error {
	p := newPage(s)
	p.banner(r)
	p.sections(stages(r))
	if !s.NoTimeline {
		p.timeline(r)
	}
	p.sections(details(r, brief()))
	p.closing(r)
	_, err := io.WriteString(w, p.out.String())
	return err
}

// sections writes headings and what belongs to them.
func (p *page) sections(list []section) {
	for _, s := range list {
		if !s.bare {
			p.heading(s.title)
		}
		p.parts(s.parts)
		for _, b := range s.below {
			p.line("")
			p.item(margin, none, b.title)
			p.parts(b.parts)
		}
	}
}

func (p *page) parts(parts []part) {
	label, column := "", margin
	for _, part := range parts {
		switch {
		case part.grid != nil:
			p.table(p.lettered(part.grid.cols), part.grid.rows)
		case part.bars != nil:
			p.bars(part.bars)
		case part.command:
			p.command(column+signWidth, part.text)
		case part.under:
			p.item(column+signWidth, part.sign, part.text)
		case part.label != "":
			shown := part.label
			if shown == label { // once for all its values
				shown = ""
			}
			p.row(shown, part.sign, part.text)
			label, column = part.label, valueColumn
		default:
			p.item(margin, part.sign, part.text)
			label, column = "", margin
		}
	}
}

// banner shows the settings that matter to this run.
func (p *page) banner(r *report.Report) {
	p.title("fault-tolerant workflow")
	p.parts(settings(r).parts)
}

// title begins a page.
func (p *page) title(what string) {
	p.rule()
	p.line(p.ink.title("  faultflow") + " · " + what)
	p.rule()
}

// closing is the run in one line, and how to see it again.
func (p *page) closing(r *report.Report) {
	s := endSign(r)
	p.line("")
	p.rule()
	ink, _ := p.ink.of(s) // even success is in color here
	p.entry("", 0, s, ink, ending(r))
	p.item(signWidth, none, facts(took(r), fmt.Sprintf("repeat with --seed%s%d", tie, r.Seed)))
	if r.Meta.Output != "" {
		p.item(signWidth, none, "records kept in "+note(r.Meta.Output))
	}
	p.rule()
}
