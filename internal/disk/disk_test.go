package disk_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"faultflow/internal/disk"
	"faultflow/internal/disk/disktest"
)

func open(t testing.TB, sys disk.System, path string) (*disk.Log, int64) {
	t.Helper()
	l, torn, err := disk.OpenLog(sys, path)
	if err != nil {
		t.Fatal(err)
	}
	return l, torn
}

func content(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// What a crash leaves of a line is cut off, wherever it tore, so that the next line begins on its own.
func TestTornLineIsCutOff(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	for _, test := range []struct{ before, kept string }{
		{"", ""}, {"a\n", "a\n"}, {"a\nb", "a\n"}, {"torn", ""}, {"a\n" + long, "a\n"}, {long + "\ntorn", long + "\n"},
		{long, ""}, {"\n\n", "\n\n"},
	} {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, []byte(test.before), 0o600); err != nil {
			t.Fatal(err)
		}
		l, torn := open(t, disk.Real(), path)
		if want := int64(len(test.before) - len(test.kept)); torn != want {
			t.Errorf("%.10q…: %d bytes were torn, want %d", test.before, torn, want)
		}
		if _, err := l.Add([]byte("new\n")); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Flush(); err != nil {
			t.Fatal(err)
		}
		if got := content(t, path); got != test.kept+"new\n" {
			t.Errorf("%.10q… becomes %.20q…", test.before, got)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A disk that is full for a while: the lines that fitted are there whole and in order, and those that did not are
// counted, so that nobody claims to have kept them.
func TestFullDiskKeepsWholeLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "full")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "log")
		broken := disktest.Full(rapid.IntRange(1, 12).Draw(t, "from"), rapid.IntRange(1, 6).Draw(t, "for"))
		l, _, err := disk.OpenLog(broken.System(), path)
		if err != nil {
			t.Fatal(err)
		}
		added, lost := 0, 0
		note := func(n int, err error) {
			lost += n
			if (n > 0) && !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("lost %d lines for %v", n, err)
			}
		}
		for range rapid.IntRange(1, 40).Draw(t, "lines") {
			added++
			line := fmt.Sprintf("%d %s\n", added, strings.Repeat("y", rapid.IntRange(0, 20_000).Draw(t, "length")))
			note(l.Add([]byte(line)))
			if rapid.IntRange(0, 4).Draw(t, "flush") == 0 {
				note(l.Flush())
			}
		}
		note(l.Flush())
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		last, kept := 0, 0
		for line := range strings.Lines(string(data)) {
			var n int
			if _, err := fmt.Sscanf(line, "%d ", &n); err != nil || n <= last || !strings.HasSuffix(line, "\n") {
				t.Fatalf("line %.20q after line %d", line, last)
			}
			last = n
			kept++
		}
		if kept+lost != added || l.Size() != int64(len(data)) {
			t.Fatalf("%d lines are there and %d counted as lost, of %d; size %d of %d", kept, lost, added, l.Size(), len(data))
		}
	})
}

// Two runs in one folder would mix their files: the second is told who is there, and can begin when the first has ended.
func TestLockNamesItsHolder(t *testing.T) {
	dir := t.TempDir()
	first, err := disk.LockFolder(dir, "process 7, since noon")
	if err != nil {
		t.Fatal(err)
	}
	_, err = disk.LockFolder(dir, "process 8")
	held, ok := errors.AsType[*disk.HeldError](err)
	if !ok || held.Holder != "process 7, since noon" || !strings.Contains(err.Error(), dir) {
		t.Fatalf("the second lock: %v", err)
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	second, err := disk.LockFolder(dir, "process 8")
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Release(); err != nil {
		t.Fatal(err)
	}
}
