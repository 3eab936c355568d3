package render_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/fault"
	"faultflow/internal/render/format"
	"faultflow/internal/render/text"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
)

// The samples keep few events; the timeline has golden files of its own.
func TestTextGolden(t *testing.T) {
	for name, r := range reporttest.Samples() {
		t.Run(name, func(t *testing.T) {
			reporttest.Golden(t, name+".txt", textOf(t, r, text.Style{NoTimeline: true}))
			reporttest.Golden(t, name+".color.txt", textOf(t, r, text.Style{Color: true, NoTimeline: true}))
		})
	}
}

// Terminals that are wide enough show more columns, narrow ones fewer.
func TestTextGoldenWidths(t *testing.T) {
	reporttest.Golden(t, "network.40.txt", textOf(t, reporttest.Network(), text.Style{Width: 40, NoTimeline: true}))
	reporttest.Golden(t, "network.120.txt", textOf(t, reporttest.Network(), text.Style{Width: 120, NoTimeline: true}))
}

// The text must not depend on what only cmd may read. go-pretty and fatih/color look at these variables as they
// start, so it takes another process to see that they are overruled.
func TestTextIgnoresEnvironment(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestTextGolden$")
	cmd.Env = append(
		os.Environ(),
		"LANG=zh_CN.UTF-8",
		"LC_ALL=zh_CN.UTF-8",
		"RUNEWIDTH_EASTASIAN=1",
		"NO_COLOR=1",
		"TERM=dumb",
		"COLUMNS=50",
	)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestTextIsNoWiderThanAsked(t *testing.T) {
	for name, r := range reporttest.Samples() {
		for _, width := range []int{-1, 0, 1, 40, 41, 55, 64, 79, 80, 97, 132} {
			limit := max(width, 40)
			if width == 0 {
				limit = 80
			}
			for _, color := range []bool{false, true} {
				checkWidth(t, name, textOf(t, r, text.Style{Width: width, Color: color}), limit)
			}
		}
	}
}

// Whatever a file claims to be a report, its text stays inside the page and can't steer the terminal.
func TestTextOfAnyReport(t *testing.T) {
	reports := reporttest.Any()
	rapid.Check(t, func(t *rapid.T) {
		r := reports.Draw(t, "report")
		width := rapid.IntRange(40, 130).Draw(t, "width")
		plain := textOf(t, &r, text.Style{Width: width})
		checkWidth(t, "any", plain, width)
		for _, c := range plain {
			if c != '\n' && (unicode.IsControl(c) || unicode.Is(unicode.Cf, c)) {
				t.Fatalf("the text has %U:\n%s", c, plain)
			}
		}
		colored := textOf(t, &r, text.Style{Width: width, Color: true})
		if sgr.ReplaceAllString(colored, "") != plain {
			t.Fatalf("color changes the text:\n%s\n%s", plain, colored)
		}
	})
}

func TestColorIsColor(t *testing.T) {
	if got := textOf(t, reporttest.Network(), text.Style{Color: true}); !sgr.MatchString(got) {
		t.Error("no color in the colored text")
	}
	if got := textOf(t, reporttest.Network(), text.Style{}); strings.Contains(got, "\x1b") {
		t.Error("escapes in the text without color")
	}
}

func TestSectionsWithNothingToSayAreLeftOut(t *testing.T) {
	optional := []string{
		"Circuit breakers",
		"Faults",
		"Cycles",
		"Load amplification",
		"Recovery drill",
		"dead letters  ",
		"Warnings",
		"Notices",
		"\n  faults ",
		"\n  failures ",
		"\n  cycles ",
		"\n  without ",
		"\n  origin ",
		"\n  attempts ",
		"\n  passes ",
		"\n  failover ",
		"\n  duplicates ",
		"\n  failed ",
		"timeouts",
		"rejected",
		"recovered",
		"last error",
		"(in ",
	}
	got := textOf(t, reporttest.Success(), text.Style{})
	for _, s := range optional {
		if strings.Contains(got, s) {
			t.Errorf("a plain run mentions %q", s)
		}
	}
	var all strings.Builder
	for _, r := range reporttest.Samples() {
		all.WriteString(textOf(t, r, text.Style{}))
	}
	for _, s := range optional {
		if !strings.Contains(all.String(), s) {
			t.Errorf("no sample mentions %q, so its absence proves nothing", s)
		}
	}
}

func TestLongListsAreCut(t *testing.T) {
	long := reporttest.Thousands()
	long.Ledger.DeadLettered = 38
	long.Ledger.DeadLetters = slices.Repeat([]report.DeadLetters{{Reason: "full", Count: 1}}, 12)
	got := textOf(t, long, text.Style{})
	for _, want := range []string{
		"… and 4,980 more cycles",
		"… and 30 more with other reasons",
		"timeline: more than 1000 cycles: events are summarised, not listed",
		"(in 1,671 cycles",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	r := reporttest.Network()
	r.Settings.Faults = slices.Repeat([]fault.Fault{named("delivery.primary")}, 9)
	for i := range 11 {
		r.Findings = append(r.Findings, report.Finding{
			Code:    catalog.FindingCode(rune('a' + i)),
			Verdict: catalog.Degraded,
		})
	}
	got = textOf(t, r, text.Style{})
	for _, want := range []string{"… and 3 more, see below", "… and 5 more warnings"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
}

func TestClosingLine(t *testing.T) {
	degraded := reporttest.Finding(errhandler.Outcome{Origin: catalog.FromDefault}, 1, 1)
	for _, c := range []struct {
		name   string
		change func(*report.Report)
		want   string
	}{
		{"all delivered", func(*report.Report) {}, "✅ success — every record was delivered"},
		{"dead letters", func(r *report.Report) { r.Ledger.Delivered, r.Ledger.DeadLettered = 48, 2 },
			"✅ success — 48 of 50 records delivered, the others are accounted for"},
		{
			"nothing",
			func(r *report.Report) { r.Ledger.Collected, r.Ledger.Delivered = 0, 0 },
			"✅ success — there was nothing to collect",
		},
		{"degraded", func(r *report.Report) { r.Verdict, r.Findings = catalog.Degraded, []report.Finding{degraded} },
			"⚠  degraded — default data was used, there was no cache; every record is accounted for"},
		{
			"no finding",
			func(r *report.Report) { r.Verdict = catalog.Failed },
			"❌ failed — every record is accounted for",
		},
		{"interrupted", func(r *report.Report) { r.Verdict, r.Interrupted = catalog.Degraded, true },
			"⚠  degraded — interrupted after 1 cycle; every record is accounted for\n"},
		{"interrupted but clean", func(r *report.Report) { r.Interrupted = true }, "⚠  success — interrupted"},
		{"lost", func(r *report.Report) { r.Verdict, r.Ledger.Balanced, r.Ledger.Lost = catalog.Failed, false, 1 },
			"❌ failed — 1 record unaccounted for"},
		// What could not be written is kept nowhere, and nothing claims otherwise.
		{"unkept", func(r *report.Report) {
			r.Verdict, r.Ledger.Unkept, r.Meta.Output = catalog.Failed, 7, "out"
			r.Findings = []report.Finding{
				{Code: catalog.OutputIncomplete, Verdict: catalog.Failed, Message: "7 records could not be kept: full"},
			}
		}, "❌ failed — 7 records could not be kept: full\n"},
		{"kept but for some", func(r *report.Report) { r.Ledger.Unkept, r.Meta.Output = 7, "out" },
			"all but 7 records kept in out\n"},
		{"unbalanced", func(r *report.Report) { r.Ledger.Balanced = false }, "❌ success — the ledger does not balance"},
		{"virtual", func(*report.Report) {}, "1.1 s of virtual time · repeat with --seed 42\n"},
		{
			"real",
			func(r *report.Report) { r.Settings.Clock, r.Seed = "real", 1<<64-1 },
			"1.1 s · repeat with --seed 18446744073709551615\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := reporttest.Success()
			c.change(r)
			if got := textOf(
				t,
				r,
				text.Style{Width: 100},
			); !strings.Contains(got, "\n"+c.want) && !strings.Contains(got, "\n   "+c.want) {
				t.Errorf("%q is missing in\n%s", c.want, got)
			}
		})
	}
}

func TestWriteTextChangesNothing(t *testing.T) {
	for name, r := range reporttest.Samples() {
		textOf(t, r, text.Style{})
		if !reflect.DeepEqual(r, reporttest.Samples()[name]) {
			t.Errorf("%s was changed", name)
		}
	}
}

func TestWriteReportsErrorsOfTheWriter(t *testing.T) {
	for _, in := range format.Report(nil).Formats() {
		if err := format.Report(reporttest.Success()).Write(
			broken{},
			in,
			text.Style{},
		); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s: error %v", in, err)
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

type tester interface {
	Helper()
	Fatal(...any)
	Errorf(string, ...any)
}

func textOf(t tester, r *report.Report, s text.Style) string {
	t.Helper()
	var out bytes.Buffer
	if err := text.Write(&out, r, s); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

var sgr = regexp.MustCompile("\x1b\\[[0-9;]*m")

func checkWidth(t tester, name, s string, limit int) {
	t.Helper()
	for line := range strings.Lines(sgr.ReplaceAllString(s, "")) {
		if strings.HasSuffix(line, " \n") {
			t.Errorf("%s: spaces at the end of %q", name, line)
		}
		if w := measure(strings.TrimSuffix(line, "\n")); w > limit {
			t.Errorf("%s: %d columns in a page of %d: %q", name, w, limit, line)
		}
	}
}

// measure counts columns by itself, and takes ⚠ for the two that some terminals give it.
func measure(s string) int {
	wide := func(r rune) bool {
		return strings.ContainsRune("✅❌⚠", r) ||
			unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) ||
			r >= 0x1F300 && r <= 0x1FAFF || r >= 0xFF01 && r <= 0xFF60
	}
	sum := 0
	for _, r := range s {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me):
		case wide(r):
			sum += 2
		default:
			sum++
		}
	}
	return sum
}
