package channel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"faultflow/internal/atomicfile"
	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/nodes"
	"faultflow/internal/object"
)

// outputNames are the files of a finished output, in the order in which os.ReadDir lists them.
var outputNames = []string{outputDeadLetters, outputDelivered, outputEmergency}

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

// checkClean fails if dir holds anything but the given files, or if the process still has a file open in it.
func checkClean(t testing.TB, dir string, names ...string) {
	t.Helper()
	got := []string{}
	for name := range files(t, dir) {
		got = append(got, name)
	}
	slices.Sort(got)
	if !slices.Equal(got, names) {
		t.Errorf("the folder holds %q, want %q", got, names)
	}
	fds, _ := os.ReadDir("/proc/self/fd") // none on other systems
	for _, fd := range fds {
		if target, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(target, dir+"/") {
			t.Errorf("%s is still open", target)
		}
	}
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
	o, err := CreateOutput(dir)
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

	check(t, o.Deliver("primary", nodes.Delivery{Key: "k1", Records: []nodes.Processed{processed("a<&>"), zoned}}))
	check(t, o.Deliver("", nodes.Delivery{Key: "k2", Records: []nodes.Processed{minimal}}))
	check(t, o.Deliver("primary", nodes.Delivery{Key: "empty"}))
	check(t, o.Write(t.Context(), nodes.Delivery{Key: "k3", Records: []nodes.Processed{processed("s"), minimal}}))
	check(t, o.Write(t.Context(), nodes.Delivery{Key: "empty"}))
	check(t, o.DeadLetter(deadLetter("d")))
	check(t, o.DeadLetter(nodes.DeadLetter{
		Record: nodes.Record{Value: math.NaN()},
		Place:  "processor.batch",
		Class:  errhandler.Cancelled,
		Reason: `say "no"`,
	}))
	check(t, o.DeadLetter(nodes.DeadLetter{
		Record: nodes.Record{Row: 8, Line: 9, Offset: 70},
		Raw:    "x,\xff\"\x00",
		Place:  "collector.fetch",
		Class:  errhandler.Data,
		Reason: "bad",
	}))
	check(t, o.Commit())

	want := map[string]string{
		outputDelivered: `{"id":"a<&>","value":1.5,"processed_value":3,"quality":0.75,"mode":"normal","source":"primary_api","row":7,"timestamp":"2026-03-04T05:06:07.000000089Z","channel":"primary","key":"k1"}
{"id":"zoned","value":1.5,"processed_value":-1e-9,"quality":0,"mode":"fallback","source":"primary_api","row":7,"timestamp":"2026-03-04T05:06:07.000000089Z","channel":"primary","key":"k1"}
{"id":"","value":null,"source":"","row":0,"timestamp":"0001-01-01T00:00:00Z","channel":"","key":"k2"}
`,
		outputEmergency: `{"record":{"id":"s","value":1.5,"processed_value":3,"quality":0.75,"mode":"normal"},"source":"primary_api","row":7,"timestamp":"2026-03-04T05:06:07.000000089Z","key":"k3"}
{"record":{"id":"","value":null},"source":"","row":0,"timestamp":"0001-01-01T00:00:00Z","key":"k3"}
`,
		outputDeadLetters: `{"row":7,"offset":0,"source":"primary_api","place":"processor.record","class":"data","reason":"gone","record":{"id":"d","value":1.5}}
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
	checkClean(t, dir, outputNames...)
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
		check(t, o.Deliver("webhook", d))
		check(t, o.Write(t.Context(), d))
		check(t, o.DeadLetter(l))
		delivered = append(delivered, wantRow(r, "webhook", d.Key))
		spooled = append(spooled, wantSpooled(r, d.Key))
		dead = append(dead, wantDeadRow(l).(deadRow))
	}
	check(t, o.Commit())
	if got := parseRows[outputRow](t, filepath.Join(dir, outputDelivered)); !reflect.DeepEqual(got, delivered) {
		t.Error("delivered records differ")
	}
	if got := parseRows[spoolRow](t, filepath.Join(dir, outputEmergency)); !reflect.DeepEqual(got, spooled) {
		t.Error("spooled records differ")
	}
	if got := parseRows[deadRow](t, filepath.Join(dir, outputDeadLetters)); !reflect.DeepEqual(got, dead) {
		t.Error("dead letters differ")
	}
}

func TestOutputKeepsOldFiles(t *testing.T) {
	dir := t.TempDir()
	old := writeOld(t, dir)
	unchanged := func() {
		t.Helper()
		got := files(t, dir)
		for name, text := range old {
			if got[name] != text {
				t.Errorf("%s is now %q", name, got[name])
			}
		}
	}
	o := create(t, dir)
	unchanged()
	for range 2000 { // more than the buffers hold
		check(t, o.Deliver("primary", delivery("new")))
		check(t, o.DeadLetter(deadLetter("new")))
	}
	check(t, o.Write(t.Context(), delivery("new")))
	unchanged()
	o.Discard()
	unchanged()
	checkClean(t, dir, outputNames...)
	o.Discard()
	unchanged()

	// After Discard nothing is taken any more.
	for name, err := range map[string]error{
		"Deliver":    o.Deliver("primary", delivery("late")),
		"DeadLetter": o.DeadLetter(deadLetter("late")),
		"Write":      o.Write(t.Context(), delivery("late")),
		"Commit":     o.Commit(),
	} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s after Discard: %v", name, err)
		}
	}
	unchanged()
	checkClean(t, dir, outputNames...)
}

func TestOutputReplacesOldFiles(t *testing.T) {
	dir := t.TempDir()
	writeOld(t, dir)
	o := create(t, dir)
	check(t, o.Deliver("primary", delivery("new")))
	check(t, o.Commit())
	o.Discard()
	o.Discard()
	checkClean(t, dir, outputNames...)
	got := files(t, dir)
	if got[outputEmergency] != "" || got[outputDeadLetters] != "" || strings.Count(got[outputDelivered], `"new"`) != 1 {
		t.Errorf("the files are %q", got)
	}
	if err := o.Commit(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("second Commit: %v", err)
	}
	if err := o.Deliver("primary", delivery("late")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Deliver after Commit: %v", err)
	}
	if now := files(t, dir); !reflect.DeepEqual(now, got) {
		t.Errorf("the files changed after Commit: %q", now)
	}
}

func TestCreateOutputErrors(t *testing.T) {
	t.Run("a file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "file")
		check(t, os.WriteFile(path, nil, 0o644))
		for _, dir := range []string{path, filepath.Join(path, "below")} {
			_, err := CreateOutput(dir)
			if pathErr, ok := errors.AsType[*fs.PathError](err); !ok || !errors.Is(err, syscall.ENOTDIR) ||
				pathErr.Path != path {
				t.Errorf("%s: %v", dir, err)
			}
		}
	})
	t.Run("not writable", func(t *testing.T) {
		dir := t.TempDir()
		check(t, os.Chmod(dir, 0o555))
		if f, err := os.Create(filepath.Join(dir, "probe")); err == nil {
			f.Close()
			t.Skip("this user may write anywhere")
		}
		_, err := CreateOutput(dir)
		if _, ok := errors.AsType[*fs.PathError](err); !ok || !errors.Is(err, fs.ErrPermission) {
			t.Error(err)
		}
		if _, err := CreateOutput(filepath.Join(dir, "below")); !errors.Is(err, fs.ErrPermission) {
			t.Error(err)
		}
		checkClean(t, dir)
	})
	t.Run("a folder in a file's place", func(t *testing.T) {
		for _, name := range outputNames {
			dir := t.TempDir()
			check(t, os.Mkdir(filepath.Join(dir, name), 0o755))
			_, err := CreateOutput(dir)
			pathErr, ok := errors.AsType[*fs.PathError](err)
			if !ok || !errors.Is(err, syscall.EISDIR) || pathErr.Path != filepath.Join(dir, name) {
				t.Errorf("%s: %v", name, err)
			}
			check(t, os.Remove(filepath.Join(dir, name)))
			checkClean(t, dir)
		}
	})
	for _, name := range outputNames {
		t.Run("opening "+name, func(t *testing.T) {
			dir := t.TempDir()
			o, err := createOutput(dir, faulty(map[string]error{name + " open": syscall.EMFILE}))
			if o != nil || !errors.Is(err, syscall.EMFILE) || !strings.HasPrefix(err.Error(), name+": ") {
				t.Errorf("got %v, %v", o, err)
			}
			checkClean(t, dir)
		})
	}
}

// faulty is the real system with tiny buffers, where the operations in faults, such as "delivered.ndjson write" or
// "folder sync", fail while they are in the map.
func faulty(faults map[string]error) outputSystem {
	return outputSystem{
		open: func(path string) (outputFile, error) {
			name := filepath.Base(path)
			if err := faults[name+" open"]; err != nil {
				return nil, err
			}
			file, err := openOutputFile(path)
			if err != nil {
				return nil, err
			}
			return &faultyFile{file, name + " ", faults}, nil
		},
		syncFolder: func(dir string) error {
			if err := faults["folder sync"]; err != nil {
				return err
			}
			return atomicfile.SyncFolder(dir)
		},
		buffer: 16,
	}
}

type faultyFile struct {
	outputFile
	prefix string
	faults map[string]error
}

// Write fails after half of p, as a disk does that fills up.
func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.faults[f.prefix+"write"]; err != nil {
		n, _ := f.outputFile.Write(p[:len(p)/2])
		return n, err
	}
	return f.outputFile.Write(p)
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.faults[f.prefix+"truncate"]; err != nil {
		return err
	}
	return f.outputFile.Truncate(size)
}

func (f *faultyFile) Seek(offset int64, whence int) (int64, error) {
	if err := f.faults[f.prefix+"seek"]; err != nil {
		return 0, err
	}
	return f.outputFile.Seek(offset, whence)
}

func (f *faultyFile) Sync() error {
	if err := f.faults[f.prefix+"sync"]; err != nil {
		return err
	}
	return f.outputFile.Sync()
}

func (f *faultyFile) Commit() error {
	if err := f.faults[f.prefix+"commit"]; err != nil {
		return err
	}
	return f.outputFile.Commit()
}

func (f *faultyFile) Discard() error {
	if err := f.faults[f.prefix+"discard"]; err != nil {
		return err
	}
	return f.outputFile.Discard()
}

// A Deliver or DeadLetter that fails breaks the output, even if later writes would succeed.
func TestOutputBroken(t *testing.T) {
	for name, call := range map[string]func(*Output) error{
		outputDelivered:   func(o *Output) error { return o.Deliver("primary", delivery("a")) },
		outputDeadLetters: func(o *Output) error { return o.DeadLetter(deadLetter("a")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			old := writeOld(t, dir)
			faults := map[string]error{}
			o, err := createOutput(dir, faulty(faults))
			check(t, err)
			check(t, call(o))
			full := &fs.PathError{Op: "write", Path: name, Err: syscall.ENOSPC}
			faults[name+" write"] = full
			broken := call(o)
			if !errors.Is(broken, full) || !strings.HasPrefix(broken.Error(), name+": ") {
				t.Fatalf("the call returned %v", broken)
			}
			clear(faults)
			for what, err := range map[string]error{
				"Deliver":    o.Deliver("primary", delivery("b")),
				"DeadLetter": o.DeadLetter(deadLetter("b")),
				"Write":      o.Write(t.Context(), delivery("b")),
				"Commit":     o.Commit(),
				"Commit 2":   o.Commit(),
			} {
				if err != broken {
					t.Errorf("%s returned %v, want %v", what, err, broken)
				}
			}
			checkClean(t, dir, outputNames...)
			if got := files(t, dir); !reflect.DeepEqual(got, old) {
				t.Errorf("the files are now %q", got)
			}
		})
	}
}

func TestOutputWriteKeepsAllOrNothing(t *testing.T) {
	long := nodes.Delivery{Key: "long"}
	for i := range 40 {
		long.Records = append(long.Records, processed(strings.Repeat("x", i)))
	}
	for _, buffer := range []int{16, 64 << 10} { // failing within the records, and only in the last flush
		dir := t.TempDir()
		faults := map[string]error{}
		sys := faulty(faults)
		sys.buffer = buffer
		o, err := createOutput(dir, sys)
		check(t, err)
		check(t, o.Write(t.Context(), delivery("a")))
		for range 2 {
			faults[outputEmergency+" write"] = syscall.ENOSPC
			err = o.Write(t.Context(), long)
			if !errors.Is(err, syscall.ENOSPC) || !strings.HasPrefix(err.Error(), outputEmergency+": ") {
				t.Fatalf("buffer %d: Write returned %v", buffer, err)
			}
			if got := temporary(t, dir, outputEmergency); strings.Count(got, "\n") != 1 ||
				!strings.HasSuffix(got, "\n") {
				t.Errorf("buffer %d: after a failed Write the file is %q", buffer, got)
			}
			clear(faults)
		}
		check(t, o.Write(t.Context(), delivery("b")))
		check(t, o.Commit()) // the failed Writes were undone
		rows := parseRows[spoolRow](t, filepath.Join(dir, outputEmergency))
		if len(rows) != 2 || object.Find(string(rows[0].Record), "id") != `"a"` ||
			object.Find(string(rows[1].Record), "id") != `"b"` {
			t.Errorf("buffer %d: spooled %+v", buffer, rows)
		}
		checkClean(t, dir, outputNames...)
	}
}

// temporary returns what has been written so far to the file that is to get the given name.
func temporary(t *testing.T, dir, name string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "."+name+"*"))
	if err != nil || len(paths) != 1 {
		t.Fatal("temporary files:", paths, err)
	}
	data, err := os.ReadFile(paths[0])
	check(t, err)
	return string(data)
}

// What Write has taken is with the operating system when it returns.
func TestOutputWriteFlushes(t *testing.T) {
	dir := t.TempDir()
	o := create(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // a cancelled run spools too
	check(t, o.Write(ctx, delivery("a")))
	if got := temporary(t, dir, outputEmergency); !strings.HasPrefix(got, `{"record":{"id":"a",`) ||
		!strings.HasSuffix(got, "}\n") {
		t.Errorf("the file is %q", got)
	}
}

// If half a delivery can't be removed, nothing of it may come into the final file.
func TestOutputWriteNotUndone(t *testing.T) {
	for _, op := range []string{"truncate", "seek"} {
		t.Run(op, func(t *testing.T) {
			dir := t.TempDir()
			old := writeOld(t, dir)
			faults := map[string]error{}
			o, err := createOutput(dir, faulty(faults))
			check(t, err)
			faults[outputEmergency+" write"] = syscall.ENOSPC
			faults[outputEmergency+" "+op] = syscall.EIO
			broken := o.Write(t.Context(), delivery("a"))
			if !errors.Is(broken, syscall.ENOSPC) || !errors.Is(broken, syscall.EIO) {
				t.Errorf("Write returned %v", broken)
			}
			clear(faults)
			if err := o.Write(t.Context(), delivery("b")); err != broken {
				t.Errorf("the next Write returned %v", err)
			}
			if err := o.Commit(); err != broken {
				t.Errorf("Commit returned %v", err)
			}
			checkClean(t, dir, outputNames...)
			if got := files(t, dir); !reflect.DeepEqual(got, old) {
				t.Errorf("the files are now %q", got)
			}
		})
	}
}

func TestOutputCommitErrors(t *testing.T) {
	for _, c := range []struct {
		fault string
		// renamed are the files that are new all the same.
		renamed []string
	}{
		{outputEmergency + " sync", nil},
		{outputDeadLetters + " sync", nil},
		{outputDelivered + " sync", nil},
		{outputDeadLetters + " write", nil},
		{outputDelivered + " write", nil},
		{outputEmergency + " commit", nil},
		{outputDeadLetters + " commit", []string{outputEmergency}},
		{outputDelivered + " commit", []string{outputEmergency, outputDeadLetters}},
		{"folder sync", outputNames},
	} {
		t.Run(c.fault, func(t *testing.T) {
			dir := t.TempDir()
			old := writeOld(t, dir)
			faults := map[string]error{}
			sys := faulty(faults)
			sys.buffer = 64 << 10 // so that it is Commit that writes
			o, err := createOutput(dir, sys)
			check(t, err)
			check(t, o.Deliver("primary", delivery("new")))
			check(t, o.DeadLetter(deadLetter("new")))
			faults[c.fault] = syscall.ENOSPC
			err = o.Commit()
			if file, _, _ := strings.Cut(c.fault, " "); !errors.Is(err, syscall.ENOSPC) ||
				!strings.Contains(err.Error(), file+": ") {
				t.Errorf("Commit returned %v", err)
			}
			checkClean(t, dir, outputNames...)
			for name, text := range files(t, dir) {
				if isNew := text != old[name]; isNew != slices.Contains(c.renamed, name) {
					t.Errorf("%s is %q", name, text)
				}
			}
			clear(faults)
			if again := o.Commit(); again != err {
				t.Errorf("the second Commit returned %v", again)
			}
		})
	}
}

// The folder vanishes during the run: Commit fails, and there is nothing to clean up.
func TestOutputFolderRemoved(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a folder with open files can't be removed here")
	}
	dir := filepath.Join(t.TempDir(), "out")
	o := create(t, dir)
	check(t, o.Deliver("primary", delivery("a")))
	check(t, os.RemoveAll(dir))
	err := o.Commit()
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), outputEmergency+": ") ||
		strings.Contains(err.Error(), "cleaning up") {
		t.Errorf("Commit returned %v", err)
	}
}

// A temporary file that stays is part of Commit's error; a later Discard tries again.
func TestOutputCleanupFails(t *testing.T) {
	dir := t.TempDir()
	faults := map[string]error{outputDelivered + " sync": syscall.EIO, outputDelivered + " discard": syscall.EPERM}
	o, err := createOutput(dir, faulty(faults))
	check(t, err)
	err = o.Commit()
	if !errors.Is(err, syscall.EIO) || !errors.Is(err, syscall.EPERM) {
		t.Errorf("Commit returned %v", err)
	}
	clear(faults)
	o.Discard()
	checkClean(t, dir)
}

// Whatever is put into an output, and however often the spool fails in between, Commit accounts for every record that
// was taken, in order and once.
func TestOutputAccountsForEveryRecord(t *testing.T) {
	root := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(root, "")
		check(t, err)
		defer os.RemoveAll(dir)
		faults := map[string]error{}
		sys := faulty(faults)
		sys.buffer = rapid.IntRange(16, 4096).Draw(t, "buffer")
		o, err := createOutput(dir, sys)
		check(t, err)
		defer o.Discard()

		want := map[string]string{}
		next := 0
		draw := func() nodes.Delivery {
			d := nodes.Delivery{Key: anyString().Draw(t, "key")}
			for range rapid.IntRange(0, 5).Draw(t, "records") {
				next++
				r := processed(fmt.Sprint(next, anyString().Draw(t, "id")))
				r.Source = strings.Repeat("s", rapid.IntRange(0, 2000).Draw(t, "padding"))
				d.Records = append(d.Records, r)
			}
			return d
		}
		t.Repeat(map[string]func(*rapid.T){
			"deliver": func(t *rapid.T) {
				d, name := draw(), anyString().Draw(t, "channel")
				check(t, o.Deliver(name, d))
				for _, r := range d.Records {
					want[outputDelivered] += jsonLine(t, wantRow(r, name, d.Key))
				}
			},
			"dead letter": func(t *rapid.T) {
				for _, r := range draw().Records {
					l := nodes.DeadLetter{
						Record: r.Record,
						Raw:    anyString().Draw(t, "raw"),
						Cut:    rapid.Bool().Draw(t, "cut"),
						Reason: anyString().Draw(t, "reason"),
					}
					check(t, o.DeadLetter(l))
					want[outputDeadLetters] += jsonLine(t, wantDeadRow(l))
				}
			},
			"spool": func(t *rapid.T) {
				d := draw()
				check(t, o.Write(context.Background(), d))
				for _, r := range d.Records {
					want[outputEmergency] += jsonLine(t, wantSpooled(r, d.Key))
				}
			},
			"failing spool": func(t *rapid.T) {
				faults[outputEmergency+" write"] = syscall.ENOSPC
				d := draw()
				if err := o.Write(context.Background(), d); len(d.Records) > 0 && !errors.Is(err, syscall.ENOSPC) {
					t.Fatal("Write returned", err)
				}
				clear(faults)
			},
		})
		check(t, o.Commit())
		for _, name := range outputNames {
			got, err := os.ReadFile(filepath.Join(dir, name))
			check(t, err)
			if string(got) != want[name] {
				t.Fatalf("%s:\n%swant:\n%s", name, got, want[name])
			}
		}
	})
}

// discardFile is a file that keeps nothing, for benchmarks.
type discardFile struct{ io.Writer }

func (discardFile) Seek(int64, int) (int64, error) { return 0, nil }
func (discardFile) Truncate(int64) error           { return nil }
func (discardFile) Sync() error                    { return nil }
func (discardFile) Commit() error                  { return nil }
func (discardFile) Discard() error                 { return nil }

// countWriter counts what is written to it.
type countWriter struct{ n int64 }

func (w *countWriter) Write(p []byte) (int, error) {
	w.n += int64(len(p))
	return len(p), nil
}

// BenchmarkOutputDeliver delivers 50 records: formatting and buffering, without the disk.
func BenchmarkOutputDeliver(b *testing.B) {
	for _, id := range []string{"rec-%06d", "réc-%06d"} { // the second needs the slow way for strings
		b.Run(fmt.Sprintf(id, 0), func(b *testing.B) {
			d := nodes.Delivery{Key: "7f3a9c/1/12"}
			for i := range 50 {
				r := processed(fmt.Sprintf(id, i))
				r.Value, r.ProcessedValue, r.Quality = 12.345*float64(i), 24.69*float64(i), 0.7+float64(i)/171
				d.Records = append(d.Records, r)
			}
			var w countWriter
			o, err := createOutput(b.TempDir(), outputSystem{
				open:       func(string) (outputFile, error) { return discardFile{&w}, nil },
				syncFolder: func(string) error { return nil },
				buffer:     64 << 10,
			})
			check(b, err)
			check(b, o.Deliver("primary", d))
			check(b, o.delivered.buf.Flush())
			b.SetBytes(w.n)
			b.ReportAllocs()
			for b.Loop() {
				check(b, o.Deliver("primary", d))
			}
			check(b, o.Commit())
		})
	}
}
