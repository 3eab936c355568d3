package campaign

import (
	"reflect"
	"strings"
	"testing"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
)

// Campaigns have the shares of their runs by recovery, the same in parts as in one, and nothing of it without a load.
func TestCampaignsTellWhetherTheirRunsComeBack(t *testing.T) {
	repeat := func(uint64) string { return "" }
	var runs []*report.Report
	for i, state := range []catalog.RecoveryState{catalog.CameBack, catalog.StaysDown, catalog.CameBack, catalog.NeverFell} {
		runs = append(runs, &report.Report{
			Seed:     uint64(i),
			Passes:   report.Passes{Offered: 100, Ended: 90, Good: int64(20 * i)},
			Recovery: report.Recovery{State: state, AfterMS: float64(1500 * i)},
		})
	}
	whole, parts := newTotals(), []*totals{newTotals(), newTotals()}
	for i, r := range runs {
		whole.add(r, repeat)
		parts[i%2].add(r, repeat)
	}
	parts[0].merge(parts[1])
	c, merged := whole.finish(), parts[0].finish()
	if !reflect.DeepEqual(c.Recovery, merged.Recovery) {
		t.Errorf("%+v, in parts %+v", c.Recovery, merged.Recovery)
	}
	r := c.Recovery
	if r.Offered != 400 || r.Ended != 360 || r.GoodShare != 0.3 || r.CameBack.Share != 0.5 || r.CameBack.High < 0.8 ||
		r.StaysDown.Count != 1 || r.NeverFell.Count != 1 || r.NotWatched.Of != 4 || r.ProvesNothing() {
		t.Errorf("%+v", r)
	}
	if d := r.AfterMS; d.Count != 2 || d.Max != 3000 || d.Mean != 1500 {
		t.Errorf("%+v", d)
	}
	if m := measures(c, 0); m.GoodShare != 0.3 || m.AfterMS != 1500 || m.Recovery != r.RecoveryShares {
		t.Errorf("%+v", m)
	}
	unloaded := newTotals()
	unloaded.add(&report.Report{Recovery: report.Recovery{State: catalog.NotJudged}}, repeat)
	var text strings.Builder
	if err := report.WriteCampaign(&text, unloaded.finish()); err != nil ||
		strings.Contains(text.String(), `"good_share"`) {
		t.Errorf("without a load: %v, %s", err, text.String())
	}
	unwatched := newTotals()
	unwatched.add(
		&report.Report{Passes: report.Passes{Offered: 1}, Recovery: report.Recovery{State: catalog.NotWatched}},
		repeat,
	)
	if !unwatched.finish().Recovery.ProvesNothing() {
		t.Error("a campaign whose only run was not watched long enough proves something")
	}
}
