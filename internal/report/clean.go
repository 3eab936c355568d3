package report

import (
	"strings"
	"unicode"
)

// Clean makes text that came from outside fit for one line of a terminal. Line breaks and tabs become one space a run;
// what else can steer a terminal or hide in the text goes: control characters (C0, C1, DEL), bidi overrides, zero-width
// and other invisible characters. Bytes that are not UTF-8 become U+FFFD.
func Clean(s string) string {
	var out strings.Builder
	inBreak := false
	for _, r := range s {
		switch {
		case breaks(r):
			if !inBreak {
				out.WriteByte(' ')
			}
			inBreak = true
			continue
		case invisible(r):
			continue
		}
		inBreak = false
		out.WriteRune(r)
	}
	return out.String()
}

func breaks(r rune) bool {
	const nextLine, lineSeparator, paragraphSeparator = 0x85, 0x2028, 0x2029
	return r >= '\t' && r <= '\r' || r == nextLine || r == lineSeparator || r == paragraphSeparator
}

// invisible covers more than its name where that is safer: all of Cf, which has the bidi controls, joiners, soft hyphens
// and tags, and the variation selectors, because terminals disagree about the width of what they follow.
func invisible(r rune) bool {
	return unicode.IsControl(r) ||
		unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}
