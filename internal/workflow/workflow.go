// Package workflow is the engine: a checked graph of nodes that share one typed state.
//
// A node's life cycle is BeforePrep → Prep → Exec (inside its policies) → AfterExec → Post, and Post answers the action
// that picks the next node. When Exec fails for good, OnError may recover with a result, then ExecFallback may; what
// neither handles goes to the graph, which routes it to its error handler. The package uses the standard library only
// and knows nothing of records, policies or faults.
package workflow

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// Action is a node's answer after Post; with the node's name it selects an edge of the graph.
type Action string

// Step is what a node does. S is the state that all nodes of a graph share, P what Prep reads from it, R what Exec
// makes of that. Exec is the only method that the node's policies repeat, so it must not touch the state.
type Step[S, P, R any] interface {
	// Actions lists every action that Post can answer. Build checks that each has an edge.
	Actions() []Action
	Prep(ctx context.Context, state S) (P, error)
	Exec(ctx context.Context, in P) (R, error)
	Post(ctx context.Context, state S, in P, out R) (Action, error)
}

// The optional parts of a Step. A Step has a hook by implementing its interface.
type (
	// BeforePrepper checks conditions before anything is read from the state.
	BeforePrepper[S any] interface {
		BeforePrep(ctx context.Context, state S) error
	}
	// AfterExecer validates or amends a result; it also sees results that OnError or ExecFallback supplied.
	AfterExecer[S, P, R any] interface {
		AfterExec(ctx context.Context, state S, in P, out R) (R, error)
	}
	// ErrorHook sees every error of the node. True means recovered: the node goes on with the result, through Post.
	// An error of Post itself can be seen but not recovered.
	ErrorHook[S, P, R any] interface {
		OnError(ctx context.Context, state S, in P, err error) (R, bool)
	}
	// Fallbacker supplies a result when Exec failed for good and OnError did not recover.
	Fallbacker[S, P, R any] interface {
		ExecFallback(ctx context.Context, state S, in P, err error) (R, error)
	}
	// Guarded runs Exec inside policies: in is what Prep read, call is Exec, fallback is OnError followed by
	// ExecFallback, and Around decides how often and when either is called. A Step that is not Guarded has its Exec
	// called once.
	Guarded[P, R any] interface {
		Around(
			ctx context.Context,
			in P,
			call func(context.Context) (R, error),
			fallback func(context.Context, error) (R, error),
		) (R, error)
	}
)

// Hooks observe nodes from outside, for logs, metrics and tests. Any field may be nil. They run in the node's
// goroutine.
type Hooks[S any] struct {
	// BeforePrep fires as the node starts.
	BeforePrep func(ctx context.Context, node string, state S)
	// AfterExec fires once the node has a result, before Post.
	AfterExec func(ctx context.Context, node string, state S)
	// OnError fires with every error of the node, before the node's own OnError.
	OnError func(ctx context.Context, node string, state S, err error)
}

// Phase names a part of a node's life cycle in errors and events.
type Phase string

// The phases, in the order of the life cycle.
const (
	PhaseBeforePrep Phase = "before_prep"
	PhasePrep       Phase = "prep"
	PhaseExec       Phase = "exec"
	PhaseAfterExec  Phase = "after_exec"
	PhasePost       Phase = "post"
)

// The hooks of a node that are no phase of it.
const (
	HookOnError  = "on_error"
	HookFallback = "exec_fallback"
)

// HookNames lists the hooks in the order in which a node has them.
func HookNames() []string {
	return []string{string(PhaseBeforePrep), string(PhaseAfterExec), HookOnError, HookFallback}
}

// NodeError says where an error arose. Attempt counts from 1 and is 0 where attempts do not apply.
type NodeError struct {
	Node    string
	Phase   Phase
	Attempt int
	Err     error
}

// Error reads "collector exec (attempt 3): connection refused".
func (e *NodeError) Error() string {
	if e.Attempt > 0 {
		return fmt.Sprintf("%s %s (attempt %d): %v", e.Node, e.Phase, e.Attempt, e.Err)
	}
	return fmt.Sprintf("%s %s: %v", e.Node, e.Phase, e.Err)
}

// Unwrap returns the cause.
func (e *NodeError) Unwrap() error { return e.Err }

// Cause is err without the NodeErrors around it, for what tells where it arose in another way.
func Cause(err error) error {
	for {
		ne, ok := err.(*NodeError)
		if !ok {
			return err
		}
		err = ne.Err
	}
}

// ErrPanic matches every PanicError.
var ErrPanic = errors.New("panic")

// PanicError is a recovered panic.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Is makes errors.Is(err, ErrPanic) true.
func (e *PanicError) Is(target error) bool { return target == ErrPanic }

// Unwrap returns the panic's value if it was an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Safely calls f and turns a panic into a *PanicError with its stack.
func Safely[R any](f func() (R, error)) (out R, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return f()
}
