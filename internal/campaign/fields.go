package campaign

import (
	"cmp"
	"fmt"
	"math"
	"reflect"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/report"
	"faultflow/internal/settings"
	"faultflow/internal/stats"
)

// merge adds the totals of other runs of the same campaign, finished or not.
func (t *totals) merge(o *totals) {
	mergeValue(reflect.ValueOf(t).Elem(), reflect.ValueOf(o).Elem())
	t.Hash = "" // it was that of o
	for _, r := range o.Slowest {
		keep(&t.Slowest, r, report.MaxSeedRuns, slower)
	}
	for _, r := range o.Worst {
		keep(&t.Worst, r, report.MaxSeedRuns, worse)
	}
	for _, v := range o.Violations.List {
		keep(&t.Violations.List, v, report.MaxViolations, firstSeed)
	}
	for i, e := range o.Expect {
		for _, run := range e.Failing {
			keep(&t.Expect[i].Failing, run, report.MaxSeedRuns, firstFailing)
		}
	}
}

// mergeValue adds up whole numbers and copies names. Values of maps are added by key and elements of lists by index:
// all runs of a campaign have the same nodes, dependencies, patterns and faults.
func mergeValue(to, from reflect.Value) {
	switch o := from.Addr().Interface().(type) {
	case *settings.Settings, *report.Seeds, *report.Part, *report.Until, *report.Meta:
		return // they describe the campaign, not its runs
	case *[]report.SeedRun, *[]report.Violation, *[]report.FailingRun:
		return // merge does those, each list in its own order
	case *report.Distribution:
		mergeDistribution(to.Addr().Interface().(*report.Distribution), o)
		return
	case *report.CampaignFault:
		mergeFault(to.Addr().Interface().(*report.CampaignFault), o)
		return
	case *[]report.CampaignBreaker:
		list := to.Addr().Interface().(*[]report.CampaignBreaker)
		for i, b := range *o {
			mergeValue(reflect.ValueOf(breakerOf(list, b.Name)).Elem(), from.Index(i))
		}
		return
	}
	switch to.Kind() {
	case reflect.Int64:
		to.SetInt(to.Int() + from.Int())
	case reflect.String:
		to.Set(from)
	case reflect.Struct:
		for i := range to.NumField() {
			mergeValue(to.Field(i), from.Field(i))
		}
	case reflect.Slice:
		for i := range from.Len() {
			if i == to.Len() {
				to.Set(reflect.Append(to, reflect.Zero(to.Type().Elem())))
			}
			mergeValue(to.Index(i), from.Index(i))
		}
	case reflect.Map:
		for _, key := range from.MapKeys() {
			sum := addressable(to.MapIndex(key), to.Type().Elem())
			mergeValue(sum, addressable(from.MapIndex(key), to.Type().Elem()))
			to.SetMapIndex(key, sum)
		}
	case reflect.Float64, reflect.Bool: // finish computes them, or the campaign's caller sets them
	default:
		panic(fmt.Sprintf("campaign: a field of type %s does not add up", to.Type()))
	}
}

// addressable returns a copy of a map's value, a zero one of what the map lacks.
func addressable(value reflect.Value, of reflect.Type) reflect.Value {
	v := reflect.New(of).Elem()
	if value.IsValid() {
		v.Set(value)
	}
	return v
}

// mergeFault adds the same fault of other runs, as addFault does.
func mergeFault(to, from *report.CampaignFault) {
	if to.Fault == "" {
		*to = *from
		return
	}
	if to.Fault != from.Fault {
		f, _ := fault.Parse(from.Fault) // what can't be parsed fails check
		to.Fault = fault.Fault{Place: f.Place, Kinds: f.Kinds}.String()
	}
	to.Observed.Count += from.Observed.Count
	to.Observed.Of += from.Observed.Of
	addExpected(to, int64(math.Round(from.Expected*million)))
}

// finish computes what follows from the whole numbers.
func (t *totals) finish() *report.Campaign {
	each(reflect.ValueOf(t).Elem(), func(part any) {
		switch p := part.(type) {
		case *report.VerdictShares:
			p.Success.Of, p.Degraded.Of, p.Failed.Of = t.Runs, t.Runs, t.Runs
		case *report.Tally:
			p.Runs.Of = t.Runs
		case *report.CampaignRecovery:
			p.GoodShare = ratio(p.Good, p.Offered)
			for _, state := range catalog.RecoveryStates() {
				if p.Offered > 0 {
					p.Of(state).Of = t.Runs
				}
			}
		case *report.Share:
			*p = shareOf(p.Count, p.Of)
		case *report.Distribution:
			finishDistribution(p, t.perUnit(p))
		case *report.Dependency:
			p.Factor = ratio(p.Calls.Sum, p.Units)
			p.PerRecord = ratio(p.Calls.Sum, t.Ledger.Collected)
		case *report.CampaignLedger:
			p.DeliveredShare = ratio(p.Delivered, p.Collected)
			p.SourceShare = ratio(p.DeliveredFromSource, p.FromSource)
			p.DeadLetteredShare = ratio(p.DeadLettered, p.Collected)
			p.SpooledShare = ratio(p.Spooled, p.Collected)
		case *report.CampaignFault:
			if p.Observed.Of > 0 {
				p.Configured = round9(p.Expected / float64(p.Observed.Of))
			}
		}
	})
	return (*report.Campaign)(t)
}

func shareOf(count, of int64) report.Share {
	low, high := stats.Wilson(count, of)
	return report.Share{Count: count, Of: of, Share: ratio(count, of), Low: low, High: high}
}

// perUnit is that of a distribution, of durations or of counts.
func (t *totals) perUnit(d *report.Distribution) float64 {
	if d == &t.DurationMS || d == &t.Recovery.AfterMS {
		return perMS
	}
	return perCount
}

// check returns an error for a document that was read and that no campaign can have made.
func (t *totals) check() (err error) {
	owner := "" // of the distributions that follow
	each(reflect.ValueOf(t).Elem(), func(part any) {
		var problem error
		switch p := part.(type) {
		case *report.NodeLoad:
			owner = "node " + p.Name + ": "
		case *report.Dependency:
			owner = "dependency " + p.Place + ": "
		case *report.CampaignBreaker:
			owner = "breaker " + p.Name + ": "
		case *report.Distribution:
			if problem = checkDistribution(p); problem != nil {
				problem = fmt.Errorf("%s%w", owner, problem)
			}
		case *report.CampaignFault:
			_, problem = fault.Parse(p.Fault)
		}
		err = cmp.Or(err, problem)
	})
	return err
}

// each visits a value and then what is in it.
func each(v reflect.Value, visit func(part any)) {
	visit(v.Addr().Interface())
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			each(v.Field(i), visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			each(v.Index(i), visit)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			part := addressable(v.MapIndex(key), v.Type().Elem())
			each(part, visit)
			v.SetMapIndex(key, part)
		}
	}
}
