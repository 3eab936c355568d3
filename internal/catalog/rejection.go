package catalog

// Rejection is one way in which a policy turns a call away without making it. Guards, reports, comparisons and tables
// iterate the list of them.
type Rejection struct {
	// Event tells of each such call.
	Event EventKind
	// Key is the name of their count in a node of a report and among the measures of comparisons.
	Key string
	// Title is the count's name in a narrow column.
	Title string
	// By is what turned them away, in a sentence.
	By string
	// Desired is true where turning calls away is what the policy is for, so that more of it is neither better nor
	// worse.
	Desired bool
}

// Rejections lists the ways, in the order in which they came to reports.
func Rejections() []Rejection { return rejections[:] }

// RejectionCounts counts the calls that were turned away, in the order of Rejections.
type RejectionCounts [len(rejections)]int64

// Index is the place of the kind among Rejections; -1 for an event that tells of no call turned away.
func (k EventKind) Index() int {
	for i := range rejections {
		if rejections[i].Event == k {
			return i
		}
	}
	return -1
}

// Of is the count of one kind; 0 for an event that tells of no call turned away.
func (c RejectionCounts) Of(k EventKind) int64 {
	if i := k.Index(); i >= 0 {
		return c[i]
	}
	return 0
}

var rejections = [...]Rejection{
	{CallRejected, "rejected", "rejected", "an open breaker", true},
	{BulkheadFull, "bulkhead_full", "full", "a full bulkhead", false},
	{RateLimitHit, "rate_limited", "limited", "the rate limit", false},
	{BudgetSpent, "over_budget", "over budget", "a spent retry budget", true},
	{LimitReached, "adaptively_limited", "adaptive", "the adaptive limit", false},
	{Throttled, "throttled", "throttled", "the adaptive throttle", true},
}
