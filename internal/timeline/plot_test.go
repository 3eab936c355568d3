package timeline_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
	"faultflow/internal/runtest"
	"faultflow/internal/timeline"
)

func titles(c *timeline.Chart) (list []string) {
	for _, p := range c.Plots {
		for _, l := range p.Lines {
			list = append(list, fmt.Sprint(p.Place, "|", p.Quantity, "|", l.Name, "|", l.Run))
		}
	}
	return list
}

// Thousands of passes that overlap are lines over time, not lanes of attempts. What pushed the run has a lane, and a
// dependency at which nothing happened has no plot.
func TestALoadIsPlotted(t *testing.T) {
	r := reporttest.Collapse()
	c := timeline.Of(r)
	want := []string{
		"|passes a second|offered|",
		"|passes a second|good|",
		"|a pass took|p50|",
		"|a pass took|p99|",
		"collector.fetch|calls a second|made|",
		"collector.fetch|calls a second|failed|",
		"collector.fetch|calls waiting|queued|",
		"collector.fetch|turned away a second|bulkhead full|",
	}
	if got := titles(c); !slices.Equal(got, want) {
		t.Errorf("plots %q, want %q", got, want)
	}
	if c.EndMS != r.DurationMS || c.Shown != c.Count || len(c.Lanes) != 1 {
		t.Fatalf("the chart ends at %v and has %d lanes", c.EndMS, len(c.Lanes))
	}
	if it := c.Lanes[0].Items[0]; c.Lanes[0].Sort != timeline.Triggers || it.FromMS != 20_000 || it.ToMS != 30_000 {
		t.Errorf("trigger %+v", it)
	}
	both := timeline.Beside([]string{"a", "b"}, []*timeline.Chart{c, timeline.Of(reporttest.Comeback())})
	if got := titles(both)[:4]; !slices.Equal(got, []string{
		"|passes a second|offered|a",
		"|passes a second|offered|b",
		"|passes a second|good|a",
		"|passes a second|good|b",
	}) {
		t.Errorf("beside each other: %q", got)
	}
}

// A column of a rate is what there was on average, of a queue the longest that it was: a short peak must not vanish on
// a narrow page. What nobody measured is not 0.
func TestLinesAreSpread(t *testing.T) {
	none := math.NaN()
	l := timeline.Line{BucketMS: 1000, Values: []float64{2, 4, 0, none, none, none}}
	for _, test := range []struct {
		quantity timeline.Quantity
		endMS    float64
		want     []float64
	}{
		{timeline.Passes, 6000, []float64{3, 0, none}},
		{timeline.Waiting, 6000, []float64{4, 0, none}},
		{timeline.Passes, 3000, []float64{2, 4, 0}},
		{timeline.Passes, 4500, []float64{8.0 / 3, 4.0 / 3, none}},
		{timeline.Took, 1500, []float64{2, 2, 4}},
		{timeline.Passes, 18_000, []float64{2, none, none}},
	} {
		got := l.Spread(test.quantity, test.endMS, 3)
		if !slices.EqualFunc(got, test.want, func(a, b float64) bool {
			return math.Abs(a-b) < 1e-9 || math.IsNaN(a) && math.IsNaN(b)
		}) {
			t.Errorf("%s until %v: %v, want %v", test.quantity, test.endMS, got, test.want)
		}
	}
}

// The last bucket may be cut short by the run's end: its rate is that of the time it covers, and where that is less
// than half of it there is none.
func TestRatesOfTheLastBucket(t *testing.T) {
	for end, want := range map[float64]float64{2000: 60, 1750: 80, 1400: math.NaN()} {
		r := &report.Report{
			DurationMS: end,
			Passes:     report.Passes{Offered: 120},
			Series:     report.Series{BucketMS: 1000, Offered: []int{60, 60}},
		}
		got := timeline.Of(r).Plots[0].Lines[0].Values
		if got[0] != 60 || got[1] != want && !(math.IsNaN(got[1]) && math.IsNaN(want)) {
			t.Errorf("a run of %v ms: %v passes a second, want %v at the end", end, got, want)
		}
	}
}

// Percentiles are those of the histogram, in whatever order its bins stand; a bucket in which no pass ended has none.
func TestPercentilesOfPasses(t *testing.T) {
	r := &report.Report{
		DurationMS: 3000,
		Passes:     report.Passes{Offered: 200},
		Series: report.Series{
			BucketMS: 1000,
			Offered:  []int{100, 0, 100},
			Took: [][]report.Bucket{
				{{Value: 90, Count: 2}, {Value: 10, Count: 98}},
				{},
				{{Value: 5, Count: 99}, {Value: 7, Count: 1}},
			},
		},
	}
	took := timeline.Of(r).Plots[1]
	if took.Quantity != timeline.Took {
		t.Fatalf("%+v", took)
	}
	if got := fmt.Sprint(took.Lines[0].Values, took.Lines[1].Values); got != "[10 NaN 5] [90 NaN 5]" {
		t.Errorf("p50 and p99: %s", got)
	}
}

// What is drawn of a real run adds up to what its report counts, and passes that the run's end cut off make no plot of
// a dependency that was well.
func TestPlotsAddUpToTheReport(t *testing.T) {
	r := runtest.Run(
		t,
		"load=40/s",
		"for=10s",
		"batch-size=1",
		"capacity=collector.fetch=service=10ms",
		"fault=collector.fetch=halt,from=3s,to=4s",
		"collector-timeout=100ms",
		"collector-attempts=2",
		"collector-bulkhead=1000",
		"processor-bulkhead=1000",
		"delivery-bulkhead=1000",
	)
	c := timeline.Of(r)
	passes := c.Plots[0]
	for i, want := range []int64{r.Passes.Offered, r.Passes.Good} {
		sum := 0.0
		for _, v := range passes.Lines[i].Values {
			if !math.IsNaN(v) {
				sum += v * passes.Lines[i].BucketMS / 1000
			}
		}
		if want == 0 || math.Abs(sum-float64(want)) > 1 {
			t.Errorf("%s: %v passes are drawn, the report has %d", passes.Lines[i].Name, sum, want)
		}
	}
	for _, p := range c.Plots {
		if p.Place != "" && p.Place != catalog.PlaceFetch {
			t.Errorf("a plot of %s", p.Place)
		}
	}
	if len(c.Lanes) != 1 || len(c.Lanes[0].Items) != 1 {
		t.Errorf("lanes %+v", c.Lanes)
	}
}
