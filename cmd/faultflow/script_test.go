package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
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
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("DATA", filepath.Join(root, "testdata"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
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

// TestHelpExamplesRun runs the examples of every command's help.
func TestHelpExamplesRun(t *testing.T) {
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
			if code := run(context.Background(), example.args, testStreams(t)); code != exitOK {
				t.Errorf("exits with %d, want 0", code)
			}
		})
	}
}
