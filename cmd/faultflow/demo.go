package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"faultflow/internal/report"
	"faultflow/internal/runner"
)

// runDemo shows the circuit breaker alone. As text it tells each call as it is made.
func runDemo(ctx context.Context, o *rootOptions, fs *pflag.FlagSet, s *streams) error {
	b := runner.DemoBreaker()
	shared := o.shared.Breaker
	if fs.Changed("breaker-failures") {
		b.Failures = shared.Failures
	}
	if fs.Changed("breaker-open-for") {
		b.OpenFor = shared.OpenFor
	}
	if fs.Changed("breaker-trial-calls") {
		b.TrialCalls = shared.TrialCalls
	}
	file, err := openReport(o.report)
	if err != nil {
		return err
	}
	defer file.discard()
	text := report.NewDemoText(s.out, s.style(o.color))
	if o.format != "text" {
		text = nil
	}
	text.Begin(o.settings.Seed, o.clock, b.Failures, b.OpenFor)
	demo, err := runner.Demo(ctx, o.settings.Seed, o.settings.Virtual, b, text.Call)
	if err != nil {
		return err
	}
	text.End(demo)
	if err := text.Err(); err != nil {
		return fmt.Errorf("%w to standard output: %w", errWrite, err)
	}
	if o.format == "json" {
		if err := report.WriteDemoJSON(s.out, demo); err != nil {
			return fmt.Errorf("%w to standard output: %w", errWrite, err)
		}
	}
	if err := file.write(func(w io.Writer) error { return report.WriteDemoJSON(w, demo) }); err != nil {
		return err
	}
	switch {
	case ctx.Err() != nil:
		return &exitError{code: exitInterrupted}
	case !demo.Closed:
		return &exitError{code: exitVerdict, message: "the breaker did not close again"}
	}
	return nil
}
