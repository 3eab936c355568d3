package runner

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/nodes"
	"faultflow/internal/report"
	"faultflow/internal/resilience"
	"faultflow/internal/settings"
	"faultflow/internal/simulate"
	"faultflow/internal/workflow"
)

// passUnderWay is a pass that has begun.
type passUnderWay struct {
	number int
	began  time.Duration
	slot   time.Duration
	cancel context.CancelFunc
	// cut says that the run ended before the pass did.
	cut bool
}

// underLoad begins a pass at each arrival, whether those before have ended or not. It waits for all of them; those that
// are under way when the run's time is over are cut off, and their records drained.
func (r *run) underLoad(ctx context.Context) {
	s := &r.settings
	arrivals := simulate.NewArrivals(s.Loads, r.parts.Rand)
	load := &loadRun{run: r, lanes: lanes(s), ended: make(chan struct{}, 1), underWay: map[int]*passUnderWay{}}
	for n := 1; s.Cycles == 0 || n <= s.Cycles; n++ {
		at, more := arrivals.Next()
		if !more || s.For > 0 && at >= s.For || r.until(ctx, at) != nil || r.exhausted() {
			break
		}
		load.begin(ctx, n, at, arrivals.Client(n, s.Clients))
	}
	if s.For > 0 && r.until(ctx, s.For) == nil {
		load.cutOff()
	}
	load.wait()
}

// until waits for a time of the run.
func (r *run) until(ctx context.Context, at time.Duration) error {
	return nodes.Pause(ctx, at-r.stream.Elapsed())
}

// exhausted tells that the source has no more rows.
func (r *run) exhausted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sourceEnded
}

// loadRun is the passes of a run with a load.
type loadRun struct {
	run   *run
	lanes int
	// The fields below are under the run's lock. ended is told when the last pass under way has ended.
	underWay map[int]*passUnderWay
	waiting  bool
	ended    chan struct{}
}

// begin starts a pass in a goroutine, for which wait waits.
func (l *loadRun) begin(ctx context.Context, n int, at time.Duration, client int) {
	r := l.run
	pipeline, err := r.client(client)
	if err != nil { // the first client's was made: settings decide, and are the same
		panic(err)
	}
	p := &passUnderWay{number: n, began: at, slot: passSlot(n, l.lanes, r.turn)}
	ctx, p.cancel = context.WithCancel(workflow.WithPass(ctx, r.stream, n, r.turn, p.slot))
	r.mu.Lock()
	l.underWay[n] = p
	r.series.began(at)
	r.mu.Unlock()
	go func() {
		defer p.cancel()
		workflow.AwaitOwn(ctx)
		began := time.Now()
		rows := r.ledger.cycle()
		state := nodes.NewState(r.name(), n, rows)
		err := pipeline.Graph.Run(ctx, state)
		l.end(p, began, state, rows, err)
	}()
}

// end notes what a pass came to.
func (l *loadRun) end(p *passUnderWay, began time.Time, state *nodes.State, rows *cycleLedger, err error) {
	r := l.run
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.cut { // which is no finding of the pass's, nor of the run's
		state.Findings, state.Outcome.Cancelled = nil, false
	} else {
		r.series.ended(p.began, r.stream.Elapsed(), good(state))
	}
	r.sourceEnded = r.sourceEnded || state.End
	r.endCycle(p.number, began, state, rows, err)
	delete(l.underWay, p.number)
	if l.waiting && len(l.underWay) == 0 {
		l.ended <- struct{}{}
	}
}

// good passes delivered what they collected from the source, and no copy of it.
func good(s *nodes.State) bool {
	return s.Outcome.Origin == catalog.FromSource && s.Status == catalog.Delivered
}

// cutOff cancels the passes under way, each in its own part of a turn, since what one gives back another one may take,
// and beside its own instants, at which it may be about to act.
func (l *loadRun) cutOff() {
	r := l.run
	r.mu.Lock()
	passes := make([]*passUnderWay, 0, len(l.underWay))
	for _, p := range l.underWay {
		passes = append(passes, p)
	}
	r.mu.Unlock()
	slices.SortFunc(passes, func(a, b *passUnderWay) int { return cmp.Compare(a.slot, b.slot) })
	for _, p := range passes {
		if r.turn > 0 {
			time.Sleep((r.turn + p.slot + workflow.Stride - 1 - r.stream.Elapsed()%r.turn) % r.turn)
		}
		r.mu.Lock()
		p.cut = l.underWay[p.number] != nil
		r.mu.Unlock()
		p.cancel()
	}
}

// wait waits for the passes under way.
func (l *loadRun) wait() {
	l.run.mu.Lock()
	l.waiting = true
	none := len(l.underWay) == 0
	l.run.mu.Unlock()
	if !none {
		<-l.ended
	}
}

// ownTurn is the period of own instants while few passes are under way: 20 µs hold 4,750 of them.
const ownTurn = 20 * time.Microsecond

// firstSlot is the first own instant in a turn that belongs to a pass; those before are of stations.
const firstSlot = 1000

// lanes is how many own instants in a turn a pass needs at most: its workers act beside each other, and
// so do the calls of a hedged attempt.
func lanes(s *settings.Settings) int {
	calls := 1
	for _, node := range catalog.GuardedNodes() {
		calls = max(calls, resilience.Lanes(*s.Policy(node)))
	}
	batch := s.BatchSize * resilience.Lanes(s.Collector) // each call of a hedged fetch may bring one
	if s.Fallback {
		batch = max(batch, nodes.DefaultRecords)
	}
	return max(1, min(s.Workers, batch)) * calls
}

// passSlot is where in a turn the n-th pass has its own instants.
func passSlot(n, lanes int, turn time.Duration) time.Duration {
	if turn == 0 {
		return 0
	}
	width := time.Duration(lanes * workflow.Stride)
	return firstSlot + time.Duration(n)%((turn-firstSlot)/width)*width
}

// turnOf is the shortest period that has own instants for all passes that can be under way at once.
func turnOf(s *settings.Settings) time.Duration {
	if !s.Virtual() {
		return 0
	}
	needed := time.Duration(underWay(s)+1) * time.Duration(lanes(s)*workflow.Stride)
	return (needed+firstSlot)/ownTurn*ownTurn + ownTurn
}

// underWay bounds the number of passes that can be under way at once: by how many begin while the longest one lasts,
// and by how many begin at all.
func underWay(s *settings.Settings) int {
	if !s.Loaded() {
		return 1
	}
	peak, all := 0.0, 0.0
	for _, l := range s.Loads {
		peak += l.Peak()
		all += l.Passes(s.For)
	}
	if s.For == 0 || s.Cycles > 0 && float64(s.Cycles) < all {
		all = float64(s.Cycles)
	}
	// Five standard deviations more than the mean of a Poisson distribution.
	most := func(mean float64) float64 { return mean + float64(5*math.Sqrt(mean)) + 10 }
	return int(min(most(peak*longestCycle(s)/float64(time.Second)), most(all)))
}

// maxUnderWay bounds the passes that can be under way at once: each takes some 20 KB of memory.
const maxUnderWay = 250_000

// checkUnderWay returns a *settings.Error for a load of which memory could not hold the passes.
func checkUnderWay(s *settings.Settings) error {
	if !s.Loaded() {
		return nil
	}
	if n := underWay(s); n > maxUnderWay {
		return &settings.Error{
			Name:  "load",
			Value: s.Loads[0].String(),
			Problem: "so many passes could be under way at once that memory may not hold them; " +
				"make the load, --for, the timeouts or the waits between attempts smaller",
		}
	}
	return nil
}

// triggers are what pushes the run for a while: faults with a window, and loads.
func triggers(faults []fault.Fault, s *settings.Settings) []report.Trigger {
	var list []report.Trigger
	for _, f := range faults {
		if f.Trigger.To > 0 {
			list = append(list, report.Trigger{Spec: f.String(), FromMS: ms(f.Trigger.From), ToMS: ms(f.Trigger.To)})
		}
	}
	for _, l := range s.Loads {
		if l.Spike() {
			list = append(list, report.Trigger{Spec: l.String(), FromMS: ms(l.From), ToMS: ms(l.To)})
		}
	}
	return list
}
