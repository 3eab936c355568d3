package simulate

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/nodes"
)

// Channel puts the plan's faults and capacity around a channel; without any it returns the channel itself.
func (p *Plan) Channel(c nodes.Channel) nodes.Channel {
	if at := p.station(catalog.ChannelPlace(c.Name())); at != nil {
		c = &servedChannel{Channel: c, at: at}
	}
	if at := p.at(catalog.ChannelPlace(c.Name())); at != nil {
		return &faultyChannel{Channel: c, at: at}
	}
	return c
}

type faultyChannel struct {
	nodes.Channel
	at *point
}

func (c *faultyChannel) Deliver(ctx context.Context, d nodes.Delivery) (int, error) {
	h := c.at.next(ctx)
	if err := h.fail(ctx); err != nil {
		return 0, err
	}
	switch h.kind {
	case fault.Partial, fault.PartialWrite:
		return c.deliverPart(ctx, h, d)
	case fault.AckLost:
		if _, err := c.Channel.Deliver(ctx, d); err != nil {
			return 0, err
		}
		return 0, &nodes.AckError{Err: io.ErrUnexpectedEOF}
	}
	n, err := slowed(ctx, h, func() (int, error) { return c.Channel.Deliver(ctx, d) })
	if h.kind == fault.Slow && ctx.Err() != nil { // the records arrived, but no one waits for the answer any more
		return 0, ctx.Err()
	}
	return n, err
}

// deliverPart lets a share of the records through.
func (c *faultyChannel) deliverPart(ctx context.Context, h hit, d nodes.Delivery) (int, error) {
	total := len(d.Records)
	d.Records = d.Records[:int(float64(total)*cmp.Or(h.params.Share, 0.5))]
	n, err := c.Channel.Deliver(ctx, d)
	switch {
	case err != nil || n == total:
		return n, err
	case h.kind == fault.PartialWrite:
		return n, fmt.Errorf("%w: %d of %d records written", io.ErrShortWrite, n, total)
	}
	return n, fmt.Errorf("%w: %d of %d records accepted", nodes.ErrPartial, n, total)
}

// Spool puts the plan's faults and capacity around a spool; without any it returns the spool itself.
func (p *Plan) Spool(s nodes.Spool) nodes.Spool {
	if at := p.station(catalog.PlaceSpool); at != nil && s != nil {
		s = &servedSpool{Spool: s, at: at}
	}
	if at := p.at(catalog.PlaceSpool); at != nil && s != nil {
		return &faultySpool{Spool: s, at: at}
	}
	return s
}

type faultySpool struct {
	nodes.Spool
	at *point
}

func (s *faultySpool) Write(ctx context.Context, d nodes.Delivery) error {
	h := s.at.next(ctx)
	if err := h.fail(ctx); err != nil {
		return err
	}
	if h.kind == fault.PartialWrite { // a spool keeps all of a delivery or nothing
		return fmt.Errorf("%w: nothing of %d records kept", io.ErrShortWrite, len(d.Records))
	}
	if h.kind == fault.Slow { // before it writes, so that a write that is cut short has kept nothing
		if err := nodes.Pause(ctx, h.extra(0)); err != nil {
			return err
		}
	}
	return s.Spool.Write(ctx, d)
}
