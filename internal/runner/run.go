package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"faultflow/internal/channel"
	"faultflow/internal/errhandler"
	"faultflow/internal/nodes"
	"faultflow/internal/report"
	"faultflow/internal/simulate"
	"faultflow/internal/source"
	"faultflow/internal/workflow"
)

// World is what a run meets outside of its settings. The zero value is a run that reads no standard input, keeps no
// files and tells no one of its events.
type World struct {
	Stdin io.Reader
	// Output is the folder that keeps delivered, dead-lettered and spooled records; "" keeps none.
	Output string
	// Observe is told of every event, in order, by one goroutine at a time.
	Observe func(workflow.Event)
	Version string
}

// ErrOutput matches errors of the output folder.
var ErrOutput = errors.New("output")

// Run makes one run. It returns a *SettingError or *source.OptionError for settings that can't be, and the error of an
// input that can't be opened, in both cases without a report. An output folder that could not be written comes with the
// report and matches ErrOutput. Cancelling ctx ends the run early; that is not an error, the report says so.
func Run(ctx context.Context, s Settings, w World) (*report.Report, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	s = s.complete()
	r := &run{given: s, observe: w.Observe}
	if s.Input.Path != "" {
		file, err := source.OpenFile(s.Input.Path, w.Stdin, source.Options{
			Format: s.Input.Format, IDField: s.Input.IDField, ValueField: s.Input.ValueField})
		if err != nil {
			return nil, err
		}
		defer file.Close()
		r.file = file
		r.given.Input.Format, r.given.Input.IDField, r.given.Input.ValueField = file.Format(), file.IDField(), file.ValueField()
	}
	if w.Output != "" {
		output, err := channel.CreateOutput(w.Output)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrOutput, err)
		}
		defer output.Discard()
		r.output = output
	}
	began := time.Now()
	rep, err := r.onClock(ctx)
	if err != nil {
		return nil, err
	}
	rep.Meta = report.Meta{StartedAt: began.UTC().Format(time.RFC3339), Version: w.Version, Go: runtime.Version(),
		RealMS: ms(time.Since(began)), Output: w.Output}
	if r.output != nil {
		if err := r.output.Commit(); err != nil {
			return rep, fmt.Errorf("%w: %w", ErrOutput, err)
		}
	}
	return rep, nil
}

// run is a run under way. Made again with another seed it uses again what it has, the last report included.
type run struct {
	given    Settings
	settings Settings // those given, with the breaker of the profile
	// light leaves out what Many's reports do not have.
	light   bool
	observe func(workflow.Event)
	file    *source.File
	output  *channel.Output

	stream   *workflow.Stream
	pipeline *nodes.Pipeline
	profile  simulate.Profile
	plan     *simulate.Plan
	faults   []report.Fault // the plan's
	recorder *recorder
	books    *books
	totals   *totals

	source   nodes.Source
	cycles   []report.Cycle
	count    int
	findings []report.Finding
	made     report.Report
}

// onClock makes the run on its clock. In virtual time nothing from outside may wake what waits inside, so a
// cancellation only sets a flag there, which each node asks for as it starts.
func (r *run) onClock(ctx context.Context) (rep *report.Report, err error) {
	if !r.given.Virtual {
		return r.make(ctx, nil)
	}
	var cancelled atomic.Bool
	defer context.AfterFunc(ctx, func() { cancelled.Store(true) })()
	virtualErr := simulate.Virtually(func() { rep, err = r.make(context.Background(), cancelled.Load) })
	return rep, errors.Join(err, virtualErr)
}

func (r *run) make(ctx context.Context, cancelled func() bool) (*report.Report, error) {
	if err := r.assemble(); err != nil {
		return nil, err
	}
	if r.given.Virtual && r.given.outlives(virtualLimit) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, virtualLimit)
		defer cancel()
	}
	if cancelled != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		r.pipeline.Graph.Attach(workflow.Hooks[*nodes.State]{BeforePrep: func(context.Context, string, *nodes.State) {
			if cancelled() {
				cancel()
			}
		}})
	}
	ctx = workflow.WithStream(ctx, r.stream)
	r.loop(ctx)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		r.find(errhandler.Finding{Code: "virtual_time_over", Verdict: errhandler.Failed, Node: nodes.ErrorHandlerNode,
			Message: "virtual time was over: a run can last 70 years of it", Recommendation: "make --cycles, --interval, --retries or the waits between attempts smaller"}, 0)
	}
	return r.report(ctx.Err() != nil), nil
}

// virtualLimit is how long a run can last in virtual time. That begins in the year 2000 and, like time.Time's nanoseconds,
// ends in 2262; and microseconds of up to 71 years survive being written as milliseconds.
const virtualLimit = 70 * 365 * 24 * time.Hour

// assemble makes everything ready for the seed: the pipeline with the faults around what its nodes call, and empty books.
// It runs inside the run's clock.
func (r *run) assemble() error {
	rand := simulate.Rand(r.given.Seed)
	if err := r.arm(rand); err != nil {
		return err
	}
	s := r.given
	s.Collector.Breaker.On = s.Collector.Breaker.On || r.profile.Breaker && !s.NoProfileBreaker
	r.settings = s
	r.source = source.NewGenerated(rand)
	if r.file != nil {
		r.source = r.file
	}
	channels := make([]nodes.Channel, len(s.Channels))
	for i, name := range s.Channels {
		channels[i] = r.plan.Channel(channel.NewSimulated(name, rand))
	}
	of := nodes.Settings{
		Source: r.plan.Source(r.source), Processing: r.plan.Processor(nodes.Doubler{Rand: rand}), Channels: channels, Spool: r.spool(), Rand: rand,
		BatchSize: s.BatchSize, Workers: s.Workers, Collector: s.Collector, Processor: s.Processor, Delivery: s.Delivery,
		CacheTTL: s.CacheTTL, CacheMaxAge: s.CacheMaxAge, ChannelRecover: s.ChannelRecover,
		Fallback: s.Fallback, Recovery: s.Recovery, RecoveryGraph: s.RecoveryGraph,
	}
	if r.pipeline != nil {
		r.pipeline.Renew(of)
	} else {
		var err error
		if r.pipeline, err = nodes.New(of); err != nil {
			return err
		}
	}
	if r.books == nil {
		r.books, r.recorder, r.totals = newBooks(r.output), newRecorder(r.pipeline.Graph.Nodes(), r.light), newTotals()
	}
	r.books.begin()
	r.recorder.begin(r.breakerNames())
	r.totals.begin()
	r.cycles, r.count, r.findings = r.cycles[:0], 0, r.findings[:0]
	observe := r.recorder.observe
	if r.observe != nil {
		observe = func(e workflow.Event) {
			r.recorder.observe(e)
			r.observe(e)
		}
	}
	r.stream = workflow.NewStream(observe)
	r.stream.Terse = r.light
	r.stream.Classify = func(err error) string { return string(errhandler.Classify(err)) }
	return nil
}

// arm arms the faults that were given, and after them those of the profile.
func (r *run) arm(rand nodes.Rand) error {
	s := r.given
	if r.plan != nil && !r.profile.Drawn {
		r.plan.Rearm(rand)
		return nil
	}
	if s.Simulate {
		var err error
		if r.profile, err = simulate.NewProfile(s.FailureType, s.Channels, rand); err != nil {
			return err
		}
	}
	faults := r.profile.Faults
	if len(s.Faults) > 0 {
		faults = slices.Concat(s.Faults, faults)
	}
	r.plan, r.faults = simulate.NewPlan(faults, rand), faultList(r.faults[:0], faults, len(s.Faults))
	return nil
}

func (r *run) spool() nodes.Spool {
	switch {
	case !r.settings.Spool:
		return nil
	case r.output != nil:
		return r.plan.Spool(r.output)
	}
	return r.plan.Spool(channel.MemorySpool{})
}

func (r *run) breakerNames() []string {
	var names []string
	s := r.settings
	if s.Collector.Breaker.On {
		names = append(names, nodes.CollectorNode)
	}
	if s.Processor.Breaker.On {
		names = append(names, nodes.ProcessorNode)
	}
	if s.Delivery.Breaker.On {
		for _, c := range s.Channels {
			names = append(names, nodes.ChannelPlace(c))
		}
	}
	return names
}

// A run whose input decides the number of cycles gives up once this many cycles in a row, over at least this long, could
// read nothing. It is longer than a breaker with default settings needs to try the source twice.
const (
	stallCycles = 10
	stallFor    = 2 * time.Minute
)

// loop runs cycle after cycle.
func (r *run) loop(ctx context.Context) {
	name := fmt.Sprintf("run-%d", r.settings.Seed)
	lastRead, idle := time.Now(), 0
	for n := 1; r.settings.Cycles == 0 || n <= r.settings.Cycles; n++ {
		began := time.Now()
		r.stream.StartCycle(n)
		state := nodes.NewState(name, n, r.books)
		err := r.pipeline.Graph.Run(ctx, state)
		r.endCycle(n, began, state, err)
		if state.End || ctx.Err() != nil {
			return
		}
		if state.Outcome.Origin == errhandler.FromSource {
			lastRead, idle = time.Now(), 0
		} else {
			idle++
		}
		if r.settings.Cycles == 0 && idle >= stallCycles && time.Since(lastRead) >= stallFor {
			r.find(errhandler.Finding{Code: "input_unread", Verdict: errhandler.Failed, Node: nodes.CollectorNode,
				Message:        fmt.Sprintf("the input could not be read to its end: %d cycles in a row got nothing", idle),
				Recommendation: "check the primary data source, or bound the run with --cycles"}, 0)
			return
		}
		if n == r.settings.Cycles || r.wait(ctx, began, idle > 0) != nil {
			return
		}
	}
}

// wait pauses until the next cycle is due.
func (r *run) wait(ctx context.Context, began time.Time, readNothing bool) error {
	s := r.settings
	pause := s.Interval - time.Since(began)
	switch {
	case s.Drill:
		pause = s.drillPause()
	case s.Cycles == 0 && !readNothing:
		pause = 0
	}
	if pause <= 0 {
		return ctx.Err()
	}
	return nodes.Pause(ctx, pause)
}

// endCycle notes what a cycle came to. An error here is the error handler's own: nothing was left to handle it.
func (r *run) endCycle(n int, began time.Time, s *nodes.State, err error) {
	if s.End && s.Outcome.Rows == 0 && n > 1 && err == nil {
		return // the input had ended with the cycle before
	}
	findings := s.Findings
	if err != nil {
		findings = append(findings, errhandler.Finding{Code: "error_handler_failed", Verdict: errhandler.Failed, Node: nodes.ErrorHandlerNode,
			Message: "the error handler itself failed: " + err.Error(), Recommendation: "this is a defect of the pipeline; the ledger says what was lost"})
	}
	for _, f := range findings {
		r.find(f, n)
	}
	r.count = n
	rows := r.books.cycle
	r.books.cycle = tally{}
	r.totals.add(s)
	if len(r.cycles) < report.MaxCycles && (!r.light || r.settings.Drill) { // a drill is judged by its cycles
		start := r.stream.Since(began)
		r.cycles = append(r.cycles, report.Cycle{Number: n, StartMS: ms(start), DurationMS: ms(time.Since(began)), Verdict: errhandler.VerdictOf(findings),
			Origin: s.Outcome.Origin, Mode: s.Outcome.Mode, Delivery: s.Status, Channel: s.Channel,
			Collected: rows.collected, Delivered: rows.delivered, Dead: rows.dead, Spooled: rows.spooled})
	}
}

// find notes a finding; one that came up before is only counted. cycle is 0 for the run as a whole. Findings are told
// apart by their code: messages may hold numbers that differ from cycle to cycle, and the first one stands.
func (r *run) find(f errhandler.Finding, cycle int) {
	for i := range r.findings {
		if r.findings[i].Code == f.Code {
			r.findings[i].Count++
			return
		}
	}
	r.findings = append(r.findings, report.Finding{Finding: f, Count: 1, FirstCycle: cycle})
}

// Graph returns the graph that a run with these settings goes through.
func Graph(recovery bool) (*workflow.Graph[*nodes.State], error) {
	s := Defaults()
	s.RecoveryGraph = recovery
	r := &run{given: s}
	if err := r.assemble(); err != nil {
		return nil, err
	}
	return r.pipeline.Graph, nil
}
