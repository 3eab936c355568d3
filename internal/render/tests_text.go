package render

import (
	"fmt"
	"io"
	"strings"

	"faultflow/internal/report"
)

// TestText tells test results as they come: a line each, then the failures in full and a summary.
type TestText struct {
	w    io.Writer
	page *page
	err  error
}

// NewTestText returns a TestText that writes to w.
func NewTestText(w io.Writer, s Style) *TestText { return &TestText{w: w, page: newPage(s)} }

func statusSign(s report.TestStatus) (symbol string, ink func(palette) paint) {
	switch s {
	case report.TestPassed:
		return "✓", func(k palette) paint { return k.good }
	case report.TestFailed:
		return "✗", func(k palette) paint { return k.bad }
	case report.TestInconclusive:
		return "?", func(k palette) paint { return k.warn }
	}
	return "-", func(k palette) paint { return k.quiet }
}

// Result writes one line.
func (t *TestText) Result(r report.TestResult) {
	p := t.page
	symbol, ink := statusSign(r.Status)
	times := fmt.Sprintf("%s in %s", span(r.VirtualMS), span(r.RealMS))
	if r.Seeds > 1 {
		times += fmt.Sprintf(" · %s", amount(r.Seeds, "seed"))
	}
	if r.Status == report.TestSkipped {
		times = "skipped"
	}
	times = strings.ReplaceAll(times, tie, " ")
	name := snip(report.Clean(r.Name), p.width-columns(times)-6)
	gap := max(2, p.width-4-columns(name)-columns(times))
	p.line(ink(p.ink)("  "+symbol) + " " + name + strings.Repeat(" ", gap) + p.ink.quiet(times))
	t.flush()
}

// End writes the failures in full and the summary.
func (t *TestText) End(tests *report.Tests) {
	p := t.page
	for _, r := range tests.Results {
		if r.Status == report.TestPassed || r.Status == report.TestSkipped {
			continue
		}
		symbol, ink := statusSign(r.Status)
		p.line("")
		p.line(ink(p.ink)(symbol + " " + snip(report.Clean(r.Name), p.width-2)))
		p.item(2, aside, facts(r.File, fmt.Sprintf("seed %d", r.Seed)))
		for _, f := range r.Failures {
			where := ""
			if f.Line > 0 {
				where = fmt.Sprintf("line %d: ", f.Line)
			}
			p.item(2, bad, where+"does not hold: "+f.Expect)
			for _, v := range f.Values {
				p.item(8, none, v.Name+" = "+v.Text)
			}
		}
		for _, why := range r.Reasons {
			p.item(2, warn, why)
		}
		if r.Repeat != "" {
			p.item(2, none, "repeat: "+r.Repeat)
		}
	}
	p.line("")
	virtual := 0.0
	for _, r := range tests.Results {
		virtual += r.VirtualMS
	}
	p.item(0, none, fmt.Sprintf("%s: %s · %s in %s", amount(len(tests.Results), "scenario"), testCounts(tests), span(virtual), span(tests.RealMS)))
	t.flush()
}

// Err returns the first error of writing.
func (t *TestText) Err() error { return t.err }

func (t *TestText) flush() {
	if t.err == nil {
		_, t.err = io.WriteString(t.w, t.page.out.String())
	}
	t.page.out.Reset()
}
