// Package text lays content out for terminals: pages, tables, timelines, and what is told as it happens.
package text

import (
	"fmt"
	"io"

	"faultflow/internal/render"
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

// Write writes r for people. It reads r and changes nothing in it; text from outside has been through Clean.
func Write(w io.Writer, r *report.Report, s Style) error {
	p := newPage(s)
	p.banner(r)
	p.sections(render.Stages(r))
	if !s.NoTimeline {
		p.timeline(r)
	}
	p.sections(render.Details(r, render.Brief()))
	p.closing(r)
	_, err := io.WriteString(w, p.out.String())
	return err
}

// sections writes headings and what belongs to them.
func (p *page) sections(list []render.Section) {
	for _, s := range list {
		if !s.Bare {
			p.heading(s.Title)
		}
		p.parts(s.Parts)
		for _, b := range s.Below {
			p.line("")
			p.item(margin, render.None, b.Title)
			p.parts(b.Parts)
		}
	}
}

func (p *page) parts(parts []render.Part) {
	label, column := "", margin
	for _, part := range parts {
		switch {
		case part.Grid != nil:
			p.table(p.lettered(part.Grid.Cols), part.Grid.Rows)
		case part.Bars != nil:
			p.bars(part.Bars)
		case part.Command:
			p.command(column+signWidth, part.Text)
		case part.Under:
			p.item(column+signWidth, part.Sign, part.Text)
		case part.Label != "":
			shown := part.Label
			if shown == label { // once for all its values
				shown = ""
			}
			p.row(shown, part.Sign, part.Text)
			label, column = part.Label, valueColumn
		default:
			p.item(margin, part.Sign, part.Text)
			label, column = "", margin
		}
	}
}

// banner shows the settings that matter to this run.
func (p *page) banner(r *report.Report) {
	p.title("fault-tolerant workflow")
	p.parts(render.RunSettings(r).Parts)
}

// title begins a page.
func (p *page) title(what string) {
	p.rule()
	p.line(p.ink.title("  faultflow") + " · " + what)
	p.rule()
}

// closing is the run in one line, and how to see it again.
func (p *page) closing(r *report.Report) {
	s := render.EndSign(r)
	p.line("")
	p.rule()
	ink, _ := p.ink.of(s) // even success is in color here
	p.entry("", 0, s, ink, render.Ending(r))
	p.item(signWidth, render.None, render.Facts(render.Took(r), fmt.Sprintf(
		"repeat with --seed%s%d",
		render.Tie,
		r.Seed,
	)))
	if r.Meta.Output != "" {
		p.item(signWidth, render.None, render.When(r.Ledger.Unkept > 0,
			"all but "+render.Grouped(r.Ledger.Unkept)+" ")+"records kept in "+render.ClipText(r.Meta.Output))
	}
	p.rule()
}
