package expression

import (
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
)

// offered are the functions of expr that expressions can call. The others do not come to the same each time, such as
// now and date, and keys, values and toPairs, which have no order; or they make much of little, such as repeat and
// toJSON.
var offered = append([]string{
	"all", "none", "any", "one", "filter", "map", "find", "findIndex", "findLast", "findLastIndex", "count", "sum",
	"groupBy", "sortBy", "reduce", "max", "min", "mean", "median", "reverse", "uniq", "concat", "flatten", "sort",
	"int", "float", "string", "trim", "trimPrefix", "trimSuffix", "upper", "lower", "split", "splitAfter", "replace",
	"join", "indexOf", "lastIndexOf", "hasPrefix", "hasSuffix",
}, atOnce...)

// atOnce are those that take the same time whatever they are given.
var atOnce = []string{
	"len", "type", "get", "first", "last", "take", "abs", "ceil", "floor", "round",
	"bitand", "bitor", "bitxor", "bitnand", "bitshl", "bitshr", "bitushr", "bitnot",
}

// reading are the operators that read the whole of their operands.
var reading = []string{"+", "==", "!=", "<", ">", "<=", ">=", "in", "contains", "startsWith", "endsWith"}

// multiplying are the functions that do more than read what they are given, with the steps that this takes.
var multiplying = map[string]func(arguments []any) int{
	"join": func(arguments []any) int {
		if len(arguments) < 2 {
			return 0
		}
		return reflect.ValueOf(arguments[0]).Len() * len(arguments[1].(string))
	},
	"replace": func(arguments []any) int {
		return strings.Count(arguments[0].(string), arguments[1].(string)) * len(arguments[2].(string))
	},
	"uniq": func(arguments []any) int { // it compares each entry with those before
		list := &meter{left: maxSteps}
		if list.try(arguments[0]) != nil {
			return maxSteps
		}
		return reflect.ValueOf(arguments[0]).Len() * (maxSteps - list.left)
	},
}

// The names of the meter and of the functions that the bounds put into an expression.
const (
	meterName   = Hidden + "meter"
	readName    = Hidden + "read"
	roundName   = Hidden + "round"
	callName    = Hidden + "call"
	matchesName = Hidden + "matches"
)

// bounder puts the bounds into the tree of an expression: what reads, makes or repeats something takes its steps from
// the meter first. expr itself counts only the entries of the lists that it makes.
type bounder struct{ config *conf.Config }

// Visit bounds a node; ast.Walk comes by the inner nodes first.
func (b bounder) Visit(n *ast.Node) {
	switch node := (*n).(type) {
	case *ast.BinaryNode:
		switch {
		case node.Operator == "matches":
			b.put(n, matchesName, matches, node.Left, patternOf(node.Right))
		case slices.Contains(reading, node.Operator):
			b.read(&node.Left)
			b.read(&node.Right)
		}
	case *ast.BuiltinNode:
		if slices.Contains(atOnce, node.Name) || slices.ContainsFunc(node.Arguments, isPredicate) {
			return
		}
		for i := range node.Arguments {
			b.read(&node.Arguments[i])
		}
		if steps := multiplying[node.Name]; steps != nil {
			b.put(n, Hidden+node.Name, multiplied(node.Name, steps), node.Arguments...)
		}
	case *ast.PredicateNode:
		b.put(&node.Node, roundName, round, node.Node, &ast.IntegerNode{Value: nodes(node.Node)})
	case *ast.CallNode:
		b.put(n, callName, call, node)
	}
}

type visitor func(ast.Node)

// Visit calls the function.
func (v visitor) Visit(n *ast.Node) { v(*n) }

func isPredicate(n ast.Node) bool {
	_, is := n.(*ast.PredicateNode)
	return is
}

// read has an operand counted, unless its size is known.
func (b bounder) read(n *ast.Node) {
	if _, isLiteral := (*n).(*ast.StringNode); isLiteral {
		return
	}
	switch (*n).Type().Kind() {
	case reflect.Bool, reflect.Int, reflect.Float64:
	default:
		b.put(n, readName, read, *n)
	}
}

// put calls a function of ours in place of a node.
func (b bounder) put(n *ast.Node, name string, do function, arguments ...ast.Node) {
	b.config.Functions[name] = &builtin.Function{
		Name: name,
		Func: func(arguments ...any) (any, error) { return do(arguments[0].(*meter), arguments[1:]) },
	}
	call := &ast.CallNode{
		Callee:    &ast.IdentifierNode{Value: name},
		Arguments: append([]ast.Node{&ast.IdentifierNode{Value: meterName}}, arguments...),
	}
	call.SetLocation((*n).Location())
	call.SetNature(*(*n).Nature())
	*n = call
}

// function is one of ours, which counts its steps before it does anything.
type function func(m *meter, arguments []any) (any, error)

func read(m *meter, arguments []any) (any, error) { return arguments[0], m.try(arguments[0]) }

// round is one of a predicate: it takes a step for each node of its tree, beside those of its result.
func round(m *meter, arguments []any) (any, error) {
	if err := m.spend(arguments[1].(int)); err != nil {
		return nil, err
	}
	return arguments[0], m.try(arguments[0])
}

func nodes(tree ast.Node) (n int) {
	ast.Walk(&tree, visitor(func(ast.Node) { n++ }))
	return n
}

func call(m *meter, arguments []any) (any, error) { return arguments[0], m.spend(callSteps) }

// multiplied is a function of expr that takes more steps than there are in its arguments.
func multiplied(name string, steps func([]any) int) function {
	do := builtin.Builtins[builtin.Index[name]].Func
	return func(m *meter, arguments []any) (any, error) {
		if err := m.spend(steps(arguments)); err != nil {
			return nil, err
		}
		return do(arguments...)
	}
}
