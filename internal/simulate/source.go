package simulate

import (
	"cmp"
	"context"
	"math"
	"sync"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/nodes"
	"faultflow/internal/resilience"
)

// Source puts the plan's faults and capacities around a source; without any it returns the source itself.
func (p *Plan) Source(s nodes.Source) nodes.Source {
	if h, f := p.station(catalog.PlaceHealth), p.station(catalog.PlaceFetch); h != nil || f != nil {
		s = &servedSource{Source: s, health: h, fetch: f}
	}
	h, f := p.at(catalog.PlaceHealth), p.at(catalog.PlaceFetch)
	if h == nil && f == nil {
		return s
	}
	return &faultySource{Source: s, health: h, fetch: f}
}

type faultySource struct {
	nodes.Source
	health, fetch *point

	mu sync.Mutex
	// held are rows that came too late for the call that asked for them; the next call gets them.
	held []late
}

// late is an answer.
type late struct {
	batch nodes.Batch
	err   error
}

func (s *faultySource) Health(ctx context.Context) error {
	if s.health == nil {
		return s.Source.Health(ctx)
	}
	h := s.health.next(ctx)
	if err := h.fail(ctx); err != nil {
		return err
	}
	_, err := slowed(ctx, h, func() (struct{}, error) { return struct{}{}, s.Source.Health(ctx) })
	return err
}

func (s *faultySource) Fetch(ctx context.Context, n int) (nodes.Batch, error) {
	if s.fetch == nil {
		return s.Source.Fetch(ctx, n)
	}
	h := s.fetch.next(ctx)
	if err := h.fail(ctx); err != nil {
		return nodes.Batch{}, err
	}
	switch h.kind {
	case fault.EmptyBatch:
		return nodes.Batch{}, nodes.Pause(ctx, h.delay())
	case fault.Partial:
		n = max(1, int(float64(n)*cmp.Or(h.params.Share, 0.5)))
	}
	b, err := slowed(ctx, h, func() (nodes.Batch, error) { return s.inner(ctx, n) })
	if h.kind == fault.Slow && ctx.Err() != nil && b.Len() > 0 {
		if err == ctx.Err() {
			err = nil
		}
		if resilience.Hedge(ctx) > 0 { // others of the attempt are cancelled at the same instant
			h.notice(ctx)
		}
		s.mu.Lock()
		s.held = append(s.held, late{b, err})
		s.mu.Unlock()
		return nodes.Batch{}, ctx.Err()
	}
	h.spoil(&b)
	return b, err
}

// inner returns the rows that came too late for an earlier call, or else those of the source.
func (s *faultySource) inner(ctx context.Context, n int) (nodes.Batch, error) {
	s.mu.Lock()
	if len(s.held) > 0 {
		first := s.held[0]
		s.held = s.held[1:]
		s.mu.Unlock()
		return first.batch, first.err
	}
	s.mu.Unlock()
	return s.Source.Fetch(ctx, n)
}

// spoil damages a share of the batch's records, at least one: evenly spaced, beginning at a drawn one.
func (h hit) spoil(b *nodes.Batch) {
	switch h.kind {
	case fault.MissingFields, fault.OutOfRange, fault.DuplicateRecords:
	default:
		return
	}
	total := len(b.Records)
	n := max(1, int(float64(total)*cmp.Or(h.params.Share, 0.2)))
	first := int(h.draw("record") * float64(total))
	for i := range min(n, total) {
		r := &b.Records[(first+i*total/n)%total]
		switch h.kind {
		case fault.MissingFields:
			r.Value = math.NaN()
		case fault.OutOfRange:
			r.Value = math.Copysign(1e18, r.Value)
		case fault.DuplicateRecords:
			b.Records = append(b.Records, *r)
		}
	}
}
