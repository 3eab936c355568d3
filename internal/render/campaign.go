package render

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"faultflow/internal/errhandler"
	"faultflow/internal/report"
)

// WriteCampaign writes a campaign in one of the formats of CampaignFormats, together with checks but in JSON. Style applies
// to text.
func WriteCampaign(w io.Writer, c *report.Campaign, checks []report.Check, format string, s Style) error {
	if format == "json" {
		return report.WriteCampaign(w, c)
	}
	return writeAccount(w, campaignAccount(c, checks), format, s)
}

func campaignAccount(c *report.Campaign, checks []report.Check) account {
	a := account{what: "campaign", noun: "campaign", settings: campaignSettings(c), schema: c.Schema, hash: c.Hash, meta: c.Meta}
	if c.Runs > 0 {
		a.sections = []section{verdicts(c), durations(c), loads(c), openings(c), rates(c), causes(c), demonstrated(c),
			seedRuns("Worst runs", c.Worst), seedRuns("Slowest runs", c.Slowest)}
		a.tiles = campaignTiles(c)
	}
	a.sections = slices.DeleteFunc(append(a.sections, violations(c), checked(checks)), section.empty)
	a.sign, a.said = campaignEnding(c)
	if c.Meta.RealMS > 0 {
		a.made = facts(span(c.Meta.RealMS), twoDecimals(math.Round(float64(c.Runs)/c.Meta.RealMS*1000))+" runs a second")
	}
	return a
}

func campaignTiles(c *report.Campaign) []tile {
	v := c.Verdict
	list := []tile{{"Success", precise(v.Success.Share), interval(v.Success), ""}, {"Degraded", precise(v.Degraded.Share), interval(v.Degraded), ""},
		{"Failed", precise(v.Failed.Share), interval(v.Failed), ""}, {"Delivered", precise(c.Ledger.DeliveredShare), "of " + amount(c.Ledger.Collected, "record"), ""},
		{"Half within", span(c.DurationMS.P50), "99" + tie + "% within " + span(c.DurationMS.P99), ""}}
	if v.Failed.Count > 0 {
		list[2].Class = bad.class()
	}
	return list
}

func campaignSettings(c *report.Campaign) section {
	set := section{title: "Settings"}
	set.row("runs", none, facts(number(c.Seeds.Count), fmt.Sprintf("seeds %d to %d", c.Seeds.First, c.Seeds.Last()),
		when(c.Part.Of > 0, fmt.Sprintf("here part %d of %d: %s", c.Part.Index, c.Part.Of, amount(c.Runs, "run")))))
	if c.Until.Condition != "" {
		reached := "not reached"
		if c.Until.Reached {
			reached = "reached after " + amount(c.Runs, "run")
		}
		set.row("until", none, facts(note(c.Until.Condition), reached))
	}
	if c.Scenario != "" {
		set.row("scenario", none, name(c.Scenario))
	}
	set.row("each", none, facts(name(c.Settings.Graph)+" graph", name(c.Settings.Clock)+" clock"))
	s := c.Settings
	for _, b := range c.Breakers { // a failure type may have put it there
		s.Collector.Breaker = s.Collector.Breaker || b.Name == "collector"
	}
	set.settings(s)
	return set
}

// verdicts are the shares of the runs, and where their records ended.
func verdicts(c *report.Campaign) section {
	s := section{title: "Verdicts and records", open: true}
	var rows [][]cell
	for _, v := range []struct {
		verdict errhandler.Verdict
		share   report.Share
	}{{errhandler.Success, c.Verdict.Success}, {errhandler.Degraded, c.Verdict.Degraded}, {errhandler.Failed, c.Verdict.Failed}} {
		row := shareRow(string(v.verdict), v.share)
		row[0].sign = verdictSign(v.verdict)
		if v.share.Count == 0 {
			row[0].sign = none
		}
		rows = append(rows, row)
	}
	s.table("runs by verdict", []column{{title: "verdict"}, {title: "runs", right: true}, {title: "share", right: true}, {title: "95 % interval", right: true}}, rows)
	l := c.Ledger
	var ends section
	ends.item(none, facts(amount(l.Collected, "record"), precise(l.DeliveredShare)+" delivered",
		when(l.DeadLettered > 0, precise(l.DeadLetteredShare)+" dead letters"), when(l.Spooled > 0, precise(l.SpooledShare)+" spooled"),
		number(l.Lost)+" lost"))
	s.below = []section{ends}
	return s
}

func shareRow(what string, s report.Share) []cell {
	return texts(what, number(s.Count), precise(s.Share), interval(s))
}

// interval is a share's 95 % interval: "6.0–6.9 %".
func interval(s report.Share) string {
	unit := tie + "%"
	return strings.TrimSuffix(precise(s.Low), unit) + "–" + precise(s.High)
}

// precise writes a ratio in percent with two or three digits that count.
func precise(ratio float64) string {
	p := 100 * ratio
	decimals := 1
	for limit := 10.0; math.Abs(p) < limit && decimals < 6; limit /= 10 {
		decimals++
	}
	text := strconv.FormatFloat(p, 'f', decimals, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	return text + tie + "%"
}

// durations tells how long the runs took.
func durations(c *report.Campaign) section {
	d, s := c.DurationMS, section{title: "Duration of a run"}
	s.item(none, facts("half within "+span(d.P50), "90 % within "+span(d.P90), "99 % within "+span(d.P99), "longest "+span(d.Max), "mean "+span(d.Mean)))
	if b := histogram(d); b != nil {
		s.below = []section{{parts: []part{{bars: b}}}}
	}
	return s
}

// loads compares what nodes did and dependencies got in a run.
func loads(c *report.Campaign) section {
	s := section{title: "Attempts and calls of a run"}
	var rows [][]cell
	row := func(what string, d report.Distribution, more ...string) {
		rows = append(rows, texts(append([]string{name(what), twoDecimals(d.Mean), twoDecimals(d.P50), twoDecimals(d.P90), twoDecimals(d.P99), twoDecimals(d.Max)}, more...)...))
	}
	for _, n := range c.Nodes {
		if n.Attempts.Max > 0 {
			row(n.Name+" attempts", n.Attempts, "", "")
		}
	}
	for _, d := range c.Dependencies {
		if d.Calls.Max > 0 {
			factor := "–"
			if d.Units > 0 {
				factor = fmt.Sprintf("%.2f ×", d.Factor)
			}
			row(d.Place+" calls", d.Calls, factor, twoDecimals(d.PerRecord))
		}
	}
	s.table("attempts of nodes and calls to dependencies in a run", []column{{title: ""}, {title: "mean", right: true}, {title: "p50", right: true}, {title: "p90", right: true}, {title: "p99", right: true},
		{title: "max", right: true}, {title: "load", right: true}, {title: "a record", right: true, spare: true}}, rows)
	return s
}

// twoDecimals writes a number with at most two decimals.
func twoDecimals(x float64) string { return decimalTo(x, 2) }

// decimalTo writes a number with at most so many decimals, and a comma between thousands.
func decimalTo(x float64, decimals int) string {
	if !(math.Abs(x) < 1e15) { // NaN is not less either
		return strconv.FormatFloat(x, 'g', 3, 64)
	}
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(math.Abs(x), 'f', decimals, 64), ".")
	n, _ := strconv.ParseInt(whole, 10, 64) // it is one
	text := number(n)
	if fraction = strings.TrimRight(fraction, "0"); fraction != "" {
		text += "." + fraction
	}
	if x < 0 && text != "0" {
		text = "-" + text
	}
	return text
}

// openings tells of the circuit breakers.
func openings(c *report.Campaign) section {
	s := section{title: "Circuit breakers"}
	var rows [][]cell
	for _, b := range c.Breakers {
		before := ""
		if d := b.CallsBeforeOpen; d.Count > 0 {
			before = fmt.Sprintf("%s (at most %s)", twoDecimals(d.P50), twoDecimals(d.Max))
		}
		rows = append(rows, texts(name(b.Name), number(b.Opened.Runs.Count), precise(b.Opened.Runs.Share), interval(b.Opened.Runs), before, number(b.Rejected)))
	}
	s.table("circuit breakers", []column{{title: "breaker"}, {title: "opened in", right: true}, {title: "share", right: true}, {title: "95 % interval", right: true, spare: true},
		{title: "calls before"}, {title: "turned away", right: true, spare: true}}, rows)
	return s
}

// rates puts each fault's probability beside what was observed.
func rates(c *report.Campaign) section {
	s := section{title: "Faults"}
	var rows [][]cell
	for _, f := range c.Faults {
		configured := "–"
		if f.Configured > 0 {
			configured = precise(f.Configured)
		}
		row := texts(note(f.Fault), configured, precise(f.Observed.Share), interval(f.Observed), number(f.Observed.Count))
		if f.Observed.Of == 0 {
			row = texts(note(f.Fault), configured, "no call", "", "0")
		}
		rows = append(rows, row)
	}
	s.table("faults, as set and as observed", []column{{title: "fault", flex: true, hang: 2}, {title: "set", right: true}, {title: "observed", right: true}, {title: "95 % interval", right: true},
		{title: "hits", right: true}}, rows)
	return s
}

// causes lists what made runs worse: the rungs of the fallback ladder, the modes of processing, findings, errors.
func causes(c *report.Campaign) section {
	s := section{title: "What happened"}
	var rows [][]cell
	list := func(kind string, all map[string]report.Tally, usual ...string) {
		for _, key := range slices.Sorted(maps.Keys(all)) {
			if t := all[key]; !slices.Contains(usual, key) {
				rows = append(rows, texts(kind, name(words(key)), number(t.Count), number(t.Runs.Count), precise(t.Runs.Share), interval(t.Runs)))
				kind = ""
			}
		}
	}
	list("data from", c.Origins, string(errhandler.FromSource))
	list("processing", c.Modes, "normal", "none")
	list("finding", c.Findings)
	list("error", c.Errors.ByClass)
	if len(rows) == 0 {
		return s
	}
	s.table("what made runs worse", []column{{title: ""}, {title: ""}, {title: "times", right: true}, {title: "in runs", right: true}, {title: "share", right: true},
		{title: "95 % interval", right: true, spare: true}}, rows)
	s.item(aside, fmt.Sprintf("errors: %s, handled %s", number(c.Errors.Total), number(c.Errors.Handled)))
	return s
}

// demonstrated tells which patterns were at work.
func demonstrated(c *report.Campaign) section {
	s := section{title: "Patterns demonstrated"}
	var rows [][]cell
	var waiting, off []string
	for _, t := range c.Patterns {
		switch d := t.Demonstrated; {
		case d.Count > 0:
			row := shareRow(active.symbol()+tie+name(words(t.Name)), d.Runs)
			rows = append(rows, slices.Insert(row, 3, cell{text: number(d.Count)}))
		case t.Armed > 0:
			waiting = append(waiting, name(words(t.Name)))
		default:
			off = append(off, name(words(t.Name)))
		}
	}
	s.table("patterns at work", []column{{title: "  pattern"}, {title: "in runs", right: true}, {title: "share", right: true}, {title: "times", right: true, spare: true},
		{title: "95 % interval", right: true, spare: true}}, rows)
	if len(waiting) > 0 {
		s.item(idle, "in place, not needed: "+strings.Join(waiting, ", "))
	}
	if len(off) > 0 {
		s.item(idle, "off: "+strings.Join(off, ", "))
	}
	return s
}

// shownRuns is how many runs are shown of a list; the JSON has the rest.
const shownRuns = 5

// seedRuns lists single runs, each with the command that shows it.
func seedRuns(title string, runs []report.SeedRun) section {
	s := section{title: title}
	for _, r := range runs[:min(shownRuns, len(runs))] {
		s.item(verdictSign(r.Verdict), facts(fmt.Sprintf("seed %d", r.Seed), name(string(r.Verdict)), span(r.DurationMS),
			fmt.Sprintf("%s of %s delivered", number(r.Delivered), number(r.Collected)), words(name(r.Finding))))
		s.command(r.Repeat)
	}
	return s
}

// violations lists what no run may do.
func violations(c *report.Campaign) section {
	s := section{title: "Violations", open: true}
	if c.Violations.Count == 0 {
		return s
	}
	shown := c.Violations.List[:min(brief().findings, len(c.Violations.List))]
	for _, v := range shown {
		s.item(bad, fmt.Sprintf("seed %d: %s", v.Seed, note(v.Problem)))
		s.command(v.Repeat)
	}
	if left := c.Violations.Count - int64(len(shown)); left > 0 {
		s.item(none, more(number(left)+" more"))
	}
	return s
}

// checked tells which conditions held, and of those that did not, why.
func checked(checks []report.Check) section {
	s := section{title: "Checks", open: true}
	for _, c := range checks {
		held := good
		if !c.Held {
			held = bad
		}
		s.item(held, note(c.Condition))
		for _, v := range c.Values {
			if !c.Held {
				s.remark(aside, fmt.Sprintf("%s = %s", note(v.Name), note(v.Text)))
			}
		}
	}
	return s
}

// campaignEnding is the campaign in a line.
func campaignEnding(c *report.Campaign) (sign, string) {
	said := fmt.Sprintf("%s: %s success, %s degraded, %s failed; every record is accounted for",
		amount(c.Runs, "run"), precise(c.Verdict.Success.Share), precise(c.Verdict.Degraded.Share), precise(c.Verdict.Failed.Share))
	switch {
	case c.Violations.Count > 0:
		return bad, fmt.Sprintf("%s broke what every run must keep", amount(c.Violations.Count, "time"))
	case c.Runs == 0:
		return warn, "no run was made"
	case c.Interrupted:
		return warn, "interrupted after " + said
	}
	return good, said
}
