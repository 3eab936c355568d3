package runner

import (
	"cmp"
	"context"
	"math"
	"math/bits"
	"slices"
	"sync"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/nodes"
	"faultflow/internal/report"
	"faultflow/internal/settings"
	"faultflow/internal/simulate"
	"faultflow/internal/workflow"
)

// mostBuckets is how many buckets of time a run's series have about, at most.
const mostBuckets = 600

// bucketOf is the length of a run's buckets: the first round one with which there are few enough.
func bucketOf(s *settings.Settings) time.Duration {
	run := s.For
	if run == 0 && s.Loaded() {
		run = expectedEnd(s)
	}
	for unit := time.Millisecond; ; unit *= 10 {
		for _, n := range []time.Duration{1, 2, 5} {
			if b := n * unit; run/b <= mostBuckets && (b >= time.Second || run <= 30*time.Second) {
				return b
			}
		}
	}
}

// expectedEnd is about when a load has begun all of the run's passes.
func expectedEnd(s *settings.Settings) time.Duration {
	rate := 0.0
	for _, l := range s.Loads {
		rate += l.Peak()
	}
	return time.Duration(float64(s.Cycles) / rate * float64(time.Second))
}

// series sums what a run with a load does by bucket of time.
type series struct {
	bucket time.Duration

	mu                          sync.Mutex
	offered, finished, goodOnes []int
	// endedIn counts the passes by the bucket in which they ended.
	endedIn []int
	took    []map[int64]int64
	places  []report.PlaceSeries
}

func newSeries(s *settings.Settings) *series {
	list := &series{bucket: bucketOf(s)}
	for _, p := range catalog.Places(s.Channels) {
		list.places = append(list.places, report.PlaceSeries{Place: p, Turned: map[catalog.EventKind][]int{}})
	}
	return list
}

// count adds one to a bucket.
func count(list *[]int, bucket int) {
	for len(*list) <= bucket {
		*list = append(*list, 0)
	}
	(*list)[bucket]++
}

func (s *series) began(at time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	count(&s.offered, int(at/s.bucket))
}

// ended notes the end of a pass.
func (s *series) ended(began, at time.Duration, good bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	bucket := int(began / s.bucket)
	count(&s.finished, bucket)
	count(&s.endedIn, int(at/s.bucket))
	if good {
		count(&s.goodOnes, bucket)
	}
	for len(s.took) <= bucket {
		s.took = append(s.took, map[int64]int64{})
	}
	s.took[bucket][bin((at-began).Microseconds())]++
}

// bin is the lower end of the bin of a number of microseconds, which is 1/64 of that wide.
func bin(us int64) int64 {
	width := max(0, bits.Len64(uint64(us))-7)
	return us >> width << width
}

// tally notes a call on a dependency, or how it failed.
func (s *series) tally(ctx context.Context, place catalog.Place, kind catalog.EventKind) {
	_, at := workflow.Now(ctx)
	bucket := int(at / s.bucket)
	if place == catalog.Place(catalog.Processor) { // its breaker is around the attempts
		if kind != catalog.CallRejected {
			return
		}
		place = catalog.PlaceBatch
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.places, func(p report.PlaceSeries) bool { return p.Place == place })
	if i < 0 {
		return // passes over the channels
	}
	p := &s.places[i]
	switch kind {
	case catalog.AttemptStarted:
		count(&p.Calls, bucket)
	case catalog.AttemptFailed, catalog.AttemptTimedOut:
		count(&p.Failed, bucket)
	default:
		list := p.Turned[kind]
		count(&list, bucket)
		p.Turned[kind] = list
	}
}

// report is the series of a run that lasted so long.
func (s *series) report(lasted time.Duration, stations []simulate.StationSeries) report.Series {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := int((lasted + s.bucket - 1) / s.bucket)
	doc := report.Series{
		BucketMS: ms(s.bucket),
		Offered:  padded(s.offered, n),
		Ended:    padded(s.finished, n),
		Good:     padded(s.goodOnes, n),
		UnderWay: make([]int, n),
		Took:     make([][]report.Bucket, n),
	}
	endedIn, underWay := padded(s.endedIn, n), 0
	for i := range n {
		underWay += doc.Offered[i] - endedIn[i]
		doc.UnderWay[i] = underWay
		if i < len(s.took) {
			doc.Took[i] = histogram(s.took[i])
		}
	}
	for _, p := range s.places {
		for _, st := range stations {
			if st.Place == p.Place {
				p.InService, p.Queued = rounded(cut(st.InService, n)), rounded(cut(st.Queued, n))
				p.QueuedMax, p.Abandoned = cut(st.QueuedMax, n), padded(st.Abandoned, n)
			}
		}
		if len(p.Calls) == 0 && len(p.Turned) == 0 && p.Queued == nil {
			continue
		}
		p.Calls, p.Failed = padded(p.Calls, n), padded(p.Failed, n)
		for kind, list := range p.Turned {
			p.Turned[kind] = padded(list, n)
		}
		doc.Places = append(doc.Places, p)
	}
	return doc
}

// passes are the run's as a whole, told by its series.
func (s *series) passes(told *report.Series) report.Passes {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := report.Passes{Offered: sum(s.offered), Ended: sum(s.finished), Good: sum(s.goodOnes)}
	p.UnderWay = p.Offered - p.Ended
	whole := told.Window(0, math.Inf(1))
	p.P50MS, p.P99MS = told.TookMS(whole, 0.5), told.TookMS(whole, 0.99)
	return p
}

func histogram(bins map[int64]int64) []report.Bucket {
	list := make([]report.Bucket, 0, len(bins))
	for us, n := range bins {
		list = append(list, report.Bucket{Value: float64(us) / 1e3, Count: n})
	}
	slices.SortFunc(list, func(a, b report.Bucket) int { return cmp.Compare(a.Value, b.Value) })
	return list
}

func sum(list []int) (total int64) {
	for _, n := range list {
		total += int64(n)
	}
	return total
}

// padded has n entries: what came after the end of the run counts in its last bucket.
func padded[T int | float64](list []T, n int) []T {
	out := make([]T, n)
	for i, v := range list {
		out[min(i, n-1)] += v
	}
	return out
}

// cut has n entries: what is no count is nothing to add to the last bucket.
func cut[T int | float64](list []T, n int) []T { return padded(list[:min(len(list), n)], n) }

func rounded(list []float64) []float64 {
	for i, v := range list {
		list[i] = round(v)
	}
	return list
}

// loads sums the loads of the clients, and what their channels did.
func (r *run) loads() ([]nodes.Load, []nodes.ChannelStats) {
	var loads []nodes.Load
	var channels []nodes.ChannelStats
	for _, p := range r.pipelines {
		if p == nil {
			continue
		}
		if loads == nil {
			loads, channels = p.Loads(), p.Channels()
			continue
		}
		for i, l := range p.Loads() {
			loads[i].Add(l)
		}
		for i, c := range p.Channels() {
			channels[i].Add(c)
		}
	}
	return loads, channels
}
