package html

import (
	_ "embed" // for the page's parts
	"fmt"
	"html/template"
	"io"
	"strings"

	"faultflow/internal/render"
	"faultflow/internal/report"
)

// WriteAccount writes it as a page.
func WriteAccount(w io.Writer, a render.Account) error {
	return writeSectionsPage(w, newAccountPage(a))
}

func newAccountPage(a render.Account) *sectionsPage {
	page := newSectionsPage()
	page.Name, page.Noun, page.Title = a.Noun, a.Noun, "faultflow "+a.Noun+": "+report.Clean(a.Said)
	page.Class, page.Symbol, page.Conclusion, page.Facts = classOf(
		a.Sign,
	), badgeOf(a.Sign), report.Clean(a.Said), report.Clean(render.Facts(
		render.When(a.What != a.Noun, a.What),
		a.Made,
	))
	page.Tiles, page.Sections = htmlTiles(a.Tiles), htmlSections(append(a.Sections, a.Settings)...)
	page.Made = made(a.Meta, a.Schema, a.Hash)
	return page
}

// sectionsPage is a page of sections, one below the other. Its texts are clean.
type sectionsPage struct {
	CSS    template.CSS
	JS     template.JS
	Policy string
	// Name is the command or the document, Noun is what the page is; ID is its element's where it is a part of another.
	Name, Noun, ID                          string
	Title, Class, Symbol, Conclusion, Facts string
	Tiles                                   []htmlTile
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
	tellApart(page.Sections)
	t, err := parsed()
	if err != nil {
		return fmt.Errorf("render: page: %w", err)
	}
	return t.ExecuteTemplate(w, "sections", page)
}

// tellApart numbers sections of one title, such as those of reports whose long names begin alike: the sections are
// landmarks of the page, and who jumps to one has only its title.
func tellApart(sections []htmlSection) {
	seen := map[string]bool{}
	for i := range sections {
		s, title := &sections[i], sections[i].Title
		for n := 2; seen[strings.ToLower(s.Title)]; n++ {
			s.Title = fmt.Sprintf("%s (%d)", title, n)
		}
		seen[strings.ToLower(s.Title)] = true
	}
}

//go:embed sections.html.tmpl
var sectionsTemplate string
