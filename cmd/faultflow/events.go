package main

import (
	"context"
	"io"
	"log/slog"

	"faultflow/internal/report"
	"faultflow/internal/workflow"
)

// logEvents writes each event as one line of slog's text format. Its time is the time since the run began.
func logEvents(w io.Writer) func(workflow.Event) {
	log := slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey { // wall-clock time says nothing of a run in virtual time
				return slog.Attr{}
			}
			return a
		},
	}))
	return func(e workflow.Event) {
		attrs := []slog.Attr{slog.Duration("at", e.At), slog.Int("cycle", e.Cycle), slog.String("node", e.Node)}
		if e.Place != "" {
			attrs = append(attrs, slog.String("place", e.Place))
		}
		if e.Attempt > 0 {
			attrs = append(attrs, slog.Int("attempt", e.Attempt))
		}
		level := slog.LevelInfo
		if e.Class != "" {
			level = slog.LevelWarn
			attrs = append(attrs, slog.String("class", e.Class))
		}
		if e.Wait > 0 {
			attrs = append(attrs, slog.Duration("wait", e.Wait))
		}
		if e.To != "" {
			attrs = append(attrs, slog.String("from", e.From), slog.String("to", e.To))
		}
		if e.Count > 0 {
			attrs = append(attrs, slog.Int("count", e.Count))
		}
		if e.Record != "" {
			attrs = append(attrs, slog.String("record", report.Clean(e.Record)))
		}
		if e.Detail != "" {
			attrs = append(attrs, slog.String("detail", report.Clean(e.Detail)))
		}
		log.LogAttrs(context.Background(), level, string(e.Kind), attrs...)
	}
}
