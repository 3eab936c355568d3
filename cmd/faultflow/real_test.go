package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/report"
	"faultflow/internal/webtest"
)

// api answers with records 1 to last in pages of ten.
func api(last int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		page := 1
		fmt.Sscan(r.FormValue("page"), &page)
		if page*10 < last {
			w.Header().Set("Link", fmt.Sprintf(`<?page=%d>; rel="next"`, page+1))
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		for i := (page-1)*10 + 1; i <= min(page*10, last); i++ {
			fmt.Fprintf(w, "{\"id\":%d,\"city\":\"Ísafjörður\"}\n", i)
		}
	}
}

// inbox takes what is posted, once for each key.
type inbox struct {
	mu    sync.Mutex
	keys  map[string]bool
	lines []string
}

func (b *inbox) take(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	key := r.Header.Get("Idempotency-Key")
	if b.keys[key] {
		w.WriteHeader(http.StatusConflict)
		return
	}
	if b.keys == nil {
		b.keys = map[string]bool{}
	}
	b.keys[key] = true
	b.lines = append(b.lines, strings.Split(strings.TrimSpace(string(body)), "\n")...)
}

// runReal runs the program with an environment and returns its exit code, its report if it wrote one to report.json,
// and all that it printed.
func runReal(t *testing.T, env map[string]string, args ...string) (int, *report.Report, string) {
	t.Helper()
	var out bytes.Buffer
	s := testStreams(t)
	s.out, s.err = &out, &out
	s.getenv = func(name string) string { return env[name] }
	code := run(context.Background(), args, s)
	text, err := os.ReadFile("report.json")
	if err != nil {
		return code, nil, out.String()
	}
	doc, err := report.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return code, doc.Report, out.String()
}

// An API with pages answers in bursts of 503 and breaks off; the webhook fails, loses its answers and comes back. Every
// record arrives, once, to the byte.
func TestFailingAPIToFailingWebhook(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Chdir(t.TempDir())
	const last = 205
	pages := api(last)
	source := webtest.Start(t, pages, func(n int) http.HandlerFunc {
		switch n % 5 {
		case 2, 3:
			return webtest.Status(503, "Retry-After: 0")
		case 4:
			return webtest.Cut(100, pages)
		}
		return nil
	})
	defer source.Close()
	var box inbox
	hook := webtest.Start(t, box.take, func(n int) http.HandlerFunc {
		switch {
		case n%7 == 3: // taken, but nobody is told
			return func(w http.ResponseWriter, r *http.Request) {
				box.take(httpDiscard{}, r)
				webtest.Reset(w, r)
			}
		case n%7 == 4, n > 20 && n < 24:
			return webtest.Status(503)
		case n%7 == 5:
			return webtest.Reset
		}
		return nil
	})
	defer hook.Close()
	code, rep, printed := runReal(t, nil, "--input", source.URL, "--channel", "hook="+hook.URL, "--batch-size", "7",
		"--attempts", "9", "--retry-delay", "1ms", "--max-delay", "2ms", "--timeout", "5s", "--batch-wait", "1s",
		"--report", "report.json", "--fail-on", "failed")
	if code != exitOK || rep == nil {
		t.Fatalf("exits with %d:\n%s", code, printed)
	}
	var want []string
	for i := 1; i <= last; i++ {
		want = append(want, fmt.Sprintf(`{"id":%d,"city":"Ísafjörður"}`, i))
	}
	if !slices.Equal(box.lines, want) {
		t.Errorf("%d lines arrived:\n%s", len(box.lines), strings.Join(box.lines, "\n"))
	}
	if l := rep.Ledger; !l.Balanced || l.Collected != last || l.Delivered != last {
		t.Errorf("the ledger: %+v", l)
	}
	if rep.Delivery.PossibleDuplicates == 0 || rep.Channels[0].Failed == 0 {
		t.Errorf("nothing failed: %+v, %+v", rep.Delivery, rep.Channels[0])
	}
}

// A page that is gone, or never was, is asked for once: the run ends at once, with what came before it delivered, the
// reason told and an exit code that says that something could not be read. With a journal, the same command goes on
// once the page is there.
func TestAPageThatIsGoneEndsTheRun(t *testing.T) {
	for _, test := range []struct {
		gone      string
		delivered int
		requests  int
	}{
		{"1", 0, 1},
		{"3", 20, 3},
	} {
		t.Chdir(t.TempDir())
		var back atomic.Bool
		pages := api(35)
		source := webtest.Start(t, func(w http.ResponseWriter, r *http.Request) {
			if cmp.Or(r.FormValue("page"), "1") == test.gone && !back.Load() {
				http.Error(w, "no such page\nat all", http.StatusNotFound)
				return
			}
			pages(w, r)
		}, nil)
		args := []string{"--input", source.URL + "/quakes", "--channel", "out=file:out.ndjson", "--batch-size", "7",
			"--state", "state", "--report", "report.json", "--fail-on", "never"}
		code, rep, printed := runReal(t, nil, args...)
		if code != exitIO || rep == nil {
			t.Fatalf("exits with %d:\n%s", code, printed)
		}
		page := "/quakes"
		if test.gone != "1" {
			page += "?page=" + test.gone
		}
		says := fmt.Sprintf("faultflow: input %s/quakes: %s%s: HTTP 404 Not Found: no such page; no further attempt "+
			"can mend it: check the URL, and the headers that let it in\n", source.Listener.Addr(), source.URL, page)
		if !strings.HasSuffix(printed, says) {
			t.Errorf("it says:\n%s\nwant\n%s", printed, says)
		}
		if n := len(source.Requests()); n != test.requests {
			t.Errorf("%d requests, want %d", n, test.requests)
		}
		l, collector := rep.Ledger, rep.Nodes[0]
		if !l.Balanced || l.Collected != int64(test.delivered) || l.Delivered != int64(test.delivered) {
			t.Errorf("the ledger: %+v", l)
		}
		if collector.Errors[errhandler.Network] == 0 || collector.Failures != 1 || collector.Waits != 0 {
			t.Errorf("the collector: %+v", collector)
		}
		if f := rep.Findings[len(rep.Findings)-1]; f.Code != catalog.InputUnread ||
			!strings.Contains(f.Message, "HTTP 404 Not Found: no such page") {
			t.Errorf("the findings: %+v", rep.Findings)
		}
		back.Store(true)
		if code, rep, printed = runReal(t, nil, args...); code != exitOK || rep.Ledger.Delivered != 35 {
			t.Fatalf("then it exits with %d:\n%s", code, printed)
		}
		out, err := os.ReadFile("out.ndjson")
		if n := bytes.Count(out, []byte("\n")); err != nil || n != 35 {
			t.Errorf("%d lines, %v", n, err)
		}
	}
}

// A record that the webhook can't take is given up alone: the others of its batch arrive, and its dead letter has what
// the answer said.
func TestABadRecordIsGivenUpAlone(t *testing.T) {
	t.Chdir(t.TempDir())
	source := webtest.Start(t, api(50), nil)
	var box inbox
	hook := webtest.Start(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if bytes.Contains(body, []byte(`"id":37,`)) {
			http.Error(w, "no such city: 37\nnor will there be", http.StatusUnprocessableEntity)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		box.take(w, r)
	}, nil)
	code, rep, printed := runReal(t, nil, "--input", source.URL, "--channel", "hook="+hook.URL, "--batch-size", "50",
		"--batch-wait", "10s", "--output", "out", "--report", "report.json", "--fail-on", "never")
	if code != exitOK || rep == nil {
		t.Fatalf("exits with %d:\n%s", code, printed)
	}
	l, possible := rep.Ledger, rep.Delivery.PossibleDuplicates
	if !l.Balanced || l.Delivered != 49 || l.DeadLettered != 1 || possible != 0 {
		t.Errorf("the ledger: %+v, and %d possible duplicates", l, possible)
	}
	if lines := slices.Compact(slices.Sorted(slices.Values(box.lines))); len(lines) != 49 || len(box.lines) != 49 {
		t.Errorf("%d lines arrived:\n%s", len(box.lines), strings.Join(box.lines, "\n"))
	}
	dead, err := os.ReadFile(filepath.Join("out", "dead-letters.ndjson"))
	if err != nil || bytes.Count(dead, []byte("\n")) != 1 || !bytes.Contains(dead, []byte(`"place":"delivery.hook"`)) ||
		!bytes.Contains(dead, []byte(`"reason":"HTTP 422 no such city: 37","record":{"id":37,`)) {
		t.Errorf("the dead letters: %s, %v", dead, err)
	}
	if n := len(hook.Requests()); n > 13 {
		t.Errorf("%d requests", n)
	}
}

// httpDiscard is an answer that nobody gets.
type httpDiscard struct{}

func (httpDiscard) Header() http.Header         { return http.Header{} }
func (httpDiscard) WriteHeader(int)             {}
func (httpDiscard) Write(p []byte) (int, error) { return len(p), nil }

// A scenario that was found in virtual time, with simulated faults, shows the same against servers that have these
// faults: the same verdict, attempts and transitions of breakers. A comparison finds nothing but the places, the clock
// and durations.
func TestSimulatedAndRealServersAreEqual(t *testing.T) {
	t.Chdir(t.TempDir())
	var lines strings.Builder
	for i := range 25 {
		fmt.Fprintf(&lines, "{\"id\":%d,\"value\":%d}\n", i, i)
	}
	if err := os.WriteFile("data.ndjson", []byte(lines.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	common := []string{"--seed", "7", "--batch-size", "10", "--process", "none", "--retry-delay", "20ms",
		"--collector-breaker", "--collector-breaker-failures", "2", "--collector-breaker-open-for", "100ms",
		"--interval", "500ms", // an open breaker is half-open again by then
		"--fail-on", "never", "--report", "report.json"}
	code, simulated, printed := runReal(t, nil, append([]string{"--input", "data.ndjson", "--clock", "virtual",
		"--channels", "hook", "--fault", "collector.fetch=http_503,first=3",
		"--fault", "delivery.hook=http_503,calls=2-3"}, common...)...)
	if code != exitOK {
		t.Fatalf("exits with %d:\n%s", code, printed)
	}
	if err := os.Rename("report.json", "simulated.json"); err != nil {
		t.Fatal(err)
	}
	source := webtest.Start(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, lines.String()) },
		webtest.First(3, webtest.Status(503)))
	var box inbox
	hook := webtest.Start(t, box.take, func(n int) http.HandlerFunc {
		if n == 2 || n == 3 {
			return webtest.Status(503)
		}
		return nil
	})
	code, real, printed := runReal(t, nil, append([]string{"--input", source.URL + "/data.ndjson", "--channel",
		"hook=" + hook.URL}, common...)...)
	if code != exitOK {
		t.Fatalf("exits with %d:\n%s", code, printed)
	}
	if len(transitionsOf(simulated)) < 3 || simulated.Channels[0].Failed != 2 || simulated.Ledger.Delivered != 25 {
		t.Errorf("the scenario shows little: %q, %q", transitionsOf(simulated), attemptsOf(simulated))
	}
	if simulated.Verdict != real.Verdict || !slices.Equal(attemptsOf(simulated), attemptsOf(real)) ||
		!slices.Equal(transitionsOf(simulated), transitionsOf(real)) {
		t.Errorf("simulated %s %q %q\nreal      %s %q %q", simulated.Verdict, attemptsOf(simulated),
			transitionsOf(simulated), real.Verdict, attemptsOf(real), transitionsOf(real))
	}
	_, _, printed = runReal(t, nil, "compare", "simulated.json", "report.json", "--format", "json")
	var compared struct {
		Comparisons []struct {
			Measures []struct {
				Name    string
				Values  []any
				Changes []struct{ Outcome string }
			}
		}
	}
	if err := json.Unmarshal([]byte(printed), &compared); err != nil || len(compared.Comparisons) != 1 {
		t.Fatal(err, printed)
	}
	measures := compared.Comparisons[0].Measures
	for _, m := range measures {
		if strings.Contains(m.Name, "_ms") || strings.HasPrefix(m.Name, "fired.") { // the servers' own are not counted
			continue
		}
		if m.Changes[0].Outcome != "same" {
			t.Errorf("%s: %v", m.Name, m.Values)
		}
	}
	if len(measures) < 100 {
		t.Errorf("only %d measures are compared", len(measures))
	}
}

func attemptsOf(r *report.Report) (list []string) {
	for _, n := range r.Nodes {
		list = append(list, fmt.Sprintf("%s %d", n.Name, n.Attempts))
	}
	for _, c := range r.Channels {
		list = append(list, fmt.Sprintf("%s tried %d, failed %d", c.Name, c.Tried, c.Failed))
	}
	return list
}

func transitionsOf(r *report.Report) (list []string) {
	for _, b := range r.Breakers {
		for _, t := range b.Transitions {
			list = append(list, fmt.Sprintf("%s: %s → %s", b.Name, t.From, t.To))
		}
	}
	return list
}

// Nothing that a run writes has a secret in it, whatever the servers tell of it: neither reports in any format, the
// log, records, a saved scenario nor errors.
func TestSecretsAreInNoOutput(t *testing.T) {
	t.Chdir(t.TempDir())
	const password, token = `p@ss"wörd/1`, "tok+en=2"
	forms := []string{
		password, url.QueryEscape(password), url.PathEscape(password),
		token, url.QueryEscape(token), url.PathEscape(token),
		base64.StdEncoding.EncodeToString([]byte("me:" + password)), `p@ss\"wörd`,
	}
	tells := func(status int) http.HandlerFunc { // a server that repeats all that it got
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, r.URL.RequestURI(), " ", r.Header)
		}
	}
	var asked, posted atomic.Int32 // in one run, each of which is told at first
	firstTwo := func(count *atomic.Int32, status int) func(int) http.HandlerFunc {
		return func(int) http.HandlerFunc { return webtest.First(2, tells(status))(int(count.Add(1))) }
	}
	source := webtest.Start(t, api(25), firstTwo(&asked, http.StatusServiceUnavailable))
	refuses := webtest.Start(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprint(w, "of ", r.Header)
	}, firstTwo(&posted, http.StatusForbidden))
	closed := webtest.Start(t, tells(http.StatusForbidden), nil)
	env := map[string]string{"PASSWORD": password, "TOKEN": token}
	withUser := func(u string) string { return strings.Replace(u, "http://", "http://me:${PASSWORD}@", 1) }
	args := []string{"--input", withUser(source.URL) + "/?key=${TOKEN}", "--header", "input=X-Api-Key: ${TOKEN}",
		"--channel", "hook=" + withUser(refuses.URL) + "/in?token=${TOKEN}", "--header", "hook=Cookie: a=${TOKEN}",
		"--retry-delay", "1ms", "--attempts", "4", "--report", "report.json", "--output", "out", "--fail-on", "never",
		"--channel-recover", "0s"}
	var all strings.Builder
	for i, format := range []string{"text", "json", "html", "markdown", "junit"} {
		asked.Store(0)
		posted.Store(0)
		args := append(slices.Clone(args), "--format", format)
		switch i {
		case 0:
			args = append(args, "--verbose", "--save-scenario", "saved.yaml")
		case 1:
			args = append(args, "--log", "json")
		}
		code, rep, printed := runReal(t, env, args...)
		if code != exitOK || rep == nil || rep.Ledger.DeadLettered != 25 {
			t.Fatalf("exits with %d:\n%s", code, printed)
		}
		all.WriteString(printed)
	}
	_, _, printed := runReal(t, map[string]string{"PASSWORD": password}, args...) // an error before the run
	all.WriteString(printed)
	args[1] = withUser(closed.URL) + "/?key=${TOKEN}" // and one that ends it
	if code, _, printed := runReal(t, env, append(args, "--log", "json")...); code != exitIO {
		t.Errorf("exits with %d:\n%s", code, printed)
	} else {
		all.WriteString(printed)
	}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all.WriteString(path + "\n" + string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range forms {
		if at := strings.Index(all.String(), form); at >= 0 {
			t.Errorf("%s is in what was written: …%s", form, all.String()[max(0, at-200):at+50])
		}
	}
	for _, shown := range []string{"${PASSWORD}", "${TOKEN}", "the environment has no TOKEN", `{"level":"WARN","msg":`,
		"/?key=${TOKEN}: HTTP 403 Forbidden: "} {
		if !strings.Contains(all.String(), shown) {
			t.Errorf("%s is not shown", shown)
		}
	}
	sent := source.Requests()[0]
	_, got, _ := sent.BasicAuth()
	if got != password || sent.Header.Get("X-Api-Key") != token || sent.FormValue("key") != token {
		t.Errorf("the server got %q and %v", got, sent.Header)
	}
}
