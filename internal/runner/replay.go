package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"

	"faultflow/internal/catalog"
	"faultflow/internal/channel"
	"faultflow/internal/disk"
	"faultflow/internal/errhandler"
	"faultflow/internal/journal"
	"faultflow/internal/nodes"
	"faultflow/internal/report"
	"faultflow/internal/settings"
	"faultflow/internal/undelivered"
	"faultflow/internal/workflow"
)

// Replay is what a run sends again in place of an input: records that runs left in a folder.
type Replay struct {
	Folder *undelivered.Folder
	lock   *disk.Lock
	// lines are those of the run: row n of its input is the n-th of them.
	lines []int
	// uncertain counts those that may be at a channel already.
	uncertain int

	mu sync.Mutex
	// outcome is that of the cycle. sent has, by the key of each delivery, how many calls of it may have brought
	// something that nobody knows of; there are several at once where a call is hedged.
	outcome undelivered.Outcome
	sent    map[string]int
	// why is what a channel failed with last.
	why undelivered.Why
}

// OpenReplay reads what files of a folder hold, and keeps the folder from others. notices tell what it found.
func OpenReplay(sys disk.System, dir string, files []string) (r *Replay, notices []string, err error) {
	lock, err := disk.LockFolder(dir, channel.Holder())
	if err != nil {
		return nil, nil, err
	}
	r = &Replay{lock: lock, sent: map[string]int{}}
	if notices, err = r.open(sys, dir, files); err != nil {
		return nil, nil, errors.Join(err, r.Close())
	}
	return r, notices, nil
}

func (r *Replay) open(sys disk.System, dir string, files []string) (notices []string, err error) {
	if notices, err = channel.Adopt(sys, dir, files); err != nil {
		return nil, err
	}
	if r.Folder, err = undelivered.Read(dir, files...); err != nil {
		return nil, err
	}
	past, err := journal.Read(dir)
	if err != nil {
		return nil, err
	}
	for _, l := range r.Folder.Lines {
		if past != nil && l.Offset >= past.Last.Lengths[l.File] {
			return nil, &UnfinishedError{dir}
		}
	}
	return notices, r.Folder.Begin(sys)
}

// unsent is the error of a replay that no channel takes.
func (r *Replay) unsent() error {
	err := fmt.Errorf("no channel took all records, and the replay ended: %s: %s; what is left stays in %s: "+
		"replay it when there is a channel that takes it", r.why.Place, r.why.Reason, r.Folder.Dir)
	return errhandler.As(errhandler.Network, err)
}

// UnfinishedError says that a folder's run died in a cycle, which its next life makes again.
type UnfinishedError struct{ Dir string }

func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("%s is the state of a run that died in a cycle; give its command again, which ends the cycle, "+
		"and replay then", e.Dir)
}

// Close closes the folder and gives it back.
func (r *Replay) Close() error {
	var err error
	if r.Folder != nil {
		err = r.Folder.Close()
	}
	return errors.Join(err, r.lock.Release())
}

// Select chooses what the run sends. Of what the filter means, unreadable counts the lines that have no record.
func (r *Replay) Select(by undelivered.Filter) (chosen, unreadable int, err error) {
	lines, err := r.Folder.Select(by)
	if err != nil {
		return 0, 0, err
	}
	r.lines = slices.DeleteFunc(lines, func(at int) bool { return r.Folder.Lines[at].Unreadable })
	// Dead letters first: their fields decide which are id and value.
	slices.SortStableFunc(r.lines, func(a, b int) int {
		return last(r.Folder.Lines[a].Spooled) - last(r.Folder.Lines[b].Spooled)
	})
	return len(r.lines), len(lines) - len(r.lines), nil
}

func last(is bool) int {
	if is {
		return 1
	}
	return 0
}

// settle asks the channels which of the records have arrived, of deliveries whose end nobody noted, and takes them out.
// Spooled records were given to the channels under their key, too.
func (r *Replay) settle(
	ctx context.Context, outlets []settings.Outlet, channels []channel.Real,
) (notice string, err error) {
	arrived, uncertain := map[int]bool{}, map[int]bool{}
	for _, s := range slices.Backward(r.Folder.Open) { // so that a file is cut from its end
		lines := r.Folder.Within(s.Lines)
		at := slices.IndexFunc(outlets, func(o settings.Outlet) bool { return o.String() == s.Channel })
		var c nodes.Channel
		if at >= 0 {
			c = channels[at]
		}
		switch c := c.(type) {
		case channel.Remembering:
			if err := landed(ctx, c, s.Key, lines, arrived); err != nil {
				return "", err
			}
			continue
		case channel.Rewinding:
			settled, err := cutBack(c, s)
			if err != nil {
				return "", fmt.Errorf("channel %s: %w", c.Name(), err)
			}
			if settled {
				continue
			}
		}
		for _, at := range lines {
			uncertain[at] = true
		}
	}
	var keys map[string][]int
	for _, c := range channels {
		c, remembers := c.(channel.Remembering)
		if !remembers {
			continue
		}
		if keys == nil {
			if keys, err = r.keys(); err != nil {
				return "", err
			}
		}
		for key, lines := range keys {
			if err := landed(ctx, c, key, lines, arrived); err != nil {
				return "", err
			}
		}
	}
	var done []int
	r.lines = slices.DeleteFunc(r.lines, func(at int) bool {
		if arrived[at] {
			done = append(done, at)
		} else if uncertain[at] {
			r.uncertain++
		}
		return arrived[at]
	})
	if len(done) > 0 {
		notice = fmt.Sprintf("%s: of the records, %d had arrived before; they are not sent again",
			r.Folder.Dir, len(done))
	}
	return notice, r.Folder.Note(undelivered.Outcome{Delivered: done})
}

// cutBack makes a file what it was before a delivery, if nothing else was written to it: what is of others is not ours
// to cut off. settled is true if nothing of the delivery is there then.
func cutBack(c channel.Rewinding, s undelivered.Sending) (settled bool, err error) {
	mark, err := c.Mark()
	if err != nil || mark == s.Mark {
		return err == nil, err
	}
	now, err := strconv.ParseInt(mark, 10, 64)
	if err != nil {
		return false, err
	}
	before, err := strconv.ParseInt(s.Mark, 10, 64)
	if err != nil || now-before != s.Bytes {
		return false, err
	}
	return true, c.Rewind(s.Mark)
}

// landed adds the lines that came to a channel under a key.
func landed(ctx context.Context, c channel.Remembering, key string, lines []int, arrived map[int]bool) error {
	n, err := c.Landed(ctx, key)
	refused, _ := errors.AsType[*nodes.RefusedError](err)
	if refused != nil {
		err = refused.Rest
	}
	if err != nil {
		return fmt.Errorf("channel %s can't tell what has arrived; replay when it can be reached: %w", c.Name(), err)
	}
	for i, at := range lines[:min(n, len(lines))] {
		arrived[at] = arrived[at] || refused == nil ||
			!slices.ContainsFunc(refused.Refused, func(r nodes.Refusal) bool { return r.Index == i })
	}
	return nil
}

// keys are all spooled records by the key under which the run sent them.
func (r *Replay) keys() (map[string][]int, error) {
	keys := map[string][]int{}
	for at := range r.Folder.Lines {
		l := &r.Folder.Lines[at]
		if !l.Spooled {
			continue
		}
		c, err := r.Folder.Content(l)
		if err != nil {
			return nil, err
		}
		keys[c.Key] = append(keys[c.Key], at)
	}
	return keys, nil
}

// line is that of a record.
func (r *Replay) line(record *nodes.Record) int { return r.lines[record.Row-1] }

// transform leaves spooled records as they are.
func (r *Replay) transform(by nodes.Processor) nodes.Processor { return &exceptSpooled{by, r} }

type exceptSpooled struct {
	nodes.Processor
	replay *Replay
}

// Process processes dead letters alone.
func (e *exceptSpooled) Process(ctx context.Context, r nodes.Record) (nodes.Processed, error) {
	if e.replay.Folder.Lines[e.replay.line(&r)].Spooled {
		return nodes.Processed{Record: r}, ctx.Err()
	}
	return e.Processor.Process(ctx, r)
}

// channel notes each delivery before the channel gets it.
func (r *Replay) channel(c channel.Real, o settings.Outlet) nodes.Channel { return &replayed{c, o, r} }

type replayed struct {
	channel.Real
	outlet settings.Outlet
	replay *Replay
}

// Deliver notes the delivery and makes it.
func (c *replayed) Deliver(ctx context.Context, d nodes.Delivery) (int, error) {
	s := undelivered.Sending{Channel: c.outlet.String(), Key: d.Key}
	if marking, ok := c.Real.(channel.Rewinding); ok {
		var err error
		if s.Mark, err = marking.Mark(); err != nil {
			return 0, err
		}
		var line []byte
		for i := range d.Records {
			line = append(d.Records[i].AppendJSON(line[:0]), '\n')
			s.Bytes += int64(len(line))
		}
	}
	lines := make([]int, len(d.Records))
	for i := range d.Records {
		lines[i] = c.replay.line(&d.Records[i].Record)
	}
	if err := c.replay.sends(s, lines); err != nil {
		return 0, err
	}
	n, err := c.Real.Deliver(ctx, d)
	if n == len(d.Records) || ctx.Err() == nil && !nodes.Uncertain(err) {
		c.replay.mu.Lock()
		defer c.replay.mu.Unlock()
		c.replay.sent[d.Key]--
	}
	return n, err
}

func (r *Replay) sends(s undelivered.Sending, lines []int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent[s.Key]++
	return r.Folder.Sends(s, lines)
}

// observe notes why channels fail.
func (r *Replay) observe(e workflow.Event) {
	if catalog.EventKind(e.Kind) != catalog.ChannelFailed {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.why = undelivered.Why{Place: e.Place, Class: e.Class, Reason: report.Clean(e.Detail)}
}

// took notes what a channel accepted.
func (r *Replay) took(d nodes.Delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range d.Records {
		r.outcome.Delivered = append(r.outcome.Delivered, r.line(&d.Records[i].Record))
	}
}

// left notes what no channel took.
func (r *Replay) left(d nodes.Delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.why.Reason == "" { // it was not tried: the run was interrupted
		return
	}
	for i := range d.Records {
		r.failed(&d.Records[i].Record, r.why)
	}
}

// gaveUp notes a dead letter.
func (r *Replay) gaveUp(d nodes.DeadLetter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed(&d.Record, undelivered.Why{Place: string(d.Place), Class: string(d.Class), Reason: d.Reason})
}

func (r *Replay) failed(record *nodes.Record, why undelivered.Why) {
	if r.outcome.Failed == nil {
		r.outcome.Failed = map[undelivered.Why][]int{}
	}
	r.outcome.Failed[why] = append(r.outcome.Failed[why], r.line(record))
}

// endCycle makes the outcome of the cycle survive the end of the system.
func (r *Replay) endCycle() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(r.sent)) {
		if r.sent[key] == 0 {
			r.outcome.Ended = append(r.outcome.Ended, key)
		}
	}
	err := r.Folder.Note(r.outcome)
	r.outcome = undelivered.Outcome{}
	clear(r.sent)
	return err
}
