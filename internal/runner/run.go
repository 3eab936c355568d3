package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/channel"
	"faultflow/internal/disk"
	"faultflow/internal/errhandler"
	"faultflow/internal/fault"
	"faultflow/internal/nodes"
	"faultflow/internal/report"
	"faultflow/internal/settings"
	"faultflow/internal/simulate"
	"faultflow/internal/source"
	"faultflow/internal/workflow"
)

// Environment is what a run has besides its settings. The zero value is a run that reads no standard input, keeps no
// files and has no observer.
type Environment struct {
	Stdin io.Reader
	// Stdout is for a channel that delivers there, Getenv for the secrets of real ends.
	Stdout io.Writer
	Getenv func(string) string
	// Output is the folder that keeps delivered, dead-lettered and spooled records; "" keeps none. OutputMode says what
	// becomes of those that it holds; "" is channel.OutputNew.
	Output     string
	OutputMode channel.OutputMode
	// State is the folder of the journal, by which a run goes on where one that died was; "" for none. AnySeed says that
	// the seed was not chosen: a run that goes on has that of the first life.
	State   string
	AnySeed bool
	// Replay is what is sent again in place of an input; nil for none. It stays open.
	Replay *Replay
	// Disk is where the output folder and the journal are; nil is the real one.
	Disk *disk.System
	// Tell is told what a person should know and no report says, in a line.
	Tell func(string)
	// Reads gets a function that tells how much of an input of known length has been read, from 0 to 1; it can be called
	// at any time.
	Reads func(share func() float64)
	// Observe is told of every event, in order, by one goroutine at a time.
	Observe func(workflow.Event)
	// EndCycle is told of every cycle as it ends, by one goroutine at a time.
	EndCycle func(report.Cycle)
	Version  string
}

// ErrOutput matches errors of the output folder.
var ErrOutput = errors.New("output")

// Run makes one run. It returns a *settings.Error for settings that can't be, and the error of an
// input that can't be opened, in both cases without a report. An output folder that could not be written comes with the
// report and matches ErrOutput. Cancelling ctx ends the run early; that is not an error, the report says so.
func Run(ctx context.Context, s settings.Settings, env Environment) (*report.Report, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	r := &run{settings: complete(s), replay: env.Replay, observe: env.Observe, endedCycle: env.EndCycle}
	if err := checkUnderWay(&r.settings); err != nil {
		return nil, err
	}
	if _, err := nodes.NewProcessor(&r.settings, nil, false); err != nil { // before anything is opened for the run
		return nil, err
	}
	r.bounded = s.Virtual() && outlives(&r.settings, virtualLimit)
	defer r.close() // an error before the report is the one that counts
	if err := r.open(ctx, env); err != nil {
		return nil, err
	}
	began := time.Now()
	rep, err := r.onClock(ctx)
	if err == nil && r.input != nil {
		err = r.input.Refused()
	}
	if err != nil {
		return nil, err
	}
	rep.Meta = report.Meta{
		StartedAt: began.UTC().Format(time.RFC3339),
		Version:   env.Version,
		Go:        runtime.Version(),
		RealMS:    ms(time.Since(began)),
		Output:    env.Output,
		Lives:     r.past().Lives,
	}
	if r.replay != nil { // where what is not delivered stays
		rep.Meta.Output = r.replay.Folder.Dir
	}
	failed := r.broken
	if r.output != nil {
		failed = errors.Join(failed, r.output.Commit())
	}
	if failed = errors.Join(failed, r.close()); failed != nil {
		return rep, fmt.Errorf("%w: %w", ErrOutput, failed)
	}
	if r.unsent {
		return rep, r.replay.unsent()
	}
	if lost := r.lost(); lost != nil {
		return rep, fmt.Errorf("%w; %w: check the URL, and the headers that let it in", lost, errhandler.ErrLasting)
	}
	return rep, r.checkInput(rep)
}

// lost is why the input can't be read on; nil if it can, or has been to its end.
func (r *run) lost() error {
	if r.input == nil {
		return nil
	}
	return r.input.Lost()
}

// checkInput returns a *settings.Error if more rows of the input were invalid than may be, or all of them.
func (r *run) checkInput(rep *report.Report) error {
	s, rows := &r.settings, rep.Ledger.FromSource
	bad, _ := rep.Ledger.Dead(catalog.PlaceFetch, errhandler.Data)
	if r.input == nil || rep.Interrupted || bad == 0 || bad < rows && float64(bad) <= s.MaxInvalid*float64(rows) {
		return nil
	}
	first := ""
	if list := rep.Ledger.DeadLetters; len(list) > 0 {
		first = fmt.Sprintf("; such as line %d: %s", list[0].FirstLine, list[0].Reason)
	}
	if bad < rows {
		return &settings.Error{
			Name:    "max-invalid",
			Value:   strconv.FormatFloat(s.MaxInvalid, 'g', -1, 64),
			Problem: fmt.Sprintf("%d of %d rows of %s are no valid records%s", bad, rows, r.input.Name(), first),
		}
	}
	return &settings.Error{
		Name:    "input",
		Value:   s.Input,
		Problem: fmt.Sprintf("none of its %d rows is a valid record%s", rows, first),
	}
}

// run is a run under way.
type run struct {
	settings settings.Settings
	// bounded is true for a run in virtual time that could outlive it.
	bounded bool
	// countOnly keeps no timeline, except of a drill, which is judged by it.
	countOnly  bool
	observe    func(workflow.Event)
	endedCycle func(report.Cycle)
	ends
	replay *Replay // nil for another input
	// unsent says that no real channel took what the replay sent, which ends the run: what is left is on the disk.
	unsent bool
	// broken is why a cycle could not be noted, which ends the run.
	broken error

	stream *workflow.Stream
	// pipelines are those of the clients, nil for one that no pass was dealt to. Without a load there is one.
	pipelines []*nodes.Pipeline
	parts     nodes.Parts
	// hooks are attached to each pipeline.
	hooks workflow.Hooks[*nodes.State]
	// turn is the period of the own instants of passes that are under way beside each other; 0 without.
	turn     time.Duration
	breakage *breakage // nil: assemble makes it
	plan     *simulate.Plan
	recorder *recorder
	ledger   *ledger
	totals   *totals

	source nodes.Source
	series *series // nil without a load

	mu       sync.Mutex // passes beside each other end one at a time
	cycles   []report.Cycle
	count    int
	findings []report.Finding
	// sourceEnded says that the source has no more rows.
	sourceEnded bool
}

// onClock makes the run on its clock. In virtual time nothing from outside may wake what waits inside, so a
// cancellation is asked for by each node as it starts.
func (r *run) onClock(ctx context.Context) (rep *report.Report, err error) {
	if !r.settings.Virtual() {
		return r.make(ctx, nil)
	}
	cancelled := func() bool { return ctx.Err() != nil }
	virtualErr := simulate.Virtually(func() { rep, err = r.make(context.Background(), cancelled) })
	return rep, errors.Join(err, virtualErr)
}

func (r *run) make(ctx context.Context, cancelled func() bool) (*report.Report, error) {
	if err := r.assemble(); err != nil {
		return nil, err
	}
	if r.bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, virtualLimit)
		defer cancel()
	}
	if cancelled != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		r.hooks.BeforePrep = func(context.Context, string, *nodes.State) {
			if cancelled() {
				cancel()
			}
		}
	}
	ctx = workflow.WithStream(ctx, r.stream)
	if r.settings.Loaded() {
		r.underLoad(ctx)
	} else {
		r.loop(ctx)
		if r.input != nil {
			r.settle(ctx, r.input.Drain())
		}
	}
	if r.input != nil {
		r.input.Close()
		r.settings.InputFormat = r.input.Format()
		r.settings.IDField, r.settings.ValueField = r.input.IDField(), r.input.ValueField()
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		r.find(catalog.VirtualTimeOver, "virtual time was over: a run can last 70 years of it", 0)
	}
	return r.report(ctx.Err() != nil), nil
}

// virtualLimit is how long a run can last in virtual time. That begins in the year 2000 and, like time.Time's
// nanoseconds, ends in 2262; and microseconds of up to 71 years survive being written as milliseconds.
const virtualLimit = 70 * 365 * 24 * time.Hour

// assemble makes everything ready for the seed: the pipeline with the faults around what its nodes call, and an empty
// ledger. It runs inside the run's clock.
func (r *run) assemble() error {
	s, rand := &r.settings, simulate.Rand(r.settings.Seed)
	var err error
	if r.breakage == nil {
		if r.breakage, err = newBreakage(s, rand); err != nil {
			return err
		}
	}
	s.Collector.Breaker = s.Collector.Breaker || r.breakage.breaker && !s.BreakerDecided
	r.plan = simulate.NewPlan(r.breakage.faults, rand)
	if s.Loaded() || len(s.Capacities) > 0 {
		r.turn = turnOf(s)
	}
	if s.Loaded() {
		r.series = newSeries(s)
	}
	r.plan.Bound(s.Capacities, r.turn, bucketOf(s))
	r.source = source.NewGenerated(rand, s.HasCapacity, r.past().Last.Row)
	if r.input != nil {
		r.source = r.input
	}
	// Of real records on the real clock, nothing takes time but what is real, and faults.
	instant := r.input != nil && !s.Virtual()
	channels := make([]nodes.Channel, len(s.Channels))
	for i := range r.outlets {
		channels[i] = r.plan.Channel(r.outlet(i))
	}
	for i, name := range s.Channels[len(r.outlets):] { // all of them, or none
		served := s.HasCapacity(catalog.ChannelPlace(name))
		channels[i] = r.plan.Channel(channel.NewSimulated(name, rand, served || instant))
	}
	transform, err := nodes.NewProcessor(s, rand, instant || s.HasCapacity(catalog.PlaceRecord))
	if err != nil {
		return err
	}
	if r.replay != nil {
		transform = r.replay.transform(transform)
	}
	r.parts = nodes.Parts{
		Source:    r.plan.Source(r.source),
		Transform: r.plan.Processor(transform),
		Channels:  channels,
		Spool:     r.spool(),
		Rand:      rand,
		Turn:      r.turn,
	}
	if r.series != nil {
		r.parts.Tally = r.series.tally
	}
	r.pipelines = make([]*nodes.Pipeline, max(1, s.Clients))
	first, err := r.client(0)
	if err != nil {
		return err
	}
	r.ledger, r.totals = newLedger(r.output, r.replay), newTotals()
	if last := r.past().Last; last.Number > 0 {
		r.ledger.resume(&last.Ledger, last.Row)
		r.count = last.Number
	}
	r.recorder = newRecorder(first.Graph.Nodes(), r.breakerNames(), r.countOnly && !s.Drill())
	observe := r.recorder.observe
	if r.replay != nil {
		observe = both(observe, r.replay.observe)
	}
	if r.observe != nil {
		observe = both(observe, r.observe)
	}
	r.stream = workflow.NewStream(observe)
	r.stream.Classify = func(err error) string { return string(errhandler.Classify(err)) }
	return nil
}

func both(first, second func(workflow.Event)) func(workflow.Event) {
	return func(e workflow.Event) {
		first(e)
		second(e)
	}
}

// client is the pipeline of one client, which is made when the first pass is dealt to it: what clients share is in the
// parts, what each has for itself, such as its breakers and its cache, is in the pipeline.
func (r *run) client(i int) (*nodes.Pipeline, error) {
	if r.pipelines[i] == nil {
		parts := r.parts
		parts.Client = i
		p, err := nodes.New(&r.settings, parts)
		if err != nil {
			return nil, err
		}
		p.Graph.Attach(workflow.Hooks[*nodes.State]{BeforePrep: func(ctx context.Context, node string, s *nodes.State) {
			if r.hooks.BeforePrep != nil {
				r.hooks.BeforePrep(ctx, node, s)
			}
		}})
		r.pipelines[i] = p
	}
	return r.pipelines[i], nil
}

// breakage is what is to break in a run, decided before it begins.
type breakage struct {
	// faults are those that were given by hand, then those of the profile; described is what reports say of them.
	faults    []fault.Fault
	described []report.Fault
	// breaker says that the profile puts in the collector's breaker.
	breaker bool
	// drawn says that the profile was drawn from the seed. If it was not, the breakage is that of all seeds.
	drawn bool
}

func newBreakage(s *settings.Settings, rand nodes.Rand) (*breakage, error) {
	b := &breakage{faults: s.Faults}
	if s.SimulateFailures {
		profile, err := fault.NewProfile(s.FailureType, s.Channels, func(use string) float64 {
			b.drawn = true
			return rand(nodes.Key{Place: "profile", Use: use})
		})
		if err != nil {
			return nil, err
		}
		b.faults, b.breaker = slices.Concat(s.Faults, profile.Faults), profile.Breaker
	}
	b.described = describe(b.faults, len(s.Faults))
	return b, nil
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
	s := &r.settings
	for _, node := range catalog.GuardedNodes() {
		switch {
		case !s.Policy(node).Breaker:
		case node == catalog.Delivery: // one for each channel
			for _, c := range s.Channels {
				names = append(names, catalog.ChannelPlace(c).Breaker())
			}
		default:
			names = append(names, string(node))
		}
	}
	return names
}

// A run whose input decides the number of cycles gives up once this many cycles in a row, over at least this long,
// could read nothing. It is longer than a breaker with default settings needs to try the source twice.
const (
	stallCycles = 10
	stallFor    = 2 * time.Minute
	stallPause  = 100 * time.Millisecond
)

// loop runs cycle after cycle.
func (r *run) loop(ctx context.Context) {
	name := r.name()
	lastRead, idle := time.Now(), 0
	for n := r.count + 1; r.settings.Cycles == 0 || n <= r.settings.Cycles; n++ {
		if r.input != nil {
			r.input.Await(ctx)
		}
		began := time.Now()
		if r.settings.For > 0 && r.stream.Elapsed() >= r.settings.For {
			return
		}
		r.stream.StartCycle(n)
		rows := r.ledger.cycle()
		state := nodes.NewState(name, n, rows)
		if r.fate != nil {
			state.Arrived(func(row int64) string { return r.fate.Arrived[row] })
		}
		in := ctx
		if r.turn > 0 {
			in = workflow.WithPass(ctx, r.stream, n, r.turn, passSlot(n, lanes(&r.settings), r.turn))
		}
		err := r.pipelines[0].Graph.Run(in, state)
		r.endCycle(n, began, state, rows, err)
		if r.broken = r.keep(n); r.broken != nil || state.End || ctx.Err() != nil ||
			r.input != nil && r.input.Refused() != nil {
			return
		}
		left := state.Outcome.Spooled + state.Outcome.Undelivered
		if r.unsent = r.replay != nil && len(r.outlets) > 0 && left > 0; r.unsent {
			return
		}
		if lost := r.lost(); lost != nil {
			r.find(catalog.InputUnread, "the input could not be read to its end: "+lost.Error(), 0)
			return
		}
		if state.Outcome.Origin == catalog.FromSource {
			lastRead, idle = time.Now(), 0
		} else {
			idle++
		}
		if untilInputEnds(&r.settings) && idle >= stallCycles && time.Since(lastRead) >= stallFor {
			r.find(catalog.InputUnread,
				fmt.Sprintf("the input could not be read to its end: %d cycles in a row got nothing", idle), 0)
			return
		}
		if n == r.settings.Cycles || r.wait(ctx, began, idle > 0) != nil {
			return
		}
	}
}

// settle ends the rows that an interrupted run has read from a pipe and not collected yet, in a cycle of their own.
func (r *run) settle(ctx context.Context, left nodes.Batch) {
	if left.Len() == 0 {
		return
	}
	began, n := time.Now(), r.count+1
	r.stream.StartCycle(n)
	rows := r.ledger.cycle()
	state := nodes.NewState(r.name(), n, rows)
	r.endCycle(n, began, state, rows, r.pipelines[0].Settle(ctx, state, left))
	if r.broken == nil {
		r.broken = r.keep(n)
	}
}

// untilInputEnds tells whether the input decides the number of cycles.
func untilInputEnds(s *settings.Settings) bool { return s.Cycles == 0 && s.For == 0 }

// wait pauses until the next cycle is due.
func (r *run) wait(ctx context.Context, began time.Time, readNothing bool) error {
	s := r.settings
	pause := s.Interval - time.Since(began)
	switch {
	case s.Drill():
		pause = drillPause(&s)
	case untilInputEnds(&s) && !readNothing:
		pause = 0
	case untilInputEnds(&s): // which would else be asked again and again at once, in virtual time for ever
		pause = max(pause, stallPause)
	}
	if s.For > 0 { // the run ends with its time, not with the cycle that would be next
		pause = min(pause, s.For-r.stream.Elapsed())
	}
	if pause <= 0 {
		return ctx.Err()
	}
	return nodes.Pause(ctx, pause)
}

// endCycle notes what a cycle came to. An error here is the error handler's own: nothing was left to handle it.
func (r *run) endCycle(n int, began time.Time, s *nodes.State, rows *cycleLedger, err error) {
	if s.End && s.Outcome.Rows == 0 && n > 1 && err == nil {
		return // the input had ended with the cycle before
	}
	findings := s.Findings
	if err != nil {
		findings = append(findings, errhandler.Finding{
			Code:    catalog.HandlerFailed,
			Message: "the error handler itself failed: " + err.Error(),
		})
	}
	for _, f := range findings {
		r.find(f.Code, f.Message, n)
	}
	r.count = n
	r.totals.add(s)
	cycle := report.Cycle{
		Number:     n,
		StartMS:    ms(r.stream.Since(began)),
		DurationMS: ms(time.Since(began)),
		Verdict:    errhandler.VerdictOf(findings),
		Origin:     s.Outcome.Origin,
		Mode:       s.Outcome.Mode,
		Delivery:   s.Status,
		Channel:    s.Channel,
		Collected:  rows.collected,
		Delivered:  rows.delivered,
		Dead:       rows.dead,
		Spooled:    rows.spooled,
	}
	if r.endedCycle != nil {
		r.endedCycle(cycle)
	}
	if len(r.cycles) < report.MaxCycles {
		r.cycles = append(r.cycles, cycle)
	}
}

// find notes a finding; one that came up before is only counted. cycle is 0 for the run as a whole. Findings are told
// apart by their code: messages may hold numbers that differ from cycle to cycle, and the first one stands.
func (r *run) find(code catalog.FindingCode, message string, cycle int) {
	for i := range r.findings {
		if r.findings[i].Code == code {
			r.findings[i].Count++
			return
		}
	}
	r.findings = append(r.findings, report.NewFinding(code, message, cycle))
}

// Graph returns the graph that a run with these settings goes through.
func Graph(recovery bool) (*workflow.Graph[*nodes.State], error) {
	s := settings.Defaults()
	s.TestRecovery = recovery
	r := &run{settings: s}
	if err := r.assemble(); err != nil {
		return nil, err
	}
	return r.pipelines[0].Graph, nil
}

// complete fills in what depends on other settings, and what a drill forces.
func complete(s settings.Settings) settings.Settings {
	s = s.Complete()
	if s.Drill() {
		s = drill(s)
	}
	return s
}

// Recorded returns the settings as the reports of all runs have them, whatever their seeds. A breaker that the failure
// type puts in for some seeds only is not in them: BreakerDrawn tells of it.
func Recorded(s settings.Settings) settings.Settings {
	s = complete(s)
	all, _ := typeBreaker(&s)
	s.Collector.Breaker = s.Collector.Breaker || all
	return s
}

// BreakerDrawn tells whether each seed decides if the collector has a breaker.
func BreakerDrawn(s settings.Settings) bool {
	all, some := typeBreaker(&s)
	return some && !all && !s.Collector.Breaker
}

// typeBreaker tells whether the failure type puts the collector's breaker in, whatever is drawn, and whether it does
// for some seeds.
func typeBreaker(s *settings.Settings) (all, some bool) {
	if !s.SimulateFailures || s.BreakerDecided {
		return false, false
	}
	all = true
	for _, drawn := range []float64{0, math.Nextafter(1, 0)} {
		p, err := fault.NewProfile(s.FailureType, s.Channels, func(string) float64 { return drawn })
		all, some = all && err == nil && p.Breaker, some || err == nil && p.Breaker
	}
	return all, some
}

// outlives tells whether a run could last longer than limit, if everything that can wait waits as long as it may.
func outlives(s *settings.Settings, limit time.Duration) bool {
	if s.For > 0 {
		return float64(s.For)+longestCycle(s) > float64(limit)
	}
	return (float64(s.Interval)+longestCycle(s))*float64(max(s.Cycles, 1)) > float64(limit)
}

// longestCycle is how long a cycle could last, in nanoseconds, if everything that can wait waits as long as it may.
func longestCycle(s *settings.Settings) float64 {
	records := math.Ceil(float64(s.BatchSize) / float64(s.Workers)) // which a worker has in a batch
	// Calls in an attempt: a fetch, a batch and its records, a pass over the channels; and those beside the attempts,
	// the health check and the spool's.
	calls := map[catalog.Node]float64{
		catalog.Collector: 1,
		catalog.Processor: 1 + records,
		catalog.Delivery:  float64(len(s.Channels)),
	}
	cycle := 0.0
	for _, node := range catalog.GuardedNodes() {
		p, call := s.Policy(node), 0.0
		for _, d := range settings.All() {
			if limit, ok := d.Value(s).(time.Duration); ok && d.Node == node && d.LimitsCall {
				call += float64(limit)
			}
		}
		cycle += float64(float64(p.Attempts)*calls[node]*call) + longestWaits(s, p) + call
	}
	return cycle
}

// longestWaits is how long the waits between the attempts can be together, in nanoseconds.
func longestWaits(s *settings.Settings, p *settings.Policy) (total float64) {
	asked := 0.0
	for _, f := range s.Faults {
		asked = max(asked, float64(f.Params.RetryAfter))
	}
	wait := float64(float64(p.RetryDelay) * (1 + p.Jitter))
	for range min(p.Attempts-1, 1000) {
		if p.MaxDelay > 0 {
			wait = min(wait, float64(p.MaxDelay))
		}
		total += max(wait, asked)
		wait *= max(p.Backoff, 1)
	}
	return total + float64(max(wait, asked)*float64(max(0, p.Attempts-1001)))
}
