package nodes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"faultflow/internal/errhandler"
	"faultflow/internal/resilience"
	"faultflow/internal/workflow"
)

// Collector is the DataCollector: it asks the source how it is, fetches a batch through its policies, and climbs down
// the fallback ladder when the source can't be used.
type Collector struct {
	source    Source
	policy    resilience.Policy
	batchSize int
	rand      Rand
	health    *resilience.Guard[struct{}]
	fetch     *resilience.Guard[*intake]
	ladder    *ladder
	// useLadder is false in the recovery graph, where the fallback data node climbs down the ladder.
	useLadder bool
	fallback  bool
}

// intake is the outcome of a fetch.
type intake struct {
	batch  Batch
	origin errhandler.Origin
	age    time.Duration
	end    bool
	asked  int
	// invalid are records that AfterExec took out of the batch.
	invalid []invalidRecord
}

type invalidRecord struct {
	record Record
	err    error
}

func newCollector(s Settings, ladder *ladder) *Collector {
	return &Collector{
		source: s.Source, policy: s.Collector, batchSize: s.BatchSize, rand: s.Rand, ladder: ladder, useLadder: !s.RecoveryGraph, fallback: s.Fallback,
		health: resilience.NewGuard[struct{}](resilience.Options{Node: CollectorNode, Place: PlaceHealth, Class: errhandler.Network,
			Policy: resilience.Policy{Timeout: s.Collector.Timeout}, Quiet: true}),
		fetch: newFetch(s.Collector),
	}
}

func newFetch(p resilience.Policy) *resilience.Guard[*intake] {
	return resilience.NewGuard[*intake](resilience.Options{Node: CollectorNode, Place: PlaceFetch, Class: errhandler.Network, Policy: p})
}

// renew makes the collector as newCollector made it. Whether it has a breaker may have changed.
func (c *Collector) renew(s Settings) {
	c.source, c.rand = s.Source, s.Rand
	c.health.Reset()
	if s.Collector == c.policy {
		c.fetch.Reset()
	} else {
		c.policy, c.fetch = s.Collector, newFetch(s.Collector)
	}
	*c.ladder = ladder{ttl: s.CacheTTL, maxAge: s.CacheMaxAge}
}

// Actions lists the collector's actions.
func (c *Collector) Actions() []workflow.Action { return []workflow.Action{Success, CircuitOpen} }

// BeforePrep is the health check. An unhealthy source is noted and tried all the same: the policies decide.
func (c *Collector) BeforePrep(ctx context.Context, s *State) error {
	_, err := c.health.Do(ctx, resilience.Call[struct{}]{Fn: func(ctx context.Context, _ int) (struct{}, error) {
		return struct{}{}, c.source.Health(ctx)
	}})
	if err != nil && ctx.Err() == nil {
		s.Outcome.Unhealthy = reason(err)
		workflow.EmitError(ctx, workflow.Event{Node: CollectorNode, Place: PlaceHealth, Kind: HealthFailed}, err)
	}
	return nil
}

// HealthFailed is the event of a source that failed its health check.
const HealthFailed workflow.Kind = "health_failed"

// Prep hands on where fetched rows are kept until they are admitted.
func (c *Collector) Prep(_ context.Context, s *State) (*flight, error) { return &s.flight, nil }

// Exec fetches one batch. Rows that came too late for an attempt's timeout are not fetched again: the next attempt
// takes them.
func (c *Collector) Exec(ctx context.Context, f *flight) (*intake, error) {
	if !f.fetched {
		batch, err := c.source.Fetch(ctx, c.batchSize)
		f.end = errors.Is(err, io.EOF)
		if err != nil && !f.end {
			return nil, err
		}
		if batch.Len() == 0 && !f.end {
			return nil, ErrEmptyBatch
		}
		f.rows, f.fetched = batch, true
	}
	return c.taken(f), nil
}

func (c *Collector) taken(f *flight) *intake {
	in := &intake{batch: f.rows, origin: errhandler.FromSource, end: f.end}
	if !f.end && f.rows.Len() < c.batchSize {
		in.asked = c.batchSize
	}
	return in
}

// Around puts Exec inside the collector's policies.
func (c *Collector) Around(ctx context.Context, call func(context.Context) (*intake, error), fallback func(context.Context, error) (*intake, error)) (*intake, error) {
	cycle, _ := workflow.Now(ctx)
	return c.fetch.Do(ctx, resilience.Call[*intake]{
		Fn:       func(ctx context.Context, _ int) (*intake, error) { return call(ctx) },
		Fallback: fallback,
		Jitter: func(attempt int) float64 {
			return c.rand(Key{Place: PlaceFetch, Use: "jitter", Cycle: cycle, Attempt: attempt})
		},
	})
}

// ExecFallback takes an answer that came after the last attempt's timeout, else climbs down the ladder.
func (c *Collector) ExecFallback(_ context.Context, _ *State, f *flight, err error) (*intake, error) {
	switch {
	case f.fetched:
		return c.taken(f), nil
	case !c.fallback:
		return nil, err
	case !c.useLadder:
		return &intake{origin: errhandler.FromNowhere}, nil
	}
	return c.ladder.take(), nil
}

// AfterExec takes invalid and duplicate records out of the batch.
func (c *Collector) AfterExec(_ context.Context, _ *State, _ *flight, in *intake) (*intake, error) {
	in.validate()
	return in, nil
}

// Post admits the records to the pipeline.
func (c *Collector) Post(_ context.Context, s *State, _ *flight, in *intake) (workflow.Action, error) {
	s.admit(in)
	if in.origin == errhandler.FromSource {
		c.ladder.store(in.batch.Records)
		return Success, nil
	}
	return CircuitOpen, nil
}

// validate moves invalid and duplicate records out of the batch.
func (in *intake) validate() {
	type identity struct {
		id   string
		line int64
	}
	var seen map[identity]bool    // made once a line does not come after the one before: most batches have no use for it
	valid := in.batch.Records[:0] // in place: the source gave its slice away
	last := int64(0)
	for i, r := range in.batch.Records {
		if seen == nil && r.Line <= last {
			seen = make(map[identity]bool, len(in.batch.Records))
			for _, before := range in.batch.Records[:i] {
				seen[identity{before.ID, before.Line}] = true
			}
		}
		last = r.Line
		err := r.Validate()
		if key := (identity{r.ID, r.Line}); err == nil && seen[key] {
			err = &InvalidRecord{Field: "record", Problem: "is a duplicate"}
		} else if seen != nil {
			seen[key] = true
		}
		if err != nil {
			in.invalid = append(in.invalid, invalidRecord{r, err})
			continue
		}
		valid = append(valid, r)
	}
	in.batch.Records = valid
}

// admit enters an intake into the books and hands its records to processing.
func (s *State) admit(in *intake) {
	rows := in.batch.Len() + len(in.invalid)
	s.Books.Collected(in.origin, rows)
	for _, r := range in.batch.Rejected {
		s.Books.DeadLetter(DeadLetter{Record: Record{Line: r.Line, Value: math.NaN()}, Raw: r.Raw, Place: PlaceFetch, Class: errhandler.Data, Reason: r.Reason})
	}
	for _, r := range in.invalid {
		s.deadLetter(r.record, CollectorNode, r.err)
	}
	s.rows, s.fetched = Batch{}, false
	s.pending = in.batch.Records
	s.End = in.end
	s.Outcome.Origin, s.Outcome.CacheAge = in.origin, in.age
	s.Outcome.Rows, s.Outcome.Unreadable = rows, len(in.batch.Rejected)+len(in.invalid)
	s.Outcome.Asked = in.asked
}

// DefaultRecords and DefaultValue are ORIGINAL.md's default data: 10 records fallback_0…9 of value 100.
const (
	DefaultRecords = 10
	DefaultValue   = 100
)

// ladder is what a collector falls back to: a fresh cache, a stale one, default data. The cache is the last batch of
// valid records; it is fresh up to ttl and usable up to maxAge.
type ladder struct {
	ttl, maxAge time.Duration
	cached      []Record
	at          time.Time
}

func (l *ladder) store(records []Record) {
	if len(records) > 0 {
		l.cached, l.at = records, time.Now()
	}
}

func (l *ladder) take() *intake {
	age := time.Since(l.at)
	switch {
	case len(l.cached) > 0 && age <= l.ttl:
		return &intake{batch: l.copyCache(), origin: errhandler.FromFreshCache, age: age}
	case len(l.cached) > 0 && age <= l.maxAge:
		return &intake{batch: l.copyCache(), origin: errhandler.FromStaleCache, age: age}
	}
	return &intake{batch: defaultData(), origin: errhandler.FromDefault}
}

func (l *ladder) copyCache() Batch {
	records := make([]Record, len(l.cached))
	for i, r := range l.cached {
		r.Source = "cache"
		records[i] = r
	}
	return Batch{Records: records}
}

func defaultData() Batch {
	records := make([]Record, DefaultRecords)
	now := time.Now().UTC()
	for i := range records {
		records[i] = Record{ID: "fallback_" + strconv.Itoa(i), Value: DefaultValue, Timestamp: now, Source: "fallback"}
	}
	return Batch{Records: records}
}

// FallbackData is the recovery graph's node after circuit_open: it climbs down the ladder.
type FallbackData struct{ ladder *ladder }

// Actions lists the node's actions.
func (n *FallbackData) Actions() []workflow.Action { return []workflow.Action{Success} }

// Prep has nothing to read.
func (n *FallbackData) Prep(context.Context, *State) (struct{}, error) { return struct{}{}, nil }

// Exec climbs down the ladder.
func (n *FallbackData) Exec(context.Context, struct{}) (*intake, error) {
	in := n.ladder.take()
	in.validate()
	if in.batch.Len() == 0 {
		return in, fmt.Errorf("fallback ladder: %w", ErrEmptyBatch)
	}
	return in, nil
}

// Post admits the records to the pipeline.
func (n *FallbackData) Post(_ context.Context, s *State, _ struct{}, in *intake) (workflow.Action, error) {
	s.admit(in)
	return Success, nil
}
