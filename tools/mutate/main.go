// Mutate tells what tests notice. It changes the code of packages in one place at a time (a comparison, an operation, a
// constant, a statement, a returned value) and runs the package's tests with each change: a change with which they
// still pass is a mutant that survived, and names behaviour that no test holds.
//
//	go -C tools run ./mutate [-sample N] [-at-least PERCENT] PACKAGE...
//
// PACKAGE is a folder of the repository, such as internal/stats. explained.txt names mutants that may survive, since
// what they change can't be seen.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

func main() {
	sample := flag.Int("sample", 0, "so many mutants of each package, evenly spaced; 0 is all")
	atLeast := flag.Float64("at-least", 0, "exit with 1 where a smaller percentage of a package's mutants was killed")
	procs := flag.Int("procs", 2, "so many test runs at once")
	root := flag.String("root", "..", "the repository")
	flag.Parse()
	dir, err := os.MkdirTemp("", "mutate")
	if err == nil {
		err = run(*root, dir, flag.Args(), *sample, *procs, *atLeast)
		os.RemoveAll(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(root, dir string, packages []string, sample, procs int, atLeast float64) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	explained, err := readExplained(filepath.Join(root, "tools", "mutate", "explained.txt"))
	if err != nil {
		return err
	}
	var few []string
	for i, name := range packages {
		work := filepath.Join(dir, strconv.Itoa(i))
		if err := os.Mkdir(work, 0o700); err != nil {
			return err
		}
		p := &pkg{root: root, dir: filepath.Join(root, name), work: work, procs: procs, explained: explained}
		if err := p.build(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := p.reach(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if share := p.judge(name, sample); share < atLeast {
			few = append(few, name)
		}
	}
	if len(few) > 0 {
		return fmt.Errorf("killed less than %v %%: %s", atLeast, strings.Join(few, ", "))
	}
	return nil
}

// pkg is a package, instrumented and compiled with its tests.
type pkg struct {
	root, dir, work string
	procs           int
	explained       map[string]string
	mutants         []mutant
	binary          string
	flags           []string // for every run of the tests
	tests           []test
	// reached lists the tests that come by a mutant, by its number.
	reached [][]int
}

type test struct {
	name string
	took time.Duration
}

// build instruments the package and compiles it with its tests. Lines that do not compile with their mutants are left
// alone.
func (p *pkg) build() error {
	type listed struct {
		Dir, ImportPath, Export, Name string
		GoFiles                       []string
	}
	list := exec.Command("go", "list", "-export", "-deps", "-json=Dir,ImportPath,Export,Name,GoFiles", ".")
	list.Dir, list.Stderr = p.dir, os.Stderr
	out, err := list.Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	exports := map[string]string{}
	var own listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		exports[l.ImportPath], own = l.Export, l // the package itself comes last
	}
	fset := token.NewFileSet()
	sources, files := map[string][]byte{}, map[string]*ast.File{}
	var parsed []*ast.File
	for _, name := range own.GoFiles {
		path := filepath.Join(own.Dir, name)
		if sources[path], err = os.ReadFile(path); err != nil {
			return err
		}
		if files[path], err = parser.ParseFile(fset, path, sources[path], parser.SkipObjectResolution); err != nil {
			return err
		}
		parsed = append(parsed, files[path])
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{},
		Defs: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(exports[path])
	})}
	checked, err := config.Check(own.ImportPath, fset, parsed, info)
	if err != nil {
		return err
	}
	bad := map[string]bool{}
	for range 10 {
		p.mutants = nil
		overlay := map[string]string{}
		for _, name := range own.GoFiles {
			path := filepath.Join(own.Dir, name)
			in := &instrumenter{
				fset:    fset,
				file:    fset.File(files[path].Pos()),
				src:     sources[path],
				pkg:     checked,
				info:    info,
				imports: imports(files[path], checked),
				skip:    func(file string, line int) bool { return bad[fmt.Sprintf("%s:%d", filepath.Base(file), line)] },
				mutants: &p.mutants,
			}
			overlay[path] = filepath.Join(p.work, name)
			if err := os.WriteFile(overlay[path], in.instrument(files[path]), 0o600); err != nil {
				return err
			}
		}
		helper := filepath.Join(p.work, "mutants_.go")
		overlay[filepath.Join(own.Dir, "mutants_of_it.go")] = helper
		text := "package " + own.Name + "\n" + fmt.Sprintf(helpers, len(p.mutants)+1)
		if err := os.WriteFile(helper, []byte(text), 0o600); err != nil {
			return err
		}
		replace, err := json.Marshal(map[string]any{"Replace": overlay})
		if err != nil {
			return err
		}
		overlayPath := filepath.Join(p.work, "overlay.json")
		if err := os.WriteFile(overlayPath, replace, 0o600); err != nil {
			return err
		}
		p.binary = filepath.Join(p.work, "tests")
		compile := exec.Command("go", "test", "-c", "-gcflags=-e", "-overlay", overlayPath, "-o", p.binary, ".")
		compile.Dir = p.dir
		said, err := compile.CombinedOutput()
		if err == nil {
			return nil
		}
		found := regexp.MustCompile(`(\w+\.go):(\d+):\d+: `).FindAllSubmatch(said, -1)
		if len(found) == 0 {
			return fmt.Errorf("it does not compile with its mutants:\n%s", said)
		}
		for _, m := range found {
			bad[fmt.Sprintf("%s:%s", m[1], m[2])] = true
		}
		fmt.Fprintf(os.Stderr, "left alone, since they do not compile:\n%s", said)
	}
	return errors.New("it does not compile with its mutants")
}

func imports(f *ast.File, checked *types.Package) map[string]string {
	names := map[string]string{}
	for _, p := range checked.Imports() {
		names[p.Path()] = p.Name()
	}
	here := map[string]string{}
	for _, spec := range f.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		here[path] = names[path]
		if spec.Name != nil {
			here[path] = spec.Name.Name
		}
	}
	return here
}

// tested runs tests with an environment, and returns whether they passed, and what they said.
func (p *pkg) tested(limit time.Duration, run string, env ...string) (bool, []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), limit+5*time.Second)
	defer cancel()
	// A mutant may want all memory that there is.
	args := []string{"-c", `ulimit -v 8000000; exec "$0" "$@"`, p.binary,
		"-test.run", run, "-test.failfast", "-test.short", "-test.timeout", limit.String()}
	cmd := exec.CommandContext(ctx, "sh", append(args, p.flags...)...)
	cmd.Dir, cmd.Env = p.dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return err == nil, out
}

// reach runs each test alone, without a mutant, and notes which mutants it comes by.
func (p *pkg) reach() error {
	cmd := exec.Command(p.binary, "-test.list", ".")
	cmd.Dir = p.dir
	out, err := cmd.Output()
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(out)) {
		p.tests = append(p.tests, test{name: strings.TrimSpace(line)})
	}
	keepNothing := "-rapid.nofailfile" // what made a mutant fail is nothing to try again
	if exec.Command(p.binary, keepNothing, "-test.list", "^$").Run() == nil {
		p.flags = append(p.flags, keepNothing)
	}
	p.reached = make([][]int, len(p.mutants)+1)
	var lock sync.Mutex
	var problems []error
	p.parallel(len(p.tests), func(i int) {
		log := filepath.Join(p.work, fmt.Sprintf("reached%d", i))
		began := time.Now()
		passed, said := p.tested(10*time.Minute, "^"+p.tests[i].name+"$", "MUTANTS_REACHED="+log)
		lock.Lock()
		defer lock.Unlock()
		p.tests[i].took = time.Since(began)
		if !passed {
			problems = append(problems, fmt.Errorf("%s fails without a mutant:\n%s", p.tests[i].name, said))
			return
		}
		data, _ := os.ReadFile(log) // none was reached if it is not there
		for line := range strings.Lines(string(data)) {
			if id, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
				p.reached[id] = append(p.reached[id], i)
			}
		}
	})
	for _, err := range problems {
		fmt.Fprintln(os.Stderr, "left out:", err)
	}
	return nil
}

func (p *pkg) parallel(n int, do func(i int)) {
	next := make(chan int)
	var workers sync.WaitGroup
	for range p.procs {
		workers.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
}

// killed runs the tests that come by a mutant, quick ones first.
func (p *pkg) killed(id int) bool {
	tests := slices.Clone(p.reached[id])
	slices.SortFunc(tests, func(a, b int) int { return int(p.tests[a].took - p.tests[b].took) })
	var names []string
	took := time.Duration(0)
	for i, t := range tests {
		names = append(names, p.tests[t].name)
		took += p.tests[t].took
		if took < 300*time.Millisecond && i+1 < len(tests) {
			continue
		}
		passed, _ := p.tested(10*time.Second+4*took, "^("+strings.Join(names, "|")+")$", "MUTANT="+strconv.Itoa(id))
		if !passed {
			return true
		}
		names, took = nil, 0
	}
	return false
}

// judge runs the package's mutants, or a sample, prints which survived, and returns the percentage that was killed or
// is explained.
func (p *pkg) judge(name string, sample int) float64 {
	began := time.Now()
	ids := make([]int, 0, len(p.mutants))
	for id := 1; id <= len(p.mutants); id++ {
		if sample == 0 || (id-1)*sample/len(p.mutants) != id*sample/len(p.mutants) || len(p.mutants) <= sample {
			ids = append(ids, id)
		}
	}
	alive := make([]bool, len(ids))
	p.parallel(len(ids), func(i int) { alive[i] = !p.killed(ids[i]) })
	killed, known, unreached := 0, 0, 0
	for i, id := range ids {
		m := p.mutants[id-1]
		if !alive[i] {
			killed++
			continue
		}
		source := p.line(m)
		path, err := filepath.Rel(p.root, m.file)
		if err != nil {
			path = m.file
		}
		why := p.explained[filepath.ToSlash(path)+"\t"+source+"\t"+m.what]
		switch {
		case why != "":
			known++
			continue
		case len(p.reached[id]) == 0:
			unreached++
			why = "no test comes by"
		}
		fmt.Printf("%s:%d: %s\t%s\t%s\n", path, m.line, m.what, source, why)
	}
	share := 100 * float64(killed+known) / float64(max(1, len(ids)))
	fmt.Printf("%-22s %5d mutants, %5d killed (%.1f %%), %d explained, %d survived, of which no test comes by %d; %v\n",
		name, len(ids), killed, 100*float64(killed)/float64(max(1, len(ids))), known, len(ids)-killed-known, unreached,
		time.Since(began).Round(time.Second))
	return share
}

func (p *pkg) line(m mutant) string {
	data, err := os.ReadFile(m.file)
	if err != nil {
		return ""
	}
	lines := strings.Split(string(data), "\n")
	return strings.TrimSpace(lines[m.line-1])
}

// readExplained reads why mutants may survive: lines of path, source line, change and reason, with tabs between.
func readExplained(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	explained := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if parts := strings.Split(lines.Text(), "\t"); len(parts) == 4 {
			explained[strings.Join(parts[:3], "\t")] = parts[3]
		}
	}
	return explained, nil
}
