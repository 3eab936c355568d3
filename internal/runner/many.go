package runner

import (
	"context"
	"iter"

	"faultflow/internal/report"
)

// Many makes a virtual run of s with each of the seeds, in their order, and shows its report to visit. The report has no
// timeline, no list of cycles and no hash, and may be overwritten once visit has returned. An error of visit ends it and
// is returned, and so is the cancellation of ctx, after the run under way. s.Seed and s.Virtual are not used; s must be
// valid and have no input. Many is safe for concurrent use.
func Many(ctx context.Context, s Settings, seeds iter.Seq[uint64], visit func(*report.Report) error) error {
	s.Virtual = true
	for seed := range seeds {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.Seed = seed
		rep, err := Run(context.WithoutCancel(ctx), s, World{})
		if err != nil {
			return err
		}
		rep.Timeline, rep.Cycles.List = report.Timeline{}, nil
		if err := visit(rep); err != nil {
			return err
		}
	}
	return nil
}
