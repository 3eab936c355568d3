package nodes

import (
	"context"
	"errors"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/workflow"
)

// ErrorHandler is the central error handler, the end of every cycle. It settles what a failed or interrupted node left
// in flight, so that no record is lost, and judges the outcome.
type ErrorHandler struct{ spool *emergency }

// Actions lists the node's actions.
func (h *ErrorHandler) Actions() []workflow.Action { return []workflow.Action{Done} }

// Prep hands on the state.
func (h *ErrorHandler) Prep(_ context.Context, s *State) (*State, error) { return s, nil }

// Exec settles the records in flight, also after the run was cancelled: then most of them are in flight.
func (h *ErrorHandler) Exec(ctx context.Context, s *State) ([]errhandler.Finding, error) {
	s.Outcome.Cancelled = ctx.Err() != nil
	h.settle(context.WithoutCancel(ctx), s)
	return errhandler.Judge(s.Outcome), nil
}

// OnError settles and judges when this node itself failed, since no node comes after it.
func (h *ErrorHandler) OnError(ctx context.Context, s *State, _ *State, err error) ([]errhandler.Finding, bool) {
	s.Outcome.Errors = append(s.Outcome.Errors, err)
	findings, err := h.Exec(ctx, s)
	return findings, err == nil
}

// Post keeps the findings.
func (h *ErrorHandler) Post(
	_ context.Context, s *State, _ *State, findings []errhandler.Finding,
) (workflow.Action, error) {
	s.Findings = findings
	return Done, nil
}

var errAbandoned = errhandler.As(errhandler.Internal, errors.New("the node that held it failed"))

// settle spools processed records. Unprocessed ones are spooled as they are when the run was interrupted, and given up
// when a node failed with them.
func (h *ErrorHandler) settle(ctx context.Context, s *State) {
	if in := s.inFlight.unadmitted(); in != nil {
		in.validate()
		s.admit(in)
	}
	s.Outcome.Abandoned += s.inFlight.settled(s.Outcome.Cancelled, nodePlace(catalog.ErrorHandler), s.abandoned())
	h.spool.take(ctx, s)
	s.Status = s.deliveryStatus()
}

// abandoned is the error of the node that failed, if one did.
func (s *State) abandoned() error {
	if len(s.Outcome.Errors) > 0 {
		return s.Outcome.Errors[len(s.Outcome.Errors)-1]
	}
	return errAbandoned
}

// recordError keeps the error of a node that the graph routes to the error handler.
func recordError(s *State, err *workflow.NodeError) {
	if !errors.Is(err, context.Canceled) {
		s.Outcome.Errors = append(s.Outcome.Errors, err)
	}
}
