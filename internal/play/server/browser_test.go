package server

import (
	_ "embed" // for the script
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"faultflow/internal/browsertest"
	"faultflow/internal/play"
	"faultflow/internal/reporttest"
)

// helpers are functions that the tests call in the page.
//
//go:embed testdata/helpers.js
var helpers string

// player is a browser with the page.
type player struct {
	*browsertest.Browser
	url string
}

// players are the two ways to the page: a server, and the site that FAULTFLOW_SITE names, as make site builds it.
func players(t *testing.T, test func(*testing.T, player)) {
	reporttest.NothingRaces(t)
	t.Run("server", func(t *testing.T) {
		engine := &play.Engine{Version: "v0"}
		start, err := engine.Start(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		s, _ := servingWith(t, start)
		test(t, player{browsertest.New(t, s.URL()), s.URL()})
	})
	t.Run("site", func(t *testing.T) {
		folder := os.Getenv("FAULTFLOW_SITE")
		if folder == "" {
			t.Skip("FAULTFLOW_SITE names no folder; make site-test runs this test")
		}
		engine, err := os.Stat(filepath.Join(folder, "engine.wasm.gz"))
		if err != nil {
			t.Fatal(err)
		}
		if most := int64(4_500_000); engine.Size() > most { // is a library linked that the page has no use for?
			t.Errorf("the engine has %d bytes, and may have %d", engine.Size(), most)
		}
		s := httptest.NewServer(http.FileServer(http.Dir(folder)))
		t.Cleanup(s.Close)
		test(t, player{browsertest.New(t, s.URL+"/"), s.URL + "/"})
	})
}

// open opens the page, at the link if there is one, and waits for its run.
func (p player) open(t *testing.T, link string) {
	t.Helper()
	p.Run(t, chromedp.Navigate("about:blank"), chromedp.Navigate(p.url+link))
	browsertest.Eval[bool](t, p.Browser, helpers)
	p.idle(t)
}

// idle waits until nothing is being made.
func (p player) idle(t *testing.T) {
	t.Helper()
	if !browsertest.Eval[bool](t, p.Browser, `idle()`) {
		t.Fatal("the page does not come to rest")
	}
}

// do does something in the page and waits for the run that comes of it.
func (p player) do(t *testing.T, js string) {
	t.Helper()
	browsertest.Eval[any](t, p.Browser, `(() => { `+js+`; return true })()`)
	p.idle(t)
}

func (p player) text(t *testing.T, js string) string {
	t.Helper()
	return browsertest.Eval[string](t, p.Browser, js)
}

func (p player) hash(t *testing.T) string {
	t.Helper()
	return p.text(t, `document.body.dataset.hash || ""`)
}

// hashOf is that of the run that the command in the page makes: by the engine here, whatever the page's is.
func hashOf(t *testing.T, command string) string {
	t.Helper()
	var settings []play.Setting
	for _, m := range regexp.MustCompile(`--([a-z-]+)[= ]('[^']*'|\S+)`).FindAllStringSubmatch(command, -1) {
		if m[1] != "clock" {
			settings = append(settings, play.Setting{Name: m[1], Text: strings.Trim(m[2], "'")})
		}
	}
	request, err := json.Marshal(play.Request{Want: play.Run, Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	var r play.Response
	(&play.Engine{}).Answer(t.Context(), request, func(text []byte) { err = json.Unmarshal(text, &r) })
	if err != nil || r.Problem != nil {
		t.Fatalf("%s: %v, %+v", command, err, r.Problem)
	}
	return r.Hash
}

// same holds the page's run against the one of its command.
func (p player) same(t *testing.T) {
	t.Helper()
	command := p.text(t, `document.getElementById("command").textContent`)
	if hash := p.hash(t); hash != hashOf(t, command) {
		t.Errorf("%s is another run than the page's, %s", command, hash)
	}
}

const simple = "#seed=7&cycles=3"

func TestPlay(t *testing.T) {
	players(t, func(t *testing.T, p player) {
		p.open(t, "")
		t.Run("begins with a lesson", func(t *testing.T) {
			p.Wants(t, `document.querySelector("#question .asked").textContent.includes("Which of these two brings it back")`)
			p.Wants(t, `document.querySelector("#verdict h1").textContent.includes("failed")`)
			p.Wants(t, `document.querySelectorAll("#question .front .knob").length === 2`)
			if p.text(t, `document.body.dataset.engine`) == "worker" { // its engine comes later than its run
				browsertest.Eval[bool](t, p.Browser, `until(() => document.body.dataset.ready === "true")`)
			}
			p.do(t, `slide(document.querySelector('#question [data-name="collector-attempts"]'), "3")`)
			p.Wants(t, `document.querySelector("#verdict h1").textContent.includes("degraded")`)
			p.Wants(t, `document.querySelector("#recovered").textContent.includes("came back")`)
			p.same(t)
		})
		t.Run("every knob", func(t *testing.T) { p.everyKnob(t) })
		t.Run("rows", func(t *testing.T) { p.rows(t) })
		t.Run("pin and compare", func(t *testing.T) { p.pin(t) })
		t.Run("long run", func(t *testing.T) { p.long(t) })
		t.Run("undo and redo", func(t *testing.T) { p.undo(t) })
		t.Run("link", func(t *testing.T) { p.link(t) })
		t.Run("seeds", func(t *testing.T) { p.seeds(t) })
		t.Run("take", func(t *testing.T) { p.take(t) })
		t.Run("windows", func(t *testing.T) { p.windows(t) })
		t.Run("keyboard", func(t *testing.T) { p.keyboard(t) })
		t.Run("search", func(t *testing.T) { p.search(t) })
		t.Run("stays where it is", func(t *testing.T) { p.stays(t) })
		t.Run("dragged", func(t *testing.T) { p.dragged(t) })
		t.Run("looks", func(t *testing.T) { p.looks(t) })
		p.Clean(t)
		t.Run("under attack", func(t *testing.T) { p.attack(t) })
		p.Clean(t)
	})
}

// Each knob that is turned makes a run, or says why it can't; it is marked, and goes back.
func (p player) everyKnob(t *testing.T) {
	p.open(t, simple)
	turned := browsertest.Eval[[]struct{ Name, Problem, Hash, Command string }](t, p.Browser, `turnEveryKnob()`)
	if len(turned) < 130 {
		t.Errorf("only %d knobs", len(turned))
	}
	refused := 0
	for _, k := range turned {
		if k.Problem != "" {
			refused++
			if !strings.Contains(k.Problem, "--"+k.Name) {
				t.Errorf("%s: %s", k.Name, k.Problem)
			}
		} else if !strings.Contains(k.Command, "--"+k.Name+"=") {
			t.Errorf("%s is not in the command: %s", k.Name, k.Command)
		}
	}
	if refused > 6 { // such as a failure type without failures
		t.Errorf("%d were refused: %+v", refused, turned)
	}
	for _, k := range turned[:10] {
		if k.Problem == "" && k.Hash != hashOf(t, k.Command) {
			t.Errorf("%s is another run than the page's", k.Command)
		}
	}
	p.same(t)
	p.Wants(t, `document.querySelectorAll("#groups .knob.given").length === 1`) // the cycles of the link
}

func (p player) rows(t *testing.T) {
	p.open(t, simple)
	p.do(t, `box("fault").querySelector(".rows > button").click()`)
	p.Wants(t, `box("fault").querySelectorAll(".row").length === 1`)
	p.do(t, `choose(row("fault", "place"), "delivery.primary")`)
	p.Wants(t, `row("fault", "kind").value === "timeout"`) // which is possible there, too
	p.do(t, `choose(row("fault", "kind"), "disk_full")`)
	p.do(t, `type(row("fault", "first"), "")`)
	if command := p.text(t, `document.getElementById("command").textContent`); !strings.Contains(command,
		"--fault=delivery.primary=disk_full --") {
		t.Errorf("command %q", command)
	}
	p.same(t)
	p.do(t, `choose(box("fault").querySelector('[aria-label="Add to fault 1"]'), "p")`)
	p.Wants(t, `row("fault", "p").value === "0.5"`)
	p.do(t, `type(row("fault", "p"), "7")`)
	p.Wants(t, `!document.getElementById("problem").hidden && box("fault").classList.contains("wrong")`)
	p.do(t, `box("fault").querySelector('[aria-label="Remove fault 1"]').click()`)
	p.Wants(t, `document.getElementById("problem").hidden && box("fault").querySelectorAll(".row").length === 0`)
	p.do(t, `type(box("for").querySelector("input[type=text]"), "10s")
		box("load").querySelector(".rows > button").click()`)
	p.do(t, `box("capacity").querySelector(".rows > button").click()`)
	p.Wants(t, `document.querySelector("#timeline .plot") !== null`)
	p.same(t)
}

func (p player) pin(t *testing.T) {
	p.open(t, "#seed=7&cycles=3&fault=collector.fetch%3Dconnection_refused")
	p.Run(t, chromedp.Click("#pin"))
	p.idle(t)
	p.Wants(t, `document.getElementById("pin").getAttribute("aria-pressed") === "true"`)
	p.do(t, `slide(box("collector-attempts"), "1")`)
	p.Wants(t, `document.querySelector("#compared td.good") !== null`) // it took less time
	p.Wants(t, `document.querySelector("#timeline h2").textContent === "Timelines"`)
	p.Wants(t, `[...document.querySelectorAll(".lanes small")].some(e => e.textContent === "pinned")`)
	p.Run(t, chromedp.Click("#pin"))
	p.idle(t)
	p.Wants(t, `document.getElementById("compared") === null`)
}

// Of a run that takes long, the beginning is seen first, where it stands in the whole; what is taken along is the
// whole.
func (p player) long(t *testing.T) {
	p.open(t, "#seed=7&load=100%2Fs&for=20s&batch-size=1&bulkhead=10000")
	seen := browsertest.Eval[[]struct{ Beginning, Command, Ends string }](t, p.Browser, `(async () => {
		const seen = [];
		const look = () => seen.push({
			Beginning: document.getElementById("beginning").textContent,
			Command: document.getElementById("command").textContent,
			Ends: document.querySelector("#timeline .canvas").dataset.end,
		});
		const watch = new MutationObserver(look);
		watch.observe(document.body, { attributes: true, attributeFilter: ["data-drawn"] });
		type(document.getElementById("seed"), "8");
		await idle();
		watch.disconnect();
		return seen;
	})()`)
	if len(seen) != 2 {
		t.Fatalf("drawn as %+v, want a beginning and the whole", seen)
	}
	if first := seen[0]; first.Beginning != "So far: the first 100 of 2000 passes" ||
		!strings.Contains(first.Command, "--seed 7 ") || first.Ends != "20000" {
		t.Errorf("it begins with %+v", first)
	}
	if whole := seen[1]; whole.Beginning != "" || !strings.Contains(whole.Command, "--seed 8 ") {
		t.Errorf("it ends with %+v", whole)
	}
	p.same(t)
}

func (p player) undo(t *testing.T) {
	p.open(t, simple)
	first := p.hash(t)
	p.Wants(t, `document.getElementById("undo").disabled`)
	p.do(t, `slide(box("batch-size"), "10"); slide(box("batch-size"), "20")`) // of one gesture
	p.do(t, `type(document.getElementById("seed"), "8")`)
	last := p.hash(t)
	p.Run(t, chromedp.Click("#undo"))
	p.idle(t)
	p.Run(t, chromedp.Click("#undo"))
	p.idle(t)
	if hash := p.hash(t); hash != first || hash == last {
		t.Errorf("after undo: %s, want %s", hash, first)
	}
	p.Wants(t, `document.getElementById("undo").disabled && !box("batch-size").classList.contains("given")`)
	p.Run(t, chromedp.Click("#redo"))
	p.idle(t)
	p.Run(t, chromedp.Click("#redo"))
	p.idle(t)
	if hash := p.hash(t); hash != last {
		t.Errorf("after redo: %s, want %s", hash, last)
	}
	p.Wants(t, `document.getElementById("redo").disabled`)
}

// A link has the whole state: settings in their order, the lesson, and the pinned run.
func (p player) link(t *testing.T) {
	p.open(t, simple)
	p.do(t, `choose(document.getElementById("lesson"), "network-breaker-opens")`)
	p.Run(t, chromedp.Click("#pin"))
	p.do(t, `slide(box("collector-breaker-failures"), "2"); box("fault").querySelector(".rows > button").click()`)
	hash, command := p.hash(t), p.text(t, `document.getElementById("command").textContent`)
	p.do(t, `document.querySelector('[data-copy="link"]').click()`)
	link := p.text(t, `document.getElementById("copied").value`)
	p.open(t, strings.TrimPrefix(link, p.url))
	if got := p.text(t, `document.getElementById("command").textContent`); p.hash(t) != hash || got != command {
		t.Errorf("the link leads to %s, want %s", got, command)
	}
	p.Wants(t, `document.getElementById("lesson").value === "network-breaker-opens"`)
	p.Wants(t, `document.getElementById("compared") !== null`)
	p.do(t, `location.hash = "#seed=9&cycles=2"`) // as one who pastes a link
	p.do(t, ``)
	p.Wants(t, `document.getElementById("command").textContent.startsWith("faultflow --seed 9 --cycles=2 ")`)
}

func (p player) seeds(t *testing.T) {
	p.open(t, "#seed=1&simulate-failures=true&failure-type=network")
	p.Run(t, chromedp.Click("#many-seeds"))
	browsertest.Eval[bool](t, p.Browser, `until(() => document.getElementById("account"))`)
	p.idle(t)
	p.Wants(t, `document.querySelector("#account").textContent.includes("200\u00a0runs")`)
	p.Wants(t, `document.querySelector("#parts").children[1].id === "account"`)
	p.do(t, `slide(box("collector-attempts"), "1")`)
	p.Wants(t, `document.getElementById("account") === null`) // which was of other settings
}

func (p player) take(t *testing.T) {
	p.open(t, simple)
	p.do(t, `document.querySelector('[data-copy="scenario"]').click()`)
	if doc := p.text(t, `document.getElementById("copied").value`); !strings.Contains(doc, "ledger.lost == 0") ||
		!strings.Contains(doc, "cycles: 3") {
		t.Errorf("scenario:\n%s", doc)
	}
	p.do(t, `document.querySelector('[data-copy="command"]').click()`)
	p.Wants(t, `document.getElementById("copied").value === "faultflow --seed 7 --cycles=3 --clock=virtual"`)
	// What is taken is of the last change, and does not stand in its way.
	p.do(t, `type(box("cycles").querySelector("input[type=text]"), "4"); slide(box("batch-size"), "10")
		document.querySelector('[data-copy="scenario"]').click()`)
	p.Wants(t, `document.getElementById("copied").value.includes("batch-size: 10")`)
	p.same(t)
	p.open(t, simple)
	folder := t.TempDir()
	p.Downloads(t, folder)
	for _, format := range []string{"json", "html"} {
		p.do(t, fmt.Sprintf(`document.querySelector('[data-save="%s"]').click()`, format))
		name := filepath.Join(folder, "faultflow-report."+format)
		for range 500 { // the browser saves it when it gets to it
			if text, err := os.ReadFile(name); err == nil && strings.Contains(string(text), p.hash(t)) {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if text, err := os.ReadFile(name); err != nil || !strings.Contains(string(text), p.hash(t)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A window of time is dragged on the timeline: its edges, or all of it.
func (p player) windows(t *testing.T) {
	p.open(t, "#seed=1&load=20%2Fs&for=100s&batch-size=1&capacity=collector.fetch%3Dservice%3D20ms"+
		"&fault=collector.fetch%3Dhalt%2Cfrom%3D20s%2Cto%3D40s")
	edge := func(which string) string { return p.text(t, `row("fault", "`+which+`").value`) }
	at := func(selector string) (x, y float64) {
		box := browsertest.Eval[struct{ X, Y float64 }](t, p.Browser, `middle("`+selector+`")`)
		return box.X, box.Y
	}
	width := browsertest.Eval[float64](t, p.Browser, `document.querySelector(".windows").getBoundingClientRect().width`)
	x, y := at(`[data-handle=fault0to]`)
	p.Run(t, chromedp.DragAndDropXY(x, y, x+width/10, y))
	p.idle(t)
	if edge("from") != "20s" || edge("to") != "50s" {
		t.Errorf("from %s to %s", edge("from"), edge("to"))
	}
	p.same(t)
	x, y = at(".pane.fault")
	p.Run(t, chromedp.DragAndDropXY(x, y, x-width/10, y))
	p.idle(t)
	if edge("from") != "10s" || edge("to") != "40s" {
		t.Errorf("from %s to %s", edge("from"), edge("to"))
	}
	p.Run(t, chromedp.Evaluate[chromedp.Void](`document.querySelector("[data-handle=fault0from]").focus()`),
		chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowRight))
	p.idle(t)
	p.Wants(t, `document.activeElement.dataset.handle === "fault0from" && row("fault", "from").value !== "10s"`)
	p.same(t)
	p.Run(t, chromedp.Click("#undo")) // the two are of one gesture
	p.idle(t)
	if edge("from") != "10s" {
		t.Errorf("after undo from %s", edge("from"))
	}
}

// Everything can be done without a mouse.
func (p player) keyboard(t *testing.T) {
	p.open(t, "#_lesson=retries-keep-it-down&seed=1&cycles=3")
	p.Run(t, chromedp.Evaluate[chromedp.Void](`document.activeElement.blur()`), chromedp.KeyEvent(kb.Tab))
	p.Wants(t, `document.activeElement.className === "skip-link"`)
	stops := map[string]bool{}
	for range 40 {
		p.Run(t, chromedp.KeyEvent(kb.Tab))
		stops[p.text(t, `stop()`)] = true
	}
	for _, want := range []string{
		"lesson", "seed", "other-seed", "many-seeds", "pin", "collector-attempts range", "copy command",
	} {
		if !stops[want] {
			t.Errorf("the tab key does not reach %s: %v", want, stops)
		}
	}
	p.do(t, `document.querySelector('.front [data-name="collector-attempts"] input[type=range]').focus()`)
	p.Run(t, chromedp.KeyEvent(kb.ArrowRight))
	p.idle(t)
	p.Wants(t, `document.querySelector('.front [data-name="collector-attempts"] input[type=text]').value === "4"`)
	p.Wants(t, `document.activeElement.getAttribute("aria-valuetext") === "4"`)
	seed := p.text(t, `document.getElementById("seed").value`)
	p.Run(t, chromedp.KeyEvent("s"))
	p.idle(t)
	if got := p.text(t, `document.getElementById("seed").value`); got == seed {
		t.Errorf("seed %s after s", got)
	}
	p.Run(t, chromedp.KeyEvent("p"))
	p.idle(t)
	p.Wants(t, `document.getElementById("compared") !== null`)
	for range 3 {
		p.Run(t, chromedp.KeyEvent("z", chromedp.KeyModifiers(kb.ModifierCtrl)))
		p.idle(t)
	}
	p.Wants(t, `document.getElementById("seed").value === "`+seed+`" && document.getElementById("undo").disabled`)
	p.Run(t, chromedp.KeyEvent("/"))
	p.Wants(t, `document.activeElement.id === "search"`)
	p.do(t, `document.activeElement.value = ""`)
	p.Run(t, chromedp.KeyEvent("sps/")) // are letters here
	p.idle(t)
	p.Wants(t, `document.getElementById("search").value === "sps/"`)
	p.Wants(t, `document.getElementById("seed").value === "`+seed+`"`)
	p.do(t, `document.getElementById("keys").click(); document.getElementById("keys").focus()`)
	p.Run(t, chromedp.KeyEvent("s"))
	p.idle(t)
	p.Wants(t, `document.getElementById("seed").value === "`+seed+`"`)
}

func (p player) search(t *testing.T) {
	p.open(t, simple)
	p.do(t, `type(document.getElementById("search"), "hedge processor", "input")`)
	p.Wants(t, `document.getElementById("found").textContent === "2 knobs"`)
	p.Wants(t, `[...document.querySelectorAll("#groups .knob")].filter(e => e.checkVisibility())
		.map(e => e.dataset.name).join() === "processor-hedge-after,processor-hedges"`)
	p.do(t, `type(document.getElementById("search"), "", "input")`)
	p.Wants(t, `document.querySelectorAll("#groups details[hidden]").length === 0`)
}

// What is the same in the next run stays where it is: elements, what has the focus, and what was unfolded.
func (p player) stays(t *testing.T) {
	p.open(t, simple)
	p.do(t, `document.querySelector("#timeline details").open = true
		window.was = [...document.querySelectorAll("#parts > *, #timeline .window")]`)
	p.do(t, `slide(box("cache-ttl"), "2m0s")`) // which changes nothing in this run
	p.Wants(t, `window.was.every(e => e.isConnected) && document.querySelector("#timeline details").open`)
	p.Run(t, chromedp.Evaluate[chromedp.Void](`document.querySelector('[data-zoom="in"]').click()`))
	p.do(t, `slide(box("cycles"), "4")`)
	p.Wants(t, `window.was.every(e => e.isConnected) && document.querySelector(".canvas").style.width === "200%"`)
	p.Wants(t, `document.querySelectorAll("#timeline .lane.cycles > [aria-label]").length === 4`)
}

// A slider that is dragged makes no queue: one run at a time, and at last the one where it is let go.
func (p player) dragged(t *testing.T) {
	p.open(t, simple)
	got := browsertest.Eval[struct{ Changes, Drawn int }](t, p.Browser, `drag(box("batch-size"), 60, 120)`)
	if got.Changes < 100 || got.Drawn > got.Changes {
		t.Errorf("%+v", got)
	}
	p.same(t)
}

// looks are contrast, structure, narrow windows and no motion, in light and dark.
func (p player) looks(t *testing.T) {
	p.open(t, "#_lesson=retries-keep-it-down&seed=1&load=6%2Fs&for=40s&batch-size=1"+
		"&capacity=collector.fetch%3Dservice%3D50ms&fault=collector.fetch%3Dhalt%2Cfrom%3D10s%2Cto%3D20s")
	p.Run(t, chromedp.Click("#pin"))
	p.do(t, `slide(box("collector-attempts"), "1")`)
	p.Run(t, chromedp.Click("#many-seeds"))
	p.idle(t)
	p.Contrast(t, 500)
	p.Landmarks(t)
	p.Wants(t, `document.querySelectorAll("h1").length === 1`)
	p.Wants(t, `new Set([...document.querySelectorAll("[id]")].map(e => e.id)).size ===
		document.querySelectorAll("[id]").length`)
	p.Wants(t, `[...document.querySelectorAll("input, select, textarea")].every(
		e => e.labels.length || e.getAttribute("aria-label"))`)
	for _, width := range []int64{360, 768, 1200} {
		p.Run(t, chromedp.EmulateViewport(width, 800))
		p.Wants(t, fmt.Sprintf(`document.documentElement.scrollWidth <= %d`, width))
	}
	if axe := os.Getenv("FAULTFLOW_AXE"); axe != "" {
		script, err := os.ReadFile(axe)
		if err != nil {
			t.Fatal(err)
		}
		browsertest.Eval[bool](t, p.Browser, string(script)+"; true")
		for _, scheme := range []string{"light", "dark"} {
			p.Scheme(t, scheme)
			found := browsertest.Eval[[]string](t, p.Browser,
				`axe.run().then(r => r.violations.map(v => v.id + ": " + v.nodes.map(n => n.html.slice(0, 200)).join(" | ")))`)
			for _, v := range found {
				t.Errorf("%s: %s", scheme, v)
			}
		}
		p.Scheme(t, "light")
	}
}

// No text from outside does anything, however it tries: in a link, in a field, or as a name.
func (p player) attack(t *testing.T) {
	const script = `<img src=x onerror=alert(1)>"'</script><script>alert(1)</script>`
	escaped := strings.NewReplacer("<", "%3C", ">", "%3E", " ", "%20", `"`, "%22", "=", "%3D", "/", "%2F").Replace(script)
	for _, link := range []string{
		"#seed=1&" + escaped + "=1", "#seed=1&channels=" + escaped, "#seed=1&fault=" + escaped, "#seed=" + escaped,
		"#seed=1&load=" + escaped, "#seed=1&capacity=" + escaped, "#_lesson=" + escaped, "#_pinned=" + escaped,
		"#seed=1&collector-hedge-after=" + escaped, "#%", "#=", "#seed", "#a&b&c",
		"#seed=1&input=%2Fetc%2Fpasswd", "#__proto__=1&constructor=2", "#seed=1&cycles=999999999",
	} {
		p.open(t, link)
		p.Wants(t, `document.scripts.length === 2 && !document.querySelector("img, iframe, object, style")`)
		p.Wants(t, `document.documentElement.scrollWidth <= innerWidth`)
		p.do(t, `document.querySelector("#pin[aria-pressed=true]")?.click()`)
		p.do(t, `document.getElementById("reset-all").click(); type(document.getElementById("seed"), "5")`)
		p.Wants(t, `document.getElementById("problem").hidden`)
	}
	names := []string{"a", strings.Repeat("b", 64), "_-_", "0"}
	p.open(t, "#seed=1&fault=delivery.a%3Ddisk_full&channels="+strings.Join(names, "%2C"))
	p.Wants(t, `document.getElementById("problem").hidden && document.documentElement.scrollWidth <= innerWidth`)
	if !slices.Contains(names, p.text(t, `document.querySelector("#timeline .lanes .channel span").textContent`)) {
		t.Error("the timeline does not have the channels")
	}
}

// TestLatencyOfPlay measures how long it takes from a change to what is drawn: FAULTFLOW_LATENCY has it do so.
func TestLatencyOfPlay(t *testing.T) {
	if os.Getenv("FAULTFLOW_LATENCY") == "" {
		t.Skip("FAULTFLOW_LATENCY is not set; make play-bench runs this test")
	}
	players(t, func(t *testing.T, p player) {
		p.open(t, "#seed=7&cycles=12")
		before := browsertest.Eval[float64](t, p.Browser, `performance.memory.usedJSHeapSize / 1e6`)
		got := browsertest.Eval[struct {
			Changes, Drawn int
			Rest           float64
		}](t, p.Browser, `drag(box("collector-attempts"), 60, 600)`)
		t.Logf("dragged for 10 s: %+v; heap %.1f MB before, %.1f MB after", got, before,
			browsertest.Eval[float64](t, p.Browser, `performance.memory.usedJSHeapSize / 1e6`))
		for _, run := range []struct{ name, link string }{
			{"one pass", "#seed=7"},
			{"12 cycles", "#seed=7&cycles=12&collector-breaker=true" +
				"&fault=collector.fetch%3Dconnection_refused%2Cfrom%3D2s%2Cto%3D40s"},
			{"a lesson", ""},
			{"10,000 passes", "#seed=7&load=100%2Fs&for=100s&batch-size=1&bulkhead=10000"},
		} {
			p.open(t, run.link)
			if p.text(t, `document.body.dataset.engine`) == "worker" {
				browsertest.Eval[bool](t, p.Browser, `until(() => document.body.dataset.ready === "true")`)
			}
			var first, whole []float64
			for range 20 {
				took := browsertest.Eval[struct{ First, Whole []float64 }](t, p.Browser, `latencies(10)`)
				first, whole = append(first, took.First...), append(whole, took.Whole...)
			}
			for what, took := range map[string][]float64{"drawn": first, "drawn to its end": whole} {
				slices.Sort(took)
				t.Logf("%s, %s: median %.0f ms, p99 %.0f ms over %d changes",
					run.name, what, took[len(took)/2], took[len(took)*99/100], len(took))
			}
		}
		p.Clean(t)
	})
}

// TestPicturesOfPlay takes the README's picture: FAULTFLOW_PICTURES names the folder for it.
func TestPicturesOfPlay(t *testing.T) {
	folder := os.Getenv("FAULTFLOW_PICTURES")
	if folder == "" {
		t.Skip("FAULTFLOW_PICTURES names no folder")
	}
	players(t, func(t *testing.T, p player) {
		p.open(t, "")
		p.Run(t, chromedp.EmulateViewport(1280, 1180))
		p.Run(t, chromedp.Click("#pin"))
		p.do(t, `slide(document.querySelector('.front [data-name="collector-attempts"]'), "2")`)
		p.do(t, `document.activeElement.blur()`)
		png := browsertest.Ask(t, p.Browser, chromedp.CaptureScreenshot())
		if err := os.WriteFile(filepath.Join(folder, "play.png"), png, 0o644); err != nil {
			t.Fatal(err)
		}
	})
}
