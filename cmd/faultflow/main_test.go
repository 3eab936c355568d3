package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"faultflow/internal/catalog"
	"faultflow/internal/settings"
)

// testStreams has no terminal and an empty environment.
func testStreams(t *testing.T) *streams {
	t.Helper()
	return &streams{
		in:     strings.NewReader(""),
		out:    io.Discard,
		err:    io.Discard,
		width:  defaultWidth,
		getenv: func(string) string { return "" },
	}
}

type helpExample struct {
	text string
	args []string
}

// shellWords splits a command line into words, as a shell would: '…' is one word.
func shellWords(line string) (words []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

// helpExamples splits the examples of a command and those below it into arguments.
func helpExamples(c *cobra.Command) []helpExample {
	var list []helpExample
	for line := range strings.SplitSeq(c.Example, "\n") {
		line = strings.TrimSpace(line)
		args := shellWords(line)
		if len(args) > 0 {
			list = append(list, helpExample{line, args[1:]})
		}
	}
	for _, sub := range c.Commands() {
		list = append(list, helpExamples(sub)...)
	}
	return list
}

// TestFlagsBecomeSettings is the first half of the program: arguments in, settings out.
func TestFlagsBecomeSettings(t *testing.T) {
	policy := func(change func(*settings.Policy)) func(*settings.Settings) {
		return func(s *settings.Settings) {
			for _, n := range catalog.GuardedNodes() {
				change(s.Policy(n))
			}
		}
	}
	attempts := func(collector, processor, delivery int) func(*settings.Settings) {
		return func(s *settings.Settings) {
			s.Collector.Attempts, s.Processor.Attempts, s.Delivery.Attempts = collector, processor, delivery
		}
	}
	for _, test := range []struct {
		args string
		want func(*settings.Settings)
	}{
		{"", func(*settings.Settings) {}},
		{"--attempts 7", attempts(7, 7, 7)},
		{"--attempts 7 --collector-attempts 2", attempts(2, 7, 7)},
		{"--collector-attempts 2 --attempts 7", attempts(2, 7, 7)},
		{"--retry-delay 3s --backoff 1.5 --max-delay 9s --jitter 0", policy(func(p *settings.Policy) {
			p.RetryDelay, p.Backoff, p.MaxDelay, p.Jitter = 3e9, 1.5, 9e9, 0
		})},
		{"--timeout 1s --bulkhead 2 --bulkhead-wait 0s", func(s *settings.Settings) {
			policy(func(p *settings.Policy) { p.Timeout, p.Bulkhead, p.BulkheadWait = 1e9, 2, 0 })(s)
			s.BulkheadDecided = true
		}},
		{"--breaker-failures 5 --breaker-open-for 1m --breaker-trial-calls 2", policy(func(p *settings.Policy) {
			p.BreakerFailures, p.BreakerOpenFor, p.BreakerTrialCalls = 5, 60e9, 2
		})},
		{"--enable-circuit-breaker", func(s *settings.Settings) { s.Collector.Breaker, s.BreakerDecided = true, true }},
		{"--processor-breaker --delivery-breaker", func(s *settings.Settings) {
			s.Processor.Breaker, s.Delivery.Breaker = true, true
		}},
		{"--simulate-failures --failure-type storage", func(s *settings.Settings) {
			s.SimulateFailures, s.FailureType = true, "storage"
		}},
		{"--test-recovery", func(s *settings.Settings) { s.TestRecovery = true }},
		{"--test-recovery --simulate-failures", func(s *settings.Settings) {
			s.TestRecovery, s.SimulateFailures = true, true
		}},
		{"--clock virtual", func(s *settings.Settings) { s.Clock = settings.ClockVirtual }},
		{"--cycles 3 --interval 1s --batch-size 9 --workers 2", func(s *settings.Settings) {
			s.Cycles, s.Interval, s.BatchSize, s.Workers = 3, 1e9, 9, 2
		}},
		{"--input - --input-format csv --id-field a --value-field b", func(s *settings.Settings) {
			s.Input, s.InputFormat, s.IDField, s.ValueField = "-", "csv", "a", "b"
		}},
		{"--fallback=false --recovery=false --spool=false", func(s *settings.Settings) {
			s.Fallback, s.Recovery, s.Spool, s.FallbackDecided = false, false, false, true
		}},
		{"--channels a,b --channel-recover 5s --cache-ttl 1s --cache-max-age 2s", func(s *settings.Settings) {
			s.Channels, s.ChannelRecover, s.CacheTTL, s.CacheMaxAge = []string{"a", "b"}, 5e9, 1e9, 2e9
		}},
	} {
		t.Run(test.args, func(t *testing.T) {
			want := settings.Defaults()
			want.Seed = 7
			test.want(&want)
			got := settingsOf(t, append(strings.Fields(test.args), "--seed", "7"))
			if g, w := dump(got), dump(want); g != w {
				t.Errorf("settings:\n%s\nwant:\n%s", g, w)
			}
		})
	}
}

// settingsOf parses arguments the way the root command does, without running anything.
func settingsOf(t *testing.T, args []string) settings.Settings {
	t.Helper()
	o, cmd := newRoot(testStreams(t))
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	j, err := o.job(testStreams(t), drawSeed)
	if err != nil {
		t.Fatal(err)
	}
	return j.settings
}

// dump writes settings so that two can be compared.
func dump(s settings.Settings) string { return fmt.Sprintf("%+v", s) }

// TestColorIsDecidedOnce goes through flag, environment and terminal.
func TestColorIsDecidedOnce(t *testing.T) {
	for _, test := range []struct {
		flag     string
		terminal bool
		env      map[string]string
		want     bool
	}{
		{colorAuto, true, nil, true},
		{colorAuto, false, nil, false},
		{colorAuto, true, map[string]string{"TERM": "dumb"}, false},
		{colorAuto, true, map[string]string{"NO_COLOR": "1"}, false},
		{colorAuto, false, map[string]string{"CLICOLOR_FORCE": "1"}, true},
		{colorAuto, false, map[string]string{"CLICOLOR_FORCE": "0"}, false},
		{colorAuto, false, map[string]string{"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, false},
		{colorAlways, false, map[string]string{"NO_COLOR": "1"}, true},
		{colorNever, true, map[string]string{"CLICOLOR_FORCE": "1"}, false},
		{colorAuto, false, map[string]string{"FORCE_COLOR": "1"}, true},
		{colorAuto, false, map[string]string{"FORCE_COLOR": "true", "TERM": "dumb"}, true},
		{colorAuto, true, map[string]string{"FORCE_COLOR": "0"}, false},
		{colorAuto, true, map[string]string{"FORCE_COLOR": "false", "CLICOLOR_FORCE": "1"}, false},
		{colorAuto, true, map[string]string{"FORCE_COLOR": "1", "NO_COLOR": "1"}, false},
		{colorAlways, false, map[string]string{"FORCE_COLOR": "0", "CLICOLOR": "0"}, true},
		{colorAuto, true, map[string]string{"CLICOLOR": "0"}, false},
		{colorAuto, true, map[string]string{"CLICOLOR": "1"}, true},
		{colorAuto, false, map[string]string{"CLICOLOR": "1"}, false},
		{colorAuto, true, map[string]string{"CLICOLOR": "0", "CLICOLOR_FORCE": "1"}, true},
		{colorAuto, true, map[string]string{"CLICOLOR": "0", "FORCE_COLOR": "1"}, true},
	} {
		s := testStreams(t)
		s.outTerminal = test.terminal
		s.getenv = func(name string) string { return test.env[name] }
		if got := s.style(test.flag).Color; got != test.want {
			t.Errorf("--color %s, terminal %t, %v: color %t, want %t",
				test.flag, test.terminal, test.env, got, test.want)
		}
	}
}

// COLUMNS is for whoever reads what goes to no terminal; a text stays readable, and tables have what they need.
func TestWidth(t *testing.T) {
	for _, test := range []struct {
		terminal           int
		columns            string
		width, readability int
	}{
		{0, "", 80, 80},
		{100, "", 100, 100},
		{200, "", 200, 120},
		{20, "", 40, 40},
		{200, "90", 90, 90},
		{0, "150", 150, 120},
		{0, "10", 40, 40},
		{100, "0", 100, 100},
		{100, "-5", 100, 100},
		{100, "wide", 100, 100},
		{100, "999999999", mostWidth, 120},
	} {
		s := testStreams(t)
		s.getenv = func(name string) string { return map[string]string{"COLUMNS": test.columns}[name] }
		s.setWidth(test.terminal)
		if s.width != test.width || s.textWidth != test.readability {
			t.Errorf("terminal %d, COLUMNS %q: %d and %d, want %d and %d",
				test.terminal, test.columns, s.width, s.textWidth, test.width, test.readability)
		}
	}
}

// A dumb terminal shows what moves the cursor as text, so that there is no live line on it.
func TestNoLiveLineOnADumbTerminal(t *testing.T) {
	for term, want := range map[string]bool{"dumb": false, "xterm-256color": true, "": true} {
		var out bytes.Buffer
		s := testStreams(t)
		s.err, s.errTerminal = &out, true
		s.getenv = func(name string) string { return map[string]string{"TERM": term}[name] }
		startLine(s, false, (&campaignProgress{runs: 3}).parts).end()
		if got := strings.Contains(out.String(), "\x1b"); got != want {
			t.Errorf("TERM=%s: cursor movement %t in %q, want %t", term, got, out.String(), want)
		}
	}
}

// TestInterruptedRunStillReports cancels before the run begins: the report is written, and the exit code says why it is
// short.
func TestInterruptedRunStillReports(t *testing.T) {
	for _, clock := range []string{"real", "virtual"} {
		t.Run(clock, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			var out bytes.Buffer
			s := testStreams(t)
			s.out = &out
			if code := run(ctx, []string{"--clock", clock, "--seed", "1", "--cycles", "5"}, s); code != exitInterrupted {
				t.Errorf("exits with %d, want %d", code, exitInterrupted)
			}
			if !strings.Contains(out.String(), "interrupted") {
				t.Errorf("the report does not say that the run was interrupted:\n%s", out.String())
			}
		})
	}
}

// Runs that are compared are compared whole or not at all.
func TestInterruptedCompare(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out bytes.Buffer
	s := testStreams(t)
	s.out = &out
	if code := run(ctx, []string{"compare", "--run", "", "--run", "--attempts 1"}, s); code != exitInterrupted ||
		out.Len() > 0 {
		t.Errorf("exits with %d, want %d; standard output %q", code, exitInterrupted, out.String())
	}
}

// failingWriter is a full disk behind a pipe.
type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestOutputThatCannotBeWritten(t *testing.T) {
	for _, args := range [][]string{
		{"--clock", "virtual"},
		{"--clock", "virtual", "--format", "json"},
		{"graph"},
		{"--demo-circuit-breaker", "--clock", "virtual"},
		{"compare", "--measures"},
		{"compare", "--run", "", "--run", "--attempts 1"},
		{"campaign", "--runs", "2"},
		{"campaign", "--runs", "2", "--format", "json"},
		{"campaign", "--runs", "2", "--sweep", "attempts=1,2"},
	} {
		var said bytes.Buffer
		s := testStreams(t)
		s.out, s.err = failingWriter{}, &said
		if code := run(context.Background(), args, s); code != exitIO {
			t.Errorf("%v exits with %d, want %d", args, code, exitIO)
		}
		if !strings.Contains(said.String(), "standard output") {
			t.Errorf("%v: the message does not say what could not be written: %s", args, said.String())
		}
	}
}

// TestReportIsNoDevice: a rename would put the report in the place of a folder, a socket or /dev/null.
func TestReportIsNoDevice(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Skip("no sockets here: ", err)
	}
	defer l.Close()
	for _, path := range []string{socket, filepath.Dir(socket)} {
		var said bytes.Buffer
		s := testStreams(t)
		s.out, s.err = io.Discard, &said
		if code := run(t.Context(), []string{"--clock", "virtual", "--report", path}, s); code != exitIO ||
			!strings.Contains(said.String(), "not a regular file") {
			t.Errorf("%s: exit %d, message %q", path, code, said.String())
		}
	}
}

// TestHelpFitsATerminal: what commands say of themselves is wrapped by hand.
func TestHelpFitsATerminal(t *testing.T) {
	_, root := newRoot(testStreams(t))
	for _, c := range append(root.Commands(), root) {
		for _, c := range append(c.Commands(), c) {
			for line := range strings.Lines(c.Long) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > defaultWidth {
					t.Errorf("%s: %d columns: %s", c.CommandPath(), n, line)
				}
			}
		}
	}
}

// Who knows a flag by its former name learns what to use, and that its number means the same as before.
func TestRenamedFlagsSayWhatToUse(t *testing.T) {
	for _, test := range []struct{ flag, use string }{
		{"--retries", "--attempts"},
		{"--collector-retries", "--collector-attempts"},
		{"--processor-retries", "--processor-attempts"},
		{"--delivery-retries", "--delivery-attempts"},
	} {
		var out, said bytes.Buffer
		s := testStreams(t)
		s.out, s.err = &out, &said
		code := run(context.Background(), []string{test.flag, "3"}, s)
		want := "use " + test.use + " N, which counts the first attempt, too"
		if code != exitUsage || out.Len() > 0 || !strings.Contains(said.String(), want) {
			t.Errorf("%s: exit %d, standard output %q, message %q, want %q",
				test.flag, code, out.String(), said.String(), want)
		}
	}
}

// TestEveryFlagRefusesABadValue goes through all flags of the main job that do not take any text, those of single nodes
// included: a bad value is one line that names flag and value and says what is wanted, exit 2, and nothing on standard
// output.
func TestEveryFlagRefusesABadValue(t *testing.T) {
	tried := 0
	for _, f := range settings.All() {
		if f.Type == settings.Text || f.Type == settings.NameList {
			continue
		}
		tried++
		var out, said bytes.Buffer
		s := testStreams(t)
		s.out, s.err = &out, &said
		code := run(context.Background(), []string{"--clock", "virtual", "--" + f.Name + "=bogus!"}, s)
		line := said.String()
		if code != exitUsage || out.Len() > 0 || strings.Count(line, "\n") != 1 ||
			!strings.Contains(line, "--"+f.Name+` "bogus!": want `) {
			t.Errorf("--%s: exit %d, standard output %q, message %q", f.Name, code, out.String(), line)
		}
	}
	if tried < 50 {
		t.Errorf("only %d flags were tried", tried)
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// Whoever keeps the help or a version in a file must learn that it is not there.
func TestHelpThatCanNotBeWritten(t *testing.T) {
	for _, args := range []string{"--help", "--version", "campaign --help", "scenario schema"} {
		var said bytes.Buffer
		s := testStreams(t)
		s.out, s.err = full{}, &said
		if code := run(context.Background(), strings.Fields(args), s); code != exitIO {
			t.Errorf("%s exits with %d, want %d", args, code, exitIO)
		}
		if !strings.Contains(said.String(), syscall.ENOSPC.Error()) {
			t.Errorf("%s says %q", args, said.String())
		}
	}
}
