package main

import (
	"github.com/spf13/cobra"

	"mobula/interp/yaegi"
)

// hostCommand is the process in which cells are interpreted; the kernel starts it.
func hostCommand() *cobra.Command {
	var interpreted bool
	cmd := &cobra.Command{
		Use:                   "host --interpreted",
		Short:                 "run cells of a notebook without a Go toolchain, for the kernel",
		Example:               `  mobula host --interpreted`,
		Hidden:                true,
		DisableFlagsInUseLine: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 || !interpreted {
				return misuse("it is started by the kernel, with --interpreted")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return yaegi.Main(cmd.Context()) },
	}
	cmd.Flags().BoolVar(&interpreted, "interpreted", false, "by the interpreter")
	return cmd
}
