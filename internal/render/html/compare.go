package html

import (
	"io"
	"time"

	"faultflow/internal/compare"
	"faultflow/internal/render"
)

// WriteCompare writes what compare found as a page.
func WriteCompare(w io.Writer, r *compare.Result) error {
	return writeSectionsPage(w, newComparePage(r, 0))
}

func newComparePage(r *compare.Result, length time.Duration) *sectionsPage {
	ending, said := render.Conclusion(r)
	p := newSectionsPage()
	p.Name, p.Noun, p.Title = "compare", "comparison", "faultflow compare: "+said
	p.Class, p.Symbol, p.Conclusion, p.Facts = classOf(ending), badgeOf(ending), said, "against "+render.Headings(r)[0]
	p.Tiles = htmlTiles(render.CompareTiles(r))
	if both := render.BesideEachOther(r); render.Drawable(both) {
		if p.Chart = newChart(both, length); p.Chart != nil {
			p.Chart.Title = "Timelines"
		}
	}
	titles := render.Headings(r)
	p.Sections = htmlSections(render.Inputs(r))
	if render.Folders(r) {
		p.Sections = append(p.Sections, folded(false, render.Overview(r, titles))...)
	}
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		all := append(folded(false, render.Headlines(c, titles)...), folded(true, render.Others(c, titles)...)...)
		switch {
		case !render.Folders(r):
			p.Sections = append(p.Sections, all...)
		case !c.Identical && c.Compared():
			p.Sections = append(p.Sections, htmlSection{Title: render.ClipName(c.Name), Below: all})
		}
	}
	return p
}

// folded makes sections whose tables unfold, or all stand open.
func folded(fold bool, list ...render.Section) []htmlSection {
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
