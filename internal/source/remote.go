//go:build !js

package source

import (
	"faultflow/internal/secret"
	"faultflow/internal/settings"
)

// remote are the origins behind URLs, by scheme. Each returns its name in reports, too.
var remote = map[string]func(*settings.Settings, *secret.Secrets) (string, origin, error){
	"http":       openSite,
	"https":      openSite,
	"sqlite":     openSQLite,
	"postgres":   openPostgres,
	"postgresql": openPostgres,
}
