package nodes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"faultflow/internal/errhandler"
	"faultflow/internal/resilience"
	"faultflow/internal/workflow"
)

// Health is how a channel has been doing.
type Health string

// The healths. Degraded and down channels are left out until their time to recover is over.
const (
	Healthy  Health = "healthy"
	Degraded Health = "degraded" // its last delivery failed
	Down     Health = "down"     // its last DownAfter deliveries failed
)

// DownAfter is how many failures in a row make a degraded channel a channel that is down.
const DownAfter = 3

// The events of delivery.
const (
	ChannelTried    workflow.Kind = "channel_tried"    // a delivery to it begins
	ChannelFailed   workflow.Kind = "channel_failed"   // Detail is the error
	ChannelSkipped  workflow.Kind = "channel_skipped"  // left out as degraded or down
	ChannelAccepted workflow.Kind = "channel_accepted" // Detail is how many records
	ChannelChanged  workflow.Kind = "channel_changed"  // Detail is its health before and after: "healthy → degraded"
	Spooled         workflow.Kind = "spooled"          // Detail is how many records
	SpoolFailed     workflow.Kind = "spool_failed"     // Detail is the error
)

// Deliverer is the Delivery node. Each attempt is a pass over the channels: the healthy ones in order until one has
// taken everything; when none is healthy, the last channel as a last resort. What no pass could deliver goes to the
// emergency spool.
type Deliverer struct {
	channels []*outlet
	recover  time.Duration
	rand     Rand
	passes   *resilience.Guard[struct{}]
	spool    *emergency
	// idle is true while there is nothing to deliver, which takes no pass.
	idle bool
	// spoolHere is false in the recovery graph, where the alternate delivery node spools.
	spoolHere bool
}

// outlet is a channel, its policies and its health.
type outlet struct {
	Channel
	guard    *resilience.Guard[int]
	health   Health
	failures int
	failedAt time.Time
	stats    ChannelStats
}

// ChannelStats counts what a channel did. Records are those that it accepted.
type ChannelStats struct {
	Name                   string
	Health                 Health
	Idempotent             bool
	Tried, Failed, Skipped int
	Records                int64
	Recognised             int64 // records sent again under a key that the channel can recognise
	LastError              string
}

func newDeliverer(s Settings, spool *emergency) *Deliverer {
	passes := s.Delivery
	passes.Timeout, passes.Bulkhead, passes.RateLimit, passes.Breaker.On = 0, 0, 0, false // they guard each channel
	call := s.Delivery
	call.Attempts = 1
	d := &Deliverer{recover: s.ChannelRecover, rand: s.Rand, spool: spool, spoolHere: !s.RecoveryGraph,
		passes: resilience.NewGuard[struct{}](resilience.Options{Node: DeliveryNode, Place: DeliveryNode, Policy: passes})}
	for _, c := range s.Channels {
		d.channels = append(d.channels, &outlet{Channel: c, health: Healthy,
			guard: resilience.NewGuard[int](resilience.Options{Node: DeliveryNode, Place: ChannelPlace(c.Name()), Class: errhandler.Network, Policy: call, Quiet: true})})
	}
	return d
}

// renew makes the node as newDeliverer made it.
func (d *Deliverer) renew(s Settings) {
	d.rand = s.Rand
	d.passes.Reset()
	for i, c := range d.channels {
		c.guard.Reset()
		*c = outlet{Channel: s.Channels[i], health: Healthy, guard: c.guard}
	}
}

// Actions lists the node's actions.
func (d *Deliverer) Actions() []workflow.Action { return []workflow.Action{Success, DeliveryFailed} }

// BeforePrep gives channels whose time to recover is over another chance.
func (d *Deliverer) BeforePrep(ctx context.Context, _ *State) error {
	for _, c := range d.channels {
		if c.health != Healthy && time.Since(c.failedAt) >= d.recover {
			c.become(ctx, Healthy)
		}
	}
	return nil
}

// Prep hands on the records in flight; a pass takes off them what a channel accepts.
func (d *Deliverer) Prep(_ context.Context, s *State) (*State, error) {
	d.idle = len(s.remaining()) == 0
	return s, nil
}

// Exec is one pass over the channels.
func (d *Deliverer) Exec(ctx context.Context, s *State) (struct{}, error) {
	var failures passError
	for _, c := range d.candidates(ctx, len(s.remaining()) > 0) {
		if len(s.remaining()) == 0 || ctx.Err() != nil {
			break
		}
		if err := d.send(ctx, c, s); err != nil {
			failures = append(failures, err)
		}
	}
	switch {
	case len(s.remaining()) == 0:
		return struct{}{}, nil
	case ctx.Err() != nil:
		return struct{}{}, ctx.Err()
	case len(failures) == 0: // no channel was a candidate
		return struct{}{}, nil
	}
	return struct{}{}, failures
}

// passError is why the channels of a pass did not take all records.
type passError []error

// Error names each reason once.
func (e passError) Error() string {
	var reasons []string
	for _, err := range e {
		if r := reason(err); !slices.Contains(reasons, r) {
			reasons = append(reasons, r)
		}
	}
	return strings.Join(reasons, "; ")
}

// Unwrap returns the channels' errors.
func (e passError) Unwrap() []error { return e }

func (d *Deliverer) candidates(ctx context.Context, needed bool) []*outlet {
	if !needed {
		return nil
	}
	var healthy []*outlet
	for i, c := range d.channels {
		if c.health == Healthy {
			healthy = append(healthy, c)
			continue
		}
		if last := i == len(d.channels)-1; last && len(healthy) == 0 {
			return d.channels[i:] // the last resort
		}
		c.stats.Skipped++
		workflow.Emit(ctx, workflow.Event{Node: DeliveryNode, Place: ChannelPlace(c.Name()), Kind: ChannelSkipped, Detail: string(c.health)})
	}
	return healthy
}

// send offers the remaining records to one channel and notes what it accepted.
func (d *Deliverer) send(ctx context.Context, c *outlet, s *State) error {
	batch := s.delivery()
	taken := 0
	_, err := c.guard.Do(ctx, resilience.Call[int]{Fn: func(ctx context.Context, _ int) (int, error) {
		c.stats.Tried++
		workflow.Emit(ctx, workflow.Event{Node: DeliveryNode, Place: ChannelPlace(c.Name()), Kind: ChannelTried})
		n, err := c.Deliver(ctx, batch)
		if err == nil && n < len(batch.Records) {
			err = fmt.Errorf("%w: %d of %d records accepted", ErrPartial, n, len(batch.Records))
		}
		taken = min(max(n, 0), len(batch.Records))
		return n, err
	}})
	if taken > 0 {
		d.accepted(ctx, c, s, Delivery{Key: batch.Key, Records: batch.Records[:taken]})
	}
	if err == nil || taken == len(batch.Records) {
		c.failures = 0
		c.become(ctx, Healthy)
		return nil
	}
	if _, known := s.unsure[c.Name()]; uncertain(err) && taken == 0 && !known {
		s.unsure[c.Name()] = batch.Key
	}
	if errors.Is(err, context.Canceled) { // the run was interrupted, which says nothing about the channel
		return err
	}
	workflow.EmitError(ctx, workflow.Event{Node: DeliveryNode, Place: ChannelPlace(c.Name()), Kind: ChannelFailed}, err)
	if errors.Is(err, resilience.ErrBreakerOpen) {
		c.stats.Skipped++ // not tried, so it has not failed again, but no one should count on it
		if c.health == Healthy {
			c.become(ctx, Degraded)
		}
	} else {
		c.failed(ctx, err)
	}
	return err
}

func (d *Deliverer) accepted(ctx context.Context, c *outlet, s *State, batch Delivery) {
	n := len(batch.Records)
	recognises := func(name, key string) bool { return name == c.Name() && key == batch.Key && c.Idempotent() }
	for name, key := range s.unsure {
		if !recognises(name, key) {
			s.Outcome.PossibleDuplicates += n
			break
		}
	}
	if recognises(c.Name(), s.unsure[c.Name()]) {
		c.stats.Recognised += int64(n)
	}
	s.sent += n
	s.Channel = c.Name()
	s.Outcome.Delivered += n
	if c != d.channels[0] {
		s.Outcome.FailedOver = true
	}
	c.stats.Records += int64(n)
	s.Books.Delivered(c.Name(), batch)
	workflow.Emit(ctx, workflow.Event{Node: DeliveryNode, Place: ChannelPlace(c.Name()), Kind: ChannelAccepted, Detail: strconv.Itoa(n)})
}

func (c *outlet) failed(ctx context.Context, err error) {
	c.failures++
	c.failedAt = time.Now()
	c.stats.Failed++
	c.stats.LastError = reason(err)
	if c.failures >= DownAfter {
		c.become(ctx, Down)
	} else {
		c.become(ctx, Degraded)
	}
}

// become changes the channel's health and tells of it.
func (c *outlet) become(ctx context.Context, h Health) {
	if h == c.health {
		return
	}
	workflow.Emit(ctx, workflow.Event{Node: DeliveryNode, Place: ChannelPlace(c.Name()), Kind: ChannelChanged,
		Detail: string(c.health) + " → " + string(h)})
	c.health = h
}

// uncertain tells whether records may have arrived although the delivery failed: the call was cut short, or the answer
// never came. A refused connection or a full disk is certain.
func uncertain(err error) bool {
	if status, ok := errors.AsType[*StatusError](err); ok {
		return status.Code == http.StatusInternalServerError
	}
	if _, ok := errors.AsType[*AckError](err); ok {
		return true
	}
	return errors.Is(err, resilience.ErrTimeout) || errors.Is(err, context.Canceled) || errors.Is(err, workflow.ErrPanic) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.ErrUnexpectedEOF)
}

// Around puts Exec inside the passes' retry policy.
func (d *Deliverer) Around(ctx context.Context, call func(context.Context) (struct{}, error), fallback func(context.Context, error) (struct{}, error)) (struct{}, error) {
	if d.idle {
		return call(ctx)
	}
	cycle, _ := workflow.Now(ctx)
	return d.passes.Do(ctx, resilience.Call[struct{}]{
		Fn:       func(ctx context.Context, _ int) (struct{}, error) { return call(ctx) },
		Fallback: fallback,
		Jitter: func(attempt int) float64 {
			return d.rand(Key{Place: DeliveryNode, Use: "jitter", Cycle: cycle, Attempt: attempt})
		},
	})
}

// ExecFallback writes what is left to the emergency spool. In the recovery graph it leaves that to the next node.
func (d *Deliverer) ExecFallback(ctx context.Context, _ *State, s *State, _ error) (struct{}, error) {
	if d.spoolHere {
		d.spool.take(ctx, s)
	}
	return struct{}{}, nil
}

// Post says how delivery went. In the recovery graph the records that are left stay in flight.
func (d *Deliverer) Post(_ context.Context, s *State, _ *State, _ struct{}) (workflow.Action, error) {
	left := len(s.remaining())
	s.Status = s.deliveryStatus(left)
	if left == 0 && s.Outcome.Spooled == 0 && s.Outcome.Undelivered == 0 {
		return Success, nil
	}
	return DeliveryFailed, nil
}

// Stats returns what each channel did so far.
func (d *Deliverer) Stats() []ChannelStats {
	stats := make([]ChannelStats, len(d.channels))
	for i, c := range d.channels {
		stats[i] = c.stats
		stats[i].Name, stats[i].Health, stats[i].Idempotent = c.Name(), c.health, c.Idempotent()
	}
	return stats
}

// remaining are the processed records that no one has accepted yet.
func (s *State) remaining() []Processed { return s.processed[s.sent:] }

// delivery is the remaining records under their idempotency key. The key's last part is where in the cycle's batch they
// begin, so that the rest of a partly accepted batch has a key of its own.
func (s *State) delivery() Delivery {
	return Delivery{Key: fmt.Sprintf("%s/%d/%d", s.Run, s.Cycle, s.sent), Records: s.remaining()}
}

// The ways in which a cycle's delivery can end.
const (
	StatusDelivered = "delivered"
	StatusPartial   = "partial" // channels took some records, the spool or the dead letters the others
	StatusSpooled   = "spooled"
	StatusFailed    = "failed"
	StatusNone      = "none" // there was nothing to deliver
)

func (s *State) deliveryStatus(left int) string {
	switch {
	case len(s.processed) == 0:
		return StatusNone
	case s.Outcome.Delivered == len(s.processed):
		return StatusDelivered
	case s.Outcome.Delivered > 0:
		return StatusPartial
	case s.Outcome.Spooled > 0 && left == 0 && s.Outcome.Undelivered == 0:
		return StatusSpooled
	}
	return StatusFailed
}

// emergency is the emergency spool behind its policies.
type emergency struct {
	spool Spool
	guard *resilience.Guard[struct{}]
	on    bool
}

func newEmergency(s Settings) *emergency {
	return &emergency{spool: s.Spool, on: s.Spool != nil,
		guard: resilience.NewGuard[struct{}](resilience.Options{Node: DeliveryNode, Place: PlaceSpool, Class: errhandler.Storage,
			Policy: resilience.Policy{Timeout: s.Delivery.Timeout}, Quiet: true})}
}

// renew makes the spool as newEmergency made it.
func (e *emergency) renew(s Settings) {
	e.spool = s.Spool
	e.guard.Reset()
}

var errNoSpool = errhandler.As(errhandler.Storage, errors.New("no channel took it and the emergency spool is off"))

// take spools the remaining records. What even the spool does not take becomes dead letters.
func (e *emergency) take(ctx context.Context, s *State) {
	if len(s.remaining()) == 0 {
		return
	}
	batch := s.delivery()
	err, kept := error(errNoSpool), false
	if e.on {
		_, err = e.guard.Do(ctx, resilience.Call[struct{}]{Fn: func(ctx context.Context, _ int) (struct{}, error) {
			err := e.spool.Write(ctx, batch)
			kept = err == nil
			return struct{}{}, err
		}})
	}
	if kept { // even if its limit was over by then
		err = nil
	}
	if err != nil && ctx.Err() != nil {
		return // still in flight: the error handler settles it
	}
	s.sent = len(s.processed)
	if err != nil {
		workflow.EmitError(ctx, workflow.Event{Node: DeliveryNode, Place: PlaceSpool, Kind: SpoolFailed}, err)
		for _, r := range batch.Records {
			s.deadLetter(r.Record, PlaceSpool, err)
		}
		s.Outcome.Undelivered += len(batch.Records)
		return
	}
	if len(s.unsure) > 0 {
		s.Outcome.PossibleDuplicates += len(batch.Records)
	}
	s.Outcome.Spooled += len(batch.Records)
	s.Channel = "spool"
	s.Books.Spooled(batch)
	workflow.Emit(ctx, workflow.Event{Node: DeliveryNode, Place: PlaceSpool, Kind: Spooled, Detail: strconv.Itoa(len(batch.Records))})
}

// AlternateDelivery is the recovery graph's node after delivery_failed: it writes what is left to the emergency spool.
type AlternateDelivery struct{ spool *emergency }

// Actions lists the node's actions.
func (n *AlternateDelivery) Actions() []workflow.Action { return []workflow.Action{Success} }

// Prep hands on the records in flight.
func (n *AlternateDelivery) Prep(_ context.Context, s *State) (*State, error) { return s, nil }

// Exec spools them.
func (n *AlternateDelivery) Exec(ctx context.Context, s *State) (struct{}, error) {
	n.spool.take(ctx, s)
	return struct{}{}, ctx.Err()
}

// Post says how it went.
func (n *AlternateDelivery) Post(_ context.Context, s *State, _ *State, _ struct{}) (workflow.Action, error) {
	s.Status = s.deliveryStatus(len(s.remaining()))
	return Success, nil
}
