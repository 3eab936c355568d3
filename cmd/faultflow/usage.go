package main

import (
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"faultflow/internal/channel"
	"faultflow/internal/simulate"
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
	_, err := fmt.Fprint(w, `
Exit codes:
  0 the verdict is acceptable, or all expectations held
  1 it is not (see --fail-on), or one did not
  2 bad flag, scenario or input    3 could not read or write
  4 inconclusive: a fault given by hand never fired
  130 interrupted; the report so far is still written
`)
	return err
}

// writeUses prints how a command is called, and what is below it.
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

// writeOwnUsage prints the help of a command that has the flags of a run beside its own: those are found elsewhere.
func writeOwnUsage(c *cobra.Command, own *pflag.FlagSet) error {
	w := c.OutOrStderr()
	writeUses(w, c)
	writeFlags(w, "Flags", own)
	_, err := fmt.Fprint(w, "\nAnd --scenario and the flags of a run that say what happens in it: see faultflow --help.\n")
	return err
}

func writeFlags(w io.Writer, title string, flags *pflag.FlagSet) {
	fmt.Fprintf(w, "\n%s:\n%s\n", title, strings.TrimRight(flags.FlagUsagesWrapped(defaultWidth), "\n"))
}

// writeFaultHelp lists what --fault understands, from the catalogue itself.
func writeFaultHelp(w io.Writer) {
	fmt.Fprint(w, `
Faults, such as collector.fetch=connection_refused,first=3 or delivery.primary=disk_full|locked,p=0.5:
`)
	width := 0
	places := simulate.Places(channel.DefaultChannels())
	for _, p := range places {
		width = max(width, len(p))
	}
	kinds := map[string]string{}
	for _, p := range places {
		var names []string
		for _, k := range simulate.Kinds(p) {
			names = append(names, string(k))
		}
		list := strings.Join(names, ", ")
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
	fmt.Fprint(w, `  when: p=0.5 (probability), first=3, every=2, calls=1+3-5, cycles=2-4, from=5s, to=20s
  how:  factor=10 or by=2s (slow), share=0.5 (partial and data kinds), period=10s (flapping), retry_after=1s (rate_limited)
`)
}

// version is the module's version as the build recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
