package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"faultflow/internal/errhandler"
	"faultflow/internal/nodes"
	"faultflow/internal/secret"
	"faultflow/internal/settings"
)

// Bounds of what is read at once.
const (
	// MaxRow is the longest row that is read, 4 MiB. A longer one is rejected, and reading goes on behind it.
	MaxRow = 4 << 20
	// mostBytes is how many bytes of rows a fetch returns at most, unless one row alone is longer.
	mostBytes = 16 << 20
	// peeked is how many rows the choice of the fields is based on.
	peeked = 100
	// settling is how long a read may take to come back that the system has answered.
	settling = 10 * time.Millisecond
	// chunkRows and chunkBytes bound what the reader hands over at once.
	chunkRows, chunkBytes = 512, 1 << 20
	// mostAhead bounds how many chunks wait to be fetched. The reader is a batch ahead, so that it reads while the
	// batch before is processed and delivered.
	mostAhead = 16
)

// Input reads records from a file, standard input or a URL, as a stream: its memory does not grow with the input. Its
// reader is a goroutine of its own, which reads ahead. Of an input that can keep a reader waiting, such as a pipe, what
// was read counts as collected: Drain returns what no Fetch has returned. It is not safe for concurrent use.
type Input struct {
	name     string
	settings settings.Settings
	secrets  *secret.Secrets
	origin   origin
	// chosen are the format and the fields, which the reader chooses before it hands anything over; known says that it
	// has.
	chosen struct{ format, id, value string }
	known  bool

	// run ends with the run as it is seen from outside: one in virtual time has a context of its own. reads ends with
	// Close: what was read before the run ended is handed over after it, too.
	run, reads context.Context
	stopReads  context.CancelFunc
	// begun says that reading has begun, which a remote input's does with the first fetch.
	begun bool
	// again asks the reader to begin anew; chunks are what it has read; ended is closed when it has.
	again  chan reading
	chunks chan chunk
	ended  chan struct{}
	// waiting is true while the reader waits for the input itself. After stopped it does not any more.
	waiting, stopped atomic.Bool
	// idle has something once it has begun to wait. settled is closed a moment after the run's end: a read that the
	// system had answered by then has come back.
	idle, settled chan struct{}

	// rest is what was read and not fetched yet, row the last one that was read.
	rest []entry
	row  int64
	// offset is where the last row that was fetched begins.
	offset atomic.Int64
	// err ended the reading, io.EOF included; told says that a Fetch has returned it.
	err  error
	told bool
	// abort ends the reading under way, which hangs; aborted says that it was ended so.
	abort   context.CancelFunc
	aborted bool
}

// reading is what the reader is asked for: the rows behind the first few.
type reading struct {
	ctx    context.Context
	behind int64
}

var _ nodes.Source = (*Input)(nil)

// origin is where an input comes from.
type origin interface {
	// open begins to read at the first row. Reading ends with ctx. Where live, waits is called before and after each
	// read that may wait; its error ends the reading.
	open(ctx context.Context, s *settings.Settings, waits func(begins bool) error) (rows, error)
	// health asks whether the input can be reached; nil means that it can.
	health(ctx context.Context) error
	// live says that the input can keep a reader waiting for as long as it likes; repeats that it can be opened again,
	// and has the same rows then.
	live() bool
	repeats() bool
}

// row is one row of the input, unparsed, or the reason why it could not be read. Its data are valid until the next one
// is read.
type row struct {
	line, offset int64
	data         []byte
	reason       string
	cut          bool // data are the row's beginning
	// ready says that the row is a record as a channel gets it: nothing is asked of its fields.
	ready bool
}

// rows splits an input into rows. Those that begin further on than at the first row, though not behind what was read
// before, have a method before() int64, which is how many are left out.
type rows interface {
	// next returns the next row, or io.EOF or the error of reading.
	next() (row, error)
	// object is the row as the text of a JSON object; an error is the reason, in one line, why it is none.
	object(r row) (string, error)
	// format is the one that the rows have: a choice of input-format, or what the origin calls it.
	format() string
	// columns are the names of all fields, nil where each row has its own.
	columns() []string
	close() error
}

// entry is one row: a record, or why it is none.
type entry struct {
	record   nodes.Record
	rejected *nodes.Rejected
}

// chunk is what the reader hands over: rows, and behind them what ended the reading.
type chunk struct {
	entries []entry
	err     error
}

// Open opens the input that the settings name, "-" being stdin, and waits until its format and its fields are known or
// ctx is done: then the input gives nothing. Format and fields are those that the settings name, or else guessed: the
// id is the field "id" or the first one; the value, where one is needed, is the field "value" or the first one that
// holds a number. If both are the same field, rows are named after their place. The error is a *settings.Error for
// settings that do not fit the input, or that of opening or reading it. The rows up to behind are skipped.
//
// An input behind a URL is opened by the first Fetch, so that the policies guard that, too: its format and its fields
// are known only then. See Refused.
func Open(
	ctx context.Context, s settings.Settings, stdin io.Reader, secrets *secret.Secrets, behind int64,
) (*Input, error) {
	name, from, err := originOf(&s, stdin, secrets)
	if err != nil {
		return nil, secrets.Error(err)
	}
	return start(ctx, s, name, from, secrets, behind)
}

func start(
	ctx context.Context, s settings.Settings, name string, from origin, secrets *secret.Secrets, behind int64,
) (*Input, error) {
	in := &Input{
		name:     name,
		origin:   from,
		row:      behind,
		settings: s,
		secrets:  secrets,
		again:    make(chan reading, 1),
		chunks:   make(chan chunk, min(1+s.BatchSize/chunkRows, mostAhead)),
		ended:    make(chan struct{}),
		idle:     make(chan struct{}, 1),
		settled:  make(chan struct{}),
	}
	in.run = ctx
	context.AfterFunc(ctx, func() { // outside of virtual time, whatever the run's clock
		time.Sleep(settling)
		close(in.settled)
	})
	in.reads, in.stopReads = context.WithCancel(context.WithoutCancel(ctx))
	if s.RemoteInput() {
		go in.readAll(nil)
		return in, nil
	}
	ready := make(chan error, 1)
	go in.readAll(ready)
	in.begin()
	select {
	case err := <-ready:
		if err != nil {
			in.Close()
			return nil, err
		}
		in.known = true
	case <-ctx.Done():
	}
	return in, nil
}

// begin asks the reader for the rows behind the last one that was read.
func (in *Input) begin() {
	var ctx context.Context
	ctx, in.abort = context.WithCancel(in.reads)
	in.begun, in.err, in.told, in.aborted = true, nil, false, false
	in.again <- reading{ctx, in.row}
}

// readAll is the reader: it reads once for each time that it is asked to. The first time, the outcome of opening comes
// on ready.
func (in *Input) readAll(ready chan<- error) {
	defer close(in.ended)
	for {
		select {
		case <-in.reads.Done():
			return
		case what := <-in.again:
			r := &reader{Input: in, ctx: what.ctx, behind: what.behind}
			r.err = in.named(r.readOnce(ready))
			if r.handOver() != nil {
				return
			}
			ready = nil
		}
	}
}

// named adds the input's name to an error of reading, which shows no secret.
func (in *Input) named(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	_, bad := errors.AsType[*settings.Error](err)
	_, named := errors.AsType[*fs.PathError](err)
	switch {
	case bad:
	case named:
		err = fmt.Errorf("input: %w", err)
	default:
		err = fmt.Errorf("input %s: %w", in.name, err)
	}
	return in.secrets.Error(err)
}

// refusedError is a *settings.Error of an input that is under way. No further attempt can do better, so it matches
// context.Canceled.
type refusedError struct{ error }

func (e refusedError) Is(target error) bool { return target == context.Canceled }
func (e refusedError) Unwrap() error        { return e.error }

// Refused returns the *settings.Error for settings that do not fit a remote input, nil if there is none so far.
func (in *Input) Refused() error {
	if _, bad := errors.AsType[*settings.Error](in.err); bad {
		return in.err
	}
	return nil
}

// Lost returns the error that ended the reading for good, nil if there is none so far: no further attempt can mend it,
// so that a fetch only returns it again.
func (in *Input) Lost() error {
	if in.told && errors.Is(in.err, errhandler.ErrLasting) {
		return in.err
	}
	return nil
}

// Name returns the file's base name, or stdin.
func (in *Input) Name() string { return in.name }

// Format returns the format that was chosen; like the fields, "" if the run ended before.
func (in *Input) Format() string { return in.ifKnown(&in.chosen.format) }

// IDField returns the field that holds the id, "" where rows are named after their place.
func (in *Input) IDField() string { return in.ifKnown(&in.chosen.id) }

// ValueField returns the field that holds the value, "" where none is needed.
func (in *Input) ValueField() string { return in.ifKnown(&in.chosen.value) }

func (in *Input) ifKnown(chosen *string) string {
	if !in.known {
		return "" // the reader may still be choosing
	}
	return *chosen
}

// Share returns a function that tells how much of the input has been fetched, from 0 to 1, at any time; nil if that can't
// be told.
func (in *Input) Share() func() float64 {
	f, ok := in.origin.(*file)
	if !ok || f.pipe || plainName(f.path) != f.path {
		return nil
	}
	info, err := os.Stat(f.path)
	if err != nil || info.Size() == 0 {
		return nil
	}
	return func() float64 { return min(1, float64(in.offset.Load())/float64(info.Size())) }
}

// Close ends the reading. It waits for the reader, unless that waits for an input that can't be interrupted: then the
// reader ends with the program.
func (in *Input) Close() {
	in.stopReads()
	if in.origin.live() {
		return
	}
	<-in.ended
	if c, ok := in.origin.(io.Closer); ok {
		_ = c.Close() // of reading: nothing can be lost
	}
}

// Health returns the error that ended the reading, if one did, or what the input's origin says. That of a remote input
// is asked in any case: it may be back.
func (in *Input) Health(ctx context.Context) error {
	if in.err != nil && in.err != io.EOF && !in.settings.RemoteInput() {
		return in.err
	}
	return in.secrets.Error(in.origin.health(ctx))
}

// pauses reports whether more rows may take their time: what is there is not held back by what is not.
func (in *Input) pauses() bool { return in.origin.live() || in.settings.RemoteInput() }

// Await waits until an input that can keep a reader waiting has rows, has ended, or the run has. Whoever waits so does
// not fail: nothing is there yet.
func (in *Input) Await(ctx context.Context) {
	if in.origin.live() && len(in.rest) == 0 && in.err == nil {
		in.receive(ctx, nil)
	}
}

// Fetch returns the next n rows, with io.EOF when they are known to be the last. Fewer come at the end, if they are
// large, and from a remote input, or one that can keep a reader waiting, if no more are there within the batch wait.
// An error of reading comes after the rows that were read before it; the next Fetch tries again, if the input can be
// opened again and is not lost.
func (in *Input) Fetch(ctx context.Context, n int) (nodes.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nodes.Batch{}, err
	}
	if err := in.Refused(); err != nil {
		return nodes.Batch{}, refusedError{err}
	}
	if !in.begun || in.err != nil && in.err != io.EOF && in.told && in.origin.repeats() && in.Lost() == nil {
		in.begin()
	}
	pauses := in.pauses()
	var enough <-chan time.Time
	rows, size, open := 0, 0, true
	for open && rows < n && size < mostBytes {
		if rows < len(in.rest) {
			size += in.rest[rows].size()
			rows++
			continue
		}
		if rows > 0 && enough == nil && pauses {
			timer := time.NewTimer(in.settings.BatchWait)
			defer timer.Stop()
			enough = timer.C
		}
		open = in.err == nil && in.receive(ctx, enough)
	}
	if rows == len(in.rest) && rows == n && !pauses && in.err == nil {
		in.receive(ctx, nil) // whether row n is the last one
	}
	batch := in.batch(rows)
	batch.Short = rows > 0
	switch {
	case rows > 0 && (in.err != io.EOF || len(in.rest) > 0):
		return batch, nil
	case in.Refused() != nil:
		return batch, refusedError{in.err}
	case in.err != nil:
		in.told = true
		return batch, in.err
	case rows == 0:
		if !in.origin.live() && in.origin.repeats() { // it hangs
			in.abort()
			in.aborted = true
		}
		return batch, errors.Join(ctx.Err(), in.run.Err())
	}
	return batch, nil
}

// receive waits for the next chunk; false if the time is over, or the run is.
func (in *Input) receive(ctx context.Context, enough <-chan time.Time) bool {
	for {
		select {
		case c := <-in.chunks:
			in.known = true
			in.rest = append(in.rest, c.entries...)
			if n := len(c.entries); n > 0 {
				in.row = c.entries[n-1].row()
			}
			in.err = c.err
			if c.err != nil && in.aborted {
				in.begin()
				continue
			}
			return true
		case <-enough:
		case <-ctx.Done():
		case <-in.run.Done():
		}
		return false
	}
}

// Drain returns what an interrupted run has read and never fetched, if the input can't be read again.
func (in *Input) Drain() nodes.Batch {
	if in.run.Err() == nil || in.origin.repeats() {
		return nodes.Batch{}
	}
	in.stopped.Store(true)
	<-in.settled
	for in.err == nil {
		var c chunk
		select {
		case c = <-in.chunks:
		default:
			if in.waiting.Load() { // all that it had read is in the channel, or was
				select {
				case c = <-in.chunks:
				default:
					return in.batch(len(in.rest))
				}
			} else {
				select {
				case c = <-in.chunks:
				case <-in.idle:
				}
			}
		}
		if c.entries != nil || c.err != nil {
			in.rest, in.err, in.known = append(in.rest, c.entries...), c.err, true
		}
	}
	return in.batch(len(in.rest))
}

// batch takes the first n rows of the rest.
func (in *Input) batch(n int) nodes.Batch {
	now := time.Now().UTC()
	b := nodes.Batch{Records: make([]nodes.Record, 0, n)}
	for _, e := range in.rest[:n] {
		if e.rejected != nil {
			b.Rejected = append(b.Rejected, *e.rejected)
			continue
		}
		e.record.Timestamp = now
		b.Records = append(b.Records, e.record)
	}
	if n > 0 {
		in.offset.Store(in.rest[n-1].offset())
	}
	if rest := in.rest[n:]; len(rest) <= n { // its place is used again, at the cost of no more than was fetched
		clear(in.rest[copy(in.rest, rest):])
		in.rest = in.rest[:len(rest)]
	} else {
		in.rest = rest
	}
	return b
}

func (e *entry) row() int64 {
	if e.rejected != nil {
		return e.rejected.Row
	}
	return e.record.Row
}

func (e *entry) offset() int64 {
	if e.rejected != nil {
		return e.rejected.Offset
	}
	return e.record.Offset
}

func (e *entry) size() int {
	if e.rejected != nil {
		return len(e.rejected.Raw)
	}
	return len(e.record.Fields)
}
