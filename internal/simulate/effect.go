package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"faultflow/internal/nodes"
)

// fail makes a hit call fail the way a real system does: it takes a little time, or hangs until it is cancelled, and
// gives the error of the operating system, the network or the library. It returns nil for kinds that do not make a call
// fail by themselves.
func (h hit) fail(ctx context.Context) error {
	switch h.kind {
	case "", Slow, MissingFields, OutOfRange, DuplicateRecords, EmptyBatch, Partial, PartialWrite, AckLost:
		return nil
	case Panic:
		return h.panics()
	case Hang:
		return h.hang(ctx, ctx.Err)
	case Timeout:
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

// hang waits to be cancelled and notices within a microsecond.
func (h hit) hang(ctx context.Context, err func() error) error {
	<-ctx.Done()
	time.Sleep(time.Duration(1 + h.draw("delay")*999))
	return err()
}

// panics does what a careless index does. The runtime's own panic is what handling code meets in real life.
func (h hit) panics() error {
	var none []error
	return none[h.call.attempt]
}

func (h hit) err() error {
	file := func(op string, err error) error { return &fs.PathError{Op: op, Path: h.pt.place, Err: err} }
	switch h.kind {
	case ConnectionRefused:
		return &net.OpError{Op: "dial", Net: "tcp", Addr: address(), Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	case ConnectionReset:
		return &net.OpError{Op: "read", Net: "tcp", Addr: address(), Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	case DNSFailure:
		return &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "api.invalid", IsNotFound: true}}
	case HTTP500:
		return status(http.StatusInternalServerError, 0)
	case HTTP503:
		return status(http.StatusServiceUnavailable, 0)
	case RateLimited:
		return status(http.StatusTooManyRequests, or(h.params.RetryAfter, time.Second))
	case CorruptPayload:
		return json.Unmarshal([]byte(`{"id": "1", "value": 5}}`), new(nodes.Record))
	case TruncatedPayload:
		return io.ErrUnexpectedEOF
	case OutOfMemory:
		return os.NewSyscallError("mmap", syscall.ENOMEM)
	case DiskFull:
		if siteOf(h.pt.place)&writes != 0 {
			return file("write", syscall.ENOSPC)
		}
		return os.NewSyscallError("fallocate", syscall.ENOSPC)
	case TooManyOpenFiles:
		return os.NewSyscallError("socket", syscall.EMFILE)
	case PoolExhausted:
		return nodes.ErrPoolExhausted
	case Flapping:
		return nodes.ErrNoHealthyUpstream
	case PermissionDenied:
		return file("open", syscall.EACCES)
	case Locked:
		return file("lock", syscall.EWOULDBLOCK)
	}
	return errors.New("transformation failed: unexpected state") // Error
}

func status(code int, wait time.Duration) error {
	return &nodes.StatusError{Code: code, Status: http.StatusText(code), Wait: wait}
}

// address is from TEST-NET-1, the addresses reserved for examples (RFC 5737).
func address() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443} }

// slowed calls f and then takes as much longer as the fault says. It returns f's result even if it was cancelled while
// it waited: what was done was done.
func slowed[R any](ctx context.Context, h hit, f func() (R, error)) (R, error) {
	if h.kind != Slow {
		return f()
	}
	began := time.Now()
	out, err := f()
	if waitErr := nodes.Pause(ctx, h.extra(time.Since(began))); waitErr != nil && err == nil {
		err = waitErr
	}
	return out, err
}

// extra is how much longer a slow call takes that took d; one too fast to measure counts as 1 ms. A part of a
// microsecond is added, so that no call ends at the very instant of a timeout.
func (h hit) extra(d time.Duration) time.Duration {
	extra := h.params.By
	if extra == 0 {
		factor := or(h.params.Factor, 10)
		extra = time.Duration(min(float64(max(d, time.Millisecond))*(factor-1), float64(maxDuration)))
	}
	return extra + time.Duration(1+h.draw("delay")*999)
}
