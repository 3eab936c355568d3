package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// TestReadmeShowsWhatIsPrinted makes the README's first run and looks for its output there. UPDATE_README=1 writes it anew.
func TestReadmeShowsWhatIsPrinted(t *testing.T) {
	readme := readReadme(t)
	var out bytes.Buffer
	s := testStreams(t)
	s.out = &out
	if code := run(context.Background(), []string{"--seed", "7", "--clock", "virtual"}, s); code != exitOK {
		t.Fatalf("the run exits with %d", code)
	}
	// The README's is on the real clock, which a test does not wait for.
	want := strings.NewReplacer("virtual clock", "real clock", " of virtual time", "").Replace(out.String())
	_, rest, found := strings.Cut(readme, "with the policies in place (seed 7; yours is drawn):\n\n```\n")
	if !found {
		t.Fatal("the README has no block for the first run's output")
	}
	before := strings.TrimSuffix(readme, rest)
	shown, after, found := strings.Cut(rest, "```\n")
	if !found {
		t.Fatal("the block has no end")
	}
	if shown != want {
		t.Errorf("the README's output is not what is printed:\n%s", want)
	}
	if os.Getenv("UPDATE_README") != "" {
		if err := os.WriteFile("../../README.md", []byte(before+want+"```\n"+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReadmeCampaigns runs the README's campaigns, in small, and holds the sweep of policies against what is shown of it.
func TestReadmeCampaigns(t *testing.T) {
	readme := readReadme(t)
	t.Chdir("../..")
	_, rest, _ := strings.Cut(readme, "## Thousands of runs\n")
	commands, rest, _ := strings.Cut(rest, "```\n\nIt tells")
	_, commands, _ = strings.Cut(commands, "```sh\n")
	for line := range strings.Lines(commands) {
		args := shellWords(regexp.MustCompile(`--runs [0-9]+`).ReplaceAllString(line, "--runs 20"))
		if code := run(context.Background(), args[1:], testStreams(t)); code != exitOK && code != exitVerdict { // 20 runs prove little
			t.Errorf("%s exits with %d", line, code)
		}
	}
	_, rest, _ = strings.Cut(rest, "```sh\n")
	sweep, rest, _ := strings.Cut(rest, "```\n\n```\n")
	shown, _, found := strings.Cut(rest, "```\n")
	if !found {
		t.Fatal("the README shows no sweep")
	}
	sweep = strings.ReplaceAll(sweep, "\\\n", " ")
	var out bytes.Buffer
	s := testStreams(t)
	s.out = &out
	if code := run(context.Background(), shellWords(sweep)[1:], s); code != exitOK {
		t.Errorf("%s exits with %d", sweep, code)
	}
	if !strings.Contains(out.String(), shown) {
		t.Errorf("the README's sweep is not what is printed:\n%s", out.String())
	}
}

// TestReadmeScenario runs the scenario that the README shows, over many seeds.
func TestReadmeScenario(t *testing.T) {
	readme := readReadme(t)
	_, rest, _ := strings.Cut(readme, "# checks/outage.yaml\n")
	text, _, found := strings.Cut(rest, "```\n")
	if !found {
		t.Fatal("the README shows no scenario")
	}
	path := filepath.Join(t.TempDir(), "outage.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := run(context.Background(), []string{"test", path, "--seeds", "20"}, testStreams(t)); code != exitOK {
		t.Errorf("the README's scenario exits with %d, want 0", code)
	}
}

// TestReadmeCISnippets parses the README's snippets for CI systems and runs the commands in them, as a runner would: in a
// copy of what a checkout has, with the environment that GitHub Actions gives.
func TestReadmeCISnippets(t *testing.T) {
	readme := readReadme(t)
	var commands []string
	for _, first := range []string{"jobs:\n  resilience:\n", "resilience:\n  image:"} {
		i := strings.Index(readme, "```yaml\n"+first)
		if i < 0 {
			t.Fatalf("the README has no snippet that begins with %q", first)
		}
		snippet, _, _ := strings.Cut(readme[i+len("```yaml\n"):], "```\n")
		var parsed any
		if err := yaml.Unmarshal([]byte(snippet), &parsed); err != nil {
			t.Fatalf("the snippet is no YAML: %v", err)
		}
		for line := range strings.SplitSeq(snippet, "\n") {
			if _, args, ok := strings.Cut(line, "go run ./cmd/faultflow "); ok {
				commands = append(commands, args)
			}
		}
	}
	if len(commands) != 2 {
		t.Fatalf("the snippets run %q, want one command each", commands)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.CopyFS("testdata", os.DirFS(filepath.Join(root, "testdata"))); err != nil {
		t.Fatal(err)
	}
	for _, args := range commands {
		s := testStreams(t)
		env := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "summary.md"}
		s.getenv = func(name string) string { return env[name] }
		if code := run(context.Background(), strings.Fields(args), s); code != exitOK {
			t.Errorf("%s exits with %d, want 0", args, code)
		}
	}
	for _, file := range []string{"summary.md", "scenarios.xml"} {
		if info, err := os.Stat(file); err != nil || info.Size() == 0 {
			t.Errorf("%s was not written: %v", file, err)
		}
	}
}

func readReadme(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
