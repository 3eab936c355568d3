package catalog

// Verdict is how a run ended.
type Verdict string

// The verdicts, best first.
const (
	Success  Verdict = "success"
	Degraded Verdict = "degraded"
	Failed   Verdict = "failed"
)

// Verdicts lists the verdicts, best first.
func Verdicts() []Verdict { return []Verdict{Success, Degraded, Failed} }

// Worse reports whether v is worse than other. An unknown verdict is worse than all.
func (v Verdict) Worse(other Verdict) bool { return Rank(v, Verdicts()) > Rank(other, Verdicts()) }

// Origin is where a cycle's records came from.
type Origin string

// The origins: the source itself, then the rungs of the fallback ladder, then none at all.
const (
	FromSource     Origin = "source"
	FromFreshCache Origin = "fresh_cache"
	FromStaleCache Origin = "stale_cache"
	FromDefault    Origin = "default_data"
	FromNowhere    Origin = "nothing"
)

// Origins lists the origins, best first.
func Origins() []Origin {
	return []Origin{FromSource, FromFreshCache, FromStaleCache, FromDefault, FromNowhere}
}

// Mode is how processing came to its result.
type Mode string

// The modes, best first.
const (
	ModeNormal   Mode = "normal"
	ModePartial  Mode = "partial"  // simple processing of a part of the batch
	ModeFallback Mode = "fallback" // passed through unprocessed, and marked so
	ModeNone     Mode = "none"     // there was nothing to process
)

// Modes lists the modes, best first.
func Modes() []Mode { return []Mode{ModeNormal, ModePartial, ModeFallback, ModeNone} }

// BreakerState is the state of a circuit breaker.
type BreakerState string

// The states of breakers, as gobreaker calls them, and that of a guard without one.
const (
	Closed     BreakerState = "closed"
	HalfOpen   BreakerState = "half-open"
	Open       BreakerState = "open"
	BreakerOff BreakerState = "off"
)

// BreakerStates lists the states that a breaker can be in, best first.
func BreakerStates() []BreakerState { return []BreakerState{Closed, HalfOpen, Open} }

// Health is how a channel has been doing.
type Health string

// The healths. Degraded and down channels are left out until their time to recover is over.
const (
	Healthy        Health = "healthy"
	DegradedHealth Health = "degraded" // its last delivery failed
	Down           Health = "down"     // its last deliveries failed
)

// Healths lists the healths, best first.
func Healths() []Health { return []Health{Healthy, DegradedHealth, Down} }

// DeliveryStatus is how a cycle's delivery ended.
type DeliveryStatus string

// The ways in which it can end.
const (
	Delivered        DeliveryStatus = "delivered"
	PartlyDelivered  DeliveryStatus = "partial" // channels took some records, the spool or the dead letters the others
	DeliveredToSpool DeliveryStatus = "spooled"
	DeliveryFailed   DeliveryStatus = "failed"
	NothingToDeliver DeliveryStatus = "none"
)

// DeliveryStatuses lists the statuses, best first.
func DeliveryStatuses() []DeliveryStatus {
	return []DeliveryStatus{Delivered, PartlyDelivered, DeliveredToSpool, DeliveryFailed, NothingToDeliver}
}

// NodeStatus is how a node's last run ended.
type NodeStatus string

// The ways in which it can end.
const (
	NodeOK        NodeStatus = "ok"
	NodeRecovered NodeStatus = "recovered" // by its error hook
	NodeFellBack  NodeStatus = "fallback"
	NodeError     NodeStatus = "error"
	NodeNotRun    NodeStatus = "not run"
)

// NodeStatuses lists the statuses, best first.
func NodeStatuses() []NodeStatus {
	return []NodeStatus{NodeOK, NodeRecovered, NodeFellBack, NodeError, NodeNotRun}
}

// RecoveryState says whether a run with a load came back after its triggers had ended.
type RecoveryState string

// The states of recovery.
const (
	NeverFell  RecoveryState = "never_fell"
	CameBack   RecoveryState = "came_back"
	StaysDown  RecoveryState = "stays_down"
	NotWatched RecoveryState = "not_watched_long_enough" // which proves nothing
	NotJudged  RecoveryState = "not_judged"              // without a load, or a trigger that ended
)

// RecoveryStates lists the states of recovery, best first.
func RecoveryStates() []RecoveryState {
	return []RecoveryState{NeverFell, CameBack, StaysDown, NotWatched, NotJudged}
}

// PatternState says whether a pattern was at work.
type PatternState string

// The states of patterns.
const (
	Off          PatternState = "off"
	Armed        PatternState = "armed" // in place, without effect
	Demonstrated PatternState = "demonstrated"
)

// PatternStates lists the states of patterns.
func PatternStates() []PatternState { return []PatternState{Off, Armed, Demonstrated} }
