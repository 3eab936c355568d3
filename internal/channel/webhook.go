//go:build !js

package channel

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"faultflow/internal/nodes"
	"faultflow/internal/settings"
	"faultflow/internal/web"
)

// maxAnswer is how many bytes of an answer about single records are read.
const maxAnswer = 8 << 20

// webhook delivers each batch by one POST, as lines of JSON or as an array.
type webhook struct {
	name   string
	client *web.Client
	to     *url.URL
	array  bool
}

var webhooks = []kind{{[]string{"https", "http"}, openWebhook}}

func openWebhook(_ context.Context, o settings.Outlet, s *settings.Settings, out Outside) (Real, error) {
	bad := func(problem string) error {
		return &settings.Error{Name: "channel", Value: o.String(), Problem: problem}
	}
	at, format, _ := strings.Cut(o.URL, "#")
	if format != "" && format != settings.FormatNDJSON && format != settings.FormatJSON {
		return nil, bad(fmt.Sprintf("behind # is how records are sent: ndjson (lines, which is the default) or json "+
			"(an array), and not %q", format))
	}
	client, err := web.New("channel", at, o.Name, s, out.Secrets, false)
	if err != nil {
		if wrong, ok := errors.AsType[*settings.Error](err); ok && wrong.Name == "channel" {
			return nil, bad(wrong.Problem)
		}
		return nil, err
	}
	to, err := client.Resolve(nil, "")
	if err != nil {
		return nil, bad(err.Error())
	}
	return &webhook{name: o.Name, client: client, to: to, array: format == settings.FormatJSON}, nil
}

// Name is the channel's name.
func (w *webhook) Name() string { return w.name }

// Idempotent is false: whether whoever answers keeps the keys can't be known.
func (w *webhook) Idempotent() bool { return false }

// Close closes the connections.
func (w *webhook) Close() error {
	w.client.Close()
	return nil
}

// Deliver sends the records in one request. If that is refused for what may be the fault of some of them, each half is
// sent by itself, and so on, so that a record that can't be taken is given up alone.
func (w *webhook) Deliver(ctx context.Context, d nodes.Delivery) (int, error) {
	var refused nodes.RefusedError
	settled, pieces := 0, []piece{{0, len(d.Records)}} // to be sent, the first one last
	for requests := 1; len(pieces) > 0 && refused.Rest == nil; requests++ {
		p := pieces[len(pieces)-1]
		pieces = pieces[:len(pieces)-1]
		n, err := w.send(ctx, p.of(d))
		whole, isWhole := errors.AsType[*wholeError](err)
		some, isSome := errors.AsType[*nodes.RefusedError](err)
		switch {
		case isWhole && slices.Contains(ofSome, whole.code) && p.to-p.from > 1 && requests < mostRequests:
			middle := (p.from + p.to) / 2
			pieces = append(pieces, piece{middle, p.to}, piece{p.from, middle})
			continue
		case isWhole:
			for i := p.from; i < p.to; i++ {
				refused.Refused = append(refused.Refused, nodes.Refusal{Index: i, Reason: whole.Error()})
			}
			n, err = p.to-p.from, nil
		case isSome:
			for _, r := range some.Refused {
				refused.Refused = append(refused.Refused, nodes.Refusal{Index: p.from + r.Index, Reason: r.Reason})
			}
			err = some.Rest
		}
		if settled += n; settled > 0 && n == 0 && (nodes.Uncertain(err) || ctx.Err() != nil) {
			err = &nodes.RestError{Err: err}
		}
		refused.Rest = err
	}
	if len(refused.Refused) == 0 {
		return settled, refused.Rest
	}
	return settled, &refused
}

// piece is the records of a delivery from an index up to another one.
type piece struct{ from, to int }

// of is the piece of a delivery. Its key is its own: whoever keeps keys knows that of the whole, with other records.
func (p piece) of(d nodes.Delivery) nodes.Delivery {
	if p.to-p.from < len(d.Records) {
		d.Key, d.Records = fmt.Sprintf("%s/%d-%d", d.Key, p.from+1, p.to), d.Records[p.from:p.to]
	}
	return d
}

// wholeError is an answer that refuses all records of a request.
type wholeError struct {
	code int
	line string
}

func (e *wholeError) Error() string {
	return fmt.Sprintf("HTTP %d %s", e.code, cmp.Or(e.line, http.StatusText(e.code)))
}

// send sends the records in one request.
func (w *webhook) send(ctx context.Context, d nodes.Delivery) (int, error) {
	kind := "application/x-ndjson"
	if w.array {
		kind = "application/json"
	}
	answer, err := w.client.Do(ctx, "POST", w.to, w.body(d), map[string]string{
		"Content-Type":    kind,
		"Accept":          "application/json",
		"Idempotency-Key": d.Key,
	})
	if err != nil {
		return 0, err
	}
	switch code := answer.StatusCode; {
	case code == 207, code/100 == 2 && isJSON(answer):
		defer answer.Body.Close()
		return settled(answer, len(d.Records))
	case code/100 == 2, code == 409: // of which the latter says that the key was there before
		web.Discard(answer)
		return len(d.Records), nil
	case code/100 == 4 && !slices.Contains(ofChannel, code):
		defer answer.Body.Close()
		return 0, &wholeError{code, web.FirstLine(answer)}
	}
	return 0, web.StatusError(answer)
}

// ofChannel are the answers of 4xx that are about who asks for what, and when, and not about the records: the same ones
// can be taken by another channel, or later.
var ofChannel = append([]int{
	401, 403, 407, // no one is let in like that
	404, 405, 410, // there is nothing that takes records, or not any more
}, web.NotNow...)

// ofSome are the answers of 4xx that can be about some of the records alone, or about how many they are.
var ofSome = []int{400, 413, 422}

// mostRequests bounds those of a delivery: of 50 records each can be refused by itself, and of thousands some. What is
// refused behind it is given up as it was sent.
const mostRequests = 200

func (w *webhook) body(d nodes.Delivery) []byte {
	var b []byte
	for i := range d.Records {
		switch {
		case w.array && i == 0:
			b = append(b, "[\n"...)
		case w.array:
			b = append(b, ",\n"...)
		}
		b = d.Records[i].AppendJSON(b)
		if !w.array {
			b = append(b, '\n')
		}
	}
	if w.array {
		b = append(b, "\n]\n"...)
	}
	return b
}

func isJSON(answer *http.Response) bool {
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	return kind == "application/json"
}

// settled reads what an answer says of single records:
//
//	{"records": [{"status": 201}, {"status": 422, "error": "no such city"}, …]}
//
// They are in the order of the request. 2xx and 409 are taken, a 4xx that is about the record is refused. The first
// other one, and all behind it, were not taken; neither were those that a shorter list leaves out. An answer of 2xx
// without such a list took them all.
func settled(answer *http.Response, sent int) (int, error) {
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil { // they may have been taken
		return 0, &nodes.AckError{Err: err}
	}
	var told struct {
		Records []struct {
			Status int    `json:"status"`
			Error  string `json:"error"`
		} `json:"records"`
	}
	switch err := json.Unmarshal(text, &told); {
	case len(text) > maxAnswer:
		return 0, &nodes.AckError{Err: fmt.Errorf("the answer is longer than %d MiB", maxAnswer>>20)}
	case told.Records == nil && answer.StatusCode != 207:
		return sent, nil
	case err != nil:
		return 0, &nodes.AckError{Err: fmt.Errorf("what it says of the records can't be read: %w", err)}
	case told.Records == nil:
		return 0, &nodes.AckError{Err: errors.New("HTTP 207 without a list of records")}
	case len(told.Records) > sent:
		return 0, &nodes.AckError{Err: fmt.Errorf("it tells of %d records, and %d were sent", len(told.Records), sent)}
	}
	var refused nodes.RefusedError
	n := 0
	for ; n < len(told.Records); n++ {
		r := told.Records[n]
		if r.Status/100 != 2 && r.Status/100 != 4 || slices.Contains(ofChannel, r.Status) {
			refused.Rest = &nodes.StatusError{
				Code:   r.Status,
				Status: cmp.Or(web.Line(r.Error), http.StatusText(r.Status)),
				Wait:   web.RetryAfter(answer),
			}
			break
		}
		if r.Status/100 == 4 && r.Status != 409 {
			reason := fmt.Sprintf("HTTP %d %s", r.Status, cmp.Or(web.Line(r.Error), http.StatusText(r.Status)))
			refused.Refused = append(refused.Refused, nodes.Refusal{Index: n, Reason: reason})
		}
	}
	if n < sent && refused.Rest == nil {
		refused.Rest = fmt.Errorf("%w: it tells of %d of %d records", nodes.ErrPartial, n, sent)
	}
	if len(refused.Refused) == 0 {
		return n, refused.Rest
	}
	return n, &refused
}
