package expect

import (
	"reflect"
	"sync"

	"faultflow/internal/report"
)

// ofCampaigns is the language of conditions over campaigns.
var ofCampaigns = sync.OnceValue(func() *language {
	return newLanguage(reflect.TypeFor[report.Campaign](),
		named("breaker(name)", "the entry of `breakers` with this name", nil, campaignBreaker),
		named("attempts(node)", "the distribution of the node's attempts in a run", nodes, attempts),
		named("calls(place)", "the distribution of the calls to the dependency in a run", places, calls),
		named("pattern(name)", "the runs that demonstrated the pattern", patterns, demonstrated),
		function{
			name:     "ci",
			takes:    "share",
			meaning:  "the width of the share's interval",
			argument: plain(reflect.TypeFor[report.Share]()),
			result:   reflect.TypeFor[float64](),
			lookup: func(_ any, share reflect.Value) any {
				width := share.FieldByName(goName("high")).Float() - share.FieldByName(goName("low")).Float()
				return &width
			},
		},
	)
})

func campaignBreaker(c *report.Campaign, name string) *report.CampaignBreaker {
	return find(c.Breakers, func(b report.CampaignBreaker) bool { return b.Name == name })
}

func attempts(c *report.Campaign, node string) *report.Distribution {
	if n := find(c.Nodes, func(n report.NodeLoad) bool { return n.Name == node }); n != nil {
		return &n.Attempts
	}
	return nil
}

func calls(c *report.Campaign, place string) *report.Distribution {
	if d := find(c.Dependencies, func(d report.Dependency) bool { return d.Place == place }); d != nil {
		return &d.Calls
	}
	return nil
}

func demonstrated(c *report.Campaign, pattern string) *report.Tally {
	if p := find(c.Patterns, func(p report.CampaignPattern) bool { return p.Name == pattern }); p != nil {
		return &p.Demonstrated
	}
	return nil
}
