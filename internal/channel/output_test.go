package channel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"faultflow/internal/catalog"
	"faultflow/internal/disk"
	"faultflow/internal/disk/disktest"
	"faultflow/internal/errhandler"
	"faultflow/internal/nodes"
	"faultflow/internal/object"
)

// outputNames are the files of a finished output, in the order in which os.ReadDir lists them.
var outputNames = []string{DeadLetters, Delivered, Emergency}

var outputTime = time.Date(2026, 3, 4, 5, 6, 7, 89, time.UTC)

// processed returns a record with the given id and all fields set.
func processed(id string) nodes.Processed {
	return nodes.Processed{
		Record:         nodes.Record{ID: id, Value: 1.5, Timestamp: outputTime, Source: "primary_api", Row: 7},
		ProcessedValue: 3, Quality: 0.75, Mode: catalog.ModeNormal,
	}
}

// delivery returns a delivery of one record.
func delivery(id string) nodes.Delivery {
	return nodes.Delivery{Key: "run/1/1", Records: []nodes.Processed{processed(id)}}
}

func deadLetter(id string) nodes.DeadLetter {
	return nodes.DeadLetter{
		Record: processed(id).Record,
		Place:  "processor.record",
		Class:  errhandler.Data,
		Reason: "gone",
	}
}

// outputRow has the fields of a delivered record in the order of the lines.
type outputRow struct {
	ID             string    `json:"id"`
	Value          *float64  `json:"value"`
	ProcessedValue *float64  `json:"processed_value,omitempty"`
	Quality        *float64  `json:"quality,omitempty"`
	Mode           string    `json:"mode,omitempty"`
	Source         string    `json:"source"`
	Row            int64     `json:"row"`
	Timestamp      time.Time `json:"timestamp"`
	Channel        string    `json:"channel"`
	Key            string    `json:"key"`
}

// spoolRow is a spooled record.
type spoolRow struct {
	Record    json.RawMessage `json:"record"`
	Source    string          `json:"source"`
	Row       int64           `json:"row"`
	Timestamp time.Time       `json:"timestamp"`
	Key       string          `json:"key"`
}

// wantRow is the row that r should become.
func wantRow(r nodes.Processed, channel, key string) outputRow {
	row := outputRow{
		ID:        r.ID,
		Value:     numberOrNull(r.Value),
		Source:    r.Source,
		Row:       r.Row,
		Timestamp: r.Timestamp.UTC(),
		Channel:   channel,
		Key:       key,
	}
	if r.Mode != "" {
		row.ProcessedValue, row.Quality, row.Mode = &r.ProcessedValue, &r.Quality, string(r.Mode)
	}
	return row
}

// wantSpooled is what r becomes in the emergency file.
func wantSpooled(r nodes.Processed, key string) spoolRow {
	return spoolRow{r.AppendJSON(nil), r.Source, r.Row, r.Timestamp.UTC(), key}
}

func numberOrNull(f float64) *float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return &f
}

// deadRow is a dead letter whose row could be read; deadRawRow one whose row could not.
type (
	deadRow struct {
		Row    int64           `json:"row,omitempty"`
		Line   int64           `json:"line,omitempty"`
		Offset *int64          `json:"offset,omitempty"`
		Source string          `json:"source"`
		Place  string          `json:"place"`
		Class  string          `json:"class"`
		Reason string          `json:"reason"`
		Record json.RawMessage `json:"record"`
	}
	deadRawRow struct {
		Row    int64  `json:"row,omitempty"`
		Line   int64  `json:"line,omitempty"`
		Offset *int64 `json:"offset,omitempty"`
		Source string `json:"source"`
		Place  string `json:"place"`
		Class  string `json:"class"`
		Reason string `json:"reason"`
		Raw    string `json:"raw"`
		RawCut bool   `json:"raw_cut,omitempty"`
	}
)

func wantDeadRow(l nodes.DeadLetter) any {
	r := l.Record
	var offset *int64
	line := int64(0)
	if r.Row != 0 {
		offset, line = &r.Offset, r.Line
	}
	if l.Raw != "" {
		return deadRawRow{r.Row, line, offset, r.Source, string(l.Place), string(l.Class), l.Reason, l.Raw, l.Cut}
	}
	return deadRow{
		r.Row, line, offset, r.Source, string(l.Place), string(l.Class), l.Reason, json.RawMessage(r.Object()),
	}
}

// jsonLine is v as encoding/json prints it.
func jsonLine(t interface{ Fatal(...any) }, v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// parseRows reads a file's lines back.
func parseRows[T any](t interface{ Fatal(...any) }, path string) []T {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var rows []T
	for {
		var row T
		if err := dec.Decode(&row); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(path, err)
		}
		rows = append(rows, row)
	}
	if n := bytes.Count(data, []byte("\n")); n != len(rows) {
		t.Fatal(path, "has", n, "lines for", len(rows), "objects")
	}
	return rows
}

// files returns the folder's files by name.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name()] = string(data)
	}
	return got
}

// writeOld puts an older run's files into dir.
func writeOld(t testing.TB, dir string) map[string]string {
	t.Helper()
	for _, name := range outputNames {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("old "+name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files(t, dir)
}

// check fails the test if err is an error.
func check(t interface {
	Helper()
	Fatal(...any)
}, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func create(t testing.TB, dir string) *Output {
	t.Helper()
	o, _, err := CreateOutput(disk.Real(), dir, OutputReplace, true, true)
	check(t, err)
	t.Cleanup(o.Discard)
	return o
}

func TestOutputLines(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	o := create(t, dir)
	minimal := nodes.Processed{Record: nodes.Record{Value: math.NaN()}}
	zoned := processed("zoned")
	zoned.Timestamp = outputTime.In(time.FixedZone("", 2*60*60))
	zoned.Mode, zoned.Quality, zoned.ProcessedValue = catalog.ModeFallback, 0, -1e-9

	o.Deliver("primary", nodes.Delivery{Key: "k1", Records: []nodes.Processed{processed("a<&>"), zoned}})
	o.Deliver("", nodes.Delivery{Key: "k2", Records: []nodes.Processed{minimal}})
	o.Deliver("primary", nodes.Delivery{Key: "empty"})
	check(t, o.Write(t.Context(), nodes.Delivery{Key: "k3", Records: []nodes.Processed{processed("s"), minimal}}))
	check(t, o.Write(t.Context(), nodes.Delivery{Key: "empty"}))
	o.DeadLetter(deadLetter("d"))
	o.DeadLetter(nodes.DeadLetter{
		Record: nodes.Record{Value: math.NaN()},
		Place:  "processor.batch",
		Class:  errhandler.Cancelled,
		Reason: `say "no"`,
	})
	o.DeadLetter(nodes.DeadLetter{
		Record: nodes.Record{Row: 8, Line: 9, Offset: 70},
		Raw:    "x,\xff\"\x00",
		Place:  "collector.fetch",
		Class:  errhandler.Data,
		Reason: "bad",
	})
	check(t, o.Commit())

	want := map[string]string{
		Delivered: `{"id":"a<&>","value":1.5,"processed_value":3,"quality":0.75,"mode":"normal","source":"primary_api","row":7,"timestamp":"2026-03-04T05:06:07.000000089Z","channel":"primary","key":"k1"}
{"id":"zoned","value":1.5,"processed_value":-1e-9,"quality":0,"mode":"fallback","source":"primary_api","row":7,"timestamp":"2026-03-04T05:06:07.000000089Z","channel":"primary","key":"k1"}
{"id":"","value":null,"source":"","row":0,"timestamp":"0001-01-01T00:00:00Z","channel":"","key":"k2"}
`,
		Emergency: `{"record":{"id":"s","value":1.5,"processed_value":3,"quality":0.75,"mode":"normal"},"source":"primary_api","row":7,"timestamp":"2026-03-04T05:06:07.000000089Z","key":"k3"}
{"record":{"id":"","value":null},"source":"","row":0,"timestamp":"0001-01-01T00:00:00Z","key":"k3"}
`,
		DeadLetters: `{"row":7,"offset":0,"source":"primary_api","place":"processor.record","class":"data","reason":"gone","record":{"id":"d","value":1.5}}
{"source":"","place":"processor.batch","class":"cancelled","reason":"say \"no\"","record":{"id":"","value":null}}
{"row":8,"line":9,"offset":70,"source":"","place":"collector.fetch","class":"data","reason":"bad","raw":"x,\ufffd\"\u0000"}
`,
	}
	got := files(t, dir)
	for _, name := range outputNames {
		if got[name] != want[name] {
			t.Errorf("%s:\n%swant:\n%s", name, got[name], want[name])
		}
	}
}

func TestOutputNumbers(t *testing.T) {
	for _, f := range []float64{
		0, math.Copysign(0, -1), 1, -1.5, 0.1, 1e-6, 9.999e-7, 1e-7, -1e-9, 1e-10, 5e-324, 1e20, 1e21, -1e21, 1e100,
		nodes.MaxValue, nodes.MaxValue + 2, math.MaxFloat64,
	} {
		want, err := json.Marshal(f)
		check(t, err)
		if got := string(nodes.AppendNumber(nil, f)); got != string(want) {
			t.Errorf("%g is %s, want %s", f, got, want)
		}
	}
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if got := string(nodes.AppendNumber(nil, f)); got != "null" {
			t.Errorf("%g is %s, want null", f, got)
		}
	}
}

func TestOutputTimes(t *testing.T) {
	hour := time.FixedZone("", 60*60)
	for _, c := range []struct {
		time time.Time
		want string
	}{
		{outputTime.Truncate(time.Second), `"2026-03-04T05:06:07Z"`},
		{time.Date(2026, 1, 1, 0, 30, 0, 120e6, hour), `"2025-12-31T23:30:00.12Z"`},
		{time.Date(0, 1, 1, 0, 30, 0, 0, hour), `null`},
		{time.Date(10000, 1, 1, 0, 30, 0, 0, hour), `"9999-12-31T23:30:00Z"`},
		{time.Date(10000, 1, 1, 1, 0, 0, 0, hour), `null`},
	} {
		if got := timestamp(c.time); got != c.want {
			t.Errorf("%v is %s, want %s", c.time, got, c.want)
		}
	}
}

func TestOutputStrings(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{``, `""`},
		{`plain ~`, `"plain ~"`},
		{`<a href="x">&amp;</a>`, `"<a href=\"x\">&amp;</a>"`},
		{`back\slash`, `"back\\slash"`},
		{"\b\f\n\r\t", `"\b\f\n\r\t"`},
		{"\x00\x1b[31m\x1f", `"\u0000\u001b[31m\u001f"`},
		{"\x7f", "\"\x7f\""},
		{"grün 日本 🎉", `"grün 日本 🎉"`},
		{"a\u2028b\u2029", `"a\u2028b\u2029"`},
		{"\xff", `"\ufffd"`},
		{"a\xc3", `"a\ufffd"`},
		{"\xed\xa0\x80", `"\ufffd\ufffd\ufffd"`}, // half a surrogate pair
		{"\xc0\x80", `"\ufffd\ufffd"`},           // NUL, overlong
		{"\ufffd", "\"\ufffd\""},
		{"ends in\n", `"ends in\n"`},
		{"\n\n", `"\n\n"`},
		{"\ufeffbom", "\"\ufeffbom\""},
	} {
		got := object.AppendString([]byte("x"), c.in)
		if string(got) != "x"+c.want {
			t.Errorf("%q is %s, want %s", c.in, got[1:], c.want)
		}
		var back string
		if err := json.Unmarshal(got[1:], &back); err != nil || back != string([]rune(c.in)) {
			t.Errorf("%q reads back as %q, %v", c.in, back, err)
		}
	}
}

// anyString draws text with everything that is special in JSON, and bytes that are no text.
func anyString() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringN(0, 8, -1),
		rapid.StringMatching(`[a-z]{1,6}-[0-9]{1,4}`),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 8), func(b []byte) string { return string(b) }),
		rapid.SampledFrom([]string{"", `"`, `\`, "\n", "\u2028", "<&>", "\xff"}),
	)
}

func anyRecord() *rapid.Generator[nodes.Processed] {
	return rapid.Custom(func(t *rapid.T) nodes.Processed {
		number := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, 1e-6, 1e21, math.NaN(), math.Inf(-1)}))
		zone := time.FixedZone("", rapid.IntRange(-12, 12).Draw(t, "zone")*60*60)
		return nodes.Processed{
			Record: nodes.Record{
				ID:        anyString().Draw(t, "id"),
				Value:     number.Draw(t, "value"),
				Timestamp: time.Unix(rapid.Int64Range(-1e9, 1e10).Draw(t, "s"), rapid.Int64Range(0, 1e9-1).Draw(t, "ns")).In(zone),
				Source:    anyString().Draw(t, "source"),
				Row:       rapid.Int64Range(0, 3).Draw(t, "row"),
				Line:      rapid.Int64Range(0, 3).Draw(t, "line"),
				Offset:    rapid.Int64Range(0, 3).Draw(t, "offset"),
			},
			ProcessedValue: rapid.Float64().Draw(t, "processed"),
			Quality:        rapid.Float64().Draw(t, "quality"),
			Mode: rapid.SampledFrom([]catalog.Mode{
				"", catalog.ModeNormal, catalog.ModePartial, catalog.ModeFallback,
			}).Draw(t, "mode"),
		}
	})
}

// Every line is what encoding/json prints for a struct with the same fields, but for numbers that it refuses.
func TestOutputLinesProperty(t *testing.T) {
	var lines outputLines
	rapid.Check(t, func(t *rapid.T) {
		r, key := anyRecord().Draw(t, "record"), anyString().Draw(t, "key")
		channel := anyString().Draw(t, "channel")
		lines.begin(&channel, key)
		if got, want := string(lines.record(&r)), jsonLine(t, wantRow(r, channel, key)); got != want {
			t.Fatalf("%swant\n%s", got, want)
		}

		l := nodes.DeadLetter{
			Record: r.Record,
			Raw:    anyString().Draw(t, "raw"),
			Cut:    rapid.Bool().Draw(t, "cut"),
			Place:  catalog.Place(anyString().Draw(t, "place")),
			Class:  errhandler.Class(anyString().Draw(t, "class")),
			Reason: anyString().Draw(t, "reason"),
		}
		if got, want := string(lines.deadLetter(&l)), jsonLine(t, wantDeadRow(l)); got != want {
			t.Fatalf("%swant\n%s", got, want)
		}
	})
}

func TestOutputRoundTrip(t *testing.T) {
	dir := t.TempDir()
	o := create(t, dir)
	var delivered []outputRow
	var spooled []spoolRow
	var dead []deadRow
	for i := range 3000 { // more than the buffers hold
		r := processed(fmt.Sprintf("r%d \"ü\"", i))
		r.Value, r.Quality, r.Row = float64(i)/3, 0.7+float64(i)/1e5, int64(i)
		d := nodes.Delivery{Key: fmt.Sprint("key", i), Records: []nodes.Processed{r}}
		l := nodes.DeadLetter{Record: r.Record, Place: "p", Class: errhandler.Storage, Reason: "full"}
		o.Deliver("webhook", d)
		check(t, o.Write(t.Context(), d))
		o.DeadLetter(l)
		delivered = append(delivered, wantRow(r, "webhook", d.Key))
		spooled = append(spooled, wantSpooled(r, d.Key))
		dead = append(dead, wantDeadRow(l).(deadRow))
	}
	check(t, o.Commit())
	if got := parseRows[outputRow](t, filepath.Join(dir, Delivered)); !reflect.DeepEqual(got, delivered) {
		t.Error("delivered records differ")
	}
	if got := parseRows[spoolRow](t, filepath.Join(dir, Emergency)); !reflect.DeepEqual(got, spooled) {
		t.Error("spooled records differ")
	}
	if got := parseRows[deadRow](t, filepath.Join(dir, DeadLetters)); !reflect.DeepEqual(got, dead) {
		t.Error("dead letters differ")
	}
}

// output is an output in dir on a disk, in a mode.
func output(t testing.TB, dir string, mode OutputMode, d *disktest.Disk) (*Output, []string) {
	t.Helper()
	o, notices, err := CreateOutput(d.System(), dir, mode, true, true)
	check(t, err)
	t.Cleanup(o.Discard)
	return o, notices
}

// Until a run has ended, its files are there under names that say so, with what it had at the end of each cycle: kill -9
// takes no more than the cycle under way. An older run's files stay whole meanwhile.
func TestOutputIsThereBeforeItsEnd(t *testing.T) {
	dir := t.TempDir()
	writeOld(t, dir)
	o, _ := output(t, dir, OutputReplace, &disktest.Disk{})
	o.Deliver("primary", delivery("new"))
	o.DeadLetter(deadLetter("dead"))
	check(t, o.Write(t.Context(), delivery("spooled")))
	o.Flush()
	got := files(t, dir)
	for name, id := range map[string]string{Delivered: "new", DeadLetters: "dead", Emergency: "spooled"} {
		if !strings.Contains(got[name+Unfinished], `"id":"`+id+`"`) {
			t.Errorf("%s%s is %q", name, Unfinished, got[name+Unfinished])
		}
		if !strings.HasPrefix(got[name], "old") {
			t.Errorf("%s is %q", name, got[name])
		}
	}
	check(t, o.Commit())
	got = files(t, dir)
	for name, id := range map[string]string{Delivered: "new", DeadLetters: "dead", Emergency: "spooled"} {
		if _, there := got[name+Unfinished]; there || strings.Count(got[name], `"id":"`+id+`"`) != 1 {
			t.Errorf("at last %s is %q, unfinished %t", name, got[name], there)
		}
	}
}

// What an older run could not deliver is not replaced unasked, nor is that of a run that died; who asks for it can add
// to it or give it up.
func TestUndeliveredRecordsAreNotReplaced(t *testing.T) {
	for _, name := range []string{Emergency, Emergency + Unfinished} {
		dir := t.TempDir()
		check(t, os.WriteFile(filepath.Join(dir, name), []byte("{\"record\":1}\n{\"record\":2}\n"), 0o644))
		_, _, err := CreateOutput(disk.Real(), dir, OutputNew, true, true)
		bad, ok := errors.AsType[*UndeliveredError](err)
		if !ok || bad.Count != 2 || bad.File != name || !strings.Contains(err.Error(), "faultflow replay "+dir) {
			t.Fatalf("%s: %v", name, err)
		}
		o, _ := output(t, dir, OutputAppend, &disktest.Disk{}) // and the folder was given back
		check(t, o.Write(t.Context(), delivery("third")))
		check(t, o.Commit())
		if got := files(t, dir)[Emergency]; strings.Count(got, "\n") != 3 || !strings.HasPrefix(got, `{"record":1}`) {
			t.Errorf("%s: after append %q", name, got)
		}
		o, _ = output(t, dir, OutputReplace, &disktest.Disk{})
		check(t, o.Commit())
		if got := files(t, dir)[Emergency]; got != "" {
			t.Errorf("%s: after replace %q", name, got)
		}
	}
	dir := t.TempDir() // an empty spool is nothing to keep
	writeOld(t, dir)
	check(t, os.WriteFile(filepath.Join(dir, Emergency), nil, 0o644))
	o, _ := output(t, dir, OutputNew, &disktest.Disk{})
	check(t, o.Commit())
}

// The files of a run that died are adopted or replaced, with a word; a torn line does not run into the next.
func TestFilesOfARunThatDied(t *testing.T) {
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, Delivered+Unfinished), []byte("{\"id\":\"a\"}\n{\"id\":\"to"), 0o644))
	o, notices := output(t, dir, OutputAppend, &disktest.Disk{})
	o.Deliver("primary", delivery("b"))
	check(t, o.Commit())
	got := files(t, dir)
	lines := strings.Split(got[Delivered], "\n")
	if len(lines) != 3 || lines[0] != `{"id":"a"}` || !strings.HasPrefix(lines[1], `{"id":"b"`) {
		t.Errorf("delivered: %q", got[Delivered])
	}
	if len(notices) != 1 || !strings.Contains(notices[0], "added the lines of a run that did not end") {
		t.Errorf("said %q", notices)
	}
	check(t, os.WriteFile(filepath.Join(dir, Delivered+Unfinished), []byte("{\"id\":\"a\"}\n"), 0o644))
	o, notices = output(t, dir, OutputNew, &disktest.Disk{})
	check(t, o.Commit())
	if got := files(t, dir)[Delivered]; got != "" {
		t.Errorf("a new run's file begins with %q", got)
	}
	if len(notices) != 1 || !strings.Contains(notices[0], "is of a run that did not end; it is replaced") {
		t.Errorf("said %q", notices)
	}
}

// A disk that is full while a run lasts: what fitted is kept whole, what did not is counted, and the end says so.
func TestOutputOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	full := false
	d := &disktest.Disk{Fails: func(_ int, operation, _ string) error {
		if full && operation == "write" {
			return &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
		}
		return nil
	}}
	o, _ := output(t, dir, OutputNew, d)
	o.Deliver("primary", delivery("before"))
	o.Flush()
	full = true
	for range 3 {
		o.Deliver("primary", delivery("during"))
	}
	o.DeadLetter(deadLetter("during"))
	o.Flush()
	if err := o.Write(t.Context(), delivery("spooled")); !errors.Is(err, syscall.ENOSPC) ||
		errhandler.Classify(err) != errhandler.Storage {
		t.Errorf("the spool says %v", err)
	}
	full = false
	check(t, o.Write(t.Context(), delivery("later")))
	o.Deliver("primary", delivery("after"))
	err := o.Commit()
	unkept, reason := o.Unkept()
	got := files(t, dir)
	// The first half of a failing write is there: one whole line of the three.
	if !errors.Is(err, syscall.ENOSPC) || !errors.Is(reason, syscall.ENOSPC) ||
		strings.Count(got[Delivered]+got[DeadLetters], "\n")+unkept != 6 || unkept == 0 {
		t.Errorf("%v, %d unkept for %v, kept %q %q", err, unkept, reason, got[Delivered], got[DeadLetters])
	}
	for _, name := range []string{Delivered, DeadLetters, Emergency} {
		for line := range strings.Lines(got[name]) {
			if !json.Valid([]byte(line)) {
				t.Errorf("%s has the line %q", name, line)
			}
		}
	}
	if strings.Count(got[Emergency], "\n") != 1 || !strings.Contains(got[Emergency], `"later"`) {
		t.Errorf("the spool has %q: of a failed write nothing is kept", got[Emergency])
	}
}

// Places that can't be written are found before the run, and nothing is left behind.
func TestCreateOutputErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(file, nil, 0o644))
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		if _, _, err := CreateOutput(disk.Real(), dir, OutputNew, true, true); !errors.Is(err, syscall.ENOTDIR) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	for _, name := range []string{Delivered, DeadLetters, Emergency} {
		for _, mode := range []OutputMode{OutputNew, OutputAppend, OutputReplace} {
			dir := t.TempDir()
			check(t, os.Mkdir(filepath.Join(dir, name), 0o755))
			check(t, os.WriteFile(filepath.Join(dir, name, "mine"), nil, 0o644))
			if _, _, err := CreateOutput(disk.Real(), dir, mode, true, true); err == nil || !strings.Contains(err.Error(), name) ||
				!strings.Contains(err.Error(), "is a directory") {
				t.Errorf("%s a folder, %s: %v", name, mode, err)
			}
		}
	}
	dir := t.TempDir()
	broken := &disktest.Disk{Fails: func(_ int, operation, path string) error {
		if operation == "open" && strings.Contains(path, Delivered) {
			return syscall.EMFILE
		}
		return nil
	}}
	if _, _, err := CreateOutput(broken.System(), dir, OutputNew, true, true); !errors.Is(err, syscall.EMFILE) {
		t.Errorf("opening fails with %v", err)
	}
	o, _ := output(t, dir, OutputNew, &disktest.Disk{}) // the folder was given back
	o.Discard()
	o.Discard()
	for name, text := range files(t, dir) {
		if text != "" && !strings.HasSuffix(name, ".lock") {
			t.Errorf("Discard leaves %s: %q", name, text)
		}
	}
}

// The second of two runs in one folder is told who holds it.
func TestOutputFolderIsLocked(t *testing.T) {
	dir := t.TempDir()
	o, _ := output(t, dir, OutputNew, &disktest.Disk{})
	_, _, err := CreateOutput(disk.Real(), dir, OutputReplace, true, true)
	if held, ok := errors.AsType[*disk.HeldError](err); !ok || !strings.HasPrefix(held.Holder, "process ") {
		t.Errorf("the second gets %v", err)
	}
	check(t, o.Commit())
}
