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

// Processor puts the plan's faults and capacities around a processor; without any it returns the processor itself.
func (p *Plan) Processor(inner nodes.Processor) nodes.Processor {
	if b, r := p.station(catalog.PlaceBatch), p.station(catalog.PlaceRecord); b != nil || r != nil {
		inner = &servedProcessor{Processor: inner, batch: b, record: r}
	}
	b, r := p.at(catalog.PlaceBatch), p.at(catalog.PlaceRecord)
	if b == nil && r == nil {
		return inner
	}
	return &faultyProcessor{Processor: inner, batch: b, record: r}
}

type faultyProcessor struct {
	nodes.Processor
	batch, record *point
}

// decided is what Begin decides for the batch's records, which are processed concurrently: their numbers among the
// run's calls, the attempt within the cycle, and the records that a partial answer leaves out.
type decided struct {
	numbers        map[uint64]int
	attempt        int
	left           map[uint64]bool
	covered, total int
}

func (p *faultyProcessor) Begin(ctx context.Context, records []nodes.Record) error {
	d := workflow.Local[decided](ctx, p)
	d.left = nil
	if p.batch != nil {
		h := p.batch.next(ctx)
		if err := h.fail(ctx); err != nil {
			return err
		}
		if h.kind == fault.Partial {
			d.leaveOut(records, cmp.Or(h.params.Share, 0.5))
		}
		begin := func() (struct{}, error) { return struct{}{}, p.Processor.Begin(ctx, records) }
		if _, err := slowed(ctx, h, begin); err != nil {
			return err
		}
	} else if err := p.Processor.Begin(ctx, records); err != nil {
		return err
	}
	p.numberRecords(d, records)
	return nil
}

func (d *decided) leaveOut(records []nodes.Record, share float64) {
	d.covered, d.total = int(float64(len(records))*share), len(records)
	d.left = make(map[uint64]bool, len(records)-d.covered)
	for _, r := range records[d.covered:] {
		d.left[r.Number()] = true
	}
}

// numberRecords gives the batch's records their numbers among the run's calls, in the order of the batch, whatever
// order the workers take them in. Only faults that count calls need them.
func (p *faultyProcessor) numberRecords(d *decided, records []nodes.Record) {
	if p.record == nil {
		return
	}
	d.attempt++
	d.numbers = nil
	first := int(p.record.calls.Add(int64(len(records)))) - len(records) + 1
	for _, a := range p.record.faults {
		if a.fault.Trigger.ByCall() && d.numbers == nil {
			d.numbers = make(map[uint64]int, len(records))
			for i, r := range records {
				d.numbers[r.Number()] = first + i
			}
		}
	}
}

func (p *faultyProcessor) Process(ctx context.Context, r nodes.Record) (nodes.Processed, error) {
	if h := p.hit(ctx, r); h != nil {
		return p.broken(ctx, h, r)
	}
	return p.Processor.Process(ctx, r) // most records
}

// hit decides what happens to a record; nil for a record that is not hit.
func (p *faultyProcessor) hit(ctx context.Context, r nodes.Record) *hit {
	number, d := r.Number(), workflow.Local[decided](ctx, p)
	if d.left[number] {
		return &hit{kind: fault.Partial}
	}
	if p.record == nil {
		return nil
	}
	cycle, at := workflow.Now(ctx)
	h := p.record.decide(call{number: d.numbers[number], cycle: cycle, attempt: d.attempt, record: number, at: at})
	if h.kind == "" {
		return nil
	}
	kept := h // h itself stays on the stack: only hits allocate
	return &kept
}

// broken processes a record that was hit.
func (p *faultyProcessor) broken(ctx context.Context, h *hit, r nodes.Record) (nodes.Processed, error) {
	if h.kind == fault.Partial {
		d := workflow.Local[decided](ctx, p)
		return nodes.Processed{}, fmt.Errorf("%w: %d of %d records covered", nodes.ErrPartial, d.covered, d.total)
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
