package runner

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"testing"

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
	s := Defaults()
	s.Virtual, s.BatchSize = true, rows/6_000
	s.Input = Input{Path: "-", Format: "ndjson"}
	var early, late uint64
	rep, err := Run(context.Background(), s, World{Stdin: &manyRows{left: rows}, Observe: func(e workflow.Event) {
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
