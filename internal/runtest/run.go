// Package runtest makes runs and campaigns for tests, and records the samples of package reporttest.
package runtest

import (
	"context"
	"strings"

	"faultflow/internal/report"
	"faultflow/internal/runner"
	"faultflow/internal/settings"
)

// Run makes a virtual run with seed 7 and returns its report. Settings are as on the command line, without dashes:
// "cycles=12", "fault=collector.fetch=timeout,first=2".
func Run(t interface {
	Helper()
	Fatal(...any)
}, assignments ...string) *report.Report {
	t.Helper()
	s := settled(t, append([]string{"clock=virtual", "seed=7"}, assignments...))
	r, err := runner.Run(context.Background(), s, runner.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// settled are settings as given, of which the last of a name counts.
func settled(t interface {
	Helper()
	Fatal(...any)
}, assignments []string) settings.Settings {
	t.Helper()
	var given settings.Given
	for _, a := range assignments {
		name, value, _ := strings.Cut(a, "=")
		if err := given.Set(name, value); err != nil {
			t.Fatal(a, err)
		}
	}
	s, err := given.Settings()
	if err != nil {
		t.Fatal(err)
	}
	return s
}
