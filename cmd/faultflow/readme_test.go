package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
)

// TestReadmeShowsWhatIsPrinted runs what the README shows and looks for its output there. UPDATE_README=1 writes it anew.
func TestReadmeShowsWhatIsPrinted(t *testing.T) {
	const path = "../../README.md"
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	readme := string(old)
	for _, session := range []struct {
		after string // the text before the block that shows the output
		args  []string
	}{
		{"with the policies in place (seed 7; yours is drawn):\n\n```\n", []string{"--seed", "7", "--clock", "virtual"}},
		{"--fault 'collector.fetch=connection_refused,from=2s,to=40s'\n```\n\n```\n", []string{"--seed", "7", "--clock", "virtual",
			"--enable-circuit-breaker", "--cycles", "12", "--fault", "collector.fetch=connection_refused,from=2s,to=40s"}},
	} {
		var out bytes.Buffer
		s := testStreams(t)
		s.out = &out
		if code := run(context.Background(), session.args, s); code != exitOK {
			t.Fatalf("%v exits with %d", session.args, code)
		}
		want := out.String()
		if len(session.args) == 4 { // the README's is on the real clock, which a test does not wait for
			want = strings.NewReplacer("virtual clock", "real clock", " of virtual time", "").Replace(want)
		}
		before, rest, found := strings.Cut(readme, session.after)
		if !found {
			t.Fatalf("the README has no block after %q", session.after)
		}
		shown, rest, found := strings.Cut(rest, "```\n")
		if !found {
			t.Fatalf("the block after %q has no end", session.after)
		}
		if shown != want {
			t.Errorf("the README's output of %v is not what is printed:\n%s", session.args, want)
		}
		readme = before + session.after + want + "```\n" + rest
	}
	if os.Getenv("UPDATE_README") != "" {
		if err := os.WriteFile(path, []byte(readme), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
