package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"faultflow/internal/catalog"
	"faultflow/internal/load"
	"faultflow/internal/report"
	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

// The line says what matters most where there is little room, and how long it still takes.
func TestLiveLineOfARun(t *testing.T) {
	attempt := workflow.Event{At: 12 * time.Second, Cycle: 4, Node: "processor", Attempt: 2,
		Kind: workflow.Kind(catalog.AttemptStarted)}
	for _, test := range []struct {
		settings settings.Settings
		share    func() float64
		want     string
	}{
		{settings.Settings{Cycles: 12}, nil, "cycle 4 of 12 · degraded so far · 27s left · 100 records · 11/s · 9.0 s"},
		{settings.Settings{For: 48 * time.Second}, nil,
			"cycle 4 · degraded so far · 27s left · 100 records · 11/s · 9.0 s"},
		{settings.Settings{For: 48 * time.Second, Loads: []load.Load{{}}}, nil,
			"pass 4 · degraded so far · 27s left · 100 records · 11/s · 9.0 s"},
		{settings.Settings{}, nil, "cycle 4 · degraded so far · 100 records · 11/s · 9.0 s"},
		{settings.Settings{}, func() float64 { return 0.9 },
			"cycle 4 · degraded so far · 1s left · 90 % of the input · 100 records · 11/s · 9.0 s"},
	} {
		p := newRunProgress(&test.settings)
		p.inputShare = test.share
		if got := strings.Join(p.parts(time.Second), ""); !strings.HasPrefix(got, "starting") {
			t.Errorf("before the first event: %q", got)
		}
		p.observe(attempt)
		p.endCycle(report.Cycle{Verdict: catalog.Degraded, Collected: 60})
		p.endCycle(report.Cycle{Verdict: catalog.Success, Collected: 40})
		p.endCycle(report.Cycle{Verdict: catalog.Success})
		got := fitting(p.parts(9*time.Second), 200)
		if want := test.want + " · processor · attempt 2"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		for width := range 120 { // a line that wraps stays, ten times a second
			short := fitting(p.parts(9*time.Second), width)
			if utf8.RuneCountInString(short) > width || !strings.HasPrefix(got, short) {
				t.Errorf("at %d columns: %q", width, short)
			}
		}
	}
}

func TestLiveLineOfACampaign(t *testing.T) {
	for runs, want := range map[int64]string{
		0:    "250 runs · 25/s · 10.0 s",
		1000: "250 of 1,000 runs · 25/s · 30s left · 25 % · 10.0 s",
	} {
		p := &campaignProgress{runs: runs}
		for range 250 {
			p.step()
		}
		if got := fitting(p.parts(10*time.Second), 79); got != want {
			t.Errorf("of %d runs: %q, want %q", runs, got, want)
		}
	}
}

// Each line takes the one before away, and the last one goes, too.
func TestLiveLineLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		s := testStreams(t)
		s.err, s.errTerminal = &out, true
		live := startLine(s, false, func(elapsed time.Duration) []string { return []string{seconds(elapsed)} })
		time.Sleep(250 * time.Millisecond)
		live.end()
		if want := "\r\x1b[K0.1 s\r\x1b[K0.2 s\r\x1b[K"; out.String() != want {
			t.Errorf("%q, want %q", out.String(), want)
		}
	})
}
