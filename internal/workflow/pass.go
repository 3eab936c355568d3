package workflow

import (
	"context"
	"sync"
	"time"
)

// pass is one passage through the graph, or all of a run's where they come one after the other. Contexts lead to it.
type pass struct {
	stream *Stream
	// number is the cycle; 0 follows the stream's.
	number int
	// turn and slot are the pass's own instants: those that are slot after a multiple of turn. A turn of 0 is that of a
	// pass which is alone.
	turn, slot time.Duration
	locals     *locals
}

type passKey struct{}

func passOf(ctx context.Context) *pass {
	p, _ := ctx.Value(passKey{}).(*pass)
	return p
}

func (p *pass) cycle() int {
	if p.number > 0 {
		return p.number
	}
	return int(p.stream.cycle.Load())
}

// WithStream returns a context whose Emit calls reach s. Its passes come one after the other: see StartCycle.
func WithStream(ctx context.Context, s *Stream) context.Context {
	return context.WithValue(ctx, passKey{}, &pass{stream: s, locals: new(locals)})
}

// Stride is how many nanoseconds in each turn belong to one pass, or to one lane of it: the first one is its own, and
// limits end at others, so that no call ends at the very instant of its limit.
const Stride = 4

// WithPass returns the context of the n-th pass of a run whose passes are under way at the same time. Whatever passes
// share, each touches at its own instants, so that in virtual time the order of what they do is that of their times,
// and no tie is left to the scheduler. turn is the period of these instants, 0 on the real clock; slot is where in it
// the pass has its own.
func WithPass(ctx context.Context, s *Stream, n int, turn, slot time.Duration) context.Context {
	return context.WithValue(ctx, passKey{}, &pass{stream: s, number: n, turn: turn, slot: slot, locals: new(locals)})
}

// WithLane returns the context of one of several goroutines of a pass, with own instants of its own; 0 has the pass's.
func WithLane(ctx context.Context, lane int) context.Context {
	p := passOf(ctx)
	if p == nil || p.turn == 0 || lane == 0 {
		return ctx
	}
	of := *p
	of.slot = (p.slot + time.Duration(lane)*Stride) % p.turn
	return context.WithValue(ctx, passKey{}, &of)
}

// Shares reports whether other passes are under way beside that of ctx.
func Shares(ctx context.Context) bool {
	p := passOf(ctx)
	return p != nil && p.turn > 0
}

// AwaitOwn waits for the next own instant of the pass, after it was woken by what is not its own: a place that another
// one gave back, or the end of its context. It does not heed the context: the wait is shorter than a turn. A pass that
// is alone does not wait.
func AwaitOwn(ctx context.Context) {
	if d := UntilOwn(ctx, 0); d > 0 {
		time.Sleep(d)
	}
}

// UntilOwn is the time to the first own instant of the pass that is at least d ahead; d for a pass that is alone.
func UntilOwn(ctx context.Context, d time.Duration) time.Duration {
	p := passOf(ctx)
	if p == nil || p.turn == 0 {
		return d
	}
	at := time.Since(p.stream.start) + d
	return d + (p.turn+p.slot-at%p.turn)%p.turn
}

// locals are what the parts of a run keep about one pass, for as long as it lasts.
type locals struct {
	mu    sync.Mutex
	cycle int
	list  []local
}

type local struct{ key, value any }

// Local is what key's owner keeps about the pass of ctx: a T that begins as its zero value. Without a stream nothing is
// kept.
func Local[T any](ctx context.Context, key any) *T {
	p := passOf(ctx)
	if p == nil {
		return new(T)
	}
	l, cycle := p.locals, p.cycle()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.list == nil {
		l.list = make([]local, 0, 8)
	}
	if l.cycle != cycle {
		l.cycle, l.list = cycle, l.list[:0]
	}
	for i := range l.list {
		if l.list[i].key == key {
			return l.list[i].value.(*T)
		}
	}
	v := new(T)
	l.list = append(l.list, local{key, v})
	return v
}
