// Package disktest has disks that fail, for tests.
package disktest

import (
	"errors"
	"syscall"

	"faultflow/internal/disk"
)

// ErrDead is what every operation returns once the process that a disk belongs to counts as dead.
var ErrDead = errors.New("the process is dead")

// Disk is the real one, of which chosen operations fail. Its operations are counted, from 1.
type Disk struct {
	// Fails returns the error of the n-th operation, such as "write"; nil for one that succeeds. A write that fails has
	// written half of its bytes, as on a disk that fills up.
	Fails func(n int, operation, path string) error
	count int
}

// System is the disk as a system.
func (d *Disk) System() disk.System {
	real := disk.Real()
	return disk.System{
		Open: func(path string) (disk.File, error) {
			if err := d.next("open", path); err != nil {
				return nil, err
			}
			file, err := real.Open(path)
			if err != nil {
				return nil, err
			}
			return &failing{file, d, path}, nil
		},
		Rename: func(from, to string) error {
			if err := d.next("rename", from); err != nil {
				return err
			}
			return real.Rename(from, to)
		},
		Remove: func(path string) error {
			if err := d.next("remove", path); err != nil {
				return err
			}
			return real.Remove(path)
		},
		SyncFolder: func(dir string) error {
			if err := d.next("sync folder", dir); err != nil {
				return err
			}
			return real.SyncFolder(dir)
		},
	}
}

// Count is how many operations there were.
func (d *Disk) Count() int { return d.count }

func (d *Disk) next(operation, path string) error {
	d.count++
	if d.Fails == nil {
		return nil
	}
	return d.Fails(d.count, operation, path)
}

// Dies lets the process die at the n-th operation: from then on everything fails, and a write is torn.
func Dies(n int) *Disk {
	return &Disk{Fails: func(count int, _, _ string) error {
		if count >= n {
			return ErrDead
		}
		return nil
	}}
}

// Full lets writes and syncs fail from the n-th operation on, as on a full disk, and so for a few operations.
func Full(n, operations int) *Disk {
	return &Disk{Fails: func(count int, operation, _ string) error {
		if (operation == "write" || operation == "sync") && count >= n && count < n+operations {
			return syscall.ENOSPC
		}
		return nil
	}}
}

type failing struct {
	disk.File
	disk *Disk
	path string
}

func (f *failing) Write(p []byte) (int, error) {
	if err := f.disk.next("write", f.path); err != nil {
		half := p[:len(p)/2]
		if errors.Is(err, ErrDead) && f.disk.count > 1 && f.disk.Fails(f.disk.count-1, "write", f.path) != nil {
			half = nil // it died before this write
		}
		n, _ := f.File.Write(half)
		return n, err
	}
	return f.File.Write(p)
}

func (f *failing) Truncate(size int64) error {
	if err := f.disk.next("truncate", f.path); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *failing) Sync() error {
	if err := f.disk.next("sync", f.path); err != nil {
		return err
	}
	return f.File.Sync()
}
