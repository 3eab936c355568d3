package render_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"faultflow/internal/render"
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

// campaignTexts are functions that write the recorded documents, by the name of their golden files.
func campaignTexts(t *testing.T) map[string]func(render.Style) string {
	whole := recorded[report.Campaign](t, "random.json")
	whole.Meta.RealMS = 1234
	part := *whole
	part.Part, part.Interrupted, part.Scenario = report.Part{Index: 2, Of: 3}, true, "an outage"
	part.Until = report.Until{Condition: "ci(verdict.degraded) < 0.005", Reached: true}
	part.Violations = report.CampaignViolations{Count: 12, List: []report.Violation{{Seed: 7, Problem: "the ledger does not balance: 1 lost", Repeat: "faultflow --seed 7"}}}
	checks := []report.Check{{Condition: "ledger.lost == 0", Held: true, Values: []report.TestValue{{Name: "ledger.lost", Text: "0"}}},
		{Condition: "verdict.degraded.share < 0.01", Values: []report.TestValue{{Name: "verdict.degraded.share", Text: "0.1"}}}}
	sweep, ablation, twice := recorded[report.Sweep](t, "sweep.json"), recorded[report.Ablation](t, "ablation.json"), recorded[report.Determinism](t, "determinism.json")
	sweep.Meta, ablation.Meta, twice.Meta = report.Meta{}, report.Meta{}, report.Meta{}
	broken := *twice
	broken.Different, broken.List = 9, []report.Difference{{Seed: 3, First: strings.Repeat("a", 64), Second: strings.Repeat("b", 64), Repeat: "faultflow --seed 3"}}
	writes := func(write func(w *strings.Builder, s render.Style) error) func(render.Style) string {
		return func(s render.Style) string {
			var b strings.Builder
			if err := write(&b, s); err != nil {
				t.Fatal(err)
			}
			return b.String()
		}
	}
	return map[string]func(render.Style) string{
		"campaign": writes(func(w *strings.Builder, s render.Style) error { return render.WriteCampaign(w, whole, nil, "text", s) }),
		"part": writes(func(w *strings.Builder, s render.Style) error {
			return render.WriteCampaign(w, &part, checks, "text", s)
		}),
		"none": writes(func(w *strings.Builder, s render.Style) error {
			return render.WriteCampaign(w, &report.Campaign{}, nil, "text", s)
		}),
		"sweep":       writes(func(w *strings.Builder, s render.Style) error { return render.WriteSweep(w, sweep, "text", s) }),
		"ablation":    writes(func(w *strings.Builder, s render.Style) error { return render.WriteAblation(w, ablation, "text", s) }),
		"determinism": writes(func(w *strings.Builder, s render.Style) error { return render.WriteDeterminism(w, twice, "text", s) }),
		"different":   writes(func(w *strings.Builder, s render.Style) error { return render.WriteDeterminism(w, &broken, "text", s) }),
	}
}

func TestCampaignGolden(t *testing.T) {
	for name, write := range campaignTexts(t) {
		t.Run(name, func(t *testing.T) {
			reporttest.Golden(t, "campaign/"+name+".txt", write(render.Style{}))
			for _, width := range []int{40, 60, 80, 120, 200} {
				plain := write(render.Style{Width: width})
				checkWidth(t, name, withoutCommands(plain), width)
				if colored := write(render.Style{Width: width, Color: true}); sgr.ReplaceAllString(colored, "") != plain {
					t.Errorf("color changes the text:\n%s\n%s", plain, colored)
				}
			}
		})
	}
	reporttest.Golden(t, "campaign/campaign.color.txt", campaignTexts(t)["campaign"](render.Style{Color: true}))
	reporttest.Golden(t, "campaign/ablation.120.txt", campaignTexts(t)["ablation"](render.Style{Width: 120}))
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

// TestCampaignOfAnyDocument: whatever a file claims to hold, its text can't steer the terminal.
func TestCampaignOfAnyDocument(t *testing.T) {
	campaigns, sweeps, ablations, checks := reporttest.AnyOf[report.Campaign](), reporttest.AnyOf[report.Sweep](), reporttest.AnyOf[report.Ablation](), reporttest.AnyOf[report.Determinism]()
	rapid.Check(t, func(t *rapid.T) {
		c, s, a, d := campaigns.Draw(t, "campaign"), sweeps.Draw(t, "sweep"), ablations.Draw(t, "ablation"), checks.Draw(t, "determinism")
		var b strings.Builder
		for _, err := range []error{
			render.WriteCampaign(&b, &c, []report.Check{{Condition: c.Scenario, Values: []report.TestValue{{Name: c.Scenario, Text: c.Scenario}}}}, "text", render.Style{}),
			render.WriteSweep(&b, &s, "text", render.Style{}), render.WriteAblation(&b, &a, "text", render.Style{}), render.WriteDeterminism(&b, &d, "text", render.Style{}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range b.String() {
			if c != '\n' && (unicode.IsControl(c) || unicode.Is(unicode.Cf, c)) {
				t.Fatalf("the text has %U:\n%s", c, b.String())
			}
		}
	})
}
