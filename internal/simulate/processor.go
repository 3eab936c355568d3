package simulate

import (
	"context"
	"fmt"
	"math"

	"faultflow/internal/nodes"
	"faultflow/internal/workflow"
)

// Processor puts the plan's faults around a processor; without any it returns the processor itself.
func (p *Plan) Processor(inner nodes.Processor) nodes.Processor {
	b, r := p.points[nodes.PlaceBatch], p.points[nodes.PlaceRecord]
	if b == nil && r == nil {
		return inner
	}
	return &faultyProcessor{Processor: inner, batch: b, record: r}
}

type faultyProcessor struct {
	nodes.Processor
	batch, record *point
	// What Begin fixes for the batch's records, which are processed concurrently: their numbers among the run's calls,
	// the attempt within the cycle, and which of them a partial answer leaves out.
	numbers        map[uint64]int
	cycle, attempt int
	left           map[uint64]bool
	covered, total int
}

func (p *faultyProcessor) Begin(ctx context.Context, records []nodes.Record) error {
	p.left = nil
	if p.batch != nil {
		h := p.batch.next(ctx)
		if err := h.fail(ctx); err != nil {
			return err
		}
		if h.kind == Partial {
			p.leaveOut(records, or(h.params.Share, 0.5))
		}
		if _, err := slowed(ctx, h, func() (struct{}, error) { return struct{}{}, p.Processor.Begin(ctx, records) }); err != nil {
			return err
		}
	} else if err := p.Processor.Begin(ctx, records); err != nil {
		return err
	}
	p.number(ctx, records)
	return nil
}

func (p *faultyProcessor) leaveOut(records []nodes.Record, share float64) {
	p.covered, p.total = int(float64(len(records))*share), len(records)
	p.left = make(map[uint64]bool, len(records)-p.covered)
	for _, r := range records[p.covered:] {
		p.left[r.Number()] = true
	}
}

// number gives the batch's records their numbers among the run's calls, in the order of the batch, whatever order the
// workers take them in. Only faults that count calls need them.
func (p *faultyProcessor) number(ctx context.Context, records []nodes.Record) {
	if p.record == nil {
		return
	}
	cycle, _ := workflow.Now(ctx)
	if cycle != p.cycle {
		p.cycle, p.attempt = cycle, 0
	}
	p.attempt++
	p.numbers = nil
	for _, a := range p.record.faults {
		if a.fault.Trigger.byCall() && p.numbers == nil {
			p.numbers = make(map[uint64]int, len(records))
			for i, r := range records {
				p.numbers[r.Number()] = p.record.calls + i + 1
			}
		}
	}
	p.record.calls += len(records)
}

func (p *faultyProcessor) Process(ctx context.Context, r nodes.Record) (nodes.Processed, error) {
	if h := p.hit(ctx, r); h != nil {
		return p.broken(ctx, h, r)
	}
	return p.Processor.Process(ctx, r) // most records, so they go the short way
}

// hit decides what happens to a record; nil is nothing.
func (p *faultyProcessor) hit(ctx context.Context, r nodes.Record) *hit {
	number := r.Number()
	if p.left[number] {
		return &hit{kind: Partial}
	}
	if p.record == nil {
		return nil
	}
	_, at := workflow.Now(ctx)
	h := p.record.decide(call{number: p.numbers[number], cycle: p.cycle, attempt: p.attempt, record: number, at: at})
	if h.kind == "" {
		return nil
	}
	kept := h // only what hits takes memory
	return &kept
}

// broken processes a record that was hit.
func (p *faultyProcessor) broken(ctx context.Context, h *hit, r nodes.Record) (nodes.Processed, error) {
	if h.kind == Partial {
		return nodes.Processed{}, fmt.Errorf("%w: %d of %d records covered", nodes.ErrPartial, p.covered, p.total)
	}
	if err := h.fail(ctx); err != nil {
		return nodes.Processed{}, err
	}
	switch h.kind {
	case MissingFields:
		r.Value = math.NaN()
	case OutOfRange:
		r.Value = math.Copysign(1e18, r.Value)
	}
	return slowed(ctx, *h, func() (nodes.Processed, error) { return p.Processor.Process(ctx, r) })
}
