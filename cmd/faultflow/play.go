package main

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"faultflow/internal/play"
	"faultflow/internal/play/server"
	"faultflow/internal/settings"
)

// playOptions are the flags of faultflow play: those of a run, and its own.
type playOptions struct {
	// run has the flags of a run; those about showing it are not used.
	run    *rootOptions
	listen string
	open   bool
}

func newPlayCommand(s *streams) *cobra.Command {
	o := &playOptions{run: &rootOptions{given: &settings.Given{}}, listen: "127.0.0.1:0"}
	cmd := &cobra.Command{
		Use:   "play [SCENARIO]",
		Short: "Turn knobs in a browser and see what the policies do",
		Long: `Serve a page on this machine on which each setting is a knob: every change is a
run, drawn at once, and what is on the page can be taken along as a command, a
scenario, a link or a report. It begins with the SCENARIO, with the flags, or
with the first of the lessons that it has. Ctrl-C ends it.

The page is for one person: its address has a token, and no other page can use
it. It reads and writes no file.

Exit codes: 0 ended by Ctrl-C, 2 a flag or a file is wrong, 3 could not listen.`,
		Example: `  faultflow play
  faultflow play testdata/scenarios/network-breaker-opens.yaml
  faultflow play --simulate-failures --failure-type network --cycles 4`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 || len(args) == 1 && cmd.Flags().Changed("scenario") {
				return usageError("%s takes one scenario, and %q is another", cmd.CommandPath(), args[len(args)-1])
			}
			return nil
		},
		ValidArgsFunction: scenarios,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.run.scenario = args[0]
			}
			return runPlay(cmd.Context(), o, s)
		},
	}
	own := pflag.NewFlagSet("play", pflag.ContinueOnError)
	own.SortFlags = false
	own.StringVar(&o.listen, "listen", o.listen, "`ADDRESS` to serve the page on; port 0 is any that is free")
	addBool(own, &o.open, "open", "open the page in a browser")
	o.run.addSettings(cmd.Flags(), settings.All())
	o.run.addScenario()
	for _, g := range o.run.groups {
		cmd.Flags().AddFlagSet(g.flags)
	}
	cmd.Flags().AddFlagSet(own)
	o.run.completeRun(cmd)
	cmd.SetUsageFunc(func(c *cobra.Command) error { return writeOwnUsage(c, own, runFlags) })
	return cmd
}

func runPlay(ctx context.Context, o *playOptions, s *streams) error {
	var given []play.Setting // nil for the first lesson
	if o.run.scenario != "" || len(o.run.given.List()) > 0 {
		j, err := o.run.job(s, firstSeed)
		if err != nil {
			return err
		}
		for _, g := range j.given.List() {
			if g.Name != "clock" || g.Text != settings.ClockVirtual { // which the page has anyhow
				given = append(given, play.Setting{Name: g.Name, Text: g.Text})
			}
		}
	}
	engine := &play.Engine{Version: version()}
	start, err := engine.Start(ctx, given)
	if err != nil {
		return err
	}
	defer patience(s.getenv)()
	page, err := server.Listen(o.listen, engine, start)
	if err != nil {
		return &exitError{code: exitIO, message: fmt.Sprintf("--listen %q: %v; "+
			"name an address of this machine and a free port, such as 127.0.0.1:0", o.listen, err)}
	}
	if !page.Loopback() {
		fmt.Fprintf(s.err, "faultflow: warning: --listen %s lets other machines reach the page; "+
			"who sees its address can use it\n", o.listen)
	}
	if err := s.print(page.URL() + "\n"); err != nil {
		return err
	}
	fmt.Fprintln(s.err, "faultflow: the page is at this address; Ctrl-C ends it")
	if o.open {
		if err := openBrowser(page.URL()); err != nil {
			fmt.Fprintf(s.err, "faultflow: warning: could not open a browser: %v; open the address yourself\n", err)
		}
	}
	return page.Serve(ctx)
}

// openBrowser opens an address with the system's own command for it.
func openBrowser(url string) error {
	command := map[string][]string{
		"darwin":  {"open"},
		"windows": {"rundll32", "url.dll,FileProtocolHandler"},
	}[runtime.GOOS]
	if command == nil {
		command = []string{"xdg-open"}
	}
	opener := exec.Command(command[0], append(command[1:], url)...)
	if err := opener.Start(); err != nil {
		return err
	}
	return opener.Process.Release() // it goes on by itself
}
