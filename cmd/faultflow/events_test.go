package main

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Programs read the log in JSON: each line of standard error is an object, also what is said behind the last event, and
// it has what the log as text has, with durations as in reports.
func TestLogInJSONHasWhatTheTextHas(t *testing.T) {
	logged := func(args ...string) []string {
		t.Helper()
		var out bytes.Buffer
		s := testStreams(t)
		s.err = &out
		args = append([]string{"--clock", "virtual", "--seed", "7",
			"--fault", "collector.fetch=http_503,calls=1", "--fault", "delivery.primary=locked,calls=900"}, args...)
		if code := run(context.Background(), args, s); code != exitInconclusive {
			t.Errorf("%q exits with %d:\n%s", args, code, &out)
		}
		return strings.Split(strings.TrimSpace(out.String()), "\n")
	}
	asText, asJSON := logged("--verbose"), logged("--log", "json")
	if len(asText) != len(asJSON) || len(asText) < 20 {
		t.Fatalf("%d lines of text, %d of JSON", len(asText), len(asJSON))
	}
	key := regexp.MustCompile(`(?:^| )([a-z]+)=`)
	quoted := regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	seen := map[string]bool{}
	for i, line := range asJSON {
		entry := map[string]any{}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		var has, wants []string
		for name, v := range entry {
			seen[name] = true
			_, isNumber := v.(float64)
			bare, inMS := strings.CutSuffix(name, "_ms")
			if numbered := inMS || slices.Contains([]string{"cycle", "attempt", "count"}, name); isNumber != numbered {
				t.Errorf("%s is %v: %s", name, v, line)
			}
			has = append(has, bare)
		}
		if said, is := strings.CutPrefix(asText[i], "faultflow: "); is {
			if entry["msg"] != said || len(has) != 2 {
				t.Errorf("%s\n%s", asText[i], line)
			}
			continue
		}
		for _, match := range key.FindAllStringSubmatch(quoted.ReplaceAllString(asText[i], `""`), -1) {
			wants = append(wants, match[1])
		}
		slices.Sort(has)
		slices.Sort(wants)
		if !slices.Equal(has, wants) || !strings.Contains(asText[i], "msg="+entry["msg"].(string)+" ") {
			t.Errorf("%s\n%s", asText[i], line)
		}
	}
	for _, name := range []string{"level", "at_ms", "wait_ms", "cycle", "node", "place", "attempt", "class", "detail"} {
		if !seen[name] {
			t.Errorf("no line has %s, so that nothing is shown of it", name)
		}
	}
	if last := asJSON[len(asJSON)-1]; !strings.Contains(last, `"level":"ERROR","msg":"inconclusive: `) {
		t.Errorf("the last line is %s", last)
	}
}
