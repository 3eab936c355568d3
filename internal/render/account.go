package render

import "faultflow/internal/report"

// Account is what is told of many runs, as content that each format lays out in its own way.
type Account struct {
	// What it is about, and the Noun for the document.
	What, Noun string
	// Settings are those of all runs.
	Settings Section
	Sections []Section
	Tiles    []Tile
	// Sign and Said are the conclusion; Made is how long that took, "" where it is not known.
	Sign       Sign
	Said, Made string
	// Schema, Hash and Meta are those of the document.
	Schema, Hash string
	Meta         report.Meta
}
