package html

import (
	"fmt"
	"math"
	"strconv"

	"faultflow/internal/render"
	"faultflow/internal/report"
)

// flow is the ledger as a picture: where the records came from, and where they ended. Units are those of its view box.
type flow struct {
	Height  float64
	Middle  bar
	Bars    []bar
	Ribbons []ribbon
	// Text says the same in words.
	Text string
}

// bar is a share of the records; Class is its color.
type bar struct {
	Class, Label, Count string
	X, Y, H             float64
	// TextX and Anchor place the label, beside the bar.
	TextX  float64
	Anchor string
}

type ribbon struct{ Class, Path string }

// The picture's columns: origins, what was collected, ends.
const (
	flowWidth = 600.0
	flowBar   = 14.0
	flowLeft  = 142.0
	flowRight = flowWidth - 142
	flowTop   = 26.0
	flowFull  = 150.0 // the height of all records
	flowGap   = 10.0
	flowLabel = 36.0 // the least height of a bar with its label
)

// newFlow returns nil where nothing was collected.
func newFlow(l report.Ledger) *flow {
	type end struct {
		class, label string
		count        int64
	}
	left := []end{
		{"active", "from the source", l.FromSource},
		{"warn", "from the cache", l.FromCache},
		{"warn", "default data", l.FromDefault},
	}
	right := []end{
		{"good", "delivered", l.Delivered - l.DeliveredCopies},
		{"warn", "copies delivered", l.DeliveredCopies},
		{"warn", "dead letters", l.DeadLettered},
		{"warn", "spooled", l.Spooled},
		{"bad", "lost", l.Lost},
	}
	sum := func(list []end) (all float64) {
		for _, e := range list {
			all += float64(max(e.count, 0))
		}
		return all
	}
	whole := max(sum(left), sum(right), float64(l.Collected))
	if whole <= 0 {
		return nil
	}
	f := &flow{Text: render.LedgerEquation(l)}
	column := func(list []end, x float64, isLeft bool) (bottom float64) {
		y, attached := flowTop, 0.0
		for _, e := range list {
			if e.count <= 0 {
				continue
			}
			h := tenth(max(flowFull*float64(e.count)/whole, 2))
			b := bar{
				Class:  e.class,
				Label:  e.label,
				Count:  render.Grouped(e.count),
				X:      x,
				Y:      y,
				H:      h,
				TextX:  x + flowBar + 10,
				Anchor: "start",
			}
			if isLeft {
				b.TextX, b.Anchor = x-10, "end"
			}
			f.Bars = append(f.Bars, b)
			middle := flowTop + attached
			attached += flowFull * float64(e.count) / whole
			if isLeft {
				f.Ribbons = append(f.Ribbons, newRibbon(e.class, x+flowBar, y, (flowWidth-flowBar)/2, middle, h))
			} else {
				f.Ribbons = append(f.Ribbons, newRibbon(e.class, (flowWidth+flowBar)/2, middle, x, y, h))
			}
			bottom = y + max(h, flowLabel)
			y = tenth(bottom + flowGap)
		}
		return bottom
	}
	bottom := max(column(left, flowLeft, true), column(right, flowRight-flowBar, false), flowTop+flowFull)
	f.Middle = bar{
		Label: "collected",
		Count: render.Grouped(l.Collected),
		X:     (flowWidth - flowBar) / 2,
		Y:     flowTop,
		H:     tenth(max(flowFull*float64(l.Collected)/whole, 2)),
		TextX: flowWidth / 2,
	}
	f.Height = tenth(bottom + 8)
	return f
}

// newRibbon is a band of height h from one bar to another.
func newRibbon(class string, x1, y1, x2, y2, h float64) ribbon {
	middle := (x1 + x2) / 2
	n := func(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }
	return ribbon{class, fmt.Sprintf("M%s %sC%s %s %[3]s %[5]s %s %[5]sv%[7]sC%[3]s %[8]s %[3]s %[9]s %[1]s %[9]sz",
		n(x1), n(y1), n(middle), n(y1), n(y2), n(x2), n(h), n(y2+h), n(y1+h))}
}

// LabelY is the baseline of the first line of a bar's label, which has two.
func (b bar) LabelY() float64 { return tenth(b.Y + max(b.H/2, flowLabel/2) - 3) }

func tenth(v float64) float64 { return math.Round(v*10) / 10 }
