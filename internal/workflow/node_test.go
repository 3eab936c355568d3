package workflow_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"faultflow/internal/workflow"
)

// diary is the state of these tests: who did what, in order.
type diary struct{ lines []string }

func (d *diary) add(format string, args ...any) {
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) String() string { return strings.Join(d.lines, ", ") }

const (
	goOn workflow.Action = "go_on"
	stop workflow.Action = "stop"
)

var errBroken = errors.New("broken")

// plain is a step without hooks. Its parts write into the diary, and fail or panic where they are told to.
type plain struct {
	diary  *diary
	fails  map[workflow.Phase]error
	panics map[workflow.Phase]any
}

// part is what each part of a step does. Stack traces name it.
func (p *plain) part(phase workflow.Phase, format string, args ...any) error {
	p.diary.add(format, args...)
	if v, ok := p.panics[phase]; ok {
		panic(v)
	}
	return p.fails[phase]
}

func (p *plain) Actions() []workflow.Action { return []workflow.Action{goOn} }

func (p *plain) Prep(context.Context, *diary) (string, error) {
	if err := p.part(workflow.PhasePrep, "prep"); err != nil {
		return "", err
	}
	return "in", nil
}

func (p *plain) Exec(_ context.Context, in string) (string, error) {
	return "out", p.part(workflow.PhaseExec, "exec(%s)", in)
}

func (p *plain) Post(_ context.Context, _ *diary, in, out string) (workflow.Action, error) {
	return goOn, p.part(workflow.PhasePost, "post(%s %s)", in, out)
}

// full is a step with every hook. OnError recovers if it is told to, ExecFallback succeeds unless it is told otherwise.
type full struct {
	plain
	recovers, onErrorPanics bool
	fallbackErr             error
	fallbackPanics          bool
	seen                    []error
}

func (f *full) BeforePrep(context.Context, *diary) error {
	return f.part(workflow.PhaseBeforePrep, "before_prep")
}

func (f *full) AfterExec(_ context.Context, _ *diary, in, out string) (string, error) {
	return "checked " + out, f.part(workflow.PhaseAfterExec, "after_exec(%s %s)", in, out)
}

func (f *full) OnError(_ context.Context, d *diary, in string, err error) (string, bool) {
	d.add("on_error(%s)", in)
	f.seen = append(f.seen, err)
	if f.onErrorPanics {
		panic("on_error is broken too")
	}
	return "rescued", f.recovers
}

func (f *full) ExecFallback(_ context.Context, d *diary, in string, err error) (string, error) {
	d.add("exec_fallback(%s)", in)
	f.seen = append(f.seen, err)
	if f.fallbackPanics {
		panic("exec_fallback is broken too")
	}
	return "substitute", f.fallbackErr
}

// guarded is a full step whose policies are up to the test.
type guarded struct {
	full
	around func(ctx context.Context, call func(context.Context) (string, error), fallback func(context.Context, error) (string, error)) (string, error)
}

func (g *guarded) Around(
	ctx context.Context,
	_ string,
	call func(context.Context) (string, error),
	fallback func(context.Context, error) (string, error),
) (string, error) {
	return g.around(ctx, call, fallback)
}

var (
	_ workflow.Step[*diary, string, string]        = (*plain)(nil)
	_ workflow.BeforePrepper[*diary]               = (*full)(nil)
	_ workflow.AfterExecer[*diary, string, string] = (*full)(nil)
	_ workflow.ErrorHook[*diary, string, string]   = (*full)(nil)
	_ workflow.Fallbacker[*diary, string, string]  = (*full)(nil)
	_ workflow.Guarded[string, string]             = (*guarded)(nil)
)

// attached writes into the diary when it is called.
func attached(name string) workflow.Hooks[*diary] {
	return workflow.Hooks[*diary]{
		BeforePrep: func(_ context.Context, node string, d *diary) { d.add("%s:before_prep(%s)", name, node) },
		AfterExec:  func(_ context.Context, node string, d *diary) { d.add("%s:after_exec(%s)", name, node) },
		OnError:    func(_ context.Context, node string, d *diary, _ error) { d.add("%s:on_error(%s)", name, node) },
	}
}

// live takes a diary through the one node of a graph. It returns the kinds of its events and the
// node's error.
func live(
	t *testing.T,
	d *diary,
	step workflow.Step[*diary, string, string],
	hooks ...workflow.Hooks[*diary],
) ([]string, error) {
	t.Helper()
	g, err := workflow.New[*diary]("one").Add(workflow.NewNode("n", step)).Final("n", goOn).Build()
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hooks {
		g.Attach(h)
	}
	var kinds []string
	stream := workflow.NewStream(func(e workflow.Event) {
		kind := string(e.Kind)
		if e.Kind == workflow.HookRan || e.Kind == workflow.NodeDone {
			kind += " " + e.Detail
		}
		kinds = append(kinds, kind)
	})
	err = g.Run(workflow.WithStream(t.Context(), stream), d)
	return kinds, err
}

func TestLifeCycleOrder(t *testing.T) {
	t.Run("without hooks", func(t *testing.T) {
		d := &diary{}
		if _, err := live(t, d, &plain{diary: d}); err != nil {
			t.Fatal(err)
		}
		if want := "prep, exec(in), post(in out)"; d.String() != want {
			t.Errorf("got  %s\nwant %s", d, want)
		}
	})
	t.Run("with hooks on the node and two sets attached", func(t *testing.T) {
		d := &diary{}
		kinds, err := live(t, d, &full{plain: plain{diary: d}}, attached("x"), workflow.Hooks[*diary]{}, attached("y"))
		if err != nil {
			t.Fatal(err)
		}
		want := "x:before_prep(n), y:before_prep(n), before_prep, prep, exec(in), x:after_exec(n), y:after_exec(n), after_exec(in out), post(in checked out)"
		if d.String() != want {
			t.Errorf("got  %s\nwant %s", d, want)
		}
		if got, want := strings.Join(
			kinds,
			", ",
		), "node_started, hook before_prep, hook after_exec, node_done go_on"; got != want {
			t.Errorf("events: got  %s\nwant %s", got, want)
		}
	})
}

// TestEachPhaseFailing breaks each phase, by an error and by a panic, with an OnError that recovers and with one that
// does not. What happens next may not depend on how the phase broke.
func TestEachPhaseFailing(t *testing.T) {
	const (
		before  = "x:before_prep(n), before_prep"
		after   = "x:after_exec(n), after_exec(in out)"
		rescued = "x:after_exec(n), after_exec(in rescued), post(in checked rescued)"
	)
	tests := []struct {
		phase    workflow.Phase
		recovers bool
		fallback error // what ExecFallback returns
		want     string
		ok       bool
		event    string
	}{
		// A result in place of a failed BeforePrep or Prep is checked by AfterExec like any other.
		{
			phase:    workflow.PhaseBeforePrep,
			recovers: true,
			ok:       true,
			event:    "recovered",
			want:     before + ", x:on_error(n), on_error(), x:after_exec(n), after_exec( rescued), post( checked rescued)",
		},
		{phase: workflow.PhaseBeforePrep, want: before + ", x:on_error(n), on_error()", event: "node_failed"},
		{
			phase:    workflow.PhasePrep,
			recovers: true,
			ok:       true,
			event:    "recovered",
			want:     before + ", prep, x:on_error(n), on_error(), x:after_exec(n), after_exec( rescued), post( checked rescued)",
		},
		{phase: workflow.PhasePrep, want: before + ", prep, x:on_error(n), on_error()", event: "node_failed"},
		{phase: workflow.PhaseExec, recovers: true, ok: true, event: "recovered",
			want: before + ", prep, exec(in), x:on_error(n), on_error(in), " + rescued},
		// Only a failed Exec has a fallback after OnError.
		{
			phase: workflow.PhaseExec,
			ok:    true,
			event: "fallback_used",
			want:  before + ", prep, exec(in), x:on_error(n), on_error(in), exec_fallback(in), x:after_exec(n), after_exec(in substitute), post(in checked substitute)",
		},
		{phase: workflow.PhaseExec, fallback: errors.New("no substitute"), event: "node_failed",
			want: before + ", prep, exec(in), x:on_error(n), on_error(in), exec_fallback(in)"},
		// The recovered result of a failed AfterExec is not checked again by what has just failed.
		{phase: workflow.PhaseAfterExec, recovers: true, ok: true, event: "recovered",
			want: before + ", prep, exec(in), " + after + ", x:on_error(n), on_error(in), post(in rescued)"},
		{phase: workflow.PhaseAfterExec, event: "node_failed",
			want: before + ", prep, exec(in), " + after + ", x:on_error(n), on_error(in)"},
		// An error of Post is seen, but a result can't undo what Post has done.
		{phase: workflow.PhasePost, recovers: true, event: "node_failed",
			want: before + ", prep, exec(in), " + after + ", post(in checked out), x:on_error(n), on_error(in)"},
	}
	for _, test := range tests {
		for _, how := range []string{"error", "panic", "panic with an error"} {
			name := fmt.Sprintf("%s/%s/recovers=%v", test.phase, how, test.recovers)
			t.Run(name, func(t *testing.T) {
				d := &diary{}
				step := &full{plain: plain{diary: d}, recovers: test.recovers, fallbackErr: test.fallback}
				switch how {
				case "error":
					step.fails = map[workflow.Phase]error{test.phase: errBroken}
				case "panic":
					step.panics = map[workflow.Phase]any{test.phase: "out of luck"}
				default:
					step.panics = map[workflow.Phase]any{test.phase: errBroken}
				}
				kinds, err := live(t, d, step, attached("x"))
				if (err == nil) != test.ok {
					t.Fatalf("the run's error is %v", err)
				}
				if d.String() != test.want {
					t.Errorf("got  %s\nwant %s", d, test.want)
				}
				if !slices.Contains(kinds, test.event) {
					t.Errorf("no event %s among %v", test.event, kinds)
				}
				for _, seen := range step.seen {
					checkOrigin(t, seen, test.phase, how)
				}
				if err != nil && test.fallback == nil {
					checkOrigin(t, err, test.phase, how)
				}
				if test.fallback != nil && !errors.Is(err, test.fallback) {
					t.Errorf("the fallback's error is lost: %v", err)
				}
			})
		}
	}
}

// checkOrigin checks that err says where it arose, and that a panic's stack leads there.
func checkOrigin(t *testing.T, err error, phase workflow.Phase, how string) {
	t.Helper()
	ne, ok := err.(*workflow.NodeError)
	if !ok {
		t.Fatalf("%T is no *NodeError", err)
	}
	if ne.Node != "n" || ne.Phase != phase || ne.Attempt != 0 {
		t.Errorf("got node %q, phase %q, attempt %d; want n, %q, 0", ne.Node, ne.Phase, ne.Attempt, phase)
	}
	if how != "panic" && !errors.Is(err, errBroken) {
		t.Errorf("%v does not lead to its cause", err)
	}
	pe, isPanic := errors.AsType[*workflow.PanicError](err)
	if wasPanic := how != "error"; isPanic != wasPanic || errors.Is(err, workflow.ErrPanic) != wasPanic {
		t.Fatalf(
			"%v: is a panic: %v, matches ErrPanic: %v; want both %v",
			err,
			isPanic,
			errors.Is(err, workflow.ErrPanic),
			wasPanic,
		)
	}
	if isPanic && !strings.Contains(string(pe.Stack), "(*plain).part") {
		t.Errorf("the stack does not lead to where the panic arose:\n%s", pe.Stack)
	}
}

// TestErrorWithoutHooks: a step without OnError and ExecFallback hands its error to the graph as it is.
func TestErrorWithoutHooks(t *testing.T) {
	d := &diary{}
	kinds, err := live(t, d, &plain{diary: d, fails: map[workflow.Phase]error{workflow.PhaseExec: errBroken}})
	if want := "n exec: broken"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if got := strings.Join(kinds, ", "); got != "node_started, node_failed" {
		t.Errorf("events: %s", got)
	}
}

// TestBrokenHooks: hooks run in the node, so that a panic of theirs must not end the run either.
func TestBrokenHooks(t *testing.T) {
	broken := func(context.Context, string, *diary) { panic("the hook is broken") }
	execFails := map[workflow.Phase]error{workflow.PhaseExec: errBroken}
	tests := []struct {
		name      string
		step      full
		hooks     workflow.Hooks[*diary]
		wantPhase workflow.Phase // "" where the node goes on
		wantPanic bool
		event     string
	}{
		{name: "attached BeforePrep", hooks: workflow.Hooks[*diary]{BeforePrep: broken},
			wantPhase: workflow.PhaseBeforePrep, wantPanic: true, event: "node_failed"},
		{name: "attached AfterExec", hooks: workflow.Hooks[*diary]{AfterExec: broken},
			wantPhase: workflow.PhaseAfterExec, wantPanic: true, event: "node_failed"},
		{
			name: "attached OnError leaves the node's own error and its fallback",
			step: full{plain: plain{fails: execFails}},
			hooks: workflow.Hooks[*diary]{
				OnError: func(context.Context, string, *diary, error) { panic("the hook is broken") },
			},
			event: "hook_failed",
		},
		{
			name:  "OnError leaves the node's own error and its fallback",
			step:  full{plain: plain{fails: execFails}, onErrorPanics: true},
			event: "hook_failed",
		},
		{
			name: "a panic in OnError does not recover",
			step: full{
				plain:         plain{fails: map[workflow.Phase]error{workflow.PhasePrep: errBroken}},
				onErrorPanics: true,
				recovers:      true,
			},
			wantPhase: workflow.PhasePrep,
			event:     "hook_failed",
		},
		{name: "ExecFallback", step: full{plain: plain{fails: execFails}, fallbackPanics: true},
			wantPhase: workflow.PhaseExec, wantPanic: true, event: "node_failed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := &diary{}
			step := test.step
			step.diary = d
			kinds, err := live(t, d, &step, test.hooks)
			if !slices.Contains(kinds, test.event) {
				t.Errorf("no event %s among %v", test.event, kinds)
			}
			if test.wantPhase == "" {
				if err != nil || !slices.Contains(d.lines, "exec_fallback(in)") {
					t.Errorf("error %v after %s; want the fallback's result", err, d)
				}
				return
			}
			ne, ok := errors.AsType[*workflow.NodeError](err)
			if !ok || ne.Phase != test.wantPhase || errors.Is(err, workflow.ErrPanic) != test.wantPanic {
				t.Errorf("got %v; want phase %s, a panic: %v", err, test.wantPhase, test.wantPanic)
			}
		})
	}
}

// TestAroundDecides: how often Exec runs, and whether the fallback is asked, is up to the policies.
func TestAroundDecides(t *testing.T) {
	type (
		callFn     = func(context.Context) (string, error)
		fallbackFn = func(context.Context, error) (string, error)
	)
	tests := []struct {
		name    string
		around  func(context.Context, callFn, fallbackFn) (string, error)
		fails   bool
		want    string
		wantErr string
	}{
		{name: "never", want: "post(in checked cached)",
			around: func(context.Context, callFn, fallbackFn) (string, error) { return "cached", nil }},
		{name: "once", want: "exec(in), post(in checked out)",
			around: func(ctx context.Context, call callFn, _ fallbackFn) (string, error) { return call(ctx) }},
		{name: "three times", want: "exec(in), exec(in), exec(in), post(in checked out)",
			around: func(ctx context.Context, call callFn, _ fallbackFn) (string, error) {
				_, _ = call(ctx)
				_, _ = call(ctx)
				return call(ctx)
			}},
		{
			name:  "fallback after two attempts",
			fails: true,
			want:  "exec(in), exec(in), on_error(in), exec_fallback(in), post(in checked substitute)",
			around: func(ctx context.Context, call callFn, fallback fallbackFn) (string, error) {
				_, _ = call(ctx)
				_, err := call(ctx)
				return fallback(ctx, err)
			},
		},
		{name: "no fallback", fails: true, want: "exec(in)", wantErr: "n exec: broken",
			around: func(ctx context.Context, call callFn, _ fallbackFn) (string, error) { return call(ctx) }},
		{name: "an error with its attempt", fails: true, want: "exec(in)", wantErr: "n exec (attempt 3): broken",
			around: func(ctx context.Context, call callFn, _ fallbackFn) (string, error) {
				_, err := call(ctx)
				return "", &workflow.NodeError{Node: "n", Phase: workflow.PhaseExec, Attempt: 3, Err: err}
			}},
		{name: "panic", want: "", wantErr: "n exec: panic: the policy is broken",
			around: func(context.Context, callFn, fallbackFn) (string, error) { panic("the policy is broken") }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := &diary{}
			step := &guarded{full: full{plain: plain{diary: d}}, around: test.around}
			if test.fails {
				step.fails = map[workflow.Phase]error{workflow.PhaseExec: errBroken}
			}
			_, err := live(t, d, step)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != test.wantErr {
				t.Errorf("error %q, want %q", got, test.wantErr)
			}
			for _, seen := range step.seen { // the policies hand on what call gave them; hooks see where it arose
				if seen.Error() != "n exec: broken" {
					t.Errorf("a hook saw %q", seen)
				}
			}
			d.lines = slices.DeleteFunc(d.lines, func(s string) bool {
				return s == "before_prep" || s == "prep" || strings.HasPrefix(s, "after_exec")
			})
			if d.String() != test.want {
				t.Errorf("got  %s\nwant %s", d, test.want)
			}
		})
	}
}

// TestFallbackKeepsTheAttempt: the error that OnError and ExecFallback see tells the attempt, and is not put into a
// second NodeError of the same node.
func TestFallbackKeepsTheAttempt(t *testing.T) {
	d := &diary{}
	step := &guarded{
		full: full{plain: plain{diary: d}},
		around: func(ctx context.Context, _ func(context.Context) (string, error),
			fallback func(context.Context, error) (string, error)) (string, error) {
			return fallback(ctx, &workflow.NodeError{Node: "n", Phase: workflow.PhaseExec, Attempt: 5, Err: errBroken})
		},
	}
	if _, err := live(t, d, step); err != nil {
		t.Fatal(err)
	}
	for _, seen := range step.seen {
		if want := "n exec (attempt 5): broken"; seen.Error() != want {
			t.Errorf("got %q, want %q", seen, want)
		}
	}
	if len(step.seen) != 2 {
		t.Errorf("%d hooks saw the error, want OnError and ExecFallback", len(step.seen))
	}
}

// TestErrorsAroundErrors: a node that says more about an error it was given, as a fallback does that fails too, keeps
// what it says. The attempt goes with Exec only.
func TestErrorsAroundErrors(t *testing.T) {
	more := errors.New("and no way out")
	first := &workflow.NodeError{Node: "n", Phase: workflow.PhaseExec, Attempt: 3, Err: errBroken}
	around := fmt.Errorf("%w: %w", first, more)
	tests := []struct {
		name string
		step guarded
		want string
	}{
		{
			"the policies",
			guarded{
				around: func(context.Context, func(context.Context) (string, error),
					func(context.Context, error) (string, error)) (string, error) {
					return "", around
				},
			},
			"n exec (attempt 3): n exec (attempt 3): broken: and no way out",
		},
		{
			"the fallback",
			guarded{
				full: full{fallbackErr: around},
				around: func(ctx context.Context, _ func(context.Context) (string, error),
					fallback func(context.Context, error) (string, error)) (string, error) {
					return fallback(ctx, first)
				},
			},
			"n exec (attempt 3): n exec (attempt 3): broken: and no way out",
		},
		{
			"post",
			guarded{
				full: full{plain: plain{fails: map[workflow.Phase]error{workflow.PhasePost: around}}},
				around: func(context.Context, func(context.Context) (string, error),
					func(context.Context, error) (string, error)) (string, error) {
					return "out", nil
				},
			},
			"n post: n exec (attempt 3): broken: and no way out",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := &diary{}
			step := test.step
			step.diary = d
			_, err := live(t, d, &step)
			if err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if !errors.Is(err, more) || !errors.Is(err, errBroken) {
				t.Errorf("%v has lost an error", err)
			}
		})
	}
}

func TestNodeErrorText(t *testing.T) {
	cause := &fs.PathError{Op: "open", Path: "in.csv", Err: fs.ErrNotExist}
	tests := []struct {
		err  *workflow.NodeError
		want string
	}{
		{
			&workflow.NodeError{Node: "collector", Phase: workflow.PhaseExec, Attempt: 3, Err: errBroken},
			"collector exec (attempt 3): broken",
		},
		{
			&workflow.NodeError{Node: "collector", Phase: workflow.PhaseBeforePrep, Err: errBroken},
			"collector before_prep: broken",
		},
		{
			&workflow.NodeError{Node: "delivery", Phase: workflow.PhasePost, Attempt: 1, Err: cause},
			"delivery post (attempt 1): open in.csv: file does not exist",
		},
	}
	for _, test := range tests {
		if got := test.err.Error(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
	var err error = tests[2].err
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("errors.Is does not find the sentinel inside")
	}
	if got, ok := errors.AsType[*fs.PathError](err); !ok || got != cause {
		t.Error("errors.AsType does not find the cause")
	}
}

func TestSafely(t *testing.T) {
	if out, err := workflow.Safely(func() (int, error) { return 7, errBroken }); out != 7 || err != errBroken {
		t.Errorf("got %d, %v; want what the function returned", out, err)
	}
	_, err := workflow.Safely(func() (int, error) { panic(nil) })
	if !errors.Is(err, workflow.ErrPanic) {
		t.Errorf("panic(nil) came back as %v", err)
	}
	_, err = workflow.Safely(func() (int, error) {
		var none []int
		return none[len(none)], nil
	})
	if want := "panic: runtime error: index out of range [0] with length 0"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	plain := &workflow.PanicError{Value: "no error"}
	if plain.Unwrap() != nil || errors.Is(plain, errBroken) {
		t.Error("a panic's value that is no error was unwrapped")
	}
}
