package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"faultflow/internal/reporttest"
)

// TestPicturesShowWhatIsPrinted holds the documents' pictures of terminals against what the program prints; make
// pictures makes them anew.
func TestPicturesShowWhatIsPrinted(t *testing.T) {
	reporttest.NothingRaces(t)
	outage := "--clock virtual --seed 7 --cycles 12 --fault collector.fetch=connection_refused,from=2s,to=40s"
	load := "--clock virtual --seed 7 --load 60/s --for 90s --batch-size 1 --capacity collector.fetch=service=10ms " +
		"--fault collector.fetch=halt,from=20s,to=30s --attempts 4 --timeout 1s --retry-delay 1ms --bulkhead 10000"
	t.Chdir("../..") // where make runs, so that paths are the same
	lesson := func(name string) string { return "testdata/scenarios/overload/" + name + ".yaml" }
	for file, args := range map[string][]string{
		"report.svg":  append(strings.Fields(outage), "--enable-circuit-breaker"),
		"compare.svg": {"compare", "--run", outage, "--run", outage + " --enable-circuit-breaker"},
		"load.svg":    {"compare", "--run", load, "--run", load + " --attempts 1"},
		"retries.svg": {"compare", lesson("retries-keep-it-down"), lesson("retries-below-the-boundary")},
		"budget.svg":  {"compare", lesson("budget-lets-it-come-back"), lesson("budget-behind-backoff")},
		"fleet.svg":   {"compare", lesson("fleet-probes-in-step"), lesson("fleet-with-jitter")},
	} {
		var out bytes.Buffer
		s := testStreams(t)
		s.out = &out
		if code := run(context.Background(), args, s); code != exitOK {
			t.Fatalf("%q exits with %d", args, code)
		}
		shown, printed := pictureLines(t, "docs/pictures/"+file), printedLines(out.String())
		if file != "report.svg" && file != "compare.svg" { // without the table of what differs
			heading := func(title string) int {
				return slices.IndexFunc(printed, func(l string) bool { return strings.HasPrefix(l, title+" ─") })
			}
			printed = slices.Delete(printed, heading("Outcomes"), heading("Timelines"))
		}
		if !slices.Equal(shown, printed) {
			t.Errorf("%s does not show what is printed (make pictures):\n%s", file, strings.Join(printed, "\n"))
		}
	}
}

// pictureLines are the texts of an SVG picture, a <text> a line, but for empty ones.
func pictureLines(t *testing.T, path string) (lines []string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line, inside := "", false
	for decoder := xml.NewDecoder(bytes.NewReader(data)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "text" {
				line, inside = "", true
			}
		case xml.CharData:
			if inside {
				line += string(token)
			}
		case xml.EndElement:
			if token.Name.Local == "text" {
				lines, inside = append(lines, printedLines(line)...), false
			}
		}
	}
}

func printedLines(s string) (lines []string) {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
