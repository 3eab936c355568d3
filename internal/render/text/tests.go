package text

import (
	"fmt"
	"io"
	"strings"

	"faultflow/internal/render"
	"faultflow/internal/report"
)

// Tests tells test results as they come: a line each, then the failures in full and a summary.
type Tests struct {
	w    io.Writer
	page *page
	err  error
}

// NewTests returns a TestText that writes to w.
func NewTests(w io.Writer, s Style) *Tests { return &Tests{w: w, page: newPage(s)} }

func statusSign(s report.TestStatus) (symbol string, ink func(palette) paint) {
	switch s {
	case report.TestPassed:
		return "✓", func(k palette) paint { return k.good }
	case report.TestFailed, report.TestMalformed:
		return "✗", func(k palette) paint { return k.bad }
	case report.TestInconclusive:
		return "?", func(k palette) paint { return k.warn }
	}
	return "-", func(k palette) paint { return k.quiet }
}

// WriteTests writes test results as they would have come.
func WriteTests(w io.Writer, t *report.Tests, s Style) error {
	live := NewTests(w, s)
	for _, r := range t.Results {
		live.Result(r)
	}
	live.End(t)
	return live.Err()
}

// Result writes one line.
func (t *Tests) Result(r report.TestResult) {
	p := t.page
	symbol, ink := statusSign(r.Status)
	times := fmt.Sprintf("%s in %s", render.Duration(r.VirtualMS), render.Duration(r.RealMS))
	if r.Seeds > 1 {
		times += fmt.Sprintf(" · %s", render.Amount(r.Seeds, "seed"))
	}
	if r.Status == report.TestSkipped || r.Status == report.TestMalformed {
		times = string(r.Status)
	}
	times = strings.ReplaceAll(times, render.Tie, " ")
	name := render.Shorten(report.Clean(r.Name), p.width-columns(times)-6)
	gap := max(2, p.width-4-columns(name)-columns(times))
	p.line(ink(p.ink)("  "+symbol) + " " + name + strings.Repeat(" ", gap) + p.ink.quiet(times))
	t.flush()
}

// End writes the failures in full and the summary.
func (t *Tests) End(tests *report.Tests) {
	p := t.page
	for _, r := range tests.Results {
		if r.Status == report.TestPassed || r.Status == report.TestSkipped {
			continue
		}
		symbol, ink := statusSign(r.Status)
		p.line("")
		p.line(ink(p.ink)(symbol + " " + render.Shorten(report.Clean(r.Name), p.width-2)))
		p.item(2, render.Aside, strings.TrimPrefix(render.TestPlace(r), " · "))
		for _, f := range r.Failures {
			where := ""
			if f.Line > 0 {
				where = fmt.Sprintf("line %d: ", f.Line)
			}
			p.item(2, render.Bad, where+"does not hold: "+f.Expect)
			for _, v := range f.Values {
				p.item(8, render.None, v.Name+" = "+v.Text)
			}
		}
		for _, why := range r.Reasons {
			p.item(2, render.Warn, why)
		}
		if r.Repeat != "" {
			p.item(2, render.None, "repeat: "+r.Repeat)
		}
	}
	p.line("")
	virtual := 0.0
	for _, r := range tests.Results {
		virtual += r.VirtualMS
	}
	p.item(0, render.None, fmt.Sprintf(
		"%s: %s · %s in %s",
		render.Amount(len(tests.Results), "scenario"),
		render.TestCounts(tests),
		render.Duration(virtual),
		render.Duration(tests.RealMS),
	))
	t.flush()
}

// Err returns the first error of writing.
func (t *Tests) Err() error { return t.err }

func (t *Tests) flush() {
	if t.err == nil {
		_, t.err = io.WriteString(t.w, t.page.out.String())
	}
	t.page.out.Reset()
}
