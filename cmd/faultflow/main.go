// Command faultflow shows what resilience policies really do when things break.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"faultflow/internal/workflow"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer context.AfterFunc(ctx, stop)() // a second Ctrl-C ends the program at once
	os.Exit(run(ctx, os.Args[1:], systemStreams()))
}

// run is the program: arguments and streams in, exit code out.
func run(ctx context.Context, args []string, s *streams) int {
	root := newRootCommand(s)
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	_, err := workflow.Safely(func() (struct{}, error) { return struct{}{}, root.ExecuteContext(ctx) })
	return exitCode(err, s)
}
