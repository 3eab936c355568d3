package reporttest

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"testing"
)

// Elsewhere holds lines, such as hashes of reports, against those that another platform wrote into the file of
// FAULTFLOW_HASHES, or writes them there if it is not there yet. `make wasm` runs a test here and then as WebAssembly in
// node, whose system has other errors.
func Elsewhere(t *testing.T, lines func(*testing.T) []byte) {
	t.Helper()
	path := os.Getenv("FAULTFLOW_HASHES")
	if path == "" {
		t.Skip("FAULTFLOW_HASHES names no file; make wasm runs this test")
	}
	got := lines(t)
	want, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		want, err = got, os.WriteFile(path, got, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	there, here := bytes.Split(want, []byte("\n")), bytes.Split(got, []byte("\n"))
	if len(there) != len(here) {
		t.Fatalf("%d lines here, %d there", len(here), len(there))
	}
	for i := range here {
		if !bytes.Equal(here[i], there[i]) {
			t.Errorf("here:  %s\nthere: %s", here[i], there[i])
		}
	}
}
