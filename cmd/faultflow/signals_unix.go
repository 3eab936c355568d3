//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// endSignals are the signals that end a run: of Ctrl-C, a service manager, a terminal that is closed unless nohup asks
// otherwise. Who does not read the log any more does not end it.
func endSignals() []os.Signal {
	signal.Ignore(syscall.SIGPIPE)
	list := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		list = append(list, syscall.SIGHUP)
	}
	return list
}
