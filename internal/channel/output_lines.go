package channel

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"time"

	"faultflow/internal/nodes"
)

// outputLines makes the lines of an Output's files in a buffer that it reuses: a line is valid until the next one.
// Lines are as encoding/json would print them without HTML escaping. Numbers that JSON can't express (NaN, the
// infinities) and times that RFC 3339 can't (years beyond 9999 or before 0) are null.
type outputLines struct {
	line []byte
	// tail ends each line of a delivery.
	tail []byte

	// text and quote take strings that need escaping.
	text  bytes.Buffer
	quote *json.Encoder
}

// begin prepares for the records of a delivery with the given key; channel may be nil.
func (l *outputLines) begin(channel *string, key string) {
	b := l.tail[:0]
	if channel != nil {
		b = l.string(append(b, `,"channel":`...), *channel)
	}
	b = l.string(append(b, `,"key":`...), key)
	l.tail = append(b, '}', '\n')
}

// record returns the line of one record of the delivery that begin was called for.
func (l *outputLines) record(r *nodes.Processed) []byte {
	b := append(l.line[:0], `{"id":`...)
	b = l.string(b, r.ID)
	b = appendOutputNumber(append(b, `,"value":`...), r.Value)
	if r.Mode != "" { // else the record was not processed
		b = appendOutputNumber(append(b, `,"processed_value":`...), r.ProcessedValue)
	}
	b = appendOutputNumber(append(b, `,"quality":`...), r.Quality)
	if r.Mode != "" {
		b = l.string(append(b, `,"mode":`...), string(r.Mode))
	}
	b = l.string(append(b, `,"source":`...), r.Source)
	if r.Line != 0 {
		b = strconv.AppendInt(append(b, `,"line":`...), r.Line, 10)
	}
	b = appendOutputTime(append(b, `,"timestamp":`...), r.Timestamp)
	l.line = append(b, l.tail...)
	return l.line
}

// deadLetter returns the line of d.
func (l *outputLines) deadLetter(d *nodes.DeadLetter) []byte {
	b := l.line[:0]
	if d.Record.Line != 0 {
		b = strconv.AppendInt(append(b, `,"line":`...), d.Record.Line, 10)
	}
	if d.Record.ID != "" {
		b = l.string(append(b, `,"id":`...), d.Record.ID)
	}
	if d.Raw == "" { // else the row could not be read
		b = appendOutputNumber(append(b, `,"value":`...), d.Record.Value)
	}
	b = l.string(append(b, `,"source":`...), d.Record.Source)
	b = l.string(append(b, `,"place":`...), string(d.Place))
	b = l.string(append(b, `,"class":`...), string(d.Class))
	b = l.string(append(b, `,"reason":`...), d.Reason)
	if d.Raw != "" {
		b = l.string(append(b, `,"raw":`...), d.Raw)
	}
	b[0] = '{' // in place of the first key's comma
	l.line = append(b, '}', '\n')
	return l.line
}

// string appends s to b as a JSON string; bytes that are not UTF-8 become U+FFFD.
func (l *outputLines) string(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return l.escape(b, s)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// escape is string for any s.
func (l *outputLines) escape(b []byte, s string) []byte {
	if l.quote == nil {
		l.quote = json.NewEncoder(&l.text)
		l.quote.SetEscapeHTML(false)
	}
	l.text.Reset()
	if err := l.quote.Encode(s); err != nil {
		panic(err) // neither a string nor a bytes.Buffer can fail
	}
	return append(b, bytes.TrimSuffix(l.text.Bytes(), []byte("\n"))...)
}

// appendOutputNumber appends f to b as encoding/json prints it.
func appendOutputNumber(b []byte, f float64) []byte {
	abs := math.Abs(f)
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return append(b, "null"...)
	case abs == 0 || abs >= 1e-6 && abs < 1e21:
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	}
	b = strconv.AppendFloat(b, f, 'e', -1, 64)
	if n := len(b); b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' { // 1e-09 is 1e-9
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return b
}

// appendOutputTime appends t to b in RFC 3339 with nanoseconds, in UTC.
func appendOutputTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = t.AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}
