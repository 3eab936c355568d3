package render

import (
	"fmt"
	"slices"
	"strings"

	"faultflow/internal/errhandler"
	"faultflow/internal/report"
)

// analysis is the error handler's: the verdict, the errors, and what to look at.
func (p *page) analysis(r *report.Report) {
	p.heading("Fault tolerance")
	p.row("overall", verdictSign(r.Verdict), name(string(r.Verdict))+when(r.Interrupted, ", interrupted"))
	p.row("errors", none, errorCounts(r.Errors))
	var warnings, notices []report.Finding
	for _, f := range r.Findings {
		if f.Verdict == errhandler.Success {
			notices = append(notices, f)
		} else {
			warnings = append(warnings, f)
		}
	}
	p.findings("Warnings", "warning", warnings)
	p.findings("Notices", "notice", notices)
}

func errorCounts(e report.Errors) string {
	if e.Total == 0 {
		return "none"
	}
	return facts(fmt.Sprintf("%s of %s handled", number(e.Handled), number(e.Total)), tally(e.ByClass, errhandler.Classes()...))
}

func (p *page) findings(title, noun string, list []report.Finding) {
	if len(list) == 0 {
		return
	}
	p.line("")
	p.item(margin, none, title)
	list = fold(list)
	for _, f := range list[:min(maxFindings, len(list))] {
		s := active
		if f.Verdict != errhandler.Success {
			s = verdictSign(f.Verdict)
		}
		p.item(margin, s, name(f.Node)+": "+note(f.Message)+occurrence(f))
		if f.Recommendation != "" {
			p.item(margin+signWidth, aside, "→"+tie+note(f.Recommendation))
		}
	}
	if left := len(list) - maxFindings; left > 0 {
		p.item(margin, none, more(amount(left, "more "+noun)))
	}
}

// fold makes one of the findings that differ in their message only, such as the cache's age: the first, with the cycles
// of all.
func fold(list []report.Finding) []report.Finding {
	var folded []report.Finding
	for _, f := range list {
		same := func(o report.Finding) bool { return o.Verdict == f.Verdict && o.Node == f.Node && o.Code == f.Code }
		if i := slices.IndexFunc(folded, same); i >= 0 {
			folded[i].Count += f.Count
			continue
		}
		folded = append(folded, f)
	}
	return folded
}

// occurrence is said of what came up more than once.
func occurrence(f report.Finding) string {
	if f.Count < 2 {
		return ""
	}
	return fmt.Sprintf(" (in %s%s)", amount(f.Count, "cycle"), when(f.FirstCycle > 0, ", first in cycle"+tie+number(f.FirstCycle)))
}

// patterns shows what the run demonstrated in full, and the others by name.
func (p *page) patterns(r *report.Report) {
	if len(r.Patterns) == 0 {
		return
	}
	p.heading("Patterns demonstrated")
	byState := map[string][]string{}
	for _, c := range r.Patterns {
		pattern := words(name(c.Name))
		if c.State != report.Demonstrated {
			byState[c.State] = append(byState[c.State], pattern)
			continue
		}
		p.item(margin, active, pattern+when(c.Count > 0, " ×"+tie+number(c.Count))+when(c.Detail != "", " — "+note(c.Detail)))
	}
	if list := byState[report.Armed]; len(list) > 0 {
		p.item(margin, idle, "in place, not needed: "+strings.Join(list, ", "))
	}
	if list := byState[report.Off]; len(list) > 0 {
		p.item(margin, idle, "off: "+strings.Join(list, ", "))
	}
}
