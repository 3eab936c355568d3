package scenario

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// TestOverloadLibrary runs the lessons about load, which docs/overload.md teaches, as they are and once with each
// setting that the comments at their top say they fail with: where what is taught does not hold, the expectations must
// not either.
func TestOverloadLibrary(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(library, "overload", "*.yaml"))
	if err != nil || len(files) < overloadFiles {
		t.Fatalf("%d files, want at least %d; %v", len(files), overloadFiles, err)
	}
	var all, contrary []*Scenario
	var changed []string // what, of each contrary one
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		scenarios, err := Parse(path, data)
		if err != nil {
			t.Fatal(err)
		}
		said := 0
		for line := range strings.Lines(string(data)) {
			change, ok := strings.CutPrefix(strings.TrimSpace(line), "# fails with: ")
			if !ok {
				break
			}
			said++
			for _, s := range scenarios {
				contrary = append(contrary, changedTo(t, s, change))
				changed = append(changed, change)
			}
		}
		for _, s := range scenarios {
			name, _, _ := strings.Cut(s.Name, "[")
			if s.Description == "" || name+".yaml" != filepath.Base(path) || said == 0 {
				t.Errorf("%s: described as %q, named %s, %d settings said to fail", path, s.Description, name, said)
			}
		}
		all = append(all, scenarios...)
	}
	if raceEnabled {
		contrary = nil // they only run other settings, each some 0.1 s long without the race detector
	}
	Run(t.Context(), all, Options{}, func(r report.TestResult) {
		if r.Status != report.TestPassed {
			t.Errorf("%s: %s with seed %d: %v %v", r.Name, r.Status, r.Seed, r.Failures, r.Reasons)
		}
	})
	for i, r := range Run(t.Context(), contrary, Options{}, nil) {
		if len(r.Failures) == 0 {
			t.Errorf(
				"%s with %s: %s %v, although its lesson does not hold then",
				r.Name,
				changed[i],
				r.Status,
				r.Reasons,
			)
		}
	}
}

// overloadFiles is the least number of lessons about load.
const overloadFiles = 15

// changedTo returns the scenario with another value of a setting, such as load=4/s, in place of all that it gave it.
func changedTo(t *testing.T, s *Scenario, change string) *Scenario {
	t.Helper()
	name, text, _ := strings.Cut(change, "=")
	other := *s
	other.Given = &settings.Given{}
	for _, g := range append(s.Given.List(), settings.Assignment{Name: name, Text: text}) {
		if g.Name == name && g.Text != text {
			continue
		}
		if err := other.Given.Set(g.Name, g.Text); err != nil {
			t.Fatalf("%s with %s: %v", s.Name, change, err)
		}
	}
	return &other
}
