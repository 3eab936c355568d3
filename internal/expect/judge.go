package expect

import (
	"fmt"
	"slices"
	"strconv"

	"faultflow/internal/catalog"
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

// Judge holds expectations against a report. All must hold; and each must be about something that ran, and each
// declared fault must have fired unless it may not, or the judgement is inconclusive.
func Judge(r *report.Report, expectations []*Condition) (Judgement, error) {
	j := Judgement{Status: report.TestPassed, Failures: []report.TestFailure{}, Reasons: []string{}, Lines: []int{}}
	reason := func(line int, format string, args ...any) {
		j.Reasons, j.Lines = append(j.Reasons, fmt.Sprintf(format, args...)), append(j.Lines, line)
	}
	env, err := Environment(r)
	if err != nil {
		return j, err
	}
	for _, f := range r.Faults {
		if f.ProvesNothing() {
			reason(0, "the fault %s never fired (calls that came by it: %d)", f.Spec, f.Armed)
		}
	}
	for _, c := range expectations {
		held, err := c.Check(env)
		if held {
			for _, why := range c.Vacuous(r) {
				reason(c.Line, "%s: %s", c.Source, why)
			}
			continue
		}
		values := c.Values(env)
		if err != nil {
			values = append(values, report.TestValue{Name: "error", Text: strconv.Quote(err.Error())})
		}
		j.Failures = append(j.Failures, report.TestFailure{Expect: c.Source, Line: c.Line, Values: values})
	}
	switch {
	case len(j.Failures) > 0:
		j.Status = report.TestFailed
	case len(j.Reasons) > 0:
		j.Status = report.TestInconclusive
	}
	return j, nil
}

// subject is what a condition is about: a function with its argument, or a stage, and the field that is asked for.
type subject struct{ function, name, field string }

// Vacuous says why the condition proves nothing about this run: what it is about never ran. Empty if it does.
func (c *Condition) Vacuous(r *report.Report) []string {
	var reasons []string
	for _, s := range c.subjects {
		if why := s.vacuous(r); why != "" && !slices.Contains(reasons, why) {
			reasons = append(reasons, why)
		}
	}
	return reasons
}

func (s subject) vacuous(r *report.Report) string {
	asks := func(fields ...string) bool { return slices.Contains(fields, s.field) }
	switch s.function {
	case "breaker":
		b := breaker(r, s.name)
		if b == nil {
			return fmt.Sprintf("the breaker %s was never in the path", s.name)
		}
		if b.Calls+b.Rejected == 0 {
			return fmt.Sprintf("the breaker %s was never called", s.name)
		}
	case "node", "attempts":
		if n := node(r, s.name); (n == nil || n.Runs == 0) && !asks("runs") {
			return fmt.Sprintf("the node %s never ran", s.name)
		}
	case "channel":
		if c := channel(r, s.name); (c == nil || c.Tried == 0) && !asks("tried", "skipped") {
			return fmt.Sprintf("the channel %s was never tried", s.name)
		}
	case "pattern":
		if p := pattern(r, s.name); p == nil || p.State == catalog.Off {
			return fmt.Sprintf("the pattern %s was off", s.name)
		}
	case "dead_letters":
		if _, known := r.Ledger.Dead(catalog.Place(s.name), ""); !known {
			return "the report keeps only the commonest dead letters, and does not count them by place"
		}
	case "processing":
		if r.Processing.In == 0 && !asks("in", "out", "failed", "mode", "modes") {
			return "processing had nothing to do"
		}
	case "delivery":
		if r.Delivery.Passes == 0 && !asks("passes", "status", "delivered", "spooled", "failed") {
			return "delivery had nothing to do"
		}
	}
	return ""
}
