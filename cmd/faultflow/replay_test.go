package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"faultflow/internal/disk"
	"faultflow/internal/webtest"
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

// What can't be reached gets nothing, and to go on with the next records would only be to try them in vain: the replay
// ends at the first ones that nobody takes, and says so by its exit code. Nothing is lost by it: once the channel is
// back, the same command sends everything, once.
func TestReplayToWhatIsDown(t *testing.T) {
	copyLeft(t)
	var down atomic.Bool
	var box inbox
	down.Store(true)
	hook := webtest.Start(t, box.take, func(int) http.HandlerFunc {
		if down.Load() {
			return webtest.Status(http.StatusServiceUnavailable)
		}
		return nil
	})
	before := contents(t, "left")
	code, printed := replayLeft(t, hook.URL, "2")
	const says = "faultflow: no channel took all records, and the replay ended: delivery.a: HTTP 503 Service " +
		"Unavailable; what is left stays in left: replay it when there is a channel that takes it\n"
	if code != exitIO || !strings.HasSuffix(printed, says) || len(hook.Requests()) != 3 {
		t.Errorf("exits with %d after %d requests:\n%s", code, len(hook.Requests()), printed)
	}
	if !strings.Contains(printed, "2 records in the emergency spool\n") {
		t.Errorf("it does not say where they are:\n%s", printed)
	}
	if after := contents(t, "left"); after != before {
		t.Errorf("there was\n%s\nand is\n%s", before, after)
	}
	_, _, printed = runReal(t, nil, "inspect", "left")
	if !strings.Contains(printed, "      2  delivery.a       network  HTTP 503 Service Unavailable") {
		t.Errorf("it does not say why the first two failed:\n%s", printed)
	}
	down.Store(false)
	if code, printed := replayLeft(t, hook.URL, "2"); code != exitOK {
		t.Errorf("then it exits with %d:\n%s", code, printed)
	}
	if lines := slices.Compact(slices.Sorted(slices.Values(box.lines))); len(lines) != 5 || len(box.lines) != 5 {
		t.Errorf("%d lines arrived:\n%s", len(box.lines), strings.Join(box.lines, "\n"))
	}
}

// copyLeft makes a folder left, with records to replay, in a working directory of its own.
func copyLeft(t *testing.T) {
	t.Helper()
	from, err := filepath.Abs("../../testdata/left")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.CopyFS("left", os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// replayLeft replays the folder left to a channel, which is tried three times.
func replayLeft(t *testing.T, channel, batch string) (code int, printed string) {
	t.Helper()
	code, _, printed = runReal(t, nil, "replay", "left", "--process", "none", "--channel", "a="+channel,
		"--batch-size", batch, "--delivery-attempts", "3", "--retry-delay", "1ms", "--fail-on", "never")
	return code, printed
}

// contents are the files of a folder that hold records.
func contents(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	for _, name := range []string{"dead-letters.ndjson", "emergency.ndjson"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%s\n%s", name, text)
	}
	return all.String()
}
