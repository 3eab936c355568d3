package report

import "faultflow/internal/catalog"

// Series are counts by bucket of time, of a run with a load; empty of any other run. Each list has an entry for each
// bucket, from the run's start on. A recovery is judged by them alone.
type Series struct {
	// BucketMS is how long a bucket is.
	BucketMS float64 `json:"bucket_ms"`
	// Offered counts the passes that began in the bucket. Ended and Good count those of them that ended by the end of
	// the run, and that were good, in whatever bucket they did: delivered from the source, not a copy.
	Offered []int `json:"offered"`
	Ended   []int `json:"ended"`
	Good    []int `json:"good"`
	// UnderWay counts the passes that had begun and not ended at the bucket's end.
	UnderWay []int `json:"under_way"`
	// Took has, for each bucket of time, how long its passes took that have ended: a histogram whose bins are named by
	// their lower end in milliseconds and are 1/64 of that wide, or a microsecond.
	Took [][]Bucket `json:"took"`
	// Places are the dependencies that were called, in the order of the pipeline.
	Places []PlaceSeries `json:"places"`
}

// PlaceSeries is what came to one dependency, from all clients together.
type PlaceSeries struct {
	Place catalog.Place `json:"place"`
	// Calls reached it, Failed of them failed or timed out; both by the bucket in which they began or failed.
	Calls  []int `json:"calls"`
	Failed []int `json:"failed"`
	// Turned counts the calls that did not reach it, by the kind of event that says why, such as rejected.
	Turned map[catalog.EventKind][]int `json:"turned"`
	// InService and Queued are means over the bucket's time of the calls that were served and that waited, QueuedMax
	// the most that waited at once; of a dependency with a capacity only.
	InService []float64 `json:"in_service,omitempty"`
	Queued    []float64 `json:"queued,omitempty"`
	QueuedMax []int     `json:"queued_max,omitempty"`
	// Abandoned counts the calls that were served although their caller had given up.
	Abandoned []int `json:"abandoned,omitempty"`
}

// Recovery is whether the run came back after what was done to it.
type Recovery struct {
	State catalog.RecoveryState `json:"state"`
	// Triggers are what pushed the run: windows of faults and spikes of load.
	Triggers []Trigger `json:"triggers"`
	// EndMS is when the last trigger ended.
	EndMS float64 `json:"trigger_end_ms"`
	// AfterMS is how long after that the run came back; 0 unless it did.
	AfterMS float64 `json:"after_ms"`
	// Lowest is the lowest share of good passes, over RecoveryHold, from the first trigger on; LowestAtMS is where that
	// stretch begins.
	Lowest     float64 `json:"lowest_share"`
	LowestAtMS float64 `json:"lowest_at_ms"`
	// Sustained names what keeps a run down that stays down.
	Sustained Sustained `json:"sustained_by"`
}

// Trigger is a stretch of time in which a fault was armed, or a load spiked.
type Trigger struct {
	// Spec is the fault or the load as its flag takes it.
	Spec   string  `json:"spec"`
	FromMS float64 `json:"from_ms"`
	ToMS   float64 `json:"to_ms"`
}

// Sustained is the dependency that gets the most calls for a good pass, or for an offered one where none is good, after
// the last trigger; empty unless the run stays down.
type Sustained struct {
	Place catalog.Place `json:"place"`
	// CallsPerPass is calls / offered passes.
	CallsPerPass float64 `json:"calls_per_pass"`
}
