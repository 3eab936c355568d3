package report

import (
	"fmt"
	"io"
	"strings"
)

// TestStatus is what a scenario came to.
type TestStatus string

// The statuses. Inconclusive: everything held, but something that should have been put to the test never ran.
const (
	TestPassed       TestStatus = "passed"
	TestFailed       TestStatus = "failed"
	TestInconclusive TestStatus = "inconclusive"
	TestSkipped      TestStatus = "skipped" // not run: another one failed first, or the tests were interrupted
)

// TestSchema names the version of the JSON document of test results.
const TestSchema = "faultflow.tests/v1"

// Tests are the results of running scenarios, in the order of the scenarios.
type Tests struct {
	Schema  string       `json:"schema"`
	Results []TestResult `json:"results"`
	// RealMS is how long all of it took on the wall clock.
	RealMS float64 `json:"real_ms"`
}

// TestResult is a scenario's outcome over its seeds: that of the first seed that did not pass, else of the first seed.
type TestResult struct {
	Name        string     `json:"name"`
	Description string     `json:"description"`
	File        string     `json:"file"`
	Status      TestStatus `json:"status"`
	Seed        uint64     `json:"seed"`
	// Seeds is how many seeds were run.
	Seeds int `json:"seeds"`
	// VirtualMS is how long the run took on its own clock, RealMS how long all seeds took on the wall clock.
	VirtualMS float64 `json:"virtual_ms"`
	RealMS    float64 `json:"real_ms"`
	// Verdict is the run's.
	Verdict string `json:"verdict"`
	// Expectations counts the file's expectations, Failures are those that did not hold.
	Expectations int           `json:"expectations"`
	Failures     []TestFailure `json:"failures"`
	// Reasons say why the result is inconclusive, or what else went wrong.
	Reasons []string `json:"reasons"`
	// Repeat is the command that shows the run.
	Repeat string `json:"repeat"`
}

// TestFailure is an expectation that did not hold, and the values of what it names.
type TestFailure struct {
	Expect string `json:"expect"`
	// Line is the expectation's line in the file, 0 outside of one.
	Line   int         `json:"line"`
	Values []TestValue `json:"values"`
}

// TestValue is a part of an expectation and what it came to, as JSON.
type TestValue struct {
	Name string `json:"name"`
	Text string `json:"value"`
}

// Count returns how many results have a status.
func (t *Tests) Count(s TestStatus) (n int) {
	for _, r := range t.Results {
		if r.Status == s {
			n++
		}
	}
	return n
}

// TestText tells test results as they come: a line each, then the failures in full and a summary.
type TestText struct {
	w    io.Writer
	page *page
	err  error
}

// NewTestText returns a TestText that writes to w.
func NewTestText(w io.Writer, s Style) *TestText { return &TestText{w: w, page: newPage(s)} }

func (s TestStatus) sign() (symbol string, ink func(palette) paint) {
	switch s {
	case TestPassed:
		return "✓", func(k palette) paint { return k.good }
	case TestFailed:
		return "✗", func(k palette) paint { return k.bad }
	case TestInconclusive:
		return "?", func(k palette) paint { return k.warn }
	}
	return "-", func(k palette) paint { return k.quiet }
}

// Result writes one line.
func (t *TestText) Result(r TestResult) {
	p := t.page
	symbol, ink := r.Status.sign()
	times := fmt.Sprintf("%s in %s", span(r.VirtualMS), span(r.RealMS))
	if r.Seeds > 1 {
		times += fmt.Sprintf(" · %s", amount(r.Seeds, "seed"))
	}
	if r.Status == TestSkipped {
		times = "skipped"
	}
	times = strings.ReplaceAll(times, tie, " ")
	name := snip(Clean(r.Name), p.width-columns(times)-6)
	gap := max(2, p.width-4-columns(name)-columns(times))
	p.line(ink(p.ink)("  "+symbol) + " " + name + strings.Repeat(" ", gap) + p.ink.quiet(times))
	t.flush()
}

// End writes the failures in full and the summary.
func (t *TestText) End(tests *Tests) {
	p := t.page
	for _, r := range tests.Results {
		if r.Status == TestPassed || r.Status == TestSkipped {
			continue
		}
		symbol, ink := r.Status.sign()
		p.line("")
		p.line(ink(p.ink)(symbol + " " + snip(Clean(r.Name), p.width-2)))
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
	var parts []string
	for _, s := range []TestStatus{TestPassed, TestFailed, TestInconclusive, TestSkipped} {
		if n := tests.Count(s); n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", number(n), s))
		}
	}
	virtual := 0.0
	for _, r := range tests.Results {
		virtual += r.VirtualMS
	}
	p.item(0, none, fmt.Sprintf("%s: %s · %s in %s", amount(len(tests.Results), "scenario"), strings.Join(parts, ", "), span(virtual), span(tests.RealMS)))
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
