package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"faultflow/internal/report"
)

// TestSavedReportsAreCurrent makes the reports that help, README and tests show anew. UPDATE_REPORTS=1 keeps them.
func TestSavedReportsAreCurrent(t *testing.T) {
	outage := []string{"--clock", "virtual", "--seed", "7", "--cycles", "12",
		"--fault", "collector.fetch=connection_refused,from=2s,to=40s", "--fault", "delivery.primary=http_503,from=20s,to=35s", "--fault", "processor.record=error,p=0.02"}
	network := []string{"campaign", "--simulate-failures", "--failure-type", "network", "--runs", "400", "--quiet"}
	for file, args := range map[string][]string{
		"reports/outage.json":                {"--enable-circuit-breaker"},
		"reports/outage-bare.json":           {},
		"campaigns/network.json":             network,
		"campaigns/network-other-seeds.json": append(network, "--seed", "5000"),
		"campaigns/network-one-attempt.json": append(network, "--collector-retries", "1"),
	} {
		saved, fresh := filepath.Join("../../testdata", file), filepath.Join(t.TempDir(), filepath.Base(file))
		if strings.HasPrefix(file, "reports/") {
			args = append(outage, args...)
		}
		if code := run(context.Background(), append(args, "--report", fresh), testStreams(t)); code != exitOK {
			t.Fatalf("exits with %d", code)
		}
		if os.Getenv("UPDATE_REPORTS") != "" {
			doc, err := os.ReadFile(fresh)
			if err == nil {
				err = os.WriteFile(saved, doc, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if hashOf(t, saved) != hashOf(t, fresh) {
			t.Errorf("%s is not what this version writes; UPDATE_REPORTS=1 renews it", saved)
		}
	}
}

func hashOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := report.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if doc.Campaign != nil {
		return doc.Campaign.Hash
	}
	return doc.Report.Hash
}
