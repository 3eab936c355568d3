package runner

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"faultflow/internal/channel"
	"faultflow/internal/disk"
	"faultflow/internal/journal"
	"faultflow/internal/nodes"
	"faultflow/internal/secret"
	"faultflow/internal/settings"
	"faultflow/internal/source"
)

// ends are what a run has outside of its process: the journal, the input, real channels and the output folder.
type ends struct {
	journal *journal.Journal // nil without a state
	input   *source.Input    // nil for generated records
	outlets []channel.Real   // none for simulated channels
	output  *channel.Output  // nil if nothing is kept
	// fate is what became of the deliveries that an earlier life began and did not note the end of.
	fate *journal.Fate
	// unique begins the idempotency keys of deliveries to real channels.
	unique string
}

// open opens what the settings and the environment name. What was opened before an error is open.
func (r *run) open(ctx context.Context, env Environment) error {
	tell := func(notices []string) {
		for _, notice := range notices {
			if env.Tell != nil {
				env.Tell(notice)
			}
		}
	}
	s := &r.settings
	if env.State != "" {
		if err := checkState(s); err != nil {
			return err
		}
		j, notices, err := journal.Open(env.disk(), env.State, channel.Holder())
		if err != nil {
			return fmt.Errorf("%w: state: %w", ErrOutput, err)
		}
		tell(notices)
		r.journal = j
		if env.AnySeed && j.Past().Lives > 0 {
			s.Seed = j.Past().Seed
		}
	}
	secrets := secret.New(env.Getenv)
	if s.Input != "" && r.replay == nil {
		input, err := source.Open(ctx, *s, env.Stdin, secrets, r.past().Last.Row)
		if err != nil {
			return err
		}
		r.input = input
		if share := input.Share(); share != nil && env.Reads != nil {
			env.Reads(share)
		}
	}
	for _, o := range s.Outlets {
		real, err := channel.Open(ctx, o, s, channel.Outside{Secrets: secrets, Stdout: env.Stdout})
		if _, mistake := errors.AsType[*settings.Error](err); mistake {
			return err // which names the channel
		}
		if err != nil {
			return fmt.Errorf("channel %s: %w", o.Name, err)
		}
		r.outlets = append(r.outlets, real)
	}
	if r.replay != nil {
		if err := r.openReplay(ctx, secrets, tell); err != nil {
			return err
		}
	}
	if err := r.openOutput(env, tell); err != nil {
		return err
	}
	if len(r.outlets) > 0 || r.journal != nil {
		r.unique = "run-" + rand.Text()
	}
	if r.journal == nil {
		return nil
	}
	return r.goOn(ctx, env, tell)
}

// openReplay settles what earlier replays left open, and opens the rest as the input.
func (r *run) openReplay(ctx context.Context, secrets *secret.Secrets, tell func([]string)) error {
	notice, err := r.replay.settle(ctx, r.settings.Outlets, r.outlets)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOutput, err)
	}
	if notice != "" {
		tell([]string{notice})
	}
	r.input, err = source.OpenAgain(ctx, r.settings, r.replay.Folder, r.replay.lines, secrets)
	return err
}

// name begins the idempotency keys of the run's deliveries. Real channels would know those of another run with the same
// seed.
func (r *run) name() string {
	if r.unique != "" {
		return r.unique
	}
	return "run-" + strconv.FormatUint(r.settings.Seed, 10)
}

func (e *Environment) disk() disk.System {
	if e.Disk != nil {
		return *e.Disk
	}
	return disk.Real()
}

// past is what the journal knew; nothing without one.
func (r *run) past() *journal.Past {
	if r.journal == nil {
		return &journal.Past{}
	}
	return r.journal.Past()
}

func (r *run) openOutput(env Environment, tell func([]string)) error {
	dir, mode := env.Output, env.OutputMode
	if mode == "" {
		mode = channel.OutputNew
	}
	if r.journal != nil {
		mode = channel.OutputJournaled
		if dir == "" {
			dir = env.State
		}
	}
	if dir == "" {
		return nil
	}
	output, notices, err := channel.CreateOutput(env.disk(), dir, mode, env.Output != "", dir != env.State)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOutput, err)
	}
	tell(notices)
	r.output = output
	return nil
}

// goOn begins the journal, or goes on where an earlier life ended.
func (r *run) goOn(ctx context.Context, env Environment, tell func([]string)) error {
	past := r.journal.Past()
	identity, err := r.identity(env)
	if err != nil {
		return err
	}
	if err := r.journal.Begin(identity); err != nil {
		return fmt.Errorf("%w: %w", ErrOutput, err)
	}
	if err := r.output.Rewind(past.Last.Lengths); err != nil {
		return fmt.Errorf("%w: %w", ErrOutput, err)
	}
	if r.fate, err = past.Settle(ctx, r.outlets); err != nil {
		return fmt.Errorf("%w: %w", ErrOutput, err)
	}
	// A life has keys of its own: the same rows may come in other deliveries.
	r.unique = fmt.Sprintf("%s.%d", past.Run, past.Lives)
	if past.Lives > 1 {
		notice := fmt.Sprintf("%s: goes on behind row %d, after cycle %d", env.State, past.Last.Row, past.Last.Number)
		if n := len(r.fate.Arrived); n > 0 {
			notice += fmt.Sprintf("; %d records of the next one had arrived", n)
		}
		if n := r.fate.Uncertain; n > 0 {
			notice += fmt.Sprintf("; %d may have arrived, and are sent again", n)
		}
		tell([]string{notice})
	}
	return nil
}

// identity is what all lives of the run have in common.
func (r *run) identity(env Environment) (journal.Identity, error) {
	id := journal.Identity{Run: r.unique, Seed: r.settings.Seed, Output: env.Output}
	text, err := json.Marshal(r.settings)
	if err == nil {
		err = json.Unmarshal(text, &id.Settings)
	}
	if err != nil || r.input == nil {
		return id, err
	}
	id.Input, err = r.input.Identity(r.journal.Past().Input)
	return id, err
}

// checkState returns a *settings.Error for settings that a state does not go with.
func checkState(s *settings.Settings) error {
	bad := func(name, value, problem string) error {
		return &settings.Error{Name: name, Value: value, Problem: problem}
	}
	switch {
	case s.Input == "-":
		return bad("input", s.Input, "standard input can't be read again, as --state would have to; name a file")
	case s.Loaded():
		return bad("load", s.Loads[0].String(), "a journal notes one pass after the other; leave out --state")
	case s.Drill():
		return bad("test-recovery", "true", "its drill has records of its own; leave out --state")
	}
	return nil
}

// close closes what is open, but for the output, which has been committed or is discarded.
func (r *run) close() error {
	var failed error
	for _, o := range r.outlets {
		if err := o.Close(); err != nil {
			failed = errors.Join(failed, fmt.Errorf("channel %s: %w", o.Name(), err))
		}
	}
	r.outlets = nil
	if r.input != nil {
		r.input.Close()
	}
	if r.output != nil {
		r.output.Discard()
	}
	if r.journal != nil {
		failed = errors.Join(failed, r.journal.Close())
		r.journal = nil
	}
	return failed
}

// outlet is the i-th real channel as the pipeline has it.
func (r *run) outlet(i int) nodes.Channel {
	switch {
	case r.replay != nil:
		return r.replay.channel(r.outlets[i], r.settings.Outlets[i])
	case r.journal == nil:
		return r.outlets[i]
	}
	return r.journal.Channel(r.outlets[i])
}

// keep makes what a cycle came to survive the end of this process; with a journal, also that of the system.
func (r *run) keep(cycle int) error {
	if r.replay != nil {
		return r.replay.endCycle()
	}
	if r.output == nil {
		return nil
	}
	if r.journal == nil {
		r.output.Flush()
		return nil
	}
	lengths, err := r.output.Sync()
	if err != nil {
		return err
	}
	return r.journal.End(journal.Cycle{
		Number:             cycle,
		Row:                r.ledger.row,
		Ledger:             r.ledger.close(),
		PossibleDuplicates: r.possibleDuplicates(),
		Lengths:            lengths,
	})
}

// possibleDuplicates counts the records of all lives that may be somewhere twice.
func (r *run) possibleDuplicates() int64 {
	n := r.totals.delivery.PossibleDuplicates + r.past().Last.PossibleDuplicates
	if r.fate != nil {
		n += int64(r.fate.Uncertain)
	}
	return n
}
