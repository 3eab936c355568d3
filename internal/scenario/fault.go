package scenario

import (
	"slices"
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
	if m, isMap := asMapping(n); isMap {
		f, err = l.faultOf(m)
	} else if text, isText := scalar(n); isText {
		if f, err = fault.Parse(text); err != nil {
			err = l.fail(n, "fault %q: %v", text, err)
		}
	} else {
		err = l.fail(n, "want a fault such as collector.fetch=timeout,first=3, or a mapping with place and kind")
	}
	if err != nil {
		return err
	}
	if l.faults++; l.faults > maxFaults {
		return l.fail(n, "more than %d faults", maxFaults)
	}
	l.given.AddFault(f)
	l.givenAt = append(l.givenAt, location{"fault", f.String(), n})
	return nil
}

// faultOf reads a mapping. Each mistake is told where it stands.
func (l *loader) faultOf(m *ast.MappingNode) (fault.Fault, error) {
	texts := map[string]string{}
	at := map[string]ast.Node{}
	known := append([]string{"place", "kind"}, fault.KeyNames()...)
	for _, kv := range m.Values {
		name := kv.Key.GetToken().Value
		if !slices.Contains(known, name) {
			return fault.Fault{}, l.fail(kv.Key, "unknown key %q of a fault%s; there are %s",
				name, suggest.Nearest(name, known), strings.Join(known, ", "))
		}
		text, err := l.text(kv)
		if err != nil {
			return fault.Fault{}, err
		}
		texts[name], at[name] = text, kv.Value
	}
	if texts["place"] == "" || texts["kind"] == "" {
		return fault.Fault{}, l.fail(m,
			"a fault needs a place and a kind, such as place: collector.fetch, kind: timeout")
	}
	f, err := fault.New(texts["place"], texts["kind"])
	if err != nil {
		wrong := at["kind"]
		if fault.KindsAt(catalog.Place(strings.TrimSpace(texts["place"]))) == nil {
			wrong = at["place"]
		}
		return fault.Fault{}, l.fail(wrong, "fault: %v", err)
	}
	for _, kv := range m.Values {
		name := kv.Key.GetToken().Value
		if name == "place" || name == "kind" {
			continue
		}
		if err := f.Set(name, texts[name]); err != nil {
			return fault.Fault{}, l.fail(kv.Value, "fault: %v", err)
		}
	}
	if err := f.Check(); err != nil {
		return fault.Fault{}, l.fail(m, "fault %q: %v", f, err)
	}
	return f, nil
}
