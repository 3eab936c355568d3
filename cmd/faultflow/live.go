package main

import (
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
	"github.com/jedib0t/go-pretty/v6/text"

	"faultflow/internal/catalog"
	"faultflow/internal/workflow"
)

// liveLine shows the progress of a run or a campaign: one line on standard error, if that is a terminal that can move
// its cursor.
type liveLine struct {
	writer  progress.Writer
	tracker *progress.Tracker
	out     io.Writer
	done    chan struct{}
}

// newLiveLine returns nil if it is off or can't be drawn; stop does nothing on nil.
func newLiveLine(s *streams, off bool) *liveLine {
	return startLine(s, off, &progress.Tracker{Message: "starting"}, 50, progress.StyleVisibility{Time: true})
}

// newProgress shows how many of the runs are done, how fast they go and how long it takes.
func newProgress(s *streams, off bool, runs int64) *liveLine {
	return startLine(s, off, &progress.Tracker{Message: "runs", Total: runs}, 4,
		progress.StyleVisibility{Tracker: true, Value: true, Percentage: true, Speed: true, Time: true, ETA: true})
}

func startLine(
	s *streams, off bool, tracker *progress.Tracker, messageLength int, shown progress.StyleVisibility,
) *liveLine {
	if off || !s.errTerminal || s.dumb() {
		return nil
	}
	l := &liveLine{writer: progress.NewWriter(), tracker: tracker, out: s.err, done: make(chan struct{})}
	l.writer.SetOutputWriter(s.err)
	l.writer.SetUpdateFrequency(100 * time.Millisecond)
	l.writer.SetMessageLength(messageLength)
	l.writer.SetTrackerLength(12) // the whole fits into 80 columns
	l.writer.SetAutoStop(true)
	l.writer.Style().Options.TimeInProgressPrecision = 100 * time.Millisecond
	l.writer.Style().Visibility = shown
	l.writer.AppendTracker(l.tracker)
	go func() {
		defer close(l.done)
		l.writer.Render()
	}()
	return l
}

func (l *liveLine) observe(e workflow.Event) {
	switch catalog.EventKind(e.Kind) {
	case catalog.NodeStarted:
		l.tracker.UpdateMessage(fmt.Sprintf("cycle %d · %s", e.Cycle, e.Node))
	case catalog.AttemptStarted:
		l.tracker.UpdateMessage(fmt.Sprintf("cycle %d · %s · attempt %d", e.Cycle, e.Node, e.Attempt))
	case catalog.Waiting:
		l.tracker.UpdateMessage(fmt.Sprintf("cycle %d · %s · attempt %d in %v",
			e.Cycle, e.Node, e.Attempt+1, e.Wait.Round(time.Millisecond)))
	default: // the others come and go too fast to be read
	}
}

// step notes that one more run is done. It may be called by several goroutines at once.
func (l *liveLine) step() {
	if l != nil {
		l.tracker.Increment(1)
	}
}

// stop takes the line away and waits until it is gone.
func (l *liveLine) stop() {
	if l == nil {
		return
	}
	l.tracker.MarkAsDone()
	l.writer.Stop() // has no effect before rendering has begun; AutoStop ends it then
	<-l.done
	fmt.Fprint(l.out, text.CursorUp.Sprint(), text.EraseLine.Sprint()) // the last line drawn
}
