package main

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"faultflow/internal/channel"
	"faultflow/internal/disk"
	"faultflow/internal/errhandler"
	"faultflow/internal/journal"
	"faultflow/internal/render/format"
	"faultflow/internal/runner"
	"faultflow/internal/settings"
	"faultflow/internal/undelivered"
)

// replayOptions are the flags of faultflow replay: those of a run, but for where its records come from, and its own.
type replayOptions struct {
	run    *rootOptions
	filter undelivered.Filter
	where  string
	dryRun bool
}

// fromElsewhere are the settings of a run that a replay does not have: its records are there already, once.
var fromElsewhere = []string{
	"test-recovery", "input", "input-format", "records", "next", "health-url", "batch-wait", "max-invalid",
	"fallback", "cache-ttl", "cache-max-age",
}

func newReplayCommand(s *streams) *cobra.Command {
	o := &replayOptions{run: &rootOptions{given: &settings.Given{}, format: format.Text}}
	cmd := &cobra.Command{
		Use:   "replay DIR|FILE…",
		Short: "Send spooled records and dead letters again",
		Long: `Send what a run left in its --output folder through the pipeline again: spooled
records to the channels as they are, dead letters through processing, as
--process says. FILE… are some of a folder's files. What a channel takes is
noted in the folder's replayed.ndjson and not sent again; what fails again
stays, with its new reason. The first batch that no real channel takes ends the
replay. A replay that dies is settled by the next one to the same channels:
databases know what arrived, a file is cut back; at others, what may have
arrived is sent again and counted as possible duplicates.

--where is true of the lines to send; it can name
` + undelivered.Names + `.
A dead letter whose row could not be read has no record and stays.

Exit codes: as those of a run; 0 if nothing is left to send, 3 if no real
channel takes a batch.`,
		Example: `  faultflow replay testdata/left --dry-run
  faultflow replay testdata/left --channel primary=sqlite:out.db?table=stations
  faultflow replay testdata/left --where 'reason matches "timeout"' --channel a=file:out.ndjson
  faultflow replay testdata/left/dead-letters.ndjson --class processing --clock virtual`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError("replay takes a folder that --output wrote, or files of it; " +
					"see faultflow replay --help")
			}
			return nil
		},
		ValidArgsFunction: cobra.FixedCompletions([]string{"ndjson"}, cobra.ShellCompDirectiveFilterFileExt),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runReplay(cmd.Context(), o, args, s)
		},
	}
	own := pflag.NewFlagSet("replay", pflag.ContinueOnError)
	own.SortFlags = false
	own.StringVar(&o.where, "where", "",
		"send lines of which `EXPR` is true, such as 'reason matches \"timeout\"'")
	own.StringVar(&o.filter.Place, "place", "", "send dead letters of this `PLACE`, such as delivery.primary")
	var classes []string
	for _, c := range errhandler.Classes() {
		classes = append(classes, string(c))
	}
	addChoice(own, &o.filter.Class, "class", "CLASS", classes,
		"send dead letters of this class: "+strings.Join(classes, ", "))
	addBool(own, &o.dryRun, "dry-run", "show what would be sent, and send nothing")
	o.run.addShows(own, s)
	o.run.addSettings(cmd.Flags(), slices.DeleteFunc(slices.Clone(settings.All()), func(s settings.Setting) bool {
		return s.Section == settings.Load || slices.Contains(fromElsewhere, s.Name)
	}))
	for _, g := range o.run.groups {
		cmd.Flags().AddFlagSet(g.flags)
	}
	cmd.Flags().AddFlagSet(own)
	complete(cmd, "fault", o.run.faultsBegunWith)
	cmd.SetUsageFunc(func(c *cobra.Command) error {
		return writeOwnUsage(c, own, "the flags of a run that say how records are processed and delivered")
	})
	return cmd
}

func runReplay(ctx context.Context, o *replayOptions, args []string, s *streams) error {
	dir, files, err := leftIn(args)
	if err != nil {
		return err
	}
	if o.where != "" {
		if o.filter.Where, err = undelivered.ParseCondition(o.where); err != nil {
			return usageError("--where %q: %v; it can name %s", o.where, err, undelivered.Names)
		}
	}
	if o.dryRun {
		return o.show(dir, files, s)
	}
	must(o.run.given.Set("input", plainPath(dir)))
	j, err := o.run.job(s, drawSeed)
	if err != nil {
		return err
	}
	replay, notices, err := runner.OpenReplay(disk.Real(), dir, files)
	if err != nil {
		return err
	}
	defer replay.Close() // all that counts has been made durable
	chosen, unreadable, err := replay.Select(o.filter)
	if err != nil {
		return err
	}
	if unreadable > 0 {
		notices = append(notices, fmt.Sprintf("%s: lines without a record, since the row could not be read: "+
			"%d; they stay: mend the rows, and give them as --input", dir, unreadable))
	}
	tell(s, &notices)
	if chosen == 0 {
		s.say(slog.LevelInfo, "nothing to replay; faultflow inspect DIR shows what is there")
		return nil
	}
	j.replay = replay
	return runMain(ctx, o.run, j, s)
}

// show shows what would be sent.
func (o *replayOptions) show(dir string, files []string, s *streams) error {
	folder, err := undelivered.Read(dir, withUnfinished(files)...)
	if err != nil {
		return err
	}
	defer folder.Close() // it was only read
	doc, err := folder.Inspect(o.filter)
	if err != nil {
		return err
	}
	doc.DryRun = true
	return writeInspection(doc, o.run.format, o.run.looks, s)
}

// leftIn says which files of which folder are meant: all that can hold undelivered records, or those that are named.
func leftIn(args []string) (dir string, files []string, err error) {
	for _, arg := range args {
		info, err := os.Stat(arg)
		switch {
		case err != nil:
			return "", nil, err
		case info.IsDir() && len(args) > 1:
			return "", nil, usageError("%s is a folder; name one folder alone, or files of one", arg)
		case info.IsDir():
			files = []string{channel.DeadLetters, channel.Emergency}
			for _, name := range withUnfinished(files) {
				if _, err := os.Stat(filepath.Join(arg, name)); err == nil {
					return arg, files, nil
				}
			}
			return "", nil, usageError("%s holds neither %s nor %s; name a folder that --output wrote",
				arg, channel.DeadLetters, channel.Emergency)
		case !info.Mode().IsRegular():
			return "", nil, &fs.PathError{Op: "replay", Path: arg, Err: fs.ErrInvalid}
		case strings.HasSuffix(arg, channel.Unfinished):
			return "", nil, usageError("%s is of a run that did not end; name the file as it would have been called, "+
				"or the folder", arg)
		}
		at, name := filepath.Split(arg)
		if slices.Contains([]string{channel.Delivered, undelivered.Marks, journal.File}, name) {
			return "", nil, usageError("%s has nothing to replay; name its folder, or %s or %s",
				arg, channel.DeadLetters, channel.Emergency)
		}
		if at = filepath.Clean(at); dir != "" && at != dir {
			return "", nil, usageError("%s is not in %s; replay the files of one folder at a time", arg, dir)
		}
		dir = at
		if !slices.Contains(files, name) {
			files = append(files, name)
		}
	}
	return dir, files, nil
}

// withUnfinished adds what the files are called while their run has not ended.
func withUnfinished(files []string) []string {
	var all []string
	for _, name := range files {
		all = append(all, name, name+channel.Unfinished)
	}
	return all
}

// plainPath is a path that can't be taken for standard input or a URL.
func plainPath(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return "." + string(filepath.Separator) + filepath.Clean(path)
}
