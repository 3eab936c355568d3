package render_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"faultflow/internal/browsertest"
	"faultflow/internal/compare"
	"faultflow/internal/render/text"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
)

func compareHTML(t tester, r *compare.Result) string {
	t.Helper()
	return compareText(t, r, "html", text.Style{})
}

// attackedComparison has s wherever a text can come from outside.
func attackedComparison(t tester, s string) *compare.Result {
	t.Helper()
	return compared(t, []string{s, s + "2"}, reporttest.Network(), attacked(s))
}

// harmlessComparison is the shape of all pages of usual comparisons.
func harmlessComparison(t tester) map[string]bool {
	t.Helper()
	usual := shape(t, compareHTML(t, attackedComparison(t, "x")))
	for _, r := range comparisons(t) {
		for what := range shape(t, compareHTML(t, r)) {
			usual[what] = true
		}
	}
	return usual
}

func TestCompareHTMLIsHarmless(t *testing.T) {
	usual := harmlessComparison(t)
	for what := range usual {
		if !strings.HasPrefix(
			what,
			"meta content=default-src",
		) && (strings.Contains(what, " on") || strings.Contains(what, " style=") || strings.Contains(what, "//")) {
			t.Errorf("a usual page has <%s>", what)
		}
	}
	for name, attack := range attacks() {
		t.Run(name, func(t *testing.T) {
			r := attackedComparison(t, attack)
			checkHTML(t, compareHTML(t, r), usual)
			r.Comparisons[0].Name = attack // as of a file in a folder
			checkHTML(t, compareHTML(t, r), usual)
			campaigns := comparedCampaigns([]string{
				attack,
				attack + "2",
			}, recorded[report.Campaign](t, "random.json"), attackedCampaign(t, attack))
			checkHTML(t, compareHTML(t, campaigns), usual)
		})
	}
}

func TestComparePageInBrowser(t *testing.T) {
	reporttest.NothingRaces(t)
	t.Parallel()
	b := newBrowser(t)
	for name, scripts := range map[string]int{
		"many":      1,
		"folders":   0,
		"campaigns": 0,
	} { // a script goes with a timeline
		t.Run(name, func(t *testing.T) {
			b.show(t, compareHTML(t, comparisons(t)[name]))
			b.Contrast(t, 100)
			b.structure(t)
			b.Wants(t, fmt.Sprintf(
				`document.querySelectorAll("td.bad, td.good").length > 20 && document.scripts.length === %d`,
				scripts,
			))
			b.Clean(t)
		})
	}
	t.Run(
		"timelines",
		func(t *testing.T) {
			b.show(t, compareHTML(t, comparisons(t)["runs"]))
			at := browsertest.Eval[struct{ X, Y float64 }](
				t,
				b.Browser,
				`(() => { const m = document.querySelectorAll(".lane.node")[1].querySelector("use.reject"); m.scrollIntoView({block: "center"}); const r = m.getBoundingClientRect(); return {X: r.x + r.width / 2, Y: r.y + r.height / 2} })()`,
			)
			b.Run(t, chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, at.X, at.Y))
			if tip := browsertest.Eval[string](t, b.Browser, tipText); !strings.HasPrefix(tip, "collector (breaker): attempt 1 rejected") {
				t.Errorf("tooltip %q", tip)
			}
			// On a phone the lanes still say which run they are of, and no keys that it has not.
			b.Run(t, chromedp.EmulateViewport(400, 800, chromedp.EmulateTouch))
			b.Wants(t, `[...document.querySelectorAll(".lanes .run")].every(r => r.offsetWidth > 20 &&
				r.scrollWidth <= r.clientWidth && r.getBoundingClientRect().bottom <= r.closest("li").getBoundingClientRect().bottom)`)
			// What is better and worse shows both runs, without a scroll.
			b.Wants(t, `[...document.querySelectorAll("main table")].
				filter(e => e.checkVisibility() && e.querySelector("td.good, td.bad")).
				every(e => e.querySelectorAll("thead th")[2].getBoundingClientRect().right <= innerWidth)`)
			b.Run(t, chromedp.EmulateViewport(1200, 900))
			b.Contrast(t, 100)
			b.structure(t)
			b.Clean(t)
		},
	)
	t.Run("loads", func(t *testing.T) {
		b.show(t, compareHTML(t, comparisons(t)["loads"]))
		// Runs lie over each other, in lines that differ without color.
		b.Wants(t, `[...document.querySelectorAll("g.plot")].every(g => g.querySelector(".curve.active.dash-0") &&
			g.querySelector(".curve.warn.dash-1") && g.querySelectorAll(".curve").length === 2)`)
		b.Contrast(t, 100)
		b.structure(t)
		b.Clean(t)
	})
	for _, name := range []string{"script", "end of a title", "long word", "combining"} {
		t.Run(
			name,
			func(t *testing.T) {
				attack := attacks()[name]
				b.show(t, compareHTML(t, attackedComparison(t, attack)))
				b.Wants(
					t,
					`document.scripts.length === 1 && document.querySelectorAll("style").length === 1 && !document.querySelector("img, iframe, b, i, object, form")`,
				)
				b.Wants(t, `document.documentElement.scrollWidth <= innerWidth`)
				b.Clean(t)
			},
		)
	}
}
