package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"faultflow/internal/channel"
	"faultflow/internal/disk/disktest"
	"faultflow/internal/fault"
	"faultflow/internal/journal"
	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// numbered writes an input of so many rows; every tenth is none.
func numbered(t testing.TB, rows int) (path string) {
	t.Helper()
	var b strings.Builder
	for i := range rows {
		if i%10 == 9 {
			fmt.Fprintf(&b, "row %d is broken\n", i)
			continue
		}
		fmt.Fprintf(&b, "{\"id\":\"r%d\",\"value\":%d}\n", i, i)
	}
	path = filepath.Join(t.TempDir(), "in.ndjson")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// kept counts the rows that the files of a folder have, by file.
func kept(t testing.TB, dir string) (rows map[string]map[int64]int) {
	t.Helper()
	rows = map[string]map[int64]int{}
	for _, name := range []string{channel.Delivered, channel.DeadLetters, channel.Emergency} {
		rows[name] = map[int64]int{}
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			var l struct{ Row int64 }
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatalf("%s has %q: %v", name, line, err)
			}
			rows[name][l.Row]++
		}
	}
	return rows
}

// A process that dies at any write, sync or rename, with the same command again: each row is in exactly one file, once,
// and the ledger balances over all lives. As SQLite tests itself: every operation in turn is the last one.
func TestDyingAtAnyOperation(t *testing.T) {
	const rows = 60
	input := numbered(t, rows)
	s := settings.Defaults()
	s.Seed, s.Clock, s.Input, s.BatchSize, s.Spool = 7, settings.ClockVirtual, input, 20, true
	s.Channels = []string{"primary"}
	locked, err := fault.Parse("delivery.primary=locked,calls=2-4") // so that the spool has some
	if err != nil {
		t.Fatal(err)
	}
	s.Faults = []fault.Fault{locked}
	live := func(dir string, d *disktest.Disk) (*report.Report, error) {
		sys := d.System()
		return Run(context.Background(), s, Environment{
			Output: filepath.Join(dir, "out"),
			State:  filepath.Join(dir, "state"),
			Disk:   &sys,
		})
	}
	whole := &disktest.Disk{}
	if rep, err := live(t.TempDir(), whole); err != nil || rep.Ledger.Collected != rows || rep.Ledger.Spooled == 0 {
		t.Fatalf("%v, %+v", err, rep)
	}
	step := 1
	if !full() {
		step = 3
	}
	for n := 1; n <= whole.Count(); n += step {
		dir := t.TempDir()
		if _, err := live(dir, disktest.Dies(n)); err == nil && n < whole.Count() {
			t.Fatalf("the run that dies at operation %d of %d ends well", n, whole.Count())
		}
		rep, err := live(dir, &disktest.Disk{})
		if err != nil {
			t.Fatalf("after dying at operation %d: %v", n, err)
		}
		total := 0
		ended := map[int64]int{}
		for _, file := range kept(t, filepath.Join(dir, "out")) {
			for row, times := range file {
				ended[row] += times
				total += times
			}
		}
		if l := rep.Ledger; !l.Balanced || l.Collected != rows || total != rows || len(ended) != rows {
			t.Fatalf("after dying at operation %d of %d: %d rows in the files, %d of them different; ledger %+v",
				n, whole.Count(), total, len(ended), l)
		}
	}
}

// A disk that is full for a while: a clear error, no claim that is not true, and a later run recovers.
func TestFullDiskUnderAState(t *testing.T) {
	const rows = 60
	s := settings.Defaults()
	s.Seed, s.Clock, s.Input, s.BatchSize = 7, settings.ClockVirtual, numbered(t, rows), 20
	whole := &disktest.Disk{}
	run := func(dir string, d *disktest.Disk) (*report.Report, error) {
		sys := d.System()
		return Run(context.Background(), s, Environment{Output: dir, State: filepath.Join(dir, "state"), Disk: &sys})
	}
	if _, err := run(t.TempDir(), whole); err != nil {
		t.Fatal(err)
	}
	for n := 1; n < whole.Count(); n += 2 {
		dir := t.TempDir()
		_, err := run(dir, disktest.Full(n, 1000))
		if err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("full from operation %d on: %v", n, err)
		}
		rep, err := run(dir, &disktest.Disk{})
		if err != nil {
			t.Fatalf("after a disk that was full from operation %d on: %v", n, err)
		}
		total := 0
		for _, file := range kept(t, dir) {
			for _, times := range file {
				total += times
			}
		}
		if l := rep.Ledger; !l.Balanced || l.Collected != rows || total != rows {
			t.Fatalf("full from operation %d on: %d rows in the files, ledger %+v", n, total, l)
		}
	}
}

// A state is of one run: with other settings or another input it is refused, with the difference, and nothing is
// touched. What may differ is the seed that nobody chose.
func TestStateOfAnotherRun(t *testing.T) {
	dir := t.TempDir()
	s := settings.Defaults()
	s.Seed, s.Clock, s.Input, s.BatchSize = 7, settings.ClockVirtual, numbered(t, 30), 10
	env := Environment{State: dir, AnySeed: true}
	first, err := Run(context.Background(), s, env)
	if err != nil {
		t.Fatal(err)
	}
	other := s
	other.Seed = 8
	again, err := Run(context.Background(), other, env)
	if err != nil || again.Seed != 7 || again.Meta.Lives != 2 || again.Ledger.Collected != first.Ledger.Collected {
		t.Errorf("the same run with another drawn seed: %v, %+v", err, again)
	}
	for name, change := range map[string]func(*settings.Settings){
		`batch_size: 10, now 11`:      func(s *settings.Settings) { s.BatchSize = 11 },
		`"attempts":3`:                func(s *settings.Settings) { s.Collector.Attempts = 9 },
		`the input has other content`: func(s *settings.Settings) { rewrite(t, s.Input, "{\"id\":\"x\"}\n") },
	} {
		changed := s
		change(&changed)
		_, err := Run(context.Background(), changed, env)
		if different, ok := errors.AsType[*journal.DifferentError](err); !ok || !strings.Contains(different.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func rewrite(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A run that goes on makes the same generated records as one that never died.
func TestGeneratedRecordsGoOn(t *testing.T) {
	s := settings.Defaults()
	s.Seed, s.Clock, s.BatchSize, s.Cycles = 7, settings.ClockVirtual, 10, 2
	dir := t.TempDir()
	env := Environment{Output: dir, State: filepath.Join(dir, "state")}
	if _, err := Run(context.Background(), s, env); err != nil {
		t.Fatal(err)
	}
	rep, err := Run(context.Background(), s, env)
	if err != nil || rep.Cycles.Count != 2 || rep.Ledger.Collected != 20 || len(kept(t, dir)[channel.Delivered]) != 20 {
		t.Errorf("%v: after all cycles the same command again has %+v", err, rep.Ledger)
	}
}
