package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mattn/go-shellwords"
	"github.com/spf13/pflag"

	"faultflow/internal/compare"
	"faultflow/internal/report"
	"faultflow/internal/runner"
	"faultflow/internal/settings"
)

// comparedRun is a run to make for a comparison.
type comparedRun struct {
	// input is the index of its input.
	input int
	job   job
	// given are the settings that its flags gave.
	given []settings.Assignment
	// seedless says that neither flags nor scenario name a seed.
	seedless bool
	// scenario is the file of the scenario; "" without one.
	scenario string
}

// parseRun reads the flags of a --run, which are quoted as in a shell. What ends a command there is text here, so that
// the kinds of a fault can be joined with |.
func parseRun(text string, s *streams) (*comparedRun, error) {
	shell := shellwords.NewParser()
	shell.SetExcludeSeparators('|', '&', ';', '<', '>')
	words, err := shell.Parse(text)
	if err != nil {
		return nil, usageError("a quote or a bracket has no partner, or the end is a \\")
	}
	return newComparedRun(words, s)
}

// newComparedRun reads flags as the main command does. Flags about showing a run are refused.
func newComparedRun(words []string, s *streams) (*comparedRun, error) {
	o, cmd := newRoot(s)
	if err := cmd.ParseFlags(words); errors.Is(err, pflag.ErrHelp) {
		return nil, usageError("--help decides nothing in a run; see %s --help", cmd.CommandPath())
	} else if err != nil {
		return nil, flagError(cmd, err)
	}
	if rest := cmd.Flags().Args(); len(rest) > 0 {
		return nil, usageError("%q is no flag; want flags of a run such as --attempts 5", rest[0])
	}
	var out string
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Name != "scenario" && !isSetting(f.Name) {
			out = f.Name
		}
	})
	switch {
	case out != "":
		return nil, usageError("--%s decides nothing in a run; leave it out", out)
	case o.given.Has("clock") && o.given.Text("clock") != settings.ClockVirtual:
		return nil, usageError("--clock: runs are compared on the virtual clock")
	}
	r := &comparedRun{given: o.given.List(), scenario: o.scenario}
	var err error
	r.job, err = o.job(s, func() uint64 { r.seedless = true; return 0 })
	if r.job.settings.Input == "-" {
		return nil, usageError("--input -: runs that are compared can't share standard input; name a file")
	}
	r.job.settings.Clock = settings.ClockVirtual
	return r, err
}

func isSetting(name string) bool {
	_, ok := settings.Find(name)
	return ok
}

// inRun adds to an error the run that it is about, by its flags or its scenario.
func inRun(source string, err error) error {
	var exit *exitError
	if errors.As(err, &exit) {
		return &exitError{code: exit.code, message: fmt.Sprintf("run %q: %s", source, exit.message)}
	}
	return fmt.Errorf("run %q: %w", source, err)
}

// makeRuns makes the runs and puts their reports into their inputs.
func makeRuns(ctx context.Context, inputs []compare.Input, runs []*comparedRun, s *streams) error {
	seedRuns(inputs, runs)
	for i, label := range runLabels(runs) {
		inputs[runs[i].input].Label = label
	}
	for _, r := range runs {
		in := &inputs[r.input]
		rep, err := runner.Run(ctx, r.job.settings, runner.Environment{Getenv: s.getenv, Version: version()})
		if err != nil {
			return inRun(in.Source.Source, err)
		}
		if rep.Interrupted {
			return &exitError{code: exitInterrupted, message: "interrupted; nothing was compared"}
		}
		if err := rep.Seal(); err != nil {
			return err
		}
		if r.scenario != "" {
			rep.Meta.Scenario = r.job.name
		}
		in.Documents = map[string]compare.Document{"": {Document: report.Document{Report: rep}}}
	}
	return nil
}

// seedRuns gives the runs without a seed the seed of the first input that has one, or else one that is drawn for all.
func seedRuns(inputs []compare.Input, runs []*comparedRun) {
	seeds := make([]*uint64, len(inputs))
	for i, in := range inputs {
		if rep := in.Documents[""].Report; rep != nil {
			seeds[i] = &rep.Seed
		}
	}
	for _, r := range runs {
		if !r.seedless {
			seeds[r.input] = &r.job.settings.Seed
		}
	}
	shared := drawSeed()
	if i := slices.IndexFunc(seeds, func(s *uint64) bool { return s != nil }); i >= 0 {
		shared = *seeds[i]
	}
	for _, r := range runs {
		if r.seedless {
			r.job.settings.Seed = shared
		}
	}
}

// runLabels names each run after what it was given and not all runs were, such as "attempts 5", or "base" if there is
// nothing. Of a scenario its name is part of that.
func runLabels(runs []*comparedRun) []string {
	given := make([][]string, len(runs))
	for i, r := range runs {
		if r.scenario != "" {
			given[i] = append(given[i], r.job.name)
		}
		for _, g := range r.given {
			switch {
			case g.Name == "seed": // what counts is the seed that it ran with
			case g.Text == "true":
				given[i] = append(given[i], strings.TrimPrefix(g.Name, "enable-"))
			default:
				given[i] = append(given[i], g.Name+" "+g.Text)
			}
		}
		if len(runs) > 1 {
			given[i] = append(given[i], fmt.Sprintf("seed %d", r.job.settings.Seed))
		}
	}
	common := func(text string) bool {
		lacks := func(other []string) bool { return !slices.Contains(other, text) }
		return len(runs) > 1 && !slices.ContainsFunc(given, lacks)
	}
	labels := make([]string, len(runs))
	for i, own := range given {
		own = slices.DeleteFunc(slices.Clone(own), common)
		if labels[i] = strings.Join(own, ", "); labels[i] == "" {
			labels[i] = "base"
		}
	}
	return labels
}
