package ci

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"faultflow/internal/render"
	"faultflow/internal/report"
)

// annotationLimit is how many annotations of a kind GitHub shows of one step.
const annotationLimit = 10

// WriteGitHub writes test results as workflow commands of GitHub Actions, one a line: an error for each expectation
// that failed and each file that is wrong, a warning for each reason why nothing was proved, and nothing for what
// passed. If there are more than GitHub shows, a notice before them says so. Files are named as the results name them.
func WriteGitHub(w io.Writer, t *report.Tests) error {
	var out strings.Builder
	count := map[string]int{}
	add := func(kind string, r report.TestResult, line int, message []string) {
		count[kind]++
		annotate(&out, kind, r, line, message)
	}
	for _, r := range t.Results {
		switch {
		case len(r.Failures) > 0 && r.Status == report.TestFailed:
			for _, f := range r.Failures {
				add("error", r, f.Line, append(render.FailureLines(f), cleanReasons(r)...))
			}
		case r.Status == report.TestFailed, r.Status == report.TestMalformed, r.Status == report.TestInconclusive:
			kind := "error"
			if r.Status == report.TestInconclusive {
				kind = "warning"
			}
			for i := range r.Reasons {
				why, line := r.Reason(i)
				add(kind, r, line, []string{report.Clean(why)})
			}
			if len(r.Reasons) == 0 {
				add(kind, r, 0, nil)
			}
		}
	}
	_, err := io.WriteString(w, beyondLimit(count["error"], count["warning"])+out.String())
	return err
}

// beyondLimit tells what GitHub does not show.
func beyondLimit(errors, warnings int) string {
	var left []string
	for _, kind := range []struct {
		noun  string
		count int
	}{{"error", errors}, {"warning", warnings}} {
		if more := kind.count - annotationLimit; more > 0 {
			left = append(left, plainAmount(more, kind.noun))
		}
	}
	if left == nil {
		return ""
	}
	return fmt.Sprintf(
		"::notice title=faultflow test::GitHub shows %d annotations of a kind: %s more in the step summary\n",
		annotationLimit,
		strings.Join(left, " and "),
	)
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

// commandData escapes a workflow command's message, as GitHub's own toolkit does. In the log the message is text again,
// in which ##[ would begin a command of the older kind.
func commandData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", "##[", "## [").Replace(printable(s))
}

// Harmless takes the meaning from what GitHub Actions would take for a command in a line of the log: ##[ anywhere, and
// :: at the start. What a program prints there can hold text from anywhere.
func Harmless(text []byte) []byte {
	text = bytes.ReplaceAll(text, []byte("##["), []byte("## ["))
	return commandAtStart.ReplaceAll(text, []byte("$1: :"))
}

var commandAtStart = regexp.MustCompile(`(?m)^([\t\v\f\r\p{Z}]*)::`)

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
		if r.Status == report.TestSkipped || r.Status == report.TestMalformed {
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
	case report.TestFailed, report.TestMalformed:
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
