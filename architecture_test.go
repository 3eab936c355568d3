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

// floors are the project's packages, ground floor first. A package may import those of the floors below its own:
// imports point one way, from the commands down to the engine.
var floors = [][]string{
	{"internal/workflow", "internal/browsertest", "internal/suggest", "internal/stats", "internal/atomicfile",
		"internal/object"},
	{"internal/catalog", "internal/keyed", "internal/disk", "internal/expression"},
	{"internal/errhandler", "internal/disk/disktest"},
	{"internal/fault", "internal/load"},
	{"internal/settings"},
	{"internal/resilience", "internal/report", "internal/secret", "internal/database",
		"internal/postgrestest"},
	{"internal/nodes", "internal/timeline", "internal/compare", "internal/expect",
		"internal/recovery", "internal/reporttest", "internal/webtest"},
	{"internal/web", "internal/undelivered"},
	{"internal/simulate", "internal/source", "internal/channel", "internal/render"},
	{"internal/journal"},
	{"internal/runner", "internal/render/text", "internal/render/html", "internal/render/ci"},
	{"internal/scenario", "internal/campaign", "internal/render/format"},
	{"internal/runtest", "internal/play"},
	{"internal/play/page"},
	{"internal/play/server"},
	{"cmd/faultflow", "cmd/play-wasm", "cmd/play-site"},
}

// libraries may be imported by the packages named, and by no others. The engine may import none at all.
var libraries = map[string][]string{
	"github.com/failsafe-go/failsafe-go":  {"internal/resilience"},
	"github.com/sony/gobreaker":           {"internal/resilience"},
	"github.com/spf13":                    {"cmd/faultflow"},
	"github.com/fatih/color":              {"internal/render/text"},
	"github.com/jedib0t/go-pretty":        {"internal/render", "internal/render/text", "cmd/faultflow"},
	"github.com/agnivade/levenshtein":     {"internal/suggest"},
	"github.com/goccy/go-yaml":            {"internal/scenario"},
	"github.com/expr-lang/expr":           {"internal/expression", "internal/expect"},
	"github.com/jstemmer/go-junit-report": {"internal/render/ci"},
	"github.com/mattn/go-shellwords":      {"cmd/faultflow"},
	"github.com/gofrs/flock":              {"internal/disk"},
	"golang.org/x/net":                    {"internal/play/server"},
	"github.com/klauspost/compress":       {"internal/source"},
	"modernc.org/sqlite":                  {"internal/database"},
	"github.com/jackc/pgx":                {"internal/database", "internal/source", "internal/channel"},
	"golang.org/x/term":                   {"cmd/faultflow"},
	"github.com/aclements/go-moremath":    {"internal/stats"},
	"github.com/chromedp":                 {"internal/browsertest"},
	"pgregory.net/rapid":                  {"internal/reporttest"},
}

func TestImportsPointOneWay(t *testing.T) {
	floorOf, seen := map[string]int{}, map[string]bool{}
	for i, packages := range floors {
		for _, pkg := range packages {
			floorOf[pkg] = i
		}
	}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(path))
		if !strings.HasPrefix(pkg, "internal/") && !strings.HasPrefix(pkg, "cmd/") {
			return nil
		}
		floor, known := floorOf[pkg]
		if !known {
			t.Errorf("%s: package %s is on no floor", path, pkg)
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
				if below, ok := floorOf[own]; !ok || below >= floor {
					t.Errorf("%s imports %s, which is not on a floor below %s", path, name, pkg)
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
	for pkg := range floorOf {
		if !seen[pkg] {
			t.Errorf("the floors have %s, which is not there", pkg)
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
