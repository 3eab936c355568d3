package fault

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"faultflow/internal/keyed"
)

// key is what can stand behind a fault's kind: a condition of its trigger, or a parameter of its kind.
type key struct {
	keyed.Key[Fault]
	// of lists the parameter's kinds; nil for a condition, which every fault can have.
	of []Kind
	// notOf are the kinds that can't have the condition.
	notOf []Kind
}

// keys are in the order in which a fault is written.
var keys = []key{
	ofCalls(keyed.Key[Fault]{
		Name:    "p",
		Example: "0.5",
		Meaning: "the probability that a call is hit",
		Takes:   keyed.Takes{Form: keyed.FormNumber, High: 1},
		Read: func(f *Fault, s string) (err error) {
			f.Trigger.HasP = true
			f.Trigger.P, err = keyed.ParseNumber(s, 0, 1, "a probability from 0 to 1")
			return err
		},
		Text: func(f *Fault) string {
			if !f.Trigger.HasP {
				return ""
			}
			return strconv.FormatFloat(f.Trigger.P, 'g', -1, 64)
		},
	}),
	ofCalls(keyed.Count("first", "3", "the first calls of the run", func(f *Fault) *int { return &f.Trigger.First })),
	ofCalls(keyed.Count("every", "2", "each n-th call", func(f *Fault) *int { return &f.Trigger.Every })),
	ofCalls(ranges("calls", "1+3-5", "calls by their number", func(f *Fault) *[]Range { return &f.Trigger.Calls })),
	ofCalls(ranges("cycles", "2-4", "cycles by their number", func(f *Fault) *[]Range { return &f.Trigger.Cycles })),
	condition(keyed.Duration("from", "5s", "not before this time since the run began", 0,
		func(f *Fault) *time.Duration { return &f.Trigger.From })),
	condition(keyed.Duration("to", "20s", "before this time since the run began", 1,
		func(f *Fault) *time.Duration { return &f.Trigger.To })),
	parameter(keyed.Number("factor", "10", "how many times as long a call takes", 1, 1e6, "a factor from 1 to 1000000",
		func(f *Fault) *float64 { return &f.Params.Factor }), Slow),
	parameter(keyed.Number("factor", "0.2", "the share of the capacity that is left", 1e-6, 1,
		"a share from 0.000001 to 1", func(f *Fault) *float64 { return &f.Params.Factor }), CapacityLoss),
	parameter(keyed.Duration("by", "2s", "how much longer a call takes", 1,
		func(f *Fault) *time.Duration { return &f.Params.By }).Excluding("factor"), Slow),
	parameter(keyed.Number("share", "0.5", "the share of the records", shareAboveZero, 1, "a share above 0, up to 1",
		func(f *Fault) *float64 { return &f.Params.Share }),
		MissingFields, OutOfRange, DuplicateRecords, Partial, PartialWrite),
	parameter(keyed.Duration("period", "10s", "up for half of it, down for the other half", 2*time.Millisecond,
		func(f *Fault) *time.Duration { return &f.Params.Period }), Flapping),
	parameter(keyed.Duration("retry_after", "1s", "what the answer asks to wait", 1,
		func(f *Fault) *time.Duration { return &f.Params.RetryAfter }), RateLimited),
	condition(keyed.Key[Fault]{
		Name:    "may_not_fire",
		Example: "true",
		Meaning: "a run in which the fault never fires is not inconclusive",
		Takes:   keyed.Takes{Form: keyed.FormToggle},
		Read: func(f *Fault, s string) (err error) {
			if f.MayNotFire, err = strconv.ParseBool(s); err != nil {
				return errors.New("want true or false")
			}
			return nil
		},
		Text: func(f *Fault) string {
			if !f.MayNotFire {
				return ""
			}
			return "true"
		},
	}),
}

func condition(k keyed.Key[Fault]) key { return key{Key: k} }

// ofCalls is a condition that chooses calls, which the kinds that throttle do not hit.
func ofCalls(k keyed.Key[Fault]) key { return key{Key: k, notOf: []Kind{Halt, CapacityLoss}} }

func parameter(k keyed.Key[Fault], of ...Kind) key { return key{Key: k, of: of} }

// Key describes a key for help, files and the reference. Two keys of one name are for different kinds.
type Key struct {
	Name, Example, Meaning string
	Takes                  keyed.Takes
	// Excludes names a key that can't be given beside this one; "" for none.
	Excludes string
	// Of lists the kinds that take the key as a parameter; nil for a condition, which every fault can have but for
	// those of the kinds NotOf.
	Of, NotOf []Kind
}

// Applies reports whether faults of these kinds can have the key.
func (k Key) Applies(kinds []string) bool {
	has := func(list []Kind) bool {
		return slices.ContainsFunc(list, func(kind Kind) bool { return slices.Contains(kinds, string(kind)) })
	}
	return !has(k.NotOf) && (k.Of == nil || has(k.Of))
}

// Keys lists every key that can stand behind a kind, in the order in which a fault is written.
func Keys() []Key {
	var list []Key
	for _, k := range keys {
		list = append(list, Key{
			Name:     k.Name,
			Example:  k.Example,
			Meaning:  k.Meaning,
			Takes:    k.Takes,
			Excludes: k.Excludes,
			Of:       slices.Clone(k.of),
			NotOf:    slices.Clone(k.notOf),
		})
	}
	return list
}

// KeyNames lists the names of the keys.
func KeyNames() []string {
	var names []string
	for _, k := range keys {
		if !slices.Contains(names, k.Name) {
			names = append(names, k.Name)
		}
	}
	return names
}

// Set gives the fault a key. The error says what is allowed.
func (f *Fault) Set(name, value string) error {
	var allowed []keyed.Key[Fault]
	for _, k := range keys {
		if k.applies(f) {
			allowed = append(allowed, k.Key)
		}
	}
	return keyed.Set(f, allowed, f.KindNames(), name, value)
}

func (k key) applies(f *Fault) bool {
	has := func(kinds []Kind) bool {
		return slices.ContainsFunc(f.Kinds, func(kind Kind) bool { return slices.Contains(kinds, kind) })
	}
	return !has(k.notOf) && (k.of == nil || has(k.of))
}

const shareAboveZero = 5e-324 // the smallest float64 above 0

// ranges reads numbers and ranges joined with +, such as 1+3-5.
func ranges(name, example, meaning string, at func(*Fault) *[]Range) keyed.Key[Fault] {
	return keyed.Key[Fault]{
		Name:    name,
		Example: example,
		Meaning: meaning,
		Takes:   keyed.Takes{Form: keyed.FormRanges, Low: 1, High: keyed.MaxCount},
		Read: func(f *Fault, s string) error {
			var list []Range
			for part := range strings.SplitSeq(s, "+") {
				low, high, isRange := strings.Cut(part, "-")
				if !isRange {
					high = low
				}
				l, err1 := keyed.ParseCount(low)
				h, err2 := keyed.ParseCount(high)
				if err1 != nil || err2 != nil || h < l {
					return errors.New("want numbers and ranges from 1, joined with +, such as 1+3-5")
				}
				list = append(list, Range{l, h})
			}
			*at(f) = list
			return nil
		},
		Text: func(f *Fault) string {
			var b strings.Builder
			for i, r := range *at(f) {
				if i > 0 {
					b.WriteByte('+')
				}
				b.WriteString(strconv.Itoa(r.Low))
				if r.High > r.Low {
					b.WriteString("-" + strconv.Itoa(r.High))
				}
			}
			return b.String()
		},
	}
}
