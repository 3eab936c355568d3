package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"faultflow/internal/fault"
	"faultflow/internal/report"
	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

// profileSettings are the defaults with a failure type; "none" is without failures.
func profileSettings(profile string) settings.Settings {
	s := settings.Defaults()
	s.SimulateFailures = profile != "none"
	if s.SimulateFailures {
		s.FailureType = profile
	}
	return s
}

// eventfulSettings are settings in which much happens, one for each profile and graph, and the drill.
func eventfulSettings(t *testing.T) map[string]settings.Settings {
	all := map[string]settings.Settings{}
	for i, profile := range append(fault.Profiles(), "none") {
		for _, recovery := range []bool{false, true} {
			s := profileSettings(profile)
			if recovery {
				s.Graph = settings.GraphRecovery
			}
			s.Cycles = 1 + i%3
			if i%2 == 0 {
				s.Workers, s.Processor.Bulkhead, s.Processor.BulkheadWait = 8, 3, 0
			}
			if i%3 == 0 {
				s.Collector.Breaker, s.Processor.Breaker, s.Delivery.Breaker = true, true, true
				s.Delivery.Timeout = 500 * time.Millisecond
				s.Faults = mustFaults(t, "processor.record=hang,p=0.1", "delivery.primary=ack_lost,p=0.5", "collector.fetch=slow,p=0.3")
				s.Processor.BulkheadWait = s.Processor.Timeout
			}
			if i%3 == 1 {
				s.Collector.RateLimit, s.Processor.RateLimit, s.Delivery.RateLimit = 2, 40, 1
				s.Faults = mustFaults(t, "collector.fetch=http_500,first=1", "processor.record=panic,every=7", "delivery.primary=locked,calls=2")
			}
			all[fmt.Sprintf("%s, recovery graph %t", profile, recovery)] = s
		}
	}
	drill := settings.Defaults()
	drill.TestRecovery = true
	all["drill"] = drill
	return all
}

// withoutMeta is a report as JSON, but for what tells of the machine and the day.
func withoutMeta(t testing.TB, rep *report.Report) []byte {
	t.Helper()
	kept := *rep
	kept.Meta = report.Meta{}
	doc, err := json.Marshal(kept)
	if err != nil {
		t.Error(err)
	}
	return doc
}

// withoutTimeline is withoutMeta for a run that is compared with one of RunSeeds, which keeps the timeline of drills
// only.
func withoutTimeline(t testing.TB, rep *report.Report) []byte {
	t.Helper()
	kept := *rep
	if !kept.Settings.Drill() {
		kept.Timeline = report.Timeline{Events: []report.Event{}, Summary: []report.EventSummary{}}
	}
	return withoutMeta(t, &kept)
}

// TestRunSeedsIsRun: the report of a seed is that of a run of its own but for the timeline, whatever ran before it in
// the same bubble.
func TestRunSeedsIsRun(t *testing.T) {
	for name, s := range eventfulSettings(t) {
		t.Run(name, func(t *testing.T) {
			err := RunSeeds(context.Background(), s, seedsTo(30), func(rep *report.Report) error {
				alone, err := Run(context.Background(), virtualSeed(s, rep.Seed), Environment{})
				if err != nil {
					return err
				}
				if got, want := withoutMeta(t, rep), withoutTimeline(t, alone); !bytes.Equal(got, want) {
					t.Errorf("seed %d: %s", rep.Seed, firstDifference(got, want))
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func seedsTo(n uint64) func(func(uint64) bool) {
	return func(yield func(uint64) bool) {
		for seed := uint64(1); seed <= n && yield(seed); seed++ {
		}
	}
}

// TestRunSeedsDependsOnTheSeedAlone: neither on the order of the seeds and what ran before in the same bubble, nor on
// GOMAXPROCS, nor on who else calls RunSeeds at the same time.
func TestRunSeedsDependsOnTheSeedAlone(t *testing.T) {
	const seeds = 20
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for name, s := range eventfulSettings(t) {
		want := map[uint64][]byte{}
		for round, procs := range []int{1, 2, 4} {
			runtime.GOMAXPROCS(procs)
			var mu sync.Mutex
			var callers sync.WaitGroup
			for caller := range procs {
				callers.Go(func() {
					order := slices.Collect(seedsTo(seeds))
					if round > 0 {
						rand.New(
							rand.NewPCG(uint64(round), uint64(caller)),
						).Shuffle(
							len(order),
							func(i, j int) { order[i], order[j] = order[j], order[i] },
						)
					}
					err := RunSeeds(context.Background(), s, slices.Values(order), func(rep *report.Report) error {
						got := withoutMeta(t, rep)
						mu.Lock()
						defer mu.Unlock()
						if want[rep.Seed] == nil {
							want[rep.Seed] = got
						}
						if !bytes.Equal(got, want[rep.Seed]) {
							return fmt.Errorf(
								"seed %d at GOMAXPROCS %d differs:\n%s",
								rep.Seed,
								procs,
								firstDifference(got, want[rep.Seed]),
							)
						}
						return nil
					})
					if err != nil {
						t.Errorf("%s: %v", name, err)
					}
				})
			}
			callers.Wait()
		}
		if len(want) != seeds {
			t.Errorf("%s: %d reports", name, len(want))
		}
	}
}

// TestRunSeedsOutlivesItsTime: 300 runs of 14 months each are more than a bubble's clock can count.
func TestRunSeedsOutlivesItsTime(t *testing.T) {
	s := settings.Defaults()
	s.Cycles, s.Interval = 2, 10_000*time.Hour
	want, err := Run(context.Background(), virtualSeed(s, 300), Environment{})
	if err != nil {
		t.Fatal(err)
	}
	var last []byte
	if err := RunSeeds(context.Background(), s, seedsTo(300), func(rep *report.Report) error {
		last = withoutMeta(t, rep)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := withoutTimeline(t, want); !bytes.Equal(last, want) {
		t.Error(firstDifference(last, want))
	}
}

func virtualSeed(s settings.Settings, seed uint64) settings.Settings {
	s.Clock, s.Seed = settings.ClockVirtual, seed
	return s
}

// TestRunSeedsEnds: each way to end leaves no goroutine behind, and shows no report after it.
func TestRunSeedsEnds(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	enough := errors.New("enough")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	withInput, wrong := settings.Defaults(), settings.Defaults()
	withInput.Input, wrong.Workers = "rows.csv", 0
	tests := []struct {
		name      string
		s         settings.Settings
		seeds     []uint64
		visit     func(seen int) error
		wantSeen  int
		wantError string
	}{
		{"no seeds", settings.Defaults(), nil, nil, 0, ""},
		{"all of them", settings.Defaults(), []uint64{3, 1, 2}, nil, 3, ""},
		{"visit has enough", settings.Defaults(), []uint64{3, 1, 2}, func(seen int) error {
			if seen == 2 {
				return enough
			}
			return nil
		}, 2, "enough"},
		{"a seed that can't be", settings.Defaults(), []uint64{1, settings.MaxSeed + 1}, nil, 1, "--seed"},
		{"settings that can't be", wrong, []uint64{1}, nil, 0, "--workers"},
		{"an input", withInput, []uint64{1}, nil, 0, "--input"},
		{"cancelled", settings.Defaults(), []uint64{1, 2, 3}, func(seen int) error {
			if seen == 2 {
				cancel()
			}
			return nil
		}, 2, "context canceled"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			seen := 0
			err := RunSeeds(ctx, test.s, slices.Values(test.seeds), func(rep *report.Report) error {
				if rep.Seed != test.seeds[seen] {
					t.Errorf("report %d is of seed %d", seen, rep.Seed)
				}
				seen++
				if test.visit != nil {
					return test.visit(seen)
				}
				return nil
			})
			if seen != test.wantSeen {
				t.Errorf("%d reports, want %d", seen, test.wantSeen)
			}
			if (err == nil) != (test.wantError == "") || err != nil && !strings.Contains(err.Error(), test.wantError) {
				t.Errorf("error %v, want %q", err, test.wantError)
			}
		})
	}
}

// TestBubbleTellsOfLeaks: a goroutine that a run leaves behind comes up when the bubble ends, and a run that waits for
// what can't happen comes up at once.
func TestBubbleTellsOfLeaks(t *testing.T) {
	tests := []struct {
		name    string
		observe func()
		atOnce  bool
	}{
		{"a goroutine left behind", func() { go func() { select {} }() }, false},
		{"a wait without end", func() { select {} }, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var once sync.Once
			s := settings.Defaults()
			s.Clock = settings.ClockVirtual
			b := openBubble(complete(s), false, nil, func(workflow.Event) { once.Do(test.observe) })
			if _, err := b.run(1); (err != nil) != test.atOnce {
				t.Errorf("the run: %v", err)
			}
			if err := b.close(); !errors.Is(err, workflow.ErrPanic) || !strings.Contains(err.Error(), "deadlock") {
				t.Errorf("the bubble: %v", err)
			}
		})
	}
}

// TestRunSeedsVisitsInRealTime: what visit does is none of virtual time's business.
func TestRunSeedsVisitsInRealTime(t *testing.T) {
	began := time.Now()
	err := RunSeeds(context.Background(), settings.Defaults(), seedsTo(2), func(*report.Report) error {
		if now := time.Now(); now.Before(began) {
			t.Errorf("visit lives in %v", now)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAllocations guards what a run costs, with a tenth of headroom: a network run of RunSeeds, and one with its
// timeline.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	const runs = 200
	s := profileSettings("network")
	many := testing.AllocsPerRun(3, func() {
		if err := RunSeeds(context.Background(), s, seedsTo(runs), func(*report.Report) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}) / runs
	s.Clock = settings.ClockVirtual
	one := testing.AllocsPerRun(3, func() {
		for s.Seed = 1; s.Seed <= runs; s.Seed++ {
			if _, err := Run(context.Background(), s, Environment{}); err != nil {
				t.Fatal(err)
			}
		}
	}) / runs
	t.Logf("%.0f allocations a run of RunSeeds, %.0f a run alone", many, one)
	if many > 1370 || one > 1640 {
		t.Errorf("%.0f allocations a run of RunSeeds, %.0f a run alone; want at most 1370 and 1640", many, one)
	}
}
