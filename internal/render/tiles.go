package render

import (
	"slices"

	"faultflow/internal/compare"
	"faultflow/internal/report"
)

// Tile is one number that matters.
type Tile struct {
	Label, Value, More string
	Sign               Sign
}

// Tiles are the numbers of a run.
func Tiles(r *report.Report) []Tile {
	l, e := r.Ledger, r.Errors
	tries, failed, waits, waited := 0, 0, 0, 0.0
	for _, n := range r.Nodes {
		tries, failed, waits, waited = tries+n.Attempts, failed+n.Failures, waits+n.Waits, waited+n.WaitMS
	}
	delivered := Tile{
		Label: "Delivered",
		Value: Grouped(l.Delivered - l.DeliveredCopies),
		More: Facts("of "+Amount(l.Collected, "record"),
			When(l.DeliveredCopies > 0, Amount(l.DeliveredCopies, "copy", "copies"))),
		Sign: Good,
	}
	if l.Delivered < l.Collected || l.DeliveredCopies > 0 {
		delivered.Sign = Warn
	}
	attempts := Tile{Label: "Attempts", Value: Grouped(tries)}
	attempts.More = Facts(When(failed > 0, Grouped(failed)+" failed"),
		When(waits > 0, Amount(waits, "wait")+" of "+Duration(waited)+" in all"))
	handled := Tile{Label: "Errors handled", Value: Grouped(e.Handled), More: "of " + Grouped(e.Total)}
	if e.Handled < e.Total {
		handled.Sign = Bad
	}
	list := []Tile{delivered, attempts, handled}
	if p := r.Passes; p.Offered > 0 {
		good := Tile{
			Label: "Good passes",
			Value: percent(float64(p.Good) / float64(p.Offered)),
			More:  "of " + Grouped(p.Offered) + " offered",
		}
		good.Sign, _ = Recovered(r)
		list = slices.Insert(list, 0, good)
	}
	if len(r.Breakers) > 0 {
		opened, rejected := 0, int64(0)
		for _, b := range r.Breakers {
			opened, rejected = opened+b.Opened, rejected+b.Rejected
		}
		list = append(list, Tile{
			Label: "Breaker openings",
			Value: Grouped(opened),
			More:  When(rejected > 0, Amount(rejected, "call")+" rejected"),
		})
	}
	return list
}

// campaignTiles are the numbers of a campaign.
func campaignTiles(c *report.Campaign) []Tile {
	v, l := c.Verdict, c.Ledger
	failed := Tile{Label: "Failed", Value: PrecisePercent(v.Failed.Share), More: interval(v.Failed)}
	if v.Failed.Count > 0 {
		failed.Sign = Bad
	}
	source, copies := delivered(l)
	return []Tile{
		{Label: "Success", Value: PrecisePercent(v.Success.Share), More: interval(v.Success)},
		{Label: "Degraded", Value: PrecisePercent(v.Degraded.Share), More: interval(v.Degraded)},
		failed,
		{
			Label: "Delivered",
			Value: source,
			More:  Facts("of "+Amount(l.Collected, "record"), copies),
		},
		{
			Label: "Half within",
			Value: Duration(c.DurationMS.P50),
			More:  "99" + Tie + "% within " + Duration(c.DurationMS.P99),
		},
	}
}

// CompareTiles count the measures by what became of them.
func CompareTiles(r *compare.Result) (list []Tile) {
	for _, t := range []struct {
		label   string
		outcome compare.Outcome
		sign    Sign
	}{
		{"Worse", compare.Worse, Worse},
		{"Better", compare.Better, Better},
		{"Changed", compare.Changed, None},
		{"May be chance", compare.Insignificant, None},
		{"Equal", compare.Same, None},
	} {
		n := 0
		for i := range r.Comparisons {
			n += r.Comparisons[i].Count(t.outcome)
		}
		if t.outcome == compare.Insignificant && n == 0 { // there is none without campaigns
			continue
		}
		tile := Tile{Label: t.label, Value: Grouped(n)}
		if n > 0 {
			tile.Sign = t.sign
		}
		list = append(list, tile)
	}
	return list
}
