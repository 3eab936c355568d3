package render

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
)

// Attempts compares the nodes.
func Attempts(r *report.Report) Section {
	s := Section{Title: "Attempts"}
	cols := []Column{{Title: "node"}, {Title: "runs", Right: true}, {Title: "attempts", Right: true},
		{Title: "failed", Right: true, Usual: "0", Spare: true},
		{Title: "waits", Right: true, Usual: "0"}, {Title: "timeouts", Right: true, Usual: "0"},
		{Title: "overdue", Right: true, Usual: "0"}, {Title: "hedges", Right: true, Usual: "0"},
	}
	for _, away := range catalog.Rejections() {
		cols = append(cols, Column{Title: away.Title, Right: true, Usual: "0"})
	}
	cols = append(cols, Column{Title: "recovered", Right: true, Usual: "0"})
	var rows [][]Cell
	var idleNodes []string
	for _, n := range r.Nodes {
		if n.Runs == 0 {
			idleNodes = append(idleNodes, ClipName(n.Name))
			continue
		}
		waits := Grouped(n.Waits)
		if n.Waits > 0 {
			waits += Tie + "(" + Duration(n.WaitMS) + ")"
		}
		texts := []string{
			ClipName(n.Name),
			Grouped(n.Runs),
			Grouped(n.Attempts),
			Grouped(n.Failures),
			waits,
			Grouped(n.Timeouts),
			Grouped(n.Overdue),
			Grouped(n.Hedges),
		}
		for _, away := range catalog.Rejections() {
			texts = append(texts, Grouped(*n.TurnedAway(away.Event)))
		}
		rows = append(rows, Cells(append(texts, Grouped(n.Recovered+n.Fallbacks))...))
	}
	s.table("attempts of each node", cols, rows)
	if len(rows) > 0 && len(idleNodes) > 0 {
		s.item(Idle, "did not run: "+strings.Join(idleNodes, ", "))
	}
	return s
}

// Breakers tells the story of those that did something.
func Breakers(r *report.Report, l Limits) Section {
	s := Section{Title: "Circuit breakers"}
	for _, b := range r.Breakers {
		if len(b.Transitions) == 0 && b.Rejected == 0 {
			continue
		}
		s.item(breakerSign(b), Facts(fmt.Sprintf("%s — %s at the end", ClipName(b.Name), ClipName(b.State)),
			Amount(b.Calls, "call"), When(b.Rejected > 0, Grouped(b.Rejected)+" rejected without a call")))
		s.remark(None, transitions(b, l.Transitions))
	}
	return s
}

func breakerSign(b report.Breaker) Sign {
	if b.State == catalog.Closed {
		return Active
	}
	return Warn
}

// transitions lists the first changes of b, at most limit: "open at 5.6 s → half-open at 35.6 s".
func transitions(b report.Breaker, limit int) string {
	var parts []string
	for _, t := range b.Transitions[:min(limit, len(b.Transitions))] {
		parts = append(parts, ClipName(t.To)+Tie+"at"+Tie+Duration(t.AtMS))
	}
	all := max(b.Opened+b.HalfOpened+b.Closed, len(b.Transitions))
	if all > len(parts) {
		parts = append(parts, More(Grouped(all-len(parts))+" more"))
	}
	return strings.Join(parts, " →"+Tie)
}

// Channels compares the delivery channels.
func Channels(r *report.Report) Section {
	s := Section{Title: "Channels"}
	var rows [][]Cell
	for _, c := range r.Channels {
		row := Cells(
			ClipName(c.Name),
			ClipName(c.Health),
			Grouped(c.Records),
			Grouped(c.Tried),
			Grouped(c.Failed),
			Grouped(c.Skipped),
			When(c.Idempotent, "yes"),
			ClipText(c.LastError),
		)
		row[1].Sign = healthTone(c.Health)
		rows = append(rows, row)
	}
	s.table("delivery channels", []Column{
		{Title: "channel"},
		{Title: "health"},
		{Title: "records", Right: true},
		{Title: "tries", Right: true},
		{Title: "failed", Right: true},
		{Title: "skipped", Right: true, Usual: "0"},
		{Title: "idempotent"},
		{Title: "last error", Flex: true},
	}, rows)
	return s
}

func healthTone(health catalog.Health) Sign {
	switch health {
	case catalog.Healthy:
		return Good
	case catalog.DegradedHealth:
		return Warn
	case catalog.Down:
	}
	return Bad
}

// Faults shows what was broken on purpose, and what never came to it.
func Faults(r *report.Report) Section {
	s := Section{Title: "Faults"}
	cols := []Column{
		{Title: "  fault", Flex: true, Hang: 2},
		{Title: "class"},
		{Title: "armed", Right: true},
		{Title: "fired", Right: true},
	}
	var rows [][]Cell
	for _, f := range r.Faults {
		row := Cells(Active.Symbol()+Tie+ClipText(f.Spec), ClipName(f.Class), Grouped(f.Armed), Grouped(f.Fired))
		if f.Fired == 0 {
			row = Cells(Idle.Symbol()+Tie+ClipText(f.Spec), ClipName(f.Class), Grouped(f.Armed), "never")
			// A fault of a profile may well not fire. One that was asked for should have.
			tone := Aside
			if f.Declared {
				tone = Warn
			}
			for i := range row {
				row[i].Sign = tone
			}
		}
		rows = append(rows, row)
	}
	s.table("faults of the plan", cols, rows)
	return s
}

// Ledger is the proof that no record went missing.
func Ledger(r *report.Report, most Limits) Section {
	l := r.Ledger
	s := Section{Title: "Ledger"}
	equation := LedgerEquation(l)
	if l.Balanced && l.Lost == 0 {
		s.item(ledgerSign(l), equation+Tie+"· balanced"+Tie+"✓")
	} else {
		s.item(Bad, fmt.Sprintf("%s + %s lost · does not balance ✗", equation, Grouped(l.Lost)))
	}
	if l.Unkept > 0 {
		s.remark(None, Amount(l.Unkept, "record")+" of these could not be written into the output folder")
	}
	if l.FromCache+l.FromDefault > 0 {
		s.remark(
			None,
			"of these "+Facts(When(l.FromSource > 0, Grouped(l.FromSource)+" from the source"),
				When(
					l.FromCache > 0,
					Grouped(l.FromCache)+" from the cache",
				), When(l.FromDefault > 0, Grouped(l.FromDefault)+" default data")),
		)
	}
	if len(l.DeadLetters) > 0 {
		s.Below = append(s.Below, deadLetters(l, most.Groups))
	}
	return s
}

// ledgerSign is what a balanced ledger deserves: that no record is missing is no success while they are not delivered,
// nor where they could not be kept.
func ledgerSign(l report.Ledger) Sign {
	switch {
	case l.Collected == 0:
		return Idle
	case l.Delivered+l.Spooled == 0, l.Unkept > 0:
		return Bad
	case l.Delivered < l.Collected:
		return Warn
	default:
		return Good
	}
}

// LedgerEquation says where the records that were collected ended.
func LedgerEquation(l report.Ledger) string {
	return fmt.Sprintf("%s collected = %s delivered + %s + %s spooled", Grouped(l.Collected), Grouped(l.Delivered),
		Amount(l.DeadLettered, "dead letter"), Grouped(l.Spooled))
}

// deadLetters has no title: its table says what it is.
func deadLetters(l report.Ledger, most int) Section {
	var s Section
	shown := l.DeadLetters[:min(most, len(l.DeadLetters))]
	var rows [][]Cell
	left := l.DeadLettered
	for _, d := range shown {
		line := ""
		if d.FirstLine > 0 {
			line = strconv.FormatInt(d.FirstLine, 10)
		}
		rows = append(rows, Cells(ClipName(d.Place), ClipName(d.Class), Grouped(d.Count), line, ClipText(d.Reason)))
		left -= d.Count
	}
	s.table("dead letters by reason", []Column{{Title: "dead letters"}, {Title: "class"}, {Title: "count", Right: true},
		{Title: "first line", Right: true}, {Title: "reason", Flex: true}}, rows)
	if left > 0 {
		s.item(None, More(Grouped(left)+" more with other reasons"))
	}
	return s
}

// Cycles is a table of the first cycles of a run that has several. Those of a load are told of by time.
func Cycles(r *report.Report, l Limits) Section {
	s := Section{Title: "Cycles"}
	if r.Cycles.Count < 2 || r.Passes.Offered > 0 {
		return s
	}
	cols := []Column{
		{Title: "#", Right: true},
		{Title: "start", Right: true},
		{Title: "took", Right: true, Spare: true},
		{Title: "verdict"},
		{Title: "from", Usual: "source"},
		{Title: "mode", Usual: "normal"},
		{Title: "to"},
		{Title: "in", Right: true},
		{Title: "out", Right: true},
		{Title: "dead", Right: true, Usual: "0"},
		{Title: "spool", Right: true, Usual: "0"},
	}
	shown := r.Cycles.List[:min(l.Cycles, len(r.Cycles.List))]
	var rows [][]Cell
	for _, c := range shown {
		to := cmp.Or(c.Channel, catalog.Words(c.Delivery))
		row := Cells(
			Grouped(c.Number),
			Duration(c.StartMS),
			Duration(c.DurationMS),
			ClipName(c.Verdict),
			origin(c.Origin),
			catalog.Words(ClipName(c.Mode)),
			ClipName(to),
			Grouped(c.Collected),
			Grouped(c.Delivered),
			Grouped(c.Dead),
			Grouped(c.Spooled),
		)
		row[3].Sign = VerdictSign(c.Verdict)
		rows = append(rows, row)
	}
	s.table("the cycles", cols, rows)
	if left := r.Cycles.Count - len(shown); left > 0 {
		s.item(None, More(Amount(left, "more cycle")))
	}
	switch t := r.Timeline; {
	case t.Summarised && t.Note != "":
		s.item(None, "timeline: "+ClipText(t.Note))
	case t.Summarised:
		s.item(None, "the timeline is summarised")
	}
	return s
}

// origin is short, for tables.
func origin(o catalog.Origin) string {
	switch o {
	case catalog.FromFreshCache:
		return "fresh"
	case catalog.FromStaleCache:
		return "stale"
	case catalog.FromDefault:
		return "default"
	default:
		return ClipName(o)
	}
}

// Load shows what the policies cost those that are called. It has nothing to say while each got the calls it would have
// got anyway.
func Load(r *report.Report) Section {
	s := Section{Title: "Load amplification"}
	told := false
	var rows [][]Cell
	for _, a := range r.Amplification {
		if a.Calls == 0 && a.Units == 0 {
			continue
		}
		told = told || a.Calls != a.Units
		factor := "–"
		if a.Units > 0 {
			factor = fmt.Sprintf("%.2f ×", a.Factor)
		}
		rows = append(rows, Cells(ClipName(a.Place), Grouped(a.Calls), Grouped(a.Units), factor, fmt.Sprintf(
			"%.3f",
			a.PerRecord,
		)))
	}
	if !told {
		return s
	}
	s.table("calls to each dependency", []Column{
		{Title: "dependency"},
		{Title: "calls", Right: true},
		{Title: "needed", Right: true},
		{Title: "factor", Right: true},
		{Title: "calls a record", Right: true, Spare: true},
	}, rows)
	return s
}

// Drill shows each recovery path and its cost.
func Drill(r *report.Report) Section {
	s := Section{Title: "Recovery drill"}
	for _, d := range r.Drill {
		path, sign, result := ClipName(d.Path), Good, "recovered"
		if d.Path == "none" {
			path, result = "clean cycle", "nothing to recover"
		}
		if !d.Recovered {
			sign, result = Bad, "not recovered"
		}
		s.item(sign, Facts(catalog.Words(path)+" — "+result, When(d.Cycle > 0, fmt.Sprintf(
			"cycle %s",
			Grouped(d.Cycle),
		)),
			When(d.Forced != "" && d.Path != "none", "forced: "+ClipText(d.Forced))))
		s.remark(None, Facts("cost "+Duration(d.DurationMS), Amount(
			d.Attempts,
			"attempt",
		), Grouped(d.Delivered)+" delivered",
			When(d.DeadLettered > 0, Amount(
				d.DeadLettered,
				"dead letter",
			)), When(d.Spooled > 0, Grouped(d.Spooled)+" spooled")))
		if d.Detail != "" {
			s.remark(Aside, ClipText(d.Detail))
		}
	}
	return s
}
