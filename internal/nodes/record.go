package nodes

import (
	"context"
	"math"
	"strconv"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/object"
)

// MaxValue is the largest magnitude of a record's value: 2⁵³, up to which every whole number is exact in a float64.
const MaxValue = 1 << 53

// Record is one unit of input. Its fields are kept as they came in; ID and Value are names for two of them.
type Record struct {
	ID string
	// Value is the number to process; NaN means that the record came without one, 0 that nothing asks for it.
	Value     float64
	Timestamp time.Time
	// Source names where the record came from, such as primary_api, a file's base name, cache or fallback.
	Source string
	// Row is the record's ordinal in its input, counted from 1, which no other record of the input has; 0 for default
	// data.
	Row int64
	// Line is the line where it begins in its input, counted from 1, and Offset the byte, counted from 0; for generated
	// records Line is the number. 0 where there is none.
	Line, Offset int64
	// Copy says that the source did not give the record: it is of the cache, or default data.
	Copy bool
	// Fields is what came in: the text of a JSON object, to the byte; of a row of CSV, the object of its fields. "" is
	// an object of ID and Value.
	Fields string
}

// Object is the record's fields as the text of a JSON object.
func (r *Record) Object() string {
	if r.Fields != "" {
		return r.Fields
	}
	b := object.AppendString([]byte(`{"id":`), r.ID)
	return string(append(AppendNumber(append(b, `,"value":`...), r.Value), '}'))
}

// AppendNumber appends f to b as encoding/json prints it; null for what JSON has no number for.
func AppendNumber(b []byte, f float64) []byte {
	abs := math.Abs(f)
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return append(b, "null"...)
	case abs == 0 || abs >= 1e-6 && abs < 1e21:
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	}
	b = strconv.AppendFloat(b, f, 'e', -1, 64)
	if n := len(b); b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' { // 1e-09 is 1e-9
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return b
}

// Validate returns an *RecordError if the record can't be processed, else nil.
func (r *Record) Validate() error {
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
	// Source, Row, Line and Offset are as of a Record.
	Source            string
	Row, Line, Offset int64
	// Reason is one line for people, such as `value "abc" is not a number`.
	Reason string
	// Raw is the row, or its beginning if Cut, possibly not valid UTF-8.
	Raw string
	Cut bool
}

// Batch is what one fetch returned.
type Batch struct {
	Records  []Record
	Rejected []Rejected
	// Short says that fewer rows than asked for are no fault of the source: no more were there yet, or they are large.
	Short bool
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
	// Mode tells how the record was processed; "" if it was not.
	Mode catalog.Mode
	// ProcessedValue is 2 × Value (docs/original.md); Value itself in fallback mode; NaN where nothing is doubled.
	ProcessedValue float64
	// Quality is in [0.7, 1.0) for processed records and 0 for those passed through unprocessed; NaN as above.
	Quality float64
	// Added is the member that an expression puts beside the record's own; without a name there is none.
	Added Member
}

// Member is a member of a JSON object: its name, and the text of its value.
type Member struct{ Name, Value string }

// AppendJSON appends the record as it goes out, a JSON object: what came in, to the byte, with what processing added
// beside it, and the further members given.
func (p *Processed) AppendJSON(b []byte, more ...Member) []byte {
	whole := p.Object()
	b = object.Begin(b, whole)
	if p.Mode != "" {
		if !math.IsNaN(p.ProcessedValue) {
			b = AppendNumber(object.AppendKey(b, whole, "processed_value"), p.ProcessedValue)
		}
		if !math.IsNaN(p.Quality) {
			b = AppendNumber(object.AppendKey(b, whole, "quality"), p.Quality)
		}
		if p.Mode != catalog.ModeNormal || !math.IsNaN(p.ProcessedValue) {
			b = object.AppendString(object.AppendKey(b, whole, "mode"), string(p.Mode))
		}
	}
	if p.Added.Name != "" {
		b = append(object.AppendKey(b, whole, p.Added.Name), p.Added.Value...)
	}
	for _, m := range more {
		b = append(object.AppendKey(b, whole, m.Name), m.Value...)
	}
	return append(b, '}')
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
	// Deliver hands over the records in order and returns how many were settled, that is accepted, or refused for good,
	// of which a *RefusedError tells; like io.Writer, it must return an error if that is not all of them.
	Deliver(ctx context.Context, d Delivery) (accepted int, err error)
}

// Spool is the emergency file: it takes what no channel took. When Write returns an error it has kept nothing of d.
type Spool interface {
	Write(ctx context.Context, d Delivery) error
}

// DeadLetter is a record that was given up, and why.
type DeadLetter struct {
	// Record is zero but for its place in the input where the row could not be read. Raw is the row then, or its
	// beginning if Cut.
	Record Record
	Raw    string
	Cut    bool
	// Place is the injection point or node that gave the record up, such as processor.record.
	Place  catalog.Place
	Class  errhandler.Class
	Reason string
}
