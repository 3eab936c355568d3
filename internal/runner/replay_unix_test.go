//go:build unix

package runner

import (
	"path/filepath"
	"strings"
	"testing"

	"faultflow/internal/postgrestest"
)

// A replay to PostgreSQL that dies has each record there once, too: the next one asks the server for the keys.
func TestReplayToPostgresDying(t *testing.T) {
	server := postgrestest.Start(t)
	table := func(out string) string { return "r" + filepath.Base(filepath.Dir(out)) }
	kind := replayKind{
		url: func(out string) string { return server.URL() + "&table=" + table(out) },
		ids: func(_ *testing.T, out string) map[string]int {
			ids := map[string]int{}
			for _, id := range strings.Fields(server.SQL("SELECT id FROM " + table(out))) {
				ids[id]++
			}
			return ids
		},
		once: true,
	}
	kind.dies(t, 3)
}
