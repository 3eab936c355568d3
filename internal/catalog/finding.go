package catalog

import "slices"

// FindingCode is the name of something worth telling about a run. It is stable for scripts.
type FindingCode string

// The findings.
const (
	SourceUnhealthy    FindingCode = "source_unhealthy"
	FreshCacheUsed     FindingCode = "fresh_cache"
	StaleCacheUsed     FindingCode = "stale_cache"
	DefaultDataUsed    FindingCode = "default_data"
	NoData             FindingCode = "no_data"
	PartialFetch       FindingCode = "partial_fetch"
	BadData            FindingCode = "bad_data"
	ProcessedInPart    FindingCode = "partial_processing"
	FallbackProcessing FindingCode = "fallback_processing"
	LowSuccess         FindingCode = "low_success"
	FailedOver         FindingCode = "failed_over"
	SpoolUsed          FindingCode = "emergency_spool"
	RecordsRefused     FindingCode = "records_refused"
	Undelivered        FindingCode = "delivery_failed"
	Abandoned          FindingCode = "abandoned"
	PossibleDuplicates FindingCode = "possible_duplicates"
	NodeEndedInError   FindingCode = "node_error"
	Interrupted        FindingCode = "interrupted"
	InputUnread        FindingCode = "input_unread"
	OutputIncomplete   FindingCode = "output_incomplete"
	HandlerFailed      FindingCode = "error_handler_failed"
	RecoveryTestFailed FindingCode = "drill_failed"
	LedgerUnbalanced   FindingCode = "ledger_unbalanced"
	VirtualTimeOver    FindingCode = "virtual_time_over"
	StayedDown         FindingCode = "stays_down"
	RecoveryNotWatched FindingCode = "not_watched"
	LowGoodput         FindingCode = "low_goodput"
)

// Finding is one thing worth telling about a run: what is fixed about it. Its message is the run's.
type Finding struct {
	Code FindingCode
	Node Node
	// Verdict is the best verdict that a run with this finding can have. Success marks a notice.
	Verdict Verdict
	// Advice is what to do. It names settings as flags.
	Advice string
}

// Findings lists the findings: those of cycles in the order of the pipeline, then those of a run as a whole.
func Findings() []Finding { return slices.Clone(findings) }

var findings = []Finding{
	{SourceUnhealthy, Collector, Success, "check the primary data source; the fetch was tried all the same"},
	{FreshCacheUsed, Collector, Degraded, cacheAdvice},
	{StaleCacheUsed, Collector, Degraded, cacheAdvice},
	{DefaultDataUsed, Collector, Degraded,
		"check the primary data source; --collector-attempts decides how long it is tried"},
	{NoData, Collector, Failed, "check the primary data source, or let the fallback ladder help (--fallback)"},
	{PartialFetch, Collector, Degraded, "check the primary data source for timeouts or shards that are down"},
	{BadData, Collector, Degraded,
		"check the input against --id-field and --value-field; the dead letters name each row"},
	{ProcessedInPart, Processor, Degraded, "review the processing logic; --processor-attempts and " +
		"--processor-retry-delay decide how long it is tried"},
	{FallbackProcessing, Processor, Degraded, "review the processing logic and its resources; " +
		"--processor-attempts decides how long it is tried"},
	{LowSuccess, Processor, Degraded, "review the processing logic; the dead letters name each record; " +
		"see --processor-timeout and --bulkhead"},
	{FailedOver, Delivery, Success, "check delivery channel health"},
	{SpoolUsed, Delivery, Degraded, "check delivery channel health, then deliver the spool; " +
		"see --channels and --delivery-attempts"},
	{RecordsRefused, Delivery, Degraded, "see the dead letters, which have each record with the channel's answer"},
	{Undelivered, Delivery, Failed, "check delivery channel health and the emergency spool's disk; " +
		"the dead letters name each record"},
	{Abandoned, ErrorHandler, Failed,
		"see the node's error; --recovery lets processing pass on a part of a batch"},
	{PossibleDuplicates, Delivery, Success,
		"let the channel recognise idempotency keys; see --delivery-timeout"},
	{NodeEndedInError, ErrorHandler, Degraded,
		"see the error's node and phase; the records it held are in the spool or the dead letters"},
	{Interrupted, ErrorHandler, Degraded,
		"records in flight were drained into the emergency spool; start again to go on"},
	{InputUnread, Collector, Failed, "check the input and what lets the program in, or bound the run with --cycles"},
	{OutputIncomplete, ErrorHandler, Failed, "check the disk and the permissions of the output folder"},
	{HandlerFailed, ErrorHandler, Failed, "this is a defect of the pipeline; the ledger says what was lost"},
	{RecoveryTestFailed, ErrorHandler, Failed, "see the drill: it names the path"},
	{LedgerUnbalanced, ErrorHandler, Failed,
		"this is a defect of the pipeline; keep the report and its seed"},
	{VirtualTimeOver, ErrorHandler, Failed,
		"make --cycles, --interval, --attempts or the waits between attempts smaller"},
	{StayedDown, ErrorHandler, Failed,
		"see --load and the --capacity of the dependencies, where abandoned calls are served, too"},
	{RecoveryNotWatched, ErrorHandler, Degraded, "watch longer: see --for, --cycles and --recovery-hold"},
	{LowGoodput, ErrorHandler, Failed,
		"see --load and the --capacity of the dependencies; --recovery-share decides how many are enough"},
}

const cacheAdvice = "check the primary data source; --collector-attempts and --cache-ttl decide when the cache is used"

// Finding returns what is fixed about the finding of that code; of an unknown code, the code alone.
func (c FindingCode) Finding() Finding {
	for _, f := range findings {
		if f.Code == c {
			return f
		}
	}
	return Finding{Code: c}
}

// FindingCodes lists the codes of the findings.
func FindingCodes() []FindingCode {
	var codes []FindingCode
	for _, f := range findings {
		codes = append(codes, f.Code)
	}
	return codes
}
