package report

import "faultflow/internal/catalog"

// DemoSchema names the version of the breaker demonstration's JSON document.
const DemoSchema = "faultflow.demo/v2"

// Demo is what --demo-circuit-breaker showed.
type Demo struct {
	Schema      string  `json:"schema"`
	Seed        uint64  `json:"seed"`
	Clock       string  `json:"clock"`
	FailureRate float64 `json:"failure_rate"` // of the service, until it is repaired
	Failures    int     `json:"breaker_failures"`
	OpenForMS   float64 `json:"breaker_open_for_ms"`
	TrialCalls  int     `json:"breaker_trial_calls"`
	// Closed says that the breaker has opened and closed again.
	Closed      bool         `json:"closed"`
	DurationMS  float64      `json:"duration_ms"`
	Calls       []DemoCall   `json:"calls"`
	Transitions []Transition `json:"transitions"`
}

// DemoCall is one call of the demonstration.
type DemoCall struct {
	Number int     `json:"number"`
	AtMS   float64 `json:"at_ms"`
	// Before and After are the breaker's states.
	Before catalog.BreakerState `json:"before"`
	// Outcome is ok, failed, or rejected: turned away without a call.
	Outcome string               `json:"outcome"`
	After   catalog.BreakerState `json:"after"`
	// Changes are the state changes of this call.
	Changes []Transition `json:"changes"`
	// WaitMS is the pause before the next call.
	WaitMS float64 `json:"wait_ms"`
}
