package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"faultflow/internal/play"
)

// serving is a server that is ended with the test; URL is its page.
func serving(t *testing.T) (s *Server, client *http.Client) {
	t.Helper()
	return servingWith(t, []byte(`{"begin":true}`))
}

func servingWith(t *testing.T, start []byte) (s *Server, client *http.Client) {
	t.Helper()
	ignore := goleak.IgnoreCurrent()
	engine := &play.Engine{}
	s, err := Listen("127.0.0.1:0", engine, start)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Serve(ctx) }()
	transport := &http.Transport{}
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		transport.CloseIdleConnections()
		goleak.VerifyNone(t, ignore)
	})
	return s, &http.Client{Transport: transport, Timeout: time.Minute}
}

// ask sends a request, changed, and returns its status and answer.
func ask(t *testing.T, client *http.Client, method, url, body string, change func(*http.Request)) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	if change != nil {
		change(r)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if csp := response.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") {
		t.Errorf("%s %s: policy %q", method, url, csp)
	}
	return response.StatusCode, string(text)
}

const aRun = `{"want":"run","settings":[{"name":"seed","text":"7"}]}`

func TestPage(t *testing.T) {
	s, client := serving(t)
	for file, part := range map[string]string{
		"": "<title>faultflow play</title>", "play.js": "import", "play.css": ".knob", "report.css": ":root",
		"report.js": "faultflow", "engine.js": "export function server", "start.json": `{"begin":true}`,
	} {
		if code, text := ask(t, client, "GET", s.URL()+file, "", nil); code != http.StatusOK || !strings.Contains(text, part) {
			t.Errorf("%s: %d %.100s", file, code, text)
		}
	}
	code, text := ask(t, client, "POST", s.URL()+"answer", aRun, nil)
	if code != http.StatusOK || !strings.Contains(text, `"command":"faultflow --seed 7 --clock=virtual"`) {
		t.Errorf("%d %.200s", code, text)
	}
	if !s.Loopback() {
		t.Error("127.0.0.1 is the loopback")
	}
}

// Who does not know the token gets nothing, and neither does a page from elsewhere, also one whose name leads here.
func TestStrangers(t *testing.T) {
	s, client := serving(t)
	other := strings.Replace(s.URL(), s.token, strings.Repeat("A", len(s.token)), 1)
	none := strings.Replace(s.URL(), s.token+"/", "", 1)
	for _, url := range []string{
		other, none, none + "start.json", other + "answer", none + "answer", s.URL() + "../", s.URL() + "nothing",
		s.URL() + "../../etc/passwd", s.URL() + "%2e%2e%2fetc%2fpasswd",
	} {
		for _, method := range []string{"GET", "POST"} {
			if code, _ := ask(t, client, method, url, aRun, nil); code != http.StatusNotFound && code != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d", method, url, code)
			}
		}
	}
	for name, change := range map[string]func(*http.Request){
		"another host":      func(r *http.Request) { r.Host = "evil.example" },
		"its name, rebound": func(r *http.Request) { r.Host = "evil.example:" + r.URL.Port() },
		"another port":      func(r *http.Request) { r.Host = "127.0.0.1:1" },
		"no host":           func(r *http.Request) { r.Host = " " },
		"another origin":    func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"a null origin":     func(r *http.Request) { r.Header.Set("Origin", "null") },
		"another site":      func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"another port's":    func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
		"a form":            func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
		"no content type":   func(r *http.Request) { r.Header.Del("Content-Type") },
		"another method":    func(r *http.Request) { r.Method = http.MethodPut },
	} {
		if code, text := ask(t, client, "POST", s.URL()+"answer", aRun, change); code < 400 || strings.Contains(text, "hash") {
			t.Errorf("%s: %d %.100s", name, code, text)
		}
	}
	if code, _ := ask(t, client, "POST", s.URL()+"answer", aRun, func(r *http.Request) {
		r.Host = "localhost:" + r.URL.Port()
		r.Header.Set("Origin", "http://"+r.Host)
	}); code != http.StatusOK {
		t.Errorf("localhost: %d", code)
	}
}

// What is too large is refused, and the page goes on.
func TestOversized(t *testing.T) {
	s, client := serving(t)
	body := `{"want":"run","name":"` + strings.Repeat("x", 10*maxBody) + `"}`
	if code, _ := ask(t, client, "POST", s.URL()+"answer", body, nil); code != http.StatusRequestEntityTooLarge {
		t.Errorf("%d", code)
	}
	if code, _ := ask(t, client, "POST", s.URL()+"answer", aRun, nil); code != http.StatusOK {
		t.Errorf("afterwards: %d", code)
	}
}

// However many ask at once, so many are answered at a time, and the rest is turned away at once.
func TestManyAtOnce(t *testing.T) {
	s, client := serving(t)
	const clients = 200
	codes := make([]int, clients)
	long := `{"want":"run","settings":[{"name":"cycles","text":"300"},{"name":"batch-size","text":"1"}]}`
	var all sync.WaitGroup
	for i := range codes {
		all.Go(func() {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"answer", strings.NewReader(long))
			if err != nil {
				return
			}
			r.Header.Set("Content-Type", "application/json")
			response, err := client.Do(r)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
			codes[i] = response.StatusCode
		})
	}
	all.Wait()
	count := map[int]int{}
	for _, c := range codes {
		count[c]++
	}
	if count[http.StatusOK] < maxWaiting || count[http.StatusServiceUnavailable] == 0 ||
		count[http.StatusOK]+count[http.StatusServiceUnavailable] != clients {
		t.Errorf("%v", count)
	}
	if code, _ := ask(t, client, "POST", s.URL()+"answer", aRun, nil); code != http.StatusOK {
		t.Errorf("afterwards: %d", code)
	}
}

// Connections that say nothing keep no one out who is there already, and are closed.
func TestSilentConnections(t *testing.T) {
	s, client := serving(t)
	if code, _ := ask(t, client, "GET", s.URL(), "", nil); code != http.StatusOK { // which keeps its connection
		t.Fatal(code)
	}
	var silent []net.Conn
	for range 2 * maxConnections {
		c, err := net.Dial("tcp", s.listener.Addr().String())
		if err != nil {
			break // the system has no more
		}
		silent = append(silent, c)
	}
	if code, _ := ask(t, client, "POST", s.URL()+"answer", aRun, nil); code != http.StatusOK {
		t.Errorf("%d", code)
	}
	for _, c := range silent {
		c.Close()
	}
}

// Who goes away is not answered on: the next one waits for no run that nobody wants.
func TestGone(t *testing.T) {
	s, client := serving(t)
	long := `{"want":"seeds","runs":1000,"settings":[{"name":"cycles","text":"300"},{"name":"batch-size","text":"1"}]}`
	for range maxAnswers {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL()+"answer", strings.NewReader(long))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(response.Body).ReadString('\n'); err != nil { // it is under way
			t.Fatal(err)
		}
		cancel()
		response.Body.Close()
	}
	if code, _ := ask(t, client, "POST", s.URL()+"answer", aRun, nil); code != http.StatusOK {
		t.Errorf("%d", code)
	}
}

// The end of the server ends the answers that are under way; serving checks that nothing is left behind.
func TestEndsAtOnce(t *testing.T) {
	s, client := serving(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"answer",
		strings.NewReader(`{"want":"seeds","runs":1000,"settings":[{"name":"cycles","text":"500"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() }) // before that of serving
	var first play.Response
	if err := json.NewDecoder(response.Body).Decode(&first); err != nil || first.Progress >= 1 {
		t.Fatalf("%v, progress %v", err, first.Progress)
	}
}

func TestListen(t *testing.T) {
	for _, address := range []string{"", "x", "127.0.0.1", "127.0.0.1:x", "256.0.0.1:0"} {
		if s, err := Listen(address, &play.Engine{}, nil); err == nil {
			s.listener.Close()
			t.Errorf("%q was listened on", address)
		} else if errors.Unwrap(err) == nil {
			t.Errorf("%q: %v has no cause", address, err)
		}
	}
	s, err := Listen("0.0.0.0:0", &play.Engine{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Loopback() {
		t.Error("0.0.0.0 is not the loopback alone")
	}
	s.listener.Close()
}
