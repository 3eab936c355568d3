package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Graph is a checked graph of nodes over the state S. Make one with New and Build.
type Graph[S any] struct {
	name    string
	nodes   []*Node[S]
	edges   []edge
	final   []outcome
	start   string
	handler string
	onError func(S, *NodeError)
}

// edge leads from a node's action to the next node.
type edge struct {
	from   string
	action Action
	to     string
}

type outcome struct {
	node   string
	action Action
}

// ErrNoEdge matches the error of a node that answered an action without an edge.
var ErrNoEdge = errors.New("no edge for action")

// New begins a graph; add nodes and edges, then Build.
func New[S any](name string) *Graph[S] {
	return &Graph[S]{name: name, nodes: make([]*Node[S], 0, 8), edges: make([]edge, 0, 8)}
}

// Add puts nodes into the graph. The first node added to a graph is its start.
func (g *Graph[S]) Add(nodes ...*Node[S]) *Graph[S] {
	g.nodes = append(g.nodes, nodes...)
	if g.start == "" && len(nodes) > 0 {
		g.start = nodes[0].name
	}
	return g
}

// Connect leads from an action to the next node.
func (g *Graph[S]) Connect(from string, action Action, to string) *Graph[S] {
	g.edges = append(g.edges, edge{from, action, to})
	return g
}

// Final declares actions that end the run.
func (g *Graph[S]) Final(node string, actions ...Action) *Graph[S] {
	for _, a := range actions {
		g.final = append(g.final, outcome{node, a})
	}
	return g
}

// HandleErrors routes the error of any other node to the named node; record puts the error into the state first.
func (g *Graph[S]) HandleErrors(node string, record func(S, *NodeError)) *Graph[S] {
	g.handler, g.onError = node, record
	return g
}

// Attach adds hooks to every node of the graph.
func (g *Graph[S]) Attach(h Hooks[S]) {
	for _, n := range g.nodes {
		n.Attach(h)
	}
}

// Build checks the graph: it has a start, names are unique, edges join nodes it has and actions these can answer, every
// action has one edge or is final, and every node can be reached. All faults are reported.
func (g *Graph[S]) Build() (*Graph[S], error) {
	var errs []error
	fault := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("graph %s: "+format, append([]any{g.name}, args...)...))
	}
	if g.start == "" {
		fault("no start: add a node")
	}
	for i, n := range g.nodes {
		if g.find(n.name) != g.nodes[i] {
			fault("two nodes are named %q", n.name)
		}
	}
	known := func(node string, action Action, what string) {
		switch n := g.find(node); {
		case n == nil:
			fault("%s names unknown node %q", what, node)
		case !slices.Contains(n.actions, action):
			fault("%s: node %q never answers %q (it answers %q)", what, node, action, n.actions)
		}
	}
	for _, e := range g.edges {
		known(e.from, e.action, "edge")
		if g.find(e.to) == nil {
			fault("edge %s --%s--> leads to unknown node %q", e.from, e.action, e.to)
		}
	}
	for _, o := range g.final {
		known(o.node, o.action, "final")
	}
	if g.handler != "" && g.find(g.handler) == nil {
		fault("errors are handled by unknown node %q", g.handler)
	}
	for _, n := range g.nodes {
		for _, a := range n.actions {
			edges, final := g.edgesOf(n.name, a)
			switch {
			case edges == 0 && !final:
				fault("node %q can answer %q, but no edge says what follows and it is not final", n.name, a)
			case edges > 0 && final:
				fault("node %q: action %q is final and has an edge", n.name, a)
			case edges > 1:
				fault("node %q: action %q has %d edges", n.name, a, edges)
			}
		}
	}
	reached := g.reachable()
	for _, n := range g.nodes {
		if !slices.Contains(reached, n.name) {
			fault("node %q can't be reached from %q", n.name, g.start)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return g, nil
}

// edgesOf counts an action's edges, and tells whether it is final.
func (g *Graph[S]) edgesOf(node string, a Action) (edges int, final bool) {
	for _, e := range g.edges {
		if e.from == node && e.action == a {
			edges++
		}
	}
	return edges, slices.Contains(g.final, outcome{node, a})
}

func (g *Graph[S]) reachable() []string {
	reached := []string{g.start}
	if g.handler != "" {
		reached = append(reached, g.handler)
	}
	for i := 0; i < len(reached); i++ {
		for _, e := range g.edges {
			if e.from == reached[i] && !slices.Contains(reached, e.to) {
				reached = append(reached, e.to)
			}
		}
	}
	return reached
}

// Run takes a state through the graph, from the start to a final action. A node's error goes to the error handler, if
// the graph has one and it is not the handler's own; otherwise it ends the run and is returned as a *NodeError.
func (g *Graph[S]) Run(ctx context.Context, state S) error {
	for current := g.start; ; {
		action, err := g.find(current).live(ctx, state)
		if err == nil {
			if slices.Contains(g.final, outcome{current, action}) {
				return nil
			}
			var next string
			if next, err = g.next(current, action); err == nil {
				current = next
				continue
			}
		}
		failed := asNodeError(current, err)
		EmitError(ctx, Event{
			Node:    current,
			Kind:    NodeFailed,
			Attempt: failed.Attempt,
			Detail:  fmt.Sprintf("%s: %v", failed.Phase, Cause(failed)),
		}, failed)
		if g.handler == "" || current == g.handler {
			return failed
		}
		if err := g.record(state, failed); err != nil {
			return err
		}
		current = g.handler
	}
}

// record puts an error into the state for the error handler. A panic there is an error of the handler.
func (g *Graph[S]) record(state S, failed *NodeError) error {
	if g.onError == nil {
		return nil
	}
	_, err := Safely(func() (struct{}, error) {
		g.onError(state, failed)
		return struct{}{}, nil
	})
	if err != nil {
		return &NodeError{Node: g.handler, Phase: PhaseBeforePrep, Err: fmt.Errorf("record of %w: %w", failed, err)}
	}
	return nil
}

func (n *Node[S]) live(ctx context.Context, state S) (Action, error) { return n.run(ctx, n, state) }

func asNodeError(node string, err error) *NodeError {
	if ne, ok := err.(*NodeError); ok { // from the node's life; the others are about the edge
		return ne
	}
	return &NodeError{Node: node, Phase: PhasePost, Err: err}
}

// find returns the node of that name, or nil. Graphs are small: looking through them is quicker than a map.
func (g *Graph[S]) find(name string) *Node[S] {
	for _, n := range g.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

func (g *Graph[S]) next(from string, action Action) (string, error) {
	for _, e := range g.edges {
		if e.from == from && e.action == action {
			return e.to, nil
		}
	}
	return "", fmt.Errorf("%w %q of node %q", ErrNoEdge, action, from)
}

// Formats lists what Print knows.
func Formats() []string { return []string{"mermaid", "dot", "text"} }

// Print draws the graph as it is. Formats names the formats.
func (g *Graph[S]) Print(format string) (string, error) {
	switch format {
	case "mermaid":
		return g.mermaid(), nil
	case "dot":
		return g.dot(), nil
	case "text":
		return g.text(), nil
	}
	return "", fmt.Errorf("unknown graph format %q: use one of %s", format, strings.Join(Formats(), ", "))
}

func (g *Graph[S]) mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	fmt.Fprintf(&b, "    start((start)) --> %s\n", g.start)
	g.eachArrow(func(from, label, to string, isError bool) {
		arrow := "-->"
		if isError {
			arrow = "-.->"
		}
		fmt.Fprintf(&b, "    %s %s|%s| %s\n", from, arrow, label, to)
	}, "done((end))")
	return b.String()
}

func (g *Graph[S]) dot() string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %q {\n    rankdir=LR;\n    node [shape=box];\n"+
		"    start [shape=circle];\n    end [shape=doublecircle];\n", g.name)
	fmt.Fprintf(&b, "    start -> %q;\n", g.start)
	g.eachArrow(func(from, label, to string, isError bool) {
		style := ""
		if isError {
			style = ", style=dashed"
		}
		fmt.Fprintf(&b, "    %q -> %q [label=%q%s];\n", from, to, label, style)
	}, "end")
	b.WriteString("}\n")
	return b.String()
}

func (g *Graph[S]) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, starts at %s\n", g.name, g.start)
	last := ""
	g.eachArrow(func(from, label, to string, _ bool) {
		if from != last {
			fmt.Fprintf(&b, "%s\n", from)
			last = from
		}
		fmt.Fprintf(&b, "  %-16s → %s\n", label, to)
	}, "end")
	return b.String()
}

// eachArrow visits the arrows node by node: the edge of each action in the node's order, then where its errors go.
func (g *Graph[S]) eachArrow(visit func(from, label, to string, isError bool), end string) {
	for _, n := range g.nodes {
		for _, a := range n.actions {
			for _, e := range g.edges {
				if e.from == n.name && e.action == a {
					visit(n.name, string(a), e.to, false)
				}
			}
			if slices.Contains(g.final, outcome{n.name, a}) {
				visit(n.name, string(a), end, false)
			}
		}
		if g.handler != "" && n.name != g.handler {
			visit(n.name, "error", g.handler, true)
		}
	}
}

// Nodes returns the names of the graph's nodes in the order they were added.
func (g *Graph[S]) Nodes() []string {
	names := make([]string, len(g.nodes))
	for i, n := range g.nodes {
		names[i] = n.name
	}
	return names
}
