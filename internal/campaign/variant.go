package campaign

import (
	"fmt"
	"slices"
	"strings"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// Variant is a plan's settings with some of them changed.
type Variant struct {
	Changed  []settings.Assignment
	Settings settings.Settings
}

// maxVariants bounds a sweep's grid.
const maxVariants = 1000

// newVariant changes settings of those that were given.
func newVariant(given *settings.Given, changed []settings.Assignment) (Variant, error) {
	own, over := given.Clone(), &settings.Given{}
	for _, c := range changed {
		if err := over.Set(c.Name, c.Text); err != nil {
			return Variant{}, &settings.Error{Name: c.Name, Value: c.Text, Problem: err.Error()}
		}
	}
	own.Overlay(over) // the value of a list replaces the list
	s, err := own.Settings()
	return Variant{Changed: changed, Settings: s}, err
}

// Grid returns every combination of values, as sweeps such as retries=1,3,5 give them; those of the last one vary
// fastest. Errors are *settings.Error.
func Grid(given *settings.Given, sweeps []string) ([]Variant, error) {
	grid := [][]settings.Assignment{nil}
	var swept []string
	for _, sweep := range sweeps {
		name, values, err := parseSweep(sweep)
		if err == nil && slices.Contains(swept, name) {
			err = fmt.Errorf("%s is swept twice", name)
		}
		if err == nil && len(grid)*len(values) > maxVariants {
			err = fmt.Errorf("more than %d combinations", maxVariants)
		}
		if err != nil {
			return nil, &settings.Error{Name: "sweep", Value: sweep, Problem: err.Error()}
		}
		swept = append(swept, name)
		var larger [][]settings.Assignment
		for _, chosen := range grid {
			for _, v := range values {
				larger = append(larger, append(slices.Clone(chosen), settings.Assignment{Name: name, Text: v}))
			}
		}
		grid = larger
	}
	var variants []Variant
	for _, changed := range grid {
		v, err := newVariant(given, changed)
		if err != nil {
			return nil, err
		}
		variants = append(variants, v)
	}
	return variants, nil
}

func parseSweep(sweep string) (name string, values []string, err error) {
	name, list, ok := strings.Cut(sweep, "=")
	if !ok || list == "" {
		return "", nil, fmt.Errorf("want NAME=VALUE,VALUE…, such as attempts=1,3,5")
	}
	setting, known := settings.Find(name)
	switch {
	case known && setting.Fixed:
		return "", nil, fmt.Errorf("%s is the same in all runs of a campaign", name)
	case !known:
		return "", nil, fmt.Errorf("there is no setting %q to sweep%s", name, settings.Meant(name, varied))
	}
	values = valuesOf(setting, list)
	for i, v := range values {
		if slices.Contains(values[:i], v) {
			return "", nil, fmt.Errorf("%s is given twice", v)
		}
	}
	return name, values, nil
}

// valuesOf takes a sweep's values apart. Those of a list are items, which can have commas of their own, before keys
// such as to=30s; a place, which has a dot, begins another item.
func valuesOf(s settings.Setting, list string) (values []string) {
	for part := range strings.SplitSeq(list, ",") {
		key, _, isKey := strings.Cut(part, "=")
		if s.List() && isKey && !strings.Contains(key, ".") && len(values) > 0 {
			values[len(values)-1] += "," + part
			continue
		}
		values = append(values, part)
	}
	return values
}

// varied tells whether a setting can differ from run to run of a campaign.
func varied(s settings.Setting) bool { return !s.Fixed }

// ablation is a pattern and the settings that take it away.
type ablation struct {
	// patterns are those that go, the first of which names the row.
	patterns []catalog.Pattern
	changed  []settings.Assignment
}

// ablations are the patterns that settings can take away, in the order of reports. Patterns that the same settings take
// away go together.
func ablations(s settings.Settings) []ablation {
	var list []ablation
	for _, pattern := range catalog.PatternNames() {
		var changed []settings.Assignment
		for _, setting := range settings.All() {
			if value, takesAway := setting.Without(pattern, &s); takesAway {
				changed = append(changed, settings.Assignment{Name: setting.Name, Text: value})
			}
		}
		if changed == nil {
			continue
		}
		if n := len(list); n > 0 && slices.Equal(list[n-1].changed, changed) {
			list[n-1].patterns = append(list[n-1].patterns, pattern)
			continue
		}
		list = append(list, ablation{[]catalog.Pattern{pattern}, changed})
	}
	return list
}

// inPlace tells whether one of the ablation's patterns was there in any run, and in how many it was needed.
func (a ablation) inPlace(c *report.Campaign) (there bool, needed int64) {
	for _, p := range c.Patterns {
		if slices.Contains(a.patterns, catalog.Pattern(p.Name)) {
			there = there || p.Armed > 0
			needed = max(needed, p.Demonstrated.Runs.Count)
		}
	}
	return there, needed
}
