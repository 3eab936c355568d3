package report

import (
	"math"
	"slices"

	"faultflow/internal/catalog"
)

// Window is a stretch of a run: the buckets From, inclusive, to To, exclusive.
type Window struct{ From, To int }

// Window returns the buckets that begin at or after from and before to, both in milliseconds since the run began.
func (s *Series) Window(from, to float64) Window {
	index := func(at float64) int {
		if s.BucketMS <= 0 {
			return 0
		}
		return int(min(max(math.Ceil(at/s.BucketMS-1e-6), 0), float64(len(s.Offered))))
	}
	w := Window{index(from), index(to)}
	w.To = max(w.From, w.To)
	return w
}

// AtMS is when a bucket begins.
func (s *Series) AtMS(bucket int) float64 { return float64(float64(bucket) * s.BucketMS) }

// Total adds up a list of the series over a window.
func (w Window) Total(counts []int) (sum int) {
	for _, n := range w.of(counts) {
		sum += n
	}
	return sum
}

func (w Window) of(counts []int) []int {
	return counts[min(w.From, len(counts)):min(w.To, len(counts))]
}

// Place returns the series of a dependency, nil of one that was not called.
func (s *Series) Place(place catalog.Place) *PlaceSeries {
	for i := range s.Places {
		if s.Places[i].Place == place {
			return &s.Places[i]
		}
	}
	return nil
}

// TookMS returns within how many milliseconds a share q of the passes that began in the window and ended were over: the
// lower end of the histogram's bin, 0 without such a pass.
func (s *Series) TookMS(w Window, q float64) float64 {
	counts := map[float64]int64{}
	total := int64(0)
	for _, bins := range s.Took[min(w.From, len(s.Took)):min(w.To, len(s.Took))] {
		for _, b := range bins {
			counts[b.Value] += b.Count
			total += b.Count
		}
	}
	values := make([]float64, 0, len(counts))
	for v := range counts {
		values = append(values, v)
	}
	slices.Sort(values)
	rank := int64(math.Ceil(q * float64(total)))
	for _, v := range values {
		if rank -= counts[v]; rank <= 0 {
			return v
		}
	}
	return 0
}
