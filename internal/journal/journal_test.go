package journal_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"faultflow/internal/channel"
	"faultflow/internal/disk"
	"faultflow/internal/journal"
	"faultflow/internal/nodes"
)

func open(t testing.TB, dir string) *journal.Journal {
	t.Helper()
	j, _, err := journal.Open(disk.Real(), dir, "a test")
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// memory is a real channel that knows keys.
type memory struct {
	name    string
	came    map[string]int
	refused map[string]*nodes.RefusedError
}

func (m *memory) Name() string     { return m.name }
func (m *memory) Idempotent() bool { return true }
func (m *memory) Close() error     { return nil }
func (m *memory) Deliver(_ context.Context, d nodes.Delivery) (int, error) {
	m.came[d.Key] = len(d.Records)
	return len(d.Records), nil
}
func (m *memory) Landed(_ context.Context, key string) (int, error) {
	if r := m.refused[key]; r != nil {
		return m.came[key], r
	}
	return m.came[key], nil
}

// plain is a real channel that can tell nothing afterwards.
type plain struct{ name string }

func (p plain) Name() string                                             { return p.name }
func (p plain) Idempotent() bool                                         { return false }
func (p plain) Close() error                                             { return nil }
func (p plain) Deliver(_ context.Context, d nodes.Delivery) (int, error) { return len(d.Records), nil }

func rows(numbers ...int64) (records []nodes.Processed) {
	for _, n := range numbers {
		records = append(records, nodes.Processed{Record: nodes.Record{ID: "r", Row: n}})
	}
	return records
}

// The next life knows what the last one did: the cycles that ended, and the deliveries whose end it did not note. Of
// these it asks the channels; what they can't tell is counted as possibly there twice.
func TestNextLifeKnowsWhatWasSent(t *testing.T) {
	dir := t.TempDir()
	known := &memory{name: "known", came: map[string]int{}, refused: map[string]*nodes.RefusedError{}}
	first := open(t, dir)
	check(t, first.Begin(journal.Identity{Run: "run", Input: "x"}))
	deliver := func(c nodes.Channel, key string, numbers ...int64) {
		_, err := first.Channel(c).Deliver(t.Context(), nodes.Delivery{Key: key, Records: rows(numbers...)})
		check(t, err)
	}
	deliver(known, "1", 1, 2, 3)
	check(t, first.End(journal.Cycle{Number: 1, Row: 3}))
	deliver(known, "2", 4, 5, 7, 8)
	deliver(plain{"plain"}, "3", 6, 9)
	known.refused["2"] = &nodes.RefusedError{Refused: []nodes.Refusal{{Index: 2, Reason: "no"}}}
	known.came["2"] = 3 // the last of them did not arrive
	check(t, first.Close())

	second := open(t, dir)
	past := second.Past()
	if past.Last.Number != 1 || past.Last.Row != 3 || len(past.Sent) != 2 || past.Lives != 1 {
		t.Errorf("it knows %+v", past)
	}
	fate, err := past.Settle(t.Context(), []channel.Real{known, plain{"plain"}})
	check(t, err)
	if want := map[int64]string{4: "known", 5: "known"}; !reflect.DeepEqual(fate.Arrived, want) || fate.Uncertain != 2 {
		t.Errorf("arrived %v, uncertain %d; want rows 4 and 5, of which 7 was refused, and 2", fate.Arrived, fate.Uncertain)
	}
	check(t, second.Begin(journal.Identity{Run: "run", Input: "x"}))
	if past.Lives != 2 {
		t.Errorf("%d lives", past.Lives)
	}
	check(t, second.Close())
}

// A torn last line is what a crash leaves, and cut off; a damaged line before it is not, and refused by its number.
func TestTornAndDamagedLines(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, journal.File)
	j := open(t, dir)
	check(t, j.Begin(journal.Identity{Run: "run"}))
	check(t, j.End(journal.Cycle{Number: 1, Row: 10}))
	check(t, j.Close())
	whole, err := os.ReadFile(path)
	check(t, err)
	check(t, os.WriteFile(path, append(whole, `{"cycle":{"numb`...), 0o600))
	j, notices, err := journal.Open(disk.Real(), dir, "a test")
	check(t, err)
	if j.Past().Last.Row != 10 || len(notices) != 1 || !strings.Contains(notices[0], "the last line was not whole") {
		t.Errorf("it knows %+v and says %q", j.Past().Last, notices)
	}
	check(t, j.Close())
	check(t, os.WriteFile(path, append([]byte("{}}\n"), whole...), 0o600))
	if _, _, err := journal.Open(disk.Real(), dir, "a test"); err == nil || !strings.Contains(err.Error(), path+":1: damaged") {
		t.Errorf("a damaged line: %v", err)
	}
}

// Two processes on one state: the second is told who holds it.
func TestStateIsLocked(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir)
	_, _, err := journal.Open(disk.Real(), dir, "another")
	if held, ok := errors.AsType[*disk.HeldError](err); !ok || held.Holder != "a test" {
		t.Errorf("the second gets %v", err)
	}
	check(t, first.Close())
}
