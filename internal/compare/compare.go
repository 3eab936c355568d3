// Package compare finds the differences between the documents of runs, scenarios and campaigns: first the settings,
// then every measure, with its change and whether that is better or worse. It reads and judges; package render shows.
package compare

import (
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"slices"

	"faultflow/internal/report"
)

// Schema names the version of the JSON document. It changes when a field changes its meaning or goes away.
const Schema = "faultflow.compare/v1"

// Input is one thing to compare, with its documents: one of a file or a run, named "", or those of a folder by name.
type Input struct {
	Source
	Documents map[string]Document
}

// Source is where an input came from: its label for people, and its path or flags.
type Source struct {
	Label  string `json:"label"`
	Source string `json:"source"`
}

// Document is a run's report, the results of scenarios, or a campaign. The hash of a report or a campaign must be
// right.
type Document struct{ report.Document }

// Scenario is the name of the scenario that was run; "" if that is not known.
func (d Document) Scenario() string {
	switch {
	case d.Report != nil:
		return d.Report.Meta.Scenario
	case d.Campaign != nil:
		return d.Campaign.Scenario
	}
	return ""
}

// Result holds the differences between the inputs. Lists of values have one for each input, in the order of Inputs; a
// change is always that of an input against the first one.
type Result struct {
	Schema string   `json:"schema"`
	Inputs []Source `json:"inputs"`
	// Comparisons has one element for files and runs, and one for each name of the documents in folders, in the order
	// of the names.
	Comparisons []Comparison `json:"comparisons"`
}

// Comparison holds the differences between documents of the same name.
type Comparison struct {
	// Name is that of the documents in their folders; "" for files and runs.
	Name  string `json:"name"`
	Sides []Side `json:"sides"`
	// Identical says that all documents are the same, apart from times of the wall clock.
	Identical bool `json:"identical"`
	// NotComparable lists differences in what should have been the same: document (the kind), scenario, input, graph
	// and interrupted.
	NotComparable []Difference `json:"not_comparable"`
	// Settings lists the settings that are not the same everywhere, by their flags' names. A fault is a setting of its
	// own: fault=collector.fetch=timeout, which is given or not.
	Settings []Difference `json:"settings"`
	// Rows are all measures that any of the documents has, also those that are the same everywhere.
	Rows []Row `json:"measures"`
}

// Side is one of the documents of a comparison.
type Side struct {
	// Schema is the document's; "" when the input has none of this name.
	Schema   string `json:"schema"`
	Scenario string `json:"scenario"`
	// Seed and Hash are the report's, or the campaign's with its first seed; 0 and "" of test results.
	Seed uint64 `json:"seed"`
	Hash string `json:"hash"`
	// Document is what was compared.
	Document Document `json:"-"`
}

// Difference is something that is not the same everywhere. A value of "" means that there is none.
type Difference struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

// Row is one measure of all documents.
type Row struct {
	// Name is the measure's with what it is of, such as attempts.collector.
	Name   string    `json:"name"`
	Unit   Unit      `json:"unit"`
	Better Direction `json:"better"`
	Values []Value   `json:"values"`
	// Changes are those of the second document, and of any after it, against the first.
	Changes []Change `json:"changes"`

	// weight is the measure's, samples are the data behind Values.
	weight  Weight
	samples []sample
}

// Value is the value of a measure in a document. The zero value is unknown: the document does not have the measure. As
// JSON it is the text if there is one, else the number, else null.
type Value struct {
	// Text is the word for a verdict, a health and the like; their Number ranks them, the best as 0.
	Text   string
	Number float64
	Known  bool
}

// MarshalJSON writes text, number or null.
func (v Value) MarshalJSON() ([]byte, error) {
	switch {
	case v.Text != "":
		return json.Marshal(v.Text)
	case v.Known:
		return json.Marshal(v.Number)
	}
	return []byte("null"), nil
}

// Outcome is the judgement of a change.
type Outcome string

// The outcomes. Changed is neither better nor worse: the measure has no direction, or one of the documents has no
// value. Insignificant is a difference between campaigns that may be chance.
const (
	Same          Outcome = "same"
	Better        Outcome = "better"
	Worse         Outcome = "worse"
	Changed       Outcome = "changed"
	Insignificant Outcome = "insignificant"
)

// Change is the difference of a value from the first document's.
type Change struct {
	Outcome Outcome `json:"outcome"`
	// Absolute is the difference; nil unless both are numbers. Percent is the difference in percent of the first
	// document's number; nil when that is 0 as well.
	Absolute *float64 `json:"absolute"`
	Percent  *float64 `json:"percent"`
	// Presence is Gained or Lost for what is there or not, such as a warning, and for any value that only one of the
	// documents has; "" when that did not change.
	Presence string `json:"presence"`
	// P is the p-value of the measure's test, to four digits: the probability of such a difference or a larger one if
	// chance alone made it. Holm is P corrected for all tests of the result; where it is Significant or more, the
	// outcome is Insignificant. Both are nil where nothing was tested: see Measure.Test.
	P    *float64 `json:"p,omitempty"`
	Holm *float64 `json:"p_holm,omitempty"`
}

// The changes of presence.
const (
	Gained = "gained"
	Lost   = "lost"
)

// Compare compares the inputs, against the first one. There must be one at least.
func Compare(inputs []Input) *Result {
	r := &Result{Schema: Schema, Inputs: []Source{}, Comparisons: []Comparison{}}
	var names []string
	for _, in := range inputs {
		r.Inputs = append(r.Inputs, in.Source)
		for name := range in.Documents {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		documents := make([]Document, len(inputs))
		for i, in := range inputs {
			documents[i] = in.Documents[name]
		}
		r.Comparisons = append(r.Comparisons, comparison(name, documents))
	}
	correct(r)
	return r
}

func comparison(name string, documents []Document) Comparison {
	c := Comparison{
		Name:          name,
		Identical:     identical(documents),
		NotComparable: notComparable(documents),
		Settings:      settingsOf(documents),
		Rows:          rows(documents),
	}
	for _, d := range documents {
		c.Sides = append(c.Sides, side(d))
	}
	return c
}

func side(d Document) Side {
	s := Side{Scenario: d.Scenario(), Document: d}
	switch {
	case d.Report != nil:
		s.Schema, s.Seed, s.Hash = d.Report.Schema, d.Report.Seed, d.Report.Hash
	case d.Tests != nil:
		s.Schema = d.Tests.Schema
	case d.Campaign != nil:
		s.Schema, s.Seed, s.Hash = d.Campaign.Schema, d.Campaign.Seeds.First, d.Campaign.Hash
	}
	return s
}

// Complete reports whether every input has a document of the name.
func (c *Comparison) Complete() bool {
	return !slices.ContainsFunc(c.Sides, func(s Side) bool { return s.Document.absent() })
}

// Compared reports whether there is a document to compare with the first one.
func (c *Comparison) Compared() bool {
	for i := range c.Sides[1:] {
		if c.compared(i + 1) {
			return true
		}
	}
	return false
}

func (c *Comparison) compared(side int) bool {
	return !c.Sides[0].Document.absent() && !c.Sides[side].Document.absent()
}

// Count returns how many changes have an outcome. Those to or from a document that is not there do not count.
func (c *Comparison) Count(o Outcome) (n int) {
	for _, w := range []Weight{Verdicts, Records, Others} {
		n += c.count(o, w)
	}
	return n
}

func (c *Comparison) count(o Outcome, w Weight) (n int) {
	for _, r := range c.Rows {
		for i, change := range r.Changes {
			if change.Outcome == o && r.weight == w && c.compared(i+1) {
				n++
			}
		}
	}
	return n
}

// Judgement is what comparisons come to. Verdicts decide, and where none of them got better or worse, the records do; a
// single one that is worse makes them worse. The other measures decide where these are as before, and are no more than
// Changed if some are better and others worse.
func Judgement(list ...Comparison) Outcome {
	count := func(o Outcome, w Weight) (n int) {
		for i := range list {
			n += list[i].count(o, w)
		}
		return n
	}
	for _, w := range []Weight{Verdicts, Records, Others} {
		switch worse, better := count(Worse, w), count(Better, w); {
		case w == Others && worse > 0 && better > 0:
			return Changed
		case worse > 0:
			return Worse
		case better > 0:
			return Better
		}
	}
	for _, o := range []Outcome{Changed, Insignificant} {
		if slices.ContainsFunc(list, func(c Comparison) bool { return c.Count(o) > 0 }) {
			return o
		}
	}
	return Same
}

// Same reports whether the row's values are the same everywhere.
func (r *Row) Same() bool {
	return !slices.ContainsFunc(r.Changes, func(c Change) bool { return c.Outcome != Same })
}

func (d Document) absent() bool { return d.Report == nil && d.Tests == nil && d.Campaign == nil }

// rows reads every measure of all documents.
func rows(documents []Document) []Row {
	list := []Row{}
	for _, m := range Measures() {
		read := make([][]reading, len(documents))
		for i, d := range documents {
			read[i] = m.of(d)
		}
		for _, key := range keysOf(read) {
			list = append(list, m.row(key, documents, read))
		}
	}
	return list
}

// keysOf lists the keys of the documents' readings, such as the nodes' names, in the order of the documents. Where
// these disagree, the key that some document has earlier comes first, then the smaller one: the order does not depend
// on which document is the first.
func keysOf(read [][]reading) []string {
	earliest := map[string]int{}
	for _, list := range read {
		for at, r := range list {
			if before, known := earliest[r.key]; !known || at < before {
				earliest[r.key] = at
			}
		}
	}
	return slices.SortedFunc(maps.Keys(earliest), func(a, b string) int {
		return cmp.Or(cmp.Compare(earliest[a], earliest[b]), cmp.Compare(a, b))
	})
}

// row compares the documents' readings of one key.
func (m Measure) row(key string, documents []Document, read [][]reading) Row {
	row := Row{Name: m.name(key), Unit: m.Unit, Better: m.Better, Changes: []Change{}, weight: m.Weight}
	var first reading
	for i, d := range documents {
		var own reading
		if at := slices.IndexFunc(read[i], func(r reading) bool { return r.key == key }); at >= 0 {
			own = read[i][at]
		} else if m.absent != nil {
			own = m.absent(d, key)
		}
		row.Values, row.samples = append(row.Values, own.value), append(row.samples, own.from)
		if i == 0 {
			first = own
			continue
		}
		row.Changes = append(row.Changes, m.change(first, own))
	}
	return row
}

func (m Measure) change(before, after reading) Change {
	a, b := before.value, after.value
	c := Change{Outcome: m.outcome(a, b)}
	if had, has := m.present(a), m.present(b); had != has {
		c.Presence = Gained
		if had {
			c.Presence = Lost
		}
	}
	if a.Known && b.Known && a.Text == "" && b.Text == "" {
		c.Absolute = finite(b.Number - a.Number)
		if a.Number != 0 {
			c.Percent = finite((b.Number - a.Number) / math.Abs(a.Number) * 100)
		}
	}
	if p, tested := chance(before, after); tested {
		c.P = &p
	} else if m.Test != "" && c.Outcome != Same {
		c.Outcome = Changed
	}
	return c
}

func (m Measure) outcome(a, b Value) Outcome {
	switch {
	case a == b:
		return Same
	case !a.Known || !b.Known || m.Better == Neither:
		return Changed
	}
	before, after := max(a.Number, m.floor), max(b.Number, m.floor)
	switch {
	case before == after:
		return Changed
	case (after < before) == (m.Better == Lower):
		return Better
	}
	return Worse
}

// present reports whether a value stands for something that is there.
func (m Measure) present(v Value) bool { return v.Known && (!m.presence || v.Number > 0) }

// finite returns nil for what JSON has no number for.
func finite(f float64) *float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return &f
}
