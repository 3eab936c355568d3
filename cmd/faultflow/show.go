package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"faultflow/internal/render/format"
	"faultflow/internal/report"
)

// showOptions are the flags of faultflow show.
type showOptions struct {
	format, output string
	looks          looks
}

func newShowCommand(s *streams) *cobra.Command {
	o := &showOptions{format: "text"}
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "Show a saved report again",
		Long: `Show a report that --report or --format json saved, of a run or of a campaign,
sweep or ablation, or the results of faultflow test --format json, in any
format. FILE is - for standard input; a part of a campaign is shown as one.
Reports of older versions can be read; one of a newer version is refused. A
report whose hash does not match its contents was changed after it was written:
it is shown with a warning, but not as JSON, which would give it a new hash.

Exit codes: 0 shown, 2 no report or a flag is wrong, 3 could not read or write.`,
		Example: `  faultflow show testdata/reports/outage.json
  faultflow show testdata/reports/outage.json --format html --output outage.html
  faultflow show testdata/reports/outage.json --format markdown
  faultflow show testdata/campaigns/network.json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError("show takes one report, or - for standard input; faultflow --report FILE writes one")
			}
			return nil
		},
		ValidArgsFunction: aReport,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runShow(cmd.Context(), o, args[0], s)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	addChoice(flags, &o.format, "format", "FORMAT", showFormats(),
		strings.Join(format.Report(nil).Formats(), ", ")+
			"; of test results: "+strings.Join(format.Tests(nil).Formats(), ", ")+
			"; of campaigns: "+strings.Join(campaignFormats(), ", "))
	flags.StringVar(&o.output, "output", "", "write to `FILE` instead of standard output")
	o.looks.addFlags(flags, "draw the run in a text report")
	return cmd
}

// showFormats are the formats of reports, then those that only other documents have.
func showFormats() []string {
	formats := format.Report(nil).Formats()
	for _, f := range slices.Concat(format.Tests(nil).Formats(), campaignFormats()) {
		if !slices.Contains(formats, f) {
			formats = append(formats, f)
		}
	}
	return formats
}

func runShow(ctx context.Context, o *showOptions, path string, s *streams) error {
	doc, err := readDocument(ctx, path, s)
	path = documentName(path)
	if errors.Is(err, report.ErrHash) && o.format != "json" {
		fmt.Fprintf(s.err, "faultflow: warning: the hash of %s does not match its contents: "+
			"it was changed after it was written\n", report.Clean(path))
		err = nil
	}
	if err != nil {
		return documentError(path, err)
	}
	shows := shown(doc)
	if known := shows.Formats(); !slices.Contains(known, o.format) {
		return usageError("--format %q: what %s holds is shown as one of %s", o.format, path, strings.Join(known, ", "))
	}
	file, err := openReport("output", o.output, path)
	if err != nil {
		return err
	}
	defer file.discard()
	return file.writeOr(s.outAs(o.format), func(w io.Writer) error {
		return shows.Write(w, o.format, o.looks.style(s, o.output))
	})
}

// shown is a document that was read, in its formats.
func shown(doc report.Document) format.Document {
	switch {
	case doc.Tests != nil:
		return format.Tests(doc.Tests)
	case doc.Campaign != nil:
		return format.Campaign(doc.Campaign, nil)
	case doc.Sweep != nil:
		return format.Sweep(doc.Sweep)
	case doc.Ablation != nil:
		return format.Ablation(doc.Ablation)
	case doc.Determinism != nil:
		return format.Determinism(doc.Determinism)
	}
	return format.Report(doc.Report)
}

// documentName is the name of a file, or of standard input, in messages.
func documentName(path string) string {
	if path == "-" {
		return "standard input"
	}
	return path
}

// readDocument reads a file, or standard input.
func readDocument(ctx context.Context, path string, s *streams) (report.Document, error) {
	return unlessInterrupted(ctx, func() (report.Document, error) { return openDocument(path, s) })
}

func openDocument(path string, s *streams) (report.Document, error) {
	from := s.in
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return report.Document{}, unreadable(err)
		}
		defer func() { _ = file.Close() }() // it is only read
		from = file
	}
	doc, err := report.Read(from)
	if wrong, ok := errors.AsType[*fs.PathError](err); ok {
		err = unreadable(wrong)
	}
	return doc, err
}

func unreadable(err error) error {
	return &exitError{code: exitIO, message: fmt.Sprintf("could not read the report: %v", err)}
}

// documentError says why a document can't be read or shown, and what to do about it.
func documentError(path string, err error) error {
	var exit *exitError
	var schema *report.SchemaError
	switch {
	case errors.As(err, &exit):
		return err
	case errors.Is(err, report.ErrHash):
		return usageError("the hash of %s does not match its contents, and as JSON it would get a new one; "+
			"choose another --format", path)
	case errors.Is(err, report.ErrSize):
		return usageError("%s is larger than the %d MB that are read: reports of runs and campaigns have some megabytes "+
			"at most, whatever their length; make it again with faultflow --report FILE", path, report.MaxSize>>20)
	case errors.As(err, &schema) && schema.Newer():
		return usageError("%s has schema %s; this version of faultflow reads up to %s: use a newer one",
			path, schema.Found, schema.Want)
	case errors.As(err, &schema):
		return usageError("%s has schema %q; want one of %s, "+
			"as --report FILE and faultflow test --format json write them",
			path, schema.Found, strings.Join(report.Schemas(), ", "))
	}
	return usageError("%s is no report: %v; faultflow --report FILE writes one", path, errors.Unwrap(err))
}
