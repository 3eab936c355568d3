package expression

import (
	"fmt"
	"regexp"
	"regexp/syntax"

	"github.com/expr-lang/expr/ast"
)

// maxPattern bounds a regular expression, in instructions once its repetitions are written out.
const maxPattern = 10_000

// pattern is a regular expression and its size.
type pattern struct {
	*regexp.Regexp
	instructions int
}

// compilePattern looks at the size of a pattern before it is compiled: (x{100}){10} is a thousand times x.
func compilePattern(text string) (*pattern, error) {
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, err
	}
	size := instructions(parsed)
	if size > maxPattern {
		return nil, fmt.Errorf("the pattern has more than %d parts once its repetitions are written out", maxPattern)
	}
	compiled, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	return &pattern{compiled, size}, nil
}

func instructions(re *syntax.Regexp) int {
	n := 1
	if re.Op == syntax.OpLiteral {
		n = len(re.Rune)
	}
	for _, part := range re.Sub {
		n += instructions(part)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(1, re.Min, re.Max)
	}
	return n
}

// checkPatterns returns an *Error if a pattern that is written in the expression is too large.
func checkPatterns(tree *ast.Node) (err error) {
	ast.Walk(tree, visitor(func(n ast.Node) {
		matches, is := n.(*ast.BinaryNode)
		if !is || matches.Operator != "matches" || err != nil {
			return
		}
		if text, isText := matches.Right.(*ast.StringNode); isText {
			if _, wrong := compilePattern(text.Value); wrong != nil {
				err = &Error{Offset: text.Location().From, Problem: wrong.Error()}
			}
		}
	}))
	return err
}

// patternOf is what a text is matched with: a pattern if it stands in the expression, so that it is compiled only once.
func patternOf(n ast.Node) ast.Node {
	text, isText := n.(*ast.StringNode)
	if !isText {
		return n
	}
	compiled, err := compilePattern(text.Value)
	if err != nil {
		return n // checkPatterns has said so
	}
	return &ast.ConstantNode{Value: compiled}
}

// matches is the operator of expr, for which nothing matches nil. An instruction of a pattern that is tried on a byte is
// an eighth of a step.
func matches(m *meter, arguments []any) (any, error) {
	if arguments[0] == nil || arguments[1] == nil {
		return false, nil
	}
	text, isText := arguments[0].(string)
	if !isText {
		return nil, fmt.Errorf("a pattern matches a text, and not a %T", arguments[0])
	}
	with, isCompiled := arguments[1].(*pattern)
	if !isCompiled {
		var err error
		if with, err = m.compile(arguments[1]); err != nil {
			return nil, err
		}
	}
	if err := m.spend(1 + len(text)*with.instructions/8); err != nil {
		return nil, err
	}
	return with.MatchString(text), nil
}

// compile makes a pattern that is not written in the expression but comes of it.
func (m *meter) compile(of any) (*pattern, error) {
	text, isText := of.(string)
	if !isText {
		return nil, fmt.Errorf("a pattern is a text, and not a %T", of)
	}
	if err := m.spend(callSteps + len(text)); err != nil {
		return nil, err
	}
	return compilePattern(text)
}
