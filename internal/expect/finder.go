package expect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/suggest"
)

// finder collects what an expression is about and the parts that are worth showing, and finds what compiles but means
// nothing.
type finder struct {
	functions []function

	members []*ast.MemberNode
	calls   []*ast.CallNode
	// outer are the nodes that stand inside a larger one that is shown instead.
	outer map[ast.Node]bool
	order []ast.Node
	err   error
}

// Visit notes a node; ast.Walk comes by the inner nodes first.
func (f *finder) Visit(n *ast.Node) {
	switch node := (*n).(type) {
	case *ast.MemberNode:
		f.members = append(f.members, node)
		f.outer[node.Node] = true
		f.order = append(f.order, node)
		f.checkKey(node)
	case *ast.CallNode:
		f.calls = append(f.calls, node)
		f.outer[node.Callee] = true
		f.order = append(f.order, node)
		f.checkName(node)
	case *ast.IdentifierNode:
		f.order = append(f.order, node)
	case *ast.BinaryNode:
		if node.Operator == ".." {
			f.fail(node, "ranges are not for expectations; they are about what the report holds")
		}
	case *ast.PredicateNode:
		if loops(node.Node) >= maxLoops {
			f.fail(node, fmt.Sprintf("more than %d conditions inside one another", maxLoops))
		}
	}
}

// maxLoops bounds how deep conditions such as all(nodes, .runs > 0) go inside one another: each multiplies the time.
const maxLoops = 2

// loops is how deep they go in a part of an expression.
func loops(n ast.Node) int {
	deepest := 0
	ast.Walk(&n, visitor(func(n ast.Node) {
		if p, ok := n.(*ast.PredicateNode); ok {
			deepest = max(deepest, 1+loops(p.Node))
		}
	}))
	return deepest
}

type visitor func(ast.Node)

// Visit calls the function.
func (v visitor) Visit(n *ast.Node) { v(*n) }

func (f *finder) fail(n ast.Node, problem string) {
	if f.err == nil {
		f.err = &Error{Offset: n.Location().From, Problem: problem}
	}
}

// checkName finds misspelt names before anything runs.
func (f *finder) checkName(c *ast.CallNode) {
	callee, name, ok := callOf(c)
	if !ok {
		return
	}
	_, ofChannel := catalog.Place(name).Channel() // channels have names of their own
	for _, known := range f.functions {
		if known.name == callee && known.known != nil && !ofChannel {
			f.checkOneOf(c.Arguments[0], callee, name, known.known)
		}
	}
}

// keys lists the keys that a document's maps can have, by the name of the map.
var keys = map[string][]string{
	"origins":  catalog.Strings(catalog.Origins()),
	"modes":    catalog.Strings(catalog.Modes()),
	"errors":   catalog.Strings(errhandler.Classes()),
	"by_class": catalog.Strings(errhandler.Classes()),
	"findings": findings,
}

// checkKey finds misspelt keys of a document's maps, which would have the value zero.
func (f *finder) checkKey(m *ast.MemberNode) {
	key, isText := m.Property.(*ast.StringNode)
	if !isText {
		return
	}
	name := ""
	switch in := m.Node.(type) {
	case *ast.MemberNode:
		if property, isText := in.Property.(*ast.StringNode); isText {
			name = property.Value
		}
	case *ast.IdentifierNode:
		if in.Value != "errors" { // which has fields there
			name = in.Value
		}
	}
	if known, isMap := keys[name]; isMap {
		f.checkOneOf(key, name, key.Value, known)
	}
}

func (f *finder) checkOneOf(at ast.Node, what, name string, known []string) {
	if slices.Contains(known, name) {
		return
	}
	named := slices.DeleteFunc(slices.Clone(known), func(k string) bool { return k == "" })
	f.fail(at, fmt.Sprintf("there is no %s %q%s; there are %s",
		what, name, suggest.Nearest(name, known), strings.Join(named, ", ")))
}

// callOf takes a call with one literal text apart.
func callOf(n ast.Node) (function, name string, ok bool) {
	c, isCall := n.(*ast.CallNode)
	if !isCall || len(c.Arguments) != 1 {
		return "", "", false
	}
	callee, isName := c.Callee.(*ast.IdentifierNode)
	text, isText := c.Arguments[0].(*ast.StringNode)
	if !isName || !isText {
		return "", "", false
	}
	return callee.Value, text.Value, true
}

func (f *finder) subjects() (list []subject) {
	asked := map[ast.Node]bool{}
	for _, m := range f.members {
		field := ""
		if p, ok := m.Property.(*ast.StringNode); ok {
			field = p.Value
		}
		if function, name, ok := callOf(m.Node); ok {
			asked[m.Node] = true
			list = append(list, subject{function, name, field})
		} else if stage, ok := m.Node.(*ast.IdentifierNode); ok {
			list = append(list, subject{function: stage.Value, field: field})
		}
	}
	for _, c := range f.calls {
		if function, name, ok := callOf(c); ok && !asked[c] {
			list = append(list, subject{function: function, name: name})
		}
	}
	return list
}

// parts returns the largest parts that are fields or calls, in the order of the expression.
func (f *finder) parts() (sources []string) {
	nodes := slices.DeleteFunc(slices.Clone(f.order), func(n ast.Node) bool { return f.outer[n] })
	slices.SortStableFunc(nodes, func(a, b ast.Node) int { return start(a) - start(b) })
	for _, n := range nodes {
		if s := n.String(); !slices.Contains(sources, s) {
			sources = append(sources, s)
		}
	}
	return sources
}

// start is where a node's text begins: expr locates members and calls at their last part.
func start(n ast.Node) int {
	switch node := n.(type) {
	case *ast.MemberNode:
		return start(node.Node)
	case *ast.CallNode:
		return start(node.Callee)
	}
	return n.Location().From
}
