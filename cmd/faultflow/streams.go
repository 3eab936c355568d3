package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"

	"faultflow/internal/render/ci"
	"faultflow/internal/render/format"
	"faultflow/internal/render/text"
	"faultflow/internal/report"
	"faultflow/internal/workflow"
)

// streams are the program's inputs and outputs, with their terminal's properties, and its environment, which is read
// nowhere else. They are made once, for production or for a test.
type streams struct {
	in       io.Reader
	out, err io.Writer
	// outTerminal and errTerminal say which of the outputs are terminals.
	outTerminal, errTerminal bool
	// width is COLUMNS, else that of the terminal, else 80; textWidth is no more than can be read well.
	width, textWidth int
	getenv           func(string) string
	// log is the form of the log on standard error, "" for none. The flag --log sets it.
	log string
}

// say tells something beside the result. A log in JSON is read by programs, and so it is an entry of that.
func (s *streams) say(level slog.Level, message string) {
	message = report.Clean(strings.TrimSpace(message))
	if s.log == logJSON {
		newLog(s.err, s.log).Log(context.Background(), level, message)
		return
	}
	fmt.Fprintln(s.err, "faultflow:", message)
}

func systemStreams() *streams {
	s := &streams{
		in:          os.Stdin,
		out:         os.Stdout,
		err:         os.Stderr,
		outTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		errTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		getenv:      os.Getenv,
	}
	columns, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		columns = 0
	}
	s.setWidth(columns)
	if s.inActions() {
		s.err = actionsLog{s.err}
	}
	return s
}

// unlessInterrupted returns what read does, or at once that it was interrupted: what is read may be a terminal, or a
// pipe into which nobody writes.
func unlessInterrupted[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	ended := make(chan result, 1)
	go func() {
		value, err := workflow.Safely(read)
		ended <- result{value, err}
	}()
	select {
	case r := <-ended:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, &exitError{code: exitInterrupted}
	}
}

// setWidth decides on the width: that of a terminal is 0 where there is none. COLUMNS wins, as elsewhere: it is for
// whoever reads what is not written to a terminal, and for tests.
func (s *streams) setWidth(terminal int) {
	s.width = defaultWidth
	if given, err := strconv.Atoi(s.getenv("COLUMNS")); err == nil && given > 0 {
		terminal = given
	}
	if terminal > 0 {
		s.width = min(max(terminal, leastWidth), mostWidth)
	}
	s.textWidth = min(s.width, readableWidth)
}

// errWidth is that of the terminal behind standard error, which may have changed since the program began.
func (s *streams) errWidth() int {
	if columns, _, err := term.GetSize(int(os.Stderr.Fd())); err == nil && columns > 0 {
		return columns
	}
	return s.width
}

// Widths in columns. Tables need the least one; lines beyond the readable one are hard to follow.
const (
	defaultWidth  = 80
	leastWidth    = 40
	readableWidth = 120
	mostWidth     = 10_000
)

// dumb reports whether the terminal says that it can neither color nor move its cursor.
func (s *streams) dumb() bool { return s.getenv("TERM") == "dumb" }

// inActions reports whether the program is a step of GitHub Actions.
func (s *streams) inActions() bool { return s.getenv("GITHUB_ACTIONS") == "true" }

// outAs is standard output for a document in a format: text goes into the log of GitHub Actions without commands, what
// programs read is left as it is.
func (s *streams) outAs(name string) io.Writer {
	if name == format.Text && s.inActions() {
		return actionsLog{s.out}
	}
	return s.out
}

// actionsLog is a log of GitHub Actions, whose runner takes some lines for commands.
type actionsLog struct{ to io.Writer }

// Write writes whole lines.
func (l actionsLog) Write(p []byte) (int, error) {
	if _, err := l.to.Write(ci.Harmless(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// style decides on color, once. The flag wins, then NO_COLOR (no-color.org), which is what somebody wants who can't do
// with color at all; then what forces color, FORCE_COLOR and CLICOLOR_FORCE; then CLICOLOR=0 (bixense.com/clicolors),
// and whether the output is a terminal that knows color. FORCE_COLOR=0 and false mean no color, as CLICOLOR_FORCE=0
// does not.
func (s *streams) style(color string) text.Style {
	force := s.getenv("FORCE_COLOR")
	cliForce := s.getenv("CLICOLOR_FORCE")
	on := s.outTerminal && !s.dumb() && s.getenv("CLICOLOR") != "0"
	switch {
	case color == colorAlways:
		on = true
	case color == colorNever, s.getenv("NO_COLOR") != "", force == "0", force == "false":
		on = false
	case force != "", cliForce != "" && cliForce != "0":
		on = true
	}
	return text.Style{Color: on, Width: s.textWidth, FullWidth: s.width}
}
