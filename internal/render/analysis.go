package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/report"
	"faultflow/internal/workflow"
)

// Analysis is the error handler's: the verdict, the errors, and what to look at.
func Analysis(r *report.Report, l Limits) Section {
	s := Section{Title: "Fault tolerance"}
	s.row("overall", VerdictSign(r.Verdict), ClipName(r.Verdict)+When(r.Interrupted, ", interrupted"))
	s.row("errors", None, ErrorCounts(r.Errors))
	var warnings, notices []report.Finding
	for _, f := range r.Findings {
		if f.Verdict == catalog.Success {
			notices = append(notices, f)
		} else {
			warnings = append(warnings, f)
		}
	}
	if len(warnings) > 0 {
		s.Below = append(s.Below, findings("Warnings", "warning", warnings, l.Findings))
	}
	if len(notices) > 0 {
		s.Below = append(s.Below, findings("Notices", "notice", notices, l.Findings))
	}
	return s
}

// ErrorCounts is how many errors there were, of which classes, and how many of them were handled.
func ErrorCounts(e report.Errors) string {
	if e.Total == 0 {
		return "none"
	}
	return Facts(fmt.Sprintf(
		"%s of %s handled",
		Grouped(e.Handled),
		Grouped(e.Total),
	), Counted(e.ByClass, errhandler.Classes()...))
}

// ErrorClasses shows where each class of errors came up, and what those nodes did about errors.
func ErrorClasses(r *report.Report) Section {
	s := Section{Title: "Errors by class"}
	var rows [][]Cell
	for _, class := range classesIn(r.Errors.ByClass) {
		var where, handled []string
		for _, n := range r.Nodes {
			if n.Errors[class] == 0 {
				continue
			}
			where = append(where, ClipName(n.Name)+" "+Grouped(n.Errors[class]))
			handled = append(handled, nodeRemedies(r, n)...)
		}
		dead, known := r.Ledger.Dead("", class)
		handled = append(handled, When(dead > 0, When(!known, "at least ")+Amount(dead, "dead letter")))
		rows = append(rows, Cells(
			ClipName(class),
			Grouped(r.Errors.ByClass[class]),
			Facts(where...),
			Facts(handled...),
		))
	}
	s.table("errors by class, and what handled them", []Column{
		{Title: "class"},
		{Title: "errors", Right: true},
		{Title: "where"},
		{Title: "what their nodes did about errors", Flex: true},
	}, rows)
	if left := r.Errors.Total - r.Errors.Handled; left > 0 {
		s.item(Bad, Amount(left, "error")+" ended a node; the error handler had to take over")
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
	list := []string{
		When(n.Waits > 0, Amount(n.Waits, "retry", "retries")),
		When(n.Rejected > 0, Grouped(n.Rejected)+" rejected by the breaker"),
		When(n.Fallbacks > 0, Amount(n.Fallbacks, "fallback")),
		When(n.Recovered > 0, Amount(n.Recovered, "recovery", "recoveries")),
	}
	if n.Name == catalog.Delivery {
		list = append(list, When(r.Delivery.FailedOver > 0, "failover in "+Amount(r.Delivery.FailedOver, "cycle")),
			When(r.Delivery.Spooled > 0, Amount(r.Delivery.Spooled, "record")+" spooled"))
	}
	return list
}

func findings(title, noun string, list []report.Finding, most int) Section {
	s := Section{Title: title}
	list = Fold(list)
	for _, f := range list[:min(most, len(list))] {
		sign := Active
		if f.Verdict != catalog.Success {
			sign = VerdictSign(f.Verdict)
		}
		s.item(sign, ClipName(f.Node)+": "+ClipText(f.Message)+Occurrence(f))
		if f.Recommendation != "" {
			s.remark(Aside, "→"+Tie+ClipText(f.Recommendation))
		}
	}
	if left := len(list) - most; left > 0 {
		s.item(None, More(Amount(left, "more "+noun)))
	}
	return s
}

// Fold makes one of the findings that differ in their message only, such as the cache's age: the first, with the cycles
// of all.
func Fold(list []report.Finding) []report.Finding {
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

// Occurrence is said of what came up more than once.
func Occurrence(f report.Finding) string {
	if f.Count < 2 {
		return ""
	}
	return fmt.Sprintf(" (in %s%s)", Amount(
		f.Count,
		"cycle",
	), When(f.FirstCycle > 0, ", first in cycle"+Tie+Grouped(f.FirstCycle)))
}

// Patterns shows what the run demonstrated in full, and the others by name.
func Patterns(r *report.Report) Section {
	s := Section{Title: "Patterns demonstrated"}
	byState := map[catalog.PatternState][]string{}
	for _, c := range r.Patterns {
		pattern := catalog.Words(ClipName(c.Name))
		if c.State != catalog.Demonstrated {
			byState[c.State] = append(byState[c.State], pattern)
			continue
		}
		detail := ClipText(c.Detail)
		if ran := hooks(r); c.Name == catalog.ExecutionHooks && ran != "" {
			detail = ran
		}
		s.item(Active, pattern+When(c.Count > 0, " ×"+Tie+Grouped(c.Count))+When(detail != "", " — "+detail))
	}
	if list := byState[catalog.Armed]; len(list) > 0 {
		// Not "not needed": checks may have been made, and all channels tried in vain.
		s.item(Idle, "in place, without effect: "+strings.Join(list, ", "))
	}
	if list := byState[catalog.Off]; len(list) > 0 {
		s.item(Idle, "off: "+strings.Join(list, ", "))
	}
	return s
}

// hooks names those that ran at each node, and how often.
func hooks(r *report.Report) string {
	var nodes []string
	for _, n := range r.Nodes {
		var ran []string
		for _, hook := range workflow.HookNames() {
			if times := n.Hooks[hook]; times > 0 {
				ran = append(ran, hook+Tie+Grouped(times))
			}
		}
		if len(ran) > 0 {
			nodes = append(nodes, ClipName(n.Name)+" "+strings.Join(ran, ", "))
		}
	}
	return strings.Join(nodes, "; ")
}
