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

// CampaignFormats lists the formats of campaigns, sweeps and ablations, the default first.
func CampaignFormats() []string { return []string{"text", "json"} }

// WriteCampaign writes a campaign in one of the formats of CampaignFormats. Checks are shown with it in text only. Style applies to
// text.
func WriteCampaign(w io.Writer, c *report.Campaign, checks []report.Check, format string, s Style) error {
	if format == "json" {
		return report.WriteCampaign(w, c)
	}
	p := newPage(s)
	p.campaignBanner(c)
	if c.Runs > 0 {
		p.verdicts(c)
		p.durations(c)
		p.loads(c)
		p.openings(c)
		p.rates(c)
		p.causes(c)
		p.demonstrated(c)
		p.seedRuns("Worst runs", c.Worst)
		p.seedRuns("Slowest runs", c.Slowest)
	}
	p.violations(c)
	p.checks(checks)
	p.campaignClosing(c)
	_, err := io.WriteString(w, p.out.String())
	return err
}

func (p *page) campaignBanner(c *report.Campaign) {
	p.title("campaign")
	p.row("runs", none, facts(number(c.Seeds.Count), fmt.Sprintf("seeds %d to %d", c.Seeds.First, c.Seeds.Last()),
		when(c.Part.Of > 0, fmt.Sprintf("here part %d of %d: %s", c.Part.Index, c.Part.Of, amount(c.Runs, "run")))))
	if c.Until.Condition != "" {
		reached := "not reached"
		if c.Until.Reached {
			reached = "reached after " + amount(c.Runs, "run")
		}
		p.row("until", none, facts(note(c.Until.Condition), reached))
	}
	if c.Scenario != "" {
		p.row("scenario", none, name(c.Scenario))
	}
	p.row("each", none, facts(name(c.Settings.Graph)+" graph", name(c.Settings.Clock)+" clock"))
	s := c.Settings
	for _, b := range c.Breakers { // a failure type may have put it there
		s.Collector.Breaker = s.Collector.Breaker || b.Name == "collector"
	}
	var common section
	common.settings(s)
	p.parts(common.parts)
}

// verdicts are the shares of the runs, and where their records ended.
func (p *page) verdicts(c *report.Campaign) {
	p.heading("Verdicts and records")
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
	p.table([]column{{title: "verdict"}, {title: "runs", right: true}, {title: "share", right: true}, {title: "95 % interval", right: true}}, rows)
	p.line("")
	l := c.Ledger
	p.item(margin, none, facts(amount(l.Collected, "record"), precise(l.DeliveredShare)+" delivered",
		when(l.DeadLettered > 0, precise(l.DeadLetteredShare)+" dead letters"), when(l.Spooled > 0, precise(l.SpooledShare)+" spooled"),
		number(l.Lost)+" lost"))
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

// The histogram of durations.
const (
	bins     = 12
	binLabel = 19
	binCount = 9
)

// durations draws how long the runs took. The bins grow by a factor, since durations do.
func (p *page) durations(c *report.Campaign) {
	d := c.DurationMS
	p.heading("Duration of a run")
	p.item(margin, none, facts("half within "+span(d.P50), "90 % within "+span(d.P90), "99 % within "+span(d.P99), "longest "+span(d.Max), "mean "+span(d.Mean)))
	edges, counts := binned(d)
	if len(counts) < 2 || slices.Max(counts) <= 0 {
		return
	}
	p.line("")
	most := slices.Max(counts)
	room := p.width - margin - binLabel - binCount - 3
	for i, n := range counts {
		label := fmt.Sprintf("%*s –%*s", binLabel/2-1, span(edges[i]), binLabel/2-1, span(edges[i+1]))
		bar := p.ink.note(blocks(float64(n) / float64(most) * float64(room)))
		p.line(trimEnd(strings.Repeat(" ", margin) + p.ink.quiet(label) + fmt.Sprintf("%*s  ", binCount, number(n)) + bar))
	}
}

// binned spreads a histogram over bins between its ends, each longer than the one before by the same factor.
func binned(d report.Distribution) (edges []float64, counts []int64) {
	low, high := max(d.Min, 1), d.Max
	if !(high > low) || math.IsInf(high, 1) {
		return nil, nil
	}
	factor := math.Pow(high/low, 1.0/bins)
	for i := range bins {
		edges = append(edges, low*math.Pow(factor, float64(i)))
	}
	edges, counts = append(edges, high), make([]int64, bins)
	for _, b := range d.Buckets {
		i, found := slices.BinarySearch(edges[:bins], b.Value)
		if !found {
			i--
		}
		counts[max(i, 0)] += b.Count
	}
	return edges, counts
}

// blocks is a bar of so many columns, to an eighth. What is not nothing shows.
func blocks(columns float64) string {
	if columns <= 0 {
		return ""
	}
	eighths := max(1, int(math.Round(columns*8)))
	bar := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		bar += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return bar
}

// loads compares what nodes did and dependencies got in a run.
func (p *page) loads(c *report.Campaign) {
	p.heading("Attempts and calls of a run")
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
	p.table([]column{{title: ""}, {title: "mean", right: true}, {title: "p50", right: true}, {title: "p90", right: true}, {title: "p99", right: true},
		{title: "max", right: true}, {title: "load", right: true}, {title: "a record", right: true, spare: true}}, rows)
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
func (p *page) openings(c *report.Campaign) {
	if len(c.Breakers) == 0 {
		return
	}
	p.heading("Circuit breakers")
	var rows [][]cell
	for _, b := range c.Breakers {
		before := ""
		if d := b.CallsBeforeOpen; d.Count > 0 {
			before = fmt.Sprintf("%s (at most %s)", twoDecimals(d.P50), twoDecimals(d.Max))
		}
		rows = append(rows, texts(name(b.Name), number(b.Opened.Runs.Count), precise(b.Opened.Runs.Share), interval(b.Opened.Runs), before, number(b.Rejected)))
	}
	p.table([]column{{title: "breaker"}, {title: "opened in", right: true}, {title: "share", right: true}, {title: "95 % interval", right: true, spare: true},
		{title: "calls before"}, {title: "turned away", right: true, spare: true}}, rows)
}

// rates puts each fault's probability beside what was observed.
func (p *page) rates(c *report.Campaign) {
	if len(c.Faults) == 0 {
		return
	}
	p.heading("Faults")
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
	p.table([]column{{title: "fault", flex: true, hang: 2}, {title: "set", right: true}, {title: "observed", right: true}, {title: "95 % interval", right: true},
		{title: "hits", right: true}}, rows)
}

// causes lists what made runs worse: the rungs of the fallback ladder, the modes of processing, findings, errors.
func (p *page) causes(c *report.Campaign) {
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
		return
	}
	p.heading("What happened")
	p.table([]column{{title: ""}, {title: ""}, {title: "times", right: true}, {title: "in runs", right: true}, {title: "share", right: true},
		{title: "95 % interval", right: true, spare: true}}, rows)
	p.item(margin, aside, fmt.Sprintf("errors: %s, handled %s", number(c.Errors.Total), number(c.Errors.Handled)))
}

// demonstrated tells which patterns were at work.
func (p *page) demonstrated(c *report.Campaign) {
	p.heading("Patterns demonstrated")
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
	p.table([]column{{title: "  pattern"}, {title: "in runs", right: true}, {title: "share", right: true}, {title: "times", right: true, spare: true},
		{title: "95 % interval", right: true, spare: true}}, rows)
	if len(waiting) > 0 {
		p.item(margin, idle, "in place, not needed: "+strings.Join(waiting, ", "))
	}
	if len(off) > 0 {
		p.item(margin, idle, "off: "+strings.Join(off, ", "))
	}
}

// shownRuns is how many runs are shown of a list; the JSON has the rest.
const shownRuns = 5

// seedRuns lists single runs, each with the command that shows it.
func (p *page) seedRuns(title string, runs []report.SeedRun) {
	if len(runs) == 0 {
		return
	}
	p.heading(title)
	for _, r := range runs[:min(shownRuns, len(runs))] {
		p.item(margin, verdictSign(r.Verdict), facts(fmt.Sprintf("seed %d", r.Seed), name(string(r.Verdict)), span(r.DurationMS),
			fmt.Sprintf("%s of %s delivered", number(r.Delivered), number(r.Collected)), words(name(r.Finding))))
		p.command(margin+signWidth, r.Repeat)
	}
}

// violations lists what no run may do.
func (p *page) violations(c *report.Campaign) {
	if c.Violations.Count == 0 {
		return
	}
	p.heading("Violations")
	shown := c.Violations.List[:min(brief().findings, len(c.Violations.List))]
	for _, v := range shown {
		p.item(margin, bad, fmt.Sprintf("seed %d: %s", v.Seed, note(v.Problem)))
		p.command(margin+signWidth, v.Repeat)
	}
	if left := c.Violations.Count - int64(len(shown)); left > 0 {
		p.item(margin, none, more(number(left)+" more"))
	}
}

// checks tells which conditions held, and of those that did not, why.
func (p *page) checks(checks []report.Check) {
	if len(checks) == 0 {
		return
	}
	p.heading("Checks")
	for _, c := range checks {
		s := good
		if !c.Held {
			s = bad
		}
		p.item(margin, s, note(c.Condition))
		for _, v := range c.Values {
			if !c.Held {
				p.item(margin+signWidth, aside, fmt.Sprintf("%s = %s", note(v.Name), note(v.Text)))
			}
		}
	}
}

// campaignClosing is the campaign in a line.
func (p *page) campaignClosing(c *report.Campaign) {
	p.line("")
	p.rule()
	s, said := good, fmt.Sprintf("%s: %s success, %s degraded, %s failed; every record is accounted for",
		amount(c.Runs, "run"), precise(c.Verdict.Success.Share), precise(c.Verdict.Degraded.Share), precise(c.Verdict.Failed.Share))
	switch {
	case c.Violations.Count > 0:
		s, said = bad, fmt.Sprintf("%s broke what every run must keep", amount(c.Violations.Count, "time"))
	case c.Runs == 0:
		s, said = warn, "no run was made"
	case c.Interrupted:
		s, said = warn, "interrupted after "+said
	}
	ink, _ := p.ink.of(s)
	p.entry("", 0, s, ink, said)
	if c.Meta.RealMS > 0 {
		p.item(signWidth, none, facts(span(c.Meta.RealMS), twoDecimals(math.Round(float64(c.Runs)/c.Meta.RealMS*1000))+" runs a second"))
	}
	p.rule()
}
