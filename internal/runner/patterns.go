package runner

import (
	"fmt"
	"strconv"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// knownPatterns is the catalogue's list, which each run goes through.
var knownPatterns = catalog.Patterns()

// patterns tells which patterns were at work, which were in place without effect, and which were off.
func (r *run) patterns(rep *report.Report) []report.Pattern {
	list := make([]report.Pattern, len(knownPatterns))
	for i, k := range knownPatterns {
		inPlace, count := r.pattern(k.Name, rep)
		p := &list[i]
		p.Name, p.State = k.Name, catalog.Off
		switch {
		case count > 0:
			p.State, p.Count, p.Detail = catalog.Demonstrated, count, k.Counted+r.more(k.Name, rep)
		case inPlace:
			p.State = catalog.Armed
		}
	}
	return list
}

// pattern tells whether a pattern was in place, and how often it was at work.
func (r *run) pattern(name catalog.Pattern, rep *report.Report) (inPlace bool, count int) {
	s := &r.settings
	sum := func(of func(*report.Node) int) (total int) {
		for i := range rep.Nodes {
			total += of(&rep.Nodes[i])
		}
		return total
	}
	some := func(holds func(*settings.Policy) bool) bool {
		return holds(&s.Collector) || holds(&s.Processor) || holds(&s.Delivery)
	}
	switch name {
	case catalog.ExecutionHooks:
		return true, sum(func(n *report.Node) (ran int) {
			for _, times := range n.Hooks {
				ran += times
			}
			return ran
		})
	case catalog.HealthCheck:
		return true, rep.Collection.HealthFailures
	case catalog.RetryWithBackoff:
		retries := max(s.Collector.Attempts, s.Processor.Attempts, s.Delivery.Attempts) > 1
		return retries, sum(func(n *report.Node) int { return n.Waits })
	case catalog.RetryBudget:
		return some(func(p *settings.Policy) bool { return p.RetryBudget > 0 && p.Attempts > 1 }),
			sum(func(n *report.Node) int { return n.OverBudget })
	case catalog.Deadline:
		return some(func(p *settings.Policy) bool { return p.Deadline > 0 }),
			sum(func(n *report.Node) int { return n.Overdue })
	case catalog.AdaptiveThrottle:
		return some(func(p *settings.Policy) bool { return p.Throttle > 0 }),
			sum(func(n *report.Node) int { return n.Throttled })
	case catalog.Hedging:
		return some(func(p *settings.Policy) bool { return p.HedgeAfter != "" }),
			sum(func(n *report.Node) int { return n.Hedges })
	case catalog.AdaptiveLimit:
		return some(func(p *settings.Policy) bool { return p.AdaptiveLimit > 0 }),
			sum(func(n *report.Node) int { return n.Adaptive })
	case catalog.CircuitBreaker:
		opened := 0
		for _, b := range rep.Breakers {
			opened += b.Opened
		}
		return len(rep.Breakers) > 0, opened
	case catalog.Bulkhead:
		return true, sum(func(n *report.Node) int { return n.Full })
	case catalog.RateLimit:
		return some(func(p *settings.Policy) bool { return p.RateLimit > 0 }),
			sum(func(n *report.Node) int { return n.Limited })
	case catalog.Timeout:
		return true, sum(func(n *report.Node) int { return n.Timeouts })
	case catalog.FallbackLadder:
		o := rep.Collection.Origins
		return s.Fallback, o[catalog.FromFreshCache] + o[catalog.FromStaleCache] + o[catalog.FromDefault]
	case catalog.FailureIsolation:
		return true, r.recorder.failedAlone
	case catalog.PartialPattern:
		return s.Recovery, rep.Processing.Modes[catalog.ModePartial]
	case catalog.MinimalFallback:
		return s.Recovery && !s.RecoveryGraph(), rep.Processing.Modes[catalog.ModeFallback]
	case catalog.ChannelFailover:
		return len(s.Channels) > 1, rep.Delivery.FailedOver
	case catalog.ChannelHealth:
		skipped := 0
		for _, c := range rep.Channels {
			skipped += c.Skipped
		}
		return len(s.Channels) > 1, skipped
	case catalog.EmergencySpool:
		return s.Spool, int(rep.Delivery.Spooled)
	case catalog.IdempotencyKey:
		return true, int(rep.Delivery.DuplicatesAvoided)
	case catalog.DeadLetters:
		return true, int(rep.Ledger.DeadLettered)
	case catalog.CentralHandler:
		return true, rep.Errors.Total
	case catalog.RecoveryGraphNodes:
		ran := r.ran(catalog.FallbackData) + r.ran(catalog.PartialProcessing) + r.ran(catalog.AlternateDelivery)
		return s.RecoveryGraph(), ran
	}
	return false, 0
}

// more is what else there is to say about a pattern that was at work.
func (r *run) more(name catalog.Pattern, rep *report.Report) string {
	switch name {
	case catalog.CircuitBreaker:
		rejected := int64(0)
		for _, b := range rep.Breakers {
			rejected += b.Rejected
		}
		return ", and rejected calls without making them: " + strconv.FormatInt(rejected, 10)
	case catalog.FallbackLadder:
		o := rep.Collection.Origins
		return fmt.Sprintf("fresh cache %d, stale cache %d, default data %d",
			o[catalog.FromFreshCache], o[catalog.FromStaleCache], o[catalog.FromDefault])
	case catalog.CentralHandler:
		return ", of which handled: " + strconv.Itoa(rep.Errors.Handled)
	case catalog.RecoveryGraphNodes:
		return fmt.Sprintf("fallback data %d, partial processing %d, alternate delivery %d",
			r.ran(catalog.FallbackData), r.ran(catalog.PartialProcessing), r.ran(catalog.AlternateDelivery))
	default:
		return "" // how often it was at work is all
	}
}

// ran counts the runs of a node; 0 for one that the graph does not have.
func (r *run) ran(name catalog.Node) int {
	if n := r.recorder.node(name); n != nil {
		return n.Runs
	}
	return 0
}
