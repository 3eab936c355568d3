package channel

import (
	"context"

	"faultflow/internal/settings"
)

// databases: the browser has none that could be reached.
var databases = []kind{{
	schemes: []string{"sqlite", "postgres", "postgresql"},
	open: func(_ context.Context, o settings.Outlet, _ *settings.Settings, _ Outside) (Real, error) {
		return nil, &settings.Error{
			Name:    "channel",
			Value:   o.String(),
			Problem: "databases are not in the build for the browser; use a program for this system",
		}
	},
}}
