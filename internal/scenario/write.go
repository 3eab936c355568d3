package scenario

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"faultflow/internal/runner"
)

// Marshal writes what a draft was given as a scenario file, so that what was found by hand can be kept. Without
// expectations it gets one that every run should hold, since a scenario must have some.
func Marshal(name string, d *runner.Draft) ([]byte, error) {
	var root yaml.MapSlice
	add := func(key string, value any) { root = append(root, yaml.MapItem{Key: key, Value: value}) }
	add("name", name)
	nodes := map[string]yaml.MapSlice{}
	var faults []string
	for _, g := range d.Given() {
		f := d.Field(g.Name)
		switch {
		case g.Name == "fault":
			faults = append(faults, g.Text)
		case g.Name == "expect":
		case g.Name == "channels":
			add("channels", strings.Split(g.Text, ","))
		case f.Section == "":
			node, key, _ := strings.Cut(g.Name, "-")
			nodes[node] = append(nodes[node], yaml.MapItem{Key: key, Value: yamlValue(f, g.Text)})
		default:
			add(g.Name, yamlValue(f, g.Text))
		}
	}
	for _, node := range []string{"collector", "processor", "delivery"} {
		if settings := nodes[node]; settings != nil {
			add(node, nestBreaker(settings))
		}
	}
	if faults != nil {
		add("faults", faults)
	}
	expect := d.Expect()
	if expect == nil {
		expect = []string{"ledger.lost == 0"}
	}
	add("expect", expect)
	doc, err := yaml.Marshal(root)
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	return doc, nil
}

// nestBreaker puts a node's breaker settings under one key, if the breaker itself was put into the path or taken out of
// it; otherwise they stand by themselves, since under that key they would put it in.
func nestBreaker(settings yaml.MapSlice) yaml.MapSlice {
	var flat, breaker yaml.MapSlice
	for _, s := range settings {
		key := s.Key.(string)
		inner, isBreaker := strings.CutPrefix(key, "breaker-")
		switch {
		case key == "breaker":
			breaker = append(yaml.MapSlice{{Key: "on", Value: s.Value}}, breaker...)
		case isBreaker:
			breaker = append(breaker, yaml.MapItem{Key: inner, Value: s.Value})
		default:
			flat = append(flat, s)
		}
	}
	if !slices.ContainsFunc(breaker, func(i yaml.MapItem) bool { return i.Key == "on" }) {
		return settings
	}
	return append(flat, yaml.MapItem{Key: "breaker", Value: breaker})
}

// yamlValue gives a setting's text the type that people would write in a file.
func yamlValue(f *runner.Field, text string) any {
	var v any
	switch f.Kind {
	case "bool", "int", "float":
		if err := yaml.Unmarshal([]byte(text), &v); err == nil && v != nil {
			return v
		}
	}
	return text
}

// Template is a scenario to start from, with comments that say what each part is for.
func Template(name string) string {
	return fmt.Sprintf(`# yaml-language-server: $schema=faultflow.schema.json
# (faultflow scenario schema > faultflow.schema.json lets an editor complete and check this file.)
name: %s
description: >-
  The source is down from the second second on; the breaker opens, the cache takes over, and nothing is lost.

# The run. Every flag of faultflow has a key of the same name; what is left out has its default.
seed: 7            # or seeds: [1, 2, 3]
cycles: 12
interval: 5s
# simulate-failures: true
# failure-type: network
# graph: recovery
# clock: virtual   # the default of scenarios
# input: records.csv

# What breaks: as --fault takes it, or key by key. A fault that never fires makes the scenario inconclusive,
# unless it says may_not_fire: true.
faults:
  - place: collector.fetch
    kind: connection_refused
    from: 2s
    to: 40s
  # - delivery.primary=disk_full,p=0.1,may_not_fire=true

# Policies of one node. Keys without a node, such as retries: 3, are for all of them.
collector:
  retries: 3
  retry-delay: 1s
  breaker:
    failures: 3
    open-for: 30s

# What must hold of the report. Fields have the names of the JSON report.
expect:
  - verdict == "degraded"
  - ledger.lost == 0
  - breaker("collector").opened >= 1
  - attempts("collector") <= 3
  - pattern("fallback_ladder")
  - duration_ms < 60000

# The same scenario once for each combination:
# matrix:
#   collector-retries: [1, 3]
#   timeout: [1s, 5s]
`, name)
}
