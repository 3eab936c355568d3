package expect

import (
	"fmt"
	"reflect"
	"slices"
	"sync"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
)

// Run is what conditions come to over a report.
func Run(r *report.Report, conditions []*Condition) ([]Outcome, error) {
	return ofRuns().outcomes(r, conditions)
}

// ofRuns is the language of conditions over a report: its functions, with what is missing where they find nothing, and
// the rules that say which parts of a report show nothing.
var ofRuns = sync.OnceValue(func() *language {
	return newLanguage(reflect.TypeFor[report.Report](),
		named("breaker(name)", "the entry of `breakers` with this name",
			"the breaker %v was never in the path", breakers, breaker),
		named("node(name)", "the entry of `nodes` with this name", "the node %v never ran", nodes, node),
		named("channel(name)", "the entry of `channels` with this name",
			"the channel %v was never tried", channels, channel),
		named("attempts(node)", "the most attempts in one run of the node", "the node %v never ran", nodes,
			func(r *report.Report, name string) *int {
				if n := node(r, name); n != nil && n.Runs > 0 {
					return &n.MaxTries
				}
				return nil
			}),
		named("calls(place)", "how often the dependency was called", "calls to %v are not counted", places,
			func(r *report.Report, place string) *int64 {
				a := find(r.Amplification, func(a report.Amplification) bool { return string(a.Place) == place })
				if a == nil {
					return nil
				}
				return &a.Calls
			}),
		named("pattern(name)", "whether the pattern was demonstrated", "the pattern %v was off", patterns,
			func(r *report.Report, name string) *bool {
				p := find(r.Patterns, func(p report.Pattern) bool { return string(p.Name) == name })
				if p == nil || p.State == catalog.Off {
					return nil
				}
				yes := p.State == catalog.Demonstrated
				return &yes
			}),
		named("finding(code)", "whether the finding came up", "", findings,
			func(r *report.Report, code string) *bool {
				yes := slices.ContainsFunc(r.Findings, func(f report.Finding) bool { return string(f.Code) == code })
				return &yes
			}),
		named("dead_letters(place)", `how many dead letters the place has; all of them for ""`,
			"the report does not count the dead letters of %v, it has only the commonest", deadPlaces,
			func(r *report.Report, place string) *int64 {
				if n, known := r.Ledger.Dead(catalog.Place(place), ""); known {
					return &n
				}
				return nil
			}),
		ofNames("goodput(from, to)", "good passes a second, of those that began in the window",
			"no pass of a load began from %[1]v to %[2]v", []names{times, times}, goodput),
		ofNames("amplification(place, from, to)", "calls to the dependency for each pass that began in the window",
			"no pass of a load began from %[2]v to %[3]v", []names{places, times, times}, amplification),
		ofNames("latency(quantile, from, to)", "within how many ms that share of the window's passes were over",
			"no pass of a load that began from %[2]v to %[3]v ended", []names{quantiles, times, times}, latency),
		named("queued(place)", "how many calls waited at the dependency: `max` and `mean`",
			"%v has no queue: that takes a load and a capacity", places, queued),
	).with([]rule{
		about(func(b report.Breaker, field string) string {
			switch {
			case field == "name":
			case b.Calls+b.Rejected == 0:
				return fmt.Sprintf("the breaker %s was never called", b.Name)
			case b.Opened == 0 && isOneOf(field, "half_opened", "closed", "calls_before_open"):
				return fmt.Sprintf("the breaker %s never opened", b.Name)
			case field == "transitions" && len(b.Transitions) < b.Opened+b.HalfOpened+b.Closed:
				return fmt.Sprintf("the report has only the first changes of the breaker %s", b.Name)
			}
			return ""
		}),
		about(func(n report.Node, field string) string {
			if n.Runs == 0 && !isOneOf(field, "name", "runs") {
				return fmt.Sprintf("the node %s never ran", n.Name)
			}
			return ""
		}),
		about(func(c report.Channel, field string) string {
			if c.Tried == 0 && !isOneOf(field, "name", "tried", "skipped") {
				return fmt.Sprintf("the channel %s was never tried", c.Name)
			}
			return ""
		}),
		about(func(p report.Pattern, field string) string {
			if p.State == catalog.Off && !isOneOf(field, "name", "state") {
				return fmt.Sprintf("the pattern %s was off", p.Name)
			}
			return ""
		}),
		about(func(f report.Fault, field string) string {
			if f.Armed == 0 && field == "fired" {
				return fmt.Sprintf("no call came by the fault %s", f.Spec)
			}
			return ""
		}),
		about(func(a report.Amplification, field string) string {
			if a.Calls == 0 && isOneOf(field, "factor", "per_record") {
				return fmt.Sprintf("%s was never called", a.Place)
			}
			return ""
		}),
		about(func(c report.Collection, field string) string {
			if c.Origins[catalog.FromFreshCache]+c.Origins[catalog.FromStaleCache] == 0 && field == "cache_age_ms" {
				return "no cached data was used"
			}
			return ""
		}),
		about(func(p report.Processing, field string) string {
			if p.In == 0 && !isOneOf(field, "in", "out", "failed", "mode", "modes") {
				return "processing had nothing to do"
			}
			return ""
		}),
		about(func(d report.Delivery, field string) string {
			if d.Passes == 0 && !isOneOf(field, "passes", "status", "delivered", "spooled", "failed") {
				return "delivery had nothing to do"
			}
			return ""
		}),
		about(func(l report.Ledger, field string) string {
			listed, atPlaces := int64(0), int64(0)
			for _, d := range l.DeadLetters {
				listed += d.Count
			}
			for _, d := range l.DeadByPlace {
				atPlaces += d.Count
			}
			if field == "dead_letters" && listed < l.DeadLettered {
				return "the report has only the commonest dead letters"
			}
			if field == "dead_by_place" && atPlaces < l.DeadLettered {
				return "the report does not count dead letters by place"
			}
			return ""
		}),
		about(func(p report.Passes, field string) string {
			switch {
			case p.Offered == 0 && field != "offered":
				return "there was no load"
			case p.Ended == 0 && isOneOf(field, "p50_ms", "p99_ms"):
				return "no pass ended"
			}
			return ""
		}),
		about(func(s report.Series, _ string) string {
			if len(s.Offered) == 0 {
				return "there was no load"
			}
			return ""
		}),
		about(func(r report.Recovery, field string) string {
			switch {
			case isOneOf(r.State, "", catalog.NotJudged) && field != "triggers":
				return "the recovery was not judged: that takes a load, and a trigger that ended within the run"
			case r.State != catalog.CameBack && field == "after_ms":
				return "the run did not come back: " + catalog.Words(string(r.State))
			case r.State != catalog.StaysDown && field == "sustained_by":
				return "the run did not stay down: " + catalog.Words(string(r.State))
			}
			return ""
		}),
		about(func(c report.Cycles, field string) string {
			if field == "list" && len(c.List) < c.Count {
				return fmt.Sprintf("the report has only the first %d of %d cycles", len(c.List), c.Count)
			}
			return ""
		}),
		about(func(t report.Timeline, field string) string {
			switch {
			case field == "events" && len(t.Events) == 0:
				return "the report does not have the events one by one"
			case field == "summary" && !t.Summarised:
				return "the timeline is not summarised; its events are in the report"
			}
			return ""
		}),
	},
		reflect.TypeFor[report.Finding](),
		reflect.TypeFor[report.DeadLetters](),
		reflect.TypeFor[report.DeadByPlace](),
		reflect.TypeFor[report.Transition](),
		reflect.TypeFor[report.Event](),
	)
})

func breaker(r *report.Report, name string) *report.Breaker {
	return find(r.Breakers, func(b report.Breaker) bool { return b.Name == name })
}

func node(r *report.Report, name string) *report.Node {
	return find(r.Nodes, func(n report.Node) bool { return string(n.Name) == name })
}

func channel(r *report.Report, name string) *report.Channel {
	return find(r.Channels, func(c report.Channel) bool { return c.Name == name })
}

func find[T any](list []T, is func(T) bool) *T {
	if i := slices.IndexFunc(list, is); i >= 0 {
		return &list[i]
	}
	return nil
}

func isOneOf[S ~string](field S, fields ...S) bool { return slices.Contains(fields, field) }
