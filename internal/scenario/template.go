package scenario

import "fmt"

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

# Policies of one node. Keys without a node, such as attempts: 3, are for all of them.
collector:
  attempts: 3
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
#   collector-attempts: [1, 3]
#   timeout: [1s, 5s]
`, name)
}
