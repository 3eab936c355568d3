package fault_test

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/fault"
	"faultflow/internal/keyed"
)

// places are those of a pipeline with the default channels.
var places = catalog.Places(catalog.DefaultChannels())

// keysOf are the parameters that each kind takes besides the trigger's keys.
var keysOf = map[fault.Kind][]string{
	fault.RateLimited:      {"retry_after"},
	fault.MissingFields:    {"share"},
	fault.OutOfRange:       {"share"},
	fault.DuplicateRecords: {"share"},
	fault.Slow:             {"factor", "by"},
	fault.Partial:          {"share"},
	fault.Flapping:         {"period"},
	fault.PartialWrite:     {"share"},
}

// triggerKeys are the keys that every kind takes.
var triggerKeys = []string{"p", "first", "every", "calls", "cycles", "from", "to", "may_not_fire"}

// aValue is some value that each key takes, as String writes it.
var aValue = map[string]string{
	"p":            "0.25",
	"first":        "3",
	"every":        "2",
	"calls":        "1+3-5",
	"cycles":       "2-4",
	"from":         "1s",
	"to":           "1m0s",
	"may_not_fire": "true",
	"factor":       "2.5",
	"by":           "250ms",
	"share":        "0.3",
	"period":       "4s",
	"retry_after":  "2s",
}

// The list is held twice, so that no kind is forgotten or gets another place by accident.
func TestKindsApplyWhereTheDesignSays(t *testing.T) {
	network := []fault.Kind{"connection_refused", "connection_reset", "dns_failure", "timeout", "http_500", "http_503",
		"rate_limited"}
	resource := []fault.Kind{"out_of_memory", "disk_full", "too_many_open_files", "pool_exhausted"}
	data := []fault.Kind{"corrupt_payload", "truncated_payload", "missing_fields", "out_of_range", "duplicate_records",
		"empty_batch"}
	degradation := []fault.Kind{"slow", "partial", "flapping"}
	processing := []fault.Kind{"error", "panic", "hang"}
	storage := []fault.Kind{"permission_denied", "locked", "partial_write", "ack_lost"}
	throttles := []fault.Kind{"halt", "capacity_loss"}
	all := slices.Concat(network, data, resource, degradation, processing, storage, throttles)
	if got := fault.Kinds(); !slices.Equal(got, all) {
		t.Errorf("Kinds() = %v\nwant %v", got, all)
	}
	want := map[catalog.Place][]fault.Kind{
		"collector.health": slices.Concat(network, resource, []fault.Kind{"slow", "flapping", "panic", "hang"}),
		"collector.fetch":  slices.Concat(network, data, resource, degradation, []fault.Kind{"panic", "hang"}),
		"processor.batch": slices.Concat(network, []fault.Kind{"corrupt_payload", "truncated_payload"}, resource,
			degradation, processing),
		"processor.record": slices.Concat(network,
			[]fault.Kind{"corrupt_payload", "truncated_payload", "missing_fields", "out_of_range"},
			resource, []fault.Kind{"slow", "flapping"}, processing),
		"delivery.primary": slices.Concat(network, resource, degradation, []fault.Kind{"panic", "hang"}, storage),
		"delivery.backup":  slices.Concat(network, resource, degradation, []fault.Kind{"panic", "hang"}, storage),
		"delivery.spool": {"out_of_memory", "disk_full", "too_many_open_files", "slow", "panic", "hang",
			"permission_denied", "locked", "partial_write"},
		"elsewhere": nil, "": nil, "delivery": nil, "delivery.": nil,
	}
	for place, kinds := range want {
		if kinds != nil {
			kinds = append(kinds, throttles...)
		}
		if got := fault.KindsAt(place); !slices.Equal(got, kinds) {
			t.Errorf("KindsAt(%q) = %v\nwant %v", place, got, kinds)
		}
	}
}

// Every kind can be written at every place where it applies, bare and with each key that it takes.
func TestEveryKindParsesWhereItApplies(t *testing.T) {
	for _, place := range places {
		for _, kind := range fault.KindsAt(place) {
			bare := string(place) + "=" + string(kind)
			specs := []string{bare}
			keys := slices.Concat(triggerKeys, keysOf[kind])
			if fault.Throttles(kind) {
				keys = []string{"from", "to", "may_not_fire"}
			}
			for _, key := range keys {
				specs = append(specs, bare+","+key+"="+aValue[key])
			}
			for _, spec := range specs {
				f, err := fault.Parse(spec)
				if err != nil {
					t.Errorf("Parse(%q): %v", spec, err)
				} else if f.String() != spec {
					t.Errorf("Parse(%q).String() = %q", spec, f.String())
				}
			}
		}
	}
}

func TestParse(t *testing.T) {
	trigger := func(tr fault.Trigger) fault.Fault {
		return fault.Fault{Place: "collector.fetch", Kinds: []fault.Kind{fault.DNSFailure}, Trigger: tr}
	}
	params := func(k fault.Kind, p fault.Params) fault.Fault {
		return fault.Fault{Place: "collector.fetch", Kinds: []fault.Kind{k}, Params: p}
	}
	tests := []struct {
		spec string
		want fault.Fault
	}{
		{"collector.fetch=dns_failure", trigger(fault.Trigger{})},
		{" collector.fetch = dns_failure , p = 0.5 ", trigger(fault.Trigger{P: 0.5, HasP: true})},
		{"collector.fetch=dns_failure,p=0", trigger(fault.Trigger{HasP: true})},
		{"collector.fetch=dns_failure,p=1", trigger(fault.Trigger{P: 1, HasP: true})},
		{"collector.fetch=dns_failure,first=3", trigger(fault.Trigger{First: 3})},
		{"collector.fetch=dns_failure,every=1000000000", trigger(fault.Trigger{Every: 1_000_000_000})},
		{"collector.fetch=dns_failure,calls=2", trigger(fault.Trigger{Calls: []fault.Range{{Low: 2, High: 2}}})},
		{"collector.fetch=dns_failure,calls=7+1-3",
			trigger(fault.Trigger{Calls: []fault.Range{{Low: 7, High: 7}, {Low: 1, High: 3}}})},
		{"collector.fetch=dns_failure,cycles=4-4", trigger(fault.Trigger{Cycles: []fault.Range{{Low: 4, High: 4}}})},
		{"collector.fetch=dns_failure,from=0s", trigger(fault.Trigger{})},
		{"collector.fetch=dns_failure,from=1m,to=90s", trigger(fault.Trigger{From: time.Minute, To: 90 * time.Second})},
		{"collector.fetch=dns_failure,to=1ns", trigger(fault.Trigger{To: 1})},
		{"collector.fetch=dns_failure,may_not_fire=true",
			fault.Fault{Place: "collector.fetch", Kinds: []fault.Kind{fault.DNSFailure}, MayNotFire: true}},
		{"collector.fetch=dns_failure,may_not_fire=false", trigger(fault.Trigger{})},
		{"collector.fetch=slow,factor=1", params(fault.Slow, fault.Params{Factor: 1})},
		{"collector.fetch=slow,by=1.5s", params(fault.Slow, fault.Params{By: 1500 * time.Millisecond})},
		{"collector.fetch=partial,share=1", params(fault.Partial, fault.Params{Share: 1})},
		{"collector.fetch=flapping,period=2ms", params(fault.Flapping, fault.Params{Period: 2 * time.Millisecond})},
		{"collector.fetch=rate_limited,retry_after=1ns", params(fault.RateLimited, fault.Params{RetryAfter: 1})},
		// A key of any of several kinds is allowed.
		{"delivery.backup=locked|slow|partial,by=1s,share=0.5", fault.Fault{Place: "delivery.backup",
			Kinds:  []fault.Kind{fault.Locked, fault.Slow, fault.Partial},
			Params: fault.Params{By: time.Second, Share: 0.5}}},
	}
	for _, test := range tests {
		got, err := fault.Parse(test.spec)
		if err != nil {
			t.Errorf("Parse(%q): %v", test.spec, err)
		} else if !reflect.DeepEqual(got, test.want) {
			t.Errorf("Parse(%q) = %+v\nwant %+v", test.spec, got, test.want)
		}
	}
}

// Each message says what is wrong, suggests what may have been meant, and lists what is allowed.
func TestParseSaysWhatIsWrong(t *testing.T) {
	const (
		allPlaces = "; places: collector.health, collector.fetch, processor.batch, processor.record, " +
			"delivery.primary, delivery.secondary, delivery.backup, delivery.spool"
		ofSpool   = "; kinds there: out_of_memory, disk_full, too_many_open_files, slow, panic, hang, permission_denied, locked, partial_write, halt, capacity_loss"
		ofTrigger = "p, first, every, calls, cycles, from, to"
		last      = ", may_not_fire"
		usage     = "want PLACE=KIND[,KEY=VALUE…], such as collector.fetch=connection_refused,first=3"
		whole     = "want a whole number from 1 to 1000000000"
		spans     = "want numbers and ranges from 1, joined with +, such as 1+3-5"
	)
	tests := []struct{ spec, want string }{
		{"", usage},
		{"collector.fetch", usage},
		{"collector.fetch,p=0.5", usage}, // the kind's = is missing, not the key's
		{"=hang", `unknown place ""` + allPlaces},
		{"collector.fetsh=hang", `unknown place "collector.fetsh" (did you mean collector.fetch?)` + allPlaces},
		{"somewhere far away indeed=hang", `unknown place "somewhere far away indeed"` + allPlaces},
		{"delivery.spool=", `unknown kind ""` + ofSpool},
		{"delivery.spool=diskfull", `unknown kind "diskfull" (did you mean disk_full?)` + ofSpool},
		{"delivery.spool=hang|lockd", `unknown kind "lockd" (did you mean locked?)` + ofSpool},
		{"delivery.spool=hang|", `unknown kind ""` + ofSpool},
		{"delivery.spool=ack_lost", "kind ack_lost does not apply at delivery.spool" + ofSpool},
		{"delivery.spool=partial", "kind partial does not apply at delivery.spool" + ofSpool},
		{"collector.fetch=hang,forst=3",
			`unknown key "forst" (did you mean first?); keys for hang: ` + ofTrigger + last},
		{"collector.fetch=hang,=3", `unknown key ""; keys for hang: ` + ofTrigger + last},
		{"collector.fetch=hang,p=1,", `unknown key ""; keys for hang: ` + ofTrigger + last},
		{"collector.fetch=hang,factor=3", `unknown key "factor"; keys for hang: ` + ofTrigger + last},
		{"collector.fetch=slow,share=1", `unknown key "share"; keys for slow: ` + ofTrigger + ", factor, by" + last},
		// A key that two of the kinds take is listed once.
		{"collector.fetch=partial|missing_fields|flapping,shore=1",
			`unknown key "shore" (did you mean share?); keys for partial|missing_fields|flapping: ` +
				ofTrigger + ", share, period" + last},
		{"collector.fetsh=hang,p=0.5", `unknown place "collector.fetsh" (did you mean collector.fetch?)` + allPlaces},
		{"collector.fetch=hang,p=0.5,p=0.5", "key p is given twice"},
		{"collector.fetch=hang,calls=x-5", "calls=x-5: " + spans},
		{"collector.fetch=hang,calls=5-x", "calls=5-x: " + spans},
		{"collector.fetch=slow,factor=1000001", "factor=1000001: want a factor from 1 to 1000000"},
		{"collector.fetch=hang,first=1,calls=2,first=2", "key first is given twice"},
		{"collector.fetch=hang,p", "p=: want a probability from 0 to 1"},
		{"collector.fetch=hang,p=", "p=: want a probability from 0 to 1"},
		{"collector.fetch=hang,p=1.01", "p=1.01: want a probability from 0 to 1"},
		{"collector.fetch=hang,p=-0.1", "p=-0.1: want a probability from 0 to 1"},
		{"collector.fetch=hang,p=nan", "p=nan: want a probability from 0 to 1"},
		{"collector.fetch=hang,p=50%", "p=50%: want a probability from 0 to 1"},
		{"collector.fetch=hang,first", "first=: " + whole},
		{"collector.fetch=hang,first=0", "first=0: " + whole},
		{"collector.fetch=hang,first=1.5", "first=1.5: " + whole},
		{"collector.fetch=hang,every=-1", "every=-1: " + whole},
		{"collector.fetch=hang,every=1000000001", "every=1000000001: " + whole},
		{"collector.fetch=hang,every=99999999999999999999", "every=99999999999999999999: " + whole},
		{"collector.fetch=hang,calls=0", "calls=0: " + spans},
		{"collector.fetch=hang,calls=5-3", "calls=5-3: " + spans},
		{"collector.fetch=hang,calls=1++2", "calls=1++2: " + spans},
		{"collector.fetch=hang,calls=3-", "calls=3-: " + spans},
		{"collector.fetch=hang,cycles=a", "cycles=a: " + spans},
		{"collector.fetch=hang,from=-1s", "from=-1s: want a duration from 0s to 10000h0m0s, such as 500ms or 5s"},
		{"collector.fetch=hang,from=5", "from=5: want a duration from 0s to 10000h0m0s, such as 500ms or 5s"},
		{"collector.fetch=hang,to=0s", "to=0s: want a duration from 1ns to 10000h0m0s, such as 500ms or 5s"},
		{"collector.fetch=hang,to=10001h", "to=10001h: want a duration from 1ns to 10000h0m0s, such as 500ms or 5s"},
		{"collector.fetch=hang,from=5s,to=5s", "to=5s must be after from=5s"},
		{"collector.fetch=hang,to=1s,from=5s", "to=1s must be after from=5s"},
		{"collector.fetch=hang,may_not_fire=maybe", "may_not_fire=maybe: want true or false"},
		{"collector.fetch=hang,may_not_fire", "may_not_fire=: want true or false"},
		{"collector.fetch=slow,factor=0.5", "factor=0.5: want a factor from 1 to 1000000"},
		{"collector.fetch=slow,factor=inf", "factor=inf: want a factor from 1 to 1000000"},
		{"collector.fetch=slow,by=0s", "by=0s: want a duration from 1ns to 10000h0m0s, such as 500ms or 5s"},
		{"collector.fetch=slow,factor=2,by=1s", "give factor or by, not both"},
		{"collector.fetch=partial,share=0", "share=0: want a share above 0, up to 1"},
		{"collector.fetch=partial,share=1.5", "share=1.5: want a share above 0, up to 1"},
		{
			"collector.fetch=flapping,period=1ms",
			"period=1ms: want a duration from 2ms to 10000h0m0s, such as 500ms or 5s",
		},
		{
			"collector.fetch=rate_limited,retry_after=soon",
			"retry_after=soon: want a duration from 1ns to 10000h0m0s, such as 500ms or 5s",
		},
	}
	for _, test := range tests {
		_, err := fault.Parse(test.spec)
		if err == nil || err.Error() != test.want {
			t.Errorf("Parse(%q):\n%v\nwant\n%s", test.spec, err, test.want)
		}
	}
}

// Any name can be a channel's, because a fault is read before it is known which channels there are; a run's faults are
// held against its channels, so that a misspelt one is not a fault that never fires.
func TestCheckPlace(t *testing.T) {
	const of = "; places: collector.health, collector.fetch, processor.batch, processor.record, " +
		"delivery.primary, delivery.webhook, delivery.spool"
	channels := []string{"primary", "webhook"}
	for _, test := range []struct{ spec, want string }{
		{"collector.fetch=hang", ""},
		{"delivery.primary=hang", ""},
		{"delivery.webhook=ack_lost", ""},
		{"delivery.spool=disk_full", ""},
		{"delivery.backup=hang", `unknown place "delivery.backup"` + of},
		{"delivery.webhok=hang", `unknown place "delivery.webhok" (did you mean delivery.webhook?)` + of},
	} {
		f, err := fault.Parse(test.spec)
		if err != nil {
			t.Errorf("Parse(%q): %v", test.spec, err)
			continue
		}
		got := ""
		if err := catalog.CheckPlace(f.Place, channels); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: CheckPlace:\n%s\nwant\n%s", test.spec, got, test.want)
		}
	}
}

// The keys are listed as faults are written, each with an example that every kind which takes the key can be given.
func TestKeys(t *testing.T) {
	var names []string
	for _, k := range fault.Keys() {
		names = append(names, k.Name)
		kinds := k.Of
		if kinds == nil {
			kinds = []fault.Kind{fault.Hang}
		}
		for _, kind := range kinds {
			i := slices.IndexFunc(places, func(p catalog.Place) bool { return slices.Contains(fault.KindsAt(p), kind) })
			spec := string(places[i]) + "=" + string(kind) + "," + k.Name + "=" + k.Example
			if f, err := fault.Parse(spec); err != nil || f.String() != spec {
				t.Errorf("Parse(%q) = %s, %v", spec, f, err)
			}
		}
		if k.Meaning == "" {
			t.Errorf("%s has no meaning", k.Name)
		}
	}
	want := []string{
		"p", "first", "every", "calls", "cycles", "from", "to",
		"factor", "by", "share", "period", "retry_after", "may_not_fire",
	}
	names = slices.Compact(names) // factor has a meaning for slow and another for capacity_loss
	if !slices.Equal(names, want) || !slices.Equal(fault.KeyNames(), want) {
		t.Errorf("Keys are %v, KeyNames %v\nwant %v", names, fault.KeyNames(), want)
	}
}

// aFault draws any fault that can be written.
func aFault() *rapid.Generator[fault.Fault] {
	duration := func(low time.Duration) *rapid.Generator[time.Duration] {
		return rapid.Map(
			rapid.Int64Range(int64(low), int64(10_000*time.Hour)),
			func(n int64) time.Duration { return time.Duration(n) },
		)
	}
	spans := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) fault.Range {
		low := rapid.IntRange(1, 1_000_000_000).Draw(t, "low")
		return fault.Range{Low: low, High: rapid.IntRange(low, 1_000_000_000).Draw(t, "high")}
	}), 1, 4)
	share := rapid.Float64Range(0, 1).Filter(func(x float64) bool { return x > 0 })
	return rapid.Custom(func(t *rapid.T) fault.Fault {
		f := fault.Fault{Place: rapid.SampledFrom(places).Draw(t, "place")}
		f.Kinds = rapid.SliceOfN(rapid.SampledFrom(fault.KindsAt(f.Place)), 1, 3).Draw(t, "kinds")
		throttles := slices.ContainsFunc(f.Kinds, fault.Throttles)
		if throttles {
			f.Kinds = []fault.Kind{fault.CapacityLoss}
			f.Params.Factor = rapid.Float64Range(1e-6, 1).Draw(t, "factor")
		}
		want := func(key string) bool {
			ofCalls := slices.Contains([]string{"p", "first", "every", "calls", "cycles"}, key)
			return !(throttles && ofCalls) && rapid.Bool().Draw(t, "with "+key)
		}
		tr, p := &f.Trigger, &f.Params
		if want("p") {
			tr.HasP, tr.P = true, rapid.Float64Range(0, 1).Draw(t, "p")
		}
		if want("first") {
			tr.First = rapid.IntRange(1, 1_000_000_000).Draw(t, "first")
		}
		if want("every") {
			tr.Every = rapid.IntRange(1, 1_000_000_000).Draw(t, "every")
		}
		if want("calls") {
			tr.Calls = spans.Draw(t, "calls")
		}
		if want("cycles") {
			tr.Cycles = spans.Draw(t, "cycles")
		}
		if want("to") {
			tr.To = duration(1).Draw(t, "to")
		}
		if want("from") {
			tr.From = duration(0).Draw(t, "from")
			if tr.To > 0 && tr.From >= tr.To {
				tr.From = tr.To - 1
			}
		}
		f.MayNotFire = want("may_not_fire")
		for _, k := range f.Kinds {
			for _, key := range keysOf[k] {
				if !want(key) {
					continue
				}
				switch key {
				case "factor":
					p.Factor, p.By = rapid.Float64Range(1, 1e6).Draw(t, key), 0
				case "by":
					p.By, p.Factor = duration(1).Draw(t, key), 0
				case "share":
					p.Share = share.Draw(t, key)
				case "period":
					p.Period = duration(2*time.Millisecond).Draw(t, key)
				case "retry_after":
					p.RetryAfter = duration(1).Draw(t, key)
				}
			}
		}
		return f
	})
}

// What String writes, Parse reads back as it was: reports quote faults, and people run the quotes again.
func TestFaultRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := aFault().Draw(t, "fault")
		got, err := fault.Parse(f.String())
		if err != nil {
			t.Fatalf("Parse(%q): %v", f.String(), err)
		}
		if !reflect.DeepEqual(got, f) {
			t.Fatalf("%q came back as\n%+v\nwant\n%+v", f.String(), got, f)
		}
	})
}

// FuzzParse: no text makes it panic, and whatever parses round-trips.
func FuzzParse(f *testing.F) {
	for _, spec := range []string{
		"",
		"=",
		",",
		"|",
		"collector.fetch=hang",
		"collector.fetch=slow|partial,p=0.5,factor=2,share=0.1",
		"delivery.primary=ack_lost,first=3,every=2,calls=1+3-5,cycles=2,from=1s,to=2m",
		"processor.record=panic,p=1e-300",
		"collector.health=rate_limited,retry_after=1ns",
		"collector.fetch=flapping,period=2ms,from=-0s",
		"delivery.spool=locked,p=\xff",
		"collector.fetch=slow,by=2562047h47m16.854775807s",
		"collector.fetch=hang,first=+7,p=0x1p-2",
		"collector.fetch=hang,calls=01-0002",
	} {
		f.Add(spec)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		got, err := fault.Parse(spec)
		if err != nil {
			return
		}
		again, err := fault.Parse(got.String())
		if err != nil {
			t.Fatalf("Parse(%q) of %q: %v", got.String(), spec, err)
		}
		if !reflect.DeepEqual(again, got) {
			t.Fatalf("%q round-trips to\n%+v\nwant\n%+v", spec, again, got)
		}
	})
}

// A full disk is storage where a file is written, and a resource elsewhere. The other exceptions are about what hangs
// and what panics.
func TestClassOf(t *testing.T) {
	tests := []struct {
		kind  fault.Kind
		place catalog.Place
		want  errhandler.Class
	}{
		{fault.DiskFull, "collector.fetch", errhandler.Resource},
		{fault.DiskFull, "processor.batch", errhandler.Resource},
		{fault.DiskFull, "delivery.primary", errhandler.Storage},
		{fault.DiskFull, "delivery.spool", errhandler.Storage},
		{fault.Hang, "collector.fetch", errhandler.Network}, {fault.Hang, "processor.record", errhandler.Processing},
		{fault.Hang, "delivery.primary", errhandler.Network}, {fault.Hang, "delivery.spool", errhandler.Storage},
		{fault.Panic, "collector.health", errhandler.Internal}, {fault.Panic, "processor.batch", errhandler.Processing},
		{fault.Panic, "delivery.primary", errhandler.Internal}, {fault.Panic, "delivery.spool", errhandler.Internal},
		{fault.CorruptPayload, "processor.batch", errhandler.Data},
		{fault.OutOfMemory, "delivery.spool", errhandler.Resource},
		{fault.Slow, "delivery.spool", errhandler.Degradation}, {fault.AckLost, "delivery.primary", errhandler.Storage},
		{fault.Timeout, "processor.record", errhandler.Network},
		{fault.Error, "processor.record", errhandler.Processing},
	}
	for _, k := range fault.Kinds() { // those that no place changes
		if k != fault.DiskFull && k != fault.Hang && k != fault.Panic {
			if class := fault.ClassOf(k, "processor.record"); class == "" ||
				class != fault.ClassOf(k, "delivery.spool") {
				t.Errorf("%s is %s of a record and %s of the spool", k, class, fault.ClassOf(k, "delivery.spool"))
			}
		}
	}
	for _, test := range tests {
		if got := fault.ClassOf(test.kind, test.place); got != test.want {
			t.Errorf("ClassOf(%s, %s) = %s, want %s", test.kind, test.place, got, test.want)
		}
	}
}

// Only channels and the spool write what is delivered.
func TestWrites(t *testing.T) {
	for _, place := range places {
		want := strings.HasPrefix(string(place), "delivery.")
		if got := fault.Writes(place); got != want {
			t.Errorf("Writes(%s) = %t", place, got)
		}
	}
}

// Each condition has its first and its last call, cycle and instant; all that are given must hold.
func TestTriggerHits(t *testing.T) {
	const s = time.Second
	for _, test := range []struct {
		trigger     string
		call, cycle int
		at          time.Duration
		want        bool
	}{
		{"", 1, 1, 0, true}, {"", 999, 9, time.Hour, true},
		{"first=3", 1, 1, 0, true}, {"first=3", 3, 1, 0, true}, {"first=3", 4, 1, 0, false}, {"first=1", 1, 1, 0, true},
		{"every=3", 1, 1, 0, false}, {"every=3", 3, 1, 0, true}, {"every=3", 4, 1, 0, false}, {"every=3", 6, 1, 0,
			true},
		{"every=1", 1, 1, 0, true},
		{"calls=2-4", 1, 1, 0, false}, {"calls=2-4", 2, 1, 0, true}, {"calls=2-4", 4, 1, 0, true},
		{"calls=2-4", 5, 1, 0, false}, {"calls=2+5", 5, 1, 0, true}, {"calls=2+5", 3, 1, 0, false},
		{"cycles=2-4", 9, 1, 0, false}, {"cycles=2-4", 9, 2, 0, true}, {"cycles=2-4", 9, 4, 0, true},
		{"cycles=2-4", 9, 5, 0, false},
		{"from=1s", 1, 1, s - 1, false}, {"from=1s", 1, 1, s, true}, {"from=1s", 1, 1, s + 1, true},
		{"to=1s", 1, 1, 0, true}, {"to=1s", 1, 1, s - 1, true}, {"to=1s", 1, 1, s, false}, {"to=1ns", 1, 1, 0, true},
		{"first=4,every=2", 2, 1, 0, true}, {"first=4,every=2", 3, 1, 0, false}, {"first=4,every=2", 6, 1, 0, false},
		{"cycles=2,from=1s", 1, 1, s, false}, {"cycles=2,from=1s", 1, 2, 0, false}, {"cycles=2,from=1s", 1, 2, s, true},
	} {
		f, err := fault.Parse(strings.TrimSuffix("collector.fetch=http_500,"+test.trigger, ","))
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Trigger.Hits(test.call, test.cycle, test.at); got != test.want {
			t.Errorf("%s: call %d of cycle %d at %v: %t", test.trigger, test.call, test.cycle, test.at, got)
		}
	}
}

// What a key says that it takes is what Set takes: both ends of its range, and nothing beyond them.
func TestKeysTakeWhatTheySay(t *testing.T) {
	numbers := 0
	for _, k := range fault.Keys() {
		kind := fault.HTTP500
		if k.Of != nil {
			kind = k.Of[0]
		}
		written := func(n float64) string {
			switch k.Takes.Form {
			case keyed.FormDuration:
				return time.Duration(n).String()
			case keyed.FormCount, keyed.FormRanges:
				return strconv.FormatInt(int64(n), 10)
			}
			return strconv.FormatFloat(n, 'g', -1, 64)
		}
		step := func(n, to float64) float64 { // the next value that can be written
			if k.Takes.Form == keyed.FormNumber {
				return math.Nextafter(n, to)
			}
			return n + math.Copysign(max(1, n/1e12), to) // of a float that holds no single nanoseconds
		}
		low, high := k.Takes.Low, k.Takes.High
		if k.Takes.Form == keyed.FormToggle || k.Takes.Form == keyed.FormChoice {
			continue
		}
		numbers++
		for text, want := range map[string]bool{
			written(low): true, written(high): true,
			written(step(low, math.Inf(-1))): false, written(step(high, math.Inf(1))): false,
		} {
			f := fault.Fault{Place: "collector.fetch", Kinds: []fault.Kind{kind}}
			if err := f.Set(k.Name, text); (err == nil) != want {
				t.Errorf("%s=%s: %v, want it taken: %t", k.Name, text, err, want)
			}
		}
	}
	if numbers < 10 {
		t.Errorf("%d keys with a range", numbers)
	}
}

// What changes a capacity stands alone: no call could have one of the others in its place.
func TestThrottlesStandAlone(t *testing.T) {
	for _, spec := range []string{"processor.batch=halt|slow", "processor.batch=slow|capacity_loss"} {
		var bad *fault.KeyError
		if _, err := fault.Parse(spec); !errors.As(err, &bad) || bad.Key != "kind" {
			t.Errorf("%s: %v", spec, err)
		}
	}
}

// A probability keeps all of its digits, and a comma at the end says nothing.
func TestFaultIsWrittenWhole(t *testing.T) {
	for spec, want := range map[string]string{
		"collector.fetch=http_500,p=1e-300":             "collector.fetch=http_500,p=1e-300",
		"collector.fetch=http_500,p=0.1234567890123456": "collector.fetch=http_500,p=0.1234567890123456",
		"collector.fetch=slow,factor=1e6":               "collector.fetch=slow,factor=1e+06",
		"collector.fetch=http_500,":                     "collector.fetch=http_500",
	} {
		f, err := fault.Parse(spec)
		if err != nil || f.String() != want {
			t.Errorf("%s: %s, %v", spec, f, err)
		}
	}
	if got := fault.Unreadable("of another version").String(); got != "of another version" {
		t.Errorf("%q", got)
	}
}

// A fault of an older or newer version may have no kind that this one knows. It is written as its place.
func TestFaultWithoutKinds(t *testing.T) {
	if got := (fault.Fault{Place: "delivery.primary"}).String(); got != "delivery.primary" {
		t.Errorf("%q", got)
	}
}

func TestProbability(t *testing.T) {
	for spec, want := range map[string]float64{
		"collector.fetch=http_500":               1,
		"collector.fetch=http_500,p=0.4":         0.4,
		"collector.fetch=http_500,p=0":           0,
		"collector.fetch=http_500,p=0.4,first=3": 0,
		"collector.fetch=http_500,every=2":       0,
		"collector.fetch=http_500,calls=1":       0,
		"collector.fetch=http_500,cycles=1":      0,
		"collector.fetch=http_500,from=1s":       0,
		"collector.fetch=http_500,to=1s":         0,
		"collector.fetch=flapping":               0,
		"collector.fetch=slow|flapping,p=0.4":    0,
	} {
		f, err := fault.Parse(spec)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Probability(); got != want {
			t.Errorf("%s: %v, want %v", spec, got, want)
		}
	}
}
