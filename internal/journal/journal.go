// Package journal is the one truth about where a record is once the process may die: a log, written before a record is
// handed on and read before anything is read from the input.
package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"faultflow/internal/channel"
	"faultflow/internal/disk"
	"faultflow/internal/nodes"
	"faultflow/internal/report"
)

// File is the journal's name in its folder.
const File = "journal.ndjson"

// Journal is a journal that is being written. It is called by one goroutine at a time. After an error of writing it
// refuses everything: what it can't note must not happen.
type Journal struct {
	dir  string
	log  *disk.Log
	lock *disk.Lock
	past Past
	err  error
}

// Identity is what the lives of a run have in common.
type Identity struct {
	// Run begins the idempotency keys of the run's deliveries.
	Run string `json:"run"`
	// Settings are those of a report, by name, and Input tells the input's content from another one's.
	Settings map[string]any `json:"settings"`
	Input    string         `json:"input"`
	Seed     uint64         `json:"seed"`
	// Output is the folder that keeps the records.
	Output string `json:"output"`
}

// Cycle is the end of a cycle: everything that was collected up to it is where the ledger says.
type Cycle struct {
	Number int `json:"number"`
	// Row is the last row of the input that was collected.
	Row int64 `json:"row"`
	// Ledger counts the records of all lives.
	Ledger report.Ledger `json:"ledger"`
	// PossibleDuplicates counts the records of all lives that may be somewhere twice.
	PossibleDuplicates int64 `json:"possible_duplicates"`
	// Lengths are those of the files that keep records.
	Lengths map[string]int64 `json:"lengths"`
}

// Sending is a delivery that is about to begin.
type Sending struct {
	Channel string `json:"channel"`
	Key     string `json:"key"`
	// Mark is where the channel can be rewound to; "" if it can't be.
	Mark string `json:"mark,omitempty"`
	// Rows are those of the records, in order, as ranges of which both ends belong.
	Rows [][2]int64 `json:"rows"`
}

// Past is what a journal knows.
type Past struct {
	Identity
	// Lives counts the runs that wrote the journal, this one included.
	Lives int
	// Last is the last cycle that ended; zero if none did. Sent are the deliveries that began after it.
	Last Cycle
	Sent []Sending
}

// line is a line of the journal: one of its members.
type line struct {
	Begin   *Identity `json:"begin,omitempty"`
	Life    int       `json:"life,omitempty"`
	Sending *Sending  `json:"sending,omitempty"`
	Cycle   *Cycle    `json:"cycle,omitempty"`
}

// Open opens the journal of a folder, which it makes if there is none, and locks it. notices tell what it found. The
// error is a *disk.HeldError if another process holds it.
func Open(sys disk.System, dir, holder string) (j *Journal, notices []string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, err
	}
	lock, err := disk.LockFolder(dir, holder)
	if err != nil {
		return nil, nil, err
	}
	path := filepath.Join(dir, File)
	log, torn, err := disk.OpenLog(sys, path)
	if err != nil {
		return nil, nil, errors.Join(err, lock.Release())
	}
	j = &Journal{dir: dir, log: log, lock: lock}
	if torn > 0 {
		notices = append(notices, path+": the last line was not whole; it is cut off")
	}
	if err := j.read(path); err != nil {
		return nil, nil, errors.Join(err, j.Close())
	}
	return j, notices, nil
}

// read reads what the journal knows.
func (j *Journal) read(path string) error {
	data, err := j.log.Read()
	if err != nil {
		return err
	}
	return j.past.parse(path, data)
}

// Read tells what the journal of a folder knows, without the right to write it; nil if there is none.
func Read(dir string) (*Past, error) {
	path := filepath.Join(dir, File)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p := &Past{}
	return p, p.parse(path, data[:bytes.LastIndexByte(data, '\n')+1])
}

// parse reads whole lines.
func (p *Past) parse(path string, data []byte) error {
	number := 0
	for text := range bytes.Lines(data) {
		number++
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return fmt.Errorf("%s:%d: damaged: %w; restore the file, or begin anew in another folder", path, number, err)
		}
		switch {
		case l.Begin != nil:
			p.Identity = *l.Begin
		case l.Sending != nil:
			p.Sent = append(p.Sent, *l.Sending)
		case l.Cycle != nil:
			p.Last, p.Sent = *l.Cycle, nil
		case l.Life > 0:
			p.Lives = l.Life
		}
	}
	return nil
}

// Past is what the journal knew when it was opened.
func (j *Journal) Past() *Past { return &j.past }

// DifferentError says that a journal is of another run.
type DifferentError struct {
	Dir string
	// Differences are "NAME: THEN, now NOW".
	Differences []string
}

func (e *DifferentError) Error() string {
	return fmt.Sprintf("%s is the state of another run; %s; give the same settings, or another --state folder",
		e.Dir, strings.Join(e.Differences, "; "))
}

// Begin begins the journal, or goes on with one of the same run. The error is a *DifferentError if it is another's.
func (j *Journal) Begin(now Identity) error {
	if j.past.Lives == 0 {
		j.past.Identity = now
		if err := j.write(line{Begin: &now}); err != nil {
			return err
		}
	} else if list := differences(&j.past.Identity, &now); len(list) > 0 {
		return &DifferentError{j.dir, list}
	}
	j.past.Lives++
	return j.write(line{Life: j.past.Lives})
}

func differences(then, now *Identity) (list []string) {
	add := func(name string, then, now any) {
		// As JSON, since what was read has other types.
		a, _ := json.Marshal(then)
		b, _ := json.Marshal(now)
		if !bytes.Equal(a, b) {
			list = append(list, fmt.Sprintf("%s: %s, now %s", name, a, b))
		}
	}
	names := map[string]bool{}
	for name := range then.Settings {
		names[name] = true
	}
	for name := range now.Settings {
		names[name] = true
	}
	for name := range names {
		add(name, then.Settings[name], now.Settings[name])
	}
	sort.Strings(list)
	if then.Input != now.Input {
		list = append(list, "the input has other content")
	}
	add("seed", then.Seed, now.Seed)
	add("output", then.Output, now.Output)
	return list
}

// write adds a line and makes it durable.
func (j *Journal) write(l line) error {
	if j.err != nil {
		return j.err
	}
	text, err := json.Marshal(l)
	if err == nil {
		_, err = j.log.Add(append(text, '\n'))
	}
	if err == nil {
		_, err = j.log.Flush()
	}
	if err == nil {
		err = j.log.Sync()
	}
	if err != nil {
		j.err = fmt.Errorf("journal: %w", err)
	}
	return j.err
}

// End notes the end of a cycle.
func (j *Journal) End(c Cycle) error { return j.write(line{Cycle: &c}) }

// Close closes the journal and gives its folder back.
func (j *Journal) Close() error { return errors.Join(j.log.Close(), j.lock.Release()) }

// Channel notes each delivery before the channel gets it.
func (j *Journal) Channel(c nodes.Channel) nodes.Channel { return &journaled{c, j} }

type journaled struct {
	nodes.Channel
	journal *Journal
}

func (c *journaled) Deliver(ctx context.Context, d nodes.Delivery) (int, error) {
	s := Sending{Channel: c.Name(), Key: d.Key, Rows: rowsOf(d.Records)}
	if r, ok := c.Channel.(channel.Rewinding); ok {
		var err error
		if s.Mark, err = r.Mark(); err != nil {
			return 0, err
		}
	}
	if err := c.journal.write(line{Sending: &s}); err != nil {
		return 0, err
	}
	return c.Channel.Deliver(ctx, d)
}

// rowsOf are the rows of records, as ranges.
func rowsOf(records []nodes.Processed) (rows [][2]int64) {
	for i := range records {
		row := records[i].Row
		if n := len(rows); n > 0 && rows[n-1][1] == row-1 {
			rows[n-1][1] = row
			continue
		}
		rows = append(rows, [2]int64{row, row})
	}
	return rows
}

// Fate is what became of the deliveries that a life began and did not note the end of.
type Fate struct {
	// Arrived has the channel of each row that arrived.
	Arrived map[int64]string
	// Uncertain counts the records that may have arrived at channels that can't tell.
	Uncertain int
}

// Settle asks the channels what became of the deliveries that the last life began and did not note the end of.
func (p *Past) Settle(ctx context.Context, channels []channel.Real) (*Fate, error) {
	fate := &Fate{Arrived: map[int64]string{}}
	// Rewound from the last delivery to the first, so that the file is at last what it was before all of them.
	for _, s := range slices.Backward(p.Sent) {
		i := slices.IndexFunc(channels, func(c channel.Real) bool { return c.Name() == s.Channel })
		if i < 0 {
			continue // a simulated channel, which ended with its process
		}
		if err := fate.settle(ctx, channels[i], s); err != nil {
			return nil, fmt.Errorf("channel %s: %w", s.Channel, err)
		}
	}
	return fate, nil
}

func (f *Fate) settle(ctx context.Context, c channel.Real, s Sending) error {
	switch c := c.(type) {
	case channel.Rewinding:
		return c.Rewind(s.Mark)
	case channel.Remembering:
		settled, err := c.Landed(ctx, s.Key)
		refused, _ := errors.AsType[*nodes.RefusedError](err)
		if err != nil && refused == nil {
			return err
		}
		f.arrived(s, settled, refused)
		return nil
	}
	for _, r := range s.Rows {
		f.Uncertain += int(r[1] - r[0] + 1)
	}
	return nil
}

// arrived notes the first so many records of a delivery, but for those that were refused: they are sent, and refused,
// again.
func (f *Fate) arrived(s Sending, settled int, refused *nodes.RefusedError) {
	index := 0
	for _, r := range s.Rows {
		for row := r[0]; row <= r[1] && index < settled; row++ {
			isThis := func(r nodes.Refusal) bool { return r.Index == index }
			if refused == nil || !slices.ContainsFunc(refused.Refused, isThis) {
				f.Arrived[row] = s.Channel
			}
			index++
		}
	}
}
