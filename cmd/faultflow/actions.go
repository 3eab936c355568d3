package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"faultflow/internal/render/ci"
	"faultflow/internal/render/format"
	"faultflow/internal/render/text"
	"faultflow/internal/report"
)

// writeActions writes what GitHub Actions shows by itself: annotations on standard output, unless another format than
// text has it, and the step summary. Outside of Actions it does nothing.
func writeActions(t *report.Tests, outputs []testOutput, s *streams) error {
	if !s.inActions() {
		return nil
	}
	taken := func(out testOutput) bool { return out.onStdout() && out.format != "text" }
	if !slices.ContainsFunc(outputs, taken) {
		if err := annotate(t, s); err != nil {
			return err
		}
	}
	path := s.getenv("GITHUB_STEP_SUMMARY")
	if path == "" {
		return nil
	}
	// The step's other commands write to the same file.
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("step summary: %w", err)
	}
	return writeAndClose(file, func(w io.Writer) error {
		there, err := file.Stat()
		if err != nil {
			return err
		}
		limit := ci.SummaryLimit - int(there.Size())
		if there.Size() > 0 && limit > 0 {
			limit-- // what is there may not end its last line
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
		return ci.WriteTestSummary(w, t, limit)
	})
}

// annotate writes the annotations alone, on standard output. Outside of Actions it does nothing.
func annotate(t *report.Tests, s *streams) error {
	if !s.inActions() {
		return nil
	}
	if err := format.Tests(inWorkspace(t, s)).Write(s.out, format.GitHub, text.Style{}); err != nil {
		return fmt.Errorf("%w to standard output: %w", errWrite, err)
	}
	return nil
}

// inWorkspace names the files as annotations want them: from the root of the repository, which need not be the folder
// that the step works in.
func inWorkspace(t *report.Tests, s *streams) *report.Tests {
	root := resolved(s.getenv("GITHUB_WORKSPACE"))
	if root == "" {
		return t
	}
	named := *t
	named.Results = slices.Clone(t.Results)
	for i := range named.Results {
		file := &named.Results[i].File
		folder, name := filepath.Split(*file) // a link to a file is in the repository under its own name
		from, err := filepath.Rel(root, filepath.Join(resolved(cmp.Or(folder, ".")), name))
		if err == nil && name != "" && filepath.IsLocal(from) {
			*file = filepath.ToSlash(from)
		}
	}
	return &named
}

// resolved is the absolute path without symbolic links; "" for none.
func resolved(path string) string {
	if path == "" {
		return ""
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(absolute); err == nil {
		return real
	}
	return absolute
}

func writeAndClose(file *os.File, render func(io.Writer) error) error {
	err := render(file)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errWrite, err)
	}
	return nil
}
