package runner

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/fault"
	"faultflow/internal/report"
	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

// notProvoked are entries of the catalogue that no run can be made to emit from outside, each with the reason.
var notProvoked = map[string]string{
	"event hook_failed":            "an on_error hook panicked: no hook of the pipeline does; the engine's tests have one",
	"finding error_handler_failed": "the error handler calls nothing that can fail: it would be a defect",
	"finding records_refused":      "only a real channel refuses records; the tests of delivery have one",
	"finding output_incomplete":    "the disk of the output folder must be full; the tests of the output have one",
	"finding ledger_unbalanced":    "a record would be unaccounted for: it would be a defect",
}

// TestCatalogueIsWhatRunsEmit holds the runs and the catalogue together: nothing is in a report that the catalogue
// lacks, and the catalogue has nothing that no run emits. The runs are the scenario library, every kind of fault at
// every place where it applies, and what provokes the rest.
func TestCatalogueIsWhatRunsEmit(t *testing.T) {
	emitted := map[string]string{} // the run that emitted it first
	run := func(name string, s settings.Settings, env Environment) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if name == "interrupted" {
			env.Observe = func(e workflow.Event) {
				if catalog.EventKind(e.Kind) == catalog.AttemptStarted {
					cancel()
				}
			}
		}
		s.Clock = settings.ClockVirtual
		rep, err := Run(ctx, s, env)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		for _, entry := range entriesOf(rep) {
			if _, before := emitted[entry]; !before {
				emitted[entry] = name
			}
		}
	}
	scenarios := library(t)
	for _, name := range slices.Sorted(maps.Keys(scenarios)) {
		run("scenario "+name, scenarios[name], Environment{})
	}
	for _, place := range catalog.Places(catalog.DefaultChannels()) {
		for _, kind := range fault.KindsAt(place) {
			if fault.Throttles(kind) {
				continue // of a capacity, which the place does not have here
			}
			text := fmt.Sprintf("%s=%s", place, kind)
			run(text, parsed(t, "batch-size=5", "cycles=2", "fault="+text), Environment{})
		}
	}
	const outage = "fault=collector.fetch=connection_refused"
	noChannel := []string{
		"fault=delivery.primary=locked",
		"fault=delivery.secondary=locked",
		"fault=delivery.backup=locked",
	}
	for name, given := range map[string][]string{
		"nothing fails":        {},
		"a full bulkhead":      {"workers=8", "bulkhead=2", "bulkhead-wait=0s"},
		"a rate limit":         {"rate-limit=1", "bulkhead-wait=0s", "retry-delay=0s", outage},
		"a spent budget":       {"load=100/s", "for=3s", "batch-size=1", "retry-delay=0s", "retry-budget=0.01", outage},
		"a load too much":      {"load=100/s", "for=3s", "batch-size=1", "collector-bulkhead=1000", "adaptive-limit=4"},
		"a deadline":           {"collector-deadline=1s", outage},
		"a throttle":           {"cycles=20", "throttle=0.1", outage},
		"hedging":              {"hedge-after=50ms"},
		"an adaptive limit":    {"workers=8", "adaptive-limit=2"},
		"a breaker":            {"cycles=12", "collector-breaker=true", outage + ",from=2s,to=40s"},
		"a stale cache":        {"cycles=2", "cache-ttl=0s", outage + ",cycles=2"},
		"no data":              {"fallback=false", outage},
		"no recovery":          {"recovery=false", "fault=processor.batch=error"},
		"no channel":           noChannel,
		"no channel, 3 times":  append([]string{"cycles=3", "interval=0s"}, noChannel...),
		"no spool":             append([]string{"spool=false"}, noChannel...),
		"a full spool":         append([]string{"fault=delivery.spool=disk_full"}, noChannel...),
		"some channels":        {"channels=primary", "attempts=1", "fault=delivery.primary=partial"},
		"a recovery graph":     append([]string{"graph=recovery", outage, "fault=processor.batch=error"}, noChannel...),
		"a drill":              {"test-recovery=true"},
		"a drill that fails":   {"test-recovery=true", "fault=delivery.spool=disk_full"},
		"virtual time is over": {"cycles=400", "interval=10000h"},
		"interrupted":          {"cycles=3"},
		"too much load": {"load=20/s", "for=20s", "batch-size=1",
			"capacity=collector.fetch=service=100ms"},
		"an outage that ends late": {"load=5/s", "for=20s", "batch-size=1", outage + ",from=5s,to=15s"},
		"retries that keep it down": {"load=60/s", "for=60s", "batch-size=1", "attempts=4", "retry-delay=0s",
			"timeout=1s", "bulkhead=1000",
			"capacity=collector.fetch=service=10ms", "fault=collector.fetch=halt,from=10s,to=20s"},
	} {
		run(name, parsed(t, given...), Environment{})
	}
	rows := strings.NewReader(`{"id": "a", "value": 1}`)
	run("an input that can't be read", parsed(t, "input=-", "input-format=ndjson", outage), Environment{Stdin: rows})

	known := catalogue()
	for _, entry := range slices.Sorted(maps.Keys(emitted)) {
		if !known[entry] {
			t.Errorf("%s is emitted (%s), and the catalogue lacks it", entry, emitted[entry])
		}
		if why, excepted := notProvoked[entry]; excepted {
			t.Errorf("%s is emitted (%s), and is an exception: %s", entry, emitted[entry], why)
		}
	}
	for _, entry := range slices.Sorted(maps.Keys(known)) {
		if _, excepted := notProvoked[entry]; emitted[entry] == "" && !excepted {
			t.Errorf("%s is in the catalogue, and no run emits it", entry)
		}
	}
}

// catalogue lists the entries of the catalogue, and the classes of errors.
func catalogue() map[string]bool {
	known := map[string]bool{}
	for _, e := range catalog.Events() {
		known["event "+string(e.Kind)] = true
	}
	for _, p := range catalog.Places(catalog.DefaultChannels()) {
		known["place "+string(p)] = true
	}
	for _, n := range append(catalog.GuardedNodes(), catalog.ErrorHandler) { // where a node itself is meant
		known["place "+string(n)] = true
	}
	add := func(what string, names []string) {
		for _, n := range names {
			known[what+" "+n] = true
		}
	}
	add("finding", catalog.Strings(catalog.FindingCodes()))
	add("pattern", catalog.Strings(catalog.PatternNames()))
	add("pattern state", catalog.Strings(catalog.PatternStates()))
	add("node", catalog.Strings(catalog.Nodes()))
	add("node status", catalog.Strings(catalog.NodeStatuses()))
	add("mode", catalog.Strings(catalog.Modes()))
	add("origin", catalog.Strings(catalog.Origins()))
	add("verdict", catalog.Strings(catalog.Verdicts()))
	add("breaker state", catalog.Strings(append(catalog.BreakerStates(), catalog.BreakerOff)))
	add("health", catalog.Strings(catalog.Healths()))
	add("delivery status", catalog.Strings(catalog.DeliveryStatuses()))
	add("class", catalog.Strings(errhandler.Classes()))
	return known
}

// entriesOf lists everything in a report that the catalogue should have. Patterns that were not at work say nothing of
// what a run emits: reports list all that the catalogue has.
func entriesOf(r *report.Report) (entries []string) {
	add := func(what string, name any) {
		if text := fmt.Sprint(name); text != "" {
			entries = append(entries, what+" "+text)
		}
	}
	change := func(kind catalog.EventKind, state string) {
		switch kind {
		case catalog.BreakerChanged:
			add("breaker state", state)
		case catalog.ChannelChanged:
			add("health", state)
		default:
			add(string(kind)+" to", state) // no other kind has states
		}
	}
	for _, e := range r.Timeline.Events {
		add("event", e.Kind)
		add("node", e.Node)
		add("place", e.Place)
		add("class", e.Class)
		change(e.Kind, e.From)
		change(e.Kind, e.To)
	}
	for _, e := range r.Timeline.Summary {
		add("event", e.Kind)
		add("node", e.Node)
		add("class", e.Class)
	}
	for _, f := range r.Findings {
		add("finding", f.Code)
		add("node", f.Node)
		add("verdict", f.Verdict)
	}
	for _, p := range r.Patterns {
		add("pattern state", p.State)
		if p.State == catalog.Demonstrated || !slices.Contains(catalog.PatternNames(), p.Name) {
			add("pattern", p.Name)
		}
	}
	for _, n := range r.Nodes {
		add("node", n.Name)
		add("node status", n.Status)
		for class := range n.Errors {
			add("class", class)
		}
	}
	for _, b := range r.Breakers {
		add("breaker state", b.State)
		for _, tr := range b.Transitions {
			add("breaker state", tr.From)
			add("breaker state", tr.To)
		}
	}
	for _, c := range r.Channels {
		add("health", c.Health)
	}
	for _, c := range r.Cycles.List {
		add("verdict", c.Verdict)
		add("origin", c.Origin)
		add("mode", c.Mode)
		add("delivery status", c.Delivery)
	}
	for origin := range r.Collection.Origins {
		add("origin", origin)
	}
	for mode := range r.Processing.Modes {
		add("mode", mode)
	}
	for class := range r.Errors.ByClass {
		add("class", class)
	}
	for _, d := range r.Ledger.DeadLetters {
		add("place", d.Place)
		add("class", d.Class)
	}
	for _, f := range r.Faults {
		add("place", f.Place)
		add("class", f.Class)
	}
	for _, a := range r.Amplification {
		add("place", a.Place)
	}
	add("verdict", r.Verdict)
	add("origin", r.Collection.Origin)
	add("breaker state", r.Collection.Breaker)
	add("mode", r.Processing.Mode)
	add("delivery status", r.Delivery.Status)
	return entries
}

func parsed(t *testing.T, given ...string) settings.Settings {
	t.Helper()
	var g settings.Given
	for _, assignment := range append([]string{"seed=7"}, given...) {
		name, text, _ := strings.Cut(assignment, "=")
		if err := g.Set(name, text); err != nil {
			t.Fatal(assignment, err)
		}
	}
	s, err := g.Settings()
	if err != nil {
		t.Fatal(given, err)
	}
	return s
}

// faultText is a fault of a scenario as text, which is what it is or has keys of its own for.
func faultText(f any) string {
	mapping, ok := f.(map[string]any)
	if !ok {
		return fmt.Sprint(f)
	}
	text := fmt.Sprintf("%v=%v", mapping["place"], mapping["kind"])
	for _, key := range fault.KeyNames() {
		if value, given := mapping[key]; given {
			text += fmt.Sprintf(",%s=%v", key, value)
		}
	}
	return text
}

// library reads the settings of the scenario library, without what scenarios have besides: expectations, and the
// matrix. Package scenario reads all of it, and tests it; it imports this package.
func library(t *testing.T) map[string]settings.Settings {
	t.Helper()
	const folder = "../../testdata/scenarios"
	files, err := filepath.Glob(folder + "/*.yaml")
	if err != nil || len(files) < 40 {
		t.Fatal("no library", len(files), err)
	}
	all := map[string]settings.Settings{}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var scenario map[string]any
		if err := yaml.Unmarshal(text, &scenario); err != nil {
			t.Fatal(path, err)
		}
		given := []string{}
		faults, _ := scenario["faults"].([]any)
		for _, f := range faults {
			given = append(given, fmt.Sprint("fault=", faultText(f)))
		}
		for _, s := range settings.All() {
			var value any = scenario
			for _, key := range s.Path() {
				within, _ := value.(map[string]any)
				value = within[key]
			}
			switch v := value.(type) {
			case nil, map[string]any:
			case []any:
				given = append(given, s.Name+"="+strings.Trim(strings.ReplaceAll(fmt.Sprint(v), " ", ","), "[]"))
			default:
				if s.Name == "input" {
					v = filepath.Join(folder, fmt.Sprint(v))
				}
				given = append(given, fmt.Sprint(s.Name, "=", v))
			}
		}
		all[filepath.Base(path)] = parsed(t, given...)
	}
	return all
}
