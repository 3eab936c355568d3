package html

import (
	"slices"
	"testing"
)

// TestSectionsAreToldApart: documents of a folder have any names, and long ones are cut; landmarks of one name would
// lead nowhere.
func TestSectionsAreToldApart(t *testing.T) {
	var sections []htmlSection
	for _, title := range []string{"Reports", "reports", "outage of the…", "outage of the…", "outage of the… (2)", "calm"} {
		sections = append(sections, htmlSection{Title: title})
	}
	tellApart(sections)
	var got []string
	for _, s := range sections {
		got = append(got, s.Title)
	}
	want := []string{"Reports", "reports (2)", "outage of the…", "outage of the… (2)", "outage of the… (2) (2)", "calm"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
