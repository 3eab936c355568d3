package render_test

import (
	"strings"
	"testing"

	"faultflow/internal/catalog"
	"faultflow/internal/render/ci"
	"faultflow/internal/render/text"
	"faultflow/internal/reporttest"
	"faultflow/internal/runtest"
	"faultflow/internal/settings"
)

// A call that the rate limit turns away is seen wherever what happened is drawn. (It was once counted, and drawn
// nowhere.)
func TestWhatTheRateLimitTurnsAwayIsDrawn(t *testing.T) {
	r := runtest.Run(t, "cycles=2", "collector-rate-limit=0.05", "bulkhead-wait=0s", "collector-attempts=2")
	word := catalog.RateLimitHit.Event().Word
	strip := timelineOf(t, r, text.Style{})
	if !strings.Contains(strip, "L "+word) || strings.Count(strip, "L") < 2 {
		t.Errorf("no L for %s in\n%s", word, strip)
	}
	page := htmlOf(t, r)
	for _, want := range []string{
		`<use href="#limit" class="limit"`,
		"<title>collector: attempt 1 " + word + " · at ",
		"<td>node collector</td><td>" + word + "</td>",
		`class="limit" x="11" y="9"/></svg> ` + word + "</li>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
}

// The table of policies has a row for each setting that nodes have, whichever these are.
func TestEveryPolicySettingHasARow(t *testing.T) {
	r := reporttest.Success()
	r.Settings.Processor.RateLimit = 12.5
	page, comment := htmlOf(t, r), written(t, r, ci.WriteMarkdown)
	count := 0
	for _, s := range settings.All() {
		if s.Node != catalog.Collector {
			continue
		}
		count++
		if row := `<tr><th scope="row">` + s.Label() + "</th>"; !strings.Contains(page, row) {
			t.Errorf("the page has no row %s", s.Label())
		}
		if row := "\n| " + s.Label() + " | "; !strings.Contains(comment, row) {
			t.Errorf("the comment has no row %s", s.Label())
		}
	}
	if count < 13 {
		t.Errorf("%d settings of a node", count)
	}
	for _, want := range []string{
		"| rate limit | no limit | 12.5 a second | no limit |",
		"| retry delay | 1 s | 2 s | 1 s |",
		"| jitter | 10 % | 10 % | 10 % |",
		"| breaker open for | off | off | off |",
	} {
		if !strings.Contains(comment, want) {
			t.Errorf("no row %s in\n%s", want, comment)
		}
	}
}
