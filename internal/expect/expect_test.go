package expect

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/expression"
	"faultflow/internal/report"
	"faultflow/internal/runner"
	"faultflow/internal/settings"
)

// sample is a report in which a little of everything happened.
func sample() *report.Report {
	r := &report.Report{Verdict: "degraded", DurationMS: 55000, Seed: 7}
	r.Ledger = report.Ledger{Collected: 100, Delivered: 96, DeadLettered: 4, Balanced: true,
		DeadLetters: []report.DeadLetters{
			{Place: "processor.record", Class: errhandler.Data, Count: 3},
			{Place: "delivery", Count: 1},
		}}
	r.Nodes = []report.Node{
		{Name: "collector", Runs: 2, MaxTries: 3},
		{Name: "processor", Runs: 2, MaxTries: 1},
		{Name: "partial_processing"},
	}
	r.Breakers = []report.Breaker{{Name: "collector", Calls: 4, Opened: 1}, {Name: "processor"}}
	r.Channels = []report.Channel{{Name: "primary", Tried: 2}, {Name: "backup"}}
	r.Patterns = []report.Pattern{
		{Name: "channel_failover", State: catalog.Demonstrated},
		{Name: "timeout", State: catalog.Armed},
		{Name: "bulkhead", State: catalog.Off},
	}
	r.Amplification = []report.Amplification{{Place: "collector.fetch", Calls: 9}}
	r.Findings = []report.Finding{{Code: catalog.StaleCacheUsed}}
	r.Processing = report.Processing{In: 100, Out: 96, Modes: map[catalog.Mode]int{catalog.ModeNormal: 2}}
	r.Delivery = report.Delivery{Passes: 2, Status: "delivered"}
	return r
}

func judge(t *testing.T, r *report.Report, source string) Judgement {
	t.Helper()
	e, err := Compile(source)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	j, err := Judge(r, []*Condition{e})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestExpectations(t *testing.T) {
	for source, want := range map[string]report.TestStatus{
		`verdict == "degraded"`:                              report.TestPassed,
		`verdict == "failed"`:                                report.TestFailed,
		`ledger.lost == 0`:                                   report.TestPassed,
		`ledger.delivered >= 0.95 * ledger.collected`:        report.TestPassed,
		`ledger.delivered >= 0.97 * ledger.collected`:        report.TestFailed,
		`breaker("collector").opened >= 1`:                   report.TestPassed,
		`breaker("collector").opened > 1`:                    report.TestFailed,
		`duration_ms < 60000`:                                report.TestPassed,
		`duration_ms < 50000`:                                report.TestFailed,
		`attempts("processor") <= 3`:                         report.TestPassed,
		`attempts("collector") <= 2`:                         report.TestFailed,
		`pattern("channel_failover")`:                        report.TestPassed,
		`pattern("timeout")`:                                 report.TestFailed,
		`node("collector").runs == 2`:                        report.TestPassed,
		`channel("primary").tried == 2`:                      report.TestPassed,
		`calls("collector.fetch") == 9`:                      report.TestPassed,
		`finding("stale_cache") and not finding("no_data")`:  report.TestPassed,
		`dead_letters("processor.record") == 3`:              report.TestPassed,
		`dead_letters("") == 4`:                              report.TestPassed,
		`processing.modes["normal"] == 2`:                    report.TestPassed,
		`ledger.dead_letters[0].class == "data"`:             report.TestPassed,
		`all(nodes, .runs <= 2) and any(nodes, .runs == 0)`:  report.TestPassed,
		`nodes[9].runs == 0`:                                 report.TestFailed,
		`nodes[-9].runs == 0`:                                report.TestFailed,
		`seed == 7`:                                          report.TestPassed,
		`all(nodes, all(nodes, .runs < 9))`:                  report.TestPassed,
		`len(filter(breakers, .opened > 0)) == 1 and seed>0`: report.TestPassed,
	} {
		if got := judge(t, sample(), source); got.Status != want {
			t.Errorf("%s: %s, want %s (%+v)", source, got.Status, want, got)
		}
	}
}

func TestExpressionsThatDoNotCompile(t *testing.T) {
	for source, want := range map[string]struct {
		offset  int
		problem string
	}{
		`verdict == 3`:                             {8, "mismatched types string and int"},
		`duration_ms`:                              {0, "expected bool"},
		`pattern(3)`:                               {8, "string"},
		`pattern("timeout") == 1`:                  {19, "mismatched types bool and int"},
		`ledger.lots == 0`:                         {7, `no field "lots" here (did you mean lost?)`},
		`channel("primary").record > 0`:            {19, `no field "record" here (did you mean records?)`},
		`ledger.record == 0`:                       {7, `no field "record" here`},
		`verdct == "ok"`:                           {0, "did you mean verdict?"},
		`pattern("timout")`:                        {8, "did you mean timeout?"},
		`true and node("colector").runs == 1`:      {14, "did you mean collector?"},
		`breaker("collector").open == 1`:           {21, `no field "open"`},
		`breaker() == 1`:                           {0, "not enough arguments"},
		`all(1..999999, # > 0)`:                    {5, "ranges"},
		`ledger.lost = 0`:                          {12, "Operator"},
		`"é" == verdict and bogus`:                 {19, "unknown name bogus"},
		strings.Repeat("x", 4097):                  {0, "longer than"},
		`all(nodes, all(nodes, all(nodes, 1)))`:    {0, "bool"},
		`all(nodes, all(nodes, all(nodes, true)))`: {11, "inside one another"},
	} {
		_, err := Compile(source)
		bad, ok := err.(*expression.Error)
		if !ok {
			t.Errorf("%s: %v, want an *expression.Error", source, err)
		} else if !strings.Contains(bad.Problem, want.problem) || want.problem != "bool" && want.problem != "inside one another" && bad.Offset != want.offset {
			t.Errorf("%s: %q at %d, want %q at %d", source, bad.Problem, bad.Offset, want.problem, want.offset)
		} else if len(bad.Problem) > 500 {
			t.Errorf("%s: %d characters", source, len(bad.Problem))
		}
	}
}

// paths lists an expression for each field of a report's document, down to its plain values.
func paths(t reflect.Type, at string) (list []string) {
	switch t.Kind() {
	case reflect.Struct:
		if t == reflect.TypeFor[settings.Settings]() {
			return settingsPaths(at)
		}
		for f := range t.Fields() {
			if f.Anonymous {
				list = append(list, paths(f.Type, at)...)
				continue
			}
			if at == "" && (f.Name == "Hash" || f.Name == "Meta") {
				continue
			}
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			list = append(list, paths(f.Type, strings.TrimPrefix(at+"."+name, "."))...)
		}
		return list
	case reflect.Slice:
		return paths(t.Elem(), at+"[0]")
	case reflect.Map:
		key := "x"
		switch at[strings.LastIndex(at, ".")+1:] { // maps whose keys are checked
		case "origins":
			key = "source"
		case "modes":
			key = "normal"
		case "errors", "by_class":
			key = "network"
		case "hooks":
			key = "on_error"
		case "actions":
			key = "done"
		case "turned":
			key = "bulkhead_full"
		}
		return paths(t.Elem(), fmt.Sprintf("%s[%q]", at, key))
	case reflect.String:
		return []string{at + ` == ""`}
	case reflect.Bool:
		return []string{at}
	}
	return []string{at + " == 1"}
}

// settingsPaths lists an expression for each setting that a report has.
func settingsPaths(at string) (list []string) {
	for _, s := range settings.All() {
		path := at + "." + s.Key()
		if s.Node != "" {
			path = at + "." + string(s.Node) + "." + s.Key()
		}
		if !s.Shorthand {
			list = append(list, paths(settingType(s), path)...)
		}
	}
	return list
}

func TestEveryFieldOfAReportHasAName(t *testing.T) {
	all := paths(reflect.TypeFor[report.Report](), "")
	if len(all) < 150 || !slices.Contains(all, `findings[0].code == ""`) ||
		!slices.Contains(all, `errors.by_class["network"] == 1`) {
		t.Fatalf("the walk found only %d: %q", len(all), all)
	}
	for _, source := range all {
		if _, err := Compile(source); err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
}

func TestValues(t *testing.T) {
	for source, want := range map[string][]report.TestValue{
		`ledger.delivered >= 1.0 * ledger.collected`:        {{Name: "ledger.delivered", Text: "96"}, {Name: "ledger.collected", Text: "100"}},
		`breaker("collector").opened > 1`:                   {{Name: `breaker("collector").opened`, Text: "1"}},
		`verdict == "success" and verdict != "failed"`:      {{Name: "verdict", Text: `"degraded"`}},
		`attempts("collector") < 2`:                         {{Name: `attempts("collector")`, Text: "3"}},
		`pattern("timeout")`:                                {{Name: `pattern("timeout")`, Text: "false"}},
		`duration_ms < 1 or node("processor").runs > 2`:     {{Name: "duration_ms", Text: "55000"}, {Name: `node("processor").runs`, Text: "2"}},
		`ledger.balanced and seed == 8`:                     {{Name: "ledger.balanced", Text: "true"}, {Name: "seed", Text: "7"}},
		`seed == 7 and ledger.dead_letters[0].count == 4.5`: {{Name: "seed", Text: "7"}, {Name: "ledger.dead_letters[0].count", Text: "3"}},
	} {
		j := judge(t, sample(), source)
		if j.Status != report.TestFailed || !reflect.DeepEqual(j.Failures[0].Values, want) {
			t.Errorf("%s: %+v, want %+v", source, j.Failures, want)
		}
	}
}

func TestValuesAreBounded(t *testing.T) {
	r := sample()
	r.Timeline.Events = make([]report.Event, 1000)
	j := judge(t, r, "len(timeline.events) == 1")
	if v := j.Failures[0].Values; len(v) != 1 || len(v[0].Text) > maxShown+len("…") ||
		!strings.HasSuffix(v[0].Text, "…") {
		t.Errorf("got %.200v", v)
	}
}

func TestErrorsWhileEvaluatingAreFailures(t *testing.T) {
	j := judge(t, sample(), "nodes[9].runs == seed")
	if len(j.Failures) != 1 {
		t.Fatalf("got %+v", j)
	}
	values := j.Failures[0].Values
	last := values[len(values)-1]
	seed := report.TestValue{Name: "seed", Text: "7"}
	if last.Name != "error" || !strings.Contains(last.Text, "out of range") || !slices.Contains(values, seed) {
		t.Errorf("got %+v", values)
	}
}

func TestVacuity(t *testing.T) {
	idle := &report.Report{
		Breakers: []report.Breaker{{Name: "collector"}},
		Nodes:    []report.Node{{Name: "collector"}},
		Channels: []report.Channel{{Name: "backup"}},
		Patterns: []report.Pattern{{Name: "bulkhead", State: catalog.Off}},
	}
	for source, want := range map[string]string{
		`breaker("collector").opened == 0`:             "the breaker collector was never called",
		`breaker("processor").opened == 0`:             "the breaker processor was never in the path",
		`node("collector").failed_attempts == 0`:       "the node collector never ran",
		`node("processor").failed_attempts == 0`:       "the node processor never ran",
		`attempts("collector") <= 3`:                   "the node collector never ran",
		`channel("backup").failed == 0`:                "the channel backup was never tried",
		`channel("primary").failed == 0`:               "the channel primary was never tried",
		`not pattern("bulkhead")`:                      "the pattern bulkhead was off",
		`processing.low_success == 0`:                  "processing had nothing to do",
		`delivery.failed_over == 0`:                    "delivery had nothing to do",
		`channel("backup").tried == 0`:                 "",
		`channel("backup").skipped == 0`:               "",
		`node("collector").runs == 0`:                  "",
		`processing.in == 0`:                           "",
		`delivery.passes == 0 and delivery.failed== 0`: "",
		`ledger.lost == 0`:                             "",
	} {
		j := judge(t, idle, source)
		if want == "" {
			if j.Status != report.TestPassed {
				t.Errorf("%s: %+v, want it passed", source, j)
			}
		} else if j.Status != report.TestInconclusive || !reflect.DeepEqual(j.Reasons, []string{source + ": " + want}) {
			t.Errorf("%s: %+v, want %q", source, j, want)
		}
	}
	for _, source := range []string{
		`breaker("collector").closed == 0`,
		`node("collector").fallbacks == 0`,
		`channel("primary").failed == 0`,
		`processing.low_success == 0`,
		`delivery.failed_over == 0`,
		`pattern("channel_failover")`,
		`not pattern("timeout")`,
		`attempts("collector") == 3`,
	} {
		if j := judge(t, sample(), source); j.Status != report.TestPassed {
			t.Errorf("%s: %+v, want it passed", source, j)
		}
	}
}

// A report keeps the commonest groups of dead letters, but whoever asks for a place wants all of them: the sum of the
// groups once passed for the whole.
func TestDeadLettersBeyondTheGroups(t *testing.T) {
	r := &report.Report{Ledger: report.Ledger{Collected: 1000, DeadLettered: 1000, DeadLetters: []report.DeadLetters{
		{Place: "processor.record", Class: errhandler.Data, Reason: "a", Count: 100},
	}}}
	const few = `dead_letters("processor.record") <= 100`
	if j := judge(t, r, few); j.Status != report.TestInconclusive ||
		!strings.Contains(j.Reasons[0], "does not count the dead letters") {
		t.Errorf("without counts by place: %+v, want it inconclusive", j)
	}
	r.Ledger.DeadByPlace = []report.DeadByPlace{
		{Place: "delivery", Class: errhandler.Network, Count: 1},
		{Place: "processor.record", Class: errhandler.Data, Count: 999},
	}
	for source, want := range map[string]report.TestStatus{
		few:                                     report.TestFailed,
		`dead_letters("processor.record")==999`: report.TestPassed,
		`dead_letters("") == 1000`:              report.TestPassed,
	} {
		if j := judge(t, r, source); j.Status != want {
			t.Errorf("%s: %+v, want it %s", source, j, want)
		}
	}
}

func TestFaultsThatNeverFired(t *testing.T) {
	for name, c := range map[string]struct {
		fault report.Fault
		want  []string
	}{
		"declared": {report.Fault{Spec: "a=b", Declared: true, Armed: 3},
			[]string{"the fault a=b never fired (calls that came by it: 3)"}},
		"fired":        {report.Fault{Spec: "a=b", Declared: true, Armed: 3, Fired: 1}, []string{}},
		"may not fire": {report.Fault{Spec: "a=b", Declared: true, MayNotFire: true}, []string{}},
		"of a profile": {report.Fault{Spec: "a=b"}, []string{}},
	} {
		r := sample()
		r.Faults = []report.Fault{c.fault}
		j := judge(t, r, "ledger.lost == 0")
		if !reflect.DeepEqual(j.Reasons, c.want) || (j.Status == report.TestPassed) != (len(c.want) == 0) {
			t.Errorf("%s: %+v, want %q", name, j, c.want)
		}
		if j := judge(t, r, "ledger.lost == 1"); j.Status != report.TestFailed {
			t.Errorf("%s: a failure comes first, got %s", name, j.Status)
		}
	}
}

// Names that an expectation spells out are checked against what a report can hold, or a misspelt one would pass for
// ever.
func TestMisspeltNames(t *testing.T) {
	for source, meant := range map[string]string{
		`calls("collector.fecth") <= 5`:                   "collector.fetch",
		`dead_letters("procesor.record") == 0`:            "processor.record",
		`not finding("low_succes")`:                       "low_success",
		`collection.origins["sorce"] == 0`:                "source",
		`node("processor").errors["netwrk"] == 0`:         "network",
		`errors.by_class["netwrk"] == 0`:                  "network",
		`processing.modes["normall"] == 0`:                "normal",
		`pattern("bulkhed")`:                              "bulkhead",
		`attempts("colector") == 1`:                       "collector",
		`ledger.lost == 0 and processing.modes.norml > 0`: "normal",
	} {
		_, err := Compile(source)
		if err == nil || !strings.Contains(err.Error(), "did you mean "+meant+"?") {
			t.Errorf("%s: %v, want a suggestion of %s", source, err, meant)
		}
	}
	for _, source := range []string{
		`calls("delivery.mine") == 0`,
		`dead_letters("") == 0`,
		`dead_letters("errorhandler") == 0`,
		`finding("input_unread")`,
	} {
		if _, err := Compile(source); err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// The names of patterns and nodes are those of a real report.
func TestKnownNamesAreTheReports(t *testing.T) {
	given := settings.Defaults()
	given.Clock, given.Graph = settings.ClockVirtual, settings.GraphRecovery
	rep, err := runner.Run(t.Context(), given, runner.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	var reported []string
	for _, p := range rep.Patterns {
		reported = append(reported, fmt.Sprintf("pattern(%q)", p.Name))
	}
	for _, n := range rep.Nodes {
		reported = append(reported, fmt.Sprintf("node(%q).runs > 0", n.Name))
	}
	if known := len(patterns.list(nil)) + len(nodes.list(nil)); len(reported) != known {
		t.Errorf("a report has %d patterns and nodes, conditions know %d", len(reported), known)
	}
	for _, source := range reported {
		if _, err := Compile(source); err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// Whatever a run can find can be expected: a second list of codes once lacked some.
func TestEveryFindingCanBeExpected(t *testing.T) {
	for _, code := range catalog.FindingCodes() {
		if _, err := Compile(fmt.Sprintf("finding(%q)", code)); err != nil {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// Settings write themselves from their declarations, which conditions must follow in names, units and nesting.
func TestSettingsInConditions(t *testing.T) {
	r := sample()
	r.Settings = settings.Defaults()
	r.Settings.Delivery.Attempts, r.Settings.Channels = 7, []string{"a", "b"}
	for _, source := range []string{
		`settings.collector.attempts == 3 and settings.delivery.attempts == 7`,
		`settings.collector.retry_delay_ms == 1000`,
		`settings.cache_ttl_ms == 60000 and settings.interval_ms == 5000`,
		`settings.processor.breaker_open_for_ms == 30000 and not settings.processor.breaker`,
		`settings.clock == "real" and settings.fallback`,
		`settings.collector.backoff == 2.0 and settings.collector.rate_limit == 0`,
		`settings.channels[1] == "b" and len(settings.faults) == 0`,
	} {
		if j := judge(t, r, source); j.Status != report.TestPassed {
			t.Errorf("%s: %+v, want it passed", source, j)
		}
	}
	for source, want := range map[string]string{
		`settings.collector.retries == 3`:        `no field "retries"`,
		`settings.collector.atempts == 3`:        "did you mean attempts?",
		`settings.collector.timeout == 1`:        `no field "timeout"`,
		`settings.retry_delay_ms == 1`:           `no field "retry_delay_ms"`,
		`settings.collector.attempts == "three"`: "mismatched types int and string",
	} {
		if _, err := Compile(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", source, err, want)
		}
	}
}
