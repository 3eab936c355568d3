package nodes_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"faultflow/internal/errhandler"
	"faultflow/internal/nodes"
)

func TestValidate(t *testing.T) {
	const limit = 1 << 53
	tests := []struct {
		id    string
		value float64
		want  string // "" for a valid record
	}{
		{"a", 1, ""}, {"a", 0, ""}, {"a", -5.25, ""}, {" ", 1, ""},
		{"a", limit, ""}, {"a", -limit, ""},
		{"", 1, "id is missing"}, {"", math.NaN(), "id is missing"},
		{"a", math.NaN(), "value is missing"},
		{"a", limit + 2, "value is out of range (±2^53)"}, {"a", -limit - 2, "value is out of range (±2^53)"},
		{"a", math.Inf(1), "value is out of range (±2^53)"}, {"a", math.Inf(-1), "value is out of range (±2^53)"},
	}
	for _, test := range tests {
		err := (&nodes.Record{ID: test.id, Value: test.value}).Validate()
		if got := fmt.Sprint(err); test.want == "" && err != nil || test.want != "" && got != test.want {
			t.Errorf("id %q, value %v: %v, want %q", test.id, test.value, err, test.want)
		}
		if _, ok := errors.AsType[*nodes.RecordError](err); err != nil &&
			(!ok || errhandler.Classify(err) != errhandler.Data) {
			t.Errorf("id %q, value %v: %T of class %s", test.id, test.value, err, errhandler.Classify(err))
		}
	}
}

// A record's number depends on its id and its row, and nothing else of it.
func TestRecordNumber(t *testing.T) {
	seen := map[uint64]string{}
	for i := range 2000 {
		for line := range int64(5) {
			r := nodes.Record{ID: fmt.Sprint("record_", i), Row: line}
			if other, dup := seen[r.Number()]; dup {
				t.Fatalf("%s, row %d has the number of %s", r.ID, line, other)
			}
			seen[r.Number()] = fmt.Sprint(r.ID, ", row ", line)
			if changed := (nodes.Record{
				ID:        r.ID,
				Row:       line,
				Value:     7,
				Source:    "x",
				Timestamp: time.Now(),
			}); changed.Number() != r.Number() {
				t.Fatalf("the number of %s depends on its other fields", r.ID)
			}
		}
	}
}

// The errors of nodes say what happened, and of what class it is.
func TestErrors(t *testing.T) {
	tests := []struct {
		err   error
		text  string
		class errhandler.Class
	}{
		{&nodes.StatusError{Code: 503, Status: "Service Unavailable"},
			"HTTP 503 Service Unavailable", errhandler.Network},
		{&nodes.AckError{Err: io.ErrUnexpectedEOF}, "no acknowledgement: unexpected EOF", errhandler.Storage},
		{&nodes.RecordError{Field: "id", Problem: "is missing"}, "id is missing", errhandler.Data},
		{nodes.ErrEmptyBatch, "empty batch: the source answered without records", errhandler.Data},
		{nodes.ErrPoolExhausted, "connection pool exhausted", errhandler.Resource},
		{nodes.ErrNoHealthyUpstream, "no healthy upstream", errhandler.Degradation},
		{nodes.ErrPartial, "partial result", errhandler.Degradation},
	}
	for _, test := range tests {
		wrapped := fmt.Errorf("around: %w", test.err)
		if test.err.Error() != test.text || errhandler.Classify(wrapped) != test.class {
			t.Errorf("%q of class %s, want %q of %s", test.err, errhandler.Classify(wrapped), test.text, test.class)
		}
	}
	if !errors.Is(tests[1].err, io.ErrUnexpectedEOF) {
		t.Error("a lost acknowledgement hides its cause")
	}
}

func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := nodes.Pause(t.Context(), 3*time.Second); err != nil || time.Since(began) != 3*time.Second {
			t.Errorf("a pause of 3 s took %v: %v", time.Since(began), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		if err := nodes.Pause(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) ||
			time.Since(began) != time.Second {
			t.Errorf("a pause with a limit of 1 s took %v: %v", time.Since(began), err)
		}
	})
}
