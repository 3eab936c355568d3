package main

import (
	"io"
	"os"

	"golang.org/x/term"

	"faultflow/internal/render/ci"
	"faultflow/internal/render/format"
	"faultflow/internal/render/text"
)

// streams are the program's inputs and outputs, with their terminal's properties, and its environment, which is read
// nowhere else. They are made once, for production or for a test.
type streams struct {
	in       io.Reader
	out, err io.Writer
	// outTerminal and errTerminal say which of the outputs are terminals.
	outTerminal, errTerminal bool
	// width is that of the terminal, else 80; textWidth is no more than can be read well.
	width, textWidth int
	getenv           func(string) string
}

const defaultWidth = 80

func systemStreams() *streams {
	s := &streams{
		in:          os.Stdin,
		out:         os.Stdout,
		err:         os.Stderr,
		outTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		errTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		width:       defaultWidth,
		textWidth:   defaultWidth,
		getenv:      os.Getenv,
	}
	if w, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil && w > 0 {
		s.width = max(w, 60)
		s.textWidth = min(s.width, 120)
	}
	if s.inActions() {
		s.err = actionsLog{s.err}
	}
	return s
}

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

// style decides on color, once: the flag, then NO_COLOR (no-color.org), then CLICOLOR_FORCE, then whether the output is
// a terminal that knows color.
func (s *streams) style(color string) text.Style {
	on := s.outTerminal && s.getenv("TERM") != "dumb"
	switch force := s.getenv("CLICOLOR_FORCE"); {
	case color == colorAlways:
		on = true
	case color == colorNever, s.getenv("NO_COLOR") != "":
		on = false
	case force != "" && force != "0":
		on = true
	}
	return text.Style{Color: on, Width: s.textWidth, FullWidth: s.width}
}
