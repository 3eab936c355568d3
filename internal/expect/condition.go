// Package expect is the language of conditions over documents: what must hold of a run's report, and what of a
// campaign's.
package expect

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"

	"faultflow/internal/expression"
	"faultflow/internal/report"
	"faultflow/internal/settings"
	"faultflow/internal/suggest"
)

// Condition is an expression over the fields of a document that is true or false, such as ledger.lost == 0 or
// breaker("collector").opened >= 1. Fields have their names of the JSON document; the functions are those of calls.
type Condition struct {
	// Source is the expression as it was written, Line its line in the scenario's file, 0 outside of one.
	Source string
	Line   int

	language *language
	compiled *expression.Expression
	probes   []probe
	// uses are the names that it spells out, fields those of the document that it reads.
	uses    []use
	fields  []string
	entries map[string][]int
	// parts of the expression explain its result by their values.
	parts []part
}

type part struct {
	source   string
	compiled *expression.Expression
}

// maxShown bounds how much of a value is shown; some are lists of all events.
const maxShown = 1000

// Compile checks a condition over a run's report against the report's types and names. Errors are *expression.Error.
func Compile(source string) (*Condition, error) { return ofRuns().compile(source) }

// CompileCampaign is Compile for a condition over a campaign, such as ci(verdict.degraded) < 0.005 or
// breaker("collector").opened.runs.share < 0.1.
func CompileCampaign(source string) (*Condition, error) { return ofCampaigns().compile(source) }

func (l *language) compile(source string) (*Condition, error) {
	if _, err := l.expression(source, expr.AsBool()); err != nil {
		return nil, err
	}
	found := l.newFinder()
	probing := &prober{finder: found, of: map[ast.Node]int{}}
	compiled, err := l.expression(source, expr.Patch(found), expr.Patch(probing))
	if found.err != nil {
		return nil, found.err
	}
	if err != nil {
		return nil, err
	}
	c := &Condition{
		Source:   source,
		language: l,
		compiled: compiled,
		probes:   probing.probes,
		uses:     found.uses,
		fields:   found.fields,
		entries:  found.entries,
	}
	for _, source := range found.parts() {
		compiled, err := l.expression(source)
		if err != nil {
			continue // a part that means nothing by itself, such as a closure's variable
		}
		c.parts = append(c.parts, part{source, compiled})
	}
	return c, nil
}

// Fits returns an *Error if the condition spells out a name, such as a channel's, that no run with these settings has.
func (c *Condition) Fits(s *settings.Settings) error {
	for _, u := range c.uses {
		if err := u.wrong(s.Channels); err != nil {
			return err
		}
	}
	return nil
}

// Reads tells whether the condition is about a field of the document, by its name there.
func (c *Condition) Reads(field string) bool { return slices.Contains(c.fields, field) }

// ReadsEntry tells whether the condition is about an entry of a list that is a field of the document, alone or with all
// others.
func (c *Condition) ReadsEntry(field string, i int) bool {
	return slices.Contains(c.entries[field], i) || slices.Contains(c.entries[field], whole)
}

func (l *language) expression(source string, options ...expr.Option) (*expression.Expression, error) {
	for _, f := range l.functions {
		if fieldType(l.document, f.name) != nil {
			options = append(options, expr.Patch(renamer{l}))
			break
		}
	}
	compiled, err := expression.Compile(source, l.values(reflect.Zero(l.env)), options...)
	if err != nil {
		return nil, l.mistake(err)
	}
	return compiled, nil
}

// mistake says an error of an expression in the words of conditions.
func (l *language) mistake(err error) error {
	at, ok := errors.AsType[*expression.Error](err)
	if !ok {
		return err
	}
	problem := strings.ReplaceAll(shortTypes(at.Problem), expression.Hidden, "")
	if known, name, ok := strings.Cut(problem, " has no field "); ok {
		known = strings.Trim(strings.TrimPrefix(known, "type "), "{}")
		problem = fmt.Sprintf("there is no field %q here%s", name, suggest.Nearest(name, strings.Split(known, ", ")))
	} else if name, ok := strings.CutPrefix(problem, "unknown name "); ok {
		if fieldType(l.document, name) != nil {
			problem = name + " is not for conditions: it may differ where nothing else does"
		} else {
			problem += suggest.Nearest(name, l.names)
		}
	}
	return &expression.Error{Offset: at.Offset, Problem: problem}
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

// Outcome is what a condition comes to over a document: passed, failed, or inconclusive, where it holds but shows
// nothing, because what it is about never ran.
type Outcome struct {
	Status report.TestStatus
	// Reasons say why it is inconclusive.
	Reasons []string
	// Values are those of what it names, in the order in which they stand in it, and the error if it could not be
	// evaluated.
	Values []report.TestValue
}

// outcomes are what conditions come to over a document.
func (l *language) outcomes(document any, conditions []*Condition) ([]Outcome, error) {
	if len(conditions) == 0 {
		return nil, nil
	}
	var fields []string
	for _, c := range conditions {
		fields = append(fields, c.fields...)
	}
	read, err := l.read(document, fields)
	if err != nil {
		return nil, err
	}
	list := make([]Outcome, len(conditions))
	for i, c := range conditions {
		if list[i], err = c.over(read); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// over evaluates the condition. What could not be evaluated because there is nothing, such as the first of no faults,
// is inconclusive, too.
func (c *Condition) over(read *facts) (Outcome, error) {
	read.forget()
	values := expression.Over(read.env) // what is shown of a condition takes of its steps
	result, failed := c.compiled.Evaluate(values)
	idle, err := read.idle(c.probes)
	if err != nil {
		return Outcome{}, err
	}
	o := Outcome{Status: report.TestFailed, Values: c.shown(values)}
	switch {
	case len(idle) > 0 && (result == true || failed != nil):
		o.Status, o.Reasons = report.TestInconclusive, idle
	case result == true:
		o.Status = report.TestPassed
	}
	if failed != nil {
		text := c.language.mistake(failed).Error()
		o.Values = append(o.Values, report.TestValue{Name: "error", Text: strconv.Quote(text)})
	}
	return o, nil
}

// shown returns the values of what the condition names, in the order in which they stand in it.
func (c *Condition) shown(values expression.Values) []report.TestValue {
	var list []report.TestValue
	for _, p := range c.parts {
		v, err := p.compiled.Evaluate(values)
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
		list = append(list, report.TestValue{Name: p.source, Text: string(text)})
	}
	return list
}
