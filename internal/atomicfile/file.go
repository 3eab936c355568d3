// Package atomicfile writes files that appear whole or not at all.
package atomicfile

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
)

// File is a file under a temporary name in the folder of its target. It must end with Commit or Discard. It is not safe
// for concurrent use.
type File struct {
	*os.File
	target string
	state  state
}

type state int

const (
	open state = iota
	closed
	// done is a file that was committed or removed.
	done
)

// Create starts a file that Commit gives the name target, with the permissions 0644 less the umask. The temporary file
// is in target's folder, since a file can't be renamed from one file system to another, and so that a folder which
// can't be written fails here and not in Commit. An error is a *fs.PathError and names the target.
func Create(target string) (*File, error) {
	for {
		// os.CreateTemp would ignore the umask.
		name := "." + filepath.Base(target) + strconv.FormatUint(rand.Uint64(), 36)
		f, err := os.OpenFile(filepath.Join(filepath.Dir(target), name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		if err == nil {
			return &File{File: f, target: target}, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, named(err, target)
		}
	}
}

// named puts the target's name in the place of the temporary one.
func named(err error, target string) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return &fs.PathError{Op: pathErr.Op, Path: target, Err: pathErr.Err}
	}
	return err
}

// KeepMode gives the file the permissions of the regular file that it is to replace. Without one it changes nothing.
func (f *File) KeepMode() error {
	info, err := os.Lstat(f.target)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil
	}
	if err != nil {
		return err
	}
	return named(f.Chmod(info.Mode().Perm()), f.target)
}

// Commit writes the file to the disk and renames it to the target, which it replaces. Who opens the target meanwhile
// finds the old file or the new one. After an error the target is unchanged, and the file must be discarded.
func (f *File) Commit() error {
	// A rename may reach the disk before the data that it is to publish: after a crash the file would be empty.
	if err := f.Sync(); err != nil {
		return err
	}
	f.state = closed
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), f.target); err != nil {
		return err
	}
	f.state = done
	return nil
}

// Discard removes the file unless it was committed. After an error it may be called again.
func (f *File) Discard() error {
	if f.state == done {
		return nil
	}
	var failed error
	if f.state == open {
		f.state = closed // a second Close would fail
		failed = f.Close()
	}
	if err := os.Remove(f.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f.state = done
	return failed
}

// SyncFolder makes the renames in a folder durable, on systems that can.
func SyncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close() // opened for reading: nothing can be lost
	if runtime.GOOS == "windows" {
		return nil // has no such call for folders
	}
	// Some network and virtual file systems refuse to sync a folder. The files have their names by then.
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}
