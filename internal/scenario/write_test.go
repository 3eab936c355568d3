package scenario

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"faultflow/internal/report"
	"faultflow/internal/runner"
)

// drawText draws a text that the setting takes.
func drawText(t *rapid.T, f *runner.Field) string {
	switch f.Kind {
	case "bool":
		return rapid.SampledFrom([]string{"true", "false", "1", "F"}).Draw(t, f.Name)
	case "int":
		return fmt.Sprint(rapid.IntRange(1, 9999).Draw(t, f.Name))
	case "float":
		return rapid.SampledFrom([]string{"1", "1.0", "1e0", "0x1p0"}).Draw(t, f.Name)
	case "duration":
		return rapid.SampledFrom([]string{"1ms", "2s", "1m30s", "1.5h", "500ms"}).Draw(t, f.Name)
	case "choice":
		return rapid.SampledFrom(f.Choices).Draw(t, f.Name)
	}
	if f.Name == "channels" {
		return strings.Join(rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9_-]{1,6}`).Filter(func(s string) bool { return s != "spool" }), 1, 4,
			func(s string) string { return s }).Draw(t, f.Name), ",")
	}
	return rapid.OneOf(rapid.StringMatching(`/[a-z]{1,8}\.csv`), rapid.SampledFrom([]string{"yes", "null", "~", "007", "1e3", "a: b", "# x", "'", `"`, " x ", "é", "- a", "[", "2s", "{}", "true"})).Draw(t, f.Name)
}

func TestWhatMarshalWritesIsReadTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := runner.NewDraft()
		fields := d.Fields()
		for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(fields)-1), 0, 12, func(i int) int { return i }).Draw(t, "settings") {
			f := fields[i]
			if f.List {
				continue
			}
			if err := d.Set(f.Name, drawText(t, f)); err != nil {
				t.Fatal(f.Name, err)
			}
		}
		for _, spec := range rapid.SliceOfN(rapid.SampledFrom([]string{"collector.fetch=timeout", "processor.record=panic,p=0.25,may_not_fire=true", "delivery.spool=disk_full,calls=1+3-5",
			"collector.fetch=slow|hang,by=2s,from=1s,to=3s"}), 0, 3).Draw(t, "faults") {
			if err := d.Set("fault", spec); err != nil {
				t.Fatal(err)
			}
		}
		expect := rapid.SliceOfN(rapid.SampledFrom([]string{`ledger.lost == 0`, `verdict == "ok"`, `'ok' == verdict`, `pattern("timeout") ? true : false`, "seed > 0 #", "true\nand true", "not (seed == 1)", "[1][0] == 1"}), 0, 3).Draw(t, "expect")
		for i, e := range expect {
			expect[i] = strings.TrimSuffix(e, " #")
			if err := d.Set("expect", expect[i]); err != nil {
				t.Fatal(err)
			}
		}
		if d.Field("input").String() != "" && !strings.HasPrefix(d.Field("input").String(), "/") {
			if err := d.Set("input", "-"); err != nil { // a path of its own would be looked for from the file's folder
				t.Fatal(err)
			}
		}
		if !d.IsGiven("clock") { // a file's default is another
			if err := d.Set("clock", "real"); err != nil {
				t.Fatal(err)
			}
		}
		want, err := d.Settings()
		if err != nil {
			t.Skip(err)
		}
		name := rapid.SampledFrom([]string{"x", "a: b", "# x", "", "é 'x'", "no", "12"}).Draw(t, "name")
		doc, err := Marshal(name, d)
		if err != nil {
			t.Fatal(err)
		}
		list, err := Parse("dir/y.yaml", doc)
		if err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		got, err := list[0].Draft.Settings()
		if err != nil {
			t.Fatal(err)
		}
		if d.SeedGiven {
			if list[0].Seeds[0] != want.Seed {
				t.Fatalf("seed %d, want %d", list[0].Seeds[0], want.Seed)
			}
			got.Seed = want.Seed
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got\n%+v\nwant\n%+v\nfrom\n%s", got, want, doc)
		}
		if len(expect) == 0 {
			expect = []string{"ledger.lost == 0"}
		}
		var sources []string
		for _, e := range list[0].Expectations {
			sources = append(sources, e.Source)
		}
		if !slices.Equal(sources, expect) || list[0].Name != name {
			t.Fatalf("%q: got %q, want %q", list[0].Name, sources, expect)
		}
	})
}

func TestTemplate(t *testing.T) {
	text := Template("first steps")
	s := load(t, text)
	if s[0].Name != "first steps" {
		t.Errorf("name is %q", s[0].Name)
	}
	if r := Run(context.Background(), s, Options{}, nil)[0]; r.Status != report.TestPassed {
		t.Errorf("got %+v", r)
	}
	for _, word := range []string{"name:", "description:", "seed:", "seeds:", "cycles:", "faults:", "place:", "kind:", "may_not_fire", "collector:", "breaker:", "expect:", "matrix:", "input:",
		"clock:", "graph:", "simulate-failures:", "failure-type:", "pattern(", "attempts(", "ledger.lost", "verdict"} {
		if !strings.Contains(text, word) {
			t.Errorf("the template does not mention %s", word)
		}
	}
	// What is commented out is right, too.
	off := "# matrix:\n#   collector-retries: [1, 3]\n#   timeout: [1s, 5s]\n"
	if list := load(t, strings.Replace(text, off, strings.ReplaceAll(strings.ReplaceAll(off, "#   ", "  "), "# ", ""), 1)); len(list) != 4 {
		t.Errorf("the template's matrix gives %d scenarios", len(list))
	}
}
