package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"faultflow/internal/reporttest"
	"faultflow/internal/webtest"
)

// TestDocs does what README.md and the pages below docs/ show, each page in a folder of its own that has what a
// checkout has in testdata:
//
//   - A sh block is run line by line. A command exits with 0, unless `echo $?` comes next and its output says
//     otherwise. A run without --clock takes the virtual one, unless its ends are real; export sets the environment.
//   - https://api.example.com and https://hooks.example.com are servers on loopback.
//   - A plain block behind it, after one empty line, is its output, in which … stands for any text.
//   - A yaml block is parsed. If its first line is a comment with a file's name, it is that file from there on. The
//     program's commands in it are run with the environment of GitHub Actions.
//   - Blocks of other languages, such as those for a certain shell, are not run.
func TestDocs(t *testing.T) {
	reporttest.NothingRaces(t)
	for _, path := range docPages(t) {
		t.Run(strings.TrimPrefix(filepath.ToSlash(path), "../../"), func(t *testing.T) {
			text := readPage(t, path)
			data, err := filepath.Abs("../../testdata")
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(t.TempDir())
			if err := os.CopyFS("testdata", os.DirFS(data)); err != nil {
				t.Fatal(err)
			}
			if filepath.Base(path) != "overload.md" { // the lessons' own tests run them; here each page would
				if err := os.RemoveAll("testdata/scenarios/overload"); err != nil {
					t.Fatal(err)
				}
			}
			blocks := blocksOf(text)
			shell := &shell{env: map[string]string{}, hosts: strings.NewReplacer()}
			if strings.Contains(text, "https://api.example.com") {
				source, hook := webtest.Start(t, api(120), nil), webtest.Start(t, new(inbox).take, nil)
				shell.hosts = strings.NewReplacer("https://api.example.com", source.URL, "https://hooks.example.com", hook.URL)
			}
			for i, b := range blocks {
				var output *block
				if next := i + 1; next < len(blocks) && blocks[next].language == "" && blocks[next].begin == b.end+2 {
					output = &blocks[next]
				}
				switch b.language {
				case "sh":
					printed := shell.run(t, b.text, output != nil)
					if output != nil && !output.shows(printed) {
						t.Errorf("line %d: this is not what is printed:\n%s", output.begin, printed)
					}
				case "yaml":
					readYAML(t, b)
				}
			}
		})
	}
}

// TestDocsLinkToWhatIsThere follows the links and pictures of the pages into the repository.
func TestDocsLinkToWhatIsThere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"`)
	for _, path := range docPages(t) {
		for _, found := range link.FindAllStringSubmatch(readPage(t, path), -1) {
			target, _, _ := strings.Cut(found[1]+found[2], "#")
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), filepath.FromSlash(target))); err != nil {
				t.Errorf("%s links to %s: %v", path, target, err)
			}
		}
	}
}

// docPages are the pages that people wrote: README.md, its neighbours, and those below docs/ but the reference.
func docPages(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob("../../*.md")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir("../../docs", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "reference":
			return fs.SkipDir
		case filepath.Ext(path) == ".md":
			pages = append(pages, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(pages) < 2 {
		t.Fatalf("these are not all pages: %q", pages)
	}
	return pages
}

func readPage(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(data), "\r\n", "\n")
}

// block is a fenced block of a page. Begin and end are the lines of its fences.
type block struct {
	language, text string
	begin, end     int
}

func blocksOf(page string) (blocks []block) {
	inside := false
	for i, line := range strings.Split(page, "\n") {
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && !inside:
			blocks = append(blocks, block{language: language, begin: i + 1})
			inside = true
		case fence:
			blocks[len(blocks)-1].end = i + 1
			inside = false
		case inside:
			blocks[len(blocks)-1].text += line + "\n"
		}
	}
	return blocks
}

// shows tells whether the block is what was printed.
func (b *block) shows(printed string) bool {
	parts := strings.Split(b.text, "…")
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return regexp.MustCompile(`(?s)\A` + strings.Join(parts, `.*?`) + `\z`).MatchString(printed)
}

// elsewhere are the commands in sh blocks that are not run here: CI runs them, or they need what a test does not have.
var elsewhere = []string{"make ", "go test ", "go install ", "git ", "cd ", "FAULTFLOW_UPDATE=1 go test "}

// shell is what the commands of a page share: the environment, and where hosts are.
type shell struct {
	env   map[string]string
	hosts *strings.Replacer
}

// run runs the lines of a sh block and returns what a terminal would show. Without an output to hold it against, a
// campaign is made in small, and its checks may fail: few runs prove little.
func (sh *shell) run(t *testing.T, text string, shown bool) string {
	t.Helper()
	var terminal bytes.Buffer
	code := exitOK
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(text, "\\\n", " ")), "\n")
	for i, line := range lines {
		line, _, _ = strings.Cut(line, "  # ")
		line = sh.hosts.Replace(strings.TrimSpace(line))
		if variables, ok := strings.CutPrefix(line, "export "); ok {
			for _, v := range shellWords(variables) {
				name, value, _ := strings.Cut(v, "=")
				sh.env[name] = value
			}
			continue
		}
		if folder, ok := strings.CutPrefix(line, "mkdir "); ok {
			if err := os.MkdirAll(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if line == "" || slices.ContainsFunc(elsewhere, func(c string) bool { return strings.HasPrefix(line, c) }) {
			continue
		}
		if line == "echo $?" {
			fmt.Fprintln(&terminal, code)
			continue
		}
		args, ok := programArgs(line)
		if !ok {
			t.Fatalf("a command that nothing here can run: %s", line)
		}
		small := len(args) > 0 && args[0] == "campaign" && !shown
		var printed string
		code, printed = sh.runProgram(t, args, small)
		terminal.WriteString(printed)
		asked := i+1 < len(lines) && strings.TrimSpace(lines[i+1]) == "echo $?"
		if code != exitOK && !asked && !(small && code == exitVerdict) {
			t.Errorf("%s exits with %d:\n%s", line, code, printed)
		}
	}
	return terminal.String()
}

// programArgs are the arguments of a line that runs the program.
func programArgs(line string) ([]string, bool) {
	for _, program := range []string{"go run ./cmd/faultflow", "faultflow"} {
		if rest, ok := strings.CutPrefix(line+" ", program+" "); ok {
			return shellWords(rest), true
		}
	}
	return nil, false
}

// runProgram runs the program. What it prints goes to a file behind >, or else is returned beside the exit code.
func (sh *shell) runProgram(t *testing.T, args []string, small bool) (code int, printed string) {
	t.Helper()
	if small {
		if i := slices.Index(args, "--runs"); i >= 0 {
			args[i+1] = "20"
		} else {
			args = append(args, "--runs", "20")
		}
	}
	waits := (len(args) == 0 || strings.HasPrefix(args[0], "--")) &&
		!slices.Contains(args, "--clock") && !slices.Contains(args, "--scenario") && !slices.Contains(args, "--channel")
	if waits {
		args = append(args, "--clock", "virtual")
	}
	var out bytes.Buffer
	file := ""
	if i := slices.Index(args, ">"); i >= 0 && i+1 < len(args) {
		file = args[i+1]
		args = slices.Delete(args, i, i+2)
	}
	s := testStreams(t)
	s.out, s.err = &out, &out
	s.getenv = func(name string) string { return sh.env[name] }
	code = run(context.Background(), args, s)
	printed = out.String()
	if waits { // the page shows it on the real clock
		printed = strings.NewReplacer("virtual clock", "real clock", " of virtual time", "").Replace(printed)
	}
	if file == "" {
		return code, printed
	}
	if err := os.WriteFile(file, []byte(printed), 0o644); err != nil {
		t.Fatal(err)
	}
	return code, ""
}

// readYAML parses a yaml block, writes it where its first line says, and runs the commands in it as GitHub Actions
// would.
func readYAML(t *testing.T, b block) {
	t.Helper()
	var parsed map[string]any
	if err := yaml.Unmarshal([]byte(b.text), &parsed); err != nil {
		t.Errorf("line %d is no YAML: %v", b.begin, err)
	}
	if parsed["jobs"] != nil && parsed["on"] == nil {
		t.Errorf("line %d is a workflow that nothing starts: it has no on", b.begin)
	}
	first, _, _ := strings.Cut(b.text, "\n")
	if path, ok := strings.CutPrefix(first, "# "); ok && !strings.Contains(path, " ") {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(b.text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for line := range strings.Lines(b.text) {
		_, command, ok := strings.Cut(line, "go run ./cmd/faultflow ")
		if !ok {
			continue
		}
		env := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "summary.md"}
		s := testStreams(t)
		s.getenv = func(name string) string { return env[name] }
		args := shellWords(command)
		if code := run(context.Background(), args, s); code != exitOK {
			t.Errorf("%s exits with %d, want 0", command, code)
		}
		files := []string{"summary.md"}
		for _, a := range args {
			if _, file, ok := strings.Cut(a, "="); ok && !strings.ContainsAny(a, " '\"") {
				files = append(files, file)
			}
		}
		for _, file := range files {
			if info, err := os.Stat(file); err != nil || info.Size() == 0 {
				t.Errorf("%s does not write %s: %v", command, file, err)
			}
		}
	}
}
