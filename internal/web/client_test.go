package web

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"faultflow/internal/errhandler"
	"faultflow/internal/nodes"
	"faultflow/internal/secret"
	"faultflow/internal/settings"
	"faultflow/internal/webtest"
)

// client is that of an input with headers, in an environment where TOKEN is hunter2.
func client(t *testing.T, url string, headers ...string) *Client {
	t.Helper()
	s := settings.Settings{Input: url}
	for _, h := range headers {
		parsed, err := settings.ParseHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		s.Headers = append(s.Headers, parsed)
	}
	secrets := secret.New(func(name string) string { return map[string]string{"TOKEN": "hunter2"}[name] })
	c, err := New("input", url, settings.InputEnd, &s, secrets, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// get asks for the client's own URL and returns the body.
func get(t *testing.T, c *Client) (string, error) {
	t.Helper()
	to, err := c.Resolve(nil, "")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.Do(t.Context(), "GET", to, nil, nil)
	if err != nil {
		return "", err
	}
	if answer.StatusCode != 200 {
		return "", StatusError(answer)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return string(text), err
}

// headersOf answers with what would let somebody in.
func headersOf(w http.ResponseWriter, r *http.Request) {
	io.WriteString(w, strings.Join([]string{
		r.Header.Get("Authorization"), r.Header.Get("X-Api-Key"), r.Header.Get("Cookie"), r.Header.Get("Referer"),
	}, "|"))
}

// A redirect to another port is one to somebody else, who must not get what lets the client in: neither headers, nor
// user and password, nor a referer with the query. The end itself does, at another path, too.
func TestCredentialsGoToTheEndAlone(t *testing.T) {
	elsewhere := webtest.Start(t, headersOf, nil)
	to := "/there"
	end := webtest.Start(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/there" {
			headersOf(w, r)
			return
		}
		http.Redirect(w, r, to, http.StatusFound)
	}, nil)
	host := strings.TrimPrefix(end.URL, "http://")
	all := []string{"input=X-Api-Key: ${TOKEN}", "input=Cookie: a=${TOKEN}", "primary=X-Other: of another end"}
	for _, test := range []struct{ url, to, want string }{
		{"http://me:${TOKEN}@" + host + "/?key=${TOKEN}", "/there", "Basic bWU6aHVudGVyMg==|hunter2|a=hunter2|"},
		{"http://me:${TOKEN}@" + host + "/?key=${TOKEN}", elsewhere.URL, "|||"},
	} {
		to = test.to
		if got, err := get(t, client(t, test.url, all...)); err != nil || got != test.want {
			t.Errorf("%s: %q, %v", test.to, got, err)
		}
	}
	c := client(t, end.URL, all...) // nor does a next page that is elsewhere
	other, err := c.Resolve(nil, elsewhere.URL)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.Do(t.Context(), "GET", other, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); string(text) != "|||" || err != nil {
		t.Errorf("another host gets %q, %v", text, err)
	}
}

func TestRedirectsEnd(t *testing.T) {
	n := 0
	round := webtest.Start(t, func(w http.ResponseWriter, r *http.Request) {
		n++
		http.Redirect(w, r, "/", http.StatusFound)
	}, nil)
	_, err := get(t, client(t, round.URL))
	if err == nil || err.Error() != "more than 10 redirects" || n != maxRedirects+1 ||
		errhandler.Classify(err) != errhandler.Network {
		t.Errorf("%v after %d requests", err, n)
	}
}

// What real servers and networks do is classified as what is injected, and is matched by the same errors.
func TestFailuresAreThoseOfTheNetwork(t *testing.T) {
	untrusted := webtest.New(headersOf, nil)
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	gone := webtest.New(headersOf, nil)
	gone.Start()
	gone.Close()
	serves := func(answer http.HandlerFunc) string { return webtest.Start(t, answer, nil).URL }
	for _, test := range []struct {
		name, url, says string
		is              error
	}{
		{"refused", gone.URL, "connection refused", syscall.ECONNREFUSED},
		{"reset", serves(webtest.Reset), "connection reset by peer", syscall.ECONNRESET},
		{"closed", serves(webtest.Close), "the connection was closed without an answer", io.ErrUnexpectedEOF},
		{"TLS", untrusted.URL, "certificate signed by unknown authority", nil},
		{"no TLS", strings.Replace(serves(headersOf), "http:", "https:", 1), "HTTP response to HTTPS client", nil},
	} {
		_, err := get(t, client(t, test.url))
		if err == nil || !strings.Contains(err.Error(), test.says) || test.is != nil && !errors.Is(err, test.is) ||
			errhandler.Classify(err) != errhandler.Network || errors.Is(err, io.EOF) {
			t.Errorf("%s: %v, of class %s", test.name, err, errhandler.Classify(err))
		}
	}
	if _, err := get(t, client(t, untrusted.URL)); !errors.As(err, new(x509.UnknownAuthorityError)) {
		t.Errorf("%v is not x509's own", err)
	}
	_, err := get(t, client(t, serves(webtest.Cut(5, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "all of it")
	}))))
	if !errors.Is(err, io.ErrUnexpectedEOF) || errhandler.Classify(err) != errhandler.Data {
		t.Errorf("a body that is cut off: %v, of class %s", err, errhandler.Classify(err))
	}
}

// A request ends with its context, however long the server keeps silent.
func TestHungRequestsEndWithTheirContext(t *testing.T) {
	c := client(t, webtest.Start(t, webtest.Hang, nil).URL)
	to, err := c.Resolve(nil, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := c.Do(ctx, "GET", to, nil, nil); !errors.Is(err, context.DeadlineExceeded) ||
		errhandler.Classify(err) != errhandler.Network {
		t.Error(err)
	}
}

// An answer is told in one line that nobody's terminal minds.
func TestStatusError(t *testing.T) {
	for _, test := range []struct {
		body, want string
		headers    []string
		wait       time.Duration
	}{
		{"\n no such \x1b[31mcity\u0085\r\nmore", "HTTP 503 Service Unavailable: no such [31mcity", nil, 0},
		{"<html>busy</html>", "HTTP 503 Service Unavailable", []string{"Retry-After: 7"}, 7 * time.Second},
		{"", "HTTP 503 Service Unavailable", []string{"Retry-After: 99999999"}, maxWait},
		{strings.Repeat("x", 10_000), "HTTP 503 Service Unavailable: " + strings.Repeat("x", maxLine) + "…", nil, 0},
	} {
		server := webtest.Start(t, func(w http.ResponseWriter, r *http.Request) {
			webtest.Status(503, test.headers...)(w, r)
			io.WriteString(w, test.body)
		}, nil)
		_, err := get(t, client(t, server.URL))
		status := new(nodes.StatusError)
		if !errors.As(err, &status) || err.Error() != test.want || status.RetryAfter() != test.wait {
			t.Errorf("%q: %v, wait %v", test.body, err, status.Wait)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, " 5 ": 5 * time.Second, "-5": 0, "soon": 0, "1.5": 0,
		"Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second,
		"Sun, 01 Mar 2026 11:00:00 GMT": 0,
		"Sun, 01 Mar 2099 12:00:00 GMT": maxWait,
		"99999999999999999999999":       0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// The examples are of RFC 8288, and of what servers send.
func TestNext(t *testing.T) {
	for _, test := range []struct {
		want    string
		headers []string
	}{
		{"", nil},
		{"/a?page=2", []string{`</a?page=2>; rel="next"`}},
		{"/a?page=2", []string{`</a?page=9>; rel="last", </a?page=2>;rel=next`}},
		{"/b", []string{`</a>; rel="prev"`, `</b>; REL="up Next"; title="x"`}},
		{"/c", []string{`</a>; title="a, <b>; rel=\"next\""; rel="prev", </c>; rel="next"`}},
		{"", []string{`</a>; rel="prev"; rel="next"`}}, // the first one counts
		{"", []string{`</a>; rel="nextpage"`}},
		{"", []string{`/a; rel="next"`, `<`, `</a`, `;;,`, `<a>;`, `<a>; rel`, `<a>; rel="next`[:9]}},
		{"/d", []string{`</a> junk, </d>; rel = "next"`}},
		{"/e", []string{`</e>; rel*=x; rel="next`}},
	} {
		if got := Next(&http.Response{Header: http.Header{"Link": test.headers}}); got != test.want {
			t.Errorf("%q: %q, want %q", test.headers, got, test.want)
		}
	}
}

// Whatever a header holds, reading it ends.
func FuzzNext(f *testing.F) {
	f.Add(`</a?page=2>; rel="next", <b>;;=`)
	f.Fuzz(func(_ *testing.T, header string) { Next(&http.Response{Header: http.Header{"Link": {header}}}) })
}
