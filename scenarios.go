// Package faultflow holds the library of scenarios, for the page on which runs are played with.
package faultflow

import "embed"

// Scenarios are the files of the library, in testdata/scenarios.
//
//go:embed testdata/scenarios/*.yaml testdata/scenarios/overload/*.yaml
var Scenarios embed.FS
