package faultflow_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layers are the project's packages, each with those of the project that it may import. Imports point one way: from the
// commands down to the engine, which imports the standard library only.
var layers = map[string][]string{
	"internal/suggest":    {},
	"internal/workflow":   {},
	"internal/errhandler": {"internal/workflow"},
	"internal/resilience": {"internal/errhandler", "internal/workflow"},
	"internal/nodes":      {"internal/resilience", "internal/errhandler", "internal/workflow"},
	"internal/simulate":   {"internal/suggest", "internal/nodes", "internal/errhandler", "internal/workflow"},
	"internal/source":     {"internal/suggest", "internal/nodes", "internal/errhandler", "internal/workflow"},
	"internal/channel":    {"internal/nodes", "internal/errhandler", "internal/workflow"},
	"internal/report":     {"internal/errhandler"},
	"internal/reporttest": {"internal/campaign", "internal/runner", "internal/report", "internal/errhandler"},
	"internal/compare":    {"internal/suggest", "internal/stats", "internal/report", "internal/errhandler"},
	"internal/timeline":   {"internal/report"},
	"internal/render":     {"internal/compare", "internal/timeline", "internal/report", "internal/errhandler"},
	"internal/runner": {"internal/suggest", "internal/report", "internal/source", "internal/channel", "internal/simulate", "internal/nodes", "internal/resilience",
		"internal/errhandler", "internal/workflow"},
	"internal/stats":    {},
	"internal/campaign": {"internal/suggest", "internal/stats", "internal/runner", "internal/report", "internal/nodes", "internal/errhandler"},
	"internal/scenario": {"internal/suggest", "internal/runner", "internal/report", "internal/channel", "internal/simulate", "internal/errhandler"},
	"cmd/faultflow": {"internal/suggest", "internal/scenario", "internal/campaign", "internal/runner", "internal/render", "internal/compare", "internal/report", "internal/source", "internal/channel", "internal/simulate", "internal/nodes",
		"internal/resilience", "internal/errhandler", "internal/workflow"},
}

// libraries may be imported by the packages named, and by no others. The engine may import none at all.
var libraries = map[string][]string{
	"github.com/failsafe-go/failsafe-go":      {"internal/resilience"},
	"github.com/sony/gobreaker":               {"internal/resilience"},
	"github.com/spf13":                        {"cmd/faultflow"},
	"github.com/fatih/color":                  {"internal/render"},
	"github.com/jedib0t/go-pretty":            {"internal/render", "cmd/faultflow"},
	"github.com/google/renameio":              {"internal/channel", "cmd/faultflow"},
	"github.com/agnivade/levenshtein":         {"internal/suggest"},
	"github.com/goccy/go-yaml":                {"internal/scenario"},
	"github.com/expr-lang/expr":               {"internal/scenario"},
	"github.com/jstemmer/go-junit-report":     {"internal/render"},
	"github.com/mattn/go-shellwords":          {"cmd/faultflow"},
	"golang.org/x/term":                       {"cmd/faultflow"},
	"github.com/HdrHistogram/hdrhistogram-go": {"internal/campaign"},
	"gonum.org/v1/gonum":                      {"internal/stats"},
	"github.com/aclements/go-moremath":        {"internal/stats"},
	"pgregory.net/rapid":                      {"internal/reporttest"},
}

func TestImportsPointOneWay(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(path))
		if !strings.HasPrefix(pkg, "internal/") && !strings.HasPrefix(pkg, "cmd/") {
			return nil
		}
		allowed, known := layers[pkg]
		if !known {
			t.Errorf("%s: package %s is not in the list of layers", path, pkg)
		}
		seen[pkg] = true
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if own, ok := strings.CutPrefix(name, "faultflow/"); ok {
				if !slices.Contains(allowed, own) {
					t.Errorf("%s imports %s, which %s may not", path, name, pkg)
				}
			} else if library(name) && !mayUse(pkg, name) {
				t.Errorf("%s imports %s, which %s may not", path, name, pkg)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range layers {
		if !seen[pkg] {
			t.Errorf("the list of layers names %s, which is not there", pkg)
		}
	}
}

// library is true for what is not of the standard library: its first part has a dot.
func library(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return strings.Contains(first, ".")
}

func mayUse(pkg, name string) bool {
	for prefix, users := range libraries {
		if name == prefix || strings.HasPrefix(name, prefix+"/") {
			return slices.Contains(users, pkg)
		}
	}
	return false
}
