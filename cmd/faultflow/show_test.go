package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"faultflow/internal/report"
)

// TestSavedReportsAreCurrent makes the reports that help, README and tests show anew. UPDATE_REPORTS=1 keeps them.
func TestSavedReportsAreCurrent(t *testing.T) {
	for file, flags := range map[string][]string{
		"outage.json":      {"--enable-circuit-breaker"},
		"outage-bare.json": nil,
	} {
		saved, fresh := filepath.Join("../../testdata/reports", file), filepath.Join(t.TempDir(), file)
		args := append([]string{"--clock", "virtual", "--seed", "7", "--cycles", "12",
			"--fault", "collector.fetch=connection_refused,from=2s,to=40s", "--fault", "delivery.primary=http_503,from=20s,to=35s",
			"--fault", "processor.record=error,p=0.02", "--report", fresh}, flags...)
		if code := run(context.Background(), args, testStreams(t)); code != exitOK {
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
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := report.ReadJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	return r.Hash
}
