package render

import (
	"crypto/sha256"
	_ "embed" // for the page's parts
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"

	"faultflow/internal/report"
	"faultflow/internal/timeline"
)

//go:embed page.html.tmpl
var pageTemplate string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

// inFull is for what is looked through, where a long list does no harm. A page stays small enough to open quickly.
func inFull() limits {
	return limits{transitions: 100, groups: 100, cycles: report.MaxCycles, findings: 100}
}

// WriteHTML writes r as one page that needs nothing else: no network (its policy forbids it, and every script and style but
// its own), and no script either, which only adds zoom and better tooltips.
func WriteHTML(w io.Writer, r *report.Report) error {
	t, err := template.New("page").Parse(pageTemplate)
	if err != nil {
		return fmt.Errorf("render: page: %w", err)
	}
	return t.Execute(w, newHTMLPage(r))
}

// htmlPage is what the template shows. Its texts are clean.
type htmlPage struct {
	CSS    template.CSS
	JS     template.JS
	Policy string

	Title, Class, Symbol, Verdict, Reason, Facts string
	Repeat                                       string
	Tiles                                        []tile
	Flow                                         *flow
	Ledger                                       htmlSection
	Findings                                     []htmlSection
	Chart                                        *chart
	Stages                                       []htmlSection
	Rest                                         []htmlSection
	Settings                                     []htmlSection
	Made                                         []htmlRow
}

// tile is one number that matters.
type tile struct{ Label, Value, More, Class string }

func newHTMLPage(r *report.Report) *htmlPage {
	l := inFull()
	verdict, reason := name(string(r.Verdict)), report.Clean(outcome(r))
	p := &htmlPage{
		CSS: template.CSS(pageCSS), JS: template.JS(pageJS), Policy: policy(),
		Title:   fmt.Sprintf("%s · faultflow run, seed %d", verdict, r.Seed),
		Class:   endSign(r).class(),
		Symbol:  endSign(r).badge(),
		Verdict: verdict, Reason: reason,
		Facts:  report.Clean(facts(name(r.Settings.Graph)+" graph", amount(r.Cycles.Count, "cycle"), took(r), fmt.Sprintf("seed %d", r.Seed))),
		Repeat: fmt.Sprintf("--seed %d", r.Seed),
		Tiles:  tiles(r),
		Flow:   newFlow(r.Ledger),
		Ledger: newHTMLSection(ledger(r, l)),
		Chart:  newChart(timeline.Of(r)),
		Stages: htmlSections(stages(r)...),
		Rest: htmlSections(breakers(r, l), channels(r), errorClasses(r), attempts(r), faults(r), load(r), patterns(r), drill(r),
			cycles(r, l)),
		Settings: htmlSections(settings(r), policies(r)),
		Made:     made(r.Meta, r.Schema, r.Hash),
	}
	p.Findings = htmlSections(analysis(r, l).below...)
	return p
}

// made is where a document is from.
func made(m report.Meta, schema, hash string) []htmlRow {
	return []htmlRow{{"written by", []htmlItem{{Text: facts("faultflow "+name(m.Version), name(m.Go))}}},
		{"started", []htmlItem{{Text: name(m.StartedAt)}}}, {"took in real time", []htmlItem{{Text: span(m.RealMS)}}},
		{"schema", []htmlItem{{Text: name(schema)}}}, {"hash", []htmlItem{{Text: note(hash)}}}}
}

// policy lets the page's own style and script work and nothing else.
func policy() string {
	hash := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return fmt.Sprintf("default-src 'none'; style-src %s; script-src %s; img-src data:; base-uri 'none'; form-action 'none'", hash(pageCSS), hash(pageJS))
}

func tiles(r *report.Report) []tile {
	l, e := r.Ledger, r.Errors
	tries, failed, waits, waited := 0, 0, 0, 0.0
	for _, n := range r.Nodes {
		tries, failed, waits, waited = tries+n.Attempts, failed+n.Failures, waits+n.Waits, waited+n.WaitMS
	}
	list := []tile{{"Delivered", number(l.Delivered), "of " + amount(l.Collected, "record"), good.class()},
		{"Attempts", number(tries), facts(when(failed > 0, number(failed)+" failed"), when(waits > 0, amount(waits, "wait")+" of "+span(waited)+" in all")), ""},
		{"Errors handled", number(e.Handled), "of " + number(e.Total), ""}}
	if l.Delivered < l.Collected {
		list[0].Class = warn.class()
	}
	if e.Handled < e.Total {
		list[2].Class = bad.class()
	}
	if len(r.Breakers) > 0 {
		opened, rejected := 0, int64(0)
		for _, b := range r.Breakers {
			opened, rejected = opened+b.Opened, rejected+b.Rejected
		}
		list = append(list, tile{"Breaker openings", number(opened), when(rejected > 0, amount(rejected, "call")+" rejected"), ""})
	}
	return list
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

func htmlSections(list ...section) []htmlSection {
	var out []htmlSection
	for _, s := range list {
		if !s.empty() {
			out = append(out, newHTMLSection(s))
		}
	}
	return out
}

func newHTMLSection(s section) htmlSection {
	h := htmlSection{ID: strings.ReplaceAll(strings.ToLower(s.title), " ", "-"), Title: s.title, Below: htmlSections(s.below...)}
	for _, p := range s.parts {
		item := htmlItem{Class: p.sign.class(), Symbol: p.sign.badge(), Word: p.sign.word(), Text: report.Clean(p.text), Command: p.command}
		last := &htmlBlock{}
		if len(h.Blocks) > 0 {
			last = &h.Blocks[len(h.Blocks)-1]
		}
		switch {
		case p.grid != nil:
			h.Blocks = append(h.Blocks, htmlBlock{Table: newHTMLTable(*p.grid)})
		case p.bars != nil:
			h.Blocks = append(h.Blocks, htmlBlock{Picture: newPicture(p.bars)})
		case p.under && last.Rows != nil:
			values := last.Rows[len(last.Rows)-1].Values
			values[len(values)-1].Remarks = append(values[len(values)-1].Remarks, item)
		case p.under && last.Items != nil:
			last.Items[len(last.Items)-1].Remarks = append(last.Items[len(last.Items)-1].Remarks, item)
		case p.label != "" && last.Rows != nil && last.Rows[len(last.Rows)-1].Label == p.label:
			row := &last.Rows[len(last.Rows)-1]
			row.Values = append(row.Values, item)
		case p.label != "" && last.Rows != nil:
			last.Rows = append(last.Rows, htmlRow{p.label, []htmlItem{item}})
		case p.label != "":
			h.Blocks = append(h.Blocks, htmlBlock{Rows: []htmlRow{{p.label, []htmlItem{item}}}})
		case last.Items != nil:
			last.Items = append(last.Items, item)
		default:
			h.Blocks = append(h.Blocks, htmlBlock{Items: []htmlItem{item}})
		}
	}
	return h
}

func newHTMLTable(g grid) *htmlTable {
	cols, rows := withoutUsual(g.cols, g.rows)
	t := &htmlTable{Caption: g.caption, Long: len(rows) > longTable}
	class := func(i int, c cell) string {
		parts := []string{when(cols[i].right, "n"), c.sign.class(), when(c.sign == none && c.text == "0", aside.class())}
		return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
	}
	for i, c := range cols {
		t.Heads = append(t.Heads, htmlCell{class(i, cell{}), strings.TrimSpace(report.Clean(c.title))})
	}
	for _, r := range rows {
		row := make([]htmlCell, len(r))
		for i, c := range r {
			row[i] = htmlCell{class(i, c), report.Clean(c.text)}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// class names a sign in the style sheet.
func (s sign) class() string {
	return [...]string{"", "aside", "good", "warn", "bad", "active", "idle", "good", "bad", "idle"}[s]
}

// badge is the symbol of a sign on the page, which has colors of its own.
func (s sign) badge() string {
	return [...]string{"", "", "✓", "!", "✕", "●", "○", "✓", "✕", "~"}[s]
}

// word is what a screen reader says for a sign.
func (s sign) word() string {
	return [...]string{"", "", "good", "warning", "bad", "", "", "better", "worse", "may be chance"}[s]
}
