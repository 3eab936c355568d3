package render

import (
	"math"
	"testing"

	"faultflow/internal/reporttest"
	"faultflow/internal/timeline"
)

func TestClockTime(t *testing.T) {
	for _, c := range []struct {
		ms, step float64
		want     string
	}{
		{0, 5, "0"}, {250, 50, "250 ms"}, {1250, 50, "1.250 s"}, {5000, 1000, "5 s"}, {60_000, 10_000, "1:00"}, {65_000, 5000, "1:05"},
		{3_599_000, 1000, "59:59"}, {3_600_000, 1000, "1:00:00"}, {7_505_000, 1000, "2:05:05"}, {360_000_000, 86_400_000, "100:00:00"},
	} {
		if got := clockTime(c.ms, c.step); got != c.want {
			t.Errorf("clockTime(%g, %g) = %q, want %q", c.ms, c.step, got, c.want)
		}
	}
}

func TestShare(t *testing.T) {
	for ratio, want := range map[float64]string{0: "0", -1: "0", 0.5: "50%", 1.0 / 3: "33.3333%", 1: "100%", 7: "100%", 1e-9: "0%", math.Inf(1): "100%", math.Inf(-1): "0"} {
		if got := share(ratio); got != want {
			t.Errorf("share(%g) = %q, want %q", ratio, got, want)
		}
	}
	if got := share(math.NaN()); got != "0" {
		t.Errorf("share(NaN) = %q", got)
	}
}

// A node that took no time is drawn too.
func TestNothingOnTheAxisIsInvisible(t *testing.T) {
	c := newChart(timeline.Of(reporttest.Run(t, "cycles=3")))
	for _, l := range c.Lanes {
		for _, m := range l.Marks {
			if m.Width == "0" {
				t.Errorf("%s: %+v has no width", l.Name, m)
			}
		}
		if l.Name == "errorhandler" && len(l.Marks) != 3 {
			t.Errorf("the error handler ran 3 times: %+v", l.Marks)
		}
	}
}
