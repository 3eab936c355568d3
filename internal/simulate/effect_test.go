package simulate_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"math"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/fault"
	"faultflow/internal/nodes"
	"faultflow/internal/simulate"
	"faultflow/internal/workflow"
)

// callAt makes one call at a place, through the plan's decorators, and recovers a panic as a guard would.
func callAt(ctx context.Context, p *simulate.Plan, place catalog.Place) error {
	_, err := workflow.Safely(func() (struct{}, error) {
		var err error
		switch place {
		case catalog.PlaceHealth:
			err = p.Source(&rows{}).Health(ctx)
		case catalog.PlaceFetch:
			_, err = p.Source(&rows{}).Fetch(ctx, 10)
		case catalog.PlaceBatch:
			err = p.Processor(&worker{}).Begin(ctx, batchOf(10))
		case catalog.PlaceRecord:
			w := p.Processor(&worker{})
			if err = w.Begin(ctx, batchOf(10)); err == nil {
				_, err = w.Process(ctx, record(1))
			}
		case catalog.PlaceSpool:
			err = p.Spool(&keeper{}).Write(ctx, delivery(10))
		default:
			_, err = p.Channel(&sink{name: strings.TrimPrefix(string(place), "delivery.")}).Deliver(ctx, delivery(10))
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
var genuine = map[fault.Kind]func(error) bool{
	fault.ConnectionRefused: and(isErrno(syscall.ECONNREFUSED), as[*net.OpError], as[*os.SyscallError]),
	fault.ConnectionReset:   and(isErrno(syscall.ECONNRESET), as[*net.OpError], as[*os.SyscallError]),
	fault.DNSFailure: and(as[*net.OpError], func(err error) bool {
		dns, ok := errors.AsType[*net.DNSError](err)
		return ok && dns.IsNotFound
	}),
	fault.Timeout: and(as[*net.OpError], is(os.ErrDeadlineExceeded), func(err error) bool {
		netErr, ok := errors.AsType[net.Error](err)
		return ok && netErr.Timeout()
	}),
	fault.HTTP500:          httpStatus(500, 0),
	fault.HTTP503:          httpStatus(503, 0),
	fault.RateLimited:      httpStatus(429, time.Second),
	fault.CorruptPayload:   as[*json.SyntaxError],
	fault.TruncatedPayload: is(io.ErrUnexpectedEOF),
	fault.OutOfMemory:      and(isErrno(syscall.ENOMEM), as[*os.SyscallError]),
	fault.DiskFull:         isErrno(syscall.ENOSPC),
	fault.TooManyOpenFiles: and(isErrno(syscall.EMFILE), as[*os.SyscallError]),
	fault.PoolExhausted:    is(nodes.ErrPoolExhausted),
	fault.Partial:          is(nodes.ErrPartial),
	fault.Flapping:         is(nodes.ErrNoHealthyUpstream),
	fault.Error:            func(err error) bool { return err.Error() == "transformation failed: unexpected state" },
	fault.Panic:            and(is(workflow.ErrPanic), as[runtime.Error]),
	fault.PermissionDenied: and(is(fs.ErrPermission), isErrno(syscall.EACCES), as[*fs.PathError]),
	fault.Locked:           and(isErrno(syscall.EWOULDBLOCK), as[*fs.PathError]),
	fault.PartialWrite:     is(io.ErrShortWrite),
	fault.AckLost:          and(is(io.ErrUnexpectedEOF), as[*nodes.AckError]),
}

// callFails is false for the kinds that do not make a call at the place fail by themselves.
func callFails(k fault.Kind, place catalog.Place) bool {
	switch k {
	case fault.Slow, fault.MissingFields, fault.OutOfRange, fault.DuplicateRecords, fault.EmptyBatch:
		return false
	case fault.Partial:
		// The fetch returns less, the batch fails records.
		return place != catalog.PlaceFetch && place != catalog.PlaceBatch
	}
	return true
}

// Every kind gives the error of a real system, of the class that ClassOf promises, wherever it applies. Of a panic, a
// plain error and a hang the error itself says nothing; their class is the guarded operation's, which internal/nodes
// tests.
func TestKindsGiveGenuineErrors(t *testing.T) {
	for _, place := range places {
		for _, kind := range fault.KindsAt(place) {
			if fault.Throttles(kind) {
				continue // of a capacity, which the place does not have here
			}
			if !callFails(kind, place) || kind == fault.Hang {
				continue
			}
			inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
				ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
				defer cancel()
				time.Sleep(5 * time.Second) // flapping is down now
				began := time.Now()
				err := callAt(ctx, plan(t, string(place)+"="+string(kind)), place)
				took := time.Since(began)
				if genuine[kind] == nil {
					t.Fatalf("genuine does not say what the error of %s is known by", kind)
				}
				if err == nil || !genuine[kind](err) {
					t.Fatalf("%s at %s gives %T: %v", kind, place, err, err)
				}
				got, want := errhandler.Classify(err), fault.ClassOf(kind, place)
				if got != want && kind != fault.Panic && kind != fault.Error {
					t.Errorf("%s at %s is of class %s, want %s (%v)", kind, place, got, want, err)
				}
				switch kind {
				case fault.Timeout, fault.Panic, fault.Partial, fault.PartialWrite, fault.AckLost:
				default:
					if took < time.Millisecond || took > 20*time.Millisecond {
						t.Errorf("%s at %s fails after %v, want 1–20 ms", kind, place, took)
					}
				}
			})
		}
	}
}

// The words of an error are the same everywhere: where a report was made can't be read from it. Those of the operating
// system are other ones on macOS, Windows and in a browser.
func TestErrorsHaveWordsOfTheirOwn(t *testing.T) {
	words := map[fault.Kind]string{
		fault.ConnectionRefused: "dial tcp 192.0.2.1:443: connect: connection refused",
		fault.ConnectionReset:   "read tcp 192.0.2.1:443: read: connection reset by peer",
		fault.DNSFailure:        "dial tcp: lookup api.invalid: no such host",
		fault.Timeout:           "read tcp 192.0.2.1:443: i/o timeout",
		fault.CorruptPayload:    "invalid character '}' after top-level value",
		fault.TruncatedPayload:  "unexpected EOF",
		fault.OutOfMemory:       "mmap: cannot allocate memory",
		fault.TooManyOpenFiles:  "socket: too many open files",
		fault.PermissionDenied:  "open PLACE: permission denied",
		fault.Locked:            "lock PLACE: resource temporarily unavailable",
		fault.Panic:             "panic: runtime error: index out of range [1] with length 0",
	}
	for _, place := range places {
		for _, kind := range fault.KindsAt(place) {
			want, isFixed := words[kind]
			if kind == fault.DiskFull {
				want, isFixed = "fallocate: no space left on device", true
				if fault.Writes(place) {
					want = "write PLACE: no space left on device"
				}
			}
			if !isFixed {
				continue
			}
			inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
				ctx, cancel := context.WithTimeout(ctx, time.Second)
				defer cancel()
				err := callAt(ctx, plan(t, string(place)+"="+string(kind)), place)
				if want := strings.ReplaceAll(want, "PLACE", string(place)); err == nil || err.Error() != want {
					t.Errorf("%s at %s says %q, want %q", kind, place, err, want)
				}
			})
		}
	}
}

// What hangs, hangs until its caller gives up, and ends within a microsecond after that: never at the very instant, so
// that nothing depends on who is scheduled first.
func TestHangsTakeTheCallersLimit(t *testing.T) {
	for _, place := range places {
		for _, kind := range fault.KindsAt(place) {
			if fault.Throttles(kind) {
				continue // of a capacity, which the place does not have here
			}
			if kind != fault.Timeout && kind != fault.Hang {
				continue
			}
			for _, limit := range []time.Duration{time.Millisecond, 5 * time.Second, 1000 * time.Hour} {
				inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
					ctx, cancel := context.WithCancel(ctx)
					time.AfterFunc(limit, cancel)
					began := time.Now()
					err := callAt(ctx, plan(t, string(place)+"="+string(kind)), place)
					if over := time.Since(began) - limit; over <= 0 || over >= time.Microsecond {
						t.Errorf("%s at %s took %v more than %v", kind, place, over, limit)
					}
					if kind == fault.Hang && !errors.Is(err, context.Canceled) {
						t.Errorf("hang at %s gives %v, want the context's error", place, err)
					}
				})
			}
		}
	}
}

// A failing call takes 1 to 20 ms, and a cancelled one up to a microsecond, evenly spread over the whole of it:
// latencies that all were one would be ties for the scheduler to decide.
func TestDelaysFillTheirRange(t *testing.T) {
	const n = 2000
	for _, test := range []struct {
		kind      string
		low, high time.Duration
	}{{"pool_exhausted", time.Millisecond, 20 * time.Millisecond}, {"hang", 0, time.Microsecond}} {
		inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
			c := plan(t, "delivery.primary="+test.kind).Channel(&sink{name: "primary"})
			least, most, sum := time.Hour, time.Duration(0), time.Duration(0)
			for range n {
				ctx, cancel := context.WithCancel(ctx)
				if test.kind == "hang" {
					cancel()
				}
				began := time.Now()
				_, _ = c.Deliver(ctx, delivery(1))
				took := time.Since(began)
				cancel()
				least, most, sum = min(least, took), max(most, took), sum+took
			}
			width := test.high - test.low
			if least < test.low || least > test.low+width/100 || most > test.high || most < test.high-width/100 {
				t.Errorf("%s takes %v to %v, want %v to %v", test.kind, least, most, test.low, test.high)
			}
			// The mean of n uniform draws has a standard deviation of width / √(12 n).
			mean, sd := float64(sum)/n, float64(width)/math.Sqrt(12*n)
			if want := float64(test.low+test.high) / 2; math.Abs(mean-want) > 5*sd {
				t.Errorf("%s takes %v on average, want %v", test.kind, time.Duration(mean), time.Duration(want))
			}
		})
	}
}

// A hanging call notices its end 1 to 999 ns late: never at the instant itself, and within the microsecond.
func TestHangsEndWithinTheMicrosecond(t *testing.T) {
	for drawn, want := range map[float64]time.Duration{0: 1, 0.5: 500, math.Nextafter(1, 0): 999} {
		inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
			f := fault.Fault{Place: "delivery.primary", Kinds: []fault.Kind{fault.Hang}}
			p := simulate.NewPlan([]fault.Fault{f}, func(nodes.Key) float64 { return drawn })
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			began := time.Now()
			_ = callAt(ctx, p, "delivery.primary")
			if took := time.Since(began); took != want {
				t.Errorf("drawn %v: %v late, want %v", drawn, took, want)
			}
		})
	}
}

// However slow, a call takes no more than 10,000 hours longer: sums of such times must stay times.
func TestSlowHasABound(t *testing.T) {
	inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
		began := time.Now()
		_, err := plan(t, "collector.fetch=slow,factor=1e6").Source(&rows{latency: time.Hour}).Fetch(ctx, 1)
		if over := time.Since(began) - 10_001*time.Hour; err != nil || over <= 0 || over > time.Microsecond {
			t.Errorf("an hour, a million times: %v, %v", time.Since(began), err)
		}
	})
}

// A slow call that was given up before it had any rows leaves none behind: the next one asks the source.
func TestSlowCallWithoutRowsLeavesNothing(t *testing.T) {
	inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
		inner := &rows{latency: time.Second}
		s := plan(t, "collector.fetch=slow,calls=1").Source(inner)
		short, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		if b, err := s.Fetch(short, 3); b.Len() != 0 || err == nil {
			t.Errorf("%d rows, %v", b.Len(), err)
		}
		if b, err := s.Fetch(ctx, 3); b.Len() != 3 || err != nil || inner.calls != 2 {
			t.Errorf("%d rows, %v, of %d calls", b.Len(), err, inner.calls)
		}
	})
}

// Cancelling ends every kind at once, also those that were about to fail by themselves.
func TestCancellationEndsEveryCall(t *testing.T) {
	for _, place := range places {
		for _, kind := range fault.KindsAt(place) {
			if fault.Throttles(kind) {
				continue // of a capacity, which the place does not have here
			}
			if kind == fault.Panic {
				continue
			}
			inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(time.Microsecond, cancel)
				began := time.Now()
				spec := string(place) + "=" + string(kind)
				if kind == fault.Slow {
					spec += ",by=1h"
				}
				err := callAt(ctx, plan(t, spec), place)
				if took := time.Since(began); took >= 2*time.Microsecond {
					t.Errorf("%s at %s went on for %v after it was cancelled: %v", kind, place, took, err)
				}
				switch kind {
				case fault.Flapping,
					fault.Partial,
					fault.MissingFields,
					fault.OutOfRange,
					fault.DuplicateRecords: // up, or of records
				case fault.PartialWrite, fault.AckLost: // take no time
				default:
					if err == nil {
						t.Errorf("%s at %s was cancelled, and says nothing of it", kind, place)
					}
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
		{"", 10 * latency},
		{",factor=1", latency},
		{",factor=2.5", 250 * time.Millisecond},
		{",by=7s", latency + 7*time.Second},
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
					t.Errorf("%s=slow%s took %v (%v), want %v and a part of a microsecond",
						place, test.params, time.Since(began), err, test.want)
				}
			})
		}
	}
}

// A call that takes no measurable time, such as one to a file in virtual time, is slowed all the same: a fault that
// counts as fired must be felt.
func TestSlowIsFeltWhereNothingTakesTime(t *testing.T) {
	for _, place := range []catalog.Place{"collector.fetch", "processor.batch", "delivery.primary", "delivery.spool"} {
		inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
			began := time.Now()
			err := callAt(ctx, plan(t, string(place)+"=slow"), place)
			if took := time.Since(began); err != nil || took < 9*time.Millisecond || took > 10*time.Millisecond {
				t.Errorf("a slow %s took %v (%v), want 9 ms", place, took, err)
			}
		})
	}
}

// A slow call can end exactly when its limit does, but for the part of a microsecond: the limit always wins.
func TestSlowNeverEndsAtTheLimit(t *testing.T) {
	for _, place := range []catalog.Place{"collector.health", "processor.batch", "delivery.primary", "delivery.spool"} {
		inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
			ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
			defer cancel()
			err := callAt(ctx, plan(t, string(place)+"=slow,by=5s"), place)
			if !errors.Is(err, context.DeadlineExceeded) {
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
