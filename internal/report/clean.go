package report

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Clean makes text that came from outside fit for one line of a terminal. Line breaks and tabs become one space a run.
// What else can steer a terminal or hide in the text is shown escaped, as in Go's strings (\x1b, \u202e): control
// characters (C0, C1, DEL), bidi overrides, zero-width and other invisible characters. Variation selectors go: what
// they follow says the same without them. Bytes that are not UTF-8 become U+FFFD.
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
		case unicode.Is(unicode.Variation_Selector, r):
			continue
		case invisible(r):
			out.WriteString(escape(r))
		default:
			out.WriteRune(r)
		}
		inBreak = false
	}
	return out.String()
}

func escape(r rune) string {
	switch {
	case r < utf8.RuneSelf:
		return fmt.Sprintf(`\x%02x`, r)
	case r <= 0xFFFF:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

func breaks(r rune) bool {
	const nextLine, lineSeparator, paragraphSeparator = 0x85, 0x2028, 0x2029
	return r >= '\t' && r <= '\r' || r == nextLine || r == lineSeparator || r == paragraphSeparator
}

// invisible covers more than its name where that is safer: all of Cf, which has the bidi controls, joiners, soft
// hyphens and tags, and the variation selectors, because terminals disagree about the width of what they follow.
func invisible(r rune) bool {
	return unicode.IsControl(r) ||
		unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// visible escapes the invisible characters of a JSON document, which then reads back as the same. JSON itself asks for
// no more than C0 (RFC 8259, section 7); a C1 control or a bidi override would reach the terminal of whoever looks at
// it. Such characters can stand inside of strings only.
func visible(doc []byte) []byte {
	if !bytes.ContainsFunc(doc, hides) {
		return doc
	}
	out := make([]byte, 0, len(doc)+64)
	for len(doc) > 0 {
		r, n := utf8.DecodeRune(doc)
		switch {
		case !hides(r):
			out = append(out, doc[:n]...)
		case r <= 0xFFFF:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		}
		doc = doc[n:]
	}
	return out
}

// hides is true for invisible characters but the white space between JSON's tokens.
func hides(r rune) bool { return r >= 0x7F && invisible(r) }
