// Package reporttest has recorded runs for the tests of packages that show or compare reports, and what these tests share.
package reporttest

import (
	"fmt"
	"strings"

	"faultflow/internal/errhandler"
	"faultflow/internal/report"
)

// Samples are recorded runs of every sort that text has to tell apart.
func Samples() map[string]*report.Report {
	return map[string]*report.Report{
		"success":     Success(),
		"network":     Network(),
		"breaker":     Breaker(),
		"storage":     Storage(),
		"failed":      Failed(),
		"interrupted": Interrupted(),
		"drill":       Drill(),
		"thousands":   Thousands(),
		"hostile":     Hostile(),
	}
}

// Success is a run of one cycle with the default settings, in which nothing happened.
func Success() *report.Report {
	policy := report.Policy{Retries: 3, RetryDelayMS: 1000, Backoff: 2, MaxDelayMS: 10_000, Jitter: 0.1, TimeoutMS: 5000}
	processor := policy
	processor.Retries, processor.RetryDelayMS, processor.Bulkhead = 5, 2000, 4
	return &report.Report{
		Schema: report.Schema,
		Settings: report.Settings{
			Graph: "standard", Clock: "virtual", Cycles: 1, BatchSize: 50, Workers: 4,
			Channels: []string{"primary", "secondary", "backup"}, Fallback: true, Recovery: true, Spool: true,
			Collector: policy, Processor: processor, Delivery: policy,
		},
		Seed: 42, Verdict: errhandler.Success, DurationMS: 1184.2,
		Collection: report.Collection{
			Source: "primary_api", Health: "healthy", Origin: errhandler.FromSource,
			Origins: map[errhandler.Origin]int{errhandler.FromSource: 1}, Records: 50, Breaker: "off",
		},
		Processing: report.Processing{Mode: "normal", Modes: map[string]int{"normal": 1}, In: 50, Out: 50, SuccessRate: 1},
		Delivery:   report.Delivery{Status: "delivered", Delivered: 50, Passes: 1},
		Nodes: []report.Node{
			{Name: "collector", Status: "ok", Runs: 1, Attempts: 1, MaxTries: 3, Hooks: map[string]int{"before_prep": 1}},
			{Name: "processor", Status: "ok", Runs: 1, Attempts: 1, MaxTries: 5, Hooks: map[string]int{"after_exec": 1}},
			{Name: "delivery", Status: "ok", Runs: 1, Attempts: 1, MaxTries: 3},
			{Name: "errorhandler", Status: "ok", Runs: 1, Attempts: 1, MaxTries: 1},
		},
		Channels: []report.Channel{
			{Name: "primary", Health: "healthy", Idempotent: true, Tried: 1, Records: 50},
			{Name: "secondary", Health: "healthy"}, {Name: "backup", Health: "healthy"},
		},
		Ledger: report.Ledger{Collected: 50, FromSource: 50, Delivered: 50, Balanced: true},
		Patterns: []report.Pattern{
			{Name: "execution_hooks", State: report.Demonstrated, Count: 2, Detail: "before_prep 1, after_exec 1"},
			{Name: "retry_with_backoff", State: report.Armed}, {Name: "timeout", State: report.Armed},
			{Name: "bulkhead", State: report.Armed}, {Name: "graceful_degradation", State: report.Armed},
			{Name: "channel_failover", State: report.Armed}, {Name: "emergency_spool", State: report.Armed},
			{Name: "circuit_breaker", State: report.Off},
		},
		Amplification: []report.Amplification{
			{Place: "collector.fetch", Calls: 1, Units: 1, Factor: 1, PerRecord: 0.02},
			{Place: "delivery.primary", Calls: 1, Units: 1, Factor: 1, PerRecord: 0.02},
		},
		Cycles: report.Cycles{Count: 1, List: []report.Cycle{{
			Number: 1, DurationMS: 1184.2, Verdict: errhandler.Success, Origin: errhandler.FromSource, Mode: "normal",
			Delivery: "delivered", Channel: "primary", Collected: 50, Delivered: 50,
		}}},
		Timeline: report.Timeline{Events: []report.Event{
			{AtMS: 0, Cycle: 1, Node: "collector", Kind: "node_started"},
			{AtMS: 312.4, Cycle: 1, Node: "collector", Place: "collector.fetch", Kind: "attempt", Attempt: 1},
		}},
		Meta: report.Meta{StartedAt: "2025-01-02T03:04:05Z", Version: "v1.0.0", Go: "go1.26", RealMS: 3.2},
	}
}

// simulated is success with the batch size and the channels' faults of a failure profile.
func simulated(failureType string, fetch, batch float64) *report.Report {
	r := Success()
	r.Settings.Simulate, r.Settings.FailureType, r.Settings.BatchSize = true, failureType, 30
	r.Settings.Collector.Breaker, r.Settings.Collector.BreakerFails, r.Settings.Collector.BreakerOpenMS = true, 3, 30_000
	r.Collection.Breaker = "closed"
	r.Faults = []report.Fault{
		{Spec: fmt.Sprintf("collector.fetch=connection_refused|connection_reset|dns_failure|timeout|http_500|http_503,p=%g", fetch), Place: "collector.fetch", Class: errhandler.Network, Armed: 1},
		{Spec: fmt.Sprintf("processor.batch=error,p=%g", batch), Place: "processor.batch", Class: errhandler.Processing, Armed: 1},
		{Spec: "processor.record=error,p=0.05", Place: "processor.record", Class: errhandler.Processing, Armed: 30},
		{Spec: "delivery.primary=connection_refused|connection_reset|http_503,p=0.1", Place: "delivery.primary", Class: errhandler.Network, Armed: 1},
		{Spec: "delivery.secondary=connection_refused|connection_reset|http_503,p=0.2", Place: "delivery.secondary", Class: errhandler.Network},
		{Spec: "delivery.backup=connection_refused|connection_reset|http_503,p=0.05", Place: "delivery.backup", Class: errhandler.Network},
	}
	return r
}

// Network is three cycles, the second of which had to use the cache.
func Network() *report.Report {
	r := simulated("network", 0.4, 0.1)
	r.Settings.Cycles, r.Settings.IntervalMS = 3, 5000
	r.Seed, r.Verdict, r.DurationMS = 7, errhandler.Degraded, 16_204.7
	r.Collection.Origins = map[errhandler.Origin]int{errhandler.FromSource: 2, errhandler.FromFreshCache: 1}
	r.Collection.CacheAgeMS, r.Collection.Records, r.Collection.HealthFailures = 5412.8, 90, 1
	r.Processing = report.Processing{Mode: "normal", Modes: map[string]int{"normal": 3}, In: 90, Out: 86, Failed: 4, SuccessRate: 86.0 / 90}
	r.Delivery = report.Delivery{Status: "delivered", Delivered: 86, Passes: 3, FailedOver: 1}
	r.Nodes = []report.Node{
		{Name: "collector", Status: "ok", Runs: 3, Attempts: 6, MaxTries: 3, Failures: 4, Waits: 3, WaitMS: 4214.5, Timeouts: 1,
			Fallbacks: 1, Errors: map[errhandler.Class]int{errhandler.Network: 4}},
		{Name: "processor", Status: "ok", Runs: 3, Attempts: 4, MaxTries: 5, Failures: 1, Waits: 1, WaitMS: 2081.3},
		{Name: "delivery", Status: "ok", Runs: 3, Attempts: 4, MaxTries: 3, Failures: 1},
		{Name: "errorhandler", Status: "ok", Runs: 3, Attempts: 3, MaxTries: 1},
	}
	r.Breakers = []report.Breaker{{Name: "collector", State: "closed", Calls: 6, Opened: 1, HalfOpened: 1, Closed: 1,
		Transitions: []report.Transition{{AtMS: 7215.2, From: "closed", To: "open"},
			{AtMS: 10_000.1, From: "open", To: "half-open"}, {AtMS: 10_291.7, From: "half-open", To: "closed"}}}}
	r.Channels = []report.Channel{
		{Name: "primary", Health: "degraded", Idempotent: true, Tried: 3, Failed: 1, Records: 58, LastError: "dial tcp 10.0.0.1:443: connect: connection refused"},
		{Name: "secondary", Health: "healthy", Tried: 1, Records: 28}, {Name: "backup", Health: "healthy"},
	}
	r.Ledger = report.Ledger{Collected: 90, FromSource: 60, FromCache: 30, Delivered: 86, DeadLettered: 4, Balanced: true,
		DeadLetters: []report.DeadLetters{{Place: "processor.record", Class: errhandler.Processing, Reason: "simulated processing error", Count: 4, FirstLine: 12}}}
	r.Errors = report.Errors{Total: 10, Handled: 10, ByClass: map[errhandler.Class]int{errhandler.Network: 5, errhandler.Processing: 5}}
	r.Findings = []report.Finding{
		Finding(errhandler.Outcome{Unhealthy: "dial tcp 10.0.0.1:443: connect: connection refused"}, 1, 2),
		Finding(errhandler.Outcome{Origin: errhandler.FromFreshCache, CacheAge: 5_412_800_000}, 1, 2),
		Finding(errhandler.Outcome{FailedOver: true}, 1, 3),
	}
	r.Patterns = []report.Pattern{
		{Name: "execution_hooks", State: report.Demonstrated, Count: 6, Detail: "before_prep 3, after_exec 3"},
		{Name: "retry_with_backoff", State: report.Demonstrated, Count: 4, Detail: "4 waits, 6.3 s in all"},
		{Name: "circuit_breaker", State: report.Demonstrated, Count: 1, Detail: "opened once, recovered after one trial call"},
		{Name: "graceful_degradation", State: report.Demonstrated, Count: 1, Detail: "cached data in 1 cycle"},
		{Name: "channel_failover", State: report.Demonstrated, Count: 1, Detail: "secondary took over from primary"},
		{Name: "timeout", State: report.Demonstrated, Count: 1, Detail: "1 call given up after 5 s"},
		{Name: "bulkhead", State: report.Armed}, {Name: "emergency_spool", State: report.Armed},
	}
	fire(r, "collector.fetch", 6, 4)
	fire(r, "processor.batch", 4, 1)
	fire(r, "processor.record", 90, 4)
	fire(r, "delivery.primary", 3, 1)
	fire(r, "delivery.secondary", 1, 0)
	r.Amplification = []report.Amplification{
		{Place: "collector.health", Calls: 3}, {Place: "collector.fetch", Calls: 6, Units: 3, Factor: 2, PerRecord: 6.0 / 90},
		{Place: "processor.batch", Calls: 4, Units: 3, Factor: 4.0 / 3, PerRecord: 4.0 / 90},
		{Place: "delivery.primary", Calls: 3, Units: 3, Factor: 1, PerRecord: 3.0 / 90},
		{Place: "delivery.secondary", Calls: 1, PerRecord: 1.0 / 90},
	}
	r.Cycles = report.Cycles{Count: 3, List: []report.Cycle{
		cycle(1, 0, 2812.1, errhandler.Success, errhandler.FromSource, "primary", 30, 29, 1),
		cycle(2, 5000, 6021.9, errhandler.Degraded, errhandler.FromFreshCache, "primary", 30, 29, 1),
		cycle(3, 11_021.9, 5182.8, errhandler.Success, errhandler.FromSource, "secondary", 30, 28, 2),
	}}
	r.Meta.Output = "out/network-7"
	return r
}

// Breaker is twelve cycles of a source that goes away for a while.
func Breaker() *report.Report {
	r := Success()
	r.Settings.Cycles, r.Settings.IntervalMS, r.Settings.Faults = 12, 5000, []string{"collector.fetch=connection_refused,from=10s,to=40s"}
	r.Settings.Collector.Breaker, r.Settings.Collector.BreakerFails, r.Settings.Collector.BreakerOpenMS = true, 3, 5000
	r.Verdict, r.DurationMS = errhandler.Degraded, 61_204
	r.Collection.Origin, r.Collection.Breaker, r.Collection.CacheAgeMS, r.Collection.Records = errhandler.FromSource, "closed", 31_400, 560
	r.Collection.Origins = map[errhandler.Origin]int{errhandler.FromSource: 6, errhandler.FromFreshCache: 3, errhandler.FromStaleCache: 2, errhandler.FromDefault: 1}
	r.Processing = report.Processing{Mode: "normal", Modes: map[string]int{"normal": 12}, In: 560, Out: 560, SuccessRate: 1}
	r.Delivery = report.Delivery{Status: "delivered", Delivered: 560, Passes: 12}
	r.Nodes = []report.Node{
		{Name: "collector", Status: "ok", Runs: 12, Attempts: 21, MaxTries: 3, Failures: 12, Waits: 5, WaitMS: 12_400, Rejected: 5, Fallbacks: 6},
		{Name: "processor", Status: "ok", Runs: 12, Attempts: 12, MaxTries: 5},
		{Name: "delivery", Status: "ok", Runs: 12, Attempts: 12, MaxTries: 3},
		{Name: "errorhandler", Status: "ok", Runs: 12, Attempts: 12, MaxTries: 1},
	}
	b := report.Breaker{Name: "collector", State: "closed", Calls: 16, Rejected: 5, Opened: 8, HalfOpened: 8, Closed: 1}
	for i := range 8 {
		at := 10_912 + float64(i)*5071
		b.Transitions = append(b.Transitions, report.Transition{AtMS: at, From: "half-open", To: "open"},
			report.Transition{AtMS: at + 5000, From: "open", To: "half-open"})
	}
	b.Transitions = append(b.Transitions, report.Transition{AtMS: 51_700, From: "half-open", To: "closed"})
	r.Breakers = []report.Breaker{b, {Name: "delivery.primary", State: "closed", Calls: 12}}
	r.Channels[0].Tried, r.Channels[0].Records = 12, 560
	r.Ledger = report.Ledger{Collected: 560, FromSource: 300, FromCache: 250, FromDefault: 10, Delivered: 560, Balanced: true}
	r.Errors = report.Errors{Total: 17, Handled: 17, ByClass: map[errhandler.Class]int{errhandler.Network: 12, errhandler.Degradation: 5}}
	r.Findings = []report.Finding{
		Finding(errhandler.Outcome{Origin: errhandler.FromFreshCache, CacheAge: 5_000_000_000}, 3, 3),
		Finding(errhandler.Outcome{Origin: errhandler.FromStaleCache, CacheAge: 31_400_000_000}, 2, 6),
		Finding(errhandler.Outcome{Origin: errhandler.FromDefault}, 1, 8),
	}
	r.Patterns[len(r.Patterns)-1] = report.Pattern{Name: "circuit_breaker", State: report.Demonstrated, Count: 8, Detail: "opened 8 times, recovered at 51.7 s"}
	r.Faults = []report.Fault{{Spec: r.Settings.Faults[0], Place: "collector.fetch", Class: errhandler.Network, Declared: true, Armed: 16, Fired: 12}}
	r.Amplification = []report.Amplification{{Place: "collector.fetch", Calls: 16, Units: 12, Factor: 16.0 / 12, PerRecord: 16.0 / 560}}
	r.Cycles = report.Cycles{Count: 12}
	for i := range 12 {
		c := cycle(i+1, float64(i)*5012.4, 840, errhandler.Success, errhandler.FromSource, "primary", 50, 50, 0)
		switch {
		case i == 7:
			c = cycle(i+1, c.StartMS, 12.7, errhandler.Degraded, errhandler.FromDefault, "primary", 10, 10, 0)
		case i > 1 && i < 5:
			c.Verdict, c.Origin = errhandler.Degraded, errhandler.FromFreshCache
		case i > 4 && i < 7:
			c.Verdict, c.Origin = errhandler.Degraded, errhandler.FromStaleCache
		}
		r.Cycles.List = append(r.Cycles.List, c)
	}
	return r
}

// storage lost every channel for a while: failover, several passes, and the emergency spool.
func Storage() *report.Report {
	r := simulated("storage", 0.1, 0.1)
	r.Verdict, r.DurationMS = errhandler.Degraded, 9402
	r.Settings.Collector.Breaker, r.Collection.Breaker = false, "off"
	r.Collection.Records, r.Collection.Unreadable = 30, 1
	r.Processing = report.Processing{Mode: "normal", Modes: map[string]int{"normal": 1}, In: 29, Out: 27, Failed: 2, SuccessRate: 27.0 / 29}
	r.Delivery = report.Delivery{Status: "spooled", Delivered: 12, Spooled: 15, Passes: 3, FailedOver: 1, PossibleDuplicates: 8, DuplicatesAvoided: 4}
	r.Nodes[2] = report.Node{Name: "delivery", Status: "fallback", Runs: 1, Attempts: 7, MaxTries: 3, Failures: 6, Waits: 2, WaitMS: 3120, Timeouts: 1, Fallbacks: 1}
	const full = "write /var/spool/faultflow/primary.jsonl: no space left on device"
	r.Channels = []report.Channel{
		{Name: "primary", Health: "down", Idempotent: true, Tried: 2, Failed: 2, Skipped: 1, LastError: full},
		{Name: "secondary", Health: "degraded", Tried: 2, Failed: 2, Skipped: 2, LastError: "database is locked"},
		{Name: "backup", Health: "degraded", Tried: 3, Failed: 2, Records: 12, LastError: "no acknowledgement: context deadline exceeded"},
	}
	r.Ledger = report.Ledger{Collected: 30, FromSource: 30, Delivered: 12, DeadLettered: 3, Spooled: 15, Balanced: true,
		DeadLetters: []report.DeadLetters{
			{Place: "processor.record", Class: errhandler.Processing, Reason: "simulated processing error", Count: 2, FirstLine: 4},
			{Place: "collector.fetch", Class: errhandler.Data, Reason: `value "abc" is not a number`, Count: 1, FirstLine: 17}}}
	r.Errors = report.Errors{Total: 9, Handled: 9, ByClass: map[errhandler.Class]int{errhandler.Storage: 6, errhandler.Processing: 2, errhandler.Data: 1}}
	r.Findings = []report.Finding{
		Finding(errhandler.Outcome{Spooled: 15}, 1, 1), Finding(errhandler.Outcome{FailedOver: true}, 1, 1),
		Finding(errhandler.Outcome{PossibleDuplicates: 8}, 1, 1),
	}
	r.Patterns[5].State, r.Patterns[5].Detail = report.Demonstrated, "backup took records that primary and secondary did not"
	r.Patterns[6].State, r.Patterns[6].Detail = report.Demonstrated, "15 records written"
	fire(r, "delivery.primary", 2, 2)
	fire(r, "delivery.secondary", 2, 2)
	fire(r, "delivery.backup", 3, 2)
	r.Amplification = []report.Amplification{{Place: "delivery.backup", Calls: 3, Units: 1, Factor: 3, PerRecord: 0.1}}
	r.Cycles.List[0] = cycle(1, 0, 9402, errhandler.Degraded, errhandler.FromSource, "spool", 30, 12, 3)
	return r
}

// failed could neither deliver nor spool, with the nets switched off and a fault that never came to its turn.
func Failed() *report.Report {
	r := Success()
	r.Settings.Clock, r.Settings.Fallback, r.Settings.Spool = "real", false, false
	r.Settings.Faults = []string{"delivery.primary=disk_full", "delivery.spool=disk_full,calls=99"}
	r.Settings.Input, r.Settings.InputFormat, r.Settings.IDField, r.Settings.ValueField = "data/orders.csv", "csv", "order_id", "amount"
	r.Verdict, r.DurationMS = errhandler.Failed, 65_400
	r.Collection.Source = "orders.csv"
	r.Delivery = report.Delivery{Status: "failed", Failed: 50, Passes: 3}
	r.Nodes[2] = report.Node{Name: "delivery", Status: "error", Runs: 1, Attempts: 3, MaxTries: 3, Failures: 3, Waits: 2, WaitMS: 3010}
	r.Channels = []report.Channel{{Name: "primary", Health: "down", Tried: 3, Failed: 3, LastError: "no space left on device"}}
	r.Ledger = report.Ledger{Collected: 50, FromSource: 50, DeadLettered: 50, Balanced: true,
		DeadLetters: []report.DeadLetters{{Place: "delivery.primary", Class: errhandler.Storage, Reason: "no space left on device", Count: 50, FirstLine: 2}}}
	r.Errors = report.Errors{Total: 4, Handled: 3, ByClass: map[errhandler.Class]int{errhandler.Storage: 4}}
	r.Findings = []report.Finding{Finding(errhandler.Outcome{Undelivered: 50}, 1, 1)}
	r.Faults = []report.Fault{
		{Spec: "delivery.primary=disk_full", Place: "delivery.primary", Class: errhandler.Storage, Declared: true, Armed: 3, Fired: 3},
		{Spec: "delivery.spool=disk_full,calls=99", Place: "delivery.spool", Class: errhandler.Storage, Declared: true},
	}
	r.Amplification = []report.Amplification{{Place: "delivery.primary", Calls: 3, Units: 1, Factor: 3, PerRecord: 0.06}}
	return r
}

// interrupted was cancelled in its third cycle.
func Interrupted() *report.Report {
	r := Success()
	r.Settings.Clock, r.Settings.Cycles = "real", 0
	r.Interrupted, r.Verdict, r.DurationMS = true, errhandler.Degraded, 2310
	r.Cycles = report.Cycles{Count: 3, List: []report.Cycle{
		cycle(1, 0, 1010, errhandler.Success, errhandler.FromSource, "primary", 50, 50, 0),
		cycle(2, 1010, 1020, errhandler.Success, errhandler.FromSource, "primary", 50, 50, 0),
		cycle(3, 2030, 280, errhandler.Degraded, errhandler.FromSource, "spool", 50, 0, 0),
	}}
	r.Cycles.List[2].Spooled = 50
	r.Collection.Origins[errhandler.FromSource], r.Collection.Records = 3, 150
	r.Processing.Modes["normal"], r.Processing.In, r.Processing.Out = 3, 150, 150
	r.Delivery = report.Delivery{Status: "spooled", Delivered: 100, Spooled: 50, Passes: 3}
	r.Ledger = report.Ledger{Collected: 150, FromSource: 150, Delivered: 100, Spooled: 50, Balanced: true}
	r.Errors = report.Errors{Total: 1, Handled: 1, ByClass: map[errhandler.Class]int{errhandler.Cancelled: 1}}
	r.Findings = []report.Finding{Finding(errhandler.Outcome{Cancelled: true}, 1, 3)}
	return r
}

// drill forced every recovery path of the recovery graph.
func Drill() *report.Report {
	r := Success()
	r.Settings.Graph, r.Settings.Cycles = "recovery", 4
	r.Verdict, r.DurationMS = errhandler.Degraded, 48_020
	r.Collection.Records = 160
	r.Collection.Origins = map[errhandler.Origin]int{errhandler.FromSource: 3, errhandler.FromDefault: 1}
	r.Processing = report.Processing{Mode: "normal", Modes: map[string]int{"normal": 3, "partial": 1}, In: 160, Out: 115, Failed: 45, SuccessRate: 115.0 / 160}
	r.Delivery = report.Delivery{Status: "spooled", Delivered: 65, Spooled: 50, Passes: 6}
	r.Findings = []report.Finding{Finding(errhandler.Outcome{Origin: errhandler.FromDefault}, 1, 2),
		Finding(errhandler.Outcome{Mode: "partial"}, 1, 3), Finding(errhandler.Outcome{Spooled: 50}, 1, 4)}
	r.Nodes = append(r.Nodes, report.Node{Name: "fallback_data", Status: "ok", Runs: 1, Attempts: 1},
		report.Node{Name: "partial_processing", Status: "ok", Runs: 1, Attempts: 1}, report.Node{Name: "alternate_delivery", Status: "not run"})
	r.Ledger = report.Ledger{Collected: 160, FromSource: 150, FromDefault: 10, Delivered: 65, DeadLettered: 45, Spooled: 50, Balanced: true}
	r.Drill = []report.DrillPath{
		{Path: "none", Cycle: 1, Recovered: true, DurationMS: 1120, Attempts: 3, Delivered: 50},
		{Path: "fallback_data", Cycle: 2, Forced: "collector.fetch refuses connections", Recovered: true, DurationMS: 3320, Attempts: 5, Delivered: 10, Detail: "default data in place of the source's"},
		{Path: "partial_processing", Cycle: 3, Forced: "processor.batch fails", Recovered: true, DurationMS: 30_100, Attempts: 7, Delivered: 5, DeadLettered: 45},
		{Path: "alternate_delivery", Cycle: 4, Forced: "primary, secondary, backup refuse connections", DurationMS: 13_480, Attempts: 12, Spooled: 50, Detail: "the alternate channel was down as well; the spool took the batch"},
	}
	r.Cycles = report.Cycles{Count: 4, List: []report.Cycle{
		cycle(1, 0, 1120, errhandler.Success, errhandler.FromSource, "primary", 50, 50, 0),
		cycle(2, 1120, 3320, errhandler.Degraded, errhandler.FromDefault, "primary", 10, 10, 0),
		cycle(3, 4440, 30_100, errhandler.Degraded, errhandler.FromSource, "primary", 50, 5, 45),
		cycle(4, 34_540, 13_480, errhandler.Degraded, errhandler.FromSource, "spool", 50, 0, 0),
	}}
	r.Cycles.List[2].Mode = "partial"
	return r
}

// Thousands is a run so long that its timeline is a summary.
func Thousands() *report.Report {
	r := Network()
	r.Settings.Cycles = 5000
	for i := range r.Nodes {
		n := &r.Nodes[i]
		n.Runs, n.Attempts, n.Failures, n.Waits, n.WaitMS = 5000, n.Attempts*1667, n.Failures*1667, n.Waits*1667, n.WaitMS*1667
	}
	for i := range r.Channels {
		c := &r.Channels[i]
		c.Tried, c.Failed, c.Records = c.Tried*1667, c.Failed*1667, c.Records*1667
	}
	for i := range r.Faults {
		r.Faults[i].Armed, r.Faults[i].Fired = r.Faults[i].Armed*1667, r.Faults[i].Fired*1667
	}
	r.DurationMS = 25_000 * 1000
	r.Collection.Records, r.Processing.In, r.Processing.Out, r.Processing.Failed = 150_000, 150_000, 142_517, 7483
	r.Collection.Origins = map[errhandler.Origin]int{errhandler.FromSource: 4680, errhandler.FromFreshCache: 320}
	r.Processing.Modes, r.Processing.SuccessRate = map[string]int{"normal": 4999, "partial": 1}, 142_517.0/150_000
	r.Delivery = report.Delivery{Status: "delivered", Delivered: 142_517, Passes: 5003, FailedOver: 498}
	r.Ledger = report.Ledger{Collected: 150_000, FromSource: 140_400, FromCache: 9600, Delivered: 142_517, DeadLettered: 7483, Balanced: true}
	left := int64(7483)
	for i := range 12 {
		n := left / 2
		left -= n
		r.Ledger.DeadLetters = append(r.Ledger.DeadLetters, report.DeadLetters{Place: "processor.record", Class: errhandler.Processing,
			Reason: fmt.Sprintf("simulated processing error %d", i), Count: n})
	}
	r.Cycles = report.Cycles{Count: 5000}
	for i := range report.MaxCycles {
		r.Cycles.List = append(r.Cycles.List, cycle(i+1, float64(i)*5000, 1200+float64(i), errhandler.Success, errhandler.FromSource, "primary", 30, 29, 1))
	}
	for i := range 20 {
		f := Finding(errhandler.Outcome{Origin: errhandler.FromFreshCache}, 16, i+1)
		f.Message = fmt.Sprintf("cached data was used, %d.0 s old", 5*(i+1))
		r.Findings = append(r.Findings, f)
	}
	r.Timeline = report.Timeline{Summarised: true, Note: "more than 1000 cycles: events are summarised, not listed", Summary: []report.EventSummary{{Node: "collector", Kind: "attempt", Count: 8200}}}
	return r
}

// Hostile is a run whose every text from outside wants to take over the terminal, or is simply too long.
func Hostile() *report.Report {
	r := Failed()
	attack := "\x1b]0;owned\a\x1b[2J\x1b[31mred\u202egnp.exe\u200b\r\nfake line\u009b1A" + strings.Repeat("長い名前", 10)
	r.Settings.Input, r.Settings.InputFormat, r.Settings.IDField = attack, attack, attack
	r.Settings.Faults = append(r.Settings.Faults, attack, strings.Repeat("x", 300))
	r.Collection.Source, r.Collection.Health, r.Collection.Breaker = attack, strings.Repeat(attack, 20), attack
	r.Collection.Origins = map[errhandler.Origin]int{errhandler.Origin(attack): 1}
	r.Processing.Mode, r.Processing.Modes = attack, map[string]int{attack: 1}
	r.Nodes = append(r.Nodes, report.Node{Name: attack, Runs: 1_000_000, Attempts: 3_000_000, Waits: 2_000_000, WaitMS: 1e12, Timeouts: 7, Rejected: 8, Full: 9, Recovered: 10},
		report.Node{Name: attack})
	r.Breakers = []report.Breaker{{Name: attack, State: attack, Rejected: 1, Transitions: []report.Transition{{To: attack}}}}
	r.Channels = append(r.Channels, report.Channel{Name: attack, Health: attack, Tried: 1, Failed: 1, LastError: attack})
	r.Ledger.Lost, r.Ledger.Balanced = 3, false
	r.Ledger.DeadLetters = append(r.Ledger.DeadLetters, report.DeadLetters{Place: attack, Class: errhandler.Class(attack), Reason: attack, Count: 1})
	r.Errors.ByClass = map[errhandler.Class]int{errhandler.Class(attack): 4}
	r.Findings = append(r.Findings, report.Finding{Finding: errhandler.Finding{Node: attack, Message: attack, Recommendation: attack}})
	r.Patterns = append(r.Patterns, report.Pattern{Name: attack, State: report.Demonstrated, Detail: attack}, report.Pattern{Name: attack, State: report.Off})
	r.Faults = append(r.Faults, report.Fault{Spec: attack, Class: errhandler.Class(attack)})
	r.Amplification = append(r.Amplification, report.Amplification{Place: attack, Calls: 1})
	r.Cycles = report.Cycles{Count: 2, List: []report.Cycle{{Verdict: errhandler.Verdict(attack), Origin: errhandler.Origin(attack), Mode: attack, Delivery: attack, Channel: attack}}}
	r.Timeline = report.Timeline{Summarised: true, Note: attack}
	r.Drill = []report.DrillPath{{Path: attack, Forced: attack, Detail: attack}}
	r.Meta.Output = attack
	return r
}

// Finding is what Judge says of o, which has one thing to say.
func Finding(o errhandler.Outcome, count, first int) report.Finding {
	return report.Finding{Finding: errhandler.Judge(o)[0], Count: count, FirstCycle: first}
}

func cycle(n int, start, took float64, v errhandler.Verdict, o errhandler.Origin, channel string, collected, delivered, dead int) report.Cycle {
	c := report.Cycle{Number: n, StartMS: start, DurationMS: took, Verdict: v, Origin: o, Mode: "normal", Delivery: "delivered",
		Channel: channel, Collected: collected, Delivered: delivered, Dead: dead, Spooled: collected - delivered - dead}
	return c
}

func fire(r *report.Report, place string, armed, fired int64) {
	for i := range r.Faults {
		if r.Faults[i].Place == place {
			r.Faults[i].Armed, r.Faults[i].Fired = armed, fired
		}
	}
}
