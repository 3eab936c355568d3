// Package suggest finds what may have been meant by a misspelt name.
package suggest

import (
	"fmt"

	"github.com/agnivade/levenshtein"
)

// Nearest returns " (did you mean X?)" for the known name that is nearest to got, or nothing if none is near: about one
// letter in three may differ.
func Nearest(got string, known []string) string {
	best, distance := "", len(got)/3+2
	for _, k := range known {
		if d := levenshtein.ComputeDistance(got, k); got != "" && d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", best)
}
