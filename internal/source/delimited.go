package source

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"faultflow/internal/object"
)

// delimited are the rows of CSV (RFC 4180) or TSV below their header. A quoted field may span lines.
type delimited struct {
	lines  *lines
	comma  rune
	header []string
	// keys are the columns as members of an object: the name and a colon, behind the first one a comma before it.
	keys []string
}

// maxSpan is how many lines a quoted field may span. A quote that is still open then is taken for a stray one.
const maxSpan = 1000

func (d *delimited) next() (row, error) {
	r, err := d.lines.next()
	for err == nil && r.reason == "" && blank(r.data) {
		r, err = d.lines.next()
	}
	if err != nil || r.reason != "" || !d.open(r.data) {
		return r, err
	}
	r.data = bytes.Clone(r.data)
	whole := row{line: r.line, offset: r.offset, data: bytes.Clone(r.data)}
	var ahead []row
	for len(ahead) < maxSpan {
		more, err := d.lines.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return row{}, err
		}
		more.data = bytes.Clone(more.data)
		ahead = append(ahead, more)
		if more.reason != "" || len(whole.data)+1+len(more.data) > MaxRow {
			break
		}
		whole.data = append(append(whole.data, '\n'), more.data...)
		if !d.open(whole.data) {
			return whole, nil
		}
	}
	d.lines.giveBack(ahead)
	r.reason = "a quote is not closed"
	return r, nil
}

// open is true while a quoted field is. Only a quote that begins a field opens one; one in the middle of a field, as in
// 5" pipe, is a mistake of that row alone. Inside a quoted field a quote is doubled.
func (d *delimited) open(data []byte) bool {
	if bytes.IndexByte(data, '"') < 0 {
		return false
	}
	quoted, begins := false, true
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '"':
			if i+1 < len(data) && data[i+1] == '"' {
				i++
			} else {
				quoted = false
			}
		case quoted:
		case c == '"' && begins:
			quoted = true
		default:
			begins = c == byte(d.comma)
			continue
		}
		begins = false
	}
	return quoted
}

// readHeader returns what is wrong with the header; the error is one of reading.
func (d *delimited) readHeader() (problem string, err error) {
	r, err := d.next()
	if err != nil {
		return "", err
	}
	if r.reason == "" {
		if d.header, err = cells(r.data, d.comma); err != nil {
			r.reason = err.Error()
		}
	}
	if r.reason != "" {
		return fmt.Sprintf("the header in line %d: %s; is it another format? --input-format says which",
			r.line, r.reason), nil
	}
	for i := range d.header {
		d.header[i] = strings.TrimSpace(d.header[i])
		key := object.AppendString(nil, d.header[i])
		if i > 0 {
			key = append([]byte{','}, key...)
		}
		d.keys = append(d.keys, string(append(key, ':')))
	}
	return "", nil
}

// cells takes a row apart. Rows without quotes, which are most, need no CSV reader.
func cells(data []byte, comma rune) ([]string, error) {
	if bytes.IndexByte(data, '"') < 0 {
		return strings.Split(string(data), string(comma)), nil
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.Comma, r.FieldsPerRecord = comma, -1
	fields, err := r.Read()
	var bad *csv.ParseError
	if errors.As(err, &bad) {
		return nil, bad.Err
	}
	return fields, err
}

// object makes an object of a row's fields.
func (d *delimited) object(r row) (string, error) {
	texts, err := cells(r.data, d.comma)
	if err != nil {
		return "", err
	}
	if len(texts) != len(d.header) {
		return "", fmt.Errorf("%d fields where the header has %d", len(texts), len(d.header))
	}
	b := append(make([]byte, 0, len(r.data)+16*len(d.keys)), '{')
	for i, text := range texts {
		b = object.AppendText(append(b, d.keys[i]...), text)
	}
	return string(append(b, '}')), nil
}
