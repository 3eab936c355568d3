package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"faultflow/internal/nodes"
	"faultflow/internal/settings"
	"faultflow/internal/suggest"
)

// MaxRow is the longest row that is read, 1 MiB. A longer one is rejected, and reading goes on behind it.
const MaxRow = 1 << 20

// peeked is how many rows the choice of the fields is based on.
const peeked = 100

// File reads records from a file or from standard input, as a stream: its memory does not grow with the input. It is
// not safe for concurrent use.
type File struct {
	name   string
	format string
	file   io.Closer
	rows   rows
	fields fields
	queue  []row
	// named is the last line that gave rows their ids, sharing how many.
	named   int64
	sharing int
	// blocking is true for an input that can keep a reader waiting, such as a pipe.
	blocking bool
	// err ended the reading, io.EOF included.
	err error
}

var _ nodes.Source = (*File)(nil)

// row is one row of the input, unparsed, or the reason why it could not be read.
type row struct {
	line   int64
	data   []byte
	reason string
}

// rows splits an input into rows.
type rows interface {
	// next returns the next row, or io.EOF or the error of reading.
	next() (row, error)
}

// fields finds id and value in a row. A row without them is an error with a reason in one line.
type fields interface {
	// names returns the fields that a row has, in order, with their texts; false if it can't be read.
	names(r row) (names, texts []string, ok bool)
	choose(id, value string)
	find(r row) (id, value string, err error)
}

// OpenFile opens the input that the settings name, or stdin for "-". Format and fields are those that the settings
// name, or else guessed: the id is the field "id" or the first one, and the value is the field "value" or the first one
// that holds a number. If both are the same field, rows are named after their lines. The error is a *settings.Error for
// settings that do not fit the input, or that of opening or reading it.
func OpenFile(s settings.Settings, stdin io.Reader) (*File, error) {
	path := s.Input
	f := &File{name: "stdin", format: s.InputFormat, file: io.NopCloser(nil), blocking: true}
	in := stdin
	if in == nil {
		in = strings.NewReader("")
	}
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("input: %w", err)
		}
		info, err := file.Stat()
		if err == nil && info.IsDir() {
			err = &os.PathError{Op: "read", Path: path, Err: errors.New("is a directory")}
		}
		if err != nil {
			file.Close()
			return nil, fmt.Errorf("input: %w", err)
		}
		f.name, f.file, f.blocking, in = filepath.Base(path), file, !info.Mode().IsRegular(), file
	}
	if err := f.begin(newLines(in), s); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (f *File) begin(l *lines, s settings.Settings) error {
	first, err := l.firstByte()
	if errors.Is(err, errUTF16) {
		return &settings.Error{Name: "input", Value: s.Input, Problem: "it is UTF-16; convert it to UTF-8"}
	}
	if err != nil && err != io.EOF {
		return fmt.Errorf("input %s: %w", f.name, err)
	}
	if f.format == "" {
		f.format = guessFormat(s.Input, first)
	}
	if f.format == settings.FormatJSON && first == '{' {
		f.format = settings.FormatNDJSON // lines of objects in a .json file
	}
	switch f.format {
	case settings.FormatNDJSON:
		f.rows, f.fields = &jsonLines{l}, &jsonFields{}
	case settings.FormatJSON:
		f.rows, f.fields = &elements{lines: l}, &jsonFields{}
	case settings.FormatCSV, settings.FormatTSV:
		comma := ','
		if f.format == settings.FormatTSV {
			comma = '\t'
		}
		d := &delimited{lines: l, comma: comma}
		header, err := d.readHeader()
		if err != nil && err != io.EOF {
			return fmt.Errorf("input %s: %w", f.name, err)
		}
		f.rows, f.fields = d, &columns{comma: comma, header: header}
	default:
		formats, _ := settings.Find("input-format")
		return &settings.Error{
			Name:  formats.Name,
			Value: f.format,
			Problem: fmt.Sprintf("the format of %s can't be told; want one of %s",
				f.name, strings.Join(formats.Choices, ", ")),
		}
	}
	// Of an input that can keep a reader waiting, no more than the first readable row is read ahead.
	for seen := false; len(f.queue) < peeked && f.err == nil && !(seen && f.blocking); {
		f.pull()
		if n := len(f.queue); n > 0 {
			_, _, seen = f.fields.names(f.queue[n-1])
		}
	}
	if f.err != nil && f.err != io.EOF && len(f.queue) == 0 {
		return f.err
	}
	return f.chooseFields(s)
}

// guessFormat goes by the extension, else by the first character, where that is sure.
func guessFormat(path string, first byte) string {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".ndjson", ".jsonl":
		return settings.FormatNDJSON
	case ".json":
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

// chooseFields chooses the fields of id and value, from the settings and the rows in the queue.
func (f *File) chooseFields(s settings.Settings) error {
	var names []string
	var numeric []string
	for _, r := range f.queue {
		rowNames, texts, ok := f.fields.names(r)
		if !ok {
			continue
		}
		for i, name := range rowNames {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
			if _, err := parseNumber(texts[i]); err == nil && !slices.Contains(numeric, name) {
				numeric = append(numeric, name)
			}
		}
	}
	if header, ok := f.fields.(*columns); ok {
		names = header.header
	}
	id, value := s.IDField, s.ValueField
	if len(names) == 0 { // nothing to choose from: each row will say so
		f.fields.choose(cmp.Or(id, "id"), cmp.Or(value, "value"))
		return nil
	}
	for _, chosen := range []struct{ flag, name string }{{"id-field", id}, {"value-field", value}} {
		if chosen.name != "" && !slices.Contains(names, chosen.name) {
			return &settings.Error{
				Name:  chosen.flag,
				Value: chosen.name,
				Problem: fmt.Sprintf("%s has no such field%s; its fields: %s",
					f.name, suggest.Nearest(chosen.name, names), strings.Join(names, ", ")),
			}
		}
	}
	if id == "" {
		id = names[0]
		if slices.Contains(names, "id") {
			id = "id"
		}
	}
	if value == "" {
		value = firstBut(numeric, id)
		if slices.Contains(names, "value") {
			value = "value"
		} else if value == "" && s.IDField == "" && len(numeric) > 0 {
			value = numeric[0]
		}
		if value == "" {
			return &settings.Error{
				Name:    "value-field",
				Problem: fmt.Sprintf("no field of %s holds numbers; name one of %s", f.name, strings.Join(names, ", ")),
			}
		}
	}
	if id == value && s.IDField == "" {
		id = "" // nothing but numbers: rows are named after their lines
	}
	f.fields.choose(id, value)
	return nil
}

func firstBut(names []string, but string) string {
	for _, n := range names {
		if n != but {
			return n
		}
	}
	return ""
}

// Name returns the file's base name, or stdin.
func (f *File) Name() string { return f.name }

// Format returns the format that was chosen.
func (f *File) Format() string { return f.format }

// IDField returns the field that holds the id.
func (f *File) IDField() string { id, _ := f.chosen(); return id }

// ValueField returns the field that holds the value.
func (f *File) ValueField() string { _, value := f.chosen(); return value }

func (f *File) chosen() (id, value string) {
	switch s := f.fields.(type) {
	case *jsonFields:
		return s.id, s.value
	case *columns:
		return s.id, s.value
	}
	return "", ""
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// Health returns the error that ended the reading, if one did.
func (f *File) Health(context.Context) error {
	if f.err == io.EOF {
		return nil
	}
	return f.err
}

// Fetch returns the next n rows, with io.EOF when they are the last ones; from an input that can keep it waiting, such
// as a pipe, io.EOF comes after them, so that rows which are there are not held back. An error of reading comes after
// the rows that were read before it, and ends the input. A Fetch that is cancelled while the input keeps it waiting
// leaves the input unusable.
func (f *File) Fetch(ctx context.Context, n int) (nodes.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nodes.Batch{}, err
	}
	if !f.blocking {
		f.fill(n + 1) // one more, to know whether row n is the last one
	} else if err := f.fillUntil(ctx, n); err != nil {
		return nodes.Batch{}, err
	}
	n = min(n, len(f.queue))
	batch := f.batch(f.queue[:n])
	f.queue = f.queue[n:]
	if len(f.queue) == 0 && f.err != nil && (f.err == io.EOF || n == 0) {
		return batch, f.err
	}
	return batch, nil
}

// fill reads until there are n rows.
func (f *File) fill(n int) {
	for len(f.queue) < n && f.err == nil {
		f.pull()
	}
}

// fillUntil is fill for an input that may never answer. A blocked read can't be cancelled: its goroutine is left behind
// when the run is cancelled, and ends with the program.
func (f *File) fillUntil(ctx context.Context, n int) error {
	if f.err != nil || len(f.queue) >= n {
		return nil //nolint:nilerr // the error is told behind the rows in front of it
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.fill(n)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *File) pull() {
	r, err := f.rows.next()
	switch {
	case err == io.EOF:
		f.err = io.EOF
	case err != nil:
		f.err = fmt.Errorf("input %s: %w", f.name, err)
	default:
		f.queue = append(f.queue, r)
	}
}

func (f *File) batch(queue []row) nodes.Batch {
	now := time.Now().UTC()
	b := nodes.Batch{Records: make([]nodes.Record, 0, len(queue))}
	for _, r := range queue {
		id, value, err := f.read(r)
		if err != nil {
			b.Rejected = append(b.Rejected, nodes.Rejected{
				Line:   r.line,
				Reason: err.Error(),
				Raw:    string(r.data[:min(len(r.data), nodes.MaxRaw)]),
			})
			continue
		}
		b.Records = append(b.Records, nodes.Record{ID: id, Value: value, Timestamp: now, Source: f.name, Line: r.line})
	}
	return b
}

func (f *File) read(r row) (string, float64, error) {
	if r.reason != "" {
		return "", 0, errors.New(r.reason)
	}
	id, text, err := f.fields.find(r)
	if err != nil {
		return "", 0, err
	}
	value, err := parseNumber(text)
	if err != nil {
		_, name := f.chosen()
		if strings.TrimSpace(text) == "" {
			return "", 0, fmt.Errorf("field %q is missing", name)
		}
		return "", 0, fmt.Errorf("field %q is not a number: %s", name, quote(text))
	}
	if id == "" {
		id = f.idOf(r)
	}
	return id, value, nil
}

// idOf names a row without an id after its line. Elements of a JSON array can share one.
func (f *File) idOf(r row) string {
	if r.line != f.named {
		f.named, f.sharing = r.line, 0
	}
	f.sharing++
	if f.sharing == 1 {
		return fmt.Sprintf("line-%d", r.line)
	}
	return fmt.Sprintf("line-%d.%d", r.line, f.sharing)
}
