package compare

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"faultflow/internal/suggest"
)

// Gate says which measures must not get worse, or not by more than a limit. The zero value lets everything pass.
type Gate struct{ rules []rule }

// rule is one part of a gate: *, attempts.*>10% or ledger.spooled>5.
type rule struct {
	glob    string
	matches func(name string) bool
	limited bool
	// limit is the largest change for the worse that passes: in percent of the first value, or in the measure's unit.
	limit   float64
	percent bool
}

// GateError is an invalid gate. Part is the part of it that is wrong.
type GateError struct{ Part, Problem string }

func (e *GateError) Error() string { return fmt.Sprintf("%q: %s", e.Part, e.Problem) }

// The words that stand for a whole gate.
const (
	AnyRegression = "regression"
	Nothing       = "never"
)

// ParseGate reads regression, which is any measure that is worse; never; or a list of names with commas between them. A
// name may hold * for any text, and be followed by >10% or >5: only more than that counts. A name that no measure can
// have is a *GateError.
func ParseGate(s string) (Gate, error) {
	switch s {
	case Nothing:
		return Gate{}, nil
	case AnyRegression:
		return Gate{[]rule{{glob: "*", matches: globber("*")}}}, nil
	}
	var g Gate
	for part := range strings.SplitSeq(s, ",") {
		r, err := parseRule(strings.TrimSpace(part))
		if err != nil {
			return Gate{}, err
		}
		g.rules = append(g.rules, r)
	}
	return g, nil
}

func parseRule(part string) (rule, error) {
	name, limit, limited := strings.Cut(part, ">")
	r := rule{glob: strings.ToValidUTF8(strings.TrimSpace(name), "\ufffd"), limited: limited}
	if r.glob == "" {
		return r, &GateError{part, "want the name of a measure, such as verdict or attempts.*"}
	}
	r.matches = globber(r.glob)
	if limited {
		digits, percent := strings.CutSuffix(strings.TrimSpace(limit), "%")
		f, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err != nil || !(f >= 0) || math.IsInf(f, 0) {
			return r, &GateError{part, "want a number or a percentage behind >, such as >5 or >10%"}
		}
		r.limit, r.percent = f, percent
	}
	// The keys of the documents are not known yet, so only the part up to the first dot can be checked.
	head := func(name string) string {
		head, _, _ := strings.Cut(name, ".")
		return head
	}
	var heads []string
	for _, m := range Measures() {
		heads = append(heads, head(m.Name))
	}
	matches := globber(head(r.glob))
	if !slices.ContainsFunc(heads, matches) {
		near := suggest.Nearest(head(r.glob), heads)
		return r, &GateError{part, "there is no such measure" + near + "; faultflow compare --measures lists them"}
	}
	return r, nil
}

// String is the rule as ParseGate reads it.
func (r rule) String() string {
	if !r.limited {
		return r.glob
	}
	unit := ""
	if r.percent {
		unit = "%"
	}
	return r.glob + ">" + strconv.FormatFloat(r.limit, 'g', -1, 64) + unit
}

// globber returns a function that matches names against a glob, in which * is any text.
func globber(glob string) func(name string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(glob), `\*`, `.*`)
	return regexp.MustCompile(`\A(?s:` + pattern + `)\z`).MatchString
}

// Regression is a change for the worse that a gate does not let pass.
type Regression struct {
	// Comparison is the name of the documents; "" for files and runs.
	Comparison string
	Row        Row
	// Input is the index of the worse input.
	Input int
}

// Check returns the changes that the gate does not let pass, each once, in the order of the result, and what it could
// not judge. A change of a verdict or a status exceeds every limit, a change from 0 every limit in percent. The error
// is a *NothingError where nothing is compared, and a *GateError for a part of the gate that no input could ever
// violate, because no measure of the inputs has such a name, or those that have it have no direction or can't change by
// so much.
func (g Gate) Check(r *Result) ([]Regression, []Gap, error) {
	if len(g.rules) == 0 {
		return nil, nil, nil
	}
	gaps, compared := documentGaps(r)
	if !compared {
		return nil, nil, &NothingError{gaps}
	}
	for _, rule := range g.rules {
		if err := rule.checkNames(r); err != nil {
			return nil, nil, err
		}
	}
	var found []Regression
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		for _, row := range c.Rows {
			for i, change := range row.Changes {
				bites := func(r rule) bool { return r.matches(row.Name) && r.exceeded(change) }
				if slices.ContainsFunc(g.rules, bites) {
					found = append(found, Regression{c.Name, row, i + 1})
				}
			}
		}
	}
	return found, append(gaps, g.gaps(r)...), nil
}

func (r rule) exceeded(c Change) bool {
	by := c.Absolute
	if r.percent {
		by = c.Percent
	}
	return c.Outcome == Worse && (!r.limited || by == nil || math.Abs(*by) > r.limit)
}

// checkNames returns an error unless the rule matches a measure that can get worse by more than the limit.
func (r rule) checkNames(result *Result) error {
	var known []string
	named, directed, reachable := false, false, false
	note := func(name string, unit Unit, b Direction) {
		known = append(known, name)
		if r.matches(name) {
			named, directed = true, directed || b != Neither
			reachable = reachable || b != Neither && r.reachable(unit, b)
		}
	}
	for _, m := range Measures() {
		if !result.any(m.reads) {
			continue
		}
		if _, isFamily := m.family(); !isFamily {
			note(m.Name, m.Unit, m.Better)
		}
		for _, key := range m.keys {
			note(m.name(key), m.Unit, m.Better)
		}
	}
	for _, c := range result.Comparisons {
		for _, row := range c.Rows {
			note(row.Name, row.Unit, row.Better)
		}
	}
	switch {
	case !named:
		return &GateError{r.String(), "nothing that is compared has such a measure" + suggest.Nearest(r.glob, known)}
	case !directed:
		return &GateError{r.String(),
			"no value of it is better or worse than another; faultflow compare --measures lists the directions"}
	case !reachable:
		return &GateError{r.String(),
			"it can't get worse by more than that: what should be high falls by 100% at most, " +
				"and a share changes by 1 at most (5 percentage points are >0.05)"}
	}
	return nil
}

// reachable reports whether some change of such a measure exceeds the limit. No number of a measure is below 0.
func (r rule) reachable(u Unit, b Direction) bool {
	switch {
	case !r.limited || u == Word:
		return true
	case r.percent:
		return b == Lower || r.limit < 100
	}
	return u != Share || r.limit < 1
}

// any reports whether some document of the result is so.
func (r *Result) any(is func(Document) bool) bool {
	return slices.ContainsFunc(r.Comparisons, func(c Comparison) bool {
		return slices.ContainsFunc(c.Sides, func(s Side) bool { return is(s.Document) })
	})
}
