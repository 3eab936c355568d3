package compare

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"faultflow/internal/errhandler"
	"faultflow/internal/report"
)

// Measure is something that documents are compared by. Its name is that of the report's field where there is one.
type Measure struct {
	// Name is the measure's, such as verdict, or has a part that documents fill in: attempts.<node>.
	Name  string
	Group string
	// What says what is measured.
	What string
	Unit Unit
	// Better is the direction that is an improvement.
	Better Direction
	// Test tells of campaigns whether values differ by more than chance.
	Test Test

	// enough is a number below which a lower one is no better.
	enough float64
	// keys are those that the part in brackets can always be, whether a document has it or not.
	keys []string
	// absent is the value of what a document does not mention; without it there is none. set says that the measure is about
	// what is there or not: there if its number is above 0.
	absent func(d Document, key string) reading
	set    bool

	report   func(*report.Report) []reading
	tests    func(*report.Tests) []reading
	campaign func(*report.Campaign) []reading
}

// Unit is what a measure's number means.
type Unit string

// The units. The values of a Word are texts.
const (
	Count  Unit = "count"
	MS     Unit = "ms"
	Share  Unit = "share" // 0 to 1
	Factor Unit = "factor"
	Word   Unit = "word"
)

// Direction is which way a measure gets better.
type Direction string

// The directions.
const (
	Lower   Direction = "lower"
	Higher  Direction = "higher"
	Neither Direction = "neither"
)

// reading is one value of a measure, and what it was taken from; key fills in the part of the name in brackets.
type reading struct {
	key   string
	value Value
	from  sample
}

// Measures lists all measures, in the order in which they are shown.
func Measures() []Measure {
	r := func(name string, u Unit, b Direction, what string, read func(*report.Report) []reading) Measure {
		return Measure{Name: name, Unit: u, Better: b, What: what, report: read}
	}
	t := func(name string, u Unit, b Direction, what string, read func(*report.Tests) []reading) Measure {
		return Measure{Name: name, Unit: u, Better: b, What: what, tests: read}
	}
	keyed := func(m Measure, keys []string) Measure { m.keys, m.absent = keys, noneCounted; return m }
	set := func(m Measure) Measure { m.set = true; return m }
	from := func(enough float64, m Measure) Measure { m.enough = enough; return m }
	holds := func(m Measure) Measure { m.absent = notBroken; return m }
	fallbacks := without(texts(errhandler.Origins()), string(errhandler.FromSource))

	return slices.Concat(
		in("Outcome",
			r("verdict", Word, Lower, "what the run came to: success, degraded, failed", one(func(r *report.Report) Value { return verdict(r.Verdict) })),
			r("drill.<path>", Word, Lower, "whether a path of the recovery drill recovered", each(drillPaths)),
			r("duration_ms", MS, Lower, "how long the run took, on its own clock", number(func(r *report.Report) float64 { return r.DurationMS })),
			r("cycle_ms.mean", MS, Lower, "how long a cycle took on average, of several: the first 1,000", one(meanCycle)),
			r("cycle_ms.max", MS, Lower, "how long the longest cycle took, of several: the first 1,000", one(longestCycle)),
			r("cycles.count", Count, Neither, "cycles", number(func(r *report.Report) float64 { return float64(r.Cycles.Count) }))),
		in("Records",
			r("ledger.collected", Count, Neither, "records collected, from wherever", number(func(r *report.Report) float64 { return float64(r.Ledger.Collected) })),
			r("ledger.from_source", Count, Higher, "records of the source itself", number(func(r *report.Report) float64 { return float64(r.Ledger.FromSource) })),
			r("ledger.from_cache", Count, Lower, "records of the cache", number(func(r *report.Report) float64 { return float64(r.Ledger.FromCache) })),
			r("ledger.from_default", Count, Lower, "records of the default data", number(func(r *report.Report) float64 { return float64(r.Ledger.FromDefault) })),
			r("ledger.delivered", Count, Higher, "records delivered", number(func(r *report.Report) float64 { return float64(r.Ledger.Delivered) })),
			r("ledger.delivered_share", Share, Higher, "records delivered, of those collected", one(deliveredShare)),
			r("ledger.dead_lettered", Count, Lower, "records given up, with a reason", number(func(r *report.Report) float64 { return float64(r.Ledger.DeadLettered) })),
			r("ledger.spooled", Count, Lower, "records in the emergency spool", number(func(r *report.Report) float64 { return float64(r.Ledger.Spooled) })),
			r("ledger.lost", Count, Lower, "records unaccounted for", number(func(r *report.Report) float64 { return float64(r.Ledger.Lost) })),
			r("origins.source", Count, Higher, "cycles with data of the source", one(func(r *report.Report) Value { return count(r.Collection.Origins[errhandler.FromSource]) })),
			keyed(r("origins.<origin>", Count, Lower, "cycles with other data: "+strings.Join(fallbacks, ", "),
				func(r *report.Report) []reading { return counted(r.Collection.Origins, errhandler.FromSource) }), fallbacks),
			r("collection.health_failures", Count, Lower, "health checks that failed", number(func(r *report.Report) float64 { return float64(r.Collection.HealthFailures) })),
			r("collection.unreadable", Count, Lower, "rows that were no valid records", number(func(r *report.Report) float64 { return float64(r.Collection.Unreadable) })),
			r("processing.success_rate", Share, Higher, "records processed, of those that came in", number(func(r *report.Report) float64 { return r.Processing.SuccessRate })),
			r("modes.normal", Count, Higher, "cycles in which processing went its normal way", one(func(r *report.Report) Value { return count(r.Processing.Modes["normal"]) })),
			keyed(r("modes.<mode>", Count, Lower, "cycles in which it did not: partial, fallback, none",
				func(r *report.Report) []reading { return counted(r.Processing.Modes, "normal") }), []string{"partial", "fallback", "none"})),
		in("Nodes",
			r("attempts.<node>", Count, Lower, "attempts, over all runs of the node", perNode(func(n report.Node) float64 { return float64(n.Attempts) })),
			r("max_attempts.<node>", Count, Lower, "most attempts in one run of the node", perNode(func(n report.Node) float64 { return float64(n.MaxTries) })),
			r("failed_attempts.<node>", Count, Lower, "attempts that failed", perNode(func(n report.Node) float64 { return float64(n.Failures) })),
			r("waits.<node>", Count, Lower, "waits between attempts", perNode(func(n report.Node) float64 { return float64(n.Waits) })),
			r("wait_ms.<node>", MS, Lower, "time spent in these waits", perNode(func(n report.Node) float64 { return n.WaitMS })),
			r("timeouts.<node>", Count, Lower, "calls cut short", perNode(func(n report.Node) float64 { return float64(n.Timeouts) })),
			r("rejected.<node>", Count, Neither, "calls that an open breaker rejected", perNode(func(n report.Node) float64 { return float64(n.Rejected) })),
			r("bulkhead_full.<node>", Count, Lower, "calls that a full bulkhead rejected", perNode(func(n report.Node) float64 { return float64(n.Full) })),
			r("rate_limited.<node>", Count, Lower, "calls that the rate limit rejected", perNode(func(n report.Node) float64 { return float64(n.Limited) })),
			r("recovered.<node>", Count, Neither, "runs of the node saved by its error hook", perNode(func(n report.Node) float64 { return float64(n.Recovered) })),
			r("fallbacks.<node>", Count, Neither, "runs of the node saved by its fallback", perNode(func(n report.Node) float64 { return float64(n.Fallbacks) }))),
		in("Breakers",
			r("breaker_opened.<breaker>", Count, Lower, "times the breaker opened", perBreaker(func(b report.Breaker, _ float64) Value { return count(b.Opened) })),
			r("breaker_open_ms.<breaker>", MS, Lower, "time it was open; unknown of more than 1,000 changes", perBreaker(openTime)),
			r("breaker_state.<breaker>", Word, Lower, "state at the end: closed, half-open, open", perBreaker(func(b report.Breaker, _ float64) Value {
				return word(b.State, "closed", "half-open", "open")
			}))),
		in("Channels",
			r("channel_records.<channel>", Count, Neither, "records that the channel took", perChannel(func(c report.Channel) Value { return count(c.Records) })),
			r("channel_tried.<channel>", Count, Neither, "tries to deliver to it", perChannel(func(c report.Channel) Value { return count(c.Tried) })),
			r("channel_failed.<channel>", Count, Lower, "tries that failed", perChannel(func(c report.Channel) Value { return count(c.Failed) })),
			r("channel_skipped.<channel>", Count, Lower, "passes that left it out as degraded or down", perChannel(func(c report.Channel) Value { return count(c.Skipped) })),
			r("channel_health.<channel>", Word, Lower, "health at the end: healthy, degraded, down", perChannel(func(c report.Channel) Value {
				return word(c.Health, "healthy", "degraded", "down")
			})),
			r("delivery.passes", Count, Lower, "passes over the channels", number(func(r *report.Report) float64 { return float64(r.Delivery.Passes) })),
			r("delivery.failed_over", Count, Lower, "cycles in which another channel than the first took records", number(func(r *report.Report) float64 { return float64(r.Delivery.FailedOver) })),
			r("delivery.possible_duplicates", Count, Lower, "records sent again after an uncertain failure", number(func(r *report.Report) float64 { return float64(r.Delivery.PossibleDuplicates) })),
			r("delivery.duplicates_avoided", Count, Neither, "records that a channel recognised", number(func(r *report.Report) float64 { return float64(r.Delivery.DuplicatesAvoided) })),
			r("delivery.failed", Count, Lower, "records neither delivered nor spooled", number(func(r *report.Report) float64 { return float64(r.Delivery.Failed) }))),
		in("Errors",
			r("errors.total", Count, Lower, "errors, handled ones included", number(func(r *report.Report) float64 { return float64(r.Errors.Total) })),
			r("errors.handled", Count, Neither, "errors that ended no node", number(func(r *report.Report) float64 { return float64(r.Errors.Handled) })),
			r("errors.unhandled", Count, Lower, "errors that ended a node", number(func(r *report.Report) float64 { return float64(r.Errors.Total) - float64(r.Errors.Handled) })),
			keyed(r("errors.by_class.<class>", Count, Lower, "errors of a class: "+strings.Join(texts(errhandler.Classes()), ", "),
				func(r *report.Report) []reading { return counted(r.Errors.ByClass) }), texts(errhandler.Classes())),
			set(keyed(r("warnings.<finding>", Count, Lower, "cycles with this warning", findings(true)), errhandler.Codes())),
			set(keyed(r("notices.<finding>", Count, Neither, "cycles with this notice", findings(false)), errhandler.Codes()))),
		in("Patterns",
			set(r("patterns.<pattern>", Word, Neither, "demonstrated, armed or off", each(patterns)))),
		in("Load",
			r("calls.<place>", Count, Neither, "calls that reached a dependency", each(func(r *report.Report) []reading {
				return perPlace(r, func(a report.Amplification) Value { return count(a.Calls) })
			})),
			from(1, r("amplification.<place>", Factor, Lower, "calls, by those that it would have been had nothing failed; below 1 less is no better",
				each(func(r *report.Report) []reading { return perPlace(r, factor) }))),
			keyed(r("fired.<place>", Count, Neither, "faults that hit a call", fired), nil)),
		in("Scenarios",
			t("tests.passed", Count, Higher, "scenarios that passed", status(report.TestPassed)),
			t("tests.failed", Count, Lower, "scenarios that failed", status(report.TestFailed)),
			t("tests.inconclusive", Count, Lower, "scenarios that proved nothing", status(report.TestInconclusive)),
			t("tests.skipped", Count, Neither, "scenarios that were not run", status(report.TestSkipped)),
			t("scenario.<scenario>", Word, Lower, "what it came to: passed, inconclusive, failed", perResult(func(r report.TestResult) Value {
				return word(string(r.Status), string(report.TestPassed), string(report.TestInconclusive), string(report.TestFailed))
			})),
			t("expectations.<scenario>", Count, Neither, "its expectations", perResult(func(r report.TestResult) Value { return count(r.Expectations) })),
			set(holds(t("broken.<scenario>: <expectation>", Count, Lower, "an expectation that does not hold", broken))),
			t("scenario_verdict.<scenario>", Word, Lower, "what its run came to", perResult(func(r report.TestResult) Value { return verdict(errhandler.Verdict(r.Verdict)) })),
			t("scenario_ms.<scenario>", MS, Lower, "how long its run took, on its own clock", perResult(func(r report.TestResult) Value { return quantity(r.VirtualMS) }))),
		campaignMeasures(),
	)
}

func in(group string, list ...Measure) []Measure {
	for i := range list {
		list[i].Group = group
	}
	return list
}

// reads reports whether the measure is one of documents like d.
func (m Measure) reads(d Document) bool {
	return m.report != nil && d.Report != nil || m.tests != nil && d.Tests != nil || m.campaign != nil && d.Campaign != nil
}

// of reads the measure of a document; nothing if it is none of documents like that.
func (m Measure) of(d Document) []reading {
	switch {
	case !m.reads(d):
		return nil
	case m.report != nil:
		return distinct(m.report(d.Report))
	case m.tests != nil:
		return distinct(m.tests(d.Tests))
	}
	return distinct(slices.DeleteFunc(m.campaign(d.Campaign), unknown))
}

// name is the measure's, with key in place of what is in brackets.
func (m Measure) name(key string) string {
	if family, ok := m.family(); ok {
		return family + key
	}
	return m.Name
}

// family is what all names of the measure begin with, if it has more than one.
func (m Measure) family() (string, bool) {
	family, _, many := strings.Cut(m.Name, "<")
	return family, many
}

// distinct numbers keys that came up before, so that nothing hides behind something else of the same name.
func distinct(list []reading) []reading {
	times := map[string]int{}
	for i := range list {
		key := list[i].key
		for times[list[i].key] > 0 {
			times[key]++
			list[i].key = fmt.Sprintf("%s#%d", key, times[key])
		}
		times[list[i].key]++
	}
	return list
}

func count[N ~int | ~int64](n N) Value { return quantity(float64(n)) }

// quantity is no value for what JSON has no number for.
func quantity(f float64) Value {
	if finite(f) == nil {
		return Value{}
	}
	return Value{Number: f, Known: true}
}

// word is a text that is the better the earlier it comes in order; an unknown one is worse than all.
func word(s string, order ...string) Value {
	if s == "" {
		return Value{}
	}
	at := slices.Index(order, s)
	if at < 0 {
		at = len(order)
	}
	return Value{Text: s, Number: float64(at), Known: true}
}

func verdict(v errhandler.Verdict) Value { return word(string(v), texts(errhandler.Verdicts())...) }

func texts[S ~string](list []S) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

func without(list []string, what string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return s == what })
}

func one(f func(*report.Report) Value) func(*report.Report) []reading {
	return each(func(r *report.Report) []reading { return []reading{{value: f(r)}} })
}

func number(f func(*report.Report) float64) func(*report.Report) []reading {
	return one(func(r *report.Report) Value { return quantity(f(r)) })
}

// each leaves out readings without a value.
func each(f func(*report.Report) []reading) func(*report.Report) []reading {
	return func(r *report.Report) []reading {
		return slices.DeleteFunc(f(r), unknown)
	}
}

func unknown(r reading) bool { return !r.value.Known }

func perNode(f func(report.Node) float64) func(*report.Report) []reading {
	return each(func(r *report.Report) (list []reading) {
		for _, n := range r.Nodes {
			list = append(list, reading{key: n.Name, value: quantity(f(n))})
		}
		return list
	})
}

// perBreaker hands on the run's end as well, in milliseconds.
func perBreaker(f func(b report.Breaker, end float64) Value) func(*report.Report) []reading {
	return each(func(r *report.Report) (list []reading) {
		for _, b := range r.Breakers {
			list = append(list, reading{key: b.Name, value: f(b, r.DurationMS)})
		}
		return list
	})
}

// openTime adds up the times from each change to open to the change that follows, or to the run's end.
func openTime(b report.Breaker, end float64) Value {
	if b.Opened+b.HalfOpened+b.Closed > len(b.Transitions) {
		return Value{} // the report did not keep all of them
	}
	total := 0.0
	for i, t := range b.Transitions {
		if t.To != "open" {
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

func perChannel(f func(report.Channel) Value) func(*report.Report) []reading {
	return each(func(r *report.Report) (list []reading) {
		for _, c := range r.Channels {
			list = append(list, reading{key: c.Name, value: f(c)})
		}
		return list
	})
}

func perPlace(r *report.Report, f func(report.Amplification) Value) (list []reading) {
	for _, a := range r.Amplification {
		list = append(list, reading{key: a.Place, value: f(a)})
	}
	return list
}

// factor is none where nothing would have been called had nothing failed.
func factor(a report.Amplification) Value {
	if a.Units == 0 {
		return Value{}
	}
	return quantity(a.Factor)
}

// noneCounted is for what reports count, and leave out where there was none.
func noneCounted(d Document, key string) reading {
	if d.Report == nil {
		return reading{key: key}
	}
	return reading{key: key, value: count(0)}
}

// counted lists what a map counts, by name, but for what has a measure of its own.
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
		list = append(list, reading{key: p.Path, value: word(outcome, "recovered", "not recovered")})
	}
	return list
}

// meanCycle is for runs of several cycles; one cycle is as long as its run.
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
	return quantity(slices.MaxFunc(r.Cycles.List, func(a, b report.Cycle) int { return cmp.Compare(a.DurationMS, b.DurationMS) }).DurationMS)
}

func deliveredShare(r *report.Report) Value {
	return quantity(float64(r.Ledger.Delivered) / float64(r.Ledger.Collected)) // NaN when nothing was collected
}

func findings(warnings bool) func(*report.Report) []reading {
	return func(r *report.Report) (list []reading) {
		for _, f := range r.Findings {
			if (f.Verdict != errhandler.Success) == warnings {
				list = append(list, reading{key: f.Code, value: count(f.Count)})
			}
		}
		return list
	}
}

func patterns(r *report.Report) (list []reading) {
	for _, p := range r.Patterns {
		v := word(p.State, report.Off, report.Armed, report.Demonstrated)
		if p.State != report.Demonstrated {
			v.Number = 0 // there or not
		}
		list = append(list, reading{key: p.Name, value: v})
	}
	return list
}

// fired adds up the faults of each place.
func fired(r *report.Report) []reading {
	sums := map[string]int{}
	for _, f := range r.Faults {
		sums[f.Place] += int(f.Fired)
	}
	return counted(sums)
}

func status(s report.TestStatus) func(*report.Tests) []reading {
	return func(t *report.Tests) []reading { return []reading{{value: count(t.Count(s))}} }
}

// perResult leaves out what was not run.
func perResult(f func(report.TestResult) Value) func(*report.Tests) []reading {
	return func(t *report.Tests) (list []reading) {
		for _, r := range t.Results {
			if v := f(r); v.Known && r.Status != report.TestSkipped {
				list = append(list, reading{key: r.Name, value: v})
			}
		}
		return list
	}
}

// broken lists the expectations that did not hold.
func broken(t *report.Tests) (list []reading) {
	for _, r := range t.Results {
		for _, f := range r.Failures {
			list = append(list, reading{key: r.Name + ": " + f.Expect, value: count(1)})
		}
	}
	return list
}

// notBroken is 0 for an expectation of a scenario that ran: results list only those that did not hold.
func notBroken(d Document, key string) reading {
	if d.Tests == nil || !slices.ContainsFunc(d.Tests.Results, func(r report.TestResult) bool {
		return r.Status != report.TestSkipped && strings.HasPrefix(key, r.Name+": ")
	}) {
		return reading{key: key}
	}
	return reading{key: key, value: count(0)}
}
