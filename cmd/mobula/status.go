package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mobula/cluster/inspect"
	"mobula/cluster/sched"
)

// clusterStatus is what  mobula status  shows.
type clusterStatus struct {
	inspect.Status
	Socket string `json:"socket,omitempty"` // of the node of this machine that was asked
}

// statusCommand is  mobula status.
func statusCommand() *cobra.Command {
	var c clusterFlags
	cmd := &cobra.Command{
		Use:   "status",
		Short: "show what the cluster has, and what waits",
		Long: `Show what the cluster has, how much of it is in use, and what waits for it, and why. Of a cluster of
this machine the address by which programs connect to it is shown, too.`,
		Example: `  mobula status
  mobula status --address 10.0.0.1:10001 --token user-token`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.showStatus(cmd.Context(), cmd.OutOrStdout()) },
	}
	c.register(cmd)
	return cmd
}

func (c *clusterFlags) showStatus(ctx context.Context, out io.Writer) error {
	client, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	var s clusterStatus
	if c.local() {
		s.Socket = c.address
	}
	if s.Status, err = inspect.GetStatus(ctx, client); err != nil {
		return err
	}
	if c.output == asJSON {
		return writeJSON(out, s)
	}
	return s.write(out, time.Now())
}

func (s *clusterStatus) write(w io.Writer, now time.Time) error {
	name := s.Cluster.ID[:min(8, len(s.Cluster.ID))]
	if s.Cluster.Name != "" {
		name = s.Cluster.Name
	}
	fmt.Fprintf(w, "Cluster %s, made %s ago, mobula %s\n", oneLine(name), since(now, s.Cluster.Created), s.Cluster.Version)
	switch {
	case s.Cluster.Dir != "": // else it is a notebook's or a program's, and ends with it
		fmt.Fprintf(w, "Head at %s, process %d, state in %s\n", s.Cluster.Address, s.Cluster.PID, s.Cluster.Dir)
	default:
		fmt.Fprintf(w, "Head for this machine only, process %d\n", s.Cluster.PID)
	}
	if s.Cluster.Dashboard != "" {
		fmt.Fprintf(w, "Dashboard at %s ; a link that opens it:  mobula dashboard\n", oneLine(s.Cluster.Dashboard))
	}
	if s.Socket != "" {
		fmt.Fprintf(w, "Programs of this machine connect to it with MOBULA_ADDRESS=%s\n", s.Socket)
	}
	s.writeNodes(w)
	total, free := s.Resources()
	t := &table{columns: []string{"RESOURCE", "USED", "TOTAL"}}
	names := total.Names()
	slices.Reverse(names)
	for _, name := range names {
		t.add(nil, name, quantityOf(name, total.Get(name)-free.Get(name)), quantityOf(name, total.Get(name)))
	}
	if err := t.write(w, asTable, 0); err != nil {
		return err
	}
	if len(s.Cluster.Demand) == 0 {
		_, err := fmt.Fprintln(w, "\nNothing waits for resources.")
		return err
	}
	fmt.Fprintln(w, "\nWaiting:")
	for _, d := range s.Cluster.Demand {
		fmt.Fprintf(w, "  %d times %v, of job %s at %s: %s\n", d.Slots, d.Resources, d.Job.Short(), oneLine(d.Node), oneLine(d.Reason))
	}
	return nil
}

// writeNodes counts nodes.
func (s *clusterStatus) writeNodes(w io.Writer) {
	states := s.States()
	var parts []string
	for _, state := range []sched.NodeState{sched.Alive, sched.Suspect, sched.Draining} {
		if n := states[state.String()]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %v", n, state))
		}
	}
	fmt.Fprintf(w, "Nodes: %s\n", cmp.Or(strings.Join(parts, ", "), "none"))
	if n := states[sched.Dead.String()]; n > 0 {
		fmt.Fprintf(w, "Dead nodes, known for a day: %d; see  mobula list nodes\n", n)
	}
	fmt.Fprintln(w)
}
