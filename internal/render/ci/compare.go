package ci

import (
	"fmt"
	"io"

	"faultflow/internal/compare"
	"faultflow/internal/render"
)

// WriteCompareMarkdown writes a comparison for a comment: what is better and worse stands open, the rest unfolds.
func WriteCompareMarkdown(w io.Writer, r *compare.Result) error {
	d := newMarkdownDoc()
	sign, said := render.Conclusion(r)
	d.add(fmt.Sprintf("### %s faultflow compare — %s\n", markdownSign(sign), markdown(said)))
	d.list("\n", render.Inputs(r).Parts, "")
	titles := render.Headings(r)
	if !render.Folders(r) {
		for _, s := range render.Headlines(&r.Comparisons[0], titles) {
			d.list("\n**"+markdown(s.Title)+"**\n\n", s.Parts, "")
		}
		for _, s := range render.Others(&r.Comparisons[0], titles) {
			d.fold(s)
		}
		return d.write(w)
	}
	d.list("\n", render.Overview(r, titles).Parts, "")
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		if c.Identical || !c.Compared() {
			continue
		}
		s := render.Section{Title: fmt.Sprintf(
			"%s: %s worse, %s better",
			render.ClipName(c.Name),
			render.Grouped(c.Count(compare.Worse)),
			render.Grouped(c.Count(compare.Better)),
		)}
		for _, part := range render.Comparison(c, titles) {
			s.Parts = append(s.Parts, part.Parts...)
		}
		d.fold(s)
	}
	return d.write(w)
}
