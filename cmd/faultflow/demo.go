package main

import (
	"context"
	"fmt"
	"io"

	"faultflow/internal/render/text"
	"faultflow/internal/report"
	"faultflow/internal/runner"
	"faultflow/internal/settings"
)

// runDemo shows a circuit breaker alone. As text each call appears as it is made.
func runDemo(ctx context.Context, o *rootOptions, of settings.Settings, s *streams) error {
	if o.format != "text" && o.format != "json" {
		return usageError("--format %q: --demo-circuit-breaker is shown as one of text, json", o.format)
	}
	p := runner.DemoBreaker()
	if o.given.Has("breaker-failures") {
		p.BreakerFailures = of.Collector.BreakerFailures
	}
	if o.given.Has("breaker-open-for") {
		p.BreakerOpenFor = of.Collector.BreakerOpenFor
	}
	if o.given.Has("breaker-trial-calls") {
		p.BreakerTrialCalls = of.Collector.BreakerTrialCalls
	}
	if len(o.expect) > 0 || o.failOnGiven {
		return usageError("--demo-circuit-breaker: it makes no run that --expect or --fail-on could judge; " +
			"leave them out")
	}
	file, err := openReport("report", o.report)
	if err != nil {
		return err
	}
	defer file.discard()
	live := text.NewDemo(s.outAs("text"), s.style(o.looks.color))
	if o.format != "text" {
		live = nil
	}
	live.Begin(of.Seed, of.Clock, p.BreakerFailures, p.BreakerOpenFor)
	demo, err := runner.Demo(ctx, of.Seed, of.Virtual(), p, live.Call)
	if err != nil {
		return err
	}
	live.End(demo)
	if err := live.Err(); err != nil {
		return fmt.Errorf("%w to standard output: %w", errWrite, err)
	}
	if o.format == "json" {
		if err := report.WriteDocument(s.out, demo); err != nil {
			return fmt.Errorf("%w to standard output: %w", errWrite, err)
		}
	}
	if err := file.write(func(w io.Writer) error { return report.WriteDocument(w, demo) }); err != nil {
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
