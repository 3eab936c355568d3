package compare

import (
	"cmp"
	"math"
	"slices"

	"faultflow/internal/report"
	"faultflow/internal/stats"
)

// Significant is the p-value below which a difference between campaigns is held to be more than chance.
const Significant = 0.05

// Test is the statistical test of whether two values differ by more than chance; "" for none.
type Test string

// The tests. They take campaigns for independent samples. Runs of the same seeds are correlated: there the tests are
// conservative.
const (
	// Fisher's exact test of a share of the runs; χ² for more than 100,000 of them. A quantile is tested by the share
	// of the runs beyond that quantile of both campaigns together. A share of the records is tested as that share of
	// the runs, as if all records of a run shared one fate: this is the case with the largest variance.
	Fisher Test = "Fisher"
	// MannWhitney is the Mann–Whitney U test of how the runs are distributed.
	MannWhitney Test = "U test"
)

// sample is the data behind a value of a campaign. The zero value can't be tested.
type sample struct {
	// hits are the runs that count, of all runs, for a value that is a share.
	hits report.Share
	// runs is the histogram of the runs, for any other value.
	runs []report.Bucket
	// quantile of the runs is the value, between 0 and 1; 0 for a value such as a mean that all runs decide.
	quantile float64
}

// chance returns the p-value of the difference between two values. It is 1 if the test finds no difference, or one in
// the other direction, as may happen with a mean. Tested is false for values that can't differ, such as 0 of all runs
// of both, and for those without a sample.
func chance(a, b reading) (p float64, tested bool) {
	var larger int
	switch x, y := a.from, b.from; {
	case !a.value.Known || !b.value.Known:
		return 0, false
	case countable(x.hits) && countable(y.hits):
		p, larger, tested = fisher(x.hits, y.hits)
	case !testable(x.runs) || !testable(y.runs):
		return 0, false
	case x.quantile > 0:
		beyond := split(slices.Concat(x.runs, y.runs), x.quantile)
		p, larger, tested = fisher(beyond(x.runs), beyond(y.runs))
	default:
		p, larger, tested = mannWhitney(x.runs, y.runs)
	}
	if larger != cmp.Compare(a.value.Number, b.value.Number) {
		return 1, true
	}
	return p, tested
}

// fisher returns the p-value of Fisher's test, and which share is larger: 1 for a, -1 for b.
func fisher(a, b report.Share) (p float64, larger int, tested bool) {
	larger = cmp.Compare(ratio(a), ratio(b))
	if hits := a.Count + b.Count; hits == 0 || hits == a.Of+b.Of {
		return 1, larger, false
	}
	if larger == 0 {
		return 1, larger, true
	}
	// In a fixed order: the last digits of the p-value depend on it.
	if cmp.Or(cmp.Compare(a.Of, b.Of), cmp.Compare(a.Count, b.Count)) > 0 {
		a, b = b, a
	}
	return stats.Shortened(stats.Fisher(a.Count, a.Of, b.Count, b.Of)), larger, true
}

func ratio(s report.Share) float64 { return float64(s.Count) / float64(s.Of) }

// mannWhitney returns the p-value of the U test, and whose values are larger more often: 1 for a, -1 for b.
func mannWhitney(a, b []report.Bucket) (p float64, larger int, tested bool) {
	inOrder := slices.CompareFunc(a, b, func(x, y report.Bucket) int {
		return cmp.Or(cmp.Compare(x.Value, y.Value), cmp.Compare(x.Count, y.Count))
	})
	switch {
	case len(a) == 1 && len(b) == 1 && a[0].Value == b[0].Value:
		return 1, 0, false
	case inOrder == 0:
		return 1, 0, true
	case inOrder > 0: // see fisher
		p, larger = stats.MannWhitney(histogram(b), histogram(a))
		return stats.Shortened(p), -larger, true
	}
	p, larger = stats.MannWhitney(histogram(a), histogram(b))
	return stats.Shortened(p), larger, true
}

func histogram(runs []report.Bucket) []stats.Bucket {
	list := make([]stats.Bucket, len(runs))
	for i, b := range runs {
		list[i] = stats.Bucket(b)
	}
	return list
}

// split divides all values at a quantile, or as near to it as equal values allow. The function that it returns counts
// the runs beyond.
func split(all []report.Bucket, quantile float64) (beyond func([]report.Bucket) report.Share) {
	slices.SortFunc(all, func(a, b report.Bucket) int { return cmp.Compare(a.Value, b.Value) })
	wanted := float64(quantile * float64(total(all)))
	limit, nearest, seen := math.Inf(-1), wanted, int64(0)
	for _, group := range groups(all) {
		seen += group.Count
		if off := math.Abs(float64(seen) - wanted); off < nearest {
			limit, nearest = group.Value, off
		}
	}
	return func(runs []report.Bucket) report.Share {
		s := report.Share{Of: total(runs)}
		for _, b := range runs {
			if b.Value > limit {
				s.Count += b.Count
			}
		}
		return s
	}
}

// groups merges the buckets of equal values.
func groups(sorted []report.Bucket) (list []report.Bucket) {
	for _, b := range sorted {
		if n := len(list); n > 0 && list[n-1].Value == b.Value {
			list[n-1].Count += b.Count
		} else {
			list = append(list, b)
		}
	}
	return list
}

func total(runs []report.Bucket) (n int64) {
	for _, b := range runs {
		n += b.Count
	}
	return n
}

// maxRuns is more than any campaign has. A sample of a file that claims more is not tested, so that no sum overflows.
const maxRuns = 1 << 40

func countable(s report.Share) bool {
	return 0 <= s.Count && s.Count <= s.Of && 0 < s.Of && s.Of <= maxRuns
}

func testable(runs []report.Bucket) bool {
	return len(runs) > 0 && len(runs) <= 1<<20 && !slices.ContainsFunc(runs, func(b report.Bucket) bool {
		return b.Count <= 0 || b.Count > maxRuns/int64(len(runs))
	})
}

// correct corrects the p-values of all changes together, and makes Insignificant those that may be chance.
func correct(r *Result) {
	var tested []*Change
	var p []float64
	for _, c := range r.Comparisons {
		for _, row := range c.Rows {
			for i := range row.Changes {
				if change := &row.Changes[i]; change.P != nil {
					tested, p = append(tested, change), append(p, *change.P)
				}
			}
		}
	}
	for i, corrected := range stats.Holm(p) {
		corrected = stats.Shortened(corrected)
		tested[i].Holm = &corrected
		if tested[i].Outcome != Same && corrected >= Significant {
			tested[i].Outcome = Insignificant
		}
	}
}
