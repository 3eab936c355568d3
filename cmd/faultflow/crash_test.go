//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"faultflow/internal/postgrestest"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
)

// crashed are where the records of the crash test go: how a channel is named, and what is there at last, by id.
type crashed struct {
	url  string
	rows func(t *testing.T) map[string]int
}

// TestKilledAtAnyInstant kills a run again and again, kill -9 at random instants, and lets the same command go on. At
// last each record is there: once where the channel takes keys or can be cut back, and nowhere fewer times; the ledger
// balances over all lives. make crash kills it 200 times for each channel.
func TestKilledAtAnyInstant(t *testing.T) {
	reporttest.NothingRaces(t)
	kills, rows := 6, 2_000
	if os.Getenv("FAULTFLOW_CRASH") != "" {
		kills, rows = 200, 10_000
	}
	input := filepath.Join(t.TempDir(), "in.ndjson")
	var text bytes.Buffer
	for i := range rows {
		fmt.Fprintf(&text, "{\"id\":\"r%d\",\"n\":%d}\n", i, i)
	}
	if err := os.WriteFile(input, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, begin := range map[string]func(t *testing.T) crashed{
		"file":     crashedFile,
		"sqlite":   crashedSQLite,
		"postgres": crashedPostgres,
		"webhook":  crashedWebhook,
	} {
		t.Run(name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("instants drawn from %d", seed)
			draw := rand.New(rand.NewPCG(seed, 0))
			for killed := 0; killed < kills; { // a run that was over before it was killed is followed by another
				killed += killedUntilOver(t, name, input, begin(t), rows, kills-killed, draw)
			}
		})
	}
}

// killedUntilOver kills a run at most so often, lets it end, and looks at what is there. It returns how often it was
// killed.
func killedUntilOver(t *testing.T, name, input string, to crashed, rows, most int, draw *rand.Rand) (killed int) {
	t.Helper()
	args := []string{
		"--input", input, "--state", t.TempDir(), "--channel", "out=" + to.url, "--batch-size", "50", "--quiet",
		"--format", "json",
	}
	for killed < most {
		cmd := exec.Command("faultflow", args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		end := time.AfterFunc(time.Duration(draw.IntN(120))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		end.Stop()
		if err == nil {
			break
		}
		killed++
	}
	out, err := exec.Command("faultflow", args...).Output()
	if err != nil {
		t.Fatalf("after %d kills: %v", killed, err)
	}
	var rep report.Report
	if err := json.Unmarshal(out, &rep); err != nil {
		t.Fatal(err)
	}
	there, doubled := to.rows(t), 0
	for _, times := range there {
		doubled += times - 1
	}
	t.Logf("%d kills, %d lives; %d records there, %d of them again", killed, rep.Meta.Lives, len(there), doubled)
	if l := rep.Ledger; len(there) != rows || !l.Balanced || l.Collected != int64(rows) || l.Delivered != int64(rows) {
		t.Errorf("%d of %d records are there; ledger %+v", len(there), rows, l)
	}
	if name != "webhook" && doubled > 0 || int64(doubled) > rep.Delivery.PossibleDuplicates {
		t.Errorf("%d records are there again, %d may be", doubled, rep.Delivery.PossibleDuplicates)
	}
	return killed
}

// byID counts lines of JSON by their ids.
func byID(t *testing.T, lines io.Reader) map[string]int {
	t.Helper()
	ids := map[string]int{}
	for scan := bufio.NewScanner(lines); scan.Scan(); {
		var r struct{ ID string }
		if err := json.Unmarshal(scan.Bytes(), &r); err != nil {
			t.Fatalf("%q: %v", scan.Text(), err)
		}
		ids[r.ID]++
	}
	return ids
}

func crashedFile(t *testing.T) crashed {
	path := filepath.Join(t.TempDir(), "out.ndjson")
	return crashed{"file:" + path, func(t *testing.T) map[string]int {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return byID(t, bytes.NewReader(data))
	}}
}

func crashedSQLite(t *testing.T) crashed {
	url := "sqlite:" + filepath.Join(t.TempDir(), "out.db")
	return crashed{url + "?table=records", func(t *testing.T) map[string]int { return queried(t, url+"?") }}
}

func crashedPostgres(t *testing.T) crashed {
	url := postgrestest.Start(t).URL()
	return crashed{url + "&table=records", func(t *testing.T) map[string]int { return queried(t, url+"&") }}
}

// queried counts the rows of the table by their ids.
func queried(t *testing.T, url string) map[string]int {
	t.Helper()
	out := filepath.Join(t.TempDir(), "copy.ndjson")
	copied := exec.Command("faultflow", "--input", url+"query=select id from records", "--channel", "out=file:"+out,
		"--batch-size", "1000", "--quiet")
	if text, err := copied.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return byID(t, bytes.NewReader(data))
}

func crashedWebhook(t *testing.T) crashed {
	var mu sync.Mutex
	ids := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil { // a sender that died has not sent it
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for id, n := range byID(t, strings.NewReader(string(data))) {
			ids[id] += n
		}
	}))
	t.Cleanup(server.Close)
	return crashed{server.URL, func(*testing.T) map[string]int {
		mu.Lock()
		defer mu.Unlock()
		return ids
	}}
}
