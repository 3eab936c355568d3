package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"faultflow/internal/catalog"
	"faultflow/internal/render"
	"faultflow/internal/report"
	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

// liveLine shows the progress of a run or a campaign: one line on standard error, if that is a terminal that can move
// its cursor.
type liveLine struct {
	out   io.Writer
	width func() int // of the terminal, which can change meanwhile
	// parts are what the line says after some time, the most important first.
	parts      func(elapsed time.Duration) []string
	stop, done chan struct{}
}

// startLine returns nil if the line is off or can't be drawn; end does nothing on nil.
func startLine(s *streams, off bool, parts func(elapsed time.Duration) []string) *liveLine {
	if off || !s.errTerminal || s.dumb() {
		return nil
	}
	l := &liveLine{out: s.err, width: s.errWidth, parts: parts, stop: make(chan struct{}), done: make(chan struct{})}
	go l.draw()
	return l
}

const (
	redrawEvery = 100 * time.Millisecond
	eraseLine   = "\r\x1b[K"
)

func (l *liveLine) draw() {
	defer close(l.done)
	began, tick := time.Now(), time.NewTicker(redrawEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			fmt.Fprint(l.out, eraseLine+fitting(l.parts(time.Since(began)), l.width()-1))
		case <-l.stop:
			fmt.Fprint(l.out, eraseLine)
			return
		}
	}
}

// end takes the line away and waits until it is gone.
func (l *liveLine) end() {
	if l != nil {
		close(l.stop)
		<-l.done
	}
}

// fitting joins as many of the parts as have room: a line that wraps could not be taken away again.
func fitting(parts []string, width int) (line string) {
	for _, p := range parts {
		if p == "" {
			continue
		}
		longer := strings.ReplaceAll(p, render.Tie, " ")
		if line != "" {
			longer = line + " · " + longer
		}
		if utf8.RuneCountInString(longer) > width {
			break
		}
		line = longer
	}
	return line
}

// runProgress is how far a run has come.
type runProgress struct {
	settings *settings.Settings
	// inputShare is how much of the input has been read, from 0 to 1; nil where that is not known.
	inputShare func() float64

	mu        sync.Mutex
	at        time.Duration // since the run began, on its clock
	cycle     int
	ended     int
	collected int64
	verdict   catalog.Verdict // the worst of the cycles that have ended
	doing     string
}

func newRunProgress(s *settings.Settings) *runProgress {
	return &runProgress{settings: s, verdict: catalog.Success}
}

// observe notes an event.
func (p *runProgress) observe(e workflow.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.cycle = e.At, max(p.cycle, e.Cycle)
	switch catalog.EventKind(e.Kind) {
	case catalog.NodeStarted:
		p.doing = e.Node
	case catalog.AttemptStarted:
		p.doing = fmt.Sprintf("%s · attempt %d", e.Node, e.Attempt)
	case catalog.Waiting:
		p.doing = fmt.Sprintf("%s · attempt %d in %v", e.Node, e.Attempt+1, e.Wait.Round(time.Millisecond))
	default: // the others come and go too fast to be read
	}
}

// endCycle notes what a cycle came to.
func (p *runProgress) endCycle(c report.Cycle) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended++
	p.collected += int64(c.Collected)
	if c.Verdict.Worse(p.verdict) {
		p.verdict = c.Verdict
	}
}

// reads gets how much of the input has been read.
func (p *runProgress) reads(share func() float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inputShare = share
}

// share is how much of the run is over, from 0 to 1; 0 where that is not known.
func (p *runProgress) share() float64 {
	switch {
	case p.inputShare != nil:
		return p.inputShare()
	case p.settings.For > 0:
		return min(1, float64(p.at)/float64(p.settings.For))
	case p.settings.Cycles > 0:
		return float64(p.ended) / float64(p.settings.Cycles)
	}
	return 0
}

func (p *runProgress) parts(elapsed time.Duration) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	cycle, soFar, records := "starting", "", ""
	switch {
	case p.cycle == 0:
	case p.settings.Loaded():
		cycle = "pass " + render.Grouped(p.cycle)
	case p.settings.Cycles > 0:
		cycle = fmt.Sprintf("cycle %d of %d", p.cycle, p.settings.Cycles)
	default:
		cycle = "cycle " + render.Grouped(p.cycle)
	}
	if p.ended > 0 {
		soFar = string(p.verdict) + " so far"
	}
	if p.collected > 0 {
		records = render.Amount(p.collected, "record") + rate(float64(p.collected), elapsed)
	}
	share := p.share()
	read := ""
	if p.inputShare != nil {
		read = percent(share) + " of the input"
	}
	return []string{cycle, soFar, left(share, elapsed), read, records, seconds(elapsed), p.doing}
}

// campaignProgress is how many runs of a campaign are done.
type campaignProgress struct {
	runs int64 // 0 where it is not known before
	done atomic.Int64
}

// step notes that one more run is done. It may be called by several goroutines at once.
func (p *campaignProgress) step() { p.done.Add(1) }

func (p *campaignProgress) parts(elapsed time.Duration) []string {
	done := p.done.Load()
	runs, share, over := render.Amount(done, "run"), 0.0, ""
	if p.runs > 0 {
		runs = fmt.Sprintf("%s of %s", render.Grouped(done), render.Amount(p.runs, "run"))
		share = float64(done) / float64(p.runs)
		over = percent(share)
	}
	return []string{runs + rate(float64(done), elapsed), left(share, elapsed), over, seconds(elapsed)}
}

func percent(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func rate(n float64, elapsed time.Duration) string {
	return fmt.Sprintf(" · %s/s", render.Grouped(int64(n/max(elapsed.Seconds(), redrawEvery.Seconds()))))
}

// left is how long the rest takes at the speed so far, "" where that can't be told.
func left(share float64, elapsed time.Duration) string {
	if share <= 0 {
		return ""
	}
	rest := time.Duration(float64(elapsed) * (1 - share) / share)
	return rest.Round(time.Second).String() + " left"
}
