package compare

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"faultflow/internal/report"
)

// identical compares the hashes of reports and campaigns, which cover all but the wall clock, and test results but for what the wall
// clock decides.
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

// differences collects what is not the same in all of some documents.
type differences []Difference

func (list *differences) add(name string, values []string) {
	if slices.ContainsFunc(values, func(v string) bool { return v != values[0] }) {
		*list = append(*list, Difference{name, values})
	}
}

// notComparable finds what makes a comparison of the numbers say little.
func notComparable(documents []Document) []Difference {
	list := differences{}
	if slices.ContainsFunc(documents, Document.absent) {
		return list // which is told in another place
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
	list.add("input", read(all, func(f frame) string { return f.Input }))
	list.add("graph", read(all, func(f frame) string { return f.Graph }))
	list.add("interrupted", read(all, func(f frame) string { return strconv.FormatBool(f.interrupted) }))
	return list
}

// settings finds the settings that differ between reports or between campaigns, the seed included.
func settings(documents []Document) []Difference {
	list := differences{}
	all, known := frames(documents)
	if !known {
		return list
	}
	list.add("seed", read(all, func(f frame) string { return strconv.FormatUint(f.seed, 10) }))
	list.add("runs", read(all, func(f frame) string { return f.runs }))
	list.add("shard", read(all, func(f frame) string { return f.shard }))
	list.add("until", read(all, func(f frame) string { return f.until }))
	for _, own := range flags("", reflect.TypeFor[report.Settings](), nil) {
		if own.name == "fault" {
			list.faults(all)
			continue
		}
		list.add(own.name, read(all, func(f frame) string { return own.text(f.Settings) }))
	}
	return list
}

// frame is how a report or a campaign was made. What only campaigns have is "" of a report.
type frame struct {
	report.Settings
	seed               uint64
	interrupted        bool
	runs, shard, until string
}

// frames reports as well whether all documents are reports, or all are campaigns.
func frames(documents []Document) (all []frame, known bool) {
	for _, d := range documents {
		switch {
		case d.Report != nil && documents[0].Report != nil:
			all = append(all, frame{Settings: d.Report.Settings, seed: d.Report.Seed, interrupted: d.Report.Interrupted})
		case d.Campaign != nil && documents[0].Campaign != nil:
			c := d.Campaign
			f := frame{Settings: c.Settings, seed: c.Seeds.First, interrupted: c.Interrupted, runs: strconv.FormatInt(c.Seeds.Count, 10), until: c.Until.Condition}
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

func read(all []frame, f func(frame) string) []string {
	values := make([]string, len(all))
	for i, own := range all {
		values[i] = f(own)
	}
	return values
}

// faults adds the faults that not everybody has, each by itself.
func (list *differences) faults(all []frame) {
	var specs []string
	for _, f := range all {
		specs = append(specs, f.Faults...)
	}
	slices.Sort(specs)
	for _, spec := range slices.Compact(specs) {
		list.add("fault="+spec, read(all, func(f frame) string {
			times := 0
			for _, own := range f.Faults {
				if own == spec {
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

// flag is a field of report.Settings by the name that it has on the command line: collector.retry_delay_ms is
// collector-retry-delay.
type flag struct {
	name  string
	index []int
	ms    bool
}

func flags(prefix string, t reflect.Type, index []int) (list []flag) {
	for i := range t.NumField() {
		f := t.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		name, ms := strings.CutSuffix(prefix+strings.ReplaceAll(key, "_", "-"), "-ms")
		at := slices.Concat(index, []int{i})
		switch {
		case f.Type.Kind() == reflect.Struct:
			list = append(list, flags(name+"-", f.Type, at)...)
		case name == "faults":
			list = append(list, flag{"fault", at, false})
		default:
			list = append(list, flag{name, at, ms})
		}
	}
	return list
}

// text is the setting as the flag takes it.
func (f flag) text(s report.Settings) string {
	switch v := reflect.ValueOf(s).FieldByIndex(f.index).Interface().(type) {
	case []string:
		return strings.Join(v, ",")
	case float64:
		if d := v * float64(time.Millisecond); f.ms && d > -1<<62 && d < 1<<62 {
			return time.Duration(d).String()
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}
