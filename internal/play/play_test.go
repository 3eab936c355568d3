package play

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"faultflow/internal/catalog"
	"faultflow/internal/expect"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
	"faultflow/internal/scenario"
	"faultflow/internal/settings"
	"faultflow/internal/simulate"
)

// answers are the responses to a request.
func answers(t *testing.T, e *Engine, r Request) []Response {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return answersTo(t, e, text)
}

func answersTo(t *testing.T, e *Engine, request []byte) (list []Response) {
	t.Helper()
	e.Answer(t.Context(), request, func(text []byte) {
		var r Response
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	})
	if len(list) == 0 || list[len(list)-1].Progress != 1 {
		t.Fatalf("no last response: %+v", list)
	}
	return list
}

// answer is the last response, which must not be a problem.
func answer(t *testing.T, e *Engine, r Request) Response {
	t.Helper()
	list := answers(t, e, r)
	last := list[len(list)-1]
	if last.Problem != nil {
		t.Fatalf("%+v: %+v", r, last.Problem)
	}
	return last
}

// list is settings as on the command line, without dashes.
func list(assignments ...string) (all []Setting) {
	for _, a := range assignments {
		name, text, _ := strings.Cut(a, "=")
		all = append(all, Setting{name, text})
	}
	return all
}

func partIDs(r Response) (ids []string) {
	for _, p := range r.Parts {
		ids = append(ids, p.ID)
	}
	return ids
}

func TestRun(t *testing.T) {
	r := answer(t, &Engine{}, Request{Want: Run, Settings: list("seed=7", "fault=collector.fetch=timeout,first=3")})
	want := []string{"verdict", "timeline", "ledger", "findings", "stages", "details"}
	if !slices.Equal(partIDs(r), want) {
		t.Errorf("parts %v, want %v", partIDs(r), want)
	}
	if want := "faultflow --seed 7 --fault=collector.fetch=timeout,first=3 --clock=virtual"; r.Command != want {
		t.Errorf("command %q, want %q", r.Command, want)
	}
	for _, p := range r.Parts {
		whole := strings.Count(p.HTML, "<section") == strings.Count(p.HTML, "</section>")
		if !strings.Contains(p.HTML, `id="`+p.ID+`"`) || !whole {
			t.Errorf("part %s is not one element of that ID: %.80s", p.ID, p.HTML)
		}
	}
}

// A run that is pinned is drawn under the other one, and made once for all that are compared with it.
func TestPinned(t *testing.T) {
	e := &Engine{}
	pinned := list("seed=7", "load=20/s", "for=10s", "capacity=collector.fetch=service=100ms")
	r := answer(t, e, Request{Want: Run, Settings: append(pinned, list("collector-attempts=1")...), Pinned: pinned})
	ids := partIDs(r)
	if ids[0] != "verdict" || ids[1] != "timeline" || ids[2] != "compared" {
		t.Errorf("parts %v", ids)
	}
	if html := r.Parts[1].HTML; !strings.Contains(html, "pinned") || !strings.Contains(html, "Timelines") {
		t.Errorf("the timeline is not that of both: %.200s", html)
	}
	first := e.pinned[1]
	answer(t, e, Request{Want: Run, Settings: list("seed=7"), Pinned: pinned})
	if e.pinned[1] != first {
		t.Error("the pinned run was made again")
	}
	answer(t, e, Request{Want: Run, Settings: list("seed=7"), Pinned: list("seed=8")})
	if e.pinned[1] == first {
		t.Error("another pinned run was not made")
	}
}

// A slider is dragged by what is seen: of a run that takes longer than that, the beginning is there first, where it
// stands in the whole.
func TestBeginningOfALongRun(t *testing.T) {
	cycles := list("seed=7", "cycles=400", "batch-size=10", "interval=1s")
	load := list("seed=7", "load=100/s", "for=50s", "batch-size=1", "bulkhead=10000")
	for _, test := range []struct {
		settings []Setting
		pinned   []Setting
		want     string
		ends     float64 // ms
	}{
		{cycles, nil, "the first 25 of 400 passes", 400_000},
		{load, nil, "the first 100 of 5000 passes", 50_000},
		{load, append(load, list("collector-attempts=1")...), "the first 100 of 5000 passes", 50_000},
	} {
		var drawn []Response
		for _, r := range answers(t, &Engine{}, Request{Want: Run, Settings: test.settings, Pinned: test.pinned}) {
			if r.Parts != nil {
				drawn = append(drawn, r)
			}
		}
		if len(drawn) != 2 {
			t.Fatalf("%v: drawn %d times, want the beginning and the whole", test.settings, len(drawn))
		}
		first, whole := drawn[0], drawn[1]
		if first.Beginning != test.want || first.Hash != "" || first.Command != "" {
			t.Errorf("the beginning is told as %q with hash %q and command %q, want %q and none",
				first.Beginning, first.Hash, first.Command, test.want)
		}
		if whole.Beginning != "" || whole.Hash == "" || whole.Command == "" {
			t.Errorf("the whole is told as a part, or not told: %+v", whole)
		}
		if !slices.Equal(partIDs(first), partIDs(whole)) {
			t.Errorf("parts %v become %v", partIDs(first), partIDs(whole))
		}
		for _, r := range drawn {
			_, end, _ := strings.Cut(r.Parts[1].HTML, `data-end="`)
			end, _, _ = strings.Cut(end, `"`)
			if ms, err := strconv.ParseFloat(end, 64); err != nil || math.Abs(ms/test.ends-1) > 0.1 {
				t.Errorf("%v: the axis ends at %s ms, want about %v", test.settings, end, test.ends)
			}
		}
	}
	for _, r := range answers(t, &Engine{}, Request{Want: Run, Settings: list("seed=7", "cycles=12")}) {
		if r.Beginning != "" {
			t.Errorf("a short run begins with %q", r.Beginning)
		}
	}
}

// What comes first is quickly there, whatever the knobs say, and is the beginning of the same run.
func TestBeginningIsShort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		given := list(
			fmt.Sprintf("batch-size=%d", rapid.IntRange(1, 20).Draw(t, "batch")),
			fmt.Sprintf("cycles=%d", rapid.IntRange(0, 500).Draw(t, "cycles")),
			fmt.Sprintf("interval=%dms", rapid.IntRange(10, 10_000).Draw(t, "interval")))
		if rapid.Bool().Draw(t, "loaded") {
			end := rapid.IntRange(1, 100).Draw(t, "for")
			given = append(given, list(fmt.Sprintf("for=%ds", end))...)
			for range rapid.IntRange(1, 3).Draw(t, "loads") {
				text := fmt.Sprintf("load=%d/s,from=%ds",
					rapid.IntRange(1, 50).Draw(t, "rate"), rapid.IntRange(0, end-1).Draw(t, "from"))
				if rapid.Bool().Draw(t, "ramp") {
					text = strings.Replace(text, "/s", "/s..9/s", 1) + fmt.Sprintf(",to=%ds", end+1)
				}
				given = append(given, list(text)...)
			}
		}
		_, s, err := settled(given)
		if err != nil {
			t.Fatal(err)
		}
		first, long := beginning(s)
		if long != (steps(s) > promptSteps) {
			t.Errorf("%v steps: long is %v", steps(s), long)
		}
		if !long {
			return
		}
		if err := first.Validate(); err != nil {
			t.Errorf("the beginning can't be run: %v", err)
		}
		if steps(first) > firstSteps && first.Cycles > 1 {
			t.Errorf("the beginning has %v steps in %d passes", steps(first), first.Cycles)
		}
		rand := simulate.Rand(7)
		some, all := simulate.NewArrivals(first.Loads, rand), simulate.NewArrivals(s.Loads, rand)
		for range first.Cycles {
			got, _ := some.Next()
			if want, _ := all.Next(); got != want && want < s.For {
				t.Fatalf("a pass of the beginning is at %v, and in the whole at %v", got, want)
			}
		}
	})
}

// What is said of many seeds comes as they are made, and at last is that of all.
func TestSeeds(t *testing.T) {
	all := answers(t, &Engine{}, Request{Want: Seeds, Runs: 60, Settings: list("seed=1", "simulate-failures=true")})
	if len(all) < 10 {
		t.Errorf("%d responses", len(all))
	}
	for i, r := range all {
		if len(r.Parts) == 0 && r.Progress < 1 {
			continue // it tells how far it is
		}
		if len(r.Parts) != 1 || r.Parts[0].ID != "account" || i > 0 && r.Progress < all[i-1].Progress {
			t.Errorf("response %d: progress %v, parts %v, %+v", i, r.Progress, partIDs(r), r.Problem)
		}
	}
	if want := "faultflow campaign --runs 60 --seed 1 --simulate-failures=true"; all[len(all)-1].Command != want {
		t.Errorf("command %q, want %q", all[len(all)-1].Command, want)
	}
}

// A person who takes a scenario along has expectations that hold, and are more than what always does.
func TestScenarioHolds(t *testing.T) {
	for _, of := range [][]Setting{
		list("seed=7"),
		list("seed=7", "simulate-failures=true", "failure-type=storage", "cycles=3"),
		list("seed=7", "collector-breaker=true", "cycles=12", "fault=collector.fetch=connection_refused,from=2s,to=40s"),
		list("seed=1", "load=6/s", "for=100s", "batch-size=1", "capacity=collector.fetch=service=50ms",
			"collector-attempts=1", "fault=collector.fetch=halt,from=10s,to=20s"),
	} {
		doc := answer(t, &Engine{}, Request{Want: Scenario, Settings: of, Name: "played"}).Document
		found, err := scenario.Parse("played.yaml", []byte(doc))
		if err != nil {
			t.Fatalf("%v:\n%s", err, doc)
		}
		if len(found[0].Expectations) < 3 {
			t.Errorf("too few expectations:\n%s", doc)
		}
		results := scenario.Run(t.Context(), found, scenario.Options{}, nil)
		if results[0].Status != report.TestPassed {
			t.Errorf("%s: %v %+v\n%s", results[0].Status, results[0].Reasons, results[0].Failures, doc)
		}
	}
}

func TestDocuments(t *testing.T) {
	of := list("seed=7", "simulate-failures=true")
	run := answer(t, &Engine{Version: "v1"}, Request{Want: Run, Settings: of})
	doc, err := report.Parse([]byte(answer(t, &Engine{Version: "v1"}, Request{Want: JSON, Settings: of}).Document))
	if err != nil || doc.Report.Hash != run.Hash || doc.Report.Meta.Version != "v1" {
		t.Errorf("%v, hash %s, want %s", err, doc.Report.Hash, run.Hash)
	}
	if page := answer(t, &Engine{}, Request{Want: HTML, Settings: of}).Document; !strings.Contains(page, run.Hash) {
		t.Error("the page is not the run's")
	}
}

// The page reads no file, waits for no real time and bounds what it makes. Each refusal names the setting.
func TestRefused(t *testing.T) {
	for given, setting := range map[string]string{
		"input=/etc/passwd":    "input",
		"input=-":              "input",
		"input-format=csv":     "input-format",
		"id-field=x":           "id-field",
		"clock=real":           "clock",
		"channel=file:/tmp/x":  "channel",
		"process=sh -c id":     "process",
		"cycles=1000000":       "cycles",
		"batch-size=1000000":   "batch-size",
		"collector-attempts=0": "collector-attempts",
		"fault=nowhere=slow":   "fault",
		"output=/tmp":          "output",
		"<b>x</b>=y":           "<b>x</b>",
		"failure-type=network": "failure-type",
	} {
		all := answers(t, &Engine{}, Request{Want: Run, Settings: list("seed=1", given)})
		if p := all[len(all)-1].Problem; p == nil || p.Setting != setting {
			t.Errorf("%s: %+v", given, p)
		}
	}
	for _, load := range [][]Setting{
		list("attempts=10000", "batch-size=1000"), list("attempts=10000", "hedges=100", "hedge-after=1s"),
		list("load=1000/s", "for=10h"), list("load=1000/s", "for=10h", "cycles=20001"), list("for=10000h", "interval=1ms"),
	} {
		if all := answers(t, &Engine{}, Request{Want: Run, Settings: load}); all[len(all)-1].Problem == nil {
			t.Errorf("%v was made", load)
		}
	}
	for name, text := range map[string]string{
		"no JSON":          "{",
		"nothing":          "",
		"null":             "null",
		"wants nothing":    `{"settings":[]}`,
		"too many seeds":   `{"want":"seeds","runs":1000000000}`,
		"no seeds":         `{"want":"seeds"}`,
		"too large":        `{"want":"run","name":"` + strings.Repeat("x", maxRequest) + `"}`,
		"other types":      `{"settings":7}`,
		"a pinned mistake": `{"want":"run","settings":[],"pinned":[{"name":"input","text":"x"}]}`,
	} {
		all := answersTo(t, &Engine{}, []byte(text))
		if p := all[len(all)-1].Problem; p == nil || p.Text == "" || len(p.Text) > 2000 {
			t.Errorf("%s: %+v", name, all)
		}
	}
}

// What takes too long is ended, and says so: a run of so many passes, each with attempts without end, and many seeds.
func TestTooLong(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	endless := list("cycles=20000", "batch-size=1", "attempts=10000", "retry-delay=0s", "fault=collector.fetch=timeout")
	for _, r := range []Request{
		{Want: Run, Settings: endless},
		{Want: Run, Settings: list("seed=1"), Pinned: endless},
		{Want: Seeds, Runs: 1000, Settings: endless},
	} {
		all := answers(t, &Engine{limit: 50 * time.Millisecond}, r)
		p := all[len(all)-1].Problem
		if p == nil || !strings.Contains(p.Text, "takes longer than 50ms") || len(all[len(all)-1].Parts) > 0 {
			t.Errorf("%+v", p)
		}
	}
}

// FuzzSettled: whatever a page sends as settings, they are those of a bounded run on the virtual clock, or refused.
func FuzzSettled(f *testing.F) {
	f.Add("load", "60/s", "for", "90s")
	f.Add("input", "/etc/passwd", "channel", "file:/tmp/x")
	f.Add("fault", "collector.fetch=timeout,first=3", "cycles", "999999999")
	f.Fuzz(func(t *testing.T, name, text, other, value string) {
		given, s, err := settled([]Setting{{name, text}, {other, value}})
		if err != nil {
			if problemOf(err).Text == "" {
				t.Error("refused without a word")
			}
			return
		}
		if s.Clock != settings.ClockVirtual || s.Input != "" || float64(s.Cycles)*float64(s.BatchSize) > maxRecords {
			t.Errorf("%+v", given.List())
		}
	})
}

// What is dropped ends soon, says nothing more and leaves no goroutine behind.
func TestDropped(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, want := range []Request{
		{Want: Run, Settings: list("cycles=20000", "batch-size=1")},
		{Want: Seeds, Runs: 1000, Settings: list("cycles=100")},
	} {
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		told := 0
		(&Engine{}).Answer(ctx, text, func([]byte) { // once it tells how far it is
			told++
			cancel()
		})
		if told != 1 {
			t.Errorf("%s: told %d times", want.Want, told)
		}
	}
}

// Every setting is a knob, but those that the page has not; knobs have what their control needs.
func TestKnobs(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range knobs() {
		for _, k := range g.Knobs {
			s, _ := settings.Find(k.Name)
			seen[k.Name] = true
			number := s.Type == settings.Int || s.Type == settings.Number || s.Type == settings.Duration
			if number != (k.Slider != nil) || s.List() != (k.Rows != nil) || (s.Type == settings.Choice) != (k.Choices != nil) {
				t.Errorf("%s: %+v", k.Name, k)
			}
			if k.Slider != nil && !(k.Slider.Low < k.Slider.High) {
				t.Errorf("%s: %+v", k.Name, k.Slider)
			}
			if k.Default != "" && s.Type != settings.Items {
				if _, err := s.Parse(k.Default); err != nil {
					t.Errorf("%s: default %q: %v", k.Name, k.Default, err)
				}
			}
			if s.Node != "" && k.ForAll == "" && s.Label() != "breaker" {
				t.Errorf("%s has no setting for all nodes", k.Name)
			}
		}
	}
	for _, s := range settings.All() {
		if !seen[s.Name] && s.Name != "seed" && onPage(s) {
			t.Errorf("%s is no knob", s.Name)
		}
	}
}

// The lessons of overload are those of the document in its order, each with a question; all of the library are there.
func TestLessons(t *testing.T) {
	doc, err := os.ReadFile("../../docs/overload.md")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, m := range regexp.MustCompile(`overload/([a-z-]+)\.yaml`).FindAllStringSubmatch(string(doc), -1) {
		if !slices.Contains(want, m[1]) {
			want = append(want, m[1])
		}
	}
	for _, o := range overload {
		got = append(got, o.name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("lessons %v\nwant %v", got, want)
	}
	all, err := lessons()
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir("../../testdata/scenarios")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name, isScenario := strings.CutSuffix(f.Name(), ".yaml")
		there := func(l Lesson) bool { return l.Name == name || strings.HasPrefix(l.Name, name+"[") }
		if isScenario && name != "data-unreadable-rows" && !slices.ContainsFunc(all, there) {
			t.Errorf("%s is no lesson", name)
		}
	}
	for _, l := range all {
		if l.Description == "" || len(l.Front) == 0 || (l.Question == "") == (l.Group == overloadGroup) {
			t.Errorf("%+v", l)
		}
		for _, name := range l.Front {
			if _, ok := settings.Find(name); !ok {
				t.Errorf("%s: there is no setting %s", l.Name, name)
			}
		}
	}
}

// The knobs in front of a lesson that stays down answer its question: one brings it back, the other does not.
func TestQuestionsHaveAnswers(t *testing.T) {
	reporttest.NothingRaces(t)
	for _, c := range []struct {
		lesson, setting, text string
		back                  bool
	}{
		{"retries-keep-it-down", "collector-attempts", "3", true},
		{"retries-keep-it-down", "collector-retry-delay", "3s", false},
		{"backoff-keeps-the-boundary[collector-retry-delay=1s]", "collector-attempts", "3", true},
		{"backoff-keeps-the-boundary[collector-retry-delay=1s]", "collector-retry-delay", "10s", false},
		{"spike-keeps-it-down", "collector-attempts", "1", true},
		{"spike-keeps-it-down", "collector-retry-delay", "3s", false},
		{"layers-multiply", "collector-attempts", "9", true},
		{"budget-behind-backoff", "collector-retry-delay", "0s", true},
	} {
		all, err := lessons()
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(all, func(l Lesson) bool { return l.Name == c.lesson })
		request := Request{Want: JSON, Settings: append(all[i].Settings, Setting{c.setting, c.text})}
		doc := answer(t, &Engine{}, request).Document
		back, err := expect.Compile(fmt.Sprintf("recovery.state == %q", catalog.CameBack))
		if err != nil {
			t.Fatal(err)
		}
		r, err := report.Parse([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		judged, err := expect.Judge(r.Report, []*expect.Condition{back})
		if err != nil || (judged.Status == report.TestPassed) != c.back || !slices.Contains(all[i].Front, c.setting) {
			t.Errorf("%s with %s=%s: %s, %v", c.lesson, c.setting, c.text, judged.Status, err)
		}
	}
}

// The page begins with the first lesson, or with what was given.
func TestStart(t *testing.T) {
	text, err := (&Engine{}).Start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var s Start
	var r Response
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(s.Response, &r); err != nil || s.Lesson != overload[0].name || len(r.Parts) < 5 {
		t.Errorf("%v: lesson %q, parts %v", err, s.Lesson, partIDs(r))
	}
	if _, err := (&Engine{}).Start(t.Context(), list("input=x")); err == nil {
		t.Error("an input was not refused")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	if _, err := (&Engine{}).Start(ctx, nil); err == nil {
		t.Error("a start that was cancelled has no run")
	}
}
