package channel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"faultflow/internal/disk"
	"faultflow/internal/nodes"
	"faultflow/internal/undelivered"
)

// The files of an Output, and what the names of those end in that are not finished.
const (
	Delivered   = "delivered.ndjson"
	DeadLetters = "dead-letters.ndjson"
	Emergency   = "emergency.ndjson"
	Unfinished  = ".partial"
)

// OutputFiles lists the files of an Output.
func OutputFiles() []string { return []string{Delivered, DeadLetters, Emergency} }

// OutputMode says what becomes of the records that a folder has of older runs.
type OutputMode string

// The modes.
const (
	// OutputNew replaces them, but refuses a folder that holds undelivered records.
	OutputNew OutputMode = "new"
	// OutputAppend keeps them, and adds the run's.
	OutputAppend OutputMode = "append"
	// OutputReplace replaces them, whatever they are.
	OutputReplace OutputMode = "replace"
	// OutputJournaled keeps what a journal says: see Output.Rewind.
	OutputJournaled OutputMode = "journaled"
)

// OutputModes lists those that can be asked for.
func OutputModes() []string {
	return []string{string(OutputNew), string(OutputAppend), string(OutputReplace)}
}

// Output keeps a run's records in a folder: delivered.ndjson, dead-letters.ndjson and emergency.ndjson, one JSON object
// a line. Until Commit their names end in .partial, unless they go on with older files. What could not be written is
// counted; what fitted is kept. It is not safe for concurrent use.
type Output struct {
	sys  disk.System
	dir  string
	mode OutputMode
	lock *disk.Lock

	delivered, deadLetters, emergency *keptFile
	// files holds the three in the order in which Commit renames them.
	files []*keptFile

	lines outputLines
	// unkept counts the delivered records and dead letters that could not be written, and failure is the first reason.
	unkept  int
	failure error
	closed  bool
}

// keptFile is one of the files.
type keptFile struct {
	*disk.Log
	name string
	// path is what it is called now; it is to be called name.
	path string
}

var _ nodes.Spool = (*Output)(nil)

// UndeliveredError says that a folder holds records which no channel has got yet.
type UndeliveredError struct {
	Dir, File string
	Count     int
}

func (e *UndeliveredError) Error() string {
	return fmt.Sprintf("%s holds %d undelivered records in %s; send them with `faultflow replay %[1]s`, or give "+
		"--output-mode append to keep them beside the new ones, or replace to give them up", e.Dir, e.Count, e.File)
}

// CreateOutput starts an output in dir, which it makes if there is none, and locks it unless its caller has. Delivered
// records are kept only if delivered says so. notices tell what became of the
// files of a run that did not end. The error is an *UndeliveredError or a *disk.HeldError for a folder that is not free.
func CreateOutput(
	sys disk.System, dir string, mode OutputMode, delivered, lock bool,
) (o *Output, notices []string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, fmt.Errorf("output folder: %w", err)
	}
	o = &Output{sys: sys, dir: dir, mode: mode}
	if lock {
		if o.lock, err = disk.LockFolder(dir, Holder()); err != nil {
			return nil, nil, fmt.Errorf("output folder: %w", err)
		}
	}
	if notices, err = o.open(delivered); err != nil {
		return nil, nil, errors.Join(err, o.close())
	}
	return o, notices, nil
}

// Holder names this process, for whom it keeps from a folder.
func Holder() string {
	return fmt.Sprintf("process %d, since %s", os.Getpid(), time.Now().UTC().Format(time.RFC3339))
}

func (o *Output) open(delivered bool) (notices []string, err error) {
	if o.mode == OutputNew {
		if err := o.free(); err != nil {
			return nil, err
		}
	}
	// The emergency file is the first to be renamed: whatever happens between two renames, an older run's emergency
	// file never stands beside newer files.
	for _, f := range []struct {
		at   **keptFile
		name string
	}{
		{&o.emergency, Emergency},
		{&o.deadLetters, DeadLetters},
		{&o.delivered, Delivered},
	} {
		if f.name == Delivered && !delivered {
			continue
		}
		file, notice, err := o.openFile(f.name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		if notice != "" {
			notices = append(notices, notice)
		}
		*f.at = file
		o.files = append(o.files, file)
	}
	return notices, nil
}

// Adopt adds the lines of runs that did not end to the files that they would have had, the named ones of a folder; the
// caller has its lock. notices tell of it.
func Adopt(sys disk.System, dir string, names []string) (notices []string, err error) {
	for _, name := range names {
		final := filepath.Join(dir, name)
		notice, err := adopt(sys, final, final+Unfinished)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if notice != "" {
			notices = append(notices, notice)
		}
	}
	return notices, nil
}

// free returns an *UndeliveredError if an older run left records that no channel has got.
func (o *Output) free() error {
	for _, name := range []string{Emergency, Emergency + Unfinished} {
		n, err := undelivered.Pending(o.dir, name)
		if err != nil {
			return err
		}
		if n > 0 {
			return &UndeliveredError{o.dir, name, n}
		}
	}
	return nil
}

// openFile opens a file under the name that it has until Commit, empty unless older lines are kept.
func (o *Output) openFile(name string) (f *keptFile, notice string, err error) {
	final := filepath.Join(o.dir, name)
	staged := final + Unfinished
	path := final
	if o.mode == OutputNew || o.mode == OutputReplace {
		if info, err := os.Lstat(final); err == nil && info.IsDir() {
			return nil, "", &fs.PathError{Op: "replace", Path: final, Err: errors.New("is a directory")}
		}
		path = staged
	}
	if o.mode == OutputAppend {
		if notice, err = adopt(o.sys, final, staged); err != nil {
			return nil, "", err
		}
	}
	log, torn, err := disk.OpenLog(o.sys, path)
	if err != nil {
		return nil, "", err
	}
	f = &keptFile{log, name, path}
	if path == staged && log.Size()+torn > 0 {
		notice = fmt.Sprintf("%s is of a run that did not end; it is replaced", staged)
		err = log.Cut(0)
	} else if torn > 0 {
		notice = fmt.Sprintf("%s: the last line was not whole; it is cut off", path)
	}
	if err != nil {
		return nil, "", errors.Join(err, log.Close())
	}
	return f, notice, nil
}

// adopt adds the lines of a run that did not end to the file that it would have had.
func adopt(sys disk.System, final, staged string) (notice string, err error) {
	if _, err := os.Lstat(staged); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	from, _, err := disk.OpenLog(sys, staged)
	if err != nil {
		return "", err
	}
	defer from.Close() // it was only read
	lines, err := from.Read()
	if err != nil {
		return "", err
	}
	to, _, err := disk.OpenLog(sys, final)
	if err != nil {
		return "", err
	}
	before := to.Size()
	if _, err = to.Add(lines); err == nil {
		_, err = to.Flush()
	}
	if err == nil {
		err = to.Sync()
	}
	if err != nil {
		return "", errors.Join(err, to.Cut(before), to.Close())
	}
	if err := errors.Join(to.Close(), sys.Remove(staged)); err != nil {
		return "", err
	}
	if len(lines) == 0 {
		return "", nil
	}
	return fmt.Sprintf("%s: added the lines of a run that did not end", final), nil
}

// Deliver adds the records of d to the delivered ones: those that the channel of that name has accepted.
func (o *Output) Deliver(channel string, d nodes.Delivery) {
	if o.delivered == nil {
		return
	}
	o.lines.begin(&channel, d.Key)
	for i := range d.Records {
		o.note(o.delivered, o.lines.record(&d.Records[i]))
	}
}

// DeadLetter adds l to the dead letters.
func (o *Output) DeadLetter(l nodes.DeadLetter) { o.note(o.deadLetters, o.lines.deadLetter(&l)) }

func (o *Output) note(f *keptFile, line []byte) {
	o.failed(f, func() (int, error) { return f.Add(line) })
}

// failed counts what writing to a file has lost.
func (o *Output) failed(f *keptFile, write func() (lost int, err error)) {
	lost, err := write()
	o.unkept += lost
	if err != nil && o.failure == nil {
		o.failure = f.wrap(err)
	}
}

// Unkept is how many delivered records and dead letters could not be written, and the first reason.
func (o *Output) Unkept() (int, error) { return o.unkept, o.failure }

// Write adds the records of d to the emergency file and hands them to the operating system. When it returns an error,
// it has kept nothing of d. It does not look at the context: a run that is cancelled still spools what it holds.
func (o *Output) Write(_ context.Context, d nodes.Delivery) error {
	before := o.emergency.Size()
	err := o.spool(d)
	if err == nil {
		return nil
	}
	err = o.emergency.wrap(err)
	if undo := o.emergency.Cut(before); undo != nil {
		err = fmt.Errorf("%w, and undoing it: %w", err, undo)
	}
	return err
}

func (o *Output) spool(d nodes.Delivery) error {
	o.lines.begin(nil, d.Key)
	for i := range d.Records {
		if _, err := o.emergency.Add(o.lines.record(&d.Records[i])); err != nil {
			return err
		}
	}
	_, err := o.emergency.Flush()
	return err
}

// Flush hands everything to the operating system: what it has survives the end of this process.
func (o *Output) Flush() {
	for _, f := range o.files {
		o.failed(f, f.Flush)
	}
}

// Sync makes everything durable, and returns how long the files are.
func (o *Output) Sync() (map[string]int64, error) {
	o.Flush()
	if o.failure != nil {
		return nil, o.failure
	}
	lengths := map[string]int64{}
	for _, f := range o.files {
		if err := f.Sync(); err != nil {
			return nil, f.wrap(err)
		}
		lengths[f.name] = f.Size()
	}
	return lengths, nil
}

// Rewind shortens the files to what they were when a journal noted their lengths. It returns an error if one of them is
// shorter: it is not what the journal knows.
func (o *Output) Rewind(lengths map[string]int64) error {
	for _, f := range o.files {
		if f.Size() < lengths[f.name] {
			return f.wrap(fmt.Errorf("it has %d bytes, and had %d when the journal was written; "+
				"put it back, or begin anew in another folder", f.Size(), lengths[f.name]))
		}
		if err := f.Cut(lengths[f.name]); err != nil {
			return f.wrap(err)
		}
	}
	return nil
}

// Commit makes everything durable, gives the files their names, and ends the output. Its error comes with what was
// kept; files that have no name yet keep that of unfinished ones.
func (o *Output) Commit() error {
	o.Flush()
	err := o.failure
	for _, f := range o.files {
		err = errors.Join(err, f.wrap(f.Sync()))
	}
	for _, f := range o.files {
		if final := filepath.Join(o.dir, f.name); f.path != final {
			err = errors.Join(err, f.wrap(o.sys.Rename(f.path, final)))
		}
	}
	if synced := o.sys.SyncFolder(o.dir); synced != nil {
		err = errors.Join(err, fmt.Errorf("output folder: %w", synced))
	}
	if err == nil && (o.mode == OutputNew || o.mode == OutputReplace) { // the marks are of lines that are gone
		if gone := o.sys.Remove(filepath.Join(o.dir, undelivered.Marks)); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return errors.Join(err, o.close())
}

// Discard ends an output that was not committed. Files without a line are removed. It may be called at any time and
// again, so that it can be deferred.
func (o *Output) Discard() {
	if o.closed {
		return
	}
	for _, f := range o.files {
		if f.Size() == 0 && strings.HasSuffix(f.path, Unfinished) {
			_ = o.sys.Remove(f.path) // the next run says what it finds
		}
	}
	_ = o.close()
}

func (o *Output) close() error {
	o.closed = true
	var err error
	for _, f := range o.files {
		err = errors.Join(err, f.wrap(f.Close()))
	}
	return errors.Join(err, o.lock.Release())
}

// wrap names the file that err is about; nil stays nil.
func (f *keptFile) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", f.name, err)
}
