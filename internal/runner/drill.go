package runner

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// The drill's cycles: each forces one recovery path of the recovery graph, the last one is clean.
const (
	drillFallback = 1 + iota
	drillPartial
	drillAlternate
	drillClean
)

// drill makes of settings those of the drill: each fault forces a recovery path in its own cycle.
func drill(s settings.Settings) settings.Settings {
	s.Cycles, s.Interval = drillClean, 0
	s.Faults = slices.Clip(s.Faults) // the caller's slice stays as it is
	force := func(place catalog.Place, kind fault.Kind, cycle int) {
		s.Faults = append(s.Faults, fault.Fault{
			Place:   place,
			Kinds:   []fault.Kind{kind},
			Trigger: fault.Trigger{Cycles: []fault.Range{{Low: cycle, High: cycle}}},
		})
	}
	force(catalog.PlaceFetch, fault.ConnectionRefused, drillFallback)
	force(catalog.PlaceBatch, fault.Error, drillPartial)
	for _, c := range s.Channels {
		force(catalog.ChannelPlace(c), fault.ConnectionRefused, drillAlternate)
	}
	return s
}

// drillPause is how long a drill waits after a cycle: until every breaker that may have opened lets a call through.
func drillPause(s *settings.Settings) time.Duration {
	var pause time.Duration
	for _, node := range catalog.GuardedNodes() {
		if p := s.Policy(node); p.Breaker {
			pause = max(pause, p.BreakerOpenFor+time.Millisecond)
		}
	}
	return pause
}

// drillPaths tells from a finished drill which path recovered and what it cost.
func drillPaths(channels []string, cycles []report.Cycle, events []report.Event) []report.DrillPath {
	ran := func(cycle int, node catalog.Node) bool {
		return slices.ContainsFunc(events, func(e report.Event) bool {
			return e.Kind == catalog.NodeStarted && e.Cycle == cycle && e.Node == node
		})
	}
	attempts := func(cycle int) (n int) {
		for _, e := range events {
			if e.Kind == catalog.AttemptStarted && e.Cycle == cycle {
				n++
			}
		}
		return n
	}
	paths := []struct {
		node   catalog.Node
		forced string
	}{
		drillFallback:  {catalog.FallbackData, string(catalog.PlaceFetch) + " refuses connections"},
		drillPartial:   {catalog.PartialProcessing, string(catalog.PlaceBatch) + " fails"},
		drillAlternate: {catalog.AlternateDelivery, strings.Join(channels, ", ") + " refuse connections"},
		drillClean:     {"none", "nothing"},
	}
	var drilled []report.DrillPath
	for _, c := range cycles {
		if c.Number >= len(paths) {
			break
		}
		p := paths[c.Number]
		d := report.DrillPath{
			Path:         string(p.node),
			Cycle:        c.Number,
			Forced:       p.forced,
			DurationMS:   c.DurationMS,
			Attempts:     attempts(c.Number),
			Delivered:    c.Delivered,
			DeadLettered: c.Dead,
			Spooled:      c.Spooled,
		}
		out := c.Delivered + c.Spooled
		if c.Number == drillClean {
			stray := slices.ContainsFunc(catalog.RecoveryNodes(), func(n catalog.Node) bool { return ran(c.Number, n) })
			d.Recovered = !stray && out == c.Collected && out > 0
			d.Detail = "the main line alone"
			if stray {
				d.Detail = "a recovery node ran although nothing was forced"
			}
		} else {
			d.Recovered = ran(c.Number, p.node) && out > 0 && c.Collected == out+c.Dead
			d.Detail = fmt.Sprintf("%s led back to the main line", p.node)
			if !ran(c.Number, p.node) {
				d.Detail = string(p.node) + " never ran"
			}
		}
		if out == 0 {
			d.Detail = "no record came through"
		}
		drilled = append(drilled, d)
	}
	return drilled
}

// drillFailed is true when a path did not recover, or was not reached.
func drillFailed(paths []report.DrillPath) bool {
	for _, p := range paths {
		if !p.Recovered {
			return true
		}
	}
	return len(paths) < drillClean
}
