// Package recovery judges whether a run with a load came back after what pushed it: by the report's series alone, so
// that a saved report can be judged again with another share and another hold.
package recovery

import (
	"math"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
)

// Judge fills the report's Recovery but for its triggers, by the settings RecoveryShare and RecoveryHold. It leaves the
// report of a run without a load as it is.
//
// A run is up over a stretch as long as RecoveryHold if RecoveryShare of the passes that began in it were good. It came
// back at the first instant after the last trigger from which on it is up over each such stretch until the end. It
// stays down if it is down over each one that ends within the last RecoveryHold. It was not watched long enough if the
// end came before one was over, or while the run fell again or came up for the first time.
//
// Passes that were under way at the end prove nothing, unless they had been for RecoveryHold: those are not good, or a
// queue that only grows would look like a run that nothing is known of. A stretch without arrivals is up.
func Judge(r *report.Report) {
	if len(r.Series.Offered) == 0 {
		return
	}
	rec := report.Recovery{State: catalog.NotJudged, Triggers: r.Recovery.Triggers}
	for _, t := range rec.Triggers {
		rec.EndMS = max(rec.EndMS, t.ToMS)
	}
	if len(rec.Triggers) > 0 && rec.EndMS < r.DurationMS {
		w := newWatch(r)
		w.judge(&rec, w.before(&rec).To, w.Window(rec.EndMS, math.Inf(1)).From)
	}
	r.Recovery = rec
}

// LowGoodput reports whether fewer than RecoveryShare of the passes of a run with a load were good, over the whole run;
// false where a recovery was judged, which says more.
func LowGoodput(r *report.Report) bool {
	if len(r.Series.Offered) == 0 || r.Recovery.State != catalog.NotJudged {
		return false
	}
	w := newWatch(r)
	share, known := w.share(report.Window{To: w.end})
	return known && share < w.needed
}

// watch is a run as its recovery is judged.
type watch struct {
	*report.Series
	needed float64
	hold   int // in buckets
	// counted are the passes of each bucket that prove something. The buckets from end on have too many others.
	counted []int
	end     int
}

func newWatch(r *report.Report) *watch {
	s := &r.Series
	holdMS := float64(r.Settings.RecoveryHold) / float64(time.Millisecond)
	w := &watch{
		Series:  s,
		needed:  r.Settings.RecoveryShare,
		hold:    max(1, int(math.Ceil(holdMS/s.BucketMS-1e-6))),
		counted: make([]int, len(s.Offered)),
	}
	young := s.Window(r.DurationMS-holdMS, math.Inf(1)).From
	for i, offered := range s.Offered {
		w.counted[i] = offered
		if i >= young {
			w.counted[i] = s.Ended[i]
		}
	}
	for w.end = len(s.Offered); w.end > 0; w.end-- {
		last := w.end - 1
		open := s.Offered[last] - w.counted[last]
		if s.Offered[last] > 0 && float64(open) <= (1-w.needed)*float64(s.Offered[last]) {
			break
		}
	}
	return w
}

// before is the time before the first trigger.
func (w *watch) before(rec *report.Recovery) report.Window {
	first := rec.EndMS
	for _, t := range rec.Triggers {
		first = min(first, t.FromMS)
	}
	return report.Window{To: int(first / w.BucketMS)}
}

// share is how many of the passes of a window were good; unknown of a window without any.
func (w *watch) share(in report.Window) (share float64, known bool) {
	counted := in.Total(w.counted)
	if counted == 0 {
		return 1, false
	}
	return math.Round(float64(in.Total(w.Good))/float64(counted)*1e9) / 1e9, true
}

// up reports whether enough of the passes of a window were good.
func (w *watch) up(from, to int) bool {
	share, _ := w.share(report.Window{From: from, To: to})
	return share >= w.needed
}

// judge fills rec, from the buckets in which the first trigger began and behind the one in which the last one ended.
func (w *watch) judge(rec *report.Recovery, first, after int) {
	last := w.end - w.hold // where the last stretch begins
	rec.Lowest = 1
	for i := first; i < w.end && i <= max(last, first); i++ {
		if share, _ := w.share(report.Window{From: i, To: min(i+w.hold, w.end)}); share < rec.Lowest {
			rec.Lowest, rec.LowestAtMS = share, w.AtMS(i)
		}
	}
	back := last + 1 // from where on it is up
	for back > after && w.up(back-1, back-1+w.hold) {
		back--
	}
	switch {
	case last < after:
		rec.State = catalog.NotWatched
	case rec.Lowest >= w.needed:
		rec.State = catalog.NeverFell
	case back <= last:
		rec.State = catalog.CameBack
		rec.AfterMS = w.AtMS(back) - rec.EndMS
	case w.wasUp(max(after, last-w.hold+1), last) || w.rising(after):
		rec.State = catalog.NotWatched
	default:
		rec.State = catalog.StaysDown
		rec.Sustained = w.sustained(first, report.Window{From: after, To: w.end})
	}
}

// wasUp reports whether the run was up over a stretch that begins in one of these buckets.
func (w *watch) wasUp(from, to int) bool {
	for i := from; i <= to; i++ {
		if w.up(i, i+w.hold) {
			return true
		}
	}
	return false
}

// rising reports whether the run is up at its end for the first time since a bucket, if for half of a hold only. A run
// that comes up and falls again and again is not.
func (w *watch) rising(after int) bool {
	half := (w.hold + 1) / 2
	up := false
	for i := after; i+half <= w.end; i++ {
		share, known := w.share(report.Window{From: i, To: i + half})
		if known && up && share < w.needed {
			return false
		}
		up = up && !known || known && share >= w.needed
	}
	return up
}

// sustained finds the dependency whose calls a pass have grown most since before the first trigger: what every pass
// calls many times keeps nothing down.
func (w *watch) sustained(first int, after report.Window) (found report.Sustained) {
	most := 0.0
	for i := range w.Places {
		p := &w.Places[i]
		calls := w.perPass(p, after)
		if growth := calls / max(1, w.perPass(p, report.Window{To: first})); growth > most {
			most = growth
			found = report.Sustained{Place: p.Place, CallsPerPass: math.Round(calls*1e3) / 1e3}
		}
	}
	return found
}

// perPass is calls / offered passes of a window; 0 without passes.
func (w *watch) perPass(p *report.PlaceSeries, in report.Window) float64 {
	if offered := in.Total(w.Offered); offered > 0 {
		return float64(in.Total(p.Calls)) / float64(offered)
	}
	return 0
}
