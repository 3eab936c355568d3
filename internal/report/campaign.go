package report

import (
	"io"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/settings"
)

// CampaignSchema names the version of a campaign's JSON document.
const CampaignSchema = "faultflow.campaign/v2"

// Campaign is what many runs with the same settings and different seeds came to. But for Meta it depends on settings
// and seeds alone: not on the number of workers, nor on the machines that made parts of it. Shares come with their 95 %
// score interval (Wilson).
type Campaign struct {
	Schema string `json:"schema"`
	// Scenario is the name of the scenario that the settings are from, "" for a campaign of flags alone.
	Scenario string `json:"scenario"`
	// Settings are those of every run. What a failure type draws from each seed is not in them.
	Settings settings.Settings `json:"settings"`
	Seeds    Seeds             `json:"seeds"`
	// Part says which part of the campaign this is; absent from a whole one.
	Part Part `json:"part,omitzero"`
	// Until is the condition at which the campaign was to stop early; absent without one.
	Until Until `json:"until,omitzero"`
	// Runs is how many were made: less than Seeds.Count in a part, or when the campaign stopped early.
	Runs int64 `json:"runs"`
	// Interrupted says that the campaign was cancelled; it covers the runs made until then.
	Interrupted bool `json:"interrupted"`

	Verdict VerdictShares `json:"verdict"`
	// DurationMS is how long a run took on its own clock.
	DurationMS Distribution `json:"duration_ms"`
	Nodes      []NodeLoad   `json:"nodes"`
	// Dependencies are what the nodes call.
	Dependencies []Dependency       `json:"dependencies"`
	Breakers     []CampaignBreaker  `json:"breakers"`
	Ledger       CampaignLedger     `json:"ledger"`
	Errors       CampaignErrors     `json:"errors"`
	Origins      map[string]Tally   `json:"origins"`  // cycles by where their records came from
	Modes        map[string]Tally   `json:"modes"`    // cycles by mode of processing
	Findings     map[string]Tally   `json:"findings"` // cycles by code of the finding
	Patterns     []CampaignPattern  `json:"patterns"`
	Faults       []CampaignFault    `json:"faults"`
	Slowest      []SeedRun          `json:"slowest"` // the runs that took longest, at most MaxSeedRuns
	Worst        []SeedRun          `json:"worst"`   // the worst runs that were no success, at most MaxSeedRuns
	Violations   CampaignViolations `json:"violations"`
	// Expect is what the scenario's expectations came to, in their order; absent without any.
	Expect []CampaignExpectation `json:"expect,omitempty"`
	// Recovery is whether the runs came back; absent without a load.
	Recovery CampaignRecovery `json:"recovery,omitzero"`
	// Hash is the SHA-256 of the document without hash and meta, in hex.
	Hash string `json:"hash"`
	Meta Meta   `json:"meta"`
}

// Bounds of a campaign's lists.
const (
	MaxSeedRuns   = 10
	MaxViolations = 100
)

// Seeds are Count seeds from First on. Behind the largest possible seed comes 0.
type Seeds struct {
	First uint64 `json:"first"`
	Count int64  `json:"count"`
}

// Last returns the last of at least one seed.
func (s Seeds) Last() uint64 { return (s.First + uint64(max(s.Count-1, 0))) % (settings.MaxSeed + 1) }

// Part is the Index-th (from 1) of so many parts. The zero Part is the whole.
type Part struct {
	Index int `json:"index"`
	Of    int `json:"of"`
}

// Until is a condition that ends a campaign, and whether it did.
type Until struct {
	Condition string `json:"condition"`
	Reached   bool   `json:"reached"`
}

// Share is how many of something, as a share, and its 95 % interval.
type Share struct {
	Count int64   `json:"count"`
	Of    int64   `json:"of"`
	Share float64 `json:"share"` // 0 of nothing
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Tally is how often something happened, and in how many runs.
type Tally struct {
	Count int64 `json:"count"`
	Runs  Share `json:"runs"`
}

// VerdictShares are the shares of the runs by verdict.
type VerdictShares struct {
	Success  Share `json:"success"`
	Degraded Share `json:"degraded"`
	Failed   Share `json:"failed"`
}

// CampaignRecovery is what the load of the runs came to, and whether they came back.
type CampaignRecovery struct {
	// Offered are the passes that the load began, Ended and Good those of them that ended and that were good, in all
	// runs. GoodShare is good / offered; it has no interval, because the passes of one run share its fate.
	Offered   int64   `json:"offered"`
	Ended     int64   `json:"ended"`
	Good      int64   `json:"good"`
	GoodShare float64 `json:"good_share"`
	RecoveryShares
	// AfterMS is how long after the last trigger a run came back, over the runs that did.
	AfterMS Distribution `json:"after_ms"`
}

// RecoveryShares are the shares of the runs by whether they came back. All are of nothing without a load.
type RecoveryShares struct {
	NeverFell  Share `json:"never_fell"`
	CameBack   Share `json:"came_back"`
	StaysDown  Share `json:"stays_down"`
	NotWatched Share `json:"not_watched_long_enough"`
	NotJudged  Share `json:"not_judged"`
}

// IsZero reports whether the shares are of nothing.
func (r RecoveryShares) IsZero() bool { return r.NotJudged.Of == 0 }

// IsZero reports whether the runs had no load.
func (r CampaignRecovery) IsZero() bool { return r.Offered == 0 }

// ProvesNothing reports whether no run was watched long enough to see whether it comes back.
func (r *CampaignRecovery) ProvesNothing() bool {
	return r.NotWatched.Count > 0 && r.NeverFell.Count+r.CameBack.Count+r.StaysDown.Count == 0
}

// Of is the share of the runs in a state.
func (r *RecoveryShares) Of(state catalog.RecoveryState) *Share {
	switch state {
	case catalog.NeverFell:
		return &r.NeverFell
	case catalog.CameBack:
		return &r.CameBack
	case catalog.StaysDown:
		return &r.StaysDown
	case catalog.NotWatched:
		return &r.NotWatched
	default:
		return &r.NotJudged
	}
}

// Distribution is how a measure was distributed over the runs. Mean, Min and Max are exact, the quantiles to 0.1 % (an
// HdrHistogram of three significant digits).
type Distribution struct {
	Count int64 `json:"count"`
	// Sum is whole, so that sums of parts add up exactly: of durations it is in microseconds, where all else is
	// milliseconds. It, and the mean with it, stops growing at 2⁶³−1, which is 292,000 years.
	Sum  int64   `json:"sum"`
	Mean float64 `json:"mean"`
	Min  float64 `json:"min"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	Max  float64 `json:"max"`
	// Buckets are the histogram: the lower end of each bucket that is not empty, and how many are in it.
	Buckets []Bucket `json:"buckets"`
}

// Bucket is one bucket of a histogram.
type Bucket struct {
	Value float64 `json:"value"`
	Count int64   `json:"count"`
}

// NodeLoad is the attempts of one node in a run.
type NodeLoad struct {
	Name     string       `json:"name"`
	Attempts Distribution `json:"attempts"`
}

// Dependency is the load on one dependency.
type Dependency struct {
	Place string       `json:"place"`
	Calls Distribution `json:"calls"` // in a run
	// Units is how many calls it would have been without retries, failover or probes; Factor is calls / units,
	// PerRecord calls / collected records, both 0 where there are none.
	Units     int64   `json:"units"`
	Factor    float64 `json:"factor"`
	PerRecord float64 `json:"per_record"`
}

// CampaignBreaker is one circuit breaker.
type CampaignBreaker struct {
	Name string `json:"name"`
	// Armed is in how many runs it was in the path, Calls went through it in them.
	Armed  int64 `json:"armed"`
	Calls  int64 `json:"calls"`
	Opened Tally `json:"opened"`
	// Rejected counts the calls that it turned away.
	Rejected int64 `json:"rejected"`
	// CallsBeforeOpen is how many calls a run made until the breaker first opened, over the runs in which it did.
	CallsBeforeOpen Distribution `json:"calls_before_open"`
}

// CampaignLedger says where all rows of all runs ended. Shares are of the collected ones; they have no interval,
// because the records of one run share its fate.
type CampaignLedger struct {
	Collected   int64 `json:"collected"`
	FromSource  int64 `json:"from_source"`
	FromCache   int64 `json:"from_cache"`
	FromDefault int64 `json:"from_default"`
	Delivered   int64 `json:"delivered"`
	// DeliveredFromSource and DeliveredCopies are the two parts of Delivered, as in the ledger of a run.
	DeliveredFromSource int64 `json:"delivered_from_source"`
	DeliveredCopies     int64 `json:"delivered_copies"`
	DeadLettered        int64 `json:"dead_lettered"`
	Spooled             int64 `json:"spooled"`
	Lost                int64 `json:"lost"`

	DeliveredShare float64 `json:"delivered_share"`
	// SourceShare is DeliveredFromSource of those that the source gave; 0 of none.
	SourceShare       float64 `json:"delivered_from_source_share"`
	DeadLetteredShare float64 `json:"dead_lettered_share"`
	SpooledShare      float64 `json:"spooled_share"`
}

// CampaignErrors counts every error, also the handled ones.
type CampaignErrors struct {
	Total   int64 `json:"total"`
	Handled int64 `json:"handled"`
	// Degradation are the errors of this class that are no calls which an open breaker rejected.
	Degradation Tally            `json:"degradation_but_rejected"`
	ByClass     map[string]Tally `json:"by_class"`
}

// CampaignPattern is a pattern: how often it was seen at work, and in how many runs.
type CampaignPattern struct {
	Name string `json:"name"`
	// Armed is in how many runs it was in place, needed or not.
	Armed        int64 `json:"armed"`
	Demonstrated Tally `json:"demonstrated"`
}

// CampaignFault is one fault, what was configured and what was observed.
type CampaignFault struct {
	// Fault is the fault as --fault takes it; place and kinds alone where its probability differs from seed to seed.
	Fault      string           `json:"fault"`
	Place      string           `json:"place"`
	Class      errhandler.Class `json:"class"`
	Declared   bool             `json:"declared"`
	MayNotFire bool             `json:"may_not_fire"`
	// Expected is how many hits its probability makes likely, Configured that probability, averaged over the calls that
	// came by it. Both are 0 for a fault that is not decided by chance alone.
	Expected   float64 `json:"expected"`
	Configured float64 `json:"configured"`
	// Observed is the share of hits among the calls that came by.
	Observed Share `json:"observed"`
}

// ProvesNothing is that of Fault, over all runs.
func (f *CampaignFault) ProvesNothing() bool {
	return f.Declared && f.Observed.Count == 0 && !f.MayNotFire
}

// SeedRun is one run of a campaign.
type SeedRun struct {
	Seed       uint64          `json:"seed"`
	Verdict    catalog.Verdict `json:"verdict"`
	DurationMS float64         `json:"duration_ms"`
	Collected  int64           `json:"collected"`
	Delivered  int64           `json:"delivered"`
	// Copies is how many of the delivered records are of the cache or default data.
	Copies       int64 `json:"delivered_copies"`
	DeadLettered int64 `json:"dead_lettered"`
	Spooled      int64 `json:"spooled"`
	// Finding is the code of the first finding that is as bad as the verdict, "" without one.
	Finding catalog.FindingCode `json:"finding"`
	// Repeat is the command that shows the run.
	Repeat string `json:"repeat"`
}

// CampaignExpectation is an expectation of the scenario, judged run by run.
type CampaignExpectation struct {
	Condition string `json:"condition"`
	// Share is of the runs in which it was about something that ran, those in which it held.
	Share
	// Inconclusive counts the runs in which it showed nothing.
	Inconclusive int64 `json:"inconclusive"`
	// Failing are the runs in which it did not hold, the first MaxSeedRuns of them by seed.
	Failing []FailingRun `json:"failing"`
}

// FailingRun is a run in which an expectation did not hold, and the command that shows it.
type FailingRun struct {
	Seed   uint64 `json:"seed"`
	Repeat string `json:"repeat"`
}

// CampaignViolations are the runs that broke what every run must keep, each a defect of this program.
type CampaignViolations struct {
	Count int64 `json:"count"`
	// List holds the first MaxViolations of them, by seed.
	List []Violation `json:"list"`
}

// Violation is what one run broke.
type Violation struct {
	Seed    uint64 `json:"seed"`
	Problem string `json:"problem"`
	Repeat  string `json:"repeat"`
}

func (c *Campaign) head() (schema, hash *string) { return &c.Schema, &c.Hash }

// Seal computes Hash, as that of a Report.
func (c *Campaign) Seal() error { return seal(c, &c.Hash) }

// WriteCampaign seals c and writes it as WriteJSON does a report.
func WriteCampaign(w io.Writer, c *Campaign) error { return write(w, c, &c.Hash) }

// ReadCampaign reads what WriteCampaign wrote, as Parse does: a *SchemaError for another schema, the campaign
// together with ErrHash if its hash does not match, ErrSize if it is too large.
func ReadCampaign(rd io.Reader) (*Campaign, error) {
	text, err := readAll(rd)
	if err != nil {
		return nil, err
	}
	found, err := schemaOf(text)
	if err != nil {
		return nil, err
	}
	return parseSealed(found, CampaignSchema, text, (*Campaign).head)
}

// Check is a condition over a campaign and what it came to: TestPassed, TestFailed, or TestInconclusive with the
// reasons why it shows nothing. Values are what its parts came to.
type Check struct {
	Condition string
	Status    TestStatus
	Reasons   []string
	Values    []TestValue
}
