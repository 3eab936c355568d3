package simulate_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"faultflow/internal/errhandler"
	"faultflow/internal/nodes"
	"faultflow/internal/simulate"
	"faultflow/internal/workflow"
)

// callAt makes one call at a place, through the plan's decorators, and recovers a panic as a guard would.
func callAt(ctx context.Context, p *simulate.Plan, place string) error {
	_, err := workflow.Safely(func() (struct{}, error) {
		var err error
		switch place {
		case nodes.PlaceHealth:
			err = p.Source(&rows{}).Health(ctx)
		case nodes.PlaceFetch:
			_, err = p.Source(&rows{}).Fetch(ctx, 10)
		case nodes.PlaceBatch:
			err = p.Processor(&worker{}).Begin(ctx, batchOf(10))
		case nodes.PlaceRecord:
			w := p.Processor(&worker{})
			if err = w.Begin(ctx, batchOf(10)); err == nil {
				_, err = w.Process(ctx, record(1))
			}
		case nodes.PlaceSpool:
			err = p.Spool(&keeper{}).Write(ctx, delivery(10))
		default:
			_, err = p.Channel(&sink{name: strings.TrimPrefix(place, "delivery.")}).Deliver(ctx, delivery(10))
		}
		return struct{}{}, err
	})
	return err
}

// isErrno tells whether err holds this very errno.
func isErrno(want syscall.Errno) func(error) bool {
	return func(err error) bool {
		errno, ok := errors.AsType[syscall.Errno](err)
		return ok && errno == want
	}
}

func is(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }

func as[E error](err error) bool { _, ok := errors.AsType[E](err); return ok }

func and(checks ...func(error) bool) func(error) bool {
	return func(err error) bool {
		for _, check := range checks {
			if !check(err) {
				return false
			}
		}
		return true
	}
}

func httpStatus(code int, wait time.Duration) func(error) bool {
	return func(err error) bool {
		s, ok := errors.AsType[*nodes.StatusError](err)
		return ok && s.Code == code && s.RetryAfter() == wait
	}
}

// genuine says by which of the errors of a real system each kind is known. Kinds that are not here only spoil records,
// take longer, or hang.
var genuine = map[simulate.Kind]func(error) bool{
	simulate.ConnectionRefused: and(isErrno(syscall.ECONNREFUSED), as[*net.OpError], as[*os.SyscallError]),
	simulate.ConnectionReset:   and(isErrno(syscall.ECONNRESET), as[*net.OpError], as[*os.SyscallError]),
	simulate.DNSFailure: and(as[*net.OpError], func(err error) bool {
		dns, ok := errors.AsType[*net.DNSError](err)
		return ok && dns.IsNotFound
	}),
	simulate.Timeout: and(as[*net.OpError], is(os.ErrDeadlineExceeded), func(err error) bool {
		netErr, ok := errors.AsType[net.Error](err)
		return ok && netErr.Timeout()
	}),
	simulate.HTTP500:          httpStatus(500, 0),
	simulate.HTTP503:          httpStatus(503, 0),
	simulate.RateLimited:      httpStatus(429, time.Second),
	simulate.CorruptPayload:   as[*json.SyntaxError],
	simulate.TruncatedPayload: is(io.ErrUnexpectedEOF),
	simulate.OutOfMemory:      and(isErrno(syscall.ENOMEM), as[*os.SyscallError]),
	simulate.DiskFull:         isErrno(syscall.ENOSPC),
	simulate.TooManyOpenFiles: and(isErrno(syscall.EMFILE), as[*os.SyscallError]),
	simulate.PoolExhausted:    is(nodes.ErrPoolExhausted),
	simulate.Partial:          is(nodes.ErrPartial),
	simulate.Flapping:         is(nodes.ErrNoHealthyUpstream),
	simulate.Error:            func(err error) bool { return err.Error() == "transformation failed: unexpected state" },
	simulate.Panic:            and(is(workflow.ErrPanic), as[runtime.Error]),
	simulate.PermissionDenied: and(is(fs.ErrPermission), isErrno(syscall.EACCES), as[*fs.PathError]),
	simulate.Locked:           and(isErrno(syscall.EWOULDBLOCK), as[*fs.PathError]),
	simulate.PartialWrite:     is(io.ErrShortWrite),
	simulate.AckLost:          and(is(io.ErrUnexpectedEOF), as[*nodes.AckError]),
}

// callFails is false for the kinds that do not make a call at the place fail by themselves.
func callFails(k simulate.Kind, place string) bool {
	switch k {
	case simulate.Slow, simulate.MissingFields, simulate.OutOfRange, simulate.DuplicateRecords, simulate.EmptyBatch:
		return false
	case simulate.Partial:
		return place != nodes.PlaceFetch && place != nodes.PlaceBatch // the fetch returns less, the batch fails records
	}
	return true
}

// Every kind gives the error of a real system, of the class that ClassOf promises, wherever it applies. Of a panic, a
// plain error and a hang the error itself says nothing; their class is the guarded operation's, which internal/nodes tests.
func TestKindsGiveGenuineErrors(t *testing.T) {
	for _, place := range places {
		for _, kind := range simulate.Kinds(place) {
			if !callFails(kind, place) || kind == simulate.Hang {
				continue
			}
			inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
				ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
				defer cancel()
				time.Sleep(5 * time.Second) // flapping is down now
				began := time.Now()
				err := callAt(ctx, plan(t, place+"="+string(kind)), place)
				took := time.Since(began)
				if err == nil || genuine[kind] == nil || !genuine[kind](err) {
					t.Fatalf("%s at %s gives %T: %v", kind, place, err, err)
				}
				if got, want := errhandler.Classify(err), simulate.ClassOf(kind, place); got != want && kind != simulate.Panic && kind != simulate.Error {
					t.Errorf("%s at %s is of class %s, want %s (%v)", kind, place, got, want, err)
				}
				switch kind {
				case simulate.Timeout, simulate.Panic, simulate.Partial, simulate.PartialWrite, simulate.AckLost:
				default:
					if took < time.Millisecond || took > 20*time.Millisecond {
						t.Errorf("%s at %s fails after %v, want 1–20 ms", kind, place, took)
					}
				}
			})
		}
	}
}

// A full disk is storage where a file is written, and a resource elsewhere. The other exceptions are about what hangs
// and what panics.
func TestClassOf(t *testing.T) {
	tests := []struct {
		kind  simulate.Kind
		place string
		want  errhandler.Class
	}{
		{simulate.DiskFull, "collector.fetch", errhandler.Resource}, {simulate.DiskFull, "processor.batch", errhandler.Resource},
		{simulate.DiskFull, "delivery.primary", errhandler.Storage}, {simulate.DiskFull, "delivery.spool", errhandler.Storage},
		{simulate.Hang, "collector.fetch", errhandler.Network}, {simulate.Hang, "processor.record", errhandler.Processing},
		{simulate.Hang, "delivery.primary", errhandler.Network}, {simulate.Hang, "delivery.spool", errhandler.Storage},
		{simulate.Panic, "collector.health", errhandler.Internal}, {simulate.Panic, "processor.batch", errhandler.Processing},
		{simulate.Panic, "delivery.primary", errhandler.Internal}, {simulate.Panic, "delivery.spool", errhandler.Internal},
		{simulate.CorruptPayload, "processor.batch", errhandler.Data}, {simulate.OutOfMemory, "delivery.spool", errhandler.Resource},
		{simulate.Slow, "delivery.spool", errhandler.Degradation}, {simulate.AckLost, "delivery.primary", errhandler.Storage},
		{simulate.Timeout, "processor.record", errhandler.Network}, {simulate.Error, "processor.record", errhandler.Processing},
	}
	for _, test := range tests {
		if got := simulate.ClassOf(test.kind, test.place); got != test.want {
			t.Errorf("ClassOf(%s, %s) = %s, want %s", test.kind, test.place, got, test.want)
		}
	}
}

// What hangs, hangs until its caller gives up, and ends within a microsecond after that: never at the very instant, so
// that nothing depends on who is scheduled first.
func TestHangsTakeTheCallersLimit(t *testing.T) {
	for _, place := range places {
		for _, kind := range simulate.Kinds(place) {
			if kind != simulate.Timeout && kind != simulate.Hang {
				continue
			}
			for _, limit := range []time.Duration{time.Millisecond, 5 * time.Second, 1000 * time.Hour} {
				inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
					ctx, cancel := context.WithCancel(ctx)
					time.AfterFunc(limit, cancel)
					began := time.Now()
					err := callAt(ctx, plan(t, place+"="+string(kind)), place)
					if over := time.Since(began) - limit; over <= 0 || over >= time.Microsecond {
						t.Errorf("%s at %s took %v more than %v", kind, place, over, limit)
					}
					if kind == simulate.Hang && !errors.Is(err, context.Canceled) {
						t.Errorf("hang at %s gives %v, want the context's error", place, err)
					}
				})
			}
		}
	}
}

// Cancelling ends every kind at once, also those that were about to fail by themselves.
func TestCancellationEndsEveryCall(t *testing.T) {
	for _, place := range places {
		for _, kind := range simulate.Kinds(place) {
			if kind == simulate.Panic {
				continue
			}
			inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(time.Microsecond, cancel)
				began := time.Now()
				spec := place + "=" + string(kind)
				if kind == simulate.Slow {
					spec += ",by=1h"
				}
				err := callAt(ctx, plan(t, spec), place)
				if took := time.Since(began); took >= 2*time.Microsecond {
					t.Errorf("%s at %s went on for %v after it was cancelled: %v", kind, place, took, err)
				}
			})
		}
	}
}

// Slow multiplies or adds. A part of a microsecond more keeps the end of a call off the instant of a timeout.
func TestSlow(t *testing.T) {
	const latency = 100 * time.Millisecond
	tests := []struct {
		params string
		want   time.Duration
	}{
		{"", 10 * latency}, {",factor=1", latency}, {",factor=2.5", 250 * time.Millisecond}, {",by=7s", latency + 7*time.Second},
		{",by=1ns", latency},
	}
	calls := map[string]func(ctx context.Context, p *simulate.Plan) error{
		"collector.health": func(ctx context.Context, p *simulate.Plan) error {
			return p.Source(&rows{latency: latency}).Health(ctx)
		},
		"collector.fetch": func(ctx context.Context, p *simulate.Plan) error {
			b, err := p.Source(&rows{latency: latency}).Fetch(ctx, 5)
			if b.Len() != 5 {
				return errors.New("rows are missing")
			}
			return err
		},
		"processor.batch": func(ctx context.Context, p *simulate.Plan) error {
			return p.Processor(&worker{latency: latency}).Begin(ctx, batchOf(5))
		},
		"processor.record": func(ctx context.Context, p *simulate.Plan) error {
			out, err := p.Processor(&worker{latency: latency}).Process(ctx, record(4))
			if out.ProcessedValue != 8 {
				return errors.New("the result is lost")
			}
			return err
		},
		"delivery.primary": func(ctx context.Context, p *simulate.Plan) error {
			n, err := p.Channel(&sink{name: "primary", latency: latency}).Deliver(ctx, delivery(5))
			if n != 5 {
				return errors.New("records are missing")
			}
			return err
		},
	}
	for place, call := range calls {
		for _, test := range tests {
			inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
				began := time.Now()
				err := call(ctx, plan(t, place+"=slow"+test.params))
				if over := time.Since(began) - test.want; err != nil || over <= 0 || over > time.Microsecond {
					t.Errorf("%s=slow%s took %v (%v), want %v and a part of a microsecond", place, test.params, time.Since(began), err, test.want)
				}
			})
		}
	}
}

// A call that takes no measurable time, such as one to a file in virtual time, is slowed all the same: a fault that
// counts as fired must be felt.
func TestSlowIsFeltWhereNothingTakesTime(t *testing.T) {
	for _, place := range []string{"collector.fetch", "processor.batch", "delivery.primary", "delivery.spool"} {
		inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
			began := time.Now()
			err := callAt(ctx, plan(t, place+"=slow"), place)
			if took := time.Since(began); err != nil || took < 9*time.Millisecond || took > 10*time.Millisecond {
				t.Errorf("a slow %s took %v (%v), want 9 ms", place, took, err)
			}
		})
	}
}

// A slow call can end exactly when its limit does, but for the part of a microsecond: the limit always wins.
func TestSlowNeverEndsAtTheLimit(t *testing.T) {
	for _, place := range []string{"collector.health", "processor.batch", "delivery.primary", "delivery.spool"} {
		inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
			ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
			defer cancel()
			if err := callAt(ctx, plan(t, place+"=slow,by=5s"), place); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: 5 s more with a limit of 5 s gives %v", place, err)
			}
		})
	}
}

// retry_after is what the server asks for.
func TestRateLimited(t *testing.T) {
	inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
		err := callAt(ctx, plan(t, "collector.fetch=rate_limited,retry_after=90s"), "collector.fetch")
		if !httpStatus(429, 90*time.Second)(err) {
			t.Errorf("got %v", err)
		}
	})
}
