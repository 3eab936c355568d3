package atomicfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"faultflow/internal/atomicfile"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func create(t *testing.T, target string) *atomicfile.File {
	t.Helper()
	f, err := atomicfile.Create(target)
	check(t, err)
	t.Cleanup(func() { _ = f.Discard() })
	return f
}

// holds fails unless the folder has just the files named, each with its text.
func holds(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		check(t, err)
		if want, known := files[e.Name()]; !known || string(text) != want {
			t.Errorf("%s is %q, want %q", e.Name(), text, want)
		}
	}
	if len(names) != len(files) {
		t.Errorf("the folder holds %q, want %v", names, files)
	}
}

// TestCommit: until Commit the target is what it was, and after it nothing else is left in the folder.
func TestCommit(t *testing.T) {
	for name, old := range map[string]map[string]string{"new": {}, "replacing": {"r.json": "old"}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			target := filepath.Join(dir, "r.json")
			for name, text := range old {
				check(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
			}
			f := create(t, target)
			_, err := f.WriteString("half a report")
			check(t, err)
			check(t, f.Truncate(0)) // what is written can be taken back
			_, err = f.Seek(0, 0)
			check(t, err)
			_, err = f.WriteString("new")
			check(t, err)
			if text, err := os.ReadFile(target); string(text) != old["r.json"] ||
				err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("before Commit the target is %q, %v", text, err)
			}
			check(t, f.Commit())
			check(t, f.Discard()) // may be deferred
			holds(t, dir, map[string]string{"r.json": "new"})
		})
	}
}

func TestDiscard(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "r.json")
	check(t, os.WriteFile(target, []byte("old"), 0o644))
	f := create(t, target)
	check(t, f.Discard())
	check(t, f.Discard())
	holds(t, dir, map[string]string{"r.json": "old"})
	if err := f.Commit(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Commit after Discard: %v", err)
	}
	holds(t, dir, map[string]string{"r.json": "old"})
}

// TestCommitFails: a folder in the target's place can't be replaced. What was there stays, the temporary file does not.
func TestCommitFails(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "r.json")
	f := create(t, target)
	check(t, os.Mkdir(target, 0o755))
	if err := f.Commit(); err == nil {
		t.Error("Commit replaced a folder")
	}
	check(t, f.Discard())
	check(t, os.Remove(target))
	holds(t, dir, nil)
}

// TestDiscardTriesAgain: a temporary file that could not be removed is no reason to forget it.
func TestDiscardTriesAgain(t *testing.T) {
	dir := t.TempDir()
	f := create(t, filepath.Join(dir, "r.json"))
	// A folder that is not empty, under the temporary name, is what no user may remove as a file.
	if err := os.Remove(f.Name()); err != nil {
		t.Skip("an open file can't be removed here: ", err)
	}
	check(t, os.MkdirAll(filepath.Join(f.Name(), "below"), 0o755))
	if err := f.Discard(); err == nil {
		t.Error("Discard did not say that it failed")
	}
	check(t, os.Remove(filepath.Join(f.Name(), "below")))
	check(t, f.Discard())
	holds(t, dir, nil)
}

// TestCreateNamesTheTarget: the temporary name would tell a user nothing.
func TestCreateNamesTheTarget(t *testing.T) {
	target := filepath.Join(t.TempDir(), "none", "r.json")
	_, err := atomicfile.Create(target)
	pathErr, ok := errors.AsType[*fs.PathError](err)
	if !ok || !errors.Is(err, fs.ErrNotExist) || pathErr.Path != target {
		t.Errorf("got %v", err)
	}
}

// TestTwoAtOnce: files of one target do not meet before they are committed; the last one stays.
func TestTwoAtOnce(t *testing.T) {
	dir := t.TempDir()
	a, b := create(t, filepath.Join(dir, "r.json")), create(t, filepath.Join(dir, "r.json"))
	if a.Name() == b.Name() || filepath.Dir(a.Name()) != dir || !strings.HasPrefix(filepath.Base(a.Name()), ".r.json") {
		t.Errorf("temporary names %s and %s", a.Name(), b.Name())
	}
	_, err := a.WriteString("a")
	check(t, err)
	check(t, b.Commit())
	check(t, a.Commit())
	holds(t, dir, map[string]string{"r.json": "a"})
}

func TestKeepMode(t *testing.T) {
	dir := t.TempDir()
	mode := func(name string) fs.FileMode {
		info, err := os.Stat(filepath.Join(dir, name))
		check(t, err)
		return info.Mode()
	}
	check(t, os.WriteFile(filepath.Join(dir, "old"), nil, 0o600))
	check(t, os.WriteFile(filepath.Join(dir, "plain"), nil, 0o644)) // 0644 less the umask, whatever that is
	kept := mode("old")
	for _, name := range []string{"old", "new"} {
		f := create(t, filepath.Join(dir, name))
		check(t, f.KeepMode())
		check(t, f.Commit())
	}
	if got := mode("old"); got != kept {
		t.Errorf("the file that was replaced had %v, the new one has %v", kept, got)
	}
	if got, want := mode("new"), mode("plain"); got != want {
		t.Errorf("a file that replaces none has %v, want %v", got, want)
	}
}

// TestKeepModeOfALink: a link is replaced itself, and its own mode, which lets everyone in, is not a file's.
func TestKeepModeOfALink(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "link")
	if err := os.Symlink("nowhere", target); err != nil {
		t.Skip("no links here: ", err)
	}
	f := create(t, target)
	before, err := f.Stat()
	check(t, err)
	check(t, f.KeepMode())
	check(t, f.Commit())
	after, err := os.Lstat(target)
	check(t, err)
	if after.Mode() != before.Mode() {
		t.Errorf("mode %v, want %v", after.Mode(), before.Mode())
	}
}

func TestSyncFolder(t *testing.T) {
	check(t, atomicfile.SyncFolder(t.TempDir()))
	if err := atomicfile.SyncFolder(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing folder: %v", err)
	}
	if slices.Contains([]string{"windows", "js"}, runtime.GOOS) {
		return
	}
	proc, err := os.Open("/proc")
	if err != nil || proc.Sync() == nil {
		t.Skip("no folder here that refuses to be synced")
	}
	defer proc.Close()
	check(t, atomicfile.SyncFolder("/proc"))
}
