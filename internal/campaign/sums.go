package campaign

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"faultflow/internal/errhandler"
	"faultflow/internal/report"
)

// sums are what runs came to, in numbers that add up: whatever the order and the grouping in which runs are added and
// sums are merged, the result is the same. Nodes, dependencies, patterns and faults are the same in every run of a
// campaign, in the same order; a breaker may be there in some runs only.
type sums struct {
	runs         int64
	verdicts     map[errhandler.Verdict]int64
	duration     *histogram
	nodes        []nodeSum
	dependencies []dependencySum
	breakers     map[string]*breakerSum
	ledger       report.CampaignLedger // its shares come last
	errors       int64
	handled      int64
	classes      tallies
	origins      tallies
	modes        tallies
	findings     tallies
	patterns     []patternSum
	faults       []faultSum
	slowest      []report.SeedRun
	worst        []report.SeedRun
	violations   report.CampaignViolations
}

type nodeSum struct {
	name     string
	attempts *histogram
}

type dependencySum struct {
	place string
	calls *histogram
	units int64
}

type breakerSum struct {
	opened     tally
	rejected   int64
	beforeOpen *histogram
}

type patternSum struct {
	name         string
	armed        int64
	demonstrated tally
}

// faultSum is a fault; its Fault is "" while no run was added.
type faultSum struct {
	report.CampaignFault
	armed, fired int64
	// expected are the hits that chance makes likely, in millionths.
	expected int64
}

const million = 1e6

type tally struct{ count, runs int64 }

func (t *tally) add(count int64) {
	if count > 0 {
		t.count, t.runs = t.count+count, t.runs+1
	}
}

func (t *tally) merge(other tally) { t.count, t.runs = t.count+other.count, t.runs+other.runs }

type tallies map[string]*tally

func (t tallies) at(name string) *tally {
	if t[name] == nil {
		t[name] = new(tally)
	}
	return t[name]
}

func (t tallies) merge(other tallies) {
	for name, o := range other {
		t.at(name).merge(*o)
	}
}

func newSums() *sums {
	return &sums{verdicts: map[errhandler.Verdict]int64{}, duration: newDurations(), breakers: map[string]*breakerSum{},
		classes: tallies{}, origins: tallies{}, modes: tallies{}, findings: tallies{}}
}

// slot returns the i-th element of a list, which grows to it.
func slot[T any](list *[]T, i int, empty func() T) *T {
	for len(*list) <= i {
		*list = append(*list, empty())
	}
	return &(*list)[i]
}

func (s *sums) node(i int) *nodeSum {
	return slot(&s.nodes, i, func() nodeSum { return nodeSum{attempts: newCounts()} })
}

func (s *sums) dependency(i int) *dependencySum {
	return slot(&s.dependencies, i, func() dependencySum { return dependencySum{calls: newCounts()} })
}

func (s *sums) pattern(i int) *patternSum {
	return slot(&s.patterns, i, func() (none patternSum) { return none })
}

func (s *sums) fault(i int) *faultSum {
	return slot(&s.faults, i, func() (none faultSum) { return none })
}

func (s *sums) breaker(name string) *breakerSum {
	if s.breakers[name] == nil {
		s.breakers[name] = &breakerSum{beforeOpen: newCounts()}
	}
	return s.breakers[name]
}

// add adds a run. The report may be overwritten afterwards.
func (s *sums) add(r *report.Report, repeat func(seed uint64) string) {
	s.runs++
	s.verdicts[r.Verdict]++
	s.duration.record(int64(math.Round(r.DurationMS * perMS)))
	for i, n := range r.Nodes {
		sum := s.node(i)
		sum.name = n.Name
		sum.attempts.record(int64(n.Attempts))
	}
	for i, a := range r.Amplification {
		sum := s.dependency(i)
		sum.place = a.Place
		sum.calls.record(a.Calls)
		sum.units += a.Units
	}
	for _, b := range r.Breakers {
		sum := s.breaker(b.Name)
		sum.opened.add(int64(b.Opened))
		sum.rejected += b.Rejected
		if b.Opened > 0 {
			sum.beforeOpen.record(b.CallsBeforeOpen)
		}
	}
	s.addLedger(report.CampaignLedger{Collected: r.Ledger.Collected, FromSource: r.Ledger.FromSource, FromCache: r.Ledger.FromCache,
		FromDefault: r.Ledger.FromDefault, Delivered: r.Ledger.Delivered, DeadLettered: r.Ledger.DeadLettered, Spooled: r.Ledger.Spooled, Lost: r.Ledger.Lost})
	s.errors += int64(r.Errors.Total)
	s.handled += int64(r.Errors.Handled)
	for class, n := range r.Errors.ByClass {
		s.classes.at(string(class)).add(int64(n))
	}
	for origin, n := range r.Collection.Origins {
		s.origins.at(string(origin)).add(int64(n))
	}
	for mode, n := range r.Processing.Modes {
		s.modes.at(mode).add(int64(n))
	}
	for _, f := range r.Findings {
		s.findings.at(f.Code).add(int64(f.Count))
	}
	for i, p := range r.Patterns {
		sum := s.pattern(i)
		sum.name = p.Name
		sum.demonstrated.add(int64(p.Count))
		if p.State != report.Off {
			sum.armed++
		}
	}
	for i, f := range r.Faults {
		s.fault(i).merge(faultSum{armed: f.Armed, fired: f.Fired, expected: int64(math.Round(f.Probability*million)) * f.Armed,
			CampaignFault: report.CampaignFault{Fault: f.Spec, Place: f.Place, Class: f.Class, Declared: f.Declared, MayNotFire: f.MayNotFire}})
	}
	s.addSeed(r, repeat)
	for _, problem := range problems(r) {
		s.violations.Count++
		keep(&s.violations.List, report.Violation{Seed: r.Seed, Problem: problem, Repeat: repeat(r.Seed)}, report.MaxViolations, firstSeed)
	}
}

func (s *sums) addLedger(o report.CampaignLedger) {
	l := &s.ledger
	l.Collected += o.Collected
	l.FromSource += o.FromSource
	l.FromCache += o.FromCache
	l.FromDefault += o.FromDefault
	l.Delivered += o.Delivered
	l.DeadLettered += o.DeadLettered
	l.Spooled += o.Spooled
	l.Lost += o.Lost
}

// merge adds another sum of the same fault. A probability that is drawn from the seed makes it another one in each run;
// what is left of it then is its place and kinds.
func (f *faultSum) merge(o faultSum) {
	switch {
	case f.Fault == "":
		f.CampaignFault = o.CampaignFault
	case f.Fault != o.Fault && o.Fault != "":
		f.Fault, _, _ = strings.Cut(f.Fault, ",")
	}
	f.armed += o.armed
	f.fired += o.fired
	f.expected += o.expected
}

// addSeed keeps the run if it is one of the slowest or worst.
func (s *sums) addSeed(r *report.Report, repeat func(seed uint64) string) {
	run := report.SeedRun{Seed: r.Seed, Verdict: r.Verdict, DurationMS: r.DurationMS, Collected: r.Ledger.Collected,
		Delivered: r.Ledger.Delivered, DeadLettered: r.Ledger.DeadLettered, Spooled: r.Ledger.Spooled}
	for _, f := range r.Findings {
		if f.Verdict == r.Verdict && r.Verdict != errhandler.Success {
			run.Finding = f.Code
			break
		}
	}
	slow := belongs(s.slowest, run, report.MaxSeedRuns, slower)
	bad := r.Verdict != errhandler.Success && belongs(s.worst, run, report.MaxSeedRuns, worse)
	if slow || bad {
		run.Repeat = repeat(r.Seed)
	}
	if slow {
		keep(&s.slowest, run, report.MaxSeedRuns, slower)
	}
	if bad {
		keep(&s.worst, run, report.MaxSeedRuns, worse)
	}
}

// The orders of the bounded lists. Seeds tell apart what is otherwise equal, so that the lists depend on no order.
func slower(a, b report.SeedRun) int {
	return cmp.Or(cmp.Compare(b.DurationMS, a.DurationMS), cmp.Compare(a.Seed, b.Seed))
}

func worse(a, b report.SeedRun) int {
	rank := func(r report.SeedRun) int { return slices.Index(errhandler.Verdicts(), r.Verdict) }
	return cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(deliveredShare(a), deliveredShare(b)), slower(a, b))
}

func deliveredShare(r report.SeedRun) float64 { return ratio(r.Delivered, r.Collected) }

func firstSeed(a, b report.Violation) int {
	return cmp.Or(cmp.Compare(a.Seed, b.Seed), cmp.Compare(a.Problem, b.Problem))
}

// belongs tells whether keep would keep v.
func belongs[T any](list []T, v T, most int, order func(a, b T) int) bool {
	return len(list) < most || order(v, list[len(list)-1]) < 0
}

// keep puts v into a sorted list of the first so many.
func keep[T any](list *[]T, v T, most int, order func(a, b T) int) {
	if !belongs(*list, v, most, order) {
		return
	}
	i, _ := slices.BinarySearchFunc(*list, v, order)
	*list = slices.Insert(*list, i, v)
	*list = (*list)[:min(len(*list), most)]
}

// merge adds other sums of the same campaign.
func (s *sums) merge(o *sums) {
	s.runs += o.runs
	for v, n := range o.verdicts {
		s.verdicts[v] += n
	}
	s.duration.merge(o.duration)
	for i, n := range o.nodes {
		sum := s.node(i)
		sum.name = n.name
		sum.attempts.merge(n.attempts)
	}
	for i, d := range o.dependencies {
		sum := s.dependency(i)
		sum.place = d.place
		sum.calls.merge(d.calls)
		sum.units += d.units
	}
	for name, b := range o.breakers {
		sum := s.breaker(name)
		sum.opened.merge(b.opened)
		sum.rejected += b.rejected
		sum.beforeOpen.merge(b.beforeOpen)
	}
	s.addLedger(o.ledger)
	s.errors += o.errors
	s.handled += o.handled
	s.classes.merge(o.classes)
	s.origins.merge(o.origins)
	s.modes.merge(o.modes)
	s.findings.merge(o.findings)
	for i, p := range o.patterns {
		sum := s.pattern(i)
		sum.name = p.name
		sum.armed += p.armed
		sum.demonstrated.merge(p.demonstrated)
	}
	for i, f := range o.faults {
		s.fault(i).merge(f)
	}
	for _, r := range o.slowest {
		keep(&s.slowest, r, report.MaxSeedRuns, slower)
	}
	for _, r := range o.worst {
		keep(&s.worst, r, report.MaxSeedRuns, worse)
	}
	s.violations.Count += o.violations.Count
	for _, v := range o.violations.List {
		keep(&s.violations.List, v, report.MaxViolations, firstSeed)
	}
}
