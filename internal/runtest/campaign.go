package runtest

import (
	"context"
	"fmt"

	"faultflow/internal/campaign"
	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// Campaign makes a campaign of so many runs, from seed 1 on, and returns its sealed report. Settings are as of Run.
func Campaign(t interface {
	Helper()
	Fatal(...any)
}, runs int64, assignments ...string) *report.Campaign {
	t.Helper()
	c, err := campaign.Run(context.Background(), campaign.Plan{
		Settings: settled(t, append([]string{"seed=1"}, assignments...)),
		Runs:     runs,
		Repeat: func(seed uint64, _ ...settings.Assignment) string {
			return fmt.Sprintf("faultflow --seed %d", seed)
		},
	})
	if err == nil {
		err = c.Seal()
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}
