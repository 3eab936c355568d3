package channel

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"faultflow/internal/atomicfile"
	"faultflow/internal/nodes"
	"faultflow/internal/object"
	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

// File appends to a file: a JSON object a line, or rows of CSV. A delivery is there in full, and has reached the disk,
// or the file is as it was. It remembers the keys of the pass; across lives, Mark and Rewind do.
type File struct {
	name, path string
	csv        bool
	turn       chan struct{}
	file       appended
	// regular is false for what can be neither cut nor synced, such as a pipe.
	regular bool
	// size is the file's length with all deliveries that were taken.
	size int64
	// seen says that what the file had before was looked at; join is what has to come behind it first.
	seen bool
	join string
	// columns are those of CSV, once there are some.
	columns []string
	// buffer is where a delivery's text is made.
	buffer []byte
	// broken is why the file could not be made as it was: nothing can be delivered any more.
	broken error
}

// appended is what a File needs of an *os.File.
type appended interface {
	io.ReaderAt
	io.WriterAt
	Write([]byte) (int, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

var fileKind = kind{
	schemes: []string{"file"},
	open: func(_ context.Context, o settings.Outlet, _ *settings.Settings, out Outside) (Real, error) {
		path, err := out.Secrets.Expand("channel", strings.TrimPrefix(o.URL, "file:"))
		if err != nil {
			return nil, err
		}
		if path == "" {
			return nil, &settings.Error{Name: "channel", Value: o.String(), Problem: "it names no file; want file:PATH"}
		}
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
		if errors.Is(err, fs.ErrPermission) { // what can only be written, such as a pipe of somebody else
			file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
		}
		if err != nil {
			return nil, err
		}
		info, err := file.Stat()
		if err != nil {
			file.Close() // into which nothing was written
			return nil, err
		}
		if info.Size() == 0 && info.Mode().IsRegular() {
			if err := atomicfile.SyncFolder(filepath.Dir(path)); err != nil { // its name lasts as its content does
				file.Close()
				return nil, err
			}
		}
		return newFile(o.Name, path, file, info.Size(), info.Mode().IsRegular()), nil
	},
}

func newFile(name, path string, file appended, size int64, regular bool) *File {
	f := &File{
		name:    name,
		path:    path,
		csv:     strings.EqualFold(filepath.Ext(path), ".csv"),
		turn:    make(chan struct{}, 1),
		file:    file,
		size:    size,
		regular: regular,
	}
	f.turn <- struct{}{}
	return f
}

// Name returns the channel's name.
func (f *File) Name() string { return f.name }

// Idempotent is true: within a run a key is taken once.
func (f *File) Idempotent() bool { return true }

// Mark says how long the file is, with all deliveries that were taken. Rewind brings that back.
func (f *File) Mark() (string, error) { return strconv.FormatInt(f.size, 10), f.broken }

// Rewind cuts the file back to what it was at a mark.
func (f *File) Rewind(mark string) error {
	size, err := strconv.ParseInt(mark, 10, 64)
	switch {
	case err != nil || size < 0:
		return fmt.Errorf("%s: %q is no mark of a file", f.path, mark)
	case !f.regular:
		return fmt.Errorf("%s: only a file can be cut back to what it was", f.path)
	case size > f.size:
		return fmt.Errorf("%s has %d bytes, and had %d when the run ended: it is another file, or was cut; "+
			"put back the one that the run wrote", f.path, f.size, size)
	}
	if err := f.file.Truncate(size); err != nil {
		return err
	}
	f.size, f.seen, f.columns, f.broken = size, false, nil, nil
	return f.file.Sync()
}

// Deliver appends the records.
func (f *File) Deliver(ctx context.Context, d nodes.Delivery) (int, error) {
	select {
	case <-f.turn:
		defer func() { f.turn <- struct{}{} }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	known, n := workflow.Local[taken](ctx, f), len(d.Records)
	now := known.of(d.Key)
	if err := ctx.Err(); err != nil || now.records >= n {
		if err != nil {
			return 0, err
		}
		return now.answer(n)
	}
	if f.broken != nil {
		return 0, f.broken
	}
	if !f.seen {
		if err := f.look(); err != nil {
			return 0, err
		}
	}
	columns := f.columns
	text, refused := f.text(d, now.records)
	f.buffer = text
	if err := f.append(text); err != nil {
		f.columns = columns // the header was cut off, too
		return 0, err
	}
	f.join = ""
	now = outcome{n, slices.Concat(now.refused, refused)}
	known.note(d.Key, now)
	return now.answer(n)
}

// look finds out how what the file has ends, and its columns.
func (f *File) look() error {
	f.join = ""
	if f.size == 0 || !f.regular {
		f.seen = true
		return nil
	}
	if f.csv {
		columns, err := csv.NewReader(io.NewSectionReader(f.file, 0, f.size)).Read()
		if err != nil {
			return fmt.Errorf("%s: the header of the file that is there: %w", f.path, err)
		}
		columns[0] = strings.TrimPrefix(columns[0], "\ufeff")
		f.columns = columns
	}
	last := make([]byte, min(f.size, 64<<10))
	if _, err := f.file.ReadAt(last, f.size-int64(len(last))); err != nil {
		return err
	}
	if last[len(last)-1] != '\n' {
		line := last[bytes.LastIndexByte(last, '\n')+1:]
		if !f.csv && len(line) < len(last) && !json.Valid(line) {
			err := fmt.Errorf("its last line is torn, from byte %d on; cut it off, or deliver to another file",
				f.size-int64(len(line)))
			return &fs.PathError{Op: "append", Path: f.path, Err: err}
		}
		f.join = "\n"
	}
	f.seen = true
	return nil
}

// text is what is appended for the records behind the first few of a delivery.
func (f *File) text(d nodes.Delivery, behind int) (text []byte, refused []nodes.Refusal) {
	text = append(f.buffer[:0], f.join...)
	if !f.csv {
		for i := behind; i < len(d.Records); i++ {
			text = append(d.Records[i].AppendJSON(text), '\n')
		}
		return text, nil
	}
	var row fields
	if f.columns == nil {
		for i := behind; i < len(d.Records); i++ {
			row.read(string(d.Records[i].AppendJSON(nil)))
			for _, name := range row.names {
				if !slices.Contains(f.columns, name) {
					f.columns = append(f.columns, name)
				}
			}
		}
		if f.columns == nil { // which the loop below says of each
			text = text[:0]
		} else {
			text = appendRow(text, f.columns)
		}
	}
	cells := make([]string, len(f.columns))
	for i := behind; i < len(d.Records); i++ {
		row.read(string(d.Records[i].AppendJSON(nil)))
		if reason := f.cells(&row, cells); reason != "" {
			refused = append(refused, nodes.Refusal{Index: i, Reason: reason})
			continue
		}
		text = appendRow(text, cells)
	}
	return text, refused
}

// cells fills in the cells of a row. The reason is why a record can't be one.
func (f *File) cells(row *fields, cells []string) (reason string) {
	if len(row.names) == 0 {
		return errNoFields.Error()
	}
	clear(cells)
	for i, name := range row.names {
		at := slices.Index(f.columns, name)
		if at < 0 {
			return fmt.Sprintf("%s has no column %q; add it to its header, or deliver to another file",
				filepath.Base(f.path), name)
		}
		cells[at] = plain(row.values[i])
	}
	return ""
}

// plain is a value as a text without quotes: a string itself, nothing for null, and JSON for the others.
func plain(value string) string {
	if text, err := object.Scalar(value); err == nil {
		return text
	}
	return value
}

// appendRow appends a row of CSV as RFC 4180 has it.
func appendRow(b []byte, cells []string) []byte {
	for i, cell := range cells {
		if i > 0 {
			b = append(b, ',')
		}
		if strings.ContainsAny(cell, ",\"\r\n") || cell == "" && len(cells) == 1 || strings.TrimSpace(cell) != cell {
			b = append(b, '"')
			b = append(b, strings.ReplaceAll(cell, `"`, `""`)...)
			b = append(b, '"')
			continue
		}
		b = append(b, cell...)
	}
	return append(b, '\n')
}

// append writes behind what was taken, and waits until it has reached the disk. If it can't, the file is cut back.
func (f *File) append(text []byte) error {
	if !f.regular {
		if n, err := f.file.Write(text); err != nil {
			if n > 0 {
				f.broken = err // a part is on its way, and can't be had back
			}
			return err
		}
		return nil
	}
	_, err := f.file.WriteAt(text, f.size)
	if err == nil {
		err = f.file.Sync()
	}
	if err == nil {
		f.size += int64(len(text))
		return nil
	}
	if undo := f.file.Truncate(f.size); undo != nil {
		f.broken = fmt.Errorf("%w, and cutting that off: %w", err, undo)
		return f.broken
	}
	return err
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }
