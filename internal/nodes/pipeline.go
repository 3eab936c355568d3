package nodes

import (
	"context"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/resilience"
	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

// Parts are what a pipeline is made of beside its settings.
type Parts struct {
	Source Source
	// Transform is what processing does to each record.
	Transform Processor
	// Channels in the order of failover; the last one is also the last resort when none is healthy.
	Channels []Channel
	// Spool is the emergency spool; nil turns it off.
	Spool Spool
	Rand  Rand
	// Client is the pipeline's number among those that the load is dealt to, from 0.
	Client int
	// Turn is the period of the passes' own instants: see workflow.WithPass. 0 without passes beside each other.
	Turn time.Duration
	// Tally is told of each call on a dependency, as an AttemptStarted, and of each that failed or was turned away, as
	// it happens; nil tells no one.
	Tally func(ctx context.Context, place catalog.Place, kind catalog.EventKind)
}

// Pipeline is a graph of nodes that carry their breakers, channel health and cache from cycle to cycle.
type Pipeline struct {
	Graph *workflow.Graph[*State]

	collector  *Collector
	processing *Processing
	deliverer  *Deliverer
	spool      *emergency
}

// New builds the standard graph of docs/original.md, or the recovery graph if the settings ask for it.
func New(s *settings.Settings, parts Parts) (*Pipeline, error) {
	ladder := &ladder{ttl: s.CacheTTL, maxAge: s.CacheMaxAge}
	spool := newEmergency(s, parts)
	p := &Pipeline{
		collector:  newCollector(s, parts, ladder),
		processing: newProcessing(s, parts),
		deliverer:  newDeliverer(s, parts, spool),
		spool:      spool,
	}
	name, edges := settings.GraphStandard, standardEdges
	if s.RecoveryGraph() {
		name, edges = settings.GraphRecovery, recoveryEdges
	}
	handler := string(catalog.ErrorHandler)
	g := workflow.New[*State](name).
		Add(workflow.NewNode(string(catalog.Collector), p.collector)).
		Add(workflow.NewNode(string(catalog.Processor), p.processing)).
		Add(workflow.NewNode(string(catalog.Delivery), p.deliverer)).
		Add(workflow.NewNode(handler, &ErrorHandler{spool: spool})).
		Final(handler, Done).
		HandleErrors(handler, recordError)
	if s.RecoveryGraph() {
		g.Add(workflow.NewNode(string(catalog.FallbackData), &FallbackData{ladder: ladder})).
			Add(workflow.NewNode(string(catalog.PartialProcessing), &PartialProcessing{doubles: s.Doubles()})).
			Add(workflow.NewNode(string(catalog.AlternateDelivery), &AlternateDelivery{spool: spool}))
	}
	for _, list := range [][]edge{mainLine, edges} {
		for _, e := range list {
			g.Connect(string(e.from), e.action, string(e.to))
		}
	}
	var err error
	p.Graph, err = g.Build()
	return p, err
}

type edge struct {
	from   catalog.Node
	action workflow.Action
	to     catalog.Node
}

// The edges of docs/original.md's graphs: the main line, and where each graph goes when a stage fails.
var (
	mainLine = []edge{
		{catalog.Collector, Success, catalog.Processor},
		{catalog.Processor, Success, catalog.Delivery},
		{catalog.Delivery, Success, catalog.ErrorHandler},
	}
	standardEdges = []edge{
		{catalog.Collector, CircuitOpen, catalog.Processor},
		{catalog.Processor, RetryExhausted, catalog.Delivery},
		{catalog.Delivery, DeliveryFailed, catalog.ErrorHandler},
	}
	recoveryEdges = []edge{
		{catalog.Collector, CircuitOpen, catalog.FallbackData},
		{catalog.FallbackData, Success, catalog.Processor},
		{catalog.Processor, RetryExhausted, catalog.PartialProcessing},
		{catalog.PartialProcessing, Success, catalog.Delivery},
		{catalog.Delivery, DeliveryFailed, catalog.AlternateDelivery},
		{catalog.AlternateDelivery, Success, catalog.ErrorHandler},
	}
)

// Settle ends rows that were read and that no cycle has collected when the run was interrupted: they are collected, and
// spooled as they are.
func (p *Pipeline) Settle(ctx context.Context, s *State, rows Batch) error {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	s.inFlight.fetched(rows, false)
	handler := &ErrorHandler{spool: p.spool}
	findings, err := handler.Exec(ctx, s)
	s.Findings = findings
	return err
}

// nodePlace stands for all calls of a node together.
func nodePlace(n catalog.Node) catalog.Place { return catalog.Place(n) }

// NewState begins a cycle. The idempotency keys of its deliveries begin with the run's name and the cycle's number,
// which together must be unique. The ledger notes where each row of the cycle ends.
func NewState(run string, cycle int, ledger Ledger) *State {
	return &State{
		Cycle:    cycle,
		Outcome:  errhandler.Outcome{Origin: catalog.FromNowhere},
		Status:   catalog.NothingToDeliver,
		inFlight: newInFlight(run, cycle, ledger),
	}
}

// Arrived tells the state which rows had arrived at a channel before the process began: at is its name, "" for others.
func (s *State) Arrived(at func(row int64) string) { s.inFlight.knowArrived(at) }

// Load is how much a dependency was called.
type Load struct {
	Place catalog.Place
	resilience.Stats
	// Breaker is its state at the end.
	Breaker catalog.BreakerState
}

// Add adds the load of another client. The worst state of their breakers stands.
func (l *Load) Add(of Load) {
	l.Stats.Add(of.Stats)
	if catalog.Rank(of.Breaker, catalog.BreakerStates()) > catalog.Rank(l.Breaker, catalog.BreakerStates()) {
		l.Breaker = of.Breaker
	}
}

// Loads returns the load on each dependency so far, in the order of the pipeline.
func (p *Pipeline) Loads() []Load {
	batch := p.processing.batch.Stats()
	attempts := p.processing.attempts.Stats() // breaker and throttle are around the attempts, not inside them
	for _, away := range []catalog.EventKind{catalog.CallRejected, catalog.Throttled} {
		batch.TurnedAway[away.Index()] = attempts.TurnedAway.Of(away)
	}
	batch.BeforeOpen = attempts.BeforeOpen
	loads := append(make([]Load, 0, 5+len(p.deliverer.channels)),
		Load{catalog.PlaceHealth, p.collector.health.Stats(), p.collector.health.BreakerState()},
		Load{catalog.PlaceFetch, p.collector.fetch.Stats(), p.collector.fetch.BreakerState()},
		Load{catalog.PlaceBatch, batch, p.processing.attempts.BreakerState()},
		Load{catalog.PlaceRecord, p.processing.record.Stats(), p.processing.record.BreakerState()},
	)
	for _, c := range p.deliverer.channels {
		loads = append(loads, Load{c.place, c.guard.Stats(), c.guard.BreakerState()})
	}
	return append(loads, Load{catalog.PlaceSpool, p.spool.guard.Stats(), p.spool.guard.BreakerState()})
}

// Channels returns what each channel did so far.
func (p *Pipeline) Channels() []ChannelStats { return p.deliverer.Stats() }
