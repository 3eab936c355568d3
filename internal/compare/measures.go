package compare

import (
	"fmt"
	"slices"
	"strings"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
)

// Measure is a quantity by which documents are compared. It is named after the report's field where there is one.
type Measure struct {
	// Name is a name such as verdict, or a family of names such as attempts.<node>: each document has its own keys in
	// place of <node>.
	Name  string
	Group string
	// What says what is measured.
	What string
	Unit Unit
	// Better is the direction that is an improvement.
	Better Direction
	// Weight is how much it counts in the judgement of a comparison.
	Weight Weight
	// Test tells whether a difference between campaigns is more than chance; "" where that is not tested.
	Test Test

	// floor is a number below which a lower one is no better.
	floor float64
	// keys are those that a family always has, also where no document mentions them.
	keys []string
	// absent returns the reading of a key that a document does not mention; without it the document has no value.
	absent func(d Document, key string) reading
	// presence says that the measure is about what is there or not: there if its number is above 0.
	presence bool

	// One of these reads the measure; it also says which documents have it.
	report   func(*report.Report) []reading
	tests    func(*report.Tests) []reading
	campaign func(*report.Campaign) []reading
}

// Unit is the unit of a measure's number.
type Unit string

// The units. The values of a Word are texts.
const (
	Count  Unit = "count"
	MS     Unit = "ms"
	Share  Unit = "share" // 0 to 1
	Factor Unit = "factor"
	Word   Unit = "word"
)

// Direction is the direction in which a measure gets better.
type Direction string

// The directions.
const (
	Lower   Direction = "lower"
	Higher  Direction = "higher"
	Neither Direction = "neither"
)

// Weight orders measures by what their user looks at first. Among measures of one weight all count alike.
type Weight int

// The weights. The zero Weight is that of all other measures.
const (
	Others   Weight = iota
	Records         // where the records ended
	Verdicts        // what runs and scenarios came to
)

// reading is one value of a measure, with the key of its name in a family and the sample that it was taken from.
type reading struct {
	key   string
	value Value
	from  sample
}

// Measures lists all measures, in the order in which they are shown.
func Measures() []Measure {
	return slices.Concat(reportMeasures(), scenarioMeasures(), campaignMeasures())
}

func ofReport(
	name string, unit Unit, better Direction, what string, read func(*report.Report) []reading,
) Measure {
	return Measure{Name: name, Unit: unit, Better: better, What: what, report: read}
}

func ofTests(
	name string, unit Unit, better Direction, what string, read func(*report.Tests) []reading,
) Measure {
	return Measure{Name: name, Unit: unit, Better: better, What: what, tests: read}
}

func ofCampaign(
	name string, unit Unit, better Direction, test Test, what string, read func(*report.Campaign) []reading,
) Measure {
	return Measure{Name: name, Unit: unit, Better: better, Test: test, What: what, campaign: read}
}

// withKeys declares the keys that the family always has.
func (m Measure) withKeys(keys []string) Measure {
	m.keys = keys
	return m
}

// orElse declares the reading of a key that a document does not mention.
func (m Measure) orElse(absent func(d Document, key string) reading) Measure {
	m.absent = absent
	return m
}

// ofPresence declares that the measure is about what is there or not.
func (m Measure) ofPresence() Measure {
	m.presence = true
	return m
}

// noBetterBelow declares the number below which a lower one is no better.
func (m Measure) noBetterBelow(floor float64) Measure {
	m.floor = floor
	return m
}

func group(name string, list ...Measure) []Measure {
	for i := range list {
		list[i].Group = name
	}
	return list
}

func weighing(w Weight, list ...Measure) []Measure {
	for i := range list {
		list[i].Weight = w
	}
	return list
}

// reads reports whether the measure is one of documents like d.
func (m Measure) reads(d Document) bool {
	return m.report != nil && d.Report != nil ||
		m.tests != nil && d.Tests != nil ||
		m.campaign != nil && d.Campaign != nil
}

// of returns the known readings of a document, under distinct keys; none if the document is of another kind.
func (m Measure) of(d Document) []reading {
	var list []reading
	switch {
	case !m.reads(d):
		return nil
	case m.report != nil:
		list = m.report(d.Report)
	case m.tests != nil:
		list = m.tests(d.Tests)
	default:
		list = m.campaign(d.Campaign)
	}
	return distinct(slices.DeleteFunc(list, func(r reading) bool { return !r.value.Known }))
}

// name is the name in the family that a key has.
func (m Measure) name(key string) string {
	if prefix, ok := m.family(); ok {
		return prefix + key
	}
	return m.Name
}

// family is the prefix of all names of a family; false for a measure of a single name.
func (m Measure) family() (prefix string, ok bool) {
	prefix, _, ok = strings.Cut(m.Name, "<")
	return prefix, ok
}

// distinct numbers keys that came up before, so that no reading hides another one of the same name.
func distinct(list []reading) []reading {
	times := map[string]int{}
	for i := range list {
		key := list[i].key
		for times[list[i].key] > 0 {
			times[key]++
			list[i].key = fmt.Sprintf("%s#%d", key, times[key])
		}
		times[list[i].key]++
	}
	return list
}

// single reads a measure that has one value a document.
func single[D any](value func(D) Value) func(D) []reading {
	return func(d D) []reading { return []reading{{value: value(d)}} }
}

func count[N ~int | ~int64](n N) Value { return quantity(float64(n)) }

// quantity is unknown for what JSON has no number for.
func quantity(f float64) Value {
	if finite(f) == nil {
		return Value{}
	}
	return Value{Number: f, Known: true}
}

// word is a text that is the better the earlier it comes in a list; one that is not in the list is worse than all.
func word[S ~string](s S, best []S) Value {
	if s == "" {
		return Value{}
	}
	return Value{Text: string(s), Number: float64(catalog.Rank(s, best)), Known: true}
}

func verdict(v catalog.Verdict) Value { return word(v, catalog.Verdicts()) }

// without lists the names of all but one.
func without[S ~string](all []S, but S) []string {
	return catalog.Strings(slices.DeleteFunc(slices.Clone(all), func(s S) bool { return s == but }))
}
