package undelivered

import (
	"encoding/json"
	"fmt"
	"strings"

	"faultflow/internal/expression"
)

// Filter says which lines are meant; the zero value means all of them.
type Filter struct {
	// Place and Class are those of a dead letter; "" for any.
	Place, Class string
	// Where must be true of a line that has a record; nil for no condition.
	Where *Condition
}

// Condition is an expression over the members of a line.
type Condition struct {
	source string
	*expression.Expression
}

// ParseCondition compiles a condition, such as reason matches "timeout".
func ParseCondition(source string) (*Condition, error) {
	e, err := expression.Compile(source, members(&Line{}, &Content{}))
	if err != nil {
		return nil, err
	}
	return &Condition{source, e}, nil
}

// members are what a condition can name.
func members(l *Line, c *Content) map[string]any {
	record := map[string]any{}
	_ = json.Unmarshal(c.Record, &record) // it is an object, or there is none
	return map[string]any{
		"file":      l.File,
		"line":      int(l.Number),
		"source":    c.Source,
		"row":       c.Row,
		"timestamp": c.Timestamp,
		"key":       c.Key,
		"place":     c.Place,
		"class":     c.Class,
		"reason":    c.Reason,
		"raw":       c.Raw,
		"record":    record,
	}
}

// Names are what a condition can name, for messages.
const Names = "file, line, source, row, timestamp, key, place, class, reason, raw, record"

// Select returns the indices of the lines that a filter means and that are not replayed yet, readable or not.
func (f *Folder) Select(by Filter) (lines []int, err error) {
	for i := range f.Lines {
		l := &f.Lines[i]
		if l.Replayed {
			continue
		}
		meant, err := f.means(l, by)
		if err != nil {
			return nil, err
		}
		if meant {
			lines = append(lines, i)
		}
	}
	return lines, nil
}

func (f *Folder) means(l *Line, by Filter) (bool, error) {
	if by == (Filter{}) {
		return true, nil
	}
	c, err := f.Content(l)
	if err != nil {
		return false, err
	}
	if by.Place != "" && c.Place != by.Place || by.Class != "" && c.Class != by.Class {
		return false, nil
	}
	if by.Where == nil || l.Unreadable {
		return by.Where == nil, nil
	}
	value, err := by.Where.Evaluate(expression.Over(members(l, &c)))
	if err != nil {
		return false, &ConditionError{by.Where.source, l.File, l.Number, err.Error()}
	}
	holds, is := value.(bool)
	if !is {
		problem := fmt.Sprintf("it is %.40s, and neither true nor false", fmt.Sprint(value))
		return false, &ConditionError{by.Where.source, l.File, l.Number, problem}
	}
	return holds, nil
}

// ConditionError is a condition that can't be told of a line.
type ConditionError struct {
	Source, File string
	Line         int64
	Problem      string
}

func (e *ConditionError) Error() string {
	return fmt.Sprintf("--where %q: %s:%d: %s", e.Source, e.File, e.Line, strings.TrimSpace(e.Problem))
}
