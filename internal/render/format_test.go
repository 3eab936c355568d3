package render_test

import (
	"bytes"
	"strings"
	"testing"

	"faultflow/internal/render"
	"faultflow/internal/reporttest"
)

func TestWriteKnowsEveryFormat(t *testing.T) {
	starts := map[string]string{"text": "━━━", "json": "{\n"}
	for _, format := range render.Formats() {
		var out bytes.Buffer
		if err := render.Write(&out, reporttest.Success(), format, render.Style{}); err != nil {
			t.Errorf("%s: %v", format, err)
		}
		if start, ok := starts[format]; !ok || !strings.HasPrefix(out.String(), start) {
			t.Errorf("%s begins with %.20q", format, out.String())
		}
	}
}

func TestWriteHandsTheStyleOn(t *testing.T) {
	var out bytes.Buffer
	if err := render.Write(&out, reporttest.Success(), "text", render.Style{Color: true, Width: 50}); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), text(t, reporttest.Success(), render.Style{Color: true, Width: 50}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWriteRefusesUnknownFormats(t *testing.T) {
	var out bytes.Buffer
	err := render.Write(&out, reporttest.Success(), "yaml", render.Style{})
	if err == nil || out.Len() > 0 {
		t.Fatalf("error %v, %d bytes written", err, out.Len())
	}
	for _, want := range append(render.Formats(), "yaml") {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %s: %v", want, err)
		}
	}
}
