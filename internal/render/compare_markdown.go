package render

import (
	"fmt"
	"io"

	"faultflow/internal/compare"
)

// writeCompareMarkdown writes a comparison for a comment: what is better and worse stands open, the rest unfolds.
func writeCompareMarkdown(w io.Writer, r *compare.Result) error {
	d := newMarkdownDoc()
	sign, said := conclusion(r)
	d.add(fmt.Sprintf("### %s faultflow compare — %s\n", markdownSign(sign), markdown(said)))
	d.list("\n", inputs(r).parts, "")
	titles := headings(r)
	if !folders(r) {
		for _, s := range headlines(&r.Comparisons[0], titles) {
			d.list("\n**"+markdown(s.title)+"**\n\n", s.parts, "")
		}
		for _, s := range others(&r.Comparisons[0], titles) {
			d.fold(s)
		}
		return d.write(w)
	}
	d.list("\n", overview(r, titles).parts, "")
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		if c.Identical || !c.Compared() {
			continue
		}
		s := section{title: fmt.Sprintf("%s: %s worse, %s better", name(c.Name), number(c.Count(compare.Worse)), number(c.Count(compare.Better)))}
		for _, part := range comparison(c, titles) {
			s.parts = append(s.parts, part.parts...)
		}
		d.fold(s)
	}
	return d.write(w)
}
