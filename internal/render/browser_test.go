package render_test

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"faultflow/internal/report"
	"faultflow/internal/reporttest"
	"faultflow/internal/runtest"
)

// browser is a tab of a headless Chromium that watches what its pages do.
type browser struct {
	ctx context.Context
	mu  sync.Mutex
	// wrong is what no page may do: errors, dialogs, requests.
	wrong []string
}

// newBrowser starts Chromium. Without one the test is skipped, but not in CI.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is missing; CI must have it (Debian: chromium)")
		}
		t.Skip("chromium is missing (Debian: chromium)")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(
		path,
	), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.Flag(
			"disable-quic",
			true,
		), chromedp.Flag("disable-component-update", true), chromedp.WindowSize(1200, 900))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	b := &browser{ctx: ctx}
	if err := chromedp.Listen(ctx, b.watch); err != nil {
		t.Fatal(err)
	}
	call(t, b, network.Enable, network.EnableParams{})
	call(t, b, log.Enable, cdp.Empty{})
	call(t, b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	return b
}

func (b *browser) watch(event any) {
	what := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		what = "exception: " + e.ExceptionDetails.Text
	case *runtime.EventConsoleAPICalled:
		what = "console: " + string(e.Type)
	case *log.EventEntryAdded:
		what = "log: " + e.Entry.Text
	case *page.EventJavascriptDialogOpening:
		what = "dialog: " + e.Message
	case *network.EventRequestWillBeSent:
		if u := e.Request.URL; u != e.DocumentURL && !strings.HasPrefix(u, "data:") {
			what = "request: " + u
		}
	}
	if what != "" {
		b.mu.Lock()
		b.wrong = append(b.wrong, what)
		b.mu.Unlock()
	}
}

// patience is how long one step may take on a busy machine.
const patience = time.Minute

func (b *browser) run(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// ask runs a step that answers something.
func ask[T any](t *testing.T, b *browser, step chromedp.Action[T]) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	answer, err := chromedp.Run(ctx, step)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// call sends a command of the protocol.
func call[P, R any](t *testing.T, b *browser, command cdp.Command[P, R], params P) {
	t.Helper()
	if _, err := chromedp.Call(b.ctx, command, params); err != nil {
		t.Fatal(err)
	}
}

// open shows a report's page.
func (b *browser) open(t *testing.T, r *report.Report) {
	t.Helper()
	b.show(t, htmlOf(t, r))
}

func (b *browser) show(t *testing.T, html string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, []byte(html), 0o600); err != nil {
		t.Fatal(err)
	}
	b.run(t, chromedp.Navigate((&url.URL{Scheme: "file", Path: path}).String()))
}

// scheme makes the page light or dark.
func (b *browser) scheme(t *testing.T, name string) {
	t.Helper()
	call(t, b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{
		Name:  "prefers-color-scheme",
		Value: name,
	}}})
}

func unfold(open bool) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](fmt.Sprintf(
		`document.querySelectorAll("details").forEach(d => d.open = %v)`,
		open,
	))
}

// clean fails the test for what went wrong since the last call.
func (b *browser) clean(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.wrong {
		t.Error(w)
	}
	b.wrong = nil
}

// eval evaluates an expression in the page.
func eval[T any](t *testing.T, b *browser, js string) T {
	t.Helper()
	return ask(t, b, chromedp.Evaluate[T](js))
}

func (b *browser) wants(t *testing.T, js string) {
	t.Helper()
	if !eval[bool](t, b, js) {
		t.Errorf("not true in the page: %s", js)
	}
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
			at := eval[struct{ X, Y float64 }](
				t,
				b,
				`(() => { const m = document.querySelector(".lane rect.no"); m.scrollIntoView({block: "center"}); const r = m.getBoundingClientRect(); return {X: r.x + r.width / 2, Y: r.y + r.height / 2} })()`,
			)
			b.run(t, chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, at.X, at.Y))
			if tip := eval[string](
				t,
				b,
				tipText,
			); !strings.HasPrefix(
				tip,
				"collector: attempt 1 failed after ",
			) || !strings.Contains(tip, "network · dial tcp") {
				t.Errorf("tooltip %q", tip)
			}
			b.run(t, chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, 5, 5))
			if tip := eval[string](t, b, tipText); tip != "" {
				t.Errorf("the tooltip stays: %q", tip)
			}
		},
	)
	t.Run(
		"keyboard",
		func(t *testing.T) {
			b.run(
				t,
				chromedp.Evaluate[chromedp.Void](`document.querySelector(".window").focus()`),
				chromedp.KeyEvent(kb.Tab),
			)
			first := eval[string](t, b, tipText)
			if !strings.HasPrefix(first, "cycle 1: success for ") {
				t.Errorf("first tooltip %q", first)
			}
			b.run(t, chromedp.KeyEvent(kb.ArrowRight))
			if tip := eval[string](t, b, tipText); !strings.HasPrefix(tip, "cycle 2: degraded for ") {
				t.Errorf("tooltip after →: %q", tip)
			}
			b.run(t, chromedp.KeyEvent(kb.ArrowDown))
			if tip := eval[string](t, b, tipText); !strings.HasPrefix(tip, "collector: ") {
				t.Errorf("tooltip after ↓: %q", tip)
			}
			b.run(t, chromedp.KeyEvent(kb.Escape))
			if tip := eval[string](t, b, tipText); tip != "" {
				t.Errorf("tooltip after Escape: %q", tip)
			}
			b.run(t, chromedp.KeyEvent(kb.End))
			b.wants(
				t,
				`document.activeElement === [...document.querySelectorAll(".lane > [aria-label]")].filter(m => m.closest(".lane") === [...document.querySelectorAll(".lane:has([aria-label])")].pop()).sort((a, b) => parseFloat(b.getAttribute("x")) - parseFloat(a.getAttribute("x")))[0]`,
			)
			b.run(t, chromedp.KeyEvent(kb.Home))
			b.wants(t, `document.activeElement === document.querySelector(".lane > [aria-label]")`)
			b.run(t, chromedp.KeyEvent(kb.Tab))
			b.wants(t, `!document.activeElement.closest(".chart")`) // one stop, not one for each mark
		},
	)
	t.Run(
		"zoom",
		func(t *testing.T) {
			width := func() float64 { return eval[float64](t, b, `document.querySelector(".canvas svg").clientWidth`) }
			ticks := func() int { return eval[int](t, b, `document.querySelectorAll(".axis text").length`) }
			plain, few := width(), ticks()
			near := func(want float64) {
				t.Helper()
				if got := width() / plain; got < want*0.9 || got > want*1.1 {
					t.Errorf("%.2f times as wide, want %.2f", got, want)
				}
			}
			b.run(t, chromedp.Click(`[data-zoom="in"]`))
			near(2)
			if ticks() <= few {
				t.Errorf("%d ticks, then %d", few, ticks())
			}
			b.run(t, chromedp.Click(`[data-zoom="fit"]`))
			near(1)
			b.run(
				t,
				chromedp.Evaluate[chromedp.Void](`document.querySelector(".window").focus()`),
				chromedp.KeyEvent("+"),
				chromedp.KeyEvent("+"),
			)
			near(4)
			b.run(t, chromedp.KeyEvent("-"))
			near(2)
			b.run(t, chromedp.KeyEvent("0"))
			near(1)
			at := eval[struct{ X, Y float64 }](
				t,
				b,
				`(() => { const p = document.querySelector(".window"); p.scrollIntoView({block: "center"}); const r = p.getBoundingClientRect(); return {X: r.x + r.width / 2, Y: r.y + r.height / 2} })()`,
			)
			call(t, b, input.DispatchMouseEvent, input.DispatchMouseEventParams{
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
			before := eval[float64](t, b, `document.querySelector(".window").scrollLeft`)
			b.run(t, chromedp.DragAndDropXY(at.X, at.Y, at.X-100, at.Y))
			if after := eval[float64](
				t,
				b,
				`document.querySelector(".window").scrollLeft`,
			); after < before+90 || after > before+110 {
				t.Errorf("scrolled from %g to %g", before, after)
			}
			b.run(t, chromedp.Click(`[data-zoom="fit"]`))
		},
	)
	t.Run("crowded", func(t *testing.T) {
		b.show(t, htmlOf(t, runtest.Run(t, "cycles=60", "interval=5s", "fault=collector.fetch=connection_refused")))
		shown := func() int {
			return eval[int](t, b, `[...document.querySelectorAll(".lane use.fault")].filter(m => m.checkVisibility()).length`)
		}
		few := shown()
		for range 3 {
			b.run(t, chromedp.Click(`[data-zoom="in"]`))
		}
		if more := shown(); few == 0 || more <= few {
			t.Errorf("%d symbols are shown, %d where there is room for more", few, more)
		}
		b.run(t, chromedp.EmulateViewport(400, 800), chromedp.Click(`[data-zoom="fit"]`))
		if fewer := shown(); fewer == 0 || fewer > few {
			t.Errorf("%d symbols are shown on a phone, %d on a screen", fewer, few)
		}
		b.run(t, chromedp.EmulateViewport(1200, 900))
		b.open(t, saved(t))
	})
	t.Run("contrast", func(t *testing.T) { b.contrast(t, 200) })
	t.Run("structure", func(t *testing.T) {
		b.structure(t)
		b.run(t, chromedp.EmulateViewport(400, 800))
		b.wants(t, `[...document.querySelectorAll(".stages dd")].every(d => d.clientWidth > 200)`)
		b.run(t, chromedp.EmulateViewport(1200, 900))
	})
	t.Run("print", func(t *testing.T) {
		b.run(t, unfold(false))
		pdf := ask(t, b, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4), chromedp.PDFPrintBackground()))
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
	b.clean(t)
	t.Run(
		"without scripts",
		func(t *testing.T) {
			call(t, b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
			b.open(t, saved(t))
			call(t, b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{})
			b.wants(
				t,
				`document.querySelector(".tools").hidden && document.querySelector(".lane rect.no title").textContent.startsWith("collector: attempt 1 failed")`,
			)
			b.wants(t, `document.querySelector(".lane rect.no").getBoundingClientRect().height === 18`)
		},
	)
}

// plots are lines on the timeline's axis: what is drawn at a time stands under its tick, zoomed or not, and the
// keyboard reaches what it is.
func (b *browser) plots(t *testing.T) {
	const shaded = `(() => {
		const box = e => e.getBoundingClientRect(), shade = box(document.querySelector(".shade"));
		const axis = box(document.querySelector(".canvas svg"));
		const good = document.querySelector("g.plot .curve.good"), all = good.getTotalLength();
		const fell = [...Array(2000).keys()].map(i => good.getPointAtLength(all * i / 2000)).find(p => p.y > 70);
		const x = fell.matrixTransform(good.getScreenCTM()).x;
		return x > shade.left && x < shade.right && Math.abs((shade.left - axis.left) / axis.width - 20 / 300) < .001
	})()`
	b.wants(t, shaded)
	b.run(t, chromedp.Click(`[data-zoom="in"]`), chromedp.Click(`[data-zoom="in"]`))
	b.wants(t, shaded)
	b.run(t, chromedp.Click(`[data-zoom="fit"]`))
	b.wants(t, `[...document.querySelectorAll(".lanes .plot")].every((li, i) => {
		const name = li.getBoundingClientRect(), g = document.querySelectorAll("g.plot")[i].getBoundingClientRect();
		return name.top <= g.top + 1 && name.bottom >= g.bottom - 1 && li.scrollHeight <= li.clientHeight
	})`)
	b.run(
		t,
		chromedp.Evaluate[chromedp.Void](`document.querySelector(".window").focus()`),
		chromedp.KeyEvent(kb.Tab),
		chromedp.KeyEvent(kb.ArrowDown),
	)
	const want = "21 s – 24 s, passes a second: offered 60/s · good 18/s"
	if tip := eval[string](t, b, tipText); tip != want {
		t.Errorf("tooltip %q, want %q", tip, want)
	}
	b.contrast(t, 200)
	b.structure(t)
	b.run(t, chromedp.EmulateViewport(360, 800))
	b.wants(t, `document.documentElement.scrollWidth <= 360`)
	b.wants(t, `document.querySelector(".window").clientWidth > 150`)
	b.wants(t, `[...document.querySelectorAll(".lanes .plot")].every(li => li.scrollHeight <= li.clientHeight)`)
	b.run(t, chromedp.EmulateViewport(1200, 900))
}

// contrast looks for weak texts in both color schemes; there must be so many texts at least.
func (b *browser) contrast(t *testing.T, least int) {
	b.run(t, unfold(true))
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(t, scheme)
		got := eval[struct {
			Texts  int
			Weak   []string
			Ground string
		}](t, b, contrastScript)
		if got.Texts < least || len(got.Weak) > 0 {
			t.Errorf("%s: of %d texts these are weak: %q", scheme, got.Texts, got.Weak)
		}
		if want := map[string]string{
			"light": "rgb(246, 247, 248)",
			"dark":  "rgb(18, 21, 24)",
		}[scheme]; got.Ground != want {
			t.Errorf("%s: the page is %s, want %s", scheme, got.Ground, want)
		}
	}
	b.scheme(t, "light")
}

// structure is what screen readers, links and narrow windows rely on.
func (b *browser) structure(t *testing.T) {
	b.wants(
		t,
		`document.querySelectorAll("h1").length === 1 && document.querySelectorAll("main, header, footer, nav").length === 4`,
	)
	b.wants(
		t,
		`[...document.querySelectorAll("table")].every(t => t.caption && t.querySelector("th[scope=col]") && t.querySelector("th[scope=row]"))`,
	)
	b.wants(
		t,
		`[...document.querySelectorAll("[aria-labelledby]")].every(e => e.getAttribute("aria-labelledby").split(" ").every(id => document.getElementById(id)))`,
	)
	b.wants(
		t,
		`new Set([...document.querySelectorAll("[id]")].map(e => e.id)).size === document.querySelectorAll("[id]").length`,
	)
	b.wants(
		t,
		`[...document.querySelectorAll("nav a, .skip-link")].every(a => document.querySelector(a.getAttribute("href")))`,
	)
	// What axe calls landmark-unique and empty-table-header: who jumps from landmark to landmark, or hears a header
	// with each cell, needs names that tell them apart.
	for what, script := range map[string]string{"landmarks of one name": sameLandmarks, "headers without a text": emptyHeaders} {
		if found := eval[[]string](t, b, script); len(found) > 0 {
			t.Errorf("%s: %q", what, found)
		}
	}
	b.wants(t, `document.documentElement.scrollWidth <= innerWidth`)
	b.run(t, chromedp.EmulateViewport(400, 800))
	b.wants(t, `document.documentElement.scrollWidth <= 400`)
	b.run(t, chromedp.EmulateViewport(1200, 900))
}

// sameLandmarks lists the landmarks whose role and name another one has. A section is one if it has a name, a header or
// footer unless it is within a part of the page.
const sameLandmarks = `(() => {
	const name = e => {
		const ids = e.getAttribute("aria-labelledby");
		const text = ids ? ids.split(" ").map(id => document.getElementById(id).textContent).join(" ") : e.getAttribute("aria-label");
		return (text || "").trim().toLowerCase();
	};
	const within = e => e.parentElement.closest("article, aside, main, nav, section");
	const role = e => e.getAttribute("role") || {
		HEADER: within(e) ? "" : "banner", FOOTER: within(e) ? "" : "contentinfo", MAIN: "main", NAV: "navigation",
		ASIDE: "complementary", SECTION: name(e) ? "region" : "", FORM: name(e) ? "form" : "",
	}[e.tagName] || "";
	const landmark = ["banner", "complementary", "contentinfo", "form", "main", "navigation", "region", "search"];
	const all = [...document.querySelectorAll("header, footer, main, nav, aside, section, form, [role]")]
		.filter(e => landmark.includes(role(e))).map(e => role(e) + ": " + name(e));
	return all.filter((l, i) => all.indexOf(l) !== i);
})()`

// emptyHeaders lists the header cells that say nothing.
const emptyHeaders = `[...document.querySelectorAll("th")].filter(th => !th.textContent.trim())
	.map(th => th.closest("table").caption.textContent + ": " + th.parentElement.textContent.trim())`

// contrastScript computes the contrast of every text that is shown against what lies behind it (WCAG 2.2, 1.4.3).
const contrastScript = `(() => {
	const rgb = s => { const m = s.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m };
	const light = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= .04045 ? v / 12.92 : Math.pow((v + .055) / 1.055, 2.4) }); return .2126 * r + .7152 * g + .0722 * b };
	const behind = e => { for (; e; e = e.parentElement) { if (e.namespaceURI.endsWith("svg")) continue; const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c } return [255, 255, 255, 1] };
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	let texts = 0; const weak = [];
	for (let n = walk.nextNode(); n; n = walk.nextNode()) {
		const e = n.parentElement, style = getComputedStyle(e);
		if (!n.textContent.trim() || ["SCRIPT", "STYLE", "title", "desc"].includes(e.tagName) || !e.checkVisibility()) continue;
		const svg = e.namespaceURI.endsWith("svg");
		const front = light(rgb(svg ? style.fill : style.color)), back = light(behind(e));
		const ratio = (Math.max(front, back) + .05) / (Math.min(front, back) + .05);
		texts++;
		if (ratio < 4.5) weak.push(ratio.toFixed(2) + " " + e.tagName + "." + e.getAttribute("class") + ": " + n.textContent.trim().slice(0, 40));
	}
	return {texts, weak, ground: getComputedStyle(document.body).backgroundColor};
})()`

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
				b.wants(
					t,
					`document.scripts.length === 1 && document.querySelectorAll("style").length === 1 && !document.querySelector("img, iframe, b, i, object, form")`,
				)
				b.wants(t, `document.documentElement.scrollWidth <= innerWidth`)
				b.wants(t, `getComputedStyle(document.body).display === "block"`)
				b.clean(t)
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
		b.scheme(t, c.scheme)
		b.run(t, chromedp.EmulateViewport(c.width, c.height))
		b.open(t, saved(t))
		png := ask(t, b, chromedp.CaptureScreenshot())
		if err := os.WriteFile(filepath.Join(dir, c.name+".png"), png, 0o644); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s.png: %d bytes", c.name, len(png))
	}
	b.clean(t)
}
