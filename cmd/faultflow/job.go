package main

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"

	"faultflow/internal/expect"
	"faultflow/internal/runner"
	"faultflow/internal/scenario"
	"faultflow/internal/settings"
)

// job is a run to make: the flags, completed by the scenario that they may name.
type job struct {
	name string
	// given are the settings that flags or scenario gave; settings are all of them, with defaults.
	given        *settings.Given
	settings     settings.Settings
	expectations []*expect.Condition
	// anySeed says that the seed was drawn.
	anySeed bool
	// replay is what faultflow replay sends in place of an input.
	replay *runner.Replay
}

func drawSeed() uint64 { return rand.Uint64N(settings.MaxSeed + 1) }

// job completes the flags. The seed is that of the flags, else the scenario's first, else drawn.
func (o *rootOptions) job(s *streams, draw func() uint64) (job, error) {
	j := job{name: "run", given: o.given}
	if o.scenario != "" {
		sc, err := loadScenario(o.scenario, s)
		if err != nil {
			return j, err
		}
		j.name, j.expectations, j.given = sc.Name, sc.Expectations, sc.Given
		j.given.Overlay(o.given)
		j.given.Seed(func() uint64 { return sc.Seeds[0] })
	}
	j.given.Seed(func() uint64 {
		j.anySeed = true
		return draw()
	})
	if len(o.expect) > 0 {
		j.expectations = nil
		for _, source := range o.expect {
			e, err := expect.Compile(source)
			if err != nil {
				return j, usageError("--expect %q: %v", source, err)
			}
			j.expectations = append(j.expectations, e)
		}
	}
	var err error
	if j.settings, err = j.given.Settings(); err != nil {
		return j, err
	}
	for _, e := range j.expectations { // flags may have given a scenario other channels
		if err := e.Fits(&j.settings); err != nil {
			from := "--expect"
			if len(o.expect) == 0 {
				from = o.scenario + ": expect:"
			}
			return j, usageError("%s %q: %v", from, e.Source, err)
		}
	}
	if o.saveScenario != "" {
		return j, j.save(o.saveScenario)
	}
	return j, nil
}

// loadScenario reads the scenario of one run, without its matrix.
func loadScenario(path string, s *streams) (*scenario.Scenario, error) {
	sc, hasMatrix, err := scenario.LoadBase(path)
	if mistake, ok := errors.AsType[*scenario.FileError](err); ok {
		fmt.Fprintln(s.err, cleanLines(mistake.Error()))
		return nil, &exitError{code: exitUsage, message: "the scenario is wrong; nothing was run"}
	}
	if hasMatrix && err == nil {
		s.say(slog.LevelInfo, "the scenario's matrix is not run here; faultflow test does that")
	}
	return sc, err
}

// save writes the job as a scenario. Its input is relative to the scenario's file.
func (j job) save(path string) error {
	given := j.given.Clone()
	if input := j.settings.Input; input != "" && input != "-" && !j.settings.RemoteInput() && !filepath.IsAbs(input) {
		if relative, err := filepath.Rel(filepath.Dir(path), input); err == nil {
			must(given.Set("input", relative))
		}
	}
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	doc, err := scenario.Marshal(name, given, j.expectations)
	if err != nil {
		return err
	}
	return writeNew(path, string(doc))
}
