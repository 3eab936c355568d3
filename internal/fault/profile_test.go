package fault_test

import (
	"hash/fnv"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
)

// rates are the probabilities of a profile's faults by place, added up where a place has several. A fault without a
// probability counts as 1.
func rates(p fault.Profile) map[catalog.Place]float64 {
	r := map[catalog.Place]float64{}
	for _, f := range p.Faults {
		x := f.Trigger.P
		if !f.Trigger.HasP {
			x = 1
		}
		r[f.Place] = math.Round((r[f.Place]+x)*1e9) / 1e9
	}
	return r
}

// draws are numbers of a seed, one for each use.
func draws(seed uint64) func(use string) float64 {
	return func(use string) float64 {
		h := fnv.New64a()
		h.Write([]byte(use))
		return rand.New(rand.NewPCG(seed, h.Sum64())).Float64()
	}
}

func profile(t *testing.T, name string, seed uint64, channels ...string) fault.Profile {
	t.Helper()
	if channels == nil {
		channels = []string{"primary", "secondary", "backup"}
	}
	p, err := fault.NewProfile(name, channels, draws(seed))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// docs/original.md's table, with its 5 % of records that fail alone.
func TestProfilesOfTheOriginal(t *testing.T) {
	usual := map[catalog.Place]float64{
		"processor.record": 0.05, "delivery.primary": 0.1, "delivery.secondary": 0.2, "delivery.backup": 0.05,
	}
	storage := map[catalog.Place]float64{
		"processor.record": 0.05, "delivery.primary": 0.6, "delivery.secondary": 0.6, "delivery.backup": 0.6,
	}
	tests := []struct {
		name         string
		fetch, batch float64
		others       map[catalog.Place]float64
		breaker      bool
	}{
		{"network", 0.4, 0.1, usual, true},
		{"processing", 0.1, 0.5, usual, false},
		{"storage", 0.1, 0.1, storage, false},
	}
	for _, test := range tests {
		p := profile(t, test.name, 1)
		want := maps.Clone(test.others)
		want["collector.fetch"], want["processor.batch"] = test.fetch, test.batch
		if got := rates(p); !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", test.name, got, want)
		}
		if p.Breaker != test.breaker {
			t.Errorf("%s: breaker %v, want %v", test.name, p.Breaker, test.breaker)
		}
	}
}

// Random draws its rates from the seed, over the whole of their ranges, and the breaker is on for about half of the
// seeds.
func TestRandomProfile(t *testing.T) {
	const seeds = 1000
	low, high := map[catalog.Place]float64{"collector.fetch": 1, "processor.batch": 1}, map[catalog.Place]float64{}
	on := 0
	for seed := range uint64(seeds) {
		p := profile(t, "random", seed)
		r := rates(p)
		for place := range low {
			low[place], high[place] = min(low[place], r[place]), max(high[place], r[place])
			delete(r, place)
		}
		want := map[catalog.Place]float64{
			"processor.record": 0.05, "delivery.primary": 0.1, "delivery.secondary": 0.2, "delivery.backup": 0.05,
		}
		if !maps.Equal(r, want) {
			t.Fatalf("seed %d: %v, want %v", seed, r, want)
		}
		if p.Breaker {
			on++
		}
		if again := profile(t, "random", seed); !maps.Equal(rates(again), rates(p)) || again.Breaker != p.Breaker {
			t.Fatalf("seed %d draws something else the second time", seed)
		}
	}
	for place, bounds := range map[catalog.Place][2]float64{
		"collector.fetch": {0.2, 0.4}, "processor.batch": {0.1, 0.3}} {
		if low[place] < bounds[0] || low[place] > bounds[0]+0.01 || high[place] >= bounds[1] ||
			high[place] < bounds[1]-0.01 {
			t.Errorf("%s is in %v–%v, want all of %v–%v", place, low[place], high[place], bounds[0], bounds[1])
		}
	}
	if math.Abs(float64(on)-seeds/2) > 5*math.Sqrt(seeds)/2 {
		t.Errorf("the breaker is on for %d of %d seeds", on, seeds)
	}
}

// The other scenarios of docs/original.md break what their name says.
func TestProfilesOfTheScenarios(t *testing.T) {
	tests := []struct {
		name    string
		kinds   []fault.Kind // that must be among those of the fetch, the batch or the channels
		breaker bool
	}{
		{"data", []fault.Kind{fault.CorruptPayload, fault.MissingFields}, false},
		{"resource", []fault.Kind{fault.OutOfMemory, fault.DiskFull, fault.PoolExhausted}, false},
		{"degradation", []fault.Kind{fault.Slow, fault.Partial, fault.Flapping}, true},
	}
	for _, test := range tests {
		p := profile(t, test.name, 1)
		var kinds []fault.Kind
		for _, f := range p.Faults {
			kinds = append(kinds, f.Kinds...)
		}
		for _, k := range test.kinds {
			if !slices.Contains(kinds, k) {
				t.Errorf("%s: no %s among %v", test.name, k, kinds)
			}
		}
		if p.Breaker != test.breaker {
			t.Errorf("%s: breaker %v, want %v", test.name, p.Breaker, test.breaker)
		}
	}
}

// The profile of tired channels has twice their usual failures, and random's breaker is on for draws below one half.
func TestRatesOfTheScenarios(t *testing.T) {
	got := rates(profile(t, "degradation", 1, "primary", "secondary", "backup"))
	for place, want := range map[catalog.Place]float64{
		"delivery.primary": 0.2, "delivery.secondary": 0.4, "delivery.backup": 0.1, "processor.batch": 0.2,
	} {
		if got[place] != want {
			t.Errorf("%s fails at %v, want %v", place, got[place], want)
		}
	}
	for drawn, want := range map[float64]bool{0: true, 0.49: true, 0.5: false, 0.99: false} {
		p, err := fault.NewProfile("random", []string{"primary"}, func(string) float64 { return drawn })
		if err != nil || p.Breaker != want {
			t.Errorf("drawn %v: breaker %t, %v", drawn, p.Breaker, err)
		}
	}
}

// Every fault of every profile can be written down and given by hand, so a report's faults can be run again.
func TestProfilesAreMadeOfFaultsThatParse(t *testing.T) {
	for _, name := range fault.Profiles() {
		for _, f := range profile(t, name, 3).Faults {
			if again, err := fault.Parse(f.String()); err != nil || again.String() != f.String() {
				t.Errorf("%s: %s: %v", name, f, err)
			}
		}
	}
}

// Channels of other names fail as the middle one does, and no others are made up.
func TestProfileOfOtherChannels(t *testing.T) {
	got := rates(profile(t, "network", 1, "backup", "webhook"))
	want := map[catalog.Place]float64{
		"collector.fetch": 0.4, "processor.batch": 0.1, "processor.record": 0.05, "delivery.backup": 0.05,
		"delivery.webhook": 0.2,
	}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestUnknownProfile(t *testing.T) {
	const types = "; types: network, processing, storage, random, data, resource, degradation"
	for name, want := range map[string]string{
		"netwrok": `unknown failure type "netwrok" (did you mean network?)` + types,
		"":        `unknown failure type ""` + types,
		"cosmic":  `unknown failure type "cosmic"` + types,
	} {
		p, err := fault.NewProfile(name, nil, func(string) float64 { return 0 })
		if err == nil || err.Error() != want || p.Faults != nil {
			t.Errorf("%q: %v\nwant %s", name, err, want)
		}
	}
}
