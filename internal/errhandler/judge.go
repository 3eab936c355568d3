package errhandler

import (
	"fmt"
	"time"
)

// Verdict is what a run came to.
type Verdict string

// The verdicts, best first.
const (
	Success  Verdict = "success"
	Degraded Verdict = "degraded"
	Failed   Verdict = "failed"
)

// Verdicts lists the verdicts, best first.
func Verdicts() []Verdict { return []Verdict{Success, Degraded, Failed} }

// Worse reports whether v is worse than other.
func (v Verdict) Worse(other Verdict) bool { return v.rank() > other.rank() }

func (v Verdict) rank() int {
	for i, known := range Verdicts() {
		if v == known {
			return i
		}
	}
	return len(Verdicts())
}

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

// Outcome is what the stages of one cycle did, as far as the verdict depends on it. Counts are records.
type Outcome struct {
	Origin   Origin
	CacheAge time.Duration
	// Rows is what collection returned, Unreadable how many of them were no valid records.
	Rows, Unreadable int
	// Asked is how many rows a partial answer should have had; 0 where the answer was whole.
	Asked int
	// Unhealthy is the health check's error; "" when it passed.
	Unhealthy string

	// Mode is processing's: normal, partial, fallback, or "" when it did not run.
	Mode string
	// In and Processed count what went into processing and what came out of it, whatever the mode.
	In, Processed int

	Delivered, Spooled, Undelivered, PossibleDuplicates int
	// Abandoned records were given up unprocessed, because the node that held them failed.
	Abandoned int
	// FailedOver says that another channel than the first one took records.
	FailedOver bool

	// Errors are those that ended a node; the graph routed them to the error handler.
	Errors []error
	// Cancelled says that the run was interrupted during the cycle.
	Cancelled bool
}

// Finding is one thing worth telling about a run, and what to do about it.
type Finding struct {
	// Code is stable for scripts, such as low_success.
	Code string `json:"code"`
	// Verdict is the best verdict that a run with this finding can have. Success marks a notice.
	Verdict Verdict `json:"verdict"`
	Node    string  `json:"node"`
	Message string  `json:"message"`
	// Recommendation names the setting or thing to look at.
	Recommendation string `json:"recommendation"`
}

// MinSuccess is the share of a batch below which its success is low (ORIGINAL.md).
const MinSuccess = 0.8

// LowSuccess reports whether less than MinSuccess of a batch was processed, record by record. Default data does not
// count: it is not a batch but a handful of records, has its own warning, and would be below by chance in 1 of 90 cycles
// where ORIGINAL.md's rate for full batches is 1 of 1,700.
func (o Outcome) LowSuccess() bool {
	return o.Mode == "normal" && o.Origin != FromDefault && float64(o.Processed) < MinSuccess*float64(o.In)
}

// Judge turns an outcome into findings, in the order of the pipeline. The run's verdict is the worst of theirs.
func Judge(o Outcome) []Finding {
	var found []Finding
	add := func(v Verdict, node, code, message, recommendation string) {
		found = append(found, Finding{Code: code, Verdict: v, Node: node, Message: message, Recommendation: recommendation})
	}
	if o.Unhealthy != "" {
		add(Success, "collector", "source_unhealthy", "the health check failed: "+o.Unhealthy,
			"check the primary data source; the fetch was tried all the same")
	}
	switch o.Origin {
	case FromFreshCache, FromStaleCache:
		add(Degraded, "collector", string(o.Origin), fmt.Sprintf("cached data was used, %.1f s old", o.CacheAge.Seconds()),
			"check the primary data source; --collector-retries and --cache-ttl decide when the cache is used")
	case FromDefault:
		add(Degraded, "collector", string(o.Origin), "default data was used, there was no cache",
			"check the primary data source; --collector-retries decides how long it is tried")
	case FromNowhere:
		if !o.Cancelled {
			add(Failed, "collector", "no_data", "nothing could be collected",
				"check the primary data source, or let the fallback ladder help (--fallback)")
		}
	}
	if o.Asked > 0 {
		add(Degraded, "collector", "partial_fetch", "the source answered with a part of the batch",
			"check the primary data source for timeouts or shards that are down")
	}
	if o.Rows > 0 && float64(o.Rows-o.Unreadable) < MinSuccess*float64(o.Rows) {
		add(Degraded, "collector", "bad_data", "less than 80 % of the rows were valid records",
			"check the input against --id-field and --value-field; the dead letters name each row")
	}
	switch o.Mode {
	case "partial":
		add(Degraded, "processor", "partial_processing", "attempts ran out; a part of the batch was processed",
			"review the processing logic; --processor-retries and --processor-retry-delay decide how long it is tried")
	case "fallback":
		add(Degraded, "processor", "fallback_processing", "attempts ran out; a few records were passed through unprocessed",
			"review the processing logic and its resources; --processor-retries decides how long it is tried")
	case "normal":
		if o.LowSuccess() {
			add(Degraded, "processor", "low_success", "less than 80 % of the batch was processed",
				"review the processing logic; the dead letters name each record; see --processor-timeout and --bulkhead")
		}
	}
	if o.FailedOver {
		add(Success, "delivery", "failed_over", "a channel failed and another one took the records",
			"check delivery channel health")
	}
	if o.Spooled > 0 && !o.Cancelled {
		add(Degraded, "delivery", "emergency_spool", "no channel took all records; the rest went to the emergency spool",
			"check delivery channel health, then deliver the spool; see --channels and --delivery-retries")
	}
	if o.Undelivered > 0 {
		add(Failed, "delivery", "delivery_failed", "records could be neither delivered nor spooled",
			"check delivery channel health and the emergency spool's disk; the dead letters name each record")
	}
	if o.Abandoned > 0 {
		add(Failed, "errorhandler", "abandoned", "records were given up because a node failed",
			"see the node's error; --recovery lets processing pass on a part of a batch")
	}
	if o.PossibleDuplicates > 0 {
		add(Success, "delivery", "possible_duplicates", "records were sent again after an uncertain failure",
			"let the channel recognise idempotency keys; see --delivery-timeout")
	}
	for _, err := range o.Errors {
		add(Degraded, "errorhandler", "node_error", "a node ended with an error: "+err.Error(),
			"see the error's node and phase; the records it held are in the spool or the dead letters")
	}
	if o.Cancelled {
		add(Degraded, "errorhandler", "interrupted", "the run was interrupted",
			"records in flight were drained into the emergency spool; start again to go on")
	}
	return found
}

// Codes lists the codes of all findings: those of Judge, in its order, then those of a run as a whole.
func Codes() []string {
	return []string{"source_unhealthy", string(FromFreshCache), string(FromStaleCache), string(FromDefault), "no_data", "partial_fetch", "bad_data",
		"partial_processing", "fallback_processing", "low_success", "failed_over", "emergency_spool", "delivery_failed", "abandoned",
		"possible_duplicates", "node_error", "interrupted", "input_unread", "error_handler_failed", "drill_failed", "ledger_unbalanced"}
}

// Origins lists the origins, best first.
func Origins() []Origin {
	return []Origin{FromSource, FromFreshCache, FromStaleCache, FromDefault, FromNowhere}
}

// VerdictOf returns the worst verdict among findings, Success without any.
func VerdictOf(found []Finding) Verdict {
	v := Success
	for _, f := range found {
		if f.Verdict.Worse(v) {
			v = f.Verdict
		}
	}
	return v
}
