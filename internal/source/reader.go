package source

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"faultflow/internal/nodes"
	"faultflow/internal/object"
	"faultflow/internal/settings"
	"faultflow/internal/suggest"
)

// reader reads an input once. It makes entries of the rows and hands them over by the chunk.
type reader struct {
	*Input
	ctx    context.Context
	behind int64 // the rows up to this one are skipped
	rows   rows
	row    int64
	// entries are to be handed over, and behind them err, which ended the reading.
	entries []entry
	bytes   int
	err     error
	// named is the last line that gave rows their names, sharing how many.
	named   int64
	sharing int
}

// readOnce reads up to the end or an error, which it returns. The outcome of opening is sent to ready, unless that is
// nil.
func (r *reader) readOnce(ready chan<- error) error {
	var ahead []row
	rows, err := r.origin.open(r.ctx, &r.settings, r.waits)
	if err == nil {
		defer rows.close() // of reading: nothing can be lost
		r.rows = rows
		if further, ok := rows.(interface{ before() int64 }); ok {
			r.row = further.before()
		}
		if r.chosen.format == "" {
			ahead, err = r.choose()
		}
	}
	if ready != nil {
		ready <- r.Input.named(err)
	}
	if err != nil {
		return err
	}
	for {
		var next row
		if len(ahead) > 0 {
			next, ahead = ahead[0], ahead[1:]
		} else if next, err = r.rows.next(); err != nil {
			if err == io.EOF && r.row < r.behind {
				err = fmt.Errorf("it has only %d rows, and %d of it were collected before", r.row, r.behind)
			}
			return err
		}
		if r.row++; r.row <= r.behind {
			continue
		}
		r.entries = append(r.entries, r.entry(next))
		r.bytes += len(next.data)
		if len(r.entries) >= chunkRows || r.bytes >= chunkBytes {
			if err := r.handOver(); err != nil {
				return err
			}
		}
	}
}

// handOver sends what was read. Its error is that of an input that was closed.
func (r *reader) handOver() error {
	select {
	case r.chunks <- chunk{r.entries, r.err}:
	case <-r.reads.Done():
		return r.reads.Err()
	}
	r.entries, r.bytes = make([]entry, 0, len(r.entries)), 0
	return nil
}

// waits is told before and after each read that may wait for as long as the input likes: what was read before is not
// held back by it.
func (r *reader) waits(begins bool) error {
	if begins && len(r.entries) > 0 {
		if err := r.handOver(); err != nil {
			return err
		}
	}
	if r.stopped.Load() {
		return io.EOF
	}
	if r.waiting.Store(begins); begins {
		select {
		case r.idle <- struct{}{}:
		default:
		}
	}
	return nil
}

// entry makes a record of a row, or says why it is none.
func (r *reader) entry(next row) entry {
	record := nodes.Record{Source: r.name, Row: r.row, Line: next.line, Offset: next.offset}
	if err := r.fill(&record, next); err != nil {
		return entry{rejected: &nodes.Rejected{
			Source: r.name,
			Row:    r.row,
			Line:   next.line,
			Offset: next.offset,
			Reason: err.Error(),
			Raw:    string(next.data),
			Cut:    next.cut,
		}}
	}
	return entry{record: record}
}

// fill reads the fields of a row into a record.
func (r *reader) fill(record *nodes.Record, next row) (err error) {
	if next.reason != "" {
		return errors.New(next.reason)
	}
	if record.Fields, err = r.rows.object(next); err != nil {
		return err
	}
	if next.ready {
		record.ID = r.placeName(next)
		return nil
	}
	id, value := r.find(record.Fields)
	if id != "" {
		if record.ID, err = object.Scalar(id); err != nil {
			return fmt.Errorf("field %q %w", r.chosen.id, err)
		}
	}
	if record.ID == "" {
		record.ID = r.placeName(next)
	}
	if r.chosen.value == "" {
		return nil
	}
	text := ""
	if value != "" {
		if text, err = object.Scalar(value); err != nil {
			return fmt.Errorf("field %q %w", r.chosen.value, err)
		}
	}
	if strings.TrimSpace(text) == "" {
		return fmt.Errorf("field %q is missing", r.chosen.value)
	}
	record.Value, err = parseNumber(text)
	if err != nil {
		return fmt.Errorf("field %q is not a number: %s", r.chosen.value, quote(text))
	}
	if beyond(text, record.Value) {
		return fmt.Errorf("field %q is out of range (±2^53): %s", r.chosen.value, quote(text))
	}
	return nil
}

// find is the texts of id and value in an object, "" for what is not there.
func (r *reader) find(fields string) (id, value string) {
	for key, text := range object.Members(fields) {
		if r.chosen.id != "" && object.Is(key, r.chosen.id) {
			id = text
		}
		if r.chosen.value != "" && object.Is(key, r.chosen.value) {
			value = text
		}
	}
	if id == "" && strings.Contains(r.chosen.id, ".") {
		id = object.Path(fields, r.chosen.id)
	}
	if value == "" && strings.Contains(r.chosen.value, ".") {
		value = object.Path(fields, r.chosen.value)
	}
	return id, value
}

// placeName names a row without an id after its line, or its ordinal where lines are not known. Elements of a JSON
// array can share a line.
func (r *reader) placeName(next row) string {
	if next.line == 0 {
		return fmt.Sprintf("row-%d", r.row)
	}
	if next.line != r.named {
		r.named, r.sharing = next.line, 0
	}
	r.sharing++
	if r.sharing == 1 {
		return fmt.Sprintf("line-%d", next.line)
	}
	return fmt.Sprintf("line-%d.%d", next.line, r.sharing)
}

// choose chooses the fields of id and value, from the settings and the first rows, which it returns. Of a remote input,
// or one that can keep a reader waiting, no more than the first readable row is read ahead.
func (r *reader) choose() (ahead []row, err error) {
	var names, scalar, numeric []string
	for seen := false; len(ahead) < peeked && !(seen && r.pauses()); {
		next, err := r.rows.next()
		if err != nil && err != io.EOF && len(ahead) == 0 {
			return nil, err
		}
		if err != nil {
			break // it comes again
		}
		next.data = bytes.Clone(next.data)
		ahead = append(ahead, next)
		if next.reason != "" || next.ready {
			continue
		}
		fields, err := r.rows.object(next)
		if err != nil {
			continue
		}
		seen = true
		for key, text := range object.Members(fields) {
			name := object.Plain(key)
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
			plain, err := object.Scalar(text)
			if err != nil {
				continue
			}
			if !slices.Contains(scalar, name) {
				scalar = append(scalar, name)
			}
			if _, err := parseNumber(plain); err == nil && !slices.Contains(numeric, name) {
				numeric = append(numeric, name)
			}
		}
	}
	if columns := r.rows.columns(); columns != nil {
		names, scalar = columns, columns
	}
	return ahead, r.chooseOf(names, scalar, numeric, ahead)
}

// chooseOf chooses of the fields that there are, some of them scalar, and some of these numeric.
func (r *reader) chooseOf(names, scalar, numeric []string, ahead []row) error {
	s := &r.settings
	r.chosen.format = r.rows.format()
	r.chosen.id, r.chosen.value = s.IDField, s.ValueField
	if len(names) == 0 { // nothing to choose from: each row will say so
		r.chosen.id = cmp.Or(s.IDField, "id")
		if s.NeedsValue() {
			r.chosen.value = cmp.Or(s.ValueField, "value")
		}
		return nil
	}
	for _, given := range []struct{ flag, name string }{{"id-field", s.IDField}, {"value-field", s.ValueField}} {
		if given.name != "" && !slices.Contains(names, given.name) && !r.anyPath(ahead, given.name) {
			return &settings.Error{
				Name:  given.flag,
				Value: given.name,
				Problem: fmt.Sprintf("%s has no such field%s; its fields: %s",
					r.name, suggest.Nearest(given.name, names), strings.Join(names, ", ")),
			}
		}
	}
	if s.IDField == "" {
		r.chosen.id = firstBut(scalar, "")
		if slices.Contains(names, "id") {
			r.chosen.id = "id"
		}
	}
	if s.ValueField == "" && s.NeedsValue() {
		r.chosen.value = firstBut(numeric, r.chosen.id)
		if slices.Contains(names, "value") {
			r.chosen.value = "value"
		} else if r.chosen.value == "" && s.IDField == "" && len(numeric) > 0 {
			r.chosen.value = numeric[0]
		}
		if r.chosen.value == "" {
			return &settings.Error{
				Name: "value-field",
				Problem: fmt.Sprintf("no field of %s holds numbers to double; name one of %s, or give --process none",
					r.name, strings.Join(names, ", ")),
			}
		}
	}
	if r.chosen.id == r.chosen.value && s.IDField == "" {
		r.chosen.id = "" // nothing but numbers: rows are named after their place
	}
	return nil
}

// anyPath tells whether a row has something at a path.
func (r *reader) anyPath(ahead []row, path string) bool {
	return slices.ContainsFunc(ahead, func(next row) bool {
		if next.reason != "" {
			return false
		}
		fields, err := r.rows.object(next)
		return err == nil && object.Path(fields, path) != ""
	})
}

func firstBut(names []string, but string) string {
	for _, n := range names {
		if n != but {
			return n
		}
	}
	return ""
}
