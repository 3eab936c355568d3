package scenario

import (
	"errors"
	"testing"
	"unicode/utf8"

	"faultflow/internal/settings"
)

// load parses a scenario that must be right.
func load(t testing.TB, file string) []*Scenario {
	t.Helper()
	list, err := Parse("x.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func (s *Scenario) settings(t testing.TB) settings.Settings {
	t.Helper()
	complete, err := s.Given.Settings()
	if err != nil {
		t.Fatal(err)
	}
	return complete
}

func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"", holds, Template("x"), "# c\n", "a: [", "- - - x", "? a\n: b\n", "a: &x 1\nb: *x\n", "name: \"\\u00e9\\\n  x\"\n" + holds,
		"expect:\n  - >-\n    ledger.lost ==\n\n    bogus\n", "expect: ['a''b', \"\\x41\", |x]\n", "matrix:\n  attempts: [1, 2]\n  timeout: [1s]\n" + holds,
		"faults:\n  - place: collector.fetch\n    kind: hang|timeout\n    share: 1\n" + holds, "\ufeffname: x\r\n" + holds, "a: |2-\n   x\n", "seeds: [1, 2]\n" + holds,
		"%YAML 1.2\n---\n" + holds, "a: !!map {<<: 1}\n", "collector: {breaker: {on: false, open-for: 1s}}\n" + holds,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := Parse("x.yaml", data)
		if err != nil {
			var bad *FileError
			if !errors.As(err, &bad) || list != nil {
				t.Fatalf("%T: %v, with %d scenarios", err, err, len(list))
			}
			if !utf8.ValidString(bad.Error()) {
				t.Errorf("not UTF-8: %q", bad.Error())
			}
			checkShape(t, bad, string(data))
			return
		}
		for _, s := range list {
			if len(s.Expectations) == 0 || len(s.Seeds) == 0 {
				t.Errorf("%s has %d expectations, %d seeds", s.Name, len(s.Expectations), len(s.Seeds))
			}
			complete := s.settings(t)
			if err := complete.Validate(); err != nil {
				t.Errorf("%s: %v", s.Name, err)
			}
		}
	})
}
