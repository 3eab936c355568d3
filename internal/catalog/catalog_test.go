package catalog_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"faultflow/internal/catalog"
	"faultflow/internal/workflow"
)

// list is what the catalogue lists for one of its types.
type list struct {
	// of is the type whose constants are listed.
	of    string
	names []string
	// aside are the constants that the list leaves out, each for a reason.
	aside []string
}

// lists are all lists of the catalogue, each with the type of its names.
func lists() []list {
	var kinds, findings, patterns []string
	for _, e := range catalog.Events() {
		kinds = append(kinds, string(e.Kind))
	}
	for _, f := range catalog.Findings() {
		findings = append(findings, string(f.Code))
	}
	for _, p := range catalog.Patterns() {
		patterns = append(patterns, string(p.Name))
	}
	return []list{
		{of: "EventKind", names: kinds},
		{of: "FindingCode", names: findings},
		{of: "Pattern", names: patterns},
		{of: "Node", names: catalog.Strings(catalog.Nodes())},
		{of: "Place", names: catalog.Strings(catalog.Places(nil))},
		{of: "Verdict", names: catalog.Strings(catalog.Verdicts())},
		{of: "Origin", names: catalog.Strings(catalog.Origins())},
		{of: "Mode", names: catalog.Strings(catalog.Modes())},
		// A guard without a breaker has no state that a condition could ask for.
		{of: "BreakerState", names: catalog.Strings(catalog.BreakerStates()), aside: []string{"BreakerOff"}},
		{of: "Health", names: catalog.Strings(catalog.Healths())},
		{of: "DeliveryStatus", names: catalog.Strings(catalog.DeliveryStatuses())},
		{of: "NodeStatus", names: catalog.Strings(catalog.NodeStatuses())},
		{of: "RecoveryState", names: catalog.Strings(catalog.RecoveryStates())},
		{of: "PatternState", names: catalog.Strings(catalog.PatternStates())},
	}
}

// A name is a constant, for the code, and an entry of a list, for what iterates the catalogue. One without the other is
// a name that is emitted and not documented, or documented and never emitted.
func TestEveryConstantIsListed(t *testing.T) {
	declared := constants(t, ".")
	for _, l := range lists() {
		ofType := declared[l.of]
		delete(declared, l.of)
		for name, value := range ofType {
			if listed := slices.Contains(l.names, value); listed == slices.Contains(l.aside, name) {
				t.Errorf("%s %s (%q) is listed: %v", l.of, name, value, listed)
			}
		}
		for _, value := range l.names {
			if !has(ofType, value) {
				t.Errorf("the list of %s has %q, which is no constant", l.of, value)
			}
		}
		for _, name := range l.aside {
			if _, known := ofType[name]; !known {
				t.Errorf("%s has no constant %s to leave out", l.of, name)
			}
		}
	}
	for of := range declared {
		t.Errorf("the type %s has constants and no list: add it to lists", of)
	}
}

// The engine's own events are the catalogue's too: one that is emitted and not listed is drawn nowhere.
func TestEngineEventsAreListed(t *testing.T) {
	listed := lists()[0].names
	for name, value := range constants(t, "../workflow")["Kind"] {
		if !slices.Contains(listed, value) {
			t.Errorf("workflow.%s (%q) is not among the events", name, value)
		}
	}
}

// A name that is listed twice would have two meanings.
func TestNothingIsListedTwice(t *testing.T) {
	for _, l := range lists() {
		for i, name := range l.names {
			if slices.Contains(l.names[:i], name) {
				t.Errorf("%s: %q is listed twice", l.of, name)
			}
		}
	}
}

// Scripts, conditions and files spell names as one word: small letters, digits, underscore and hyphen. Places are names
// with a dot between them. One name is older than this rule, and reports keep it.
func TestNamesCanBeSpelledInScripts(t *testing.T) {
	name := regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)
	place := regexp.MustCompile(`^[a-z][a-z0-9_-]*\.[a-z][a-z0-9_-]*$`)
	for of, ofType := range constants(t, ".") {
		want := name
		if of == "Place" {
			want = place
		}
		for constant, value := range ofType {
			if constant == "NodeNotRun" && value == "not run" {
				continue
			}
			if !want.MatchString(value) {
				t.Errorf("%s %s is spelled %q, want %v", of, constant, value, want)
			}
		}
	}
	for _, c := range append(catalog.DefaultChannels(), catalog.SpoolName) {
		if !name.MatchString(c) {
			t.Errorf("channel %q, want %v", c, name)
		}
	}
}

// What people read is there, in one line: help, reports and the reference are made of it.
func TestEntriesAreComplete(t *testing.T) {
	line := func(of, name, what, text string) {
		if text == "" || strings.ContainsAny(text, "\n\t") || strings.TrimSpace(text) != text {
			t.Errorf("%s %s: %s %q is no line of text", of, name, what, text)
		}
	}
	for _, e := range catalog.Events() {
		line("event", string(e.Kind), "word", e.Word)
		line("event", string(e.Kind), "meaning", e.Meaning)
		if e.Kind.Event() != e {
			t.Errorf("event %s is found as %+v, want %+v", e.Kind, e.Kind.Event(), e)
		}
	}
	for _, f := range catalog.Findings() {
		line("finding", string(f.Code), "advice", f.Advice)
		if !slices.Contains(catalog.Verdicts(), f.Verdict) || !slices.Contains(catalog.Nodes(), f.Node) {
			t.Errorf("finding %s: verdict %q, node %q", f.Code, f.Verdict, f.Node)
		}
		if f.Code.Finding() != f {
			t.Errorf("finding %s is found as %+v, want %+v", f.Code, f.Code.Finding(), f)
		}
	}
	for _, p := range catalog.Patterns() {
		line("pattern", string(p.Name), "meaning", p.Meaning)
	}
	if !slices.Equal(catalog.Strings(catalog.FindingCodes()), lists()[1].names) ||
		!slices.Equal(catalog.Strings(catalog.PatternNames()), lists()[2].names) {
		t.Error("the names of findings or patterns are not those of the entries")
	}
}

// A name of another version is shown as it is, and means nothing more.
func TestUnknownNames(t *testing.T) {
	if e := catalog.EventKind("not_known").Event(); e != (catalog.Event{Kind: "not_known", Word: "not known"}) {
		t.Errorf("an unknown event is %+v", e)
	}
	if f := catalog.FindingCode("not_known").Finding(); f != (catalog.Finding{Code: "not_known"}) {
		t.Errorf("an unknown finding is %+v", f)
	}
}

// The lists are copies: whoever sorts or changes one changes no one else's.
func TestListsAreCopies(t *testing.T) {
	catalog.Events()[0].Word = "changed"
	catalog.Findings()[0].Advice = "changed"
	catalog.Patterns()[0].Meaning = "changed"
	catalog.Verdicts()[0] = "changed"
	if catalog.Events()[0].Word == "changed" || catalog.Findings()[0].Advice == "changed" ||
		catalog.Patterns()[0].Meaning == "changed" || catalog.Verdicts()[0] == "changed" {
		t.Error("a caller has changed the catalogue")
	}
}

// The worst finding decides: verdicts are listed best first, and compared by that.
func TestVerdictsAreOrdered(t *testing.T) {
	verdicts := []catalog.Verdict{catalog.Success, catalog.Degraded, catalog.Failed}
	if !slices.Equal(catalog.Verdicts(), verdicts) {
		t.Fatalf("verdicts %v, want %v", catalog.Verdicts(), verdicts)
	}
	for i, a := range verdicts {
		for j, b := range verdicts {
			if got := a.Worse(b); got != (i > j) {
				t.Errorf("%s is worse than %s: %v", a, b, got)
			}
		}
		// A verdict that no one knows, as in a report that was edited, must not pass for a good one.
		if a.Worse("unheard-of") || !catalog.Verdict("unheard-of").Worse(a) {
			t.Errorf("an unknown verdict is not worse than %s", a)
		}
	}
}

func TestPlaces(t *testing.T) {
	want := []catalog.Place{
		"collector.health", "collector.fetch", "processor.batch", "processor.record",
		"delivery.a", "delivery.b", "delivery.spool",
	}
	if got := catalog.Places([]string{"a", "b"}); !slices.Equal(got, want) {
		t.Errorf("Places = %v, want %v", got, want)
	}
	for _, test := range []struct {
		place   catalog.Place
		node    catalog.Node
		channel string // "" for a place that is no channel's
		breaker string
	}{
		{"collector.health", "collector", "", "collector"},
		{"collector.fetch", "collector", "", "collector"},
		{"processor.record", "processor", "", "processor"},
		{"delivery.a", "delivery", "a", "delivery.a"},
		{"delivery.spool", "delivery", "", "delivery.spool"},
		{"delivery.", "delivery", "", "delivery."},
		{"delivery", "delivery", "", "delivery"},
		{"", "", "", ""},
	} {
		channel, is := test.place.Channel()
		if test.place.Node() != test.node || is != (test.channel != "") || is && channel != test.channel ||
			test.place.Breaker() != test.breaker {
			t.Errorf("%q: node %s, channel %q (%v), breaker %s",
				test.place, test.place.Node(), channel, is, test.place.Breaker())
		}
	}
	if want := []string{"primary", "secondary", "backup"}; !slices.Equal(catalog.DefaultChannels(), want) {
		t.Errorf("the default channels are %v, want %v (docs/original.md)", catalog.DefaultChannels(), want)
	}
}

// An event says where it happened: at a place of its node.
func TestEventsBeginAtPlaces(t *testing.T) {
	want := workflow.Event{Node: "delivery", Place: "delivery.primary", Kind: "channel_tried"}
	if got := catalog.ChannelTried.At(catalog.ChannelPlace("primary")); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// constants are the exported constants of a package's own types of text, by type and name, as the source declares them:
// Name Type = "text", or Name = Type(workflow.Name). A constant of another form fails the test.
func constants(t *testing.T, dir string) map[string]map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]map[string]string{}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		path := filepath.Join(dir, e.Name())
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			block, ok := d.(*ast.GenDecl)
			if !ok || block.Tok != token.CONST {
				continue
			}
			for _, spec := range block.Specs {
				spec := spec.(*ast.ValueSpec)
				name := spec.Names[0].Name
				if of, value, ok := constantOf(t, spec); ok && ast.IsExported(name) {
					if found[of] == nil {
						found[of] = map[string]string{}
					}
					found[of][name] = value
				}
			}
		}
	}
	return found
}

// constantOf reads a declaration; false for a constant that is no name of a type, such as a number or a plain text.
func constantOf(t *testing.T, spec *ast.ValueSpec) (of, value string, ok bool) {
	t.Helper()
	if len(spec.Values) == 0 {
		return "", "", false // a further number of an iota
	}
	switch v := spec.Values[0].(type) {
	case *ast.BasicLit:
		typ, typed := spec.Type.(*ast.Ident)
		if !typed || v.Kind != token.STRING {
			return "", "", false
		}
		text, err := strconv.Unquote(v.Value)
		if err != nil {
			t.Fatal(err)
		}
		return typ.Name, text, true
	case *ast.CallExpr:
		from := v.Args[0].(*ast.SelectorExpr)
		if pkg := from.X.(*ast.Ident).Name; pkg != "workflow" {
			t.Fatalf("%s is converted from package %s", spec.Names[0].Name, pkg)
		}
		for _, ofType := range constants(t, "../workflow") {
			if text, known := ofType[from.Sel.Name]; known {
				return v.Fun.(*ast.Ident).Name, text, true
			}
		}
		t.Fatalf("%s is converted from workflow.%s, which is no constant", spec.Names[0].Name, from.Sel.Name)
	}
	return "", "", false
}

func has(constants map[string]string, value string) bool {
	return slices.Contains(slices.Collect(maps.Values(constants)), value)
}
