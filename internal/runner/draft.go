package runner

import (
	"fmt"
	"slices"
	"strings"

	"faultflow/internal/resilience"
	"faultflow/internal/simulate"
	"faultflow/internal/suggest"
)

// Draft collects settings by name, as flags and scenario files give them, until they are complete. Flags and files share
// its names, so that what one can say the other can.
type Draft struct {
	settings Settings
	// shared are the policy settings for all nodes; the setting of one node wins.
	shared                      resilience.Policy
	faults, expect              []string
	clock, graph                string
	enableBreaker, testRecovery bool
	fields                      []*Field
	given                       []Given
	// SeedGiven is false while the seed is still to be drawn.
	SeedGiven bool
}

// Given is a setting that was given, in the order of giving. A list has one entry for each of its elements.
type Given struct{ Name, Text string }

// NewDraft returns a draft in which nothing is given yet.
func NewDraft() *Draft {
	d := &Draft{settings: Defaults(), clock: clockReal, graph: graphStandard}
	d.fields = d.makeFields()
	for _, f := range d.fields {
		f.draft = d
	}
	return d
}

// Fields lists every setting, in the order of the help.
func (d *Draft) Fields() []*Field { return d.fields }

// Field returns the setting of that name, or nil.
func (d *Draft) Field(name string) *Field {
	i := slices.IndexFunc(d.fields, func(f *Field) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return d.fields[i]
}

// Given lists what was given.
func (d *Draft) Given() []Given { return slices.Clone(d.given) }

// IsGiven reports whether a setting was given.
func (d *Draft) IsGiven(name string) bool {
	return slices.ContainsFunc(d.given, func(g Given) bool { return g.Name == name })
}

// Set gives a setting. The error says what is allowed.
func (d *Draft) Set(name, text string) error {
	f := d.Field(name)
	if f == nil {
		return fmt.Errorf("unknown setting%s", suggest.Nearest(name, d.names()))
	}
	return f.Set(text)
}

func (d *Draft) names() []string {
	names := make([]string, len(d.fields))
	for i, f := range d.fields {
		names[i] = f.Name
	}
	return names
}

// Overlay gives everything that was given to other, which wins. Its lists replace those of d.
func (d *Draft) Overlay(other *Draft) error {
	cleared := map[string]bool{}
	for _, g := range other.given {
		if d.Field(g.Name).List && !cleared[g.Name] {
			d.clear(g.Name)
			cleared[g.Name] = true
		}
		if err := d.Set(g.Name, g.Text); err != nil {
			return &SettingError{Flag: g.Name, Value: g.Text, Problem: err.Error()}
		}
	}
	return nil
}

func (d *Draft) clear(name string) {
	d.given = slices.DeleteFunc(d.given, func(g Given) bool { return g.Name == name })
	switch name {
	case "fault":
		d.faults = nil
	case "expect":
		d.expect = nil
	}
}

// Clone returns a draft in which the same is given.
func (d *Draft) Clone() *Draft {
	c := NewDraft()
	for _, g := range d.given {
		_ = c.Set(g.Name, g.Text) // it was accepted before
	}
	return c
}

// Expect lists the expectations that were given.
func (d *Draft) Expect() []string { return slices.Clone(d.expect) }

// Settings completes the draft. It returns a *SettingError for settings that are out of range or do not go together.
func (d *Draft) Settings() (Settings, error) {
	s := d.settings
	s.Channels = slices.Clone(s.Channels)
	for _, f := range policyFields() {
		if !d.IsGiven(f.name) {
			continue
		}
		for _, n := range nodePolicies(&s) {
			if !d.IsGiven(n.node + "-" + f.name) {
				f.copy(n.policy, &d.shared)
			}
		}
	}
	s.Virtual = d.clock == clockVirtual
	s.RecoveryGraph = d.testRecovery || d.graph == graphRecovery
	s.Drill = d.testRecovery && !s.Simulate
	if d.enableBreaker {
		s.Collector.Breaker.On = true
	}
	s.NoProfileBreaker = !s.Collector.Breaker.On && (d.IsGiven("collector-breaker") || d.IsGiven("enable-circuit-breaker"))
	if err := d.consistent(s); err != nil {
		return s, err
	}
	if err := s.validateChannels(badSettingError); err != nil {
		return s, err
	}
	for _, spec := range d.faults {
		f, err := simulate.ParseFault(spec, simulate.Places(s.Channels))
		if err != nil {
			return s, &SettingError{Flag: "fault", Value: spec, Problem: simulate.Problem(err)}
		}
		s.Faults = append(s.Faults, f)
	}
	err := s.Validate()
	if bad, ok := err.(*SettingError); ok {
		return s, d.nameGiven(bad)
	}
	return s, err
}

// consistent finds settings that make no sense without another one, or beside it.
func (d *Draft) consistent(s Settings) error {
	if d.IsGiven("failure-type") && !s.Simulate {
		return &SettingError{Flag: "failure-type", Value: s.FailureType, Problem: "it needs simulate-failures"}
	}
	for _, name := range []string{"input-format", "id-field", "value-field"} {
		if d.IsGiven(name) && s.Input.Path == "" {
			return &SettingError{Flag: name, Value: d.Field(name).String(), Problem: "it needs input"}
		}
	}
	if s.Drill && (d.IsGiven("cycles") || s.Input.Path != "") {
		return &SettingError{Flag: "test-recovery", Value: "true",
			Problem: "its drill has cycles and records of its own; add simulate-failures, or leave out cycles and input"}
	}
	return nil
}

// nameGiven makes the error name the setting that was given: that of one node may come from the one for all.
func (d *Draft) nameGiven(e *SettingError) *SettingError {
	if _, shared, ok := strings.Cut(e.Flag, "-"); ok && !d.IsGiven(e.Flag) && d.IsGiven(shared) {
		return &SettingError{Flag: shared, Value: e.Value, Problem: e.Problem}
	}
	return e
}

// Seed gives the draft a seed, unless it has one.
func (d *Draft) Seed(draw func() uint64) {
	if !d.SeedGiven {
		d.settings.Seed, d.SeedGiven = draw(), true
		d.given = append(d.given, Given{"seed", fmt.Sprint(d.settings.Seed)})
	}
}
