package render

import (
	"fmt"
	"strconv"
	"strings"

	"faultflow/internal/errhandler"
	"faultflow/internal/report"
)

// attempts compares the nodes.
func attempts(r *report.Report) section {
	s := section{title: "Attempts"}
	cols := []column{{title: "node"}, {title: "runs", right: true}, {title: "attempts", right: true},
		{title: "failed", right: true, usual: "0", spare: true},
		{title: "waits", right: true, usual: "0"}, {title: "timeouts", right: true, usual: "0"},
		{title: "rejected", right: true, usual: "0"}, {title: "full", right: true, usual: "0"},
		{title: "limited", right: true, usual: "0"},
		{title: "recovered", right: true, usual: "0"}}
	var rows [][]cell
	var idleNodes []string
	for _, n := range r.Nodes {
		if n.Runs == 0 {
			idleNodes = append(idleNodes, name(n.Name))
			continue
		}
		waits := number(n.Waits)
		if n.Waits > 0 {
			waits += tie + "(" + span(n.WaitMS) + ")"
		}
		rows = append(rows, texts(name(n.Name), number(n.Runs), number(n.Attempts), number(n.Failures), waits,
			number(n.Timeouts), number(n.Rejected), number(n.Full), number(n.Limited), number(n.Recovered+n.Fallbacks)))
	}
	s.table("attempts of each node", cols, rows)
	if len(rows) > 0 && len(idleNodes) > 0 {
		s.item(idle, "not needed: "+strings.Join(idleNodes, ", "))
	}
	return s
}

// breakers tells the story of those that did something.
func breakers(r *report.Report, l limits) section {
	s := section{title: "Circuit breakers"}
	for _, b := range r.Breakers {
		if len(b.Transitions) == 0 && b.Rejected == 0 {
			continue
		}
		s.item(breakerSign(b), facts(fmt.Sprintf("%s — %s at the end", name(b.Name), name(b.State)),
			amount(b.Calls, "call"), when(b.Rejected > 0, number(b.Rejected)+" rejected without a call")))
		s.remark(none, transitions(b, l.transitions))
	}
	return s
}

func breakerSign(b report.Breaker) sign {
	if b.State == "closed" {
		return active
	}
	return warn
}

// transitions lists the first changes of b, at most limit: "open at 5.6 s → half-open at 35.6 s".
func transitions(b report.Breaker, limit int) string {
	var parts []string
	for _, t := range b.Transitions[:min(limit, len(b.Transitions))] {
		parts = append(parts, name(t.To)+tie+"at"+tie+span(t.AtMS))
	}
	all := max(b.Opened+b.HalfOpened+b.Closed, len(b.Transitions))
	if all > len(parts) {
		parts = append(parts, more(number(all-len(parts))+" more"))
	}
	return strings.Join(parts, " →"+tie)
}

// channels compares the delivery channels.
func channels(r *report.Report) section {
	s := section{title: "Channels"}
	var rows [][]cell
	for _, c := range r.Channels {
		row := texts(name(c.Name), name(c.Health), number(c.Records), number(c.Tried), number(c.Failed), number(c.Skipped),
			when(c.Idempotent, "yes"), note(c.LastError))
		row[1].sign = healthTone(c.Health)
		rows = append(rows, row)
	}
	s.table("delivery channels", []column{{title: "channel"}, {title: "health"}, {title: "records", right: true}, {title: "tries", right: true},
		{title: "failed", right: true}, {title: "skipped", right: true, usual: "0"}, {title: "idempotent"}, {title: "last error", flex: true}}, rows)
	return s
}

func healthTone(health string) sign {
	switch health {
	case "healthy":
		return good
	case "degraded":
		return warn
	}
	return bad
}

// faults shows what was broken on purpose, and what never came to it.
func faults(r *report.Report) section {
	s := section{title: "Faults"}
	cols := []column{{title: "  fault", flex: true, hang: 2}, {title: "class"}, {title: "armed", right: true}, {title: "fired", right: true}}
	var rows [][]cell
	for _, f := range r.Faults {
		row := texts(active.symbol()+tie+note(f.Spec), name(string(f.Class)), number(f.Armed), number(f.Fired))
		if f.Fired == 0 {
			row = texts(idle.symbol()+tie+note(f.Spec), name(string(f.Class)), number(f.Armed), "never")
			// A fault of a profile may well not fire. One that was asked for should have.
			tone := aside
			if f.Declared {
				tone = warn
			}
			for i := range row {
				row[i].sign = tone
			}
		}
		rows = append(rows, row)
	}
	s.table("faults of the plan", cols, rows)
	return s
}

// ledger is the proof that no record went missing.
func ledger(r *report.Report, most limits) section {
	l := r.Ledger
	s := section{title: "Ledger"}
	equation := ledgerEquation(l)
	if l.Balanced && l.Lost == 0 {
		s.item(good, equation+tie+"· balanced"+tie+"✓")
	} else {
		s.item(bad, fmt.Sprintf("%s + %s lost · does not balance ✗", equation, number(l.Lost)))
	}
	if l.FromCache+l.FromDefault > 0 {
		s.remark(none, "of these "+facts(when(l.FromSource > 0, number(l.FromSource)+" from the source"),
			when(l.FromCache > 0, number(l.FromCache)+" from the cache"), when(l.FromDefault > 0, number(l.FromDefault)+" default data")))
	}
	if len(l.DeadLetters) > 0 {
		s.below = append(s.below, deadLetters(l, most.groups))
	}
	return s
}

func ledgerEquation(l report.Ledger) string {
	return fmt.Sprintf("%s collected = %s delivered + %s + %s spooled", number(l.Collected), number(l.Delivered),
		amount(l.DeadLettered, "dead letter"), number(l.Spooled))
}

// deadLetters has no title: its table says what it is.
func deadLetters(l report.Ledger, most int) section {
	var s section
	shown := l.DeadLetters[:min(most, len(l.DeadLetters))]
	var rows [][]cell
	left := l.DeadLettered
	for _, d := range shown {
		line := ""
		if d.FirstLine > 0 {
			line = strconv.FormatInt(d.FirstLine, 10)
		}
		rows = append(rows, texts(name(d.Place), name(string(d.Class)), number(d.Count), line, note(d.Reason)))
		left -= d.Count
	}
	s.table("dead letters by reason", []column{{title: "dead letters"}, {title: "class"}, {title: "count", right: true},
		{title: "first line", right: true}, {title: "reason", flex: true}}, rows)
	if len(shown) < len(l.DeadLetters) {
		s.item(none, more(number(left)+" more with other reasons"))
	}
	return s
}

// cycles is a table of the first cycles of a run that has several.
func cycles(r *report.Report, l limits) section {
	s := section{title: "Cycles"}
	if r.Cycles.Count < 2 {
		return s
	}
	cols := []column{{title: "#", right: true}, {title: "start", right: true}, {title: "took", right: true, spare: true},
		{title: "verdict"}, {title: "from", usual: "source"}, {title: "mode", usual: "normal"}, {title: "to"},
		{title: "in", right: true}, {title: "out", right: true}, {title: "dead", right: true, usual: "0"},
		{title: "spool", right: true, usual: "0"}}
	shown := r.Cycles.List[:min(l.cycles, len(r.Cycles.List))]
	var rows [][]cell
	for _, c := range shown {
		to := c.Channel
		if to == "" {
			to = words(c.Delivery)
		}
		row := texts(number(c.Number), span(c.StartMS), span(c.DurationMS), name(string(c.Verdict)), origin(c.Origin),
			words(name(c.Mode)), name(to), number(c.Collected), number(c.Delivered), number(c.Dead), number(c.Spooled))
		row[3].sign = verdictSign(c.Verdict)
		rows = append(rows, row)
	}
	s.table("the cycles", cols, rows)
	if left := r.Cycles.Count - len(shown); left > 0 {
		s.item(none, more(amount(left, "more cycle")))
	}
	switch t := r.Timeline; {
	case t.Summarised && t.Note != "":
		s.item(none, "timeline: "+note(t.Note))
	case t.Summarised:
		s.item(none, "the timeline is summarised")
	}
	return s
}

// origin is short, for tables.
func origin(o errhandler.Origin) string {
	switch o {
	case errhandler.FromFreshCache:
		return "fresh"
	case errhandler.FromStaleCache:
		return "stale"
	case errhandler.FromDefault:
		return "default"
	default:
		return name(string(o))
	}
}

// load shows what the policies cost those that are called. It has nothing to say while each got the calls it would have
// got anyway.
func load(r *report.Report) section {
	s := section{title: "Load amplification"}
	told := false
	var rows [][]cell
	for _, a := range r.Amplification {
		if a.Calls == 0 && a.Units == 0 {
			continue
		}
		told = told || a.Calls != a.Units
		factor := "–"
		if a.Units > 0 {
			factor = fmt.Sprintf("%.2f ×", a.Factor)
		}
		rows = append(rows, texts(name(a.Place), number(a.Calls), number(a.Units), factor, fmt.Sprintf("%.3f", a.PerRecord)))
	}
	if !told {
		return s
	}
	s.table("calls to each dependency", []column{{title: "dependency"}, {title: "calls", right: true}, {title: "needed", right: true},
		{title: "factor", right: true}, {title: "calls a record", right: true, spare: true}}, rows)
	return s
}

// drill shows each recovery path and its cost.
func drill(r *report.Report) section {
	s := section{title: "Recovery drill"}
	for _, d := range r.Drill {
		path, sign, result := name(d.Path), good, "recovered"
		if d.Path == "none" {
			path, result = "clean cycle", "nothing to recover"
		}
		if !d.Recovered {
			sign, result = bad, "not recovered"
		}
		s.item(sign, facts(words(path)+" — "+result, when(d.Cycle > 0, fmt.Sprintf("cycle %s", number(d.Cycle))),
			when(d.Forced != "" && d.Path != "none", "forced: "+note(d.Forced))))
		s.remark(none, facts("cost "+span(d.DurationMS), amount(d.Attempts, "attempt"), number(d.Delivered)+" delivered",
			when(d.DeadLettered > 0, amount(d.DeadLettered, "dead letter")), when(d.Spooled > 0, number(d.Spooled)+" spooled")))
		if d.Detail != "" {
			s.remark(aside, note(d.Detail))
		}
	}
	return s
}

func texts(values ...string) []cell {
	row := make([]cell, len(values))
	for i, v := range values {
		row[i].text = v
	}
	return row
}
