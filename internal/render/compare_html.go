package render

import (
	_ "embed" // for the page
	"fmt"
	"html/template"
	"io"

	"faultflow/internal/compare"
)

//go:embed compare.html.tmpl
var compareTemplate string

// comparePage is what the template shows. Its texts are clean.
type comparePage struct {
	CSS                                       template.CSS
	JS                                        template.JS
	Policy                                    string
	Title, Class, Symbol, Conclusion, Against string
	Tiles                                     []tile
	Chart                                     *chart
	Sections                                  []htmlSection
}

// writeCompareHTML writes a comparison as one page that needs nothing else, in the style of a run's page.
func writeCompareHTML(w io.Writer, r *compare.Result) error {
	t, err := template.New("page").Parse(pageTemplate) // which has the blocks of both
	if err == nil {
		t, err = t.New("compare").Parse(compareTemplate)
	}
	if err != nil {
		return fmt.Errorf("render: page: %w", err)
	}
	return t.Execute(w, newComparePage(r))
}

func newComparePage(r *compare.Result) *comparePage {
	ending, said := conclusion(r)
	p := &comparePage{
		CSS: template.CSS(pageCSS), JS: template.JS(pageJS), Policy: policy(),
		Title: "faultflow compare: " + said, Class: ending.class(), Symbol: ending.badge(), Conclusion: said, Against: "against " + headings(r)[0],
	}
	for _, t := range []struct {
		label   string
		outcome compare.Outcome
		sign    sign
	}{{"Worse", compare.Worse, worse}, {"Better", compare.Better, better}, {"Changed", compare.Changed, none}, {"Equal", compare.Same, none}} {
		n := 0
		for i := range r.Comparisons {
			n += r.Comparisons[i].Count(t.outcome)
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
