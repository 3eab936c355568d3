package runner

import (
	"context"
	"slices"
	"testing"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// The tests of this file are for the defects of the original (docs/original.md) as a whole run shows them;
// internal/nodes has those that show in a single node.

func virtual(t *testing.T, change func(*settings.Settings)) *report.Report {
	t.Helper()
	s := settings.Defaults()
	s.Clock, s.Seed = settings.ClockVirtual, 7
	change(&s)
	rep, err := Run(context.Background(), s, Environment{})
	if err != nil {
		t.Fatal(err)
	}
	if !rep.Ledger.Balanced {
		t.Errorf("%d records are unaccounted for", rep.Ledger.Lost)
	}
	return rep
}

func finding(r *report.Report, code catalog.FindingCode) *report.Finding {
	i := slices.IndexFunc(r.Findings, func(f report.Finding) bool { return f.Code == code })
	if i < 0 {
		return nil
	}
	return &r.Findings[i]
}

// The breaker opens, rejects without calling, tries half-open and closes; without the flag none is in the path.
func TestDefect4_EnableCircuitBreakerChangesNothing(t *testing.T) {
	outage := func(s *settings.Settings) {
		s.Cycles = 12
		s.Faults = mustFaults(t, "collector.fetch=connection_refused,from=2s,to=40s")
	}
	with := virtual(t, func(s *settings.Settings) { outage(s); s.Collector.Breaker = true })
	without := virtual(t, outage)
	if len(without.Breakers) != 0 {
		t.Fatalf("without the flag there is a breaker: %+v", without.Breakers)
	}
	if len(with.Breakers) != 1 {
		t.Fatalf("with the flag there is no breaker")
	}
	b := with.Breakers[0]
	var changes []string
	for _, c := range b.Transitions {
		changes = append(changes, string(c.From+">"+c.To))
	}
	if want := []string{"closed>open", "open>half-open", "half-open>closed"}; !slices.Equal(changes, want) {
		t.Errorf("the breaker changed %q, want %q", changes, want)
	}
	if open, half := b.Transitions[0].AtMS, b.Transitions[1].AtMS; half-open <= 30_000 {
		t.Errorf("it let a call through %.3f ms after it opened, want more than 30 s", half-open)
	}
	if b.Rejected == 0 {
		t.Error("it rejected no call")
	}
	if b.Calls >= callsTo(without, catalog.PlaceFetch) {
		t.Errorf(
			"the source was called %d times with the breaker and %d times without, want fewer",
			b.Calls,
			callsTo(without, catalog.PlaceFetch),
		)
	}
}

func callsTo(r *report.Report, place catalog.Place) int64 {
	for _, a := range r.Amplification {
		if a.Place == place {
			return a.Calls
		}
	}
	return 0
}

// Bulkhead and timeout act, waits grow, data, resource and degradation can be simulated, and runs can be seeded.
func TestDefect7_NamedAndMissing(t *testing.T) {
	r := virtual(t, func(s *settings.Settings) {
		s.Workers, s.Processor.Bulkhead, s.Processor.BulkheadWait, s.BulkheadDecided = 8, 2, 0, true
		s.Faults = mustFaults(t, "delivery.primary=hang,first=1")
	})
	if n := r.Nodes[1]; n.Full == 0 {
		t.Error("eight workers and two places: no call was turned away by the bulkhead")
	}
	if n := r.Nodes[2]; n.Timeouts != 1 {
		t.Errorf("a hanging channel: %d timeouts, want 1", n.Timeouts)
	}

	r = virtual(t, func(s *settings.Settings) {
		s.Processor.Jitter = 0
		s.Faults = mustFaults(t, "processor.batch=error,first=4")
	})
	if n := r.Nodes[1]; n.Waits != 4 || n.WaitMS != 2000+4000+8000+16000 {
		t.Errorf("four failures: %d waits of %v ms in all, want 4 of 30000", n.Waits, n.WaitMS)
	}

	for _, profile := range fault.Profiles() {
		first := virtual(t, func(s *settings.Settings) {
			s.SimulateFailures, s.FailureType, s.Cycles = true, profile,
				10
		})
		fired := int64(0)
		for _, f := range first.Faults {
			fired += f.Fired
		}
		if fired == 0 {
			t.Errorf("%s: no fault fired in ten cycles", profile)
		}
	}
}

// A run in virtual time waits for nothing: six weeks of cycles are over before a test could time out.
func TestDefect8_RunsWait(t *testing.T) {
	r := virtual(t, func(s *settings.Settings) { s.Cycles, s.Interval = 1000, time.Hour })
	if r.DurationMS < float64((999 * time.Hour).Milliseconds()) {
		t.Errorf("1,000 cycles an hour apart took %.0f virtual ms", r.DurationMS)
	}
}

// What the fallback left out is in the dead letters, and the verdict is not success.
func TestDefect5_DataVanishesUnderAGreenTick(t *testing.T) {
	r := virtual(t, func(s *settings.Settings) { s.Faults = mustFaults(t, "processor.batch=out_of_memory") })
	if r.Ledger.Delivered != 10 || r.Ledger.DeadLettered != 40 {
		t.Errorf("50 records: %d delivered, %d dead letters, want 10 and 40", r.Ledger.Delivered, r.Ledger.DeadLettered)
	}
	if r.Verdict != catalog.Degraded || finding(r, catalog.FallbackProcessing) == nil {
		t.Errorf("the verdict is %s without a warning, want degraded with one", r.Verdict)
	}
}

// Virtual time ends some day, and Go's runtime with it. A run that would get there ends before, and says why.
func TestVirtualTimeIsOver(t *testing.T) {
	for name, change := range map[string]func(*settings.Settings){
		"many cycles": func(s *settings.Settings) { s.Cycles, s.Interval = 400, 10_000*time.Hour },
		"long waits": func(s *settings.Settings) {
			s.Faults, s.Collector.Attempts, s.Collector.MaxDelay = mustFaults(t, "collector.fetch=http_500"), 10_000, 0
		},
		"long retry-after": func(s *settings.Settings) {
			s.Faults, s.Collector.Attempts = mustFaults(t, "collector.fetch=rate_limited,retry_after=9000h"), 10_000
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := settings.Defaults()
			s.Clock = settings.ClockVirtual
			change(&s)
			check := func(rep *report.Report) {
				if rep.DurationMS != ms(virtualLimit) || !rep.Interrupted || rep.Verdict != catalog.Failed ||
					rep.Ledger.Lost != 0 ||
					!slices.ContainsFunc(rep.Findings,
						func(f report.Finding) bool { return f.Code == catalog.VirtualTimeOver }) {
					t.Errorf(
						"after %v ms: %s, interrupted %v, %+v",
						rep.DurationMS,
						rep.Verdict,
						rep.Interrupted,
						rep.Findings,
					)
				}
			}
			rep, err := Run(context.Background(), s, Environment{})
			if err != nil {
				t.Fatal(err)
			}
			check(rep)
			if err := RunSeeds(context.Background(), s, slices.Values([]uint64{1, 2}), func(r *report.Report) error { check(r); return nil }); err != nil {
				t.Fatal(err)
			}
		})
	}
}
