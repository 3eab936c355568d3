package source

import (
	"context"
	"strconv"
	"strings"
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
type Generated struct {
	rand nodes.Rand
	made int64
	// calls counts the fetches of the cycle, so that each takes a time of its own.
	calls, cycle int
}

var _ nodes.Source = (*Generated)(nil)

// NewGenerated returns a source that draws its records and its latency from rand.
func NewGenerated(rand nodes.Rand) *Generated { return &Generated{rand: rand} }

// Name is GeneratedName.
func (g *Generated) Name() string { return GeneratedName }

// Health answers after a moment.
func (g *Generated) Health(ctx context.Context) error {
	cycle, _ := workflow.Now(ctx)
	latency := nodes.Key{Place: catalog.PlaceHealth, Use: "latency", Cycle: cycle}
	return nodes.Pause(ctx, g.rand.Between(latency, minPing, maxPing))
}

// Fetch takes 0.1–0.5 s and returns n records.
func (g *Generated) Fetch(ctx context.Context, n int) (nodes.Batch, error) {
	cycle, _ := workflow.Now(ctx)
	if cycle != g.cycle {
		g.cycle, g.calls = cycle, 0
	}
	g.calls++
	latency := nodes.Key{Place: catalog.PlaceFetch, Use: "latency", Cycle: cycle, Attempt: g.calls}
	if err := nodes.Pause(ctx, g.rand.Between(latency, minFetch, maxFetch)); err != nil {
		return nodes.Batch{}, err
	}
	now := time.Now().UTC()
	records := make([]nodes.Record, n)
	// All the names are cut from one text, which takes less than a text for each.
	var names strings.Builder
	names.Grow(n * len("record_1234567"))
	var digits [20]byte
	for i := range records {
		g.made++
		begin := names.Len()
		names.WriteString("record_")
		names.Write(strconv.AppendInt(digits[:0], g.made, 10))
		value := g.rand(nodes.Key{Place: catalog.PlaceFetch, Use: "value", Record: uint64(g.made)})
		records[i] = nodes.Record{
			ID:        names.String()[begin:],
			Value:     float64(MinValue + int(value*(MaxValue-MinValue+1))),
			Timestamp: now,
			Source:    GeneratedName,
			Line:      g.made,
		}
	}
	return nodes.Batch{Records: records}, nil
}
