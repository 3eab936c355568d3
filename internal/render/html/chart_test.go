package html

import (
	"math"
	"slices"
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
	c := newChart(timeline.Of(runtest.Run(t, "cycles=3")), 0)
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

// Symbols that lie over each other hide their lane. Where there are many, each is shown from the zoom on at which it
// has room; in a small picture nothing is left out.
func TestSymbolsThatHaveNoRoomWait(t *testing.T) {
	for cycles, wait := range map[string]bool{"cycles=8": false, "cycles=60": true} {
		c := newChart(timeline.Of(runtest.Run(t, cycles, "interval=5s", "fault=collector.fetch=connection_refused")), 0)
		waited := false
		for _, l := range c.Lanes {
			rows := map[int][]chartMark{}
			for _, m := range l.Marks {
				if m.Width == "" {
					rows[m.Y] = append(rows[m.Y], m)
				}
			}
			for y, row := range rows {
				if !slices.ContainsFunc(row, func(m chartMark) bool { return m.Zoom > 0 }) {
					continue
				}
				waited = true
				for zoom := 1; zoom < maxZoom; zoom *= 2 {
					var shown []float64
					for _, m := range row {
						if m.Zoom <= zoom {
							shown = append(shown, m.at)
						}
					}
					slices.Sort(shown)
					for i := range len(shown) - 1 {
						if apart := shown[i+1] - shown[i]; apart < 0.999/float64(roomFor*zoom) {
							t.Errorf("%s: %s at %d: %g apart at zoom %d", cycles, l.Name, y, apart, zoom)
						}
					}
					if len(shown) < 20 {
						t.Errorf("%s: %s at %d has %d symbols left at zoom %d", cycles, l.Name, y, len(shown), zoom)
					}
				}
			}
		}
		if waited != wait {
			t.Errorf("%s: symbols wait for room: %t, want %t", cycles, waited, wait)
		}
	}
}
