package nodes_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/channel"
	"faultflow/internal/errhandler"
	"faultflow/internal/fault"
	"faultflow/internal/nodes"
	"faultflow/internal/settings"
	"faultflow/internal/simulate"
	"faultflow/internal/source"
	"faultflow/internal/workflow"
)

// setup is a run of the whole pipeline. The zero value is one cycle with the default settings and nothing broken.
type setup struct {
	seed   uint64
	faults []fault.Fault
	// change amends the settings before faults are put around their parts.
	change func(*inputs)
	// cycles begin interval after one another's end, the first one at start.
	cycles          int
	start, interval time.Duration
	// hooks are attached to every node. They get the function that cancels the run.
	hooks func(cancel func()) workflow.Hooks[*nodes.State]
	// cancelAt, if it is not 0, is when the run is interrupted.
	cancelAt time.Duration
}

// outcome is what came of a setup.
type outcome struct {
	pipeline *nodes.Pipeline
	channels map[string]*channel.Simulated
	plan     *simulate.Plan
	events   []workflow.Event
	cycles   []*cycle
	took     time.Duration
	// problems are what the checks of every run found.
	problems []string
}

// cycle is one cycle's state and ledger.
type cycle struct {
	*nodes.State
	verdict catalog.Verdict
	err     error
	ledger  *ledger
	took    time.Duration
}

// inputs are what a pipeline is built from.
type inputs struct {
	settings.Settings
	nodes.Parts
}

// defaults are the settings of docs/original.md with generated records, simulated channels and a spool.
func defaults(seed uint64) inputs {
	rand := simulate.Rand(seed)
	in := inputs{settings.Defaults(), nodes.Parts{
		Source:    source.NewGenerated(rand, unserved, 0),
		Transform: nodes.Doubler{Rand: rand},
		Spool:     channel.MemorySpool{},
		Rand:      rand,
	}}
	in.BatchSize, in.Clock = 30, settings.ClockVirtual
	for _, name := range in.Settings.Channels {
		in.Parts.Channels = append(in.Parts.Channels, channel.NewSimulated(name, rand, false))
	}
	return in
}

// graphOf is the name of the graph with or without recovery nodes.
func graphOf(recovery bool) string {
	if recovery {
		return settings.GraphRecovery
	}
	return settings.GraphStandard
}

// draws are the numbers that make a profile in a run with the seed.
func draws(seed uint64) func(use string) float64 {
	rand := simulate.Rand(seed)
	return func(use string) float64 { return rand(nodes.Key{Place: "profile", Use: use}) }
}

// run makes the run in virtual time and checks what must hold for every run: it ends without an error, nothing is left
// running, and every row ends in exactly one place.
func (s setup) run(t interface {
	Helper()
	Errorf(string, ...any)
}) *outcome {
	t.Helper()
	o := &outcome{channels: map[string]*channel.Simulated{}}
	if err := simulate.Virtually(func() { s.inBubble(o) }); err != nil {
		o.problem("the run ends with %v", err)
		if p, ok := errors.AsType[*workflow.PanicError](err); ok {
			o.problem("%s", p.Stack)
		}
	}
	for _, p := range o.problems {
		t.Errorf("%v\n%s", faultNames(s.faults), p)
	}
	return o
}

func (o *outcome) problem(format string, args ...any) {
	o.problems = append(o.problems, fmt.Sprintf(format, args...))
}

func (s setup) inBubble(o *outcome) {
	in := defaults(s.seed)
	if s.change != nil {
		s.change(&in)
	}
	for _, c := range in.Parts.Channels {
		if sim, ok := c.(*channel.Simulated); ok {
			o.channels[sim.Name()] = sim
		}
	}
	o.plan = simulate.NewPlan(s.faults, simulate.Rand(s.seed))
	watched := &watchedSource{Source: o.plan.Source(in.Source)}
	in.Source, in.Transform, in.Parts.Spool = watched, o.plan.Processor(in.Transform), o.plan.Spool(in.Parts.Spool)
	for i, c := range in.Parts.Channels {
		in.Parts.Channels[i] = o.plan.Channel(c)
	}
	pipeline, err := nodes.New(&in.Settings, in.Parts)
	if err != nil {
		o.problem("New: %v", err)
		return
	}
	o.pipeline = pipeline
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if s.hooks != nil {
		pipeline.Graph.Attach(s.hooks(cancel))
	}
	began := time.Now()
	var cache []identity
	stream := workflow.NewStream(func(e workflow.Event) {
		o.events = append(o.events, e)
		if e.Kind == workflow.NodeDone && e.Node == string(catalog.Collector) && e.Detail == string(nodes.Success) &&
			len(watched.valid) > 0 {
			cache = watched.valid
		}
	})
	stream.Classify = func(err error) string { return string(errhandler.Classify(err)) }
	ctx = workflow.WithStream(ctx, stream)
	time.Sleep(s.start)
	if s.cancelAt > 0 {
		defer time.AfterFunc(s.cancelAt, cancel).Stop()
	}
	for n := 1; n <= max(s.cycles, 1) && ctx.Err() == nil; n++ {
		if n > 1 && s.interval > 0 {
			if nodes.Pause(ctx, s.interval) != nil {
				break
			}
		}
		stream.StartCycle(n)
		cycleBegan := time.Now()
		b := &ledger{source: watched, cache: cache, origin: catalog.FromNowhere}
		c := &cycle{State: nodes.NewState("run", n, b), ledger: b}
		o.cycles = append(o.cycles, c)
		c.err = pipeline.Graph.Run(ctx, c.State)
		c.took = time.Since(cycleBegan)
		c.verdict = errhandler.VerdictOf(c.Findings)
		o.check(c)
	}
	o.took = time.Since(began)
	o.checkStored(in.Delivery.Attempts) // with channels of another sort there is nothing to compare
}

// check holds for every cycle of every run.
func (o *outcome) check(c *cycle) {
	bad := func(format string, args ...any) {
		o.problem("cycle %d: %s", c.Cycle, fmt.Sprintf(format, args...))
	}
	if c.err != nil {
		bad("Graph.Run: %v", c.err)
	}
	for _, p := range c.ledger.problems {
		bad("%s", p)
	}
	if c.ledger.source.handed != nil {
		bad("%d fetched rows were never collected", len(c.ledger.source.handed))
		c.ledger.source.handed = nil
	}
	in, out := c.ledger.in, c.ledger.out()
	for id, n := range in {
		if out[id] != n {
			bad("%v was collected %d times and ended %d times", id, n, out[id])
		}
	}
	for id, n := range out {
		if in[id] == 0 {
			bad("%v ended %d times and was never collected", id, n)
		}
	}
	b, got := c.ledger, c.Outcome
	if got.Delivered != len(b.delivered) || got.Spooled != len(b.spooled) || got.Origin != b.origin {
		bad(
			"outcome %+v does not fit the ledger: %d delivered, %d spooled, from %q",
			got,
			len(b.delivered),
			len(b.spooled),
			b.origin,
		)
	}
	failed := got.Undelivered > 0 || got.Abandoned > 0 || got.Origin == catalog.FromNowhere && !got.Cancelled
	if (c.verdict == catalog.Failed) != failed {
		bad("verdict %s of outcome %+v", c.verdict, got)
	}
	if c.verdict == catalog.Success &&
		(len(b.spooled) > 0 || len(got.Errors) > 0 || got.Cancelled || b.origin != catalog.FromSource) {
		bad("verdict success of outcome %+v", got)
	}
	wantStatus := catalog.DeliveryFailed
	switch n := len(b.delivered) + len(b.spooled) + got.Undelivered + got.Refused; {
	case n == 0:
		wantStatus = catalog.NothingToDeliver
	case len(b.delivered) == n:
		wantStatus = catalog.Delivered
	case len(b.delivered) > 0:
		wantStatus = catalog.PartlyDelivered
	case len(b.spooled) == n:
		wantStatus = catalog.DeliveredToSpool
	}
	if c.Status != wantStatus {
		bad("delivery status %q, want %q", c.Status, wantStatus)
	}
}

// checkStored compares what the channels kept with what the ledger says: they have every delivered record, and beyond
// these only the possible duplicates, at most one for each time that they were sent. Records that were given up may
// have arrived too.
func (o *outcome) checkStored(passes int) {
	sent := int64(passes + len(o.channels))
	var stored, delivered, perhaps int64
	for _, c := range o.channels {
		stored += c.Stored()
	}
	for _, c := range o.cycles {
		delivered += int64(c.Outcome.Delivered)
		perhaps += int64(c.Outcome.PossibleDuplicates + c.Outcome.Undelivered)
	}
	if len(o.channels) == len(o.pipeline.Channels()) && (stored < delivered || stored > delivered+sent*perhaps) {
		o.problem(
			"channels keep %d records; %d were delivered, and %d may have arrived more than once",
			stored,
			delivered,
			perhaps,
		)
	}
}

// identity tells rows apart.
type identity struct {
	id   string
	line int64
}

func identify(r nodes.Record) identity { return identity{r.ID, r.Line} }

// watchedSource notes what the collector was given.
type watchedSource struct {
	nodes.Source
	handed []identity // given, and not yet collected
	valid  []identity // the valid records among the rows given last
}

func (s *watchedSource) Fetch(ctx context.Context, n int) (nodes.Batch, error) {
	b, err := s.Source.Fetch(ctx, n)
	if err != nil && err != io.EOF || b.Len() == 0 {
		return b, err
	}
	s.valid = nil
	for _, r := range b.Records {
		s.handed = append(s.handed, identify(r)) // rows given before and lost would be here still
		if r.Validate() == nil && !slices.Contains(s.valid, identify(r)) {
			s.valid = append(s.valid, identify(r))
		}
	}
	for _, r := range b.Rejected {
		s.handed = append(s.handed, identity{line: r.Line})
	}
	return b, err
}

// ledger notes where every row of a cycle ends.
type ledger struct {
	source *watchedSource
	cache  []identity

	origin    catalog.Origin
	in        map[identity]int
	delivered []nodes.Processed
	byChannel map[string]int
	keys      []string
	spooled   []nodes.Processed
	dead      []nodes.DeadLetter
	offset    int
	problems  []string
}

func (b *ledger) Collected(o catalog.Origin, rows int, _ int64) {
	if len(b.in) > 0 {
		b.problems = append(b.problems, "rows were collected twice")
	}
	var from []identity
	switch o {
	case catalog.FromSource:
		from, b.source.handed = b.source.handed, nil
	case catalog.FromFreshCache, catalog.FromStaleCache:
		from = b.cache
	case catalog.FromDefault:
		for i := range nodes.DefaultRecords {
			from = append(from, identity{id: "fallback_" + strconv.Itoa(i)})
		}
	}
	b.origin, b.in = o, map[identity]int{}
	for _, id := range from {
		b.in[id]++
	}
	if rows != len(from) {
		b.problems = append(b.problems, fmt.Sprintf("%d rows were collected from %s, which has %d", rows, o, len(from)))
	}
}

func (b *ledger) Delivered(channel string, d nodes.Delivery) {
	if b.byChannel == nil {
		b.byChannel = map[string]int{}
	}
	b.byChannel[channel] += len(d.Records)
	b.delivered = append(b.delivered, d.Records...)
	b.accept(d)
}

func (b *ledger) Spooled(d nodes.Delivery) {
	b.spooled = append(b.spooled, d.Records...)
	b.accept(d)
}

// accept checks the idempotency key: it says where in the cycle's batch the delivery begins, so no two share one.
func (b *ledger) accept(d nodes.Delivery) {
	b.keys = append(b.keys, d.Key)
	if !strings.HasSuffix(d.Key, "/"+strconv.Itoa(b.offset)) || slices.Contains(b.keys[:len(b.keys)-1], d.Key) {
		b.problems = append(b.problems, fmt.Sprintf("key %s at offset %d, after %v", d.Key, b.offset, b.keys))
	}
	b.offset += len(d.Records)
	for _, r := range d.Records {
		if r.Mode == catalog.ModeNormal || r.Mode == catalog.ModePartial {
			if r.ProcessedValue != 2*r.Value || r.Quality < nodes.MinQuality || r.Quality >= nodes.MaxQuality {
				b.problems = append(b.problems, fmt.Sprintf("processed wrongly: %+v", r))
			}
		} else if r.Mode == catalog.ModeFallback && (r.ProcessedValue != r.Value || r.Quality != 0) {
			b.problems = append(b.problems, fmt.Sprintf("passed through wrongly: %+v", r))
		}
	}
}

func (b *ledger) DeadLetter(l nodes.DeadLetter) {
	b.dead = append(b.dead, l)
	if l.Reason == "" || l.Class == "" || l.Place == "" {
		b.problems = append(b.problems, fmt.Sprintf("dead letter without reason, class or place: %+v", l))
	}
}

// out counts how often each row ended somewhere.
func (b *ledger) out() map[identity]int {
	out := map[identity]int{}
	for _, r := range slices.Concat(b.delivered, b.spooled) {
		out[identify(r.Record)]++
	}
	for _, l := range b.dead {
		out[identify(l.Record)]++
	}
	return out
}

// deadBy counts the cycle's dead letters by place, class and reason.
func (b *ledger) deadBy() map[string]int {
	count := map[string]int{}
	for _, l := range b.dead {
		count[fmt.Sprintf("%s %s: %s", l.Place, l.Class, l.Reason)]++
	}
	return count
}

// codes are the findings of the cycle.
func (c *cycle) codes() (codes []catalog.FindingCode) {
	for _, f := range c.Findings {
		codes = append(codes, f.Code)
	}
	return codes
}

// find returns the events of a kind in order.
func (o *outcome) find(kind catalog.EventKind) (events []workflow.Event) {
	for _, e := range o.events {
		if e.Kind == workflow.Kind(kind) {
			events = append(events, e)
		}
	}
	return events
}

// channel returns what the pipeline says of a channel.
func (o *outcome) channel(name string) nodes.ChannelStats {
	for _, c := range o.pipeline.Channels() {
		if c.Name == name {
			return c
		}
	}
	return nodes.ChannelStats{}
}

// visited are the nodes of a cycle in order.
func (o *outcome) visited(cycle int) (names []catalog.Node) {
	for _, e := range o.find(catalog.NodeStarted) {
		if e.Cycle == cycle {
			names = append(names, catalog.Node(e.Node))
		}
	}
	return names
}

// fault reads a fault of the pipeline with the default channels.
func aFault(t testing.TB, spec string) fault.Fault {
	t.Helper()
	f, err := fault.Parse(spec)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func faults(t testing.TB, specs ...string) (list []fault.Fault) {
	t.Helper()
	for _, spec := range specs {
		list = append(list, aFault(t, spec))
	}
	return list
}

func faultNames(faults []fault.Fault) (names []string) {
	for _, f := range faults {
		names = append(names, f.String())
	}
	return names
}

// batches is a source with given answers, one for each fetch; afterwards it is at its end. It does not heed its
// context: an answer that takes longer than the collector waits comes late, but it comes.
type batches struct {
	answers []answer
	calls   int
	asked   []int
}

type answer struct {
	batch nodes.Batch
	err   error
	takes time.Duration
}

func (s *batches) Name() string                 { return "batches" }
func (s *batches) Health(context.Context) error { return nil }

func (s *batches) Fetch(_ context.Context, n int) (nodes.Batch, error) {
	s.asked = append(s.asked, n)
	s.calls++
	if s.calls > len(s.answers) {
		return nodes.Batch{}, io.EOF
	}
	a := s.answers[s.calls-1]
	time.Sleep(a.takes)
	return a.batch, a.err
}

// recordsFrom makes n valid records from a line on.
func recordsFrom(line int64, n int) (records []nodes.Record) {
	for i := range int64(n) {
		at := line + i
		records = append(records, nodes.Record{ID: fmt.Sprint("r", at), Value: float64(at), Row: at, Line: at})
	}
	return records
}

// scripted is a channel whose answers are given; after them it takes everything.
type scripted struct {
	name       string
	idempotent bool
	answers    []func(ctx context.Context, d nodes.Delivery) (int, error)
	got        []nodes.Delivery
}

func (c *scripted) Name() string     { return c.name }
func (c *scripted) Idempotent() bool { return c.idempotent }

func (c *scripted) Deliver(ctx context.Context, d nodes.Delivery) (int, error) {
	c.got = append(c.got, nodes.Delivery{Key: d.Key, Records: slices.Clone(d.Records)})
	if i := len(c.got); i <= len(c.answers) {
		return c.answers[i-1](ctx, d)
	}
	return len(d.Records), nil
}

var errRefused = errors.New("refused")

func refuse(context.Context, nodes.Delivery) (int, error) { return 0, errRefused }

// take accepts the first n records and fails for the others.
func take(n int, err error) func(context.Context, nodes.Delivery) (int, error) {
	return func(context.Context, nodes.Delivery) (int, error) { return n, err }
}

// hang waits to be cancelled.
func hang(ctx context.Context, _ nodes.Delivery) (int, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

// plain is a processor that takes no time.
type plain struct{}

func (plain) Begin(context.Context, []nodes.Record) error { return nil }

func (plain) Process(_ context.Context, r nodes.Record) (nodes.Processed, error) {
	return nodes.Processed{Record: r, ProcessedValue: 2 * r.Value, Quality: nodes.MinQuality, Mode: catalog.ModeNormal},
		nil
}

// instant makes everything take no time that a test does not give a time: no latency, no waiting between attempts, one
// worker. The source and the channels are given.
func instant(s *inputs, from nodes.Source, channels ...nodes.Channel) {
	s.Source, s.Transform, s.Workers = from, plain{}, 1
	if channels == nil {
		channels = []nodes.Channel{&scripted{name: "only"}}
	}
	s.Parts.Channels = channels
	for _, p := range []*settings.Policy{&s.Collector, &s.Processor, &s.Delivery} {
		p.RetryDelay, p.Jitter = 0, 0
	}
}

// rowsOf is a source that answers at once with batches of valid records, n rows each.
func rowsOf(n, batchCount int) *batches {
	s := &batches{}
	for i := range batchCount {
		s.answers = append(s.answers, answer{batch: nodes.Batch{Records: recordsFrom(int64(1+i*n), n)}})
	}
	return s
}

// lines are the lines of processed records in order.
func lines(records []nodes.Processed) (out []int64) {
	for _, r := range records {
		out = append(out, r.Line)
	}
	return out
}

// upTo are the numbers from low to high.
func upTo(low, high int64) (out []int64) {
	for i := low; i <= high; i++ {
		out = append(out, i)
	}
	return out
}

// unserved are the places without a capacity: all of them.
func unserved(catalog.Place) bool { return false }
