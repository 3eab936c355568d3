package expect

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
)

// The functions of conditions over a run with a load.

// window is the part of the run that begins between two times; nil if no pass of a load began in it.
func window(r *report.Report, from, to string) *report.Window {
	begin, err := time.ParseDuration(from)
	end, err2 := time.ParseDuration(to)
	if err != nil || err2 != nil { // neither a text of the condition's own, which is checked
		return nil
	}
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	w := r.Series.Window(ms(begin), ms(end))
	if w.Total(r.Series.Offered) == 0 {
		return nil
	}
	return &w
}

func goodput(r *report.Report, args []string) *float64 {
	w := window(r, args[0], args[1])
	if w == nil {
		return nil
	}
	lasted := min(r.Series.AtMS(w.To), r.DurationMS) - r.Series.AtMS(w.From)
	perSecond := float64(w.Total(r.Series.Good)) / lasted * 1000
	return &perSecond
}

func amplification(r *report.Report, args []string) *float64 {
	w := window(r, args[1], args[2])
	if w == nil {
		return nil
	}
	calls := 0.0
	if p := r.Series.Place(catalog.Place(args[0])); p != nil {
		calls = float64(w.Total(p.Calls)) / float64(w.Total(r.Series.Offered))
	}
	return &calls
}

func latency(r *report.Report, args []string) *float64 {
	w := window(r, args[1], args[2])
	percent, err := strconv.ParseFloat(strings.TrimPrefix(args[0], "p"), 64)
	if w == nil || err != nil || w.Total(r.Series.Ended) == 0 {
		return nil
	}
	took := r.Series.TookMS(*w, percent/100)
	return &took
}

// waiting is how many calls waited at a dependency.
type waiting struct {
	Max  int     `json:"max"`
	Mean float64 `json:"mean"`
}

func queued(r *report.Report, place string) *waiting {
	p := r.Series.Place(catalog.Place(place))
	if p == nil || len(p.Queued) == 0 {
		return nil
	}
	sum := 0.0
	for _, q := range p.Queued {
		sum += q
	}
	return &waiting{Max: slices.Max(append(slices.Clone(p.QueuedMax), 0)), Mean: sum / float64(len(p.Queued))}
}
