package report

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestVersionsThatCanBeRead(t *testing.T) {
	const want = "faultflow.report/v3"
	for _, c := range []struct {
		found string
		reads bool
		newer bool
	}{
		{"faultflow.report/v1", true, false},
		{"faultflow.report/v2", true, false},
		{want, true, false},
		{"faultflow.report/v4", false, true},
		{"faultflow.report/v10", false, true},
		{"faultflow.report/v0", false, false},
		{"faultflow.report/v-1", false, false},
		{"faultflow.report/v03", false, false},
		{"faultflow.report/v+3", false, false},
		{"faultflow.report/v99999999999999999999", false, false},
		{"faultflow.report/v", false, false},
		{"faultflow.report", false, false},
		{"faultflow.tests/v1", false, false},
		{"faultflow.tests/v9", false, false},
		{"", false, false},
		{"/v3", false, false},
	} {
		err := checkSchema(c.found, want)
		schema, refused := errors.AsType[*SchemaError](err)
		if refused == c.reads || refused && (schema.Newer() != c.newer || schema.Found != c.found ||
			schema.Want != want) {
			t.Errorf("%q: %v", c.found, err)
		}
		if refused && strings.Contains(err.Error(), "newer") != c.newer {
			t.Errorf("%q: the error says %v", c.found, err)
		}
	}
}

func TestParseTellsDocumentsApart(t *testing.T) {
	if d, err := Parse([]byte(`{"schema": "faultflow.tests/v1", "results": [{"name": "n"}]}`)); err != nil ||
		d.Report != nil || d.Tests == nil || d.Tests.Results[0].Name != "n" {
		t.Errorf("tests: %+v, error %v", d, err)
	}
	if d, err := Parse([]byte(`{"schema": "faultflow.report/v1", "seed": 7}`)); !errors.Is(err, ErrHash) ||
		d.Tests != nil || d.Report == nil || d.Report.Seed != 7 {
		t.Errorf("a report without a hash: %+v, error %v", d, err)
	}
	for _, c := range []struct {
		schema string
		is     func(Document) bool
	}{
		{CampaignSchema, func(d Document) bool { return d.Campaign != nil && d.Campaign.Seeds.First == 7 }},
		{SweepSchema, func(d Document) bool { return d.Sweep != nil && d.Sweep.Seeds.First == 7 }},
		{AblationSchema, func(d Document) bool { return d.Ablation != nil && d.Ablation.Seeds.First == 7 }},
		{DeterminismSchema, func(d Document) bool { return d.Determinism != nil && d.Determinism.Seeds.First == 7 }},
	} {
		d, err := Parse([]byte(`{"schema": "` + c.schema + `", "seeds": {"first": 7}}`))
		if !errors.Is(err, ErrHash) || !c.is(d) {
			t.Errorf("%s without a hash: %+v, error %v", c.schema, d, err)
		}
		newer := strings.Replace(c.schema, "/v2", "/v3", 1)
		d, err = Parse([]byte(`{"schema": "` + newer + `"}`))
		if schema, ok := errors.AsType[*SchemaError](err); !ok || !schema.Newer() || schema.Want != c.schema ||
			d != (Document{}) {
			t.Errorf("%s: %+v, error %v", newer, d, err)
		}
	}
	for doc, want := range map[string]string{
		`{"schema": "faultflow.tests/v2"}`:                `schema "faultflow.tests/v2" is newer than this version of faultflow, which reads "faultflow.tests/v1"`,
		`{"schema": "faultflow.demo/v1"}`:                 `schema "faultflow.demo/v1", expected "faultflow.report/v2"`,
		`{"schema": "faultflow.tests/v1", "results": 1}`:  "decode",
		`{"schema": "faultflow.campaign/v1", "runs": ""}`: "decode",
		`{"schema": "faultflow.report/v1", "seed": ""}`:   "decode",
		`[1]`: "want a JSON object, found array", `"x"`: "want a JSON object, found string",
		`{"schema"`: "unexpected end of JSON input",
	} {
		if d, err := Parse([]byte(doc)); err == nil || !strings.Contains(err.Error(), want) || d != (Document{}) {
			t.Errorf("%s: %+v, error %v", doc, d, err)
		}
	}
}

// Whatever a file holds, reading it ends with a document or an error.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"",
		"null",
		"[]",
		`{"schema":"faultflow.report/v1"}`,
		`{"schema":"faultflow.tests/v1","results":[{}]}`,
		`{"schema":"faultflow.report/v2"}`,
		`{"schema":"faultflow.report/v3"}`,
		`{"schema":"faultflow.report/v1","nodes":[null],"hash":"x"}`,
		`{"schema":"faultflow.report/v1","settings":{"collector":{"retries":3},"faults":["x"]},"timeline":{"events":[{"kind":"breaker_changed","detail":"a → b"}]}}`,
		`{"schema":"faultflow.campaign/v1","nodes":[{}]}`,
		`{"schema":"faultflow.sweep/v1","rows":[{}]}`,
		`{"schema":"faultflow.ablation/v1","whole":{}}`,
		`{"schema":"faultflow.determinism/v1"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		d, err := Parse(doc)
		if has := d != (Document{}); has != (err == nil || errors.Is(err, ErrHash)) {
			t.Fatalf("document %+v, error %v", d, err)
		}
	})
}

// TestTestResultsAreCounted: scripts ask how many failed; a file of an older version is counted as it is read.
func TestTestResultsAreCounted(t *testing.T) {
	var results []TestResult
	for i, status := range []TestStatus{TestPassed, TestFailed, TestInconclusive, TestMalformed, TestSkipped} {
		for range i + 1 {
			results = append(results, TestResult{Status: status})
		}
	}
	want := TestCounts{Passed: 1, Failed: 2, Inconclusive: 3, Malformed: 4, Skipped: 5}
	var b strings.Builder
	if err := WriteTests(&b, &Tests{Schema: TestSchema, Results: results}); err != nil {
		t.Fatal(err)
	}
	var written struct{ Counts TestCounts }
	if err := json.Unmarshal([]byte(b.String()), &written); err != nil || written.Counts != want {
		t.Errorf("written as %+v, %v", written, err)
	}
	older := strings.Replace(b.String(), `"counts": {`, `"unknown": {`, 1)
	for _, text := range []string{b.String(), older} {
		if d, err := Parse([]byte(text)); err != nil || d.Tests.Counts != want {
			t.Errorf("%v: read as %+v\n%s", err, d.Tests.Counts, text)
		}
	}
}

// endless is a pipe that never ends.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	return len(p), nil
}

// A document that does not end would take all memory.
func TestReadsNoMoreThanADocumentMayHave(t *testing.T) {
	in := &endless{}
	if _, err := Read(in); !errors.Is(err, ErrSize) || in.read > MaxSize+1 {
		t.Errorf("%v after %d bytes", err, in.read)
	}
	in = &endless{}
	if _, err := ReadCampaign(in); !errors.Is(err, ErrSize) || in.read > MaxSize+1 {
		t.Errorf("a campaign: %v after %d bytes", err, in.read)
	}
}
