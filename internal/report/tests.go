package report

import "io"

// TestStatus is what a scenario came to.
type TestStatus string

// The statuses. Inconclusive: everything held, but something that should have been put to the test never ran.
const (
	TestPassed       TestStatus = "passed"
	TestFailed       TestStatus = "failed"
	TestInconclusive TestStatus = "inconclusive"
	TestSkipped      TestStatus = "skipped" // not run: another one failed first, a file is wrong, or an interruption
	// TestMalformed is a file that is wrong, so that no scenario was run.
	TestMalformed TestStatus = "malformed"
)

// TestSchema names the version of the JSON document of test results.
const TestSchema = "faultflow.tests/v1"

// Tests are the results of running scenarios, in the order of the scenarios.
type Tests struct {
	Schema string `json:"schema"`
	// Counts is how many results have which status; WriteTests and reading set it.
	Counts  TestCounts   `json:"counts"`
	Results []TestResult `json:"results"`
	// RealMS is how long all of it took on the wall clock.
	RealMS float64 `json:"real_ms"`
}

// TestCounts are the numbers of results by status.
type TestCounts struct {
	Passed       int `json:"passed"`
	Failed       int `json:"failed"`
	Inconclusive int `json:"inconclusive"`
	Malformed    int `json:"malformed"`
	Skipped      int `json:"skipped"`
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
	// Reasons say why the result is inconclusive, or what else went wrong. ReasonLines are the lines in the file that
	// they are about, one for each reason, 0 for none.
	Reasons     []string `json:"reasons"`
	ReasonLines []int    `json:"reason_lines"`
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

// Reason is the i-th of Reasons, and the line in the file that it is about, 0 for none.
func (r *TestResult) Reason(i int) (why string, line int) {
	if i < len(r.ReasonLines) { // results of older versions have none
		line = r.ReasonLines[i]
	}
	return r.Reasons[i], line
}

// WriteTests counts the results of t and writes it as WriteJSON does a report.
func WriteTests(w io.Writer, t *Tests) error {
	t.count()
	return WriteDocument(w, t)
}

func (t *Tests) count() {
	t.Counts = TestCounts{
		Passed:       t.Count(TestPassed),
		Failed:       t.Count(TestFailed),
		Inconclusive: t.Count(TestInconclusive),
		Malformed:    t.Count(TestMalformed),
		Skipped:      t.Count(TestSkipped),
	}
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
