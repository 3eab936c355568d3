package report_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"faultflow/internal/report"
)

func TestClean(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "value \"abc\" is not a number", "value \"abc\" is not a number"},
		{"letters and symbols", "Grüße, 生命 ✅ 👍 e\u0301", "Grüße, 生命 ✅ 👍 e\u0301"},
		{"spaces stay", "a  b", "a  b"},
		{"breaks", "a\r\nb\tc\vd\fe\u0085f\u2028g\u2029h", "a b c d e f g h"},
		{"carriage return", "50 %\r100 %", "50 % 100 %"},
		{"one space a run", "a\n\n\t\u200b\nb", `a \u200b b`},
		{"color", "\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		{"title", "\x1b]0;owned\x07x", `\x1b]0;owned\x07x`},
		{"C0 and DEL", "a\x00\x01\x08\x1f\x7fb", `a\x00\x01\x08\x1f\x7fb`},
		{"C1", "a\u0080\u009b31m\u009fb", `a\u0080\u009b31m\u009fb`},
		{"raw C1 is no UTF-8", "a\x9b31m", "a\ufffd31m"},
		{"bidi", "a\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202eb\u2066\u2067\u2068\u2069c",
			`a\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202eb\u2066\u2067\u2068\u2069c`},
		{"zero width", "a\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e\u034fb",
			`a\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e\u034fb`},
		{"variation selectors", "⚠\ufe0f", "⚠"},
		{"tags", "a\U000e0001\U000e0041b", `a\U000e0001\U000e0041b`},
		{"fillers", "a\u115f\u3164b", `a\u115f\u3164b`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := report.Clean(c.in); got != c.want {
				t.Errorf("Clean(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

func TestCleanAnything(t *testing.T) {
	control := rapid.RuneFrom(nil, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
	strange := rapid.StringOf(rapid.OneOf(rapid.Rune(), control))
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(strange,
			rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "s")
		got := report.Clean(s)
		for _, r := range got {
			if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
				t.Fatalf("Clean(%q) = %q has %U", s, got, r)
			}
		}
		if !utf8.ValidString(got) {
			t.Fatalf("Clean(%q) = %q is no UTF-8", s, got)
		}
		if again := report.Clean(got); again != got {
			t.Fatalf("Clean is not idempotent: %q, then %q", got, again)
		}
	})
}

func TestCleanKeepsWhatIsVisible(t *testing.T) {
	visible := rapid.StringOf(rapid.RuneFrom(nil, unicode.Letter, unicode.Number, unicode.Punct, unicode.Symbol))
	rapid.Check(t, func(t *rapid.T) {
		s := visible.Draw(t, "s")
		// Hangul fillers count as letters and are blank.
		s = strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) {
				return -1
			}
			return r
		}, s)
		if got := report.Clean(s); got != s {
			t.Fatalf("Clean(%q) = %q", s, got)
		}
	})
}
