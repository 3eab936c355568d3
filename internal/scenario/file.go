package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of scenario files. They are small things that people write; what is larger is a mistake or an attack.
const (
	maxFile         = 64 << 10
	maxLine         = 5000
	maxLines        = 2000
	maxEmptyLines   = 20
	maxDepth        = 50
	maxFaults       = 200
	maxExpectations = 200
	maxCombinations = 1000
	maxSeeds        = 1_000_000
)

// read returns the file, or so much of it that parse sees that it is too large.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	return data, nil
}

// parse turns the file into a mapping, or says why it is none. What could make a parser work hard is turned away first.
func (l *loader) parse(data []byte) (*ast.MappingNode, error) {
	whole := func(format string, args ...any) error {
		return &FileError{Path: l.path, Problem: fmt.Sprintf(format, args...)}
	}
	if len(data) > maxFile {
		return nil, whole("the file is larger than %d KiB, the most a scenario can have", maxFile>>10)
	}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return nil, whole("the file is UTF-16; save it as UTF-8")
	}
	// A byte order mark and the line ends of other systems are part of YAML (YAML 1.2.2, 5.2 and 5.4).
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	data = bytes.ReplaceAll(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
	l.lines = strings.Split(string(data), "\n")
	if err := l.checkLines(); err != nil {
		return nil, err
	}
	tokens := lexer.Tokenize(string(data))
	if deep := tooDeep(tokens); deep != nil {
		return nil, l.failAt(deep.Position.Line, deep.Position.Column, "nested deeper than %d levels", maxDepth)
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		return nil, l.syntaxError(err)
	}
	docs := slices.DeleteFunc(slices.Clone(file.Docs), func(d *ast.DocumentNode) bool {
		switch d.Body.(type) {
		case nil, *ast.CommentGroupNode, *ast.DirectiveNode:
			return true
		}
		return false
	})
	if len(docs) == 0 {
		return nil, whole("the file is empty; faultflow scenario new writes one to start from")
	}
	if len(docs) > 1 {
		return nil, l.fail(docs[1].Body, "a second document; a file holds one scenario")
	}
	switch bad := findForeign(docs[0].Body).(type) {
	case nil:
	case *ast.TagNode:
		return nil, l.fail(bad, "tags such as %s are not used in scenarios; leave it out: a value's type is that of its key",
			bad.Start.Value)
	default:
		return nil, l.fail(bad, "anchors and aliases are not used in scenarios; write the value out, or use a matrix")
	}
	root, ok := asMapping(docs[0].Body)
	if !ok {
		return nil, l.fail(docs[0].Body, "want keys and values, such as name: outage")
	}
	return root, nil
}

// checkLines turns away what is no YAML text, and lines over which the parser would take more than linear time.
func (l *loader) checkLines() error {
	if len(l.lines) > maxLines+1 {
		return l.failAt(maxLines+1, 1, "more than %d lines", maxLines)
	}
	empty := 0
	for i, line := range l.lines {
		column := 0
		for at, r := range line {
			column++
			if _, size := utf8.DecodeRuneInString(line[at:]); r == utf8.RuneError && size == 1 {
				return l.failAt(i+1, column, "not valid UTF-8; save the file as UTF-8")
			}
			if unicode.IsControl(r) && r != '\t' && r != nextLine {
				return l.failAt(i+1, column,
					"the control character %U can't be in a YAML file; save it as UTF-8 text", r)
			}
		}
		if column > maxLine {
			return l.failAt(i+1, maxLine, "the line is longer than %d characters", maxLine)
		}
		if empty++; strings.TrimSpace(line) != "" {
			empty = 0
		}
		if empty > maxEmptyLines && i < len(l.lines)-1 {
			return l.failAt(i+1, 1, "more than %d empty lines in a row", maxEmptyLines)
		}
	}
	return nil
}

const nextLine = 0x85

// tooDeep finds a token that nests deeper than any scenario: by brackets, by indentation, or by dashes or question
// marks in a row. The parser would go down there recursively.
func tooDeep(tokens token.Tokens) *token.Token {
	brackets, line := 0, 0
	var indents []int
	for _, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets = max(0, brackets-1)
		}
		first := t.Position.Line > line
		line = max(line, t.Position.Line)
		nests := []token.Type{token.SequenceEntryType, token.MappingKeyType, token.MappingValueType}
		if brackets == 0 && (first || slices.Contains(nests, t.Type)) {
			for len(indents) > 0 && indents[len(indents)-1] >= t.Position.Column {
				indents = indents[:len(indents)-1]
			}
			indents = append(indents, t.Position.Column)
		}
		if brackets+len(indents) > maxDepth {
			return t
		}
	}
	return nil
}

func (l *loader) syntaxError(err error) error {
	at, ok := errors.AsType[yaml.Error](err)
	if !ok || at.GetToken() == nil {
		return &FileError{Path: l.path, Problem: firstLine(err.Error())}
	}
	p := at.GetToken().Position
	if strings.Contains(at.GetMessage(), "'\t' that cannot start") {
		return l.failAt(p.Line, p.Column, "a tab can't indent in YAML; use spaces")
	}
	return l.failAt(p.Line, p.Column, "%s", firstLine(at.GetMessage()))
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

// findForeign finds an anchor, an alias, a merge key or a tag.
func findForeign(n ast.Node) ast.Node {
	f := &foreignFinder{}
	ast.Walk(f, n)
	return f.found
}

type foreignFinder struct{ found ast.Node }

// Visit notes the first node of the kinds that scenarios do without.
func (f *foreignFinder) Visit(n ast.Node) ast.Visitor {
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode, *ast.TagNode:
		if f.found == nil {
			f.found = n
		}
	}
	if f.found != nil {
		return nil
	}
	return f
}

func asMapping(n ast.Node) (*ast.MappingNode, bool) {
	switch node := n.(type) {
	case *ast.MappingNode:
		return node, true
	case *ast.MappingValueNode:
		return &ast.MappingNode{
			BaseNode: node.BaseNode,
			Start:    node.Start,
			Values:   []*ast.MappingValueNode{node},
		}, true
	}
	return nil, false
}
