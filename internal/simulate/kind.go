package simulate

import (
	"slices"
	"strings"

	"faultflow/internal/errhandler"
	"faultflow/internal/nodes"
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
)

// site is a sort of injection point: all channels are one sort.
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

// kindInfo says where a kind applies, which parameters it takes, and the class of its errors.
type kindInfo struct {
	kind   Kind
	class  errhandler.Class
	sites  site
	params []string
}

// kinds is the catalogue, in the order in which help and messages list it.
var kinds = []kindInfo{
	{ConnectionRefused, errhandler.Network, calls, nil},
	{ConnectionReset, errhandler.Network, calls, nil},
	{DNSFailure, errhandler.Network, calls, nil},
	{Timeout, errhandler.Network, calls, nil},
	{HTTP500, errhandler.Network, calls, nil},
	{HTTP503, errhandler.Network, calls, nil},
	{RateLimited, errhandler.Network, calls, []string{"retry_after"}},
	{CorruptPayload, errhandler.Data, fetch | batch | record, nil},
	{TruncatedPayload, errhandler.Data, fetch | batch | record, nil},
	{MissingFields, errhandler.Data, fetch | record, []string{"share"}},
	{OutOfRange, errhandler.Data, fetch | record, []string{"share"}},
	{DuplicateRecords, errhandler.Data, fetch, []string{"share"}},
	{EmptyBatch, errhandler.Data, fetch, nil},
	{OutOfMemory, errhandler.Resource, all, nil},
	{DiskFull, errhandler.Resource, all, nil},
	{TooManyOpenFiles, errhandler.Resource, all, nil},
	{PoolExhausted, errhandler.Resource, calls, nil},
	{Slow, errhandler.Degradation, all, []string{"factor", "by"}},
	{Partial, errhandler.Degradation, fetch | batch | channel, []string{"share"}},
	{Flapping, errhandler.Degradation, calls, []string{"period"}},
	{Error, errhandler.Processing, batch | record, nil},
	{Panic, errhandler.Processing, all, nil},
	{Hang, errhandler.Processing, all, nil},
	{PermissionDenied, errhandler.Storage, writes, nil},
	{Locked, errhandler.Storage, writes, nil},
	{PartialWrite, errhandler.Storage, writes, []string{"share"}},
	{AckLost, errhandler.Storage, channel, nil},
}

func info(k Kind) (kindInfo, bool) {
	i := slices.IndexFunc(kinds, func(i kindInfo) bool { return i.kind == k })
	if i < 0 {
		return kindInfo{}, false
	}
	return kinds[i], true
}

// Kinds lists the kinds that apply at a place, all of them for "".
func Kinds(place string) []Kind {
	var names []Kind
	for _, k := range kinds {
		if place == "" || k.sites&siteOf(place) != 0 {
			names = append(names, k.kind)
		}
	}
	return names
}

// ClassOf returns the class of a kind at a place. A few depend on the place: a full disk is a matter of storage where
// files are written; a hang looks like what hangs there; a panic outside the processing logic is a defect.
func ClassOf(k Kind, place string) errhandler.Class {
	i, _ := info(k)
	s := siteOf(place)
	processing := s&(batch|record) != 0
	switch {
	case k == DiskFull && s&writes != 0, k == Hang && s == spool:
		return errhandler.Storage
	case k == Hang && !processing:
		return errhandler.Network
	case k == Panic && !processing:
		return errhandler.Internal
	}
	return i.class
}

// Places lists the injection points of a pipeline with the given channels.
func Places(channels []string) []string {
	places := []string{nodes.PlaceHealth, nodes.PlaceFetch, nodes.PlaceBatch, nodes.PlaceRecord}
	for _, c := range channels {
		places = append(places, nodes.ChannelPlace(c))
	}
	return append(places, nodes.PlaceSpool)
}

func siteOf(place string) site {
	switch place {
	case nodes.PlaceHealth:
		return health
	case nodes.PlaceFetch:
		return fetch
	case nodes.PlaceBatch:
		return batch
	case nodes.PlaceRecord:
		return record
	case nodes.PlaceSpool:
		return spool
	}
	if strings.HasPrefix(place, nodes.ChannelPlace("")) {
		return channel
	}
	return 0
}
