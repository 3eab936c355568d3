// Package html lays content out as pages that need nothing else, with the timeline as a picture.
package html

import (
	"crypto/sha256"
	_ "embed" // for the page's parts
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"faultflow/internal/render"
	"faultflow/internal/report"
	"faultflow/internal/timeline"
)

//go:embed page.html.tmpl
var pageTemplate string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

// InFull is for what is looked through, where a long list does no harm. A page stays small enough to open quickly.
func InFull() render.Limits {
	return render.Limits{Transitions: 100, Groups: 100, Cycles: report.MaxCycles, Findings: 100}
}

// Write writes r as one page that needs nothing else: no network (its policy forbids it, and every script and style but
// its own), and no script either, which only adds zoom and better tooltips.
func Write(w io.Writer, r *report.Report) error {
	t, err := parsed()
	if err != nil {
		return fmt.Errorf("render: page: %w", err)
	}
	return t.ExecuteTemplate(w, "page", newHTMLPage(r, 0))
}

// htmlPage is what the template shows. Its texts are clean.
type htmlPage struct {
	CSS    template.CSS
	JS     template.JS
	Policy string

	Title, Class, Symbol, Verdict, Reason, Facts string
	Repeat                                       string
	Tiles                                        []htmlTile
	Flow                                         *flow
	Ledger                                       htmlSection
	Findings                                     []htmlSection
	Recovery                                     []htmlSection
	Chart                                        *chart
	Stages                                       []htmlSection
	Rest                                         []htmlSection
	Settings                                     []htmlSection
	Made                                         []htmlRow
}

func newHTMLPage(r *report.Report, length time.Duration) *htmlPage {
	l := InFull()
	verdict, reason := render.ClipName(r.Verdict), report.Clean(render.Outcome(r))
	p := &htmlPage{
		CSS:     template.CSS(pageCSS),
		JS:      template.JS(pageJS),
		Policy:  policy(),
		Title:   fmt.Sprintf("%s · faultflow run, seed %d", verdict, r.Seed),
		Class:   classOf(render.EndSign(r)),
		Symbol:  badgeOf(render.EndSign(r)),
		Verdict: verdict,
		Reason:  reason,
		Facts: report.Clean(render.Facts(render.ClipName(r.Settings.Graph)+" graph", render.Amount(
			r.Cycles.Count,
			"cycle",
		), render.Took(r), fmt.Sprintf("seed %d", r.Seed))),
		Repeat:   fmt.Sprintf("--seed %d", r.Seed),
		Tiles:    htmlTiles(render.Tiles(r)),
		Flow:     newFlow(r.Ledger),
		Ledger:   newHTMLSection(render.Ledger(r, l)),
		Recovery: htmlSections(render.Recovery(r)),
		Chart:    newChart(timeline.Of(r), length),
		Stages:   htmlSections(render.Stages(r)...),
		Rest: htmlSections(render.Breakers(
			r,
			l,
		), render.Channels(
			r,
		), render.ErrorClasses(
			r,
		), render.Attempts(r), render.Faults(r), render.Load(r), render.Patterns(r), render.Drill(r),
			render.Cycles(r, l)),
		Settings: htmlSections(render.RunSettings(r), render.Policies(r)),
		Made:     made(r.Meta, r.Schema, r.Hash),
	}
	p.Findings = htmlSections(render.Analysis(r, l).Below...)
	return p
}

// made is where a document is from. One that was never sealed has no hash.
func made(m report.Meta, schema, hash string) []htmlRow {
	rows := []htmlRow{
		{
			"written by",
			[]htmlItem{{Text: render.Facts("faultflow "+render.ClipName(m.Version), render.ClipName(m.Go))}},
		},
		{"started", []htmlItem{{Text: render.ClipName(m.StartedAt)}}},
		{"took in real time", []htmlItem{{Text: render.Duration(m.RealMS)}}},
		{"schema", []htmlItem{{Text: render.ClipName(schema)}}},
	}
	if hash != "" {
		rows = append(rows, htmlRow{"hash", []htmlItem{{Text: render.ClipText(hash)}}})
	}
	return rows
}

// policy lets the page's own style and script work and nothing else.
func policy() string {
	hash := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return fmt.Sprintf(
		"default-src 'none'; style-src %s; script-src %s; img-src data:; base-uri 'none'; form-action 'none'",
		hash(pageCSS),
		hash(pageJS),
	)
}

// htmlTile is a tile in the style sheet's words.
type htmlTile struct{ Label, Value, More, Class string }

func htmlTiles(list []render.Tile) (tiles []htmlTile) {
	for _, t := range list {
		tiles = append(tiles, htmlTile{t.Label, t.Value, t.More, classOf(t.Sign)})
	}
	return tiles
}

// htmlSection is a section as blocks of one sort each.
type htmlSection struct {
	ID, Title string
	Blocks    []htmlBlock
	Below     []htmlSection
}

// htmlBlock has one of its fields.
type htmlBlock struct {
	Rows    []htmlRow
	Items   []htmlItem
	Table   *htmlTable
	Picture *picture
}

type htmlRow struct {
	Label  string
	Values []htmlItem
}

type htmlItem struct {
	Class, Symbol, Word, Text string
	// Command says that the text is one, to be copied.
	Command bool
	Remarks []htmlItem
}

type htmlTable struct {
	Caption string
	Heads   []htmlCell
	Rows    [][]htmlCell
	// Long tables unfold.
	Long bool
}

type htmlCell struct{ Class, Text string }

// longTable is from how many rows on a table is folded.
const longTable = 30

func htmlSections(list ...render.Section) []htmlSection {
	var out []htmlSection
	for _, s := range list {
		if !s.Empty() {
			out = append(out, newHTMLSection(s))
		}
	}
	return out
}

func newHTMLSection(s render.Section) htmlSection {
	h := htmlSection{
		ID:    strings.ReplaceAll(strings.ToLower(s.Title), " ", "-"),
		Title: s.Title,
		Below: htmlSections(s.Below...),
	}
	for _, p := range s.Parts {
		item := htmlItem{
			Class:   classOf(p.Sign),
			Symbol:  badgeOf(p.Sign),
			Word:    wordOf(p.Sign),
			Text:    report.Clean(p.Text),
			Command: p.Command,
		}
		last := &htmlBlock{}
		if len(h.Blocks) > 0 {
			last = &h.Blocks[len(h.Blocks)-1]
		}
		switch {
		case p.Grid != nil:
			h.Blocks = append(h.Blocks, htmlBlock{Table: newHTMLTable(*p.Grid)})
		case p.Bars != nil:
			h.Blocks = append(h.Blocks, htmlBlock{Picture: newPicture(p.Bars)})
		case p.Under && last.Rows != nil:
			values := last.Rows[len(last.Rows)-1].Values
			values[len(values)-1].Remarks = append(values[len(values)-1].Remarks, item)
		case p.Under && last.Items != nil:
			last.Items[len(last.Items)-1].Remarks = append(last.Items[len(last.Items)-1].Remarks, item)
		case p.Label != "" && last.Rows != nil && last.Rows[len(last.Rows)-1].Label == p.Label:
			row := &last.Rows[len(last.Rows)-1]
			row.Values = append(row.Values, item)
		case p.Label != "" && last.Rows != nil:
			last.Rows = append(last.Rows, htmlRow{p.Label, []htmlItem{item}})
		case p.Label != "":
			h.Blocks = append(h.Blocks, htmlBlock{Rows: []htmlRow{{p.Label, []htmlItem{item}}}})
		case last.Items != nil:
			last.Items = append(last.Items, item)
		default:
			h.Blocks = append(h.Blocks, htmlBlock{Items: []htmlItem{item}})
		}
	}
	return h
}

func newHTMLTable(g render.Grid) *htmlTable {
	cols, rows := render.WithoutUsual(g.Cols, g.Rows)
	t := &htmlTable{Caption: g.Caption, Long: len(rows) > longTable}
	class := func(i int, c render.Cell) string {
		parts := []string{
			render.When(cols[i].Right, "n"),
			classOf(c.Sign),
			render.When(c.Sign == render.None && c.Text == "0", classOf(render.Aside)),
		}
		return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
	}
	for i, c := range cols {
		t.Heads = append(t.Heads, htmlCell{class(i, render.Cell{}), strings.TrimSpace(report.Clean(c.Title))})
	}
	for _, r := range rows {
		row := make([]htmlCell, len(r))
		for i, c := range r {
			row[i] = htmlCell{class(i, c), report.Clean(c.Text)}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// class names a sign in the style sheet.
func classOf(s render.Sign) string {
	return [...]string{"", "aside", "good", "warn", "bad", "active", "idle", "good", "bad", "idle"}[s]
}

// badge is the symbol of a sign on the page, which has colors of its own.
func badgeOf(s render.Sign) string {
	return [...]string{"", "", "✓", "!", "✕", "●", "○", "✓", "✕", "~"}[s]
}

// word is what a screen reader says for a sign.
func wordOf(s render.Sign) string {
	return [...]string{"", "", "good", "warning", "bad", "", "", "better", "worse", "may be chance"}[s]
}
