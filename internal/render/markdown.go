package render

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"faultflow/internal/report"
)

// CommentLimit is the most that GitHub takes as a comment, in characters. A Markdown report has fewer bytes than that.
const CommentLimit = 65_536

// WriteMarkdown writes r for a comment or a step summary: the verdict, a short table, the warnings, and the rest as parts
// that unfold. Where that is too long, further rows and then whole parts are left out, and a note says so.
func WriteMarkdown(w io.Writer, r *report.Report) error {
	d := newMarkdownDoc()
	d.add(fmt.Sprintf("### %s faultflow: %s\n\n%s\n", markdownSign(endSign(r)), markdown(ending(r)),
		markdown(facts(took(r), name(r.Settings.Graph)+" graph", amount(r.Cycles.Count, "cycle"), fmt.Sprintf("repeat with --seed %d", r.Seed)))))
	d.add(markdownOverview(r))
	all := append(stages(r), details(r, brief())...)
	for _, s := range all {
		for _, b := range s.below {
			if b.title != "" { // warnings and notices are for everybody
				d.list("\n**"+markdown(b.title)+"**\n\n", b.parts, "")
			}
		}
	}
	for _, s := range slices.Concat([]section{settings(r), policies(r)}, all, []section{errorClasses(r), channels(r)}) {
		d.fold(s)
	}
	return d.write(w)
}

// markdownDoc takes only whole pieces, so that no tag, entity or table is cut, and only while there is room.
type markdownDoc struct {
	out       strings.Builder
	room      int // in bytes
	shortened bool
}

// shortened ends a document that had no room for something.
const shortened = "\n> Shortened: a comment holds less than there is to tell; as JSON there is all of it.\n"

func newMarkdownDoc() *markdownDoc { return &markdownDoc{room: CommentLimit - 1 - len(shortened)} }

func (d *markdownDoc) write(w io.Writer) error {
	if d.shortened {
		d.out.WriteString(shortened)
	}
	_, err := io.WriteString(w, d.out.String())
	return err
}

func (d *markdownDoc) add(piece string) {
	if len(piece) > d.room {
		d.shortened = true
		return
	}
	d.room -= len(piece)
	d.out.WriteString(piece)
}

// pieceLimit keeps one part with long texts from taking the room of the others, in bytes.
const pieceLimit = 16_000

// list adds a heading, parts below it as far as there is room, and an end.
func (d *markdownDoc) list(head string, parts []part, end string) {
	pieces := markdownParts(parts)
	kept := fit(pieces, min(pieceLimit, d.room-len(head)-len(end)))
	d.shortened = d.shortened || len(kept) < len(pieces)
	if len(kept) > 0 {
		d.add(head + strings.Join(kept, "") + end)
	}
}

// markdownParts makes a list item or a table of each part. What belongs together is one item.
func markdownParts(parts []part) []string {
	var pieces []string
	for i := 0; i < len(parts); {
		p := parts[i]
		if p.bars != nil {
			g := p.bars.grid()
			p.grid = &g
		}
		gap := "" // a table and a list stand apart
		if i > 0 && (p.grid != nil || parts[i-1].grid != nil || parts[i-1].bars != nil) {
			gap = "\n"
		}
		if p.grid != nil {
			pieces = append(pieces, gap+markdownTable(*p.grid, pieceLimit/2))
			i++
			continue
		}
		var lines []string
		for n := i; i < len(parts) && (i == n || parts[i].under || p.label != "" && parts[i].label == p.label); i++ {
			text := markdown(parts[i].text)
			if parts[i].command {
				text = "<code>" + text + "</code>"
			}
			lines = append(lines, strings.TrimLeft(markdownSign(parts[i].sign)+" "+text, " "))
		}
		lead := "- "
		if p.label != "" {
			lead += "**" + markdown(p.label) + "** "
		}
		pieces = append(pieces, gap+lead+strings.Join(lines, "<br>")+"\n")
	}
	return pieces
}

// fold adds a part that unfolds. Warnings and notices stand above already.
func (d *markdownDoc) fold(s section) {
	parts := s.parts
	for _, b := range s.below {
		if b.title == "" {
			parts = append(parts, b.parts...)
		}
	}
	d.list("\n<details><summary>"+summary(s.title)+"</summary>\n\n", parts, "\n</details>\n")
}

// markdownOverview is the table that everybody sees.
func markdownOverview(r *report.Report) string {
	var nodes, breakers, channels []string
	for _, n := range r.Nodes {
		if n.Attempts > 0 {
			nodes = append(nodes, fmt.Sprintf("%s %s%s", name(n.Name), number(n.Attempts), when(n.Failures > 0, " ("+number(n.Failures)+" failed)")))
		}
	}
	for _, b := range r.Breakers {
		breakers = append(breakers, fmt.Sprintf("%s %s%s", name(b.Name), name(b.State), when(b.Opened > 0, ", opened "+amount(b.Opened, "time"))))
	}
	for _, c := range r.Channels {
		s, _ := channelState(c)
		channels = append(channels, fmt.Sprintf("%s %s%s", markdownSign(s), name(c.Name), when(c.Records > 0, " "+number(c.Records))))
	}
	var out strings.Builder
	out.WriteString("\n| | |\n| --- | --- |\n")
	for _, row := range [][2]string{{"Ledger", ledger(r, brief()).parts[0].text}, {"Errors", errorCounts(r.Errors)}, {"Attempts", facts(nodes...)},
		{"Breakers", cmp.Or(facts(breakers...), "off")}, {"Channels", cmp.Or(facts(channels...), "none")}} {
		if row[1] != "" {
			fmt.Fprintf(&out, "| %s | %s |\n", row[0], markdown(snip(row[1], 300)))
		}
	}
	return out.String()
}

// markdownTable writes the rows that take at most limit bytes.
func markdownTable(g grid, limit int) string {
	cols, rows := withoutUsual(g.cols, g.rows)
	var head, line strings.Builder
	for _, c := range cols {
		head.WriteString("| " + markdown(strings.TrimSpace(c.title)) + " ")
		if c.right {
			line.WriteString("| ---: ")
		} else {
			line.WriteString("| --- ")
		}
	}
	var lines []string
	for _, r := range rows {
		var out strings.Builder
		for _, c := range r {
			out.WriteString("| " + markdown(c.text) + " ")
		}
		lines = append(lines, out.String()+"|\n")
	}
	kept := fit(lines, limit)
	text := head.String() + "|\n" + line.String() + "|\n" + strings.Join(kept, "")
	if left := len(lines) - len(kept); left > 0 {
		text += "\n" + markdown(more(amount(left, "more row"))) + "\n"
	}
	return text
}

// markdownSign is a symbol that GitHub shows in color.
func markdownSign(s sign) string {
	switch s {
	case warn:
		return "⚠️"
	case better:
		return good.symbol()
	case worse:
		return bad.symbol()
	case good, bad, active, idle:
		return s.symbol()
	}
	return ""
}

// markdown escapes text for a line or a table's cell, so that it is shown and does nothing: the bar becomes an entity,
// because a table is cut into cells before backslashes count; nobody is mentioned, and nothing becomes a link by itself
// (GitHub looks for @names and #1 after it took the backslashes off; an empty comment between them is what helps).
func markdown(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "|", "&#124;", `\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`,
		"~", `\~`, "[", `\[`, "]", `\]`, "$", `\$`, "#", "#<!-- -->", "@", "@<!-- -->", "://", "&#58;//", "www.", "www&#46;", tie, " ").Replace(report.Clean(s))
}

// summary escapes text for the line that unfolds a part. It is HTML, in which a backslash would be shown.
func summary(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "#", "#<!-- -->", "@", "@<!-- -->", tie, " ").Replace(report.Clean(s))
}
