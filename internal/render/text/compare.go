package text

import (
	"io"
	"strings"

	"faultflow/internal/compare"
	"faultflow/internal/render"
)

// WriteCompare writes a comparison for people.
func WriteCompare(w io.Writer, r *compare.Result, s Style) error {
	p := newPage(s)
	p.rule()
	p.line(p.ink.title("  faultflow") + " · compare")
	p.rule()
	p.parts(render.Inputs(r).Parts)
	p.sections(render.Comparisons(r))
	if !s.NoTimeline {
		p.timelines(render.BesideEachOther(r))
	}
	p.line("")
	p.rule()
	sign, said := render.Conclusion(r)
	ink, _ := p.ink.of(sign)
	p.entry("", 0, sign, ink, said)
	if sign != render.Good {
		p.item(
			signWidth,
			render.Aside,
			"✓ better · ✗ worse · ● neither · "+render.When(
				render.MayBeChance(r),
				"~ may be chance · ",
			)+"against "+render.Headings(r)[0],
		)
	}
	p.rule()
	_, err := io.WriteString(w, p.out.String())
	return err
}

// WriteMeasures lists what is compared, and which way is better.
func WriteMeasures(w io.Writer, s Style) error {
	p := newPage(s)
	group := ""
	var rows [][]render.Cell
	cols := []render.Column{
		{Title: "measure"},
		{Title: "better"},
		{Title: "unit"},
		{Title: "test"},
		{Title: "what it is", Flex: true},
	}
	flush := func() {
		if len(rows) > 0 {
			p.heading(group)
			p.table(cols, rows)
		}
		rows = nil
	}
	for _, m := range compare.Measures() {
		if m.Group != group {
			flush()
			group = m.Group
		}
		direction := string(m.Better)
		if m.Unit == compare.Word && m.Better == compare.Lower {
			direction = "earlier" // of the words that follow
		}
		rows = append(rows, render.Cells(m.Name, direction, string(m.Unit), string(m.Test), m.What))
	}
	flush()
	p.item(
		margin,
		render.Aside,
		"The measures of campaigns are tested for chance: shares with Fisher's exact test, or χ² beyond 100,000 "+
			"runs; quantiles with the same, by the runs beyond that of both together; shares of records as if each "+
			"run's had one fate; distributions with the U test of Mann and Whitney.",
	)
	_, err := io.WriteString(w, strings.TrimPrefix(p.out.String(), "\n"))
	return err
}
