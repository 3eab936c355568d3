package main

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"faultflow/internal/reporttest"
)

// completed are the words that a shell would offer for the last of some arguments, and how it goes on.
func completed(t *testing.T, args ...string) (words []string, directive cobra.ShellCompDirective) {
	t.Helper()
	var out bytes.Buffer
	s := testStreams(t)
	s.out = &out
	if code := run(context.Background(), append([]string{cobra.ShellCompNoDescRequestCmd}, args...), s); code != exitOK {
		t.Fatalf("%q: %d", args, code)
	}
	words = strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	last := strings.TrimPrefix(words[len(words)-1], ":")
	for _, digit := range last {
		directive = directive*10 + cobra.ShellCompDirective(digit-'0')
	}
	return words[:len(words)-1], directive
}

// Where no file is meant, the shell must not offer those of the folder; where one is meant, it must.
func TestCompletionOffersFilesOnlyWhereTheyFit(t *testing.T) {
	reporttest.NothingRaces(t)
	const noFiles = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveFilterFileExt | cobra.ShellCompDirectiveFilterDirs
	flags := 0
	var visit func(c *cobra.Command, path []string)
	visit = func(c *cobra.Command, path []string) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Value.Type() == "bool" {
				return
			}
			flags++
			placeholder, _ := pflag.UnquoteUsage(f)
			_, directive := completed(t, append(slices.Clip(path), "--"+f.Name, "")...)
			if offers := directive&noFiles == 0; offers && placeholder != "FILE" {
				t.Errorf("%q --%s: files are offered for %s", path, f.Name, placeholder)
			} else if !offers && placeholder == "FILE" && f.Name != "scenario" {
				t.Errorf("%q --%s: no files are offered", path, f.Name)
			}
		})
		_, directive := completed(t, append(slices.Clip(path), "")...)
		if offers := directive&noFiles == 0; offers != strings.HasPrefix(c.Use, "new") {
			t.Errorf("%q: files are offered: %t", path, offers)
		}
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				visit(sub, append(slices.Clip(path), sub.Name()))
			}
		}
	}
	visit(newRootCommand(testStreams(t)), nil)
	if flags < 150 {
		t.Errorf("only %d flags were looked at", flags)
	}
}

// What takes several parts is completed part by part.
func TestCompletionGoesOn(t *testing.T) {
	for _, test := range []struct {
		args           string
		offers, others string // words with spaces between them; others are not offered
	}{
		{"--fault ", "collector.fetch= delivery.spool=", "collector.fetch=timeout"},
		{"--channels a,b --fault delivery.", "delivery.a= delivery.b=", "delivery.primary="},
		{"--fault collector.fetch=", "collector.fetch=timeout", "collector.fetch=ack_lost"},
		{"--fault collector.fetch=timeout,", "collector.fetch=timeout,p=0.5 collector.fetch=timeout,first=3",
			"collector.fetch=timeout,factor=10"},
		{"--fault collector.fetch=timeout,p=0.1,", "collector.fetch=timeout,p=0.1,first=3",
			"collector.fetch=timeout,p=0.1,p=0.5"},
		{"--fault collector.fetch=slow|timeout,", "collector.fetch=slow|timeout,factor=10",
			"collector.fetch=slow|timeout,period=10s"},
		{"--fault collector.fetch=slow,factor=3,", "collector.fetch=slow,factor=3,to=20s",
			"collector.fetch=slow,factor=3,by=2s"},
		{"--fault collector.fetch=slow|", "collector.fetch=slow|hang", "collector.fetch=hang"},
		{"campaign --fault collector.fetch=timeout,", "collector.fetch=timeout,p=0.5", ""},
		{"campaign --sweep ", "attempts= collector-breaker= failure-type=", "seed= clock= fault="},
		{"campaign --sweep failure-type=", "failure-type=network failure-type=storage", "failure-type="},
		{"campaign --sweep failure-type=network,", "failure-type=network,storage", "failure-type=network,network"},
		{"campaign --sweep fallback=", "fallback=true fallback=false", ""},
		{"campaign --sweep collector-attempts=", "collector-attempts=3", ""},
	} {
		got, directive := completed(t, strings.Split(test.args, " ")...)
		for _, word := range strings.Fields(test.offers) {
			if !slices.Contains(got, word) {
				t.Errorf("%s: %s is not offered: %q", test.args, word, got)
			}
		}
		for _, word := range strings.Fields(test.others) {
			if slices.Contains(got, word) {
				t.Errorf("%s: %s is offered", test.args, word)
			}
		}
		if directive != goesOn {
			t.Errorf("%s: directive %d, want %d", test.args, directive, goesOn)
		}
	}
}

// Commands that read reports are offered those, and the folders on the way, and none of the other files.
func TestCompletionOffersReports(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"run.json":      `{"schema": "faultflow.report/v2", "x": 1}`,
		"campaign.json": "{\n  \"schema\": \"faultflow.campaign/v2\"}",
		"package.json":  `{"name": "x", "version": "1"}`,
		"empty.json":    "",
		"notes.txt":     `{"schema": "faultflow.report/v2"}`,
		"a.yaml":        "name: x",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, command := range []string{"show", "compare", "merge"} {
		got, directive := completed(t, command, "")
		if want := []string{
			"campaign.json",
			"run.json",
		}; !slices.Equal(got, want) ||
			directive != cobra.ShellCompDirectiveNoFileComp {
			t.Errorf("%s: %q, %d, want %q", command, got, directive, want)
		}
	}
	if got, _ := completed(t, "show", "r"); !slices.Equal(got, []string{"run.json"}) {
		t.Errorf("begun with r: %q", got)
	}
	if got, _ := completed(t, "show", "run.json", ""); len(got) > 0 {
		t.Errorf("show takes one report, and is offered %q", got)
	}
	if err := os.Mkdir("reports", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename("run.json", "reports/run.json"); err != nil {
		t.Fatal(err)
	}
	if got, directive := completed(t, "compare", "r"); !slices.Equal(got, []string{"reports" + string(os.PathSeparator)}) || directive != goesOn {
		t.Errorf("a folder: %q, %d", got, directive)
	}
	if got, _ := completed(t, "compare", "reports/"); !slices.Equal(got, []string{"reports/run.json"}) {
		t.Errorf("in a folder: %q", got)
	}
}

// A slip of the hand gets the word that may have been meant, wherever words are known.
func TestDidYouMean(t *testing.T) {
	for args, want := range map[string]string{
		"tets":                         `unknown command "tets" (did you mean test?); commands: `,
		"help tets":                    `unknown command "tets" (did you mean test?); commands: `,
		"help scenario chek":           `unknown command "chek" (did you mean check?); commands: `,
		"scenario chek":                `unknown command "chek" (did you mean check?); commands: `,
		"completion bsh":               `unknown command "bsh" (did you mean bash?); commands: `,
		"--failure-type netwrok":       `--failure-type "netwrok": want one of network, processing, storage, random, data, resource, degradation (did you mean network?)`,
		"--format jsno":                `--format "jsno": want one of text, json, markdown, html, junit (did you mean json?)`,
		"--color alwys":                `--color "alwys": want one of auto, always, never (did you mean always?)`,
		"test --format jnit x":         `(did you mean junit?)`,
		"--graph xyz":                  "want one of standard, recovery\n",
		"campaign --sweep atempts=1":   "(did you mean attempts?)",
		"--fault collector.fetsh=hang": "(did you mean collector.fetch?)",
	} {
		var errs bytes.Buffer
		s := testStreams(t)
		s.err = &errs
		if code := run(context.Background(), strings.Fields(args), s); code != exitUsage ||
			!strings.Contains(errs.String(), want) {
			t.Errorf("%s: %d, %s, want %s", args, code, errs.String(), want)
		}
	}
}
