package scenario

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// withoutRealTime is a result without what the wall clock decides.
func withoutRealTime(r report.TestResult) report.TestResult {
	r.RealMS = 0
	return r
}

func statuses(results []report.TestResult) string {
	var b strings.Builder
	for _, r := range results {
		b.WriteByte(string(r.Status)[0])
	}
	return b.String()
}

// mixed lists scenarios of which every fourth fails and every fifth is inconclusive.
func mixed(t *testing.T) (list []*Scenario, want string) {
	for i := range 20 {
		file := fmt.Sprintf("name: s%d\nseed: %d\ncycles: %d\n", i, i, 1+i%3)
		switch {
		case i%4 == 3:
			file, want = file+"expect: [ledger.lost == 99]\n", want+"f"
		case i%5 == 4:
			file, want = file+"faults: ['collector.fetch=timeout,from=1h']\n"+holds, want+"i"
		default:
			file, want = file+"faults: ['collector.fetch=connection_refused,first=1']\nexpect: [ledger.lost == 0, attempts('collector') == 2]\n", want+"p"
		}
		list = append(list, load(t, file)...)
	}
	return list, want
}

func TestRunIsTheSameOnAnyNumberOfCores(t *testing.T) {
	defer goleak.VerifyNone(t)
	list, want := mixed(t)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var first []report.TestResult
	for _, cores := range []int{1, 2, 7} {
		runtime.GOMAXPROCS(cores)
		var told []report.TestResult
		results := Run(t.Context(), list, Options{}, func(r report.TestResult) { told = append(told, r) })
		if got := statuses(results); got != want {
			t.Fatalf("%d cores: %s, want %s", cores, got, want)
		}
		if !reflect.DeepEqual(told, results) {
			t.Errorf("%d cores: told %v, returned %v", cores, told, results)
		}
		for i, r := range results {
			timed := r.RealMS > 0 || r.RealMS == 0 && runtime.GOOS == "windows" // whose clock counts in half milliseconds or more
			if results[i] = withoutRealTime(r); r.Name != list[i].Name || r.Seed != uint64(i) || r.Seeds != 1 ||
				!timed {
				t.Errorf("result %d is %+v", i, r)
			}
		}
		if first == nil {
			first = results
		} else if !reflect.DeepEqual(results, first) {
			t.Errorf("%d cores: the results differ", cores)
		}
	}
}

func TestFailFast(t *testing.T) {
	defer goleak.VerifyNone(t)
	list, _ := mixed(t)
	for range 5 {
		results := Run(t.Context(), list, Options{FailFast: true}, nil)
		if got, want := statuses(results), "pppf"+strings.Repeat("s", 16); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		if r := results[19]; r.Name != "s19" || r.Expectations != len(list[19].Expectations) ||
			len(r.Failures)+len(r.Reasons) != 0 {
			t.Errorf("skipped: %+v", r)
		}
	}
}

func TestCancellationSkips(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, cancel := context.WithCancel(t.Context())
	list, want := mixed(t)
	long := load(t, "cycles: 100000000\nseeds: [1, 2]\n"+holds)
	list = append(list[:5:5], long[0], long[0], long[0])
	results := Run(ctx, list, Options{}, func(r report.TestResult) {
		if r.Name == "s4" {
			cancel()
		}
	})
	if got := statuses(results); got != want[:5]+"sss" {
		t.Errorf("got %s", got)
	}
	if results := Run(ctx, list, Options{Seeds: 3}, nil); statuses(results) != "ssssssss" {
		t.Errorf("cancelled before: %s", statuses(results))
	}
	if results := Run(t.Context(), nil, Options{}, nil); len(results) != 0 {
		t.Errorf("no scenarios: %v", results)
	}
}

func TestSeeds(t *testing.T) {
	for name, c := range map[string]struct {
		file    string
		options int
		status  report.TestStatus
		seed    uint64
		seeds   int
	}{
		"one":                    {"seed: 5\n" + holds, 0, report.TestPassed, 5, 1},
		"of the file":            {"seeds: [5, 3]\n" + holds, 0, report.TestPassed, 5, 2},
		"counted up":             {"seeds: [5, 3]\n" + holds, 3, report.TestPassed, 5, 3},
		"first failing":          {"seeds: [5, 3, 9, 9]\nexpect: [seed < 9]\n", 0, report.TestFailed, 9, 3},
		"first failing, counted": {"seed: 5\nexpect: [seed < 7]\n", 10, report.TestFailed, 7, 3},
		"beyond the last one":    {"seed: 9007199254740991\nexpect: [seed != 1]\n", 10, report.TestFailed, 1, 3},
		"first inconclusive": {"seeds: [3, 5, 6]\nfaults: ['collector.fetch=timeout,p=0']\n" + holds, 0,
			report.TestInconclusive, 3, 3},
		"failed beats inconclusive": {"seeds: [3, 5, 6, 7]\nfaults: ['collector.fetch=timeout,p=0']\nexpect: [seed != 6]\n", 0, report.TestFailed, 6, 3},
	} {
		s := load(t, c.file)
		r := Run(t.Context(), s, Options{Seeds: c.options}, nil)[0]
		if r.Status != c.status || r.Seed != c.seed || r.Seeds != c.seeds {
			t.Errorf(
				"%s: %s with seed %d after %d, want %s, %d, %d",
				name,
				r.Status,
				r.Seed,
				r.Seeds,
				c.status,
				c.seed,
				c.seeds,
			)
		}
		if !strings.HasSuffix(r.Repeat, fmt.Sprintf(" --seed %d", c.seed)) {
			t.Errorf("%s: repeat is %q", name, r.Repeat)
		}
	}
}

func TestPassedBeforeInconclusive(t *testing.T) {
	// The third seed decides: the fault fires with a probability, so that with some seeds it does not.
	s := load(t, "cycles: 1\nseed: 1\nfaults: ['collector.fetch=slow,p=0.5']\n"+holds)
	var passed, inconclusive uint64
	for seed := uint64(1); seed < 50; seed++ {
		s[0].Seeds = []uint64{seed}
		switch r := Run(t.Context(), s, Options{}, nil)[0]; {
		case r.Status == report.TestPassed && passed == 0:
			passed = seed
		case r.Status == report.TestInconclusive && inconclusive == 0:
			inconclusive = seed
		}
	}
	if passed == 0 || inconclusive == 0 {
		t.Fatalf("passed %d, inconclusive %d", passed, inconclusive)
	}
	s[0].Seeds = []uint64{passed, inconclusive, passed}
	r := Run(t.Context(), s, Options{}, nil)[0]
	if r.Status != report.TestInconclusive || r.Seed != inconclusive || r.Seeds != 3 {
		t.Errorf("got %+v", r)
	}
}

func TestErrorsOfARunAreFailures(t *testing.T) {
	r := Run(t.Context(), load(t, "input: none.csv\n"+holds), Options{}, nil)[0]
	if r.Status != report.TestFailed || len(r.Reasons) != 1 || !strings.Contains(r.Reasons[0], "none.csv") {
		t.Errorf("got %+v", r)
	}
}

func TestRepeat(t *testing.T) {
	list, err := Parse("my dir/it's.yaml", []byte("matrix:\n  collector-attempts: [2]\n  channels: ['a,b']\n"+holds))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ file, want string }{
		{list[0].File, `faultflow --scenario 'my dir/it'\''s.yaml' --seed 3 --collector-attempts=2 --channels=a,b`},
		{"", `faultflow --seed 3 --collector-attempts=2 --channels=a,b`},
	} {
		if got := Repeat(test.file, append(list[0].Overrides, settings.Assignment{Name: "seed", Text: "9"}), 3); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

// hundred are 100 scenarios of 30 virtual seconds each.
func hundred(t testing.TB) (list []*Scenario) {
	for i := range 100 {
		list = append(list, load(t, fmt.Sprintf("name: s%d\nseed: %d\ncycles: 7\ninterval: 5s\nfaults: ['collector.fetch=connection_refused,from=5s,to=20s']\ncollector:\n  breaker: true\n"+
			"expect: ['ledger.lost == 0', 'breaker(\"collector\").opened >= 1', 'duration_ms >= 30000']\n", i, i))...)
	}
	return list
}

func TestHundredScenarios(t *testing.T) {
	virtual := 0.0
	for _, r := range Run(t.Context(), hundred(t), Options{}, nil) {
		if virtual += r.VirtualMS; r.Status != report.TestPassed {
			t.Errorf("%+v", r)
		}
	}
	if virtual < 3_000_000 {
		t.Errorf("%v virtual milliseconds, want 3000 s", virtual)
	}
}

func BenchmarkHundredScenarios(b *testing.B) {
	for b.Loop() {
		if got := statuses(Run(context.Background(), hundred(b), Options{}, nil)); got != strings.Repeat("p", 100) {
			b.Fatal(got)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/100")
}

// A fault that never fired is told at its own line, whichever of the others did.
func TestReasonsHaveTheirLines(t *testing.T) {
	list := load(t, `simulate-failures: true
failure-type: network
faults:
  - collector.fetch=connection_refused,first=1
  - place: delivery.spool
    kind: hang
  - processor.record=error,may_not_fire=true,p=0
  - {kind: hang, place: delivery.spool, from: 1h}
expect:
  - ledger.lost == 0
  - breaker("processor").opened == 0
`)
	r := Run(context.Background(), list, Options{}, nil)[0]
	if want := []int{5, 8, 11}; r.Status != report.TestInconclusive || !reflect.DeepEqual(r.ReasonLines, want) {
		t.Errorf("%s: lines %v of %q, want %v", r.Status, r.ReasonLines, r.Reasons, want)
	}
}
