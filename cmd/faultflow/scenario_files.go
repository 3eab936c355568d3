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

// scenarioFiles are the files that some paths name, and what they hold.
type scenarioFiles struct {
	scenarios []*scenario.Scenario
	// mistakes are those of the files that are wrong, results what tests come to that are not run because of them.
	mistakes []*scenario.FileError
	results  []report.TestResult
	// read counts the files that are scenarios; leftOut are those in folders that are none.
	read    int
	leftOut []string
}

// loadScenarios finds and checks all files. It tells every mistake, and with verbose each file that is left out.
func loadScenarios(paths []string, verbose bool, s *streams) (*scenarioFiles, error) {
	if len(paths) == 0 {
		return nil, usageError("name files or folders with scenarios, such as testdata/scenarios or ./...")
	}
	named := map[string]bool{} // the files that are named are held to be scenarios
	var found [][]string
	for _, path := range paths {
		files, isFile, err := yamlFiles(path)
		if err != nil {
			return nil, err
		}
		if isFile {
			named[files[0]] = true
		}
		found = append(found, files)
	}
	list := &scenarioFiles{}
	is := map[string]bool{} // each file is read once, however it is named
	for i, files := range found {
		for _, file := range files {
			if _, done := is[file]; done {
				continue
			}
			taken, err := list.load(file, named[file])
			if err != nil {
				return nil, err
			}
			is[file] = taken
		}
		if !slices.ContainsFunc(files, func(file string) bool { return is[file] }) {
			return nil, usageError("%s holds no scenario files (*.yaml, *.yml with expect: beside name: or faults:)",
				paths[i])
		}
	}
	for _, mistake := range list.mistakes {
		fmt.Fprintf(s.err, "%s\n", cleanLines(mistake.Error()))
	}
	list.tellLeftOut(verbose, s)
	return list, nil
}

// tellLeftOut says that files are left out: nobody shall think that they were run.
func (l *scenarioFiles) tellLeftOut(verbose bool, s *streams) {
	if !verbose && len(l.leftOut) > 0 {
		fmt.Fprintf(s.err, "faultflow: YAML files that are no scenarios and are left out: %d; --verbose names them\n",
			len(l.leftOut))
		return
	}
	for _, file := range l.leftOut {
		fmt.Fprintf(s.err, "faultflow: %s is no scenario and is left out\n", report.Clean(file))
	}
}

// load reads a file. It reports whether the file is a scenario.
func (l *scenarioFiles) load(file string, named bool) (bool, error) {
	read := scenario.LoadFound
	if named {
		read = func(path string) ([]*scenario.Scenario, bool, error) {
			list, err := scenario.Load(path)
			return list, true, err
		}
	}
	list, isScenario, err := read(file)
	if mistake, ok := errors.AsType[*scenario.FileError](err); ok {
		l.mistakes = append(l.mistakes, mistake)
		l.results = append(l.results, scenario.Malformed(mistake))
	} else if err != nil {
		return false, err
	}
	if !isScenario {
		l.leftOut = append(l.leftOut, file)
		return false, nil
	}
	l.read++
	l.scenarios = append(l.scenarios, list...)
	for _, s := range list {
		l.results = append(l.results, s.Skipped())
	}
	return true, nil
}

// wrong is the error of files with mistakes, which were told; nil without any.
func (l *scenarioFiles) wrong() error {
	if l.mistakes == nil {
		return nil
	}
	message := fmt.Sprintf("files that are wrong: %d of %d; nothing was run", len(l.mistakes), l.read)
	return &exitError{code: exitUsage, message: message}
}

// paths are all files that were read.
func (l *scenarioFiles) paths() []string {
	var list []string
	for _, sc := range l.scenarios {
		list = append(list, sc.File)
	}
	for _, result := range l.results {
		list = append(list, result.File)
	}
	return list
}

// cleanLines makes each line safe for a terminal: messages quote lines of files, which can hold anything.
func cleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = report.Clean(strings.ReplaceAll(lines[i], "\t", " "))
	}
	return strings.Join(lines, "\n")
}

// yamlFiles lists the files that a path stands for: the file itself, or the YAML files in and below a folder, which can
// be written DIR or DIR/... What others have brought, vendor and node_modules, and what has a name that begins with a
// dot are left out.
func yamlFiles(path string) (files []string, isFile bool, err error) {
	root := strings.TrimSuffix(path, "...")
	if root != path {
		root = filepath.Clean(cmp.Or(root, "."))
	}
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case p == root && d.IsDir():
			return nil
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") || slices.Contains(foreign, d.Name())):
			return fs.SkipDir
		case d.IsDir() || p != root && strings.HasPrefix(d.Name(), "."):
			return nil
		}
		if isFile = isFile || p == root; isFile || isYAML(p) {
			files = append(files, filepath.Clean(p))
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("scenario: %w", err)
	}
	return files, isFile, err
}

var foreign = []string{"vendor", "node_modules"}

func isYAML(path string) bool {
	ext := filepath.Ext(path)
	return ext == ".yaml" || ext == ".yml"
}
