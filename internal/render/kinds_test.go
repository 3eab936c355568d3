package render

import (
	"testing"

	"faultflow/internal/catalog"
	"faultflow/internal/timeline"
)

// Whatever the catalogue says is drawn has a row in the table of kinds, and nothing else has one: an event that is
// emitted and not drawn is a hole in the picture.
func TestKindsAreThoseOfTheCatalogue(t *testing.T) {
	drawn := map[timeline.Kind]bool{}
	for _, e := range catalog.Events() {
		switch e.Role {
		case catalog.Begins, catalog.Ends, catalog.Opens, catalog.Moment, catalog.Lasts:
			drawn[e.Kind] = true
		case catalog.Aside, catalog.Changes: // changes are drawn as the states between them
		}
	}
	for _, s := range catalog.BreakerStates() {
		drawn[s] = true
	}
	for _, h := range catalog.Healths() {
		drawn[h] = true
	}
	for _, v := range catalog.Verdicts() {
		drawn[v] = true
	}
	drawn[timeline.Trigger] = true
	for kind := range drawn {
		if _, has := lookByKind[kind]; !has {
			t.Errorf("%T %v is drawn, and the table of kinds has no row for it", kind, kind)
		}
	}
	rows := map[timeline.Kind]int{}
	for _, look := range Looks() {
		if rows[look.Kind]++; rows[look.Kind] > 1 {
			t.Errorf("%T %v has two rows", look.Kind, look.Kind)
		}
		if !drawn[look.Kind] {
			t.Errorf("%T %v has a row, and the catalogue does not draw it", look.Kind, look.Kind)
		}
		if look.Word() == "" || look.Shape.Bar == "" && look.Shape.Symbol == "" {
			t.Errorf("%T %v: %+v says nothing", look.Kind, look.Kind, look)
		}
	}
}
