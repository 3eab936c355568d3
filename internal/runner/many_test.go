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

	"faultflow/internal/report"
	"faultflow/internal/simulate"
	"faultflow/internal/workflow"
)

// profileSettings are the defaults with a failure type; "none" is without failures.
func profileSettings(profile string) Settings {
	s := Defaults()
	s.Simulate = profile != "none"
	if s.Simulate {
		s.FailureType = profile
	}
	return s
}

// manySettings are settings in which much happens, one for each profile and graph, and the drill.
func manySettings(t *testing.T) map[string]Settings {
	all := map[string]Settings{}
	for i, profile := range append(simulate.Profiles(), "none") {
		for _, recovery := range []bool{false, true} {
			s := profileSettings(profile)
			s.RecoveryGraph = recovery
			s.Cycles = 1 + i%3
			if i%2 == 0 {
				s.Workers, s.Processor.Bulkhead, s.Processor.BulkheadWait = 8, 3, 0
			}
			if i%3 == 0 {
				s.Collector.Breaker.On, s.Processor.Breaker.On, s.Delivery.Breaker.On = true, true, true
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
	drill := Defaults()
	drill.Drill = true
	all["drill"] = drill
	return all
}

// lightJSON is the part of a report that Many's reports have.
func lightJSON(t testing.TB, rep *report.Report) []byte {
	t.Helper()
	light := *rep
	light.Timeline, light.Cycles.List, light.Hash, light.Meta = report.Timeline{}, nil, "", report.Meta{}
	light.Patterns = slices.Clone(light.Patterns)
	for i := range light.Patterns {
		light.Patterns[i].Detail = ""
	}
	doc, err := json.Marshal(light)
	if err != nil {
		t.Error(err)
	}
	return bytes.ReplaceAll(doc, []byte("null"), []byte("[]")) // as Seal does
}

// TestManyIsRun: a run of Many says of its seed what a run of its own says.
func TestManyIsRun(t *testing.T) {
	for name, s := range manySettings(t) {
		t.Run(name, func(t *testing.T) {
			err := Many(context.Background(), s, seedsTo(30), func(rep *report.Report) error {
				got, s := lightJSON(t, rep), s
				s.Seed, s.Virtual = rep.Seed, true
				full, err := Run(context.Background(), s, World{})
				if err != nil {
					return err
				}
				if want := lightJSON(t, full); !bytes.Equal(got, want) {
					t.Errorf("seed %d: %s", rep.Seed, firstDifference(got, want))
				}
				if len(rep.Timeline.Events)+len(rep.Cycles.List) > 0 || len(full.Timeline.Events) == 0 || len(full.Cycles.List) == 0 {
					t.Error("events and cycles are Run's alone")
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

// TestManyDependsOnTheSeedAlone: neither on the order of the seeds and what ran before in the same bubble, nor on
// GOMAXPROCS, nor on who else calls Many at the same time.
func TestManyDependsOnTheSeedAlone(t *testing.T) {
	const seeds = 20
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for name, s := range manySettings(t) {
		want := map[uint64][]byte{}
		for round, procs := range []int{1, 2, 4} {
			runtime.GOMAXPROCS(procs)
			var mu sync.Mutex
			var callers sync.WaitGroup
			for caller := range procs {
				callers.Go(func() {
					order := slices.Collect(seedsTo(seeds))
					if round > 0 {
						rand.New(rand.NewPCG(uint64(round), uint64(caller))).Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
					}
					err := Many(context.Background(), s, slices.Values(order), func(rep *report.Report) error {
						got := lightJSON(t, rep)
						mu.Lock()
						defer mu.Unlock()
						if want[rep.Seed] == nil {
							want[rep.Seed] = got
						}
						if !bytes.Equal(got, want[rep.Seed]) {
							return fmt.Errorf("seed %d at GOMAXPROCS %d differs:\n%s", rep.Seed, procs, firstDifference(got, want[rep.Seed]))
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

// TestManyOutlivesItsTime: 300 runs of 14 months each are more than a bubble's clock can count.
func TestManyOutlivesItsTime(t *testing.T) {
	s := Defaults()
	s.Cycles, s.Interval = 2, maxDuration
	want, err := Run(context.Background(), virtualSeed(s, 300), World{})
	if err != nil {
		t.Fatal(err)
	}
	var last []byte
	if err := Many(context.Background(), s, seedsTo(300), func(rep *report.Report) error {
		last = lightJSON(t, rep)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := lightJSON(t, want); !bytes.Equal(last, want) {
		t.Error(firstDifference(last, want))
	}
}

func virtualSeed(s Settings, seed uint64) Settings {
	s.Virtual, s.Seed = true, seed
	return s
}

// TestManyEnds: each way to end leaves no goroutine behind, and shows no report after it.
func TestManyEnds(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	enough := errors.New("enough")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	withInput, wrong := Defaults(), Defaults()
	withInput.Input.Path, wrong.Workers = "rows.csv", 0
	tests := []struct {
		name      string
		s         Settings
		seeds     []uint64
		visit     func(seen int) error
		wantSeen  int
		wantError string
	}{
		{"no seeds", Defaults(), nil, nil, 0, ""},
		{"all of them", Defaults(), []uint64{3, 1, 2}, nil, 3, ""},
		{"visit has enough", Defaults(), []uint64{3, 1, 2}, func(seen int) error {
			if seen == 2 {
				return enough
			}
			return nil
		}, 2, "enough"},
		{"a seed that can't be", Defaults(), []uint64{1, MaxSeed + 1}, nil, 1, "--seed"},
		{"settings that can't be", wrong, []uint64{1}, nil, 0, "--workers"},
		{"an input", withInput, []uint64{1}, nil, 0, "--input"},
		{"cancelled", Defaults(), []uint64{1, 2, 3}, func(seen int) error {
			if seen == 2 {
				cancel()
			}
			return nil
		}, 2, "context canceled"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			seen := 0
			err := Many(ctx, test.s, slices.Values(test.seeds), func(rep *report.Report) error {
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
			s := Defaults()
			s.Virtual = true
			b := openBubble(&run{given: s.complete(), observe: func(workflow.Event) { once.Do(test.observe) }})
			if err := b.make(1); (err != nil) != test.atOnce {
				t.Errorf("the run: %v", err)
			}
			if err := b.close(); !errors.Is(err, workflow.ErrPanic) || !strings.Contains(err.Error(), "deadlock") {
				t.Errorf("the bubble: %v", err)
			}
		})
	}
}

// TestManyVisitsInRealTime: what visit does is none of virtual time's business.
func TestManyVisitsInRealTime(t *testing.T) {
	began := time.Now()
	err := Many(context.Background(), Defaults(), seedsTo(2), func(*report.Report) error {
		if now := time.Now(); now.Before(began) {
			t.Errorf("visit lives in %v", now)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAllocations guards what a run costs, with a tenth of headroom: a network run of Many, and one with its timeline.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	const runs = 200
	s := profileSettings("network")
	many := testing.AllocsPerRun(3, func() {
		if err := Many(context.Background(), s, seedsTo(runs), func(*report.Report) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}) / runs
	s.Virtual = true
	one := testing.AllocsPerRun(3, func() {
		for s.Seed = 1; s.Seed <= runs; s.Seed++ {
			if _, err := Run(context.Background(), s, World{}); err != nil {
				t.Fatal(err)
			}
		}
	}) / runs
	t.Logf("%.0f allocations a run of Many, %.0f a run alone", many, one)
	if many > 1300 || one > 1800 {
		t.Errorf("%.0f allocations a run of Many, %.0f a run alone; want at most 1300 and 1800", many, one)
	}
}
