package nodes_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/nodes"
)

// The rungs of the ladder by the cache's age, to the nanosecond, in both graphs: a cycle that collects, a pause, and a
// cycle in which the source can't be used.
func TestFallbackLadder(t *testing.T) {
	const ttl, maxAge = time.Minute, 10 * time.Minute
	tests := []struct {
		age  time.Duration
		want catalog.Origin
	}{
		{0, catalog.FromFreshCache}, {ttl, catalog.FromFreshCache}, {ttl + 1, catalog.FromStaleCache},
		{maxAge, catalog.FromStaleCache}, {maxAge + 1, catalog.FromDefault}, {1000 * time.Hour, catalog.FromDefault},
	}
	for _, recoveryGraph := range []bool{false, true} {
		for _, test := range tests {
			from := rowsOf(12, 1)
			from.answers = append(from.answers, answer{err: errRefused})
			o := setup{cycles: 2, interval: test.age, change: func(s *inputs) {
				instant(s, from)
				s.BatchSize, s.Graph, s.Collector.Attempts = 12, graphOf(recoveryGraph), 1
				s.CacheTTL, s.CacheMaxAge = ttl, maxAge
			}}.run(t)
			c := o.cycles[1]
			if c.Outcome.Origin != test.want || c.verdict != catalog.Degraded ||
				!slices.Contains(c.codes(), catalog.FindingCode(test.want)) {
				t.Errorf("recovery graph %v, cache %v old: %s, findings %v; want %s",
					recoveryGraph, test.age, c.Outcome.Origin, c.codes(), test.want)
			}
			if test.want == catalog.FromDefault {
				checkDefaultData(t, c)
				continue
			}
			if c.Outcome.CacheAge != test.age || len(c.ledger.delivered) != 12 {
				t.Errorf("cache %v old: the outcome says %v, %d records were delivered",
					test.age, c.Outcome.CacheAge, len(c.ledger.delivered))
			}
			for i, r := range c.ledger.delivered {
				want := recordsFrom(int64(i+1), 1)[0]
				want.Source, want.Copy = "cache", true // the ledger counts it apart
				if r.Record != want {
					t.Errorf("cached record %d is %+v, want %+v", i, r.Record, want)
				}
			}
		}
	}
}

// The default data are docs/original.md's: 10 records fallback_0…9 of value 100 from source fallback.
func checkDefaultData(t *testing.T, c *cycle) {
	t.Helper()
	if len(c.ledger.delivered) != 10 {
		t.Errorf("%d default records, want 10", len(c.ledger.delivered))
	}
	for i, r := range c.ledger.delivered {
		if r.ID != fmt.Sprint("fallback_", i) || r.Value != 100 || r.Source != "fallback" || !r.Copy || r.Line != 0 ||
			r.Timestamp.IsZero() || r.ProcessedValue != 200 {
			t.Errorf("default record %d is %+v", i, r)
		}
	}
}

func TestDefaultDataWithoutACache(t *testing.T) {
	for _, recoveryGraph := range []bool{false, true} {
		o := setup{faults: faults(t, "collector.fetch=connection_refused"),
			change: func(s *inputs) { s.Graph = graphOf(recoveryGraph) }}.run(t)
		if c := o.cycles[0]; c.Outcome.Origin != catalog.FromDefault || c.Outcome.Rows != 10 {
			t.Errorf("outcome %+v", c.Outcome)
		}
		checkDefaultData(t, o.cycles[0])
	}
}

// The cache holds the valid records of the last batch that had any; it is used again and again, as it was.
func TestCacheHoldsTheLastValidBatch(t *testing.T) {
	mixed := nodes.Batch{Records: recordsFrom(1, 4), Rejected: []nodes.Rejected{{Line: 9, Reason: "not a number"}}}
	mixed.Records[1].Value = math.NaN()
	mixed.Records[3] = mixed.Records[0]
	onlyInvalid := nodes.Batch{Records: recordsFrom(20, 2)}
	onlyInvalid.Records[0].ID, onlyInvalid.Records[1].Value = "", math.Inf(1)
	from := &batches{answers: []answer{
		{batch: nodes.Batch{Records: recordsFrom(50, 4)}},
		{batch: mixed},
		{batch: onlyInvalid},
		{err: errRefused},
		{err: errRefused},
	}}
	o := setup{cycles: 5, interval: time.Second, change: func(s *inputs) {
		instant(s, from)
		s.BatchSize, s.Collector.Attempts = 4, 1
	}}.run(t)
	for i, want := range [][]int64{{50, 51, 52, 53}, {1, 3}, nil, {1, 3}, {1, 3}} {
		if got := lines(o.cycles[i].ledger.delivered); !slices.Equal(got, want) {
			t.Errorf("cycle %d delivers %v, want %v", i+1, got, want)
		}
	}
}

// An answer that came too late for an attempt is not fetched again. The next attempt has it; after the last one it is
// taken in place of the ladder. The rows' end is the end of the input also then.
func TestLateAnswerIsTaken(t *testing.T) {
	for _, recoveryGraph := range []bool{false, true} {
		for attempts, wantEvents := range map[int]int{1: 1, 3: 1} {
			from := &batches{answers: []answer{{
				batch: nodes.Batch{Records: recordsFrom(1, 6)},
				err:   io.EOF,
				takes: 7 * time.Second,
			}}}
			o := setup{change: func(s *inputs) {
				instant(s, from)
				s.BatchSize, s.Graph, s.Collector.Attempts = 6, graphOf(recoveryGraph), attempts
			}}.run(t)
			c := o.cycles[0]
			if c.Outcome.Origin != catalog.FromSource || from.calls != 1 ||
				!slices.Equal(lines(c.ledger.delivered), upTo(1, 6)) || !c.End {
				t.Errorf("%d attempts: origin %s after %d fetches, delivered %v, end %v",
					attempts, c.Outcome.Origin, from.calls, lines(c.ledger.delivered), c.End)
			}
			if late := o.find(catalog.AttemptTimedOut); len(late) != wantEvents || late[0].Class != "network" {
				t.Errorf("%d attempts: timeouts %v", attempts, late)
			}
			if c.verdict != catalog.Success || slices.Contains(o.visited(1), catalog.FallbackData) {
				t.Errorf("%d attempts: verdict %s, nodes %v", attempts, c.verdict, o.visited(1))
			}
		}
	}
}

// A failed health check is told, and the fetch is tried all the same.
func TestUnhealthySource(t *testing.T) {
	o := setup{faults: faults(t, "collector.health=http_503")}.run(t)
	c := o.cycles[0]
	if c.Outcome.Unhealthy != "HTTP 503 Service Unavailable" || !slices.Contains(c.codes(), "source_unhealthy") {
		t.Errorf("outcome %q, findings %v", c.Outcome.Unhealthy, c.codes())
	}
	if c.Outcome.Origin != catalog.FromSource || c.verdict != catalog.Success {
		t.Errorf("origin %s, verdict %s", c.Outcome.Origin, c.verdict)
	}
	if events := o.find(catalog.HealthFailed); len(events) != 1 || events[0].Class != "network" ||
		events[0].Place != string(catalog.PlaceHealth) {
		t.Errorf("events %v", events)
	}
}

// Rows that can't be processed are dead letters, each with what is wrong with it; the others go on.
func TestInvalidRowsAreIsolated(t *testing.T) {
	b := nodes.Batch{
		Records:  recordsFrom(1, 7),
		Rejected: []nodes.Rejected{{Row: 8, Line: 8, Reason: `value "abc" is not a number`, Raw: "8,abc"}},
	}
	b.Records[1].ID = ""
	b.Records[2].Value = math.NaN()
	b.Records[3].Value = -1e300
	b.Records[6] = b.Records[0]
	b.Records[5].ID = b.Records[4].ID // the same id in another row is another record
	o := setup{change: func(s *inputs) { instant(s, &batches{answers: []answer{{batch: b}}}); s.BatchSize = 8 }}.run(t)
	c := o.cycles[0]
	if got := lines(c.ledger.delivered); !slices.Equal(got, []int64{1, 5, 6}) {
		t.Errorf("delivered %v", got)
	}
	want := map[string]int{
		"collector data: id is missing":                     1,
		"collector data: value is missing":                  1,
		"collector data: value is out of range (±2^53)":     1,
		"collector data: record is a duplicate":             1,
		`collector.fetch data: value "abc" is not a number`: 1,
	}
	if got := c.ledger.deadBy(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("dead letters %v\nwant %v", got, want)
	}
	for _, l := range c.ledger.dead {
		if l.Place == catalog.PlaceFetch && (l.Raw != "8,abc" || l.Record.Line != 8 || l.Record.ID != "") {
			t.Errorf("rejected row %+v", l)
		}
	}
	if c.Outcome.Rows != 8 || c.Outcome.Unreadable != 5 || !slices.Contains(c.codes(), "bad_data") {
		t.Errorf("outcome %+v, findings %v", c.Outcome, c.codes())
	}
}

// A source that answers with less than was asked for is told, unless it is at its end.
func TestPartialAnswers(t *testing.T) {
	for _, test := range []struct {
		rows int
		err  error
		want int // Outcome.Asked
	}{{10, nil, 0}, {9, nil, 10}, {1, nil, 10}, {9, io.EOF, 0}, {0, io.EOF, 0}, {10, io.EOF, 0}} {
		from := &batches{answers: []answer{{batch: nodes.Batch{Records: recordsFrom(1, test.rows)}, err: test.err}}}
		o := setup{change: func(s *inputs) { instant(s, from); s.BatchSize = 10 }}.run(t)
		c := o.cycles[0]
		if c.Outcome.Asked != test.want || slices.Contains(c.codes(), "partial_fetch") != (test.want > 0) ||
			c.End != (test.err != nil) {
			t.Errorf("%d rows of 10, %v: asked %d, findings %v, end %v",
				test.rows, test.err, c.Outcome.Asked, c.codes(), c.End)
		}
		if test.rows == 0 && (c.verdict != catalog.Success || c.Status != catalog.NothingToDeliver) {
			t.Errorf("the end without rows: verdict %s, delivery %s", c.verdict, c.Status)
		}
	}
}

// An answer without rows that is not the end is an error like others: it is tried again.
func TestEmptyAnswerIsTriedAgain(t *testing.T) {
	from := &batches{answers: []answer{{}, {batch: nodes.Batch{Records: recordsFrom(1, 5)}}}}
	o := setup{change: func(s *inputs) { instant(s, from); s.BatchSize = 5 }}.run(t)
	if c := o.cycles[0]; len(c.ledger.delivered) != 5 || from.calls != 2 || c.verdict != catalog.Success {
		t.Errorf("%d delivered after %d fetches, verdict %s", len(c.ledger.delivered), from.calls, c.verdict)
	}
	if failed := o.find(catalog.AttemptFailed); len(failed) != 1 || failed[0].Class != "data" {
		t.Errorf("failed attempts %v", failed)
	}
}

// Without the ladder a source that can't be used fails the run, and says so.
func TestFallbackOff(t *testing.T) {
	for _, recoveryGraph := range []bool{false, true} {
		o := setup{faults: faults(t, "collector.fetch=connection_refused"), change: func(s *inputs) {
			s.Fallback, s.Graph = false, graphOf(recoveryGraph)
		}}.run(t)
		c := o.cycles[0]
		if c.verdict != catalog.Failed || c.Outcome.Origin != catalog.FromNowhere ||
			!slices.Equal(c.codes(), []catalog.FindingCode{"no_data", "node_error"}) {
			t.Errorf("verdict %s from %s, findings %v", c.verdict, c.Outcome.Origin, c.codes())
		}
		if got, want := o.visited(1), []catalog.Node{"collector", "errorhandler"}; !slices.Equal(got, want) {
			t.Errorf("nodes %v, want %v", got, want)
		}
		if len(c.Outcome.Errors) != 1 ||
			!strings.HasPrefix(c.Outcome.Errors[0].Error(), "collector exec (attempt 3): ") {
			t.Errorf("errors %v", c.Outcome.Errors)
		}
	}
}

// Attempts and the waits between them are docs/original.md's: three, one second, backed off and jittered by up to a
// tenth.
func TestCollectorAttempts(t *testing.T) {
	o := setup{faults: faults(t, "collector.fetch=connection_refused")}.run(t)
	if n := len(o.find(catalog.AttemptStarted)); n < 3 || o.plan.Counts()[0].Fired != 3 {
		t.Errorf("%d attempts, %d calls", n, o.plan.Counts()[0].Fired)
	}
	var waits []time.Duration
	for _, e := range o.find(catalog.Waiting) {
		if e.Place == string(catalog.PlaceFetch) {
			waits = append(waits, e.Wait)
		}
	}
	if len(waits) != 2 {
		t.Fatalf("waits %v, want 2", waits)
	}
	for i, middle := range []time.Duration{time.Second, 2 * time.Second} {
		if off := waits[i] - middle; off == 0 || off < -middle/10 || off > middle/10 {
			t.Errorf("wait %d is %v, want %v with up to 10 %% of jitter", i+1, waits[i], middle)
		}
	}
}

// A server that says when to come back is asked again then, not before.
func TestRetryAfterIsHeeded(t *testing.T) {
	o := setup{faults: faults(t, "collector.fetch=rate_limited,retry_after=17s,first=1")}.run(t)
	if waits := o.find(catalog.Waiting); len(waits) != 1 || waits[0].Wait != 17*time.Second {
		t.Errorf("waits %v, want 17 s", waits)
	}
}

// The breaker opens after three failures in a row, which ends the attempts; it rejects until its time is up and then
// lets one call try. That carries over from cycle to cycle.
func TestCollectorsBreaker(t *testing.T) {
	o := setup{cycles: 5, interval: 20 * time.Second, faults: faults(t, "collector.fetch=connection_refused,first=4"),
		change: func(s *inputs) {
			s.Collector.Breaker, s.Collector.Attempts = true, 5
		}}.run(t)
	var changes []string
	for _, e := range o.find(catalog.BreakerChanged) {
		changes = append(changes, fmt.Sprint(e.Cycle, " ", e.From, " → ", e.To))
	}
	// About 21 s from cycle to cycle, open for 30 s: rejected in cycle 2, a failing trial in cycle 3, rejected in 4, a
	// good trial in 5.
	want := []string{
		"1 closed → open",
		"3 open → half-open",
		"3 half-open → open",
		"5 open → half-open",
		"5 half-open → closed",
	}
	if !slices.Equal(changes, want) {
		t.Errorf("the breaker changed %v\nwant %v", changes, want)
	}
	var rejected []int
	for _, e := range o.find(catalog.CallRejected) {
		if rejected = append(rejected, e.Cycle); e.Class != "degradation" {
			t.Errorf("a rejection is of class %s", e.Class)
		}
	}
	if !slices.Equal(rejected, []int{2, 4}) {
		t.Errorf("rejected in cycles %v", rejected)
	}
	load := o.pipeline.Loads()[1]
	if load.Place != catalog.PlaceFetch || load.Calls != 5 || load.TurnedAway.Of(catalog.CallRejected) != 2 ||
		load.Failed != 4 ||
		load.Breaker != "closed" {
		t.Errorf("load %+v", load)
	}
}

// odd fails at every call with an error that says nothing about its class.
type odd struct{}

var errOdd = errors.New("odd")

func (odd) Name() string                                                         { return "odd" }
func (odd) Health(context.Context) error                                         { return errOdd }
func (odd) Fetch(context.Context, int) (nodes.Batch, error)                      { return nodes.Batch{}, errOdd }
func (odd) Begin(context.Context, []nodes.Record) error                          { return errOdd }
func (odd) Idempotent() bool                                                     { return true }
func (odd) Deliver(context.Context, nodes.Delivery) (int, error)                 { return 0, errOdd }
func (odd) Write(context.Context, nodes.Delivery) error                          { return errOdd }
func (odd) Process(context.Context, nodes.Record) (p nodes.Processed, err error) { return p, errOdd }

// oddRecords fails for each record, but not for the batch.
type oddRecords struct{ odd }

func (oddRecords) Begin(context.Context, []nodes.Record) error { return nil }

// An error that says nothing about its class is of the class of what was called.
func TestPlainErrorsHaveThePlacesClass(t *testing.T) {
	got := map[string]string{}
	for _, processor := range []nodes.Processor{odd{}, oddRecords{}} {
		o := setup{change: func(s *inputs) {
			s.Source, s.Transform, s.Parts.Channels, s.Parts.Spool = odd{}, processor, []nodes.Channel{odd{}}, odd{}
		}}.run(t)
		for _, e := range o.events {
			switch catalog.EventKind(e.Kind) {
			case catalog.HealthFailed, catalog.AttemptFailed, catalog.RecordFailed, catalog.ChannelFailed,
				catalog.SpoolFailed:
				got[e.Place] = e.Class
			}
		}
	}
	want := map[string]string{
		"collector.health": "network",
		"collector.fetch":  "network",
		"processor":        "processing",
		"processor.record": "processing",
		"delivery":         "network",
		"delivery.odd":     "network",
		"delivery.spool":   "storage",
	}
	if !maps.Equal(got, want) {
		t.Errorf("classes %v\nwant %v", got, want)
	}
}

// Loads lists every dependency in the order of the pipeline.
func TestLoads(t *testing.T) {
	o := setup{faults: faults(t, "delivery.primary=disk_full", "collector.fetch=hang,first=1")}.run(t)
	var got []string
	for _, l := range o.pipeline.Loads() {
		got = append(got, fmt.Sprintf("%s %d calls, %d failed, %d timed out, breaker %s",
			l.Place, l.Calls, l.Failed, l.TimedOut, l.Breaker))
	}
	want := []string{
		"collector.health 1 calls, 0 failed, 0 timed out, breaker off",
		"collector.fetch 2 calls, 0 failed, 1 timed out, breaker off",
		"processor.batch 1 calls, 0 failed, 0 timed out, breaker off",
		"processor.record 30 calls, 0 failed, 0 timed out, breaker off",
		"delivery.primary 1 calls, 1 failed, 0 timed out, breaker off",
		"delivery.secondary 1 calls, 0 failed, 0 timed out, breaker off",
		"delivery.backup 0 calls, 0 failed, 0 timed out, breaker off",
		"delivery.spool 0 calls, 0 failed, 0 timed out, breaker off",
	}
	if !slices.Equal(got, want) {
		t.Errorf("loads\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
