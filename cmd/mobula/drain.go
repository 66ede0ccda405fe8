package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/cluster/inspect"
	"mobula/cluster/sched"
)

// drainCommand is  mobula drain ...
func drainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "drain",
		Short: "have a node give up its work, before its machine goes away",
		Long: `Have a node give up its work, before its machine goes away. It takes no new tasks, actors and jobs, and
what runs there goes on to its end.`,
		Example: "  mobula drain node worker-3",
	}
	cmd.AddCommand(drainNodeCommand())
	return cmd
}

// drainNodeCommand is  mobula drain node NODE.
func drainNodeCommand() *cobra.Command {
	var c clusterFlags
	o := struct {
		reason  string
		timeout time.Duration
	}{}
	cmd := &cobra.Command{
		Use:   "node NODE",
		Short: "have a node take no new work, and wait until it is idle",
		Long: `Have a node take no new work, and wait until what runs there with resources has ended. It is named by its
name, or its id, as  mobula list nodes  shows them. Then it can be stopped: actors that it has end with
it, and those with restarts begin anew elsewhere; results that only it has are made again where they are
needed. A node that is drained takes work again when it is started anew.`,
		Example: `  mobula drain node worker-3
  mobula drain node 1a2b3c4d --timeout 10m --reason upgrade`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return misuse("name one node by its name or id, as  mobula list nodes  shows it")
			}
			return nil
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begin string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return c.completeThings(cmd.Context(), kinds["nodes"], begin)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if o.timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("it was waited for %v", o.timeout))
				defer cancel()
			}
			return c.drainNode(ctx, cmd.OutOrStdout(), args[0], o.reason)
		},
	}
	c.registerAddress(cmd)
	textFlag(cmd, &o.reason, "reason", "TEXT", "why, for lists (default asked for)")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 0, "how long to wait; 0: as long as it takes")
	noCompletion(cmd, "reason", "timeout")
	return cmd
}

func (c *clusterFlags) drainNode(ctx context.Context, out io.Writer, name, reason string) error {
	client, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	t, err := kinds["nodes"].list(ctx, client, time.Now())
	if err != nil {
		return err
	}
	t.rows = t.rowsWhere(func(r row) bool { n, ok := r.thing.(inspect.Node); return ok && n.State != sched.Dead.String() })
	if err := t.pick("mobula list nodes", name); err != nil {
		return err
	}
	node := t.rows[0].thing.(inspect.Node) // as above
	err = headclient.Drain(ctx, client, node.ID, reason, func(n headwire.NodeInfo) {
		fmt.Fprintf(out, "free %v of %v\n", n.Free, n.Total)
	})
	if err != nil {
		return fmt.Errorf("drain node %s: %w", node.Name, err)
	}
	_, err = fmt.Fprintf(out, "Node %s is idle, and takes no new work. Stop it with  mobula stop  there.\n", oneLine(node.Name))
	return err
}
