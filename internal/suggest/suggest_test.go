package suggest

import (
	"strings"
	"testing"
)

// A suggestion is what is nearest, if anything is near at all; no one meant something by nothing.
func TestNearest(t *testing.T) {
	known := []string{"collector", "processor", "delivery", "to", "storage", "network"}
	for got, want := range map[string]string{
		"colector": " (did you mean collector?)", "procesor": " (did you mean processor?)", "delivery": " (did you mean delivery?)",
		"store": " (did you mean storage?)", "STORAGE": "", "networks": " (did you mean network?)",
		"tp": " (did you mean to?)", "bogus": "", "": "", "completely different": "",
	} {
		if s := Nearest(got, known); s != want {
			t.Errorf("%q: %q, want %q", got, s, want)
		}
	}
	// Two letters in the wrong order are the commonest slip; half of a short word is none.
	commands := []string{"html", "test", "show", "report"}
	for got, want := range map[string]string{
		"tets": " (did you mean test?)", "shwo": " (did you mean show?)", "tset": " (did you mean test?)",
		"yaml": "", "retry": "", "sow": " (did you mean show?)",
	} {
		if s := Nearest(got, commands); s != want {
			t.Errorf("%q: %q, want %q", got, s, want)
		}
	}
	if s := Nearest("x", nil); s != "" {
		t.Errorf("of nothing known: %q", s)
	}
}

// The message has all that is allowed, and the nearest.
func TestOneOf(t *testing.T) {
	words := []string{"real", "virtual"}
	for got, want := range map[string]string{
		"virtaul": "want one of real, virtual (did you mean virtual?)", "sundial": "want one of real, virtual",
	} {
		if err := OneOf(got, words); err.Error() != want {
			t.Errorf("%q: %v, want %s", got, err, want)
		}
	}
}

// A text of any length can stand where a name should, in a report that someone edited: to look for what it may have
// meant must not take longer than to read it.
func TestNearestOfALongText(t *testing.T) {
	for _, letter := range []string{"x", "界", "e\u0301"} {
		if got := Nearest(strings.Repeat(letter, 1_000_000), []string{"collector.fetch", "delivery.primary"}); got != "" {
			t.Errorf("a million %q may mean %q", letter, got)
		}
	}
}
