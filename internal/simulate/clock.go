package simulate

import (
	"runtime/debug"
	"testing"
	"testing/synctest"

	"faultflow/internal/workflow"
)

// Virtually runs f in virtual time: sleeps, timers and timeouts of unmodified code and libraries take no real time.
// Channels and timers that f waits for must be made inside f, and its goroutines must end before it does. A panic of f
// is returned as a *workflow.PanicError, and so is a deadlock of f or of a goroutine that it left behind.
func Virtually(f func()) (err error) {
	asError := func() {
		if v := recover(); v != nil {
			err = &workflow.PanicError{Value: v, Stack: debug.Stack()}
		}
	}
	defer asError()
	// synctest.Test requires a *testing.T, but an empty one will do: the bubble needs no test.
	synctest.Test(&testing.T{}, func(*testing.T) {
		defer asError()
		f()
	})
	return err
}
