package play

import (
	"strings"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/keyed"
	"faultflow/internal/load"
	"faultflow/internal/settings"
)

// Group is a section of the knobs.
type Group struct {
	Title string `json:"title"`
	// Node is that of the policies of a single node, "" for any other group.
	Node  catalog.Node `json:"node,omitempty"`
	Knobs []Knob       `json:"knobs"`
}

// Knob is a setting as the page shows it.
type Knob struct {
	Name    string        `json:"name"`
	Label   string        `json:"label"`
	Usage   string        `json:"usage"`
	Type    settings.Type `json:"type"`
	Unit    string        `json:"unit,omitempty"`
	Bounds  string        `json:"bounds,omitempty"`
	Default string        `json:"default"`
	Choices []string      `json:"choices,omitempty"`
	// ForAll is the setting of all nodes that decides this one where it is not given.
	ForAll string  `json:"forAll,omitempty"`
	Slider *Slider `json:"slider,omitempty"`
	Rows   *Rows   `json:"rows,omitempty"`
}

// Slider is what a slider spans, which is less than what is allowed: the field beside it takes all of that. Durations
// are in milliseconds.
type Slider struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Log sliders are logarithmic; with Zero their left end is 0.
	Log   bool `json:"log,omitempty"`
	Zero  bool `json:"zero,omitempty"`
	Whole bool `json:"whole,omitempty"`
}

// Rows are a setting whose items have a row each: its place or its rate, kinds where there are any, and keys.
type Rows struct {
	Example string `json:"example"`
	// Places say where an item can be; nil for one that is at no place.
	Places []Place `json:"places,omitempty"`
	Keys   []Key   `json:"keys"`
}

// Place is where an item can be, and of which kinds it can be there.
type Place struct {
	Name  catalog.Place `json:"name"`
	Kinds []fault.Kind  `json:"kinds,omitempty"`
}

// Key is what can stand in an item: see fault.Key.
type Key struct {
	Name    string       `json:"name"`
	Example string       `json:"example"`
	Meaning string       `json:"meaning"`
	Form    keyed.Form   `json:"form"`
	Words   []string     `json:"words,omitempty"`
	Of      []fault.Kind `json:"of,omitempty"`
	NotOf   []fault.Kind `json:"notOf,omitempty"`
}

// knobs are the settings that the page has, in the groups of the help, then node by node. The seed is not among them:
// it has a place of its own.
func knobs() []Group {
	var groups []Group
	add := func(title string, node catalog.Node, of func(settings.Setting) bool) {
		g := Group{Title: title, Node: node}
		for _, s := range settings.All() {
			if of(s) && onPage(s) && s.Name != "seed" {
				g.Knobs = append(g.Knobs, newKnob(s))
			}
		}
		if g.Knobs != nil {
			groups = append(groups, g)
		}
	}
	for _, section := range settings.Sections() {
		title, _, _ := strings.Cut(string(section), " (") // what follows tells of flags
		add(title, "", func(s settings.Setting) bool { return s.Section == section })
	}
	for _, node := range catalog.GuardedNodes() {
		add("Policies of the "+string(node), node, func(s settings.Setting) bool { return s.Node == node })
	}
	return groups
}

func newKnob(s settings.Setting) Knob {
	k := Knob{
		Name:    s.Name,
		Label:   s.Label(),
		Usage:   s.Usage,
		Type:    s.Type,
		Bounds:  s.Bounds,
		Default: s.DefaultText(),
		Choices: s.Choices,
		Slider:  slider(s),
		Rows:    rows(s.Name),
	}
	if s.Type == settings.Number {
		k.Unit = strings.ToLower(s.Placeholder)
	}
	if s.ForAllNodes { // its usage tells of the nodes whose default is another one
		first, _ := settings.Find(string(catalog.GuardedNodes()[0]) + "-" + s.Name)
		k.Default = first.DefaultText()
	}
	all, ok := settings.Find(strings.TrimPrefix(s.Name, string(s.Node)+"-"))
	if ok && s.Node != "" && all.ForAllNodes {
		k.ForAll = all.Name
	}
	return k
}

// The longest duration, the highest count and the highest rate of a slider.
const (
	sliderDuration = 10 * time.Minute
	sliderCount    = 1000
	sliderRate     = 1000
)

// slider is nil for a setting that is no number.
func slider(s settings.Setting) *Slider {
	switch s.Type {
	case settings.Int:
		return &Slider{
			Low:   max(s.Low, 1),
			High:  min(s.High, sliderCount),
			Log:   true,
			Zero:  s.Low == 0,
			Whole: true,
		}
	case settings.Duration:
		ms := float64(time.Millisecond)
		return &Slider{Low: max(s.Low/ms, 1), High: float64(sliderDuration) / ms, Log: true, Zero: s.Low == 0}
	case settings.Number:
		if s.Placeholder == settings.Share {
			return &Slider{Low: s.Low, High: s.High}
		}
		return &Slider{Low: max(s.Low, 0.1), High: min(s.High, sliderRate), Log: true, Zero: s.OrZero}
	default:
		return nil
	}
}

// rows is nil for a setting without items.
func rows(name string) *Rows {
	s, _ := settings.Find(name)
	r := &Rows{Example: s.Example}
	places := catalog.Places(catalog.DefaultChannels())
	switch name {
	case "fault":
		for _, p := range places {
			r.Places = append(r.Places, Place{p, fault.KindsAt(p)})
		}
		for _, k := range fault.Keys() {
			r.Keys = append(r.Keys, Key{k.Name, k.Example, k.Meaning, k.Takes.Form, k.Takes.Words, k.Of, k.NotOf})
		}
	case "load":
		for _, k := range load.LoadKeys() {
			r.Keys = append(r.Keys, newKey(k))
		}
	case "capacity":
		for _, p := range places {
			r.Places = append(r.Places, Place{Name: p})
		}
		for _, k := range load.CapacityKeys() {
			r.Keys = append(r.Keys, newKey(k))
		}
	default:
		return nil
	}
	return r
}

func newKey[T any](k keyed.Key[T]) Key {
	return Key{
		Name:    k.Name,
		Example: k.Example,
		Meaning: k.Meaning,
		Form:    k.Takes.Form,
		Words:   k.Takes.Words,
	}
}
