package reporttest

import (
	"math"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/load"
	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// Collapse is 300 s of 60 passes a second on a source that serves 100 calls a second, halted from 20 s to 30 s: four
// attempts of a second each keep it down.
func Collapse() *report.Report { return loaded(4) }

// Comeback is Collapse's run with a retry budget, with which it comes back.
func Comeback() *report.Report { return loaded(1.36) }

// loaded is what such a run would say whose failing passes make so many calls: a queue whose calls are answered in
// vain while it is longer than a second.
func loaded(calls float64) *report.Report {
	const seconds, offered, served, from, to = 300, 60, 100, 20, 30
	r := Success()
	r.Seed, r.DurationMS = 7, seconds*1000
	r.Settings.Loads = []load.Load{parsed(load.ParseLoad("60/s"))}
	r.Settings.For = seconds * time.Second
	r.Settings.Faults = []fault.Fault{parsed(fault.Parse("collector.fetch=hang,from=20s,to=30s"))}
	r.Settings.Clock = settings.ClockVirtual
	r.Timeline = report.Timeline{Summarised: true, Note: "more than 1,000 passes"}
	r.Recovery = report.Recovery{
		State:    catalog.CameBack,
		Triggers: []report.Trigger{{Spec: r.Settings.Faults[0].String(), FromMS: from * 1000, ToMS: to * 1000}},
		EndMS:    to * 1000,
	}
	source := report.PlaceSeries{
		Place:  catalog.PlaceFetch,
		Turned: map[catalog.EventKind][]int{catalog.BulkheadFull: make([]int, seconds)},
	}
	channel := report.PlaceSeries{Place: catalog.ChannelPlace("primary")}
	s := report.Series{BucketMS: 1000}
	queued, underWay, back := 0.0, 0, 0
	for second := range seconds {
		came := offered + int(6*math.Sin(float64(second)*1.7)) // a load is never quite even
		down := queued > served
		arriving, serving := float64(came), float64(served)
		if down {
			arriving *= calls
			source.Turned[catalog.BulkheadFull][second] = came / 10
		}
		if second >= from && second < to {
			serving = 0
		}
		inService := min(1, (queued+arriving)/served)
		queued = max(0, queued+arriving-serving)
		good, wait := came, 12+float64(queued/served*1000)
		if down {
			good, wait, underWay = 0, min(4000, 1000*calls), came*4
		} else {
			underWay = 1
			if second >= to && back == 0 {
				back = second
			}
		}
		s.Offered, s.Ended, s.Good = append(s.Offered, came), append(s.Ended, came), append(s.Good, good)
		s.UnderWay = append(s.UnderWay, underWay)
		half, whole := report.Bucket{
			Value: wait / 2,
			Count: int64(came / 2),
		}, report.Bucket{
			Value: wait,
			Count: int64(came),
		}
		s.Took = append(s.Took, []report.Bucket{half, whole})
		source.Calls = append(source.Calls, int(arriving))
		source.Failed = append(source.Failed, int(arriving)-good*int(arriving)/came)
		source.Abandoned = append(source.Abandoned, int(arriving)-good*int(arriving)/came)
		source.InService = append(source.InService, inService)
		source.Queued = append(source.Queued, queued)
		source.QueuedMax = append(source.QueuedMax, int(queued))
		channel.Calls = append(channel.Calls, good)
		channel.Failed = append(channel.Failed, 0)
		r.Passes.Offered += int64(came)
		r.Passes.Ended += int64(came)
		r.Passes.Good += int64(good)
	}
	s.Ended[seconds-1] -= underWay
	r.Passes.Ended, r.Passes.UnderWay = r.Passes.Ended-int64(underWay), int64(underWay)
	r.Passes.P50MS, r.Passes.P99MS = 24, min(4000, 1000*calls)
	s.Places = []report.PlaceSeries{source, channel}
	r.Series = s
	r.Cycles.Count = int(r.Passes.Offered)
	r.Recovery.AfterMS, r.Recovery.LowestAtMS = float64(back-to)*1000, (from+2)*1000
	if back == 0 {
		r.Verdict = catalog.Failed
		r.Recovery.State, r.Recovery.AfterMS = catalog.StaysDown, 0
		r.Recovery.Sustained = report.Sustained{Place: source.Place, CallsPerPass: calls}
	}
	return r
}

// parsed is what was read from a text of ours.
func parsed[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
