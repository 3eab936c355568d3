// Package browsertest opens pages in a headless Chromium, for tests.
package browsertest

import (
	"context"
	_ "embed" // for the scripts
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Browser is a tab of a headless Chromium that watches what its pages do.
type Browser struct {
	ctx context.Context
	// home begins the addresses that pages may ask for; "" lets them ask for nothing but themselves.
	home string
	mu   sync.Mutex
	// wrong is what no page may do: errors, dialogs, requests.
	wrong []string
}

// New starts Chromium. Without one the test is skipped, but not in CI. Its pages may ask for what is below home; ""
// lets them ask for nothing.
func New(t *testing.T, home string) *Browser {
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
	b := &Browser{ctx: ctx, home: home}
	if err := chromedp.Listen(ctx, b.watch); err != nil {
		t.Fatal(err)
	}
	Call(t, b, network.Enable, network.EnableParams{})
	Call(t, b, log.Enable, cdp.Empty{})
	Call(t, b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	return b
}

func (b *Browser) watch(event any) {
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
		u := e.Request.URL
		home := b.home != "" && strings.HasPrefix(strings.TrimPrefix(u, "blob:"), b.home)
		if !home && u != e.DocumentURL && !strings.HasPrefix(u, "data:") {
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

// Run does some steps.
func (b *Browser) Run(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// Ask runs a step that answers something.
func Ask[T any](t *testing.T, b *Browser, step chromedp.Action[T]) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	answer, err := chromedp.Run(ctx, step)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// Call sends a command of the protocol.
func Call[P, R any](t *testing.T, b *Browser, command cdp.Command[P, R], params P) {
	t.Helper()
	if _, err := chromedp.Call(b.ctx, command, params); err != nil {
		t.Fatal(err)
	}
}

// Scheme makes the page light or dark.
func (b *Browser) Scheme(t *testing.T, name string) {
	t.Helper()
	Call(t, b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{
		Name:  "prefers-color-scheme",
		Value: name,
	}}})
}

// Unfold opens or closes all details.
func Unfold(open bool) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](fmt.Sprintf(
		`document.querySelectorAll("details").forEach(d => d.open = %v)`,
		open,
	))
}

// Clean fails the test for what went wrong since the last call.
func (b *Browser) Clean(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.wrong {
		t.Error(w)
	}
	b.wrong = nil
}

// Eval evaluates an expression in the page, and waits for its promise.
func Eval[T any](t *testing.T, b *Browser, js string) T {
	t.Helper()
	return Ask(t, b, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
}

// Wants fails the test unless an expression is true in the page.
func (b *Browser) Wants(t *testing.T, js string) {
	t.Helper()
	if !Eval[bool](t, b, js) {
		t.Errorf("not true in the page: %s", js)
	}
}

// Contrast looks for weak texts in both color schemes; there must be so many texts at least.
func (b *Browser) Contrast(t *testing.T, least int) {
	t.Helper()
	b.Run(t, Unfold(true))
	for _, scheme := range []string{"light", "dark"} {
		b.Scheme(t, scheme)
		got := Eval[struct {
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
	b.Scheme(t, "light")
}

// Landmarks fails the test for landmarks of one name and headers without a text, which axe calls landmark-unique and
// empty-table-header: who jumps from landmark to landmark, or hears a header with each cell, needs names that tell them
// apart.
func (b *Browser) Landmarks(t *testing.T) {
	t.Helper()
	for what, script := range map[string]string{
		"landmarks of one name":  sameLandmarks,
		"headers without a text": emptyHeaders,
	} {
		if found := Eval[[]string](t, b, script); len(found) > 0 {
			t.Errorf("%s: %q", what, found)
		}
	}
}

// sameLandmarks lists the landmarks whose role and name another one has. A section is one if it has a name, a header or
// footer unless it is within a part of the page.
//
//go:embed landmarks.js
var sameLandmarks string

// emptyHeaders lists the header cells that say nothing.
const emptyHeaders = `[...document.querySelectorAll("th")].filter(th => !th.textContent.trim())
	.map(th => th.closest("table").caption.textContent + ": " + th.parentElement.textContent.trim())`

// contrastScript computes the contrast of every text that is shown against what lies behind it (WCAG 2.2, 1.4.3).
//
//go:embed contrast.js
var contrastScript string

// Downloads has the browser save files into a folder.
func (b *Browser) Downloads(t *testing.T, folder string) {
	t.Helper()
	Call(t, b, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior:     browser.SetDownloadBehaviorBehaviorAllow,
		DownloadPath: folder,
	})
}
