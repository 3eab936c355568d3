package campaign

import (
	"bytes"
	"context"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// Each invariant of these bounds has a report that is just outside of it, and breaks no other: whoever drops one of
// them has a test that fails.
func TestInvariantsOneByOne(t *testing.T) {
	s := profile("random")
	s.Clock, s.Cycles, s.Processor.Breaker = settings.ClockVirtual, 3, true
	s.Faults = faults(t, "processor.batch=error,first=4")
	sound := func() *report.Report { return ran(t, s) }
	of := func(r *report.Report, node catalog.Node) *report.Node {
		return &r.Nodes[slices.IndexFunc(r.Nodes, func(n report.Node) bool { return n.Name == node })]
	}
	opened := slices.IndexFunc(sound().Breakers, func(b report.Breaker) bool { return b.Opened > 0 })
	if opened < 0 || sound().Ledger.DeadLettered == 0 {
		t.Fatal("the run shows neither an open breaker nor dead letters")
	}
	for name, test := range map[string]struct {
		change func(*report.Report)
		want   string // "" where nothing is broken
	}{
		"more dead letters by reason than there are": {
			func(r *report.Report) { r.Ledger.DeadLetters[0].Count++ }, "by reason",
		},
		"fewer, though every reason is listed": {
			func(r *report.Report) { r.Ledger.DeadLetters[0].Count-- }, "by reason",
		},
		"fewer, since not every reason is listed": {
			func(r *report.Report) {
				r.Ledger.DeadLetters[0].Count--
				none := make([]report.DeadLetters, report.MaxDeadLetters)
				r.Ledger.DeadLetters = append(r.Ledger.DeadLetters, none...)
			}, "",
		},
		"as many attempts at once as allowed": {
			func(r *report.Report) {
				n := of(r, catalog.Collector)
				n.MaxTries, n.Attempts = r.Settings.Collector.Attempts, 99
			}, "",
		},
		"one attempt more than allowed": {
			func(r *report.Report) {
				n := of(r, catalog.Collector)
				n.MaxTries, n.Attempts = r.Settings.Collector.Attempts+1, 99
			}, "attempts at once",
		},
		"more attempts at once than in all": {
			func(r *report.Report) { n := of(r, catalog.Processor); n.Attempts = n.MaxTries - 1 }, "attempts at once",
		},
		"a breaker that opened after more calls than it had": {
			func(r *report.Report) { b := &r.Breakers[opened]; b.CallsBeforeOpen = b.Calls + 1 }, "first after",
		},
		"a breaker that opened after no call": {
			func(r *report.Report) { r.Breakers[opened].CallsBeforeOpen = 0 }, "first after",
		},
		"a breaker that never opened, after a call": {
			func(r *report.Report) {
				b := report.Breaker{Name: "x", State: catalog.Closed, Calls: 5, CallsBeforeOpen: 1}
				r.Breakers = append(r.Breakers, b)
			}, "first after",
		},
	} {
		r := sound()
		test.change(r)
		list := problems(r)
		if test.want == "" && len(list) > 0 ||
			test.want != "" && (len(list) != 1 || !strings.Contains(list[0], test.want)) {
			t.Errorf("%s: %q, want %q alone", name, list, test.want)
		}
	}
}

// A campaign's errors, and the hits that a fault's probability lets expect, are the sums of its runs', however these
// are grouped: the expected ones are what the observed ones are judged by.
func TestSumsOfErrorsAndExpectedHits(t *testing.T) {
	run := func(total, handled int, p float64, armed, fired int64) *report.Report {
		return &report.Report{
			Errors: report.Errors{Total: total, Handled: handled},
			Faults: []report.Fault{{Spec: "f", Probability: p, Armed: armed, Fired: fired}},
		}
	}
	a, b := newTotals(), newTotals()
	none := func(uint64) string { return "" }
	a.add(run(5, 3, 0.25, 8, 1), none)
	a.add(run(2, 2, 0.25, 4, 2), none)
	b.add(run(7, 0, 0.123456, 1000, 130), none)
	a.merge(b)
	c := a.finish()
	if c.Errors.Total != 14 || c.Errors.Handled != 5 {
		t.Errorf("%d errors, %d handled; want 14, of which 5", c.Errors.Total, c.Errors.Handled)
	}
	if f := c.Faults[0]; f.Expected != 0.25*12+123.456 || f.Observed.Count != 133 || f.Observed.Of != 1012 {
		t.Errorf("%+v, want 126.456 hits expected", f)
	}
}

// Whatever the number of violations in the parts of a campaign, the first ones by seed are listed and all are counted:
// machines that share a campaign must not come to another document than one machine.
func TestViolationsBeyondTheList(t *testing.T) {
	s := profile("network")
	s.Clock = settings.ClockVirtual
	broken := ran(t, s)
	broken.Errors.Handled = broken.Errors.Total + 1
	whole, even, odd := newTotals(), newTotals(), newTotals()
	const runs = 2*report.MaxViolations + 50
	for seed := range uint64(runs) {
		broken.Seed = seed
		part := even
		if seed%2 == 1 {
			part = odd
		}
		for _, to := range []*totals{whole, part} {
			to.inspect(broken, func(seed uint64) string { return repeat(seed) })
		}
	}
	merged := newTotals()
	merged.merge(odd)
	merged.merge(even)
	v := merged.finish().Violations
	if v.Count != runs || len(v.List) != report.MaxViolations {
		t.Fatalf("%d violations, %d listed", v.Count, len(v.List))
	}
	for i, violation := range v.List {
		if violation.Seed != uint64(i) || violation.Repeat != repeat(uint64(i)) {
			t.Errorf("violation %d is of seed %d", i, violation.Seed)
		}
	}
	if !reflect.DeepEqual(v, whole.finish().Violations) {
		t.Error("the parts list other violations than the whole")
	}
}

// The worst runs come first: failed before degraded, then by the share that was delivered, then the longer one, then by
// seed. Who looks at the first one must see the worst, in whatever order the runs were made.
func TestWorstRunsAreInOrder(t *testing.T) {
	run := func(seed uint64, v catalog.Verdict, delivered, of int64, ms float64) report.SeedRun {
		return report.SeedRun{Seed: seed, Verdict: v, Delivered: delivered, Collected: of, DurationMS: ms}
	}
	want := []report.SeedRun{
		run(9, catalog.Failed, 0, 0, 1), // nothing of nothing is no better than nothing
		run(8, catalog.Failed, 1, 10, 1),
		run(3, catalog.Failed, 9, 10, 1),
		run(7, catalog.Degraded, 1, 30, 1),
		run(6, catalog.Degraded, 2, 10, 500),
		run(4, catalog.Degraded, 20, 100, 499),
		run(5, catalog.Degraded, 2, 10, 499),
		run(2, catalog.Degraded, 30, 30, 1),
	}
	for shift := range want {
		var worst []report.SeedRun
		for i := range want {
			keep(&worst, want[(i*3+shift)%len(want)], len(want)-1, worse)
		}
		if !slices.Equal(worst, want[:len(want)-1]) {
			t.Errorf("in order %d: %+v", shift, worst)
		}
	}
	slow := []report.SeedRun{
		run(5, catalog.Success, 1, 1, 9),
		run(2, catalog.Failed, 1, 1, 8),
		run(3, catalog.Success, 1, 1, 8),
	}
	if !slices.IsSortedFunc(slow, slower) {
		t.Error("the slowest are not by duration, then by seed")
	}
}

// Flips are noted with the seed of the run, also in later turns, and are counted when no more are listed: a command
// that repeats another run than the one that changed shows nothing.
func TestFlipsOfALaterTurn(t *testing.T) {
	p := planned(t, given(t, "seed=1000"), 3*ablateEvery)
	whole, a := newArm(p), newArm(p)
	a.turn = newTotals()
	for i := range whole.verdicts {
		whole.verdicts[i], a.verdicts[i] = catalog.Degraded, catalog.Degraded
	}
	a.verdicts[3], a.verdicts[7] = catalog.Failed, catalog.Success
	a.compare(whole, ablateEvery, 2*ablateEvery)
	want := []report.Flip{
		{
			Seed:          1253,
			With:          catalog.Degraded,
			Without:       catalog.Failed,
			Repeat:        repeat(1253),
			RepeatWithout: repeat(1253),
		},
		{
			Seed:          1257,
			With:          catalog.Degraded,
			Without:       catalog.Success,
			Repeat:        repeat(1257),
			RepeatWithout: repeat(1257),
		},
	}
	if !slices.Equal(a.flips, want) || a.worse != 1 || a.better != 1 {
		t.Errorf("flips %+v, %d worse, %d better", a.flips, a.worse, a.better)
	}
	for i := range a.verdicts {
		a.verdicts[i] = catalog.Failed
	}
	a.compare(whole, 2*ablateEvery, 3*ablateEvery)
	if len(a.flips) != report.MaxSeedRuns || a.worse != 1+ablateEvery || a.flips[2].Seed != 1000+2*ablateEvery {
		t.Errorf("%d flips listed of %d, the third of seed %d", len(a.flips), a.worse, a.flips[2].Seed)
	}
}

// A turn keeps the verdict of each run at its place, whichever worker made it and whatever turn it is.
func TestVerdictsOfALaterTurn(t *testing.T) {
	p := planned(t, given(t, "simulate-failures=true", "failure-type=network", "collector-attempts=1"), 2*ablateEvery)
	a := newArm(p)
	if err := a.run(t.Context(), ablateEvery, ablateEvery+40); err != nil {
		t.Fatal(err)
	}
	seen := map[catalog.Verdict]int{}
	for i, got := range a.verdicts[:40] {
		s := p.Settings
		s.Clock, s.Seed = settings.ClockVirtual, seedAt(p.Settings.Seed, ablateEvery+int64(i))
		if want := ran(t, s).Verdict; got != want {
			t.Errorf("seed %d is %s in the turn, %s alone", s.Seed, got, want)
		}
		seen[got]++
	}
	if len(seen) < 2 {
		t.Errorf("verdicts %v do not tell runs apart", seen)
	}
}

// The second time a run comes after other runs on its worker than the first time, so that what one run leaves behind
// for the next shows.
func TestEachRunIsMadeTwiceAfterOthers(t *testing.T) {
	p := planned(t, given(t), 2*twiceEvery)
	var mu sync.Mutex
	last := map[string]uint64{} // the run before, by goroutine
	type pair struct{ before, after uint64 }
	followed := map[pair]int{}
	made := map[uint64]int{}
	_, err := checkTwice(context.Background(), p, func(seed uint64) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		made[seed]++
		id := goroutine()
		if before, ok := last[id]; ok {
			followed[pair{min(before, seed), max(before, seed)}]++
		}
		last[id] = seed
		return "same", nil
	})
	if err != nil || len(made) != 2*twiceEvery || len(followed) == 0 {
		t.Fatalf("%v, %d runs, %d followed another", err, len(made), len(followed))
	}
	for seed, n := range made {
		if n != 2 {
			t.Errorf("seed %d was run %d times", seed, n)
		}
	}
	if runtime.GOMAXPROCS(0) > twiceEvery/2 {
		return // there is a worker for each run
	}
	for p, n := range followed {
		if n > 1 {
			t.Errorf("seeds %d and %d follow each other both times", p.before, p.after)
		}
	}
}

// goroutine is the number of the goroutine that asks, which its stack begins with.
func goroutine() string {
	stack := make([]byte, 64)
	fields := bytes.Fields(stack[:runtime.Stack(stack, false)])
	if _, err := strconv.Atoi(string(fields[1])); err != nil {
		panic(err)
	}
	return string(fields[1])
}
