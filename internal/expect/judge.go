package expect

import (
	"fmt"

	"faultflow/internal/report"
)

// Judgement is what expectations come to over one report.
type Judgement struct {
	Status   report.TestStatus
	Failures []report.TestFailure
	// Reasons say why nothing was proved. Faults that never fired come first, in the order of the report. Lines are
	// those of the conditions that the reasons are about, 0 for none.
	Reasons []string
	Lines   []int
}

// Judge holds expectations against a report. All must hold; and each must be about something that ran, each declared
// fault must have fired unless it may not, and a recovery must have been watched long enough, or the judgement is
// inconclusive.
func Judge(r *report.Report, expectations []*Condition) (Judgement, error) {
	j := Judgement{Status: report.TestPassed, Failures: []report.TestFailure{}, Reasons: []string{}, Lines: []int{}}
	reason := func(line int, format string, args ...any) {
		j.Reasons, j.Lines = append(j.Reasons, fmt.Sprintf(format, args...)), append(j.Lines, line)
	}
	outcomes, err := Run(r, expectations)
	if err != nil {
		return j, err
	}
	for _, why := range r.Unproved() {
		reason(0, "%s", why)
	}
	for i, o := range outcomes {
		c := expectations[i]
		if o.Status == report.TestFailed {
			j.Failures = append(j.Failures, report.TestFailure{Expect: c.Source, Line: c.Line, Values: o.Values})
		}
		for _, why := range o.Reasons {
			reason(c.Line, "%s: %s", c.Source, why)
		}
	}
	switch {
	case len(j.Failures) > 0:
		j.Status = report.TestFailed
	case len(j.Reasons) > 0:
		j.Status = report.TestInconclusive
	}
	return j, nil
}
