// Package timeline lays a run out on a time axis: a lane for each node, channel and breaker, with what went on in it, from
// when to when, and how it ended. It reads a report and draws nothing.
package timeline

import (
	"cmp"
	"slices"
	"strings"

	"faultflow/internal/report"
)

// Kind says what an item is.
type Kind string

// Attempts, from their start to their end.
const (
	Succeeded  Kind = "succeeded"
	Failed     Kind = "failed"
	TimedOut   Kind = "timed_out"
	Unfinished Kind = "unfinished" // the run was interrupted first
)

// What else a node does, from its start to its end.
const (
	Ran      Kind = "ran" // the whole of it, attempts and waits included
	Checking Kind = "health_check"
	Waiting  Kind = "waiting" // backoff before the next attempt
)

// Moments: FromMS and ToMS are the same, except that an attempt of several calls can end as Rejected or Full.
const (
	FaultFired   Kind = "fault_fired"
	Unhealthy    Kind = "unhealthy"     // the health check failed
	Rejected     Kind = "rejected"      // by an open breaker, without a call
	Full         Kind = "bulkhead_full" // turned away, without a call
	RecordFailed Kind = "record_failed" // alone, not its batch
	Fallback     Kind = "fallback"      // a fallback or a recovery supplied the result
	NodeFailed   Kind = "node_failed"   // and the error handler got its error
	Skipped      Kind = "skipped"       // a channel was left out
	Spooled      Kind = "spooled"
)

// States of breakers (closed, open, half-open) and channels (healthy, degraded, down), and verdicts of cycles.
const (
	Closed   Kind = "closed"
	Open     Kind = "open"
	HalfOpen Kind = "half-open"

	Healthy  Kind = "healthy"
	Degraded Kind = "degraded"
	Down     Kind = "down"

	CycleSuccess  Kind = "cycle_success"
	CycleDegraded Kind = "cycle_degraded"
	CycleFailed   Kind = "cycle_failed"
)

// Item is one thing in a lane. Times are milliseconds since the run began; FromMS <= ToMS.
type Item struct {
	Kind         Kind
	FromMS, ToMS float64
	Cycle        int
	Attempt      int // 0 where attempts do not apply
	// Count is how many items this one stands for: records that failed at one moment. It is at least 1.
	Count int
	// Place is the dependency; Class and Detail are those of the event that ended the item.
	Place, Class, Detail string
}

// Sort says what a lane is of.
type Sort string

// The sorts of lanes.
const (
	Node    Sort = "node"
	Channel Sort = "channel"
	Breaker Sort = "breaker"
	Cycles  Sort = "cycles"
)

// Lane is what went on in one node, channel or breaker. Items are in the order of their start, longer ones first; states
// follow each other without gaps.
type Lane struct {
	Sort Sort
	Name string
	// Run tells the lanes of several runs apart (see Beside); it is "" in the chart of one.
	Run    string
	Items  []Item
	States []Item
}

// Chart is a run on a time axis from 0 to EndMS.
type Chart struct {
	EndMS float64
	Lanes []Lane
	// Shown is how many of the run's Count cycles the chart covers.
	Shown, Count int
	// Summarised charts have no lanes of nodes and channels: the report has too many cycles to keep its events.
	Summarised bool
}

// Of lays out a run. A report that is not what a run would write gives a chart all the same, perhaps a strange one.
func Of(r *report.Report) *Chart {
	c := &Chart{EndMS: max(r.DurationMS, 0), Shown: len(r.Cycles.List), Count: max(r.Cycles.Count, len(r.Cycles.List)), Summarised: r.Timeline.Summarised}
	if n := len(r.Cycles.List); n > 0 && n < r.Cycles.Count { // the rest of the axis would be empty
		last := r.Cycles.List[n-1]
		c.EndMS = max(last.StartMS+last.DurationMS, 0)
	}
	b := newBuilder(r, c.EndMS)
	for _, e := range r.Timeline.Events {
		b.add(e)
	}
	b.end()
	if c.Count > 1 {
		c.Lanes = append(c.Lanes, cycles(r))
	}
	channels := slices.DeleteFunc(slices.Clone(b.lanes), func(l *Lane) bool { return l.Sort != Channel })
	for _, n := range r.Nodes {
		if n.Runs == 0 {
			continue
		}
		c.add(b.lane(Node, n.Name))
		c.Lanes = append(c.Lanes, breakers(r, c.EndMS, n.Name)...)
		if n.Name != deliveryNode {
			continue
		}
		for _, ch := range channels {
			c.add(ch)
			c.Lanes = append(c.Lanes, breakers(r, c.EndMS, deliveryNode+"."+ch.Name)...)
		}
		channels = nil // once, however many nodes go by that name
	}
	return c
}

// add appends a lane made of events, if there are events.
func (c *Chart) add(l *Lane) {
	if !c.Summarised {
		c.Lanes = append(c.Lanes, *l)
	}
}

// Beside puts several runs on one axis: lanes of the same node, channel or breaker stand together, in the order of the
// charts. There is a label for each chart.
func Beside(labels []string, charts []*Chart) *Chart {
	all := &Chart{}
	for i, c := range charts {
		all.EndMS = max(all.EndMS, c.EndMS)
		all.Summarised = all.Summarised || c.Summarised
		if i == 0 || c.Count-c.Shown > all.Count-all.Shown { // the run of which most is missing
			all.Shown, all.Count = c.Shown, c.Count
		}
		at := 0 // behind the lanes that are like this chart's last one
		for _, l := range c.Lanes {
			l.Run = labels[i]
			for j, other := range all.Lanes {
				if other.Sort == l.Sort && other.Name == l.Name {
					at = j + 1
				}
			}
			all.Lanes = slices.Insert(all.Lanes, at, l)
			at++
		}
	}
	return all
}

// Names that events use.
const (
	deliveryNode = "delivery"
	spoolPlace   = "delivery.spool"
)

func cycles(r *report.Report) Lane {
	lane := Lane{Sort: Cycles, Name: "cycles"}
	for _, c := range r.Cycles.List {
		kind := map[string]Kind{"success": CycleSuccess, "degraded": CycleDegraded}[string(c.Verdict)]
		if kind == "" {
			kind = CycleFailed
		}
		lane.Items = append(lane.Items, Item{Kind: kind, FromMS: c.StartMS, ToMS: max(c.StartMS+c.DurationMS, c.StartMS), Cycle: c.Number, Count: 1})
	}
	return lane
}

// breakers returns the lane of the breaker of that name, if there is one. Beyond the changes that the report keeps
// nothing is known, and the lane ends.
func breakers(r *report.Report, endMS float64, name string) []Lane {
	i := slices.IndexFunc(r.Breakers, func(b report.Breaker) bool { return b.Name == name })
	if i < 0 {
		return nil
	}
	b := r.Breakers[i]
	lane := Lane{Sort: Breaker, Name: name}
	state, since := Closed, 0.0
	for _, t := range b.Transitions {
		if t.AtMS > endMS { // beyond the cycles that the chart covers
			break
		}
		lane.States = append(lane.States, Item{Kind: state, FromMS: since, ToMS: max(t.AtMS, since), Count: 1})
		state, since = Kind(t.To), max(t.AtMS, since)
	}
	kept := len(b.Transitions)
	if all := b.Opened + b.HalfOpened + b.Closed; all <= kept || kept > 0 && b.Transitions[kept-1].AtMS > endMS {
		lane.States = append(lane.States, Item{Kind: state, FromMS: since, ToMS: max(endMS, since), Count: 1})
	}
	return []Lane{lane}
}

// builder makes lanes of nodes and channels out of events.
type builder struct {
	endMS float64
	lanes []*Lane
	// named are the lanes by what they are of: events are many, and so may lanes be.
	named map[laneKey]*Lane
	// open are the indices of items that have begun, by lane and place; ended those of the attempts that ended last.
	open, ended map[key]int
}

type laneKey struct {
	sort Sort
	name string
}

type key struct {
	lane  *Lane
	place string
}

func newBuilder(r *report.Report, endMS float64) *builder {
	b := &builder{endMS: endMS, named: map[laneKey]*Lane{}, open: map[key]int{}, ended: map[key]int{}}
	for _, n := range r.Nodes {
		b.newLane(&Lane{Sort: Node, Name: n.Name})
	}
	for _, c := range r.Channels {
		b.newLane(&Lane{Sort: Channel, Name: c.Name, States: []Item{{Kind: Healthy, Count: 1}}})
	}
	return b
}

// newLane adds a lane. Of several with one name the first gets the events.
func (b *builder) newLane(l *Lane) *Lane {
	b.lanes = append(b.lanes, l)
	if k := (laneKey{l.Sort, l.Name}); b.named[k] == nil {
		b.named[k] = l
	}
	return l
}

func (b *builder) lane(s Sort, name string) *Lane { return b.named[laneKey{s, name}] }

// laneOf finds the lane of an event: the channel's if it is of one, else the node's. The spool gets a lane when it is
// first needed.
func (b *builder) laneOf(e report.Event) *Lane {
	if name, ok := strings.CutPrefix(e.Place, deliveryNode+"."); ok {
		if l := b.lane(Channel, name); l != nil {
			return l
		}
		if e.Place == spoolPlace {
			return b.newLane(&Lane{Sort: Channel, Name: name})
		}
	}
	return b.lane(Node, e.Node)
}

// The kinds of events that begin something, and what those that end an attempt or stand for themselves become. They are
// the names that reports use; the packages that emit them are not needed to read a report.
var (
	moments = map[string]Kind{"fault_fired": FaultFired, "health_failed": Unhealthy, "record_failed": RecordFailed, "recovered": Fallback,
		"fallback_used": Fallback, "node_failed": NodeFailed, "channel_skipped": Skipped, "spooled": Spooled, "spool_failed": Failed}
	ends = map[string]Kind{"attempt_succeeded": Succeeded, "attempt_failed": Failed, "attempt_timed_out": TimedOut, "rejected": Rejected,
		"bulkhead_full": Full, "channel_accepted": Succeeded, "channel_failed": Failed}
)

func (b *builder) add(e report.Event) {
	l := b.laneOf(e)
	if l == nil {
		return
	}
	switch e.Kind {
	case "node_started":
		b.begin(l, "run", Ran, e)
	case "node_done":
		b.close(l, "run", e.AtMS)
	case "hook":
		b.checked(l, e)
	case "attempt_started", "channel_tried":
		b.begin(l, e.Place, Unfinished, e)
	case "waiting":
		l.Items = append(l.Items, item(Waiting, e))
		l.Items[len(l.Items)-1].ToMS = min(e.AtMS+max(e.WaitMS, 0), max(b.endMS, e.AtMS))
	case "channel_changed":
		b.changed(l, e)
	default:
		if kind, ok := ends[e.Kind]; ok {
			b.finish(l, e.Place, kind, e)
		} else if kind, ok := moments[e.Kind]; ok {
			b.moment(l, kind, e)
		}
		if e.Kind == "node_failed" {
			b.close(l, "run", e.AtMS)
		}
	}
}

func item(k Kind, e report.Event) Item {
	return Item{Kind: k, FromMS: e.AtMS, ToMS: e.AtMS, Cycle: e.Cycle, Attempt: e.Attempt, Count: 1, Place: e.Place, Class: e.Class, Detail: e.Detail}
}

// begin opens an item. One that is still open at its place was interrupted.
func (b *builder) begin(l *Lane, what string, k Kind, e report.Event) {
	b.close(l, what, e.AtMS)
	l.Items = append(l.Items, item(k, e))
	b.open[key{l, what}] = len(l.Items) - 1
}

func (b *builder) close(l *Lane, what string, atMS float64) {
	if i, began := b.open[key{l, what}]; began {
		delete(b.open, key{l, what})
		l.Items[i].ToMS = max(atMS, l.Items[i].FromMS)
	}
}

// became says how an item ended.
func (it *Item) became(k Kind, e report.Event) { it.Kind, it.Class, it.Detail = k, e.Class, e.Detail }

// finish closes what an event ends. What was not begun is a moment: a call that was turned away. A channel that took a
// part of the records has accepted, then failed.
func (b *builder) finish(l *Lane, what string, k Kind, e report.Event) {
	if i, began := b.open[key{l, what}]; began {
		b.close(l, what, e.AtMS)
		b.ended[key{l, what}] = i
		l.Items[i].became(k, e)
		return
	}
	if e.Kind == "channel_failed" {
		if i, ok := b.ended[key{l, what}]; ok && l.Items[i].Kind == Succeeded && l.Items[i].ToMS == e.AtMS {
			l.Items[i].became(k, e)
			return
		}
		k = Rejected
	}
	b.moment(l, k, e)
}

// checked adds the health check, which a node makes before everything else.
func (b *builder) checked(l *Lane, e report.Event) {
	i, running := b.open[key{l, "run"}]
	if !running || e.Detail != "before_prep" || e.AtMS <= l.Items[i].FromMS {
		return
	}
	check := item(Checking, e)
	check.FromMS, check.Detail = l.Items[i].FromMS, ""
	l.Items = append(l.Items, check)
}

// moment adds an item without a length. Records that failed at one moment become one item.
func (b *builder) moment(l *Lane, k Kind, e report.Event) {
	if n := len(l.Items); k == RecordFailed && n > 0 && l.Items[n-1].Kind == RecordFailed && l.Items[n-1].FromMS == e.AtMS {
		l.Items[n-1].Count++
		return
	}
	l.Items = append(l.Items, item(k, e))
}

// changed notes a channel's new health: the event's detail is "healthy → degraded".
func (b *builder) changed(l *Lane, e report.Event) {
	_, health, _ := strings.Cut(e.Detail, " → ")
	if n := len(l.States); n > 0 {
		l.States[n-1].ToMS = max(e.AtMS, l.States[n-1].FromMS)
	}
	l.States = append(l.States, item(Kind(health), e))
}

// end closes what the run left open, and puts items in order.
func (b *builder) end() {
	for k := range b.open {
		it := &k.lane.Items[b.open[k]]
		it.ToMS = max(b.endMS, it.FromMS)
	}
	for _, l := range b.lanes {
		if n := len(l.States); n > 0 {
			l.States[n-1].ToMS = max(b.endMS, l.States[n-1].FromMS)
		}
		slices.SortStableFunc(l.Items, func(x, y Item) int { return cmp.Or(cmp.Compare(x.FromMS, y.FromMS), cmp.Compare(y.ToMS, x.ToMS)) })
	}
}
