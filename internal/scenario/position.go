package scenario

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"faultflow/internal/report"
)

// FileError is a mistake in a scenario file. Its message is the position and the problem, the line, and a caret.
type FileError struct {
	Path string
	// Line and Column count from 1; 0 for a mistake of the file as a whole.
	Line, Column int
	Problem      string
	// Text is the line, or of a long one the part with the mistake.
	Text string
	// from is where in the line Text begins.
	from int
}

func (e *FileError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.Path, e.Problem)
	}
	head := fmt.Sprintf("%s:%d:%d: %s", e.Path, e.Line, e.Column, e.Problem)
	if e.Text == "" {
		return head
	}
	return fmt.Sprintf("%s\n  %s\n  %s^", head, e.Text, strings.Repeat(" ", e.caret()))
}

// caret is where the caret stands below the line, in characters.
func (e *FileError) caret() int {
	return min(max(e.Column-1-e.from, 0), utf8.RuneCountInString(e.Text))
}

const shownLine = 200 // bounds how much of a line a message shows

func (l *loader) failAt(line, column int, format string, args ...any) error {
	line = min(max(line, 1), len(l.lines))
	runes := []rune(strings.ToValidUTF8(l.lines[line-1], "\ufffd"))
	column = min(max(column, 1), len(runes)+1)
	// Of a long line, the part that holds the mistake is shown.
	from := max(0, min(column-1-shownLine/2, len(runes)-shownLine))
	shown := runes[from:min(len(runes), from+shownLine)]
	for i, r := range shown {
		if !unicode.IsPrint(r) {
			shown[i] = ' ' // one column, as the caret has it
		}
	}
	return &FileError{
		Path:    l.path,
		Line:    line,
		Column:  column,
		Problem: report.Clean(fmt.Sprintf(format, args...)),
		Text:    string(shown),
		from:    from,
	}
}

func (l *loader) fail(n ast.Node, format string, args ...any) error {
	line, column := l.position(n, 0)
	return l.failAt(line, column, format, args...)
}

// position tells where in the file the offset-th character of a scalar's text stands, or where another node begins.
func (l *loader) position(n ast.Node, offset int) (line, column int) {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		n = m.Values[0].Key
	}
	t := n.GetToken()
	text, ok := scalar(n)
	if !ok || t.Prev == nil {
		return t.Position.Line, t.Position.Column
	}
	// The positions of scalars over several lines are not to be relied on; those of what stands before them are.
	before := t.Prev
	for before.Prev != nil && (before.Type == token.CommentType || before.Type == token.SpaceType) {
		before = before.Prev
	}
	c := &cursor{
		lines:  l.lines,
		line:   before.Position.Line - 1,
		column: before.Position.Column - 1 + utf8.RuneCountInString(before.Value),
	}
	c.skipSpace(true)
	switch t.Type {
	case token.SingleQuoteType, token.DoubleQuoteType:
		if offset == 0 {
			return c.line + 1, c.column + 1
		}
		c.quote = c.peek(0)
		c.column++
	case token.LiteralType, token.FoldedType:
		if offset == 0 {
			return c.line + 1, c.column + 1
		}
		c.line, c.column = c.line+1, 0
	}
	for _, r := range []rune(text)[:min(offset, utf8.RuneCountInString(text))] {
		c.over(r)
	}
	c.skipSpace(false)
	return c.line + 1, c.column + 1
}

// cursor walks over a scalar as it is written.
type cursor struct {
	lines        []string
	line, column int
	quote        rune
}

// peek returns a rune of the line, '\n' at its end.
func (c *cursor) peek(ahead int) rune {
	if c.line < len(c.lines) {
		if line := []rune(c.lines[c.line]); c.column+ahead < len(line) {
			return line[c.column+ahead]
		}
	}
	return '\n'
}

// skipSpace goes over spaces and ends of lines, also escaped ones.
func (c *cursor) skipSpace(comments bool) {
	for c.line < len(c.lines) {
		r := c.peek(0)
		switch {
		case r == '\n', r == '#' && comments, r == '\\' && c.quote == '"' && c.peek(1) == '\n':
			if c.line == len(c.lines)-1 {
				return
			}
			c.line, c.column = c.line+1, 0
		case r == ' ' || r == '\t':
			c.column++
		default:
			return
		}
	}
}

// over goes over what stands for one rune of the text.
func (c *cursor) over(r rune) {
	escaped := func() bool { return c.quote == '"' && c.peek(0) == '\\' && c.peek(1) != '\n' }
	space := unicode.IsSpace(c.peek(0))
	c.skipSpace(false)
	if unicode.IsSpace(r) && (space || !escaped()) {
		return // its spaces are skipped, however many
	}
	switch {
	case escaped():
		c.column += map[rune]int{'x': 4, 'u': 6, 'U': 10}[c.peek(1)]
		if !strings.ContainsRune("xuU", c.peek(1)) {
			c.column += 2
		}
	case c.quote == '\'' && c.peek(0) == '\'':
		c.column += 2
	default:
		c.column++
	}
}
