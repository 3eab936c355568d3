package nodes_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/fault"
	"faultflow/internal/nodes"
	"faultflow/internal/settings"
	"faultflow/internal/simulate"
)

// action is the answer of a node in a cycle; "" if it gave none.
func (o *outcome) action(cycle int, node string) string {
	for _, e := range o.find(catalog.NodeDone) {
		if e.Cycle == cycle && e.Node == node {
			return e.Detail
		}
	}
	return ""
}

// Which recovery follows on a batch that fails for good: after data and processing errors the first half is processed
// simply, if three attempts have failed by then; all others leave the minimal fallback, which passes the first 10 on.
func TestRecoveryByClass(t *testing.T) {
	tests := []struct {
		kind     fault.Kind
		attempts int
		want     catalog.Mode
	}{
		{fault.CorruptPayload, 5, catalog.ModePartial}, {fault.TruncatedPayload, 3, catalog.ModePartial},
		{fault.Error, 5, catalog.ModePartial}, {fault.Panic, 5, catalog.ModePartial},
		{fault.Hang, 5, catalog.ModePartial},
		{fault.Error, 3, catalog.ModePartial}, {fault.Error, 2, catalog.ModeFallback},
		{fault.CorruptPayload, 1, catalog.ModeFallback},
		{fault.OutOfMemory, 5, catalog.ModeFallback}, {fault.DiskFull, 5, catalog.ModeFallback},
		{fault.PoolExhausted, 5, catalog.ModeFallback},
		{fault.ConnectionRefused, 5, catalog.ModeFallback}, {fault.HTTP503, 5, catalog.ModeFallback},
		{fault.OutOfMemory, 1, catalog.ModeFallback},
	}
	for _, test := range tests {
		for _, n := range []int{1, 7, 10, 11, 30} {
			o := setup{faults: faults(t, "processor.batch="+string(test.kind)), change: func(s *inputs) {
				s.BatchSize, s.Processor.Attempts = n, test.attempts
			}}.run(t)
			c, kept := o.cycles[0], min(n, 10)
			if test.want == catalog.ModePartial {
				kept = (n + 1) / 2
			}
			name := fmt.Sprintf("%s, %d attempts, %d records", test.kind, test.attempts, n)
			if c.Outcome.Mode != test.want || c.verdict != catalog.Degraded ||
				!slices.Contains(c.codes(), catalog.FindingCode(test.want+"_processing")) {
				t.Errorf("%s: mode %q, verdict %s, findings %v; want %s",
					name, c.Outcome.Mode, c.verdict, c.codes(), test.want)
			}
			if got := lines(c.ledger.delivered); !slices.Equal(got, upTo(1, int64(kept))) || c.Outcome.In != n ||
				c.Outcome.Processed != kept {
				t.Errorf("%s: delivered %v, outcome %+v; want the first %d", name, got, c.Outcome, kept)
			}
			for _, r := range c.ledger.delivered {
				if r.Mode != test.want {
					t.Errorf("%s: record of mode %s", name, r.Mode)
				}
			}
			reason := map[catalog.Mode]string{
				catalog.ModePartial:  "left out by partial processing",
				catalog.ModeFallback: "left out by the minimal fallback",
			}[test.want]
			if got := c.ledger.deadBy(); n > kept && (len(got) != 1 || got["processor processing: "+reason] != n-kept) {
				t.Errorf("%s: dead letters %v", name, got)
			}
			if got := o.plan.Counts()[0].Fired; got != int64(test.attempts) ||
				o.action(1, "processor") != "retry_exhausted" {
				t.Errorf("%s: %d attempts, then %s", name, got, o.action(1, "processor"))
			}
		}
	}
}

// Once an attempt succeeds nothing is left out, however many failed before.
func TestProcessingSucceedsAfterFailures(t *testing.T) {
	o := setup{faults: faults(t, "processor.batch=error,first=4")}.run(t)
	c := o.cycles[0]
	if len(c.ledger.delivered) != 30 || c.verdict != catalog.Success || c.Outcome.Mode != catalog.ModeNormal ||
		o.action(1, "processor") != "success" {
		t.Errorf("%d delivered, verdict %s, mode %s", len(c.ledger.delivered), c.verdict, c.Outcome.Mode)
	}
	var waits []time.Duration
	for _, e := range o.find(catalog.Waiting) {
		waits = append(waits, e.Wait)
	}
	if len(waits) != 4 {
		t.Fatalf("waits %v", waits)
	}
	for i, middle := range []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second} {
		if off := waits[i] - middle; off == 0 || off < -middle/10 || off > middle/10 {
			t.Errorf("wait %d is %v, want %v with up to 10 %% of jitter", i+1, waits[i], middle)
		}
	}
}

// A breaker around processing that opens ends the attempts; that it then rejects is no error of the data.
func TestProcessingsBreaker(t *testing.T) {
	o := setup{cycles: 2, interval: time.Second, faults: faults(t, "processor.batch=error"), change: func(s *inputs) {
		s.Processor.Breaker = true
	}}.run(t)
	if got := o.plan.Counts()[0].Fired; got != 3 {
		t.Errorf("%d attempts, want 3 before the breaker opened", got)
	}
	if first, second := o.cycles[0].Outcome.Mode, o.cycles[1].Outcome.Mode; first != "partial" || second != "fallback" {
		t.Errorf("modes %s and %s, want partial after three attempts and fallback after none", first, second)
	}
}

// A record that fails alone is given up alone. The stage is exhausted below one half, and success is low below 80 %.
func TestRecordsFailAlone(t *testing.T) {
	tests := []struct {
		fails         int // of 20
		action        string
		low, exhausts bool
	}{
		{0, "success", false, false},
		{1, "success", false, false},
		{4, "success", false, false},
		{5, "success", true, false},
		{10, "success", true, false},
		{11, "retry_exhausted", true, false},
		{20, "retry_exhausted", true, false},
	}
	for _, test := range tests {
		var broken []fault.Fault
		if test.fails > 0 {
			broken = faults(t, fmt.Sprintf("processor.record=corrupt_payload,first=%d", test.fails))
		}
		o := setup{faults: broken, change: func(s *inputs) { s.BatchSize = 20 }}.run(t)
		c := o.cycles[0]
		if got := o.action(1, "processor"); got != test.action || c.Outcome.Mode != "normal" {
			t.Errorf("%d of 20 failed: %s in mode %s, want %s", test.fails, got, c.Outcome.Mode, test.action)
		}
		if got := lines(c.ledger.delivered); !slices.Equal(got, upTo(int64(test.fails+1), 20)) {
			t.Errorf("%d of 20 failed: delivered %v", test.fails, got)
		}
		want := "processor.record data: invalid character '}' after top-level value"
		if got := c.ledger.deadBy(); got[want] != test.fails || len(c.ledger.dead) != test.fails {
			t.Errorf("%d of 20 failed: dead letters %v", test.fails, got)
		}
		if got := slices.Contains(c.codes(), "low_success"); got != test.low ||
			(c.verdict == catalog.Degraded) != test.low {
			t.Errorf("%d of 20 failed: findings %v, verdict %s", test.fails, c.codes(), c.verdict)
		}
		var failed []string
		for _, e := range o.find(catalog.RecordFailed) {
			failed = append(failed, e.Record)
		}
		var dead []string
		for _, l := range c.ledger.dead {
			dead = append(dead, l.Record.ID)
		}
		if !slices.Equal(failed, dead) {
			t.Errorf("%d of 20 failed: events of records %v, dead letters %v", test.fails, failed, dead)
		}
	}
}

// The partial processing node of the recovery graph takes the first five of what is left: of the whole batch when the
// batch failed, else of the records that failed alone. Those go to the dead letters with their own reason.
func TestPartialProcessingNode(t *testing.T) {
	const alone, left = "processor.record data: invalid character '}' after top-level value", "processor processing: left out by partial processing"
	tests := []struct {
		fault   string
		partial []int64
		normal  []int64
		dead    string
	}{
		{"processor.batch=error", upTo(1, 5), nil, left},
		{"processor.batch=out_of_memory", upTo(1, 5), nil, left},
		{"processor.record=corrupt_payload", upTo(1, 5), nil, alone},
		{"processor.record=corrupt_payload,calls=3-14", upTo(3, 7), []int64{1, 2, 15, 16, 17, 18, 19, 20}, alone},
	}
	for _, test := range tests {
		o := setup{faults: faults(t, test.fault), change: func(s *inputs) {
			s.BatchSize, s.Graph = 20, settings.GraphRecovery
		}}.run(t)
		c := o.cycles[0]
		byMode := map[catalog.Mode][]int64{}
		for _, r := range c.ledger.delivered {
			byMode[r.Mode] = append(byMode[r.Mode], r.Line)
		}
		if !slices.Equal(byMode[catalog.ModePartial], test.partial) ||
			!slices.Equal(byMode[catalog.ModeNormal], test.normal) || len(byMode[catalog.ModeFallback]) > 0 {
			t.Errorf("%s: delivered %v", test.fault, byMode)
		}
		if got, want := c.ledger.deadBy(), 20-len(test.partial)-len(test.normal); len(got) != 1 ||
			got[test.dead] != want {
			t.Errorf("%s: dead letters %v, want %d × %s", test.fault, got, want, test.dead)
		}
		if c.Outcome.Mode != "partial" || c.verdict != catalog.Degraded || c.Outcome.In != 20 ||
			c.Outcome.Processed != len(c.ledger.delivered) {
			t.Errorf("%s: outcome %+v, verdict %s", test.fault, c.Outcome, c.verdict)
		}
		// Each record that failed alone is told of once, saved or not.
		failed := 0
		if test.dead == alone {
			failed = 20 - len(test.normal)
		}
		if got := len(o.find(catalog.RecordFailed)); got != failed {
			t.Errorf("%s: %d events of failed records, want %d", test.fault, got, failed)
		}
	}
}

// Without recovery the records of a failed batch are given up, each with the batch's error, and the run has failed.
func TestRecoveryOff(t *testing.T) {
	for kind, reason := range map[string]string{
		"out_of_memory":     "resource: mmap: cannot allocate memory",
		"error":             "processing: transformation failed: unexpected state",
		"truncated_payload": "data: unexpected EOF",
	} {
		for _, recoveryGraph := range []bool{false, true} {
			o := setup{faults: faults(t, "processor.batch="+kind), change: func(s *inputs) {
				s.Recovery, s.Graph, s.BatchSize = false, graphOf(recoveryGraph), 6
			}}.run(t)
			c := o.cycles[0]
			if c.verdict != catalog.Failed || c.Outcome.Abandoned != 6 || !slices.Contains(c.codes(), "abandoned") {
				t.Errorf("%s: verdict %s, outcome %+v", kind, c.verdict, c.Outcome)
			}
			if got := c.ledger.deadBy(); got["errorhandler "+reason] != 6 {
				t.Errorf("%s: dead letters %v", kind, got)
			}
		}
	}
}

// busiest is a processor that notes how many records were under way at once, each for 20 ms.
type busiest struct{ at, most atomic.Int64 }

func (b *busiest) Begin(context.Context, []nodes.Record) error { return nil }

func (b *busiest) Process(ctx context.Context, r nodes.Record) (nodes.Processed, error) {
	n := b.at.Add(1)
	for most := b.most.Load(); n > most && !b.most.CompareAndSwap(most, n); most = b.most.Load() {
	}
	defer b.at.Add(-1)
	err := nodes.Pause(ctx, 20*time.Millisecond)
	return nodes.Processed{Record: r, ProcessedValue: 2 * r.Value, Quality: nodes.MinQuality, Mode: catalog.ModeNormal},
		err
}

// Workers bound how many records are processed at once, and so does the bulkhead: a record that finds it full waits,
// and is given up as a matter of resources when it has waited long enough.
func TestBulkheadBoundsProcessing(t *testing.T) {
	tests := []struct {
		workers, bulkhead int
		wait              time.Duration
		most, delivered   int
		took              time.Duration // of processing; 0: not checked
	}{
		{1, 4, 0, 1, 24, 480 * time.Millisecond},
		{4, 4, 0, 4, 24, 120 * time.Millisecond},
		{3, 0, 0, 3, 24, 160 * time.Millisecond},
		{8, 3, time.Hour, 3, 24, 160 * time.Millisecond},
		{100, 2, time.Hour, 2, 24, 240 * time.Millisecond},
		// The fourth worker is turned away again and again until no record is left.
		{8, 3, 0, 3, 3, 0},
		// 24 workers wait in line for 3 places of 20 ms each, but for at most 50 ms.
		{24, 3, 50 * time.Millisecond, 3, 9, 0},
	}
	for _, test := range tests {
		b := &busiest{}
		var took time.Duration
		o := setup{change: func(s *inputs) {
			s.Transform, s.BatchSize, s.Workers = b, 24, test.workers
			s.Processor.Bulkhead, s.Processor.BulkheadWait = test.bulkhead, test.wait
		}}.run(t)
		started := o.find(catalog.NodeStarted)
		took = started[2].At - started[1].At
		name := fmt.Sprintf("%d workers, bulkhead %d, wait %v", test.workers, test.bulkhead, test.wait)
		c := o.cycles[0]
		if got := int(b.most.Load()); got != test.most || len(c.ledger.delivered) != test.delivered {
			t.Errorf("%s: %d at once, %d delivered; want %d, %d",
				name, got, len(c.ledger.delivered), test.most, test.delivered)
		}
		// Workers that compete end each call, of which there are 24 / bulkhead, in a nanosecond of their own, within 20
		// µs.
		if over := took - test.took; test.took > 0 &&
			(over < 0 || over > 24/time.Duration(test.most)*20*time.Microsecond ||
				over > 0 && test.workers <= test.most) {
			t.Errorf("%s: took %v, want %v", name, took, test.took)
		}
		want := fmt.Sprintf("processor.record resource: bulkhead is full: processor.record allows %d at once",
			test.bulkhead)
		if got := c.ledger.deadBy(); len(c.ledger.dead) > 0 && got[want] != 24-test.delivered {
			t.Errorf("%s: dead letters %v, want %s", name, got, want)
		}
	}
}

// A record that takes too long is given up alone, after the limit and not later.
func TestRecordTimeout(t *testing.T) {
	o := setup{faults: faults(t, "processor.record=hang,calls=2"), change: func(s *inputs) {
		s.BatchSize, s.Workers = 4, 4
	}}.run(t)
	c := o.cycles[0]
	if got := c.ledger.deadBy(); len(got) != 1 || got["processor.record processing: timeout after 5s"] != 1 ||
		c.ledger.dead[0].Record.Line != 2 {
		t.Errorf("dead letters %v", c.ledger.dead)
	}
	started := o.find(catalog.NodeStarted)
	if over := started[2].At - started[1].At - 5*time.Second; over < 0 || over > 2*time.Microsecond {
		t.Errorf("processing took %v longer than the limit", over)
	}
}

// Processed records are docs/original.md's: twice the value and a quality in [0.7, 1.0), over all of that range.
func TestDoubler(t *testing.T) {
	low, high := 1.0, 0.0
	o := setup{change: func(s *inputs) { s.BatchSize = 400 }}.run(t)
	for _, r := range o.cycles[0].ledger.delivered { // the ledger checks value and quality of each
		low, high = min(low, r.Quality), max(high, r.Quality)
	}
	if len(o.cycles[0].ledger.delivered) != 400 || low > 0.71 || high < 0.99 {
		t.Errorf("%d processed, quality %v–%v", len(o.cycles[0].ledger.delivered), low, high)
	}
	if err := simulate.Virtually(func() {
		began := time.Now()
		_, err := nodes.Doubler{Rand: simulate.Rand(1)}.Process(context.Background(), nodes.Record{ID: "a", Value: 1})
		if took := time.Since(began); err != nil || took < 10*time.Millisecond || took >= 50*time.Millisecond {
			t.Errorf("a record takes %v (%v), want 10–50 ms", took, err)
		}
		if _, err := (nodes.Doubler{Rand: simulate.Rand(1)}).Process(context.Background(), nodes.Record{Value: 1}); errhandler.Classify(err) != errhandler.Data {
			t.Errorf("an invalid record gives %v", err)
		}
	}); err != nil {
		t.Error(err)
	}
}
