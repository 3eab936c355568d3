package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"faultflow/internal/report"
	"faultflow/internal/scenario"
)

// loadScenarios finds and checks all files. It reports every mistake, and fails once for all.
func loadScenarios(paths []string, s *streams) ([]*scenario.Scenario, error) {
	files, err := scenarioFiles(paths)
	if err != nil {
		return nil, err
	}
	var list []*scenario.Scenario
	wrong := 0
	for _, path := range files {
		found, err := scenario.Load(path)
		var mistake *scenario.FileError
		if errors.As(err, &mistake) {
			wrong++
			fmt.Fprintf(s.err, "%s\n", cleanLines(mistake.Error()))
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	if wrong > 0 {
		message := fmt.Sprintf("files that are wrong: %d of %d; nothing was run", wrong, len(files))
		return nil, &exitError{code: exitUsage, message: message}
	}
	return list, nil
}

// cleanLines makes each line safe for a terminal: messages quote lines of files, which can hold anything.
func cleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = report.Clean(strings.ReplaceAll(lines[i], "\t", " "))
	}
	return strings.Join(lines, "\n")
}

// scenarioFiles lists the files of some paths: files as they are named, and the YAML files in and below folders, which
// can be written DIR or DIR/... Folders whose name begins with a dot are left out.
func scenarioFiles(paths []string) ([]string, error) {
	if len(paths) == 0 {
		return nil, usageError("name files or folders with scenarios, such as testdata/scenarios or ./...")
	}
	var files []string
	for _, path := range paths {
		root := strings.TrimSuffix(path, "...")
		if root != path {
			root = filepath.Clean(cmp.Or(root, "."))
		}
		found := 0
		err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && p != root && strings.HasPrefix(d.Name(), "."):
				return fs.SkipDir
			case d.IsDir():
				return nil
			case p == root || isScenarioFile(p):
				found++
				if p = filepath.Clean(p); !slices.Contains(files, p) { // each file runs once, however it is named
					files = append(files, p)
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("scenario: %w", err)
		}
		if found == 0 {
			return nil, usageError("%s holds no scenario files (*.yaml, *.yml)", path)
		}
	}
	return files, nil
}

func isScenarioFile(path string) bool {
	ext := filepath.Ext(path)
	return ext == ".yaml" || ext == ".yml"
}
