package simulate

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"faultflow/internal/nodes"
	"faultflow/internal/workflow"
)

// Plan is the faults of one run, armed at their places. It counts what happens in the run.
type Plan struct {
	points map[string]*point
	faults []armed
}

// Count is how often a fault was armed (a call came by it) and fired (it hit the call).
type Count struct{ Armed, Fired int64 }

// NewPlan arms faults. Of several that would hit the same call, the first one does.
func NewPlan(faults []Fault, rand nodes.Rand) *Plan {
	p := &Plan{points: make(map[string]*point, len(faults)), faults: make([]armed, len(faults))}
	for i := range faults {
		f := &faults[i]
		at := p.points[f.Place]
		if at == nil {
			at = &point{place: f.Place, rand: rand}
			p.points[f.Place] = at
		}
		a := &p.faults[i]
		a.fault, a.number = f, len(at.faults)
		at.faults = append(at.faults, a)
	}
	return p
}

// Rearm makes the plan ready for another run, with that run's randomness and nothing counted. What was put around with
// it before belongs to the run before.
func (p *Plan) Rearm(rand nodes.Rand) {
	for _, at := range p.points {
		*at = point{place: at.place, rand: rand, faults: at.faults}
	}
	for i := range p.faults {
		p.faults[i].armed.Store(0)
		p.faults[i].fired.Store(0)
	}
}

// Counts returns the counts of the faults, in the order in which these were given.
func (p *Plan) Counts() []Count {
	counts := make([]Count, len(p.faults))
	for i := range p.faults {
		counts[i] = Count{Armed: p.faults[i].armed.Load(), Fired: p.faults[i].fired.Load()}
	}
	return counts
}

type armed struct {
	fault        *Fault
	number       int // among the place's faults, so that they decide independently of each other and of other places
	armed, fired atomic.Int64
}

// point is an injection point: the faults at one place and the count of its calls.
type point struct {
	place  string
	rand   nodes.Rand
	faults []*armed
	calls  int
	cycle  int
	// attempt counts the calls within the cycle.
	attempt int
}

// call says which call of the place is being decided on.
type call struct {
	number, cycle, attempt int
	record                 uint64
	at                     time.Duration
}

// hit is what happens to one call: nothing if kind is empty.
type hit struct {
	kind   Kind
	params *Params
	// from is the beginning of the fault's window, which a flapping period counts from.
	from time.Duration
	call call
	pt   *point
}

// next counts a call and decides what happens to it. Calls of a place come one after the other; the records of a batch,
// which do not, are decided with at.
func (p *point) next(ctx context.Context) hit {
	cycle, at := workflow.Now(ctx)
	if cycle != p.cycle {
		p.cycle, p.attempt = cycle, 0
	}
	p.calls++
	p.attempt++
	h := p.decide(call{number: p.calls, cycle: cycle, attempt: p.attempt, at: at})
	if h.kind != "" {
		node, _, _ := strings.Cut(p.place, ".")
		workflow.Emit(ctx, workflow.Event{Node: node, Place: p.place, Kind: FaultFired, Detail: string(h.kind)})
	}
	return h
}

// FaultFired is the event of a fault that hit a call; Detail is its kind. The records of a batch, which are processed at
// the same time, have none: the order of theirs would be the scheduler's.
const FaultFired workflow.Kind = "fault_fired"

func (p *point) decide(c call) hit {
	for _, a := range p.faults {
		a.armed.Add(1)
		f := a.fault
		if !f.Trigger.hits(c.number, c.cycle, c.at) {
			continue
		}
		if f.Trigger.HasP && p.draw(c, "fault", a.number) >= f.Trigger.P {
			continue
		}
		kind := f.Kinds[0]
		if n := len(f.Kinds); n > 1 {
			kind = f.Kinds[int(p.draw(c, "kind", a.number)*float64(n))]
		}
		h := hit{kind: kind, params: &f.Params, from: f.Trigger.From, call: c, pt: p}
		if kind == Flapping && !h.flappedDown() {
			continue
		}
		a.fired.Add(1)
		return h
	}
	return hit{call: c, pt: p}
}

func (p *point) draw(c call, use string, fault int) float64 {
	// The fault's number goes in with the record: places and uses stay few and constant.
	return p.rand(nodes.Key{Place: p.place, Use: use, Cycle: c.cycle, Record: c.record + uint64(fault)<<32, Attempt: c.attempt})
}

// draw is a further decision about a call that was hit.
func (h hit) draw(use string) float64 { return h.pt.draw(h.call, use, 0) }

func (h hit) flappedDown() bool {
	half := or(h.params.Period, 10*time.Second) / 2
	return (h.call.at-h.from)/half%2 == 1
}

// or returns v, or the default where v is zero.
func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
