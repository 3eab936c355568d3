// Package report is what a run leaves behind: the model with its version, and its JSON.
//
// A run only records; rendering only reads what was recorded, so that every format can be made again from a JSON file.
package report

import (
	"fmt"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/settings"
)

// Schema names the version of the JSON document. It changes when a field changes its meaning or goes away.
const Schema = "faultflow.report/v2"

// Report is everything that a run recorded. Times are milliseconds since the run began, durations milliseconds.
type Report struct {
	Schema string `json:"schema"`
	// Settings are complete: every default is filled in.
	Settings settings.Settings `json:"settings"`
	Seed     uint64            `json:"seed"`
	Verdict  catalog.Verdict   `json:"verdict"`
	// Interrupted says that the run was cancelled; the rest of the report covers what it did until then.
	Interrupted bool    `json:"interrupted"`
	DurationMS  float64 `json:"duration_ms"`

	Collection Collection `json:"collection"`
	Processing Processing `json:"processing"`
	Delivery   Delivery   `json:"delivery"`
	Nodes      []Node     `json:"nodes"`
	Breakers   []Breaker  `json:"breakers"`
	Channels   []Channel  `json:"channels"`
	Ledger     Ledger     `json:"ledger"`
	Errors     Errors     `json:"errors"`
	// Findings are warnings and notices with their recommendations, each once, in the order they first came up.
	Findings []Finding `json:"findings"`
	Patterns []Pattern `json:"patterns"`
	Faults   []Fault   `json:"faults"`
	// Amplification counts the calls that each dependency got.
	Amplification []Amplification `json:"amplification"`
	Cycles        Cycles          `json:"cycles"`
	Timeline      Timeline        `json:"timeline"`
	// Passes counts what a load began; Series and Recovery tell of it by time. Without a load they are empty.
	Passes   Passes   `json:"passes"`
	Series   Series   `json:"series"`
	Recovery Recovery `json:"recovery"`
	// Drill is what --test-recovery found; absent from other runs.
	Drill []DrillPath `json:"drill,omitempty"`
	// Hash is the SHA-256 of the document without hash and meta, in hex. Seal sets it.
	Hash string `json:"hash"`
	Meta Meta   `json:"meta"`
}

func (r *Report) head() (schema, hash *string) { return &r.Schema, &r.Hash }

// Meta is what may differ between two runs that are the same. Comparisons and the hash ignore it.
type Meta struct {
	// StartedAt is wall-clock time, RFC 3339.
	StartedAt string `json:"started_at"`
	Version   string `json:"version"`
	Go        string `json:"go"`
	// RealMS is how long the run took on the wall clock.
	RealMS float64 `json:"real_ms"`
	// Output is the folder that keeps the records; "" without one.
	Output string `json:"output"`
	// Lives counts the runs that wrote the state's journal, this one included; 0 without a state.
	Lives int `json:"lives"`
	// Scenario is the name of the scenario that the settings are from; "" without one.
	Scenario string `json:"scenario"`
}

// Collection is what the collector did, over all cycles.
type Collection struct {
	Source string `json:"source"`
	// Health is the last health check: "healthy" or the error.
	Health string `json:"health"`
	// HealthFailures counts the checks that failed.
	HealthFailures int `json:"health_failures"`
	// Origin is the last cycle's: source, fresh_cache, stale_cache, default_data or nothing.
	Origin catalog.Origin `json:"origin"`
	// Origins counts the cycles by origin.
	Origins map[catalog.Origin]int `json:"origins"`
	// CacheAgeMS is the age of the cached data last used; 0 when none was.
	CacheAgeMS float64 `json:"cache_age_ms"`
	Records    int64   `json:"records"`    // rows collected, from whatever origin
	Unreadable int64   `json:"unreadable"` // rows among them that were no valid records
	// Breaker is the state of the collector's breaker at the end.
	Breaker catalog.BreakerState `json:"breaker"`
}

// Processing is what the processing node did, over all cycles.
type Processing struct {
	// Mode is the last cycle's; Modes counts the cycles by mode.
	Mode  catalog.Mode         `json:"mode"`
	Modes map[catalog.Mode]int `json:"modes"`
	In    int64                `json:"in"`
	Out   int64                `json:"out"`
	// Failed counts the records that were not processed; they are dead letters.
	Failed      int64   `json:"failed"`
	SuccessRate float64 `json:"success_rate"` // out / in, 0 to 1; 1 when nothing came in
	LowSuccess  int     `json:"low_success"`  // cycles in normal mode below 80 %
}

// Delivery is what the delivery node did, over all cycles. Counts are records.
type Delivery struct {
	// Status is the last cycle's.
	Status    catalog.DeliveryStatus `json:"status"`
	Delivered int64                  `json:"delivered"`
	Spooled   int64                  `json:"spooled"`
	Failed    int64                  `json:"failed"`
	// Passes counts the passes over the channels, the first of each cycle included.
	Passes int `json:"passes"`
	// FailedOver counts the cycles in which another channel than the first took records.
	FailedOver         int   `json:"failed_over"`
	PossibleDuplicates int64 `json:"possible_duplicates"`
	// DuplicatesAvoided counts the records that a channel recognised by their idempotency key.
	DuplicatesAvoided int64 `json:"duplicates_avoided"`
}

// Node is one node of the graph, over all cycles.
type Node struct {
	Name catalog.Node `json:"name"`
	// Status is how its last run ended.
	Status   catalog.NodeStatus `json:"status"`
	Runs     int                `json:"runs"`
	Attempts int                `json:"attempts"` // calls of its guarded operation, over all runs
	MaxTries int                `json:"max_attempts"`
	Failures int                `json:"failed_attempts"`
	Waits    int                `json:"waits"`
	WaitMS   float64            `json:"wait_ms"`
	Timeouts int                `json:"timeouts"`
	Rejected int                `json:"rejected"` // by an open breaker, without a call
	Full     int                `json:"bulkhead_full"`
	Limited  int                `json:"rate_limited"` // turned away by the rate limit
	// OverBudget counts the retries that the retry budget turned away, each of which ended the attempts.
	OverBudget int `json:"over_budget"`
	// Hedges counts the calls that were made since another one took long, Lost those that were called off since another
	// one had answered.
	Hedges int `json:"hedges"`
	Lost   int `json:"hedges_lost"`
	// Adaptive and Throttled were turned away by the adaptive limit and the adaptive throttle. Overdue counts the calls
	// whose deadline was over.
	Adaptive  int `json:"adaptively_limited"`
	Throttled int `json:"throttled"`
	Overdue   int `json:"deadline_over"`
	Recovered int `json:"recovered"`
	Fallbacks int `json:"fallbacks"`
	// Hooks counts the hooks that ran, by name.
	Hooks map[string]int `json:"hooks"`
	// Errors counts failed attempts and errors by class.
	Errors  map[errhandler.Class]int `json:"errors"`
	Actions map[string]int           `json:"actions"`
}

// TurnedAway is where the node counts the calls that were turned away so; nil for an event that tells of none.
func (n *Node) TurnedAway(k catalog.EventKind) *int {
	switch k {
	case catalog.CallRejected:
		return &n.Rejected
	case catalog.BulkheadFull:
		return &n.Full
	case catalog.RateLimitHit:
		return &n.Limited
	case catalog.BudgetSpent:
		return &n.OverBudget
	case catalog.LimitReached:
		return &n.Adaptive
	case catalog.Throttled:
		return &n.Throttled
	default:
		return nil
	}
}

// Breaker is one circuit breaker and what it went through.
type Breaker struct {
	Name  string               `json:"name"`
	State catalog.BreakerState `json:"state"` // at the end
	// Calls went through, Rejected were turned away without a call.
	Calls    int64 `json:"calls"`
	Rejected int64 `json:"rejected"`
	// CallsBeforeOpen went through until it first opened, the last failure included; 0 while it has not.
	CallsBeforeOpen int64 `json:"calls_before_open"`
	// Opened, HalfOpened and Closed count the changes to each state.
	Opened     int `json:"opened"`
	HalfOpened int `json:"half_opened"`
	Closed     int `json:"closed"`
	// Transitions are the first 1,000 changes; Opened, HalfOpened and Closed count all of them.
	Transitions []Transition `json:"transitions"`
}

// Transition is one change of a breaker's state.
type Transition struct {
	AtMS float64              `json:"at_ms"`
	From catalog.BreakerState `json:"from"`
	To   catalog.BreakerState `json:"to"`
}

// Channel is one delivery channel.
type Channel struct {
	Name       string         `json:"name"`
	Health     catalog.Health `json:"health"` // at the end
	Idempotent bool           `json:"idempotent"`
	Tried      int            `json:"tried"`
	Failed     int            `json:"failed"`
	Skipped    int            `json:"skipped"` // passes in which it was left out as degraded or down
	Records    int64          `json:"records"` // accepted
	LastError  string         `json:"last_error"`
}

// Ledger says where every collected row ended. Collected = Delivered + DeadLettered + Spooled + Lost, and Lost is 0 in
// a correct run.
type Ledger struct {
	Collected   int64 `json:"collected"`
	FromSource  int64 `json:"from_source"` // rows of the source itself, readable or not
	FromCache   int64 `json:"from_cache"`
	FromDefault int64 `json:"from_default"`
	Delivered   int64 `json:"delivered"`
	// DeliveredFromSource and DeliveredCopies are the two parts of Delivered: records of the source itself, and copies,
	// which are those of the cache and default data.
	DeliveredFromSource int64 `json:"delivered_from_source"`
	DeliveredCopies     int64 `json:"delivered_copies"`
	DeadLettered        int64 `json:"dead_lettered"`
	Spooled             int64 `json:"spooled"`
	Lost                int64 `json:"lost"`
	// Unkept counts the delivered records and dead letters that could not be written into the output folder.
	Unkept   int64 `json:"unkept"`
	Balanced bool  `json:"balanced"`
	// DeadByPlace counts all dead letters by place and class, sorted by both.
	DeadByPlace []DeadByPlace `json:"dead_by_place"`
	// DeadLetters counts the dead letters by place, class and reason: the MaxDeadLetters commonest.
	DeadLetters []DeadLetters `json:"dead_letters"`
}

// DeadByPlace is the dead letters of one place and class.
type DeadByPlace struct {
	Place catalog.Place    `json:"place"`
	Class errhandler.Class `json:"class"`
	Count int64            `json:"count"`
}

// Dead counts the dead letters of a place and a class, "" for any. Documents made before DeadByPlace have only the
// commonest groups: where those are not all, a place or a class can't be told, and known is false.
func (l *Ledger) Dead(place catalog.Place, class errhandler.Class) (count int64, known bool) {
	all := int64(0)
	for _, d := range l.deadByPlace() {
		all += d.Count
		if (place == "" || d.Place == place) && (class == "" || d.Class == class) {
			count += d.Count
		}
	}
	if place == "" && class == "" {
		return l.DeadLettered, true
	}
	return count, all == l.DeadLettered
}

// deadByPlace is DeadByPlace, made of the groups for a document without it.
func (l *Ledger) deadByPlace() []DeadByPlace {
	if len(l.DeadByPlace) > 0 {
		return l.DeadByPlace
	}
	list := make([]DeadByPlace, 0, len(l.DeadLetters))
	for _, g := range l.DeadLetters {
		list = append(list, DeadByPlace{g.Place, g.Class, g.Count})
	}
	return list
}

// MaxDeadLetters is how many groups of dead letters are kept.
const MaxDeadLetters = 100

// DeadLetters is a group of dead letters.
type DeadLetters struct {
	Place  catalog.Place    `json:"place"`
	Class  errhandler.Class `json:"class"`
	Reason string           `json:"reason"`
	Count  int64            `json:"count"`
	// FirstLine is the input line of the first one, 0 when unknown.
	FirstLine int64 `json:"first_line"`
}

// Rejected is how many calls open breakers rejected. Each of them is an error, too, of the class degradation.
func (r *Report) Rejected() (n int) {
	for i := range r.Nodes {
		n += r.Nodes[i].Rejected
	}
	return n
}

// Errors counts every error of the run, also the handled ones.
type Errors struct {
	Total   int                      `json:"total"`
	Handled int                      `json:"handled"` // all but those that ended a node
	ByClass map[errhandler.Class]int `json:"by_class"`
}

// Finding is one thing worth telling about a run, what to do about it, and how often it came up.
type Finding struct {
	Code    catalog.FindingCode `json:"code"`
	Verdict catalog.Verdict     `json:"verdict"` // the best that a run with this finding can have
	Node    catalog.Node        `json:"node"`
	Message string              `json:"message"`
	// Recommendation names the setting or thing to look at.
	Recommendation string `json:"recommendation"`
	Count          int    `json:"count"`       // cycles
	FirstCycle     int    `json:"first_cycle"` // 0 for the run as a whole
}

// NewFinding returns a finding that came up once, with what the catalogue says of it.
func NewFinding(code catalog.FindingCode, message string, cycle int) Finding {
	known := code.Finding()
	return Finding{
		Code:           code,
		Verdict:        known.Verdict,
		Node:           known.Node,
		Message:        message,
		Recommendation: known.Advice,
		Count:          1,
		FirstCycle:     cycle,
	}
}

// Pattern is a fault tolerance pattern and whether this run needed it.
type Pattern struct {
	Name  catalog.Pattern      `json:"name"`
	State catalog.PatternState `json:"state"`
	// Count says how often it was seen at work.
	Count int `json:"count"`
	// Detail is a short line for people, such as "3 attempts, 2 waits".
	Detail string `json:"detail"`
}

// Fault is one fault of the plan.
type Fault struct {
	// Spec is the fault as --fault takes it.
	Spec  string           `json:"spec"`
	Place catalog.Place    `json:"place"`
	Kind  string           `json:"kind"` // of several, joined with |
	Class errhandler.Class `json:"class"`
	// Declared is true for faults given by hand, false for those of a profile.
	Declared bool `json:"declared"`
	// MayNotFire is true for a fault that proves nothing less when it does not fire.
	MayNotFire bool `json:"may_not_fire"`
	// Probability is that of a call being hit, where nothing else decides: 1 for a fault that hits every call, 0 for
	// one with another trigger, such as a window of time.
	Probability float64 `json:"probability"`
	// Armed counts the calls that came by the fault, Fired those that it hit.
	Armed int64 `json:"armed"`
	Fired int64 `json:"fired"`
}

// ProvesNothing reports whether the fault was given by hand to be put to the test, and never fired.
func (f *Fault) ProvesNothing() bool { return f.Declared && f.Fired == 0 && !f.MayNotFire }

// Unproved says why the run proves nothing: faults that never fired, in their order, then a recovery that was not
// watched long enough. It is empty where something was proved.
func (r *Report) Unproved() (reasons []string) {
	for _, f := range r.Faults {
		if f.ProvesNothing() {
			reasons = append(reasons,
				fmt.Sprintf("the fault %s never fired (calls that came by it: %d)", f.Spec, f.Armed))
		}
	}
	if r.Recovery.State == catalog.NotWatched {
		reasons = append(reasons, "the recovery was not watched long enough")
	}
	return reasons
}

// Amplification is the load on one dependency.
type Amplification struct {
	Place catalog.Place `json:"place"`
	// Calls reached the dependency; Units is how many it would have been without retries, failover or probes.
	Calls int64 `json:"calls"`
	Units int64 `json:"units"`
	// Factor is calls / units; 0 without units.
	Factor float64 `json:"factor"`
	// PerRecord is calls / collected records; 0 without records.
	PerRecord float64 `json:"per_record"`
}

// Cycles lists the run's cycles, the first MaxCycles of them.
type Cycles struct {
	Count int     `json:"count"`
	List  []Cycle `json:"list"`
}

// Passes are those that a load began: Offered = Ended + UnderWay.
type Passes struct {
	Offered int64 `json:"offered"`
	Ended   int64 `json:"ended"`
	// Good were delivered from the source.
	Good int64 `json:"good"`
	// UnderWay had not ended when the run did; their records were drained.
	UnderWay int64 `json:"under_way"`
	// P50MS and P99MS are percentiles of how long those that ended took.
	P50MS float64 `json:"p50_ms"`
	P99MS float64 `json:"p99_ms"`
}

// MaxCycles is how many cycles are kept one by one; beyond it the timeline is summarised.
const MaxCycles = 1000

// Cycle is one pass through the graph.
type Cycle struct {
	Number     int                    `json:"number"`
	StartMS    float64                `json:"start_ms"`
	DurationMS float64                `json:"duration_ms"`
	Verdict    catalog.Verdict        `json:"verdict"`
	Origin     catalog.Origin         `json:"origin"`
	Mode       catalog.Mode           `json:"mode"`
	Delivery   catalog.DeliveryStatus `json:"delivery"`
	Channel    string                 `json:"channel"` // the last one that took records, "spool", or ""
	Collected  int                    `json:"collected"`
	Delivered  int                    `json:"delivered"`
	Dead       int                    `json:"dead_lettered"`
	Spooled    int                    `json:"spooled"`
}

// Timeline is the run's events, or a summary of them for a run of more than MaxCycles cycles.
type Timeline struct {
	Summarised bool `json:"summarised"`
	// Note says why it is a summary; "" if it is not.
	Note    string         `json:"note"`
	Events  []Event        `json:"events"`
	Summary []EventSummary `json:"summary"`
}

// Event is one step of the run.
type Event struct {
	AtMS    float64           `json:"at_ms"`
	Cycle   int               `json:"cycle"`
	Node    catalog.Node      `json:"node"`
	Place   catalog.Place     `json:"place,omitempty"`
	Kind    catalog.EventKind `json:"kind"`
	Attempt int               `json:"attempt,omitempty"`
	Class   errhandler.Class  `json:"class,omitempty"`
	// From and To are the states of a change, Count is records, Record the id of one.
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
	Count  int    `json:"count,omitempty"`
	Record string `json:"record,omitempty"`
	// Detail is an error's text, or what the kind of event says.
	Detail string  `json:"detail,omitempty"`
	WaitMS float64 `json:"wait_ms,omitempty"`
}

// EventSummary counts the events of one kind at one node.
type EventSummary struct {
	Node    catalog.Node      `json:"node"`
	Kind    catalog.EventKind `json:"kind"`
	Class   errhandler.Class  `json:"class,omitempty"`
	Count   int64             `json:"count"`
	FirstMS float64           `json:"first_ms"`
	LastMS  float64           `json:"last_ms"`
}

// DrillPath is one path of the recovery drill.
type DrillPath struct {
	// Path is the recovery node, or "none" for the clean cycle.
	Path      string `json:"path"`
	Cycle     int    `json:"cycle"`
	Forced    string `json:"forced"` // what was broken to force it
	Recovered bool   `json:"recovered"`
	// The cost: what the path took and gave up.
	DurationMS   float64 `json:"duration_ms"`
	Attempts     int     `json:"attempts"`
	Delivered    int     `json:"delivered"`
	DeadLettered int     `json:"dead_lettered"`
	Spooled      int     `json:"spooled"`
	Detail       string  `json:"detail"`
}
