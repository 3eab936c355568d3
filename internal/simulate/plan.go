package simulate

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/nodes"
	"faultflow/internal/workflow"
)

// Plan is the faults of one run, armed at their places. It counts what happens in the run.
type Plan struct {
	rand     nodes.Rand
	points   []point
	faults   []armed
	stations []*station
}

// Count is how often a fault was armed (a call came by it) and fired (it hit the call).
type Count struct{ Armed, Fired int64 }

// NewPlan arms faults. Of several that would hit the same call, the first one does.
func NewPlan(faults []fault.Fault, rand nodes.Rand) *Plan {
	p := &Plan{rand: rand, points: make([]point, 0, len(faults)), faults: make([]armed, len(faults))}
	for i := range faults {
		f := &faults[i]
		at := p.at(f.Place)
		if at == nil {
			p.points = append(p.points, point{place: f.Place, rand: rand})
			at = &p.points[len(p.points)-1] // which stays there: there is room for a place for each fault
		}
		a := &p.faults[i]
		a.fault, a.key = f, conditions(f)
		at.faults = append(at.faults, a)
	}
	for i := range p.points {
		tellApart(p.points[i].faults)
	}
	return p
}

// conditions is a hash of what a fault breaks and when it can. How likely it is and how much it does are no part of it:
// runs that differ in a probability or a parameter meet the same draws, and what is hit at p=0.1 is hit at p=0.2, too.
func conditions(f *fault.Fault) uint64 {
	h := uint64(len(f.Kinds))
	for _, k := range f.Kinds {
		h = mixString(h, string(k))
	}
	t := &f.Trigger
	for _, n := range [...]int{t.First, t.Every, int(t.From), int(t.To), len(t.Calls), len(t.Cycles)} {
		h = mix(h ^ uint64(n))
	}
	for _, ranges := range [...][]fault.Range{t.Calls, t.Cycles} {
		for _, r := range ranges {
			h = mix(mix(h^uint64(r.Low)) ^ uint64(r.High))
		}
	}
	return h
}

// tellApart gives faults that break the same under the same conditions draws of their own. They are counted from the
// last, and without those that can't hit, so that a fault that is put before those of a profile shifts none of them.
func tellApart(faults []*armed) {
	alike := map[uint64]uint64{}
	for _, a := range slices.Backward(faults) {
		n := alike[a.key]
		if t := &a.fault.Trigger; !t.HasP || t.P > 0 {
			alike[a.key]++
		}
		a.key = mix(a.key ^ n)
	}
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
	// key is the fault's own in the keys of its draws, so that other faults can't shift them.
	key          uint64
	armed, fired atomic.Int64
}

// point is an injection point: the faults at one place and the count of its calls.
type point struct {
	place  catalog.Place
	rand   nodes.Rand
	faults []*armed
	calls  atomic.Int64
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

// next counts a call, decides what happens to it and emits a hit. Calls of a place come one after the other, those of
// passes beside each other at instants of their own. The records of a batch are concurrent, so they are decided by
// decide, without events, whose order would be the scheduler's.
func (p *point) next(ctx context.Context) hit {
	cycle, at := workflow.Now(ctx)
	attempt := workflow.Local[atomic.Int64](ctx, p).Add(1)
	h := p.decide(call{number: int(p.calls.Add(1)), cycle: cycle, attempt: int(attempt), at: at})
	if h.kind != "" {
		e := catalog.FaultFired.At(p.place)
		e.Detail = string(h.kind)
		workflow.Emit(ctx, e)
	}
	return h
}

func (p *point) decide(c call) hit {
	for _, a := range p.faults {
		f := a.fault
		if fault.Throttles(f.Kinds[0]) {
			continue // the place's station heeds it
		}
		a.armed.Add(1)
		if !f.Trigger.Hits(c.number, c.cycle, c.at) {
			continue
		}
		if f.Trigger.HasP && p.draw(c, "fault", a.key) >= f.Trigger.P {
			continue
		}
		kind := f.Kinds[0]
		if n := len(f.Kinds); n > 1 {
			kind = f.Kinds[int(p.draw(c, "kind", a.key)*float64(n))]
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

func (p *point) draw(c call, use string, key uint64) float64 {
	// The fault's key is mixed into the record's number: so the places and uses of keys stay few and constant.
	return p.rand(nodes.Key{
		Place:   p.place,
		Use:     use,
		Cycle:   c.cycle,
		Record:  c.record + key,
		Attempt: c.attempt,
	})
}

// draw is a further decision about a call that was hit.
func (h hit) draw(use string) float64 { return h.pt.draw(h.call, use, 0) }

func (h hit) flappedDown() bool {
	half := cmp.Or(h.params.Period, 10*time.Second) / 2
	return (h.call.at-h.from)/half%2 == 1
}
