//go:build unix

package main

import (
	"strings"
	"testing"

	"faultflow/internal/postgrestest"
)

// A database that is down gets nothing, and the replay says so. Once it is back, the same command sends everything, and
// the one after it nothing.
func TestReplayToPostgresThatIsDown(t *testing.T) {
	server := postgrestest.Start(t)
	copyLeft(t)
	before := contents(t, "left")
	server.Kill()
	code, printed := replayLeft(t, server.URL()+"&table=stations", "5")
	if code != exitIO || !strings.Contains(printed, "connection refused") {
		t.Errorf("exits with %d:\n%s", code, printed)
	}
	if after := contents(t, "left"); after != before {
		t.Errorf("there was\n%s\nand is\n%s", before, after)
	}
	server.Restart()
	for range 2 {
		if code, printed := replayLeft(t, server.URL()+"&table=stations", "5"); code != exitOK {
			t.Fatalf("then it exits with %d:\n%s", code, printed)
		}
	}
	if got := server.SQL("SELECT count(*), count(DISTINCT id) FROM stations"); got != "5|5" {
		t.Errorf("rows, and different ones: %s", got)
	}
}
