// Package simulate breaks things on purpose: fault kinds, triggers and plans, the decorators that put them around a
// Source, a Processor, a Channel or a Spool, the seeded randomness of a run, and its virtual clock.
package simulate

import (
	"faultflow/internal/catalog"
	"faultflow/internal/nodes"
)

// Rand returns the randomness of a run: a number uniform in [0, 1) for each key, drawn from seed and key alone. Each
// part of the key is mixed in with the finalizer of SplitMix64 (G. Steele, D. Lea, C. Flood, "Fast Splittable
// Pseudorandom Number Generators", OOPSLA 2014).
func Rand(seed uint64) nodes.Rand {
	root := mix(seed)
	// The commonest decisions have their place and use mixed in beforehand.
	type use struct {
		place catalog.Place
		use   string
		mixed uint64
	}
	often := [...]use{
		{place: catalog.PlaceRecord, use: "fault"},
		{place: catalog.PlaceRecord, use: "latency"},
		{place: catalog.PlaceRecord, use: "quality"},
		{place: catalog.PlaceFetch, use: "value"},
	}
	for i, u := range often {
		often[i].mixed = mixString(mixString(root, string(u.place)), u.use)
	}
	return func(k nodes.Key) float64 {
		i := 0
		for i < len(often) && (often[i].use != k.Use || often[i].place != k.Place) {
			i++
		}
		var h uint64
		if i < len(often) {
			h = often[i].mixed
		} else {
			h = mixString(mixString(root, string(k.Place)), k.Use)
		}
		h = mix(h ^ uint64(k.Cycle))
		h = mix(h ^ k.Record)
		h = mix(h ^ uint64(k.Attempt))
		return float64(h>>11) / (1 << 53)
	}
}

func mixString(h uint64, s string) uint64 {
	const prime = 1099511628211 // FNV-1a, of the text's bytes
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * prime
	}
	return mix(h)
}

func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
