package workflow_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"faultflow/internal/workflow"
)

// visits is the state of these tests: the nodes that ran, and what the error handler was told.
type visits struct {
	nodes   []string
	handled []string
}

// answerer is a step that answers what a function says.
type answerer struct {
	name    string
	actions []workflow.Action
	answer  func(*visits) (workflow.Action, error)
}

func (a answerer) Actions() []workflow.Action { return a.actions }

func (a answerer) Prep(_ context.Context, v *visits) (*visits, error) {
	v.nodes = append(v.nodes, a.name)
	return v, nil
}

func (a answerer) Exec(_ context.Context, v *visits) (workflow.Action, error) { return a.answer(v) }

func (a answerer) Post(_ context.Context, _ *visits, _ *visits, out workflow.Action) (workflow.Action, error) {
	return out, nil
}

// node answers the first of its actions.
func node(name string, actions ...workflow.Action) *workflow.Node[*visits] {
	return nodeFunc(name, func(*visits) (workflow.Action, error) { return actions[0], nil }, actions...)
}

func nodeFunc(name string, answer func(*visits) (workflow.Action, error), actions ...workflow.Action) *workflow.Node[*visits] {
	return workflow.NewNode(name, answerer{name, actions, answer})
}

func failing(name string, err error) *workflow.Node[*visits] {
	return nodeFunc(name, func(*visits) (workflow.Action, error) { return "", err }, goOn)
}

func record(v *visits, err *workflow.NodeError) { v.handled = append(v.handled, err.Error()) }

func TestBuildFaults(t *testing.T) {
	type graph = workflow.Graph[*visits]
	tests := []struct {
		name string
		make func(g *graph)
		want []string
	}{
		{"no start", func(*graph) {}, []string{"graph g: no start: add a node"}},
		{"duplicate names", func(g *graph) { g.Add(node("a", goOn), node("a", goOn)).Final("a", goOn) },
			[]string{`graph g: two nodes are named "a"`}},
		{"edge from an unknown node", func(g *graph) { g.Add(node("a", goOn)).Final("a", goOn).Connect("x", goOn, "a") },
			[]string{`graph g: edge names unknown node "x"`}},
		{"edge to an unknown node", func(g *graph) { g.Add(node("a", goOn)).Connect("a", goOn, "x") },
			[]string{`graph g: edge a --go_on--> leads to unknown node "x"`}},
		{"final of an unknown node", func(g *graph) { g.Add(node("a", goOn)).Final("a", goOn).Final("x", goOn) },
			[]string{`graph g: final names unknown node "x"`}},
		{"unknown error handler", func(g *graph) { g.Add(node("a", goOn)).Final("a", goOn).HandleErrors("x", record) },
			[]string{`graph g: errors are handled by unknown node "x"`}},
		{"edge for an action that is never answered", func(g *graph) { g.Add(node("a", goOn)).Final("a", goOn).Connect("a", stop, "a") },
			[]string{`graph g: edge: node "a" never answers "stop" (it answers ["go_on"])`}},
		{"final action that is never answered", func(g *graph) { g.Add(node("a", goOn)).Final("a", goOn, stop) },
			[]string{`graph g: final: node "a" never answers "stop" (it answers ["go_on"])`}},
		{"missing edge", func(g *graph) { g.Add(node("a", goOn, stop)).Final("a", stop) },
			[]string{`graph g: node "a" can answer "go_on", but no edge says what follows and it is not final`}},
		{"final with an edge", func(g *graph) { g.Add(node("a", goOn)).Final("a", goOn).Connect("a", goOn, "a") },
			[]string{`graph g: node "a": action "go_on" is final and has an edge`}},
		{"two edges", func(g *graph) { g.Add(node("a", goOn)).Connect("a", goOn, "a").Connect("a", goOn, "a") },
			[]string{`graph g: node "a": action "go_on" has 2 edges`}},
		{"unreachable node", func(g *graph) { g.Add(node("a", goOn), node("b", goOn)).Final("a", goOn).Connect("b", goOn, "a") },
			[]string{`graph g: node "b" can't be reached from "a"`}},
		{"all faults at once", func(g *graph) {
			g.Add(node("a", goOn), node("a", goOn), node("b", goOn)).Connect("a", goOn, "x").HandleErrors("y", nil).Final("q", stop).Final("p", stop)
		}, []string{
			`graph g: two nodes are named "a"`,
			`graph g: edge a --go_on--> leads to unknown node "x"`,
			`graph g: final names unknown node "q"`,
			`graph g: final names unknown node "p"`,
			`graph g: errors are handled by unknown node "y"`,
			`graph g: node "b" can answer "go_on", but no edge says what follows and it is not final`,
			`graph g: node "b" can't be reached from "a"`,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for range 20 { // the order of the faults may not depend on a map's
				g := workflow.New[*visits]("g")
				test.make(g)
				built, err := g.Build()
				if err == nil || built != nil {
					t.Fatal("the graph was built")
				}
				if got := strings.Split(err.Error(), "\n"); !slices.Equal(got, test.want) {
					t.Fatalf("got\n%s\nwant\n%s", err, strings.Join(test.want, "\n"))
				}
			}
		})
	}
}

// TestReachable: a node counts as reached over any action's edge, over several edges, and as or behind the error
// handler.
func TestReachable(t *testing.T) {
	g, err := workflow.New[*visits]("g").
		Add(node("a", goOn, stop), node("b", goOn), node("c", goOn)).
		Add(node("h", goOn), node("behind", stop)).
		Connect("a", stop, "b").Connect("a", goOn, "c").
		Connect("b", goOn, "c").Final("c", goOn).
		HandleErrors("h", nil).Connect("h", goOn, "behind").Final("behind", stop).
		Build()
	if err != nil {
		t.Fatal(err)
	}
	if got := g.Nodes(); !slices.Equal(got, []string{"a", "b", "c", "h", "behind"}) {
		t.Errorf("nodes: %v", got)
	}
}

func TestErrorRouting(t *testing.T) {
	undeclared := func(name string) *workflow.Node[*visits] {
		return nodeFunc(name, func(*visits) (workflow.Action, error) { return "surprise", nil }, goOn)
	}
	tests := []struct {
		name string
		// a leads to b, and b ends the run.
		a, b, handler *workflow.Node[*visits]
		record        func(*visits, *workflow.NodeError)
		wantNodes     []string
		wantHandled   []string
		wantErr       string // "" where the run ends well
		is            error
	}{
		{name: "no error", a: node("a", goOn), b: node("b", goOn), handler: node("h", goOn), record: record,
			wantNodes: []string{"a", "b"}},
		{name: "handled", a: failing("a", errBroken), b: node("b", goOn), handler: node("h", goOn), record: record,
			wantNodes: []string{"a", "h"}, wantHandled: []string{"a exec: broken"}},
		{name: "handled in a later node", a: node("a", goOn), b: failing("b", errBroken), handler: node("h", goOn), record: record,
			wantNodes: []string{"a", "b", "h"}, wantHandled: []string{"b exec: broken"}},
		{name: "handled without a record", a: failing("a", errBroken), b: node("b", goOn), handler: node("h", goOn),
			wantNodes: []string{"a", "h"}},
		{name: "no handler", a: failing("a", errBroken), b: node("b", goOn),
			wantNodes: []string{"a"}, wantErr: "a exec: broken", is: errBroken},
		{name: "the handler's own error", a: failing("a", errBroken), b: node("b", goOn), handler: failing("h", errors.New("helpless")), record: record,
			wantNodes: []string{"a", "h"}, wantHandled: []string{"a exec: broken"}, wantErr: "h exec: helpless"},
		{name: "no edge", a: undeclared("a"), b: node("b", goOn),
			wantNodes: []string{"a"}, wantErr: `a post: no edge for action "surprise" of node "a"`, is: workflow.ErrNoEdge},
		{name: "no edge, handled", a: undeclared("a"), b: node("b", goOn), handler: node("h", goOn), record: record,
			wantNodes: []string{"a", "h"}, wantHandled: []string{`a post: no edge for action "surprise" of node "a"`}},
		{name: "no edge of the handler", a: failing("a", errBroken), b: node("b", goOn), handler: undeclared("h"), record: record,
			wantNodes: []string{"a", "h"}, wantHandled: []string{"a exec: broken"}, wantErr: `h post: no edge for action "surprise" of node "h"`, is: workflow.ErrNoEdge},
		{name: "panic in the record", a: failing("a", errBroken), b: node("b", goOn), handler: node("h", goOn),
			record:    func(*visits, *workflow.NodeError) { panic("no pen") },
			wantNodes: []string{"a"}, wantErr: "h before_prep: record of a exec: broken: panic: no pen", is: workflow.ErrPanic},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := workflow.New[*visits]("g").Add(test.a, test.b).Connect("a", goOn, "b").Final("b", goOn)
			if test.handler != nil {
				g.Add(test.handler).Final("h", goOn).HandleErrors("h", test.record)
			}
			if _, err := g.Build(); err != nil {
				t.Fatal(err)
			}
			v := &visits{}
			err := g.Run(t.Context(), v)
			got := ""
			if err != nil {
				got = err.Error()
				if _, ok := err.(*workflow.NodeError); !ok {
					t.Errorf("%T is no *NodeError", err)
				}
			}
			if got != test.wantErr {
				t.Errorf("error %q, want %q", got, test.wantErr)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%v does not match %v", err, test.is)
			}
			if !slices.Equal(v.nodes, test.wantNodes) {
				t.Errorf("nodes %v, want %v", v.nodes, test.wantNodes)
			}
			if !slices.Equal(v.handled, test.wantHandled) {
				t.Errorf("handled %q, want %q", v.handled, test.wantHandled)
			}
		})
	}
}

// TestFailureEvent: the event of an error that went to the graph tells its class and its attempt, and in which phase it arose.
func TestFailureEvent(t *testing.T) {
	a := failing("a", &workflow.NodeError{Node: "a", Phase: workflow.PhaseExec, Attempt: 4, Err: errBroken})
	g, err := workflow.New[*visits]("g").Add(a).Final("a", goOn).Build()
	if err != nil {
		t.Fatal(err)
	}
	bubble(t, func(ctx context.Context, s *workflow.Stream, events *[]workflow.Event) {
		s.Classify = func(error) string { return "the class" }
		_ = g.Run(ctx, &visits{})
		want := workflow.Event{Node: "a", Kind: workflow.NodeFailed, Attempt: 4, Class: "the class", Detail: "exec: broken"}
		if got := (*events)[len(*events)-1]; got != want {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
	})
}

// TestErrorOfAnotherNode: an error that carries another node's name, as one kept in the state may, is still this node's
// error now.
func TestErrorOfAnotherNode(t *testing.T) {
	g, err := workflow.New[*visits]("g").
		Add(failing("a", &workflow.NodeError{Node: "z", Phase: workflow.PhasePrep, Err: errBroken})).Final("a", goOn).Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Run(t.Context(), &visits{}); err == nil || err.Error() != "a exec: z prep: broken" {
		t.Errorf("got %v", err)
	}
}

// mend is the answer of a node whose work needs mending.
const mend workflow.Action = "mend"

// printed is a graph with everything that can be drawn: a node with several actions, a final action, a loop, an error
// handler. Every node but the handler can be its start.
func printed(t *testing.T, start string,
	answer func(name string, v *visits) (workflow.Action, error)) *workflow.Graph[*visits] {
	t.Helper()
	actions := map[string][]workflow.Action{
		"fetch": {goOn, mend, stop}, "check": {goOn}, "repair": {goOn}, "handler": {stop},
	}
	g := workflow.New[*visits]("drawn")
	names := []string{"fetch", "check", "repair", "handler"}
	names = append([]string{start}, slices.DeleteFunc(names, func(s string) bool { return s == start })...)
	for _, name := range names {
		g.Add(nodeFunc(name, func(v *visits) (workflow.Action, error) { return answer(name, v) }, actions[name]...))
	}
	g.Connect("fetch", mend, "repair").
		Connect("fetch", goOn, "check").
		Final("fetch", stop).
		Connect("repair", goOn, "fetch").
		Connect("check", goOn, "fetch").
		Final("handler", stop).
		HandleErrors("handler", record)
	if _, err := g.Build(); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestPrint(t *testing.T) {
	want := map[string]string{
		"mermaid": `flowchart LR
    start((start)) --> fetch
    fetch -->|go_on| check
    fetch -->|mend| repair
    fetch -->|stop| done((end))
    fetch -.->|error| handler
    check -->|go_on| fetch
    check -.->|error| handler
    repair -->|go_on| fetch
    repair -.->|error| handler
    handler -->|stop| done((end))
`,
		"dot": `digraph "drawn" {
    rankdir=LR;
    node [shape=box];
    start [shape=circle];
    end [shape=doublecircle];
    start -> "fetch";
    "fetch" -> "check" [label="go_on"];
    "fetch" -> "repair" [label="mend"];
    "fetch" -> "end" [label="stop"];
    "fetch" -> "handler" [label="error", style=dashed];
    "check" -> "fetch" [label="go_on"];
    "check" -> "handler" [label="error", style=dashed];
    "repair" -> "fetch" [label="go_on"];
    "repair" -> "handler" [label="error", style=dashed];
    "handler" -> "end" [label="stop"];
}
`,
		"text": `drawn, starts at fetch
fetch
  go_on            → check
  mend             → repair
  stop             → end
  error            → handler
check
  go_on            → fetch
  error            → handler
repair
  go_on            → fetch
  error            → handler
handler
  stop             → end
`,
	}
	g := printed(t, "fetch", nil)
	if len(workflow.Formats()) != len(want) {
		t.Errorf("formats: %v", workflow.Formats())
	}
	for _, format := range workflow.Formats() {
		got, err := g.Print(format)
		if err != nil {
			t.Error(err)
		}
		if got != want[format] {
			t.Errorf("%s: got\n%s\nwant\n%s", format, got, want[format])
		}
	}
	if _, err := g.Print("svg"); err == nil || err.Error() != `unknown graph format "svg": use one of mermaid, dot, text` {
		t.Errorf("got %v", err)
	}
}

// TestPrintedGraphIsReal walks every arrow of the drawing: a node that answers the arrow's label, or fails, must be
// followed by the node that the arrow points to.
func TestPrintedGraphIsReal(t *testing.T) {
	drawing, err := printed(t, "fetch", nil).Print("text")
	if err != nil {
		t.Fatal(err)
	}
	from, arrows := "", 0
	for line := range strings.Lines(drawing) {
		action, to, isArrow := strings.Cut(strings.TrimSpace(line), "→")
		if !isArrow {
			from = strings.TrimSpace(line)
			continue
		}
		arrows++
		action, to = strings.TrimSpace(action), strings.TrimSpace(to)
		if from == "handler" {
			continue // can't be the start; every walk that fails ends with it
		}
		t.Run(from+" "+action, func(t *testing.T) {
			answer := func(name string, v *visits) (workflow.Action, error) {
				switch {
				case name == "handler":
					return stop, nil
				case len(v.nodes) > 1:
					return "", fmt.Errorf("%s is as far as the walk goes", name)
				case action == "error":
					return "", errBroken
				}
				return workflow.Action(action), nil
			}
			v := &visits{}
			if err := printed(t, from, answer).Run(t.Context(), v); err != nil {
				t.Fatal(err)
			}
			if next := append(v.nodes, "end")[1]; next != to {
				t.Errorf("%s is followed by %s, not by %s", from, next, to)
			}
		})
	}
	if arrows != 9 {
		t.Errorf("walked %d arrows, want 9", arrows)
	}
}
