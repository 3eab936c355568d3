package render

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// tie is a space at which no line ends. It is an ordinary space by the time it is written.
const tie = "\u00a0"

// span writes a duration of ms milliseconds for people: 850 ms, 2.3 s, 1 m 05 s, 2 h 05 m.
func span(ms float64) string {
	if !(math.Abs(ms) < 1e15) { // NaN is not less either
		return strconv.FormatFloat(ms, 'g', 3, 64) + tie + "ms"
	}
	switch whole := math.Round(ms); {
	case ms > 0 && whole == 0:
		return "<1" + tie + "ms"
	case whole < 1000:
		return strconv.FormatFloat(whole, 'f', -1, 64) + tie + "ms"
	}
	// Round before the unit is chosen, or 59.97 s would become 60 s.
	if tenths := math.Round(ms / 100); tenths < 600 {
		return strconv.FormatFloat(tenths/10, 'f', -1, 64) + tie + "s"
	}
	s := int64(math.Round(ms / 1000))
	if s < 3600 {
		return fmt.Sprintf("%d%sm%[2]s%02[3]d%[2]ss", s/60, tie, s%60)
	}
	m := int64(math.Round(ms / 60_000))
	return fmt.Sprintf("%s%sh%[2]s%02[3]d%[2]sm", number(m/60), tie, m%60)
}

// number writes n with a comma between thousands.
func number[N ~int | ~int64](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// amount is n with its noun: "1 record", "1,234 records". A plural that is not noun + s is given as many.
func amount[N ~int | ~int64](n N, noun string, many ...string) string {
	if n != 1 {
		noun += "s"
		if len(many) > 0 {
			noun = many[0]
		}
	}
	return number(n) + tie + noun
}

// percent writes a ratio. Only all is 100 % and only nothing is 0 %, however close it comes.
func percent(ratio float64) string {
	switch p := math.Round(ratio*1000) / 10; {
	case ratio < 1 && p == 100:
		return "99.9" + tie + "%"
	case ratio > 0 && p == 0:
		return "0.1" + tie + "%"
	default:
		return strconv.FormatFloat(p, 'f', -1, 64) + tie + "%"
	}
}

// decimal writes a number with as many places as it needs.
func decimal(f float64) string { return strconv.FormatFloat(f, 'g', 4, 64) }

// words turns a name for scripts into words: stale_cache is "stale cache".
func words[S ~string](name S) string { return strings.ReplaceAll(string(name), "_", " ") }

// tally lists what was counted, in the given order and then by name: "source 10 · stale cache 2".
func tally[K ~string](counts map[K]int, order ...K) string {
	rank := func(k K) int {
		if i := slices.Index(order, k); i >= 0 {
			return i
		}
		return len(order)
	}
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b K) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
	})
	var parts []string
	for _, k := range keys {
		if counts[k] != 0 {
			parts = append(parts, name(words(k))+" "+number(counts[k]))
		}
	}
	return facts(parts...)
}

// facts joins what is not "".
func facts(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), tie+"· ")
}

// when returns s if it applies, else "".
func when(applies bool, s string) string {
	if applies {
		return s
	}
	return ""
}
