package timeline

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
)

// Mark is the kind of an item that is neither an event nor a state.
type Mark string

// Trigger is a stretch of time in which a fault was armed, or a load spiked. Its Detail is the fault or the load.
const Trigger Mark = "trigger"

// Plot is what a run with a load did over time, on one scale.
type Plot struct {
	Quantity Quantity
	// Place is the dependency; "" for what is of whole passes.
	Place catalog.Place
	Lines []Line
}

// Quantity is what a plot shows. It is the words that people read.
type Quantity string

// The quantities, in the order of the plots.
const (
	Passes     Quantity = "passes a second"
	Took       Quantity = "a pass took" // in milliseconds
	Calls      Quantity = "calls a second"
	Waiting    Quantity = "calls waiting"
	TurnedAway Quantity = "turned away a second"
)

// Rate is true for a quantity whose mean says what it was over a longer time; of others the highest does.
func (q Quantity) Rate() bool { return q == Passes || q == Calls || q == TurnedAway }

// The lines of plots. Those of TurnedAway go by the kinds of events that say why.
const (
	LineOffered = "offered"
	LineGood    = "good"
	LineMade    = "made"
	LineFailed  = "failed"
	LineQueued  = "queued"
	LineMedian  = "p50"
	LineTail    = "p99"
)

// Line is one quantity by bucket of time, from the run's start on.
type Line struct {
	Name string
	// Run tells the lines of several runs apart (see Beside); it is "" in the chart of one.
	Run string
	// BucketMS is above 0.
	BucketMS float64
	// Values are NaN where nothing is known.
	Values []float64
}

// Spread spreads the line over columns of the same width on an axis that ends at endMS: the mean of what a column
// covers where the quantity is a rate, else the most. NaN stands where nothing is known.
func (l Line) Spread(q Quantity, endMS float64, columns int) []float64 {
	out := make([]float64, columns)
	for i := range out {
		from, to := endMS*float64(i)/float64(columns), endMS*float64(i+1)/float64(columns)
		out[i] = l.over(q, from, to)
	}
	return out
}

func (l Line) over(q Quantity, from, to float64) float64 {
	sum, weight, most := 0.0, 0.0, math.NaN()
	first := min(from/l.BucketMS, float64(len(l.Values)))
	for i := int(first); i < len(l.Values) && float64(i)*l.BucketMS < to; i++ {
		v := l.Values[i]
		overlap := min(float64(i+1)*l.BucketMS, to) - max(float64(i)*l.BucketMS, from)
		if math.IsNaN(v) || overlap <= 0 {
			continue
		}
		sum, weight = sum+float64(v*overlap), weight+overlap
		if !(most >= v) {
			most = v
		}
	}
	if q.Rate() {
		return finite(sum / weight) // NaN without a bucket
	}
	return most
}

// finite is NaN for what is no number that can be drawn.
func finite(v float64) float64 {
	if math.IsInf(v, 0) {
		return math.NaN()
	}
	return v
}

// plots are those of a run with a load; a report without series has none.
func plots(r *report.Report, endMS float64) []Plot {
	s := r.Series
	if !(s.BucketMS > 0) || math.IsInf(s.BucketMS, 1) || !(endMS > 0) || math.IsInf(endMS, 1) || len(s.Offered) == 0 {
		return nil
	}
	line := func(name string, values []float64) Line {
		return Line{Name: name, BucketMS: s.BucketMS, Values: values}
	}
	rate := func(name string, counts []int) Line {
		values := make([]float64, len(counts))
		for i, n := range counts {
			values[i] = float64(n) * 1000 / s.BucketMS
			// The run may end within its last bucket. A sliver of one says nothing.
			if covered := endMS/s.BucketMS - float64(i); covered < 0.5 {
				values[i] = math.NaN()
			} else if covered < 1 {
				values[i] /= covered
			}
			values[i] = finite(values[i])
		}
		return line(name, values)
	}
	all := []Plot{{Quantity: Passes, Lines: []Line{rate(LineOffered, s.Offered), rate(LineGood, s.Good)}}}
	took := Plot{Quantity: Took}
	for _, q := range []struct {
		name  string
		share float64
	}{{LineMedian, 0.5}, {LineTail, 0.99}} {
		values := make([]float64, len(s.Took))
		for i, bins := range s.Took {
			values[i] = quantile(bins, q.share)
		}
		took.Lines = append(took.Lines, line(q.name, values))
	}
	all = append(all, took)
	for _, p := range loaded(s.Places) {
		all = append(all, Plot{Calls, p.Place, []Line{rate(LineMade, p.Calls), rate(LineFailed, p.Failed)}})
		if len(p.Queued) > 0 {
			all = append(all, Plot{Waiting, p.Place, []Line{line(LineQueued, p.Queued)}})
		}
		away := Plot{Quantity: TurnedAway, Place: p.Place}
		for _, kind := range slices.Sorted(maps.Keys(p.Turned)) {
			if slices.ContainsFunc(p.Turned[kind], func(n int) bool { return n > 0 }) {
				away.Lines = append(away.Lines, rate(catalog.Words(kind), p.Turned[kind]))
			}
		}
		if len(away.Lines) > 0 {
			all = append(all, away)
		}
	}
	return all
}

// loaded are the places in which something happened: those with a capacity, those of whose calls one in a hundred
// failed and those that calls did not reach. In the last bucket calls fail that the run's end cut off.
func loaded(places []report.PlaceSeries) []report.PlaceSeries {
	total := func(counts []int) (sum int) {
		for _, n := range counts {
			sum += n
		}
		return sum
	}
	return slices.DeleteFunc(slices.Clone(places), func(p report.PlaceSeries) bool {
		turned := 0
		for _, counts := range p.Turned {
			turned += total(counts)
		}
		failed := total(p.Failed[:max(0, len(p.Failed)-1)])
		return len(p.Queued) == 0 && turned == 0 && (failed == 0 || failed < total(p.Calls)/100)
	})
}

// quantile is the value of the bin in which the share of a histogram is reached; NaN of an empty one.
func quantile(bins []report.Bucket, share float64) float64 {
	total := int64(0)
	for _, b := range bins {
		total += max(b.Count, 0)
	}
	if total <= 0 {
		return math.NaN()
	}
	byValue := func(a, b report.Bucket) int { return cmp.Compare(a.Value, b.Value) }
	sorted := slices.SortedFunc(slices.Values(bins), byValue)
	seen := int64(0)
	for _, b := range sorted {
		if seen += max(b.Count, 0); float64(seen) >= share*float64(total) {
			return b.Value
		}
	}
	return sorted[len(sorted)-1].Value
}

// triggers returns the lane of what pushed the run, if something did.
func triggers(r *report.Report, endMS float64) []Lane {
	lane := Lane{Sort: Triggers, Name: "triggers"}
	for _, t := range r.Recovery.Triggers {
		from := min(max(t.FromMS, 0), endMS)
		lane.Items = append(lane.Items, Item{
			Kind:   Trigger,
			FromMS: from,
			ToMS:   max(min(t.ToMS, endMS), from),
			Detail: t.Spec,
		})
	}
	if len(lane.Items) == 0 {
		return nil
	}
	return []Lane{lane}
}

// beside adds the lines of a run to those of others: lines of one name stand together, in the order of the runs.
func beside(all, own []Plot, run string) []Plot {
	for _, p := range own {
		i := slices.IndexFunc(all, func(o Plot) bool { return o.Quantity == p.Quantity && o.Place == p.Place })
		if i < 0 {
			i = len(all)
			all = append(all, Plot{Quantity: p.Quantity, Place: p.Place})
		}
		for _, l := range p.Lines {
			l.Run = run
			at := len(all[i].Lines)
			for j, other := range all[i].Lines {
				if other.Name == l.Name {
					at = j + 1
				}
			}
			all[i].Lines = slices.Insert(all[i].Lines, at, l)
		}
	}
	return all
}
