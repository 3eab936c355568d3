package source

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/nodes"
	"faultflow/internal/workflow"
)

// Constants of docs/original.md: what generated records hold and how long fetching them takes.
const (
	GeneratedName = "primary_api"
	MinValue      = 1
	MaxValue      = 1000

	minFetch, maxFetch = 100 * time.Millisecond, 500 * time.Millisecond
	minPing, maxPing   = 5 * time.Millisecond, 25 * time.Millisecond
)

// Generated is a simulated service that always has records: whole numbers from 1 to 1000, drawn from the run's seed.
// Passes share it.
type Generated struct {
	rand nodes.Rand
	// served tells that a capacity decides how long calls on a place take.
	served func(catalog.Place) bool
	made   atomic.Int64
}

var _ nodes.Source = (*Generated)(nil)

// NewGenerated returns a source that draws its records and its latency from rand, but for the latency of places that
// are served: a capacity decides that. The first one is behind so many others.
func NewGenerated(rand nodes.Rand, served func(catalog.Place) bool, behind int64) *Generated {
	g := &Generated{rand: rand, served: served}
	g.made.Store(behind)
	return g
}

// Name is GeneratedName.
func (g *Generated) Name() string { return GeneratedName }

// Health answers after a moment.
func (g *Generated) Health(ctx context.Context) error {
	if g.served(catalog.PlaceHealth) {
		return ctx.Err()
	}
	cycle, _ := workflow.Now(ctx)
	latency := nodes.Key{Place: catalog.PlaceHealth, Use: "latency", Cycle: cycle}
	return nodes.Pause(ctx, g.rand.Between(latency, minPing, maxPing))
}

// Fetch takes 0.1–0.5 s and returns n records.
func (g *Generated) Fetch(ctx context.Context, n int) (nodes.Batch, error) {
	cycle, _ := workflow.Now(ctx)
	// The number of the fetch in its cycle gives each a time of its own.
	calls := workflow.Local[atomic.Int64](ctx, g).Add(1)
	latency := nodes.Key{Place: catalog.PlaceFetch, Use: "latency", Cycle: cycle, Attempt: int(calls)}
	wait := g.rand.Between(latency, minFetch, maxFetch)
	if g.served(catalog.PlaceFetch) {
		wait = 0
	}
	if err := nodes.Pause(ctx, wait); err != nil {
		return nodes.Batch{}, err
	}
	now := time.Now().UTC()
	records := make([]nodes.Record, n)
	// All the names are cut from one text, which takes less than a text for each.
	var names strings.Builder
	names.Grow(n * len("record_1234567"))
	var digits [20]byte
	last := g.made.Add(int64(n))
	for i := range records {
		number := last - int64(n-1-i)
		begin := names.Len()
		names.WriteString("record_")
		names.Write(strconv.AppendInt(digits[:0], number, 10))
		value := g.rand(nodes.Key{Place: catalog.PlaceFetch, Use: "value", Record: uint64(number)})
		records[i] = nodes.Record{
			ID:        names.String()[begin:],
			Value:     float64(MinValue + int(value*(MaxValue-MinValue+1))),
			Timestamp: now,
			Source:    GeneratedName,
			Row:       number,
			Line:      number,
		}
	}
	return nodes.Batch{Records: records}, nil
}
