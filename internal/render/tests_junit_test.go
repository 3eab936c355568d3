package render_test

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jstemmer/go-junit-report/v2/junit"
	"pgregory.net/rapid"

	"faultflow/internal/report"
)

// schemas are the files to hold JUnit against: ours, and a published one if the environment names it.
func schemas() []string {
	list := []string{filepath.Join("testdata", "tests", "junit.xsd")}
	if other := os.Getenv("FAULTFLOW_JUNIT_XSD"); other != "" {
		list = append(list, other)
	}
	return list
}

// validate asks xmllint about a document. Without xmllint the test is skipped, but not in CI.
func validate(t *testing.T, schema, doc string) error {
	t.Helper()
	path, err := exec.LookPath("xmllint")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("xmllint is missing; CI must have it (Debian: libxml2-utils)")
		}
		t.Skip("xmllint is missing (Debian: libxml2-utils)")
	}
	cmd := exec.Command(path, "--nonet", "--noout", "--schema", schema, "-")
	cmd.Stdin = strings.NewReader(doc)
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.New(string(out))
	}
	return nil
}

func TestJUnitIsValid(t *testing.T) {
	for name, tests := range testSets() {
		for _, schema := range schemas() {
			t.Run(name+"/"+filepath.Base(schema), func(t *testing.T) {
				if err := validate(t, schema, writeTests(t, tests, "junit")); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// The schema must be able to say no.
func TestJUnitSchemaRejects(t *testing.T) {
	doc := writeTests(t, testSets()["mixed"], "junit")
	for _, change := range [][2]string{
		{`type="inconclusive"`, `type="vague"`},
		{`time="0.042"`, `time="42ms"`},
		{`<skipped `, `<omitted `},
		{` classname="scenarios/later"`, ``},
		{`id="1"`, `id="0"`},
		{`errors="1"`, `errors="one"`},
		{`<failure `, `<failure line="3" `},
	} {
		if !strings.Contains(doc, change[0]) {
			t.Fatalf("the document has no %s:\n%s", change[0], doc)
		}
		if err := validate(t, schemas()[0], strings.Replace(doc, change[0], change[1], 1)); err == nil {
			t.Errorf("%s for %s is valid", change[1], change[0])
		}
	}
}

func parseJUnit(t reader, doc string) junit.Testsuites {
	t.Helper()
	var suites junit.Testsuites
	d := xml.NewDecoder(strings.NewReader(doc))
	if err := d.Decode(&suites); err != nil {
		t.Fatalf("%v\n%s", err, doc)
	}
	if end, err := d.Token(); err != nil || string(end.(xml.CharData)) != "\n" {
		t.Fatalf("%v %v follows the document", end, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		t.Fatalf("something follows the document: %v", err)
	}
	return suites
}

func TestJUnitHasEveryResult(t *testing.T) {
	suites := parseJUnit(t, writeTests(t, testSets()["mixed"], "junit"))
	if suites.Tests != 5 || suites.Failures != 2 || suites.Errors != 1 || suites.Time != "0.042" || len(
		suites.Suites,
	) != 4 {
		t.Errorf("%+v", suites)
	}
	outage := suites.Suites[0]
	if outage.Name != "scenarios/outage.yaml" || outage.File != outage.Name || outage.Tests != 2 ||
		outage.Failures != 1 || outage.Time != "0.005" {
		t.Errorf("%+v", outage)
	}
	c := outage.Testcases[1]
	if c.Name != "outage of the source" || c.Classname != "scenarios/outage" || c.Time != "0.004" ||
		c.Failure == nil || c.Error != nil {
		t.Fatalf("%+v", c)
	}
	if want := `does not hold: breaker("collector").opened >= 2 · 1 more`; c.Failure.Message != want {
		t.Errorf("message %q, want %q", c.Failure.Message, want)
	}
	want := `
scenarios/outage.yaml · seed 7
line 12: does not hold: breaker("collector").opened >= 2
    breaker("collector").opened = 1
line 13: does not hold: ledger.lost == 0 && delivery.status == "delivered"
    ledger.lost = 2
    delivery.status = "failed"
the fault collector.fetch=timeout never fired (it was armed for 3 calls)
repeat: faultflow --scenario scenarios/outage.yaml --seed 7
`
	if c.Failure.Data != want {
		t.Errorf("text %q, want %q", c.Failure.Data, want)
	}
	if c := suites.Suites[1].Testcases[0]; c.Error == nil || c.Error.Type != "inconclusive" || c.Failure != nil ||
		!strings.Contains(
			c.Error.Data,
			"seed 9",
		) {
		t.Errorf("inconclusive: %+v", c)
	}
	if c := suites.Suites[3].Testcases[0]; c.Skipped == nil || suites.Suites[3].Skipped != 1 {
		t.Errorf("skipped: %+v", c)
	}
}

// Any text makes well-formed XML, and comes back but for what can't be shown.
func TestJUnitOfAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tests := anyTests().Draw(t, "tests")
		suites := parseJUnit(t, writeTests(t, tests, "junit"))
		if suites.Tests != len(
			tests.Results,
		) || suites.Failures != tests.Count(
			report.TestFailed,
		) || suites.Errors != tests.Count(report.TestInconclusive)+tests.Count(report.TestMalformed) {
			t.Fatalf("%d tests, %d failures, %d errors", suites.Tests, suites.Failures, suites.Errors)
		}
		got := map[string]int{}
		for _, s := range suites.Suites {
			for _, c := range s.Testcases {
				got[s.Name+"\x00"+c.Name]++
			}
		}
		for _, r := range tests.Results {
			key := printed(r.File) + "\x00" + printed(r.Name)
			if got[key]--; got[key] < 0 {
				t.Fatalf("no test case %q in %v", key, got)
			}
		}
	})
}

// TestJUnitClassNamesHaveNoDots: readers take dots for packages, so that network.v2.yaml and storage.v2.yaml would both
// be tests of a class v2.
func TestJUnitClassNamesHaveNoDots(t *testing.T) {
	for file, want := range map[string]string{
		"scenarios/outage.yaml":       "scenarios/outage",
		"scenarios/network.v2.yaml":   "scenarios/network_v2",
		"./a.b/../checks.d/calm.yaml": "checks_d/calm",
		"../calm.yaml":                "__/calm",
		"calm":                        "calm",
	} {
		tests := &report.Tests{Results: []report.TestResult{passedResult("a.b", file)}}
		suites := parseJUnit(t, writeTests(t, tests, "junit"))
		if c := suites.Suites[0].Testcases[0]; c.Classname != want || c.Name != "a.b" || suites.Suites[0].File != file {
			t.Errorf("%s is the class %s, want %s; in %+v", file, c.Classname, want, suites.Suites[0])
		}
	}
}
