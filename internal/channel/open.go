package channel

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"faultflow/internal/nodes"
	"faultflow/internal/settings"
)

// Outside is what real channels need besides their URLs.
type Outside struct {
	// Getenv returns what ${NAME} stands for.
	Getenv func(string) string
	Stdout io.Writer
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

var kinds = []kind{}

// Open opens a real channel. The error is a *settings.Error for a URL that can't be one, or that of opening it.
func Open(ctx context.Context, o settings.Outlet, s *settings.Settings, out Outside) (Real, error) {
	scheme, _, _ := strings.Cut(o.URL, ":")
	var all []string
	for _, k := range kinds {
		if slices.Contains(k.schemes, scheme) {
			return k.open(ctx, o, s, out)
		}
		all = append(all, k.schemes...)
	}
	return nil, &settings.Error{
		Name:    "channel",
		Value:   o.String(),
		Problem: fmt.Sprintf("a channel's URL begins with one of %s:", strings.Join(all, ":, ")),
	}
}
