package settings

import (
	"errors"
	"fmt"
	"slices"

	"faultflow/internal/fault"
	"faultflow/internal/suggest"
)

// Given collects the settings that were given, by flags, a scenario file or a sweep. The zero value has none.
type Given struct{ list []Assignment }

// Assignment is one setting as it was given.
type Assignment struct {
	Name string
	// Text is the value as it was written.
	Text  string
	value any
}

// Set gives a setting. The error says what is allowed.
func (g *Given) Set(name, text string) error {
	s, ok := Find(name)
	if !ok {
		return Unknown(name, func(Setting) bool { return true })
	}
	value, err := s.Parse(text)
	if err != nil {
		return err
	}
	g.assign(s, Assignment{name, text, value})
	return nil
}

// AddFault gives a fault.
func (g *Given) AddFault(f fault.Fault) {
	s, _ := Find("fault")
	g.assign(s, Assignment{s.Name, f.String(), []fault.Fault{f}})
}

func (g *Given) assign(s Setting, a Assignment) {
	if !s.List() {
		g.list = slices.DeleteFunc(g.list, func(old Assignment) bool { return old.Name == a.Name })
	}
	g.list = append(g.list, a)
}

// Unknown is the error of a name that no usable setting has. It suggests a name.
func Unknown(name string, usable func(Setting) bool) error {
	return errors.New("unknown setting" + Meant(name, usable))
}

// Meant is the end of a message about an unknown name: the setting's present name, or the nearest usable name, if any
// is near.
func Meant(name string, usable func(Setting) bool) string {
	if now, note := Renamed(name); now != "" {
		return fmt.Sprintf("; use %s, %s", now, note)
	}
	return suggest.Nearest(name, Names(usable))
}

// List lists what was given, in the order of giving. Each fault is an assignment of its own.
func (g *Given) List() []Assignment { return slices.Clone(g.list) }

// Has reports whether a setting was given.
func (g *Given) Has(name string) bool {
	return slices.ContainsFunc(g.list, func(a Assignment) bool { return a.Name == name })
}

// Text is a setting's value as it was given, or its default. Of several faults it is the last.
func (g *Given) Text(name string) string {
	for _, a := range slices.Backward(g.list) {
		if a.Name == name {
			return a.Text
		}
	}
	s, _ := Find(name)
	return s.DefaultText()
}

// Overlay adds what was given to other, which wins over what g has. Its items of a list, such as faults, replace those
// of g.
func (g *Given) Overlay(other *Given) {
	g.list = slices.DeleteFunc(g.list, func(a Assignment) bool {
		s, _ := Find(a.Name)
		return s.List() && other.Has(a.Name)
	})
	for _, a := range other.list {
		s, _ := Find(a.Name)
		g.assign(s, a)
	}
}

// Clone returns a copy that can be changed independently.
func (g *Given) Clone() *Given { return &Given{list: slices.Clone(g.list)} }

// Seed gives a drawn seed, unless one was given.
func (g *Given) Seed(draw func() uint64) {
	if !g.Has("seed") {
		seed := draw()
		s, _ := Find("seed")
		g.assign(s, Assignment{"seed", fmt.Sprint(seed), seed})
	}
}

// Settings returns the settings of a run. A setting of one node wins over that of all nodes, whichever was given first.
// The error is an *Error for settings that are out of range or exclude each other.
func (g *Given) Settings() (Settings, error) {
	s := Defaults()
	for _, ofNode := range []bool{false, true} {
		for _, a := range g.list {
			if d, _ := Find(a.Name); (d.Node != "") == ofNode {
				d.set(&s, a.value)
			}
		}
	}
	if err := g.consistent(&s); err != nil {
		return s, err
	}
	return s, s.Validate()
}

// consistent returns an *Error for a setting that requires or excludes another one.
func (g *Given) consistent(s *Settings) error {
	for _, c := range Conflicts() {
		if !slices.ContainsFunc(c.Facts, func(f Fact) bool { return !f.holds(g, s) }) {
			first, _ := Find(c.Facts[0].Name)
			return &Error{first.Name, first.In(s), c.Problem}
		}
	}
	return nil
}
