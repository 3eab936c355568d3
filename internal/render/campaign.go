package render

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
)

// CampaignAccount tells of a campaign, and which of some checks held.
func CampaignAccount(c *report.Campaign, checks []report.Check) Account {
	a := Account{
		What:     "campaign",
		Noun:     "campaign",
		Settings: campaignSettings(c),
		Schema:   c.Schema,
		Hash:     c.Hash,
		Meta:     c.Meta,
	}
	if c.Runs > 0 {
		a.Sections = []Section{
			verdicts(c), cameBack(c), durations(c), loads(c), openings(c), rates(c), causes(c), demonstrated(c),
			seedRuns("Worst runs", c.Worst), seedRuns("Slowest runs", c.Slowest),
		}
		a.Tiles = campaignTiles(c)
	}
	a.Sections = slices.DeleteFunc(append(a.Sections, violations(c), expected(c), checked(checks)), Section.Empty)
	a.Sign, a.Said = campaignEnding(c)
	if c.Meta.RealMS > 0 {
		a.Made = Facts(
			Duration(c.Meta.RealMS),
			twoDecimals(math.Round(float64(c.Runs)/c.Meta.RealMS*1000))+" runs a second",
		)
	}
	return a
}

func campaignSettings(c *report.Campaign) Section {
	set := Section{Title: "Settings"}
	set.row("runs", None, Facts(Grouped(c.Seeds.Count), fmt.Sprintf("seeds %d to %d", c.Seeds.First, c.Seeds.Last()),
		When(c.Part.Of > 0, fmt.Sprintf("here part %d of %d: %s", c.Part.Index, c.Part.Of, Amount(c.Runs, "run")))))
	if c.Until.Condition != "" {
		reached := "not reached"
		if c.Until.Reached {
			reached = "reached after " + Amount(c.Runs, "run")
		}
		set.row("until", None, Facts(ClipText(c.Until.Condition), reached))
	}
	if c.Scenario != "" {
		set.row("scenario", None, ClipName(c.Scenario))
	}
	set.row("each", None, Facts(ClipName(c.Settings.Graph)+" graph", ClipName(c.Settings.Clock)+" clock"))
	set.settings(c.Settings, breakerDrawn(c))
	return set
}

// breakerDrawn says in which runs the failure type put in the collector's breaker, "" if all runs have the same.
func breakerDrawn(c *report.Campaign) string {
	for _, b := range c.Breakers {
		switch {
		case b.Name != string(catalog.Collector) || c.Settings.Collector.Breaker:
		case b.Armed == 0: // a document from before it
			return "in some runs"
		default:
			return "in " + PrecisePercent(float64(b.Armed)/float64(c.Runs)) + " of the runs"
		}
	}
	return ""
}

// verdicts are the shares of the runs, and where their records ended.
func verdicts(c *report.Campaign) Section {
	s := Section{Title: "Verdicts and records", Open: true}
	var rows [][]Cell
	for _, v := range []struct {
		verdict catalog.Verdict
		share   report.Share
	}{
		{catalog.Success, c.Verdict.Success},
		{catalog.Degraded, c.Verdict.Degraded},
		{catalog.Failed, c.Verdict.Failed},
	} {
		row := shareRow(string(v.verdict), v.share)
		row[0].Sign = VerdictSign(v.verdict)
		if v.share.Count == 0 {
			row[0].Sign = None
		}
		rows = append(rows, row)
	}
	s.table("runs by verdict", []Column{
		{Title: "verdict"},
		{Title: "runs", Right: true},
		{Title: "share", Right: true},
		{Title: "95 % interval", Right: true},
	}, rows)
	l := c.Ledger
	source, copies := delivered(l)
	var ends Section
	ends.item(None, Facts(
		Amount(l.Collected, "record"),
		source+" delivered",
		copies,
		When(l.DeadLettered > 0, PrecisePercent(l.DeadLetteredShare)+" dead letters"),
		When(l.Spooled > 0, PrecisePercent(l.SpooledShare)+" spooled"),
		Grouped(l.Lost)+" lost",
	))
	s.Below = []Section{ends}
	return s
}

// delivered are the shares of the records of the source and of copies that were delivered, of all that were collected.
func delivered(l report.CampaignLedger) (source, copies string) {
	if l.DeliveredCopies <= 0 || l.Collected <= 0 {
		return PrecisePercent(l.DeliveredShare), ""
	}
	share := func(n int64) string { return PrecisePercent(float64(n) / float64(l.Collected)) }
	return share(l.DeliveredFromSource), share(l.DeliveredCopies) + " copies"
}

// cameBack tells how many of the runs came back, and how long that took.
func cameBack(c *report.Campaign) Section {
	s := Section{Title: "Recovery", Open: true}
	r := &c.Recovery
	if r.IsZero() {
		return s
	}
	var rows [][]Cell
	for _, state := range catalog.RecoveryStates() {
		share := r.Of(state)
		if share.Count == 0 && (state == catalog.NotWatched || state == catalog.NotJudged) {
			continue
		}
		row := shareRow(catalog.Words(string(state)), *share)
		if share.Count > 0 {
			row[0].Sign = signOfState(state)
		}
		rows = append(rows, row)
	}
	s.table("runs by whether they came back", []Column{
		{Title: "the run"},
		{Title: "runs", Right: true},
		{Title: "share", Right: true},
		{Title: "95 % interval", Right: true},
	}, rows)
	var passes Section
	passes.item(None, Facts(Amount(r.Offered, "pass", "passes"), PrecisePercent(r.GoodShare)+" good"))
	if d := r.AfterMS; d.Count > 0 {
		passes.item(None, Facts("came back: half within "+Duration(d.P50), "90 % within "+Duration(d.P90),
			"latest after "+Duration(d.Max)))
	}
	s.Below = []Section{passes}
	return s
}

func signOfState(state catalog.RecoveryState) Sign {
	switch state {
	case catalog.NeverFell, catalog.CameBack:
		return Good
	case catalog.StaysDown:
		return Bad
	default:
		return Warn
	}
}

func shareRow(what string, s report.Share) []Cell {
	return Cells(what, Grouped(s.Count), PrecisePercent(s.Share), interval(s))
}

// interval is a share's 95 % interval: "6.0–6.9 %".
func interval(s report.Share) string {
	unit := Tie + "%"
	return strings.TrimSuffix(PrecisePercent(s.Low), unit) + "–" + PrecisePercent(s.High)
}

// PrecisePercent writes a ratio in percent with two or three digits that count.
func PrecisePercent(ratio float64) string {
	p := 100 * ratio
	decimals := 1
	for limit := 10.0; math.Abs(p) < limit && decimals < 6; limit /= 10 {
		decimals++
	}
	text := strconv.FormatFloat(p, 'f', decimals, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	return text + Tie + "%"
}

// durations tells how long the runs took.
func durations(c *report.Campaign) Section {
	d, s := c.DurationMS, Section{Title: "Duration of a run"}
	s.item(None, Facts(
		"half within "+Duration(d.P50),
		"90 % within "+Duration(d.P90),
		"99 % within "+Duration(d.P99),
		"longest "+Duration(d.Max),
		"mean "+Duration(d.Mean),
	))
	if b := newHistogram(d); b != nil {
		s.Below = []Section{{Parts: []Part{{Bars: b}}}}
	}
	return s
}

// loads compares what nodes did and dependencies got in a run.
func loads(c *report.Campaign) Section {
	s := Section{Title: "Attempts and calls of a run"}
	var rows [][]Cell
	row := func(what string, d report.Distribution, more ...string) {
		rows = append(rows, Cells(append([]string{
			ClipName(what),
			twoDecimals(d.Mean),
			twoDecimals(d.P50),
			twoDecimals(d.P90),
			twoDecimals(d.P99),
			twoDecimals(d.Max),
		}, more...)...))
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
	s.table("attempts of nodes and calls to dependencies in a run", []Column{
		{Title: ""},
		{Title: "mean", Right: true},
		{Title: "p50", Right: true},
		{Title: "p90", Right: true},
		{Title: "p99", Right: true},
		{Title: "max", Right: true},
		{Title: "load", Right: true},
		{Title: "a record", Right: true, Spare: true},
	}, rows)
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
	text := Grouped(n)
	if fraction = strings.TrimRight(fraction, "0"); fraction != "" {
		text += "." + fraction
	}
	if x < 0 && text != "0" {
		text = "-" + text
	}
	return text
}

// openings tells of the circuit breakers.
func openings(c *report.Campaign) Section {
	s := Section{Title: "Circuit breakers"}
	var rows [][]Cell
	for _, b := range c.Breakers {
		before := ""
		if d := b.CallsBeforeOpen; d.Count > 0 {
			before = fmt.Sprintf("%s (at most %s)", twoDecimals(d.P50), twoDecimals(d.Max))
		}
		rows = append(rows, Cells(
			ClipName(b.Name),
			Grouped(b.Opened.Runs.Count),
			PrecisePercent(b.Opened.Runs.Share),
			interval(b.Opened.Runs),
			before,
			Grouped(b.Rejected),
		))
	}
	s.table("circuit breakers", []Column{
		{Title: "breaker"},
		{Title: "opened in", Right: true},
		{Title: "share", Right: true},
		{Title: "95 % interval", Right: true, Spare: true},
		{Title: "calls before"},
		{Title: "turned away", Right: true, Spare: true},
	}, rows)
	return s
}

// rates puts each fault's probability beside what was observed.
func rates(c *report.Campaign) Section {
	s := Section{Title: "Faults"}
	var rows [][]Cell
	for _, f := range c.Faults {
		configured := "–"
		if f.Configured > 0 {
			configured = PrecisePercent(f.Configured)
		}
		row := Cells(
			ClipText(f.Fault),
			configured,
			PrecisePercent(f.Observed.Share),
			interval(f.Observed),
			Grouped(f.Observed.Count),
		)
		if f.Observed.Of == 0 {
			row = Cells(ClipText(f.Fault), configured, "no call", "", "0")
		}
		rows = append(rows, row)
	}
	s.table("faults, as set and as observed", []Column{
		{Title: "fault", Flex: true, Hang: 2},
		{Title: "set", Right: true},
		{Title: "observed", Right: true},
		{Title: "95 % interval", Right: true},
		{Title: "hits", Right: true},
	}, rows)
	return s
}

// causes lists what made runs worse: the rungs of the fallback ladder, the modes of processing, findings, errors.
func causes(c *report.Campaign) Section {
	s := Section{Title: "What happened"}
	var rows [][]Cell
	list := func(kind string, all map[string]report.Tally, usual ...string) {
		for _, key := range slices.Sorted(maps.Keys(all)) {
			if t := all[key]; !slices.Contains(usual, key) {
				rows = append(rows, Cells(
					kind,
					ClipName(catalog.Words(key)),
					Grouped(t.Count),
					Grouped(t.Runs.Count),
					PrecisePercent(t.Runs.Share),
					interval(t.Runs),
				))
				kind = ""
			}
		}
	}
	list("data from", c.Origins, string(catalog.FromSource))
	list("processing", c.Modes, "normal", "none")
	list("finding", c.Findings)
	list("error", c.Errors.ByClass)
	if len(rows) == 0 {
		return s
	}
	s.table("what made runs worse", []Column{
		{Title: ""},
		{Title: ""},
		{Title: "times", Right: true},
		{Title: "in runs", Right: true},
		{Title: "share", Right: true},
		{Title: "95 % interval", Right: true, Spare: true},
	}, rows)
	s.item(Aside, fmt.Sprintf("errors: %s, handled %s", Grouped(c.Errors.Total), Grouped(c.Errors.Handled)))
	return s
}

// demonstrated tells which patterns were at work.
func demonstrated(c *report.Campaign) Section {
	s := Section{Title: "Patterns demonstrated"}
	var rows [][]Cell
	var waiting, off []string
	for _, t := range c.Patterns {
		switch d := t.Demonstrated; {
		case d.Count > 0:
			row := shareRow(Active.Symbol()+Tie+ClipName(catalog.Words(t.Name)), d.Runs)
			rows = append(rows, slices.Insert(row, 3, Cell{Text: Grouped(d.Count)}))
		case t.Armed > 0:
			waiting = append(waiting, ClipName(catalog.Words(t.Name)))
		default:
			off = append(off, ClipName(catalog.Words(t.Name)))
		}
	}
	s.table("patterns at work", []Column{
		{Title: "  pattern"},
		{Title: "in runs", Right: true},
		{Title: "share", Right: true},
		{Title: "times", Right: true, Spare: true},
		{Title: "95 % interval", Right: true, Spare: true},
	}, rows)
	if len(waiting) > 0 {
		s.item(Idle, "in place, without effect: "+strings.Join(waiting, ", "))
	}
	if len(off) > 0 {
		s.item(Idle, "off: "+strings.Join(off, ", "))
	}
	return s
}

// shownRuns is how many runs are shown of a list; the JSON has the rest.
const shownRuns = 5

// seedRuns lists single runs, each with the command that shows it.
func seedRuns(title string, runs []report.SeedRun) Section {
	s := Section{Title: title}
	for _, r := range runs[:min(shownRuns, len(runs))] {
		s.item(VerdictSign(r.Verdict), Facts(
			fmt.Sprintf("seed %d", r.Seed),
			ClipName(r.Verdict),
			Duration(r.DurationMS),
			fmt.Sprintf("%s of %s delivered", Grouped(r.Delivered-r.Copies), Grouped(r.Collected)),
			When(r.Copies > 0, Amount(r.Copies, "copy", "copies")),
			catalog.Words(ClipName(r.Finding)),
		))
		s.command(r.Repeat)
	}
	return s
}

// violations lists what no run may do.
func violations(c *report.Campaign) Section {
	s := Section{Title: "Violations", Open: true}
	if c.Violations.Count == 0 {
		return s
	}
	shown := c.Violations.List[:min(Brief().Findings, len(c.Violations.List))]
	for _, v := range shown {
		s.item(Bad, fmt.Sprintf("seed %d: %s", v.Seed, ClipText(v.Problem)))
		s.command(v.Repeat)
	}
	if left := c.Violations.Count - int64(len(shown)); left > 0 {
		s.item(None, More(Grouped(left)+" more"))
	}
	return s
}

// expected tells in how many runs the scenario's expectations held, and shows runs in which one did not.
func expected(c *report.Campaign) Section {
	s := Section{Title: "Expectations", Open: true}
	for _, e := range c.Expect {
		sign := Good
		switch {
		case e.Count < e.Of:
			sign = Bad
		case e.Of == 0:
			sign = Warn
		}
		s.item(sign, ClipText(e.Condition))
		held := "showed nothing in any run"
		if e.Of > 0 {
			held = fmt.Sprintf("held in %s of %s", Grouped(e.Count), Amount(e.Of, "run"))
			held = Facts(held, PrecisePercent(e.Share.Share), interval(e.Share),
				When(e.Inconclusive > 0, "showed nothing in "+Grouped(e.Inconclusive)))
		}
		s.remark(Aside, held)
		for _, run := range e.Failing[:min(shownRuns, len(e.Failing))] {
			s.command(run.Repeat)
		}
		if left := e.Of - e.Count - int64(min(shownRuns, len(e.Failing))); left > 0 {
			s.remark(None, More(Grouped(left)+" more"))
		}
	}
	return s
}

// checkSign is the sign of a condition; what is no status is no proof.
func checkSign(s report.TestStatus) Sign {
	switch s {
	case report.TestPassed:
		return Good
	case report.TestInconclusive:
		return Warn
	default:
		return Bad
	}
}

// checked tells which conditions held, and of those that did not, or show nothing, why.
func checked(checks []report.Check) Section {
	s := Section{Title: "Checks", Open: true}
	for _, c := range checks {
		s.item(checkSign(c.Status), ClipText(c.Condition))
		for _, why := range c.Reasons {
			s.remark(Aside, "shows nothing: "+ClipText(why))
		}
		for _, v := range c.Values {
			if c.Status == report.TestFailed {
				s.remark(Aside, fmt.Sprintf("%s = %s", ClipText(v.Name), ClipText(v.Text)))
			}
		}
	}
	return s
}

// campaignEnding is the campaign in a line, with the sign of the worst verdict that came out.
func campaignEnding(c *report.Campaign) (Sign, string) {
	said := fmt.Sprintf(
		"%s: %s success, %s degraded, %s failed; every record is accounted for",
		Amount(c.Runs, "run"),
		PrecisePercent(c.Verdict.Success.Share),
		PrecisePercent(c.Verdict.Degraded.Share),
		PrecisePercent(c.Verdict.Failed.Share),
	)
	sign := Good
	switch {
	case c.Verdict.Failed.Count > 0:
		sign = Bad
	case c.Verdict.Degraded.Count > 0:
		sign = Warn
	}
	silent := 0
	for i := range c.Faults {
		if c.Faults[i].ProvesNothing() && c.Part.Of == 0 {
			silent++
		}
	}
	if silent > 0 {
		said += "; nothing was proved: " + Amount(silent, "fault") + " never fired"
		sign = max(sign, Warn)
	}
	switch {
	case c.Violations.Count > 0:
		return Bad, fmt.Sprintf("%s broke what every run must keep", Amount(c.Violations.Count, "time"))
	case c.Runs == 0:
		return Warn, "no run was made"
	case c.Interrupted:
		return max(sign, Warn), "interrupted after " + said
	}
	return sign, said
}
