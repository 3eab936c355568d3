package render

import (
	"fmt"

	"faultflow/internal/report"
)

// InspectionAccount tells what a run left in a folder.
func InspectionAccount(i *report.Inspection) Account {
	a := Account{What: "what is in " + ClipText(i.Dir), Noun: "folder"}
	if i.DryRun {
		a.What = "what a replay of " + ClipText(i.Dir) + " would send"
	}
	if i.Holder != "" {
		a.Settings.row("in use", Active, "by a run: "+ClipText(i.Holder))
	}
	for _, s := range []Section{files(i), deadGroups(i), samples(i), journalOf(i.Journal)} {
		if !s.Empty() {
			a.Sections = append(a.Sections, s)
		}
	}
	switch n := i.Waiting(); {
	case n > 0 && i.DryRun:
		a.Sign, a.Said = Active, Amount(n, "record")+" would be sent"
	case n > 0:
		a.Sign, a.Said = Warn, Amount(n, "record")+" that no channel has got; faultflow replay sends them again"
	case i.DryRun:
		a.Sign, a.Said = Good, "nothing would be sent"
	default:
		a.Sign, a.Said = Good, "nothing waits to be replayed"
	}
	if i.Uncertain > 0 {
		a.Said += fmt.Sprintf("; %s may have arrived with a replay that died", Grouped(i.Uncertain))
	}
	return a
}

func files(i *report.Inspection) Section {
	s := Section{Title: "Files"}
	var rows [][]Cell
	for _, f := range i.Files {
		row := Cells(ClipName(f.Name), Grouped(f.Lines), Grouped(f.Waiting), Grouped(f.Replayed), Grouped(f.Unreadable))
		if f.Waiting > 0 {
			row[2].Sign = Warn
		}
		rows = append(rows, row)
	}
	s.table("files of the folder", []Column{
		{Title: "file"},
		{Title: "lines", Right: true},
		{Title: "waiting", Right: true},
		{Title: "replayed", Right: true},
		{Title: "unreadable", Right: true},
	}, rows)
	for _, f := range i.Files {
		if f.Oldest != "" {
			ages := fmt.Sprintf(": oldest %s, newest %s", ClipName(f.Oldest), ClipName(f.Newest))
			s.item(Aside, ClipName(f.Name)+ages)
		}
	}
	return s
}

func deadGroups(i *report.Inspection) Section {
	s := Section{Title: "Reasons"}
	limit := Brief().Groups
	var rows [][]Cell
	for _, g := range i.Groups[:min(len(i.Groups), limit)] {
		rows = append(rows, Cells(Grouped(g.Count), ClipName(g.Place), ClipName(g.Class), ClipText(g.Reason)))
	}
	s.table("why records wait, by place, class and reason", []Column{
		{Title: "count", Right: true},
		{Title: "place"},
		{Title: "class"},
		{Title: "reason", Flex: true},
	}, rows)
	if more := i.Grouped - limit; more > 0 {
		s.item(Aside, More(Amount(more, "further reason")))
	}
	return s
}

func samples(i *report.Inspection) Section {
	s := Section{Title: "Samples"}
	for _, one := range i.Samples {
		s.item(None, fmt.Sprintf("%s:%d  %s%s", ClipName(one.File), one.Line, ClipText(one.Text), When(one.Cut, "…")))
	}
	return s
}

func journalOf(j *report.InspectedJournal) Section {
	s := Section{Title: "Journal"}
	if j == nil {
		return s
	}
	s.row("run", None, Facts(ClipName(j.Run), Amount(j.Lives, "life", "lives")))
	s.row("stands", None, fmt.Sprintf("after cycle %s, row %s", Grouped(j.Cycle), Grouped(j.Row)))
	for _, o := range j.Open {
		s.row("open", Warn, Facts(Amount(o.Records, "record")+" to "+ClipName(o.Channel), "key "+ClipText(o.Key)))
	}
	return s
}
