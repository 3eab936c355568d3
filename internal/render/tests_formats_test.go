package render_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"faultflow/internal/render/ci"
	"faultflow/internal/render/format"
	"faultflow/internal/render/text"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
)

// nasty has something of all that the formats must not let through.
const nasty = "]]> <b>&amp;\"' | `` ``` \\ # TODO % , :: \x00\x07\x1b[31m\x7f\u0085\u2028\ufffe\uffff\xff\r\n\t::error::x\n...\nnot ok 9\n\u202eabc\u200b ✓ @me $x$ </details>"

func failedResult() report.TestResult {
	return report.TestResult{
		Name:         "outage of the source",
		Description:  "what happens",
		File:         "scenarios/outage.yaml",
		Status:       report.TestFailed,
		Seed:         7,
		Seeds:        1,
		VirtualMS:    64_000,
		RealMS:       3.5,
		Verdict:      "degraded",
		Expectations: 3,
		Reasons:      []string{"the fault collector.fetch=timeout never fired (it was armed for 3 calls)"},
		Failures: []report.TestFailure{
			{
				Expect: `breaker("collector").opened >= 2`,
				Line:   12,
				Values: []report.TestValue{{Name: `breaker("collector").opened`, Text: "1"}},
			},
			{
				Expect: "ledger.lost == 0 && delivery.status == \"delivered\"",
				Line:   13,
				Values: []report.TestValue{
					{Name: "ledger.lost", Text: "2"},
					{Name: "delivery.status", Text: `"failed"`},
				},
			},
		},
		Repeat: "faultflow --scenario scenarios/outage.yaml --seed 7",
	}
}

func passedResult(name, file string) report.TestResult {
	return report.TestResult{
		Name:         name,
		File:         file,
		Status:       report.TestPassed,
		Seed:         1,
		Seeds:        1,
		VirtualMS:    2500,
		RealMS:       1.25,
		Verdict:      "success",
		Expectations: 1,
		Failures:     []report.TestFailure{},
		Reasons:      []string{},
		Repeat:       "faultflow --scenario " + file + " --seed 1",
	}
}

func inconclusiveResult() report.TestResult {
	r := passedResult("a breaker that is never asked", "scenarios/breaker.yaml")
	r.Status, r.Seed, r.Seeds = report.TestInconclusive, 9, 5
	r.Reasons = []string{`breaker("collector").opened == 0: the breaker collector was never called`}
	return r
}

func skippedResult() report.TestResult {
	return report.TestResult{
		Name:         "later",
		File:         "scenarios/later.yml",
		Status:       report.TestSkipped,
		Seed:         1,
		Expectations: 1,
		Failures:     []report.TestFailure{},
		Reasons:      []string{},
	}
}

// testSets are result sets by name; each has a golden file in each format.
func testSets() map[string]*report.Tests {
	hostile := report.TestResult{
		Name:        nasty,
		Description: nasty,
		File:        nasty,
		Status:      report.TestFailed,
		Seed:        1<<53 - 1,
		Seeds:       2,
		VirtualMS:   1e12,
		RealMS:      1e7,
		Failures: []report.TestFailure{
			{Expect: nasty, Line: 3, Values: []report.TestValue{{Name: nasty, Text: nasty}}},
			{Expect: nasty},
		},
		Reasons: []string{nasty},
		Repeat:  nasty,
	}
	vague := hostile
	vague.Status, vague.Failures = report.TestInconclusive, []report.TestFailure{}
	erred := passedResult("could not run", "scenarios/input.yaml")
	erred.Status, erred.Reasons = report.TestFailed, []string{"source: open weather.csv: no such file or directory"}
	bare := report.TestResult{Status: report.TestFailed}
	set := func(results ...report.TestResult) *report.Tests {
		return &report.Tests{Schema: report.TestSchema, RealMS: 42.125, Results: results}
	}
	return map[string]*report.Tests{
		"passed": set(passedResult(
			"one",
			"a.yaml",
		), passedResult("two [seed=1, mode=x]", "b.yaml"), passedResult("three", "a.yaml")),
		"mixed": set(
			passedResult("fine", "scenarios/outage.yaml"),
			failedResult(),
			inconclusiveResult(),
			erred,
			skippedResult(),
		),
		"hostile": set(hostile, vague, bare),
		"malformed": set(
			report.TestResult{
				Name:        "bad",
				File:        "scenarios/bad.yaml",
				Status:      report.TestMalformed,
				Reasons:     []string{`unknown key "cycels" (did you mean cycles?)`},
				ReasonLines: []int{3},
			},
			skippedResult(),
		),
		"empty": set(),
	}
}

func writeTests(t tester, tests *report.Tests, in string) string {
	t.Helper()
	var out bytes.Buffer
	if err := format.Tests(tests).Write(&out, in, text.Style{}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTestFormatsGolden(t *testing.T) {
	extensions := map[string]string{
		"text":     ".txt",
		"json":     ".json",
		"markdown": ".md",
		"junit":    ".xml",
		"tap":      ".tap",
		"github":   ".github",
	}
	for name, tests := range testSets() {
		for _, in := range format.Tests(nil).Formats() {
			t.Run(name+"/"+in, func(t *testing.T) {
				if extensions[in] == "" {
					t.Fatalf("no extension for %s", in)
				}
				reporttest.Golden(t, "tests/"+name+extensions[in], writeTests(t, tests, in))
			})
		}
		t.Run(name+"/summary", func(t *testing.T) {
			reporttest.Golden(t, "tests/"+name+".md", summary(t, tests, ci.SummaryLimit))
		})
	}
}

func TestTestFormatIsOfTheList(t *testing.T) {
	var out bytes.Buffer
	err := format.Tests(testSets()["mixed"]).Write(&out, "xml", text.Style{})
	if err == nil ||
		err.Error() != `format: unknown format "xml", expected one of: text, json, markdown, junit, tap, github` ||
		out.Len() > 0 {
		t.Errorf("error %v, output %q", err, out.String())
	}
}

type brokenWriter struct{ after int }

var errBroken = errors.New("broken")

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.after -= len(p); w.after < 0 {
		return 0, errBroken
	}
	return len(p), nil
}

func TestTestFormatsTellErrorsOfWriting(t *testing.T) {
	tests := testSets()["mixed"]
	for _, in := range format.Tests(nil).Formats() {
		for _, after := range []int{0, 60} {
			if err := format.Tests(tests).Write(&brokenWriter{after}, in, text.Style{}); !errors.Is(err, errBroken) {
				t.Errorf("%s after %d bytes: %v", in, after, err)
			}
		}
	}
	if err := ci.WriteTestSummary(&brokenWriter{}, tests, ci.SummaryLimit); !errors.Is(err, errBroken) {
		t.Errorf("summary: %v", err)
	}
}

// The JSON holds everything, so that each format can be made again from it.
func TestTestsSurviveJSON(t *testing.T) {
	var again report.Tests
	tests := testSets()["mixed"]
	if err := json.Unmarshal([]byte(writeTests(t, tests, "json")), &again); err != nil {
		t.Fatal(err)
	}
	for _, in := range format.Tests(nil).Formats() {
		if writeTests(t, &again, in) != writeTests(t, tests, in) {
			t.Errorf("%s differs after JSON", in)
		}
	}
}

// anyText draws ordinary text, text of what means something in a format, and bytes.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(rapid.String(), rapid.Just(nasty), rapid.Just(""),
		rapid.StringOf(rapid.SampledFrom([]rune(nasty+"-:=.{}0 "))),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
}

func anyTests() *rapid.Generator[*report.Tests] {
	return rapid.Custom(func(t *rapid.T) *report.Tests {
		text, small := anyText(), rapid.IntRange(0, 3)
		ms := rapid.Float64Range(0, 1e15)
		tests := &report.Tests{Schema: report.TestSchema, RealMS: ms.Draw(t, "real")}
		for range small.Draw(t, "results") {
			r := report.TestResult{
				Name:  text.Draw(t, "name"),
				File:  text.Draw(t, "file"),
				Seed:  rapid.Uint64().Draw(t, "seed"),
				Seeds: small.Draw(t, "seeds"),
				Status: rapid.SampledFrom([]report.TestStatus{
					report.TestPassed,
					report.TestFailed,
					report.TestInconclusive,
					report.TestSkipped,
					report.TestMalformed,
				}).Draw(t, "status"),
				VirtualMS: ms.Draw(t, "virtual"),
				RealMS:    ms.Draw(t, "real"),
				Repeat:    text.Draw(t, "repeat"),
			}
			for range small.Draw(t, "failures") {
				f := report.TestFailure{Expect: text.Draw(t, "expect"), Line: small.Draw(t, "line")}
				for range small.Draw(t, "values") {
					f.Values = append(f.Values, report.TestValue{
						Name: text.Draw(t, "value"),
						Text: text.Draw(t, "text"),
					})
				}
				r.Failures = append(r.Failures, f)
			}
			for range small.Draw(t, "reasons") {
				r.Reasons = append(r.Reasons, text.Draw(t, "reason"))
				if rapid.Bool().Draw(t, "with lines") {
					r.ReasonLines = append(r.ReasonLines, small.Draw(t, "line"))
				}
			}
			tests.Results = append(tests.Results, r)
		}
		return tests
	})
}

// printed is what the formats keep of a text.
func printed(s string) string {
	return strings.NewReplacer("\ufffe", "", "\uffff", "", "\u00a0", " ").Replace(report.Clean(s))
}

// reader is a tester for what reads a format.
type reader interface {
	tester
	Fatalf(string, ...any)
}
