package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"faultflow/internal/catalog"
	"faultflow/internal/compare"
	"faultflow/internal/errhandler"
	"faultflow/internal/expect"
	"faultflow/internal/fault"
	"faultflow/internal/keyed"
	"faultflow/internal/load"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
	"faultflow/internal/scenario"
	"faultflow/internal/settings"
)

// TestReference holds docs/reference and docs/man against the declarations that they are made from, so that a name, a
// bound or a default can't be one thing in the program and another in the documents. FAULTFLOW_UPDATE=1 writes them
// anew.
func TestReference(t *testing.T) {
	schema, err := scenario.Schema()
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]string{
		"reference/README.md":            indexPage(),
		"reference/flags.md":             flagsPage(newRootCommand(testStreams(t))),
		"reference/scenario.md":          scenarioPage(),
		"reference/report.md":            reportPage(t),
		"reference/findings.md":          findingsPage(),
		"reference/measures.md":          measuresPage(),
		"reference/patterns.md":          patternsPage(),
		"reference/events.md":            eventsPage(),
		"reference/faults.md":            faultsPage(),
		"reference/load.md":              loadPage(),
		"reference/exit-codes.md":        exitCodesPage(),
		"reference/scenario.schema.json": string(schema),
		"reference/report.schema.json": documentSchema(
			t, reflect.TypeFor[report.Report](), "faultflow report", report.Schema),
		"reference/inspect.schema.json": documentSchema(
			t, reflect.TypeFor[report.Inspection](), "faultflow inspect", report.InspectSchema),
	}
	for name, page := range manPages(t) {
		pages["man/"+name] = page
	}
	docs := filepath.Join("..", "..", "docs")
	if reporttest.Updating() {
		for name, want := range pages {
			path := filepath.Join(docs, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, want := range pages {
		got, err := os.ReadFile(filepath.Join(docs, filepath.FromSlash(name)))
		if err != nil {
			t.Errorf("%v (run with FAULTFLOW_UPDATE=1)", err)
		} else if string(got) != want {
			t.Errorf("docs/%s is not what the declarations say (run with FAULTFLOW_UPDATE=1):\n%s", name, want)
		}
	}
	for _, folder := range []string{"reference", "man"} {
		entries, err := os.ReadDir(filepath.Join(docs, folder))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if _, made := pages[folder+"/"+e.Name()]; !made {
				t.Errorf("docs/%s/%s is made from no declaration; remove it", folder, e.Name())
			}
		}
	}
}

// page collects Markdown.
type page struct{ bytes.Buffer }

func newPage(title, about string) *page {
	p := &page{}
	fmt.Fprintf(p, "# %s\n\n%s\n", title, about)
	return p
}

func (p *page) section(title string) { fmt.Fprintf(p, "\n## %s\n", title) }

// table writes rows under their titles. A cell's | would end it.
func (p *page) table(titles []string, rows [][]string) {
	line := func(cells []string) {
		for i := range cells {
			cells[i] = strings.ReplaceAll(cells[i], "|", `\|`)
		}
		fmt.Fprintf(p, "| %s |\n", strings.Join(cells, " | "))
	}
	fmt.Fprintln(p)
	line(titles)
	fmt.Fprintf(p, "|%s\n", strings.Repeat(" --- |", len(titles)))
	for _, r := range rows {
		line(r)
	}
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

func codes[S ~string](list []S) string {
	var parts []string
	for _, s := range list {
		parts = append(parts, code(string(s)))
	}
	return strings.Join(parts, ", ")
}

func indexPage() string {
	p := newPage("Reference", "These pages are made from the program's own declarations.")
	p.table([]string{"page", "what it lists"}, [][]string{
		{"[flags.md](flags.md)", "commands and flags, the settings of a run with their bounds and defaults"},
		{"[scenario.md](scenario.md)", "keys of scenario files ([JSON Schema](scenario.schema.json))"},
		{"[report.md](report.md)", "fields of a report ([JSON Schema](report.schema.json))"},
		{"[inspect.schema.json](inspect.schema.json)", "JSON Schema of what `faultflow inspect --format json` prints"},
		{"[findings.md](findings.md)", "findings: code, node, verdict, what to do"},
		{"[measures.md](measures.md)", "what `faultflow compare` compares"},
		{"[patterns.md](patterns.md)", "fault tolerance patterns"},
		{"[events.md](events.md)", "events of the timeline, and the states that things can be in"},
		{"[faults.md](faults.md)", "kinds of faults, their places and keys"},
		{"[load.md](load.md)", "loads and capacities with their keys"},
		{"[exit-codes.md](exit-codes.md)", "exit codes"},
		{"[../man](../man)", "manual pages"},
	})
	return p.String()
}

func flagsPage(root *cobra.Command) string {
	p := newPage(
		"Flags",
		"The settings of a run are flags of `faultflow` and `faultflow campaign`, and keys of scenario files. "+
			"A setting that each node has can be given to all nodes (`--attempts`) or to one (`--collector-attempts`); "+
			"the one node's wins.",
	)
	for _, section := range settings.Sections() {
		title, _, _ := strings.Cut(string(section), " (")
		p.section(title)
		var rows [][]string
		for _, s := range settings.All() {
			if s.Section == section {
				rows = append(rows, []string{code("--" + s.Name), allowed(s), defaultOf(s), s.Usage})
			}
		}
		p.table([]string{"flag", "value", "default", "meaning"}, rows)
	}
	p.section("Settings of one node")
	var rows [][]string
	for _, s := range settings.All() {
		if s.Node != "" {
			rows = append(rows, []string{code("--" + s.Name), allowed(s), defaultOf(s)})
		}
	}
	p.table([]string{"flag", "value", "default"}, rows)
	for _, c := range append([]*cobra.Command{root}, allCommands(root)...) {
		var rows [][]string
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if _, isSetting := settings.Find(f.Name); isSetting || f.Name == "help" {
				return
			}
			name, usage := pflag.UnquoteUsage(f)
			rows = append(rows, []string{code(strings.TrimSpace("--" + f.Name + " " + name)), code(f.DefValue), usage})
		})
		p.section(c.CommandPath())
		fmt.Fprintf(p, "\n%s.\n", c.Short)
		if len(rows) > 0 {
			p.table([]string{"flag", "default", "meaning"}, rows)
		}
	}
	return p.String()
}

func allCommands(c *cobra.Command) (list []*cobra.Command) {
	for _, sub := range c.Commands() {
		if sub.Name() == "help" || sub.Name() == "completion" {
			continue
		}
		if sub.Runnable() {
			list = append(list, sub)
		}
		list = append(list, allCommands(sub)...)
	}
	return list
}

// allowed says which values a setting takes.
func allowed(s settings.Setting) string {
	switch s.Type {
	case settings.Bool:
		return "true or false"
	case settings.Int, settings.Number, settings.Duration:
		return s.Bounds
	case settings.Choice:
		return codes(s.Choices)
	case settings.NameList:
		return "names with commas between them"
	case settings.Items:
		if s.Name == "fault" {
			return "see [faults](faults.md)"
		}
		return "see [load](load.md)"
	case settings.Text:
	}
	return strings.ToLower(s.Placeholder)
}

func defaultOf(s settings.Setting) string {
	if s.NoDefault {
		return ""
	}
	return code(s.DefaultText())
}

func scenarioPage() string {
	p := newPage("Scenario files", "A scenario is a YAML file. `faultflow scenario new` writes one to start from. "+
		"`expect` is required; every other key has a default.")
	rows := [][]string{
		{code("faultflow"), code("v1"), "says that the file is a scenario, where it lies among others"},
		{code("name"), "text", "the scenario's name; the file's name otherwise"},
		{code("description"), "text", "what the scenario teaches"},
		{code("seed"), "whole number", "the seed of the run"},
		{code("seeds"), "list of whole numbers", "several seeds, each a run"},
		{code("faults"), "list", "[faults](faults.md), as text or as a mapping with `place`, `kind` and keys"},
		{code("expect"), "list of conditions", "what must hold of the [report](report.md)"},
		{code("matrix"), "mapping of settings to lists", "the scenario once for each combination"},
	}
	for _, s := range settings.All() {
		if s.List() || s.Name == "seed" {
			continue
		}
		rows = append(rows, []string{code(strings.Join(s.Path(), ": ")), allowed(s), s.Usage})
	}
	p.table([]string{"key", "value", "meaning"}, rows)
	return p.String()
}

func findingsPage() string {
	p := newPage("Findings", "A finding's verdict is the best that a run with it can have; `success` marks a notice.")
	var rows [][]string
	for _, f := range catalog.Findings() {
		rows = append(rows, []string{code(string(f.Code)), code(string(f.Node)), string(f.Verdict), f.Advice})
	}
	p.table([]string{"code", "node", "verdict", "what to do"}, rows)
	return p.String()
}

func measuresPage() string {
	p := newPage(
		"Measures",
		"`faultflow compare` compares documents by these. A part in brackets is filled in by the documents.",
	)
	group := ""
	var rows [][]string
	flush := func() {
		if len(rows) > 0 {
			p.section(group)
			p.table([]string{"measure", "unit", "better", "meaning"}, rows)
		}
		rows = nil
	}
	for _, m := range compare.Measures() {
		if m.Group != group {
			flush()
			group = m.Group
		}
		rows = append(rows, []string{code(m.Name), string(m.Unit), string(m.Better), m.What})
	}
	flush()
	return p.String()
}

func patternsPage() string {
	p := newPage("Patterns", "A report says of each pattern whether it was "+codes(catalog.PatternStates())+
		": switched off, in place but not needed, or seen at work.")
	var rows [][]string
	for _, known := range catalog.Patterns() {
		var without []string
		for _, s := range settings.All() {
			defaults := settings.Defaults()
			if value, ok := s.Without(known.Name, &defaults); ok {
				without = append(without, code("--"+s.Name+"="+value))
			}
		}
		rows = append(rows, []string{
			code(string(known.Name)),
			known.Meaning,
			known.Counted,
			strings.Join(without, " "),
		})
	}
	p.table([]string{"pattern", "meaning", "what is counted", "taken away by"}, rows)
	return p.String()
}

func eventsPage() string {
	p := newPage(
		"Events",
		"The timeline of a report is a list of events. Fields that an event does not have are left out.",
	)
	var rows [][]string
	for _, e := range catalog.Events() {
		class := ""
		if e.Error {
			class = "yes"
		}
		rows = append(rows, []string{code(string(e.Kind)), e.Meaning, class})
	}
	p.table([]string{"kind", "meaning", "has a class"}, rows)
	p.section("Names of states")
	p.table([]string{"what", "names, best first"}, [][]string{
		{"verdict", codes(catalog.Verdicts())},
		{"class of an error", codes(errhandler.Classes())},
		{"origin of a cycle's records", codes(catalog.Origins())},
		{"mode of processing", codes(catalog.Modes())},
		{"circuit breaker", codes(catalog.BreakerStates())},
		{"health of a channel", codes(catalog.Healths())},
		{"delivery of a cycle", codes(catalog.DeliveryStatuses())},
		{"node", codes(catalog.NodeStatuses())},
	})
	return p.String()
}

func faultsPage() string {
	p := newPage(
		"Faults",
		"A fault is `PLACE=KIND[,KEY=VALUE…]`; several kinds are joined with `|`, and each call gets one "+
			"of them at random. All conditions of a fault must hold; one without conditions hits every call.",
	)
	places := catalog.Places([]string{"CHANNEL"})
	var rows [][]string
	for _, k := range fault.Kinds() {
		var at []catalog.Place
		classes := map[errhandler.Class]bool{}
		for _, place := range places {
			if slices.Contains(fault.KindsAt(place), k) {
				at = append(at, place)
				classes[fault.ClassOf(k, place)] = true
			}
		}
		var names []errhandler.Class
		for _, c := range errhandler.Classes() {
			if classes[c] {
				names = append(names, c)
			}
		}
		rows = append(rows, []string{code(string(k)), strings.Join(catalog.Strings(names), ", "), codes(at)})
	}
	p.section("Kinds")
	p.table([]string{"kind", "class", "places"}, rows)
	p.section("Keys")
	rows = nil
	for _, k := range fault.Keys() {
		of := "all"
		if k.Of != nil {
			of = codes(k.Of)
		}
		rows = append(rows, []string{code(k.Name + "=" + k.Example), k.Meaning, of})
	}
	p.table([]string{"key", "meaning", "kinds"}, rows)
	p.section("Failure types")
	fmt.Fprintf(p, "\n`--simulate-failures --failure-type TYPE` gives the faults of one of %s.\n",
		codes(fault.Profiles()))
	return p.String()
}

func loadPage() string {
	p := newPage(
		"Load and capacity",
		"A load is `RATE[..RATE][,KEY=VALUE…]`: so many passes begin a second (`60/s`), a "+
			"minute (`/m`) or an hour (`/h`), whether those before have ended or not. Loads add up. A second rate is a ramp "+
			"from the first one. A capacity is `PLACE=KEY=VALUE[,KEY=VALUE…]`: what the dependency at a place can serve, to "+
			"all clients together.",
	)
	p.section("Keys of a load")
	p.table([]string{"key", "meaning"}, keyRows(load.LoadKeys()))
	p.section("Keys of a capacity")
	p.table([]string{"key", "meaning"}, keyRows(load.CapacityKeys()))
	return p.String()
}

func keyRows[T any](keys []keyed.Key[T]) (rows [][]string) {
	for _, k := range keys {
		rows = append(rows, []string{code(k.Name + "=" + k.Example), k.Meaning})
	}
	return rows
}

func exitCodesPage() string {
	p := newPage("Exit codes", "The first that applies.")
	var rows [][]string
	for _, e := range exitCodes {
		rows = append(rows, []string{code(fmt.Sprint(e.code)), e.meaning})
	}
	p.table([]string{"code", "meaning"}, rows)
	return p.String()
}

// fieldDocs are the comments of the fields of a package's structs, by type and field.
func fieldDocs(t *testing.T, folder string) map[string]string {
	t.Helper()
	docs := map[string]string{}
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range s.Fields.List {
					for _, field := range f.Names {
						words := strings.Fields(f.Doc.Text() + " " + f.Comment.Text())
						docs[spec.Name.Name+"."+field.Name] = strings.Join(words, " ")
					}
				}
			}
			return true
		})
	}
	return docs
}

// field is one field of a document.
type field struct {
	path, kind, doc string
}

// fieldsOf lists the fields of a document, those of a list's elements below path[].
func fieldsOf(t reflect.Type, path string, docs map[string]string) (list []field) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous {
			list = append(list, fieldsOf(f.Type, path, docs)...)
			continue
		}
		at, inner, kind := path+name, f.Type, jsonType(f.Type)
		if inner.Kind() == reflect.Slice {
			inner, at = inner.Elem(), at+"[]"
		}
		if inner == reflect.TypeFor[settings.Settings]() {
			for _, s := range settings.All() {
				if !s.Shorthand {
					list = append(list, field{
						strings.Join(append([]string{at}, reportPath(s)...), "."),
						settingType(s),
						s.Usage,
					})
				}
			}
			continue
		}
		list = append(list, field{path + name, kind, docs[t.Name()+"."+f.Name]})
		if inner.Kind() == reflect.Struct {
			list = append(list, fieldsOf(inner, at+".", docs)...)
		}
	}
	return list
}

func reportPath(s settings.Setting) []string {
	if s.Node == "" {
		return []string{s.Key()}
	}
	return []string{string(s.Node), s.Key()}
}

func settingType(s settings.Setting) string {
	switch s.Type {
	case settings.Bool:
		return "boolean"
	case settings.Int:
		return "integer"
	case settings.Number, settings.Duration:
		return "number"
	case settings.NameList, settings.Items:
		return "array"
	case settings.Text, settings.Choice:
	}
	return "string"
}

func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return "integer"
	case reflect.Float64:
		return "number"
	case reflect.Slice:
		return "array"
	case reflect.Map, reflect.Struct:
		return "object"
	}
	return "string"
}

func reportPage(t *testing.T) string {
	docs := fieldDocs(t, filepath.Join("..", "..", "internal", "report"))
	p := newPage("Report", "The JSON report has the schema "+code(report.Schema)+
		". Durations and times are milliseconds, times "+
		"count from the run's start. Conditions (`--expect`) use these names, but for `hash` and `meta`.")
	var rows [][]string
	for _, f := range fieldsOf(reflect.TypeFor[report.Report](), "", docs) {
		rows = append(rows, []string{code(f.path), f.kind, f.doc})
	}
	p.table([]string{"field", "type", "meaning"}, rows)
	for _, of := range []struct {
		title     string
		functions []expect.Function
	}{
		{"Functions of conditions over a run", expect.Functions()},
		{"Functions of conditions over a campaign", expect.CampaignFunctions()},
	} {
		p.section(of.title)
		rows = nil
		for _, f := range of.functions {
			rows = append(rows, []string{code(f.Call), f.Meaning, f.Missing})
		}
		p.table([]string{"call", "what it is", "shows nothing where"}, rows)
	}
	return p.String()
}

// enums are the names that some types of fields can have.
var enums = map[reflect.Type][]string{
	reflect.TypeFor[catalog.Verdict]():        catalog.Strings(catalog.Verdicts()),
	reflect.TypeFor[catalog.Origin]():         catalog.Strings(catalog.Origins()),
	reflect.TypeFor[catalog.DeliveryStatus](): catalog.Strings(catalog.DeliveryStatuses()),
	reflect.TypeFor[catalog.NodeStatus]():     catalog.Strings(catalog.NodeStatuses()),
	reflect.TypeFor[catalog.Health]():         catalog.Strings(catalog.Healths()),
	reflect.TypeFor[catalog.PatternState]():   catalog.Strings(catalog.PatternStates()),
	reflect.TypeFor[catalog.Pattern]():        catalog.Strings(catalog.PatternNames()),
	reflect.TypeFor[catalog.FindingCode]():    catalog.Strings(catalog.FindingCodes()),
	reflect.TypeFor[catalog.Node]():           catalog.Strings(catalog.Nodes()),
}

// documentSchema is the JSON Schema of a document with that type and that name of its version.
func documentSchema(t *testing.T, document reflect.Type, title, version string) string {
	t.Helper()
	docs := fieldDocs(t, filepath.Join("..", "..", "internal", "report"))
	schema := schemaOf(document, docs)
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = title
	schema["properties"].(map[string]any)["schema"] = map[string]any{"const": version}
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

func schemaOf(t reflect.Type, docs map[string]string) map[string]any {
	if t.Kind() == reflect.Pointer { // null where there is none
		s := schemaOf(t.Elem(), docs)
		s["type"] = []any{s["type"], "null"}
		return s
	}
	s := map[string]any{"type": jsonType(t)}
	if names := enums[t]; names != nil {
		s["enum"] = names
	}
	switch t.Kind() {
	case reflect.Slice:
		s["items"] = schemaOf(t.Elem(), docs)
	case reflect.Map:
		s["additionalProperties"] = schemaOf(t.Elem(), docs)
	case reflect.Struct:
		if t == reflect.TypeFor[settings.Settings]() {
			s["properties"] = settingsSchema()
			return s
		}
		properties := map[string]any{}
		var required []string
		for i := range t.NumField() {
			f := t.Field(i)
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			p := schemaOf(f.Type, docs)
			if about := docs[t.Name()+"."+f.Name]; about != "" {
				p["description"] = about
			}
			properties[name] = p
			if options == "" {
				required = append(required, name)
			}
		}
		s["properties"], s["required"] = properties, required
	default:
	}
	return s
}

func settingsSchema() map[string]any {
	properties := map[string]any{}
	for _, s := range settings.All() {
		if s.Shorthand {
			continue
		}
		into := properties
		if s.Node != "" {
			if properties[string(s.Node)] == nil {
				properties[string(s.Node)] = map[string]any{"type": "object", "properties": map[string]any{}}
			}
			into = properties[string(s.Node)].(map[string]any)["properties"].(map[string]any)
		}
		into[s.Key()] = map[string]any{"type": settingType(s), "description": s.Usage}
	}
	return properties
}

// manPages are cobra's, by name.
func manPages(t *testing.T) map[string]string {
	t.Helper()
	dir, pages := t.TempDir(), map[string]string{}
	root := newRootCommand(testStreams(t))
	root.InitDefaultCompletionCmd()
	root.DisableAutoGenTag = true
	long := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC) // pages don't change from day to day
	if err := doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "faultflow", Date: &long}, dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		pages[e.Name()] = string(text)
	}
	return pages
}
