package html

import (
	"fmt"
	"html/template"
	"strings"
	"sync"
	"time"

	"faultflow/internal/compare"
	"faultflow/internal/render"
	"faultflow/internal/report"
)

// Part is an element of a page, as HTML, for a page that shows one run after the other. ID is the element's.
type Part struct {
	ID   string `json:"id"`
	HTML string `json:"html"`
}

// Parts are those of a run's page that tell of the run, in their order. One that the run has nothing for is left out.
// The time axis has at least the length: a run that is the beginning of a longer one stands where it stands in that.
func Parts(r *report.Report, length time.Duration) ([]Part, error) {
	return parts(newHTMLPage(r, length), "verdict", "timeline", "recovered", "ledger", "findings", "stages", "details")
}

// CompareParts are the timelines of all runs in one, whose axis has at least the length, and the comparison.
func CompareParts(r *compare.Result, length time.Duration) ([]Part, error) {
	page := newComparePage(r, length)
	page.ID = "compared"
	return parts(page, "timeline", page.ID)
}

// AccountParts tell of many runs.
func AccountParts(a render.Account) ([]Part, error) {
	page := newAccountPage(a)
	page.ID = "account"
	return parts(page, page.ID)
}

// parts executes templates of a page, each of which is one element that has the template's name as its ID.
func parts(page any, names ...string) ([]Part, error) {
	t, err := parsed()
	if err != nil {
		return nil, fmt.Errorf("render: page: %w", err)
	}
	var list []Part
	for _, name := range names {
		var html strings.Builder
		if err := t.ExecuteTemplate(&html, name, page); err != nil {
			return nil, fmt.Errorf("render: page: %w", err)
		}
		if text := strings.TrimSpace(html.String()); text != "" {
			list = append(list, Part{name, text})
		}
	}
	return list, nil
}

// parsed are the templates of all pages, parsed once: parsing takes as long as a short run.
var parsed = sync.OnceValues(func() (*template.Template, error) {
	t, err := template.New("page").Parse(pageTemplate) // which has the blocks of both
	if err != nil {
		return nil, err
	}
	return t.New("sections").Parse(sectionsTemplate)
})

// CSS and JS are the style and the script of the pages, for a page that is made of their parts.
func CSS() string { return pageCSS }

// JS is the script of the pages: see CSS.
func JS() string { return pageJS }
