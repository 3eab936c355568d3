package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"faultflow/internal/campaign"
	"faultflow/internal/report"
)

func newMergeCommand(s *streams) *cobra.Command {
	o := &campaignOutput{}
	cmd := &cobra.Command{
		Use:   "merge PART…",
		Short: "Put the parts of a campaign together",
		Long: `Put the parts that faultflow campaign --shard made together, in any order: the
report is the one of the whole campaign on one machine, to the byte but for its
meta block. Parts that are missing, doubled, damaged or of another campaign are
named and refused.

Exit codes: as those of faultflow campaign.`,
		Example:           `  faultflow merge testdata/parts/1.json testdata/parts/2.json testdata/parts/3.json`,
		ValidArgsFunction: reports,
		RunE:              func(cmd *cobra.Command, args []string) error { return runMerge(cmd.Context(), o, args, s) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	o.addFlags(flags)
	return cmd
}

func runMerge(ctx context.Context, o *campaignOutput, paths []string, s *streams) error {
	if len(paths) == 0 {
		return usageError("name the parts, as faultflow campaign --shard wrote them")
	}
	view, err := o.view(s, paths...)
	if err != nil {
		return err
	}
	defer view.file.discard()
	parts, err := unlessInterrupted(ctx, func() ([]campaign.File, error) { return readParts(paths, s) })
	if err != nil {
		return err
	}
	c, err := campaign.Merge(parts)
	if err != nil {
		fmt.Fprintln(s.err, cleanLines(err.Error()))
		return &exitError{code: exitUsage, message: "the parts do not make a campaign"}
	}
	if err := view.fit(&c.Settings); err != nil {
		return err
	}
	c.Meta = report.Meta{Version: version(), Go: runtime.Version()}
	for _, p := range parts {
		c.Meta.RealMS += math.Round(p.Campaign.Meta.RealMS)
		if c.Meta.StartedAt == "" || p.Campaign.Meta.StartedAt < c.Meta.StartedAt {
			c.Meta.StartedAt = p.Campaign.Meta.StartedAt
		}
	}
	return view.show(c)
}

// readParts reads all parts. It reports every part that is wrong, and fails once for all.
func readParts(paths []string, s *streams) ([]campaign.File, error) {
	var parts []campaign.File
	wrong := 0
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		part, err := campaign.ReadPart(path, f)
		_ = f.Close() // it was only read
		var bad *campaign.PartError
		switch {
		case errors.As(err, &bad):
			fmt.Fprintln(s.err, cleanLines(err.Error()))
			wrong++
			continue
		case err != nil:
			return nil, err
		}
		parts = append(parts, part)
	}
	if wrong > 0 {
		message := fmt.Sprintf("parts that are wrong: %d of %d", wrong, len(paths))
		return nil, &exitError{code: exitUsage, message: message}
	}
	return parts, nil
}
