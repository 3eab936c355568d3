// Package undelivered reads what a run left in its output folder: the records that no channel took, which are spooled,
// and the dead letters; and it notes which of them a replay has delivered since.
package undelivered

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"faultflow/internal/object"
)

// Line is a record that a run left. Where it stands is all that is kept of it: a folder may hold many.
type Line struct {
	// File is the file's name in the folder, Number the line's, counted from 1; Offset and Length are in bytes, the line's
	// end included.
	File           string
	Number         int64
	Offset, Length int64
	// Spooled says that the record is as a channel would have got it; that of a dead letter is as it came in.
	Spooled bool
	// Unreadable says that there is no record to send: the row could not be read, or the line is of something else.
	Unreadable bool
	// Replayed says that a replay has delivered it.
	Replayed bool
	// failed is why a replay could not deliver it, which holds in place of what the line says; nil if none has failed.
	failed *Why
}

// Content is what a line says.
type Content struct {
	Source    string `json:"source"`
	Row       int    `json:"row"`
	Timestamp string `json:"timestamp"`
	// Key is that of a spooled record; Place, Class and Reason are those of a dead letter, or of the last replay of
	// either.
	Key    string `json:"key"`
	Place  string `json:"place"`
	Class  string `json:"class"`
	Reason string `json:"reason"`
	Raw    string `json:"raw"`
	// Record is the record, to the byte; nil if there is none.
	Record json.RawMessage `json:"record"`
}

// Folder is what files of a folder hold.
type Folder struct {
	Dir string
	// Lines are in the order of the files, and of the lines within each.
	Lines []Line
	// Open are the deliveries of replays that ended before what became of them was noted.
	Open []Sending

	files map[string]*part
	marks *marks // nil until Begin
}

// part is one of the files; its lines are those from first to before end.
type part struct {
	*os.File
	first, end int
}

// Read reads the named files of a folder; one that is not there holds nothing. Nothing is written. The folder must be
// closed.
func Read(dir string, names ...string) (*Folder, error) {
	f := &Folder{Dir: dir, files: map[string]*part{}}
	for _, name := range names {
		if err := f.readFile(name); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	if err := f.readMarks(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *Folder) readFile(name string) error {
	path := filepath.Join(f.Dir, name)
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	p := &part{File: file, first: len(f.Lines)}
	f.files[name] = p
	in := bufio.NewReaderSize(file, 256<<10)
	for offset, number := int64(0), int64(1); ; number++ {
		text, err := in.ReadBytes('\n')
		if err == io.EOF { // a crash tore what is behind the end of the last line
			p.end = len(f.Lines)
			return nil
		}
		if err != nil {
			return err
		}
		c, ours := parse(text)
		f.Lines = append(f.Lines, Line{
			File:       name,
			Number:     number,
			Offset:     offset,
			Length:     int64(len(text)),
			Spooled:    ours && c.Place == "",
			Unreadable: !ours || c.Record == nil,
		})
		offset += int64(len(text))
	}
}

// parse reads a line; ours says that it is one of a run.
func parse(text []byte) (c Content, ours bool) {
	if json.Unmarshal(text, &c) != nil {
		return Content{}, false
	}
	dead, spooled := c.Place != "" && c.Class != "", c.Key != "" && c.Record != nil
	if !dead && !spooled || c.Record != nil && object.Check(c.Record) != nil {
		return Content{}, false
	}
	return c, true
}

// Content reads a line again. Why it was not delivered is what the last replay knows of that.
func (f *Folder) Content(l *Line) (Content, error) {
	text := make([]byte, l.Length)
	if _, err := f.files[l.File].ReadAt(text, l.Offset); err != nil {
		return Content{}, err
	}
	c, _ := parse(text)
	if l.failed != nil {
		c.Place, c.Class, c.Reason = l.failed.Place, l.failed.Class, l.failed.Reason
	}
	return c, nil
}

// Pending counts the lines of a file of a folder that no replay has delivered; a file that is not there has none.
func Pending(dir, name string) (n int, err error) {
	f, err := Read(dir, name)
	if err != nil {
		return 0, err
	}
	for i := range f.Lines {
		if !f.Lines[i].Replayed {
			n++
		}
	}
	return n, f.Close()
}

// Close closes the files.
func (f *Folder) Close() error {
	var err error
	for _, file := range f.files {
		err = errors.Join(err, file.Close())
	}
	f.files = nil
	if f.marks != nil {
		err = errors.Join(err, f.marks.log.Close())
		f.marks = nil
	}
	return err
}
