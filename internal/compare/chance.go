package compare

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"faultflow/internal/report"
	"faultflow/internal/stats"
)

// Significant is the p-value below which a difference between campaigns is held to be more than chance.
const Significant = 0.05

// Test is how it is tested whether two values differ by more than chance; "" where that is not.
type Test string

// The tests. They take campaigns for independent samples, also those of the same seeds: such pairs are more alike than
// others, so that the tests are too careful with them.
const (
	// Fisher's exact test of a share of the runs; χ² for more than 100,000 of them. A quantile is tested by how many runs lie
	// beyond that of both campaigns together. A share of the records is taken for one of the runs, as if the records of a
	// run had all the same fate: they may have, and no other share of so many runs varies more.
	Fisher Test = "Fisher"
	// MannWhitney is the Mann–Whitney U test of how the runs are distributed.
	MannWhitney Test = "U test"
)

// sample is what a value of a campaign was taken from. The zero value can't be tested.
type sample struct {
	share report.Share
	runs  []report.Bucket
	// quantile is which one of the runs the value is, between 0 and 1; 0 for a value that stands for all runs.
	quantile float64
}

// chance returns the p-value of the difference between two values. It is 1 where the test does not speak for this
// difference: it sees none, or one the other way round, as it may with a mean. Tested is false for what can't differ, such as
// 0 of all runs of both, and for what can't be tested.
func chance(a, b reading) (p float64, tested bool) {
	larger := 0
	switch x, y := a.from, b.from; {
	case !a.value.Known || !b.value.Known:
		return 0, false
	case countable(x.share) && countable(y.share):
		p, larger, tested = shares(x.share, y.share)
	case !spread(x.runs) || !spread(y.runs):
		return 0, false
	case x.quantile > 0:
		beyond := split(slices.Concat(x.runs, y.runs), x.quantile)
		p, larger, tested = shares(beyond(x.runs), beyond(y.runs))
	default:
		p, larger, tested = distributions(x.runs, y.runs)
	}
	if larger != cmp.Compare(a.value.Number, b.value.Number) {
		return 1, true
	}
	return p, tested
}

// shares tells of Fisher's test, and which share is larger: 1 for a, -1 for b.
func shares(a, b report.Share) (p float64, larger int, tested bool) {
	larger = cmp.Compare(ratio(a), ratio(b))
	if hits := a.Count + b.Count; hits == 0 || hits == a.Of+b.Of {
		return 1, larger, false
	}
	if larger == 0 {
		return 1, larger, true
	}
	// In one order, whichever comes first, for the same last digits.
	if cmp.Or(cmp.Compare(a.Of, b.Of), cmp.Compare(a.Count, b.Count)) > 0 {
		a, b = b, a
	}
	return shortened(stats.Shares(a.Count, a.Of, b.Count, b.Of)), larger, true
}

func ratio(s report.Share) float64 { return float64(s.Count) / float64(s.Of) }

// distributions tells of the Mann–Whitney test, and whose values are larger more often: 1 for a, -1 for b.
func distributions(a, b []report.Bucket) (p float64, larger int, tested bool) {
	inOrder := slices.CompareFunc(a, b, func(x, y report.Bucket) int {
		return cmp.Or(cmp.Compare(x.Value, y.Value), cmp.Compare(x.Count, y.Count))
	})
	switch {
	case len(a) == 1 && len(b) == 1 && a[0].Value == b[0].Value:
		return 1, 0, false
	case inOrder == 0:
		return 1, 0, true
	case inOrder > 0: // see shares
		p, larger = stats.Distributions(histogram(b), histogram(a))
		return shortened(p), -larger, true
	}
	p, larger = stats.Distributions(histogram(a), histogram(b))
	return shortened(p), larger, true
}

func histogram(runs []report.Bucket) []stats.Bucket {
	list := make([]stats.Bucket, len(runs))
	for i, b := range runs {
		list[i] = stats.Bucket(b)
	}
	return list
}

// split divides all values at a quantile, or as near to it as equal values allow, and returns what counts those beyond.
func split(all []report.Bucket, quantile float64) (beyond func([]report.Bucket) report.Share) {
	slices.SortFunc(all, func(a, b report.Bucket) int { return cmp.Compare(a.Value, b.Value) })
	wanted := quantile * float64(total(all))
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

// groups puts equal values together, which follow each other.
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

// most is beyond what any campaign counts: what a file claims to be more is not tested, and no sum of it overflows.
const most = 1 << 40

func countable(s report.Share) bool {
	return 0 <= s.Count && s.Count <= s.Of && 0 < s.Of && s.Of <= most
}

func spread(runs []report.Bucket) bool {
	return len(runs) > 0 && len(runs) <= 1<<20 && !slices.ContainsFunc(runs, func(b report.Bucket) bool { return b.Count <= 0 || b.Count > most/int64(len(runs)) })
}

// shortened keeps four digits: the last ones of a float differ between platforms, and a comparison must not.
func shortened(p float64) float64 {
	short, _ := strconv.ParseFloat(strconv.FormatFloat(p, 'g', 4, 64), 64) // it is one
	return short
}

// correct corrects the p-values of all differences together, and takes back what was said of those that may be chance.
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
		corrected = shortened(corrected)
		tested[i].Holm = &corrected
		if tested[i].Outcome != Same && corrected >= Significant {
			tested[i].Outcome = Insignificant
		}
	}
}
