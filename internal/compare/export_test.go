package compare

import (
	"slices"
	"strings"
)

// String writes the gate as ParseGate reads it: the tests' view of what was parsed.
func (g Gate) String() string {
	if len(g.rules) == 0 {
		return Nothing
	}
	parts := make([]string, len(g.rules))
	for i, r := range g.rules {
		parts[i] = r.String()
	}
	return strings.Join(parts, ",")
}

// ReverseSamples puts what is behind the values of a row in the order of the values.
func (r *Row) ReverseSamples() { slices.Reverse(r.samples) }

// Correct is for the test of the level.
var Correct = correct
