package nodes

import (
	"errors"
	"fmt"
	"time"

	"faultflow/internal/errhandler"
)

// RecordError says which field of a record is wrong. Its class is Data.
type RecordError struct{ Field, Problem string }

func (e *RecordError) Error() string { return e.Field + " " + e.Problem }

// Class is Data.
func (e *RecordError) Class() errhandler.Class { return errhandler.Data }

// StatusError is an HTTP answer that is no success. Its class is Network.
type StatusError struct {
	Code   int
	Status string
	// Wait is the answer's Retry-After; 0 without one.
	Wait time.Duration
}

func (e *StatusError) Error() string { return fmt.Sprintf("HTTP %d %s", e.Code, e.Status) }

// Class is Network.
func (e *StatusError) Class() errhandler.Class { return errhandler.Network }

// RetryAfter is how long the server asks to wait before the next attempt; 0 where it asks nothing.
func (e *StatusError) RetryAfter() time.Duration { return e.Wait }

// RefusedError says that a channel refuses records of a delivery for good, such as rows that its table can't take. The
// others of those that it settled are delivered. Its class is Data.
type RefusedError struct {
	// Refused are in the order of the delivery, all of them among those that the channel settled.
	Refused []Refusal
	// Rest is why the records behind those were not settled; nil if all were.
	Rest error
}

// Refusal is why the record at an index of a delivery is refused, in one line.
type Refusal struct {
	Index  int
	Reason string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%d records refused, such as: %s", len(e.Refused), e.Refused[0].Reason)
}

// Unwrap returns Rest.
func (e *RefusedError) Unwrap() error { return e.Rest }

// Class is Data.
func (e *RefusedError) Class() errhandler.Class { return errhandler.Data }

// RestError says that the records behind those that a channel settled may have arrived, too. Without it they have not.
type RestError struct{ Err error }

func (e *RestError) Error() string { return e.Err.Error() }

// Unwrap returns what ended the delivery.
func (e *RestError) Unwrap() error { return e.Err }

// AckError says that records were handed over but no acknowledgement came back, so that they may or may not have
// arrived. Its class is Storage.
type AckError struct{ Err error }

func (e *AckError) Error() string { return "no acknowledgement: " + e.Err.Error() }

// Unwrap returns what ended the wait for the acknowledgement.
func (e *AckError) Unwrap() error { return e.Err }

// Class is Storage.
func (e *AckError) Class() errhandler.Class { return errhandler.Storage }

// Errors that sources, processors and channels give. Each knows its class.
var (
	// ErrEmptyBatch is an answer without records that is not the end of the input.
	ErrEmptyBatch = errhandler.As(errhandler.Data, errors.New("empty batch: the source answered without records"))
	// ErrPoolExhausted is a client whose connections are all in use.
	ErrPoolExhausted = errhandler.As(errhandler.Resource, errors.New("connection pool exhausted"))
	// ErrNoHealthyUpstream is a load balancer whose servers are all out of rotation.
	ErrNoHealthyUpstream = errhandler.As(errhandler.Degradation, errors.New("no healthy upstream"))
	// ErrPartial is an answer that covers only a part of what was asked.
	ErrPartial = errhandler.As(errhandler.Degradation, errors.New("partial result"))
)
