package expect

import (
	"testing"
	"unicode/utf8"

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
		"errors.by_class?.network > 0",
		"seed | string() == '1'",
		"1 / 0 > 2",
		"(((",
		"nodes[-9]",
		"'\\u0000'",
	} {
		f.Add(seed)
	}
	r := &report.Report{Nodes: []report.Node{{Name: "collector"}}}
	env, err := Environment(r)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, source string) {
		e, err := Compile(source)
		if err != nil {
			bad, ok := err.(*Error)
			if !ok || bad.Problem == "" || bad.Offset < 0 || bad.Offset > utf8.RuneCountInString(source) {
				t.Fatalf("%T %+v", err, err)
			}
			return
		}
		if _, err := e.Check(env); err != nil && err.Error() == "" {
			t.Error("an error without a text")
		}
		e.Values(env)
		e.Vacuous(r)
	})
}
