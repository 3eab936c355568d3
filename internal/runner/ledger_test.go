package runner

import (
	"fmt"
	"testing"

	"faultflow/internal/errhandler"
	"faultflow/internal/nodes"
	"faultflow/internal/report"
)

// The groups of dead letters are bounded, their counts by place and class are not: an input whose every row has a
// reason of its own must not hide rows from who asks how many there are.
func TestDeadLettersAreCountedBeyondTheirGroups(t *testing.T) {
	whole := newLedger(nil, nil)
	l := whole.cycle()
	const rows = maxGroups + 500
	for i := range rows {
		l.DeadLetter(nodes.DeadLetter{Place: "processor.record", Class: errhandler.Data, Reason: fmt.Sprint("row ", i)})
	}
	l.DeadLetter(nodes.DeadLetter{Place: "delivery", Class: errhandler.Storage, Reason: "full"})
	l.DeadLetter(nodes.DeadLetter{Place: "delivery", Class: errhandler.Network, Reason: "down"})
	doc := whole.close()
	if len(doc.DeadLetters) != report.MaxDeadLetters || len(doc.DeadByPlace) != 3 {
		t.Fatalf("%d groups, by place %+v", len(doc.DeadLetters), doc.DeadByPlace)
	}
	for _, want := range []struct {
		of    report.DeadByPlace
		count int64
	}{
		{report.DeadByPlace{}, rows + 2},
		{report.DeadByPlace{Place: "processor.record"}, rows},
		{report.DeadByPlace{Place: "delivery"}, 2},
		{report.DeadByPlace{Class: errhandler.Network}, 1},
		{report.DeadByPlace{Place: "delivery", Class: errhandler.Data}, 0},
	} {
		if n, known := doc.Dead(want.of.Place, want.of.Class); n != want.count || !known {
			t.Errorf("%q %q: %d, %t, want %d", want.of.Place, want.of.Class, n, known, want.count)
		}
	}
}
