package source

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"faultflow/internal/settings"
)

// split splits a stream into rows, after decompressing it, in the format that the settings name, or that its name and
// its beginning tell. It closes the stream with the rows, or at once if it can't.
func split(s *settings.Settings, name string, in io.ReadCloser) (rows, error) {
	t := &text{closers: []func() error{in.Close}}
	plain, err := t.decompress(in)
	if err == nil {
		err = t.split(s, plainName(name), newLines(plain))
	}
	if err != nil {
		_ = t.close() // of reading: nothing can be lost
		return nil, err
	}
	return t, nil
}

// plainName is a name without the extension of a compression.
func plainName(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst")
}

// text is a stream of text that is split into rows.
type text struct {
	splitter
	called  string
	header  []string
	closers []func() error
}

// splitter is what is particular to a format.
type splitter interface {
	next() (row, error)
	object(row) (string, error)
}

func (t *text) format() string    { return t.called }
func (t *text) columns() []string { return t.header }

func (t *text) close() (err error) {
	for i := len(t.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, t.closers[i]())
	}
	return err
}

// decompress takes gzip or zstd off, whatever the stream's name is.
func (t *text) decompress(in io.Reader) (plain io.Reader, err error) {
	whole := bufio.NewReader(in)
	head, err := whole.Peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(whole)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		t.closers = append(t.closers, z.Close)
		return z, nil
	case bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, done, err := unzstd(whole)
		if err != nil {
			return nil, err
		}
		t.closers = append(t.closers, done)
		return z, nil
	}
	return whole, nil
}

func (t *text) split(s *settings.Settings, name string, l *lines) error {
	bad := func(setting, value, problem string) error {
		return &settings.Error{Name: setting, Value: value, Problem: problem}
	}
	first, err := l.firstByte()
	if errors.Is(err, errUTF16) {
		return bad("input", s.Input, "it is UTF-16; convert it to UTF-8")
	}
	if err != nil && err != io.EOF {
		return err
	}
	t.called = s.InputFormat
	if t.called == "" {
		t.called = guessFormat(name, first)
	}
	if t.called == settings.FormatJSON || t.called == settings.FormatNDJSON && s.InputFormat == "" {
		switch head := l.head(); {
		case s.Records != "":
			t.called = settings.FormatJSON
		case first == '{' && bytes.Contains(head, []byte(`"FeatureCollection"`)):
			return bad("input", s.Input, "it is GeoJSON, one object with a list in it: add --records features")
		case first == '{' && spread(head):
			return bad("input", s.Input,
				"it is one object, not a list of records; --records NAME takes those of a list in it")
		case first == '{' && t.called == settings.FormatJSON && listName(head) != "":
			return bad("input", s.Input, fmt.Sprintf("it is one object, not a list of records; add --records %s for "+
				"those of the list in it, or --input-format ndjson if each line is a record", listName(head)))
		case first == '{':
			t.called = settings.FormatNDJSON // lines of objects in a .json file
		}
	}
	if s.Records != "" && t.called != settings.FormatJSON {
		return bad("records", s.Records, fmt.Sprintf("it names a list in a JSON document, and %s is %s", name, t.called))
	}
	switch t.called {
	case settings.FormatNDJSON:
		t.splitter = &jsonLines{l}
	case settings.FormatJSON:
		array := &elements{lines: l}
		if s.Records != "" {
			if array.lines, err = listIn(l, s.Records); l.from.failed != nil {
				return l.from.failed
			} else if err != nil {
				return bad("records", s.Records, fmt.Sprintf("%s: %v", name, err))
			}
			array.begun, array.within = true, true
		}
		t.splitter = array
	case settings.FormatCSV, settings.FormatTSV:
		d := &delimited{lines: l, comma: ','}
		if t.called == settings.FormatTSV {
			d.comma = '\t'
		} else if header, _, _ := bytes.Cut(l.head(), []byte{'\n'}); !bytes.ContainsRune(header, ',') &&
			bytes.ContainsRune(header, ';') {
			d.comma = ';'
		}
		problem, err := d.readHeader()
		if err != nil && err != io.EOF {
			return err
		}
		if problem != "" {
			return bad("input", s.Input, problem)
		}
		t.splitter, t.header = d, d.header
	default:
		formats, _ := settings.Find("input-format")
		return bad(formats.Name, t.called, fmt.Sprintf("the format of %s can't be told; want one of %s",
			name, strings.Join(formats.Choices, ", ")))
	}
	return nil
}

// guessFormat goes by the extension, else by the first character, where that is sure.
func guessFormat(name string, first byte) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".ndjson", ".jsonl":
		return settings.FormatNDJSON
	case ".json", ".geojson":
		return settings.FormatJSON
	case ".csv":
		return settings.FormatCSV
	case ".tsv", ".tab":
		return settings.FormatTSV
	}
	switch first {
	case '{', 0: // an empty input is fine as anything
		return settings.FormatNDJSON
	case '[':
		return settings.FormatJSON
	}
	return ""
}

// spread tells whether a text begins with an object that is spread over lines.
func spread(head []byte) bool {
	line, _, more := bytes.Cut(bytes.TrimLeft(head, " \t\r\n"), []byte{'\n'})
	line = bytes.TrimRight(line, " \t\r")
	return more && len(line) > 0 && bytes.IndexByte([]byte("{[,"), line[len(line)-1]) >= 0
}

// listName is the name of the first list of objects in the one object that a text is, as far as the text is there; ""
// if there is none, or more lines behind the first one.
func listName(head []byte) string {
	line, behind, _ := bytes.Cut(bytes.TrimLeft(head, " \t\r\n"), []byte{'\n'})
	if !blank(behind) {
		return ""
	}
	document := json.NewDecoder(bytes.NewReader(line))
	var before json.Token
	name, depth, isName := "", 0, false
	for {
		token, err := document.Token()
		if err != nil || depth == 1 && token == json.Delim('}') {
			return ""
		}
		if text, is := token.(string); is && depth == 1 && isName {
			name, isName = text, false
			before = nil
			continue
		}
		switch token {
		case json.Delim('{'):
			if depth == 2 && before == json.Delim('[') {
				return name
			}
			depth++
		case json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		before, isName = token, depth == 1
	}
}

// listIn returns the lines behind the bracket that begins the list at a path of names with dots between them.
func listIn(l *lines, path string) (*lines, error) {
	document := json.NewDecoder(l.in)
	if err := descend(document, strings.Split(path, ".")); err != nil {
		return nil, err
	}
	within := newLines(io.MultiReader(document.Buffered(), l.in))
	within.origin = document.InputOffset()
	return within, nil
}

// descend goes to the value at a path, which must be a list, and past its bracket.
func descend(document *json.Decoder, path []string) error {
	for _, name := range path {
		if err := find(document, name); err != nil {
			return err
		}
	}
	if bracket, err := document.Token(); err != nil {
		return err
	} else if bracket != json.Delim('[') {
		return fmt.Errorf("%s is no list", strings.Join(path, "."))
	}
	return nil
}

// find goes into an object, to the value of a member.
func find(document *json.Decoder, name string) error {
	brace, err := document.Token()
	if err != nil {
		return err
	}
	if brace != json.Delim('{') {
		return fmt.Errorf("there is no object with a member %q", name)
	}
	var members []string
	for document.More() {
		key, err := document.Token()
		if err != nil {
			return err
		}
		if key == name {
			return nil
		}
		members = append(members, fmt.Sprint(key))
		var skipped json.RawMessage
		if err := document.Decode(&skipped); err != nil {
			return err
		}
	}
	return fmt.Errorf("there is no member %q; members: %s", name, strings.Join(members, ", "))
}
