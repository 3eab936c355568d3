// Package expression compiles and evaluates expressions, within bounds that hold whatever is written in one: of its
// length, of the steps that an evaluation takes, and of what it makes. The bounds are counted and not timed, so that an
// expression comes to the same on any machine.
package expression

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"faultflow/internal/suggest"
)

// Expression is one that has been compiled. It can be evaluated by several goroutines at once.
type Expression struct{ program *vm.Program }

// Error is an expression that does not compile, or can't be evaluated. Offset is where in it, in characters from 0.
type Error struct {
	Offset  int
	Problem string
}

func (e *Error) Error() string { return e.Problem }

// maxSource bounds an expression's length.
const maxSource = 4096

// Hidden begins the names that no expression can spell.
const Hidden = "·"

// Compile checks an expression against what it can name: each name with a value of its type, such as its zero value. If
// known is nil, it can use any name, which is nil where Over has none. Errors are *Error.
func Compile(source string, known map[string]any, options ...expr.Option) (*Expression, error) {
	if len(source) > maxSource {
		return nil, &Error{Problem: fmt.Sprintf("the expression is longer than %d characters", maxSource)}
	}
	config := conf.CreateNew()
	if known == nil {
		options = append([]expr.Option{expr.Env(map[string]any{}), expr.AllowUndefinedVariables()}, options...)
	} else {
		options = append([]expr.Option{expr.Env(known)}, options...)
	}
	for _, option := range options {
		option(config)
	}
	for _, name := range builtin.Names {
		if !slices.Contains(offered, name) {
			config.Disabled[name] = true // for the parser
			delete(config.Builtins, name)
		}
	}
	// These are the steps of expr.Compile with two of ours: patterns are looked at before the checker compiles them, and
	// the bounds come last, where nothing takes them away. The optimizer is left out, since ast.Walk does not come by
	// all that it makes.
	tree, err := parser.ParseWithConfig(source, config)
	if err != nil {
		return nil, mistake(err)
	}
	if err := checkPatterns(&tree.Node); err != nil {
		return nil, err
	}
	if known == nil {
		if err := checkCalls(&tree.Node); err != nil {
			return nil, err
		}
	}
	if _, err := new(checker.Checker).PatchAndCheck(tree, config); err != nil {
		return nil, mistake(err)
	}
	ast.Walk(&tree.Node, bounder{config})
	program, err := compiler.Compile(tree, config)
	if err != nil {
		return nil, mistake(err)
	}
	return &Expression{program}, nil
}

// checkCalls returns an *Error for a call of what is not offered. The checker has none where each name may be known,
// and what the names of data stand for can't be called.
func checkCalls(tree *ast.Node) (err error) {
	ast.Walk(tree, visitor(func(n ast.Node) {
		call, is := n.(*ast.CallNode)
		if !is || err != nil {
			return
		}
		problem := "this can't be called"
		if name, isName := call.Callee.(*ast.IdentifierNode); isName {
			problem = fmt.Sprintf("there is no function %s%s", name.Value, suggest.Nearest(name.Value, offered))
			if slices.Contains(builtin.Names, name.Value) {
				problem = notOffered(name.Value)
			}
		}
		err = &Error{Offset: call.Callee.Location().From, Problem: problem}
	}))
	return err
}

func notOffered(name string) string {
	return name + "() is not offered: an expression comes to the same on each evaluation, within bounds"
}

// Values are what expressions are evaluated over, with what is left of the steps that all of them can take.
type Values struct {
	named map[string]any
	meter *meter
}

// Over gives the names of expressions their values, and the expressions the steps of one evaluation. It keeps its meter
// in the map.
func Over(named map[string]any) Values {
	m := &meter{left: maxSteps}
	named[meterName] = m
	return Values{named, m}
}

// Evaluate returns what the expression comes to, which is no larger than the steps that are left. Errors are *Error.
func (e *Expression) Evaluate(over Values) (any, error) {
	result, err := vm.Run(e.program, over.named)
	if err == nil {
		err = over.meter.try(result)
	}
	if err != nil {
		return nil, mistake(err)
	}
	return result, nil
}

// mistake makes an *Error of one of expr.
func mistake(err error) error {
	at, isPlaced := errors.AsType[*file.Error](err)
	if !isPlaced {
		return &Error{Problem: strings.SplitN(err.Error(), "\n", 2)[0]}
	}
	problem := at.Message
	if name, isUnknown := strings.CutPrefix(problem, "unknown name "); isUnknown && slices.Contains(builtin.Names, name) {
		problem = notOffered(name)
	} else if problem == "memory budget exceeded" {
		problem = fmt.Sprintf("it makes lists of more than %d entries", conf.DefaultMemoryBudget)
	}
	return &Error{Offset: at.From, Problem: problem}
}
