package scenario

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"faultflow/internal/expect"
	"faultflow/internal/expression"
	"faultflow/internal/settings"
	"faultflow/internal/suggest"
)

// topLevel reads the file's keys.
func (l *loader) topLevel(root *ast.MappingNode) error {
	known := settingKeys()
	for _, kv := range root.Values {
		var err error
		switch name := kv.Key.GetToken().Value; name {
		case versionKey:
			err = l.version(kv)
		case "name":
			l.name, err = l.text(kv)
		case "description":
			l.description, err = l.text(kv)
		case "seed":
			err = l.seed(kv.Value)
		case "seeds":
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

func (l *loader) version(kv *ast.MappingValueNode) error {
	text, err := l.text(kv)
	if err == nil && text != version {
		err = l.fail(kv.Value, "%s %q: this program reads %s", versionKey, text, version)
	}
	return err
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
	if k.setting != nil && k.setting.List() {
		return l.items(k.setting, kv)
	}
	if k.below == nil || k.setting != nil && !isMap {
		return l.value(k.setting, kv)
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

// items reads a setting that can be given several times: a value, or a list of them.
func (l *loader) items(s *settings.Setting, kv *ast.MappingValueNode) error {
	count := 0
	return l.each(kv.Value, func(n ast.Node) error {
		text, problem, ok := ofSetting(*s).read(n)
		if count++; count > maxFaults {
			return l.fail(n, "%s: more than %d", s.Name, maxFaults)
		}
		if !ok || problem != "" {
			return l.fail(n, "%s: want a text such as %s, or a list of them", s.Name, s.Example)
		}
		return l.give(s.Name, text, n)
	})
}

// value reads a setting's value, as its flag takes it. Names can also be a list.
func (l *loader) value(s *settings.Setting, kv *ast.MappingValueNode) error {
	v := ofSetting(*s)
	if _, single := scalar(kv.Value); !single && v.form == formNames {
		return l.names(s, v, kv.Value)
	}
	text, problem, err := l.scalar(kv, v)
	if err != nil {
		return err
	}
	if err := l.give(s.Name, text, kv.Value); err != nil { // it knows better what is wrong
		return err
	}
	if problem != "" {
		return l.fail(kv.Value, "%s %q: %s", s.Name, text, problem)
	}
	return nil
}

func (l *loader) names(s *settings.Setting, v value, list ast.Node) error {
	var all []string
	err := l.each(list, func(n ast.Node) error {
		name, problem, ok := v.read(n)
		if !ok || problem != "" || strings.Contains(name, ",") {
			return l.fail(n, "%s: want names", s.Name)
		}
		all = append(all, name)
		return nil
	})
	if err != nil {
		return err
	}
	return l.give(s.Name, strings.Join(all, ","), list)
}

// give sets a setting and remembers where it was given.
func (l *loader) give(name, text string, at ast.Node) error {
	if err := l.given.Set(name, text); err != nil {
		return l.fail(at, "%s %q: %v", name, text, err)
	}
	l.givenAt = append(l.givenAt, location{name, text, at})
	return nil
}

// scalar reads the value of a key, and what is wrong with its type.
func (l *loader) scalar(kv *ast.MappingValueNode, v value) (text, problem string, err error) {
	key := kv.Key.GetToken().Value
	if _, empty := kv.Value.(*ast.NullNode); empty {
		return "", "", l.fail(kv.Key, "%s has no value", key)
	}
	text, problem, ok := v.read(kv.Value)
	if !ok {
		return "", "", l.fail(kv.Value, "%s: want a single value, not a list or a mapping", key)
	}
	return text, problem, nil
}

// text reads a text.
func (l *loader) text(kv *ast.MappingValueNode) (string, error) {
	text, problem, err := l.scalar(kv, value{form: formText})
	if err == nil && problem != "" {
		err = l.fail(kv.Value, "%s %q: %s", kv.Key.GetToken().Value, text, problem)
	}
	return text, err
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
	return l.each(kv.Value, l.seed)
}

func (l *loader) seed(n ast.Node) error {
	text, problem, ok := value{form: formWhole}.read(n)
	seed, err := strconv.ParseUint(text, 10, 64)
	if !ok || problem != "" || err != nil || seed > settings.MaxSeed {
		return l.fail(n, "seed %q: want a whole number from 0 to %d", text, uint64(settings.MaxSeed))
	}
	if l.seeds = append(l.seeds, seed); len(l.seeds) > maxSeeds {
		return l.fail(n, "more than %d seeds", maxSeeds)
	}
	return nil
}

func (l *loader) expect(n ast.Node) error {
	source, problem, ok := value{form: formText}.read(n)
	if !ok || problem != "" || strings.TrimSpace(source) == "" {
		return l.fail(n, "want an expectation such as ledger.lost == 0; "+
			"put one that holds a colon or begins with a quote into quotes")
	}
	if len(l.expectations) == maxExpectations {
		return l.fail(n, "more than %d expectations", maxExpectations)
	}
	c, err := expect.Compile(source)
	if err != nil {
		return l.mistaken(n, source, err)
	}
	c.Line, _ = l.position(n, 0)
	l.expectations = append(l.expectations, c)
	l.expectedAt = append(l.expectedAt, n)
	return nil
}

// mistaken tells what is wrong with an expectation, where it stands.
func (l *loader) mistaken(n ast.Node, source string, err error) error {
	bad, ok := errors.AsType[*expression.Error](err)
	if !ok {
		return l.fail(n, "expect: %v", err)
	}
	offset := bad.Offset
	if offset == 0 {
		offset = len(source) - len(strings.TrimLeft(source, " \t\n"))
	}
	line, column := l.position(n, offset)
	return l.failAt(line, column, "expect: %s", bad.Problem)
}

// fit holds the names in expectations against the settings, which have the channels.
func (l *loader) fit(s *settings.Settings) error {
	for i, c := range l.expectations {
		if err := c.Fits(s); err != nil {
			return l.mistaken(l.expectedAt[i], c.Source, err)
		}
	}
	return nil
}
