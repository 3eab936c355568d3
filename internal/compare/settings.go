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

// identical compares the hashes of reports, which cover all but the wall clock, and test results but for what the wall
// clock decides.
func identical(documents []Document) bool {
	first := documents[0]
	return !slices.ContainsFunc(documents, func(d Document) bool {
		switch {
		case d.Report != nil && first.Report != nil:
			return d.Report.Hash == "" || d.Report.Hash != first.Report.Hash
		case d.Tests != nil && first.Tests != nil:
			return !reflect.DeepEqual(timeless(d.Tests), timeless(first.Tests))
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
		scenarios = append(scenarios, d.scenario())
	}
	list.add("document", kinds)
	if !slices.Contains(scenarios, "") {
		list.add("scenario", scenarios)
	}
	reports, all := reportsOf(documents)
	if !all {
		return list
	}
	list.add("input", read(reports, func(r *report.Report) string { return r.Settings.Input }))
	list.add("graph", read(reports, func(r *report.Report) string { return r.Settings.Graph }))
	list.add("interrupted", read(reports, func(r *report.Report) string { return strconv.FormatBool(r.Interrupted) }))
	return list
}

// settings finds the settings that differ between reports, the seed included.
func settings(documents []Document) []Difference {
	list := differences{}
	reports, all := reportsOf(documents)
	if !all {
		return list
	}
	list.add("seed", read(reports, func(r *report.Report) string { return strconv.FormatUint(r.Seed, 10) }))
	for _, f := range flags("", reflect.TypeFor[report.Settings](), nil) {
		if f.name == "fault" {
			list.faults(reports)
			continue
		}
		list.add(f.name, read(reports, func(r *report.Report) string { return f.text(r.Settings) }))
	}
	return list
}

// reportsOf reports as well whether all documents are reports.
func reportsOf(documents []Document) (reports []*report.Report, all bool) {
	for _, d := range documents {
		if d.Report == nil {
			return nil, false
		}
		reports = append(reports, d.Report)
	}
	return reports, true
}

func read(reports []*report.Report, f func(*report.Report) string) []string {
	values := make([]string, len(reports))
	for i, r := range reports {
		values[i] = f(r)
	}
	return values
}

// faults adds the faults that not all reports have, each by itself.
func (list *differences) faults(reports []*report.Report) {
	var specs []string
	for _, r := range reports {
		specs = append(specs, r.Settings.Faults...)
	}
	slices.Sort(specs)
	for _, spec := range slices.Compact(specs) {
		list.add("fault="+spec, read(reports, func(r *report.Report) string {
			times := 0
			for _, own := range r.Settings.Faults {
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
