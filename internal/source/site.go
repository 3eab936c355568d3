//go:build !js

package source

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/url"
	"slices"
	"strings"

	"faultflow/internal/errhandler"
	"faultflow/internal/object"
	"faultflow/internal/secret"
	"faultflow/internal/settings"
	"faultflow/internal/web"
)

const (
	// maxPage is how many bytes an answer may have, decompressed; maxNamed is that of one which names the next page,
	// and is kept in memory.
	maxPage, maxNamed = 1 << 30, 64 << 20
	// maxEmptyPages is how many pages in a row may have no rows.
	maxEmptyPages = 100
)

// site is an input by HTTP: one answer, or pages, each of which names the next. It begins anew at the page that failed.
type site struct {
	settings *settings.Settings
	name     string
	client   *web.Client
	// checked is what a health check asks.
	checked *url.URL
	// most is maxPage, but in tests.
	most int64

	// at is the page to read. So many rows come before it, and directly before it so many pages without rows.
	at     *url.URL
	passed int64
	empty  int
	// seen are the pages that were there, at included.
	seen map[string]bool
	// called and header are the format and the columns of the first page; the others have the same.
	called string
	header []string
}

// openSite makes an origin of an input by HTTP. It asks for nothing yet.
func openSite(s *settings.Settings, secrets *secret.Secrets) (string, origin, error) {
	client, err := web.New("input", s.Input, settings.InputEnd, s, secrets, true)
	if err != nil {
		return "", nil, err
	}
	at, err := client.Resolve(nil, "")
	if err != nil {
		return "", nil, &settings.Error{Name: "input", Value: s.Input, Problem: err.Error()}
	}
	w := &site{
		settings: s,
		name:     siteName(s.Input),
		client:   client,
		checked:  at,
		most:     maxPage,
		at:       at,
		seen:     map[string]bool{at.String(): true},
	}
	if s.HealthURL == "" {
		return w.name, w, nil
	}
	expanded, err := secrets.ExpandURL("health-url", s.HealthURL)
	if err != nil {
		return "", nil, err
	}
	if w.checked, err = client.Resolve(nil, expanded); err != nil {
		return "", nil, &settings.Error{Name: "health-url", Value: s.HealthURL, Problem: err.Error()}
	}
	return w.name, w, nil
}

// siteName is the host and the path of a URL as it is written, without what may be a secret.
func siteName(text string) string {
	_, rest, _ := strings.Cut(text, "://")
	if end := strings.IndexAny(rest, "?#"); end >= 0 {
		rest = rest[:end]
	}
	host, where, _ := strings.Cut(rest, "/")
	host = host[strings.LastIndex(host, "@")+1:]
	return strings.TrimSuffix(host+"/"+where, "/")
}

func (w *site) live() bool    { return false }
func (w *site) repeats() bool { return true }

// Close closes the connections.
func (w *site) Close() error {
	w.client.Close()
	return nil
}

// health asks for the head of what a health check asks. Where that is not to be had, the answer itself has to do.
func (w *site) health(ctx context.Context) error {
	answer, err := w.client.Do(ctx, "HEAD", w.checked, nil, nil)
	if err == nil && (answer.StatusCode == 405 || answer.StatusCode == 501) {
		_ = answer.Body.Close() // it is empty
		answer, err = w.client.Do(ctx, "GET", w.checked, nil, nil)
	}
	if err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		return web.StatusError(answer)
	}
	_ = answer.Body.Close() // nobody reads it
	return nil
}

func (w *site) open(ctx context.Context, _ *settings.Settings, waits func(bool) error) (rows, error) {
	p := &pages{site: w, ctx: ctx, waits: waits, first: w.passed}
	if err := p.request(); err != nil {
		return nil, err
	}
	return p, nil
}

// pages are the rows of a site, page after page.
type pages struct {
	*site
	ctx   context.Context
	waits func(begins bool) error
	// first is how many rows come before these.
	first int64

	page *text
	// behind is the page behind this one, nil behind the last; count is of the rows of this page.
	behind *url.URL
	count  int64
	// err ended the reading.
	err error
}

func (p *pages) before() int64                { return p.first }
func (p *pages) format() string               { return cmp.Or(p.called, p.page.called) }
func (p *pages) columns() []string            { return p.header }
func (p *pages) object(r row) (string, error) { return p.page.object(r) }
func (p *pages) close() error                 { return p.page.close() }

// next returns the next row. Its place is its ordinal alone: lines and bytes would be those of a page.
func (p *pages) next() (row, error) {
	for p.err == nil {
		r, err := p.page.next()
		if err == nil {
			p.count++
			r.line, r.offset = 0, 0
			return r, nil
		}
		if p.err = err; err == io.EOF {
			p.err = p.turn()
		}
	}
	return row{}, p.err
}

// turn goes to the next page. Its error is io.EOF behind the last one.
func (p *pages) turn() error {
	_ = p.page.close() // of reading: nothing can be lost
	if p.behind == nil {
		return io.EOF
	}
	p.empty++
	if p.count > 0 {
		p.empty = 0
	}
	where := p.behind.String()
	switch {
	case p.empty > maxEmptyPages:
		return bad("more than %d pages in a row are empty", maxEmptyPages)
	case p.seen[where]:
		return bad("the pages go round in a circle: %s comes again", where)
	}
	p.seen[where] = true
	p.passed += p.count
	p.at, p.count = p.behind, 0
	return p.request()
}

// request asks for the page. What was read before is not held back by it.
func (p *pages) request() error {
	if err := p.waits(true); err != nil {
		return err
	}
	answer, err := p.client.Do(p.ctx, "GET", p.at, nil, map[string]string{
		"Accept":          "application/json, application/x-ndjson, text/csv, text/tab-separated-values, */*;q=0.5",
		"Accept-Encoding": "gzip, zstd",
	})
	if err != nil {
		return err
	}
	switch code := answer.StatusCode; {
	case code/100 == 4 && !slices.Contains(web.NotNow, code):
		return errhandler.Lasting(fmt.Errorf("%s: %w", p.at.Redacted(), web.StatusError(answer)))
	case code/100 != 2:
		return web.StatusError(answer)
	}
	page := &text{closers: []func() error{answer.Body.Close}}
	encoding, kind := answer.Header.Get("Content-Encoding"), answer.Header.Get("Content-Type")
	named, err := p.read(page, encoding, kind, &waiting{answer.Body, p.waits})
	if p.settings.Next == "" {
		named = web.Next(answer)
	}
	p.behind = nil
	if err == nil && named != "" {
		p.behind, err = p.client.Resolve(answer.Request.URL, named)
	}
	if err != nil {
		_ = page.close() // of reading: nothing can be lost
		return err
	}
	p.page = page
	return nil
}

// read makes a page of an answer's body. It returns the next page's URL that is in it, if it is to be there.
func (p *pages) read(page *text, encoding, kind string, body io.Reader) (named string, err error) {
	if encoding = strings.ToLower(encoding); encoding != "" && encoding != "identity" {
		if !slices.Contains([]string{"gzip", "x-gzip", "zstd"}, encoding) {
			return "", bad("the answer is encoded as %q; gzip and zstd can be read", encoding)
		}
		if body, err = page.decompress(body); err != nil {
			return "", err
		}
	}
	if body, err = page.decompress(body); err != nil { // a file that is compressed
		return "", err
	}
	l := newLines(&bounded{body, p.most})
	first, err := l.firstByte()
	if err != nil && err != io.EOF && !errors.Is(err, errUTF16) {
		return "", err
	}
	kind, _, _ = mime.ParseMediaType(kind)
	if first == '<' && (strings.HasSuffix(kind, "html") || strings.HasSuffix(kind, "xml")) {
		return "", bad("the answer is %s and no records; it may be a page to log in, or one about an error", kind)
	}
	if first == 0 && err == io.EOF { // an empty page is fine in any format
		page.called, page.splitter = cmp.Or(p.settings.InputFormat, settings.FormatNDJSON), &jsonLines{l}
		return "", nil
	}
	if p.settings.Next != "" {
		if named, l, err = nextOf(l, p.settings.Next); err != nil {
			return "", err
		}
	}
	name := strings.TrimSuffix(strings.TrimSuffix(p.name, ".gz"), ".zst")
	if guessFormat(name, 0xff) == "" {
		name += extensions[kind]
		if strings.HasSuffix(kind, "+json") {
			name += ".json"
		}
	}
	if err := page.split(p.settings, name, l); err != nil {
		if wrong, ok := errors.AsType[*settings.Error](err); ok && p.called != "" { // the settings fit the first page
			err = bad("%s: %s", wrong.Name, wrong.Problem)
		}
		return "", err
	}
	switch {
	case p.called == "":
		p.called, p.header = page.called, page.header
	case page.called != p.called:
		return "", bad("a page is %s, and those before are %s", page.called, p.called)
	case !slices.Equal(page.header, p.header):
		return "", bad("a page has the columns %s, and those before have %s",
			strings.Join(page.header, ", "), strings.Join(p.header, ", "))
	}
	return named, nil
}

// bad is what an answer is at fault for.
func bad(format string, args ...any) error {
	return errhandler.As(errhandler.Data, fmt.Errorf(format, args...))
}

// extensions are the file name's extensions that kinds of content are worth.
var extensions = map[string]string{
	"application/json":          ".json",
	"text/json":                 ".json",
	"application/x-ndjson":      ".ndjson",
	"application/ndjson":        ".ndjson",
	"application/jsonl":         ".ndjson",
	"application/x-jsonlines":   ".ndjson",
	"application/jsonlines":     ".ndjson",
	"text/csv":                  ".csv",
	"text/tab-separated-values": ".tsv",
}

// nextOf reads a page whole. It returns what a field of it has as the next page, "" for none, and the page's lines.
func nextOf(l *lines, field string) (string, *lines, error) {
	whole, err := io.ReadAll(io.LimitReader(l.in, maxNamed+1))
	if err != nil {
		return "", nil, err
	}
	if len(whole) > maxNamed {
		return "", nil, bad("a page whose field %s names the next one is longer than %d MiB", field, maxNamed>>20)
	}
	if err := object.Check(whole); err != nil {
		return "", nil, bad("a page whose field %s would name the next one is %w", field, err)
	}
	l = newLines(bytes.NewReader(whole))
	switch value := object.Path(string(whole), field); {
	case value == "", value == "null", value == "false":
		return "", l, nil
	case value[0] == '"':
		return object.Plain(value), l, nil
	default:
		return "", nil, bad("the field %s should be the next page's URL, and is %s", field, quote(value))
	}
}

// bounded is the text of an answer, up to so many bytes.
type bounded struct {
	in   io.Reader
	left int64
}

func (b *bounded) Read(into []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooMuch
	}
	n, err := b.in.Read(into[:min(int64(len(into)), b.left)])
	b.left -= int64(n)
	return n, err
}

var errTooMuch = bad("the answer has more than %d GiB, decompressed; if that is as it should be, save it as a file, "+
	"and read that", maxPage>>30)
