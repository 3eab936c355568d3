package text

import (
	"io"

	"faultflow/internal/render"
)

// WriteAccount writes it for people.
func WriteAccount(w io.Writer, a render.Account, s Style) error {
	p := newPage(s)
	p.title(a.What)
	p.parts(a.Settings.Parts)
	p.sections(a.Sections)
	p.line("")
	p.rule()
	ink, _ := p.ink.of(a.Sign)
	p.entry("", 0, a.Sign, ink, a.Said)
	p.item(signWidth, render.None, a.Made)
	p.rule()
	_, err := io.WriteString(w, p.out.String())
	return err
}
