package fault

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"faultflow/internal/suggest"
)

// key is what can stand behind a fault's kind: a condition of its trigger, or a parameter of its kind.
type key struct {
	name string
	// of kinds lists the parameter's kinds; nil for a condition, which every fault can have.
	of      []Kind
	example string
	meaning string
	takes   Takes
	// excludes names a key that can't be given beside this one; "" for none.
	excludes string
	// read sets the key, text is its value as read takes it, "" where it is not set.
	read func(f *Fault, value string) error
	text func(f *Fault) string
}

// keys are in the order in which a fault is written.
var keys = []key{
	{
		name:    "p",
		example: "0.5",
		meaning: "the probability that a call is hit",
		takes:   Takes{Form: Number, High: 1},
		read: func(f *Fault, s string) (err error) {
			f.Trigger.HasP = true
			f.Trigger.P, err = parseNumber(s, 0, 1, "a probability from 0 to 1")
			return err
		},
		text: func(f *Fault) string {
			if !f.Trigger.HasP {
				return ""
			}
			return strconv.FormatFloat(f.Trigger.P, 'g', -1, 64)
		},
	},
	countKey("first", "3", "the first calls of the run", func(f *Fault) *int { return &f.Trigger.First }),
	countKey("every", "2", "each n-th call", func(f *Fault) *int { return &f.Trigger.Every }),
	rangesKey("calls", "1+3-5", "calls by their number", func(f *Fault) *[]Range { return &f.Trigger.Calls }),
	rangesKey("cycles", "2-4", "cycles by their number", func(f *Fault) *[]Range { return &f.Trigger.Cycles }),
	durationKey("from", "5s", "not before this time since the run began", 0, nil,
		func(f *Fault) *time.Duration { return &f.Trigger.From }),
	durationKey("to", "20s", "before this time since the run began", 1, nil,
		func(f *Fault) *time.Duration { return &f.Trigger.To }),
	numberKey("factor", "10", "how many times as long a call takes", 1, 1e6, "a factor from 1 to 1000000",
		[]Kind{Slow}, func(f *Fault) *float64 { return &f.Params.Factor }),
	durationKey("by", "2s", "how much longer a call takes", 1, []Kind{Slow},
		func(f *Fault) *time.Duration { return &f.Params.By }).excluding("factor"),
	numberKey("share", "0.5", "the share of the records", shareAboveZero, 1, "a share above 0, up to 1",
		[]Kind{MissingFields, OutOfRange, DuplicateRecords, Partial, PartialWrite},
		func(f *Fault) *float64 { return &f.Params.Share }),
	durationKey("period", "10s", "up for half of it, down for the other half", 2*time.Millisecond, []Kind{Flapping},
		func(f *Fault) *time.Duration { return &f.Params.Period }),
	durationKey("retry_after", "1s", "what the answer asks to wait", 1, []Kind{RateLimited},
		func(f *Fault) *time.Duration { return &f.Params.RetryAfter }),
	{
		name:    "may_not_fire",
		example: "true",
		meaning: "a run in which the fault never fires is not inconclusive",
		takes:   Takes{Form: Toggle},
		read: func(f *Fault, s string) (err error) {
			if f.MayNotFire, err = strconv.ParseBool(s); err != nil {
				return errors.New("want true or false")
			}
			return nil
		},
		text: func(f *Fault) string {
			if !f.MayNotFire {
				return ""
			}
			return "true"
		},
	},
}

// Form is how the value of a key is written.
type Form string

// The forms.
const (
	Number   Form = "number"
	Count    Form = "count"    // a whole number
	Ranges   Form = "ranges"   // whole numbers and ranges of them, such as 1+3-5
	Duration Form = "duration" // such as 1.5s
	Toggle   Form = "toggle"   // true or false
)

// Takes says which values a key takes: their form and, but for a Toggle, their bounds; those of a Duration are in
// nanoseconds.
type Takes struct {
	Form      Form
	Low, High float64
}

// Key describes a key for help, files and the reference.
type Key struct {
	Name, Example, Meaning string
	Takes                  Takes
	// Excludes names a key that can't be given beside this one; "" for none.
	Excludes string
	// Of lists the kinds that take the key as a parameter; nil for a condition, which every fault can have.
	Of []Kind
}

// Keys lists every key that can stand behind a kind, in the order in which a fault is written.
func Keys() []Key {
	var list []Key
	for _, k := range keys {
		list = append(list, Key{
			Name:     k.name,
			Example:  k.example,
			Meaning:  k.meaning,
			Takes:    k.takes,
			Excludes: k.excludes,
			Of:       slices.Clone(k.of),
		})
	}
	return list
}

// KeyNames lists the names of the keys.
func KeyNames() []string {
	var names []string
	for _, k := range keys {
		names = append(names, k.name)
	}
	return names
}

// Set gives the fault a key. The error says what is allowed.
func (f *Fault) Set(name, value string) error {
	for _, k := range keys {
		if k.name == name && k.applies(f) {
			if err := k.read(f, value); err != nil {
				return fmt.Errorf("%s=%s: %w", name, value, err)
			}
			return nil
		}
	}
	var allowed []string
	for _, k := range keys {
		if k.applies(f) {
			allowed = append(allowed, k.name)
		}
	}
	return fmt.Errorf("unknown key %q%s; keys for %s: %s", name, suggest.Nearest(name, allowed), f.KindNames(),
		strings.Join(allowed, ", "))
}

func (k key) excluding(name string) key {
	k.excludes = name
	return k
}

func (k key) applies(f *Fault) bool {
	return k.of == nil || slices.ContainsFunc(f.Kinds, func(kind Kind) bool { return slices.Contains(k.of, kind) })
}

// maxCount and maxDuration bound a fault's numbers, so that sums of them can't overflow.
const (
	maxCount       = 1_000_000_000
	maxDuration    = 10_000 * time.Hour
	shareAboveZero = 5e-324 // the smallest float64 above 0
)

func numberKey(name, example, meaning string, low, high float64, want string, of []Kind, at func(*Fault) *float64) key {
	return key{
		name:    name,
		of:      of,
		example: example,
		meaning: meaning,
		takes:   Takes{Number, low, high},
		read: func(f *Fault, s string) (err error) {
			*at(f), err = parseNumber(s, low, high, want)
			return err
		},
		text: func(f *Fault) string {
			if *at(f) == 0 {
				return ""
			}
			return strconv.FormatFloat(*at(f), 'g', -1, 64)
		},
	}
}

func parseNumber(s string, low, high float64, want string) (float64, error) {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n >= low && n <= high) {
		return 0, fmt.Errorf("want %s", want)
	}
	return n, nil
}

func countKey(name, example, meaning string, at func(*Fault) *int) key {
	return key{
		name:    name,
		example: example,
		meaning: meaning,
		takes:   Takes{Count, 1, maxCount},
		read: func(f *Fault, s string) (err error) {
			*at(f), err = parseCount(s)
			return err
		},
		text: func(f *Fault) string {
			if *at(f) == 0 {
				return ""
			}
			return strconv.Itoa(*at(f))
		},
	}
}

func parseCount(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxCount {
		return 0, fmt.Errorf("want a whole number from 1 to %d", maxCount)
	}
	return n, nil
}

func durationKey(
	name, example, meaning string, low time.Duration, of []Kind, at func(*Fault) *time.Duration,
) key {
	return key{
		name:    name,
		of:      of,
		example: example,
		meaning: meaning,
		takes:   Takes{Duration, float64(low), float64(maxDuration)},
		read: func(f *Fault, s string) error {
			d, err := time.ParseDuration(s)
			if err != nil || d < low || d > maxDuration {
				return fmt.Errorf("want a duration from %v to %v, such as 500ms or 5s", low, maxDuration)
			}
			*at(f) = d
			return nil
		},
		text: func(f *Fault) string {
			if *at(f) == 0 {
				return ""
			}
			return at(f).String()
		},
	}
}

// rangesKey reads numbers and ranges joined with +, such as 1+3-5.
func rangesKey(name, example, meaning string, at func(*Fault) *[]Range) key {
	return key{
		name:    name,
		example: example,
		meaning: meaning,
		takes:   Takes{Ranges, 1, maxCount},
		read: func(f *Fault, s string) error {
			var list []Range
			for part := range strings.SplitSeq(s, "+") {
				low, high, isRange := strings.Cut(part, "-")
				if !isRange {
					high = low
				}
				l, err1 := parseCount(low)
				h, err2 := parseCount(high)
				if err1 != nil || err2 != nil || h < l {
					return errors.New("want numbers and ranges from 1, joined with +, such as 1+3-5")
				}
				list = append(list, Range{l, h})
			}
			*at(f) = list
			return nil
		},
		text: func(f *Fault) string {
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
