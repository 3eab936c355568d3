// Package web is the client of real ends by HTTP. It makes one request at a time: policies are around it, not in it.
package web

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"faultflow/internal/errhandler"
	"faultflow/internal/nodes"
	"faultflow/internal/secret"
	"faultflow/internal/settings"
)

const (
	maxRedirects = 10
	// maxWait is the longest Retry-After that is believed.
	maxWait = 24 * time.Hour
	// maxLine is how much of an answer's first line is kept, maxRest how much of a body that nobody reads is taken in,
	// so that its connection can be used again.
	maxLine, maxRest = 200, 64 << 10
)

// Client sends the requests of one end. What lets it in, which is the user information of its URL and the headers of
// the settings, goes to the end's own scheme, host and port only.
type Client struct {
	http *http.Client
	// end is the URL of the end, without user information and fragment.
	end     *url.URL
	headers http.Header
}

// New returns the client of an end, which is settings.InputEnd or a channel's name. Its URL is that of a setting. Where
// follows is false, a redirect is an answer like others. The error is a *settings.Error.
func New(setting, text, end string, s *settings.Settings, secrets *secret.Secrets, follows bool) (*Client, error) {
	expanded, err := secrets.ExpandURL(setting, text)
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(expanded)
	if err != nil || at.Host == "" {
		return nil, &settings.Error{
			Name:    setting,
			Value:   text,
			Problem: "want a URL such as https://api.example.com/records",
		}
	}
	c := &Client{headers: http.Header{"User-Agent": {"faultflow"}}, end: at}
	if user := at.User; user != nil {
		password, _ := user.Password()
		basic := http.Request{Header: c.headers}
		basic.SetBasicAuth(user.Username(), password)
		at.User = nil
	}
	at.Fragment = ""
	for _, h := range s.Headers {
		if h.End != end {
			continue
		}
		value, err := secrets.Expand("header", h.Value)
		if err != nil {
			return nil, err
		}
		c.headers.Add(h.Name, value)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true // what comes is taken for what it is, whoever compressed it
	c.http = &http.Client{Transport: transport, CheckRedirect: c.redirected}
	if !follows {
		c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return c, nil
}

// redirected bounds redirects, and takes what lets the client in off a request that goes elsewhere.
func (c *Client) redirected(r *http.Request, before []*http.Request) error {
	if len(before) > maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	r.Header.Del("Referer") // which could hold a secret of the URL
	if !c.own(r.URL) {
		for name := range c.headers {
			r.Header.Del(name)
		}
	}
	return nil
}

// own tells whether a URL has the end's scheme, host and port.
func (c *Client) own(u *url.URL) bool {
	return u.Scheme == c.end.Scheme && strings.EqualFold(u.Hostname(), c.end.Hostname()) && port(u) == port(c.end)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// Resolve is the URL that a reference means where it stands, in an answer to a request of base; "" is the end's own.
func (c *Client) Resolve(base *url.URL, reference string) (*url.URL, error) {
	if base == nil {
		base = c.end
	}
	u, err := base.Parse(reference)
	if err == nil && (u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		err = errors.New("it is no URL of http or https")
	}
	if err != nil {
		return nil, errhandler.As(errhandler.Data, fmt.Errorf("%q: %w", reference, bare(err)))
	}
	u.Fragment = ""
	return u, nil
}

// Do sends a request and returns the answer, whatever it is, as soon as its head is there. The caller closes its body.
// An answer that does not come is an error of class Network, unless the machine itself is at fault.
func (c *Client) Do(
	ctx context.Context,
	method string,
	to *url.URL,
	body []byte,
	headers map[string]string,
) (*http.Response, error) {
	r := (&http.Request{Method: method, URL: to, Host: to.Host, Header: http.Header{}}).WithContext(ctx)
	if c.own(to) {
		r.Header = c.headers.Clone()
	}
	for name, value := range headers {
		if r.Header.Get(name) == "" { // the settings' own win
			r.Header.Set(name, value)
		}
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	if body != nil { // without GetBody: what was sent once is sent again by a policy, or not at all
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, failure(err)
	}
	return answer, nil
}

// Close closes the connections that are open and not used.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// failure is an error of the library without the URL, which those who read it know.
func failure(err error) error {
	err = bare(err)
	switch {
	case errors.Is(err, io.EOF): // which would be the end of an input
		return errhandler.As(errhandler.Network,
			fmt.Errorf("the connection was closed without an answer: %w", io.ErrUnexpectedEOF))
	case errhandler.Classify(err) == errhandler.Internal: // such as one of TLS
		return errhandler.As(errhandler.Network, err)
	}
	return err
}

func bare(err error) error {
	if within, ok := errors.AsType[*url.Error](err); ok {
		return within.Err
	}
	return err
}

// Discard closes the body of an answer that nobody reads.
func Discard(answer *http.Response) {
	_, _ = io.CopyN(io.Discard, answer.Body, maxRest) // an error here says nothing about the answer
	_ = answer.Body.Close()
}

// NotNow are the answers of 4xx that are about the moment: the same request can be answered otherwise later.
var NotNow = []int{408, 421, 425, 429}

// StatusError is what an answer that is no success means. It closes the answer's body.
func StatusError(answer *http.Response) error {
	defer answer.Body.Close()
	status := http.StatusText(answer.StatusCode)
	if where := answer.Header.Get("Location"); where != "" && answer.StatusCode/100 == 3 {
		status += ", to " + Line(where)
	} else if line := FirstLine(answer); line != "" {
		status += ": " + line
	}
	return &nodes.StatusError{
		Code:   answer.StatusCode,
		Status: status,
		Wait:   RetryAfter(answer),
	}
}

// RetryAfter is how long an answer asks to wait, at most a day; 0 where it asks nothing.
func RetryAfter(answer *http.Response) time.Duration {
	return retryAfter(answer.Header.Get("Retry-After"), time.Now())
}

// retryAfter is how long an answer asks to wait, in seconds or until a time.
func retryAfter(text string, now time.Time) time.Duration {
	text = strings.TrimSpace(text)
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxWait)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(0, at.Sub(now)), maxWait)
	}
	return 0
}

// FirstLine is the first line of an answer's body that is not blank, bounded, without control characters; "" for a page
// of HTML, whose first line says nothing.
func FirstLine(answer *http.Response) string {
	lines := bufio.NewScanner(io.LimitReader(answer.Body, maxRest))
	for lines.Scan() {
		if line := Line(lines.Text()); line != "" {
			if line[0] == '<' {
				return ""
			}
			return line
		}
	}
	return ""
}

// Line is a text of an answer in one line that is not too long, without control characters.
func Line(text string) string {
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd")))
	if len(text) > maxLine {
		text = strings.ToValidUTF8(text[:maxLine], "") + "…"
	}
	return text
}
