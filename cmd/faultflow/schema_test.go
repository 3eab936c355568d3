package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Whoever reads the documents by their JSON Schemas is told the truth: what the program prints fits, and with a field
// taken away or of another type it does not.
func TestDocumentsFitTheirSchemas(t *testing.T) {
	schema := func(name string) *jsonschema.Schema {
		t.Helper()
		s, err := jsonschema.NewCompiler().Compile(filepath.Join("..", "..", "docs", "reference", name))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	printed := func(args ...string) string {
		t.Helper()
		var out bytes.Buffer
		s := testStreams(t)
		s.out, s.err = &out, os.Stderr
		if code := run(t.Context(), append(args, "--format", "json"), s); code != exitOK {
			t.Fatalf("%q exits with %d:\n%s", args, code, &out)
		}
		return out.String()
	}
	fits := func(s *jsonschema.Schema, text string) error {
		t.Helper()
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return s.Validate(doc)
	}
	reports, inspections := schema("report.schema.json"), schema("inspect.schema.json")
	state := filepath.Join(t.TempDir(), "state")
	for _, test := range []struct {
		schema *jsonschema.Schema
		args   []string
	}{
		{reports, []string{"--clock", "virtual", "--seed", "7", "--simulate-failures", "--failure-type", "network"}},
		{reports, []string{"--clock", "virtual", "--seed", "7", "--test-recovery", "--collector-breaker",
			"--fault", "collector.fetch=http_503,first=2"}},
		{reports, []string{"--clock", "virtual", "--seed", "7", "--load", "20/s", "--for", "5s",
			"--adaptive-limit", "5", "--capacity", "collector.fetch=service=10ms", "--fail-on", "never"}},
		{reports, []string{"--clock", "virtual", "--seed", "7", "--cycles", "2", "--state", state}},
		{inspections, []string{"inspect", state}},
		{inspections, []string{"inspect", filepath.Join("..", "..", "testdata", "left")}},
		{inspections, []string{"replay", filepath.Join("..", "..", "testdata", "left"), "--dry-run"}},
	} {
		text := printed(test.args...)
		if err := fits(test.schema, text); err != nil {
			t.Errorf("%q: %v", test.args, err)
		}
		for was, becomes := range map[string]string{
			`"schema": "faultflow.`: `"schema": "other.`,
			`"dir": "`:              `"folder": "`,
			`"lines": `:             `"lines": -0.5e-9`,
			`"verdict": "`:          `"verdict": "x`,
		} {
			changed := strings.Replace(text, was, becomes, 1)
			if changed != text && fits(test.schema, changed) == nil {
				t.Errorf("%q: %s in place of %s fits", test.args, becomes, was)
			}
		}
	}
}
