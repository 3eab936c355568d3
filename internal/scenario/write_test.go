package scenario

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"faultflow/internal/expect"
	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// drawValue draws a text that the setting takes.
func drawValue(t *rapid.T, s settings.Setting) string {
	draw := func(texts ...string) string { return rapid.SampledFrom(texts).Draw(t, s.Name) }
	if s.Type == settings.Text && s.Bounds != "" { // hedge-after
		return draw("50ms", "p95", "2s", "p99.9")
	}
	switch s.Type {
	case settings.Bool:
		return draw("true", "false", "1", "F")
	case settings.Int:
		return fmt.Sprint(rapid.IntRange(1, min(9999, int(s.High))).Draw(t, s.Name))
	case settings.Number:
		return draw("1", "1.0", "1e0", "0x1p0")
	case settings.Duration:
		return draw("1ms", "2s", "1m30s", "1.5h", "500ms")
	case settings.Choice:
		return draw(s.Choices...)
	case settings.NameList:
		name := rapid.StringMatching(`[a-z0-9_-]{1,6}`).Filter(func(s string) bool { return s != "spool" })
		return strings.Join(rapid.SliceOfNDistinct(name, 1, 4, rapid.ID[string]).Draw(t, s.Name), ",")
	}
	odd := rapid.SampledFrom([]string{
		"yes", "null", "~", "007", "1e3", "a: b", "# x", "'", `"`, " x ", "é", "- a", "[", "2s", "{}", "true",
	})
	return rapid.OneOf(rapid.StringMatching(`/[a-z]{1,8}\.csv`), odd).Draw(t, s.Name)
}

var someFaults = []string{
	"collector.fetch=timeout",
	"processor.record=panic,p=0.25,may_not_fire=true",
	"delivery.spool=disk_full,calls=1+3-5",
	"collector.fetch=slow|hang,by=2s,from=1s,to=3s",
}

var someExpectations = []string{
	`ledger.lost == 0`,
	`verdict == "success"`,
	`'success' == verdict`,
	`pattern("timeout") ? true : false`,
	"seed > 0",
	"ledger.balanced\nand ledger.lost == 0",
	"not (seed == 1)",
	"[ledger.lost][0] == 0",
}

func TestWhatMarshalWritesIsReadTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		given := &settings.Given{}
		set := func(name, text string) {
			if err := given.Set(name, text); err != nil {
				t.Fatal(name, err)
			}
		}
		single := slices.DeleteFunc(slices.Clone(settings.All()), settings.Setting.List)
		some := rapid.SliceOfNDistinct(rapid.IntRange(0, len(single)-1), 0, 12, rapid.ID[int])
		for _, i := range some.Draw(t, "settings") {
			set(single[i].Name, drawValue(t, single[i]))
		}
		for _, text := range rapid.SliceOfN(rapid.SampledFrom(someFaults), 0, 3).Draw(t, "faults") {
			set("fault", text)
		}
		sources := rapid.SliceOfN(rapid.SampledFrom(someExpectations), 0, 3).Draw(t, "expect")
		var conditions []*expect.Condition
		for _, source := range sources {
			c, err := expect.Compile(source)
			if err != nil {
				t.Fatal(err)
			}
			conditions = append(conditions, c)
		}
		if input := given.Text("input"); input != "" && !strings.HasPrefix(input, "/") {
			set("input", "-") // a path of its own would be looked for from the file's folder
		}
		if !given.Has("clock") { // a file's default is another
			set("clock", "real")
		}
		want, err := given.Settings()
		if err != nil {
			t.Skip(err)
		}
		name := rapid.SampledFrom([]string{"x", "a: b", "# x", "", "é 'x'", "no", "12"}).Draw(t, "name")
		doc, err := Marshal(name, given, conditions)
		if err != nil {
			t.Fatal(err)
		}
		list, err := Parse("dir/y.yaml", doc)
		if err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		got, err := list[0].Given.Settings()
		if err != nil {
			t.Fatal(err)
		}
		if given.Has("seed") {
			if list[0].Seeds[0] != want.Seed {
				t.Fatalf("seed %d, want %d", list[0].Seeds[0], want.Seed)
			}
			got.Seed = want.Seed
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got\n%+v\nwant\n%+v\nfrom\n%s", got, want, doc)
		}
		if len(sources) == 0 {
			sources = []string{"ledger.lost == 0"}
		}
		var read []string
		for _, e := range list[0].Expectations {
			read = append(read, e.Source)
		}
		if !slices.Equal(read, sources) || list[0].Name != name {
			t.Fatalf("%q: got %q, want %q", list[0].Name, read, sources)
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
	for _, word := range []string{"name:", "description:", "seed:", "seeds:", "cycles:", "faults:", "place:", "kind:", "may_not_fire", "collector:", "breaker:", "expect:",
		"matrix:", "input:", "clock:", "graph:", "simulate-failures:", "failure-type:", "pattern(", "attempts(", "ledger.lost", "verdict"} {
		if !strings.Contains(text, word) {
			t.Errorf("the template does not mention %s", word)
		}
	}
	// What is commented out is right, too.
	off := "# matrix:\n#   collector-attempts: [1, 3]\n#   timeout: [1s, 5s]\n"
	if list := load(t, strings.Replace(text, off, strings.ReplaceAll(strings.ReplaceAll(off, "#   ", "  "), "# ", ""), 1)); len(list) != 4 {
		t.Errorf("the template's matrix gives %d scenarios", len(list))
	}
}

// Texts that YAML takes for numbers are quoted: the file that --save-scenario writes must load, here and elsewhere.
func TestSavedTextsStayTexts(t *testing.T) {
	for _, text := range []string{"1e3", "1e-3", "5", "007", ".5", "true", "~"} {
		given := &settings.Given{}
		for _, g := range []settings.Assignment{{Name: "input", Text: "-"}, {Name: "id-field", Text: text}} {
			if err := given.Set(g.Name, g.Text); err != nil {
				t.Fatal(err)
			}
		}
		doc, err := Marshal(text, given, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := load(t, string(doc))[0]; got.Given.Text("id-field") != text || got.Name != text {
			t.Errorf("%s is read as %s, %s from\n%s", text, got.Given.Text("id-field"), got.Name, doc)
		}
	}
}

// A breaker's settings stand below it, whatever was given first; without the breaker itself they must not put it into
// the path.
func TestSavedBreakers(t *testing.T) {
	given := &settings.Given{}
	for _, g := range []settings.Assignment{
		{Name: "delivery-breaker-open-for", Text: "3s"},
		{Name: "collector-breaker-failures", Text: "2"},
		{Name: "delivery-breaker", Text: "false"},
		{Name: "delivery-attempts", Text: "4"},
	} {
		if err := given.Set(g.Name, g.Text); err != nil {
			t.Fatal(err)
		}
	}
	doc, err := Marshal("x", given, nil)
	want := `name: x
collector:
  breaker-failures: 2
delivery:
  attempts: 4
  breaker:
    "on": false
    open-for: 3s
expect:
- ledger.lost == 0
`
	if err != nil || string(doc) != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, doc, want)
	}
}
