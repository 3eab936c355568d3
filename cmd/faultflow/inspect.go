package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"faultflow/internal/channel"
	"faultflow/internal/disk"
	"faultflow/internal/journal"
	"faultflow/internal/render/format"
	"faultflow/internal/report"
	"faultflow/internal/undelivered"
)

// inspectOptions are the flags of faultflow inspect.
type inspectOptions struct {
	format string
	looks  looks
}

func newInspectCommand(s *streams) *cobra.Command {
	o := &inspectOptions{format: format.Text}
	cmd := &cobra.Command{
		Use:   "inspect DIR",
		Short: "Show what a run left in its folder",
		Long: `Show what is in a folder that --output or --state wrote: its files, the records
that no channel has got, the dead letters by place, class and reason, how old
they are, a few of them, how many were replayed, where the journal stands, and
whether a run has the folder. Nothing is changed.

Exit codes: 0 shown, 2 no folder of a run or a flag is wrong, 3 could not read
or write.`,
		Example: `  faultflow inspect testdata/left
  faultflow inspect testdata/left --format json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError("inspect takes one folder, which --output or --state wrote")
			}
			return nil
		},
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs),
		RunE:              func(_ *cobra.Command, args []string) error { return runInspect(o, args[0], s) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	formats := format.Inspection(nil).Formats()
	addChoice(flags, &o.format, "format", "FORMAT", formats, strings.Join(formats, ", "))
	addColor(flags, &o.looks.color)
	return cmd
}

func runInspect(o *inspectOptions, dir string, s *streams) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return usageError("%s is no folder; name one that --output or --state wrote", dir)
	}
	doc, err := inspect(dir)
	if err != nil {
		return err
	}
	if len(doc.Files) == 0 && doc.Journal == nil && doc.Holder == "" {
		return usageError("%s holds no records of a run; name a folder that --output or --state wrote", dir)
	}
	return writeInspection(doc, o.format, o.looks, s)
}

// inspect reads a folder; nothing is written.
func inspect(dir string) (*report.Inspection, error) {
	folder, err := undelivered.Read(dir, withUnfinished([]string{channel.DeadLetters, channel.Emergency})...)
	if err != nil {
		return nil, err
	}
	defer folder.Close() // it was only read
	doc, err := folder.Inspect(undelivered.Filter{})
	if err != nil {
		return nil, err
	}
	for _, name := range withUnfinished([]string{channel.Delivered}) {
		n, err := countLines(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		doc.Files = append(doc.Files, report.InspectedFile{Name: name, Lines: n})
	}
	if doc.Holder, err = disk.Held(dir); err != nil {
		return nil, err
	}
	past, err := journal.Read(dir)
	if err != nil || past == nil {
		return doc, err
	}
	doc.Journal = &report.InspectedJournal{
		Run:   past.Run,
		Lives: past.Lives,
		Cycle: past.Last.Number,
		Row:   past.Last.Row,
		Open:  []report.OpenDelivery{},
	}
	for _, sending := range past.Sent {
		open := report.OpenDelivery{Channel: sending.Channel, Key: sending.Key}
		for _, rows := range sending.Rows {
			open.Records += rows[1] - rows[0] + 1
		}
		doc.Journal.Open = append(doc.Journal.Open, open)
	}
	return doc, nil
}

func countLines(path string) (n int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close() // it was only read
	block := make([]byte, 256<<10)
	for {
		read, err := file.Read(block)
		n += int64(bytes.Count(block[:read], []byte{'\n'}))
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// writeInspection shows what is in a folder.
func writeInspection(doc *report.Inspection, as string, looks looks, s *streams) error {
	shown := format.Inspection(doc)
	if err := shown.Write(s.outAs(as), as, looks.style(s, "")); err != nil {
		return fmt.Errorf("%w to standard output: %w", errWrite, err)
	}
	return nil
}
