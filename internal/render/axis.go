package render

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Axis is a time axis from 0 to EndMS, with ticks every StepMS. Times are milliseconds.
type Axis struct{ EndMS, StepMS float64 }

// Tick is a mark on an axis.
type Tick struct {
	MS    float64
	Label string
}

// NewAxis returns an axis with the smallest round step that makes at most so many intervals.
func NewAxis(endMS, intervals float64) Axis {
	steps, least := Steps(), endMS/intervals
	if i := slices.IndexFunc(steps, func(step float64) bool { return step >= least }); i >= 0 {
		return Axis{endMS, steps[i]}
	}
	step := steps[len(steps)-1]
	for step < least && !math.IsInf(step, 1) {
		step *= 10
	}
	return Axis{endMS, step}
}

// Ticks lists the ticks, the first at 0.
func (a Axis) Ticks() []Tick {
	ticks := []Tick{{0, tickLabel(0)}}
	for i := 1.0; i*a.StepMS <= a.EndMS && !math.IsInf(a.StepMS, 1); i++ {
		ticks = append(ticks, Tick{i * a.StepMS, tickLabel(i * a.StepMS)})
	}
	return ticks
}

// Steps lists the round distances between ticks.
func Steps() []float64 {
	const second, minute, hour, day = 1e3, 60e3, 3600e3, 24 * 3600e3
	return []float64{
		1, 2, 5, 10, 20, 50, 100, 200, 500,
		second, 2 * second, 5 * second, 10 * second, 15 * second, 30 * second,
		minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute,
		hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour,
		day, 7 * day, 30 * day, 365 * day, 3650 * day,
	}
}

// tickLabel is a duration to the millisecond, without parts that are 0: 250 ms, 1.25 s, 1 m 05 s, 2 h.
func tickLabel(ms float64) string {
	const minute, hour = 60e3, 3600e3
	switch {
	case ms == 0:
		return "0"
	case !(ms < 1e15):
		return Duration(ms)
	case ms < 1000:
		return strconv.FormatFloat(ms, 'f', -1, 64) + Tie + "ms"
	case ms < minute:
		return strconv.FormatFloat(ms/1000, 'f', -1, 64) + Tie + "s"
	}
	var parts []string
	if ms >= hour {
		parts = append(parts, Grouped(int64(ms/hour))+Tie+"h")
	}
	minutes, seconds := int64(math.Mod(ms, hour)/minute), math.Mod(ms, minute)/1000
	switch {
	case ms < hour:
		parts = append(parts, Grouped(minutes)+Tie+"m")
	case minutes > 0 || seconds > 0:
		parts = append(parts, fmt.Sprintf("%02d%sm", minutes, Tie))
	}
	if seconds > 0 {
		whole := strconv.FormatFloat(seconds, 'f', -1, 64)
		if seconds < 10 {
			whole = "0" + whole
		}
		parts = append(parts, whole+Tie+"s")
	}
	return strings.Join(parts, Tie)
}
