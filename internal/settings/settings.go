// Package settings declares every setting of a run once: its name, meaning, bounds, unit, default, whether each node
// has one, and where the help shows it. Flags, scenario files and their schema, reports, comparisons, sweeps and the
// reference iterate the declarations.
package settings

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/load"
)

// Settings is everything that decides what a run does: two runs with equal settings on the virtual clock have the same
// report, to the byte. Start from Defaults. The declarations of All say what each field means.
type Settings struct {
	SimulateFailures bool
	FailureType      string
	// Faults are those given by hand. They come before those of the failure type.
	Faults       []fault.Fault
	TestRecovery bool
	Graph        string

	Cycles    int
	Interval  time.Duration
	BatchSize int
	Workers   int
	Seed      uint64
	Clock     string

	// Loads make the run open-loop: passes begin when they arrive, for as long as For.
	Loads      []load.Load
	For        time.Duration
	Clients    int
	Capacities []load.Capacity
	// RecoveryShare of the passes that are offered must be good for RecoveryHold.
	RecoveryShare float64
	RecoveryHold  time.Duration

	Input       string
	InputFormat string
	// Records is the path of the list of records in a JSON document; "" where the document is the list.
	Records string
	// Next is the field of a page's JSON with the next page's URL, HealthURL what a health check asks; both of an input
	// by HTTP.
	Next, HealthURL string
	IDField         string
	ValueField      string
	// BatchWait is how long a batch waits for more rows from an input that can keep a reader waiting.
	BatchWait time.Duration
	// MaxInvalid is the share of the rows that may be invalid.
	MaxInvalid float64
	// Process is what processing does: ProcessDouble, ProcessNone, or an assignment; "" is ProcessDouble without an
	// input, ProcessNone with one.
	Process string

	Collector Policy
	Processor Policy
	Delivery  Policy

	Fallback    bool
	CacheTTL    time.Duration
	CacheMaxAge time.Duration
	Recovery    bool
	Channels    []string
	// Outlets are the real channels, which Channels names then.
	Outlets        []Outlet
	Headers        []Header
	ChannelRecover time.Duration
	Spool          bool

	// BreakerDecided says that the collector's breaker was put into the path, or left out of it, by hand. It wins over
	// the failure type then.
	BreakerDecided bool
	// FallbackDecided says that the fallback ladder was turned on or off by hand.
	FallbackDecided bool
	// BulkheadDecided says that the processor's bulkhead was given. Otherwise it is no smaller than its workers are many.
	BulkheadDecided bool
}

// Policy holds the settings of the policies around one node's calls. The zero value is one attempt without limits.
type Policy struct {
	// Attempts is the number of attempts, the first included; 0 means 1.
	Attempts int
	// RetryDelay is the wait before the second attempt; each later one is Backoff times as long, at most MaxDelay.
	// A Backoff below 1 counts as 1, a MaxDelay of 0 as no limit.
	RetryDelay time.Duration
	Backoff    float64
	MaxDelay   time.Duration
	// Jitter is the share of a wait, 0 to 1, by which it is randomly lengthened or shortened.
	Jitter float64
	// Deadline bounds all attempts and the waits between them; 0 means no limit.
	Deadline time.Duration
	// RetryBudget is the share of the calls in flight, each with all of its attempts and waits, that may be retries; 0
	// means no limit. A retry beyond it ends the attempts. Three retries at once are always allowed.
	RetryBudget float64
	// Timeout bounds each attempt; 0 means no limit.
	Timeout time.Duration
	// HedgeAfter makes another call where one takes longer: a duration, or a quantile of how long calls have taken,
	// such as p95; "" makes none. Hedges is how many more at most; 0 means 1.
	HedgeAfter string
	Hedges     int
	// Bulkhead is how many calls may be in flight at once; 0 means no limit. A call that finds it full waits for
	// BulkheadWait and is then rejected.
	Bulkhead     int
	BulkheadWait time.Duration
	// AdaptiveLimit is the most calls that an adaptive limit may allow at once; 0 means none. The limit begins at 20
	// and follows how long calls take. AdaptiveQueue times as many calls as it allows may wait for their turn, and
	// further ones are turned away; 0 lets none wait, and 1 is the least else.
	AdaptiveLimit int
	AdaptiveQueue float64
	// RateLimit is how many calls may start a second; 0 means no limit. They are spread evenly where RateLimitBurst is
	// at most 1; else so many may start at once, in each period that the rate has them in. A call that comes too early
	// waits for its turn, for RateLimitWait at most, and is else turned away at once.
	RateLimit      float64
	RateLimitBurst int
	RateLimitWait  time.Duration
	// Throttle is the share of failed calls, over the last ThrottleWindow, from which on the caller rejects calls
	// itself, the more the more fail, and at most 90 %; 0 means never.
	Throttle       float64
	ThrottleWindow time.Duration
	// Breaker puts a circuit breaker into the path. BreakerFailures failures in a row open it, or, where
	// BreakerFailureRate is above 0, that share of at least BreakerMinCalls calls within BreakerWindow, a tenth of
	// which is forgotten at a time. An open breaker rejects calls for BreakerOpenFor, which each client has longer or
	// shorter by up to a share of BreakerOpenJitter, then lets BreakerTrialCalls through (half-open): it closes when
	// all of them succeed and opens again when one fails.
	Breaker            bool
	BreakerFailures    int
	BreakerFailureRate float64
	BreakerWindow      time.Duration
	BreakerMinCalls    int
	BreakerOpenFor     time.Duration
	BreakerOpenJitter  float64
	BreakerTrialCalls  int
}

// The choices of settings.
const (
	ClockReal    = "real"
	ClockVirtual = "virtual"

	GraphStandard = "standard"
	GraphRecovery = "recovery"

	ProcessDouble = "double"
	ProcessNone   = "none"

	FormatNDJSON = "ndjson"
	FormatJSON   = "json"
	FormatCSV    = "csv"
	FormatTSV    = "tsv"
)

// Policy returns the settings of a node's policies; nil for a node that has none.
func (s *Settings) Policy(n catalog.Node) *Policy {
	switch n {
	case catalog.Collector:
		return &s.Collector
	case catalog.Processor:
		return &s.Processor
	case catalog.Delivery:
		return &s.Delivery
	case catalog.ErrorHandler, catalog.FallbackData, catalog.PartialProcessing, catalog.AlternateDelivery:
	}
	return nil
}

// Virtual reports whether the run is made in virtual time.
func (s *Settings) Virtual() bool { return s.Clock == ClockVirtual }

// Doubles reports whether processing is the demo's: it doubles values.
func (s *Settings) Doubles() bool {
	return s.Process == ProcessDouble || s.Process == "" && s.Input == ""
}

// NeedsValue reports whether a row without a number is invalid.
func (s *Settings) NeedsValue() bool { return s.Doubles() || s.ValueField != "" }

// RecoveryGraph reports whether recovery has nodes of its own in the graph.
func (s *Settings) RecoveryGraph() bool { return s.Graph == GraphRecovery || s.TestRecovery }

// Drill reports whether the run forces each path of the recovery graph once.
func (s *Settings) Drill() bool { return s.TestRecovery && !s.SimulateFailures }

// Batch sizes (docs/original.md).
const (
	batchSize    = 50
	batchFailing = 30 // while failures are simulated
)

// Complete fills in the settings that depend on others, as reports keep them.
func (s Settings) Complete() Settings {
	if s.BatchSize == 0 {
		s.BatchSize = batchSize
		if s.SimulateFailures {
			s.BatchSize = batchFailing
		}
	}
	if s.Cycles == 0 && s.Input == "" && s.For == 0 {
		s.Cycles = 1
	}
	if s.Process == "" {
		s.Process = ProcessDouble
		if s.Input != "" {
			s.Process = ProcessNone
		}
	}
	if !s.BulkheadDecided {
		s.Processor.Bulkhead = max(s.Processor.Bulkhead, s.Workers)
	}
	if s.Input != "" && !s.FallbackDecided { // copies are no substitute for data
		s.Fallback = false
	}
	if !s.SimulateFailures {
		s.FailureType = ""
	}
	if s.RecoveryGraph() {
		s.Graph = GraphRecovery
	}
	return s
}

// Error is an invalid value of a setting. Problem says what is allowed.
type Error struct{ Name, Value, Problem string }

func (e *Error) Error() string {
	if e.Value == "" { // it was not given, and is wanted
		return fmt.Sprintf("--%s: %s", e.Name, e.Problem)
	}
	return fmt.Sprintf("--%s %q: %s", e.Name, e.Value, e.Problem)
}

// Validate returns an *Error for the first setting that is out of range, or that does not go with another one.
func (s *Settings) Validate() error {
	for _, d := range All() {
		if d.ForAllNodes {
			continue // the settings of each node are checked
		}
		value := d.get(s)
		if err := d.check(value); err != nil && d.matters(s) {
			return &Error{d.Name, d.format(value), err.Error()}
		}
	}
	for _, f := range s.Faults {
		if err := catalog.CheckPlace(f.Place, s.Channels); err != nil {
			return &Error{"fault", f.String(), err.Error()}
		}
	}
	if err := s.checkEnds(); err != nil {
		return err
	}
	return s.checkLoad()
}

// checkLoad returns an *Error for loads and capacities that don't go with the other settings.
func (s *Settings) checkLoad() error {
	for i, c := range s.Capacities {
		if err := catalog.CheckPlace(c.Place, s.Channels); err != nil {
			return &Error{"capacity", c.String(), err.Error()}
		}
		for _, before := range s.Capacities[:i] {
			if before.Place == c.Place {
				return &Error{"capacity", c.String(), fmt.Sprintf("%s has a capacity already: %s", c.Place, before)}
			}
		}
	}
	for _, f := range s.Faults {
		for _, k := range f.Kinds {
			if fault.Throttles(k) && !s.HasCapacity(f.Place) {
				return &Error{"fault", f.String(), fmt.Sprintf("%s changes a capacity, and %s has none; "+
					"give it one, such as --capacity %[2]s=service=100ms", k, f.Place)}
			}
		}
	}
	if !s.Loaded() {
		if s.Clients > 1 {
			return &Error{"clients", fmt.Sprint(s.Clients), "several clients need a load, such as --load 60/s"}
		}
		return nil
	}
	expected := 0.0
	for _, l := range s.Loads {
		text := l.String()
		switch {
		case s.For == 0 && s.Cycles == 0:
			return &Error{"load", text, "it needs an end: --for 3m, or --cycles 1000 for so many passes"}
		case s.TestRecovery:
			return &Error{"load", text, "the recovery drill has cycles of its own; leave out test-recovery"}
		case s.For > 0 && l.From >= s.For:
			return &Error{"load", text, fmt.Sprintf("it begins when the run has ended, after %v", s.For)}
		}
		expected += l.Passes(s.For)
	}
	if most := float64(MaxPasses); expected > most {
		return &Error{"load", s.Loads[0].String(),
			fmt.Sprintf("%.0f passes in %v are more than a run can make, %.0f", expected, s.For, most)}
	}
	return nil
}

// HasCapacity reports whether a dependency has a capacity.
func (s *Settings) HasCapacity(p catalog.Place) bool {
	return slices.ContainsFunc(s.Capacities, func(c load.Capacity) bool { return c.Place == p })
}

// Loaded reports whether passes begin by a load, open-loop, and not one after the other.
func (s *Settings) Loaded() bool { return len(s.Loads) > 0 }

// MaxPasses is how many passes a load may begin in a run.
const MaxPasses = 100_000_000

// checkChannels returns an error for names that channels can't have.
func checkChannels(names []string) error {
	if len(names) == 0 {
		return fmt.Errorf("name at least one channel, such as %s", catalog.DefaultChannels()[0])
	}
	for i, c := range names {
		switch {
		case !channelName.MatchString(c):
			return fmt.Errorf("%q: a channel's name is made of a-z, 0-9, _ and -", c)
		case c == catalog.SpoolName:
			return fmt.Errorf("%s is the emergency spool's name", c)
		case slices.Contains(names[:i], c):
			return fmt.Errorf("%s is named twice", c)
		}
	}
	return nil
}

// ChannelName is the regular expression of the names of channels.
const ChannelName = "[a-z0-9_-]{1,64}"

var channelName = regexp.MustCompile("^" + ChannelName + "$")
