//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"faultflow/internal/postgrestest"
	"faultflow/internal/reporttest"
)

// TestFieldsComeOutEqual sends real records, and some that are hard to keep, from every format through every channel,
// and has Python compare what came out with what went in.
func TestFieldsComeOutEqual(t *testing.T) {
	reporttest.NothingRaces(t)
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("python3 is not there, which compares the records: .ci/run installs it")
	}
	t.Run("files and SQLite", func(t *testing.T) {
		throughChannels(t, python, []end{
			{"ndjson", "out.ndjson", func(out string) string { return "file:" + out }},
			{"ndjson", "stdout.ndjson", func(string) string { return "stdout:" }},
			{"csv", "out.csv", func(out string) string { return "file:" + out }},
			{"sqlite", "out.db", func(out string) string { return "sqlite:" + out + "?table=t" }},
		}, nil)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		server := postgrestest.Start(t)
		url := server.URL() + "&table=t"
		throughChannels(t, python, []end{{"rows", "out.rows", func(string) string { return url }}}, func(out string) {
			texts := server.SQL("SELECT coalesce(json_agg(attname), '[]') FROM pg_attribute " +
				"WHERE attrelid = 't'::regclass AND atttypid IN ('text'::regtype, 'jsonb'::regtype)")
			rows := server.SQL("SELECT row_to_json(t) FROM t")
			server.SQL("DROP TABLE t")
			if err := os.WriteFile(out, []byte(texts+"\n"+rows+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		})
	})
}

// end is a channel: as what the result is compared, its file, and the channel's URL.
type end struct {
	kind, file string
	url        func(file string) string
}

// throughChannels sends each set of records through each of the channels. after is told when one is done.
func throughChannels(t *testing.T, python string, ends []end, after func(out string)) {
	script := filepath.Join("..", "..", "testdata", "vega-datasets", "compare.py")
	folder := filepath.Dir(script)
	if given := os.Getenv("FAULTFLOW_DATASETS"); given != "" {
		folder = given
	}
	var list bytes.Buffer
	for _, records := range append(dataFiles(t, folder), "") {
		dir := filepath.Join(t.TempDir(), strings.ReplaceAll(filepath.Base(records), ".", "-"))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		write := []string{script, "write", records, dir}
		if records == "" {
			write = []string{script, "edges", dir}
		}
		if out, err := exec.Command(python, write...).CombinedOutput(); err != nil {
			t.Logf("%s is left out: %s", records, lastLine(out)) // it is no list of records
			if os.Getenv("FAULTFLOW_DATASETS") == "" || records == "" {
				t.Fail()
			}
			continue
		}
		for _, in := range []string{"in.json", "spread.json", "in.ndjson.gz", "in.csv", "in.tsv"} {
			for _, e := range ends {
				out := filepath.Join(dir, in+"-"+e.file)
				send(t, filepath.Join(dir, in), e.url(out), out)
				if after != nil {
					after(out)
				}
				line, err := json.Marshal([]string{filepath.Join(dir, in), out, e.kind})
				if err != nil {
					t.Fatal(err)
				}
				list.Write(append(line, '\n'))
			}
		}
	}
	listed := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(listed, list.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(python, script, "check", listed).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// dataFiles are the files of a folder that have records.
func dataFiles(t *testing.T, folder string) (files []string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if slices.Contains([]string{".csv", ".tsv", ".json"}, filepath.Ext(e.Name())) {
			files = append(files, filepath.Join(folder, e.Name()))
		}
	}
	return files
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// send makes a run that delivers an input to a channel. Standard output goes into out, if the channel is that.
func send(t *testing.T, in, url, out string) {
	t.Helper()
	var records, said bytes.Buffer
	s := testStreams(t)
	s.out, s.err = &records, &said
	args := []string{"--input", in, "--channel", "c=" + url, "--batch-size", "10000", "--quiet"}
	if code := run(t.Context(), args, s); code != exitOK {
		t.Fatalf("%s to %s exits with %d:\n%s%s", in, url, code, &records, &said)
	}
	if url == "stdout:" {
		if err := os.WriteFile(out, records.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
