package runner

import (
	"fmt"
	"strings"
	"time"

	"faultflow/internal/nodes"
	"faultflow/internal/report"
	"faultflow/internal/resilience"
	"faultflow/internal/simulate"
)

// The drill's cycles: each forces one recovery path of the recovery graph, the last one is clean.
const (
	drillFallback = 1 + iota
	drillPartial
	drillAlternate
	drillClean
)

// drill arms the faults that force the recovery paths.
func (s Settings) drill() Settings {
	s.RecoveryGraph, s.Cycles, s.Interval = true, drillClean, 0
	force := func(place string, kind simulate.Kind, cycle int) {
		s.Faults = append(s.Faults, simulate.Fault{Place: place, Kinds: []simulate.Kind{kind},
			Trigger: simulate.Trigger{Cycles: []simulate.Span{{Low: cycle, High: cycle}}}})
	}
	s.Faults = s.Faults[:len(s.Faults):len(s.Faults)] // the caller's slice stays as it is
	force(nodes.PlaceFetch, simulate.ConnectionRefused, drillFallback)
	force(nodes.PlaceBatch, simulate.Error, drillPartial)
	for _, c := range s.Channels {
		force(nodes.ChannelPlace(c), simulate.ConnectionRefused, drillAlternate)
	}
	return s
}

// drillPause is how long a drill waits after a cycle: until every breaker that may have opened lets a call through.
func (s Settings) drillPause() time.Duration {
	var pause time.Duration
	for _, p := range []resilience.Policy{s.Collector, s.Processor, s.Delivery} {
		if p.Breaker.On {
			pause = max(pause, p.Breaker.OpenFor+time.Millisecond)
		}
	}
	return pause
}

// drillPaths tells from a finished drill which path recovered and what it cost.
func drillPaths(s Settings, cycles []report.Cycle, ran func(cycle int, node string) bool, attempts func(cycle int) int) []report.DrillPath {
	paths := []struct{ node, forced string }{
		drillFallback:  {nodes.FallbackDataNode, nodes.PlaceFetch + " refuses connections"},
		drillPartial:   {nodes.PartialNode, nodes.PlaceBatch + " fails"},
		drillAlternate: {nodes.AlternateNode, strings.Join(s.Channels, ", ") + " refuse connections"},
		drillClean:     {"none", "nothing"},
	}
	var drilled []report.DrillPath
	for _, c := range cycles {
		if c.Number >= len(paths) {
			break
		}
		p := paths[c.Number]
		d := report.DrillPath{Path: p.node, Cycle: c.Number, Forced: p.forced, DurationMS: c.DurationMS, Attempts: attempts(c.Number),
			Delivered: c.Delivered, DeadLettered: c.Dead, Spooled: c.Spooled}
		out := c.Delivered + c.Spooled
		if c.Number == drillClean {
			stray := ran(c.Number, nodes.FallbackDataNode) || ran(c.Number, nodes.PartialNode) || ran(c.Number, nodes.AlternateNode)
			d.Recovered = !stray && out == c.Collected && out > 0
			d.Detail = "the main line alone"
			if stray {
				d.Detail = "a recovery node ran although nothing was forced"
			}
		} else {
			d.Recovered = ran(c.Number, p.node) && out > 0 && c.Collected == out+c.Dead
			d.Detail = fmt.Sprintf("%s led back to the main line", p.node)
			if !ran(c.Number, p.node) {
				d.Detail = p.node + " never ran"
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
