package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mattn/go-shellwords"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"faultflow/internal/play"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
)

// answered is what the page's engine answers at last.
func answered(t interface{ Fatal(...any) }, request play.Request) (last play.Response) {
	text, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	(&play.Engine{}).Answer(context.Background(), text, func(r []byte) {
		last = play.Response{}
		if err := json.Unmarshal(r, &last); err != nil {
			t.Fatal(err)
		}
	})
	return last
}

// ran is what a command that the page offers writes to standard output as JSON, and its exit code.
func ran(t *testing.T, command string) (string, int) {
	s := testStreams(t)
	var out bytes.Buffer
	s.out = &out
	words, err := shellwords.Parse(command)
	if err != nil {
		t.Fatal(err)
	}
	code := run(context.Background(), append(words[1:], "--format", "json"), s)
	return out.String(), code
}

// started is what the page begins with.
func started(t *testing.T) (start play.Start) {
	text, err := (&play.Engine{}).Start(t.Context(), nil)
	if err == nil {
		err = json.Unmarshal(text, &start)
	}
	if err != nil {
		t.Fatal(err)
	}
	return start
}

// TestPlayedLessonsAreThoseOfTheCommand: a run of the page, of any lesson, is that of the command which it offers.
func TestPlayedLessonsAreThoseOfTheCommand(t *testing.T) {
	reporttest.NothingRaces(t)
	for _, lesson := range started(t).Lessons {
		t.Run(lesson.Name, func(t *testing.T) {
			t.Parallel()
			r := answered(t, play.Request{Want: play.Run, Settings: lesson.Settings})
			if r.Problem != nil {
				t.Fatalf("%+v", r.Problem)
			}
			out, _ := ran(t, r.Command)
			doc, err := report.Parse([]byte(out))
			if err != nil || doc.Report.Hash != r.Hash {
				t.Errorf("%s: %v", r.Command, err)
			}
		})
	}
}

// TestPlayedKnobsAreThoseOfTheCommand turns knobs at random: the page's run is the command's, and what the page refuses
// the command refuses, too, in the same words.
func TestPlayedKnobsAreThoseOfTheCommand(t *testing.T) {
	reporttest.NothingRaces(t)
	var knobs []play.Knob
	for _, g := range started(t).Groups {
		for _, k := range g.Knobs {
			if k.Name != "cycles" && k.Name != "batch-size" && k.Name != "for" { // which decide how long it takes
				knobs = append(knobs, k)
			}
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		request := play.Request{Want: play.JSON, Settings: []play.Setting{
			{Name: "seed", Text: fmt.Sprint(rapid.IntRange(0, 1000).Draw(r, "seed"))},
			{Name: "cycles", Text: fmt.Sprint(rapid.IntRange(1, 4).Draw(r, "cycles"))},
			{Name: "batch-size", Text: fmt.Sprint(rapid.IntRange(1, 20).Draw(r, "batch size"))},
		}}
		for range rapid.IntRange(0, 8).Draw(r, "knobs") {
			k := rapid.SampledFrom(knobs).Draw(r, "knob")
			text := turned(k).Draw(r, k.Name)
			if k.Rows != nil && k.Name != "fault" {
				continue // loads have a length
			}
			request.Settings = append(request.Settings, play.Setting{Name: k.Name, Text: text})
		}
		doc := answered(r, request)
		request.Want = play.Run
		drawn := answered(r, request)
		if doc.Problem != nil || drawn.Problem != nil {
			if drawn.Problem == nil || doc.Problem == nil || *drawn.Problem != *doc.Problem {
				r.Fatalf("%+v and %+v", drawn.Problem, doc.Problem)
			}
			return
		}
		out, _ := ran(t, drawn.Command)
		saved, err := report.Parse([]byte(doc.Document))
		if err != nil {
			r.Fatal(err)
		}
		made, err := report.Parse([]byte(out))
		if err != nil {
			r.Fatalf("%s: %v", drawn.Command, err)
		}
		saved.Report.Meta, made.Report.Meta = report.Meta{}, report.Meta{}
		var page, terminal bytes.Buffer
		if err := report.WriteJSON(&page, saved.Report); err != nil {
			r.Fatal(err)
		}
		if err := report.WriteJSON(&terminal, made.Report); err != nil {
			r.Fatal(err)
		}
		if !bytes.Equal(page.Bytes(), terminal.Bytes()) || made.Report.Hash != drawn.Hash {
			r.Fatalf("%s is another run", drawn.Command)
		}
	})
}

// turned is a position of a knob, as text: of a slider within what it spans.
func turned(k play.Knob) *rapid.Generator[string] {
	switch {
	case k.Slider != nil:
		return rapid.Map(rapid.Float64Range(k.Slider.Low, min(k.Slider.High, 60_000)), func(v float64) string {
			switch k.Type {
			case "duration":
				return fmt.Sprintf("%dms", int(v))
			case "int":
				return fmt.Sprint(int(v))
			}
			return fmt.Sprintf("%.2f", v)
		})
	case k.Choices != nil:
		return rapid.SampledFrom(k.Choices)
	case k.Type == "bool":
		return rapid.SampledFrom([]string{"true", "false"})
	case k.Rows != nil:
		return rapid.Just(k.Rows.Example)
	}
	return rapid.SampledFrom([]string{"", "p95", "50ms", "primary", "primary,backup", "'; exit", "<b>"})
}

// TestPlayedSeedsAreThoseOfTheCommand: so is its campaign.
func TestPlayedSeedsAreThoseOfTheCommand(t *testing.T) {
	r := answered(t, play.Request{Want: play.Seeds, Runs: 40, Settings: []play.Setting{
		{Name: "seed", Text: "7"}, {Name: "simulate-failures", Text: "true"}, {Name: "failure-type", Text: "network"},
	}})
	out, code := ran(t, r.Command)
	doc, err := report.Parse([]byte(out))
	if err != nil || code != exitOK || doc.Campaign.Hash != r.Hash {
		t.Errorf("%s: exit code %d, %v", r.Command, code, err)
	}
}

// TestPlayServes: the address comes first, the page is there, and Ctrl-C ends it without leaving anything behind.
func TestPlayServes(t *testing.T) {
	for name, args := range map[string][]string{
		"first lesson": {"play"},
		"flags":        {"play", "--cycles", "3", "--seed", "5"},
		"scenario":     {"play", "../../testdata/scenarios/network-breaker-opens.yaml"},
		"everywhere":   {"play", "--listen", "0.0.0.0:0"},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s := testStreams(t)
			var said bytes.Buffer
			s.err = &said
			s.out = writerFunc(func(p []byte) (int, error) {
				go func() {
					defer cancel()
					url := strings.Replace(strings.TrimSpace(string(p)), "[::]", "127.0.0.1", 1)
					response, err := http.DefaultClient.Get(url + "start.json")
					if err != nil {
						t.Error(err)
						return
					}
					defer http.DefaultClient.CloseIdleConnections()
					defer response.Body.Close()
					if response.StatusCode != http.StatusOK {
						t.Errorf("%s: %s", url, response.Status)
					}
				}()
				return len(p), nil
			})
			if code := run(ctx, args, s); code != exitOK {
				t.Errorf("exits with %d: %s", code, &said)
			}
			if warned := strings.Contains(said.String(), "warning"); warned != (name == "everywhere") {
				t.Errorf("said %q", &said)
			}
		})
	}
}

// TestPlayOpens: the system's own command gets the address, and where there is none, somebody is told to open it.
func TestPlayOpens(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("its command can't be stood in for")
	}
	folder := t.TempDir()
	opened := filepath.Join(folder, "opened")
	opener := "#!/bin/sh\necho \"$1\" >" + opened + ".part\n/bin/mv " + opened + ".part " + opened + "\n"
	for _, name := range []string{"xdg-open", "open"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(opener), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", folder)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out, said bytes.Buffer
	s := testStreams(t)
	s.out, s.err = &out, &said
	var waiting sync.WaitGroup
	waiting.Go(func() {
		defer cancel()
		for ctx.Err() == nil {
			if _, err := os.Stat(opened); err == nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
	if code := run(ctx, []string{"play", "--open"}, s); code != exitOK {
		t.Errorf("exits with %d: %s", code, &said)
	}
	waiting.Wait()
	if url, err := os.ReadFile(opened); err != nil || string(url) != out.String() {
		t.Errorf("%q was opened (%v), want %q", url, err, &out)
	}
	t.Setenv("PATH", t.TempDir())
	ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	said.Reset()
	s.err = writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), "open the address yourself") {
			cancel()
		}
		return said.Write(p)
	})
	if code := run(ctx, []string{"play", "--open"}, s); code != exitOK || ctx.Err() != context.Canceled {
		t.Errorf("exits with %d: %s", code, &said)
	}
}
