package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"faultflow/internal/errhandler"
	"faultflow/internal/report"
)

// analysis is the error handler's: the verdict, the errors, and what to look at.
func analysis(r *report.Report, l limits) section {
	s := section{title: "Fault tolerance"}
	s.row("overall", verdictSign(r.Verdict), name(string(r.Verdict))+when(r.Interrupted, ", interrupted"))
	s.row("errors", none, errorCounts(r.Errors))
	var warnings, notices []report.Finding
	for _, f := range r.Findings {
		if f.Verdict == errhandler.Success {
			notices = append(notices, f)
		} else {
			warnings = append(warnings, f)
		}
	}
	if len(warnings) > 0 {
		s.below = append(s.below, findings("Warnings", "warning", warnings, l.findings))
	}
	if len(notices) > 0 {
		s.below = append(s.below, findings("Notices", "notice", notices, l.findings))
	}
	return s
}

func errorCounts(e report.Errors) string {
	if e.Total == 0 {
		return "none"
	}
	return facts(fmt.Sprintf("%s of %s handled", number(e.Handled), number(e.Total)), tally(e.ByClass, errhandler.Classes()...))
}

// errorClasses shows where each class of errors came up, and what those nodes did about errors.
func errorClasses(r *report.Report) section {
	s := section{title: "Errors by class"}
	var rows [][]cell
	for _, class := range classesIn(r.Errors.ByClass) {
		var where, handled []string
		for _, n := range r.Nodes {
			if n.Errors[class] == 0 {
				continue
			}
			where = append(where, name(n.Name)+" "+number(n.Errors[class]))
			handled = append(handled, nodeRemedies(r, n)...)
		}
		dead := int64(0)
		for _, d := range r.Ledger.DeadLetters {
			if d.Class == class {
				dead += d.Count
			}
		}
		handled = append(handled, when(dead > 0, amount(dead, "dead letter")))
		rows = append(rows, texts(name(string(class)), number(r.Errors.ByClass[class]), facts(where...), facts(handled...)))
	}
	s.table("errors by class, and what handled them", []column{{title: "class"}, {title: "errors", right: true}, {title: "where"},
		{title: "what their nodes did about errors", flex: true}}, rows)
	if left := r.Errors.Total - r.Errors.Handled; left > 0 {
		s.item(bad, amount(left, "error")+" ended a node; the error handler had to take over")
	}
	return s
}

// classesIn lists the classes that were counted, those that we know first.
func classesIn(counts map[errhandler.Class]int) []errhandler.Class {
	known := errhandler.Classes()
	list := slices.DeleteFunc(slices.Clone(known), func(c errhandler.Class) bool { return counts[c] == 0 })
	for _, c := range slices.Sorted(maps.Keys(counts)) {
		if counts[c] != 0 && !slices.Contains(known, c) {
			list = append(list, c)
		}
	}
	return list
}

func nodeRemedies(r *report.Report, n report.Node) []string {
	list := []string{when(n.Waits > 0, amount(n.Waits, "retry", "retries")), when(n.Rejected > 0, number(n.Rejected)+" rejected by the breaker"),
		when(n.Fallbacks > 0, amount(n.Fallbacks, "fallback")), when(n.Recovered > 0, amount(n.Recovered, "recovery", "recoveries"))}
	if n.Name == "delivery" {
		list = append(list, when(r.Delivery.FailedOver > 0, "failover in "+amount(r.Delivery.FailedOver, "cycle")),
			when(r.Delivery.Spooled > 0, amount(r.Delivery.Spooled, "record")+" spooled"))
	}
	return list
}

func findings(title, noun string, list []report.Finding, most int) section {
	s := section{title: title}
	list = fold(list)
	for _, f := range list[:min(most, len(list))] {
		sign := active
		if f.Verdict != errhandler.Success {
			sign = verdictSign(f.Verdict)
		}
		s.item(sign, name(f.Node)+": "+note(f.Message)+occurrence(f))
		if f.Recommendation != "" {
			s.remark(aside, "→"+tie+note(f.Recommendation))
		}
	}
	if left := len(list) - most; left > 0 {
		s.item(none, more(amount(left, "more "+noun)))
	}
	return s
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
func patterns(r *report.Report) section {
	s := section{title: "Patterns demonstrated"}
	byState := map[string][]string{}
	for _, c := range r.Patterns {
		pattern := words(name(c.Name))
		if c.State != report.Demonstrated {
			byState[c.State] = append(byState[c.State], pattern)
			continue
		}
		s.item(active, pattern+when(c.Count > 0, " ×"+tie+number(c.Count))+when(c.Detail != "", " — "+note(c.Detail)))
	}
	if list := byState[report.Armed]; len(list) > 0 {
		s.item(idle, "in place, not needed: "+strings.Join(list, ", "))
	}
	if list := byState[report.Off]; len(list) > 0 {
		s.item(idle, "off: "+strings.Join(list, ", "))
	}
	return s
}
