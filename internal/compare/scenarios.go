package compare

import (
	"slices"
	"strings"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
)

// scenarioMeasures are those of the results of faultflow test.
func scenarioMeasures() []Measure {
	statuses := []report.TestStatus{ // the best first
		report.TestPassed, report.TestInconclusive, report.TestFailed, report.TestMalformed,
	}
	return group("Scenarios", slices.Concat(weighing(Verdicts,
		ofTests("tests.passed", Count, Higher, "scenarios that passed", scenariosWith(report.TestPassed)),
		ofTests("tests.failed", Count, Lower, "scenarios that failed", scenariosWith(report.TestFailed)),
		ofTests("tests.inconclusive", Count, Lower, "scenarios that proved nothing",
			scenariosWith(report.TestInconclusive)),
		ofTests("tests.skipped", Count, Neither, "scenarios that were not run", scenariosWith(report.TestSkipped)),
		ofTests("scenario.<scenario>", Word, Lower, "what it came to: passed, inconclusive, failed, malformed",
			perResult(func(r report.TestResult) Value { return word(r.Status, statuses) })),
		ofTests("expectations.<scenario>", Count, Neither, "its expectations",
			perResult(func(r report.TestResult) Value { return count(r.Expectations) })),
		ofTests("broken.<scenario>: <expectation>", Count, Lower, "an expectation that does not hold", broken).
			orElse(notBroken).ofPresence(),
		ofTests("scenario_verdict.<scenario>", Word, Lower, "what its run came to",
			perResult(func(r report.TestResult) Value { return verdict(catalog.Verdict(r.Verdict)) })),
	), []Measure{
		ofTests("scenario_ms.<scenario>", MS, Lower, "how long its run took, on its own clock",
			perResult(func(r report.TestResult) Value { return quantity(r.VirtualMS) })),
	})...)
}

func scenariosWith(s report.TestStatus) func(*report.Tests) []reading {
	return single(func(t *report.Tests) Value { return count(t.Count(s)) })
}

// perResult leaves out scenarios that were skipped.
func perResult(value func(report.TestResult) Value) func(*report.Tests) []reading {
	return func(t *report.Tests) (list []reading) {
		for _, r := range t.Results {
			if r.Status != report.TestSkipped {
				list = append(list, reading{key: r.Name, value: value(r)})
			}
		}
		return list
	}
}

// broken lists the expectations that did not hold.
func broken(t *report.Tests) (list []reading) {
	for _, r := range t.Results {
		for _, f := range r.Failures {
			list = append(list, reading{key: r.Name + ": " + f.Expect, value: count(1)})
		}
	}
	return list
}

// notBroken is 0 for an expectation of a scenario that ran: results list only those that did not hold.
func notBroken(d Document, key string) reading {
	ran := d.Tests != nil && slices.ContainsFunc(d.Tests.Results, func(r report.TestResult) bool {
		return r.Status != report.TestSkipped && strings.HasPrefix(key, r.Name+": ")
	})
	if !ran {
		return reading{key: key}
	}
	return reading{key: key, value: count(0)}
}
