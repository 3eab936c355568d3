package campaign

import (
	"errors"
	"fmt"
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"

	"faultflow/internal/report"
)

// histogram collects whole numbers: counts, or durations in microseconds. All that is in it adds up, so that histograms
// merge exactly, in any order.
type histogram struct {
	hdr *hdrhistogram.Histogram
	// perUnit is how many of its numbers are one unit of the report: 1 for counts, 1000 for milliseconds.
	perUnit       float64
	sum, min, max int64
}

const (
	digits   = 3 // that count
	perMS    = 1000
	perCount = 1
	// smallest is the range that a histogram begins with; it grows with what it holds. The buckets are the same for any range.
	smallest = 1 << 11
)

func newDurations() *histogram { return newHistogram(perMS) }
func newCounts() *histogram    { return newHistogram(perCount) }

func newHistogram(perUnit float64) *histogram {
	return &histogram{hdr: hdrhistogram.New(1, smallest, digits), perUnit: perUnit, min: math.MaxInt64}
}

// fit makes room for numbers up to n, and as much again.
func (h *histogram) fit(n int64) {
	if n <= h.hdr.HighestTrackableValue() {
		return
	}
	larger := hdrhistogram.New(1, 2*min(n, math.MaxInt64/2), digits)
	larger.Merge(h.hdr)
	h.hdr = larger
}

func (h *histogram) record(n int64) {
	h.sum, h.min, h.max = plus(h.sum, n), min(h.min, n), max(h.max, n)
	h.fit(n)
	_ = h.hdr.RecordValue(n) // it fits
}

func (h *histogram) merge(other *histogram) {
	h.sum, h.min, h.max = plus(h.sum, other.sum), min(h.min, other.min), max(h.max, other.max)
	h.fit(other.max)
	h.hdr.Merge(other.hdr) // drops nothing, it fits
}

// plus adds what is not negative, up to the largest number.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// document is the histogram as reports keep it.
func (h *histogram) document() report.Distribution {
	d := report.Distribution{Count: h.hdr.TotalCount()}
	if d.Count == 0 {
		return d
	}
	d.Sum, d.Min, d.Max = h.sum, h.units(h.min), h.units(h.max)
	d.Mean = round9(float64(h.sum) / h.perUnit / float64(d.Count))
	quantiles := h.hdr.ValueAtPercentilesSlice([]float64{50, 90, 99})
	for i, to := range []*float64{&d.P50, &d.P90, &d.P99} {
		*to = h.units(min(max(quantiles[i], h.min), h.max)) // a bucket may reach beyond what was seen
	}
	for _, bar := range h.hdr.Distribution() {
		if bar.Count > 0 {
			d.Buckets = append(d.Buckets, report.Bucket{Value: h.units(bar.From), Count: bar.Count})
		}
	}
	return d
}

// absorb adds what a document keeps of another histogram.
func (h *histogram) absorb(d report.Distribution) error {
	count := int64(0)
	for _, b := range d.Buckets {
		n, err := h.number(b.Value)
		if err == nil {
			h.fit(n)
			err = h.hdr.RecordValues(n, b.Count)
		}
		if err != nil {
			return err
		}
		count += b.Count
	}
	if d.Sum < 0 {
		return fmt.Errorf("a histogram's sum can't be %d", d.Sum)
	}
	if count != d.Count {
		return fmt.Errorf("a histogram's buckets hold %d values, not %d", count, d.Count)
	}
	if count == 0 {
		return nil
	}
	low, errLow := h.number(d.Min)
	high, errHigh := h.number(d.Max)
	h.sum, h.min, h.max = plus(h.sum, d.Sum), min(h.min, low), max(h.max, high)
	return errors.Join(errLow, errHigh)
}

func (h *histogram) units(n int64) float64 { return float64(n) / h.perUnit }

// number is the whole number that units gave a value for. It is exact up to 2⁵¹, 71 years in microseconds,
// and no run lasts longer.
func (h *histogram) number(value float64) (int64, error) {
	n := math.Round(value * h.perUnit)
	if !(n >= 0 && n <= math.MaxInt64/2) {
		return 0, fmt.Errorf("a histogram can't hold %v", value)
	}
	return int64(n), nil
}

// round9 keeps nine digits behind the point, so that platforms which fuse operations give the same number.
func round9(x float64) float64 { return math.Round(x*1e9) / 1e9 }
