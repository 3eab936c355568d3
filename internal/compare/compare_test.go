package compare_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"faultflow/internal/catalog"
	"faultflow/internal/compare"
	"faultflow/internal/errhandler"
	"faultflow/internal/fault"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
	"faultflow/internal/runtest"
	"faultflow/internal/settings"
)

type tester interface {
	Helper()
	Fatal(...any)
}

// compared compares reports, which it seals.
func compared(t tester, reports ...*report.Report) *compare.Result {
	t.Helper()
	var documents []compare.Document
	for _, r := range reports {
		if err := r.Seal(); err != nil {
			r.Hash = fmt.Sprintf("%p", r) // numbers that JSON lacks; the comparison must do with them all the same
		}
		documents = append(documents, ofReport(r))
	}
	return result(documents...)
}

func ofReport(r *report.Report) compare.Document {
	return compare.Document{Document: report.Document{Report: r}}
}

func ofTests(t *report.Tests) compare.Document {
	return compare.Document{Document: report.Document{Tests: t}}
}

func result(documents ...compare.Document) *compare.Result {
	var inputs []compare.Input
	for i, d := range documents {
		inputs = append(inputs, compare.Input{
			Source:    compare.Source{Label: string(rune('A' + i))},
			Documents: map[string]compare.Document{"": d},
		})
	}
	return compare.Compare(inputs)
}

func row(t tester, r *compare.Result, name string) compare.Row {
	t.Helper()
	i := slices.IndexFunc(r.Comparisons[0].Rows, func(r compare.Row) bool { return r.Name == name })
	if i < 0 {
		t.Fatal("no row " + name)
	}
	return r.Comparisons[0].Rows[i]
}

// A report can name one node very often. The work grows with how often, not with its square.
func TestManyOfOneNameAreQuicklyToldApart(t *testing.T) {
	const most = 500
	r := reporttest.Success()
	r.Nodes = slices.Repeat([]report.Node{{Name: "collector"}}, most)
	row(t, compared(t, r, r), fmt.Sprint("attempts.collector#", most))
	if allocs := testing.AllocsPerRun(1, func() { result(ofReport(r), ofReport(r)) }); allocs > 1000*most {
		t.Errorf("%.0f allocations for %d nodes", allocs, most)
	}
}

// base is a run with round values of its own wherever the tests below change one: what they expect follows from these
// values and stays when the sample is recorded again.
func base() *report.Report {
	r := reporttest.Network()
	r.Verdict, r.DurationMS = catalog.Degraded, 16_000
	r.Cycles.Count = 4
	r.Cycles.List = []report.Cycle{{DurationMS: 4000}, {DurationMS: 6000}, {DurationMS: 5000}, {DurationMS: 5000}}
	r.Ledger = report.Ledger{
		Collected:           100,
		FromSource:          60,
		FromCache:           40,
		Delivered:           80,
		DeliveredFromSource: 45,
		DeliveredCopies:     35,
		DeadLettered:        20,
		Balanced:            true,
	}
	r.Collection.Origins = map[catalog.Origin]int{catalog.FromSource: 2, catalog.FromFreshCache: 2}
	r.Processing.Modes = map[catalog.Mode]int{catalog.ModeNormal: 4}
	r.Processing.SuccessRate = 0.8
	r.Nodes = []report.Node{
		{Name: "collector", Attempts: 6},
		{Name: "processor", Attempts: 4, Waits: 1, WaitMS: 2000},
	}
	r.Breakers = []report.Breaker{{
		Name:       "collector",
		State:      catalog.Closed,
		Opened:     1,
		HalfOpened: 1,
		Closed:     1,
		Transitions: []report.Transition{
			{AtMS: 1000, To: catalog.Open},
			{AtMS: 5000, To: catalog.HalfOpen},
			{AtMS: 5500, To: catalog.Closed},
		},
	}}
	r.Channels = []report.Channel{
		{Name: "primary", Health: catalog.DegradedHealth, Records: 80},
		{Name: "backup", Health: catalog.Healthy},
	}
	r.Errors = report.Errors{Total: 8, Handled: 8, ByClass: map[errhandler.Class]int{errhandler.Network: 8}}
	r.Findings = []report.Finding{
		{Code: catalog.FreshCacheUsed, Verdict: catalog.Degraded, Count: 1},
		{Code: catalog.FailedOver, Verdict: catalog.Success, Count: 1},
	}
	r.Patterns = []report.Pattern{
		{Name: catalog.Timeout, State: catalog.Demonstrated},
		{Name: catalog.Bulkhead, State: catalog.Armed},
	}
	r.Amplification = []report.Amplification{
		{Place: "collector.fetch", Units: 4, Factor: 2},
		{Place: "delivery.primary", Units: 4, Factor: 1},
	}
	r.Faults = []report.Fault{{Place: "processor.record", Fired: 4}}
	r.Drill = nil
	return r
}

// deliveredAs makes the ledger one of so many records of the source and so many copies.
func deliveredAs(source, copies int64) func(*report.Report) {
	return func(r *report.Report) {
		l := &r.Ledger
		l.DeliveredFromSource, l.DeliveredCopies, l.Delivered = source, copies, source+copies
	}
}

func olderLedger(fromCache int64) func(*report.Report) {
	return func(r *report.Report) {
		r.Ledger.FromCache, r.Ledger.DeliveredFromSource, r.Ledger.DeliveredCopies = fromCache, 0, 0
	}
}

// rejecting lets an open breaker reject so many calls.
func rejecting(calls int) func(*report.Report) {
	return func(r *report.Report) {
		r.Nodes[0].Rejected += calls
		r.Errors.Total += calls
		r.Errors.Handled += calls
		r.Errors.ByClass[errhandler.Degradation] += calls
	}
}

func TestMeasures(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(*report.Report)
		outcome compare.Outcome
		// absolute and percent as they print, "" for none
		absolute, percent, presence string
	}{
		{"verdict", func(r *report.Report) { r.Verdict = catalog.Success }, compare.Better, "", "", ""},
		{"verdict", func(r *report.Report) { r.Verdict = catalog.Failed }, compare.Worse, "", "", ""},
		{"verdict", func(r *report.Report) { r.Verdict = "odd" }, compare.Worse, "", "", ""},
		{"duration_ms", func(r *report.Report) { r.DurationMS = 24_000 }, compare.Worse, "8000", "50", ""},
		{"cycle_ms.max", func(r *report.Report) { r.Cycles.List[1].DurationMS = 7500 },
			compare.Worse, "1500", "25", ""},
		{"cycle_ms.mean", func(r *report.Report) { r.Cycles.List[1].DurationMS = 10_000 },
			compare.Worse, "1000", "20", ""},
		{"cycles.count", func(r *report.Report) { r.Cycles.Count = 5 }, compare.Changed, "1", "25", ""},
		{"ledger.delivered", func(r *report.Report) { r.Ledger.Delivered = 40 }, compare.Changed, "-40", "-50", ""},
		{"ledger.delivered_from_source", deliveredAs(36, 44), compare.Worse, "-9", "-20", ""},
		{"ledger.delivered_from_source", deliveredAs(45, 55), compare.Same, "0", "0", ""}, // more copies
		{"ledger.delivered_share", deliveredAs(54, 26), compare.Better, "0.15", "20", ""},
		{"ledger.delivered_share", func(r *report.Report) { r.Ledger.FromSource = 0 }, compare.Changed, "", "", "lost"},
		// A ledger that does not tell copies apart, as older versions wrote it, tells nothing unless there are none.
		{"ledger.delivered_from_source", olderLedger(40), compare.Changed, "", "", "lost"},
		{"ledger.delivered_share", olderLedger(40), compare.Changed, "", "", "lost"},
		{"ledger.delivered_from_source", olderLedger(0), compare.Better, "35", "77.77777777777779", ""},
		{"ledger.from_source", func(r *report.Report) { r.Ledger.FromSource = 90 }, compare.Better, "30", "50", ""},
		{"ledger.spooled", func(r *report.Report) { r.Ledger.Spooled = 1 }, compare.Worse, "1", "", ""},
		{"ledger.collected", func(r *report.Report) { r.Ledger.Collected = 1 }, compare.Changed, "-99", "-99", ""},
		{"origins.source", func(r *report.Report) { r.Collection.Origins["source"] = 1 },
			compare.Worse, "-1", "-50", ""},
		{"origins.default_data", func(r *report.Report) { r.Collection.Origins["default_data"] = 2 },
			compare.Worse, "2", "", ""},
		{"modes.partial", func(r *report.Report) { r.Processing.Modes["partial"] = 1 }, compare.Worse, "1", "", ""},
		{"processing.success_rate", func(r *report.Report) { r.Processing.SuccessRate = 1 },
			compare.Better, "0.2", "25", ""},
		{"attempts.collector", func(r *report.Report) { r.Nodes[0].Attempts = 3 }, compare.Better, "-3", "-50", ""},
		{"attempts.collector", func(r *report.Report) { r.Nodes = r.Nodes[1:] }, compare.Changed, "", "", "lost"},
		{"attempts.extra", func(r *report.Report) { r.Nodes = append(r.Nodes, report.Node{Name: "extra"}) },
			compare.Changed, "", "", "gained"},
		{"attempts.collector#2", func(r *report.Report) {
			r.Nodes = append(r.Nodes, report.Node{Name: "collector", Attempts: 9})
		}, compare.Changed, "", "", "gained"},
		{"wait_ms.processor", func(r *report.Report) { r.Nodes[1].WaitMS = 0 }, compare.Better, "-2000", "-100", ""},
		{"waits.processor", func(r *report.Report) { r.Nodes[1].Waits = math.MaxInt },
			compare.Worse, "9.22337e18", "9.22337e20", ""},
		{"rejected.collector", func(r *report.Report) { r.Nodes[0].Rejected = 4 }, compare.Changed, "4", "", ""},
		{"breaker_opened.collector", func(r *report.Report) { r.Breakers[0].Opened = 0 },
			compare.Better, "-1", "-100", ""},
		{"breaker_open_ms.collector", func(r *report.Report) { r.Breakers[0].Transitions[1].AtMS = 2000 },
			compare.Better, "-3000", "-75", ""},
		// Opened at 1 s and open to the end, at 16 s.
		{"breaker_open_ms.collector", func(r *report.Report) {
			b := &r.Breakers[0]
			b.HalfOpened, b.Closed, b.Transitions = 0, 0, b.Transitions[:1]
		}, compare.Worse, "11000", "275", ""},
		{"breaker_open_ms.collector", func(r *report.Report) {
			r.Breakers[0].Transitions = r.Breakers[0].Transitions[:1]
		}, compare.Changed, "", "", "lost"},
		{"breaker_state.collector", func(r *report.Report) { r.Breakers[0].State = catalog.HalfOpen },
			compare.Worse, "", "", ""},
		{"channel_health.primary", func(r *report.Report) { r.Channels[0].Health = catalog.Down },
			compare.Worse, "", "", ""},
		{"channel_records.backup", func(r *report.Report) { r.Channels[1].Records = 5 }, compare.Changed, "5", "", ""},
		{"errors.rejected", func(r *report.Report) { r.Nodes[0].Rejected = 6 }, compare.Changed, "6", "", ""},
		{"errors.total", rejecting(6), compare.Same, "0", "0", ""},
		{"errors.by_class.degradation", rejecting(6), compare.Same, "0", "", ""},
		{"errors.by_class.degradation", func(r *report.Report) {
			rejecting(6)(r)
			r.Errors.ByClass[errhandler.Degradation]++
		}, compare.Worse, "1", "", ""},
		{"errors.unhandled", func(r *report.Report) { r.Errors.Handled = 7 }, compare.Worse, "1", "", ""},
		{"errors.by_class.storage", func(r *report.Report) { r.Errors.ByClass["storage"] = 1 },
			compare.Worse, "1", "", ""},
		{"warnings.fresh_cache", func(r *report.Report) { r.Findings = r.Findings[1:] },
			compare.Better, "-1", "-100", "lost"},
		{"warnings.fresh_cache", func(r *report.Report) { r.Findings[0].Count = 3 }, compare.Worse, "2", "200", ""},
		{"warnings.no_data", func(r *report.Report) {
			r.Findings = append(r.Findings, report.Finding{Code: catalog.NoData, Verdict: catalog.Failed, Count: 2})
		}, compare.Worse, "2", "", "gained"},
		{"notices.failed_over", func(r *report.Report) { r.Findings = r.Findings[:1] },
			compare.Changed, "-1", "-100", "lost"},
		{"patterns.bulkhead", func(r *report.Report) { r.Patterns[1].State = catalog.Demonstrated },
			compare.Changed, "", "", "gained"},
		{"patterns.timeout", func(r *report.Report) { r.Patterns[0].State = catalog.Off },
			compare.Changed, "", "", "lost"},
		{"patterns.bulkhead", func(r *report.Report) { r.Patterns[1].State = catalog.Off },
			compare.Changed, "", "", ""},
		{"amplification.collector.fetch", func(r *report.Report) { r.Amplification[0].Factor = 1 },
			compare.Better, "-1", "-50", ""},
		{"amplification.delivery.primary", func(r *report.Report) { r.Amplification[1].Factor = 0.5 },
			compare.Changed, "-0.5", "-50", ""},
		{"amplification.delivery.primary", func(r *report.Report) { r.Amplification[1].Factor = 1.5 },
			compare.Worse, "0.5", "50", ""},
		{"fired.processor.record", func(r *report.Report) { r.Faults[0].Fired = 0 }, compare.Changed, "-4", "-100", ""},
		{"drill.none", func(r *report.Report) { r.Drill = []report.DrillPath{{Path: "none"}} },
			compare.Changed, "", "", "gained"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := base(), base()
			c.change(b)
			got := row(t, compared(t, a, b), c.name).Changes[0]
			if got.Outcome != c.outcome || got.Presence != c.presence || !near(got.Absolute, c.absolute) ||
				!near(got.Percent, c.percent) {
				t.Errorf(
					"%s %q, %s (%s %%); want %s %q, %s (%s %%)",
					got.Outcome,
					got.Presence,
					text(got.Absolute),
					text(got.Percent),
					c.outcome,
					c.presence,
					c.absolute,
					c.percent,
				)
			}
		})
	}
}

func text(f *float64) string {
	if f == nil {
		return ""
	}
	return fmt.Sprint(*f)
}

func near(f *float64, want string) bool {
	if f == nil || want == "" {
		return f == nil && want == ""
	}
	var w float64
	if _, err := fmt.Sscan(want, &w); err != nil {
		return false
	}
	return math.Abs(*f-w) <= 1e-5*math.Abs(w)
}

func testResults() *report.Tests {
	return &report.Tests{Schema: report.TestSchema, RealMS: 12, Results: []report.TestResult{
		{Name: "outage", Status: report.TestPassed, Verdict: "degraded", VirtualMS: 5000, Expectations: 3, RealMS: 4},
		{Name: "full disk", Status: report.TestFailed, Verdict: "failed", VirtualMS: 900, Expectations: 2,
			Failures: []report.TestFailure{{Expect: `verdict == "degraded"`}}},
		{Name: "never", Status: report.TestSkipped},
	}}
}

func TestMeasuresOfTests(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(*report.Tests)
		outcome compare.Outcome
	}{
		{"tests.passed", func(t *report.Tests) { t.Results[1].Status = report.TestPassed }, compare.Better},
		{"tests.failed", func(t *report.Tests) { t.Results[0].Status = report.TestFailed }, compare.Worse},
		{"scenario.outage", func(t *report.Tests) { t.Results[0].Status = report.TestInconclusive }, compare.Worse},
		{"scenario.outage", func(t *report.Tests) { t.Results[0].Status = report.TestSkipped }, compare.Changed},
		{"scenario.outage", func(t *report.Tests) { t.Results = t.Results[1:] }, compare.Changed},
		{"scenario.never", func(t *report.Tests) { t.Results[2].Status = report.TestFailed }, compare.Changed},
		{"scenario_verdict.full disk", func(t *report.Tests) { t.Results[1].Verdict = "degraded" }, compare.Better},
		{"scenario_ms.outage", func(t *report.Tests) { t.Results[0].VirtualMS = 6000 }, compare.Worse},
		{"expectations.outage", func(t *report.Tests) { t.Results[0].Expectations = 4 }, compare.Changed},
		{`broken.full disk: verdict == "degraded"`, func(t *report.Tests) { t.Results[1].Failures = nil },
			compare.Better},
		{`broken.full disk: verdict == "degraded"`, func(t *report.Tests) {
			t.Results[1] = report.TestResult{Name: "full disk", Status: report.TestSkipped}
		}, compare.Changed},
		{"broken.outage: ledger.lost == 0", func(t *report.Tests) {
			t.Results[0].Failures = []report.TestFailure{{Expect: "ledger.lost == 0"}}
		}, compare.Worse},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := testResults(), testResults()
			c.change(b)
			if got := row(t, result(ofTests(a), ofTests(b)), c.name).Changes[0]; got.Outcome != c.outcome {
				t.Errorf("%+v, want %s", got, c.outcome)
			}
		})
	}
}

// Identical is what the wall clock alone tells apart.
func TestIdentical(t *testing.T) {
	a, b := reporttest.Storage(), reporttest.Storage()
	b.Meta = report.Meta{StartedAt: "later", RealMS: 99}
	if !compared(t, a, b).Comparisons[0].Identical {
		t.Error("reports that differ in meta are not identical")
	}
	b.Timeline.Events = append(b.Timeline.Events, report.Event{AtMS: 1})
	if c := compared(t, a, b).Comparisons[0]; c.Identical || c.Count(compare.Same) != len(c.Rows) {
		t.Errorf("a timeline of its own: identical %t, %d of %d rows the same",
			c.Identical, c.Count(compare.Same), len(c.Rows))
	}
	a.Hash, b.Hash = "", ""
	if result(ofReport(a), ofReport(b)).Comparisons[0].Identical {
		t.Error("reports without a hash are identical")
	}
	x, y := testResults(), testResults()
	y.RealMS, y.Results[0].RealMS = 99, 99
	if !result(ofTests(x), ofTests(y)).Comparisons[0].Identical {
		t.Error("results that differ in real time are not identical")
	}
	y.Results[0].Seed = 99
	if result(ofTests(x), ofTests(y)).Comparisons[0].Identical {
		t.Error("results of other seeds are identical")
	}
	if result(ofTests(x), ofReport(a)).Comparisons[0].Identical {
		t.Error("a report is identical to results")
	}
}

func TestSettingsAreNamedAfterFlags(t *testing.T) {
	a, b := reporttest.Success(), reporttest.Success()
	from, to := &a.Settings, &b.Settings
	b.Seed, to.SimulateFailures, to.Interval, to.Channels = 7, true, 1500*time.Millisecond, []string{"primary", "x"}
	to.Collector.Breaker, to.Delivery.Jitter, from.CacheTTL, to.CacheTTL = true, 0.25, 0, time.Duration(math.MaxInt64)
	from.Collector.Breaker, from.Delivery.Jitter, from.Interval = false, 0.1, 0
	from.Faults, to.Faults = faults(
		"x=slow",
		"both=hang",
		"twice=error",
	), faults(
		"both=hang",
		"twice=error",
		"twice=error",
	)
	want := []compare.Difference{
		{Name: "seed", Values: []string{"42", "7"}},
		{Name: "simulate-failures", Values: []string{"false", "true"}},
		{Name: "fault=twice=error", Values: []string{"given", "given 2 times"}},
		{Name: "fault=x=slow", Values: []string{"given", ""}},
		{Name: "interval", Values: []string{"0s", "1.5s"}},
		{Name: "cache-ttl", Values: []string{"0s", "2562047h47m16.854775807s"}},
		{Name: "channels", Values: []string{"primary,secondary,backup", "primary,x"}},
		{Name: "collector-breaker", Values: []string{"false", "true"}},
		{Name: "delivery-jitter", Values: []string{"0.1", "0.25"}},
	}
	if got := compared(t, a, b).Comparisons[0].Settings; !reflect.DeepEqual(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
}

// faults are those of a report that this version may not know: their text is all that counts.
func faults(texts ...string) (list []fault.Fault) {
	for _, text := range texts {
		list = append(list, fault.Fault{Place: catalog.Place(text)})
	}
	return list
}

// Every setting that a report keeps is compared, under the name of its flag, whatever is declared later.
func TestEverySettingIsCompared(t *testing.T) {
	a, b := new(report.Report), new(report.Report)
	fill(reflect.ValueOf(&b.Settings).Elem())
	var names []string
	for _, s := range compared(t, a, b).Comparisons[0].Settings {
		name, _, _ := strings.Cut(s.Name, "=")
		names = append(names, name)
	}
	want := settings.Names(func(s settings.Setting) bool { return !s.Shorthand })
	if !slices.Equal(names, want) {
		t.Errorf("compared are\n%q\nwant\n%q", names, want)
	}
}

// fill gives every field a value that is not its zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i))
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint64:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(1)
	default:
		panic("settings have a new kind: " + v.Kind().String())
	}
}

func TestNotComparable(t *testing.T) {
	a, b := reporttest.Success(), reporttest.Success()
	b.Settings.Input, b.Settings.Graph, b.Interrupted = "orders.csv", "recovery", true
	documents := []compare.Document{ofReport(a), ofReport(b)}
	a.Meta.Scenario, b.Meta.Scenario = "one", "two"
	want := []compare.Difference{
		{Name: "scenario", Values: []string{"one", "two"}},
		{Name: "input", Values: []string{"", "orders.csv"}},
		{Name: "graph", Values: []string{"standard", "recovery"}},
		{Name: "interrupted", Values: []string{"false", "true"}},
	}
	if got := result(documents...).Comparisons[0].NotComparable; !reflect.DeepEqual(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
	b.Meta.Scenario = ""
	if got := result(documents...).Comparisons[0].NotComparable; got[0].Name != "input" {
		t.Errorf("a scenario that is not known differs: %v", got)
	}
	mixed := result(ofReport(a), ofTests(testResults())).Comparisons[0]
	want = []compare.Difference{{Name: "document", Values: []string{report.Schema, report.TestSchema}}}
	if !reflect.DeepEqual(mixed.NotComparable, want) || len(mixed.Settings) > 0 ||
		mixed.Count(compare.Changed) != len(mixed.Rows) {
		t.Errorf("a report and results: %v, %v, %d of %d rows changed",
			mixed.NotComparable, mixed.Settings, mixed.Count(compare.Changed), len(mixed.Rows))
	}
}

// Documents of folders meet by their names.
func TestFolders(t *testing.T) {
	a, b := ofReport(reporttest.Success()), ofReport(reporttest.Network())
	got := compare.Compare([]compare.Input{
		{Source: compare.Source{Label: "base"}, Documents: map[string]compare.Document{"y": a, "only-base": a, "x": a}},
		{Source: compare.Source{Label: "head"}, Documents: map[string]compare.Document{"x": b, "y": b, "only-head": b}},
	})
	var names []string
	for _, c := range got.Comparisons {
		in := ""
		for i, s := range c.Sides {
			if s.Schema != "" {
				in += string(rune('A' + i))
			}
		}
		if c.Complete() != (in == "AB") {
			t.Errorf("%s is in %s, complete: %t", c.Name, in, c.Complete())
		}
		names = append(names, c.Name+": "+in)
	}
	if want := []string{"only-base: A", "only-head: B", "x: AB", "y: AB"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	if got.Comparisons[0].Count(compare.Worse)+got.Comparisons[0].Count(compare.Better) > 0 ||
		got.Comparisons[0].Identical {
		t.Error("what is only on one side is better or worse")
	}
}

// TestAntisymmetry: the other way round everything is mirrored.
func TestAntisymmetry(t *testing.T) {
	reporttest.NothingRaces(t)
	pairs, results := pairs(), anyTests()
	rapid.Check(t, func(t *rapid.T) {
		var a, b compare.Document
		if rapid.Bool().Draw(t, "tests") {
			x, y := results.Draw(t, "x"), results.Draw(t, "y")
			a, b = ofTests(&x), ofTests(&y)
		} else {
			p := pairs.Draw(t, "pair")
			c := compared(t, p[0], p[1]).Comparisons[0]
			a, b = c.Sides[0].Document, c.Sides[1].Document
		}
		checkMirrored(t, a, b)
	})
}

func checkMirrored(t *rapid.T, a, b compare.Document) {
	there, back := result(a, b).Comparisons[0], result(b, a).Comparisons[0]
	if there.Identical != back.Identical {
		t.Fatal("identical one way only")
	}
	for i, pair := range [][2][]compare.Difference{
		{there.Settings, back.Settings},
		{there.NotComparable, back.NotComparable},
	} {
		if len(pair[0]) != len(pair[1]) {
			t.Fatalf("%d: %v and %v", i, pair[0], pair[1])
		}
		for n, d := range pair[0] {
			other := pair[1][n]
			slices.Reverse(other.Values)
			if !reflect.DeepEqual(d, other) {
				t.Fatalf("%v is not the mirror of %v", d, other)
			}
		}
	}
	if len(there.Rows) != len(back.Rows) {
		t.Fatalf("%d rows, back %d", len(there.Rows), len(back.Rows))
	}
	for i, r := range there.Rows {
		if m := mirror(back.Rows[i]); !reflect.DeepEqual(withoutPercent(r), m) {
			t.Fatalf("%+v\nis not the mirror of\n%+v", r, m)
		}
		if c := r.Changes[0]; c.Percent != nil && c.Absolute != nil && *c.Percent**c.Absolute < 0 {
			t.Fatalf("%+v: the change and its percentage do not agree", r)
		}
	}
}

// withoutPercent: percentages are of the first value, which is another one the other way round.
func withoutPercent(r compare.Row) compare.Row {
	r.Changes = slices.Clone(r.Changes)
	for i := range r.Changes {
		r.Changes[i].Percent = nil
	}
	return r
}

func mirror(r compare.Row) compare.Row {
	r = withoutPercent(r)
	slices.Reverse(r.Values)
	r.ReverseSamples()
	c := &r.Changes[0]
	c.Outcome = map[compare.Outcome]compare.Outcome{
		compare.Better:        compare.Worse,
		compare.Worse:         compare.Better,
		compare.Same:          compare.Same,
		compare.Changed:       compare.Changed,
		compare.Insignificant: compare.Insignificant,
	}[c.Outcome]
	c.Presence = map[string]string{compare.Gained: compare.Lost, compare.Lost: compare.Gained, "": ""}[c.Presence]
	if c.Absolute != nil {
		negated := 0 - *c.Absolute
		c.Absolute = &negated
	}
	return r
}

// A report compared with itself differs in nothing.
func TestSelfIsEmpty(t *testing.T) {
	reporttest.NothingRaces(t)
	pairs := pairs()
	rapid.Check(t, func(t *rapid.T) {
		r := pairs.Draw(t, "pair")[0]
		c := compared(t, r, r, r).Comparisons[0]
		if !c.Identical || len(c.Settings)+len(c.NotComparable) > 0 || c.Count(compare.Same) != 2*len(c.Rows) {
			t.Fatalf("not the same as itself: %+v", c)
		}
	})
}

// Any comparison is JSON, with each row once, and a third input changes nothing in what is said of the second.
func TestAnyResult(t *testing.T) {
	reporttest.NothingRaces(t)
	pairs := pairs()
	rapid.Check(t, func(t *rapid.T) {
		p, third := pairs.Draw(t, "pair"), pairs.Draw(t, "third")[0]
		three, two := compared(t, p[0], p[1], third), compared(t, p[0], p[1])
		doc, err := json.Marshal(three)
		if err != nil || !json.Valid(doc) {
			t.Fatalf("no JSON: %v", err)
		}
		rows := map[string]compare.Row{}
		for _, r := range three.Comparisons[0].Rows {
			if _, twice := rows[r.Name]; twice || len(r.Values) != 3 || len(r.Changes) != 2 {
				t.Fatalf("twice %t: %+v", twice, r)
			}
			rows[r.Name] = r
		}
		for _, r := range two.Comparisons[0].Rows {
			if other := rows[r.Name]; !reflect.DeepEqual(other.Values[:2], r.Values) ||
				!reflect.DeepEqual(other.Changes[:1], r.Changes) {
				t.Fatalf("%+v became %+v", r, other)
			}
		}
	})
}

// pairs draws two reports: any two, a run and itself after some change, or two runs that the runner made.
func pairs() *rapid.Generator[[2]*report.Report] {
	samples := slices.Sorted(maps.Keys(reporttest.Samples()))
	any := reporttest.Any()
	return rapid.Custom(func(t *rapid.T) [2]*report.Report {
		switch rapid.SampledFrom([]string{"any", "sample", "run"}).Draw(t, "sort") {
		case "any":
			a, b := any.Draw(t, "a"), any.Draw(t, "b")
			return [2]*report.Report{&a, &b}
		case "sample":
			a, b := reporttest.Samples()[rapid.SampledFrom(samples).Draw(t, "a")], reporttest.Samples()[rapid.SampledFrom(samples).Draw(t, "b")]
			if rapid.Bool().Draw(t, "parts of another") {
				c := any.Draw(t, "c")
				b.Nodes, b.Channels, b.Breakers, b.Findings, b.Errors, b.Amplification = c.Nodes, c.Channels, c.Breakers, c.Findings, c.Errors, c.Amplification
			}
			return [2]*report.Report{a, b}
		}
		return [2]*report.Report{drawRun(t), drawRun(t)}
	})
}

// anyTests draws results of few scenarios, so that two of them have some in common.
func anyTests() *rapid.Generator[report.Tests] {
	names := rapid.SampledFrom([]string{"outage", "outage: x", "full disk", ""})
	return rapid.Custom(func(t *rapid.T) report.Tests {
		tests := report.Tests{Schema: report.TestSchema}
		for range rapid.IntRange(0, 4).Draw(t, "scenarios") {
			r := report.TestResult{
				Name:         names.Draw(t, "name"),
				VirtualMS:    rapid.Float64().Draw(t, "ms"),
				Expectations: rapid.Int().Draw(t, "expectations"),
				Verdict:      rapid.SampledFrom([]string{"", "success", "failed", "odd"}).Draw(t, "verdict"),
				Status: rapid.SampledFrom([]report.TestStatus{
					report.TestPassed,
					report.TestFailed,
					report.TestInconclusive,
					report.TestSkipped,
					"odd",
				}).Draw(t, "status"),
			}
			for range rapid.IntRange(0, 2).Draw(t, "failures") {
				r.Failures = append(r.Failures, report.TestFailure{Expect: names.Draw(t, "expectation")})
			}
			tests.Results = append(tests.Results, r)
		}
		return tests
	})
}

func drawRun(t *rapid.T) *report.Report {
	return runtest.Run(t,
		fmt.Sprint("seed=", rapid.IntRange(0, 50).Draw(t, "seed")),
		"simulate-failures=true",
		"failure-type="+rapid.SampledFrom([]string{"network", "storage", "processing"}).Draw(t, "type"),
		fmt.Sprint("cycles=", rapid.IntRange(1, 4).Draw(t, "cycles")),
		fmt.Sprint("attempts=", rapid.IntRange(1, 4).Draw(t, "attempts")),
		fmt.Sprint("collector-breaker=", rapid.Bool().Draw(t, "breaker")))
}

// Every measure says what it is, and is read from some run.
func TestEveryMeasureIsRead(t *testing.T) {
	read := map[string]bool{}
	for _, r := range reporttest.Samples() {
		for _, row := range compared(t, r, r).Comparisons[0].Rows {
			read[row.Name] = true
		}
	}
	tests := testResults()
	for _, row := range result(ofTests(tests), ofTests(tests)).Comparisons[0].Rows {
		read[row.Name] = true
	}
	c := ofCampaign(
		runtest.Campaign(t, 200, "simulate-failures=true", "failure-type=processing", "collector-breaker=true",
			"fault=collector.fetch=http_503,p=0.3"),
	)
	loaded := ofCampaign(runtest.Campaign(t, 2, "load=5/s", "for=15s", "batch-size=1", "recovery-hold=2s",
		"fault=collector.fetch=http_503,from=2s,to=4s"))
	for _, d := range []compare.Document{c, loaded} {
		for _, row := range result(d, d).Comparisons[0].Rows {
			read[row.Name] = true
		}
	}
	for _, m := range compare.Measures() {
		family, _, many := strings.Cut(m.Name, "<")
		found := read[m.Name]
		for name := range read {
			found = found || many && strings.HasPrefix(name, family)
		}
		if !found || m.What == "" || m.Group == "" || m.Unit == "" || m.Better == "" {
			t.Errorf("%+v: read %t", m, found)
		}
	}
}

// TestJudgement: what is in front of a comparison weighs what its user would: verdicts, then where the records ended,
// then the rest. Nine measures that got better and a single one that got worse are no bad news.
func TestJudgement(t *testing.T) {
	worseVerdict := func(r *report.Report) { r.Verdict = catalog.Failed }
	betterVerdict := func(r *report.Report) { r.Verdict = catalog.Success }
	spooled := func(r *report.Report) { r.Ledger.Spooled++ }
	fewerLetters := func(r *report.Report) { r.Ledger.DeadLettered-- }
	slower := func(r *report.Report) { r.DurationMS++ }
	fewerAttempts := func(r *report.Report) { r.Nodes[0].Attempts-- }
	for _, c := range []struct {
		changes []func(*report.Report)
		want    compare.Outcome
	}{
		{nil, compare.Same},
		{[]func(*report.Report){rejecting(5)}, compare.Changed},
		{[]func(*report.Report){rejecting(5), fewerAttempts}, compare.Better},
		{[]func(*report.Report){slower}, compare.Worse},
		{[]func(*report.Report){slower, fewerAttempts}, compare.Changed},
		{[]func(*report.Report){spooled, fewerAttempts}, compare.Worse},
		{[]func(*report.Report){spooled, fewerLetters}, compare.Worse},
		{[]func(*report.Report){fewerLetters, slower}, compare.Better},
		{[]func(*report.Report){betterVerdict, spooled, slower}, compare.Better},
		{[]func(*report.Report){worseVerdict, fewerLetters, fewerAttempts}, compare.Worse},
	} {
		other := base()
		for _, change := range c.changes {
			change(other)
		}
		if got := compare.Judgement(compared(t, base(), other).Comparisons...); got != c.want {
			t.Errorf("%d changes: %s, want %s", len(c.changes), got, c.want)
		}
	}
	// Of several, a single bad verdict decides.
	good, bad := base(), base()
	betterVerdict(good)
	worseVerdict(bad)
	all := slices.Concat(compared(t, base(), good).Comparisons, compared(t, base(), bad).Comparisons)
	if got := compare.Judgement(all...); got != compare.Worse {
		t.Errorf("one of two got a worse verdict: %s", got)
	}
	// Of campaigns, what may be chance decides nothing.
	a := network(t, 1000)
	b := copied(t, a)
	b.Verdict.Failed = share(3, 1000)
	if got := compare.Judgement(result(ofCampaign(a), ofCampaign(b)).Comparisons...); got != compare.Insignificant {
		t.Errorf("3 of 1,000 runs: %s", got)
	}
}
