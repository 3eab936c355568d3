package simulate

import (
	"context"
	"sync/atomic"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/load"
	"faultflow/internal/nodes"
	"faultflow/internal/workflow"
)

// Own instants in a turn: the first ones are those of stations, the others those of passes.
const stationSlots = 1000

// Bound gives dependencies a capacity. A run begins now; turn is the period of own instants (see workflow.WithPass),
// bucket the length of the series' buckets, above 0. It is called before the decorators are made.
func (p *Plan) Bound(capacities []load.Capacity, turn, bucket time.Duration) {
	for i, c := range capacities {
		s := &station{
			capacity: c,
			rand:     p.rand,
			began:    time.Now(),
			turn:     turn,
			slot:     time.Duration(i % stationSlots),
			metered:  meter{bucket: bucket, series: StationSeries{Place: c.Place}},
		}
		if at := p.at(c.Place); at != nil {
			for _, a := range at.faults {
				if fault.Throttles(a.fault.Kinds[0]) {
					s.throttles = append(s.throttles, a)
				}
			}
		}
		p.stations = append(p.stations, s)
	}
}

// Close ends the stations and returns their series, in the order of their capacities.
func (p *Plan) Close() []StationSeries {
	var list []StationSeries
	for _, s := range p.stations {
		s.close()
		list = append(list, s.metered.series)
	}
	return list
}

// station is the one at a place; nil without one.
func (p *Plan) station(place catalog.Place) *station {
	for _, s := range p.stations {
		if s.capacity.Place == place {
			return s
		}
	}
	return nil
}

// call serves the next call of the pass; a nil station has served it.
func (s *station) call(ctx context.Context, effect func()) error {
	if s == nil {
		return nil
	}
	return s.serve(ctx, int(workflow.Local[atomic.Int64](ctx, s).Add(1)), effect)
}

// servedSource is a source behind the stations of its places.
type servedSource struct {
	nodes.Source
	health, fetch *station
}

// Health asks once the call has been served.
func (s *servedSource) Health(ctx context.Context) error {
	if err := s.health.call(ctx, nil); err != nil {
		return err
	}
	return s.Source.Health(ctx)
}

// Fetch fetches once the call has been served.
func (s *servedSource) Fetch(ctx context.Context, n int) (nodes.Batch, error) {
	if err := s.fetch.call(ctx, nil); err != nil {
		return nodes.Batch{}, err
	}
	return s.Source.Fetch(ctx, n)
}

// servedProcessor is a processor behind the stations of its places.
type servedProcessor struct {
	nodes.Processor
	batch, record *station
}

// Begin begins once the call has been served.
func (p *servedProcessor) Begin(ctx context.Context, records []nodes.Record) error {
	if err := p.batch.call(ctx, nil); err != nil {
		return err
	}
	return p.Processor.Begin(ctx, records)
}

// Process processes once the call has been served.
func (p *servedProcessor) Process(ctx context.Context, r nodes.Record) (nodes.Processed, error) {
	if p.record != nil {
		// Records of a batch are served beside each other, so that their calls are numbered by the record.
		if err := p.record.serve(ctx, int(r.Number()>>1), nil); err != nil {
			return nodes.Processed{}, err
		}
	}
	return p.Processor.Process(ctx, r)
}

// servedChannel is a channel behind its station. Records that are served after their sender has given up arrive.
type servedChannel struct {
	nodes.Channel
	at *station
}

// Deliver delivers once the call has been served.
func (c *servedChannel) Deliver(ctx context.Context, d nodes.Delivery) (int, error) {
	late := func() { _, _ = c.Channel.Deliver(context.WithoutCancel(ctx), d) }
	if err := c.at.call(ctx, late); err != nil {
		return 0, err
	}
	return c.Channel.Deliver(ctx, d)
}

// servedSpool is a spool behind its station. A write whose caller has given up keeps nothing.
type servedSpool struct {
	nodes.Spool
	at *station
}

// Write writes once the call has been served.
func (s *servedSpool) Write(ctx context.Context, d nodes.Delivery) error {
	if err := s.at.call(ctx, nil); err != nil {
		return err
	}
	return s.Spool.Write(ctx, d)
}
