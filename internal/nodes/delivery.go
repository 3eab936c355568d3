package nodes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/resilience"
	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

// downAfter is how many failures in a row make a degraded channel a channel that is down.
const downAfter = 3

// Deliverer is the Delivery node. Each attempt is a pass over the channels: the healthy ones in order until one has
// taken everything; when none is healthy, the last channel as a last resort. What no pass could deliver goes to the
// emergency spool.
type Deliverer struct {
	channels  []*outlet
	recover   time.Duration
	rand      Rand
	passes    *resilience.Guard[struct{}]
	spool     *emergency
	throttled bool
	// spoolHere is false in the recovery graph, where the alternate delivery node spools.
	spoolHere bool
}

// outlet is a channel, its policies and its health. Passes share it.
type outlet struct {
	Channel
	place catalog.Place
	guard *resilience.Guard[int]

	mu       sync.Mutex
	health   catalog.Health
	failures int
	failedAt time.Time
	stats    ChannelStats
}

// ChannelStats counts what a channel did. Records are those that it accepted.
type ChannelStats struct {
	Name                   string
	Health                 catalog.Health
	Idempotent             bool
	Tried, Failed, Skipped int
	Records                int64
	Recognised             int64 // records sent again under a key that the channel can recognise
	LastError              string
}

// Add adds what the channel did for another client. The worst of their healths stands.
func (c *ChannelStats) Add(of ChannelStats) {
	c.Tried += of.Tried
	c.Failed += of.Failed
	c.Skipped += of.Skipped
	c.Records += of.Records
	c.Recognised += of.Recognised
	if of.LastError != "" {
		c.LastError = of.LastError
	}
	if catalog.Rank(of.Health, catalog.Healths()) > catalog.Rank(c.Health, catalog.Healths()) {
		c.Health = of.Health
	}
}

func newDeliverer(s *settings.Settings, parts Parts, spool *emergency) *Deliverer {
	passes, call := s.Delivery, s.Delivery
	// These guard each channel, and those the passes.
	passes.Timeout, passes.Bulkhead, passes.AdaptiveLimit, passes.RateLimit = 0, 0, 0, 0
	passes.HedgeAfter, passes.Throttle, passes.Breaker = "", 0, false
	call.Attempts, call.Deadline = 1, 0
	d := &Deliverer{
		recover:   s.ChannelRecover,
		throttled: call.Throttle > 0,
		rand:      parts.Rand,
		channels:  make([]*outlet, 0, len(parts.Channels)),
		spool:     spool,
		spoolHere: !s.RecoveryGraph(),
		passes: resilience.NewGuard[struct{}](resilience.Options{
			Place:  nodePlace(catalog.Delivery),
			Policy: passes,
			Turn:   parts.Turn,
			Tally:  parts.Tally,
		}),
	}
	for _, c := range parts.Channels {
		place := catalog.ChannelPlace(c.Name())
		d.channels = append(d.channels, &outlet{
			Channel: c,
			place:   place,
			health:  catalog.Healthy,
			guard: resilience.NewGuard[int](resilience.Options{
				Place:  place,
				Class:  errhandler.Network,
				Policy: call,
				Quiet:  true,
				Drawn:  parts.Rand(Key{Place: place, Use: "breaker", Cycle: parts.Client}),
				Turn:   parts.Turn,
				Tally:  parts.Tally,
			}),
		})
	}
	return d
}

// Actions lists the node's actions.
func (d *Deliverer) Actions() []workflow.Action { return []workflow.Action{Success, DeliveryFailed} }

// BeforePrep makes channels healthy again whose time to recover is over.
func (d *Deliverer) BeforePrep(ctx context.Context, _ *State) error {
	for _, c := range d.channels {
		c.mu.Lock()
		if c.health != catalog.Healthy && time.Since(c.failedAt) >= d.recover {
			c.become(ctx, catalog.Healthy)
		}
		c.mu.Unlock()
	}
	return nil
}

// Prep hands on the records in flight, from which a pass takes those that a channel accepts.
func (d *Deliverer) Prep(_ context.Context, s *State) (*State, error) {
	return s, nil
}

// Exec is one pass over the channels.
func (d *Deliverer) Exec(ctx context.Context, s *State) (struct{}, error) {
	var failures passError
	s.passes++
	for _, c := range d.candidates(ctx, len(s.inFlight.undelivered()) > 0) {
		if len(s.inFlight.undelivered()) == 0 || ctx.Err() != nil {
			break
		}
		if err := d.send(ctx, c, s); err != nil {
			failures = append(failures, err)
		}
	}
	switch {
	case len(s.inFlight.undelivered()) == 0:
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
		h := c.nowHealth()
		if h == catalog.Healthy {
			healthy = append(healthy, c)
			continue
		}
		if last := i == len(d.channels)-1; last && len(healthy) == 0 {
			return d.channels[i:] // the last resort
		}
		c.note(func(s *ChannelStats) { s.Skipped++ })
		e := catalog.ChannelSkipped.At(c.place)
		e.Detail = string(h)
		workflow.Emit(ctx, e)
	}
	return healthy
}

func (c *outlet) nowHealth() catalog.Health {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.health
}

// note counts something.
func (c *outlet) note(count func(*ChannelStats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	count(&c.stats)
}

// send offers the remaining records to one channel and notes what it accepted.
func (d *Deliverer) send(ctx context.Context, c *outlet, s *State) error {
	batch := s.inFlight.delivery()
	// Of several calls at once, the channel has the records of that which brought most, and may have those of another.
	var calls struct {
		sync.Mutex
		taken, made int
		refused     []Refusal
		// restMayBe says that it may have the others, too.
		restMayBe bool
	}
	call := resilience.Call[int]{}
	if d.throttled {
		call.Chance = func(int) float64 {
			return d.rand(Key{Place: c.place, Use: "throttle", Cycle: s.Cycle, Attempt: s.passes})
		}
	}
	call.Fn = func(ctx context.Context, _ int) (int, error) {
		tried := catalog.ChannelTried
		if resilience.Hedge(ctx) > 0 {
			tried = catalog.Hedged
		}
		c.note(func(s *ChannelStats) { s.Tried++ })
		calls.Lock()
		calls.made++
		calls.Unlock()
		workflow.Emit(ctx, tried.At(c.place))
		n, err := c.Deliver(ctx, batch)
		refused, _ := errors.AsType[*RefusedError](err)
		if refused != nil { // which no one should try again
			err = refused.Rest
		}
		if err == nil && n < len(batch.Records) {
			err = fmt.Errorf("%w: %d of %d records accepted", ErrPartial, n, len(batch.Records))
		}
		calls.Lock()
		defer calls.Unlock()
		if n = min(n, len(batch.Records)); n > calls.taken {
			_, calls.restMayBe = errors.AsType[*RestError](err)
			calls.taken, calls.refused = n, nil
			if refused != nil {
				calls.refused = refused.Refused
			}
		}
		return n, err
	}
	_, err := c.guard.Do(ctx, call)
	taken := calls.taken
	if calls.made > 1 {
		s.inFlight.maybeTaken(c.Name(), batch)
	}
	if taken > 0 {
		d.settledBy(ctx, c, s, taken, calls.refused)
	}
	if err == nil || taken == len(batch.Records) {
		c.works(ctx)
		return nil
	}
	if Uncertain(err) && taken == 0 || calls.restMayBe {
		s.inFlight.maybeTaken(c.Name(), s.inFlight.delivery())
	}
	if errors.Is(err, context.Canceled) { // the run was interrupted, which says nothing about the channel
		return err
	}
	workflow.EmitError(ctx, catalog.ChannelFailed.At(c.place), err)
	switch {
	case errors.Is(err, resilience.ErrThrottled):
		c.note(func(s *ChannelStats) { s.Skipped++ }) // the throttle lets others through
	case errors.Is(err, resilience.ErrBreakerOpen):
		c.rejected(ctx)
	default:
		c.failed(ctx, err)
	}
	return err
}

// settledBy notes that the channel took the first n of the records, but for those that it refused.
func (d *Deliverer) settledBy(ctx context.Context, c *outlet, s *State, n int, refused []Refusal) {
	recognised, duplicate := s.inFlight.settledBy(c, n, refused)
	n -= len(refused)
	s.Outcome.Refused += len(refused)
	if n == 0 {
		return
	}
	if duplicate {
		s.Outcome.PossibleDuplicates += n
	}
	c.note(func(s *ChannelStats) {
		s.Records += int64(n)
		if recognised {
			s.Recognised += int64(n)
		}
	})
	s.Channel = c.Name()
	s.Outcome.Delivered += n
	if c != d.channels[0] {
		s.Outcome.FailedOver = true
	}
	e := catalog.ChannelAccepted.At(c.place)
	e.Count = n
	workflow.Emit(ctx, e)
}

func (c *outlet) works(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures = 0
	c.become(ctx, catalog.Healthy)
}

// rejected notes that the breaker did not let the channel be tried: it has not failed again, but no one should count on
// it.
func (c *outlet) rejected(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Skipped++
	if c.health == catalog.Healthy {
		c.become(ctx, catalog.DegradedHealth)
	}
}

func (c *outlet) failed(ctx context.Context, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures++
	c.failedAt = time.Now()
	c.stats.Failed++
	c.stats.LastError = reason(err)
	if c.failures >= downAfter {
		c.become(ctx, catalog.Down)
	} else {
		c.become(ctx, catalog.DegradedHealth)
	}
}

// become changes the channel's health and emits the change; the caller holds the lock.
func (c *outlet) become(ctx context.Context, h catalog.Health) {
	if h == c.health {
		return
	}
	e := catalog.ChannelChanged.At(c.place)
	e.From, e.To = string(c.health), string(h)
	workflow.Emit(ctx, e)
	c.health = h
}

// Uncertain reports whether records may have arrived although the delivery failed: the call was cut short, or the
// answer never came. After a refused connection or a full disk they have certainly not.
func Uncertain(err error) bool {
	if status, ok := errors.AsType[*StatusError](err); ok {
		return slices.Contains([]int{500, 502, 504}, status.Code) // a gateway can't tell; 503 serves nobody
	}
	if _, ok := errors.AsType[*AckError](err); ok {
		return true
	}
	return errors.Is(err, resilience.ErrTimeout) || errors.Is(err, context.Canceled) ||
		errors.Is(err, workflow.ErrPanic) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.ErrUnexpectedEOF)
}

// Around puts Exec inside the passes' retry policy.
func (d *Deliverer) Around(
	ctx context.Context,
	s *State,
	call func(context.Context) (struct{}, error),
	fallback func(context.Context, error) (struct{}, error),
) (struct{}, error) {
	if len(s.inFlight.undelivered()) == 0 { // which takes no pass
		return call(ctx)
	}
	cycle, _ := workflow.Now(ctx)
	return d.passes.Do(ctx, resilience.Call[struct{}]{
		Fn:       func(ctx context.Context, _ int) (struct{}, error) { return call(ctx) },
		Fallback: fallback,
		Jitter:   d.rand.eachAttempt(nodePlace(catalog.Delivery), "jitter", cycle),
	})
}

// ExecFallback writes what is left to the emergency spool. In the recovery graph it leaves that to the next node.
func (d *Deliverer) ExecFallback(ctx context.Context, _ *State, s *State, _ error) (struct{}, error) {
	if d.spoolHere {
		d.spool.take(ctx, s)
	}
	return struct{}{}, nil
}

// Post sets the status of delivery. In the recovery graph the records that are left stay in flight.
func (d *Deliverer) Post(_ context.Context, s *State, _ *State, _ struct{}) (workflow.Action, error) {
	s.Status = s.deliveryStatus()
	if len(s.inFlight.undelivered()) == 0 && s.Outcome.Spooled == 0 && s.Outcome.Undelivered == 0 &&
		s.Outcome.Refused == 0 {
		return Success, nil
	}
	return DeliveryFailed, nil
}

// Stats returns what each channel did so far.
func (d *Deliverer) Stats() []ChannelStats {
	stats := make([]ChannelStats, len(d.channels))
	for i, c := range d.channels {
		c.note(func(s *ChannelStats) { stats[i] = *s })
		stats[i].Name, stats[i].Health, stats[i].Idempotent = c.Name(), c.nowHealth(), c.Idempotent()
	}
	return stats
}

func (s *State) deliveryStatus() catalog.DeliveryStatus {
	switch n := s.inFlight.handedOn(); {
	case n == 0:
		return catalog.NothingToDeliver
	case s.Outcome.Delivered == n:
		return catalog.Delivered
	case s.Outcome.Delivered > 0:
		return catalog.PartlyDelivered
	case s.Outcome.Spooled > 0 && len(s.inFlight.undelivered()) == 0 && s.Outcome.Undelivered == 0:
		return catalog.DeliveredToSpool
	}
	return catalog.DeliveryFailed
}

// emergency is the emergency spool behind its policies.
type emergency struct {
	spool Spool
	guard *resilience.Guard[struct{}]
	on    bool
}

func newEmergency(s *settings.Settings, parts Parts) *emergency {
	return &emergency{
		spool: parts.Spool,
		on:    parts.Spool != nil,
		guard: resilience.NewGuard[struct{}](resilience.Options{
			Place:  catalog.PlaceSpool,
			Class:  errhandler.Storage,
			Policy: settings.Policy{Timeout: s.Delivery.Timeout},
			Quiet:  true,
			Turn:   parts.Turn,
			Tally:  parts.Tally,
		}),
	}
}

var errNoSpool = errhandler.As(errhandler.Storage, errors.New("no channel took it and the emergency spool is off"))

// take spools the remaining records. What even the spool does not take becomes dead letters.
func (e *emergency) take(ctx context.Context, s *State) {
	if len(s.inFlight.undelivered()) == 0 {
		return
	}
	batch := s.inFlight.delivery()
	err, kept := errNoSpool, false
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
	if err != nil {
		workflow.EmitError(ctx, catalog.SpoolFailed.At(catalog.PlaceSpool), err)
		s.inFlight.givenUp(catalog.PlaceSpool, err)
		s.Outcome.Undelivered += len(batch.Records)
		return
	}
	if s.inFlight.spooled() {
		s.Outcome.PossibleDuplicates += len(batch.Records)
	}
	s.Outcome.Spooled += len(batch.Records)
	s.Channel = "spool"
	taken := catalog.Spooled.At(catalog.PlaceSpool)
	taken.Count = len(batch.Records)
	workflow.Emit(ctx, taken)
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

// Post sets the status of delivery.
func (n *AlternateDelivery) Post(_ context.Context, s *State, _ *State, _ struct{}) (workflow.Action, error) {
	s.Status = s.deliveryStatus()
	return Success, nil
}
