package render

import (
	"math"
	"strings"
	"testing"
	"time"

	"faultflow/internal/settings"
)

func untie(s string) string { return strings.ReplaceAll(s, Tie, " ") }

func TestSpan(t *testing.T) {
	for ms, want := range map[float64]string{
		0:           "0 ms",
		0.0004:      "<1 ms",
		0.5:         "1 ms",
		849.6:       "850 ms",
		999.4:       "999 ms",
		999.6:       "1 s",
		2300:        "2.3 s",
		2349.9:      "2.3 s",
		30_000:      "30 s",
		59_949:      "59.9 s",
		59_960:      "1 m 00 s",
		65_400:      "1 m 05 s",
		3_599_400:   "59 m 59 s",
		3_599_600:   "1 h 00 m",
		7_500_000:   "2 h 05 m",
		4e9:         "1,111 h 07 m",
		1e18:        "1e+18 ms",
		-5:          "-5 ms",
		math.Inf(1): "+Inf ms",
		math.NaN():  "NaN ms",
	} {
		if got := untie(Duration(ms)); got != want {
			t.Errorf("span(%v) = %q, want %q", ms, got, want)
		}
	}
}

func TestNumber(t *testing.T) {
	for n, want := range map[int64]string{
		0:             "0",
		7:             "7",
		999:           "999",
		1000:          "1,000",
		1234567:       "1,234,567",
		-1:            "-1",
		-123:          "-123",
		-1234:         "-1,234",
		math.MinInt64: "-9,223,372,036,854,775,808",
	} {
		if got := Grouped(n); got != want {
			t.Errorf("number(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestAmount(t *testing.T) {
	for got, want := range map[string]string{
		Amount(1, "record"):           "1 record",
		Amount(0, "record"):           "0 records",
		Amount(int64(1200), "record"): "1,200 records",
		Amount(2, "try", "tries"):     "2 tries",
		Amount(1, "try", "tries"):     "1 try",
	} {
		if untie(got) != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestPercentIsHonest(t *testing.T) {
	for ratio, want := range map[float64]string{
		1:         "100 %",
		0:         "0 %",
		0.99999:   "99.9 %",
		0.00001:   "0.1 %",
		86.0 / 90: "95.6 %",
		0.57:      "57 %",
	} {
		if got := untie(percent(ratio)); got != want {
			t.Errorf("percent(%v) = %q, want %q", ratio, got, want)
		}
	}
}

func TestTally(t *testing.T) {
	counts := map[string]int{"stale_cache": 2, "z": 1, "b": 1, "source": 10, "nothing": 0}
	if got, want := untie(Counted(
		counts,
		"source",
		"stale_cache",
	)), "source 10 · stale cache 2 · b 1 · z 1"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// An input that decides the number of cycles is read without pausing, whatever the interval.
func TestCycleSettings(t *testing.T) {
	for want, s := range map[string]settings.Settings{
		"until the input ends, back to back": {Interval: 5 * time.Second},
		"3, one every 5" + Tie + "s":         {Cycles: 3, Interval: 5 * time.Second},
		"4, back to back":                    {Cycles: 4},
	} {
		if got := cycleSettings(s); got != want {
			t.Errorf("%+v: %q, want %q", s, got, want)
		}
	}
}
