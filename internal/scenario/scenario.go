// Package scenario reads failure scenarios from files, runs them, and holds their expectations against the reports.
package scenario

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"faultflow/internal/expect"
	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

// Scenario is one run that a file describes: what breaks, and what must hold.
type Scenario struct {
	// Name is the file's name for it; a matrix adds the combination in brackets.
	Name, Description string
	// File is the path it was read from, as it was given.
	File string
	// Seeds are those of the file; 1 if it names none.
	Seeds []uint64
	// Given holds the settings, without a seed.
	Given *settings.Given
	// Overrides are the settings of the matrix's combination.
	Overrides    []settings.Assignment
	Expectations []*expect.Condition
	// faultLines are the lines of the faults, in the order of Given.
	faultLines []int
}

// Load reads a scenario file. Without a matrix it holds one scenario, with one as many as there are combinations.
// Mistakes are *FileError; an error of reading is returned as it is. An error that unwraps to a *workflow.PanicError is
// a defect of the program.
func Load(path string) ([]*Scenario, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

// LoadFound reads a file that was found in a folder, where others can lie beside scenarios. It reports whether the file
// is one: it says so by its keys, and then its mistakes are told, or it could be run as it is. Its errors are those of
// Load.
func LoadFound(path string) (list []*Scenario, isScenario bool, err error) {
	data, err := read(path)
	if err != nil {
		return nil, false, err
	}
	list, err = Parse(path, data)
	if _, mistake := errors.AsType[*FileError](err); mistake && !saysScenario(data) {
		return nil, false, nil
	}
	return list, true, err
}

// versionKey says that a file is a scenario, and for which version of the program's files.
const versionKey, version = "faultflow", "v1"

var keyAtTop = regexp.MustCompile(`(?m)^["']?([a-z]+)["']?[ \t]*:`)

// saysScenario looks for the keys that tell a scenario from any other YAML: its version, or two of what a scenario is
// made of. It asks no parser, since what is wrong with a scenario must not hide that it is one.
func saysScenario(data []byte) bool {
	made := map[string]bool{}
	for _, match := range keyAtTop.FindAllSubmatch(data, -1) {
		switch key := string(match[1]); key {
		case versionKey:
			return true
		case "name", "faults", "expect":
			made[key] = true
		}
	}
	return len(made) >= 2
}

// LoadBase reads a scenario file without its matrix: the one scenario that its other keys describe. It reports whether
// there is a matrix. Its errors are those of Load.
func LoadBase(path string) (*Scenario, bool, error) {
	data, err := read(path)
	if err != nil {
		return nil, false, err
	}
	l := newLoader(path)
	list, err := l.load(data, false)
	if err != nil {
		return nil, l.hasMatrix, err
	}
	return list[0], l.hasMatrix, nil
}

// Parse is Load for a file that has been read. Inputs are looked for from the file's folder.
func Parse(path string, data []byte) ([]*Scenario, error) {
	return newLoader(path).load(data, true)
}

// loader collects what a file says.
type loader struct {
	path  string
	lines []string

	name, description string
	seeds             []uint64
	faultLines        []int
	given             *settings.Given
	expectations      []*expect.Condition
	expectedAt        []ast.Node
	matrix            []dimension
	hasMatrix         bool
	// givenAt tells where in the file settings were given.
	givenAt []location
}

// location is where in a file a setting was given.
type location struct {
	name, text string
	at         ast.Node
}

func newLoader(path string) *loader {
	return &loader{
		path:  path,
		given: &settings.Given{},
		name:  nameOf(path),
	}
}

// nameOf is the name of a scenario whose file gives it none.
func nameOf(path string) string { return strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)) }

// load reads the file. A panic, which only a file that nobody thought of can cause, is a defect and keeps its stack.
func (l *loader) load(data []byte, matrix bool) ([]*Scenario, error) {
	list, err := workflow.Safely(func() ([]*Scenario, error) {
		root, err := l.parse(data)
		if err != nil {
			return nil, err
		}
		if err := l.topLevel(root); err != nil {
			return nil, err
		}
		if l.hasMatrix = l.matrix != nil; !matrix {
			l.matrix = nil
		}
		return l.scenarios(root)
	})
	if errors.Is(err, workflow.ErrPanic) {
		return nil, fmt.Errorf("scenario: %s: %w", l.path, err)
	}
	return list, err
}
