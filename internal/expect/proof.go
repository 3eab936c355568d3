package expect

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/expr-lang/expr/ast"

	"faultflow/internal/expression"
)

// rule says when a part of a document shows nothing, because what it tells of never ran. It holds wherever a condition
// reaches the part: breaker("collector"), breakers[0], or an entry of all(breakers, …).
type rule struct {
	of reflect.Type
	// idle says why the field that is asked for shows nothing, "" if it shows something. The field is "" where the part
	// is asked for as a whole, and ends with [] where an entry of a list is.
	idle func(part any, field string) string
	// nameless says that the part does not know its name, so that it is called as in the condition.
	nameless bool
}

func about[T any](idle func(part T, field string) string) rule {
	return rule{of: reflect.TypeFor[T](), idle: func(part any, field string) string { return idle(part.(T), field) }}
}

// aboutNameless is about for parts without a name; idle goes on after the text by which the condition reaches the part.
func aboutNameless[T any](idle func(part T, field string) string) rule {
	r := about(idle)
	r.nameless = true
	return r
}

// probe is a place in a condition at which it is noted what the condition looks at, while it is evaluated: what is not
// looked at, such as the right side of true or …, need not have run.
type probe struct {
	// rule is nil for a list that must not be empty.
	rule  *rule
	field string
	// text is what is looked at, as the condition has it.
	text string
}

// prober puts the probes into an expression: what a rule is about, and what predicates go over, is handed to the
// environment's function seenName, which hands it back.
type prober struct {
	*finder
	begun  bool
	probes []probe
	// of are the probes of fields that have been put in.
	of map[ast.Node]int
}

// seenName is the name of the function that probes call.
const seenName = expression.Hidden + "seen"

// Visit puts probes around what a node asks. The finder, which has come by before, looks at the tree as it was.
func (p *prober) Visit(n *ast.Node) {
	if !p.begun {
		p.begun = true
		p.finish()
	}
	if p.err != nil {
		return
	}
	switch node := (*n).(type) {
	case *ast.MemberNode:
		if i, isField := p.of[node.Node]; isField && !isText(node.Property) {
			p.probes[i].field += "[]"
		}
		if r := p.ruleOf(node.Node); r != nil {
			p.of[node] = len(p.probes)
			p.wrap(&node.Node, probe{rule: r, field: fieldOf(node), text: p.texts[node.Node]})
		} else if t := p.typeOf(node.Node); t != nil && t.Kind() == reflect.Slice {
			p.wrap(&node.Node, probe{text: p.texts[node.Node]})
		}
	case *ast.BuiltinNode:
		if overList(node) && (node.Name == "all" || !p.mayBeEmpty(node.Arguments[0])) {
			p.wrap(&node.Arguments[0], probe{text: p.texts[node.Arguments[0]]})
		}
	case *ast.CallNode:
		if p.called(node) == nil {
			return
		}
		for i := range node.Arguments {
			if r := p.ruleOf(node.Arguments[i]); r != nil {
				p.wrap(&node.Arguments[i], probe{rule: r, text: p.texts[node.Arguments[i]]})
			}
		}
	}
}

func isText(n ast.Node) bool {
	_, is := n.(*ast.StringNode)
	return is
}

func (p *prober) wrap(n *ast.Node, what probe) {
	call := &ast.CallNode{
		Callee:    &ast.IdentifierNode{Value: seenName},
		Arguments: []ast.Node{&ast.IntegerNode{Value: len(p.probes)}, *n},
	}
	call.SetLocation((*n).Location())
	p.wrapped[call], p.probes = *n, append(p.probes, what)
	*n = call
}

func (p *prober) ruleOf(n ast.Node) *rule {
	t := p.typeOf(n)
	for i := range p.language.rules {
		if r := &p.language.rules[i]; r.of == t {
			return r
		}
	}
	return nil
}

// mayBeEmpty tells whether a list is one of what happened, where none is an answer.
func (p *prober) mayBeEmpty(list ast.Node) bool {
	return slices.Contains(p.language.happenings, entryOf(p.typeOf(list)))
}

// facts are a document as conditions see it, and what the condition that is evaluated looks at.
type facts struct {
	language *language
	document any
	env      map[string]any
	// missing says of what functions looked for that it is not there.
	missing []string
	seen    map[int][]any
}

// see notes what a probe came by.
func (f *facts) see(probe int, what any) any {
	if f.language.filled != nil {
		what = f.language.filled(f.document, what)
	}
	f.seen[probe] = append(f.seen[probe], what)
	return what
}

// miss notes that something is not there.
func (f *facts) miss(reason string) {
	if !slices.Contains(f.missing, reason) {
		f.missing = append(f.missing, reason)
	}
}

// forget is the beginning of another condition.
func (f *facts) forget() { f.missing, f.seen = nil, map[int][]any{} }

// idle says why what was looked at shows nothing: something is not there at all, a list is empty, or all that a probe
// came by never ran.
func (f *facts) idle(probes []probe) (reasons []string, err error) {
	if len(f.missing) > 0 {
		return f.missing, nil
	}
	var empty []string
	for i, p := range probes {
		reason := ""
		for _, v := range f.seen[i] {
			if reason, err = p.idle(v); err != nil {
				return nil, err
			}
			if reason == "" {
				break
			}
		}
		switch {
		case reason == "" || slices.Contains(reasons, reason) || slices.Contains(empty, reason):
		case p.rule == nil:
			empty = append(empty, reason)
		default:
			reasons = append(reasons, reason)
		}
	}
	if reasons == nil { // a rule says more of a list than that it is empty
		return empty, nil
	}
	return reasons, nil
}

func (p probe) idle(what any) (string, error) {
	if p.rule == nil {
		if reflect.ValueOf(what).Len() == 0 {
			return fmt.Sprintf("%s is empty", p.text), nil
		}
		return "", nil
	}
	part := reflect.New(p.rule.of)
	if err := convert(what, part.Interface()); err != nil {
		return "", err
	}
	reason := p.rule.idle(part.Elem().Interface(), p.field)
	if reason != "" && p.rule.nameless {
		reason = p.text + " " + reason
	}
	return reason, nil
}
