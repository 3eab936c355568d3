// Package stats answers how sure a share is, and whether two shares or two distributions differ by more than chance.
package stats

import (
	"cmp"
	"math"
	"slices"

	moremath "github.com/aclements/go-moremath/stats"
	"gonum.org/v1/gonum/stat/distuv"
)

// z95 is the number of standard deviations around its mean that hold 95 % of a normal distribution.
var z95 = distuv.UnitNormal.Quantile(0.975)

// Wilson returns the 95 % score interval of a share of which count in of trials was seen (E. B. Wilson, "Probable
// Inference, the Law of Succession, and Statistical Inference", JASA 22, 1927). It is 0 to 1 without trials. The bounds
// are rounded to nine digits, so that platforms which fuse operations get the same ones.
func Wilson(count, of int64) (low, high float64) {
	if of <= 0 {
		return 0, 1
	}
	n, p, zz := float64(of), float64(count)/float64(of), z95*z95
	center := (p + zz/(2*n)) / (1 + zz/n)
	half := z95 / (1 + zz/n) * math.Sqrt(p*(1-p)/n+zz/(4*n*n))
	// At both ends the formula gives the share itself, but for the last digit.
	return round(max(0, center-half)), round(min(1, center+half))
}

func round(x float64) float64 { return math.Round(x*1e9) / 1e9 }

// McNemar returns the two-sided p-value of the exact test of paired outcomes: of so many pairs one got better and of so
// many one got worse, where chance alone would make either equally likely (Q. McNemar, Psychometrika 12, 1947). It is 1
// when no pair changed.
func McNemar(better, worse int64) float64 {
	n := better + worse
	if n <= 0 {
		return 1
	}
	return min(1, 2*distuv.Binomial{N: float64(n), P: 0.5}.CDF(float64(min(better, worse))))
}

// exactUpTo is the total up to which Fisher's test is computed exactly; beyond it χ² is as good, and quick.
const exactUpTo = 100_000

// Shares returns the two-sided p-value of two independent shares, countA in ofA and countB in ofB, being the same: Fisher's
// exact test, or for more than 100,000 trials the χ² test with one degree of freedom. It is 1 where there is nothing to
// compare.
func Shares(countA, ofA, countB, ofB int64) float64 {
	hits, n := countA+countB, ofA+ofB
	if ofA <= 0 || ofB <= 0 || hits <= 0 || hits >= n {
		return 1
	}
	if n > exactUpTo {
		p := float64(hits) / float64(n)
		d := float64(countA)/float64(ofA) - float64(countB)/float64(ofB)
		return distuv.ChiSquared{K: 1}.Survival(d * d / (p * (1 - p) * (1/float64(ofA) + 1/float64(ofB))))
	}
	dist := moremath.HypergeometicDist{N: int(n), K: int(hits), Draws: int(ofA)}
	seen, sum := dist.PMF(float64(countA)), 0.0
	for k := max(0, hits-ofB); k <= min(hits, ofA); k++ {
		// Tables as likely as the one seen belong to it, whatever their last digits.
		if p := dist.PMF(float64(k)); p <= seen*(1+1e-7) {
			sum += p
		}
	}
	return min(1, sum)
}

// Bucket is a value of a histogram and how often it was seen.
type Bucket struct {
	Value float64
	Count int64
}

// Distributions returns the two-sided p-value of the Mann–Whitney U test: that values of one histogram are no more often
// larger than those of the other than the other way round. Which are is told by larger: 1 for a's, -1 for b's, 0 for neither.
// Values of one bucket count as ties. The p-value is 1 where there is nothing to compare.
func Distributions(a, b []Bucket) (p float64, larger int) {
	result, err := moremath.MannWhitneyUTest(values(a), values(b), moremath.LocationDiffers)
	if err != nil { // an empty sample, or all values equal
		return 1, 0
	}
	return min(1, result.P), cmp.Compare(result.U, float64(result.N1)*float64(result.N2)/2)
}

// maxValues bounds the values that a histogram is spread into. A larger one is scaled down to it, which makes the test
// less ready to see a difference, not more.
const maxValues = 1_000_000

func values(buckets []Bucket) []float64 {
	total := int64(0)
	for _, b := range buckets {
		total += b.Count
	}
	scale := min(1, maxValues/float64(total))
	list := make([]float64, 0, min(total, maxValues))
	seen := int64(0)
	for _, b := range buckets {
		seen += b.Count
		for len(list) < int(math.Round(float64(seen)*scale)) {
			list = append(list, b.Value)
		}
	}
	return list
}

// Holm returns the p-values of one family of tests, corrected so that all of them together are wrong with no more than
// the probability that each is held against (S. Holm, Scandinavian Journal of Statistics 6, 1979). They keep their order.
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	corrected, least := make([]float64, len(p)), 0.0
	for rank, i := range order {
		least = max(least, min(1, float64(len(p)-rank)*p[i]))
		corrected[i] = least
	}
	return corrected
}
