package main

import (
	"github.com/spf13/cobra"

	"mobula/notebook"
)

// notebookParametersCommand is  mobula notebook parameters.
func notebookParametersCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "parameters FILE",
		Short: "list the parameters of a notebook",
		Long: `List the parameters of a notebook: what the cell tagged parameters declares, with types, defaults, and
the comments behind them.`,
		Example: `  mobula notebook parameters train.ipynb
  mobula notebook parameters train.ipynb -o json`,
		ValidArgsFunction: completeNotebook,
		Args:              func(_ *cobra.Command, args []string) error { return oneNotebook(args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			nb, err := notebook.ReadFile(args[0])
			if err != nil {
				return err
			}
			found, err := nb.Parameters()
			if err != nil {
				return err
			}
			return showParameters(cmd, found, output)
		},
	}
	outputFlag(cmd, &output)
	return cmd
}

// parameter is one in JSON.
type parameter struct {
	Name    string `json:"name"`
	Type    string `json:"type"` // "" where only a run finds it
	Default string `json:"default"`
	Help    string `json:"help"`
	Const   bool   `json:"const,omitempty"`
}

func showParameters(cmd *cobra.Command, found []notebook.Parameter, output string) error {
	t := &table{columns: []string{"NAME", "TYPE", "DEFAULT", "HELP"}}
	for _, p := range found {
		t.add(parameter{p.Name, p.Type, p.Default, p.Help, p.Const}, p.Name, p.Type, p.Default, p.Help)
	}
	return t.write(cmd.OutOrStdout(), output, 0)
}
