// Package render shows what was recorded: reports and test results as text for people, and in the formats that CI systems
// read. It reads what it is given and changes nothing in it; all text from outside goes through report.Clean.
package render

import (
	"fmt"
	"io"

	"faultflow/internal/errhandler"
	"faultflow/internal/report"
)

// Style is how text is written.
type Style struct {
	// Color repeats in color what symbols and words say already.
	Color bool
	// Width is the widest line in columns: 0 means 80, and less than 40 counts as 40.
	Width int
	// FullWidth is the width of the timeline, which wants all the room there is; at least Width, and 0 means Width.
	FullWidth int
	// NoTimeline leaves the timeline out.
	NoTimeline bool
}

// WriteText writes r for people. It reads r and changes nothing in it; text from outside has been through Clean.
func WriteText(w io.Writer, r *report.Report, s Style) error {
	p := newPage(s)
	p.banner(r)
	p.collection(r)
	p.processing(r)
	p.delivery(r)
	if !s.NoTimeline {
		p.timeline(r)
	}
	p.attempts(r)
	p.breakers(r)
	p.faults(r)
	p.ledger(r)
	p.cycles(r)
	p.load(r)
	p.drill(r)
	p.analysis(r)
	p.patterns(r)
	p.closing(r)
	_, err := io.WriteString(w, p.out.String())
	return err
}

// The most that is shown of lists without an end; the JSON report has the rest.
const (
	maxSpecs       = 6
	maxTransitions = 12
	maxGroups      = 8
	maxCycles      = 20
	maxFindings    = 8
)

// more ends a list that was cut.
func more(what string) string { return "… and " + what }

// banner shows the settings that matter to this run.
func (p *page) banner(r *report.Report) {
	s := r.Settings
	p.rule()
	p.line(p.ink.title("  faultflow") + " · fault-tolerant workflow")
	p.rule()
	p.row("run", none, facts(name(s.Graph)+" graph", name(s.Clock)+" clock", fmt.Sprintf("seed %d", r.Seed)))
	if s.Simulate {
		p.row("failures", none, name(s.FailureType))
	}
	label := "faults"
	for i, spec := range s.Faults {
		if i == maxSpecs {
			p.row("", none, more(number(len(s.Faults)-i)+" more, see below"))
			break
		}
		p.row(label, none, note(spec))
		label = ""
	}
	if s.Cycles != 1 {
		p.row("cycles", none, cycleSettings(s))
	}
	p.row("batch", none, facts(amount(s.BatchSize, "record"), when(s.Workers > 0, amount(s.Workers, "worker"))))
	p.row("input", none, inputSettings(s))
	p.row("breaker", none, breakerSettings(s))
	p.row("without", none, switchedOff(s))
}

func cycleSettings(s report.Settings) string {
	if s.Cycles == 0 { // the interval is for cycles that could read nothing
		return "until the input ends, back to back"
	}
	count := number(s.Cycles)
	if s.IntervalMS > 0 {
		return count + ", one every " + span(s.IntervalMS)
	}
	return count + ", back to back"
}

func inputSettings(s report.Settings) string {
	if s.Input == "" {
		return "generated records"
	}
	return facts(note(s.Input), name(s.InputFormat),
		when(s.IDField != "", "id from "+name(s.IDField)), when(s.ValueField != "", "value from "+name(s.ValueField)))
}

func breakerSettings(s report.Settings) string {
	var parts []string
	for _, node := range []struct {
		name   string
		policy report.Policy
	}{{"collector", s.Collector}, {"processor", s.Processor}, {"delivery", s.Delivery}} {
		if b := node.policy; b.Breaker {
			parts = append(parts, fmt.Sprintf("%s: opens after %s in a row, for %s",
				node.name, amount(b.BreakerFails, "failure"), span(b.BreakerOpenMS)))
		}
	}
	if len(parts) == 0 {
		return "off"
	}
	return "on · " + facts(parts...)
}

func switchedOff(s report.Settings) string {
	return facts(when(!s.Fallback, "fallback ladder"), when(!s.Recovery, "recovery"), when(!s.Spool, "emergency spool"))
}

// closing is the run in one line, and how to see it again.
func (p *page) closing(r *report.Report) {
	s := verdictSign(r.Verdict)
	switch {
	case !r.Ledger.Balanced:
		s = bad
	case r.Interrupted && s == good:
		s = warn
	}
	p.line("")
	p.rule()
	ink, _ := p.ink.of(s) // even success is in color here
	p.entry("", 0, s, ink, fmt.Sprintf("%s — %s", name(string(r.Verdict)), outcome(r)))
	took := span(r.DurationMS)
	if r.Settings.Clock == "virtual" {
		took += " of virtual time"
	}
	p.item(signWidth, none, facts(took, fmt.Sprintf("repeat with --seed%s%d", tie, r.Seed)))
	if r.Meta.Output != "" {
		p.item(signWidth, none, "records kept in "+note(r.Meta.Output))
	}
	p.rule()
}

func verdictSign(v errhandler.Verdict) sign {
	switch v {
	case errhandler.Success:
		return good
	case errhandler.Degraded:
		return warn
	default:
		return bad
	}
}

// outcome says why the verdict is what it is.
func outcome(r *report.Report) string {
	l := r.Ledger
	switch {
	case l.Lost != 0:
		return amount(l.Lost, "record") + " unaccounted for"
	case !l.Balanced:
		return "the ledger does not balance"
	case r.Interrupted:
		return fmt.Sprintf("interrupted after %s; every record is accounted for%s",
			amount(r.Cycles.Count, "cycle"), when(l.Spooled > 0, ", "+number(l.Spooled)+" of them in the emergency spool"))
	case r.Verdict != errhandler.Success:
		reason := why(r)
		return reason + when(reason != "", "; ") + "every record is accounted for"
	case l.Collected == 0:
		return "there was nothing to collect"
	case l.Delivered == l.Collected:
		return "every record was delivered"
	default:
		return fmt.Sprintf("%s of %s delivered, the others are accounted for", number(l.Delivered), amount(l.Collected, "record"))
	}
}

// why is the first finding that is as bad as the verdict, and how many more there are.
func why(r *report.Report) string {
	reason, others := "", 0
	for _, f := range fold(r.Findings) {
		switch {
		case f.Verdict != r.Verdict:
		case reason == "":
			reason = note(f.Message)
		default:
			others++
		}
	}
	if others > 0 {
		reason += fmt.Sprintf(" (and %s more)", number(others))
	}
	return reason
}
