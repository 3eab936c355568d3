package compare_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"faultflow/internal/compare"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
	"faultflow/internal/runtest"
	"faultflow/internal/stats"
)

func network(t tester, runs int64, given ...string) *report.Campaign {
	t.Helper()
	return runtest.Campaign(t, runs, append([]string{"simulate-failures=true", "failure-type=network"}, given...)...)
}

// copied is a campaign that can be changed.
func copied(t tester, c *report.Campaign) *report.Campaign {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	d, err := report.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	d.Campaign.Hash = ""
	return d.Campaign
}

func ofCampaign(c *report.Campaign) compare.Document {
	return compare.Document{Document: report.Document{Campaign: c}}
}

func share(count, of int64) report.Share {
	return report.Share{Count: count, Of: of, Share: float64(count) / float64(of)}
}

// shifted puts the last count runs at a value.
func shifted(d *report.Distribution, count int64, to float64) {
	var kept []report.Bucket
	left := d.Count - count
	for _, b := range d.Buckets {
		if n := min(left, b.Count); n > 0 {
			kept = append(kept, report.Bucket{Value: b.Value, Count: n})
			left -= n
		}
	}
	d.Buckets = append(kept, report.Bucket{Value: to, Count: count})
}

func TestMeasuresOfCampaigns(t *testing.T) {
	const runs = 1000
	base := network(t, runs, "collector-breaker=true")
	fisher := func(a, b int64) float64 { return stats.Fisher(a, runs, b, runs) }
	for _, c := range []struct {
		name    string
		change  func(*report.Campaign)
		outcome compare.Outcome
		p       float64 // -1 where nothing is tested, -2 for any
	}{
		{"verdict.success", func(c *report.Campaign) {
			c.Verdict.Success = share(base.Verdict.Success.Count-100, runs)
		}, compare.Worse, fisher(base.Verdict.Success.Count, base.Verdict.Success.Count-100)},
		{"verdict.success", func(c *report.Campaign) { c.Verdict.Success = share(base.Verdict.Success.Count-5, runs) },
			compare.Insignificant, fisher(base.Verdict.Success.Count, base.Verdict.Success.Count-5)},
		{"verdict.degraded", func(c *report.Campaign) { c.Verdict.Degraded = share(0, runs) },
			compare.Better, fisher(base.Verdict.Degraded.Count, 0)},
		{"verdict.failed", func(c *report.Campaign) { c.Verdict.Failed = share(30, runs) },
			compare.Worse, fisher(0, 30)},
		{"verdict.failed", func(c *report.Campaign) { c.Verdict.Failed = share(3, runs) },
			compare.Insignificant, fisher(0, 3)},
		{"verdict.failed", func(*report.Campaign) {}, compare.Same, -1},
		{"records.delivered", func(c *report.Campaign) { c.Ledger.SourceShare = 0.5 }, compare.Worse, -2},
		{"records.delivered", func(c *report.Campaign) { c.Ledger.SourceShare -= 0.001 }, compare.Insignificant, -2},
		{"records.delivered", func(c *report.Campaign) { c.Ledger.SourceShare -= 1e-9 }, compare.Insignificant, 1},
		{"records.delivered", func(c *report.Campaign) { c.Ledger.FromSource = 0 }, compare.Changed, -1},
		{"records.delivered", func(c *report.Campaign) { // an older version did not tell copies apart
			c.Ledger.DeliveredFromSource, c.Ledger.DeliveredCopies = 0, 0
		}, compare.Changed, -1},
		{"records.spooled", func(c *report.Campaign) { c.Ledger.SpooledShare = 0.2 }, compare.Worse, fisher(0, 200)},
		{"records.dead_lettered", func(c *report.Campaign) { c.Ledger.DeadLetteredShare = 0 }, compare.Better, -2},
		{"duration_ms.mean", func(c *report.Campaign) {
			shifted(&c.DurationMS, 400, 99_000)
			c.DurationMS.Mean *= 3
		}, compare.Worse, -2},
		{"duration_ms.p50", func(c *report.Campaign) {
			shifted(&c.DurationMS, 600, 99_000)
			c.DurationMS.P50 = 99_000
		}, compare.Worse, -2},
		{"duration_ms.p50", func(c *report.Campaign) { c.DurationMS.P50++ }, compare.Insignificant, 1},
		{"duration_ms.p90", func(c *report.Campaign) {
			shifted(&c.DurationMS, 200, 99_000)
			c.DurationMS.P90 = 99_000
		}, compare.Worse, fisher(0, 200)},
		{"duration_ms.p99", func(c *report.Campaign) { c.DurationMS.P99++ }, compare.Insignificant, 1},
		{"duration_ms.p99", func(c *report.Campaign) {
			c.DurationMS.Buckets[0].Count = -1
			c.DurationMS.P99++
		}, compare.Changed, -1},
		// Some runs more at the long end are nothing to the rank of most, and much to the p99.
		{"duration_ms.p99", func(c *report.Campaign) {
			shifted(&c.DurationMS, 30, 99_000)
			c.DurationMS.P99 = 99_000
		}, compare.Worse, fisher(0, 30)},
		{"duration_ms.mean", func(c *report.Campaign) {
			shifted(&c.DurationMS, 30, 99_000)
			c.DurationMS.Mean += 2000
		}, compare.Insignificant, -2},
		// The ranks say that runs became longer, so that they can't speak for a mean that became smaller.
		{"duration_ms.mean", func(c *report.Campaign) {
			shifted(&c.DurationMS, 400, 99_000)
			c.DurationMS.Mean--
		}, compare.Insignificant, 1},
		{"per_run.attempts.collector", func(c *report.Campaign) {
			c.Nodes[0].Attempts = report.Distribution{
				Count:   runs,
				Mean:    1,
				P50:     1,
				Buckets: []report.Bucket{{Value: 1, Count: runs}},
			}
		}, compare.Better, -2},
		{"load.collector.fetch", func(c *report.Campaign) {
			shifted(&c.Dependencies[1].Calls, 900, 9)
			c.Dependencies[1].Factor = 8
		}, compare.Worse, -2},
		{"load.collector.fetch", func(c *report.Campaign) { c.Dependencies[1].Factor += 0.001 },
			compare.Insignificant, 1},
		{"load.collector.fetch", func(c *report.Campaign) { c.Dependencies[1].Units = 0 }, compare.Changed, -1},
		{"calls_per_record.collector.fetch", func(c *report.Campaign) { c.Dependencies[1].PerRecord += 0.001 },
			compare.Changed, -1},
		{"calls_before_open.collector", func(c *report.Campaign) {
			c.Breakers[0].CallsBeforeOpen = report.Distribution{}
		}, compare.Changed, -1},
		{"runs.opened.collector", func(c *report.Campaign) { c.Breakers[0].Opened.Runs = share(500, runs) },
			compare.Worse, -2},
		{"runs.opened.collector", func(c *report.Campaign) { c.Breakers = nil }, compare.Changed, -1},
		{"per_run.opened.collector", func(c *report.Campaign) { c.Breakers[0].Opened.Count = 5000 },
			compare.Changed, -1},
		{"runs.origins.default_data", func(c *report.Campaign) { delete(c.Origins, "default_data") },
			compare.Better, fisher(base.Origins["default_data"].Runs.Count, 0)},
		{"runs.modes.partial", func(c *report.Campaign) {
			c.Modes["partial"] = report.Tally{Count: 80, Runs: share(40, runs)}
		}, compare.Worse, fisher(base.Modes["partial"].Runs.Count, 40)},
		{"runs.errors.storage", func(c *report.Campaign) {
			c.Errors.ByClass["storage"] = report.Tally{Count: 80, Runs: share(40, runs)}
		}, compare.Worse, fisher(0, 40)},
		// Rejected calls are errors of their class, and no worse for that.
		{"runs.errors.degradation", func(c *report.Campaign) {
			c.Errors.ByClass["degradation"] = report.Tally{Count: 900, Runs: share(900, runs)}
			c.Errors.Degradation = base.Errors.Degradation
		}, compare.Same, -2},
		{"runs.errors.degradation", func(c *report.Campaign) {
			c.Errors.ByClass["degradation"] = report.Tally{Count: 900, Runs: share(900, runs)}
			c.Errors.Degradation = report.Tally{Count: 500, Runs: share(500, runs)}
		}, compare.Worse, -2},
		{"per_run.errors.storage", func(c *report.Campaign) {
			c.Errors.ByClass["storage"] = report.Tally{Count: 80, Runs: share(40, runs)}
		}, compare.Changed, -1},
		{"runs.patterns.bulkhead", func(c *report.Campaign) {
			for i := range c.Patterns {
				if c.Patterns[i].Name == "bulkhead" {
					c.Patterns[i].Demonstrated.Runs = share(700, runs)
				}
			}
		}, compare.Changed, fisher(0, 700)},
	} {
		t.Run(c.name, func(t *testing.T) {
			other := copied(t, base)
			c.change(other)
			got := row(t, result(ofCampaign(base), ofCampaign(other)), c.name).Changes[0]
			p := cmp.Or(got.P, new(float64(-1)))
			if got.Outcome != c.outcome || c.p != -2 && math.Abs(*p-c.p) > 1e-3*math.Abs(c.p) ||
				*p >= 0 && (got.Holm == nil || *got.Holm < *p || *got.Holm > 1) {
				t.Errorf("%s, p %v; want %s, p %v", got.Outcome, *p, c.outcome, c.p)
			}
		})
	}
}

func TestSettingsOfCampaigns(t *testing.T) {
	a := network(t, 5)
	b := copied(t, a)
	b.Seeds, b.Settings.Collector.Attempts, b.Settings.Faults = report.Seeds{First: 7, Count: 9}, 5, faults("x=slow")
	b.Part, b.Until = report.Part{Index: 2, Of: 3}, report.Until{Condition: "runs > 3"}
	want := []compare.Difference{
		{Name: "seed", Values: []string{"1", "7"}},
		{Name: "runs", Values: []string{"5", "9"}},
		{Name: "shard", Values: []string{"", "2/3"}},
		{Name: "until", Values: []string{"", "runs > 3"}},
		{Name: "fault=x=slow", Values: []string{"", "given"}},
		{Name: "collector-attempts", Values: []string{"3", "5"}},
	}
	if got := result(ofCampaign(a), ofCampaign(b)).Comparisons[0]; !reflect.DeepEqual(got.Settings, want) ||
		got.Sides[1].Seed != 7 || got.Sides[0].Hash != a.Hash {
		t.Errorf("%v\nwant %v", got.Settings, want)
	}
	b.Scenario, b.Interrupted, b.Settings.Graph = "outage", true, "recovery"
	a.Scenario = "calm"
	want = []compare.Difference{
		{Name: "scenario", Values: []string{"calm", "outage"}},
		{Name: "graph", Values: []string{"standard", "recovery"}},
		{Name: "interrupted", Values: []string{"false", "true"}},
	}
	if got := result(ofCampaign(a), ofCampaign(b)).Comparisons[0].NotComparable; !reflect.DeepEqual(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
	mixed := result(ofCampaign(a), ofReport(reporttest.Network())).Comparisons[0]
	want = []compare.Difference{{Name: "document", Values: []string{report.CampaignSchema, report.Schema}}}
	if !reflect.DeepEqual(mixed.NotComparable, want) || len(mixed.Settings) > 0 ||
		mixed.Count(compare.Changed) != len(mixed.Rows) || mixed.Identical {
		t.Errorf("a campaign and a report: %v, %v, %d of %d rows changed",
			mixed.NotComparable, mixed.Settings, mixed.Count(compare.Changed), len(mixed.Rows))
	}
}

// TestCampaignGate: what may be chance does not bite, whatever its size; what is more than chance does.
func TestCampaignGate(t *testing.T) {
	a := network(t, 1000)
	chance, worse := copied(t, a), copied(t, a)
	chance.Verdict.Failed, worse.Verdict.Failed = share(3, 1000), share(30, 1000)
	for _, c := range []struct {
		gate  string
		b     *report.Campaign
		bites bool
	}{
		{"regression", chance, false}, {"verdict.failed", chance, false}, {"verdict.*>10%", chance, false},
		{"regression", worse, true}, {"verdict.failed", worse, true}, {"verdict.failed>0.05", worse, false},
	} {
		g, err := compare.ParseGate(c.gate)
		if err != nil {
			t.Fatal(err)
		}
		if found, _, err := g.Check(result(ofCampaign(a), ofCampaign(c.b))); err != nil || len(found) > 0 != c.bites {
			t.Errorf("%s: %v, %v", c.gate, found, err)
		}
	}
	for _, gate := range []string{"verdict", "per_run.errors.*", "runs.patterns.*", "runs.errors.netwrk"} {
		g, err := compare.ParseGate(gate)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := g.Check(result(ofCampaign(a), ofCampaign(worse))); err == nil {
			t.Errorf("%s could never bite, and is taken", gate)
		}
	}
}

// TestChanceAlone: of many pairs of campaigns that differ by their seeds alone, one in twenty at most has a difference
// that is taken for more than chance. FAULTFLOW_FULL makes it many more.
func TestChanceAlone(t *testing.T) {
	reporttest.NothingRaces(t)
	pairs, runs := 40, int64(25)
	if os.Getenv("FAULTFLOW_FULL") != "" {
		pairs, runs = 1000, 100
	}
	for _, settings := range [][]string{{"failure-type=network", "collector-breaker=true"}, {"failure-type=storage"}} {
		settings = append(settings, "simulate-failures=true")
		wrong, tested := 0, 0
		for i := range pairs {
			// The second one is larger, as they may be.
			a, b := runtest.Campaign(t, runs, append(settings, fmt.Sprintf("seed=%d", 1+i*1000))...), runtest.Campaign(t, 2*runs, append(settings, fmt.Sprintf("seed=%d", 501+i*1000))...)
			c := result(ofCampaign(a), ofCampaign(b)).Comparisons[0]
			found := false
			for _, r := range c.Rows {
				if change := r.Changes[0]; change.P != nil {
					tested++
					found = found || *change.Holm < compare.Significant
				}
			}
			if found {
				wrong++
			}
		}
		t.Logf("%v: %d of %d pairs show a difference, of %d tests", settings, wrong, pairs, tested)
		if wrong > pairs/20 || tested < 20*pairs {
			t.Errorf("%v: %d of %d pairs show a difference, of %d tests", settings, wrong, pairs, tested)
		}
	}
}

// TestMoreThanChance: settings that matter are seen to.
func TestMoreThanChance(t *testing.T) {
	a, b := network(t, 500, "collector-attempts=1"), network(t, 500, "seed=9000", "collector-attempts=3")
	r := result(ofCampaign(a), ofCampaign(b))
	for name, want := range map[string]compare.Outcome{
		"verdict.success":                  compare.Better,
		"runs.origins.default_data":        compare.Better,
		"duration_ms.mean":                 compare.Worse,
		"per_run.attempts.collector":       compare.Worse,
		"load.collector.fetch":             compare.Worse,
		"runs.patterns.retry_with_backoff": compare.Changed,
	} {
		if got := row(t, r, name).Changes[0]; got.Outcome != want {
			t.Errorf("%s: %+v, want %s", name, got, want)
		}
	}
}

// TestLevelOfSignificance: of differences that chance alone makes, one in twenty may be taken for more. A p-value of
// just that may be chance, one below it is not; and of several tests, the least is held against its share of the level.
func TestLevelOfSignificance(t *testing.T) {
	for _, test := range []struct {
		p    []float64
		want []compare.Outcome
	}{
		{[]float64{0.0499}, []compare.Outcome{compare.Worse}},
		{[]float64{0.05}, []compare.Outcome{compare.Insignificant}},
		{[]float64{0.0249, 0.0499}, []compare.Outcome{compare.Worse, compare.Worse}},
		{[]float64{0.0251, 0.0499}, []compare.Outcome{compare.Insignificant, compare.Insignificant}},
		{[]float64{0.9, 0.0166}, []compare.Outcome{compare.Insignificant, compare.Worse}},
	} {
		r := &compare.Result{Comparisons: []compare.Comparison{{}}}
		for _, p := range test.p {
			change := compare.Change{P: &p, Outcome: compare.Worse}
			r.Comparisons[0].Rows = append(r.Comparisons[0].Rows, compare.Row{Changes: []compare.Change{change}})
		}
		compare.Correct(r)
		for i, row := range r.Comparisons[0].Rows {
			if got := row.Changes[0].Outcome; got != test.want[i] {
				t.Errorf("p %v: difference %d is %s, want %s", test.p, i+1, got, test.want[i])
			}
		}
	}
}

// TestHolmCoversAll: what is compared beside something makes it more careful, in further inputs and in folders.
func TestHolmCoversAll(t *testing.T) {
	a, b := network(t, 300, "collector-attempts=1"), network(t, 300, "seed=5000")
	pick := func(r *compare.Result, comparison int) compare.Change {
		rows := r.Comparisons[comparison].Rows
		return rows[slices.IndexFunc(rows, func(r compare.Row) bool {
			return r.Name == "runs.errors.processing"
		})].Changes[0]
	}
	alone, three := pick(
		result(ofCampaign(a), ofCampaign(b)),
		0,
	), pick(
		result(ofCampaign(a), ofCampaign(b), ofCampaign(a)),
		0,
	)
	folder := func(c *report.Campaign) compare.Input {
		return compare.Input{Documents: map[string]compare.Document{"x": ofCampaign(c), "y": ofCampaign(c)}}
	}
	folders := pick(compare.Compare([]compare.Input{folder(a), folder(b)}), 0)
	if *alone.P != *three.P || *alone.P != *folders.P || *three.Holm < *alone.Holm || *folders.Holm < *alone.Holm {
		t.Errorf("alone %v, %v; of three %v, %v; in folders %v, %v",
			*alone.P, *alone.Holm, *three.P, *three.Holm, *folders.P, *folders.Holm)
	}
}

// campaignPairs draws two campaigns: any two, or real ones of which parts may be of another or out of all bounds.
func campaignPairs(t tester) *rapid.Generator[[2]*report.Campaign] {
	any := reporttest.AnyOf[report.Campaign]()
	real := realCampaigns(t)
	number := rapid.OneOf(rapid.Int64Range(-2, 60),
		rapid.SampledFrom([]int64{math.MaxInt64, math.MinInt64, 1 << 41, 1_000_000}))
	return rapid.Custom(func(r *rapid.T) [2]*report.Campaign {
		var pair [2]*report.Campaign
		if rapid.Bool().Draw(r, "any") {
			a, b := any.Draw(r, "a"), any.Draw(r, "b")
			pair = [2]*report.Campaign{&a, &b}
		} else {
			pair = [2]*report.Campaign{
				copied(t, rapid.SampledFrom(real).Draw(r, "a")),
				copied(t, rapid.SampledFrom(real).Draw(r, "b")),
			}
			c := pair[1]
			if rapid.Bool().Draw(r, "parts of another") {
				other := any.Draw(r, "other")
				c.Breakers, c.Errors, c.Dependencies = other.Breakers, other.Errors, other.Dependencies
			}
			if rapid.Bool().Draw(r, "odd numbers") {
				c.Verdict.Failed = share(number.Draw(r, "count"), number.Draw(r, "of"))
				c.Runs, c.Ledger.Collected = number.Draw(r, "runs"), number.Draw(r, "collected")
				for i := range c.DurationMS.Buckets {
					c.DurationMS.Buckets[i].Count = number.Draw(r, "in a bucket")
				}
				c.DurationMS.P50 = float64(number.Draw(r, "p50"))
				c.Nodes[0].Attempts.Buckets = c.Nodes[0].Attempts.Buckets[:1]
			}
		}
		for _, c := range pair {
			c.Schema = report.CampaignSchema
			if err := c.Seal(); err != nil {
				c.Hash = fmt.Sprintf("%p", c) // see compared
			}
		}
		return pair
	})
}

// realCampaigns are made once.
var realCampaigns = func() func(tester) []*report.Campaign {
	var once sync.Once
	var list []*report.Campaign
	return func(t tester) []*report.Campaign {
		once.Do(func() {
			list = []*report.Campaign{
				network(t, 20),
				network(t, 30, "seed=100", "collector-breaker=true"),
				network(t, 20, "collector-attempts=1"),
				runtest.Campaign(t, 20, "simulate-failures=true", "failure-type=storage", "cycles=2"),
				runtest.Campaign(t, 1),
			}
		})
		return list
	}
}()

// TestCampaignAntisymmetry: the other way round everything is mirrored, the p-values too.
func TestCampaignAntisymmetry(t *testing.T) {
	reporttest.NothingRaces(t)
	pairs := campaignPairs(t)
	rapid.Check(t, func(t *rapid.T) {
		p := pairs.Draw(t, "pair")
		checkMirrored(t, ofCampaign(p[0]), ofCampaign(p[1]))
	})
}

// A campaign compared with itself differs in nothing.
func TestCampaignSelfIsEmpty(t *testing.T) {
	reporttest.NothingRaces(t)
	pairs := campaignPairs(t)
	rapid.Check(t, func(t *rapid.T) {
		c := ofCampaign(pairs.Draw(t, "pair")[0])
		got := result(c, c, c).Comparisons[0]
		if !got.Identical || len(got.Settings)+len(got.NotComparable) > 0 ||
			got.Count(compare.Same) != 2*len(got.Rows) {
			t.Fatalf("not the same as itself: %+v", got)
		}
	})
}

// Any comparison of campaigns is JSON, with each row once, and p-values that are some.
func TestAnyCampaigns(t *testing.T) {
	reporttest.NothingRaces(t)
	pairs := campaignPairs(t)
	rapid.Check(t, func(t *rapid.T) {
		p := pairs.Draw(t, "pair")
		r := result(ofCampaign(p[0]), ofCampaign(p[1]))
		if doc, err := json.Marshal(r); err != nil || !json.Valid(doc) {
			t.Fatalf("no JSON: %v", err)
		}
		names := map[string]bool{}
		for _, r := range r.Comparisons[0].Rows {
			c := r.Changes[0]
			if names[r.Name] || (c.P == nil) != (c.Holm == nil) {
				t.Fatalf("twice %t: %+v", names[r.Name], r)
			}
			names[r.Name] = true
			if c.P == nil && c.Outcome == compare.Insignificant ||
				c.P != nil && !(0 <= *c.P && *c.P <= *c.Holm && *c.Holm <= 1) ||
				c.P != nil && c.Outcome != compare.Same &&
					(c.Outcome == compare.Insignificant) != (*c.Holm >= compare.Significant) {
				t.Fatalf("%s: p %v, corrected %v", r.Name, c.P, c.Holm)
			}
		}
	})
}
