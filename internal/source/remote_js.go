package source

import (
	"faultflow/internal/secret"
	"faultflow/internal/settings"
)

// remote: a page must not ask other hosts for anything.
var remote = map[string]func(*settings.Settings, *secret.Secrets) (string, origin, error){}
