package compare

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/report"
)

// reportMeasures are those of single runs.
func reportMeasures() []Measure {
	return slices.Concat(
		group("Outcome", outcomeMeasures()...),
		group("Recovery", recoveryMeasures()...),
		group("Records", recordMeasures()...),
		group("Nodes", nodeMeasures()...),
		group("Breakers", breakerMeasures()...),
		group("Channels", channelMeasures()...),
		group("Errors", errorMeasures()...),
		group("Patterns",
			ofReport("patterns.<pattern>", Word, Neither, "demonstrated, armed or off", patterns).ofPresence()),
		group("Load", loadMeasures()...),
	)
}

func outcomeMeasures() []Measure {
	return slices.Concat(weighing(Verdicts,
		ofReport("verdict", Word, Lower, "what the run came to: success, degraded, failed",
			single(func(r *report.Report) Value { return verdict(r.Verdict) })),
		ofReport("drill.<path>", Word, Lower, "whether a path of the recovery drill recovered", drillPaths),
	), []Measure{
		ofReport("duration_ms", MS, Lower, "how long the run took, on its own clock",
			single(func(r *report.Report) Value { return quantity(r.DurationMS) })),
		ofReport("cycle_ms.mean", MS, Lower, "how long a cycle took on average, of several: the first 1,000",
			single(meanCycle)),
		ofReport("cycle_ms.max", MS, Lower, "how long the longest cycle took, of several: the first 1,000",
			single(longestCycle)),
		ofReport("cycles.count", Count, Neither, "cycles",
			single(func(r *report.Report) Value { return count(r.Cycles.Count) })),
	})
}

// recoveryMeasures are those of a run with a load; others have none of them.
func recoveryMeasures() []Measure {
	return []Measure{
		ofReport("recovery.state", Word, Lower, "whether the run came back after its triggers: "+
			strings.Join(catalog.Strings(catalog.RecoveryStates()), ", "),
			ofLoad(func(r *report.Report) Value { return word(r.Recovery.State, catalog.RecoveryStates()) })),
		ofReport("recovery.after_ms", MS, Lower, "how long after the last trigger's end it came back, if it did",
			ofLoad(func(r *report.Report) Value {
				if r.Recovery.State != catalog.CameBack {
					return Value{}
				}
				return quantity(r.Recovery.AfterMS)
			})),
		ofReport("recovery.lowest_share", Share, Higher, "good passes at the lowest, of those offered",
			ofLoad(func(r *report.Report) Value { return quantity(r.Recovery.Lowest) })),
		ofReport("passes.offered", Count, Neither, "passes that the load began",
			ofLoad(func(r *report.Report) Value { return count(r.Passes.Offered) })),
		ofReport("passes.good_share", Share, Higher, "passes delivered from the source, of those offered",
			ofLoad(func(r *report.Report) Value {
				return quantity(float64(r.Passes.Good) / float64(r.Passes.Offered))
			})),
		ofReport("passes.p50_ms", MS, Lower, "how long half of the passes took at most",
			ofLoad(func(r *report.Report) Value { return quantity(r.Passes.P50MS) })),
		ofReport("passes.p99_ms", MS, Lower, "how long 99 % of them took at most",
			ofLoad(func(r *report.Report) Value { return quantity(r.Passes.P99MS) })),
		ofReport("calls_per_pass.<place>", Factor, Lower, "calls to a dependency for each pass that the load began",
			callsPerPass),
	}
}

func callsPerPass(r *report.Report) (list []reading) {
	for _, p := range r.Series.Places {
		calls := 0
		for _, n := range p.Calls {
			calls += n
		}
		perPass := float64(calls) / float64(r.Passes.Offered)
		list = append(list, reading{key: string(p.Place), value: quantity(math.Round(perPass*1e3) / 1e3)})
	}
	return list
}

// ofLoad reads a measure of a run with a load, and nothing of any other.
func ofLoad(value func(*report.Report) Value) func(*report.Report) []reading {
	return func(r *report.Report) []reading {
		if r.Passes.Offered == 0 {
			return nil
		}
		return []reading{{value: value(r)}}
	}
}

func recordMeasures() []Measure {
	fallbacks := without(catalog.Origins(), catalog.FromSource)
	reduced := without(catalog.Modes(), catalog.ModeNormal)
	return slices.Concat(weighing(Records,
		ofReport("ledger.collected", Count, Neither, "records collected, from wherever",
			ledger(func(l report.Ledger) int64 { return l.Collected })),
		ofReport("ledger.from_source", Count, Higher, "records of the source itself",
			ledger(func(l report.Ledger) int64 { return l.FromSource })),
		ofReport("ledger.from_cache", Count, Lower, "records of the cache",
			ledger(func(l report.Ledger) int64 { return l.FromCache })),
		ofReport("ledger.from_default", Count, Lower, "records of the default data",
			ledger(func(l report.Ledger) int64 { return l.FromDefault })),
		ofReport("ledger.delivered", Count, Neither, "records delivered, copies of the cache and default data included",
			ledger(func(l report.Ledger) int64 { return l.Delivered })),
		ofReport("ledger.delivered_from_source", Count, Higher, "records of the source itself that were delivered",
			single(func(r *report.Report) Value { return deliveredFromSource(&r.Ledger) })),
		ofReport("ledger.delivered_share", Share, Higher,
			"records of the source itself that were delivered, of those collected from it", single(deliveredShare)),
		ofReport("ledger.dead_lettered", Count, Lower, "records given up, with a reason",
			ledger(func(l report.Ledger) int64 { return l.DeadLettered })),
		ofReport("ledger.spooled", Count, Lower, "records in the emergency spool",
			ledger(func(l report.Ledger) int64 { return l.Spooled })),
		ofReport("ledger.lost", Count, Lower, "records unaccounted for",
			ledger(func(l report.Ledger) int64 { return l.Lost })),
	), []Measure{
		ofReport("origins.source", Count, Higher, "cycles with data of the source",
			single(func(r *report.Report) Value { return count(r.Collection.Origins[catalog.FromSource]) })),
		ofReport("origins.<origin>", Count, Lower, "cycles with other data: "+strings.Join(fallbacks, ", "),
			func(r *report.Report) []reading { return counted(r.Collection.Origins, catalog.FromSource) }).
			withKeys(fallbacks).orElse(noneCounted),
		ofReport("collection.health_failures", Count, Lower, "health checks that failed",
			single(func(r *report.Report) Value { return count(r.Collection.HealthFailures) })),
		ofReport("collection.unreadable", Count, Lower, "rows that were no valid records",
			single(func(r *report.Report) Value { return count(r.Collection.Unreadable) })),
		ofReport("processing.success_rate", Share, Higher, "records processed, of those that came in",
			single(func(r *report.Report) Value { return quantity(r.Processing.SuccessRate) })),
		ofReport("modes.normal", Count, Higher, "cycles in which processing went its normal way",
			single(func(r *report.Report) Value { return count(r.Processing.Modes[catalog.ModeNormal]) })),
		ofReport("modes.<mode>", Count, Lower, "cycles in which it did not: "+strings.Join(reduced, ", "),
			func(r *report.Report) []reading { return counted(r.Processing.Modes, catalog.ModeNormal) }).
			withKeys(reduced).orElse(noneCounted),
	})
}

func nodeMeasures() []Measure {
	measures := []Measure{
		ofReport("attempts.<node>", Count, Lower, "attempts, over all runs of the node",
			perNode(func(n report.Node) Value { return count(n.Attempts) })),
		ofReport("max_attempts.<node>", Count, Lower, "most attempts in one run of the node",
			perNode(func(n report.Node) Value { return count(n.MaxTries) })),
		ofReport("failed_attempts.<node>", Count, Lower, "attempts that failed",
			perNode(func(n report.Node) Value { return count(n.Failures) })),
		ofReport("waits.<node>", Count, Lower, "waits between attempts",
			perNode(func(n report.Node) Value { return count(n.Waits) })),
		ofReport("wait_ms.<node>", MS, Lower, "time spent in these waits",
			perNode(func(n report.Node) Value { return quantity(n.WaitMS) })),
		ofReport("timeouts.<node>", Count, Lower, "calls cut short",
			perNode(func(n report.Node) Value { return count(n.Timeouts) })),
		ofReport("hedges.<node>", Count, Neither, "calls made since another one took long",
			perNode(func(n report.Node) Value { return count(n.Hedges) })),
		ofReport("deadline_over.<node>", Count, Lower, "calls whose deadline was over",
			perNode(func(n report.Node) Value { return count(n.Overdue) })),
	}
	for _, away := range catalog.Rejections() {
		better := Lower
		if away.Desired {
			better = Neither
		}
		measures = append(measures, ofReport(away.Key+".<node>", Count, better, "calls that "+away.By+" rejected",
			perNode(func(n report.Node) Value { return count(*n.TurnedAway(away.Event)) })))
	}
	return append(measures,
		ofReport("recovered.<node>", Count, Neither, "runs of the node saved by its error hook",
			perNode(func(n report.Node) Value { return count(n.Recovered) })),
		ofReport("fallbacks.<node>", Count, Neither, "runs of the node saved by its fallback",
			perNode(func(n report.Node) Value { return count(n.Fallbacks) })),
	)
}

func breakerMeasures() []Measure {
	return []Measure{
		ofReport("breaker_opened.<breaker>", Count, Lower, "times the breaker opened",
			perBreaker(func(b report.Breaker, _ float64) Value { return count(b.Opened) })),
		ofReport("breaker_open_ms.<breaker>", MS, Lower, "time it was open; unknown of more than 1,000 changes",
			perBreaker(openTime)),
		ofReport("breaker_state.<breaker>", Word, Lower, "state at the end: closed, half-open, open",
			perBreaker(func(b report.Breaker, _ float64) Value { return word(b.State, catalog.BreakerStates()) })),
	}
}

func channelMeasures() []Measure {
	return []Measure{
		ofReport("channel_records.<channel>", Count, Neither, "records that the channel took",
			perChannel(func(c report.Channel) Value { return count(c.Records) })),
		ofReport("channel_tried.<channel>", Count, Neither, "tries to deliver to it",
			perChannel(func(c report.Channel) Value { return count(c.Tried) })),
		ofReport("channel_failed.<channel>", Count, Lower, "tries that failed",
			perChannel(func(c report.Channel) Value { return count(c.Failed) })),
		ofReport("channel_skipped.<channel>", Count, Lower, "passes that left it out as degraded or down",
			perChannel(func(c report.Channel) Value { return count(c.Skipped) })),
		ofReport("channel_health.<channel>", Word, Lower, "health at the end: healthy, degraded, down",
			perChannel(func(c report.Channel) Value { return word(c.Health, catalog.Healths()) })),
		ofReport("delivery.passes", Count, Lower, "passes over the channels",
			single(func(r *report.Report) Value { return count(r.Delivery.Passes) })),
		ofReport("delivery.failed_over", Count, Lower,
			"cycles in which another channel than the first took records",
			single(func(r *report.Report) Value { return count(r.Delivery.FailedOver) })),
		ofReport("delivery.possible_duplicates", Count, Lower, "records sent again after an uncertain failure",
			single(func(r *report.Report) Value { return count(r.Delivery.PossibleDuplicates) })),
		ofReport("delivery.duplicates_avoided", Count, Neither, "records that a channel recognised",
			single(func(r *report.Report) Value { return count(r.Delivery.DuplicatesAvoided) })),
		ofReport("delivery.failed", Count, Lower, "records neither delivered nor spooled",
			single(func(r *report.Report) Value { return count(r.Delivery.Failed) })),
	}
}

func errorMeasures() []Measure {
	classes := catalog.Strings(errhandler.Classes())
	codes := catalog.Strings(catalog.FindingCodes())
	return []Measure{
		ofReport("errors.total", Count, Lower,
			"errors, handled ones included; without the calls that an open breaker rejected",
			single(func(r *report.Report) Value { return count(r.Errors.Total - r.Rejected()) })),
		ofReport("errors.rejected", Count, Neither, "calls that an open breaker rejected, which is what it is for",
			single(func(r *report.Report) Value { return count(r.Rejected()) })),
		ofReport("errors.handled", Count, Neither, "errors that ended no node",
			single(func(r *report.Report) Value { return count(r.Errors.Handled) })),
		ofReport("errors.unhandled", Count, Lower, "errors that ended a node",
			single(func(r *report.Report) Value {
				return quantity(float64(r.Errors.Total) - float64(r.Errors.Handled))
			})),
		ofReport("errors.by_class.<class>", Count, Lower,
			"errors of a class, without rejected calls: "+strings.Join(classes, ", "), errorsOfClass).
			withKeys(classes).orElse(noneCounted),
		ofReport("warnings.<finding>", Count, Lower, "cycles with this warning", findings(true)).
			withKeys(codes).orElse(noneCounted).ofPresence(),
		ofReport("notices.<finding>", Count, Neither, "cycles with this notice", findings(false)).
			withKeys(codes).orElse(noneCounted).ofPresence(),
	}
}

func loadMeasures() []Measure {
	return []Measure{
		ofReport("calls.<place>", Count, Neither, "calls that reached a dependency",
			perPlace(func(a report.Amplification) Value { return count(a.Calls) })),
		ofReport("amplification.<place>", Factor, Lower,
			"calls, by those that it would have been had nothing failed; below 1 less is no better",
			perPlace(amplification)).noBetterBelow(1),
		ofReport("fired.<place>", Count, Neither, "faults that hit a call", fired).orElse(noneCounted),
	}
}

func ledger(of func(report.Ledger) int64) func(*report.Report) []reading {
	return single(func(r *report.Report) Value { return count(of(r.Ledger)) })
}

func perNode(value func(report.Node) Value) func(*report.Report) []reading {
	return func(r *report.Report) (list []reading) {
		for _, n := range r.Nodes {
			list = append(list, reading{key: string(n.Name), value: value(n)})
		}
		return list
	}
}

// perBreaker hands on the run's end as well, in milliseconds.
func perBreaker(value func(b report.Breaker, end float64) Value) func(*report.Report) []reading {
	return func(r *report.Report) (list []reading) {
		for _, b := range r.Breakers {
			list = append(list, reading{key: b.Name, value: value(b, r.DurationMS)})
		}
		return list
	}
}

func perChannel(value func(report.Channel) Value) func(*report.Report) []reading {
	return func(r *report.Report) (list []reading) {
		for _, c := range r.Channels {
			list = append(list, reading{key: c.Name, value: value(c)})
		}
		return list
	}
}

func perPlace(value func(report.Amplification) Value) func(*report.Report) []reading {
	return func(r *report.Report) (list []reading) {
		for _, a := range r.Amplification {
			list = append(list, reading{key: string(a.Place), value: value(a)})
		}
		return list
	}
}

// openTime adds up the times from each change to open to the change that follows, or to the run's end.
func openTime(b report.Breaker, end float64) Value {
	if b.Opened+b.HalfOpened+b.Closed > len(b.Transitions) {
		return Value{} // the report did not keep all of them
	}
	total := 0.0
	for i, t := range b.Transitions {
		if t.To != catalog.Open {
			continue
		}
		until := end
		if i+1 < len(b.Transitions) {
			until = b.Transitions[i+1].AtMS
		}
		total += until - t.AtMS
	}
	return quantity(math.Round(total*1e3) / 1e3) // to the microsecond, as reports have it
}

// amplification is unknown of a dependency that nothing would have called had nothing failed.
func amplification(a report.Amplification) Value {
	if a.Units == 0 {
		return Value{}
	}
	return quantity(a.Factor)
}

// noneCounted is 0 for what reports count and leave out where the count is 0.
func noneCounted(d Document, key string) reading {
	if d.Report == nil {
		return reading{key: key}
	}
	return reading{key: key, value: count(0)}
}

// counted lists the counts of a map by name, without those that have a measure of their own.
func counted[K ~string](counts map[K]int, but ...K) (list []reading) {
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		if !slices.Contains(but, k) {
			list = append(list, reading{key: string(k), value: count(counts[k])})
		}
	}
	return list
}

func drillPaths(r *report.Report) (list []reading) {
	for _, p := range r.Drill {
		outcome := "recovered"
		if !p.Recovered {
			outcome = "not recovered"
		}
		list = append(list, reading{key: p.Path, value: word(outcome, []string{"recovered", "not recovered"})})
	}
	return list
}

// meanCycle is unknown of a single cycle, which is as long as its run; so is longestCycle.
func meanCycle(r *report.Report) Value {
	if len(r.Cycles.List) < 2 {
		return Value{}
	}
	total := 0.0
	for _, c := range r.Cycles.List {
		total += c.DurationMS
	}
	return quantity(math.Round(total/float64(len(r.Cycles.List))*1e3) / 1e3)
}

func longestCycle(r *report.Report) Value {
	if len(r.Cycles.List) < 2 {
		return Value{}
	}
	longest := slices.MaxFunc(r.Cycles.List, func(a, b report.Cycle) int {
		return cmp.Compare(a.DurationMS, b.DurationMS)
	})
	return quantity(longest.DurationMS)
}

// deliveredFromSource is unknown of a ledger that does not tell copies apart, as older versions wrote it.
func deliveredFromSource(l *report.Ledger) Value {
	switch {
	case l.DeliveredFromSource+l.DeliveredCopies == l.Delivered:
		return count(l.DeliveredFromSource)
	case l.FromCache+l.FromDefault == 0:
		return count(l.Delivered)
	}
	return Value{}
}

// deliveredShare is unknown when the source gave nothing.
func deliveredShare(r *report.Report) Value {
	v := deliveredFromSource(&r.Ledger)
	if !v.Known {
		return v
	}
	return quantity(v.Number / float64(r.Ledger.FromSource))
}

// errorsOfClass leaves out the calls that an open breaker rejected: they tell that it was at work.
func errorsOfClass(r *report.Report) []reading {
	counts := maps.Clone(r.Errors.ByClass)
	if n, seen := counts[errhandler.Degradation]; seen {
		counts[errhandler.Degradation] = n - r.Rejected()
	}
	return counted(counts)
}

// findings reads the warnings, which spoil a run's verdict, or the notices, which do not.
func findings(warnings bool) func(*report.Report) []reading {
	return func(r *report.Report) (list []reading) {
		for _, f := range r.Findings {
			if (f.Verdict != catalog.Success) == warnings {
				list = append(list, reading{key: string(f.Code), value: count(f.Count)})
			}
		}
		return list
	}
}

func patterns(r *report.Report) (list []reading) {
	for _, p := range r.Patterns {
		v := word(p.State, catalog.PatternStates())
		if p.State != catalog.Demonstrated {
			v.Number = 0 // for presence: only a demonstrated pattern is there
		}
		list = append(list, reading{key: string(p.Name), value: v})
	}
	return list
}

// fired adds up the hits of all faults of a place.
func fired(r *report.Report) []reading {
	sums := map[catalog.Place]int{}
	for _, f := range r.Faults {
		sums[f.Place] += int(f.Fired)
	}
	return counted(sums)
}
