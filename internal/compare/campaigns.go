package compare

import (
	"maps"
	"math"
	"slices"
	"strings"

	"faultflow/internal/errhandler"
	"faultflow/internal/report"
)

// campaignMeasures are those of campaigns. What has no test has no direction either: a difference may be chance.
func campaignMeasures() []Measure {
	c := func(name string, u Unit, b Direction, test Test, what string, read func(*report.Campaign) []reading) Measure {
		return Measure{Name: name, Unit: u, Better: b, Test: test, What: what, campaign: read}
	}
	from := func(enough float64, m Measure) Measure { m.enough = enough; return m }
	keyed := func(m Measure, keys []string) Measure { m.keys, m.absent = keys, inNoRun; return m }
	fallbacks, modes := without(texts(errhandler.Origins()), string(errhandler.FromSource)), []string{"partial", "fallback", "none"}

	return in("Campaigns",
		c("verdict.success", Share, Higher, Fisher, "runs whose verdict was success", alone(func(c *report.Campaign) reading { return inRuns("", c.Verdict.Success) })),
		c("verdict.degraded", Share, Lower, Fisher, "runs whose verdict was degraded", alone(func(c *report.Campaign) reading { return inRuns("", c.Verdict.Degraded) })),
		c("verdict.failed", Share, Lower, Fisher, "runs whose verdict was failed", alone(func(c *report.Campaign) reading { return inRuns("", c.Verdict.Failed) })),
		c("records.delivered", Share, Higher, Fisher, "records delivered, of those collected", records(func(l report.CampaignLedger) float64 { return l.DeliveredShare })),
		c("records.dead_lettered", Share, Lower, Fisher, "records given up, of those collected", records(func(l report.CampaignLedger) float64 { return l.DeadLetteredShare })),
		c("records.spooled", Share, Lower, Fisher, "records in the emergency spool, of those collected", records(func(l report.CampaignLedger) float64 { return l.SpooledShare })),
		c("duration_ms.mean", MS, Lower, MannWhitney, "how long a run took on average, on its own clock", duration(0, func(d report.Distribution) float64 { return d.Mean })),
		c("duration_ms.p50", MS, Lower, MannWhitney, "within which time half of the runs were over", duration(0, func(d report.Distribution) float64 { return d.P50 })),
		c("duration_ms.p90", MS, Lower, Fisher, "within which time 90 % of the runs were over", duration(0.9, func(d report.Distribution) float64 { return d.P90 })),
		c("duration_ms.p99", MS, Lower, Fisher, "within which time 99 % of the runs were over", duration(0.99, func(d report.Distribution) float64 { return d.P99 })),
		c("per_run.attempts.<node>", Count, Lower, MannWhitney, "attempts in a run, on average", func(c *report.Campaign) (list []reading) {
			for _, n := range c.Nodes {
				list = append(list, mean(n.Name, n.Attempts))
			}
			return list
		}),
		from(1, c("load.<place>", Factor, Lower, MannWhitney, "calls to a dependency, by those had nothing failed; below 1 less is no better; tested: calls in a run", func(c *report.Campaign) (list []reading) {
			for _, d := range c.Dependencies {
				if d.Units > 0 {
					list = append(list, distributed(d.Place, d.Calls, 0, d.Factor))
				}
			}
			return list
		})),
		c("calls_per_record.<place>", Count, Neither, "", "calls to a dependency for each record collected", perRecord),
		c("calls_before_open.<breaker>", Count, Lower, MannWhitney, "calls until the breaker first opened, on average of the runs in which it did", func(c *report.Campaign) (list []reading) {
			for _, b := range c.Breakers {
				list = append(list, mean(b.Name, b.CallsBeforeOpen))
			}
			return list
		}),
		c("runs.opened.<breaker>", Share, Lower, Fisher, "runs in which the breaker opened", func(c *report.Campaign) (list []reading) {
			for _, b := range c.Breakers {
				list = append(list, inRuns(b.Name, b.Opened.Runs))
			}
			return list
		}),
		c("per_run.opened.<breaker>", Count, Neither, "", "times that the breaker opened in a run, on average", func(c *report.Campaign) (list []reading) {
			for _, b := range c.Breakers {
				list = append(list, perRun(c, b.Name, b.Opened))
			}
			return list
		}),
		keyed(c("runs.origins.<origin>", Share, Lower, Fisher, "runs with data of a rung of the fallback ladder: "+strings.Join(fallbacks, ", "),
			tallies(func(c *report.Campaign) map[string]report.Tally { return c.Origins }, string(errhandler.FromSource))), fallbacks),
		keyed(c("runs.modes.<mode>", Share, Lower, Fisher, "runs in which processing did not go its normal way: "+strings.Join(modes, ", "),
			tallies(func(c *report.Campaign) map[string]report.Tally { return c.Modes }, "normal")), modes),
		keyed(c("runs.errors.<class>", Share, Lower, Fisher, "runs with errors of a class: "+strings.Join(texts(errhandler.Classes()), ", "),
			tallies(func(c *report.Campaign) map[string]report.Tally { return c.Errors.ByClass })), texts(errhandler.Classes())),
		keyed(c("per_run.errors.<class>", Count, Neither, "", "errors of a class in a run, handled ones included, on average", func(c *report.Campaign) (list []reading) {
			for _, class := range slices.Sorted(maps.Keys(c.Errors.ByClass)) {
				list = append(list, perRun(c, class, c.Errors.ByClass[class]))
			}
			return list
		}), texts(errhandler.Classes())),
		c("runs.patterns.<pattern>", Share, Neither, Fisher, "runs in which the pattern was demonstrated", func(c *report.Campaign) (list []reading) {
			for _, p := range c.Patterns {
				list = append(list, inRuns(p.Name, p.Demonstrated.Runs))
			}
			return list
		}),
	)
}

// inRuns is a share of the runs; none if there were none.
func inRuns(key string, s report.Share) reading {
	if s.Of <= 0 {
		return reading{key: key}
	}
	return reading{key, quantity(s.Share), sample{share: s}}
}

// inNoRun is for what campaigns leave out when no run had it.
func inNoRun(d Document, key string) reading {
	if d.Campaign == nil {
		return reading{key: key}
	}
	return inRuns(key, report.Share{Of: d.Campaign.Runs})
}

func alone(f func(*report.Campaign) reading) func(*report.Campaign) []reading {
	return func(c *report.Campaign) []reading { return []reading{f(c)} }
}

// records is a share of the records, which is tested as one of the runs: see Fisher.
func records(f func(report.CampaignLedger) float64) func(*report.Campaign) []reading {
	return alone(func(c *report.Campaign) reading {
		share := f(c.Ledger)
		if c.Ledger.Collected <= 0 || !(share >= 0 && share <= 1) {
			return reading{}
		}
		as := report.Share{Of: c.Runs, Count: int64(math.Round(share * float64(c.Runs)))}
		return reading{value: quantity(share), from: sample{share: as}}
	})
}

func duration(quantile float64, f func(report.Distribution) float64) func(*report.Campaign) []reading {
	return alone(func(c *report.Campaign) reading { return distributed("", c.DurationMS, quantile, f(c.DurationMS)) })
}

// distributed is a value of a distribution; none if there is nothing in it.
func distributed(key string, d report.Distribution, quantile, value float64) reading {
	if d.Count <= 0 {
		return reading{key: key}
	}
	return reading{key, quantity(value), sample{runs: d.Buckets, quantile: quantile}}
}

func mean(key string, d report.Distribution) reading { return distributed(key, d, 0, d.Mean) }

func perRecord(c *report.Campaign) (list []reading) {
	for _, d := range c.Dependencies {
		if c.Ledger.Collected > 0 {
			list = append(list, reading{key: d.Place, value: quantity(d.PerRecord)})
		}
	}
	return list
}

// perRun is how often something happened in a run. The runs' own numbers are not known, so there is nothing to test.
func perRun(c *report.Campaign, key string, t report.Tally) reading {
	return reading{key: key, value: quantity(float64(t.Count) / float64(c.Runs))} // NaN without runs
}

// tallies lists in how many runs things happened, by name, but for what is usual.
func tallies(of func(*report.Campaign) map[string]report.Tally, usual ...string) func(*report.Campaign) []reading {
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
