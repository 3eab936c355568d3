package runner

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"testing"

	"faultflow/internal/report"
	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

// manyRows makes rows without keeping them; every tenth one is broken in a way of its own.
type manyRows struct {
	left, made int
	rest       []byte
}

func (m *manyRows) Read(p []byte) (int, error) {
	if len(m.rest) == 0 {
		if m.left == 0 {
			return 0, io.EOF
		}
		m.left--
		m.made++
		row := fmt.Sprintf("{\"id\":\"r%d\",\"value\":%d}\n", m.made, m.made%1000)
		if m.made%10 == 0 {
			row = fmt.Sprintf("{\"id\":\"r%d\",\"value\":\"broken %d\"}\n", m.made, m.made)
		}
		m.rest = []byte(row)
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

// TestLongRunsAreBounded: neither the length of the input nor the number of cycles costs memory, the report included.
// make full reads half a gigabyte.
func TestLongRunsAreBounded(t *testing.T) {
	rows := 60_000
	if full() {
		rows = 20_000_000
	}
	s := settings.Defaults()
	s.Clock, s.BatchSize = settings.ClockVirtual, rows/6_000
	s.Input, s.InputFormat, s.Process = "-", settings.FormatNDJSON, settings.ProcessDouble
	var early, late uint64
	rep, err := Run(context.Background(), s, Environment{Stdin: &manyRows{left: rows}, Observe: func(e workflow.Event) {
		if e.Kind != workflow.NodeStarted || e.Node != "collector" || e.Cycle != 2_000 && e.Cycle != 5_900 {
			return
		}
		runtime.GC()
		var mem runtime.MemStats
		runtime.ReadMemStats(&mem)
		if e.Cycle == 2_000 {
			early = mem.HeapAlloc
		} else {
			late = mem.HeapAlloc
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if !rep.Timeline.Summarised || rep.Ledger.Collected != int64(rows) || rep.Ledger.DeadLettered != int64(rows/10) {
		t.Errorf("summarised %t, %d collected, %d dead letters", rep.Timeline.Summarised, rep.Ledger.Collected, rep.Ledger.DeadLettered)
	}
	if early == 0 || late > early+8<<20 {
		t.Errorf("the heap grew from %d KiB in cycle 2,000 to %d KiB in cycle 5,900", early>>10, late>>10)
	}
}

// TestManyRunsAreBounded: many runs keep no more in memory than a thousand, and take no more from the system. make full
// makes a million.
func TestManyRunsAreBounded(t *testing.T) {
	seeds := uint64(20_000)
	switch {
	case full() && !raceEnabled:
		seeds = 1_000_000
	case raceEnabled || testing.Short():
		seeds = 2_000
	}
	var early, late runtime.MemStats
	err := RunSeeds(context.Background(), profileSettings("network"), seedsTo(seeds), func(rep *report.Report) error {
		if rep.Seed == 1_000 || rep.Seed == seeds {
			early = late
			runtime.GC()
			runtime.ReadMemStats(&late)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []struct {
		name        string
		early, late uint64
		growth      uint64
	}{
		{"kept by runs", early.HeapAlloc, late.HeapAlloc, 2 << 20},
		{"kept by the runtime for itself", early.OtherSys, late.OtherSys, 400 << 10}, // 32 bytes a run are more
		{"from the system", early.Sys, late.Sys, 20 << 20},
	} {
		t.Logf("%-30s %6d KiB after 1,000 runs, %6d KiB after %d", m.name, m.early>>10, m.late>>10, seeds)
		if m.early == 0 || m.late > m.early+m.growth {
			t.Errorf("%s: many runs need more memory than a thousand", m.name)
		}
	}
}
