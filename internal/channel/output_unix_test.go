//go:build unix

package channel

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestOutputMode(t *testing.T) {
	dir := t.TempDir()
	writeOld(t, dir) // with 0600: an old file's mode is not taken over
	defer syscall.Umask(syscall.Umask(0o027))
	check(t, create(t, dir).Commit())
	for _, name := range outputNames {
		info, err := os.Stat(filepath.Join(dir, name))
		check(t, err)
		if got := info.Mode(); got != 0o640 {
			t.Errorf("%s is %v, want 0640", name, got)
		}
	}
}
