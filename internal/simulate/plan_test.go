package simulate_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/nodes"
	"faultflow/internal/simulate"
	"faultflow/internal/workflow"
)

// hits delivers n times and returns the numbers of the deliveries that failed. Before each one it calls before.
func hits(t *testing.T, ctx context.Context, p *simulate.Plan, n int, before func(call int)) (failed []int) {
	t.Helper()
	c := p.Channel(&sink{name: "primary"})
	for i := 1; i <= n; i++ {
		if before != nil {
			before(i)
		}
		if _, err := c.Deliver(ctx, delivery(1)); err != nil {
			failed = append(failed, i)
		}
	}
	return failed
}

// Ten calls, two in each of five cycles.
func TestTriggersByCallAndCycle(t *testing.T) {
	tests := []struct {
		trigger string
		want    []int
	}{
		{"", []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		{",p=1", []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		{",p=0", nil},
		{",first=3", []int{1, 2, 3}},
		{",first=1", []int{1}},
		{",every=4", []int{4, 8}},
		{",every=1", []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		{",every=11", nil},
		{",calls=2", []int{2}},
		{",calls=9+2-4", []int{2, 3, 4, 9}},
		{",calls=10-99", []int{10}},
		{",cycles=1", []int{1, 2}},
		{",cycles=2+4-5", []int{3, 4, 7, 8, 9, 10}},
		// All conditions must hold.
		{",first=7,every=3", []int{3, 6}},
		{",every=2,cycles=2-3", []int{4, 6}},
		{",calls=1-6,cycles=3,every=5", []int{5}},
		{",first=2,cycles=2", nil},
		{",p=0,first=5", nil},
	}
	for _, test := range tests {
		inRun(t, func(t *testing.T, ctx context.Context, run *workflow.Stream) {
			p := plan(t, "delivery.primary=pool_exhausted"+test.trigger)
			got := hits(t, ctx, p, 10, func(call int) { run.StartCycle((call + 1) / 2) })
			if !slices.Equal(got, test.want) {
				t.Errorf("%s: hit %v, want %v", test.trigger, got, test.want)
			}
			if c := p.Counts()[0]; c.Armed != 10 || c.Fired != int64(len(test.want)) {
				t.Errorf("%s: armed %d, fired %d; want 10, %d", test.trigger, c.Armed, c.Fired, len(test.want))
			}
		})
	}
}

// A window includes its beginning and excludes its end, to the nanosecond.
func TestTriggersByTime(t *testing.T) {
	times := []time.Duration{
		0,
		1,
		2*time.Second - 1,
		2 * time.Second,
		3 * time.Second,
		4*time.Second - 1,
		5 * time.Second,
	}
	tests := []struct {
		trigger string
		want    []int // of times, counted from 1
	}{
		{",from=2s,to=4s", []int{4, 5, 6}},
		{",from=2s", []int{4, 5, 6, 7}},
		{",to=2s", []int{1, 2, 3}},
		{",to=1ns", []int{1}},
		{",from=1ns,to=2ns", []int{2}},
		{",from=3.999999999s,to=5s", []int{6}},
		{",to=5s,every=3", []int{3, 6}},
		{",from=2s,first=4", []int{4}},
	}
	for _, test := range tests {
		inRun(t, func(t *testing.T, ctx context.Context, run *workflow.Stream) {
			// An acknowledgement is lost without taking time, so that the next call can be a nanosecond later.
			p := plan(t, "delivery.primary=ack_lost"+test.trigger)
			got := hits(t, ctx, p, len(times), func(call int) { sleepUntil(run, times[call-1]) })
			if !slices.Equal(got, test.want) {
				t.Errorf("%s: hit at %v, want %v", test.trigger, got, test.want)
			}
		})
	}
}

// The share of calls that are hit is p, and which ones they are depends on the seed.
func TestTriggersByProbability(t *testing.T) {
	const n = 20_000
	for _, p := range []float64{0.05, 0.4, 0.95} {
		inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
			f := fault.Fault{Place: "delivery.primary", Kinds: []fault.Kind{fault.AckLost},
				Trigger: fault.Trigger{P: p, HasP: true}}
			run := func(seed uint64) []int {
				return hits(t, ctx, simulate.NewPlan([]fault.Fault{f}, simulate.Rand(seed)), n, nil)
			}
			first := run(1)
			if got, sd := float64(len(first))/n, math.Sqrt(p*(1-p)/n); math.Abs(got-p) > 5*sd {
				t.Errorf("p=%v hit %.4f of the calls", p, got)
			}
			if again := run(1); !slices.Equal(first, again) {
				t.Errorf("p=%v: the same seed hit other calls", p)
			}
			if other := run(2); slices.Equal(first, other) {
				t.Errorf("p=%v: another seed hit the same calls", p)
			}
		})
	}
}

// A number below p hits, p itself does not: so p=0 never hits and p=1 always does.
func TestProbabilityBounds(t *testing.T) {
	for _, test := range []struct {
		p, drawn float64
		want     bool
	}{{0, 0, false}, {0.5, 0.5, false}, {0.5, math.Nextafter(0.5, 0), true}, {1, math.Nextafter(1, 0), true}} {
		inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
			f := fault.Fault{Place: "delivery.primary", Kinds: []fault.Kind{fault.AckLost},
				Trigger: fault.Trigger{P: test.p, HasP: true}}
			p := simulate.NewPlan([]fault.Fault{f}, func(nodes.Key) float64 { return test.drawn })
			if got := len(hits(t, ctx, p, 1, nil)) == 1; got != test.want {
				t.Errorf("p=%v, drawn %v: hit %v", test.p, test.drawn, got)
			}
		})
	}
}

// What a cycle's calls meet does not depend on how many calls there were in the cycles before.
func TestCyclesAreDecidedAnew(t *testing.T) {
	inRun(t, func(t *testing.T, ctx context.Context, run *workflow.Stream) {
		second := func(before int) (failed []int) {
			run.StartCycle(1)
			for _, call := range hits(t, ctx, plan(t, "delivery.primary=ack_lost,p=0.5"), before+30, func(call int) {
				if call > before {
					run.StartCycle(2)
				}
			}) {
				if call > before {
					failed = append(failed, call-before)
				}
			}
			return failed
		}
		if few, many := second(1), second(20); !slices.Equal(few, many) {
			t.Errorf("cycle 2 meets %v after one call in cycle 1, %v after twenty", few, many)
		}
	})
}

// What one fault hits does not change when another one is added elsewhere, before or after it: seeds stay comparable.
func TestFaultsElsewhereShiftNothing(t *testing.T) {
	inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
		const fault = "delivery.primary=ack_lost|pool_exhausted,p=0.5"
		want := hits(t, ctx, plan(t, fault), 100, nil)
		for _, with := range [][]string{
			{"collector.fetch=hang,p=0.5", fault},
			{fault, "delivery.secondary=hang,p=0.5"},
			{"delivery.backup=hang", "processor.record=error,first=3", fault},
		} {
			if got := hits(t, ctx, plan(t, with...), 100, nil); !slices.Equal(got, want) {
				t.Errorf("%v: hit %v\nalone %v", with, got, want)
			}
		}
	})
}

// Two faults of one place decide independently: with p = 1/2 each, a quarter of the calls passes both.
func TestFaultsOfOnePlaceAreIndependent(t *testing.T) {
	inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
		const n = 10_000
		p := plan(t, "delivery.primary=ack_lost,p=0.5", "delivery.primary=ack_lost,p=0.5")
		failed := len(hits(t, ctx, p, n, nil))
		if want, sd := 0.75*n, math.Sqrt(0.75*0.25*n); math.Abs(float64(failed)-want) > 5*sd {
			t.Errorf("%d of %d calls were hit, want about %v", failed, n, want)
		}
		first, second := p.Counts()[0], p.Counts()[1]
		if first.Armed != n || second.Armed != n-first.Fired || first.Fired+second.Fired != int64(failed) {
			t.Errorf("counts %+v and %+v do not add up to %d hits", first, second, failed)
		}
	})
}

// A fault's draws are its own: what stands beside it at its place, before or after it, does not shift them. How likely
// it is and how much it does leave them as they are, so that runs which differ in that can be compared; what it breaks
// and when it can do not.
func TestDrawsAreKeyedByTheFault(t *testing.T) {
	inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
		run := func(specs ...string) []int {
			for i, spec := range specs {
				specs[i] = "delivery.primary=" + spec
			}
			return hits(t, ctx, plan(t, specs...), 100, nil)
		}
		want := run("partial_write,p=0.5")
		for _, same := range [][]string{
			{"partial_write,p=0.5,share=0.1"},
			{"partial_write,p=0.5,may_not_fire=true"},
			{"partial_write,p=0", "partial_write,p=0.5"},
			{"partial_write,p=0.5", "partial_write,p=0,share=0.1", "ack_lost,p=0"},
			{"partial_write,p=0.5,cycles=9", "partial_write,calls=101", "partial_write,p=0.5"},
			{"partial_write,p=0.5", "partial_write,p=0.5,from=1h"},
		} {
			if got := run(same...); !slices.Equal(got, want) {
				t.Errorf("%v: hit %v\nalone %v", same, got, want)
			}
		}
		seen := [][]int{want}
		for _, other := range []string{
			"ack_lost,p=0.5", "ack_lost|partial_write,p=0.5", "partial_write|ack_lost,p=0.5",
			"partial_write,p=0.5,first=100", "partial_write,p=0.5,every=1", "partial_write,p=0.5,calls=1-100",
			"partial_write,p=0.5,calls=1-101", "partial_write,p=0.5,cycles=1-100", "partial_write,p=0.5,to=100h",
		} {
			got := run(other)
			for _, before := range seen {
				if slices.Equal(got, before) {
					t.Errorf("%s hits the same calls as another fault", other)
				}
			}
			seen = append(seen, got)
		}
		for _, call := range run("partial_write,p=0.2") {
			if !slices.Contains(want, call) {
				t.Errorf("call %d is hit at p=0.2 and not at p=0.5", call)
			}
		}
	})
}

// Of the faults that would hit a call, the first one given does; those after it were not even armed.
func TestFirstFaultThatHitsWins(t *testing.T) {
	inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
		p := plan(t, "delivery.primary=pool_exhausted,calls=2", "delivery.secondary=ack_lost", "delivery.primary=flapping,period=2ms,from=1h",
			"delivery.primary=ack_lost,calls=1-2", "delivery.primary=connection_refused")
		c := p.Channel(&sink{name: "primary"})
		var got []string
		for range 3 {
			_, err := c.Deliver(ctx, delivery(1))
			_, ack := errors.AsType[*nodes.AckError](err)
			got = append(got, fmt.Sprint(errors.Is(err, nodes.ErrPoolExhausted), ack))
		}
		if want := []string{"false true", "true false", "false false"}; !slices.Equal(got, want) {
			t.Errorf("exhausted and lost: %v, want %v", got, want)
		}
		var counts [][2]int64
		for _, c := range p.Counts() {
			counts = append(counts, [2]int64{c.Armed, c.Fired})
		}
		if want := [][2]int64{{3, 1}, {0, 0}, {2, 0}, {2, 1}, {1, 1}}; !slices.Equal(counts, want) {
			t.Errorf("armed and fired: %v, want %v", counts, want)
		}
	})
}

// Of several kinds each call gets one, all of them equally often.
func TestSeveralKinds(t *testing.T) {
	inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
		const n = 9000
		c := plan(t, "delivery.primary=ack_lost|pool_exhausted|partial_write").Channel(&sink{name: "primary"})
		count := map[string]int{}
		for range n {
			_, err := c.Deliver(ctx, delivery(2))
			count[err.Error()]++
		}
		if len(count) != 3 {
			t.Fatalf("errors %v, want three kinds", count)
		}
		for kind, got := range count {
			if sd := math.Sqrt(n * 1 / 3.0 * 2 / 3); math.Abs(float64(got)-n/3) > 5*sd {
				t.Errorf("%s hit %d of %d calls", kind, got, n)
			}
		}
	})
}

// Flapping is up for the first half of each period and down for the second, counted from the window's beginning.
func TestFlapping(t *testing.T) {
	ms := time.Millisecond
	tests := []struct {
		params string
		at     time.Duration
		down   bool
	}{
		{"", 0, false},
		{"", 5*time.Second - 1, false},
		{"", 5 * time.Second, true},
		{"", 10*time.Second - 1, true},
		{"", 10 * time.Second, false},
		{"", 15 * time.Second, true},
		{"", 95 * time.Second, true},
		{"", 100 * time.Second, false},
		{",period=2ms", 0, false},
		{",period=2ms", 1 * ms, true},
		{",period=2ms", 2 * ms, false},
		{",period=4s,from=1s", time.Second, false},
		{",period=4s,from=1s", 3*time.Second - 1, false},
		{",period=4s,from=1s", 3 * time.Second, true},
		{",period=4s,from=1s", 5 * time.Second, false},
		{",period=4s,from=1s,to=3s", 3 * time.Second, false},
	}
	for _, test := range tests {
		inRun(t, func(t *testing.T, ctx context.Context, run *workflow.Stream) {
			p := plan(t, "delivery.primary=flapping"+test.params)
			c := p.Channel(&sink{name: "primary"})
			sleepUntil(run, test.at)
			_, err := c.Deliver(ctx, delivery(1))
			if got := errors.Is(err, nodes.ErrNoHealthyUpstream); got != test.down || err != nil != test.down {
				t.Errorf("flapping%s at %v: %v, want down %v", test.params, test.at, err, test.down)
			}
			if fired := p.Counts()[0].Fired == 1; fired != test.down {
				t.Errorf("flapping%s at %v counts as fired: %v", test.params, test.at, fired)
			}
		})
	}
}

// A part of the pipeline without a fault is not touched: no decorator, no cost, no way to change anything.
func TestDecoratorsLeaveOthersAlone(t *testing.T) {
	source, work, channel, spool := &rows{}, &worker{}, &sink{name: "primary"}, &keeper{}
	inner := func(p *simulate.Plan) [4]bool {
		return [4]bool{p.Source(source) == nodes.Source(source), p.Processor(work) == nodes.Processor(work),
			p.Channel(channel) == nodes.Channel(channel), p.Spool(spool) == nodes.Spool(spool)}
	}
	tests := []struct {
		spec string
		want [4]bool // source, processor, primary and spool themselves
	}{
		{"collector.health=hang", [4]bool{false, true, true, true}},
		{"collector.fetch=hang", [4]bool{false, true, true, true}},
		{"processor.batch=hang", [4]bool{true, false, true, true}},
		{"processor.record=hang", [4]bool{true, false, true, true}},
		{"delivery.primary=hang", [4]bool{true, true, false, true}},
		{"delivery.secondary=hang", [4]bool{true, true, true, true}},
		{"delivery.spool=hang", [4]bool{true, true, true, false}},
	}
	for _, test := range tests {
		if got := inner(plan(t, test.spec)); got != test.want {
			t.Errorf("%s: the inner value itself for source, processor, channel, spool: %v, want %v",
				test.spec, got, test.want)
		}
	}
	if got := inner(plan(t)); got != [4]bool{true, true, true, true} {
		t.Errorf("an empty plan decorates: %v", got)
	}
	if got := plan(t, "delivery.spool=hang").Spool(nil); got != nil {
		t.Errorf("a spool that is off became %v", got)
	}
}

// A decorated part still answers for what no fault is about.
func TestDecoratorsPassTheRestOn(t *testing.T) {
	inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
		p := plan(t, "collector.fetch=hang", "delivery.primary=hang,calls=2")
		s := p.Source(&rows{latency: time.Second})
		if s.Name() != "rows" {
			t.Errorf("source's name is %q", s.Name())
		}
		began := time.Now()
		if err := s.Health(ctx); err != nil || time.Since(began) != time.Second {
			t.Errorf("health check: %v after %v", err, time.Since(began))
		}
		c := p.Channel(&sink{name: "primary"})
		if n, err := c.Deliver(ctx, delivery(3)); n != 3 || err != nil || c.Name() != "primary" || !c.Idempotent() {
			t.Errorf("delivery: %d, %v; name %q, idempotent %v", n, err, c.Name(), c.Idempotent())
		}
		only := plan(t, "collector.health=hang").Source(&rows{})
		if b, err := only.Fetch(ctx, 2); b.Len() != 2 || err != nil {
			t.Errorf("fetch with a fault at the health check: %d rows, %v", b.Len(), err)
		}
	})
}

// Every fault that hits a call is told of, as it hits it, but for those of records.
func TestFiredFaultsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		run := workflow.NewStream(func(e workflow.Event) {
			if e.Kind == workflow.Kind(catalog.FaultFired) {
				told = append(told, fmt.Sprintf("%s %s %s %v %d", e.Node, e.Place, e.Detail, e.At, e.Cycle))
			}
		})
		run.StartCycle(2)
		ctx := workflow.WithStream(t.Context(), run)
		p := plan(t, "delivery.primary=pool_exhausted,calls=2", "processor.record=error")
		if failed := hits(t, ctx, p, 3, func(int) {
			time.Sleep(time.Second - run.Elapsed()%time.Second)
		}); !slices.Equal(failed, []int{2}) {
			t.Fatalf("calls that failed: %v", failed)
		}
		processor := p.Processor(nodes.Doubler{Rand: simulate.Rand(1)})
		if err := processor.Begin(ctx, []nodes.Record{record(1)}); err != nil {
			t.Fatal(err)
		}
		if _, err := processor.Process(ctx, record(1)); err == nil {
			t.Error("the record did not fail")
		}
		if want := []string{"delivery delivery.primary pool_exhausted 2s 2"}; !slices.Equal(told, want) {
			t.Errorf("told of %q, want %q", told, want)
		}
	})
}
