package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"faultflow/internal/secret"
	"faultflow/internal/settings"
)

// originOf returns what an input's text means, and its name in reports.
func originOf(s *settings.Settings, stdin io.Reader, secrets *secret.Secrets) (string, origin, error) {
	if s.Input == "-" {
		if stdin == nil {
			stdin = strings.NewReader("")
		}
		return "stdin", &pipe{stdin}, nil
	}
	if s.RemoteInput() {
		scheme, _, _ := strings.Cut(s.Input, ":")
		if open := remote[scheme]; open != nil {
			return open(s, secrets)
		}
		if len(remote) == 0 {
			problem := "inputs behind URLs are not in the build for the browser; use a program for this system"
			return "", nil, &settings.Error{Name: "input", Value: s.Input, Problem: problem}
		}
		schemes := slices.Sorted(maps.Keys(remote))
		return "", nil, &settings.Error{
			Name:    "input",
			Value:   s.Input,
			Problem: fmt.Sprintf("want a file, -, or a URL that begins with one of %s:", strings.Join(schemes, ":, ")),
		}
	}
	f := &file{path: s.Input}
	if info, err := os.Stat(s.Input); err == nil {
		f.pipe = !info.Mode().IsRegular() && !info.IsDir()
	}
	return filepath.Base(s.Input), f, nil
}

// pipe is an input that can be read once, such as standard input.
type pipe struct{ in io.Reader }

func (p *pipe) open(_ context.Context, s *settings.Settings, waits func(bool) error) (rows, error) {
	return split(s, "stdin", io.NopCloser(&waiting{p.in, waits}))
}
func (p *pipe) health(context.Context) error { return nil }
func (p *pipe) live() bool                   { return true }
func (p *pipe) repeats() bool                { return false }

// file is a file, or what stands in a folder beside files, such as a named pipe.
type file struct {
	path string
	pipe bool
}

func (f *file) open(_ context.Context, s *settings.Settings, waits func(bool) error) (rows, error) {
	if f.pipe { // whose opening waits for a writer
		if err := waits(true); err != nil {
			return nil, err
		}
	}
	opened, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	info, err := opened.Stat()
	if err == nil && info.IsDir() {
		err = &os.PathError{Op: "read", Path: f.path, Err: errors.New("is a directory")}
	}
	if err != nil {
		opened.Close()
		return nil, err
	}
	if !f.pipe {
		return split(s, filepath.Base(f.path), opened)
	}
	return split(s, filepath.Base(f.path), struct {
		io.Reader
		io.Closer
	}{&waiting{opened, waits}, opened})
}

func (f *file) health(context.Context) error {
	if f.pipe {
		return nil
	}
	_, err := os.Stat(f.path)
	return err
}
func (f *file) live() bool    { return f.pipe }
func (f *file) repeats() bool { return !f.pipe }

// waiting tells of reads that may wait.
type waiting struct {
	in    io.Reader
	waits func(begins bool) error
}

func (w *waiting) Read(p []byte) (int, error) {
	if err := w.waits(true); err != nil {
		return 0, err
	}
	n, err := w.in.Read(p)
	if failed := w.waits(false); failed != nil && n == 0 {
		err = failed
	}
	return n, err
}
