//go:build !js

package channel

// databases are the kinds of channel that are not in the browser's build.
var databases = []kind{sqliteKind, postgresKind}
