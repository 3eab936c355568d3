package errhandler

import (
	"fmt"
	"time"

	"faultflow/internal/catalog"
)

// Outcome is what the stages of one cycle did and the verdict depends on. Counts are records.
type Outcome struct {
	Origin   catalog.Origin
	CacheAge time.Duration
	// Rows counts the rows that collection returned, Unreadable those of them that were no valid records.
	Rows, Unreadable int
	// Asked is how many rows a partial answer should have had; 0 where the answer was whole.
	Asked int
	// Unhealthy is the health check's error; "" when it passed.
	Unhealthy string

	// Mode is processing's; "" when it did not run.
	Mode catalog.Mode
	// In and Processed count what went into processing and what came out of it, whatever the mode.
	In, Processed int

	Delivered, Spooled, Undelivered, PossibleDuplicates int
	// Refused records were refused by a channel for good.
	Refused int
	// Abandoned records were given up unprocessed, because the node that held them failed.
	Abandoned int
	// FailedOver says that another channel than the first one took records.
	FailedOver bool

	// Errors are those that ended a node; the graph routed them to the error handler.
	Errors []error
	// Cancelled says that the run was interrupted during the cycle.
	Cancelled bool
}

// Finding is an observation about a cycle. Its verdict, node and advice are in the catalogue, under its code.
type Finding struct {
	Code    catalog.FindingCode
	Message string
}

// minSuccess is the share of a batch below which its success is low (docs/original.md).
const minSuccess = 0.8

// LowSuccess reports whether less than 80 % of a batch was processed, record by record. Default data does not count: it
// has its own warning, and is only a handful of records, of which chance alone fails so many in 1 of 90 cycles; of the
// original's full batches it does in 1 of 1,700.
func (o Outcome) LowSuccess() bool {
	return o.Mode == catalog.ModeNormal && o.Origin != catalog.FromDefault &&
		float64(o.Processed) < minSuccess*float64(o.In)
}

// Judge turns an outcome into findings, in the order of the pipeline. The run's verdict is the worst of theirs.
func Judge(o Outcome) []Finding {
	var found []Finding
	add := func(code catalog.FindingCode, message string) { found = append(found, Finding{code, message}) }
	if o.Unhealthy != "" {
		add(catalog.SourceUnhealthy, "the health check failed: "+o.Unhealthy)
	}
	switch o.Origin {
	case catalog.FromSource:
	case catalog.FromFreshCache:
		add(catalog.FreshCacheUsed, o.cachedData())
	case catalog.FromStaleCache:
		add(catalog.StaleCacheUsed, o.cachedData())
	case catalog.FromDefault:
		add(catalog.DefaultDataUsed, "default data was used, there was no cache")
	case catalog.FromNowhere:
		if !o.Cancelled {
			add(catalog.NoData, "nothing could be collected")
		}
	}
	if o.Asked > 0 {
		add(catalog.PartialFetch, "the source answered with a part of the batch")
	}
	if o.Rows > 0 && float64(o.Rows-o.Unreadable) < minSuccess*float64(o.Rows) {
		add(catalog.BadData, "less than 80 % of the rows were valid records")
	}
	switch {
	case o.Mode == catalog.ModePartial:
		add(catalog.ProcessedInPart, "attempts ran out; a part of the batch was processed")
	case o.Mode == catalog.ModeFallback:
		add(catalog.FallbackProcessing, "attempts ran out; a few records were passed through unprocessed")
	case o.LowSuccess():
		add(catalog.LowSuccess, "less than 80 % of the batch was processed")
	}
	if o.FailedOver {
		add(catalog.FailedOver, "a channel failed and another one took the records")
	}
	if o.Spooled > 0 && !o.Cancelled {
		add(catalog.SpoolUsed, "no channel took all records; the rest went to the emergency spool")
	}
	if o.Refused > 0 {
		add(catalog.RecordsRefused, "a channel refused records for good")
	}
	if o.Undelivered > 0 {
		add(catalog.Undelivered, "records could be neither delivered nor spooled")
	}
	if o.Abandoned > 0 {
		add(catalog.Abandoned, "records were given up because a node failed")
	}
	if o.PossibleDuplicates > 0 {
		add(catalog.PossibleDuplicates, "records were sent again after an uncertain failure")
	}
	for _, err := range o.Errors {
		add(catalog.NodeEndedInError, "a node ended with an error: "+err.Error())
	}
	if o.Cancelled {
		add(catalog.Interrupted, "the run was interrupted")
	}
	return found
}

func (o Outcome) cachedData() string {
	return fmt.Sprintf("cached data was used, %.1f s old", o.CacheAge.Seconds())
}

// VerdictOf returns the worst verdict among findings, Success without any.
func VerdictOf(found []Finding) catalog.Verdict {
	v := catalog.Success
	for _, f := range found {
		if own := f.Code.Finding().Verdict; own.Worse(v) {
			v = own
		}
	}
	return v
}
