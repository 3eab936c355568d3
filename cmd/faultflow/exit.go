package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"faultflow/internal/compare"
	"faultflow/internal/errhandler"
	"faultflow/internal/report"
	"faultflow/internal/runner"
	"faultflow/internal/scenario"
	"faultflow/internal/source"
	"faultflow/internal/suggest"
)

// The exit codes.
const (
	exitOK           = 0
	exitVerdict      = 1   // the verdict is not acceptable
	exitUsage        = 2   // bad flag or bad input
	exitIO           = 3   // could not read or write
	exitInconclusive = 4   // a declared fault never fired, so nothing was proved
	exitInterrupted  = 130 // the report so far was still written
)

// exitError carries an exit code. An empty message means that everything has been said.
type exitError struct {
	code    int
	message string
}

func (e *exitError) Error() string { return e.message }

func usageError(format string, args ...any) error {
	return &exitError{code: exitUsage, message: fmt.Sprintf(format, args...)}
}

// exitCode tells the user what went wrong, in one line, and says what the program answers.
func exitCode(err error, s *streams) int {
	if err == nil {
		return exitOK
	}
	code, message := exitUsage, err.Error() // cobra's own errors are about usage
	var exit *exitError
	var path *fs.PathError
	switch {
	case errors.As(err, &exit):
		code, message = exit.code, exit.message
	case isUsage(err):
	case errors.Is(err, runner.ErrOutput), errors.As(err, &path), errors.Is(err, errWrite):
		code = exitIO
	}
	if message != "" {
		fmt.Fprintf(s.err, "faultflow: %s\n", report.Clean(strings.TrimSpace(message)))
	}
	return code
}

func isUsage(err error) bool {
	var setting *runner.SettingError
	var option *source.OptionError
	var mistake *scenario.FileError
	var gate *compare.GateError
	return errors.As(err, &setting) || errors.As(err, &option) || errors.As(err, &mistake) || errors.As(err, &gate)
}

// flagError words pflag's errors: flag, value, what is allowed.
func flagError(c *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		return usageError("--%s %q: %v", invalid.GetFlag().Name, invalid.GetValue(), invalid.Unwrap())
	}
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var names []string
		c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		return usageError("%v%s; see %s --help", err, suggest.Nearest("--"+unknown.GetSpecifiedName(), names), c.CommandPath())
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

// verdictError is what a finished run answers.
func verdictError(r *report.Report, failOn string) error {
	switch {
	case r.Interrupted:
		return &exitError{code: exitInterrupted}
	case failOn != failNever && !errhandler.Verdict(failOn).Worse(r.Verdict):
		return &exitError{code: exitVerdict}
	}
	for _, f := range r.Faults {
		if f.Declared && f.Fired == 0 && !f.MayNotFire {
			return neverFired(f.Spec, f.Armed)
		}
	}
	return nil
}

// campaignError is what a finished campaign answers.
func campaignError(c *report.Campaign, checks []report.Check) error {
	switch failed := slices.IndexFunc(checks, func(c report.Check) bool { return !c.Held }); {
	case c.Interrupted:
		return &exitError{code: exitInterrupted}
	case c.Violations.Count > 0:
		return violationError(c.Violations.Count)
	case failed >= 0:
		return &exitError{code: exitVerdict, message: fmt.Sprintf("--check does not hold: %s", checks[failed].Condition)}
	}
	for _, f := range c.Faults {
		if f.Declared && f.Observed.Count == 0 && !f.MayNotFire && c.Part.Of == 0 {
			return neverFired(f.Fault, f.Observed.Of)
		}
	}
	return nil
}

func neverFired(fault string, armed int64) error {
	return &exitError{code: exitInconclusive, message: fmt.Sprintf("inconclusive: the fault %s never fired (calls that came by it: %d), so nothing was proved", fault, armed)}
}

func violationError(count int64) error {
	return &exitError{code: exitVerdict, message: fmt.Sprintf("what every run must keep was broken %d times; keep the report and its seeds", count)}
}

// sweepError is what a finished sweep answers.
func sweepError(s *report.Sweep) error {
	violations := int64(0)
	for _, r := range s.Rows {
		violations += r.Violations
	}
	return studyError(s.Interrupted, violations)
}

// ablationError is what a finished ablation answers.
func ablationError(a *report.Ablation) error {
	violations := a.Whole.Violations
	for _, r := range a.Rows {
		violations += r.Violations
	}
	return studyError(a.Interrupted, violations)
}

func studyError(interrupted bool, violations int64) error {
	switch {
	case interrupted:
		return &exitError{code: exitInterrupted}
	case violations > 0:
		return violationError(violations)
	}
	return nil
}

// determinismError is what a finished check for determinism answers.
func determinismError(d *report.Determinism) error {
	if d.Different > 0 && !d.Interrupted {
		return &exitError{code: exitVerdict, message: fmt.Sprintf("runs that gave two different reports: %d; this is a defect of the program, keep their seeds", d.Different)}
	}
	return studyError(d.Interrupted, 0)
}
