package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"testing"

	"github.com/goccy/go-yaml"
)

// valid checks a document against the part of JSON Schema that Schema uses. It fails for a keyword it does not know.
func valid(schema map[string]any, doc any) error {
	for keyword, want := range schema {
		var err error
		switch keyword {
		case "description", "title", "examples", "$schema":
		case "type":
			err = isType(want, doc)
		case "enum":
			if !slices.Contains(want.([]any), doc) {
				err = fmt.Errorf("%v is none of %v", doc, want)
			}
		case "pattern":
			if s, ok := doc.(string); ok && !regexp.MustCompile(want.(string)).MatchString(s) {
				err = fmt.Errorf("%q does not match %s", s, want)
			}
		case "minimum":
			if n, ok := doc.(float64); ok && n < want.(float64) {
				err = fmt.Errorf("%v is less than %v", n, want)
			}
		case "maximum":
			if n, ok := doc.(float64); ok && n > want.(float64) {
				err = fmt.Errorf("%v is more than %v", n, want)
			}
		case "minItems":
			if list, ok := doc.([]any); ok && len(list) < int(want.(float64)) {
				err = fmt.Errorf("%d elements", len(list))
			}
		case "items":
			list, _ := doc.([]any)
			for _, v := range list {
				err = errors.Join(err, valid(want.(map[string]any), v))
			}
		case "required":
			m, isMap := doc.(map[string]any)
			for _, key := range want.([]any) {
				if _, ok := m[key.(string)]; isMap && !ok {
					err = fmt.Errorf("%s is missing", key)
				}
			}
		case "oneOf":
			matches := 0
			for _, s := range want.([]any) {
				if valid(s.(map[string]any), doc) == nil {
					matches++
				}
			}
			if matches != 1 {
				err = fmt.Errorf("%v matches %d of %v", doc, matches, want)
			}
		case "properties":
			m, _ := doc.(map[string]any)
			for key, v := range m {
				if p, ok := want.(map[string]any)[key]; ok {
					if bad := valid(p.(map[string]any), v); bad != nil {
						err = fmt.Errorf("%s: %w", key, bad)
					}
				}
			}
		case "additionalProperties":
			m, _ := doc.(map[string]any)
			for key := range m {
				if _, ok := schema["properties"].(map[string]any)[key]; !ok && want == false {
					err = fmt.Errorf("unknown key %s", key)
				}
			}
		default:
			err = fmt.Errorf("the check does not know the keyword %s", keyword)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func isType(want, doc any) error {
	names, ok := want.([]any)
	if !ok {
		names = []any{want}
	}
	got := map[reflect.Kind]string{reflect.String: "string", reflect.Bool: "boolean", reflect.Float64: "number", reflect.Map: "object", reflect.Slice: "array"}[reflect.ValueOf(doc).Kind()]
	n, _ := doc.(float64)
	if slices.Contains(names, any(got)) || got == "number" && n == math.Trunc(n) && slices.Contains(names, any("integer")) {
		return nil
	}
	return fmt.Errorf("%v is a %s, want %v", doc, got, want)
}

func readSchema(t *testing.T) map[string]any {
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
func document(t *testing.T, file string) any {
	t.Helper()
	text, err := yaml.YAMLToJSON([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestSchemaKnowsEveryKey(t *testing.T) {
	schema := readSchema(t)
	properties := schema["properties"].(map[string]any)
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
		if inner["attempts"] == nil || inner["breaker-failures"] == nil || len(breaker) != 4 || breaker["open-for"] == nil {
			t.Errorf("%s: %v", node, inner)
		}
	}
}

// An editor shows the description of each key, which is that of its declaration.
func TestSchemaDescribesEveryKey(t *testing.T) {
	var walk func(at string, schema map[string]any)
	walk = func(at string, schema map[string]any) {
		for name, p := range schema {
			property := p.(map[string]any)
			if property["description"] == nil || property["description"] == "" {
				t.Errorf("%s.%s has no description", at, name)
			}
			options, _ := property["oneOf"].([]any)
			for _, o := range append(options, property) {
				if below, ok := o.(map[string]any)["properties"].(map[string]any); ok && name != "matrix" {
					walk(at+"."+name, below)
				}
			}
		}
	}
	walk("", readSchema(t)["properties"].(map[string]any))
}

func TestSchemaTakesWhatTheLoaderTakes(t *testing.T) {
	schema := readSchema(t)
	files := map[string]string{
		"template": Template("x"), "smallest": holds, "name": "name: é\nseed: 9007199254740991\n" + holds,
		"forms": "seeds: [1, 2]\nchannels: [a, b]\ncollector: {breaker: true}\nprocessor: {breaker: {on: false, open-for: 1m30s}}\nmatrix: {attempts: [1, 2], clock: [real]}\n" +
			"faults: ['collector.fetch=hang', {place: collector.fetch, kind: slow, factor: 2, may_not_fire: true, from: 2s}]\n" + holds,
		"no limit": "rate-limit: 0\n" + holds, "single values": "channels: a,b\nseeds: 3\nmatrix: {attempts: 2}\nfaults: collector.fetch=hang\nexpect: ledger.lost == 0\n",
	}
	err := filepath.WalkDir("../../testdata/scenarios", func(path string, d os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" && filepath.Ext(path) != ".yml" {
			return err
		}
		text, err := os.ReadFile(path)
		files[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range files {
		if _, err := Parse(name, []byte(file)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := valid(schema, document(t, file)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	schema := readSchema(t)
	for name, file := range map[string]string{
		"no expectations": "name: x\n", "unknown key": "cycle: 3\n" + holds, "wrong type": "cycles: x\n" + holds, "negative seed": "seed: -1\n" + holds,
		"no unit": "timeout: '5'\n" + holds, "number": "timeout: 5\n" + holds, "choice": "clock: fast\n" + holds, "of a node": "collector: {atempts: 1}\n" + holds,
		"of a breaker": "collector: {breaker: {fails: 1}}\n" + holds, "of a fault": "faults: [{place: collector.fetch, kind: hang, frist: 1}]\n" + holds,
		"fault without kind": "faults: [{place: collector.fetch}]\n" + holds, "matrix": "matrix: {atempts: [1]}\n" + holds, "matrix of seeds": "matrix: {seed: [1]}\n" + holds,
		"empty matrix": "matrix: {attempts: []}\n" + holds,
		"too few":      "attempts: 0\n" + holds,
		"too many":     "delivery: {attempts: 10001}\n" + holds,
		"too small":    "backoff: 0.5\n" + holds,
		"too large":    "matrix: {jitter: [1.5]}\n" + holds,
	} {
		if err := valid(schema, document(t, file)); err == nil {
			t.Errorf("%s: the schema takes it", name)
		}
		if _, err := Parse("x.yaml", []byte(file)); err == nil {
			t.Errorf("%s: the loader takes it", name)
		}
	}
}
