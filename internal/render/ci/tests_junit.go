package ci

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"faultflow/internal/render"
	"faultflow/internal/report"
)

// WriteTestJUnit writes test results as XML as Jenkins, GitLab and others read it: a failed scenario has a <failure>,
// an inconclusive one and a file that is wrong an <error> of that type (JUnit's word for a test that came to no
// judgement), a skipped one a <skipped>. There is one test suite per file and a test case per scenario. The class name
// is the file's path without its extension and with _ for each dot, since readers take dots for packages and what
// follows the last one for the class. Times are real ones, in seconds; nothing else depends on the machine or the day.
func WriteTestJUnit(w io.Writer, t *report.Tests) error {
	suites := &junit.Testsuites{Name: "faultflow", Time: seconds(t.RealMS)}
	var files []string
	byFile := map[string]*junit.Testsuite{}
	realMS := map[string]float64{}
	for _, r := range t.Results {
		suite := byFile[r.File]
		if suite == nil {
			suite = &junit.Testsuite{ID: len(files), Name: xmlText(r.File), File: xmlText(r.File)}
			byFile[r.File] = suite
			files = append(files, r.File)
		}
		suite.AddTestcase(junitCase(r))
		realMS[r.File] += r.RealMS
	}
	for _, file := range files {
		byFile[file].Time = seconds(realMS[file])
		suites.AddSuite(*byFile[file])
	}
	return writeSuites(w, suites)
}

func writeSuites(w io.Writer, suites *junit.Testsuites) error {
	suites.Skipped = 0 // Jenkins' schema has no sum of them; each suite has its own
	if _, err := io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"); err != nil {
		return err
	}
	return suites.WriteXML(w)
}

func junitCase(r report.TestResult) junit.Testcase {
	c := junit.Testcase{
		Name:      xmlText(r.Name),
		Classname: xmlText(className(r.File)),
		Time:      seconds(r.RealMS),
	}
	result := &junit.Result{Type: string(r.Status), Message: xmlText(render.Headline(r))}
	if r.Status != report.TestSkipped {
		result.Data = "\n" + xmlText(render.TestDetails(r)...) + "\n"
	}
	switch r.Status {
	case report.TestFailed:
		c.Failure = result
	case report.TestInconclusive, report.TestMalformed:
		c.Error = result
	case report.TestSkipped:
		c.Skipped = result
	}
	return c
}

func className(file string) string {
	path := filepath.ToSlash(filepath.Clean(file))
	return strings.ReplaceAll(strings.TrimSuffix(path, filepath.Ext(path)), ".", "_")
}

func seconds(ms float64) string { return fmt.Sprintf("%.3f", ms/1000) }

// xmlText joins lines into text that is legal in XML 1.0.
func xmlText(lines ...string) string {
	for i, line := range lines {
		lines[i] = legal(line)
	}
	return strings.Join(lines, "\n")
}

// legal cleans a line and leaves out the two characters that are neither controls nor legal in XML 1.0 (its section
// 2.2) and YAML 1.2 (5.1).
func legal(s string) string {
	return strings.NewReplacer("\ufffe", "", "\uffff", "", render.Tie, " ").Replace(report.Clean(s))
}
