package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"faultflow/internal/load"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
)

func TestJSONGolden(t *testing.T) {
	reporttest.Golden(t, "network.json", document(t, reporttest.Network()))
	reporttest.Golden(t, "drill.json", document(t, reporttest.Drill()))
}

func TestEqualReportsGiveEqualBytes(t *testing.T) {
	for name, r := range reporttest.Samples() {
		first := document(t, r)
		if second := document(t, r); second != first {
			t.Errorf("%s: written twice, differs", name)
		}
		if other := document(t, reporttest.Samples()[name]); other != first {
			t.Errorf("%s: built twice, differs", name)
		}
	}
}

func TestNilIsEmpty(t *testing.T) {
	r := &report.Report{
		Schema:   report.Schema,
		Channels: make([]report.Channel, 1),
		Nodes:    make([]report.Node, 1),
		Breakers: make([]report.Breaker, 1),
	}
	got := document(t, r)
	if strings.Contains(got, "null") {
		t.Errorf("null in\n%s", got)
	}
	empty := &report.Report{
		Schema:   report.Schema,
		Channels: []report.Channel{{}},
		Faults:   []report.Fault{},
		Nodes:    []report.Node{{Hooks: map[string]int{}}},
		Breakers: []report.Breaker{{Transitions: []report.Transition{}}},
	}
	if other := document(t, empty); other != got {
		t.Errorf("nil and empty differ:\n%s\n%s", got, other)
	}
}

func TestJSONForm(t *testing.T) {
	r := reporttest.Success()
	r.Collection.Source = `<a & "b">` + "\x1b\u202e\u009b\U000e0001"
	got := document(t, r)
	for _, want := range []string{
		"{\n  \"schema\": \"faultflow.report/v2\",\n",
		`"source": "<a & \"b\">\u001b\u202e\u009b\udb40\udc01"`,
		"\n}\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if !regexp.MustCompile(`"hash": "[0-9a-f]{64}"`).MatchString(got) {
		t.Errorf("no hash in\n%s", got)
	}
}

func TestInvalidUTF8IsReplaced(t *testing.T) {
	r := reporttest.Success()
	r.Collection.Source, r.Channels[0].LastError = "a\xff\xfeb", "\x9b31m"
	first := document(t, r)
	read, err := parse(first)
	if err != nil || read.Collection.Source != "a\ufffdb" || read.Channels[0].LastError != "\ufffd31m" {
		t.Errorf("read %q and %q, error %v", read.Collection.Source, read.Channels[0].LastError, err)
	}
	if second := document(t, read); second != first {
		t.Errorf("written again, differs:\n%s\n%s", first, second)
	}
}

func TestRoundTrip(t *testing.T) {
	for name, r := range reporttest.Samples() {
		got, err := parse(document(t, r))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(got, r) {
			t.Errorf("%s: read back as\n%+v\nwant\n%+v", name, got, r)
		}
	}
}

func TestRoundTripOfAnyReport(t *testing.T) {
	reports := reporttest.Any()
	rapid.Check(t, func(t *rapid.T) {
		r := reports.Draw(t, "report")
		r.Schema = report.Schema
		first := document(t, &r)
		read, err := parse(first)
		if err != nil {
			t.Fatal(err)
		}
		if second := document(t, read); second != first {
			t.Fatalf("changed on the way:\n%s\n%s", first, second)
		}
	})
}

// notRecorded are the settings that a report says elsewhere: the seed is a field of its own, a drill is a graph with
// faults and cycles, and a breaker is there, whoever put it in.
var notRecorded = []string{
	"report.Settings.Seed",
	"report.Settings.TestRecovery",
	"report.Settings.BreakerDecided",
	"report.Settings.FallbackDecided",
	"report.Settings.BulkheadDecided",
}

// The hash covers every field but hash and meta, whatever the model gains later.
func TestHashCoversEveryField(t *testing.T) {
	r := new(report.Report)
	populate(reflect.ValueOf(r).Elem())
	sealed := seal(t, r)
	inMeta := 0
	leaves := 0
	walk(reflect.ValueOf(r).Elem(), "report", func(path string, change func() (undo func())) {
		leaves++
		undo := change()
		got := seal(t, r)
		undo()
		switch {
		case strings.HasPrefix(path, "report.Meta"):
			inMeta++
			if got != sealed {
				t.Errorf("%s changes the hash", path)
			}
		case slices.Contains(notRecorded, path):
			if got != sealed {
				t.Errorf("%s changes the hash", path)
			}
		case path == "report.Hash":
			if got != sealed {
				t.Error("the hash depends on the hash before")
			}
		case got == sealed:
			t.Errorf("%s does not change the hash", path)
		}
	})
	if leaves < 150 || inMeta != reflect.TypeFor[report.Meta]().NumField() {
		t.Errorf("walked %d leaves, %d of them in meta", leaves, inMeta)
	}
	if seal(t, r) != sealed {
		t.Error("the walk did not undo its changes")
	}
}

// Two runs that came to the same are two runs: whose seed differs, or of which one was interrupted, has another hash.
// So do campaigns.
func TestHashTellsRunsApart(t *testing.T) {
	type sealed interface{ Seal() error }
	for name, test := range map[string]struct {
		make   func(seed uint64, interrupted bool) sealed
		hashOf func(sealed) string
	}{
		"run": {
			func(seed uint64, interrupted bool) sealed {
				return &report.Report{Seed: seed, Interrupted: interrupted}
			},
			func(s sealed) string { return s.(*report.Report).Hash },
		},
		"campaign": {
			func(seed uint64, interrupted bool) sealed {
				return &report.Campaign{Seeds: report.Seeds{First: seed}, Interrupted: interrupted}
			},
			func(s sealed) string { return s.(*report.Campaign).Hash },
		},
	} {
		seen := map[string]bool{}
		for _, seed := range []uint64{1, 2} {
			for _, interrupted := range []bool{false, true, false} {
				doc := test.make(seed, interrupted)
				if err := doc.Seal(); err != nil {
					t.Fatal(err)
				}
				seen[test.hashOf(doc)] = true
			}
		}
		if len(seen) != 4 {
			t.Errorf("%s: %d hashes for two seeds, whole and interrupted", name, len(seen))
		}
	}
}

func TestParseRefuses(t *testing.T) {
	valid := document(t, reporttest.Success())
	for _, c := range []struct {
		name, doc string
		schema    string // of the *report.SchemaError; "-" if it is another error
	}{
		{"nothing", "", "-"},
		{"no JSON", "banner: hello", "-"},
		{"an array", "[]", "-"},
		{"null", "null", ""},
		{"no schema", "{}", ""},
		{"another schema", `{"schema": "faultflow.report/v3", "seed": "forty-two"}`, "faultflow.report/v3"},
		{"schema of another type", `{"schema": 1}`, "-"},
		{"cut off", valid[:len(valid)/2], "-"},
		{"more behind it", valid + "{}", "-"},
		{"a field of another type", strings.Replace(valid, `"seed": 42`, `"seed": "42"`, 1), "-"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := parse(c.doc)
			if err == nil || r != nil || errors.Is(err, report.ErrHash) {
				t.Fatalf("got %v, error %v", r, err)
			}
			se, ok := errors.AsType[*report.SchemaError](err)
			if ok != (c.schema != "-") || ok && (se.Found != c.schema || se.Want != report.Schema) {
				t.Errorf("error %v", err)
			}
			if ok && (!strings.Contains(err.Error(), se.Want) ||
				!strings.Contains(err.Error(), fmt.Sprintf("%q", se.Found))) {
				t.Errorf("the error names neither: %v", err)
			}
		})
	}
}

func TestParseChecksTheHash(t *testing.T) {
	valid := document(t, reporttest.Success())
	edit := func(old, with string) string {
		if !strings.Contains(valid, old) {
			t.Fatalf("%s is not in the document", old)
		}
		return strings.Replace(valid, old, with, 1)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(valid)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, doc string
		want      error
	}{
		{"as written", valid, nil},
		{"compact", compact.String(), nil},
		{"other meta", edit(`"version": "v1.0.0"`, `"version": "v2", "host": "x"`), nil},
		{"other seed", edit(`"seed": 42`, `"seed": 43`), report.ErrHash},
		{"other verdict", edit(`"verdict": "success"`, `"verdict": "failed"`), report.ErrHash},
		{"a field more", edit(`"seed": 42`, `"seed": 42, "note": 1`), report.ErrHash},
		{"a field less", edit(`"interrupted": false,`, ``), report.ErrHash},
		{"the same field twice", edit(`"seed": 42`, `"seed": 42, "seed": 42`), report.ErrHash},
		{"never sealed", regexp.MustCompile(`"hash": ".*"`).ReplaceAllString(valid, `"hash": ""`), report.ErrHash},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := parse(c.doc)
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if r == nil || r.Collection.Source != "primary_api" {
				t.Errorf("report %+v", r)
			}
		})
	}
}

func TestParseOfAnotherMinorVersion(t *testing.T) {
	// The hashes were made by hand, with sha256sum. They cover the field that this version does not know; the fields
	// that the document does not have are empty.
	const doc = `{"schema":"SCHEMA", "seed":42, "added":{"b":[1,2]},
		"hash":"HASH", "meta":{"version":"v9"}}`
	for schema, sum := range map[string]string{
		"faultflow.report/v1": "3323176bc73ed9e39df45e7c0b3fb060ccdd765ca7e06ed7714635739b43b732",
		"faultflow.report/v2": "df8b68545dc4e049a6d4d3810121f9ef9f98b1f2332fa57cdda782a4b90197be",
	} {
		r, err := parse(strings.NewReplacer("SCHEMA", schema, "HASH", sum).Replace(doc))
		if err != nil || r.Schema != report.Schema || r.Seed != 42 || r.Nodes == nil || r.Meta.Version != "v9" {
			t.Errorf("report %+v, error %v", r, err)
		}
	}
}

func TestReadCampaignReportsErrorsOfTheReader(t *testing.T) {
	want := errors.New("disk on fire")
	if _, err := report.ReadCampaign(failingReader{want}); !errors.Is(err, want) {
		t.Errorf("error %v", err)
	}
}

func TestSealRefusesWhatJSONLacks(t *testing.T) {
	r := reporttest.Success()
	r.Hash = "" // as of a run that was never sealed: a refusal must give it none
	r.DurationMS = math.NaN()
	if err := r.Seal(); err == nil || r.Hash != "" {
		t.Errorf("error %v, hash %q", err, r.Hash)
	}
	var out bytes.Buffer
	if err := report.WriteJSON(&out, r); err == nil || out.Len() > 0 {
		t.Errorf("error %v, %d bytes written", err, out.Len())
	}
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

// parse reads a document that is to be a report.
func parse(doc string) (*report.Report, error) {
	d, err := report.Parse([]byte(doc))
	return d.Report, err
}

func document(t interface {
	Helper()
	Fatal(...any)
}, r *report.Report) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.WriteJSON(&out, r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func seal(t *testing.T, r *report.Report) string {
	t.Helper()
	if err := r.Seal(); err != nil {
		t.Fatal(err)
	}
	return r.Hash
}

// populate gives every field a value and every slice and map one element, so that walk meets them all.
func populate(v reflect.Value) {
	if v.Type() == reflect.TypeFor[time.Duration]() {
		v.SetInt(int64(time.Millisecond))
		return
	}
	switch item := v.Addr().Interface().(type) {
	case *load.Load:
		*item = load.UnreadableLoad("x")
		return
	case *load.Capacity:
		*item = load.UnreadableCapacity("x")
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			populate(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		populate(v.Index(0))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		populate(key)
		populate(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("x")
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint64:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(1)
	case reflect.Bool:
		v.SetBool(true)
	default:
		panic("the model has a new kind: " + v.Kind().String())
	}
}

// walk offers one change for every number, text and switch, and for the length of every slice and map.
func walk(v reflect.Value, path string, visit func(path string, change func() (undo func()))) {
	swap := func(with reflect.Value) func() func() {
		return func() func() {
			old := reflect.New(v.Type()).Elem()
			old.Set(v)
			v.Set(with)
			return func() { v.Set(old) }
		}
	}
	switch v.Interface().(type) { // a report has them as text
	case load.Load:
		visit(path, swap(reflect.ValueOf(load.UnreadableLoad("y"))))
		return
	case load.Capacity:
		visit(path, swap(reflect.ValueOf(load.UnreadableCapacity("y"))))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			walk(v.Field(i), path+"."+v.Type().Field(i).Name, visit)
		}
	case reflect.Slice:
		visit(path, swap(reflect.MakeSlice(v.Type(), 0, 0)))
		walk(v.Index(0), path+"[0]", visit)
	case reflect.Map:
		visit(path, swap(reflect.MakeMap(v.Type())))
	case reflect.String:
		visit(path, swap(reflect.ValueOf(v.String()+"y").Convert(v.Type())))
	case reflect.Bool:
		visit(path, swap(reflect.ValueOf(!v.Bool())))
	default:
		other := reflect.ValueOf(2)
		if v.Type() == reflect.TypeFor[time.Duration]() {
			other = reflect.ValueOf(2 * time.Millisecond)
		}
		visit(path, swap(other.Convert(v.Type())))
	}
}
