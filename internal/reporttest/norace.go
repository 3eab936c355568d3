//go:build !race

package reporttest

const raceDetector = false
