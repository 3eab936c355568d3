package undelivered_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"faultflow/internal/disk"
	"faultflow/internal/report"
	"faultflow/internal/undelivered"
)

const file = "emergency.ndjson"

// spooled is a line of a spooled record.
func spooled(id, key string) string {
	return `{"record":{"id":"` + id + `"},"source":"in","row":1,"timestamp":null,"key":"` + key + "\"}\n"
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, dir string) *undelivered.Folder {
	t.Helper()
	f, err := undelivered.Read(dir, file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// replayed are the numbers of the lines that were replayed.
func replayed(f *undelivered.Folder) (numbers []int64) {
	for _, l := range f.Lines {
		if l.Replayed {
			numbers = append(numbers, l.Number)
		}
	}
	return numbers
}

// marked is a folder of three records of which the first and the third were replayed.
func marked(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write(t, filepath.Join(dir, file), spooled("a", "k/1")+spooled("b", "k/1")+spooled("c", "k/2"))
	f := read(t, dir)
	if err := f.Begin(disk.Real()); err != nil {
		t.Fatal(err)
	}
	for _, sent := range []struct {
		key   string
		lines []int
	}{{"r/1", []int{0, 2}}, {"r/2", []int{1}}} {
		if err := f.Sends(undelivered.Sending{Channel: "a=file:x", Key: sent.key}, sent.lines); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Note(undelivered.Outcome{Delivered: []int{0, 2}, Ended: []string{"r/1"}}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A mark means the lines that were replayed: lines that are added leave it as it is, and other lines that come into
// their place, as those of a later run do, are not taken for replayed. That would lose them.
func TestMarksAreOfWhatTheLinesSay(t *testing.T) {
	dir := marked(t)
	path := filepath.Join(dir, file)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, text string
		want       int
	}{
		{"as it was", string(text), 2},
		{"longer", string(text) + spooled("d", "k/3"), 2},
		{"with a torn line", string(text) + `{"record":{"id"`, 2},
		{"of another run", strings.ReplaceAll(string(text), "k/", "m/"), 0},
		{"with another first line", strings.Replace(string(text), `"a"`, `"x"`, 1), 1},
		{"shorter", spooled("a", "k/1"), 1},
		{"empty", "", 0},
	} {
		write(t, path, test.text)
		if got := replayed(read(t, dir)); len(got) != test.want {
			t.Errorf("a file %s: lines %v count as replayed, want %d", test.name, got, test.want)
		}
		n, err := undelivered.Pending(dir, file)
		if whole := strings.Count(test.text, "\n"); err != nil || n != whole-test.want {
			t.Errorf("a file %s: %d of %d lines wait, %v", test.name, n, whole, err)
		}
	}
}

// What failed again says why it did so the last time, and not why it did before: whoever looks, or filters by it, would
// mend the wrong thing. A mark that a crash tore says nothing, and neither does one of lines that are there no more.
func TestWhatFailedAgainSaysWhy(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, file)
	text := `{"row":1,"place":"processor.record","class":"processing","reason":"timeout","record":{"id":"a"}}` + "\n" +
		spooled("b", "k/1") + spooled("c", "k/2")
	write(t, path, text)
	f := read(t, dir)
	if err := f.Begin(disk.Real()); err != nil {
		t.Fatal(err)
	}
	down := undelivered.Why{Place: "delivery.a", Class: "network", Reason: "refused"}
	full := undelivered.Why{Place: "delivery.a", Class: "storage", Reason: "disk full"}
	reasons := func(f *undelivered.Folder) string {
		t.Helper()
		var list []string
		for i := range f.Lines {
			c, err := f.Content(&f.Lines[i])
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, c.Place+" "+c.Class+" "+c.Reason)
		}
		return strings.Join(list, ", ")
	}
	const before = "processor.record processing timeout"
	for _, noted := range []struct {
		failed map[undelivered.Why][]int
		want   string
	}{
		{map[undelivered.Why][]int{down: {1, 0}},
			"delivery.a network refused, delivery.a network refused,   "},
		{map[undelivered.Why][]int{full: {0}, down: {2}},
			"delivery.a storage disk full, delivery.a network refused, delivery.a network refused"},
	} {
		if err := f.Note(undelivered.Outcome{Failed: noted.failed}); err != nil {
			t.Fatal(err)
		}
		if here, there := reasons(f), reasons(read(t, dir)); here != noted.want || there != noted.want {
			t.Errorf("it says\n%s, and read again\n%s, want\n%s", here, there, noted.want)
		}
	}
	again := read(t, dir)
	chosen, err := again.Select(undelivered.Filter{Class: "storage"})
	if err != nil || !slices.Equal(chosen, []int{0}) || !again.Lines[1].Spooled || again.Lines[0].Spooled {
		t.Errorf("of class storage are %v, %v; %+v", chosen, err, again.Lines)
	}
	marks, err := os.ReadFile(filepath.Join(dir, undelivered.Marks))
	if err != nil {
		t.Fatal(err)
	}
	first := bytes.IndexByte(marks, '\n')
	write(t, filepath.Join(dir, undelivered.Marks), string(marks[:first]))
	if got := reasons(read(t, dir)); got != before+",   ,   " {
		t.Errorf("with a torn mark: %s", got)
	}
	write(t, filepath.Join(dir, undelivered.Marks), string(marks))
	write(t, path, strings.Replace(text, `"a"`, `"x"`, 1))
	if got := reasons(read(t, dir)); !strings.HasPrefix(got, before+",") {
		t.Errorf("with another first line: %s", got)
	}
}

// Ages are those of what waits: texts of times don't compare as the times do, and what was replayed is old no more.
// Samples are one of each reason, and none is longer than a screen can show.
func TestInspectedAgesAndSamples(t *testing.T) {
	dir := t.TempDir()
	var text strings.Builder
	for i, at := range []string{
		"2024-01-02T00:00:00Z", // is replayed
		"2024-01-02T03:04:05Z", "2024-01-02T03:04:05.5Z", "2024-01-02T04:04:04+01:00", "no time",
	} {
		long := ""
		if i == 1 {
			long = strings.Repeat("ü", 400)
		}
		fmt.Fprintf(&text, `{"record":{"id":%d,"s":"%s"},"source":"in","row":%d,"timestamp":%q,"key":"k"}`+"\n",
			i, long, i+1, at)
	}
	write(t, filepath.Join(dir, file), text.String())
	f := read(t, dir)
	if err := f.Begin(disk.Real()); err != nil {
		t.Fatal(err)
	}
	if err := f.Note(undelivered.Outcome{Delivered: []int{0}}); err != nil {
		t.Fatal(err)
	}
	doc, err := f.Inspect(undelivered.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	want := report.InspectedFile{
		Name:     file,
		Lines:    5,
		Waiting:  4,
		Replayed: 1,
		Oldest:   "2024-01-02T04:04:04+01:00",
		Newest:   "2024-01-02T03:04:05.5Z",
	}
	if len(doc.Files) != 1 || doc.Files[0] != want {
		t.Errorf("%+v, want %+v", doc.Files, want)
	}
	if len(doc.Samples) != 1 || doc.Samples[0].Line != 2 || !doc.Samples[0].Cut ||
		!utf8.ValidString(doc.Samples[0].Text) || len(doc.Samples[0].Text) > 400 {
		t.Errorf("%+v", doc.Samples)
	}
}

// A delivery whose end was not noted stays open, until its lines were replayed. Of the marks, a crash can tear the last
// one; any other damage is no reason to send everything again.
func TestMarksThatAreTornOrDamaged(t *testing.T) {
	dir := marked(t)
	if open := read(t, dir).Open; len(open) != 1 || open[0].Key != "r/2" {
		t.Errorf("open are %+v, want the delivery r/2", open)
	}
	path := filepath.Join(dir, undelivered.Marks)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(text) {
		write(t, path, string(text[:cut]))
		f := read(t, dir)
		if got := replayed(f); len(got) != 0 || len(f.Open) != strings.Count(string(text[:cut]), "\n") {
			t.Fatalf("with %d of %d bytes of the marks: %v are replayed, and %+v open", cut, len(text), got, f.Open)
		}
	}
	write(t, path, "{\n"+string(text))
	_, err = undelivered.Read(dir, file)
	if err == nil || !strings.Contains(err.Error(), "replayed.ndjson:1: damaged") {
		t.Errorf("damaged marks: %v", err)
	}
}
