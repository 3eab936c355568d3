package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// RunSettings are those that matter to this run.
func RunSettings(r *report.Report) Section {
	s := Section{Title: "Run settings"}
	s.row("run", None, Facts(ClipName(r.Settings.Graph)+" graph", ClipName(r.Settings.Clock)+" clock", fmt.Sprintf(
		"seed %d",
		r.Seed,
	)))
	s.settings(r.Settings, "")
	return s
}

// settings are those of a run, as far as they say something; drawn says in which runs the collector's breaker was put
// in though they do not ask for it, "" for none.
func (s *Section) settings(c settings.Settings, drawn string) {
	if c.SimulateFailures {
		s.row("failures", None, ClipName(c.FailureType))
	}
	for i, f := range c.Faults {
		if i == maxSpecs {
			s.row("faults", None, More(Grouped(len(c.Faults)-i)+" more, see below"))
			break
		}
		s.row("faults", None, ClipText(f.String()))
	}
	for i, l := range c.Loads {
		if i == maxSpecs {
			s.row("load", None, More(Grouped(len(c.Loads)-i)+" more"))
			break
		}
		s.row("load", None, Facts(ClipText(l.String()), When(i == 0, loadSettings(c))))
	}
	for i, p := range c.Capacities {
		if i == maxSpecs {
			s.row("capacity", None, More(Grouped(len(c.Capacities)-i)+" more"))
			break
		}
		s.row("capacity", None, ClipText(p.String()))
	}
	if c.Cycles != 1 && len(c.Loads) == 0 {
		s.row("cycles", None, cycleSettings(c))
	}
	s.row("batch", None, Facts(Amount(c.BatchSize, "record"), When(c.Workers > 0, Amount(c.Workers, "worker"))))
	s.row("input", None, inputSettings(c))
	s.row("breaker", None, breakerSettings(c, drawn))
	s.row("without", None, switchedOff(c))
}

// maxSpecs is how many faults given by hand the settings list.
const maxSpecs = 6

// loadSettings is how long the load lasts, and how many clients it comes from.
func loadSettings(s settings.Settings) string {
	return Facts(
		When(s.For > 0, "for "+DurationOf(s.For)),
		When(s.For == 0 && s.Cycles > 0, Amount(s.Cycles, "pass", "passes")),
		When(s.Clients > 1, Amount(s.Clients, "client")),
	)
}

func cycleSettings(s settings.Settings) string {
	if s.Cycles == 0 { // the interval is for cycles that could read nothing
		return "until the input ends, back to back"
	}
	count := Grouped(s.Cycles)
	if s.Interval > 0 {
		return count + ", one every " + DurationOf(s.Interval)
	}
	return count + ", back to back"
}

func inputSettings(s settings.Settings) string {
	if s.Input == "" {
		return "generated records"
	}
	return Facts(ClipText(s.Input), ClipName(s.InputFormat),
		When(
			s.IDField != "",
			"id from "+ClipName(s.IDField),
		), When(s.ValueField != "", "value from "+ClipName(s.ValueField)))
}

func breakerSettings(s settings.Settings, drawn string) string {
	var parts []string
	for _, node := range catalog.GuardedNodes() {
		in := When(node == catalog.Collector && drawn != "", " "+drawn)
		if p := s.Policy(node); p.Breaker || in != "" {
			parts = append(parts, fmt.Sprintf("%s%s: opens after %s in a row, for %s",
				node, in, Amount(p.BreakerFailures, "failure"), DurationOf(p.BreakerOpenFor)))
		}
	}
	if len(parts) == 0 {
		return "off"
	}
	return "on · " + Facts(parts...)
}

func switchedOff(s settings.Settings) string {
	return Facts(When(!s.Fallback, "fallback ladder"), When(!s.Recovery, "recovery"), When(!s.Spool, "emergency spool"))
}

// Policies are the settings in full: a row for each that nodes have, and what else the patterns are made of.
func Policies(r *report.Report) Section {
	s, all := Section{Title: "Policies"}, r.Settings
	nodes := catalog.GuardedNodes()
	cols, rows := []Column{{Title: "policy"}}, [][]Cell{}
	for i, node := range nodes {
		cols = append(cols, Column{Title: string(node)})
		for n, d := range nodeSettings(node) {
			if i == 0 {
				rows = append(rows, Cells(d.Label()))
			}
			rows[n] = append(rows[n], Cell{Text: policyValue(d, &all)})
		}
	}
	s.table("policies of each node", cols, rows)
	var names []string
	for _, c := range all.Channels {
		names = append(names, ClipName(c))
	}
	s.row("channels", None, Facts(strings.Join(names, ", "),
		When(all.ChannelRecover > 0, "tried again after "+DurationOf(all.ChannelRecover))))
	s.row("cache", None, Facts("fresh for "+DurationOf(all.CacheTTL), "usable for "+DurationOf(all.CacheMaxAge)))
	return s
}

// nodeSettings are the settings that each node with policies has, of one of them. All nodes have the same, in one
// order.
func nodeSettings(node catalog.Node) []settings.Setting {
	return slices.DeleteFunc(slices.Clone(settings.All()), func(d settings.Setting) bool { return d.Node != node })
}

// policyValue is a setting's value as people read it. What belongs to a breaker that is off is off as well.
func policyValue(d settings.Setting, all *settings.Settings) string {
	if !switchedOn(d, all) {
		return "off"
	}
	value := d.Value(all)
	if d.ZeroIsNoLimit && (value == 0.0 || value == time.Duration(0)) {
		return "no limit"
	}
	switch v := value.(type) {
	case bool:
		return cmp.Or(When(v, "on"), "off")
	case int:
		return Grouped(v)
	case time.Duration:
		return DurationOf(v)
	case float64:
		return withUnit(v, d.Placeholder)
	}
	return ClipText(d.In(all))
}

// withUnit writes a number with what it counts in.
func withUnit(v float64, unit string) string {
	switch unit {
	case settings.Share:
		return percent(v)
	case settings.Factor:
		return "×" + Tie + decimal(v)
	case settings.Rate:
		return decimal(v) + Tie + "a second"
	}
	panic(fmt.Sprintf("render: a number counts in %q", unit))
}

// switchedOn tells whether a setting has something to decide: scenario files have the settings of what can be off,
// such as [collector breaker open-for], beside [collector breaker on].
func switchedOn(d settings.Setting, all *settings.Settings) bool {
	path := d.Path()
	if len(path) < 3 {
		return true
	}
	for _, other := range settings.All() {
		if p := other.Path(); len(p) == 3 && p[0] == path[0] && p[1] == path[1] && p[2] == "on" {
			return other.Value(all) != false
		}
	}
	return true
}
