package render_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	pages "faultflow/internal/render/html"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
)

func TestHTMLGolden(t *testing.T) {
	reporttest.Golden(t, "network.html", withoutAssets(htmlOf(t, reporttest.Network())))
	reporttest.Golden(t, "drill.html", withoutAssets(htmlOf(t, reporttest.Drill())))
	reporttest.Golden(t, "hostile.html", withoutAssets(htmlOf(t, reporttest.Hostile())))
	reporttest.Golden(t, "comeback.html", withoutAssets(htmlOf(t, reporttest.Comeback())))
	reporttest.Golden(t, "outage.html", withoutAssets(htmlOf(t, saved(t))))
}

func htmlOf(t tester, r *report.Report) string {
	t.Helper()
	return written(t, r, pages.Write)
}

var assets = regexp.MustCompile(`(?s)<style>.*?</style>|<script>.*?</script>|<meta http-equiv[^>]*>`)

// withoutAssets leaves out what is the same on every page.
func withoutAssets(page string) string { return assets.ReplaceAllString(page, "") }

// shape lists the elements of a page and the names of their attributes: what its texts have no part in. What can run or
// load something is listed with its value.
func shape(t tester, page string) map[string]bool {
	t.Helper()
	list := map[string]bool{}
	tags := html.NewTokenizer(strings.NewReader(page))
	for {
		switch tags.Next() {
		case html.ErrorToken:
			return list
		case html.CommentToken, html.DoctypeToken:
			list[tags.Token().String()] = true
		case html.StartTagToken, html.SelfClosingTagToken:
			tag := tags.Token()
			list[tag.Data] = true
			for _, a := range tag.Attr {
				what := tag.Data + " " + a.Key
				if slices.Contains([]string{
					"href",
					"src",
					"style",
					"http-equiv",
					"content",
				}, a.Key) || strings.HasPrefix(a.Key, "on") {
					what += "=" + ownAnchor.ReplaceAllString(a.Val, "#part-N")
				}
				list[what] = true
			}
		}
	}
}

// ownAnchor is the place of a section: how many a page has, its document decides.
var ownAnchor = regexp.MustCompile(`^#part-[0-9]+$`)

// checkHTML looks for what no text from outside may make: elements and attributes that a harmless page does not have,
// characters that can't be seen.
func checkHTML(t tester, page string, harmless map[string]bool) {
	t.Helper()
	for what := range shape(t, page) {
		if !harmless[what] {
			t.Errorf("the page has <%s>", what)
		}
	}
	if r, found := unseen(page); found {
		t.Errorf("the page has %U", r)
	}
}

// harmless is the shape of all pages of usual runs.
func harmless(t tester) map[string]bool {
	t.Helper()
	all := shape(t, htmlOf(t, attacked("x")))
	for _, r := range reporttest.Samples() {
		for what := range shape(t, htmlOf(t, r)) {
			all[what] = true
		}
	}
	for _, what := range []string{"main", "svg role", "use href=#fault", "style", "script", "table", "details"} {
		if !all[what] {
			t.Errorf("no page has <%s>, so its shape proves nothing", what)
		}
	}
	for what := range all {
		if strings.HasPrefix(what, "meta content=default-src") {
			continue // TestHTMLPolicy
		}
		if strings.Contains(what, " on") || strings.Contains(what, " style=") || strings.Contains(what, "//") {
			t.Errorf("a usual page has <%s>", what)
		}
	}
	return all
}

func TestHTMLIsHarmless(t *testing.T) {
	reporttest.NothingRaces(t)
	usual := harmless(t)
	for name, attack := range attacks() {
		t.Run(name, func(t *testing.T) { checkHTML(t, htmlOf(t, attacked(attack)), usual) })
	}
	rapid.Check(t, func(t *rapid.T) {
		r := reporttest.Any().Draw(t, "report")
		checkHTML(t, htmlOf(t, &r), usual)
	})
}

// The policy allows the page's own style and script, by what is in them, and nothing else.
func TestHTMLPolicy(t *testing.T) {
	checkPolicy(t, htmlOf(t, reporttest.Success()))
	checkPolicy(t, compareHTML(t, comparisons(t)["runs"]))
}

func checkPolicy(t *testing.T, page string) {
	t.Helper()
	part := func(pattern string) string {
		found := regexp.MustCompile(pattern).FindStringSubmatch(page)
		if found == nil {
			t.Fatalf("nothing matches %s", pattern)
		}
		return found[1]
	}
	hash := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	got := html.UnescapeString(part(`Content-Security-Policy" content="([^"]*)"`))
	want := fmt.Sprintf(
		"default-src 'none'; style-src %s; script-src %s; img-src data:; base-uri 'none'; form-action 'none'",
		hash(part(`(?s)<style>(.*?)</style>`)),
		hash(part(`(?s)<script>(.*?)</script>`)),
	)
	if got != want {
		t.Errorf("policy %q, want %q", got, want)
	}
}

// unrecovered is a drill of which one path failed, as none does.
func unrecovered() *report.Report {
	r := reporttest.Drill()
	r.Drill[1].Recovered = false
	return r
}

func TestHTMLSays(t *testing.T) {
	for _, c := range []struct {
		name   string
		report *report.Report
		want   []string
		not    []string
	}{
		{
			"success",
			reporttest.Success(),
			[]string{`<header class="verdict good">`, "success</h1>", "every record was delivered", ">50</tspan>"},
			[]string{"What to look at", "dead letters</tspan>"},
		},
		{
			"network",
			reporttest.Network(),
			[]string{
				`<header class="verdict warn">`,
				"degraded</h1>",
				"<strong>27</strong>",
				"of 100\u00a0records",
				"What to look at",
				"check the primary data source",
				">7</tspan>",
				"dead letters</tspan>",
			},
			[]string{},
		},
		{
			"failed",
			reporttest.Failed(),
			[]string{`<header class="verdict bad">`, "failed</h1>", `<dd class="warn"><strong>0</strong>`},
			[]string{},
		},
		{
			"interrupted",
			reporttest.Interrupted(),
			[]string{`<header class="verdict warn">`, ">spooled</tspan>"},
			[]string{},
		},
		{"drill", unrecovered(), []string{"Recovery drill", "not recovered"}, []string{}},
		{
			"thousands",
			reporttest.Thousands(),
			[]string{
				"<summary>1000 rows</summary>",
				"The report has too many cycles to keep every attempt: it shows cycles and breakers only.",
				"It shows the first 1,000 of 5,000",
			},
			[]string{},
		},
		{"hostile", reporttest.Hostile(), []string{"&#43; 3 lost", ">lost</tspan>"}, []string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := htmlOf(t, c.report)
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is missing", want)
				}
			}
			for _, not := range c.not {
				if strings.Contains(got, not) {
					t.Errorf("%q is there", not)
				}
			}
		})
	}
}

// A run of a thousand cycles makes a page that opens quickly: what goes as it should loses its tooltips, then its
// place.
func TestHTMLOfALongRun(t *testing.T) {
	long := func(cycles, retries int) *report.Report {
		r := reporttest.Success()
		r.DurationMS = float64(cycles) * 1000
		r.Cycles.Count, r.Timeline.Events = cycles, nil
		for i := range cycles {
			at := float64(i) * 1000
			r.Cycles.List = append(r.Cycles.List[:i:i], report.Cycle{
				Number:     i + 1,
				StartMS:    at,
				DurationMS: 900,
				Verdict:    "success",
			})
			add := func(ms float64, kind catalog.EventKind, attempt int) {
				e := report.Event{AtMS: at + ms, Cycle: i + 1, Node: catalog.Collector, Kind: kind, Attempt: attempt}
				if attempt > 0 {
					e.Place, e.Class = catalog.PlaceFetch, errhandler.Network
					e.Detail = "dial tcp 192.0.2.1:443: connect: connection refused"
				}
				r.Timeline.Events = append(r.Timeline.Events, e)
			}
			add(0, catalog.NodeStarted, 0)
			for n := range retries {
				add(float64(n), catalog.AttemptStarted, n+1)
				add(float64(n)+0.5, catalog.AttemptFailed, n+1)
			}
			add(800, catalog.AttemptStarted, retries+1)
			add(850, catalog.AttemptSucceeded, retries+1)
			add(900, catalog.NodeDone, 0)
		}
		return r
	}
	for _, c := range []struct {
		cycles, retries int
		note, without   string
		tips, marks     int
	}{
		{10, 1, "<summary>The timeline as a table", "This run is long", 43, 43},
		{1000, 2, "only what is out of the ordinary has a tooltip.", "is drawn", 2000, 5003},
		{1000, 4, "only what is out of the ordinary has a tooltip, up to 12", "is drawn", 3000, 7003},
		{1000, 20, "only what is out of the ordinary is drawn, up to 12", "", 3000, 15_000},
	} {
		t.Run(fmt.Sprintf("%d cycles, %d retries", c.cycles, c.retries), func(t *testing.T) {
			page := htmlOf(t, long(c.cycles, c.retries))
			if len(page) > 2_000_000 {
				t.Errorf("%d bytes", len(page))
			}
			if !strings.Contains(page, c.note) || c.without != "" && strings.Contains(page, c.without) {
				t.Errorf("notes: %q", regexp.MustCompile(`This run is long.*`).FindAllString(page, -1))
			}
			_, lanes, _ := strings.Cut(page, `<g class="lane`)
			lanes, _, _ = strings.Cut(lanes, "</svg>")
			tips, marks := strings.Count(lanes, "<title>"), strings.Count(lanes, "<rect")+strings.Count(lanes, "<use")
			if tips != c.tips || marks != c.marks {
				t.Errorf("%d tooltips, %d marks; want %d, %d", tips, marks, c.tips, c.marks)
			}
		})
	}
}
