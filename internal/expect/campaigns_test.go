package expect_test

import (
	"strings"
	"testing"

	"faultflow/internal/expect"
	"faultflow/internal/report"
)

func someCampaign() *report.Campaign {
	return &report.Campaign{
		Runs:    200,
		Verdict: report.VerdictShares{Degraded: report.Share{Count: 20, Of: 200, Share: 0.1, Low: 0.066, High: 0.149}},
		Nodes:   []report.NodeLoad{{Name: "collector", Attempts: report.Distribution{Count: 200, P99: 3, Max: 3}}},
		Dependencies: []report.Dependency{
			{
				Place:  "collector.fetch",
				Factor: 1.5,
				Calls: report.Distribution{
					Count:   200,
					Mean:    1.5,
					Max:     3,
					Buckets: []report.Bucket{{Value: 1, Count: 200}},
				},
			},
		},
		Breakers: []report.CampaignBreaker{
			{Name: "collector", Opened: report.Tally{Count: 12, Runs: report.Share{Count: 12, Of: 200, Share: 0.06}}},
		},
		Origins:  map[string]report.Tally{"default_data": {Count: 12}},
		Findings: map[string]report.Tally{"low_success": {Count: 1}},
		Errors:   report.CampaignErrors{Total: 40, ByClass: map[string]report.Tally{"network": {Count: 40}}},
		Patterns: []report.CampaignPattern{{Name: "circuit_breaker", Demonstrated: report.Tally{Count: 12}}},
		Faults: []report.CampaignFault{
			{Fault: "collector.fetch=http_500", Configured: 0.4, Observed: report.Share{Count: 80, Of: 200}},
		},
		Ledger: report.CampaignLedger{Collected: 10, DeliveredShare: 0.9},
	}
}

func TestCampaignConditions(t *testing.T) {
	for source, want := range map[string]report.TestStatus{
		`ci(verdict.degraded) < 0.09`:                       report.TestPassed,
		`ci(verdict.degraded) < 0.08`:                       report.TestFailed,
		`verdict.degraded.high < 0.15 && runs == 200`:       report.TestPassed,
		`verdict.failed.count == 0`:                         report.TestPassed,
		`attempts("collector").p99 <= 3`:                    report.TestPassed,
		`calls("collector.fetch").mean > 1`:                 report.TestPassed,
		`breaker("collector").opened.runs.share < 0.1`:      report.TestPassed,
		`ci(breaker("collector").opened.runs) == 0`:         report.TestPassed,
		`pattern("circuit_breaker").count == 12`:            report.TestPassed,
		`origins["default_data"].count == 12`:               report.TestPassed,
		`origins["stale_cache"].count == 0`:                 report.TestPassed,
		`findings["low_success"].count > 1`:                 report.TestFailed,
		`errors.by_class["network"].count == errors.total`:  report.TestPassed,
		`all(faults, .configured < 0.5)`:                    report.TestPassed,
		`ledger.delivered_share >= 0.9 && ledger.lost == 0`: report.TestPassed,
		`violations.count == 0`:                             report.TestPassed,
		`dependencies[0].factor == 1.5 && runs == 200`:      report.TestPassed,
	} {
		e, err := expect.CompileCampaign(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		list, err := expect.Campaign(someCampaign(), []*expect.Condition{e})
		if err != nil || list[0].Status != want {
			t.Errorf("%s: %+v, %v, want it %s", source, list, err, want)
		}
	}
}

func TestCampaignConditionsThatDoNotCompile(t *testing.T) {
	for source, want := range map[string]string{
		`ci(verdict.degarded) < 1`:                `there is no field "degarded" here (did you mean degraded?)`,
		`verdict.degraded`:                        "expected bool, but got {count, of, share, low, high}",
		`ci(runs) < 1`:                            "cannot use int as argument (type {count, of, share, low, high}) to call ci",
		`ci(verdict) < 1`:                         "cannot use {success, degraded, failed} as argument (type {count, of, share, low, high}) to call ci",
		`breakers > 1`:                            "mismatched types []{name, armed, calls, opened, rejected, calls_before_open} and int",
		`attempts("colector").max > 1`:            `there is no node "colector" (did you mean collector?)`,
		`findings["low_sucess"].count == 0`:       `there is no finding "low_sucess" (did you mean low_success?)`,
		`origins["cache"].count == 0`:             `there is no origin "cache"`,
		`errors.by_class["netwrok"].count == 0`:   `(did you mean network?)`,
		`pattern("circut_breaker").count == 0`:    `(did you mean circuit_breaker?)`,
		`vedict.degraded.share < 1`:               `unknown name vedict (did you mean verdict?)`,
		`all(1..9, {# > 0})`:                      "ranges are not for expectations",
		strings.Repeat("runs > 0 && ", 400) + "1": "longer than 4096",
	} {
		if _, err := expect.CompileCampaign(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, want %q", source, err, want)
		}
	}
}
