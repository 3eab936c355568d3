package undelivered_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"faultflow/internal/disk"
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
	if err := f.Delivered([]int{0, 2}, []string{"r/1"}); err != nil {
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
