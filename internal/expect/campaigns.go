package expect

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

	"faultflow/internal/report"
	"faultflow/internal/stats"
)

// Campaign is what conditions come to over a campaign. A campaign without a run shows nothing.
func Campaign(c *report.Campaign, conditions []*Condition) ([]Outcome, error) {
	list, err := ofCampaigns().outcomes(c, conditions)
	for i := range list {
		if c.Runs == 0 {
			list[i].Status, list[i].Reasons = report.TestInconclusive, []string{"no run was made"}
		}
	}
	return list, err
}

// ofCampaigns is the language of conditions over campaigns, as ofRuns is that over a run.
var ofCampaigns = sync.OnceValue(func() *language {
	l := newLanguage(reflect.TypeFor[report.Campaign](),
		named("breaker(name)", "the entry of `breakers` with this name",
			"the breaker %v was in the path of no run", breakers, campaignBreaker),
		named("attempts(node)", "the distribution of the node's attempts in a run",
			"the node %v ran in no run", nodes, attempts),
		named("calls(place)", "the distribution of the calls to the dependency in a run",
			"calls to %v are not counted", places, calls),
		named("pattern(name)", "the runs that demonstrated the pattern",
			"the pattern %v was off in every run", patterns, demonstrated),
		function{
			name:      "ci",
			takes:     "share",
			meaning:   "the width of the share's interval",
			arguments: []reflect.Type{plain(reflect.TypeFor[report.Share]())},
			result:    reflect.TypeFor[float64](),
			finds:     reflect.TypeFor[float64](),
			lookup: func(_ any, share []reflect.Value) any {
				width := share[0].FieldByName(goName("high")).Float() - share[0].FieldByName(goName("low")).Float()
				return &width
			},
		},
	).with([]rule{
		aboutNameless(func(s report.Share, field string) string {
			if s.Of == 0 && !isOneOf(field, "count", "of") {
				return "is a share of nothing"
			}
			return ""
		}),
		about(func(report.Tally, string) string { return "" }),
		aboutNameless(func(d report.Distribution, field string) string {
			if d.Count == 0 && field != "count" {
				return "has no value"
			}
			return ""
		}),
		about(func(b report.CampaignBreaker, field string) string {
			if b.Calls+b.Rejected == 0 && b.Opened.Count == 0 && field != "name" {
				return fmt.Sprintf("the breaker %s was called in no run", b.Name)
			}
			return ""
		}),
		about(func(n report.NodeLoad, field string) string {
			if n.Attempts.Max == 0 && field != "name" {
				return fmt.Sprintf("the node %s ran in no run", n.Name)
			}
			return ""
		}),
		about(func(d report.Dependency, field string) string {
			if d.Calls.Max == 0 && isOneOf(field, "factor", "per_record") {
				return fmt.Sprintf("%s was called in no run", d.Place)
			}
			return ""
		}),
		about(func(p report.CampaignPattern, field string) string {
			if p.Armed == 0 && p.Demonstrated.Count == 0 && field == "demonstrated" {
				return fmt.Sprintf("the pattern %s was off in every run", p.Name)
			}
			return ""
		}),
		about(func(f report.CampaignFault, field string) string {
			if f.Observed.Of == 0 && isOneOf(field, "observed", "configured", "expected") {
				return fmt.Sprintf("no call came by the fault %s", f.Fault)
			}
			return ""
		}),
		about(func(e report.CampaignExpectation, field string) string {
			if e.Of == 0 && isOneOf(field, "count", "share", "low", "high") {
				return "the expectation " + e.Condition + " showed nothing in any run"
			}
			return ""
		}),
		about(func(l report.CampaignLedger, field string) string {
			if l.Collected == 0 && strings.HasSuffix(field, "_share") {
				return "no record was collected"
			}
			return ""
		}),
		about(func(r report.CampaignRecovery, _ string) string {
			if r.Offered == 0 {
				return "there was no load"
			}
			return ""
		}),
		about(func(v report.CampaignViolations, field string) string {
			if field == "list" && int64(len(v.List)) < v.Count {
				return fmt.Sprintf("the report has only %d of %d violations", len(v.List), v.Count)
			}
			return ""
		}),
	},
		reflect.TypeFor[report.Violation](),
		reflect.TypeFor[report.SeedRun](),
	)
	l.filled = neverHappened
	return l
})

// neverHappened completes the tally of what a campaign does not mention, such as a finding that never came up: it
// happened in none of the runs, which has an interval as any other share.
func neverHappened(campaign, value any) any {
	none := report.Tally{Runs: report.Share{Of: campaign.(*report.Campaign).Runs}}
	v := reflect.ValueOf(value)
	if !v.IsValid() || v.Type() != plain(reflect.TypeFor[report.Tally]()) || !v.IsZero() {
		return value
	}
	none.Runs.Low, none.Runs.High = stats.Wilson(0, none.Runs.Of)
	filled := reflect.New(v.Type())
	if err := convert(none, filled.Interface()); err != nil {
		panic(err) // expr makes an error of it
	}
	return filled.Elem().Interface()
}

func campaignBreaker(c *report.Campaign, name string) *report.CampaignBreaker {
	return find(c.Breakers, func(b report.CampaignBreaker) bool { return b.Name == name })
}

func attempts(c *report.Campaign, node string) *report.Distribution {
	n := find(c.Nodes, func(n report.NodeLoad) bool { return n.Name == node })
	if n == nil || n.Attempts.Max == 0 {
		return nil
	}
	return &n.Attempts
}

func calls(c *report.Campaign, place string) *report.Distribution {
	if d := find(c.Dependencies, func(d report.Dependency) bool { return d.Place == place }); d != nil {
		return &d.Calls
	}
	return nil
}

func demonstrated(c *report.Campaign, pattern string) *report.Tally {
	p := find(c.Patterns, func(p report.CampaignPattern) bool { return p.Name == pattern })
	if p == nil || p.Armed == 0 && p.Demonstrated.Count == 0 {
		return nil
	}
	return &p.Demonstrated
}
