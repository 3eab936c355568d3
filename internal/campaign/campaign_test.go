package campaign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// full is true for the full size of the tests that CI runs in a smaller one (make full).
func full() bool { return os.Getenv("FAULTFLOW_FULL") != "" }

// sized picks the size of a test.
func sized(whole, usual, race int64) int64 {
	switch {
	case full():
		return whole
	case raceEnabled, testing.Short():
		return race
	}
	return usual
}

func profile(failureType string) settings.Settings {
	s := settings.Defaults()
	s.Seed, s.SimulateFailures, s.FailureType = 1, true, failureType
	return s
}

func repeat(seed uint64, changed ...settings.Assignment) string {
	return fmt.Sprint("repeat ", seed, changed)
}

// made makes a campaign and returns it with its JSON.
func made(t *testing.T, p Plan) (*report.Campaign, []byte) {
	t.Helper()
	p.Repeat = repeat
	c, err := Run(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	return c, written(t, c)
}

func written(t *testing.T, c *report.Campaign) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := report.WriteCampaign(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestWorkersDoNotShow: the same bytes on one core and on several, for every failure type and settings in which much
// happens at once.
func TestWorkersDoNotShow(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for i, failureType := range fault.Profiles() {
		t.Run(failureType, func(t *testing.T) {
			s := profile(failureType)
			s.Cycles = 1 + i%3
			if i%2 == 1 {
				s.Graph = settings.GraphRecovery
			}
			p := Plan{Settings: s, Runs: sized(5000, 200, 40)}
			runtime.GOMAXPROCS(1)
			c, want := made(t, p)
			if c.Runs != p.Runs || c.Interrupted {
				t.Fatalf("%d of %d runs, interrupted %t", c.Runs, p.Runs, c.Interrupted)
			}
			if c.Violations.Count > 0 {
				t.Errorf("violations: %v", c.Violations.List)
			}
			for _, procs := range []int{2, 3, 8} {
				runtime.GOMAXPROCS(procs)
				if _, got := made(t, p); !bytes.Equal(got, want) {
					t.Errorf("with %d workers:\n%s\nwith one:\n%s", procs, got, want)
				}
			}
		})
	}
}

// TestInterrupted: what was done is told, and that it is not all.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var runs atomic.Int64
	p := Plan{Settings: profile("network"), Runs: 100_000, Repeat: repeat, Progress: func() {
		if runs.Add(1) == 50 {
			cancel()
		}
	}}
	c, err := Run(ctx, p)
	if err != nil || !c.Interrupted || c.Runs != runs.Load() || c.Runs < 50 || c.Runs > 200 ||
		c.Verdict.Success.Of != c.Runs {
		t.Errorf("%d runs of %d, interrupted %t, %v", c.Runs, runs.Load(), c.Interrupted, err)
	}
	d := given(t, "simulate-failures=true")
	grid, err := Grid(d, []string{"attempts=1,2"})
	if err != nil {
		t.Fatal(err)
	}
	if s, err := Sweep(ctx, p, grid, "delivered"); err != nil || !s.Interrupted || len(s.Rows) != 0 {
		t.Errorf("sweep: %+v, %v", s, err)
	}
	if a, err := Ablate(ctx, p, d); err != nil || !a.Interrupted || a.Whole.Runs != 0 {
		t.Errorf("ablation: %+v, %v", a, err)
	}
	if twice, err := CheckDeterminism(ctx, p); err != nil || !twice.Interrupted || twice.Runs != 0 {
		t.Errorf("determinism: %+v, %v", twice, err)
	}
}

// TestUntil stops after a whole number of turns, wherever it runs.
func TestUntil(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	p := Plan{
		Settings: cheap(),
		Runs:     10 * UntilEvery,
		Until:    "enough",
		Stop:     func(c *report.Campaign) (bool, error) { return c.Runs > 1500, nil },
	}
	var want []byte
	for _, procs := range []int{1, 3} {
		runtime.GOMAXPROCS(procs)
		c, got := made(t, p)
		if c.Runs != 2*UntilEvery || !c.Until.Reached || c.Interrupted || want != nil && !bytes.Equal(got, want) {
			t.Errorf("%d workers: %d runs, %+v, interrupted %t", procs, c.Runs, c.Until, c.Interrupted)
		}
		want = got
	}
	p.Stop = func(*report.Campaign) (bool, error) { return false, errors.New("no") }
	p.Repeat = repeat
	if _, err := Run(context.Background(), p); err == nil || err.Error() != "campaign: no" {
		t.Errorf("got %v", err)
	}
}

// cheap are settings of a run that has little to do.
func cheap() settings.Settings {
	s := settings.Defaults()
	s.Seed, s.BatchSize, s.Workers = 1, 1, 1
	return s
}

// TestWrongSettings are refused before any run.
func TestWrongSettings(t *testing.T) {
	p := Plan{Settings: cheap(), Runs: 1, Repeat: repeat}
	p.Settings.Workers = 0
	var bad *settings.Error
	if _, err := Run(context.Background(), p); !errors.As(err, &bad) {
		t.Errorf("got %v", err)
	}
	if _, err := CheckDeterminism(context.Background(), p); !errors.As(err, &bad) {
		t.Errorf("got %v", err)
	}
}

// asCopies makes copies of all records that were delivered, of which there were less.
func asCopies(r *report.Report) {
	r.Ledger.DeliveredFromSource, r.Ledger.DeliveredCopies = 0, r.Ledger.Delivered
}

// TestInvariants breaks each of them in a report that keeps them all.
func TestInvariants(t *testing.T) {
	s := profile("random")
	s.Clock, s.Cycles, s.Processor.Breaker = settings.ClockVirtual, 3, true
	s.Faults = faults(t, "processor.batch=error,first=4")
	if list := problems(ran(t, s)); list != nil {
		t.Fatalf("a sound run: %v", list)
	}
	for want, breakIt := range map[string]func(*report.Report){
		"the ledger does not balance":        func(r *report.Report) { r.Ledger.Lost, r.Ledger.Balanced = 1, false },
		"records in the ledger":              func(r *report.Report) { r.Ledger.FromCache++ },
		"are of the source":                  func(r *report.Report) { r.Ledger.DeliveredCopies++ },
		"copies of":                          asCopies,
		"rejected by open breakers":          func(r *report.Report) { r.Nodes[0].Rejected = 99 },
		"went into processing":               func(r *report.Report) { r.Processing.Out = r.Processing.In + 1 },
		"by delivery":                        func(r *report.Report) { r.Delivery.Delivered++ },
		"0 by reason":                        func(r *report.Report) { r.Ledger.DeadLetters = nil },
		"0 by place":                         func(r *report.Report) { r.Ledger.DeadByPlace = nil },
		"errors handled of":                  func(r *report.Report) { r.Errors.Handled = r.Errors.Total + 1 },
		"attempts at once":                   func(r *report.Report) { r.Nodes[0].MaxTries = 99 },
		"half-opened":                        func(r *report.Report) { r.Breakers[0].Opened += 2 },
		"first after":                        func(r *report.Report) { r.Breakers[0].CallsBeforeOpen = r.Breakers[0].Calls + 1 },
		"fired":                              func(r *report.Report) { r.Faults[0].Fired = r.Faults[0].Armed + 1 },
		"the verdict is success, the worst ": func(r *report.Report) { r.Verdict = "success" },
	} {
		r := ran(t, s)
		breakIt(r)
		if list := problems(r); len(list) == 0 || !strings.Contains(strings.Join(list, "\n"), want) {
			t.Errorf("%s: %v", want, list)
		}
	}
	// A broken run is listed by its seed, whatever comes before it.
	total := newTotals()
	for _, seed := range []uint64{9, 3} {
		r := ran(t, s)
		r.Seed, r.Verdict = seed, catalog.Success
		total.inspect(r, func(seed uint64) string { return repeat(seed) })
	}
	if v := total.finish().Violations; v.Count != 2 || len(v.List) != 2 || v.List[0].Seed != 3 ||
		v.List[0].Repeat != repeat(3) {
		t.Errorf("%+v", v)
	}
}

// TestDistribution: merged into an empty one it is the same, its quantiles are right to 0.1 %, all else is exact.
func TestDistribution(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d, merged report.Distribution
		small, large := rapid.Int64Range(0, 5000), rapid.Int64Range(0, 1<<51)
		values := rapid.SliceOfN(rapid.OneOf(small, large), 1, 20).Draw(t, "values")
		for _, n := range values {
			record(&d, n, perMS)
		}
		if err := checkDistribution(&d); err != nil {
			t.Fatal(err)
		}
		mergeDistribution(&merged, &d)
		finishDistribution(&d, perMS)
		finishDistribution(&merged, perMS)
		if !reflect.DeepEqual(merged, d) {
			t.Fatalf("%+v\n%+v", merged, d)
		}
		slices.Sort(values)
		last := len(values) - 1
		if d.Count != int64(len(values)) || d.Min != float64(values[0])/perMS || d.Max != float64(values[last])/perMS {
			t.Fatalf("%+v of %v", d, values)
		}
		for q, got := range map[float64]float64{0.5: d.P50, 0.9: d.P90, 0.99: d.P99} {
			rank := max(1, int(q*float64(len(values))+0.5))
			if want := float64(values[rank-1]) / perMS; got < want || got > want*1.001 {
				t.Fatalf("quantile %v is %v, want %v, of %v", q, got, want, values)
			}
		}
	})
	var long report.Distribution // 300,000 runs of 14 months
	for range 300_000 {
		record(&long, int64(10_000*time.Hour/time.Microsecond), perMS)
	}
	finishDistribution(&long, perMS)
	if long.Sum != math.MaxInt64 || !(long.Mean > 0 && long.Mean < long.Max) {
		t.Errorf("the sum is %d, the mean %v of at most %v", long.Sum, long.Mean, long.Max)
	}
	for _, bad := range []report.Distribution{
		{Count: 1, Buckets: []report.Bucket{{Value: -1, Count: 1}}},
		{Count: 1, Buckets: []report.Bucket{{Value: 1e300, Count: 1}}},
		{Count: 1, Sum: -1, Buckets: []report.Bucket{{Value: 1, Count: 1}}},
		{Count: 1, Max: 1e300, Buckets: []report.Bucket{{Value: 1, Count: 1}}},
		{Count: 2, Buckets: []report.Bucket{{Value: 1, Count: 1}}},
		{Count: 1, Buckets: []report.Bucket{{Value: 1, Count: 2}, {Value: 2, Count: -1}}},
	} {
		if err := checkDistribution(&bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

// TestCampaignsSayWhoseBreakerItIs: the settings of a campaign have the breaker that its failure type puts into every
// run, and not the one that half of its runs have, of which the breakers tell how many they are. Once it was the other
// way round.
func TestCampaignsSayWhoseBreakerItIs(t *testing.T) {
	for failureType, want := range map[string]struct {
		setting bool
		armed   func(int64) bool
	}{
		"network":    {true, func(n int64) bool { return n == 40 }},
		"random":     {false, func(n int64) bool { return n > 5 && n < 35 }},
		"processing": {false, func(n int64) bool { return n == 0 }},
	} {
		c, _ := made(t, Plan{Settings: profile(failureType), Runs: 40})
		armed, calls := int64(0), int64(0)
		for _, b := range c.Breakers {
			armed, calls = armed+b.Armed, calls+b.Calls
		}
		if c.Settings.Collector.Breaker != want.setting || !want.armed(armed) || calls < armed {
			t.Errorf(
				"%s: settings %t, in %d of 40 runs with %d calls",
				failureType,
				c.Settings.Collector.Breaker,
				armed,
				calls,
			)
		}
	}
	s := profile("network")
	s.BreakerDecided = true // by --enable-circuit-breaker=false
	if c, _ := made(t, Plan{Settings: s, Runs: 5}); c.Settings.Collector.Breaker || len(c.Breakers) != 0 {
		t.Errorf("switched off: settings %t, %d breakers", c.Settings.Collector.Breaker, len(c.Breakers))
	}
}
