package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// jsonLines are the rows of NDJSON: one object a line, blank lines skipped.
type jsonLines struct{ lines *lines }

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
	b, err := e.skipBlank()
	switch {
	case e.ended && err == nil:
		return e.rest("text behind the end of the JSON array")
	case err == io.EOF && !e.ended:
		e.ended = true
		return row{line: e.line, reason: "the JSON array has no closing ]"}, nil
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
	r := row{line: e.line, reason: reason}
	for len(r.data) < rawKept {
		b, err := e.lines.in.ReadByte()
		if err != nil {
			break
		}
		r.data = append(r.data, b)
	}
	e.ended = true
	_, err := io.Copy(io.Discard, e.lines.in)
	return r, err
}

// element reads up to the comma or bracket that ends the element. Inside a string nothing counts but its end; a line
// break there is an error of JSON and ends the element, so that a lost quote does not swallow the rest of the input.
func (e *elements) element() (row, error) {
	r := row{line: e.line}
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
	r.data = bytes.TrimSpace(r.data)
	switch {
	case long:
		r.data, r.reason = bytes.Clone(r.data[:min(len(r.data), rawKept)]), tooLong
	case len(r.data) == 0:
		r.reason = "an element is missing"
	case !utf8.Valid(r.data):
		r.reason = notUTF8
	}
	return r, nil
}

// jsonFields finds fields in objects without building them.
type jsonFields struct{ id, value string }

func (j *jsonFields) choose(id, value string) { j.id, j.value = id, value }

func (j *jsonFields) names(r row) (names, texts []string, ok bool) {
	if r.reason != "" || !json.Valid(r.data) || r.data[firstText(r.data)] != '{' {
		return nil, nil, false
	}
	members(r.data, func(key, value []byte) {
		text, _ := scalar(value)
		names, texts = append(names, plain(key)), append(texts, text)
	})
	return names, texts, true
}

var (
	errNotObject = errors.New("not a JSON object")
	errNested    = errors.New("is an object or a list")
)

func (j *jsonFields) find(r row) (id, value string, err error) {
	if !json.Valid(r.data) {
		var whole json.RawMessage
		return "", "", fmt.Errorf("not valid JSON: %w", json.Unmarshal(r.data, &whole))
	}
	if r.data[firstText(r.data)] != '{' {
		return "", "", errNotObject
	}
	members(r.data, func(key, raw []byte) {
		isID, isValue := is(key, j.id), is(key, j.value)
		if !isID && !isValue {
			return
		}
		text, nested := scalar(raw)
		if nested != nil {
			err = fmt.Errorf("field %q %w", plain(key), nested)
		}
		if isID {
			id = text
		}
		if isValue {
			value = text
		}
	})
	return id, value, err
}

func firstText(data []byte) int {
	i := 0
	for i < len(data) && (data[i] == ' ' || data[i] == '\t' || data[i] == '\r' || data[i] == '\n') {
		i++
	}
	return i
}

// members visits the members of a valid JSON object.
func members(object []byte, visit func(key, value []byte)) {
	i := firstText(object) + 1
	for {
		for object[i] != '"' {
			if object[i] == '}' {
				return
			}
			i++
		}
		end := skipString(object, i)
		key := object[i:end]
		i = end
		for object[i] != ':' {
			i++
		}
		i++
		i += firstText(object[i:])
		end = skipValue(object, i)
		visit(key, object[i:end])
		i = end
	}
}

func skipString(data []byte, i int) int {
	for i++; data[i] != '"'; i++ {
		if data[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func skipValue(data []byte, i int) int {
	depth := 0
	for ; i < len(data); i++ {
		switch data[i] {
		case '"':
			i = skipString(data, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}

// scalar returns the text of a string, a number or a boolean; null is empty.
func scalar(value []byte) (string, error) {
	value = bytes.TrimSpace(value)
	switch value[0] {
	case '"':
		return plain(value), nil
	case '{', '[':
		return "", errNested
	case 'n':
		return "", nil
	}
	return string(value), nil
}

// is compares a quoted key with a name.
func is(key []byte, name string) bool {
	if inner := key[1 : len(key)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner) == name
	}
	return plain(key) == name
}

// plain takes the quotes and escapes off a valid JSON string.
func plain(quoted []byte) string {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	var s string
	_ = json.Unmarshal(quoted, &s) // it is valid
	return s
}
