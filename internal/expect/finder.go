package expect

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"

	"faultflow/internal/expression"
)

// finder reads an expression once: the fields and names that it mentions, the parts that are worth showing, and what
// compiles but means nothing.
type finder struct {
	language *language
	// lists are what predicates go over, by the pointer that stands for an entry; variables are those of let.
	lists     map[*ast.PointerNode]ast.Node
	variables map[string]ast.Node
	// wrapped is what stands inside a probe.
	wrapped map[*ast.CallNode]ast.Node
	// texts are what fields are read of and predicates go over, as they were written.
	texts map[ast.Node]string
	// members, calls, builtins and comparisons are looked at once all types are known.
	members     []*ast.MemberNode
	calls       []*ast.CallNode
	comparisons []*ast.BinaryNode

	uses []use
	// entries are the entries of a field that it reads by their number, and -1 for the field as a whole.
	entries map[string][]int
	// fields are the document's that the expression reads; functions says that it calls one of the language's.
	fields    []string
	functions bool
	// outer are the nodes that stand inside a larger one that is shown instead.
	outer map[ast.Node]bool
	order []mention
	err   error
}

// mention is a field or a call in an expression: its text, and where it begins.
type mention struct {
	node ast.Node
	text string
	at   int
}

// whole stands for all entries of a field.
const whole = -1

func (l *language) newFinder() *finder {
	return &finder{
		language:  l,
		lists:     map[*ast.PointerNode]ast.Node{},
		variables: map[string]ast.Node{},
		wrapped:   map[*ast.CallNode]ast.Node{},
		texts:     map[ast.Node]string{},
		entries:   map[string][]int{},
		outer:     map[ast.Node]bool{},
	}
}

// finish looks at what was found, once all of it is. An expression that means nothing is an *expression.Error.
func (f *finder) finish() {
	for _, m := range f.members {
		f.noteKey(m.Node, m.Property)
	}
	for _, c := range f.calls {
		f.noteCall(c)
	}
	for _, b := range f.comparisons {
		f.noteCompared(b)
	}
	slices.SortStableFunc(f.uses, func(a, b use) int { return a.at - b.at })
	for _, u := range f.uses {
		if f.err == nil && !u.open() {
			f.err = u.wrong(nil)
		}
	}
	if f.err == nil && len(f.fields) == 0 && !f.functions {
		f.err = &expression.Error{Problem: "it depends on nothing that was reported, and so shows nothing"}
	}
}

// Visit notes a node; ast.Walk comes by the inner nodes first.
func (f *finder) Visit(n *ast.Node) {
	switch node := (*n).(type) {
	case *ast.MemberNode:
		f.members = append(f.members, node)
		f.texts[node.Node] = node.Node.String()
		if of, isName := node.Node.(*ast.IdentifierNode); isName {
			if n, isNumber := node.Property.(*ast.IntegerNode); isNumber && len(f.entries[of.Value]) > 0 {
				// In place of whole, which the name inside noted.
				f.entries[of.Value][len(f.entries[of.Value])-1] = n.Value
			}
		}
		f.outer[node.Node] = true
		f.mention(node)
	case *ast.CallNode:
		f.calls = append(f.calls, node)
		for _, argument := range node.Arguments {
			f.texts[argument] = argument.String()
		}
		f.functions = f.functions || f.called(node) != nil
		f.outer[node.Callee] = true
		f.mention(node)
	case *ast.IdentifierNode:
		f.mention(node)
		if node.Value == "$env" {
			f.fail(node, "name the field itself, without $env")
		}
		if f.language.fieldType(node.Value) != nil {
			f.fields = append(f.fields, node.Value)
			f.entries[node.Value] = append(f.entries[node.Value], whole)
		}
	case *ast.VariableDeclaratorNode:
		f.variables[node.Name] = node.Value
	case *ast.BuiltinNode:
		f.enter(node)
	case *ast.BinaryNode:
		f.comparisons = append(f.comparisons, node)
		if node.Operator == ".." {
			f.fail(node, "ranges are not for expectations; they are about what the report holds")
		}
	case *ast.PredicateNode:
		if f.err == nil && loops(node.Node) >= maxLoops { // loops of all levels would take twice as long for each
			f.fail(node, fmt.Sprintf("more than %d conditions inside one another", maxLoops))
		}
	}
}

// enter notes what the pointers of a predicate stand for. Those of inner predicates have been noted before.
func (f *finder) enter(b *ast.BuiltinNode) {
	if !overList(b) {
		return
	}
	f.texts[b.Arguments[0]] = b.Arguments[0].String()
	for _, predicate := range b.Arguments[1:] {
		ast.Walk(&predicate, visitor(func(n ast.Node) {
			if p, ok := n.(*ast.PointerNode); ok && f.lists[p] == nil {
				f.lists[p] = b.Arguments[0]
			}
		}))
	}
}

// overList tells whether a builtin asks something of each entry of a list.
func overList(b *ast.BuiltinNode) bool {
	return len(b.Arguments) > 1 && slices.ContainsFunc(b.Arguments, func(n ast.Node) bool {
		_, is := n.(*ast.PredicateNode)
		return is
	}) && slices.ContainsFunc(builtin.Builtins, func(known *builtin.Function) bool {
		return known.Name == b.Name && known.Predicate
	})
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
		f.err = &expression.Error{Offset: n.Location().From, Problem: problem}
	}
}

// called is the function of the language that a call is of, nil for any other call.
func (f *finder) called(c *ast.CallNode) *function {
	name, _ := c.Callee.(*ast.IdentifierNode)
	for i := range f.language.functions {
		if fn := &f.language.functions[i]; name != nil && fn.name == name.Value {
			return fn
		}
	}
	return nil
}

// typeOf is the type that a part of the expression has in the document; nil if that is not known, or if it is no part
// of one.
func (f *finder) typeOf(n ast.Node) reflect.Type {
	switch n := n.(type) {
	case *ast.ChainNode:
		return f.typeOf(n.Node)
	case *ast.IdentifierNode:
		if value, isVariable := f.variables[n.Value]; isVariable {
			return f.typeOf(value)
		}
		return f.language.fieldType(n.Value)
	case *ast.PointerNode:
		if list := f.lists[n]; list != nil && n.Name == "" {
			return entryOf(f.typeOf(list))
		}
	case *ast.MemberNode:
		switch in := f.typeOf(n.Node); {
		case in == nil:
		case in.Kind() == reflect.Struct:
			return fieldType(in, fieldOf(n))
		case in.Kind() == reflect.Map || in.Kind() == reflect.Slice:
			return in.Elem()
		}
	case *ast.SliceNode:
		return f.typeOf(n.Node)
	case *ast.ConditionalNode:
		return f.typeOf(n.Exp1)
	case *ast.CallNode:
		if inner := f.wrapped[n]; inner != nil {
			return f.typeOf(inner)
		}
		if fn := f.called(n); fn != nil {
			return fn.finds
		}
	case *ast.PredicateNode:
		return f.typeOf(n.Node)
	case *ast.BuiltinNode:
		return f.typeOfBuiltin(n)
	}
	return nil
}

// typeOfBuiltin follows lists through the builtins that choose, order and turn over their entries.
func (f *finder) typeOfBuiltin(b *ast.BuiltinNode) reflect.Type {
	if len(b.Arguments) == 0 {
		return nil
	}
	switch b.Name {
	case "filter", "sort", "sortBy", "reverse", "take", "uniq":
		return f.typeOf(b.Arguments[0])
	case "find", "findLast", "first", "last", "get":
		return entryOf(f.typeOf(b.Arguments[0]))
	case "map":
		if entry := f.typeOf(b.Arguments[len(b.Arguments)-1]); entry != nil {
			return reflect.SliceOf(entry)
		}
	}
	return nil
}

// entryOf is the type of a list's entries, nil for what is no list.
func entryOf(list reflect.Type) reflect.Type {
	if list == nil || list.Kind() != reflect.Slice && list.Kind() != reflect.Map {
		return nil
	}
	return list.Elem()
}

func (f *finder) mention(n ast.Node) { f.order = append(f.order, mention{n, n.String(), start(n)}) }

// parts returns the largest parts that are fields or calls, in the order of the expression.
func (f *finder) parts() (sources []string) {
	parts := slices.DeleteFunc(slices.Clone(f.order), func(m mention) bool { return f.outer[m.node] })
	slices.SortStableFunc(parts, func(a, b mention) int { return a.at - b.at })
	for _, m := range parts {
		if !slices.Contains(sources, m.text) {
			sources = append(sources, m.text)
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
