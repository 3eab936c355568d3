package render

import (
	"math"
	"strings"
	"testing"
)

// Ticks are at round times, no closer than asked, and say where they are however far it is.
func TestAxis(t *testing.T) {
	for _, c := range []struct {
		end, intervals float64
		want           string
	}{
		{10, 8, "0, 2 ms, 4 ms, 6 ms, 8 ms, 10 ms"},
		{1900, 8, "0, 500 ms, 1 s, 1.5 s"},
		{60_000, 8, "0, 10 s, 20 s, 30 s, 40 s, 50 s, 1 m"},
		{60_000, 4, "0, 15 s, 30 s, 45 s, 1 m"},
		{200_000, 8, "0, 30 s, 1 m, 1 m 30 s, 2 m, 2 m 30 s, 3 m"},
		{7_505_000, 4, "0, 1 h, 2 h"},
		{4_000_000, 2, "0, 1 h"},
		{7_200_000, 3, "0, 1 h, 2 h"},
		{5_400_000, 3, "0, 30 m, 1 h, 1 h 30 m"},
		{7e12, 3, "0, 876,000 h, 1,752,000 h"},
		{math.Inf(1), 8, "0"},
	} {
		var got []string
		for _, tick := range NewAxis(c.end, c.intervals).Ticks() {
			got = append(got, strings.ReplaceAll(tick.Label, Tie, " "))
		}
		if list := strings.Join(got, ", "); list != c.want {
			t.Errorf("to %g in %g: %s, want %s", c.end, c.intervals, list, c.want)
		}
	}
	for _, end := range []float64{1, 7, 999, 61_001, 3.7e6, 9e9, 1e30, 1e300} {
		for _, intervals := range []float64{1, 3.5, 8, 21} {
			if n := len(NewAxis(end, intervals).Ticks()); float64(n) > intervals+1 {
				t.Errorf("to %g: %d ticks, want %g intervals", end, n, intervals)
			}
		}
	}
	for ms, want := range map[float64]string{1250: "1.25 s", 61_250: "1 m 01.25 s", 3_605_000: "1 h 00 m 05 s"} {
		if got := strings.ReplaceAll(tickLabel(ms), Tie, " "); got != want {
			t.Errorf("%g: %s, want %s", ms, got, want)
		}
	}
}
