package scenario

import (
	"reflect"
	"sync"

	"faultflow/internal/report"
)

// CompileCampaign is Compile for a condition over a campaign, such as ci(verdict.degraded) < 0.005 or
// breaker("collector").opened.runs.share < 0.1.
func CompileCampaign(source string) (*Expectation, error) { return ofCampaigns().compile(source) }

// CampaignEnvironment is Environment for a campaign.
func CampaignEnvironment(c *report.Campaign) (any, error) { return ofCampaigns().read(c) }

// ofCampaigns is the language of conditions over campaigns.
var ofCampaigns = sync.OnceValue(func() *language {
	return newLanguage(reflect.TypeFor[report.Campaign](), []function{
		named("breaker", "Breaker", nil, report.CampaignBreaker{}, func(c *report.Campaign, name string) any {
			return find(c.Breakers, func(b report.CampaignBreaker) bool { return b.Name == name })
		}),
		// The attempts of a node in a run.
		named("attempts", "Attempts", nodeNames, report.Distribution{}, func(c *report.Campaign, name string) any {
			if n := find(c.Nodes, func(n report.NodeLoad) bool { return n.Name == name }); n != nil {
				return &n.Attempts
			}
			return (*report.Distribution)(nil)
		}),
		// The calls of a dependency in a run.
		named("calls", "Calls", places(), report.Distribution{}, func(c *report.Campaign, place string) any {
			if d := find(c.Dependencies, func(d report.Dependency) bool { return d.Place == place }); d != nil {
				return &d.Calls
			}
			return (*report.Distribution)(nil)
		}),
		// How often a pattern was seen at work.
		named("pattern", "Pattern", patternNames, report.Tally{}, func(c *report.Campaign, name string) any {
			if p := find(c.Patterns, func(p report.CampaignPattern) bool { return p.Name == name }); p != nil {
				return &p.Demonstrated
			}
			return (*report.Tally)(nil)
		}),
		// The width of a share's interval.
		{"ci", "Width", plain(reflect.TypeFor[report.Share]()), reflect.TypeFor[float64](), func(_ any, share reflect.Value) any {
			width := share.FieldByName("High").Float() - share.FieldByName("Low").Float()
			return &width
		}, nil},
	})
})
