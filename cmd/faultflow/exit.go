package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"faultflow/internal/campaign"
	"faultflow/internal/catalog"
	"faultflow/internal/channel"
	"faultflow/internal/compare"
	"faultflow/internal/disk"
	"faultflow/internal/errhandler"
	"faultflow/internal/journal"
	"faultflow/internal/report"
	"faultflow/internal/runner"
	"faultflow/internal/scenario"
	"faultflow/internal/settings"
	"faultflow/internal/suggest"
	"faultflow/internal/undelivered"
	"faultflow/internal/workflow"
)

// The exit codes. Their meanings are in exitCodes.
const (
	exitOK           = 0
	exitVerdict      = 1
	exitUsage        = 2
	exitIO           = 3
	exitInconclusive = 4
	exitDefect       = 70 // EX_SOFTWARE of BSD's sysexits.h
	exitInterrupted  = 130
)

// exitCodes say what each code means, for the help and the reference.
var exitCodes = []struct {
	code    int
	meaning string
}{
	{exitOK, "the verdict is acceptable, or all expectations held"},
	{exitVerdict, "it is not (see --fail-on), or one did not"},
	{exitUsage, "bad flag, scenario or input"},
	{exitIO, "could not read or write"},
	{exitInconclusive, "inconclusive: a fault given by hand never fired, a condition was about what never ran, " +
		"or a recovery was not watched long enough"},
	{exitDefect, "a defect of faultflow itself"},
	{exitInterrupted, "interrupted; the report so far is still written"},
}

// exitError carries an exit code. An empty message means that there is nothing to add to what was written already.
type exitError struct {
	code    int
	message string
}

func (e *exitError) Error() string { return e.message }

func usageError(format string, args ...any) error {
	return &exitError{code: exitUsage, message: fmt.Sprintf(format, args...)}
}

// exitCode writes an error to standard error, in one line, and returns its exit code.
func exitCode(err error, s *streams) int {
	if err == nil {
		return exitOK
	}
	code, message := exitDefect, "this is a defect of faultflow: "+err.Error()
	var exit *exitError
	switch {
	case errors.As(err, &exit):
		code, message = exit.code, exit.message
	case isUsage(err):
		code, message = exitUsage, err.Error()
	case isIO(err):
		code, message = exitIO, err.Error()
	}
	if message != "" {
		s.say(slog.LevelError, message)
	}
	if panicked, ok := errors.AsType[*workflow.PanicError](err); ok && code == exitDefect {
		fmt.Fprintf(s.err, "%s", panicked.Stack)
	}
	return code
}

// isIO reports whether an error is about a file, a database or a connection, or comes from writing a result.
func isIO(err error) bool {
	class := errhandler.Classify(err)
	var held *disk.HeldError
	return errors.As(err, &held) || class == errhandler.Storage || class == errhandler.Network ||
		errors.Is(err, runner.ErrOutput) || errors.Is(err, errWrite)
}

func isUsage(err error) bool {
	var setting *settings.Error
	var mistake *scenario.FileError
	var gate *compare.GateError
	var waiting *channel.UndeliveredError
	var different *journal.DifferentError
	var unfinished *runner.UnfinishedError
	var condition *undelivered.ConditionError
	return errors.As(err, &waiting) || errors.As(err, &different) || errors.As(err, &unfinished) ||
		errors.As(err, &condition) || errors.As(err, &setting) || errors.As(err, &mistake) || errors.As(err, &gate)
}

// flagError words pflag's errors: flag, value, what is allowed.
func flagError(c *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		return usageError("--%s %q: %v", invalid.GetFlag().Name, invalid.GetValue(), invalid.Unwrap())
	}
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		if now, note := settings.Renamed(unknown.GetSpecifiedName()); now != "" {
			return usageError("%v; use --%s N, %s", err, now, note)
		}
		var names []string
		c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		near := suggest.Nearest("--"+unknown.GetSpecifiedName(), names)
		return usageError("%v%s; see %s --help", err, near, c.CommandPath())
	}
	return usageError("%v; see %s --help", err, c.CommandPath())
}

// writeNew writes a file that must not exist yet. After an error there is none.
func writeNew(path, text string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return usageError("%s exists already; name another file, or remove it first", path)
	}
	if err != nil {
		return err
	}
	err = writeAndClose(file, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
	if err != nil {
		_ = os.Remove(path) // the error that matters is the one of writing
	}
	return err
}

// errWrite matches errors of writing to standard output or to a report file.
var errWrite = errors.New("write")

// verdictError is the exit code of a finished run.
func verdictError(r *report.Report, failOn string) error {
	switch {
	case r.Interrupted:
		return &exitError{code: exitInterrupted}
	case failOn != failNever && !catalog.Verdict(failOn).Worse(r.Verdict):
		return &exitError{code: exitVerdict}
	}
	for _, why := range r.Unproved() {
		return &exitError{code: exitInconclusive, message: "inconclusive: " + why + ", so nothing was proved"}
	}
	return nil
}

// campaignError is the exit code of a finished campaign, by what its gate comes to.
func campaignError(c *report.Campaign, r campaign.Ruling) error {
	switch {
	case c.Interrupted:
		return &exitError{code: exitInterrupted}
	case c.Violations.Count > 0:
		return violationError(c.Violations.Count)
	case r.Status == report.TestFailed:
		return &exitError{code: exitVerdict, message: r.Why}
	case r.Status == report.TestInconclusive:
		return &exitError{code: exitInconclusive, message: r.Why}
	}
	return nil
}

func neverFired(fault string, armed int64) error {
	message := fmt.Sprintf("inconclusive: the fault %s never fired (calls that came by it: %d), so nothing was proved",
		fault, armed)
	return &exitError{code: exitInconclusive, message: message}
}

func violationError(count int64) error {
	message := fmt.Sprintf("what every run must keep was broken %d times; keep the report and its seeds", count)
	return &exitError{code: exitVerdict, message: message}
}

// sweepError is the exit code of a finished sweep.
func sweepError(s *report.Sweep) error {
	violations := int64(0)
	for _, r := range s.Rows {
		violations += r.Violations
	}
	return studyError(s.Interrupted, violations, s.NeverFired)
}

// ablationError is the exit code of a finished ablation.
func ablationError(a *report.Ablation) error {
	violations := a.Whole.Violations
	for _, r := range a.Rows {
		violations += r.Violations
	}
	return studyError(a.Interrupted, violations, a.NeverFired)
}

func studyError(interrupted bool, violations int64, silent []report.NeverFired) error {
	switch {
	case interrupted:
		return &exitError{code: exitInterrupted}
	case violations > 0:
		return violationError(violations)
	case len(silent) > 0:
		return neverFired(silent[0].Fault, silent[0].Armed)
	}
	return nil
}

// determinismError is the exit code of a finished check for determinism.
func determinismError(d *report.Determinism) error {
	if d.Different > 0 && !d.Interrupted {
		message := fmt.Sprintf("runs that gave two different reports: %d; "+
			"this is a defect of the program, keep their seeds", d.Different)
		return &exitError{code: exitVerdict, message: message}
	}
	return studyError(d.Interrupted, 0, d.NeverFired)
}
