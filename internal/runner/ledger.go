package runner

import (
	"cmp"
	"slices"
	"sync"

	"faultflow/internal/catalog"
	"faultflow/internal/channel"
	"faultflow/internal/errhandler"
	"faultflow/internal/nodes"
	"faultflow/internal/report"
)

// ledger counts where every row ends and keeps it in the output folder, if there is one. The output remembers what
// could not be written.
type ledger struct {
	output *channel.Output
	replay *Replay

	mu     sync.Mutex
	run    report.Ledger
	groups map[deadKey]*report.DeadLetters
	places map[deadPlace]int64
	// row is the last row of the input that was collected.
	row int64
}

// cycleLedger is the ledger of one cycle, which counts its rows.
type cycleLedger struct {
	*ledger
	collected, delivered, dead, spooled int
}

type deadKey struct {
	place  catalog.Place
	reason string
	class  errhandler.Class
}

// deadPlace is what dead letters are counted by without a bound: places and classes are few.
type deadPlace struct {
	place catalog.Place
	class errhandler.Class
}

// maxGroups bounds the groups of dead letters that are told apart, since a hostile input could make a reason of its own
// for each row.
const (
	maxGroups   = 10_000
	otherReason = "other reasons"
)

var _ nodes.Ledger = (*cycleLedger)(nil)

func newLedger(o *channel.Output, r *Replay) *ledger {
	return &ledger{
		output: o,
		replay: r,
		groups: map[deadKey]*report.DeadLetters{},
		places: map[deadPlace]int64{},
	}
}

// resume goes on with the ledger of an earlier life.
func (l *ledger) resume(before *report.Ledger, row int64) {
	l.run, l.row = *before, row
	for _, p := range before.DeadByPlace {
		l.places[deadPlace{p.Place, p.Class}] = p.Count
	}
	for _, g := range before.DeadLetters {
		l.groups[deadKey{g.Place, g.Reason, g.Class}] = &g
	}
}

// cycle begins a cycle.
func (l *ledger) cycle() *cycleLedger { return &cycleLedger{ledger: l} }

func (l *cycleLedger) Collected(o catalog.Origin, rows int, last int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.row = max(l.row, last)
	n := int64(rows)
	l.run.Collected += n
	l.collected += rows
	switch o {
	case catalog.FromSource:
		l.run.FromSource += n
	case catalog.FromDefault:
		l.run.FromDefault += n
	default:
		l.run.FromCache += n
	}
}

func (l *cycleLedger) Delivered(channel string, d nodes.Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.run.Delivered += int64(len(d.Records))
	l.delivered += len(d.Records)
	for i := range d.Records {
		if d.Records[i].Copy {
			l.run.DeliveredCopies++
		} else {
			l.run.DeliveredFromSource++
		}
	}
	if l.output != nil {
		l.output.Deliver(channel, d)
	}
	if l.replay != nil {
		l.replay.took(d)
	}
}

func (l *cycleLedger) Spooled(d nodes.Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.run.Spooled += int64(len(d.Records))
	l.spooled += len(d.Records)
	if l.replay != nil {
		l.replay.left(d)
	}
}

func (l *cycleLedger) DeadLetter(dead nodes.DeadLetter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.run.DeadLettered++
	l.dead++
	if l.output != nil {
		l.output.DeadLetter(dead)
	}
	if l.replay != nil {
		l.replay.gaveUp(dead)
	}
	key := deadKey{dead.Place, dead.Reason, dead.Class}
	if l.groups[key] == nil && len(l.groups) >= maxGroups {
		key = deadKey{place: dead.Place, reason: otherReason, class: dead.Class}
	}
	g := l.groups[key]
	if g == nil {
		g = &report.DeadLetters{
			Place:     dead.Place,
			Class:     dead.Class,
			Reason:    key.reason,
			FirstLine: dead.Record.Line,
		}
		l.groups[key] = g
	}
	g.Count++
	l.places[deadPlace{dead.Place, dead.Class}]++
}

// close balances the ledger.
func (l *ledger) close() report.Ledger {
	doc := l.run
	doc.Lost = doc.Collected - doc.Delivered - doc.DeadLettered - doc.Spooled
	doc.Balanced = doc.Lost == 0
	if l.output != nil {
		unkept, _ := l.output.Unkept()
		doc.Unkept = int64(unkept)
	}
	doc.DeadByPlace = make([]report.DeadByPlace, 0, len(l.places))
	for at, n := range l.places {
		doc.DeadByPlace = append(doc.DeadByPlace, report.DeadByPlace{Place: at.place, Class: at.class, Count: n})
	}
	slices.SortFunc(doc.DeadByPlace, func(x, y report.DeadByPlace) int {
		return cmp.Or(cmp.Compare(x.Place, y.Place), cmp.Compare(x.Class, y.Class))
	})
	doc.DeadLetters = make([]report.DeadLetters, 0, len(l.groups))
	for _, g := range l.groups {
		doc.DeadLetters = append(doc.DeadLetters, *g)
	}
	slices.SortFunc(doc.DeadLetters, func(x, y report.DeadLetters) int {
		return cmp.Or(
			cmp.Compare(y.Count, x.Count),
			cmp.Compare(x.FirstLine, y.FirstLine),
			cmp.Compare(x.Place, y.Place),
			cmp.Compare(x.Class, y.Class),
			cmp.Compare(x.Reason, y.Reason),
		)
	})
	doc.DeadLetters = doc.DeadLetters[:min(len(doc.DeadLetters), report.MaxDeadLetters)]
	return doc
}
