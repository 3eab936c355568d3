package ci

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"faultflow/internal/render"
	"faultflow/internal/report"
)

// WriteGitHub writes test results as workflow commands of GitHub Actions, one a line: an error for each expectation
// that failed, a warning for each inconclusive scenario, and nothing for the others. GitHub shows the first ten of
// each kind a step.
func WriteGitHub(w io.Writer, t *report.Tests) error {
	var out strings.Builder
	for _, r := range t.Results {
		switch {
		case r.Status == report.TestFailed && len(r.Failures) == 0, r.Status == report.TestInconclusive:
			kind := "error"
			if r.Status == report.TestInconclusive {
				kind = "warning"
			}
			annotate(&out, kind, r, 0, cleanReasons(r))
		case r.Status == report.TestFailed:
			for _, f := range r.Failures {
				annotate(&out, "error", r, f.Line, append(render.FailureLines(f), cleanReasons(r)...))
			}
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func cleanReasons(r report.TestResult) []string {
	var lines []string
	for _, why := range r.Reasons {
		lines = append(lines, report.Clean(why))
	}
	return lines
}

// annotate writes ::kind file=…,line=…,title=…::message. A line of 0 is none.
func annotate(out *strings.Builder, kind string, r report.TestResult, line int, message []string) {
	var properties []string
	property := func(name, value string) {
		if value = commandProperty(value); value != "" {
			properties = append(properties, name+"="+value)
		}
	}
	property("file", r.File)
	if line > 0 && len(properties) > 0 {
		property("line", strconv.Itoa(line))
	}
	property("title", render.Facts(report.Clean(r.Name), string(r.Status)))
	if r.Repeat != "" {
		message = append(message, "repeat: "+report.Clean(r.Repeat))
	}
	text := commandData(strings.Join(message, "\n"))
	if text == "" { // GitHub shows no annotation without one
		text = string(r.Status)
	}
	fmt.Fprintf(out, "::%s %s::%s\n", kind, strings.Join(properties, ","), text)
}

// commandData escapes a workflow command's message, as GitHub's own toolkit does.
func commandData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(printable(s))
}

// commandProperty escapes the value of a workflow command's property.
func commandProperty(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(commandData(s))
}

// printable drops what can steer a terminal, other than line breaks, and replaces what is not UTF-8. A path stays
// what it is otherwise, or GitHub would not find the file.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Bidi_Control) && r != '\r' && r != '\n' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(strings.ReplaceAll(s, render.Tie, " "), "\uFFFD"))
}

// SummaryLimit is the most that GitHub takes as the summary of one step, in bytes; it shows nothing of a longer one.
const SummaryLimit = 1 << 20

// WriteTestSummary writes the results in Markdown for the step summary of GitHub Actions: a heading with the counts, a
// table, and the failures in full. It writes at most limit bytes: where that does not do, the rows of what passed go
// first, then further rows and failures, and a note says so.
func WriteTestSummary(w io.Writer, t *report.Tests, limit int) error {
	head := summaryHead(t)
	rows, troubled, details := summaryParts(t)
	all := size(head, rows...) + size("", details...)
	if all > limit {
		rows = troubled
	}
	note := ""
	if all > limit {
		const longest = 300 // bytes of the note
		half := (limit - len(head) - longest) / 2
		keptRows := fit(rows, half)
		keptDetails := fit(details, limit-longest-size(head, keptRows...))
		note = fmt.Sprintf(
			"\n> Shortened: a step summary holds at most %s bytes. The rows of what passed, %s of others and "+
				"the details of %s are left out.\n",
			render.Grouped(limit),
			plainAmount(len(rows)-len(keptRows), "row"),
			plainAmount(len(details)-len(keptDetails), "scenario"),
		)
		rows, details = keptRows, keptDetails
	}
	text := head + strings.Join(rows, "") + strings.Join(details, "") + note
	if len(text) > limit {
		text = "" // not even the heading and the note fit
	}
	_, err := io.WriteString(w, text)
	return err
}

func summaryHead(t *report.Tests) string {
	counts := render.TestCounts(t)
	if counts == "" {
		counts = "nothing run"
	}
	return fmt.Sprintf(
		"### faultflow test: %s: %s\n\n| | Scenario | Seed | Virtual time |\n|---|---|---|---|\n",
		plainAmount(len(t.Results), "scenario"),
		counts,
	)
}

// summaryParts returns the table's rows, those of them that did not pass, and the details of what failed.
func summaryParts(t *report.Tests) (rows, troubled, details []string) {
	for _, r := range t.Results {
		seed, time := strconv.FormatUint(r.Seed, 10), strings.ReplaceAll(render.Duration(r.VirtualMS), render.Tie, " ")
		if r.Seeds > 1 {
			seed += " (of " + plainAmount(r.Seeds, "seed") + ")"
		}
		if r.Status == report.TestSkipped {
			seed, time = "–", "–"
		}
		row := fmt.Sprintf("| %s | %s | %s | %s |\n", statusEmoji(r.Status), markdown(r.Name), seed, time)
		rows = append(rows, row)
		if r.Status == report.TestPassed {
			continue
		}
		troubled = append(troubled, row)
		if r.Status != report.TestSkipped {
			details = append(details, summaryDetails(r))
		}
	}
	return rows, troubled, details
}

// summaryDetails is a part that unfolds. Its text stands between fences longer than any in it, where Markdown and HTML
// mean nothing.
func summaryDetails(r report.TestResult) string {
	const longestLine = 2000
	var text strings.Builder
	for _, line := range render.TestDetails(r) {
		if len(line) > longestLine {
			line = render.Shorten(line, longestLine)
		}
		text.WriteString(line + "\n")
	}
	fence := "```"
	for strings.Contains(text.String(), fence) {
		fence += "`"
	}
	return fmt.Sprintf("\n<details><summary>%s %s: %s</summary>\n\n%stext\n%s%[4]s\n\n</details>\n",
		statusEmoji(r.Status), summary(r.Name), r.Status, fence, text.String())
}

func statusEmoji(s report.TestStatus) string {
	switch s {
	case report.TestPassed:
		return "✅"
	case report.TestFailed:
		return "❌"
	case report.TestInconclusive:
		return "❔"
	}
	return "⏭"
}

// fit returns the parts from the first on that take at most n bytes together.
func fit(parts []string, n int) []string {
	for i, p := range parts {
		if n -= len(p); n < 0 {
			return parts[:i]
		}
	}
	return parts
}

func size(head string, parts ...string) int {
	n := len(head)
	for _, p := range parts {
		n += len(p)
	}
	return n
}

func plainAmount(n int, noun string) string {
	return strings.ReplaceAll(render.Amount(n, noun), render.Tie, " ")
}
