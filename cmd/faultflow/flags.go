package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"faultflow/internal/resilience"
	"faultflow/internal/runner"
)

// value is a flag of any type. Its errors say what is allowed, where pflag's own say how parsing failed.
type value[T any] struct {
	dst   *T
	typ   string
	parse func(string) (T, error)
	write func(T) string
}

func (v *value[T]) Set(s string) error {
	parsed, err := v.parse(s)
	if err == nil {
		*v.dst = parsed
	}
	return err
}
func (v *value[T]) String() string { return v.write(*v.dst) }
func (v *value[T]) Type() string   { return v.typ }

func intValue(dst *int, typ string) pflag.Value {
	return &value[int]{dst, typ, func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil {
			return 0, fmt.Errorf("want a whole number")
		}
		return n, nil
	}, strconv.Itoa}
}

func floatValue(dst *float64, typ string) pflag.Value {
	return &value[float64]{dst, typ, func(s string) (float64, error) {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return 0, fmt.Errorf("want a number")
		}
		return n, nil
	}, func(n float64) string { return strconv.FormatFloat(n, 'g', -1, 64) }}
}

func durationValue(dst *time.Duration) pflag.Value {
	return &value[time.Duration]{dst, "DURATION", func(s string) (time.Duration, error) {
		d, err := time.ParseDuration(s)
		if err != nil {
			return 0, fmt.Errorf("want a duration such as 500ms, 2s or 1m30s")
		}
		return d, nil
	}, time.Duration.String}
}

func choiceValue(dst *string, typ string, choices []string) pflag.Value {
	return &value[string]{dst, typ, func(s string) (string, error) {
		if !slices.Contains(choices, s) {
			return "", fmt.Errorf("want one of %s", strings.Join(choices, ", "))
		}
		return s, nil
	}, func(s string) string { return s }}
}

func boolValue(dst *bool) pflag.Value {
	return &value[bool]{dst, "bool", func(s string) (bool, error) {
		b, err := strconv.ParseBool(s)
		if err != nil {
			return false, fmt.Errorf("want true or false")
		}
		return b, nil
	}, strconv.FormatBool}
}

// seed is unset until it is given.
type seed struct {
	set bool
	n   uint64
}

func seedValue(dst *seed) pflag.Value {
	return &value[seed]{dst, "N", func(s string) (seed, error) {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil || n > runner.MaxSeed {
			return seed{}, fmt.Errorf("want a whole number from 0 to %d", uint64(runner.MaxSeed))
		}
		return seed{true, n}, nil
	}, func(s seed) string {
		if !s.set {
			return ""
		}
		return strconv.FormatUint(s.n, 10)
	}}
}

func channelsValue(dst *[]string) pflag.Value {
	return &value[[]string]{dst, "NAMES", func(s string) ([]string, error) { return strings.Split(s, ","), nil },
		func(names []string) string { return strings.Join(names, ",") }}
}

// addBool adds a flag that may stand alone: --verbose means --verbose=true.
func addBool(fs *pflag.FlagSet, dst *bool, name, usage string) {
	fs.Var(boolValue(dst), name, usage)
	fs.Lookup(name).NoOptDefVal = "true"
}

// policyFlag is one setting of a policy. It is a flag for all nodes and one for each node.
type policyFlag struct {
	name, usage string
	value       func(*resilience.Policy) pflag.Value
	// copy takes the setting over from the flag for all nodes.
	copy func(to, from *resilience.Policy)
}

func policyFlags() []policyFlag {
	type p = resilience.Policy
	return []policyFlag{
		{"retries", "attempts in all, the first included (1: no retry)",
			func(x *p) pflag.Value { return intValue(&x.Attempts, "N") }, func(to, from *p) { to.Attempts = from.Attempts }},
		{"retry-delay", "wait before the second attempt",
			func(x *p) pflag.Value { return durationValue(&x.Delay) }, func(to, from *p) { to.Delay = from.Delay }},
		{"backoff", "factor by which each further wait grows (1: no growth)",
			func(x *p) pflag.Value { return floatValue(&x.Backoff, "FACTOR") }, func(to, from *p) { to.Backoff = from.Backoff }},
		{"max-delay", "longest wait (0s: no limit)",
			func(x *p) pflag.Value { return durationValue(&x.MaxDelay) }, func(to, from *p) { to.MaxDelay = from.MaxDelay }},
		{"jitter", "share by which waits vary at random, 0 to 1",
			func(x *p) pflag.Value { return floatValue(&x.Jitter, "SHARE") }, func(to, from *p) { to.Jitter = from.Jitter }},
		{"timeout", "limit of each call",
			func(x *p) pflag.Value { return durationValue(&x.Timeout) }, func(to, from *p) { to.Timeout = from.Timeout }},
		{"bulkhead", "calls at once",
			func(x *p) pflag.Value { return intValue(&x.Bulkhead, "N") }, func(to, from *p) { to.Bulkhead = from.Bulkhead }},
		{"bulkhead-wait", "how long a call waits for a place",
			func(x *p) pflag.Value { return durationValue(&x.BulkheadWait) }, func(to, from *p) { to.BulkheadWait = from.BulkheadWait }},
		{"breaker-failures", "failures in a row that open the breaker",
			func(x *p) pflag.Value { return intValue(&x.Breaker.Failures, "N") }, func(to, from *p) { to.Breaker.Failures = from.Breaker.Failures }},
		{"breaker-open-for", "how long it stays open",
			func(x *p) pflag.Value { return durationValue(&x.Breaker.OpenFor) }, func(to, from *p) { to.Breaker.OpenFor = from.Breaker.OpenFor }},
		{"breaker-trial-calls", "successes while half-open that close it",
			func(x *p) pflag.Value { return intValue(&x.Breaker.TrialCalls, "N") }, func(to, from *p) { to.Breaker.TrialCalls = from.Breaker.TrialCalls }},
	}
}

// nodePolicies names the nodes that have policies, and where their settings are.
func nodePolicies(s *runner.Settings) []struct {
	node   string
	policy *resilience.Policy
} {
	return []struct {
		node   string
		policy *resilience.Policy
	}{{"collector", &s.Collector}, {"processor", &s.Processor}, {"delivery", &s.Delivery}}
}
