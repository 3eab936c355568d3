// Package channel is where records go: simulated channels, and the files that keep what a run delivered.
package channel

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/nodes"
	"faultflow/internal/workflow"
)

const minDelivery, maxDelivery = 200 * time.Millisecond, 800 * time.Millisecond

// Simulated is a channel that takes everything within 0.2–0.8 s (docs/original.md). It recognises the idempotency keys
// of the cycle, except for one named backup, which stands for the plain channels that can't.
// Passes share it.
type Simulated struct {
	name string
	rand nodes.Rand
	// instant says that a delivery takes no time of its own: a capacity decides how long it takes, or real records go
	// through on the real clock.
	instant bool
	// stored counts the records that the channel keeps; a recognised delivery is not kept again.
	stored atomic.Int64
}

// deliveries is what a channel knows of a pass. Keys are never used again after it.
type deliveries struct {
	mu    sync.Mutex
	calls int
	// seen holds how many records came under each key.
	seen map[string]int
}

var _ nodes.Channel = (*Simulated)(nil)

// NewSimulated returns a channel that draws its latency from rand, unless a delivery is to take no time of its own.
func NewSimulated(name string, rand nodes.Rand, instant bool) *Simulated {
	return &Simulated{name: name, rand: rand, instant: instant}
}

// Name returns the channel's name.
func (c *Simulated) Name() string { return c.name }

// Idempotent is true for all but backup.
func (c *Simulated) Idempotent() bool { return c.name != "backup" }

// Deliver takes the records, once for each key. After a part of a delivery it still takes the rest.
func (c *Simulated) Deliver(ctx context.Context, d nodes.Delivery) (int, error) {
	cycle, _ := workflow.Now(ctx)
	known := workflow.Local[deliveries](ctx, c)
	if !c.instant {
		latency := nodes.Key{
			Place:   catalog.ChannelPlace(c.name),
			Use:     "latency",
			Cycle:   cycle,
			Attempt: known.called(),
		}
		if err := nodes.Pause(ctx, c.rand.Between(latency, minDelivery, maxDelivery)); err != nil {
			return 0, err
		}
	}
	n := len(d.Records)
	c.stored.Add(int64(known.took(d.Key, n, c.Idempotent())))
	return n, nil
}

// called counts a call.
func (d *deliveries) called() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	return d.calls
}

// took notes that n records came under a key, and returns how many of them are new.
func (d *deliveries) took(key string, n int, idempotent bool) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := 0
	if idempotent {
		before = d.seen[key]
	}
	if n <= before {
		return 0
	}
	if d.seen == nil {
		d.seen = map[string]int{}
	}
	d.seen[key] = n
	return n - before
}

// Stored returns how many records the channel keeps, duplicates that it could not recognise included.
func (c *Simulated) Stored() int64 { return c.stored.Load() }

// MemorySpool is the emergency spool of a run that keeps no files: it takes everything and keeps nothing.
type MemorySpool struct{}

var _ nodes.Spool = MemorySpool{}

// Write takes the delivery.
func (MemorySpool) Write(ctx context.Context, _ nodes.Delivery) error { return ctx.Err() }
