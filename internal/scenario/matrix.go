package scenario

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"faultflow/internal/settings"
)

// dimension is one setting of a matrix and its values.
type dimension struct {
	name   string
	values []choice
}

// choice is one value of a dimension.
type choice struct {
	settings.Assignment
	at ast.Node
}

// inMatrix tells whether a matrix can vary a setting.
func inMatrix(s settings.Setting) bool { return !s.List() && s.Name != "seed" }

func (l *loader) readMatrix(kv *ast.MappingValueNode) error {
	m, ok := asMapping(kv.Value)
	if !ok {
		return l.fail(kv.Value, "matrix: want settings and their values, such as collector-attempts: [1, 3]")
	}
	combinations := 1
	for _, inner := range m.Values {
		name := inner.Key.GetToken().Value
		s, ok := settings.Find(name)
		if !ok || !inMatrix(s) {
			return l.fail(inner.Key, "matrix: unknown setting %q%s", name, instead("", name, settings.Names(inMatrix)))
		}
		d := dimension{name: name}
		if err := l.each(inner.Value, func(n ast.Node) error {
			text, problem, ok := ofSetting(s).read(n)
			if !ok {
				return l.fail(n, "matrix: %s: want single values", name)
			}
			if _, err := s.Parse(text); err == nil && problem != "" { // otherwise that says better what is wrong
				return l.fail(n, "matrix: %s %q: %s", name, text, problem)
			}
			d.values = append(d.values, choice{settings.Assignment{Name: name, Text: text}, n})
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
	if !l.given.Has("clock") {
		if err := l.given.Set("clock", settings.ClockVirtual); err != nil {
			return nil, err
		}
	}
	if l.seeds == nil {
		l.seeds = []uint64{1}
	}
	var list []*Scenario
	for _, chosen := range combinations(l.matrix) {
		s, err := l.scenario(chosen)
		if err != nil {
			return nil, err
		}
		if err := l.check(s, chosen, root); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// combinations lists every way to choose a value of each dimension. Without dimensions there is one.
func combinations(dimensions []dimension) [][]choice {
	list := [][]choice{nil}
	for _, d := range dimensions {
		var longer [][]choice
		for _, chosen := range list {
			for _, one := range d.values {
				longer = append(longer, append(slices.Clip(chosen), one))
			}
		}
		list = longer
	}
	return list
}

// scenario makes the scenario of one combination.
func (l *loader) scenario(chosen []choice) (*Scenario, error) {
	s := &Scenario{
		Name:         l.name,
		Description:  strings.TrimSpace(l.description),
		File:         l.path,
		Seeds:        l.seeds,
		Given:        l.given.Clone(),
		Expectations: l.expectations,
		faultLines:   l.faultLines,
	}
	if len(chosen) == 0 {
		return s, nil
	}
	var parts []string
	for _, c := range chosen {
		parts = append(parts, c.Name+"="+c.Text)
		s.Overrides = append(s.Overrides, c.Assignment)
		if err := s.Given.Set(c.Name, c.Text); err != nil {
			return nil, l.fail(c.at, "matrix: %s %q: %v", c.Name, c.Text, err)
		}
	}
	s.Name += "[" + strings.Join(parts, " ") + "]"
	return s, nil
}

// check completes the settings once, so that what is wrong with them is told with its place in the file.
func (l *loader) check(s *Scenario, chosen []choice, otherwise ast.Node) error {
	complete, err := s.Given.Settings()
	if err == nil {
		err = l.fit(&complete)
		if err == nil {
			err = s.locateInput(&complete)
		}
		return err
	}
	bad, ok := errors.AsType[*settings.Error](err)
	if !ok {
		return l.fail(otherwise, "%v", err)
	}
	at := otherwise
	for _, g := range l.givenAt { // the last one counts
		if g.name == bad.Name && (g.name != "fault" || g.text == bad.Value) {
			at = g.at
		}
	}
	for _, c := range chosen { // these win
		if c.Name == bad.Name {
			at = c.at
		}
	}
	return l.fail(at, "%s %q: %s", bad.Name, bad.Value, bad.Problem)
}

// locateInput makes an input's path relative to the scenario's file.
func (s *Scenario) locateInput(complete *settings.Settings) error {
	path := complete.Input
	if path == "" || path == "-" || complete.RemoteInput() || filepath.IsAbs(path) || strings.HasPrefix(path, "/") {
		return nil
	}
	path = filepath.Join(filepath.Dir(s.File), path)
	return s.Given.Set("input", filepath.ToSlash(path)) // as reports show it on every system
}
