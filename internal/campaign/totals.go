package campaign

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/expect"
	"faultflow/internal/report"
)

// totals are a campaign's document while it is made: add adds a run, merge the totals of other runs, and finish
// computes shares, intervals, means and quantiles. Whatever the order and the grouping of runs, the result is the same.
// A new measure is a field of report.Campaign and a line of add; merge and finish go by the types of the fields.
type totals report.Campaign

func newTotals() *totals {
	return &totals{
		Schema:   report.CampaignSchema,
		Errors:   report.CampaignErrors{ByClass: map[string]report.Tally{}},
		Origins:  map[string]report.Tally{},
		Modes:    map[string]report.Tally{},
		Findings: map[string]report.Tally{},
	}
}

// add adds a run. The report may be overwritten afterwards.
func (t *totals) add(r *report.Report, repeat func(seed uint64) string) {
	t.Runs++
	switch r.Verdict {
	case catalog.Success:
		t.Verdict.Success.Count++
	case catalog.Degraded:
		t.Verdict.Degraded.Count++
	case catalog.Failed:
		t.Verdict.Failed.Count++
	}
	record(&t.DurationMS, int64(math.Round(r.DurationMS*perMS)), perMS)
	for i, n := range r.Nodes {
		node := at(&t.Nodes, i)
		node.Name = string(n.Name)
		record(&node.Attempts, int64(n.Attempts), perCount)
	}
	for i, a := range r.Amplification {
		dependency := at(&t.Dependencies, i)
		dependency.Place = string(a.Place)
		dependency.Units += a.Units
		record(&dependency.Calls, a.Calls, perCount)
	}
	for _, b := range r.Breakers {
		breaker := breakerOf(&t.Breakers, b.Name)
		breaker.Armed++
		breaker.Calls += b.Calls
		breaker.Rejected += b.Rejected
		count(&breaker.Opened, b.Opened)
		if b.Opened > 0 {
			record(&breaker.CallsBeforeOpen, b.CallsBeforeOpen, perCount)
		}
	}
	t.Ledger.Collected += r.Ledger.Collected
	t.Ledger.FromSource += r.Ledger.FromSource
	t.Ledger.FromCache += r.Ledger.FromCache
	t.Ledger.FromDefault += r.Ledger.FromDefault
	t.Ledger.Delivered += r.Ledger.Delivered
	t.Ledger.DeliveredFromSource += r.Ledger.DeliveredFromSource
	t.Ledger.DeliveredCopies += r.Ledger.DeliveredCopies
	t.Ledger.DeadLettered += r.Ledger.DeadLettered
	t.Ledger.Spooled += r.Ledger.Spooled
	t.Ledger.Lost += r.Ledger.Lost
	t.Errors.Total += int64(r.Errors.Total)
	t.Errors.Handled += int64(r.Errors.Handled)
	countAll(t.Errors.ByClass, r.Errors.ByClass)
	count(&t.Errors.Degradation, r.Errors.ByClass[errhandler.Degradation]-r.Rejected())
	countAll(t.Origins, r.Collection.Origins)
	countAll(t.Modes, r.Processing.Modes)
	for _, f := range r.Findings {
		countIn(t.Findings, string(f.Code), f.Count)
	}
	for i, p := range r.Patterns {
		pattern := at(&t.Patterns, i)
		pattern.Name = string(p.Name)
		count(&pattern.Demonstrated, p.Count)
		if p.State != catalog.Off {
			pattern.Armed++
		}
	}
	for i, f := range r.Faults {
		addFault(at(&t.Faults, i), &f)
	}
	t.addRecovery(r)
	t.addSeed(r, repeat)
}

// inspect notes what the run broke of what every run must keep.
func (t *totals) inspect(r *report.Report, repeat func(seed uint64) string) {
	for _, problem := range problems(r) {
		t.Violations.Count++
		v := report.Violation{Seed: r.Seed, Problem: problem, Repeat: repeat(r.Seed)}
		keep(&t.Violations.List, v, report.MaxViolations, firstSeed)
	}
}

// judge adds what expectations come to over a run. A run in which one shows nothing is not of those that it is a share
// of.
func (t *totals) judge(r *report.Report, expectations []*expect.Condition, repeat func(seed uint64) string) error {
	outcomes, err := expect.Run(r, expectations)
	for i, o := range outcomes {
		e := at(&t.Expect, i)
		e.Condition = expectations[i].Source
		switch o.Status {
		case report.TestPassed:
			e.Count++
			e.Of++
		case report.TestFailed:
			e.Of++
			if run := (report.FailingRun{Seed: r.Seed}); belongs(e.Failing, run, report.MaxSeedRuns, firstFailing) {
				run.Repeat = repeat(r.Seed)
				keep(&e.Failing, run, report.MaxSeedRuns, firstFailing)
			}
		default:
			e.Inconclusive++
		}
	}
	return err
}

// at returns the i-th element of a list, which grows to it.
func at[T any](list *[]T, i int) *T {
	for len(*list) <= i {
		*list = append(*list, *new(T))
	}
	return &(*list)[i]
}

// breakerOf returns the breaker of that name. A breaker may be there in some runs only, so that they are sorted by
// name.
func breakerOf(list *[]report.CampaignBreaker, name string) *report.CampaignBreaker {
	i, found := slices.BinarySearchFunc(*list, name, func(b report.CampaignBreaker, name string) int {
		return strings.Compare(b.Name, name)
	})
	if !found {
		*list = slices.Insert(*list, i, report.CampaignBreaker{Name: name})
	}
	return &(*list)[i]
}

// count adds what happened n times in a run.
func count(t *report.Tally, n int) {
	if n > 0 {
		t.Count += int64(n)
		t.Runs.Count++
	}
}

func countIn(tallies map[string]report.Tally, name string, n int) {
	if n > 0 {
		t := tallies[name]
		count(&t, n)
		tallies[name] = t
	}
}

func countAll[K ~string](tallies map[string]report.Tally, counts map[K]int) {
	for name, n := range counts {
		countIn(tallies, string(name), n)
	}
}

// addFault adds a fault of a run. A probability that is drawn from the seed makes it another one in each run; what it
// is in all of them is its place and kinds.
func addFault(to *report.CampaignFault, f *report.Fault) {
	switch to.Fault {
	case "":
		to.Fault, to.Place, to.Class = f.Spec, string(f.Place), f.Class
		to.Declared, to.MayNotFire = f.Declared, f.MayNotFire
	case f.Spec:
	default:
		to.Fault = string(f.Place) + "=" + f.Kind
	}
	to.Observed.Count += f.Fired
	to.Observed.Of += f.Armed
	addExpected(to, int64(math.Round(f.Probability*million))*f.Armed)
}

// million is the fraction to which expected hits are rounded, so that those of parts add up exactly.
const million = 1e6

func addExpected(f *report.CampaignFault, millionths int64) {
	f.Expected = float64(int64(math.Round(f.Expected*million))+millionths) / million
}

// addRecovery adds what the load of a run came to.
func (t *totals) addRecovery(r *report.Report) {
	if r.Passes.Offered == 0 {
		return
	}
	t.Recovery.Offered += r.Passes.Offered
	t.Recovery.Ended += r.Passes.Ended
	t.Recovery.Good += r.Passes.Good
	t.Recovery.Of(r.Recovery.State).Count++
	if r.Recovery.State == catalog.CameBack {
		record(&t.Recovery.AfterMS, int64(math.Round(r.Recovery.AfterMS*perMS)), perMS)
	}
}

// addSeed keeps the run if it is one of the slowest or worst.
func (t *totals) addSeed(r *report.Report, repeat func(seed uint64) string) {
	run := report.SeedRun{
		Seed:         r.Seed,
		Verdict:      r.Verdict,
		DurationMS:   r.DurationMS,
		Collected:    r.Ledger.Collected,
		Delivered:    r.Ledger.Delivered,
		Copies:       r.Ledger.DeliveredCopies,
		DeadLettered: r.Ledger.DeadLettered,
		Spooled:      r.Ledger.Spooled,
	}
	for _, f := range r.Findings {
		if f.Verdict == r.Verdict && r.Verdict != catalog.Success {
			run.Finding = f.Code
			break
		}
	}
	slow := belongs(t.Slowest, run, report.MaxSeedRuns, slower)
	bad := r.Verdict != catalog.Success && belongs(t.Worst, run, report.MaxSeedRuns, worse)
	if slow || bad {
		run.Repeat = repeat(r.Seed)
	}
	if slow {
		keep(&t.Slowest, run, report.MaxSeedRuns, slower)
	}
	if bad {
		keep(&t.Worst, run, report.MaxSeedRuns, worse)
	}
}

// The orders of the bounded lists. Seeds tell apart what is otherwise equal, so that the lists depend on no order of
// runs.
func slower(a, b report.SeedRun) int {
	return cmp.Or(cmp.Compare(b.DurationMS, a.DurationMS), cmp.Compare(a.Seed, b.Seed))
}

func worse(a, b report.SeedRun) int {
	rank := func(r report.SeedRun) int { return slices.Index(catalog.Verdicts(), r.Verdict) }
	delivered := func(r report.SeedRun) float64 { return ratio(r.Delivered-r.Copies, r.Collected) }
	return cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(delivered(a), delivered(b)), slower(a, b))
}

func firstSeed(a, b report.Violation) int {
	return cmp.Or(cmp.Compare(a.Seed, b.Seed), cmp.Compare(a.Problem, b.Problem))
}

func firstFailing(a, b report.FailingRun) int { return cmp.Compare(a.Seed, b.Seed) }

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

// ratio is 0 where there is nothing to divide by.
func ratio(a, b int64) float64 {
	if b == 0 {
		return 0
	}
	return round9(float64(a) / float64(b))
}
