package campaign

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"faultflow/internal/report"
)

// Distributions are made of whole numbers: counts, or durations in microseconds, of which so many are one unit of the
// document.
const (
	perCount = 1
	perMS    = 1000
)

// width is the binary logarithm of the width of a number's bucket. Buckets are those of an HdrHistogram of three
// significant digits: numbers below 2¹¹ have one each, and with each further bit they are twice as wide.
func width(n int64) int { return max(0, bits.Len64(uint64(n))-11) }

// record adds a number.
func record(d *report.Distribution, n int64, perUnit float64) {
	value, bucket := float64(n)/perUnit, float64(n>>width(n)<<width(n))/perUnit
	mergeDistribution(d, &report.Distribution{
		Count:   1,
		Sum:     n,
		Min:     value,
		Max:     value,
		Buckets: []report.Bucket{{Value: bucket, Count: 1}},
	})
}

// mergeDistribution adds the same distribution of other runs.
func mergeDistribution(to, from *report.Distribution) {
	if from.Count == 0 {
		return
	}
	if to.Count == 0 {
		to.Min = from.Min
	}
	to.Min, to.Max = min(to.Min, from.Min), max(to.Max, from.Max)
	to.Count, to.Sum = plus(to.Count, from.Count), plus(to.Sum, from.Sum)
	for _, b := range from.Buckets {
		i, found := slices.BinarySearchFunc(to.Buckets, b.Value, func(have report.Bucket, value float64) int {
			return cmp.Compare(have.Value, value)
		})
		if !found {
			to.Buckets = slices.Insert(to.Buckets, i, report.Bucket{Value: b.Value})
		}
		to.Buckets[i].Count += b.Count
	}
}

// plus adds what is not negative, up to the largest number.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// checkDistribution returns an error for a distribution that was read and that record can't have made.
func checkDistribution(d *report.Distribution) error {
	values, count := []float64{d.Min, d.Max}, int64(0)
	for _, b := range d.Buckets {
		if b.Count < 0 {
			return fmt.Errorf("cannot record a negative count %d", b.Count)
		}
		values, count = append(values, b.Value), plus(count, b.Count)
	}
	for _, v := range values {
		if !(v >= 0 && v <= math.MaxInt64/2/perMS) {
			return fmt.Errorf("a histogram can't hold %v", v)
		}
	}
	switch {
	case d.Sum < 0:
		return fmt.Errorf("a histogram's sum can't be %d", d.Sum)
	case count != d.Count:
		return fmt.Errorf("a histogram's buckets hold %d values, not %d", count, d.Count)
	}
	return nil
}

// finishDistribution computes mean and quantiles.
func finishDistribution(d *report.Distribution, perUnit float64) {
	if d.Count == 0 {
		return
	}
	d.Mean = round9(float64(d.Sum) / perUnit / float64(d.Count))
	d.P50 = quantile(d, 0.5, perUnit)
	d.P90 = quantile(d, 0.9, perUnit)
	d.P99 = quantile(d, 0.99, perUnit)
}

// quantile is the upper end of the bucket in which a quantile lies, or what was recorded if that is less.
func quantile(d *report.Distribution, q, perUnit float64) float64 {
	// The conversion keeps platforms from fusing the operations into one that rounds once.
	rank := max(1, int64(float64(q*float64(d.Count))+0.5))
	for _, b := range d.Buckets {
		if rank -= b.Count; rank <= 0 {
			n := int64(math.Round(b.Value * perUnit)) // exact up to 2⁵¹, 71 years in microseconds
			return min(max(float64(n+1<<width(n)-1)/perUnit, d.Min), d.Max)
		}
	}
	return d.Max
}

// round9 keeps nine digits behind the point, so that platforms which fuse operations give the same number.
func round9(x float64) float64 { return math.Round(x*1e9) / 1e9 }
