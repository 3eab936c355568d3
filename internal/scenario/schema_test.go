package scenario

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/settings"
)

// compiled is the schema as a validator of its own reads it.
func compiled(t testing.TB) *jsonschema.Schema {
	t.Helper()
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("scenario.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("scenario.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// tree is the schema as a document.
func tree(t *testing.T) map[string]any {
	t.Helper()
	doc, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(doc, &schema); err != nil {
		t.Fatal(err)
	}
	return schema
}

// document is a YAML file as JSON has it.
func document(t testing.TB, file string) any {
	t.Helper()
	text, err := yaml.YAMLToJSON([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// onlyLoader are the mistakes that a schema can't tell; Schema names them.
var onlyLoader = regexp.MustCompile(strings.Join([]string{
	`expect: `,                             // the language of conditions
	`must be after from`,                   // the order of two durations
	`"?[0-9]+-[0-9]+.* joined with \+`,     // the order of a range's ends
	`[0-9](h|m)[0-9].*: want a duration`,   // a duration of several units
	`unknown place "delivery\.`,            // a channel of a file that names its channels
	`more than 1000 combinations`,          // a product
	`or a quantile from p1`,                // a text of two kinds
	`several clients need a load`,          // what goes with what
	`is named twice`,                       // in a text with commas
	`neither input nor one of --channel`,   // the end of a header
	`a secret is not written there`,        // in a URL, or in a header of some names
	`needs? the real clock`,                // what goes with what
	`=[0-9.]+e[+-]?[0-9]+: want an? [a-z]`, // in a fault's text, a number with an exponent
}, "|"))

// sameVerdict holds the schema and the loader to one verdict over a document, which is a YAML file as it is.
func sameVerdict(t interface {
	Helper()
	Errorf(string, ...any)
}, schema *jsonschema.Schema, doc any) (taken bool) {
	t.Helper()
	file, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		t.Errorf("%v", err)
		return
	}
	_, loads := Parse("x.yaml", file)
	fits := schema.Validate(doc)
	switch {
	case loads == nil && fits != nil:
		t.Errorf("the loader takes it, the schema does not: %v\n%s", fits, file)
	case loads != nil && fits == nil && !onlyLoader.MatchString(loads.Error()):
		t.Errorf("the schema takes it, the loader does not: %v\n%s", loads, file)
	}
	return loads == nil
}

// values are what a key may be given, rightly or by mistake.
var values = []any{
	nil,
	true,
	false,
	0,
	1,
	2,
	3.0,
	0.5,
	-1,
	1.5,
	101,
	10001,
	1e-9,
	1_000_000,
	1e9,
	1e9 + 1,
	1e16,
	1e30,
	"",
	" ",
	"x",
	"true",
	"3",
	"0.5",
	"1e-3",
	"virtual",
	"network",
	"recovery",
	"csv",
	"standard",
	"none",
	"0",
	"0s",
	"-1s",
	"+1s",
	"1ns",
	"0.5ns",
	"999us",
	"1000us",
	"1ms",
	"2ms",
	"1s",
	"1.5s",
	".5s",
	"1.s",
	"1m30s",
	"90m",
	"1h30m",
	"10000h",
	"10001h",
	"600001m",
	"99999h",
	"5 s",
	"5",
	"s",
	"1d",
	"1+3-5",
	"2-4",
	"4-2",
	"0-1",
	"1-",
	"1,2",
	"a,b",
	"primary",
	"a,a",
	"spool",
	"a,spool",
	"A",
	"primary,backup",
	"collector.fetch",
	"delivery.primary",
	"delivery.mine",
	"delivery.spool",
	"delivery.",
	"collector",
	" hang ",
	"hang",
	"slow",
	"hang|slow",
	"slow | partial",
	"ack_lost",
	"hang|",
	"ledger.lost == 0",
	"ledger.lots == 0",
	"collector.fetch=timeout",
	"collector.fetch=timeout,first=3",
	"collector.fetch=locked",
	"delivery.mine=locked",
	[]any{},
	[]any{1},
	[]any{1, 2},
	[]any{"a", "b"},
	[]any{"a", "a"},
	[]any{"a,b"},
	[]any{"1s", "2s"},
	[]any{true},
	[]any{nil},
	[]any{[]any{1}},
	map[string]any{},
	map[string]any{"on": false},
	map[string]any{"failures": 2},
	map[string]any{"attempts": 2},
	map[string]any{"attempts": []any{1, 0}},
	map[string]any{"x": 1},
}

// stride thins out what is tried of each key, so that a test takes no longer than a second: settings have much in
// common, and each gets other values than its neighbours.
const stride = 11

// with returns a document that holds, with a value at a path.
func with(v any, path ...string) map[string]any {
	for i := len(path) - 1; i > 0; i-- {
		v = map[string]any{path[i]: v}
	}
	return map[string]any{"expect": "ledger.lost == 0", path[0]: v}
}

// A file that an editor calls right must load, and one that loads must not be marked as wrong: every key, each with
// every kind of value.
func TestSchemaAndLoaderAgreeOnEachKey(t *testing.T) {
	schema := compiled(t)
	var paths [][]string
	var visit func(k *key, at ...string)
	visit = func(k *key, at ...string) {
		for _, b := range k.below {
			if b.setting != nil && b.setting.List() {
				continue
			}
			path := append(slices.Clip(at), b.name)
			paths = append(paths, path)
			visit(b, path...)
		}
	}
	visit(settingKeys())
	for _, name := range topKeys() {
		if s, _ := settings.Find(name); !s.List() {
			paths = append(paths, []string{name})
		}
	}
	for _, s := range settings.All() {
		paths = append(paths, []string{"matrix", s.Name})
	}
	taken := 0
	for i, path := range paths {
		for j := i % stride; j < len(values); j += stride {
			v := values[j]
			if sameVerdict(t, schema, with(v, path...)) {
				taken++
			}
		}
	}
	for i, k := range append(fault.KeyNames(), "place", "kind") {
		for _, base := range []map[string]any{
			{"place": "collector.fetch", "kind": "slow|rate_limited|partial|flapping"},
			{"place": "delivery.primary", "kind": "hang"},
		} {
			for j, v := range values {
				if base[k] = v; (i+j)%stride != 0 {
					continue
				}
				if sameVerdict(t, schema, with(base, "faults")) {
					taken++
				}
			}
		}
	}
	if taken < 200 {
		t.Errorf("only %d of the files were right, so that little was proved", taken)
	}
}

// The texts of faults, as --fault takes them.
func TestSchemaAndLoaderAgreeOnFaultTexts(t *testing.T) {
	schema := compiled(t)
	heads := []string{
		"collector.fetch=slow",
		"collector.fetch = hang | slow ",
		"delivery.primary=ack_lost",
		"delivery.spool=ack_lost",
		"delivery.x=locked",
		"processor.record=error",
		"=hang",
		"collector.fetch",
		"collector.fetch=",
		" delivery.spool=hang",
	}
	tails := []string{
		"",
		",",
		",,",
		", p = 0.5 ",
		",p=0.5,p=0.5",
		",factor=2,by=1s",
		",by=1s,factor=2",
		",frist=3",
		",may_not_fire=yes",
		",may_not_fire=T",
	}
	for _, k := range fault.Keys() {
		for _, v := range values {
			if text, ok := v.(string); ok {
				tails = append(tails, ","+k.Name+"="+text)
			} else if n, err := json.Marshal(v); err == nil {
				tails = append(tails, ","+k.Name+"="+string(n))
			}
		}
		tails = append(tails, ",first=2,"+k.Name+"="+k.Example, ","+k.Name+"="+k.Example)
	}
	taken := 0
	for i, head := range heads {
		for j := i % stride; j < len(tails); j += stride {
			tail := tails[j]
			if sameVerdict(t, schema, with(head+tail, "faults")) {
				taken++
			}
		}
	}
	if taken < 50 {
		t.Errorf("only %d of the faults were right", taken)
	}
}

// rightFiles are the project's scenarios, the template, and what they leave out.
func rightFiles(t testing.TB) map[string]string {
	t.Helper()
	files := map[string]string{
		"template": Template("x"),
		"smallest": holds,
		"name":     "name: é\nseed: 9007199254740991\n" + holds,
		"forms": "seeds: [1, 2]\nchannels: [a, b]\ncollector: {breaker: true}\nprocessor: {breaker: {on: false, open-for: 1m30s}}\nmatrix: {attempts: [1, 2], clock: [real]}\n" +
			"faults: ['collector.fetch=hang', {place: collector.fetch, kind: slow, factor: 2, may_not_fire: true, from: 2s}]\n" + holds,
		"no limit":      "rate-limit: 0\n" + holds,
		"single values": "channels: a,b\nseeds: 3\nmatrix: {attempts: 2}\nfaults: collector.fetch=hang\nexpect: ledger.lost == 0\n",
		"conflicts":     "simulate-failures: true\nfailure-type: network\ninput: x.csv\nid-field: a\nmatrix: {simulate-failures: [true], input-format: [csv]}\n" + holds,
		"real ends": "input: https://x.test/a\nheader: ['input=Accept: a', 'b=X-Team: ${TEAM}']\n" +
			"channel: [a=file:a.csv, 'b=https://x.test']\nclock: real\n" + holds,
		"drill": "test-recovery: true\nmatrix: {graph: [recovery, standard]}\n" + holds,
	}
	paths, err := filepath.Glob("../../testdata/scenarios/*.yaml")
	if err != nil || len(paths) < 40 {
		t.Fatalf("%d scenarios, %v", len(paths), err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[path] = string(text)
	}
	return files
}

// mutate changes a document somewhere: a value becomes another one, a key or an element goes, comes, is doubled or
// gets the name of another key.
func mutate(t *rapid.T, doc any, keys []string) any {
	value := func() any {
		return rapid.SampledFrom(values).Draw(t, "value")
	}
	if rapid.IntRange(0, 3).Draw(t, "here") == 0 {
		return value()
	}
	switch d := doc.(type) {
	case map[string]any:
		names := slices.Sorted(maps.Keys(d))
		changed := maps.Clone(d)
		if len(names) == 0 || rapid.IntRange(0, 4).Draw(t, "new key") == 0 {
			changed[rapid.SampledFrom(keys).Draw(t, "key")] = value()
			return changed
		}
		name := rapid.SampledFrom(names).Draw(t, "name")
		switch rapid.IntRange(0, 5).Draw(t, "what") {
		case 0:
			delete(changed, name)
		case 1:
			changed[rapid.SampledFrom(keys).Draw(t, "key")] = d[name]
		default:
			changed[name] = mutate(t, d[name], keys)
		}
		return changed
	case []any:
		if len(d) == 0 {
			return []any{value()}
		}
		i := rapid.IntRange(0, len(d)-1).Draw(t, "element")
		switch rapid.IntRange(0, 4).Draw(t, "what") {
		case 0:
			return slices.Delete(slices.Clone(d), i, i+1)
		case 1:
			return append(slices.Clone(d), d[i])
		}
		changed := slices.Clone(d)
		changed[i] = mutate(t, d[i], keys)
		return changed
	}
	return value()
}

// Files as they are after a slip of the hand: whatever is changed in a scenario, both say the same about it.
func TestSchemaAndLoaderAgreeOnChangedFiles(t *testing.T) {
	schema := compiled(t)
	var docs []any
	for name, file := range rightFiles(t) {
		if _, err := Parse(name, []byte(file)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		doc := document(t, file)
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		docs = append(docs, doc)
	}
	// The texts of loads and capacities, and what they need beside them, are the loader's alone so far.
	keys := slices.DeleteFunc(topKeys(), func(name string) bool {
		return slices.ContainsFunc(settings.All(), func(s settings.Setting) bool {
			return s.Section == settings.Load && s.Path()[0] == name
		})
	})
	keys = append(keys, "x", "on", "failures", "attempts", "timeout", "place", "kind")
	keys = append(keys, fault.KeyNames()...)
	rapid.Check(t, func(t *rapid.T) {
		doc := rapid.SampledFrom(docs).Draw(t, "file")
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			doc = mutate(t, doc, keys)
		}
		sameVerdict(t, schema, doc)
	})
}

// How a value is written decides what it is: an editor that reads YAML knows a number from a text.
func TestTypesOfValues(t *testing.T) {
	schema := compiled(t)
	for _, c := range []struct {
		file, want string
	}{
		{"cycles: 0x10\n", ""},
		{"cycles: 3.0\n", ""},
		{"cycles: 1_0\n", ""},
		{"jitter: 1.0e-3\n", ""},
		{"interval: 0\n", ""},
		{"name: 'on'\n", ""},
		{"name: 2001-01-01\n", ""},
		{"channels: ['1', '2']\n", ""},
		{"matrix: {attempts: [0x2, 3.0]}\n", ""},
		{"faults: {place: collector.fetch, kind: hang, first: 3.0, calls: 2}\n", ""},
		{"name: 5\n", `name "5": want a text; put it into quotes`},
		{"name: true\n", `name "true": want a text; put it into quotes`},
		{"input: 5\n", `input "5": want a text; put it into quotes`},
		{"attempts: '3'\n", `attempts "3": want a number, without quotes`},
		{"jitter: '0.5'\n", `jitter "0.5": want a number, without quotes`},
		{"fallback: 1\n", `fallback "1": want true or false`},
		{"fallback: 'true'\n", `fallback "true": want true or false`},
		{"fallback: yes\n", `fallback "yes": want true or false`},
		{"channels: [1, 2]\n", "channels: want names"},
		{"channels: ['a,b']\n", "channels: want names"},
		{"timeout: +1s\n", `timeout "+1s": want a duration such as`},
		{"seed: [1, 2]\n", "want a whole number"},
		{"seed: '1'\n", "want a whole number"},
		{"matrix: {attempts: ['2']}\n", `attempts "2": want a number, without quotes`},
		{"faults: {place: collector.fetch, kind: hang, first: '3'}\n", "first=3: want a number, without quotes"},
		{"faults: {place: collector.fetch, kind: hang, first: true}\n", "first=true: want a whole number"},
		{"faults: {place: collector.fetch, kind: hang, may_not_fire: 1}\n", "may_not_fire=1: want true or false"},
		{"faults: {place: collector.fetch, kind: hang, calls: true}\n", "calls=true: want numbers and ranges"},
	} {
		_, loads := Parse("x.yaml", []byte(c.file+holds))
		fits := schema.Validate(document(t, c.file+holds))
		if c.want == "" && (loads != nil || fits != nil) {
			t.Errorf("%s: %v, %v", c.file, loads, fits)
		}
		if c.want != "" && (loads == nil || !strings.Contains(loads.Error(), c.want)) {
			t.Errorf("%s: %v, want %s", c.file, loads, c.want)
		}
		if c.want != "" && fits == nil {
			t.Errorf("%s: the schema takes it", c.file)
		}
	}
}

func TestSchemaKnowsEveryKey(t *testing.T) {
	properties := tree(t)["properties"].(map[string]any)
	keys := topKeys()
	for _, key := range keys {
		if _, ok := properties[key]; !ok {
			t.Errorf("the schema has no key %s", key)
		}
	}
	for key := range properties {
		if !slices.Contains(keys, key) {
			t.Errorf("the schema has the key %s, which the loader does not know", key)
		}
	}
	for _, node := range []string{"collector", "processor", "delivery"} {
		inner := properties[node].(map[string]any)["properties"].(map[string]any)
		breaker := inner["breaker"].(map[string]any)["oneOf"].([]any)[1].(map[string]any)["properties"].(map[string]any)
		if inner["attempts"] == nil || inner["breaker-failures"] == nil || len(breaker) != 8 ||
			breaker["open-for"] == nil {
			t.Errorf("%s: %v", node, inner)
		}
	}
}

// An editor shows the description of each key, which is that of its declaration.
func TestSchemaDescribesEveryKey(t *testing.T) {
	count := 0
	var walk func(at string, schema any)
	walk = func(at string, schema any) {
		s, ok := schema.(map[string]any)
		if !ok {
			return
		}
		if s["additionalProperties"] == false { // a mapping of the file, and no rule over some of its keys
			for name, p := range s["properties"].(map[string]any) {
				count++
				if d := p.(map[string]any)["description"]; d == nil || d == "" {
					t.Errorf("%s.%s has no description", at, name)
				}
				walk(at+"."+name, p)
			}
		}
		options, _ := s["oneOf"].([]any)
		for _, o := range options {
			walk(at, o)
		}
	}
	schema := tree(t)
	walk("", schema)
	walk("fault", schema["$defs"].(map[string]any)["fault"])
	if count < 150 {
		t.Errorf("only %d keys were looked at", count)
	}
}

// An editor offers what stands in an enum.
func TestSchemaCompletesPlacesAndKinds(t *testing.T) {
	keys := tree(t)["$defs"].(map[string]any)["fault"].(map[string]any)["oneOf"].([]any)[1].(map[string]any)["properties"].(map[string]any)
	for key, want := range map[string][]string{
		"place": catalog.Strings(catalog.Places(catalog.DefaultChannels())),
		"kind":  catalog.Strings(fault.Kinds()),
	} {
		var got []string
		for _, v := range keys[key].(map[string]any)["anyOf"].([]any)[0].(map[string]any)["enum"].([]any) {
			got = append(got, v.(string))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", key, got, want)
		}
	}
}

// What a schema can say, it does say: an editor marks these files, and the loader refuses them.
func TestSchemaRefuses(t *testing.T) {
	schema := compiled(t)
	for name, file := range map[string]string{
		"no expectations": "name: x\n", "unknown key": "cycle: 3\n" + holds, "wrong type": "cycles: x\n" + holds, "negative seed": "seed: -1\n" + holds,
		"no unit": "timeout: '5'\n" + holds, "number": "timeout: 5\n" + holds, "choice": "clock: fast\n" +
			holds, "of a node": "collector: {atempts: 1}\n" + holds,
		"of a breaker": "collector: {breaker: {fails: 1}}\n" + holds, "of a fault": "faults: [{place: collector.fetch, kind: hang, frist: 1}]\n" + holds,
		"fault without kind": "faults: [{place: collector.fetch}]\n" + holds, "matrix": "matrix: {atempts: [1]}\n" +
			holds, "matrix of seeds": "matrix: {seed: [1]}\n" + holds,
		"empty matrix":        "matrix: {attempts: []}\n" + holds,
		"too few":             "attempts: 0\n" + holds,
		"too many":            "delivery: {attempts: 10001}\n" + holds,
		"too small":           "backoff: 0.5\n" + holds,
		"almost no limit":     "rate-limit: 1.0e-7\n" + holds,
		"too large":           "matrix: {jitter: [1.5]}\n" + holds,
		"too short":           "timeout: 999us\n" + holds,
		"too long":            "collector: {timeout: 10001h}\n" + holds,
		"negative":            "interval: -1s\n" + holds,
		"blank expectation":   "expect: [' ']\n",
		"no such place":       "faults: [{place: collector.fetsh, kind: hang}]\n" + holds,
		"no such channel":     "faults: [{place: delivery.mine, kind: hang}]\n" + holds,
		"nor as text":         "faults: delivery.mine=hang\n" + holds,
		"kind of elsewhere":   "faults: [{place: collector.fetch, kind: ack_lost}]\n" + holds,
		"kind of a channel":   "faults: [{place: delivery.spool, kind: ack_lost}]\n" + holds,
		"as text":             "faults: delivery.spool=ack_lost\n" + holds,
		"no probability":      "faults: [{place: collector.fetch, kind: hang, p: 2}]\n" + holds,
		"no probability text": "faults: 'collector.fetch=hang,p=2'\n" + holds,
		"no count":            "faults: [{place: collector.fetch, kind: hang, first: true}]\n" + holds,
		"no share":            "faults: [{place: collector.fetch, kind: partial, share: 0}]\n" + holds,
		"of another kind":     "faults: [{place: collector.fetch, kind: hang, factor: 2}]\n" + holds,
		"factor and by":       "faults: [{place: collector.fetch, kind: slow, factor: 2, by: 1s}]\n" + holds,
		"twice, as text":      "faults: 'collector.fetch=hang,p=1,p=1'\n" + holds,
		"doubled channels":    "channels: [a, a]\n" + holds,
		"the spool's name":    "channels: [a, spool]\n" + holds,
		"no simulation":       "failure-type: network\n" + holds,
		"simulation is off":   "simulate-failures: false\nmatrix: {failure-type: [network]}\n" + holds,
		"off in the matrix":   "simulate-failures: true\nfailure-type: network\nmatrix: {simulate-failures: [true, false]}\n" + holds,
		"format of no input":  "input-format: csv\n" + holds,
		"a drill has its own": "test-recovery: true\ncycles: 2\n" + holds,
	} {
		if err := schema.Validate(document(t, file)); err == nil {
			t.Errorf("%s: the schema takes it", name)
		}
		if _, err := Parse("x.yaml", []byte(file)); err == nil {
			t.Errorf("%s: the loader takes it", name)
		}
	}
}
