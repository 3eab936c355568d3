package nodes_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/nodes"
	"faultflow/internal/settings"
	"faultflow/internal/simulate"
)

// Each node draws the jitter of its waits by its own key, and waits as was drawn: nodes that shared a draw would retry
// in step, and one that drew nothing would wait the same each time.
func TestJitterIsDrawnByEachNode(t *testing.T) {
	for _, test := range []struct {
		node  catalog.Node
		place catalog.Place
		fault string
		of    func(*settings.Settings) *settings.Policy
	}{
		{catalog.Collector, "collector.fetch", "collector.fetch=http_500,first=2",
			func(s *settings.Settings) *settings.Policy { return &s.Collector }},
		{catalog.Processor, "processor.batch", "processor.batch=error,first=2",
			func(s *settings.Settings) *settings.Policy { return &s.Processor }},
		{catalog.Delivery, "delivery", "delivery.primary=disk_full,first=2",
			func(s *settings.Settings) *settings.Policy { return &s.Delivery }},
	} {
		for _, drawn := range []float64{0, 0.25, 0.75} {
			var keys []nodes.Key
			var policy settings.Policy
			o := setup{faults: faults(t, test.fault), change: func(in *inputs) {
				in.Settings.Channels, in.Parts.Channels = in.Settings.Channels[:1], in.Parts.Channels[:1]
				in.ChannelRecover = 0
				p := test.of(&in.Settings)
				p.Attempts, p.Jitter, p.Backoff = 3, 0.5, 1
				policy = *p
				rand := in.Parts.Rand
				in.Parts.Rand = func(k nodes.Key) float64 {
					if k.Use != "jitter" {
						return rand(k)
					}
					keys = append(keys, k)
					return drawn
				}
			}}.run(t)
			waits := o.find(catalog.Waiting)
			if len(waits) != 2 || len(keys) != 2 {
				t.Fatalf("%s: %d waits, %d draws", test.node, len(waits), len(keys))
			}
			for i, e := range waits {
				want := time.Duration(float64(policy.RetryDelay) * (1 + 0.5*(2*drawn-1)))
				if e.Wait != want || e.Node != string(test.node) {
					t.Errorf("%s, drawn %v: %s waits %v, want %v", test.node, drawn, e.Node, e.Wait, want)
				}
				if k := keys[i]; k.Place != test.place || k.Cycle != 1 || k.Attempt != i+1 {
					t.Errorf("%s: wait %d is drawn by %+v", test.node, i+1, k)
				}
			}
		}
	}
}

// A record's time and its quality are drawn by keys of their own, over the whole of their ranges.
func TestDoublerDraws(t *testing.T) {
	for _, test := range []struct {
		latency, quality float64
		took             time.Duration
		want             float64
	}{
		{0, 0.5, 10 * time.Millisecond, 0.85}, {0.25, 0, 20 * time.Millisecond, 0.7}, {0.75, 0.9, 40 * time.Millisecond,
			0.97},
	} {
		if err := simulate.Virtually(func() {
			rand := func(k nodes.Key) float64 {
				return map[string]float64{"latency": test.latency, "quality": test.quality}[k.Use]
			}
			began := time.Now()
			got, err := nodes.Doubler{Rand: rand}.Process(context.Background(), nodes.Record{ID: "a", Value: 2})
			off := got.Quality - test.want
			if err != nil || time.Since(began) != test.took || max(off, -off) > 1e-12 || got.ProcessedValue != 4 {
				t.Errorf(
					"%+v: %v, quality %v, value %v, %v",
					test,
					time.Since(began),
					got.Quality,
					got.ProcessedValue,
					err,
				)
			}
		}); err != nil {
			t.Error(err)
		}
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	d := nodes.Doubler{Rand: simulate.Rand(1)}
	if _, err := d.Process(cancelled, nodes.Record{ID: "a", Value: 2}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled record gives %v", err)
	}
	if err := d.Begin(cancelled, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled batch gives %v", err)
	}
	if err := nodes.Pause(cancelled, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("a pause of nothing, cancelled, gives %v", err)
	}
}

// given is a source of records as they are, once.
type given struct{ records []nodes.Record }

func (g *given) Name() string                 { return "given" }
func (g *given) Health(context.Context) error { return nil }
func (g *given) Fetch(context.Context, int) (nodes.Batch, error) {
	b := nodes.Batch{Records: g.records}
	g.records = nil
	if b.Len() == 0 {
		return b, io.EOF
	}
	return b, nil
}

// A record that comes twice is taken once, wherever the first of the two stands: most batches ascend, and only those
// that do not are looked through.
func TestDuplicatesAreFoundInAnyOrder(t *testing.T) {
	r := func(id string, row int64) nodes.Record { return nodes.Record{ID: id, Row: row, Value: 1} }
	for name, test := range map[string]struct {
		records []nodes.Record
		kept    int
	}{
		"none":                          {[]nodes.Record{r("a", 1), r("b", 2), r("c", 3)}, 3},
		"none, not ascending":           {[]nodes.Record{r("a", 5), r("b", 3), r("c", 4)}, 3},
		"one row has two records":       {[]nodes.Record{r("a", 1), r("b", 1), r("c", 2)}, 3},
		"of the record before":          {[]nodes.Record{r("a", 1), r("a", 1), r("c", 2)}, 2},
		"of one before the first step":  {[]nodes.Record{r("a", 1), r("b", 2), r("a", 1)}, 2},
		"of one behind the first step":  {[]nodes.Record{r("a", 5), r("b", 3), r("c", 4), r("c", 4)}, 3},
		"of the one at the first step":  {[]nodes.Record{r("a", 5), r("b", 3), r("c", 4), r("b", 3)}, 3},
		"the same id in two rows":       {[]nodes.Record{r("a", 1), r("a", 2)}, 2},
		"row 0, as of a source without": {[]nodes.Record{r("a", 0), r("b", 0), r("a", 0)}, 2},
	} {
		o := setup{change: func(in *inputs) { in.Source = &given{records: test.records} }}.run(t)
		if c := o.cycles[0]; c.Outcome.Rows != len(test.records) ||
			c.Outcome.Unreadable != len(test.records)-test.kept {
			t.Errorf("%s: %d rows, %d of them bad, want %d and %d", name, c.Outcome.Rows, c.Outcome.Unreadable,
				len(test.records), len(test.records)-test.kept)
		}
	}
}

// What the breaker of the attempts turned away counts for the batch's dependency, which it kept from being called.
func TestLoadOfTheBatchHasItsBreaker(t *testing.T) {
	o := setup{faults: faults(t, "processor.batch=out_of_memory"), cycles: 3, change: func(in *inputs) {
		p := &in.Processor
		p.Attempts, p.Breaker, p.BreakerFailures, p.BreakerOpenFor = 1, true, 2, time.Hour
	}}.run(t)
	for _, l := range o.pipeline.Loads() {
		if l.Place == catalog.PlaceBatch &&
			(l.Calls != 2 || l.TurnedAway.Of(catalog.CallRejected) != 1 || l.BeforeOpen != 2) {
			t.Errorf("%+v, want 2 calls, then one turned away", l)
		}
	}
}
