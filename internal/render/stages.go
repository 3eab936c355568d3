package render

import (
	"fmt"
	"slices"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
)

// collection says where the records came from.
func collection(r *report.Report) Section {
	c := r.Collection
	s := Section{Title: "Collection"}
	s.row("status", collectionSign(r), collectionStatus(c))
	s.row("source", None, ClipName(c.Source))
	s.row("health", healthSign(c), Facts(ClipText(c.Health), When(c.HealthFailures > 0, Amount(
		c.HealthFailures,
		"failed check",
	))))
	s.row("records", None, Facts(Grouped(c.Records), When(c.Unreadable > 0, Grouped(c.Unreadable)+" unreadable")))
	if c.Origins[catalog.FromSource] < total(c.Origins) {
		s.row("origin", None, Facts(Counted(c.Origins, catalog.Origins()...), When(
			c.CacheAgeMS > 0,
			"cache "+Duration(c.CacheAgeMS)+" old",
		)))
	}
	s.nodeAttempts(r, catalog.Collector)
	s.row("breaker", None, Facts(ClipName(c.Breaker), breakerHistory(r)))
	return s
}

func collectionSign(r *report.Report) Sign {
	o := r.Collection.Origins
	switch all := total(o); {
	case all == 0:
		return Idle
	case o[catalog.FromSource] == all:
		return Good
	case o[catalog.FromNowhere] > 0 && !r.Interrupted:
		return Bad
	default:
		return Warn
	}
}

func collectionStatus(c report.Collection) string {
	all := total(c.Origins)
	empty := c.Origins[catalog.FromNowhere]
	backup := all - empty - c.Origins[catalog.FromSource]
	ofCycles := func(n int) string {
		return When(all > 1, fmt.Sprintf(" in %s of %s", Grouped(n), Amount(all, "cycle")))
	}
	switch {
	case all == 0:
		return "nothing was asked for"
	case empty+backup == 0:
		return "collected from the source"
	default:
		return Facts(
			When(empty > 0, "nothing collected"+ofCycles(empty)),
			When(backup > 0, "fallback data"+ofCycles(backup)),
		)
	}
}

func healthSign(c report.Collection) Sign {
	switch c.Health {
	case "healthy":
		return Good
	case "":
		return None
	default:
		return Warn
	}
}

// breakerHistory is short here; the breakers have a section of their own.
func breakerHistory(r *report.Report) string {
	i := slices.IndexFunc(r.Breakers, func(b report.Breaker) bool { return b.Name == "collector" })
	if i < 0 || len(r.Breakers[i].Transitions) == 0 {
		return ""
	}
	return transitions(r.Breakers[i], 3)
}

// processing says what became of the records in between.
func processing(r *report.Report) Section {
	c := r.Processing
	s := Section{Title: "Processing"}
	s.row("status", processingSign(c), processingStatus(c))
	s.row("records", None, Facts(fmt.Sprintf("%s in → %s out", Grouped(c.In), Grouped(c.Out)),
		When(c.In > 0, percent(c.SuccessRate)+" processed")))
	s.row("mode", None, modes(c))
	if c.Failed > 0 {
		s.row("failed", None, Amount(c.Failed, "record")+", in the dead letters")
	}
	s.nodeAttempts(r, catalog.Processor)
	return s
}

func processingSign(c report.Processing) Sign {
	switch {
	case c.Modes[catalog.ModePartial]+c.Modes[catalog.ModeFallback]+c.LowSuccess > 0:
		return Warn
	case c.In == 0:
		return Idle
	case c.Out == 0:
		return Bad
	default:
		return Good
	}
}

func processingStatus(c report.Processing) string {
	reduced := c.Modes[catalog.ModePartial] + c.Modes[catalog.ModeFallback]
	switch {
	case reduced > 0 && total(c.Modes) > 1:
		return fmt.Sprintf("recovered with less in %s of %s", Grouped(reduced), Amount(total(c.Modes), "cycle"))
	case reduced > 0:
		return "recovered with less"
	case c.LowSuccess > 0:
		return "low success in " + Amount(c.LowSuccess, "cycle")
	case c.In == 0:
		return "nothing came in"
	case c.Out == 0:
		return "nothing was processed"
	default:
		return "processed"
	}
}

func modes(c report.Processing) string {
	if c.Modes[c.Mode] < total(c.Modes) {
		return Counted(c.Modes, catalog.Modes()...)
	}
	return catalog.Words(ClipName(c.Mode))
}

// delivery says where the records went, channel by channel.
func delivery(r *report.Report) Section {
	c := r.Delivery
	s := Section{Title: "Delivery"}
	sign, status := deliveryStatus(r)
	s.row("status", sign, status)
	s.row("records", None, Facts(Grouped(c.Delivered)+" delivered", When(c.Spooled > 0, Grouped(c.Spooled)+" spooled"),
		When(c.Failed > 0, Grouped(c.Failed)+" failed")))
	for _, ch := range r.Channels {
		sign, state := ChannelState(ch)
		s.row("channels", sign, ClipName(ch.Name)+" — "+state)
		if ch.LastError != "" {
			s.remark(Aside, "last error: "+ClipText(ch.LastError))
		}
	}
	if c.Passes > r.Cycles.Count {
		s.row("passes", None, Grouped(c.Passes)+When(r.Cycles.Count > 1, " in "+Amount(r.Cycles.Count, "cycle")))
	}
	if c.FailedOver > 0 {
		s.row("failover", None, "another channel than the first took records"+
			When(r.Cycles.Count > 1, " in "+Amount(c.FailedOver, "cycle")))
	}
	if c.PossibleDuplicates+c.DuplicatesAvoided > 0 {
		s.row("duplicates", None, Facts(Grouped(c.PossibleDuplicates)+" possible",
			When(c.DuplicatesAvoided > 0, Grouped(c.DuplicatesAvoided)+" avoided by idempotency keys")))
	}
	s.nodeAttempts(r, catalog.Delivery)
	return s
}

func deliveryStatus(r *report.Report) (Sign, string) {
	c := r.Delivery
	switch {
	case c.Failed > 0:
		return Bad, Amount(c.Failed, "record") + " neither delivered nor spooled"
	case c.Spooled > 0:
		return Warn, Amount(c.Spooled, "record") + " in the emergency spool" +
			When(r.Meta.Output == "" && r.Meta.Lives == 0, " (simulated: give --output DIR to keep them)")
	case c.Delivered > 0:
		return Good, "delivered"
	default:
		return Idle, "nothing to deliver"
	}
}

// ChannelState is how a channel did.
func ChannelState(c report.Channel) (Sign, string) {
	skipped := When(c.Skipped > 0, "skipped in "+Amount(c.Skipped, "pass", "passes"))
	if c.Tried == 0 {
		return Idle, Facts(When(c.Skipped == 0, "not needed"), ClipName(c.Health), skipped)
	}
	calls := Amount(c.Tried, "try", "tries")
	if c.Failed > 0 {
		calls = fmt.Sprintf("%s of %s failed", Grouped(c.Failed), calls)
	}
	s := healthTone(c.Health)
	if c.Failed >= c.Tried {
		s = Bad
	}
	return s, Facts(When(c.Records > 0, Amount(c.Records, "record")), calls, ClipName(c.Health), skipped)
}

// nodeAttempts is left out while every run took one attempt.
func (s *Section) nodeAttempts(r *report.Report, node catalog.Node) {
	i := slices.IndexFunc(r.Nodes, func(n report.Node) bool { return n.Name == node })
	if i < 0 || r.Nodes[i].Attempts == r.Nodes[i].Runs && r.Nodes[i].Failures == 0 {
		return
	}
	n := r.Nodes[i]
	s.row("attempts", None, Facts(Grouped(n.Attempts)+When(n.Runs > 1, " in "+Amount(n.Runs, "run")),
		When(
			n.Failures > 0,
			Grouped(n.Failures)+" failed",
		), When(n.MaxTries > 0, fmt.Sprintf("at most %d each", n.MaxTries))))
}

func total[K comparable](counts map[K]int) int {
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return sum
}
