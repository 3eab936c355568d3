package scenario

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"faultflow/internal/report"
	"faultflow/internal/settings"
)

const (
	library = "../../testdata/scenarios"
	// libraryFiles is the least number of files of the library, librarySeeds how many seeds each of them must pass
	// with.
	libraryFiles, librarySeeds = 26, 5
)

// removals take one pattern out of a scenario's settings.
var removals = []struct {
	name string
	sets []settings.Assignment
}{
	{
		"breaker",
		append(eachNode("breaker", "false"), settings.Assignment{Name: "enable-circuit-breaker", Text: "false"}),
	},
	{"retries", eachNode("attempts", "1")},
	{"backoff", eachNode("backoff", "1")},
	{"wait cap", eachNode("max-delay", "0s")},
	{"jitter", eachNode("jitter", "0")},
	{"deadline", eachNode("deadline", "0s")},
	{"throttle", eachNode("throttle", "0")},
	{"failure rate", eachNode("breaker-failure-rate", "0")},
	{"hedging", eachNode("hedge-after", "")},
	{"adaptive limit", eachNode("adaptive-limit", "0")},
	{"bursts", eachNode("rate-limit-burst", "1")},
	{"timeout", eachNode("timeout", "1h")},
	{"bulkhead", eachNode("bulkhead", "10000")},
	{"fallback", []settings.Assignment{{Name: "fallback", Text: "false"}}},
	{"cache", []settings.Assignment{{Name: "cache-ttl", Text: "0s"}, {Name: "cache-max-age", Text: "0s"}}},
	{"recovery", []settings.Assignment{{Name: "recovery", Text: "false"}}},
	{"failover", nil}, // the first channel alone: it differs from scenario to scenario
	{"channel health", []settings.Assignment{{Name: "channel-recover", Text: "0s"}}},
	{"spool", []settings.Assignment{{Name: "spool", Text: "false"}}},
	{"recovery graph", []settings.Assignment{{Name: "graph", Text: "standard"}}},
}

// builtIn are patterns that can't be removed.
var builtIn = []string{"health check", "failure isolation", "idempotency key", "dead letters", "error handler"}

func eachNode(setting, text string) (sets []settings.Assignment) {
	for _, node := range []string{"collector", "processor", "delivery"} {
		sets = append(sets, settings.Assignment{Name: node + "-" + setting, Text: text})
	}
	return sets
}

// lesson is a file of the library with what its comments say about it: which patterns it teaches, and which others it
// can't do without.
type lesson struct {
	file      string
	scenarios []*Scenario
	teaches   []string
	needs     map[string]string // the reason, by pattern
}

func lessons(t *testing.T) (list []lesson) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(library, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		scenarios, err := Parse(path, data)
		if err != nil {
			t.Fatal(err)
		}
		l := lesson{file: filepath.Base(path), scenarios: scenarios, needs: map[string]string{}}
		for line := range strings.Lines(string(data)) {
			comment, ok := strings.CutPrefix(line, "# ")
			if !ok {
				break
			}
			key, value, _ := strings.Cut(strings.TrimSpace(comment), ": ")
			switch key {
			case "teaches":
				l.teaches = strings.Split(value, ", ")
			case "also needs":
				pattern, reason, _ := strings.Cut(value, " (")
				l.needs[pattern] = strings.TrimSuffix(reason, ")")
			default:
				t.Errorf("%s: unknown comment %q", l.file, key)
			}
		}
		list = append(list, l)
	}
	return list
}

func TestLibraryPasses(t *testing.T) {
	list := lessons(t)
	if len(list) < libraryFiles {
		t.Errorf("%d files, want at least %d", len(list), libraryFiles)
	}
	var all []*Scenario
	kinds := map[string]int{}
	for _, l := range list {
		kind, _, _ := strings.Cut(l.file, "-")
		kinds[kind]++
		for _, s := range l.scenarios {
			if s.Description == "" {
				t.Errorf("%s: no description", l.file)
			}
			if name, _, _ := strings.Cut(s.Name, "["); name+".yaml" != l.file {
				t.Errorf("%s: its name is %s", l.file, s.Name)
			}
		}
		all = append(all, l.scenarios...)
	}
	for _, kind := range []string{"network", "data", "resource", "degradation", "processing", "storage"} {
		if kinds[kind] < 3 {
			t.Errorf("%d scenarios of kind %s, want at least 3", kinds[kind], kind)
		}
	}
	seeds := librarySeeds
	if testing.Short() {
		seeds = 0
	}
	Run(t.Context(), all, Options{Seeds: seeds}, func(r report.TestResult) {
		if r.Status != report.TestPassed {
			t.Errorf("%s: %s with seed %d: %v %v", r.Name, r.Status, r.Seed, r.Failures, r.Reasons)
		}
	})
}

// Each scenario stops passing without a pattern that it teaches, and passes without any other, so that each stands for
// its own pattern and expects nothing that would hold anyway.
func TestRemovingAPatternBreaksWhatTeachesIt(t *testing.T) {
	list := lessons(t)
	names := slices.Clone(builtIn)
	for _, removal := range removals {
		names = append(names, removal.name)
	}
	taught := map[string]bool{}
	for _, l := range list {
		if len(l.teaches) == 0 {
			t.Errorf("%s: no comment says what it teaches", l.file)
		}
		for _, pattern := range l.teaches {
			taught[pattern] = true
			if !slices.Contains(names, pattern) {
				t.Errorf("%s teaches %q; there are %s", l.file, pattern, strings.Join(names, ", "))
			}
		}
		for pattern, reason := range l.needs {
			if !slices.Contains(names, pattern) || slices.Contains(builtIn, pattern) ||
				slices.Contains(l.teaches, pattern) ||
				reason == "" {
				t.Errorf(
					"%s also needs %q (%s): want another pattern that can be removed, with a reason",
					l.file,
					pattern,
					reason,
				)
			}
		}
	}
	for _, name := range names {
		if !taught[name] {
			t.Errorf("no scenario teaches %s", name)
		}
	}
	for _, removal := range removals {
		t.Run(removal.name, func(t *testing.T) {
			var without []*Scenario
			var from []lesson
			for _, l := range list {
				for _, s := range l.scenarios {
					without = append(without, remove(t, s, removal.name, removal.sets))
					from = append(from, l)
				}
			}
			for i, r := range Run(t.Context(), without, Options{}, nil) {
				l := from[i]
				_, needed := l.needs[removal.name]
				depends := slices.Contains(l.teaches, removal.name) || needed
				switch passed := r.Status == report.TestPassed; {
				case passed && depends:
					t.Errorf("%s passes all the same, although it says that it depends on it", r.Name)
				case !passed && !depends:
					t.Errorf(
						"%s: %s, although it does not say that it depends on it: %v %v",
						r.Name,
						r.Status,
						r.Failures,
						r.Reasons,
					)
				}
			}
		})
	}
}

// remove returns the scenario without a pattern. What is left must be a scenario: one that can't run proves nothing.
func remove(t *testing.T, s *Scenario, name string, sets []settings.Assignment) *Scenario {
	t.Helper()
	without := *s
	without.Given = &settings.Given{}
	set := func(g settings.Assignment) {
		if err := without.Given.Set(g.Name, g.Text); err != nil {
			t.Fatalf("%s without %s: %s=%s: %v", s.Name, name, g.Name, g.Text, err)
		}
	}
	first, others, _ := strings.Cut(s.Given.Text("channels"), ",")
	if name == "failover" {
		sets = []settings.Assignment{{Name: "channels", Text: first}}
	}
	for _, g := range s.Given.List() {
		place, _, _ := strings.Cut(g.Text, "=")
		channel, _ := strings.CutPrefix(place, "delivery.")
		if name == "failover" && g.Name == "fault" && slices.Contains(strings.Split(others, ","), channel) {
			continue // it has gone with its channel
		}
		set(g)
	}
	for _, g := range sets {
		set(g)
	}
	if _, err := without.Given.Settings(); err != nil {
		t.Fatalf("%s without %s: %v", s.Name, name, err)
	}
	return &without
}
