package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"faultflow/internal/errhandler"
	"faultflow/internal/nodes"
	"faultflow/internal/secret"
	"faultflow/internal/settings"
)

// readAll fetches an input to its end, n rows at a time.
func readAll(t testing.TB, f *Input, n int) (b nodes.Batch) {
	t.Helper()
	for {
		got, err := f.Fetch(context.Background(), n)
		if got.Len() > n {
			t.Fatalf("a fetch of %d returned %d rows", n, got.Len())
		}
		b.Records = append(b.Records, got.Records...)
		b.Rejected = append(b.Rejected, got.Rejected...)
		if err == io.EOF {
			return b
		}
		if err != nil {
			t.Fatal(err)
		}
		if got.Len() == 0 {
			t.Fatal("a fetch returned neither rows nor the end")
		}
	}
}

// open opens an input whose values are to be doubled, as they must be numbers then.
func open(s settings.Settings, in io.Reader) (*Input, error) {
	s.Process, s.BatchWait = settings.ProcessDouble, time.Second
	return Open(context.Background(), s, in, secret.New(nil), 0)
}

func openText(t testing.TB, text string, o settings.Settings) *Input {
	t.Helper()
	o.Input = "-"
	f, err := open(o, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// show writes a batch in a few characters: records as line:id=value, rejections as line!reason.
func show(b nodes.Batch) (rows []string) {
	for _, r := range b.Records {
		rows = append(rows, fmt.Sprintf("%d:%s=%v", r.Line, r.ID, r.Value))
	}
	for _, r := range b.Rejected {
		rows = append(rows, fmt.Sprintf("%d!%s", r.Line, r.Reason))
	}
	return rows
}

func TestFormats(t *testing.T) {
	for _, test := range []struct {
		name, format, text string
		options            settings.Settings
		want               []string
	}{
		{name: "ndjson", text: `{"id":"a","value":1}` + "\n" + `{"id":2,"value":"3.5"}` + "\n\n" +
			` { "value" : -4e2 , "id" : true } `, format: settings.FormatNDJSON,
			want: []string{"1:a=1", "2:2=3.5", "4:true=-400"}},
		{name: "ndjson bad rows", format: settings.FormatNDJSON, text: strings.Join([]string{
			`{"id":"ok","value":1}`, `{"id":"x","value":}`, `[1,2]`, `17`, `{"id":"y"}`, `{"id":"z","value":null}`,
			`{"id":"n","value":"much"}`,
			`{"id":"h","value":"0x10"}`, `{"id":"i","value":"Infinity"}`, `{"id":"big","value":1e999}`,
			`{"id":"o","value":{"a":1}}`, `{"id":[1],"value":1}`,
			"{\"id\":\"\xff\",\"value\":1}", `{"value":5}`, `{"id":"","value":6}`, `{"id":"a\u0062","va\u006cue":7}`,
			`{"id":"d","value":1,"value":2}`,
		}, "\n"),
			want: []string{
				"1:ok=1",
				"14:line-14=5",
				"15:line-15=6",
				"16:ab=7",
				"17:d=2",
				"2!not valid JSON: invalid character '}' looking for beginning of value",
				"3!not a JSON object",
				"4!not a JSON object",
				`5!field "value" is missing`,
				`6!field "value" is missing`,
				`7!field "value" is not a number: "much"`,
				`8!field "value" is not a number: "0x10"`,
				`9!field "value" is not a number: "Infinity"`,
				`10!field "value" is not a number: "1e999"`,
				`11!field "value" is an object or a list`,
				`12!field "id" is an object or a list`,
				"13!not valid UTF-8",
			}},
		{name: "ids keep their digits", format: settings.FormatNDJSON, text: `{"id":12345678901234567,"value":1}`,
			want: []string{"1:12345678901234567=1"}},
		{name: "BOM and CRLF", format: settings.FormatNDJSON,
			text: "\ufeff{\"id\":\"a\",\"value\":1}\r\n{\"id\":\"b\",\"value\":2}\r\n",
			want: []string{"1:a=1", "2:b=2"}},
		{name: "guessed fields of objects", format: settings.FormatNDJSON,
			text: `{"day":"mon","kind":"x","temp":3,"wind":4}` + "\n" + `{"day":"tue","temp":5}`,
			want: []string{"1:mon=3", "2:tue=5"}},
		{name: "chosen fields", format: settings.FormatNDJSON, text: `{"day":"mon","temp":3,"wind":4}`,
			options: settings.Settings{IDField: "temp", ValueField: "wind"}, want: []string{"1:3=4"}},

		{name: "array", format: settings.FormatJSON,
			text: "[\n{\"id\":\"a\",\"value\":1},\n{\"id\":\"b\",\n\"value\":2}\n]\n",
			want: []string{"2:a=1", "3:b=2"}},
		{name: "empty array", format: settings.FormatJSON, text: " [ ] "},
		{name: "array with broken elements", format: settings.FormatJSON,
			text: "[{\"id\":\"a\",\"value\":1},\n{\"id\":\"b\",\"value\":},\n5,\n,\n{\"id\":\"c\",\"value\":3}]",
			want: []string{
				"1:a=1", "5:c=3", "2!not valid JSON: invalid character '}' looking for beginning of value",
				"3!not a JSON object", "4!an element is missing",
			}},
		{name: "array with a lost quote", format: settings.FormatJSON,
			text: "[{\"id\":\"a,\"value\":1},\n{\"id\":\"b\",\"value\":2}]", want: []string{
				"2:b=2", "1!not valid JSON: invalid character 'v' after object key:value pair",
			}},
		{name: "array without an end", format: settings.FormatJSON, text: `[{"id":"a","value":1}`,
			want: []string{"1:a=1", "1!the JSON array has no closing ]"}},
		{name: "array with a comma at its end", format: settings.FormatJSON, text: `[{"id":"a","value":1},]`,
			want: []string{"1:a=1", "1!an element is missing"}},
		{name: "text behind the array", format: settings.FormatJSON, text: "[{\"id\":\"a\",\"value\":1}]\n[2]",
			want: []string{"1:a=1", "2!text behind the end of the JSON array"}},
		{name: "no array", format: settings.FormatJSON, text: "17",
			want: []string{"1!not a JSON array: it does not begin with ["}},
		{name: "elements without ids on one line", format: settings.FormatJSON,
			text: `[{"value":1},{"value":2},{"value":3},{"value":4}]`, want: []string{
				"1:line-1=1", "1:line-1.2=2", "1:line-1.3=3", "1:line-1.4=4",
			}},
		{name: "brackets in strings", format: settings.FormatJSON,
			text: `[{"id":"]},\"{","value":1},{"id":"b","value":2,"x":[{"y":[]}]}]`,
			want: []string{`1:]},"{=1`, "1:b=2"}},

		{name: "csv", format: settings.FormatCSV, text: "id,value\na,1\nb,2\n", want: []string{"2:a=1", "3:b=2"}},
		{name: "csv with quotes", format: settings.FormatCSV,
			text: "id,note,value\n\"a,1\",\"two\nlines\",1\n\"say \"\"b\"\"\",x,2\n",
			want: []string{"2:a,1=1", `4:say "b"=2`}},
		// A doubled quote stands for one, and closes nothing: the line's end behind it belongs to the field.
		{name: "csv with doubled quotes in a field of several lines", format: settings.FormatCSV,
			text: "id,note,value\na,\"he said \"\"no\nyes\"\" then\",1\nb,\"\"\"\n\"\"\",2\nc,\"\"\"\"\"\",3\nd,x,4\n",
			want: []string{"2:a=1", "4:b=2", "6:c=3", "7:d=4"}},
		{name: "csv guesses", format: settings.FormatCSV,
			text: "date,place,temp,wind\n2012-01-01,x,12.8,4.7\n2012-01-02,y,10.6,4.5\n",
			want: []string{"2:2012-01-01=12.8", "3:2012-01-02=10.6"}},
		{name: "csv of one column", format: settings.FormatCSV, text: "n\n1\n1\n",
			want: []string{"2:line-2=1", "3:line-3=1"}},
		{name: "csv bad rows", format: settings.FormatCSV, text: "id,value\na,1\nb\nc,3,4\nd,\ne,many\n\n\xff,1\nf,6\n",
			want: []string{"2:a=1", "9:f=6",
				"3!1 fields where the header has 2", "4!3 fields where the header has 2", `5!field "value" is missing`,
				`6!field "value" is not a number: "many"`, "8!not valid UTF-8"}},
		{name: "csv with a stray quote", format: settings.FormatCSV, text: "id,value\n\"a,1\nb,2\nc,3\n",
			want: []string{"3:b=2", "4:c=3", "2!a quote is not closed"}},
		{name: "csv with a bare quote", format: settings.FormatCSV, text: "id,value\na\"x\",1\nb,2\n",
			want: []string{"3:b=2", "2!bare \" in non-quoted-field"}},
		{name: "csv with bare quotes", format: settings.FormatCSV,
			text: "id,note,value\na,5\" pipe,1\nb,x,2\nc,7\" pipe,3\nd,\"5\"\" pipe\",4\n", want: []string{
				"3:b=2", "5:d=4", "2!bare \" in non-quoted-field", "4!bare \" in non-quoted-field",
			}},
		{name: "csv with a header only", format: settings.FormatCSV, text: "id,value\n"},
		{name: "tsv", format: settings.FormatTSV, text: "id\tvalue\r\na b\t1\r\nc,d\t2\r\n",
			want: []string{"2:a b=1", "3:c,d=2"}},
		{name: "nothing at all", format: settings.FormatCSV, text: ""},
		{name: "blank lines only", format: settings.FormatNDJSON, text: "\n\n  \n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, n := range []int{1, 2, 1000} {
				o := test.options
				o.InputFormat = test.format
				got := show(readAll(t, openText(t, test.text, o), n))
				if !slices.Equal(got, test.want) {
					t.Errorf("%d at a time:\n got %q\nwant %q", n, got, test.want)
				}
			}
		})
	}
}

// A quoted field may span 1,000 further lines. A quote that is open for longer is a stray one: only its own row is bad,
// and none of the rows behind it is lost.
// The share of a file that was read is what the progress line and the time left are made from: it is that of the rows
// that were fetched, however far the reader is ahead. Where the length is not that of the rows, none is told.
func TestShareOfAFile(t *testing.T) {
	dir := t.TempDir()
	const row = "{\"id\":\"abcdef\"}\n"
	opened := func(name, text string) *Input {
		t.Helper()
		s := settings.Settings{Input: filepath.Join(dir, name)}
		if err := os.WriteFile(s.Input, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := Open(t.Context(), s, nil, secret.New(nil), 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(in.Close)
		return in
	}
	in := opened("rows.ndjson", strings.Repeat(row, 100))
	share := in.Share()
	if share == nil || share() != 0 {
		t.Fatal("before the first fetch it is not 0")
	}
	for _, step := range []struct {
		rows int
		want float64
	}{{1, 0}, {50, 0.5}, {49, 0.99}, {1, 0.99}} { // the last row that was fetched begins there
		if _, err := in.Fetch(t.Context(), step.rows); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		if got := share(); got != step.want {
			t.Errorf("after %d more rows it is %v, want %v", step.rows, got, step.want)
		}
	}
	for name, text := range map[string]string{
		"empty.ndjson":   "",
		"rows.ndjson.gz": zipped(t, row), "rows.ndjson.zst": packed(t, row),
	} {
		if opened(name, text).Share() != nil {
			t.Errorf("it is told of %s", name)
		}
	}
	if openText(t, row, settings.Settings{IDField: "id", ValueField: "id"}).Share() != nil {
		t.Error("it is told of a pipe")
	}
}

// A health check says whether an input can still be reached, also between two fetches: a file that was taken away is
// told before it is missed.
func TestHealthOfFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "rows.ndjson")
	if err := os.WriteFile(path, []byte("{\"id\":1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := Open(t.Context(), settings.Settings{Input: path}, nil, secret.New(nil), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := in.Health(t.Context()); err != nil {
		t.Errorf("a file that is there: %v", err)
	}
	if err := os.Rename(path, path+".gone"); err != nil {
		t.Fatal(err)
	}
	if err := in.Health(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is gone: %v", err)
	}
	path = filepath.Join(dir, "rows.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	query := settings.Settings{Input: "sqlite:" + path + "?query=SELECT 1 AS id"}
	of, err := Open(t.Context(), query, nil, secret.New(nil), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer of.Close()
	if err := of.Health(t.Context()); err != nil {
		t.Errorf("a database that is there: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := of.Health(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a database that is gone: %v", err)
	}
	if err := openText(t, "", settings.Settings{}).Health(t.Context()); err != nil {
		t.Errorf("a pipe: %v", err)
	}
}

// A record of an array that is spread over lines is one line, as all that is written by the line needs it: else a file
// of records would be none, and what was spooled could not be read again. Nothing else of it changes, least of all
// within strings.
func TestRecordsSpreadOverLinesAreOneLine(t *testing.T) {
	const text = "[\n  {\r\n\t\"id\": \"a  \\n b\",\n    \"value\" : 1.50 ,\n \"o\": { \"x\":\n" +
		"[1,  2,\n\n\t3] }\n  },\n{\"id\":2,\"value\":3}\n]\n"
	for _, s := range []settings.Settings{{}, {Records: "within.list"}} {
		given := text
		if s.Records != "" {
			given = "{\"within\": {\n\"list\": " + text + "}}"
		}
		b, err := openText(t, given, s).Fetch(t.Context(), 10)
		if err != io.EOF || len(b.Records) != 2 {
			t.Fatalf("%+v, %v", b, err)
		}
		want := []string{`{"id": "a  \n b","value" : 1.50 ,"o": { "x":[1,  2,3] }}`, `{"id":2,"value":3}`}
		if got := []string{b.Records[0].Fields, b.Records[1].Fields}; !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

func TestQuotedFieldSpansSoManyLines(t *testing.T) {
	for further, closed := range map[int]bool{999: true, 1000: true, 1001: false} {
		text := "id,note,value\na,\"" + strings.Repeat("x,y,1\n", further) + "\",5\nlast,z,2\n"
		got := show(readAll(t, openText(t, text, settings.Settings{InputFormat: settings.FormatCSV}), 100_000))
		if closed {
			if want := []string{"2:a=5", fmt.Sprintf("%d:last=2", further+3)}; !slices.Equal(got, want) {
				t.Errorf("%d further lines: %q, want %q", further, got, want)
			}
			continue
		}
		// What follows the stray quote is read as rows of their own: all but the one that has it, and the one that
		// closes it.
		good := slices.DeleteFunc(slices.Clone(got), func(s string) bool { return strings.Contains(s, "!") })
		if len(good) != further || !slices.Contains(got, "2!a quote is not closed") {
			t.Errorf("%d further lines: %d rows read, first %q", further, len(good), got[:3])
		}
	}
}

func TestFormatIsGuessed(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"a.ndjson", `{"value":1}`, settings.FormatNDJSON}, {"a.jsonl", `{"value":1}`, settings.FormatNDJSON},
		{"a.json", `[{"value":1}]`, settings.FormatJSON}, {"a.JSON", `{"value":1}`, settings.FormatNDJSON},
		{"a.csv", "id,value\n", settings.FormatCSV}, {"a.tsv", "id\tvalue\n", settings.FormatTSV},
		{"a.tab", "id\tvalue\n", settings.FormatTSV},
		{"plain", " \n[]", settings.FormatJSON}, {"plain", "{}", settings.FormatNDJSON},
		{"plain", "", settings.FormatNDJSON},
	} {
		path := filepath.Join(t.TempDir(), test.name)
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := open(settings.Settings{Input: path}, nil)
		if test.text == "{}" { // no field to choose from is a matter of each row
			if err != nil {
				t.Errorf("%s with %q: %v", test.name, test.text, err)
			}
		}
		if err != nil {
			t.Errorf("%s with %q: %v", test.name, test.text, err)
			continue
		}
		if f.Format() != test.want || f.Name() != test.name {
			t.Errorf("%s with %q is %s of %s, want %s", test.name, test.text, f.Format(), f.Name(), test.want)
		}
		f.Close()
	}
}

// An object around a list is called what it is, in one line as well as spread over many: as one record it would be
// taken for data, and nobody would miss the others. Lines of objects are records, whatever is in them.
func TestAnObjectAroundAList(t *testing.T) {
	const pages = `{"n":[1,2],"o":{"a":[{"b":1}]},"data":[{"id":1},{"id":2}],"next":null}`
	for _, test := range []struct {
		name, text string
		settings   settings.Settings
		rows       int
		list       string // that is named instead
	}{
		{name: "a.json", text: pages, list: "data"},
		{name: "a.json", text: pages + "\n \n", list: "data"},
		{name: "a.json", text: `{"data":[{"id":"` + strings.Repeat("x", 200<<10) + `"}]}`, list: "data"},
		{name: "a.json", text: pages, settings: settings.Settings{Records: "data"}, rows: 2},
		{name: "a.json", text: pages, settings: settings.Settings{InputFormat: settings.FormatNDJSON}, rows: 1},
		{name: "a.json", text: pages + "\n" + pages, rows: 2},
		{name: "a.ndjson", text: pages, rows: 1},
		{name: "a.json", text: `{"n":[],"m":[[{"id":1}]],"o":{"a":[{"b":1}]},"data":"[{"}`, rows: 1},
	} {
		s := test.settings
		s.Input = filepath.Join(t.TempDir(), test.name)
		if err := os.WriteFile(s.Input, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := Open(t.Context(), s, nil, secret.New(nil), 0)
		if test.list != "" {
			if want := "not a list of records; add --records " + test.list + " for"; err == nil ||
				!strings.Contains(err.Error(), want) {
				t.Errorf("%.80s: %v, want %s", test.text, err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%.80s: %v", test.text, err)
			continue
		}
		if b, err := in.Fetch(t.Context(), 10); b.Len() != test.rows || err != io.EOF {
			t.Errorf("%.80s: %d rows, %v, want %d", test.text, b.Len(), err, test.rows)
		}
		in.Close()
	}
}

func TestOptionsThatDoNotFit(t *testing.T) {
	for _, test := range []struct {
		text    string
		options settings.Settings
		flag    string
		says    string
	}{
		{"a b c", settings.Settings{}, "input-format", "want one of ndjson, json, csv, tsv"},
		{"id,value\na,1\n", settings.Settings{InputFormat: settings.FormatCSV, IDField: "idd"}, "id-field",
			"did you mean id?"},
		{"id,temp_max\na,1\n", settings.Settings{InputFormat: settings.FormatCSV, ValueField: "temp_mx"}, "value-field",
			"did you mean temp_max?"},
		{`{"id":1,"value":2}`, settings.Settings{ValueField: "v"}, "value-field", "its fields: id, value"},
		{"id,name\na,b\n", settings.Settings{InputFormat: settings.FormatCSV}, "value-field", "holds numbers"},
		{"\xff\xfei\x00d\x00", settings.Settings{InputFormat: settings.FormatCSV}, "input", "UTF-16"},
	} {
		test.options.Input = "-"
		_, err := open(test.options, strings.NewReader(test.text))
		var bad *settings.Error
		if !errors.As(err, &bad) {
			t.Errorf("%q: %v, want a *settings.Error", test.text, err)
			continue
		}
		if bad.Name != test.flag || !strings.Contains(bad.Error(), test.says) || strings.Contains(bad.Error(), "\n") {
			t.Errorf("%q: %q, want one line for --%s that says %q", test.text, bad, test.flag, test.says)
		}
	}
}

func TestFilesThatCannotBeOpened(t *testing.T) {
	for _, path := range []string{filepath.Join(t.TempDir(), "none.csv"), t.TempDir()} {
		_, err := open(settings.Settings{Input: path}, nil)
		var bad *fs.PathError
		if !errors.As(err, &bad) {
			t.Errorf("%s: %v, want a PathError", path, err)
		}
	}
}

// endless makes n bytes of rows without keeping them.
type endless struct {
	row  []byte
	left int
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.left, len(e.row)-e.at)
	copy(p, e.row[e.at:e.at+n])
	e.at = (e.at + n) % len(e.row)
	e.left -= n
	return n, nil
}

// Long rows are rejected, reading goes on behind them, and neither they nor the length of the input cost memory.
func TestMemoryIsBounded(t *testing.T) {
	long := 10 << 20
	for _, test := range []struct {
		name, format, head, row, tail string
		records, rejected             int
	}{
		{"ndjson", settings.FormatNDJSON, "", `{"id":"a","value":1}` + "\n", `{"id":"z","value":2}`, 1, 1},
		{"csv", settings.FormatCSV, "id,value\n", "a,1\n", "\nz,2\n", 1, 1},
		{"open quote", settings.FormatCSV, "id,value\n\"", "a,1\n", "\nz,2\n", long/4 + 1, 1},
		{"json", settings.FormatJSON, "[", `{"id":"a","value":1},`, `{"id":"z","value":2}]`, 1, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := io.MultiReader(
				strings.NewReader(`{"id":"`),
				&endless{row: bytes.Repeat([]byte("x"), 64<<10), left: long},
				strings.NewReader("\"}\n"),
			)
			switch test.name {
			case "csv":
				body = &endless{row: bytes.Repeat([]byte("x"), 64<<10), left: long}
			case "open quote":
				body = &endless{row: []byte(test.row), left: long / len(test.row) * len(test.row)}
			case "json":
				body = io.MultiReader(
					strings.NewReader(`{"id":"`),
					&endless{row: bytes.Repeat([]byte("x"), 64<<10), left: long},
					strings.NewReader(`"},`),
				)
			}
			before := test.head
			if test.format != settings.FormatCSV {
				before += test.row
				test.records++
			}
			in := io.MultiReader(strings.NewReader(before), body, strings.NewReader(test.tail))
			s := settings.Settings{Input: "-", InputFormat: test.format, IDField: "id", ValueField: "value"}
			f, err := open(s, in)
			if err != nil {
				t.Fatal(err)
			}
			records, rejected, peak := 0, 0, uint64(0)
			var mem runtime.MemStats
			for i := 0; ; i++ {
				b, err := f.Fetch(context.Background(), 1000)
				records += len(b.Records)
				rejected += len(b.Rejected)
				if i%50 == 0 {
					runtime.GC()
					runtime.ReadMemStats(&mem)
					peak = max(peak, mem.HeapAlloc)
				}
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if test.name == "open quote" {
				// The first line holds the stray quote; the line before the last has none.
				test.records--
			}
			if rejected != test.rejected || records != test.records {
				t.Errorf("%d records and %d rejections, want %d and %d", records, rejected, test.records, test.rejected)
			}
			if peak > 24<<20 {
				t.Errorf("the heap grew to %d MiB", peak>>20)
			}
		})
	}
}

// A broken disk in the middle of a file: the rows before it come first, then the error, and the source is unhealthy.
func TestReadErrorInTheMiddle(t *testing.T) {
	broken := errors.New("broken disk")
	whole := strings.NewReader("{\"id\":\"a\",\"value\":1}\n{\"id\":\"b\",\"value\":2}\n{\"id\":\"c\"")
	f, err := open(settings.Settings{Input: "-"}, io.MultiReader(whole, iotest.ErrReader(broken)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := f.Fetch(context.Background(), 10)
	if err != nil || len(b.Records) != 2 {
		t.Fatalf("%d records and %v, want 2 and no error", len(b.Records), err)
	}
	if b, err = f.Fetch(context.Background(), 10); !errors.Is(err, broken) || b.Len() != 0 {
		t.Errorf("then %d rows and %v, want the error", b.Len(), err)
	}
	if err := f.Health(context.Background()); !errors.Is(err, broken) {
		t.Errorf("health: %v, want the error", err)
	}
}

// An input that never answers does not keep a cancelled run waiting.
func TestCancelledWhileWaiting(t *testing.T) {
	in, feed := io.Pipe()
	go func() { _, _ = io.WriteString(feed, strings.Repeat("{\"id\":\"a\",\"value\":1}\n", peeked)) }()
	f, err := open(settings.Settings{Input: "-"}, in)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancelled := make(chan error)
	go func() {
		_, err := f.Fetch(ctx, 2*peeked)
		cancelled <- err
	}()
	cancel()
	if err := <-cancelled; errhandler.Classify(err) != errhandler.Cancelled {
		t.Errorf("a cancelled fetch returned %v", err)
	}
	if err := feed.Close(); err != nil {
		t.Fatal(err)
	}
}

// Whatever an encoder writes is read back, in order, however it is fetched.
func TestWrittenRowsComeBack(t *testing.T) {
	type record struct {
		ID    string  `json:"id"`
		Value float64 `json:"value"`
		Note  string  `json:"note"`
	}
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) record {
			return record{
				rapid.StringMatching(`[a-z"\\,\p{L}]{1,8}`).Draw(t, "id"),
				rapid.Float64Range(-1e9, 1e9).Draw(t, "value"),
				rapid.String().Draw(t, "note"),
			}
		}), 1, 30).Draw(t, "records")
		var lines, array bytes.Buffer
		encoder := json.NewEncoder(&lines)
		for _, r := range want {
			if err := encoder.Encode(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := json.NewEncoder(&array).Encode(want); err != nil {
			t.Fatal(err)
		}
		n := rapid.IntRange(1, 40).Draw(t, "n")
		for format, text := range map[string]string{
			settings.FormatNDJSON: lines.String(), settings.FormatJSON: array.String()} {
			f, err := open(settings.Settings{Input: "-", InputFormat: format}, strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			var got []record
			for {
				b, err := f.Fetch(context.Background(), n)
				if len(b.Rejected) > 0 {
					t.Fatalf("%s rejected %+v", format, b.Rejected)
				}
				for _, r := range b.Records {
					got = append(got, record{ID: r.ID, Value: r.Value})
				}
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if len(got) != len(want) {
				t.Fatalf("%s: %d records, want %d", format, len(got), len(want))
			}
			for i := range want {
				if got[i].ID != want[i].ID || got[i].Value != want[i].Value {
					t.Fatalf("%s: record %d is %+v, want %+v", format, i, got[i], want[i])
				}
			}
		}
	})
}

// Rows that a pipe has given are not held back until it gives more.
func TestPipeIsNotReadAhead(t *testing.T) {
	in, feed := io.Pipe()
	f := make(chan *Input)
	go func() {
		file, err := open(settings.Settings{Input: "-"}, in)
		if err != nil {
			t.Error(err)
		}
		f <- file
	}()
	write := func(rows int) {
		if _, err := io.WriteString(feed, strings.Repeat("{\"id\":\"a\",\"value\":1}\n", rows)); err != nil {
			t.Error(err)
		}
	}
	write(3)
	file := <-f
	if b, err := file.Fetch(context.Background(), 3); err != nil || b.Len() != 3 {
		t.Errorf("%d rows and %v, want the 3 that are there", b.Len(), err)
	}
	go func() {
		write(2)
		_ = feed.Close()
	}()
	if b, err := file.Fetch(context.Background(), 3); err != io.EOF || b.Len() != 2 {
		t.Errorf("%d rows and %v, want the last 2 and the end", b.Len(), err)
	}
}
