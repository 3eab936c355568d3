// Package play answers the page on which runs are played with: a request as JSON in, responses as JSON out. The page
// reaches it through a server or, in a browser alone, as WebAssembly. It reads and writes no file.
package play

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"faultflow/internal/campaign"
	"faultflow/internal/compare"
	"faultflow/internal/render"
	"faultflow/internal/render/html"
	"faultflow/internal/report"
	"faultflow/internal/runner"
	"faultflow/internal/scenario"
	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

// Setting is one that was given, as on the command line. Items of a list are given one at a time.
type Setting struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Request is what the page asks for. The clock is the virtual one.
type Request struct {
	// Settings are those of the run, the seed among them.
	Settings []Setting `json:"settings"`
	// Pinned are the settings of a run to compare it with; nil for none.
	Pinned []Setting `json:"pinned"`
	Want   Want      `json:"want"`
	// Runs is how many seeds are wanted, from the run's on.
	Runs int64 `json:"runs"`
	// Name is that of the scenario to write.
	Name string `json:"name"`
}

// Want is what a request is for.
type Want string

// What a request can be for.
const (
	// Run is a run, drawn; beside the one that is pinned, if one is.
	Run Want = "run"
	// Seeds is a campaign.
	Seeds Want = "seeds"
	// Scenario, HTML and JSON are documents to take along.
	Scenario Want = "scenario"
	HTML     Want = "html"
	JSON     Want = "json"
)

// Response answers a request. Those before the last one tell how far it is; of a campaign they have what is known then,
// and of a long run its beginning.
type Response struct {
	// Progress is how much of it is done, from 0 to 1.
	Progress float64  `json:"progress"`
	Problem  *Problem `json:"problem,omitempty"`
	// Beginning says how much of the run is drawn, such as "the first 100 of 1200 passes"; "" is all of it.
	Beginning string `json:"beginning,omitempty"`
	// Said is the conclusion in one line.
	Said string `json:"said,omitempty"`
	// Hash is the report's.
	Hash  string      `json:"hash,omitempty"`
	Parts []html.Part `json:"parts,omitempty"`
	// Command is what makes the run, or the campaign, in a terminal.
	Command string `json:"command,omitempty"`
	// Document is what was wanted to take along.
	Document string `json:"document,omitempty"`
}

// Problem is why there is no answer. Setting is the one that it is about, "" for none.
type Problem struct {
	Setting string `json:"setting"`
	Text    string `json:"text"`
}

// Engine answers requests, several at once. Version goes into reports.
type Engine struct {
	Version string
	// limit is how long an answer may take, in place of maxTime.
	limit time.Duration

	mu sync.Mutex
	// pinned are the last run that was pinned, and its beginning, which are compared with run after run.
	pinned [2]pinnedRun
}

// pinnedRun is a run that was made, and the settings that it was made with.
type pinnedRun struct {
	as     string
	report *report.Report
}

// Answer answers a request. tell gets each response; the last one comes before Answer returns. Cancelling ctx ends the
// run early, without a last response.
func (e *Engine) Answer(ctx context.Context, request []byte, tell func(response []byte)) {
	var one sync.Mutex // progress is told beside what is known
	told := func(r Response) {
		one.Lock()
		defer one.Unlock()
		if ctx.Err() == nil {
			text, err := json.Marshal(r)
			if err != nil { // a Response can always be written
				panic(err)
			}
			tell(text)
		}
	}
	last, err := workflow.Safely(func() (Response, error) { return e.answer(ctx, request, told) })
	if err != nil {
		last = Response{Problem: problemOf(err)}
	}
	last.Progress = 1
	told(last)
}

func (e *Engine) answer(ctx context.Context, request []byte, tell func(Response)) (Response, error) {
	var asked Request
	if len(request) > maxRequest {
		return Response{}, fmt.Errorf("the request is larger than %d KiB", maxRequest>>10)
	}
	if err := json.Unmarshal(request, &asked); err != nil {
		return Response{}, fmt.Errorf("the request is no JSON of this page: %w", err)
	}
	given, s, err := settled(asked.Settings)
	if err != nil {
		return Response{}, err
	}
	limited, cancel := context.WithTimeout(ctx, e.mostTime())
	defer cancel()
	switch asked.Want {
	case Run:
		return e.run(limited, asked, given, s, tell)
	case Seeds:
		return e.seeds(limited, asked.Runs, given, s, tell)
	case Scenario, HTML, JSON:
		return e.document(limited, asked, given, s, tell)
	}
	return Response{}, fmt.Errorf("want %q: unknown", asked.Want)
}

// run draws a run, beside the one that is pinned. Of a long one the beginning is drawn first.
func (e *Engine) run(
	ctx context.Context, asked Request, given *settings.Given, s settings.Settings, tell func(Response),
) (Response, error) {
	var pinned settings.Settings
	if asked.Pinned != nil {
		var err error
		if _, pinned, err = settled(asked.Pinned); err != nil {
			return Response{}, fmt.Errorf("the pinned run: %w", err)
		}
	}
	if first, long := beginning(s); long {
		r, err := e.make(ctx, first, func(Response) {})
		if err != nil {
			return Response{}, err
		}
		pinned, _ := beginning(pinned)
		told, length := share(s, first, r)
		begun, err := e.draw(ctx, asked, r, pinned, length, func(Response) {})
		if err != nil {
			return Response{}, err
		}
		begun.Beginning = told
		tell(begun)
	}
	r, err := e.make(ctx, s, tell)
	if err != nil {
		return Response{}, err
	}
	drawn, err := e.draw(ctx, asked, r, pinned, 0, tell)
	drawn.Hash, drawn.Command = r.Hash, repeat(given, s.Seed)
	return drawn, err
}

// draw draws a run, beside the one that is pinned, on an axis that has at least the length.
func (e *Engine) draw(
	ctx context.Context, asked Request, r *report.Report, pinned settings.Settings, length time.Duration,
	tell func(Response),
) (Response, error) {
	parts, err := html.Parts(r, length)
	if err != nil {
		return Response{}, err
	}
	response := Response{Said: report.Clean(render.Ending(r)), Parts: parts}
	if asked.Pinned == nil {
		return response, nil
	}
	other, err := e.pin(ctx, pinned, tell)
	if err != nil {
		return Response{}, fmt.Errorf("the pinned run: %w", err)
	}
	sides := []compare.Input{input("pinned", other), input("now", r)}
	if parts, err = html.CompareParts(compare.Compare(sides), length); err != nil {
		return Response{}, err
	}
	response.Parts = beside(response.Parts, parts)
	return response, nil
}

func input(label string, r *report.Report) compare.Input {
	return compare.Input{
		Source:    compare.Source{Label: label, Source: label},
		Documents: map[string]compare.Document{"": {Document: report.Document{Report: r}}},
	}
}

// beside puts a comparison among the parts of a run: its timeline in place of the run's, and then what it tells.
func beside(run, compared []html.Part) []html.Part {
	var list []html.Part
	for _, p := range run {
		if p.ID != "timeline" {
			list = append(list, p)
		}
	}
	return slices.Insert(list, 1, compared...)
}

// make makes a run and seals its report. tell hears how far it is.
func (e *Engine) make(ctx context.Context, s settings.Settings, tell func(Response)) (*report.Report, error) {
	var done atomic.Uint64 // the bits of a float64
	env := runner.Environment{Version: e.Version, Observe: func(at workflow.Event) {
		share := float64(at.Cycle) / float64(max(s.Cycles, 1))
		if s.For > 0 {
			share = float64(at.At) / float64(s.For)
		}
		done.Store(math.Float64bits(min(share, 1)))
	}}
	defer watch(func() float64 { return math.Float64frombits(done.Load()) }, tell)()
	r, err := runner.Run(ctx, s, env)
	if err != nil {
		return nil, err
	}
	if r.Interrupted {
		return nil, e.tooLong("run")
	}
	return r, r.Seal()
}

// watchEvery is how often it is told how far something is.
const watchEvery = 100 * time.Millisecond

// watch tells how far something is, until stop is called. A run has a time of its own, and is watched from outside.
func watch(done func() float64, tell func(Response)) (stop func()) {
	ended := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		ticks := time.NewTicker(watchEvery)
		defer ticks.Stop()
		for {
			select {
			case <-ended:
				return
			case <-ticks.C:
				tell(Response{Progress: min(done(), 0.99)})
			}
		}
	})
	return func() {
		close(ended)
		watching.Wait()
	}
}

// pin makes the run that is pinned, or its beginning, or takes it from the last time.
func (e *Engine) pin(ctx context.Context, s settings.Settings, tell func(Response)) (*report.Report, error) {
	as := fmt.Sprintf("%+v", s)
	known := func() (r *report.Report) {
		e.mu.Lock()
		defer e.mu.Unlock()
		for _, p := range e.pinned {
			if p.as == as {
				r = p.report
			}
		}
		return r
	}
	if r := known(); r != nil {
		return r, nil
	}
	r, err := e.make(ctx, s, tell)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pinned = [2]pinnedRun{e.pinned[1], {as, r}}
	return r, nil
}

// seeds makes a campaign, and tells of it as it goes.
func (e *Engine) seeds(
	ctx context.Context, runs int64, given *settings.Given, s settings.Settings, tell func(Response),
) (Response, error) {
	if runs < 1 || runs > maxRuns {
		return Response{}, fmt.Errorf("want 1 to %d seeds", maxRuns)
	}
	var made atomic.Int64
	progress := func() float64 { return float64(made.Load()) / float64(runs) }
	respond := func(c *report.Campaign) (Response, error) {
		if err := c.Seal(); err != nil {
			return Response{}, err
		}
		a := render.CampaignAccount(c, nil)
		parts, err := html.AccountParts(a)
		return Response{
			Progress: progress(),
			Said:     report.Clean(a.Said),
			Hash:     c.Hash,
			Parts:    parts,
			Command:  campaignCommand(given, s.Seed, runs),
		}, err
	}
	defer watch(progress, tell)()
	c, err := campaign.Run(ctx, campaign.Plan{
		Settings:  s,
		Runs:      runs,
		Progress:  func() { made.Add(1) },
		Repeat:    func(seed uint64, _ ...settings.Assignment) string { return repeat(given, seed) },
		StopEvery: max(1, runs/20),
		Stop: func(c *report.Campaign) (bool, error) {
			r, err := respond(c)
			if err == nil {
				tell(r)
			}
			return false, err
		},
	})
	switch {
	case err != nil:
		return Response{}, err
	case c.Interrupted:
		return Response{}, e.tooLong("campaign")
	}
	return respond(c)
}

// document writes what can be taken along.
func (e *Engine) document(
	ctx context.Context, asked Request, given *settings.Given, s settings.Settings, tell func(Response),
) (Response, error) {
	r, err := e.make(ctx, s, tell)
	if err != nil {
		return Response{}, err
	}
	var text strings.Builder
	switch asked.Want {
	case HTML:
		err = html.Write(&text, r)
	case JSON:
		err = report.WriteJSON(&text, r)
	default:
		var doc []byte
		doc, err = asScenario(asked.Name, given, r)
		text.Write(doc)
	}
	return Response{Document: text.String(), Hash: r.Hash}, err
}

// repeat is the command of a run.
func repeat(given *settings.Given, seed uint64) string {
	clock := settings.Assignment{Name: "clock", Text: settings.ClockVirtual}
	return scenario.Repeat("", append(given.List(), clock), seed)
}

// campaignCommand is the command of a campaign, whose clock is the virtual one anyhow.
func campaignCommand(given *settings.Given, seed uint64, runs int64) string {
	flags := strings.TrimPrefix(scenario.Repeat("", given.List(), seed), "faultflow")
	return fmt.Sprintf("faultflow campaign --runs %d%s", runs, flags)
}

func (e *Engine) mostTime() time.Duration { return cmp.Or(e.limit, maxTime) }

// tooLong is the error of what was ended by the time that it may take here.
func (e *Engine) tooLong(what string) error {
	return fmt.Errorf("the %s takes longer than %v, the most that one may take here; a terminal has no such limit",
		what, e.mostTime())
}

func problemOf(err error) *Problem {
	if wrong, ok := errors.AsType[*settings.Error](err); ok {
		return &Problem{wrong.Name, report.Clean(err.Error())}
	}
	return &Problem{"", report.Clean(err.Error())}
}
