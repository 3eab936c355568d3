package source

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// delimited are the rows of CSV (RFC 4180) or TSV below their header. A quoted field may span lines.
type delimited struct {
	lines *lines
	comma rune
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
	whole := row{line: r.line, data: bytes.Clone(r.data)}
	var ahead []row
	for len(ahead) < maxSpan {
		more, err := d.lines.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return row{}, err
		}
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

func (d *delimited) readHeader() ([]string, error) {
	r, err := d.next()
	if err != nil {
		return nil, err
	}
	if r.reason != "" {
		return nil, fmt.Errorf("the header in line %d: %s", r.line, r.reason)
	}
	header, err := split(r.data, d.comma)
	for i := range header {
		header[i] = strings.TrimSpace(header[i])
	}
	return header, err
}

// split takes a row apart. Rows without quotes, which are most, need no CSV reader.
func split(data []byte, comma rune) ([]string, error) {
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

// columns finds fields by their column.
type columns struct {
	comma     rune
	header    []string
	id, value string
	at, valAt int
}

func (c *columns) choose(id, value string) {
	c.id, c.value = id, value
	c.at, c.valAt = slices.Index(c.header, id), slices.Index(c.header, value)
}

func (c *columns) names(r row) (names, texts []string, ok bool) {
	texts, err := c.split(r)
	if r.reason != "" || err != nil {
		return nil, nil, false
	}
	return c.header, texts, true
}

func (c *columns) find(r row) (id, value string, err error) {
	texts, err := c.split(r)
	if err != nil || c.valAt < 0 {
		return "", "", err
	}
	if c.at >= 0 {
		id = strings.TrimSpace(texts[c.at])
	}
	return id, texts[c.valAt], nil
}

func (c *columns) split(r row) ([]string, error) {
	texts, err := split(r.data, c.comma)
	if err == nil && len(texts) != len(c.header) {
		err = fmt.Errorf("%d fields where the header has %d", len(texts), len(c.header))
	}
	return texts, err
}
