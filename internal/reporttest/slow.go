package reporttest

import "testing"

// NothingRaces skips a test under the race detector, which takes ten times as long there and finds nothing: the test is
// of code without goroutines, or of runs that other tests make under it.
func NothingRaces(t *testing.T) {
	t.Helper()
	if raceDetector {
		t.Skip("nothing of it runs beside anything else")
	}
}
