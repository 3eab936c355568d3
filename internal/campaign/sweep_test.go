package campaign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/report"
	"faultflow/internal/runner"
	"faultflow/internal/settings"
)

// given gives some settings, a seed among them.
func given(t interface{ Fatal(...any) }, assignments ...string) *settings.Given {
	g := new(settings.Given)
	for _, a := range append([]string{"seed=1"}, assignments...) {
		name, text, _ := strings.Cut(a, "=")
		if err := g.Set(name, text); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// planned is a plan with the settings that were given.
func planned(t interface{ Fatal(...any) }, g *settings.Given, runs int64) Plan {
	s, err := g.Settings()
	if err != nil {
		t.Fatal(err)
	}
	return Plan{Settings: s, Runs: runs, Repeat: repeat}
}

func swept(t *testing.T, d *settings.Given, runs int64, sort string, sweeps ...string) *report.Sweep {
	t.Helper()
	grid, err := Grid(d, sweeps)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := Sweep(context.Background(), planned(t, d, runs), grid, sort)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestSweepRowsAreCampaigns: each row is what a campaign of its own with those settings comes to, on the same seeds.
func TestSweepRowsAreCampaigns(t *testing.T) {
	d := given(t, "simulate-failures=true", "failure-type=network")
	doc := swept(t, d, 100, "delivered", "collector-attempts=1,3", "processor-attempts=1,2")
	if got, want := doc.Names, []string{
		"collector-attempts",
		"processor-attempts",
	}; !slices.Equal(got, want) ||
		len(doc.Rows) != 4 {
		t.Fatalf("%v in %d rows", got, len(doc.Rows))
	}
	for _, row := range doc.Rows {
		alone := given(t, "simulate-failures=true", "failure-type=network", "collector-attempts="+row.Values[0],
			"processor-attempts="+row.Values[1])
		c, err := Run(context.Background(), planned(t, alone, 100))
		if err != nil {
			t.Fatal(err)
		}
		if got := measures(c, 0); got != row.Measures {
			t.Errorf("%v: %+v, alone %+v", row.Values, row.Measures, got)
		}
		want, copies := float64(c.Ledger.DeliveredFromSource)/(30*100), float64(c.Ledger.DeliveredCopies)/(30*100)
		if math.Abs(row.DeliveredShare-want)+math.Abs(row.CopiesShare-copies) > 1e-9 || copies == 0 {
			t.Errorf("%v: delivered shares %v and %v, want %v and %v",
				row.Values, row.DeliveredShare, row.CopiesShare, want, copies)
		}
	}
}

// TestSweepSorts by each measure, best first.
func TestSweepSorts(t *testing.T) {
	d := given(t, "simulate-failures=true", "failure-type=processing")
	for _, sort := range Sorts() {
		doc := swept(t, d, 50, sort, "attempts=3,1,2")
		if !slices.IsSortedFunc(doc.Rows, func(a, b report.SweepRow) int {
			x, y := key(a.Measures, sort), key(b.Measures, sort)
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		}) {
			t.Errorf("%s: %+v", sort, doc.Rows)
		}
	}
	doc := swept(t, d, 50, "delivered", "attempts=3,1,2")
	if got := doc.Rows[0].Values[0] + doc.Rows[2].Values[0]; got != "31" {
		t.Errorf("best and worst delivered: %v", doc.Rows)
	}
	if doc := swept(t, d, 50, "calls", "attempts=3,1,2"); doc.Rows[0].Values[0] != "1" {
		t.Errorf("fewest calls: %v", doc.Rows)
	}
}

// TestCopiesAreNotDelivered: where the source answers once and then never again, a cache delivers the first batch again
// and again. That is no more than what a run without a fallback delivers, and no reason for a star.
func TestCopiesAreNotDelivered(t *testing.T) {
	d := given(t, "cycles=20", "collector-attempts=1", "fault=collector.fetch=http_500,calls=2-20")
	doc := swept(t, d, 5, "delivered", "fallback=false,true")
	byValue := map[string]report.SweepRow{}
	for _, r := range doc.Rows {
		byValue[r.Values[0]] = r
	}
	without, with := byValue["false"], byValue["true"]
	if without.DeliveredShare != 0.05 || with.DeliveredShare != 0.05 || without.CopiesShare != 0 ||
		with.CopiesShare != 0.95 {
		t.Errorf("without a fallback %+v, with one %+v", without, with)
	}
	if with.Pareto {
		t.Errorf("19 copies of the first batch are starred: %+v", doc.Rows)
	}
}

// Without a number of cycles the share is of what was collected: there is nothing else that was asked for.
func TestSharesOfATime(t *testing.T) {
	doc := swept(t, given(t, "for=12s"), 3, "delivered", "attempts=1,2")
	for _, r := range doc.Rows {
		if r.DeliveredShare != 1 {
			t.Errorf("%v: %v of the records are delivered, want all", r.Values, r.DeliveredShare)
		}
	}
}

func TestPareto(t *testing.T) {
	m := func(delivered, mean, calls float64) report.Measures {
		return report.Measures{DeliveredShare: delivered, MeanMS: mean, Calls: calls}
	}
	for _, test := range []struct {
		a, b report.Measures
		want bool
	}{
		{m(1, 5, 5), m(1, 5, 5), false},
		{m(1, 5, 5), m(0.9, 5, 5), true},
		{m(1, 5, 5), m(1, 6, 5), true},
		{m(1, 5, 5), m(1, 5, 6), true},
		{m(1, 5, 7), m(1, 6, 6), false},
		{m(0.9, 4, 4), m(1, 5, 5), false},
	} {
		if got := dominates(test.a, test.b); got != test.want {
			t.Errorf("%+v over %+v: %t", test.a, test.b, got)
		}
	}
}

func TestGridRefuses(t *testing.T) {
	d := given(t)
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprint(i + 1)
	}
	for want, sweeps := range map[string][]string{
		`--sweep "attempts": want NAME=VALUE,VALUE…, such as attempts=1,3,5`:                                             {"attempts"},
		`--sweep "retries=1": there is no setting "retries" to sweep; use attempts, which counts the first attempt, too`: {"retries=1"},
		`--sweep "atempts=1": there is no setting "atempts" to sweep (did you mean attempts?)`:                           {"atempts=1"},
		`--fault "x": `:                 {"fault=x"},
		`--load "30": want a rate such`: {"load=30"},
		`--sweep "seed=1": seed is the same in all runs of a campaign`: {"seed=1"},
		`--sweep "attempts=1,1": 1 is given twice`:                     {"attempts=1,1"},
		`--sweep "attempts=3": attempts is swept twice`:                {"attempts=1,2", "attempts=3"},
		`more than 1000 combinations`:                                  {"attempts=" + strings.Join(many, ","), "cycles=" + strings.Join(many[:10], ",")},
		`--attempts "x": want a whole number`:                          {"attempts=1,x"},
		`--attempts "0": want a whole number from 1 to 10000`:          {"attempts=0"},
	} {
		_, err := Grid(d, sweeps)
		var bad *settings.Error
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", sweeps, err, want)
		}
	}
}

// TestAblation: what was needed is missed, what was not needed is not, and flips name runs that really change.
func TestAblation(t *testing.T) {
	d := given(t, "simulate-failures=true", "failure-type=processing")
	const runs = ablateEvery + 50 // more than one turn
	p := planned(t, d, runs)
	a, err := Ablate(context.Background(), p, d)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]report.AblationRow{}
	for _, r := range a.Rows {
		rows[r.Pattern] = r
		if r.Runs != runs || r.Violations > 0 || r.Problem != "" {
			t.Errorf("%s: %+v", r.Pattern, r)
		}
	}
	retry := rows["retry_with_backoff"]
	if retry.Worse == 0 || retry.Better != 0 || retry.P > 1e-9 || retry.P == 0 || retry.Holm < retry.P ||
		len(retry.Flips) != report.MaxSeedRuns ||
		!(retry.DeliveredShare < a.Whole.DeliveredShare && retry.Calls < a.Whole.Calls && retry.MeanMS < a.Whole.MeanMS) {
		t.Errorf("without retries: %+v, with them %+v", retry, a.Whole)
	}
	// A run in which a call hangs never ends without a timeout: it has no verdict, delivers nothing, and there is no
	// mean. It is worse than any run that ends.
	r := rows["timeout"]
	if r.Needed == 0 || r.Hanging != r.Needed || r.Worse != r.Hanging || r.Better != 0 ||
		r.MeanMS+r.P99MS+r.Calls != 0 || r.DeliveredShare >= a.Whole.DeliveredShare ||
		r.Verdict.Success.Count+r.Verdict.Degraded.Count+r.Verdict.Failed.Count != runs-r.Hanging ||
		r.Verdict.Success.Of != runs || int64(len(r.Flips)) != r.Hanging || r.Flips[0].Without != "" {
		t.Errorf("without timeouts calls hang: %+v, with them %+v", r, a.Whole)
	}
	for pattern, r := range rows {
		if pattern != "timeout" && (r.Hanging > 0 || r.MeanMS == 0 || r.Calls == 0) {
			t.Errorf("there is a timeout without %s: %+v", pattern, r)
		}
	}
	if r := rows["bulkhead"]; r.Needed != 0 || r.Worse+r.Better != 0 || r.P != 1 || r.Calls != a.Whole.Calls ||
		r.MeanMS != a.Whole.MeanMS {
		t.Errorf("the bulkhead was not needed: %+v", r)
	}
	if _, there := rows["circuit_breaker"]; there {
		t.Error("there is no breaker in this profile to take away")
	}
	for _, f := range retry.Flips {
		for want, attempts := range map[string]string{string(f.With): "5", string(f.Without): "1"} {
			s := planned(t, given(t, "simulate-failures=true", "failure-type=processing", "attempts="+attempts),
				1).Settings
			if attempts == "5" {
				s = p.Settings
			}
			s.Clock, s.Seed = settings.ClockVirtual, f.Seed
			r, err := runner.Run(context.Background(), s, runner.Environment{})
			if err != nil || string(r.Verdict) != want {
				t.Errorf("seed %d with %s attempts: %v, %v, want %s", f.Seed, attempts, r.Verdict, err, want)
			}
		}
	}
	if retry.Flips[0].RepeatWithout == retry.Flips[0].Repeat ||
		!strings.Contains(retry.Flips[0].RepeatWithout, "collector-attempts") {
		t.Errorf("commands %+v", retry.Flips[0])
	}
}

// TestAblationDoesNotShowWorkers: the same bytes on one core and on several.
func TestAblationDoesNotShowWorkers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	d := given(t, "simulate-failures=true", "failure-type=network", "cycles=2")
	var want []byte
	for _, procs := range []int{1, 4} {
		runtime.GOMAXPROCS(procs)
		a, err := Ablate(context.Background(), planned(t, d, 60), d)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := report.WriteAblation(&got, a); err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got.Bytes()
		} else if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("with %d workers:\n%s\nwith one:\n%s", procs, got.Bytes(), want)
		}
	}
}

// TestInterruptedAblation: wherever the interruption comes, every row has the runs that the whole has.
func TestInterruptedAblation(t *testing.T) {
	d := given(t, "simulate-failures=true")
	for _, after := range []int64{10, 12 * ablateEvery} {
		ctx, cancel := context.WithCancel(context.Background())
		var runs atomic.Int64
		p := planned(t, d, 1_000_000)
		p.Progress = func() {
			if runs.Add(1) == after {
				cancel()
			}
		}
		a, err := Ablate(ctx, p, d)
		if err != nil || !a.Interrupted || a.Whole.Runs%ablateEvery != 0 {
			t.Fatalf("interrupted after %d runs: %d of the whole, %v", after, a.Whole.Runs, err)
		}
		for _, r := range a.Rows {
			if r.Runs != a.Whole.Runs || r.Worse+r.Better > r.Runs {
				t.Errorf(
					"interrupted after %d runs: %d runs without %s, %d with it",
					after,
					r.Runs,
					r.Pattern,
					a.Whole.Runs,
				)
			}
		}
	}
}

// TestAblationTellsWhatCanNotGo: a fault at a channel keeps the channel.
func TestAblationTellsWhatCanNotGo(t *testing.T) {
	d := given(t, "fault=delivery.backup=http_503,p=0.5")
	a, err := Ablate(context.Background(), planned(t, d, 3), d)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(a.Rows, func(r report.AblationRow) bool { return r.Pattern == "channel_failover" })
	if i < 0 || !strings.Contains(a.Rows[i].Problem, `unknown place "delivery.backup"`) || a.Rows[i].Runs != 0 {
		t.Errorf("%+v", a.Rows)
	}
}

// TestWhatIsNotNeededCanGo: taking away a pattern that a run never needed changes nothing in that run.
func TestWhatIsNotNeededCanGo(t *testing.T) {
	tried := map[catalog.Pattern]int{}
	rapid.Check(t, func(r *rapid.T) {
		d := given(r, "simulate-failures=true", "failure-type="+rapid.SampledFrom(fault.Profiles()).Draw(r, "type"),
			fmt.Sprint("cycles=", rapid.IntRange(1, 4).Draw(r, "cycles")),
			fmt.Sprint("processor-breaker=", rapid.Bool().Draw(r, "processor breaker")),
			fmt.Sprint("delivery-breaker=", rapid.Bool().Draw(r, "delivery breaker")),
			fmt.Sprint("workers=", rapid.IntRange(1, 4).Draw(r, "workers")),
			"seed="+fmt.Sprint(rapid.Uint64Range(0, 1<<40).Draw(r, "seed")))
		s := planned(r, d, 1).Settings
		s.Clock = settings.ClockVirtual
		whole := ran(r, s)
		third := rapid.IntRange(0, 2).Draw(r, "third")
		for i, a := range ablations(s) {
			if needed(whole, a) || i%3 != third && raceEnabled {
				continue
			}
			v, err := newVariant(d, a.changed)
			if err != nil {
				r.Fatal(err)
			}
			v.Settings.Clock = settings.ClockVirtual
			tried[a.patterns[0]]++
			if with, without := outcome(r, ran(r, s)), outcome(r, ran(r, v.Settings)); with != without {
				r.Errorf("without %v:\n%s\nwith:\n%s", a.patterns, without, with)
			}
		}
	})
	for _, pattern := range []catalog.Pattern{
		catalog.RetryWithBackoff, catalog.CircuitBreaker, catalog.Bulkhead, catalog.Timeout, catalog.FallbackLadder,
		catalog.PartialPattern, catalog.ChannelFailover, catalog.ChannelHealth, catalog.EmergencySpool,
		catalog.RecoveryGraphNodes,
	} {
		if tried[pattern] == 0 {
			t.Errorf("%s was needed in every run", pattern)
		}
	}
}

func ran(t interface{ Fatal(...any) }, s settings.Settings) *report.Report {
	r, err := runner.Run(context.Background(), s, runner.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// needed tells whether a run needed what the ablation takes away. Other channels are needed as soon as they are tried.
func needed(r *report.Report, a ablation) bool {
	tried := func(c report.Channel) bool { return c.Tried > 0 }
	if a.patterns[0] == catalog.ChannelFailover && slices.ContainsFunc(r.Channels[1:], tried) {
		return true
	}
	return slices.ContainsFunc(
		r.Patterns,
		func(p report.Pattern) bool { return slices.Contains(a.patterns, p.Name) && p.Count > 0 },
	)
}

// outcome is all that a run came to, without what only tells of its settings: those, the patterns that they arm, closed
// breakers, and places that nobody called.
func outcome(t interface{ Fatal(...any) }, r *report.Report) string {
	r.Settings, r.Patterns, r.Meta = settings.Settings{}, nil, report.Meta{}
	r.Collection.Breaker = ""
	r.Breakers = slices.DeleteFunc(r.Breakers, func(b report.Breaker) bool { return b.Opened == 0 })
	r.Channels = slices.DeleteFunc(r.Channels, func(c report.Channel) bool { return c.Tried+c.Skipped == 0 })
	r.Amplification = slices.DeleteFunc(r.Amplification, func(a report.Amplification) bool { return a.Calls == 0 })
	r.Faults = slices.DeleteFunc(r.Faults, func(f report.Fault) bool { return f.Armed == 0 })
	r.Nodes = slices.DeleteFunc(r.Nodes, func(n report.Node) bool { return n.Runs == 0 })
	var b bytes.Buffer
	if err := report.WriteJSON(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestCheckDeterminism: the same reports, and each run is made twice.
func TestCheckDeterminism(t *testing.T) {
	p := planned(t, given(t, "simulate-failures=true", "cycles=2"), sized(10_000, 150, 150)) // more than one turn
	made := make(chan struct{}, 2*p.Runs)
	p.Progress = func() { made <- struct{}{} }
	d, err := CheckDeterminism(context.Background(), p)
	if err != nil || d.Runs != p.Runs || d.Different != 0 || d.Interrupted || len(made) != int(2*p.Runs) {
		t.Errorf("%+v, %v, %d runs made", d, err, len(made))
	}

	// A run that is another one the second time is found.
	var calls sync.Map
	p.Progress = nil
	d, err = checkTwice(context.Background(), p, func(seed uint64) (string, error) {
		if _, again := calls.LoadOrStore(seed, true); again && seed%100 == 7 {
			return "other", nil
		}
		return "same", nil
	})
	want := []report.Difference{
		{Seed: 7, First: "same", Second: "other", Repeat: repeat(7)},
		{Seed: 107, First: "same", Second: "other", Repeat: repeat(107)},
	}
	if err != nil || len(d.List) < 2 || !slices.Equal(d.List[:2], want) || d.Different != (p.Runs+93)/100 {
		t.Errorf("%+v, %v", d, err)
	}
}

// TestPolicySets: four minutes of a service that is normal, overloaded and normal again, 80 s each, met with a
// bulkhead, a rate limit, a timeout, a breaker with a timeout, and nothing. What can't be switched off is made without
// effect: 10,000 calls at once, an hour for a call. The grid has the five sets among its rows.
func TestPolicySets(t *testing.T) {
	d := given(t, "cycles=240", "interval=1s", "batch-size=20", "workers=8",
		"fault=collector.fetch=slow,by=4s,from=80s,to=160s", "fault=processor.record=slow,by=500ms,from=80s,to=160s")
	doc := swept(t, d, 1, "duration", "bulkhead=4,10000", "rate-limit=0,200", "timeout=1s,1h", "collector-breaker=true,false")
	rows := map[string]report.SweepRow{}
	for _, r := range doc.Rows {
		rows[strings.Join(r.Values, " ")] = r
		if r.MeanMS < 240_000 || r.Violations > 0 {
			t.Errorf("%v: %v ms, %d violations", r.Values, r.MeanMS, r.Violations)
		}
	}
	none, bulkhead, limit := rows["10000 0 1h false"], rows["4 0 1h false"], rows["10000 200 1h false"]
	timeout, breaker := rows["10000 0 1s false"], rows["10000 0 1s true"]
	for _, test := range []struct {
		what string
		held bool
	}{
		{"16 combinations", len(doc.Rows) == 16},
		{"without policies every record is delivered, and late", none.DeliveredShare == 1 && none.Verdict.Success.Share == 1 && none.MeanMS > 300_000},
		{"a bulkhead turns records away", bulkhead.DeliveredShare < 0.99},
		{"a rate limit makes them wait", limit.DeliveredShare == 1 && limit.MeanMS > none.MeanMS},
		{"a timeout alone calls more", timeout.Calls > none.Calls && timeout.BeforeOpen == 0},
		{"a breaker with a timeout calls least and is quickest of those that lose nothing",
			breaker.DeliveredShare+breaker.CopiesShare == 1 && breaker.Calls < none.Calls &&
				breaker.MeanMS < min(none.MeanMS, limit.MeanMS, timeout.MeanMS) && breaker.BeforeOpen >= 3},
	} {
		if !test.held {
			t.Errorf("not so: %s\n%+v", test.what, rows)
		}
	}
}

// The value of a list replaces the list, and holds the commas that are its items' own.
func TestGridOfLists(t *testing.T) {
	d := given(t, "load=60/s", "load=200/s,from=20s,to=25s", "for=1m", "fault=collector.fetch=timeout")
	grid, err := Grid(
		d,
		[]string{
			"load=20/s,10/s..50/s,from=5s,to=30s,90/m",
			"fault=collector.fetch=http_500,p=0.5,delivery.primary=locked",
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range grid {
		got = append(got, fmt.Sprintf("%v %v", v.Settings.Loads, v.Settings.Faults))
	}
	want := []string{
		"[20/s] [collector.fetch=http_500,p=0.5]",
		"[20/s] [delivery.primary=locked]",
		"[10/s..50/s,from=5s,to=30s] [collector.fetch=http_500,p=0.5]",
		"[10/s..50/s,from=5s,to=30s] [delivery.primary=locked]",
		"[90/m] [collector.fetch=http_500,p=0.5]",
		"[90/m] [delivery.primary=locked]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestBreakerDrawn: where each seed decides if the collector has a breaker, the settings alone would say that there is
// none; where it was decided by hand, and for the types that always have one or never do, they tell.
func TestBreakerDrawn(t *testing.T) {
	for flags, want := range map[string]bool{
		"failure-type=random":                         true,
		"failure-type=random collector-breaker=false": false,
		"failure-type=random collector-breaker=true":  false,
		"failure-type=network":                        false,
		"failure-type=storage":                        false,
	} {
		g := given(t, append(strings.Fields(flags), "simulate-failures=true")...)
		sweep := swept(t, g, 2, "delivered", "collector-attempts=1")
		ablation, err := Ablate(context.Background(), planned(t, g, 2), g)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := CheckDeterminism(context.Background(), planned(t, g, 2))
		if err != nil {
			t.Fatal(err)
		}
		if sweep.BreakerDrawn != want || ablation.BreakerDrawn != want || twice.BreakerDrawn != want {
			t.Errorf("%s: drawn in a sweep %t, an ablation %t, a check %t; want %t",
				flags, sweep.BreakerDrawn, ablation.BreakerDrawn, twice.BreakerDrawn, want)
		}
	}
}
