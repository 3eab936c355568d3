package render

import (
	_ "embed" // for the page

	"faultflow/internal/compare"
)

//go:embed sections.html.tmpl
var sectionsTemplate string

func newComparePage(r *compare.Result) *sectionsPage {
	ending, said := conclusion(r)
	p := newSectionsPage()
	p.Name, p.Noun, p.Title = "compare", "comparison", "faultflow compare: "+said
	p.Class, p.Symbol, p.Conclusion, p.Facts = ending.class(), ending.badge(), said, "against "+headings(r)[0]
	for _, t := range []struct {
		label   string
		outcome compare.Outcome
		sign    sign
	}{{"Worse", compare.Worse, worse}, {"Better", compare.Better, better}, {"Changed", compare.Changed, none}, {"May be chance", compare.Insignificant, none}, {"Equal", compare.Same, none}} {
		n := 0
		for i := range r.Comparisons {
			n += r.Comparisons[i].Count(t.outcome)
		}
		if t.outcome == compare.Insignificant && n == 0 { // there is none without campaigns
			continue
		}
		tile := tile{Label: t.label, Value: number(n)}
		if n > 0 {
			tile.Class = t.sign.class()
		}
		p.Tiles = append(p.Tiles, tile)
	}
	if both := besideEachOther(r); drawable(both) {
		if p.Chart = newChart(both); p.Chart != nil {
			p.Chart.Title = "Timelines"
		}
	}
	titles := headings(r)
	p.Sections = htmlSections(inputs(r))
	if folders(r) {
		p.Sections = append(p.Sections, folded(false, overview(r, titles))...)
	}
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		all := append(folded(false, headlines(c, titles)...), folded(true, others(c, titles)...)...)
		switch {
		case !folders(r):
			p.Sections = append(p.Sections, all...)
		case !c.Identical && c.Compared():
			p.Sections = append(p.Sections, htmlSection{Title: name(c.Name), Below: all})
		}
	}
	return p
}

// folded makes sections whose tables unfold, or all stand open.
func folded(fold bool, list ...section) []htmlSection {
	sections := htmlSections(list...)
	for _, s := range sections {
		for _, b := range s.Blocks {
			if b.Table != nil {
				b.Table.Long = fold
			}
		}
	}
	return sections
}
