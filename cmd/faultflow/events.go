package main

import (
	"context"
	"io"
	"log/slog"
	"time"

	"faultflow/internal/report"
	"faultflow/internal/workflow"
)

// The forms of the log.
const logText, logJSON = "text", "json"

// newLog returns a log of one line an entry, in slog's format of that name.
func newLog(w io.Writer, form string) *slog.Logger {
	options := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch {
		case a.Key == slog.TimeKey: // wall-clock time says nothing of a run in virtual time
			return slog.Attr{}
		case form == logJSON && a.Value.Kind() == slog.KindDuration: // as in every JSON document of the program
			return slog.Float64(a.Key+"_ms", float64(a.Value.Duration())/float64(time.Millisecond))
		}
		return a
	}}
	if form == logJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// logEvents logs each event. Its time is the time since the run began.
func logEvents(log *slog.Logger) func(workflow.Event) {
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
