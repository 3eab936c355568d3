package channel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"faultflow/internal/nodes"
	"faultflow/internal/object"
	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

// taken is what a channel without a memory of its own knows of a pass, as Simulated does: what came under each key.
type taken struct {
	mu   sync.Mutex
	keys map[string]outcome
}

// outcome is what came under a key: how many records, and which of them were refused.
type outcome struct {
	records int
	refused []nodes.Refusal
}

func (t *taken) of(key string) outcome {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.keys[key]
}

func (t *taken) note(key string, s outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.keys == nil {
		t.keys = map[string]outcome{}
	}
	t.keys[key] = s
}

// answer is what Deliver returns for a delivery of n records that are settled.
func (s outcome) answer(n int) (int, error) {
	var refused []nodes.Refusal
	for _, r := range s.refused {
		if r.Index < n {
			refused = append(refused, r)
		}
	}
	if len(refused) > 0 {
		return n, &nodes.RefusedError{Refused: refused}
	}
	return n, nil
}

// Stdout delivers to standard output, a JSON object a line. It remembers the keys of the pass.
type Stdout struct {
	name string
	// turn has a token while no write is under way: one that waits for its reader can't be interrupted, and goes on
	// when no one waits for it any more.
	turn chan struct{}
	out  io.Writer
	// err is of a write that failed: the reader has a part of a line, or is gone.
	err error
}

var stdoutKind = kind{
	schemes: []string{"stdout"},
	open: func(_ context.Context, o settings.Outlet, _ *settings.Settings, out Outside) (Real, error) {
		if o.URL != "stdout:" {
			return nil, &settings.Error{Name: "channel", Value: o.String(), Problem: "nothing can follow stdout:"}
		}
		if out.Stdout == nil {
			return nil, &settings.Error{
				Name:    "channel",
				Value:   o.String(),
				Problem: "standard output has the results of this command; deliver to a file",
			}
		}
		c := &Stdout{name: o.Name, turn: make(chan struct{}, 1), out: out.Stdout}
		c.turn <- struct{}{}
		return c, nil
	},
}

// Name returns the channel's name.
func (c *Stdout) Name() string { return c.name }

// Idempotent is true: within a run a key is taken once.
func (c *Stdout) Idempotent() bool { return true }

// Deliver writes the records. A reader who does not read holds it up until the context ends; what it reads then counts
// as delivered when the delivery is repeated.
func (c *Stdout) Deliver(ctx context.Context, d nodes.Delivery) (int, error) {
	select {
	case <-c.turn:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	known, n := workflow.Local[taken](ctx, c), len(d.Records)
	before := known.of(d.Key)
	if c.err != nil || before.records >= n {
		defer func() { c.turn <- struct{}{} }()
		if c.err != nil {
			return 0, c.err
		}
		return n, nil
	}
	var lines []byte
	for i := range d.Records[before.records:] {
		lines = append(d.Records[before.records+i].AppendJSON(lines), '\n')
	}
	written := make(chan error, 1)
	go func() {
		_, err := c.out.Write(lines)
		if err != nil {
			c.err = fmt.Errorf("standard output: %w", err)
		} else {
			known.note(d.Key, outcome{records: n})
		}
		written <- c.err
		c.turn <- struct{}{}
	}()
	select {
	case err := <-written:
		if err != nil {
			return 0, err
		}
		return n, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Close waits for a write that is under way only if that can go on: one that waits for its reader ends with the
// program.
func (c *Stdout) Close() error { return nil }

// fields are the members of a record as it goes out, each name once: the last of a name counts, in the first's place.
type fields struct{ names, values []string }

// read reads the text of an object.
func (f *fields) read(text string) {
	f.names, f.values = f.names[:0], f.values[:0]
members:
	for key, value := range object.Members(text) {
		name := object.Plain(key)
		for i, known := range f.names {
			if known == name {
				f.values[i] = value
				continue members
			}
		}
		f.names, f.values = append(f.names, name), append(f.values, value)
	}
}

var errNoFields = errors.New("the record has no fields")
