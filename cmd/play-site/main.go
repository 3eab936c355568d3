// Command play-site writes the files of the static page on which runs are played with into a folder: all but the engine
// itself, which make site builds.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"faultflow/internal/play"
	"faultflow/internal/play/page"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "want a folder and the version")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "play-site:", err)
		os.Exit(3)
	}
}

func write(folder, version string) error {
	start, err := (&play.Engine{Version: version}).Start(context.Background(), nil)
	if err != nil {
		return err
	}
	files, err := page.SiteFiles()
	if err != nil {
		return err
	}
	files["start.json"] = page.File{Text: start}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for name, file := range files {
		if err := os.WriteFile(filepath.Join(folder, name), file.Text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
