package campaign

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/fault"
	"faultflow/internal/report"
	"faultflow/internal/runner"
	"faultflow/internal/settings"
)

// TestCampaignIsItsRuns counts again, from the full reports of its runs, what a campaign says. (That the rates are
// those of docs/original.md is tested with the runs, in package runner.)
func TestCampaignIsItsRuns(t *testing.T) {
	for _, failureType := range []string{"network", "storage", "random"} {
		t.Run(failureType, func(t *testing.T) {
			s := profile(failureType)
			s.Cycles, s.Processor.Breaker, s.Clock = 2, true, settings.ClockVirtual
			const runs = 150
			c, _ := made(t, Plan{Settings: s, Runs: runs})
			var all []report.SeedRun
			counts := map[string]int64{}
			var durations, calls []float64
			add := func(n int64, format string, args ...any) {
				if n > 0 {
					counts[fmt.Sprintf(format, args...)] += n
					counts[fmt.Sprintf(format, args...)+" runs"]++
				}
			}
			for seed := range uint64(runs) {
				s.Seed = seed + 1
				r := ran(t, s)
				counts["verdict "+string(r.Verdict)]++
				for o, n := range r.Collection.Origins {
					add(int64(n), "origin %s", o)
				}
				for m, n := range r.Processing.Modes {
					add(int64(n), "mode %s", m)
				}
				for class, n := range r.Errors.ByClass {
					add(int64(n), "error %s", class)
				}
				for _, f := range r.Findings {
					add(int64(f.Count), "finding %s", f.Code)
				}
				for _, p := range r.Patterns {
					add(int64(p.Count), "pattern %s", p.Name)
				}
				for _, b := range r.Breakers {
					add(int64(b.Opened), "breaker %s", b.Name)
					counts["rejected "+b.Name] += b.Rejected
				}
				for i, f := range r.Faults {
					counts[fmt.Sprint("armed ", i)] += f.Armed
					counts[fmt.Sprint("fired ", i)] += f.Fired
				}
				counts["delivered"] += r.Ledger.Delivered
				counts["from source"] += r.Ledger.DeliveredFromSource
				counts["copies"] += r.Ledger.DeliveredCopies
				counts["collected"] += r.Ledger.Collected
				if n := r.Errors.ByClass[errhandler.Degradation] - r.Rejected(); n > 0 {
					counts["not rejected"] += int64(n)
					counts["not rejected runs"]++
				}
				durations, calls = append(durations, r.DurationMS), append(calls, float64(r.Amplification[1].Calls))
				run := report.SeedRun{
					Seed:         r.Seed,
					Verdict:      r.Verdict,
					DurationMS:   r.DurationMS,
					Collected:    r.Ledger.Collected,
					Delivered:    r.Ledger.Delivered,
					Copies:       r.Ledger.DeliveredCopies,
					DeadLettered: r.Ledger.DeadLettered,
					Spooled:      r.Ledger.Spooled,
					Repeat:       repeat(r.Seed),
				}
				for _, f := range r.Findings {
					if f.Verdict == r.Verdict && r.Verdict != catalog.Success && run.Finding == "" {
						run.Finding = f.Code
					}
				}
				all = append(all, run)
			}

			got := map[string]int64{
				"delivered":   c.Ledger.Delivered,
				"from source": c.Ledger.DeliveredFromSource,
				"copies":      c.Ledger.DeliveredCopies,
				"collected":   c.Ledger.Collected,
			}
			tally := func(t report.Tally, format string, args ...any) {
				if t.Count > 0 {
					got[fmt.Sprintf(format, args...)], got[fmt.Sprintf(format, args...)+" runs"] = t.Count, t.Runs.Count
				}
			}
			for v, share := range map[string]report.Share{"success": c.Verdict.Success, "degraded": c.Verdict.Degraded, "failed": c.Verdict.Failed} {
				if share.Count > 0 {
					got["verdict "+v] = share.Count
				}
			}
			tally(c.Errors.Degradation, "not rejected")
			for kind, list := range map[string]map[string]report.Tally{"origin": c.Origins, "mode": c.Modes, "error": c.Errors.ByClass, "finding": c.Findings} {
				for name, t := range list {
					tally(t, "%s %s", kind, name)
				}
			}
			for _, p := range c.Patterns {
				tally(p.Demonstrated, "pattern %s", p.Name)
			}
			for _, b := range c.Breakers {
				tally(b.Opened, "breaker %s", b.Name)
				got["rejected "+b.Name] = b.Rejected
			}
			for i, f := range c.Faults {
				got[fmt.Sprint("armed ", i)], got[fmt.Sprint("fired ", i)] = f.Observed.Of, f.Observed.Count
			}
			if !reflect.DeepEqual(got, counts) {
				t.Errorf("the campaign says\n%v\nits runs\n%v", got, counts)
			}

			slices.Sort(durations)
			slices.Sort(calls)
			holdsQuantiles(t, "duration", c.DurationMS, durations)
			holdsQuantiles(t, "calls", c.Dependencies[1].Calls, calls)
			slices.SortFunc(all, func(a, b report.SeedRun) int { return cmp.Compare(b.DurationMS, a.DurationMS) })
			if !reflect.DeepEqual(c.Slowest, all[:report.MaxSeedRuns]) {
				t.Errorf("slowest %v, want %v", c.Slowest, all[:report.MaxSeedRuns])
			}
			for i, w := range c.Worst {
				if i > 0 && (c.Worst[i-1].Verdict == catalog.Degraded && w.Verdict == catalog.Failed) ||
					w.Verdict == catalog.Success ||
					!slices.Contains(all, w) {
					t.Errorf("worst %v", c.Worst)
				}
			}
			if c.Violations.Count != 0 {
				t.Errorf("violations %v", c.Violations)
			}
		})
	}
}

// holdsQuantiles compares a distribution with the sorted values that it is of.
func holdsQuantiles(t *testing.T, what string, d report.Distribution, sorted []float64) {
	t.Helper()
	n, sum := len(sorted), 0.0
	for _, x := range sorted {
		sum += x
	}
	if d.Count != int64(n) || d.Min != sorted[0] || d.Max != sorted[n-1] || math.Abs(d.Mean-sum/float64(n)) > 1e-6 {
		t.Errorf(
			"%s: %d values from %v to %v, mean %v; want %d, %v, %v, %v",
			what,
			d.Count,
			d.Min,
			d.Max,
			d.Mean,
			n,
			sorted[0],
			sorted[n-1],
			sum/float64(n),
		)
	}
	for q, got := range map[float64]float64{0.5: d.P50, 0.9: d.P90, 0.99: d.P99} {
		want := sorted[int(math.Ceil(q*float64(n)))-1]
		if math.Abs(got-want) > 0.002*want {
			t.Errorf("%s: the %v quantile is %v, want %v", what, q, got, want)
		}
	}
}

// TestIntervalsHoldTheTruth: over 1,000 small campaigns the 95 % interval holds the true share in 93 to 97 % of them.
// Every other fetch fails and nothing is tried again, so that every other run fails.
func TestIntervalsHoldTheTruth(t *testing.T) {
	const campaigns, runs, share = 1000, 20, 0.5
	if (raceEnabled || testing.Short()) && !full() {
		t.Skip("a statistical test, over the same code as the others")
	}
	s := settings.Defaults()
	s.BatchSize, s.Workers, s.Collector.Attempts, s.Fallback = 1, 1, 1, false
	s.Faults = faults(t, "collector.fetch=http_500,p=0.5")
	held := 0
	for i := range campaigns {
		s.Seed = uint64(1 + runs*i)
		c, err := Run(context.Background(), Plan{Settings: s, Runs: runs, Repeat: repeat})
		if err != nil {
			t.Fatal(err)
		}
		if f := c.Verdict.Failed; f.Low <= share && share <= f.High {
			held++
		}
	}
	t.Logf("%d of %d intervals hold the true share", held, campaigns)
	if held < 0.93*campaigns || held > 0.97*campaigns {
		t.Errorf("%d of %d intervals hold the true share, want 93 to 97 %%", held, campaigns)
	}
}

func faults(t *testing.T, specs ...string) (list []fault.Fault) {
	t.Helper()
	for _, spec := range specs {
		f, err := fault.Parse(spec)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, f)
	}
	return list
}

// TestVirtualTellsTheTruth: the same scripts on both clocks end in the same verdict, attempts, transitions and ledger.
// The waits that are settings are tens of milliseconds on both.
func TestVirtualTellsTheTruth(t *testing.T) {
	scripts := []struct {
		name   string
		faults []string
		change func(*settings.Settings)
	}{
		{"nothing fails", nil, nil},
		{"two failed fetches", []string{"collector.fetch=connection_refused,first=2"}, nil},
		{"default data", []string{"collector.fetch=http_503"}, nil},
		{
			"a breaker opens and closes",
			[]string{"collector.fetch=connection_reset,first=3"},
			func(s *settings.Settings) {
				s.Collector.Breaker, s.Collector.BreakerOpenFor, s.Cycles, s.Interval = true, 20*time.Millisecond, 2, 0
			},
		},
		{"a breaker's trial fails", []string{"collector.fetch=dns_failure,first=4"}, func(s *settings.Settings) {
			s.Collector.Breaker, s.Collector.BreakerOpenFor, s.Cycles, s.Interval = true, 20*time.Millisecond, 3, 0
		}},
		{"a hanging fetch", []string{"collector.fetch=timeout,first=1"}, nil},
		{"a partial answer", []string{"collector.fetch=partial"}, nil},
		{"corrupt rows", []string{"collector.fetch=missing_fields,share=0.5"}, nil},
		{"partial processing", []string{"processor.batch=error"}, nil},
		{"the minimal fallback", []string{"processor.batch=out_of_memory"}, nil},
		{"panicking records", []string{"processor.record=panic,every=2"}, nil},
		{"failover", []string{"delivery.primary=disk_full", "delivery.secondary=locked,first=1"}, nil},
		{
			"the emergency spool",
			[]string{"delivery.primary=disk_full", "delivery.secondary=locked", "delivery.backup=permission_denied"},
			nil,
		},
		{"a lost acknowledgement", []string{"delivery.primary=ack_lost,first=1"}, nil},
		{
			"no spool",
			[]string{"delivery.primary=locked", "delivery.secondary=locked", "delivery.backup=locked"},
			func(s *settings.Settings) { s.Spool = false },
		},
		{
			"the recovery graph",
			[]string{
				"collector.fetch=http_500",
				"processor.batch=error",
				"delivery.primary=locked",
				"delivery.secondary=locked",
			},
			func(s *settings.Settings) { s.Graph = settings.GraphRecovery },
		},
	}
	var all sync.WaitGroup
	defer all.Wait()
	for i, script := range scripts {
		s := settings.Defaults()
		s.Seed, s.BatchSize, s.Workers = uint64(i), 4, 4
		s.Faults = faults(t, script.faults...)
		s.Collector.RetryDelay, s.Processor.RetryDelay, s.Delivery.RetryDelay = 10*time.Millisecond, 10*time.Millisecond, 10*time.Millisecond
		s.Collector.Timeout = 2 * time.Second // beyond what a slow machine makes of the longest fetch, 0.5 s
		if script.change != nil {
			script.change(&s)
		}
		s.Clock = settings.ClockVirtual
		virtual := clockless(ran(t, s))
		all.Go(func() {
			s.Clock = settings.ClockReal
			r, err := runner.Run(context.Background(), s, runner.Environment{})
			if err != nil {
				t.Errorf("%s: %v", script.name, err)
			} else if real := clockless(r); !reflect.DeepEqual(real, virtual) {
				t.Errorf("%s: on the real clock\n%+v\non the virtual one\n%+v", script.name, real, virtual)
			}
		})
	}
}

// ending is what a run came to, whenever it did.
type ending struct {
	verdict     catalog.Verdict
	ledger      report.Ledger
	attempts    []string
	transitions []string
	calls       []report.Amplification
	faults      []report.Fault
	findings    []string
}

func clockless(r *report.Report) ending {
	e := ending{verdict: r.Verdict, ledger: r.Ledger, calls: r.Amplification, faults: r.Faults}
	for _, n := range r.Nodes {
		e.attempts = append(
			e.attempts,
			fmt.Sprint(
				n.Name,
				n.Status,
				n.Runs,
				n.Attempts,
				n.MaxTries,
				n.Failures,
				n.Waits,
				n.Timeouts,
				n.Rejected,
				n.Recovered,
				n.Fallbacks,
				n.Errors,
				n.Actions,
			),
		)
	}
	for _, b := range r.Breakers {
		for _, tr := range b.Transitions {
			e.transitions = append(e.transitions, fmt.Sprintf("%s %s → %s", b.Name, tr.From, tr.To))
		}
	}
	for _, f := range r.Findings {
		e.findings = append(e.findings, fmt.Sprint(f.Code, f.Count))
	}
	return e
}
