// Package page holds the files of the page on which runs are played with: one that a server answers, and one that has
// the engine as WebAssembly in a worker.
package page

import (
	_ "embed" // for the files
	"strings"

	"faultflow/internal/render/html"
)

//go:embed index.html
var index string

//go:embed play.css
var style []byte

//go:embed play.js
var script []byte

//go:embed worker.js
var worker []byte

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
func Files() map[string]File {
	return files("server")
}

// SiteFiles are those of the page that has the engine in a worker, by name, without the engine.
func SiteFiles() map[string]File {
	all := files("worker")
	all["worker.js"] = File{"text/javascript; charset=utf-8", worker}
	return all
}

func files(engine string) map[string]File {
	html5 := strings.NewReplacer("{{policy}}", Policy, "{{engine}}", engine).Replace(index)
	return map[string]File{
		"index.html": {"text/html; charset=utf-8", []byte(html5)},
		"report.css": {"text/css; charset=utf-8", []byte(html.CSS())},
		"report.js":  {"text/javascript; charset=utf-8", []byte(html.JS())},
		"play.css":   {"text/css; charset=utf-8", style},
		"play.js":    {"text/javascript; charset=utf-8", script},
	}
}
