package compare

import (
	"maps"
	"math"
	"slices"
	"strings"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/report"
)

// campaignMeasures are those of campaigns. A measure without a test has no direction either: its difference may be
// chance.
func campaignMeasures() []Measure {
	classes := catalog.Strings(errhandler.Classes())
	fallbacks := without(catalog.Origins(), catalog.FromSource)
	reduced := without(catalog.Modes(), catalog.ModeNormal)
	origins := func(c *report.Campaign) map[string]report.Tally { return c.Origins }
	modes := func(c *report.Campaign) map[string]report.Tally { return c.Modes }

	return group("Campaigns", slices.Concat(weighing(Verdicts,
		ofCampaign("verdict.success", Share, Higher, Fisher, "runs whose verdict was success",
			verdictShare(func(v report.VerdictShares) report.Share { return v.Success })),
		ofCampaign("verdict.degraded", Share, Lower, Fisher, "runs whose verdict was degraded",
			verdictShare(func(v report.VerdictShares) report.Share { return v.Degraded })),
		ofCampaign("verdict.failed", Share, Lower, Fisher, "runs whose verdict was failed",
			verdictShare(func(v report.VerdictShares) report.Share { return v.Failed })),
	), weighing(Records,
		ofCampaign("records.delivered", Share, Higher, Fisher,
			"records of the source itself that were delivered, of those collected from it",
			recordShare(func(l *report.CampaignLedger) (part float64, of int64) {
				switch {
				case l.DeliveredFromSource+l.DeliveredCopies == l.Delivered:
					return l.SourceShare, l.FromSource
				case l.FromCache+l.FromDefault == 0: // of an older version, which did not tell copies apart
					return l.DeliveredShare, l.Collected
				}
				return 0, 0
			})),
		ofCampaign("records.dead_lettered", Share, Lower, Fisher, "records given up, of those collected",
			recordShare(func(l *report.CampaignLedger) (float64, int64) { return l.DeadLetteredShare, l.Collected })),
		ofCampaign("records.spooled", Share, Lower, Fisher, "records in the emergency spool, of those collected",
			recordShare(func(l *report.CampaignLedger) (float64, int64) { return l.SpooledShare, l.Collected })),
	), []Measure{
		ofCampaign("duration_ms.mean", MS, Lower, MannWhitney, "how long a run took on average, on its own clock",
			duration(0, func(d report.Distribution) float64 { return d.Mean })),
		ofCampaign("duration_ms.p50", MS, Lower, MannWhitney, "within which time half of the runs were over",
			duration(0, func(d report.Distribution) float64 { return d.P50 })),
		ofCampaign("duration_ms.p90", MS, Lower, Fisher, "within which time 90 % of the runs were over",
			duration(0.9, func(d report.Distribution) float64 { return d.P90 })),
		ofCampaign("duration_ms.p99", MS, Lower, Fisher, "within which time 99 % of the runs were over",
			duration(0.99, func(d report.Distribution) float64 { return d.P99 })),
		ofCampaign("per_run.attempts.<node>", Count, Lower, MannWhitney, "attempts in a run, on average",
			attemptsInRun),
		ofCampaign("load.<place>", Factor, Lower, MannWhitney,
			"calls to a dependency, by those had nothing failed; below 1 less is no better; tested: calls in a run",
			load).noBetterBelow(1),
		ofCampaign("calls_per_record.<place>", Count, Neither, "",
			"calls to a dependency for each record collected", callsPerRecord),
		ofCampaign("calls_before_open.<breaker>", Count, Lower, MannWhitney,
			"calls until the breaker first opened, on average of the runs in which it did",
			perCampaignBreaker(func(_ *report.Campaign, b report.CampaignBreaker) reading {
				return mean(b.Name, b.CallsBeforeOpen)
			})),
		ofCampaign("runs.opened.<breaker>", Share, Lower, Fisher, "runs in which the breaker opened",
			perCampaignBreaker(func(_ *report.Campaign, b report.CampaignBreaker) reading {
				return inRuns(b.Name, b.Opened.Runs)
			})),
		ofCampaign("per_run.opened.<breaker>", Count, Neither, "", "times that the breaker opened in a run, on average",
			perCampaignBreaker(func(c *report.Campaign, b report.CampaignBreaker) reading {
				return perRun(c, b.Name, b.Opened)
			})),
		ofCampaign("runs.origins.<origin>", Share, Lower, Fisher,
			"runs with data of a rung of the fallback ladder: "+strings.Join(fallbacks, ", "),
			inRunsOf(origins, string(catalog.FromSource))).
			withKeys(fallbacks).orElse(inNoRun),
		ofCampaign("runs.modes.<mode>", Share, Lower, Fisher,
			"runs in which processing did not go its normal way: "+strings.Join(reduced, ", "),
			inRunsOf(modes, string(catalog.ModeNormal))).
			withKeys(reduced).orElse(inNoRun),
		ofCampaign("runs.errors.<class>", Share, Lower, Fisher,
			"runs with errors of a class, without rejected calls: "+strings.Join(classes, ", "),
			inRunsOf(errorsBesideRejected)).
			withKeys(classes).orElse(inNoRun),
		ofCampaign("per_run.errors.<class>", Count, Neither, "",
			"errors of a class in a run, handled ones included, on average", errorsInRun).
			withKeys(classes).orElse(inNoRun),
		ofCampaign("recovery.good_share", Share, Higher, Fisher, "good passes, of those that the load began",
			recovered(func(c *report.Campaign) reading {
				hits := report.Share{Of: c.Runs, Count: int64(math.Round(c.Recovery.GoodShare * float64(c.Runs)))}
				return reading{value: quantity(c.Recovery.GoodShare), from: sample{hits: hits}}
			})),
		ofCampaign("runs.recovery.never_fell", Share, Higher, Fisher, "runs that their triggers did not push down",
			recovered(func(c *report.Campaign) reading { return inRuns("", c.Recovery.NeverFell) })),
		ofCampaign("runs.recovery.came_back", Share, Neither, Fisher, "runs that came back",
			recovered(func(c *report.Campaign) reading { return inRuns("", c.Recovery.CameBack) })),
		ofCampaign("runs.recovery.stays_down", Share, Lower, Fisher, "runs that stayed down",
			recovered(func(c *report.Campaign) reading { return inRuns("", c.Recovery.StaysDown) })),
		ofCampaign("runs.recovery.not_watched_long_enough", Share, Lower, Fisher, "runs that ended too soon to tell",
			recovered(func(c *report.Campaign) reading { return inRuns("", c.Recovery.NotWatched) })),
		ofCampaign("recovery.after_ms.mean", MS, Lower, MannWhitney,
			"how long after the last trigger a run came back, on average of those that did",
			recovered(func(c *report.Campaign) reading { return mean("", c.Recovery.AfterMS) })),
		ofCampaign("runs.patterns.<pattern>", Share, Neither, Fisher, "runs in which the pattern was demonstrated",
			demonstrated),
	})...)
}

// recovered reads a measure of campaigns with a load.
func recovered(read func(*report.Campaign) reading) func(*report.Campaign) []reading {
	return func(c *report.Campaign) []reading {
		if c.Recovery.IsZero() {
			return nil
		}
		return []reading{read(c)}
	}
}

func attemptsInRun(c *report.Campaign) (list []reading) {
	for _, n := range c.Nodes {
		list = append(list, mean(n.Name, n.Attempts))
	}
	return list
}

// load leaves out dependencies that nothing would have called had nothing failed.
func load(c *report.Campaign) (list []reading) {
	for _, d := range c.Dependencies {
		if d.Units > 0 {
			list = append(list, distributed(d.Place, d.Calls, 0, d.Factor))
		}
	}
	return list
}

// callsPerRecord is the ratio of two totals: there is no sample to test.
func callsPerRecord(c *report.Campaign) (list []reading) {
	for _, d := range c.Dependencies {
		if c.Ledger.Collected > 0 {
			list = append(list, reading{key: d.Place, value: quantity(d.PerRecord)})
		}
	}
	return list
}

// errorsBesideRejected are the errors by class without the calls that an open breaker rejected. An older version did
// not count these apart, and has no number of their class.
func errorsBesideRejected(c *report.Campaign) map[string]report.Tally {
	class := string(errhandler.Degradation)
	all := maps.Clone(c.Errors.ByClass)
	if _, seen := all[class]; seen {
		all[class] = c.Errors.Degradation
	}
	return all
}

func errorsInRun(c *report.Campaign) (list []reading) {
	for _, class := range slices.Sorted(maps.Keys(c.Errors.ByClass)) {
		list = append(list, perRun(c, class, c.Errors.ByClass[class]))
	}
	return list
}

func demonstrated(c *report.Campaign) (list []reading) {
	for _, p := range c.Patterns {
		list = append(list, inRuns(p.Name, p.Demonstrated.Runs))
	}
	return list
}

func perCampaignBreaker(
	read func(*report.Campaign, report.CampaignBreaker) reading,
) func(*report.Campaign) []reading {
	return func(c *report.Campaign) (list []reading) {
		for _, b := range c.Breakers {
			list = append(list, read(c, b))
		}
		return list
	}
}

// inRuns is a share of the runs; unknown of no runs.
func inRuns(key string, s report.Share) reading {
	if s.Of <= 0 {
		return reading{key: key}
	}
	return reading{key, quantity(s.Share), sample{hits: s}}
}

// inNoRun is a share of 0 for what campaigns leave out because no run had it.
func inNoRun(d Document, key string) reading {
	if d.Campaign == nil {
		return reading{key: key}
	}
	return inRuns(key, report.Share{Of: d.Campaign.Runs})
}

func verdictShare(of func(report.VerdictShares) report.Share) func(*report.Campaign) []reading {
	return func(c *report.Campaign) []reading { return []reading{inRuns("", of(c.Verdict))} }
}

// recordShare is a share of the records, which is tested as one of the runs: see Fisher.
func recordShare(share func(*report.CampaignLedger) (part float64, of int64)) func(*report.Campaign) []reading {
	return func(c *report.Campaign) []reading {
		part, of := share(&c.Ledger)
		if of <= 0 || !(part >= 0 && part <= 1) {
			return nil
		}
		hits := report.Share{Of: c.Runs, Count: int64(math.Round(part * float64(c.Runs)))}
		return []reading{{value: quantity(part), from: sample{hits: hits}}}
	}
}

// duration is a quantile of the runs' durations; 0 stands for a value that is tested by all of them.
func duration(quantile float64, of func(report.Distribution) float64) func(*report.Campaign) []reading {
	return func(c *report.Campaign) []reading {
		return []reading{distributed("", c.DurationMS, quantile, of(c.DurationMS))}
	}
}

// distributed is a value of a distribution; unknown of an empty one.
func distributed(key string, d report.Distribution, quantile, value float64) reading {
	if d.Count <= 0 {
		return reading{key: key}
	}
	return reading{key, quantity(value), sample{runs: d.Buckets, quantile: quantile}}
}

func mean(key string, d report.Distribution) reading { return distributed(key, d, 0, d.Mean) }

// perRun is how often something happened in a run on average. The numbers of single runs are not kept, so there is no
// sample to test.
func perRun(c *report.Campaign, key string, t report.Tally) reading {
	return reading{key: key, value: quantity(float64(t.Count) / float64(c.Runs))} // NaN, so unknown, of no runs
}

// inRunsOf lists the shares of the runs in which something happened, by name, without what is usual.
func inRunsOf(of func(*report.Campaign) map[string]report.Tally, usual ...string) func(*report.Campaign) []reading {
	return func(c *report.Campaign) (list []reading) {
		all := of(c)
		for _, key := range slices.Sorted(maps.Keys(all)) {
			if !slices.Contains(usual, key) {
				list = append(list, inRuns(key, all[key].Runs))
			}
		}
		return list
	}
}
