package nodes

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/expression"
	"faultflow/internal/object"
)

// Assign is the Processor that adds a field to each record: the value of an expression over the record's fields.
type Assign struct {
	name  string
	value *expression.Expression
}

var _ Processor = (*Assign)(nil)

// ParseAssign reads an assignment, such as temp_f = temp_max * 9/5 + 32. The error says what is allowed.
func ParseAssign(text string) (*Assign, error) {
	name, source, ok := strings.Cut(text, "=")
	if name = strings.TrimSpace(name); !ok || name == "" || strings.HasPrefix(source, "=") ||
		strings.ContainsAny(name, "!<>") {
		return nil, fmt.Errorf("want double, none, or NAME = EXPRESSION, such as temp_f = temp_max * 9/5 + 32")
	}
	value, err := expression.Compile(source, nil)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", strings.TrimSpace(source), err)
	}
	return &Assign{name, value}, nil
}

// Begin has nothing to prepare.
func (*Assign) Begin(ctx context.Context, _ []Record) error { return ctx.Err() }

// Process evaluates the expression. What it can't be evaluated over is an error of that record, of class Processing.
func (a *Assign) Process(ctx context.Context, r Record) (Processed, error) {
	if err := r.Validate(); err != nil {
		return Processed{}, fmt.Errorf("record %s: %w", r.ID, err)
	}
	fields := map[string]any{}
	for key, text := range object.Members(r.Object()) {
		fields[object.Plain(key)] = plain(text)
	}
	value, err := a.value.Evaluate(expression.Over(fields))
	if err != nil {
		return Processed{}, errhandler.As(errhandler.Processing, fmt.Errorf("%s: %w", a.name, err))
	}
	text, err := json.Marshal(value)
	if err != nil { // such as a division by zero
		return Processed{}, errhandler.As(errhandler.Processing, fmt.Errorf("%s: %w", a.name, err))
	}
	done := unchanged(r, catalog.ModeNormal)
	done.Added = Member{a.name, string(text)}
	return done, ctx.Err()
}

// plain is the value that an expression gets for a member's text.
func plain(text string) any {
	switch text[0] {
	case '"':
		return object.Plain(text)
	case '{', '[', 't', 'f', 'n':
		var value any
		_ = json.Unmarshal([]byte(text), &value) // it is valid
		return value
	}
	if whole, err := strconv.Atoi(text); err == nil {
		return whole
	}
	number, _ := strconv.ParseFloat(text, 64) // what is out of range is infinite
	return number
}
