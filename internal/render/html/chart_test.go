package html

import (
	"math"
	"testing"

	"faultflow/internal/runtest"
	"faultflow/internal/timeline"
)

func TestLength(t *testing.T) {
	for ratio, want := range map[float64]string{
		0:            "0",
		-1:           "0",
		0.5:          "50%",
		1.0 / 3:      "33.3333%",
		1:            "100%",
		7:            "100%",
		1e-9:         "0%",
		math.Inf(1):  "100%",
		math.Inf(-1): "0",
	} {
		if got := length(ratio); got != want {
			t.Errorf("length(%g) = %q, want %q", ratio, got, want)
		}
	}
	if got := length(math.NaN()); got != "0" {
		t.Errorf("length(NaN) = %q", got)
	}
}

// A node that took no time is drawn too.
func TestNothingOnTheAxisIsInvisible(t *testing.T) {
	c := newChart(timeline.Of(runtest.Run(t, "cycles=3")))
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
