package campaign

import (
	"fmt"
	"strings"

	"faultflow/internal/catalog"
	"faultflow/internal/expect"
	"faultflow/internal/report"
)

// Gate says what must hold of a campaign.
type Gate struct {
	Checks []*expect.Condition
	// FailOn is a verdict that no run may have, nor a worse one; "" for none.
	FailOn catalog.Verdict
	// FailOnAnyway says that FailOn was asked for. Otherwise checks and the scenario's expectations are in its place.
	FailOnAnyway bool
	// Until is the condition at which the campaign was to end early; nil without one.
	Until *expect.Condition
}

// Ruling is what a gate comes to: TestPassed, TestFailed or TestInconclusive, and why.
type Ruling struct {
	Checks []report.Check
	Status report.TestStatus
	Why    string
}

// Judge holds a campaign against the gate. A part of one passes: what the whole comes to is not known yet.
func (g Gate) Judge(c *report.Campaign) (Ruling, error) {
	r := Ruling{Status: report.TestPassed}
	if c.Part.Of > 0 {
		return r, nil
	}
	outcomes, err := expect.Campaign(c, g.Checks)
	if err != nil {
		return r, err
	}
	for i, o := range outcomes {
		r.Checks = append(r.Checks, report.Check{
			Condition: g.Checks[i].Source,
			Status:    o.Status,
			Reasons:   o.Reasons,
			Values:    o.Values,
		})
	}
	idle, err := g.idle(c, r.Checks)
	switch failed := g.failed(c, r.Checks); {
	case failed != "":
		r.Status, r.Why = report.TestFailed, failed
	case idle != "":
		r.Status, r.Why = report.TestInconclusive, "inconclusive: "+idle
	}
	return r, err
}

// failed says what does not hold, "" if everything does.
func (g Gate) failed(c *report.Campaign, checks []report.Check) string {
	for _, check := range checks {
		if check.Status == report.TestFailed {
			return "--check does not hold: " + check.Condition
		}
	}
	for i, e := range c.Expect {
		if failing := e.Of - e.Count; failing > 0 && !g.speaksOf(i) {
			return fmt.Sprintf("an expectation of the scenario does not hold in %d of %d runs: %s",
				failing, c.Runs, e.Condition)
		}
	}
	if g.FailOn == "" || !g.FailOnAnyway && len(g.Checks)+len(c.Expect) > 0 {
		return ""
	}
	bad, ended := c.Verdict.Failed.Count, "failed"
	if g.FailOn == catalog.Degraded {
		bad, ended = bad+c.Verdict.Degraded.Count, "ended degraded or worse"
	}
	if bad == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d runs (%.3g %%) %s", bad, c.Runs, 100*ratio(bad, c.Runs), ended)
}

// idle says what shows nothing, "" if everything shows something.
func (g Gate) idle(c *report.Campaign, checks []report.Check) (string, error) {
	for _, check := range checks {
		if check.Status == report.TestInconclusive {
			return "--check " + check.Condition + ": " + strings.Join(check.Reasons, "; "), nil
		}
	}
	for i, e := range c.Expect {
		if e.Of == 0 && !g.speaksOf(i) {
			return "an expectation of the scenario showed nothing in any run: " + e.Condition, nil
		}
	}
	for i := range c.Faults {
		if f := &c.Faults[i]; f.ProvesNothing() {
			return fmt.Sprintf("the fault %s never fired (calls that came by it: %d), so nothing was proved",
				f.Fault, f.Observed.Of), nil
		}
	}
	if c.Recovery.ProvesNothing() {
		return "no run was watched long enough to see whether it comes back", nil
	}
	if g.Until == nil || c.Until.Reached {
		return "", nil
	}
	outcomes, err := expect.Campaign(c, []*expect.Condition{g.Until})
	if err == nil && outcomes[0].Status == report.TestInconclusive {
		return "--until " + g.Until.Source + ": " + strings.Join(outcomes[0].Reasons, "; "), nil
	}
	return "", err
}

// speaksOf tells whether a check says what must hold of the scenario's i-th expectation.
func (g Gate) speaksOf(i int) bool {
	for _, c := range g.Checks {
		if c.ReadsEntry("expect", i) {
			return true
		}
	}
	return false
}
