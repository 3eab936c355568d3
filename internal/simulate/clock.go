package simulate

import (
	"runtime/debug"
	"testing"
	"testing/synctest"

	"faultflow/internal/workflow"
)

// Virtually runs f in virtual time: inside it every sleep, timer and timeout takes no real time at all, with the real
// libraries and code. All that f waits for must be made inside f, and its goroutines must end before it does. A panic of
// f is returned as a *workflow.PanicError, and so is a deadlock: that f, or a goroutine it left behind, waits for what
// can't happen.
func Virtually(f func()) (err error) {
	asError := func() {
		if v := recover(); v != nil {
			err = &workflow.PanicError{Value: v, Stack: debug.Stack()}
		}
	}
	defer asError()
	// synctest wants a *testing.T, of which it uses nothing that an empty one does not have; the bubble needs no test.
	synctest.Test(&testing.T{}, func(*testing.T) {
		defer asError()
		f()
	})
	return err
}
