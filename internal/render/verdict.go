package render

import (
	"fmt"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
)

// Ending is the run in one line: its verdict, and why.
func Ending(r *report.Report) string {
	ending := fmt.Sprintf("%s — %s", ClipName(r.Verdict), Outcome(r))
	if why := unproved(r); why != "" && r.Verdict != catalog.Failed {
		ending += "; nothing was proved: " + why
	}
	return ending
}

// EndSign is the sign of that line: no run that was broken off, does not balance or proves nothing
// went well.
func EndSign(r *report.Report) Sign {
	s := VerdictSign(r.Verdict)
	switch {
	case !r.Ledger.Balanced:
		s = Bad
	case (r.Interrupted || unproved(r) != "") && s == Good:
		s = Warn
	}
	return s
}

// unproved says in short why the run proves nothing, "" if it does.
func unproved(r *report.Report) string {
	silent := 0
	for i := range r.Faults {
		if r.Faults[i].ProvesNothing() {
			silent++
		}
	}
	switch {
	case silent > 0:
		return Amount(silent, "fault") + " never fired"
	case len(r.Unproved()) > 0:
		return "the recovery was not watched long enough"
	}
	return ""
}

// VerdictSign is the sign of a verdict; an unknown one is bad.
func VerdictSign(v catalog.Verdict) Sign {
	switch v {
	case catalog.Success:
		return Good
	case catalog.Degraded:
		return Warn
	default:
		return Bad
	}
}

// Took is how long the run was.
func Took(r *report.Report) string {
	return Duration(r.DurationMS) + When(r.Settings.Clock == "virtual", " of virtual time")
}

// Outcome says why the verdict is what it is.
func Outcome(r *report.Report) string {
	l := r.Ledger
	switch {
	case l.Lost != 0:
		return Amount(l.Lost, "record") + " unaccounted for"
	case !l.Balanced:
		return "the ledger does not balance"
	case r.Interrupted:
		return fmt.Sprintf("interrupted after %s; every record is accounted for%s",
			Amount(
				r.Cycles.Count,
				"cycle",
			), When(l.Spooled > 0, ", "+Grouped(l.Spooled)+" of them in the emergency spool"))
	case r.Verdict != catalog.Success:
		reason := why(r)
		if l.Unkept > 0 { // the reason says so; not every record is where it is said to be
			return reason
		}
		return reason + When(reason != "", "; ") + "every record is accounted for"
	case l.Collected == 0:
		return "there was nothing to collect"
	case l.Delivered == l.Collected:
		return "every record was delivered"
	default:
		return fmt.Sprintf("%s of %s delivered, the others are accounted for", Grouped(l.Delivered), Amount(
			l.Collected,
			"record",
		))
	}
}

// why is the first finding that is as bad as the verdict, and how many more there are.
func why(r *report.Report) string {
	reason, others := "", 0
	for _, f := range Fold(r.Findings) {
		switch {
		case f.Verdict != r.Verdict:
		case reason == "":
			reason = ClipText(f.Message)
		default:
			others++
		}
	}
	if others > 0 {
		reason += fmt.Sprintf(" (and %s more)", Grouped(others))
	}
	return reason
}
