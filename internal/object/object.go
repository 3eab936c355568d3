// Package object reads and writes JSON objects as text, so that a record leaves as it came in: its members in their
// order, numbers as they were written, to the byte.
package object

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
)

// ErrNested is a member whose value is an object or a list, where a scalar is needed.
var ErrNested = errors.New("is an object or a list")

var errNoObject = errors.New("not a JSON object")

// Check returns nil for the text of one JSON object, else an error of one line. The other functions need such a text.
func Check(text []byte) error {
	if !json.Valid(text) {
		var whole json.RawMessage
		return fmt.Errorf("not valid JSON: %w", json.Unmarshal(text, &whole))
	}
	if text[blanks(text)] != '{' {
		return errNoObject
	}
	return nil
}

// Members are the members of an object: the key in its quotes, and the value's text.
func Members[T string | []byte](object T) iter.Seq2[T, T] {
	return func(yield func(key, value T) bool) {
		i := blanks(object) + 1
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
			i += blanks(object[i:])
			end = skipValue(object, i)
			last := end
			for isBlank(object[last-1]) {
				last--
			}
			if !yield(key, object[i:last]) {
				return
			}
			i = end
		}
	}
}

// Find is the value of the last member of that name, "" without one.
func Find(object, name string) (value string) {
	for key, v := range Members(object) {
		if Is(key, name) {
			value = v
		}
	}
	return value
}

// Path is the value at a path of names with dots between them, such as properties.mag: "" if there is none. A member
// whose own name is the path comes first.
func Path(object, path string) string {
	if value := Find(object, path); value != "" {
		return value
	}
	for i, c := range path {
		if c != '.' {
			continue
		}
		if inner := Find(object, path[:i]); inner != "" && inner[0] == '{' {
			if value := Path(inner, path[i+1:]); value != "" {
				return value
			}
		}
	}
	return ""
}

// Is compares a quoted key with a name.
func Is(key, name string) bool {
	if inner := key[1 : len(key)-1]; strings.IndexByte(inner, '\\') < 0 {
		return inner == name
	}
	return Plain(key) == name
}

// Plain takes the quotes and escapes off a string's text.
func Plain(quoted string) string {
	inner := quoted[1 : len(quoted)-1]
	if strings.IndexByte(inner, '\\') < 0 {
		return inner
	}
	var s string
	_ = json.Unmarshal([]byte(quoted), &s) // it is valid
	return s
}

// Scalar is a string without its quotes, a number or a boolean as it is written; null is "". Anything else is
// ErrNested.
func Scalar(value string) (string, error) {
	switch value[0] {
	case '"':
		return Plain(value), nil
	case '{', '[':
		return "", ErrNested
	case 'n':
		return "", nil
	}
	return value, nil
}

// AppendString appends s to b as a JSON string; bytes that are not UTF-8 become U+FFFD.
func AppendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			var text bytes.Buffer
			quote := json.NewEncoder(&text)
			quote.SetEscapeHTML(false)
			if err := quote.Encode(s); err != nil {
				panic(err) // neither a string nor a bytes.Buffer can fail
			}
			return append(b, bytes.TrimSuffix(text.Bytes(), []byte("\n"))...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// AppendText appends a field of a format that knows only texts, such as CSV: as the number that it is the text of in
// JSON, else as a string. So every text can be had back to the byte.
func AppendText(b []byte, text string) []byte {
	if IsNumber(text) {
		return append(b, text...)
	}
	return AppendString(b, text)
}

// IsNumber tells whether a text is a number as JSON writes it, by RFC 8259, section 6.
func IsNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole := digits(s)
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false
	}
	if s = s[whole:]; strings.HasPrefix(s, ".") {
		fraction := digits(s[1:])
		if fraction == 0 {
			return false
		}
		s = s[1+fraction:]
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		return s != "" && digits(s) == len(s)
	}
	return s == ""
}

// digits counts those that s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}

// Begin appends an object's text up to its closing brace. Members can follow, each begun by AppendKey, and the brace.
func Begin(b []byte, object string) []byte {
	return append(b, object[:strings.LastIndexByte(object, '}')]...)
}

// AppendKey begins a member behind what Begin appended of an object. A name that the object has already gets the prefix
// faultflow_, so that neither hides the other.
func AppendKey(b []byte, object, name string) []byte {
	if last := bytes.TrimRight(b, " \t\r\n"); last[len(last)-1] != '{' {
		b = append(b, ',')
	}
	return append(AppendString(b, Free(object, name)), ':')
}

// Free is the name that a member gets beside those of an object: its own, or with the prefix faultflow_ if the object
// has one of that name.
func Free(object, name string) string {
	for strings.Contains(object, name) && Find(object, name) != "" {
		name = "faultflow_" + name
	}
	return name
}

func blanks[T string | []byte](text T) int {
	i := 0
	for i < len(text) && isBlank(text[i]) {
		i++
	}
	return i
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func skipString[T string | []byte](text T, i int) int {
	for i++; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// skipValue returns where the value ends that begins at i: at the comma or bracket behind it.
func skipValue[T string | []byte](text T, i int) int {
	depth := 0
	for ; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = skipString(text, i) - 1
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
