package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"mobula/cluster/doctor"
	"mobula/interp/toolchain"
)

// doctorCommand is  mobula doctor.
func doctorCommand() *cobra.Command {
	var c clusterFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "look for what is wrong with this machine and its cluster",
		Long: `Look for what is wrong with this machine and its cluster: memory, /dev/shm, folders, the Go toolchain,
credentials, ports, clock, versions, nodes, and what waits in vain. Each finding says what to do. Without a
cluster it looks at the machine alone, and with --address at the port of that head and the token, too.
The exit code is 1 where there is a problem.`,
		Example: `  mobula doctor
  mobula doctor --address 10.0.0.1:10001 --token user-token
  mobula doctor -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.examine(cmd.Context(), cmd.OutOrStdout()) },
	}
	c.register(cmd)
	return cmd
}

func (c *clusterFlags) examine(ctx context.Context, out io.Writer) error {
	c.fromEnvironment()
	conf := doctor.Config{Version: version, Go: toolchain.GoVersion}
	switch {
	case c.address == "":
		if n, err := nearestNode(ctx); err == nil {
			conf.Socket = n.Address
		}
	case c.local():
		conf.Socket = c.address
	default:
		conf.Head, conf.Token = withPort(c.address), c.token
		if _, err := c.userToken(); err != nil {
			return err
		}
	}
	found := doctor.Examine(ctx, conf)
	if c.output == asJSON {
		if err := writeJSON(out, found); err != nil {
			return err
		}
	} else if _, err := fmt.Fprint(out, doctor.Text(found)); err != nil {
		return err
	}
	if slices.ContainsFunc(found, func(f doctor.Finding) bool { return f.Grade == doctor.Problem }) {
		return exitError{1}
	}
	return nil
}
