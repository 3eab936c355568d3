package reporttest

import (
	"os"
	"path/filepath"
	"testing"
)

// Updating tells whether tests write what they would compare: golden files, scripts' outputs, saved reports,
// the reference. FAULTFLOW_UPDATE=1 is the one switch; unlike a flag, packages without golden files take it, too.
func Updating() bool { return os.Getenv("FAULTFLOW_UPDATE") != "" }

// Golden compares got with a file in the package's testdata, or writes it there while Updating.
func Golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if Updating() {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (FAULTFLOW_UPDATE=1 accepts it):\n%s", path, got)
	}
}
