package settings_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/settings"
)

// given gives settings in the order of their names and values: "cycles=3".
func given(t interface{ Fatal(...any) }, assignments ...string) *settings.Given {
	g := new(settings.Given)
	for _, a := range assignments {
		name, text, _ := strings.Cut(a, "=")
		if err := g.Set(name, text); err != nil {
			t.Fatal(a, err)
		}
	}
	return g
}

func settled(t interface{ Fatal(...any) }, g *settings.Given) settings.Settings {
	s, err := g.Settings()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDefaultsAreTheOriginals: a run of which nothing was said does what the original does (docs/original.md).
func TestDefaultsAreTheOriginals(t *testing.T) {
	s := settings.Defaults()
	for _, c := range []struct {
		node     catalog.Node
		attempts int
		delay    time.Duration
	}{
		{catalog.Collector, 3, time.Second},
		{catalog.Processor, 5, 2 * time.Second},
		{catalog.Delivery, 3, time.Second},
	} {
		want := settings.Policy{
			Attempts:          c.attempts,
			RetryDelay:        c.delay,
			Backoff:           2,
			MaxDelay:          30 * time.Second,
			Jitter:            0.1,
			Timeout:           5 * time.Second,
			Bulkhead:          4,
			BulkheadWait:      100 * time.Millisecond,
			Hedges:            1,
			RateLimitBurst:    1,
			RateLimitWait:     100 * time.Millisecond,
			ThrottleWindow:    time.Minute,
			BreakerFailures:   3,
			BreakerWindow:     10 * time.Second,
			BreakerMinCalls:   10,
			BreakerOpenFor:    30 * time.Second,
			BreakerTrialCalls: 1,
		}
		if got := *s.Policy(c.node); got != want {
			t.Errorf("%s: %+v, want %+v", c.node, got, want)
		}
	}
	for _, node := range []catalog.Node{catalog.ErrorHandler, catalog.FallbackData, ""} {
		if s.Policy(node) != nil {
			t.Errorf("%q has policies", node)
		}
	}
	s.Collector, s.Processor, s.Delivery = settings.Policy{}, settings.Policy{}, settings.Policy{}
	want := settings.Settings{
		FailureType:    "random",
		Graph:          settings.GraphStandard,
		Interval:       5 * time.Second,
		Workers:        4,
		Clock:          settings.ClockReal,
		Clients:        1,
		RecoveryShare:  0.95,
		RecoveryHold:   10 * time.Second,
		BatchWait:      time.Second,
		MaxInvalid:     1,
		Fallback:       true,
		CacheTTL:       time.Minute,
		CacheMaxAge:    10 * time.Minute,
		Recovery:       true,
		Channels:       []string{"primary", "secondary", "backup"},
		ChannelRecover: 30 * time.Second,
		Spool:          true,
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("%+v\nwant %+v", s, want)
	}
	whole := settings.Defaults()
	if err := whole.Validate(); err != nil {
		t.Error(err)
	}
}

// TestEveryFieldIsDeclared: a field that no declaration reads is in no flag, file, report or comparison.
func TestEveryFieldIsDeclared(t *testing.T) {
	var zero settings.Settings
	declared := func(changed *settings.Settings) bool {
		return slices.ContainsFunc(settings.All(), func(d settings.Setting) bool {
			if d.ForAllNodes || d.Name == "enable-circuit-breaker" {
				return false // they stand for settings of single nodes
			}
			return !reflect.DeepEqual(d.Value(changed), d.Value(&zero))
		})
	}
	var each func(path string, index []int, of reflect.Type)
	each = func(path string, index []int, of reflect.Type) {
		for i := range of.NumField() {
			field := of.Field(i)
			path, index := path+field.Name, append(slices.Clone(index), i)
			if field.Type == reflect.TypeFor[settings.Policy]() {
				each(path+".", index, field.Type)
				continue
			}
			var s settings.Settings
			switch v := reflect.ValueOf(&s).Elem().FieldByIndex(index); v.Kind() {
			case reflect.Bool:
				v.SetBool(true)
			case reflect.Int, reflect.Int64:
				v.SetInt(1)
			case reflect.Uint64:
				v.SetUint(1)
			case reflect.Float64:
				v.SetFloat(1)
			case reflect.String:
				v.SetString("x")
			case reflect.Slice:
				v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			default:
				t.Fatalf("%s is of a new kind, %s", path, v.Kind())
			}
			if path != "BreakerDecided" && path != "FallbackDecided" && path != "BulkheadDecided" && !declared(&s) { // setting a breaker sets it
				t.Errorf("no setting declares %s", path)
			}
		}
	}
	each("", nil, reflect.TypeFor[settings.Settings]())
	for _, d := range settings.All() {
		name := strings.TrimPrefix(d.Name, string(d.Node)+"-")
		if all, ok := settings.Find(name); d.Node != "" && name != "breaker" && !(ok && all.ForAllNodes) {
			t.Errorf("--%s can't be given to all nodes", name)
		}
	}
}

// TestComplete: what depends on other settings, as reports keep it.
func TestComplete(t *testing.T) {
	for _, c := range []struct {
		given         string
		batch, cycles int
		failure       string
		graph         string
	}{
		{"", 50, 1, "", "standard"},
		{"simulate-failures=true", 30, 1, "random", "standard"},
		{"simulate-failures=true batch-size=7 failure-type=data", 7, 1, "data", "standard"},
		{"cycles=4", 50, 4, "", "standard"},
		{"input=x.csv", 50, 0, "", "standard"}, // all of the input
		{"graph=recovery", 50, 1, "", "recovery"},
		{"test-recovery=true", 50, 1, "", "recovery"},
	} {
		s := settled(t, given(t, strings.Fields(c.given)...)).Complete()
		if s.BatchSize != c.batch || s.Cycles != c.cycles || s.FailureType != c.failure || s.Graph != c.graph {
			t.Errorf("%q: %+v", c.given, s)
		}
		if again := s.Complete(); !reflect.DeepEqual(again, s) {
			t.Errorf("%q: completed twice it is %+v", c.given, again)
		}
	}
}

// TestNames: names, places in files and in reports tell all settings apart.
func TestNames(t *testing.T) {
	names, paths, keys := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, s := range settings.All() {
		path := strings.Join(s.Path(), ".")
		key := string(s.Node) + "." + s.Key()
		switch {
		case names[s.Name]:
			t.Errorf("--%s is declared twice", s.Name)
		case paths[path]:
			t.Errorf("--%s stands where another setting stands in files: %s", s.Name, path)
		case keys[key] && !s.Shorthand:
			t.Errorf("--%s stands where another setting stands in reports: %s", s.Name, key)
		}
		names[s.Name], paths[path] = true, true
		if !s.Shorthand {
			keys[key] = true
		}
		if found, ok := settings.Find(s.Name); !ok || found.Name != s.Name {
			t.Errorf("Find does not find --%s", s.Name)
		}
		if s.Node == "" && s.Section == "" {
			t.Errorf("the help has no place for --%s", s.Name)
		}
	}
	for _, c := range []struct{ name, path, key, label string }{
		{"retry-delay", "retry-delay", "retry_delay_ms", "retry delay"},
		{"collector-retry-delay", "collector.retry-delay", "retry_delay_ms", "retry delay"},
		{"collector-breaker", "collector.breaker.on", "breaker", "breaker"},
		{"delivery-breaker-open-for", "delivery.breaker.open-for", "breaker_open_for_ms", "breaker open for"},
		{"fault", "fault", "faults", "fault"},
	} {
		s, _ := settings.Find(c.name)
		if got := strings.Join(s.Path(), "."); got != c.path || s.Key() != c.key || s.Label() != c.label {
			t.Errorf("--%s: %s, %s, %q", c.name, got, s.Key(), s.Label())
		}
	}
	if s, ok := settings.Find("retries"); ok {
		t.Errorf("found %+v", s)
	}
}

// TestRenamed: who gives an old name is told the new one.
func TestRenamed(t *testing.T) {
	for former, now := range map[string]string{
		"retries":           "attempts",
		"collector-retries": "collector-attempts",
		"delivery-retries":  "delivery-attempts",
		"attempts":          "",
		"retry":             "",
		"":                  "",
	} {
		got, note := settings.Renamed(former)
		if got != now || (note != "") != (now != "") {
			t.Errorf("%q is %q now (%s), want %q", former, got, note, now)
		}
	}
	for name, want := range map[string]string{
		"retries":           "unknown setting; use attempts, which counts the first attempt, too",
		"processor-retries": "unknown setting; use processor-attempts, which counts the first attempt, too",
		"atempts":           "unknown setting (did you mean attempts?)",
		"collector-jiter":   "unknown setting (did you mean collector-jitter?)",
		"zzzzzz":            "unknown setting",
	} {
		if err := new(settings.Given).Set(name, "1"); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

// TestAdviceNamesSettings: a finding's advice that names a flag which is not declared would send people nowhere.
func TestAdviceNamesSettings(t *testing.T) {
	flag := regexp.MustCompile(`--[a-z][a-z-]*`)
	named := 0
	for _, f := range catalog.Findings() {
		for _, name := range flag.FindAllString(f.Advice, -1) {
			named++
			if _, declared := settings.Find(strings.TrimPrefix(name, "--")); !declared {
				t.Errorf("the advice of %s names %s, which is no setting", f.Code, name)
			}
		}
	}
	if named < 15 {
		t.Errorf("only %d flags are named", named)
	}
}

// TestParse: each type says what is allowed.
func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       any
		problem    string
	}{
		{"cycles", "0", 0, ""},
		{"cycles", "1000000000", 1_000_000_000, ""},
		{"cycles", "1000000001", nil, "want a whole number from 0 to 1000000000"},
		{"cycles", "-1", nil, "want a whole number from 0 to 1000000000"},
		{"cycles", "1.5", nil, "want a whole number"},
		{"workers", "0", nil, "want a whole number from 1 to 10000"},
		{"attempts", "0", nil, "want a whole number from 1 to 10000"},
		{"attempts", "10000", 10_000, ""},
		{"seed", "9007199254740991", uint64(settings.MaxSeed), ""},
		{"seed", "9007199254740992", nil, "want a whole number from 0 to 9007199254740991"},
		{"seed", "-1", nil, "want a whole number from 0 to 9007199254740991"},
		{"jitter", "0.25", 0.25, ""},
		{"jitter", "1.01", nil, "want a number from 0 to 1, such as 0.2 or 20%"},
		{"jitter", "NaN", nil, "want a number from 0 to 1, such as 0.2 or 20%"},
		{"jitter", "x", nil, "want a number"},
		{"backoff", "0.5", nil, "want a number from 1 to 100"},
		{"rate-limit", "0", 0.0, ""},
		{"rate-limit", "1e-6", 1e-6, ""},
		{"rate-limit", "1e-7", nil, "want 0 or a number from 1e-06 to 1e+06"},
		{"rate-limit", "-1", nil, "want 0 or a number from 1e-06 to 1e+06"},
		{"interval", "1m30s", 90 * time.Second, ""},
		{"interval", "5", nil, "want a duration such as 500ms, 2s or 1m30s"},
		{"interval", "-1s", nil, "want a duration from 0s to 10000h0m0s"},
		{"interval", "10001h", nil, "want a duration from 0s to 10000h0m0s"},
		{"timeout", "0s", nil, "want a duration from 1ms to 10000h0m0s"},
		{"spool", "false", false, ""},
		{"spool", "no", nil, "want true or false"},
		{"clock", "virtual", "virtual", ""},
		{"clock", "sundial", nil, "want one of real, virtual"},
		{"input-format", "", nil, "want one of ndjson, json, csv, tsv"},
		{"failure-type", "network", "network", ""},
		{"input", "-", "-", ""},
		{"channels", "a,b-2", []string{"a", "b-2"}, ""},
		{"channels", "", nil, `"": a channel's name is made of a-z, 0-9, _ and -`},
		{"channels", "A", nil, `"A": a channel's name is made of a-z, 0-9, _ and -`},
		{"channels", "a,a", nil, "a is named twice"},
		{"channels", "a,spool", nil, "spool is the emergency spool's name"},
		{"channels", strings.Repeat("x", 65), nil, "a channel's name is made of"},
		{"fault", "collector.fetch=hung", nil, "unknown kind"},
	} {
		s, ok := settings.Find(c.name)
		if !ok {
			t.Errorf("there is no --%s", c.name)
			continue
		}
		got, err := s.Parse(c.text)
		if c.problem != "" {
			if err == nil || !strings.Contains(err.Error(), c.problem) {
				t.Errorf("--%s %q: %v, want %s", c.name, c.text, err, c.problem)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("--%s %q: %#v, %v, want %#v", c.name, c.text, got, err, c.want)
		}
	}
}

// TestDefaultsParse: a default that the help shows can be given.
func TestDefaultsParse(t *testing.T) {
	defaults := settings.Defaults()
	for _, s := range settings.All() {
		text := s.DefaultText()
		if text == "" {
			continue
		}
		value, err := s.Parse(text)
		if err != nil || !reflect.DeepEqual(value, s.Default) || !reflect.DeepEqual(s.Value(&defaults), s.Default) {
			t.Errorf("--%s %q: %v, %v; in the defaults it is %v", s.Name, text, value, err, s.Value(&defaults))
		}
		if got := new(settings.Given).Text(s.Name); got != text {
			t.Errorf("--%s that was not given is %q, want %q", s.Name, got, text)
		}
	}
}

// TestWithoutParses: a value that takes a pattern away can be given, and every pattern named by a setting exists.
func TestWithoutParses(t *testing.T) {
	all := settings.Defaults()
	var gone []catalog.Pattern
	for _, pattern := range catalog.PatternNames() {
		for _, s := range settings.All() {
			text, takesAway := s.Without(pattern, &all)
			if !takesAway {
				continue
			}
			gone = append(gone, pattern)
			if _, err := s.Parse(text); err != nil {
				t.Errorf("--%s %s takes %s away: %v", s.Name, text, pattern, err)
			}
			if s.ForAllNodes {
				t.Errorf("--%s takes %s away from nodes that have settings of their own", s.Name, pattern)
			}
		}
	}
	want := []catalog.Pattern{
		catalog.RetryWithBackoff,
		catalog.RetryBudget,
		catalog.Deadline,
		catalog.CircuitBreaker,
		catalog.AdaptiveThrottle,
		catalog.Hedging,
		catalog.Bulkhead,
		catalog.AdaptiveLimit,
		catalog.RateLimit,
		catalog.Timeout,
		catalog.FallbackLadder,
		catalog.PartialPattern,
		catalog.MinimalFallback,
		catalog.ChannelFailover,
		catalog.ChannelHealth,
		catalog.EmergencySpool,
		catalog.RecoveryGraphNodes,
	}
	if got := slices.Compact(gone); !slices.Equal(got, want) {
		t.Errorf("settings take away %v, want %v", got, want)
	}
}

// TestNodeBeatsAll: a setting of one node wins over the one given to all, whatever was given first.
func TestNodeBeatsAll(t *testing.T) {
	for _, assignments := range [][]string{
		{"attempts=7", "collector-attempts=2"},
		{"collector-attempts=2", "attempts=7"},
		{"collector-attempts=4", "attempts=9", "attempts=7", "collector-attempts=2"}, // the last of a name counts
	} {
		s := settled(t, given(t, assignments...))
		if s.Collector.Attempts != 2 || s.Processor.Attempts != 7 || s.Delivery.Attempts != 7 {
			t.Errorf("%q: %d, %d, %d", assignments, s.Collector.Attempts, s.Processor.Attempts, s.Delivery.Attempts)
		}
	}
	// --enable-circuit-breaker is the collector's, so that --collector-breaker wins; both say that somebody decided.
	s := settled(t, given(t, "collector-breaker=false", "enable-circuit-breaker=true"))
	if s.Collector.Breaker || !s.BreakerDecided {
		t.Errorf("breaker %t, decided %t", s.Collector.Breaker, s.BreakerDecided)
	}
	if s := settled(t, given(t, "processor-breaker=true")); s.BreakerDecided {
		t.Error("another node's breaker decides about the collector's")
	}
}

// TestOverlay: flags win over a scenario file, their faults replace its faults, and the file keeps its own.
func TestOverlay(t *testing.T) {
	file := given(t, "cycles=3", "workers=2", "fault=collector.fetch=hang", "fault=delivery.primary=locked")
	flags := given(t, "workers=5", "jitter=0")
	both := file.Clone()
	both.Overlay(flags)
	s := settled(t, both)
	if s.Cycles != 3 || s.Workers != 5 || s.Delivery.Jitter != 0 || len(s.Faults) != 2 {
		t.Errorf("%+v", s)
	}
	f, err := fault.Parse("processor.batch=error,p=0.5")
	if err != nil {
		t.Fatal(err)
	}
	flags.AddFault(f)
	both.Overlay(flags)
	if s := settled(t, both); !reflect.DeepEqual(s.Faults, []fault.Fault{f}) || both.Text("fault") != f.String() {
		t.Errorf("faults %+v, the last %s", s.Faults, both.Text("fault"))
	}
	if s := settled(t, file); s.Workers != 2 || len(s.Faults) != 2 || file.Has("jitter") {
		t.Errorf("the file's own settings became %+v", s)
	}
	if list := both.List(); len(list) != 4 || list[0].Name != "cycles" || !both.Has("jitter") || both.Has("seed") {
		t.Errorf("given are %+v", list)
	}
}

// TestCloneIsApart: channels of the settings, too, are nobody else's.
func TestCloneIsApart(t *testing.T) {
	g := given(t, "channels=a,b", "fault=delivery.a=locked")
	first, other := settled(t, g), g.Clone()
	first.Channels[0] = "changed"
	if err := other.Set("fault", "delivery.b=locked"); err != nil {
		t.Fatal(err)
	}
	if err := other.Set("channels", "a,b,c"); err != nil {
		t.Fatal(err)
	}
	if s := settled(t, g); !slices.Equal(s.Channels, []string{"a", "b"}) || len(s.Faults) != 1 {
		t.Errorf("%v, %v", s.Channels, s.Faults)
	}
	settings.Defaults().Channels[0] = "changed"
	if c := settings.Defaults().Channels[0]; c != "primary" {
		t.Errorf("the defaults begin with %s", c)
	}
}

func TestSeed(t *testing.T) {
	var g settings.Given
	g.Seed(func() uint64 { return 11 })
	g.Seed(func() uint64 { return 12 })
	if s := settled(t, &g); s.Seed != 11 || g.Text("seed") != "11" {
		t.Errorf("seed %d, %s", s.Seed, g.Text("seed"))
	}
	own := given(t, "seed=3")
	own.Seed(func() uint64 { t.Error("drawn although it was given"); return 0 })
	if s := settled(t, own); s.Seed != 3 {
		t.Errorf("seed %d", s.Seed)
	}
}

// TestInconsistent: settings that say nothing without another one, or contradict it.
func TestInconsistent(t *testing.T) {
	for _, c := range []struct{ given, want string }{
		{"failure-type=network", `--failure-type "network": it needs simulate-failures`},
		{"failure-type=network simulate-failures=false", `--failure-type "network": it needs simulate-failures`},
		{"input-format=csv", `--input-format "csv": it needs input`},
		{"id-field=a", `--id-field "a": it needs input`},
		{"value-field=b", `--value-field "b": it needs input`},
		{"test-recovery=true cycles=3", `--test-recovery "true": its drill has cycles and records of its own`},
		{"test-recovery=true input=x", `--test-recovery "true": its drill has cycles and records of its own`},
		{
			"channels=a fault=delivery.backup=locked",
			`--fault "delivery.backup=locked": unknown place "delivery.backup"`,
		},
		{"test-recovery=true cycles=3 simulate-failures=true", ""},
		{"input=x input-format=csv id-field=a value-field=b", ""},
		{"channels=x fault=delivery.x=locked", ""},
	} {
		_, err := given(t, strings.Fields(c.given)...).Settings()
		var bad *settings.Error
		refused := errors.As(err, &bad) && strings.HasPrefix(err.Error(), c.want)
		if c.want == "" && err != nil || c.want != "" && !refused {
			t.Errorf("%q: %v, want %s", c.given, err, c.want)
		}
	}
}

// TestValidate finds what was set past Given.
func TestValidate(t *testing.T) {
	for want, change := range map[string]func(*settings.Settings){
		`--workers "0": want a whole number from 1 to 10000`: func(s *settings.Settings) { s.Workers = 0 },
		`--channels: name at least one channel`:              func(s *settings.Settings) { s.Channels = nil },
		`--collector-jitter "2": want a number`:              func(s *settings.Settings) { s.Collector.Jitter = 2 },
		`--delivery-timeout "0s": want a duration from 1ms`:  func(s *settings.Settings) { s.Delivery.Timeout = 0 },
		`--clock "sundial": want one of real, virtual`:       func(s *settings.Settings) { s.Clock = "sundial" },
		`--seed "9007199254740992": want a whole number from`: func(s *settings.Settings) {
			s.Seed = settings.MaxSeed + 1
		},
		`--failure-type "x": want one of network`: func(s *settings.Settings) {
			s.SimulateFailures, s.FailureType = true, "x"
		},
	} {
		s := settings.Defaults()
		change(&s)
		var bad *settings.Error
		if err := s.Validate(); !errors.As(err, &bad) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	s := settings.Defaults()
	s.FailureType = "" // as reports have it; nothing is simulated
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
}

// value draws a value of a setting as it can be given.
func value(t *rapid.T, s settings.Setting) string {
	switch s.Type {
	case settings.Bool:
		return fmt.Sprint(rapid.Bool().Draw(t, s.Name))
	case settings.Int:
		return fmt.Sprint(rapid.Int64Range(int64(s.Low), int64(s.High)).Draw(t, s.Name))
	case settings.Number:
		return fmt.Sprint(rapid.Float64Range(max(s.Low, 1e-6), s.High).Draw(t, s.Name))
	case settings.Duration: // a report keeps microseconds; no setting is shorter than a millisecond, if it can't be 0
		const most = int64(10_000 * time.Hour / time.Microsecond)
		return (time.Microsecond * time.Duration(rapid.Int64Range(1000, most).Draw(t, s.Name))).String()
	case settings.Choice:
		return rapid.SampledFrom(s.Choices).Draw(t, s.Name)
	case settings.NameList:
		another := rapid.StringMatching(`x[a-z0-9_-]{0,9}`).Draw(t, s.Name)
		return strings.Join(append(catalog.DefaultChannels(), another), ",")
	case settings.Items:
		place := rapid.SampledFrom(catalog.Places(catalog.DefaultChannels())).Draw(t, "place")
		ofCalls := slices.DeleteFunc(fault.KindsAt(place), fault.Throttles)
		kind := rapid.SampledFrom(ofCalls).Draw(t, "kind")
		p, from := rapid.Float64Range(0, 1).Draw(t, "p"), rapid.IntRange(0, 5000).Draw(t, "from")
		return fmt.Sprintf("%s=%s,p=%v,from=%dms", place, kind, p, from)
	default:
		if strings.HasSuffix(s.Name, "hedge-after") {
			return rapid.SampledFrom([]string{"", "50ms", "1h", "p95", "p99.9"}).Draw(t, s.Name)
		}
		return rapid.StringMatching(`[ -~äöü\x{1F600}]{0,20}`).Draw(t, s.Name)
	}
}

// someGiven draws some of the settings, each with any value.
func someGiven(t *rapid.T) *settings.Given {
	g := new(settings.Given)
	for _, s := range settings.All() {
		if s.Section == settings.Load || s.Name == "channel" || s.Name == "header" || rapid.IntRange(0, 2).Draw(t, "give "+s.Name) > 0 {
			continue // TestLoad and TestEnds have those that go together
		}
		for range rapid.IntRange(1, 2).Draw(t, "times") {
			if err := g.Set(s.Name, value(t, s)); err != nil {
				t.Fatal(s.Name, err)
			}
		}
	}
	return g
}

// TestAnyGiven: what is given is what a run gets; as text, in a report and in a file it is the same.
func TestAnyGiven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := someGiven(t)
		needy := []string{"test-recovery", "failure-type", "input-format", "records", "id-field", "value-field", "next",
			"health-url", "batch-wait", "max-invalid"}
		s, err := g.Settings()
		if err != nil && !slices.ContainsFunc(needy, g.Has) {
			t.Fatal(err) // each is in bounds, and nothing that needs another one was given
		}
		for _, d := range settings.All() {
			shared := d.ForAllNodes || d.Name == "enable-circuit-breaker" || d.List()
			if text := d.In(&s); g.Has(d.Name) && !shared && !equalText(d, text, g.Text(d.Name)) {
				t.Fatalf("--%s %s was given, the run gets %s", d.Name, g.Text(d.Name), text)
			}
		}
		doc, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back settings.Settings
		if err := json.Unmarshal(doc, &back); err != nil {
			t.Fatal(err)
		}
		want := s
		want.Seed, want.TestRecovery, want.BreakerDecided = 0, false, false // said elsewhere in a report
		want.BulkheadDecided = true
		want.FallbackDecided = true // by whom, is not said
		if !reflect.DeepEqual(withoutNil(back), withoutNil(want)) {
			t.Fatalf("read back from JSON:\n%+v\nwant\n%+v\n%s", back, want, doc)
		}
		again, err := json.Marshal(back)
		if err != nil || string(again) != string(doc) {
			t.Fatalf("written again:\n%s\nwant\n%s", again, doc)
		}

		// A clone and an overlay of everything are the same settings.
		clone, overlaid := g.Clone(), new(settings.Given)
		overlaid.Overlay(g)
		for _, other := range []*settings.Given{clone, overlaid} {
			if same, _ := other.Settings(); !reflect.DeepEqual(same, s) {
				t.Fatalf("%+v\nwant %+v", same, s)
			}
		}
	})
}

// equalText compares values, which can be written in several ways.
func equalText(d settings.Setting, a, b string) bool {
	x, errX := d.Parse(a)
	y, errY := d.Parse(b)
	return errX == nil && errY == nil && reflect.DeepEqual(x, y)
}

func withoutNil(s settings.Settings) settings.Settings {
	if s.Faults == nil {
		s.Faults = []fault.Fault{}
	}
	return s
}

// TestJSONForm: reports have durations in milliseconds, faults as --fault takes them, and each node's settings below
// its name; shorthands they do not have.
func TestJSONForm(t *testing.T) {
	s := settled(t, given(t, "fault=collector.fetch=hang,first=2", "collector-retry-delay=1500us", "input=a<b"))
	doc, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var form map[string]any
	if err := json.Unmarshal(doc, &form); err != nil {
		t.Fatal(err)
	}
	collector, _ := form["collector"].(map[string]any)
	if collector["retry_delay_ms"] != 1.5 || collector["attempts"] != 3.0 || form["input"] != "a<b" ||
		!reflect.DeepEqual(form["faults"], []any{"collector.fetch=hang,first=2"}) {
		t.Errorf("%s", doc)
	}
	for _, d := range settings.All() {
		into := form
		if d.Node != "" {
			into, _ = form[string(d.Node)].(map[string]any)
		}
		if _, there := into[d.Key()]; there == d.Shorthand {
			t.Errorf("%s %s is there: %t", d.Node, d.Key(), there)
		}
	}
}

// TestJSONOfOthers: a report of an older version, one of a newer version, and one that was edited by hand.
func TestJSONOfOthers(t *testing.T) {
	read := func(doc string) (s settings.Settings, err error) {
		err = json.Unmarshal([]byte(doc), &s)
		return s, err
	}
	s, err := read(`{
		"collector": {"retries": 7},
		"delivery":  {"retries": 2, "attempts": 4},
		"faults":    ["moon.landing=late"],
		"added":     1
	}`)
	if err != nil || s.Collector.Attempts != 7 || s.Delivery.Attempts != 4 || s.Processor.Attempts != 5 {
		t.Errorf("%+v, %v", s, err)
	}
	if len(s.Faults) != 1 || s.Faults[0].String() != "moon.landing=late" {
		t.Errorf("a fault that is not known became %v", s.Faults)
	}
	for ms, want := range map[string]time.Duration{
		"1.5":    1500 * time.Microsecond,
		"0.0004": 0,
		"1e300":  1<<63 - 1,
		"-1e300": -1<<63 + 1,
		// The nearest float64 of the longest duration is 1 ns longer.
		"9223372036854.775807": 1<<63 - 1,
	} {
		if s, err := read(`{"interval_ms": ` + ms + `}`); err != nil || s.Interval != want {
			t.Errorf("%s ms: %d, %v, want %d", ms, s.Interval, err, want)
		}
	}
	for doc, want := range map[string]string{
		`{"workers": "four"}`:               "setting workers",
		`{"collector": 1}`:                  "collector",
		`{"processor": {"jitter": "some"}}`: "setting processor-jitter",
		`[]`:                                "array",
	} {
		if _, err := read(doc); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", doc, err)
		}
	}
}

// Loads and capacities go together with other settings, and the message says what is missing or in the way.
func TestLoad(t *testing.T) {
	fetch := "collector.fetch=service=10ms"
	for _, test := range []struct {
		given [][2]string
		want  string // of the error; "" for none
	}{
		{[][2]string{{"load", "60/s"}, {"for", "3m"}}, ""},
		{[][2]string{{"load", "60/s"}, {"cycles", "100"}}, ""},
		{[][2]string{{"load", "60/s"}, {"load", "200/s,from=20s,to=25s"}, {"for", "3m"}, {"clients", "10"}}, ""},
		{[][2]string{{"capacity", fetch}}, ""},
		{[][2]string{{"capacity", fetch}, {"fault", "collector.fetch=halt,from=1s,to=2s"}}, ""},
		{[][2]string{{"load", "60/s"}}, "it needs an end: --for 3m, or --cycles"},
		{[][2]string{{"load", "60/s,from=3m"}, {"for", "3m"}}, "it begins when the run has ended"},
		{[][2]string{{"load", "1000000/s"}, {"for", "1h"}}, "are more than a run can make"},
		{[][2]string{{"load", "60/s"}, {"for", "3m"}, {"test-recovery", "true"}}, "leave out test-recovery"},
		{[][2]string{{"load", "60/s"}, {"for", "3m"}, {"clients", "10001"}}, "want a whole number from 1 to 10000"},
		{[][2]string{{"clients", "2"}}, "several clients need a load"},
		{[][2]string{{"capacity", fetch}, {"capacity", fetch}}, "has a capacity already"},
		{[][2]string{{"capacity", "delivery.pager=service=1s"}}, `unknown place "delivery.pager"`},
		{[][2]string{{"fault", "collector.fetch=halt,from=1s,to=2s"}},
			"halt changes a capacity, and collector.fetch has none"},
	} {
		g := new(settings.Given)
		var err error
		for _, one := range test.given {
			err = cmp.Or(err, g.Set(one[0], one[1]))
		}
		if err == nil {
			_, err = g.Settings()
		}
		if test.want == "" && err != nil ||
			test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%v: got %v, want %q", test.given, err, test.want)
		}
	}
}

// Real channels stand in place of simulated ones, in their order; what can't be is refused with what is allowed.
func TestEnds(t *testing.T) {
	for _, test := range []struct {
		given []string
		want  string // the channels, or what the error says
	}{
		{[]string{"channel=b=file:b.ndjson", "channel=a=https://example.com/in"}, "b,a"},
		{[]string{"channel=a=file:a", "header=a=X-Team: data"}, "a"},
		{[]string{"input=https://example.com/all", "header=input=Accept: text/csv"}, "primary,secondary,backup"},
		{[]string{"channel=a"}, "want NAME=URL, such as"},
		{[]string{"channel=a=file:a", "channel=a=file:b"}, "a is named twice"},
		{[]string{"channel=A=file:a"}, "a channel's name is made of"},
		{[]string{"channel=a=file:a", "channels=a,b"}, "channel names the channels; leave out one"},
		{[]string{"header=a=X-Team: data"}, "its end is neither input nor one of --channel"},
		{[]string{"header=X-Team: data"}, "want END=NAME: VALUE, such as"},
		{[]string{"channel=a=file:a", "clock=virtual"}, "real channels need the real clock"},
		{[]string{"input=sqlite:a.db?query=select 1", "clock=virtual"}, "a real source needs the real clock"},
	} {
		g, text := new(settings.Given), ""
		for _, one := range test.given {
			name, value, _ := strings.Cut(one, "=")
			if err := g.Set(name, value); err != nil {
				text = err.Error()
			}
		}
		if text == "" {
			s, err := g.Settings()
			text = strings.Join(s.Channels, ",")
			if err != nil {
				text = err.Error()
			}
		}
		if text != test.want && !strings.Contains(text, test.want) {
			t.Errorf("%q: %s, want %s", test.given, text, test.want)
		}
	}
}
