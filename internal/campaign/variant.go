package campaign

import (
	"fmt"
	"slices"
	"strings"

	"faultflow/internal/report"
	"faultflow/internal/runner"
	"faultflow/internal/suggest"
)

// Variant is a plan's settings with some of them changed.
type Variant struct {
	Changed  []runner.Given
	Settings runner.Settings
}

// maxVariants bounds a sweep's grid.
const maxVariants = 1000

// newVariant changes settings of a draft.
func newVariant(draft *runner.Draft, changed []runner.Given) (Variant, error) {
	d := draft.Clone()
	for _, g := range changed {
		if err := d.Set(g.Name, g.Text); err != nil {
			return Variant{}, &runner.SettingError{Flag: g.Name, Value: g.Text, Problem: err.Error()}
		}
	}
	s, err := d.Settings()
	return Variant{Changed: changed, Settings: s}, err
}

// Grid returns every combination of values, as sweeps such as retries=1,3,5 give them; those of the last one vary fastest.
// Errors are *runner.SettingError.
func Grid(draft *runner.Draft, sweeps []string) ([]Variant, error) {
	grid := [][]runner.Given{nil}
	var swept []string
	for _, sweep := range sweeps {
		name, values, err := parseSweep(draft, sweep)
		if err == nil && slices.Contains(swept, name) {
			err = fmt.Errorf("%s is swept twice", name)
		}
		if err == nil && len(grid)*len(values) > maxVariants {
			err = fmt.Errorf("more than %d combinations", maxVariants)
		}
		if err != nil {
			return nil, &runner.SettingError{Flag: "sweep", Value: sweep, Problem: err.Error()}
		}
		swept = append(swept, name)
		var larger [][]runner.Given
		for _, chosen := range grid {
			for _, v := range values {
				larger = append(larger, append(slices.Clone(chosen), runner.Given{Name: name, Text: v}))
			}
		}
		grid = larger
	}
	var variants []Variant
	for _, changed := range grid {
		v, err := newVariant(draft, changed)
		if err != nil {
			return nil, err
		}
		variants = append(variants, v)
	}
	return variants, nil
}

func parseSweep(draft *runner.Draft, sweep string) (name string, values []string, err error) {
	name, list, ok := strings.Cut(sweep, "=")
	if !ok || list == "" {
		return "", nil, fmt.Errorf("want NAME=VALUE,VALUE…, such as retries=1,3,5")
	}
	f := draft.Field(name)
	if slices.Contains(fixed, name) {
		return "", nil, fmt.Errorf("%s is the same in all runs of a campaign", name)
	}
	if f == nil || f.List {
		var names []string
		for _, f := range draft.Fields() {
			if !f.List && !slices.Contains(fixed, f.Name) {
				names = append(names, f.Name)
			}
		}
		return "", nil, fmt.Errorf("there is no setting %q to sweep%s", name, suggest.Nearest(name, names))
	}
	values = strings.Split(list, ",")
	for i, v := range values {
		if slices.Contains(values[:i], v) {
			return "", nil, fmt.Errorf("%s is given twice", v)
		}
	}
	return name, values, nil
}

// fixed are the settings that are the same in all runs of a campaign.
var fixed = []string{"seed", "clock", "input", "input-format", "id-field", "value-field"}

// ablation is a pattern and the settings that take it away.
type ablation struct {
	// patterns are those that go, the first of which names the row.
	patterns []string
	changed  []runner.Given
}

// ablations are the patterns that can be taken away. What can't be switched off is made so large that it has no effect: a
// call is always bounded, but 10,000 hours are no bound.
func ablations(s runner.Settings) []ablation {
	all := func(setting, value string) (changed []runner.Given) {
		for _, node := range []string{"collector", "processor", "delivery"} {
			changed = append(changed, runner.Given{Name: node + "-" + setting, Text: value})
		}
		return changed
	}
	one := func(setting, value string) []runner.Given { return []runner.Given{{Name: setting, Text: value}} }
	return []ablation{
		{[]string{"retry_with_backoff"}, all("retries", "1")},
		{[]string{"circuit_breaker"}, append(one("enable-circuit-breaker", "false"), all("breaker", "false")...)},
		{[]string{"bulkhead"}, all("bulkhead", "10000")},
		{[]string{"rate_limit"}, all("rate-limit", "0")},
		{[]string{"timeout"}, all("timeout", "10000h")},
		{[]string{"fallback_ladder"}, one("fallback", "false")},
		{[]string{"partial_processing", "minimal_fallback"}, one("recovery", "false")},
		{[]string{"channel_failover"}, one("channels", s.Channels[0])},
		{[]string{"channel_health"}, one("channel-recover", "0s")},
		{[]string{"emergency_spool"}, one("spool", "false")},
		{[]string{"recovery_nodes"}, append(one("test-recovery", "false"), one("graph", "standard")...)},
	}
}

// inPlace tells whether one of the ablation's patterns was there in any run, and in how many it was needed.
func (a ablation) inPlace(c *report.Campaign) (there bool, needed int64) {
	for _, p := range c.Patterns {
		if slices.Contains(a.patterns, p.Name) {
			there = there || p.Armed > 0
			needed = max(needed, p.Demonstrated.Runs.Count)
		}
	}
	return there, needed
}
