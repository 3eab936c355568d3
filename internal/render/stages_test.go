package render_test

import (
	"strings"
	"testing"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/render/text"
	"faultflow/internal/report"
	"faultflow/internal/reporttest"
)

// Each case changes a plain run in one respect, and names lines that its text has or must not have.
func TestStages(t *testing.T) {
	origins := func(source, cache, nothing int) func(*report.Report) {
		return func(r *report.Report) {
			r.Collection.Origins = map[catalog.Origin]int{
				catalog.FromSource:     source,
				catalog.FromStaleCache: cache,
				catalog.FromNowhere:    nothing,
			}
		}
	}
	for _, c := range []struct {
		name   string
		change func(*report.Report)
		want   string
		not    string
	}{
		{"no workers", func(r *report.Report) { r.Settings.Workers = 0 }, "  batch       50 records\n", "worker"},
		{
			"every breaker",
			func(r *report.Report) {
				r.Settings.Delivery.Breaker, r.Settings.Delivery.BreakerFailures, r.Settings.Delivery.BreakerOpenFor = true, 1, 500*time.Millisecond
				r.Settings.Processor.Breaker, r.Settings.Processor.BreakerFailures, r.Settings.Processor.BreakerOpenFor = true, 2, 90*time.Second
			},
			"  breaker     on · processor: opens after 2 failures in a row, for 1 m 30 s · delivery: opens after 1 failure in a row, for 500 ms\n",
			"",
		},

		{"never asked", origins(0, 0, 0), "  status      ○  nothing was asked for\n", ""},
		{"cache only", origins(0, 1, 0), "  status      ⚠  fallback data\n", ""},
		{"nothing", origins(0, 0, 1), "  status      ❌ nothing collected\n", "fallback data"},
		{"cache in some", origins(2, 3, 0), "  status      ⚠  fallback data in 3 of 5 cycles\n", "nothing collected"},
		{
			"all sorts",
			origins(1, 2, 3),
			"  status      ❌ nothing collected in 3 of 6 cycles · fallback data in 2 of 6 cycles\n",
			"",
		},
		{"nothing because interrupted", func(r *report.Report) { origins(1, 0, 1)(r); r.Interrupted = true },
			"  status      ⚠  nothing collected in 1 of 2 cycles\n", ""},
		{"unhealthy", func(r *report.Report) { r.Collection.Health, r.Collection.HealthFailures = "refused", 2 },
			"  health      ⚠  refused · 2 failed checks\n", ""},
		{"never checked", func(r *report.Report) { r.Collection.Health = "" }, "", "  health "},
		{
			"breaker that never opened",
			func(r *report.Report) {
				r.Collection.Breaker, r.Breakers = "closed", []report.Breaker{{
					Name:  "collector",
					State: "closed",
					Calls: 1,
				}}
			},
			"  breaker     closed\n",
			"Circuit breakers",
		},
		{
			"rejections without transitions",
			func(r *report.Report) { r.Breakers = []report.Breaker{{Name: "other", State: "open", Rejected: 1}} },
			"  ⚠  other — open at the end · 0 calls · 1 rejected without a call\n\nLedger",
			"",
		},

		{
			"nothing came in",
			func(r *report.Report) { r.Processing = report.Processing{} },
			"  status      ○  nothing came in\n  records     0 in → 0 out\n\n",
			"100 %",
		},
		{"nothing came out", func(r *report.Report) { r.Processing.Out, r.Processing.Failed = 0, 50 },
			"  status      ❌ nothing was processed\n", ""},
		{
			"low success",
			func(r *report.Report) { r.Processing.LowSuccess = 1 },
			"  status      ⚠  low success in 1 cycle\n",
			"",
		},
		{"partial", func(r *report.Report) {
			r.Processing.Mode, r.Processing.Modes = "partial", map[catalog.Mode]int{"partial": 1}
		},
			"  status      ⚠  recovered with less\n", ""},
		{"partial and fallback", func(r *report.Report) {
			r.Processing.Modes = map[catalog.Mode]int{"fallback": 1, "partial": 2, "normal": 4}
		},
			"  status      ⚠  recovered with less in 3 of 7 cycles\n", ""},

		{
			"delivered nothing",
			func(r *report.Report) { r.Delivery = report.Delivery{} },
			"  status      ○  nothing to deliver\n",
			"",
		},
		{
			"skipped channel",
			func(r *report.Report) { r.Channels[1] = report.Channel{Name: "second", Health: "down", Skipped: 2} },
			"              ○  second — down · skipped in 2 passes\n",
			"",
		},
		// A green sign says that nothing is to be looked at: not beside a channel that is down, whatever it took.
		{
			"a channel that went down",
			func(r *report.Report) { r.Channels[0].Health, r.Channels[0].Tried, r.Channels[0].Failed = "down", 4, 3 },
			"  channels    ❌ primary — 50 records · 3 of 4 tries failed · down\n",
			"✅ primary",
		},
		{
			"a degraded channel",
			func(r *report.Report) {
				r.Channels[0].Health, r.Channels[0].Tried, r.Channels[0].Failed = "degraded", 4, 1
			},
			"  channels    ⚠  primary — 50 records · 1 of 4 tries failed · degraded\n",
			"✅ primary",
		},
		// Nor beside a ledger that balances since all records are accounted for as lost causes.
		{
			"nothing delivered",
			func(r *report.Report) { r.Ledger.Delivered, r.Ledger.DeadLettered = 0, 50 },
			"  ❌ 50 collected = 0 delivered + 50 dead letters + 0 spooled · balanced ✓\n",
			"✅ 50 collected",
		},
		{
			"all spooled",
			func(r *report.Report) { r.Ledger.Delivered, r.Ledger.Spooled = 0, 50 },
			"  ⚠  50 collected = 0 delivered + 0 dead letters + 50 spooled · balanced ✓\n",
			"✅ 50 collected",
		},
		{
			"unkept",
			func(r *report.Report) { r.Ledger.Unkept = 7 },
			"  ❌ 50 collected = 50 delivered + 0 dead letters + 0 spooled · balanced ✓\n" +
				"     7 records of these could not be written into the output folder\n",
			"✅ 50 collected",
		},
		{
			"nothing collected",
			func(r *report.Report) { r.Ledger.Collected, r.Ledger.Delivered = 0, 0 },
			"  ○  0 collected = 0 delivered + 0 dead letters + 0 spooled · balanced ✓\n",
			"",
		},
		// A node behind one that failed was needed.
		{
			"a node that did not run",
			func(r *report.Report) { r.Nodes[2].Runs = 0 },
			"  ○  did not run: delivery\n",
			"not needed: delivery",
		},
		{
			"hooks by node and name",
			func(r *report.Report) {
				r.Nodes[0].Hooks = map[string]int{"exec_fallback": 3, "before_prep": 4, "after_exec": 4}
				r.Nodes[1].Hooks = map[string]int{"on_error": 1000}
			},
			"collector before_prep 4, after_exec 4, exec_fallback 3; processor on_error 1,000;",
			"hooks of the nodes ran",
		},
		{
			"possible duplicates",
			func(r *report.Report) { r.Delivery.PossibleDuplicates = 3 },
			"  duplicates  3 possible\n",
			"",
		},
		{"avoided duplicates", func(r *report.Report) { r.Delivery.DuplicatesAvoided = 3 },
			"  duplicates  0 possible · 3 avoided by idempotency keys\n", ""},
		{
			"one retry",
			func(r *report.Report) { r.Nodes[2].Attempts, r.Nodes[2].MaxTries = 2, 2 },
			"  attempts    2 · at most 2 each\n",
			"failed",
		},
		{
			"failed without a limit",
			func(r *report.Report) { r.Nodes[2].Failures, r.Nodes[2].MaxTries = 1, 0 },
			"  attempts    1 · 1 failed\n",
			"at most",
		},

		{"no nodes", func(r *report.Report) { r.Nodes = nil }, "", "Attempts"},
		{
			"balanced but lost",
			func(r *report.Report) { r.Ledger.Lost = 1 },
			"0 spooled + 1 lost · does not balance ✗\n",
			"balanced ✓",
		},
		{
			"default data only",
			func(r *report.Report) { r.Ledger.FromSource, r.Ledger.FromDefault = 0, 10 },
			"     of these 10 default data\n",
			"",
		},
		{
			"cycles without a list",
			func(r *report.Report) { r.Cycles = report.Cycles{Count: 2} },
			"Cycles ",
			"verdict  ",
		},
		{
			"cycle without a channel",
			func(r *report.Report) {
				r.Cycles = report.Cycles{
					Count: 2,
					List:  []report.Cycle{{Number: 1, Delivery: "failed"}, {Number: 2, Delivery: "none"}},
				}
			},
			"  1   0 ms  0 ms  failed   0    0\n",
			"more cycle",
		},
		{"summarised without a note", func(r *report.Report) { r.Cycles.Count, r.Timeline.Summarised = 2, true },
			"  the timeline is summarised\n", ""},
		{"load", func(r *report.Report) {
			r.Amplification = []report.Amplification{{Place: "busy", Calls: 3, Units: 2, Factor: 1.5}, {Place: "idle"}}
		}, "  busy            3       2  1.50 ×           0.000\n\n", "idle"},

		{"one finding often", func(r *report.Report) {
			r.Findings = []report.Finding{{Node: "n", Message: "m", Verdict: catalog.Success, Count: 2}}
		}, "  Notices\n  ●  n: m (in 2 cycles)\n", "→ \n"},
		{
			"as many findings as are shown",
			func(r *report.Report) {
				for i := range 8 {
					r.Findings = append(r.Findings, report.Finding{
						Code:    catalog.FindingCode(rune('a' + i)),
						Verdict: catalog.Failed,
					})
				}
			},
			"  Warnings\n",
			"more warning",
		},
		{"no patterns", func(r *report.Report) { r.Patterns = nil }, "", "Patterns"},
		{
			"armed patterns only",
			func(r *report.Report) { r.Patterns = []report.Pattern{{Name: "retry", State: catalog.Armed}} },
			"  ○  in place, without effect: retry\n\n",
			"off:",
		},
		{
			"demonstrated patterns only",
			func(r *report.Report) { r.Patterns = []report.Pattern{{Name: "retry", State: catalog.Demonstrated}} },
			"  ●  retry\n\n",
			"in place",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := reporttest.Success()
			c.change(r)
			got := textOf(t, r, text.Style{Width: 140})
			if !strings.Contains(got, c.want) {
				t.Errorf("%q is missing in\n%s", c.want, got)
			}
			if c.not != "" && strings.Contains(got, c.not) {
				t.Errorf("%q is in\n%s", c.not, got)
			}
		})
	}
}
