package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"faultflow/internal/disk"
)

// A run and a replay in one folder, or two replays, would send the same records: the second is told who is there, and
// inspect shows it, which changes nothing.
func TestReplayOfAFolderInUse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "left")
	if err := os.CopyFS(dir, os.DirFS("../../testdata/left")); err != nil {
		t.Fatal(err)
	}
	lock, err := disk.LockFolder(dir, "process 7, since noon")
	if err != nil {
		t.Fatal(err)
	}
	told := func(code int, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		s := testStreams(t)
		s.out, s.err = &out, &out
		if got := run(t.Context(), args, s); got != code {
			t.Errorf("%v exits with %d, want %d: %s", args, got, code, &out)
		}
		return out.String()
	}
	if got := told(exitIO, "replay", dir, "--clock", "virtual"); !strings.Contains(got, "process 7, since noon") {
		t.Errorf("replay says %s", got)
	}
	if got := told(exitOK, "inspect", dir); !strings.Contains(got, "by a run: process 7, since noon") {
		t.Errorf("inspect says %s", got)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	if got := told(exitOK, "inspect", dir); strings.Contains(got, "process 7") {
		t.Errorf("inspect still says %s", got)
	}
	told(exitOK, "replay", dir, "--clock", "virtual", "--process", "none")
}
