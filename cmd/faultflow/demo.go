package main

import (
	"context"
	"fmt"
	"io"

	"faultflow/internal/render"
	"faultflow/internal/report"
	"faultflow/internal/runner"
)

// runDemo shows the circuit breaker alone. As text it tells each call as it is made.
func runDemo(ctx context.Context, o *rootOptions, settings runner.Settings, s *streams) error {
	if o.format != "text" && o.format != "json" {
		return usageError("--format %q: --demo-circuit-breaker is shown as one of text, json", o.format)
	}
	b := runner.DemoBreaker()
	if o.draft.IsGiven("breaker-failures") {
		b.Failures = settings.Collector.Breaker.Failures
	}
	if o.draft.IsGiven("breaker-open-for") {
		b.OpenFor = settings.Collector.Breaker.OpenFor
	}
	if o.draft.IsGiven("breaker-trial-calls") {
		b.TrialCalls = settings.Collector.Breaker.TrialCalls
	}
	file, err := openReport("report", o.report)
	if err != nil {
		return err
	}
	defer file.discard()
	text := render.NewDemoText(s.out, s.style(o.color))
	if o.format != "text" {
		text = nil
	}
	text.Begin(settings.Seed, o.draft.Field("clock").String(), b.Failures, b.OpenFor)
	demo, err := runner.Demo(ctx, settings.Seed, settings.Virtual, b, text.Call)
	if err != nil {
		return err
	}
	text.End(demo)
	if err := text.Err(); err != nil {
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
