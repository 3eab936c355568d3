// Package scenario reads failure scenarios from files, runs them, and holds their expectations against the reports.
package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"faultflow/internal/report"
	"faultflow/internal/runner"
	"faultflow/internal/simulate"
	"faultflow/internal/suggest"
)

// Scenario is one run that a file describes: what breaks, and what must hold.
type Scenario struct {
	// Name is the file's name for it; a matrix adds the combination in brackets.
	Name, Description string
	// File is the path it was read from, as it was given.
	File string
	// Seeds are those of the file; 1 if it names none.
	Seeds []uint64
	// Draft holds the settings, without a seed.
	Draft *runner.Draft
	// Overrides are the settings of the matrix's combination.
	Overrides    []runner.Given
	Expectations []*Expectation
}

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
	shownLine       = 200
)

// Load reads a scenario file. Without a matrix it holds one scenario, with one as many as there are combinations.
// Mistakes are *FileError; an error of reading is returned as it is.
func Load(path string) ([]*Scenario, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

// read returns the file, or so much of it that Parse sees that it is too large.
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

// LoadBase reads a scenario file without its matrix: the one scenario that its other keys describe. It reports whether
// there is a matrix.
func LoadBase(path string) (*Scenario, bool, error) {
	data, err := read(path)
	if err != nil {
		return nil, false, err
	}
	l := newLoader(path)
	list, err := l.load(data, false)
	if err != nil {
		return nil, l.hasMatrix, err
	}
	return list[0], l.hasMatrix, nil
}

// Parse is Load for a file that has been read. Inputs are looked for from the file's folder.
func Parse(path string, data []byte) ([]*Scenario, error) {
	return newLoader(path).load(data, true)
}

func newLoader(path string) *loader {
	return &loader{path: path, draft: runner.NewDraft(), at: map[runner.Given]ast.Node{},
		name: strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))}
}

func (l *loader) load(data []byte, matrix bool) (list []*Scenario, err error) {
	defer func() {
		if recover() != nil { // the last line of defence against the parsers
			list, err = nil, &FileError{Path: l.path, Problem: "the file is not valid YAML"}
		}
	}()
	root, err := l.parse(data)
	if err != nil {
		return nil, err
	}
	if err := l.topLevel(root); err != nil {
		return nil, err
	}
	if l.hasMatrix = l.matrix != nil; !matrix {
		l.matrix = nil
	}
	return l.scenarios(root)
}

type loader struct {
	path  string
	lines []string

	name, description string
	seeds             []uint64
	faults            int
	draft             *runner.Draft
	expectations      []*Expectation
	matrix            []dimension
	hasMatrix         bool
	// at tells where in the file a setting was given.
	at map[runner.Given]ast.Node
}

// choice is one value of a matrix's dimension.
type choice struct {
	runner.Given
	at ast.Node
}

// dimension is one setting of a matrix and its values.
type dimension struct {
	name   string
	values []ast.Node
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
	if bad := findAlias(docs[0].Body); bad != nil {
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
				return l.failAt(i+1, column, "the control character %U can't be in a YAML file; save it as UTF-8 text", r)
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

// tooDeep finds a token that nests deeper than any scenario: by brackets, by indentation, or by dashes or question marks
// in a row. The parser would go down there recursively.
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
		if brackets == 0 && (first || t.Type == token.SequenceEntryType || t.Type == token.MappingKeyType || t.Type == token.MappingValueType) {
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
	var at yaml.Error
	if !errors.As(err, &at) || at.GetToken() == nil {
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

// findAlias finds an anchor, an alias, a tag or a merge key.
func findAlias(n ast.Node) ast.Node {
	f := &aliasFinder{}
	ast.Walk(f, n)
	return f.found
}

type aliasFinder struct{ found ast.Node }

// Visit notes the first node of the kinds that scenarios do without.
func (f *aliasFinder) Visit(n ast.Node) ast.Visitor {
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
		return &ast.MappingNode{BaseNode: node.BaseNode, Start: node.Start, Values: []*ast.MappingValueNode{node}}, true
	}
	return nil, false
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
	c := &cursor{lines: l.lines, line: before.Position.Line - 1, column: before.Position.Column - 1 + utf8.RuneCountInString(before.Value)}
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
	return &FileError{Path: l.path, Line: line, Column: column, Problem: report.Clean(fmt.Sprintf(format, args...)), Text: string(shown), from: from}
}

// topLevel reads the file's keys.
func (l *loader) topLevel(root *ast.MappingNode) error {
	for _, kv := range root.Values {
		key := kv.Key.GetToken().Value
		var err error
		switch key {
		case "name":
			l.name, err = l.text(kv)
		case "description":
			l.description, err = l.text(kv)
		case "seed", "seeds":
			err = l.readSeeds(kv)
		case "faults":
			err = l.each(kv.Value, l.fault)
		case "expect":
			err = l.each(kv.Value, l.expect)
		case "matrix":
			err = l.readMatrix(kv)
		case "collector", "processor", "delivery":
			err = l.policy(key, kv)
		case "channels":
			err = l.channels(kv)
		default:
			err = l.setting(key, kv)
		}
		if err != nil {
			return err
		}
	}
	if len(l.expectations) == 0 {
		return &FileError{Path: l.path, Problem: `no expectations: a scenario without them proves nothing; add expect: with conditions such as ledger.lost == 0`}
	}
	return nil
}

// keys lists what a file can say on its top level.
func (l *loader) keys() []string {
	keys := []string{"name", "description", "seed", "seeds", "faults", "expect", "matrix", "collector", "processor", "delivery"}
	for _, f := range l.draft.Fields() {
		if f.Section != "" && !f.List {
			keys = append(keys, f.Name)
		}
	}
	return keys
}

// setting reads a key that has the name of a flag.
func (l *loader) setting(name string, kv *ast.MappingValueNode) error {
	f := l.draft.Field(name)
	if f == nil || f.Section == "" || f.List {
		return l.fail(kv.Key, "unknown key %q%s", name, suggest.Nearest(name, l.keys()))
	}
	text, err := l.text(kv)
	if err != nil {
		return err
	}
	return l.give(name, text, kv.Value)
}

// give sets a setting and remembers where it was given.
func (l *loader) give(name, text string, at ast.Node) error {
	if err := l.draft.Set(name, text); err != nil {
		return l.fail(at, "%s %q: %v", name, text, err)
	}
	l.at[runner.Given{Name: name, Text: text}] = at
	return nil
}

// text reads a scalar.
func (l *loader) text(kv *ast.MappingValueNode) (string, error) {
	key := kv.Key.GetToken().Value
	if _, empty := kv.Value.(*ast.NullNode); empty {
		return "", l.fail(kv.Key, "%s has no value", key)
	}
	text, ok := scalar(kv.Value)
	if !ok {
		return "", l.fail(kv.Value, "%s: want a single value, not a list or a mapping", key)
	}
	return text, nil
}

func scalar(n ast.Node) (string, bool) {
	switch node := n.(type) {
	case *ast.StringNode:
		return node.Value, true
	case *ast.LiteralNode:
		return node.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return node.GetToken().Value, true
	}
	return "", false
}

// policy reads the settings of one node: retries becomes collector-retries, breaker: failures collector-breaker-failures.
func (l *loader) policy(node string, kv *ast.MappingValueNode) error {
	m, ok := asMapping(kv.Value)
	if !ok {
		return l.fail(kv.Value, "%s: want settings such as retries: 3", node)
	}
	var keys []string
	for _, f := range l.draft.Fields() {
		if key, ok := strings.CutPrefix(f.Name, node+"-"); ok {
			keys = append(keys, key)
		}
	}
	for _, inner := range m.Values {
		key := inner.Key.GetToken().Value
		if !slices.Contains(keys, key) {
			return l.fail(inner.Key, "unknown key %q of %s%s; there are %s", key, node, suggest.Nearest(key, keys), strings.Join(keys, ", "))
		}
		if settings, isMap := asMapping(inner.Value); key == "breaker" && isMap {
			if err := l.breaker(node, settings); err != nil {
				return err
			}
			continue
		}
		text, err := l.text(inner)
		if err != nil {
			return err
		}
		if err := l.give(node+"-"+key, text, inner.Value); err != nil {
			return err
		}
	}
	return nil
}

// breaker reads a breaker's settings. That it has any puts it into the path, unless it says on: false.
func (l *loader) breaker(node string, m *ast.MappingNode) error {
	keys := []string{"on", "failures", "open-for", "trial-calls"}
	if err := l.give(node+"-breaker", "true", m); err != nil {
		return err
	}
	for _, kv := range m.Values {
		key := kv.Key.GetToken().Value
		if !slices.Contains(keys, key) {
			return l.fail(kv.Key, "unknown key %q of breaker%s; there are %s", key, suggest.Nearest(key, keys), strings.Join(keys, ", "))
		}
		text, err := l.text(kv)
		if err != nil {
			return err
		}
		name := node + "-breaker-" + key
		if key == "on" {
			name = node + "-breaker"
		}
		if err := l.give(name, text, kv.Value); err != nil {
			return err
		}
	}
	return nil
}

// channels reads a list of names, or names joined with commas as the flag takes them.
func (l *loader) channels(kv *ast.MappingValueNode) error {
	var names []string
	if err := l.each(kv.Value, func(n ast.Node) error {
		name, ok := scalar(n)
		if !ok {
			return l.fail(n, "channels: want names")
		}
		names = append(names, name)
		return nil
	}); err != nil {
		return err
	}
	return l.give("channels", strings.Join(names, ","), kv.Value)
}

// each visits the elements of a list; a single value is a list of one.
func (l *loader) each(n ast.Node, visit func(ast.Node) error) error {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		return visit(n)
	}
	for _, v := range list.Values {
		if err := visit(v); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) readSeeds(kv *ast.MappingValueNode) error {
	if list, ok := kv.Value.(*ast.SequenceNode); ok && len(list.Values) == 0 {
		return l.fail(kv.Value, "seeds: want at least one")
	}
	return l.each(kv.Value, func(n ast.Node) error {
		text, ok := scalar(n)
		seed, err := strconv.ParseUint(text, 10, 64)
		if !ok || err != nil || seed > runner.MaxSeed {
			return l.fail(n, "seed %q: want a whole number from 0 to %d", text, uint64(runner.MaxSeed))
		}
		if l.seeds = append(l.seeds, seed); len(l.seeds) > maxSeeds {
			return l.fail(n, "more than %d seeds", maxSeeds)
		}
		return nil
	})
}

// fault reads a fault as --fault takes it, or as a mapping with place, kind and the keys that --fault has.
func (l *loader) fault(n ast.Node) error {
	spec, ok := scalar(n)
	if m, isMap := asMapping(n); isMap {
		var place, kind string
		var rest []string
		for _, kv := range m.Values {
			key := kv.Key.GetToken().Value
			text, err := l.text(kv)
			if err != nil {
				return err
			}
			switch key {
			case "place":
				place = text
			case "kind":
				kind = text
			default:
				if !slices.Contains(simulate.Keys(), key) {
					known := append([]string{"place", "kind"}, simulate.Keys()...)
					return l.fail(kv.Key, "unknown key %q of a fault%s; there are %s", key, suggest.Nearest(key, known), strings.Join(known, ", "))
				}
				if strings.ContainsAny(text, ",") {
					return l.fail(kv.Value, "%s %q: want a single value", key, text)
				}
				rest = append(rest, key+"="+text)
			}
		}
		if place == "" || kind == "" {
			return l.fail(n, "a fault needs a place and a kind, such as place: collector.fetch, kind: timeout")
		}
		spec, ok = strings.Join(append([]string{place + "=" + kind}, rest...), ","), true
	}
	if !ok {
		return l.fail(n, "want a fault such as collector.fetch=timeout,first=3, or a mapping with place and kind")
	}
	if l.faults++; l.faults > maxFaults {
		return l.fail(n, "more than %d faults", maxFaults)
	}
	return l.give("fault", spec, n)
}

func (l *loader) expect(n ast.Node) error {
	source, ok := scalar(n)
	if !ok || strings.TrimSpace(source) == "" {
		return l.fail(n, "want an expectation such as ledger.lost == 0; put one that holds a colon or begins with a quote into quotes")
	}
	if len(l.expectations) == maxExpectations {
		return l.fail(n, "more than %d expectations", maxExpectations)
	}
	e, err := Compile(source)
	if bad, isExpr := err.(*ExprError); isExpr {
		line, column := l.position(n, bad.Offset)
		if bad.Offset == 0 {
			line, column = l.position(n, len(source)-len(strings.TrimLeft(source, " \t\n")))
		}
		return l.failAt(line, column, "expect: %s", bad.Problem)
	}
	if err != nil {
		return l.fail(n, "expect: %v", err)
	}
	e.Line, _ = l.position(n, 0)
	l.expectations = append(l.expectations, e)
	return l.give("expect", source, n)
}

func (l *loader) readMatrix(kv *ast.MappingValueNode) error {
	m, ok := asMapping(kv.Value)
	if !ok {
		return l.fail(kv.Value, "matrix: want settings and their values, such as collector-retries: [1, 3]")
	}
	combinations := 1
	for _, inner := range m.Values {
		name := inner.Key.GetToken().Value
		f := l.draft.Field(name)
		if f == nil || f.List || name == "seed" {
			var names []string
			for _, f := range l.draft.Fields() {
				if !f.List && f.Name != "seed" {
					names = append(names, f.Name)
				}
			}
			return l.fail(inner.Key, "matrix: unknown setting %q%s", name, suggest.Nearest(name, names))
		}
		d := dimension{name: name}
		if err := l.each(inner.Value, func(n ast.Node) error {
			if _, ok := scalar(n); !ok {
				return l.fail(n, "matrix: %s: want single values", name)
			}
			d.values = append(d.values, n)
			return nil
		}); err != nil {
			return err
		}
		if len(d.values) == 0 {
			return l.fail(inner.Key, "matrix: %s has no values", name)
		}
		if combinations *= len(d.values); combinations > maxCombinations {
			return l.fail(inner.Key, "matrix: more than %d combinations", maxCombinations)
		}
		l.matrix = append(l.matrix, d)
	}
	return nil
}

// scenarios makes one scenario of each combination of the matrix; the last setting varies fastest.
func (l *loader) scenarios(root ast.Node) ([]*Scenario, error) {
	if !l.draft.IsGiven("clock") {
		if err := l.draft.Set("clock", "virtual"); err != nil {
			return nil, err
		}
	}
	if l.seeds == nil {
		l.seeds = []uint64{1}
	}
	var list []*Scenario
	var combine func(rest []dimension, chosen []choice) error
	combine = func(rest []dimension, chosen []choice) error {
		if len(rest) > 0 {
			for _, v := range rest[0].values {
				text, _ := scalar(v) // checked as it was read
				if err := combine(rest[1:], append(slices.Clone(chosen), choice{runner.Given{Name: rest[0].name, Text: text}, v})); err != nil {
					return err
				}
			}
			return nil
		}
		s, err := l.scenario(chosen)
		if err != nil {
			return err
		}
		if err := l.check(s, chosen, root); err != nil {
			return err
		}
		list = append(list, s)
		return nil
	}
	if err := combine(l.matrix, nil); err != nil {
		return nil, err
	}
	return list, nil
}

// scenario makes the scenario of one combination.
func (l *loader) scenario(chosen []choice) (*Scenario, error) {
	s := &Scenario{Name: l.name, Description: strings.TrimSpace(l.description), File: l.path, Seeds: l.seeds, Draft: l.draft.Clone(), Expectations: l.expectations}
	if len(chosen) == 0 {
		return s, nil
	}
	var parts []string
	for _, c := range chosen {
		parts = append(parts, c.Name+"="+c.Text)
		s.Overrides = append(s.Overrides, c.Given)
		if err := s.Draft.Set(c.Name, c.Text); err != nil {
			return nil, l.fail(c.at, "matrix: %s %q: %v", c.Name, c.Text, err)
		}
	}
	s.Name += "[" + strings.Join(parts, " ") + "]"
	return s, nil
}

// check completes the settings once, so that what is wrong with them is told with its place in the file.
func (l *loader) check(s *Scenario, chosen []choice, otherwise ast.Node) error {
	settings, err := s.Draft.Settings()
	if err == nil {
		s.locateInput(settings.Input.Path)
		return nil
	}
	bad, ok := err.(*runner.SettingError)
	if !ok {
		return l.fail(otherwise, "%v", err)
	}
	at := otherwise
	for given, n := range l.at {
		if given.Name == bad.Flag && (given.Name != "fault" || given.Text == bad.Value) {
			at = n
		}
	}
	for _, c := range chosen { // these win
		if c.Name == bad.Flag {
			at = c.at
		}
	}
	return l.fail(at, "%s %q: %s", bad.Flag, bad.Value, bad.Problem)
}

// locateInput makes an input's path relative to the scenario's file.
func (s *Scenario) locateInput(path string) {
	if path == "" || path == "-" || filepath.IsAbs(path) {
		return
	}
	_ = s.Draft.Set("input", filepath.Join(filepath.Dir(s.File), path)) // a path is any text
}
