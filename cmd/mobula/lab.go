package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"mobula/interp/toolchain"
	"mobula/kernel/lab"
)

// labCommand is  mobula lab.
func labCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "lab [--dir DIR] [-- ARGUMENT...]",
		Short: "open JupyterLab with the kernel in it",
		Long: `Open JupyterLab with this kernel in it, on a folder with the notebooks that teach it; files that are
there already are left as they are. JupyterLab is the one beside mobula or on PATH; where there is
none (or one before 4.0), it is installed into a Python environment in mobula's cache, once. Neither
your own environments nor your Jupyter settings are changed. What follows -- is for JupyterLab.`,
		Example: `  mobula lab
  mobula lab --dir ~/flights
  mobula lab -- --no-browser --port 9000`,
		Args: func(cmd *cobra.Command, args []string) error {
			if n := cmd.ArgsLenAtDash(); len(args) > 0 && n != 0 {
				return misuse("unexpected argument %q (a folder is given with --dir, arguments of JupyterLab follow --)", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			binary, err := executable()
			if err != nil {
				return err
			}
			cache, err := toolchain.CacheDir()
			if err != nil {
				return err
			}
			if err := prepareLater(binary); err != nil {
				cmd.PrintErrf("The session host is not being built in the background (%v); the first cell will do it.\n", err)
			}
			return lab.Open(cmd.Context(), lab.Config{Binary: binary, Cache: filepath.Join(cache, "lab"), Dir: dir, Args: args, Out: cmd.OutOrStdout()})
		},
	}
	textFlag(cmd, &dir, "dir", "DIR", "folder that JupyterLab shows (default mobula-notebooks in the home folder)")
	completeFlag(cmd, "dir", completeDirs)
	return cmd
}
