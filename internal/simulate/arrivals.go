package simulate

import (
	"math"
	"time"

	"faultflow/internal/load"
	"faultflow/internal/nodes"
)

// placeLoad stands for the load in the keys of its draws.
const placeLoad = "load"

// Arrivals are the times at which the passes of a run's loads begin, since the run began, in their order. Each load is
// drawn by itself, so that another one beside it shifts none of its arrivals.
type Arrivals struct {
	rand  nodes.Rand
	loads []arriving
}

// arriving is one load.
type arriving struct {
	load load.Load
	// made counts the arrivals so far, and expected is how many passes the load had begun on the average by the next
	// one.
	made     int
	expected float64
	next     time.Duration
	over     bool
}

// NewArrivals begins the arrivals of some loads.
func NewArrivals(loads []load.Load, rand nodes.Rand) *Arrivals {
	a := &Arrivals{rand: rand, loads: make([]arriving, len(loads))}
	for i, l := range loads {
		a.loads[i].load = l
		a.draw(i)
	}
	return a
}

// Next returns the next arrival; false once there are no more.
func (a *Arrivals) Next() (time.Duration, bool) {
	first := -1
	for i := range a.loads {
		if l := &a.loads[i]; !l.over && (first < 0 || l.next < a.loads[first].next) {
			first = i
		}
	}
	if first < 0 {
		return 0, false
	}
	at := a.loads[first].next
	a.draw(first)
	return at, true
}

// draw finds a load's next arrival. In the measure of its expected passes, Poisson arrivals are an exponentially
// distributed distance of mean 1 apart, whatever the rate does (W. Lewis, G. Shedler, "Simulation of Nonhomogeneous
// Poisson Processes by Thinning", 1979, call it inversion), and even ones are 1 apart.
func (a *Arrivals) draw(i int) {
	l := &a.loads[i]
	l.made++
	gap := 1.0
	if l.load.Shape == load.Poisson {
		u := a.rand(nodes.Key{Place: placeLoad, Use: "gap", Record: uint64(i), Attempt: l.made})
		gap = -math.Log1p(-u)
	}
	l.expected += gap
	at, ok := l.load.At(l.expected)
	l.next, l.over = at, !ok
}

// Client is which of so many clients the n-th pass is dealt to, from 0.
func (a *Arrivals) Client(pass, clients int) int {
	if clients < 2 {
		return 0
	}
	return int(a.rand(nodes.Key{Place: placeLoad, Use: "client", Cycle: pass}) * float64(clients))
}
