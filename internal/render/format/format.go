// Package format writes every document in the formats that it has, by their names. It is the one place that knows
// these.
package format

import (
	"fmt"
	"io"
	"strings"

	"faultflow/internal/compare"
	"faultflow/internal/render"
	"faultflow/internal/render/ci"
	"faultflow/internal/render/html"
	"faultflow/internal/render/text"
	"faultflow/internal/report"
)

// Document is something that can be written in several formats.
type Document struct{ writers []writer }

// writer writes a document in one format. A style means something to text alone.
type writer struct {
	format string
	write  func(io.Writer, text.Style) error
}

// The names of the formats.
const (
	Text     = "text"
	JSON     = "json"
	Markdown = "markdown"
	HTML     = "html"
	JUnit    = "junit"
	TAP      = "tap"
	GitHub   = "github"
)

// Formats lists the names of the document's formats, the default first.
func (d Document) Formats() []string {
	var names []string
	for _, w := range d.writers {
		names = append(names, w.format)
	}
	return names
}

// Write writes the document in the named format. An unknown name is an error, and nothing is written.
func (d Document) Write(w io.Writer, format string, s text.Style) error {
	for _, candidate := range d.writers {
		if candidate.format == format {
			return candidate.write(w, s)
		}
	}
	return fmt.Errorf("format: unknown format %q, expected one of: %s", format, strings.Join(d.Formats(), ", "))
}

// plain is a writer that has no styles.
func plain(format string, write func(io.Writer) error) writer {
	return writer{format, func(w io.Writer, _ text.Style) error { return write(w) }}
}

// Report is a run.
func Report(r *report.Report) Document {
	return Document{[]writer{
		{Text, func(w io.Writer, s text.Style) error { return text.Write(w, r, s) }},
		plain(JSON, func(w io.Writer) error { return report.WriteJSON(w, r) }),
		plain(Markdown, func(w io.Writer) error { return ci.WriteMarkdown(w, r) }),
		plain(HTML, func(w io.Writer) error { return html.Write(w, r) }),
		plain(JUnit, func(w io.Writer) error { return ci.WriteJUnit(w, r) }),
	}}
}

// Campaign is a campaign, together with checks but in JSON.
func Campaign(c *report.Campaign, checks []report.Check) Document {
	return account(func(w io.Writer) error { return report.WriteCampaign(w, c) },
		func() render.Account { return render.CampaignAccount(c, checks) })
}

// Sweep is a sweep.
func Sweep(s *report.Sweep) Document {
	return account(func(w io.Writer) error { return report.WriteSweep(w, s) },
		func() render.Account { return render.SweepAccount(s) })
}

// Ablation is an ablation.
func Ablation(a *report.Ablation) Document {
	return account(func(w io.Writer) error { return report.WriteAblation(w, a) },
		func() render.Account { return render.AblationAccount(a) })
}

// Determinism is a check for determinism.
func Determinism(d *report.Determinism) Document {
	return account(func(w io.Writer) error { return report.WriteDeterminism(w, d) },
		func() render.Account { return render.DeterminismAccount(d) })
}

// account is what is told of many runs. It is made when it is written: a document may only be asked for its formats.
func account(json func(io.Writer) error, told func() render.Account) Document {
	return Document{[]writer{
		{Text, func(w io.Writer, s text.Style) error { return text.WriteAccount(w, told(), s) }},
		plain(JSON, json),
		plain(Markdown, func(w io.Writer) error { return ci.WriteAccountMarkdown(w, told()) }),
		plain(HTML, func(w io.Writer) error { return html.WriteAccount(w, told()) }),
	}}
}

// Comparison is what compare found.
func Comparison(r *compare.Result) Document {
	return Document{[]writer{
		{Text, func(w io.Writer, s text.Style) error { return text.WriteCompare(w, r, s) }},
		plain(JSON, func(w io.Writer) error { return report.WriteDocument(w, r) }),
		plain(Markdown, func(w io.Writer) error { return ci.WriteCompareMarkdown(w, r) }),
		plain(HTML, func(w io.Writer) error { return html.WriteCompare(w, r) }),
	}}
}

// Inspection is what a run left in a folder.
func Inspection(i *report.Inspection) Document {
	return Document{[]writer{
		{Text, func(w io.Writer, s text.Style) error { return text.WriteAccount(w, render.InspectionAccount(i), s) }},
		plain(JSON, func(w io.Writer) error { return report.WriteInspection(w, i) }),
	}}
}

// Tests are test results. In the formats for CI systems a result that is inconclusive is no success, because faultflow
// test does not exit with 0 for it either.
func Tests(t *report.Tests) Document {
	return Document{[]writer{
		{Text, func(w io.Writer, s text.Style) error { return text.WriteTests(w, t, s) }},
		plain(JSON, func(w io.Writer) error { return report.WriteTests(w, t) }),
		plain(Markdown, func(w io.Writer) error { return ci.WriteTestSummary(w, t, ci.CommentLimit-1) }),
		plain(JUnit, func(w io.Writer) error { return ci.WriteTestJUnit(w, t) }),
		plain(TAP, func(w io.Writer) error { return ci.WriteTAP(w, t) }),
		plain(GitHub, func(w io.Writer) error { return ci.WriteGitHub(w, t) }),
	}}
}
