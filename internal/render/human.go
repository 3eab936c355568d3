package render

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
)

// Tie is a space at which no line ends. It is an ordinary space by the time it is written.
const Tie = "\u00a0"

// Duration writes a duration of ms milliseconds for people: 850 ms, 2.3 s, 1 m 05 s, 2 h 05 m.
func Duration(ms float64) string {
	if !(math.Abs(ms) < 1e15) { // NaN is not less either
		return strconv.FormatFloat(ms, 'g', 3, 64) + Tie + "ms"
	}
	switch whole := math.Round(ms); {
	case ms > 0 && whole == 0:
		return "<1" + Tie + "ms"
	case whole < 1000:
		return strconv.FormatFloat(whole, 'f', -1, 64) + Tie + "ms"
	}
	// Round before the unit is chosen, or 59.97 s would become 60 s.
	if tenths := math.Round(ms / 100); tenths < 600 {
		return strconv.FormatFloat(tenths/10, 'f', -1, 64) + Tie + "s"
	}
	s := int64(math.Round(ms / 1000))
	if s < 3600 {
		return fmt.Sprintf("%d%sm%[2]s%02[3]d%[2]ss", s/60, Tie, s%60)
	}
	m := int64(math.Round(ms / 60_000))
	return fmt.Sprintf("%s%sh%[2]s%02[3]d%[2]sm", Grouped(m/60), Tie, m%60)
}

// DurationOf is span of a time.Duration.
func DurationOf(d time.Duration) string { return Duration(float64(d) / float64(time.Millisecond)) }

// Grouped writes n with a comma between thousands.
func Grouped[N ~int | ~int64](n N) string {
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

// Amount is n with its noun: "1 record", "1,234 records". A plural that is not noun + s is given as many.
func Amount[N ~int | ~int64](n N, noun string, many ...string) string {
	if n != 1 {
		noun += "s"
		if len(many) > 0 {
			noun = many[0]
		}
	}
	return Grouped(n) + Tie + noun
}

// percent writes a ratio. Only all is 100 % and only nothing is 0 %, however close it comes.
func percent(ratio float64) string {
	switch p := math.Round(ratio*1000) / 10; {
	case ratio < 1 && p == 100:
		return "99.9" + Tie + "%"
	case ratio > 0 && p == 0:
		return "0.1" + Tie + "%"
	default:
		return strconv.FormatFloat(p, 'f', -1, 64) + Tie + "%"
	}
}

// decimal writes a number with as many places as it needs.
func decimal(f float64) string { return strconv.FormatFloat(f, 'g', 4, 64) }

// Counted lists what was counted, in the given order and then by name: "source 10 · stale cache 2".
func Counted[K ~string](counts map[K]int, order ...K) string {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b K) int {
		return cmp.Or(cmp.Compare(catalog.Rank(a, order), catalog.Rank(b, order)), cmp.Compare(a, b))
	})
	var parts []string
	for _, k := range keys {
		if counts[k] != 0 {
			parts = append(parts, ClipName(catalog.Words(k))+" "+Grouped(counts[k]))
		}
	}
	return Facts(parts...)
}

// Facts joins what is not "".
func Facts(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), Tie+"· ")
}

// When returns s if it applies, else "".
func When(applies bool, s string) string {
	if applies {
		return s
	}
	return ""
}

// fixWidths: go-pretty takes the width of … and → from LANG, for the whole program. The same report has to be the same
// text everywhere.
var FixWidths = sync.OnceFunc(func() { text.OverrideRuneWidthEastAsianWidth(false) })

// ClipText cuts text of any length, such as an error with a whole answer in it, to a few lines.
func ClipText[S ~string](s S) string { return Shorten(report.Clean(string(s)), 240) }

// ClipName cuts a name to what fits in a line or a table beside other things.
func ClipName[S ~string](s S) string { return Shorten(report.Clean(string(s)), 32) }

// Shorten shortens s to a width, and says so with …. A text can't grow without end by what has no width, such as
// accents.
func Shorten(s string, width int) string {
	FixWidths()
	width = max(width, 8)
	n := 0
	for i := range s {
		if n++; n > 4*width {
			s = s[:i] + "…"
			break
		}
	}
	return text.Snip(s, width, "…")
}
