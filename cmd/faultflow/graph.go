package main

import (
	"strings"

	"github.com/spf13/cobra"

	"faultflow/internal/runner"
	"faultflow/internal/workflow"
)

func newGraphCommand(s *streams) *cobra.Command {
	var recovery bool
	format := "text"
	cmd := &cobra.Command{
		Use:   "graph",
		Short: "Print the pipeline's graph",
		Long:  "Print the graph that the pipeline runs through, as it is built.",
		Example: `  faultflow graph
  faultflow graph --test-recovery --format mermaid`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError("graph takes no argument %q; see faultflow graph --help", args[0])
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error {
			g, err := runner.Graph(recovery)
			if err != nil {
				return err
			}
			text, err := g.Print(format)
			if err != nil {
				return err
			}
			return s.print(text)
		},
	}
	addBool(cmd.Flags(), &recovery, "test-recovery", "the recovery graph")
	addChoice(cmd.Flags(), &format, "format", "FORMAT", workflow.Formats(), strings.Join(workflow.Formats(), ", "))
	return cmd
}
