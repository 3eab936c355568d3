package expect

import (
	"slices"
	"strings"
	"testing"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// outcome is what a condition comes to over a report or a campaign.
func outcome(t *testing.T, document any, source string) Outcome {
	t.Helper()
	compile := Compile
	if _, ofCampaign := document.(*report.Campaign); ofCampaign {
		compile = CompileCampaign
	}
	c, err := compile(source)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	var list []Outcome
	switch d := document.(type) {
	case *report.Report:
		list, err = Run(d, []*Condition{c})
	case *report.Campaign:
		list, err = Campaign(d, []*Condition{c})
	}
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return list[0]
}

// checkIdle holds conditions against what they show: "" for what proves something, else why they do not.
func checkIdle(t *testing.T, document any, conditions map[string]string) {
	t.Helper()
	for source, want := range conditions {
		o := outcome(t, document, source)
		switch {
		case want == "" && o.Status != report.TestPassed:
			t.Errorf("%s: %+v, want it passed", source, o)
		case want != "" && (o.Status != report.TestInconclusive || !slices.Equal(o.Reasons, []string{want})):
			t.Errorf("%s: %+v, want it inconclusive: %s", source, o, want)
		}
	}
}

// A condition that is true of nothing is no proof, by whatever way it reaches what never ran: by a function, an entry
// of a list, or all entries of one.
func TestConditionsOverNothing(t *testing.T) {
	idle := &report.Report{
		Breakers: []report.Breaker{{Name: "collector", Calls: 9}, {Name: "processor"}},
		Nodes:    []report.Node{{Name: "collector", Runs: 1}, {Name: "processor"}},
		Patterns: []report.Pattern{{Name: "bulkhead", State: catalog.Off}},
		Faults:   []report.Fault{{Spec: "collector.fetch=timeout"}},
	}
	checkIdle(t, idle, map[string]string{
		`breakers[1].opened == 0`:                                 "the breaker processor was never called",
		`all(filter(breakers, .name == "processor"), .opened==0)`: "the breaker processor was never called",
		`let b = breaker("processor"); b.opened == 0`:             "the breaker processor was never called",
		`find(breakers, .calls == 0).opened == 0`:                 "the breaker processor was never called",
		`all(breakers, .opened == 0)`:                             "", // one of them was called
		`breaker("collector").opened == 0`:                        "",
		`breaker("collector").calls_before_open <= 3`:             "the breaker collector never opened",
		`breaker("collector").closed == 0`:                        "the breaker collector never opened",
		`nodes[1].failed_attempts == 0`:                           "the node processor never ran",
		`all(nodes, .failed_attempts == 0)`:                       "",
		`none(patterns, .count > 0)`:                              "the pattern bulkhead was off",
		`faults[0].fired == 0`:                                    "no call came by the fault collector.fetch=timeout",
		`collection.cache_age_ms < 5000`:                          "no cached data was used",
		`all(channels, .failed == 0)`:                             "channels is empty",
		`not any(channels, .failed > 0)`:                          "channels is empty",
		`count(channels, .failed > 0) == 0`:                       "channels is empty",
		`all(filter(nodes, .runs > 1), .recovered > 0)`:           "filter(nodes, .runs > 1) is empty",
		`channels[0].failed == 0`:                                 "channels is empty",
		`channels[5].failed == 0`:                                 "channels is empty",
		`all(findings, .verdict == "degraded")`:                   "findings is empty",
		`none(findings, .code == "no_data")`:                      "", // that none came up is an answer
		`none(findings, .verdict == "failed")`:                    "",
		`len(channels) == 0`:                                      "",
		`all(timeline.events, .kind != "breaker_changed")`:        "the report does not have the events one by one",
		// What is not looked at need not have run.
		`len(channels) == 0 or all(channels, .failed == 0)`: "",
		`verdict == "" or breaker("processor").opened == 0`: "",
		`verdict != "" or breaker("processor").opened == 0`: "the breaker processor was never called",
		`not (breaker("processor").opened > 0)`:             "the breaker processor was never called",
	})
	// What is false is false, whatever ran.
	for _, source := range []string{`breaker("processor").opened > 0`, `any(channels, .failed > 0)`, `nodes[9].runs == 0`} {
		if o := outcome(t, idle, source); o.Status != report.TestFailed || o.Reasons != nil {
			t.Errorf("%s: %+v, want it failed", source, o)
		}
	}
}

// A list that was cut can make a condition true that is not true of the whole.
func TestConditionsOverListsThatWereCut(t *testing.T) {
	cut := &report.Report{
		Cycles:   report.Cycles{Count: 1001, List: []report.Cycle{{Verdict: catalog.Success}}},
		Timeline: report.Timeline{Summarised: true, Summary: []report.EventSummary{{Count: 3}}},
		Ledger: report.Ledger{DeadLettered: 9, DeadLetters: []report.DeadLetters{{Count: 5}},
			DeadByPlace: []report.DeadByPlace{{Count: 9}}},
		Breakers: []report.Breaker{{Name: "collector", Calls: 9, Opened: 600, HalfOpened: 600,
			Transitions: []report.Transition{{To: catalog.Open}}}},
	}
	checkIdle(t, cut, map[string]string{
		`all(cycles.list, .verdict == "success")`:                          "the report has only the first 1 of 1001 cycles",
		`len(cycles.list) < 9`:                                             "the report has only the first 1 of 1001 cycles",
		`cycles.list[0].verdict == "success"`:                              "",
		`cycles.count == 1001`:                                             "",
		`none(timeline.events, .kind == "node_failed")`:                    "the report does not have the events one by one",
		`all(timeline.summary, .count < 9)`:                                "",
		`all(ledger.dead_letters, .count < 9)`:                             "the report has only the commonest dead letters",
		`ledger.dead_letters[0].count == 5`:                                "",
		`all(ledger.dead_by_place, .count == 9)`:                           "",
		`all(breaker("collector").transitions, .to == "open")`:             "the report has only the first changes of the breaker collector",
		`breaker("collector").transitions[0].to == "open"`:                 "",
		`any(breakers, all(.transitions, .to == "open" or .to == "open"))`: "the report has only the first changes of the breaker collector",
	})
}

// The same of campaigns, whose conditions once were not asked what they show.
func TestCampaignConditionsOverNothing(t *testing.T) {
	c := &report.Campaign{
		Runs:     5,
		Verdict:  report.VerdictShares{Success: report.Share{Count: 5, Of: 5, Share: 1}},
		Breakers: []report.CampaignBreaker{{Name: "collector", Armed: 5, Calls: 20}, {Name: "processor", Armed: 5}},
		Nodes: []report.NodeLoad{
			{Name: "collector", Attempts: report.Distribution{Count: 5, Max: 1}},
			{Name: "processor", Attempts: report.Distribution{Count: 5}},
		},
		Patterns: []report.CampaignPattern{{Name: "timeout", Armed: 5}, {Name: "bulkhead"}},
		Violations: report.CampaignViolations{Count: 2,
			List: []report.Violation{{Problem: "x"}}},
	}
	checkIdle(t, c, map[string]string{
		`breaker("collector").opened.runs.share < 0.1`:          "",
		`breaker("processor").opened.runs.share < 0.1`:          "the breaker processor was called in no run",
		`breakers[1].opened.count == 0`:                         "the breaker processor was called in no run",
		`breaker("delivery.primary").opened.count == 0`:         "the breaker delivery.primary was in the path of no run",
		`breaker("collector").calls_before_open.max <= 3`:       `breaker("collector").calls_before_open has no value`,
		`attempts("collector").max == 1`:                        "",
		`attempts("processor").max <= 3`:                        "the node processor ran in no run",
		`attempts("fallback_data").max <= 3`:                    "the node fallback_data ran in no run",
		`pattern("timeout").runs.share < 0.1`:                   "",
		`pattern("bulkhead").runs.share < 0.1`:                  "the pattern bulkhead was off in every run",
		`patterns[1].demonstrated.count == 0`:                   "the pattern bulkhead was off in every run",
		`calls("collector.fetch").max <= 3`:                     "calls to collector.fetch are not counted",
		`all(faults, .observed.share < 0.5)`:                    "faults is empty",
		`faults[5].observed.count == 0`:                         "faults is empty",
		`ledger.delivered_share <= 1`:                           "no record was collected",
		`all(violations.list, .problem == "x")`:                 "the report has only 1 of 2 violations",
		`verdict.failed.share < 0.1`:                            "verdict.failed is a share of nothing",
		`ci(verdict.failed) < 0.1`:                              "verdict.failed is a share of nothing",
		`duration_ms.p99 < 5`:                                   "duration_ms has no value",
		`verdict.success.share == 1 && verdict.success.of == 5`: "",
	})
	if o := outcome(t, &report.Campaign{}, `violations.count == 0`); o.Status != report.TestInconclusive {
		t.Errorf("a campaign without a run: %+v", o)
	}
}

// What a campaign does not mention happened in none of its runs, which after five runs says little: its interval is
// that of any other share, and not from 0 to 0.
func TestWhatNeverHappenedHasAnInterval(t *testing.T) {
	c := &report.Campaign{Runs: 5, Findings: map[string]report.Tally{}}
	for source, want := range map[string]report.TestStatus{
		`findings["no_data"].runs.high < 0.01`:   report.TestFailed,
		`ci(findings["no_data"].runs) > 0.3`:     report.TestPassed,
		`findings.no_data.runs.share == 0`:       report.TestPassed,
		`errors.by_class["network"].count == 0`:  report.TestPassed,
		`len(findings) == 0`:                     report.TestPassed,
		`"no_data" in findings`:                  report.TestFailed,
		`findings["no_data"].runs.of == runs`:    report.TestPassed,
		`modes["fallback"].runs.share < 0.00001`: report.TestPassed,
	} {
		if o := outcome(t, c, source); o.Status != want {
			t.Errorf("%s: %+v, want it %s", source, o, want)
		}
	}
}

// Names are names wherever they stand: a misspelt one would make the condition hold, or fail, for ever.
func TestNamesThatNothingHas(t *testing.T) {
	for source, want := range map[string]string{
		`verdict != "degrade"`:                                "verdict|degraded",
		`"degrade" != verdict`:                                "verdict|degraded",
		`verdict in ["success", "degrade"]`:                   "verdict|degraded",
		`not ("nrmal" in processing.modes)`:                   "mode|normal",
		`processing.mode != "nrmal"`:                          "mode|normal",
		`node("collector").hooks["nope"] == 0`:                "hook|",
		`node("collector").hooks["on_eror"] == 0`:             "hook|on_error",
		`nodes[0].actions.sucess == 0`:                        "action|success",
		`all(nodes, .status != "eror")`:                       "status|error",
		`none(breakers, .state == "opn")`:                     "state|open",
		`let s = breakers[0].state; s != "opn"`:               "state|open",
		`none(filter(findings, .count>1), .code == "no_dat")`: "finding|no_data",
		`none(map(findings, .code), # == "no_dat")`:           "finding|no_data",
		`last(cycles.list).origin != "sorce"`:                 "origin|source",
		`delivery.status != "delivred"`:                       "status|delivered",
		`none(timeline.events, .kind == "node_faild")`:        "kind of event|node_failed",
		`none(channels, .health == "dwn")`:                    "health|down",
		`patterns[0].state != "armd"`:                         "state|armed",
		`settings.clock != "virtul"`:                          "clock|virtual",
		`breaker("colector").opened == 0`:                     "breaker|collector",
		`none(ledger.dead_letters, .class == "netwrk")`:       "class|network",
		`none(breakers, .name == "colector")`:                 "breaker|collector",
	} {
		what, meant, _ := strings.Cut(want, "|")
		_, err := Compile(source)
		if err == nil || !strings.Contains(err.Error(), "there is no "+what+" ") ||
			meant != "" && !strings.Contains(err.Error(), "did you mean "+meant+"?") {
			t.Errorf("%s: %v, want no %s, a suggestion of %q", source, err, what, meant)
		}
	}
	for source, want := range map[string]string{
		`any(breakers, .name == "colector")`:       "no breaker",
		`none(patterns, .name == "timeot")`:        "no pattern",
		`none(nodes, .name in ["colector"])`:       "no node",
		`none(faults, .place == "colector.fetch")`: "no place",
		`none(dependencies, .place == "colector")`: "no place",
		`none(worst, .verdict == "faild")`:         "no verdict",
	} {
		if _, err := CompileCampaign(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", source, err, want)
		}
	}
}

// Channels and what is named after them are the run's own, so that such names are held against its settings.
func TestNamesOfChannels(t *testing.T) {
	s := settings.Defaults()
	s.Channels = []string{"mine", "backup"}
	for source, want := range map[string]string{
		`channel("mine").failed == 0`:                       "",
		`none(channels, .name == "min")`:                    `there is no channel "min"`,
		`channel("min").failed == 0`:                        `there is no channel "min" (did you mean mine?); there are mine, backup`,
		`channel("primary").failed == 0`:                    `there is no channel "primary"`,
		`breaker("delivery.mine").opened == 0`:              "",
		`breaker("delivery.primary").opened == 0`:           `there is no breaker "delivery.primary"`,
		`breaker("collector").opened == 0`:                  "",
		`calls("delivery.backup") == 0`:                     "",
		`calls("delivery.bakup") == 0`:                      `(did you mean delivery.backup?)`,
		`dead_letters("delivery.primary") == 0`:             `there is no place "delivery.primary"`,
		`dead_letters("delivery") + dead_letters("") == 0`:  "",
		`none(timeline.events, .place == "delivery.secon")`: `there is no place "delivery.secon"`,
	} {
		c, err := Compile(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		err = c.Fits(&s)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", source, err, want)
		}
	}
}

// What depends on no field comes out the same whatever happens, and what is in hash and meta may differ where nothing
// else does.
func TestConditionsAboutNothing(t *testing.T) {
	for _, source := range []string{`true`, `1 < 2`, `let x = 1; x > 0`, `"a" in ["a"]`, `all([1, 2], # > 0)`} {
		for _, compile := range []func(string) (*Condition, error){Compile, CompileCampaign} {
			if _, err := compile(source); err == nil || !strings.Contains(err.Error(), "depends on nothing") {
				t.Errorf("%s: %v, want it refused", source, err)
			}
		}
	}
	for source, want := range map[string]string{
		`hash != ""`:                "hash is not for conditions",
		`meta.version != ""`:        "meta is not for conditions",
		`$env.verdict == "success"`: "without $env",
		`$env["hash"] != ""`:        "",
		`now().Year() > 2000`:       "now() is not offered",
	} {
		if _, err := Compile(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want it refused: %s", source, err, want)
		}
	}
}
