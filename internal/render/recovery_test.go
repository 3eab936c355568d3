package render_test

import (
	"strings"
	"testing"

	"faultflow/internal/catalog"
	"faultflow/internal/render"
	"faultflow/internal/render/text"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
)

// Whether a run came back is the first thing to know of it, in words.
func TestRecoveryInWords(t *testing.T) {
	two := make([]report.Trigger, 2)
	for _, test := range []struct {
		recovery report.Recovery
		sign     render.Sign
		want     string
	}{
		{report.Recovery{State: catalog.NeverFell}, render.Good, "never fell"},
		{report.Recovery{State: catalog.CameBack, AfterMS: 12_345}, render.Good,
			"came back 12.3 s after the trigger ended"},
		{report.Recovery{State: catalog.StaysDown, Triggers: two}, render.Bad,
			"stays down after the last trigger ended"},
		{report.Recovery{State: catalog.NotWatched}, render.Warn, "not watched long enough after the trigger ended"},
		{report.Recovery{State: catalog.NotJudged}, render.Idle, "not judged: no trigger ended"},
		{report.Recovery{State: "went_home"}, render.Bad, "went home"},
	} {
		sign, got := render.Recovered(&report.Report{Recovery: test.recovery})
		if got = strings.ReplaceAll(got, render.Tie, " "); sign != test.sign || got != test.want {
			t.Errorf("%s: sign %v, %q; want %v, %q", test.recovery.State, sign, got, test.sign, test.want)
		}
	}
}

// Every format tells whether the run came back, from what, and what keeps it down; a run without a load tells nothing.
func TestRecoveryIsToldEverywhere(t *testing.T) {
	for name, write := range map[string]func(tester, *report.Report) string{
		"text":     func(t tester, r *report.Report) string { return textOf(t, r, text.Style{Width: 120}) },
		"markdown": markdownOf,
		"html":     func(t tester, r *report.Report) string { return htmlOf(t, r) },
	} {
		down := strings.ReplaceAll(write(t, reporttest.Collapse()), "\u00a0", " ")
		for _, want := range []string{
			"stays down after the trigger ended",
			"from 20 s to 30 s",
			"which gets 4 calls for each pass",
			"18,000 offered",
			"bulkhead full 1,543",
		} {
			if !strings.Contains(down, want) {
				t.Errorf("%s: %q is missing", name, want)
			}
		}
		back := strings.ReplaceAll(write(t, reporttest.Comeback()), "\u00a0", " ")
		if !strings.Contains(back, "came back 37 s after the trigger ended") || strings.Contains(back, "sustained") {
			t.Errorf("%s does not tell that the run came back", name)
		}
		if without := write(t, reporttest.Success()); strings.Contains(without, "Recovery\n") ||
			strings.Contains(without, "offered") {
			t.Errorf("%s tells of a load that there was not", name)
		}
	}
}

// Two runs of which one came back: their states stand beside each other, whatever else differs.
func TestComparedRunsTellTheirRecovery(t *testing.T) {
	pair := compared(t, []string{"before", "after"}, reporttest.Collapse(), reporttest.Comeback())
	for _, in := range []string{"text", "markdown", "html"} {
		got := strings.ReplaceAll(compareText(t, pair, in, text.Style{Width: 120}), "\u00a0", " ")
		for _, want := range []string{
			"before — stays down after the trigger ended · 7.3 % good · 4 calls a pass on collector.fetch",
			"after — came back 37 s after the trigger ended · 85 % good",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is missing", in, want)
			}
		}
	}
}
