package nodes_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/channel"
	"faultflow/internal/nodes"
	"faultflow/internal/workflow"
)

type reply = func(context.Context, nodes.Delivery) (int, error)

// always repeats an answer.
func always(r reply) []reply { return slices.Repeat([]reply{r}, 100) }

// trio are three scripted channels named a, b and c; the last one does not recognise keys.
func trio(a, b, c []reply) (channels []nodes.Channel, list []*scripted) {
	list = []*scripted{
		{name: "a", idempotent: true, answers: a},
		{name: "b", idempotent: true, answers: b},
		{name: "c", answers: c},
	}
	return []nodes.Channel{list[0], list[1], list[2]}, list
}

// keeping is a spool that notes what it keeps, after taking its time. It does not heed its context.
type keeping struct {
	takes time.Duration
	err   error
	kept  []nodes.Delivery
	calls int
}

func (k *keeping) Write(_ context.Context, d nodes.Delivery) error {
	k.calls++
	time.Sleep(k.takes)
	if k.err == nil {
		k.kept = append(k.kept, d)
	}
	return k.err
}

// Delivery goes in passes, as docs/original.md says: the first one tries every healthy channel in order; a channel that
// failed is skipped; when none is healthy only the last one is tried; then comes the emergency spool.
func TestDeliveryPasses(t *testing.T) {
	no := always(refuse)
	tests := []struct {
		name    string
		a, b, c []reply
		want    string // the channels in the order in which they were called, pass by pass
		by      string // who took the batch
	}{
		{"all well", nil, nil, nil, "a", "a"},
		{"a fails", no, nil, nil, "a b", "b"},
		{"a and b fail", no, no, nil, "a b c", "c"},
		{"all fail", no, no, no, "a b c | c | c", "spool"},
		{"c recovers in pass 2", no, no, []reply{refuse}, "a b c | c", "c"},
		{"c recovers in pass 3", no, no, []reply{refuse, refuse}, "a b c | c | c", "c"},
		// a would take it by then, but a channel that failed is left out until its time to recover is over.
		{"a recovers too soon", []reply{refuse}, no, no, "a b c | c | c", "spool"},
	}
	for _, recoveryGraph := range []bool{false, true} {
		for _, test := range tests {
			channels, list := trio(test.a, test.b, test.c)
			spool := &keeping{}
			o := setup{change: func(s *inputs) {
				instant(s, rowsOf(10, 1), channels...)
				s.BatchSize, s.Parts.Spool, s.Graph = 10, spool, graphOf(recoveryGraph)
				s.Delivery.RetryDelay, s.Delivery.Jitter = time.Second, 0.1
			}}.run(t)
			var order []string
			for _, e := range o.events {
				switch {
				case catalog.EventKind(e.Kind) == catalog.ChannelFailed ||
					catalog.EventKind(e.Kind) == catalog.ChannelAccepted:
					order = append(order, strings.TrimPrefix(e.Place, "delivery."))
				case catalog.EventKind(e.Kind) == catalog.Waiting:
					order = append(order, "|")
				}
			}
			c := o.cycles[0]
			if got := strings.Join(order, " "); got != test.want || c.Channel != test.by {
				t.Errorf("%s: %s, taken by %s; want %s, %s", test.name, got, c.Channel, test.want, test.by)
			}
			if calls := len(list[0].got) + len(list[1].got) + len(list[2].got); calls != len(strings.Fields(strings.ReplaceAll(test.want, "|", ""))) {
				t.Errorf("%s: %d calls", test.name, calls)
			}
			if len(spool.kept) != 0 != (test.by == "spool") || len(c.ledger.spooled)+len(c.ledger.delivered) != 10 {
				t.Errorf("%s: spooled %d times", test.name, len(spool.kept))
			}
			wantVerdict, wantStatus, wantAction := catalog.Success, catalog.Delivered, "success"
			if test.by == "spool" {
				wantVerdict, wantStatus, wantAction = catalog.Degraded, catalog.DeliveredToSpool, "delivery_failed"
			}
			if c.verdict != wantVerdict || c.Status != wantStatus || o.action(1, "delivery") != wantAction {
				t.Errorf("%s: verdict %s, status %s, action %s",
					test.name, c.verdict, c.Status, o.action(1, "delivery"))
			}
			if got := slices.Contains(c.codes(), "failed_over"); got != (test.by == "b" || test.by == "c") {
				t.Errorf("%s: findings %v", test.name, c.codes())
			}
		}
	}
}

// The waits between passes are docs/original.md's second, backed off.
func TestDeliveryWaits(t *testing.T) {
	o := setup{faults: faults(t, "delivery.primary=disk_full", "delivery.secondary=disk_full", "delivery.backup=disk_full")}.run(t)
	var waits []time.Duration
	for _, e := range o.find(catalog.Waiting) {
		waits = append(waits, e.Wait)
	}
	if len(waits) != 2 || waits[0] < 900*time.Millisecond || waits[0] > 1100*time.Millisecond ||
		waits[1] < 1800*time.Millisecond || waits[1] > 2200*time.Millisecond {
		t.Errorf("waits %v, want about 1 s and 2 s", waits)
	}
}

// The event of a pass tells why its channels failed: each reason once, in one line, without the attempts around it.
func TestPassTellsWhyChannelsFailed(t *testing.T) {
	o := setup{faults: faults(t, "delivery.primary=http_503", "delivery.secondary=locked", "delivery.backup=http_503")}.run(t)
	var details []string
	for _, e := range o.find(catalog.AttemptFailed) {
		if e.Place == string(catalog.Delivery) {
			details = append(details, e.Detail)
		}
	}
	const all, backup = "HTTP 503 Service Unavailable; lock delivery.secondary: resource temporarily unavailable", "HTTP 503 Service Unavailable"
	if want := []string{all, backup, backup}; !slices.Equal(details, want) {
		t.Errorf("passes failed with %q, want %q", details, want)
	}
}

// A channel that failed is left out until its time is over, to the nanosecond, and then as healthy as before.
func TestChannelRecovers(t *testing.T) {
	for _, test := range []struct {
		pause time.Duration
		want  int // calls to a in the second cycle
	}{{30*time.Second - 1, 0}, {30 * time.Second, 1}, {time.Hour, 1}} {
		channels, list := trio([]reply{refuse}, nil, nil)
		o := setup{cycles: 2, interval: test.pause, change: func(s *inputs) {
			instant(s, rowsOf(5, 2), channels...)
			s.BatchSize, s.ChannelRecover = 5, 30*time.Second
		}}.run(t)
		if got := len(list[0].got) - 1; got != test.want {
			t.Errorf("%v after it failed: %d calls, want %d", test.pause, got, test.want)
		}
		a := o.channel("a")
		wantHealth, wantSkipped := catalog.Healthy, 0
		if test.want == 0 {
			wantHealth, wantSkipped = catalog.DegradedHealth, 1
		}
		if a.Health != wantHealth || a.Skipped != wantSkipped || len(o.find(catalog.ChannelSkipped)) != wantSkipped {
			t.Errorf("%v after it failed: %+v", test.pause, a)
		}
		var changes []string
		for _, e := range o.find(catalog.ChannelChanged) {
			changes = append(changes, fmt.Sprintf("%s %s → %s in cycle %d", e.Place, e.From, e.To, e.Cycle))
		}
		wantChanges := []string{"delivery.a healthy → degraded in cycle 1"}
		if test.want == 1 {
			wantChanges = append(wantChanges, "delivery.a degraded → healthy in cycle 2")
		}
		if !slices.Equal(changes, wantChanges) {
			t.Errorf("%v after it failed: %q", test.pause, changes)
		}
		if tried := o.find(catalog.ChannelTried); len(tried) != len(list[0].got)+len(list[1].got) {
			t.Errorf("%v after it failed: channels tried in %+v", test.pause, tried)
		}
	}
}

// The last channel is a last resort only while none is healthy: as soon as another one is, it is skipped like any
// other.
func TestLastResortIsTheLast(t *testing.T) {
	channels, list := trio([]reply{refuse}, []reply{refuse}, always(refuse))
	// c fails for the last time 3 s after a and b, so that 30 s after these it is the only one that is not healthy
	// again.
	o := setup{cycles: 2, interval: 27*time.Second + time.Second/2, change: func(s *inputs) {
		instant(s, rowsOf(5, 2), channels...)
		s.BatchSize, s.ChannelRecover, s.Delivery.RetryDelay = 5, 30*time.Second, time.Second
	}}.run(t)
	if got := o.cycles[1].Channel; got != "a" || len(list[2].got) != 3 || o.channel("c").Skipped != 1 {
		t.Errorf("%s took the batch, c was called %d times, %+v", got, len(list[2].got), o.channel("c"))
	}
}

// A channel is degraded once it failed, down after three failures in a row, and healthy with one success.
func TestChannelHealth(t *testing.T) {
	ok := take(5, nil)
	tests := []struct {
		answers []reply // one for each cycle, far enough apart for the channel to be tried again
		want    catalog.Health
	}{
		{[]reply{ok}, catalog.Healthy}, {[]reply{refuse}, catalog.DegradedHealth},
		{[]reply{refuse, refuse}, catalog.DegradedHealth},
		{[]reply{refuse, refuse, refuse}, catalog.Down}, {[]reply{refuse, refuse, refuse, refuse}, catalog.Down},
		{[]reply{refuse, refuse, refuse, ok}, catalog.Healthy},
		{[]reply{refuse, refuse, ok, refuse}, catalog.DegradedHealth},
		{[]reply{refuse, refuse, take(4, errRefused)}, catalog.Down}, // a part is no success
	}
	for i, test := range tests {
		channels, list := trio(test.answers, nil, nil)
		o := setup{cycles: len(test.answers), interval: time.Minute, change: func(s *inputs) {
			instant(s, rowsOf(5, len(test.answers)), channels...)
			s.BatchSize = 5
		}}.run(t)
		if got := o.channel("a").Health; got != test.want || len(list[0].got) != len(test.answers) {
			t.Errorf("answers %d: %s after %d calls, want %s", i, got, len(list[0].got), test.want)
		}
	}
	// The last resort fails three times in one cycle.
	o := setup{change: func(s *inputs) {
		instant(s, rowsOf(5, 1), &scripted{name: "only", answers: always(refuse)})
	}}.run(t)
	if got := o.channel("only").Health; got != catalog.Down {
		t.Errorf("after three failures in one cycle: %s", got)
	}
}

// A batch that a channel took in part goes on with the rest, under a key of its own; no record is sent to two channels.
func TestPartialAcceptance(t *testing.T) {
	tests := []struct {
		name    string
		a, b, c []reply
		want    string
		status  catalog.DeliveryStatus
	}{
		{"with an error", []reply{take(4, errRefused)}, nil, nil, "a run/1/0 10, b run/1/4 6", catalog.Delivered},
		{"without an error", []reply{take(4, nil)}, nil, nil, "a run/1/0 10, b run/1/4 6", catalog.Delivered},
		{"all, and an error", []reply{take(10, errRefused)}, nil, nil, "a run/1/0 10", catalog.Delivered},
		{"more than there were", []reply{take(99, nil)}, nil, nil, "a run/1/0 10", catalog.Delivered},
		{"less than nothing", []reply{take(-3, nil)}, nil, nil, "a run/1/0 10, b run/1/0 10", catalog.Delivered},
		{
			"one after the other",
			[]reply{take(1, errRefused)},
			[]reply{take(2, errRefused)},
			[]reply{take(3, errRefused)},
			"a run/1/0 10, b run/1/1 9, c run/1/3 7, c run/1/6 4",
			catalog.Delivered,
		},
		{"and never the rest", []reply{take(1, errRefused)}, always(refuse), always(refuse),
			"a run/1/0 10, b run/1/1 9, c run/1/1 9, c run/1/1 9, c run/1/1 9", catalog.PartlyDelivered},
	}
	for _, test := range tests {
		channels, list := trio(test.a, test.b, test.c)
		spool := &keeping{}
		o := setup{change: func(s *inputs) {
			instant(s, rowsOf(10, 1), channels...)
			s.BatchSize, s.Parts.Spool = 10, spool
		}}.run(t)
		var got []string
		for _, c := range list {
			for _, d := range c.got {
				got = append(got, fmt.Sprintf("%s %s %d", c.name, d.Key, len(d.Records)))
			}
		}
		if strings.Join(got, ", ") != test.want || o.cycles[0].Status != test.status {
			t.Errorf("%s: %s, %s; want %s, %s",
				test.name, strings.Join(got, ", "), o.cycles[0].Status, test.want, test.status)
		}
		// Who did not take all has failed, even if it did not say so; who took all has not, whatever it said.
		wantFailed := boolToInt(len(list[1].got) > 0)
		if a := o.channel("a"); a.Failed != wantFailed || (a.Health == catalog.Healthy) != (wantFailed == 0) {
			t.Errorf("%s: a is %+v", test.name, a)
		}
		if test.status == catalog.PartlyDelivered &&
			(len(spool.kept) != 1 || spool.kept[0].Key != "run/1/1" ||
				!slices.Equal(lines(spool.kept[0].Records), upTo(2, 10))) {
			t.Errorf("%s: spooled %+v", test.name, spool.kept)
		}
	}
}

// The events of a delivery say as data how many records a channel or the spool took: reports and timelines read no
// prose.
func TestDeliveryEventsCountRecords(t *testing.T) {
	channels, _ := trio([]reply{take(4, errRefused)}, []reply{take(1, errRefused)}, always(refuse))
	o := setup{change: func(s *inputs) {
		instant(s, rowsOf(10, 1), channels...)
		s.BatchSize = 10
	}}.run(t)
	var got []string
	for _, e := range o.events {
		switch catalog.EventKind(e.Kind) {
		case catalog.ChannelAccepted, catalog.Spooled:
			got = append(got, fmt.Sprintf("%s %s %d %q", e.Place, e.Kind, e.Count, e.Detail))
		}
	}
	want := []string{
		`delivery.a channel_accepted 4 ""`, `delivery.b channel_accepted 1 ""`, `delivery.spool spooled 5 ""`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("events %q\nwant %q", got, want)
	}
}

// Keys are never used again for other records: not in the next cycle, not for the rest of a batch.
func TestIdempotencyKeysAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range []string{"partial_write", "ack_lost", "partial"} {
		o := setup{cycles: 4, interval: time.Minute, faults: faults(t,
			"delivery.primary="+name+",p=0.6", "delivery.secondary="+name+",p=0.6",
			"delivery.backup="+name+",p=0.6")}.run(t)
		clear(seen)
		for _, c := range o.cycles {
			for _, key := range c.ledger.keys { // the ledger checks that each says where in its batch it begins
				if seen[key] || !strings.HasPrefix(key, fmt.Sprintf("run/%d/", c.Cycle)) {
					t.Errorf("%s: key %s in cycle %d", name, key, c.Cycle)
				}
				seen[key] = true
			}
		}
	}
}

// Records that are sent again after a failure that leaves open whether they arrived count as possible duplicates,
// unless the channel recognises the key. A failure that is certain makes none.
func TestPossibleDuplicates(t *testing.T) {
	reset := &net.OpError{Op: "read", Err: syscall.ECONNRESET}
	tests := []struct {
		name      string
		fail      reply
		uncertain bool
	}{
		{"acknowledgement lost", take(0, &nodes.AckError{Err: io.ErrUnexpectedEOF}), true},
		{"connection reset", take(0, reset), true},
		{"answer cut off", take(0, io.ErrUnexpectedEOF), true},
		{"timeout", hang, true},
		{"panic", func(context.Context, nodes.Delivery) (int, error) { panic("channel") }, true},
		{"HTTP 500", take(0, &nodes.StatusError{Code: 500}), true},
		{"HTTP 503", take(0, &nodes.StatusError{Code: 503}), false},
		{"HTTP 429", take(0, &nodes.StatusError{Code: 429}), false},
		{"connection refused", take(0, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), false},
		{"disk full", take(0, &fs.PathError{Op: "write", Path: "f", Err: syscall.ENOSPC}), false},
		{"pool exhausted", take(0, nodes.ErrPoolExhausted), false},
	}
	for _, test := range tests {
		for _, idempotent := range []bool{true, false} {
			// To itself again, as the only channel.
			only := &scripted{name: "only", idempotent: idempotent, answers: []reply{test.fail}}
			o := setup{change: func(s *inputs) { instant(s, rowsOf(7, 1), only); s.BatchSize = 7 }}.run(t)
			wantPossible, wantRecognised := 0, int64(0)
			switch {
			case test.uncertain && idempotent:
				wantRecognised = 7
			case test.uncertain:
				wantPossible = 7
			}
			if got := o.cycles[0].Outcome.PossibleDuplicates; got != wantPossible ||
				o.channel("only").Recognised != wantRecognised {
				t.Errorf("%s, recognises keys %v: %d possible, %d recognised; want %d, %d",
					test.name, idempotent, got, o.channel("only").Recognised, wantPossible, wantRecognised)
			}
			if slices.Contains(o.cycles[0].codes(), "possible_duplicates") != (wantPossible > 0) {
				t.Errorf("%s: findings %v", test.name, o.cycles[0].codes())
			}
			// To another channel, and to the spool: no key helps there.
			want := 0
			if test.uncertain {
				want = 7
			}
			first := &scripted{name: "first", idempotent: idempotent, answers: []reply{test.fail}}
			o = setup{change: func(s *inputs) {
				instant(s, rowsOf(7, 1), first, &scripted{name: "second", idempotent: true})
				s.BatchSize = 7
			}}.run(t)
			if got := o.cycles[0].Outcome.PossibleDuplicates; got != want {
				t.Errorf("%s, then another channel: %d possible duplicates, want %d", test.name, got, want)
			}
			only = &scripted{name: "only", idempotent: idempotent, answers: always(test.fail)}
			o = setup{change: func(s *inputs) { instant(s, rowsOf(7, 1), only); s.BatchSize = 7 }}.run(t)
			if got := o.cycles[0].Outcome; got.PossibleDuplicates != want || got.Spooled != 7 {
				t.Errorf("%s, then the spool: %+v, want %d possible duplicates", test.name, got, want)
			}
		}
	}
}

// A channel recognises only the key under which it may have taken the records. Once the batch goes on under another
// key, it can't tell.
func TestOnlyTheSameKeyIsRecognised(t *testing.T) {
	ackLost := take(0, &nodes.AckError{Err: io.ErrUnexpectedEOF})
	for _, test := range []struct {
		name                 string
		answers              []reply
		possible, recognised int
	}{
		{"the whole", []reply{ackLost}, 0, 10},
		{"the whole, twice", []reply{ackLost, ackLost}, 0, 10},
		{"a part, then the rest", []reply{ackLost, take(4, errRefused)}, 6, 4},
		{"a part, then the rest, uncertainly again", []reply{ackLost, take(4, errRefused), ackLost}, 6, 4},
		{"a part before", []reply{take(4, errRefused), ackLost}, 0, 6},
		// It said how many it took, so nothing is uncertain about the rest.
		{"a part, uncertainly", []reply{take(4, &nodes.AckError{Err: io.ErrUnexpectedEOF})}, 0, 0},
		// But where it says so.
		{"a part, and maybe the rest",
			[]reply{take(4, &nodes.RestError{Err: io.ErrUnexpectedEOF}), take(3, errRefused)}, 3, 3},
	} {
		only := &scripted{name: "only", idempotent: true, answers: test.answers}
		o := setup{change: func(s *inputs) {
			instant(s, rowsOf(10, 1), only)
			s.BatchSize, s.Delivery.Attempts = 10, 4
		}}.run(t)
		if got := o.cycles[0].Outcome; got.PossibleDuplicates != test.possible ||
			o.channel("only").Recognised != int64(test.recognised) || got.Delivered != 10 {
			t.Errorf("%s: %d possible, %d recognised, %d delivered; want %d, %d, 10", test.name, got.PossibleDuplicates,
				o.channel("only").Recognised, got.Delivered, test.possible, test.recognised)
		}
	}
}

// When the acknowledgement is lost the simulated channels have the records once where they recognise keys; backup,
// which can't, has them as often as they were sent.
func TestSimulatedChannelsAndLostAcknowledgements(t *testing.T) {
	for name, stored := range map[string]int64{"primary": 30, "backup": 90} {
		o := setup{faults: faults(t, "delivery."+name+"=ack_lost,first=2"), change: func(s *inputs) {
			s.Parts.Channels = slices.DeleteFunc(s.Parts.Channels, func(c nodes.Channel) bool {
				return c.Name() != name
			})
		}}.run(t)
		c := o.cycles[0]
		if got := o.channels[name].Stored(); got != stored || len(c.ledger.delivered) != 30 {
			t.Errorf("%s has %d records, %d were delivered; want %d, 30", name, got, len(c.ledger.delivered), stored)
		}
		if wantPossible := 30 * boolToInt(name == "backup"); c.Outcome.PossibleDuplicates != wantPossible {
			t.Errorf("%s: %d possible duplicates, want %d", name, c.Outcome.PossibleDuplicates, wantPossible)
		}
	}
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A slow channel that is cut off has the records, but no one knows: they are sent again elsewhere as possible
// duplicates.
func TestSlowChannelIsCutOff(t *testing.T) {
	o := setup{faults: faults(t, "delivery.primary=slow,by=1h")}.run(t)
	c := o.cycles[0]
	if c.Channel != "secondary" || c.Outcome.PossibleDuplicates != 30 || o.channel("primary").Failed != 1 {
		t.Errorf("taken by %s, %d possible duplicates, primary %+v",
			c.Channel, c.Outcome.PossibleDuplicates, o.channel("primary"))
	}
	if failed := o.find(catalog.ChannelFailed); len(failed) != 1 || failed[0].Class != "network" ||
		failed[0].Detail != "timeout after 5s" {
		t.Errorf("events %v", failed)
	}
}

// What the emergency spool does decides between degraded and failed; in both graphs.
func TestEmergencySpool(t *testing.T) {
	full := &fs.PathError{Op: "write", Path: "emergency", Err: syscall.ENOSPC}
	tests := []struct {
		name   string
		spool  nodes.Spool
		kept   int
		reason string // of the dead letters
	}{
		{"keeps", &keeping{}, 10, ""},
		{"fails", &keeping{err: full}, 0, "storage: write emergency: no space left on device"},
		{"fails for reasons of its own", &keeping{err: errors.New("odd")}, 0, "storage: odd"},
		{"is off", nil, 0, "storage: no channel took it and the emergency spool is off"},
		// It heeds no limit, and keeps the records after all: they must not become dead letters as well.
		{"keeps late", &keeping{takes: time.Minute}, 10, ""},
		{"fails late", &keeping{takes: time.Minute, err: full},
			0, "storage: timeout after 5s: write emergency: no space left on device"},
	}
	for _, recoveryGraph := range []bool{false, true} {
		for _, test := range tests {
			channels, _ := trio(always(refuse), always(refuse), always(refuse))
			if k, ok := test.spool.(*keeping); ok {
				test.spool = &keeping{takes: k.takes, err: k.err}
			}
			o := setup{change: func(s *inputs) {
				instant(s, rowsOf(10, 1), channels...)
				s.BatchSize, s.Parts.Spool, s.Graph = 10, test.spool, graphOf(recoveryGraph)
			}}.run(t)
			c := o.cycles[0]
			if len(c.ledger.spooled) != test.kept || c.Outcome.Undelivered != 10-test.kept {
				t.Errorf("%s: %d spooled, outcome %+v", test.name, len(c.ledger.spooled), c.Outcome)
			}
			wantVerdict, wantStatus, wantFinding := catalog.Degraded, catalog.DeliveredToSpool, catalog.SpoolUsed
			if test.kept == 0 {
				wantVerdict, wantStatus, wantFinding = catalog.Failed, catalog.DeliveryFailed, catalog.Undelivered
				if got := c.ledger.deadBy(); len(got) != 1 || got["delivery.spool "+test.reason] != 10 {
					t.Errorf("%s: dead letters %v, want %s", test.name, got, test.reason)
				}
			}
			if c.verdict != wantVerdict || c.Status != wantStatus || !slices.Contains(c.codes(), wantFinding) {
				t.Errorf("%s: verdict %s, status %s, findings %v", test.name, c.verdict, c.Status, c.codes())
			}
			if k, ok := test.spool.(*keeping); ok && k.calls != 1 {
				t.Errorf("%s: written %d times", test.name, k.calls)
			}
			// In the recovery graph it is the alternate delivery node that spools.
			i := slices.IndexFunc(o.events, func(e workflow.Event) bool {
				return catalog.EventKind(e.Kind) == catalog.Spooled || catalog.EventKind(e.Kind) == catalog.SpoolFailed
			})
			j := slices.IndexFunc(o.events, func(e workflow.Event) bool {
				return e.Kind == workflow.NodeStarted && e.Node == string(catalog.AlternateDelivery)
			})
			if (j >= 0) != recoveryGraph || j > i {
				t.Errorf("%s: spooled at event %d, alternate delivery began at %d", test.name, i, j)
			}
			if failed := len(o.find(catalog.SpoolFailed)); failed != boolToInt(test.kept == 0) ||
				len(o.find(catalog.Spooled)) != boolToInt(test.kept > 0) {
				t.Errorf("%s: %d spool failures told", test.name, failed)
			}
		}
	}
}

// An open breaker of one channel does not end the passes over the others.
func TestOpenBreakerOfOneChannel(t *testing.T) {
	// Cycles 1 and 2 open a's breaker. In cycle 3 it rejects, b fails, and c takes the batch in the second pass.
	channels, list := trio(always(refuse), []reply{take(5, nil), take(5, nil), refuse}, []reply{refuse})
	o := setup{cycles: 3, interval: time.Minute, change: func(s *inputs) {
		instant(s, rowsOf(5, 3), channels...)
		s.BatchSize = 5
		s.Delivery.Breaker, s.Delivery.BreakerFailures, s.Delivery.BreakerOpenFor = true, 2, time.Hour
	}}.run(t)
	if a, c := o.channel("a"), o.cycles[2]; len(list[0].got) != 2 || a.Tried != 2 || a.Failed != 2 || a.Skipped != 2 {
		t.Errorf("a was called %d times, %+v; cycle 3 %+v", len(list[0].got), a, c.Outcome)
	}
	if c := o.cycles[2]; c.Channel != "c" || len(list[2].got) != 2 {
		t.Errorf("c was called %d times, and %s took the batch", len(list[2].got), c.Channel)
	}
}

// When the breakers of all channels that are left reject, waiting helps no one: the batch goes to the spool.
func TestOpenBreakersEndThePasses(t *testing.T) {
	only := &scripted{name: "only", answers: always(refuse)}
	o := setup{change: func(s *inputs) {
		instant(s, rowsOf(5, 1), only)
		s.Delivery.Attempts = 10
		s.Delivery.Breaker, s.Delivery.BreakerFailures, s.Delivery.BreakerOpenFor = true, 1, time.Hour
	}}.run(t)
	if c := o.cycles[0]; len(only.got) != 1 || len(o.find(catalog.Waiting)) != 1 || c.Channel != "spool" {
		t.Errorf("%d calls, %d waits, taken by %s", len(only.got), len(o.find(catalog.Waiting)), c.Channel)
	}
}

// A batch without records is processed and delivered by doing nothing: no attempt, no call.
func TestNothingToDeliver(t *testing.T) {
	only := &scripted{name: "only"}
	o := setup{change: func(s *inputs) { instant(s, &batches{}, only) }}.run(t)
	if c := o.cycles[0]; len(only.got) != 0 || c.Status != catalog.NothingToDeliver || c.verdict != catalog.Success ||
		o.action(1, "delivery") != "success" {
		t.Errorf("%d calls, status %s, verdict %s", len(only.got), c.Status, c.verdict)
	}
	for _, e := range o.find(catalog.AttemptStarted) {
		if e.Node != string(catalog.Collector) {
			t.Errorf("an attempt was made: %v", e)
		}
	}
}

// What the pipeline counts of its channels.
func TestChannelStats(t *testing.T) {
	channels, _ := trio(always(refuse), []reply{take(3, errRefused)}, nil)
	o := setup{cycles: 2, interval: time.Second, change: func(s *inputs) {
		instant(s, rowsOf(5, 2), channels...)
		s.BatchSize = 5
	}}.run(t)
	want := []nodes.ChannelStats{
		{Name: "a", Health: catalog.DegradedHealth, Idempotent: true, Tried: 1, Failed: 1, Skipped: 1,
			LastError: "refused"},
		{Name: "b", Health: catalog.DegradedHealth, Idempotent: true, Tried: 1, Failed: 1, Skipped: 1, Records: 3,
			LastError: "refused"},
		{Name: "c", Health: catalog.Healthy, Tried: 2, Records: 7},
	}
	if got := o.pipeline.Channels(); !slices.Equal(got, want) {
		t.Errorf("channels\n%+v\nwant\n%+v", got, want)
	}
}

// picky refuses records whose value is odd, and settles all others.
type picky struct{ *channel.Simulated }

func (p picky) Deliver(ctx context.Context, d nodes.Delivery) (int, error) {
	var refused []nodes.Refusal
	for i, r := range d.Records {
		if int(r.Value)%2 == 1 {
			refused = append(refused, nodes.Refusal{Index: i, Reason: "odd values are not taken"})
		}
	}
	n, err := p.Simulated.Deliver(ctx, d)
	if err == nil && len(refused) > 0 {
		err = &nodes.RefusedError{Refused: refused}
	}
	return n, err
}

// Records that a channel refuses for good are dead letters with its answer; the others are delivered, nothing is tried
// again, and the channel stays healthy: it answered.
func TestRefusedRecordsAreDeadLetters(t *testing.T) {
	o := setup{change: func(in *inputs) {
		in.Source = &given{records: recordsFrom(1, 6)}
		in.Parts.Channels[0] = picky{channel.NewSimulated("primary", in.Rand, true)}
	}}.run(t)
	c := o.cycles[0]
	if got := lines(c.ledger.delivered); !slices.Equal(got, []int64{2, 4, 6}) {
		t.Errorf("delivered %v", got)
	}
	if got := c.ledger.deadBy(); !maps.Equal(got, map[string]int{"delivery.primary data: odd values are not taken": 3}) {
		t.Errorf("dead letters %v", got)
	}
	stats := o.pipeline.Channels()[0]
	if stats.Tried != 1 || stats.Failed != 0 || stats.Records != 3 || stats.Health != catalog.Healthy ||
		c.verdict != catalog.Degraded || !slices.Contains(c.codes(), "records_refused") ||
		c.Status != catalog.PartlyDelivered {
		t.Errorf("%+v, verdict %s, findings %v, status %s", stats, c.verdict, c.codes(), c.Status)
	}
}
