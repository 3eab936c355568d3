package reporttest

import (
	"context"
	"strings"

	"faultflow/internal/report"
	"faultflow/internal/runner"
)

// Run makes a virtual run with seed 7 and returns its report. Settings are as on the command line, without dashes:
// "cycles=12", "fault=collector.fetch=timeout,first=2".
func Run(t interface {
	Helper()
	Fatal(...any)
}, settings ...string) *report.Report {
	t.Helper()
	r, err := runner.Run(context.Background(), drafted(t, append([]string{"clock=virtual", "seed=7"}, settings...)), runner.World{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// drafted are the settings of which the last of a name counts.
func drafted(t interface {
	Helper()
	Fatal(...any)
}, settings []string) runner.Settings {
	t.Helper()
	d := runner.NewDraft()
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		if err := d.Set(name, value); err != nil {
			t.Fatal(setting, err)
		}
	}
	s, err := d.Settings()
	if err != nil {
		t.Fatal(err)
	}
	return s
}
