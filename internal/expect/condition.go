// Package expect is the language of conditions over documents: what must hold of a run's report, and what of a
// campaign's.
package expect

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"faultflow/internal/report"
	"faultflow/internal/suggest"
)

// Condition is an expression over the fields of a document that is true or false, such as ledger.lost == 0 or
// breaker("collector").opened >= 1. Fields have their names of the JSON document; the functions are those of calls.
type Condition struct {
	// Source is the expression as it was written, Line its line in the scenario's file, 0 outside of one.
	Source string
	Line   int

	language *language
	program  *vm.Program
	subjects []subject
	// parts of the expression explain its result by their values.
	parts []part
}

type part struct {
	source  string
	program *vm.Program
}

// Error is an expression that does not compile. Offset is where in it, in characters from 0.
type Error struct {
	Offset  int
	Problem string
}

func (e *Error) Error() string { return e.Problem }

const (
	maxSource = 4096 // bounds an expression's length
	maxShown  = 1000 // bounds how much of a value is shown; some are lists of all events
)

// Compile checks a condition over a run's report against the report's types and names. Errors are *Error.
func Compile(source string) (*Condition, error) { return ofRuns().compile(source) }

// CompileCampaign is Compile for a condition over a campaign, such as ci(verdict.degraded) < 0.005 or
// breaker("collector").opened.runs.share < 0.1.
func CompileCampaign(source string) (*Condition, error) { return ofCampaigns().compile(source) }

// Environment is what conditions see of a report: its fields under their JSON names, and functions.
func Environment(r *report.Report) (any, error) { return ofRuns().read(r) }

// CampaignEnvironment is Environment for a campaign.
func CampaignEnvironment(c *report.Campaign) (any, error) { return ofCampaigns().read(c) }

func (l *language) compile(source string) (*Condition, error) {
	if len(source) > maxSource {
		return nil, &Error{Problem: fmt.Sprintf("the expression is longer than %d characters", maxSource)}
	}
	c := &Condition{Source: source, language: l}
	program, err := l.program(source, expr.AsBool())
	if err != nil {
		return nil, err
	}
	c.program = program
	tree, err := parser.Parse(source)
	if err != nil {
		return nil, l.mistake(err)
	}
	found := &finder{functions: l.functions, outer: map[ast.Node]bool{}}
	ast.Walk(&tree.Node, found)
	if found.err != nil {
		return nil, found.err
	}
	c.subjects = found.subjects()
	for _, source := range found.parts() {
		program, err := l.program(source)
		if err != nil {
			continue // a part that means nothing by itself, such as a closure's variable
		}
		c.parts = append(c.parts, part{source, program})
	}
	return c, nil
}

func (l *language) program(source string, options ...expr.Option) (*vm.Program, error) {
	program, err := expr.Compile(source, append(options, expr.Env(l.environment()))...)
	if err != nil {
		return nil, l.mistake(err)
	}
	return program, nil
}

// mistake makes an *Error of one of expr.
func (l *language) mistake(err error) error {
	at, ok := errors.AsType[*file.Error](err)
	if !ok {
		return &Error{Problem: shortTypes(strings.SplitN(err.Error(), "\n", 2)[0])}
	}
	problem := shortTypes(at.Message)
	if known, name, ok := strings.Cut(problem, " has no field "); ok {
		known = strings.Trim(strings.TrimPrefix(known, "type "), "{}")
		problem = fmt.Sprintf("there is no field %q here%s", name, suggest.Nearest(name, strings.Split(known, ", ")))
	} else if name, ok := strings.CutPrefix(problem, "unknown name "); ok {
		problem += suggest.Nearest(name, l.names)
	}
	return &Error{Offset: at.From, Problem: problem}
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

// Check tells whether the condition holds in an environment.
func (c *Condition) Check(env any) (bool, error) {
	held, err := expr.Run(c.program, env)
	if err != nil {
		return false, c.language.mistake(err)
	}
	return held.(bool), nil // AsBool has seen to it
}

// Values returns the values of what the condition names, in the order in which they stand in it.
func (c *Condition) Values(env any) []report.TestValue {
	var values []report.TestValue
	for _, p := range c.parts {
		v, err := expr.Run(p.program, env)
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
		values = append(values, report.TestValue{Name: p.source, Text: string(text)})
	}
	return values
}
