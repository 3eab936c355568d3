package report_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// stored is a document of testdata, as the version that is in its name wrote it.
func stored(t *testing.T, name string) report.Document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := report.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err) // a wrong hash included
	}
	return doc
}

// TestReportOfVersion1: what a report of version 1 says as text, and what it calls by another name, is data of this
// version. People keep reports to compare with.
func TestReportOfVersion1(t *testing.T) {
	r := stored(t, "report-v1.json").Report
	if r == nil || r.Schema != report.Schema {
		t.Fatalf("read as %+v", r)
	}
	want := settings.Defaults()
	want.Clock, want.Cycles, want.Interval, want.BatchSize, want.FailureType = settings.ClockVirtual, 2, 0, 50, ""
	for _, node := range catalog.GuardedNodes() {
		want.Policy(node).Attempts, want.Policy(node).BreakerFailures = 2, 2 // attempts were called retries
	}
	want.Delivery.Attempts, want.Collector.Breaker = 1, true
	for _, d := range settings.All() {
		if d.List() || d.Name == "seed" {
			continue
		}
		if got, want := d.In(&r.Settings), d.In(&want); got != want {
			t.Errorf("--%s is %s, want %s", d.Name, got, want)
		}
	}
	if list := r.Settings.Faults; len(list) != 5 || list[1].Place != catalog.PlaceRecord ||
		list[1].Trigger.Calls[0].Low != 2 {
		t.Errorf("faults %+v", list)
	}
	type change struct {
		place    catalog.Place
		from, to string
		count    int
		record   string
		detail   string
	}
	got := map[catalog.EventKind][]change{}
	for _, e := range r.Timeline.Events {
		if e.Kind.Event().Meaning == "" {
			t.Errorf("the catalogue has no %s", e.Kind)
		}
		got[e.Kind] = append(got[e.Kind], change{e.Place, e.From, e.To, e.Count, e.Record, e.Detail})
	}
	for kind, want := range map[catalog.EventKind][]change{
		catalog.BreakerChanged: {{place: "collector.fetch", from: "closed", to: "open"}},
		catalog.ChannelChanged: {
			{place: "delivery.primary", from: "healthy", to: "degraded"},
			{place: "delivery.secondary", from: "healthy", to: "degraded"},
			{place: "delivery.backup", from: "healthy", to: "degraded"},
			{place: "delivery.backup", from: "degraded", to: "healthy"},
		},
		catalog.ChannelAccepted: {{place: "delivery.backup", count: 10}},
		catalog.Spooled:         {{place: "delivery.spool", count: 9}},
		catalog.RecordFailed: {
			{place: "processor.record", record: "fallback_1", detail: "transformation failed: unexpected state"},
		},
	} {
		if !slices.Equal(got[kind], want) {
			t.Errorf("%s: %+v, want %+v", kind, got[kind], want)
		}
	}
	// What is not data keeps its text.
	if refused := got[catalog.AttemptFailed][0].detail; refused != "dial tcp 192.0.2.1:443: connect: connection refused" {
		t.Errorf("an error's text became %q", refused)
	}

	// Written again it is a report of this version.
	again, err := parse(document(t, r))
	if err != nil || again.Settings.Collector.Attempts != 2 || again.Timeline.Events[0].Kind != catalog.NodeStarted {
		t.Errorf("written again it is %+v, %v", again, err)
	}
}

// TestCampaignOfVersion1: its settings have their present names, its figures are the same.
func TestCampaignOfVersion1(t *testing.T) {
	c := stored(t, "campaign-v1.json").Campaign
	if c == nil || c.Schema != report.CampaignSchema || c.Runs != 3 || c.Seeds.Count != 3 || c.Verdict.Success.Of != 3 {
		t.Fatalf("read as %+v", c)
	}
	s := c.Settings
	if !s.SimulateFailures || s.FailureType != "network" || s.Processor.Attempts != 2 ||
		s.Processor.RetryDelay != 2*time.Second {
		t.Errorf("settings %+v", s)
	}
	text, err := os.ReadFile("testdata/campaign-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	read, err := report.ReadCampaign(bytes.NewReader(text))
	if err != nil || read.Settings.Processor.Attempts != 2 || read.Schema != report.CampaignSchema {
		t.Errorf("ReadCampaign: %+v, %v", read, err)
	}
	var b bytes.Buffer
	if err := report.WriteCampaign(&b, c); err != nil {
		t.Fatal(err)
	}
	if again, err := report.ReadCampaign(&b); err != nil || again.Settings.Processor.Attempts != 2 {
		t.Errorf("written again it is %+v, %v", again, err)
	}
}

// Reports from before dead letters were counted by place have their groups alone. Where the list was cut, a part of it
// must not pass for all.
func TestDeadLettersOfOlderReports(t *testing.T) {
	l := report.Ledger{DeadLettered: 5, DeadLetters: []report.DeadLetters{
		{Place: "delivery", Class: errhandler.Storage, Reason: "a", Count: 2},
		{Place: "delivery", Class: errhandler.Network, Reason: "b", Count: 1},
		{Place: "processor.record", Class: errhandler.Data, Reason: "c", Count: 2},
	}}
	if n, known := l.Dead("delivery", ""); n != 3 || !known {
		t.Errorf("a complete list: %d, %t, want 3", n, known)
	}
	if n, known := l.Dead("", errhandler.Data); n != 2 || !known {
		t.Errorf("of a class: %d, %t, want 2", n, known)
	}
	l.DeadLettered = 6
	if _, known := l.Dead("delivery", ""); known {
		t.Error("a list that was cut is told as if it were complete")
	}
	if n, known := l.Dead("", ""); n != 6 || !known {
		t.Errorf("all of them: %d, %t, want 6", n, known)
	}
}
