package compare

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
	"faultflow/internal/stats"
)

// Gap is something that a gate was asked for and could not judge. A gate with a gap has proved nothing there.
type Gap struct {
	// Comparison is the name of the documents; "" for files and runs.
	Comparison string
	// Input is the index of the input that could not be compared with the first one.
	Input int
	// Missing says that one of both lacks what the other one has.
	Missing bool
	// Problem says what could not be judged; "" of TooFew.
	Problem string
	// TooFew is set for campaigns of so few runs that no difference between them could be significant.
	TooFew *TooFew
}

// NothingError is a gate over inputs of which nothing can be compared: Gaps say why not.
type NothingError struct{ Gaps []Gap }

func (e *NothingError) Error() string { return "nothing can be compared" }

// documentGaps finds the documents that can't be compared with the first input's, or prove nothing by themselves.
// Compared is false if that leaves nothing.
func documentGaps(r *Result) (gaps []Gap, compared bool) {
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		for side := 1; side < len(c.Sides); side++ {
			gap := func(missing bool, format string, args ...any) {
				gaps = append(gaps, Gap{c.Name, side, missing, fmt.Sprintf(format, args...), nil})
			}
			first, other := c.Sides[0].Document, c.Sides[side].Document
			switch {
			case first.absent() && other.absent(): // a further input has it
			case first.absent():
				gap(true, "only in %s", r.Inputs[side].Label)
			case other.absent():
				gap(true, "only in %s", r.Inputs[0].Label)
			case c.Sides[0].kind() != c.Sides[side].kind():
				gap(true, "%s beside %s", c.Sides[0].kind(), c.Sides[side].kind())
			case first.Tests != nil && !shareScenarios(first.Tests, other.Tests):
				gap(true, "no scenario ran in both")
			default:
				compared = true
				problems := slices.Concat(first.unproved(), other.unproved())
				slices.Sort(problems)
				for _, problem := range slices.Compact(problems) {
					gap(false, "%s", problem)
				}
				for _, name := range unshared(first.Tests, other.Tests) {
					gap(true, "the scenario %s ran in one of both", name)
				}
			}
		}
	}
	return gaps, compared
}

// kind is what people call a document of the side's schema.
func (s Side) kind() string {
	switch {
	case s.Document.Tests != nil:
		return "results of tests"
	case s.Document.Campaign != nil:
		return "a campaign"
	}
	return "a run"
}

// unproved says why a document proves nothing, whatever it is compared with.
func (d Document) unproved() (problems []string) {
	never := func(fault string) {
		problems = append(problems, fmt.Sprintf("the fault %s never fired", fault))
	}
	switch {
	case d.Report != nil:
		if d.Report.Interrupted {
			problems = append(problems, "a run was interrupted")
		}
		for _, f := range d.Report.Faults {
			if f.Declared && f.Fired == 0 && !f.MayNotFire {
				never(f.Spec)
			}
		}
		if d.Report.Recovery.State == catalog.NotWatched {
			problems = append(problems, "a run was not watched long enough to see whether it comes back")
		}
	case d.Campaign != nil:
		switch {
		case d.Campaign.Runs <= 0:
			problems = append(problems, "a campaign made no run")
		case d.Campaign.Interrupted:
			problems = append(problems, "a campaign was interrupted")
		}
		for _, f := range d.Campaign.Faults {
			if f.Declared && f.Observed.Count == 0 && !f.MayNotFire && d.Campaign.Part.Of == 0 {
				never(f.Fault)
			}
		}
		if d.Campaign.Recovery.ProvesNothing() && d.Campaign.Part.Of == 0 {
			problems = append(problems, "no run of a campaign was watched long enough to see whether it comes back")
		}
	}
	return problems
}

// shareScenarios reports whether some scenario ran in both.
func shareScenarios(a, b *report.Tests) bool {
	ran := ranIn(b)
	return slices.ContainsFunc(ranIn(a), func(name string) bool { return slices.Contains(ran, name) })
}

// unshared lists the scenarios that ran in one of both; none without results of tests.
func unshared(a, b *report.Tests) (names []string) {
	if a == nil || b == nil {
		return nil
	}
	ranA, ranB := ranIn(a), ranIn(b)
	for _, name := range slices.Concat(ranA, ranB) {
		if slices.Contains(ranA, name) != slices.Contains(ranB, name) {
			names = append(names, name)
		}
	}
	return names
}

func ranIn(t *report.Tests) (names []string) {
	for _, r := range t.Results {
		if r.Status != report.TestSkipped {
			names = append(names, r.Name)
		}
	}
	return names
}

// gaps finds, in documents that are compared, the parts of the gate that can't bite there: all measures that they are
// about have a value in one of the documents at most, or are those of campaigns with too few runs.
func (g Gate) gaps(r *Result) (gaps []Gap) {
	tests := 0
	for i := range r.Comparisons {
		for _, row := range r.Comparisons[i].Rows {
			for side := range row.Changes {
				if row.testable(side + 1) {
					tests++
				}
			}
		}
	}
	level := Significant / float64(max(1, tests))
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		for side := 1; side < len(c.Sides); side++ {
			if c.compared(side) && c.Sides[0].kind() == c.Sides[side].kind() {
				gaps = append(gaps, g.gapsOf(c, side, tests, level)...)
			}
		}
	}
	return gaps
}

// gapsOf are those of one document against the first one's. Of campaigns too small, the first rule is told.
func (g Gate) gapsOf(c *Comparison, side, tests int, level float64) (gaps []Gap) {
	first, told := c.Sides[0].Document, false
	for _, rule := range g.rules {
		var judged, few []*Row
		for i := range c.Rows {
			row := &c.Rows[i]
			switch {
			case row.Better == Neither || !rule.matches(row.Name) || !row.Values[0].Known || !row.Values[side].Known:
				continue
			case first.Campaign != nil && !row.testable(side):
				continue
			}
			judged = append(judged, row)
			if first.Campaign != nil && !canDiffer(row.samples[0].size(), row.samples[side].size(), level) {
				few = append(few, row)
			}
		}
		asked, zero := rule.asks(first)
		switch {
		case len(judged) == 0 && asked && !zero:
			gaps = append(gaps, Gap{c.Name, side, true, fmt.Sprintf("%s has no value in both", rule.glob), nil})
		case len(few) > 0 && len(few) == len(judged) && !told:
			gaps = append(gaps, Gap{c.Name, side, false, "", newTooFew(rule, few, side, tests, level)})
			told = true
		}
	}
	return gaps
}

// asks reports whether the rule is about documents like d; and whether it is about something that they leave out where
// its count is 0: that no document mentions it is a comparison of 0 with 0.
func (r rule) asks(d Document) (asked, zero bool) {
	start, _, open := strings.Cut(r.glob, "*")
	for _, m := range Measures() {
		prefix, isFamily := m.family()
		names := r.matches(m.Name)
		if isFamily {
			names = strings.HasPrefix(start, prefix) || open && strings.HasPrefix(prefix, start)
		}
		if names && m.reads(d) && m.Better != Neither {
			asked, zero = true, zero || m.absent != nil
		}
	}
	return asked, zero
}

// TooFew tells of campaigns that are too small for any significant difference.
type TooFew struct {
	// Runs are those of both.
	Runs [2]int64
	// Tests is how many tests the p-values are corrected for.
	Tests int
	// Least is the number of runs of each from which on a difference can be significant, if it is as large as can be.
	Least int64
	// Row is the measure whose difference was asked about, From and To its values: To is what the limit of the gate
	// makes of From, or else what the smaller sample has that is worse. Enough is the number of runs of each that shows
	// this difference with the probability stats.Power. Row is nil where no measure got worse and no limit was given.
	Row      *Row
	From, To float64
	Enough   int64
}

// canDiffer reports whether two samples could differ significantly: all of one, and none of the other.
func canDiffer(a, b int64, level float64) bool { return stats.Fisher(0, a, b, b) < level }

// newTooFew tells of the measures of a rule, all of which have too few runs.
func newTooFew(r rule, rows []*Row, side, tests int, level float64) *TooFew {
	t := &TooFew{Tests: tests, Least: stats.FewestRuns(level)}
	for i, in := range []int{0, side} {
		t.Runs[i] = slices.MaxFunc(rows, func(a, b *Row) int {
			return cmp.Compare(a.samples[in].size(), b.samples[in].size())
		}).samples[in].size()
	}
	for _, row := range rows {
		from, to := row.reading(0), row.asked(r, side)
		if from.value.Number == to.value.Number {
			continue
		}
		t.Row, t.From, t.To = row, from.value.Number, to.value.Number
		t.Enough = max(t.Least, runsFor(from, to, level))
		break
	}
	return t
}

// asked is the reading that is as much worse than the first one as the rule lets pass, or else the document's own if
// that is worse, or else the first one.
func (row *Row) asked(r rule, side int) reading {
	first, own := row.reading(0), row.reading(side)
	worse := 1.0
	if row.Better == Higher {
		worse = -1
	}
	if !r.limited {
		if worse*(own.value.Number-first.value.Number) > 0 {
			return own
		}
		return first
	}
	by := r.limit
	if r.percent {
		by *= first.value.Number / 100
	}
	target := max(0, first.value.Number+float64(worse*by))
	if row.Unit == Share {
		target = min(1, target)
	}
	return first.movedTo(target)
}

// movedTo is the reading as it would be with another number: that of a share, or with all values of the runs moved in
// proportion.
func (r reading) movedTo(number float64) reading {
	moved := r
	moved.value.Number, moved.from.runs = number, slices.Clone(r.from.runs)
	for i := range moved.from.runs {
		if v := &moved.from.runs[i].Value; r.value.Number > 0 {
			*v *= number / r.value.Number
		} else {
			*v += number
		}
	}
	return moved
}

// runsFor is how many runs of each show the difference between two readings.
func runsFor(a, b reading, level float64) int64 {
	x, y := a.from, b.from
	switch {
	case x.runs == nil:
		return stats.RunsForShares(a.value.Number, b.value.Number, level)
	case x.quantile > 0:
		beyond := split(slices.Concat(x.runs, y.runs), x.quantile)
		return stats.RunsForShares(ratio(beyond(x.runs)), ratio(beyond(y.runs)), level)
	}
	return stats.RunsForDistributions(histogram(x.runs), histogram(y.runs), level)
}

// testable reports whether the difference of a document's value from the first one's has a test.
func (row *Row) testable(side int) bool {
	a, b := row.samples[0], row.samples[side]
	return row.Values[0].Known && row.Values[side].Known &&
		(countable(a.hits) && countable(b.hits) || testable(a.runs) && testable(b.runs))
}

func (row *Row) reading(i int) reading { return reading{value: row.Values[i], from: row.samples[i]} }

// size is how many runs the sample has.
func (s sample) size() int64 {
	if s.runs != nil {
		return total(s.runs)
	}
	return s.hits.Of
}
