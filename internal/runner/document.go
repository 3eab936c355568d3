package runner

import (
	"fmt"
	"slices"
	"strings"

	"faultflow/internal/errhandler"
	"faultflow/internal/nodes"
	"faultflow/internal/report"
	"faultflow/internal/simulate"
)

// totals add up what the stages of all cycles did.
type totals struct {
	collection report.Collection
	processing report.Processing
	delivery   report.Delivery
	// deliveries counts the cycles that had something to deliver.
	deliveries int
	partial    int // partial answers of the source
	cancelled  bool
}

func newTotals() *totals {
	return &totals{collection: report.Collection{Origins: map[errhandler.Origin]int{}}, processing: report.Processing{Modes: map[string]int{}}}
}

// begin forgets the last run.
func (t *totals) begin() {
	clear(t.collection.Origins)
	clear(t.processing.Modes)
	*t = totals{
		collection: report.Collection{Health: "healthy", Origin: errhandler.FromNowhere, Origins: t.collection.Origins},
		processing: report.Processing{Mode: "none", Modes: t.processing.Modes},
		delivery:   report.Delivery{Status: nodes.StatusNone},
	}
}

func (t *totals) add(s *nodes.State) {
	o := s.Outcome
	c := &t.collection
	c.Origin, c.Health = o.Origin, "healthy"
	c.Origins[o.Origin]++
	if o.Unhealthy != "" {
		c.Health = o.Unhealthy
		c.HealthFailures++
	}
	if o.Origin == errhandler.FromFreshCache || o.Origin == errhandler.FromStaleCache {
		c.CacheAgeMS = ms(o.CacheAge)
	}
	c.Records += int64(o.Rows)
	c.Unreadable += int64(o.Unreadable)
	if o.Asked > 0 {
		t.partial++
	}

	p := &t.processing
	p.Mode = o.Mode
	if p.Mode == "" {
		p.Mode = "none"
	}
	p.Modes[p.Mode]++
	p.In += int64(o.In)
	p.Out += int64(o.Processed)
	if o.LowSuccess() {
		p.LowSuccess++
	}

	d := &t.delivery
	d.Status = s.Status
	d.Delivered += int64(o.Delivered)
	d.Spooled += int64(o.Spooled)
	d.Failed += int64(o.Undelivered)
	d.PossibleDuplicates += int64(o.PossibleDuplicates)
	if o.FailedOver {
		d.FailedOver++
	}
	if s.Status != nodes.StatusNone {
		t.deliveries++
	}
	t.cancelled = t.cancelled || o.Cancelled
}

// report puts together what was recorded, in place of the last run's report. Only meta is left to the caller.
func (r *run) report(interrupted bool) *report.Report {
	loads := r.pipeline.Loads()
	r.foldLoads(loads)
	rep, last := &r.made, r.made
	*rep = report.Report{
		Schema: report.Schema, Settings: r.settings.document(), Seed: r.settings.Seed, Interrupted: interrupted,
		DurationMS: ms(r.stream.Elapsed()), Collection: r.totals.collection, Processing: r.totals.processing, Delivery: r.totals.delivery,
		Nodes: r.recorder.nodes, Breakers: r.recorder.breakers, Channels: r.channels(last.Channels[:0]), Ledger: r.books.close(),
		Errors: r.recorder.errors, Faults: r.countedFaults(),
		Cycles: report.Cycles{Count: r.count, List: r.cycles}, Timeline: r.recorder.timeline(),
	}
	c, p, d := &rep.Collection, &rep.Processing, &rep.Delivery
	c.Source, c.Breaker = r.source.Name(), loads[1].Breaker
	p.Failed, p.SuccessRate = p.In-p.Out, 1
	if p.In > 0 {
		p.SuccessRate = float64(p.Out) / float64(p.In)
	}
	d.Passes = r.recorder.node(nodes.DeliveryNode).Attempts
	for _, c := range r.pipeline.Channels() {
		d.DuplicatesAvoided += c.Recognised
	}
	rep.Amplification = r.amplification(last.Amplification[:0], loads, rep.Ledger.Collected)
	if r.settings.Drill {
		rep.Drill = drillPaths(r.settings, r.cycles,
			func(cycle int, node string) bool { return r.recorder.ran[cycleNode{cycle, node}] },
			func(cycle int) int { return r.recorder.attempts[cycle] })
		if drillFailed(rep.Drill) && !interrupted {
			r.find(errhandler.Finding{Code: "drill_failed", Verdict: errhandler.Failed, Node: nodes.ErrorHandlerNode,
				Message: "a recovery path did not recover", Recommendation: "see the drill: it names the path"}, 0)
		}
	}
	if !rep.Ledger.Balanced {
		r.find(errhandler.Finding{Code: "ledger_unbalanced", Verdict: errhandler.Failed, Node: nodes.ErrorHandlerNode,
			Message: fmt.Sprintf("%d records are unaccounted for", rep.Ledger.Lost), Recommendation: "this is a defect of the pipeline; keep the report and its seed"}, 0)
	}
	if interrupted && !r.totals.cancelled {
		r.find(errhandler.Finding{Code: "interrupted", Verdict: errhandler.Degraded, Node: nodes.ErrorHandlerNode,
			Message: "the run was interrupted", Recommendation: "start again to go on"}, 0)
	}
	if r.light {
		rep.Cycles.List = nil
	}
	rep.Findings = r.findings
	rep.Verdict = errhandler.Success
	for _, f := range r.findings {
		if f.Verdict.Worse(rep.Verdict) {
			rep.Verdict = f.Verdict
		}
	}
	rep.Patterns = r.patterns(last.Patterns[:0], rep)
	return rep
}

// foldLoads puts the counts of guards that emit no events into their nodes, and the calls into the breakers.
func (r *run) foldLoads(loads []nodes.Load) {
	for _, l := range loads {
		node, _, _ := strings.Cut(l.Place, ".")
		n := r.recorder.node(node)
		n.Timeouts += int(l.TimedOut)
		n.Rejected += int(l.Rejected)
		n.Full += int(l.Full)
		n.Limited += int(l.Limited)
		for i := range r.recorder.breakers {
			b := &r.recorder.breakers[i]
			if b.Name == breakerName(l.Place) || b.Name == nodes.ProcessorNode && l.Place == nodes.PlaceBatch {
				b.Calls, b.Rejected, b.CallsBeforeOpen = l.Calls, l.Rejected, l.BeforeOpen
			}
		}
	}
}

func (r *run) channels(list []report.Channel) []report.Channel {
	for _, c := range r.pipeline.Channels() {
		list = append(list, report.Channel{Name: c.Name, Health: string(c.Health), Idempotent: c.Idempotent, Tried: c.Tried, Failed: c.Failed,
			Skipped: c.Skipped, Records: c.Records, LastError: c.LastError})
	}
	return list
}

// faultList describes the plan's faults in list, of which the first so many were given by hand.
func faultList(list []report.Fault, faults []simulate.Fault, declared int) []report.Fault {
	list = slices.Grow(list, len(faults))
	for i, f := range faults {
		list = append(list, report.Fault{Spec: f.String(), Place: f.Place, Kind: f.KindNames(), Class: simulate.ClassOf(f.Kinds[0], f.Place),
			Declared: i < declared, MayNotFire: f.MayNotFire, Probability: f.Probability()})
	}
	return list
}

// countedFaults are the plan's faults with their counts.
func (r *run) countedFaults() []report.Fault {
	for i, c := range r.plan.Counts() {
		r.faults[i].Armed, r.faults[i].Fired = c.Armed, c.Fired
	}
	return r.faults
}

// amplification compares the calls that each dependency got with those it would have got had nothing failed: one a
// cycle, one a record, and on delivery one a cycle on the first channel.
func (r *run) amplification(list []report.Amplification, loads []nodes.Load, records int64) []report.Amplification {
	for i, l := range loads {
		a := report.Amplification{Place: l.Place, Calls: l.Calls}
		switch {
		case i < 2:
			a.Units = int64(r.count)
		case l.Place == nodes.PlaceBatch:
			a.Units = int64(r.count - r.totals.processing.Modes["none"])
		case l.Place == nodes.PlaceRecord:
			a.Units = r.totals.processing.In
		case l.Place == nodes.ChannelPlace(r.settings.Channels[0]):
			a.Units = int64(r.totals.deliveries)
		}
		if a.Units > 0 {
			a.Factor = round(float64(a.Calls) / float64(a.Units))
		}
		if records > 0 {
			a.PerRecord = round(float64(a.Calls) / float64(records))
		}
		list = append(list, a)
	}
	return list
}

// patterns tells which patterns were at work, which were in place but not needed, and which were off.
func (r *run) patterns(list []report.Pattern, rep *report.Report) []report.Pattern {
	s := r.settings
	sum := func(f func(report.Node) int) (total int) {
		for _, n := range rep.Nodes {
			total += f(n)
		}
		return total
	}
	hooks := sum(func(n report.Node) (ran int) {
		for _, times := range n.Hooks {
			ran += times
		}
		return ran
	})
	opened, rejected := 0, 0
	for _, b := range rep.Breakers {
		opened += b.Opened
		rejected += int(b.Rejected)
	}
	waits := sum(func(n report.Node) int { return n.Waits })
	skipped := 0
	for _, c := range rep.Channels {
		skipped += c.Skipped
	}
	recoveryRan := func(node string) int {
		if n := r.recorder.node(node); n != nil {
			return n.Runs
		}
		return 0
	}
	origins, modes := rep.Collection.Origins, rep.Processing.Modes
	ladder := origins[errhandler.FromFreshCache] + origins[errhandler.FromStaleCache] + origins[errhandler.FromDefault]
	retries := max(s.Collector.Attempts, s.Processor.Attempts, s.Delivery.Attempts) > 1
	list = slices.Grow(list, 18)
	add := func(name string, on bool, count int, detail string, args ...any) {
		p := report.Pattern{Name: name, State: report.Off}
		switch {
		case count > 0:
			p.State, p.Count = report.Demonstrated, count
			if !r.light {
				p.Detail = fmt.Sprintf(detail, args...)
			}
		case on:
			p.State = report.Armed
		}
		list = append(list, p)
	}
	full := sum(func(n report.Node) int { return n.Full })
	limited := sum(func(n report.Node) int { return n.Limited })
	timeouts := sum(func(n report.Node) int { return n.Timeouts })
	add("execution_hooks", true, hooks, "hooks of the nodes ran")
	add("health_check", true, rep.Collection.HealthFailures, "checks found the source unhealthy")
	add("retry_with_backoff", retries, waits, "waits between attempts")
	add("circuit_breaker", len(rep.Breakers) > 0, opened, "opened, and rejected calls without making them: %d", rejected)
	add("bulkhead", true, full, "calls turned away")
	add("rate_limit", max(s.Collector.RateLimit, s.Processor.RateLimit, s.Delivery.RateLimit) > 0, limited, "calls turned away")
	add("timeout", true, timeouts, "calls cut short")
	add("fallback_ladder", s.Fallback, ladder, "fresh cache %d, stale cache %d, default data %d",
		origins[errhandler.FromFreshCache], origins[errhandler.FromStaleCache], origins[errhandler.FromDefault])
	add("failure_isolation", true, r.recorder.failedAlone, "records failed alone, not their batch")
	add("partial_processing", s.Recovery, modes[string(nodes.ModePartial)], "batches processed in part")
	add("minimal_fallback", s.Recovery && !s.RecoveryGraph, modes[string(nodes.ModeFallback)], "batches of which a few records were passed through")
	add("channel_failover", len(s.Channels) > 1, rep.Delivery.FailedOver, "cycles in which another channel took records")
	add("channel_health", len(s.Channels) > 1, skipped, "times a failed channel was left out")
	add("emergency_spool", s.Spool, int(rep.Delivery.Spooled), "records spooled")
	add("idempotency_key", true, int(rep.Delivery.DuplicatesAvoided), "records recognised when they were sent again")
	add("dead_letters", true, int(rep.Ledger.DeadLettered), "records kept with their reason")
	add("error_handler", true, rep.Errors.Total, "errors, of which handled: %d", rep.Errors.Handled)
	add("recovery_nodes", s.RecoveryGraph, recoveryRan(nodes.FallbackDataNode)+recoveryRan(nodes.PartialNode)+recoveryRan(nodes.AlternateNode),
		"fallback data %d, partial processing %d, alternate delivery %d",
		recoveryRan(nodes.FallbackDataNode), recoveryRan(nodes.PartialNode), recoveryRan(nodes.AlternateNode))
	return list
}
