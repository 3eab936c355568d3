package simulate_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/nodes"
	"faultflow/internal/workflow"
)

// A channel that takes a part says how many: the first ones, in order.
func TestPartialDeliveries(t *testing.T) {
	tests := []struct {
		spec   string
		n      int
		took   int
		target error // nil: all were taken
	}{
		{"partial", 10, 5, nodes.ErrPartial},
		{"partial,share=0.3", 10, 3, nodes.ErrPartial},
		{"partial", 7, 3, nodes.ErrPartial},
		{"partial", 1, 0, nodes.ErrPartial},
		{"partial,share=1", 10, 10, nil},
		{"partial_write", 10, 5, io.ErrShortWrite},
		{"partial_write", 1, 0, io.ErrShortWrite},
	}
	for _, test := range tests {
		inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
			inner := &sink{name: "primary"}
			d := delivery(test.n)
			n, err := plan(t, "delivery.primary="+test.spec).Channel(inner).Deliver(ctx, d)
			if n != test.took || !errors.Is(err, test.target) || (err == nil) != (test.target == nil) {
				t.Errorf("%s of %d: %d, %v; want %d, %v", test.spec, test.n, n, err, test.took, test.target)
			}
			if inner.last.Key != d.Key || !slices.Equal(inner.last.Records, d.Records[:test.took]) ||
				len(d.Records) != test.n {
				t.Errorf("%s of %d: the channel got %+v", test.spec, test.n, inner.last)
			}
		})
	}
}

// When the acknowledgement is lost, the records have arrived; when a slow channel is cut off, too. Every other failure
// stops them on the way.
func TestWhatFailedDeliveriesDeliver(t *testing.T) {
	for _, kind := range fault.KindsAt("delivery.primary") {
		if fault.Throttles(kind) {
			continue // of a capacity, which the place does not have here
		}
		if kind == fault.Partial || kind == fault.PartialWrite {
			continue
		}
		inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
			time.Sleep(5 * time.Second) // flapping is down now
			inner := &sink{name: "primary", latency: time.Second}
			spec := "delivery.primary=" + string(kind)
			if kind == fault.Slow {
				spec += ",by=1h"
			}
			c := plan(t, spec).Channel(inner)
			ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
			defer cancel()
			n, err := workflow.Safely(func() (int, error) { return c.Deliver(ctx, delivery(10)) })
			if n != 0 || err == nil {
				t.Errorf("%s: %d, %v; want a failure", kind, n, err)
			}
			arrived := kind == fault.AckLost || kind == fault.Slow
			if got := len(inner.took) == 1; got != arrived {
				t.Errorf("%s: the records arrived: %v, want %v", kind, got, arrived)
			}
		})
	}
}

// A channel that fails by itself is not reported as one that lost an acknowledgement.
func TestAckLostNeedsADelivery(t *testing.T) {
	inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err := plan(t, "delivery.primary=ack_lost").Channel(&sink{name: "primary", latency: time.Hour}).Deliver(ctx, delivery(1))
		if _, ok := errors.AsType[*nodes.AckError](err); ok || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a channel that was cut off gives %v", err)
		}
	})
}

// A spool keeps all of a delivery or nothing. Under every fault it keeps nothing, so that records which became dead
// letters are not in the emergency file as well.
func TestFailedSpoolKeepsNothing(t *testing.T) {
	for _, kind := range fault.KindsAt(catalog.PlaceSpool) {
		if fault.Throttles(kind) {
			continue // of a capacity, which the place does not have here
		}
		inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
			inner := &keeper{}
			spec := "delivery.spool=" + string(kind) + ",first=1"
			if kind == fault.Slow {
				spec += ",by=1h"
			}
			s := plan(t, spec).Spool(inner)
			write := func() error {
				ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
				defer cancel()
				_, err := workflow.Safely(func() (none struct{}, err error) { return none, s.Write(ctx, delivery(10)) })
				return err
			}
			if err := write(); err == nil || len(inner.kept) != 0 {
				t.Errorf("%s: %v, and %v records were kept", kind, err, inner.kept)
			}
			if err := write(); err != nil || !slices.Equal(inner.kept, []int{10}) {
				t.Errorf("after %s: %v, and %v records were kept", kind, err, inner.kept)
			}
		})
	}
}

// A slow spool that is given its time keeps what it was given.
func TestSlowSpool(t *testing.T) {
	inRun(t, func(t *testing.T, ctx context.Context, _ *workflow.Stream) {
		inner := &keeper{}
		began := time.Now()
		err := plan(t, "delivery.spool=slow,by=2s").Spool(inner).Write(ctx, delivery(10))
		if over := time.Since(began) - 2*time.Second; err != nil || over < 0 || over > time.Microsecond ||
			len(inner.kept) != 1 {
			t.Errorf("%v after %v, kept %v", err, time.Since(began), inner.kept)
		}
	})
}
