package render

import (
	"cmp"
	"fmt"
	"strings"

	"faultflow/internal/report"
)

// settings are those that matter to this run.
func settings(r *report.Report) section {
	s := section{title: "Run settings"}
	s.row("run", none, facts(name(r.Settings.Graph)+" graph", name(r.Settings.Clock)+" clock", fmt.Sprintf("seed %d", r.Seed)))
	s.settings(r.Settings)
	return s
}

// settings are those of a run, as far as they say something.
func (s *section) settings(c report.Settings) {
	if c.Simulate {
		s.row("failures", none, name(c.FailureType))
	}
	for i, spec := range c.Faults {
		if i == maxSpecs {
			s.row("faults", none, more(number(len(c.Faults)-i)+" more, see below"))
			break
		}
		s.row("faults", none, note(spec))
	}
	if c.Cycles != 1 {
		s.row("cycles", none, cycleSettings(c))
	}
	s.row("batch", none, facts(amount(c.BatchSize, "record"), when(c.Workers > 0, amount(c.Workers, "worker"))))
	s.row("input", none, inputSettings(c))
	s.row("breaker", none, breakerSettings(c))
	s.row("without", none, switchedOff(c))
}

// maxSpecs is how many faults given by hand the settings list.
const maxSpecs = 6

func cycleSettings(s report.Settings) string {
	if s.Cycles == 0 { // the interval is for cycles that could read nothing
		return "until the input ends, back to back"
	}
	count := number(s.Cycles)
	if s.IntervalMS > 0 {
		return count + ", one every " + span(s.IntervalMS)
	}
	return count + ", back to back"
}

func inputSettings(s report.Settings) string {
	if s.Input == "" {
		return "generated records"
	}
	return facts(note(s.Input), name(s.InputFormat),
		when(s.IDField != "", "id from "+name(s.IDField)), when(s.ValueField != "", "value from "+name(s.ValueField)))
}

func breakerSettings(s report.Settings) string {
	var parts []string
	for _, node := range []struct {
		name   string
		policy report.Policy
	}{{"collector", s.Collector}, {"processor", s.Processor}, {"delivery", s.Delivery}} {
		if b := node.policy; b.Breaker {
			parts = append(parts, fmt.Sprintf("%s: opens after %s in a row, for %s",
				node.name, amount(b.BreakerFails, "failure"), span(b.BreakerOpenMS)))
		}
	}
	if len(parts) == 0 {
		return "off"
	}
	return "on · " + facts(parts...)
}

func switchedOff(s report.Settings) string {
	return facts(when(!s.Fallback, "fallback ladder"), when(!s.Recovery, "recovery"), when(!s.Spool, "emergency spool"))
}

// policies are the settings in full.
func policies(r *report.Report) section {
	s, c := section{title: "Policies"}, r.Settings
	line := func(title string, of func(report.Policy) string) []cell {
		return texts(title, of(c.Collector), of(c.Processor), of(c.Delivery))
	}
	onlyIf := func(on bool, s string) string { return cmp.Or(when(on, s), "off") }
	s.table("policies of each node", []column{{title: "policy"}, {title: "collector"}, {title: "processor"}, {title: "delivery"}}, [][]cell{
		line("attempts", func(p report.Policy) string { return number(p.Retries) }),
		line("wait between them", func(p report.Policy) string {
			return facts(span(p.RetryDelayMS), when(p.Backoff != 1, "× "+decimal(p.Backoff)+" each time, at most "+span(p.MaxDelayMS)), when(p.Jitter != 0, "±"+tie+percent(p.Jitter)))
		}),
		line("timeout", func(p report.Policy) string { return onlyIf(p.TimeoutMS > 0, span(p.TimeoutMS)) }),
		line("bulkhead", func(p report.Policy) string {
			return onlyIf(p.Bulkhead > 0, facts(amount(p.Bulkhead, "call")+" at once", when(p.BulkheadWaitMS > 0, "wait at most "+span(p.BulkheadWaitMS))))
		}),
		line("circuit breaker", func(p report.Policy) string {
			return onlyIf(p.Breaker, facts("opens after "+amount(p.BreakerFails, "failure")+" in a row", "for "+span(p.BreakerOpenMS), amount(p.BreakerTrials, "trial call")))
		}),
	})
	var names []string
	for _, c := range c.Channels {
		names = append(names, name(c))
	}
	s.row("channels", none, facts(strings.Join(names, ", "), when(c.ChannelRecoverMS > 0, "tried again after "+span(c.ChannelRecoverMS))))
	s.row("cache", none, facts("fresh for "+span(c.CacheTTLMS), "usable for "+span(c.CacheMaxAgeMS)))
	return s
}
