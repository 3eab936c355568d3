package stats_test

import (
	"math"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"faultflow/internal/stats"
)

func near(got, want float64) bool { return math.Abs(got-want) <= 1e-6 }

// TestWilson holds the interval against published values (R. G. Newcombe, Statistics in Medicine 17, 1998, table I).
func TestWilson(t *testing.T) {
	for _, test := range []struct {
		count, of int64
		low, high float64
	}{
		{81, 263, 0.2553, 0.3662},
		{15, 148, 0.0624, 0.1605},
		{0, 20, 0, 0.1611},
		{1, 29, 0.0061, 0.1718},
		{29, 29, 1 - 0.1170, 1},
		{0, 0, 0, 1},
	} {
		low, high := stats.Wilson(test.count, test.of)
		if !(math.Abs(low-test.low) <= 5e-5 && math.Abs(high-test.high) <= 5e-5) {
			t.Errorf("%d of %d: %.4f to %.4f, want %.4f to %.4f", test.count, test.of, low, high, test.low, test.high)
		}
	}
}

// A share of nothing and a share of all are their own bounds, to the last digit.
func TestWilsonOfNoneAndAll(t *testing.T) {
	for of := int64(1); of < 1e15; of *= 7 {
		if low, _ := stats.Wilson(0, of); low != 0 {
			t.Errorf("0 of %d: from %v", of, low)
		}
		if _, high := stats.Wilson(of, of); high != 1 {
			t.Errorf("%d of %d: to %v", of, of, high)
		}
	}
}

func TestWilsonHoldsTheShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.Int64Range(1, 1<<40).Draw(t, "of")
		count := rapid.Int64Range(0, of).Draw(t, "count")
		low, high := stats.Wilson(count, of)
		share := float64(count) / float64(of)
		if !(0 <= low && low <= share+1e-9 && share <= high+1e-9 && high <= 1) {
			t.Errorf("%d of %d: %v to %v", count, of, low, high)
		}
		mirrorLow, mirrorHigh := stats.Wilson(of-count, of)
		if !(math.Abs(low-(1-mirrorHigh)) <= 2e-9 && math.Abs(high-(1-mirrorLow)) <= 2e-9) {
			t.Errorf("%d of %d is not the mirror of the rest", count, of)
		}
	})
}

func TestMcNemar(t *testing.T) {
	for _, test := range []struct {
		better, worse int64
		want          float64
	}{
		{0, 0, 1},
		{1, 0, 1},
		{5, 0, 2.0 / 32},
		{0, 10, 2.0 / 1024},
		{3, 3, 1},
		{1, 9, 2.0 * 11 / 1024},
	} {
		if got := stats.McNemar(test.better, test.worse); !near(got, test.want) {
			t.Errorf("%d better, %d worse: p %v, want %v", test.better, test.worse, got, test.want)
		}
	}
}

// TestMcNemarCountsOutcomes: every p-value of up to 150 changed pairs, against the count of all outcomes in whole
// numbers.
func TestMcNemarCountsOutcomes(t *testing.T) {
	for n := int64(1); n <= 150; n++ {
		tail, outcomes := new(big.Int), new(big.Int).Lsh(big.NewInt(1), uint(n))
		for k := int64(0); k <= n/2; k++ {
			tail.Add(tail, new(big.Int).Binomial(n, k))
			exact, _ := new(big.Rat).SetFrac(new(big.Int).Lsh(tail, 1), outcomes).Float64()
			want := min(1, exact)
			for _, got := range []float64{stats.McNemar(k, n-k), stats.McNemar(n-k, k)} {
				if !(math.Abs(got-want) <= want*1e-14) {
					t.Errorf("%d of %d: p %v, want %v", k, n, got, want)
				}
			}
		}
	}
}

// TestMcNemarOfManyPairs: millions of pairs are near the normal distribution, and a p-value too small to print is 0.
func TestMcNemarOfManyPairs(t *testing.T) {
	for _, test := range []struct{ better, worse int64 }{
		{499_500, 500_500},
		{50_001_000, 49_999_000},
		{40, 1_000_000},
	} {
		n, least := float64(test.better+test.worse), float64(min(test.better, test.worse))
		want := math.Erfc((n/2 - least - 0.5) / math.Sqrt(n/2)) // half a pair further in: from steps to a curve
		if got := stats.McNemar(test.better, test.worse); !(math.Abs(got-want) <= 1e-7) {
			t.Errorf("%d better, %d worse: p %v, want about %v", test.better, test.worse, got, want)
		}
	}
}

// TestShares: the lady tasting tea (R. A. Fisher, The Design of Experiments, 1935) and others by counting tables.
func TestShares(t *testing.T) {
	for _, test := range []struct {
		a, ofA, b, ofB int64
		want           float64
	}{
		{3, 4, 1, 4, 34.0 / 70},
		{4, 4, 0, 4, 2.0 / 70},
		{1, 10, 9, 10, 2 * (10*10 + 1) / 184756.0},
		{0, 10, 0, 10, 1},
		{10, 10, 10, 10, 1},
		{0, 0, 3, 5, 1},
	} {
		if got := stats.Fisher(test.a, test.ofA, test.b, test.ofB); !near(got, test.want) {
			t.Errorf("%d of %d against %d of %d: p %v, want %v", test.a, test.ofA, test.b, test.ofB, got, test.want)
		}
	}
	// Above the exact test's limit: z = 1.96 is p = 0.05.
	n := int64(1_000_000)
	d := int64(math.Round(1.959964 * math.Sqrt(2*0.25*float64(n))))
	if got := stats.Fisher(n/2+d/2, n, n/2-d/2, n); !(math.Abs(got-0.05) <= 1e-3) {
		t.Errorf("χ²: p %v, want 0.05", got)
	}
}

// TestFishersExactRange: up to 100,000 trials the test is exact, also where χ² is far off since few hits are expected.
// Three hits that all fell on one of two equal halves are as likely as 2 in 8; χ² says 8 %.
func TestFishersExactRange(t *testing.T) {
	if got := stats.Fisher(3, 50_000, 0, 50_000); !(math.Abs(got-0.25) <= 1e-4) {
		t.Errorf("100,000 trials: p %v, want that of the exact test, 0.25", got)
	}
	if got := stats.Fisher(3, 50_000, 0, 50_001); !(math.Abs(got-math.Erfc(math.Sqrt(1.5))) <= 1e-4) {
		t.Errorf("100,001 trials: p %v, want that of χ², 0.0833", got)
	}
}

// Where there is nothing to compare, or nothing differs, no p-value is less than 1, on either side of the exact test's
// limit; none is ever more.
func TestFisherOfNothing(t *testing.T) {
	for _, n := range []int64{10, 200_000} {
		for _, test := range [][4]int64{{0, 0, 3, n}, {3, n, 0, 0}, {0, n, 0, n}, {n, n, n, n}, {n / 2, n, n / 2, n}} {
			if got := stats.Fisher(test[0], test[1], test[2], test[3]); !near(got, 1) || got > 1 {
				t.Errorf("%v: p %v, want 1", test, got)
			}
		}
	}
	for a := range int64(9) {
		for b := range int64(9) {
			if got := stats.Fisher(a, 8, b, 8); !(got > 0 && got <= 1) {
				t.Errorf("%d and %d of 8: p %v", a, b, got)
			}
		}
	}
}

// TestSharesAgree: near the limit the exact test and χ² say about the same.
func TestSharesAgree(t *testing.T) {
	exact, chi := stats.Fisher(5_000, 50_000, 5_200, 50_000), stats.Fisher(5_000, 50_000, 5_200, 50_001)
	if !(math.Abs(exact-chi) <= 0.003) {
		t.Errorf("exact %v, χ² %v", exact, chi)
	}
}

func TestDistributions(t *testing.T) {
	a := []stats.Bucket{{1, 1}, {2, 1}, {3, 1}, {4, 1}}
	b := []stats.Bucket{{5, 1}, {6, 1}, {7, 1}, {8, 1}}
	if got, larger := stats.MannWhitney(a, b); !near(got, 2.0/70) || larger != -1 {
		t.Errorf("four below four: p %v, larger %d, want 2 of the 70 orders", got, larger)
	}
	if got, larger := stats.MannWhitney(b, a); !near(got, 2.0/70) || larger != 1 {
		t.Errorf("four above four: p %v, larger %d", got, larger)
	}
	if got, larger := stats.MannWhitney(a, a); got < 0.99 || got > 1 || larger != 0 {
		t.Errorf("a histogram against itself: p %v, larger %d", got, larger)
	}
	if got, larger := stats.MannWhitney(nil, a); got != 1 || larger != 0 {
		t.Errorf("nothing against something: p %v, larger %d", got, larger)
	}
	same := []stats.Bucket{{2, 5}}
	if got, _ := stats.MannWhitney(same, same); got != 1 {
		t.Errorf("all values equal: p %v", got)
	}
	many := []stats.Bucket{{1, 2_000_000}, {2, 2_000_000}}
	if got, larger := stats.MannWhitney(many, []stats.Bucket{{1, 1_900_000}, {2, 2_100_000}}); got > 1e-6 ||
		larger != -1 {
		t.Errorf("millions of values that differ by a twentieth: p %v, larger %d", got, larger)
	}
	if got, _ := stats.MannWhitney(many, many); got < 0.99 {
		t.Errorf("millions of values against themselves: p %v", got)
	}
}

func TestHolm(t *testing.T) {
	got := stats.Holm([]float64{0.01, 0.04, 0.03, 0.005})
	want := []float64{0.03, 0.06, 0.06, 0.02}
	if !slices.EqualFunc(got, want, near) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := stats.Holm([]float64{0.9, 0.8}); !slices.Equal(got, []float64{1, 1}) {
		t.Errorf("got %v", got)
	}
	if got := stats.Holm(nil); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

// TestFewestRuns: below this size a gate over campaigns can't bite, whatever they came to; from it on it can.
func TestFewestRuns(t *testing.T) {
	for level, want := range map[float64]int64{0.05: 4, 0.05 / 30: 7, 0.05 / 60: 7, 0.05 / 6000: 11, 0: 541, 2: 1} {
		n := stats.FewestRuns(level)
		if n != want {
			t.Errorf("level %v: %d runs, want %d", level, n, want)
		}
		if level > 0 && (stats.Fisher(0, n, n, n) >= level || n > 1 && stats.Fisher(0, n-1, n-1, n-1) < level) {
			t.Errorf("level %v: %d is not the least", level, n)
		}
	}
}

// TestRunsForShares holds the formula against published sizes (J. L. Fleiss, B. Levin, M. C. Paik, Statistical Methods
// for Rates and Proportions, table A.4), and against the exact power of the test that it is for.
func TestRunsForShares(t *testing.T) {
	for _, c := range []struct {
		a, b, level float64
		want        int64
	}{
		{0.1, 0.2, 0.05, 219},
		{0.4, 0.6, 0.05, 107},
		{1, 0.6, 0.05 / 31, 35},
		{0.3, 0.3, 0.05, math.MaxInt64},
		{0, 0, 0.05, math.MaxInt64},
	} {
		n := stats.RunsForShares(c.a, c.b, c.level)
		swapped, mirrored := stats.RunsForShares(c.b, c.a, c.level), stats.RunsForShares(1-c.a, 1-c.b, c.level)
		if n != c.want || n != swapped || n != mirrored {
			t.Errorf("%v and %v at %v: %d runs, want %d", c.a, c.b, c.level, n, c.want)
		}
		if n > 110 {
			continue
		}
		if power := fisherPower(c.a, c.b, n, c.level); power < stats.Power-0.01 {
			t.Errorf("%v and %v at %v: %d runs show it in %.3f of cases", c.a, c.b, c.level, n, power)
		}
	}
}

// fisherPower is the exact probability that Fisher's test shows a difference.
func fisherPower(a, b float64, n int64, level float64) (power float64) {
	binomial := func(k int64, p float64) float64 {
		f, _ := new(big.Float).SetInt(new(big.Int).Binomial(n, k)).Float64()
		return f * math.Pow(p, float64(k)) * math.Pow(1-p, float64(n-k))
	}
	for i := range n + 1 {
		for j := range n + 1 {
			if p := binomial(i, a) * binomial(j, b); p > 1e-7 && stats.Fisher(i, n, j, n) < level {
				power += p
			}
		}
	}
	return power
}

// TestRunsForDistributions: Noether's formula, by hand.
func TestRunsForDistributions(t *testing.T) {
	ten := func(values ...float64) (list []stats.Bucket) {
		for _, v := range values {
			list = append(list, stats.Bucket{Value: v, Count: 10})
		}
		return list
	}
	for _, c := range []struct {
		a, b []stats.Bucket
		want int64
	}{
		{ten(1, 2), ten(2, 3), 10},            // b is larger with probability 7/8: 7.8489 / (6 · 0.375²) is 9.3
		{ten(1), ten(2), 6},                   // always: 7.8489 / (6 · 0.5²) is 5.2
		{ten(1, 2), ten(1, 2), math.MaxInt64}, // as often as not
		{nil, ten(1), math.MaxInt64},
	} {
		if n := stats.RunsForDistributions(c.a, c.b, 0.05); n != c.want {
			t.Errorf("%v and %v: %d runs, want %d", c.a, c.b, n, c.want)
		}
	}
}

// A histogram is expanded to its values as they are, and one of millions to a million in the same proportions.
func TestValuesOfHistograms(t *testing.T) {
	if got := stats.Values([]stats.Bucket{{1, 2}, {3, 1}, {4, 0}, {5, 3}}); !slices.Equal(got, []float64{1, 1, 3, 5, 5, 5}) {
		t.Errorf("%v", got)
	}
	const million = 1_000_000
	if got := stats.Values([]stats.Bucket{{1, million}}); len(got) != million {
		t.Errorf("a million became %d", len(got))
	}
	got := stats.Values([]stats.Bucket{{1, 3 * million}, {2, 6 * million}, {3, million}})
	if len(got) != million || slices.Index(got, 2) != 3*million/10 || slices.Index(got, 3) != 9*million/10 {
		t.Errorf("ten millions became %d; the second value begins at %d, the third at %d",
			len(got), slices.Index(got, 2), slices.Index(got, 3))
	}
}

// Numbers of runs are rounded up, but not for the last digits of a float; what no number of runs can show is the
// greatest number.
func TestWholeRuns(t *testing.T) {
	for n, want := range map[float64]int64{
		5: 5, 5 + 1e-9: 5, 5 - 1e-9: 5, 5.1: 6, 0.5: 1, 1 << 61: 1 << 61, 1 << 62: math.MaxInt64, 1e300: math.MaxInt64,
	} {
		if got := stats.WholeRuns(n); got != want {
			t.Errorf("%v: %d, want %d", n, got, want)
		}
	}
	if got := stats.WholeRuns(math.NaN()); got != math.MaxInt64 {
		t.Errorf("NaN: %d", got)
	}
}

// The least p-value must be below the level: two samples of one differ by chance always, those of two in a third of the
// cases.
func TestFewestRunsAtTheLevel(t *testing.T) {
	for level, want := range map[float64]int64{1: 2, 0.34: 2, 1.0 / 3: 3, 0.05: 4} {
		if got := stats.FewestRuns(level); got != want {
			t.Errorf("level %v: %d runs, want %d", level, got, want)
		}
	}
}

// TestShortened: a p-value of 1.4e-306 is none of 0, which would say that chance is ruled out.
func TestShortened(t *testing.T) {
	for p, want := range map[float64]float64{
		0.123456: 0.1235, 1: 1, 1.4e-306: 1.4e-306, 1.23456e-300: 1.235e-300, 0: math.SmallestNonzeroFloat64,
	} {
		if got := stats.Shortened(p); got != want {
			t.Errorf("%v is shortened to %v, want %v", p, got, want)
		}
	}
	if p := stats.Shortened(stats.McNemar(0, 5000)); p <= 0 {
		t.Errorf("5,000 pairs that all got worse: p is %v", p)
	}
}
