package text

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"faultflow/internal/render"
)

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		in    string
		width int
		want  string
	}{
		{"", 10, ""},
		{"one two three", 7, "one two|three"},
		{"one two three", 5, "one|two|three"},
		{"  spaces   go ", 20, "spaces go"},
		{"abcdefghij k", 4, "abcd|efgh|ij k"},
		{"to 41.3" + render.Tie + "s", 8, "to|41.3 s"},
		{"1,234" + render.Tie + "records", 8, "1,234|records"},
		{"● collector.fetch", 10, "● collecto|r.fetch"},
		{"123456 collector.fetch", 6, "123456|collec|tor.fe|tch"},
		{"collector.fetch=dns_failure|timeout,p=0.4", 30, "collector.fetch=dns_failure||timeout,p=0.4"},
		{"生命生命", 5, "生命|生命"},
	} {
		if got := untie(strings.Join(wrap(c.in, c.width), "|")); got != c.want {
			t.Errorf("wrap(%q, %d) = %q, want %q", c.in, c.width, got, c.want)
		}
	}
}

func TestWrapKeepsEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[a-z 生命é]{0,80}`).Draw(t, "s")
		width := rapid.IntRange(2, 30).Draw(t, "width")
		lines := wrap(s, width)
		for _, l := range lines {
			if columns(l) > width {
				t.Fatalf("%q is wider than %d", l, width)
			}
		}
		if got, want := strings.ReplaceAll(
			strings.Join(lines, ""),
			" ",
			"",
		), strings.ReplaceAll(s, " ", ""); got != want {
			t.Fatalf("%q became %q", want, got)
		}
	})
}

func untie(s string) string { return strings.ReplaceAll(s, render.Tie, " ") }
