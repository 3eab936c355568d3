package runner

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"faultflow/internal/channel"
	"faultflow/internal/disk"
	"faultflow/internal/disk/disktest"
	"faultflow/internal/fault"
	"faultflow/internal/report"
	"faultflow/internal/settings"
	"faultflow/internal/undelivered"
)

// leave makes a run whose channel takes nothing: its records are spooled, but for one in ten, which is a dead letter.
func leave(t *testing.T, dir string, records int) {
	t.Helper()
	var b strings.Builder
	for i := range records {
		value := fmt.Sprint(i)
		if i%10 == 9 {
			value = `"none"`
		}
		fmt.Fprintf(&b, "{\"id\":\"r%d\",\"value\":%s}\n", i, value)
	}
	s := settings.Defaults()
	s.Seed, s.Clock, s.BatchSize, s.Process = 7, settings.ClockVirtual, 20, "twice = value * 2"
	s.Channels = []string{"primary"}
	s.Input = filepath.Join(t.TempDir(), "in.ndjson")
	refused, err := fault.Parse("delivery.primary=connection_refused")
	if err != nil {
		t.Fatal(err)
	}
	s.Faults = []fault.Fault{refused}
	if err := os.WriteFile(s.Input, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	rep, err := Run(context.Background(), s, Environment{Output: dir})
	if err != nil || int(rep.Ledger.Spooled) != records-records/10 || int(rep.Ledger.DeadLettered) != records/10 {
		t.Fatalf("%v: %+v", err, rep)
	}
}

// again replays a folder to a channel.
func again(t *testing.T, sys disk.System, dir, url string) (*report.Report, error) {
	t.Helper()
	r, _, err := OpenReplay(sys, dir, []string{channel.DeadLetters, channel.Emergency})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if _, _, err := r.Select(undelivered.Filter{}); err != nil {
		t.Fatal(err)
	}
	s := settings.Defaults()
	s.Input, s.BatchSize, s.Process = dir, 7, settings.ProcessNone
	s.Delivery.RetryDelay = time.Millisecond
	s.Outlets, s.Channels = []settings.Outlet{{Name: "primary", URL: url}}, []string{"primary"}
	return Run(context.Background(), s, Environment{Replay: r})
}

// A replay that dies at any write or sync, such as between a delivery and its mark, and another one after it: a channel
// that knows its keys, or can be cut back, has each record once, whatever became of the first. Elsewhere, as in a file
// whose rows are of another size than the records, no record is missing, and those that may be there twice are counted.
func TestReplayDyingAtAnyOperation(t *testing.T) {
	for _, kind := range []replayKind{
		{func(out string) string { return "sqlite:" + out + "?table=records" }, inTable, true},
		{func(out string) string { return "file:" + out }, inLines, true},
		{func(out string) string { return "file:" + out + ".csv" }, inRows, false},
	} {
		kind.dies(t, 1)
	}
}

// replayKind is replays to channels of a kind.
type replayKind struct {
	// url is that of a channel, ids counts what is there; out is a path of its own for each.
	url func(out string) string
	ids func(t *testing.T, out string) map[string]int
	// once says that the channel has each record once, whatever dies.
	once bool
}

// dies has replays die at every step-th operation.
func (kind replayKind) dies(t *testing.T, step int) {
	t.Helper()
	const records = 40
	whole := &disktest.Disk{}
	left, dir := t.TempDir(), t.TempDir()
	leave(t, left, records)
	if err := os.CopyFS(dir, os.DirFS(left)); err != nil {
		t.Fatal(err)
	}
	rep, err := again(t, whole.System(), dir, kind.url(filepath.Join(t.TempDir(), "out")))
	if err != nil || rep.Ledger.Delivered != records {
		t.Fatalf("%v: %+v", err, rep)
	}
	for n := 1; n <= whole.Count(); n += step {
		dir, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
		if err := os.CopyFS(dir, os.DirFS(left)); err != nil {
			t.Fatal(err)
		}
		url := kind.url(out)
		if _, err := again(t, disktest.Dies(n).System(), dir, url); err == nil && n < whole.Count() {
			t.Fatalf("%s: the replay that dies at operation %d of %d ends well", url, n, whole.Count())
		}
		rep, err := again(t, disk.Real(), dir, url)
		if err != nil {
			t.Fatalf("%s: after dying at operation %d: %v", url, n, err)
		}
		ids, doubled := kind.ids(t, out), 0
		for _, times := range ids {
			doubled += times - 1
		}
		counted := rep.Delivery.PossibleDuplicates
		if len(ids) != records || kind.once && doubled > 0 || int64(doubled) > counted {
			t.Errorf("%s: after dying at operation %d: %d of %d records, %d doubled, of which %d are counted",
				url, n, len(ids), records, doubled, counted)
		}
		rep, err = again(t, disk.Real(), dir, url)
		if err != nil || rep.Ledger.Collected != 0 {
			t.Errorf("%s: a third replay: %v, %+v", url, err, rep)
		}
	}
}

func inTable(t *testing.T, path string) map[string]int {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT id FROM records")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	ids := map[string]int{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids[id]++
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return ids
}

func inLines(t *testing.T, path string) map[string]int {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]int{}
	for line := range strings.Lines(string(data)) {
		id, _, _ := strings.Cut(strings.TrimPrefix(line, `{"id":"`), `"`)
		ids[id]++
	}
	return ids
}

func inRows(t *testing.T, path string) map[string]int {
	t.Helper()
	data, err := os.ReadFile(path + ".csv")
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]int{}
	_, rows, _ := strings.Cut(string(data), "\n")
	for row := range strings.Lines(rows) {
		id, _, _ := strings.Cut(row, ",")
		ids[id]++
	}
	return ids
}

// What somebody else wrote to a file since a replay died stays there. The records that were being sent are sent again
// then, and counted.
func TestReplayLeavesWhatIsOfOthers(t *testing.T) {
	left, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	leave(t, left, 20)
	const notMarked = 6 // the write of what was delivered
	if _, err := again(t, disktest.Dies(notMarked).System(), left, "file:"+out); err == nil {
		t.Fatal("the replay that dies ends well")
	}
	file, err := os.OpenFile(out, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"id":"of others"}` + "\n"); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	rep, err := again(t, disk.Real(), left, "file:"+out)
	if err != nil {
		t.Fatal(err)
	}
	ids := inLines(t, out)
	if ids["of others"] != 1 || len(ids) != 21 || rep.Delivery.PossibleDuplicates == 0 {
		t.Errorf("%v, with %d possible duplicates", ids, rep.Delivery.PossibleDuplicates)
	}
}
