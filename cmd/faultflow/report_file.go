package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"faultflow/internal/atomicfile"
)

// reportFile is a file that --report, --output or --format names. It is opened before the run, so that a bad path fails
// before any work is done, and takes its name only when it is complete.
type reportFile struct {
	// flag is the name of the flag that named path.
	flag, path string
	// pending is the open file; nil without a path.
	pending *atomicfile.File
}

// openReport opens the file that a flag names, which must be none of those that are read. Without a path there is none,
// and write does nothing.
func openReport(flag, path string, read ...string) (*reportFile, error) {
	if path == "" {
		return &reportFile{}, nil
	}
	if err := notRead(flag, path, path, read...); err != nil {
		return nil, err
	}
	if path == "-" {
		return nil, usageError("--%s -: name a file; standard output has what --format says", flag)
	}
	// A folder or a device would be replaced by the file, or fail only after the run.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		irregular := errors.New("not a regular file; name another")
		return nil, fmt.Errorf("--%s: %w", flag, &fs.PathError{Op: "write", Path: path, Err: irregular})
	}
	pending, err := atomicfile.Create(path)
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	f := &reportFile{flag: flag, path: path, pending: pending}
	if err := pending.KeepMode(); err != nil {
		f.discard()
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	return f, nil
}

// notRead returns a usage error if a file that a flag would have written is one of those that are read, by whatever name
// or link.
func notRead(flag, value, path string, read ...string) error {
	to, err := os.Stat(path)
	if err != nil {
		return nil //nolint:nilerr // what is not there is no file that is read; other errors come again
	}
	for _, from := range read {
		if info, err := os.Stat(from); err == nil && os.SameFile(to, info) {
			return usageError("--%s %q: it would replace %s, which is read; name another place", flag, value, from)
		}
	}
	return nil
}

// samePlace reports whether two paths lead to the same regular file, which need not be there yet.
func samePlace(a, b string) bool {
	if there, err := os.Stat(a); err == nil {
		other, err := os.Stat(b)
		return err == nil && there.Mode().IsRegular() && os.SameFile(there, other)
	}
	fromA, errA := filepath.Abs(a)
	fromB, errB := filepath.Abs(b)
	return errA == nil && errB == nil && fromA == fromB
}

// notOneOf returns a usage error if the file would replace one of those that are read, which may be known only after it
// was opened.
func (f *reportFile) notOneOf(read ...string) error {
	if f.pending == nil {
		return nil
	}
	return notRead(f.flag, f.path, f.path, read...)
}

// write renders into the file and gives it its name.
func (f *reportFile) write(render func(io.Writer) error) error {
	if f.pending == nil {
		return nil
	}
	err := render(f.pending)
	if err == nil {
		err = f.pending.Commit()
	}
	if err != nil {
		return fmt.Errorf("%w: --%s %s: %w", errWrite, f.flag, f.path, err)
	}
	return nil
}

// writeOr writes to the file, or without one to standard output.
func (f *reportFile) writeOr(out io.Writer, render func(io.Writer) error) error {
	if f.pending != nil {
		return f.write(render)
	}
	if err := render(out); err != nil {
		return fmt.Errorf("%w to standard output: %w", errWrite, err)
	}
	return nil
}

// discard removes a file that was not written.
func (f *reportFile) discard() {
	if f.pending != nil {
		_ = f.pending.Discard() // a file that stays is no reason to fail; after Commit this does nothing
	}
}
