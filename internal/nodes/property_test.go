package nodes_test

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/nodes"
	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

// aDuration draws one, often one of the few that settings share, since ties between timers are where order is lost.
func aDuration(t *rapid.T, label string, low, high time.Duration) time.Duration {
	usual := []time.Duration{
		0,
		time.Millisecond,
		100 * time.Millisecond,
		time.Second,
		2 * time.Second,
		5 * time.Second,
		30 * time.Second,
	}
	if d := rapid.SampledFrom(usual).Draw(t, label); d >= low && d <= high {
		return d
	}
	return max(low, time.Duration(rapid.Int64Range(int64(low), int64(high)).Draw(t, label)).Truncate(time.Microsecond))
}

// aBrokenPlace draws a fault that hits often enough to matter.
func aBrokenPlace(t *rapid.T) fault.Fault {
	f := fault.Fault{Place: rapid.SampledFrom(catalog.Places(catalog.DefaultChannels())).Draw(t, "place")}
	ofCalls := slices.DeleteFunc(fault.KindsAt(f.Place), fault.Throttles)
	f.Kinds = rapid.SliceOfN(rapid.SampledFrom(ofCalls), 1, 2).Draw(t, "kinds")
	switch rapid.IntRange(0, 5).Draw(t, "trigger") {
	case 0:
		f.Trigger.HasP, f.Trigger.P = true, rapid.Float64Range(0.1, 0.9).Draw(t, "p")
	case 1:
		f.Trigger.First = rapid.IntRange(1, 40).Draw(t, "first")
	case 2:
		f.Trigger.Every = rapid.IntRange(1, 5).Draw(t, "every")
	case 3:
		f.Trigger.Cycles = []fault.Range{{Low: 1, High: rapid.IntRange(1, 3).Draw(t, "cycles")}}
	case 4:
		f.Trigger.From = aDuration(t, "from", 0, time.Minute)
		f.Trigger.To = f.Trigger.From + aDuration(t, "to", 1, time.Minute)
	}
	for _, k := range f.Kinds {
		switch k {
		case fault.Slow:
			f.Params.By = aDuration(t, "by", 1, 10*time.Second)
		case fault.Flapping:
			f.Params.Period = aDuration(t, "period", 2*time.Millisecond, time.Minute)
		case fault.RateLimited:
			f.Params.RetryAfter = aDuration(t, "retry after", 1, time.Minute)
		case fault.Partial, fault.MissingFields, fault.OutOfRange, fault.DuplicateRecords:
			f.Params.Share = rapid.Float64Range(0.01, 1).Draw(t, "share")
		}
	}
	return f
}

func aPolicy(t *rapid.T, attempts int) settings.Policy {
	return settings.Policy{
		Attempts:          rapid.IntRange(1, attempts).Draw(t, "attempts"),
		RetryDelay:        aDuration(t, "delay", 0, 5*time.Second),
		Backoff:           rapid.Float64Range(1, 3).Draw(t, "backoff"),
		MaxDelay:          30 * time.Second,
		Jitter:            rapid.Float64Range(0, 1).Draw(t, "jitter"),
		Timeout:           aDuration(t, "timeout", time.Millisecond, 10*time.Second),
		Bulkhead:          rapid.IntRange(0, 5).Draw(t, "bulkhead"),
		BulkheadWait:      aDuration(t, "bulkhead wait", 0, time.Second),
		Breaker:           rapid.Bool().Draw(t, "breaker"),
		BreakerFailures:   rapid.IntRange(1, 4).Draw(t, "failures"),
		BreakerOpenFor:    aDuration(t, "open for", time.Millisecond, time.Minute),
		BreakerTrialCalls: 1,
	}
}

// someAnswers is a source that gives what sources may give: bad rows, duplicates, too little, errors, late answers, and
// at last its end.
func someAnswers(t *rapid.T, batchSize int) func() nodes.Source {
	var answers []answer
	line := int64(1)
	for range rapid.IntRange(0, 5).Draw(t, "answers") {
		n := rapid.IntRange(0, batchSize).Draw(t, "rows")
		a := answer{batch: nodes.Batch{Records: recordsFrom(line, n)},
			takes: aDuration(t, "takes", 0, 10*time.Second) + 17} // no limit ends with 17 ns, so that it ties with none
		line += int64(n)
		for i := range a.batch.Records {
			switch r := &a.batch.Records[i]; rapid.IntRange(0, 9).Draw(t, "damage") {
			case 0:
				r.Value = math.NaN()
			case 1:
				r.ID = ""
			case 2:
				*r = a.batch.Records[0]
			}
		}
		if rapid.Bool().Draw(t, "rejected") {
			a.batch.Rejected = []nodes.Rejected{{Line: line, Reason: "unreadable"}}
			line++
		}
		if rapid.IntRange(0, 4).Draw(t, "error") == 0 {
			a.batch, a.err = nodes.Batch{}, errRefused
		}
		answers = append(answers, a)
	}
	if len(answers) > 0 && answers[len(answers)-1].err == nil && rapid.Bool().Draw(t, "end with rows") {
		answers[len(answers)-1].err = io.EOF
	}
	return func() nodes.Source { // a copy each time, since a source gives its slices away
		s := &batches{}
		for _, a := range answers {
			a.batch.Records = slices.Clone(a.batch.Records)
			s.answers = append(s.answers, a)
		}
		return s
	}
}

// aSetup draws a run with anything broken in any way.
func aSetup(t *rapid.T) setup {
	s := setup{
		seed:     rapid.Uint64Range(0, 1<<53-1).Draw(t, "seed"),
		cycles:   rapid.IntRange(1, 4).Draw(t, "cycles count"),
		interval: aDuration(t, "interval", 0, 40*time.Second),
		faults:   rapid.SliceOfN(rapid.Custom(aBrokenPlace), 0, 6).Draw(t, "faults"),
	}
	batchSize, workers := rapid.IntRange(1, 40).Draw(t, "batch size"), rapid.IntRange(1, 10).Draw(t, "workers")
	collector, processor, delivery := aPolicy(t, 4), aPolicy(t, 5), aPolicy(t, 4)
	var other func() nodes.Source
	if rapid.IntRange(0, 2).Draw(t, "source") == 0 {
		other = someAnswers(t, batchSize)
	}
	channels := rapid.IntRange(1, 3).Draw(t, "channels")
	fallback, recovery, spool, recoveryGraph := rapid.Bool().Draw(t, "fallback"), rapid.Bool().Draw(t, "recovery"), rapid.Bool().Draw(t, "spool"), rapid.Bool().Draw(t, "recovery graph")
	ttl, recover := aDuration(t, "ttl", 0, time.Minute), aDuration(t, "recover", 0, time.Minute)
	s.change = func(s *inputs) {
		s.BatchSize, s.Workers, s.Parts.Channels = batchSize, workers, s.Parts.Channels[3-channels:]
		s.Collector, s.Processor, s.Delivery = collector, processor, delivery
		s.Fallback, s.Recovery, s.Graph = fallback, recovery, graphOf(recoveryGraph)
		s.CacheTTL, s.CacheMaxAge, s.ChannelRecover = ttl, 2*ttl, recover
		if !spool {
			s.Parts.Spool = nil
		}
		if other != nil {
			s.Source = other()
		}
	}
	switch rapid.IntRange(0, 5).Draw(t, "disturbance") {
	case 0:
		s.cancelAt = time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(t, "cancel at"))
	case 1:
		node := rapid.SampledFrom(catalog.Nodes()).Draw(t, "node")
		phase := rapid.SampledFrom([]workflow.Phase{workflow.PhaseBeforePrep, workflow.PhaseAfterExec}).Draw(t, "phase")
		s.hooks = func(func()) workflow.Hooks[*nodes.State] { return panicHook(node, phase) }
	}
	return s
}

// history is everything that a run did, to the nanosecond.
func (o *outcome) history() []string {
	var out []string
	for _, e := range o.events {
		out = append(out, fmt.Sprintf("%+v", e))
	}
	for _, c := range o.cycles {
		out = append(out, fmt.Sprintf("%+v %s %s %v %v", c.Outcome, c.Status, c.Channel, c.took, c.ledger.keys))
		for _, r := range slices.Concat(c.ledger.delivered, c.ledger.spooled) {
			out = append(out, fmt.Sprintf("%s %v %v %s", r.ID, r.ProcessedValue, r.Quality, r.Mode))
		}
		for _, l := range c.ledger.dead {
			out = append(out, fmt.Sprintf("%+v", l))
		}
	}
	return append(out, fmt.Sprintf("%+v %+v %+v", o.pipeline.Loads(), o.pipeline.Channels(), o.plan.Counts()))
}

// Whatever is broken, however the policies are set and whenever the run is interrupted: it ends, no record is lost or
// ends twice, the verdict fits what happened, and nothing is left running (run checks all that). The same run made
// again is the same, to the nanosecond.
func TestAnythingBroken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := aSetup(t)
		first := s.run(t).history()
		if s.cancelAt > 0 {
			return // an interruption comes from outside, at no time that the seed knows
		}
		second := s.run(t).history()
		for i := range min(len(first), len(second)) {
			if first[i] != second[i] {
				t.Fatalf("%v\nthe second time, line %d differs:\n%s\n%s\nafter\n%s",
					faultNames(s.faults), i, first[i], second[i], strings.Join(first[max(0, i-5):i], "\n"))
			}
		}
		if len(first) != len(second) {
			t.Fatalf("%v: %d lines, then %d", faultNames(s.faults), len(first), len(second))
		}
	})
}
