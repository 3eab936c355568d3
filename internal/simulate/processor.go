package simulate

import (
	"cmp"
	"context"
	"fmt"
	"math"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/nodes"
	"faultflow/internal/workflow"
)

// Processor puts the plan's faults around a processor; without any it returns the processor itself.
func (p *Plan) Processor(inner nodes.Processor) nodes.Processor {
	b, r := p.at(catalog.PlaceBatch), p.at(catalog.PlaceRecord)
	if b == nil && r == nil {
		return inner
	}
	return &faultyProcessor{Processor: inner, batch: b, record: r}
}

type faultyProcessor struct {
	nodes.Processor
	batch, record *point
	// Begin decides these for the batch's records, which are processed concurrently: their numbers among the run's
	// calls, the attempt within the cycle, and the records that a partial answer leaves out.
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
		if h.kind == fault.Partial {
			p.leaveOut(records, cmp.Or(h.params.Share, 0.5))
		}
		begin := func() (struct{}, error) { return struct{}{}, p.Processor.Begin(ctx, records) }
		if _, err := slowed(ctx, h, begin); err != nil {
			return err
		}
	} else if err := p.Processor.Begin(ctx, records); err != nil {
		return err
	}
	p.numberRecords(ctx, records)
	return nil
}

func (p *faultyProcessor) leaveOut(records []nodes.Record, share float64) {
	p.covered, p.total = int(float64(len(records))*share), len(records)
	p.left = make(map[uint64]bool, len(records)-p.covered)
	for _, r := range records[p.covered:] {
		p.left[r.Number()] = true
	}
}

// numberRecords gives the batch's records their numbers among the run's calls, in the order of the batch, whatever
// order the workers take them in. Only faults that count calls need them.
func (p *faultyProcessor) numberRecords(ctx context.Context, records []nodes.Record) {
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
		if a.fault.Trigger.ByCall() && p.numbers == nil {
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
	return p.Processor.Process(ctx, r) // most records
}

// hit decides what happens to a record; nil for a record that is not hit.
func (p *faultyProcessor) hit(ctx context.Context, r nodes.Record) *hit {
	number := r.Number()
	if p.left[number] {
		return &hit{kind: fault.Partial}
	}
	if p.record == nil {
		return nil
	}
	_, at := workflow.Now(ctx)
	h := p.record.decide(call{number: p.numbers[number], cycle: p.cycle, attempt: p.attempt, record: number, at: at})
	if h.kind == "" {
		return nil
	}
	kept := h // h itself stays on the stack: only hits allocate
	return &kept
}

// broken processes a record that was hit.
func (p *faultyProcessor) broken(ctx context.Context, h *hit, r nodes.Record) (nodes.Processed, error) {
	if h.kind == fault.Partial {
		return nodes.Processed{}, fmt.Errorf("%w: %d of %d records covered", nodes.ErrPartial, p.covered, p.total)
	}
	if err := h.fail(ctx); err != nil {
		return nodes.Processed{}, err
	}
	switch h.kind {
	case fault.MissingFields:
		r.Value = math.NaN()
	case fault.OutOfRange:
		r.Value = math.Copysign(1e18, r.Value)
	}
	return slowed(ctx, *h, func() (nodes.Processed, error) { return p.Processor.Process(ctx, r) })
}
