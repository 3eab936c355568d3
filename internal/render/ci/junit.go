// Package ci lays content out for CI systems: JUnit, TAP, annotations of GitHub, and Markdown for comments and
// summaries.
package ci

import (
	"fmt"
	"io"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"faultflow/internal/catalog"
	"faultflow/internal/render"
	"faultflow/internal/report"
)

// WriteJUnit writes what a run proves as test cases. CI systems follow a case by its name from one run to the next, so
// these are the same for all runs with the same settings:
//
//   - verdict: failed if it is failed, an error if the run was interrupted; a degraded run passes, as it does by
//     default elsewhere (--fail-on). The findings with their recommendations are its output.
//   - ledger: failed if it does not balance;
//   - each path of a recovery drill: failed if it did not recover;
//   - each fault given by hand: an error if it never fired, because then the run proves nothing of it.
func WriteJUnit(w io.Writer, r *report.Report) error {
	suite := junit.Testsuite{Name: xmlText(fmt.Sprintf("faultflow run, seed %d", r.Seed)), Time: seconds(r.Meta.RealMS)}
	for i, check := range checks(r) {
		c := junitCase(check)
		if i == 0 {
			c.SystemOut = &junit.Output{Data: "\n" + xmlText(findingLines(r)...) + "\n"}
		}
		suite.AddTestcase(c)
	}
	suites := &junit.Testsuites{Name: "faultflow", Time: suite.Time}
	suites.AddSuite(suite)
	return writeSuites(w, suites)
}

// checks are the cases of a run, the verdict first.
func checks(r *report.Report) []report.TestResult {
	var list []report.TestResult
	check := func(name string, fails bool, status report.TestStatus, why string) {
		c := report.TestResult{Name: name, File: "faultflow", Status: report.TestPassed, Seed: r.Seed}
		if fails {
			c.Status, c.Reasons = status, []string{why}
		}
		list = append(list, c)
	}
	verdict := report.TestFailed
	if r.Interrupted {
		verdict = report.TestInconclusive
	}
	check("verdict", r.Interrupted || !catalog.Failed.Worse(r.Verdict), verdict, render.Ending(r))
	list[0].RealMS = r.Meta.RealMS
	check(
		"ledger",
		!r.Ledger.Balanced || r.Ledger.Lost != 0,
		report.TestFailed,
		render.Ledger(r, render.Brief()).Parts[0].Text,
	)
	for _, d := range r.Drill {
		path := "recovery path " + render.ClipName(d.Path)
		if d.Path == "none" {
			path = "clean cycle"
		}
		check(path, !d.Recovered, report.TestFailed, render.Facts("not recovered", render.ClipText(d.Detail)))
	}
	for _, f := range r.Faults {
		if f.Declared {
			check("fault "+render.ClipText(f.Spec)+" fires", f.Fired == 0 && !f.MayNotFire, report.TestInconclusive,
				fmt.Sprintf("never fired (calls that came by it: %s), so nothing was proved", render.Grouped(f.Armed)))
		}
	}
	if state := r.Recovery.State; state != "" && state != catalog.NotJudged {
		check("recovery is watched long enough", state == catalog.NotWatched, report.TestInconclusive,
			"it was not, so nothing was proved")
	}
	return list
}

func findingLines(r *report.Report) []string {
	lines := []string{render.Ending(r)}
	for _, f := range render.Fold(r.Findings) {
		lines = append(lines, fmt.Sprintf(
			"%s: %s%s",
			render.ClipName(f.Node),
			render.ClipText(f.Message),
			render.Occurrence(f),
		))
		if f.Recommendation != "" {
			lines = append(lines, "  → "+render.ClipText(f.Recommendation))
		}
	}
	return lines
}
