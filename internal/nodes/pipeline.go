package nodes

import (
	"time"

	"faultflow/internal/errhandler"
	"faultflow/internal/resilience"
	"faultflow/internal/workflow"
)

// Settings is what a pipeline is made of.
type Settings struct {
	Source     Source
	Processing Processor
	// Channels in the order of failover; the last one is also the last resort when none is healthy.
	Channels []Channel
	// Spool is the emergency spool; nil turns it off.
	Spool Spool
	Rand  Rand

	BatchSize int
	// Workers is how many records are processed at once.
	Workers                        int
	Collector, Processor, Delivery resilience.Policy
	// CacheTTL is how long cached data counts as fresh, CacheMaxAge how long it can be used at all.
	CacheTTL, CacheMaxAge time.Duration
	// ChannelRecover is how long a failed channel is left out.
	ChannelRecover time.Duration
	// Fallback lets the collector use cached or default data, Recovery lets processing pass on a part of a batch.
	Fallback, Recovery bool
	// RecoveryGraph moves the recovery into nodes of its own.
	RecoveryGraph bool
}

// Pipeline is a graph of nodes that carry their breakers, channel health and cache from cycle to cycle.
type Pipeline struct {
	Graph *workflow.Graph[*State]

	collector  *Collector
	processing *Processing
	deliverer  *Deliverer
	spool      *emergency
}

// New builds the standard graph of ORIGINAL.md, or with RecoveryGraph the recovery graph.
func New(s Settings) (*Pipeline, error) {
	ladder := &ladder{ttl: s.CacheTTL, maxAge: s.CacheMaxAge}
	spool := newEmergency(s)
	p := &Pipeline{collector: newCollector(s, ladder), processing: newProcessing(s), deliverer: newDeliverer(s, spool), spool: spool}
	name := "standard"
	if s.RecoveryGraph {
		name = "recovery"
	}
	g := workflow.New[*State](name).
		Add(workflow.NewNode(CollectorNode, p.collector)).
		Add(workflow.NewNode(ProcessorNode, p.processing)).
		Add(workflow.NewNode(DeliveryNode, p.deliverer)).
		Add(workflow.NewNode(ErrorHandlerNode, &ErrorHandler{spool: spool})).
		Connect(CollectorNode, Success, ProcessorNode).
		Connect(ProcessorNode, Success, DeliveryNode).
		Connect(DeliveryNode, Success, ErrorHandlerNode).
		Final(ErrorHandlerNode, Done).
		HandleErrors(ErrorHandlerNode, recordError)
	if s.RecoveryGraph {
		g.Add(workflow.NewNode(FallbackDataNode, &FallbackData{ladder: ladder})).
			Add(workflow.NewNode(PartialNode, &PartialProcessing{})).
			Add(workflow.NewNode(AlternateNode, &AlternateDelivery{spool: spool})).
			Connect(CollectorNode, CircuitOpen, FallbackDataNode).
			Connect(FallbackDataNode, Success, ProcessorNode).
			Connect(ProcessorNode, RetryExhausted, PartialNode).
			Connect(PartialNode, Success, DeliveryNode).
			Connect(DeliveryNode, DeliveryFailed, AlternateNode).
			Connect(AlternateNode, Success, ErrorHandlerNode)
	} else {
		g.Connect(CollectorNode, CircuitOpen, ProcessorNode).
			Connect(ProcessorNode, RetryExhausted, DeliveryNode).
			Connect(DeliveryNode, DeliveryFailed, ErrorHandlerNode)
	}
	var err error
	p.Graph, err = g.Build()
	return p, err
}

// Renew makes the pipeline as New made it, for another run: closed breakers, an empty cache, healthy channels. The new
// run has a source, a processor, channels, a spool and randomness of its own, and the collector's policy may be another;
// the other settings must be those of New.
func (p *Pipeline) Renew(s Settings) {
	p.spool.renew(s)
	p.collector.renew(s)
	p.processing.renew(s)
	p.deliverer.renew(s)
}

// NewState begins a cycle.
func NewState(run string, cycle int, books Books) *State {
	return &State{Run: run, Cycle: cycle, Books: books, Status: StatusNone,
		Outcome: errhandler.Outcome{Origin: errhandler.FromNowhere}, flight: flight{unsure: map[string]string{}}}
}

// Load is how much a dependency was called.
type Load struct {
	Place string
	resilience.Stats
	// Breaker is its state at the end, "off" without one.
	Breaker string
}

// Loads returns the load on each dependency so far, in the order of the pipeline.
func (p *Pipeline) Loads() []Load {
	batch := p.processing.batch.Stats()
	attempts := p.processing.attempts.Stats() // the breaker is around the attempts, not inside them
	batch.Rejected, batch.BeforeOpen = attempts.Rejected, attempts.BeforeOpen
	loads := append(make([]Load, 0, 5+len(p.deliverer.channels)),
		Load{PlaceHealth, p.collector.health.Stats(), p.collector.health.BreakerState()},
		Load{PlaceFetch, p.collector.fetch.Stats(), p.collector.fetch.BreakerState()},
		Load{PlaceBatch, batch, p.processing.attempts.BreakerState()},
		Load{PlaceRecord, p.processing.record.Stats(), p.processing.record.BreakerState()},
	)
	for _, c := range p.deliverer.channels {
		loads = append(loads, Load{ChannelPlace(c.Name()), c.guard.Stats(), c.guard.BreakerState()})
	}
	return append(loads, Load{PlaceSpool, p.spool.guard.Stats(), p.spool.guard.BreakerState()})
}

// Channels returns what each channel did so far.
func (p *Pipeline) Channels() []ChannelStats { return p.deliverer.Stats() }
