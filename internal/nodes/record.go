package nodes

import (
	"context"
	"math"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
)

// MaxValue is the largest magnitude of a record's value: 2⁵³, up to which every whole number is exact in a float64.
const MaxValue = 1 << 53

// Record is one unit of input.
type Record struct {
	ID string
	// Value is the number to process; NaN means that the record came without one.
	Value     float64
	Timestamp time.Time
	// Source names where the record came from, such as primary_api, a file's base name, cache or fallback.
	Source string
	// Line is the record's line in its input, counted from 1; for generated records its number. 0 for default data.
	Line int64
	// Copy says that the source did not give the record: it is of the cache, or default data.
	Copy bool
}

// Validate returns an *RecordError if the record can't be processed, else nil.
func (r Record) Validate() error {
	switch {
	case r.ID == "":
		return &RecordError{Field: "id", Problem: "is missing"}
	case math.IsNaN(r.Value):
		return &RecordError{Field: "value", Problem: "is missing"}
	case math.Abs(r.Value) > MaxValue:
		return &RecordError{Field: "value", Problem: "is out of range (±2^53)"}
	}
	return nil
}

// Rejected is a row of input that could not become a record.
type Rejected struct {
	Line int64
	// Reason is one line for people, such as `value "abc" is not a number`.
	Reason string
	// Raw is the row's beginning, at most MaxRaw bytes, possibly not valid UTF-8.
	Raw string
}

// MaxRaw bounds Rejected.Raw, so that a hostile row can't fill the memory.
const MaxRaw = 256

// Batch is what one fetch returned.
type Batch struct {
	Records  []Record
	Rejected []Rejected
}

// Len counts the rows of the batch, readable or not.
func (b Batch) Len() int { return len(b.Records) + len(b.Rejected) }

// Source is where records come from. A source is called by one goroutine at a time.
type Source interface {
	// Name appears in reports.
	Name() string
	// Health asks whether the source can be reached; nil means healthy.
	Health(ctx context.Context) error
	// Fetch returns at most n rows. At the end of the input it returns io.EOF with the last rows or after them.
	// A failed fetch consumes nothing: the next one returns the same rows.
	Fetch(ctx context.Context, n int) (Batch, error)
}

// Processed is a record after processing.
type Processed struct {
	Record
	// ProcessedValue is 2 × Value (docs/original.md); Value itself in fallback mode.
	ProcessedValue float64
	// Quality is in [0.7, 1.0) for processed records and 0 for those passed through unprocessed.
	Quality float64
	// Mode tells how the record was processed.
	Mode catalog.Mode
}

// Processor does the work of the processing node. Process is called by several goroutines at once.
type Processor interface {
	// Begin prepares a batch. Its error fails the whole attempt.
	Begin(ctx context.Context, batch []Record) error
	// Process handles one record. Its error fails that record alone.
	Process(ctx context.Context, r Record) (Processed, error)
}

// Delivery is a batch on its way to a channel. Retries and other channels get the same Key.
type Delivery struct {
	// Key is the idempotency key: run, cycle and batch.
	Key     string
	Records []Processed
}

// Channel is where records go. A channel is called by one goroutine at a time.
type Channel interface {
	// Name is unique among the channels of a run.
	Name() string
	// Idempotent says whether the channel recognises a Key it has seen and takes its records only once.
	Idempotent() bool
	// Deliver hands over the records in order and returns how many were accepted; like io.Writer, it must return an
	// error if that is not all of them.
	Deliver(ctx context.Context, d Delivery) (accepted int, err error)
}

// Spool is the emergency file: it takes what no channel took. When Write returns an error it has kept nothing of d.
type Spool interface {
	Write(ctx context.Context, d Delivery) error
}

// DeadLetter is a record that was given up, and why.
type DeadLetter struct {
	// Record is zero but for Line where the row could not be read.
	Record Record
	Raw    string
	// Place is the injection point or node that gave the record up, such as processor.record.
	Place  catalog.Place
	Class  errhandler.Class
	Reason string
}
