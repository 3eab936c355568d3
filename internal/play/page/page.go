// Package page holds the files of the page on which runs are played with: one that a server answers, and one that has
// the engine as WebAssembly in a worker.
package page

import (
	"embed"
	"strings"

	"faultflow/internal/render/html"
)

//go:embed *.html *.css *.js
var source embed.FS

// Policy lets the page load its own files and ask its own server, and nothing else. WebAssembly is compiled by the page
// whose engine is one.
const Policy = "default-src 'none'; style-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; " +
	"worker-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"

// File is a file of the page.
type File struct {
	Type string
	Text []byte
}

// Files are those of the page that a server answers, by name.
func Files() (map[string]File, error) { return files("server", "worker.js") }

// SiteFiles are those of the page that has the engine in a worker, by name, without the engine.
func SiteFiles() (map[string]File, error) { return files("worker", "") }

// files are those of the page but for one. The page knows by the engine's name how to reach it; its style and script
// are those of reports, and its own.
func files(engine, without string) (map[string]File, error) {
	all := map[string]File{
		"report.css": {types["css"], []byte(html.CSS())},
		"report.js":  {types["js"], []byte(html.JS())},
	}
	entries, err := source.ReadDir(".")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		text, err := source.ReadFile(e.Name())
		if err != nil {
			return nil, err
		}
		_, extension, _ := strings.Cut(e.Name(), ".")
		if extension == "html" {
			text = []byte(strings.NewReplacer("{{policy}}", Policy, "{{engine}}", engine).Replace(string(text)))
		}
		all[e.Name()] = File{types[extension], text}
	}
	delete(all, without)
	return all, nil
}

// types are the content types by a file's extension.
var types = map[string]string{
	"html": "text/html; charset=utf-8",
	"css":  "text/css; charset=utf-8",
	"js":   "text/javascript; charset=utf-8",
}
