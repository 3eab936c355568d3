package simulate_test

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"testing"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/nodes"
	"faultflow/internal/workflow"
)

// ids are the lines of a batch's records.
func ids(b nodes.Batch) (lines []int64) {
	for _, r := range b.Records {
		lines = append(lines, r.Line)
	}
	return lines
}

// A failed fetch consumes nothing: the next one returns the rows that it would have returned.
func TestFailedFetchConsumesNothing(t *testing.T) {
	for _, kind := range fault.KindsAt(catalog.PlaceFetch) {
		if fault.Throttles(kind) {
			continue // of a capacity, which the place does not have here
		}
		if kind == fault.EmptyBatch || kind != fault.Slow && !callFails(kind, catalog.PlaceFetch) ||
			kind == fault.Partial {
			continue
		}
		inRun(t, func(t *testing.T, ctx context.Context, run *workflow.Stream) {
			spec := "collector.fetch=" + string(kind) + ",calls=2-3"
			switch kind {
			case fault.Slow:
				spec += ",by=1h"
			case fault.Flapping:
				spec = "collector.fetch=flapping,from=50ms,to=40s,period=2m" // up once, then down when it is called again
			}
			s := plan(t, spec).Source(&rows{latency: 100 * time.Millisecond})
			fetch := func() (nodes.Batch, error) {
				ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
				defer cancel()
				var b nodes.Batch
				_, err := workflow.Safely(func() (none struct{}, err error) {
					b, err = s.Fetch(ctx, 3)
					return none, err
				})
				return b, err
			}
			if kind == fault.Flapping {
				time.Sleep(time.Minute)
			}
			if b, err := fetch(); err != nil || !slices.Equal(ids(b), []int64{1, 2, 3}) {
				t.Fatalf("%s: the first fetch gives %v, %v", spec, ids(b), err)
			}
			if kind != fault.Flapping {
				for range 2 {
					if b, err := fetch(); err == nil || b.Len() > 0 {
						t.Fatalf("%s: a failed fetch gives %v, %v", spec, ids(b), err)
					}
				}
			}
			if b, err := fetch(); err != nil || !slices.Equal(ids(b), []int64{4, 5, 6}) {
				t.Fatalf("%s: the fetch after the failed ones gives %v, %v", spec, ids(b), err)
			}
			if b, err := fetch(); err != nil || !slices.Equal(ids(b), []int64{7, 8, 9}) {
				t.Fatalf("%s: the fetch after that gives %v, %v", spec, ids(b), err)
			}
		})
	}
}

// Rows that came too late are handed out by the next fetch, with the end of the input if they were the last, and the
// source is not asked for others meanwhile.
func TestLateFetchKeepsItsRows(t *testing.T) {
	inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
		inner := &rows{latency: 100 * time.Millisecond, total: 5}
		s := plan(t, "collector.fetch=slow,by=1h,calls=1+2+4").Source(inner)
		fetch := func() (nodes.Batch, error) {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			return s.Fetch(ctx, 3)
		}
		for range 2 { // late, and late again
			if b, err := fetch(); !errors.Is(err, context.DeadlineExceeded) || b.Len() > 0 {
				t.Errorf("a late fetch gives %v, %v", ids(b), err)
			}
		}
		if b, err := fetch(); err != nil || !slices.Equal(ids(b), []int64{1, 2, 3}) || inner.calls != 1 {
			t.Errorf("the next one gives %v, %v after %d calls to the source", ids(b), err, inner.calls)
		}
		if b, err := fetch(); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.EOF) || b.Len() > 0 {
			t.Errorf("the late end gives %v, %v", ids(b), err)
		}
		if b, err := fetch(); err != io.EOF || !slices.Equal(ids(b), []int64{4, 5}) || inner.calls != 2 {
			t.Errorf("the end gives %v, %v after %d calls to the source", ids(b), err, inner.calls)
		}
	})
}

// deaf is a source that answers after 2 s whether anyone still waits or not.
type deaf struct{ rows }

func (s *deaf) Fetch(_ context.Context, n int) (nodes.Batch, error) {
	time.Sleep(2 * time.Second)
	return s.rows.Fetch(context.Background(), n)
}

// A fetch that no fault hits is passed on as it is, late or not: a fault that does not fire changes nothing.
func TestFetchesThatAreNotHit(t *testing.T) {
	inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		s := plan(t, "collector.fetch=hang,calls=99").Source(&deaf{})
		if b, err := s.Fetch(ctx, 3); err != nil || !slices.Equal(ids(b), []int64{1, 2, 3}) {
			t.Errorf("a late answer became %v, %v", ids(b), err)
		}
	})
}

// A partial answer is a share of the batch, at least one row; the others come next time.
func TestPartialFetch(t *testing.T) {
	tests := []struct {
		params  string
		n, want int
	}{{"", 10, 5}, {",share=0.3", 10, 3}, {",share=0.01", 10, 1}, {",share=1", 10, 10}, {"", 1, 1}, {"", 3, 1}}
	for _, test := range tests {
		inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
			inner := &rows{}
			s := plan(t, "collector.fetch=partial,first=1"+test.params).Source(inner)
			b, err := s.Fetch(ctx, test.n)
			if err != nil || b.Len() != test.want || inner.asked != test.want {
				t.Errorf("partial%s of %d gives %d rows, %v; want %d", test.params, test.n, b.Len(), err, test.want)
			}
			if b, _ := s.Fetch(ctx, test.n); b.Len() != test.n || b.Records[0].Line != int64(test.want+1) {
				t.Errorf("partial%s of %d goes on with %v", test.params, test.n, ids(b))
			}
		})
	}
}

// An empty answer is no error, and no end of the input; the rows are still there.
func TestEmptyBatch(t *testing.T) {
	inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
		s := plan(t, "collector.fetch=empty_batch,first=1").Source(&rows{})
		if b, err := s.Fetch(ctx, 3); err != nil || b.Len() != 0 {
			t.Errorf("an empty answer gives %v, %v", ids(b), err)
		}
		if b, err := s.Fetch(ctx, 3); err != nil || !slices.Equal(ids(b), []int64{1, 2, 3}) {
			t.Errorf("the next one gives %v, %v", ids(b), err)
		}
	})
}

// The data kinds damage a share of the records, at least one, spread over the batch, and leave the others as they are.
func TestSpoiledRecords(t *testing.T) {
	missing := func(r nodes.Record) bool { return math.IsNaN(r.Value) }
	outOfRange := func(r nodes.Record) bool { return math.Abs(r.Value) > nodes.MaxValue }
	tests := []struct {
		kind, params string
		n, want      int
		spoiled      func(nodes.Record) bool
	}{
		{"missing_fields", "", 30, 6, missing},
		{"missing_fields", ",share=1", 30, 30, missing},
		{"missing_fields", ",share=0.01", 30, 1, missing},
		{"missing_fields", "", 1, 1, missing},
		{"out_of_range", "", 30, 6, outOfRange},
		{"out_of_range", ",share=0.5", 7, 3, outOfRange},
	}
	for _, test := range tests {
		inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
			b, err := plan(t, "collector.fetch="+test.kind+test.params).Source(&rows{}).Fetch(ctx, test.n)
			if err != nil || b.Len() != test.n {
				t.Fatalf("%s%s gives %d rows, %v", test.kind, test.params, b.Len(), err)
			}
			var at []int
			for i, r := range b.Records {
				if test.spoiled(r) {
					at = append(at, i)
					r.Value = float64(i + 1) // the rest of the record is as it was
				}
				if r != record(i+1) {
					t.Errorf("%s%s: record %d is %+v", test.kind, test.params, i, r)
				}
			}
			if len(at) != test.want {
				t.Fatalf("%s%s spoiled %v of %d records, want %d", test.kind, test.params, at, test.n, test.want)
			}
			for i := range at[1:] { // evenly spaced
				if gap := at[i+1] - at[i]; gap < test.n/test.want || gap > test.n/test.want+1 {
					t.Errorf("%s%s spoiled %v: not spread", test.kind, test.params, at)
				}
			}
		})
	}
}

// Which records are damaged differs from fetch to fetch.
func TestSpoiledRecordsAreDrawn(t *testing.T) {
	inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
		s := plan(t, "collector.fetch=missing_fields,share=0.01").Source(&rows{})
		first := map[int]bool{}
		for range 40 {
			b, _ := s.Fetch(ctx, 30)
			first[slices.IndexFunc(b.Records, func(r nodes.Record) bool { return math.IsNaN(r.Value) })] = true
		}
		if len(first) < 10 {
			t.Errorf("40 fetches of 30 records had the damaged one at %d places only", len(first))
		}
	})
}

// negative is a source of negative values.
type negative struct{ rows }

func (s *negative) Fetch(ctx context.Context, n int) (nodes.Batch, error) {
	b, err := s.rows.Fetch(ctx, n)
	for i := range b.Records {
		b.Records[i].Value *= -1
	}
	return b, err
}

// The sign of a value that is out of range stays, as when a unit was mistaken.
func TestOutOfRangeKeepsTheSign(t *testing.T) {
	inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
		w := &worker{}
		p := plan(t, "processor.record=out_of_range").Processor(w)
		r := record(1)
		r.Value = -3
		_, _ = p.Process(ctx, r)
		if got := w.received[0].Value; got > -nodes.MaxValue {
			t.Errorf("-3 became %v", got)
		}
		b, _ := plan(t, "collector.fetch=out_of_range,share=1").Source(&negative{}).Fetch(ctx, 3)
		for _, r := range b.Records {
			if r.Value > -nodes.MaxValue {
				t.Errorf("a negative value became %v", r.Value)
			}
		}
	})
}

// Duplicates are further rows: copies of a share of the records, and all originals are still there once.
func TestDuplicateRecords(t *testing.T) {
	for _, test := range []struct {
		params string
		n      int
		want   int
	}{{"", 30, 6}, {",share=1", 4, 4}, {",share=0.001", 10, 1}} {
		inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
			b, err := plan(t, "collector.fetch=duplicate_records"+test.params).Source(&rows{}).Fetch(ctx, test.n)
			if err != nil || b.Len() != test.n+test.want {
				t.Fatalf("%s: %d rows, %v; want %d", test.params, b.Len(), err, test.n+test.want)
			}
			seen := map[nodes.Record]int{}
			for _, r := range b.Records {
				seen[r]++
			}
			twice := 0
			for i := range test.n {
				switch seen[record(i+1)] {
				case 1:
				case 2:
					twice++
				default:
					t.Errorf("%s: record %d is there %d times", test.params, i+1, seen[record(i+1)])
				}
			}
			if twice != test.want {
				t.Errorf("%s: %d records are there twice, want %d", test.params, twice, test.want)
			}
		})
	}
}

// An input that is at its end has nothing to damage.
func TestSpoilingNothing(t *testing.T) {
	for _, kind := range []string{"missing_fields", "out_of_range", "duplicate_records"} {
		inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
			s := plan(t, "collector.fetch="+kind).Source(&rows{total: 2})
			if b, err := s.Fetch(ctx, 2); err != nil || b.Len() < 2 {
				t.Errorf("%s: %v, %v", kind, ids(b), err)
			}
			if b, err := s.Fetch(ctx, 2); err != io.EOF || b.Len() != 0 {
				t.Errorf("%s at the end: %v, %v", kind, ids(b), err)
			}
		})
	}
}
