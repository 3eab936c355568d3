package render_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"pgregory.net/rapid"

	"faultflow/internal/report"
)

// tapPoint is a test point as TAP 13 reads it.
type tapPoint struct {
	ok                             bool
	description, directive, reason string
	diagnostics                    map[string]any
}

var tapLine = regexp.MustCompile(`^(not )?ok (\d+)(?: - ?(.*))?$`)

// parseTAP is a strict reader of the TAP 13 that faultflow writes: it takes no line that it doesn't know.
func parseTAP(t reader, doc string) []tapPoint {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(doc, "\n"), "\n")
	if len(lines) < 2 || lines[0] != "TAP version 13" || !strings.HasSuffix(doc, "\n") {
		t.Fatalf("head of %q", doc)
	}
	plan, err := strconv.Atoi(strings.TrimPrefix(lines[1], "1.."))
	if err != nil {
		t.Fatalf("plan: %v", err)
	}
	var points []tapPoint
	for i := 2; i < len(lines); i++ {
		if lines[i] == "  ---" {
			var block []string
			for i++; i < len(lines) && lines[i] != "  ..."; i++ {
				inner, indented := strings.CutPrefix(lines[i], "  ")
				if !indented {
					t.Fatalf("line %q in a block of diagnostics", lines[i])
				}
				block = append(block, inner)
			}
			if i == len(lines) || len(points) == 0 || points[len(points)-1].diagnostics != nil {
				t.Fatalf("a block without end, or without a test point:\n%s", doc)
			}
			if err := yaml.Unmarshal(
				[]byte(strings.Join(block, "\n")),
				&points[len(points)-1].diagnostics,
			); err != nil {
				t.Fatalf("%v\n%s", err, strings.Join(block, "\n"))
			}
			continue
		}
		m := tapLine.FindStringSubmatch(lines[i])
		if m == nil {
			t.Fatalf("line %q", lines[i])
		}
		p := tapPoint{ok: m[1] == ""}
		p.description, p.directive, p.reason = tapDescription(t, m[3])
		points = append(points, p)
		if m[2] != strconv.Itoa(len(points)) {
			t.Fatalf("point %s in place %d", m[2], len(points))
		}
	}
	if len(points) != plan {
		t.Fatalf("%d points, planned %d", len(points), plan)
	}
	return points
}

// tapDescription undoes the escapes and takes the directive off, which begins with a # that is not escaped.
func tapDescription(t reader, s string) (description, directive, reason string) {
	var out strings.Builder
	escaped := false
	for i, r := range s {
		switch {
		case escaped:
			if r != '#' && r != '\\' {
				t.Fatalf("escape \\%c in %q", r, s)
			}
			out.WriteRune(r)
			escaped = false
		case r == '\\':
			escaped = true
		case r == '#':
			directive, reason, _ = strings.Cut(strings.TrimSpace(s[i+1:]), " ")
			return strings.TrimSpace(out.String()), directive, reason
		default:
			out.WriteRune(r)
		}
	}
	if escaped {
		t.Fatalf("%q ends within an escape", s)
	}
	return strings.TrimSpace(out.String()), "", ""
}

func TestTAPHasEveryResult(t *testing.T) {
	points := parseTAP(t, writeTests(t, testSets()["mixed"], "tap"))
	if len(points) != 5 {
		t.Fatalf("%+v", points)
	}
	if p := points[0]; !p.ok || p.description != "fine" || p.directive != "" || p.diagnostics != nil {
		t.Errorf("%+v", p)
	}
	if p := points[1]; p.ok || fmt.Sprint(
		p.diagnostics["status"],
		p.diagnostics["seed"],
	) != "failed7" || p.diagnostics["file"] != "scenarios/outage.yaml" {
		t.Errorf("%+v", p)
	}
	if p := points[2]; p.ok || p.diagnostics["status"] != "inconclusive" || p.directive != "" {
		t.Errorf("%+v", p)
	}
	if p := points[4]; !p.ok || p.directive != "SKIP" || !strings.HasPrefix(
		p.reason,
		"not run: ",
	) || p.diagnostics != nil {
		t.Errorf("%+v", p)
	}
}

func TestTAPEscapes(t *testing.T) {
	for name, want := range map[string]string{
		"plain":      "ok 1 - plain",
		"a # TODO b": `ok 1 - a \# TODO b`,
		`a\`:         `ok 1 - a\\`,
		`\#`:         `ok 1 - \\\#`,
		"a\nnot ok":  "ok 1 - a not ok",
		"":           "ok 1 -",
		" - ":        "ok 1 - -",
	} {
		doc := writeTests(t, &report.Tests{Results: []report.TestResult{passedResult(name, "a.yaml")}}, "tap")
		if got := strings.Split(doc, "\n")[2]; got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

// Any text makes TAP that can be read, and comes back but for what can't be shown.
func TestTAPOfAnyText(t *testing.T) {
	rapid.Check(
		t,
		func(t *rapid.T) {
			tests := anyTests().Draw(t, "tests")
			points := parseTAP(t, writeTests(t, tests, "tap"))
			for i, r := range tests.Results {
				p := points[i]
				if bad := r.Status != report.TestPassed && r.Status != report.TestSkipped; p.ok == bad ||
					(p.diagnostics != nil) != bad {
					t.Fatalf("%s is %+v", r.Status, p)
				}
				if want := strings.TrimSpace(report.Clean(r.Name)); p.description != want {
					t.Fatalf("description %q, want %q", p.description, want)
				}
				if (p.directive == "SKIP") != (r.Status == report.TestSkipped) {
					t.Fatalf("directive %q of %s", p.directive, r.Status)
				}
				if p.diagnostics == nil {
					continue
				}
				failures, _ := p.diagnostics["failures"].([]any)
				reasons, _ := p.diagnostics["reasons"].([]any)
				if len(
					failures,
				) != len(r.Failures) || len(reasons) != len(r.Reasons) || p.diagnostics["file"] != printed(r.File) {
					t.Fatalf("diagnostics %v of %+v", p.diagnostics, r)
				}
				for i, f := range r.Failures {
					got := failures[i].(map[string]any)
					values, _ := got["values"].([]any)
					if got["expect"] != printed(f.Expect) || len(values) != len(f.Values) {
						t.Fatalf("failure %v of %+v", got, f)
					}
					for i, v := range f.Values {
						if got := values[i].(map[string]any); got["name"] != printed(
							v.Name,
						) || got["value"] != printed(v.Text) {
							t.Fatalf("value %v of %+v", got, v)
						}
					}
				}
				for i, why := range r.Reasons {
					if got := reasons[i].(map[string]any)["reason"]; got != printed(why) {
						t.Fatalf("reason %q, want %q", got, printed(why))
					}
				}
			}
		},
	)
}

// prove is what TAP is for: it must count what the results say, be red where they are, and find nothing to complain of,
// also in the diagnostics.
func TestProveReadsTAP(t *testing.T) {
	for _, tool := range []string{"perl", "prove", "cat"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	perl := `use TAP::Parser; my $p = TAP::Parser->new({source => $ARGV[0]}); my $diagnostics = 0;
		while (my $r = $p->next) { $diagnostics++ if $r->is_yaml; print "unknown: ", $r->raw, "\n" if $r->is_unknown }
		printf "passed %d, failed %d, skipped %d, todo %d, diagnostics %d, errors %s\n", scalar($p->passed),
			scalar($p->failed), scalar($p->skipped), scalar($p->todo), $diagnostics, join(";", $p->parse_errors)`
	for name, tests := range testSets() {
		file := filepath.Join(t.TempDir(), name+".tap")
		if err := os.WriteFile(file, []byte(writeTests(t, tests, "tap")), 0o600); err != nil {
			t.Fatal(err)
		}
		failed := tests.Count(report.TestFailed) + tests.Count(report.TestInconclusive) +
			tests.Count(report.TestMalformed)
		skipped := tests.Count(report.TestSkipped)
		want := fmt.Sprintf("passed %d, failed %d, skipped %d, todo 0, diagnostics %d, errors \n",
			len(tests.Results)-failed, failed, skipped, failed)
		if got, err := exec.Command("perl", "-e", perl, file).CombinedOutput(); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v, want %s", name, got, err, want)
		}
		out, err := exec.Command("prove", "--exec", "cat", file).CombinedOutput()
		if (err != nil) != (failed > 0) {
			t.Errorf("%s: prove says %v of %d failed\n%s", name, err, failed, out)
		}
	}
}
