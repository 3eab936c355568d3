package render_test

import (
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"faultflow/internal/catalog"
	"faultflow/internal/render/ci"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
)

func TestRunJUnitGolden(t *testing.T) {
	for name, r := range reporttest.Samples() {
		t.Run(name, func(t *testing.T) { reporttest.Golden(t, name+".xml", runJUnit(t, r)) })
	}
}

func runJUnit(t tester, r *report.Report) string {
	t.Helper()
	return written(t, r, ci.WriteJUnit)
}

func TestRunJUnitIsValid(t *testing.T) {
	for name, r := range reporttest.Samples() {
		for _, schema := range schemas() {
			t.Run(name+"/"+filepath.Base(schema), func(t *testing.T) {
				if err := validate(t, schema, runJUnit(t, r)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	for name, attack := range attacks() {
		t.Run(name, func(t *testing.T) {
			if err := validate(t, schemas()[0], runJUnit(t, attacked(attack))); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRunJUnitOfAnyReport(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := reporttest.Any().Draw(t, "report")
		r.Meta.RealMS = 1
		if suites := parseJUnit(t, runJUnit(t, &r)); len(suites.Suites) != 1 || suites.Tests < 2 {
			t.Fatalf("%+v", suites)
		}
	})
}

func TestRunJUnitCases(t *testing.T) {
	for _, c := range []struct {
		name     string
		change   func(*report.Report)
		of       string
		failure  string // the beginning of its message
		errorMsg string
	}{
		{"success", func(*report.Report) {}, "verdict", "", ""},
		{"degraded", func(r *report.Report) { r.Verdict = catalog.Degraded }, "verdict", "", ""},
		{"failed", func(r *report.Report) { r.Verdict = catalog.Failed }, "verdict", "failed — ", ""},
		{"a verdict that nobody knows", func(r *report.Report) { r.Verdict = "fine" }, "verdict", "fine — ", ""},
		{
			"interrupted",
			func(r *report.Report) { r.Interrupted = true },
			"verdict",
			"",
			"success — interrupted after 1 cycle",
		},
		{"balanced", func(*report.Report) {}, "ledger", "", ""},
		{
			"unbalanced",
			func(r *report.Report) { r.Ledger.Balanced, r.Ledger.Lost = false, 1 },
			"ledger",
			"50 collected = 50 delivered",
			"",
		},
		{
			"drill",
			func(r *report.Report) { r.Drill = []report.DrillPath{{Path: "fallback_data", Recovered: true}} },
			"recovery path fallback_data",
			"",
			"",
		},
		{
			"failed drill",
			func(r *report.Report) { r.Drill = []report.DrillPath{{Path: "fallback_data", Detail: "why"}} },
			"recovery path fallback_data",
			"not recovered\u00a0· why",
			"",
		},
		{
			"a fault that fired",
			func(r *report.Report) { r.Faults = []report.Fault{{Spec: "f", Declared: true, Fired: 1}} },
			"fault f fires",
			"",
			"",
		},
		{
			"a fault that did not",
			func(r *report.Report) { r.Faults = []report.Fault{{Spec: "f", Declared: true, Armed: 2}} },
			"fault f fires",
			"",
			"never fired (calls that came by it: 2)",
		},
		{
			"a fault that need not",
			func(r *report.Report) { r.Faults = []report.Fault{{Spec: "f", Declared: true, MayNotFire: true}} },
			"fault f fires",
			"",
			"",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := reporttest.Success()
			c.change(r)
			for _, got := range parseJUnit(t, runJUnit(t, r)).Suites[0].Testcases {
				if got.Name != c.of {
					continue
				}
				failure, errorMsg := "", ""
				if got.Failure != nil {
					failure = got.Failure.Message
				}
				if got.Error != nil {
					errorMsg = got.Error.Message
				}
				want := strings.ReplaceAll(c.failure, "\u00a0", " ")
				if (failure == "") != (want == "") || !strings.HasPrefix(
					failure,
					want,
				) || (errorMsg == "") != (c.errorMsg == "") || !strings.HasPrefix(errorMsg, c.errorMsg) {
					t.Errorf("failure %q, error %q", failure, errorMsg)
				}
				return
			}
			t.Errorf("no case %q in\n%s", c.of, runJUnit(t, r))
		})
	}
	r := reporttest.Network()
	r.Faults = append(r.Faults, report.Fault{Spec: "of a profile"})
	got := parseJUnit(t, runJUnit(t, r)).Suites[0]
	if len(got.Testcases) != 3 || got.Time != "0.003" || !strings.Contains(
		got.Testcases[0].SystemOut.Data,
		"→ check the primary data source",
	) {
		t.Errorf("%+v", got)
	}
}
