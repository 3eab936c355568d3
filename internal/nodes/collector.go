package nodes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/resilience"
	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

// Collector is the DataCollector: it checks the source's health, fetches a batch through its policies, and climbs down
// the fallback ladder when the source can't be used.
type Collector struct {
	source    Source
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
	origin catalog.Origin
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

func newCollector(s *settings.Settings, parts Parts, ladder *ladder) *Collector {
	fetch := s.Collector
	if s.Input != "" {
		fetch.HedgeAfter = "" // an input is read row by row: a second call would get other rows
	}
	return &Collector{
		source:    parts.Source,
		batchSize: s.BatchSize,
		rand:      parts.Rand,
		ladder:    ladder,
		useLadder: !s.RecoveryGraph(),
		fallback:  s.Fallback,
		health: resilience.NewGuard[struct{}](resilience.Options{
			Place:  catalog.PlaceHealth,
			Class:  errhandler.Network,
			Policy: settings.Policy{Timeout: s.Collector.Timeout},
			Quiet:  true,
			Turn:   parts.Turn,
			Tally:  parts.Tally,
		}),
		fetch: resilience.NewGuard[*intake](resilience.Options{
			Place:  catalog.PlaceFetch,
			Class:  errhandler.Network,
			Policy: fetch,
			Drawn:  parts.Rand(Key{Place: catalog.PlaceFetch, Use: "breaker", Cycle: parts.Client}),
			Turn:   parts.Turn,
			Tally:  parts.Tally,
		}),
	}
}

// Actions lists the collector's actions.
func (c *Collector) Actions() []workflow.Action { return []workflow.Action{Success, CircuitOpen} }

// BeforePrep is the health check. An unhealthy source is noted, and fetched from all the same: the policies decide.
func (c *Collector) BeforePrep(ctx context.Context, s *State) error {
	_, err := c.health.Do(ctx, resilience.Call[struct{}]{Fn: func(ctx context.Context, _ int) (struct{}, error) {
		return struct{}{}, c.source.Health(ctx)
	}})
	if err != nil && ctx.Err() == nil {
		s.Outcome.Unhealthy = reason(err)
		workflow.EmitError(ctx, catalog.HealthFailed.At(catalog.PlaceHealth), err)
	}
	return nil
}

// Prep hands on the rows in flight, to which Exec adds those that it fetches.
func (c *Collector) Prep(_ context.Context, s *State) (*inFlight, error) { return &s.inFlight, nil }

// Exec fetches one batch. If an earlier attempt timed out and its rows arrived afterwards, it takes these instead.
func (c *Collector) Exec(ctx context.Context, f *inFlight) (*intake, error) {
	if in := c.unadmitted(f); in != nil {
		return in, nil
	}
	batch, err := c.source.Fetch(ctx, c.batchSize)
	end := errors.Is(err, io.EOF)
	if err != nil && !end {
		return nil, err
	}
	if batch.Len() == 0 && !end {
		return nil, ErrEmptyBatch
	}
	f.fetched(batch, end)
	return c.unadmitted(f), nil
}

// unadmitted is the intake that was fetched and is not admitted yet; nil if there is none.
func (c *Collector) unadmitted(f *inFlight) *intake {
	in := f.unadmitted()
	if in != nil && !in.end && !in.batch.Short && in.batch.Len() < c.batchSize {
		in.asked = c.batchSize
	}
	return in
}

// Around puts Exec inside the collector's policies.
func (c *Collector) Around(
	ctx context.Context,
	_ *inFlight,
	call func(context.Context) (*intake, error),
	fallback func(context.Context, error) (*intake, error),
) (*intake, error) {
	cycle, _ := workflow.Now(ctx)
	return c.fetch.Do(ctx, resilience.Call[*intake]{
		Fn:       func(ctx context.Context, _ int) (*intake, error) { return call(ctx) },
		Fallback: fallback,
		Jitter:   c.rand.eachAttempt(catalog.PlaceFetch, "jitter", cycle),
		Chance:   c.rand.eachAttempt(catalog.PlaceFetch, "throttle", cycle),
	})
}

// ExecFallback takes an answer that came after the last attempt's timeout, else climbs down the ladder.
func (c *Collector) ExecFallback(_ context.Context, _ *State, f *inFlight, err error) (*intake, error) {
	if in := c.unadmitted(f); in != nil {
		return in, nil
	}
	switch {
	case !c.fallback:
		return nil, err
	case !c.useLadder:
		return &intake{origin: catalog.FromNowhere}, nil
	}
	return c.ladder.take(), nil
}

// AfterExec takes invalid and duplicate records out of the batch. Another call of a hedged fetch may have been answered
// since, with rows that belong to the batch, too.
func (c *Collector) AfterExec(_ context.Context, _ *State, f *inFlight, in *intake) (*intake, error) {
	if all := c.unadmitted(f); all != nil && in.origin == catalog.FromSource {
		in = all
	}
	in.validate()
	return in, nil
}

// Post admits the records to the pipeline.
func (c *Collector) Post(_ context.Context, s *State, _ *inFlight, in *intake) (workflow.Action, error) {
	s.admit(in)
	if in.origin == catalog.FromSource {
		c.ladder.store(in.batch.Records)
		return Success, nil
	}
	return CircuitOpen, nil
}

// validate moves invalid and duplicate records out of the batch.
func (in *intake) validate() {
	type identity struct {
		id  string // default data have no rows
		row int64
	}
	// seen is made at the first row that does not follow the one before: in most batches all rows ascend.
	var seen map[identity]bool
	valid := in.batch.Records[:0] // in place: the source gave its slice away
	last := int64(0)
	for i, r := range in.batch.Records {
		if seen == nil && r.Row <= last {
			seen = make(map[identity]bool, len(in.batch.Records))
			for _, before := range in.batch.Records[:i] {
				seen[identity{before.ID, before.Row}] = true
			}
		}
		last = r.Row
		err := r.Validate()
		if key := (identity{r.ID, r.Row}); err == nil && seen[key] {
			err = &RecordError{Field: "record", Problem: "is a duplicate"}
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

// last is the highest row of the input that is in the intake.
func (in *intake) last() (row int64) {
	for i := range in.batch.Records {
		if !in.batch.Records[i].Copy {
			row = max(row, in.batch.Records[i].Row)
		}
	}
	for i := range in.batch.Rejected {
		row = max(row, in.batch.Rejected[i].Row)
	}
	for i := range in.invalid {
		if !in.invalid[i].record.Copy {
			row = max(row, in.invalid[i].record.Row)
		}
	}
	return row
}

// rows counts the rows of the intake, valid or not.
func (in *intake) rows() int { return in.batch.Len() + len(in.invalid) }

// admit hands an intake to processing.
func (s *State) admit(in *intake) {
	s.inFlight.admitted(in)
	s.End = in.end
	s.Outcome.Origin, s.Outcome.CacheAge = in.origin, in.age
	s.Outcome.Rows, s.Outcome.Unreadable = in.rows(), len(in.batch.Rejected)+len(in.invalid)
	s.Outcome.Asked = in.asked
}

// DefaultRecords and DefaultValue are docs/original.md's default data: 10 records fallback_0…9 of value 100.
const (
	DefaultRecords = 10
	DefaultValue   = 100
)

// ladder has the rungs that a collector falls back to: a fresh cache, a stale cache, default data. The cache is the
// last batch of valid records; it is fresh up to an age of ttl and usable up to maxAge.
type ladder struct {
	ttl, maxAge time.Duration

	mu     sync.Mutex
	cached []Record
	at     time.Time
}

func (l *ladder) store(records []Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(records) > 0 {
		l.cached, l.at = records, time.Now()
	}
}

func (l *ladder) take() *intake {
	l.mu.Lock()
	defer l.mu.Unlock()
	age := time.Since(l.at)
	switch {
	case len(l.cached) > 0 && age <= l.ttl:
		return &intake{batch: l.copyCache(), origin: catalog.FromFreshCache, age: age}
	case len(l.cached) > 0 && age <= l.maxAge:
		return &intake{batch: l.copyCache(), origin: catalog.FromStaleCache, age: age}
	}
	return &intake{batch: defaultData(), origin: catalog.FromDefault}
}

func (l *ladder) copyCache() Batch {
	records := make([]Record, len(l.cached))
	for i, r := range l.cached {
		r.Source, r.Copy = "cache", true
		records[i] = r
	}
	return Batch{Records: records}
}

func defaultData() Batch {
	records := make([]Record, DefaultRecords)
	now := time.Now().UTC()
	for i := range records {
		records[i] = Record{
			ID:        "fallback_" + strconv.Itoa(i),
			Value:     DefaultValue,
			Timestamp: now,
			Source:    "fallback",
			Copy:      true,
		}
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
