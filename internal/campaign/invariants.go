package campaign

import (
	"fmt"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// problems lists what every run must keep and this one did not. Nothing that a fault or a setting does may break any of
// it: each is a defect of the program.
func problems(r *report.Report) (list []string) {
	broke := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	l := &r.Ledger
	if l.Lost != 0 || !l.Balanced || l.Collected != l.Delivered+l.DeadLettered+l.Spooled {
		broke("the ledger does not balance: %d collected, %d delivered, %d dead letters, %d spooled, %d lost",
			l.Collected, l.Delivered, l.DeadLettered, l.Spooled, l.Lost)
	}
	origins := l.FromSource + l.FromCache + l.FromDefault
	if l.Collected != origins || l.Collected != r.Collection.Records {
		broke("%d records in the ledger, %d of the collector, %d by origin", l.Collected, r.Collection.Records, origins)
	}
	if p := &r.Processing; p.Out > p.In || p.In > l.Collected || p.Failed != p.In-p.Out {
		broke("of %d records %d went into processing, %d came out and %d failed", l.Collected, p.In, p.Out, p.Failed)
	}
	if r.Delivery.Delivered != l.Delivered {
		broke("%d records delivered in the ledger, %d by delivery", l.Delivered, r.Delivery.Delivered)
	}
	if l.DeliveredFromSource+l.DeliveredCopies != l.Delivered || l.DeliveredFromSource > l.FromSource ||
		l.DeliveredCopies > l.FromCache+l.FromDefault {
		broke("of %d records delivered %d are of the source, which gave %d, and %d copies of %d",
			l.Delivered, l.DeliveredFromSource, l.FromSource, l.DeliveredCopies, l.FromCache+l.FromDefault)
	}
	letters := int64(0)
	for i := range l.DeadLetters {
		letters += l.DeadLetters[i].Count
	}
	if letters > l.DeadLettered || letters < l.DeadLettered && len(l.DeadLetters) < report.MaxDeadLetters {
		broke("%d dead letters in the ledger, %d by reason", l.DeadLettered, letters)
	}
	atPlaces := int64(0)
	for i := range l.DeadByPlace {
		atPlaces += l.DeadByPlace[i].Count
	}
	if atPlaces != l.DeadLettered {
		broke("%d dead letters in the ledger, %d by place", l.DeadLettered, atPlaces)
	}
	if r.Errors.Handled > r.Errors.Total {
		broke("%d errors handled of %d", r.Errors.Handled, r.Errors.Total)
	}
	if n := r.Errors.ByClass[errhandler.Degradation]; r.Rejected() > n {
		broke("%d calls rejected by open breakers, %d errors of their class", r.Rejected(), n)
	}
	for i := range r.Nodes {
		n := &r.Nodes[i]
		if allowed := allowedTries(&r.Settings, n); n.MaxTries > n.Attempts || n.MaxTries > allowed {
			broke("%s made %d attempts at once, %d in all, allowed are %d", n.Name, n.MaxTries, n.Attempts, allowed)
		}
	}
	for i := range r.Breakers {
		b := &r.Breakers[i]
		open := b.Opened - b.HalfOpened // what has opened goes half-open before it can open again
		if open < 0 || open > 1 || (b.State == catalog.Open) != (open == 1) || b.Closed > b.HalfOpened {
			broke("the breaker %s is %s, having opened %d times, half-opened %d times and closed %d times",
				b.Name, b.State, b.Opened, b.HalfOpened, b.Closed)
		}
		if b.CallsBeforeOpen > b.Calls || (b.CallsBeforeOpen > 0) != (b.Opened > 0) {
			broke("the breaker %s opened %d times, first after %d of %d calls",
				b.Name, b.Opened, b.CallsBeforeOpen, b.Calls)
		}
	}
	for i := range r.Faults {
		if f := &r.Faults[i]; f.Fired > f.Armed {
			broke("the fault %s fired %d times of %d", f.Spec, f.Fired, f.Armed)
		}
	}
	verdict := catalog.Success
	for i := range r.Findings {
		if v := r.Findings[i].Verdict; v.Worse(verdict) {
			verdict = v
		}
	}
	if r.Verdict != verdict {
		broke("the verdict is %s, the worst finding's %s", r.Verdict, verdict)
	}
	return list
}

// allowedTries is how many attempts a node may make in one cycle; the nodes without policies make as many as they do.
func allowedTries(s *settings.Settings, n *report.Node) int {
	if p := s.Policy(n.Name); p != nil {
		return p.Attempts
	}
	return n.MaxTries
}
