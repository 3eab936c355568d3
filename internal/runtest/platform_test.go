package runtest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"faultflow/internal/fault"
	"faultflow/internal/runner"
	"faultflow/internal/runtest"
	"faultflow/internal/scenario"
	"faultflow/internal/settings"
)

// TestHashesAreThoseOfAnotherPlatform holds hashes of reports against those that another platform wrote into the file
// of FAULTFLOW_HASHES, or writes them there if it is not there yet. `make wasm` runs it on this machine and then as
// WebAssembly in node, whose system has other errors: the same seed gives the same bytes in both.
func TestHashesAreThoseOfAnotherPlatform(t *testing.T) {
	path := os.Getenv("FAULTFLOW_HASHES")
	if path == "" {
		t.Skip("FAULTFLOW_HASHES names no file; make wasm runs this test")
	}
	got := hashes(t)
	want, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		want, err = got, os.WriteFile(path, got, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	there, here := bytes.Split(want, []byte("\n")), bytes.Split(got, []byte("\n"))
	if len(there) != len(here) {
		t.Fatalf("%d hashes here, %d there", len(here), len(there))
	}
	for i := range here {
		if !bytes.Equal(here[i], there[i]) {
			t.Errorf("here:  %s\nthere: %s", here[i], there[i])
		}
	}
}

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
