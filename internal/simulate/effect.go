package simulate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"faultflow/internal/fault"
	"faultflow/internal/nodes"
	"faultflow/internal/workflow"
)

// fail makes a hit call fail the way a real system does: it takes a little time, or hangs until it is cancelled, and
// gives the error of the operating system, the network or the library. It returns nil for kinds that do not make a call
// fail by themselves.
func (h hit) fail(ctx context.Context) error {
	switch h.kind {
	case "", fault.Slow, fault.MissingFields, fault.OutOfRange, fault.DuplicateRecords, fault.EmptyBatch, fault.Partial,
		fault.PartialWrite, fault.AckLost:
		return nil
	case fault.Panic:
		return h.panics()
	case fault.Hang:
		return h.hang(ctx, ctx.Err)
	case fault.Timeout:
		return h.hang(ctx, func() error {
			return &net.OpError{Op: "read", Net: "tcp", Addr: address(), Err: os.ErrDeadlineExceeded}
		})
	}
	if err := nodes.Pause(ctx, h.delay()); err != nil {
		return err
	}
	return h.err()
}

// delay is how long a failing call takes: 1–20 ms, to the nanosecond, so that no two events fall on one instant.
func (h hit) delay() time.Duration {
	return time.Millisecond + time.Duration(h.draw("delay")*float64(19*time.Millisecond))
}

// hang waits to be cancelled.
func (h hit) hang(ctx context.Context, err func() error) error {
	<-ctx.Done()
	h.notice(ctx)
	return err()
}

// notice is the time that a call takes to notice its cancellation: a part of a microsecond, or until the next own
// instant of the pass.
func (h hit) notice(ctx context.Context) {
	if workflow.Shares(ctx) {
		workflow.AwaitOwn(ctx)
		return
	}
	time.Sleep(h.instant())
}

// instant is a part of a microsecond, never zero.
func (h hit) instant() time.Duration { return 1 + time.Duration(h.draw("delay")*999) }

// panics with the runtime's own panic about an index out of range, as a real defect would.
func (h hit) panics() error {
	var none []error
	return none[h.call.attempt]
}

func (h hit) err() error {
	file := func(op string, err error) error { return &fs.PathError{Op: op, Path: string(h.pt.place), Err: err} }
	switch h.kind {
	case fault.ConnectionRefused:
		err := os.NewSyscallError("connect", system(syscall.ECONNREFUSED))
		return &net.OpError{Op: "dial", Net: "tcp", Addr: address(), Err: err}
	case fault.ConnectionReset:
		err := os.NewSyscallError("read", system(syscall.ECONNRESET))
		return &net.OpError{Op: "read", Net: "tcp", Addr: address(), Err: err}
	case fault.DNSFailure:
		err := &net.DNSError{Err: "no such host", Name: "api.invalid", IsNotFound: true}
		return &net.OpError{Op: "dial", Net: "tcp", Err: err}
	case fault.HTTP500:
		return &nodes.StatusError{Code: 500, Status: "Internal Server Error"}
	case fault.HTTP503:
		return &nodes.StatusError{Code: 503, Status: "Service Unavailable"}
	case fault.RateLimited:
		return &nodes.StatusError{
			Code:   429,
			Status: "Too Many Requests",
			Wait:   cmp.Or(h.params.RetryAfter, time.Second),
		}
	case fault.CorruptPayload:
		return corrupt()
	case fault.TruncatedPayload:
		return io.ErrUnexpectedEOF
	case fault.OutOfMemory:
		return os.NewSyscallError("mmap", system(syscall.ENOMEM))
	case fault.DiskFull:
		if fault.Writes(h.pt.place) {
			return file("write", system(syscall.ENOSPC))
		}
		return os.NewSyscallError("fallocate", system(syscall.ENOSPC))
	case fault.TooManyOpenFiles:
		return os.NewSyscallError("socket", system(syscall.EMFILE))
	case fault.PoolExhausted:
		return nodes.ErrPoolExhausted
	case fault.Flapping:
		return nodes.ErrNoHealthyUpstream
	case fault.PermissionDenied:
		return file("open", system(syscall.EACCES))
	case fault.Locked:
		return file("lock", system(syscall.EWOULDBLOCK))
	case fault.Error:
		return errors.New("transformation failed: unexpected state")
	}
	panic(fmt.Sprintf("simulate: %s fails a call, and has no error", h.kind))
}

// osError is an error of the operating system. Its words are the same everywhere: those of the systems differ, and a
// report must not depend on where it was made.
type osError struct {
	syscall.Errno
	words string
}

func (e osError) Error() string { return e.words }
func (e osError) Unwrap() error { return e.Errno }

func system(errno syscall.Errno) error {
	switch errno {
	case syscall.ECONNREFUSED:
		return osError{errno, "connection refused"}
	case syscall.ECONNRESET:
		return osError{errno, "connection reset by peer"}
	case syscall.ENOMEM:
		return osError{errno, "cannot allocate memory"}
	case syscall.ENOSPC:
		return osError{errno, "no space left on device"}
	case syscall.EMFILE:
		return osError{errno, "too many open files"}
	case syscall.EACCES:
		return osError{errno, "permission denied"}
	case syscall.EWOULDBLOCK:
		return osError{errno, "resource temporarily unavailable"}
	}
	panic(fmt.Sprintf("simulate: there are no words for errno %d", errno))
}

// payloadError is encoding/json's own, in words that do not depend on the version of that package.
type payloadError struct{ err error }

func (e payloadError) Error() string { return "invalid character '}' after top-level value" }
func (e payloadError) Unwrap() error { return e.err }

func corrupt() error {
	return payloadError{json.Unmarshal([]byte(`{"id": "1", "value": 5}}`), new(nodes.Record))}
}

// address is from TEST-NET-1, the addresses reserved for examples (RFC 5737).
func address() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443} }

// slowed calls f and then waits as the fault says. It returns f's result even if it was cancelled while it waited: f
// has had its effect.
func slowed[R any](ctx context.Context, h hit, f func() (R, error)) (R, error) {
	if h.kind != fault.Slow {
		return f()
	}
	began := time.Now()
	out, err := f()
	if waitErr := nodes.Pause(ctx, h.extra(time.Since(began))); waitErr != nil && err == nil {
		err = waitErr
	}
	return out, err
}

// maxExtra bounds how much longer a slow call takes.
const maxExtra = 10_000 * time.Hour

// extra is the wait after a slow call that took d; a call too fast to measure counts as 1 ms. A part of a microsecond
// is added, so that no call ends at the very instant of a timeout.
func (h hit) extra(d time.Duration) time.Duration {
	extra := h.params.By
	if extra == 0 {
		factor := cmp.Or(h.params.Factor, 10)
		extra = time.Duration(min(float64(max(d, time.Millisecond))*(factor-1), float64(maxExtra)))
	}
	return extra + h.instant()
}
