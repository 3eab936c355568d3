package simulate_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"faultflow/internal/nodes"
	"faultflow/internal/simulate"
)

func number(r nodes.Record) uint64 { return r.Number() }

// series are the ways in which keys follow each other in a run: each counts up one part of the key.
var series = map[string]func(i int) nodes.Key{
	"attempt": func(i int) nodes.Key { return nodes.Key{Place: "collector.fetch", Use: "fault", Cycle: 1, Attempt: i} },
	"cycle":   func(i int) nodes.Key { return nodes.Key{Place: "collector.fetch", Use: "fault", Cycle: i, Attempt: 1} },
	"record": func(i int) nodes.Key {
		return nodes.Key{Place: "processor.record", Use: "fault", Cycle: 1, Record: number(record(i)), Attempt: 1}
	},
	"row": func(i int) nodes.Key { return nodes.Key{Place: "collector.fetch", Use: "value", Record: uint64(i)} },
	"use": func(i int) nodes.Key { return nodes.Key{Place: "delivery.primary", Use: fmt.Sprint("use", i)} },
}

// Numbers are spread evenly over 100 boxes: χ² with 99 degrees of freedom has mean 99 and standard deviation 14, so
// that a good generator stays below 99 + 5·14 in all of these samples.
func TestRandIsUniform(t *testing.T) {
	const n, boxes = 50_000, 100
	for _, seed := range []uint64{0, 1, 7, 1<<53 - 1} {
		r := simulate.Rand(seed)
		for name, key := range series {
			var count [boxes]int
			for i := range n {
				x := r(key(i))
				if !(x >= 0 && x < 1) {
					t.Fatalf("seed %d, %s %d: %v is not in [0, 1)", seed, name, i, x)
				}
				count[int(x*boxes)]++
			}
			chi2, expected := 0.0, float64(n)/boxes
			for _, c := range count {
				chi2 += (float64(c) - expected) * (float64(c) - expected) / expected
			}
			if chi2 > 99+5*14 || chi2 < 99-5*14 {
				t.Errorf("seed %d, %s: χ² = %.1f, want 99 ± 70", seed, name, chi2)
			}
		}
	}
}

// correlation of two samples; for n independent pairs its standard deviation is 1/√n.
func correlation(x, y []float64) float64 {
	mean := func(v []float64) (m float64) {
		for _, a := range v {
			m += a / float64(len(v))
		}
		return m
	}
	mx, my := mean(x), mean(y)
	var xy, xx, yy float64
	for i := range x {
		xy += (x[i] - mx) * (y[i] - my)
		xx += (x[i] - mx) * (x[i] - mx)
		yy += (y[i] - my) * (y[i] - my)
	}
	return xy / math.Sqrt(xx*yy)
}

// Neither do neighbouring seeds give related runs, nor neighbouring keys related decisions.
func TestRandNeighboursAreUncorrelated(t *testing.T) {
	const n = 40_000
	limit := 5 / math.Sqrt(n)
	sample := func(seed uint64, key func(int) nodes.Key, first int) []float64 {
		r, out := simulate.Rand(seed), make([]float64, n)
		for i := range out {
			out[i] = r(key(first + i))
		}
		return out
	}
	for name, key := range series {
		for _, seed := range []uint64{0, 41, 1 << 32} {
			own := sample(seed, key, 0)
			if c := correlation(own, sample(seed+1, key, 0)); math.Abs(c) > limit {
				t.Errorf("%s: seeds %d and %d correlate with %.4f", name, seed, seed+1, c)
			}
			if c := correlation(own, sample(seed, key, 1)); math.Abs(c) > limit {
				t.Errorf("seed %d: each %s correlates with the next by %.4f", seed, name, c)
			}
		}
	}
}

// Every part of the key counts, and so does where one part ends and the next begins.
func TestRandDiffersByKey(t *testing.T) {
	keys := []nodes.Key{
		{}, {Place: "a"}, {Use: "a"}, {Place: "ab", Use: "c"}, {Place: "a", Use: "bc"}, {Place: "abc"},
		{Place: "a", Use: "b", Cycle: 1}, {Place: "a", Use: "b", Record: 1}, {Place: "a", Use: "b", Attempt: 1},
		{Place: "a", Use: "b", Cycle: 1, Attempt: 2}, {Place: "a", Use: "b", Cycle: 2, Attempt: 1},
		{Place: "a", Use: "b", Record: 1 << 32}, {Place: "a", Use: "b", Record: 1, Attempt: 1},
	}
	for _, seed := range []uint64{0, 1, 2} {
		r, seen := simulate.Rand(seed), map[float64]nodes.Key{}
		for _, k := range keys {
			x := r(k)
			if other, dup := seen[x]; dup {
				t.Errorf("seed %d: %+v and %+v both give %v", seed, k, other, x)
			}
			seen[x] = k
		}
	}
}

// A decision depends on its key alone: not on what was decided before, nor by whom.
func TestRandDependsOnNothingElse(t *testing.T) {
	const n = 2000
	key := series["attempt"]
	want := make([]float64, n)
	r := simulate.Rand(9)
	for i := range want {
		want[i] = r(key(i))
	}
	again := simulate.Rand(9)
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(n) {
		if got := again(key(i)); got != want[i] {
			t.Fatalf("key %d gives %v in another order, %v at first", i, got, want[i])
		}
	}
	var all sync.WaitGroup
	got := make([]float64, n)
	for i := range got {
		all.Go(func() { got[i] = again(key(i)) })
	}
	all.Wait()
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("key %d gives %v when asked concurrently, %v at first", i, got[i], want[i])
		}
	}
}

// The numbers themselves are a promise: a seed in an old report must still make the same run.
func TestRandStaysTheSame(t *testing.T) {
	k := nodes.Key{Place: "collector.fetch", Use: "fault", Cycle: 3, Record: 5, Attempt: 7}
	for seed, want := range map[uint64]float64{
		0:         0.9518316949639928,
		1:         0.9442241092566369,
		1<<53 - 1: 0.6733691575020144,
	} {
		if got := simulate.Rand(seed)(k); got != want {
			t.Errorf("seed %d gives %v, was %v", seed, got, want)
		}
	}
}

func TestBetween(t *testing.T) {
	at := func(x float64) nodes.Rand { return func(nodes.Key) float64 { return x } }
	tests := []struct {
		x    float64
		want time.Duration
	}{{0, 100 * time.Millisecond}, {0.5, 300 * time.Millisecond}, {math.Nextafter(1, 0), 500*time.Millisecond - 1}}
	for _, test := range tests {
		if got := at(test.x).Between(nodes.Key{}, 100*time.Millisecond, 500*time.Millisecond); got != test.want {
			t.Errorf("Between at %v = %v, want %v", test.x, got, test.want)
		}
	}
}
