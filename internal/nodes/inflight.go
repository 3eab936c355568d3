package nodes

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
)

// Ledger notes where every row ends. It is called by one goroutine at a time.
type Ledger interface {
	// Collected notes rows as they enter the pipeline, readable or not. last is the highest row of the input that is
	// among them, 0 if none is.
	Collected(o catalog.Origin, rows int, last int64)
	// Delivered notes the records that a channel accepted.
	Delivered(channel string, d Delivery)
	Spooled(d Delivery)
	DeadLetter(DeadLetter)
}

// inFlight holds the rows of a cycle between the source and the place where each of them ends: a channel, the dead
// letters, which keep its reason, or the emergency spool. That nothing is lost is the invariant of this type. It holds
// after every method:
//
//	fetched   = collected from the source + the answer
//	collected = delivered + dead-lettered + spooled + pending + undelivered
//
// The ledger counts what was collected, delivered, dead-lettered and spooled. The source's answer, the pending records
// and the undelivered records are in flight. They move in these ways only:
//
//	fetched     the source      → the answer
//	admitted    the answer, or cached or default data, is collected → pending; its invalid rows → dead letters; those
//	            that arrived at a channel before the process began → delivered
//	processed   pending         → undelivered; those that failed → dead letters
//	postponed   pending         → undelivered; those that failed stay pending
//	settled by  undelivered     → delivered; those that the channel refused → dead letters
//	spooled     undelivered     → spooled
//	givenUp     undelivered     → dead letters
//	settled     pending         → undelivered where the run was interrupted, else → dead letters
//
// A call that does not add up, such as results for fewer records than are pending, panics before it moves anything. The
// engine turns the panic into the node's error, and the rows are still in flight. What a failure leaves in flight, the
// error handler ends: it admits the answer, settles what is pending, and spools or gives up what is undelivered.
//
// No other file of the package names these fields: TestInFlightIsChangedInOneFile.
type inFlight struct {
	ledger Ledger
	// arrived tells the channel at which a row arrived before this process began; "" for the others, nil for none.
	arrived func(row int64) string
	// cycleKey begins the idempotency keys of the cycle's deliveries: "run/cycle/".
	cycleKey string

	// answer is the source's answer until it is admitted; answered tells that there is one, answerEnds that the source
	// has no more rows after it.
	answer     Batch
	answered   bool
	answerEnds bool
	// answers guards them while a hedged fetch is under way.
	answers sync.Mutex

	// pending records wait for processing. If they failed one by one, pendingFailures has the failure of each.
	pending         []Record
	pendingFailures []failure

	// outgoing are the records that processing handed to delivery. The first gone of them are delivered, spooled or
	// dead-lettered, the others are undelivered.
	outgoing []Processed
	gone     int
	// unacknowledged are the channels that may have taken records although they failed, each with the idempotency key
	// of those records.
	unacknowledged map[string]string
}

// failure is why a record was not processed.
type failure struct {
	record Record
	place  catalog.Place
	err    error
	told   bool // its event was emitted
}

func newInFlight(run string, cycle int, ledger Ledger) inFlight {
	return inFlight{ledger: ledger, cycleKey: run + "/" + strconv.Itoa(cycle) + "/"}
}

// fetched keeps the source's answer until it is admitted, so that an answer after the attempt's timeout is not lost. Of
// a hedged fetch several calls may be answered, each with rows of its own, and none of them is lost either.
func (f *inFlight) fetched(answer Batch, end bool) {
	f.answers.Lock()
	defer f.answers.Unlock()
	f.answer.Records = joined(f.answer.Records, answer.Records)
	f.answer.Rejected = joined(f.answer.Rejected, answer.Rejected)
	f.answer.Short = answer.Short
	f.answered, f.answerEnds = true, f.answerEnds || end
}

// unadmitted is the source's answer as it is to be admitted; nil without one.
func (f *inFlight) unadmitted() *intake {
	f.answers.Lock()
	defer f.answers.Unlock()
	if !f.answered {
		return nil
	}
	return &intake{batch: f.answer, origin: catalog.FromSource, end: f.answerEnds}
}

// admitted collects an intake: its valid records are pending, the other rows become dead letters.
func (f *inFlight) admitted(in *intake) {
	rows := in.rows()
	mustAddUp(f.answered == (in.origin == catalog.FromSource), "what is admitted is not what is there")
	mustAddUp(!f.answered || rows == f.answer.Len(), "an answer of %d rows is admitted as %d", f.answer.Len(), rows)
	f.ledger.Collected(in.origin, rows, in.last())
	for _, r := range in.batch.Rejected {
		f.ledger.DeadLetter(DeadLetter{
			Record: Record{
				Source: r.Source,
				Row:    r.Row,
				Line:   r.Line,
				Offset: r.Offset,
				Value:  math.NaN(),
			},
			Raw:    r.Raw,
			Cut:    r.Cut,
			Place:  catalog.PlaceFetch,
			Class:  errhandler.Data,
			Reason: r.Reason,
		})
	}
	for _, r := range in.invalid {
		f.deadLetter(r.record, nodePlace(catalog.Collector), r.err)
	}
	f.answer, f.answered, f.answerEnds = Batch{}, false, false
	if f.arrived != nil {
		in.batch.Records = f.withoutArrived(in.batch.Records)
	}
	f.pending = joined(f.pending, in.batch.Records)
}

func (f *inFlight) knowArrived(at func(row int64) string) { f.arrived = at }

// withoutArrived ends the records that have arrived at a channel and returns the others.
func (f *inFlight) withoutArrived(records []Record) []Record {
	left := records[:0] // in place: the source gave its slice away
	for _, r := range records {
		if channel := f.arrived(r.Row); channel != "" {
			f.ledger.Delivered(channel, Delivery{Key: f.cycleKey, Records: []Processed{{Record: r}}})
			continue
		}
		left = append(left, r)
	}
	return left
}

// waiting are the pending records.
func (f *inFlight) waiting() []Record { return f.pending }

// failures are those of the pending records, one each; empty if the batch failed as a whole.
func (f *inFlight) failures() []failure { return f.pendingFailures }

// processed ends processing: done waits for delivery, and the dead letters have the others with their reasons.
func (f *inFlight) processed(done []Processed, failed []failure) {
	f.mustCoverPending(done, failed)
	for _, r := range failed {
		f.deadLetter(r.record, r.place, r.err)
	}
	f.pending, f.pendingFailures = nil, nil
	f.outgoing = joined(f.outgoing, done)
}

// postponed ends processing where the recovery graph's partial processing comes next: the failed records stay pending.
// Without any result the batch failed as a whole, and all of it stays pending.
func (f *inFlight) postponed(done []Processed, failed []failure) {
	if len(done) == 0 && len(failed) == 0 {
		return
	}
	f.mustCoverPending(done, failed)
	left := make([]Record, len(failed))
	for i, r := range failed {
		left[i] = r.record
	}
	f.pending, f.pendingFailures = left, failed
	f.outgoing = joined(f.outgoing, done)
}

func (f *inFlight) mustCoverPending(done []Processed, failed []failure) {
	mustAddUp(len(done)+len(failed) == len(f.pending),
		"%d records are pending, %d processed and %d failed", len(f.pending), len(done), len(failed))
}

// undelivered are the processed records that nothing has taken yet.
func (f *inFlight) undelivered() []Processed { return f.outgoing[f.gone:] }

// handedOn counts the records that processing handed to delivery, undelivered or not.
func (f *inFlight) handedOn() int { return len(f.outgoing) }

// delivery is the undelivered records under their idempotency key. The key's last part is where among the cycle's
// processed records they begin, so that the rest of a partly accepted batch has a key of its own.
func (f *inFlight) delivery() Delivery {
	return Delivery{Key: f.cycleKey + strconv.Itoa(f.gone), Records: f.undelivered()}
}

// maybeTaken notes that a channel may have taken the records of d although it failed. Of each channel the first such
// key is kept.
func (f *inFlight) maybeTaken(channel string, d Delivery) {
	if _, known := f.unacknowledged[channel]; known {
		return
	}
	if f.unacknowledged == nil {
		f.unacknowledged = map[string]string{}
	}
	f.unacknowledged[channel] = d.Key
}

// settledBy ends the first n undelivered records: the channel took them, but for those that it refused for good. If it
// may have taken them before, recognised says that it knows their key. duplicate says that they may be somewhere a
// second time.
func (f *inFlight) settledBy(c Channel, n int, refused []Refusal) (recognised, duplicate bool) {
	d := f.delivery()
	mustAddUp(n >= 0 && n <= len(d.Records), "%d of %d records are settled", n, len(d.Records))
	d.Records = d.Records[:n]
	if len(refused) > 0 {
		d.Records = f.withoutRefused(d.Records, catalog.ChannelPlace(c.Name()), refused)
	}
	for name, key := range f.unacknowledged {
		if name == c.Name() && key == d.Key && c.Idempotent() {
			recognised = true
		} else {
			duplicate = true
		}
	}
	f.gone += n
	f.ledger.Delivered(c.Name(), d)
	return recognised, duplicate
}

// withoutRefused gives the refused records up and returns the others.
func (f *inFlight) withoutRefused(records []Processed, place catalog.Place, refused []Refusal) []Processed {
	taken := make([]Processed, 0, len(records))
	for i, r := range records {
		if len(refused) > 0 && refused[0].Index == i {
			f.deadLetter(r.Record, place, errhandler.As(errhandler.Data, errors.New(refused[0].Reason)))
			refused = refused[1:]
			continue
		}
		taken = append(taken, r)
	}
	mustAddUp(len(refused) == 0, "%d records are refused that are not there", len(refused))
	return taken
}

// spooled ends the undelivered records: the emergency spool took them. duplicate tells that some channel may have, too.
func (f *inFlight) spooled() (duplicate bool) {
	d := f.delivery()
	f.gone = len(f.outgoing)
	f.ledger.Spooled(d)
	return len(f.unacknowledged) > 0
}

// givenUp ends the undelivered records: not even the emergency spool took them.
func (f *inFlight) givenUp(place catalog.Place, err error) {
	left := f.undelivered()
	f.gone = len(f.outgoing)
	for _, r := range left {
		f.deadLetter(r.Record, place, err)
	}
}

// settled ends processing where no node did. After an interruption the pending records are undelivered as they are;
// otherwise they are given up, and counted in abandoned.
func (f *inFlight) settled(interrupted bool, place catalog.Place, err error) (abandoned int) {
	left := f.pending
	f.pending, f.pendingFailures = nil, nil
	if interrupted {
		for _, r := range left {
			f.outgoing = append(f.outgoing, Processed{Record: r})
		}
		return 0
	}
	for _, r := range left {
		f.deadLetter(r, place, err)
	}
	return len(left)
}

// deadLetter gives one record up.
func (f *inFlight) deadLetter(r Record, place catalog.Place, err error) {
	f.ledger.DeadLetter(DeadLetter{Record: r, Place: place, Class: errhandler.Classify(err), Reason: reason(err)})
}

// joined appends to a list, without a copy if the list is empty, as it usually is.
func joined[T any](list, more []T) []T {
	if len(list) == 0 {
		return more
	}
	return append(list, more...)
}

func mustAddUp(ok bool, format string, args ...any) {
	if !ok {
		panic("in flight: " + fmt.Sprintf(format, args...))
	}
}
