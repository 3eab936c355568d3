package nodes

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/resilience"
	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

// Constants of docs/original.md.
const (
	// PartialAfter is how many attempts must have failed before a part of the batch is processed simply.
	PartialAfter = 3
	// FallbackRecords is how many records the minimal fallback passes through.
	FallbackRecords = 10
	// PartialRecords is how many records the recovery graph's partial processing node takes.
	PartialRecords = 5
	// ExhaustedBelow is the share of a batch below which the stage counts as retry_exhausted.
	ExhaustedBelow = 0.5
	// MinQuality and MaxQuality bound a processed record's quality: [0.7, 1.0).
	MinQuality, MaxQuality = 0.7, 1.0
	minRecordTime          = 10 * time.Millisecond
	maxRecordTime          = 50 * time.Millisecond
)

var (
	errNotProcessed = errhandler.As(errhandler.Processing, errors.New("left out by partial processing"))
	errPassedOver   = errhandler.As(errhandler.Processing, errors.New("left out by the minimal fallback"))
)

// Processing is the processing node: record by record, with a bounded number of workers. A failed batch is tried again
// with backoff; a failed record is given up alone.
type Processing struct {
	processor Processor
	workers   int
	rand      Rand
	call      settings.Policy // of the batch and of each record
	attempts  *resilience.Guard[*work]
	batch     *resilience.Guard[struct{}]
	record    *resilience.Guard[struct{}]
	// recovery by error class; elsewhere says that the recovery graph's partial processing node does it.
	recovery, elsewhere bool
	// virtual says that the run is made in virtual time, whose instants several workers share.
	virtual bool
	// doubles says that processing doubles values.
	doubles bool
}

// work is a batch after processing: its processed and its failed records.
type work struct {
	mode      catalog.Mode
	processed []Processed
	failed    []failure
}

func newProcessing(s *settings.Settings, parts Parts) *Processing {
	attempts, call := s.Processor, s.Processor
	// These guard the calls within an attempt, and those the attempt.
	attempts.Timeout, attempts.Bulkhead, attempts.AdaptiveLimit, attempts.RateLimit = 0, 0, 0, 0
	attempts.HedgeAfter = ""
	call.Attempts, call.Deadline, call.Throttle, call.Breaker = 1, 0, 0, false
	begin := call
	begin.HedgeAfter = "" // a batch begins once
	guard := func(p catalog.Place, policy settings.Policy) *resilience.Guard[struct{}] {
		return resilience.NewGuard[struct{}](resilience.Options{
			Place:  p,
			Class:  errhandler.Processing,
			Policy: policy,
			Quiet:  true,
			Turn:   parts.Turn,
			Tally:  parts.Tally,
		})
	}
	return &Processing{
		processor: parts.Transform,
		workers:   s.Workers,
		rand:      parts.Rand,
		call:      call,
		recovery:  s.Recovery,
		elsewhere: s.RecoveryGraph(),
		virtual:   s.Virtual(),
		doubles:   s.Doubles(),
		attempts: resilience.NewGuard[*work](resilience.Options{
			Place:  nodePlace(catalog.Processor),
			Class:  errhandler.Processing,
			Policy: attempts,
			Drawn:  parts.Rand(Key{Place: nodePlace(catalog.Processor), Use: "breaker", Cycle: parts.Client}),
			Turn:   parts.Turn,
			Tally:  parts.Tally,
		}),
		batch:  guard(catalog.PlaceBatch, begin),
		record: guard(catalog.PlaceRecord, call),
	}
}

// Actions lists the node's actions.
func (p *Processing) Actions() []workflow.Action { return []workflow.Action{Success, RetryExhausted} }

// Prep reads the records that wait.
func (p *Processing) Prep(_ context.Context, s *State) ([]Record, error) {
	return s.inFlight.waiting(), nil
}

// Exec begins the batch, whose error fails the attempt, and then processes record by record.
func (p *Processing) Exec(ctx context.Context, records []Record) (*work, error) {
	if len(records) == 0 {
		return &work{mode: catalog.ModeNormal}, nil
	}
	_, err := p.batch.Do(ctx, resilience.Call[struct{}]{Fn: func(ctx context.Context, _ int) (struct{}, error) {
		return struct{}{}, p.processor.Begin(ctx, records)
	}})
	if err != nil {
		return nil, err
	}
	return p.each(ctx, records), ctx.Err()
}

// each processes the records with the node's workers. Results are kept by the record's index in the batch, so that they
// do not depend on the order in which workers finish. Workers that compete for places or the rate limit's turns have
// nanoseconds of their own: at one virtual instant the scheduler would decide which one comes first. Those of a pass
// beside others always have.
func (p *Processing) each(ctx context.Context, records []Record) *work {
	results, errs := make([]Processed, len(records)), make([]error, len(records))
	workers := min(p.workers, len(records))
	compete := p.virtual &&
		(p.call.RateLimit > 0 || p.call.AdaptiveLimit > 0 || p.call.Bulkhead > 0 && workers > p.call.Bulkhead)
	shares, lanes := workflow.Shares(ctx), resilience.Lanes(p.call)
	ends := min(1, lanes-1) // a hedge's delay ends where its worker's time is, and so no call does
	var next atomic.Int64
	worker := func(w int) {
		ctx := workflow.WithLane(ctx, w*lanes)
		ownTime := func(ctx context.Context, of int) {
			switch {
			case shares:
				workflow.AwaitOwn(ctx)
			case compete:
				awaitOwnTime(ctx, w+workers*of)
			}
		}
		i := 0
		var answer struct { // of several calls for a record, the first answer counts
			sync.Mutex
			there bool
		}
		one := func(ctx context.Context, _ int) (none struct{}, err error) {
			defer ownTime(ctx, ends+resilience.Hedge(ctx)) // a panic gives its place back, too
			out, err := p.processor.Process(ctx, records[i])
			answer.Lock()
			defer answer.Unlock()
			if err == nil && !answer.there {
				results[i], answer.there = out, true
			}
			return none, err
		}
		process := p.record.Bind(ctx, resilience.Call[struct{}]{Fn: one})
		ownTime(ctx, 0)
		for i = int(next.Add(1)) - 1; i < len(records) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
			answer.there = false
			_, errs[i] = process()
			ownTime(ctx, 0) // also after a call that was rejected
		}
	}
	// A sync.WaitGroup would do, but in a synctest bubble Go 1.26 keeps 32 bytes of each for ever, and there are
	// campaigns of millions of batches.
	ended := make(chan struct{}, workers)
	for w := 1; w < workers; w++ {
		go func() {
			worker(w)
			ended <- struct{}{}
		}()
	}
	worker(0)
	for range workers - 1 {
		<-ended
	}
	workflow.AwaitOwn(ctx) // the last worker may have been another
	done := &work{mode: catalog.ModeNormal, processed: results[:0]}
	for i, err := range errs {
		if err != nil {
			done.failed = append(done.failed, failure{record: records[i], place: catalog.PlaceRecord, err: err})
			continue
		}
		done.processed = append(done.processed, results[i])
	}
	return done
}

// turn is the period of each worker's own nanosecond. It has more nanoseconds than there can be workers.
const turn = 20 * time.Microsecond

// awaitOwnTime waits until the time since the run began is the own nanosecond of a turn of a worker, or of its hedge.
// The first nanosecond of a turn belongs to no worker: a rate limit lets calls through there.
func awaitOwnTime(ctx context.Context, worker int) {
	_, at := workflow.Now(ctx)
	time.Sleep((turn + time.Duration(worker)%(turn-1) + 1 - at%turn) % turn)
}

// Around puts Exec inside the processing node's policies.
func (p *Processing) Around(
	ctx context.Context,
	records []Record,
	call func(context.Context) (*work, error),
	fallback func(context.Context, error) (*work, error),
) (*work, error) {
	if len(records) == 0 {
		return call(ctx)
	}
	cycle, _ := workflow.Now(ctx)
	return p.attempts.Do(ctx, resilience.Call[*work]{
		Fn:       func(ctx context.Context, _ int) (*work, error) { return call(ctx) },
		Fallback: fallback,
		Jitter:   p.rand.eachAttempt(catalog.PlaceBatch, "jitter", cycle),
		Chance:   p.rand.eachAttempt(catalog.PlaceBatch, "throttle", cycle),
	})
}

// OnError is the recovery by error class: after data and processing errors the first half of the batch is processed
// simply, once enough attempts have failed.
func (p *Processing) OnError(_ context.Context, _ *State, records []Record, err error) (*work, bool) {
	if !p.recovery || p.elsewhere {
		return nil, false
	}
	class, attempts := errhandler.Classify(err), 0
	if ne, ok := errors.AsType[*workflow.NodeError](err); ok {
		attempts = ne.Attempt
	}
	if attempts < PartialAfter || class != errhandler.Data && class != errhandler.Processing {
		return nil, false
	}
	return partly(records, (len(records)+1)/2, errNotProcessed, p.doubles), true
}

// ExecFallback is the minimal fallback for what OnError leaves: the first records, passed through and marked.
func (p *Processing) ExecFallback(_ context.Context, _ *State, records []Record, err error) (*work, error) {
	if !p.recovery {
		return nil, err
	}
	if p.elsewhere {
		return &work{}, nil // the records stay pending for the partial processing node
	}
	n := min(FallbackRecords, len(records))
	out := &work{mode: catalog.ModeFallback}
	for _, r := range records[:n] {
		done := unchanged(r, catalog.ModeFallback)
		if p.doubles {
			done.ProcessedValue, done.Quality = r.Value, 0
		}
		out.processed = append(out.processed, done)
	}
	for _, r := range records[n:] {
		out.failed = append(out.failed, failure{record: r, place: nodePlace(catalog.Processor), err: errPassedOver})
	}
	return out, nil
}

// unchanged is a record to which processing adds nothing but its mode.
func unchanged(r Record, mode catalog.Mode) Processed {
	return Processed{Record: r, Mode: mode, ProcessedValue: math.NaN(), Quality: math.NaN()}
}

// partly processes the first n records simply, without the processor, and gives up the others.
func partly(records []Record, n int, why error, doubles bool) *work {
	out := &work{mode: catalog.ModePartial}
	for i, r := range records {
		if i >= n {
			out.failed = append(out.failed, failure{record: r, place: nodePlace(catalog.Processor), err: why})
			continue
		}
		done := unchanged(r, catalog.ModePartial)
		if doubles {
			done.ProcessedValue, done.Quality = 2*r.Value, MinQuality
		}
		out.processed = append(out.processed, done)
	}
	return out
}

// Post hands the processed records to delivery and gives up the failed ones. Records that no one handled stay pending.
func (p *Processing) Post(ctx context.Context, s *State, records []Record, w *work) (workflow.Action, error) {
	s.Outcome.In = len(records)
	exhausted := w.mode != catalog.ModeNormal || float64(len(w.processed)) < ExhaustedBelow*float64(len(records))
	if p.elsewhere && exhausted {
		// The partial processing node gets what is left.
		w.tell(ctx)
		s.inFlight.postponed(w.processed, w.failed)
		s.Outcome.Processed = len(w.processed)
		return RetryExhausted, nil
	}
	s.finish(ctx, w)
	if exhausted {
		return RetryExhausted, nil
	}
	return Success, nil
}

// tell emits the events of the records that failed alone, each once. Records that a recovery left out have none: they
// failed with the batch, whose event was emitted.
func (w *work) tell(ctx context.Context) {
	for i := range w.failed {
		f := &w.failed[i]
		if f.place == catalog.PlaceRecord && !f.told {
			e := catalog.RecordFailed.At(f.place)
			e.Record = f.record.ID
			workflow.EmitError(ctx, e, f.err)
		}
		f.told = true
	}
}

// finish ends processing: what is not processed goes to the dead letters with its reason.
func (s *State) finish(ctx context.Context, w *work) {
	s.inFlight.processed(w.processed, w.failed)
	w.tell(ctx)
	s.Outcome.Mode, s.Outcome.Processed = w.mode, s.inFlight.handedOn()
}

// PartialProcessing is the recovery graph's node after retry_exhausted: the first few of the records that are left are
// processed simply.
type PartialProcessing struct{ doubles bool }

// Actions lists the node's actions.
func (n *PartialProcessing) Actions() []workflow.Action { return []workflow.Action{Success} }

// Prep reads the records that are left.
func (n *PartialProcessing) Prep(_ context.Context, s *State) ([]Record, error) {
	return s.inFlight.waiting(), nil
}

// Exec processes the first PartialRecords of them.
func (n *PartialProcessing) Exec(_ context.Context, records []Record) (*work, error) {
	return partly(records, PartialRecords, errNotProcessed, n.doubles), nil
}

// Post hands them to delivery and gives up the others, those that had failed alone with their own reason.
func (n *PartialProcessing) Post(ctx context.Context, s *State, _ []Record, w *work) (workflow.Action, error) {
	if alone := s.inFlight.failures(); len(alone) > 0 {
		w.failed = alone[len(w.processed):]
	}
	s.finish(ctx, w)
	return Success, nil
}

// NewProcessor returns the processor that the settings name. If instant, a record takes no time of its own. The error is
// a *settings.Error.
func NewProcessor(s *settings.Settings, rand Rand, instant bool) (Processor, error) {
	switch {
	case s.Doubles():
		return Doubler{Rand: rand, Instant: instant}, nil
	case s.Process == settings.ProcessNone || s.Process == "":
		return AsIs{}, nil
	}
	assign, err := ParseAssign(s.Process)
	if err != nil {
		return nil, &settings.Error{Name: "process", Value: s.Process, Problem: err.Error()}
	}
	return assign, nil
}

// Doubler is the pipeline's own Processor: a record takes 10–50 ms, its value is doubled, and it gets a quality score.
type Doubler struct {
	Rand Rand
	// Instant says that a record takes no time of its own: a capacity decides how long it takes, or it is a real one.
	Instant bool
}

var _ Processor = Doubler{}

// Begin has nothing to prepare.
func (Doubler) Begin(ctx context.Context, _ []Record) error { return ctx.Err() }

// Process doubles one record's value.
func (d Doubler) Process(ctx context.Context, r Record) (Processed, error) {
	cycle, _ := workflow.Now(ctx)
	k := Key{
		Place:   catalog.PlaceRecord,
		Use:     "latency",
		Cycle:   cycle,
		Record:  r.Number(),
		Attempt: resilience.Hedge(ctx),
	}
	if !d.Instant {
		if err := Pause(ctx, d.Rand.Between(k, minRecordTime, maxRecordTime)); err != nil {
			return Processed{}, err
		}
	}
	if err := r.Validate(); err != nil {
		return Processed{}, fmt.Errorf("record %s: %w", r.ID, err)
	}
	k.Use, k.Attempt = "quality", 0
	return Processed{
		Record:         r,
		ProcessedValue: 2 * r.Value,
		Quality:        MinQuality + float64(d.Rand(k)*(MaxQuality-MinQuality)),
		Mode:           catalog.ModeNormal,
	}, nil
}

// AsIs is the Processor that changes nothing.
type AsIs struct{}

var _ Processor = AsIs{}

// Begin has nothing to prepare.
func (AsIs) Begin(ctx context.Context, _ []Record) error { return ctx.Err() }

// Process passes the record on.
func (AsIs) Process(ctx context.Context, r Record) (Processed, error) {
	if err := r.Validate(); err != nil {
		return Processed{}, fmt.Errorf("record %s: %w", r.ID, err)
	}
	return unchanged(r, catalog.ModeNormal), ctx.Err()
}
