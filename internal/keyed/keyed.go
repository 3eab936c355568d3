// Package keyed reads and writes KEY=VALUE lists about a thing, such as first=3,p=0.5 about a fault. A thing declares
// its keys once; the declarations parse, print, complete and document it.
package keyed

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"faultflow/internal/suggest"
)

// Key is one key that a T can have.
type Key[T any] struct {
	Name string
	// Example is a value, Meaning what it says of the thing, in one line.
	Example, Meaning string
	Takes            Takes
	// Excludes names a key that can't be given beside this one; "" for none.
	Excludes string
	// Read sets the key. Its error says what is allowed.
	Read func(of *T, value string) error
	// Text is the key's value as Read takes it, "" where it is not set.
	Text func(of *T) string
}

// Form is how the value of a key is written.
type Form string

// The forms.
const (
	FormNumber   Form = "number"
	FormCount    Form = "count"    // a whole number
	FormRanges   Form = "ranges"   // whole numbers and ranges of them, such as 1+3-5
	FormDuration Form = "duration" // such as 1.5s
	FormToggle   Form = "toggle"   // true or false
	FormChoice   Form = "choice"   // one of some words
)

// Takes says which values a key takes: their form, of a Choice the words, and of numbers the bounds; those of a
// duration are in nanoseconds.
type Takes struct {
	Form      Form
	Low, High float64
	Words     []string
}

// Excluding returns the key as one that can't be given beside another.
func (k Key[T]) Excluding(name string) Key[T] {
	k.Excludes = name
	return k
}

// Bounds of values, so that sums of them can't overflow.
const (
	MaxCount    = 1_000_000_000
	MaxDuration = 10_000 * time.Hour
)

// Set gives the thing a key. what names the thing in the error, which says what is allowed.
func Set[T any](of *T, keys []Key[T], what, name, value string) error {
	i := slices.IndexFunc(keys, func(k Key[T]) bool { return k.Name == name })
	if i < 0 {
		names := Names(keys)
		return fmt.Errorf("unknown key %q%s; keys for %s: %s", name, suggest.Nearest(name, names), what,
			strings.Join(names, ", "))
	}
	if err := keys[i].Read(of, value); err != nil {
		return fmt.Errorf("%s=%s: %w", name, value, err)
	}
	return nil
}

// SetAll reads a list such as first=3,p=0.5 and gives each key to set. A key that is given twice is an error.
func SetAll(list string, set func(name, value string) error) error {
	var seen []string
	for pair := range strings.SplitSeq(list, ",") {
		name, value, _ := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		if slices.Contains(seen, name) {
			return fmt.Errorf("key %s is given twice", name)
		}
		seen = append(seen, name)
		if err := set(name, strings.TrimSpace(value)); err != nil {
			return err
		}
	}
	return nil
}

// Append writes the keys that are set behind what b holds, each after a comma.
func Append[T any](b *strings.Builder, of *T, keys []Key[T]) {
	for _, k := range keys {
		if value := k.Text(of); value != "" {
			b.WriteByte(',')
			b.WriteString(k.Name)
			b.WriteByte('=')
			b.WriteString(value)
		}
	}
}

// Names lists the names of the keys.
func Names[T any](keys []Key[T]) []string {
	var names []string
	for _, k := range keys {
		names = append(names, k.Name)
	}
	return names
}

// Number declares a number from low to high, which want describes. 0 is not set.
func Number[T any](name, example, meaning string, low, high float64, want string, at func(*T) *float64) Key[T] {
	return Key[T]{
		Name:    name,
		Example: example,
		Meaning: meaning,
		Takes:   Takes{Form: FormNumber, Low: low, High: high},
		Read: func(of *T, s string) (err error) {
			*at(of), err = ParseNumber(s, low, high, want)
			return err
		},
		Text: func(of *T) string {
			if *at(of) == 0 {
				return ""
			}
			return strconv.FormatFloat(*at(of), 'g', -1, 64)
		},
	}
}

// ParseNumber reads a number from low to high; the error says to want what.
func ParseNumber(s string, low, high float64, what string) (float64, error) {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n >= low && n <= high) {
		return 0, fmt.Errorf("want %s", what)
	}
	return n, nil
}

// Count declares a whole number from 1. 0 is not set.
func Count[T any](name, example, meaning string, at func(*T) *int) Key[T] {
	return Key[T]{
		Name:    name,
		Example: example,
		Meaning: meaning,
		Takes:   Takes{Form: FormCount, Low: 1, High: MaxCount},
		Read: func(of *T, s string) (err error) {
			*at(of), err = ParseCount(s)
			return err
		},
		Text: func(of *T) string {
			if *at(of) == 0 {
				return ""
			}
			return strconv.Itoa(*at(of))
		},
	}
}

// ParseCount reads a whole number from 1 to MaxCount.
func ParseCount(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > MaxCount {
		return 0, fmt.Errorf("want a whole number from 1 to %d", MaxCount)
	}
	return n, nil
}

// Duration declares a duration from low to MaxDuration. 0 is not set.
func Duration[T any](name, example, meaning string, low time.Duration, at func(*T) *time.Duration) Key[T] {
	return Key[T]{
		Name:    name,
		Example: example,
		Meaning: meaning,
		Takes:   Takes{Form: FormDuration, Low: float64(low), High: float64(MaxDuration)},
		Read: func(of *T, s string) (err error) {
			*at(of), err = ParseDuration(s, low)
			return err
		},
		Text: func(of *T) string {
			if *at(of) == 0 {
				return ""
			}
			return at(of).String()
		},
	}
}

// ParseDuration reads a duration from low to MaxDuration.
func ParseDuration(s string, low time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < low || d > MaxDuration {
		return 0, fmt.Errorf("want a duration from %v to %v, such as 500ms or 5s", low, MaxDuration)
	}
	return d, nil
}

// Choice declares one of some words, of which the first is not written.
func Choice[T any, W ~string](name, meaning string, words []W, at func(*T) *W) Key[T] {
	var list []string
	for _, w := range words {
		list = append(list, string(w))
	}
	return Key[T]{
		Name:    name,
		Example: list[len(list)-1],
		Meaning: meaning,
		Takes:   Takes{Form: FormChoice, Words: list},
		Read: func(of *T, s string) error {
			if !slices.Contains(list, s) {
				return errors.New("want " + strings.Join(list, " or "))
			}
			*at(of) = W(s)
			return nil
		},
		Text: func(of *T) string {
			if *at(of) == words[0] {
				return ""
			}
			return string(*at(of))
		},
	}
}
