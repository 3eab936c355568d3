package compare

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// identical compares reports and campaigns by their hashes, which cover everything but the wall clock's times, and test
// results by their contents without these times.
func identical(documents []Document) bool {
	first := documents[0]
	return !slices.ContainsFunc(documents, func(d Document) bool {
		switch {
		case d.Report != nil && first.Report != nil:
			return d.Report.Hash == "" || d.Report.Hash != first.Report.Hash
		case d.Tests != nil && first.Tests != nil:
			return !reflect.DeepEqual(timeless(d.Tests), timeless(first.Tests))
		case d.Campaign != nil && first.Campaign != nil:
			return d.Campaign.Hash == "" || d.Campaign.Hash != first.Campaign.Hash
		}
		return true
	})
}

// timeless is t without the times of the wall clock.
func timeless(t *report.Tests) report.Tests {
	plain := *t
	plain.RealMS, plain.Results = 0, slices.Clone(t.Results)
	for i := range plain.Results {
		plain.Results[i].RealMS = 0
	}
	return plain
}

// differences collects what is not the same in all documents.
type differences []Difference

func (list *differences) add(name string, values []string) {
	if slices.ContainsFunc(values, func(v string) bool { return v != values[0] }) {
		*list = append(*list, Difference{name, values})
	}
}

// notComparable finds the differences that make a comparison of the measures meaningless.
func notComparable(documents []Document) []Difference {
	list := differences{}
	if slices.ContainsFunc(documents, Document.absent) {
		return list // see Comparison.Complete
	}
	var kinds, scenarios []string
	for _, d := range documents {
		kinds = append(kinds, side(d).Schema)
		scenarios = append(scenarios, d.Scenario())
	}
	list.add("document", kinds)
	if !slices.Contains(scenarios, "") {
		list.add("scenario", scenarios)
	}
	all, known := frames(documents)
	if !known {
		return list
	}
	list.add("input", values(all, func(f frame) string { return f.Input }))
	list.add("graph", values(all, func(f frame) string { return f.Graph }))
	list.add("interrupted", values(all, func(f frame) string { return strconv.FormatBool(f.interrupted) }))
	return list
}

// settingsOf finds the settings that differ between reports or between campaigns, the seed included.
func settingsOf(documents []Document) []Difference {
	list := differences{}
	all, known := frames(documents)
	if !known {
		return list
	}
	list.add("seed", values(all, func(f frame) string { return strconv.FormatUint(f.seed, 10) }))
	list.add("runs", values(all, func(f frame) string { return f.runs }))
	list.add("shard", values(all, func(f frame) string { return f.shard }))
	list.add("until", values(all, func(f frame) string { return f.until }))
	for _, setting := range settings.All() {
		switch {
		case setting.Shorthand:
		case setting.List():
			list.items(setting, all)
		default:
			list.add(setting.Name, values(all, func(f frame) string { return setting.In(&f.Settings) }))
		}
	}
	return list
}

// frame is how a report or a campaign was made. The fields that only campaigns have are "" of a report.
type frame struct {
	settings.Settings
	seed               uint64
	interrupted        bool
	runs, shard, until string
}

// frames returns the frames of all documents; known is false unless all are reports, or all are campaigns.
func frames(documents []Document) (all []frame, known bool) {
	for _, d := range documents {
		switch {
		case d.Report != nil && documents[0].Report != nil:
			all = append(all, frame{
				Settings:    d.Report.Settings,
				seed:        d.Report.Seed,
				interrupted: d.Report.Interrupted,
			})
		case d.Campaign != nil && documents[0].Campaign != nil:
			c := d.Campaign
			f := frame{
				Settings:    c.Settings,
				seed:        c.Seeds.First,
				interrupted: c.Interrupted,
				runs:        strconv.FormatInt(c.Seeds.Count, 10),
				until:       c.Until.Condition,
			}
			if c.Part.Of > 0 {
				f.shard = fmt.Sprintf("%d/%d", c.Part.Index, c.Part.Of)
			}
			all = append(all, f)
		default:
			return nil, false
		}
	}
	return all, true
}

func values(all []frame, of func(frame) string) []string {
	values := make([]string, len(all))
	for i, f := range all {
		values[i] = of(f)
	}
	return values
}

// faults adds the faults that not all documents have, each as a difference of its own.
func (list *differences) items(setting settings.Setting, all []frame) {
	var given []string
	for _, f := range all {
		given = append(given, setting.Items(&f.Settings)...)
	}
	slices.Sort(given)
	for _, text := range slices.Compact(given) {
		list.add(setting.Name+"="+text, values(all, func(f frame) string {
			times := 0
			for _, own := range setting.Items(&f.Settings) {
				if own == text {
					times++
				}
			}
			switch times {
			case 0:
				return ""
			case 1:
				return "given"
			}
			return fmt.Sprintf("given %d times", times)
		}))
	}
}
