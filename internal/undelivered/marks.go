package undelivered

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"faultflow/internal/disk"
)

// Marks is the file in a folder that says what has been replayed. It only grows.
const Marks = "replayed.ndjson"

// Range is lines of a file that follow one another, by their bytes. Sum is that of what they say: a mark means these
// lines, and not others that came into their place when a later run replaced the file.
type Range struct {
	File string `json:"file"`
	From int64  `json:"from"`
	To   int64  `json:"to"`
	Sum  string `json:"sum"`
}

// Sending is a delivery that is about to begin.
type Sending struct {
	// Channel is the channel's name and URL, as --channel has them.
	Channel string `json:"channel"`
	// Key is the delivery's idempotency key, and Lines are its records, in order.
	Key   string  `json:"key"`
	Lines []Range `json:"lines"`
	// Mark is what the channel said before it, "" for one that can't say; Bytes is how many come behind that if it is a
	// file of JSON lines.
	Mark  string `json:"mark,omitempty"`
	Bytes int64  `json:"bytes,omitempty"`
}

// Why is why a record was not delivered.
type Why struct {
	Place  string `json:"place"`
	Class  string `json:"class"`
	Reason string `json:"reason"`
}

// Outcome is what came of deliveries. Lines are by their indices.
type Outcome struct {
	Delivered []int
	// Failed have failed again: what they say of why holds no longer.
	Failed map[Why][]int
	// Ended are the keys of deliveries of which nothing else can have arrived.
	Ended []string
}

// mark is a line of the file: a delivery that is about to begin, or the outcome of some.
type mark struct {
	Sending  *Sending  `json:"sending,omitempty"`
	Replayed []Range   `json:"replayed,omitempty"`
	Failed   []failure `json:"failed,omitempty"`
	Ended    []string  `json:"ended,omitempty"`
}

type failure struct {
	Lines []Range `json:"lines"`
	Why
}

// marks is the file while it is written. After an error it refuses everything: what it can't note must not happen.
type marks struct {
	log *disk.Log
	err error
}

// readMarks reads what the marks say about the lines. The last one may be torn.
func (f *Folder) readMarks() error {
	path := filepath.Join(f.Dir, Marks)
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	number := 0
	for text := range bytes.Lines(data[:bytes.LastIndexByte(data, '\n')+1]) {
		number++
		var m mark
		if err := json.Unmarshal(text, &m); err != nil {
			return fmt.Errorf("%s:%d: damaged: %w; restore the file: without it, what was replayed is sent again",
				path, number, err)
		}
		if m.Sending != nil {
			f.Open = append(f.Open, *m.Sending)
			continue
		}
		f.Open = slices.DeleteFunc(f.Open, func(s Sending) bool { return slices.Contains(m.Ended, s.Key) })
		for _, at := range f.Within(m.Replayed) {
			f.Lines[at].Replayed = true
		}
		for _, again := range m.Failed {
			for _, at := range f.Within(again.Lines) {
				f.Lines[at].failed = &again.Why
			}
		}
	}
	f.Open = slices.DeleteFunc(f.Open, func(s Sending) bool {
		return !slices.ContainsFunc(f.Within(s.Lines), func(at int) bool { return !f.Lines[at].Replayed })
	})
	return nil
}

// Within are the indices of the lines that ranges mean.
func (f *Folder) Within(ranges []Range) (lines []int) {
	for _, r := range ranges {
		file := f.files[r.File]
		if file == nil || f.sum(r) != r.Sum {
			continue
		}
		at, _ := slices.BinarySearchFunc(f.Lines[file.first:file.end], r.From, func(l Line, from int64) int {
			return cmp.Compare(l.Offset, from)
		})
		for at += file.first; at < file.end && f.Lines[at].Offset < r.To; at++ {
			lines = append(lines, at)
		}
	}
	return lines
}

// sum is that of the bytes of a range; "" if they are not there.
func (f *Folder) sum(r Range) string {
	file := f.files[r.File]
	if file == nil {
		return ""
	}
	hash := sha256.New()
	if n, err := io.Copy(hash, io.NewSectionReader(file.File, r.From, r.To-r.From)); err != nil || n < r.To-r.From {
		return ""
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}

// ranges are what lines are noted as.
func (f *Folder) ranges(lines []int) (list []Range) {
	for _, at := range lines {
		l := &f.Lines[at]
		if n := len(list) - 1; n >= 0 && list[n].File == l.File && list[n].To == l.Offset {
			list[n].To += l.Length
			continue
		}
		list = append(list, Range{File: l.File, From: l.Offset, To: l.Offset + l.Length})
	}
	for i := range list {
		list[i].Sum = f.sum(list[i])
	}
	return list
}

// Begin opens the marks for writing; the caller has the folder's lock.
func (f *Folder) Begin(sys disk.System) error {
	log, _, err := disk.OpenLog(sys, filepath.Join(f.Dir, Marks))
	if err != nil {
		return err
	}
	f.marks = &marks{log: log}
	return sys.SyncFolder(f.Dir)
}

// Sends notes that lines, by their indices, are about to be sent.
func (f *Folder) Sends(s Sending, lines []int) error {
	s.Lines = f.ranges(lines)
	return f.marks.write(mark{Sending: &s})
}

// Note notes what came of deliveries, all of it or nothing.
func (f *Folder) Note(o Outcome) error {
	if len(o.Delivered)+len(o.Failed)+len(o.Ended) == 0 {
		return f.marks.err
	}
	slices.Sort(o.Delivered)
	m := mark{Replayed: f.ranges(o.Delivered), Ended: o.Ended}
	for _, at := range o.Delivered {
		f.Lines[at].Replayed = true
	}
	for why, lines := range o.Failed {
		slices.Sort(lines)
		m.Failed = append(m.Failed, failure{f.ranges(lines), why})
		for _, at := range lines {
			f.Lines[at].failed = &why
		}
	}
	slices.SortFunc(m.Failed, func(a, b failure) int {
		return cmp.Or(cmp.Compare(a.Place, b.Place), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Reason, b.Reason))
	})
	return f.marks.write(m)
}

// write adds a line and makes it durable.
func (m *marks) write(of mark) error {
	if m.err != nil {
		return m.err
	}
	text, err := json.Marshal(of)
	if err == nil {
		_, err = m.log.Add(append(text, '\n'))
	}
	if err == nil {
		_, err = m.log.Flush()
	}
	if err == nil {
		err = m.log.Sync()
	}
	if err != nil {
		m.err = fmt.Errorf("%s: %w", Marks, err)
	}
	return m.err
}
