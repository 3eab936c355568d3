package render

import (
	"fmt"
	"slices"

	"faultflow/internal/errhandler"
	"faultflow/internal/report"
)

// collection says where the records came from.
func collection(r *report.Report) section {
	c := r.Collection
	s := section{title: "Collection"}
	s.row("status", collectionSign(r), collectionStatus(c))
	s.row("source", none, name(c.Source))
	s.row("health", healthSign(c), facts(note(c.Health), when(c.HealthFailures > 0, amount(c.HealthFailures, "failed check"))))
	s.row("records", none, facts(number(c.Records), when(c.Unreadable > 0, number(c.Unreadable)+" unreadable")))
	if c.Origins[errhandler.FromSource] < total(c.Origins) {
		s.row("origin", none, facts(tally(c.Origins, origins()...), when(c.CacheAgeMS > 0, "cache "+span(c.CacheAgeMS)+" old")))
	}
	s.nodeAttempts(r, "collector")
	s.row("breaker", none, facts(name(c.Breaker), breakerHistory(r)))
	return s
}

func origins() []errhandler.Origin {
	return []errhandler.Origin{errhandler.FromSource, errhandler.FromFreshCache, errhandler.FromStaleCache,
		errhandler.FromDefault, errhandler.FromNowhere}
}

func collectionSign(r *report.Report) sign {
	o := r.Collection.Origins
	switch all := total(o); {
	case all == 0:
		return idle
	case o[errhandler.FromSource] == all:
		return good
	case o[errhandler.FromNowhere] > 0 && !r.Interrupted:
		return bad
	default:
		return warn
	}
}

func collectionStatus(c report.Collection) string {
	all := total(c.Origins)
	empty := c.Origins[errhandler.FromNowhere]
	backup := all - empty - c.Origins[errhandler.FromSource]
	share := func(n int) string { return when(all > 1, fmt.Sprintf(" in %s of %s", number(n), amount(all, "cycle"))) }
	switch {
	case all == 0:
		return "nothing was asked for"
	case empty+backup == 0:
		return "collected from the source"
	default:
		return facts(when(empty > 0, "nothing collected"+share(empty)), when(backup > 0, "fallback data"+share(backup)))
	}
}

func healthSign(c report.Collection) sign {
	switch c.Health {
	case "healthy":
		return good
	case "":
		return none
	default:
		return warn
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
func processing(r *report.Report) section {
	c := r.Processing
	s := section{title: "Processing"}
	s.row("status", processingSign(c), processingStatus(c))
	s.row("records", none, facts(fmt.Sprintf("%s in → %s out", number(c.In), number(c.Out)),
		when(c.In > 0, percent(c.SuccessRate)+" processed")))
	s.row("mode", none, modes(c))
	if c.Failed > 0 {
		s.row("failed", none, amount(c.Failed, "record")+", in the dead letters")
	}
	s.nodeAttempts(r, "processor")
	return s
}

func processingSign(c report.Processing) sign {
	switch {
	case c.Modes["partial"]+c.Modes["fallback"]+c.LowSuccess > 0:
		return warn
	case c.In == 0:
		return idle
	case c.Out == 0:
		return bad
	default:
		return good
	}
}

func processingStatus(c report.Processing) string {
	reduced := c.Modes["partial"] + c.Modes["fallback"]
	switch {
	case reduced > 0 && total(c.Modes) > 1:
		return fmt.Sprintf("recovered with less in %s of %s", number(reduced), amount(total(c.Modes), "cycle"))
	case reduced > 0:
		return "recovered with less"
	case c.LowSuccess > 0:
		return "low success in " + amount(c.LowSuccess, "cycle")
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
		return tally(c.Modes, "normal", "partial", "fallback", "none")
	}
	return words(name(c.Mode))
}

// delivery says where the records went, channel by channel.
func delivery(r *report.Report) section {
	c := r.Delivery
	s := section{title: "Delivery"}
	sign, status := deliveryStatus(c)
	s.row("status", sign, status)
	s.row("records", none, facts(number(c.Delivered)+" delivered", when(c.Spooled > 0, number(c.Spooled)+" spooled"),
		when(c.Failed > 0, number(c.Failed)+" failed")))
	for _, ch := range r.Channels {
		sign, state := channelState(ch)
		s.row("channels", sign, name(ch.Name)+" — "+state)
		if ch.LastError != "" {
			s.remark(aside, "last error: "+note(ch.LastError))
		}
	}
	if c.Passes > r.Cycles.Count {
		s.row("passes", none, number(c.Passes)+when(r.Cycles.Count > 1, " in "+amount(r.Cycles.Count, "cycle")))
	}
	if c.FailedOver > 0 {
		s.row("failover", none, "another channel than the first took records"+
			when(r.Cycles.Count > 1, " in "+amount(c.FailedOver, "cycle")))
	}
	if c.PossibleDuplicates+c.DuplicatesAvoided > 0 {
		s.row("duplicates", none, facts(number(c.PossibleDuplicates)+" possible",
			when(c.DuplicatesAvoided > 0, number(c.DuplicatesAvoided)+" avoided by idempotency keys")))
	}
	s.nodeAttempts(r, "delivery")
	return s
}

func deliveryStatus(c report.Delivery) (sign, string) {
	switch {
	case c.Failed > 0:
		return bad, amount(c.Failed, "record") + " neither delivered nor spooled"
	case c.Spooled > 0:
		return warn, amount(c.Spooled, "record") + " in the emergency spool"
	case c.Delivered > 0:
		return good, "delivered"
	default:
		return idle, "nothing to deliver"
	}
}

func channelState(c report.Channel) (sign, string) {
	skipped := when(c.Skipped > 0, "skipped in "+amount(c.Skipped, "pass", "passes"))
	if c.Tried == 0 {
		return idle, facts(when(c.Skipped == 0, "not needed"), name(c.Health), skipped)
	}
	calls := amount(c.Tried, "try", "tries")
	if c.Failed > 0 {
		calls = fmt.Sprintf("%s of %s failed", number(c.Failed), calls)
	}
	s := good
	if c.Failed >= c.Tried {
		s = bad
	}
	return s, facts(when(c.Records > 0, amount(c.Records, "record")), calls, name(c.Health), skipped)
}

// nodeAttempts is left out while every run took one attempt.
func (s *section) nodeAttempts(r *report.Report, node string) {
	i := slices.IndexFunc(r.Nodes, func(n report.Node) bool { return n.Name == node })
	if i < 0 || r.Nodes[i].Attempts == r.Nodes[i].Runs && r.Nodes[i].Failures == 0 {
		return
	}
	n := r.Nodes[i]
	s.row("attempts", none, facts(number(n.Attempts)+when(n.Runs > 1, " in "+amount(n.Runs, "run")),
		when(n.Failures > 0, number(n.Failures)+" failed"), when(n.MaxTries > 0, fmt.Sprintf("at most %d each", n.MaxTries))))
}

func total[K comparable](counts map[K]int) int {
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return sum
}
