package undelivered

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"faultflow/internal/report"
)

// sampled is how much of a record a sample shows, in bytes.
const sampled = 400

// Inspect counts what the files hold, and as waiting what a filter means.
func (f *Folder) Inspect(by Filter) (*report.Inspection, error) {
	lines, err := f.Select(by)
	if err != nil {
		return nil, err
	}
	doc := &report.Inspection{
		Dir:     f.Dir,
		Files:   []report.InspectedFile{},
		Groups:  []report.InspectedGroup{},
		Samples: []report.Sample{},
	}
	files := map[string]*report.InspectedFile{}
	for i := range f.Lines {
		l := &f.Lines[i]
		if files[l.File] == nil {
			files[l.File] = &report.InspectedFile{Name: l.File}
		}
		files[l.File].Lines++
		switch {
		case l.Replayed:
			files[l.File].Replayed++
		case l.Unreadable:
			files[l.File].Unreadable++
		}
	}
	groups, seen := map[report.InspectedGroup]int64{}, map[report.InspectedGroup]bool{}
	for _, at := range lines {
		l := &f.Lines[at]
		c, err := f.Content(l)
		if err != nil {
			return nil, err
		}
		group := report.InspectedGroup{File: l.File, Place: c.Place, Class: c.Class, Reason: c.Reason}
		if c.Reason != "" {
			groups[group]++
		}
		if l.Unreadable {
			continue
		}
		files[l.File].Waiting++
		aged(files[l.File], c.Timestamp)
		if !seen[group] && len(doc.Samples) < report.MaxSamples {
			seen[group] = true
			doc.Samples = append(doc.Samples, sample(l, &c))
		}
	}
	for _, file := range files {
		doc.Files = append(doc.Files, *file)
	}
	slices.SortFunc(doc.Files, func(a, b report.InspectedFile) int { return strings.Compare(a.Name, b.Name) })
	for group, n := range groups {
		group.Count = n
		doc.Groups = append(doc.Groups, group)
	}
	slices.SortFunc(doc.Groups, func(a, b report.InspectedGroup) int {
		return cmp.Or(
			cmp.Compare(b.Count, a.Count),
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Place, b.Place),
			cmp.Compare(a.Class, b.Class),
			cmp.Compare(a.Reason, b.Reason),
		)
	})
	doc.Grouped = len(doc.Groups)
	doc.Groups = doc.Groups[:min(len(doc.Groups), report.MaxInspected)]
	doc.Uncertain = f.uncertain()
	return doc, nil
}

// uncertain counts the lines of deliveries whose end nobody noted.
func (f *Folder) uncertain() int64 {
	lines := map[int]bool{}
	for _, s := range f.Open {
		for _, at := range f.Within(s.Lines) {
			if !f.Lines[at].Replayed {
				lines[at] = true
			}
		}
	}
	return int64(len(lines))
}

// aged has the oldest and the newest time of a file cover another one. Texts of times don't compare as the times do.
func aged(file *report.InspectedFile, timestamp string) {
	at, err := time.Parse(time.RFC3339Nano, timestamp)
	if err != nil {
		return
	}
	if oldest, err := time.Parse(time.RFC3339Nano, file.Oldest); err != nil || at.Before(oldest) {
		file.Oldest = timestamp
	}
	if newest, err := time.Parse(time.RFC3339Nano, file.Newest); err != nil || at.After(newest) {
		file.Newest = timestamp
	}
}

func sample(l *Line, c *Content) report.Sample {
	s := report.Sample{File: l.File, Line: l.Number, Text: string(c.Record)}
	if len(s.Text) > sampled {
		s.Text, s.Cut = strings.ToValidUTF8(s.Text[:sampled], ""), true
	}
	return s
}
