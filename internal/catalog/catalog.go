// Package catalog holds every name that the program uses in reports, files, flags and messages, each once: nodes and
// places, the kinds of events, patterns, findings, and the states that things can be in, with the words that people
// read. Whatever lists, checks, draws or documents names iterates it.
//
// It is plain data. It imports the engine alone, whose own events it lists with the others.
package catalog

import (
	"slices"
	"strings"
)

// Words turns a name for scripts into words: stale_cache is "stale cache".
func Words[S ~string](name S) string { return strings.ReplaceAll(string(name), "_", " ") }

// Strings returns names as plain text.
func Strings[S ~string](names []S) []string {
	list := make([]string, len(names))
	for i, n := range names {
		list[i] = string(n)
	}
	return list
}

// Rank is the place of a name in a list that begins with the best: 0 for the best, len(best) for one that is not in it.
func Rank[S ~string](name S, best []S) int {
	if i := slices.Index(best, name); i >= 0 {
		return i
	}
	return len(best)
}
