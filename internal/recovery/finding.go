package recovery

import (
	"fmt"
	"math"
	"strings"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// Findings are what a judged report's recovery is worth telling; none of a run without a load.
func Findings(r *report.Report) (list []report.Finding) {
	switch {
	case r.Recovery.State == catalog.StaysDown:
		list = append(list, staysDown(r))
	case r.Recovery.State == catalog.NotWatched:
		list = append(list, report.NewFinding(catalog.RecoveryNotWatched, fmt.Sprintf(
			"the run ended %s after the last trigger, before it could be seen whether it comes back",
			inSeconds(r.DurationMS-r.Recovery.EndMS)), 0))
	case LowGoodput(r):
		w := newWatch(r)
		share, _ := w.share(report.Window{To: w.end})
		list = append(list, report.NewFinding(catalog.LowGoodput, fmt.Sprintf(
			"%s of the passes were good, less than the %s of --recovery-share", percent(share), percent(w.needed)), 0))
	}
	return list
}

// retried is the growth of a dependency's calls a pass from which on retries, and not the load alone, keep a run down.
const retried = 1.1

func staysDown(r *report.Report) report.Finding {
	w := newWatch(r)
	after := w.Window(r.Recovery.EndMS, math.Inf(1))
	after.To = w.end
	share, _ := w.share(after)
	before, known := w.share(w.before(&r.Recovery))
	said := fmt.Sprintf("it stays down: after the last trigger %s of the passes were good", percent(share))
	if known && before < w.needed {
		return report.NewFinding(catalog.StayedDown, fmt.Sprintf(
			"%s, and %s before the first one: the trigger is not what keeps it down", said, percent(before)), 0)
	}
	place := r.Recovery.Sustained.Place
	p := w.Place(place)
	if p == nil {
		return report.NewFinding(catalog.StayedDown, said, 0)
	}
	calls, usual := w.perPass(p, after), max(1, w.perPass(p, w.before(&r.Recovery)))
	if calls < retried*usual {
		return report.NewFinding(catalog.StayedDown, fmt.Sprintf(
			"%s, with no more calls than before (%.1f of %s a pass): it has more to serve than it can",
			said, calls, place), 0)
	}
	said = fmt.Sprintf("%s; retries of the %s sustain it: %.1f calls of %s a pass", said, place.Node(), calls, place)
	if good := after.Total(w.Good); good > 0 {
		said += fmt.Sprintf(", %.1f a good one", float64(after.Total(p.Calls))/float64(good))
	}
	f := report.NewFinding(catalog.StayedDown, said, 0)
	f.Node = place.Node()
	var flags []string
	for _, policy := range []string{"attempts", "retry-budget"} {
		if s, known := settings.Find(string(f.Node) + "-" + policy); known {
			flags = append(flags, "--"+s.Name)
		}
	}
	f.Recommendation = "bound the retries: see " + strings.Join(flags, " and ")
	return f
}

func percent(share float64) string { return fmt.Sprintf("%.4g %%", 100*share) }

func inSeconds(ms float64) string {
	return time.Duration(math.Round(ms) * float64(time.Millisecond)).String()
}
