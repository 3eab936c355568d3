package runner

import (
	"bytes"
	"context"
	"runtime"
	"testing"

	"faultflow/internal/report"
	"faultflow/internal/simulate"
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
				t.Fatalf("seed %d (%s): the report at GOMAXPROCS %d differs from that at 1:\n%s", seed, s.FailureType, procs, firstDifference(got, want))
			}
		}
	}
}

func busySettings(t *testing.T, seed int) Settings {
	t.Helper()
	profiles := simulate.Profiles()
	s := Defaults()
	s.Virtual, s.Simulate, s.FailureType, s.Seed = true, true, profiles[seed%len(profiles)], uint64(seed)
	s.Cycles = 1 + seed%3
	s.RecoveryGraph = seed%2 == 1
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

func mustFaults(t *testing.T, specs ...string) (faults []simulate.Fault) {
	t.Helper()
	for _, spec := range specs {
		f, err := simulate.ParseFault(spec, simulate.Places(Defaults().Channels))
		if err != nil {
			t.Fatal(err)
		}
		faults = append(faults, f)
	}
	return faults
}

func runJSON(t *testing.T, s Settings) []byte {
	t.Helper()
	rep, err := Run(context.Background(), s, World{})
	if err != nil {
		t.Fatal(err)
	}
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
