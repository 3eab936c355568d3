package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"
)

// ErrHash says that a report's hash does not match its contents: it was edited, or never sealed.
var ErrHash = errors.New("report: the hash does not match the contents")

// Seal computes Hash from everything but Hash and Meta. First it gives r the form that it has when it is read back: nil
// slices and maps become empty, bytes that are not UTF-8 become U+FFFD. It fails on numbers that JSON lacks (NaN,
// ±Inf).
func (r *Report) Seal() error { return seal(r, &r.Hash) }

// WriteJSON seals r and writes it as indented JSON with a newline at the end. Equal reports give equal bytes.
func WriteJSON(w io.Writer, r *Report) error { return write(w, r, &r.Hash) }

// WriteDocument writes any other document of ours, such as test results, in the form in which WriteJSON writes reports.
func WriteDocument(w io.Writer, document any) error {
	text, err := encode(document)
	if err != nil {
		return err
	}
	return writeIndented(w, text)
}

// seal is Seal for every kind of document; sum is its hash.
func seal(doc any, sum *string) error {
	normalize(reflect.ValueOf(doc).Elem())
	text, err := encode(doc)
	if err != nil {
		return err
	}
	*sum, err = hash(text)
	return err
}

// write is WriteJSON for every kind of document.
func write(w io.Writer, doc any, sum *string) error {
	if err := seal(doc, sum); err != nil {
		return err
	}
	return WriteDocument(w, doc)
}

func writeIndented(w io.Writer, text []byte) error {
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return fmt.Errorf("report: indent: %w", err)
	}
	_, err := w.Write(out.Bytes())
	return err
}

// parseSealed reads a document of the schema found as one of the newest schema that can be read, want; head is where it
// keeps its schema and its hash. With ErrHash there is a document, with any other error there is none.
func parseSealed[D any](found, want string, text []byte, head func(*D) (schema, hash *string)) (*D, error) {
	if err := checkSchema(found, want); err != nil {
		return nil, err
	}
	doc := new(D)
	if err := json.Unmarshal(text, doc); err != nil {
		return nil, fmt.Errorf("report: decode: %w", err)
	}
	normalize(reflect.ValueOf(doc).Elem())
	schema, sum := head(doc)
	*schema = want
	if made, err := hash(text); err != nil || made != *sum {
		return doc, ErrHash
	}
	return doc, nil
}

// encode returns a document as JSON with a newline at the end. HTML escapes stay off: people read and search these
// files. Invisible characters are escaped.
func encode(doc any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc); err != nil {
		return nil, fmt.Errorf("report: encode: %w", err)
	}
	return visible(out.Bytes()), nil
}

// hash returns the SHA-256 of doc, a JSON object, without its members hash and meta and without white space.
func hash(doc []byte) (string, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, doc); err != nil {
		return "", err
	}
	dec := json.NewDecoder(&compact)
	if _, err := dec.Token(); err != nil { // the opening brace
		return "", err
	}
	sum, separator := sha256.New(), ""
	sum.Write([]byte("{"))
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return "", err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return "", err
		}
		if key == "hash" || key == "meta" {
			continue
		}
		fmt.Fprintf(sum, "%s%q:%s", separator, key, value)
		separator = ","
	}
	sum.Write([]byte("}"))
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// normalize gives v the form that it has when it is read back, all the way down but not into maps: the model's hold
// numbers under names of our own.
func normalize(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if _, asText := v.Interface().(fmt.Stringer); asText {
			return // items of settings, such as faults, which reports of several runs may share
		}
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() { // what is not exported is not written as it is, either
				normalize(f)
			}
		}
	case reflect.Slice:
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		for i := range v.Len() {
			normalize(v.Index(i))
		}
	case reflect.Map:
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
	case reflect.String:
		// What is valid stays untouched: reports of several runs may share it.
		if s := v.String(); !utf8.ValidString(s) {
			v.SetString(strings.ToValidUTF8(s, "\ufffd"))
		}
	}
}
