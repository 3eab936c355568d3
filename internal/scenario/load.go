package scenario

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"faultflow/internal/expect"
	"faultflow/internal/settings"
	"faultflow/internal/suggest"
)

// topLevel reads the file's keys.
func (l *loader) topLevel(root *ast.MappingNode) error {
	known := settingKeys()
	for _, kv := range root.Values {
		var err error
		switch name := kv.Key.GetToken().Value; name {
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
		default:
			k := known.find(name)
			if k == nil {
				return l.fail(kv.Key, "unknown key %q%s", name, instead("", name, topKeys()))
			}
			err = l.settings(k, kv)
		}
		if err != nil {
			return err
		}
	}
	if len(l.expectations) == 0 {
		return &FileError{
			Path: l.path,
			Problem: "no expectations: a scenario without them proves nothing; " +
				"add expect: with conditions such as ledger.lost == 0",
		}
	}
	return nil
}

// instead says what may have been meant by an unknown key below a prefix of settings' names.
func instead(prefix, key string, known []string) string {
	if now, note := settings.Renamed(prefix + key); now != "" {
		return fmt.Sprintf("; use %s, %s", strings.TrimPrefix(now, prefix), note)
	}
	return suggest.Nearest(key, known)
}

// settings reads what a key says: a single value, or the keys of a mapping below it.
func (l *loader) settings(k *key, kv *ast.MappingValueNode) error {
	m, isMap := asMapping(kv.Value)
	if k.below == nil || k.setting != nil && !isMap {
		text, err := l.value(k.setting, kv)
		if err != nil {
			return err
		}
		return l.give(k.setting.Name, text, kv.Value)
	}
	if !isMap {
		return l.fail(kv.Value, "%s: want settings such as %s: 3", k.name, k.below[0].name)
	}
	if k.setting != nil { // that a breaker has settings puts it into the path, unless they say on: false
		if err := l.give(k.setting.Name, "true", m); err != nil {
			return err
		}
	}
	for _, inner := range m.Values {
		name := inner.Key.GetToken().Value
		b := k.find(name)
		if b == nil {
			return l.fail(inner.Key, "unknown key %q of %s%s; there are %s",
				name, k.name, instead(k.name+"-", name, k.names()), strings.Join(k.names(), ", "))
		}
		if err := l.settings(b, inner); err != nil {
			return err
		}
	}
	return nil
}

// value reads a setting's value as its flag takes it. Names can also be a list.
func (l *loader) value(s *settings.Setting, kv *ast.MappingValueNode) (string, error) {
	if s.Type != settings.NameList {
		return l.text(kv)
	}
	var names []string
	err := l.each(kv.Value, func(n ast.Node) error {
		name, ok := scalar(n)
		if !ok {
			return l.fail(n, "%s: want names", s.Name)
		}
		names = append(names, name)
		return nil
	})
	return strings.Join(names, ","), err
}

// give sets a setting and remembers where it was given.
func (l *loader) give(name, text string, at ast.Node) error {
	if err := l.given.Set(name, text); err != nil {
		return l.fail(at, "%s %q: %v", name, text, err)
	}
	l.givenAt = append(l.givenAt, location{name, text, at})
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
		if !ok || err != nil || seed > settings.MaxSeed {
			return l.fail(n, "seed %q: want a whole number from 0 to %d", text, uint64(settings.MaxSeed))
		}
		if l.seeds = append(l.seeds, seed); len(l.seeds) > maxSeeds {
			return l.fail(n, "more than %d seeds", maxSeeds)
		}
		return nil
	})
}

func (l *loader) expect(n ast.Node) error {
	source, ok := scalar(n)
	if !ok || strings.TrimSpace(source) == "" {
		return l.fail(n, "want an expectation such as ledger.lost == 0; "+
			"put one that holds a colon or begins with a quote into quotes")
	}
	if len(l.expectations) == maxExpectations {
		return l.fail(n, "more than %d expectations", maxExpectations)
	}
	c, err := expect.Compile(source)
	if bad, ok := errors.AsType[*expect.Error](err); ok {
		offset := bad.Offset
		if offset == 0 {
			offset = len(source) - len(strings.TrimLeft(source, " \t\n"))
		}
		line, column := l.position(n, offset)
		return l.failAt(line, column, "expect: %s", bad.Problem)
	}
	if err != nil {
		return l.fail(n, "expect: %v", err)
	}
	c.Line, _ = l.position(n, 0)
	l.expectations = append(l.expectations, c)
	return nil
}
