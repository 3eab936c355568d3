package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"faultflow/internal/channel"
	"faultflow/internal/errhandler"
	"faultflow/internal/report"
	"faultflow/internal/simulate"
	"faultflow/internal/suggest"
)

// Expectation is a condition over the fields of a report, such as ledger.lost == 0 or breaker("collector").opened >= 1.
// Fields have their names of the JSON report; the functions are those of calls.
type Expectation struct {
	// Source is the expression as it was written, Line its line in the scenario's file, 0 outside of one.
	Source string
	Line   int

	language *language
	program  *vm.Program
	subjects []subject
	// named are the parts of the expression whose values explain its result.
	named []namedPart
}

type namedPart struct {
	source  string
	program *vm.Program
}

// subject is what an expectation is about: a function with its argument, or a stage, and the field that is asked for.
type subject struct{ function, name, field string }

// ExprError is an expression that does not compile. Offset is where in it, in characters from 0.
type ExprError struct {
	Offset  int
	Problem string
}

func (e *ExprError) Error() string { return e.Problem }

const (
	maxExpr  = 4096 // bounds an expression's length
	maxShown = 1000 // bounds how much of a value is shown; some are lists of all events
)

// Compile checks an expression against the report's types and names. Errors are *ExprError.
func Compile(source string) (*Expectation, error) { return ofRuns().compile(source) }

func (l *language) compile(source string) (*Expectation, error) {
	if len(source) > maxExpr {
		return nil, &ExprError{Problem: fmt.Sprintf("the expression is longer than %d characters", maxExpr)}
	}
	e := &Expectation{Source: source, language: l}
	program, err := l.program(source, expr.AsBool())
	if err != nil {
		return nil, err
	}
	e.program = program
	tree, err := parser.Parse(source)
	if err != nil {
		return nil, l.exprError(err)
	}
	found := &finder{functions: l.functions, outer: map[ast.Node]bool{}}
	ast.Walk(&tree.Node, found)
	if found.err != nil {
		return nil, found.err
	}
	e.subjects = found.subjects()
	for _, n := range found.named() {
		part, err := l.program(n)
		if err != nil {
			continue // a part that means nothing by itself, such as a closure's variable
		}
		e.named = append(e.named, namedPart{n, part})
	}
	return e, nil
}

func (l *language) program(source string, options ...expr.Option) (*vm.Program, error) {
	program, err := expr.Compile(source, append(options, expr.Env(l.environment(nil)))...)
	if err != nil {
		return nil, l.exprError(err)
	}
	return program, nil
}

func (l *language) exprError(err error) error {
	var at *file.Error
	if errors.As(err, &at) {
		problem := at.Message
		// expr shows a struct type in full, which is the whole report.
		if i := strings.LastIndex(problem, " has no field "); i >= 0 {
			name := problem[i+len(" has no field "):]
			problem = fmt.Sprintf("there is no field %q here%s", name, suggest.Nearest(name, l.names))
		} else if name, ok := strings.CutPrefix(problem, "unknown name "); ok {
			problem += suggest.Nearest(name, l.names)
		}
		return &ExprError{Offset: at.From, Problem: shortTypes(problem)}
	}
	return &ExprError{Problem: shortTypes(strings.SplitN(err.Error(), "\n", 2)[0])}
}

// shortTypes writes the struct types in a message of expr as the names of their fields, {count, of, share}.
func shortTypes(message string) string {
	const begin, tag = "struct {", `expr:\"`
	var short strings.Builder
	var fields []string
	for depth := 0; message != ""; {
		next := 1
		switch {
		case strings.HasPrefix(message, begin):
			if depth++; depth == 1 {
				fields = nil
			}
			next = len(begin)
		case depth == 1 && strings.HasPrefix(message, tag):
			name, _, _ := strings.Cut(message[len(tag):], `\"`)
			fields = append(fields, name)
		case depth > 0 && message[0] == '}':
			if depth--; depth == 0 {
				short.WriteString("{" + strings.Join(fields, ", ") + "}")
			}
		case depth == 0:
			short.WriteByte(message[0])
		}
		message = message[next:]
	}
	return short.String()
}

// Check evaluates the expectation.
func (e *Expectation) Check(env any) (bool, error) {
	held, err := expr.Run(e.program, env)
	if err != nil {
		return false, e.language.exprError(err)
	}
	return held.(bool), nil // AsBool has seen to it
}

// Values returns the values of what the expectation names, in the order in which they stand in it.
func (e *Expectation) Values(env any) []report.TestValue {
	var values []report.TestValue
	for _, n := range e.named {
		v, err := expr.Run(n.program, env)
		if err != nil {
			continue
		}
		text, err := json.Marshal(v)
		if err != nil {
			text = []byte(fmt.Sprint(v))
		}
		if len(text) > maxShown {
			text = append([]byte(strings.ToValidUTF8(string(text[:maxShown]), "")), "…"...)
		}
		values = append(values, report.TestValue{Name: n.source, Text: string(text)})
	}
	return values
}

// Vacuous says why the expectation proves nothing about this run: what it is about never ran. Empty if it does.
func (e *Expectation) Vacuous(r *report.Report) []string {
	var reasons []string
	for _, s := range e.subjects {
		if why := s.vacuous(r); why != "" && !slices.Contains(reasons, why) {
			reasons = append(reasons, why)
		}
	}
	return reasons
}

func (s subject) vacuous(r *report.Report) string {
	is := func(fields ...string) bool { return slices.Contains(fields, s.field) }
	switch s.function {
	case "breaker":
		b := find(r.Breakers, func(b report.Breaker) bool { return b.Name == s.name })
		if b == nil {
			return fmt.Sprintf("the breaker %s was never in the path", s.name)
		}
		if b.Calls+b.Rejected == 0 {
			return fmt.Sprintf("the breaker %s was never called", s.name)
		}
	case "node", "attempts":
		if n := find(r.Nodes, func(n report.Node) bool { return n.Name == s.name }); (n == nil || n.Runs == 0) && !is("runs") {
			return fmt.Sprintf("the node %s never ran", s.name)
		}
	case "channel":
		if c := find(r.Channels, func(c report.Channel) bool { return c.Name == s.name }); (c == nil || c.Tried == 0) && !is("tried", "skipped") {
			return fmt.Sprintf("the channel %s was never tried", s.name)
		}
	case "pattern":
		if p := find(r.Patterns, func(p report.Pattern) bool { return p.Name == s.name }); p == nil || p.State == report.Off {
			return fmt.Sprintf("the pattern %s was off", s.name)
		}
	case "processing":
		if r.Processing.In == 0 && !is("in", "out", "failed", "mode", "modes") {
			return "processing had nothing to do"
		}
	case "delivery":
		if r.Delivery.Passes == 0 && !is("passes", "status", "delivered", "spooled", "failed") {
			return "delivery had nothing to do"
		}
	}
	return ""
}

func find[T any](list []T, is func(T) bool) *T {
	if i := slices.IndexFunc(list, is); i >= 0 {
		return &list[i]
	}
	return nil
}

// Environment is what expectations see of a report: its fields under their JSON names, in plain types, and functions.
func Environment(r *report.Report) (any, error) { return ofRuns().read(r) }

// language is what expressions can be about: the fields of a document under their JSON names, in plain types, and
// functions.
type language struct {
	env       reflect.Type
	functions []function
	names     []string
}

// newLanguage makes the language of a type of documents. Its types are plain, since expr compares a named string type with
// a text as unequal; each function is a field.
func newLanguage(document reflect.Type, functions []function) *language {
	fields := plainFields(document)
	for _, f := range functions {
		fields = append(fields, reflect.StructField{Name: "Func" + f.field, Tag: reflect.StructTag(fmt.Sprintf(`json:"-" expr:"%s"`, f.name)),
			Type: reflect.FuncOf([]reflect.Type{f.argument}, []reflect.Type{f.result}, false)})
	}
	env := reflect.StructOf(fields)
	return &language{env: env, functions: functions, names: fieldNames(env)}
}

// read is the environment of a document.
func (l *language) read(document any) (any, error) {
	doc, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("scenario: report: %w", err)
	}
	env := reflect.New(l.env)
	if err := json.Unmarshal(doc, env.Interface()); err != nil {
		return nil, fmt.Errorf("scenario: report: %w", err)
	}
	l.bind(env.Elem(), document)
	return env.Elem().Interface(), nil
}

// environment is the environment of a document or, for nil, one of the same type without values, to compile against.
func (l *language) environment(document any) any {
	env := reflect.New(l.env).Elem()
	if document != nil {
		l.bind(env, document)
	}
	return env.Interface()
}

// function is one that expectations can call, with one argument.
type function struct {
	name, field      string
	argument, result reflect.Type
	// lookup returns a pointer to the result, nil where there is none; known lists the texts that can be its argument, nil
	// if that depends on the run.
	lookup func(document any, argument reflect.Value) any
	known  []string
}

// named is a function that looks up a name in a document.
func named[D any](name, field string, known []string, example any, lookup func(*D, string) any) function {
	return function{name, field, reflect.TypeFor[string](), plain(reflect.TypeOf(example)),
		func(document any, argument reflect.Value) any { return lookup(document.(*D), argument.String()) }, known}
}

func places() []string { return simulate.Places(channel.DefaultChannels()) }

// ofRuns is the language of expectations.
var ofRuns = sync.OnceValue(func() *language {
	return newLanguage(reflect.TypeFor[report.Report](), []function{
		named("breaker", "Breaker", nil, report.Breaker{}, func(r *report.Report, name string) any {
			return find(r.Breakers, func(b report.Breaker) bool { return b.Name == name })
		}),
		named("node", "Node", nodeNames, report.Node{}, func(r *report.Report, name string) any {
			return find(r.Nodes, func(n report.Node) bool { return n.Name == name })
		}),
		named("channel", "Channel", nil, report.Channel{}, func(r *report.Report, name string) any {
			return find(r.Channels, func(c report.Channel) bool { return c.Name == name })
		}),
		// The most attempts that a node made in one run.
		named("attempts", "Attempts", nodeNames, 0, func(r *report.Report, name string) any {
			if n := find(r.Nodes, func(n report.Node) bool { return n.Name == name }); n != nil {
				return &n.MaxTries
			}
			return (*int)(nil)
		}),
		// How often a dependency was called.
		named("calls", "Calls", places(), 0, func(r *report.Report, place string) any {
			if a := find(r.Amplification, func(a report.Amplification) bool { return a.Place == place }); a != nil {
				n := int(a.Calls)
				return &n
			}
			return (*int)(nil)
		}),
		// Whether a pattern was demonstrated.
		named("pattern", "Pattern", patternNames, false, func(r *report.Report, name string) any {
			p := find(r.Patterns, func(p report.Pattern) bool { return p.Name == name })
			yes := p != nil && p.State == report.Demonstrated
			return &yes
		}),
		// Whether a finding came up, by its code.
		named("finding", "FindingCode", errhandler.Codes(), false, func(r *report.Report, code string) any {
			yes := find(r.Findings, func(f report.Finding) bool { return f.Code == code }) != nil
			return &yes
		}),
		// How many dead letters a place has, all of them for "".
		named("dead_letters", "DeadLettersAt", append([]string{""}, append(places(), nodeNames...)...), 0, func(r *report.Report, place string) any {
			n := 0
			for _, d := range r.Ledger.DeadLetters {
				if place == "" || d.Place == place {
					n += int(d.Count)
				}
			}
			return &n
		}),
	})
})

var (
	nodeNames    = []string{"collector", "processor", "delivery", "errorhandler", "fallback_data", "partial_processing", "alternate_delivery"}
	patternNames = []string{"execution_hooks", "health_check", "retry_with_backoff", "circuit_breaker", "bulkhead", "rate_limit", "timeout", "fallback_ladder",
		"failure_isolation", "partial_processing", "minimal_fallback", "channel_failover", "channel_health", "emergency_spool", "idempotency_key",
		"dead_letters", "error_handler", "recovery_nodes"}
)

func plain(t reflect.Type) reflect.Type {
	switch t.Kind() {
	case reflect.Struct:
		return reflect.StructOf(plainFields(t))
	case reflect.Slice:
		return reflect.SliceOf(plain(t.Elem()))
	case reflect.Map:
		return reflect.MapOf(plain(t.Key()), plain(t.Elem()))
	case reflect.String:
		return reflect.TypeFor[string]()
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return reflect.TypeFor[int]()
	}
	return t
}

func plainFields(t reflect.Type) (fields []reflect.StructField) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			fields = append(fields, plainFields(f.Type)...)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields = append(fields, reflect.StructField{Name: f.Name, Type: plain(f.Type), Tag: reflect.StructTag(fmt.Sprintf(`json:"%s" expr:"%[1]s"`, name))})
	}
	return fields
}

// fieldNames lists the names of a type's fields and of those below them.
func fieldNames(t reflect.Type) (names []string) {
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			names = append(names, t.Field(i).Tag.Get("expr"))
			names = append(names, fieldNames(t.Field(i).Type)...)
		}
	case reflect.Slice, reflect.Map:
		return fieldNames(t.Elem())
	}
	return names
}

// bind gives the environment's functions the document to look into. What is not there has its zero value.
func (l *language) bind(env reflect.Value, document any) {
	for _, f := range l.functions {
		field := env.FieldByName("Func" + f.field)
		field.Set(reflect.MakeFunc(field.Type(), func(args []reflect.Value) []reflect.Value {
			result := reflect.New(f.result)
			if found := reflect.ValueOf(f.lookup(document, args[0])); !found.IsNil() {
				doc, err := json.Marshal(found.Interface())
				if err == nil {
					err = json.Unmarshal(doc, result.Interface())
				}
				if err != nil { // the document was marshalled as a whole before
					panic(err)
				}
			}
			return []reflect.Value{result.Elem()}
		}))
	}
}

// finder collects what an expression is about and the parts that are worth showing.
type finder struct {
	functions []function

	members []*ast.MemberNode
	calls   []*ast.CallNode
	names   []*ast.IdentifierNode
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
		f.names = append(f.names, node)
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
		f.err = &ExprError{Offset: n.Location().From, Problem: problem}
	}
}

// checkName finds misspelt names before anything runs.
func (f *finder) checkName(c *ast.CallNode) {
	callee, name, ok := callOf(c)
	if !ok || f.err != nil {
		return
	}
	for _, known := range f.functions {
		if known.name == callee && known.known != nil && !strings.HasPrefix(name, "delivery.") { // channels have names of their own
			f.checkOneOf(c.Arguments[0], callee, name, known.known)
		}
	}
}

// checkKey finds misspelt keys of the report's maps, which would have the value zero.
func (f *finder) checkKey(m *ast.MemberNode) {
	key, isText := m.Property.(*ast.StringNode)
	if !isText || f.err != nil {
		return
	}
	list := ""
	switch in := m.Node.(type) {
	case *ast.MemberNode:
		if name, isText := in.Property.(*ast.StringNode); isText {
			list = name.Value
		}
	case *ast.IdentifierNode:
		if in.Value != "errors" { // which has fields there
			list = in.Value
		}
	}
	var known []string
	switch list {
	case "origins":
		for _, o := range errhandler.Origins() {
			known = append(known, string(o))
		}
	case "errors", "by_class":
		for _, c := range errhandler.Classes() {
			known = append(known, string(c))
		}
	case "modes":
		known = []string{"normal", "partial", "fallback", "none"}
	case "findings":
		known = errhandler.Codes()
	default:
		return
	}
	f.checkOneOf(key, list, key.Value, known)
}

func (f *finder) checkOneOf(at ast.Node, what, name string, known []string) {
	if !slices.Contains(known, name) {
		f.err = &ExprError{Offset: at.Location().From, Problem: fmt.Sprintf("there is no %s %q%s; there are %s",
			what, name, suggest.Nearest(name, known), strings.Join(slices.DeleteFunc(slices.Clone(known), func(k string) bool { return k == "" }), ", "))}
	}
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

// named returns the largest parts that are fields or calls, in the order of the expression.
func (f *finder) named() (sources []string) {
	parts := slices.DeleteFunc(slices.Clone(f.order), func(n ast.Node) bool { return f.outer[n] })
	slices.SortStableFunc(parts, func(a, b ast.Node) int { return start(a) - start(b) })
	for _, n := range parts {
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
