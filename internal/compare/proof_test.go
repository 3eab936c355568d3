package compare_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"faultflow/internal/catalog"
	"faultflow/internal/compare"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
	"faultflow/internal/runtest"
)

func checked(t tester, gate string, r *compare.Result) ([]compare.Regression, []compare.Gap, error) {
	t.Helper()
	g, err := compare.ParseGate(gate)
	if err != nil {
		t.Fatal(err)
	}
	return g.Check(r)
}

// said writes gaps as "name/input problem"; with ? where both inputs could be missing something.
func said(gaps []compare.Gap) (list []string) {
	for _, g := range gaps {
		text := fmt.Sprintf("%s/%d %s", g.Comparison, g.Input, g.Problem)
		if g.TooFew != nil {
			text += fmt.Sprintf("too few: %d and %d", g.TooFew.Runs[0], g.TooFew.Runs[1])
		}
		if g.Missing {
			text += "?"
		}
		list = append(list, text)
	}
	return list
}

func named(documents map[string]compare.Document) compare.Input {
	return compare.Input{Source: compare.Source{Label: "in"}, Documents: documents}
}

// TestGateOverNothing: a gate that compared nothing would be trusted for nothing, so that it is an error.
func TestGateOverNothing(t *testing.T) {
	run, campaign, tests := ofReport(reporttest.Network()), ofCampaign(network(t, 5)), ofTests(testResults())
	other := testResults()
	for i := range other.Results {
		other.Results[i].Name = fmt.Sprint("another ", i)
	}
	for name, c := range map[string]struct {
		result *compare.Result
		want   []string
	}{
		"no common name": {
			compare.Compare([]compare.Input{
				named(map[string]compare.Document{"x": run}),
				named(map[string]compare.Document{"y": run}),
			}),
			[]string{"x/1 only in in?", "y/1 only in in?"},
		},
		"a campaign and a run": {result(campaign, run), []string{"/1 a campaign beside a run?"}},
		"tests and a run":      {result(tests, run), []string{"/1 results of tests beside a run?"}},
		"no common scenario":   {result(tests, ofTests(other)), []string{"/1 no scenario ran in both?"}},
		"of three": {
			result(run, tests, campaign),
			[]string{"/1 a run beside results of tests?", "/2 a run beside a campaign?"},
		},
	} {
		for _, gate := range []string{"regression", "verdict*"} {
			found, gaps, err := checked(t, gate, c.result)
			var nothing *compare.NothingError
			if !errors.As(err, &nothing) || len(found)+len(gaps) > 0 || !slices.Equal(said(nothing.Gaps), c.want) {
				t.Errorf("%s, %s: %v, %v, %v", name, gate, found, gaps, err)
			}
		}
		if found, gaps, err := checked(t, "never", c.result); err != nil || len(found)+len(gaps) > 0 {
			t.Errorf("%s: no gate at all: %v, %v, %v", name, found, gaps, err)
		}
	}
}

// TestGateOverParts: what could not be compared is named, or it would pass with the rest.
func TestGateOverParts(t *testing.T) {
	run, campaign := ofReport(reporttest.Network()), ofCampaign(network(t, 100))
	fewer, skipped := testResults(), testResults()
	fewer.Results = fewer.Results[1:]
	skipped.Results[0].Status = report.TestSkipped
	lost := testResults().Results[0].Name
	unfired, interrupted, single := reporttest.Network(), reporttest.Network(), base()
	unfired.Faults = append(unfired.Faults, report.Fault{Spec: "collector.fetch=panic", Declared: true})
	interrupted.Interrupted = true
	unwatched := reporttest.Network()
	unwatched.Recovery.State = catalog.NotWatched
	single.Cycles.List = single.Cycles.List[:1]
	off := base()
	off.Breakers = nil
	idle := copied(t, campaign.Campaign)
	idle.Faults = append(idle.Faults, report.CampaignFault{Fault: "collector.fetch=panic", Declared: true})
	empty := copied(t, campaign.Campaign)
	empty.Runs = 0
	for name, c := range map[string]struct {
		gate   string
		result *compare.Result
		want   []string
	}{
		"a report on one side": {
			"regression",
			compare.Compare([]compare.Input{
				named(map[string]compare.Document{"x": run, "y": run}),
				named(map[string]compare.Document{"x": run, "z": run}),
			}),
			[]string{"y/1 only in in?", "z/1 only in in?"},
		},
		"another kind on one side": {
			"verdict",
			compare.Compare([]compare.Input{
				named(map[string]compare.Document{"x": run, "y": run}),
				named(map[string]compare.Document{"x": run, "y": campaign}),
			}),
			[]string{"y/1 a run beside a campaign?"},
		},
		"a third input of another kind": {
			"verdict",
			result(run, run, campaign),
			[]string{"/2 a run beside a campaign?"},
		},
		"a scenario on one side": {
			"tests.*",
			result(ofTests(testResults()), ofTests(fewer)),
			[]string{"/1 the scenario " + lost + " ran in one of both?"},
		},
		"a scenario that was skipped": {
			"regression",
			result(ofTests(skipped), ofTests(testResults())),
			[]string{"/1 the scenario " + lost + " ran in one of both?"},
		},
		"a fault that never fired": {
			"verdict",
			result(run, ofReport(unfired)),
			[]string{"/1 the fault collector.fetch=panic never fired"},
		},
		"a fault that fired in no run": {
			"verdict.*",
			result(ofCampaign(idle), ofCampaign(idle)),
			[]string{"/1 the fault collector.fetch=panic never fired"},
		},
		"a run that was not watched": {"verdict", result(ofReport(unwatched), run),
			[]string{"/1 a run was not watched long enough to see whether it comes back"}},
		"an interrupted run": {"verdict", result(ofReport(interrupted), run), []string{"/1 a run was interrupted"}},
		"no runs": {"verdict.*", result(campaign, ofCampaign(empty)), []string{
			"/1 a campaign made no run",
		}},
		"a measure of one side": {
			"breaker_opened.collector,verdict",
			result(ofReport(base()), ofReport(off)),
			[]string{"/1 breaker_opened.collector has no value in both?"},
		},
		"a measure of no side": {
			"cycle_ms.mean",
			result(ofReport(single), ofReport(single)),
			[]string{"/1 cycle_ms.mean has no value in both?"},
		},
		// What is left out where it is 0 was compared: 0 with 0. So was what has a value among others without one.
		"a count of 0":         {"warnings.no_data,errors.by_class.data", result(run, run), nil},
		"some of a family":     {"breaker_*,attempts.*", result(ofReport(base()), ofReport(base())), nil},
		"all that is there":    {"regression", result(ofReport(base()), ofReport(base())), nil},
		"runs enough":          {"regression", result(campaign, campaign), nil},
		"results of tests":     {"regression", result(ofTests(testResults()), ofTests(testResults())), nil},
		"a fault that may not": {"verdict", result(run, ofReport(mayNotFire(unfired))), nil},
	} {
		_, gaps, err := checked(t, c.gate, c.result)
		if err != nil || !slices.Equal(said(gaps), c.want) {
			t.Errorf("%s: %q, error %v; want %q", name, said(gaps), err, c.want)
		}
	}
}

func mayNotFire(r *report.Report) *report.Report {
	other := *r
	other.Faults = slices.Clone(r.Faults)
	for i := range other.Faults {
		other.Faults[i].MayNotFire = true
	}
	return &other
}

// TestGateOverTooFewRuns: between two campaigns of five runs no difference is significant, not even that between all
// and none, so that the gate could never bite. It says how many runs would show what it was asked for.
func TestGateOverTooFewRuns(t *testing.T) {
	good := runtest.Campaign(t, 5)
	bad, slower := copied(t, good), copied(t, good)
	bad.Verdict.Success, bad.Verdict.Failed = share(0, 5), share(5, 5)
	slower.DurationMS.Mean *= 1.5
	for i := range slower.DurationMS.Buckets {
		slower.DurationMS.Buckets[i].Value *= 1.5
	}
	for _, c := range []struct {
		gate     string
		b        *report.Campaign
		row      string
		from, to float64
		enough   int64 // 0 for the least
	}{
		{"regression", bad, "verdict.success", 1, 0, 0},
		{"verdict.failed", bad, "verdict.failed", 0, 1, 0},
		{"verdict.success>0.1", good, "verdict.success", 1, 0.9, 177},
		{"verdict.success>10%", good, "verdict.success", 1, 0.9, 177},
		{"verdict.failed>0.1", bad, "verdict.failed", 0, 0.1, 177},
		{"verdict.failed>10%", good, "", 0, 0, 0}, // of nothing
		{"regression", good, "", 0, 0, 0},
		{"duration_ms.mean", slower, "duration_ms.mean", good.DurationMS.Mean, slower.DurationMS.Mean, 0},
		{"duration_ms.p90>50%", good, "duration_ms.p90", good.DurationMS.P90, 1.5 * good.DurationMS.P90, 83},
	} {
		_, gaps, err := checked(t, c.gate, result(ofCampaign(good), ofCampaign(c.b)))
		if err != nil || !slices.Equal(said(gaps), []string{"/1 too few: 5 and 5"}) {
			t.Errorf("%s: %q, %v", c.gate, said(gaps), err)
			continue
		}
		few := gaps[0].TooFew
		name := ""
		if few.Row != nil {
			name = few.Row.Name
		}
		if few.Least < 6 || few.Least > 8 || few.Tests < 20 || name != c.row || few.From != c.from ||
			math.Abs(few.To-c.to) > 1e-9 || c.enough > 0 && few.Enough != c.enough ||
			c.enough == 0 && name != "" && (few.Enough < few.Least || few.Enough > 20) {
			t.Errorf("%s: %s %v → %v: %+v", c.gate, name, few.From, few.To, few)
		}
	}
	// What is measured in some runs only has fewer still.
	a := network(t, 200, "collector-breaker=true")
	opened := &a.Breakers[0].CallsBeforeOpen
	opened.Count, opened.Buckets = 3, []report.Bucket{{Value: 3, Count: 3}}
	_, gaps, err := checked(t, "calls_before_open.*", result(ofCampaign(a), ofCampaign(a)))
	if err != nil || !slices.Equal(said(gaps), []string{"/1 too few: 3 and 3"}) {
		t.Errorf("%q, %v", said(gaps), err)
	}
	if _, gaps, err := checked(t, "regression", result(ofCampaign(a), ofCampaign(a))); err != nil || len(gaps) > 0 {
		t.Errorf("%q, %v", said(gaps), err)
	}
	// A regression needs no more proof where a sample is large enough.
	small, large := runtest.Campaign(t, 3), copied(t, network(t, 300))
	_, gaps, err = checked(t, "verdict.*", compare.Compare([]compare.Input{
		named(map[string]compare.Document{"x": ofCampaign(small), "y": ofCampaign(large)}),
		named(map[string]compare.Document{"x": ofCampaign(small), "y": ofCampaign(large)}),
	}))
	if err != nil || !slices.Equal(said(gaps), []string{"x/1 too few: 3 and 3"}) {
		t.Errorf("%q, %v", said(gaps), err)
	}
}

// TestGateThatNothingExceeds: a share can't change by more than 1, and what should be high can't fall by more than all
// of it. Who writes verdict.failed>5 means percentage points and would have a gate that never bites.
func TestGateThatNothingExceeds(t *testing.T) {
	campaigns := result(ofCampaign(network(t, 50)), ofCampaign(network(t, 50)))
	runs := result(ofReport(base()), ofReport(base()))
	for gate, r := range map[string]*compare.Result{
		"verdict.failed>5":                   campaigns,
		"verdict.success>1":                  campaigns,
		"records.delivered>100%":             campaigns,
		"verdict.success,verdict.degraded>2": campaigns,
		"ledger.delivered_share>1":           runs,
		"ledger.delivered_share>100%":        runs,
		"modes.normal>100%":                  runs,
	} {
		_, _, err := checked(t, gate, r)
		var invalid *compare.GateError
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), "it can't get worse by more than that") {
			t.Errorf("%s: %v", gate, err)
		}
	}
	for gate, r := range map[string]*compare.Result{
		"verdict.failed>0.99":        campaigns,
		"verdict.failed>500%":        campaigns,
		"duration_ms.mean>5":         campaigns,
		"*>5":                        campaigns,
		"verdict>5":                  runs,
		"ledger.delivered_share>99%": runs,
		"modes.normal>100":           runs,
	} {
		if _, _, err := checked(t, gate, r); err != nil {
			t.Errorf("%s: %v", gate, err)
		}
	}
	worse := base()
	worse.Verdict = catalog.Failed
	if found, gaps, err := checked(t, "verdict>5", result(ofReport(base()), ofReport(worse))); len(found) != 1 {
		t.Errorf("a verdict exceeds every limit: %v, %v, %v", found, gaps, err)
	}
}
