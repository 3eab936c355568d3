package render_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"faultflow/internal/render/ci"
	"faultflow/internal/report"
)

func TestGitHubEscapes(t *testing.T) {
	one := func(name, file, expect string) string {
		return writeTests(t, &report.Tests{Results: []report.TestResult{{
			Name:     name,
			File:     file,
			Status:   report.TestFailed,
			Failures: []report.TestFailure{{Expect: expect, Line: 4}},
		}}}, "github")
	}
	for _, c := range []struct{ name, file, expect, want string }{
		{"n", "a.yaml", "x == 1", "::error file=a.yaml,line=4,title=n · failed::line 4: does not hold: x == 1\n"},
		{"50%", "a.yaml", "50%", "::error file=a.yaml,line=4,title=50%25 · failed::line 4: does not hold: 50%25\n"},
		{
			"a,b:c",
			"C:/a,b.yaml",
			"a,b:c",
			"::error file=C%3A/a%2Cb.yaml,line=4,title=a%2Cb%3Ac · failed::line 4: does not hold: a,b:c\n",
		},
		{
			"%0A",
			"a\r\nb%",
			"%0A",
			"::error file=a%0D%0Ab%25,line=4,title=%250A · failed::line 4: does not hold: %250A\n",
		},
		{
			"a\nb",
			"a\x1b.yaml",
			"a\n::warning::b",
			"::error file=a.yaml,line=4,title=a b · failed::line 4: does not hold: a ::warning::b\n",
		},
		{"n", "", "x", "::error title=n · failed::line 4: does not hold: x\n"},
	} {
		if got := one(c.name, c.file, c.expect); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
}

func TestGitHubAnnotatesWhatDidNotPass(t *testing.T) {
	if got := writeTests(t, testSets()["passed"], "github"); got != "" {
		t.Errorf("all passed: %q", got)
	}
	got := writeTests(t, testSets()["mixed"], "github")
	want := []string{
		`^::error file=scenarios/outage.yaml,line=12,title=outage of the source · failed::line 12: does not hold: breaker\("collector"\).opened >= 2%0A    breaker\("collector"\).opened = 1%0A.*%0Arepeat: faultflow --scenario scenarios/outage.yaml --seed 7$`,
		`^::error file=scenarios/outage.yaml,line=13,`,
		`^::warning file=scenarios/breaker.yaml,title=a breaker that is never asked · inconclusive::.*was never called%0Arepeat: `,
		`^::error file=scenarios/input.yaml,title=could not run · failed::source: open weather.csv: no such file or directory%0Arepeat: `,
	}
	lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d lines:\n%s", len(lines), got)
	}
	for i, pattern := range want {
		if !regexp.MustCompile(pattern).MatchString(lines[i]) {
			t.Errorf("line %q, want %s", lines[i], pattern)
		}
	}
}

var workflowCommand = regexp.MustCompile(`^::(error|warning) (?:(?:file|line|title)=[^:,\r\n]+,?)+::[^\r\n]+$`)

// Any text makes one command a line, so many as there are things to tell, and can't steer a terminal.
func TestGitHubOfAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tests := anyTests().Draw(t, "tests")
		want := 0
		for _, r := range tests.Results {
			switch r.Status {
			case report.TestFailed:
				if want += len(r.Failures); len(r.Failures) == 0 {
					want += max(1, len(r.Reasons))
				}
			case report.TestInconclusive, report.TestMalformed:
				want += max(1, len(r.Reasons))
			}
		}
		out := writeTests(t, tests, "github")
		for line := range strings.Lines(out) {
			want--
			if !workflowCommand.MatchString(strings.TrimSuffix(line, "\n")) {
				t.Fatalf("line %q", line)
			}
		}
		if want != 0 {
			t.Fatalf("%d commands are missing:\n%s", want, out)
		}
		if !utf8.ValidString(
			out,
		) || strings.ContainsFunc(out, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }) {
			t.Fatalf("output %q", out)
		}
	})
}

// A mistake in a file and a fault that never fired are shown where they stand, each for itself.
func TestGitHubAnnotatesLines(t *testing.T) {
	vague := report.TestResult{
		Name:        "vague",
		File:        "a.yaml",
		Status:      report.TestInconclusive,
		Reasons:     []string{"the first never fired", "the second never fired", "about nothing"},
		ReasonLines: []int{4, 5}, // an older version's results have fewer
	}
	got := writeTests(t, &report.Tests{Results: []report.TestResult{testSets()["malformed"].Results[0], vague}},
		"github")
	want := `::error file=scenarios/bad.yaml,line=3,title=bad · malformed::unknown key "cycels" (did you mean cycles?)
::warning file=a.yaml,line=4,title=vague · inconclusive::the first never fired
::warning file=a.yaml,line=5,title=vague · inconclusive::the second never fired
::warning file=a.yaml,title=vague · inconclusive::about nothing
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// GitHub drops what is beyond ten of a kind without a word; a notice says that there is more, and where.
func TestGitHubTellsWhatItDoesNotShow(t *testing.T) {
	tests := &report.Tests{}
	lines := func(failed, vague int) []string {
		tests.Results = nil
		for range failed {
			tests.Results = append(tests.Results, report.TestResult{Name: "x", Status: report.TestFailed})
		}
		for range vague {
			tests.Results = append(tests.Results, report.TestResult{Name: "x", Status: report.TestInconclusive})
		}
		return strings.Split(strings.TrimSuffix(writeTests(t, tests, "github"), "\n"), "\n")
	}
	if got := lines(10, 10); len(got) != 20 || strings.HasPrefix(got[0], "::notice") {
		t.Errorf("ten of each are shown: %q", got[0])
	}
	for _, c := range []struct {
		failed, vague int
		want          string
	}{
		{11, 0, "1 error more"},
		{0, 23, "13 warnings more"},
		{12, 11, "2 errors and 1 warning more"},
	} {
		got := lines(c.failed, c.vague)
		want := "::notice title=faultflow test::GitHub shows 10 annotations of a kind: " + c.want +
			" in the step summary"
		if got[0] != want || len(got) != c.failed+c.vague+1 {
			t.Errorf("%q and %d lines, want %q", got[0], len(got), want)
		}
	}
}

// What a program prints is searched for commands, and texts can come from anywhere: none may mask, group or set
// anything.
func TestNothingInTheLogIsACommand(t *testing.T) {
	for text, want := range map[string]string{
		"a ##[group]b":            "a ## [group]b",
		"##[##[error]":            "## [## [error]",
		"x\n \u00a0::add-mask::y": "x\n \u00a0: :add-mask::y",
		"::warning::x\n::error::": ": :warning::x\n: :error::",
		"see ::1 and std::map":    "see ::1 and std::map",
	} {
		if got := string(ci.Harmless([]byte(text))); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	tests := &report.Tests{Results: []report.TestResult{{
		Name:    "##[error]",
		Status:  report.TestFailed,
		Reasons: []string{"a\n##[add-mask]x"},
		Repeat:  "##[group]",
	}}}
	if out := writeTests(t, tests, "github"); strings.Contains(out, "##[") {
		t.Errorf("a command is within %q", out)
	}
}

func summary(t tester, tests *report.Tests, limit int) string {
	t.Helper()
	var out bytes.Buffer
	if err := ci.WriteTestSummary(&out, tests, limit); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestSummaryEscapesTheTable(t *testing.T) {
	for name, want := range map[string]string{
		"plain (x=1, y/z-1.5)": "plain (x=1, y/z-1.5)",
		"a|b":                  "a&#124;b",
		"<img src=x>&lt;":      "&lt;img src=x&gt;&amp;lt;",
		"a_b*c~d":              `a\_b\*c\~d`,
		"[a](b)":               `\[a\](b)`,
		"`x` $y$ #1":           "\\`x\\` \\$y\\$ #<!-- -->1",
		`\|`:                   `\\&#124;`,
		"a\nb":                 "a b",
	} {
		text := summary(t, &report.Tests{Results: []report.TestResult{passedResult(name, "a.yaml")}}, ci.SummaryLimit)
		if row := "\n| ✅ | " + want + " | 1 | 2.5 s |\n"; !strings.HasSuffix(text, row) {
			t.Errorf("%q: no row %q in\n%s", name, row, text)
		}
	}
}

// What unfolds has its title in HTML, which knows no backslashes.
func TestSummaryEscapesTheTitle(t *testing.T) {
	r := failedResult()
	r.Name = `a_b | <i> @user #1 "x"`
	text := summary(t, &report.Tests{Results: []report.TestResult{r}}, ci.SummaryLimit)
	if want := `<summary>❌ a_b | &lt;i&gt; @<!-- -->user #<!-- -->1 "x": failed</summary>`; !strings.Contains(
		text,
		want,
	) {
		t.Errorf("no %s in\n%s", want, text)
	}
}

// One huge value doesn't cost the others their place.
func TestSummaryCutsLongLines(t *testing.T) {
	r := failedResult()
	r.Failures[0].Values[0].Text = strings.Repeat("x", 2*ci.SummaryLimit)
	text := summary(t, &report.Tests{Results: []report.TestResult{r}}, ci.SummaryLimit)
	if len(text) > 4000 || !strings.Contains(
		text,
		"xxx…\n",
	) || !strings.Contains(text, "\nrepeat: ") || strings.Contains(text, "Shortened") {
		t.Errorf("%d bytes: %.3000s", len(text), text)
	}
}

// Whatever the text is, a row is one line of four cells, and the details stay between their fences.
func TestSummaryOfAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tests := anyTests().Draw(t, "tests")
		text := summary(t, tests, ci.SummaryLimit)
		rows, details, fence := 0, 0, ""
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			opens := strings.TrimSuffix(line, "text")
			switch {
			case fence != "":
				if line == fence {
					fence = ""
				} else if strings.Contains(line, fence) {
					t.Fatalf("%q has the fence", line)
				}
			case line != opens && strings.Trim(opens, "`") == "":
				fence = opens
			case strings.HasPrefix(line, "| "):
				rows++
				if strings.Count(line, "|") != 5 {
					t.Fatalf("row %q", line)
				}
			case strings.HasPrefix(line, "<details><summary>"):
				details++
				if strings.Count(
					strings.ReplaceAll(line, "<!-- -->", ""),
					"<",
				) != 3 || !strings.HasSuffix(line, "</summary>") {
					t.Fatalf("summary %q", line)
				}
			case line == "", line == "</details>", line == "|---|---|---|---|", strings.HasPrefix(
				line,
				"### faultflow test: ",
			):
			default:
				t.Fatalf("line %q in\n%s", line, text)
			}
		}
		quiet := tests.Count(report.TestPassed) + tests.Count(report.TestSkipped)
		if want := len(tests.Results) - quiet; rows != len(tests.Results)+1 || details != want || fence != "" {
			t.Fatalf("%d rows, %d details, fence %q:\n%s", rows, details, fence, text)
		}
	})
}

func TestSummaryIsCut(t *testing.T) {
	tests := &report.Tests{}
	for i := range 12_000 {
		r := passedResult(fmt.Sprintf("passed %d", i), "a.yaml")
		if i%4 == 0 {
			r = failedResult()
			r.Name = fmt.Sprintf("failed %d", i)
		}
		tests.Results = append(tests.Results, r)
	}
	text := summary(t, tests, ci.SummaryLimit)
	if len(text) > ci.SummaryLimit || len(text) < ci.SummaryLimit*9/10 {
		t.Errorf("%d bytes of %d", len(text), ci.SummaryLimit)
	}
	if !strings.HasPrefix(text, "### faultflow test: 12,000 scenarios: 9,000 passed, 3,000 failed\n") {
		t.Errorf("heading %q", text[:100])
	}
	if strings.Contains(text, "passed 1 ") || strings.Count(text, "| ❌ |") != 3000 {
		t.Errorf("%d rows of what failed", strings.Count(text, "| ❌ |"))
	}
	shown := strings.Count(text, "<details>")
	note := fmt.Sprintf(
		"\n> Shortened: a step summary holds at most 1,048,576 bytes. The rows of what passed, 0 rows of others and the details of %s scenarios are left out.\n",
		grouped(3000-shown),
	)
	if shown == 0 || shown != strings.Count(text, "</details>") || !strings.HasSuffix(text, note) {
		t.Errorf("%d details; it ends with %q, want %q", shown, text[len(text)-200:], note)
	}
	// However little room there is, it is not exceeded, and what is there is whole.
	for _, limit := range []int{-5, 0, 1, 300, 500, 1000, 5000, 70_000} {
		text := summary(t, tests, limit)
		if len(text) > max(
			limit,
			0,
		) || strings.Count(
			text,
			"<details>",
		) != strings.Count(text, "</details>") || text != "" && !strings.Contains(text, "Shortened") {
			t.Errorf("limit %d: %d bytes", limit, len(text))
		}
	}
	if summary(t, tests, 1000) == "" {
		t.Error("nothing in 1000 bytes")
	}
}

// grouped writes a number below a million with its comma.
func grouped(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
