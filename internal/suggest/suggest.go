// Package suggest finds what may have been meant by a misspelt name.
package suggest

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
)

// Nearest returns " (did you mean X?)" for the known name that is nearest to got, or nothing if none is near: one
// letter in three may be wrong, missing or too much, and two letters in the wrong order are one.
func Nearest(got string, known []string) string {
	letters := utf8.RuneCountInString(got)
	best, least := "", (letters+1)/3+1
	for _, k := range known {
		// Slips are at least as many as letters are too many or too few: nothing is near a text of a megabyte.
		if n := letters - utf8.RuneCountInString(k); got == "" || max(n, -n) >= least {
			continue
		}
		if d := distance(got, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", best)
}

// distance counts the slips between two names, of which at most one is a swap.
func distance(got, known string) int {
	least := levenshtein.ComputeDistance(got, known)
	letters := []rune(got)
	for i := 1; i < len(letters); i++ {
		letters[i-1], letters[i] = letters[i], letters[i-1]
		least = min(least, 1+levenshtein.ComputeDistance(string(letters), known))
		letters[i-1], letters[i] = letters[i], letters[i-1]
	}
	return least
}

// OneOf is the error of a word that is none of some: it names them, and the nearest one.
func OneOf(got string, words []string) error {
	return fmt.Errorf("want one of %s%s", strings.Join(words, ", "), Nearest(got, words))
}
