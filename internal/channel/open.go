package channel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"faultflow/internal/nodes"
	"faultflow/internal/secret"
	"faultflow/internal/settings"
)

// Outside is what real channels need besides their URLs.
type Outside struct {
	// Secrets are what ${NAME} stands for.
	Secrets *secret.Secrets
	Stdout  io.Writer
}

// Real is a channel that delivers to something real.
type Real interface {
	nodes.Channel
	Close() error
}

// Remembering is a real channel that knows the keys of deliveries in a later life, too.
type Remembering interface {
	Real
	// Landed returns what Deliver returned for a key: how many records came under it, with a *nodes.RefusedError if
	// some of them were refused; 0 for a key that never came.
	Landed(ctx context.Context, key string) (records int, err error)
}

// Rewinding is a real channel that can be made what it was before a delivery, in a later life, too.
type Rewinding interface {
	Real
	Mark() (string, error)
	Rewind(mark string) error
}

var (
	_ Rewinding = (*File)(nil)
	_ Real      = (*Stdout)(nil)
)

// kind is a kind of real channel: the schemes of its URLs, and how one is opened.
type kind struct {
	schemes []string
	open    func(ctx context.Context, o settings.Outlet, s *settings.Settings, out Outside) (Real, error)
}

var kinds = slices.Concat(webhooks, []kind{fileKind, stdoutKind}, databases)

// Open opens a real channel. The error is a *settings.Error for a URL that can't be one, or that of opening it. No
// error of the channel shows a secret.
func Open(ctx context.Context, o settings.Outlet, s *settings.Settings, out Outside) (Real, error) {
	scheme, _, _ := strings.Cut(o.URL, ":")
	var all []string
	for _, k := range kinds {
		if slices.Contains(k.schemes, scheme) {
			opened, err := k.open(ctx, o, s, out)
			if err != nil {
				return nil, out.Secrets.Error(err)
			}
			shown := discreet{opened, out.Secrets}
			switch opened := opened.(type) {
			case Remembering:
				return &discreetMemory{shown, opened}, nil
			case Rewinding:
				return &discreetFile{shown, opened}, nil
			}
			return &shown, nil
		}
		all = append(all, k.schemes...)
	}
	return nil, &settings.Error{
		Name:    "channel",
		Value:   o.String(),
		Problem: fmt.Sprintf("a channel's URL begins with one of %s:", strings.Join(all, ":, ")),
	}
}

// discreet is a channel whose errors show no secret.
type discreet struct {
	Real
	secrets *secret.Secrets
}

// Deliver hands over the records.
func (c *discreet) Deliver(ctx context.Context, d nodes.Delivery) (int, error) {
	n, err := c.Real.Deliver(ctx, d)
	return n, c.hide(err)
}

// hide tells what is refused, and why the rest was not settled, each by itself.
func (c *discreet) hide(err error) error {
	refused, ok := errors.AsType[*nodes.RefusedError](err)
	if !ok {
		return c.secrets.Error(err)
	}
	told := nodes.RefusedError{Rest: c.secrets.Error(refused.Rest)}
	for _, r := range refused.Refused {
		told.Refused = append(told.Refused, nodes.Refusal{Index: r.Index, Reason: c.secrets.Text(r.Reason)})
	}
	return &told
}

// Close closes the channel.
func (c *discreet) Close() error { return c.secrets.Error(c.Real.Close()) }

type discreetMemory struct {
	discreet
	memory Remembering
}

// Landed returns what Deliver returned for a key.
func (c *discreetMemory) Landed(ctx context.Context, key string) (int, error) {
	n, err := c.memory.Landed(ctx, key)
	return n, c.hide(err)
}

type discreetFile struct {
	discreet
	file Rewinding
}

// Mark says what Rewind brings back.
func (c *discreetFile) Mark() (string, error) {
	mark, err := c.file.Mark()
	return mark, c.secrets.Error(err)
}

// Rewind makes the channel what it was at a mark.
func (c *discreetFile) Rewind(mark string) error { return c.secrets.Error(c.file.Rewind(mark)) }
