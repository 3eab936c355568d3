package play

import (
	"fmt"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// Bounds of what the page can ask for. A terminal has none of them.
const (
	maxRequest = 64 << 10 // bytes
	maxTime    = 30 * time.Second
	maxRuns    = 1000
	maxPasses  = 20_000
	maxRecords = 500_000 // in all passes together
	// maxCalls is how many calls a node may make in a pass, if all fail: a run ends early only between nodes.
	maxCalls = 1_000_000
	// promptSteps are done within 100 ms even in WebAssembly. A run of more is drawn as far as firstSteps bring it, and
	// then whole.
	promptSteps, firstSteps = 1800, 300
)

// onPage reports whether the page has a setting. It reads no records and reaches no real ends, which are the same in all
// runs of a campaign, and its clock is the virtual one.
func onPage(s settings.Setting) bool {
	return s.Section != settings.Records && (!s.Fixed || s.Name == "seed")
}

// settled are the settings of a run on the page. The error is a *settings.Error for one that can't be, or not here.
func settled(list []Setting) (*settings.Given, settings.Settings, error) {
	var given settings.Given
	for _, l := range list {
		if d, ok := settings.Find(l.Name); ok && !onPage(d) {
			return nil, settings.Settings{}, &settings.Error{
				Name:  l.Name,
				Value: l.Text,
				Problem: "this page reads no records, reaches no real ends and has a clock of its own; leave it out, " +
					"or run the command in a terminal",
			}
		}
		if err := given.Set(l.Name, l.Text); err != nil {
			return nil, settings.Settings{}, &settings.Error{Name: l.Name, Value: l.Text, Problem: err.Error()}
		}
	}
	s, err := given.Settings()
	if err != nil {
		return nil, s, err
	}
	s.Clock = settings.ClockVirtual
	return &given, s, bounded(s.Complete())
}

// passes is how many a run begins, and the setting that decides it.
func passes(s settings.Settings) (name string, n float64) {
	name, n = "cycles", float64(s.Cycles)
	if s.For > 0 {
		begun := float64(s.For) / float64(max(s.Interval, time.Millisecond))
		if s.Loaded() {
			begun = 0
			for _, l := range s.Loads {
				begun += l.Passes(s.For)
			}
		}
		if s.Cycles == 0 || begun < n {
			name, n = "for", begun
		}
	}
	return name, max(n, 1)
}

// steps is about how much a run has to do: each pass fetches, processes its records and delivers.
func steps(s settings.Settings) float64 {
	_, n := passes(s)
	return n * float64(s.BatchSize+2)
}

// beginning is the run of the first passes of one that takes longer than a person wants to wait for, 100 ms (Nielsen,
// Usability Engineering, 1993); false where a run does not.
func beginning(s settings.Settings) (settings.Settings, bool) {
	if steps(s) <= promptSteps {
		return s, false
	}
	s.Cycles, s.For = max(1, firstSteps/(s.BatchSize+2)), 0
	return s, true
}

// share tells how much of a run its beginning is, whose report is r, and how long the whole will be.
func share(whole, first settings.Settings, r *report.Report) (told string, length time.Duration) {
	_, n := passes(whole)
	if length = whole.For; length == 0 {
		length = time.Duration(r.DurationMS * n / float64(first.Cycles) * float64(time.Millisecond))
	}
	return fmt.Sprintf("the first %d of %.0f passes", first.Cycles, n), length
}

// bounded returns a *settings.Error for a run that is too large for the page.
func bounded(s settings.Settings) error {
	name, passes := passes(s)
	tooMany := func(n float64, what string, most int) error {
		d, _ := settings.Find(name)
		return &settings.Error{Name: name, Value: d.In(&s), Problem: fmt.Sprintf(
			"that is some %.0f %s, and this page makes up to %d; a terminal has no such limit", n, what, most)}
	}
	if passes > maxPasses {
		return tooMany(passes, "passes", maxPasses)
	}
	if records := passes * float64(s.BatchSize); records > maxRecords {
		name = "batch-size"
		return tooMany(records, "records", maxRecords)
	}
	each := map[catalog.Node]int{catalog.Processor: s.BatchSize, catalog.Delivery: len(s.Channels)}
	for _, node := range catalog.GuardedNodes() {
		p := s.Policy(node)
		calls := float64(p.Attempts) * float64(max(1, each[node]))
		if p.HedgeAfter != "" {
			calls *= float64(1 + p.Hedges)
		}
		if calls > maxCalls {
			name = string(node) + "-attempts"
			return tooMany(calls, "calls in a pass", maxCalls)
		}
	}
	return nil
}
