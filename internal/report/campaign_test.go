package report_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"faultflow/internal/report"
	"faultflow/internal/reporttest"
	"faultflow/internal/settings"
)

// TestCampaignComesBack: what was written is read as it was, and is sealed.
func TestCampaignComesBack(t *testing.T) {
	campaigns := reporttest.AnyOf[report.Campaign]()
	rapid.Check(t, func(t *rapid.T) {
		c := campaigns.Draw(t, "campaign")
		c.Schema = report.CampaignSchema
		var b bytes.Buffer
		if err := report.WriteCampaign(&b, &c); err != nil {
			t.Fatal(err)
		}
		doc := b.String()
		read, err := report.ReadCampaign(strings.NewReader(doc))
		if err != nil {
			t.Fatal(err)
		}
		b.Reset()
		if err := report.WriteCampaign(&b, read); err != nil || b.String() != doc {
			t.Fatalf("%v\n%s\n%s", err, doc, b.String())
		}
		// Only meta may differ under the same hash.
		hash := read.Hash
		read.Meta.RealMS++
		if err := read.Seal(); err != nil || read.Hash != hash {
			t.Errorf("meta changes the hash: %v", err)
		}
		read.Runs++
		if err := read.Seal(); err != nil || read.Hash == hash {
			t.Errorf("the hash does not cover the runs: %v", err)
		}
	})
}

func TestCampaignThatIsNone(t *testing.T) {
	var schema *report.SchemaError
	if _, err := report.ReadCampaign(strings.NewReader(`{"schema": "faultflow.report/v1"}`)); !errors.As(err, &schema) || schema.Want != report.CampaignSchema {
		t.Errorf("got %v", err)
	}
	if c, err := report.ReadCampaign(strings.NewReader(`{"schema": "faultflow.campaign/v1", "runs": 7}`)); !errors.Is(err, report.ErrHash) || c.Runs != 7 {
		t.Errorf("got %+v, %v", c, err)
	}
	if c, err := report.ReadCampaign(strings.NewReader(`{"schema": "faultflow.campaign/v1", "runs": "many"}`)); err == nil || c != nil {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestLastSeed(t *testing.T) {
	for _, test := range []struct {
		seeds report.Seeds
		want  uint64
	}{
		{report.Seeds{First: 1, Count: 1}, 1},
		{report.Seeds{First: 1, Count: 300}, 300},
		{report.Seeds{First: settings.MaxSeed, Count: 3}, 1},
		{report.Seeds{First: 5}, 5},
	} {
		if got := test.seeds.Last(); got != test.want {
			t.Errorf("%+v: %d, want %d", test.seeds, got, test.want)
		}
	}
}

// TestSealLeavesWhatIsSharedAlone: runs share the slices of their settings.
func TestSealLeavesWhatIsSharedAlone(t *testing.T) {
	channels := []string{"primary"}
	done := make(chan error)
	for range 4 {
		go func() {
			r := &report.Report{Settings: settings.Settings{Channels: channels}}
			done <- r.Seal()
		}()
	}
	for range 4 {
		if err := <-done; err != nil || !reflect.DeepEqual(channels, []string{"primary"}) {
			t.Errorf("%v, %v", channels, err)
		}
	}
}
