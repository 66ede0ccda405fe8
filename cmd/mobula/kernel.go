package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"mobula/kernel/spec"
)

// kernelCommand is  mobula kernel: with -f the kernel itself, which Jupyter starts.
func kernelCommand() *cobra.Command {
	o := &kernelOptions{}
	cmd := &cobra.Command{
		Use:   "kernel -f FILE",
		Short: "run the kernel, as Jupyter does, or tell Jupyter about it",
		Long: `Run the kernel for one notebook, until its front end shuts it down. Jupyter does this, with the
connection file that it has written. To make Jupyter know the kernel, run  mobula kernel install .`,
		Example: `  mobula kernel install
  mobula kernel -f connection.json --log-level debug`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 0:
				return unknownCommand(cmd, args[0])
			case o.connectionFile == "" && cmd.Flags().NFlag() == 0:
				return misuse("it is started by Jupyter, with -f FILE; to make Jupyter know it, run  mobula kernel install")
			case o.connectionFile == "":
				return misuse("-f needs the path of the connection file that Jupyter wrote")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return o.serve(cmd.Context()) },
	}
	cmd.Flags().VarP(text{&o.connectionFile, "FILE"}, "connection-file", "f", "connection file that Jupyter has written (required)")
	logFlags(cmd, &o.logLevel, &o.logFile)
	cmd.AddCommand(kernelInstallCommand(), kernelUninstallCommand(), kernelPrepareCommand())
	return cmd
}

// logFlags declares the flags of the logs of the kernel and of nodes.
func logFlags(cmd *cobra.Command, level, file *string) {
	textFlag(cmd, level, "log-level", "LEVEL", "what to log: debug, info, warn or error (default $MOBULA_LOG, else warn)")
	textFlag(cmd, file, "log-file", "FILE", "where to log, too, beside standard error (default none)")
	completeFlag(cmd, "log-level", completeLevels)
}

// specPlace says where the kernelspec is.
type specPlace struct {
	user, sys bool
	prefix    string
}

func (p *specPlace) register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.user, "user", false, "for this user, as without any of these flags")
	cmd.Flags().BoolVar(&p.sys, "sys-prefix", false, "for the virtual or conda environment of the python that is found first")
	textFlag(cmd, &p.prefix, "prefix", "DIR", "for the environment in this folder (default none)")
	completeFlag(cmd, "prefix", completeDirs)
}

// check finds what flags say that does not go together.
func (p *specPlace) check(cmd *cobra.Command) error {
	given := 0
	for _, name := range []string{"user", "sys-prefix", "prefix"} {
		if cmd.Flags().Changed(name) {
			given++
		}
	}
	switch {
	case given > 1:
		return misuse("--user, --sys-prefix and --prefix exclude each other")
	case cmd.Flags().Changed("prefix") && p.prefix == "":
		return misuse("--prefix needs a folder")
	}
	return nil
}

// dataDir is Jupyter's folder there.
func (p *specPlace) dataDir(cmd *cobra.Command) (string, error) {
	switch {
	case p.sys:
		dir, how, err := spec.SysPrefix(cmd.Context())
		if err != nil {
			return "", err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "The prefix is %s (from %s).\n", dir, how)
		return spec.PrefixDir(dir)
	case p.prefix != "":
		return spec.PrefixDir(p.prefix)
	}
	return spec.UserDir()
}

// command is a command that does something to the kernelspec.
func (p *specPlace) command(cmd *cobra.Command, do func(dataDir string, out io.Writer) error) *cobra.Command {
	cmd.Args = noArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := p.check(cmd); err != nil {
			return err
		}
		dataDir, err := p.dataDir(cmd)
		if err != nil {
			return err
		}
		return do(dataDir, cmd.OutOrStdout())
	}
	p.register(cmd)
	return cmd
}

// kernelInstallCommand is  mobula kernel install.
func kernelInstallCommand() *cobra.Command {
	place, relocatable := new(specPlace), false
	cmd := place.command(&cobra.Command{
		Use:   "install",
		Short: `tell Jupyter about the kernel "Go (Mobula)"`,
		Long: `Tell Jupyter about the kernel "Go (Mobula)": it will start this binary, where it is now. What the
first cell needs is built in the background.`,
		Example: `  mobula kernel install
  mobula kernel install --sys-prefix     # in an active virtual environment
  mobula kernel install --prefix /opt/jupyter
  mobula kernel install --prefix build/root --relocatable    # for a package: bin/mobula lies beside share/`,
	}, func(dataDir string, out io.Writer) error {
		if relocatable {
			return installRelocatable(dataDir, out)
		}
		return install(dataDir, out)
	})
	cmd.Flags().BoolVar(&relocatable, "relocatable", false, "start bin/mobula of the same prefix, wherever that will be; with --prefix or --sys-prefix")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if relocatable && !place.sys && place.prefix == "" {
			return misuse("--relocatable needs --prefix or --sys-prefix: the kernelspec of a user is in no prefix")
		}
		return nil
	}
	return cmd
}

// kernelUninstallCommand is  mobula kernel uninstall.
func kernelUninstallCommand() *cobra.Command {
	return new(specPlace).command(&cobra.Command{
		Use:   "uninstall",
		Short: "have Jupyter forget the kernel",
		Example: `  mobula kernel uninstall
  mobula kernel uninstall --prefix /opt/jupyter`,
	}, uninstall)
}

// kernelPrepareCommand is  mobula kernel prepare.
func kernelPrepareCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "prepare",
		Short: "build the session host now instead of at the first cell",
		Long: `Build the session host, in which cells run, for the Go toolchain at hand. It is kept, and built again
when mobula or the toolchain has changed: the first cell would wait for that, some seconds.`,
		Example: `  mobula kernel prepare`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			if err := prepareHost(cmd.Context(), func(text string) { fmt.Fprintln(out, text) }); err != nil {
				return fmt.Errorf("build the session host: %w", err)
			}
			_, err := fmt.Fprintln(out, "The session host is built.")
			return err
		},
	}
}
