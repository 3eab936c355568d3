// Package stats has the confidence interval of a share, and tests of whether two shares or two distributions differ by
// more than chance.
package stats

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	moremath "github.com/aclements/go-moremath/stats"
)

// z95 is the number of standard deviations around its mean that hold 95 % of a normal distribution.
const z95 = 1.959963984540054

// Wilson returns the 95 % score interval of a share of which count in of trials was seen (E. B. Wilson, "Probable
// Inference, the Law of Succession, and Statistical Inference", JASA 22, 1927). It is 0 to 1 without trials. The bounds
// are rounded to nine digits, so that platforms which fuse operations get the same ones.
func Wilson(count, of int64) (low, high float64) {
	if of <= 0 {
		return 0, 1
	}
	n, p, zz := float64(of), float64(count)/float64(of), z95*z95
	center := (p + zz/(2*n)) / (1 + zz/n)
	half := float64(z95 / (1 + zz/n) * math.Sqrt(p*(1-p)/n+zz/(4*n*n)))
	// At shares of 0 and 1 a bound is the share itself, apart from the last digit.
	return round(max(0, center-half)), round(min(1, center+half))
}

// Shortened rounds a p-value to four digits: the last digits of a float differ between platforms, and documents must
// not. However small it is, it does not become 0, which no p-value is.
func Shortened(p float64) float64 {
	short, _ := strconv.ParseFloat(strconv.FormatFloat(p, 'g', 4, 64), 64) // what FormatFloat wrote is a number
	return max(short, math.SmallestNonzeroFloat64)
}

func round(x float64) float64 { return math.Round(x*1e9) / 1e9 }

// McNemar returns the two-sided p-value of the exact test of paired outcomes, from the numbers of pairs that got better
// and worse. The null hypothesis is that both are equally likely (Q. McNemar, Psychometrika 12, 1947). It is 1 when no
// pair changed.
func McNemar(better, worse int64) float64 {
	n := better + worse
	if n <= 0 {
		return 1
	}
	return min(1, 2*fairTail(n, min(better, worse)))
}

// fairTail returns the probability of at most k heads in n tosses of a fair coin, for k up to n/2. It adds up the
// probabilities of each number of heads, relative to that of n/2, until one is too small for a float64: some 20·√n
// steps.
func fairTail(n, k int64) float64 {
	half, tail, weight := 0.0, 0.0, 1.0
	for heads := n / 2; heads >= 0 && weight > 0; heads-- {
		half += weight
		if heads <= k {
			tail += weight
		}
		weight *= float64(heads) / float64(n-heads+1)
	}
	if n%2 == 0 {
		return tail / (2*half - 1) // the middle is in both halves
	}
	return tail / (2 * half)
}

// exactUpTo is the number of trials up to which Fisher's test is computed exactly; beyond it χ² is as good, and quick.
const exactUpTo = 100_000

// Fisher returns the two-sided p-value of two independent shares, countA of ofA and countB of ofB, whose null
// hypothesis is that they are equal: by Fisher's exact test, or for more than 100,000 trials by the χ² test with one
// degree of freedom. It is 1 where there is nothing to compare.
func Fisher(countA, ofA, countB, ofB int64) float64 {
	hits, n := countA+countB, ofA+ofB
	if ofA <= 0 || ofB <= 0 || hits <= 0 || hits >= n {
		return 1
	}
	if n > exactUpTo {
		p := float64(hits) / float64(n)
		d := float64(countA)/float64(ofA) - float64(countB)/float64(ofB)
		// χ² with one degree of freedom is the square of a standard normal value.
		return math.Erfc(math.Sqrt(d * d / (p * (1 - p) * (1/float64(ofA) + 1/float64(ofB))) / 2))
	}
	dist := moremath.HypergeometicDist{N: int(n), K: int(hits), Draws: int(ofA)}
	seen, sum := dist.PMF(float64(countA)), 0.0
	for k := max(0, hits-ofB); k <= min(hits, ofA); k++ {
		// The tolerance includes tables that are as likely as the one seen, apart from their last digits.
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

// MannWhitney returns the two-sided p-value of the U test, whose null hypothesis is that a value of either histogram is
// as likely to be the larger one (H. B. Mann, D. R. Whitney, Annals of Mathematical Statistics 18, 1947). larger is 1
// if that of a is the larger one more often, -1 if that of b is, else 0. Values of one bucket are ties. The p-value is
// 1 where there is nothing to compare.
func MannWhitney(a, b []Bucket) (p float64, larger int) {
	result, err := moremath.MannWhitneyUTest(values(a), values(b), moremath.LocationDiffers)
	if err != nil { // an empty sample, or all values equal
		return 1, 0
	}
	return min(1, result.P), cmp.Compare(result.U, float64(result.N1)*float64(result.N2)/2)
}

// maxValues bounds the sample that a histogram is expanded to. A larger histogram is scaled down to it, which makes the
// test conservative.
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

// Holm returns the p-values of a family of tests, in their order, corrected for the family-wise error rate: the
// probability that any of them is below a level by chance is at most that level (S. Holm, Scandinavian Journal of
// Statistics 6, 1979).
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

// FewestRuns returns the least size of two samples at which two of them can differ at all at a level: when all of one
// and none of the other have what is counted, or all values of one are the larger ones, both exact tests give
// 2 / C(2n, n).
func FewestRuns(level float64) int64 {
	p := 1.0 // 2 / C(2n, n), from C(2, 1) on
	for n := int64(1); ; n++ {
		if p < level || p == 0 {
			return n
		}
		p *= float64(n+1) / float64(2*(2*n+1))
	}
}

// Power is the probability with which the sample sizes below show a difference that is there.
const Power = 0.8

// RunsForShares returns the size of each of two samples with which Fisher's exact test shows at a level, with the
// probability Power, that two shares differ: the formula of J. L. Fleiss for two proportions with the continuity
// correction of J. T. Casagrande, M. C. Pike and P. G. Smith (Biometrics 34, 1978). It is math.MaxInt64 for equal
// shares, and where no smaller number is enough.
func RunsForShares(a, b, level float64) int64 {
	d, mean := math.Abs(a-b), float64((a+b)/2)
	null := math.Sqrt(2 * mean * (1 - mean))
	alternative := math.Sqrt(float64(a*(1-a)) + float64(b*(1-b)))
	root := float64(normal(1-float64(level/2))*null) + float64(normal(Power)*alternative)
	n := root * root / (d * d)
	corrected := 1 + math.Sqrt(1+4/(n*d))
	return wholeRuns(n / 4 * corrected * corrected)
}

// RunsForDistributions returns the size of each of two samples with which the U test shows at a level, with the
// probability Power, that their values differ: the formula of G. E. Noether (JASA 82, 1987) for two samples of one
// size. It takes both distributions; ties count half. It is math.MaxInt64 where neither is the larger one more often,
// and where no smaller number is enough.
func RunsForDistributions(a, b []Bucket, level float64) int64 {
	var above, ofA, ofB float64
	for _, x := range a {
		ofA += float64(x.Count)
		for _, y := range b {
			above += float64(float64(x.Count) * float64(y.Count) * float64(1+cmp.Compare(x.Value, y.Value)) / 2)
		}
	}
	for _, y := range b {
		ofB += float64(y.Count)
	}
	d, z := above/(ofA*ofB)-0.5, normal(1-float64(level/2))+normal(Power)
	return wholeRuns(z * z / (6 * d * d))
}

// normal is a quantile of the standard normal distribution.
func normal(p float64) float64 { return float64(math.Sqrt2 * math.Erfinv(float64(2*p)-1)) }

// wholeRuns rounds up, but for what the last digits of a float made of a whole number.
func wholeRuns(n float64) int64 {
	if !(n < 1<<62) { // NaN is not less either
		return math.MaxInt64
	}
	return int64(math.Ceil(float64(n) - 1e-6))
}
