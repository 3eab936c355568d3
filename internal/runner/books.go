package runner

import (
	"cmp"
	"slices"

	"faultflow/internal/channel"
	"faultflow/internal/errhandler"
	"faultflow/internal/nodes"
	"faultflow/internal/report"
)

// books count where every row ends and keep it in the output folder, if there is one. What could not be written is
// remembered by the output and comes up when it is committed.
type books struct {
	output *channel.Output
	ledger report.Ledger
	cycle  tally
	groups map[deadKey]*report.DeadLetters
}

// tally counts the rows of the cycle under way.
type tally struct{ collected, delivered, dead, spooled int }

type deadKey struct {
	place, reason string
	class         errhandler.Class
}

// maxGroups bounds the groups of dead letters that are told apart, since a hostile input could make a reason of its own
// for each row.
const (
	maxGroups   = 10_000
	otherReason = "other reasons"
)

var _ nodes.Books = (*books)(nil)

func newBooks(o *channel.Output) *books {
	return &books{output: o, groups: map[deadKey]*report.DeadLetters{}}
}

// begin forgets the last run.
func (b *books) begin() {
	b.ledger, b.cycle = report.Ledger{}, tally{}
	clear(b.groups)
}

func (b *books) Collected(o errhandler.Origin, rows int) {
	n := int64(rows)
	b.ledger.Collected += n
	b.cycle.collected += rows
	switch o {
	case errhandler.FromSource:
		b.ledger.FromSource += n
	case errhandler.FromDefault:
		b.ledger.FromDefault += n
	default:
		b.ledger.FromCache += n
	}
}

func (b *books) Delivered(channel string, d nodes.Delivery) {
	b.ledger.Delivered += int64(len(d.Records))
	b.cycle.delivered += len(d.Records)
	if b.output != nil {
		_ = b.output.Deliver(channel, d) // Commit returns it
	}
}

func (b *books) Spooled(d nodes.Delivery) {
	b.ledger.Spooled += int64(len(d.Records))
	b.cycle.spooled += len(d.Records)
}

func (b *books) DeadLetter(l nodes.DeadLetter) {
	b.ledger.DeadLettered++
	b.cycle.dead++
	if b.output != nil {
		_ = b.output.DeadLetter(l) // Commit returns it
	}
	key := deadKey{l.Place, l.Reason, l.Class}
	if b.groups[key] == nil && len(b.groups) >= maxGroups {
		key = deadKey{place: l.Place, reason: otherReason, class: l.Class}
	}
	g := b.groups[key]
	if g == nil {
		g = &report.DeadLetters{Place: l.Place, Class: l.Class, Reason: key.reason, FirstLine: l.Record.Line}
		b.groups[key] = g
	}
	g.Count++
}

// close balances the ledger.
func (b *books) close() report.Ledger {
	l := b.ledger
	l.Lost = l.Collected - l.Delivered - l.DeadLettered - l.Spooled
	l.Balanced = l.Lost == 0
	l.DeadLetters = make([]report.DeadLetters, 0, len(b.groups))
	for _, g := range b.groups {
		l.DeadLetters = append(l.DeadLetters, *g)
	}
	slices.SortFunc(l.DeadLetters, func(x, y report.DeadLetters) int {
		return cmp.Or(cmp.Compare(y.Count, x.Count), cmp.Compare(x.FirstLine, y.FirstLine), cmp.Compare(x.Place, y.Place),
			cmp.Compare(x.Class, y.Class), cmp.Compare(x.Reason, y.Reason))
	})
	l.DeadLetters = l.DeadLetters[:min(len(l.DeadLetters), report.MaxDeadLetters)]
	return l
}
