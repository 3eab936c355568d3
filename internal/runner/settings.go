// Package runner makes one run: cycles of the pipeline on a clock, with faults, into a report.
package runner

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"faultflow/internal/channel"
	"faultflow/internal/report"
	"faultflow/internal/resilience"
	"faultflow/internal/simulate"
)

// Settings is everything that decides what a run does. Two runs with equal settings on the virtual clock are the same
// to the byte. Start from Defaults.
type Settings struct {
	// Seed decides every random choice; at most MaxSeed.
	Seed uint64
	// Virtual runs in virtual time.
	Virtual bool

	// Simulate arms the faults of FailureType, one of simulate.Profiles.
	Simulate    bool
	FailureType string
	// NoProfileBreaker keeps a failure type from putting the collector's breaker into the path.
	NoProfileBreaker bool
	// Faults are added to those of the failure type, and come before them.
	Faults []simulate.Fault

	// Recovery selects the recovery graph; Drill forces each of its recovery paths once (see NewDrill).
	RecoveryGraph, Drill bool

	// Cycles is how often the pipeline runs; 0 means once, or with an input until all of it is processed.
	Cycles int
	// Interval is the time between the starts of two cycles. An input that decides the number of cycles is read without
	// pausing, but for cycles that could read nothing.
	Interval time.Duration
	// BatchSize is the rows of a cycle; 0 means 50, or 30 when failures are simulated (ORIGINAL.md).
	BatchSize int
	Workers   int

	Input Input

	Channels       []string
	ChannelRecover time.Duration

	CacheTTL, CacheMaxAge time.Duration
	// Fallback, Recovery and Spool switch the fallback ladder, the recovery by error class, and the emergency spool.
	Fallback, Recovery, Spool bool

	Collector, Processor, Delivery resilience.Policy
}

// Input is a file of records. An empty Path means generated records; "-" is standard input.
type Input struct{ Path, Format, IDField, ValueField string }

// Bounds of the settings.
const (
	MaxSeed      = report.MaxSeed
	maxCount     = 1_000_000_000
	maxBatch     = 1_000_000
	maxWorkers   = 10_000
	maxAttempts  = 10_000
	minRate      = 1e-6 // whose interval a time.Duration still holds
	maxRate      = 1_000_000
	maxDuration  = 10_000 * time.Hour
	batchSize    = 50 // ORIGINAL.md
	batchFailing = 30 // ORIGINAL.md
)

// Defaults returns the original's constants (ORIGINAL.md), and where it has none: exponential backoff by 2 up to 30 s
// with ±10 % jitter, a timeout of 5 s, four calls at once.
func Defaults() Settings {
	policy := func(attempts int, delay time.Duration) resilience.Policy {
		return resilience.Policy{
			Attempts: attempts, Delay: delay, Backoff: 2, MaxDelay: 30 * time.Second, Jitter: 0.1,
			Timeout: 5 * time.Second, Bulkhead: 4, BulkheadWait: 100 * time.Millisecond,
			Breaker: resilience.Breaker{Failures: 3, OpenFor: 30 * time.Second, TrialCalls: 1},
		}
	}
	return Settings{
		FailureType: "random", Interval: 5 * time.Second, Workers: 4,
		Channels: channel.DefaultChannels(), ChannelRecover: 30 * time.Second,
		CacheTTL: time.Minute, CacheMaxAge: 10 * time.Minute,
		Fallback: true, Recovery: true, Spool: true,
		Collector: policy(3, time.Second), Processor: policy(5, 2*time.Second), Delivery: policy(3, time.Second),
	}
}

// SettingError is a setting that can't be. Flag is its name without dashes, Problem says what is allowed.
type SettingError struct{ Flag, Value, Problem string }

func (e *SettingError) Error() string {
	return fmt.Sprintf("--%s %q: %s", e.Flag, e.Value, e.Problem)
}

// complete fills in what depends on other settings.
func (s Settings) complete() Settings {
	if s.BatchSize == 0 {
		s.BatchSize = batchSize
		if s.Simulate {
			s.BatchSize = batchFailing
		}
	}
	if s.Cycles == 0 && s.Input.Path == "" {
		s.Cycles = 1
	}
	if s.Drill {
		s = s.drill()
	}
	return s
}

// Validate returns a *SettingError for the first setting that is out of range, or nil.
func (s Settings) Validate() error {
	bad := badSettingError
	if s.Seed > MaxSeed {
		return bad("seed", s.Seed, "want a whole number from 0 to %d", uint64(MaxSeed))
	}
	if s.Simulate && !slices.Contains(simulate.Profiles(), s.FailureType) {
		_, err := simulate.NewProfile(s.FailureType, nil, nil)
		return bad("failure-type", s.FailureType, "%v", err)
	}
	for _, c := range []struct {
		flag      string
		got       int
		low, high int
	}{
		{"cycles", s.Cycles, 0, maxCount},
		{"batch-size", s.BatchSize, 0, maxBatch},
		{"workers", s.Workers, 1, maxWorkers},
	} {
		if c.got < c.low || c.got > c.high {
			return bad(c.flag, c.got, "want a whole number from %d to %d", c.low, c.high)
		}
	}
	for _, d := range []struct {
		flag string
		got  time.Duration
	}{{"interval", s.Interval}, {"channel-recover", s.ChannelRecover}, {"cache-ttl", s.CacheTTL}, {"cache-max-age", s.CacheMaxAge}} {
		if d.got < 0 || d.got > maxDuration {
			return bad(d.flag, d.got, "want a duration from 0s to %v", maxDuration)
		}
	}
	if err := s.validateChannels(bad); err != nil {
		return err
	}
	for _, n := range []struct {
		node   string
		policy resilience.Policy
	}{{"collector", s.Collector}, {"processor", s.Processor}, {"delivery", s.Delivery}} {
		if err := validatePolicy(n.node, n.policy, bad); err != nil {
			return err
		}
	}
	for _, f := range s.Faults {
		if places := simulate.Places(s.Channels); !slices.Contains(places, f.Place) {
			return bad("fault", f, "unknown place %q; places: %s", f.Place, strings.Join(places, ", "))
		}
	}
	return nil
}

// outlives tells whether a run could last longer than limit, if everything that can wait waits as long as it may.
func (s Settings) outlives(limit time.Duration) bool {
	longest := 0.0 // wait between two attempts
	for _, f := range s.Faults {
		longest = max(longest, float64(f.Params.RetryAfter))
	}
	cycle := float64(s.Interval)
	for _, n := range nodePolicies(&s) {
		wait, call := max(longest, float64(n.policy.MaxDelay)), float64(n.policy.Timeout+n.policy.BulkheadWait)
		if n.policy.MaxDelay == 0 { // no limit
			wait = math.Inf(1)
		}
		cycle += float64(n.policy.Attempts)*(wait+call*float64(1+len(s.Channels))) + call*float64(s.BatchSize)
	}
	return cycle*float64(max(s.Cycles, 1)) > float64(limit)
}

func badSettingError(flag string, value any, format string, args ...any) error {
	return &SettingError{Flag: flag, Value: fmt.Sprint(value), Problem: fmt.Sprintf(format, args...)}
}

type badSetting = func(flag string, value any, format string, args ...any) error

func (s Settings) validateChannels(bad badSetting) error {
	if len(s.Channels) == 0 {
		return bad("channels", "", "name at least one channel, such as primary")
	}
	for i, c := range s.Channels {
		switch {
		case !isName(c):
			return bad("channels", c, "a channel's name is made of a-z, 0-9, _ and -")
		case c == "spool":
			return bad("channels", c, "spool is the emergency spool's name")
		case slices.Contains(s.Channels[:i], c):
			return bad("channels", c, "named twice")
		}
	}
	return nil
}

func isName(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}

func validatePolicy(node string, p resilience.Policy, bad badSetting) error {
	switch {
	case p.Attempts < 1 || p.Attempts > maxAttempts:
		return bad(node+"-retries", p.Attempts, "want attempts in all, from 1 (no retry) to %d", maxAttempts)
	case p.Delay < 0 || p.Delay > maxDuration:
		return bad(node+"-retry-delay", p.Delay, "want a duration from 0s to %v", maxDuration)
	case !(p.Backoff >= 1 && p.Backoff <= 100):
		return bad(node+"-backoff", p.Backoff, "want a factor from 1 (no growth) to 100")
	case p.MaxDelay < 0 || p.MaxDelay > maxDuration:
		return bad(node+"-max-delay", p.MaxDelay, "want a duration from 0s (no limit) to %v", maxDuration)
	case !(p.Jitter >= 0 && p.Jitter <= 1):
		return bad(node+"-jitter", p.Jitter, "want a share from 0 to 1")
	case p.Timeout < time.Millisecond || p.Timeout > maxDuration:
		return bad(node+"-timeout", p.Timeout, "want a duration from 1ms to %v: every call is bounded", maxDuration)
	case p.Bulkhead < 1 || p.Bulkhead > maxWorkers:
		return bad(node+"-bulkhead", p.Bulkhead, "want calls at once, from 1 to %d", maxWorkers)
	case p.BulkheadWait < 0 || p.BulkheadWait > maxDuration:
		return bad(node+"-bulkhead-wait", p.BulkheadWait, "want a duration from 0s to %v", maxDuration)
	case p.RateLimit != 0 && !(p.RateLimit >= minRate && p.RateLimit <= maxRate):
		return bad(node+"-rate-limit", p.RateLimit, "want calls a second, 0 (no limit) or from %v to %d", minRate, maxRate)
	case p.Breaker.Failures < 1 || p.Breaker.Failures > maxCount:
		return bad(node+"-breaker-failures", p.Breaker.Failures, "want failures in a row, from 1 to %d", maxCount)
	case p.Breaker.OpenFor < time.Millisecond || p.Breaker.OpenFor > maxDuration:
		return bad(node+"-breaker-open-for", p.Breaker.OpenFor, "want a duration from 1ms to %v", maxDuration)
	case p.Breaker.TrialCalls < 1 || p.Breaker.TrialCalls > maxCount:
		return bad(node+"-breaker-trial-calls", p.Breaker.TrialCalls, "want trial calls, from 1 to %d", maxCount)
	}
	return nil
}

// Document is the settings as reports keep them, with every default filled in. What a failure type draws from the seed
// is not in it.
func (s Settings) Document() report.Settings { return s.complete().document() }

// document is the settings as the report keeps them.
func (s Settings) document() report.Settings {
	graph, clock := "standard", "real"
	if s.RecoveryGraph {
		graph = "recovery"
	}
	if s.Virtual {
		clock = "virtual"
	}
	failureType := ""
	if s.Simulate {
		failureType = s.FailureType
	}
	faults := make([]string, len(s.Faults))
	for i, f := range s.Faults {
		faults[i] = f.String()
	}
	return report.Settings{
		Graph: graph, Clock: clock, Simulate: s.Simulate, FailureType: failureType, Faults: faults,
		Cycles: s.Cycles, IntervalMS: ms(s.Interval), BatchSize: s.BatchSize, Workers: s.Workers,
		Input: s.Input.Path, InputFormat: s.Input.Format, IDField: s.Input.IDField, ValueField: s.Input.ValueField,
		Channels: s.Channels, ChannelRecoverMS: ms(s.ChannelRecover), CacheTTLMS: ms(s.CacheTTL), CacheMaxAgeMS: ms(s.CacheMaxAge),
		Fallback: s.Fallback, Recovery: s.Recovery, Spool: s.Spool,
		Collector: policyDocument(s.Collector), Processor: policyDocument(s.Processor), Delivery: policyDocument(s.Delivery),
	}
}

func policyDocument(p resilience.Policy) report.Policy {
	return report.Policy{
		Retries: p.Attempts, RetryDelayMS: ms(p.Delay), Backoff: p.Backoff, MaxDelayMS: ms(p.MaxDelay), Jitter: p.Jitter,
		TimeoutMS: ms(p.Timeout), Bulkhead: p.Bulkhead, BulkheadWaitMS: ms(p.BulkheadWait), RateLimit: p.RateLimit,
		Breaker: p.Breaker.On, BreakerFails: p.Breaker.Failures, BreakerOpenMS: ms(p.Breaker.OpenFor), BreakerTrials: p.Breaker.TrialCalls,
	}
}
