package campaign

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"faultflow/internal/report"
)

// FuzzMerge: a part is refused with an error or merged, whatever it holds.
func FuzzMerge(f *testing.F) {
	files, err := filepath.Glob("../../testdata/parts/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no parts", err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(bytes.Replace(text, []byte(`"of": 3`), []byte(`"of": 1`), 1))
		f.Add(bytes.ReplaceAll(text, []byte(`"count": 1`), []byte(`"count": 9223372036854775807`)))
		f.Add(bytes.ReplaceAll(text, []byte(`"value": 1`), []byte(`"value": 4.6e18`)))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := report.ReadCampaign(bytes.NewReader(text))
		if err != nil && !errors.Is(err, report.ErrHash) { // the hash keeps no one from writing what they like
			return
		}
		part := File{Name: "part", Campaign: c}
		if c.Part.Of < 1 {
			return // ReadPart refuses it
		}
		whole, err := Merge([]File{part})
		if err == nil {
			err = whole.Seal()
		}
		var bad *PartError
		if err != nil && !errors.As(err, &bad) {
			t.Errorf("%v", err)
		}
	})
}
