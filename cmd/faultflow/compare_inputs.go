package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"faultflow/internal/compare"
	"faultflow/internal/report"
)

// compareInputs reads or makes the inputs of a comparison: files and folders first, then runs. None of them may be the
// file that the comparison is written to.
func compareInputs(
	ctx context.Context, o *compareOptions, args []string, file *reportFile, s *streams,
) ([]compare.Input, error) {
	var inputs []compare.Input
	var runs []*comparedRun
	folders, stdin := 0, 0
	for i, path := range args {
		in := compare.Input{Source: compare.Source{Label: fileLabel(args, i), Source: path}}
		info, err := os.Stat(path)
		switch {
		case path == "-":
			if stdin++; stdin > 1 {
				return nil, usageError("- can be named once: standard input holds one document")
			}
			in.Label = "stdin"
			in.Documents, err = readCompared(ctx, path, s)
		case err != nil:
			return nil, fmt.Errorf("compare: %w", err)
		case info.IsDir():
			folders++
			in.Documents, err = readFolder(ctx, path, file, s)
		case isYAML(path):
			var run *comparedRun
			run, err = newComparedRun([]string{"--scenario", path}, s)
			if err == nil {
				run.input = len(inputs)
				runs = append(runs, run)
			}
		default:
			in.Documents, err = readCompared(ctx, path, s)
		}
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, in)
	}
	if folders > 0 && folders < len(args)+len(o.runs) {
		return nil, usageError("folders are compared with folders; name a report of each, or folders only")
	}
	for _, text := range o.runs {
		run, err := parseRun(text, s)
		if err != nil {
			return nil, inRun(text, err)
		}
		run.input = len(inputs)
		runs = append(runs, run)
		inputs = append(inputs, compare.Input{Source: compare.Source{Source: text}})
	}
	for _, run := range runs {
		if err := file.notOneOf(run.scenario, run.job.settings.Input); err != nil {
			return nil, err
		}
	}
	return inputs, makeRuns(ctx, inputs, runs, s)
}

// fileLabel is a file's name without its extension, or its whole path if another file has the same name.
func fileLabel(paths []string, i int) string {
	short := func(path string) string {
		base := filepath.Base(path)
		return strings.TrimSuffix(base, filepath.Ext(base))
	}
	for n, other := range paths {
		if n != i && short(other) == short(paths[i]) {
			return paths[i]
		}
	}
	return short(paths[i])
}

func readCompared(ctx context.Context, path string, s *streams) (map[string]compare.Document, error) {
	doc, err := readIntact(ctx, path, s)
	return map[string]compare.Document{"": {Document: doc}}, err
}

// readIntact reads a document, and refuses one that was changed after it was written: a comparison would tell of
// something that did not happen.
func readIntact(ctx context.Context, path string, s *streams) (report.Document, error) {
	doc, err := readDocument(ctx, path, s)
	path = documentName(path)
	if errors.Is(err, report.ErrHash) {
		return doc, usageError("the hash of %s does not match its contents: "+
			"it was changed after it was written, or damaged; write it again with --report FILE", path)
	}
	if err != nil {
		return doc, documentError(path, err)
	}
	if doc.Report == nil && doc.Tests == nil && doc.Campaign == nil {
		return doc, usageError("%s can't be compared: it holds neither a report, nor test results, nor a campaign; "+
			"faultflow show shows it", path)
	}
	return doc, nil
}

// readFolder reads the reports of a folder. Each is named after its scenario; a report without one, or of a scenario
// that has several reports, after its file without .json.
func readFolder(
	ctx context.Context, dir string, file *reportFile, s *streams,
) (map[string]compare.Document, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	byFile, reportsOf := map[string]compare.Document{}, map[string]int{}
	for _, e := range entries {
		name, isReport := strings.CutSuffix(e.Name(), ".json")
		if !isReport || e.IsDir() {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if err := file.notOneOf(path); err != nil {
			return nil, err
		}
		doc, err := readIntact(ctx, path, s)
		if err != nil {
			return nil, err
		}
		byFile[name] = compare.Document{Document: doc}
		reportsOf[name]++
		if scenario := byFile[name].Scenario(); scenario != "" {
			reportsOf[scenario]++
		}
	}
	if len(byFile) == 0 {
		return nil, usageError("%s holds no reports (*.json)", dir)
	}
	documents := map[string]compare.Document{}
	for name, doc := range byFile {
		if scenario := doc.Scenario(); scenario != "" && (scenario == name || reportsOf[scenario] == 1) {
			name = scenario
		}
		documents[name] = doc
	}
	return documents, nil
}
