package simulate_test

import (
	"context"
	"io"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/nodes"
	"faultflow/internal/simulate"
	"faultflow/internal/workflow"
)

// places are those of a pipeline with the default channels.
var places = catalog.Places(catalog.DefaultChannels())

// inRun calls f in virtual time with the context and the stream of a run that begins then, in its first cycle.
func inRun(t *testing.T, f func(t *testing.T, ctx context.Context, run *workflow.Stream)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		run := workflow.NewStream(nil)
		run.StartCycle(1)
		f(t, workflow.WithStream(t.Context(), run), run)
	})
}

// sleepUntil waits until the run is at a time.
func sleepUntil(run *workflow.Stream, at time.Duration) { time.Sleep(at - run.Elapsed()) }

// plan arms faults that are written as on the command line.
func plan(t *testing.T, specs ...string) *simulate.Plan {
	t.Helper()
	var faults []fault.Fault
	for _, spec := range specs {
		f, err := fault.Parse(spec)
		if err != nil {
			t.Fatal(err)
		}
		faults = append(faults, f)
	}
	return simulate.NewPlan(faults, simulate.Rand(1))
}

// rows is a source of numbered records; a fetch takes latency. It ends after total rows, if that is not 0.
type rows struct {
	latency time.Duration
	total   int
	given   int
	calls   int
	asked   int // the n of the last fetch
}

func (s *rows) Name() string { return "rows" }

func (s *rows) Health(ctx context.Context) error { return nodes.Pause(ctx, s.latency) }

func (s *rows) Fetch(ctx context.Context, n int) (nodes.Batch, error) {
	s.calls++
	s.asked = n
	if err := nodes.Pause(ctx, s.latency); err != nil {
		return nodes.Batch{}, err
	}
	var b nodes.Batch
	for range n {
		if s.total > 0 && s.given == s.total {
			return b, io.EOF
		}
		s.given++
		b.Records = append(b.Records, record(s.given))
	}
	return b, nil
}

func record(i int) nodes.Record {
	return nodes.Record{ID: "r" + strconv.Itoa(i), Value: float64(i), Row: int64(i), Line: int64(i)}
}

// sink is a channel that takes latency and then everything. It notes what it took.
type sink struct {
	name    string
	latency time.Duration
	calls   int
	took    []int
	last    nodes.Delivery
}

func (s *sink) Name() string     { return s.name }
func (s *sink) Idempotent() bool { return true }

func (s *sink) Deliver(ctx context.Context, d nodes.Delivery) (int, error) {
	s.calls++
	if err := nodes.Pause(ctx, s.latency); err != nil {
		return 0, err
	}
	s.took, s.last = append(s.took, len(d.Records)), d
	return len(d.Records), nil
}

// keeper is a spool that notes what it was given to keep.
type keeper struct {
	latency time.Duration
	kept    []int
}

func (k *keeper) Write(ctx context.Context, d nodes.Delivery) error {
	if err := nodes.Pause(ctx, k.latency); err != nil {
		return err
	}
	k.kept = append(k.kept, len(d.Records))
	return nil
}

// worker is a processor that notes which records and batches reached it. It is not safe for concurrent use.
type worker struct {
	latency  time.Duration
	begun    int
	reached  []string
	received []nodes.Record
}

func (w *worker) Begin(ctx context.Context, _ []nodes.Record) error {
	w.begun++
	return nodes.Pause(ctx, w.latency)
}

func (w *worker) Process(ctx context.Context, r nodes.Record) (nodes.Processed, error) {
	w.reached, w.received = append(w.reached, r.ID), append(w.received, r)
	return nodes.Processed{Record: r, ProcessedValue: 2 * r.Value}, nodes.Pause(ctx, w.latency)
}

// delivery is a delivery of n records.
func delivery(n int) nodes.Delivery {
	d := nodes.Delivery{Key: "run/1/0"}
	for i := range n {
		d.Records = append(d.Records, nodes.Processed{Record: record(i + 1)})
	}
	return d
}

func batchOf(n int) []nodes.Record {
	records := make([]nodes.Record, n)
	for i := range records {
		records[i] = record(i + 1)
	}
	return records
}
