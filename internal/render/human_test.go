package render

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"faultflow/internal/report"
)

func untie(s string) string { return strings.ReplaceAll(s, tie, " ") }

func TestSpan(t *testing.T) {
	for ms, want := range map[float64]string{
		0: "0 ms", 0.0004: "<1 ms", 0.5: "1 ms", 849.6: "850 ms", 999.4: "999 ms", 999.6: "1 s", 2300: "2.3 s", 2349.9: "2.3 s",
		30_000: "30 s", 59_949: "59.9 s", 59_960: "1 m 00 s", 65_400: "1 m 05 s", 3_599_400: "59 m 59 s", 3_599_600: "1 h 00 m",
		7_500_000: "2 h 05 m", 4e9: "1,111 h 07 m", 1e18: "1e+18 ms", -5: "-5 ms", math.Inf(1): "+Inf ms", math.NaN(): "NaN ms",
	} {
		if got := untie(span(ms)); got != want {
			t.Errorf("span(%v) = %q, want %q", ms, got, want)
		}
	}
}

func TestNumber(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1: "-1", -123: "-123",
		-1234: "-1,234", math.MinInt64: "-9,223,372,036,854,775,808"} {
		if got := number(n); got != want {
			t.Errorf("number(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestAmount(t *testing.T) {
	for got, want := range map[string]string{amount(1, "record"): "1 record", amount(0, "record"): "0 records",
		amount(int64(1200), "record"): "1,200 records", amount(2, "try", "tries"): "2 tries", amount(1, "try", "tries"): "1 try"} {
		if untie(got) != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestPercentIsHonest(t *testing.T) {
	for ratio, want := range map[float64]string{1: "100 %", 0: "0 %", 0.99999: "99.9 %", 0.00001: "0.1 %", 86.0 / 90: "95.6 %", 0.57: "57 %"} {
		if got := untie(percent(ratio)); got != want {
			t.Errorf("percent(%v) = %q, want %q", ratio, got, want)
		}
	}
}

func TestTally(t *testing.T) {
	counts := map[string]int{"stale_cache": 2, "z": 1, "b": 1, "source": 10, "nothing": 0}
	if got, want := untie(tally(counts, "source", "stale_cache")), "source 10 · stale cache 2 · b 1 · z 1"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		in    string
		width int
		want  string
	}{
		{"", 10, ""},
		{"one two three", 7, "one two|three"},
		{"one two three", 5, "one|two|three"},
		{"  spaces   go ", 20, "spaces go"},
		{"abcdefghij k", 4, "abcd|efgh|ij k"},
		{"to 41.3" + tie + "s", 8, "to|41.3 s"},
		{"1,234" + tie + "records", 8, "1,234|records"},
		{"● collector.fetch", 10, "● collecto|r.fetch"},
		{"123456 collector.fetch", 6, "123456|collec|tor.fe|tch"},
		{"collector.fetch=dns_failure|timeout,p=0.4", 30, "collector.fetch=dns_failure||timeout,p=0.4"},
		{"生命生命", 5, "生命|生命"},
	} {
		if got := untie(strings.Join(wrap(c.in, c.width), "|")); got != c.want {
			t.Errorf("wrap(%q, %d) = %q, want %q", c.in, c.width, got, c.want)
		}
	}
}

func TestWrapKeepsEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[a-z 生命é]{0,80}`).Draw(t, "s")
		width := rapid.IntRange(2, 30).Draw(t, "width")
		lines := wrap(s, width)
		for _, l := range lines {
			if columns(l) > width {
				t.Fatalf("%q is wider than %d", l, width)
			}
		}
		if got, want := strings.ReplaceAll(strings.Join(lines, ""), " ", ""), strings.ReplaceAll(s, " ", ""); got != want {
			t.Fatalf("%q became %q", want, got)
		}
	})
}

func TestTableShrinksInSteps(t *testing.T) {
	cols := []column{{title: "node"}, {title: "count", right: true, spare: true}, {title: "zero", usual: "0"}}
	rows := [][]cell{texts("collector", "1,234", "0"), texts("x", "5", "")}
	wide := &page{width: 80, ink: newPalette(false)}
	wide.table(cols, rows)
	if got, want := wide.out.String(), "  node       count\n  collector  1,234\n  x              5\n"; got != want {
		t.Errorf("wide:\n%s", got)
	}
	exact := &page{width: 18, ink: newPalette(false)}
	exact.table(cols, rows)
	if got := exact.out.String(); got != wide.out.String() {
		t.Errorf("a table that just fits:\n%s", got)
	}
	narrow := &page{width: 12, ink: newPalette(false)}
	narrow.table(cols, rows)
	if got, want := narrow.out.String(), "  node\n  collector\n  x\n"; got != want {
		t.Errorf("narrow:\n%s", got)
	}
	cols[1].spare = false
	narrow = &page{width: 15, ink: newPalette(false)}
	narrow.table(cols, rows)
	if got, want := narrow.out.String(), "  collector\n    count 1,234\n  x\n    count 5\n"; got != want {
		t.Errorf("paragraphs:\n%s", got)
	}
}

func TestTableWrapsTheFlexibleColumn(t *testing.T) {
	cols := []column{{title: "n", right: true}, {title: "reason", flex: true}}
	rows := [][]cell{texts("1", "no space left on device or quota exceeded"), texts("2", "short")}
	p := &page{width: 25, ink: newPalette(false)} // which leaves the column its least width, 20
	p.table(cols, rows)
	if got, want := p.out.String(), "  n  reason\n  1  no space left on\n     device or quota\n     exceeded\n  2  short\n"; got != want {
		t.Errorf("got\n%s", got)
	}
	p = &page{width: 24, ink: newPalette(false)}
	p.table(cols, rows)
	if got, want := p.out.String(), "  n 1\n    reason no space left\n    on device or quota\n    exceeded\n  n 2\n    reason short\n"; got != want {
		t.Errorf("got\n%s", got)
	}
	p = &page{width: 46, ink: newPalette(false)} // fits as it is
	p.table(cols, rows)
	if got := p.out.String(); strings.Count(got, "\n") != 3 {
		t.Errorf("got\n%s", got)
	}
}

// An input that decides the number of cycles is read without pausing, whatever the interval.
func TestCycleSettings(t *testing.T) {
	for want, s := range map[string]report.Settings{
		"until the input ends, back to back": {IntervalMS: 5000},
		"3, one every 5" + tie + "s":         {Cycles: 3, IntervalMS: 5000},
		"4, back to back":                    {Cycles: 4},
	} {
		if got := cycleSettings(s); got != want {
			t.Errorf("%+v: %q, want %q", s, got, want)
		}
	}
}
