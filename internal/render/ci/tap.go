package ci

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"faultflow/internal/render"
	"faultflow/internal/report"
)

// WriteTAP writes test results as TAP version 13: prove, which comes with Perl, takes no later one. What failed, what
// is inconclusive and what is malformed is "not ok", and has a block of diagnostics, in YAML.
func WriteTAP(w io.Writer, t *report.Tests) error {
	var out strings.Builder
	fmt.Fprintf(&out, "TAP version 13\n1..%d\n", len(t.Results))
	for i, r := range t.Results {
		result := "ok"
		if r.Status != report.TestPassed && r.Status != report.TestSkipped {
			result = "not ok"
		}
		line := strings.TrimRight(fmt.Sprintf("%s %d - %s", result, i+1, tapText(r.Name)), " ")
		if r.Status == report.TestSkipped {
			line += " # SKIP " + tapText(render.NotRun)
		}
		out.WriteString(line + "\n")
		if result == "not ok" {
			tapDiagnostics(&out, r)
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// tapText escapes a description: consumers read \# and \\ as the characters themselves, and # as the start of a
// directive.
func tapText(s string) string {
	return strings.NewReplacer(`\`, `\\`, `#`, `\#`).Replace(strings.TrimSpace(report.Clean(s)))
}

// tapDiagnostics writes a YAML block. Its texts are JSON strings, which YAML 1.2 reads as they are, on one line each.
func tapDiagnostics(out *strings.Builder, r report.TestResult) {
	line := func(indent int, key, value string) {
		fmt.Fprintf(out, "%s%s: %s\n", strings.Repeat(" ", indent), key, value)
	}
	out.WriteString("  ---\n")
	line(2, "status", string(r.Status))
	line(2, "message", quote(render.Headline(r)))
	line(2, "file", quote(r.File))
	if r.Status != report.TestMalformed {
		line(2, "seed", fmt.Sprint(r.Seed))
		line(2, "virtual_ms", fmt.Sprintf("%.3f", r.VirtualMS))
		line(2, "duration_ms", fmt.Sprintf("%.3f", r.RealMS))
	}
	if len(r.Failures) > 0 {
		out.WriteString("  failures:\n")
		for _, f := range r.Failures {
			line(4, "- expect", quote(f.Expect))
			if f.Line > 0 {
				line(6, "line", fmt.Sprint(f.Line))
			}
			if len(f.Values) > 0 {
				out.WriteString("      values:\n")
				for _, v := range f.Values {
					line(8, "- name", quote(v.Name))
					line(10, "value", quote(v.Text))
				}
			}
		}
	}
	if len(r.Reasons) > 0 {
		out.WriteString("  reasons:\n")
		for i := range r.Reasons {
			why, at := r.Reason(i)
			line(4, "- reason", quote(why)) // a text alone, if it has a colon, is a mapping to prove
			if at > 0 {
				line(6, "line", fmt.Sprint(at))
			}
		}
	}
	if r.Repeat != "" {
		line(2, "repeat", quote(r.Repeat))
	}
	out.WriteString("  ...\n")
}

// quote writes text as a JSON string.
func quote(s string) string {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(legal(s)) // a string always has a JSON form, and a Builder takes all
	return strings.TrimSuffix(out.String(), "\n")
}
