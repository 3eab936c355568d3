package render

import (
	"cmp"
	"fmt"
	"strings"

	"faultflow/internal/report"
)

// NotRun is why a scenario was skipped.
const NotRun = "not run: another scenario failed first, a file is wrong, or the tests were interrupted"

// Headline says in one line why a result did not pass.
func Headline(r report.TestResult) string {
	switch {
	case r.Status == report.TestSkipped:
		return NotRun
	case len(r.Failures) > 0:
		return Facts("does not hold: "+report.Clean(r.Failures[0].Expect), When(
			len(r.Failures) > 1,
			Grouped(len(r.Failures)-1)+" more",
		))
	case len(r.Reasons) > 0:
		return report.Clean(r.Reasons[0])
	}
	return string(r.Status)
}

// TestDetails tell a result that did not pass in full: each line is fit for a terminal, and none is empty.
func TestDetails(r report.TestResult) []string {
	lines := []string{TestPlace(r)}
	for _, f := range r.Failures {
		lines = append(lines, FailureLines(f)...)
	}
	for _, why := range r.Reasons {
		lines = append(lines, report.Clean(why))
	}
	if r.Repeat != "" {
		lines = append(lines, "repeat: "+report.Clean(r.Repeat))
	}
	return lines
}

// TestPlace says which run a result is of, or where in its file it is wrong.
func TestPlace(r report.TestResult) string {
	if r.Status != report.TestMalformed {
		return fmt.Sprintf("%s · seed %d", report.Clean(r.File), r.Seed)
	}
	place := cmp.Or(report.Clean(r.File), "the file")
	for i := range r.Reasons {
		if _, line := r.Reason(i); line > 0 {
			place += fmt.Sprintf(":%d", line)
		}
	}
	return place
}

// FailureLines tell of an expectation that did not hold, and the values of what it names, which are indented.
func FailureLines(f report.TestFailure) []string {
	where := ""
	if f.Line > 0 {
		where = fmt.Sprintf("line %d: ", f.Line)
	}
	lines := []string{where + "does not hold: " + report.Clean(f.Expect)}
	for _, v := range f.Values {
		lines = append(lines, "    "+report.Clean(v.Name)+" = "+report.Clean(v.Text))
	}
	return lines
}

// TestCounts says how many results have which status: "5 passed, 1 failed".
func TestCounts(t *report.Tests) string {
	var parts []string
	for _, s := range []report.TestStatus{
		report.TestPassed,
		report.TestFailed,
		report.TestInconclusive,
		report.TestMalformed,
		report.TestSkipped,
	} {
		if n := t.Count(s); n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", Grouped(n), s))
		}
	}
	return strings.Join(parts, ", ")
}
