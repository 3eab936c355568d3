package channel

import (
	"context"

	"faultflow/internal/settings"
)

// webhooks: a page must not ask other hosts for anything.
var webhooks = []kind{{
	schemes: []string{"https", "http"},
	open: func(_ context.Context, o settings.Outlet, _ *settings.Settings, _ Outside) (Real, error) {
		return nil, &settings.Error{
			Name:    "channel",
			Value:   o.String(),
			Problem: "webhooks are not in the build for the browser; use a program for this system",
		}
	},
}}
