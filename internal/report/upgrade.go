package report

import (
	"strconv"
	"strings"

	"faultflow/internal/catalog"
)

// upgrade turns the events of a report of version 1 into those of version 2. Version 1 had as text what is data now:
// "closed → open", a number of records, "id: reason". (Its settings had one other name; reading them knows it.)
func (r *Report) upgrade() {
	for i := range r.Timeline.Events {
		e := &r.Timeline.Events[i]
		switch e.Kind {
		case catalog.BreakerChanged, catalog.ChannelChanged:
			if from, to, ok := strings.Cut(e.Detail, " → "); ok {
				e.From, e.To, e.Detail = from, to, ""
			}
		case catalog.ChannelAccepted, catalog.Spooled:
			if n, err := strconv.Atoi(e.Detail); err == nil {
				e.Count, e.Detail = n, ""
			}
		case catalog.RecordFailed:
			if id, reason, ok := strings.Cut(e.Detail, ": "); ok {
				e.Record, e.Detail = id, reason
			}
		default:
		}
	}
}
