package recovery_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"faultflow/internal/catalog"
	"faultflow/internal/load"
	"faultflow/internal/recovery"
	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// run is a report of a bucket a second in which each letter is one: '-' all ten passes were good, 'x' none, 'h' half of
// them, 'u' they were under way at the end, ' ' there were none. The trigger is between the brackets.
func run(t testing.TB, text string) *report.Report {
	t.Helper()
	from, to := strings.Index(text, "["), strings.Index(text, "]")
	r := &report.Report{Settings: settings.Defaults()}
	r.Settings.Loads = []load.Load{{Rate: 10}}
	s := &r.Series
	s.BucketMS = 1000
	for _, bucket := range strings.NewReplacer("[", "", "]", "").Replace(text) {
		offered, ended, good := 10, 10, 10
		switch bucket {
		case 'x':
			good = 0
		case 'h':
			good = 5
		case 'u':
			ended, good = 0, 0
		case ' ':
			offered, ended, good = 0, 0, 0
		}
		s.Offered = append(s.Offered, offered)
		s.Ended = append(s.Ended, ended)
		s.Good = append(s.Good, good)
	}
	r.DurationMS = float64(1000 * len(s.Offered))
	if from >= 0 {
		r.Recovery.Triggers = []report.Trigger{{FromMS: float64(1000 * from), ToMS: float64(1000 * (to - 1))}}
	}
	return r
}

func TestRecoveryIsJudgedByTheSeriesAlone(t *testing.T) {
	healthy := strings.Repeat("-", 10)
	down := strings.Repeat("x", 10)
	for _, tt := range []struct {
		name, text string
		state      catalog.RecoveryState
		after      float64 // in ms
		lowest     float64
		at         float64
	}{
		{"a fault that changes nothing", healthy + "[----]" + healthy, catalog.NeverFell, 0, 1, 0},
		{"good again as soon as it ends", healthy + "[xxxx]" + healthy, catalog.CameBack, 0, 0.6, 10000},
		{"good again 12 s later", healthy + "[xxxx]xxxxxxxxxxxx" + healthy, catalog.CameBack, 12000, 0, 10000},
		{"good for 9 of 10 s", healthy + "[xxxx]xxxx---------", catalog.NotWatched, 0, 0.2, 10000},
		{"ends before the hold is over", healthy + "[xxxx]xxxxxxxxx", catalog.NotWatched, 0, 0, 10000},
		{"ends before it could have fallen", healthy + "[----]-----", catalog.NotWatched, 0, 1, 0},
		{"bad to the end", healthy + "[xxxx]" + down + down, catalog.StaysDown, 0, 0, 10000},
		{"half of the passes", healthy + "[xxxx]hhhhhhhhhhhhhhhhhhhh", catalog.StaysDown, 0, 0.3, 10000},
		{"up and down again", healthy + "[xxxx]" + down + healthy + down, catalog.StaysDown, 0, 0, 10000},
		{"up, down, and up at the end", healthy + "[xxxx]" + healthy + down + "--------", catalog.StaysDown, 0, 0,
			24000},
		{"up, down, and up for good", healthy + "[xxxx]" + healthy + "xxx" + healthy, catalog.CameBack, 13000, 0.6,
			10000},
		{"no arrivals prove nothing against it", healthy + "[xxxx]" + healthy + "     " + healthy,
			catalog.CameBack, 0, 0.6, 10000},
		{"no arrivals afterwards", healthy + "[xxxx]" + strings.Repeat(" ", 30), catalog.NotWatched, 0, 0, 10000},
		{"under way at the end", healthy + "[xxxx]xx----------uuu", catalog.CameBack, 2000, 0.4, 10000},
		{"under way at the end, too soon", healthy + "[xxxx]xx-------uuu", catalog.NotWatched, 0, 0.4, 10000},
		{"a queue that only grows", healthy + "[xxxx]---" + strings.Repeat("u", 30), catalog.StaysDown, 0, 0, 17000},
		{"a trigger without an end", healthy + "[xxxxxxxxxxxx]", catalog.NotJudged, 0, 0, 0},
		{"no trigger", healthy + down, catalog.NotJudged, 0, 0, 0},
		{"from the start on", "[xxxx]" + healthy + "--", catalog.CameBack, 0, 0.6, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := run(t, tt.text)
			recovery.Judge(r)
			got := r.Recovery
			if got.State != tt.state || got.AfterMS != tt.after {
				t.Errorf("%s after %v ms, want %s after %v ms", got.State, got.AfterMS, tt.state, tt.after)
			}
			if got.State != catalog.NotJudged && (got.Lowest != tt.lowest || got.LowestAtMS != tt.at) {
				t.Errorf("lowest %v at %v ms, want %v at %v ms", got.Lowest, got.LowestAtMS, tt.lowest, tt.at)
			}
		})
	}
}

// A report without a load has no recovery, and keeps its bytes.
func TestWithoutALoadThereIsNothingToJudge(t *testing.T) {
	r := &report.Report{Settings: settings.Defaults(), DurationMS: 1000}
	recovery.Judge(r)
	if r.Recovery.State != "" || recovery.LowGoodput(r) || len(recovery.Findings(r)) > 0 {
		t.Errorf("%+v", r.Recovery)
	}
}

// Recovery is judged from the last trigger's end on, and falls from the first one's beginning on.
func TestSeveralTriggers(t *testing.T) {
	r := run(t, "----------xxxx----------xx------------")
	r.Recovery.Triggers = []report.Trigger{
		{Spec: "200/s,from=24s,to=26s", FromMS: 24000, ToMS: 25500},
		{FromMS: 10000, ToMS: 14000},
	}
	recovery.Judge(r)
	if got := r.Recovery; got.State != catalog.CameBack || got.EndMS != 25500 || got.AfterMS != 500 ||
		got.LowestAtMS != 10000 {
		t.Errorf("%+v", got)
	}
	if r.Recovery.Triggers[0].Spec != "200/s,from=24s,to=26s" {
		t.Error("the triggers are gone")
	}
}

// The same report is judged again with a lower share or a shorter hold, and comes to what was asked for.
func TestASavedReportIsJudgedAgain(t *testing.T) {
	r := run(t, "----------[xxxx]xxhhhhhhhhhh---")
	for _, tt := range []struct {
		share float64
		hold  time.Duration
		state catalog.RecoveryState
		after float64
	}{
		{0.95, 10 * time.Second, catalog.StaysDown, 0},
		{0.95, 3 * time.Second, catalog.CameBack, 12000},
		{0.5, 10 * time.Second, catalog.CameBack, 2000},
		{0.95, 10 * time.Second, catalog.StaysDown, 0}, // nothing is left of the last judgement
	} {
		r.Settings.RecoveryShare, r.Settings.RecoveryHold = tt.share, tt.hold
		recovery.Judge(r)
		if got := r.Recovery; got.State != tt.state || got.AfterMS != tt.after {
			t.Errorf("%v for %v: %s after %v", tt.share, tt.hold, got.State, got.AfterMS)
		}
	}
}

// calls gives the report a dependency that got so many calls for each pass before the first trigger and after it.
func calls(r *report.Report, place catalog.Place, before, after int) {
	p := report.PlaceSeries{Place: place}
	for i, offered := range r.Series.Offered {
		each := before
		if float64(1000*i) >= r.Recovery.Triggers[0].ToMS {
			each = after
		}
		p.Calls = append(p.Calls, each*offered)
	}
	r.Series.Places = append(r.Series.Places, p)
}

func TestFindings(t *testing.T) {
	down := "----------[xxxx]xxxxxxxxxxxxxxxxxxxx"
	for _, tt := range []struct {
		name, text string
		calls      func(*report.Report)
		code       catalog.FindingCode
		says       []string
	}{
		{"came back", "----------[xxxx]----------", nil, "", nil},
		{"retries", down, func(r *report.Report) {
			calls(r, catalog.PlaceRecord, 10, 10) // a batch of ten has as many, whatever happens
			calls(r, catalog.PlaceFetch, 1, 4)
			calls(r, catalog.PlaceHealth, 1, 1)
		}, catalog.StayedDown, []string{
			"retries of the collector sustain it: 4.0 calls of collector.fetch a pass", "--collector-attempts"}},
		{"retries for some good passes", "----------[xxxx]hhhhhhhhhhhhhhhh", func(r *report.Report) {
			calls(r, "delivery.primary", 1, 3)
		}, catalog.StayedDown, []string{"50 % of the passes were good", "6.0 a good one", "--delivery-attempts"}},
		{"no retries", down, func(r *report.Report) { calls(r, catalog.PlaceFetch, 1, 1) }, catalog.StayedDown,
			[]string{"no more calls than before (1.0 of collector.fetch a pass)", "--capacity"}},
		{"down before", "hhhhhhhhhh[xxxx]hhhhhhhhhh", func(r *report.Report) { calls(r, catalog.PlaceFetch, 2, 2) },
			catalog.StayedDown, []string{"after the last trigger 50 %", "and 50 % before the first one"}},
		{"nothing was called", down, nil, catalog.StayedDown, []string{"0 % of the passes were good"}},
		{"not watched", "----------[xxxx]xxxx", nil, catalog.RecoveryNotWatched, []string{"ended 4s after", "--for"}},
		{"few good passes", "hhhhhhhhhhhhhhh", nil, catalog.LowGoodput, []string{"50 %", "95 %"}},
		{"enough good passes", "-------------------hu", nil, "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := run(t, tt.text)
			if tt.calls != nil {
				tt.calls(r)
			}
			recovery.Judge(r)
			list := recovery.Findings(r)
			if tt.code == "" {
				if len(list) > 0 {
					t.Errorf("%+v", list)
				}
				return
			}
			if len(list) != 1 || list[0].Code != tt.code || list[0].FirstCycle != 0 {
				t.Fatalf("%+v", list)
			}
			for _, part := range tt.says {
				if said := list[0].Message + " → " + list[0].Recommendation; !strings.Contains(said, part) {
					t.Errorf("%q does not say %q", said, part)
				}
			}
		})
	}
}

// texts are runs of any sort, with a trigger somewhere.
var texts = rapid.Custom(func(t *rapid.T) string {
	part := func(name string, most int) (text string) {
		for range rapid.IntRange(0, most).Draw(t, name) {
			letter := rapid.SampledFrom([]string{"-", "-", "-", "x", "h", "u", " "}).Draw(t, "letter")
			text += strings.Repeat(letter, rapid.IntRange(1, 14).Draw(t, "times"))
		}
		return text
	}
	return part("before", 2) + "[" + part("trigger", 1) + "x]" + part("after", 6)
})

func TestRecoveryProperties(t *testing.T) {
	t.Run("come back means up from then on", rapid.MakeCheck(func(t *rapid.T) {
		text := texts.Draw(t, "run")
		known := float64(1000 * (len(strings.TrimRight(text, " u")) - len("[]")))
		r := run(unfailing{}, text)
		recovery.Judge(r)
		s, rec := &r.Series, &r.Recovery
		if rec.State != catalog.CameBack {
			return
		}
		if rec.AfterMS < 0 || rec.EndMS+rec.AfterMS+10_000 > known {
			t.Fatalf("%+v", rec)
		}
		for at := rec.EndMS + rec.AfterMS; at+10_000 <= known; at += 1000 {
			w := s.Window(at, at+10_000)
			if float64(w.Total(s.Good)) < 0.95*float64(w.Total(s.Ended)) {
				t.Fatalf("down from %v ms on: %+v", at, rec)
			}
		}
	}))
	t.Run("the numbers of passes and calls do not matter", rapid.MakeCheck(func(t *rapid.T) {
		r := run(unfailing{}, texts.Draw(t, "run"))
		calls(r, catalog.PlaceFetch, 1, 3)
		recovery.Judge(r)
		one := r.Recovery
		by := rapid.IntRange(2, 1000).Draw(t, "by")
		s := &r.Series
		for _, counts := range [][]int{s.Offered, s.Ended, s.Good, s.Places[0].Calls} {
			for i := range counts {
				counts[i] *= by
			}
		}
		recovery.Judge(r)
		if many := r.Recovery; many.State != one.State || many.AfterMS != one.AfterMS || many.Lowest != one.Lowest ||
			many.Sustained != one.Sustained {
			t.Fatalf("%+v, of %d times as many %+v", one, by, many)
		}
	}))
	t.Run("what came back does not stay down when it is watched longer", rapid.MakeCheck(func(t *rapid.T) {
		text := texts.Draw(t, "run")
		r := run(unfailing{}, strings.ReplaceAll(text, "u", "-")) // what is under way ends one day
		recovery.Judge(r)
		longer := run(unfailing{}, strings.ReplaceAll(text, "u", "-")+
			strings.Repeat("-", rapid.IntRange(1, 30).Draw(t, "longer")))
		recovery.Judge(longer)
		if r.Recovery.State != catalog.CameBack && r.Recovery.State != catalog.NeverFell {
			return
		}
		if longer.Recovery.State == catalog.StaysDown {
			t.Fatalf("%+v, watched longer %+v", r.Recovery, longer.Recovery)
		}
	}))
	t.Run("more good passes are never worse", rapid.MakeCheck(func(t *rapid.T) {
		r := run(unfailing{}, strings.ReplaceAll(texts.Draw(t, "run"), "u", "x"))
		recovery.Judge(r)
		before := r.Recovery
		if len(r.Series.Good) > 0 {
			i := rapid.IntRange(0, len(r.Series.Good)-1).Draw(t, "bucket")
			r.Series.Good[i] = r.Series.Ended[i]
		}
		recovery.Judge(r)
		after := r.Recovery
		if after.Lowest < before.Lowest || before.State == catalog.CameBack &&
			after.State != catalog.NeverFell && (after.State != catalog.CameBack || after.AfterMS > before.AfterMS) {
			t.Fatalf("%+v, with more good passes %+v", before, after)
		}
	}))
}

// unfailing is a testing.TB for what can't fail.
type unfailing struct{ testing.TB }

func (unfailing) Helper() {}

// Windows are the buckets that begin in them; the last one ends with the run.
func TestWindow(t *testing.T) {
	s := run(t, "--x-h").Series
	for _, tt := range []struct {
		from, to float64
		want     report.Window
		good     int
	}{
		{0, 5000, report.Window{From: 0, To: 5}, 35},
		{0, math.Inf(1), report.Window{From: 0, To: 5}, 35},
		{1000, 3000, report.Window{From: 1, To: 3}, 10},
		{500, 2500, report.Window{From: 1, To: 3}, 10},
		{3000, 3000, report.Window{From: 3, To: 3}, 0},
		{4000, 1000, report.Window{From: 4, To: 4}, 0},
		{-5, 1, report.Window{From: 0, To: 1}, 10},
		{9000, 10000, report.Window{From: 5, To: 5}, 0},
	} {
		w := s.Window(tt.from, tt.to)
		if w != tt.want || w.Total(s.Good) != tt.good {
			t.Errorf("%v to %v: %+v with %d good", tt.from, tt.to, w, w.Total(s.Good))
		}
	}
	empty := report.Series{}
	if w := empty.Window(0, 1000); w != (report.Window{}) {
		t.Errorf("without a load: %+v", w)
	}
}

func TestTookIsAQuantileOverAllBucketsOfAWindow(t *testing.T) {
	s := report.Series{BucketMS: 1000, Offered: make([]int, 3), Took: [][]report.Bucket{
		{{Value: 10, Count: 50}}, {{Value: 10, Count: 48}, {Value: 200, Count: 1}}, {{Value: 5, Count: 1}},
	}}
	for q, want := range map[float64]float64{0.5: 10, 0.99: 10, 1: 200, 0: 5} {
		if got := s.TookMS(s.Window(0, 3000), q); got != want {
			t.Errorf("%v: %v, want %v", q, got, want)
		}
	}
	if got := s.TookMS(s.Window(2000, 3000), 0.99); got != 5 {
		t.Errorf("the last bucket alone: %v", got)
	}
	if got := s.TookMS(s.Window(5000, 6000), 0.5); got != 0 {
		t.Errorf("where nothing ended: %v", got)
	}
}
