package source

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"faultflow/internal/object"
)

// jsonLines are the rows of NDJSON: one object a line, blank lines skipped.
type jsonLines struct{ lines *lines }

func (j *jsonLines) object(r row) (string, error) { return objectOf(r) }

func (j *jsonLines) next() (row, error) {
	for {
		r, err := j.lines.next()
		if err != nil || !blank(r.data) {
			return r, err
		}
	}
}

// elements are the rows of a JSON array. An element ends at the comma or bracket on its own level, so that a broken one
// is rejected alone.
type elements struct {
	lines *lines
	// line is where reading is; begun and ended say whether the array's brackets have been seen.
	line         int64
	begun, ended bool
	// last is the byte that ended the element before: after a comma one must follow.
	last byte
	// within says that the array is a member of a document, which goes on behind it; lines are not counted there.
	within bool
	// data are the last element's.
	data []byte
}

// object is in one line, as the outputs of lines need it.
func (e *elements) object(r row) (string, error) {
	text, err := objectOf(r)
	if err != nil || !strings.ContainsAny(text, "\r\n") {
		return text, err
	}
	return string(appendLine(make([]byte, 0, len(text)), text)), nil
}

// appendLine appends a JSON text as one line: a line break in it, and the indent behind that, can only stand between
// its parts.
func appendLine(b []byte, text string) []byte {
	indent := false
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\n' || c == '\r':
			indent = true
		case indent && (c == ' ' || c == '\t'):
		default:
			indent = false
			b = append(b, c)
		}
	}
	return b
}

func (e *elements) next() (row, error) {
	in := e.lines.in
	if e.line == 0 {
		e.line = 1
	}
	if !e.begun {
		e.begun = true
		if b, err := e.skipBlank(); err != nil {
			return row{}, err
		} else if b != '[' {
			return e.rest("not a JSON array: it does not begin with [")
		}
		_, _ = in.ReadByte() // the bracket that has just been peeked
	}
	if e.ended && e.within {
		return row{}, io.EOF
	}
	b, err := e.skipBlank()
	switch {
	case e.ended && err == nil:
		return e.rest("text behind the end of the JSON array")
	case err == io.EOF && !e.ended:
		e.ended = true
		return row{line: e.at(), offset: e.lines.offset(), reason: "the JSON array has no closing ]"}, nil
	case err != nil:
		return row{}, err
	}
	if b == ']' && e.last != ',' {
		_, _ = in.ReadByte()
		e.ended = true
		return e.next()
	}
	return e.element()
}

// at is the line where reading is, 0 if it is not known.
func (e *elements) at() int64 {
	if e.within {
		return 0
	}
	return e.line
}

// skipBlank peeks at the next byte that is not blank.
func (e *elements) skipBlank() (byte, error) {
	for {
		b, err := e.lines.in.ReadByte()
		if err != nil {
			return 0, err
		}
		switch b {
		case '\n':
			e.line++
		case ' ', '\t', '\r':
		default:
			return b, e.lines.in.UnreadByte()
		}
	}
}

// rest rejects everything that is left as one row.
func (e *elements) rest(reason string) (row, error) {
	r := row{line: e.at(), offset: e.lines.offset(), reason: reason}
	e.ended = true
	var err error
	if r.data, err = io.ReadAll(io.LimitReader(e.lines.in, MaxRow)); err != nil {
		return row{}, err
	}
	cut, err := io.Copy(io.Discard, e.lines.in)
	r.cut = cut > 0
	return r, err
}

// element reads up to the comma or bracket that ends the element. Inside a string nothing counts but its end; a line
// break there is an error of JSON and ends the element, so that a lost quote does not swallow the rest of the input.
func (e *elements) element() (row, error) {
	r := row{line: e.at(), offset: e.lines.offset(), data: e.data[:0]}
	depth, inString, escaped, long := 0, false, false, false
	for {
		b, err := e.lines.in.ReadByte()
		if err == io.EOF {
			e.last = 0
			if len(r.data) == 0 {
				return row{}, err
			}
			break
		}
		if err != nil {
			return row{}, err
		}
		if b == '\n' {
			e.line++
			if inString {
				e.last = b
				break
			}
		}
		if !inString && depth <= 0 && (b == ',' || b == ']') {
			e.last = b
			e.ended = b == ']'
			break
		}
		if len(r.data) < MaxRow {
			r.data = append(r.data, b)
		} else {
			long = true
		}
		switch {
		case escaped:
			escaped = false
		case inString && b == '\\':
			escaped = true
		case b == '"':
			inString = !inString
		case inString:
		case b == '{' || b == '[':
			depth++
		case b == '}' || b == ']':
			depth--
		}
	}
	e.data = r.data
	r.data = bytes.TrimSpace(r.data)
	switch {
	case long:
		r.cut, r.reason = true, tooLong
	case len(r.data) == 0:
		r.reason = "an element is missing"
	case !utf8.Valid(r.data):
		r.reason = notUTF8
	}
	return r, nil
}

// objectOf is the object that a row of JSON is.
func objectOf(r row) (string, error) {
	if err := object.Check(r.data); err != nil {
		return "", err
	}
	return string(r.data), nil
}
