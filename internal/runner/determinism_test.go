package runner

import (
	"bytes"
	"context"
	"runtime"
	"slices"
	"testing"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// TestSameSeedSameBytes makes each run again at every GOMAXPROCS and compares the whole JSON but for meta. The settings
// are those in which most happens at once: every profile, several cycles, workers that compete for the bulkhead.
func TestSameSeedSameBytes(t *testing.T) {
	seeds := 1_000
	if (raceEnabled || testing.Short()) && !full() {
		seeds = 200
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for seed := range seeds {
		s := busySettings(t, seed)
		var want []byte
		for _, procs := range []int{1, 2, 4} {
			runtime.GOMAXPROCS(procs)
			got := runJSON(t, s)
			if want == nil {
				want = got
			}
			if !bytes.Equal(got, want) {
				t.Fatalf(
					"seed %d (%s): the report at GOMAXPROCS %d differs from that at 1:\n%s",
					seed,
					s.FailureType,
					procs,
					firstDifference(got, want),
				)
			}
		}
	}
}

// TestWorkersThatCompete: who finds a place, and which records are turned away, is not the scheduler's choice. A record
// that panics takes no time, so that many workers want the few places at one instant.
func TestWorkersThatCompete(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, rate := range []float64{0, 200} {
		s := settings.Defaults()
		s.Clock, s.BatchSize, s.Workers = settings.ClockVirtual, 100, 16
		s.Processor.Attempts, s.Processor.Bulkhead, s.Processor.RateLimit = 1, 1, rate
		s.Faults = mustFaults(t, "processor.record=panic,p=0.5", "processor.record=hang,p=0.1")
		s.Processor.Timeout = 100 * time.Millisecond // as long as the wait for a place
		for s.Seed = 0; s.Seed < 120; s.Seed++ {
			runtime.GOMAXPROCS(1)
			want := runJSON(t, s)
			runtime.GOMAXPROCS(4)
			if got := runJSON(t, s); !bytes.Equal(got, want) {
				t.Fatalf(
					"seed %d, rate limit %v: at GOMAXPROCS 4 another report than at 1:\n%s",
					s.Seed,
					rate,
					firstDifference(got, want),
				)
			}
		}
	}
}

// TestWhatCannotHitShiftsNothing: draws are keyed by the fault. Faults of p=0, of every kind at every place, change
// nothing about those of a profile, so that a run with one fault more is compared with the same run.
func TestWhatCannotHitShiftsNothing(t *testing.T) {
	var extra []fault.Fault
	for _, place := range catalog.Places(catalog.DefaultChannels()) {
		for _, kind := range fault.KindsAt(place) {
			if !fault.Throttles(kind) { // which hit no single calls
				extra = append(extra, mustFaults(t, string(place)+"="+string(kind)+",p=0,may_not_fire=true")...)
			}
		}
	}
	for _, profile := range fault.Profiles() {
		for seed := range 5 {
			s := settings.Defaults()
			s.Clock, s.SimulateFailures, s.FailureType = settings.ClockVirtual, true, profile
			s.Seed, s.Cycles = uint64(seed), 2
			alone := runReport(t, s)
			s.Faults = extra
			beside := runReport(t, s)
			if own := beside.Faults[:len(extra)]; slices.ContainsFunc(
				own,
				func(f report.Fault) bool { return f.Fired > 0 },
			) {
				t.Fatalf("%s, seed %d: a fault of p=0 fired: %+v", profile, seed, own)
			}
			// All that may differ is that there are more faults.
			beside.Faults, beside.Settings = beside.Faults[len(extra):], alone.Settings
			want, got := documentOf(t, alone), documentOf(t, beside)
			if !bytes.Equal(got, want) {
				t.Fatalf(
					"%s, seed %d: faults that can't hit changed the run:\n%s",
					profile,
					seed,
					firstDifference(got, want),
				)
			}
		}
	}
}

func busySettings(t *testing.T, seed int) settings.Settings {
	t.Helper()
	profiles := fault.Profiles()
	s := settings.Defaults()
	s.Clock, s.SimulateFailures, s.FailureType, s.Seed = settings.ClockVirtual, true, profiles[seed%len(profiles)], uint64(
		seed,
	)
	s.Cycles = 1 + seed%3
	if seed%2 == 1 {
		s.Graph = settings.GraphRecovery
	}
	if seed%5 == 0 {
		s.Workers, s.Processor.Bulkhead, s.Processor.BulkheadWait = 8, 3, 0
	}
	if seed%7 == 0 {
		s.Processor.RateLimit = 50
	}
	if seed%11 == 0 {
		s.Faults = mustFaults(t, "processor.record=hang,p=0.2", "delivery.primary=ack_lost,p=0.5", "collector.fetch=slow,p=0.3")
		s.Processor.BulkheadWait = s.Processor.Timeout // the wait ends when the hanging calls do
	}
	return s
}

func mustFaults(t *testing.T, specs ...string) (faults []fault.Fault) {
	t.Helper()
	for _, spec := range specs {
		f, err := fault.Parse(spec)
		if err != nil {
			t.Fatal(err)
		}
		faults = append(faults, f)
	}
	return faults
}

func runJSON(t *testing.T, s settings.Settings) []byte {
	t.Helper()
	return documentOf(t, runReport(t, s))
}

func runReport(t *testing.T, s settings.Settings) *report.Report {
	t.Helper()
	rep, err := Run(context.Background(), s, Environment{})
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// documentOf is the report's document without what depends on the machine.
func documentOf(t *testing.T, rep *report.Report) []byte {
	t.Helper()
	rep.Meta = report.Meta{}
	var b bytes.Buffer
	if err := report.WriteJSON(&b, rep); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func firstDifference(a, b []byte) string {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	from := max(0, i-200)
	return string(a[from:min(len(a), i+200)]) + "\n--- versus ---\n" + string(b[from:min(len(b), i+200)])
}
