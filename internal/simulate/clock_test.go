package simulate_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"faultflow/internal/simulate"
	"faultflow/internal/workflow"
)

// A year of waiting passes at once (otherwise this test would not end), exactly, for sleeps, timers and timeouts alike.
func TestVirtualTimePasses(t *testing.T) {
	const year = 365 * 24 * time.Hour
	var slept, timed, limited time.Duration
	err := simulate.Virtually(func() {
		began := time.Now()
		time.Sleep(year)
		slept = time.Since(began)
		<-time.After(year)
		timed = time.Since(began)
		ctx, cancel := context.WithTimeout(context.Background(), year)
		defer cancel()
		<-ctx.Done()
		limited = time.Since(began)
	})
	if err != nil || slept != year || timed != 2*year || limited != 3*year {
		t.Errorf("%v, %v, %v; %v", slept, timed, limited, err)
	}
}

// Goroutines of f share its time.
func TestVirtualTimeIsShared(t *testing.T) {
	var order []int
	err := simulate.Virtually(func() {
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range 5 {
			all.Go(func() {
				time.Sleep(time.Duration(5-i) * time.Hour)
				mu.Lock()
				defer mu.Unlock()
				order = append(order, i)
			})
		}
		all.Wait()
	})
	if want := []int{4, 3, 2, 1, 0}; err != nil || !slices.Equal(order, want) {
		t.Errorf("woke in the order %v, want %v; %v", order, want, err)
	}
}

// Waiting for what can't happen would take for ever; in virtual time it is an error at once. So is a goroutine that is
// left behind.
func TestVirtualTimeDeadlocks(t *testing.T) {
	for name, f := range map[string]func(){
		"waits itself":       func() { <-make(chan int) },
		"leaves a goroutine": func() { go func() { <-make(chan int) }() },
	} {
		err := simulate.Virtually(f)
		if !errors.Is(err, workflow.ErrPanic) || !strings.Contains(err.Error(), "deadlock") {
			t.Errorf("%s: got %v, want a deadlock", name, err)
		}
	}
}

// A panic comes out as an error, with its stack, and the next bubble is not affected.
func TestVirtualTimePanics(t *testing.T) {
	boom := errors.New("boom")
	err := simulate.Virtually(func() {
		time.Sleep(time.Second)
		explode(boom)
	})
	panicked, ok := errors.AsType[*workflow.PanicError](err)
	if !ok || !errors.Is(err, workflow.ErrPanic) || !errors.Is(err, boom) {
		t.Fatalf("got %v, want a panic error", err)
	}
	if !strings.Contains(string(panicked.Stack), "explode") {
		t.Errorf("the stack does not say where:\n%s", panicked.Stack)
	}
	if err := simulate.Virtually(func() {}); err != nil {
		t.Errorf("after that: %v", err)
	}
}

//go:noinline
func explode(err error) { panic(err) }

// Runs can go on at the same time, each in a time of its own.
func TestVirtualTimesAreSeparate(t *testing.T) {
	var all sync.WaitGroup
	took := make([]time.Duration, 8)
	for i := range took {
		all.Go(func() {
			_ = simulate.Virtually(func() {
				began := time.Now()
				time.Sleep(time.Duration(i) * time.Hour)
				took[i] = time.Since(began)
			})
		})
	}
	all.Wait()
	for i, d := range took {
		if d != time.Duration(i)*time.Hour {
			t.Errorf("run %d took %v", i, d)
		}
	}
}
