package render_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/render/text"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
	"faultflow/internal/runtest"
	"faultflow/internal/settings"
)

// outage is a source that is down for 38 of 60 seconds, with a breaker or without.
func outage(t tester, breaker bool) *report.Report {
	return runtest.Run(
		t,
		"cycles=12",
		fmt.Sprint("collector-breaker=", breaker),
		"fault=collector.fetch=connection_refused,from=2s,to=40s",
	)
}

// timelineOf is the section of the text report.
func timelineOf(t tester, r *report.Report, s text.Style) string {
	t.Helper()
	_, section, ok := strings.Cut(textOf(t, r, s), sectionTitle(s, "Timeline"))
	if !ok {
		return ""
	}
	section, _, _ = strings.Cut(section, "\n"+sectionTitle(s, "Attempts"))
	section, _, _ = strings.Cut(section, "\n"+sectionTitle(s, "Recovery"))
	_, section, _ = strings.Cut(section, "\n") // the rest of the heading
	return section
}

func sectionTitle(s text.Style, title string) string {
	if s.Color {
		return "\x1b[36;1m" + title
	}
	return title + " ─"
}

func TestTimelineGolden(t *testing.T) {
	runs := map[string]*report.Report{
		"clean":   runtest.Run(t),
		"retries": runtest.Run(t, "simulate-failures=true", "failure-type=network", "seed=9"),
		"two":     runtest.Run(t, "cycles=2", "fault=delivery.primary=locked,cycles=1", "interval=3s"),
		"outage":  outage(t, true),
		"drill":   runtest.Run(t, "test-recovery=true"),
		"many":    runtest.Run(t, "cycles=300", "simulate-failures=true", "failure-type=storage"),
		"summarised": runtest.Run(
			t,
			"cycles=1005",
			"collector-breaker=true",
			"fault=collector.fetch=connection_refused,from=100s,to=200s",
		),
	}
	runs["collapse"], runs["comeback"] = reporttest.Collapse(), reporttest.Comeback()
	for name, r := range runs {
		reporttest.Golden(t, "timeline/"+name+".txt", timelineOf(t, r, text.Style{}))
	}
	for _, width := range []int{40, 60, 120, 200} {
		reporttest.Golden(t, fmt.Sprintf(
			"timeline/outage.%d.txt",
			width,
		), timelineOf(t, runs["outage"], text.Style{Width: width}))
		reporttest.Golden(t, fmt.Sprintf(
			"timeline/collapse.%d.txt",
			width,
		), timelineOf(t, runs["collapse"], text.Style{Width: width}))
	}
	for _, name := range []string{"outage", "comeback"} {
		reporttest.Golden(t, "timeline/"+name+".color.txt", timelineOf(t, runs[name], text.Style{Color: true}))
	}
}

// Color only repeats what symbols say.
func TestTimelineColorIsColor(t *testing.T) {
	for _, r := range []*report.Report{outage(t, true), reporttest.Comeback()} {
		plain, colored := timelineOf(t, r, text.Style{}), timelineOf(t, r, text.Style{Color: true})
		if stripped := sgr.ReplaceAllString(colored, ""); stripped != plain || stripped == colored {
			t.Errorf("without its colors the timeline is\n%s\nnot\n%s", stripped, plain)
		}
	}
}

// Names of any width leave the lanes aligned: the axis begins in the same column in every row.
func TestTimelineAlignsWideNames(t *testing.T) {
	for _, width := range []int{60, 80, 120, 200} {
		r := runtest.Run(t, "fault=delivery.primary=locked", "fault=delivery.secondary=slow")
		for i, name := range []string{"主要な通道", "e\u0301te\u0301 cafe\u0301", "👍👍"} {
			old := catalog.ChannelPlace(r.Channels[i].Name)
			r.Channels[i].Name = name
			for j := range r.Timeline.Events {
				if r.Timeline.Events[j].Place == old {
					r.Timeline.Events[j].Place = catalog.ChannelPlace(name)
				}
			}
		}
		section := timelineOf(t, r, text.Style{Width: width})
		checkWidth(t, "wide names", section, width)
		start := strings.Index(section, "┬")
		axis := measure(section[strings.LastIndex(section[:start], "\n")+1 : start])
		for _, name := range []string{"主要な通道", "e\u0301te\u0301 cafe\u0301"} {
			line := regexp.MustCompile(`(?m)^  +` + name + `.*$`).FindString(section)
			at := strings.IndexAny(line, "▒█✗")
			if at < 0 {
				t.Fatalf("no attempt of %s in\n%s", name, section)
			}
			// The delivery's first attempt begins where its node does.
			delivery := regexp.MustCompile(`(?m)^  delivery.*$`).FindString(section)
			if name == "主要な通道" && measure(line[:at]) != measure(delivery[:strings.Index(delivery, "█")]) {
				t.Errorf("%d columns: %s is not under its node:\n%s", width, name, section)
			}
			if measure(line[:at]) < axis {
				t.Errorf("%d columns: %s begins left of the axis:\n%s", width, name, section)
			}
		}
	}
}

func TestTimelineCanBeLeftOut(t *testing.T) {
	var with, without bytes.Buffer
	r := outage(t, true)
	for w, s := range map[*bytes.Buffer]text.Style{&with: {}, &without: {NoTimeline: true}} {
		if err := text.Write(w, r, s); err != nil {
			t.Fatal(err)
		}
	}
	section := "\nTimeline ─" + strings.Split(with.String(), "\nTimeline ─")[1]
	section, _, _ = strings.Cut(section, "\nAttempts ─")
	if strings.Replace(with.String(), section, "", 1) != without.String() || !strings.Contains(section, "┬") {
		t.Errorf("left out:\n%s", without.String())
	}
}

// Whatever happens in a run, its timeline keeps to the page.
func TestTimelineKeepsToThePage(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := runtest.Run(t, "simulate-failures=true",
			"failure-type="+rapid.SampledFrom(fault.Profiles()).Draw(rt, "profile"),
			fmt.Sprint("seed=", rapid.Uint64Range(0, settings.MaxSeed).Draw(rt, "seed")),
			fmt.Sprint("cycles=", rapid.IntRange(1, 30).Draw(rt, "cycles")),
			"graph="+rapid.SampledFrom([]string{"standard", "recovery"}).Draw(rt, "graph"))
		width := rapid.IntRange(40, 220).Draw(rt, "width")
		section := timelineOf(rt, r, text.Style{Width: width})
		if section == "" {
			rt.Fatal("no timeline")
		}
		checkWidth(rt, "timeline", section, width)
	})
}
