// Package channel is where records go: simulated channels, and the files that keep what a run delivered.
package channel

import (
	"context"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/nodes"
	"faultflow/internal/workflow"
)

const minDelivery, maxDelivery = 200 * time.Millisecond, 800 * time.Millisecond

// Simulated is a channel that takes everything within 0.2–0.8 s (docs/original.md). It recognises the idempotency keys
// of the cycle, except for one named backup, which stands for the plain channels that can't.
type Simulated struct {
	name  string
	rand  nodes.Rand
	cycle int
	calls int
	// seen holds how many records came under each key.
	seen map[string]int
	// stored counts the records that the channel keeps; a recognised delivery is not kept again.
	stored int64
}

var _ nodes.Channel = (*Simulated)(nil)

// NewSimulated returns a channel that draws its latency from rand.
func NewSimulated(name string, rand nodes.Rand) *Simulated {
	return &Simulated{name: name, rand: rand}
}

// Name returns the channel's name.
func (c *Simulated) Name() string { return c.name }

// Idempotent is true for all but backup.
func (c *Simulated) Idempotent() bool { return c.name != "backup" }

// Deliver takes the records, once for each key. After a part of a delivery it still takes the rest.
func (c *Simulated) Deliver(ctx context.Context, d nodes.Delivery) (int, error) {
	cycle, _ := workflow.Now(ctx)
	if cycle != c.cycle { // keys are never used again after their cycle
		c.cycle, c.calls = cycle, 0
		clear(c.seen)
	}
	c.calls++
	latency := nodes.Key{Place: catalog.ChannelPlace(c.name), Use: "latency", Cycle: cycle, Attempt: c.calls}
	if err := nodes.Pause(ctx, c.rand.Between(latency, minDelivery, maxDelivery)); err != nil {
		return 0, err
	}
	known := 0
	if c.Idempotent() {
		known = c.seen[d.Key]
	}
	if n := len(d.Records); n > known {
		if c.seen == nil {
			c.seen = map[string]int{}
		}
		c.seen[d.Key] = n
		c.stored += int64(n - known)
	}
	return len(d.Records), nil
}

// Stored returns how many records the channel keeps, duplicates that it could not recognise included.
func (c *Simulated) Stored() int64 { return c.stored }

// MemorySpool is the emergency spool of a run that keeps no files: it takes everything and keeps nothing.
type MemorySpool struct{}

var _ nodes.Spool = MemorySpool{}

// Write takes the delivery.
func (MemorySpool) Write(ctx context.Context, _ nodes.Delivery) error { return ctx.Err() }
