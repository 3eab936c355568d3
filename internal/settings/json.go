package settings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"faultflow/internal/catalog"
)

// MarshalJSON writes the settings as reports keep them, in the order of their declarations: durations in milliseconds,
// items as their flags take them, and the settings of each node below its name. Shorthands are left out.
func (s Settings) MarshalJSON() ([]byte, error) {
	var whole object
	ofNode := map[catalog.Node]*object{}
	for _, d := range All() {
		if d.Shorthand {
			continue
		}
		into := &whole
		if d.Node != "" {
			if ofNode[d.Node] == nil {
				ofNode[d.Node] = &object{}
			}
			into = ofNode[d.Node]
		}
		if err := into.add(d.Key(), d.recorded(&s)); err != nil {
			return nil, fmt.Errorf("setting %s: %w", d.Name, err)
		}
	}
	for _, node := range catalog.GuardedNodes() {
		if err := whole.add(string(node), ofNode[node]); err != nil {
			return nil, err
		}
	}
	return whole.MarshalJSON()
}

// object is a JSON object whose members keep their order.
type object struct{ members bytes.Buffer }

func (o *object) add(key string, value any) error {
	if o.members.Len() > 0 {
		o.members.WriteByte(',')
	}
	fmt.Fprintf(&o.members, "%q:", key)
	enc := json.NewEncoder(&o.members)
	enc.SetEscapeHTML(false)
	return enc.Encode(value)
}

// MarshalJSON returns the members in the order in which they were added.
func (o *object) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "{%s}", o.members.Bytes()), nil
}

// recorded is the setting's value as reports keep it.
func (s Setting) recorded(all *Settings) any {
	if s.List() {
		return s.items(all)
	}
	switch v := s.get(all).(type) {
	case time.Duration:
		return milliseconds(v)
	case []string:
		return append([]string{}, v...) // not null
	default:
		return v
	}
}

// UnmarshalJSON reads what MarshalJSON writes, and settings by their former names. A missing setting, which
// is younger than the report, has its default; an item that this version does not know keeps its text.
func (s *Settings) UnmarshalJSON(doc []byte) error {
	var whole map[string]json.RawMessage
	if err := json.Unmarshal(doc, &whole); err != nil {
		return err
	}
	ofNode := map[catalog.Node]map[string]json.RawMessage{}
	for _, node := range catalog.GuardedNodes() {
		var members map[string]json.RawMessage
		if text := whole[string(node)]; text != nil {
			if err := json.Unmarshal(text, &members); err != nil {
				return fmt.Errorf("%s: %w", node, err)
			}
		}
		ofNode[node] = members
	}
	for _, d := range All() {
		if d.Shorthand {
			continue
		}
		members := whole
		if d.Node != "" {
			members = ofNode[d.Node]
		}
		text := members[d.Key()]
		for _, older := range []string{d.former, d.partOf} {
			if text == nil && older != "" {
				text = members[d.key(older)]
			}
		}
		if text == nil || string(text) == "null" {
			if d.Default != nil {
				d.set(s, d.Default)
			}
			continue
		}
		if err := d.restore(s, text); err != nil {
			return fmt.Errorf("setting %s: %w", d.Name, err)
		}
	}
	s.BreakerDecided, s.FallbackDecided, s.BulkheadDecided = false, true, true // a report keeps what was decided, not by whom
	return nil
}

// restore sets the value from what recorded returned for it.
func (s Setting) restore(all *Settings, text []byte) (err error) {
	read := func(v any) any {
		err = json.Unmarshal(text, v)
		return v
	}
	switch s.Type {
	case Bool:
		s.set(all, *read(new(bool)).(*bool))
	case Int:
		s.set(all, *read(new(int)).(*int))
	case Number:
		s.set(all, *read(new(float64)).(*float64))
	case Text, Choice:
		s.set(all, *read(new(string)).(*string))
	case Duration:
		s.set(all, fromMilliseconds(*read(new(float64)).(*float64)))
	case NameList:
		s.set(all, *read(new([]string)).(*[]string))
	case Items:
		s.setItems(all, *read(new([]string)).(*[]string))
	}
	return err
}
