// Package disk is what files that must survive a crash need of the operating system, as a value, so that tests can let
// any of its operations fail; and the log, a file that grows by whole lines.
package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gofrs/flock"

	"faultflow/internal/atomicfile"
)

// System is the operating system.
type System struct {
	// Open opens a file for reading and writing, and makes it if there is none.
	Open func(path string) (File, error)
	// Rename gives a file another name.
	Rename func(from, to string) error
	Remove func(path string) error
	// SyncFolder makes names in a folder durable.
	SyncFolder func(dir string) error
}

// File is an open file.
type File interface {
	io.ReadWriteSeeker
	Truncate(size int64) error
	Sync() error
	Close() error
}

// Real returns the operating system itself.
func Real() System {
	return System{
		Open: func(path string) (File, error) {
			file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
			if err != nil {
				return nil, err // no *os.File that is nil
			}
			return file, nil
		},
		Rename:     os.Rename,
		Remove:     os.Remove,
		SyncFolder: atomicfile.SyncFolder,
	}
}

// Log is a file that grows by whole lines. What a crash or a full disk leaves of a line is cut off again. It is not safe
// for concurrent use.
type Log struct {
	file File
	path string
	// size is the length of the whole lines in the file, and buffered what waits to be written.
	size     int64
	buffered []byte
	lines    int
}

// buffer is how much a log holds back.
const buffer = 64 << 10

// OpenLog opens a log, of which it keeps all whole lines. torn tells how many bytes behind them it cut off.
func OpenLog(sys System, path string) (l *Log, torn int64, err error) {
	// A folder can't be replaced; better to know before the run than after it.
	if info, err := os.Lstat(path); err == nil && info.IsDir() {
		return nil, 0, &fs.PathError{Op: "open", Path: path, Err: syscall.EISDIR}
	}
	file, err := sys.Open(path)
	if err != nil {
		return nil, 0, err
	}
	l = &Log{file: file, path: path}
	end, err := file.Seek(0, io.SeekEnd)
	if err == nil {
		l.size, err = wholeLines(file, end)
	}
	if err == nil {
		err = l.Cut(l.size)
	}
	if err != nil {
		_ = file.Close() // nothing was written
		return nil, 0, err
	}
	return l, end - l.size, nil
}

// wholeLines is the length of the whole lines in the first bytes of a file.
func wholeLines(file io.ReadSeeker, length int64) (int64, error) {
	block := make([]byte, 64<<10)
	for end := length; end > 0; {
		begin := max(0, end-int64(len(block)))
		if _, err := file.Seek(begin, io.SeekStart); err != nil {
			return 0, err
		}
		if _, err := io.ReadFull(file, block[:end-begin]); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(block[:end-begin], '\n'); i >= 0 {
			return begin + int64(i) + 1, nil
		}
		end = begin
	}
	return 0, nil
}

// Size is the length of the file with all lines that were added.
func (l *Log) Size() int64 { return l.size + int64(len(l.buffered)) }

// Add adds a whole line, its end included. When it returns an error, lost lines of those that were added are not in the
// file; the log can still be used.
func (l *Log) Add(line []byte) (lost int, err error) {
	l.buffered = append(l.buffered, line...)
	l.lines++
	if len(l.buffered) < buffer {
		return 0, nil
	}
	return l.Flush()
}

// Flush hands what was added to the operating system. When it returns an error, it has kept as many whole lines as
// fitted, and lost the others.
func (l *Log) Flush() (lost int, err error) {
	if len(l.buffered) == 0 {
		return 0, nil
	}
	n, err := l.file.Write(l.buffered)
	if err == nil {
		l.size += int64(n)
		l.drop()
		return 0, nil
	}
	kept := bytes.LastIndexByte(l.buffered[:max(n, 0)], '\n') + 1
	lost = l.lines - bytes.Count(l.buffered[:kept], []byte{'\n'})
	l.drop()
	if cut := l.Cut(l.size + int64(kept)); cut != nil {
		err = fmt.Errorf("%w, and undoing it: %w", err, cut)
	}
	return lost, err
}

// drop forgets what is buffered.
func (l *Log) drop() { l.buffered, l.lines = l.buffered[:0], 0 }

// Cut shortens the file to a length, and drops what is buffered.
func (l *Log) Cut(size int64) error {
	l.drop()
	if err := l.file.Truncate(size); err != nil {
		return err
	}
	if _, err := l.file.Seek(size, io.SeekStart); err != nil {
		return err
	}
	l.size = size
	return nil
}

// Read reads the file from its beginning, and then goes on behind its end.
func (l *Log) Read() ([]byte, error) {
	if _, err := l.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	data := make([]byte, l.size)
	if _, err := io.ReadFull(l.file, data); err != nil {
		return nil, err
	}
	_, err := l.file.Seek(l.size, io.SeekStart)
	return data, err
}

// Sync makes what was flushed durable.
func (l *Log) Sync() error { return l.file.Sync() }

// Close closes the file.
func (l *Log) Close() error { return l.file.Close() }

// Lock locks a folder for this process, which the system undoes when the process ends, however that happens.
type Lock struct{ lock *flock.Flock }

// lockName is the lock's file, in which its holder is named.
const lockName = ".faultflow.lock"

// HeldError says that another process holds a folder's lock.
type HeldError struct{ Dir, Holder string }

func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is in use by another run: %s; wait for it, or choose another folder", e.Dir, e.Holder)
}

// LockFolder locks a folder. holder names the process. The error is a *HeldError if another one holds the lock.
func LockFolder(dir, holder string) (*Lock, error) {
	path := filepath.Join(dir, lockName)
	lock := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o644))
	locked, err := lock.TryLock()
	if errors.Is(err, errors.ErrUnsupported) { // such as in a browser, where there is one process
		return &Lock{}, nil
	}
	if err != nil {
		return nil, err
	}
	if !locked {
		by, _ := os.ReadFile(path) // without it, it is not named
		return nil, &HeldError{dir, string(bytes.TrimSpace(by))}
	}
	if err := os.WriteFile(path, []byte(holder+"\n"), 0o644); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	return &Lock{lock}, nil
}

// Held tells who holds a folder's lock; "" if nobody does. Nothing is written.
func Held(dir string) (holder string, err error) {
	path := filepath.Join(dir, lockName)
	by, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	lock := flock.New(path, flock.SetFlag(os.O_RDONLY))
	free, err := lock.TryRLock()
	if errors.Is(err, errors.ErrUnsupported) {
		return "", nil
	}
	if err != nil || !free {
		return string(bytes.TrimSpace(by)), err
	}
	return "", lock.Unlock()
}

// Release gives the lock back. The file stays: who removed it could remove the lock of the next process.
func (l *Lock) Release() error {
	if l == nil || l.lock == nil {
		return nil
	}
	return l.lock.Unlock()
}
