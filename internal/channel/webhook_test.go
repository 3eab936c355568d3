package channel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"faultflow/internal/errhandler"
	"faultflow/internal/nodes"
	"faultflow/internal/secret"
	"faultflow/internal/settings"
	"faultflow/internal/webtest"
)

// openHook opens a webhook named hook.
func openHook(t *testing.T, url string, headers ...settings.Header) Real {
	t.Helper()
	secrets := secret.New(func(name string) string { return map[string]string{"TOKEN": "hunter2"}[name] })
	c, err := Open(t.Context(), settings.Outlet{Name: "hook", URL: url}, &settings.Settings{Headers: headers},
		Outside{Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// three are records with fields of their own.
func three() nodes.Delivery {
	d := nodes.Delivery{Key: "run-1/2/3"}
	for _, fields := range []string{`{"id":"a","n":1.50}`, `{"id":"b","s":"é\n"}`, `{ "id":"c" }`} {
		d.Records = append(d.Records, nodes.Processed{Record: nodes.Record{Fields: fields}})
	}
	return d
}

// What is posted are the records to the byte, under the key of the delivery.
func TestWebhookPosts(t *testing.T) {
	var got []string
	server := webtest.Start(t, func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = []string{r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), r.Header.Get("Idempotency-Key"),
			r.Header.Get("Authorization"), string(body)}
	}, nil)
	header := settings.Header{End: "hook", Name: "Authorization", Value: "Bearer ${TOKEN}"}
	for format, body := range map[string]string{
		"":        "{\"id\":\"a\",\"n\":1.50}\n{\"id\":\"b\",\"s\":\"é\\n\"}\n{ \"id\":\"c\" }\n",
		"#ndjson": "{\"id\":\"a\",\"n\":1.50}\n{\"id\":\"b\",\"s\":\"é\\n\"}\n{ \"id\":\"c\" }\n",
		"#json":   "[\n{\"id\":\"a\",\"n\":1.50},\n{\"id\":\"b\",\"s\":\"é\\n\"},\n{ \"id\":\"c\" }\n]\n",
	} {
		kind := "application/x-ndjson"
		if format == "#json" {
			kind = "application/json"
		}
		n, err := openHook(t, server.URL+"/in?a=b"+format, header).Deliver(t.Context(), three())
		want := []string{"POST", "/in?a=b", kind, "run-1/2/3", "Bearer hunter2", body}
		if n != 3 || err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %d, %v, of\n%q\nwant\n%q", format, n, err, got, want)
		}
	}
}

// Each answer is told apart: what is taken, what is refused for good, and what is the channel's fault, so that it can
// be tried again, or another channel.
func TestWebhookAnswers(t *testing.T) {
	const list = `{"records":[{"status":201},{"status":422,"error":"no such \u001b[1mcity\nat all"},{"status":%d}]}`
	jsonBody := []string{"Content-Type: application/json"}
	const second = "1=HTTP 422 no such [1mcity at all"
	for _, test := range []struct {
		code    int
		headers []string
		body    string
		settled int
		refused string // index=reason
		says    string
		class   errhandler.Class
	}{
		{code: 200, settled: 3},
		{code: 204, settled: 3},
		{code: 202, headers: jsonBody, body: `{"queued":3}`, settled: 3},
		{code: 200, headers: jsonBody, body: `not JSON`, settled: 3},
		{code: 409, body: "seen before", settled: 3},
		{code: 422, body: "\nno such city\nmore", settled: 3,
			refused: "0=HTTP 422 no such city 1=HTTP 422 no such city 2=HTTP 422 no such city"},
		{code: 400, settled: 3, refused: "0=HTTP 400 Bad Request 1=HTTP 400 Bad Request 2=HTTP 400 Bad Request"},
		{code: 413, settled: 3, body: "<html>too large", refused: "0=HTTP 413 Request Entity Too Large " +
			"1=HTTP 413 Request Entity Too Large 2=HTTP 413 Request Entity Too Large"},
		{code: 401, body: "bad token hunter2", says: "HTTP 401 Unauthorized: bad token ${TOKEN}",
			class: errhandler.Network},
		{code: 404, says: "HTTP 404 Not Found", class: errhandler.Network},
		{code: 429, headers: []string{"Retry-After: 3"}, says: "HTTP 429 Too Many Requests, wait 3s",
			class: errhandler.Network},
		{code: 503, headers: []string{"Retry-After: 3"}, says: "HTTP 503 Service Unavailable, wait 3s",
			class: errhandler.Network},
		{code: 500, says: "HTTP 500 Internal Server Error", class: errhandler.Network},
		{code: 308, headers: []string{"Location: https://elsewhere.example/"},
			says: "HTTP 308 Permanent Redirect, to https://elsewhere.example/", class: errhandler.Network},

		{code: 207, headers: jsonBody, body: fmt.Sprintf(list, 409), settled: 3, refused: second},
		{code: 200, headers: jsonBody, body: fmt.Sprintf(list, 204), settled: 3, refused: second},
		{code: 207, headers: append([]string{"Retry-After: 2"}, jsonBody...), body: fmt.Sprintf(list, 503), settled: 2,
			refused: second, says: "HTTP 503 Service Unavailable, wait 2s"},
		{code: 207, body: `{"records":[{"status":200}]}`, settled: 1,
			says: "partial result: it tells of 1 of 3 records", class: errhandler.Degradation},
		{code: 207, body: `{}`, says: "no acknowledgement: HTTP 207 without a list of records",
			class: errhandler.Storage},
		{code: 207, body: `{`, says: "no acknowledgement: what it says of the records can't be read: unexpected " +
			"end of JSON input", class: errhandler.Storage},
		{code: 207, body: `{"records":[{},{},{},{}]}`,
			says: "no acknowledgement: it tells of 4 records, and 3 were sent", class: errhandler.Storage},
	} {
		server := webtest.Start(t, func(w http.ResponseWriter, r *http.Request) {
			webtest.Status(test.code, test.headers...)(w, r)
			io.WriteString(w, test.body)
		}, nil)
		header := settings.Header{End: "hook", Name: "X-Token", Value: "${TOKEN}"}
		n, err := openHook(t, server.URL, header).Deliver(t.Context(), three())
		var refused []string
		if of, ok := errors.AsType[*nodes.RefusedError](err); ok {
			for _, r := range of.Refused {
				refused = append(refused, fmt.Sprintf("%d=%s", r.Index, r.Reason))
			}
			err = of.Rest
		}
		says := ""
		if err != nil {
			says = err.Error()
		}
		if status, ok := errors.AsType[*nodes.StatusError](err); ok && status.Wait > 0 {
			says += ", wait " + status.Wait.String()
		}
		if n != test.settled || strings.Join(refused, " ") != test.refused || says != test.says ||
			test.class != "" && errhandler.Classify(err) != test.class {
			t.Errorf("%d %s: %d settled, refused %q, %s (%s)",
				test.code, test.body, n, refused, says, errhandler.Classify(err))
		}
	}
}

// A request is sent once: whether it is sent again is for the policies, with a connection that was used before, too.
func TestWebhookSendsOnce(t *testing.T) {
	server := webtest.New(webtest.Status(200), func(n int) http.HandlerFunc {
		if n == 2 {
			return webtest.Reset
		}
		return nil
	})
	server.Config.SetKeepAlivesEnabled(true)
	server.Start()
	t.Cleanup(server.Close)
	hook := openHook(t, server.URL)
	if n, err := hook.Deliver(t.Context(), three()); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := hook.Deliver(t.Context(), three()); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
		t.Error(n, err)
	}
	if requests := len(server.Requests()); requests != 2 {
		t.Errorf("%d requests", requests)
	}
}

// Neither an answer that does not come nor one without an end holds a delivery for longer than its limit.
func TestWebhookIsBounded(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	hung := webtest.Start(t, webtest.Hang, nil)
	defer hung.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	hook := openHook(t, hung.URL)
	if n, err := hook.Deliver(ctx, three()); n != 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(n, err)
	}
	for kind, want := range map[string]int{"text/plain": 3, "application/json": 0} {
		endless := webtest.Start(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			for {
				if _, err := io.WriteString(w, strings.Repeat(" ", 1<<16)); err != nil {
					return
				}
			}
		}, nil)
		n, err := openHook(t, endless.URL).Deliver(t.Context(), three())
		if n != want || (err == nil) != (want == 3) || want == 0 && !errors.As(err, new(*nodes.AckError)) {
			t.Errorf("%s: %d, %v", kind, n, err)
		}
		endless.Close()
	}
}

func TestWebhooksThatCanNotBe(t *testing.T) {
	for url, want := range map[string]string{
		"https://host/#xml": "behind # is how records are sent: ndjson (lines, which is the default) or json " +
			`(an array), and not "xml"`,
		"https://": "want a URL such as https://api.example.com/records",
		"https://${NONE}/#json": "the environment has no NONE, or it is empty; set it, such as by " +
			"export NONE=…",
		"gopher://host/":      "a channel's URL begins with one of",
		"https://${TOKEN}:x/": "want a URL such as https://api.example.com/records",
	} {
		secrets := secret.New(func(name string) string { return map[string]string{"TOKEN": "hunter2"}[name] })
		outlet := settings.Outlet{Name: "hook", URL: url}
		_, err := Open(t.Context(), outlet, &settings.Settings{}, Outside{Secrets: secrets})
		want = fmt.Sprintf("--channel %q: %s", "hook="+url, want)
		if err == nil || !strings.HasPrefix(err.Error(), want) || !errors.As(err, new(*settings.Error)) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
}

// poison is a server that refuses a request as a whole if there is a bad record in it, as one does that checks all
// before it takes any. It keeps what it took.
type poison struct {
	bad    string
	status int

	taken []string
	keys  []string
}

func (p *poison) answer(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.keys = append(p.keys, r.Header.Get("Idempotency-Key"))
	lines := strings.Split(strings.TrimSpace(string(body)), "\n")
	for _, line := range lines {
		if strings.Contains(line, p.bad) {
			http.Error(w, "\n"+line+" is bad\nat all", p.status)
			return
		}
	}
	p.taken = append(p.taken, lines...)
}

func fifty() (d nodes.Delivery, lines []string) {
	d.Key = "run-1/2/0"
	for i := range 50 {
		fields := fmt.Sprintf(`{"id":%d}`, i+1)
		d.Records = append(d.Records, nodes.Processed{Record: nodes.Record{Fields: fields}})
		lines = append(lines, fields)
	}
	return d, lines
}

// One record that a server can't take does not take those beside it with it: a request that is refused as a whole is
// halved until the record is alone. Each request has a key of its own, which is the same when the batch is sent again.
func TestWebhookGivesUpTheBadRecordAlone(t *testing.T) {
	for _, status := range []int{400, 413, 422} {
		for _, bad := range []int{1, 17, 26, 50} {
			d, lines := fifty()
			p := &poison{bad: lines[bad-1], status: status}
			hook := openHook(t, webtest.Start(t, p.answer, nil).URL)
			n, err := hook.Deliver(t.Context(), d)
			of, _ := errors.AsType[*nodes.RefusedError](err)
			if n != 50 || of == nil || of.Rest != nil || len(of.Refused) != 1 || of.Refused[0].Index != bad-1 ||
				of.Refused[0].Reason != fmt.Sprintf("HTTP %d %s is bad", status, lines[bad-1]) {
				t.Fatalf("%d, record %d: %d settled, %+v", status, bad, n, of)
			}
			if want := slices.Delete(slices.Clone(lines), bad-1, bad); !slices.Equal(p.taken, want) {
				t.Errorf("%d, record %d: taken are %q", status, bad, p.taken)
			}
			first := p.keys
			if different := slices.Compact(slices.Sorted(slices.Values(first))); len(different) != len(first) ||
				len(first) > 13 || first[0] != d.Key {
				t.Errorf("%d, record %d: the keys %q", status, bad, first)
			}
			p.keys = nil
			if _, err = hook.Deliver(t.Context(), d); err == nil || !slices.Equal(p.keys, first) {
				t.Errorf("%d, record %d: sent again, the keys are %q, %v", status, bad, p.keys, err)
			}
		}
	}
}

// Where all are bad, halving them ends: the records that are left are given up together, and none is missing. Other
// answers refuse the whole at once.
func TestWebhookDoesNotHalveForever(t *testing.T) {
	d, _ := fifty()
	for range 4 {
		d.Records = append(d.Records, d.Records...)
	}
	for status, requests := range map[int]int{422: mostRequests, 415: 1} {
		p := &poison{bad: "id", status: status}
		n, err := openHook(t, webtest.Start(t, p.answer, nil).URL).Deliver(t.Context(), d)
		of, _ := errors.AsType[*nodes.RefusedError](err)
		if n != len(d.Records) || of == nil || of.Rest != nil || len(of.Refused) != n || of.Refused[n-1].Index != n-1 {
			t.Fatalf("%d: %d settled, %v", status, n, err)
		}
		if len(p.keys) < requests || len(p.keys) > requests+20 {
			t.Errorf("%d: %d requests", status, len(p.keys))
		}
	}
}

// A half that the server can't take now is left to the policies. What it may have taken all the same is told, since
// nothing is uncertain about the rest of a delivery otherwise.
func TestWebhookFailsAmongHalves(t *testing.T) {
	for _, test := range []struct {
		name  string
		fails http.HandlerFunc
		maybe bool
	}{
		{"503", webtest.Status(503), false},
		{"500", webtest.Status(500), true},
		{"reset", webtest.Reset, true},
	} {
		d, lines := fifty()
		p := &poison{bad: lines[24], status: 422}
		hook := openHook(t, webtest.Start(t, p.answer, func(n int) http.HandlerFunc {
			if n == 4 { // behind the whole, the first half and the first quarter, which is taken
				return test.fails
			}
			return nil
		}).URL)
		n, err := hook.Deliver(t.Context(), d)
		rest, maybe := errors.AsType[*nodes.RestError](err)
		if n != 12 || err == nil || maybe != test.maybe || maybe && !nodes.Uncertain(rest) ||
			errhandler.Classify(err) != errhandler.Network || len(p.taken) != 12 {
			t.Errorf("%s: %d settled, %v, and %d taken", test.name, n, err, len(p.taken))
		}
	}
}
