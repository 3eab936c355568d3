package html

import (
	"math"
	"testing"

	"faultflow/internal/report"
)

func TestFlow(t *testing.T) {
	if f := newFlow(report.Ledger{}); f != nil {
		t.Errorf("nothing collected makes %+v", f)
	}
	if f := newFlow(report.Ledger{Collected: -5, Delivered: -5}); f != nil {
		t.Errorf("less than nothing makes %+v", f)
	}
	f := newFlow(report.Ledger{
		Collected:           100,
		FromSource:          60,
		FromCache:           30,
		FromDefault:         10,
		Delivered:           50,
		DeliveredFromSource: 40,
		DeliveredCopies:     10,
		DeadLettered:        48,
		Spooled:             1,
		Lost:                1,
	})
	heights := map[string]float64{}
	for _, b := range f.Bars {
		heights[b.Label] = b.H
	}
	for label, want := range map[string]float64{
		"from the source":  90,
		"from the cache":   45,
		"default data":     15,
		"delivered":        60,
		"copies delivered": 15, // in another color: nobody gave them
		"dead letters":     72,
		"spooled":          2,
		"lost":             2,
	} {
		if heights[label] != want {
			t.Errorf("%s is %g high, want %g", label, heights[label], want)
		}
	}
	if len(f.Ribbons) != 8 || f.Middle.H != 150 || f.Middle.Count != "100" {
		t.Errorf("%d ribbons, middle %+v", len(f.Ribbons), f.Middle)
	}
	// Labels of the same side do not run into each other, and stay in the picture.
	lowest := map[string]float64{}
	for _, b := range f.Bars {
		if y := b.LabelY(); y < lowest[b.Anchor]+flowLabel-1 && lowest[b.Anchor] > 0 || y+flowLabel/2 > f.Height {
			t.Errorf(
				"the label %s is at %g, the one above at %g, the picture ends at %g",
				b.Label,
				y,
				lowest[b.Anchor],
				f.Height,
			)
		}
		lowest[b.Anchor] = b.LabelY()
	}
	if f := newFlow(report.Ledger{
		Collected:  math.MaxInt64,
		FromSource: math.MaxInt64,
		FromCache:  math.MaxInt64,
		Delivered:  math.MaxInt64,
		Lost:       math.MinInt64,
	}); math.IsNaN(f.Height) || f.Height > 500 {
		t.Errorf("huge numbers make a picture of %g", f.Height)
	}
}
