package channel

import (
	"strconv"
	"time"

	"faultflow/internal/nodes"
	"faultflow/internal/object"
)

// outputLines makes the lines of an Output's files in a buffer that it reuses: a line is valid until the next one.
// Lines are as encoding/json would print them without HTML escaping, but for the fields of a record, which are as they
// came in. Numbers that JSON can't express (NaN, the infinities) and times that RFC 3339 can't (years beyond 9999 or
// before 0) are null.
type outputLines struct {
	line []byte
	// about are members behind those of a record: the first three are its own, the others those of its delivery.
	about []nodes.Member
	// wrapped says that they are beside the record, not in it.
	wrapped bool
}

// begin prepares for the records of a delivery with the given key; channel may be nil.
func (l *outputLines) begin(channel *string, key string) {
	l.wrapped = channel == nil
	l.about = append(l.about[:0], nodes.Member{Name: "source"}, nodes.Member{Name: "row"}, nodes.Member{Name: "timestamp"})
	if channel != nil {
		l.about = append(l.about, nodes.Member{Name: "channel", Value: text(*channel)})
	}
	l.about = append(l.about, nodes.Member{Name: "key", Value: text(key)})
}

// record returns the line of one record of the delivery that begin was called for. Of a spooled one, the member record
// is what a channel would have got.
func (l *outputLines) record(r *nodes.Processed) []byte {
	l.about[0].Value = text(r.Source)
	l.about[1].Value = strconv.FormatInt(r.Row, 10)
	l.about[2].Value = timestamp(r.Timestamp)
	if !l.wrapped {
		l.line = append(r.AppendJSON(l.line[:0], l.about...), '\n')
		return l.line
	}
	b := r.AppendJSON(append(l.line[:0], `{"record":`...))
	for _, m := range l.about {
		b = append(append(append(append(b, `,"`...), m.Name...), `":`...), m.Value...)
	}
	l.line = append(b, '}', '\n')
	return l.line
}

// deadLetter returns the line of d.
func (l *outputLines) deadLetter(d *nodes.DeadLetter) []byte {
	b := append(l.line[:0], '{')
	for _, place := range []struct {
		name string
		at   int64
	}{{"row", d.Record.Row}, {"line", d.Record.Line}, {"offset", d.Record.Offset}} {
		if d.Record.Row != 0 && (place.at != 0 || place.name == "offset") {
			b = strconv.AppendInt(append(append(append(b, '"'), place.name...), `":`...), place.at, 10)
			b = append(b, ',')
		}
	}
	b = object.AppendString(append(b, `"source":`...), d.Record.Source)
	b = object.AppendString(append(b, `,"place":`...), string(d.Place))
	b = object.AppendString(append(b, `,"class":`...), string(d.Class))
	b = object.AppendString(append(b, `,"reason":`...), d.Reason)
	if d.Raw != "" { // the row could not be read
		b = object.AppendString(append(b, `,"raw":`...), d.Raw)
		if d.Cut {
			b = append(b, `,"raw_cut":true`...)
		}
	} else {
		b = append(append(b, `,"record":`...), d.Record.Object()...)
	}
	l.line = append(b, '}', '\n')
	return l.line
}

func text(s string) string { return string(object.AppendString(nil, s)) }

// timestamp is t in RFC 3339 with nanoseconds, in UTC.
func timestamp(t time.Time) string {
	t = t.UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		return "null"
	}
	return t.Format(`"` + time.RFC3339Nano + `"`)
}
