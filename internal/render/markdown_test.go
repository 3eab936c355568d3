package render_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	goldmarkhtml "github.com/yuin/goldmark/renderer/html"
	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/fault"
	"faultflow/internal/render/ci"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
)

func TestMarkdownGolden(t *testing.T) {
	for name, r := range reporttest.Samples() {
		t.Run(name, func(t *testing.T) { reporttest.Golden(t, name+".md", markdownOf(t, r)) })
	}
}

func markdownOf(t tester, r *report.Report) string {
	t.Helper()
	return written(t, r, ci.WriteMarkdown)
}

// checkMarkdown renders a text the way GitHub does, raw HTML included, and looks for what no text from outside may
// make: elements of other kinds than ours, links, attributes.
func checkMarkdown(t tester, text string) {
	t.Helper()
	if n := utf8.RuneCountInString(text); n >= ci.CommentLimit || len(text) >= ci.CommentLimit {
		t.Errorf("%d characters, %d bytes", n, len(text))
	}
	if r, found := unseen(strings.ReplaceAll(text, "⚠\ufe0f", "")); found {
		t.Fatal(fmt.Sprintf("the text has %U:\n%s", r, text))
	}
	if open, closed := strings.Count(
		text,
		"\n<details><summary>",
	), strings.Count(text, "\n</details>\n"); open != closed {
		t.Errorf("%d parts that unfold, %d ends", open, closed)
	}
	var page bytes.Buffer
	m := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(goldmarkhtml.WithUnsafe()))
	if err := m.Convert([]byte(text), &page); err != nil {
		t.Fatal(err)
	}
	tags := html.NewTokenizer(&page)
	for {
		switch tags.Next() {
		case html.ErrorToken:
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			tag := tags.Token()
			switch tag.Data {
			case "h3",
				"p",
				"table",
				"thead",
				"tbody",
				"tr",
				"th",
				"td",
				"ul",
				"li",
				"strong",
				"details",
				"summary",
				"br",
				"blockquote",
				"code":
			default:
				t.Errorf("an element %s in\n%s", tag, text)
			}
			for _, a := range tag.Attr {
				if a.Key != "style" || a.Val != "text-align:right" {
					t.Errorf("an attribute in %s", tag)
				}
			}
		}
	}
}

// unseen finds a character that can't be seen, but for line breaks.
func unseen(text string) (rune, bool) {
	for _, r := range text {
		if r < ' ' && r != '\n' || r >= 0x7F && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Variation_Selector) {
			return r, true
		}
	}
	return 0, false
}

func TestMarkdownIsHarmless(t *testing.T) {
	for name, r := range reporttest.Samples() {
		t.Run(name, func(t *testing.T) { checkMarkdown(t, markdownOf(t, r)) })
	}
	rapid.Check(t, func(t *rapid.T) {
		r := reporttest.Any().Draw(t, "report")
		checkMarkdown(t, markdownOf(t, &r))
	})
}

// attacks are texts that want to be more than text in some format, and some that are only hard to lay out.
func attacks() map[string]string {
	return map[string]string{
		"script":          `<script>alert(1)</script>`,
		"end of a title":  `</title></style></script><img src=x onerror=alert(1)>`,
		"attribute":       `" onload="alert(1)" x='`,
		"end of CDATA":    `]]><b>x</b>`,
		"comment":         `--><b>x</b><!--`,
		"entity":          `&lt;script&gt; &#60;`,
		"template":        "{{.Seed}} ${alert(1)} `x`",
		"details":         `</details></summary><details open>`,
		"markdown":        "**b** _i_ ~~s~~ `c` [a](javascript:alert(1)) ![i](http://x/y.png) # h\n# h\n> q\n\n---\n1. one\n- two | three \\| four",
		"reference":       "@user #1 https://evil.example www.evil.example mail@evil.example",
		"fence":           "```\n~~~\n    code",
		"ANSI":            "\x1b[2J\x1b[31mred\x1b]0;title\a",
		"C1":              "\u009b31m\u0085",
		"bidi":            "a\u202egnp.exe\u2066b",
		"invisible":       "a\u200b\u00ad\ufeffb",
		"long word":       strings.Repeat("x", 10_000),
		"CJK":             strings.Repeat("長い名前", 1000),
		"combining":       "e" + strings.Repeat("\u0301", 10_000),
		"Arabic":          "مرحبا 123",
		"no UTF-8":        "\xff\x9b31m\xc0",
		"NUL":             "a\x00b",
		"noncharacters":   "a\ufffe\uffffb",
		"URL":             "javascript:alert(1)",
		"emoji":           "👩\u200d👩\u200d👧 :shipit:",
		"closing bracket": `}}</style><style>*{display:none}`,
	}
}

// attacked is a run in which every text from outside is s.
func attacked(s string) *report.Report {
	r := reporttest.Hostile()
	place, node, class, verdict := catalog.Place(s), catalog.Node(s), errhandler.Class(s), catalog.Verdict(s)
	breaker, mode, origin := catalog.BreakerState(s), catalog.Mode(s), catalog.Origin(s)
	broken := fault.Fault{Place: place, Kinds: []fault.Kind{fault.Kind(s)}}
	set := &r.Settings
	for _, text := range []*string{
		&set.Input, &set.InputFormat, &set.IDField, &set.Graph, &set.Clock, &set.FailureType,
		&r.Meta.StartedAt, &r.Meta.Version, &r.Meta.Go, &r.Meta.Output,
	} {
		*text = s
	}
	set.SimulateFailures, set.Faults, set.Channels = true, []fault.Fault{broken, broken}, []string{s}
	r.Collection = report.Collection{
		Source:  s,
		Health:  s,
		Origin:  origin,
		Origins: map[catalog.Origin]int{origin: 2},
		Breaker: breaker,
	}
	r.Processing.Mode, r.Processing.Modes = mode, map[catalog.Mode]int{mode: 1}
	r.Verdict = verdict
	r.Nodes = []report.Node{
		{
			Name:     node,
			Status:   catalog.NodeStatus(s),
			Runs:     2,
			Attempts: 3,
			Failures: 1,
			Waits:    1,
			Errors:   map[errhandler.Class]int{class: 2},
		},
		{Name: node + "2"},
	}
	r.Breakers = []report.Breaker{{
		Name:        s,
		State:       breaker,
		Rejected:    1,
		Opened:      1,
		Transitions: []report.Transition{{From: breaker, To: breaker}},
	}}
	r.Channels = []report.Channel{{Name: s, Health: catalog.Health(s), Tried: 1, LastError: s}}
	r.Ledger.DeadLetters = []report.DeadLetters{{Place: place, Class: class, Reason: s, Count: 1}}
	r.Errors.ByClass = map[errhandler.Class]int{class: 4}
	finding := report.Finding{
		Code:           catalog.FindingCode(s),
		Verdict:        verdict,
		Node:           node,
		Message:        s,
		Recommendation: s,
		Count:          2,
		FirstCycle:     1,
	}
	notice := finding
	notice.Verdict, notice.Count, notice.FirstCycle = catalog.Success, 0, 0
	r.Findings = []report.Finding{finding, notice}
	r.Patterns = []report.Pattern{
		{Name: catalog.Pattern(s), State: catalog.Demonstrated, Count: 1, Detail: s},
		{Name: catalog.Pattern(s), State: catalog.Armed},
		{Name: catalog.Pattern(s), State: catalog.Off},
	}
	r.Faults = []report.Fault{{Spec: s, Place: place, Kind: s, Class: class, Declared: true}}
	r.Amplification = []report.Amplification{{Place: place, Calls: 2, Units: 1, Factor: 2}}
	cycle := report.Cycle{
		Number:   1,
		Verdict:  verdict,
		Origin:   origin,
		Mode:     mode,
		Delivery: catalog.DeliveryStatus(s),
		Channel:  s,
	}
	r.Cycles = report.Cycles{Count: 2, List: []report.Cycle{cycle}}
	event := report.Event{AtMS: 1, Cycle: 1, Node: node, Place: place, Kind: catalog.AttemptStarted, Attempt: 1}
	failed := event
	failed.AtMS, failed.Kind, failed.Class, failed.Detail = 3, catalog.AttemptFailed, class, s
	unknown := failed
	unknown.AtMS, unknown.Kind, unknown.Attempt = 4, catalog.EventKind(s), 0
	r.Timeline = report.Timeline{Events: []report.Event{event, failed, unknown}}
	r.Drill = []report.DrillPath{{Path: s, Forced: s, Detail: s}}
	return r
}

func TestMarkdownUnderAttack(t *testing.T) {
	for name, attack := range attacks() {
		t.Run(name, func(t *testing.T) { checkMarkdown(t, markdownOf(t, attacked(attack))) })
	}
}

// A text that is too long loses rows and parts, and says so.
func TestMarkdownIsShortened(t *testing.T) {
	plain := markdownOf(t, reporttest.Thousands())
	if strings.Contains(plain, "Shortened") {
		t.Errorf("a usual run is shortened:\n%s", plain)
	}
	many := reporttest.Network()
	for i := range 300 {
		many.Channels = append(many.Channels, report.Channel{
			Name:      fmt.Sprintf("channel %d", i),
			LastError: strings.Repeat("|<", 500),
			Tried:     1,
		})
		many.Nodes = append(many.Nodes, report.Node{
			Name:     catalog.Node(fmt.Sprintf("node %d", i)),
			Runs:     1,
			Attempts: 1,
		})
		many.Faults = append(many.Faults, report.Fault{Spec: strings.Repeat("&", 500)})
		many.Patterns = append(many.Patterns, report.Pattern{
			Name:   "p",
			State:  catalog.Demonstrated,
			Detail: strings.Repeat("<", 500),
		})
		many.Drill = append(many.Drill, report.DrillPath{Path: "p", Detail: strings.Repeat("<", 500)})
		many.Breakers = append(many.Breakers, report.Breaker{Name: "b", State: "open", Rejected: 1})
	}
	got := markdownOf(t, many)
	checkMarkdown(t, got)
	for _, want := range []string{
		"\n| Ledger | ",
		"**Warnings**",
		"\n> Shortened: ",
		"more rows\n",
		"<summary>Delivery</summary>",
		"<summary>Run settings</summary>",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%.3000s", want, got)
		}
	}
}

func TestMarkdownGroupsWhatBelongsTogether(t *testing.T) {
	got := markdownOf(t, reporttest.Storage())
	for _, want := range []string{
		"- **channels** ❌ primary — 1 of 1 try failed · degraded · skipped in 2 passes<br>last error: write delivery.primary: no space left on device<br>❌ secondary",
		"\n- **passes** 3\n",
		"<br>→ check delivery channel health, then deliver the spool",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
}
