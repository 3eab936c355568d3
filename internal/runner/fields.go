package runner

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"faultflow/internal/resilience"
	"faultflow/internal/simulate"
	"faultflow/internal/source"
)

// Field is one setting: a flag's value, a key of a scenario file, a property of its schema.
type Field struct {
	Name, Usage string
	// Section groups fields by purpose; empty for the settings of one node, which are named after those for all.
	Section string
	// Kind is bool, int, float, duration, string or choice; Placeholder stands for its value in help.
	Kind, Placeholder string
	Choices           []string
	// List fields take one element at a time.
	List bool
	// NoDefault keeps the default out of the help, for fields whose usage says it.
	NoDefault bool

	draft *Draft
	set   func(string) error
	get   func() string
}

// Set gives the setting. The error says what is allowed.
func (f *Field) Set(text string) error {
	if err := f.set(text); err != nil {
		return err
	}
	d := f.draft
	if !f.List {
		d.given = slices.DeleteFunc(d.given, func(g Given) bool { return g.Name == f.Name })
	}
	d.given = append(d.given, Given{f.Name, text})
	return nil
}

// String returns the setting as Set takes it, the default if it was not given.
func (f *Field) String() string {
	if f == nil || f.get == nil {
		return ""
	}
	return f.get()
}

// Type names the value in help.
func (f *Field) Type() string { return f.Placeholder }

const (
	clockReal, clockVirtual      = "real", "virtual"
	graphStandard, graphRecovery = "standard", "recovery"
)

// The sections, in the order of the help.
const (
	SectionFailures = "Failures"
	SectionRun      = "Run"
	SectionRecords  = "Records"
	SectionPolicies = "Policies of all nodes (for one node: --collector-…, --processor-…, --delivery-…, such as --collector-retries)"
	SectionPatterns = "Patterns"
	SectionExpect   = "Expectations"
)

// Sections lists the sections in order.
func Sections() []string {
	return []string{SectionFailures, SectionRun, SectionRecords, SectionPolicies, SectionPatterns, SectionExpect}
}

func (d *Draft) makeFields() []*Field {
	s := &d.settings
	profiles := strings.Join(simulate.Profiles(), ", ")
	formats := strings.Join(source.Formats(), ", ")
	seed := &Field{Name: "seed", Usage: "decides every random choice (a random one otherwise)", Kind: "int", Placeholder: "N",
		set: func(text string) error {
			n, err := strconv.ParseUint(text, 10, 64)
			if err != nil || n > MaxSeed {
				return fmt.Errorf("want a whole number from 0 to %d", uint64(MaxSeed))
			}
			s.Seed, d.SeedGiven = n, true
			return nil
		},
		get: func() string {
			if !d.SeedGiven {
				return ""
			}
			return strconv.FormatUint(s.Seed, 10)
		}}
	list := in(SectionFailures,
		boolField(&s.Simulate, "simulate-failures", "break things, as --failure-type says"),
		choiceField(&s.FailureType, "failure-type", "TYPE", "what breaks: "+profiles, simulate.Profiles()),
		listField(&d.faults, "fault", "FAULT", "add a FAULT by hand: PLACE=KIND[,KEY=VALUE…] (repeatable)"),
		boolField(&d.testRecovery, "test-recovery", "use the recovery graph; without --simulate-failures drill each of its paths"),
		choiceField(&d.graph, "graph", "GRAPH", "standard, recovery", []string{graphStandard, graphRecovery}))
	list = append(list, in(SectionRun,
		intField(&s.Cycles, "cycles", "how often the pipeline runs (0: once, or all of the input)"),
		durationField(&s.Interval, "interval", "time between the starts of two cycles; no pause while an input is read to its end"),
		intField(&s.BatchSize, "batch-size", "rows a cycle (0: 50, or 30 when failures are simulated)"),
		intField(&s.Workers, "workers", "records processed at once"),
		seed,
		choiceField(&d.clock, "clock", "CLOCK", "real waits, virtual takes no time: real, virtual", []string{clockReal, clockVirtual}))...)
	list = append(list, in(SectionRecords,
		stringField(&s.Input.Path, "input", "FILE", "read records from FILE (- is standard input)"),
		choiceField(&s.Input.Format, "input-format", "FORMAT", formats+" (by extension otherwise)", source.Formats()),
		stringField(&s.Input.IDField, "id-field", "FIELD", "the field with the id (id, or the first one)"),
		stringField(&s.Input.ValueField, "value-field", "FIELD", "the field with the number (value, or the first numeric one)"))...)
	for _, f := range policyFields() {
		shared := f.field(&d.shared, f.name)
		shared.Usage, shared.NoDefault, shared.Section = f.usage+" ("+f.defaults(s)+")", true, SectionPolicies
		list = append(list, shared)
	}
	list = append(list, in(SectionPatterns,
		boolField(&d.enableBreaker, "enable-circuit-breaker", "put the collector's circuit breaker into the path (also --collector-breaker, --processor-breaker, --delivery-breaker)"),
		boolField(&s.Fallback, "fallback", "let the collector fall back to cached or default data"),
		durationField(&s.CacheTTL, "cache-ttl", "how long cached data is fresh"),
		durationField(&s.CacheMaxAge, "cache-max-age", "how long cached data can be used at all"),
		boolField(&s.Recovery, "recovery", "let processing pass on a part of a batch when attempts run out"),
		&Field{Name: "channels", Kind: "string", Placeholder: "NAMES", Usage: "delivery channels in the order of failover",
			set: func(text string) error { s.Channels = strings.Split(text, ","); return nil },
			get: func() string { return strings.Join(s.Channels, ",") }},
		durationField(&s.ChannelRecover, "channel-recover", "how long a failed channel is left out"),
		boolField(&s.Spool, "spool", "let the emergency spool take what no channel took"))...)
	list = append(list, in(SectionExpect,
		listField(&d.expect, "expect", "EXPR", "what must hold of the report, such as 'ledger.lost == 0' (repeatable)"))...)
	for _, n := range nodePolicies(s) {
		for _, f := range policyFields() {
			node := f.field(n.policy, n.node+"-"+f.name)
			node.Usage = f.usage + ", of the " + n.node
			list = append(list, node)
		}
		list = append(list, boolField(&n.policy.Breaker.On, n.node+"-breaker", "put a circuit breaker around the "+n.node+"'s calls"))
	}
	return list
}

func in(section string, fields ...*Field) []*Field {
	for _, f := range fields {
		f.Section = section
	}
	return fields
}

// policyField is one setting of a policy. It is there for all nodes and for each node.
type policyField struct {
	name, usage string
	field       func(p *resilience.Policy, name string) *Field
	copy        func(to, from *resilience.Policy)
}

func policyFields() []policyField {
	type p = resilience.Policy
	number := func(name, usage string, at func(*p) *int) policyField {
		return policyField{name, usage, func(x *p, name string) *Field { return intField(at(x), name, usage) }, func(to, from *p) { *at(to) = *at(from) }}
	}
	share := func(name, placeholder, usage string, at func(*p) *float64) policyField {
		return policyField{name, usage, func(x *p, name string) *Field { return floatField(at(x), name, placeholder, usage) }, func(to, from *p) { *at(to) = *at(from) }}
	}
	span := func(name, usage string, at func(*p) *time.Duration) policyField {
		return policyField{name, usage, func(x *p, name string) *Field { return durationField(at(x), name, usage) }, func(to, from *p) { *at(to) = *at(from) }}
	}
	return []policyField{
		number("retries", "attempts in all, the first included (1: no retry)", func(x *p) *int { return &x.Attempts }),
		span("retry-delay", "wait before the second attempt", func(x *p) *time.Duration { return &x.Delay }),
		share("backoff", "FACTOR", "factor by which each further wait grows (1: no growth)", func(x *p) *float64 { return &x.Backoff }),
		span("max-delay", "longest wait (0s: no limit)", func(x *p) *time.Duration { return &x.MaxDelay }),
		share("jitter", "SHARE", "share by which waits vary at random, 0 to 1", func(x *p) *float64 { return &x.Jitter }),
		span("timeout", "limit of each call", func(x *p) *time.Duration { return &x.Timeout }),
		number("bulkhead", "calls at once", func(x *p) *int { return &x.Bulkhead }),
		span("bulkhead-wait", "how long a call waits for a place", func(x *p) *time.Duration { return &x.BulkheadWait }),
		share("rate-limit", "RATE", "calls a second; one too many waits as for a place (0: no limit)", func(x *p) *float64 { return &x.RateLimit }),
		number("breaker-failures", "failures in a row that open the breaker", func(x *p) *int { return &x.Breaker.Failures }),
		span("breaker-open-for", "how long it stays open", func(x *p) *time.Duration { return &x.Breaker.OpenFor }),
		number("breaker-trial-calls", "successes while half-open that close it", func(x *p) *int { return &x.Breaker.TrialCalls }),
	}
}

// defaults says what the nodes' own defaults are, once where they agree.
func (f policyField) defaults(s *Settings) string {
	var all []string
	for _, n := range nodePolicies(s) {
		all = append(all, f.field(n.policy, f.name).String())
	}
	if same := slices.Compact(slices.Clone(all)); len(same) == 1 {
		return same[0]
	}
	return fmt.Sprintf("collector %s, processor %s, delivery %s", all[0], all[1], all[2])
}

type nodePolicy struct {
	node   string
	policy *resilience.Policy
}

// nodePolicies names the nodes that have policies, and where their settings are.
func nodePolicies(s *Settings) []nodePolicy {
	return []nodePolicy{{"collector", &s.Collector}, {"processor", &s.Processor}, {"delivery", &s.Delivery}}
}

func field[T any](dst *T, name, kind, placeholder, usage, want string, parse func(string) (T, error), write func(T) string) *Field {
	return &Field{Name: name, Kind: kind, Placeholder: placeholder, Usage: usage,
		set: func(text string) error {
			v, err := parse(text)
			if err != nil {
				return fmt.Errorf("want %s", want)
			}
			*dst = v
			return nil
		},
		get: func() string { return write(*dst) }}
}

func boolField(dst *bool, name, usage string) *Field {
	return field(dst, name, "bool", "bool", usage, "true or false", strconv.ParseBool, strconv.FormatBool)
}

func intField(dst *int, name, usage string) *Field {
	return field(dst, name, "int", "N", usage, "a whole number", strconv.Atoi, strconv.Itoa)
}

func floatField(dst *float64, name, placeholder, usage string) *Field {
	return field(dst, name, "float", placeholder, usage, "a number", func(s string) (float64, error) { return strconv.ParseFloat(s, 64) },
		func(n float64) string { return strconv.FormatFloat(n, 'g', -1, 64) })
}

func durationField(dst *time.Duration, name, usage string) *Field {
	return field(dst, name, "duration", "DURATION", usage, "a duration such as 500ms, 2s or 1m30s", time.ParseDuration, time.Duration.String)
}

func stringField(dst *string, name, placeholder, usage string) *Field {
	return field(dst, name, "string", placeholder, usage, "", func(s string) (string, error) { return s, nil }, func(s string) string { return s })
}

func choiceField(dst *string, name, placeholder, usage string, choices []string) *Field {
	f := field(dst, name, "choice", placeholder, usage, "one of "+strings.Join(choices, ", "), func(s string) (string, error) {
		if !slices.Contains(choices, s) {
			return "", strconv.ErrSyntax
		}
		return s, nil
	}, func(s string) string { return s })
	f.Choices = choices
	return f
}

func listField(dst *[]string, name, placeholder, usage string) *Field {
	return &Field{Name: name, Kind: "string", Placeholder: placeholder, Usage: usage, List: true,
		set: func(text string) error { *dst = append(*dst, text); return nil },
		get: func() string { return strings.Join(*dst, " ") }}
}
