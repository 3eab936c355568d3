package timeline_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
	"faultflow/internal/runtest"
	"faultflow/internal/settings"
	"faultflow/internal/timeline"
)

func lane(t testing.TB, c *timeline.Chart, s timeline.Sort, name string) timeline.Lane {
	t.Helper()
	i := slices.IndexFunc(c.Lanes, func(l timeline.Lane) bool { return l.Sort == s && l.Name == name })
	if i < 0 {
		t.Fatalf("no lane of %s %s in %+v", s, name, c.Lanes)
	}
	return c.Lanes[i]
}

// kinds lists items as words, attempts with their number.
func kinds(items []timeline.Item) string {
	var words []string
	for _, it := range items {
		word := fmt.Sprint(it.Kind)
		if k, ok := it.Kind.(catalog.EventKind); ok {
			word = k.Event().Word
		}
		if it.Attempt > 0 {
			word += fmt.Sprint(" ", it.Attempt)
		}
		if it.Kind == catalog.RecordFailed {
			word += fmt.Sprint(" × ", it.Records)
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

func TestLanesTellTheRun(t *testing.T) {
	for _, test := range []struct {
		name     string
		settings []string
		sort     timeline.Sort
		lane     string
		want     string
	}{
		{"nothing fails", nil, timeline.Node, "collector", "ran, health check, succeeded 1"},
		{"the error handler only runs", nil, timeline.Node, "errorhandler", "ran"},
		{
			"retries",
			[]string{"fault=collector.fetch=connection_refused,first=1", "fault=collector.fetch=timeout,calls=2"},
			timeline.Node,
			"collector",
			"ran, health check, failed 1, fault fired, waiting 1, timed out 2, fault fired, waiting 2, succeeded 3",
		},
		{
			"open breaker",
			[]string{
				"fault=collector.fetch=connection_refused,cycles=1",
				"cycles=2",
				"collector-breaker=true",
				"collector-attempts=1",
				"breaker-failures=1",
			},
			timeline.Node,
			"collector",
			"ran, health check, failed 1, fault fired, fallback, ran, health check, rejected by an open breaker 1, fallback",
		},
		{
			"unhealthy",
			[]string{"fault=collector.health=http_503"},
			timeline.Node,
			"collector",
			"ran, health check, fault fired, succeeded 1, unhealthy",
		},
		{
			"partial processing",
			[]string{"fault=processor.batch=error,first=3", "processor-attempts=3"},
			timeline.Node,
			"processor",
			"ran, failed 1, fault fired, waiting 1, failed 2, fault fired, waiting 2, failed 3, fault fired, recovered",
		},
		{
			"records alone",
			[]string{"fault=processor.record=error,first=4"},
			timeline.Node,
			"processor",
			"ran, succeeded 1, record failed alone × 4",
		},
		{"failover", []string{"fault=delivery.primary=disk_full"}, timeline.Channel, "primary", "failed, fault fired"},
		{"the next channel", []string{"fault=delivery.primary=disk_full"}, timeline.Channel, "secondary", "succeeded"},
		{
			"left out",
			[]string{"fault=delivery.primary=disk_full,first=1", "cycles=2"},
			timeline.Channel,
			"primary",
			"failed, fault fired, left out",
		},
		{
			"one call too many",
			[]string{"collector-rate-limit=0.05", "bulkhead-wait=0s", "cycles=2", "collector-attempts=1"},
			timeline.Node,
			"collector",
			"ran, health check, succeeded 1, ran, health check, rate limited 1, fallback",
		},
		{
			"one call too many for a channel",
			[]string{"delivery-rate-limit=0.05", "bulkhead-wait=0s", "cycles=2", "delivery-attempts=1"},
			timeline.Channel,
			"primary",
			"succeeded, failed",
		},
		{
			"partly accepted",
			[]string{"fault=delivery.primary=partial"},
			timeline.Channel,
			"primary",
			"failed, fault fired",
		},
		{
			"spool",
			[]string{
				"fault=delivery.primary=locked",
				"fault=delivery.secondary=locked",
				"fault=delivery.backup=locked",
			},
			timeline.Channel,
			"spool",
			"spooled",
		},
		{
			"spool fails",
			[]string{
				"fault=delivery.primary=locked",
				"fault=delivery.secondary=locked",
				"fault=delivery.backup=locked",
				"fault=delivery.spool=disk_full",
			},
			timeline.Channel,
			"spool",
			"fault fired, spool failed",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := lane(t, timeline.Of(runtest.Run(t, test.settings...)), test.sort, test.lane)
			if got := kinds(l.Items); got != test.want {
				t.Errorf("%s: %s\nwant %s", test.lane, got, test.want)
			}
		})
	}
}

func TestStatesFollowEachOther(t *testing.T) {
	r := runtest.Run(
		t,
		"cycles=12",
		"collector-breaker=true",
		"delivery-breaker=true",
		"fault=collector.fetch=connection_refused,from=2s,to=40s",
		"fault=delivery.primary=locked,cycles=2",
	)
	c := timeline.Of(r)
	for _, test := range []struct {
		sort       timeline.Sort
		lane, want string
	}{
		{timeline.Breaker, "collector", "closed, open, half-open, closed"},
		{timeline.Breaker, "delivery.primary", "closed"},
		{timeline.Channel, "primary", "healthy, degraded, healthy"},
		{timeline.Channel, "backup", "healthy"},
	} {
		l := lane(t, c, test.sort, test.lane)
		if got := kinds(l.States); got != test.want {
			t.Errorf("%s: %s, want %s", test.lane, got, test.want)
		}
		at := 0.0
		for _, s := range l.States {
			if s.FromMS != at || s.ToMS < s.FromMS {
				t.Errorf("%s: a gap before %+v", test.lane, s)
			}
			at = s.ToMS
		}
		if at != c.EndMS {
			t.Errorf("%s ends at %v, the run at %v", test.lane, at, c.EndMS)
		}
	}
	breaker := lane(t, c, timeline.Breaker, "collector")
	for i, change := range r.Breakers[0].Transitions {
		if breaker.States[i].ToMS != change.AtMS {
			t.Errorf("state %d ends at %v, the breaker changed at %v", i, breaker.States[i].ToMS, change.AtMS)
		}
	}
}

// Whatever a run does: its lanes have each attempt that its report counts, one after the other, and nothing outside of
// the run's time.
func TestLanesAgreeWithTheReport(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := runtest.Run(t, "simulate-failures=true",
			"failure-type="+rapid.SampledFrom(fault.Profiles()).Draw(rt, "profile"),
			fmt.Sprint("seed=", rapid.Uint64Range(0, settings.MaxSeed).Draw(rt, "seed")),
			fmt.Sprint("cycles=", rapid.IntRange(1, 4).Draw(rt, "cycles")),
			"graph="+rapid.SampledFrom([]string{"standard", "recovery"}).Draw(rt, "graph"),
			fmt.Sprint("delivery-breaker=", rapid.Bool().Draw(rt, "breakers")))
		c := timeline.Of(r)
		for _, n := range r.Nodes {
			if n.Runs == 0 {
				continue
			}
			l := lane(t, c, timeline.Node, string(n.Name))
			if got := count(l.Items, catalog.NodeDone) + count(l.Items, catalog.NodeFailed); got != n.Runs {
				rt.Errorf("%s: %d runs, want %d", n.Name, got, n.Runs)
			}
			if got := attempts(rt, c, l); got != n.Attempts {
				rt.Errorf("%s: %d attempts, want %d: %s", n.Name, got, n.Attempts, kinds(l.Items))
			}
			if got := count(l.Items, catalog.Waiting); got != n.Waits {
				rt.Errorf("%s: %d waits, want %d", n.Name, got, n.Waits)
			}
		}
		for _, ch := range r.Channels {
			l := lane(t, c, timeline.Channel, ch.Name)
			if got := attempts(rt, c, l); got != ch.Tried {
				rt.Errorf("%s: %d tries, want %d: %s", ch.Name, got, ch.Tried, kinds(l.Items))
			}
			if last := l.States[len(l.States)-1]; last.Kind != ch.Health {
				rt.Errorf("%s is %s at the end, want %s", ch.Name, last.Kind, ch.Health)
			}
		}
		for _, b := range r.Breakers {
			states := lane(t, c, timeline.Breaker, b.Name).States
			if last := states[len(states)-1]; last.Kind != b.State {
				rt.Errorf("breaker %s is %s at the end, want %s", b.Name, last.Kind, b.State)
			}
		}
		if r.Cycles.Count > 1 {
			if l := lane(t, c, timeline.Cycles, "cycles"); len(l.Items) != r.Cycles.Count {
				rt.Errorf("%d cycles, want %d", len(l.Items), r.Cycles.Count)
			}
		}
	})
}

func count(items []timeline.Item, k timeline.Kind) (n int) {
	for _, it := range items {
		if it.Kind == k {
			n++
		}
	}
	return n
}

// attempts counts those of a lane. They must be in order, must not overlap, and lie within the run.
func attempts(t *rapid.T, c *timeline.Chart, l timeline.Lane) (n int) {
	end := 0.0
	for _, it := range l.Items {
		switch it.Kind {
		case catalog.AttemptSucceeded, catalog.AttemptFailed, catalog.AttemptTimedOut, catalog.AttemptStarted,
			catalog.ChannelAccepted, catalog.ChannelFailed, catalog.ChannelTried:
		case catalog.CallRejected, catalog.BulkheadFull, catalog.RateLimitHit:
			if it.FromMS == it.ToMS &&
				l.Name != "delivery" { // a pass over channels that were all left out is an attempt
				continue
			}
		default:
			continue
		}
		if l.Name == "spool" {
			continue
		}
		n++
		if it.FromMS < end || it.ToMS < it.FromMS || it.ToMS > c.EndMS {
			t.Errorf("%s: %+v begins before %v or ends after %v", l.Name, it, end, c.EndMS)
		}
		end = it.ToMS
	}
	return n
}

// An interrupted run leaves its last attempt unfinished.
func TestInterruptedAttempt(t *testing.T) {
	r := &report.Report{
		DurationMS: 900,
		Nodes:      []report.Node{{Name: "collector", Runs: 1}},
		Timeline: report.Timeline{Events: []report.Event{
			{AtMS: 0, Node: "collector", Kind: "node_started", Cycle: 1},
			{AtMS: 10, Node: "collector", Place: "collector.fetch", Kind: "attempt_started", Attempt: 1, Cycle: 1},
		}},
	}
	items := lane(t, timeline.Of(r), timeline.Node, "collector").Items
	last := items[len(items)-1]
	if last.Kind != catalog.AttemptStarted || last.FromMS != 10 || last.ToMS != 900 {
		t.Errorf("%+v", last)
	}
}

// Too many cycles: the chart covers those that the report lists.
func TestSummarisedRun(t *testing.T) {
	r := runtest.Run(
		t,
		fmt.Sprint("cycles=", report.MaxCycles+5),
		"collector-breaker=true",
		"fault=collector.fetch=connection_refused,from=2s,to=40s",
	)
	c := timeline.Of(r)
	last := r.Cycles.List[report.MaxCycles-1]
	if !c.Summarised || c.Shown != report.MaxCycles || c.Count != report.MaxCycles+5 || c.EndMS != last.StartMS+
		last.DurationMS {
		t.Errorf("summarised %v, %d of %d cycles, ends at %v", c.Summarised, c.Shown, c.Count, c.EndMS)
	}
	if l := lane(
		t,
		c,
		timeline.Cycles,
		"cycles",
	); len(l.Items) != report.MaxCycles || count(l.Items, catalog.Degraded) != 7 {
		t.Errorf("%d cycles, %d degraded", len(l.Items), count(l.Items, catalog.Degraded))
	}
	if got := kinds(lane(t, c, timeline.Breaker, "collector").States); got != "closed, open, half-open, closed" {
		t.Errorf("breaker: %s", got)
	}
}

// What happened after the cycles that the chart covers has no place on its axis.
func TestSummarisedBreakerEndsWithTheChart(t *testing.T) {
	r := runtest.Run(
		t,
		fmt.Sprint("cycles=", report.MaxCycles+5),
		"collector-breaker=true",
		"fault=collector.fetch=connection_refused,from=5000s",
	)
	c := timeline.Of(r)
	if changes := r.Breakers[0].Transitions; len(changes) == 0 || changes[0].AtMS <= c.EndMS {
		t.Fatalf("the breaker should change after %v: %+v", c.EndMS, changes)
	}
	states := lane(t, c, timeline.Breaker, "collector").States
	if got := kinds(states); got != "closed" || states[0].ToMS != c.EndMS {
		t.Errorf("%s until %v, the chart ends at %v", got, states[len(states)-1].ToMS, c.EndMS)
	}
}

// Lanes are no more than nodes, channels and breakers, however often a report names one of them.
func TestChannelsHaveOneLaneEach(t *testing.T) {
	r := &report.Report{DurationMS: 900}
	for i := range 100 {
		r.Nodes = append(r.Nodes, report.Node{Name: "delivery", Runs: 1})
		r.Channels = append(r.Channels, report.Channel{Name: fmt.Sprint("channel ", i)})
	}
	if got := len(timeline.Of(r).Lanes); got != 200 {
		t.Errorf("%d lanes of 100 nodes and 100 channels", got)
	}
}

func TestRunsBesideEachOther(t *testing.T) {
	short := timeline.Of(runtest.Run(t))
	long := timeline.Of(runtest.Run(t, "collector-breaker=true", "fault=collector.fetch=connection_refused,first=2"))
	both := timeline.Beside([]string{"a", "b"}, []*timeline.Chart{short, long})
	if both.EndMS != long.EndMS || long.EndMS <= short.EndMS {
		t.Errorf("the axis ends at %v, the runs at %v and %v", both.EndMS, short.EndMS, long.EndMS)
	}
	var order []string
	for _, l := range both.Lanes[:5] {
		order = append(order, string(l.Sort)+" "+l.Name+" "+l.Run)
	}
	if want := []string{
		"node collector a",
		"node collector b",
		"breaker collector b",
		"node processor a",
		"node processor b",
	}; !slices.Equal(order, want) {
		t.Errorf("lanes: %q, want %q", order, want)
	}
	if len(both.Lanes) != len(short.Lanes)+len(long.Lanes) {
		t.Errorf("%d lanes of %d and %d", len(both.Lanes), len(short.Lanes), len(long.Lanes))
	}
	if l := lane(t, both, timeline.Breaker, "collector"); l.Run != "b" {
		t.Errorf("the breaker is of run %q", l.Run)
	}
}

// A chart of several runs says how much it leaves out of the run of which most is missing, and that it does, whichever
// of them it is.
func TestRunsBesideEachOtherSayWhatIsMissing(t *testing.T) {
	chart := func(shown, count int) *timeline.Chart {
		return &timeline.Chart{Shown: shown, Count: count, Summarised: shown < count}
	}
	for _, test := range []struct {
		charts       []*timeline.Chart
		shown, count int
	}{
		{[]*timeline.Chart{chart(3, 3), chart(5, 5)}, 3, 3},
		{[]*timeline.Chart{chart(10, 12), chart(20, 20)}, 10, 12},
		{[]*timeline.Chart{chart(20, 20), chart(10, 12)}, 10, 12},
		{[]*timeline.Chart{chart(10, 15), chart(100, 103)}, 10, 15},
		{[]*timeline.Chart{chart(100, 103), chart(10, 15), chart(10, 14)}, 10, 15},
		{[]*timeline.Chart{chart(10, 12), chart(30, 32)}, 10, 12},
	} {
		all := timeline.Beside(make([]string, len(test.charts)), test.charts)
		if all.Shown != test.shown || all.Count != test.count || all.Summarised != (test.shown < test.count) {
			t.Errorf(
				"%d of %d shown, summarised %t; want %d of %d",
				all.Shown,
				all.Count,
				all.Summarised,
				test.shown,
				test.count,
			)
		}
	}
}

// Reports from elsewhere can hold anything.
func TestAnyReportHasAChart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := reporttest.Any().Draw(t, "report")
		c := timeline.Of(&r)
		for _, l := range c.Lanes {
			for _, it := range slices.Concat(l.Items, l.States) {
				if it.ToMS < it.FromMS {
					t.Fatalf("%s: %+v", l.Name, it)
				}
			}
		}
	})
}
