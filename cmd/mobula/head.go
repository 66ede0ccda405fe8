package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
)

// headCommand is  mobula head ...
func headCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "head",
		Short: "change which machines are heads of a cluster, and back up what they know",
		Long: `Change which machines are heads of a cluster, and back up what they know. With three heads any one may
be lost: the other two go on. A further head is added on its machine, by
mobula start --head --address HOST:PORT --token FILE .`,
		Example: `  mobula list heads
  mobula head remove kq3v5ndx2m7a
  mobula head backup cluster.backup`,
	}
	cmd.AddCommand(headRemoveCommand(), headBackupCommand())
	return cmd
}

// headRemoveCommand is  mobula head remove ID.
func headRemoveCommand() *cobra.Command {
	var c clusterFlags
	cmd := &cobra.Command{
		Use:   "remove ID",
		Short: "take a head from the others, for good",
		Long: `Take a head that does not come back from the others, so that they do not count with it. A head that is
only stopped stays one of them. Before another machine takes the place of one that is lost, remove that.`,
		Example: "  mobula head remove kq3v5ndx2m7a",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return misuse("name one head by its id, as  mobula list heads  shows it")
			}
			return nil
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begin string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return c.completeThings(cmd.Context(), kinds["heads"], begin)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.removeHead(cmd.Context(), cmd.OutOrStdout(), args[0])
		},
	}
	c.registerAddress(cmd)
	return cmd
}

func (c *clusterFlags) removeHead(ctx context.Context, out io.Writer, id string) error {
	client, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	if _, err := headclient.AskWithin(ctx, connectTime, client, headwire.RemoveHead, headwire.HeadRef{ID: id}); err != nil {
		return fmt.Errorf("remove head %s: %w", id, err)
	}
	_, err = fmt.Fprintf(out, "Head %s is none of the cluster's any more. Its process, if it runs, ends with  mobula stop  there.\n", id)
	return err
}
