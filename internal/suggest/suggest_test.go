package suggest

import "testing"

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
	if s := Nearest("x", nil); s != "" {
		t.Errorf("of nothing known: %q", s)
	}
}
