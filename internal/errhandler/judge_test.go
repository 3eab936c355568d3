package errhandler_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
)

// clean is the outcome of a cycle in which nothing went wrong.
func clean() errhandler.Outcome {
	return errhandler.Outcome{
		Origin:    catalog.FromSource,
		Rows:      50,
		Mode:      catalog.ModeNormal,
		In:        50,
		Processed: 50,
		Delivered: 50,
	}
}

func TestJudge(t *testing.T) {
	type outcome = errhandler.Outcome
	tests := []struct {
		name    string
		change  func(*outcome)
		code    catalog.FindingCode // "" for no finding
		verdict catalog.Verdict
		node    catalog.Node
		message string
		// names is what the recommendation must lead to: a flag where a setting decides, else the thing to look at.
		names []string
	}{
		{
			name:    "clean",
			change:  func(*outcome) {},
			verdict: catalog.Success,
		},
		{
			name:    "nothing to collect",
			change:  func(o *outcome) { *o = outcome{Origin: catalog.FromSource} },
			verdict: catalog.Success,
		},
		{
			name:    "unhealthy",
			change:  func(o *outcome) { o.Unhealthy = "HTTP 503" },
			code:    "source_unhealthy",
			verdict: catalog.Success,
			node:    "collector",
			message: "the health check failed: HTTP 503",
			names:   []string{"primary data source"},
		},
		{
			name:    "fresh cache",
			change:  func(o *outcome) { o.Origin, o.CacheAge = catalog.FromFreshCache, 1500*time.Millisecond },
			code:    "fresh_cache",
			verdict: catalog.Degraded,
			node:    "collector",
			message: "cached data was used, 1.5 s old",
			names:   []string{"primary data source", "--collector-attempts", "--cache-ttl"},
		},
		{
			name:    "stale cache",
			change:  func(o *outcome) { o.Origin, o.CacheAge = catalog.FromStaleCache, time.Hour },
			code:    "stale_cache",
			verdict: catalog.Degraded,
			node:    "collector",
			message: "cached data was used, 3600.0 s old",
			names:   []string{"primary data source", "--collector-attempts", "--cache-ttl"},
		},
		{
			name:    "default data",
			change:  func(o *outcome) { o.Origin = catalog.FromDefault },
			code:    "default_data",
			verdict: catalog.Degraded,
			node:    "collector",
			names:   []string{"primary data source", "--collector-attempts"},
		},
		{
			name:    "no data",
			change:  func(o *outcome) { *o = outcome{Origin: catalog.FromNowhere} },
			code:    "no_data",
			verdict: catalog.Failed,
			node:    "collector",
			names:   []string{"primary data source", "--fallback"},
		},
		{
			name:    "partial answer",
			change:  func(o *outcome) { o.Asked = 60 },
			code:    "partial_fetch",
			verdict: catalog.Degraded,
			node:    "collector",
			names:   []string{"primary data source"},
		},
		{
			name:    "bad data",
			change:  func(o *outcome) { o.Unreadable = 11 },
			code:    "bad_data",
			verdict: catalog.Degraded,
			node:    "collector",
			names:   []string{"--id-field", "--value-field", "dead letters"},
		},
		{
			name:    "partial processing",
			change:  func(o *outcome) { o.Mode, o.Processed = "partial", 25 },
			code:    "partial_processing",
			verdict: catalog.Degraded,
			node:    "processor",
			names:   []string{"processing logic", "--processor-attempts", "--processor-retry-delay"},
		},
		{
			name:    "fallback processing",
			change:  func(o *outcome) { o.Mode, o.Processed = "fallback", 10 },
			code:    "fallback_processing",
			verdict: catalog.Degraded,
			node:    "processor",
			names:   []string{"processing logic", "--processor-attempts"},
		},
		{
			name:    "low success",
			change:  func(o *outcome) { o.Processed = 39 },
			code:    "low_success",
			verdict: catalog.Degraded,
			node:    "processor",
			names:   []string{"processing logic", "dead letters", "--processor-timeout", "--bulkhead"},
		},
		{
			name:    "failed over",
			change:  func(o *outcome) { o.FailedOver = true },
			code:    "failed_over",
			verdict: catalog.Success,
			node:    "delivery",
			names:   []string{"channel health"},
		},
		{
			name:    "emergency spool",
			change:  func(o *outcome) { o.Delivered, o.Spooled = 0, 50 },
			code:    "emergency_spool",
			verdict: catalog.Degraded,
			node:    "delivery",
			names:   []string{"channel health", "--channels", "--delivery-attempts"},
		},
		{
			name:    "refused",
			change:  func(o *outcome) { o.Delivered, o.Refused = 49, 1 },
			code:    "records_refused",
			verdict: catalog.Degraded,
			node:    "delivery",
			names:   []string{"dead letters"},
		},
		{
			name:    "undelivered",
			change:  func(o *outcome) { o.Delivered, o.Undelivered = 0, 50 },
			code:    "delivery_failed",
			verdict: catalog.Failed,
			node:    "delivery",
			names:   []string{"channel health", "emergency spool", "dead letters"},
		},
		{
			name:    "abandoned",
			change:  func(o *outcome) { o.Abandoned = 50 },
			code:    "abandoned",
			verdict: catalog.Failed,
			node:    "errorhandler",
			names:   []string{"node's error", "--recovery"},
		},
		{
			name:    "possible duplicates",
			change:  func(o *outcome) { o.PossibleDuplicates = 1 },
			code:    "possible_duplicates",
			verdict: catalog.Success,
			node:    "delivery",
			names:   []string{"idempotency keys", "--delivery-timeout"},
		},
		{
			name:    "node error",
			change:  func(o *outcome) { o.Errors = []error{errors.New("delivery post: boom")} },
			code:    "node_error",
			verdict: catalog.Degraded,
			node:    "errorhandler",
			message: "a node ended with an error: delivery post: boom",
			names:   []string{"node and phase", "dead letters"},
		},
		{
			name:    "cancelled",
			change:  func(o *outcome) { o.Cancelled = true },
			code:    "interrupted",
			verdict: catalog.Degraded,
			node:    "errorhandler",
			names:   []string{"emergency spool"},
		},
		// What an interrupted run did not get to is no fault of the source's or the channels'.
		{
			name:    "cancelled before anything was collected",
			change:  func(o *outcome) { *o = outcome{Origin: catalog.FromNowhere, Cancelled: true} },
			code:    "interrupted",
			verdict: catalog.Degraded,
			node:    "errorhandler",
			names:   []string{"emergency spool"},
		},
		{
			name:    "cancelled before delivery",
			change:  func(o *outcome) { o.Delivered, o.Spooled, o.Cancelled = 0, 50, true },
			code:    "interrupted",
			verdict: catalog.Degraded,
			node:    "errorhandler",
			names:   []string{"emergency spool"},
		},
	}
	covered := map[catalog.FindingCode]bool{}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := clean()
			test.change(&o)
			found := errhandler.Judge(o)
			if got := errhandler.VerdictOf(found); got != test.verdict {
				t.Errorf("verdict %s, want %s", got, test.verdict)
			}
			if test.code == "" {
				if len(found) > 0 {
					t.Errorf("found %+v", found)
				}
				return
			}
			if len(found) != 1 {
				t.Fatalf("found %+v, want %s alone", found, test.code)
			}
			f := found[0]
			covered[f.Code] = true
			fixed := f.Code.Finding()
			if f.Code != test.code || fixed.Verdict != test.verdict || fixed.Node != test.node {
				t.Errorf("got %s, %s, %s; want %s, %s, %s",
					f.Code, fixed.Verdict, fixed.Node, test.code, test.verdict, test.node)
			}
			if f.Message == "" || test.message != "" && f.Message != test.message {
				t.Errorf("message %q, want %q", f.Message, test.message)
			}
			for _, name := range test.names {
				if !strings.Contains(fixed.Advice, name) {
					t.Errorf("advice %q does not name %q", fixed.Advice, name)
				}
			}
		})
	}
	for _, code := range catalog.FindingCodes() {
		if !covered[code] && !slices.Contains(ofRuns, code) {
			t.Errorf("no test for the finding %s", code)
		}
	}
}

// ofRuns are the findings about a run as a whole, which are not Judge's: the runner makes them.
var ofRuns = []catalog.FindingCode{
	catalog.InputUnread,
	catalog.HandlerFailed,
	catalog.RecoveryTestFailed,
	catalog.LedgerUnbalanced,
	catalog.OutputIncomplete,
	catalog.VirtualTimeOver,
	catalog.StayedDown,
	catalog.RecoveryNotWatched,
	catalog.LowGoodput,
}

// TestJudgeTogether: findings come in the order of the pipeline, one for each error.
func TestJudgeTogether(t *testing.T) {
	found := errhandler.Judge(errhandler.Outcome{
		Unhealthy:          "down",
		Origin:             catalog.FromDefault,
		Rows:               10,
		Asked:              50,
		Unreadable:         9,
		Mode:               catalog.ModeFallback,
		In:                 1,
		Processed:          1,
		FailedOver:         true,
		Delivered:          1,
		Spooled:            1,
		Refused:            1,
		Undelivered:        1,
		Abandoned:          1,
		PossibleDuplicates: 1,
		Errors:             []error{errors.New("first"), errors.New("second")},
	})
	want := []catalog.FindingCode{
		"source_unhealthy", "default_data", "partial_fetch", "bad_data", "fallback_processing", "failed_over",
		"emergency_spool",
		"records_refused", "delivery_failed", "abandoned", "possible_duplicates", "node_error", "node_error",
	}
	var got []catalog.FindingCode
	for _, f := range found {
		got = append(got, f.Code)
		if advice := f.Code.Finding().Advice; advice == "" || f.Message == "" {
			t.Errorf("%s: message %q, advice %q", f.Code, f.Message, advice)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if v := errhandler.VerdictOf(found); v != catalog.Failed {
		t.Errorf("verdict %s, want the worst, failed", v)
	}
}

// TestLowSuccess: a batch of which exactly 80 % succeeded is good enough, whatever its size; one record less is not.
func TestLowSuccess(t *testing.T) {
	low := func(o errhandler.Outcome, code catalog.FindingCode) bool {
		return slices.ContainsFunc(errhandler.Judge(o), func(f errhandler.Finding) bool { return f.Code == code })
	}
	for _, n := range []int{5, 10, 30, 35, 50, 105, 1_000, 4_999_995, 1_000_000_000} {
		for _, test := range []struct {
			good int
			low  bool
		}{{n * 4 / 5, false}, {n*4/5 - 1, true}, {0, true}, {n, false}} {
			t.Run(fmt.Sprintf("%d of %d", test.good, n), func(t *testing.T) {
				o := clean()
				o.Rows, o.In, o.Processed, o.Delivered = n, n, test.good, test.good
				if got := low(o, "low_success"); got != test.low {
					t.Errorf("low_success: %v, want %v", got, test.low)
				}
				o = clean()
				o.Rows, o.Unreadable = n, n-test.good
				if got := low(o, "bad_data"); got != test.low {
					t.Errorf("bad_data: %v, want %v", got, test.low)
				}
			})
		}
	}
	// Where a size has no exact 80 %, the next record decides: 2 of 3 are less, 3 of 4 are less, 6 of 7 are not.
	for _, test := range []struct {
		good, of int
		low      bool
	}{{2, 3, true}, {3, 4, true}, {6, 7, false}, {1, 1, false}, {0, 1, true}} {
		o := clean()
		o.In, o.Processed = test.of, test.good
		if got := low(o, "low_success"); got != test.low {
			t.Errorf("%d of %d: low_success: %v, want %v", test.good, test.of, got, test.low)
		}
	}
	// Recovery and default data have findings of their own; that less was processed is no second one. Cached data is a
	// batch like any other.
	for _, test := range []struct {
		mode   catalog.Mode
		origin catalog.Origin
		low    bool
	}{
		{"normal", catalog.FromSource, true}, {"normal", catalog.FromFreshCache, true},
		{"normal", catalog.FromStaleCache, true},
		{"normal", catalog.FromDefault, false}, {"partial", catalog.FromSource, false},
		{"fallback", catalog.FromSource, false},
		{"", catalog.FromSource, false},
	} {
		o := clean()
		o.Mode, o.Origin, o.Processed = test.mode, test.origin, 25
		if got := o.LowSuccess(); got != test.low || low(o, "low_success") != test.low {
			t.Errorf("mode %q of %s: low success %v, want %v", test.mode, test.origin, got, test.low)
		}
	}
}

// A run is as good as the worst of its findings.
func TestVerdictOf(t *testing.T) {
	const s, d, f = catalog.FailedOver, catalog.SpoolUsed, catalog.Undelivered // success, degraded, failed
	for _, test := range []struct {
		codes []catalog.FindingCode
		want  catalog.Verdict
	}{
		{nil, catalog.Success},
		{[]catalog.FindingCode{s}, catalog.Success},
		{[]catalog.FindingCode{s, d}, catalog.Degraded},
		{[]catalog.FindingCode{d, s}, catalog.Degraded},
		{[]catalog.FindingCode{d, f, s}, catalog.Failed},
		{[]catalog.FindingCode{f, d}, catalog.Failed},
	} {
		var found []errhandler.Finding
		for _, code := range test.codes {
			found = append(found, errhandler.Finding{Code: code})
		}
		if got := errhandler.VerdictOf(found); got != test.want {
			t.Errorf("VerdictOf(%v) = %s, want %s", test.codes, got, test.want)
		}
	}
}
