package source

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"faultflow/internal/errhandler"
	"faultflow/internal/nodes"
	"faultflow/internal/secret"
	"faultflow/internal/settings"
	"faultflow/internal/webtest"
)

// openURL opens an input by HTTP. It must not leave a goroutine behind.
func openURL(t *testing.T, s settings.Settings) *Input {
	t.Helper()
	in, err := Open(t.Context(), s, nil, secret.New(nil), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(in.Close)
	return in
}

// fetch fetches within a limit that no test waits for, unless something hangs.
func fetch(in *Input, n int, limit time.Duration) (nodes.Batch, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return in.Fetch(ctx, n)
}

// ids fetches to the end, through failures, which it tells of.
func ids(t *testing.T, in *Input, n int) (ids []string, failures []error) {
	t.Helper()
	for {
		b, err := fetch(in, n, 10*time.Second)
		for _, r := range b.Records {
			ids = append(ids, r.ID)
		}
		for _, r := range b.Rejected {
			ids = append(ids, "!"+r.Reason)
		}
		if err == io.EOF {
			return ids, failures
		}
		if err != nil {
			if failures = append(failures, err); len(failures) > 100 {
				t.Fatalf("it goes on failing: %v", err)
			}
		}
	}
}

// numbers are the ids from first to last.
func numbers(first, last int) (list []string) {
	for i := first; i <= last; i++ {
		list = append(list, strconv.Itoa(i))
	}
	return list
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, text)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func packed(t *testing.T, text string) string {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(z.EncodeAll([]byte(text), nil))
}

// answers is a handler that answers with one body, and headers such as "Content-Type: text/csv".
func answers(body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		webtest.Status(200, headers...)(w, r)
		io.WriteString(w, body)
	}
}

// Formats are told by the setting, the URL, the kind of content or the beginning, in this order, and what is compressed
// is read, whether the answer says so or the file is.
func TestAnswersInEachFormat(t *testing.T) {
	none := settings.Settings{}
	array, lines, table := `[{"id":1},{"id":2}]`, "{\"id\":1}\n{\"id\":2}\n", "id,a\n1,x\n2,y\n"
	for _, test := range []struct {
		path, body string
		headers    []string
		format     string
		settings   settings.Settings
	}{
		{"/a", array, []string{"Content-Type: application/json"}, settings.FormatJSON, none},
		{"/a", lines, []string{"Content-Type: application/x-ndjson; charset=utf-8"}, settings.FormatNDJSON, none},
		{"/a", table, []string{"Content-Type: text/csv"}, settings.FormatCSV, none},
		{"/a", strings.ReplaceAll(table, ",", "\t"), []string{"Content-Type: text/tab-separated-values"},
			settings.FormatTSV, none},
		{"/a.csv?x=1.json", table, []string{"Content-Type: text/plain"}, settings.FormatCSV, none},
		{"/a", array, []string{"Content-Type: text/html"}, settings.FormatJSON, none}, // as careless servers say
		{"/a", table, []string{"Content-Type: application/octet-stream"}, settings.FormatCSV,
			settings.Settings{InputFormat: settings.FormatCSV}},
		{"/a", `{"items":{"list":` + array + `},"n":2}`, []string{"Content-Type: application/hal+json"},
			settings.FormatJSON, settings.Settings{Records: "items.list"}},
		{"/a", zipped(t, array), []string{"Content-Type: application/json", "Content-Encoding: gzip"},
			settings.FormatJSON, none},
		{"/a", packed(t, array), []string{"Content-Type: application/json", "Content-Encoding: zstd"},
			settings.FormatJSON, none},
		{"/a.csv.gz", zipped(t, table), []string{"Content-Type: application/gzip"}, settings.FormatCSV, none},
		{"/a.csv.zst", packed(t, table), nil, settings.FormatCSV, none},
		{"/a.csv.gz", zipped(t, zipped(t, table)), []string{"Content-Encoding: gzip"}, settings.FormatCSV, none},
		{"/a", "", []string{"Content-Type: application/json"}, settings.FormatNDJSON, none},
	} {
		server := webtest.Start(t, answers(test.body, test.headers...), nil)
		s := test.settings
		s.Input = server.URL + test.path
		in := openURL(t, s)
		want := numbers(1, 2)
		if test.body == "" {
			want = nil
		}
		if got, failures := ids(t, in, 10); !slices.Equal(got, want) || failures != nil {
			t.Errorf("%s, %q: %q, %v", test.path, test.headers, got, failures)
		}
		in.Close()
		name := strings.TrimPrefix(server.URL, "http://") + strings.Split(test.path, "?")[0]
		if in.Format() != test.format || in.Name() != name {
			t.Errorf("%s, %q: %s as %s, want %s", test.path, test.headers, in.Name(), in.Format(), test.format)
		}
	}
}

// paged answers with pages of so many rows each, of 1 to last, which name the next by a Link header or a field.
func paged(last, each int, byField bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.FormValue("page"))
		page = max(page, 1)
		var rows []string
		for i := (page-1)*each + 1; i <= min(page*each, last); i++ {
			rows = append(rows, fmt.Sprintf(`{"id":%d}`, i))
		}
		list, next := "["+strings.Join(rows, ",\n")+"]", ""
		if page*each < last {
			next = fmt.Sprintf("?page=%d", page+1)
		}
		w.Header().Set("Content-Type", "application/json")
		if !byField {
			if next != "" {
				w.Header().Set("Link", fmt.Sprintf(`<%s>; rel="next"`, next))
			}
			io.WriteString(w, list)
			return
		}
		fmt.Fprintf(w, `{"data":%s,"links":{"next":%q}}`, list, next)
	}
}

// Whatever breaks on the way, each row of all pages comes once and in order, and no more pages are asked for again than
// those that failed: an API that fails at every third request would else never be read to its end.
func TestPagesGoOnWhereTheyFailed(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	const last, each, pages = 95, 10, 10
	for _, byField := range []bool{false, true} {
		answer := paged(last, each, byField)
		for name, fault := range map[string]http.HandlerFunc{
			"503":    webtest.Status(503, "Retry-After: 1"),
			"reset":  webtest.Reset,
			"closed": webtest.Close,
			"cut":    webtest.Cut(45, answer), // behind the fourth row
		} {
			for _, n := range []int{1, 7, 1000} {
				server := webtest.Start(t, answer, func(call int) http.HandlerFunc {
					if call%3 == 0 {
						return fault
					}
					return nil
				})
				s := settings.Settings{Input: server.URL, BatchWait: time.Second}
				if byField {
					s.Records, s.Next = "data", "links.next"
				}
				in := openURL(t, s)
				got, failures := ids(t, in, n)
				if !slices.Equal(got, numbers(1, last)) {
					t.Errorf("%s, by field %t, %d at a time: %q", name, byField, n, got)
				}
				if requests := len(server.Requests()); requests != pages+len(failures) || len(failures) != 4 {
					t.Errorf("%s, by field %t, %d at a time: %d requests for %d pages and %d failures",
						name, byField, n, requests, pages, len(failures))
				}
				status, _ := errors.AsType[*nodes.StatusError](failures[0])
				if name == "503" && (status == nil || status.RetryAfter() != time.Second) {
					t.Errorf("%v does not say how long to wait", failures[0])
				}
				in.Close()
				server.Close()
			}
		}
	}
}

// Only pages in a row count as empty: a long list of short pages ends where it ends.
func TestManyPages(t *testing.T) {
	server := webtest.Start(t, paged(150, 1, false), nil)
	got, failures := ids(t, openURL(t, settings.Settings{Input: server.URL, BatchWait: time.Second}), 50)
	if !slices.Equal(got, numbers(1, 150)) || failures != nil {
		t.Errorf("%d rows, %v", len(got), failures)
	}
}

// What is there of a page is handed on while the rest of it hangs; the fetch that gets nothing hangs up at its limit,
// and the next one reads on behind the last row.
func TestReadingGoesOnBehindWhatHangs(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	server := webtest.Start(t, answers("{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n"), webtest.First(2,
		func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "{\"id\":1}\n{\"id\":2}\n{\"id\":")
			http.NewResponseController(w).Flush()
			webtest.Hang(w, r)
		}))
	defer server.Close()
	in := openURL(t, settings.Settings{Input: server.URL + "/a.ndjson", BatchWait: time.Millisecond})
	defer in.Close()
	if b, err := fetch(in, 10, 10*time.Second); b.Len() != 2 || err != nil || !b.Short {
		t.Fatalf("%d rows, %v", b.Len(), err)
	}
	for range 2 {
		if b, err := fetch(in, 10, 20*time.Millisecond); b.Len() != 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%d rows, %v", b.Len(), err)
		}
	}
	if b, err := fetch(in, 10, 10*time.Second); b.Len() != 1 || b.Records[0].ID != "3" || b.Records[0].Row != 3 {
		t.Errorf("%+v, %v", b.Records, err)
	}
}

// An answer that is no list of records says what it is.
func TestAnswersThatAreNoRecords(t *testing.T) {
	endless := func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(bytes.Repeat([]byte("\n"), 1<<16)); err != nil {
				return
			}
		}
	}
	bomb := zipped(t, strings.Repeat(" ", 8<<20))
	around := func(w http.ResponseWriter, r *http.Request) {
		next := fmt.Sprintf("Link: <?page=%d>; rel=next", len(r.FormValue("page"))%3)
		answers("[]", next, "Content-Type: application/json")(w, r)
	}
	page := 0
	empty := func(w http.ResponseWriter, r *http.Request) {
		page++
		answers("[]", fmt.Sprintf(`Link: <?page=%d>; rel=next`, page), "Content-Type: application/json")(w, r)
	}
	changing := func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("page") == "" {
			answers("id,a\n1,2\n", "Link: <?page=2>; rel=next", "Content-Type: text/csv")(w, r)
			return
		}
		answers("id,b\n1,2\n", "Content-Type: text/csv")(w, r)
	}
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		class  errhandler.Class
		says   string
	}{
		{"a page to log in", answers("\n<!doctype html>", "Content-Type: text/html; charset=utf-8"), errhandler.Data,
			"the answer is text/html and no records; it may be a page to log in"},
		{"a gzip bomb", answers(bomb, "Content-Encoding: gzip"), errhandler.Data,
			"the answer has more than 1 GiB, decompressed"},
		{"an endless body", endless, errhandler.Data, "the answer has more than 1 GiB, decompressed"},
		{"pages in a circle", around, errhandler.Data, "comes again"},
		{"empty pages", empty, errhandler.Data, "more than 100 pages in a row are empty"},
		{"a page of another kind", changing, errhandler.Data,
			"a page has the columns id, b, and those before have id, a"},
		{"an unknown encoding", answers("x", "Content-Encoding: br"), errhandler.Data, `the answer is encoded as "br"`},
		{"a next page elsewhere", answers("[]", "Link: <file:///etc/passwd>; rel=next"), errhandler.Data,
			"it is no URL of http or https"},
		{"not there", webtest.Status(404), errhandler.Network, "HTTP 404 Not Found"},
		{"reset", webtest.Reset, errhandler.Network, "connection reset by peer"},
		{"cut in the list", webtest.Cut(8, answers(`{"a": {"b": [1]}}`)), errhandler.Data, "unexpected EOF"},
	} {
		server := webtest.Start(t, test.answer, nil)
		s := settings.Settings{Input: server.URL}
		if test.name == "cut in the list" {
			s.Records = "a.b"
		}
		in := openURL(t, s)
		in.origin.(*site).most = 4 << 20
		var err error
		for range 3 { // the rows before come first
			if _, err = fetch(in, 10, 10*time.Second); err != nil {
				break
			}
		}
		if err == nil || !strings.Contains(err.Error(), test.says) || errhandler.Classify(err) != test.class ||
			in.Refused() != nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, of class %s", test.name, err, errhandler.Classify(err))
		}
	}
}

// An answer that asks for another request, and not for the same one later, ends the reading: the page is asked for
// once, however often rows are. It says which page that was. What comes before it was handed on.
func TestAnswersThatNoAttemptMends(t *testing.T) {
	for _, test := range []struct {
		code    int
		lasting bool
	}{
		{400, true}, {401, true}, {403, true}, {404, true}, {410, true}, {451, true},
		{408, false}, {421, false}, {425, false}, {429, false}, {500, false}, {503, false},
	} {
		server := webtest.Start(t, func(w http.ResponseWriter, r *http.Request) {
			if r.FormValue("page") == "2" {
				http.Error(w, "\nno such page\nat all", test.code)
				return
			}
			paged(30, 10, false)(w, r)
		}, nil)
		in := openURL(t, settings.Settings{Input: server.URL + "/a?token=x", BatchWait: time.Second})
		if b, err := fetch(in, 50, 10*time.Second); b.Len() != 10 || err != nil || in.Lost() != nil {
			t.Fatalf("%d: %d rows, %v, lost: %v", test.code, b.Len(), err, in.Lost())
		}
		requests := 1
		for range 3 {
			if requests++; requests > 2 && test.lasting {
				requests = 2
			}
			_, err := fetch(in, 50, 10*time.Second)
			says := fmt.Sprintf("HTTP %d %s: no such page", test.code, http.StatusText(test.code))
			if test.lasting {
				says = fmt.Sprintf("input %s: %s/a?page=2: %s", in.Name(), server.URL, says)
			}
			if err == nil || !strings.HasSuffix(err.Error(), says) || errhandler.Classify(err) != errhandler.Network {
				t.Errorf("%v, of class %s, want %s", err, errhandler.Classify(err), says)
			}
			if (in.Lost() != nil) != test.lasting || errors.Is(err, errhandler.ErrLasting) != test.lasting ||
				len(server.Requests()) != requests {
				t.Errorf("%d: lost: %v, after %d requests", test.code, in.Lost(), len(server.Requests()))
			}
		}
	}
}

// Settings that do not fit what the URL answers can't be made to by another attempt: the fetch is not tried again.
func TestSettingsThatDoNotFitTheAnswer(t *testing.T) {
	server := webtest.Start(t, answers(`[{"id":1}]`, "Content-Type: application/json"), nil)
	in := openURL(t, settings.Settings{Input: server.URL, IDField: "code"})
	for range 2 {
		_, err := fetch(in, 10, 10*time.Second)
		bad, _ := errors.AsType[*settings.Error](err)
		if bad == nil || bad.Name != "id-field" || !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
	if in.Refused() == nil || len(server.Requests()) != 1 {
		t.Errorf("refused: %v, after %d requests", in.Refused(), len(server.Requests()))
	}
	for _, wrong := range []settings.Settings{
		{Input: "https:///nobody"}, {Input: "ftp://host/a"}, {Input: "https://host:port/"}, {Input: "https://${NONE}/"},
		{Input: server.URL, HealthURL: "ftp://host"},
		{Input: server.URL, Headers: []settings.Header{{End: "input", Name: "A", Value: "${NONE}"}}},
	} {
		if _, err := Open(t.Context(), wrong, nil, secret.New(nil), 0); !errors.As(err, new(*settings.Error)) {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
}

// The health check asks for no more than a head, and for an answer where that is not to be had. It asks in any case: a
// server that failed may be back.
func TestHealthByHTTP(t *testing.T) {
	var methods []string
	status := map[string]int{}
	server := webtest.Start(t, func(w http.ResponseWriter, r *http.Request) {
		methods = append(methods, r.Method+r.URL.Path)
		w.WriteHeader(status[r.Method])
	}, nil)
	for _, test := range []struct {
		url        string
		head, get  int
		want, says string
	}{
		{"", 200, 0, "HEAD/a", ""},
		{"", 503, 0, "HEAD/a", "HTTP 503 Service Unavailable"},
		{"", 405, 200, "HEAD/a GET/a", ""},
		{"", 501, 500, "HEAD/a GET/a", "HTTP 500 Internal Server Error"},
		{"/health", 200, 0, "HEAD/health", ""},
	} {
		methods = nil
		status["HEAD"], status["GET"] = test.head, test.get
		in := openURL(t, settings.Settings{Input: server.URL + "/a", HealthURL: test.url})
		err := in.Health(t.Context())
		if got := strings.Join(methods, " "); got != test.want || (err == nil) != (test.says == "") ||
			err != nil && err.Error() != test.says {
			t.Errorf("%+v: %s, %v", test, got, err)
		}
	}
	back := webtest.Start(t, answers("[]"), webtest.First(1, webtest.Reset))
	in := openURL(t, settings.Settings{Input: back.URL})
	if _, err := fetch(in, 1, 10*time.Second); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatal(err)
	}
	if err := in.Health(t.Context()); err != nil {
		t.Errorf("a server that is back: %v", err)
	}
}
