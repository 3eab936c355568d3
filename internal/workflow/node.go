package workflow

import (
	"context"
	"errors"
)

// Node is a Step under a name, ready for a graph over the state S.
type Node[S any] struct {
	name    string
	actions []Action
	hooks   []Hooks[S]
	run     func(ctx context.Context, n *Node[S], state S) (Action, error)
}

// NewNode names a step. Which hooks it has is found by the interfaces that it implements.
func NewNode[S, P, R any](name string, step Step[S, P, R]) *Node[S] {
	return &Node[S]{
		name:    name,
		actions: step.Actions(),
		run: func(ctx context.Context, n *Node[S], state S) (Action, error) {
			l := &life[S, P, R]{node: n, step: step, state: state}
			return l.live(ctx)
		},
	}
}

// Name returns the node's name.
func (n *Node[S]) Name() string { return n.name }

// Attach adds hooks from outside, called after those attached before.
func (n *Node[S]) Attach(h Hooks[S]) { n.hooks = append(n.hooks, h) }

// life is one passage of a state through a node.
type life[S, P, R any] struct {
	node  *Node[S]
	step  Step[S, P, R]
	state S
	in    P
}

func (l *life[S, P, R]) live(ctx context.Context) (Action, error) {
	Emit(ctx, Event{Node: l.node.name, Kind: NodeStarted})
	out, err := l.result(ctx)
	if err != nil {
		return "", err
	}
	action, err := guardPhase(l, PhasePost, func() (Action, error) { return l.step.Post(ctx, l.state, l.in, out) })
	if err != nil {
		l.onError(ctx, err) // seen, but a result can't undo a failed Post
		return "", err
	}
	Emit(ctx, Event{Node: l.node.name, Kind: NodeDone, Detail: string(action)})
	return action, nil
}

// result goes from BeforePrep to AfterExec. An error on the way can still be recovered by OnError.
func (l *life[S, P, R]) result(ctx context.Context) (R, error) {
	var out R
	err := l.prepare(ctx)
	if err != nil {
		out, err = l.recover(ctx, err)
	} else {
		out, err = l.exec(ctx) // asks OnError and ExecFallback itself
	}
	if err != nil {
		return out, err
	}
	checked, err := l.afterExec(ctx, out)
	if err != nil {
		return l.recover(ctx, err)
	}
	return checked, nil
}

func (l *life[S, P, R]) prepare(ctx context.Context) error {
	hook, has := l.step.(BeforePrepper[S])
	_, err := guardPhase(l, PhaseBeforePrep, func() (struct{}, error) {
		for _, h := range l.node.hooks {
			if h.BeforePrep != nil {
				h.BeforePrep(ctx, l.node.name, l.state)
			}
		}
		if has {
			return struct{}{}, hook.BeforePrep(ctx, l.state)
		}
		return struct{}{}, nil
	})
	if has {
		l.ran(ctx, string(PhaseBeforePrep))
	}
	if err != nil {
		return err
	}
	l.in, err = guardPhase(l, PhasePrep, func() (P, error) { return l.step.Prep(ctx, l.state) })
	return err
}

func (l *life[S, P, R]) exec(ctx context.Context) (R, error) {
	call := func(ctx context.Context) (R, error) { return l.step.Exec(ctx, l.in) }
	fallback := func(ctx context.Context, err error) (R, error) { return l.fallback(ctx, l.wrap(PhaseExec, err)) }
	if g, ok := l.step.(Guarded[P, R]); ok {
		return guardPhase(l, PhaseExec, func() (R, error) { return g.Around(ctx, l.in, call, fallback) })
	}
	out, err := guardPhase(l, PhaseExec, func() (R, error) { return call(ctx) })
	if err != nil {
		return l.fallback(ctx, err)
	}
	return out, nil
}

// fallback asks OnError, then ExecFallback, for a result in place of err.
func (l *life[S, P, R]) fallback(ctx context.Context, err error) (R, error) {
	if out, ok := l.onError(ctx, err); ok {
		Emit(ctx, Event{Node: l.node.name, Kind: Recovered})
		return out, nil
	}
	f, has := l.step.(Fallbacker[S, P, R])
	if !has {
		var none R
		return none, err
	}
	out, ferr := guardPhase(l, PhaseExec, func() (R, error) { return f.ExecFallback(ctx, l.state, l.in, err) })
	l.ran(ctx, HookFallback)
	if ferr != nil {
		return out, ferr
	}
	Emit(ctx, Event{Node: l.node.name, Kind: FallbackUsed})
	return out, nil
}

func (l *life[S, P, R]) afterExec(ctx context.Context, out R) (R, error) {
	hook, has := l.step.(AfterExecer[S, P, R])
	out, err := guardPhase(l, PhaseAfterExec, func() (R, error) {
		for _, h := range l.node.hooks {
			if h.AfterExec != nil {
				h.AfterExec(ctx, l.node.name, l.state)
			}
		}
		if has {
			return hook.AfterExec(ctx, l.state, l.in, out)
		}
		return out, nil
	})
	if has {
		l.ran(ctx, string(PhaseAfterExec))
	}
	return out, err
}

// recover is for errors outside Exec: only OnError can supply a result for them.
func (l *life[S, P, R]) recover(ctx context.Context, err error) (R, error) {
	out, ok := l.onError(ctx, err)
	if !ok {
		return out, err
	}
	Emit(ctx, Event{Node: l.node.name, Kind: Recovered})
	return out, nil
}

func (l *life[S, P, R]) onError(ctx context.Context, err error) (R, bool) {
	var none R
	hook, has := l.step.(ErrorHook[S, P, R])
	ok := false
	out, panicked := Safely(func() (R, error) {
		for _, h := range l.node.hooks {
			if h.OnError != nil {
				h.OnError(ctx, l.node.name, l.state, err)
			}
		}
		if !has {
			return none, nil
		}
		var out R
		out, ok = hook.OnError(ctx, l.state, l.in, err)
		return out, nil
	})
	if has {
		l.ran(ctx, HookOnError)
	}
	if panicked != nil {
		EmitError(ctx, Event{Node: l.node.name, Kind: HookFailed}, panicked)
		return none, false
	}
	return out, ok
}

func (l *life[S, P, R]) ran(ctx context.Context, hook string) {
	Emit(ctx, Event{Node: l.node.name, Kind: HookRan, Detail: hook})
}

// wrap says where err arose, unless it is an error of this node that says so already. The attempt of an Exec
// error deeper inside is kept.
func (l *life[S, P, R]) wrap(p Phase, err error) error {
	attempt := 0
	if ne, ok := errors.AsType[*NodeError](err); ok && ne.Node == l.node.name {
		if err == error(ne) {
			return err
		}
		if p == PhaseExec {
			attempt = ne.Attempt
		}
	}
	return &NodeError{Node: l.node.name, Phase: p, Attempt: attempt, Err: err}
}

// guardPhase runs one phase, recovers its panic, and says in the error where it arose.
func guardPhase[S, P, R, T any](l *life[S, P, R], p Phase, f func() (T, error)) (T, error) {
	out, err := Safely(f)
	if err != nil {
		err = l.wrap(p, err)
	}
	return out, err
}
