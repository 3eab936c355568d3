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

// kind is a kind of real channel: the schemes of its URLs, and how one is opened.
type kind struct {
	schemes []string
	open    func(ctx context.Context, o settings.Outlet, s *settings.Settings, out Outside) (Real, error)
}

var kinds = slices.Concat(webhooks)

// Open opens a real channel. The error is a *settings.Error for a URL that can't be one, or that of opening it. No error
// of the channel shows a secret.
func Open(ctx context.Context, o settings.Outlet, s *settings.Settings, out Outside) (Real, error) {
	scheme, _, _ := strings.Cut(o.URL, ":")
	var all []string
	for _, k := range kinds {
		if slices.Contains(k.schemes, scheme) {
			opened, err := k.open(ctx, o, s, out)
			if err != nil {
				return nil, out.Secrets.Error(err)
			}
			return &discreet{opened, out.Secrets}, nil
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

// Deliver hands over the records. What is refused, and why the rest was not settled, is told by itself.
func (c *discreet) Deliver(ctx context.Context, d nodes.Delivery) (int, error) {
	n, err := c.Real.Deliver(ctx, d)
	refused, ok := errors.AsType[*nodes.RefusedError](err)
	if !ok {
		return n, c.secrets.Error(err)
	}
	told := nodes.RefusedError{Rest: c.secrets.Error(refused.Rest)}
	for _, r := range refused.Refused {
		told.Refused = append(told.Refused, nodes.Refusal{Index: r.Index, Reason: c.secrets.Text(r.Reason)})
	}
	return n, &told
}

// Close closes the channel.
func (c *discreet) Close() error { return c.secrets.Error(c.Real.Close()) }
