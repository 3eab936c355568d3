package workflow_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"faultflow/internal/workflow"
)

// bubble runs f in virtual time with a stream whose events are kept.
func bubble(t *testing.T, f func(ctx context.Context, s *workflow.Stream, events *[]workflow.Event)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Hour) // a stream counts from its own start, not from the clock's
		events := &[]workflow.Event{}
		s := workflow.NewStream(func(e workflow.Event) { *events = append(*events, e) })
		f(workflow.WithStream(t.Context(), s), s, events)
	})
}

func TestEventTimes(t *testing.T) {
	bubble(t, func(ctx context.Context, s *workflow.Stream, events *[]workflow.Event) {
		workflow.Emit(ctx, workflow.Event{Node: "a"})
		time.Sleep(1500 * time.Millisecond)
		noted := time.Now()
		workflow.Emit(ctx, workflow.Event{Node: "b"})
		s.StartCycle(2)
		time.Sleep(time.Second)
		workflow.EmitAt(ctx, noted, workflow.Event{Node: "c"}) // told late, but it keeps its time
		workflow.Emit(ctx, workflow.Event{Node: "d", At: time.Minute, Cycle: 9})
		want := []workflow.Event{
			{Node: "a"},
			{Node: "b", At: 1500 * time.Millisecond},
			{Node: "c", At: 1500 * time.Millisecond, Cycle: 2},
			{Node: "d", At: 2500 * time.Millisecond, Cycle: 2}, // time and cycle are the stream's to say
		}
		if len(*events) != len(want) {
			t.Fatalf("%d events, want %d", len(*events), len(want))
		}
		for i, e := range *events {
			if e != want[i] {
				t.Errorf("got %+v\nwant %+v", e, want[i])
			}
		}
		if cycle, at := workflow.Now(ctx); cycle != 2 || at != 2500*time.Millisecond {
			t.Errorf("Now says cycle %d at %v", cycle, at)
		}
		if s.Elapsed() != 2500*time.Millisecond || s.Since(noted) != 1500*time.Millisecond {
			t.Errorf("elapsed %v, since %v", s.Elapsed(), s.Since(noted))
		}
	})
}

func TestEmitError(t *testing.T) {
	classify := func(err error) string { return "class of " + err.Error() }
	tests := []struct {
		name     string
		classify func(error) string
		event    workflow.Event
		err      error
		want     workflow.Event
	}{
		{
			"class and text",
			classify,
			workflow.Event{},
			errBroken,
			workflow.Event{Class: "class of broken", Detail: "broken"},
		},
		{
			"a detail of its own",
			classify,
			workflow.Event{Detail: "mine"},
			errBroken,
			workflow.Event{Class: "class of broken", Detail: "mine"},
		},
		{
			"where it arose is in fields",
			nil,
			workflow.Event{},
			&workflow.NodeError{
				Node:    "n",
				Phase:   workflow.PhaseExec,
				Attempt: 2,
				Err: &workflow.NodeError{
					Node:    "n",
					Phase:   workflow.PhaseExec,
					Attempt: 1,
					Err:     errBroken,
				},
			},
			workflow.Event{Detail: "broken"},
		},
		{"nothing classifies", nil, workflow.Event{}, errBroken, workflow.Event{Detail: "broken"}},
		{"no error", classify, workflow.Event{}, nil, workflow.Event{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(ctx context.Context, s *workflow.Stream, events *[]workflow.Event) {
				s.Classify = test.classify
				workflow.EmitError(ctx, test.event, test.err)
				if len(*events) != 1 || (*events)[0] != test.want {
					t.Errorf("got %+v, want %+v", *events, test.want)
				}
			})
		})
	}
}

// TestWithoutStream: nodes emit unconditionally, and need no stream in a test of their own.
func TestWithoutStream(t *testing.T) {
	ctx := t.Context()
	workflow.Emit(ctx, workflow.Event{})
	workflow.EmitAt(ctx, time.Now(), workflow.Event{})
	workflow.EmitError(ctx, workflow.Event{}, errors.New("dropped"))
	if cycle, at := workflow.Now(ctx); cycle != 0 || at != 0 {
		t.Errorf("Now says cycle %d at %v", cycle, at)
	}
	workflow.Emit(workflow.WithStream(ctx, workflow.NewStream(nil)), workflow.Event{})
}

// TestConcurrentEmit: the observer has no lock of its own; under -race this shows that it needs none.
func TestConcurrentEmit(t *testing.T) {
	const workers, each = 16, 100
	count := map[string]int{}
	s := workflow.NewStream(func(e workflow.Event) { count[e.Node]++ })
	ctx := workflow.WithStream(t.Context(), s)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				workflow.Emit(ctx, workflow.Event{Node: string(rune('a' + w))})
				s.StartCycle(i)
				workflow.Now(ctx)
			}
		})
	}
	wg.Wait()
	for w := range workers {
		if got := count[string(rune('a'+w))]; got != each {
			t.Errorf("worker %d: %d events arrived, want %d", w, got, each)
		}
	}
}
