package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"faultflow/internal/report"
	"faultflow/internal/reporttest"
)

// TestSavedReportsAreCurrent makes the reports that help, README and tests show anew. FAULTFLOW_UPDATE=1 keeps them.
func TestSavedReportsAreCurrent(t *testing.T) {
	outage := []string{
		"--clock", "virtual", "--seed", "7", "--cycles", "12",
		"--fault", "collector.fetch=connection_refused,from=2s,to=40s",
		"--fault", "delivery.primary=http_503,from=20s,to=35s",
		"--fault", "processor.record=error,p=0.02",
	}
	network := []string{"campaign", "--simulate-failures", "--failure-type", "network", "--runs", "400", "--quiet"}
	for file, args := range map[string][]string{
		"reports/outage.json":                {"--enable-circuit-breaker"},
		"reports/outage-bare.json":           {},
		"campaigns/network.json":             network,
		"campaigns/network-other-seeds.json": append(network, "--seed", "5000"),
		"campaigns/network-one-attempt.json": append(network, "--collector-attempts", "1"),
	} {
		saved, fresh := filepath.Join("../../testdata", file), filepath.Join(t.TempDir(), filepath.Base(file))
		if strings.HasPrefix(file, "reports/") {
			args = append(outage, args...)
		}
		if code := run(context.Background(), append(args, "--report", fresh), testStreams(t)); code != exitOK {
			t.Fatalf("exits with %d", code)
		}
		made, err := hashOf(fresh)
		if err != nil {
			t.Fatal(err)
		}
		if found, err := hashOf(saved); err == nil && found == made {
			continue // the same but for its times
		} else if !reporttest.Updating() {
			t.Errorf("%s is not what this version writes; FAULTFLOW_UPDATE=1 renews it (%v)", saved, err)
		} else if doc, err := os.ReadFile(fresh); err != nil {
			t.Error(err)
		} else if err := os.WriteFile(saved, doc, 0o644); err != nil {
			t.Error(err)
		}
	}
}

func hashOf(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	doc, err := report.Parse(text)
	if err != nil {
		return "", err
	}
	if doc.Campaign != nil {
		return doc.Campaign.Hash, nil
	}
	return doc.Report.Hash, nil
}
