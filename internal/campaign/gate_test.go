package campaign

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"faultflow/internal/catalog"
	"faultflow/internal/expect"
	"faultflow/internal/report"
	"faultflow/internal/settings"
)

func conditions(
	t interface{ Fatal(...any) }, compile func(string) (*expect.Condition, error), sources ...string,
) (list []*expect.Condition) {
	for _, source := range sources {
		c, err := compile(source)
		if err != nil {
			t.Fatal(source, err)
		}
		list = append(list, c)
	}
	return list
}

// TestExpectationsAreJudgedRunByRun: a campaign tells of each expectation what counting over single runs gives, and of
// those that fail the seeds to repeat. They were once dropped without a word.
func TestExpectationsAreJudgedRunByRun(t *testing.T) {
	sources := []string{
		`ledger.lost == 0`,
		`verdict == "success"`,
		`breaker("collector").calls_before_open <= 3`, // shows nothing in most runs
		`any(timeline.events, .kind == "hook")`,       // needs the events, without which campaigns are made
	}
	s, expectations := profile("random"), conditions(t, expect.Compile, sources...)
	c, _ := made(t, Plan{Settings: s, Runs: 60, Expectations: expectations})
	s.Clock = settings.ClockVirtual
	for i, source := range sources {
		var held, of, idle int64
		var failing []report.FailingRun
		for seed := range uint64(60) {
			s.Seed = seed + 1
			list, err := expect.Run(ran(t, s), expectations[i:i+1])
			if err != nil {
				t.Fatal(err)
			}
			switch list[0].Status {
			case report.TestPassed:
				held, of = held+1, of+1
			case report.TestFailed:
				of, failing = of+1, append(failing, report.FailingRun{Seed: s.Seed, Repeat: repeat(s.Seed)})
			default:
				idle++
			}
		}
		e := c.Expect[i]
		failing = failing[:min(report.MaxSeedRuns, len(failing))]
		if e.Condition != source || e.Count != held || e.Of != of || e.Inconclusive != idle ||
			!slices.Equal(e.Failing, failing) {
			t.Errorf("%s: %+v, want %d of %d, %d without proof, failing %v", source, e, held, of, idle, failing)
		}
		if e.Of > 0 && (e.Low > e.Share.Share || e.High < e.Share.Share || e.High == e.Low) {
			t.Errorf("%s: %v is not in its interval %v to %v", source, e.Share.Share, e.Low, e.High)
		}
	}
	if c.Expect[0].Count != 60 || c.Expect[1].Of == c.Expect[1].Count || c.Expect[2].Inconclusive == 0 ||
		c.Expect[3].Count == 0 {
		t.Errorf("the sample lacks something that held, failed, showed nothing or needs events: %+v", c.Expect)
	}
}

// TestFailingRunsAreTheFirst: in any order of runs and parts, the seeds kept are the lowest.
func TestFailingRunsAreTheFirst(t *testing.T) {
	s := profile("network")
	s.FailureType = "processing"
	p := Plan{Settings: s, Runs: 40, Expectations: conditions(t, expect.Compile, "ledger.collected == 1")}
	whole, err := Merge(parts(t, p, 3))
	if err != nil {
		t.Fatal(err)
	}
	var seeds []uint64
	for _, run := range whole.Expect[0].Failing {
		seeds = append(seeds, run.Seed)
	}
	if want := []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}; !slices.Equal(seeds, want) || whole.Expect[0].Of != 40 {
		t.Errorf("%d runs, failing %v, want %v", whole.Expect[0].Of, seeds, want)
	}
	other := p
	other.Expectations = conditions(t, expect.Compile, "ledger.collected == 2")
	if _, err := Merge(append(parts(t, p, 3)[:2], parts(t, other, 3)[2])); err == nil ||
		!strings.Contains(err.Error(), "another set of expectations") {
		t.Errorf("parts with other expectations: %v", err)
	}
}

// TestGate: what makes a campaign fail, and what shows nothing. The gravest comes first.
func TestGate(t *testing.T) {
	share := func(count, of int64) report.Share { return report.Share{Count: count, Of: of} }
	of := func(change func(*report.Campaign)) *report.Campaign {
		c := &report.Campaign{Runs: 50, Verdict: report.VerdictShares{Success: share(50, 50), Failed: share(0, 50)}}
		change(c)
		return c
	}
	failed := of(func(c *report.Campaign) { c.Verdict.Failed = share(12, 50) })
	degraded := of(func(c *report.Campaign) { c.Verdict.Degraded = share(5, 50) })
	expecting := func(count, of int64) *report.Campaign {
		return &report.Campaign{Runs: 50, Verdict: failed.Verdict, Expect: []report.CampaignExpectation{
			{Condition: "a", Share: share(50, 50)}, {Condition: "b", Share: share(count, of)},
		}}
	}
	silent := of(func(c *report.Campaign) { c.Faults = []report.CampaignFault{{Fault: "f", Declared: true}} })
	part := of(func(c *report.Campaign) {
		c.Verdict.Failed, c.Faults, c.Part = share(12, 50), silent.Faults, report.Part{Index: 1, Of: 2}
	})
	until := conditions(t, expect.CompileCampaign, `attempts("processor").max < 3`)[0]
	for name, test := range map[string]struct {
		c      *report.Campaign
		gate   Gate
		checks string
		status report.TestStatus
		why    string
	}{
		"all well": {of(func(*report.Campaign) {}), Gate{FailOn: catalog.Failed}, "", report.TestPassed,
			""},
		"a run failed": {failed, Gate{FailOn: catalog.Failed}, "", report.TestFailed,
			"12 of 50 runs (24 %) failed"},
		"never":                  {failed, Gate{}, "", report.TestPassed, ""},
		"degraded is not failed": {degraded, Gate{FailOn: catalog.Failed}, "", report.TestPassed, ""},
		"degraded": {degraded, Gate{FailOn: catalog.Degraded}, "", report.TestFailed,
			"5 of 50 runs (10 %) ended degraded or worse"},
		"a check in its place": {failed, Gate{FailOn: catalog.Failed}, "runs == 50", report.TestPassed, ""},
		"both, asked for": {failed, Gate{FailOn: catalog.Failed, FailOnAnyway: true}, "runs == 50",
			report.TestFailed, "24 %"},
		"expectations hold": {expecting(50, 50), Gate{FailOn: catalog.Failed}, "", report.TestPassed, ""},
		"one fails in a run": {expecting(49, 50), Gate{}, "", report.TestFailed,
			"does not hold in 1 of 50 runs: b"},
		"a check speaks of it": {expecting(49, 50), Gate{}, "expect[1].count >= 49", report.TestPassed, ""},
		"of another one": {expecting(49, 50), Gate{}, "expect[0].count >= 49", report.TestFailed,
			"1 of 50 runs: b"},
		"of all": {expecting(49, 50), Gate{}, "all(expect, .count >= 49)", report.TestPassed, ""},
		"the check fails": {expecting(49, 50), Gate{}, "expect[1].count >= 50", report.TestFailed,
			"--check does not hold"},
		"one shows nothing": {expecting(0, 0), Gate{}, "", report.TestInconclusive,
			"showed nothing in any run: b"},
		"and a check of it": {expecting(0, 0), Gate{}, "expect[1].share >= 0", report.TestInconclusive,
			"the expectation b showed nothing"},
		"a check shows nothing": {failed, Gate{}, "faults[0].observed.count == 0", report.TestInconclusive,
			"faults is empty"},
		"a fault never fired": {silent, Gate{FailOn: catalog.Failed}, "runs == 50", report.TestInconclusive,
			"the fault f never fired"},
		"until shows nothing":     {failed, Gate{Until: until}, "", report.TestInconclusive, "--until attempts"},
		"a part is not the whole": {part, Gate{FailOn: catalog.Failed}, "", report.TestPassed, ""},
	} {
		if test.checks != "" {
			test.gate.Checks = conditions(t, expect.CompileCampaign, test.checks)
		}
		r, err := test.gate.Judge(test.c)
		if err != nil || r.Status != test.status || !strings.Contains(r.Why, test.why) ||
			(r.Why == "") != (test.why == "") {
			t.Errorf("%s: %s %q, %v; want %s %q", name, r.Status, r.Why, err, test.status, test.why)
		}
	}
}

// TestStudiesTellOfFaultsThatNeverFired: sweeps, ablations and runs made twice prove nothing about a fault that hit
// nothing, any more than a single campaign does.
func TestStudiesTellOfFaultsThatNeverFired(t *testing.T) {
	for spec, want := range map[string][]report.NeverFired{
		"collector.fetch=http_500,calls=99":                   {{Fault: "collector.fetch=http_500,calls=99", Armed: 4}},
		"collector.fetch=http_500,calls=99,may_not_fire=true": nil,
		"collector.fetch=http_500,first=1":                    nil,
		"collector.fetch=http_500,calls=2":                    nil, // it fires with a second attempt
	} {
		s := settings.Defaults()
		s.Seed, s.Faults, s.Clock = 1, faults(t, spec), settings.ClockVirtual
		p := Plan{Settings: s, Runs: 4, Repeat: repeat}
		if spec == "collector.fetch=http_500,calls=2" {
			p.Settings.Faults = append(p.Settings.Faults, faults(t, "collector.fetch=http_503,calls=1")...)
		}
		given := &settings.Given{}
		for _, f := range p.Settings.Faults {
			if err := given.Set("fault", f.String()); err != nil {
				t.Fatal(err)
			}
		}
		grid, err := Grid(given, []string{"collector-attempts=1,3"})
		if err != nil {
			t.Fatal(err)
		}
		sweep, err := Sweep(context.Background(), p, grid, Sorts()[0])
		if err != nil {
			t.Fatal(err)
		}
		ablation, err := Ablate(context.Background(), p, given)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := CheckDeterminism(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		for what, got := range map[string][]report.NeverFired{"sweep": sweep.NeverFired, "ablation": ablation.NeverFired, "twice": twice.NeverFired} {
			list := slices.Clone(want)
			for i := range list {
				if what != "ablation" {
					list[i].Armed *= 2
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(list) {
				t.Errorf("%s of %s: %v, want %v", what, spec, got, list)
			}
		}
	}
}
