package render

import (
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"faultflow/internal/report"
)

// CampaignFormats lists the formats of campaigns, sweeps, ablations and checks for determinism, the default first.
func CampaignFormats() []string { return []string{"text", "json", "markdown", "html"} }

// account is what is told of many runs, as content that each format lays out in its own way.
type account struct {
	// what the page is about, and the noun for the document.
	what, noun string
	settings   section
	sections   []section
	tiles      []tile
	// sign and said are what it came to; made is how long that took, "" where it is not known.
	sign         sign
	said, made   string
	schema, hash string
	meta         report.Meta
}

func writeAccount(w io.Writer, a account, format string, s Style) error {
	a.sections = slices.DeleteFunc(a.sections, section.empty)
	switch format {
	case "text":
		return writeAccountText(w, a, s)
	case "markdown":
		return writeAccountMarkdown(w, a)
	case "html":
		return writeSectionsPage(w, newAccountPage(a))
	}
	return fmt.Errorf("render: unknown format %q, expected one of: %s", format, strings.Join(CampaignFormats(), ", "))
}

func writeAccountText(w io.Writer, a account, s Style) error {
	p := newPage(s)
	p.title(a.what)
	p.parts(a.settings.parts)
	p.sections(a.sections)
	p.line("")
	p.rule()
	ink, _ := p.ink.of(a.sign)
	p.entry("", 0, a.sign, ink, a.said)
	p.item(signWidth, none, a.made)
	p.rule()
	_, err := io.WriteString(w, p.out.String())
	return err
}

// writeAccountMarkdown writes it for a comment: what matters stands open, the rest unfolds.
func writeAccountMarkdown(w io.Writer, a account) error {
	d := newMarkdownDoc()
	d.add(fmt.Sprintf("### %s faultflow %s: %s\n", markdownSign(a.sign), a.noun, markdown(a.said)))
	for _, s := range a.sections {
		if s.open {
			d.list("\n**"+markdown(s.title)+"**\n\n", s.everything(), "")
		}
	}
	for _, s := range append(a.sections, a.settings) {
		if !s.open {
			d.fold(s)
		}
	}
	return d.write(w)
}

func newAccountPage(a account) *sectionsPage {
	page := newSectionsPage()
	page.Name, page.Noun, page.Title = a.noun, a.noun, "faultflow "+a.noun+": "+report.Clean(a.said)
	page.Class, page.Symbol, page.Conclusion, page.Facts = a.sign.class(), a.sign.badge(), report.Clean(a.said), report.Clean(facts(when(a.what != a.noun, a.what), a.made))
	page.Tiles, page.Sections = a.tiles, htmlSections(append(a.sections, a.settings)...)
	page.Made = made(a.meta, a.schema, a.hash)
	return page
}

// sectionsPage is a page of sections, one below the other. Its texts are clean.
type sectionsPage struct {
	CSS    template.CSS
	JS     template.JS
	Policy string
	// Name is the command or the document, Noun is what the page is.
	Name, Noun                              string
	Title, Class, Symbol, Conclusion, Facts string
	Tiles                                   []tile
	Chart                                   *chart
	Sections                                []htmlSection
	// Made is nil on a page of measures that faultflow compare --measures explains.
	Made []htmlRow
}

func newSectionsPage() *sectionsPage {
	return &sectionsPage{CSS: template.CSS(pageCSS), JS: template.JS(pageJS), Policy: policy()}
}

// writeSectionsPage writes a page that needs nothing else, in the style of a run's page.
func writeSectionsPage(w io.Writer, page *sectionsPage) error {
	t, err := template.New("page").Parse(pageTemplate) // which has the blocks of both
	if err == nil {
		t, err = t.New("sections").Parse(sectionsTemplate)
	}
	if err != nil {
		return fmt.Errorf("render: page: %w", err)
	}
	return t.Execute(w, page)
}
