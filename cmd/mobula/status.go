package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"mobula/cluster/inspect"
	"mobula/cluster/node"
	"mobula/cluster/sched"
)

// clusterStatus is what  mobula status  shows.
type clusterStatus struct {
	inspect.Status
	Socket string `json:"socket,omitempty"` // of the node of this machine that was asked
}

func statusCommand(ctx context.Context, args []string, out io.Writer) error {
	var c clusterFlags
	f := flag.NewFlagSet("status", flag.ContinueOnError)
	c.register(f)
	if err := parse(f, args); err != nil {
		return err
	}
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
	if c.format == "json" {
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
	if err := t.write(w, "table", 0); err != nil {
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

// stopTime bounds how long a node may take to end when it is asked to.
const stopTime = 10 * time.Second

// stopCommand ends the nodes of this user on this machine, without those of notebooks.
func stopCommand(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("stop", flag.ContinueOnError)
	all := f.Bool("all", false, "")
	force := f.Bool("force", false, "")
	if err := parse(f, args); err != nil {
		return err
	}
	stopped, kept := 0, 0
	var failed error
	for _, n := range node.Here() { // they are not asked: one may hang
		switch {
		case n.PID == 0: // it has just ended, or begins
			continue
		case n.Embedded && !*all:
			kept++
			continue
		}
		if err := stopNode(ctx, n, *force); err != nil {
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
