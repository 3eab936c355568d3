package scenario

import (
	"errors"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/suggest"
)

// fault reads a fault as --fault takes it, or as a mapping with place, kind and the keys that --fault has.
func (l *loader) fault(n ast.Node) error {
	var f fault.Fault
	var err error
	placeAt := n
	text, problem, isText := value{form: formText}.read(n)
	if m, isMap := asMapping(n); isMap {
		f, placeAt, err = l.faultOf(m)
	} else if isText && problem == "" {
		if f, err = fault.Parse(text); err != nil {
			err = l.fail(n, "fault %q: %v", text, err)
		}
	} else {
		err = l.fail(n, "want a fault such as collector.fetch=timeout,first=3, or a mapping with place and kind")
	}
	if err != nil {
		return err
	}
	line, _ := l.position(n, 0)
	if l.faultLines = append(l.faultLines, line); len(l.faultLines) > maxFaults {
		return l.fail(n, "more than %d faults", maxFaults)
	}
	l.given.AddFault(f)
	l.givenAt = append(l.givenAt, location{"fault", f.String(), placeAt}) // only its place can be wrong later
	return nil
}

// faultOf reads a mapping and returns where its place is given. Each mistake is told where it stands.
func (l *loader) faultOf(m *ast.MappingNode) (fault.Fault, ast.Node, error) {
	keys, err := l.faultKeys(m)
	if err != nil {
		return fault.Fault{}, nil, err
	}
	fail := func(name, format string, args ...any) (fault.Fault, ast.Node, error) {
		at, given := keys[name]
		if !given {
			return fault.Fault{}, nil, l.fail(m, format, args...)
		}
		return fault.Fault{}, nil, l.fail(at.node, format, args...)
	}
	for _, name := range []string{"place", "kind"} {
		if keys[name].text == "" {
			return fail(name, "a fault needs a place and a kind, such as place: collector.fetch, kind: timeout")
		}
	}
	f, err := fault.New(keys["place"].text, keys["kind"].text)
	if err != nil {
		wrong := "kind"
		if fault.KindsAt(catalog.Place(keys["place"].text)) == nil {
			wrong = "place"
		}
		return fail(wrong, "fault: %v", err)
	}
	for _, kv := range m.Values {
		name := kv.Key.GetToken().Value
		k := keys[name]
		if name != "place" && name != "kind" {
			if err := f.Set(name, k.text); err != nil { // it knows better what is wrong
				return fail(name, "fault: %v", err)
			}
		}
		if k.problem != "" {
			return fail(name, "fault: %s=%s: %s", name, k.text, k.problem)
		}
	}
	if err := f.Check(); err != nil {
		wrong := ""
		if bad, ok := errors.AsType[*fault.KeyError](err); ok {
			wrong = bad.Key
		}
		return fail(wrong, "fault %q: %v", f, err)
	}
	return f, keys["place"].node, nil
}

// faultKey is the value of a key of a fault, what is wrong with its type, and where it stands.
type faultKey struct {
	text, problem string
	node          ast.Node
}

func (l *loader) faultKeys(m *ast.MappingNode) (map[string]faultKey, error) {
	takes := map[string]value{"place": {form: formText}, "kind": {form: formText}}
	for _, k := range fault.Keys() {
		takes[k.Name] = ofKey(k)
	}
	keys := map[string]faultKey{}
	for _, kv := range m.Values {
		name := kv.Key.GetToken().Value
		v, ok := takes[name]
		if !ok {
			known := append([]string{"place", "kind"}, fault.KeyNames()...)
			return nil, l.fail(kv.Key, "unknown key %q of a fault%s; there are %s",
				name, suggest.Nearest(name, known), strings.Join(known, ", "))
		}
		text, problem, err := l.scalar(kv, v)
		if err != nil {
			return nil, err
		}
		keys[name] = faultKey{text, problem, kv.Value}
	}
	return keys, nil
}
