package ci

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"faultflow/internal/render"
	"faultflow/internal/report"
)

// WriteAccountMarkdown writes it for a comment: what matters stands open, the rest unfolds.
func WriteAccountMarkdown(w io.Writer, a render.Account) error {
	d := newMarkdownDoc()
	d.add(fmt.Sprintf("### %s faultflow %s: %s\n", markdownSign(a.Sign), a.Noun, markdown(a.Said)))
	for _, s := range a.Sections {
		if s.Open {
			d.list("\n**"+markdown(s.Title)+"**\n\n", s.Everything(), "")
		}
	}
	for _, s := range append(a.Sections, a.Settings) {
		if !s.Open {
			d.fold(s)
		}
	}
	return d.write(w)
}

// CommentLimit is the most that GitHub takes as a comment, in characters. A Markdown report has fewer bytes than that.
const CommentLimit = 65_536

// WriteMarkdown writes r for a comment or a step summary: the verdict, a short table, the warnings, and the rest as
// parts that unfold. Where that is too long, further rows and then whole parts are left out, and a note says so.
func WriteMarkdown(w io.Writer, r *report.Report) error {
	d := newMarkdownDoc()
	d.add(fmt.Sprintf(
		"### %s faultflow: %s\n\n%s\n",
		markdownSign(render.EndSign(r)),
		markdown(render.Ending(r)),
		markdown(render.Facts(render.Took(r), render.ClipName(r.Settings.Graph)+" graph", render.Amount(
			r.Cycles.Count,
			"cycle",
		), fmt.Sprintf("repeat with --seed %d", r.Seed))),
	))
	d.add(markdownOverview(r))
	all := append(render.Stages(r), render.Details(r, render.Brief())...)
	for _, s := range all {
		for _, b := range s.Below {
			if b.Title != "" { // warnings and notices are for everybody
				d.list("\n**"+markdown(b.Title)+"**\n\n", b.Parts, "")
			}
		}
	}
	for _, s := range slices.Concat([]render.Section{
		render.RunSettings(r),
		render.Policies(r),
	}, all, []render.Section{render.ErrorClasses(r), render.Channels(r)}) {
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
func (d *markdownDoc) list(head string, parts []render.Part, end string) {
	pieces := markdownParts(parts)
	kept := fit(pieces, min(pieceLimit, d.room-len(head)-len(end)))
	d.shortened = d.shortened || len(kept) < len(pieces)
	if len(kept) > 0 {
		d.add(head + strings.Join(kept, "") + end)
	}
}

// markdownParts makes a list item or a table of each part. What belongs together is one item.
func markdownParts(parts []render.Part) []string {
	var pieces []string
	for i := 0; i < len(parts); {
		p := parts[i]
		if p.Bars != nil {
			g := p.Bars.Grid()
			p.Grid = &g
		}
		gap := "" // a table and a list stand apart
		if i > 0 && (p.Grid != nil || parts[i-1].Grid != nil || parts[i-1].Bars != nil) {
			gap = "\n"
		}
		if p.Grid != nil {
			pieces = append(pieces, gap+markdownTable(*p.Grid, pieceLimit/2))
			i++
			continue
		}
		var lines []string
		for n := i; i < len(parts) && (i == n || parts[i].Under || p.Label != "" && parts[i].Label == p.Label); i++ {
			text := markdown(parts[i].Text)
			if parts[i].Command {
				text = "<code>" + text + "</code>"
			}
			lines = append(lines, strings.TrimLeft(markdownSign(parts[i].Sign)+" "+text, " "))
		}
		lead := "- "
		if p.Label != "" {
			lead += "**" + markdown(p.Label) + "** "
		}
		pieces = append(pieces, gap+lead+strings.Join(lines, "<br>")+"\n")
	}
	return pieces
}

// fold adds a part that unfolds. Warnings and notices stand above already.
func (d *markdownDoc) fold(s render.Section) {
	parts := s.Parts
	for _, b := range s.Below {
		if b.Title == "" {
			parts = append(parts, b.Parts...)
		}
	}
	d.list("\n<details><summary>"+summary(s.Title)+"</summary>\n\n", parts, "\n</details>\n")
}

// markdownOverview is the table that everybody sees.
func markdownOverview(r *report.Report) string {
	var nodes, breakers, channels []string
	for _, n := range r.Nodes {
		if n.Attempts > 0 {
			nodes = append(nodes, fmt.Sprintf("%s %s%s", render.ClipName(
				n.Name,
			), render.Grouped(n.Attempts), render.When(
				n.Failures > 0,
				" ("+render.Grouped(n.Failures)+" failed)",
			)))
		}
	}
	for _, b := range r.Breakers {
		breakers = append(breakers, fmt.Sprintf("%s %s%s", render.ClipName(
			b.Name,
		), render.ClipName(b.State), render.When(
			b.Opened > 0,
			", opened "+render.Amount(b.Opened, "time"),
		)))
	}
	for _, c := range r.Channels {
		s, _ := render.ChannelState(c)
		channels = append(channels, fmt.Sprintf("%s %s%s", markdownSign(s), render.ClipName(c.Name), render.When(
			c.Records > 0,
			" "+render.Grouped(c.Records),
		)))
	}
	var out strings.Builder
	out.WriteString("\n| | |\n| --- | --- |\n")
	recovery, passes := "", ""
	if r.Passes.Offered > 0 {
		sign, said := render.Recovered(r)
		recovery, passes = markdownSign(sign)+" "+said, render.PassCounts(r.Passes)
	}
	for _, row := range [][2]string{
		{"Recovery", recovery},
		{"Passes", passes},
		{"Ledger", render.Ledger(r, render.Brief()).Parts[0].Text},
		{"Errors", render.ErrorCounts(r.Errors)},
		{"Attempts", render.Facts(nodes...)},
		{"Breakers", cmp.Or(render.Facts(breakers...), "off")},
		{"Channels", cmp.Or(render.Facts(channels...), "none")},
	} {
		if row[1] != "" {
			fmt.Fprintf(&out, "| %s | %s |\n", row[0], markdown(render.Shorten(row[1], 300)))
		}
	}
	return out.String()
}

// markdownTable writes the rows that take at most limit bytes.
func markdownTable(g render.Grid, limit int) string {
	cols, rows := render.WithoutUsual(g.Cols, g.Rows)
	var head, line strings.Builder
	for _, c := range cols {
		head.WriteString("| " + markdown(strings.TrimSpace(c.Title)) + " ")
		if c.Right {
			line.WriteString("| ---: ")
		} else {
			line.WriteString("| --- ")
		}
	}
	var lines []string
	for _, r := range rows {
		var out strings.Builder
		for _, c := range r {
			out.WriteString("| " + markdown(c.Text) + " ")
		}
		lines = append(lines, out.String()+"|\n")
	}
	kept := fit(lines, limit)
	text := head.String() + "|\n" + line.String() + "|\n" + strings.Join(kept, "")
	if left := len(lines) - len(kept); left > 0 {
		text += "\n" + markdown(render.More(render.Amount(left, "more row"))) + "\n"
	}
	return text
}

// markdownSign is a symbol that GitHub shows in color.
func markdownSign(s render.Sign) string {
	switch s {
	case render.Warn:
		return "⚠️"
	case render.Better:
		return render.Good.Symbol()
	case render.Worse:
		return render.Bad.Symbol()
	case render.Good, render.Bad, render.Active, render.Idle:
		return s.Symbol()
	}
	return ""
}

// markdown escapes text for a line or a table's cell, so that it is shown and does nothing: the bar becomes an entity,
// because a table is cut into cells before backslashes count; nobody is mentioned, and nothing becomes a link by itself
// (GitHub looks for @names and #1 after it took the backslashes off; an empty comment between them is what helps).
func markdown(s string) string {
	return strings.NewReplacer(
		"&", "&amp;",
		"<", "&lt;",
		">", "&gt;",
		"|", "&#124;",
		`\`, `\\`,
		"`", "\\`",
		"*", `\*`,
		"_", `\_`,
		"~", `\~`,
		"[", `\[`,
		"]", `\]`,
		"$", `\$`,
		"#", "#<!-- -->",
		"@", "@<!-- -->",
		"://", "&#58;//",
		"www.", "www&#46;",
		render.Tie, " ",
	).Replace(report.Clean(s))
}

// summary escapes text for the line that unfolds a part. It is HTML, in which a backslash would be shown.
func summary(s string) string {
	return strings.NewReplacer(
		"&", "&amp;",
		"<", "&lt;",
		">", "&gt;",
		"#", "#<!-- -->",
		"@", "@<!-- -->",
		render.Tie, " ",
	).Replace(report.Clean(s))
}
