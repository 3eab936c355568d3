package expect

import (
	"testing"
	"unicode/utf8"

	"faultflow/internal/expression"
	"faultflow/internal/report"
)

func FuzzExpect(f *testing.F) {
	for _, seed := range []string{
		"true",
		"ledger.lost == 0",
		`breaker("collector").opened >= 1`,
		"nodes[0].name == 'collector'",
		"all(nodes, .runs > 0)",
		"len(findings) > 99 ? true : false",
		"let x = seed; x > 0",
		"all(filter(nodes, .runs > 0), any(findings, .node == #.node))",
		"breaker('collector').transitions[0].at_ms > 1",
		"let b = breaker('collector'); b.opened == 0 or true",
		"find(nodes, .runs > 0)?.attempts == 1",
		"errors.by_class?.network > 0",
		"seed | string() == '1'",
		"1 / 0 > 2",
		"ci(expect[0]) < 1 or findings['no_data'].runs.high > 0.1",
		"(((",
		"nodes[-9]",
		"'\\u0000'",
	} {
		f.Add(seed)
	}
	r := &report.Report{Nodes: []report.Node{{Name: "collector"}}}
	campaign := &report.Campaign{Runs: 3, Nodes: []report.NodeLoad{{Name: "collector"}}}
	f.Fuzz(func(t *testing.T, source string) {
		if c, err := CompileCampaign(source); err == nil {
			if outcomes, err := Campaign(campaign, []*Condition{c}); err != nil || len(outcomes) != 1 {
				t.Fatalf("%v, %v", outcomes, err)
			}
		}
		e, err := Compile(source)
		if err != nil {
			bad, ok := err.(*expression.Error)
			if !ok || bad.Problem == "" || bad.Offset < 0 || bad.Offset > utf8.RuneCountInString(source) {
				t.Fatalf("%T %+v", err, err)
			}
			return
		}
		outcomes, err := Run(r, []*Condition{e})
		if err != nil || len(outcomes) != 1 {
			t.Fatalf("%v, %v", outcomes, err)
		}
		o := outcomes[0]
		if (o.Status == report.TestInconclusive) != (len(o.Reasons) > 0) {
			t.Errorf("%s with the reasons %q", o.Status, o.Reasons)
		}
	})
}
