package runtest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"faultflow/internal/campaign"
	"faultflow/internal/catalog"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
	"faultflow/internal/runner"
	"faultflow/internal/workflow"
)

// samples are the settings of the runs that package reporttest keeps, in virtual time: recorded again they are the
// same.
var samples = map[string][]string{
	"success": {"seed=42"},
	"network": {
		"seed=1268",
		"simulate-failures=true",
		"failure-type=network",
		"cycles=4",
		"interval=10s",
		"breaker-open-for=5s",
		"fault=collector.health=http_503,cycles=2",
	},
	// The same, after someone worked on it.
	"network-better": {
		"seed=1268",
		"simulate-failures=true",
		"failure-type=network",
		"cycles=4",
		"interval=10s",
		"breaker-open-for=5s",
		"fault=collector.health=http_503,cycles=2",
		"collector-attempts=5",
		"collector-retry-delay=500ms",
		"collector-breaker=false",
	},
	"breaker": {
		"seed=42", "cycles=12", "interval=5s", "collector-breaker=true", "breaker-open-for=4s", "cache-ttl=12s",
		"cache-max-age=25s", "delivery-breaker=true", "fault=collector.fetch=connection_refused,from=10s,to=50s",
	},
	"storage": {
		"seed=7",
		"simulate-failures=true",
		"failure-type=storage",
		"fault=delivery.primary=disk_full",
		"fault=delivery.secondary=locked",
		"fault=delivery.backup=partial,calls=1",
		"fault=delivery.backup=timeout,calls=2-9",
		"fault=collector.fetch=missing_fields",
		"delivery-timeout=1s",
	},
	"failed": {
		"seed=42", "fallback=false", "spool=false", "channels=primary", "delivery-retry-delay=2ms",
		"fault=delivery.primary=disk_full", "fault=delivery.spool=disk_full,calls=99", "input=testdata/orders.csv",
		"id-field=order_id", "value-field=amount",
	},
	"interrupted": {"seed=42", "cycles=100"},
	"drill":       {"seed=42", "test-recovery=true"},
	"thousands": {
		"seed=7", "simulate-failures=true", "failure-type=network", "cycles=5000",
	},
}

// Samples are what a run recorded, not what someone typed, so that they hold what every run must keep.
func TestSamplesHoldTheInvariants(t *testing.T) {
	if reporttest.Updating() {
		for name, settings := range samples {
			record(t, name, settings)
		}
		return
	}
	for name := range samples {
		r := reporttest.Sample(name)
		for _, problem := range campaign.Problems(r) {
			t.Errorf("%s: %s", name, problem)
		}
		for _, e := range r.Timeline.Events {
			if e.Kind.Event().Meaning == "" {
				t.Errorf("%s: there is no event %s", name, e.Kind)
			}
		}
		for _, p := range r.Patterns {
			if catalog.Rank(p.Name, catalog.PatternNames()) == len(catalog.PatternNames()) {
				t.Errorf("%s: there is no pattern %s", name, p.Name)
			}
		}
	}
}

func record(t *testing.T, name string, settings []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	env := runner.Environment{Observe: func(e workflow.Event) {
		// A run in virtual time hears of it as the next node starts: delivery, with records in flight.
		processed := e.Node == string(catalog.Processor) && catalog.EventKind(e.Kind) == catalog.NodeDone
		if name == "interrupted" && e.Cycle == 3 && processed {
			cancel()
		}
	}}
	r, err := runner.Run(ctx, settled(t, append([]string{"clock=virtual"}, settings...)), env)
	if err != nil {
		t.Fatal(err)
	}
	r.Meta = report.Meta{StartedAt: "2025-01-02T03:04:05Z", Version: "v1.0.0", Go: "go1.26", RealMS: 3.2}
	if name == "failed" || name == "interrupted" {
		r.Settings.Clock = "real" // which decides no more than how long a run takes
	}
	if name == "network" {
		r.Meta.Output = "out/network-7"
	}
	file, err := os.Create(filepath.Join("..", "reporttest", "testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := report.WriteJSON(file, r); err != nil {
		t.Fatal(err)
	}
}
