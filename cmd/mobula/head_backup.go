package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
)

// headBackupCommand is  mobula head backup FILE.
func headBackupCommand() *cobra.Command {
	var c clusterFlags
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "write what the heads know to a file",
		Long: `Write what the heads know to a file: nodes, jobs, placement groups, named actors, keys, users and tokens,
and the cluster's certificate authority with its key: keep it as secret as a head's directory. The files
of jobs are not in it. A head that is started with --restore FILE and a new --dir goes on from there.`,
		Example: `  mobula head backup cluster.backup
  mobula start --head --dir new-head --restore cluster.backup`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return misuse("name the file that the backup is written to")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.backUp(cmd.Context(), cmd.OutOrStdout(), args[0])
		},
	}
	c.registerAddress(cmd)
	return cmd
}

func (c *clusterFlags) backUp(ctx context.Context, out io.Writer, name string) error {
	client, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	ref, err := headclient.AskWithin(ctx, connectTime, client, headwire.MakeBackup, headwire.None{})
	if err != nil {
		return fmt.Errorf("make a backup: %w", err)
	}
	part := name + ".part" // an older backup of the name stays until all of the new one has come
	f, err := os.OpenFile(part, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(headclient.FetchFile(ctx, client, ref, f), f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("make a backup: %w", err), os.Remove(part))
	}
	if err := os.Rename(part, name); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s holds what the heads know, and the key of the cluster's certificate authority: keep it secret.\n", name)
	return err
}
