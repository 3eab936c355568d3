package render_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"faultflow/internal/catalog"
	"faultflow/internal/compare"
	"faultflow/internal/fault"
	"faultflow/internal/render"
	"faultflow/internal/render/format"
	"faultflow/internal/render/text"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
)

// compared compares reports under labels, which it takes for their paths as well.
func compared(t tester, labels []string, reports ...*report.Report) *compare.Result {
	t.Helper()
	var inputs []compare.Input
	for i, r := range reports {
		if err := r.Seal(); err != nil {
			t.Fatal(err)
		}
		inputs = append(inputs, compare.Input{Source: compare.Source{Label: labels[i], Source: labels[i] + ".json"},
			Documents: map[string]compare.Document{"": {Document: report.Document{Report: r}}}})
	}
	return compare.Compare(inputs)
}

// comparedCampaigns compares campaigns under labels.
func comparedCampaigns(labels []string, campaigns ...*report.Campaign) *compare.Result {
	var inputs []compare.Input
	for i, c := range campaigns {
		inputs = append(inputs, compare.Input{Source: compare.Source{Label: labels[i], Source: labels[i] + ".json"},
			Documents: map[string]compare.Document{"": {Document: report.Document{Campaign: c}}}})
	}
	return compare.Compare(inputs)
}

// comparisons are of every sort that rendering has to tell apart.
func comparisons(t tester) map[string]*compare.Result {
	cjk, base := reporttest.Network(), reporttest.Network()
	cjk.Channels[1].Name, cjk.Channels[2].Name, cjk.Nodes[1].Name = "第二通道", "étape\u0301 e\u0301", "処理ノード"
	cjk.Nodes[0].Attempts = 1234
	tests := func(change func(*report.Tests)) compare.Document {
		r := &report.Tests{
			Schema: report.TestSchema,
			Results: []report.TestResult{
				{
					Name:         "outage",
					File:         "outage.yaml",
					Status:       report.TestPassed,
					Verdict:      "degraded",
					VirtualMS:    56_400,
					Seeds:        1,
					Expectations: 3,
				},
				{
					Name:         "full disk",
					File:         "disk.yaml",
					Status:       report.TestFailed,
					Verdict:      "failed",
					VirtualMS:    9100,
					Seeds:        1,
					Expectations: 2,
					Failures:     []report.TestFailure{{Expect: `verdict == "degraded"`, Line: 12}},
				}},
		}
		change(r)
		return compare.Document{Document: report.Document{Tests: r}}
	}
	input := func(label string, documents map[string]compare.Document) compare.Input {
		return compare.Input{Source: compare.Source{Label: label, Source: label}, Documents: documents}
	}
	of := func(r *report.Report) compare.Document {
		if err := r.Seal(); err != nil {
			t.Fatal(err)
		}
		return compare.Document{Document: report.Document{Report: r}}
	}
	const three, once, others = "network", "network-one-attempt", "network-other-seeds"
	campaigns := func(files ...string) *compare.Result {
		var list []*report.Campaign
		for _, file := range files {
			text, err := os.ReadFile("../../testdata/campaigns/" + file + ".json")
			if err != nil {
				t.Fatal(err)
			}
			d, err := report.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, d.Campaign)
		}
		return comparedCampaigns([]string{"base", "head", "long-named-campaign"}, list...)
	}
	part := campaigns(three, once).Comparisons[0]
	cut := part.Sides[1].Document.Campaign
	cut.Part, cut.Interrupted = report.Part{Index: 2, Of: 3}, true
	return map[string]*compare.Result{
		"campaigns":       campaigns(three, once),
		"chance":          campaigns(three, others),
		"three-campaigns": campaigns(three, once, others),
		"part":            comparedCampaigns([]string{"whole", "part"}, part.Sides[0].Document.Campaign, cut),
		"pair":            compared(t, []string{"base", "head"}, reporttest.Network(), reporttest.Better()),
		"many": compared(t, []string{
			"base",
			"retries 5",
			"breaker off",
		}, reporttest.Network(), reporttest.Better(), reporttest.Storage()),
		"identical": compared(t, []string{"base", "head"}, reporttest.Network(), reporttest.Network()),
		"apart": compared(t, []string{
			"a run with a label that is too long for a column",
			"head",
		}, reporttest.Failed(), reporttest.Interrupted()),
		"hostile": compared(t, []string{
			"base",
			"\x1b[31mhostile\u202e<script>alert(1)</script>",
		}, reporttest.Failed(), reporttest.Hostile()),
		"wide": compared(t, []string{"base", "第二の実行"}, base, cjk),
		"loads": compared(
			t,
			[]string{"no budget", "budget 20 %"},
			reporttest.Collapse(),
			reporttest.Comeback(),
		),
		"runs": compared(t, []string{"none", "breaker"}, outage(t, false), outage(t, true)),
		"tests": compare.Compare([]compare.Input{
			input("before", map[string]compare.Document{"": tests(func(*report.Tests) {})}),
			input("after", map[string]compare.Document{"": tests(func(t *report.Tests) {
				t.Results[0].Status, t.Results[0].Failures = report.TestFailed, []report.TestFailure{{
					Expect: "attempts(\"collector\") <= 3",
					Line:   14,
				}}
				t.Results[1].Status, t.Results[1].Verdict, t.Results[1].Failures = report.TestPassed, "degraded", nil
			})})}),
		"folders": compare.Compare([]compare.Input{
			input("base", map[string]compare.Document{
				"full_disk": of(reporttest.Storage()),
				"network":   of(reporttest.Network()),
				"quiet":     of(reporttest.Success()),
				"gone":      of(reporttest.Success()),
			}),
			input("head", map[string]compare.Document{
				"full_disk": of(reporttest.Failed()),
				"network":   of(reporttest.Better()),
				"quiet":     of(reporttest.Success()),
				"new":       of(reporttest.Drill()),
			})}),
	}
}

func compareText(t tester, r *compare.Result, in string, s text.Style) string {
	t.Helper()
	var out bytes.Buffer
	if err := format.Comparison(r).Write(&out, in, s); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestCompareGolden(t *testing.T) {
	reporttest.NothingRaces(t)
	for name, r := range comparisons(t) {
		t.Run(name, func(t *testing.T) {
			reporttest.Golden(t, "compare/"+name+".txt", compareText(t, r, "text", text.Style{}))
			reporttest.Golden(t, "compare/"+name+".color.txt", compareText(t, r, "text", text.Style{Color: true}))
			reporttest.Golden(t, "compare/"+name+".md", compareText(t, r, "markdown", text.Style{}))
			reporttest.Golden(t, "compare/"+name+".html", withoutAssets(compareHTML(t, r)))
		})
	}
	for _, name := range []string{"pair", "apart", "tests", "campaigns"} {
		reporttest.Golden(t, "compare/"+name+".json", compareText(t, comparisons(t)[name], "json", text.Style{}))
	}
	for _, width := range []int{60, 120, 200} {
		for _, name := range []string{"pair", "many", "hostile", "runs", "loads"} {
			reporttest.Golden(t, fmt.Sprintf(
				"compare/%s.%d.txt",
				name,
				width,
			), compareText(t, comparisons(t)[name], "text", text.Style{Width: width}))
		}
	}
}

func TestMeasuresGolden(t *testing.T) {
	var out bytes.Buffer
	if err := text.WriteMeasures(&out, text.Style{}); err != nil {
		t.Fatal(err)
	}
	reporttest.Golden(t, "compare/measures.txt", out.String())
	checkWidth(t, "measures", out.String(), 80)
}

func TestCompareTextIsNoWiderThanAsked(t *testing.T) {
	for name, r := range comparisons(t) {
		for _, width := range []int{40, 60, 63, 79, 80, 120, 200} {
			for _, color := range []bool{false, true} {
				checkWidth(t, name, compareText(t, r, "text", text.Style{Width: width, Color: color}), width)
			}
		}
	}
}

// A measure that differs is told whatever the width, and one that does not is not.
func TestCompareTextTellsWhatDiffers(t *testing.T) {
	r := comparisons(t)["pair"]
	for _, width := range []int{60, 80, 200} {
		got := compareText(t, r, "text", text.Style{Width: width})
		equal := 0
		for _, row := range r.Comparisons[0].Rows {
			if row.Same() {
				equal++
			}
			told := strings.Contains(got, " "+row.Name+" ") ||
				strings.Contains(got, "\u00a0"+row.Name) ||
				strings.Contains(got, row.Name+"\n")
			if told {
				if row.Same() {
					t.Errorf("%s is the same, and is told", row.Name)
				}
			} else if !row.Same() {
				t.Errorf("%s differs, and is not told", row.Name)
			}
		}
		if want := fmt.Sprintf("… and %d equal\n", equal); !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
}

// Whatever the reports or campaigns say, a comparison can be written in every format, and its text stays inside the
// page.
func TestCompareAnyDocuments(t *testing.T) {
	reporttest.NothingRaces(t)
	reports, campaigns := reporttest.Any(), reporttest.AnyOf[report.Campaign]()
	usual := harmlessComparison(t)
	label := rapid.SampledFrom([]string{
		"",
		" ",
		"base",
		"head ",
		"\x1b[2J",
		"\u202ehead",
		"第二の実行",
		"e\u0301",
		"a\nb\tc",
		strings.Repeat("long ", 20),
	})
	rapid.Check(t, func(t *rapid.T) {
		var r *compare.Result
		if rapid.Bool().Draw(t, "campaigns") {
			a, b := campaigns.Draw(t, "a"), campaigns.Draw(t, "b")
			r = comparedCampaigns([]string{label.Draw(t, "label"), label.Draw(t, "label")}, &a, &b)
		} else {
			a, b := reports.Draw(t, "a"), reports.Draw(t, "b")
			r = compared(t, []string{label.Draw(t, "label"), label.Draw(t, "label")}, &a, &b)
		}
		width := rapid.IntRange(40, 200).Draw(t, "width")
		plain := compareText(t, r, "text", text.Style{Width: width})
		checkWidth(t, "any", plain, width)
		if i := strings.IndexFunc(plain, func(c rune) bool {
			return c != '\n' && (unicode.IsControl(c) || unicode.Is(
				unicode.Cf,
				c,
			))
		}); i >= 0 {
			t.Fatalf("the text has %q:\n%s", plain[i:i+1], plain)
		}
		if colored := compareText(t, r, "text", text.Style{
			Width: width,
			Color: true,
		}); sgr.ReplaceAllString(colored, "") != plain {
			t.Fatalf("color changes the text:\n%s\n%s", plain, colored)
		}
		checkMarkdown(t, compareText(t, r, "markdown", text.Style{}))
		checkHTML(t, compareHTML(t, r), usual)
		doc := compareText(t, r, "json", text.Style{})
		if i := strings.IndexFunc(doc, func(c rune) bool {
			return c != '\n' && (unicode.IsControl(c) || unicode.Is(
				unicode.Cf,
				c,
			))
		}); i >= 0 || !json.Valid([]byte(doc)) {
			t.Fatalf("the JSON is invalid, or has %d:\n%s", i, doc)
		}
	})
}

func TestCompareMarkdownIsHarmless(t *testing.T) {
	for name, r := range comparisons(t) {
		t.Run(name, func(t *testing.T) { checkMarkdown(t, compareText(t, r, "markdown", text.Style{})) })
	}
	for name, attack := range attacks() {
		t.Run(name, func(t *testing.T) {
			pair := compared(t, []string{attack, attack + "2"}, reporttest.Network(), attacked(attack))
			checkMarkdown(t, compareText(t, pair, "markdown", text.Style{}))
			pair.Comparisons[0].Name = attack
			checkMarkdown(t, compareText(t, pair, "markdown", text.Style{}))
			campaigns := comparedCampaigns([]string{
				attack,
				attack + "2",
			}, recorded[report.Campaign](t, "random.json"), attackedCampaign(t, attack))
			checkMarkdown(t, compareText(t, campaigns, "markdown", text.Style{}))
		})
	}
}

// A comment has an end, and the worst stands before it.
func TestCompareMarkdownIsShortened(t *testing.T) {
	reporttest.NothingRaces(t)
	many := reporttest.Network()
	many.Verdict = catalog.Failed
	for i := range 3000 {
		many.Channels = append(many.Channels, report.Channel{Name: fmt.Sprintf("channel %d|<", i), Tried: 1})
		many.Settings.Faults = append(many.Settings.Faults, named(fmt.Sprintf("%d%s", i, strings.Repeat("&", 300))))
	}
	got := compareText(t, compared(t, []string{"base", "head"}, reporttest.Network(), many), "markdown", text.Style{})
	checkMarkdown(t, got)
	for _, want := range []string{
		"✗ verdict",
		"more rows\n",
		"<summary>Neither better nor worse: 12,000",
		"<summary>Equal: ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%.3000s", want, got)
		}
	}
	var inputs []compare.Input
	for _, r := range []*report.Report{reporttest.Network(), reporttest.Storage()} {
		in := compare.Input{Documents: map[string]compare.Document{}}
		for i := range 300 {
			in.Documents[fmt.Sprintf("scenario %03d", i)] = compare.Document{Document: report.Document{Report: r}}
		}
		inputs = append(inputs, in)
	}
	got = compareText(t, compare.Compare(inputs), "markdown", text.Style{})
	checkMarkdown(t, got)
	for _, want := range []string{"✗ scenario 000 ", "<summary>scenario 000: ", "more rows", "\n> Shortened: "} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%.3000s", want, got)
		}
	}
}

// named is a fault at a place of any name.
func named(place string) fault.Fault { return fault.Fault{Place: catalog.Place(place)} }

func TestCompareFormats(t *testing.T) {
	r := comparisons(t)["pair"]
	for _, in := range format.Comparison(nil).Formats() {
		if got := compareText(t, r, in, text.Style{}); !strings.Contains(got, "attempts.collector") {
			t.Errorf("%s does not tell what differs:\n%s", in, got)
		}
		if err := format.Comparison(r).Write(broken{}, in, text.Style{}); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s: error %v", in, err)
		}
	}
	err := format.Comparison(r).Write(io.Discard, "yaml", text.Style{})
	if err == nil || !strings.Contains(err.Error(), "yaml") || !strings.Contains(err.Error(), "markdown") {
		t.Errorf("error %v", err)
	}
}

func TestChangeOf(t *testing.T) {
	r := comparisons(t)["many"].Comparisons[0]
	for want, c := range map[string]struct {
		name  string
		input int
	}{
		"degraded → success":                  {"verdict", 1},
		"7 → 11 (+4 · +57.1 %)":               {"attempts.collector", 1},
		"0 → 11 (+11)":                        {"ledger.spooled", 2},
		"90 % → 36.7 % (−53.33 pp · −59.3 %)": {"ledger.delivered_share", 2},
		"31.1 s → 31.8 s (+752 ms · +2.4 %)":  {"duration_ms", 1},
	} {
		i := slices.IndexFunc(r.Rows, func(r compare.Row) bool { return r.Name == c.name })
		if got := render.ChangeOf(r.Rows[i], c.input); got != c.name+" "+want {
			t.Errorf("%q, want %s %s", got, c.name, want)
		}
	}
}
