package report

import "io"

// InspectSchema names the version of the JSON document of faultflow inspect, and of a replay that was only asked what
// it would send.
const InspectSchema = "faultflow.inspect/v1"

// Inspection is what a run left in a folder.
type Inspection struct {
	Schema string `json:"schema"`
	Dir    string `json:"dir"`
	// DryRun says that only what a replay would send is counted as waiting.
	DryRun bool `json:"dry_run"`
	// Holder is the run that has the folder; "" if none has.
	Holder string          `json:"holder"`
	Files  []InspectedFile `json:"files"`
	// Groups are of the lines that wait and say why, those with most first, MaxInspected at most. Grouped counts all of
	// the groups.
	Groups  []InspectedGroup `json:"groups"`
	Grouped int              `json:"grouped"`
	Samples []Sample         `json:"samples"`
	// Uncertain counts the records that wait and that a replay may have delivered before it died.
	Uncertain int64 `json:"uncertain"`
	// Journal is where the folder's journal stands; null without one.
	Journal *InspectedJournal `json:"journal"`
}

// MaxInspected bounds the groups and the samples.
const (
	MaxInspected = 100
	MaxSamples   = 5
)

// InspectedFile counts the lines of a file.
type InspectedFile struct {
	Name string `json:"name"`
	// Lines are all of them; of these wait for a replay those that are neither replayed nor unreadable.
	Lines      int64 `json:"lines"`
	Waiting    int64 `json:"waiting"`
	Replayed   int64 `json:"replayed"`
	Unreadable int64 `json:"unreadable"`
	// Oldest and Newest are the times of the records that wait, in RFC 3339; "" where lines have none.
	Oldest string `json:"oldest"`
	Newest string `json:"newest"`
}

// InspectedGroup is lines of one place, class and reason: dead letters, and what a replay could not send either.
type InspectedGroup struct {
	File   string `json:"file"`
	Place  string `json:"place"`
	Class  string `json:"class"`
	Reason string `json:"reason"`
	Count  int64  `json:"count"`
}

// Sample is a record that waits, or its beginning.
type Sample struct {
	File string `json:"file"`
	Line int64  `json:"line"`
	Text string `json:"text"`
	Cut  bool   `json:"cut"`
}

// InspectedJournal is where a journal stands.
type InspectedJournal struct {
	Run   string `json:"run"`
	Lives int    `json:"lives"`
	// Cycle and Row are the last ones that ended.
	Cycle int   `json:"cycle"`
	Row   int64 `json:"row"`
	// Open are the deliveries after it whose end is not noted.
	Open []OpenDelivery `json:"open"`
}

// OpenDelivery is records that were being sent when a run died.
type OpenDelivery struct {
	Channel string `json:"channel"`
	Key     string `json:"key"`
	Records int64  `json:"records"`
}

// Waiting counts the records that wait in all files.
func (i *Inspection) Waiting() (n int64) {
	for _, f := range i.Files {
		n += f.Waiting
	}
	return n
}

// WriteInspection writes i as WriteJSON writes reports.
func WriteInspection(w io.Writer, i *Inspection) error {
	i.Schema = InspectSchema
	return WriteDocument(w, i)
}
