package report

import (
	"io"

	"faultflow/internal/catalog"
	"faultflow/internal/settings"
)

// The schemas of the documents that compare settings over the same seeds, and of the check for determinism.
const (
	SweepSchema       = "faultflow.sweep/v2"
	AblationSchema    = "faultflow.ablation/v2"
	DeterminismSchema = "faultflow.determinism/v2"
)

// Sweep compares combinations of settings over the same seeds, so that they differ by their settings alone.
type Sweep struct {
	Schema   string            `json:"schema"`
	Scenario string            `json:"scenario"` // "" for none
	Settings settings.Settings `json:"settings"` // before any was varied
	// BreakerDrawn says that each seed decides if the collector has a breaker, which Settings then do not tell.
	BreakerDrawn bool  `json:"breaker_drawn,omitzero"`
	Seeds        Seeds `json:"seeds"`
	// Names are the settings that were varied, Sort is the measure that the rows are sorted by, best first.
	Names       []string   `json:"names"`
	Sort        string     `json:"sort"`
	Rows        []SweepRow `json:"rows"`
	Interrupted bool       `json:"interrupted"` // rows that were not finished are left out
	// NeverFired are the faults given by hand that hit nothing in any row; absent without one.
	NeverFired []NeverFired `json:"never_fired,omitempty"`
	Hash       string       `json:"hash"`
	Meta       Meta         `json:"meta"`
}

// SweepRow is one combination.
type SweepRow struct {
	// Values are those of Names.
	Values []string `json:"values"`
	// Pareto says that no other row is at least as good in delivered share, duration and calls, and better in one of
	// them.
	Pareto bool `json:"pareto"`
	Measures
}

// Measures are what a campaign comes to in a row.
type Measures struct {
	Runs    int64         `json:"runs"`
	Verdict VerdictShares `json:"verdict"`
	// DeliveredShare is the delivered records of the source, of those that were asked for: runs × cycles, or the passes
	// that a load began, × batch size. CopiesShare is the delivered copies, which are records of the cache and default
	// data, of as many. (In version 1 the former included the latter.)
	DeliveredShare float64 `json:"delivered_share"`
	CopiesShare    float64 `json:"copies_share"`
	// MeanMS and P99MS are how long a run took, absent where runs hang: see AblationRow.
	MeanMS float64 `json:"mean_ms,omitzero"`
	P99MS  float64 `json:"p99_ms,omitzero"`
	// Calls is the calls to all dependencies in a run, absent where runs hang, PerRecord those for each record
	// collected, BeforeOpen those that a run made until a breaker first opened, over the runs in which one did, and
	// absent if none did; all on average.
	Calls      float64 `json:"calls,omitzero"`
	PerRecord  float64 `json:"calls_per_record"`
	BeforeOpen float64 `json:"calls_before_open,omitzero"`
	Violations int64   `json:"violations"`
	// Recovery is whether the runs came back, GoodShare good passes of those offered, AfterMS how long after the last
	// trigger those runs came back that did, on average; absent without a load.
	Recovery  RecoveryShares `json:"recovery,omitzero"`
	GoodShare float64        `json:"good_share,omitzero"`
	AfterMS   float64        `json:"after_ms,omitzero"`
}

// Ablation takes each pattern away in turn, over the same seeds.
type Ablation struct {
	Schema   string            `json:"schema"`
	Scenario string            `json:"scenario"` // "" for none
	Settings settings.Settings `json:"settings"`
	// BreakerDrawn is as in Sweep.
	BreakerDrawn bool  `json:"breaker_drawn,omitzero"`
	Seeds        Seeds `json:"seeds"`
	// Whole is the campaign with all patterns.
	Whole       Measures      `json:"whole"`
	Rows        []AblationRow `json:"rows"`
	Interrupted bool          `json:"interrupted"` // it covers the runs that were made with and without each pattern
	// NeverFired are the faults given by hand that hit nothing with all patterns; absent without one.
	NeverFired []NeverFired `json:"never_fired,omitempty"`
	Hash       string       `json:"hash"`
	Meta       Meta         `json:"meta"`
}

// AblationRow is the same campaign without one pattern. What the pattern is worth is Ablation.Whole's measures against
// these.
type AblationRow struct {
	Pattern string `json:"pattern"`
	// Without are the settings that take it away, Problem says why they can't, in which case there is nothing else.
	Without []string `json:"without"`
	Problem string   `json:"problem"`
	// Needed is in how many runs of the whole the pattern was seen at work.
	Needed int64 `json:"needed"`
	// Hanging is how many runs never end without the pattern: one of their calls hangs, and there is no timeout. They
	// have no verdict, deliver nothing, and have no part in the other measures.
	Hanging int64 `json:"hanging"`
	Measures
	// Worse and Better count the runs that got a worse or a better verdict without the pattern; to hang is worse than
	// any verdict. P is the p-value of the exact paired test that either is as likely (McNemar), Holm the same
	// corrected for the number of rows.
	Worse  int64   `json:"worse"`
	Better int64   `json:"better"`
	P      float64 `json:"p"`
	Holm   float64 `json:"p_holm"`
	// Flips are runs whose verdict changed, the first MaxSeedRuns of them by seed.
	Flips []Flip `json:"flips"`
}

// Flip is a run whose verdict another setting changed.
type Flip struct {
	Seed    uint64          `json:"seed"`
	With    catalog.Verdict `json:"with"`
	Without catalog.Verdict `json:"without"` // "" of a run that hangs
	// Repeat and RepeatWithout are the commands that show both runs.
	Repeat        string `json:"repeat"`
	RepeatWithout string `json:"repeat_without"`
}

// Determinism is whether runs that were made twice, in another order and on another worker, gave the same report.
type Determinism struct {
	Schema   string            `json:"schema"`
	Scenario string            `json:"scenario"` // "" for none
	Settings settings.Settings `json:"settings"`
	// BreakerDrawn is as in Sweep.
	BreakerDrawn bool  `json:"breaker_drawn,omitzero"`
	Seeds        Seeds `json:"seeds"`
	Runs         int64 `json:"runs"`
	// Different counts the runs whose reports differ, List holds the first MaxViolations of them by seed.
	Different   int64        `json:"different"`
	List        []Difference `json:"list"`
	Interrupted bool         `json:"interrupted"`
	// NeverFired are the faults given by hand that hit nothing in any run; absent without one.
	NeverFired []NeverFired `json:"never_fired,omitempty"`
	Hash       string       `json:"hash"`
	Meta       Meta         `json:"meta"`
}

// NeverFired is a fault that was to be put to the test and hit nothing, and how many calls came by it.
type NeverFired struct {
	Fault string `json:"fault"`
	Armed int64  `json:"armed"`
}

// Difference is a run whose two reports have different hashes.
type Difference struct {
	Seed   uint64 `json:"seed"`
	First  string `json:"first"`
	Second string `json:"second"`
	Repeat string `json:"repeat"`
}

func (s *Sweep) head() (schema, hash *string)       { return &s.Schema, &s.Hash }
func (a *Ablation) head() (schema, hash *string)    { return &a.Schema, &a.Hash }
func (d *Determinism) head() (schema, hash *string) { return &d.Schema, &d.Hash }

// WriteSweep seals s and writes it as WriteJSON does a report.
func WriteSweep(w io.Writer, s *Sweep) error { return write(w, s, &s.Hash) }

// WriteAblation seals a and writes it as WriteJSON does a report.
func WriteAblation(w io.Writer, a *Ablation) error { return write(w, a, &a.Hash) }

// WriteDeterminism seals d and writes it as WriteJSON does a report.
func WriteDeterminism(w io.Writer, d *Determinism) error { return write(w, d, &d.Hash) }
