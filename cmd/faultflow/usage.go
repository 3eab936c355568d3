package main

import (
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
)

// writeUsage prints the help of a command: its flags by purpose where it has groups.
func writeUsage(c *cobra.Command, groups []flagGroup) error {
	w := c.OutOrStderr()
	writeUses(w, c)
	if c.HasParent() {
		if c.HasAvailableLocalFlags() {
			writeFlags(w, "Flags", c.LocalFlags())
		}
		return nil
	}
	for _, g := range groups {
		writeFlags(w, g.title, g.flags)
	}
	writeFaultHelp(w)
	fmt.Fprint(w, "\nExit codes:\n")
	for _, e := range exitCodes {
		if _, err := fmt.Fprintf(w, "  %-3d  %s\n", e.code, e.meaning); err != nil {
			return err
		}
	}
	return nil
}

// writeUses prints a command's usage line, examples and subcommands.
func writeUses(w io.Writer, c *cobra.Command) {
	fmt.Fprintf(w, "Usage:\n  %s\n", c.UseLine())
	if c.HasExample() {
		fmt.Fprintf(w, "\nExamples:\n%s\n", c.Example)
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprint(w, "\nCommands:\n")
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				fmt.Fprintf(w, "  %-12s %s\n", sub.Name(), sub.Short)
			}
		}
	}
}

// runFlags are the flags of a run for commands that make runs.
const runFlags = "--scenario and the flags of a run that say what happens in it"

// writeOwnUsage prints the help of a command that has the flags of a run beside its own, and refers to faultflow --help
// for the former, the others.
func writeOwnUsage(c *cobra.Command, own *pflag.FlagSet, others string) error {
	w := c.OutOrStderr()
	writeUses(w, c)
	writeFlags(w, "Flags", own)
	_, err := fmt.Fprintf(w, "\nAnd %s: see faultflow --help.\n", others)
	return err
}

func writeFlags(w io.Writer, title string, flags *pflag.FlagSet) {
	fmt.Fprintf(w, "\n%s:\n%s\n", title, strings.TrimRight(flags.FlagUsagesWrapped(defaultWidth), "\n"))
}

// writeFaultHelp lists the places, kinds and keys of --fault.
func writeFaultHelp(w io.Writer) {
	fmt.Fprint(w, `
Faults, such as collector.fetch=connection_refused,first=3 or delivery.primary=disk_full|locked,p=0.5:
`)
	width := 0
	places := catalog.Strings(catalog.Places(catalog.DefaultChannels()))
	for _, p := range places {
		width = max(width, len(p))
	}
	kinds := map[string]string{}
	for _, p := range places {
		list := strings.Join(catalog.Strings(fault.KindsAt(catalog.Place(p))), ", ")
		if twin, ok := kinds[list]; ok {
			list = "as " + twin
		} else {
			kinds[list] = p
		}
		for i, line := range strings.Split(text.WrapSoft(list, defaultWidth-width-4), "\n") {
			if i > 0 {
				p = ""
			}
			fmt.Fprintf(w, "  %-*s  %s\n", width, p, strings.TrimSpace(line))
		}
	}
	var when, how []string
	for _, k := range fault.Keys() {
		example := k.Name + "=" + k.Example
		if k.Of == nil {
			when = append(when, example)
			continue
		}
		how = append(how, example+" ("+strings.Join(catalog.Strings(k.Of), ", ")+")")
	}
	for _, line := range []struct {
		title string
		parts []string
	}{{"when:", when}, {"how: ", how}} {
		for _, l := range strings.Split(text.WrapSoft(strings.Join(line.parts, ", "), defaultWidth-8), "\n") {
			fmt.Fprintf(w, "  %s %s\n", line.title, strings.TrimSpace(l))
			line.title = "     "
		}
	}
}

// typeCompletionErrors makes errors of usage of those that cobra's own completion commands give.
func typeCompletionErrors(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	completion, _, err := root.Find([]string{"completion"})
	must(err)
	completion.Args, completion.RunE = noArguments, func(c *cobra.Command, _ []string) error { return c.Help() }
	for _, shell := range completion.Commands() {
		var lines []string
		for line := range strings.SplitSeq(shell.Long, "\n") { // one of cobra's is too long for a terminal
			lines = append(lines, strings.Split(text.WrapSoft(line, defaultWidth), "\n")...)
		}
		shell.Long = strings.Join(lines, "\n")
		shell.Args = func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError("%s takes no argument %q", c.CommandPath(), args[0])
			}
			return nil
		}
	}
}

// typeHelpErrors makes an error of usage of a topic that help does not know.
func typeHelpErrors(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, err := root.Find([]string{"help"})
	must(err)
	help.Run = nil
	help.RunE = func(_ *cobra.Command, args []string) error {
		about, rest, err := root.Find(args)
		if err != nil {
			return err
		}
		if len(rest) > 0 && about.HasAvailableSubCommands() {
			return noArguments(about, rest)
		}
		return about.Help()
	}
}

// version is the module's version as the build recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
