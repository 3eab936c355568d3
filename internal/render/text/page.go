package text

import (
	"slices"
	"strings"

	"github.com/fatih/color"
	"github.com/jedib0t/go-pretty/v6/text"

	"faultflow/internal/render"
	"faultflow/internal/report"
)

func newPage(s Style) *page {
	render.FixWidths()
	width := s.Width
	if width == 0 {
		width = 80
	}
	width = max(width, minWidth)
	return &page{width: width, full: max(width, s.FullWidth), ink: newPalette(s.Color)}
}

// page collects lines that are no wider than width. All text passes Clean on its way in, so that no section can forget
// it; color goes on afterwards.
type page struct {
	out   strings.Builder
	width int
	// full is all the room there is, for the timeline.
	full int
	ink  palette
}

// The layout: values stand in one column, right of their labels.
const (
	margin      = 2
	valueColumn = 14
	minWidth    = 40
)

// paint colors a text, or leaves it as it is.
type paint func(string) string

type palette struct{ good, warn, bad, note, title, quiet, plain paint }

// newPalette switches each color by itself: color.NoColor and NO_COLOR are the caller's to read.
func newPalette(on bool) palette {
	ink := func(attributes ...color.Attribute) paint {
		c := color.New(attributes...)
		if on {
			c.EnableColor()
		} else {
			c.DisableColor()
		}
		return func(s string) string {
			if s == "" {
				return s
			}
			return c.Sprint(s)
		}
	}
	return palette{
		good:  ink(color.FgGreen),
		warn:  ink(color.FgYellow),
		bad:   ink(color.FgRed),
		note:  ink(color.FgCyan),
		title: ink(color.FgCyan, color.Bold),
		quiet: ink(color.Faint),
		plain: func(s string) string { return s },
	}
}

// signWidth is a symbol with the space behind it. ⚠ is one column wide or two, depending on the terminal, so it gets
// room for both, and nothing has to line up with what follows it on the same line.
const signWidth = 3

// of returns the paints of a sign and of the text behind it. Good news needs no color beyond its sign.
func (k palette) of(s render.Sign) (symbol, body paint) {
	switch s {
	case render.Good:
		return k.good, k.plain
	case render.Warn:
		return k.warn, k.warn
	case render.Bad:
		return k.bad, k.bad
	case render.Active:
		return k.note, k.plain
	case render.Idle, render.Aside, render.Chance:
		return k.quiet, k.quiet
	case render.Better:
		return k.good, k.good
	case render.Worse:
		return k.bad, k.bad
	default:
		return k.plain, k.plain
	}
}

// line writes s as it is, but for its ties.
func (p *page) line(s string) { p.out.WriteString(strings.ReplaceAll(s, render.Tie, " ") + "\n") }

// rule is a line across the page.
func (p *page) rule() { p.line(p.ink.quiet(strings.Repeat("━", p.full))) }

// heading begins a section.
func (p *page) heading(title string) {
	rule := strings.Repeat("─", max(0, p.full-columns(title)-1))
	p.line("")
	p.line(p.ink.title(title) + " " + p.ink.quiet(rule))
}

// row writes a label and its value, wrapped beside it. Further rows of the same thing have an empty label.
func (p *page) row(label string, s render.Sign, value string) {
	_, ink := p.ink.of(s)
	p.entry(p.ink.quiet(text.Pad(strings.Repeat(" ", margin)+label, valueColumn, ' ')), valueColumn, s, ink, value)
}

// item writes a text of its own, indented.
func (p *page) item(indent int, s render.Sign, body string) {
	_, ink := p.ink.of(s)
	p.entry(strings.Repeat(" ", indent), indent, s, ink, body)
}

// entry writes lead, which is indent columns wide, the sign, and body wrapped beside them in ink; nothing without a
// body.
func (p *page) entry(lead string, indent int, s render.Sign, ink paint, body string) {
	if body = report.Clean(body); strings.TrimSpace(body) == "" {
		return
	}
	if symbol := s.Symbol(); symbol != "" {
		paintSymbol, _ := p.ink.of(s)
		lead += paintSymbol(symbol) + strings.Repeat(" ", signWidth-columns(symbol))
		indent += signWidth
	}
	room := p.width - indent
	if s == render.Warn {
		room-- // see signWidth
	}
	for _, l := range wrap(body, room) {
		p.line(lead + ink(l))
		lead = strings.Repeat(" ", indent)
	}
}

// command writes a shell command so that it can be copied as it stands: lines go on behind a backslash, and one that
// can't be broken between words is longer than the page.
func (p *page) command(indent int, c string) {
	c = report.Clean(c)
	lines := []string{c}
	room := p.width - indent - 2
	tooLong := func(word string) bool { return columns(word) > room }
	if !strings.Contains(c, "'") && !slices.ContainsFunc(strings.Fields(c), tooLong) {
		lines = wrap(c, room)
	}
	for i, l := range lines {
		if i < len(lines)-1 {
			l += " \\"
		}
		p.line(strings.Repeat(" ", indent) + p.ink.quiet(l))
	}
}

// columns is the width of s on a terminal, color codes not counted.
func columns(s string) int { return text.StringWidthWithoutEscSequences(s) }

// wrap breaks s between words into lines of at most width columns, which are 2 or more. A word that is wider than
// that is broken at its ties, then anywhere. (go-pretty's own wrapping overshoots by one column on wide characters.)
func wrap(s string, width int) []string {
	var words []string
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }) {
		if columns(word) > width {
			words = append(words, strings.Fields(word)...)
		} else {
			words = append(words, word)
		}
	}
	var lines []string
	line := ""
	for _, word := range words {
		switch {
		case line == "":
			line = word
		case columns(
			line,
		)+1+columns(
			word,
		) <= width || columns(
			word,
		) > width || columns(line) == 1: // such a word may as well begin here, and a sign stands by nobody
			line += " " + word
		default:
			lines = append(lines, trimEnd(line))
			line = word
		}
		for columns(line) > width {
			head := cut(line, width)
			lines = append(lines, trimEnd(head))
			line = strings.TrimLeft(line[len(head):], " ")
		}
	}
	return append(lines, trimEnd(line))
}

// cut returns the beginning of s that fits into width columns. It ends behind a separator, as fault specs, paths and
// addresses have them, or else those within names, if that costs no more than half of the line.
func cut(s string, width int) string {
	head := text.Trim(s, width)
	for _, separators := range []string{"|,=/&", "._"} {
		if i := strings.LastIndexAny(head, separators); i > len(head)/2 {
			return head[:i+1]
		}
	}
	return head
}

func trimEnd(s string) string { return strings.TrimRight(s, " "+render.Tie) }
