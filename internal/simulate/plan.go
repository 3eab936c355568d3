package simulate

import (
	"cmp"
	"context"
	"sync/atomic"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/nodes"
	"faultflow/internal/workflow"
)

// Plan is the faults of one run, armed at their places. It counts what happens in the run.
type Plan struct {
	points []point
	faults []armed
}

// Count is how often a fault was armed (a call came by it) and fired (it hit the call).
type Count struct{ Armed, Fired int64 }

// NewPlan arms faults. Of several that would hit the same call, the first one does.
func NewPlan(faults []fault.Fault, rand nodes.Rand) *Plan {
	p := &Plan{points: make([]point, 0, len(faults)), faults: make([]armed, len(faults))}
	for i := range faults {
		f := &faults[i]
		at := p.at(f.Place)
		if at == nil {
			p.points = append(p.points, point{place: f.Place, rand: rand})
			at = &p.points[len(p.points)-1] // which stays there: there is room for a place for each fault
		}
		a := &p.faults[i]
		a.fault, a.number = f, len(at.faults)
		at.faults = append(at.faults, a)
	}
	return p
}

// at is the injection point of that place; nil for a place without faults.
func (p *Plan) at(place catalog.Place) *point {
	for i := range p.points {
		if p.points[i].place == place {
			return &p.points[i]
		}
	}
	return nil
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
	fault *fault.Fault
	// number is the fault's index at its place: faults are drawn independently of each other and of other places.
	number       int
	armed, fired atomic.Int64
}

// point is an injection point: the faults at one place and the count of its calls.
type point struct {
	place  catalog.Place
	rand   nodes.Rand
	faults []*armed
	calls  int
	cycle  int
	// attempt counts the calls within the cycle.
	attempt int
}

// call identifies a call of a place.
type call struct {
	number, cycle, attempt int
	record                 uint64
	at                     time.Duration
}

// hit is what happens to one call: nothing if kind is empty.
type hit struct {
	kind   fault.Kind
	params *fault.Params
	// from is the beginning of the fault's window, which a flapping period counts from.
	from time.Duration
	call call
	pt   *point
}

// next counts a call, decides what happens to it and emits a hit. Calls of a place come one after the other. The
// records of a batch are concurrent, so they are decided by decide, without events, whose order would be the
// scheduler's.
func (p *point) next(ctx context.Context) hit {
	cycle, at := workflow.Now(ctx)
	if cycle != p.cycle {
		p.cycle, p.attempt = cycle, 0
	}
	p.calls++
	p.attempt++
	h := p.decide(call{number: p.calls, cycle: cycle, attempt: p.attempt, at: at})
	if h.kind != "" {
		e := catalog.FaultFired.At(p.place)
		e.Detail = string(h.kind)
		workflow.Emit(ctx, e)
	}
	return h
}

func (p *point) decide(c call) hit {
	for _, a := range p.faults {
		a.armed.Add(1)
		f := a.fault
		if !f.Trigger.Hits(c.number, c.cycle, c.at) {
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
		if kind == fault.Flapping && !h.flappedDown() {
			continue
		}
		a.fired.Add(1)
		return h
	}
	return hit{call: c, pt: p}
}

func (p *point) draw(c call, use string, number int) float64 {
	// The fault's number is mixed into the record's: so the places and uses of keys stay few and constant.
	return p.rand(nodes.Key{
		Place:   p.place,
		Use:     use,
		Cycle:   c.cycle,
		Record:  c.record + uint64(number)<<32,
		Attempt: c.attempt,
	})
}

// draw is a further decision about a call that was hit.
func (h hit) draw(use string) float64 { return h.pt.draw(h.call, use, 0) }

func (h hit) flappedDown() bool {
	half := cmp.Or(h.params.Period, 10*time.Second) / 2
	return (h.call.at-h.from)/half%2 == 1
}
