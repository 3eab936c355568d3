package campaign

import (
	"sync"

	"faultflow/internal/report"
)

// firings count how often each fault hit, over campaigns or runs of the same faults. They are safe for concurrent use.
type firings struct {
	mu     sync.Mutex
	faults []report.CampaignFault
}

// addCampaign adds the faults of a campaign.
func (f *firings) addCampaign(c *report.Campaign) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range c.Faults {
		mergeFault(at(&f.faults, i), &c.Faults[i])
	}
}

// addRun adds the faults of a run.
func (f *firings) addRun(r *report.Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range r.Faults {
		addFault(at(&f.faults, i), &r.Faults[i])
	}
}

// never lists the faults that were given by hand and hit nothing, which leaves what was made without proof.
func (f *firings) never() (list []report.NeverFired) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.faults {
		if f := &f.faults[i]; f.ProvesNothing() {
			list = append(list, report.NeverFired{Fault: f.Fault, Armed: f.Observed.Of})
		}
	}
	return list
}
