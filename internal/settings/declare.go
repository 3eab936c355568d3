package settings

import (
	"strings"
	"sync"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/load"
)

// Section is a part of the help: settings by purpose.
type Section string

// The sections. The settings of single nodes are many and named after those for all; the help has them in one line.
const (
	Failures Section = "Failures"
	Run      Section = "Run"
	Load     Section = "Load"
	Records  Section = "Records"
	Policies Section = "Policies of all nodes (for one node: --collector-…, --processor-…, --delivery-…, " +
		"such as --collector-attempts)"
	Patterns Section = "Patterns"
)

// Sections lists the sections in the order of the help.
func Sections() []Section { return []Section{Failures, Run, Load, Records, Policies, Patterns} }

// Bounds of the settings.
const (
	// MaxSeed is the largest seed: JSON readers keep whole numbers exactly up to it.
	MaxSeed = 1<<53 - 1
	// MaxWorkers bounds what works at once.
	MaxWorkers  = 10_000
	maxCount    = 1_000_000_000
	maxClients  = 10_000
	maxBatch    = 1_000_000
	maxAttempts = 10_000
	minRate     = 1e-6 // whose interval a time.Duration still holds
	maxRate     = 1_000_000
	maxDuration = 10_000 * time.Hour
)

// declared are the settings of a run as a whole, by section, without those of policies.
func declared() map[Section][]Setting {
	return map[Section][]Setting{
		Failures: {
			toggle("simulate-failures", "break things, as --failure-type says",
				false, func(s *Settings) *bool { return &s.SimulateFailures }),
			choice("failure-type", "TYPE", "what breaks", fault.Profiles(),
				"random", func(s *Settings) *string { return &s.FailureType }).
				onlyIf(func(s *Settings) bool { return s.SimulateFailures }),
			items("fault", "faults", "FAULT", "collector.fetch=timeout,first=3",
				"add a FAULT by hand: PLACE=KIND[,KEY=VALUE…] (repeatable)",
				fault.Parse, fault.Unreadable, func(s *Settings) *[]fault.Fault { return &s.Faults }),
			toggle("test-recovery", "use the recovery graph; without --simulate-failures drill each of its paths",
				false, func(s *Settings) *bool { return &s.TestRecovery }).shorthand().
				takesAway("false", catalog.RecoveryGraphNodes),
			choice("graph", "GRAPH", "recovery within the nodes or in nodes of its own",
				[]string{GraphStandard, GraphRecovery}, GraphStandard, func(s *Settings) *string { return &s.Graph }).
				takesAway(GraphStandard, catalog.RecoveryGraphNodes),
		},
		Run: {
			count("cycles", "how often the pipeline runs (0: once, or all of the input)", 0, maxCount,
				0, func(s *Settings) *int { return &s.Cycles }),
			duration("interval", "time between the starts of two cycles; no pause while an input is read to its end",
				0, 5*time.Second, func(s *Settings) *time.Duration { return &s.Interval }),
			count("batch-size", "rows a cycle (0: 50, or 30 when failures are simulated)", 0, maxBatch,
				0, func(s *Settings) *int { return &s.BatchSize }),
			count("workers", "records processed at once", 1, MaxWorkers,
				4, func(s *Settings) *int { return &s.Workers }),
			seed("seed", "decides every random choice (a random one otherwise)",
				func(s *Settings) *uint64 { return &s.Seed }).shorthand().hideDefault().fixed(),
			choice("clock", "CLOCK", "real waits, virtual takes no time", []string{ClockReal, ClockVirtual},
				ClockReal, func(s *Settings) *string { return &s.Clock }).fixed(),
		},
		Load: {
			items("load", "load", "LOAD", "60/s", "begin passes at this rate, whether those before have ended or not: "+
				"RATE[..RATE][,KEY=VALUE…], such as 60/s or 200/s,from=20s,to=25s (repeatable)",
				load.ParseLoad, load.UnreadableLoad, func(s *Settings) *[]load.Load { return &s.Loads }),
			duration("for", "how long the run lasts (0s: until its cycles have ended)",
				0, 0, func(s *Settings) *time.Duration { return &s.For }),
			count("clients", "pipelines that the load is dealt to, each with policies of its own", 1, maxClients,
				1, func(s *Settings) *int { return &s.Clients }),
			items("capacity", "capacity", "CAPACITY", "collector.fetch=service=100ms",
				"bound what a dependency can serve: PLACE=KEY=VALUE[,KEY=VALUE…], such as collector.fetch=places=4,service=exp:100ms (repeatable)",
				load.ParseCapacity, load.UnreadableCapacity,
				func(s *Settings) *[]load.Capacity { return &s.Capacities }),
			number("recovery-share", Share, "share of the passes that must be good for a recovery", 0.01, 1,
				0.95, func(s *Settings) *float64 { return &s.RecoveryShare }),
			duration("recovery-hold", "how long that share must hold",
				time.Millisecond, 10*time.Second, func(s *Settings) *time.Duration { return &s.RecoveryHold }),
		},
		Records: {
			text("input", "FILE|URL", "read records from a file (- is standard input) or a URL: https:, sqlite:, postgres:",
				func(s *Settings) *string { return &s.Input }).fixed(),
			choice("input-format", "FORMAT", "by extension otherwise",
				[]string{FormatNDJSON, FormatJSON, FormatCSV, FormatTSV},
				"", func(s *Settings) *string { return &s.InputFormat }).fixed(),
			text("records", "PATH", "the list of records in a JSON document, such as features",
				func(s *Settings) *string { return &s.Records }).fixed(),
			text("id-field", "PATH", "the field with the id (id, or the first one), such as properties.code",
				func(s *Settings) *string { return &s.IDField }).fixed(),
			text("value-field", "PATH", "the field with the number (value, or the first numeric one)",
				func(s *Settings) *string { return &s.ValueField }).fixed(),
			text("next", "PATH", "the field of a page's JSON with the next page's URL (a Link header otherwise)",
				func(s *Settings) *string { return &s.Next }).fixed(),
			text("health-url", "URL", "what the health check of an input by HTTP asks (the input itself otherwise)",
				func(s *Settings) *string { return &s.HealthURL }).fixed(),
			items("header", "headers", "HEADER", "input=Accept: application/json",
				"send a header to an end, END=NAME: VALUE, where END is input or a channel (repeatable); "+
					"${NAME} is replaced by the environment's NAME, here and in URLs",
				ParseHeader, unreadableHeader, func(s *Settings) *[]Header { return &s.Headers }).
				matching(headerGrammar.String()).fixed(),
			duration("batch-wait", "how long a batch waits for more rows from a pipe",
				0, time.Second, func(s *Settings) *time.Duration { return &s.BatchWait }),
			number("max-invalid", Share, "share of the rows that may be invalid; if all are, the input is refused", 0, 1,
				1, func(s *Settings) *float64 { return &s.MaxInvalid }),
			text("process", "HOW", "what processing does: double the value (default without an input), none "+
				"(default with one), or add a field by an expression, such as 'temp_f = temp_max * 9/5 + 32'",
				func(s *Settings) *string { return &s.Process }),
		},
		Patterns: {
			toggle("enable-circuit-breaker", "put the collector's circuit breaker into the path "+
				"(also --collector-breaker, --processor-breaker, --delivery-breaker)",
				false, func(s *Settings) *bool { return &s.Collector.Breaker }).shorthand().then(decideBreaker).
				takesAway("false", catalog.CircuitBreaker),
			toggle("fallback", "let the collector fall back to cached or default data (default with an input: no)",
				true, func(s *Settings) *bool { return &s.Fallback }).then(decideFallback).
				takesAway("false", catalog.FallbackLadder),
			duration("cache-ttl", "how long cached data is fresh",
				0, time.Minute, func(s *Settings) *time.Duration { return &s.CacheTTL }),
			duration("cache-max-age", "how long cached data can be used at all",
				0, 10*time.Minute, func(s *Settings) *time.Duration { return &s.CacheMaxAge }),
			toggle("recovery", "let processing pass on a part of a batch when attempts run out",
				true, func(s *Settings) *bool { return &s.Recovery }).
				takesAway("false", catalog.PartialPattern, catalog.MinimalFallback),
			names("channels", "delivery channels in the order of failover", checkChannels,
				catalog.DefaultChannels(), func(s *Settings) *[]string { return &s.Channels }).
				allButFirst(catalog.ChannelFailover),
			items("channel", "outlets", "NAME=URL", "primary=sqlite:out.db?table=records",
				"deliver to a real channel, in the order of failover: https:, file:, sqlite:, postgres:, stdout: (repeatable)",
				ParseOutlet, unreadableOutlet, func(s *Settings) *[]Outlet { return &s.Outlets }).
				matching("^" + ChannelName + "=.").then(nameOutlets).fixed(),
			duration("channel-recover", "how long a failed channel is left out",
				0, 30*time.Second, func(s *Settings) *time.Duration { return &s.ChannelRecover }).
				takesAway("0s", catalog.ChannelHealth),
			toggle("spool", "let the emergency spool take what no channel took",
				true, func(s *Settings) *bool { return &s.Spool }).
				takesAway("false", catalog.EmergencySpool),
		},
	}
}

// perNode are the settings of policies, which can be given for one node or for all of them at once. These defaults are
// not the original's (docs/original.md): exponential backoff by 2 up to 30 s with ±10 % jitter, a timeout of 5 s, four
// calls at once.
func perNode() []policySetting {
	return []policySetting{
		policyCount("attempts", "attempts in all, the first included (1: no retry)", maxAttempts,
			each(3, 5, 3), func(p *Policy) *int { return &p.Attempts }).
			renamed("retries", "which counts the first attempt, too").
			takesAway("1", catalog.RetryWithBackoff),
		policyDuration("retry-delay", "wait before the second attempt",
			0, each(time.Second, 2*time.Second, time.Second), func(p *Policy) *time.Duration { return &p.RetryDelay }),
		policyNumber("backoff", Factor, "factor by which each further wait grows (1: no growth)", 1, 100,
			all(2.0), func(p *Policy) *float64 { return &p.Backoff }),
		policyDuration("max-delay", "longest wait, jitter included (0s: no limit)",
			0, all(30*time.Second), func(p *Policy) *time.Duration { return &p.MaxDelay }).zeroIsNoLimit(),
		policyNumber("jitter", Share, "share by which waits vary at random, 0 to 1", 0, 1,
			all(0.1), func(p *Policy) *float64 { return &p.Jitter }),
		policyNumber("retry-budget", Share, "share of the calls in flight that may be retries, beyond 3 (0: no limit)",
			0, 1,
			all(0.0), func(p *Policy) *float64 { return &p.RetryBudget }).zeroIsNoLimit().
			takesAway("0", catalog.RetryBudget),
		policyDuration("deadline", "limit of all attempts and waits together (0s: no limit)",
			0, all(time.Duration(0)), func(p *Policy) *time.Duration { return &p.Deadline }).zeroIsNoLimit().
			takesAway("0s", catalog.Deadline),
		policyDuration("timeout", "limit of each call",
			time.Millisecond, all(5*time.Second), func(p *Policy) *time.Duration { return &p.Timeout }).
			limitsCall().takesAway("10000h", catalog.Timeout), // a call is always bounded; this is no bound
		policy(hedgeAfter("hedge-after", "make another call where one takes longer than this, or than p95 of calls"),
			all(""), func(p *Policy) *string { return &p.HedgeAfter }).
			takesAway("", catalog.Hedging),
		policyCount("hedges", "most other calls of an attempt", 100,
			all(1), func(p *Policy) *int { return &p.Hedges }),
		policyCount(bulkheadKey, "calls at once; of the processor at least as many as it has workers", MaxWorkers,
			all(4), func(p *Policy) *int { return &p.Bulkhead }).
			takesAway("10000", catalog.Bulkhead),
		policyDuration("bulkhead-wait", "how long a call waits for a place",
			0, all(100*time.Millisecond), func(p *Policy) *time.Duration { return &p.BulkheadWait }).limitsCall(),
		policyLimit("adaptive-limit",
			"most calls at once of a limit that follows how long they take (0: no such limit)",
			MaxWorkers, func(p *Policy) *int { return &p.AdaptiveLimit }).
			takesAway("0", catalog.AdaptiveLimit),
		policyNumber("adaptive-queue", Factor, "calls that wait for each call that the adaptive limit allows (0: none)",
			1, 1000, all(0.0), func(p *Policy) *float64 { return &p.AdaptiveQueue }).orZero(),
		policyNumber("rate-limit", Rate, "calls a second (0: no limit)",
			minRate, maxRate, all(0.0), func(p *Policy) *float64 { return &p.RateLimit }).orZero().zeroIsNoLimit().
			takesAway("0", catalog.RateLimit),
		policyCount("rate-limit-burst", "calls at once under the rate limit (1: spread evenly)", maxCount,
			all(1), func(p *Policy) *int { return &p.RateLimitBurst }),
		policyDuration("rate-limit-wait", "how long a call waits for its turn",
			0, all(100*time.Millisecond), func(p *Policy) *time.Duration { return &p.RateLimitWait }).
			limitsCall().split("bulkhead-wait"),
		policyNumber("throttle", Share, "share of failed calls from which on calls are rejected at random (0: never)",
			0, 1,
			all(0.0), func(p *Policy) *float64 { return &p.Throttle }).
			takesAway("0", catalog.AdaptiveThrottle),
		policyDuration("throttle-window", "time over which they are counted",
			time.Millisecond, all(time.Minute), func(p *Policy) *time.Duration { return &p.ThrottleWindow }),
		policyToggle("breaker", "put a circuit breaker around its calls",
			all(false), func(p *Policy) *bool { return &p.Breaker }).
			takesAway("false", catalog.CircuitBreaker),
		policyCount("breaker-failures", "failures in a row that open the breaker", maxCount,
			all(3), func(p *Policy) *int { return &p.BreakerFailures }),
		policyNumber("breaker-failure-rate", Share,
			"share of failed calls that opens the breaker, in place of failures in a row (0: failures in a row)", 0, 1,
			all(0.0), func(p *Policy) *float64 { return &p.BreakerFailureRate }),
		policyDuration("breaker-window", "time over which the breaker takes that share",
			time.Millisecond, all(10*time.Second), func(p *Policy) *time.Duration { return &p.BreakerWindow }),
		policyCount("breaker-min-calls", "calls in that time below which it stays closed", maxCount,
			all(10), func(p *Policy) *int { return &p.BreakerMinCalls }),
		policyDuration("breaker-open-for", "how long it stays open",
			time.Millisecond, all(30*time.Second), func(p *Policy) *time.Duration { return &p.BreakerOpenFor }),
		policyNumber("breaker-open-jitter", Share, "share by which that time varies at random among clients, 0 to 1",
			0, 1,
			all(0.0), func(p *Policy) *float64 { return &p.BreakerOpenJitter }),
		policyCount("breaker-trial-calls", "successes while half-open that close it", maxCount,
			all(1), func(p *Policy) *int { return &p.BreakerTrialCalls }),
	}
}

func decideBulkhead(s *Settings) { s.BulkheadDecided = true }

// nameOutlets lets real channels stand in place of simulated ones.
func nameOutlets(s *Settings) {
	s.Channels = nil
	for _, o := range s.Outlets {
		s.Channels = append(s.Channels, o.Name)
	}
}

func decideFallback(s *Settings) { s.FallbackDecided = true }

func decideBreaker(s *Settings) { s.BreakerDecided = true }

// all is one default for all nodes, each one for collector, processor and delivery.
func all[T any](v T) [3]T { return [3]T{v, v, v} }

func each[T any](collector, processor, delivery T) [3]T { return [3]T{collector, processor, delivery} }

// All lists every setting, in the order of the help, then those of single nodes. The list is shared by all callers:
// they must not change it.
var All = sync.OnceValue(func() []Setting {
	bySection := declared()
	policies := perNode()
	for _, p := range policies {
		if p.setting.Name != "breaker" { // one for all nodes would put each node's breaker into the path
			bySection[Policies] = append(bySection[Policies], p.forAll())
		}
	}
	var list []Setting
	for _, section := range Sections() {
		for _, s := range bySection[section] {
			s.Section = section
			list = append(list, s)
		}
	}
	for i, node := range catalog.GuardedNodes() {
		for _, p := range policies {
			list = append(list, p.forNode(node, i))
		}
	}
	return list
})

// Find returns the setting of that name.
func Find(name string) (Setting, bool) {
	for _, s := range All() {
		if s.Name == name {
			return s, true
		}
	}
	return Setting{}, false
}

// Renamed returns the present name of a setting that once had another one, and in what its meaning differs, such as
// "which counts the first attempt, too". Both are "" for any other name.
func Renamed(former string) (now, note string) {
	for _, s := range All() {
		if s.former != "" && s.former == former {
			return s.Name, s.formerNote
		}
	}
	return "", ""
}

// Defaults returns the settings of a run for which none were given.
func Defaults() Settings {
	var s Settings
	for _, d := range All() {
		if d.Default != nil {
			d.set(&s, d.Default)
		}
	}
	s.BreakerDecided, s.FallbackDecided, s.BulkheadDecided = false, false, false
	return s
}

// Names lists the names of the settings for which a condition holds.
func Names(holds func(Setting) bool) []string {
	var list []string
	for _, s := range All() {
		if holds(s) {
			list = append(list, s.Name)
		}
	}
	return list
}

// Key is the setting's name in a report: retry-delay is retry_delay_ms. A setting of one node stands below the node's
// name.
func (s Setting) Key() string { return s.key(s.Name) }

func (s Setting) key(name string) string {
	if s.Node != "" {
		name = strings.TrimPrefix(name, string(s.Node)+"-")
	}
	name = strings.ReplaceAll(name, "-", "_")
	switch s.Type {
	case Duration:
		name += "_ms"
	case Items:
		name = s.plural
	}
	return name
}
