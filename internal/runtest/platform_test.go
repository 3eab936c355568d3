package runtest_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"faultflow/internal/fault"
	"faultflow/internal/reporttest"
	"faultflow/internal/runner"
	"faultflow/internal/runtest"
	"faultflow/internal/scenario"
	"faultflow/internal/settings"
)

// TestHashesAreThoseOfAnotherPlatform: the same seed gives the same bytes in any system.
func TestHashesAreThoseOfAnotherPlatform(t *testing.T) { reporttest.Elsewhere(t, hashes) }

// hashes lists those of the scenarios' reports, of 40 runs of each profile, and of a campaign, one a line.
func hashes(t *testing.T) []byte {
	var list bytes.Buffer
	note := func(name string, s settings.Settings) {
		rep, err := runner.Run(t.Context(), s, runner.Environment{})
		if err == nil {
			err = rep.Seal()
		}
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&list, "%s seed %d: %s\n", name, s.Seed, rep.Hash)
	}
	files, err := filepath.Glob("../../testdata/scenarios/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d scenarios, %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		scenarios, err := scenario.Parse(file, data)
		if err != nil {
			t.Fatal(err)
		}
		for _, sc := range scenarios {
			s, err := sc.Given.Settings()
			if err != nil {
				t.Fatal(err)
			}
			s.Seed = sc.Seeds[0]
			note(sc.Name, s)
		}
	}
	for _, profile := range fault.Profiles() {
		s := settings.Defaults()
		s.Clock, s.SimulateFailures, s.FailureType, s.Cycles = settings.ClockVirtual, true, profile, 3
		for s.Seed = range uint64(40) {
			note(profile, s)
		}
	}
	for _, load := range []string{
		"20/s", "5/s..40/s,to=8s",
	} {
		for _, service := range []string{"exp:40ms", "lognormal:30ms/300ms", "uniform:10ms/90ms", "mix:90%exp:10ms+10%exp:200ms"} {
			r := runtest.Run(t, "for=10s", "load="+load, "capacity=collector.fetch=places=2,queue=8,service="+service)
			if err := r.Seal(); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&list, "%s %s: %s\n", load, service, r.Hash)
		}
	}
	c := runtest.Campaign(t, 40, "simulate-failures=true", "failure-type=storage")
	fmt.Fprintf(&list, "campaign: %s\n", c.Hash)
	return list.Bytes()
}
