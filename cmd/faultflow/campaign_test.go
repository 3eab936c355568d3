package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"testing"

	"faultflow/internal/campaign"
	"faultflow/internal/expect"
	"faultflow/internal/report"
	"faultflow/internal/workflow"
)

// TestWhatCampaignsAnswer: the exit code of each kind of outcome, the gravest first.
func TestWhatCampaignsAnswer(t *testing.T) {
	fired := report.CampaignFault{Fault: "f", Declared: true, Observed: report.Share{Count: 1, Of: 9}}
	silent := report.CampaignFault{Fault: "f", Declared: true, Observed: report.Share{Of: 9}}
	maySilent, ofProfile := silent, silent
	maySilent.MayNotFire, ofProfile.Declared = true, false
	judged := func(change func(*report.Campaign), g campaign.Gate, checks ...string) error {
		c := &report.Campaign{Runs: 9, Faults: []report.CampaignFault{fired, maySilent, ofProfile}}
		change(c)
		for _, source := range checks {
			check, err := expect.CompileCampaign(source)
			if err != nil {
				t.Fatal(err)
			}
			g.Checks = append(g.Checks, check)
		}
		r, err := g.Judge(c)
		if err != nil {
			t.Fatal(err)
		}
		return campaignError(c, r)
	}
	of := func(change func(*report.Campaign)) error { return judged(change, campaign.Gate{}, "runs > 0") }
	for _, test := range []struct {
		name string
		err  error
		code int
		said string
	}{
		{"all is well", of(func(*report.Campaign) {}), exitOK, ""},
		{"a violation", of(func(c *report.Campaign) { c.Violations.Count = 2 }), exitVerdict, "broken 2 times"},
		{"a check", judged(func(*report.Campaign) {}, campaign.Gate{}, "runs > 9"), exitVerdict,
			"--check does not hold: runs > 9"},
		{"a check that shows nothing", judged(func(*report.Campaign) {}, campaign.Gate{},
			`attempts("processor").max < 9`),
			exitInconclusive, `inconclusive: --check attempts("processor").max < 9: the node processor ran in no run`},
		{"no run", of(func(c *report.Campaign) { c.Runs = 0 }), exitInconclusive, "no run was made"},
		{"a fault that never fired", of(func(c *report.Campaign) { c.Faults = append(c.Faults, silent) }),
			exitInconclusive, "the fault f never fired (calls that came by it: 9)"},
		{"as well, in a part", of(func(c *report.Campaign) {
			c.Faults, c.Part = append(c.Faults, silent), report.Part{Index: 1, Of: 2}
		}), exitOK, ""},
		{"interrupted", of(func(c *report.Campaign) { c.Interrupted, c.Violations.Count = true, 1 }),
			exitInterrupted, ""},
		{"a sweep", sweepError(&report.Sweep{Rows: []report.SweepRow{{}, {}}}), exitOK, ""},
		{
			"a violation in a sweep",
			sweepError(&report.Sweep{Rows: []report.SweepRow{{}, {Measures: report.Measures{Violations: 1}}}}),
			exitVerdict,
			"broken 1 times",
		},
		{"a fault that never fired in a sweep", sweepError(&report.Sweep{NeverFired: []report.NeverFired{{Fault: "f", Armed: 3}}}),
			exitInconclusive, "the fault f never fired (calls that came by it: 3)"},
		{"one in an ablation", ablationError(&report.Ablation{NeverFired: []report.NeverFired{{Fault: "f"}}}),
			exitInconclusive, "the fault f never fired"},
		{"one in runs made twice", determinismError(&report.Determinism{NeverFired: []report.NeverFired{{Fault: "f"}}}),
			exitInconclusive, "the fault f never fired"},
		{"an interrupted sweep", sweepError(&report.Sweep{Interrupted: true}), exitInterrupted, ""},
		{
			"a violation in an ablation",
			ablationError(&report.Ablation{Rows: []report.AblationRow{{Measures: report.Measures{Violations: 1}}}}),
			exitVerdict,
			"broken 1 times",
		},
		{"a violation of its whole", ablationError(&report.Ablation{Whole: report.Measures{Violations: 1}}),
			exitVerdict, "broken 1 times"},
		{"the same reports", determinismError(&report.Determinism{Runs: 9}), exitOK, ""},
		{"other reports", determinismError(&report.Determinism{Runs: 9, Different: 1}),
			exitVerdict, "two different reports: 1"},
		{"an error that nobody expected", errors.New("campaign: seed 7: x"),
			exitDefect, "this is a defect of faultflow: campaign: seed 7: x"},
		{"a panic", fmt.Errorf("seed 7: %w", &workflow.PanicError{Value: "x", Stack: []byte("goroutine 1\n")}),
			exitDefect, "panic: x\ngoroutine 1"},
		{"a wrong flag", usageError("--until: no"), exitUsage, "--until: no"},
	} {
		var said strings.Builder
		s := testStreams(t)
		s.err = &said
		if code := exitCode(test.err, s); code != test.code || !strings.Contains(said.String(), test.said) {
			t.Errorf("%s: exit %d, %q; want %d, %q", test.name, code, said.String(), test.code, test.said)
		}
	}
}

// TestInterruptedCampaignStillReports, in text and into its file.
func TestInterruptedCampaignStillReports(t *testing.T) {
	for _, args := range [][]string{{}, {"--sweep", "attempts=1,2"}, {"--ablate"}, {"--check-determinism"}} {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		var out strings.Builder
		s := testStreams(t)
		s.out, s.err = &out, io.Discard
		if code := run(ctx, append([]string{"campaign", "--runs", "9"}, args...), s); code != exitInterrupted {
			t.Errorf("%v exits with %d, want %d", args, code, exitInterrupted)
		}
		if text := out.String(); !strings.Contains(text, "interrupted") && !strings.Contains(text, "no run was made") {
			t.Errorf("%v does not say that it was interrupted:\n%s", args, text)
		}
	}
}

// TestPatience: campaigns let garbage lie longer, unless GOGC says how long, and no longer than they run.
func TestPatience(t *testing.T) {
	percent := func() int {
		now := debug.SetGCPercent(100)
		debug.SetGCPercent(now)
		return now
	}
	before := percent()
	for gogc, want := range map[string]int{"": 400, "70": before} {
		restore := patience(func(string) string { return gogc })
		if got := percent(); got != want {
			t.Errorf("GOGC=%q: %d %%, want %d %%", gogc, got, want)
		}
		if restore(); percent() != before {
			t.Errorf("GOGC=%q: %d %% afterwards, want %d %%", gogc, percent(), before)
		}
	}
}
