package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"mobula/cluster/node"
)

// stopTime bounds how long a node may take to end when it is asked to.
const stopTime = 10 * time.Second

// stopCommand is  mobula stop.
func stopCommand() *cobra.Command {
	var all, force bool
	cmd := &cobra.Command{
		Use:   "stop",
		Short: "end the nodes that were started on this machine",
		Long: `End the nodes that were started on this machine, with their heads. The clusters that notebooks and
programs have for themselves go on, unless --all is given.`,
		Example: `  mobula stop
  mobula stop --all
  mobula stop --force`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return stopNodes(cmd.Context(), cmd.OutOrStdout(), all, force)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also those of notebooks and programs")
	cmd.Flags().BoolVar(&force, "force", false, "do not ask them: end the processes at once")
	return cmd
}

// stopNodes ends the nodes of this user on this machine.
func stopNodes(ctx context.Context, out io.Writer, all, force bool) error {
	stopped, kept := 0, 0
	var failed error
	for _, n := range node.Here() { // they are not asked: one may hang
		switch {
		case n.PID == 0: // it has just ended, or begins
			continue
		case n.Embedded && !all:
			kept++
			continue
		}
		if err := stopNode(ctx, n, force); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		stopped++
		fmt.Fprintf(out, "Stopped node %s (process %d).\n", n.Name, n.PID)
	}
	if failed != nil {
		return failed
	}
	if stopped == 0 {
		fmt.Fprintln(out, "No node runs that  mobula start  has started.")
	}
	if kept > 0 {
		fmt.Fprintf(out, "%d of notebooks or programs go on; they end with these, or with --all.\n", kept)
	}
	return nil
}

func stopNode(ctx context.Context, n node.Local, force bool) error {
	process, err := os.FindProcess(n.PID)
	if err != nil {
		return err
	}
	guardian := guardOf(n.PID)
	how := os.Signal(syscall.SIGTERM)
	if force {
		how = os.Kill
	}
	if err := process.Signal(how); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop node %s (process %d): %w", n.Name, n.PID, err)
	}
	wake(guardian)
	wake(n.PID)
	deadline := time.NewTimer(stopTime)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	// The process ends after its socket, when its head has closed, too. Of a notebook's or program's node the socket tells: that process may be a zombie.
	for slices.Contains(node.Sockets(), n.Address) || !n.Embedded && exists(n.PID) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-deadline.C:
			return fmt.Errorf("node %s (process %d) has not ended within %v: use  mobula stop --force", n.Name, n.PID, stopTime)
		}
	}
	return nil
}
