// Package timeline lays a run out on a time axis: a lane for each node, channel and breaker, with what went on in it,
// from when to when, and how it ended. It reads a report and draws nothing.
package timeline

import (
	"cmp"
	"slices"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/report"
)

// Kind says what an item is, in the catalogue's words: the catalog.EventKind of the event that ended it, or that of its
// beginning while nothing has; of a state its catalog.BreakerState or catalog.Health; of a cycle its catalog.Verdict.
type Kind any

// Item is one thing in a lane. Times are milliseconds since the run began; FromMS <= ToMS.
type Item struct {
	Kind         Kind
	FromMS, ToMS float64
	Cycle        int
	Attempt      int // 0 where attempts do not apply
	// Records is how many records it is about, 0 where records do not apply. Those that failed alone at one moment
	// are one item, with the Record of the first.
	Records int
	Record  string
	// Place is the dependency; From is the state before a change; Class and Detail are those of the event that ended
	// the item.
	Place  catalog.Place
	From   string
	Class  errhandler.Class
	Detail string
}

// Sort says what a lane is of.
type Sort string

// The sorts of lanes.
const (
	Node    Sort = "node"
	Channel Sort = "channel"
	Breaker Sort = "breaker"
	Cycles  Sort = "cycles"
	// Triggers is the lane of what pushed a run with a load.
	Triggers Sort = "triggers"
)

// Lane is what went on in one node, channel or breaker. Items are in the order of their start, longer ones first;
// states follow each other without gaps.
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
	// Summarised charts have no lanes of nodes and channels: the report has too many cycles to keep its events, or the
	// passes of a load overlap, of which plots tell.
	Summarised bool
	// Plots are those of a run with a load.
	Plots []Plot
}

// Of lays out a run. A report that is not what a run would write gives a chart all the same, perhaps a strange one.
func Of(r *report.Report) *Chart {
	c := &Chart{
		EndMS:      max(r.DurationMS, 0),
		Shown:      len(r.Cycles.List),
		Count:      max(r.Cycles.Count, len(r.Cycles.List)),
		Summarised: r.Timeline.Summarised,
	}
	if r.Passes.Offered > 0 {
		c.Summarised, c.Shown = true, c.Count
		c.Plots, c.Lanes = plots(r, c.EndMS), triggers(r, c.EndMS)
	} else if n := len(r.Cycles.List); n > 0 && n < r.Cycles.Count { // the rest of the axis would be empty
		last := r.Cycles.List[n-1]
		c.EndMS = max(last.StartMS+last.DurationMS, 0)
	}
	b := newBuilder(r, c.EndMS)
	for _, e := range r.Timeline.Events {
		b.add(e)
	}
	b.end()
	if c.Count > 1 && r.Passes.Offered == 0 {
		c.Lanes = append(c.Lanes, cycles(r))
	}
	channels := slices.DeleteFunc(slices.Clone(b.lanes), func(l *Lane) bool { return l.Sort != Channel })
	for _, n := range r.Nodes {
		if n.Runs == 0 {
			continue
		}
		c.add(b.lane(Node, string(n.Name)))
		c.Lanes = append(c.Lanes, breakers(r, c.EndMS, string(n.Name))...)
		if n.Name != catalog.Delivery {
			continue
		}
		for _, ch := range channels {
			c.add(ch)
			c.Lanes = append(c.Lanes, breakers(r, c.EndMS, catalog.ChannelPlace(ch.Name).Breaker())...)
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
		all.Plots = beside(all.Plots, c.Plots, labels[i])
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

func cycles(r *report.Report) Lane {
	lane := Lane{Sort: Cycles, Name: "cycles"}
	for _, c := range r.Cycles.List {
		lane.Items = append(lane.Items, Item{
			Kind:   c.Verdict,
			FromMS: c.StartMS,
			ToMS:   max(c.StartMS+c.DurationMS, c.StartMS),
			Cycle:  c.Number,
		})
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
	state, since := catalog.Closed, 0.0
	for _, t := range b.Transitions {
		if t.AtMS > endMS { // beyond the cycles that the chart covers
			break
		}
		lane.States = append(lane.States, Item{Kind: state, FromMS: since, ToMS: max(t.AtMS, since)})
		state, since = t.To, max(t.AtMS, since)
	}
	kept := len(b.Transitions)
	if all := b.Opened + b.HalfOpened + b.Closed; all <= kept || kept > 0 && b.Transitions[kept-1].AtMS > endMS {
		lane.States = append(lane.States, Item{Kind: state, FromMS: since, ToMS: max(endMS, since)})
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
	place catalog.Place
}

func newBuilder(r *report.Report, endMS float64) *builder {
	b := &builder{endMS: endMS, named: map[laneKey]*Lane{}, open: map[key]int{}, ended: map[key]int{}}
	for _, n := range r.Nodes {
		b.newLane(&Lane{Sort: Node, Name: string(n.Name)})
	}
	for _, c := range r.Channels {
		b.newLane(&Lane{Sort: Channel, Name: c.Name, States: []Item{{Kind: catalog.Healthy}}})
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
	if name, ok := e.Place.Channel(); ok {
		if l := b.lane(Channel, name); l != nil {
			return l
		}
	}
	if e.Place == catalog.PlaceSpool {
		if l := b.lane(Channel, catalog.SpoolName); l != nil {
			return l
		}
		return b.newLane(&Lane{Sort: Channel, Name: catalog.SpoolName})
	}
	return b.lane(Node, string(e.Node))
}

// add draws an event as its kind's role says.
func (b *builder) add(e report.Event) {
	l := b.laneOf(e)
	if l == nil {
		return
	}
	switch e.Kind.Event().Role {
	case catalog.Begins:
		b.begin(l, e)
	case catalog.Ends:
		b.finish(l, e)
	case catalog.Moment:
		b.moment(l, e.Kind, e)
	case catalog.Opens:
		b.opened(l, e)
	case catalog.Lasts:
		l.Items = append(l.Items, item(e.Kind, e))
		l.Items[len(l.Items)-1].ToMS = min(e.AtMS+max(e.WaitMS, 0), max(b.endMS, e.AtMS))
	case catalog.Changes:
		if e.Kind == catalog.ChannelChanged { // the report has the changes of breakers, also where it has no events
			b.changed(l, e)
		}
	case catalog.Aside:
	}
}

func item(k Kind, e report.Event) Item {
	return Item{
		Kind:    k,
		FromMS:  e.AtMS,
		ToMS:    e.AtMS,
		Cycle:   e.Cycle,
		Attempt: e.Attempt,
		Records: e.Count,
		Record:  e.Record,
		Place:   e.Place,
		From:    e.From,
		Class:   e.Class,
		Detail:  e.Detail,
	}
}

// begin opens an item. One that is still open at its place was interrupted.
func (b *builder) begin(l *Lane, e report.Event) {
	b.close(l, e.Place, e.AtMS)
	l.Items = append(l.Items, item(e.Kind, e))
	b.open[key{l, e.Place}] = len(l.Items) - 1
}

func (b *builder) close(l *Lane, place catalog.Place, atMS float64) {
	if i, began := b.open[key{l, place}]; began {
		delete(b.open, key{l, place})
		l.Items[i].ToMS = max(atMS, l.Items[i].FromMS)
	}
}

// ended says how an item ended. What a node's end says is its action, which its edges tell.
func (it *Item) ended(e report.Event) {
	it.Kind, it.Class, it.Detail, it.Records = e.Kind, e.Class, e.Detail, max(it.Records, e.Count)
	if e.Kind == catalog.NodeDone {
		it.Detail = ""
	}
}

// finish closes what an event ends. What was not begun is a moment: a call that was turned away. A channel that took a
// part of the records has accepted, then failed.
func (b *builder) finish(l *Lane, e report.Event) {
	at := key{l, e.Place}
	if i, began := b.open[at]; began {
		b.close(l, e.Place, e.AtMS)
		b.ended[at] = i
		l.Items[i].ended(e)
		return
	}
	kind := e.Kind
	if e.Kind == catalog.ChannelFailed {
		i, ok := b.ended[at]
		if ok && l.Items[i].Kind == catalog.ChannelAccepted && l.Items[i].ToMS == e.AtMS {
			l.Items[i].ended(e)
			return
		}
		if e.Class == errhandler.Degradation { // its breaker is open
			kind = catalog.CallRejected
		}
	}
	b.moment(l, kind, e)
}

// opened adds what a node did before everything else, such as a health check, if that took time.
func (b *builder) opened(l *Lane, e report.Event) {
	i, running := b.open[key{l, e.Place}]
	if !running || e.Detail != beforePrep || e.AtMS <= l.Items[i].FromMS {
		return
	}
	first := item(e.Kind, e)
	first.FromMS, first.Detail = l.Items[i].FromMS, ""
	l.Items = append(l.Items, first)
}

// beforePrep is the hook that a node begins with.
const beforePrep = "before_prep"

// moment adds an item without a length. Records that failed at one moment become one item.
func (b *builder) moment(l *Lane, k catalog.EventKind, e report.Event) {
	it := item(k, e)
	if k == catalog.RecordFailed {
		it.Records = max(it.Records, 1)
		if n := len(l.Items); n > 0 && l.Items[n-1].Kind == catalog.RecordFailed && l.Items[n-1].FromMS == e.AtMS {
			l.Items[n-1].Records += it.Records
			return
		}
	}
	l.Items = append(l.Items, it)
}

// changed notes a channel's new health.
func (b *builder) changed(l *Lane, e report.Event) {
	if n := len(l.States); n > 0 {
		l.States[n-1].ToMS = max(e.AtMS, l.States[n-1].FromMS)
	}
	l.States = append(l.States, item(catalog.Health(e.To), e))
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
		slices.SortStableFunc(l.Items, func(x, y Item) int {
			return cmp.Or(cmp.Compare(x.FromMS, y.FromMS), cmp.Compare(y.ToMS, x.ToMS))
		})
	}
}
