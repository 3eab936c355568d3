package runner

import (
	"cmp"
	"fmt"
	"slices"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/fault"
	"faultflow/internal/nodes"
	"faultflow/internal/recovery"
	"faultflow/internal/report"
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
	return &totals{
		collection: report.Collection{
			Health:  string(catalog.Healthy),
			Origin:  catalog.FromNowhere,
			Origins: map[catalog.Origin]int{},
		},
		processing: report.Processing{Mode: catalog.ModeNone, Modes: map[catalog.Mode]int{}},
		delivery:   report.Delivery{Status: catalog.NothingToDeliver},
	}
}

func (t *totals) add(s *nodes.State) {
	o := s.Outcome
	c := &t.collection
	c.Origin, c.Health = o.Origin, string(catalog.Healthy)
	c.Origins[o.Origin]++
	if o.Unhealthy != "" {
		c.Health = o.Unhealthy
		c.HealthFailures++
	}
	if o.Origin == catalog.FromFreshCache || o.Origin == catalog.FromStaleCache {
		c.CacheAgeMS = ms(o.CacheAge)
	}
	c.Records += int64(o.Rows)
	c.Unreadable += int64(o.Unreadable)
	if o.Asked > 0 {
		t.partial++
	}

	p := &t.processing
	p.Mode = cmp.Or(o.Mode, catalog.ModeNone)
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
	if s.Status != catalog.NothingToDeliver {
		t.deliveries++
	}
	t.cancelled = t.cancelled || o.Cancelled
}

// report puts together what was recorded. Only meta is left to the caller.
func (r *run) report(interrupted bool) *report.Report {
	stations := r.plan.Close()
	loads, channels := r.loads()
	r.foldLoads(loads)
	slices.SortStableFunc(r.cycles, func(a, b report.Cycle) int { return cmp.Compare(a.Number, b.Number) })
	rep := &report.Report{
		Schema:      report.Schema,
		Settings:    r.settings,
		Seed:        r.settings.Seed,
		Interrupted: interrupted,
		DurationMS:  ms(r.stream.Elapsed()),
		Collection:  r.totals.collection,
		Processing:  r.totals.processing,
		Delivery:    r.totals.delivery,
		Nodes:       r.recorder.nodes,
		Breakers:    r.recorder.breakers,
		Channels:    channelList(channels),
		Ledger:      r.ledger.close(),
		Errors:      r.recorder.errors,
		Faults:      r.countedFaults(),
		Cycles:      report.Cycles{Count: r.count, List: r.cycles},
		Timeline:    r.recorder.timeline(),
	}
	c, p, d := &rep.Collection, &rep.Processing, &rep.Delivery
	c.Source, c.Breaker = r.source.Name(), loads[1].Breaker
	p.Failed, p.SuccessRate = p.In-p.Out, 1
	if p.In > 0 {
		p.SuccessRate = float64(p.Out) / float64(p.In)
	}
	d.Passes = r.recorder.node(catalog.Delivery).Attempts
	for _, c := range channels {
		d.DuplicatesAvoided += c.Recognised
	}
	rep.Amplification = r.amplification(loads, rep.Ledger.Collected)
	if r.settings.Drill() {
		rep.Drill = drillPaths(r.settings.Channels, r.cycles, rep.Timeline.Events)
		if drillFailed(rep.Drill) && !interrupted {
			r.find(catalog.RecoveryTestFailed, "a recovery path did not recover", 0)
		}
	}
	if !rep.Ledger.Balanced {
		r.find(catalog.LedgerUnbalanced, fmt.Sprintf("%d records are unaccounted for", rep.Ledger.Lost), 0)
	}
	r.tellOfEnds(rep)
	if interrupted && !r.totals.cancelled {
		r.find(catalog.Interrupted, "the run was interrupted", 0)
	}
	rep.Recovery.State = catalog.NotJudged
	if r.series != nil {
		lasted := r.stream.Elapsed()
		if r.settings.For > 0 {
			lasted = min(lasted, r.settings.For)
		}
		rep.Series = r.series.report(lasted, stations)
		rep.Passes = r.series.passes(&rep.Series)
		rep.Recovery.Triggers = triggers(r.breakage.faults, &r.settings)
		for i := range r.findings { // one pass of many: the run as a whole is judged by its recovery
			if f := &r.findings[i]; f.FirstCycle > 0 && f.Verdict == catalog.Failed {
				f.Verdict = catalog.Degraded
			}
		}
		recovery.Judge(rep)
		r.findings = append(r.findings, recovery.Findings(rep)...)
	}
	rep.Findings = r.findings
	rep.Verdict = catalog.Success
	for _, f := range r.findings {
		if f.Verdict.Worse(rep.Verdict) {
			rep.Verdict = f.Verdict
		}
	}
	rep.Patterns = r.patterns(rep)
	return rep
}

// foldLoads puts the counts of guards that emit no events into their nodes, and the calls into the breakers.
func (r *run) foldLoads(loads []nodes.Load) {
	for _, l := range loads {
		n := r.recorder.node(l.Place.Node())
		n.Timeouts += int(l.TimedOut)
		n.Hedges += int(l.Hedges)
		n.Lost += int(l.Lost)
		for i, r := range catalog.Rejections() {
			if r.Event != catalog.BudgetSpent { // guards that retry emit events: the recorder counts it
				*n.TurnedAway(r.Event) += int(l.TurnedAway[i])
			}
		}
		for i := range r.recorder.breakers {
			b := &r.recorder.breakers[i]
			if l.Breaker != catalog.BreakerOff && b.Name == l.Place.Breaker() {
				b.Calls, b.Rejected, b.CallsBeforeOpen = l.Calls, l.TurnedAway.Of(catalog.CallRejected), l.BeforeOpen
			}
		}
	}
}

func channelList(channels []nodes.ChannelStats) []report.Channel {
	list := make([]report.Channel, 0, len(channels))
	for _, c := range channels {
		list = append(list, report.Channel{
			Name:       c.Name,
			Health:     c.Health,
			Idempotent: c.Idempotent,
			Tried:      c.Tried,
			Failed:     c.Failed,
			Skipped:    c.Skipped,
			Records:    c.Records,
			LastError:  c.LastError,
		})
	}
	return list
}

// describe says what reports say of faults, of which the first so many were given by hand.
func describe(faults []fault.Fault, declared int) []report.Fault {
	list := make([]report.Fault, 0, len(faults))
	for i, f := range faults {
		list = append(list, report.Fault{
			Spec:        f.String(),
			Place:       f.Place,
			Kind:        f.KindNames(),
			Class:       fault.ClassOf(f.Kinds[0], f.Place),
			Declared:    i < declared,
			MayNotFire:  f.MayNotFire,
			Probability: f.Probability(),
		})
	}
	return list
}

// countedFaults are the plan's faults with their counts.
func (r *run) countedFaults() []report.Fault {
	list := slices.Clone(r.breakage.described)
	for i, c := range r.plan.Counts() {
		list[i].Armed, list[i].Fired = c.Armed, c.Fired
	}
	return list
}

// amplification compares the calls that each dependency got with those it would have got had nothing failed: one a
// cycle, one a record, and on delivery one a cycle on the first channel.
func (r *run) amplification(loads []nodes.Load, records int64) []report.Amplification {
	list := make([]report.Amplification, 0, len(loads))
	for i, l := range loads {
		a := report.Amplification{Place: l.Place, Calls: l.Calls}
		switch {
		case i < 2:
			a.Units = int64(r.count)
		case l.Place == catalog.PlaceBatch:
			a.Units = int64(r.count - r.totals.processing.Modes[catalog.ModeNone])
		case l.Place == catalog.PlaceRecord:
			a.Units = r.totals.processing.In
		case l.Place == catalog.ChannelPlace(r.settings.Channels[0]):
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

// tellOfEnds adds what the output folder and the journal have to say.
func (r *run) tellOfEnds(rep *report.Report) {
	if r.output != nil {
		r.output.Flush()
		if unkept, err := r.output.Unkept(); err != nil {
			r.find(catalog.OutputIncomplete, fmt.Sprintf("%d records could not be kept: %v", unkept, err), 0)
			rep.Ledger.Unkept = int64(unkept)
			rep.Errors.Total++
			rep.Errors.ByClass[errhandler.Classify(err)]++
		}
	}
	rep.Delivery.PossibleDuplicates = r.possibleDuplicates()
	if r.replay != nil && r.replay.uncertain > 0 {
		rep.Delivery.PossibleDuplicates += int64(r.replay.uncertain)
		r.find(catalog.PossibleDuplicates, "records that an earlier replay may have delivered were sent again", 0)
	}
	if r.fate != nil && r.fate.Uncertain > 0 {
		r.find(catalog.PossibleDuplicates, "records that may have arrived before the last run died were sent again", 0)
	}
}
