package channel

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"faultflow/internal/atomicfile"
	"faultflow/internal/nodes"
)

// The files of an Output.
const (
	outputDelivered   = "delivered.ndjson"
	outputDeadLetters = "dead-letters.ndjson"
	outputEmergency   = "emergency.ndjson"
)

// Output keeps a run's records in a folder: delivered.ndjson, dead-letters.ndjson and emergency.ndjson, one JSON object
// a line. They are written under temporary names in that folder and get their names in Commit, so that the files of an
// older run stay whole until the new ones are.
//
// An error of Deliver or DeadLetter breaks the output: every later call returns that error, and Commit publishes
// nothing. A failed Write does not, as long as it could be undone. An Output must end with Commit or Discard, after
// which the other methods return an error that is fs.ErrClosed. It is not safe for concurrent use.
type Output struct {
	sys outputSystem
	dir string

	delivered, deadLetters, emergency *outputStream
	// streams holds the three in the order in which Commit renames them.
	streams []*outputStream
	// spooled is the length of the emergency file with all deliveries that Write has taken.
	spooled int64

	lines outputLines
	// err is what ended the output: the first error, or that it is closed.
	err error
}

var _ nodes.Spool = (*Output)(nil)

// CreateOutput starts an output in dir, which it makes if there is none.
func CreateOutput(dir string) (*Output, error) {
	return createOutput(dir, outputSystem{open: openOutputFile, syncFolder: atomicfile.SyncFolder, buffer: 64 << 10})
}

// createOutput is CreateOutput on a given system.
func createOutput(dir string, sys outputSystem) (*Output, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("output folder: %w", err)
	}
	o := &Output{sys: sys, dir: dir}
	// The emergency file is the first to be renamed: whatever happens between two renames, an older run's emergency
	// file never stands beside newer files.
	for _, s := range []struct {
		stream **outputStream
		name   string
	}{
		{&o.emergency, outputEmergency},
		{&o.deadLetters, outputDeadLetters},
		{&o.delivered, outputDelivered},
	} {
		stream, err := openOutputStream(filepath.Join(dir, s.name), sys)
		if err != nil {
			o.Discard()
			return nil, err
		}
		*s.stream = stream
		o.streams = append(o.streams, stream)
	}
	return o, nil
}

// Deliver adds the records of d to the delivered ones: those that the channel of that name has accepted.
func (o *Output) Deliver(channel string, d nodes.Delivery) error {
	if o.err != nil {
		return o.err
	}
	o.lines.begin(&channel, d.Key)
	for i := range d.Records {
		if _, err := o.delivered.buf.Write(o.lines.record(&d.Records[i])); err != nil {
			o.err = o.delivered.wrap(err)
			return o.err
		}
	}
	return nil
}

// DeadLetter adds l to the dead letters.
func (o *Output) DeadLetter(l nodes.DeadLetter) error {
	if o.err != nil {
		return o.err
	}
	if _, err := o.deadLetters.buf.Write(o.lines.deadLetter(&l)); err != nil {
		o.err = o.deadLetters.wrap(err)
		return o.err
	}
	return nil
}

// Write adds the records of d to the emergency file and hands them to the operating system. When it returns an error,
// it has kept nothing of d; the output can still be used and Commit doesn't repeat the error, unless what had reached
// the file can't be removed again. It does not look at the context: a run that is cancelled still spools what it holds.
func (o *Output) Write(_ context.Context, d nodes.Delivery) error {
	if o.err != nil {
		return o.err
	}
	written, err := o.spool(d)
	if err == nil {
		o.spooled += written
		return nil
	}
	err = o.emergency.wrap(err)
	if undo := o.emergency.cut(o.spooled); undo != nil {
		err = fmt.Errorf("%w, and undoing it: %w", err, undo)
		o.err = err
	}
	return err
}

// spool writes d to the emergency file and returns how many bytes that took.
func (o *Output) spool(d nodes.Delivery) (written int64, err error) {
	o.lines.begin(nil, d.Key)
	for i := range d.Records {
		n, err := o.emergency.buf.Write(o.lines.record(&d.Records[i]))
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, o.emergency.buf.Flush()
}

// Commit writes out all three files, empty ones too, and gives them their names in place of an older run's. When it
// returns an error, no temporary file is left; no file has got its name unless the error is from renaming or from
// syncing the folder.
func (o *Output) Commit() error {
	if o.err == nil {
		if err := o.publish(); err != nil {
			o.err = err
		}
	}
	err := o.err
	if failed := o.clean(); failed != nil && err != nil {
		err = fmt.Errorf("%w, and cleaning up: %w", err, failed)
	}
	return err
}

// publish does the steps of Commit, the ones that can be taken back first.
func (o *Output) publish() error {
	for _, s := range o.streams {
		if err := s.buf.Flush(); err != nil {
			return s.wrap(err)
		}
	}
	for _, s := range o.streams {
		if err := s.file.Sync(); err != nil {
			return s.wrap(err)
		}
	}
	for _, s := range o.streams {
		if err := s.file.Commit(); err != nil {
			return s.wrap(err)
		}
	}
	if err := o.sys.syncFolder(o.dir); err != nil {
		return fmt.Errorf("output folder: %w", err)
	}
	return nil
}

// Discard removes what has not been committed. It may be called at any time and again, so that it can be deferred.
func (o *Output) Discard() {
	_ = o.clean() // the temporary names differ from those of every other run: nobody reads what may be left
}

// clean ends the output and removes its temporary files.
func (o *Output) clean() error {
	if o.err == nil {
		o.err = fmt.Errorf("output in %s: %w", o.dir, fs.ErrClosed)
	}
	var failed error
	for _, s := range o.streams {
		if err := s.file.Discard(); err != nil && failed == nil {
			failed = s.wrap(err)
		}
	}
	return failed
}

// outputSystem is what an Output needs from the operating system.
type outputSystem struct {
	// open starts a file that is to get the name path.
	open func(path string) (outputFile, error)
	// syncFolder makes renames in a folder durable.
	syncFolder func(dir string) error
	// buffer is the size in bytes of each file's buffer.
	buffer int
}

// outputFile is a file under a temporary name.
type outputFile interface {
	io.WriteSeeker
	Truncate(size int64) error
	Sync() error
	// Commit gives the file its name.
	Commit() error
	// Discard removes the file if it has not got its name. It may be called again.
	Discard() error
}

var _ outputFile = (*atomicfile.File)(nil)

// outputStream is one of the files with its buffer.
type outputStream struct {
	name string
	file outputFile
	buf  *bufio.Writer
}

// openOutputStream starts the file that is to become path.
func openOutputStream(path string, sys outputSystem) (*outputStream, error) {
	s := &outputStream{name: filepath.Base(path)}
	// A folder can't be replaced; better to know before the run than after it.
	if info, err := os.Lstat(path); err == nil && info.IsDir() {
		return nil, s.wrap(&fs.PathError{Op: "replace", Path: path, Err: syscall.EISDIR})
	}
	file, err := sys.open(path)
	if err != nil {
		return nil, s.wrap(err)
	}
	s.file, s.buf = file, bufio.NewWriterSize(file, sys.buffer)
	return s, nil
}

// wrap names the file that err is about.
func (s *outputStream) wrap(err error) error { return fmt.Errorf("%s: %w", s.name, err) }

// cut drops what is buffered and shortens the file to size.
func (s *outputStream) cut(size int64) error {
	s.buf.Reset(s.file)
	if err := s.file.Truncate(size); err != nil {
		return err
	}
	_, err := s.file.Seek(size, io.SeekStart)
	return err
}

// openOutputFile starts a file that is to get the name path.
func openOutputFile(path string) (outputFile, error) {
	file, err := atomicfile.Create(path)
	if err != nil {
		return nil, err // no *atomicfile.File that is nil
	}
	return file, nil
}
