//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// process is the program as a process of its own, which reads what write writes.
type process struct {
	*exec.Cmd
	stdin       *os.File // of which this process has the read end, too
	write       *os.File
	out, errOut bytes.Buffer
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command("faultflow", args...)}
	var err error
	if p.stdin, p.write, err = os.Pipe(); err != nil {
		t.Fatal(err)
	}
	p.Stdin, p.Stdout, p.Stderr = p.stdin, &p.out, &p.errOut
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.stdin.Close()
		p.write.Close()
		if p.ProcessState == nil {
			_ = p.Process.Kill() // a test that failed
			_ = p.Wait()
		}
	})
	return p
}

// send writes rows and waits until the process has read them.
func (p *process) send(t *testing.T, rows int) {
	t.Helper()
	for i := range rows {
		if _, err := fmt.Fprintf(p.write, "{\"id\":\"r%d\",\"value\":%d}\n", i, i); err != nil {
			t.Fatal(err)
		}
	}
	for {
		left, err := unix.IoctlGetInt(int(p.stdin.Fd()), unix.TIOCINQ)
		if err != nil {
			t.Fatal(err)
		}
		if left == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func (p *process) exit(t *testing.T) int {
	t.Helper()
	err := p.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0
}

// A closed terminal, Ctrl-C and a service manager end a run in the same way: what was read of a pipe is collected, and
// the report is written. Before, a closed terminal threw the run away, and rows that did not fill a batch were lost.
func TestSignalsEndARun(t *testing.T) {
	heard := make(chan os.Signal, 1) // what this process hears, those that it starts do not ignore
	signal.Notify(heard, syscall.SIGHUP)
	defer signal.Stop(heard)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		for _, clock := range []string{"real", "virtual"} {
			out := t.TempDir()
			p := start(t, "--input", "-", "--batch-size", "50", "--batch-wait", "1h", "--output", out, "--clock", clock, "--seed", "1")
			p.send(t, 49)
			if err := p.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if code := p.exit(t); code != exitInterrupted || !strings.Contains(p.out.String(), "49 collected") {
				t.Errorf("%v on the %s clock: exits with %d\n%s%s", sig, clock, code, &p.out, &p.errOut)
			}
			spooled, err := os.ReadFile(filepath.Join(out, "emergency.ndjson"))
			if n := bytes.Count(spooled, []byte{'\n'}); err != nil || n != 49 {
				t.Errorf("%v on the %s clock: %d rows in the spool, %v", sig, clock, n, err)
			}
		}
	}
}

// A run whose terminal is closed goes on if it was asked to, by nohup.
func TestNohup(t *testing.T) {
	cmd := exec.Command("sh", "-c", `trap '' HUP; exec faultflow --input - --batch-wait 1h --batch-size 9 --seed 1`)
	p := &process{Cmd: cmd}
	var err error
	if p.stdin, p.write, err = os.Pipe(); err != nil {
		t.Fatal(err)
	}
	defer p.stdin.Close()
	p.Stdin, p.Stdout = p.stdin, &p.out
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	p.send(t, 3)
	if err := p.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := p.write.Close(); err != nil {
		t.Fatal(err)
	}
	if code := p.exit(t); code != exitOK || !strings.Contains(p.out.String(), "3 collected = 3 delivered") {
		t.Errorf("exits with %d\n%s", code, &p.out)
	}
}

// Who reads no further ends the log and not the run.
func TestReaderOfTheLogGoesAway(t *testing.T) {
	report := filepath.Join(t.TempDir(), "r.json")
	cmd := exec.Command("sh", "-c", "{ faultflow --clock virtual --seed 1 --cycles 50 --verbose --report "+report+
		" 2>&1 >/dev/null; echo $? >"+report+".code; } | head -1")
	if out, err := cmd.Output(); err != nil || bytes.Count(out, []byte{'\n'}) != 1 {
		t.Fatalf("%q, %v", out, err)
	}
	for ended := false; !ended; time.Sleep(time.Millisecond) {
		_, err := os.Stat(report + ".code")
		ended = err == nil
	}
	code, err := os.ReadFile(report + ".code")
	if err != nil || strings.TrimSpace(string(code)) != "0" {
		t.Errorf("exits with %s, %v", code, err)
	}
	if _, err := os.Stat(report); err != nil {
		t.Error(err)
	}
}

// Ctrl-C is heard whatever the input does: a named pipe that nobody writes to, a pipe that is idle, a line that never
// ends.
func TestInterruptedBeforeTheFirstRow(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ input, begins string }{
		"fifo": {fifo, ""}, "idle": {"-", ""}, "line without an end": {"-", strings.Repeat("x", 10_000)},
	} {
		for _, clock := range []string{"real", "virtual"} {
			in, feed, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			var out bytes.Buffer
			s := testStreams(t)
			s.in, s.out = in, &out
			if _, err := feed.WriteString(test.begins); err != nil {
				t.Fatal(err)
			}
			ended := make(chan int)
			go func() {
				ended <- run(ctx, []string{"--input", test.input, "--clock", clock, "--seed", "1", "--input-format", "ndjson"}, s)
			}()
			time.AfterFunc(20*time.Millisecond, cancel)
			if code := <-ended; code != exitInterrupted || !strings.Contains(out.String(), "interrupted") {
				t.Errorf("%s on the %s clock: exits with %d\n%s", name, clock, code, &out)
			}
			feed.Close() // which ends the reader
			in.Close()
		}
	}
	if f, err := os.OpenFile(fifo, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil { // lets the readers go
		f.Close()
	}
}

// Ctrl-C is heard while a document is awaited, too; it used to take a second one.
func TestInterruptedBeforeADocument(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"show", "-"}, {"show", fifo}, {"compare", "-", fifo}, {"merge", fifo}} {
		in, feed, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		s := testStreams(t)
		s.in = in
		ended := make(chan int)
		go func() { ended <- run(ctx, args, s) }()
		time.AfterFunc(20*time.Millisecond, cancel)
		if code := <-ended; code != exitInterrupted {
			t.Errorf("%v exits with %d", args, code)
		}
		feed.Close() // which ends the reader
		in.Close()
	}
	if f, err := os.OpenFile(fifo, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil { // lets the readers go
		f.Close()
	}
}

// A pipe that goes on slowly flows: a batch waits no longer for more rows than --batch-wait.
func TestPipeFlows(t *testing.T) {
	out := t.TempDir()
	p := start(t, "--input", "-", "--batch-size", "50", "--batch-wait", "10ms", "--output", out, "--seed", "1", "--channels", "a")
	p.send(t, 3)
	for there := 0; there < 3; time.Sleep(time.Millisecond) {
		data, _ := os.ReadFile(filepath.Join(out, "delivered.ndjson.partial")) // not there yet
		there = bytes.Count(data, []byte{'\n'})
	}
	if err := p.write.Close(); err != nil {
		t.Fatal(err)
	}
	if code := p.exit(t); code != exitOK || !strings.Contains(p.out.String(), "3 collected = 3 delivered") {
		t.Errorf("exits with %d\n%s%s", code, &p.out, &p.errOut)
	}
}

// kill -9: what was delivered in the cycles before is there, under names that say that the run did not end; the next run
// says so. Two processes in one folder: the second is told who holds it.
func TestKilledAndLocked(t *testing.T) {
	out := t.TempDir()
	args := []string{"--input", "-", "--batch-size", "10", "--batch-wait", "1h", "--output", out, "--seed", "1"}
	p := start(t, args...)
	p.send(t, 25)
	for there := 0; there < 20; time.Sleep(time.Millisecond) {
		data, _ := os.ReadFile(filepath.Join(out, "delivered.ndjson.partial")) // not there yet
		there = bytes.Count(data, []byte{'\n'})
	}
	second := exec.Command("faultflow", "--clock", "virtual", "--output", out)
	text, err := second.CombinedOutput()
	if code := second.ProcessState.ExitCode(); err == nil || code != exitIO ||
		!strings.Contains(string(text), fmt.Sprintf("in use by another run: process %d, since ", p.Process.Pid)) {
		t.Errorf("the second process exits with %d and says %s", code, text)
	}
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait() // it was killed
	third := exec.Command("faultflow", "--clock", "virtual", "--seed", "1", "--output", out, "--output-mode", "append")
	if text, err := third.CombinedOutput(); err != nil ||
		!strings.Contains(string(text), "added the lines of a run that did not end") {
		t.Errorf("the next run: %v, %s", err, text)
	}
	delivered, err := os.ReadFile(filepath.Join(out, "delivered.ndjson"))
	if n := bytes.Count(delivered, []byte{'\n'}); err != nil || n != 20+50 {
		t.Errorf("%d rows are there, %v", n, err)
	}
}
