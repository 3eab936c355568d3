package fault

import (
	"slices"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
)

// Kind is what a fault does.
type Kind string

// The kinds, by the class of the errors they cause. DiskFull is of class storage where files are written (channels and
// the spool) and of class resource elsewhere.
const (
	ConnectionRefused Kind = "connection_refused"
	ConnectionReset   Kind = "connection_reset"
	DNSFailure        Kind = "dns_failure"
	Timeout           Kind = "timeout" // no answer: hangs until cancelled
	HTTP500           Kind = "http_500"
	HTTP503           Kind = "http_503"
	RateLimited       Kind = "rate_limited" // HTTP 429 with Retry-After

	CorruptPayload   Kind = "corrupt_payload"
	TruncatedPayload Kind = "truncated_payload"
	MissingFields    Kind = "missing_fields"
	OutOfRange       Kind = "out_of_range"
	DuplicateRecords Kind = "duplicate_records"
	EmptyBatch       Kind = "empty_batch"

	OutOfMemory      Kind = "out_of_memory"
	DiskFull         Kind = "disk_full"
	TooManyOpenFiles Kind = "too_many_open_files"
	PoolExhausted    Kind = "pool_exhausted"

	Slow     Kind = "slow"     // latency × factor, or + by
	Partial  Kind = "partial"  // a share of the records
	Flapping Kind = "flapping" // up for half a period, then down for half a period

	Error Kind = "error"
	Panic Kind = "panic"
	Hang  Kind = "hang" // never ends by itself: hangs until cancelled

	PermissionDenied Kind = "permission_denied"
	Locked           Kind = "locked"
	PartialWrite     Kind = "partial_write"
	AckLost          Kind = "ack_lost" // the records arrive, the acknowledgement does not

	// These two happen to a dependency with a capacity, for a time, and not to single calls.
	Halt         Kind = "halt"          // serves nothing, the queue grows
	CapacityLoss Kind = "capacity_loss" // serves at a share of its speed
)

// Throttles reports whether the kind changes what a dependency can serve, in place of what happens to a call.
func Throttles(k Kind) bool { return k == Halt || k == CapacityLoss }

// site is a type of injection points: all channels have one type.
type site uint

const (
	health site = 1 << iota
	fetch
	batch
	record
	channel
	spool

	calls  = health | fetch | batch | record | channel // anything that can be called over a network
	all    = calls | spool
	writes = channel | spool
)

// entry says where a kind applies and the class of its errors.
type entry struct {
	kind  Kind
	class errhandler.Class
	sites site
}

// kinds are in the order of help and messages.
var kinds = []entry{
	{ConnectionRefused, errhandler.Network, calls},
	{ConnectionReset, errhandler.Network, calls},
	{DNSFailure, errhandler.Network, calls},
	{Timeout, errhandler.Network, calls},
	{HTTP500, errhandler.Network, calls},
	{HTTP503, errhandler.Network, calls},
	{RateLimited, errhandler.Network, calls},
	{CorruptPayload, errhandler.Data, fetch | batch | record},
	{TruncatedPayload, errhandler.Data, fetch | batch | record},
	{MissingFields, errhandler.Data, fetch | record},
	{OutOfRange, errhandler.Data, fetch | record},
	{DuplicateRecords, errhandler.Data, fetch},
	{EmptyBatch, errhandler.Data, fetch},
	{OutOfMemory, errhandler.Resource, all},
	{DiskFull, errhandler.Resource, all},
	{TooManyOpenFiles, errhandler.Resource, all},
	{PoolExhausted, errhandler.Resource, calls},
	{Slow, errhandler.Degradation, all},
	{Partial, errhandler.Degradation, fetch | batch | channel},
	{Flapping, errhandler.Degradation, calls},
	{Error, errhandler.Processing, batch | record},
	{Panic, errhandler.Processing, all},
	{Hang, errhandler.Processing, all},
	{PermissionDenied, errhandler.Storage, writes},
	{Locked, errhandler.Storage, writes},
	{PartialWrite, errhandler.Storage, writes},
	{AckLost, errhandler.Storage, channel},
	{Halt, errhandler.Degradation, all},
	{CapacityLoss, errhandler.Degradation, all},
}

func entryOf(k Kind) (entry, bool) {
	i := slices.IndexFunc(kinds, func(e entry) bool { return e.kind == k })
	if i < 0 {
		return entry{}, false
	}
	return kinds[i], true
}

// Kinds lists all kinds.
func Kinds() []Kind {
	var list []Kind
	for _, k := range kinds {
		list = append(list, k.kind)
	}
	return list
}

// KindsAt lists the kinds that apply at a place.
func KindsAt(p catalog.Place) []Kind {
	var list []Kind
	for _, k := range kinds {
		if k.sites&siteOf(p) != 0 {
			list = append(list, k.kind)
		}
	}
	return list
}

// ClassOf returns the class of a kind's errors at a place. A few depend on the place: a full disk is of class storage
// where files are written, a hang has the class of what hangs, and a panic outside of the processing logic is a defect.
func ClassOf(k Kind, p catalog.Place) errhandler.Class {
	e, _ := entryOf(k)
	s := siteOf(p)
	processing := s&(batch|record) != 0
	switch {
	case k == DiskFull && s&writes != 0, k == Hang && s == spool:
		return errhandler.Storage
	case k == Hang && !processing:
		return errhandler.Network
	case k == Panic && !processing:
		return errhandler.Internal
	}
	return e.class
}

// Writes reports whether files are written at the place.
func Writes(p catalog.Place) bool { return siteOf(p)&writes != 0 }

func siteOf(p catalog.Place) site {
	switch p {
	case catalog.PlaceHealth:
		return health
	case catalog.PlaceFetch:
		return fetch
	case catalog.PlaceBatch:
		return batch
	case catalog.PlaceRecord:
		return record
	case catalog.PlaceSpool:
		return spool
	}
	if _, ok := p.Channel(); ok {
		return channel
	}
	return 0
}
