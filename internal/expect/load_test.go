package expect

import (
	"strings"
	"testing"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
)

// underLoad is a run of 6 s: three passes a second, all good but those of the third second.
func underLoad() *report.Report {
	r := &report.Report{DurationMS: 6000}
	r.Passes = report.Passes{Offered: 18, Ended: 17, Good: 14, P99MS: 200}
	r.Recovery = report.Recovery{State: catalog.StaysDown}
	s := &r.Series
	s.BucketMS = 1000
	s.Offered, s.Ended, s.Good = []int{3, 3, 3, 3, 3, 3}, []int{3, 3, 3, 3, 3, 2}, []int{3, 3, 0, 3, 3, 2}
	quick, slow := []report.Bucket{
		{Value: 10, Count: 3},
	}, []report.Bucket{
		{Value: 10, Count: 2},
		{Value: 200, Count: 1},
	}
	s.Took = [][]report.Bucket{quick, quick, slow, quick, quick, quick}
	s.Places = []report.PlaceSeries{
		{Place: catalog.PlaceFetch, Calls: []int{3, 3, 12, 6, 3, 3},
			Queued: []float64{0, 0, 6, 6, 0, 0}, QueuedMax: []int{0, 1, 9, 7, 0, 0}},
		{Place: "delivery.primary", Calls: []int{3, 3, 0, 3, 3, 2}},
	}
	return r
}

func TestConditionsOverALoad(t *testing.T) {
	r := underLoad()
	checkIdle(t, r, map[string]string{
		`goodput("0s", "2s") == 3`:                           "",
		`goodput("2s", "3s") == 0`:                           "",
		`goodput("0s", "1h") == 14/6`:                        "", // up to the run's end
		`amplification("collector.fetch", "2s", "4s") == 3`:  "",
		`amplification("delivery.primary", "2s", "3s") == 0`: "",
		`amplification("delivery.backup", "0s", "6s") == 0`:  "", // it was not called
		`latency("p50", "0s", "6s") == 10`:                   "",
		`latency("p99", "2s", "3s") == 200`:                  "",
		`latency("p99", "3s", "1m") == 10`:                   "",
		`queued("collector.fetch").max == 9`:                 "",
		`queued("collector.fetch").mean == 2`:                "",
		`recovery.state == "stays_down"`:                     "",
		`recovery.after_ms < 20000`:                          "the run did not come back: stays down",
		`passes.good == 14 and passes.p99_ms == 200`:         "",
		`goodput("7s", "9s") == 0`:                           "no pass of a load began from 7s to 9s",
		`latency("p99", "6s", "9s") == 0`:                    "no pass of a load that began from 6s to 9s ended",
		`queued("delivery.primary").max < 5`:                 "delivery.primary has no queue: that takes a load and a capacity",
	})
	r.Recovery.State = catalog.NotJudged
	checkIdle(t, r, map[string]string{
		`recovery.state != "stays_down"`: "the recovery was not judged: that takes a load, and a trigger that ended within the run",
		`len(recovery.triggers) == 0`:    "",
	})
}

// Without a load, conditions over one show nothing.
func TestConditionsOverALoadThatIsNone(t *testing.T) {
	unjudged := "the recovery was not judged: that takes a load, and a trigger that ended within the run"
	checkIdle(t, &report.Report{DurationMS: 1000, Recovery: report.Recovery{State: catalog.NotJudged}},
		map[string]string{
			`goodput("0s", "20s") < 1`:                           "no pass of a load began from 0s to 20s",
			`amplification("collector.fetch", "0s", "20s") <= 1`: "no pass of a load began from 0s to 20s",
			`latency("p99", "0s", "20s") < 1`:                    "no pass of a load that began from 0s to 20s ended",
			`queued("collector.fetch").mean < 1`:                 "collector.fetch has no queue: that takes a load and a capacity",
			`recovery.state != "stays_down"`:                     unjudged,
			`recovery.after_ms < 1`:                              unjudged,
			`passes.p99_ms < 1`:                                  "there was no load",
			`passes.good == 0`:                                   "there was no load",
			`len(series.places) == 0`:                            "there was no load",
		})
}

func TestConditionsOverALoadAreChecked(t *testing.T) {
	for source, want := range map[string]string{
		`recovery.state == "come_back"`:                    `there is no state "come_back" (did you mean came_back?)`,
		`goodput("20", "30s") > 1`:                         `"20" is no time since the run began; want a duration such as 20s`,
		`goodput("20s", "-1s") > 1`:                        `"-1s" is no time`,
		`goodput("20s") > 1`:                               "not enough arguments",
		`amplification("collector.fetch") == 1`:            "not enough arguments to call amplification",
		`latency("p95", "0s", "1s") < 1`:                   `there is no quantile "p95"`,
		`amplification("collector.ftch", "0s", "1s") == 1`: `(did you mean collector.fetch?)`,
		`queued("collector").max < 1`:                      `there is no place "collector"`,
		`queued("collector.fetch").most < 1`:               `there is no field "most" here`,
	} {
		if _, err := Compile(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", source, err, want)
		}
	}
}

// A run that was not watched long enough proves nothing, whatever held.
func TestARecoveryThatWasNotWatched(t *testing.T) {
	r := underLoad()
	r.Recovery.State = catalog.NotWatched
	c, err := Compile(`passes.good > 0`)
	if err != nil {
		t.Fatal(err)
	}
	j, err := Judge(r, []*Condition{c})
	if err != nil || j.Status != report.TestInconclusive || len(j.Reasons) != 1 ||
		!strings.Contains(j.Reasons[0], "watched") {
		t.Errorf("%+v, %v", j, err)
	}
}
