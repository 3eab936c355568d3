package render_test

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"faultflow/internal/browsertest"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
	"faultflow/internal/runtest"
)

// browser is a Chromium for reports' pages.
type browser struct{ *browsertest.Browser }

func newBrowser(t *testing.T) browser {
	t.Helper()
	return browser{browsertest.New(t, "")}
}

// open shows a report's page.
func (b browser) open(t *testing.T, r *report.Report) {
	t.Helper()
	b.show(t, htmlOf(t, r))
}

func (b browser) show(t *testing.T, html string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, []byte(html), 0o600); err != nil {
		t.Fatal(err)
	}
	b.Run(t, chromedp.Navigate((&url.URL{Scheme: "file", Path: path}).String()))
}

// saved is the report that the help's examples show.
func saved(t *testing.T) *report.Report {
	t.Helper()
	text, err := os.ReadFile("../../testdata/reports/outage.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := report.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return doc.Report
}

const tipText = `(() => { const tip = document.getElementById("tip"); return tip.hidden ? "" : tip.textContent })()`

func TestPageInBrowser(t *testing.T) {
	reporttest.NothingRaces(t)
	t.Parallel()
	b := newBrowser(t)
	b.open(t, saved(t))
	t.Run(
		"mouse",
		func(t *testing.T) {
			at := browsertest.Eval[struct{ X, Y float64 }](
				t,
				b.Browser,
				`(() => { const m = document.querySelector(".lane rect.no"); m.scrollIntoView({block: "center"}); const r = m.getBoundingClientRect(); return {X: r.x + r.width / 2, Y: r.y + r.height / 2} })()`,
			)
			b.Run(t, chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, at.X, at.Y))
			if tip := browsertest.Eval[string](
				t,
				b.Browser,
				tipText,
			); !strings.HasPrefix(
				tip,
				"collector: attempt 1 failed after ",
			) || !strings.Contains(tip, "network · dial tcp") {
				t.Errorf("tooltip %q", tip)
			}
			b.Run(t, chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, 5, 5))
			if tip := browsertest.Eval[string](t, b.Browser, tipText); tip != "" {
				t.Errorf("the tooltip stays: %q", tip)
			}
		},
	)
	t.Run(
		"keyboard",
		func(t *testing.T) {
			b.Run(
				t,
				chromedp.Evaluate[chromedp.Void](`document.querySelector(".window").focus()`),
				chromedp.KeyEvent(kb.Tab),
			)
			first := browsertest.Eval[string](t, b.Browser, tipText)
			if !strings.HasPrefix(first, "cycle 1: success for ") {
				t.Errorf("first tooltip %q", first)
			}
			b.Run(t, chromedp.KeyEvent(kb.ArrowRight))
			if tip := browsertest.Eval[string](t, b.Browser, tipText); !strings.HasPrefix(tip, "cycle 2: degraded for ") {
				t.Errorf("tooltip after →: %q", tip)
			}
			b.Run(t, chromedp.KeyEvent(kb.ArrowDown))
			if tip := browsertest.Eval[string](t, b.Browser, tipText); !strings.HasPrefix(tip, "collector: ") {
				t.Errorf("tooltip after ↓: %q", tip)
			}
			b.Run(t, chromedp.KeyEvent(kb.Escape))
			if tip := browsertest.Eval[string](t, b.Browser, tipText); tip != "" {
				t.Errorf("tooltip after Escape: %q", tip)
			}
			b.Run(t, chromedp.KeyEvent(kb.End))
			b.Wants(
				t,
				`document.activeElement === [...document.querySelectorAll(".lane > [aria-label]")].filter(m => m.closest(".lane") === [...document.querySelectorAll(".lane:has([aria-label])")].pop()).sort((a, b) => parseFloat(b.getAttribute("x")) - parseFloat(a.getAttribute("x")))[0]`,
			)
			b.Run(t, chromedp.KeyEvent(kb.Home))
			b.Wants(t, `document.activeElement === document.querySelector(".lane > [aria-label]")`)
			b.Run(t, chromedp.KeyEvent(kb.Tab))
			b.Wants(t, `!document.activeElement.closest(".chart")`) // one stop, not one for each mark
		},
	)
	t.Run(
		"zoom",
		func(t *testing.T) {
			width := func() float64 {
				return browsertest.Eval[float64](t, b.Browser, `document.querySelector(".canvas svg").clientWidth`)
			}
			ticks := func() int {
				return browsertest.Eval[int](t, b.Browser, `document.querySelectorAll(".axis text").length`)
			}
			plain, few := width(), ticks()
			near := func(want float64) {
				t.Helper()
				if got := width() / plain; got < want*0.9 || got > want*1.1 {
					t.Errorf("%.2f times as wide, want %.2f", got, want)
				}
			}
			b.Run(t, chromedp.Click(`[data-zoom="in"]`))
			near(2)
			if ticks() <= few {
				t.Errorf("%d ticks, then %d", few, ticks())
			}
			b.Run(t, chromedp.Click(`[data-zoom="fit"]`))
			near(1)
			b.Run(
				t,
				chromedp.Evaluate[chromedp.Void](`document.querySelector(".window").focus()`),
				chromedp.KeyEvent("+"),
				chromedp.KeyEvent("+"),
			)
			near(4)
			b.Run(t, chromedp.KeyEvent("-"))
			near(2)
			b.Run(t, chromedp.KeyEvent("0"))
			near(1)
			at := browsertest.Eval[struct{ X, Y float64 }](
				t,
				b.Browser,
				`(() => { const p = document.querySelector(".window"); p.scrollIntoView({block: "center"}); const r = p.getBoundingClientRect(); return {X: r.x + r.width / 2, Y: r.y + r.height / 2} })()`,
			)
			browsertest.Call(t, b.Browser, input.DispatchMouseEvent, input.DispatchMouseEventParams{
				Type:      input.DispatchMouseEventTypeMouseWheel,
				X:         at.X,
				Y:         at.Y,
				DeltaX:    0.01,
				DeltaY:    -400,
				Modifiers: int64(kb.ModifierCtrl),
			})
			for range 50 { // a wheel event is handled when the page gets to it
				if width() > 3*plain {
					break
				}
				time.Sleep(20 * time.Millisecond)
			}
			near(4)
			// Dragging pans.
			before := browsertest.Eval[float64](t, b.Browser, `document.querySelector(".window").scrollLeft`)
			b.Run(t, chromedp.DragAndDropXY(at.X, at.Y, at.X-100, at.Y))
			if after := browsertest.Eval[float64](
				t,
				b.Browser,
				`document.querySelector(".window").scrollLeft`,
			); after < before+90 || after > before+110 {
				t.Errorf("scrolled from %g to %g", before, after)
			}
			b.Run(t, chromedp.Click(`[data-zoom="fit"]`))
		},
	)
	t.Run("crowded", func(t *testing.T) {
		b.show(t, htmlOf(t, runtest.Run(t, "cycles=60", "interval=5s", "fault=collector.fetch=connection_refused")))
		shown := func() int {
			return browsertest.Eval[int](t, b.Browser, `[...document.querySelectorAll(".lane use.fault")].filter(m => m.checkVisibility()).length`)
		}
		few := shown()
		for range 3 {
			b.Run(t, chromedp.Click(`[data-zoom="in"]`))
		}
		if more := shown(); few == 0 || more <= few {
			t.Errorf("%d symbols are shown, %d where there is room for more", few, more)
		}
		b.Run(t, chromedp.EmulateViewport(400, 800), chromedp.Click(`[data-zoom="fit"]`))
		if fewer := shown(); fewer == 0 || fewer > few {
			t.Errorf("%d symbols are shown on a phone, %d on a screen", fewer, few)
		}
		b.Run(t, chromedp.EmulateViewport(1200, 900))
		b.open(t, saved(t))
	})
	t.Run("contrast", func(t *testing.T) { b.Contrast(t, 200) })
	t.Run("structure", func(t *testing.T) {
		b.structure(t)
		b.Run(t, chromedp.EmulateViewport(400, 800))
		b.Wants(t, `[...document.querySelectorAll(".stages dd")].every(d => d.clientWidth > 200)`)
		b.Run(t, chromedp.EmulateViewport(1200, 900))
	})
	t.Run("print", func(t *testing.T) {
		b.Run(t, browsertest.Unfold(false))
		pdf := browsertest.Ask(t, b.Browser, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4), chromedp.PDFPrintBackground()))
		if n := bytes.Count(pdf, []byte("/Type /Page\n")); n < 2 || n > 8 {
			t.Errorf("%d pages", n)
		}
	})
	for name, r := range map[string]*report.Report{
		"drill": reporttest.Drill(), "success": reporttest.Success(), "failed": reporttest.Failed(),
	} {
		t.Run("structure of "+name, func(t *testing.T) {
			b.open(t, r)
			b.structure(t)
		})
	}
	b.open(t, reporttest.Comeback())
	t.Run("load", func(t *testing.T) { b.plots(t) })
	b.Clean(t)
	t.Run(
		"without scripts",
		func(t *testing.T) {
			browsertest.Call(t, b.Browser, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
			b.open(t, saved(t))
			browsertest.Call(t, b.Browser, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{})
			b.Wants(
				t,
				`document.querySelector(".tools").hidden && document.querySelector(".lane rect.no title").textContent.startsWith("collector: attempt 1 failed")`,
			)
			b.Wants(t, `document.querySelector(".lane rect.no").getBoundingClientRect().height === 18`)
		},
	)
}

// plots are lines on the timeline's axis: what is drawn at a time stands under its tick, zoomed or not, and the
// keyboard reaches what it is.
func (b browser) plots(t *testing.T) {
	const shaded = `(() => {
		const box = e => e.getBoundingClientRect(), shade = box(document.querySelector(".shade"));
		const axis = box(document.querySelector(".canvas svg"));
		const good = document.querySelector("g.plot .curve.good"), all = good.getTotalLength();
		const fell = [...Array(2000).keys()].map(i => good.getPointAtLength(all * i / 2000)).find(p => p.y > 70);
		const x = fell.matrixTransform(good.getScreenCTM()).x;
		return x > shade.left && x < shade.right && Math.abs((shade.left - axis.left) / axis.width - 20 / 300) < .001
	})()`
	b.Wants(t, shaded)
	b.Run(t, chromedp.Click(`[data-zoom="in"]`), chromedp.Click(`[data-zoom="in"]`))
	b.Wants(t, shaded)
	b.Run(t, chromedp.Click(`[data-zoom="fit"]`))
	b.Wants(t, `[...document.querySelectorAll(".lanes .plot")].every((li, i) => {
		const name = li.getBoundingClientRect(), g = document.querySelectorAll("g.plot")[i].getBoundingClientRect();
		return name.top <= g.top + 1 && name.bottom >= g.bottom - 1 && li.scrollHeight <= li.clientHeight
	})`)
	b.Run(
		t,
		chromedp.Evaluate[chromedp.Void](`document.querySelector(".window").focus()`),
		chromedp.KeyEvent(kb.Tab),
		chromedp.KeyEvent(kb.ArrowDown),
	)
	const want = "21 s – 24 s, passes a second: offered 60/s · good 18/s"
	if tip := browsertest.Eval[string](t, b.Browser, tipText); tip != want {
		t.Errorf("tooltip %q, want %q", tip, want)
	}
	b.Contrast(t, 200)
	b.structure(t)
	b.Run(t, chromedp.EmulateViewport(360, 800))
	b.Wants(t, `document.documentElement.scrollWidth <= 360`)
	b.Wants(t, `document.querySelector(".window").clientWidth > 150`)
	b.Wants(t, `[...document.querySelectorAll(".lanes .plot")].every(li => li.scrollHeight <= li.clientHeight)`)
	b.Run(t, chromedp.EmulateViewport(1200, 900))
}

// structure is what screen readers, links and narrow windows rely on.
func (b browser) structure(t *testing.T) {
	b.Wants(
		t,
		`document.querySelectorAll("h1").length === 1 && document.querySelectorAll("main, header, footer, nav").length === 4`,
	)
	b.Wants(
		t,
		`[...document.querySelectorAll("table")].every(t => t.caption && t.querySelector("th[scope=col]") && t.querySelector("th[scope=row]"))`,
	)
	b.Wants(
		t,
		`[...document.querySelectorAll("[aria-labelledby]")].every(e => e.getAttribute("aria-labelledby").split(" ").every(id => document.getElementById(id)))`,
	)
	b.Wants(
		t,
		`new Set([...document.querySelectorAll("[id]")].map(e => e.id)).size === document.querySelectorAll("[id]").length`,
	)
	b.Wants(
		t,
		`[...document.querySelectorAll("nav a, .skip-link")].every(a => document.querySelector(a.getAttribute("href")))`,
	)
	b.Landmarks(t)
	b.Wants(t, `document.documentElement.scrollWidth <= innerWidth`)
	b.Run(t, chromedp.EmulateViewport(400, 800))
	b.Wants(t, `document.documentElement.scrollWidth <= 400`)
	b.Run(t, chromedp.EmulateViewport(1200, 900))
}

// No text from outside does anything, however it tries.
func TestPageUnderAttackInBrowser(t *testing.T) {
	reporttest.NothingRaces(t)
	t.Parallel()
	b := newBrowser(t)
	for name, attack := range attacks() {
		t.Run(
			name,
			func(t *testing.T) {
				b.open(t, attacked(attack))
				b.Wants(
					t,
					`document.scripts.length === 1 && document.querySelectorAll("style").length === 1 && !document.querySelector("img, iframe, b, i, object, form")`,
				)
				b.Wants(t, `document.documentElement.scrollWidth <= innerWidth`)
				b.Wants(t, `getComputedStyle(document.body).display === "block"`)
				b.Clean(t)
			},
		)
	}
}

// TestPictures takes the pictures of the documentation: FAULTFLOW_PICTURES names the folder for them.
func TestPictures(t *testing.T) {
	dir := os.Getenv("FAULTFLOW_PICTURES")
	if dir == "" {
		t.Skip("FAULTFLOW_PICTURES names no folder")
	}
	t.Parallel()
	b := newBrowser(t)
	for _, c := range []struct {
		name, scheme  string
		width, height int64
	}{{"page", "light", 1200, 1720}, {"page-dark", "dark", 1200, 1720}} {
		b.Scheme(t, c.scheme)
		b.Run(t, chromedp.EmulateViewport(c.width, c.height))
		b.open(t, saved(t))
		png := browsertest.Ask(t, b.Browser, chromedp.CaptureScreenshot())
		if err := os.WriteFile(filepath.Join(dir, c.name+".png"), png, 0o644); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s.png: %d bytes", c.name, len(png))
	}
	b.Clean(t)
}
