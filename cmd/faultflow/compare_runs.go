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
)

// comparedRun is a run that is made to be compared.
type comparedRun struct {
	// input is its place among what is compared.
	input int
	job   job
	// given are the flags that it was given.
	given []runner.Given
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

// newComparedRun makes of flags what the main job makes of them. Flags that are about showing a run have no place here.
func newComparedRun(words []string, s *streams) (*comparedRun, error) {
	o, cmd := newRoot(s)
	if err := cmd.ParseFlags(words); errors.Is(err, pflag.ErrHelp) {
		return nil, usageError("--help decides nothing in a run; see %s --help", cmd.CommandPath())
	} else if err != nil {
		return nil, flagError(cmd, err)
	}
	if rest := cmd.Flags().Args(); len(rest) > 0 {
		return nil, usageError("%q is no flag; want flags of a run such as --retries 5", rest[0])
	}
	var out string
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Name != "scenario" && (o.draft.Field(f.Name) == nil || f.Name == "expect") {
			out = f.Name
		}
	})
	switch {
	case out != "":
		return nil, usageError("--%s decides nothing in a run; leave it out", out)
	case o.draft.IsGiven("clock") && o.draft.Field("clock").String() != "virtual":
		return nil, usageError("--clock: runs are compared on the virtual clock")
	}
	r := &comparedRun{given: o.draft.Given(), scenario: o.scenario}
	var err error
	r.job, err = o.job(s, func() uint64 { r.seedless = true; return 0 })
	if r.job.settings.Input.Path == "-" {
		return nil, usageError("--input -: runs that are compared can't share standard input; name a file")
	}
	r.job.settings.Virtual = true
	return r, err
}

// inRun says in which run, by its flags or its scenario, an error is.
func inRun(source string, err error) error {
	var exit *exitError
	if errors.As(err, &exit) {
		return &exitError{code: exit.code, message: fmt.Sprintf("run %q: %s", source, exit.message)}
	}
	return fmt.Errorf("run %q: %w", source, err)
}

// makeRuns makes the runs and puts their reports where they belong among the inputs.
func makeRuns(ctx context.Context, inputs []compare.Input, runs []*comparedRun) error {
	seedRuns(inputs, runs)
	for i, label := range runLabels(runs) {
		inputs[runs[i].input].Label = label
	}
	for _, r := range runs {
		in := &inputs[r.input]
		rep, err := runner.Run(ctx, r.job.settings, runner.World{Version: version()})
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

// seedRuns gives runs without a seed that of the first input that has one; without any they share one that is drawn.
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

// runLabels says of each run what it was given that not all of them were, such as "retries 5"; of one that was given
// nothing else it says "base". A scenario is called by its name.
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
	labels := make([]string, len(runs))
	for i, own := range given {
		own = slices.DeleteFunc(slices.Clone(own), func(g string) bool {
			return len(runs) > 1 && !slices.ContainsFunc(given, func(other []string) bool { return !slices.Contains(other, g) })
		})
		if labels[i] = strings.Join(own, ", "); labels[i] == "" {
			labels[i] = "base"
		}
	}
	return labels
}
