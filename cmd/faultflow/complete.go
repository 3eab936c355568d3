package main

import (
	"bytes"
	"cmp"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/settings"
)

// completeAll gives a command and those below it their completions: its flags' words, and no file names where no file
// is meant, which the shell offers otherwise. A flag takes a file if its placeholder says so.
func completeAll(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil && !strings.Contains(cmd.Use, "[FILE]") {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if _, has := cmd.GetFlagCompletionFunc(f.Name); has {
			return
		}
		var choices []string
		switch v := f.Value.(type) {
		case *value[string]:
			choices = v.choices
		case settingFlag:
			choices = v.setting.Choices
		}
		placeholder, _ := pflag.UnquoteUsage(f)
		switch {
		case placeholder == "DIR":
			complete(cmd, f.Name, cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs))
		case placeholder != "FILE":
			completeWords(cmd, f.Name, choices)
		}
	})
	for _, c := range cmd.Commands() {
		completeAll(c)
	}
}

// completeWords completes a flag with some words.
func completeWords(cmd *cobra.Command, name string, words []string) {
	complete(cmd, name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

func complete(cmd *cobra.Command, name string, by cobra.CompletionFunc) {
	must(cmd.RegisterFlagCompletionFunc(name, by))
}

// must is for errors that only a defect of this program can cause.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// goesOn is for words that more can follow.
const goesOn = cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp

// scenarios completes files and folders with scenarios.
var scenarios = cobra.FixedCompletions([]string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt)

// completeRun completes the flags of a run that take more than a word.
func (o *rootOptions) completeRun(cmd *cobra.Command) {
	complete(cmd, "fault", o.faultsBegunWith)
	complete(cmd, "scenario", scenarios)
}

// faultsBegunWith completes --fault: places, the kinds that apply there, then the keys of such a fault, each with an
// example of a value.
func (o *rootOptions) faultsBegunWith(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	place, rest, hasPlace := strings.Cut(begun, "=")
	places := catalog.Places(strings.Split(o.given.Text("channels"), ","))
	var words []string
	if !hasPlace {
		for _, p := range places {
			words = append(words, string(p)+"=")
		}
		return words, goesOn
	}
	if !slices.Contains(places, catalog.Place(place)) {
		return nil, goesOn
	}
	if comma := strings.LastIndex(rest, ","); comma >= 0 {
		kinds, given, _ := strings.Cut(rest, ",")
		done := place + "=" + rest[:comma+1]
		for _, k := range keysBeside(kinds, given) {
			words = append(words, done+k.Name+"="+k.Example+"\t"+k.Meaning)
		}
		return words, goesOn
	}
	joined := place + "=" + rest[:strings.LastIndex(rest, "|")+1]
	for _, k := range fault.KindsAt(catalog.Place(place)) {
		words = append(words, joined+string(k))
	}
	return words, goesOn
}

// keysBeside are the keys that faults of some kinds, joined with |, can have beside those that are given.
func keysBeside(kinds, given string) []fault.Key {
	var taken []string
	for pair := range strings.SplitSeq(given, ",") {
		name, _, complete := strings.Cut(pair, "=")
		if complete {
			taken = append(taken, strings.TrimSpace(name))
		}
	}
	var list []fault.Key
	for _, k := range fault.Keys() {
		if k.Applies(strings.Split(kinds, "|")) && !slices.Contains(taken, k.Name) &&
			!slices.Contains(taken, k.Excludes) {
			list = append(list, k)
		}
	}
	return list
}

// sweepsBegunWith completes --sweep: the settings that campaigns vary, then the values of one that has a few, or its
// default to begin with.
func sweepsBegunWith(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	name, values, hasName := strings.Cut(begun, "=")
	var words []string
	for _, s := range settings.All() {
		switch {
		case s.Fixed || s.List():
		case !hasName:
			words = append(words, s.Name+"=\t"+s.Usage)
		case s.Name == name:
			done := values[:strings.LastIndex(values, ",")+1]
			for _, v := range sweepValues(s) {
				if !slices.Contains(strings.Split(done, ","), v) {
					words = append(words, name+"="+done+v)
				}
			}
		}
	}
	return words, goesOn
}

func sweepValues(s settings.Setting) []string {
	switch {
	case s.Choices != nil:
		return s.Choices
	case s.Type == settings.Bool:
		return []string{"true", "false"}
	case s.DefaultText() != "":
		return []string{s.DefaultText()}
	}
	return nil
}

// reports completes a file with a document that this program wrote, and folders on the way to one.
func reports(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	folder, prefix := filepath.Split(begun)
	entries, err := os.ReadDir(cmp.Or(folder, "."))
	if err != nil { // such as ~, which the shell knows
		return []string{"json"}, cobra.ShellCompDirectiveFilterFileExt
	}
	var words []string
	directive := cobra.ShellCompDirectiveNoFileComp
	for _, e := range entries {
		path := folder + e.Name()
		switch {
		case !strings.HasPrefix(e.Name(), prefix), prefix == "" && strings.HasPrefix(e.Name(), "."):
		case isFolder(path):
			words = append(words, path+string(filepath.Separator))
			directive = goesOn
		case isDocument(path):
			words = append(words, path)
		}
	}
	return words, directive
}

// aReport is for commands that take one.
func aReport(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return reports(cmd, args, begun)
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// isDocument reports whether a JSON file begins as the program's documents do, with their schema.
func isDocument(path string) bool {
	if filepath.Ext(path) != ".json" {
		return false
	}
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	begin := make([]byte, 64)
	n, err := io.ReadFull(file, begin)
	return (err == nil || err == io.ErrUnexpectedEOF) && bytes.Contains(begin[:n], []byte(`"schema": "faultflow.`))
}
