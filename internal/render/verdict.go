package render

import (
	"fmt"

	"faultflow/internal/errhandler"
	"faultflow/internal/report"
)

// ending is the run in one line: its verdict, and why.
func ending(r *report.Report) string {
	return fmt.Sprintf("%s — %s", name(string(r.Verdict)), outcome(r))
}

// endSign is the sign of that line: no run that was broken off or does not balance went well.
func endSign(r *report.Report) sign {
	s := verdictSign(r.Verdict)
	switch {
	case !r.Ledger.Balanced:
		s = bad
	case r.Interrupted && s == good:
		s = warn
	}
	return s
}

func verdictSign(v errhandler.Verdict) sign {
	switch v {
	case errhandler.Success:
		return good
	case errhandler.Degraded:
		return warn
	default:
		return bad
	}
}

// took is how long the run was.
func took(r *report.Report) string {
	return span(r.DurationMS) + when(r.Settings.Clock == "virtual", " of virtual time")
}

// outcome says why the verdict is what it is.
func outcome(r *report.Report) string {
	l := r.Ledger
	switch {
	case l.Lost != 0:
		return amount(l.Lost, "record") + " unaccounted for"
	case !l.Balanced:
		return "the ledger does not balance"
	case r.Interrupted:
		return fmt.Sprintf("interrupted after %s; every record is accounted for%s",
			amount(r.Cycles.Count, "cycle"), when(l.Spooled > 0, ", "+number(l.Spooled)+" of them in the emergency spool"))
	case r.Verdict != errhandler.Success:
		reason := why(r)
		return reason + when(reason != "", "; ") + "every record is accounted for"
	case l.Collected == 0:
		return "there was nothing to collect"
	case l.Delivered == l.Collected:
		return "every record was delivered"
	default:
		return fmt.Sprintf("%s of %s delivered, the others are accounted for", number(l.Delivered), amount(l.Collected, "record"))
	}
}

// why is the first finding that is as bad as the verdict, and how many more there are.
func why(r *report.Report) string {
	reason, others := "", 0
	for _, f := range fold(r.Findings) {
		switch {
		case f.Verdict != r.Verdict:
		case reason == "":
			reason = note(f.Message)
		default:
			others++
		}
	}
	if others > 0 {
		reason += fmt.Sprintf(" (and %s more)", number(others))
	}
	return reason
}
