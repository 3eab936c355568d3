package render_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"faultflow/internal/render/format"
	"faultflow/internal/render/text"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
)

func TestWriteKnowsEveryFormat(t *testing.T) {
	starts := map[string]string{
		"text":     "━━━",
		"json":     "{\n",
		"markdown": "### ✅ faultflow: success",
		"html":     "<!doctype html>\n",
		"junit":    "<?xml ",
	}
	for _, in := range format.Report(nil).Formats() {
		var out bytes.Buffer
		if err := format.Report(reporttest.Success()).Write(&out, in, text.Style{}); err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if start, ok := starts[in]; !ok || !strings.HasPrefix(out.String(), start) {
			t.Errorf("%s begins with %.20q", in, out.String())
		}
	}
}

func TestWriteHandsTheStyleOn(t *testing.T) {
	var out bytes.Buffer
	if err := format.Report(reporttest.Success()).Write(&out, "text", text.Style{Color: true, Width: 50}); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), textOf(t, reporttest.Success(), text.Style{Color: true, Width: 50}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWriteRefusesUnknownFormats(t *testing.T) {
	var out bytes.Buffer
	err := format.Report(reporttest.Success()).Write(&out, "yaml", text.Style{})
	if err == nil || out.Len() > 0 {
		t.Fatalf("error %v, %d bytes written", err, out.Len())
	}
	for _, want := range append(format.Report(nil).Formats(), "yaml") {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %s: %v", want, err)
		}
	}
}

// written is what a writer of reports writes.
func written(t tester, r *report.Report, write func(io.Writer, *report.Report) error) string {
	t.Helper()
	var out bytes.Buffer
	if err := write(&out, r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// In every format, no character from outside does anything or hides; text keeps to its width, JSON reads back.
func TestTextAndJSONUnderAttack(t *testing.T) {
	reporttest.NothingRaces(t)
	for name, attack := range attacks() {
		t.Run(name, func(t *testing.T) {
			plain := textOf(t, attacked(attack), text.Style{})
			checkWidth(t, name, plain, 80)
			doc := written(t, attacked(attack), report.WriteJSON)
			for in, got := range map[string]string{"text": plain, "JSON": doc} {
				if r, found := unseen(got); found {
					t.Errorf("%s has %U", in, r)
				}
			}
			read, err := report.Parse([]byte(doc))
			if want := strings.ToValidUTF8(attack, "\ufffd"); err != nil || read.Report.Findings[0].Message != want {
				t.Errorf("reads back as %q, error %v", read.Report.Findings[0].Message, err)
			}
		})
	}
}
