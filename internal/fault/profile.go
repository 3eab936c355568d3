package fault

import (
	"fmt"
	"strings"

	"faultflow/internal/catalog"
	"faultflow/internal/suggest"
)

// Profile is what a --failure-type means.
type Profile struct {
	Faults []Fault
	// Breaker puts the collector's breaker into the path.
	Breaker bool
}

// Profiles lists the failure types: the four of docs/original.md, then the seed's other error scenarios.
func Profiles() []string {
	return []string{"network", "processing", "storage", "random", "data", "resource", "degradation"}
}

// recordFailure is the probability with which a record fails alone while failures are simulated (docs/original.md).
const recordFailure = 0.05

// NewProfile returns a failure type's faults for the given channels. The probabilities of network, processing, storage
// and random are docs/original.md's; random's are drawn from the seed. A channel that is none of primary, secondary and
// backup fails as secondary does.
func NewProfile(failureType string, channels []string, draw func(use string) float64) (Profile, error) {
	netKinds := []Kind{ConnectionRefused, ConnectionReset, DNSFailure, Timeout, HTTP500, HTTP503}
	p := func(place catalog.Place, probability float64, kinds ...Kind) Fault {
		return Fault{Place: place, Kinds: kinds, Trigger: Trigger{P: probability, HasP: true}}
	}
	records := p(catalog.PlaceRecord, recordFailure, Error)
	eachChannel := func(rate func(string) float64, kinds ...Kind) []Fault {
		faults := make([]Fault, 0, len(channels))
		for _, c := range channels {
			faults = append(faults, p(catalog.ChannelPlace(c), rate(c), kinds...))
		}
		return faults
	}
	with := func(breaker bool, channelFaults []Fault, faults ...Fault) (Profile, error) {
		all := make([]Fault, 0, len(faults)+1+len(channelFaults))
		all = append(append(append(all, faults...), records), channelFaults...)
		return Profile{Faults: all, Breaker: breaker}, nil
	}
	usual := func() []Fault { return eachChannel(channelRate, ConnectionRefused, ConnectionReset, HTTP503) }
	switch failureType {
	case "network":
		return with(true, usual(), p(catalog.PlaceFetch, 0.4, netKinds...), p(catalog.PlaceBatch, 0.1, Error))
	case "processing":
		return with(false, usual(), p(catalog.PlaceFetch, 0.1, netKinds...), p(catalog.PlaceBatch, 0.5, Error))
	case "storage":
		broken := eachChannel(func(string) float64 { return 0.6 }, DiskFull, PermissionDenied, Locked)
		return with(false, broken, p(catalog.PlaceFetch, 0.1, netKinds...), p(catalog.PlaceBatch, 0.1, Error))
	case "random":
		return with(draw("breaker") < 0.5, usual(),
			p(catalog.PlaceFetch, 0.2+float64(0.2*draw("fetch")), netKinds...),
			p(catalog.PlaceBatch, 0.1+float64(0.2*draw("batch")), Error))
	case "data":
		return with(false, usual(),
			p(catalog.PlaceFetch, 0.3, CorruptPayload, TruncatedPayload, EmptyBatch),
			p(catalog.PlaceFetch, 0.4, MissingFields, OutOfRange, DuplicateRecords),
			p(catalog.PlaceBatch, 0.1, CorruptPayload))
	case "resource":
		full := eachChannel(channelRate, DiskFull, TooManyOpenFiles)
		return with(false, full,
			p(catalog.PlaceFetch, 0.2, TooManyOpenFiles, PoolExhausted),
			p(catalog.PlaceBatch, 0.4, OutOfMemory, DiskFull, PoolExhausted))
	case "degradation":
		tired := eachChannel(func(c string) float64 { return 2 * channelRate(c) }, Slow, Partial)
		return with(true, tired,
			p(catalog.PlaceFetch, 0.3, Slow),
			p(catalog.PlaceFetch, 0.2, Partial),
			Fault{Place: catalog.PlaceFetch, Kinds: []Kind{Flapping}},
			p(catalog.PlaceBatch, 0.2, Slow, Partial))
	}
	return Profile{}, fmt.Errorf("unknown failure type %q%s; types: %s",
		failureType, suggest.Nearest(failureType, Profiles()), strings.Join(Profiles(), ", "))
}

// channelRate is the failure rate of a channel while failures are simulated (docs/original.md).
func channelRate(name string) float64 {
	switch name {
	case "primary":
		return 0.1
	case "backup":
		return 0.05
	}
	return 0.2
}
