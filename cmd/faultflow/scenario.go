package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"faultflow/internal/report"
	"faultflow/internal/scenario"
	"faultflow/internal/suggest"
)

func newScenarioCommand(s *streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scenario",
		Short: "Write, check and describe scenario files",
		Example: `  faultflow scenario new outage.yaml
  faultflow scenario check testdata/scenarios
  faultflow scenario schema`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError("unknown command %q%s; commands: new, check, schema",
					args[0], suggest.Nearest(args[0], []string{"new", "check", "schema"}))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newScenarioNew(s), newScenarioCheck(s), newScenarioSchema(s))
	return cmd
}

func newScenarioNew(s *streams) *cobra.Command {
	return &cobra.Command{
		Use:   "new [FILE]",
		Short: "Write a commented scenario to start from",
		Long: `Write a commented scenario to start from, to FILE or to standard output. A file
that exists is not overwritten.`,
		Example: "  faultflow scenario new outage.yaml",
		Args:    atMostOne,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return s.print(scenario.Template("outage"))
			}
			name := strings.TrimSuffix(filepath.Base(args[0]), filepath.Ext(args[0]))
			return writeNew(args[0], scenario.Template(name))
		},
	}
}

func newScenarioCheck(s *streams) *cobra.Command {
	verbose := false
	cmd := &cobra.Command{
		Use:               "check PATH…",
		Short:             "Check scenario files without running them",
		Example:           "  faultflow scenario check testdata/scenarios",
		ValidArgsFunction: scenarios,
		RunE: func(_ *cobra.Command, args []string) error {
			files, err := loadScenarios(args, verbose, s)
			if err != nil {
				return err
			}
			if wrong := files.wrong(); wrong != nil {
				if err := annotate(&report.Tests{Results: files.results}, s); err != nil {
					return err
				}
				return wrong
			}
			return s.print(fmt.Sprintf("well-formed scenarios: %d\n", len(files.scenarios)))
		},
	}
	addLeftOut(cmd.Flags(), &verbose)
	return cmd
}

// addLeftOut adds the flag of commands that look for scenarios in folders.
func addLeftOut(flags *pflag.FlagSet, verbose *bool) {
	addBool(flags, verbose, "verbose", "name the YAML files in folders that are left out, since they are no scenarios")
}

func newScenarioSchema(s *streams) *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of scenario files",
		Long:    "Print the JSON Schema of scenario files, by which editors\ncomplete and check them.",
		Example: "  faultflow scenario schema",
		Args:    atMostOne,
		RunE: func(*cobra.Command, []string) error {
			doc, err := scenario.Schema()
			if err != nil {
				return err
			}
			return s.print(string(doc))
		},
	}
}

func atMostOne(cmd *cobra.Command, args []string) error {
	if len(args) > 1 || len(args) == 1 && !strings.Contains(cmd.Use, "[FILE]") {
		return usageError("%s takes no argument %q; see %[1]s --help", cmd.CommandPath(), args[len(args)-1])
	}
	return nil
}

// print writes a result.
func (s *streams) print(text string) error {
	if _, err := io.WriteString(s.out, text); err != nil {
		return fmt.Errorf("%w to standard output: %w", errWrite, err)
	}
	return nil
}
