package compare_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"faultflow/internal/catalog"
	"faultflow/internal/compare"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
)

func TestParseGate(t *testing.T) {
	for in, want := range map[string]string{
		"regression":                         "*",
		"never":                              "never",
		"verdict":                            "verdict",
		"verdict,ledger.*,attempts.*>10%":    "verdict,ledger.*,attempts.*>10%",
		" verdict , duration_ms > 5.50 % ":   "verdict,duration_ms>5.5%",
		"ledger.spooled>5":                   "ledger.spooled>5",
		"*_ms.*>1e3":                         "*_ms.*>1000",
		"attempts.nobody":                    "attempts.nobody",
		"broken.*>0":                         "broken.*>0",
		"*":                                  "*",
		"warnings.fresh_cache,patterns.\xff": "warnings.fresh_cache,patterns.\ufffd",
	} {
		g, err := compare.ParseGate(in)
		if err != nil || g.String() != want {
			t.Errorf("%q is %q, error %v; want %q", in, g, err, want)
		}
	}
}

func TestParseGateRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":               `"": want the name of a measure`,
		"verdict,":       `"": want the name of a measure`,
		">5":             `">5": want the name of a measure`,
		"verdict>":       `"verdict>": want a number or a percentage behind >`,
		"verdict>x%":     "want a number or a percentage",
		"verdict>-1":     "want a number or a percentage",
		"verdict>NaN":    "want a number or a percentage",
		"verdict>Inf%":   "want a number or a percentage",
		"verdict>5>6":    "want a number or a percentage",
		"ledgr.*":        `"ledgr.*": there is no such measure (did you mean ledger?)`,
		"attemps.x>10%":  "(did you mean attempts?)",
		"verdict.*,nope": `"nope": there is no such measure; faultflow compare --measures lists them`,
		"Regression":     "there is no such measure",
	} {
		_, err := compare.ParseGate(in)
		var gate *compare.GateError
		if !errors.As(err, &gate) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
}

func TestGateBites(t *testing.T) {
	a, b := base(), base()
	a.Verdict, b.Verdict = catalog.Degraded, catalog.Failed
	a.Nodes[0].Attempts, b.Nodes[0].Attempts = 6, 7 // +16.7 %
	a.Ledger.Spooled, b.Ledger.Spooled = 0, 3
	a.DurationMS, b.DurationMS = 10_000, 10_490        // +4.9 %
	a.Nodes[1].Attempts, b.Nodes[1].Attempts = 4, 1    // better
	a.Ledger.Collected, b.Ledger.Collected = 100, 1000 // neither
	deliveredAs(30, 50)(b)                             // the same number of records, but more of them are copies
	result := compared(t, a, b)
	for gate, want := range map[string]string{
		"regression":            "verdict duration_ms ledger.delivered_from_source ledger.delivered_share ledger.spooled attempts.collector",
		"never":                 "",
		"*>5%":                  "verdict ledger.delivered_from_source ledger.delivered_share ledger.spooled attempts.collector",
		"verdict":               "verdict",
		"verdict>50%":           "verdict",
		"attempts.*>10%":        "attempts.collector",
		"attempts.*>20%":        "",
		"attempts.*>0":          "attempts.collector",
		"attempts.*>1":          "",
		"ledger.spooled>1000%":  "ledger.spooled",
		"ledger.spooled>3":      "",
		"*ed,verdict,*verdict*": "verdict ledger.spooled",
		"warnings.no_data":      "",
		"errors.by_class.data":  "",
		"ledger.*>1":            "ledger.delivered_from_source ledger.spooled",
	} {
		g, err := compare.ParseGate(gate)
		if err != nil {
			t.Fatal(err)
		}
		found, _, err := g.Check(result)
		var names []string
		for _, f := range found {
			names = append(names, f.Row.Name)
			if f.Input != 1 || f.Comparison != "" {
				t.Errorf("%s: %+v", gate, f)
			}
		}
		slices.Sort(names)
		expected := strings.Fields(want)
		slices.Sort(expected)
		if err != nil || !slices.Equal(names, expected) {
			t.Errorf("%s bites at %q, error %v; want %q", gate, names, err, expected)
		}
	}
}

// A gate that could never bite would be trusted in vain.
func TestGateThatCannotBite(t *testing.T) {
	reports := compared(t, reporttest.Network(), reporttest.Network())
	tests := result(ofTests(testResults()), ofTests(testResults()))
	for _, c := range []struct {
		gate   string
		result *compare.Result
		want   string
	}{
		{
			"attempts.colector",
			reports,
			`"attempts.colector": nothing that is compared has such a measure (did you mean attempts.collector?)`,
		},
		{"verdict,warnings.no_date", reports, "(did you mean warnings.no_data?)"},
		{"ledger.*", tests, "nothing that is compared has such a measure"},
		{"tests.*", reports, "nothing that is compared has such a measure"},
		{"scenario.outtage", tests, "(did you mean scenario.outage?)"},
		{"ledger.collected", reports, "no value of it is better or worse than another"},
		{"calls.*>10%", reports, `"calls.*>10%": no value of it is better or worse than another`},
	} {
		g, err := compare.ParseGate(c.gate)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = g.Check(c.result)
		var gate *compare.GateError
		if !errors.As(err, &gate) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.gate, err, c.want)
		}
	}
}

// With several inputs and folders a regression says where it is.
func TestGateNamesThePlace(t *testing.T) {
	bad := reporttest.Network()
	bad.Verdict = catalog.Failed
	input := func(x, y *report.Report) compare.Input {
		return compare.Input{Documents: map[string]compare.Document{"x": ofReport(x), "y": ofReport(y)}}
	}
	g, err := compare.ParseGate("verdict")
	if err != nil {
		t.Fatal(err)
	}
	found, _, err := g.Check(compare.Compare([]compare.Input{
		input(reporttest.Network(), reporttest.Network()),
		input(reporttest.Network(), bad),
		input(bad, reporttest.Network()),
	}))
	var places []string
	for _, f := range found {
		places = append(places, fmt.Sprint(f.Comparison, f.Input))
	}
	if err != nil || !slices.Equal(places, []string{"x2", "y1"}) {
		t.Errorf("%q, error %v", places, err)
	}
}

func FuzzGate(f *testing.F) {
	for _, seed := range []string{
		"regression",
		"never",
		"verdict,ledger.*,attempts.*>10%",
		"*>5",
		"x>1>2",
		">%",
		"broken.a: b > 5",
		"\xff*",
		"verdict>0x1p-2",
	} {
		f.Add(seed)
	}
	result := compared(f, reporttest.Network(), reporttest.Hostile())
	f.Fuzz(func(t *testing.T, s string) {
		g, err := compare.ParseGate(s)
		if err != nil {
			if g.String() != compare.Nothing {
				t.Errorf("%q: %v, and a gate %q", s, err, g)
			}
			return
		}
		again, err := compare.ParseGate(g.String())
		if err != nil || again.String() != g.String() {
			t.Errorf("%q is written as %q, which is %q, error %v", s, g, again, err)
		}
		one, _, errOne := g.Check(result)
		two, _, errTwo := again.Check(result)
		if len(one) != len(two) || (errOne == nil) != (errTwo == nil) {
			t.Errorf("%q and %q do not bite alike", s, g)
		}
	})
}
