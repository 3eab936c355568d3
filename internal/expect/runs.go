package expect

import (
	"reflect"
	"slices"
	"sync"

	"faultflow/internal/catalog"
	"faultflow/internal/report"
)

// The names that functions take: nodes, injection points of the usual channels, patterns.
var (
	nodes    = catalog.Strings(catalog.Nodes())
	places   = catalog.Strings(catalog.Places(catalog.DefaultChannels()))
	patterns = catalog.Strings(catalog.PatternNames())
	findings = catalog.Strings(catalog.FindingCodes())
)

// ofRuns is the language of conditions over a report.
var ofRuns = sync.OnceValue(func() *language {
	return newLanguage(reflect.TypeFor[report.Report](),
		named("breaker(name)", "the entry of `breakers` with this name", nil, breaker),
		named("node(name)", "the entry of `nodes` with this name", nodes, node),
		named("channel(name)", "the entry of `channels` with this name", nil, channel),
		named("attempts(node)", "the most attempts in one run of the node", nodes,
			func(r *report.Report, name string) *int {
				if n := node(r, name); n != nil {
					return &n.MaxTries
				}
				return nil
			}),
		named("calls(place)", "how often the dependency was called", places,
			func(r *report.Report, place string) *int64 {
				a := find(r.Amplification, func(a report.Amplification) bool { return string(a.Place) == place })
				if a == nil {
					return nil
				}
				return &a.Calls
			}),
		named("pattern(name)", "whether the pattern was demonstrated", patterns,
			func(r *report.Report, name string) *bool {
				p := pattern(r, name)
				yes := p != nil && p.State == catalog.Demonstrated
				return &yes
			}),
		named("finding(code)", "whether the finding came up", findings, func(r *report.Report, code string) *bool {
			yes := slices.ContainsFunc(r.Findings, func(f report.Finding) bool { return string(f.Code) == code })
			return &yes
		}),
		named("dead_letters(place)", `how many dead letters the place has; all of them for ""`,
			slices.Concat([]string{""}, places, nodes), func(r *report.Report, place string) *int64 {
				if n, known := r.Ledger.Dead(catalog.Place(place), ""); known {
					return &n
				}
				return nil
			}),
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

func pattern(r *report.Report, name string) *report.Pattern {
	return find(r.Patterns, func(p report.Pattern) bool { return string(p.Name) == name })
}

func find[T any](list []T, is func(T) bool) *T {
	if i := slices.IndexFunc(list, is); i >= 0 {
		return &list[i]
	}
	return nil
}
