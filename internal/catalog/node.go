package catalog

import (
	"fmt"
	"slices"
	"strings"

	"faultflow/internal/suggest"
	"faultflow/internal/workflow"
)

// Node is a node of the graph.
type Node string

// The nodes. The last three are those of the recovery graph.
const (
	Collector         Node = "collector"
	Processor         Node = "processor"
	Delivery          Node = "delivery"
	ErrorHandler      Node = "errorhandler"
	FallbackData      Node = "fallback_data"
	PartialProcessing Node = "partial_processing"
	AlternateDelivery Node = "alternate_delivery"
)

// Nodes lists the nodes in the order of the pipeline.
func Nodes() []Node {
	return append(append(GuardedNodes(), ErrorHandler), RecoveryNodes()...)
}

// GuardedNodes are those that call dependencies and so have policies.
func GuardedNodes() []Node { return []Node{Collector, Processor, Delivery} }

// RecoveryNodes are those that only the recovery graph has.
func RecoveryNodes() []Node { return []Node{FallbackData, PartialProcessing, AlternateDelivery} }

// The actions by which a node goes on to the next one.
const (
	ActionSuccess        workflow.Action = "success"
	ActionCircuitOpen    workflow.Action = "circuit_open"
	ActionRetryExhausted workflow.Action = "retry_exhausted"
	ActionDeliveryFailed workflow.Action = "delivery_failed"
	ActionDone           workflow.Action = "done"
)

// Actions lists the actions.
func Actions() []workflow.Action {
	return []workflow.Action{
		ActionSuccess, ActionCircuitOpen, ActionRetryExhausted, ActionDeliveryFailed, ActionDone,
	}
}

// Hooks lists the hooks of nodes that reports count.
func Hooks() []string {
	return []string{
		string(workflow.PhaseBeforePrep), string(workflow.PhaseAfterExec), workflow.HookOnError, workflow.HookFallback,
	}
}

// Place is an injection point: a call of a node to a dependency. Where a node itself is meant, such as by a retry of
// the whole node, its name stands for a place.
type Place string

// The places. A channel's is ChannelPlace of its name.
const (
	PlaceHealth Place = "collector.health"
	PlaceFetch  Place = "collector.fetch"
	PlaceBatch  Place = "processor.batch"
	PlaceRecord Place = "processor.record"
	PlaceSpool  Place = "delivery.spool"
)

// SpoolName is what no channel can be called.
const SpoolName = "spool"

// ChannelPlace is the injection point of a channel, such as delivery.primary.
func ChannelPlace(channel string) Place { return Place(string(Delivery) + "." + channel) }

// Node is the node that makes the call.
func (p Place) Node() Node {
	node, _, _ := strings.Cut(string(p), ".")
	return Node(node)
}

// Channel is the channel whose place p is; false for a place that is no channel's.
func (p Place) Channel() (string, bool) {
	name, ok := strings.CutPrefix(string(p), string(Delivery)+".")
	return name, ok && name != "" && p != PlaceSpool
}

// Breaker is how reports and conditions call the breaker around the calls at p: by its node where the node has but one.
func (p Place) Breaker() string {
	if p.Node() == Delivery {
		return string(p)
	}
	return string(p.Node())
}

// Places lists the injection points of a pipeline with the given channels, in the order of the pipeline.
func Places(channels []string) []Place {
	places := []Place{PlaceHealth, PlaceFetch, PlaceBatch, PlaceRecord}
	for _, c := range channels {
		places = append(places, ChannelPlace(c))
	}
	return append(places, PlaceSpool)
}

// CheckPlace returns an error if a pipeline with these channels has no such place.
func CheckPlace(p Place, channels []string) error {
	places := Strings(Places(channels))
	if slices.Contains(places, string(p)) {
		return nil
	}
	return fmt.Errorf("unknown place %q%s; places: %s", p, suggest.Nearest(string(p), places), strings.Join(places, ", "))
}

// DefaultChannels are the channels in the order of failover (docs/original.md).
func DefaultChannels() []string { return []string{"primary", "secondary", "backup"} }
