package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"faultflow/internal/catalog"
	"faultflow/internal/expect"
	"faultflow/internal/settings"
)

// Marshal writes what was given as a scenario file, so that what was found by hand can be kept. Without expectations it
// gets one that every run should hold, since a scenario must have some.
func Marshal(name string, given *settings.Given, expectations []*expect.Condition) ([]byte, error) {
	root := yaml.MapSlice{{Key: "name", Value: name}}
	items := map[string][]string{}
	for _, p := range placed(given) {
		if p.setting.List() {
			items[p.setting.Key()] = append(items[p.setting.Key()], p.text)
			continue
		}
		root = put(root, p.path, yamlValue(p.setting, p.text))
	}
	for _, s := range settings.All() {
		if list := items[s.Key()]; s.List() && list != nil {
			root = put(root, []string{s.Key()}, list)
		}
	}
	sources := []string{"ledger.lost == 0"}
	if expectations != nil {
		sources = nil
	}
	for _, e := range expectations {
		sources = append(sources, e.Source)
	}
	doc, err := yaml.MarshalWithOptions(put(root, []string{"expect"}, sources), yaml.CustomMarshaler(writeText))
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	return doc, nil
}

// writeText writes a text. Some that YAML 1.2 takes for numbers, such as 1e3, go without quotes otherwise.
func writeText(s string) ([]byte, error) {
	if yamlNumber.MatchString(s) {
		return []byte(strconv.Quote(s)), nil
	}
	return yaml.Marshal(s)
}

// place is where in a file a setting is written, and its value.
type place struct {
	setting settings.Setting
	path    []string
	text    string
}

// placed says where each setting is written, in the order of the file: those of the whole run as they were given, then
// node by node.
func placed(given *settings.Given) []place {
	var list []place
	for _, g := range given.List() {
		s, _ := settings.Find(g.Name)
		list = append(list, place{s, pathIn(given, s), g.Text})
	}
	nodes := append([]catalog.Node{""}, catalog.GuardedNodes()...)
	slices.SortStableFunc(list, func(a, b place) int {
		return cmp.Or(
			cmp.Compare(slices.Index(nodes, a.setting.Node), slices.Index(nodes, b.setting.Node)),
			cmp.Compare(len(a.path), len(b.path)), // what is nested comes last
			cmp.Compare(a.behind(), b.behind()),
		)
	})
	return list
}

// behind is 0 for the setting that others are nested under, such as a breaker's on: it comes before them.
func (p place) behind() int {
	if p.setting.Name == over(p.path) {
		return 0
	}
	return 1
}

// over is the name of the setting that the one with a path is nested under, or that it is itself.
func over(path []string) string { return strings.Join(path[:len(path)-1], "-") }

// pathIn is where in a file a setting is written: its Path, or right below its node if Path nests it under a setting
// that was not given. A breaker's mapping puts the breaker into the path.
func pathIn(given *settings.Given, s settings.Setting) []string {
	path := s.Path()
	if len(path) > 2 && !given.Has(over(path)) {
		return []string{path[0], strings.TrimPrefix(s.Name, path[0]+"-")}
	}
	return path
}

// put adds a value at a path, below mappings that it makes where there are none.
func put(m yaml.MapSlice, path []string, value any) yaml.MapSlice {
	if len(path) == 1 {
		return append(m, yaml.MapItem{Key: path[0], Value: value})
	}
	for i := range m {
		if m[i].Key == path[0] {
			m[i].Value = put(m[i].Value.(yaml.MapSlice), path[1:], value)
			return m
		}
	}
	return append(m, yaml.MapItem{Key: path[0], Value: put(nil, path[1:], value)})
}

// yamlValue gives a setting's text the type that the key has in a file.
func yamlValue(s settings.Setting, text string) any {
	switch s.Type {
	case settings.NameList:
		return strings.Split(text, ",")
	case settings.Bool, settings.Int, settings.Number:
		if v, err := s.Parse(text); err == nil {
			return v
		}
	}
	return text
}
