package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/keyed"
)

// Patterns of the texts in files, for the schema. They keep to what regular expressions have everywhere, without
// looking ahead or back. A sum such as 9999h61m is out of their reach: they bound its parts.

const (
	separator = `\s*,\s*`
	equals    = `\s*=\s*`
)

// anyOf matches one of the patterns.
func anyOf(patterns ...string) string { return "(" + strings.Join(patterns, "|") + ")" }

// wholly matches a text as a whole.
func wholly(pattern string) string { return "^" + pattern + "$" }

// below matches whole numbers from 0 to n-1, without zeros in front.
func below(n int) string {
	digits := strconv.Itoa(n)
	rest := func(count int) string {
		if count == 0 {
			return ""
		}
		return fmt.Sprintf("[0-9]{%d}", count)
	}
	var list []string
	if len(digits) > 1 {
		list = append(list, fmt.Sprintf("[0-9]{1,%d}", len(digits)-1))
	}
	for i, d := range digits {
		first := '0'
		if i == 0 && len(digits) > 1 {
			first = '1'
		}
		if d > first {
			list = append(list, fmt.Sprintf("%s[%c-%c]%s", digits[:i], first, d-1, rest(len(digits)-i-1)))
		}
	}
	return anyOf(list...)
}

// decimal matches decimal numbers from 0 to high.
func decimal(high int) string {
	return anyOf(`0*`+below(high)+`(\.[0-9]*)?`, `\.[0-9]+`, fmt.Sprintf(`0*%d(\.0*)?`, high))
}

// units are those of time.ParseDuration; a microsecond is written in three ways.
var units = []struct {
	name string
	of   time.Duration
}{
	{"ns", time.Nanosecond},
	{"(us|µs|μs)", time.Microsecond},
	{"ms", time.Millisecond},
	{"s", time.Second},
	{"m", time.Minute},
	{"h", time.Hour},
}

// durationsUpTo matches durations of which no part is longer than high.
func durationsUpTo(high time.Duration) string {
	var parts []string
	for _, u := range units {
		parts = append(parts, decimal(int(high/u.of))+u.name)
	}
	return anyOf("0", anyOf(parts...)+"+")
}

// durationsBelow matches durations in a single unit that are shorter than low.
func durationsBelow(low time.Duration) string {
	list := []string{"0"}
	for _, u := range units {
		number := anyOf(`0+\.?0*`, `\.0+`)
		if low >= u.of {
			number = anyOf(`0*`+below(int(low/u.of))+`(\.[0-9]*)?`, `\.[0-9]+`)
		}
		list = append(list, number+u.name)
	}
	return anyOf(list...)
}

// countsUpTo matches whole numbers from 1 to high, a power of ten.
func countsUpTo(high int) string {
	text := strconv.Itoa(high)
	return "0*" + anyOf(fmt.Sprintf("[1-9][0-9]{0,%d}", len(text)-2), text)
}

// rangesUpTo matches counts and ranges of them, joined with +.
func rangesUpTo(high int) string {
	n := countsUpTo(high)
	return fmt.Sprintf(`%[1]s(-%[1]s)?(\+%[1]s(-%[1]s)?)*`, n)
}

// kindsAt matches the kinds of a place, and several of them joined with |.
func kindsAt(place catalog.Place) string {
	kind := anyOf(catalog.Strings(fault.KindsAt(place))...)
	return `\s*` + kind + `(\s*\|\s*` + kind + `)*\s*`
}

// joinedThrottle matches kinds of which one changes a capacity, which is joined with no other.
var joinedThrottle = anyOf(throttle+`\s*\|`, `[a-z0-9_|\s]*\|\s*`+throttle)

var throttle = anyOf(string(fault.Halt), string(fault.CapacityLoss))

// faultTexts matches faults as --fault takes them, at the places given.
func faultTexts(places map[string]catalog.Place) string {
	var heads, keys []string
	for _, pattern := range slices.Sorted(maps.Keys(places)) {
		heads = append(heads, pattern+equals+kindsAt(places[pattern]))
	}
	for _, k := range fault.Keys() {
		keys = append(keys, k.Name+equals+keyText(k))
	}
	return `\s*` + anyOf(heads...) + anyOf(`,?`, "("+separator+anyOf(keys...)+`\s*)+`)
}

// keyText matches the value of a key in a fault's text. Of numbers with an exponent it does not know the bounds.
func keyText(k fault.Key) string {
	switch high := k.Takes.High; k.Takes.Form {
	case keyed.FormNumber:
		return anyOf(`\+?`+decimal(int(high)), `-0*\.?0*`, `[-+]?[0-9.]+[eE][-+]?[0-9]+`, `[-+]?0[xX].*`)
	case keyed.FormCount:
		return `\+?` + countsUpTo(int(high))
	case keyed.FormRanges:
		return rangesUpTo(int(high))
	case keyed.FormDuration:
		return `\+?` + durationsUpTo(time.Duration(high))
	case keyed.FormToggle:
		return "(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)"
	}
	return ".*"
}

// keyTextBelow matches values that are too small for a key, "" for none.
func keyTextBelow(k fault.Key) string {
	switch low := k.Takes.Low; {
	case k.Takes.Form == keyed.FormDuration && low > 0:
		return durationsBelow(time.Duration(low))
	case k.Takes.Form == keyed.FormNumber && low >= 1:
		return anyOf(`0*`+below(int(low))+`(\.[0-9]*)?`, `\.[0-9]+`)
	case k.Takes.Form == keyed.FormNumber && low > 0:
		return anyOf(`0+\.?0*`, `\.0+`)
	}
	return ""
}
