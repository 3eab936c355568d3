package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"faultflow/internal/report"
	"faultflow/internal/reporttest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"faultflow": main})
}

// TestScripts runs each script of testdata/script: the program as a user calls it, with its output and exit codes.
func TestScripts(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       reporttest.Updating(),
		Setup: func(e *testscript.Env) error {
			e.Setenv("DATA", filepath.ToSlash(filepath.Join(root, "testdata")))
			// What systems call the same error.
			e.Setenv("NOFILE", `(no such file or directory|The system cannot find the (file|path) specified\.)`)
			e.Setenv("ISFOLDER", `(is a directory|Incorrect function\.|Access is denied\.)`)
			e.Setenv("GORACE", "atexit_sleep_ms=10") // else each program built with -race sleeps for a second when it ends
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"atmost":  atMost,
			"change":  change,
			"empty":   empty,
			"exits":   exits,
			"fill":    fill,
			"replays": replays,
			"same":    same,
		},
	})
}

// exits runs a command and checks its exit code: exits 2 faultflow --cycles x.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code command [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var failed *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &failed) {
		got = failed.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("%v exits with %d, want %d", args[1:], got, want)
	}
}

// change copies a file with one text of it, which it must hold, replaced wherever it stands; ^ is the file's beginning:
// change old new from to.
func change(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: change old new from to")
	}
	was := ts.ReadFile(args[2])
	is := strings.ReplaceAll(was, args[0], args[1])
	if args[0] == "^" {
		is = args[1] + was
	}
	if is == was {
		ts.Fatalf("%s does not hold %q", args[2], args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[3]), []byte(is), 0o644))
}

// fill writes a file of so many bytes: fill 100 file.
func fill(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fill bytes file")
	}
	size, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), bytes.Repeat([]byte("x"), size), 0o644))
}

// atMost checks a file's size: atmost 100 file.
func atMost(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: atmost bytes file")
	}
	most, err := strconv.Atoi(args[0])
	ts.Check(err)
	if size := len(ts.ReadFile(args[1])); size > most {
		ts.Fatalf("%s has %d bytes, want at most %d", args[1], size, most)
	}
}

// empty checks that there is nothing in a folder, hidden files included: empty folder.
func empty(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: empty folder")
	}
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, e := range entries {
		ts.Fatalf("%s holds %s", args[0], e.Name())
	}
}

// same compares two JSON reports to the byte, but for their meta block: same a.json b.json.
func same(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: same file file")
	}
	a, b := withoutMeta(ts, args[0]), withoutMeta(ts, args[1])
	if a != b {
		ts.Fatalf("%s and %s differ:\n%s\n%s", args[0], args[1], a, b)
	}
}

// withoutMeta cuts off the meta block, which is the last thing in a report.
func withoutMeta(ts *testscript.TestScript, file string) string {
	head, _, found := strings.Cut(ts.ReadFile(file), "\n  \"meta\": {")
	if !found {
		ts.Fatalf("%s has no meta block", file)
	}
	return head
}

// replays runs the commands that a campaign gives for its slowest and worst runs, each twice in a process of its own:
// both give the same report, and it is of the run that the campaign tells of. replays campaign.json.
func replays(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: replays file")
	}
	c, err := report.ReadCampaign(strings.NewReader(ts.ReadFile(args[0])))
	ts.Check(err)
	runs := append(c.Worst, c.Slowest...)
	if len(c.Worst) == 0 || len(c.Slowest) == 0 {
		ts.Fatalf("the campaign tells of no runs")
	}
	for _, run := range runs {
		words := append(strings.Fields(run.Repeat), "--format", "json", "--fail-on", "never")
		var hashes [2]string
		for i := range hashes {
			ts.Check(ts.Exec(words[0], words[1:]...))
			doc, err := report.Parse([]byte(ts.ReadFile("stdout")))
			ts.Check(err)
			r := doc.Report
			hashes[i] = r.Hash
			again := report.SeedRun{
				Seed:         r.Seed,
				Verdict:      r.Verdict,
				DurationMS:   r.DurationMS,
				Collected:    r.Ledger.Collected,
				Delivered:    r.Ledger.Delivered,
				Copies:       r.Ledger.DeliveredCopies,
				DeadLettered: r.Ledger.DeadLettered,
				Spooled:      r.Ledger.Spooled,
				Finding:      run.Finding,
				Repeat:       run.Repeat,
			}
			if again != run {
				ts.Fatalf("%s\ngives %+v, the campaign says %+v", run.Repeat, again, run)
			}
		}
		if hashes[0] != hashes[1] {
			ts.Fatalf("%s gives two reports: %v", run.Repeat, hashes)
		}
	}
}

// writerFunc is a writer that is a function.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestHelpExamplesRun runs the examples of every command's help.
func TestHelpExamplesRun(t *testing.T) {
	reporttest.NothingRaces(t)
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, example := range helpExamples(newRootCommand(testStreams(t))) {
		if len(example.args) == 0 {
			example.args = []string{"--clock", "virtual"} // a test does not wait for the main job on the real clock
		}
		t.Run(example.text, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.CopyFS("testdata", os.DirFS(filepath.Join(root, "testdata"))); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			streams := testStreams(t)
			if len(example.args) > 0 && example.args[0] == "play" {
				streams.out = writerFunc(func(p []byte) (int, error) { // a page is served until then
					cancel()
					return len(p), nil
				})
			}
			if code := run(ctx, example.args, streams); code != exitOK {
				t.Errorf("exits with %d, want 0", code)
			}
		})
	}
}
