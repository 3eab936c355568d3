package render

import (
	"fmt"
	"io"
	"strings"

	"faultflow/internal/report"
)

// TestFormats lists the names that WriteTests knows, the default first.
func TestFormats() []string { return []string{"text", "json", "markdown", "junit", "tap", "github"} }

// WriteTests writes test results in the named format. Style applies to text only. In the formats for CI systems a result
// that is inconclusive is no success, because faultflow test does not exit with 0 for it either:
//
//   - junit, XML as Jenkins, GitLab and others read it: a failed scenario has a <failure>, an inconclusive one an <error>
//     of type "inconclusive" (JUnit's word for a test that came to no judgement), a skipped one a <skipped>;
//   - tap, TAP version 14: both are "not ok", and their diagnostics have a status of failed or inconclusive;
//   - github, workflow commands of GitHub Actions: an error for each expectation that failed, a warning for each
//     inconclusive scenario, and nothing for the others. GitHub shows the first ten of each kind per step.
func WriteTests(w io.Writer, t *report.Tests, format string, s Style) error {
	switch format {
	case "text":
		text := NewTestText(w, s)
		for _, r := range t.Results {
			text.Result(r)
		}
		text.End(t)
		return text.Err()
	case "json":
		return report.WriteDocument(w, t)
	case "markdown":
		return WriteTestSummary(w, t, CommentLimit-1)
	case "junit":
		return writeJUnit(w, t)
	case "tap":
		return writeTAP(w, t)
	case "github":
		return writeGitHub(w, t)
	}
	return fmt.Errorf("render: unknown format %q, expected one of: %s", format, strings.Join(TestFormats(), ", "))
}

// notRun is why a scenario was skipped.
const notRun = "not run: another scenario failed first, or the tests were interrupted"

// headline says in one line why a result did not pass.
func headline(r report.TestResult) string {
	switch {
	case r.Status == report.TestSkipped:
		return notRun
	case len(r.Failures) > 0:
		return facts("does not hold: "+report.Clean(r.Failures[0].Expect), when(len(r.Failures) > 1, number(len(r.Failures)-1)+" more"))
	case len(r.Reasons) > 0:
		return report.Clean(r.Reasons[0])
	}
	return string(r.Status)
}

// testDetails tell a result that did not pass in full: each line is fit for a terminal, and none is empty.
func testDetails(r report.TestResult) []string {
	lines := []string{fmt.Sprintf("%s · seed %d", report.Clean(r.File), r.Seed)}
	for _, f := range r.Failures {
		lines = append(lines, failureLines(f)...)
	}
	for _, why := range r.Reasons {
		lines = append(lines, report.Clean(why))
	}
	if r.Repeat != "" {
		lines = append(lines, "repeat: "+report.Clean(r.Repeat))
	}
	return lines
}

func failureLines(f report.TestFailure) []string {
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

// testCounts says how many results have which status: "5 passed, 1 failed".
func testCounts(t *report.Tests) string {
	var parts []string
	for _, s := range []report.TestStatus{report.TestPassed, report.TestFailed, report.TestInconclusive, report.TestSkipped} {
		if n := t.Count(s); n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", number(n), s))
		}
	}
	return strings.Join(parts, ", ")
}
