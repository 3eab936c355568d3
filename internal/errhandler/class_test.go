package errhandler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"faultflow/internal/errhandler"
	"faultflow/internal/workflow"
)

// knows is an error that knows its own class.
type knows struct{ class errhandler.Class }

func (knows) Error() string             { return "I know" }
func (k knows) Class() errhandler.Class { return k.class }

// asked returns the error of f, which must fail: these errors come from the real libraries.
func asked(t *testing.T, f func() error) error {
	t.Helper()
	err := f()
	if err == nil {
		t.Fatal("there is no error")
	}
	return err
}

func TestClassify(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	syntax := asked(t, func() error { return json.Unmarshal([]byte("{]"), new(any)) })
	number := asked(t, func() error { _, err := strconv.ParseFloat("12,5", 64); return err })
	denied := &fs.PathError{Op: "open", Path: "/spool", Err: syscall.EACCES}
	panicked := func(v any) error {
		_, err := workflow.Safely(func() (int, error) { panic(v) })
		return err
	}
	tests := []struct {
		name string
		err  error
		want errhandler.Class
	}{
		{"nil", nil, ""},
		{"plain", errors.New("plain"), errhandler.Internal},

		{"connection refused", refused, errhandler.Network},
		{"connection reset", &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)},
			errhandler.Network},
		{"connection reset without its operation", syscall.ECONNRESET, errhandler.Network},
		{"broken pipe", &net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", syscall.EPIPE)},
			errhandler.Network},
		{"connection timed out", os.NewSyscallError("read", syscall.ETIMEDOUT), errhandler.Network},
		{"a socket's other errno", &net.OpError{
			Op:  "dial",
			Net: "tcp",
			Err: os.NewSyscallError("connect", syscall.EACCES),
		}, errhandler.Network},
		{"no such host", &net.DNSError{Err: "no such host", Name: "api.example", IsNotFound: true}, errhandler.Network},
		{"deadline of a connection", &net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded},
			errhandler.Network},
		{"deadline of a context", context.DeadlineExceeded, errhandler.Network},
		{"an HTTP client's error", &url.Error{Op: "Get", URL: "http://127.0.0.1:1", Err: refused}, errhandler.Network},
		{"an HTTP client that was cut short", &url.Error{
			Op:  "Get",
			URL: "http://127.0.0.1:1",
			Err: io.ErrUnexpectedEOF,
		}, errhandler.Network},

		// A socket is out of descriptors or memory: nothing is wrong with the network.
		{"too many open files in a dial", &net.OpError{
			Op:  "dial",
			Net: "tcp",
			Err: os.NewSyscallError("socket", syscall.EMFILE),
		}, errhandler.Resource},
		{"too many open files in the system", &fs.PathError{Op: "open", Path: "in.csv", Err: syscall.ENFILE},
			errhandler.Resource},
		{"out of memory", os.NewSyscallError("mmap", syscall.ENOMEM), errhandler.Resource},
		{"full disk in a system call", os.NewSyscallError("fallocate", syscall.ENOSPC), errhandler.Resource},

		{"full disk in a file", &fs.PathError{Op: "write", Path: "/spool", Err: syscall.ENOSPC}, errhandler.Storage},
		{"full disk in a rename", &os.LinkError{Op: "rename", Old: "a", New: "b", Err: syscall.ENOSPC},
			errhandler.Storage},
		{"permission denied", denied, errhandler.Storage},
		{"permission denied in a rename", &os.LinkError{Op: "rename", Old: "a", New: "b", Err: syscall.EACCES},
			errhandler.Storage},
		{"a disk that fails", &fs.PathError{Op: "read", Path: "/spool", Err: syscall.EIO}, errhandler.Storage},
		{"a file that is closed", &fs.PathError{Op: "write", Path: "/spool", Err: fs.ErrClosed}, errhandler.Storage},
		{"a file's other errno in a system call", os.NewSyscallError("fsync", syscall.EIO), errhandler.Internal},
		{"deadline of a file", &fs.PathError{Op: "read", Path: "/dev/stdin", Err: os.ErrDeadlineExceeded},
			errhandler.Network},
		{"short write", fmt.Errorf("spool: %w", io.ErrShortWrite), errhandler.Storage},

		{"JSON syntax", syntax, errhandler.Data},
		{"JSON type", asked(t, func() error { return json.Unmarshal([]byte(`"x"`), new(int)) }), errhandler.Data},
		{"JSON that ends too early", asked(t, func() error {
			return json.NewDecoder(bytes.NewReader([]byte(`{"a":`))).Decode(new(any))
		}), errhandler.Data},
		{"unexpected EOF", fmt.Errorf("line 7: %w", io.ErrUnexpectedEOF), errhandler.Data},
		{"number", number, errhandler.Data},

		{"cancelled", context.Canceled, errhandler.Cancelled},
		{"cancelled HTTP call", &url.Error{Op: "Get", URL: "http://127.0.0.1:1", Err: context.Canceled},
			errhandler.Cancelled},

		{"panic", panicked("out of luck"), errhandler.Internal},
		{"panic with an error", panicked(refused), errhandler.Internal},
		{"panic with a bug", asked(t, func() error {
			_, err := workflow.Safely(func() (int, error) { var none []int; return none[len(none)], nil })
			return err
		}), errhandler.Internal},
		{"panic with an error that knows its class", panicked(knows{errhandler.Data}), errhandler.Data},

		{"knows its class", knows{errhandler.Degradation}, errhandler.Degradation},
		{"As", errhandler.As(errhandler.Storage, errors.New("plain")), errhandler.Storage},
		{"As overrides", errhandler.As(errhandler.Degradation, refused), errhandler.Degradation},
		{"As overrides cancellation", errhandler.As(errhandler.Storage, context.Canceled), errhandler.Storage},
		{"the outer As counts", errhandler.As(errhandler.Data, errhandler.As(errhandler.Storage, syntax)),
			errhandler.Data},
		{"wrapped As", fmt.Errorf("line 7: %w", errhandler.As(errhandler.Processing, syntax)), errhandler.Processing},

		{"in a node error", &workflow.NodeError{Node: "collector", Phase: workflow.PhaseExec, Attempt: 3, Err: refused},
			errhandler.Network},
		{"in two node errors", &workflow.NodeError{
			Node: "a",
			Err:  &workflow.NodeError{Node: "b", Err: knows{errhandler.Resource}},
		}, errhandler.Resource},

		// Of joined errors one that knows its class is believed, then what is most telling, whatever the order.
		{"joined with one that knows", errors.Join(refused, knows{errhandler.Data}), errhandler.Data},
		{"joined with a cancellation", errors.Join(refused, context.Canceled), errhandler.Cancelled},
		{"joined with a plain one", errors.Join(errors.New("plain"), number), errhandler.Data},
		{"joined in a node error", &workflow.NodeError{
			Node: "delivery",
			Err:  errors.Join(errors.New("plain"), refused),
		}, errhandler.Network},
		{"joined plain ones", errors.Join(errors.New("plain"), errors.New("plainer")), errhandler.Internal},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := errhandler.Classify(test.err); got != test.want {
				t.Errorf("Classify(%v) = %q, want %q", test.err, got, test.want)
			}
		})
	}
}

// TestClassifyAsTheSystemGivesThem asks the operating system for errors, since what it wraps them in decides.
func TestClassifyAsTheSystemGivesThem(t *testing.T) {
	dir := t.TempDir()
	tests := []struct {
		name string
		fail func() error
		want errhandler.Class
	}{
		{"no such file", func() error { _, err := os.ReadFile(filepath.Join(dir, "none")); return err },
			errhandler.Storage},
		{"a directory in place of a file", func() error { return os.WriteFile(dir, nil, 0o600) }, errhandler.Storage},
		{"rename of nothing", func() error { return os.Rename(filepath.Join(dir, "none"), filepath.Join(dir, "some")) },
			errhandler.Storage},
		{"nobody listens", func() error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return fmt.Errorf("%w (no loopback here)", knows{errhandler.Network})
			}
			if err := l.Close(); err != nil {
				return err
			}
			_, err = net.Dial("tcp", l.Addr().String())
			return err
		}, errhandler.Network},
		{"deadline of a pipe", func() error {
			a, b := net.Pipe()
			defer a.Close()
			defer b.Close()
			if err := a.SetDeadline(time.Now().Add(-time.Second)); err != nil {
				return err
			}
			_, err := a.Read(make([]byte, 1))
			return err
		}, errhandler.Network},
		{"context that is over", func() error {
			ctx, cancel := context.WithTimeout(t.Context(), -time.Second)
			defer cancel()
			return ctx.Err()
		}, errhandler.Network},
		{"context with a cause", func() error {
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(errors.New("the cause"))
			return ctx.Err()
		}, errhandler.Cancelled},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := asked(t, test.fail)
			if got := errhandler.Classify(err); got != test.want {
				t.Errorf("%T %v is %q, want %q", err, err, got, test.want)
			}
		})
	}
}

func TestAs(t *testing.T) {
	if err := errhandler.As(errhandler.Data, nil); err != nil {
		t.Errorf("nil became %v", err)
	}
	cause := &fs.PathError{Op: "open", Path: "in.csv", Err: fs.ErrNotExist}
	err := errhandler.As(errhandler.Data, cause)
	if err.Error() != cause.Error() {
		t.Errorf("the message became %q", err)
	}
	if got, ok := errors.AsType[*fs.PathError](err); !ok || got != cause || !errors.Is(err, fs.ErrNotExist) {
		t.Error("the cause is lost")
	}
}

// TestClasses: reports show the classes in this order, each once.
func TestClasses(t *testing.T) {
	want := []errhandler.Class{
		"network",
		"data",
		"resource",
		"degradation",
		"processing",
		"storage",
		"cancelled",
		"internal",
	}
	if got := errhandler.Classes(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
