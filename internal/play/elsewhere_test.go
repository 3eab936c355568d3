package play

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"faultflow/internal/reporttest"
	"faultflow/internal/settings"
)

// TestAnswersAreThoseOfAnotherPlatform: the page has the same bytes from a server and from its own engine, for each
// lesson, for random positions of its knobs, and for what is taken along.
func TestAnswersAreThoseOfAnotherPlatform(t *testing.T) { reporttest.Elsewhere(t, sums) }

// sums are those of answers, one a line.
func sums(t *testing.T) []byte {
	var lines bytes.Buffer
	note := func(r Request) {
		all := answers(t, &Engine{}, r)
		last := all[len(all)-1]
		if r.Want == HTML || r.Want == JSON {
			last.Document = "" // which tells when it was made
		}
		text, err := json.Marshal(last)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&lines, "%s %v: %x\n", r.Want, r.Settings, sha256.Sum256(text))
	}
	list, err := lessons()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range list {
		note(Request{Want: Run, Settings: l.Settings})
	}
	random := rand.New(rand.NewPCG(1, 2))
	groups := knobs()
	for range 200 {
		given := []Setting{{"seed", fmt.Sprint(random.IntN(1000))}, {"cycles", fmt.Sprint(1 + random.IntN(4))}}
		for range random.IntN(8) {
			g := groups[random.IntN(len(groups))]
			k := g.Knobs[random.IntN(len(g.Knobs))]
			text := k.Default
			switch {
			case k.Name == "cycles" || k.Name == "batch-size" || k.Name == "for" || k.Name == "load":
				continue
			case k.Slider != nil:
				v := k.Slider.Low + random.Float64()*(min(k.Slider.High, 10_000)-k.Slider.Low)
				format := map[settings.Type]string{settings.Int: "%.0f", settings.Duration: "%.0fms", settings.Number: "%.3f"}
				text = fmt.Sprintf(format[k.Type], v)
			case k.Choices != nil:
				text = k.Choices[random.IntN(len(k.Choices))]
			case k.Type == settings.Bool:
				text = fmt.Sprint(random.IntN(2) == 0)
			case k.Rows != nil:
				text = k.Rows.Example
			}
			given = append(given, Setting{k.Name, text})
		}
		note(Request{Want: Run, Settings: given})
	}
	network := []Setting{{"seed", "7"}, {"simulate-failures", "true"}, {"failure-type", "network"}}
	note(Request{Want: Run, Settings: network, Pinned: list[0].Settings})
	for _, want := range []Want{Scenario, HTML, JSON} {
		note(Request{Want: want, Settings: network, Name: "played"})
	}
	note(Request{Want: Seeds, Settings: network, Runs: 50})
	return lines.Bytes()
}
