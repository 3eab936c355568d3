// Command faultflow shows what resilience policies really do when things break.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"

	"faultflow/internal/workflow"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), endSignals()...)
	defer context.AfterFunc(ctx, stop)() // a second Ctrl-C ends the program at once
	os.Exit(run(ctx, os.Args[1:], systemStreams()))
}

// run is the program: arguments and streams in, exit code out.
func run(ctx context.Context, args []string, s *streams) int {
	root := newRootCommand(s)
	root.SetArgs(args)
	root.SetIn(s.in)
	help := &keptError{Writer: s.out}
	root.SetOut(help)
	root.SetErr(s.err)
	_, err := workflow.Safely(func() (struct{}, error) { return struct{}{}, root.ExecuteContext(ctx) })
	if help.err != nil {
		err = fmt.Errorf("%w to standard output: %w", errWrite, help.err)
	}
	return exitCode(err, s)
}

// keptError is a writer that remembers its first error: cobra drops those of writing help.
type keptError struct {
	io.Writer
	err error
}

// Write writes through.
func (k *keptError) Write(p []byte) (int, error) {
	n, err := k.Writer.Write(p)
	if k.err == nil {
		k.err = err
	}
	return n, err
}
