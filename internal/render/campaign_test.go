package render_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/render"
	"faultflow/internal/render/format"
	"faultflow/internal/render/text"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
)

// recorded reads a document that faultflow campaign wrote (see testdata/campaign/README.md).
func recorded[D any](t *testing.T, file string) *D {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "campaign", file))
	if err != nil {
		t.Fatal(err)
	}
	doc := new(D)
	if err := json.Unmarshal(text, doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// accounts are functions that write the recorded documents, by the name of their golden files.
func accounts(t *testing.T) map[string]func(in string, s text.Style) string {
	whole := recorded[report.Campaign](t, "random.json")
	whole.Meta.RealMS = 1234
	part := *whole
	part.Part, part.Interrupted, part.Scenario = report.Part{Index: 2, Of: 3}, true, "an outage"
	part.Until = report.Until{Condition: "ci(verdict.degraded) < 0.005", Reached: true}
	part.Violations = report.CampaignViolations{
		Count: 12,
		List: []report.Violation{{
			Seed:    7,
			Problem: "the ledger does not balance: 1 lost",
			Repeat:  "faultflow --seed 7",
		}},
	}
	part.Expect = []report.CampaignExpectation{
		{Condition: "ledger.lost == 0", Share: report.Share{Count: 60, Of: 60, Share: 1, Low: 0.94, High: 1}},
		{
			Condition:    `verdict == "success"`,
			Share:        report.Share{Count: 39, Of: 45, Share: 0.867, Low: 0.738, High: 0.937},
			Inconclusive: 15,
			Failing: []report.FailingRun{
				{Seed: 7, Repeat: "faultflow --seed 7"},
				{Seed: 9, Repeat: "faultflow --seed 9"},
			},
		},
		{Condition: `breaker("collector").closed == 1`, Inconclusive: 60},
	}
	checks := []report.Check{
		{
			Condition: "ledger.lost == 0",
			Status:    report.TestPassed,
			Values:    []report.TestValue{{Name: "ledger.lost", Text: "0"}},
		},
		{
			Condition: "verdict.degraded.share < 0.01",
			Status:    report.TestFailed,
			Values:    []report.TestValue{{Name: "verdict.degraded.share", Text: "0.1"}},
		},
		{
			Condition: `attempts("fallback_data").max <= 3`,
			Status:    report.TestInconclusive,
			Reasons:   []string{"the node fallback_data ran in no run"},
		},
	}
	sweep, ablation, twice := recorded[report.Sweep](
		t,
		"sweep.json",
	), recorded[report.Ablation](t, "ablation.json"), recorded[report.Determinism](t, "determinism.json")
	sweep.Meta, ablation.Meta, twice.Meta = report.Meta{}, report.Meta{}, report.Meta{}
	broken := *twice
	broken.Different, broken.List = 9, []report.Difference{{
		Seed:   3,
		First:  strings.Repeat("a", 64),
		Second: strings.Repeat("b", 64),
		Repeat: "faultflow --seed 3",
	}}
	writes := func(write func(w *strings.Builder, in string, s text.Style) error) func(string, text.Style) string {
		return func(in string, s text.Style) string {
			var b strings.Builder
			if err := write(&b, in, s); err != nil {
				t.Fatal(err)
			}
			return b.String()
		}
	}
	ofCampaign := func(c *report.Campaign, checks []report.Check) func(string, text.Style) string {
		return writes(func(w *strings.Builder, in string, s text.Style) error {
			return format.Campaign(c, checks).Write(w, in, s)
		})
	}
	ofCheck := func(d *report.Determinism) func(string, text.Style) string {
		return writes(func(w *strings.Builder, in string, s text.Style) error {
			return format.Determinism(d).Write(w, in, s)
		})
	}
	return map[string]func(string, text.Style) string{
		"campaign": ofCampaign(whole, nil),
		"part":     ofCampaign(&part, checks),
		"none":     ofCampaign(&report.Campaign{}, nil),
		"sweep": writes(func(w *strings.Builder, in string, s text.Style) error {
			return format.Sweep(sweep).Write(w, in, s)
		}),
		"ablation": writes(func(w *strings.Builder, in string, s text.Style) error {
			return format.Ablation(ablation).Write(w, in, s)
		}),
		"determinism": ofCheck(twice),
		"different":   ofCheck(&broken),
	}
}

func TestCampaignGolden(t *testing.T) {
	all := accounts(t)
	usual := harmlessAccounts(t)
	for name, write := range all {
		t.Run(name, func(t *testing.T) {
			reporttest.Golden(t, "campaign/"+name+".txt", write("text", text.Style{}))
			reporttest.Golden(t, "campaign/"+name+".md", write("markdown", text.Style{}))
			reporttest.Golden(t, "campaign/"+name+".html", withoutAssets(write("html", text.Style{})))
			checkMarkdown(t, write("markdown", text.Style{}))
			checkHTML(t, write("html", text.Style{}), usual)
			for _, width := range []int{40, 60, 80, 120, 200} {
				plain := write("text", text.Style{Width: width})
				checkWidth(t, name, withoutCommands(plain), width)
				if colored := write("text", text.Style{
					Width: width,
					Color: true,
				}); sgr.ReplaceAllString(colored, "") != plain {
					t.Errorf("color changes the text:\n%s\n%s", plain, colored)
				}
			}
		})
	}
	reporttest.Golden(t, "campaign/campaign.color.txt", all["campaign"]("text", text.Style{Color: true}))
	reporttest.Golden(t, "campaign/ablation.120.txt", all["ablation"]("text", text.Style{Width: 120}))
}

// withoutCommands leaves out the lines that may be too long: commands whose words are longer than the page.
func withoutCommands(s string) string {
	var kept []string
	for line := range strings.Lines(s) {
		if !strings.HasPrefix(strings.TrimSpace(line), "faultflow --") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// harmlessAccounts is the shape of all usual pages.
func harmlessAccounts(t *testing.T) map[string]bool {
	t.Helper()
	usual := map[string]bool{}
	for _, write := range accounts(t) {
		for what := range shape(t, write("html", text.Style{})) {
			usual[what] = true
		}
	}
	for what := range usual {
		if !strings.HasPrefix(
			what,
			"meta content=default-src",
		) && (strings.Contains(what, " on") || strings.Contains(what, " style=") || strings.Contains(what, "//")) {
			t.Errorf("a usual page has <%s>", what)
		}
	}
	for _, what := range []string{"main", "svg role", "rect width", "code", "table", "details"} {
		if !usual[what] {
			t.Errorf("no page has <%s>, so its shape proves nothing", what)
		}
	}
	return usual
}

// TestCampaignOfAnyDocument: whatever a file claims to hold, its text can't steer the terminal, a comment or a page.
func TestCampaignOfAnyDocument(t *testing.T) {
	reporttest.NothingRaces(t)
	campaigns, sweeps, ablations, checks := reporttest.AnyOf[report.Campaign](), reporttest.AnyOf[report.Sweep](), reporttest.AnyOf[report.Ablation](), reporttest.AnyOf[report.Determinism]()
	usual := harmlessAccounts(t)
	rapid.Check(t, func(t *rapid.T) {
		c, s, a, d := campaigns.Draw(
			t,
			"campaign",
		), sweeps.Draw(t, "sweep"), ablations.Draw(t, "ablation"), checks.Draw(t, "determinism")
		for _, write := range []func(w *strings.Builder, in string) error{
			func(w *strings.Builder, in string) error {
				return format.Campaign(&c, []report.Check{{
					Condition: c.Scenario,
					Reasons:   []string{c.Scenario},
					Values:    []report.TestValue{{Name: c.Scenario, Text: c.Scenario}},
				}}).Write(w, in, text.Style{})
			},
			func(w *strings.Builder, in string) error { return format.Sweep(&s).Write(w, in, text.Style{}) },
			func(w *strings.Builder, in string) error {
				return format.Ablation(&a).Write(w, in, text.Style{})
			},
			func(w *strings.Builder, in string) error {
				return format.Determinism(&d).Write(w, in, text.Style{})
			},
		} {
			written := map[string]string{}
			for _, in := range format.Campaign(nil, nil).Formats() {
				var b strings.Builder
				if err := write(&b, in); err != nil {
					t.Fatal(err)
				}
				written[in] = b.String()
			}
			if r, found := unseen(written["text"]); found {
				t.Fatalf("the text has %U:\n%s", r, written["text"])
			}
			checkMarkdown(t, written["markdown"])
			checkHTML(t, written["html"], usual)
		}
	})
}

// attackedCampaign is a campaign of which every text, and some names of what it counts, are s.
func attackedCampaign(t *testing.T, s string) *report.Campaign {
	t.Helper()
	c := recorded[report.Campaign](t, "random.json")
	c.Schema, c.Scenario, c.Hash = s, s, s
	c.Settings.Graph, c.Settings.Clock, c.Settings.FailureType, c.Settings.Faults = s, s, s, []fault.Fault{named(s)}
	c.Until.Condition, c.Meta = s, report.Meta{Version: s, Go: s, StartedAt: s, RealMS: 1}
	c.Nodes[0].Name, c.Dependencies[0].Place, c.Breakers[0].Name, c.Patterns[0].Name, c.Faults[0].Fault = s, s, s, s, s
	c.Origins[s], c.Modes[s], c.Findings[s], c.Errors.ByClass[s] = c.Origins["source"], c.Origins["source"], c.Origins["source"], c.Origins["source"]
	c.Worst[0].Repeat, c.Worst[0].Finding, c.Worst[0].Verdict = s, catalog.FindingCode(s), catalog.Verdict(s)
	c.Expect = []report.CampaignExpectation{
		{Condition: s, Share: report.Share{Of: 1}, Failing: []report.FailingRun{{Repeat: s}}},
	}
	c.Violations = report.CampaignViolations{Count: 1, List: []report.Violation{{Problem: s, Repeat: s}}}
	return c
}

func campaignIn(t *testing.T, c *report.Campaign, checks []report.Check, in string) string {
	t.Helper()
	var b strings.Builder
	if err := format.Campaign(c, checks).Write(&b, in, text.Style{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestCampaignIsHarmless(t *testing.T) {
	usual := harmlessAccounts(t)
	for name, attack := range attacks() {
		t.Run(name, func(t *testing.T) {
			c, checks := attackedCampaign(t, attack), []report.Check{{
				Condition: attack,
				Reasons:   []string{attack},
				Values:    []report.TestValue{{Name: attack, Text: attack}},
			}}
			checkHTML(t, campaignIn(t, c, checks, "html"), usual)
			checkMarkdown(t, campaignIn(t, c, checks, "markdown"))
			if r, found := unseen(campaignIn(t, c, checks, "text")); found {
				t.Errorf("the text has %U", r)
			}
			sweep := recorded[report.Sweep](t, "sweep.json")
			sweep.Scenario, sweep.Sort, sweep.Names[0], sweep.Rows[0].Values[0] = attack, attack, attack, attack
			ablation := recorded[report.Ablation](t, "ablation.json")
			ablation.Rows[0].Pattern, ablation.Rows[0].Flips = attack, []report.Flip{{
				With:          catalog.Verdict(attack),
				Repeat:        attack,
				RepeatWithout: attack,
			}}
			ablation.Rows[1].Problem = attack
			for _, write := range []func(b *strings.Builder, in string) error{
				func(b *strings.Builder, in string) error {
					return format.Sweep(sweep).Write(b, in, text.Style{})
				},
				func(b *strings.Builder, in string) error {
					return format.Ablation(ablation).Write(b, in, text.Style{})
				},
			} {
				var page, comment strings.Builder
				if err := cmp.Or(write(&page, "html"), write(&comment, "markdown")); err != nil {
					t.Fatal(err)
				}
				checkHTML(t, page.String(), usual)
				checkMarkdown(t, comment.String())
			}
		})
	}
}

func TestCampaignFormats(t *testing.T) {
	for name, write := range accounts(t) {
		var schema struct{ Schema string }
		if err := json.Unmarshal(
			[]byte(write("json", text.Style{})),
			&schema,
		); err != nil || name != "none" && !strings.HasPrefix(schema.Schema, "faultflow.") {
			t.Errorf("%s: schema %q, error %v", name, schema.Schema, err)
		}
	}
	err := format.Campaign(&report.Campaign{}, nil).Write(io.Discard, "yaml", text.Style{})
	if err == nil || !strings.Contains(err.Error(), "yaml") || !strings.Contains(err.Error(), "markdown") {
		t.Errorf("error %v", err)
	}
}

// A long list of settings makes a comment no longer than GitHub takes.
func TestCampaignMarkdownIsShortened(t *testing.T) {
	c := recorded[report.Campaign](t, "random.json")
	for i := range 3000 {
		c.Faults = append(c.Faults, report.CampaignFault{Fault: fmt.Sprintf("%d%s", i, strings.Repeat("&", 300))})
	}
	got := campaignIn(t, c, nil, "markdown")
	checkMarkdown(t, got)
	for _, want := range []string{"**Verdicts and records**", "more rows"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%.3000s", want, got)
		}
	}
}

func TestCampaignPageInBrowser(t *testing.T) {
	reporttest.NothingRaces(t)
	t.Parallel()
	b := newBrowser(t)
	all := accounts(t)
	for _, name := range []string{"campaign", "part", "sweep", "ablation", "different"} {
		t.Run(name, func(t *testing.T) {
			b.show(t, all[name]("html", text.Style{}))
			b.Contrast(t, 20)
			b.structure(t)
			b.Wants(t, `document.documentElement.scrollWidth <= innerWidth && document.scripts.length === 0`)
			b.Clean(t)
		})
	}
	b.show(t, all["campaign"]("html", text.Style{}))
	b.Wants(
		t,
		`document.querySelectorAll("svg.bars rect").length === 12 && document.querySelector("svg.bars").getAttribute("aria-label").includes("60\u00a0runs between")`,
	)
	for _, name := range []string{"script", "end of a title", "long word", "combining"} {
		t.Run(
			name,
			func(t *testing.T) {
				b.show(t, campaignIn(t, attackedCampaign(t, attacks()[name]), nil, "html"))
				b.Wants(
					t,
					`document.scripts.length === 0 && document.querySelectorAll("style").length === 1 && !document.querySelector("img, iframe, b, i, object, form")`,
				)
				b.Wants(t, `document.documentElement.scrollWidth <= innerWidth`)
				b.Clean(t)
			},
		)
	}
}

// TestCopiesAreToldApart: a run of which nothing of the source arrived must not read as one that delivered everything.
func TestCopiesAreToldApart(t *testing.T) {
	var c report.Campaign
	c.Runs, c.Ledger = 1, report.CampaignLedger{
		Collected:           200,
		FromSource:          20,
		FromCache:           180,
		Delivered:           190,
		DeliveredFromSource: 10,
		DeliveredCopies:     180,
		DeadLettered:        10,
		DeliveredShare:      0.95,
		SourceShare:         0.5,
	}
	c.Worst = []report.SeedRun{{Seed: 7, Verdict: catalog.Degraded, Collected: 200, Delivered: 190, Copies: 180}}
	r := reporttest.Success()
	r.Ledger = report.Ledger{
		Collected:           200,
		Delivered:           190,
		DeliveredFromSource: 10,
		DeliveredCopies:     180,
		DeadLettered:        10,
	}
	s := report.Sweep{Names: []string{"fallback"}, Rows: []report.SweepRow{{
		Values:   []string{"true"},
		Measures: report.Measures{DeliveredShare: 0.05, CopiesShare: 0.9},
	}}}
	for name, c := range map[string]struct {
		doc  format.Document
		in   string
		want []string
	}{
		"campaign": {format.Campaign(&c, nil), "text", []string{
			"200 records · 5 % delivered · 90 % copies", "10 of 200 delivered · 180 copies",
		}},
		"campaign's page": {format.Campaign(&c, nil), "html", []string{"of 200\u00a0records\u00a0· 90\u00a0% copies"}},
		"run's page":      {format.Report(r), "html", []string{"of 200\u00a0records\u00a0· 180\u00a0copies"}},
		"sweep":           {format.Sweep(&s), "text", []string{"delivered  copies", "5 %    90 %"}},
	} {
		var b strings.Builder
		if err := c.doc.Write(&b, c.in, text.Style{Width: 100}); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s does not say %q:\n%s", name, want, b.String())
			}
		}
	}
}

// TestRunsThatHang have no mean: neither a time nor a number of calls is shown for them.
func TestRunsThatHang(t *testing.T) {
	a := report.Ablation{
		Whole: report.Measures{Runs: 200, DeliveredShare: 0.9, MeanMS: 5000, Calls: 34},
		Rows: []report.AblationRow{{
			Pattern:  "timeout",
			Needed:   3,
			Hanging:  3,
			Worse:    3,
			P:        0.25,
			Holm:     0.25,
			Measures: report.Measures{Runs: 200, DeliveredShare: 0.89},
			Flips:    []report.Flip{{Seed: 5, With: catalog.Success, Repeat: "with", RepeatWithout: "without"}},
		}},
	}
	var b strings.Builder
	if err := format.Ablation(&a).Write(&b, "text", text.Style{Width: 120}); err != nil {
		t.Fatal(err)
	}
	row := strings.Join(strings.Fields(b.String()[strings.Index(b.String(), "\n  timeout "):]), " ")
	if !strings.HasPrefix(row, "timeout 3 −1 = 3 – – 3:0 ~ ") ||
		!strings.Contains(b.String(), "❌ without timeout · seed 5 · success → hangs") ||
		!strings.Contains(b.String(), "hang: runs that never end") {
		t.Error(b.String())
	}
}

// A header says "breaker off" only where no run has one: where each seed decides, it says so, whatever is made of the
// runs.
func TestBreakerOfSomeRuns(t *testing.T) {
	for _, drawn := range []bool{true, false} {
		for _, account := range []render.Account{
			render.SweepAccount(&report.Sweep{BreakerDrawn: drawn}),
			render.AblationAccount(&report.Ablation{BreakerDrawn: drawn}),
			render.DeterminismAccount(&report.Determinism{BreakerDrawn: drawn}),
		} {
			if got := fmt.Sprint(account.Settings); strings.Contains(got, "on · collector in some runs") != drawn {
				t.Errorf("drawn %t, and it says %s", drawn, got)
			}
		}
	}
}
